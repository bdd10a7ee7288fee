/* Loading OpenSSL, once in a process; and its digests. Any thread. */
#include "net/openssl.h"

#include "plat/library.h"

static const char *const library_name = "libssl.so.3"; /* brings libcrypto */

static struct openssl library;

static bool load(void)
{
    void *so = library_open(library_name);
    bool is_whole = so != NULL;
#define X(name) is_whole = is_whole && library_find(so, #name, &library.name);
    OPENSSL_CALLS(X)
#undef X
    return is_whole;
}

const struct openssl *openssl(void)
{
    static struct library_once once = LIBRARY_ONCE;
    return library_is_there(&once, load) ? &library : NULL;
}

/* --- digests: only with the library at hand --- */

static const EVP_MD *method(enum digest d)
{
    return d == DIGEST_SHA256 ? library.EVP_sha256() : library.EVP_sha512();
}

static bool hash(enum digest d, struct bytes in, uint8_t *ret)
{
    return library.EVP_Digest(in.p, in.len, ret, NULL, method(d), NULL) == 1;
}

static bool hmac(enum digest d, struct bytes key, struct bytes in, uint8_t *ret)
{
    static const uint8_t nothing;
    return library.HMAC(method(d), key.len ? key.p : &nothing, (int)key.len, in.p, in.len, ret,
                        NULL) != NULL;
}

static bool pbkdf2(enum digest d, struct str password, struct bytes salt, int32_t iterations,
                   uint8_t *ret)
{
    return library.PKCS5_PBKDF2_HMAC(password.p ? password.p : "", (int)password.len, salt.p,
                                     (int)salt.len, iterations, method(d), (int)digest_bytes(d),
                                     ret) == 1;
}

static const struct digests digests = {hash, hmac, pbkdf2};

const struct digests *openssl_digests(void) { return openssl() != NULL ? &digests : NULL; }
