/* Making and ending the coordinator's thread (broker/coordinator.h is what requests see of it). */
#ifndef BROKER_HOST_COORDINATOR_HOST_H
#define BROKER_HOST_COORDINATOR_HOST_H

#include "broker/broker.h"
#include "broker/coordinator.h"

struct coordinator_args {
    struct broker *broker;
    bool in_one_thread; /* a simulation steps the loop itself */
    uint64_t seed;      /* of member ids, in a simulation */
};

must_check enum err coordinator_new(const struct coordinator_args *args,
                                    struct coordinator **ret_coordinator);
struct loop *coordinator_loop(struct coordinator *c);

/* Loads the shards of this broker, one after another, between requests. Then the thread. */
must_check enum err coordinator_start(struct coordinator *c);
void coordinator_begin(struct coordinator *c);

/* After its partitions went offline: whoever waits is told, their answers are on their way. */
void coordinator_stop(struct coordinator *c);
void coordinator_free(struct coordinator *c);

/* --- coordinator_load.c --- */

/* Replays the partition's log, all of it, into a new shard. */
must_check enum err coordinator_load(struct partition *p, struct group_shard *s);

#endif
