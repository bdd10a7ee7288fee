/* Opening a log: carries out the plans of recover.c on its segments, and builds struct log. One
 * thread; nobody else sees the log before log_open returns. */
#include "log/recover_priv.h"

#include "base/diag.h"
#include "base/mem.h"
#include "log/find.h"

/* --- segments --- */

/* A snapshot, or a stored point, that cannot be read now may be read by the next start. It must not
 * trust then what this one is about to rewrite. */
static enum err void_unread(struct recovery *r)
{
    enum err e = OK;
    for (size_t i = 0; i < r->snapshots.count && !e; i++) {
        int64_t off = r->snapshots.p[i];
        if (off > r->recovery_off && off <= r->log->claimed_off) {
            e = snapshot_void(r->log, off);
        }
    }
    return e;
}

/* The recovery point is only believed where a good producer snapshot stands: one is written at
 * every point that was ever claimed, so an older one bounds what a lost or stale checkpoint file
 * can make us trust. */
static enum err find_recovery_off(struct recovery *r)
{
    if (r->args->was_clean) {
        r->recovery_off = r->durable_off = INT64_MAX;
        return OK;
    }
    r->recovery_off = recover_load_snapshot(r, r->args->recovery_point_off);
    r->durable_off = r->recovery_off;
    producers_clear(r->producers);
    if (r->has_memo) { /* younger than any stored point: nothing below one is rewritten */
        r->recovery_off = r->memo.off;
        return OK;
    }
    return void_unread(r);
}

static enum err scan_segs(struct recovery *r, struct scanned *scanned)
{
    enum err e = OK;
    bool is_over = false;
    for (size_t i = 0; i < r->seg_count && !e && !is_over; i++) {
        struct recover_seg *rs = &r->segs[i];
        if (rs->scan == SCAN_NONE) {
            continue;
        }
        e = recover_scan_seg(r, rs, &scanned[i]);
        if (e == ERR_CORRUPT_MESSAGE && rs->scan == SCAN_CHECK) {
            e = recover_scan_seg(r, rs, &scanned[i]); /* was a tail, is to be checked now */
        }
        is_over = rs->is_cut && rs->scan == SCAN_CHECK;
    }
    return e;
}

static enum err drop_seg(struct recovery *r, const struct recover_seg *rs)
{
    struct seg *seg = seg_new(rs->base_off);
    r->stats.truncated_bytes += (int64_t)rs->size_bytes;
    r->is_dir_changed = true;
    enum err e = seg_remove(seg, r->log->fs, r->log->dir);
    seg_unref(seg);
    return e;
}

static enum err cut_seg(struct recovery *r, const struct recover_seg *rs, struct seg *seg)
{
    struct file *f;
    if (rs->good_bytes == rs->size_bytes) {
        return OK;
    }
    r->stats.truncated_bytes += (int64_t)(rs->size_bytes - rs->good_bytes);
    enum err e = seg_file(seg, r->log->fs, r->log->dir, SEG_LOG, &f);
    e = e ? e : file_truncate(f, rs->good_bytes);
    return e ? e : file_sync(f); /* what was behind must never follow what is written next */
}

static enum err adopt_seg(struct recovery *r, const struct recover_seg *rs)
{
    struct log *log = r->log;
    struct seg *seg = seg_new(rs->base_off);
    bool is_damaged_below = rs->scan == SCAN_REBUILD && rs->is_cut;
    seg->size_bytes = is_damaged_below ? rs->size_bytes : rs->good_bytes;
    seg->created_ms = clock_wall_ms(log->clock);
    log->size_bytes += seg->size_bytes;
    log_push_seg(log, seg);
    return rs->scan == SCAN_CHECK ? cut_seg(r, rs, seg) : OK;
}

static enum err create_first_seg(struct recovery *r, int64_t base_off)
{
    struct log *log = r->log;
    struct seg *seg = log_new_seg(log, base_off);
    struct file *f;
    enum err e = seg_file_create(seg, log->fs, log->dir, SEG_LOG, &f);
    if (e) {
        seg_unref(seg);
        return e;
    }
    log_push_seg(log, seg);
    log->end_off = base_off;
    log->is_dir_dirty = true;
    return OK;
}

static void set_active(struct log *log, const struct recover_seg *rs, const struct scanned *s)
{
    struct seg *seg = log_active(log);
    log_init_rows(log, s->row_counts);
    log->unindexed_bytes = s->unindexed_bytes;
    log->timeindex_last_ts = s->last_time.ts_ms;
    log->end_off = rs->next_off;
    if (s->has_last) {
        log_note_recent(log, &s->last, s->last_pos);
    }
    seg->max_ts_ms = s->max_time.ts_ms;
    seg->max_ts_off = s->max_time.off;
    seg->has_max_ts = true;
}

/* Up to where offsets may be missing between segments. Our compaction only works below a recovery
 * point that was stored; Apache Kafka's goes beyond it, but stores how far it came. Behind both a
 * gap is a loss. A newest snapshot below the recovery point is where the log was truncated to
 * since. (A point that is not known may have been any.) */
static int64_t gaps_upto(const struct recovery *r)
{
    int64_t point_off = r->args->recovery_point_off;
    int64_t cleaned_off = r->args->cleaned_off > 0 ? r->args->cleaned_off : -1;
    if (!r->log->config.has_gaps) {
        return cleaned_off;
    }
    if (point_off < 0 || r->args->was_clean) {
        return INT64_MAX;
    }
    int64_t upto_off = point_off;
    for (size_t i = 0; i < r->snapshots.count && r->snapshots.p[i] <= point_off; i++) {
        upto_off = r->snapshots.p[i];
    }
    return MAX(upto_off, cleaned_off);
}

/* All that goes is gone before the damage that tells so is cut off. */
static enum err drop_segs(struct recovery *r)
{
    enum err e = OK;
    bool is_any = false;
    for (size_t i = r->seg_count; i > 0 && !e; i--) {
        if (r->segs[i - 1].verb == RECOVER_REMOVE) {
            is_any = true;
            e = drop_seg(r, &r->segs[i - 1]);
        }
    }
    return e || !is_any ? e : fs_sync_dir(r->log->fs, r->log->dir);
}

/* Applies the third plan: drops, keeps, cuts. The last that is kept becomes active. */
static enum err adopt_segs(struct recovery *r, const struct scanned *scanned)
{
    size_t last = 0;
    recover_plan_end(r->segs, r->seg_count, gaps_upto(r));
    enum err e = drop_segs(r);
    for (size_t i = 0; i < r->seg_count && !e; i++) {
        if (r->segs[i].verb == RECOVER_KEEP) {
            e = adopt_seg(r, &r->segs[i]);
            last = i;
        }
    }
    if (!e) {
        set_active(r->log, &r->segs[last], &scanned[last]);
    }
    return e;
}

/* A memo tells of a log that ends before: it is not this one's. Looked at before anything goes. */
static enum err check_memo(const struct recovery *r)
{
    for (size_t i = 0; i < r->seg_count && r->has_memo; i++) {
        const struct recover_seg *rs = &r->segs[i];
        if (rs->scan == SCAN_CHECK && rs->is_cut && rs->next_off < r->memo.off) {
            return ERR_CORRUPT_MESSAGE;
        }
    }
    return OK;
}

static enum err recover_segs(struct recovery *r)
{
    if (r->seg_count == 0) {
        return create_first_seg(r, r->args->is_start_doubted ? 0 : MAX(r->args->log_start_off, 0));
    }
    struct scanned *scanned = mem_zalloc(r->seg_count * sizeof *scanned);
    recover_plan_scans(r->segs, r->seg_count, r->recovery_off);
    enum err e = scan_segs(r, scanned);
    e = e ? e : check_memo(r);
    e = e ? e : adopt_segs(r, scanned);
    mem_free(scanned);
    if (!e && r->has_memo && r->log->end_off < r->memo.off) {
        e = ERR_CORRUPT_MESSAGE;
    }
    return e;
}

static int64_t told_start(const struct recovery *r)
{
    const struct log_open_args *a = r->args;
    return a->is_start_doubted && a->log_start_off > r->log->end_off ? 0 : a->log_start_off;
}

/* A log that ends before its start has lost what was there: it begins anew at the start. */
static enum err fit_start(struct recovery *r)
{
    struct log *log = r->log;
    log->start_off = MAX(told_start(r), log->segs[0]->base_off);
    log->start_off = MAX(log->start_off, r->has_memo ? r->memo.start_off : 0);
    if (log->end_off >= log->start_off) {
        return OK;
    }
    diag_error(DIAG_LOG, "%s ends at %lld, before its start %lld: beginning anew there", log->dir,
               (long long)log->end_off, (long long)log->start_off);
    enum err e = OK;
    while (log->seg_count > 0 && !e) {
        struct seg *seg = log->segs[--log->seg_count];
        e = seg_remove(seg, log->fs, log->dir);
        e = e ? e : fs_sync_dir(log->fs, log->dir); /* none stays before a gap that may be one */
        seg_unref(seg);
    }
    r->is_dir_changed = true;
    log->size_bytes = 0;
    log_clear_rows(log);
    return e ? e : create_first_seg(r, log->start_off);
}

/* --- the end --- */

/* Where the first segment begins whose index files may not be on the disk: they may have rows that
 * are younger than the recovery point. */
static int64_t first_unsynced(const struct recovery *r)
{
    for (size_t i = 0; i < r->seg_count; i++) {
        bool is_last = i + 1 == r->seg_count;
        if (r->segs[i].scan == SCAN_CHECK || is_last || r->segs[i + 1].base_off >= r->durable_off) {
            return r->segs[i].base_off;
        }
    }
    return INT64_MAX;
}

/* Segments that were checked were synced first. Where there are none the names can wait for the
 * first sync, which makes the directory durable with them: most partitions are made in great
 * numbers and used much later. */
static enum err sync_names(struct recovery *r)
{
    struct log *log = r->log;
    enum err e = OK;
    /* what was kept of a stop was synced by it, or above */
    log->is_settled =
        r->has_memo ? r->memo.synced_off > log->segs[0]->base_off : log->size_bytes > 0;
    /* an empty one need not have been */
    log->is_dir_dirty = log->is_dir_dirty || !log->is_settled || r->has_memo;
    if (r->is_dir_changed) {
        e = fs_sync_dir(log->fs, log->dir);
        log->is_dir_dirty = false;
    }
    return e;
}

static bool has_stray_snapshots(const struct recovery *r)
{
    struct log *log = r->log;
    bool is_stray = false;
    for (size_t i = 0; i < r->snapshots.count; i++) {
        int64_t off = r->snapshots.p[i];
        bool is_newest = i + 1 == r->snapshots.count && off <= log->end_off;
        is_stray = is_stray || (!is_newest && log->segs[log_seg_at(log, off)]->base_off != off);
    }
    return is_stray;
}

static enum err finish(struct recovery *r)
{
    struct log *log = r->log;
    enum err e = OK;
    if (has_stray_snapshots(r)) {
        r->is_dir_changed = true;
        e = snapshot_prune(log, log->end_off);
    }
    e = e ? e : sync_names(r);
    e = e || r->has_memo ? e : log_store_epochs(log); /* with one they wait for a checkpoint */
    for (uint32_t i = 0; i < log->seg_count; i++) {
        seg_close_files(log->segs[i]); /* the log may stay unused */
    }
    log->synced_off = r->has_memo ? r->memo.synced_off : log->end_off;
    log->is_unproven = log->synced_off < log->end_off;
    log->are_rows_unproven = r->has_memo;
    if (r->recovery_off == INT64_MAX || log->size_bytes == 0) {
        log->checkpointed_off = log->end_off;
    } else {
        int64_t off = MIN(r->durable_off, first_unsynced(r));
        log->checkpointed_off = off <= log->end_off ? off : -1;
    }
    return e;
}

enum err recover_reload(struct log *log, int64_t end_off)
{
    struct recover_seg rs = {.base_off = log_active(log)->base_off,
                             .size_bytes = log_active(log)->size_bytes,
                             .has_index = true,
                             .has_timeindex = true};
    struct log_open_args args = {0};
    struct producers producers;
    struct recovery r = {.log = log,
                         .args = &args,
                         .producers = &producers,
                         .segs = &rs,
                         .seg_count = 1,
                         .recovery_off = end_off,
                         .is_reload = true};
    struct scanned scanned = {0};
    recover_plan_scans(&rs, 1, INT64_MAX);
    enum err e = scan_segs(&r, &scanned);
    if (!e && rs.good_bytes != log_active(log)->size_bytes) {
        e = ERR_CORRUPT_MESSAGE;
    }
    e = e ? e : snapshot_list(log, &r.snapshots);
    producers_init(&producers);
    e = e ? e : recover_producers(&r, recover_begin_producers(&r, end_off));
    if (!e) {
        mutex_lock(&log->mu);
        set_active(log, &rs, &scanned);
        log->end_off = MIN(rs.next_off, end_off); /* not in a gap: no segment may begin there */
        producers_move(&log->producers, &producers);
        mutex_unlock(&log->mu);
    }
    producers_deinit(&producers);
    mem_free(r.snapshots.p);
    return e;
}

static struct log *log_new(const struct log_open_args *args)
{
    struct log *log = NEW(struct log);
    log->fs = args->fs;
    log->clock = args->clock;
    log->dir = str_dup(str_from(args->dir));
    mutex_init(&log->ckpt_mu);
    mutex_init(&log->flush_mu);
    mutex_init(&log->mu);
    cond_init(&log->sync_done);
    epochs_init(&log->epochs);
    producers_init(&log->producers);
    rand_init(&log->rand, args->seed);
    log->claimed_off = args->recovery_point_off < 0 ? INT64_MAX : args->recovery_point_off;
    log_clear_rows(log);
    log_new_gen(log);
    log_set_config(log, &args->config);
    log_pick_jitter(log);
    return log;
}

/* Whether the log was truncated or reset since the stored recovery point, or is on the way to. */
static bool is_point_stale(const struct recovery *r)
{
    int64_t point_off = r->args->recovery_point_off;
    bool is_stale = point_off > r->log->end_off;
    if (r->has_memo) {
        return false;
    }
    for (size_t i = 0; i < r->snapshots.count && r->snapshots.p[i] <= point_off; i++) {
        is_stale = is_stale || r->snapshots.p[i] > r->recovery_off;
    }
    return is_stale;
}

/* A checkpoint at the end says how far a stale point still holds. */
static enum err correct_point(const struct recovery *r)
{
    struct log *log = r->log;
    int64_t off;
    if (!is_point_stale(r)) {
        return OK;
    }
    log->checkpointed_off = -1;
    return log_checkpoint_locked(log, &off);
}

static enum err recover(struct recovery *r)
{
    enum err e = recover_files(r);
    e = e ? e : find_recovery_off(r);
    e = e ? e : recover_segs(r);
    e = e ? e : fit_start(r);
    e = e ? e : recover_state(r);
    e = e ? e : finish(r);
    return e ? e : correct_point(r);
}

static enum err open_once(const struct log_open_args *args, struct log **ret_log,
                          struct log_recovery *ret_recovery)
{
    struct recovery r = {.log = log_new(args), .args = args};
    r.producers = &r.log->producers;
    enum err e = recover(&r);
    if (!e && args->is_durable) {
        e = log_prove(r.log);
    }
    mem_free(r.segs);
    mem_free(r.snapshots.p);
    if (e) {
        log_abandon(r.log);
        return e;
    }
    if (r.stats.truncated_bytes > 0) {
        diag_warn(DIAG_LOG, "%s: %lld bytes that no sync covered were cut off", r.log->dir,
                  (long long)r.stats.truncated_bytes);
    }
    if (ret_recovery != NULL) {
        *ret_recovery = r.stats;
    }
    *ret_log = r.log;
    return OK;
}

enum err log_open(const struct log_open_args *args, struct log **ret_log,
                  struct log_recovery *ret_recovery)
{
    struct log_open_args without = *args;
    enum err e = open_once(args, ret_log, ret_recovery);
    if (e && args->memo.len > 0) {
        without.memo = BYTES_NULL;
        e = open_once(&without, ret_log, ret_recovery);
    }
    return e;
}
