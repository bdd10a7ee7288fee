/* Packed bytes. Pure. */
#include "cli/records/pack.h"

#include <ctype.h>
#include <inttypes.h>

bool pack_check(const char *format, struct buf *why)
{
    for (const char *p = format; *p != '\0'; p++) {
        if (strchr("bhiqBHIQcs$<> ", *p) == NULL) {
            buf_printf(why, "'%s': '%c' is none of b h i q B H I Q c s $ < >", format, *p);
            return false;
        }
    }
    if (format[0] == '\0') {
        buf_printf(why, "it says nothing of what the bytes are");
    }
    return format[0] != '\0';
}

static size_t size_of(char letter)
{
    switch (tolower((unsigned char)letter)) {
    case 'b':
    case 'c':
        return 1;
    case 'h':
        return 2;
    case 'i':
        return 4;
    case 'q':
        return 8;
    default:
        return 0;
    }
}

static uint64_t number_of(const uint8_t *p, size_t size, bool is_little)
{
    uint64_t v = 0;
    for (size_t i = 0; i < size; i++) {
        v = v << 8 | p[is_little ? size - 1 - i : i];
    }
    return v;
}

static void put_number(struct buf *out, char letter, uint64_t v)
{
    const size_t size = size_of(letter);
    if (islower((unsigned char)letter)) {
        buf_printf(out, "%" PRId64,
                   size == 1   ? (int8_t)v
                   : size == 2 ? (int16_t)v
                   : size == 4 ? (int32_t)v
                               : (int64_t)v);
    } else {
        buf_printf(out, "%" PRIu64, v);
    }
}

bool pack_put(const char *format, struct bytes b, struct buf *out, struct buf *why)
{
    bool is_little = false;
    for (; *format != '\0'; format++) {
        const size_t size = *format == 's' ? b.len : size_of(*format);
        if (size > b.len) {
            buf_printf(why, "%c takes %zu bytes, and there are %zu", *format, size, b.len);
            return false;
        }
        if (*format == '$' && b.len > 0) {
            buf_printf(why, "%zu bytes are left where the end should be", b.len);
            return false;
        }
        if (*format == '<' || *format == '>') {
            is_little = *format == '<';
        } else if (*format == ' ') {
            buf_put_u8(out, ' ');
        } else if (*format == 's' || *format == 'c') {
            buf_put(out, b.p, size);
        } else if (*format != '$') {
            put_number(out, *format, number_of(b.p, size, is_little));
        }
        b = (struct bytes){b.p + size, b.len - size};
    }
    return true;
}
