/* `ottla features` (kafka-features). One thread. */
#include "cli/cli.h"

#include "base/attr.h"
#include "base/release.h"
#include "cli/command.h"

#include <inttypes.h>

enum {
    F_FEATURE = CLI_OPTIONS,
    F_METADATA,
    F_RELEASE,
    F_UNSAFE,
    F_DRY_RUN,
    F_NODE,
    F_CONTROLLER,
    OPTIONS
};

static const struct args_option options[OPTIONS] = {
    CLI_OPTION_ROWS,
    [F_FEATURE] = {"feature", "NAME=LEVEL", "A feature (disable: without =LEVEL).", ARGS_VALUE,
                   .is_list = true},
    [F_METADATA] = {"metadata", "RELEASE", NULL, ARGS_VALUE},
    [F_RELEASE] = {"release-version", "RELEASE", "All features as in this release: 4.3-IV0.",
                   ARGS_VALUE},
    [F_UNSAFE] = {"unsafe", NULL, "downgrade, disable: even if metadata is lost by it.", ARGS_FLAG},
    [F_DRY_RUN] = {"dry-run", NULL, "Only say whether it could be done.", ARGS_FLAG},
    [F_NODE] = {"node-id", "ID", NULL, ARGS_VALUE},
    [F_CONTROLLER] = CLI_CONTROLLER_ROW,
};

static const char *const commands[] = {"describe", "upgrade", "downgrade", "disable"};
/* main.c gives these two to `ottla storage`; they are here for hints */
static const char *const hinted[] = {"describe", "upgrade",         "downgrade",
                                     "disable",  "version-mapping", "feature-dependencies"};

static bool is_command(const struct cli *c, const char *name)
{
    return strcmp(c->args.words[0], name) == 0;
}

/* --- describe --- */

static const char *level_text(const char *feature, int16_t level, char text[32])
{
    const char *name = NULL;
    bool is_metadata = strcmp(feature, "metadata.version") == 0;
    if (is_metadata) {
        name = metadata_version_name(level);
    }
    snprintf(text, 32, is_metadata ? "UNKNOWN %d" : "%d", level);
    return name ? name : text;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct ottla_feature *const *)a)->name,
                  (*(const struct ottla_feature *const *)b)->name);
}

static void print_feature(const struct ottla_feature *f, int64_t epoch)
{
    char t[3][32], e[32] = "-";
    if (epoch >= 0) {
        snprintf(e, sizeof e, "%" PRId64, epoch);
    }
    printf("Feature: %-40s  SupportedMinVersion: %-15s  SupportedMaxVersion: %-15s  "
           "FinalizedVersionLevel: %-15s  Epoch: %s\n",
           f->name, level_text(f->name, f->supported_min, t[0]),
           level_text(f->name, f->supported_max, t[1]), level_text(f->name, f->finalized, t[2]), e);
}

static json_t *feature_json(const struct ottla_feature *f, int64_t epoch)
{
    return json_pack("{s:s, s:i, s:i, s:i, s:I}", "feature", f->name, "supported_min",
                     (int)f->supported_min, "supported_max", (int)f->supported_max, "finalized",
                     (int)f->finalized, "epoch", (json_int_t)epoch);
}

static int describe(struct cli *c)
{
    struct ottla_features *f = NULL;
    json_t *rows = json_array();
    if (ottla_describe_features(c->client, &c->options, &f, &c->error) != 0) {
        json_decref(rows);
        return cli_fail(c, "%s", c->error.message);
    }
    const struct ottla_feature **sorted =
        mem_realloc_array(NULL, f->count + 1, sizeof(const struct ottla_feature *));
    for (size_t i = 0; i < f->count; i++) {
        sorted[i] = f->rows[i];
    }
    qsort(sorted, f->count, sizeof *sorted, by_name);
    for (size_t i = 0; i < f->count; i++) {
        if (c->is_json) {
            json_array_append_new(rows, feature_json(sorted[i], f->finalized_epoch));
        } else {
            print_feature(sorted[i], f->finalized_epoch);
        }
    }
    if (c->is_json) {
        cli_print_json(c, json_incref(rows));
    }
    json_decref(rows);
    mem_free(sorted);
    ottla_features_free(f);
    return CLI_OK;
}

/* --- changes --- */

struct updates {
    struct cli_parts rows; /* topic: the feature, value: its level */
    enum ottla_feature_upgrade way;
};

static bool add(struct cli *c, struct updates *u, const char *name, int64_t level)
{
    if (cli_parts_find(&u->rows, name, 0) != NULL) {
        return cli_refuse(c, "Feature %s was specified more than once.", name);
    }
    cli_parts_add(&u->rows, name, 0, level);
    return true;
}

/* "name=level"; to disable, a name. */
static bool add_given(struct cli *c, struct updates *u, const char *text)
{
    struct str s = str_from(text);
    size_t eq = str_find(s, '=');
    int64_t level = 0;
    bool is_off = is_command(c, "disable");
    if (!is_off && eq == s.len) {
        return cli_refuse(c, "Can't parse feature=level string %s: equals sign not found.", text);
    }
    struct str number = is_off ? STR("0") : str_trim(str_sub(s, eq + 1, s.len - eq - 1));
    if (!str_to_i64(number, &level) || level < INT16_MIN || level > INT16_MAX) {
        return cli_refuse(c,
                          "Can't parse feature=level string %s: unable to parse %.*s as a short.",
                          text, STR_ARG(number));
    }
    char *name = str_dup(is_off ? s : str_trim(str_sub(s, 0, eq)));
    bool ok = add(c, u, name, level);
    mem_free(name);
    return ok;
}

static bool parse_release(struct cli *c, int option, int *ret)
{
    return metadata_version_parse(str_from(cli_value(c, option)), METADATA_VERSION_UNSTABLE, ret) ||
           cli_refuse(c, "'%s' is no release: write it like 4.3-IV0 or 4.3", cli_value(c, option));
}

static bool add_release(struct cli *c, struct updates *u)
{
    int version = 0;
    if (cli_has(c, F_METADATA) || cli_has(c, F_FEATURE)) {
        return cli_refuse(c, "Can not specify `release-version` with other feature flags.");
    }
    if (!parse_release(c, F_RELEASE, &version)) {
        return false;
    }
    for (int i = 0; i < FEATURE_COUNT; i++) {
        const struct feature *f = &features_known[i];
        bool is_metadata = strcmp(f->name, "metadata.version") == 0;
        int level = is_metadata ? version : feature_level_at(f, version);
        if (level > 0 || u->way != OTTLA_UPGRADE) {
            cli_parts_add(&u->rows, f->name, 0, level);
        }
    }
    return true;
}

static bool take_updates(struct cli *c, struct updates *u)
{
    int version = 0;
    u->way = is_command(c, "upgrade") ? OTTLA_UPGRADE
             : cli_has(c, F_UNSAFE)   ? OTTLA_UNSAFE_DOWNGRADE
                                      : OTTLA_SAFE_DOWNGRADE;
    if (cli_has(c, F_RELEASE)) {
        return add_release(c, u);
    }
    if (cli_has(c, F_METADATA)) {
        if (!c->is_json) {
            puts(" `metadata` flag is deprecated and may be removed in a future release.");
        }
        if (!parse_release(c, F_METADATA, &version) || !add(c, u, "metadata.version", version)) {
            return false;
        }
    }
    for (int i = 0; i < args_count(&c->args, F_FEATURE); i++) {
        if (!add_given(c, u, args_nth(&c->args, F_FEATURE, i))) {
            return false;
        }
    }
    return u->rows.count > 0 ||
           cli_refuse(c, "You must specify at least one feature to %s", c->args.words[0]);
}

static size_t print_outcomes(const struct cli *c, const struct updates *u,
                             const struct ottla_outcomes *o)
{
    bool is_dry = cli_has(c, F_DRY_RUN), is_off = is_command(c, "disable");
    const char *op = c->args.words[0];
    size_t failures = 0;
    for (size_t i = 0; i < o->count; i++) {
        const struct ottla_outcome *row = o->rows[i];
        struct buf to = BUF_INIT;
        if (!is_off) {
            buf_printf(&to, " to %" PRId64, u->rows.rows[i].value);
        }
        failures += row->error != 0;
        if (c->is_json) {
            cli_print_json(
                c,
                json_pack(
                    "{s:s, s:s, s:I, s:b, s:o}", "feature", row->name, "operation", op, "level",
                    (json_int_t)u->rows.rows[i].value, "dry_run", (int)is_dry, "error",
                    cli_json_string(row->error ? cli_error_text(row->error, row->message) : NULL)));
        } else if (row->error != 0) {
            printf("%s not %s %s%s. %s\n", is_dry ? "Can" : "Could", op, row->name, buf_cstr(&to),
                   cli_error_text(row->error, row->message));
        } else {
            printf("%s %s %sd%s.\n", row->name, is_dry ? "can be" : "was", op, buf_cstr(&to));
        }
        buf_deinit(&to);
    }
    return failures;
}

static int change(struct cli *c)
{
    struct updates u = {0};
    struct ottla_outcomes *o = NULL;
    struct ottla_admin_options opts = c->options;
    int status = CLI_OK;
    opts.validate_only = cli_has(c, F_DRY_RUN);
    if (!take_updates(c, &u)) {
        status = cli_fail(c, "%s", buf_cstr(&c->why));
    }
    cli_parts_sort(&u.rows);
    struct ottla_feature_update *list = mem_realloc_array(NULL, u.rows.count + 1, sizeof *list);
    for (size_t i = 0; i < u.rows.count; i++) {
        const struct cli_part *p = &u.rows.rows[i];
        list[i] = (struct ottla_feature_update){p->topic, (int16_t)p->value, u.way};
    }
    if (status == CLI_OK &&
        ottla_update_features(c->client, list, u.rows.count, &opts, &o, &c->error) != 0) {
        status = cli_fail(c, "%s", c->error.message);
    } else if (status == CLI_OK) {
        size_t failures = print_outcomes(c, &u, o);
        if (failures > 0) {
            status = cli_fail(c, "%zu out of %zu operation(s) failed.", failures, u.rows.count);
        }
    }
    mem_free(list);
    ottla_outcomes_free(o);
    cli_parts_deinit(&u.rows);
    return status;
}

static bool check(struct cli *c)
{
    const char *word = c->args.word_count == 1 ? c->args.words[0] : "";
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i], word) == 0) {
            return true;
        }
    }
    cli_refuse(c, "say one of describe, upgrade, downgrade, disable, version-mapping, "
                  "feature-dependencies");
    args_put_hint(&c->why, str_from(word), hinted, ARRAY_LEN(hinted));
    return false;
}

static int run(struct cli *c) { return is_command(c, "describe") ? describe(c) : change(c); }

static const struct cli_tool tool = {
    .spec = {.command = "ottla features",
             .words = "describe|upgrade|downgrade|disable|version-mapping|feature-dependencies",
             .about = "Prints and changes the levels of the cluster's features.",
             .options = options,
             .option_count = OPTIONS,
             .takes_prefixes = true},
    .check = check,
    .run = run,
    .controller = F_CONTROLLER,
};

int features_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }
