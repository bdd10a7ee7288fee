/* Which workloads a run of the crash tests has.
 *
 * OTTLA_CRASH_SEEDS=n runs n times as many; OTTLA_CRASH_SEED=s of all these only the one of seed s,
 * in the tests that have it. */
#ifndef TEST_CRASH_SEEDS_H
#define TEST_CRASH_SEEDS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static inline uint64_t seed_count(uint64_t usual)
{
    const char *text = getenv("OTTLA_CRASH_SEEDS");
    return text != NULL ? usual * strtoull(text, NULL, 10) : usual;
}

static inline bool seed_is_wanted(uint64_t seed)
{
    const char *text = getenv("OTTLA_CRASH_SEED");
    return text == NULL || strtoull(text, NULL, 10) == seed;
}

#endif
