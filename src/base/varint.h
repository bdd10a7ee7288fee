/* Kafka's variable-length integers: 7 bits a byte, low first. "varint" and "varlong" of records are
 * zigzag; compact lengths and tags of the protocol are not. */
#ifndef BASE_VARINT_H
#define BASE_VARINT_H

#include <stddef.h>
#include <stdint.h>

enum {
    VARINT_MAX = 10,  /* bytes that a 64-bit value takes at the most */
    VARINT32_MAX = 5, /* and a 32-bit one */
};

/* Writes to p (VARINT_MAX bytes of room); returns the count. */
static inline size_t uvarint_put(uint8_t *p, uint64_t v)
{
    size_t n = 0;
    while (v >= 0x80) {
        p[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    p[n++] = (uint8_t)v;
    return n;
}

static inline size_t uvarint_size(uint64_t v)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(v | 1);
    return (bits * 9 + 64) / 64; /* bits / 7, rounded up, without a division */
}

/* Reads from [p, end); returns the bytes used, 0 when it is cut short or does not fit in 64 bits.
 */
static inline size_t uvarint_get(const uint8_t *p, const uint8_t *end, uint64_t *ret_v)
{
    uint64_t v = 0;
    for (size_t n = 0; n < VARINT_MAX && p + n < end; n++) {
        uint64_t b = p[n];
        if (n == VARINT_MAX - 1 && b > 1) {
            return 0;
        }
        v |= (b & 0x7f) << (7 * n);
        if (b < 0x80) {
            *ret_v = v;
            return n + 1;
        }
    }
    return 0;
}

static inline uint64_t zigzag(int64_t v) { return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63); }
static inline int64_t unzigzag(uint64_t v) { return (int64_t)(v >> 1) ^ -(int64_t)(v & 1); }

static inline size_t varlong_put(uint8_t *p, int64_t v) { return uvarint_put(p, zigzag(v)); }
static inline size_t varlong_size(int64_t v) { return uvarint_size(zigzag(v)); }

/* As uvarint_get, for a zigzag value. */
static inline size_t varlong_get(const uint8_t *p, const uint8_t *end, int64_t *ret_v)
{
    uint64_t u;
    size_t n = uvarint_get(p, end, &u);
    if (n > 0) {
        *ret_v = unzigzag(u);
    }
    return n;
}

/* A zigzag value that must fit in 32 bits, and in the bytes that they need, as Kafka's readers want
 * it: lengths, deltas, counts of records. */
static inline size_t varint_get(const uint8_t *p, const uint8_t *end, int32_t *ret_v)
{
    uint64_t u;
    size_t n = uvarint_get(p, end, &u);
    if (n == 0 || n > VARINT32_MAX || u > UINT32_MAX) {
        return 0;
    }
    *ret_v = (int32_t)unzigzag(u);
    return n;
}

#endif
