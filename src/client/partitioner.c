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
    return count < 1
               ? -1
               : (int32_t)((murmur2((struct bytes){key, length}) & 0x7fffffff) % (uint32_t)count);
}

int32_t sticky_partition(struct sticky *s, int32_t count, size_t record_bytes, int32_t batch_bytes,
                         struct rand *rand)
{
    if (s->partition < 0 || s->partition >= count || s->bytes >= batch_bytes) {
        int32_t before = s->partition;
        s->partition = (int32_t)rand_below(rand, (uint64_t)count);
        if (s->partition == before && count > 1) {
            s->partition = (s->partition + 1) % count;
        }
        s->bytes = 0;
    }
    s->bytes += (int64_t)record_bytes;
    return s->partition;
}
