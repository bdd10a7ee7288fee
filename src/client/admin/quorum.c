/* Controllers that join the metadata quorum and leave it. The caller's thread. */
#include "client/admin/admin.h"

static bool take_directory(const char *text, struct uuid *ret, struct ottla_error *error)
{
    if (!uuid_parse(str_from(text), ret)) {
        error_set(error, ERR_INVALID_REQUEST, "'%s' is not the id of a directory", text);
        return false;
    }
    return true;
}

/* Asks the controller. For requests whose answers begin alike: code and said point into resp. */
static int ask(struct admin *ad, const struct call *what, void *resp, const int16_t *code,
               const struct str *said)
{
    struct exchange ex = {0};
    int e, again;
    do {
        e = admin_ask(ad, &ex, what, resp);
        again = e ? 0 : worth_another(0, *code);
    } while (admin_again(ad, again));
    if (!e && *code) {
        e = admin_refuse(ad->error, *code, *said);
    }
    exchange_deinit(&ex);
    return e;
}

int ottla_add_raft_voter(struct ottla_client *client, int32_t voter, const char *directory_id,
                         const struct ottla_voter_endpoint *endpoints, size_t count,
                         const struct ottla_admin_options *options, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES(endpoints, count), client, error) ||
        is_null(directory_id, "id of the directory", error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct add_raft_voter_req req = add_raft_voter_req_default;
    struct add_raft_voter_resp resp;
    admin_begin(&ad, client, options, error);
    req.cluster_id = STR_NULL;
    req.voter_id = voter;
    req.timeout_ms = admin_left_ms(&ad);
    req.listeners = admin_array(&ad, count, sizeof *req.listeners);
    req.listeners_count = (int32_t)count;
    for (size_t i = 0; i < count; i++) {
        req.listeners[i].name = str_from(endpoints[i].listener);
        req.listeners[i].host = str_from(endpoints[i].host);
        req.listeners[i].port = (uint16_t)endpoints[i].port;
    }
    if (!take_directory(directory_id, &req.voter_directory_id, error)) {
        return admin_end(&ad, ERR_INVALID_REQUEST);
    }
    return admin_end(
        &ad,
        ask(&ad, &(struct call){.api_key = API_ADD_RAFT_VOTER, .to = CALL_CONTROLLER, .msg = &req},
            &resp, &resp.error_code, &resp.error_message));
}

int ottla_remove_raft_voter(struct ottla_client *client, int32_t voter, const char *directory_id,
                            const struct ottla_admin_options *options, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NONE, client, error) ||
        is_null(directory_id, "id of the directory", error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct remove_raft_voter_req req = remove_raft_voter_req_default;
    struct remove_raft_voter_resp resp;
    admin_begin(&ad, client, options, error);
    req.cluster_id = STR_NULL;
    req.voter_id = voter;
    if (!take_directory(directory_id, &req.voter_directory_id, error)) {
        return admin_end(&ad, ERR_INVALID_REQUEST);
    }
    return admin_end(
        &ad,
        ask(&ad,
            &(struct call){.api_key = API_REMOVE_RAFT_VOTER, .to = CALL_CONTROLLER, .msg = &req},
            &resp, &resp.error_code, &resp.error_message));
}
