/* The fields of one record, decoded where they lie. Private to this folder.
 *
 * record_take reads any record. record_glance is for validation's loop over all records: it knows
 * only the common shape, and leaves anything else to record_take. */
#ifndef RECORD_RECORD_PARSE_H
#define RECORD_RECORD_PARSE_H

#include "base/attr.h"
#include "base/varint.h"
#include "record/record.h"

struct record_fields {
    size_t size_bytes; /* with the length prefix */
    int64_t ts_delta;
    int32_t off_delta;
    struct bytes key, value;
    int32_t header_count;
    struct bytes headers;
};

/* Takes a whole record off the front; false when it is malformed or its fields do not fill its
 * length exactly. */
bool record_take(const uint8_t **at, const uint8_t *end, struct record_fields *ret_fields);

/* What validation looks at. Numbers stay zigzag, where an odd one is negative. */
struct record_glimpse {
    uint32_t ts_delta_zigzag, off_delta_zigzag;
    bool has_key;
};

enum {
    GLANCE_BYTES_MIN = 16, /* the numbers before the key, two bytes each, and some */
    GLANCE_TAIL_BYTES = 3, /* value length and header count */
};

/* A number of one or two bytes; NULL when it is longer. Two bytes must be there. */
static inline const uint8_t *take_small(const uint8_t *p, uint32_t *ret_u)
{
    uint32_t u = p[0];
    if (u < 0x80) {
        *ret_u = u;
        return p + 1;
    }
    *ret_u = (u & 0x7f) | (uint32_t)p[1] << 7;
    return likely(p[1] < 0x80) ? p + 2 : NULL;
}

/* Takes a record off the front when all its numbers are small and it has no headers; false, with
 * nothing taken, when it is anything else: malformed or just uncommon. */
static inline bool record_glance(const uint8_t **at, const uint8_t *end, struct record_glimpse *g)
{
    const uint8_t *p = *at;
    uint32_t len, key_len, value_len;
    if (unlikely(end - p < GLANCE_BYTES_MIN) || (p = take_small(p, &len)) == NULL || (len & 1) ||
        (len >>= 1) > end - p) {
        return false;
    }
    const uint8_t *next = p + len;
    p++; /* attributes: none is defined */
    if ((p = take_small(p, &g->ts_delta_zigzag)) == NULL ||
        (p = take_small(p, &g->off_delta_zigzag)) == NULL ||
        (p = take_small(p, &key_len)) == NULL) {
        return false;
    }
    g->has_key = !(key_len & 1);
    key_len = g->has_key ? key_len >> 1 : 0;
    if ((ptrdiff_t)key_len > next - p - GLANCE_TAIL_BYTES ||
        (p = take_small(p + key_len, &value_len)) == NULL) {
        return false;
    }
    value_len = value_len & 1 ? 0 : value_len >> 1;
    bool has_headers = (ptrdiff_t)value_len + 1 != next - p || next[-1] != 0;
    *at = has_headers ? *at : next;
    return !has_headers;
}

#endif
