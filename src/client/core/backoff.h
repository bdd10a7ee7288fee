/* How long to wait before the next try: doubling, bounded, with a fifth of chance so that clients
 * do not come back together. Pure. */
#ifndef CLIENT_CORE_BACKOFF_H
#define CLIENT_CORE_BACKOFF_H

#include "base/rand.h"

/* failures counts from 1. */
static inline int64_t backoff_ms(int64_t first_ms, int64_t max_ms, int failures, struct rand *rand)
{
    int64_t ms = first_ms;
    for (int i = 1; i < failures && ms < max_ms; i++) {
        ms = ms > max_ms / 2 ? max_ms : ms * 2;
    }
    ms = ms < max_ms ? ms : max_ms;
    int64_t spread = ms / 5;
    return ms - spread + (int64_t)rand_below(rand, (uint64_t)spread * 2 + 1);
}

#endif
