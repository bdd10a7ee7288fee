/* The way from a worker to the group coordinator and back. All shards of this broker live in one
 * thread of their own: a task travels there by mail, its request is handled by the shard of its
 * partition, waits for what it has to wait for, and travels back. */
#ifndef BROKER_COORDINATOR_H
#define BROKER_COORDINATOR_H

#include "group/shard.h"
#include "net/loop.h"

struct broker;
struct coordinator;

#define GROUP_TOPIC STR("__consumer_offsets")

struct coord_task {
    /* op, version, msg, arena, client_id, client_host are the sender's; resp comes back */
    struct group_req req;
    int32_t partition; /* of __consumer_offsets */
    bool is_probe;     /* no request: only whether the shard is here, and ready */
    enum err err;      /* OK or NOT_COORDINATOR: there is no such shard here */
    struct mail mail;
    struct loop *loop; /* where done runs */
    void (*done)(struct coord_task *t);
    struct coordinator *coordinator;
};

/* Any thread. Until done runs, the request's memory and arena are the coordinator's. There is a
 * response in any case (a shard that is not here: NOT_COORDINATOR), unless memory was short. */
void coordinator_submit(struct coordinator *c, struct coord_task *t);

/* The partition of a group, or −1 while there is no topic for them. Any thread. */
int32_t coordinator_partition(struct broker *b, struct str group);

/* How many partitions there are; 0 without the topic. */
int32_t coordinator_partition_count(struct broker *b);

/* Shows every group of this broker, in the coordinator's thread, and returns when it is done: only
 * for threads that may wait (HTTP), and not after coordinator_stop. */
void coordinator_visit(struct coordinator *c, const struct group_visitor *v);

/* A topic is no more: what was committed for it goes. Any thread. */
void coordinator_topic_deleted(struct coordinator *c, struct str topic);

#endif
