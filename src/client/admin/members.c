/* Members that are put out of their group. The caller's thread. */
#include "client/admin/admin.h"

enum { LEAVE_VERSION_MIN = 3 }; /* the first that names several */

static void build(struct admin *ad, struct leave_group_req *req,
                  const struct ottla_member_name *names, size_t count)
{
    req->members = admin_array(ad, count, sizeof *req->members);
    req->members_count = (int32_t)count;
    for (size_t i = 0; i < count; i++) {
        req->members[i] = leave_group_req_member_identity_default;
        req->members[i].member_id = str_from(names[i].member_id ? names[i].member_id : "");
        req->members[i].group_instance_id =
            names[i].group_instance_id ? str_from(names[i].group_instance_id) : STR_NULL;
        req->members[i].reason = STR("removed by an administrator");
    }
}

static void take(struct fill *f, struct ottla_outcomes *o, const struct leave_group_req *req,
                 const struct leave_group_resp *resp)
{
    for (size_t i = 0; i < o->count; i++) {
        const struct leave_group_req_member_identity *m = &req->members[i];
        for (int32_t k = 0; k < resp->members_count; k++) {
            const struct leave_group_resp_member_response *r = &resp->members[k];
            bool is_it = m->group_instance_id.p != NULL
                             ? str_eq(r->group_instance_id, m->group_instance_id)
                             : str_eq(r->member_id, m->member_id);
            if (is_it) {
                outcome_set(f, outcome_row(o, i), r->error_code, STR_NULL);
            }
        }
    }
}

static bool all_are_named(const struct ottla_member_name *names, size_t count,
                          struct ottla_error *error)
{
    for (size_t i = 0; i < count; i++) {
        const char *name =
            names[i].group_instance_id ? names[i].group_instance_id : names[i].member_id;
        if (is_null(name, "name of a member", error)) {
            return false;
        }
    }
    return true;
}

int ottla_remove_group_members(struct ottla_client *client, const char *group,
                               const struct ottla_member_name *names, size_t count,
                               const struct ottla_admin_options *options,
                               struct ottla_outcomes **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_ROWS(names, count), ret, error) ||
        is_null(group, "name of the group", error) || !all_are_named(names, count, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct exchange ex = {0};
    struct leave_group_req req = leave_group_req_default;
    struct leave_group_resp resp;
    int code, again;
    admin_begin(&ad, client, options, error);
    req.group_id = str_from(group);
    build(&ad, &req, names, count);
    struct ottla_outcomes *o = outcomes_new(count, &f);
    for (size_t i = 0; i < o->count; i++) {
        const char *id = names[i].group_instance_id;
        outcome_name(&f, outcome_row(o, i), id ? id : names[i].member_id, -1);
    }
    do {
        code = admin_ask(&ad, &ex,
                         &(struct call){.api_key = API_LEAVE_GROUP,
                                        .version_lo = LEAVE_VERSION_MIN,
                                        .to = CALL_COORDINATOR,
                                        .key = req.group_id,
                                        .msg = &req},
                         &resp);
        again = code ? 0 : resp.error_code;
    } while (!code && admin_again(&ad, again));
    code = code ? code : again ? error_code(error, again, NULL) : 0;
    if (!code) {
        take(&f, o, &req, &resp);
    }
    exchange_deinit(&ex);
    return admin_end(&ad, outcomes_give(&ad, &f, code, o, ret));
}
