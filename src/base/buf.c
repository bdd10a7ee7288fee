/* Growable bytes. Pure. */
#include "base/buf.h"

#include "base/endian.h"
#include "base/mem.h"
#include "base/varint.h"

#include <stdio.h>

/* A path, a number, a line: growth within SURE_BYTES never fails (base/mem.h), because a path that
 * came out empty would look like a file that is not there. */
enum { BUF_FIRST_CAP = 256, BUF_SURE_BYTES = 4096 };

void buf_deinit(struct buf *b)
{
    mem_free(b->p);
    *b = BUF_INIT;
}

static uint8_t *buf_set_cap(struct buf *b, size_t cap)
{
    uint8_t *p =
        cap <= BUF_SURE_BYTES ? mem_realloc_array(b->p, 1, cap) : mem_try_realloc(b->p, cap);
    if (p == NULL) {
        b->err = ERR_NO_MEMORY;
        return NULL;
    }
    b->p = p;
    b->cap = cap;
    return p + b->len;
}

static uint8_t *buf_grow(struct buf *b, size_t n)
{
    size_t need;
    if (b->err || __builtin_add_overflow(b->len, n, &need)) {
        b->err = ERR_NO_MEMORY;
        return NULL;
    }
    size_t cap = b->cap ? b->cap : BUF_FIRST_CAP;
    while (cap < need) {
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    }
    return buf_set_cap(b, cap);
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
    if (likely(!b->err && b->p != NULL && b->cap - b->len >= n)) {
        return b->p + b->len;
    }
    return buf_grow(b, n);
}

uint8_t *buf_reserve_exact(struct buf *b, size_t n)
{
    size_t need;
    if (b->err || __builtin_add_overflow(b->len, n, &need)) {
        b->err = ERR_NO_MEMORY;
        return NULL;
    }
    return b->p != NULL && b->cap >= need ? b->p + b->len : buf_set_cap(b, need);
}

uint8_t *buf_extend(struct buf *b, size_t n)
{
    uint8_t *p = buf_reserve(b, n);
    if (p != NULL) {
        b->len += n;
    }
    return p;
}

void buf_put(struct buf *b, const void *src, size_t n)
{
    uint8_t *p = buf_extend(b, n);
    if (p != NULL && n > 0) {
        memcpy(p, src, n);
    }
}

void buf_put_str(struct buf *b, struct str s) { buf_put(b, s.p, s.len); }

void buf_put_u8(struct buf *b, uint8_t v) { buf_put(b, &v, 1); }

void buf_put_be16(struct buf *b, uint16_t v)
{
    uint8_t *p = buf_extend(b, 2);
    if (p != NULL) {
        be16_put(p, v);
    }
}

void buf_put_be32(struct buf *b, uint32_t v)
{
    uint8_t *p = buf_extend(b, 4);
    if (p != NULL) {
        be32_put(p, v);
    }
}

void buf_put_be64(struct buf *b, uint64_t v)
{
    uint8_t *p = buf_extend(b, 8);
    if (p != NULL) {
        be64_put(p, v);
    }
}

void buf_put_uvarint(struct buf *b, uint64_t v)
{
    uint8_t tmp[VARINT_MAX];
    buf_put(b, tmp, uvarint_put(tmp, v));
}

void buf_vprintf(struct buf *b, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    if (n >= 0) {
        uint8_t *p = buf_reserve(b, (size_t)n + 1);
        if (p != NULL) {
            vsnprintf((char *)p, (size_t)n + 1, fmt, again);
            b->len += (size_t)n;
        }
    }
    va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    buf_vprintf(b, fmt, args);
    va_end(args);
}

const char *buf_cstr(struct buf *b)
{
    uint8_t *p = buf_reserve(b, 1);
    if (p == NULL) {
        return "";
    }
    *p = '\0';
    return (const char *)b->p;
}

uint8_t *buf_steal(struct buf *b, size_t *ret_len)
{
    uint8_t *p = b->p;
    *ret_len = b->len;
    *b = BUF_INIT;
    return p;
}
