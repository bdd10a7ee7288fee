/* SyncGroup, Heartbeat, LeaveGroup. Pure. */
#include "group/group_int.h"

enum { SYNC_NAMES_PROTOCOL = 5, LEAVE_HAS_MEMBERS = 3 }; /* versions */

/* --- SyncGroup --- */

static bool is_other(struct str said, struct str is)
{
    return said.p != NULL && is.p != NULL && str_cmp(said, is) != 0;
}

static enum err check_sync(const struct group *g, const struct sync_group_req *m)
{
    enum err e = group_check_member(g, m->member_id, m->group_instance_id);
    if (e) {
        return e;
    }
    if (m->generation_id != g->generation) {
        return ERR_ILLEGAL_GENERATION;
    }
    if (is_other(m->protocol_type, g->protocol_type) || is_other(m->protocol_name, g->protocol)) {
        return ERR_INCONSISTENT_GROUP_PROTOCOL;
    }
    return g->state == GROUP_PREPARING ? ERR_REBALANCE_IN_PROGRESS : OK;
}

/* The leader's word: whom it does not name gets nothing. False without memory. */
static bool take_assignments(struct group_shard *s, struct group *g, const struct sync_group_req *m)
{
    LIST_EACH(&g->order, n, next) {
        struct member *member = LIST_ENTRY(n, struct member, order);
        group_mem_free(s, member->assignment.p);
        member->assignment = BYTES_NULL;
    }
    for (int32_t i = 0; i < m->assignments_count; i++) {
        struct member *member = group_member(g, m->assignments[i].member_id);
        if (member != NULL) {
            group_mem_free(s, member->assignment.p);
            member->assignment = BYTES_NULL;
            if (!group_copy_bytes(s, m->assignments[i].assignment, &member->assignment)) {
                return false;
            }
        }
    }
    return true;
}

static size_t assignments_weight(const struct sync_group_req *m)
{
    size_t bytes = 0;
    for (int32_t i = 0; i < m->assignments_count; i++) {
        bytes += m->assignments[i].assignment.len;
    }
    return bytes;
}

static void sync_leader(struct group_shard *s, struct group *g, const struct sync_group_req *m)
{
    struct write *w = write_new(s, WRITE_ASSIGNMENT, g);
    if (group_is_full(s, assignments_weight(m)) || !take_assignments(s, g, m)) {
        write_free(s, w);
        rebalance_assignment_settled(s, g, ERR_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    put_group_record(s, &w->pub.records, g);
    write_emit(s, w);
}

static void sync_completing(struct group_shard *s, struct member *m, struct group_req *req)
{
    if (m->sync != NULL) {
        req_fail_now(s, m->sync, ERR_REBALANCE_IN_PROGRESS); /* it asked again */
    }
    m->sync = req;
    rebalance_synced(s, m);
    if (m == m->group->leader) {
        sync_leader(s, m->group, req->msg);
    }
}

void handle_sync(struct group_shard *s, struct group_req *req)
{
    const struct sync_group_req *m = req->msg;
    bool is_vague = req->version >= SYNC_NAMES_PROTOCOL &&
                    (m->protocol_type.p == NULL || m->protocol_name.p == NULL);
    struct group *g = group_find(s, m->group_id);
    enum err e = is_vague                               ? ERR_INCONSISTENT_GROUP_PROTOCOL
                 : m->group_id.len == 0                 ? ERR_INVALID_GROUP_ID
                 : g == NULL || g->state == GROUP_EMPTY ? ERR_UNKNOWN_MEMBER_ID
                                                        : check_sync(g, m);
    if (e) {
        req_fail_now(s, req, e);
        return;
    }
    struct member *member = group_member(g, m->member_id);
    if (g->state == GROUP_COMPLETING) {
        sync_completing(s, member, req);
    } else {
        rebalance_synced(s, member);
        sync_answer(s, req, member);
    }
}

/* --- Heartbeat --- */

void handle_heartbeat(struct group_shard *s, struct group_req *req)
{
    const struct heartbeat_req *m = req->msg;
    struct group *g = group_find(s, m->group_id);
    enum err e = m->group_id.len == 0 ? ERR_INVALID_GROUP_ID
                 : g == NULL          ? ERR_UNKNOWN_MEMBER_ID
                                      : group_check_member(g, m->member_id, m->group_instance_id);
    if (!e && m->generation_id != g->generation) {
        e = ERR_ILLEGAL_GENERATION;
    }
    if (!e) {
        member_touch(s, group_member(g, m->member_id));
        e = g->state == GROUP_PREPARING ? ERR_REBALANCE_IN_PROGRESS : OK;
    }
    req_fail_now(s, req, e);
}

/* --- LeaveGroup --- */

/* Takes one out; without an id it is whoever has the instance, which is how an administrator
 * removes static members. */
static enum err leave_one(struct group_shard *s, struct group *g,
                          const struct leave_group_req_member_identity *who)
{
    struct member *m = NULL;
    if (who->member_id.len == 0) {
        m = who->group_instance_id.p ? group_static(g, who->group_instance_id) : NULL;
        if (m == NULL) {
            return ERR_UNKNOWN_MEMBER_ID;
        }
    } else {
        struct pending_member *p = group_pending(g, who->member_id);
        if (p != NULL) {
            pending_free(s, p);
            return OK;
        }
        enum err e = group_check_member(g, who->member_id, who->group_instance_id);
        if (e) {
            return e;
        }
        m = group_member(g, who->member_id);
    }
    member_remove(s, m);
    return OK;
}

static bool leave_all(struct group_shard *s, struct group *g, const struct leave_group_req *m,
                      struct leave_group_resp *r)
{
    bool has_left = false;
    for (int32_t i = 0; i < m->members_count; i++) {
        enum err e = g ? leave_one(s, g, &m->members[i]) : ERR_UNKNOWN_MEMBER_ID;
        r->members[i] = (struct leave_group_resp_member_response){
            m->members[i].member_id, m->members[i].group_instance_id, (int16_t)e};
        has_left = has_left || e == OK;
    }
    return has_left;
}

/* Before version 3 a request is about one member, and so is its error. */
static bool as_one(struct group_req *req)
{
    const struct leave_group_req *m = req->msg;
    struct leave_group_req *one = ARENA_NEW(req->arena, struct leave_group_req);
    struct leave_group_req_member_identity *who =
        ARENA_NEW(req->arena, struct leave_group_req_member_identity);
    if (one == NULL || who == NULL) {
        return false;
    }
    who->member_id = m->member_id;
    *one = (struct leave_group_req){m->group_id, m->member_id, who, 1};
    req->msg = one;
    return true;
}

static void leave(struct group_shard *s, struct group *g, struct group_req *req,
                  struct leave_group_resp *r)
{
    bool has_left = leave_all(s, g, req->msg, r);
    if (has_left && g->state != GROUP_EMPTY) {
        rebalance_or_complete(s, g);
    }
    if (req->version < LEAVE_HAS_MEMBERS) {
        r->error_code = r->members[0].error_code;
        r->members_count = 0;
    }
}

void handle_leave(struct group_shard *s, struct group_req *req)
{
    if (((const struct leave_group_req *)req->msg)->group_id.len == 0) {
        req_fail_now(s, req, ERR_INVALID_GROUP_ID);
        return;
    }
    bool has_room = req->version >= LEAVE_HAS_MEMBERS || as_one(req);
    const struct leave_group_req *m = req->msg;
    struct leave_group_resp *r = has_room ? ARENA_NEW(req->arena, struct leave_group_resp) : NULL;
    if (r != NULL) {
        r->members_count = m->members_count;
        r->members = arena_array(req->arena, (size_t)m->members_count + 1, sizeof *r->members);
    }
    if (r == NULL || r->members == NULL) {
        req_no_room(s, req);
        return;
    }
    req->resp = r;
    bool is_written = !list_is_empty(&s->out->writes);
    leave(s, group_find(s, m->group_id), req, r);
    if (!is_written && !list_is_empty(&s->out->writes)) {
        req_done_after_writes(s, req); /* the last has left: that is written down */
    } else {
        req_done(s, req);
    }
}
