/* Records on their way: gathered in batches, a queue a partition, and sent in the order of the
 * queue. A stepper: acc_next gives what is to be asked, acc_take gets what came of it, acc_done
 * gives batches that are at their end. Pure; who calls it holds the producer's lock, but for
 * ask_seal.
 *
 * Order. The batches of a queue that are under way, or were, have sequences and are at its front in
 * the order of these. A batch gets its sequence when it is sent first and keeps it. One that is to
 * be sent again waits until it is the first; those behind it meanwhile get OUT_OF_ORDER, and come
 * back, too. When a sequence may be lost for good (a batch failed, or its fate is not known), the
 * epoch is raised (KIP-360) and the queue's batches are numbered anew, once none is under way. The
 * first batch of a producer id goes alone: a leader that knows nothing of it takes any sequence. */
#ifndef CLIENT_PRODUCER_ACCUMULATOR_H
#define CLIENT_PRODUCER_ACCUMULATOR_H

#include "base/map.h"
#include "client/core/parcel.h"
#include "client/metrics.h"
#include "client/producer/ask.h"
#include "client/producer/partitioner.h"
#include "client/producer/txn.h"
#include "record/record.h"

struct delivery_to {
    ottla_delivery_fn *fn;
    void *ctx;
};

struct acc_batch {
    struct list_node node;
    struct acc_queue *queue;
    struct parcel *parcel; /* its bytes, built so far */
    struct batch_builder builder;
    struct delivery_to *to; /* one a record; empty until the first that has one */
    int32_t count, to_count, to_cap;
    size_t bytes; /* of records, before compression */
    int64_t made_ms, deadline_ms;
    bool is_closed; /* takes no more */
    bool is_sealed; /* records are complete */
    bool is_asked;
    int32_t sequence; /* -1: none yet */
    uint32_t place;   /* how many of its queue had a sequence before it had one */
    int64_t producer_id;
    int16_t producer_epoch;
    int tries;
    int code;                /* when done, or when it could not be sealed */
    int met;                 /* what its last try met with */
    struct acc_words *words; /* more about the code; NULL: nothing */
    int64_t base_off, append_ms;
};

struct acc_queue {
    struct list_node node; /* in accumulator.active, while it has batches */
    struct acc_topic *topic;
    int32_t partition;
    struct list batches;
    int32_t count;        /* of batches */
    int asked, sequenced; /* of them */
    uint32_t placed;      /* ever */
    size_t usual_bytes;   /* of its batches: what the last one that was asked had */
    int32_t usual_count;
    int32_t leader;       /* -1: not known */
    int32_t leader_epoch; /* -1: not told */
    int64_t retry_at_ms;
    int64_t producer_id; /* whose sequence this is */
    int16_t producer_epoch;
    int32_t next_sequence, acked_sequence /* -1: none */;
    int64_t acked_off;
    int64_t known_id;        /* of whom the leader has written something; -1: nobody yet */
    int32_t unresolved_next; /* the sequence behind one of unknown fate; -1: there is none */
    bool needs_restart;      /* numbered anew, from gap (-1: all), when none is under way */
    int32_t gap;
    struct txn_part part;
};

struct acc_topic {
    struct map_node by_name;
    struct list_node node;
    char *name;
    struct uuid id;
    int32_t count;             /* of partitions; 0: not known yet */
    struct acc_queue **queues; /* never fewer, queues stay where they are */
    struct sticky sticky;
    uint32_t turn;
    bool needs_metadata;
    int code; /* of the last metadata; retriable ones are asked again */
    int64_t retry_at_ms, learnt_ms, used_ms;
    int failures;
    int users; /* calls that point to it */
};

/* A broker that batches go to. */
struct acc_node {
    int32_t id;
    int asked;                  /* Produce requests under way */
    int64_t throttled_until_ms; /* KIP-219 */
    int64_t full_since_ms;      /* batches wait since then; 0: none */
};

struct accumulator {
    const struct client_values *config;
    struct rand rand;
    struct txn txn;
    struct producer_metrics metrics;
    struct map by_name;
    struct acc_topic *recent;   /* that acc_topic gave last; NULL: none */
    struct list topics, active; /* active: queues */
    struct list done;           /* batches */
    struct list spare;          /* batches without records, to be used again */
    size_t spare_bytes;         /* that they hold */
    enum codec codec;
    int level;
    int16_t acks;
    bool is_round_robin;
    const struct partitioner *partitioner; /* of keys */
    bool is_asking_metadata;
    struct acc_node *nodes;
    int node_count;
    int32_t *loads; /* scratch */
    int32_t load_cap;
    size_t bytes;          /* of records that are not done */
    size_t grow_bytes;     /* what a batch may grow to that cannot leave; 0: batch.size */
    int64_t open;          /* records that are not done */
    int flushes;           /* somebody waits: nothing lingers */
    int64_t now_ms;        /* of the last look or batch */
    int64_t topics_due_ms; /* before that no topic needs anything */
    int64_t wake_at_ms;    /* when acc_next is called next, at the latest; the sender sets it */
};

void acc_init(struct accumulator *acc, const struct client_values *config, uint64_t seed);
void acc_deinit(struct accumulator *acc);

/* Full batches that cannot leave yet, because enough requests are under way, grow: fewer of them
 * are cheaper for everybody. Where batch.size is nobody's wish. */
void acc_let_grow(struct accumulator *acc);

static inline bool acc_is_idempotent(const struct accumulator *acc)
{
    return (acc->config->enable_idempotence && acc->acks == -1) || acc->txn.is_transactional;
}

/* The topic, made if it is new. */
struct acc_topic *acc_topic(struct accumulator *acc, const char *name);

/* MESSAGE_TOO_LARGE, for a record that can never be taken. */
must_check int acc_check_size(const struct accumulator *acc, const struct ottla_message *m);

/* Where a record goes: UNKNOWN_TOPIC_OR_PARTITION (no such partition), MESSAGE_TOO_LARGE, or what
 * the transaction says; 0 and *ret otherwise. The topic's metadata is there. */
struct acc_place {
    struct acc_queue *queue;
    size_t bytes;
    bool is_new; /* it opens a batch: only then acc_add looks at now_ms */
};
must_check int acc_choose(struct accumulator *acc, struct acc_topic *t,
                          const struct ottla_message *m, struct acc_place *ret);

/* Puts a record where acc_choose said, just before; is true when the sender should look before
 * wake_at_ms. */
bool acc_add(struct accumulator *acc, const struct acc_place *place, const struct ottla_message *m,
             struct delivery_to to, int64_t wall_ms, int64_t now_ms);

/* What to ask now; PRODUCE_BATCHES must go through ask_seal before it is sent. */
struct produce_ask *acc_next(struct accumulator *acc, int64_t now_ms);
/* Compresses and completes the batches, which are the ask's alone. Any thread, without the lock. */
void ask_seal(struct produce_ask *ask);
void produce_fit(void *msg, int version);
void acc_take(struct accumulator *acc, struct produce_ask *ask, enum err e,
              const union produce_answer *resp, int64_t now_ms);
int64_t acc_deadline_ms(const struct accumulator *acc, int64_t now_ms);

/* Ends all that is not under way. */
void acc_fail_all(struct accumulator *acc, int code);

/* What became of its i-th record, once it is done. The text lives as the batch. */
struct acc_verdict {
    int code;
    const char *text; /* NULL: it is written */
};
struct acc_verdict acc_verdict(const struct acc_batch *b, int32_t i);

/* A batch at its end: its deliveries are to be told, then acc_free_batch. NULL: none. */
struct acc_batch *acc_done(struct accumulator *acc);
void acc_free_batch(struct accumulator *acc, struct acc_batch *b);

#endif
