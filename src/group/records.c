/* Keys and values of __consumer_offsets, in the versions that Apache Kafka 4.3 writes. Pure. */
#include "group/records.h"

#include "base/mem.h"
#include "group/record_types.h"
#include "wire/messages.h"

void group_records_init(struct group_records *rs) { *rs = (struct group_records){0}; }

void group_records_deinit(struct group_records *rs)
{
    buf_deinit(&rs->bytes);
    mem_free(rs->ends);
    group_records_init(rs);
}

struct group_record group_records_at(const struct group_records *rs, int32_t i)
{
    const struct group_record_ends *e = &rs->ends[i];
    const uint8_t *p = rs->bytes.p;
    size_t from = i ? rs->ends[i - 1].value_end : 0;
    struct group_record r = {{p + from, e->key_end - from}, BYTES_NULL};
    if (!e->is_tombstone) {
        r.value = (struct bytes){p + e->key_end, e->value_end - e->key_end};
    }
    return r;
}

/* One half of a record: its version, then the message. */
static void put(struct group_records *rs, int frame, const struct wire_msg *m, int version,
                const void *msg)
{
    buf_put_be16(&rs->bytes, (uint16_t)frame);
    if (rs->err == OK) {
        rs->err = wire_encode(m, version, msg, &rs->bytes, NULL);
    }
}

static void end_record(struct group_records *rs, size_t key_end, bool is_tombstone)
{
    rs->err = rs->err ? rs->err : rs->bytes.err;
    if (rs->err) {
        rs->bytes.len = rs->count ? rs->ends[rs->count - 1].value_end : 0;
        return;
    }
    if (rs->count == rs->cap) {
        rs->cap = rs->cap ? rs->cap * 2 : 4;
        rs->ends = mem_realloc_array(rs->ends, (size_t)rs->cap, sizeof *rs->ends);
    }
    rs->ends[rs->count++] = (struct group_record_ends){key_end, rs->bytes.len, is_tombstone};
}

static void put_offset_key(struct group_records *rs, const struct group_offset_key *key)
{
    struct offset_commit_key k = {key->group, key->topic, key->part};
    put(rs, GROUP_KEY_OFFSET, wire_group_key(GROUP_KEY_OFFSET), GROUP_KEY_VERSION, &k);
}

static int offset_version(const struct group_offset *v)
{
    return v->expire_ms >= 0 ? GROUP_OFFSET_VERSION_EXPIRING : GROUP_OFFSET_VERSION;
}

void group_records_add_offset(struct group_records *rs, const struct group_offset_key *key,
                              const struct group_offset *v)
{
    struct offset_commit_value value = {
        .offset = v->off,
        .leader_epoch = v->leader_epoch,
        .metadata = v->metadata,
        .commit_timestamp = v->commit_ms,
        .expire_timestamp = v->expire_ms,
        .topic_id = v->topic_id,
    };
    put_offset_key(rs, key);
    size_t key_end = rs->bytes.len;
    int version = offset_version(v);
    put(rs, version, wire_group_value(GROUP_KEY_OFFSET), version, &value);
    end_record(rs, key_end, false);
}

void group_records_drop_offset(struct group_records *rs, const struct group_offset_key *key)
{
    put_offset_key(rs, key);
    end_record(rs, rs->bytes.len, true);
}

static void put_group_key(struct group_records *rs, struct str group)
{
    struct group_metadata_key k = {group};
    put(rs, GROUP_KEY_METADATA, wire_group_key(GROUP_KEY_METADATA), GROUP_KEY_VERSION, &k);
}

void group_records_add_group(struct group_records *rs, struct str group,
                             const struct group_metadata_value *v)
{
    put_group_key(rs, group);
    size_t key_end = rs->bytes.len;
    put(rs, GROUP_METADATA_VERSION, wire_group_value(GROUP_KEY_METADATA), GROUP_METADATA_VERSION,
        v);
    end_record(rs, key_end, false);
}

void group_records_drop_group(struct group_records *rs, struct str group)
{
    put_group_key(rs, group);
    end_record(rs, rs->bytes.len, true);
}
