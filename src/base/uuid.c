/* UUIDs. Pure: randomness is the caller's. */
#include "base/uuid.h"

#include "base/endian.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

enum { RESERVED_COUNT = 100 };

static bool is_reserved(struct uuid u)
{
    return be64_get(u.b) == 0 && be64_get(u.b + 8) < RESERVED_COUNT;
}

struct uuid uuid_random(struct rand *r)
{
    struct uuid u;
    do {
        be64_put(u.b, rand_u64(r));
        be64_put(u.b + 8, rand_u64(r));
        u.b[6] = (uint8_t)((u.b[6] & 0x0f) | 0x40);
        u.b[8] = (uint8_t)((u.b[8] & 0x3f) | 0x80);
    } while (is_reserved(u) || alphabet[u.b[0] >> 2] == '-');
    return u;
}

void uuid_format(struct uuid u, char ret_text[UUID_TEXT_LEN + 1])
{
    uint32_t bits = 0;
    int bit_count = 0;
    size_t n = 0;
    for (size_t i = 0; i < sizeof u.b; i++) {
        bits = (bits << 8) | u.b[i];
        for (bit_count += 8; bit_count >= 6; bit_count -= 6) {
            ret_text[n++] = alphabet[(bits >> (bit_count - 6)) & 63];
        }
    }
    ret_text[n++] = alphabet[(bits << (6 - bit_count)) & 63];
    ret_text[n] = '\0';
}

bool uuid_parse(struct str s, struct uuid *ret_uuid)
{
    if (s.len == UUID_TEXT_LEN + 2 && str_has_suffix(s, STR("=="))) {
        s.len = UUID_TEXT_LEN;
    }
    if (s.len != UUID_TEXT_LEN) {
        return false;
    }
    struct uuid u;
    uint32_t bits = 0;
    int bit_count = 0;
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        const char *at = s.p[i] ? strchr(alphabet, s.p[i]) : NULL;
        if (at == NULL) {
            return false;
        }
        bits = (bits << 6) | (uint32_t)(at - alphabet);
        bit_count += 6;
        if (bit_count >= 8 && n < sizeof u.b) {
            bit_count -= 8;
            u.b[n++] = (uint8_t)(bits >> bit_count);
        }
    }
    *ret_uuid = u;
    return true;
}
