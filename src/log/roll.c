/* Index rows of the active segment, and rolling to a new one. */
#include "log/log_priv.h"

#include "base/diag.h"
#include "base/mem.h"

/* --- rows in memory (under mu) --- */

static void push_time(struct log *log)
{
    uint8_t row[TIMEINDEX_ROW_BYTES];
    const struct seg *seg = log_active(log);
    if (seg->max_ts_ms <= log->timeindex_last_ts) {
        return;
    }
    timeindex_encode(row, seg->base_off, (struct timeindex_row){seg->max_ts_ms, seg->max_ts_off});
    if (rows_push(log_rows(log, SEG_TIMEINDEX), row)) {
        log->timeindex_last_ts = seg->max_ts_ms;
    }
}

void log_push_last_time(struct log *log) { push_time(log); }

void log_index_batch(struct log *log, const struct batch *b, uint64_t pos)
{
    struct seg *seg = log_active(log);
    if (b->max_ts_ms > seg->max_ts_ms) {
        seg->max_ts_ms = b->max_ts_ms;
        seg->max_ts_off = batch_last_off(b);
    }
    if (log->unindexed_bytes > (uint64_t)log->config.index_interval_bytes) {
        uint8_t row[INDEX_ROW_BYTES];
        index_encode(row, seg->base_off, (struct index_row){batch_last_off(b), pos});
        if (rows_push(log_rows(log, SEG_INDEX), row)) {
            push_time(log);
            log->unindexed_bytes = 0;
        }
    }
    log->unindexed_bytes += b->size_bytes;
}

bool log_reserve_abort(struct log *log) { return rows_reserve(log_rows(log, SEG_TXNINDEX)); }

void log_encode_abort(const struct producers *producers, const struct batch *b, int64_t first_off,
                      uint8_t *ret_row)
{
    struct txnindex_row row = {
        .producer_id = b->producer_id,
        .first_off = first_off,
        .last_off = b->base_off,
        .last_stable_off = producers_stable_off_after(producers, first_off, b->base_off),
    };
    txnindex_encode(ret_row, &row);
}

void log_index_abort(struct log *log, const struct batch *b, int64_t first_off)
{
    uint8_t row[TXNINDEX_ROW_BYTES];
    log_encode_abort(&log->producers, b, first_off, row);
    rows_push_reserved(log_rows(log, SEG_TXNINDEX), row);
}

/* --- rows to their files (under flush_mu) --- */

enum { FLUSH_ROWS = 128, FLUSH_BYTES = FLUSH_ROWS * TXNINDEX_ROW_BYTES };

struct flush {
    uint8_t bytes[FLUSH_BYTES];
    size_t len;
    uint32_t count;
    uint64_t pos;
};

static void flush_take(struct log *log, struct rows *rows, struct flush *f)
{
    mutex_lock(&log->mu);
    f->count = MIN(rows_pending_count(rows), (uint32_t)(FLUSH_BYTES / rows->row_bytes));
    f->len = (size_t)f->count * rows->row_bytes;
    f->pos = (uint64_t)rows->file_count * rows->row_bytes;
    if (f->len > 0) {
        memcpy(f->bytes, rows->pending.p, f->len);
    }
    mutex_unlock(&log->mu);
}

static enum err flush_part(struct log *log, enum seg_part part)
{
    struct rows *rows = log_rows(log, part);
    struct file *file = NULL;
    struct buf path = BUF_INIT;
    struct flush f;
    enum err e = OK;
    for (flush_take(log, rows, &f); !e && f.count > 0; flush_take(log, rows, &f)) {
        if (file == NULL) {
            e = fs_open(log->fs, seg_path(&path, log->dir, log_active(log), part),
                        FILE_WRITE | FILE_CREATE, &file);
        }
        e = e ? e : file_pwrite(file, f.bytes, f.len, f.pos);
        if (!e) {
            mutex_lock(&log->mu);
            rows_written(rows, f.count);
            mutex_unlock(&log->mu);
        }
    }
    file_close(file);
    buf_deinit(&path);
    return e;
}

enum err log_flush_rows_locked(struct log *log)
{
    enum err e = OK;
    for (int part = SEG_INDEX; part <= SEG_TXNINDEX && !e; part++) {
        e = flush_part(log, (enum seg_part)part);
    }
    return e;
}

enum err log_flush_rows(struct log *log)
{
    if (log_is_poisoned(log)) {
        return ERR_POISONED;
    }
    mutex_lock(&log->flush_mu);
    enum err e = log_flush_rows_locked(log);
    mutex_unlock(&log->flush_mu);
    return e;
}

/* --- rolling --- */

void log_pick_jitter(struct log *log)
{
    int64_t max_ms = log->config.segment_jitter_ms;
    log->jitter_ms = max_ms > 0 ? (int64_t)rand_below(&log->rand, (uint64_t)max_ms) : 0;
}

/* A segment at rest has all its rows on disk, with a time row for its largest timestamp, and both
 * index files even if they are empty. */
static enum err finish_active(struct log *log)
{
    struct seg *seg = log_active(log);
    enum err e = OK;
    mutex_lock(&log->mu);
    push_time(log);
    mutex_unlock(&log->mu);
    e = log_flush_rows_locked(log);
    struct file *f;
    for (int part = SEG_INDEX; part <= SEG_TIMEINDEX && !e; part++) {
        e = seg_file_create(seg, log->fs, log->dir, (enum seg_part)part, &f);
    }
    return e;
}

/* A file that nobody knows of must not stay: once what lies before it is deleted, recovery would
 * take it for the log's end. */
static void remove_unused(struct log *log, const struct seg *seg)
{
    struct buf path = BUF_INIT;
    enum err e = fs_unlink(log->fs, seg_path(&path, log->dir, seg, SEG_LOG));
    buf_deinit(&path);
    if (e && e != ERR_NOT_FOUND) {
        log_poison(log, "an unused segment could not be removed");
    }
}

static enum err create_seg(struct log *log, int64_t base_off, struct seg **ret_seg)
{
    struct seg *seg = log_new_seg(log, base_off);
    struct buf path = BUF_INIT;
    struct file *f = NULL;
    enum err e = fs_open(log->fs, seg_path(&path, log->dir, seg, SEG_LOG),
                         FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &f);
    buf_deinit(&path);
    if (e) {
        remove_unused(log, seg);
        seg_unref(seg);
        return e;
    }
    atomic_store(&seg->files[SEG_LOG], f);
    *ret_seg = seg;
    return OK;
}

/* The state at the roll, so that a later recovery need not replay the segments before. Left out
 * when it fails: an older one serves. Left out too where a stored recovery point lies beyond it
 * (the log was truncated since): recovery trusts all below a snapshot that such a point covers, and
 * this one is not synced, nor need the log be. */
static void snapshot_at_roll(struct log *log)
{
    struct buf bytes = BUF_INIT;
    mutex_lock(&log->mu);
    int64_t off = log->end_off;
    bool is_misleading = off <= log->claimed_off;
    producers_encode(&log->producers, &bytes);
    mutex_unlock(&log->mu);
    if (is_misleading) {
        buf_deinit(&bytes);
        return;
    }
    enum err e = bytes.err ? bytes.err : snapshot_write(log, off, buf_bytes(&bytes), false);
    if (e) {
        diag_warn(DIAG_LOG, "%s: no producer snapshot at the roll: %s", log->dir, err_text(e));
    }
    buf_deinit(&bytes);
}

/* The empty segment goes once the one that takes its place is sure to stay. */
static void remove_empty(struct log *log, struct seg *seg)
{
    enum err e = fs_sync_dir(log->fs, log->dir);
    e = e ? e : seg_remove(seg, log->fs, log->dir);
    if (e) {
        log_poison(log, "an empty segment could not be removed");
    }
    seg_unref(seg);
}

static void activate(struct log *log, struct seg *seg)
{
    mutex_lock(&log->mu);
    int64_t closed_off = log_active(log)->base_off;
    struct seg *empty = log_active(log)->size_bytes == 0 ? log_active(log) : NULL;
    if (empty != NULL) {
        log->seg_count--;
    }
    log_push_seg(log, seg);
    log_clear_rows(log);
    log->recent_count = 0;
    log->is_dir_dirty = true;
    log->checkpointed_off = MIN(log->checkpointed_off, closed_off); /* it has new index rows */
    mutex_unlock(&log->mu);
    if (empty != NULL) {
        remove_empty(log, empty);
    }
    log_pick_jitter(log);
}

/* A later segment without the first one would look like a whole log: between two segments a gap
 * shows, at a log's beginning it does not. */
static enum err keep_first(struct log *log)
{
    mutex_lock(&log->mu);
    bool is_due = log->seg_count == 1 && log->is_dir_dirty;
    mutex_unlock(&log->mu);
    enum err e = is_due ? fs_sync_dir(log->fs, log->dir) : OK;
    if (e && !log_is_harmless(e)) {
        log_poison(log, "a sync of its directory failed");
    }
    return e;
}

enum err log_roll_at(struct log *log, int64_t base_off)
{
    struct seg *seg;
    if (log_active(log)->base_off == base_off) {
        return OK;
    }
    enum err e = keep_first(log);
    if (e) {
        return e;
    }
    mutex_lock(&log->flush_mu);
    e = finish_active(log);
    e = e ? e : create_seg(log, base_off, &seg);
    if (!e) {
        snapshot_at_roll(log);
        activate(log, seg);
    }
    mutex_unlock(&log->flush_mu);
    return e;
}

enum err log_roll(struct log *log)
{
    mutex_lock(&log->mu);
    bool is_poisoned = log->is_poisoned;
    bool is_empty = log_active(log)->size_bytes == 0;
    int64_t end_off = log->end_off;
    log->is_writing = true;
    mutex_unlock(&log->mu);
    enum err e = is_poisoned ? ERR_POISONED : OK;
    if (!e && !is_empty) {
        e = log_roll_at(log, end_off);
    }
    mutex_lock(&log->mu);
    log->is_writing = false;
    mutex_unlock(&log->mu);
    return e;
}
