/* Hashes as a seam: who needs one is given a table of functions, so that the pure folders call no
 * library and a program that needs none loads none (net/openssl.h has the real ones). */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/str.h"

enum digest { DIGEST_SHA256, DIGEST_SHA512 };

enum { DIGEST_MAX_BYTES = 64 };

static inline size_t digest_bytes(enum digest d) { return d == DIGEST_SHA256 ? 32 : 64; }

/* ret has room for digest_bytes. False: the library failed. */
struct digests {
    bool (*hash)(enum digest d, struct bytes in, uint8_t *ret);
    bool (*hmac)(enum digest d, struct bytes key, struct bytes in, uint8_t *ret);
    /* PBKDF2 with HMAC (RFC 8018); as many bytes as the digest has. */
    bool (*pbkdf2)(enum digest d, struct str password, struct bytes salt, int32_t iterations,
                   uint8_t *ret);
};

#endif
