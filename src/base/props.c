/* Java's properties format: key and value split at the first '=', ':' or white space; '#' and '!'
 * begin a comment line; a line that ends in an odd number of backslashes goes on; \t \n \f \r
 * \uXXXX are escapes, any other escaped character is itself. Pure. */
#include "base/props.h"

#include "base/buf.h"

#include <stdlib.h>

enum { PROPS_BUDGET_BYTES = 4 << 20 };

/* A reader over logical lines. */
struct lines {
    struct str text;
    size_t at;
    int line; /* of the one that was read last, 1-based */
    struct buf out;
};

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\f'; }

static struct str natural_line(struct lines *ls)
{
    size_t from = ls->at;
    while (ls->at < ls->text.len && ls->text.p[ls->at] != '\n' && ls->text.p[ls->at] != '\r') {
        ls->at++;
    }
    struct str s = str_sub(ls->text, from, ls->at - from);
    if (ls->at < ls->text.len) {
        bool is_crlf = ls->text.p[ls->at] == '\r' && ls->at + 1 < ls->text.len &&
                       ls->text.p[ls->at + 1] == '\n';
        ls->at += is_crlf ? 2 : 1;
    }
    ls->line++;
    while (s.len > 0 && is_blank(s.p[0])) {
        s = str_sub(s, 1, s.len - 1);
    }
    return s;
}

static bool goes_on(struct str s)
{
    size_t n = 0;
    while (n < s.len && s.p[s.len - 1 - n] == '\\') {
        n++;
    }
    return n % 2 == 1;
}

/* The next line that is neither blank nor a comment, continuations joined, in ls->out. */
static bool next_line(struct lines *ls)
{
    buf_clear(&ls->out);
    while (ls->at < ls->text.len) {
        struct str s = natural_line(ls);
        if (s.len == 0 || s.p[0] == '#' || s.p[0] == '!') {
            continue;
        }
        while (goes_on(s)) {
            buf_put(&ls->out, s.p, s.len - 1);
            s = ls->at < ls->text.len ? natural_line(ls) : STR("");
        }
        buf_put_str(&ls->out, s);
        return true;
    }
    return false;
}

static size_t key_end(struct str line)
{
    size_t i = 0;
    while (i < line.len && line.p[i] != '=' && line.p[i] != ':' && !is_blank(line.p[i])) {
        i += line.p[i] == '\\' && i + 1 < line.len ? 2 : 1;
    }
    return i;
}

static size_t value_start(struct str line, size_t i)
{
    while (i < line.len && is_blank(line.p[i])) {
        i++;
    }
    if (i < line.len && (line.p[i] == '=' || line.p[i] == ':')) {
        i++;
        while (i < line.len && is_blank(line.p[i])) {
            i++;
        }
    }
    return i;
}

static void put_utf8(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_put_u8(out, (uint8_t)c);
    } else if (c < 0x800) {
        buf_put_u8(out, (uint8_t)(0xc0 | c >> 6));
        buf_put_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
    } else {
        buf_put_u8(out, (uint8_t)(0xe0 | c >> 12));
        buf_put_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
        buf_put_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
    }
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Four digits at s + i. */
static bool hex4(struct str s, size_t i, uint32_t *ret)
{
    uint32_t v = 0;
    for (size_t n = i; n < i + 4; n++) {
        int d = n < s.len ? hex_digit(s.p[n]) : -1;
        if (d < 0) {
            return false;
        }
        v = v << 4 | (uint32_t)d;
    }
    *ret = v;
    return true;
}

static bool unescape(struct str s, struct buf *out)
{
    buf_clear(out);
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] != '\\' || i + 1 == s.len) {
            buf_put_u8(out, (uint8_t)s.p[i]);
            continue;
        }
        char c = s.p[++i];
        uint32_t code;
        if (c == 'u') {
            if (!hex4(s, i + 1, &code)) {
                return false;
            }
            put_utf8(out, code);
            i += 4;
            continue;
        }
        buf_put_u8(out, (uint8_t)(c == 't'   ? '\t'
                                  : c == 'n' ? '\n'
                                  : c == 'f' ? '\f'
                                  : c == 'r' ? '\r'
                                             : c));
    }
    return true;
}

static int32_t lower_bound(const struct props *props, struct str key)
{
    int32_t lo = 0, hi = props->count;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        if (str_cmp(props->items[mid].key, key) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

/* The items live in the arena too: an array that doubles. */
static bool grow(struct props *props)
{
    if (props->count < props->cap) {
        return true;
    }
    int32_t cap = props->cap ? props->cap * 2 : 32;
    struct prop *items = arena_array(&props->arena, (size_t)cap, sizeof *items);
    if (items == NULL) {
        return false;
    }
    if (props->count > 0) {
        memcpy(items, props->items, (size_t)props->count * sizeof *items);
    }
    props->items = items;
    props->cap = cap;
    return true;
}

void props_init(struct props *props)
{
    *props = (struct props){0};
    arena_init(&props->arena, PROPS_BUDGET_BYTES);
}

void props_deinit(struct props *props) { arena_deinit(&props->arena); }

enum err props_set(struct props *props, struct str key, struct str value)
{
    struct prop item;
    int32_t at = lower_bound(props, key);
    bool is_there = at < props->count && str_eq(props->items[at].key, key);
    if (!arena_copy_str(&props->arena, key, &item.key) ||
        !arena_copy_str(&props->arena, value, &item.value) || (!is_there && !grow(props))) {
        return ERR_BUDGET;
    }
    if (!is_there) {
        memmove(props->items + at + 1, props->items + at,
                (size_t)(props->count - at) * sizeof item);
        props->count++;
    }
    props->items[at] = item;
    return OK;
}

struct str props_get(const struct props *props, struct str key)
{
    int32_t at = lower_bound(props, key);
    bool is_there = at < props->count && str_eq(props->items[at].key, key);
    return is_there ? props->items[at].value : STR_NULL;
}

static enum err parse_line(struct props *props, struct str line, struct buf *key, struct buf *value)
{
    size_t end = key_end(line);
    size_t start = value_start(line, end);
    if (!unescape(str_sub(line, 0, end), key) ||
        !unescape(str_sub(line, start, line.len - start), value)) {
        return ERR_BAD_CONFIG;
    }
    if (key->err || value->err) {
        return ERR_NO_MEMORY;
    }
    struct str v = value->len ? buf_str(value) : STR("");
    return props_set(props, key->len ? buf_str(key) : STR(""), v);
}

enum err props_parse(struct props *props, struct str text, int *ret_line)
{
    struct lines ls = {.text = text, .out = BUF_INIT};
    struct buf key = BUF_INIT, value = BUF_INIT;
    enum err e = OK;
    props_init(props);
    while (!e && next_line(&ls)) {
        e = ls.out.err ? ERR_NO_MEMORY : parse_line(props, buf_str(&ls.out), &key, &value);
    }
    if (e) {
        *ret_line = ls.line;
    }
    buf_deinit(&ls.out);
    buf_deinit(&key);
    buf_deinit(&value);
    return e;
}
