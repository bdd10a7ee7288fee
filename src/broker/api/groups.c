/* JoinGroup, SyncGroup, Heartbeat, LeaveGroup, DescribeGroups, ListGroups, DeleteGroups: to the
 * coordinator of each group and back. */
#include "broker/api/group_call.h"

#include "base/map.h"

enum { LISTS_OPERATIONS = 3 }; /* version of DescribeGroups */

/* --- one group: the answer is the coordinator's --- */

static void reply_one(struct group_fan *f) { call_reply(f->call, group_fan_resp(f, 0)); }

static void ask_one(struct call *c, const void *request, enum group_op op, struct str group)
{
    struct group_fan *f = group_fan_new(c, request, 1);
    if (f != NULL) {
        group_fan_ask(f, 0, op, request);
        group_fan_to(f, 0, group);
        group_fan_go(f, reply_one);
    }
}

void api_join_group(struct call *c, const void *request)
{
    ask_one(c, request, GROUP_JOIN, ((const struct join_group_req *)request)->group_id);
}

void api_sync_group(struct call *c, const void *request)
{
    ask_one(c, request, GROUP_SYNC, ((const struct sync_group_req *)request)->group_id);
}

void api_heartbeat(struct call *c, const void *request)
{
    ask_one(c, request, GROUP_HEARTBEAT, ((const struct heartbeat_req *)request)->group_id);
}

void api_leave_group(struct call *c, const void *request)
{
    ask_one(c, request, GROUP_LEAVE, ((const struct leave_group_req *)request)->group_id);
}

/* --- DescribeGroups --- */

static void reply_described(struct group_fan *f)
{
    const struct describe_groups_req *req = f->request;
    struct describe_groups_resp resp = describe_groups_resp_default;
    if (!group_fan_has_all(f)) {
        return;
    }
    resp.groups = CALL_ARRAY(f->call, struct describe_groups_resp_described_group, f->count);
    resp.groups_count = resp.groups ? f->count : 0;
    for (int32_t i = 0; i < resp.groups_count; i++) {
        resp.groups[i] = *(struct describe_groups_resp_described_group *)group_fan_resp(f, i);
        bool wants =
            req->include_authorized_operations && call_version(f->call) >= LISTS_OPERATIONS;
        if (wants && resp.groups[i].error_code == OK) {
            resp.groups[i].authorized_operations = API_ALL_GROUP_OPERATIONS;
        }
    }
    call_reply(f->call, resp.groups ? &resp : NULL);
}

void api_describe_groups(struct call *c, const void *request)
{
    const struct describe_groups_req *req = request;
    struct group_fan *f = group_fan_new(c, request, req->groups_count);
    if (f == NULL) {
        return;
    }
    for (int32_t i = 0; i < f->count; i++) {
        group_fan_ask(f, i, GROUP_DESCRIBE, &req->groups[i]);
        group_fan_to(f, i, req->groups[i]);
    }
    group_fan_go(f, reply_described);
}

/* --- ListGroups: all partitions; those that are led elsewhere are not ours to list --- */

static int32_t listed_count(const struct group_fan *f)
{
    int32_t n = 0;
    for (int32_t i = 0; i < f->count; i++) {
        n += ((struct list_groups_resp *)group_fan_resp(f, i))->groups_count;
    }
    return n;
}

static void reply_listed(struct group_fan *f)
{
    struct list_groups_resp resp = list_groups_resp_default;
    if (!group_fan_has_all(f)) {
        return;
    }
    resp.groups = CALL_ARRAY(f->call, struct list_groups_resp_listed_group, listed_count(f));
    for (int32_t i = 0; resp.groups != NULL && i < f->count; i++) {
        const struct list_groups_resp *part = group_fan_resp(f, i);
        for (int32_t k = 0; k < part->groups_count; k++) {
            resp.groups[resp.groups_count++] = part->groups[k];
        }
    }
    call_reply(f->call, resp.groups ? &resp : NULL);
}

void api_list_groups(struct call *c, const void *request)
{
    struct group_fan *f = group_fan_new(c, request, coordinator_partition_count(c->broker));
    if (f == NULL) {
        return;
    }
    for (int32_t i = 0; i < f->count; i++) {
        group_fan_ask(f, i, GROUP_LIST, request);
        f->parts[i].task.partition = i;
    }
    group_fan_go(f, reply_listed);
}

/* --- DeleteGroups: each name once --- */

struct named {
    struct map_node node;
    struct str name;
};

static bool has_name(const struct map_node *n, const void *key)
{
    return str_eq(MAP_ENTRY(n, struct named, node)->name, *(const struct str *)key);
}

/* The names without repetitions, in their order. False without room. */
static bool unique_names(struct call *c, const struct delete_groups_req *req,
                         struct str **ret_names, int32_t *ret_count)
{
    struct named *all = CALL_ARRAY(c, struct named, req->groups_names_count);
    struct str *names = CALL_ARRAY(c, struct str, req->groups_names_count);
    struct map seen;
    int32_t n = 0;
    map_init(&seen);
    for (int32_t i = 0; all && names && i < req->groups_names_count; i++) {
        uint64_t hash = str_hash(req->groups_names[i], (uint64_t)(uintptr_t)c);
        if (map_find(&seen, hash, has_name, &req->groups_names[i]) == NULL) {
            all[n].name = names[n] = req->groups_names[i];
            map_insert(&seen, hash, &all[n++].node);
        }
    }
    map_deinit(&seen);
    *ret_names = names;
    *ret_count = n;
    return all != NULL && names != NULL;
}

static void reply_deleted(struct group_fan *f)
{
    struct delete_groups_resp resp = delete_groups_resp_default;
    if (!group_fan_has_all(f)) {
        return;
    }
    resp.results = CALL_ARRAY(f->call, struct delete_groups_resp_deletable_group_result, f->count);
    resp.results_count = resp.results ? f->count : 0;
    for (int32_t i = 0; i < resp.results_count; i++) {
        resp.results[i] = *(struct delete_groups_resp_deletable_group_result *)group_fan_resp(f, i);
    }
    call_reply(f->call, resp.results ? &resp : NULL);
}

void api_delete_groups(struct call *c, const void *request)
{
    struct str *names;
    int32_t count;
    if (!unique_names(c, request, &names, &count)) {
        call_fail(c, "out of memory");
        return;
    }
    struct group_fan *f = group_fan_new(c, request, count);
    if (f == NULL) {
        return;
    }
    for (int32_t i = 0; i < f->count; i++) {
        group_fan_ask(f, i, GROUP_DELETE, &names[i]);
        group_fan_to(f, i, names[i]);
    }
    group_fan_go(f, reply_deleted);
}
