/* Regular expressions as Java writes them, for the engine of the C library (POSIX, extended). Pure.
 *
 * What both know in other words is put into the other's: classes of characters are worked out here
 * (nested, intersected, negated) and written as one bracket expression, so are letters whose case
 * does not count. What POSIX has no word for is refused in a sentence: looking ahead and behind,
 * groups that are referred to, quantifiers that give nothing back. One difference is left: of
 * several ways to match POSIX takes the longest, so that a lazy quantifier is a plain one. For
 * names, which have to match as a whole, that is the same. */
#include "cli/java_regex.h"

#include "base/attr.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { GROUPS_MAX = 64, CODES = 128 };

struct job {
    const char *p;
    struct buf *out, *why;
    bool is_icase;
    bool icases[GROUPS_MAX]; /* of the groups around */
    int depth;
    bool has_atom; /* a quantifier may follow */
};

static bool fail(struct job *j, const char *what)
{
    buf_clear(j->why);
    buf_printf(j->why, "%s", what);
    return false;
}

/* --- classes of characters --- */

/* Of ASCII, and whether all that is beyond belongs to it, too. */
struct set {
    bool has[CODES];
    bool has_others;
};

static void add_matching(struct set *s, int (*is)(int), bool is_not)
{
    for (int c = 1; c < CODES; c++) {
        s->has[c] |= (is(c) != 0) != is_not;
    }
    s->has_others |= is_not;
}

static int is_word(int c) { return isalnum(c) || c == '_'; }
static int is_space(int c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* \d, \W, ...; false: it is none of those. */
static bool add_letter_class(struct set *s, char letter)
{
    static const struct {
        char letter;
        int (*is)(int);
    } rows[] = {{'d', isdigit}, {'w', is_word}, {'s', is_space}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (tolower((unsigned char)letter) == rows[i].letter) {
            add_matching(s, rows[i].is, letter != rows[i].letter);
            return true;
        }
    }
    return false;
}

/* \p{Alpha}, \P{L}: behind the letter. */
static bool add_named_class(struct job *j, struct set *s, bool is_not)
{
    static const struct {
        const char *name;
        int (*is)(int);
    } rows[] = {
        {"Alpha", isalpha},        {"Digit", isdigit},   {"Alnum", isalnum},  {"Upper", isupper},
        {"Lower", islower},        {"Punct", ispunct},   {"Space", is_space}, {"XDigit", isxdigit},
        {"Graph", isgraph},        {"Print", isprint},   {"Cntrl", iscntrl},  {"L", isalpha},
        {"Lu", isupper},           {"Ll", islower},      {"N", isdigit},      {"Nd", isdigit},
        {"IsAlphabetic", isalpha}, {"IsDigit", isdigit},
    };
    const char *end = *j->p == '{' ? strchr(j->p, '}') : NULL;
    struct str name = *j->p == '{' && end != NULL ? (struct str){j->p + 1, (size_t)(end - j->p - 1)}
                                                  : (struct str){j->p, *j->p != '\0'};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (str_eq(name, str_from(rows[i].name))) {
            add_matching(s, rows[i].is, is_not);
            j->p = end != NULL && *j->p == '{' ? end + 1 : j->p + 1;
            return true;
        }
    }
    return fail(j, "\\p{...} of this name is not known here");
}

/* The same letters in the other case. */
static void fold(struct set *s)
{
    for (int c = 'a'; c <= 'z'; c++) {
        int upper = toupper(c);
        s->has[c] = s->has[upper] = s->has[c] || s->has[upper];
    }
}

static void invert(struct set *s)
{
    for (int c = 1; c < CODES; c++) {
        s->has[c] = !s->has[c];
    }
    s->has_others = !s->has_others;
}

static bool put_in_bracket(struct buf *out, const struct set *s, int c)
{
    bool is_there = s->has[c];
    if (is_there) {
        buf_put_u8(out, (uint8_t)c);
    }
    return is_there;
}

/* What stands between brackets: where it stands decides what ']', '[', '^' and '-' mean. */
static void put_members(struct buf *out, const struct set *s)
{
    bool is_first = !put_in_bracket(out, s, ']');
    for (int c = 1; c < CODES; c++) {
        int last = c;
        while (isalnum(c) && last + 1 < CODES && isalnum(last + 1) && s->has[last + 1]) {
            last++;
        }
        if (strchr("]^-[", c) == NULL && put_in_bracket(out, s, c)) {
            is_first = false;
            if (last > c + 1) {
                buf_printf(out, "-%c", last);
                c = last;
            }
        }
    }
    is_first &= !put_in_bracket(out, s, '[');
    if (is_first && s->has['-']) {
        buf_put_u8(out, '-');
        (void)put_in_bracket(out, s, '^');
        return;
    }
    (void)put_in_bracket(out, s, '^');
    (void)put_in_bracket(out, s, '-');
}

static int count_of(const struct set *s, int *ret_only)
{
    int n = 0;
    for (int c = 1; c < CODES; c++) {
        n += s->has[c];
        *ret_only = s->has[c] ? c : *ret_only;
    }
    return n;
}

static void put_literal(struct buf *out, int c)
{
    buf_printf(out, strchr(".[]()*+?{}|^$\\", c) ? "\\%c" : "%c", c);
}

static bool put_set(struct job *j, struct set s)
{
    int only = 0;
    if (j->is_icase) {
        fold(&s);
    }
    const bool is_not = s.has_others;
    if (is_not) {
        invert(&s);
    }
    const int n = count_of(&s, &only);
    j->has_atom = true;
    if (n == 0 && !is_not) {
        return fail(j, "a class of characters has none");
    }
    if (n == 0) {
        buf_put_u8(j->out, '.');
    } else if (n == 1 && !is_not) {
        put_literal(j->out, only);
    } else {
        buf_put_str(j->out, is_not ? STR("[^") : STR("["));
        put_members(j->out, &s);
        buf_put_u8(j->out, ']');
    }
    return true;
}

/* --- characters --- */

/* At most max digits of a base; -1: none, or not of ASCII. */
static int take_code(struct job *j, int base, int max)
{
    char digits[8] = "", *end;
    snprintf(digits, sizeof digits, "%.*s", max, j->p);
    long v = isxdigit((unsigned char)digits[0]) ? strtol(digits, &end, base) : 0;
    if (v <= 0 || v >= CODES) {
        return -1;
    }
    j->p += end - digits;
    return (int)v;
}

/* The character that is escaped at p, behind its backslash; -1: none that is known. */
static int take_escape(struct job *j)
{
    static const char names[] = "tnrfae", values[] = "\t\n\r\f\a\x1b";
    const char c = *j->p, *found = c != '\0' ? strchr(names, c) : NULL;
    if (c == '\0' || (unsigned char)c >= CODES) {
        return -1;
    }
    j->p++;
    if (found != NULL) {
        return values[found - names];
    }
    if (c == 'x' || c == 'u') {
        return take_code(j, 16, c == 'x' ? 2 : 4);
    }
    if (c == '0') {
        return take_code(j, 8, 3);
    }
    return isalnum((unsigned char)c) ? -1 : c;
}

/* --- brackets --- */

static bool parse_class(struct job *j, struct set *ret, int depth);

/* One end of a range, or what is no range: into *ret; -1: a class was added instead. */
static bool take_member(struct job *j, struct set *s, int *ret)
{
    unsigned char c = (unsigned char)*j->p++;
    *ret = c;
    if (c >= CODES) {
        return fail(j, "in brackets only characters of ASCII are known here");
    }
    if (c != '\\') {
        return true;
    }
    if (add_letter_class(s, *j->p)) {
        j->p++;
        *ret = -1;
        return true;
    }
    if (*j->p == 'p' || *j->p == 'P') {
        bool is_not = *j->p++ == 'P';
        *ret = -1;
        return add_named_class(j, s, is_not);
    }
    *ret = take_escape(j);
    return *ret >= 0 || fail(j, "an escape in brackets is none that is known here");
}

static bool add_quoted(struct job *j, struct set *s)
{
    for (j->p += 2; *j->p != '\0' && strncmp(j->p, "\\E", 2) != 0; j->p++) {
        if ((unsigned char)*j->p >= CODES) {
            return fail(j, "in brackets only characters of ASCII are known here");
        }
        s->has[(unsigned char)*j->p] = true;
    }
    j->p += *j->p != '\0' ? 2 : 0;
    return true;
}

static bool add_member(struct job *j, struct set *s, int depth)
{
    int first, last;
    struct set inner = {0};
    if (*j->p == '[') {
        j->p++;
        if (!parse_class(j, &inner, depth + 1)) {
            return false;
        }
        for (int c = 1; c < CODES; c++) {
            s->has[c] |= inner.has[c];
        }
        s->has_others |= inner.has_others;
        return true;
    }
    if (strncmp(j->p, "\\Q", 2) == 0) {
        return add_quoted(j, s);
    }
    if (!take_member(j, s, &first)) {
        return false;
    }
    last = first;
    if (first >= 0 && j->p[0] == '-' && j->p[1] != ']' && j->p[1] != '[' && j->p[1] != '\0') {
        j->p++;
        if (!take_member(j, s, &last) || last < first) {
            return fail(j, "a range in brackets ends before it begins");
        }
    }
    for (int c = first; first >= 0 && c <= last; c++) {
        s->has[c] = true;
    }
    return true;
}

/* Behind "&&": the rest of the class, of which s keeps what is in both. */
static bool intersect(struct job *j, struct set *s, int depth)
{
    struct set right = {0};
    while (*j->p != ']' && strncmp(j->p, "&&", 2) != 0) {
        if (*j->p == '\0') {
            return fail(j, "a bracket is not closed");
        }
        if (!add_member(j, &right, depth)) {
            return false;
        }
    }
    for (int c = 1; c < CODES; c++) {
        s->has[c] &= right.has[c];
    }
    s->has_others &= right.has_others;
    return true;
}

/* Behind its '[', past its ']'. */
static bool parse_class(struct job *j, struct set *ret, int depth)
{
    bool is_not = *j->p == '^', is_first = true;
    j->p += is_not;
    if (depth > GROUPS_MAX) {
        return fail(j, "brackets are nested too deeply");
    }
    while (*j->p != ']' || is_first) {
        bool ok;
        if (*j->p == '\0') {
            return fail(j, "a bracket is not closed");
        }
        if (strncmp(j->p, "&&", 2) == 0) {
            j->p += 2;
            ok = intersect(j, ret, depth);
        } else {
            ok = add_member(j, ret, depth);
        }
        if (!ok) {
            return false;
        }
        is_first = false;
    }
    j->p++;
    if (j->is_icase) {
        fold(ret);
    }
    if (is_not) {
        invert(ret);
    }
    return true;
}

/* --- the rest --- */

static bool put_char(struct job *j, int c)
{
    if (c > 0 && c < CODES && j->is_icase && isalpha(c)) {
        buf_printf(j->out, "[%c%c]", tolower(c), toupper(c));
    } else {
        put_literal(j->out, c);
    }
    j->has_atom = true;
    return true;
}

static bool put_quoted(struct job *j)
{
    for (j->p += 2; *j->p != '\0' && strncmp(j->p, "\\E", 2) != 0; j->p++) {
        (void)put_char(j, (unsigned char)*j->p);
    }
    j->p += *j->p != '\0' ? 2 : 0;
    return true;
}

static bool put_escape(struct job *j)
{
    struct set s = {0};
    if (j->p[1] == 'Q') {
        return put_quoted(j);
    }
    const char c = *++j->p;
    if (c == 'A' || c == 'z' || c == 'Z') {
        buf_put_u8(j->out, c == 'A' ? '^' : '$');
        j->p++;
        return true;
    }
    if (c == 'b' || c == 'B') {
        buf_printf(j->out, "\\%c", c);
        j->p++;
        return true;
    }
    if (c >= '1' && c <= '9') {
        return fail(j, "references to groups (\\1) are not known here");
    }
    if (c == 'p' || c == 'P') {
        j->p++;
        return add_named_class(j, &s, c == 'P') && put_set(j, s);
    }
    if (add_letter_class(&s, c)) {
        j->p++;
        return put_set(j, s);
    }
    int code = take_escape(j);
    return code < 0 ? fail(j, "an escape is none that is known here") : put_char(j, code);
}

/* "(?flags)", "(?flags:": behind the question mark. */
static bool take_flags(struct job *j, bool *ret_is_group)
{
    bool is_on = true;
    for (; *j->p != ')' && *j->p != ':'; j->p++) {
        if (*j->p == '-') {
            is_on = false;
        } else if (*j->p == 'i') {
            j->is_icase = is_on;
        } else if (*j->p == '\0' || strchr("smudU", *j->p) == NULL) {
            return fail(j, *j->p == 'x' ? "the flag (?x) is not known here"
                                        : "a group begins with (? and goes on with what is not "
                                          "known here");
        }
    }
    *ret_is_group = *j->p++ == ':';
    return true;
}

static bool open_group(struct job *j)
{
    bool was_icase = j->is_icase, is_group = true;
    j->p++;
    if (*j->p == '?') {
        j->p++;
        if (strchr("=!>", *j->p) != NULL || strncmp(j->p, "<=", 2) == 0 ||
            strncmp(j->p, "<!", 2) == 0) {
            return fail(j, "looking ahead and behind, (?= (?! (?<= (?<! (?>, is not known here");
        }
        if (*j->p == '<') {
            j->p += strcspn(j->p, ">");
            j->p += *j->p != '\0';
        } else if (!take_flags(j, &is_group)) {
            return false;
        }
    }
    if (!is_group) {
        return true; /* flags until the group around ends */
    }
    if (j->depth == GROUPS_MAX) {
        return fail(j, "groups are nested too deeply");
    }
    j->icases[j->depth++] = was_icase;
    buf_put_u8(j->out, '(');
    j->has_atom = false;
    return true;
}

static bool close_group(struct job *j)
{
    if (j->depth == 0) {
        return fail(j, "a group is closed that is not open");
    }
    j->p++;
    j->is_icase = j->icases[--j->depth];
    buf_put_u8(j->out, ')');
    j->has_atom = true;
    return true;
}

/* "{2}", "{2,}", "{2,3}": how long; 0: it is none. */
static size_t braces(const char *p)
{
    size_t n = strspn(p + 1, "0123456789"), more = 0;
    const char *end = p + 1 + n;
    if (*end == ',') {
        more = 1 + strspn(end + 1, "0123456789");
    }
    return n > 0 && end[more] == '}' ? n + more + 2 : 0;
}

static bool put_quantifier(struct job *j)
{
    size_t n = *j->p == '{' ? braces(j->p) : 1;
    if (n == 0) {
        return fail(j, "'{' is not followed by numbers: {2}, {2,}, {2,3}");
    }
    if (!j->has_atom) {
        return fail(j, "there is nothing to repeat before '*', '+', '?' or '{'");
    }
    buf_put(j->out, j->p, n);
    j->p += n;
    j->has_atom = false;
    if (*j->p == '+') {
        return fail(j, "quantifiers that give nothing back (*+) are not known here");
    }
    j->p += *j->p == '?'; /* lazy: whether it matches is the same */
    return true;
}

static bool put_piece(struct job *j)
{
    struct set s = {0};
    switch (*j->p) {
    case '\\':
        return put_escape(j);
    case '[':
        j->p++;
        return parse_class(j, &s, 0) && put_set(j, s);
    case '(':
        return open_group(j);
    case ')':
        return close_group(j);
    case '*':
    case '+':
    case '?':
    case '{':
        return put_quantifier(j);
    case '.':
        j->has_atom = true;
        break;
    case '|':
    case '^':
    case '$':
        j->has_atom = false;
        break;
    default:
        return put_char(j, (unsigned char)*j->p++);
    }
    buf_put_u8(j->out, (uint8_t)*j->p++);
    return true;
}

bool cli_put_regex(struct buf *out, const char *java, struct buf *why)
{
    struct job j = {.p = java, .out = out, .why = why};
    while (*j.p != '\0') {
        if (!put_piece(&j)) {
            return false;
        }
    }
    return j.depth == 0 || fail(&j, "a group is not closed");
}
