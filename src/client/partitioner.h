/* Which partition a record goes to. Pure. */
#ifndef CLIENT_PARTITIONER_H
#define CLIENT_PARTITIONER_H

#include "base/rand.h"
#include "base/str.h"

uint32_t murmur2(struct bytes b);

/* For records without a key: one partition until batch_bytes of them, then another one by chance.
 */
struct sticky {
    int32_t partition; /* -1: none yet */
    int64_t bytes;
};

int32_t sticky_partition(struct sticky *s, int32_t count, size_t record_bytes, int32_t batch_bytes,
                         struct rand *rand);

#endif
