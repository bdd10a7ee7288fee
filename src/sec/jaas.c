/* Reading a login module of JAAS. Pure.
 *
 * Words, "strings" and 'strings' with backslashes, '=' and ';', with comments between them. */
#include "sec/jaas.h"

#include "base/attr.h"

enum { OPTIONS_MAX = 64 };

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_EQUALS, TOKEN_SEMICOLON, TOKEN_BROKEN };

struct reader {
    struct str rest;
    struct arena *arena;
    struct str token; /* of a WORD */
};

static void skip(struct reader *r, size_t n) { r->rest = str_sub(r->rest, n, r->rest.len - n); }

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* Length of the comment that begins here; 0: none does. */
static size_t comment_len(struct str s)
{
    if (str_has_prefix(s, STR("//"))) {
        return str_find(s, '\n');
    }
    if (!str_has_prefix(s, STR("/*"))) {
        return 0;
    }
    for (size_t i = 2; i + 1 < s.len; i++) {
        if (s.p[i] == '*' && s.p[i + 1] == '/') {
            return i + 2;
        }
    }
    return s.len;
}

static void skip_blank(struct reader *r)
{
    for (size_t n = 1; n > 0 && r->rest.len > 0;) {
        n = is_space(r->rest.p[0]) ? 1 : comment_len(r->rest);
        skip(r, n);
    }
}

static char unescape(char c)
{
    static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
    const char *at = memchr(from, c, sizeof from - 1);
    return at ? to[at - from] : c;
}

/* A string without its quotes. */
static enum token_kind read_string(struct reader *r)
{
    char quote = r->rest.p[0];
    char *to = arena_alloc(r->arena, r->rest.len);
    size_t len = 0, at = 1;
    while (to != NULL && at < r->rest.len && r->rest.p[at] != quote) {
        bool is_escaped = r->rest.p[at] == '\\' && at + 1 < r->rest.len;
        to[len++] = is_escaped ? unescape(r->rest.p[at + 1]) : r->rest.p[at];
        at += is_escaped ? 2 : 1;
    }
    if (to == NULL || at >= r->rest.len) {
        return TOKEN_BROKEN;
    }
    skip(r, at + 1);
    r->token = (struct str){to, len};
    return TOKEN_WORD;
}

static bool ends_word(struct str s, size_t at)
{
    char c = s.p[at];
    return is_space(c) || c == '=' || c == ';' || c == '"' || c == '\'' ||
           comment_len(str_sub(s, at, s.len - at)) > 0;
}

static enum token_kind next(struct reader *r)
{
    skip_blank(r);
    if (r->rest.len == 0) {
        return TOKEN_END;
    }
    char c = r->rest.p[0];
    if (c == '"' || c == '\'') {
        return read_string(r);
    }
    if (c == '=' || c == ';') {
        skip(r, 1);
        return c == '=' ? TOKEN_EQUALS : TOKEN_SEMICOLON;
    }
    size_t n = 1;
    while (n < r->rest.len && !ends_word(r->rest, n)) {
        n++;
    }
    bool is_ok = arena_copy_str(r->arena, str_sub(r->rest, 0, n), &r->token);
    skip(r, n);
    return is_ok ? TOKEN_WORD : TOKEN_BROKEN;
}

static enum err bad(struct buf *why, const char *text)
{
    buf_printf(why, "sasl.jaas.config: %s", text);
    return ERR_BAD_CONFIG;
}

static bool is_flag(struct str s)
{
    return str_eq(s, STR("required")) || str_eq(s, STR("requisite")) ||
           str_eq(s, STR("sufficient")) || str_eq(s, STR("optional"));
}

static enum err read_options(struct reader *r, struct jaas_module *m, struct buf *why)
{
    enum token_kind kind;
    while ((kind = next(r)) == TOKEN_WORD) {
        struct jaas_option *o = &m->options[m->count];
        if (m->count == OPTIONS_MAX) {
            return bad(why, "too many options");
        }
        o->name = r->token;
        enum token_kind sign = next(r), value = next(r);
        if (sign != TOKEN_EQUALS || value != TOKEN_WORD) {
            return bad(why, "an option is name=value, and ';' ends them");
        }
        o->value = r->token;
        m->count++;
    }
    if (kind != TOKEN_SEMICOLON) {
        return bad(why, "it must end with ';'");
    }
    return next(r) == TOKEN_END ? OK : bad(why, "there is more behind the ';'");
}

enum err jaas_parse(struct str text, struct arena *a, struct jaas_module *ret, struct buf *why)
{
    struct reader r = {.rest = text, .arena = a};
    struct jaas_module m = {.options = arena_array(a, OPTIONS_MAX, sizeof *m.options)};
    if (m.options == NULL) {
        return ERR_NO_MEMORY;
    }
    if (next(&r) != TOKEN_WORD) {
        return bad(why, "it begins with the name of a login module");
    }
    m.name = r.token;
    if (next(&r) != TOKEN_WORD || !is_flag(r.token)) {
        return bad(why, "behind the login module comes 'required'");
    }
    enum err e = read_options(&r, &m, why);
    if (!e) {
        *ret = m;
    }
    return e;
}

struct str jaas_get(const struct jaas_module *m, struct str name)
{
    for (size_t i = 0; i < m->count; i++) {
        if (str_eq(m->options[i].name, name)) {
            return m->options[i].value;
        }
    }
    return STR_NULL;
}
