/* Sequences of idempotent producers: which batch may go next, what a refused sequence means. Pure.
 * See accumulator.h, "Order"; the rules are those of Apache Kafka's TransactionManager. */
#include "client/producer/accumulator_int.h"

#include "client/error.h"

void order_new(struct accumulator *acc, struct acc_queue *q)
{
    q->producer_id = acc->txn.id;
    q->producer_epoch = acc->txn.epoch;
    q->next_sequence = 0;
    q->acked_sequence = -1;
    q->acked_off = -1;
    q->unresolved_next = q->gap = -1;
    q->needs_restart = false;
}

/* Sequences wrap. */
static bool is_before(int32_t a, int32_t b)
{
    uint32_t ahead = ((uint32_t)b - (uint32_t)a) & INT32_MAX;
    return ahead != 0 && ahead <= INT32_MAX / 2;
}

static bool is_current(const struct accumulator *acc, const struct acc_queue *q)
{
    return q->producer_id == acc->txn.id && q->producer_epoch == acc->txn.epoch;
}

static void restart(struct accumulator *acc, struct acc_queue *q)
{
    LIST_EACH(&q->batches, n, tmp) {
        LIST_ENTRY(n, struct acc_batch, node)->sequence = -1;
    }
    q->sequenced = 0;
    order_new(acc, q);
}

static struct acc_batch *first_waiting(const struct acc_queue *q)
{
    LIST_EACH(&q->batches, n, tmp) {
        struct acc_batch *b = LIST_ENTRY(n, struct acc_batch, node);
        if (!b->is_asked) {
            return b;
        }
    }
    return NULL;
}

/* With needs_restart: whether the batch of this sequence keeps it. */
static bool is_kept(const struct acc_queue *q, int32_t sequence)
{
    return sequence >= 0 && q->gap >= 0 && is_before(sequence, q->gap);
}

bool order_is_lost(const struct accumulator *acc, const struct acc_queue *q)
{
    return acc->txn.is_transactional && q->needs_restart && q->gap < 0 && is_current(acc, q);
}

/* A broker remembers the last five batches of a producer. The earliest one whose fate is open has
 * to stay among them, or its retry would look like a new one out of order: what was sent behind it
 * counts, even where that is written already. */
static bool is_window_full(const struct acc_queue *q)
{
    const struct acc_batch *first = acc_first(q);
    return first->sequence >= 0 && q->placed - first->place >= IN_FLIGHT_IDEMPOTENT;
}

struct acc_batch *order_next(struct accumulator *acc, struct acc_queue *q)
{
    struct acc_batch *b = first_waiting(q);
    if (b == NULL || !acc_is_idempotent(acc)) {
        return b;
    }
    if (order_is_lost(acc, q)) {
        return NULL;
    }
    bool is_first = b == acc_first(q);
    if (q->needs_restart && !is_kept(q, b->sequence)) {
        if (q->asked > 0) {
            return NULL;
        }
        restart(acc, q);
    }
    if (b->sequence >= 0) {
        return is_first ? b : NULL;
    }
    if (q->unresolved_next >= 0 || is_window_full(q)) {
        return NULL;
    }
    if (q->sequenced > 0 && (!is_current(acc, q) || q->known_id != acc->txn.id)) {
        return NULL; /* the old epoch first; and the first batch of an id alone */
    }
    if (!is_current(acc, q)) {
        order_new(acc, q);
    }
    return b;
}

void order_place(struct accumulator *acc, struct acc_batch *b)
{
    struct acc_queue *q = b->queue;
    if (acc_is_idempotent(acc) && b->sequence < 0) {
        b->producer_id = q->producer_id;
        b->producer_epoch = q->producer_epoch;
        b->sequence = q->next_sequence;
        q->next_sequence = seq_add(q->next_sequence, b->count);
        q->sequenced++;
        b->place = q->placed++;
    }
}

/* From here on the batches are to be numbered anew; those before it may be written already, and
 * keep their sequences until that is known. */
static void restart_at(struct acc_queue *q, int32_t sequence)
{
    bool is_earlier = q->needs_restart && (q->gap < 0 || is_before(q->gap, sequence));
    q->gap = is_earlier ? q->gap : sequence;
    q->needs_restart = true;
}

/* The same, in an epoch that the queue has not used. */
static void bump(struct accumulator *acc, struct acc_queue *q, int32_t sequence)
{
    if (!q->needs_restart && is_current(acc, q)) {
        txn_bump(&acc->txn);
    }
    restart_at(q, sequence);
}

static int32_t expected(const struct acc_queue *q)
{
    return q->acked_sequence < 0 ? 0 : seq_add(q->acked_sequence, 1);
}

static bool retries_out_of_order(struct accumulator *acc, const struct acc_batch *b)
{
    struct acc_queue *q = b->queue;
    bool is_unresolved = q->unresolved_next >= 0, is_txn = acc->txn.is_transactional;
    if (q->needs_restart && !is_kept(q, b->sequence)) {
        return !is_txn;
    }
    if (!is_unresolved && b->sequence != expected(q)) {
        return true; /* one before it is still to come */
    }
    if (is_txn) {
        return false;
    }
    if (!is_unresolved || b->sequence == q->unresolved_next) {
        bump(acc, q, b->sequence);
    }
    return true;
}

/* The broker has forgotten this producer. */
static bool retries_unknown(struct accumulator *acc, const struct acc_batch *b, int64_t log_start)
{
    struct acc_queue *q = b->queue;
    if (log_start < 0) {
        return true; /* an answer that says more will come */
    }
    if (!acc->txn.is_transactional) {
        bump(acc, q, b->sequence);
        return true;
    }
    if (!q->needs_restart && q->acked_off >= log_start) {
        return false;
    }
    restart_at(q, b->sequence); /* what it had written was removed from the log */
    return true;
}

bool order_retries(struct accumulator *acc, struct acc_batch *b, int code, int64_t log_start)
{
    if (order_is_lost(acc, b->queue)) {
        return false;
    }
    if (b->sequence >= 0 && code == ERR_OUT_OF_ORDER_SEQUENCE_NUMBER) {
        return retries_out_of_order(acc, b);
    }
    if (b->sequence >= 0 && code == ERR_UNKNOWN_PRODUCER_ID) {
        return retries_unknown(acc, b, log_start);
    }
    return code_is_retriable(code);
}

void order_written(struct acc_batch *b, int64_t base_off)
{
    struct acc_queue *q = b->queue;
    if (b->sequence >= 0 && b->producer_id == q->producer_id &&
        b->producer_epoch == q->producer_epoch) {
        q->known_id = b->producer_id;
        q->acked_sequence = seq_add(b->sequence, b->count - 1);
        q->acked_off = base_off < 0 ? q->acked_off : base_off + b->count - 1;
    }
}

/* The transaction will be aborted: what was sent before needs no other try. */
static void drop_sequenced(struct accumulator *acc, struct acc_queue *q,
                           const struct acc_batch *but, int code)
{
    LIST_EACH(&q->batches, n, tmp) {
        struct acc_batch *b = LIST_ENTRY(n, struct acc_batch, node);
        if (b != but && b->sequence >= 0 && !b->is_asked) {
            acc_end_batch(acc, b, code, -1);
        }
    }
}

void order_failed(struct accumulator *acc, struct acc_batch *b, int code, bool is_known)
{
    struct acc_queue *q = b->queue;
    if (acc->txn.is_transactional) {
        txn_batch_failed(&acc->txn, code);
        if (b->sequence >= 0) {
            q->needs_restart = true;
            q->gap = -1;
            drop_sequenced(acc, q, b, code);
        }
    } else if (b->sequence >= 0 && is_known) {
        bump(acc, q, b->sequence);
    } else if (b->sequence >= 0) {
        q->unresolved_next = seq_add(b->sequence, b->count);
    }
}

void order_settle(struct accumulator *acc, struct acc_queue *q)
{
    if (q->unresolved_next < 0 || q->sequenced > 0) {
        return;
    }
    q->unresolved_next = -1;
    if (expected(q) != q->next_sequence && !acc->txn.is_transactional) {
        bump(acc, q, q->next_sequence);
    }
}
