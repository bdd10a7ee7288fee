/* Tokens of OAUTHBEARER from a token endpoint: OAuth's grant of client credentials (RFC 6749, 4.4),
 * with the settings of Apache Kafka's clients. Thread-safe; asking waits. */
#ifndef CLIENT_CORE_OAUTH_H
#define CLIENT_CORE_OAUTH_H

#include "base/rand.h"
#include "client/config.h"
#include "plat/clock.h"
#include "plat/thread.h"
#include "sec/jaas.h"
#include "sec/sasl.h"

struct oauth {
    const struct client_values *config; /* NULL: no endpoint */
    struct clock *clock;
    struct str id, secret, scope; /* views into config and module */
    char *ca_file;                /* NULL: what the machine trusts */
    _Atomic bool is_over;
    struct mutex lock; /* of all below; held while a token is asked for, so that one asks for all */
    struct cond over;
    struct rand rand;
    struct buf token;
    int64_t renew_at_ms, expires_at_ms; /* by the wall clock */
};

/* BAD_CONFIG: no client id, and the like. module outlives it. */
int oauth_init(struct oauth *o, const struct client_values *config,
               const struct jaas_module *module, struct ottla_error *error);
void oauth_deinit(struct oauth *o);
void oauth_stop(struct oauth *o); /* who waits in oauth_token returns soon */

/* The token that is there, or a new one when it is time: the old one goes on being used while it is
 * good and there is no new one; why gets a sentence then, too. */
int oauth_token(struct oauth *o, struct buf *token, struct buf *why);
/* In how long oauth_token should be called so that nobody else has to wait for a new token;
 * INT64_MAX: there is none that could be renewed. */
int64_t oauth_renewal_ms(struct oauth *o);

/* Of the login module: extension_NAME. */
size_t oauth_extensions(const struct jaas_module *m, struct sasl_extension *ret, size_t max);

#endif
