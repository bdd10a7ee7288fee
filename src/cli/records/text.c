/* Deserializers. Pure. What they print is what toString of the Java object prints, but for byte
 * arrays, where Java prints an address and this the bytes. */
#include "cli/records/text.h"

#include "base/attr.h"
#include "base/endian.h"
#include "base/json.h"
#include "base/uuid.h"

#include <ctype.h>
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

static const struct row {
    const char *name;
    text_fn *fn;
} rows[] = {
    {"String", put_string},    {"Short", put_short},
    {"Integer", put_integer},  {"Long", put_long},
    {"Float", put_float},      {"Double", put_double},
    {"Boolean", put_boolean},  {"UUID", put_uuid},
    {"ByteArray", put_string}, {"ByteBuffer", put_byte_buffer},
    {"Bytes", put_bytes},
};

text_fn *text_find(const char *name)
{
    static const struct str package = {"org.apache.kafka.common.serialization.", 38};
    struct str s = str_from(name), ending = STR("Deserializer");
    if (str_has_prefix(s, package) && str_has_suffix(s, ending)) {
        s = str_sub(s, package.len, s.len - package.len - ending.len);
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strlen(rows[i].name) == s.len && strncasecmp(rows[i].name, s.p, s.len) == 0) {
            return rows[i].fn;
        }
    }
    return NULL;
}
