/* `ottla consumer-groups` (kafka-consumer-groups): its command line, --list, --delete. One
 * thread. */
#include "cli/groups.h"

#include "base/attr.h"
#include "cli/command.h"

#include <ctype.h>
#include <stdarg.h>

static const struct args_option options[G_OPTIONS] = {
    CLI_OPTION_ROWS,
    [G_LIST] = {"list", NULL, "List groups.", ARGS_FLAG},
    [G_DESCRIBE] = {"describe", NULL, "Print groups: their offsets and lag, or what is asked for.",
                    ARGS_FLAG},
    [G_DELETE] = {"delete", NULL, "Delete groups that have no members.", ARGS_FLAG},
    [G_DELETE_OFFSETS] = {"delete-offsets", NULL, "Delete the offsets of --topic in a group.",
                          ARGS_FLAG},
    [G_RESET_OFFSETS] = {"reset-offsets", NULL, "Give groups without members other offsets.",
                         ARGS_FLAG},
    [G_VALIDATE_REGEX] = {"validate-regex", "REGEX", "Say whether a subscription may be so.",
                          ARGS_VALUE},
    [G_GROUP] = {"group", "ID", "The group; may come several times.", ARGS_VALUE, .is_list = true},
    [G_ALL_GROUPS] = {"all-groups", NULL, "All groups.", ARGS_FLAG},
    [G_TOPIC] = {"topic", "NAME[:0,1]", "A topic, or some of its partitions.", ARGS_VALUE,
                 .is_list = true},
    [G_ALL_TOPICS] = {"all-topics", NULL, "All that the group has offsets for.", ARGS_FLAG},
    [G_TIMEOUT] = {"timeout", "MS", "How long a call may take (30000).", ARGS_VALUE},
    [G_MEMBERS] = {"members", NULL, "Describe: the members.", ARGS_FLAG},
    [G_OFFSETS] = {"offsets", NULL, "Describe: the offsets.", ARGS_FLAG},
    [G_STATE] = {"state", "STATE,...", "Describe: the state. List: show states, or only these.",
                 ARGS_MAYBE},
    [G_TYPE] = {"type", "TYPE,...", "List: show types, or only these.", ARGS_MAYBE},
    [G_VERBOSE] = {"verbose", NULL, "Describe: say more.", ARGS_FLAG},
    [G_DRY_RUN] = {"dry-run", NULL, "Reset: change nothing, which is the default.", ARGS_FLAG},
    [G_EXECUTE] = {"execute", NULL, "Reset: do it.", ARGS_FLAG},
    [G_EXPORT] = {"export", NULL, "Reset: print CSV, for --from-file.", ARGS_FLAG},
    [G_TO_OFFSET] = {"to-offset", "N", "Reset: to this offset.", ARGS_VALUE},
    [G_FROM_FILE] = {"from-file", "FILE", "Reset: to what a CSV file says.", ARGS_VALUE},
    [G_TO_DATETIME] = {"to-datetime", "TIME", "Reset: to a time, YYYY-MM-DDTHH:mm:SS.sss.",
                       ARGS_VALUE},
    [G_BY_DURATION] = {"by-duration", "PnDTnHnMnS", "Reset: to so long ago.", ARGS_VALUE},
    [G_TO_EARLIEST] = {"to-earliest", NULL, "Reset: to the beginning.", ARGS_FLAG},
    [G_TO_LATEST] = {"to-latest", NULL, "Reset: to the end.", ARGS_FLAG},
    [G_TO_CURRENT] = {"to-current", NULL, "Reset: to what is committed, or the end.", ARGS_FLAG},
    [G_SHIFT_BY] = {"shift-by", "N", "Reset: by so many records, also back.", ARGS_VALUE},
};

/* --- the command line --- */

static bool check_describe(struct cli *c)
{
    static const int views[] = {G_MEMBERS, G_OFFSETS, G_STATE, -1};
    if (cli_count_of(c, views) > 1) {
        return cli_refuse(c, "Option [describe] takes at most one of these options: [members], "
                             "[offsets], [state]");
    }
    return cli_value(c, G_STATE) == NULL ||
           cli_refuse(c, "Option [describe] does not take a value for [state]");
}

static bool check_reset(struct cli *c)
{
    static const int ways[] = {G_TO_OFFSET,   G_SHIFT_BY,    G_TO_DATETIME,
                               G_BY_DURATION, G_TO_EARLIEST, G_TO_LATEST,
                               G_TO_CURRENT,  G_FROM_FILE,   -1};
    if (cli_has(c, G_DRY_RUN) && cli_has(c, G_EXECUTE)) {
        return cli_refuse(c, "Option [reset-offsets] only accepts one of [execute] and [dry-run]");
    }
    if (cli_count_of(c, ways) != 1) {
        return cli_refuse(c, "Option [reset-offsets] requires one of the following scenarios: "
                             "--to-offset, --shift-by, --to-datetime, --by-duration, "
                             "--to-earliest, --to-latest, --to-current, --from-file");
    }
    if (!cli_has(c, G_ALL_TOPICS) && !cli_has(c, G_TOPIC) && !cli_has(c, G_FROM_FILE)) {
        return cli_refuse(c, "One of the reset scopes should be defined: --all-topics, --topic.");
    }
    if (!cli_has(c, G_DRY_RUN) && !cli_has(c, G_EXECUTE)) {
        fprintf(stderr, "Nothing is changed without --execute.\n");
    }
    return true;
}

static bool check_where(struct cli *c)
{
    static const int of_describe[] = {G_MEMBERS, G_OFFSETS, G_VERBOSE, -1};
    for (int i = 0; of_describe[i] >= 0; i++) {
        if (cli_has(c, of_describe[i]) && !cli_has(c, G_DESCRIBE)) {
            return cli_refuse(c, "--%s goes with --describe",
                              c->args.spec->options[of_describe[i]].name);
        }
    }
    if (cli_has(c, G_TYPE) && !cli_has(c, G_LIST)) {
        return cli_refuse(c, "--type goes with --list");
    }
    return !cli_has(c, G_STATE) || cli_has(c, G_LIST) || cli_has(c, G_DESCRIBE) ||
           cli_refuse(c, "--state goes with --describe or --list");
}

static bool check_scope(struct cli *c)
{
    static const int all_groups[] = {G_ALL_GROUPS, -1}, list[] = {G_LIST, -1};
    static const int not_topic[] = {G_LIST, G_DESCRIBE, G_DELETE, -1};
    static const int of_groups[] = {G_DESCRIBE, G_DELETE, G_RESET_OFFSETS, -1};
    if (cli_count_of(c, of_groups) > 0 && !cli_has(c, G_GROUP) && !cli_has(c, G_ALL_GROUPS)) {
        return cli_refuse(c, "say which groups: --group or --all-groups");
    }
    if (cli_has(c, G_DELETE_OFFSETS) && (!cli_has(c, G_GROUP) || !cli_has(c, G_TOPIC))) {
        return cli_refuse(c, "Option [delete-offsets] takes the following options: [group], "
                             "[topic]");
    }
    return cli_excludes(c, G_GROUP, all_groups) && cli_excludes(c, G_GROUP, list) &&
           cli_excludes(c, G_TOPIC, not_topic);
}

static bool check(struct cli *c)
{
    static const int actions[] = {G_LIST,           G_DESCRIBE,       G_DELETE, G_RESET_OFFSETS,
                                  G_DELETE_OFFSETS, G_VALIDATE_REGEX, -1};
    int64_t timeout = 30000;
    if (!cli_needs_one(c, actions) || !check_where(c) || !check_scope(c)) {
        return false;
    }
    buf_clear(&c->why);
    if (!args_number(&c->args, G_TIMEOUT, (struct args_range){1, INT32_MAX}, &timeout, &c->why)) {
        return false;
    }
    c->options.timeout_ms = (int)timeout;
    return cli_has(c, G_DESCRIBE)        ? check_describe(c)
           : cli_has(c, G_RESET_OFFSETS) ? check_reset(c)
                                         : true;
}

/* --- what went wrong --- */

void groups_error(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    printf("\nError: ");
    vprintf(fmt, args);
    putchar('\n');
    va_end(args);
}

int groups_fail(int code, const char *message)
{
    struct buf b = BUF_INIT;
    cli_put_exception(&b, code, message);
    groups_error("Executing consumer group command failed due to %s", buf_cstr(&b));
    buf_deinit(&b);
    return CLI_OK;
}

/* --- which groups --- */

/* Consumers' groups, not those of other protocols. */
static bool is_consumers(const struct ottla_listed_group *g)
{
    bool is_kind = g->type[0] == '\0' || strcasecmp(g->type, "classic") == 0 ||
                   strcasecmp(g->type, "consumer") == 0;
    return is_kind && (g->protocol_type[0] == '\0' || strcmp(g->protocol_type, "consumer") == 0);
}

bool groups_named(struct cli *c, struct cli_names *ret)
{
    struct ottla_group_list *g = NULL;
    int e = 0;
    for (int i = 0; i < args_count(&c->args, G_GROUP); i++) {
        const char *id = args_nth(&c->args, G_GROUP, i);
        if (!cli_names_has(ret, id)) {
            cli_names_add(ret, str_from(id));
        }
    }
    if (cli_has(c, G_ALL_GROUPS)) {
        e = ottla_list_groups(c->client, NULL, 0, NULL, 0, &c->options, &g, &c->error);
    }
    for (size_t i = 0; e == 0 && g != NULL && i < g->count; i++) {
        if (is_consumers(g->rows[i])) {
            cli_names_add(ret, str_from(g->rows[i]->id));
        }
    }
    ottla_group_list_free(g);
    cli_names_sort(ret);
    if (e != 0) {
        groups_fail(e, c->error.message);
    }
    return e == 0;
}

/* --- list --- */

/* Words of a list as Kafka writes them; false when one is none. */
static bool take_words(struct cli *c, const char *text, const char *what, const char *const *known,
                       struct cli_names *ret)
{
    struct str rest = str_from(text), item;
    while (str_next_item(&rest, ',', &item)) {
        const char *found = NULL;
        for (size_t i = 0; known[i] != NULL; i++) {
            bool is_it =
                strlen(known[i]) == item.len && strncasecmp(known[i], item.p, item.len) == 0;
            found = is_it ? known[i] : found;
        }
        if (found == NULL) {
            cli_refuse(c, "Invalid %s list '%s'. Valid %s are:", what, text, what);
            for (size_t i = 0; known[i] != NULL; i++) {
                buf_printf(&c->why, "%s %s", i ? "," : "", known[i]);
            }
            return false;
        }
        cli_names_add(ret, str_from(found));
    }
    return true;
}

static void print_list(struct cli *c, const struct ottla_group_list *g)
{
    static const struct cli_column columns[] = {
        {"GROUP", "group", 15, true, false},
        {"TYPE", "type", 20, false, false},
        {"STATE", "state", 20, false, false},
    };
    bool has_type = cli_has(c, G_TYPE), has_state = cli_has(c, G_STATE);
    struct cli_column used[3] = {columns[0]};
    struct cli_table t;
    int n = 1, type_at = has_type || c->is_json ? n++ : 0,
        state_at = has_state || c->is_json ? n++ : 0;
    for (size_t i = 0; i < g->count; i++) {
        int len = is_consumers(g->rows[i]) ? (int)strlen(g->rows[i]->id) : 0;
        used[0].min_width = len > used[0].min_width ? len : used[0].min_width;
    }
    used[0].min_width += 10;
    if (type_at) {
        used[type_at] = columns[1];
    }
    if (state_at) {
        used[state_at] = columns[2];
    }
    cli_table_init(&t, used, n);
    for (size_t i = 0; i < g->count; i++) {
        const struct ottla_listed_group *row = g->rows[i];
        if (!is_consumers(row)) {
            continue;
        }
        cli_table_row(&t);
        cli_table_set(&t, 0, "%s", row->id);
        if (type_at) {
            cli_table_set(&t, type_at, "%s", row->type[0] ? row->type : "Unknown");
        }
        if (state_at) {
            cli_table_set(&t, state_at, "%s", row->state[0] ? row->state : "Unknown");
        }
    }
    if (c->is_json) {
        cli_print_json(c, cli_table_json(&t));
    } else if (n > 1) {
        cli_table_print(&t, "", "\n");
    }
    for (size_t i = 0; !c->is_json && n == 1 && i < t.row_count; i++) {
        puts(cli_table_cell(&t, i, 0));
    }
    cli_table_deinit(&t);
}

static int list(struct cli *c)
{
    static const char *const states[] = {
        "PreparingRebalance", "CompletingRebalance", "Stable", "Dead", "Empty",
        "Assigning",          "Reconciling",         NULL};
    static const char *const types[] = {"Classic", "Consumer", NULL};
    struct cli_names s = {0}, t = {0};
    struct ottla_group_list *g = NULL;
    int status = CLI_OK;
    if (!take_words(c, cli_value(c, G_STATE), "state", states, &s) ||
        !take_words(c, cli_value(c, G_TYPE), "types", types, &t)) {
        status = cli_fail(c, "%s", buf_cstr(&c->why));
    } else {
        int e =
            ottla_list_groups(c->client, (const char *const *)s.names, s.count,
                              (const char *const *)t.names, t.count, &c->options, &g, &c->error);
        if (e != 0) {
            status = groups_fail(e, c->error.message);
        } else {
            print_list(c, g);
        }
    }
    ottla_group_list_free(g);
    cli_names_deinit(&s);
    cli_names_deinit(&t);
    return status;
}

/* --- delete --- */

static void put_quoted(struct buf *b, const char *id)
{
    buf_printf(b, b->len ? ", '%s'" : "'%s'", id);
}

static void say_deleted(const struct ottla_outcomes *o)
{
    struct buf good = BUF_INIT, bad = BUF_INIT;
    for (size_t i = 0; i < o->count; i++) {
        const struct ottla_outcome *row = o->rows[i];
        if (row->error == 0) {
            put_quoted(&good, row->name);
            continue;
        }
        buf_printf(&bad, "* Group '%s' could not be deleted due to: ", row->name);
        cli_put_exception(&bad, row->error, row->message);
        buf_put_u8(&bad, '\n');
    }
    if (bad.len == 0) {
        printf("Deletion of requested consumer groups (%s) was successful.\n", buf_cstr(&good));
    } else {
        groups_error("Deletion of some consumer groups failed:");
        fputs(buf_cstr(&bad), stdout);
    }
    if (bad.len > 0 && good.len > 0) {
        printf("\nThese consumer groups were deleted successfully: %s\n", buf_cstr(&good));
    }
    buf_deinit(&good);
    buf_deinit(&bad);
}

static json_t *outcomes_json(const struct ottla_outcomes *o)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < o->count; i++) {
        const struct ottla_outcome *row = o->rows[i];
        json_t *error = row->error ? cli_json_string(ottla_error_name(row->error)) : json_null();
        json_array_append_new(rows, json_pack("{s:s, s:o, s:o}", "group", row->name, "error", error,
                                              "message", cli_json_string(row->message)));
    }
    return rows;
}

static int delete_groups(struct cli *c)
{
    struct cli_names n = {0};
    struct ottla_outcomes *o = NULL;
    if (!groups_named(c, &n)) {
        return CLI_OK;
    }
    int e = n.count ? ottla_delete_groups(c->client, (const char *const *)n.names, n.count,
                                          &c->options, &o, &c->error)
                    : 0;
    static const struct ottla_outcomes none = {0};
    if (e != 0) {
        groups_fail(e, c->error.message);
    } else if (c->is_json) {
        cli_print_json(c, outcomes_json(o ? o : &none));
    } else {
        say_deleted(o ? o : &none);
    }
    ottla_outcomes_free(o);
    cli_names_deinit(&n);
    return CLI_OK;
}

/* --- the tool --- */

static int validate_regex(struct cli *c)
{
    const char *text = cli_value(c, G_VALIDATE_REGEX);
    struct cli_pattern *p = cli_pattern_new(c, text);
    printf("The regular expression `%s` is %s.\n", text, p ? "valid" : "invalid");
    cli_pattern_free(p);
    return CLI_OK;
}

static int run(struct cli *c)
{
    return cli_has(c, G_LIST)             ? list(c)
           : cli_has(c, G_DESCRIBE)       ? groups_describe(c)
           : cli_has(c, G_DELETE)         ? delete_groups(c)
           : cli_has(c, G_DELETE_OFFSETS) ? groups_delete_offsets(c)
           : cli_has(c, G_RESET_OFFSETS)  ? groups_reset(c)
                                          : validate_regex(c);
}

static bool is_offline(const struct cli *c) { return cli_has(c, G_VALIDATE_REGEX); }

static const struct cli_tool tool = {
    .spec = {.command = "ottla consumer-groups",
             .about = "Lists, describes and deletes consumer groups, and resets their offsets.",
             .options = options,
             .option_count = G_OPTIONS,
             .takes_prefixes = true,
             .words = ""},
    .check = check,
    .run = run,
    .is_offline = is_offline,
};

int consumer_groups_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }
