/* DescribeGroups, ListGroups, DeleteGroups. Pure. */
#include "group/group_int.h"

enum { DESCRIBE_TELLS_MISSING = 6 }; /* version of DescribeGroups */

/* --- DescribeGroups: one group --- */

static bool describe_member(struct group_req *req, const struct member *m,
                            struct describe_groups_resp_described_group_member *to)
{
    const struct group *g = m->group;
    bool is_stable = g->state == GROUP_STABLE;
    struct bytes none = {(const uint8_t *)"", 0};
    return keep_str(req, m->id, &to->member_id) &&
           keep_str(req, m->instance, &to->group_instance_id) &&
           keep_str(req, m->client_id, &to->client_id) &&
           keep_str(req, m->client_host, &to->client_host) &&
           keep_bytes(req, is_stable ? member_metadata(m, g->protocol) : none,
                      &to->member_metadata) &&
           keep_bytes(req, is_stable ? m->assignment : none, &to->member_assignment);
}

static bool describe(struct group_req *req, const struct group *g,
                     struct describe_groups_resp_described_group *to)
{
    to->group_state = str_from(group_state_name(g));
    to->members = arena_array(req->arena, (size_t)group_size(g) + 1, sizeof *to->members);
    if (to->members == NULL ||
        (g->protocol_type.p != NULL && !keep_str(req, g->protocol_type, &to->protocol_type))) {
        return false;
    }
    if (g->state == GROUP_STABLE && !keep_str(req, g->protocol, &to->protocol_data)) {
        return false;
    }
    LIST_EACH(&g->order, n, next) {
        const struct member *m = LIST_ENTRY(n, struct member, order);
        if (!describe_member(req, m, &to->members[to->members_count++])) {
            return false;
        }
    }
    return true;
}

static void describe_missing(struct group_req *req, struct describe_groups_resp_described_group *to)
{
    to->group_state = STR("Dead");
    if (req->version >= DESCRIBE_TELLS_MISSING) {
        to->error_code = ERR_GROUP_ID_NOT_FOUND;
        to->error_message =
            arena_message(req->arena, "Group %.*s not found.", STR_ARG(to->group_id));
    }
}

void handle_describe(struct group_shard *s, struct group_req *req)
{
    struct str name = *(const struct str *)req->msg;
    const struct group *g = group_find(s, name);
    struct describe_groups_resp_described_group *to =
        ARENA_NEW(req->arena, struct describe_groups_resp_described_group);
    req->resp = to;
    if (to != NULL) {
        *to = describe_groups_resp_described_group_default;
        to->group_id = name;
        if (g == NULL) {
            describe_missing(req, to);
        } else if (!describe(req, g, to)) {
            req->resp = NULL;
        }
    }
    req_done(s, req);
}

/* --- ListGroups --- */

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static bool is_same_word(struct str a, const char *b)
{
    size_t len = strlen(b);
    if (a.len != len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (lower(a.p[i]) != lower(b[i])) {
            return false;
        }
    }
    return true;
}

/* An empty filter lets all pass. */
static bool passes(const struct str *filter, int32_t count, const char *word)
{
    for (int32_t i = 0; i < count; i++) {
        if (is_same_word(str_trim(filter[i]), word)) {
            return true;
        }
    }
    return count <= 0;
}

static bool list_one(struct group_req *req, const struct group *g, struct list_groups_resp *r)
{
    struct list_groups_resp_listed_group *to = &r->groups[r->groups_count++];
    *to = list_groups_resp_listed_group_default;
    to->group_state = str_from(group_state_name(g));
    to->group_type = STR("classic");
    return keep_str(req, g->name, &to->group_id) &&
           (g->protocol_type.p == NULL || keep_str(req, g->protocol_type, &to->protocol_type));
}

static bool list_all(struct group_shard *s, struct group_req *req, struct list_groups_resp *r)
{
    const struct list_groups_req *m = req->msg;
    bool has_room = true;
    r->groups = arena_array(req->arena, s->groups.count + 1, sizeof *r->groups);
    if (r->groups == NULL || !passes(m->types_filter, m->types_filter_count, "classic")) {
        return r->groups != NULL;
    }
    for (struct map_node *n = map_first(&s->groups); has_room && n != NULL;
         n = map_next(&s->groups, n)) {
        const struct group *g = MAP_ENTRY(n, struct group, by_name);
        if (passes(m->states_filter, m->states_filter_count, group_state_name(g))) {
            has_room = list_one(req, g, r);
        }
    }
    return has_room;
}

void handle_list(struct group_shard *s, struct group_req *req)
{
    struct list_groups_resp *r = ARENA_NEW(req->arena, struct list_groups_resp);
    req->resp = r != NULL && list_all(s, req, r) ? r : NULL;
    req_done(s, req);
}

/* --- DeleteGroups: one group --- */

void handle_delete(struct group_shard *s, struct group_req *req)
{
    struct str name = *(const struct str *)req->msg;
    const struct group *g = group_find(s, name);
    group_req_fail(req, g == NULL                 ? ERR_GROUP_ID_NOT_FOUND
                        : g->state != GROUP_EMPTY ? ERR_NON_EMPTY_GROUP
                                                  : OK);
    if (g == NULL || g->state != GROUP_EMPTY) {
        req_done(s, req);
        return;
    }
    struct write *w = write_new(s, WRITE_PLAIN, g);
    drop_all_offsets(s, g, &w->pub.records);
    group_records_drop_group(&w->pub.records, name);
    list_push_back(&w->waiting, &req->node);
    write_emit(s, w);
}
