/* Logging in on a link, for the core: SaslHandshake, SaslAuthenticate, and again before the session
 * ends (KIP-152, KIP-368). Pure. */
#ifndef CLIENT_CORE_AUTH_H
#define CLIENT_CORE_AUTH_H

#include "sec/sasl.h"

struct core;
struct link;
struct wire_header;

/* How to log in; outlives the core. The token of OAUTHBEARER is asked for with ACTION_TOKEN. */
struct auth_setup {
    enum sasl_mechanism mechanism;
    struct sasl_credentials credentials;
    const struct digests *digests; /* NULL where the mechanism needs none */
    void (*fill_random)(void *p, size_t len);
};

/* Of one link. */
struct auth {
    struct sasl_client client;
    struct sasl_credentials credentials; /* with the token */
    char *token;
    int64_t deadline_ms; /* of the login that goes on */
    int64_t renew_at_ms; /* INT64_MAX: never */
};

void auth_init(struct auth *a);
void auth_deinit(struct auth *a);

/* In LINK_AUTH from now on, until link_go_up or link_break. */
void auth_begin(struct core *c, struct link *l, int64_t now_ms);
/* The answer to one of its requests. */
void auth_take(struct core *c, struct link *l, const struct wire_header *head, struct bytes body,
               int64_t now_ms);

/* It will not help to try again. */
bool auth_is_refusal(enum err e);

#endif
