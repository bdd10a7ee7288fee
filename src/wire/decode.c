/* Bytes to structs, by descriptor. Pure; the arena is the caller's.
 *
 * Invariants: p ≤ end always; an error sticks, moves p to end, and every loop stops at it; nothing
 * is allocated for more elements than the bytes left could hold. The input may be hostile. */
#include "wire/desc.h"

#include "base/endian.h"
#include "base/limit.h"
#include "base/varint.h"

struct dec {
    const uint8_t *p, *end;
    struct arena *arena;
    enum err err;
    int version;
    bool is_flexible;
};

static const uint8_t no_bytes[16]; /* zeros, to stand where there is no input */

static void get_struct(struct dec *d, const struct wire_type *t, void *out);

static void fail(struct dec *d, enum err e)
{
    d->err = d->err ? d->err : e;
    d->p = d->end;
}

static size_t left(const struct dec *d) { return (size_t)(d->end - d->p); }

/* The next n ≤ 16 bytes; zeros once the input has failed. */
static inline const uint8_t *take(struct dec *d, size_t n)
{
    if (unlikely(left(d) < n)) {
        fail(d, ERR_MALFORMED);
        return no_bytes;
    }
    const uint8_t *p = d->p;
    d->p += n;
    return p;
}

/* Kafka's unsigned varints are 32 bits wide; above INT32_MAX they are negative in Java. */
static inline int32_t get_uvarint(struct dec *d)
{
    uint64_t v = 0;
    if (likely(d->p < d->end && *d->p < 0x80)) {
        return *d->p++;
    }
    size_t n = uvarint_get(d->p, d->end, &v);
    if (n == 0 || v > INT32_MAX) {
        fail(d, ERR_MALFORMED);
        return 0;
    }
    d->p += n;
    return (int32_t)v;
}

/* A length or count in front of an array or a value of f; -1 is null, if that is allowed. */
static int32_t get_length(struct dec *d, const struct wire_field *f, size_t old_width,
                          bool may_be_null)
{
    int32_t n;
    if (d->is_flexible && !(f->flags & WF_RIGID)) {
        n = get_uvarint(d) - 1;
    } else if (old_width == 2) {
        n = (int16_t)be16_get(take(d, 2));
    } else {
        n = (int32_t)be32_get(take(d, 4));
    }
    if (n >= 0 && (size_t)n <= left(d)) {
        return n;
    }
    if (n >= 0 || !may_be_null) {
        fail(d, ERR_MALFORMED);
    }
    return -1;
}

static void get_string(struct dec *d, const struct wire_field *f, struct str *out)
{
    int32_t n = get_length(d, f, 2, wire_value_nullable(f, d->version));
    if (n > LIMIT_WIRE_STRING_BYTES) {
        fail(d, ERR_MALFORMED);
    }
    if (d->err || n < 0) {
        *out = STR_NULL;
        return;
    }
    *out = (struct str){(const char *)d->p, (size_t)n};
    d->p += n;
}

static struct bytes get_bytes(struct dec *d, const struct wire_field *f)
{
    int32_t n = get_length(d, f, 4, wire_value_nullable(f, d->version));
    if (d->err || n < 0) {
        return BYTES_NULL;
    }
    struct bytes b = {d->p, (size_t)n};
    d->p += n;
    return b;
}

static void get_float(struct dec *d, void *out)
{
    uint64_t bits = be64_get(take(d, 8));
    memcpy(out, &bits, sizeof bits);
}

/* One value that is neither an array nor a nullable struct. */
static void get_value(struct dec *d, const struct wire_field *f, void *out)
{
    switch ((enum wire_kind)f->type) {
    case WT_BOOL:
        *(bool *)out = *take(d, 1) != 0;
        return;
    case WT_INT8:
        *(uint8_t *)out = *take(d, 1);
        return;
    case WT_INT16:
    case WT_UINT16:
        *(uint16_t *)out = be16_get(take(d, 2));
        return;
    case WT_INT32:
    case WT_UINT32:
        *(uint32_t *)out = be32_get(take(d, 4));
        return;
    case WT_INT64:
        *(uint64_t *)out = be64_get(take(d, 8));
        return;
    case WT_FLOAT64:
        get_float(d, out);
        return;
    case WT_UUID:
        memcpy(out, take(d, sizeof(struct uuid)), sizeof(struct uuid));
        return;
    case WT_STRING:
        get_string(d, f, out);
        return;
    case WT_BYTES:
        *(struct bytes *)out = get_bytes(d, f);
        return;
    case WT_RECORDS: {
        struct bytes b = get_bytes(d, f);
        *(struct wire_records *)out = (struct wire_records){b.p, b.len, NULL};
        return;
    }
    case WT_STRUCT:
        get_struct(d, f->sub, out);
        return;
    }
}

/* The fewest bytes that an element of f takes. */
static size_t element_min_bytes(const struct dec *d, const struct wire_field *f)
{
    switch ((enum wire_kind)f->type) {
    case WT_STRUCT:
        return f->sub->min_bytes;
    case WT_STRING:
        return d->is_flexible ? 1 : 2;
    default:
        return wire_value_size(f);
    }
}

static void get_array(struct dec *d, const struct wire_field *f, char *msg)
{
    int32_t n = get_length(d, f, 4, wire_field_nullable(f, d->version));
    if (n > LIMIT_WIRE_ARRAY_COUNT || (n > 0 && (size_t)n > left(d) / element_min_bytes(d, f))) {
        fail(d, ERR_MALFORMED);
    }
    size_t size = wire_value_size(f);
    char *items = NULL;
    if (!d->err && n > 0) {
        items = arena_alloc(d->arena, (size_t)n * size);
        if (items == NULL) {
            fail(d, ERR_BUDGET);
        }
    }
    if (d->err) {
        return;
    }
    memcpy(msg + f->off, &items, sizeof items);
    memcpy(msg + f->count_off, &n, sizeof n);
    for (int32_t i = 0; i < n && !d->err; i++) {
        get_value(d, f, items + (size_t)i * size);
    }
}

/* A struct that this version allows to be null has a byte in front, or as a tagged field a varint.
 */
static bool get_is_present(struct dec *d, const struct wire_field *f)
{
    if (f->tag >= 0) {
        return get_uvarint(d) > 0;
    }
    return (int8_t)*take(d, 1) >= 0;
}

static void get_pointer(struct dec *d, const struct wire_field *f, char *msg)
{
    void *p = NULL;
    bool is_present = !wire_field_nullable(f, d->version) || get_is_present(d, f);
    if (d->err) {
        return;
    }
    if (is_present) {
        p = arena_alloc(d->arena, f->sub->size);
        if (p == NULL) {
            fail(d, ERR_BUDGET);
            return;
        }
        get_struct(d, f->sub, p);
    }
    memcpy(msg + f->off, &p, sizeof p);
}

static void get_field(struct dec *d, const struct wire_field *f, char *msg)
{
    if (f->flags & WF_ARRAY) {
        get_array(d, f, msg);
    } else if (f->flags & WF_POINTER) {
        get_pointer(d, f, msg);
    } else {
        get_value(d, f, msg + f->off);
    }
}

static const struct wire_field *find_tagged(const struct dec *d, const struct wire_type *t,
                                            int32_t tag)
{
    for (int i = 0; t->tagged_count > 0 && i < t->field_count; i++) {
        const struct wire_field *f = &t->fields[i];
        if (f->tag == tag && wire_field_in(f, d->version)) {
            return f;
        }
    }
    return NULL;
}

/* One tagged field whose content is the next `size` bytes, all of them. */
static void get_tagged(struct dec *d, const struct wire_field *f, size_t size, void *out)
{
    const uint8_t *outer_end = d->end;
    d->end = d->p + size;
    get_field(d, f, out);
    if (d->p != d->end) {
        fail(d, ERR_MALFORMED);
    }
    d->end = outer_end;
}

static void get_tagged_fields(struct dec *d, const struct wire_type *t, void *out)
{
    int32_t count = get_uvarint(d);
    if (likely(count == 0)) {
        return;
    }
    if (count > LIMIT_WIRE_TAGGED_COUNT) {
        fail(d, ERR_MALFORMED);
    }
    int32_t last = -1;
    for (int32_t i = 0; i < count && !d->err; i++) {
        int32_t tag = get_uvarint(d);
        int32_t size = get_uvarint(d);
        if (d->err || tag <= last || (size_t)size > left(d)) {
            fail(d, ERR_MALFORMED);
            return;
        }
        last = tag;
        const struct wire_field *f = find_tagged(d, t, tag);
        if (f != NULL) {
            get_tagged(d, f, (size_t)size, out);
        } else {
            d->p += size;
        }
    }
}

static void get_struct(struct dec *d, const struct wire_type *t, void *out)
{
    memcpy(out, t->defaults, t->size);
    for (int i = 0; i < t->field_count && !d->err; i++) {
        const struct wire_field *f = &t->fields[i];
        if (f->tag < 0 && wire_field_in(f, d->version)) {
            get_field(d, f, out);
        }
    }
    if (d->is_flexible && !d->err) {
        get_tagged_fields(d, t, out);
    }
}

enum err wire_decode(const struct wire_msg *m, int version, struct bytes in, struct arena *a,
                     void *msg, size_t *ret_used)
{
    if (version < m->lo || version > m->hi) {
        return ERR_UNSUPPORTED_VERSION;
    }
    const uint8_t *p = in.p == NULL ? no_bytes : in.p;
    struct dec d = {p, p + in.len, a, OK, version, wire_is_flexible(m, version)};
    get_struct(&d, m->type, msg);
    if (!d.err && ret_used == NULL && d.p != d.end) {
        fail(&d, ERR_MALFORMED);
    }
    if (!d.err && ret_used != NULL) {
        *ret_used = (size_t)(d.p - p);
    }
    return d.err;
}
