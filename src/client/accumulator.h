/* Records on their way: gathered in batches, a queue a partition, and sent in the order of the
 * queue. A stepper: acc_next gives what is to be asked, acc_take gets what came of it, acc_done
 * gives batches that are at their end. Pure; who calls it holds the producer's lock.
 *
 * The first batch of a queue is the only one that may be under way, so that a retry cannot overtake
 * or be overtaken. A batch gets its sequence when it is sent first and keeps it. */
#ifndef CLIENT_ACCUMULATOR_H
#define CLIENT_ACCUMULATOR_H

#include "base/list.h"
#include "base/rand.h"
#include "client/config.h"
#include "client/partitioner.h"
#include "record/record.h"
#include "wire/messages.h"

struct delivery_to {
    ottla_delivery_fn *fn;
    void *ctx;
};

struct acc_batch {
    struct list_node node;
    struct acc_queue *queue;
    struct buf records; /* built so far: encoded by the builder when it closes */
    struct batch_builder builder;
    struct delivery_to *to; /* one a record */
    int32_t count, to_cap;
    size_t bytes; /* of records, before compression */
    int64_t made_ms, deadline_ms;
    bool is_closed;   /* takes no more */
    int32_t sequence; /* -1: none yet */
    int tries;
    int code; /* when done */
    int64_t base_off;
};

struct acc_queue {
    struct acc_topic *topic;
    int32_t partition;
    struct list batches;
    bool is_asked;
    int32_t leader; /* -1: not known */
    int64_t retry_at_ms;
    int32_t next_sequence;
};

struct acc_topic {
    struct list_node node;
    char *name;
    struct uuid id;
    int32_t count;             /* of partitions; 0: not known yet */
    struct acc_queue **queues; /* never fewer, queues stay where they are */
    struct sticky sticky;
    bool needs_metadata;
    int code; /* of the last metadata; retriable ones are asked again */
    int64_t retry_at_ms;
    int failures;
};

enum produce_kind { PRODUCE_METADATA, PRODUCE_ID, PRODUCE_BATCHES };

struct topic_ref;

struct produce_ask {
    enum produce_kind kind;
    int32_t to_node;
    int16_t api_key, version_lo, version_hi;
    union {
        struct metadata_req metadata;
        struct init_producer_id_req id;
        struct produce_req produce;
    } req;
    struct arena arena;
    struct acc_batch **batches;
    struct topic_ref *topics; /* of the batches: theirs may change meanwhile */
    size_t count;
};

struct topic_ref {
    struct str name;
    struct uuid id;
};

struct accumulator {
    const struct client_values *config;
    struct rand rand;
    struct list topics;
    struct list done; /* batches */
    enum codec codec;
    int level;
    int16_t acks;
    bool is_asking_metadata, is_asking_id;
    int64_t id_retry_at_ms;
    int64_t producer_id; /* -1: none */
    int16_t producer_epoch;
    int32_t busy_nodes[64]; /* with a Produce under way */
    int busy_count;
    size_t bytes; /* of records that are not done */
    int64_t open; /* records that are not done */
    int flushes;  /* somebody waits: nothing lingers */
};

void acc_init(struct accumulator *acc, const struct client_values *config, uint64_t seed);
void acc_deinit(struct accumulator *acc);

/* The topic, made if it is new. */
struct acc_topic *acc_topic(struct accumulator *acc, const char *name);

/* Puts a record into the open batch of its partition; is true when that is ready to be sent. The
 * topic's metadata is there. *ret_code: MESSAGE_TOO_LARGE, UNKNOWN_TOPIC_OR_PARTITION (no such
 * partition). */
bool acc_add(struct accumulator *acc, struct acc_topic *t, const struct ottla_message *m,
             struct delivery_to to, int64_t wall_ms, int64_t now_ms, int *ret_code);

struct produce_ask *acc_next(struct accumulator *acc, int64_t now_ms);
void produce_fit(void *msg, int version);
void acc_take(struct accumulator *acc, struct produce_ask *ask, enum err e, const void *resp,
              int64_t now_ms);
int64_t acc_deadline_ms(const struct accumulator *acc, int64_t now_ms);

/* Ends all that is not under way. */
void acc_fail_all(struct accumulator *acc, int code);

/* A batch at its end: its deliveries are to be told, then acc_free_batch. NULL: none. */
struct acc_batch *acc_done(struct accumulator *acc);
void acc_free_batch(struct acc_batch *b);

#endif
