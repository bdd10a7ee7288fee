/* Lookups in one segment. Any thread. The index files are only believed as far as the log's own
 * headers confirm them. */
#include "log/find.h"

#include "log/scan.h"

void find_init(struct find *x, const struct log *log, uint32_t at)
{
    struct seg *seg = log->segs[at];
    *x = (struct find){.fs = log->fs, .dir = log->dir, .seg = seg, .size_bytes = seg->size_bytes};
    bool is_active = at == log->seg_count - 1;
    for (int i = 0; i < LOG_ROW_FILES; i++) {
        x->row_counts[i] = is_active ? log->rows[i].file_count : FIND_BY_SIZE;
    }
    x->unwritten_count = is_active ? rows_pending_count(&log->rows[SEG_INDEX - 1]) : 0;
}

/* Opens an index file for searching; NOT_FOUND when it has no rows. */
static enum err open_rows(const struct find *x, enum seg_part part, struct rows_search *s)
{
    s->may_not_wait = x->may_not_wait;
    s->count = x->row_counts[part - 1];
    s->row_bytes = part == SEG_INDEX ? INDEX_ROW_BYTES : TIMEINDEX_ROW_BYTES;
    if (s->count == 0) {
        return ERR_NOT_FOUND;
    }
    enum err e = seg_file(x->seg, x->fs, x->dir, part, &s->file);
    uint64_t size = 0;
    if (!e && s->count == FIND_BY_SIZE) {
        e = file_size(s->file, &size);
        s->count = (uint32_t)MIN(size / s->row_bytes, (uint64_t)INT32_MAX);
    }
    return e ? e : s->count ? OK : ERR_NOT_FOUND;
}

static uint64_t index_floor(const struct find *x, struct rows_search *s, int64_t target)
{
    uint8_t bytes[INDEX_ROW_BYTES];
    int64_t at = -1;
    enum err e = rows_find(s, target, &at, bytes);
    if (e || at < 0) {
        return e == ERR_AGAIN ? FIND_WOULD_WAIT : 0;
    }
    struct index_row row = index_decode(bytes, x->seg->base_off);
    return row.pos < x->size_bytes ? row.pos : 0;
}

uint64_t find_floor_of_off(const struct find *x, int64_t off)
{
    struct rows_search s = {.key = index_key_off};
    return open_rows(x, SEG_INDEX, &s) ? 0 : index_floor(x, &s, off - x->seg->base_off);
}

/* Rows come about evenly. A wrong guess costs a read. */
uint64_t find_floor_of_pos(const struct find *x, uint64_t pos)
{
    struct rows_search s = {.key = index_key_pos};
    if (open_rows(x, SEG_INDEX, &s)) {
        return 0;
    }
    uint64_t count = (uint64_t)s.count + x->unwritten_count;
    s.guess = (uint32_t)(pos * count / MAX(x->size_bytes, UINT64_C(1)));
    return index_floor(x, &s, (int64_t)pos);
}

static enum err walk_to(const struct find *x, struct file *f, uint64_t floor, int64_t off,
                        struct found *ret)
{
    struct scan s;
    enum err e;
    struct found at = {0};
    bool is_first = true;
    scan_init(&s, f, floor, x->size_bytes);
    s.may_not_wait = x->may_not_wait;
    while ((e = scan_next(&s, &at.batch, &at.pos)) == OK) {
        bool is_before = at.batch.base_off < x->seg->base_off;
        bool is_beyond = is_first && floor > 0 && at.batch.base_off > off;
        if (is_before || is_beyond) {
            e = ERR_CORRUPT_MESSAGE; /* no batch begins at floor, or the wrong one */
            break;
        }
        if (batch_last_off(&at.batch) >= off) {
            *ret = at;
            break;
        }
        is_first = false;
    }
    scan_deinit(&s);
    return e;
}

enum err find_batch(const struct find *x, uint64_t floor, int64_t off, struct found *ret_found)
{
    struct file *f;
    enum err e = seg_file(x->seg, x->fs, x->dir, SEG_LOG, &f);
    if (e) {
        return e;
    }
    e = walk_to(x, f, floor, off, ret_found);
    if (e == ERR_CORRUPT_MESSAGE && floor > 0) {
        e = walk_to(x, f, 0, off, ret_found);
    }
    return e;
}

enum err find_boundary(const struct find *x, uint64_t floor, uint64_t upto_pos,
                       struct boundary *ret)
{
    struct file *f;
    enum err e = seg_file(x->seg, x->fs, x->dir, SEG_LOG, &f);
    if (e) {
        return e;
    }
    struct scan s;
    struct batch b;
    uint64_t pos;
    struct boundary at = {.pos = floor};
    scan_init(&s, f, floor, x->size_bytes);
    s.may_not_wait = x->may_not_wait;
    while ((e = scan_next(&s, &b, &pos)) == OK && s.pos <= upto_pos) {
        at = (struct boundary){.pos = s.pos, .next_off = batch_next_off(&b)};
    }
    if (!e) {
        at.next_off = at.pos == floor ? b.base_off : at.next_off;
        at.next_pos = s.pos;
    }
    scan_deinit(&s);
    if (e && !(e == ERR_NOT_FOUND && at.pos > floor)) {
        return e;
    }
    *ret = at;
    return OK;
}

struct timeindex_row find_time_floor(const struct find *x, int64_t ts_ms)
{
    struct rows_search s = {.key = timeindex_key_ts};
    uint8_t bytes[TIMEINDEX_ROW_BYTES];
    int64_t at = -1;
    if (open_rows(x, SEG_TIMEINDEX, &s) != OK || rows_find(&s, ts_ms - 1, &at, bytes) != OK ||
        at < 0) {
        return (struct timeindex_row){-1, -1};
    }
    return timeindex_decode(bytes, x->seg->base_off);
}

static enum err last_time(const struct find *x, struct timeindex_row *ret_row)
{
    struct rows_search s = {.key = timeindex_key_ts};
    uint8_t bytes[TIMEINDEX_ROW_BYTES];
    enum err e = open_rows(x, SEG_TIMEINDEX, &s);
    e = e ? e : rows_read(&s, s.count - 1, bytes);
    if (e == ERR_NOT_FOUND) {
        *ret_row = (struct timeindex_row){-1, x->seg->base_off};
        return OK;
    }
    if (!e) {
        *ret_row = timeindex_decode(bytes, x->seg->base_off);
    }
    return e;
}

enum err find_max_time(const struct find *x, struct log *log, struct timeindex_row *ret_row)
{
    struct seg *seg = x->seg;
    mutex_lock(&log->mu);
    bool is_known = seg->has_max_ts;
    *ret_row = (struct timeindex_row){seg->max_ts_ms, seg->max_ts_off};
    mutex_unlock(&log->mu);
    enum err e = is_known ? OK : last_time(x, ret_row);
    if (!is_known && !e) {
        mutex_lock(&log->mu);
        seg->max_ts_ms = ret_row->ts_ms;
        seg->max_ts_off = ret_row->off;
        seg->has_max_ts = true;
        mutex_unlock(&log->mu);
    }
    return e;
}
