/* JoinGroup: new members, members that come again, static members that replace themselves. Pure. */
#include "base/limit.h"
#include "group/group_int.h"

enum {
    NEEDS_MEMBER_ID = 4, /* versions of JoinGroup */
    KNOWS_SKIP_ASSIGNMENT = 9,
    UUID_CHARS = 36,
    MEMBER_ID_TAIL = UUID_CHARS + 1,
};

static const struct join_group_req *msg_of(const struct group_req *req) { return req->msg; }

static int32_t rebalance_ms(const struct group_req *req)
{
    const struct join_group_req *m = msg_of(req);
    return req->version == 0 ? m->session_timeout_ms : m->rebalance_timeout_ms;
}

/* A uuid as Java prints it. */
static void print_uuid(struct uuid u, char ret_text[UUID_CHARS])
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;
    for (size_t i = 0; i < sizeof u.b; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            ret_text[n++] = '-';
        }
        ret_text[n++] = digits[u.b[i] >> 4];
        ret_text[n++] = digits[u.b[i] & 15];
    }
}

/* The instance or the client, a dash, a random uuid; in the request's arena. False: no room. */
static bool make_member_id(struct group_shard *s, struct group_req *req, struct str *ret_id)
{
    struct str instance = msg_of(req)->group_instance_id;
    struct str from = instance.p ? instance : req->client_id;
    size_t len = MIN(from.len, (size_t)LIMIT_WIRE_STRING_BYTES - MEMBER_ID_TAIL);
    char *p = arena_alloc(req->arena, len + MEMBER_ID_TAIL);
    struct uuid u;
    if (p == NULL) {
        return false;
    }
    s->args.random(s->args.ctx, u.b, sizeof u.b);
    u.b[6] = (uint8_t)((u.b[6] & 0x0f) | 0x40);
    u.b[8] = (uint8_t)((u.b[8] & 0x3f) | 0x80);
    memcpy(p, from.p ? from.p : "", len);
    p[len] = '-';
    print_uuid(u, p + len + 1);
    *ret_id = (struct str){p, len + MEMBER_ID_TAIL};
    return true;
}

static size_t weight(const struct group_req *req)
{
    const struct join_group_req *m = msg_of(req);
    size_t bytes = sizeof(struct member) + m->group_id.len + 2 * req->client_id.len;
    for (int32_t i = 0; i < m->protocols_count; i++) {
        bytes += sizeof(struct protocol) + m->protocols[i].name.len + m->protocols[i].metadata.len;
    }
    return bytes;
}

/* The join of m waits; an older one of the same member is told to come again. */
static void park(struct group_shard *s, struct member *m, struct group_req *req)
{
    if (m->join != NULL) {
        join_fail(s, m->join, ERR_REBALANCE_IN_PROGRESS, m->id);
    } else {
        m->group->joined_count++;
    }
    m->join = req;
}

/* What the request says of m, except who it is. The old protocols are the caller's. */
static bool update(struct group_shard *s, struct member *m, const struct group_req *req)
{
    const struct join_group_req *j = msg_of(req);
    struct protocol_list *p = protocols_copy(s, j->protocols, j->protocols_count);
    if (p == NULL || !member_set_protocols(s, m, p)) {
        group_mem_free(s, p);
        return false;
    }
    m->rebalance_ms = rebalance_ms(req);
    m->session_ms = j->session_timeout_ms;
    return true;
}

static void no_memory(struct group_shard *s, struct group_req *req)
{
    join_fail(s, req, ERR_COORDINATOR_NOT_AVAILABLE, msg_of(req)->member_id);
}

static void add_member(struct group_shard *s, struct group *g, struct group_req *req, struct str id)
{
    const struct join_group_req *j = msg_of(req);
    struct member_args a = {
        .id = id,
        .instance = j->group_instance_id,
        .client_id = req->client_id.p ? req->client_id : STR(""),
        .client_host = req->client_host,
        .session_ms = j->session_timeout_ms,
        .rebalance_ms = rebalance_ms(req),
        .protocols = protocols_copy(s, j->protocols, j->protocols_count),
    };
    bool is_first = group_size(g) == 0;
    if (a.protocols == NULL ||
        (is_first && !group_set_text(s, &g->protocol_type, j->protocol_type))) {
        group_mem_free(s, a.protocols);
        no_memory(s, req);
        return;
    }
    struct member *m = member_new(s, g, &a);
    if (m == NULL) {
        no_memory(s, req);
        return;
    }
    m->is_new = true;
    g->is_member_added |= g->state == GROUP_PREPARING && g->previous == GROUP_EMPTY;
    park(s, m, req);
    timer_set(s, &m->timer, TIMER_SESSION, GROUP_NEW_MEMBER_JOIN_MS);
    rebalance_or_complete(s, g);
}

/* A member that comes again, perhaps with other protocols: a rebalance, or part of one. */
static void rejoin(struct group_shard *s, struct member *m, struct group_req *req)
{
    struct protocol_list *old = m->protocols;
    if (!update(s, m, req)) {
        no_memory(s, req);
        return;
    }
    group_mem_free(s, old);
    park(s, m, req);
    rebalance_or_complete(s, m->group);
}

/* --- static members --- */

/* Whoever still uses the old id is fenced. */
static void fence_old(struct group_shard *s, struct member *m)
{
    if (m->join != NULL) {
        struct group_req *req = m->join;
        m->join = NULL;
        m->group->joined_count--;
        join_fail(s, req, ERR_FENCED_INSTANCE_ID, m->id);
    }
    if (m->sync != NULL) {
        req_fail_now(s, m->sync, ERR_FENCED_INSTANCE_ID);
        m->sync = NULL;
    }
}

/* The new id is written down before it is told; the group goes on as it is. */
static void write_new_id(struct group_shard *s, struct member *m, struct write *w)
{
    put_group_record(s, &w->pub.records, m->group);
    write_emit(s, w);
}

static void replace_static(struct group_shard *s, struct member *m, struct group_req *req,
                           struct str new_id)
{
    struct group *g = m->group;
    struct write *w = write_new(s, WRITE_STATIC, g);
    struct str id = STR_NULL;
    write_name_member(w, new_id, g->leader->id);
    w->old.protocols = m->protocols;
    w->old.rebalance_ms = m->rebalance_ms;
    w->old.session_ms = m->session_ms;
    if (!group_copy_str(s, new_id, &id) || !update(s, m, req)) {
        w->old.protocols = NULL;
        write_free(s, w);
        group_drop_str(s, &id);
        no_memory(s, req);
        return;
    }
    fence_old(s, m);
    member_rename(s, m, &id);
    w->old.id = id;
    member_touch(s, m);
    park(s, m, req);
    if (g->state == GROUP_STABLE && str_eq(g->protocol, group_vote(s, g))) {
        write_new_id(s, m, w);
        return;
    }
    write_free(s, w);
    /* while it completes the leader may assign to the old id; while it prepares, nothing does */
    rebalance_or_complete(s, g);
}

void join_static_settled(struct group_shard *s, struct write *w, enum err e)
{
    struct group *g = group_find(s, w->group);
    struct member *m = g ? group_member(g, w->member) : NULL;
    if (m == NULL || m->join == NULL || g->state != GROUP_STABLE ||
        g->generation != w->generation) {
        return; /* gone, or answered by the rebalance that came in between */
    }
    struct group_req *req = m->join;
    m->join = NULL;
    g->joined_count--;
    if (e) {
        join_fail(s, req, e, STR(""));
        return;
    }
    bool can_skip = req->version >= KNOWS_SKIP_ASSIGNMENT;
    bool is_leader = can_skip && m == g->leader;
    /* who cannot be told to skip the assignment must not know that it leads */
    if (join_fill(req, m, can_skip ? g->leader->id : w->leader, is_leader)) {
        ((struct join_group_resp *)req->resp)->skip_assignment = is_leader;
    }
    req_done(s, req);
}

void join_static_refused(struct group_shard *s, struct write *w, enum err e)
{
    struct group *g = group_find(s, w->group);
    struct member *m = g ? group_member(g, w->member) : NULL;
    if (m == NULL) {
        return;
    }
    join_static_settled(s, w, e);
    struct protocol_list *new_ones = m->protocols;
    if (member_set_protocols(s, m, w->old.protocols)) {
        w->old.protocols = new_ones;
        m->rebalance_ms = w->old.rebalance_ms;
        m->session_ms = w->old.session_ms;
    }
    member_rename(s, m, &w->old.id);
    member_touch(s, m);
}

/* --- who comes --- */

static void join_unknown(struct group_shard *s, struct group *g, struct group_req *req)
{
    const struct join_group_req *j = msg_of(req);
    struct str id;
    if (!make_member_id(s, req, &id)) {
        req_no_room(s, req);
        return;
    }
    struct member *m = j->group_instance_id.p ? group_static(g, j->group_instance_id) : NULL;
    if (m != NULL) {
        replace_static(s, m, req, id);
    } else if (j->group_instance_id.p != NULL || req->version < NEEDS_MEMBER_ID) {
        add_member(s, g, req, id);
    } else if (g->pending.count >= LIMIT_GROUP_PENDING_MEMBERS) {
        join_fail(s, req, ERR_GROUP_MAX_SIZE_REACHED, STR(""));
    } else if (pending_add(s, g, id, j->session_timeout_ms)) {
        join_fail(s, req, ERR_MEMBER_ID_REQUIRED, id);
    } else {
        no_memory(s, req);
    }
}

/* The generation as it is, for a member that asks again and changes nothing. */
static void repeat(struct group_shard *s, struct member *m, struct group_req *req, bool can_lead)
{
    bool has_members = can_lead && m == m->group->leader;
    (void)join_fill(req, m, m->group->leader->id, has_members);
    req_done(s, req);
}

static void join_member(struct group_shard *s, struct member *m, struct group_req *req)
{
    const struct join_group_req *j = msg_of(req);
    struct group *g = m->group;
    bool is_same = protocols_match(m->protocols, j->protocols, j->protocols_count);
    if (g->state == GROUP_COMPLETING && is_same) {
        repeat(s, m, req, true);
    } else if (g->state == GROUP_STABLE && is_same && m != g->leader) {
        repeat(s, m, req, false);
    } else {
        rejoin(s, m, req);
    }
}

static void join_known(struct group_shard *s, struct group *g, struct group_req *req)
{
    const struct join_group_req *j = msg_of(req);
    struct pending_member *p = group_pending(g, j->member_id);
    if (p != NULL && j->group_instance_id.p != NULL) {
        join_fail(s, req, ERR_UNKNOWN_SERVER_ERROR,
                  STR("")); /* such an id is of no static member */
        return;
    }
    if (p != NULL) {
        pending_free(s, p);
        add_member(s, g, req, j->member_id);
        return;
    }
    enum err e = group_check_member(g, j->member_id, j->group_instance_id);
    if (e) {
        join_fail(s, req, e, j->member_id);
    } else {
        join_member(s, group_member(g, j->member_id), req);
    }
}

/* While it prepares, those who have joined count: so the last to come are out when the limit was
 * lowered. */
static bool has_place(const struct group_shard *s, const struct group *g, struct str id)
{
    const struct member *m = group_member(g, id);
    switch (g->state) {
    case GROUP_PREPARING:
        return (m != NULL && m->join != NULL) || g->joined_count < s->config->max_size;
    case GROUP_COMPLETING:
    case GROUP_STABLE:
        return m != NULL || group_size(g) < s->config->max_size;
    default:
        return true;
    }
}

static void turn_away(struct group_shard *s, struct group *g, struct group_req *req)
{
    struct str id = msg_of(req)->member_id;
    struct member *m = group_member(g, id);
    struct pending_member *p = group_pending(g, id);
    if (m != NULL) {
        member_remove(s, m);
    }
    if (p != NULL) {
        pending_free(s, p);
    }
    join_fail(s, req, ERR_GROUP_MAX_SIZE_REACHED, STR(""));
}

static void join_group(struct group_shard *s, struct group *g, struct group_req *req)
{
    const struct join_group_req *j = msg_of(req);
    if (!has_place(s, g, j->member_id)) {
        turn_away(s, g, req);
    } else if (j->protocols_count > LIMIT_GROUP_PROTOCOLS || !group_supports(g, j)) {
        join_fail(s, req, ERR_INCONSISTENT_GROUP_PROTOCOL, j->member_id);
    } else if (j->member_id.len == 0) {
        join_unknown(s, g, req);
    } else {
        join_known(s, g, req);
    }
}

/* A group that is new is written down at once, empty as it is. */
static void join_new_group(struct group_shard *s, struct group_req *req)
{
    struct group *g = group_new(s, msg_of(req)->group_id);
    if (g == NULL) {
        no_memory(s, req);
        return;
    }
    struct write *w = write_new(s, WRITE_NEW_GROUP, g);
    struct group_metadata_value v = {
        .protocol_type = STR(""), .protocol = STR_NULL, .current_state_timestamp = g->state_ms};
    group_records_add_group(&w->pub.records, g->name, &v);
    join_group(s, g, req);
    write_emit(s, w);
}

void handle_join(struct group_shard *s, struct group_req *req)
{
    const struct join_group_req *j = msg_of(req);
    struct group *g = group_find(s, j->group_id);
    if (j->group_id.len == 0) {
        join_fail(s, req, ERR_INVALID_GROUP_ID, j->member_id);
    } else if (j->session_timeout_ms < s->config->min_session_ms ||
               j->session_timeout_ms > s->config->max_session_ms) {
        join_fail(s, req, ERR_INVALID_SESSION_TIMEOUT, j->member_id);
    } else if (group_is_full(s, weight(req))) {
        join_fail(s, req, ERR_GROUP_MAX_SIZE_REACHED, STR(""));
    } else if (g != NULL) {
        join_group(s, g, req);
    } else if (j->member_id.len == 0) {
        join_new_group(s, req);
    } else {
        join_fail(s, req, ERR_UNKNOWN_MEMBER_ID, j->member_id);
    }
}
