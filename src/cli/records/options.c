/* Properties and settings on command lines. One thread. */
#include "cli/records/options.h"

bool options_load_file(struct cli *c, const char *path, struct props *ret)
{
    size_t len = 0;
    int line = 0;
    struct props p;
    char *text = cli_read_file(c, path, &len);
    if (text == NULL) {
        return false;
    }
    enum err e = props_parse(&p, (struct str){text, len}, &line);
    for (int32_t i = 0; !e && i < p.count; i++) {
        e = props_set(ret, p.items[i].key, p.items[i].value);
    }
    props_deinit(&p);
    mem_free(text);
    return !e || cli_refuse(c, "%s:%d: %s", path, line, err_text(e));
}

static bool take_pair(struct cli *c, const char *text, struct props *ret)
{
    struct str pair = str_from(text);
    size_t at = str_find(pair, '=');
    struct str value = at < pair.len ? str_sub(pair, at + 1, pair.len - at - 1) : STR("");
    return props_set(ret, str_sub(pair, 0, at), value) == OK ||
           cli_refuse(c, "%.40s...: too long", text);
}

bool options_take_pairs(struct cli *c, int option, struct props *ret)
{
    bool ok = true;
    for (int i = 0; ok && i < args_count(&c->args, option); i++) {
        ok = take_pair(c, args_nth(&c->args, option, i), ret);
    }
    return ok;
}

bool options_take_words(struct cli *c, struct props *ret)
{
    bool ok = true;
    for (int i = 0; ok && i < c->args.word_count; i++) {
        ok = take_pair(c, c->args.words[i], ret);
    }
    return ok;
}

void options_add_words(struct cli *c, int option)
{
    struct args *a = &c->args;
    for (int i = 0; i < args_count(a, option); i++) {
        a->words = mem_realloc_array(a->words, (size_t)a->word_count + 1, sizeof *a->words);
        a->words[a->word_count++] = args_nth(a, option, i);
    }
}

bool options_excludes_both(struct cli *c, struct option_pair p)
{
    const struct args_option *rows = c->args.spec->options;
    return !cli_has(c, p.now) || !cli_has(c, p.before) ||
           cli_refuse(c, "Options --%s and --%s cannot be specified together.", rows[p.now].name,
                      rows[p.before].name);
}

void options_warn_old(const struct cli *c, const char *before, struct option_pair p)
{
    const struct args_option *rows = c->args.spec->options;
    if (cli_has(c, p.before)) {
        printf("%s --%s is deprecated and will be removed in a future version. Use --%s instead.\n",
               before, rows[p.before].name, rows[p.now].name);
    }
}

bool options_put(struct cli *c, struct props *p, const char *name, const char *value)
{
    return props_set(p, str_from(name), str_from(value)) == OK ||
           cli_refuse(c, "%s: the value is too long", name);
}

/* A profile has said it. */
static bool is_set(const struct cli *c, const char *name)
{
    struct ottla_setting s;
    for (size_t i = 0; ottla_config_setting(i, &s); i++) {
        if (strcmp(s.name, name) == 0) {
            return strcmp(ottla_config_get(c->config, name), s.default_value) != 0;
        }
    }
    return false;
}

bool options_merge(struct cli *c, struct props *p, const char *name, int option, const char *dflt)
{
    const char *given = cli_value(c, option);
    bool is_there = !str_is_null(props_get(p, str_from(name))) || is_set(c, name);
    return given != NULL ? options_put(c, p, name, given)
                         : is_there || dflt == NULL || options_put(c, p, name, dflt);
}

bool options_configure(struct cli *c, const struct props *p)
{
    bool ok = true;
    for (int32_t i = 0; ok && i < p->count; i++) {
        char *name = str_dup(p->items[i].key), *value = str_dup(p->items[i].value);
        bool is_given = strcmp(name, "bootstrap.servers") == 0 && cli_has(c, CLI_SERVER);
        if (ottla_config_get(c->config, name) != NULL && !is_given) {
            ok = ottla_config_set(c->config, name, value, &c->error) == 0 ||
                 cli_refuse(c, "%s", c->error.message);
        }
        mem_free(name);
        mem_free(value);
    }
    return ok;
}

/* Java's programs have these, and command lines are shared with them. */
static bool is_of_java(struct str name)
{
    return str_has_suffix(name, STR("serializer")) || str_eq(name, STR("send.buffer.bytes")) ||
           str_eq(name, STR("receive.buffer.bytes"));
}

void options_warn_unknown(const struct cli *c, int option)
{
    for (int i = 0; i < args_count(&c->args, option); i++) {
        struct str pair = str_from(args_nth(&c->args, option, i));
        char *name = str_dup(str_sub(pair, 0, str_find(pair, '=')));
        struct ottla_error error;
        if (ottla_config_get(c->config, name) == NULL && !is_of_java(str_from(name)) &&
            ottla_config_set(c->config, name, "", &error) != 0) {
            fprintf(stderr, "%s: %s: it is passed over\n", c->args.spec->command, error.message);
        }
        mem_free(name);
    }
}

bool options_settle(struct cli *c, struct options_plan plan)
{
    struct props p;
    const char *file = cli_value(c, plan.config);
    props_init(&p);
    bool ok = (file == NULL || options_load_file(c, file, &p)) &&
              options_take_pairs(c, plan.setting, &p) &&
              (plan.merge == NULL || plan.merge(c, &p)) && options_configure(c, &p);
    props_deinit(&p);
    options_warn_unknown(c, plan.setting);
    return ok;
}

int options_delivery_ms(const struct cli *c)
{
    int64_t ms = 0; /* the library has checked that it is a number */
    (void)str_to_i64(str_from(ottla_config_get(c->config, "delivery.timeout.ms")), &ms);
    return (int)ms;
}

bool options_number(struct cli *c, int option, int64_t min, int64_t *ret)
{
    buf_clear(&c->why);
    return args_number(&c->args, option, (struct args_range){min, INT64_MAX}, ret, &c->why);
}

bool options_int(struct cli *c, int option, int64_t min, int64_t *ret)
{
    buf_clear(&c->why);
    return args_number(&c->args, option, (struct args_range){min, INT32_MAX}, ret, &c->why);
}
