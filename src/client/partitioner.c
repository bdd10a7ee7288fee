/* Partitions by key as Apache Kafka's producer has them, and sticky ones without. Pure.
 *
 * The hash is MurmurHash2 (Austin Appleby, public domain) with the seed that Kafka chose; a test
 * compares it with values that Java computed. */
#include "client/partitioner.h"

#include "ottla/client.h"

uint32_t murmur2(struct bytes b)
{
    const uint32_t m = 0x5bd1e995;
    uint32_t h = 0x9747b28c ^ (uint32_t)b.len;
    size_t at = 0;
    for (; b.len - at >= 4; at += 4) {
        uint32_t k = (uint32_t)b.p[at] | (uint32_t)b.p[at + 1] << 8 | (uint32_t)b.p[at + 2] << 16 |
                     (uint32_t)b.p[at + 3] << 24;
        k *= m;
        k ^= k >> 24;
        h = h * m ^ k * m;
    }
    if (at < b.len) {
        uint32_t tail = 0;
        for (size_t i = b.len; i > at; i--) {
            tail = tail << 8 | b.p[i - 1];
        }
        h = (h ^ tail) * m;
    }
    h = (h ^ h >> 13) * m;
    return h ^ h >> 15;
}

int32_t ottla_partition_for_key(const void *key, size_t length, int32_t count)
{
    return count < 1 || (key == NULL && length > 0)
               ? -1
               : (int32_t)((murmur2((struct bytes){key, length}) & 0x7fffffff) % (uint32_t)count);
}

/* What a partition counts for; as KIP-794: the longest queue gets 1, an empty one the most. */
static uint64_t weight(const int32_t *loads, int32_t i, int32_t longest, bool is_adaptive)
{
    return loads[i] < 0 ? 0 : is_adaptive ? (uint64_t)(longest - loads[i]) + 1 : 1;
}

int32_t partition_by_load(const int32_t *loads, int32_t count, bool is_adaptive, struct rand *rand)
{
    int32_t longest = -1;
    uint64_t sum = 0;
    for (int32_t i = 0; i < count; i++) {
        longest = loads[i] > longest ? loads[i] : longest;
    }
    for (int32_t i = 0; i < count; i++) {
        sum += weight(loads, i, longest, is_adaptive);
    }
    if (sum == 0) {
        return (int32_t)rand_below(rand, (uint64_t)count);
    }
    uint64_t at = rand_below(rand, sum);
    int32_t i = 0;
    for (; at >= weight(loads, i, longest, is_adaptive); i++) {
        at -= weight(loads, i, longest, is_adaptive);
    }
    return i;
}
