/* Between the files of the accumulator. */
#ifndef CLIENT_PRODUCER_ACCUMULATOR_INT_H
#define CLIENT_PRODUCER_ACCUMULATOR_INT_H

#include "client/producer/accumulator.h"

enum { IN_FLIGHT_IDEMPOTENT = 5 }; /* as many as a broker remembers */

/* accumulator.c */
int64_t acc_pause_ms(struct accumulator *acc, int failures);
struct acc_node *acc_node(struct accumulator *acc, int32_t id);
void acc_end_batch(struct accumulator *acc, struct acc_batch *b, int code, int64_t base_off);
struct acc_batch *acc_new_batch(struct accumulator *acc, struct acc_queue *q, int64_t now_ms);
void acc_put_record(struct acc_batch *b, const struct record *r, struct delivery_to to);
bool acc_is_ready(const struct accumulator *acc, const struct acc_batch *b, int64_t now_ms);
/* Whether another batch of the queue may go out at all: room at its leader and in its order. */
bool acc_has_room(const struct accumulator *acc, const struct acc_queue *q);

static inline struct acc_batch *acc_first(const struct acc_queue *q)
{
    struct list_node *n = list_front(&q->batches);
    return n ? LIST_ENTRY(n, struct acc_batch, node) : NULL;
}

/* acc_topics.c */
void acc_free_topic(struct accumulator *acc, struct acc_topic *t);
struct produce_ask *acc_ask_metadata(struct accumulator *acc, int64_t now_ms);
void acc_take_metadata(struct accumulator *acc, const struct produce_ask *ask, enum err e,
                       const struct metadata_resp *resp, int64_t now_ms);

/* acc_order.c: sequences */
void order_new(struct accumulator *acc, struct acc_queue *q);
/* The batch to be sent next, its turn permitting; NULL: none may. */
struct acc_batch *order_next(struct accumulator *acc, struct acc_queue *q);
void order_place(struct accumulator *acc, struct acc_batch *b);
/* A refusal: whether the batch is to be sent again. */
bool order_retries(struct accumulator *acc, struct acc_batch *b, int code, int64_t log_start);
void order_written(struct acc_batch *b, int64_t base_off);
void order_failed(struct accumulator *acc, struct acc_batch *b, int code, bool is_known);
/* A batch of the transaction has failed: nothing more of the queue goes out before the next
 * transaction, and its epoch. */
bool order_is_lost(const struct accumulator *acc, const struct acc_queue *q);
/* After batches came back or ended. */
void order_settle(struct accumulator *acc, struct acc_queue *q);

/* acc_words.c */
void words_of_answer(struct acc_batch *b, const struct produce_resp_partition_produce_response *r);
void words_of_delay(struct acc_batch *b); /* which its time has ended */
void words_drop(struct acc_batch *b);

/* acc_split.c */
bool acc_split(struct accumulator *acc, struct acc_batch *b, int64_t now_ms);

#endif
