/* Scanning one segment while its log is opened: how far its batches are good, and index files that
 * fit. */
#include "log/recover_priv.h"

#include "base/diag.h"
#include "base/mem.h"
#include "log/find.h"
#include "log/scan.h"

enum { INDEX_FILE_MAX_BYTES = 512 << 20 };

/* Rows of one index file that are believed, and those that the walk adds. */
struct part_rows {
    char *file; /* all of it, if it was read */
    size_t file_len;
    uint64_t file_size; /* on disk */
    uint32_t kept;      /* rows at the file's front that stay */
    struct buf added;
};

struct walk {
    struct recovery *r;
    struct recover_seg *rs;
    struct seg *seg;
    struct file *file;
    struct part_rows parts[LOG_ROW_FILES];
    struct index_row from; /* the last row that is kept: the walk begins on its batch */
    struct scanned out;
    int64_t next_off;
    bool is_anew; /* rows change that a start may trust without a look */
};

static const uint32_t row_bytes_of[LOG_ROW_FILES] = {INDEX_ROW_BYTES, TIMEINDEX_ROW_BYTES,
                                                     TXNINDEX_ROW_BYTES};

/* --- what the index files say --- */

static enum err part_size(struct walk *w, enum seg_part part)
{
    struct buf path = BUF_INIT;
    struct fs_stat st = {0};
    enum err e = fs_stat(w->r->log->fs, seg_path(&path, w->r->log->dir, w->seg, part), &st);
    buf_deinit(&path);
    w->parts[part - 1].file_size = st.size_bytes;
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err part_load(struct walk *w, enum seg_part part)
{
    struct part_rows *p = &w->parts[part - 1];
    struct buf path = BUF_INIT;
    enum err e = fs_read_all(w->r->log->fs, seg_path(&path, w->r->log->dir, w->seg, part),
                             INDEX_FILE_MAX_BYTES, &p->file, &p->file_len);
    buf_deinit(&path);
    return e == ERR_NOT_FOUND || e == ERR_BUDGET ? OK : e;
}

static struct bytes part_bytes(const struct part_rows *p)
{
    return (struct bytes){(const uint8_t *)p->file, p->file_len};
}

/* Does a batch with this last offset begin where the row says? (A row of several batches, as old
 * brokers wrote, has a later offset.) */
static bool is_row_true(struct walk *w, struct index_row row, struct batch *ret_batch)
{
    struct scan s;
    uint64_t pos;
    scan_init(&s, w->file, row.pos, w->rs->size_bytes);
    bool is_true = scan_next(&s, ret_batch, &pos) == OK && ret_batch->base_off <= row.off &&
                   ret_batch->base_off >= w->seg->base_off && batch_last_off(ret_batch) <= row.off;
    scan_deinit(&s);
    return is_true;
}

/* Keeps index rows that are good, below upto_off, and end in a true one. */
static void keep_index_rows(struct walk *w, int64_t upto_off)
{
    struct part_rows *p = &w->parts[SEG_INDEX - 1];
    struct batch b;
    p->kept = index_good_count(part_bytes(p), w->seg->base_off, upto_off, w->rs->size_bytes);
    if (p->kept == 0) {
        return;
    }
    w->from = index_decode((const uint8_t *)p->file + (size_t)(p->kept - 1) * INDEX_ROW_BYTES,
                           w->seg->base_off);
    if (is_row_true(w, w->from, &b)) {
        w->next_off = b.base_off;
    } else {
        p->kept = 0; /* one lie, and none is believed */
        w->is_anew = true;
        w->from = (struct index_row){w->seg->base_off - 1, 0};
    }
}

static void forget_rows(struct walk *w)
{
    w->from = (struct index_row){w->seg->base_off - 1, 0};
    w->next_off = w->seg->base_off;
    w->out = (struct scanned){0};
    w->out.last_time = w->out.max_time = (struct timeindex_row){-1, w->seg->base_off};
    for (int i = 0; i < LOG_ROW_FILES; i++) {
        w->parts[i].kept = 0;
        buf_clear(&w->parts[i].added);
    }
}

/* Time and transaction rows that the walk will not add again. */
static void keep_other_rows(struct walk *w, int64_t upto_off)
{
    struct part_rows *time = &w->parts[SEG_TIMEINDEX - 1];
    struct part_rows *txn = &w->parts[SEG_TXNINDEX - 1];
    time->kept = timeindex_good_count(part_bytes(time), w->seg->base_off, w->from.off + 1);
    if (time->kept > 0) {
        w->out.last_time = timeindex_decode((const uint8_t *)time->file +
                                                (size_t)(time->kept - 1) * TIMEINDEX_ROW_BYTES,
                                            w->seg->base_off);
        w->out.max_time = w->out.last_time;
    }
    txn->kept = txnindex_good_count(part_bytes(txn), w->seg->base_off, upto_off);
}

/* Reads all rows: after a crash, or when the quick look was not good enough. */
static enum err begin_full(struct walk *w, int64_t upto_off)
{
    enum err e = OK;
    for (int part = SEG_INDEX; part <= SEG_TXNINDEX && !e; part++) {
        e = part_load(w, (enum seg_part)part);
    }
    if (!e && w->rs->has_index && w->rs->has_timeindex) {
        keep_index_rows(w, upto_off);
    }
    if (!e) {
        keep_other_rows(w, upto_off);
    }
    return e;
}

static enum err last_row(struct walk *w, enum seg_part part, uint8_t *ret_row)
{
    struct part_rows *p = &w->parts[part - 1];
    uint32_t row_bytes = row_bytes_of[part - 1];
    struct rows_search s = {.row_bytes = row_bytes, .count = (uint32_t)(p->file_size / row_bytes)};
    if (s.count == 0 || p->file_size % row_bytes != 0 || p->file_size > INDEX_FILE_MAX_BYTES) {
        return ERR_NOT_FOUND;
    }
    enum err e = seg_file(w->seg, w->r->log->fs, w->r->log->dir, part, &s.file);
    return e ? e : rows_read(&s, s.count - 1, ret_row);
}

/* The last index row and its batch; a file without rows belongs to a small segment. False: neither
 * can be believed. */
static bool quick_index(struct walk *w)
{
    uint8_t bytes[INDEX_ROW_BYTES];
    struct batch b;
    if (w->rs->has_index && w->parts[SEG_INDEX - 1].file_size == 0) {
        return true;
    }
    if (last_row(w, SEG_INDEX, bytes) != OK) {
        return false;
    }
    struct index_row row = index_decode(bytes, w->seg->base_off);
    if (row.pos >= w->rs->size_bytes || !is_row_true(w, row, &b)) {
        return false;
    }
    w->from = row;
    w->next_off = b.base_off;
    return true;
}

static bool quick_time(struct walk *w)
{
    uint8_t bytes[TIMEINDEX_ROW_BYTES];
    if (last_row(w, SEG_TIMEINDEX, bytes) != OK) {
        return w->rs->has_timeindex && w->parts[SEG_TIMEINDEX - 1].file_size == 0;
    }
    struct timeindex_row time = timeindex_decode(bytes, w->seg->base_off);
    if (time.ts_ms < 0 || time.off < w->seg->base_off ||
        (time.ts_ms == 0 && time.off == w->seg->base_off)) {
        return false;
    }
    w->out.last_time = w->out.max_time = time;
    return true;
}

/* After a clean stop the last rows tell all, if they are true. False: look closer. */
static bool begin_quick(struct walk *w)
{
    if (w->r->is_reload || !quick_index(w) || !quick_time(w)) {
        return false;
    }
    for (int i = 0; i < LOG_ROW_FILES; i++) {
        w->parts[i].kept = (uint32_t)(w->parts[i].file_size / row_bytes_of[i]);
    }
    return true;
}

/* --- the walk --- */

static void add_time_row(struct walk *w)
{
    uint8_t row[TIMEINDEX_ROW_BYTES];
    struct scanned *o = &w->out;
    if (o->max_time.ts_ms > o->last_time.ts_ms) {
        timeindex_encode(row, w->seg->base_off, o->max_time);
        buf_put(&w->parts[SEG_TIMEINDEX - 1].added, row, TIMEINDEX_ROW_BYTES);
        o->last_time = o->max_time;
    }
}

static void add_rows(struct walk *w, const struct batch *b, uint64_t pos)
{
    uint8_t row[INDEX_ROW_BYTES];
    struct scanned *o = &w->out;
    if (b->max_ts_ms > o->max_time.ts_ms) {
        o->max_time = (struct timeindex_row){b->max_ts_ms, batch_last_off(b)};
    }
    if (o->unindexed_bytes > (uint64_t)w->r->log->config.index_interval_bytes) {
        w->is_anew = w->is_anew || batch_last_off(b) < w->r->durable_off;
        index_encode(row, w->seg->base_off, (struct index_row){batch_last_off(b), pos});
        buf_put(&w->parts[SEG_INDEX - 1].added, row, INDEX_ROW_BYTES);
        add_time_row(w);
        o->unindexed_bytes = 0;
    }
    o->unindexed_bytes += b->size_bytes;
}

/* A batch that follows what came before. (Its epoch proves nothing: a log that changed hands may
 * have epochs that go back.) */
static bool is_in_order(const struct walk *w, const struct batch *b)
{
    return b->base_off >= w->next_off && batch_last_off(b) - w->seg->base_off <= INT32_MAX;
}

static enum err walk_batch(struct walk *w, struct scan *s)
{
    struct batch b;
    uint64_t pos;
    enum err e = scan_next(s, &b, &pos);
    if (!e && w->rs->scan == SCAN_CHECK) {
        w->r->stats.scanned_bytes += (int64_t)b.size_bytes;
        e = scan_check_crc(s, &b, pos);
    }
    if (!e && !is_in_order(w, &b)) {
        e = ERR_CORRUPT_MESSAGE;
    }
    if (e) {
        return e;
    }
    add_rows(w, &b, pos);
    w->out.last = b;
    w->out.last_pos = pos;
    w->out.has_last = true;
    w->next_off = batch_next_off(&b);
    w->rs->good_bytes = pos + b.size_bytes;
    return OK;
}

static enum err walk_all(struct walk *w)
{
    struct scan s;
    enum err e;
    w->rs->good_bytes = w->from.pos;
    scan_init(&s, w->file, w->from.pos, w->rs->size_bytes);
    scan_set_window(&s, w->rs->scan == SCAN_CHECK ? SCAN_WINDOW_CHECK : SCAN_WINDOW_HEADERS);
    do {
        e = walk_batch(w, &s);
    } while (!e);
    scan_deinit(&s);
    w->rs->is_cut = e == ERR_CORRUPT_MESSAGE;
    w->rs->next_off = w->next_off;
    return e == ERR_NOT_FOUND || e == ERR_CORRUPT_MESSAGE ? OK : e;
}

/* --- index files that fit --- */

/* Rows beyond the recovery point: whatever a crash leaves of them, the next start cuts it off. */
static enum err part_extend(struct walk *w, const char *path, struct part_rows *p,
                            uint64_t kept_bytes)
{
    struct file *f;
    enum err e = fs_open(w->r->log->fs, path, FILE_WRITE | FILE_CREATE, &f);
    if (e) {
        return e;
    }
    e = file_truncate(f, kept_bytes);
    if (!e && p->added.len > 0) {
        e = file_pwrite(f, p->added.p, p->added.len, kept_bytes);
    }
    if (!e && w->rs->scan != SCAN_CHECK) {
        e = file_sync(f); /* the next checkpoint takes what lies below it for synced */
    }
    file_close(f);
    return e;
}

/* Rows below it: all of them or none are there after a crash. */
static enum err part_replace(struct walk *w, const char *path, struct part_rows *p,
                             uint64_t kept_bytes)
{
    struct buf all = BUF_INIT;
    if (kept_bytes > 0) {
        buf_put(&all, p->file, (size_t)kept_bytes);
    }
    buf_put(&all, p->added.p, p->added.len);
    enum err e = all.err ? all.err : fs_write_atomic(w->r->log->fs, path, all.p, all.len);
    buf_deinit(&all);
    return e;
}

static enum err part_store(struct walk *w, enum seg_part part)
{
    struct part_rows *p = &w->parts[part - 1];
    uint64_t kept_bytes = (uint64_t)p->kept * row_bytes_of[part - 1];
    struct buf path = BUF_INIT;
    if (p->added.err) {
        return p->added.err;
    }
    w->out.row_counts[part - 1] = p->kept + (uint32_t)(p->added.len / row_bytes_of[part - 1]);
    if (p->added.len == 0 && kept_bytes == p->file_size) {
        return OK;
    }
    bool is_anew = w->is_anew && !w->r->is_reload && kept_bytes <= p->file_len;
    seg_path(&path, w->r->log->dir, w->seg, part);
    enum err e = is_anew ? part_replace(w, buf_cstr(&path), p, kept_bytes)
                         : part_extend(w, buf_cstr(&path), p, kept_bytes);
    buf_deinit(&path);
    return e;
}

/* Time rows are trusted as far as index rows go: those come last. */
static enum err store_parts(struct walk *w)
{
    enum err e = OK;
    for (int part = SEG_TXNINDEX; part >= SEG_INDEX && !e; part--) {
        e = part_store(w, (enum seg_part)part);
    }
    return e;
}

static enum err walk_begin(struct walk *w)
{
    enum err e = OK;
    for (int part = SEG_INDEX; part <= SEG_TXNINDEX && !e; part++) {
        e = part_size(w, (enum seg_part)part);
    }
    if (e || (w->rs->scan == SCAN_TAIL && begin_quick(w))) {
        return e;
    }
    forget_rows(w);
    if (w->rs->scan == SCAN_REBUILD) {
        struct part_rows *txn = &w->parts[SEG_TXNINDEX - 1];
        txn->kept = (uint32_t)(txn->file_size / TXNINDEX_ROW_BYTES);
        w->r->stats.indexes_rebuilt_count++;
        w->is_anew = true;
        return OK;
    }
    return begin_full(w, w->r->recovery_off);
}

/* The batch of the last row that was kept is bad: begin at the row before. */
static enum err walk_again(struct walk *w)
{
    int64_t upto_off = w->from.off;
    forget_rows(w);
    keep_index_rows(w, upto_off);
    keep_other_rows(w, MIN(w->r->recovery_off, upto_off));
    return walk_all(w);
}

static enum err scan_seg(struct walk *w)
{
    enum err e = walk_begin(w);
    e = e ? e : walk_all(w);
    while (!e && w->rs->scan == SCAN_CHECK && w->parts[0].kept > 0 &&
           w->rs->good_bytes == w->from.pos) {
        e = walk_again(w);
    }
    if (!e && w->rs->scan == SCAN_TAIL && w->rs->is_cut) {
        return ERR_CORRUPT_MESSAGE; /* a clean stop leaves no such thing */
    }
    if (!e && w->parts[0].added.len > 0 && w->rs->scan != SCAN_REBUILD) {
        w->r->stats.indexes_rebuilt_count++;
    }
    if (!w->r->is_reload) {
        add_time_row(w); /* a segment at rest ends with its largest timestamp: one behind it may be
                            the active one, though empty */
    }
    return e ? e : store_parts(w);
}

/* What a failed sync lost may still be in the cache, and count as clean: only what comes from the
 * disk proves anything. */
static enum err forget_cache(struct file *f)
{
    enum err e = file_sync(f);
    if (!e) {
        file_advise(f, 0, 0, FILE_DONT_NEED);
    }
    return e;
}

enum err recover_scan_seg(struct recovery *r, struct recover_seg *rs, struct scanned *ret_scanned)
{
    struct walk w = {.r = r, .rs = rs, .seg = seg_new(rs->base_off)};
    forget_rows(&w);
    enum err e = seg_file(w.seg, r->log->fs, r->log->dir, SEG_LOG, &w.file);
    if (!e && rs->scan == SCAN_CHECK && !r->has_memo) {
        e = forget_cache(w.file);
    }
    e = e ? e : scan_seg(&w);
    if (e == ERR_CORRUPT_MESSAGE && rs->scan == SCAN_TAIL) {
        diag_warn(DIAG_LOG, "%s: the stop was clean but segment %lld is not: checking all of it",
                  r->log->dir, (long long)rs->base_off);
        rs->scan = SCAN_CHECK;
        r->recovery_off = r->durable_off = rs->base_off;
    }
    if (!e) {
        *ret_scanned = w.out;
    }
    for (int i = 0; i < LOG_ROW_FILES; i++) {
        mem_free(w.parts[i].file);
        buf_deinit(&w.parts[i].added);
    }
    seg_unref(w.seg);
    return e;
}
