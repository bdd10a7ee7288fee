/* SCRAM, the client's side: first message, final message, the server's proof. Pure.
 *
 * Both sides derive the same keys from the password and the server's salt; each proves to the other
 * that it has them, over the text of the whole exchange. What the server dictates is bounded: the
 * length of its messages, and the iterations, which cost our time. */
#include "base/attr.h"
#include "base/base64.h"
#include "base/limit.h"
#include "sec/sasl_int.h"

enum { ITERATIONS_MIN = 4096, MESSAGE_MAX_BYTES = 8192 };

static const char head[] = "n,,"; /* no channel binding, in nobody else's name */

/* The server's first message, as text and as what it means. */
struct server_first {
    struct str text;
    struct str nonce;
    struct buf salt;
    int32_t iterations;
};

static enum digest digest_of(const struct sasl_client *c)
{
    return c->mechanism == SASL_SCRAM_SHA_256 ? DIGEST_SHA256 : DIGEST_SHA512;
}

/* --- our first message --- */

static void put_name(struct buf *out, struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.p[i] == ',') {
            buf_put_str(out, STR("=2C"));
        } else if (name.p[i] == '=') {
            buf_put_str(out, STR("=3D"));
        } else {
            buf_put_u8(out, (uint8_t)name.p[i]);
        }
    }
}

static enum err put_first(struct sasl_client *c, struct buf *out)
{
    buf_put_str(&c->first, STR("n="));
    put_name(&c->first, c->credentials->username);
    buf_printf(&c->first, ",r=%s", c->nonce);
    if (c->credentials->is_delegation_token) {
        buf_put_str(&c->first, STR(",tokenauth=true"));
    }
    buf_put_str(out, STR(head));
    buf_put_str(out, buf_str(&c->first));
    return c->first.err;
}

/* --- the server's first message --- */

/* The next "x=value" of a list with commas; false unless it is that letter's. */
static bool next_value(struct str *rest, char letter, struct str *ret)
{
    if (rest->len < 2 || rest->p[0] != letter || rest->p[1] != '=') {
        return false;
    }
    size_t end = str_find(*rest, ',');
    *ret = str_sub(*rest, 2, end - 2);
    size_t used = MIN(end + 1, rest->len);
    *rest = str_sub(*rest, used, rest->len - used);
    return true;
}

static bool is_nonce(const struct sasl_client *c, struct str nonce)
{
    struct str own = str_from(c->nonce);
    for (size_t i = 0; i < nonce.len; i++) {
        if (nonce.p[i] < 0x21 || nonce.p[i] > 0x7e) {
            return false;
        }
    }
    return nonce.len > own.len && str_has_prefix(nonce, own);
}

/* What may follow the iterations are extensions that we do not know. */
static bool read_first(const struct sasl_client *c, struct bytes in, struct server_first *f)
{
    struct str rest = {(const char *)in.p, in.len}, salt, count;
    int64_t n;
    f->text = rest;
    if (in.len > MESSAGE_MAX_BYTES || !next_value(&rest, 'r', &f->nonce) ||
        !next_value(&rest, 's', &salt) || !next_value(&rest, 'i', &count) ||
        !str_to_i64(count, &n) || n < 0 || n > INT32_MAX) {
        return false;
    }
    f->iterations = (int32_t)n;
    return is_nonce(c, f->nonce) && base64_read(&f->salt, salt) && f->salt.len > 0;
}

static const char *fault_of(const struct sasl_client *c, struct bytes in, struct server_first *f)
{
    if (!read_first(c, in, f)) {
        return "the server's first message is no SCRAM, or not an answer to ours";
    }
    if (f->iterations < ITERATIONS_MIN) {
        return "the server asks for fewer than 4096 iterations";
    }
    return f->iterations > LIMIT_SCRAM_ITERATIONS ? "the server asks for too many iterations"
                                                  : NULL;
}

/* --- keys and proofs --- */

struct keys {
    uint8_t salted[DIGEST_MAX_BYTES], client[DIGEST_MAX_BYTES], stored[DIGEST_MAX_BYTES],
        server[DIGEST_MAX_BYTES], signature[DIGEST_MAX_BYTES];
};

static struct bytes text_bytes(struct str s) { return (struct bytes){(const uint8_t *)s.p, s.len}; }

/* Of the text of the exchange; leaves the proof in keys->client. */
static bool derive(struct sasl_client *c, const struct server_first *f, struct bytes text,
                   struct keys *k)
{
    const struct digests *d = c->digests;
    enum digest kind = digest_of(c);
    size_t n = digest_bytes(kind);
    struct bytes salted = {k->salted, n};
    bool is_ok =
        d->pbkdf2(kind, c->credentials->password, buf_bytes(&f->salt), f->iterations, k->salted) &&
        d->hmac(kind, salted, text_bytes(STR("Client Key")), k->client) &&
        d->hash(kind, (struct bytes){k->client, n}, k->stored) &&
        d->hmac(kind, (struct bytes){k->stored, n}, text, k->signature) &&
        d->hmac(kind, salted, text_bytes(STR("Server Key")), k->server) &&
        d->hmac(kind, (struct bytes){k->server, n}, text, c->server_signature);
    for (size_t i = 0; is_ok && i < n; i++) {
        k->client[i] ^= k->signature[i];
    }
    return is_ok;
}

static enum err put_final(struct sasl_client *c, const struct server_first *f, struct buf *out,
                          struct buf *why)
{
    struct keys k;
    struct buf text = BUF_INIT;
    buf_put_str(out, STR("c="));
    base64_put(out, text_bytes(STR(head)));
    buf_printf(out, ",r=%.*s", STR_ARG(f->nonce));
    buf_printf(&text, "%.*s,%.*s,%.*s", STR_ARG(buf_str(&c->first)), STR_ARG(f->text),
               STR_ARG(buf_str(out)));
    bool is_ok = text.err == OK && derive(c, f, buf_bytes(&text), &k);
    buf_put_str(out, STR(",p="));
    base64_put(out, (struct bytes){k.client, is_ok ? digest_bytes(digest_of(c)) : 0});
    buf_deinit(&text);
    return is_ok ? OK : sasl_fail(why, "the digests of this machine fail");
}

static enum err answer_first(struct sasl_client *c, struct bytes in, struct buf *out,
                             struct buf *why)
{
    struct server_first f = {.salt = BUF_INIT};
    const char *fault = fault_of(c, in, &f);
    enum err e = fault ? sasl_fail(why, fault) : put_final(c, &f, out, why);
    buf_deinit(&f.salt);
    return e;
}

/* --- the server's final message --- */

/* Without telling by its time where the first difference is. */
static bool is_same(const uint8_t *a, const uint8_t *b, size_t n)
{
    uint8_t diff = 0;
    for (size_t i = 0; i < n; i++) {
        diff |= (uint8_t)(a[i] ^ b[i]);
    }
    return diff == 0;
}

static enum err check_final(struct sasl_client *c, struct bytes in, struct buf *why)
{
    struct str rest = {(const char *)in.p, in.len}, value;
    struct buf signature = BUF_INIT;
    size_t n = digest_bytes(digest_of(c));
    if (in.len <= MESSAGE_MAX_BYTES && next_value(&rest, 'e', &value)) {
        buf_printf(why, "the server says: %.*s", STR_ARG(str_clip(value, 200)));
        return ERR_SASL_AUTHENTICATION_FAILED;
    }
    bool is_it = in.len <= MESSAGE_MAX_BYTES && next_value(&rest, 'v', &value) &&
                 base64_read(&signature, value) && signature.len == n &&
                 is_same(signature.p, c->server_signature, n);
    buf_deinit(&signature);
    c->is_done = is_it;
    return is_it ? OK : sasl_fail(why, "the server does not prove that it knows the password");
}

enum err scram_client_step(struct sasl_client *c, struct bytes in, struct buf *out, struct buf *why)
{
    switch (c->step) {
    case 0:
        return put_first(c, out);
    case 1:
        return answer_first(c, in, out, why);
    case 2:
        return check_final(c, in, why);
    default:
        return sasl_fail(why, "the server goes on after its last message");
    }
}
