/* Responses: made in the request's arena, of copies, so that they outlive what they tell of. What
 * came with the request is not copied. Pure. */
#include "group/group_int.h"

enum { HAS_NULL_PROTOCOL = 7, HAS_GROUP_ERROR = 2 }; /* versions of JoinGroup, OffsetFetch */

bool keep_str(struct group_req *req, struct str v, struct str *ret)
{
    return arena_copy_str(req->arena, v, ret);
}

bool keep_bytes(struct group_req *req, struct bytes v, struct bytes *ret)
{
    uint8_t *p = arena_alloc(req->arena, v.len + 1);
    if (p == NULL) {
        return false;
    }
    if (v.len > 0) {
        memcpy(p, v.p, v.len);
    }
    *ret = (struct bytes){p, v.len};
    return true;
}

void req_no_room(struct group_shard *s, struct group_req *req)
{
    req->resp = NULL;
    req_done(s, req);
}

/* --- JoinGroup --- */

static struct join_group_resp *join_resp(struct group_req *req, enum err e, struct str member_id)
{
    struct join_group_resp *r = ARENA_NEW(req->arena, struct join_group_resp);
    req->resp = r;
    if (r != NULL) {
        *r = join_group_resp_default;
        r->error_code = (int16_t)e;
        r->protocol_name = req->version >= HAS_NULL_PROTOCOL ? STR_NULL : STR("");
        if (!keep_str(req, member_id, &r->member_id)) {
            req->resp = NULL;
        }
    }
    return req->resp;
}

void join_fail(struct group_shard *s, struct group_req *req, enum err e, struct str member_id)
{
    (void)join_resp(req, e, member_id);
    req_done(s, req);
}

static bool put_members(struct group_req *req, const struct group *g, struct join_group_resp *r)
{
    r->members = arena_array(req->arena, (size_t)group_size(g) + 1, sizeof *r->members);
    if (r->members == NULL) {
        return false;
    }
    LIST_EACH(&g->order, n, next) {
        const struct member *m = LIST_ENTRY(n, struct member, order);
        struct join_group_resp_join_group_response_member *to = &r->members[r->members_count++];
        if (!keep_str(req, m->id, &to->member_id) ||
            !keep_str(req, m->instance, &to->group_instance_id) ||
            !keep_bytes(req, member_metadata(m, g->protocol), &to->metadata)) {
            return false;
        }
    }
    return true;
}

bool join_fill(struct group_req *req, const struct member *m, struct str leader, bool has_members)
{
    const struct group *g = m->group;
    struct join_group_resp *r = join_resp(req, OK, m->id);
    if (r == NULL) {
        return false;
    }
    r->generation_id = g->generation;
    bool has_room = keep_str(req, g->protocol_type, &r->protocol_type) &&
                    keep_str(req, g->protocol, &r->protocol_name) &&
                    keep_str(req, leader, &r->leader) && (!has_members || put_members(req, g, r));
    req->resp = has_room ? r : NULL;
    return has_room;
}

void join_answer(struct group_shard *s, struct member *m)
{
    struct group_req *req = m->join;
    m->join = NULL;
    m->group->joined_count--;
    (void)join_fill(req, m, m->group->leader->id, m == m->group->leader);
    req_done(s, req);
}

/* --- SyncGroup --- */

void sync_answer(struct group_shard *s, struct group_req *req, const struct member *m)
{
    struct sync_group_resp *r = ARENA_NEW(req->arena, struct sync_group_resp);
    req->resp = r;
    if (r != NULL) {
        *r = sync_group_resp_default;
        if (!keep_str(req, m->group->protocol_type, &r->protocol_type) ||
            !keep_str(req, m->group->protocol, &r->protocol_name) ||
            !keep_bytes(req, m->assignment, &r->assignment)) {
            req->resp = NULL;
        }
    }
    req_done(s, req);
}

/* --- whole requests that fail --- */

#define FAIL(type, req, e)                                                                         \
    do {                                                                                           \
        struct type *r_ = ARENA_NEW((req)->arena, struct type);                                    \
        (req)->resp = r_;                                                                          \
        if (r_ != NULL) {                                                                          \
            *r_ = type##_default;                                                                  \
            r_->error_code = (int16_t)(e);                                                         \
        }                                                                                          \
    } while (0)

static bool shape_topic(struct group_req *req,
                        const struct offset_commit_req_offset_commit_request_topic *in,
                        struct offset_commit_resp_offset_commit_response_topic *out)
{
    out->name = in->name;
    out->topic_id = in->topic_id;
    out->partitions_count = in->partitions_count;
    out->partitions =
        arena_array(req->arena, (size_t)in->partitions_count + 1, sizeof *out->partitions);
    for (int32_t i = 0; out->partitions != NULL && i < in->partitions_count; i++) {
        out->partitions[i].partition_index = in->partitions[i].partition_index;
    }
    return out->partitions != NULL;
}

struct offset_commit_resp *commit_answer(struct group_req *req)
{
    const struct offset_commit_req *m = req->msg;
    struct offset_commit_resp *r = ARENA_NEW(req->arena, struct offset_commit_resp);
    bool has_room = r != NULL;
    if (has_room) {
        r->topics = arena_array(req->arena, (size_t)m->topics_count + 1, sizeof *r->topics);
        r->topics_count = m->topics_count;
        has_room = r->topics != NULL;
    }
    for (int32_t i = 0; has_room && i < m->topics_count; i++) {
        has_room = shape_topic(req, &m->topics[i], &r->topics[i]);
    }
    return has_room ? r : NULL;
}

static void fail_commit(struct group_req *req, enum err e)
{
    struct offset_commit_resp *r = commit_answer(req);
    for (int32_t i = 0; r != NULL && i < r->topics_count; i++) {
        for (int32_t k = 0; k < r->topics[i].partitions_count; k++) {
            r->topics[i].partitions[k].error_code = (int16_t)e;
        }
    }
    req->resp = r;
}

static bool fail_fetch_topic(struct group_req *req,
                             const struct offset_fetch_req_offset_fetch_request_topics *in,
                             struct offset_fetch_resp_offset_fetch_response_topics *out, enum err e)
{
    out->name = in->name;
    out->topic_id = in->topic_id;
    out->partitions_count = in->partition_indexes_count;
    out->partitions =
        arena_array(req->arena, (size_t)in->partition_indexes_count + 1, sizeof *out->partitions);
    for (int32_t i = 0; out->partitions != NULL && i < in->partition_indexes_count; i++) {
        out->partitions[i] = offset_fetch_resp_offset_fetch_response_partitions_default;
        out->partitions[i].partition_index = in->partition_indexes[i];
        out->partitions[i].committed_offset = -1;
        out->partitions[i].error_code = (int16_t)e;
    }
    return out->partitions != NULL;
}

/* Before version 2 there is no place for the error but with each partition. */
static void fail_fetch(struct group_req *req, enum err e)
{
    const struct offset_fetch_req_offset_fetch_request_group *in =
        ((const struct group_fetch *)req->msg)->group;
    FAIL(offset_fetch_resp_offset_fetch_response_group, req, e);
    struct offset_fetch_resp_offset_fetch_response_group *r = req->resp;
    if (r == NULL) {
        return;
    }
    r->group_id = in->group_id;
    if (req->version >= HAS_GROUP_ERROR || in->topics_count <= 0) {
        return;
    }
    r->topics = arena_array(req->arena, (size_t)in->topics_count, sizeof *r->topics);
    bool has_room = r->topics != NULL;
    for (int32_t i = 0; has_room && i < in->topics_count; i++) {
        has_room = fail_fetch_topic(req, &in->topics[i], &r->topics[i], e);
        r->topics_count++;
    }
    req->resp = has_room ? r : NULL;
}

static void fail_describe(struct group_req *req, enum err e)
{
    FAIL(describe_groups_resp_described_group, req, e);
    if (req->resp != NULL) {
        ((struct describe_groups_resp_described_group *)req->resp)->group_id =
            *(const struct str *)req->msg;
    }
}

static void fail_delete(struct group_req *req, enum err e)
{
    FAIL(delete_groups_resp_deletable_group_result, req, e);
    if (req->resp != NULL) {
        ((struct delete_groups_resp_deletable_group_result *)req->resp)->group_id =
            *(const struct str *)req->msg;
    }
}

void group_req_fail(struct group_req *req, enum err e)
{
    switch (req->op) {
    case GROUP_JOIN:
        (void)join_resp(req, e, ((const struct join_group_req *)req->msg)->member_id);
        break;
    case GROUP_SYNC:
        FAIL(sync_group_resp, req, e);
        break;
    case GROUP_HEARTBEAT:
        FAIL(heartbeat_resp, req, e);
        break;
    case GROUP_LEAVE:
        FAIL(leave_group_resp, req, e);
        break;
    case GROUP_COMMIT:
        fail_commit(req, e);
        break;
    case GROUP_DELETE_OFFSETS:
        FAIL(offset_delete_resp, req, e);
        break;
    case GROUP_FETCH:
        fail_fetch(req, e);
        break;
    case GROUP_DESCRIBE:
        fail_describe(req, e);
        break;
    case GROUP_LIST:
        FAIL(list_groups_resp, req, e);
        break;
    case GROUP_DELETE:
        fail_delete(req, e);
        break;
    }
}

void req_fail_now(struct group_shard *s, struct group_req *req, enum err e)
{
    group_req_fail(req, e);
    req_done(s, req);
}
