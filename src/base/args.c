/* Taking a command line apart, and telling what it may hold. Pure; the caller's thread. */
#include "base/args.h"

#include "base/mem.h"

#include <inttypes.h>

enum { WIDTH = 80, HELP_COLUMN = 30 };

/* --- parsing --- */

struct parse {
    struct args *args;
    int argc;
    char **argv;
    int at;
    struct buf *why;
};

static int find_long(const struct args_spec *spec, struct str name)
{
    for (int i = 0; i < spec->option_count; i++) {
        if (str_eq(name, str_from(spec->options[i].name))) {
            return i;
        }
    }
    return -1;
}

/* The one option that begins so. */
static int find_prefix(const struct args_spec *spec, struct str name)
{
    int found = -1;
    for (int i = 0; spec->takes_prefixes && name.len > 0 && i < spec->option_count; i++) {
        if (str_has_prefix(str_from(spec->options[i].name), name)) {
            if (found >= 0) {
                return -1;
            }
            found = i;
        }
    }
    return found;
}

static int find_letter(const struct args_spec *spec, struct str name)
{
    for (int i = 0; name.len == 1 && i < spec->option_count; i++) {
        if (spec->options[i].letter == name.p[0]) {
            return i;
        }
    }
    return -1;
}

void args_put_hint(struct buf *out, struct str typed, const char *const *names, int count)
{
    const char *nearest = NULL;
    int least = STR_MISSPELT_MAX + 1;
    for (int i = 0; i < count; i++) {
        int d = str_misspelt(typed, str_from(names[i]));
        if (d < least && (size_t)d < strlen(names[i])) {
            least = d;
            nearest = names[i];
        }
    }
    if (nearest != NULL) {
        buf_printf(out, ". Did you mean %s?", nearest);
    }
}

static bool refuse_unknown(struct parse *p, struct str name)
{
    const struct args_spec *spec = p->args->spec;
    const char **names = mem_realloc_array(NULL, (size_t)spec->option_count + 1, sizeof *names);
    for (int i = 0; i < spec->option_count; i++) {
        names[i] = spec->options[i].name;
    }
    buf_printf(p->why, "%.*s is not a recognized option", STR_ARG(name));
    args_put_hint(p->why, name, names, spec->option_count);
    mem_free(names);
    return false;
}

static bool give(struct parse *p, int option, const char *value)
{
    struct args *a = p->args;
    const struct args_option *o = &a->spec->options[option];
    if (!o->is_list && o->kind != ARGS_FLAG && args_has(a, option)) {
        buf_printf(p->why, "Found multiple arguments for option %s, but you asked for only one",
                   o->name);
        return false;
    }
    a->given = mem_realloc_array(a->given, (size_t)a->given_count + 1, sizeof *a->given);
    a->given[a->given_count++] = (struct args_given){option, value};
    return true;
}

static bool looks_like_option(const char *word) { return word[0] == '-' && word[1] != '\0'; }

/* An option's value is in its own word behind '=', or the next word. */
static bool take_option(struct parse *p, int option, const char *inlined)
{
    const struct args_option *o = &p->args->spec->options[option];
    const char *next = p->at + 1 < p->argc ? p->argv[p->at + 1] : NULL;
    bool is_refused = p->args->spec->words == NULL || p->args->spec->words[0] != '\0';
    if (inlined != NULL && o->kind == ARGS_FLAG && is_refused) {
        buf_printf(p->why, "Option %s takes no argument", o->name);
        return false;
    }
    if (inlined != NULL || o->kind == ARGS_FLAG) {
        return give(p, option, o->kind == ARGS_FLAG ? NULL : inlined);
    }
    if (next == NULL || (o->kind == ARGS_MAYBE && looks_like_option(next))) {
        if (o->kind == ARGS_MAYBE) {
            return give(p, option, NULL);
        }
        buf_printf(p->why, "Option %s requires an argument", o->name);
        return false;
    }
    p->at++;
    return give(p, option, next);
}

/* "-n5", "-Xname=value": an option of one letter and its value in one word; NULL: it is not. */
static const char *attached(const struct args_spec *spec, const char *name, int *ret_option)
{
    int option = find_letter(spec, (struct str){name, 1});
    bool is_one = name[0] != '\0' && name[1] != '\0' && name[1] != '=' && option >= 0 &&
                  spec->options[option].kind == ARGS_VALUE;
    *ret_option = is_one ? option : *ret_option;
    return is_one ? name + 1 : NULL;
}

/* "--name", "--name=value", "-name", "-n", "-nvalue" */
static bool take_dashed(struct parse *p)
{
    const char *word = p->argv[p->at];
    bool is_long = word[1] == '-';
    const char *name = word + 1 + is_long;
    const char *eq = strchr(name, '=');
    struct str s = {name, eq ? (size_t)(eq - name) : strlen(name)};
    int option = find_long(p->args->spec, s);
    const char *value = eq ? eq + 1 : NULL;
    if (option < 0 && !is_long) {
        option = find_letter(p->args->spec, s);
    }
    if (option < 0 && !is_long) {
        const char *rest = attached(p->args->spec, name, &option);
        value = rest != NULL ? rest : value;
    }
    if (option < 0 && is_long) {
        option = find_prefix(p->args->spec, s);
    }
    return option < 0 ? refuse_unknown(p, s) : take_option(p, option, value);
}

static bool take_word(struct parse *p)
{
    struct args *a = p->args;
    if (a->spec->words == NULL) {
        buf_printf(p->why, "'%s' is not understood: options begin with --", p->argv[p->at]);
        return false;
    }
    a->words = mem_realloc_array(a->words, (size_t)a->word_count + 1, sizeof *a->words);
    a->words[a->word_count++] = p->argv[p->at];
    return true;
}

static bool has_needed(const struct args *a, struct buf *why)
{
    for (int i = 0; i < a->spec->option_count; i++) {
        if (a->spec->options[i].is_needed && !args_has(a, i)) {
            buf_printf(why, "Missing required argument \"[%s]\"", a->spec->options[i].name);
            return false;
        }
    }
    return true;
}

bool args_parse(struct args *a, const struct args_spec *spec, int argc, char **argv,
                struct buf *why)
{
    struct parse p = {.args = a, .argc = argc, .argv = argv, .at = 1, .why = why};
    bool only_words = false;
    *a = (struct args){.spec = spec};
    for (; p.at < argc; p.at++) {
        const char *word = argv[p.at];
        if (!only_words && strcmp(word, "--") == 0) {
            only_words = true;
        } else if (!(only_words || !looks_like_option(word) ? take_word(&p) : take_dashed(&p))) {
            return false;
        }
    }
    return has_needed(a, why);
}

void args_deinit(struct args *a)
{
    mem_free(a->given);
    mem_free(a->words);
    *a = (struct args){0};
}

/* --- what was given --- */

int args_count(const struct args *a, int option)
{
    int n = 0;
    for (int i = 0; i < a->given_count; i++) {
        n += a->given[i].option == option;
    }
    return n;
}

bool args_has(const struct args *a, int option) { return args_count(a, option) > 0; }

const char *args_nth(const struct args *a, int option, int at)
{
    for (int i = 0; i < a->given_count; i++) {
        if (a->given[i].option == option && at-- == 0) {
            return a->given[i].value;
        }
    }
    return NULL;
}

const char *args_value(const struct args *a, int option)
{
    return args_nth(a, option, args_count(a, option) - 1);
}

bool args_number(const struct args *a, int option, struct args_range range, int64_t *ret,
                 struct buf *why)
{
    const char *text = args_value(a, option);
    int64_t v;
    if (text == NULL) {
        return true;
    }
    if (!str_to_i64(str_from(text), &v) || v < range.min || v > range.max) {
        buf_printf(why, "Cannot parse argument '%s' of option %s", text,
                   a->spec->options[option].name);
        return false;
    }
    *ret = v;
    return true;
}

bool args_wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            return false;
        }
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

/* --- help --- */

/* "--files FILE,..." with its letter before it */
static void put_option(const struct args_option *o, struct buf *out)
{
    if (o->letter != 0) {
        buf_printf(out, "-%c, ", o->letter);
    }
    buf_printf(out, "--%s", o->name);
    if (o->kind != ARGS_FLAG) {
        buf_printf(out, o->kind == ARGS_MAYBE ? " [%s]" : " %s", o->value ? o->value : "VALUE");
    }
}

void args_usage(const struct args_spec *spec, struct buf *out)
{
    buf_printf(out, "usage: %s", spec->command);
    for (int i = 0; i < spec->option_count; i++) {
        if (spec->options[i].is_needed) {
            buf_printf(out, " --%s %s", spec->options[i].name, spec->options[i].value);
        }
    }
    const char *words = spec->words ? spec->words : "";
    buf_printf(out, " [OPTION...]%s%s\n", words[0] != '\0' ? " " : "", words);
}

static void put_spaces(struct buf *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_put_u8(out, ' ');
    }
}

/* Words of text from column `from` to the page's width; the first line has begun already. */
static void put_wrapped(struct buf *out, struct str text, size_t from)
{
    size_t column = from;
    struct str word;
    while (str_next_item(&text, ' ', &word)) {
        if (column > from && column + 1 + word.len > WIDTH) {
            buf_put_u8(out, '\n');
            put_spaces(out, from);
            column = from;
        } else if (column > from) {
            buf_put_u8(out, ' ');
            column++;
        }
        buf_put_str(out, word);
        column += word.len;
    }
    buf_put_u8(out, '\n');
}

static void put_option_help(const struct args_option *o, struct buf *out)
{
    size_t start = out->len;
    put_spaces(out, 2);
    put_option(o, out);
    size_t len = out->len - start;
    if (len + 2 > HELP_COLUMN) {
        buf_put_u8(out, '\n');
        len = 0;
    }
    put_spaces(out, HELP_COLUMN - len);
    put_wrapped(out, str_from(o->help), HELP_COLUMN);
}

void args_help(const struct args_spec *spec, struct buf *out)
{
    args_usage(spec, out);
    buf_put_u8(out, '\n');
    put_wrapped(out, str_from(spec->about), 0);
    buf_put_u8(out, '\n');
    for (int i = 0; i < spec->option_count; i++) {
        if (spec->options[i].help != NULL) {
            put_option_help(&spec->options[i], out);
        }
    }
}
