/* Structs to bytes, by descriptor; and how many bytes they would be. One walk does both: without an
 * output it only counts. Pure.
 *
 * Invariants: when writing, [out->p, p) is written and [p, end) is free; when counting, p == end ==
 * NULL, so that every write takes the slow path of room(). An error sticks; the walk goes on
 * harmlessly or stops at the next loop. */
#include "wire/desc.h"

#include "base/assert.h"
#include "base/endian.h"
#include "base/limit.h"
#include "base/varint.h"

enum { SCRATCH_BYTES = 16 };

struct enc {
    uint8_t *p, *end;
    struct buf *out;              /* NULL: count only */
    size_t counted;               /* when counting */
    struct wire_splices *splices; /* may be NULL */
    enum err err;
    int version;
    bool is_flexible;
    uint8_t scratch[SCRATCH_BYTES]; /* where small writes go that nobody wants */
};

static void put_struct(struct enc *e, const struct wire_type *t, const void *msg);

static void fail(struct enc *e, enum err err) { e->err = e->err ? e->err : err; }

static void sync_out(struct enc *e) { e->out->len = (size_t)(e->p - e->out->p); }

static bool grow(struct enc *e, size_t n)
{
    sync_out(e);
    if (buf_reserve(e->out, n) == NULL) {
        fail(e, ERR_NO_MEMORY);
        return false;
    }
    e->p = e->out->p + e->out->len;
    e->end = e->out->p + e->out->cap;
    return true;
}

static uint8_t *room_slow(struct enc *e, size_t n)
{
    if (e->out == NULL) {
        e->counted += n;
    } else if (!e->err && grow(e, n)) {
        e->p += n;
        return e->p - n;
    }
    return n <= SCRATCH_BYTES ? e->scratch : NULL;
}

/* Where the next n bytes go. With n > SCRATCH_BYTES it may be NULL: nothing is to be written. */
static inline uint8_t *room(struct enc *e, size_t n)
{
    if (likely((size_t)(e->end - e->p) >= n && e->p != NULL)) {
        e->p += n;
        return e->p - n;
    }
    return room_slow(e, n);
}

static size_t position(const struct enc *e)
{
    return e->out == NULL ? e->counted : (size_t)(e->p - e->out->p);
}

static inline void put_uvarint(struct enc *e, uint32_t v)
{
    if (likely(v < 0x80)) {
        *room(e, 1) = (uint8_t)v;
    } else {
        uvarint_put(room(e, uvarint_size(v)), v);
    }
}

static void put_raw(struct enc *e, const void *src, size_t n)
{
    uint8_t *to = room(e, n);
    if (to != NULL && n > 0 && !e->err && e->out != NULL) {
        memcpy(to, src, n);
    }
}

static bool is_compact(const struct enc *e, const struct wire_field *f)
{
    return e->is_flexible && !(f->flags & WF_RIGID);
}

/* The length or count in front of an array or a value of f; the caller has seen whether it may be
 * null (-1). False if it is: no more is to follow. */
static bool put_length(struct enc *e, const struct wire_field *f, size_t old_width, int32_t n)
{
    if (is_compact(e, f)) {
        put_uvarint(e, n < 0 ? 0 : (uint32_t)n + 1);
    } else if (old_width == 2) {
        be16_put(room(e, 2), (uint16_t)n);
    } else {
        be32_put(room(e, 4), (uint32_t)n);
    }
    return n >= 0;
}

/* A length within its limit, or null where that is allowed. */
static bool check_length(struct enc *e, const struct wire_field *f, bool is_null, size_t len)
{
    size_t max = f->type == WT_STRING ? LIMIT_WIRE_STRING_BYTES : INT32_MAX - 1;
    if (is_null ? !wire_value_nullable(f, e->version) : len > max) {
        fail(e, ERR_MALFORMED);
        return false;
    }
    return true;
}

static void put_string(struct enc *e, const struct wire_field *f, struct str s)
{
    if (check_length(e, f, s.p == NULL, s.len) &&
        put_length(e, f, 2, s.p == NULL ? -1 : (int32_t)s.len)) {
        put_raw(e, s.p, s.len);
    }
}

static void put_bytes(struct enc *e, const struct wire_field *f, struct bytes b)
{
    if (check_length(e, f, b.p == NULL, b.len) &&
        put_length(e, f, 4, b.p == NULL ? -1 : (int32_t)b.len)) {
        put_raw(e, b.p, b.len);
    }
}

/* Leaves out the bytes that ref stands for. */
static void put_splice(struct enc *e, const struct wire_records *r)
{
    if (e->out == NULL) {
        e->counted += r->len;
        return;
    }
    struct wire_splices *s = e->splices;
    ASSERT(s != NULL);
    if (s->count == s->cap) {
        fail(e, ERR_NO_MEMORY);
        return;
    }
    s->items[s->count++] = (struct wire_splice){position(e), r->len, r->ref};
}

static void put_records(struct enc *e, const struct wire_field *f, const struct wire_records *r)
{
    if (r->ref == NULL) {
        put_bytes(e, f, (struct bytes){r->p, r->len});
    } else if (check_length(e, f, false, r->len) && put_length(e, f, 4, (int32_t)r->len)) {
        put_splice(e, r);
    }
}

static uint64_t float_bits(const void *at)
{
    uint64_t bits;
    memcpy(&bits, at, sizeof bits);
    return bits;
}

/* One value that is neither an array nor a nullable struct. */
static void put_value(struct enc *e, const struct wire_field *f, const void *at)
{
    switch ((enum wire_kind)f->type) {
    case WT_BOOL:
        *room(e, 1) = *(const bool *)at;
        return;
    case WT_INT8:
        *room(e, 1) = *(const uint8_t *)at;
        return;
    case WT_INT16:
    case WT_UINT16:
        be16_put(room(e, 2), *(const uint16_t *)at);
        return;
    case WT_INT32:
    case WT_UINT32:
        be32_put(room(e, 4), *(const uint32_t *)at);
        return;
    case WT_INT64:
        be64_put(room(e, 8), *(const uint64_t *)at);
        return;
    case WT_FLOAT64:
        be64_put(room(e, 8), float_bits(at));
        return;
    case WT_UUID:
        memcpy(room(e, sizeof(struct uuid)), at, sizeof(struct uuid));
        return;
    case WT_STRING:
        put_string(e, f, *(const struct str *)at);
        return;
    case WT_BYTES:
        put_bytes(e, f, *(const struct bytes *)at);
        return;
    case WT_RECORDS:
        put_records(e, f, at);
        return;
    case WT_STRUCT:
        put_struct(e, f->sub, at);
        return;
    }
}

static void put_array(struct enc *e, const struct wire_field *f, const void *msg)
{
    int32_t n = wire_count(f, msg);
    const char *items = wire_pointer(f, msg);
    size_t size = wire_value_size(f);
    if (n < 0 && !wire_field_nullable(f, e->version)) {
        fail(e, ERR_MALFORMED);
        return;
    }
    if (!put_length(e, f, 4, MAX(n, -1))) {
        return;
    }
    for (int32_t i = 0; i < n && !e->err; i++) {
        put_value(e, f, items + (size_t)i * size);
    }
}

static void put_pointer(struct enc *e, const struct wire_field *f, const void *msg)
{
    const void *p = wire_pointer(f, msg);
    bool may_be_null = wire_field_nullable(f, e->version);
    if (may_be_null && f->tag >= 0) {
        put_uvarint(e, p != NULL);
    } else if (may_be_null) {
        *room(e, 1) = p != NULL ? 1 : 0xff;
    } else if (p == NULL) {
        fail(e, ERR_MALFORMED);
    }
    if (p != NULL) {
        put_struct(e, f->sub, p);
    }
}

static void put_field(struct enc *e, const struct wire_field *f, const void *msg)
{
    if (f->flags & WF_ARRAY) {
        put_array(e, f, msg);
    } else if (f->flags & WF_POINTER) {
        put_pointer(e, f, msg);
    } else {
        put_value(e, f, wire_at(f, msg));
    }
}

/* Tag, size, content. The content is written first and then moved up by the width of its size; it
 * holds no splice (gen refuses records in tagged fields). */
static void put_tagged(struct enc *e, const struct wire_field *f, const void *msg)
{
    put_uvarint(e, (uint32_t)f->tag);
    size_t start = position(e);
    put_field(e, f, msg);
    size_t len = position(e) - start;
    size_t width = uvarint_size(len);
    room(e, width);
    if (e->out != NULL && !e->err) {
        uint8_t *at = e->out->p + start;
        memmove(at + width, at, len);
        uvarint_put(at, len);
    }
}

/* The tagged field with the lowest tag above `above` that is to be written. */
static const struct wire_field *next_tagged(const struct enc *e, const struct wire_type *t,
                                            const void *msg, int above)
{
    const struct wire_field *best = NULL;
    for (int i = 0; i < t->field_count; i++) {
        const struct wire_field *f = &t->fields[i];
        if (f->tag > above && (best == NULL || f->tag < best->tag) &&
            wire_field_in(f, e->version) && !wire_is_default(f, msg)) {
            best = f;
        }
    }
    return best;
}

static uint32_t count_tagged(const struct enc *e, const struct wire_type *t, const void *msg)
{
    uint32_t n = 0;
    for (int i = 0; i < t->field_count; i++) {
        const struct wire_field *f = &t->fields[i];
        n += f->tag >= 0 && wire_field_in(f, e->version) && !wire_is_default(f, msg);
    }
    return n;
}

static void put_tagged_fields(struct enc *e, const struct wire_type *t, const void *msg)
{
    if (t->tagged_count == 0) {
        put_uvarint(e, 0);
        return;
    }
    put_uvarint(e, count_tagged(e, t, msg));
    const struct wire_field *f = next_tagged(e, t, msg, -1);
    while (f != NULL && !e->err) {
        put_tagged(e, f, msg);
        f = next_tagged(e, t, msg, f->tag);
    }
}

static void put_struct(struct enc *e, const struct wire_type *t, const void *msg)
{
    for (int i = 0; i < t->field_count && !e->err; i++) {
        const struct wire_field *f = &t->fields[i];
        if (!wire_field_in(f, e->version)) {
            if (!(f->flags & WF_IGNORABLE) && !wire_is_default(f, msg)) {
                fail(e, ERR_WRONG_VERSION);
            }
        } else if (f->tag < 0) {
            put_field(e, f, msg);
        }
    }
    if (e->is_flexible && !e->err) {
        put_tagged_fields(e, t, msg);
    }
}

enum err wire_encode(const struct wire_msg *m, int version, const void *msg, struct buf *out,
                     struct wire_splices *splices)
{
    if (version < m->lo || version > m->hi) {
        return ERR_UNSUPPORTED_VERSION;
    }
    size_t len_before = out->len, splices_before = splices ? splices->count : 0;
    struct enc e = {.out = out,
                    .splices = splices,
                    .err = out->err,
                    .version = version,
                    .is_flexible = wire_is_flexible(m, version)};
    if (!e.err) {
        e.p = out->p == NULL ? NULL : out->p + out->len;
        e.end = out->p == NULL ? NULL : out->p + out->cap;
        put_struct(&e, m->type, msg);
        sync_out(&e);
    }
    if (e.err) {
        out->len = len_before;
        if (splices != NULL) {
            splices->count = splices_before;
        }
    }
    return e.err;
}

enum err wire_size(const struct wire_msg *m, int version, const void *msg, size_t *ret_bytes)
{
    if (version < m->lo || version > m->hi) {
        return ERR_UNSUPPORTED_VERSION;
    }
    struct enc e = {.version = version, .is_flexible = wire_is_flexible(m, version)};
    put_struct(&e, m->type, msg);
    if (!e.err) {
        *ret_bytes = e.counted;
    }
    return e.err;
}
