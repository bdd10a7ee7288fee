/* Who we are, by SASL: the client's side of PLAIN (RFC 4616), SCRAM-SHA-256 and -512 (RFC 5802,
 * 7677) and OAUTHBEARER (RFC 7628), as Kafka speaks them. Steppers: a message of the server in, the
 * next one of ours out. Pure. */
#ifndef SEC_SASL_H
#define SEC_SASL_H

#include "base/buf.h"
#include "base/digest.h"

enum sasl_mechanism {
    SASL_PLAIN,
    SASL_SCRAM_SHA_256,
    SASL_SCRAM_SHA_512,
    SASL_OAUTHBEARER,
};
enum { SASL_MECHANISMS = SASL_OAUTHBEARER + 1 };

bool sasl_mechanism_parse(struct str name, enum sasl_mechanism *ret);
const char *sasl_mechanism_name(enum sasl_mechanism m);
static inline bool sasl_needs_digests(enum sasl_mechanism m)
{
    return m == SASL_SCRAM_SHA_256 || m == SASL_SCRAM_SHA_512;
}

struct sasl_extension {
    struct str name, value;
};

/* Views; they outlive the exchange. */
struct sasl_credentials {
    struct str username, password;
    bool is_delegation_token; /* SCRAM: the name and secret are a delegation token's */
    struct str token;         /* OAUTHBEARER */
    const struct sasl_extension *extensions; /* of OAUTHBEARER */
    size_t extension_count;
};

/* BAD_CONFIG, and why, unless they can be sent by this mechanism. */
must_check enum err sasl_check(enum sasl_mechanism m, const struct sasl_credentials *credentials,
                               struct buf *why);

enum { SASL_NONCE_BYTES = 24, SASL_NONCE_LEN = 32 };

/* One exchange. Opaque but for is_done. */
struct sasl_client {
    enum sasl_mechanism mechanism;
    const struct sasl_credentials *credentials;
    const struct digests *digests;
    int step;
    bool is_done;
    char nonce[SASL_NONCE_LEN + 1];
    struct buf first; /* of SCRAM: our first message, without its head */
    uint8_t server_signature[DIGEST_MAX_BYTES];
};

/* digests may be NULL for mechanisms that need none; random is used for the nonce. */
void sasl_client_init(struct sasl_client *c, enum sasl_mechanism m,
                      const struct sasl_credentials *credentials, const struct digests *digests,
                      const uint8_t random[SASL_NONCE_BYTES]);
void sasl_client_deinit(struct sasl_client *c); /* a zeroed one is fine */

/* The first time in is empty. Afterwards, when is_done is set, there is nothing to send; else out
 * is the next message. SASL_AUTHENTICATION_FAILED: the server is not who it should be, or says
 * nonsense; why gets a sentence. */
must_check enum err sasl_client_step(struct sasl_client *c, struct bytes in, struct buf *out,
                                     struct buf *why);

#endif
