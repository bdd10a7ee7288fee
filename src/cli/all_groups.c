/* `ottla groups` (kafka-groups): groups of every kind. One thread. */
#include "cli/cli.h"

#include "base/attr.h"
#include "cli/command.h"

#include <strings.h>

enum { A_LIST = CLI_OPTIONS, A_TYPE, A_PROTOCOL, A_CONSUMER, A_SHARE, A_STREAMS, OPTIONS };

static const struct args_option options[OPTIONS] = {
    CLI_OPTION_ROWS,
    [A_LIST] = {"list", NULL, "Print the groups.", ARGS_FLAG},
    [A_TYPE] = {"group-type", "TYPE", "Only these: classic, consumer, share, streams.", ARGS_VALUE},
    [A_PROTOCOL] = {"protocol", "NAME", "Only those of this protocol.", ARGS_VALUE},
    [A_CONSUMER] = {"consumer", NULL, "Only consumers' groups, of either kind.", ARGS_FLAG},
    [A_SHARE] = {"share", NULL, "Only share groups.", ARGS_FLAG},
    [A_STREAMS] = {"streams", NULL, "Only streams groups.", ARGS_FLAG},
};

static bool is_consumers(const struct ottla_listed_group *g)
{
    bool is_classic = g->type[0] == '\0' || strcasecmp(g->type, "Classic") == 0;
    const char *p = g->protocol_type;
    return strcasecmp(g->type, "Consumer") == 0 ||
           (is_classic && (p[0] == '\0' || strcmp(p, "consumer") == 0));
}

static bool is_wanted(const struct cli *c, const struct ottla_listed_group *g)
{
    const char *type = cli_value(c, A_TYPE), *protocol = cli_value(c, A_PROTOCOL);
    type = cli_has(c, A_SHARE) ? "Share" : cli_has(c, A_STREAMS) ? "Streams" : type;
    return (type == NULL || strcasecmp(type, g->type) == 0) &&
           (protocol == NULL || strcmp(protocol, g->protocol_type) == 0) &&
           (!cli_has(c, A_CONSUMER) || is_consumers(g));
}

/* All columns are as wide as the longest cell of all; behind the last one of a row is a blank. */
static void print_text(const struct cli_table *t)
{
    int width = 20;
    for (size_t i = 0; i < t->row_count * (size_t)t->column_count; i++) {
        int len = (int)strlen(t->cells[i]);
        width = len > width ? len : width;
    }
    printf("%-*s %-*s %-*s\n", width, "GROUP", width, "TYPE", width, "PROTOCOL");
    for (size_t i = 0; i < t->row_count; i++) {
        printf("%-*s %-*s %-*s \n", width, cli_table_cell(t, i, 0), width, cli_table_cell(t, i, 1),
               width, cli_table_cell(t, i, 2));
    }
}

static void print(struct cli *c, const struct ottla_group_list *g)
{
    static const struct cli_column columns[] = {
        {"GROUP", "group", 20, false, false},
        {"TYPE", "type", 20, false, false},
        {"PROTOCOL", "protocol", 20, false, false},
    };
    struct cli_table t;
    cli_table_init(&t, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < g->count; i++) {
        const struct ottla_listed_group *row = g->rows[i];
        if (is_wanted(c, row)) {
            cli_table_row(&t);
            cli_table_set(&t, 0, "%s", row->id);
            cli_table_set(&t, 1, "%s", row->type);
            cli_table_set(&t, 2, "%s", row->protocol_type);
        }
    }
    if (c->is_json) {
        cli_print_json(c, cli_table_json(&t));
    } else {
        print_text(&t);
    }
    cli_table_deinit(&t);
}

static bool check(struct cli *c)
{
    static const char *const types[] = {"classic", "consumer", "share", "streams"};
    static const int others[] = {A_TYPE, A_CONSUMER, A_SHARE, A_STREAMS, -1};
    static const int actions[] = {A_LIST, -1};
    const char *type = cli_value(c, A_TYPE);
    for (int i = 0; others[i] >= 0; i++) {
        if (!cli_excludes(c, others[i], others + i + 1)) {
            return false;
        }
    }
    for (size_t i = 0; type != NULL && i < ARRAY_LEN(types); i++) {
        type = strcasecmp(type, types[i]) == 0 ? NULL : type;
    }
    if (type != NULL) {
        cli_refuse(c, "--group-type must be a valid group type.");
        args_put_hint(&c->why, str_from(type), types, ARRAY_LEN(types));
        return false;
    }
    return cli_needs_one(c, actions);
}

static int run(struct cli *c)
{
    struct ottla_group_list *g = NULL;
    if (ottla_list_groups(c->client, NULL, 0, NULL, 0, &c->options, &g, &c->error) != 0) {
        return cli_fail(c, "%s", c->error.message);
    }
    print(c, g);
    int status = CLI_OK;
    for (size_t i = 0; i < g->error_count; i++) {
        status = cli_fail(c, "%s", g->errors[i]->message);
    }
    ottla_group_list_free(g);
    return status;
}

static const struct cli_tool tool = {
    .spec = {.command = "ottla groups",
             .about = "Lists groups of every kind.",
             .options = options,
             .option_count = OPTIONS,
             .takes_prefixes = true,
             .words = ""},
    .check = check,
    .run = run,
};

int groups_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }
