/* Deserializers. What they print is what toString of the Java object prints, but for byte arrays,
 * where Java prints an address and this the bytes, and for strings in UTF-8, which pass as they
 * are. iconv(3) knows the other encodings. */
#include "cli/records/text.h"

#include "base/attr.h"
#include "base/endian.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/uuid.h"

#include <ctype.h>
#include <errno.h>
#include <iconv.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static bool is_of(struct bytes b, size_t len, const char *class, struct buf *why)
{
    if (b.len != len) {
        buf_printf(why, "Size of data received by %sDeserializer is not %zu", class, len);
    }
    return b.len == len;
}

static bool put_string(struct bytes b, struct buf *out, struct buf *why)
{
    (void)why;
    buf_put(out, b.p, b.len);
    return true;
}

static bool put_short(struct bytes b, struct buf *out, struct buf *why)
{
    bool ok = is_of(b, 2, "Short", why);
    if (ok) {
        buf_printf(out, "%" PRId16, (int16_t)be16_get(b.p));
    }
    return ok;
}

static bool put_integer(struct bytes b, struct buf *out, struct buf *why)
{
    bool ok = is_of(b, 4, "Integer", why);
    if (ok) {
        buf_printf(out, "%" PRId32, (int32_t)be32_get(b.p));
    }
    return ok;
}

static bool put_long(struct bytes b, struct buf *out, struct buf *why)
{
    bool ok = is_of(b, 8, "Long", why);
    if (ok) {
        buf_printf(out, "%" PRId64, (int64_t)be64_get(b.p));
    }
    return ok;
}

/* Java's toString: as JSON, but what is no number without quotes. */
static void put_number(struct buf *out, double v, bool is_float)
{
    if (isnan(v)) {
        buf_put_str(out, STR("NaN"));
    } else if (isinf(v)) {
        buf_put_str(out, v > 0 ? STR("Infinity") : STR("-Infinity"));
    } else if (is_float) {
        json_put_float(out, (float)v);
    } else {
        json_put_double(out, v);
    }
}

static bool put_double(struct bytes b, struct buf *out, struct buf *why)
{
    double v;
    if (!is_of(b, 8, "Double", why)) {
        return false;
    }
    uint64_t bits = be64_get(b.p);
    memcpy(&v, &bits, sizeof v);
    put_number(out, v, false);
    return true;
}

static bool put_float(struct bytes b, struct buf *out, struct buf *why)
{
    float v;
    if (!is_of(b, 4, "Float", why)) {
        return false;
    }
    uint32_t bits = be32_get(b.p);
    memcpy(&v, &bits, sizeof v);
    put_number(out, (double)v, true);
    return true;
}

static bool put_boolean(struct bytes b, struct buf *out, struct buf *why)
{
    if (!is_of(b, 1, "Boolean", why)) {
        return false;
    }
    if (b.p[0] > 1) {
        buf_printf(why, "Unexpected byte received by BooleanDeserializer: %d", b.p[0]);
        return false;
    }
    buf_put_str(out, b.p[0] ? STR("true") : STR("false"));
    return true;
}

/* Java's UUID.fromString: five groups of hexadecimal digits, the front ones cut to their width. */
static bool put_uuid(struct bytes b, struct buf *out, struct buf *why)
{
    static const int digits[] = {8, 4, 4, 4, 12};
    uint64_t groups[5];
    struct str rest = {(const char *)b.p, b.len};
    bool ok = b.len <= 36;
    for (int i = 0; ok && i < 5; i++) {
        size_t dash = str_find(rest, '-');
        char text[24];
        char *end = text;
        ok = dash > 0 && dash <= 16 && (dash == rest.len) == (i == 4) &&
             isxdigit((unsigned char)rest.p[0]);
        if (ok) {
            snprintf(text, sizeof text, "%.*s", (int)dash, rest.p);
            groups[i] = strtoull(text, &end, 16) & (UINT64_MAX >> (64 - 4 * digits[i]));
            ok = *end == '\0';
            rest = i < 4 ? str_sub(rest, dash + 1, rest.len - dash - 1) : rest;
        }
    }
    if (!ok) {
        buf_printf(why, "Error parsing data into UUID: Invalid UUID string: %.*s", (int)b.len,
                   (const char *)b.p);
        return false;
    }
    for (int i = 0; i < 5; i++) {
        buf_printf(out, "%s%0*" PRIx64, i ? "-" : "", digits[i], groups[i]);
    }
    return true;
}

/* org.apache.kafka.common.utils.Bytes */
static bool put_bytes(struct bytes b, struct buf *out, struct buf *why)
{
    (void)why;
    for (size_t i = 0; i < b.len; i++) {
        uint8_t v = b.p[i];
        if (v >= ' ' && v <= '~' && v != '\\') {
            buf_put_u8(out, v);
        } else {
            buf_printf(out, "\\x%02X", v);
        }
    }
    return true;
}

static bool put_byte_buffer(struct bytes b, struct buf *out, struct buf *why)
{
    (void)why;
    buf_printf(out, "java.nio.HeapByteBuffer[pos=0 lim=%zu cap=%zu]", b.len, b.len);
    return true;
}

static bool put_void(struct bytes b, struct buf *out, struct buf *why)
{
    (void)out;
    buf_printf(why, "Data should be null for a VoidDeserializer, not %zu bytes", b.len);
    return false;
}

/* --- the table --- */

enum text_kind { TEXT_PLAIN, TEXT_ENCODED, TEXT_LIST };

typedef bool text_fn(struct bytes b, struct buf *out, struct buf *why);

static const struct row {
    const char *name;
    text_fn *fn;
    size_t size; /* all have it, as far as lists know; 0: they have not */
    enum text_kind kind;
} rows[] = {
    {"String", put_string, 0, TEXT_ENCODED},
    {"Short", put_short, 2, TEXT_PLAIN},
    {"Integer", put_integer, 4, TEXT_PLAIN},
    {"Long", put_long, 8, TEXT_PLAIN},
    {"Float", put_float, 4, TEXT_PLAIN},
    {"Double", put_double, 8, TEXT_PLAIN},
    {"Boolean", put_boolean, 0, TEXT_PLAIN},
    {"UUID", put_uuid, 36, TEXT_ENCODED},
    {"ByteArray", put_string, 0, TEXT_PLAIN},
    {"ByteBuffer", put_byte_buffer, 0, TEXT_PLAIN},
    {"Bytes", put_bytes, 0, TEXT_PLAIN},
    {"Void", put_void, 0, TEXT_PLAIN},
    {"List", NULL, 0, TEXT_LIST},
};

struct text {
    const struct row *row;
    char *encoding;     /* NULL: UTF-8 */
    struct text *inner; /* of a list */
};

/* What stands between the package and the ending; the whole name otherwise. */
static struct str short_name(struct str s, struct str front, struct str ending)
{
    return str_has_prefix(s, front) && str_has_suffix(s, ending) && s.len >= front.len + ending.len
               ? str_sub(s, front.len, s.len - front.len - ending.len)
               : s;
}

#define PACKAGE "org.apache.kafka.common.serialization."

static struct text *new_of(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strlen(rows[i].name) == name.len && strncasecmp(rows[i].name, name.p, name.len) == 0) {
            struct text *t = NEW(struct text);
            *t = (struct text){.row = &rows[i]};
            return t;
        }
    }
    return NULL;
}

struct text *text_new(struct str name)
{
    struct str s = short_name(name, STR(PACKAGE), STR("Deserializer"));
    struct text *t = new_of(s);
    if (t != NULL && t->row->kind == TEXT_LIST && s.len == name.len) {
        text_free(t); /* it takes settings, which a short name has none of */
        return NULL;
    }
    return t;
}

void text_free(struct text *t)
{
    if (t != NULL) {
        text_free(t->inner);
        mem_free(t->encoding);
        mem_free(t);
    }
}

/* --- settings --- */

static struct str setting(const struct props *p, struct text_place place, const char *format)
{
    char name[128];
    int n = snprintf(name, sizeof name, "%s.", place.property);
    snprintf(name + n, sizeof name - (size_t)n, format, place.is_key ? "key" : "value");
    return props_get(p, str_from(name));
}

/* Java looks for names that iconv(3) would take otherwise: where text goes, and by what locale. */
static bool is_charset(const char *name)
{
    iconv_t cd = name[0] == '\0' || strpbrk(name, "/ ,") != NULL || strcasecmp(name, "UTF-7") == 0
                     ? (iconv_t)-1
                     : iconv_open("UTF-8", name);
    if (cd == (iconv_t)-1) { // NOLINT(performance-no-int-to-ptr): so POSIX says it
        return false;
    }
    iconv_close(cd);
    return true;
}

static bool take_encoding(struct text *t, const struct props *p, struct text_place place,
                          struct buf *why)
{
    struct str name = setting(p, place, "%s.deserializer.encoding");
    name = str_is_null(name) ? setting(p, place, "deserializer.encoding") : name;
    if (str_is_null(name)) {
        return true;
    }
    t->encoding = str_dup(name);
    if (is_charset(t->encoding)) {
        if (strcasecmp(t->encoding, "UTF-8") == 0 || strcasecmp(t->encoding, "UTF8") == 0) {
            mem_free(t->encoding);
            t->encoding = NULL;
        }
        return true;
    }
    buf_printf(why, "%s: the encoding '%s' is not known", place.property, t->encoding);
    return false;
}

/* Java makes any class that is a list; printed they are all the same. */
static bool is_list_class(struct str name)
{
    static const char *const names[] = {"java.util.ArrayList", "java.util.LinkedList",
                                        "java.util.Vector", "java.util.Stack",
                                        "java.util.concurrent.CopyOnWriteArrayList"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq(name, str_from(names[i]))) {
            return true;
        }
    }
    return false;
}

static bool take_inner(struct text *t, const struct props *p, struct text_place place,
                       struct buf *why)
{
    struct str type = setting(p, place, "default.list.%s.serde.type");
    struct str inner = setting(p, place, "default.list.%s.serde.inner");
    const char *word = place.is_key ? "key" : "value";
    if (str_is_null(type) || !is_list_class(type)) {
        buf_printf(why,
                   "%s.default.list.%s.serde.type: '%.*s' is no class of lists; there is "
                   "java.util.ArrayList",
                   place.property, word, STR_ARG(type));
        return false;
    }
    t->inner = new_of(short_name(inner, STR(PACKAGE "Serdes$"), STR("Serde")));
    if (t->inner == NULL || t->inner->row->kind == TEXT_LIST) {
        buf_printf(why,
                   "%s.default.list.%s.serde.inner: '%.*s' is none of " PACKAGE
                   "Serdes$StringSerde, Serdes$IntegerSerde, ...",
                   place.property, word, STR_ARG(inner));
        return false;
    }
    return text_configure(t->inner, p, place, why);
}

bool text_configure(struct text *t, const struct props *p, struct text_place place, struct buf *why)
{
    return t->row->kind == TEXT_ENCODED ? take_encoding(t, p, place, why)
           : t->row->kind == TEXT_LIST  ? take_inner(t, p, place, why)
                                        : true;
}

/* --- encodings --- */

/* How Java reads the names that leave the order of bytes open, and how many bytes it passes over
 * where they mean nothing. */
static size_t unit_of(struct bytes *b, const char **charset)
{
    const bool is_wide = strcasecmp(*charset, "UTF-32") == 0;
    const size_t unit = strncasecmp(*charset, "UTF-16", 6) == 0   ? 2
                        : strncasecmp(*charset, "UTF-32", 6) == 0 ? 4
                                                                  : 1;
    if (!is_wide && strcasecmp(*charset, "UTF-16") != 0) {
        return unit;
    }
    static const uint8_t marks[2][2][4] = {{{0xfe, 0xff}, {0xff, 0xfe}},
                                           {{0, 0, 0xfe, 0xff}, {0xff, 0xfe, 0, 0}}};
    const bool is_little = b->len >= unit && memcmp(b->p, marks[is_wide][1], unit) == 0;
    if (is_little || (b->len >= unit && memcmp(b->p, marks[is_wide][0], unit) == 0)) {
        *b = (struct bytes){b->p + unit, b->len - unit};
    }
    *charset = is_wide ? is_little ? "UTF-32LE" : "UTF-32BE" : is_little ? "UTF-16LE" : "UTF-16BE";
    return unit;
}

/* U+FFFD stands for what the encoding has no meaning for. */
static void decode(const char *charset, struct bytes b, struct buf *out)
{
    const size_t unit = unit_of(&b, &charset);
    iconv_t cd = iconv_open("UTF-8", charset);
    char *in = (char *)(uintptr_t)b.p; /* iconv changes none of it */
    size_t left = b.len;
    while (left > 0) {
        char room[256], *to = room;
        size_t free = sizeof room;
        bool ok = iconv(cd, &in, &left, &to, &free) != (size_t)-1;
        int why = errno;
        buf_put(out, room, sizeof room - free);
        if (!ok && why != E2BIG) {
            size_t skip = why == EINVAL ? left : MIN(unit, left); /* the end is torn, or a sign */
            buf_put_str(out, STR("\xef\xbf\xbd"));
            in += skip;
            left -= skip;
        }
    }
    iconv_close(cd);
}

static bool put_encoded(const struct text *t, struct bytes b, struct buf *out, struct buf *why)
{
    struct buf utf8 = BUF_INIT;
    decode(t->encoding, b, &utf8);
    bool ok = t->row->fn((struct bytes){utf8.p, utf8.len}, out, why);
    buf_deinit(&utf8);
    return ok;
}

/* --- lists --- */

/* Its entries have one size, and those that are null are named by their numbers ahead of them; or
 * each entry has its size, of which -1 is null. */
enum { LIST_OF_ONE_SIZE = 0, LIST_OF_SIZES = 1 };

struct list {
    const struct text *inner;
    struct bytes rest;
    struct bytes nulls; /* numbers of 4 bytes each */
    struct buf *why;
};

static bool take_i32(struct list *l, int32_t *ret)
{
    bool ok = l->rest.len >= 4;
    if (ok) {
        *ret = (int32_t)be32_get(l->rest.p);
        l->rest = (struct bytes){l->rest.p + 4, l->rest.len - 4};
    } else {
        buf_printf(l->why, "End of the list was reached prematurely");
    }
    return ok;
}

static bool take_count(struct list *l, int32_t *ret)
{
    if (!take_i32(l, ret)) {
        return false;
    }
    if (*ret < 0) {
        buf_printf(l->why, "The number of list entries cannot be negative");
    }
    return *ret >= 0;
}

static bool take_bytes(struct list *l, int64_t n, struct bytes *ret)
{
    bool ok = n >= 0 && (size_t)n <= l->rest.len;
    if (ok) {
        *ret = (struct bytes){l->rest.p, (size_t)n};
        l->rest = (struct bytes){l->rest.p + n, l->rest.len - (size_t)n};
    } else {
        buf_printf(l->why, "End of the list was reached prematurely");
    }
    return ok;
}

/* Their numbers go up, as the serializer has written them. */
static bool is_null(struct list *l, int32_t number)
{
    bool is_next = l->nulls.len > 0 && (int32_t)be32_get(l->nulls.p) == number;
    if (is_next) {
        l->nulls = (struct bytes){l->nulls.p + 4, l->nulls.len - 4};
    }
    return is_next;
}

static bool take_front(struct list *l, uint8_t kind)
{
    int32_t count;
    if (kind == LIST_OF_SIZES) {
        return true;
    }
    if (kind != LIST_OF_ONE_SIZE) {
        buf_printf(l->why, "Invalid serialization strategy flag value");
        return false;
    }
    if (l->inner->row->size == 0) {
        buf_printf(l->why,
                   "Data is encoded as constant size entries, but entries of %s have no "
                   "size of their own",
                   l->inner->row->name);
        return false;
    }
    return take_count(l, &count) && take_bytes(l, 4 * (int64_t)count, &l->nulls);
}

static bool put_entry(struct list *l, uint8_t kind, int32_t number, struct buf *out)
{
    int32_t size = (int32_t)l->inner->row->size;
    struct bytes entry;
    if (kind == LIST_OF_SIZES && !take_i32(l, &size)) {
        return false;
    }
    if (kind == LIST_OF_SIZES ? size == -1 : is_null(l, number)) {
        buf_put_str(out, STR("null"));
        return true;
    }
    return take_bytes(l, size, &entry) && text_put(l->inner, entry, out, l->why);
}

/* "[a, null, c]" */
static bool put_list(const struct text *t, struct bytes b, struct buf *out, struct buf *why)
{
    struct list l = {.inner = t->inner, .why = why};
    int32_t count;
    if (t->inner == NULL || b.len == 0) {
        buf_printf(why, "Unable to deserialize into a List");
        return false;
    }
    l.rest = (struct bytes){b.p + 1, b.len - 1};
    bool ok = take_front(&l, b.p[0]) && take_count(&l, &count);
    buf_put_str(out, ok ? STR("[") : STR(""));
    for (int32_t i = 0; ok && i < count; i++) {
        buf_put_str(out, i > 0 ? STR(", ") : STR(""));
        ok = put_entry(&l, b.p[0], i, out);
    }
    buf_put_str(out, ok ? STR("]") : STR(""));
    return ok;
}

bool text_put(const struct text *t, struct bytes b, struct buf *out, struct buf *why)
{
    return t->row->kind == TEXT_LIST ? put_list(t, b, out, why)
           : t->encoding != NULL     ? put_encoded(t, b, out, why)
                                     : t->row->fn(b, out, why);
}
