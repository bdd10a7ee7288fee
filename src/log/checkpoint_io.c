/* Making the next start short: recovery checkpoints, clean closing, and giving back what an idle
 * log holds. Any thread, one at a time (ckpt_mu). */
#include "log/rewrite.h"

#include "base/mem.h"

static enum err sync_indexes(struct log *log, const struct seg_list *segs)
{
    struct buf path = BUF_INIT;
    enum err e = OK;
    for (uint32_t i = 0; i < segs->count && !e; i++) {
        for (int part = SEG_INDEX; part <= SEG_TXNINDEX && !e; part++) {
            e = log_sync_path(log, seg_path(&path, log->dir, segs->p[i], (enum seg_part)part));
        }
    }
    buf_deinit(&path);
    if (e && !log_is_harmless(e)) {
        log_poison(log, "a sync of an index failed");
    }
    return e;
}

enum err log_store_epochs(struct log *log)
{
    struct buf text = BUF_INIT;
    struct buf path = BUF_INIT;
    mutex_lock(&log->mu);
    bool is_due = log->are_epochs_dirty;
    if (is_due) {
        epochs_encode(&log->epochs, &text);
        log->are_epochs_dirty = false;
    }
    mutex_unlock(&log->mu);
    enum err e = text.err;
    if (is_due && !e) {
        e = fs_write_atomic(log->fs, log_path(log, &path, "leader-epoch-checkpoint"), text.p,
                            text.len);
    }
    if (e) {
        mutex_lock(&log->mu);
        log->are_epochs_dirty = true;
        mutex_unlock(&log->mu);
    }
    buf_deinit(&text);
    buf_deinit(&path);
    return e;
}

/* The rows that a start by a memo found are written again before they count as synced. */
static enum err prove_rows(struct log *log, const struct seg_list *segs)
{
    mutex_lock(&log->mu);
    bool is_due = log->are_rows_unproven;
    mutex_unlock(&log->mu);
    enum err e = is_due ? rewrite_indexes(log, segs) : OK;
    if (e == ERR_CORRUPT_MESSAGE) {
        log_poison(log, "index rows were lost");
    }
    return e;
}

/* A checkpoint as it was decided under mu. */
struct ckpt {
    struct buf snapshot;
    struct seg_list segs; /* whose index files may have rows that are not synced */
    int64_t off;
};

/* False when there is nothing to do. */
static bool ckpt_begin(struct log *log, struct ckpt *c)
{
    *c = (struct ckpt){.off = log->end_off};
    if (log->end_off == log->checkpointed_off) {
        return false;
    }
    producers_encode(&log->producers, &c->snapshot);
    c->segs = log_ref_segs(log, log_seg_at(log, MAX(log->checkpointed_off, 0)));
    return true;
}

static enum err ckpt_run(struct log *log, struct ckpt *c)
{
    enum err e = c->snapshot.err;
    e = e ? e : log_sync(log, NULL);
    e = e ? e : log_flush_rows(log);
    e = e ? e : prove_rows(log, &c->segs);
    e = e ? e : sync_indexes(log, &c->segs);
    e = e ? e
          : fs_sync_dir(log->fs, log->dir); /* names of index files, before a snapshot vouches */
    e = e ? e : log_store_epochs(log);
    e = e ? e : snapshot_write(log, c->off, buf_bytes(&c->snapshot), true);
    return e ? e : snapshot_prune(log, c->off);
}

/* It may be stored from now on: no snapshot that comes later may stand below it and be less than
 * durable. */
static void claim(struct log *log, int64_t off)
{
    log->checkpointed_off = off;
    log->are_rows_unproven = false;
    log->claimed_off = MAX(log->claimed_off, off);
}

enum err log_checkpoint_locked(struct log *log, int64_t *ret_off)
{
    struct ckpt c;
    mutex_lock(&log->mu);
    enum err e = log->is_poisoned ? ERR_POISONED : OK;
    bool is_due = !e && ckpt_begin(log, &c);
    if (!e && !is_due) {
        claim(log, c.off);
    }
    mutex_unlock(&log->mu);
    if (e) {
        return e;
    }
    if (!is_due) {
        *ret_off = c.off;
        return log_store_epochs(log);
    }
    e = ckpt_run(log, &c);
    if (!e) {
        mutex_lock(&log->mu);
        claim(log, c.off);
        mutex_unlock(&log->mu);
        *ret_off = c.off;
    }
    seg_list_release(&c.segs);
    buf_deinit(&c.snapshot);
    return e;
}

enum err log_checkpoint_recovery_point(struct log *log, int64_t *ret_off)
{
    mutex_lock(&log->ckpt_mu);
    enum err e = log_checkpoint_locked(log, ret_off);
    mutex_unlock(&log->ckpt_mu);
    return e;
}

/* --- idle --- */

enum { IDLE_CLOSE_MAX = 64 };

static int64_t seg_end_off(const struct log *log, uint32_t at)
{
    return at + 1 < log->seg_count ? log->segs[at + 1]->base_off : log->end_off;
}

/* A file with unsynced bytes stays open: only then is the kernel sure to tell us if it loses them.
 */
static bool may_close(const struct log *log, uint32_t at, int64_t idle_since_ms)
{
    const struct seg *seg = log->segs[at];
    bool is_active = at == log->seg_count - 1;
    int64_t touched_ms = is_active ? log->touched_ms : seg->touched_ms;
    return touched_ms < idle_since_ms && !(is_active && log->is_writing) &&
           atomic_load(&seg->ref_count) == 1 && seg_end_off(log, at) <= log->synced_off;
}

/* Takes some files out of the segments under mu; they are closed outside. */
static int take_files(struct log *log, int64_t idle_since_ms, struct file **out)
{
    int n = 0;
    for (uint32_t i = 0; i < log->seg_count && n + SEG_OPEN_PARTS <= IDLE_CLOSE_MAX; i++) {
        if (may_close(log, i, idle_since_ms)) {
            for (int part = 0; part < SEG_OPEN_PARTS; part++) {
                struct file *f = atomic_exchange(&log->segs[i]->files[part], NULL);
                out[n] = f;
                n += f != NULL;
            }
        }
    }
    return n;
}

static void close_files(struct log *log, int64_t idle_since_ms)
{
    struct file *files[IDLE_CLOSE_MAX];
    int n;
    do {
        mutex_lock(&log->mu);
        n = take_files(log, idle_since_ms, files);
        mutex_unlock(&log->mu);
        for (int i = 0; i < n; i++) {
            file_close(files[i]);
        }
    } while (n > 0);
}

static void free_row_buffers(struct log *log)
{
    for (int i = 0; i < LOG_ROW_FILES; i++) {
        if (rows_pending_count(&log->rows[i]) == 0) {
            buf_deinit(&log->rows[i].pending);
        }
    }
}

void log_idle(struct log *log, int64_t idle_since_ms)
{
    mutex_lock(&log->ckpt_mu);
    mutex_lock(&log->mu);
    bool is_idle = log->touched_ms < idle_since_ms && !log->is_writing;
    mutex_unlock(&log->mu);
    if (is_idle) {
        log_ignore(log_flush_rows(log)); /* a row that stays in memory costs memory, nothing else */
        mutex_lock(&log->flush_mu);
        mutex_lock(&log->mu);
        free_row_buffers(log);
        mutex_unlock(&log->mu);
        mutex_unlock(&log->flush_mu);
    }
    close_files(log, idle_since_ms);
    mutex_unlock(&log->ckpt_mu);
}

/* --- close --- */

/* The active segment as Kafka leaves it: both index files there, the largest timestamp in the last
 * row. */
static enum err finish_indexes(struct log *log)
{
    struct seg_list segs;
    struct file *f;
    enum err e = OK;
    mutex_lock(&log->mu);
    log_push_last_time(log);
    bool is_due = rows_pending_count(log_rows(log, SEG_TIMEINDEX)) > 0 ||
                  log->checkpointed_off != log->end_off;
    segs = log_ref_segs(log, log->seg_count - 1);
    mutex_unlock(&log->mu);
    if (is_due) {
        e = log_flush_rows(log);
        for (int part = SEG_INDEX; part <= SEG_TIMEINDEX && !e; part++) {
            e = seg_file_create(segs.p[0], log->fs, log->dir, (enum seg_part)part, &f);
        }
        e = e ? e : sync_indexes(log, &segs);
    }
    seg_list_release(&segs);
    return e;
}

static void free_log(struct log *log)
{
    for (uint32_t i = 0; i < log->seg_count; i++) {
        seg_unref(log->segs[i]);
    }
    for (uint32_t i = 0; i < log->dead_count; i++) {
        seg_unref(log->dead[i]);
    }
    for (int i = 0; i < LOG_ROW_FILES; i++) {
        rows_deinit(&log->rows[i]);
    }
    mem_free(log->segs);
    mem_free(log->dead);
    epochs_deinit(&log->epochs);
    producers_deinit(&log->producers);
    mutex_deinit(&log->ckpt_mu);
    mutex_deinit(&log->flush_mu);
    mutex_deinit(&log->mu);
    cond_deinit(&log->sync_done);
    mem_free(log->dir);
    mem_free(log);
}

enum err log_close(struct log *log)
{
    int64_t off;
    enum err e = log_is_poisoned(log) ? ERR_POISONED : finish_indexes(log);
    e = e ? e : log_checkpoint_recovery_point(log, &off);
    if (log_is_poisoned(log)) {
        e = ERR_POISONED;
    }
    free_log(log);
    return e;
}

void log_abandon(struct log *log) { free_log(log); }
