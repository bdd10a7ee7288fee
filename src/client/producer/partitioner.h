/* Which partition a record goes to. Pure. */
#ifndef CLIENT_PRODUCER_PARTITIONER_H
#define CLIENT_PRODUCER_PARTITIONER_H

#include "base/rand.h"
#include "base/str.h"

#include <stdbool.h>

uint32_t murmur2(struct bytes b);

/* Those that librdkafka has, by its names. */
struct partitioner {
    const char *name;
    uint32_t (*hash)(struct bytes key); /* NULL: each record anywhere */
    bool spares_null, spares_empty;     /* these keys go anywhere */
};

/* NULL: there is none of that name. */
const struct partitioner *partitioner_find(const char *name);
/* key.p is NULL for a null one. -1: anywhere. */
int32_t partitioner_choose(const struct partitioner *p, struct bytes key, int32_t count);

/* For records without a key (KIP-480, KIP-794): one partition until about batch.size bytes of them,
 * then another one. */
struct sticky {
    int32_t partition; /* -1: none yet */
    int64_t bytes;
};

/* Whether it is time for another partition. is_full: the batch that is open there is. */
static inline bool sticky_is_over(const struct sticky *s, int64_t batch_bytes, bool is_full)
{
    return s->partition < 0 || (s->bytes >= batch_bytes && is_full) || s->bytes / 2 >= batch_bytes;
}

/* One of count partitions. loads: how many batches wait for each; -1: not to be chosen. The shorter
 * the queue, the likelier; all are alike when is_adaptive is not set or no partition may be
 * chosen. */
int32_t partition_by_load(const int32_t *loads, int32_t count, bool is_adaptive, struct rand *rand);

#endif
