/* Epochs and producers of a log that is being opened: from their files, then from the batches that
 * the files do not cover. */
#include "log/recover_priv.h"

#include "base/diag.h"
#include "log/find.h"
#include "log/scan.h"

/* --- replay --- */

struct replay {
    struct recovery *r;
    int64_t from_off;
    bool has_producers; /* false: only epochs are wanted */
    struct buf bytes;   /* of a control batch */
    struct buf aborted; /* rows for the segment's .txnindex */
};

static enum err replay_marker(struct replay *x, struct scan *s, const struct batch *head,
                              uint64_t pos)
{
    struct batch b;
    struct marker m;
    int64_t first_off;
    uint8_t row[TXNINDEX_ROW_BYTES];
    buf_clear(&x->bytes);
    enum err e = scan_read_batch(s, head, pos, &x->bytes, &b);
    if (e || !marker_parse(&b, &m)) {
        return e;
    }
    e = producers_reserve(x->r->producers, &b);
    if (!e && producers_apply_marker(x->r->producers, &b, &m, &first_off) && !m.is_commit &&
        b.base_off >= x->r->recovery_off) {
        log_encode_abort(x->r->producers, &b, first_off,
                         row); /* below the recovery point its row is there */
        buf_put(&x->aborted, row, sizeof row);
        e = x->aborted.err;
    }
    return e;
}

static enum err replay_batch(struct replay *x, struct scan *s, const struct batch *b, uint64_t pos)
{
    struct log *log = x->r->log;
    if (batch_last_off(b) < x->from_off) {
        return OK;
    }
    if (!x->r->is_reload && b->leader_epoch > epochs_last(&log->epochs) &&
        epochs_assign(&log->epochs, b->leader_epoch, b->base_off)) {
        log->are_epochs_dirty = true;
    }
    if (!x->has_producers || !batch_has_producer(b)) {
        return OK;
    }
    if (batch_is_control(b)) {
        return replay_marker(x, s, b, pos);
    }
    enum err e = producers_reserve(x->r->producers, b);
    if (!e) {
        producers_apply(x->r->producers, b);
    }
    return e;
}

/* Appends what the replay of a segment found to its .txnindex, which the scan left without it. */
static enum err store_aborted(struct replay *x, struct seg *seg)
{
    struct log *log = x->r->log;
    struct buf path = BUF_INIT;
    struct file *f;
    uint64_t size;
    if (x->aborted.len == 0) {
        return OK;
    }
    enum err e = fs_open(log->fs, seg_path(&path, log->dir, seg, SEG_TXNINDEX),
                         FILE_WRITE | FILE_CREATE, &f);
    buf_deinit(&path);
    if (e) {
        return e;
    }
    e = file_size(f, &size);
    e = e ? e : file_pwrite(f, x->aborted.p, x->aborted.len, size);
    file_close(f);
    if (!e && seg == log_active(log)) {
        log_rows(log, SEG_TXNINDEX)->file_count += (uint32_t)(x->aborted.len / TXNINDEX_ROW_BYTES);
    }
    return e;
}

static enum err replay_seg(struct replay *x, uint32_t at)
{
    struct log *log = x->r->log;
    struct find find;
    struct scan s;
    struct batch b;
    uint64_t pos;
    struct file *f;
    mutex_lock(&log->mu);
    find_init(&find, log, at);
    mutex_unlock(&log->mu);
    enum err e = seg_file(find.seg, log->fs, log->dir, SEG_LOG, &f);
    if (e) {
        return e;
    }
    struct found begin = {.pos = 0};
    if (x->from_off > find.seg->base_off) {
        e = find_batch(&find, find_floor_of_off(&find, x->from_off), x->from_off, &begin);
    }
    if (e) {
        return e == ERR_NOT_FOUND ? OK : e;
    }
    scan_init(&s, f, begin.pos, find.size_bytes);
    scan_set_window(&s, SCAN_WINDOW_HEADERS);
    while (!e && (e = scan_next(&s, &b, &pos)) == OK) {
        e = replay_batch(x, &s, &b, pos);
    }
    scan_deinit(&s);
    enum err stored = store_aborted(x, find.seg);
    buf_clear(&x->aborted);
    return e == ERR_NOT_FOUND ? stored : e;
}

static enum err replay(struct recovery *r, int64_t from_off, bool has_producers)
{
    struct replay x = {.r = r, .from_off = from_off, .has_producers = has_producers};
    struct log *log = r->log;
    enum err e = OK;
    for (uint32_t i = log_seg_at(log, from_off); i < log->seg_count && !e; i++) {
        e = replay_seg(&x, i);
        if (e == ERR_CORRUPT_MESSAGE) {
            diag_error(DIAG_LOG, "%s: segment %lld is damaged below the recovery point", log->dir,
                       (long long)log->segs[i]->base_off);
            e = OK;
        }
    }
    buf_deinit(&x.bytes);
    buf_deinit(&x.aborted);
    return e;
}

/* --- epochs --- */

/* Without the file: each segment whose first batch has another epoch than the next one's is walked.
 */
static enum err rebuild_epochs(struct recovery *r)
{
    diag_warn(DIAG_LOG,
              "%s: leader-epoch-checkpoint does not tell all: reading the batches' epochs",
              r->log->dir);
    r->log->epochs.count = 0;
    r->log->are_epochs_dirty = true;
    return replay(r, r->log->start_off, false);
}

/* A start that was not stored came back lower than the rows were cut to. */
static bool are_epochs_cut(const struct log *log)
{
    return log->epochs.count == 0 || log->epochs.rows[0].start_off > log->start_off;
}

/* A log that was killed before its first checkpoint has no file, and its batches, of which all are
 * about to be replayed, tell the same. */
static bool is_all_replayed(const struct recovery *r)
{
    return !r->args->was_clean && r->recovery_off <= r->log->segs[0]->base_off;
}

static enum err load_epochs(struct recovery *r)
{
    struct log *log = r->log;
    struct buf path = BUF_INIT;
    enum err e =
        epochs_load(&log->epochs, log->fs, log_path(log, &path, "leader-epoch-checkpoint"));
    buf_deinit(&path);
    bool is_bad = e == ERR_MALFORMED || e == ERR_BUDGET;
    if (e == ERR_NOT_FOUND && is_all_replayed(r)) {
        return OK;
    }
    if (is_bad || (log->size_bytes > 0 && (e == ERR_NOT_FOUND || (!e && are_epochs_cut(log))))) {
        return rebuild_epochs(r);
    }
    return e == ERR_NOT_FOUND ? OK : e;
}

/* --- all of it --- */

int64_t recover_load_snapshot(struct recovery *r, int64_t off)
{
    for (size_t i = r->snapshots.count; i > 0; i--) {
        int64_t at = r->snapshots.p[i - 1];
        if (at > off) {
            continue;
        }
        enum err e = snapshot_load(r->log, at, r->producers);
        if (e == OK) {
            return at;
        }
        if (e != ERR_NOT_FOUND) {
            diag_warn(DIAG_LOG, "%s: producer snapshot %lld is not usable: %s", r->log->dir,
                      (long long)at, err_text(e));
        }
    }
    producers_clear(r->producers);
    return -1;
}

int64_t recover_begin_producers(struct recovery *r, int64_t off)
{
    int64_t first_off = r->log->segs[0]->base_off;
    int64_t at = recover_load_snapshot(r, MAX(off, first_off));
    if (at < first_off) {
        producers_clear(r->producers); /* what came between is not there to be replayed */
        at = first_off;
    }
    return at;
}

/* Where the replay of producers begins: what is beyond the recovery point is always replayed,
 * because its aborted transactions have to be indexed anew. After a clean stop a log without any
 * snapshot has no producers worth a walk over all of it. */
static int64_t replay_from(struct recovery *r)
{
    struct log *log = r->log;
    if (r->args->was_clean && r->snapshots.count == 0) {
        return log->end_off;
    }
    return recover_begin_producers(r, MIN(log->end_off, r->recovery_off));
}

enum err recover_producers(struct recovery *r, int64_t from_off)
{
    struct log *log = r->log;
    enum err e = OK;
    /* those of the snapshot only: what is replayed may be about to be sent again, however old its
     * timestamps are */
    producers_expire(r->producers, clock_wall_ms(log->clock), log->config.producer_expiration_ms);
    if (from_off < log->end_off) {
        e = replay(r, from_off, true);
    }
    /* whoever opens or truncates begins with a high watermark of its own */
    (void)producers_first_unstable_off(r->producers, INT64_MAX);
    return e;
}

/* What a memo has of both; the checkpoint's file may be older. */
static enum err load_memo(struct recovery *r)
{
    struct log *log = r->log;
    enum err e = epochs_decode(&log->epochs, r->memo.epochs);
    log->are_epochs_dirty = true;
    return e ? e : producers_decode(r->producers, r->memo.producers);
}

enum err recover_state(struct recovery *r)
{
    struct log *log = r->log;
    enum err e = r->has_memo ? load_memo(r) : load_epochs(r);
    if (e) {
        return e;
    }
    if (epochs_cut_end(&log->epochs, log->end_off)) {
        log->are_epochs_dirty = true;
    }
    e = recover_producers(r, r->has_memo ? r->memo.off : replay_from(r));
    if (epochs_cut_start(&log->epochs, log->start_off)) {
        log->are_epochs_dirty = true;
    }
    return e;
}
