/* `ottla client-metrics` (kafka-client-metrics): which metrics clients are asked for. One thread.
 */
#include "cli/cli.h"

#include "base/attr.h"
#include "base/uuid.h"
#include "cli/command.h"

#include <unistd.h>

enum {
    M_LIST = CLI_OPTIONS,
    M_DESCRIBE,
    M_ALTER,
    M_DELETE,
    M_NAME,
    M_GENERATE,
    M_INTERVAL,
    M_MATCH,
    M_METRICS,
    OPTIONS
};

static const struct args_option options[OPTIONS] = {
    CLI_OPTION_ROWS,
    [M_LIST] = {"list", NULL, "Print the names of the subscriptions.", ARGS_FLAG},
    [M_DESCRIBE] = {"describe", NULL, "Print what they ask for: all, or --name.", ARGS_FLAG},
    [M_ALTER] = {"alter", NULL, "Make or change one.", ARGS_FLAG},
    [M_DELETE] = {"delete", NULL, "Delete one.", ARGS_FLAG},
    [M_NAME] = {"name", "NAME", "Of the subscription.", ARGS_VALUE},
    [M_GENERATE] = {"generate-name", NULL, "alter: a new name, which is printed.", ARGS_FLAG},
    [M_INTERVAL] = {"interval", "MS", "alter: how often; nothing: the default.", ARGS_VALUE},
    [M_MATCH] = {"match", "KEY=VALUE,...",
                 "alter: only these clients: client_id, client_instance_id, client_software_name, "
                 "client_software_version, client_source_address, client_source_port.",
                 ARGS_VALUE},
    [M_METRICS] = {"metrics", "PREFIX,...", "alter: which metrics; *: all.", ARGS_VALUE},
};

/* --- list and describe --- */

static struct ottla_resources *ask_names(struct cli *c)
{
    static const enum ottla_resource_type types[] = {OTTLA_RESOURCE_CLIENT_METRICS};
    struct ottla_resources *r = NULL;
    int code = ottla_list_config_resources(c->client, types, 1, &c->options, &r, &c->error);
    return code ? NULL : r;
}

static int list(struct cli *c)
{
    struct ottla_resources *r = ask_names(c);
    json_t *names = json_array();
    if (r == NULL) {
        json_decref(names);
        return cli_fail(c, "%s", c->error.message);
    }
    for (size_t i = 0; i < r->count; i++) {
        json_array_append_new(names, json_string(r->rows[i]->name));
        if (!c->is_json) {
            puts(r->rows[i]->name);
        }
    }
    if (c->is_json) {
        cli_print_json(c, json_incref(names));
    } else if (r->count == 0) {
        putchar('\n');
    }
    json_decref(names);
    ottla_resources_free(r);
    return CLI_OK;
}

static void print_one(const struct cli *c, const struct ottla_resource_configs *r, json_t *all)
{
    json_t *configs = json_object();
    if (!c->is_json) {
        printf("Client metrics configs for %s are:\n", r->name);
    }
    for (size_t i = 0; i < r->count; i++) {
        const struct ottla_config_entry *e = r->entries[i];
        json_object_set_new(configs, e->name, cli_json_string(e->value));
        if (!c->is_json) {
            printf("  %s=%s\n", e->name, e->value ? e->value : "null");
        }
    }
    json_array_append_new(all, json_pack("{s:s, s:o}", "name", r->name, "configs", configs));
}

/* Those of the list, or only the one that was named; NULL when the call failed. */
static struct ottla_configs *ask_configs(struct cli *c, const struct ottla_resources *names)
{
    const char *only = cli_value(c, M_NAME);
    struct ottla_configs *ret = NULL;
    struct ottla_resource *r = mem_zalloc((names->count + 1) * sizeof *r);
    size_t count = 0;
    for (size_t i = 0; i < names->count; i++) {
        if (only == NULL || strcmp(only, names->rows[i]->name) == 0) {
            r[count++] = *names->rows[i];
        }
    }
    /* none: nothing is asked */
    static const struct ottla_resource nobody = {OTTLA_RESOURCE_CLIENT_METRICS, ""};
    int code =
        ottla_describe_configs(c->client, count ? r : &nobody, count, &c->options, &ret, &c->error);
    mem_free(r);
    return code ? NULL : ret;
}

static int describe(struct cli *c)
{
    const char *only = cli_value(c, M_NAME);
    struct ottla_resources *names = ask_names(c);
    struct ottla_configs *configs = names ? ask_configs(c, names) : NULL;
    json_t *all = json_array();
    int status = configs ? CLI_OK : cli_fail(c, "%s", c->error.message);
    for (size_t i = 0; configs != NULL && i < configs->count; i++) {
        print_one(c, configs->rows[i], all);
    }
    if (configs != NULL && c->is_json) {
        cli_print_json(c, json_incref(all));
    } else if (configs != NULL && only != NULL && configs->count == 0) {
        printf("The client metric resource %s doesn't exist and doesn't have dynamic config.\n",
               only);
    }
    json_decref(all);
    ottla_configs_free(configs);
    ottla_resources_free(names);
    return status;
}

/* --- changes --- */

static int apply(struct cli *c, const struct ottla_config_change *ch, size_t count,
                 const char *done)
{
    struct ottla_outcomes *o = NULL;
    const char *wrong = NULL;
    int code = count == 0 ? 0
                          : ottla_incremental_alter_configs(c->client, ch, count, &c->options, &o,
                                                            &c->error);
    if (code != 0) {
        wrong = c->error.message;
    } else if (o != NULL && o->rows[0]->error != 0) {
        wrong = cli_error_text(o->rows[0]->error, o->rows[0]->message);
    }
    if (wrong != NULL) { /* Kafka's tool says it on standard output */
        printf("Error while executing client metrics command : %s\n", wrong);
    } else if (c->is_json) {
        cli_print_json(c, json_pack("{s:s, s:s}", "name", ch[0].resource, "done", done));
    } else {
        printf("%s client metrics config for %s.\n", done, ch[0].resource);
    }
    ottla_outcomes_free(o);
    return wrong ? CLI_FAILED : CLI_OK;
}

static int alter(struct cli *c)
{
    static const struct {
        int option;
        const char *config;
    } rows[] = {{M_INTERVAL, "interval.ms"}, {M_MATCH, "match"}, {M_METRICS, "metrics"}};
    struct ottla_config_change ch[ARRAY_LEN(rows)] = {{0}};
    struct uuid id;
    char fresh[UUID_TEXT_LEN + 1] = "";
    size_t n = 0;
    if (getentropy(id.b, sizeof id.b) != 0) {
        return cli_fail(c, "there are no random numbers for a name");
    }
    uuid_format(id, fresh);
    ch[0].resource = cli_has(c, M_NAME) ? cli_value(c, M_NAME) : fresh;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *value = cli_value(c, rows[i].option);
        if (value != NULL) {
            ch[n++] = (struct ottla_config_change){
                .type = OTTLA_RESOURCE_CLIENT_METRICS,
                .resource = ch[0].resource,
                .operation = value[0] ? OTTLA_SET : OTTLA_DELETE,
                .name = rows[i].config,
                .value = value[0] ? value : NULL,
            };
        }
    }
    return apply(c, ch, n, "Altered");
}

static int delete_one(struct cli *c)
{
    struct ottla_config_change all[] = {
        {OTTLA_RESOURCE_CLIENT_METRICS, cli_value(c, M_NAME), OTTLA_DELETE, "interval.ms", NULL},
        {OTTLA_RESOURCE_CLIENT_METRICS, cli_value(c, M_NAME), OTTLA_DELETE, "match", NULL},
        {OTTLA_RESOURCE_CLIENT_METRICS, cli_value(c, M_NAME), OTTLA_DELETE, "metrics", NULL},
    };
    return apply(c, all, ARRAY_LEN(all), "Deleted");
}

/* --- the tool --- */

static bool check(struct cli *c)
{
    static const int actions[] = {M_LIST, M_DESCRIBE, M_ALTER, M_DELETE, -1};
    const char *interval = cli_value(c, M_INTERVAL);
    int64_t ms;
    if (!cli_needs_one(c, actions)) {
        return false;
    }
    if (cli_has(c, M_ALTER) && cli_has(c, M_NAME) == cli_has(c, M_GENERATE)) {
        return cli_refuse(c, "One of --name or --generate-name must be specified with --alter.");
    }
    if (interval != NULL && interval[0] != '\0' && !str_to_i64(str_from(interval), &ms)) {
        return cli_refuse(c, "Invalid interval value. Enter an integer, or leave empty to reset.");
    }
    return !cli_has(c, M_DELETE) || cli_has(c, M_NAME) ||
           cli_refuse(c, "A client metrics resource name must be specified with --delete.");
}

static int run(struct cli *c)
{
    return cli_has(c, M_LIST)       ? list(c)
           : cli_has(c, M_DESCRIBE) ? describe(c)
           : cli_has(c, M_ALTER)    ? alter(c)
                                    : delete_one(c);
}

static const struct cli_tool tool = {
    .spec = {.command = "ottla client-metrics",
             .about = "Prints and changes which metrics clients are asked for.",
             .options = options,
             .option_count = OPTIONS,
             .takes_prefixes = true,
             .words = ""},
    .check = check,
    .run = run,
};

int client_metrics_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }
