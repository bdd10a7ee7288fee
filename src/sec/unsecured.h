/* Tokens of OAUTHBEARER that nobody signed, for tests: what Apache Kafka's clients make when
 * nothing else is said. Pure. */
#ifndef SEC_UNSECURED_H
#define SEC_UNSECURED_H

#include "sec/jaas.h"
#include "sec/sasl.h"

/* Whether the module's options ask for such a token (unsecuredLoginStringClaim_sub="…"). */
bool unsecured_is_wanted(const struct jaas_module *m);

/* Appends the token. Claims are the options unsecuredLogin{String,Number,List}Claim_NAME; it is
 * good for unsecuredLoginLifetimeSeconds, 3600 when nothing is said. */
void unsecured_put(const struct jaas_module *m, int64_t now_ms, struct buf *out);

/* The options unsecuredLoginExtension_NAME, at most max; returns how many. */
size_t unsecured_extensions(const struct jaas_module *m, struct sasl_extension *ret, size_t max);

#endif
