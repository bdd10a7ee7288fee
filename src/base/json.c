/* Values of JSON. Pure. */
#include "base/json.h"

#include "base/base64.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The length of the UTF-8 sequence at the front of [p, end), 0 if it is none (cut short, overlong,
 * a surrogate, above U+10FFFF). */
static size_t utf8_len(const uint8_t *p, const uint8_t *end)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;
    if (n <= 1) {
        return n;
    }
    if ((size_t)(end - p) < n) {
        return 0;
    }
    uint32_t c = *p & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
        c = c << 6 | (p[i] & 0x3f);
    }
    return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : n;
}

bool json_is_text(struct str s)
{
    if (s.len == 0) { /* there may be no text to point at */
        return true;
    }
    const uint8_t *p = (const uint8_t *)s.p, *end = p + s.len;
    size_t n = 1;
    for (; p < end && n > 0; p += n) {
        n = utf8_len(p, end);
    }
    return n > 0;
}

static void put_ascii(struct buf *out, uint8_t c)
{
    static const char letters[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    char letter = c == '"' || c == '\\' ? (char)c : c < 0x20 ? letters[c] : 0;
    if (letter != 0) {
        buf_put_u8(out, '\\');
        buf_put_u8(out, (uint8_t)letter);
    } else if (c < 0x20) {
        buf_printf(out, "\\u%04X", c);
    } else {
        buf_put_u8(out, c);
    }
}

void json_put_str(struct buf *out, struct str s)
{
    if (str_is_null(s)) {
        buf_put_str(out, STR("null"));
        return;
    }
    const uint8_t *p = (const uint8_t *)s.p, *end = p + s.len;
    buf_put_u8(out, '"');
    while (p < end) {
        size_t n = utf8_len(p, end);
        if (n == 1) {
            put_ascii(out, *p);
        } else if (n == 0) {
            buf_put_str(out, STR("\xef\xbf\xbd"));
            n = 1;
        } else {
            buf_put(out, p, n);
        }
        p += n;
    }
    buf_put_u8(out, '"');
}

void json_put_base64(struct buf *out, struct bytes b)
{
    buf_put_u8(out, '"');
    base64_put(out, b);
    buf_put_u8(out, '"');
}

/* The shortest "d.ddde+xx" that reads back as v. */
static void shortest(double v, bool is_float, char text[32])
{
    for (int digits = 0; digits < 17; digits++) {
        snprintf(text, 32, "%.*e", digits, v);
        if (is_float ? strtof(text, NULL) == (float)v : strtod(text, NULL) == v) {
            return;
        }
    }
}

/* Digits as Java prints them: 0.001 ≤ |v| < 10,000,000 plainly, others as 1.5E-7. */
static void put_finite(struct buf *out, double v, bool is_float)
{
    char text[32];
    shortest(v, is_float, text);
    char *e = strchr(text, 'e');
    int digits = (int)(e - text) - (text[0] == '-') - 1; /* behind the point, with the point */
    digits = digits > 0 ? digits - 1 : 0;
    int exponent = atoi(e + 1);
    if (v == 0 || (exponent >= -3 && exponent < 7)) {
        buf_printf(out, "%.*f", MAX(digits - exponent, 1), v);
        return;
    }
    *e = '\0';
    buf_printf(out, "%s%sE%d", text, digits == 0 ? ".0" : "", exponent);
}

static void put_number(struct buf *out, double v, bool is_float)
{
    if (isnan(v)) {
        buf_put_str(out, STR("\"NaN\""));
    } else if (isinf(v)) {
        buf_put_str(out, v > 0 ? STR("\"Infinity\"") : STR("\"-Infinity\""));
    } else {
        put_finite(out, v, is_float);
    }
}

void json_put_double(struct buf *out, double v) { put_number(out, v, false); }

void json_put_float(struct buf *out, float v) { put_number(out, (double)v, true); }
