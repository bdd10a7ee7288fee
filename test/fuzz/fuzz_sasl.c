/* A server's SASL messages, and login modules, from any bytes. The first byte chooses; a zero byte
 * ends a message. */
#include "fuzz.h"

#include "base/attr.h"
#include "sec/sasl.h"
#include "sec/unsecured.h"

/* Digests that are quick and always the same: the fuzzer may get past them. */
static bool hash(enum digest d, struct bytes in, uint8_t *ret)
{
    memset(ret, (int)in.len, digest_bytes(d));
    return true;
}

static bool hmac(enum digest d, struct bytes key, struct bytes in, uint8_t *ret)
{
    memset(ret, (int)(key.len + in.len), digest_bytes(d));
    return true;
}

static bool pbkdf2(enum digest d, struct str password, struct bytes salt, int32_t iterations,
                   uint8_t *ret)
{
    memset(ret, (int)salt.len, digest_bytes(d));
    return iterations > 0;
}

static const struct digests digests = {hash, hmac, pbkdf2};

static void talk(enum sasl_mechanism m, struct bytes in)
{
    static const uint8_t random[SASL_NONCE_BYTES];
    static const struct sasl_credentials who = {
        .username = STR("u"), .password = STR("p"), .token = STR("t")};
    struct sasl_client c;
    struct buf out = BUF_INIT, why = BUF_INIT;
    sasl_client_init(&c, m, &who, &digests, random);
    enum err e = sasl_client_step(&c, (struct bytes){in.p, 0}, &out, &why);
    while (!e && !c.is_done) {
        const uint8_t *end = in.len ? memchr(in.p, 0, in.len) : NULL;
        size_t n = end ? (size_t)(end - in.p) : in.len;
        buf_clear(&out);
        e = sasl_client_step(&c, (struct bytes){in.p, n}, &out, &why);
        n += end != NULL;
        in = (struct bytes){in.p + n, in.len - n};
    }
    sasl_client_deinit(&c);
    buf_deinit(&out);
    buf_deinit(&why);
}

static void read_module(struct bytes in)
{
    struct arena a;
    struct jaas_module m;
    struct buf out = BUF_INIT;
    arena_init(&a, 1 << 20);
    if (jaas_parse((struct str){(const char *)in.p, in.len}, &a, &m, &out) == OK) {
        unsecured_put(&m, 0, &out);
    }
    buf_deinit(&out);
    arena_deinit(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct bytes in = {data + 1, size - 1};
    if (data[0] % (SASL_MECHANISMS + 1) == SASL_MECHANISMS) {
        read_module(in);
    } else {
        talk((enum sasl_mechanism)(data[0] % (SASL_MECHANISMS + 1)), in);
    }
    return 0;
}
