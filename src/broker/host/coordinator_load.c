/* From the log of a partition of __consumer_offsets to a shard. The coordinator's thread. */
#include "base/diag.h"
#include "base/limit.h"
#include "broker/host/coordinator_host.h"
#include "broker/partition.h"
#include "record/control.h"

enum { CHUNK_BYTES = 1 << 20 };

struct load {
    struct partition *part;
    struct group_shard *shard;
    struct buf chunk;
    int64_t next_off;
    int64_t bad_count; /* records that were passed over */
};

static enum err end_txn(struct load *l, const struct batch *b, const struct record *r)
{
    int type;
    if (!control_parse_key(r->key, &type) || (type != CONTROL_COMMIT && type != CONTROL_ABORT)) {
        return OK;
    }
    return group_shard_end_txn(l->shard, b->producer_id, type == CONTROL_COMMIT);
}

static enum err replay_record(struct load *l, const struct batch *b, const struct record *r)
{
    if (r->key.p == NULL) {
        l->bad_count++;
        return OK;
    }
    struct group_replay one = {
        .record = {r->key, r->value},
        .off = r->off,
        .producer_id = batch_is_transactional(b) ? b->producer_id : NO_PRODUCER_ID,
    };
    enum err e = group_shard_replay(l->shard, &one);
    l->bad_count += e == ERR_MALFORMED;
    return e == ERR_MALFORMED ? OK : e;
}

static enum err replay_batch(struct load *l, const struct batch *b)
{
    struct record_walk walk;
    struct record r;
    enum err e = record_walk_init(&walk, b, LIMIT_BATCH_PLAIN_BYTES);
    while (!e && (e = record_walk_next(&walk, &r)) == OK) {
        e = batch_is_control(b) ? end_txn(l, b, &r) : replay_record(l, b, &r);
    }
    record_walk_deinit(&walk);
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err replay_chunk(struct load *l)
{
    struct bytes in = buf_bytes(&l->chunk);
    struct batch b;
    enum err e = OK;
    while (!e && in.len > 0) {
        e = batch_parse(in, &b);
        e = e ? e : batch_check_crc(&b);
        e = e ? e : replay_batch(l, &b);
        if (!e) {
            l->next_off = batch_next_off(&b);
            in.p += b.size_bytes;
            in.len -= b.size_bytes;
        }
    }
    return e;
}

static enum err read_chunk(struct load *l, struct log_pos upto)
{
    struct log_read read = {
        .off = l->next_off, .max_bytes = CHUNK_BYTES, .upto = upto, .min_one_batch = true};
    struct log_extent x;
    int64_t before = l->next_off;
    enum err e = log_read(l->part->log, &read, &x);
    if (e) {
        return e;
    }
    buf_clear(&l->chunk);
    uint8_t *at = buf_extend(&l->chunk, x.len);
    e = at == NULL ? l->chunk.err : log_extent_pread(&x, 0, at, x.len);
    log_extent_done(&x);
    log_extent_release(&x);
    e = e ? e : replay_chunk(l);
    return !e && l->next_off <= before ? ERR_CORRUPT_MESSAGE : e;
}

enum err coordinator_load(struct partition *p, struct group_shard *s)
{
    struct load l = {.part = p, .shard = s, .next_off = log_start_off(p->log)};
    struct log_pos upto = log_end_pos(p->log);
    enum err e = OK;
    while (!e && l.next_off < upto.off) {
        e = read_chunk(&l, upto);
    }
    buf_deinit(&l.chunk);
    if (l.bad_count > 0) {
        diag_warn(DIAG_GROUP, "%.*s-%d: %lld records are not understood and count for nothing",
                  STR_ARG(p->topic_name), p->index, (long long)l.bad_count);
    }
    if (e) {
        diag_error(DIAG_GROUP, "%.*s-%d cannot be loaded at offset %lld: %s",
                   STR_ARG(p->topic_name), p->index, (long long)l.next_off, err_text(e));
    }
    return e;
}
