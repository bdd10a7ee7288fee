/* `ottla configs --alter`. One thread. */
#include "cli/configs.h"

#include "base/props.h"

struct changes {
    struct entity entity;
    struct ottla_config_change *rows;
    size_t count;
};

static void changes_deinit(struct changes *ch)
{
    for (size_t i = 0; i < ch->count; i++) {
        mem_free((void *)(uintptr_t)ch->rows[i].name);
        mem_free((void *)(uintptr_t)ch->rows[i].value);
    }
    mem_free(ch->rows);
}

static bool is_key(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char ch = name.p[i];
        bool ok = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
        if (!ok && strchr("$._-", ch) == NULL) {
            return false;
        }
    }
    return true;
}

static bool add(struct cli *c, struct changes *ch, struct str name, struct str value)
{
    if (!is_key(name)) {
        return cli_refuse(c, "Invalid character found for config key: %.*s", STR_ARG(name));
    }
    ch->rows = mem_realloc_array(ch->rows, ch->count + 1, sizeof *ch->rows);
    ch->rows[ch->count++] = (struct ottla_config_change){
        .type = ch->entity.kind->resource,
        .resource = ch->entity.name,
        .operation = value.p ? OTTLA_SET : OTTLA_DELETE,
        .name = str_dup(name),
        .value = value.p ? str_dup(value) : NULL,
    };
    return true;
}

/* A separator counts unless it stands in brackets: unless the next bracket closes. */
static size_t find_outside(struct str s, char sep)
{
    for (size_t i = 0; i < s.len; i++) {
        size_t k = i;
        while (k < s.len && s.p[k] != '[' && s.p[k] != ']') {
            k++;
        }
        if (s.p[i] == sep && (k == s.len || s.p[k] == '[')) {
            return i;
        }
    }
    return s.len;
}

/* "key=val" or "key=[val,val]" */
static bool add_pair(struct cli *c, struct changes *ch, struct str pair)
{
    size_t eq = find_outside(pair, '=');
    struct buf value = BUF_INIT;
    struct str rest = eq < pair.len ? str_sub(pair, eq + 1, pair.len - eq - 1) : pair;
    if (eq == pair.len || find_outside(rest, '=') < rest.len) {
        return cli_refuse(c, "Invalid entity config: all configs to be added must be in the format "
                             "\"key=val\" or  \"key=[val1,val2]\" to group values which contain "
                             "commas.");
    }
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.p[i] != '[' && rest.p[i] != ']') {
            buf_put_u8(&value, (uint8_t)rest.p[i]);
        }
    }
    bool ok = add(c, ch, str_trim(str_sub(pair, 0, eq)), str_trim(str_from(buf_cstr(&value))));
    buf_deinit(&value);
    return ok;
}

static bool take_added(struct cli *c, struct changes *ch)
{
    struct str rest = str_from(cli_value(c, C_ADD));
    while (rest.len > 0) {
        size_t comma = find_outside(rest, ',');
        if (!add_pair(c, ch, str_sub(rest, 0, comma))) {
            return false;
        }
        comma += comma < rest.len;
        rest = str_sub(rest, comma, rest.len - comma);
    }
    return true;
}

static bool take_file(struct cli *c, struct changes *ch)
{
    struct props props;
    size_t len = 0;
    int line = 0;
    char *text = cli_read_file(c, cli_value(c, C_ADD_FILE), &len);
    if (text == NULL) {
        return false;
    }
    props_init(&props);
    bool ok =
        props_parse(&props, (struct str){text, len}, &line) == OK ||
        cli_refuse(c, "%s:%d: not a line of a properties file", cli_value(c, C_ADD_FILE), line);
    for (int32_t i = 0; ok && i < props.count; i++) {
        ok = add(c, ch, props.items[i].key, props.items[i].value);
    }
    props_deinit(&props);
    mem_free(text);
    return ok;
}

static bool take_deleted(struct cli *c, struct changes *ch)
{
    for (int i = 0; i < args_count(&c->args, C_DELETE); i++) {
        struct str rest = str_from(args_nth(&c->args, C_DELETE, i)), item;
        while (str_next_item(&rest, ',', &item)) {
            if (!add(c, ch, item, STR_NULL)) {
                return false;
            }
        }
    }
    return true;
}

/* Loggers that the broker does not have are named before anything is changed. */
static bool check_loggers(struct cli *c, const struct changes *ch)
{
    struct ottla_configs *now = configs_ask(c, ch->entity);
    bool ok = now != NULL;
    for (size_t i = 0; ok && i < ch->count; i++) {
        const struct ottla_resource_configs *row = now->rows[0];
        size_t k = 0;
        while (k < row->count && strcmp(row->entries[k]->name, ch->rows[i].name) != 0) {
            k++;
        }
        ok = k < row->count || cli_refuse(c, "Invalid broker logger(s): %s", ch->rows[i].name);
    }
    ottla_configs_free(now);
    return ok;
}

static bool change(struct cli *c, const struct changes *ch)
{
    struct ottla_outcomes *o = NULL;
    int e =
        ottla_incremental_alter_configs(c->client, ch->rows, ch->count, &c->options, &o, &c->error);
    if (e != 0) {
        return cli_refuse(c, "%s", c->error.message);
    }
    const struct ottla_outcome *row = o->count ? o->rows[0] : NULL;
    bool ok = row == NULL || row->error == 0 ||
              cli_refuse(c, "%s", cli_error_text(row->error, row->message));
    ottla_outcomes_free(o);
    return ok;
}

static void say_done(const struct cli *c, struct entity e)
{
    if (c->is_json) {
        cli_print_json(c, json_pack("{s:{s:s, s:s}}", "updated", "entity_type", e.kind->plural,
                                    "name", e.name));
    } else if (e.name[0] != '\0') {
        printf("Completed updating config for %s %s.\n", e.kind->singular, e.name);
    } else {
        printf("Completed updating default config for %s in the cluster.\n", e.kind->plural);
    }
}

int configs_alter(struct cli *c)
{
    struct changes ch = {.entity = configs_entity(c)};
    bool has_loggers = ch.entity.kind->resource == OTTLA_RESOURCE_BROKER_LOGGER;
    bool ok = (!cli_has(c, C_ADD) || take_added(c, &ch)) &&
              (!cli_has(c, C_ADD_FILE) || take_file(c, &ch)) && take_deleted(c, &ch) &&
              (!has_loggers || check_loggers(c, &ch)) && change(c, &ch);
    if (ok) {
        say_done(c, ch.entity);
    }
    changes_deinit(&ch);
    return ok ? CLI_OK : cli_fail(c, "%s", buf_cstr(&c->why));
}
