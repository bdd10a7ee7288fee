/* Records change hard state, here and nowhere else. While the log is loaded a group's record makes
 * the group anew; of a shard's own record, later, only its trace is kept: the members are there
 * already, and ahead of it. Pure. */
#include "base/endian.h"
#include "group/group_int.h"
#include "group/record_types.h"

enum { FRAME_BYTES = 2, HASH_SEED = 1 };

static enum err unframe(struct bytes in, int *ret_frame, struct bytes *ret_body)
{
    if (in.len < FRAME_BYTES) {
        return ERR_MALFORMED;
    }
    *ret_frame = (int16_t)be16_get(in.p);
    *ret_body = (struct bytes){in.p + FRAME_BYTES, in.len - FRAME_BYTES};
    return OK;
}

/* A value: its version, then the message; it may not be longer. */
static enum err decode_value(struct group_shard *s, int type, struct bytes in, void *msg)
{
    int version;
    struct bytes body;
    const struct wire_msg *m = wire_group_value(type);
    enum err e = unframe(in, &version, &body);
    if (!e) {
        e = version < wire_min_version(m) || version > wire_max_version(m)
                ? ERR_MALFORMED
                : wire_decode(m, version, body, &s->scratch, msg, NULL);
    }
    return e == ERR_BUDGET ? ERR_NO_MEMORY : e;
}

/* --- offsets --- */

static enum err replay_offset(struct group_shard *s, struct bytes key_body,
                              const struct group_replay *r)
{
    struct offset_commit_key k;
    struct offset_commit_value v;
    enum err e = wire_decode(wire_group_key(GROUP_KEY_OFFSET), GROUP_KEY_VERSION, key_body,
                             &s->scratch, &k, NULL);
    if (e) {
        return e;
    }
    struct group_offset_key key = {k.group, k.topic, k.partition};
    if (r->record.value.p == NULL) {
        offset_unset(s, &key);
        return OK;
    }
    e = decode_value(s, GROUP_KEY_OFFSET, r->record.value, &v);
    if (e) {
        return e;
    }
    struct group_offset o = {v.offset,           v.leader_epoch, v.metadata, v.commit_timestamp,
                             v.expire_timestamp, v.topic_id,     r->off};
    return r->producer_id >= 0 ? pending_offset_add(s, &key, r, &o) : offset_set(s, &key, &o);
}

/* --- groups --- */

static enum err load_member(struct group_shard *s, struct group *g,
                            const struct group_metadata_value_member_metadata *m)
{
    if (group_member(g, m->member_id) != NULL ||
        (m->group_instance_id.p != NULL && group_static(g, m->group_instance_id) != NULL)) {
        return ERR_MALFORMED;
    }
    struct member_args a = {
        .id = m->member_id,
        .instance = m->group_instance_id,
        .client_id = m->client_id,
        .client_host = m->client_host,
        .session_ms = m->session_timeout,
        .rebalance_ms = m->rebalance_timeout == -1 ? m->session_timeout : m->rebalance_timeout,
        .protocols = protocols_one(s, g->protocol, m->subscription),
    };
    struct member *made = a.protocols ? member_new(s, g, &a) : NULL;
    return made && group_copy_bytes(s, m->assignment, &made->assignment) ? OK : ERR_NO_MEMORY;
}

static enum err load_members(struct group_shard *s, struct group *g,
                             const struct group_metadata_value *v)
{
    enum err e = v->members_count > 0 && v->protocol.p == NULL ? ERR_MALFORMED : OK;
    for (int32_t i = 0; !e && i < v->members_count; i++) {
        e = load_member(s, g, &v->members[i]);
    }
    struct member *leader = !e && v->leader.p ? group_member(g, v->leader) : NULL;
    g->leader = leader ? leader : g->leader;
    return e;
}

/* Apart from the shard, so that a record that cannot be understood changes nothing. */
static enum err load_group(struct group_shard *s, struct str name,
                           const struct group_metadata_value *v, struct group **ret_group)
{
    struct group *g = group_make(s, name);
    if (g == NULL) {
        return ERR_NO_MEMORY;
    }
    g->generation = v->generation;
    g->state_ms = v->current_state_timestamp;
    g->state = v->members_count > 0 ? GROUP_STABLE : GROUP_EMPTY;
    bool has_memory =
        group_set_text(s, &g->protocol, v->protocol) &&
        (v->protocol_type.len == 0 || group_set_text(s, &g->protocol_type, v->protocol_type));
    enum err e = has_memory ? load_members(s, g, v) : ERR_NO_MEMORY;
    if (e) {
        group_discard(s, g);
        return e;
    }
    group_learn_topics(s, g);
    *ret_group = g;
    return OK;
}

/* g takes the place of the group of its name, and the offsets. */
static void put_in_place(struct group_shard *s, struct group *g)
{
    struct group *old = group_find(s, g->name);
    if (old != NULL) {
        g->offsets = old->offsets;
        map_init(&old->offsets);
        group_free(s, old);
    }
    group_insert(s, g);
}

/* The members go; offsets keep a simple group alive. */
static enum err drop_group(struct group_shard *s, struct str name)
{
    struct group *g = group_find(s, name);
    if (g == NULL) {
        return OK;
    }
    if (s->is_live && g->state != GROUP_EMPTY) {
        g->has_record = false; /* somebody has joined since; the next record brings it back */
        return OK;
    }
    if (g->offsets.count == 0) {
        group_free(s, g);
        return OK;
    }
    struct group *simple = group_make(s, name);
    if (simple == NULL) {
        return ERR_NO_MEMORY;
    }
    put_in_place(s, simple);
    return OK;
}

static enum err replay_metadata(struct group_shard *s, struct str name, struct bytes value)
{
    struct group_metadata_value v;
    struct group *g = group_find(s, name);
    enum err e = decode_value(s, GROUP_KEY_METADATA, value, &v);
    if (!e && (g == NULL || !s->is_live)) {
        e = load_group(s, name, &v, &g);
        if (!e) {
            put_in_place(s, g);
        }
    }
    if (!e) {
        g->has_record = true;
        g->record_hash = str_hash((struct str){(const char *)value.p, value.len}, HASH_SEED);
    }
    return e;
}

static enum err replay_group(struct group_shard *s, struct bytes key_body,
                             const struct group_replay *r)
{
    struct group_metadata_key k;
    enum err e = wire_decode(wire_group_key(GROUP_KEY_METADATA), GROUP_KEY_VERSION, key_body,
                             &s->scratch, &k, NULL);
    if (e) {
        return e;
    }
    return r->record.value.p ? replay_metadata(s, k.group, r->record.value)
                             : drop_group(s, k.group);
}

enum err replay_record(struct group_shard *s, const struct group_replay *r)
{
    int type;
    struct bytes body;
    enum err e = unframe(r->record.key, &type, &body);
    if (e) {
        return e;
    }
    if (type == GROUP_KEY_OFFSET || type == GROUP_KEY_OFFSET_OLD) {
        e = replay_offset(s, body, r);
    } else if (type == GROUP_KEY_METADATA) {
        e = replay_group(s, body, r);
    }
    arena_reset(&s->scratch);
    return e == ERR_BUDGET ? ERR_NO_MEMORY : e;
}

enum err group_shard_replay(struct group_shard *s, const struct group_replay *r)
{
    return replay_record(s, r);
}
