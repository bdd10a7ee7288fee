/* Mechanisms by name, and the two that are a message long: PLAIN and OAUTHBEARER. Pure. */
#include "sec/sasl.h"

#include "base/attr.h"
#include "base/base64.h"
#include "sec/sasl_int.h"

static const char *const names[SASL_MECHANISMS] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512",
                                                   "OAUTHBEARER"};

const char *sasl_mechanism_name(enum sasl_mechanism m) { return names[m]; }

bool sasl_mechanism_parse(struct str name, enum sasl_mechanism *ret)
{
    for (int i = 0; i < SASL_MECHANISMS; i++) {
        if (str_eq(name, str_from(names[i]))) {
            *ret = (enum sasl_mechanism)i;
            return true;
        }
    }
    return false;
}

/* --- what can be sent --- */

static bool has_nul(struct str s) { return s.len > 0 && memchr(s.p, '\0', s.len) != NULL; }

/* RFC 7628: a token is VSCHAR, an extension's value VCHAR and some white space. */
static bool is_printable(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < 0x20 || s.p[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

static bool is_alphabetic(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = (char)(s.p[i] | 0x20);
        if (c < 'a' || c > 'z') {
            return false;
        }
    }
    return s.len > 0;
}

static const char *fault_of_token(const struct sasl_credentials *k)
{
    if (k->token.len == 0) {
        return "there is no token";
    }
    for (size_t i = 0; i < k->extension_count; i++) {
        const struct sasl_extension *x = &k->extensions[i];
        if (!is_alphabetic(x->name) || str_eq(x->name, STR("auth")) || !is_printable(x->value)) {
            return "an extension of the token has a name or value that cannot be sent";
        }
    }
    return is_printable(k->token) ? NULL : "the token has bytes that no token may have";
}

static const char *fault_of(enum sasl_mechanism m, const struct sasl_credentials *k)
{
    if (m == SASL_OAUTHBEARER) {
        return fault_of_token(k);
    }
    if (k->username.len == 0) {
        return "there is no username";
    }
    if (k->password.len == 0) {
        return "there is no password";
    }
    bool has_nuls = has_nul(k->username) || has_nul(k->password);
    return has_nuls ? "username and password may not have zero bytes" : NULL;
}

enum err sasl_check(enum sasl_mechanism m, const struct sasl_credentials *credentials,
                    struct buf *why)
{
    const char *fault = fault_of(m, credentials);
    if (fault != NULL) {
        buf_printf(why, "%s: %s", names[m], fault);
    }
    return fault ? ERR_BAD_CONFIG : OK;
}

/* --- PLAIN --- */

static void put_plain(const struct sasl_client *c, struct buf *out)
{
    buf_put_u8(out, 0); /* in nobody else's name */
    buf_put_str(out, c->credentials->username);
    buf_put_u8(out, 0);
    buf_put_str(out, c->credentials->password);
}

static enum err plain_step(struct sasl_client *c, struct buf *out)
{
    if (c->step == 0) {
        put_plain(c, out);
    }
    c->is_done = c->step > 0; /* whatever it said, it did not refuse */
    return OK;
}

/* --- OAUTHBEARER --- */

enum { KV_SEPARATOR = 1 };

static void put_token(const struct sasl_client *c, struct buf *out)
{
    const struct sasl_credentials *k = c->credentials;
    buf_put_str(out, STR("n,,"));
    buf_put_u8(out, KV_SEPARATOR);
    buf_printf(out, "auth=Bearer %.*s", STR_ARG(k->token));
    buf_put_u8(out, KV_SEPARATOR);
    for (size_t i = 0; i < k->extension_count; i++) {
        buf_printf(out, "%.*s=%.*s", STR_ARG(k->extensions[i].name),
                   STR_ARG(k->extensions[i].value));
        buf_put_u8(out, KV_SEPARATOR);
    }
    buf_put_u8(out, KV_SEPARATOR);
}

/* A server that refuses says why in JSON, and then wants an empty message to fail at. */
static enum err oauthbearer_step(struct sasl_client *c, struct bytes in, struct buf *out,
                                 struct buf *why)
{
    if (c->step == 0) {
        put_token(c, out);
        return OK;
    }
    if (c->step > 1) {
        return sasl_fail(why, "the server refused the token");
    }
    c->is_done = in.len == 0;
    if (!c->is_done) {
        buf_put_u8(out, KV_SEPARATOR);
    }
    return OK;
}

/* --- all --- */

void sasl_client_init(struct sasl_client *c, enum sasl_mechanism m,
                      const struct sasl_credentials *credentials, const struct digests *digests,
                      const uint8_t random[SASL_NONCE_BYTES])
{
    struct buf nonce = BUF_INIT;
    *c = (struct sasl_client){
        .mechanism = m, .credentials = credentials, .digests = digests, .first = BUF_INIT};
    base64_put(&nonce, (struct bytes){random, SASL_NONCE_BYTES});
    memcpy(c->nonce, buf_cstr(&nonce), MIN(nonce.len, (size_t)SASL_NONCE_LEN));
    buf_deinit(&nonce);
}

void sasl_client_deinit(struct sasl_client *c)
{
    buf_deinit(&c->first);
    *c = (struct sasl_client){0};
}

enum err sasl_client_step(struct sasl_client *c, struct bytes in, struct buf *out, struct buf *why)
{
    enum err e = OK;
    switch (c->mechanism) {
    case SASL_PLAIN:
        e = plain_step(c, out);
        break;
    case SASL_SCRAM_SHA_256:
    case SASL_SCRAM_SHA_512:
        e = scram_client_step(c, in, out, why);
        break;
    case SASL_OAUTHBEARER:
        e = oauthbearer_step(c, in, out, why);
        break;
    }
    c->step++;
    return e ? e : out->err;
}
