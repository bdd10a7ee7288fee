/* Logging in on a link. Pure; see core.h.
 *
 * LINK_AUTH: token (of OAUTHBEARER) → SaslHandshake → SaslAuthenticate, as often as the mechanism
 * wants → UP. Requests that were sent before a renewal are answered in between; those that come
 * wait in the link's queue, because a broker takes nothing else meanwhile. */
#include "client/core/auth.h"

#include "base/arena.h"
#include "base/limit.h"
#include "base/mem.h"
#include "client/core/core_int.h"

#include <stdio.h>

enum { ARENA_BYTES = 1 << 20, HANDSHAKE_VERSION = 1, AUTHENTICATE_VERSION = 2 };

void auth_init(struct auth *a) { *a = (struct auth){.renew_at_ms = INT64_MAX}; }

static void forget_token(struct auth *a)
{
    mem_free(a->token);
    a->token = NULL;
}

void auth_deinit(struct auth *a)
{
    sasl_client_deinit(&a->client);
    forget_token(a);
}

bool auth_is_refusal(enum err e)
{
    switch ((int)e) {
    case ERR_TLS:
    case ERR_SASL_AUTHENTICATION_FAILED:
    case ERR_UNSUPPORTED_SASL_MECHANISM:
    case ERR_ILLEGAL_SASL_STATE:
        return true;
    default:
        return false;
    }
}

/* text may be the broker's: it becomes one line. */
static void fail(struct core *c, struct link *l, enum err e, int64_t now_ms, const char *text)
{
    snprintf(l->detail, sizeof l->detail, "%s", text);
    for (char *p = l->detail; *p != '\0'; p++) {
        *p = (unsigned char)*p < 0x20 ? ' ' : *p;
    }
    link_break(c, l, e, now_ms);
}

/* --- asking --- */

static bool serves(const struct link *l, int api_key, int version)
{
    return l->ranges[api_key].lo <= version && l->ranges[api_key].hi >= version;
}

static void shake_hands(struct core *c, struct link *l, int64_t now_ms)
{
    struct sasl_handshake_req req = sasl_handshake_req_default;
    if (!serves(l, API_SASL_HANDSHAKE, HANDSHAKE_VERSION)) {
        fail(c, l, ERR_ILLEGAL_SASL_STATE, now_ms, "this listener of the broker has no SASL");
        return;
    }
    req.mechanism = str_from(sasl_mechanism_name(c->auth->mechanism));
    link_ask(c, l, API_SASL_HANDSHAKE, HANDSHAKE_VERSION, &req, now_ms);
}

static void send_message(struct core *c, struct link *l, const struct buf *message, int64_t now_ms)
{
    struct sasl_authenticate_req req = sasl_authenticate_req_default;
    int hi = MIN(l->ranges[API_SASL_AUTHENTICATE].hi, AUTHENTICATE_VERSION);
    static const uint8_t nothing;
    req.auth_bytes = (struct bytes){message->len ? message->p : &nothing, message->len};
    if (hi < 0) {
        fail(c, l, ERR_ILLEGAL_SASL_STATE, now_ms, "it does not serve SaslAuthenticate");
    } else {
        link_ask(c, l, API_SASL_AUTHENTICATE, hi, &req, now_ms);
    }
}

void auth_begin(struct core *c, struct link *l, int64_t now_ms)
{
    auth_deinit(&l->auth);
    auth_init(&l->auth);
    l->state = LINK_AUTH;
    l->auth.credentials = c->auth->credentials;
    l->auth.deadline_ms = now_ms + c->config->connection_setup_timeout_ms;
    if (c->auth->mechanism == SASL_OAUTHBEARER) {
        core_act(c, ACTION_TOKEN, l);
    } else {
        shake_hands(c, l, now_ms);
    }
}

void core_got_token(struct core *c, uint32_t link_id, struct str token, const char *why,
                    int64_t now_ms)
{
    struct link *l = link_by_id(c, link_id);
    if (l == NULL || l->state != LINK_AUTH || l->auth.token != NULL) {
        return;
    }
    if (token.len == 0) {
        fail(c, l, ERR_SASL_AUTHENTICATION_FAILED, now_ms, why);
    } else {
        l->auth.token = str_dup(token);
        l->auth.credentials.token = (struct str){l->auth.token, token.len};
        shake_hands(c, l, now_ms);
    }
    core_tick(c, now_ms);
}

/* --- answers --- */

/* Takes the server's message and says the next. */
static void step(struct core *c, struct link *l, struct bytes in, int64_t now_ms)
{
    struct buf out = BUF_INIT, why = BUF_INIT;
    enum err e = sasl_client_step(&l->auth.client, in, &out, &why);
    if (e) {
        fail(c, l, e, now_ms, why.len ? buf_cstr(&why) : err_text(e));
    } else if (!l->auth.client.is_done) {
        send_message(c, l, &out, now_ms);
    }
    buf_deinit(&out);
    buf_deinit(&why);
}

static void refuse_mechanism(struct core *c, struct link *l, const struct sasl_handshake_resp *resp,
                             int64_t now_ms)
{
    struct buf text = BUF_INIT;
    buf_printf(&text, "the broker does not offer %s; it offers",
               sasl_mechanism_name(c->auth->mechanism));
    for (int32_t i = 0; i < resp->mechanisms_count; i++) {
        buf_printf(&text, "%s %.*s", i ? "," : "", STR_ARG(resp->mechanisms[i]));
    }
    enum err e = (enum err)resp->error_code;
    fail(c, l, e, now_ms, e == ERR_UNSUPPORTED_SASL_MECHANISM ? buf_cstr(&text) : err_text(e));
    buf_deinit(&text);
}

static enum err take_handshake(struct core *c, struct link *l, int version, struct bytes body,
                               struct arena *a, int64_t now_ms)
{
    struct sasl_handshake_resp resp;
    uint8_t random[SASL_NONCE_BYTES];
    enum err e = wire_decode(&wire_sasl_handshake_resp, version, body, a, &resp, NULL);
    if (e) {
        return e;
    }
    if (resp.error_code) {
        refuse_mechanism(c, l, &resp, now_ms);
        return OK;
    }
    c->auth->fill_random(random, sizeof random);
    sasl_client_init(&l->auth.client, c->auth->mechanism, &l->auth.credentials, c->auth->digests,
                     random);
    step(c, l, (struct bytes){random, 0}, now_ms);
    return OK;
}

/* A session is renewed when 85 to 95 % of it are over, as Java's clients do. */
static int64_t renewal_ms(struct core *c, int64_t lifetime_ms, int64_t now_ms)
{
    if (lifetime_ms <= 0 || lifetime_ms > INT64_MAX / 200) {
        return INT64_MAX;
    }
    return now_ms + lifetime_ms * (int64_t)(85 + rand_below(&c->rand, 11)) / 100;
}

static enum err take_message(struct core *c, struct link *l, int version, struct bytes body,
                             struct arena *a, int64_t now_ms)
{
    struct sasl_authenticate_resp resp;
    char text[sizeof l->detail];
    enum err e = wire_decode(&wire_sasl_authenticate_resp, version, body, a, &resp, NULL);
    if (e) {
        return e;
    }
    if (resp.error_code) {
        snprintf(text, sizeof text, "%.*s", STR_ARG(resp.error_message));
        e = (enum err)resp.error_code;
        fail(c, l, e, now_ms, text[0] ? text : err_text(e));
        return OK;
    }
    step(c, l, resp.auth_bytes, now_ms);
    if (l->state == LINK_AUTH && l->auth.client.is_done) {
        l->auth.renew_at_ms = renewal_ms(c, resp.session_lifetime_ms, now_ms);
        sasl_client_deinit(&l->auth.client);
        forget_token(&l->auth);
        link_go_up(c, l, now_ms);
    }
    return OK;
}

void auth_take(struct core *c, struct link *l, const struct wire_header *head, struct bytes body,
               int64_t now_ms)
{
    struct arena a;
    arena_init(&a, ARENA_BYTES);
    enum err e = head->api_key == API_SASL_HANDSHAKE
                     ? take_handshake(c, l, head->version, body, &a, now_ms)
                     : take_message(c, l, head->version, body, &a, now_ms);
    arena_deinit(&a);
    if (e) {
        link_break(c, l, e, now_ms);
    }
}
