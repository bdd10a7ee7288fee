/* Random messages by descriptor. Pure; one thread at a time.
 *
 * Text is valid UTF-8 and doubles have few digits, so that Java reads back and prints the same. */
#include "compat/wire_random.h"

#include <math.h>

enum { COUNT_MAX = 3, LONG_COUNT = 127, BLOB_MAX = 6, PIECES_MAX = 6 };

static bool fill_struct(struct wire_random *w, const struct wire_type *t, void *msg);

static uint64_t choose(struct wire_random *w, uint64_t below)
{
    if (w->rand != NULL) {
        return rand_below(w->rand, below);
    }
    uint64_t v = 0;
    for (uint64_t range = below - 1; range > 0 && w->p < w->end; range >>= 8) {
        v = v << 8 | *w->p++;
    }
    return v % below;
}

static uint64_t bits(struct wire_random *w)
{
    switch (choose(w, 6)) {
    case 0:
        return choose(w, 3);
    case 1:
        return UINT64_MAX;
    case 2:
        return UINT64_C(0x8000000080008080); /* the lowest of each width */
    case 3:
        return UINT64_C(0x7fffffff7fff7f7f);
    default:
        return choose(w, UINT32_MAX) << 32 | choose(w, UINT32_MAX);
    }
}

static double number(struct wire_random *w)
{
    static const double special[] = {0, -0.0, 1e100, INFINITY, -INFINITY, NAN, 1e7, 0.5};
    uint64_t i = choose(w, 2 * sizeof special / sizeof *special);
    return i < sizeof special / sizeof *special ? special[i] : (double)(int32_t)bits(w) / 8;
}

static const struct str pieces[] = {
    STR("a"),
    STR("topic"),
    STR("-1"),
    STR("\"\\/\b\f\n\r\t\x01\x1f\x7f"),
    STR("\0"),
    STR("\xc3\xa9"),
    STR("\xe4\xb8\xad"),
    STR("\xf0\x9f\x98\x80"),
    STR(" "),
    STR("................................................................"),
};

static bool fill_text(struct wire_random *w, struct str *ret)
{
    struct buf b = BUF_INIT;
    for (uint64_t n = choose(w, PIECES_MAX); n > 0; n--) {
        buf_put_str(&b, pieces[choose(w, ARRAY_LEN(pieces))]);
    }
    bool ok = arena_copy_str(w->arena, b.len > 0 ? buf_str(&b) : STR(""), ret);
    buf_deinit(&b);
    return ok;
}

static bool fill_blob(struct wire_random *w, struct bytes *ret)
{
    size_t n = choose(w, 30) == 1 ? LONG_COUNT + choose(w, 3) : choose(w, BLOB_MAX);
    uint8_t *p = arena_alloc(w->arena, n);
    for (size_t i = 0; p != NULL && i < n; i++) {
        p[i] = (uint8_t)choose(w, 256);
    }
    *ret = (struct bytes){p, n};
    return p != NULL;
}

static bool fill_records(struct wire_random *w, struct wire_records *ret)
{
    struct bytes b;
    bool ok = fill_blob(w, &b);
    *ret = (struct wire_records){b.p, b.len, NULL};
    return ok;
}

/* False: the value is to be made up. */
static bool take_word(struct wire_random *w, const struct wire_field *f, void *at)
{
    const struct wire_words *words = w->words;
    if (words == NULL || choose(w, 4) == 3) {
        return false;
    }
    switch ((enum wire_kind)f->type) {
    case WT_UUID:
        *(struct uuid *)at = words->ids[choose(w, words->id_count)];
        return true;
    case WT_STRING:
        *(struct str *)at = words->texts[choose(w, words->text_count)];
        return true;
    case WT_BYTES:
        *(struct bytes *)at = words->blobs[choose(w, words->blob_count)];
        return true;
    case WT_RECORDS:
        *(struct wire_records *)at =
            (struct wire_records){words->records.p, words->records.len, NULL};
        return true;
    case WT_BOOL:
    case WT_FLOAT64:
    case WT_STRUCT:
        return false;
    default:
        memcpy(at, &words->numbers[choose(w, words->number_count)], wire_value_size(f));
        return true;
    }
}

/* One value that is neither null nor an array. */
static bool fill_value(struct wire_random *w, const struct wire_field *f, void *at)
{
    uint64_t v;
    double d;
    if (take_word(w, f, at)) {
        return true;
    }
    switch ((enum wire_kind)f->type) {
    case WT_BOOL:
        *(bool *)at = choose(w, 2);
        return true;
    case WT_FLOAT64:
        d = number(w);
        memcpy(at, &d, sizeof d);
        return true;
    case WT_UUID:
        for (size_t i = 0; i < sizeof(struct uuid); i += sizeof v) {
            v = bits(w);
            memcpy((char *)at + i, &v, sizeof v);
        }
        return true;
    case WT_STRING:
        return fill_text(w, at);
    case WT_BYTES:
        return fill_blob(w, at);
    case WT_RECORDS:
        return fill_records(w, at);
    case WT_STRUCT:
        return fill_struct(w, f->sub, at);
    default:
        v = bits(w);
        memcpy(at, &v, wire_value_size(f)); /* little-endian: the low bytes */
        return true;
    }
}

static int32_t count(struct wire_random *w, const struct wire_field *f)
{
    if (f->type <= WT_FLOAT64 && choose(w, 16) == 1) {
        return (int32_t)(LONG_COUNT + choose(w, 3)); /* about the first count of two bytes */
    }
    return (int32_t)choose(w, COUNT_MAX);
}

static bool fill_array(struct wire_random *w, const struct wire_field *f, char *msg)
{
    int32_t n = count(w, f);
    size_t size = wire_value_size(f);
    char *items = arena_array(w->arena, (size_t)n, size);
    bool ok = items != NULL;
    for (int32_t i = 0; ok && i < n; i++) {
        ok = fill_value(w, f, items + (size_t)i * size);
    }
    memcpy(msg + f->off, &items, sizeof items);
    memcpy(msg + f->count_off, &n, sizeof n);
    return ok;
}

static bool fill_pointer(struct wire_random *w, const struct wire_field *f, char *msg)
{
    void *p = arena_alloc(w->arena, f->sub->size);
    memcpy(msg + f->off, &p, sizeof p);
    return p != NULL && fill_struct(w, f->sub, p);
}

/* A null view or pointer is all zeros; a null array has a count. */
static void fill_null(const struct wire_field *f, char *msg)
{
    static const int32_t null_count = -1;
    if (f->flags & WF_ARRAY) {
        memcpy(msg + f->count_off, &null_count, sizeof null_count);
    } else {
        memset(msg + f->off, 0, f->flags & WF_POINTER ? sizeof(void *) : wire_value_size(f));
    }
}

static bool fill_field(struct wire_random *w, const struct wire_field *f, char *msg)
{
    if (wire_field_nullable(f, w->version) && choose(w, 4) == 1) {
        fill_null(f, msg);
        return true;
    }
    if (f->flags & WF_ARRAY) {
        return fill_array(w, f, msg);
    }
    return f->flags & WF_POINTER ? fill_pointer(w, f, msg) : fill_value(w, f, msg + f->off);
}

static bool fill_struct(struct wire_random *w, const struct wire_type *t, void *msg)
{
    memcpy(msg, t->defaults, t->size);
    bool ok = true;
    for (int i = 0; ok && i < t->field_count; i++) {
        const struct wire_field *f = &t->fields[i];
        if (wire_field_in(f, w->version) && (f->tag < 0 || choose(w, 2))) {
            ok = fill_field(w, f, msg);
        }
    }
    return ok;
}

bool wire_random_fill(struct wire_random *w, const struct wire_msg *m, void *msg)
{
    return fill_struct(w, m->type, msg);
}

/* --- equality --- */

static bool struct_equal(const struct wire_type *t, const void *a, const void *b);

static bool bytes_equal(struct bytes a, struct bytes b)
{
    return str_eq((struct str){(const char *)a.p, a.len}, (struct str){(const char *)b.p, b.len});
}

static bool value_equal(const struct wire_field *f, const void *a, const void *b)
{
    const struct wire_records *ra = a, *rb = b;
    switch ((enum wire_kind)f->type) {
    case WT_STRING:
        return str_eq(*(const struct str *)a, *(const struct str *)b);
    case WT_BYTES:
        return bytes_equal(*(const struct bytes *)a, *(const struct bytes *)b);
    case WT_RECORDS:
        return bytes_equal((struct bytes){ra->p, ra->len}, (struct bytes){rb->p, rb->len});
    case WT_STRUCT:
        return struct_equal(f->sub, a, b);
    default:
        return memcmp(a, b, wire_value_size(f)) == 0;
    }
}

static bool array_equal(const struct wire_field *f, const void *a, const void *b)
{
    int32_t n = wire_count(f, a);
    const char *ia = wire_pointer(f, a), *ib = wire_pointer(f, b);
    bool equal = n == wire_count(f, b);
    for (int32_t i = 0; equal && i < n; i++) {
        size_t off = (size_t)i * wire_value_size(f);
        equal = value_equal(f, ia + off, ib + off);
    }
    return equal;
}

static bool pointer_equal(const struct wire_field *f, const void *a, const void *b)
{
    const void *pa = wire_pointer(f, a), *pb = wire_pointer(f, b);
    return pa == NULL || pb == NULL ? pa == pb : struct_equal(f->sub, pa, pb);
}

static bool field_equal(const struct wire_field *f, const void *a, const void *b)
{
    if (f->flags & WF_ARRAY) {
        return array_equal(f, a, b);
    }
    if (f->flags & WF_POINTER) {
        return pointer_equal(f, a, b);
    }
    return value_equal(f, wire_at(f, a), wire_at(f, b));
}

static bool struct_equal(const struct wire_type *t, const void *a, const void *b)
{
    bool equal = true;
    for (int i = 0; equal && i < t->field_count; i++) {
        equal = field_equal(&t->fields[i], a, b);
    }
    return equal;
}

bool wire_equal(const struct wire_msg *m, const void *a, const void *b)
{
    return struct_equal(m->type, a, b);
}
