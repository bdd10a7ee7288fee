/* Views of text. Pure. */
#include "base/str.h"

#include "base/mem.h"

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

struct str str_trim(struct str s)
{
    while (s.len > 0 && is_space(s.p[0])) {
        s.p++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.p[s.len - 1])) {
        s.len--;
    }
    return s;
}

struct str str_clip(struct str s, size_t most)
{
    if (s.len > most) {
        s.len = most;
        while (s.len > 0 && ((uint8_t)s.p[s.len] & 0xc0) == 0x80) {
            s.len--;
        }
    }
    return s;
}

size_t str_find(struct str s, char c)
{
    size_t i = 0;
    while (i < s.len && s.p[i] != c) {
        i++;
    }
    return i;
}

size_t str_find_last(struct str s, char c)
{
    for (size_t i = s.len; i > 0; i--) {
        if (s.p[i - 1] == c) {
            return i - 1;
        }
    }
    return s.len;
}

bool str_next_item(struct str *rest, char sep, struct str *ret_item)
{
    while (rest->len > 0) {
        size_t n = str_find(*rest, sep);
        struct str item = str_trim(str_sub(*rest, 0, n));
        n = n < rest->len ? n + 1 : n;
        *rest = str_sub(*rest, n, rest->len - n);
        if (item.len > 0) {
            *ret_item = item;
            return true;
        }
    }
    return false;
}

bool str_to_i64(struct str s, int64_t *ret_value)
{
    bool negative = s.len > 0 && s.p[0] == '-';
    size_t i = s.len > 0 && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0;
    if (i == s.len) {
        return false;
    }
    int64_t v = 0; /* kept negative: the range of int64 is larger on that side */
    for (; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return false;
        }
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, s.p[i] - '0', &v)) {
            return false;
        }
    }
    if (!negative) {
        if (v == INT64_MIN) {
            return false;
        }
        v = -v;
    }
    *ret_value = v;
    return true;
}

uint64_t str_hash(struct str s, uint64_t seed)
{
    uint64_t h = 0xcbf29ce484222325u ^ seed;
    for (size_t i = 0; i < s.len; i++) {
        h = (h ^ (uint8_t)s.p[i]) * 0x100000001b3u;
    }
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    h ^= h >> 32;
    return h;
}

char *str_dup(struct str s)
{
    char *copy = mem_alloc(s.len + 1);
    if (s.len > 0) {
        memcpy(copy, s.p, s.len);
    }
    copy[s.len] = '\0';
    return copy;
}

enum { MISSPELT_LEN_MAX = 80 };

/* Levenshtein's distance. */
static int edit_distance(struct str a, struct str b)
{
    int row[MISSPELT_LEN_MAX + 1];
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = (int)j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= b.len; j++) {
            int above = row[j];
            int edit = diagonal + (a.p[i - 1] != b.p[j - 1]);
            row[j] = MIN(edit, MIN(above, row[j - 1]) + 1);
            diagonal = above;
        }
    }
    return row[b.len];
}

int str_misspelt(struct str typed, struct str known)
{
    if (typed.len > MISSPELT_LEN_MAX || known.len > MISSPELT_LEN_MAX) {
        return STR_MISSPELT_MAX + 1;
    }
    int d = edit_distance(typed, known);
    /* most of a short name may not be wrong */
    return (size_t)d * 3 <= known.len ? d : STR_MISSPELT_MAX + 1;
}
