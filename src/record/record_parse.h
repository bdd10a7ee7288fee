/* The fields of one record, decoded where they lie: shared by the walk, which hands them out, and
 * by validation, which looks at a few of them in a tight loop. Private to this folder.
 *
 * Inline on purpose: what a caller does not read costs it nothing. */
#ifndef RECORD_RECORD_PARSE_H
#define RECORD_RECORD_PARSE_H

#include "base/attr.h"
#include "base/varint.h"
#include "record/record.h"

enum {
    RECORD_BYTES_MIN = 6, /* attributes, two deltas, two lengths, header count: a byte each */
    HEADER_BYTES_MIN = 2,
};

struct record_fields {
    size_t size_bytes; /* with the length prefix */
    int64_t ts_delta;
    int32_t off_delta;
    struct bytes key, value;
    int32_t header_count;
    struct bytes headers;
};

/* Takes a number off the front; false when it is cut short or too wide. Most are one or two bytes
 * long. */
static inline bool take_varint(const uint8_t **at, const uint8_t *end, int32_t *ret_v)
{
    const uint8_t *p = *at;
    if (likely(end - p >= 2)) {
        uint32_t u = p[0];
        if (likely(u < 0x80)) {
            *at = p + 1;
            *ret_v = (int32_t)(u >> 1) ^ -(int32_t)(u & 1);
            return true;
        }
        if (likely(p[1] < 0x80)) {
            u = (u & 0x7f) | (uint32_t)p[1] << 7;
            *at = p + 2;
            *ret_v = (int32_t)(u >> 1) ^ -(int32_t)(u & 1);
            return true;
        }
    }
    size_t n = varint_get(p, end, ret_v);
    *at = p + n;
    return n > 0;
}

static inline bool take_varlong(const uint8_t **at, const uint8_t *end, int64_t *ret_v)
{
    size_t n = varlong_get(*at, end, ret_v);
    *at += n;
    return n > 0;
}

/* A run of bytes behind its length; a negative length is null. */
static inline bool take_bytes(const uint8_t **at, const uint8_t *end, struct bytes *ret_bytes)
{
    int32_t len;
    if (!take_varint(at, end, &len) || len > end - *at) {
        return false;
    }
    *ret_bytes = len < 0 ? BYTES_NULL : (struct bytes){*at, (size_t)len};
    *at += ret_bytes->len;
    return true;
}

static inline bool take_header(const uint8_t **at, const uint8_t *end, struct record_header *ret)
{
    return take_bytes(at, end, &ret->key) && ret->key.p != NULL && take_bytes(at, end, &ret->value);
}

/* Whether count headers fill the bytes exactly. */
bool record_headers_fit(struct bytes headers, int32_t count);

/* Takes a whole record off the front; false when it is malformed or its fields do not fill its
 * length exactly. */
static inline bool take_record(const uint8_t **at, const uint8_t *end, struct record_fields *f)
{
    const uint8_t *p = *at;
    int32_t len;
    if (!take_varint(&p, end, &len) || len < RECORD_BYTES_MIN || len > end - p) {
        return false;
    }
    end = p + len;
    p++; /* attributes: none is defined */
    if (!take_varlong(&p, end, &f->ts_delta) || !take_varint(&p, end, &f->off_delta) ||
        !take_bytes(&p, end, &f->key) || !take_bytes(&p, end, &f->value) ||
        !take_varint(&p, end, &f->header_count)) {
        return false;
    }
    f->headers = (struct bytes){p, (size_t)(end - p)};
    if (unlikely(f->header_count != 0 || p != end) &&
        !record_headers_fit(f->headers, f->header_count)) {
        return false;
    }
    f->size_bytes = (size_t)(end - *at);
    *at = end;
    return true;
}

#endif
