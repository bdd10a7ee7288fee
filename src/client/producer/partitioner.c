/* Partitions by key as Apache Kafka's producer and librdkafka have them, and sticky ones without.
 * Pure.
 *
 * The hash is MurmurHash2 (Austin Appleby, public domain) with the seed that Kafka chose. Tests
 * compare the hashes with values that Java and librdkafka computed. */
#include "client/producer/partitioner.h"

#include "base/attr.h"
#include "ottla/client.h"

#include <libdeflate.h>
#include <string.h>

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

/* --- by key --- */

static uint32_t positive_murmur2(struct bytes b) { return murmur2(b) & 0x7fffffff; }

static uint32_t crc(struct bytes b) { return b.len == 0 ? 0 : libdeflate_crc32(0, b.p, b.len); }

/* FNV-1a as a number with a sign, of which Sarama, and librdkafka after it, take the magnitude. */
static uint32_t fnv1a(struct bytes b)
{
    uint32_t h = 0x811c9dc5;
    for (size_t i = 0; i < b.len; i++) {
        h = (h ^ b.p[i]) * 0x01000193;
    }
    return h > INT32_MAX ? 0 - h : h;
}

static const struct partitioner partitioners[] = {
    {"consistent", crc, false, false},
    {"consistent_random", crc, true, true},
    {"fnv1a", fnv1a, false, false},
    {"fnv1a_random", fnv1a, true, false},
    {"murmur2", positive_murmur2, false, false},
    {"murmur2_random", positive_murmur2, true, false},
    {"random", NULL, true, true},
};

const struct partitioner *partitioner_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(partitioners); i++) {
        if (strcmp(partitioners[i].name, name) == 0) {
            return &partitioners[i];
        }
    }
    return NULL;
}

int32_t partitioner_choose(const struct partitioner *p, struct bytes key, int32_t count)
{
    bool is_spared = (p->spares_null && key.p == NULL) || (p->spares_empty && key.len == 0);
    return p->hash == NULL || is_spared ? -1 : (int32_t)(p->hash(key) % (uint32_t)count);
}

int32_t ottla_partition_by(const char *partitioner, const void *key, size_t length, int32_t count)
{
    const struct partitioner *p = partitioner != NULL ? partitioner_find(partitioner) : NULL;
    return p == NULL || count < 1 || (key == NULL && length > 0)
               ? -1
               : partitioner_choose(p, (struct bytes){key, length}, count);
}

int32_t ottla_partition_for_key(const void *key, size_t length, int32_t count)
{
    return count < 1 || (key == NULL && length > 0)
               ? -1
               : (int32_t)(positive_murmur2((struct bytes){key, length}) % (uint32_t)count);
}

/* --- by load --- */

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
