/* Tokens from a token endpoint. The threads that fetch tokens for links that log in (token.c).
 *
 * One token is used for all links until most of its life is over (sasl.login.refresh.*); then a
 * timer of the client's asks for a new one, or a login that comes before it. How long it lives is
 * said by its claim exp when it is a JWT, else by expires_in beside it. What may pass (no
 * connection, a time-out, 408, 429, 5xx) is tried again for as long as
 * sasl.login.retry.backoff.max.ms. The endpoint's words are a peer's: bounded, and one line. */
#include "client/core/oauth.h"

#include "base/attr.h"
#include "base/base64.h"
#include "base/mem.h"
#include "client/error.h"
#include "net/curl.h"
#include "plat/entropy.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>

enum {
    ANSWER_MAX_BYTES = 80 * 1024, /* a token of TOKEN_MAX_BYTES and what is around it */
    CONNECT_TIMEOUT_MS = 10000,
    READ_TIMEOUT_MS = 30000,
    WORDS_MAX = 200,
    PAUSE_SLICE_MS = 100,
    RENEWAL_MIN_MS = 1000, /* tokens that live for less are asked for by logins */
};

static const struct str extension = STR("extension_");

/* --- the request --- */

/* As forms are: RFC 3986's unreserved bytes stay, a blank is a plus. */
static void put_form(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (is_plain || (c != '\0' && strchr("-_.*", c) != NULL)) {
            buf_put_u8(out, c);
        } else if (c == ' ') {
            buf_put_u8(out, '+');
        } else {
            buf_printf(out, "%%%02X", c);
        }
    }
}

static void put_body(const struct oauth *o, struct buf *out)
{
    buf_put_str(out, STR("grant_type=client_credentials"));
    if (o->scope.len > 0) {
        buf_put_str(out, STR("&scope="));
        put_form(out, o->scope);
    }
}

static void put_authorization(const struct oauth *o, struct buf *out)
{
    struct buf pair = BUF_INIT;
    bool is_encoded = o->config->sasl_oauthbearer_header_urlencode;
    (is_encoded ? put_form : buf_put_str)(&pair, o->id);
    buf_put_u8(&pair, ':');
    (is_encoded ? put_form : buf_put_str)(&pair, o->secret);
    buf_put_str(out, STR("Authorization: Basic "));
    base64_put(out, buf_bytes(&pair));
    buf_deinit(&pair);
}

static bool is_over(void *ctx) { return atomic_load(&((struct oauth *)ctx)->is_over); }

/* --- the answer --- */

/* A JWT's claim exp; -1: there is none, or it is no JWT. */
static int64_t expiry_of(struct str token)
{
    struct str rest = token, part = STR_NULL;
    struct buf claims = BUF_INIT;
    int64_t ms = -1;
    for (int i = 0; i < 2; i++) { /* the header, which does not matter, and the claims */
        if (!str_next_item(&rest, '.', &part)) {
            return -1;
        }
    }
    if (!base64_read_any(&claims, part)) {
        buf_deinit(&claims);
        return -1;
    }
    json_t *root = json_loadb((const char *)claims.p, claims.len, 0, NULL);
    const json_t *exp = json_object_get(root, "exp");
    double s = json_is_number(exp) ? json_number_value(exp) : -1;
    if (s >= 0 && s < (double)(INT64_MAX / 2000)) {
        ms = (int64_t)(s * 1000);
    }
    json_decref(root);
    buf_deinit(&claims);
    return ms;
}

static int64_t lifetime_of(const json_t *root, struct str token, int64_t now_ms)
{
    int64_t at_ms = expiry_of(token);
    const json_t *in = json_object_get(root, "expires_in");
    double s = json_is_number(in) ? json_number_value(in) : 0;
    if (at_ms >= 0) {
        return MAX(at_ms - now_ms, 0);
    }
    return s > 0 && s < (double)(INT32_MAX) ? (int64_t)(s * 1000) : 0;
}

/* Between two logins at most so much is old: the window, but not so soon after the token came, and
 * not so late before it ends, as the settings say; unless its life is too short for that. */
static int64_t renewal_of(struct oauth *o, int64_t now_ms, int64_t life_ms)
{
    const struct client_values *v = o->config;
    double chance = (double)rand_below(&o->rand, 1000) / 1000;
    double part =
        v->sasl_login_refresh_window_factor + v->sasl_login_refresh_window_jitter * chance;
    int64_t soon_ms = (int64_t)v->sasl_login_refresh_min_period_s * 1000;
    int64_t late_ms = life_ms - (int64_t)v->sasl_login_refresh_buffer_s * 1000;
    int64_t at_ms = (int64_t)((double)life_ms * MIN(part, 1));
    if (soon_ms <= late_ms) {
        at_ms = MIN(MAX(at_ms, soon_ms), late_ms);
    }
    return now_ms + at_ms;
}

static int take_token(struct oauth *o, const json_t *root, struct buf *why)
{
    const json_t *token = json_object_get(root, "access_token");
    struct str text = {json_string_value(token), json_string_length(token)};
    if (!json_is_string(token) || str_trim(text).len == 0) {
        buf_printf(why, "its answer has no access_token");
        return ERR_SASL_AUTHENTICATION_FAILED;
    }
    int64_t now_ms = clock_wall_ms(o->clock);
    int64_t life_ms = lifetime_of(root, str_trim(text), now_ms);
    buf_clear(&o->token);
    buf_put_str(&o->token, str_trim(text));
    o->expires_at_ms = now_ms + life_ms;
    o->renew_at_ms = renewal_of(o, now_ms, life_ms);
    return 0;
}

static void put_words(struct buf *why, const char *lead, const json_t *word)
{
    struct str s = {json_string_value(word), json_string_length(word)};
    if (json_is_string(word)) {
        s = str_clip(s, WORDS_MAX);
        buf_put_str(why, str_from(lead));
        for (size_t i = 0; i < s.len; i++) {
            buf_put_u8(why, (unsigned char)s.p[i] < 0x20 ? ' ' : (uint8_t)s.p[i]);
        }
    }
}

/* RFC 6749's names of what went wrong, or those of some servers. */
static void put_refusal(struct buf *why, int status, const json_t *root)
{
    const json_t *error = json_object_get(root, "error");
    const json_t *more = json_object_get(root, "error_description");
    buf_printf(why, "HTTP status %d", status);
    put_words(why, ": ", error ? error : json_object_get(root, "errorCode"));
    put_words(why, ": ", more ? more : json_object_get(root, "errorSummary"));
}

static int take_answer(struct oauth *o, int status, struct str body, struct buf *why)
{
    json_t *root = json_loadb(body.p ? body.p : "", body.len, 0, NULL);
    int code = ERR_SASL_AUTHENTICATION_FAILED;
    if (status != 200 && status != 201) {
        bool passes = status == 408 || status == 429 || status >= 500;
        put_refusal(why, status, root);
        code = passes ? ERR_NETWORK_EXCEPTION : code;
    } else if (!json_is_object(root)) {
        buf_printf(why, "its answer is no JSON object");
    } else {
        code = take_token(o, root, why);
    }
    json_decref(root);
    return code;
}

/* --- asking --- */

static int ask_once(struct oauth *o, struct buf *why)
{
    struct buf form = BUF_INIT, credentials = BUF_INIT, body = BUF_INIT;
    int connect_ms = o->config->sasl_login_connect_timeout_ms;
    int read_ms = o->config->sasl_login_read_timeout_ms, status = 0;
    put_body(o, &form);
    put_authorization(o, &credentials);
    const char *headers[] = {"Accept: application/json", "Cache-Control: no-cache",
                             "Content-Type: application/x-www-form-urlencoded",
                             buf_cstr(&credentials), NULL};
    struct http_post p = {.url = o->config->sasl_oauthbearer_token_endpoint_url,
                          .headers = headers,
                          .body = buf_str(&form),
                          .ca_file = o->ca_file,
                          .connect_timeout_ms = connect_ms ? connect_ms : CONNECT_TIMEOUT_MS,
                          .max_bytes = ANSWER_MAX_BYTES,
                          .is_over = is_over,
                          .ctx = o};
    p.timeout_ms = p.connect_timeout_ms + (read_ms ? read_ms : READ_TIMEOUT_MS);
    int code = http_post(&p, &status, &body, why);
    code = code ? code : take_answer(o, status, buf_str(&body), why);
    buf_deinit(&form);
    buf_deinit(&credentials);
    buf_deinit(&body);
    return code;
}

static bool passes(int code)
{
    return code == ERR_NETWORK_EXCEPTION || code == ERR_REQUEST_TIMED_OUT;
}

/* Lock held. In slices, because who stops it does not take the lock. */
static void pause(struct oauth *o, int64_t wait_ms)
{
    int64_t end_ms = clock_mono_ms(o->clock) + wait_ms, left_ms = wait_ms;
    while (left_ms > 0 && !is_over(o)) {
        cond_wait_ns(&o->over, &o->lock, MIN(left_ms, PAUSE_SLICE_MS) * 1000000);
        left_ms = end_ms - clock_mono_ms(o->clock);
    }
}

/* Lock held. */
static int ask(struct oauth *o, struct buf *why)
{
    const struct client_values *v = o->config;
    int64_t wait_ms = v->sasl_login_retry_backoff_ms;
    int64_t end_ms = clock_mono_ms(o->clock) + v->sasl_login_retry_backoff_max_ms;
    for (;;) {
        buf_clear(why);
        int code = ask_once(o, why);
        if (!passes(code) || clock_mono_ms(o->clock) + wait_ms >= end_ms || is_over(o)) {
            return code;
        }
        pause(o, wait_ms);
        wait_ms = MIN(wait_ms * 2, v->sasl_login_retry_backoff_max_ms);
    }
}

static bool is_usable(const struct oauth *o)
{
    return o->token.len > 0 && clock_wall_ms(o->clock) < o->expires_at_ms;
}

/* Lock held. */
static int renew(struct oauth *o, struct buf *why)
{
    struct buf trouble = BUF_INIT;
    int code = ask(o, &trouble);
    bool has_old = code && is_usable(o);
    if (code) {
        buf_printf(why, "no %stoken from %s: %s", has_old ? "new " : "",
                   o->config->sasl_oauthbearer_token_endpoint_url, buf_cstr(&trouble));
    }
    if (has_old) { /* tried again before it ends, but not by each login */
        o->renew_at_ms = clock_wall_ms(o->clock) + o->config->sasl_login_retry_backoff_max_ms;
        code = 0;
    }
    buf_deinit(&trouble);
    return code;
}

int oauth_token(struct oauth *o, struct buf *token, struct buf *why)
{
    int code = 0;
    mutex_lock(&o->lock);
    if (!is_usable(o) || clock_wall_ms(o->clock) >= o->renew_at_ms) {
        code = renew(o, why);
    }
    if (code == 0) {
        buf_put_str(token, buf_str(&o->token));
    }
    mutex_unlock(&o->lock);
    return code;
}

int64_t oauth_renewal_ms(struct oauth *o)
{
    int64_t in_ms = INT64_MAX;
    mutex_lock(&o->lock);
    if (is_usable(o)) {
        in_ms = MAX(o->renew_at_ms - clock_wall_ms(o->clock), RENEWAL_MIN_MS);
    }
    mutex_unlock(&o->lock);
    return in_ms;
}

/* --- life --- */

static struct str first_of(const char *setting, const struct jaas_module *m, const char *option)
{
    return setting[0] ? str_from(setting) : jaas_get(m, str_from(option));
}

int oauth_init(struct oauth *o, const struct client_values *config,
               const struct jaas_module *module, struct ottla_error *error)
{
    *o = (struct oauth){.config = config, .clock = clock_system(), .token = BUF_INIT};
    struct str ca = jaas_get(module, STR("ssl.truststore.location"));
    o->id = first_of(config->sasl_oauthbearer_client_id, module, "clientId");
    o->secret = first_of(config->sasl_oauthbearer_client_secret, module, "clientSecret");
    o->scope = first_of(config->sasl_oauthbearer_scope, module, "scope");
    mutex_init(&o->lock);
    cond_init(&o->over);
    rand_init(&o->rand, entropy_u64());
    o->ca_file = ca.len ? str_dup(ca) : NULL;
    if (o->id.len == 0 || o->secret.len == 0) {
        return error_set(error, ERR_BAD_CONFIG,
                         "%s is not set, nor %s in sasl.jaas.config: the token endpoint wants it",
                         o->id.len ? "sasl.oauthbearer.client.credentials.client.secret"
                                   : "sasl.oauthbearer.client.credentials.client.id",
                         o->id.len ? "clientSecret" : "clientId");
    }
    return 0;
}

void oauth_deinit(struct oauth *o)
{
    if (o->config == NULL) {
        return;
    }
    mem_free(o->ca_file);
    buf_deinit(&o->token);
    cond_deinit(&o->over);
    mutex_deinit(&o->lock);
}

void oauth_stop(struct oauth *o)
{
    if (o->config != NULL) {
        atomic_store(&o->is_over, true);
        cond_broadcast(&o->over);
    }
}

size_t oauth_extensions(const struct jaas_module *m, struct sasl_extension *ret, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < m->count && n < max; i++) {
        struct str name = m->options[i].name;
        if (str_has_prefix(name, extension)) {
            name = str_sub(name, extension.len, name.len - extension.len);
            ret[n++] = (struct sasl_extension){name, m->options[i].value};
        }
    }
    return n;
}
