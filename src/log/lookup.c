/* Looking up by time, and aborted transactions. Any thread; disk is read without a lock. */
#include "log/find.h"
#include "log/scan.h"

#include "base/mem.h"
#include "record/record.h"

enum { PLAIN_MAX_BYTES = 256 << 20 }; /* a batch that was accepted is not larger when unpacked */

/* --- one batch --- */

/* First record of b at or beyond from_off, below upto_off, with a timestamp >= ts_ms. NOT_FOUND. */
struct want {
    int64_t ts_ms, from_off, upto_off;
};

static enum err walk_records(const struct batch *b, const struct want *w, struct log_time_hit *hit)
{
    struct record_walk walk;
    struct record rec;
    enum err e = record_walk_init(&walk, b, PLAIN_MAX_BYTES);
    while (!e && (e = record_walk_next(&walk, &rec)) == OK) {
        if (rec.ts_ms >= w->ts_ms && rec.off >= w->from_off && rec.off < w->upto_off) {
            *hit = (struct log_time_hit){rec.off, rec.ts_ms, b->leader_epoch};
            break;
        }
    }
    record_walk_deinit(&walk);
    return e;
}

static enum err search_batch(struct scan *s, const struct batch *head, uint64_t pos,
                             const struct want *w, struct log_time_hit *hit)
{
    struct buf bytes = BUF_INIT;
    struct batch b;
    enum err e = scan_read_batch(s, head, pos, &bytes, &b);
    e = e ? e : batch_check_crc(&b);
    e = e ? e : walk_records(&b, w, hit);
    buf_deinit(&bytes);
    return e;
}

/* --- one segment --- */

static enum err search_seg(const struct find *x, const struct want *w, struct log_time_hit *hit)
{
    struct scan s;
    struct batch b;
    uint64_t pos;
    struct file *f;
    enum err e = seg_file(x->seg, x->fs, x->dir, SEG_LOG, &f);
    if (e) {
        return e == ERR_NOT_FOUND ? ERR_OFFSET_OUT_OF_RANGE : e;
    }
    struct timeindex_row older = find_time_floor(x, w->ts_ms);
    int64_t from = MAX(older.off, w->from_off);
    struct found begin = {.pos = 0};
    if (from > x->seg->base_off) {
        e = find_batch(x, find_floor_of_off(x, from), from, &begin);
    }
    if (e) {
        return e;
    }
    scan_init(&s, f, begin.pos, x->size_bytes);
    scan_set_window(&s, SCAN_WINDOW_HEADERS);
    while ((e = scan_next(&s, &b, &pos)) == OK && b.base_off < w->upto_off) {
        bool may_hit = b.max_ts_ms >= w->ts_ms && batch_last_off(&b) >= w->from_off;
        e = may_hit ? search_batch(&s, &b, pos, w, hit) : ERR_NOT_FOUND;
        if (e != ERR_NOT_FOUND) {
            break;
        }
    }
    scan_deinit(&s);
    return e == OK && hit->off < 0 ? ERR_NOT_FOUND : e;
}

/* --- the log --- */

/* Copies segment number at under mu and references it; false beyond the last. */
static bool take_seg(struct log *log, uint32_t at, struct find *x)
{
    mutex_lock(&log->mu);
    bool is_there = at < log->seg_count;
    if (is_there) {
        find_init(x, log, at);
        seg_ref(x->seg);
        x->seg->touched_ms = log->touched_ms = clock_mono_ms(log->clock);
    }
    mutex_unlock(&log->mu);
    return is_there;
}

static enum err find_time_in_seg(struct log *log, const struct find *x, const struct want *w,
                                 struct log_time_hit *hit)
{
    struct timeindex_row max;
    enum err e = find_max_time(x, log, &max);
    if (e == OK && max.ts_ms < w->ts_ms) {
        return ERR_NOT_FOUND;
    }
    return search_seg(x, w, hit); /* without a usable time index too */
}

enum err log_find_time(struct log *log, int64_t ts_ms, int64_t upto_off,
                       struct log_time_hit *ret_hit)
{
    struct log_time_hit hit = {-1, NO_TIMESTAMP, -1};
    struct want w = {.ts_ms = ts_ms, .from_off = log_start_off(log), .upto_off = upto_off};
    struct find x;
    enum err e = ERR_NOT_FOUND;
    mutex_lock(&log->mu);
    uint32_t at = log_seg_at(log, w.from_off);
    mutex_unlock(&log->mu);
    for (; e == ERR_NOT_FOUND && take_seg(log, at, &x); at++) {
        if (x.seg->base_off < upto_off) {
            e = find_time_in_seg(log, &x, &w, &hit);
        }
        seg_unref(x.seg);
    }
    if (e && e != ERR_NOT_FOUND) {
        return e;
    }
    *ret_hit = hit;
    return OK;
}

/* The segment whose largest timestamp is the largest; the first of equals. */
static enum err find_max_seg(struct log *log, uint32_t *ret_at, struct timeindex_row *ret_max)
{
    struct find x;
    enum err e = OK;
    mutex_lock(&log->mu);
    uint32_t first = log_seg_at(log, log->start_off);
    mutex_unlock(&log->mu);
    *ret_max = (struct timeindex_row){-1, -1};
    for (uint32_t at = first; !e && take_seg(log, at, &x); at++) {
        struct timeindex_row max;
        e = find_max_time(&x, log, &max);
        if (!e && x.size_bytes > 0 && max.ts_ms > ret_max->ts_ms) {
            *ret_max = max;
            *ret_at = at;
        }
        seg_unref(x.seg);
    }
    return e;
}

enum err log_find_max_time(struct log *log, struct log_time_hit *ret_hit)
{
    struct log_time_hit hit = {-1, NO_TIMESTAMP, -1};
    struct timeindex_row max;
    struct find x;
    uint32_t at = 0;
    enum err e = find_max_seg(log, &at, &max);
    if (e || max.ts_ms < 0) {
        *ret_hit = e ? *ret_hit : hit;
        return e;
    }
    struct want w = {.ts_ms = max.ts_ms, .from_off = log_start_off(log), .upto_off = INT64_MAX};
    if (take_seg(log, at, &x)) {
        e = search_seg(&x, &w, &hit);
        seg_unref(x.seg);
    }
    if (e && e != ERR_NOT_FOUND) {
        return e;
    }
    *ret_hit = hit;
    return OK;
}

/* --- aborted transactions --- */

/* Rows of one segment as bytes: what is in the file, then what waits in memory. */
static enum err load_txn_rows(struct log *log, uint32_t at, struct buf *out)
{
    struct find x;
    struct buf path = BUF_INIT;
    char *text = NULL;
    size_t len = 0;
    if (!take_seg(log, at, &x)) {
        return ERR_NOT_FOUND;
    }
    mutex_lock(&log->flush_mu); /* no row moves from memory to the file between the two looks */
    enum err e = fs_read_all(log->fs, seg_path(&path, log->dir, x.seg, SEG_TXNINDEX),
                             PLAIN_MAX_BYTES, &text, &len);
    if (e == ERR_NOT_FOUND) {
        e = OK;
        len = 0;
    }
    if (!e) {
        buf_put(out, text, len - len % TXNINDEX_ROW_BYTES);
        mutex_lock(&log->mu);
        const struct buf *pending = &log_rows(log, SEG_TXNINDEX)->pending;
        if (log_active(log) == x.seg) {
            buf_put(out, pending->p, pending->len);
        }
        mutex_unlock(&log->mu);
        e = out->err;
    }
    mutex_unlock(&log->flush_mu);
    mem_free(text);
    buf_deinit(&path);
    seg_unref(x.seg);
    return e;
}

/* Tells of the rows in range. True when no later row can matter: everything below upto_off was
 * decided when this one was written. */
static bool tell_aborted(const struct buf *rows, const struct want *w, log_aborted_fn *fn,
                         void *ctx)
{
    for (size_t i = 0; i + TXNINDEX_ROW_BYTES <= rows->len; i += TXNINDEX_ROW_BYTES) {
        struct txnindex_row row;
        if (!txnindex_decode(rows->p + i, &row)) {
            continue;
        }
        if (row.last_off >= w->from_off && row.first_off < w->upto_off) {
            fn(ctx, &(struct log_aborted){row.producer_id, row.first_off});
        }
        if (row.last_stable_off >= w->upto_off) {
            return true;
        }
    }
    return false;
}

enum err log_each_aborted(struct log *log, int64_t from_off, int64_t upto_off, log_aborted_fn *fn,
                          void *ctx)
{
    struct want w = {.from_off = from_off, .upto_off = upto_off};
    struct buf rows = BUF_INIT;
    bool is_done = false;
    mutex_lock(&log->mu);
    uint32_t at = log_seg_at(log, from_off);
    mutex_unlock(&log->mu);
    enum err e = OK;
    for (; !e && !is_done; at++) {
        buf_clear(&rows);
        e = load_txn_rows(log, at, &rows);
        is_done = !e && tell_aborted(&rows, &w, fn, ctx);
    }
    buf_deinit(&rows);
    return e == ERR_NOT_FOUND ? OK : e;
}
