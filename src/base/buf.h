/* A growable run of bytes. Appends after a failed growth are no-ops and the failure sticks: check
 * err once at the end. The first 4 KiB are always there: what is as short as a path needs no
 * check. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"
#include "base/str.h"

#include <stdarg.h>

struct buf {
    uint8_t *p;
    size_t len;
    size_t cap;
    enum err err; /* sticky: NO_MEMORY */
};

#define BUF_INIT ((struct buf){NULL, 0, 0, OK})

void buf_deinit(struct buf *b);

/* Forgets the content and any error, keeps the memory. */
static inline void buf_clear(struct buf *b)
{
    b->len = 0;
    b->err = OK;
}

static inline struct bytes buf_bytes(const struct buf *b) { return (struct bytes){b->p, b->len}; }
static inline struct str buf_str(const struct buf *b)
{
    return (struct str){(const char *)b->p, b->len};
}

/* Room for n more bytes; returns where they go, or NULL (and the error sticks). Does not change
 * len. */
uint8_t *buf_reserve(struct buf *b, size_t n);

/* As buf_reserve, but grows to just that room instead of doubling: for what has a budget. */
uint8_t *buf_reserve_exact(struct buf *b, size_t n);

/* Reserve and count n bytes; the caller fills them. NULL on failure. */
uint8_t *buf_extend(struct buf *b, size_t n);

void buf_put(struct buf *b, const void *p, size_t n);
void buf_put_str(struct buf *b, struct str s);
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_be16(struct buf *b, uint16_t v);
void buf_put_be32(struct buf *b, uint32_t v);
void buf_put_be64(struct buf *b, uint64_t v);
void buf_put_uvarint(struct buf *b, uint64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) printf_like(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list args) printf_like(2, 0);

/* NUL-terminates without counting the NUL and returns the text; "" without memory. */
const char *buf_cstr(struct buf *b);

/* The memory itself, to be freed with mem_free; b is empty afterwards. */
uint8_t *buf_steal(struct buf *b, size_t *ret_len);

#endif
