/* Users of SCRAM: describe, alter. Brokers are told keys that were derived from passwords, never
 * the passwords. The caller's thread. */
#include "client/admin/admin.h"

#include "base/digest.h"
#include "net/openssl.h"
#include "plat/entropy.h"

enum { ITERATIONS_DEFAULT = 4096, SALT_BYTES = 24 };

/* --- describe --- */

void ottla_scram_users_free(struct ottla_scram_users *users) { result_free(users); }

typedef struct describe_user_scram_credentials_resp_describe_user_scram_credentials_result user_row;

static void fill_user(struct fill *f, struct ottla_scram_user *to, const user_row *r)
{
    to->name = fill_text(f, r->user);
    to->error = r->error_code;
    to->message = fill_message(f, r->error_code, r->error_message);
    to->count = (size_t)MAX(r->credential_infos_count, 0);
    struct ottla_scram_credential **rows = fill_rows(f, &to->count, sizeof **rows);
    for (size_t i = 0; i < to->count; i++) {
        *rows[i] = (struct ottla_scram_credential){
            (enum ottla_scram_mechanism)r->credential_infos[i].mechanism,
            r->credential_infos[i].iterations};
    }
    to->credentials = (const struct ottla_scram_credential *const *)rows;
}

/* Rows come in any order; where users were named, ours are in theirs. */
static struct ottla_scram_users *fill_users(struct fill *f,
                                            const struct describe_user_scram_credentials_req *req,
                                            const struct describe_user_scram_credentials_resp *resp)
{
    struct ottla_scram_users *all = result_new(sizeof *all, f);
    bool is_named = req->users_count >= 0;
    all->count = (size_t)MAX(is_named ? req->users_count : resp->results_count, 0);
    struct ottla_scram_user **rows = fill_rows(f, &all->count, sizeof **rows);
    for (size_t i = 0; is_named && i < all->count; i++) {
        rows[i]->name = fill_text(f, req->users[i].name);
        rows[i]->error = ERR_UNKNOWN_SERVER_ERROR;
        rows[i]->message = "the broker says nothing about it";
    }
    for (size_t i = 0; !is_named && i < all->count; i++) {
        fill_user(f, rows[i], &resp->results[i]);
    }
    for (int32_t k = 0; is_named && k < resp->results_count; k++) {
        for (size_t i = 0; i < all->count; i++) {
            if (str_eq(req->users[i].name, resp->results[k].user)) {
                fill_user(f, rows[i], &resp->results[k]);
            }
        }
    }
    all->rows = (const struct ottla_scram_user *const *)rows;
    return all;
}

int ottla_describe_scram_users(struct ottla_client *client, const char *const *users, size_t count,
                               const struct ottla_admin_options *options,
                               struct ottla_scram_users **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES_OR_ALL(users, count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct exchange ex = {0};
    struct describe_user_scram_credentials_req req = {.users_count = -1};
    struct describe_user_scram_credentials_resp resp;
    int code;
    admin_begin(&ad, client, options, error);
    if (users != NULL) {
        req.users = admin_array(&ad, count, sizeof *req.users);
        req.users_count = (int32_t)count;
        for (size_t i = 0; i < count; i++) {
            req.users[i].name = str_from(users[i]);
        }
    }
    do {
        code = admin_ask(
            &ad, &ex, &(struct call){.api_key = API_DESCRIBE_USER_SCRAM_CREDENTIALS, .msg = &req},
            &resp);
    } while (!code && admin_again(&ad, resp.error_code));
    if (!code && resp.error_code) {
        code = admin_refuse(error, resp.error_code, resp.error_message);
    }
    if (!code) {
        struct ottla_scram_users *all = fill_users(&f, &req, &resp);
        code = result_give(&ad, &f, all, ret);
    }
    exchange_deinit(&ex);
    return admin_end(&ad, code);
}

/* --- alter --- */

typedef struct alter_user_scram_credentials_req_scram_credential_upsertion upsertion;

static struct bytes salt_of(struct admin *ad, const struct ottla_scram_change *c)
{
    if (c->salt != NULL) {
        return (struct bytes){c->salt, c->salt_length};
    }
    uint8_t *salt = admin_array(ad, SALT_BYTES, 1);
    entropy_fill(salt, SALT_BYTES);
    return (struct bytes){salt, SALT_BYTES};
}

static int put_upsertion(struct admin *ad, upsertion *to, const struct ottla_scram_change *c)
{
    const struct digests *digests = openssl_digests();
    enum digest digest = c->mechanism == OTTLA_SCRAM_SHA_256 ? DIGEST_SHA256 : DIGEST_SHA512;
    uint8_t *salted = admin_array(ad, DIGEST_MAX_BYTES, 1);
    if (c->password == NULL || c->iterations < 0) {
        return error_set(ad->error, ERR_INVALID_REQUEST, "user %s: no password, or no iterations",
                         c->user);
    }
    if (c->mechanism != OTTLA_SCRAM_SHA_256 && c->mechanism != OTTLA_SCRAM_SHA_512) {
        return error_set(ad->error, ERR_UNSUPPORTED_SASL_MECHANISM,
                         "user %s: SCRAM has no mechanism %d", c->user, (int)c->mechanism);
    }
    *to = (upsertion){.name = str_from(c->user),
                      .mechanism = (int8_t)c->mechanism,
                      .iterations = c->iterations ? c->iterations : ITERATIONS_DEFAULT,
                      .salt = salt_of(ad, c)};
    if (digests == NULL ||
        !digests->pbkdf2(digest, str_from(c->password), to->salt, to->iterations, salted)) {
        return error_set(ad->error, ERR_UNSUPPORTED_SASL_MECHANISM,
                         "user %s: OpenSSL's library is missing, or cannot do this", c->user);
    }
    to->salted_password = (struct bytes){salted, digest_bytes(digest)};
    return 0;
}

static int alter_request(struct admin *ad, const struct ottla_scram_change *changes, size_t count,
                         struct alter_user_scram_credentials_req *req)
{
    int code = 0;
    req->deletions = admin_array(ad, count, sizeof *req->deletions);
    req->upsertions = admin_array(ad, count, sizeof *req->upsertions);
    for (size_t i = 0; !code && i < count; i++) {
        if (changes[i].is_deletion) {
            req->deletions[req->deletions_count].name = str_from(changes[i].user);
            req->deletions[req->deletions_count++].mechanism = (int8_t)changes[i].mechanism;
        } else {
            code = put_upsertion(ad, &req->upsertions[req->upsertions_count++], &changes[i]);
        }
    }
    return code;
}

/* The broker has a row a user. */
static int set_users(struct fill *f, struct ottla_outcomes *o,
                     const struct alter_user_scram_credentials_resp *resp)
{
    int again = 0;
    for (int32_t i = 0; i < resp->results_count; i++) {
        for (size_t k = 0; k < o->count; k++) {
            if (str_eq(str_from(outcome_row(o, k)->name), resp->results[i].user)) {
                outcome_set(f, outcome_row(o, k), resp->results[i].error_code,
                            resp->results[i].error_message);
            }
        }
        again = resp->results[i].error_code == ERR_NOT_CONTROLLER ? ERR_NOT_CONTROLLER : again;
    }
    return again;
}

int ottla_alter_scram_users(struct ottla_client *client, const struct ottla_scram_change *changes,
                            size_t count, const struct ottla_admin_options *options,
                            struct ottla_outcomes **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES(changes, count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct exchange ex = {0};
    struct alter_user_scram_credentials_req req = alter_user_scram_credentials_req_default;
    struct alter_user_scram_credentials_resp resp;
    int again = 0;
    admin_begin(&ad, client, options, error);
    struct ottla_outcomes *o = outcomes_new(count, &f);
    for (size_t i = 0; i < o->count; i++) {
        outcome_name(&f, outcome_row(o, i), changes[i].user, -1);
    }
    int code = alter_request(&ad, changes, o->count, &req);
    while (!code) {
        code = admin_ask(&ad, &ex,
                         &(struct call){.api_key = API_ALTER_USER_SCRAM_CREDENTIALS,
                                        .to = CALL_CONTROLLER,
                                        .msg = &req},
                         &resp);
        again = code ? 0 : set_users(&f, o, &resp);
        if (!admin_again(&ad, again)) {
            break;
        }
    }
    exchange_deinit(&ex);
    return admin_end(&ad, outcomes_give(&ad, &f, code, o, ret));
}
