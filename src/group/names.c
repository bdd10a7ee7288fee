/* Java's view of texts: UTF-16 units out of UTF-8. Pure. */
#include "group/names.h"

enum { REPLACEMENT = 0xfffd, FIRST_SURROGATE = 0xd800, LAST_SURROGATE = 0xdfff };
enum { FIRST_PAIR = 0x10000, LAST_CODE = 0x10ffff, HASH_FACTOR = 31 };

/* The length that a first byte announces; 0 if it can be none. */
static size_t announced(uint8_t b)
{
    return b < 0x80 ? 1 : b < 0xc2 ? 0 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : b < 0xf5 ? 4 : 0;
}

static bool is_tail(uint8_t b) { return (b & 0xc0) == 0x80; }

static bool is_code(uint32_t c, size_t len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, FIRST_PAIR};
    return c >= least[len] && c <= LAST_CODE && (c < FIRST_SURROGATE || c > LAST_SURROGATE);
}

/* Takes one character off s; a byte that begins none is a REPLACEMENT by itself. */
static uint32_t next_code(struct str *s)
{
    const uint8_t *p = (const uint8_t *)s->p;
    size_t len = announced(p[0]), i = 1;
    uint32_t c = len <= 1 ? p[0] : p[0] & (0x7fu >> len);
    for (; i < len && i < s->len && is_tail(p[i]); i++) {
        c = c << 6 | (p[i] & 0x3fu);
    }
    bool is_good = len > 0 && i == len && is_code(c, len);
    size_t used = is_good ? len : 1;
    s->p += used;
    s->len -= used;
    return is_good ? c : REPLACEMENT;
}

static uint32_t add(uint32_t hash, uint32_t unit) { return hash * HASH_FACTOR + unit; }

int32_t group_java_hash(struct str s)
{
    uint32_t hash = 0;
    while (s.len > 0) {
        uint32_t c = next_code(&s);
        if (c >= FIRST_PAIR) {
            c -= FIRST_PAIR;
            hash = add(hash, 0xd800 + (c >> 10));
            c = 0xdc00 + (c & 0x3ff);
        }
        hash = add(hash, c);
    }
    return (int32_t)hash;
}

size_t group_java_length(struct str s)
{
    size_t n = 0;
    while (s.len > 0) {
        n += next_code(&s) >= FIRST_PAIR ? 2 : 1;
    }
    return n;
}

int32_t group_partition(struct str group, int32_t partition_count)
{
    int32_t hash = group_java_hash(group);
    return (hash == INT32_MIN ? 0 : hash < 0 ? -hash : hash) % partition_count;
}
