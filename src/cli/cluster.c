/* `ottla cluster` (kafka-cluster) and `ottla broker-api-versions`. One thread. */
#include "cli/cli.h"

#include "cli/command.h"

/* --- cluster --- */

enum { C_ID = CLI_OPTIONS, C_FENCED, C_OLD_CONFIG, C_CONTROLLER, OPTIONS };

static const struct args_option options[OPTIONS] = {
    CLI_OPTION_ROWS,
    [C_ID] = {"id", "ID", "unregister: the broker.", ARGS_VALUE, 'i'},
    [C_FENCED] = {"include-fenced-brokers", NULL, "list-endpoints: also those that are fenced.",
                  ARGS_FLAG},
    [C_OLD_CONFIG] = {"config", "FILE", NULL, ARGS_VALUE},
    [C_CONTROLLER] = CLI_CONTROLLER_ROW,
};

static int cluster_id(struct cli *c)
{
    struct ottla_cluster *cl = NULL;
    if (ottla_describe_cluster(c->client, &c->options, &cl, &c->error) != 0) {
        return cli_fail(c, "%s", c->error.message);
    }
    if (c->is_json) {
        cli_print_json(c, json_pack("{s:o}", "cluster_id", cli_json_string(cl->id)));
    } else if (cl->id != NULL) {
        printf("Cluster ID: %s\n", cl->id);
    } else {
        puts("No cluster ID found. The Kafka version is probably too old.");
    }
    ottla_cluster_free(cl);
    return CLI_OK;
}

static int unregister(struct cli *c)
{
    int64_t id = -1;
    buf_clear(&c->why);
    if (!cli_needs(c, C_ID) ||
        !args_number(&c->args, C_ID, (struct args_range){0, INT32_MAX}, &id, &c->why)) {
        return cli_fail(c, "%s", buf_cstr(&c->why));
    }
    int e = ottla_unregister_broker(c->client, (int32_t)id, &c->options, &c->error);
    if (e == OTTLA_ERR_UNSUPPORTED_VERSION) {
        puts("The target cluster does not support the broker unregistration API.");
    } else if (e != 0) {
        return cli_fail(c, "%s", c->error.message);
    } else if (c->is_json) {
        cli_print_json(c, json_pack("{s:i}", "unregistered", (int)id));
    } else {
        printf("Broker %d is no longer registered.\n", (int)id);
    }
    return CLI_OK;
}

/* Controllers are not fenced: they have no column for it. */
static void fill_endpoints(struct cli_table *t, const struct ottla_cluster *cl)
{
    bool is_broker = t->column_count == 6;
    for (size_t i = 0; i < cl->node_count; i++) {
        const struct ottla_node *n = cl->nodes[i];
        cli_table_row(t);
        cli_table_set(t, 0, "%d", n->id);
        cli_table_set(t, 1, "%s", n->host);
        cli_table_set(t, 2, "%d", n->port);
        cli_table_set(t, 3, "%s", n->rack ? n->rack : "null");
        if (is_broker) {
            cli_table_set(t, 4, "%s", n->is_fenced ? "fenced" : "unfenced");
        }
        cli_table_set(t, t->column_count - 1, is_broker ? "broker" : "controller");
    }
}

static int list_endpoints(struct cli *c)
{
    struct cli_column columns[] = {
        {"ID", "id", 10, false, true},        {"HOST", "host", 0, false, false},
        {"PORT", "port", 10, false, true},    {"RACK", "rack", 0, false, false},
        {"STATE", "state", 10, false, false}, {"ENDPOINT_TYPE", "endpoint_type", 15, false, false},
    };
    struct ottla_cluster *cl = NULL;
    struct cli_table t;
    struct ottla_admin_options o = c->options;
    o.include_fenced_brokers = cli_has(c, C_FENCED);
    if (ottla_describe_cluster(c->client, &o, &cl, &c->error) != 0) {
        return cli_fail(c, "%s", c->error.message);
    }
    for (size_t i = 0; i < cl->node_count; i++) {
        const struct ottla_node *n = cl->nodes[i];
        int host = (int)strlen(n->host), rack = n->rack ? (int)strlen(n->rack) : 0;
        columns[1].min_width = host > columns[1].min_width ? host : columns[1].min_width;
        columns[3].min_width = rack > columns[3].min_width ? rack : columns[3].min_width;
    }
    columns[3].min_width = columns[3].min_width ? columns[3].min_width : 10;
    if (cli_has(c, C_CONTROLLER)) {
        columns[4] = columns[5];
    }
    cli_table_init(&t, columns, cli_has(c, C_CONTROLLER) ? 5 : 6);
    fill_endpoints(&t, cl);
    if (c->is_json) {
        cli_print_json(c, cli_table_json(&t));
    } else {
        cli_table_print(&t, "", "\n");
    }
    cli_table_deinit(&t);
    ottla_cluster_free(cl);
    return CLI_OK;
}

static const char *const commands[] = {"cluster-id", "unregister", "list-endpoints"};

static bool check(struct cli *c)
{
    const char *word = c->args.word_count == 1 ? c->args.words[0] : "";
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(commands[i], word) == 0) {
            if (cli_has(c, C_FENCED) && cli_has(c, C_CONTROLLER)) {
                return cli_refuse(c, "The option --include-fenced-brokers is only supported with "
                                     "--bootstrap-server option");
            }
            return i != 1 || cli_needs(c, C_ID);
        }
    }
    cli_refuse(c, "say one of cluster-id, unregister, list-endpoints");
    args_put_hint(&c->why, str_from(word), commands, 3);
    return false;
}

static int run(struct cli *c)
{
    const char *word = c->args.words[0];
    return strcmp(word, "cluster-id") == 0   ? cluster_id(c)
           : strcmp(word, "unregister") == 0 ? unregister(c)
                                             : list_endpoints(c);
}

static const struct cli_tool tool = {
    .spec = {.command = "ottla cluster",
             .words = "cluster-id|unregister|list-endpoints",
             .about = "Prints the id and the brokers of a cluster, and forgets brokers that are "
                      "gone.",
             .options = options,
             .option_count = OPTIONS,
             .takes_prefixes = true},
    .check = check,
    .run = run,
    .old_config = C_OLD_CONFIG,
    .controller = C_CONTROLLER,
};

int cluster_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }

/* --- broker-api-versions --- */

static const struct args_option versions_options[CLI_OPTIONS] = {CLI_OPTION_ROWS};

static void print_version(const struct ottla_api_version *v, bool is_last)
{
    printf("\t%s(%d): ", v->name ? v->name : "UNKNOWN", v->key);
    if (v->min_version < 0) {
        printf("UNSUPPORTED");
    } else if (v->min_version == v->max_version) {
        printf("%d", v->min_version);
    } else {
        printf("%d to %d", v->min_version, v->max_version);
    }
    if (v->min_version >= 0 && v->usable_version >= 0) {
        printf(" [usable: %d]", v->usable_version);
    } else if (v->min_version >= 0 && v->name != NULL) {
        printf(" [unusable: node too %s]", v->min_version > 0 ? "new" : "old");
    }
    puts(is_last ? "" : ",");
}

static void print_broker(const struct ottla_broker_api_versions *b)
{
    const struct ottla_node *n = &b->node;
    printf("%s:%d (id: %d rack: %s isFenced: false) -> ", n->host, n->port, n->id,
           n->rack ? n->rack : "null");
    if (b->error != 0) {
        struct buf text = BUF_INIT;
        cli_put_exception(&text, b->error, b->message);
        printf("ERROR: %s\n", buf_cstr(&text));
        buf_deinit(&text);
        return;
    }
    puts("(");
    for (size_t i = 0; i < b->count; i++) {
        print_version(b->rows[i], i + 1 == b->count);
    }
    puts(")");
}

static json_t *broker_json(const struct ottla_broker_api_versions *b)
{
    json_t *apis = json_array();
    for (size_t i = 0; i < b->count; i++) {
        const struct ottla_api_version *v = b->rows[i];
        json_array_append_new(apis,
                              json_pack("{s:i, s:o, s:i, s:i, s:i}", "key", (int)v->key, "name",
                                        cli_json_string(v->name), "min", (int)v->min_version, "max",
                                        (int)v->max_version, "usable", (int)v->usable_version));
    }
    return json_pack("{s:i, s:s, s:i, s:o, s:o}", "broker", (int)b->node.id, "host", b->node.host,
                     "port", b->node.port, "error", cli_json_string(b->message), "apis", apis);
}

static int versions_run(struct cli *c)
{
    struct ottla_api_versions *v = NULL;
    json_t *all = json_array();
    int status = CLI_OK;
    if (ottla_list_api_versions(c->client, &c->options, &v, &c->error) != 0) {
        status = cli_fail(c, "%s", c->error.message);
    }
    for (size_t i = 0; status == CLI_OK && i < v->count; i++) {
        if (c->is_json) {
            json_array_append_new(all, broker_json(v->rows[i]));
        } else {
            print_broker(v->rows[i]);
        }
    }
    if (status == CLI_OK && c->is_json) {
        cli_print_json(c, json_incref(all));
    }
    json_decref(all);
    ottla_api_versions_free(v);
    return status;
}

static const struct cli_tool versions_tool = {
    .spec = {.command = "ottla broker-api-versions",
             .about = "Prints which requests each broker takes, in which versions.",
             .options = versions_options,
             .option_count = CLI_OPTIONS,
             .takes_prefixes = true,
             .words = ""},
    .run = versions_run,
};

int broker_api_versions_command(int argc, char **argv)
{
    return cli_main(&versions_tool, argc, argv);
}
