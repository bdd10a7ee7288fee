/* Base64 of RFC 4648. Pure. */
#include "base/base64.h"

static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char for_urls[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void put(struct buf *out, struct bytes in, const char *letters, bool is_padded)
{
    for (size_t i = 0; i < in.len; i += 3) {
        size_t n = in.len - i < 3 ? in.len - i : 3;
        uint32_t v = (uint32_t)in.p[i] << 16;
        v |= n > 1 ? (uint32_t)in.p[i + 1] << 8 : 0;
        v |= n > 2 ? in.p[i + 2] : 0;
        char four[4] = {letters[v >> 18], letters[v >> 12 & 63], n > 1 ? letters[v >> 6 & 63] : '=',
                        n > 2 ? letters[v & 63] : '='};
        buf_put(out, four, is_padded ? sizeof four : n + 1);
    }
}

void base64_put(struct buf *out, struct bytes in) { put(out, in, plain, true); }
void base64url_put(struct buf *out, struct bytes in) { put(out, in, for_urls, false); }

static int digit(char c)
{
    const char *at = c == '\0' ? NULL : memchr(plain, c, sizeof plain - 1);
    return at ? (int)(at - plain) : -1;
}

/* The last four may end with one or two '='; bits that stand for nothing must be zero. */
static bool read_four(struct buf *out, const char *p, bool is_last)
{
    int pad = is_last ? (p[3] == '=') + (p[3] == '=' && p[2] == '=') : 0;
    uint32_t v = 0;
    for (int k = 0; k < 4; k++) {
        int d = k < 4 - pad ? digit(p[k]) : 0;
        if (d < 0) {
            return false;
        }
        v = v << 6 | (uint32_t)d;
    }
    if (pad > 0 && (v & (pad == 1 ? 0xffu : 0xffffu)) != 0) {
        return false;
    }
    for (int k = 0; k < 3 - pad; k++) {
        buf_put_u8(out, (uint8_t)(v >> (16 - 8 * k)));
    }
    return true;
}

bool base64_read(struct buf *out, struct str text)
{
    size_t before = out->len;
    bool is_ok = text.len % 4 == 0;
    for (size_t i = 0; is_ok && i < text.len; i += 4) {
        is_ok = read_four(out, text.p + i, i + 4 == text.len);
    }
    out->len = is_ok ? out->len : before;
    return is_ok;
}

bool base64_read_any(struct buf *out, struct str text)
{
    size_t before = out->len;
    uint32_t bits = 0;
    int have = 0, d = 0;
    while (text.len > 0 && text.p[text.len - 1] == '=') {
        text.len--;
    }
    for (size_t i = 0; d >= 0 && i < text.len; i++) {
        char c = text.p[i];
        d = digit(c == '-' ? '+' : c == '_' ? '/' : c);
        bits = bits << 6 | (uint32_t)d;
        have += 6;
        if (d >= 0 && have >= 8) {
            have -= 8;
            buf_put_u8(out, (uint8_t)(bits >> have));
        }
    }
    bool is_ok = d >= 0 && text.len % 4 != 1;
    out->len = is_ok ? out->len : before;
    return is_ok;
}
