/* `ottla log-dirs` (kafka-log-dirs). Its output is JSON in any case, with Kafka's keys in the order
 * in which Kafka's tool prints them. One thread. */
#include "cli/cli.h"

#include "cli/command.h"

enum { D_DESCRIBE = CLI_OPTIONS, D_TOPICS, D_BROKERS, OPTIONS };

static const struct args_option options[OPTIONS] = {
    CLI_OPTION_ROWS,
    [D_DESCRIBE] = {"describe", NULL, "Print the directories of brokers.", ARGS_FLAG,
                    .is_needed = true},
    [D_TOPICS] = {"topic-list", "NAME,...", "Only these topics.", ARGS_VALUE},
    [D_BROKERS] = {"broker-list", "ID,...", "Only these brokers.", ARGS_VALUE},
};

struct brokers {
    int32_t *ids;
    size_t count;
};

static bool holds(const struct brokers *b, int32_t id)
{
    for (size_t i = 0; i < b->count; i++) {
        if (b->ids[i] == id) {
            return true;
        }
    }
    return false;
}

/* All, or the asked ones if they are there. */
static bool choose(struct cli *c, struct brokers *asked)
{
    struct ottla_cluster *cl = NULL;
    struct brokers all = {0};
    struct buf missing = BUF_INIT, known = BUF_INIT;
    const char *text = cli_value(c, D_BROKERS);
    if (text != NULL && !cli_parse_ids(str_from(text), ',', &asked->ids, &asked->count)) {
        return cli_refuse(c, "--broker-list is like 0,1, not '%s'", text);
    }
    if (ottla_describe_cluster(c->client, &c->options, &cl, &c->error) != 0) {
        return cli_refuse(c, "%s", c->error.message);
    }
    all.ids = mem_realloc_array(NULL, cl->node_count + 1, sizeof *all.ids);
    for (size_t i = 0; i < cl->node_count; i++) {
        all.ids[all.count++] = cl->nodes[i]->id;
        buf_printf(&known, i ? ",%d" : "%d", cl->nodes[i]->id);
    }
    for (size_t i = 0; i < asked->count; i++) {
        if (!holds(&all, asked->ids[i])) {
            buf_printf(&missing, missing.len ? ",%d" : "%d", asked->ids[i]);
        }
    }
    bool ok = missing.len == 0 ||
              cli_refuse(c,
                         "ERROR: The given brokers do not exist from --broker-list: %s. Current "
                         "existent brokers: %s",
                         buf_cstr(&missing), buf_cstr(&known));
    if (asked->count == 0) {
        mem_free(asked->ids);
        *asked = all;
        all.ids = NULL;
    }
    mem_free(all.ids);
    buf_deinit(&missing);
    buf_deinit(&known);
    ottla_cluster_free(cl);
    return ok;
}

static json_t *dir_json(const struct cli_names *topics, const struct ottla_log_dir *dir)
{
    json_t *partitions = json_array();
    struct buf name = BUF_INIT;
    for (size_t i = 0; i < dir->count; i++) {
        const struct ottla_log_dir_partition *p = dir->partitions[i];
        if (topics->count > 0 && !cli_names_has(topics, p->topic)) {
            continue;
        }
        buf_clear(&name);
        buf_printf(&name, "%s-%d", p->topic, p->partition);
        json_array_append_new(partitions,
                              json_pack("{s:s, s:I, s:I, s:b}", "partition", buf_cstr(&name),
                                        "size", (json_int_t)p->size_bytes, "offsetLag",
                                        (json_int_t)p->offset_lag, "isFuture", (int)p->is_future));
    }
    buf_deinit(&name);
    return json_pack("{s:o, s:o, s:s}", "partitions", partitions, "error",
                     cli_json_string(dir->error ? ottla_error_name(dir->error) : NULL), "logDir",
                     dir->path);
}

/* False, and why: a broker could not be asked. */
static bool brokers_json(struct cli *c, const struct cli_names *topics, const struct brokers *b,
                         const struct ottla_log_dirs *dirs, json_t *ret)
{
    for (size_t i = 0; i < b->count; i++) {
        json_t *list = json_array();
        for (size_t k = 0; k < dirs->count; k++) {
            const struct ottla_log_dir *dir = dirs->rows[k];
            if (dir->broker == b->ids[i] && dir->path == NULL) {
                json_decref(list);
                return cli_refuse(c, "broker %d: %s", dir->broker,
                                  cli_error_text(dir->error, dir->message));
            }
            if (dir->broker == b->ids[i]) {
                json_array_append_new(list, dir_json(topics, dir));
            }
        }
        json_array_append_new(ret,
                              json_pack("{s:i, s:o}", "broker", (int)b->ids[i], "logDirs", list));
    }
    return true;
}

static bool describe(struct cli *c, const struct brokers *b)
{
    struct cli_names topics = {0};
    struct ottla_log_dirs *dirs = NULL;
    struct str rest = str_from(cli_value(c, D_TOPICS)), item;
    json_t *list = json_array();
    while (str_next_item(&rest, ',', &item)) {
        cli_names_add(&topics, item);
    }
    bool ok = ottla_describe_log_dirs(c->client, (struct ottla_ids){b->count, b->ids}, NULL, 0,
                                      &c->options, &dirs, &c->error) == 0 ||
              cli_refuse(c, "%s", c->error.message);
    ok = ok && brokers_json(c, &topics, b, dirs, list);
    if (ok && !c->is_json) {
        struct buf ids = BUF_INIT;
        cli_put_ids(&ids, (struct ottla_ids){b->count, b->ids});
        printf("Received log directory information from brokers %s\n", buf_cstr(&ids));
        buf_deinit(&ids);
    }
    if (ok) {
        cli_print_json(c, json_pack("{s:O, s:i}", "brokers", list, "version", 1));
    }
    json_decref(list);
    ottla_log_dirs_free(dirs);
    cli_names_deinit(&topics);
    return ok;
}

static int run(struct cli *c)
{
    struct brokers b = {0};
    bool ok = choose(c, &b);
    if (ok && !c->is_json) {
        puts("Querying brokers for log directories information");
    }
    ok = ok && describe(c, &b);
    mem_free(b.ids);
    return ok ? CLI_OK : cli_fail(c, "%s", buf_cstr(&c->why));
}

static const struct cli_tool tool = {
    .spec = {.command = "ottla log-dirs",
             .about = "Prints which partitions are in which directories of which brokers.",
             .options = options,
             .option_count = OPTIONS,
             .takes_prefixes = true,
             .words = ""},
    .run = run,
};

int log_dirs_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }
