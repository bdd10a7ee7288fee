/* Appending: checks against producer state, offsets, one write, and only then the publication of
 * the new end under mu. The log's single writer.
 *
 * Invariant: what is not published does not exist; a write that failed half-way is cut off again or
 * the log is poisoned. */
#include "log/log_priv.h"

#include "base/assert.h"

/* What an append would do, known before anything is written. */
struct plan {
    int64_t first_off, next_off;
    int64_t max_ts_ms;
};

static enum err plan_duplicate(const struct log *log, const struct batch *b,
                               struct log_appended *ret)
{
    const struct producer_batch *old = producers_find_retry(&log->producers, b);
    if (old == NULL) {
        return ERR_NOT_FOUND;
    }
    ret->base_off = old->last_off - old->off_delta;
    ret->last_off = old->last_off;
    ret->duplicate_ts_ms = old->ts_ms;
    ret->is_duplicate = true;
    return OK;
}

/* Checks b against its producer and makes room for its state. */
static enum err plan_producer(struct log *log, const struct log_append *a, const struct batch *b)
{
    struct marker m;
    enum err e = OK;
    if (!batch_has_producer(b)) {
        return OK;
    }
    if (batch_is_control(b) && marker_parse(b, &m)) {
        m.txn_version = a->txn_version;
        e = a->origin == LOG_FROM_LEADER ? OK : producers_check_marker(&log->producers, b, &m);
    } else if (a->origin != LOG_FROM_LEADER) {
        e = producers_check(&log->producers, b, a->origin == LOG_FROM_CLIENT, a->requires_seq_zero);
    }
    if (!e && batch_is_control(b) && !log_reserve_abort(log)) {
        e = ERR_NO_MEMORY;
    }
    return e ? e : producers_reserve(&log->producers, b);
}

static enum err next_batch(const struct log_append *a, size_t at, struct batch *ret_batch)
{
    enum err e = batch_parse((struct bytes){a->p + at, a->len - at}, ret_batch);
    if (e || ret_batch->last_off_delta < 0) {
        return ERR_CORRUPT_MESSAGE;
    }
    return OK;
}

/* Gives b its place at or after plan->next_off. */
static enum err plan_offsets(const struct log_append *a, struct batch *b, uint8_t *p,
                             struct plan *plan)
{
    if (a->origin == LOG_FROM_LEADER) {
        if (b->base_off < plan->next_off || b->base_off > INT64_MAX - b->last_off_delta - 1) {
            return ERR_OFFSET_OUT_OF_RANGE;
        }
    } else {
        batch_patch(p, plan->next_off, a->leader_epoch);
        b->base_off = plan->next_off;
    }
    plan->next_off = batch_next_off(b);
    plan->max_ts_ms = MAX(plan->max_ts_ms, b->max_ts_ms);
    return OK;
}

static void unreserve(struct log *log, const struct log_append *a)
{
    struct batch b;
    for (size_t at = 0; at < a->len && next_batch(a, at, &b) == OK; at += b.size_bytes) {
        if (batch_has_producer(&b)) {
            producers_unreserve(&log->producers, b.producer_id);
        }
    }
}

static enum err plan_batches(struct log *log, const struct log_append *a, struct plan *plan,
                             struct log_appended *ret)
{
    struct batch b;
    plan->next_off = log->end_off;
    plan->max_ts_ms = NO_TIMESTAMP;
    for (size_t at = 0; at < a->len; at += b.size_bytes) {
        enum err e = next_batch(a, at, &b);
        if (e) {
            return e;
        }
        if (a->origin == LOG_FROM_CLIENT && at == 0 && plan_duplicate(log, &b, ret) == OK) {
            return OK;
        }
        e = plan_producer(log, a, &b);
        e = e ? e : plan_offsets(a, &b, a->p + at, plan);
        if (e) {
            return e;
        }
        plan->first_off = at == 0 ? b.base_off : plan->first_off;
    }
    return OK;
}

static enum err plan_append(struct log *log, const struct log_append *a, struct plan *plan,
                            struct log_appended *ret)
{
    if (log->is_poisoned) {
        return ERR_POISONED;
    }
    if (a->len == 0 || a->len > (uint64_t)log->config.segment_bytes) {
        return a->len == 0 ? ERR_CORRUPT_MESSAGE : ERR_RECORD_LIST_TOO_LARGE;
    }
    enum err e = plan_batches(log, a, plan, ret);
    if (e) {
        unreserve(log, a);
    }
    return e;
}

/* The first batch's timestamp of a segment that was there before us. */
static void load_first_ts(struct log *log, struct seg *seg, struct file *f)
{
    uint8_t head[BATCH_HEADER_BYTES];
    struct batch b;
    if (file_read_exact(f, head, sizeof head, 0) == OK &&
        batch_parse_header((struct bytes){head, sizeof head}, &b) == OK) {
        seg->first_ts_ms = b.max_ts_ms;
    } else {
        seg->first_ts_ms = NO_TIMESTAMP;
    }
    seg->has_first_ts = true;
}

static bool is_roll_due(const struct log *log, const struct seg *seg, const struct log_append *a,
                        const struct plan *plan)
{
    const struct log_config *c = &log->config;
    if (plan->next_off - 1 - seg->base_off > INT32_MAX) {
        return true;
    }
    if (seg->size_bytes == 0) {
        return false;
    }
    int64_t waited_ms = seg->has_first_ts && seg->first_ts_ms >= 0
                            ? plan->max_ts_ms - seg->first_ts_ms
                            : a->now_ms - seg->created_ms;
    uint64_t index_bytes = (uint64_t)(rows_count(&log->rows[SEG_INDEX - 1]) + 1) * INDEX_ROW_BYTES;
    return seg->size_bytes + a->len > (uint64_t)c->segment_bytes ||
           waited_ms > c->segment_ms - log->jitter_ms ||
           index_bytes > (uint64_t)c->segment_index_bytes;
}

/* A new segment begins where the one before ends, even if the leader's next offset lies beyond: a
 * gap between two segments is a sign of loss. */
static int64_t roll_off(const struct log *log, const struct plan *plan)
{
    bool is_near = plan->next_off - 1 - log->end_off <= INT32_MAX;
    return is_near ? log->end_off : plan->first_off;
}

static enum err roll_if_due(struct log *log, const struct log_append *a, const struct plan *plan,
                            struct log_appended *ret)
{
    struct seg *seg = log_active(log);
    if (!seg->has_first_ts && seg->size_bytes > 0) {
        struct file *f;
        enum err e = seg_file(seg, log->fs, log->dir, SEG_LOG, &f);
        if (e) {
            return e;
        }
        load_first_ts(log, seg, f);
    }
    mutex_lock(&log->mu);
    bool is_due = is_roll_due(log, seg, a, plan);
    mutex_unlock(&log->mu);
    if (!is_due) {
        return OK;
    }
    ret->has_rolled = true;
    return log_roll_at(log, roll_off(log, plan));
}

/* One write. What it left of a failure is cut off, or nobody may write any more. */
static enum err write_batches(struct log *log, const struct log_append *a)
{
    struct seg *seg = log_active(log);
    struct file *f;
    enum err e = seg_file(seg, log->fs, log->dir, SEG_LOG, &f);
    if (e) {
        return e;
    }
    e = file_pwrite(f, a->p, a->len, seg->size_bytes);
    if (e && file_truncate(f, seg->size_bytes) != OK) {
        log_poison(log, "a failed write could not be cut off");
    }
    return e;
}

static void publish_producer(struct log *log, const struct batch *b)
{
    struct marker m;
    int64_t first_off;
    if (!batch_has_producer(b)) {
        return;
    }
    if (!batch_is_control(b)) {
        producers_apply(&log->producers, b);
    } else if (!marker_parse(b, &m)) {
        producers_unreserve(&log->producers, b->producer_id);
    } else if (producers_apply_marker(&log->producers, b, &m, &first_off) && !m.is_commit) {
        log_index_abort(log, b, first_off);
    }
}

static void publish_batch(struct log *log, const struct batch *b)
{
    struct seg *seg = log_active(log);
    uint64_t pos = seg->size_bytes;
    if (pos == 0) {
        seg->first_ts_ms = b->max_ts_ms;
        seg->has_first_ts = true;
    }
    log_note_recent(log, b, pos);
    log_index_batch(log, b, pos);
    seg->size_bytes += b->size_bytes;
    log->size_bytes += b->size_bytes;
    if (epochs_assign(&log->epochs, b->leader_epoch, b->base_off)) {
        log->are_epochs_dirty = true;
    }
    log->end_off = batch_next_off(b);
    publish_producer(log, b);
}

static void publish(struct log *log, const struct log_append *a)
{
    struct batch b;
    for (size_t at = 0; at < a->len; at += b.size_bytes) {
        enum err e = batch_parse((struct bytes){a->p + at, a->len - at}, &b);
        ASSERT(e == OK);
        publish_batch(log, &b);
    }
    log->touched_ms = clock_mono_ms(log->clock);
}

static bool is_any_rows_full(const struct log *log)
{
    return rows_is_full(&log->rows[0]) || rows_is_full(&log->rows[1]) ||
           rows_is_full(&log->rows[2]);
}

enum err log_append(struct log *log, const struct log_append *a, struct log_appended *ret_appended)
{
    struct plan plan = {0};
    struct log_appended done = {0};
    mutex_lock(&log->mu);
    enum err e = plan_append(log, a, &plan, &done);
    done.start_off = log->start_off;
    log->is_writing = !e && !done.is_duplicate;
    mutex_unlock(&log->mu);
    if (e || done.is_duplicate) {
        goto out;
    }
    e = roll_if_due(log, a, &plan, &done);
    if (!e) {
        e = write_batches(log, a);
    }
    mutex_lock(&log->mu);
    if (e) {
        unreserve(log, a);
    } else {
        publish(log, a);
    }
    log->is_writing = false;
    bool is_flush_due = is_any_rows_full(log);
    mutex_unlock(&log->mu);
    if (!e && is_flush_due) {
        log_ignore(
            log_flush_rows(log)); /* index rows are a convenience: they wait, or are left out */
    }
    done.base_off = plan.first_off;
    done.last_off = plan.next_off - 1;
out:
    if (!e) {
        *ret_appended = done;
    }
    return e;
}
