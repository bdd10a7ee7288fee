/* Descriptors: what gen/ compiles the schemas to and the interpreter walks. Private to src/wire and
 * to generic tools over messages (the random generator of the tests). */
#ifndef WIRE_DESC_H
#define WIRE_DESC_H

#include "wire/wire.h"

enum wire_kind {
    WT_BOOL,
    WT_INT8,
    WT_INT16,
    WT_INT32,
    WT_INT64,
    WT_UINT16,
    WT_UINT32,
    WT_FLOAT64,
    WT_UUID,
    WT_STRING,
    WT_BYTES,
    WT_RECORDS,
    WT_STRUCT,
};

enum wire_flag {
    WF_ARRAY = 1,        /* T *x; int32_t x_count at count_off */
    WF_POINTER = 2,      /* a struct that may be null: struct T *x */
    WF_DEFAULT_NULL = 4, /* the default is null, not empty */
    WF_IGNORABLE = 8,    /* a version without it drops it silently */
    WF_RIGID = 16,       /* written the old way in flexible versions too */
};

struct wire_type;

struct wire_field {
    const char *name; /* camelCase */
    const struct wire_type *sub;
    int64_t def; /* default of a number */
    uint32_t off, count_off;
    int16_t lo, hi;           /* versions that have it */
    int16_t null_lo, null_hi; /* versions in which it may be null */
    int16_t tag;              /* -1: not tagged */
    uint8_t type;             /* enum wire_kind; of the elements if it is an array */
    uint8_t flags;
};

struct wire_type {
    const struct wire_field *fields;
    uint16_t field_count, tagged_count;
    uint32_t size;      /* of the C struct */
    uint32_t min_bytes; /* no encoding is shorter; at least 1 */
    const void *defaults;
};

struct wire_msg {
    const char *name;
    const struct wire_type *type;
    int16_t lo, hi;
    int16_t flex_lo, flex_hi;
};

/* Messages by their number; rows may be NULL. */
struct wire_table {
    const struct wire_msg *const *rows;
    size_t count;
};

extern const struct wire_table wire_requests, wire_responses, wire_metadata_records,
    wire_group_keys, wire_group_values, wire_txn_keys, wire_txn_values, wire_share_keys,
    wire_share_values, wire_remote_log_records, wire_all;

static inline bool wire_field_in(const struct wire_field *f, int version)
{
    return version >= f->lo && version <= f->hi;
}

static inline bool wire_field_nullable(const struct wire_field *f, int version)
{
    return version >= f->null_lo && version <= f->null_hi;
}

/* The same for one value of it: the elements of an array are never null. */
static inline bool wire_value_nullable(const struct wire_field *f, int version)
{
    return !(f->flags & WF_ARRAY) && wire_field_nullable(f, version);
}

static inline int32_t wire_count(const struct wire_field *f, const void *msg)
{
    int32_t n;
    memcpy(&n, (const char *)msg + f->count_off, sizeof n);
    return n;
}

static inline void *wire_pointer(const struct wire_field *f, const void *msg)
{
    void *p;
    memcpy(&p, (const char *)msg + f->off, sizeof p);
    return p;
}

static inline const void *wire_at(const struct wire_field *f, const void *msg)
{
    return (const char *)msg + f->off;
}

/* The C size of one value of f's type (an element of an array). */
size_t wire_value_size(const struct wire_field *f);

/* Whether the field f of msg has its default. */
bool wire_is_default(const struct wire_field *f, const void *msg);

#endif
