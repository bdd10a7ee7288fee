/* Rows of fixed size in a file, sorted: what the index files are. The newest rows of the active
 * segment wait in memory and are written many at a time. */
#ifndef LOG_ROWS_H
#define LOG_ROWS_H

#include "base/buf.h"
#include "plat/file.h"

enum { ROWS_PENDING_MAX = 512 };

/* rows.file_count rows are in the file, the pending ones follow them. */
struct rows {
    uint32_t row_bytes;
    uint32_t file_count;
    struct buf pending;
};

typedef int64_t rows_key_fn(const uint8_t *row);

void rows_init(struct rows *r, uint32_t row_bytes, uint32_t file_count);
void rows_deinit(struct rows *r);

uint32_t rows_pending_count(const struct rows *r);
uint32_t rows_count(const struct rows *r);
bool rows_is_full(const struct rows *r);

/* False when there is no room or no memory: the row is not taken. */
bool rows_push(struct rows *r, const uint8_t *row);

/* Rows that must not be left out: reserve (false: no memory), then push, however many wait. */
bool rows_reserve(struct rows *r);
void rows_push_reserved(struct rows *r, const uint8_t *row);

/* Forgets the first count pending rows, which are in the file now. */
void rows_written(struct rows *r, uint32_t count);

/* Last pending row with a key <= target; NULL if none has. */
const uint8_t *rows_find_pending(const struct rows *r, rows_key_fn *key, int64_t target);

/* The same among the first count rows of a file: their number in *ret_at and the row's bytes in
 * ret_row, or -1. The rows are sorted by key if the file is good; if it is not, any row may come.
 * CORRUPT_MESSAGE when the file is shorter than count rows. */
struct rows_search {
    struct file *file;
    uint32_t row_bytes;
    uint32_t count;
    uint32_t guess;    /* the row may be near this one: one read then does for a long file */
    bool may_not_wait; /* for the disk: AGAIN where it would */
    rows_key_fn *key;
};
must_check enum err rows_find(const struct rows_search *s, int64_t target, int64_t *ret_at,
                              uint8_t *ret_row);

/* Row number at. */
must_check enum err rows_read(const struct rows_search *s, uint32_t at, uint8_t *ret_row);

#endif
