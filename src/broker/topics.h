/* The topics that this broker hosts, by name and by id: how a request finds a partition.
 * Thread-safe; a lookup takes a read lock for moments and returns a reference. Changed by the
 * reaction to metadata. */
#ifndef BROKER_TOPICS_H
#define BROKER_TOPICS_H

#include "base/map.h"
#include "broker/partition.h"

struct topic {
    struct map_node by_name, by_id;
    struct str name; /* owned */
    struct uuid id;
    int32_t partition_count;
    struct partition **parts; /* [partition_count]; NULL where another broker hosts it */
};

struct topic_table {
    struct rwlock lock;
    uint64_t seed;
    struct map by_name, by_id;
};

/* seed: of the names' hash table; topics are named by clients. */
void topic_table_init(struct topic_table *t, uint64_t seed);
void topic_table_deinit(struct topic_table *t); /* releases every partition */

/* UNKNOWN_TOPIC_OR_PARTITION if there is no such topic, or no such partition here. */
must_check enum err topic_table_find(struct topic_table *t, struct str name, int32_t index,
                                     struct partition **ret_part);

/* UNKNOWN_TOPIC_ID if there is no such topic, UNKNOWN_TOPIC_OR_PARTITION if no such partition. */
must_check enum err topic_table_find_by_id(struct topic_table *t, struct uuid id, int32_t index,
                                           struct partition **ret_part);

/* Puts a partition in; takes the caller's reference. The topic appears with its first partition; a
 * slot that is taken keeps what it has and the new reference is dropped. */
void topic_table_add(struct topic_table *t, struct partition *part);

/* Puts part where old is, and releases the table's reference to old. False: old is not there any
 * more, and part stays the caller's. */
must_check bool topic_table_replace(struct topic_table *t, struct partition *old,
                                    struct partition *part);

/* Removes a topic; the callback gets each partition's reference. */
typedef void topic_table_fn(void *ctx, struct partition *part);
void topic_table_remove(struct topic_table *t, struct uuid id, topic_table_fn *fn, void *ctx);

/* Calls fn with every partition, without the lock held; each reference is released after its call.
 */
void topic_table_each(struct topic_table *t, topic_table_fn *fn, void *ctx);

#endif
