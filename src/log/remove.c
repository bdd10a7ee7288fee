/* Taking things away: retention, moving the start, truncation, reset. The log's single writer. */
#include "log/find.h"
#include "log/recover_priv.h"
#include "log/retain.h"

#include "base/assert.h"
#include "base/diag.h"
#include "base/mem.h"

/* --- start --- */

enum err log_set_start(struct log *log, int64_t off)
{
    enum err e = OK;
    mutex_lock(&log->mu);
    if (off > log->end_off) {
        e = ERR_OFFSET_OUT_OF_RANGE;
    } else if (off > log->start_off) {
        log->start_off = off;
        if (epochs_cut_start(&log->epochs, off)) {
            log->are_epochs_dirty = true;
        }
    }
    mutex_unlock(&log->mu);
    return e;
}

/* --- retention --- */

static int64_t file_time(struct log *log, struct seg *seg)
{
    struct buf path = BUF_INIT;
    struct fs_stat st = {0};
    enum err e = fs_stat(log->fs, seg_path(&path, log->dir, seg, SEG_LOG), &st);
    buf_deinit(&path);
    return e ? INT64_MAX : st.mtime_ms;
}

/* Largest timestamp of segment number at; where there is none, when its file last changed. */
static int64_t seg_max_ts(struct log *log, uint32_t at)
{
    struct find find;
    struct timeindex_row max;
    mutex_lock(&log->mu);
    find_init(&find, log, at);
    mutex_unlock(&log->mu);
    enum err e = find_max_time(&find, log, &max);
    return !e && max.ts_ms >= 0 ? max.ts_ms : file_time(log, find.seg);
}

/* Times are only asked for up to the first segment that stays: what follows is younger. */
static struct retain_seg *list_segs(struct log *log, const struct log_config *c, int64_t now_ms)
{
    struct retain_seg *segs = mem_zalloc(log->seg_count * sizeof *segs);
    bool is_timed = c->is_deleted_by_retention && c->retention_ms >= 0;
    for (uint32_t i = 0; i < log->seg_count; i++) {
        bool is_last = i + 1 == log->seg_count;
        segs[i].end_off = is_last ? log->end_off : log->segs[i + 1]->base_off;
        segs[i].size_bytes = log->segs[i]->size_bytes;
        segs[i].max_ts_ms = is_timed ? seg_max_ts(log, i) : INT64_MAX;
        is_timed = is_timed && now_ms - segs[i].max_ts_ms > c->retention_ms;
    }
    return segs;
}

static void push_dead(struct log *log, struct seg *seg)
{
    if (log->dead_count == log->dead_cap) {
        log->dead_cap = log->dead_cap ? log->dead_cap * 2 : 2;
        log->dead = mem_realloc_array(log->dead, log->dead_cap, sizeof(struct seg *));
    }
    log->dead[log->dead_count++] = seg;
}

/* Nothing before the second segment is given any more. */
static void start_at_second(struct log *log)
{
    mutex_lock(&log->mu);
    int64_t base_off = log->segs[1]->base_off;
    if (base_off > log->start_off) {
        log->start_off = base_off;
        if (epochs_cut_start(&log->epochs, base_off)) {
            log->are_epochs_dirty = true;
        }
    }
    mutex_unlock(&log->mu);
}

/* Takes the oldest segment out of the log; its files wait under another name. Its going is durable
 * before the next one's: after a crash none is missing between two others. If it fails the segment
 * stays, below the start, for the next time. */
static enum err drop_oldest(struct log *log, int64_t now_ms)
{
    struct seg *seg = log->segs[0];
    start_at_second(log);
    enum err e = seg_mark_deleted(seg, log->fs, log->dir);
    if (e) {
        return e;
    }
    mutex_lock(&log->mu);
    memmove(log->segs, log->segs + 1, --log->seg_count * sizeof(struct seg *));
    log->size_bytes -= seg->size_bytes;
    seg->remove_due_ms = now_ms + log->config.file_delete_delay_ms;
    push_dead(log, seg);
    mutex_unlock(&log->mu);
    return OK;
}

static struct seg *take_due(struct log *log, int64_t now_ms)
{
    for (uint32_t i = 0; i < log->dead_count; i++) {
        struct seg *seg = log->dead[i];
        if (seg->remove_due_ms <= now_ms) {
            log->dead[i] = log->dead[--log->dead_count];
            return seg;
        }
    }
    return NULL;
}

enum err log_remove_deleted(struct log *log, int64_t now_ms)
{
    enum err first = OK;
    for (;;) {
        mutex_lock(&log->mu);
        struct seg *seg = take_due(log, now_ms);
        mutex_unlock(&log->mu);
        if (seg == NULL) {
            return first;
        }
        enum err e = seg_remove(seg, log->fs, log->dir);
        seg_unref(seg);
        first = first ? first : e;
    }
}

enum err log_retain(struct log *log, int64_t upto_off, int64_t now_ms, int *ret_deleted_count)
{
    mutex_lock(&log->mu);
    struct log_config config = log->config;
    mutex_unlock(&log->mu);
    struct retain_seg *segs = list_segs(log, &config, now_ms);
    struct retain_rules rules = {&config, log->start_off, upto_off, now_ms};
    size_t n = retain_plan(segs, log->seg_count, &rules);
    mem_free(segs);
    enum err e = n == log->seg_count ? log_roll(log) : OK;
    if (!e && n > 0) {
        e = fs_sync_dir(log->fs, log->dir); /* what stays is there before anything goes */
    }
    for (size_t i = 0; i < n && !e; i++) {
        e = drop_oldest(log, now_ms);
    }
    if (!e) {
        *ret_deleted_count = (int)n;
        e = log_remove_deleted(log, now_ms);
    }
    return e;
}

/* --- truncation --- */

/* Removes the newest segment, durably: after a crash none is missing between two others. */
static enum err drop_newest(struct log *log)
{
    mutex_lock(&log->mu);
    struct seg *seg = log->segs[--log->seg_count];
    log->size_bytes -= seg->size_bytes;
    mutex_unlock(&log->mu);
    enum err e = seg_remove(seg, log->fs, log->dir);
    seg_unref(seg);
    return e ? e : fs_sync_dir(log->fs, log->dir);
}

/* Cuts the active segment at the batch that holds off, or at the first beyond. *ret_end_off: where
 * the log ends then. */
static enum err cut_active(struct log *log, int64_t off, int64_t *ret_end_off)
{
    struct find find;
    struct found found;
    struct file *f;
    mutex_lock(&log->mu);
    find_init(&find, log, log->seg_count - 1);
    mutex_unlock(&log->mu);
    *ret_end_off = off;
    enum err e = find_batch(&find, find_floor_of_off(&find, off), off, &found);
    if (e) {
        return e == ERR_NOT_FOUND ? OK : e;
    }
    *ret_end_off = MIN(off, found.batch.base_off);
    e = seg_file(find.seg, log->fs, log->dir, SEG_LOG, &f);
    e = e ? e : file_truncate(f, found.pos);
    if (!e) {
        mutex_lock(&log->mu);
        log->size_bytes -= find.seg->size_bytes - found.pos;
        find.seg->size_bytes = found.pos;
        mutex_unlock(&log->mu);
        e = file_sync(f);
    }
    return e;
}

static enum err checkpoint_anew(struct log *log)
{
    int64_t off;
    mutex_lock(&log->mu);
    log->checkpointed_off = MIN(log->checkpointed_off, log_active(log)->base_off - 1);
    mutex_unlock(&log->mu);
    return log_checkpoint_locked(log, &off);
}

/* What is remembered of the part that went. */
static void forget_beyond(struct log *log, int64_t end_off)
{
    mutex_lock(&log->mu);
    log->end_off = end_off;
    log->synced_off = MIN(log->synced_off, end_off);
    log->checkpointed_off = log->checkpointed_off > end_off ? -1 : log->checkpointed_off;
    if (epochs_cut_end(&log->epochs, end_off)) {
        log->are_epochs_dirty = true;
    }
    mutex_unlock(&log->mu);
}

/* A checkpoint at the end: a crash finds a snapshot at or below the stored recovery point again. */
static enum err truncate_to(struct log *log, int64_t off)
{
    int64_t end_off = off;
    enum err e = log_flush_rows(log);
    e = e ? e : snapshot_distrust(log, 0, off);
    while (!e && log_active(log)->base_off >= off && log->seg_count > 1) {
        e = drop_newest(log);
    }
    e = e ? e : cut_active(log, off, &end_off);
    if (e) {
        return e;
    }
    forget_beyond(log, end_off);
    e = recover_reload(log, end_off);
    if (!e) {
        forget_beyond(log, log_end_off(log));
    }
    e = e ? e : checkpoint_anew(log);
    if (!e && log_end_off(log) < off) {
        e = fs_sync_dir(log->fs, log->dir); /* a snapshot that marked off does not come back */
    }
    return e;
}

/* A change that fails half-way leaves memory and disk apart: only a new start puts them together.
 */
static void begin_change(struct log *log)
{
    mutex_lock(&log->ckpt_mu);
    mutex_lock(&log->mu);
    log->is_writing = true;
    log_new_gen(log);
    mutex_unlock(&log->mu);
}

static void end_change(struct log *log, enum err e)
{
    mutex_lock(&log->mu);
    log->is_writing = false;
    if (e) {
        log_poison_locked(log, "a truncation failed half-way");
    }
    mutex_unlock(&log->mu);
    mutex_unlock(&log->ckpt_mu);
}

enum err log_truncate(struct log *log, int64_t off)
{
    if (log_is_poisoned(log)) {
        return ERR_POISONED;
    }
    if (off >= log_end_off(log)) {
        return OK;
    }
    if (off <= log->segs[0]->base_off) {
        return log_reset(log, MAX(off, 0));
    }
    enum err e = log_prove(log); /* nothing is written behind the new end */
    if (e) {
        return e;
    }
    begin_change(log);
    e = truncate_to(log, off);
    end_change(log, e);
    mutex_lock(&log->mu);
    log->start_off = MIN(log->start_off, log->end_off);
    mutex_unlock(&log->mu);
    return e;
}

/* --- reset --- */

static enum err drop_all(struct log *log)
{
    enum err e = OK;
    while (log->seg_count > 1 && !e) {
        e = drop_newest(log);
    }
    return e;
}

/* The one segment that is left gives way to an empty one. Memory first: it never is without a
 * segment. */
static enum err restart_at(struct log *log, int64_t off)
{
    struct seg *fresh = log_new_seg(log, off);
    struct file *f;
    mutex_lock(&log->mu);
    struct seg *old = log->segs[0];
    log->segs[0] = fresh;
    log->size_bytes = 0;
    log->start_off = log->end_off = log->synced_off = log->checkpointed_off = off;
    log_clear_rows(log);
    producers_clear(&log->producers);
    log->are_epochs_dirty = epochs_cut_end(&log->epochs, -1) || log->are_epochs_dirty;
    mutex_unlock(&log->mu);
    enum err e = seg_remove(old, log->fs, log->dir);
    seg_unref(old);
    e = e ? e : fs_sync_dir(log->fs, log->dir);
    e = e ? e : seg_file_create(fresh, log->fs, log->dir, SEG_LOG, &f);
    return e ? e : checkpoint_anew(log);
}

enum err log_reset(struct log *log, int64_t off)
{
    if (log_is_poisoned(log)) {
        return ERR_POISONED;
    }
    enum err e = log_prove(log);
    if (e) {
        return e;
    }
    begin_change(log);
    int64_t base_off = log->segs[0]->base_off;
    e = snapshot_distrust(log, base_off, base_off); /* off may lie below the others */
    e = e ? e : drop_all(log);
    e = e ? e : restart_at(log, off);
    end_change(log, e);
    return e;
}
