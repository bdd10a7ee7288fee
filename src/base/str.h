/* Views: a pointer and a length that somebody else owns. A null pointer is Kafka's null, which is
 * not the same as empty. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p; /* not NUL-terminated */
    size_t len;
};

struct bytes {
    const uint8_t *p;
    size_t len;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_NULL ((struct str){NULL, 0})
#define BYTES_NULL ((struct bytes){NULL, 0})

/* For printf's "%.*s". */
#define STR_ARG(s) (int)(s).len, (s).p ? (s).p : ""

static inline struct str str_from(const char *cstr)
{
    return (struct str){cstr, cstr ? strlen(cstr) : 0};
}

static inline bool str_is_null(struct str s) { return s.p == NULL; }

/* Null equals only null. */
static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.p == NULL) == (b.p == NULL) &&
           (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/* Bytewise order, as memcmp; a prefix comes first. */
static inline int str_cmp(struct str a, struct str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

static inline bool str_has_prefix(struct str s, struct str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.p, prefix.p, prefix.len) == 0);
}

static inline bool str_has_suffix(struct str s, struct str suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.p + s.len - suffix.len, suffix.p, suffix.len) == 0);
}

static inline struct str str_sub(struct str s, size_t from, size_t len)
{
    return (struct str){s.p + from, len};
}

/* Without white space at both ends. */
struct str str_trim(struct str s);

/* Its front: at most so many bytes, and no part of a UTF-8 character at the end. */
struct str str_clip(struct str s, size_t most);

/* Index of the first, or last, c in s; s.len if there is none. */
size_t str_find(struct str s, char c);
size_t str_find_last(struct str s, char c);

/* Cuts the next part off *rest: what is before the first sep, trimmed; parts without anything are
 * passed over. False when there is no more. For lists like "a, b,c". */
bool str_next_item(struct str *rest, char sep, struct str *ret_item);

/* A whole decimal number with an optional sign: false for anything else and on overflow. */
bool str_to_i64(struct str s, int64_t *ret_value);

/* How many letters away a typed word is from a known one; above STR_MISSPELT_MAX when nobody can
 * have meant it. For "did you mean". */
enum { STR_MISSPELT_MAX = 4 };
int str_misspelt(struct str typed, struct str known);

/* 64-bit hash (FNV-1a with a final mix), the same on every machine; not for hostile keys by itself:
 * map.h seeds it. */
uint64_t str_hash(struct str s, uint64_t seed);

/* A NUL-terminated copy; the caller frees it. Never NULL: dies without memory, so only for things
 * that this process sizes itself. */
char *str_dup(struct str s);

#endif
