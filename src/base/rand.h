/* Deterministic random numbers (xoshiro256**): a seed gives the same run again. Not for secrets. */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include <stdint.h>

struct rand {
    uint64_t s[4];
};

void rand_init(struct rand *r, uint64_t seed);

uint64_t rand_u64(struct rand *r);

/* Uniform in [0, bound); bound > 0. */
uint64_t rand_below(struct rand *r, uint64_t bound);

/* True once in n on average. */
static inline int rand_one_in(struct rand *r, uint64_t n) { return rand_below(r, n) == 0; }

#endif
