/* xoshiro256** (Blackman, Vigna 2018), seeded through splitmix64. Pure. */
#include "base/rand.h"

#include "base/map.h"

void rand_init(struct rand *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        r->s[i] = map_hash_u64(seed + 0x9e3779b97f4a7c15u * (uint64_t)i);
    }
}

static uint64_t rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

uint64_t rand_u64(struct rand *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t rand_below(struct rand *r, uint64_t bound)
{
    return (uint64_t)(((unsigned __int128)rand_u64(r) * bound) >> 64);
}
