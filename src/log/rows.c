/* Sorted rows in memory and in files. Any thread; a struct rows is guarded by its owner. */
#include "log/rows.h"

#include "base/assert.h"

enum { LINEAR_BYTES = 4096, ROW_BYTES_MAX = 64 };

void rows_init(struct rows *r, uint32_t row_bytes, uint32_t file_count)
{
    *r = (struct rows){.row_bytes = row_bytes, .file_count = file_count};
}

void rows_deinit(struct rows *r) { buf_deinit(&r->pending); }

uint32_t rows_pending_count(const struct rows *r)
{
    return (uint32_t)(r->pending.len / r->row_bytes);
}

uint32_t rows_count(const struct rows *r) { return r->file_count + rows_pending_count(r); }

bool rows_is_full(const struct rows *r) { return rows_pending_count(r) >= ROWS_PENDING_MAX; }

bool rows_push(struct rows *r, const uint8_t *row)
{
    if (rows_is_full(r)) {
        return false;
    }
    buf_put(&r->pending, row, r->row_bytes);
    bool is_taken = r->pending.err == OK;
    r->pending.err = OK;
    return is_taken;
}

bool rows_reserve(struct rows *r)
{
    bool is_there = buf_reserve(&r->pending, r->row_bytes) != NULL;
    r->pending.err = OK;
    return is_there;
}

void rows_push_reserved(struct rows *r, const uint8_t *row)
{
    buf_put(&r->pending, row, r->row_bytes);
    ASSERT(r->pending.err == OK);
}

void rows_written(struct rows *r, uint32_t count)
{
    size_t bytes = (size_t)count * r->row_bytes;
    ASSERT(bytes <= r->pending.len);
    if (bytes > 0) {
        memmove(r->pending.p, r->pending.p + bytes, r->pending.len - bytes);
    }
    r->pending.len -= bytes;
    r->file_count += count;
}

/* How many of the rows at p have a key <= target. */
static size_t count_upto(const uint8_t *p, size_t count, const struct rows_search *s,
                         int64_t target)
{
    size_t low = 0;
    while (low < count) {
        size_t mid = low + (count - low) / 2;
        if (s->key(p + mid * s->row_bytes) <= target) {
            low = mid + 1;
        } else {
            count = mid;
        }
    }
    return low;
}

const uint8_t *rows_find_pending(const struct rows *r, rows_key_fn *key, int64_t target)
{
    struct rows_search s = {.row_bytes = r->row_bytes, .key = key};
    size_t n = count_upto(r->pending.p, rows_pending_count(r), &s, target);
    return n == 0 ? NULL : r->pending.p + (n - 1) * r->row_bytes;
}

static enum err read_some(const struct rows_search *s, uint32_t at, uint32_t count, uint8_t *ret)
{
    size_t len = (size_t)count * s->row_bytes;
    uint64_t pos = (uint64_t)at * s->row_bytes;
    enum err e = s->may_not_wait ? file_read_exact_now(s->file, ret, len, pos)
                                 : file_read_exact(s->file, ret, len, pos);
    return e == ERR_SHORT ? ERR_CORRUPT_MESSAGE : e;
}

enum err rows_read(const struct rows_search *s, uint32_t at, uint8_t *ret_row)
{
    return read_some(s, at, 1, ret_row);
}

/* Of the rows of a file those below low have keys <= target, those from high on have not. */
struct range {
    uint32_t low, high;
};

/* Rows [first, first + count) of a file. */
struct window {
    uint8_t rows[LINEAR_BYTES + ROW_BYTES_MAX];
    uint32_t first, count;
};

static enum err window_read(const struct rows_search *s, uint32_t first, uint32_t end,
                            struct window *w)
{
    w->first = first;
    w->count = end - first;
    return read_some(s, first, w->count, w->rows);
}

/* What the window's rows tell of the range. */
static void narrow_by(const struct rows_search *s, int64_t target, const struct window *w,
                      struct range *x)
{
    uint32_t n = (uint32_t)count_upto(w->rows, w->count, s, target);
    x->low = n > 0 ? w->first + n : x->low;
    x->high = n < w->count ? w->first + n : x->high;
}

/* The window has the row before the range's beginning, or there is none, and the range is empty. */
static bool is_found(const struct window *w, const struct range *x)
{
    bool is_inside = x->low > w->first && x->low <= w->first + w->count;
    return x->low == x->high && (is_inside || x->low == 0);
}

static bool fits_one_read(const struct rows_search *s, const struct range *x)
{
    return (x->high - x->low) * (uint64_t)s->row_bytes <= LINEAR_BYTES;
}

/* As many rows as one read gives, half of them before the guess. */
static enum err look_at_guess(const struct rows_search *s, int64_t target, struct window *w,
                              struct range *x)
{
    uint32_t most = LINEAR_BYTES / s->row_bytes;
    uint32_t first = s->guess > most / 2 ? s->guess - most / 2 : 0;
    first = MIN(first, s->count - most);
    enum err e = window_read(s, first, first + most, w);
    if (!e) {
        narrow_by(s, target, w, x);
    }
    return e;
}

/* Narrows it by single rows until it fits one read. */
static enum err narrow(const struct rows_search *s, int64_t target, struct range *x)
{
    while (!fits_one_read(s, x)) {
        uint8_t row[ROW_BYTES_MAX];
        uint32_t mid = x->low + (x->high - x->low) / 2;
        enum err e = rows_read(s, mid, row);
        if (e) {
            return e;
        }
        *(s->key(row) <= target ? &x->low : &x->high) = s->key(row) <= target ? mid + 1 : mid;
    }
    return OK;
}

static enum err look(const struct rows_search *s, int64_t target, struct window *w)
{
    struct range x = {0, s->count};
    enum err e = s->guess > 0 && !fits_one_read(s, &x) ? look_at_guess(s, target, w, &x) : OK;
    if (e || is_found(w, &x)) {
        return e;
    }
    e = narrow(s, target, &x);
    /* the answer may be the row before the range */
    return e ? e : window_read(s, x.low > 0 ? x.low - 1 : 0, x.high, w);
}

enum err rows_find(const struct rows_search *s, int64_t target, int64_t *ret_at, uint8_t *ret_row)
{
    struct window w;
    ASSERT(s->row_bytes <= ROW_BYTES_MAX);
    w.first = w.count = 0;
    enum err e = look(s, target, &w);
    if (e) {
        return e;
    }
    size_t n = count_upto(w.rows, w.count, s, target);
    if (n > 0) {
        memcpy(ret_row, w.rows + (n - 1) * s->row_bytes, s->row_bytes);
    }
    *ret_at = n > 0 ? (int64_t)(w.first + n - 1) : -1;
    return OK;
}
