/* OffsetCommit, OffsetFetch, OffsetDelete. Pure. */
#include "group/group_int.h"
#include "group/names.h"

#include <stdlib.h>

enum { COMMIT_KNOWS_NO_GROUP = 9 }; /* version of OffsetCommit */
enum { NO_OFFSET = -1 };

/* --- OffsetCommit --- */

static enum err check_commit(const struct group *g, const struct offset_commit_req *m, int version)
{
    int32_t generation = m->generation_id_or_member_epoch;
    if (g == NULL) {
        return generation < 0                     ? OK
               : version >= COMMIT_KNOWS_NO_GROUP ? ERR_GROUP_ID_NOT_FOUND
                                                  : ERR_ILLEGAL_GENERATION;
    }
    if (generation < 0 && g->state == GROUP_EMPTY) {
        return OK;
    }
    if (generation < 0 && m->member_id.len == 0 && m->group_instance_id.p == NULL) {
        return ERR_UNKNOWN_MEMBER_ID; /* not while the group has members */
    }
    enum err e = group_check_member(g, m->member_id, m->group_instance_id);
    if (e) {
        return e;
    }
    if (generation != g->generation) {
        return ERR_ILLEGAL_GENERATION;
    }
    return g->state == GROUP_COMPLETING ? ERR_REBALANCE_IN_PROGRESS : OK;
}

static int64_t expire_ms(const struct group_shard *s, int64_t retention_ms)
{
    int64_t ms;
    if (retention_ms == -1) {
        return -1;
    }
    if (__builtin_add_overflow(s->t.wall_ms, retention_ms, &ms)) {
        return retention_ms > 0 ? INT64_MAX : 0;
    }
    return MAX(ms, 0);
}

static enum err commit_one(struct group_shard *s, struct group_records *rs,
                           const struct group_offset_key *key,
                           const struct offset_commit_req_offset_commit_request_partition *p,
                           struct group_offset *v)
{
    if (group_java_length(p->committed_metadata) > (size_t)s->config->offset_metadata_max_bytes) {
        return ERR_OFFSET_METADATA_TOO_LARGE;
    }
    v->off = p->committed_offset;
    v->leader_epoch = p->committed_leader_epoch;
    v->metadata = p->committed_metadata.p ? p->committed_metadata : STR("");
    group_records_add_offset(rs, key, v);
    return OK;
}

static void commit_topic(struct group_shard *s, struct group_req *req, struct group_records *rs,
                         int32_t at)
{
    const struct offset_commit_req *m = req->msg;
    const struct offset_commit_req_offset_commit_request_topic *in = &m->topics[at];
    struct offset_commit_resp_offset_commit_response_topic *out =
        &((struct offset_commit_resp *)req->resp)->topics[at];
    struct group_offset v = {.commit_ms = s->t.wall_ms,
                             .expire_ms = expire_ms(s, m->retention_time_ms),
                             .topic_id = in->topic_id};
    for (int32_t i = 0; i < in->partitions_count; i++) {
        struct group_offset_key key = {m->group_id, in->name, in->partitions[i].partition_index};
        out->partitions[i].error_code = (int16_t)commit_one(s, rs, &key, &in->partitions[i], &v);
    }
}

static bool commit_all(struct group_shard *s, struct group_req *req, struct group_records *rs)
{
    const struct offset_commit_req *m = req->msg;
    req->resp = commit_answer(req);
    for (int32_t i = 0; req->resp != NULL && i < m->topics_count; i++) {
        commit_topic(s, req, rs, i);
    }
    return req->resp != NULL;
}

/* Emits w with the request waiting for it; a write without records is none. */
static void emit_for(struct group_shard *s, struct write *w, struct group_req *req)
{
    if (w->pub.records.count == 0 && w->pub.records.err == OK) {
        write_free(s, w);
        req_done(s, req);
    } else {
        list_push_back(&w->waiting, &req->node);
        write_emit(s, w);
    }
}

/* A commit shows that its member lives. */
static void touch(struct group_shard *s, struct group *g, struct str member_id)
{
    struct member *m = g ? group_member(g, member_id) : NULL;
    if (m != NULL && (g->state == GROUP_STABLE || g->state == GROUP_PREPARING)) {
        member_touch(s, m);
    }
}

void handle_commit(struct group_shard *s, struct group_req *req)
{
    const struct offset_commit_req *m = req->msg;
    struct group *g = group_find(s, m->group_id);
    enum err e = check_commit(g, m, req->version);
    if (!e && group_is_full(s, 0)) {
        e = ERR_COORDINATOR_NOT_AVAILABLE;
    }
    if (e) {
        req_fail_now(s, req, e);
        return;
    }
    touch(s, g, m->member_id);
    struct write *w = write_new(s, WRITE_PLAIN, g);
    if (commit_all(s, req, &w->pub.records)) {
        emit_for(s, w, req);
    } else {
        write_free(s, w);
        req_no_room(s, req);
    }
}

/* --- OffsetFetch --- */

typedef struct offset_fetch_resp_offset_fetch_response_partitions fetched;
typedef struct offset_fetch_resp_offset_fetch_response_topics fetched_topic;

static bool fetch_one(struct group_req *req, const struct offset_entry *e, struct uuid topic_id,
                      fetched *out)
{
    bool is_stable = !((const struct group_fetch *)req->msg)->require_stable;
    *out = offset_fetch_resp_offset_fetch_response_partitions_default;
    out->committed_offset = NO_OFFSET;
    out->metadata = STR("");
    if (e == NULL) {
        return true;
    }
    if (!is_stable && e->open_txns > 0) {
        out->error_code = ERR_UNSTABLE_OFFSET_COMMIT;
        return true;
    }
    bool is_other = !uuid_is_zero(topic_id) && !uuid_is_zero(e->v.topic_id) &&
                    !uuid_eq(topic_id, e->v.topic_id);
    if (!e->is_set || is_other) {
        return true;
    }
    out->committed_offset = e->v.off;
    out->committed_leader_epoch = e->v.leader_epoch;
    return keep_str(req, e->v.metadata, &out->metadata);
}

static bool fetch_topic(struct group_req *req, const struct group *g,
                        const struct offset_fetch_req_offset_fetch_request_topics *in,
                        fetched_topic *out)
{
    out->name = in->name;
    out->topic_id = in->topic_id;
    out->partitions_count = in->partition_indexes_count;
    out->partitions =
        arena_array(req->arena, (size_t)in->partition_indexes_count + 1, sizeof *out->partitions);
    bool has_room = out->partitions != NULL;
    for (int32_t i = 0; has_room && i < in->partition_indexes_count; i++) {
        int32_t part = in->partition_indexes[i];
        const struct offset_entry *e = g ? offset_find(g, in->name, part) : NULL;
        has_room = fetch_one(req, e, in->topic_id, &out->partitions[i]);
        out->partitions[i].partition_index = part;
    }
    return has_room;
}

static int by_part(const void *a, const void *b)
{
    const fetched *x = a, *y = b;
    return (x->partition_index > y->partition_index) - (x->partition_index < y->partition_index);
}

static int by_topic(const void *a, const void *b)
{
    return str_cmp(((const fetched_topic *)a)->name, ((const fetched_topic *)b)->name);
}

static bool fetch_whole_topic(struct group_req *req, const struct offset_topic *t,
                              fetched_topic *out)
{
    out->partitions = arena_array(req->arena, t->parts.count + 1, sizeof *out->partitions);
    bool has_room = out->partitions != NULL && keep_str(req, t->name, &out->name);
    struct map_node *n = map_first(&t->parts);
    for (; has_room && n != NULL; n = map_next(&t->parts, n)) {
        const struct offset_entry *e = MAP_ENTRY(n, struct offset_entry, by_part);
        fetched *to = &out->partitions[out->partitions_count];
        bool is_told = e->is_set || ((const struct group_fetch *)req->msg)->require_stable;
        if (is_told) {
            has_room = fetch_one(req, e, UUID_ZERO, to);
            to->partition_index = e->part;
            out->partitions_count++;
        }
    }
    if (has_room) {
        qsort(out->partitions, (size_t)out->partitions_count, sizeof *out->partitions, by_part);
    }
    return has_room;
}

static bool fetch_everything(struct group_req *req, const struct group *g,
                             struct offset_fetch_resp_offset_fetch_response_group *r)
{
    size_t count = g ? g->offsets.count : 0;
    r->topics = arena_array(req->arena, count + 1, sizeof *r->topics);
    bool has_room = r->topics != NULL;
    struct map_node *n = g ? map_first(&g->offsets) : NULL;
    for (; has_room && n != NULL; n = map_next(&g->offsets, n)) {
        const struct offset_topic *t = MAP_ENTRY(n, struct offset_topic, by_name);
        has_room = fetch_whole_topic(req, t, &r->topics[r->topics_count]);
        r->topics_count += r->topics[r->topics_count].partitions_count > 0;
    }
    if (has_room) {
        qsort(r->topics, (size_t)r->topics_count, sizeof *r->topics, by_topic);
    }
    return has_room;
}

static bool fetch_named(struct group_req *req, const struct group *g,
                        struct offset_fetch_resp_offset_fetch_response_group *r)
{
    const struct offset_fetch_req_offset_fetch_request_group *in =
        ((const struct group_fetch *)req->msg)->group;
    r->topics = arena_array(req->arena, (size_t)in->topics_count + 1, sizeof *r->topics);
    bool has_room = r->topics != NULL;
    for (r->topics_count = 0; has_room && r->topics_count < in->topics_count; r->topics_count++) {
        has_room = fetch_topic(req, g, &in->topics[r->topics_count], &r->topics[r->topics_count]);
    }
    return has_room;
}

void handle_fetch(struct group_shard *s, struct group_req *req)
{
    const struct offset_fetch_req_offset_fetch_request_group *in =
        ((const struct group_fetch *)req->msg)->group;
    const struct group *g = group_find(s, in->group_id);
    struct offset_fetch_resp_offset_fetch_response_group *r =
        ARENA_NEW(req->arena, struct offset_fetch_resp_offset_fetch_response_group);
    bool has_room = r != NULL;
    if (has_room) {
        r->group_id = in->group_id;
        has_room = in->topics_count < 0 ? fetch_everything(req, g, r) : fetch_named(req, g, r);
    }
    req->resp = has_room ? r : NULL;
    req_done_after_writes(s, req);
}

/* --- OffsetDelete --- */

static enum err check_delete(const struct group *g, struct str name)
{
    if (name.len == 0) {
        return ERR_INVALID_GROUP_ID;
    }
    if (g == NULL) {
        return ERR_GROUP_ID_NOT_FOUND;
    }
    return g->state == GROUP_EMPTY || group_is_consumer(g) ? OK : ERR_NON_EMPTY_GROUP;
}

static bool delete_topic(struct group_req *req, const struct group *g, struct group_records *rs,
                         int32_t at)
{
    const struct offset_delete_req_offset_delete_request_topic *in =
        &((const struct offset_delete_req *)req->msg)->topics[at];
    struct offset_delete_resp_offset_delete_response_topic *out =
        &((struct offset_delete_resp *)req->resp)->topics[at];
    bool is_subscribed = group_is_subscribed(g, in->name);
    out->name = in->name;
    out->partitions_count = in->partitions_count;
    out->partitions =
        arena_array(req->arena, (size_t)in->partitions_count + 1, sizeof *out->partitions);
    for (int32_t i = 0; out->partitions != NULL && i < in->partitions_count; i++) {
        struct group_offset_key key = {g->name, in->name, in->partitions[i].partition_index};
        out->partitions[i].partition_index = key.part;
        out->partitions[i].error_code = is_subscribed ? ERR_GROUP_SUBSCRIBED_TO_TOPIC : OK;
        if (!is_subscribed && offset_find(g, in->name, key.part) != NULL) {
            group_records_drop_offset(rs, &key);
        }
    }
    return out->partitions != NULL;
}

void handle_offset_delete(struct group_shard *s, struct group_req *req)
{
    const struct offset_delete_req *m = req->msg;
    const struct group *g = group_find(s, m->group_id);
    enum err e = check_delete(g, m->group_id);
    if (e) {
        req_fail_now(s, req, e);
        return;
    }
    struct offset_delete_resp *r = ARENA_NEW(req->arena, struct offset_delete_resp);
    struct write *w = write_new(s, WRITE_PLAIN, g);
    req->resp = r;
    if (r != NULL) {
        r->topics = arena_array(req->arena, (size_t)m->topics_count + 1, sizeof *r->topics);
    }
    bool has_room = r != NULL && r->topics != NULL;
    for (; has_room && r->topics_count < m->topics_count; r->topics_count++) {
        has_room = delete_topic(req, g, &w->pub.records, r->topics_count);
    }
    if (has_room) {
        emit_for(s, w, req);
    } else {
        write_free(s, w);
        req_no_room(s, req);
    }
}
