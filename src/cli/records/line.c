/* Lines of the console producer. Pure. */
#include "cli/records/line.h"

#include "base/attr.h"
#include "base/mem.h"
#include "cli/java_regex.h"

#include <inttypes.h>
#include <strings.h>

/* --- text --- */

/* Where needle begins; s.len: nowhere. */
static size_t find(struct str s, struct str needle)
{
    const char *p = needle.len > 0 && s.len > 0 ? memmem(s.p, s.len, needle.p, needle.len) : NULL;
    return p != NULL ? (size_t)(p - s.p) : needle.len == 0 ? 0 : s.len;
}

static struct str from(struct str s, size_t at) { return str_sub(s, at, s.len - at); }

/* --- rules --- */

static bool is_true(const struct props *p, struct str name)
{
    struct str v = str_trim(props_get(p, name));
    return v.len == 4 && strncasecmp(v.p, "true", 4) == 0;
}

static struct str text_of(const struct props *p, struct str name, struct str otherwise)
{
    struct str v = props_get(p, name);
    return str_is_null(v) ? otherwise : v;
}

struct named {
    const char *name;
    struct str value;
};

static bool differ(struct named a, struct named b, struct buf *why)
{
    if (str_eq(a.value, b.value)) {
        buf_printf(why, "%s and %s may not be equal", a.name, b.name);
        return false;
    }
    return true;
}

static bool all_differ(const struct line_rules *r, struct str separator, struct buf *why)
{
    const struct named key = {"key.separator", r->key_separator};
    const struct named headers = {"headers.separator", separator};
    const struct named delimiter = {"headers.delimiter", r->headers_delimiter};
    const struct named header_key = {"headers.key.separator", r->headers_key_separator};
    const struct named marker = {"null.marker", r->null_marker};
    return differ(delimiter, headers, why) && differ(delimiter, header_key, why) &&
           differ(headers, header_key, why) && differ(marker, key, why) &&
           differ(marker, headers, why) && differ(marker, delimiter, why) &&
           differ(marker, header_key, why);
}

static bool compile(struct str java, regex_t *ret, struct buf *why)
{
    struct buf posix = BUF_INIT, reason = BUF_INIT;
    char *text = str_dup(java);
    bool ok = cli_put_regex(&posix, text, &reason);
    int e = ok ? regcomp(ret, buf_cstr(&posix), REG_EXTENDED) : 0;
    if (e != 0) {
        char said[128];
        regerror(e, ret, said, sizeof said);
        buf_put_str(&reason, str_from(said));
    }
    ok = ok && e == 0;
    if (!ok) {
        buf_printf(why, "headers.separator: '%s' is no regular expression: %s", text,
                   buf_cstr(&reason));
    }
    mem_free(text);
    buf_deinit(&posix);
    buf_deinit(&reason);
    return ok;
}

bool line_rules_take(struct line_rules *ret, const struct props *p, struct buf *why)
{
    *ret = (struct line_rules){
        .has_key = is_true(p, STR("parse.key")),
        .has_headers = is_true(p, STR("parse.headers")),
        .ignores_errors = is_true(p, STR("ignore.error")),
        .key_separator = text_of(p, STR("key.separator"), STR("\t")),
        .headers_delimiter = text_of(p, STR("headers.delimiter"), STR("\t")),
        .headers_key_separator = text_of(p, STR("headers.key.separator"), STR(":")),
        .null_marker = props_get(p, STR("null.marker")),
    };
    struct str separator = text_of(p, STR("headers.separator"), STR(","));
    return all_differ(ret, separator, why) && compile(separator, &ret->headers_separator, why);
}

void line_rules_deinit(struct line_rules *r) { regfree(&r->headers_separator); }

/* --- one line --- */

struct parse {
    const struct line_rules *rules;
    struct str line, rest;
    int64_t number;
    size_t empty; /* pairs that count when another comes behind them */
    struct buf *why;
};

/* Cuts what stands before the separator off the rest; null when there is no separator and that is
 * fine. */
static bool cut(struct parse *p, struct named separator, struct str *ret)
{
    size_t at = find(p->rest, separator.value);
    *ret = STR_NULL;
    if (at == p->rest.len && separator.value.len > 0) {
        if (!p->rules->ignores_errors) {
            buf_printf(p->why, "No %s found on line number %" PRId64 ": '%.*s'", separator.name,
                       p->number, STR_ARG(p->line));
        }
        return p->rules->ignores_errors;
    }
    *ret = str_sub(p->rest, 0, at);
    p->rest = from(p->rest, at + separator.value.len);
    return true;
}

static struct str unless_marker(const struct line_rules *r, struct str s)
{
    return !str_is_null(r->null_marker) && str_eq(s, r->null_marker) ? STR_NULL : s;
}

static struct ottla_header *add_header(struct line_record *r)
{
    if (r->header_count == r->header_cap) {
        r->header_cap = r->header_cap ? 2 * r->header_cap : 8;
        r->headers = mem_realloc_array(r->headers, r->header_cap, sizeof *r->headers);
    }
    return &r->headers[r->header_count++];
}

static bool put_header(struct parse *p, struct str pair, struct line_record *r)
{
    struct str separator = p->rules->headers_key_separator;
    size_t at = find(pair, separator);
    struct str key = str_sub(pair, 0, at), value = STR_NULL;
    if (at == pair.len && separator.len > 0) {
        if (!p->rules->ignores_errors) {
            buf_printf(p->why,
                       "No header key separator found in pair '%.*s' on line number %" PRId64,
                       STR_ARG(pair), p->number);
            return false;
        }
    } else if (str_is_null(unless_marker(p->rules, key))) {
        buf_printf(p->why,
                   "Header keys should not be equal to the null marker '%.*s' as they can't be "
                   "null",
                   STR_ARG(key));
        return false;
    } else {
        value = unless_marker(p->rules, from(pair, at + separator.len));
    }
    *add_header(r) = (struct ottla_header){key.p, key.len, value.p, value.len};
    return true;
}

/* A pair, behind the empty ones that were put off. */
static bool put_pair(struct parse *p, struct str pair, struct line_record *r)
{
    for (; p->empty > 0; p->empty--) {
        if (!put_header(p, STR(""), r)) {
            return false;
        }
    }
    return put_header(p, pair, r);
}

/* The next separator, at `at` or behind it. The list has a NUL behind it and may have some within.
 */
static bool find_separator(const struct line_rules *r, const struct buf *list, size_t at,
                           regmatch_t *ret)
{
    *ret = (regmatch_t){(regoff_t)at, (regoff_t)list->len};
    return at <= list->len &&
           regexec(&r->headers_separator, (const char *)list->p, 1, ret, REG_STARTEND) == 0;
}

/* As Java splits: what is empty at the end is left out, but a list without a separator is a pair; a
 * separator may be a place between two characters, but not the one before the first. */
static bool put_headers(struct parse *p, struct str list, struct line_record *r)
{
    regmatch_t m;
    size_t begin = 0, search = 0;
    bool is_split = false;
    p->empty = 0;
    buf_clear(&r->list);
    buf_put_str(&r->list, list);
    buf_cstr(&r->list);
    while (find_separator(p->rules, &r->list, search, &m)) {
        const size_t from_pos = (size_t)m.rm_so, to_pos = (size_t)m.rm_eo;
        search = MAX(to_pos, from_pos + 1);
        if (to_pos == 0) {
            continue;
        }
        if (from_pos == begin) {
            p->empty++;
        } else if (!put_pair(p, str_sub(list, begin, from_pos - begin), r)) {
            return false;
        }
        is_split = true;
        begin = to_pos;
    }
    return (is_split && begin == list.len) || put_pair(p, from(list, begin), r);
}

bool line_parse(const struct line_rules *rules, struct str line, int64_t number,
                struct line_record *r, struct buf *why)
{
    struct parse p = {.rules = rules, .line = line, .rest = line, .number = number, .why = why};
    struct str headers = STR_NULL;
    r->key = STR_NULL;
    r->header_count = 0;
    if (rules->has_headers &&
        !cut(&p, (struct named){"headers delimiter", rules->headers_delimiter}, &headers)) {
        return false;
    }
    if (rules->has_key &&
        !cut(&p, (struct named){"key separator", rules->key_separator}, &r->key)) {
        return false;
    }
    r->key = unless_marker(rules, r->key);
    r->value = unless_marker(rules, p.rest);
    headers = unless_marker(rules, headers);
    return str_is_null(headers) || put_headers(&p, headers, r);
}

void line_record_deinit(struct line_record *r)
{
    mem_free(r->headers);
    buf_deinit(&r->list);
    *r = (struct line_record){0};
}

void line_put_message(const struct line_record *r, struct ottla_message *m)
{
    m->key = r->key.p;
    m->key_length = r->key.len;
    m->value = r->value.p;
    m->value_length = r->value.len;
    m->headers = r->headers;
    m->header_count = r->header_count;
}
