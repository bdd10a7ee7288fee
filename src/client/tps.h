/* A list of partitions with its own text: what members have, get and give back. Pure. */
#ifndef CLIENT_TPS_H
#define CLIENT_TPS_H

#include "base/arena.h"
#include "ottla/client.h"

struct tps {
    struct ottla_topic_partition *items;
    size_t count, cap;
    struct arena text;
};

void tps_init(struct tps *t);
void tps_deinit(struct tps *t);
void tps_clear(struct tps *t);
void tps_add(struct tps *t, struct str topic, int32_t partition);
/* By topic and partition, each once. */
void tps_sort(struct tps *t);
/* t is sorted. */
bool tps_has(const struct tps *t, const char *topic, int32_t partition);
void tps_copy(struct tps *to, const struct tps *from);
/* to = a without what is in b, which is sorted. */
void tps_without(struct tps *to, const struct tps *a, const struct tps *b);

/* What is to be committed names topics, and has no negative numbers. (Apache Kafka's clients leave
 * a topic without a name to the broker, and then ask again until the time is over.) */
must_check int offsets_check(const struct ottla_commit *offsets, size_t count,
                             struct ottla_error *error);

#endif
