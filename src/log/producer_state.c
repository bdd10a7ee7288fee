/* Producer state of one partition: the rules of idempotence and of open transactions.
 *
 * Invariants: txns holds exactly the producers with txn_first_off >= 0, in that order; a producer
 * with epoch NO_EPOCH is a reservation and counts as absent. */
#include "log/producer_state.h"

#include "base/assert.h"
#include "base/mem.h"

void producers_init(struct producers *x)
{
    *x = (struct producers){0};
    map_init(&x->by_id);
    list_init(&x->txns);
}

static void forget(struct producers *x, struct producer *p)
{
    if (list_is_linked(&p->txn_node)) {
        list_remove(&p->txn_node);
    }
    map_remove(&x->by_id, &p->node);
    mem_free(p);
}

void producers_clear(struct producers *x)
{
    MAP_EACH(&x->by_id, node, tmp) {
        forget(x, MAP_ENTRY(node, struct producer, node));
    }
    x->ended_count = 0;
}

void producers_deinit(struct producers *x)
{
    producers_clear(x);
    map_deinit(&x->by_id);
    mem_free(x->ended);
    producers_init(x);
}

void producers_move(struct producers *to, struct producers *from)
{
    producers_deinit(to);
    *to = *from;
    list_init(&to->txns);
    LIST_EACH(&from->txns, n, tmp) {
        list_remove(n);
        list_push_back(&to->txns, n);
    }
    producers_init(from);
}

static bool has_id(const struct map_node *n, const void *key)
{
    return MAP_ENTRY(n, struct producer, node)->id == *(const int64_t *)key;
}

static struct producer *find(const struct producers *x, int64_t id)
{
    struct map_node *n = map_find(&x->by_id, map_hash_u64((uint64_t)id), has_id, &id);
    return n != NULL ? MAP_ENTRY(n, struct producer, node) : NULL;
}

const struct producer *producers_find(const struct producers *x, int64_t id)
{
    const struct producer *p = find(x, id);
    return p != NULL && p->epoch != NO_EPOCH ? p : NULL;
}

static struct producer *add(struct producers *x, int64_t id)
{
    struct producer *p = mem_try(sizeof *p);
    if (p != NULL) {
        *p = (struct producer){.id = id,
                               .last_ts_ms = NO_TIMESTAMP,
                               .txn_first_off = -1,
                               .coordinator_epoch = -1,
                               .epoch = NO_EPOCH};
        map_insert(&x->by_id, map_hash_u64((uint64_t)id), &p->node);
    }
    return p;
}

static int32_t last_seq_of(const struct producer *p)
{
    return p->batch_count ? p->batches[p->batch_count - 1].last_seq : NO_SEQ;
}

const struct producer_batch *producers_find_retry(const struct producers *x, const struct batch *b)
{
    const struct producer *p = producers_find(x, b->producer_id);
    if (p == NULL || p->epoch != b->producer_epoch || b->base_seq < 0) {
        return NULL;
    }
    int32_t last_seq = batch_last_seq(b);
    for (int i = 0; i < p->batch_count; i++) {
        const struct producer_batch *old = &p->batches[i];
        if (old->last_seq == last_seq && old->off_delta == b->last_off_delta) {
            return old;
        }
    }
    return NULL;
}

static bool is_next_seq(int32_t last, int32_t next)
{
    return last == INT32_MAX ? next == 0 : next == last + 1;
}

static enum err check_seq(const struct producer *p, const struct batch *b, bool requires_seq_zero)
{
    bool is_known = p != NULL && p->batch_count > 0;
    if (!is_known && requires_seq_zero && b->base_seq != 0) {
        return ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    }
    if (p == NULL) {
        return OK; /* its records may have been deleted: any sequence is a beginning */
    }
    bool is_fine =
        p->epoch == b->producer_epoch ? is_next_seq(last_seq_of(p), b->base_seq) : b->base_seq == 0;
    return is_fine ? OK : ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
}

enum err producers_check(const struct producers *x, const struct batch *b, bool is_client,
                         bool requires_seq_zero)
{
    const struct producer *p = producers_find(x, b->producer_id);
    if (p != NULL && b->producer_epoch < p->epoch) {
        return ERR_INVALID_PRODUCER_EPOCH;
    }
    enum err e = is_client ? check_seq(p, b, requires_seq_zero) : OK;
    if (!e && p != NULL && p->txn_first_off >= 0 && !batch_is_transactional(b)) {
        e = ERR_INVALID_TXN_STATE;
    }
    return e;
}

enum err producers_check_marker(const struct producers *x, const struct batch *b,
                                const struct marker *m)
{
    const struct producer *p = producers_find(x, b->producer_id);
    if (p == NULL) {
        return OK;
    }
    /* KIP-1228: a marker of transactions V2 comes with a bumped epoch; the same epoch is fine only
     * as a retry, with the transaction over already */
    bool is_late = b->producer_epoch < p->epoch ||
                   (m->txn_version >= 2 && b->producer_epoch == p->epoch && p->txn_first_off >= 0);
    if (is_late) {
        return ERR_INVALID_PRODUCER_EPOCH;
    }
    return p->coordinator_epoch > m->coordinator_epoch ? ERR_TRANSACTION_COORDINATOR_FENCED : OK;
}

static enum err reserve_ended(struct producers *x)
{
    if (x->ended_count < x->ended_cap) {
        return OK;
    }
    uint32_t cap = x->ended_cap ? x->ended_cap * 2 : 4;
    struct ended_txn *p = mem_try_realloc(x->ended, cap * sizeof *p);
    if (p == NULL) {
        return ERR_NO_MEMORY;
    }
    x->ended = p;
    x->ended_cap = cap;
    return OK;
}

enum err producers_reserve(struct producers *x, const struct batch *b)
{
    if (find(x, b->producer_id) == NULL && add(x, b->producer_id) == NULL) {
        return ERR_NO_MEMORY;
    }
    return batch_is_control(b) ? reserve_ended(x) : OK;
}

void producers_unreserve(struct producers *x, int64_t id)
{
    struct producer *p = find(x, id);
    if (p != NULL && p->epoch == NO_EPOCH) {
        forget(x, p);
    }
}

static void set_epoch(struct producer *p, int16_t epoch)
{
    if (p->epoch != epoch) {
        p->epoch = epoch;
        p->batch_count = 0;
    }
}

static void push_batch(struct producer *p, struct producer_batch b)
{
    if (p->batch_count == PRODUCER_BATCHES) {
        memmove(p->batches, p->batches + 1, sizeof p->batches - sizeof p->batches[0]);
        p->batch_count--;
    }
    p->batches[p->batch_count++] = b;
}

static void begin_txn(struct producers *x, struct producer *p, int64_t first_off)
{
    /* the new one is nearly always the last, so look from the back */
    struct list_node *at = &x->txns.head;
    while (at->prev != &x->txns.head &&
           LIST_ENTRY(at->prev, struct producer, txn_node)->txn_first_off > first_off) {
        at = at->prev;
    }
    p->txn_first_off = first_off;
    list_insert_before(at, &p->txn_node);
}

void producers_apply(struct producers *x, const struct batch *b)
{
    struct producer *p = find(x, b->producer_id);
    ASSERT(p != NULL);
    set_epoch(p, b->producer_epoch);
    p->last_ts_ms = b->max_ts_ms;
    push_batch(p, (struct producer_batch){.last_off = batch_last_off(b),
                                          .ts_ms = b->max_ts_ms,
                                          .last_seq = batch_last_seq(b),
                                          .off_delta = b->last_off_delta});
    if (batch_is_transactional(b) && p->txn_first_off < 0) {
        begin_txn(x, p, b->base_off);
    }
}

bool producers_apply_marker(struct producers *x, const struct batch *b, const struct marker *m,
                            int64_t *ret_first_off)
{
    struct producer *p = find(x, b->producer_id);
    ASSERT(p != NULL && x->ended_count < x->ended_cap);
    set_epoch(p, b->producer_epoch);
    p->coordinator_epoch = m->coordinator_epoch;
    p->last_ts_ms = b->max_ts_ms;
    if (p->txn_first_off < 0) {
        return false;
    }
    *ret_first_off = p->txn_first_off;
    x->ended[x->ended_count++] = (struct ended_txn){p->txn_first_off, b->base_off};
    list_remove(&p->txn_node);
    p->txn_first_off = -1;
    return true;
}

int64_t producers_first_open_off(const struct producers *x)
{
    struct list_node *first = list_front(&x->txns);
    return first != NULL ? LIST_ENTRY(first, struct producer, txn_node)->txn_first_off : -1;
}

int64_t producers_first_unstable_off(struct producers *x, int64_t high_watermark)
{
    int64_t first = producers_first_open_off(x);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < x->ended_count; i++) {
        struct ended_txn t = x->ended[i];
        if (t.marker_off < high_watermark) {
            continue;
        }
        x->ended[kept++] = t;
        first = first < 0 || t.first_off < first ? t.first_off : first;
    }
    x->ended_count = kept;
    return first;
}

int64_t producers_stable_off_after(const struct producers *x, int64_t first_off, int64_t marker_off)
{
    LIST_EACH(&x->txns, node, tmp) {
        int64_t off = LIST_ENTRY(node, struct producer, txn_node)->txn_first_off;
        if (off != first_off) {
            return off;
        }
    }
    return marker_off + 1;
}

void producers_expire(struct producers *x, int64_t now_ms, int64_t expiration_ms)
{
    int64_t oldest_ms; /* timestamps are whatever a client or a file says */
    if (__builtin_sub_overflow(now_ms, expiration_ms, &oldest_ms)) {
        return;
    }
    MAP_EACH(&x->by_id, node, tmp) {
        struct producer *p = MAP_ENTRY(node, struct producer, node);
        if (p->txn_first_off < 0 && p->epoch != NO_EPOCH && p->last_ts_ms <= oldest_ms) {
            forget(x, p);
        }
    }
}

/* A later batch of a producer that is there already. */
static enum err restore_more(struct producer *p, const struct producer_restore *r)
{
    bool is_later = p->batch_count > 0 && p->batch_count < PRODUCER_BATCHES &&
                    r->last.last_off > p->batches[p->batch_count - 1].last_off;
    if (!is_later || r->epoch != p->epoch || r->txn_first_off != p->txn_first_off ||
        r->coordinator_epoch != p->coordinator_epoch) {
        return ERR_MALFORMED;
    }
    p->last_ts_ms = r->last.ts_ms;
    push_batch(p, r->last);
    return OK;
}

enum err producers_restore(struct producers *x, const struct producer_restore *r)
{
    struct producer *p = find(x, r->id);
    if (p != NULL) {
        return restore_more(p, r);
    }
    p = add(x, r->id);
    if (p == NULL) {
        return ERR_NO_MEMORY;
    }
    p->epoch = r->epoch;
    p->last_ts_ms = r->last.ts_ms;
    p->coordinator_epoch = r->coordinator_epoch;
    if (r->last.last_off >= 0) {
        push_batch(p, r->last);
    }
    if (r->txn_first_off >= 0) {
        begin_txn(x, p, r->txn_first_off);
    }
    return OK;
}
