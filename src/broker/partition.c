/* Appending to a partition and moving its high watermark. Any worker; see partition.h for the
 * locks. */
#include "broker/partition.h"

#include "base/diag.h"
#include "base/mem.h"
#include "broker/syncer.h"
#include "broker/wait.h"
#include "log/logdir.h"

struct partition *partition_new(const struct partition_args *args,
                                const struct partition_config *config)
{
    struct partition *p = NEW(struct partition);
    atomic_store(&p->refs, 1);
    p->topic_name = (struct str){str_dup(args->topic_name), args->topic_name.len};
    p->topic_id = args->topic_id;
    p->index = args->index;
    p->dir = args->dir;
    p->gate = args->gate;
    p->log = args->log;
    p->syncer = args->syncer;
    p->config = *config;
    p->leader_epoch = args->leader_epoch;
    p->high_watermark = log_end_pos(args->log);
    mutex_init(&p->upkeep_lock);
    mutex_init(&p->append_lock);
    mutex_init(&p->lock);
    list_init(&p->waiters);
    return p;
}

void partition_ref(struct partition *p) { atomic_fetch_add(&p->refs, 1); }

void partition_abandon(struct partition *p) { fs_gate_shut(p->gate); }

/* Of a deleted partition nothing is to be kept: its directory is gone or has another name. */
static enum err close_log(struct partition *p)
{
    if (!partition_is_deleted(p)) {
        return log_close(p->log);
    }
    log_abandon(p->log);
    return OK;
}

void partition_unref(struct partition *p)
{
    if (p == NULL || atomic_fetch_sub(&p->refs, 1) != 1) {
        return;
    }
    enum err e = close_log(p);
    if (e) {
        diag_warn(DIAG_PARTITION, "%.*s-%d: closing its log failed: %s", STR_ARG(p->topic_name),
                  p->index, err_text(e));
        logdir_spoil(p->dir);
    }
    fs_gate_deinit(p->gate);
    mem_free(p->gate);
    mutex_deinit(&p->upkeep_lock);
    mutex_deinit(&p->append_lock);
    mutex_deinit(&p->lock);
    mem_free((void *)(uintptr_t)p->topic_name.p);
    mem_free(p);
}

void partition_set_config(struct partition *p, const struct partition_config *config)
{
    mutex_lock(&p->append_lock);
    mutex_lock(&p->lock);
    p->config = *config;
    mutex_unlock(&p->lock);
    log_set_config(p->log, &config->log);
    mutex_unlock(&p->append_lock);
}

void partition_lead(struct partition *p, int32_t leader_epoch)
{
    mutex_lock(&p->append_lock);
    mutex_lock(&p->lock);
    p->leader_epoch = MAX(p->leader_epoch, leader_epoch);
    mutex_unlock(&p->lock);
    mutex_unlock(&p->append_lock);
}

/* Unlinks and fires every waiter whose offset is reached, or all of them when offline. Under
 * p->lock. */
static void fire_waiters(struct partition *p)
{
    LIST_EACH(&p->waiters, n, tmp) {
        struct waiter *w = LIST_ENTRY(n, struct waiter, node);
        if (p->offline || p->high_watermark.off >= w->need_off) {
            list_remove(n);
            waiter_fire(w);
        }
    }
}

void partition_wait(struct waiter *w)
{
    struct partition *p = w->part;
    w->node = (struct list_node){0};
    mutex_lock(&p->lock);
    if (p->offline || p->high_watermark.off >= w->need_off) {
        waiter_fire(w);
    } else {
        list_push_back(&p->waiters, &w->node);
    }
    mutex_unlock(&p->lock);
}

void partition_unwait(struct waiter *w)
{
    mutex_lock(&w->part->lock);
    if (list_is_linked(&w->node)) {
        list_remove(&w->node);
    }
    mutex_unlock(&w->part->lock);
}

void partition_take_offline(struct partition *p, enum err why)
{
    mutex_lock(&p->append_lock); /* an append that has begun ends first */
    mutex_lock(&p->lock);
    atomic_store(&p->offline, (int)why);
    fire_waiters(p);
    mutex_unlock(&p->lock);
    mutex_unlock(&p->append_lock);
}

bool partition_is_deleted(struct partition *p)
{
    return atomic_load(&p->offline) == ERR_UNKNOWN_TOPIC_OR_PARTITION ||
           atomic_load(&p->is_handed_over);
}

static void move_high_watermark(struct partition *p, struct log_pos to)
{
    if (to.off > p->high_watermark.off) {
        p->high_watermark = to;
        fire_waiters(p);
    }
}

void partition_hand_over(struct partition *p)
{
    mutex_lock(&p->lock);
    move_high_watermark(p, log_end_pos(p->log));
    atomic_store(&p->is_handed_over, true);
    atomic_store(&p->offline, ERR_NOT_LEADER_OR_FOLLOWER);
    fire_waiters(p);
    mutex_unlock(&p->lock);
}

/* Whether the bytes just appended must be synced before they are acknowledged. Under append_lock.
 */
static bool must_sync(const struct partition *p)
{
    return p->config.flush_before_ack ||
           log_end_off(p->log) - log_synced_off(p->log) >= p->config.flush_messages;
}

/* After an append, under append_lock: publishes the new end or asks for the sync that will. */
static void after_append(struct partition *p, int64_t now_ms)
{
    bool wants_sync = must_sync(p);
    mutex_lock(&p->lock);
    if (p->dirty_since_ms == 0) {
        p->dirty_since_ms = now_ms;
    }
    if (!wants_sync) {
        move_high_watermark(p, log_end_pos(p->log));
    }
    bool is_first = wants_sync && !p->is_sync_queued;
    p->is_sync_queued |= wants_sync;
    mutex_unlock(&p->lock);
    if (is_first) {
        syncer_queue(p->syncer, p);
    }
}

static enum err to_kafka(struct partition *p, enum err e)
{
    switch (e) {
    case ERR_CLOSED:
        return (enum err)atomic_load(&p->offline);
    case ERR_POISONED:
    case ERR_IO:
    case ERR_NO_FDS:
    case ERR_NO_SPACE:
    case ERR_PERMISSION:
    case ERR_NOT_FOUND:
        diag_error(DIAG_PARTITION, "%.*s-%d: append failed: %s", STR_ARG(p->topic_name), p->index,
                   err_text(e));
        return ERR_KAFKA_STORAGE_ERROR;
    case ERR_NO_MEMORY:
        return ERR_REQUEST_TIMED_OUT; /* not done, and worth another try */
    default:
        return err_is_wire(e) ? e : ERR_UNKNOWN_SERVER_ERROR;
    }
}

/* Under append_lock. */
static enum err append_locked(struct partition *p, const struct partition_append *a,
                              const struct validate_result *valid, struct partition_appended *ret)
{
    struct log_append la = {
        .p = (uint8_t *)(uintptr_t)valid->batch.p,
        .len = valid->batch.size_bytes,
        .origin = a->is_internal ? LOG_FROM_COORDINATOR : LOG_FROM_CLIENT,
        .leader_epoch = p->leader_epoch,
        .now_ms = a->now_ms,
    };
    enum err offline = (enum err)atomic_load(&p->offline);
    if (offline) {
        return offline;
    }
    enum err e = log_append(p->log, &la, &ret->log);
    if (e) {
        return to_kafka(p, e);
    }
    if (!ret->log.is_duplicate) {
        after_append(p, a->now_ms);
    }
    return OK;
}

enum err partition_append(struct partition *p, const struct partition_append *a,
                          struct partition_appended *ret)
{
    struct validate_result valid = {0};
    struct validate_rules rules;
    struct buf rewritten = BUF_INIT;
    mutex_lock(&p->lock);
    rules = p->config.rules;
    mutex_unlock(&p->lock);
    enum err e =
        validate_produce(&rules, a->p, a->len, a->api_version, a->now_ms, &rewritten, &valid);
    ret->message = valid.message;
    ret->append_time_ms = valid.append_time_ms;
    ret->record_error_count = valid.record_error_count;
    ret->error_start_off = -1;
    if (e) {
        ret->error_start_off = valid.is_for_log ? log_start_off(p->log) : -1;
        memcpy(ret->record_errors, valid.record_errors,
               sizeof *ret->record_errors * (size_t)valid.record_error_count);
        e = to_kafka(p, e);
    } else {
        mutex_lock(&p->append_lock);
        e = append_locked(p, a, &valid, ret);
        mutex_unlock(&p->append_lock);
        bool is_refused = e && e != ERR_KAFKA_STORAGE_ERROR && e != ERR_UNKNOWN_TOPIC_OR_PARTITION;
        ret->error_start_off = is_refused ? log_start_off(p->log) : -1;
        atomic_store_explicit(&p->touched_ms, a->now_ms, memory_order_relaxed);
    }
    buf_deinit(&rewritten);
    return e;
}

void partition_sync(struct partition *p)
{
    struct log_pos end;
    mutex_lock(&p->lock);
    p->is_sync_queued = false;
    p->is_sync_due = false;
    p->dirty_since_ms = 0;
    mutex_unlock(&p->lock);
    if (partition_is_deleted(p)) {
        return; /* nobody waits, and the directory may be another log's */
    }
    enum err e = log_sync(p->log, &end);
    mutex_lock(&p->lock);
    if (e == ERR_NO_FDS || e == ERR_NO_MEMORY) {
        diag_warn(DIAG_PARTITION, "%.*s-%d: fsync has to wait: %s", STR_ARG(p->topic_name),
                  p->index, err_text(e));
        p->is_sync_due = true;
    } else if (e && atomic_load(&p->offline) == OK) {
        diag_error(DIAG_PARTITION, "%.*s-%d: fsync failed (%s): nothing more is acknowledged on it",
                   STR_ARG(p->topic_name), p->index, err_text(e));
        atomic_store(&p->offline, ERR_KAFKA_STORAGE_ERROR);
        fire_waiters(p);
    } else if (!e) {
        move_high_watermark(p, end);
    }
    mutex_unlock(&p->lock);
}

void partition_tick(struct partition *p, int64_t now_ms)
{
    mutex_lock(&p->lock);
    bool is_late = p->dirty_since_ms != 0 && p->config.flush_ms != INT64_MAX &&
                   now_ms - p->dirty_since_ms >= p->config.flush_ms;
    bool is_first = (is_late || p->is_sync_due) && !p->is_sync_queued;
    p->is_sync_queued |= is_first;
    mutex_unlock(&p->lock);
    if (is_first) {
        syncer_queue(p->syncer, p);
    }
}

void partition_view(struct partition *p, struct partition_view *ret_view)
{
    mutex_lock(&p->lock);
    ret_view->high_watermark = p->high_watermark;
    ret_view->leader_epoch = p->leader_epoch;
    ret_view->offline = (enum err)atomic_load(&p->offline);
    mutex_unlock(&p->lock);
    int64_t hw = ret_view->high_watermark.off;
    int64_t unstable = log_unstable_off(p->log, hw);
    ret_view->last_stable_off = unstable >= 0 && unstable < hw ? unstable : hw;
    ret_view->start_off = log_start_off(p->log);
    ret_view->end_off = log_end_off(p->log);
}

enum err partition_check_epoch(const struct partition_view *v, int32_t epoch)
{
    if (epoch == NO_LEADER_EPOCH || epoch == v->leader_epoch) {
        return OK;
    }
    return epoch < v->leader_epoch ? ERR_FENCED_LEADER_EPOCH : ERR_UNKNOWN_LEADER_EPOCH;
}

enum err partition_retain(struct partition *p, int64_t now_ms, int *ret_deleted_count)
{
    struct partition_view v;
    mutex_lock(&p->upkeep_lock);
    partition_view(p, &v);
    mutex_lock(&p->append_lock);
    enum err e = v.offline ? ERR_CLOSED
                           : log_retain(p->log, v.high_watermark.off, now_ms, ret_deleted_count);
    if (!e) {
        log_expire_producers(p->log, now_ms);
    }
    mutex_unlock(&p->append_lock);
    mutex_unlock(&p->upkeep_lock);
    return e;
}

void partition_epoch_end(struct partition *p, const struct partition_view *v, int32_t epoch,
                         int32_t *ret_epoch, int64_t *ret_end_off)
{
    int32_t last = log_last_epoch(p->log);
    bool is_known = epoch <= last && last != NO_LEADER_EPOCH;
    if (epoch == v->leader_epoch) {
        *ret_epoch = epoch;
        *ret_end_off = v->end_off;
        return;
    }
    if (epoch != NO_LEADER_EPOCH && epoch < v->leader_epoch && !is_known) {
        /* ours begins at the end of the log, which learns of it with the first append */
        *ret_epoch = last == NO_LEADER_EPOCH ? epoch : last;
        *ret_end_off = v->end_off;
        return;
    }
    log_epoch_end(p->log, epoch, ret_epoch, ret_end_off);
}

enum err partition_delete_records(struct partition *p, int64_t off, int64_t *ret_low_watermark)
{
    struct partition_view v;
    partition_view(p, &v);
    if (v.offline) {
        return v.offline;
    }
    mutex_lock(&p->lock);
    bool is_allowed = p->config.log.is_deleted_by_retention;
    mutex_unlock(&p->lock);
    if (!is_allowed) { /* a compacted topic keeps the last of each key */
        return ERR_POLICY_VIOLATION;
    }
    if (off == -1) {
        off = v.high_watermark.off;
    }
    if (off < 0 || off > v.high_watermark.off) {
        return ERR_OFFSET_OUT_OF_RANGE;
    }
    mutex_lock(&p->append_lock);
    enum err e = log_set_start(p->log, off);
    mutex_unlock(&p->append_lock);
    *ret_low_watermark = log_start_off(p->log);
    return e ? to_kafka(p, e) : OK;
}
