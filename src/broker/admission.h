/* Who may connect: so many in all (max.connections) and so many from one address
 * (max.connections.per.ip and its overrides). Thread-safe. */
#ifndef BROKER_ADMISSION_H
#define BROKER_ADMISSION_H

#include "base/str.h"
#include "plat/net.h"

struct admission;

struct admission *admission_new(struct net *net, uint64_t seed);
void admission_free(struct admission *a); /* NULL is fine */

/* From now on. overrides: "host:count,host:count", names are looked up at once (which may block);
 * what is no such pair is left out with a line about it. Those that are in stay. */
struct admission_limits {
    int64_t total, per_ip;
    struct str overrides;
};
void admission_set_limits(struct admission *a, const struct admission_limits *limits);

/* peer: "127.0.0.1:51234". False, and nothing is counted, when there are enough. */
bool admission_enter(struct admission *a, const char *peer);
/* After admission_enter was true. */
void admission_leave(struct admission *a, const char *peer);

int admission_count(struct admission *a);

#endif
