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

enum err rows_read(const struct rows_search *s, uint32_t at, uint8_t *ret_row)
{
    enum err e = file_read_exact(s->file, ret_row, s->row_bytes, (uint64_t)at * s->row_bytes);
    return e == ERR_SHORT ? ERR_CORRUPT_MESSAGE : e;
}

/* Narrows [*low, *high) by single rows until it fits one read: rows below *low have keys <=
 * target, those from *high on have not. */
static enum err narrow(const struct rows_search *s, int64_t target, uint32_t *low, uint32_t *high)
{
    while ((*high - *low) * (uint64_t)s->row_bytes > LINEAR_BYTES) {
        uint8_t row[ROW_BYTES_MAX];
        uint32_t mid = *low + (*high - *low) / 2;
        enum err e = rows_read(s, mid, row);
        if (e) {
            return e;
        }
        *(s->key(row) <= target ? low : high) = s->key(row) <= target ? mid + 1 : mid;
    }
    return OK;
}

enum err rows_find(const struct rows_search *s, int64_t target, int64_t *ret_at, uint8_t *ret_row)
{
    ASSERT(s->row_bytes <= ROW_BYTES_MAX);
    uint8_t rows[LINEAR_BYTES + ROW_BYTES_MAX];
    uint32_t low = 0;
    uint32_t high = s->count;
    enum err e = narrow(s, target, &low, &high);
    if (e) {
        return e;
    }
    uint32_t first = low > 0 ? low - 1 : 0; /* the answer may be the row before the range */
    size_t count = high - first;
    e = file_read_exact(s->file, rows, count * s->row_bytes, (uint64_t)first * s->row_bytes);
    if (e) {
        return e == ERR_SHORT ? ERR_CORRUPT_MESSAGE : e;
    }
    size_t n = count_upto(rows, count, s, target);
    if (n > 0) {
        memcpy(ret_row, rows + (n - 1) * s->row_bytes, s->row_bytes);
    }
    *ret_at = n > 0 ? (int64_t)(first + n - 1) : -1;
    return OK;
}
