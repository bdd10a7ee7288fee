/* `ottla leader-election` (kafka-leader-election). One thread. */
#include "cli/cli.h"

#include "cli/command.h"

enum { L_TYPE = CLI_OPTIONS, L_TOPIC, L_PARTITION, L_ALL, L_FILE, L_OLD_CONFIG, OPTIONS };

static const struct args_option options[OPTIONS] = {
    CLI_OPTION_ROWS,
    [L_TYPE] = {"election-type", "preferred|unclean",
                "preferred: back to the first replica; unclean: any replica, where none in sync is "
                "left.",
                ARGS_VALUE},
    [L_TOPIC] = {"topic", "NAME", "The topic of --partition.", ARGS_VALUE},
    [L_PARTITION] = {"partition", "N", "One partition of --topic.", ARGS_VALUE},
    [L_ALL] = {"all-topic-partitions", NULL, "All partitions that need it.", ARGS_FLAG},
    [L_FILE] = {"path-to-json-file", "FILE",
                "{\"partitions\": [{\"topic\": \"t\", \"partition\": 0}]}", ARGS_VALUE},
    [L_OLD_CONFIG] = {"admin.config", "FILE", NULL, ARGS_VALUE},
};

static const char *type_name(const struct cli *c)
{
    return strcasecmp(cli_value(c, L_TYPE), "unclean") == 0 ? "UNCLEAN" : "PREFERRED";
}

static bool check(struct cli *c)
{
    static const int scopes[] = {L_TOPIC, L_ALL, L_FILE, -1};
    if (!cli_needs(c, L_TYPE)) {
        return false;
    }
    if (strcasecmp(cli_value(c, L_TYPE), "preferred") != 0 &&
        strcasecmp(cli_value(c, L_TYPE), "unclean") != 0) {
        return cli_refuse(c, "--election-type is preferred or unclean, not '%s'",
                          cli_value(c, L_TYPE));
    }
    if (cli_count_of(c, scopes) != 1) {
        return cli_refuse(c, "One and only one of the following options is required: topic, "
                             "all-topic-partitions, path-to-json-file");
    }
    if (cli_has(c, L_TOPIC) != cli_has(c, L_PARTITION)) {
        return cli_refuse(c, "--topic and --partition go together");
    }
    return true;
}

static bool take_parts(struct cli *c, struct cli_parts *ret)
{
    int64_t partition = 0;
    buf_clear(&c->why);
    if (cli_has(c, L_FILE)) {
        json_t *doc = cli_read_json(c, cli_value(c, L_FILE));
        bool ok = doc != NULL &&
                  cli_parts_from_json(c, doc, NULL,
                                      "Replica election data contains duplicate partitions", ret);
        json_decref(doc);
        return ok;
    }
    if (!args_number(&c->args, L_PARTITION, (struct args_range){0, INT32_MAX}, &partition,
                     &c->why)) {
        return false;
    }
    if (cli_has(c, L_TOPIC)) {
        cli_parts_add(ret, cli_value(c, L_TOPIC), (int32_t)partition, 0);
    }
    return true;
}

static void put_part(struct buf *b, const struct ottla_outcome *row)
{
    buf_printf(b, "%s%s-%d", b->len ? ", " : "", row->name, row->partition);
}

/* Text as Kafka's; the number of partitions that failed. */
static size_t print(const struct cli *c, const struct ottla_outcomes *o)
{
    struct buf done = BUF_INIT, had = BUF_INIT, failed = BUF_INIT;
    size_t failures = 0;
    for (size_t i = 0; i < o->count; i++) {
        const struct ottla_outcome *row = o->rows[i];
        if (row->error == 0 || row->error == OTTLA_ERR_ELECTION_NOT_NEEDED) {
            put_part(row->error ? &had : &done, row);
            continue;
        }
        failures++;
        buf_printf(&failed,
                   "Error completing leader election (%s) for partition: %s-%d: ", type_name(c),
                   row->name, row->partition);
        cli_put_exception(&failed, row->error, row->message);
        buf_put_u8(&failed, '\n');
    }
    if (done.len > 0) {
        printf("Successfully completed leader election (%s) for partitions %s\n", type_name(c),
               buf_cstr(&done));
    }
    if (had.len > 0) {
        printf("Valid replica already elected for partitions %s\n", buf_cstr(&had));
    }
    fputs(buf_cstr(&failed), stdout);
    buf_deinit(&done);
    buf_deinit(&had);
    buf_deinit(&failed);
    return failures;
}

static size_t print_json(const struct cli *c, const struct ottla_outcomes *o)
{
    json_t *rows = json_array();
    size_t failures = 0;
    for (size_t i = 0; i < o->count; i++) {
        const struct ottla_outcome *row = o->rows[i];
        failures += row->error != 0 && row->error != OTTLA_ERR_ELECTION_NOT_NEEDED;
        json_array_append_new(
            rows,
            json_pack("{s:s, s:i, s:o, s:o}", "topic", row->name, "partition", (int)row->partition,
                      "error", cli_json_string(row->error ? ottla_error_name(row->error) : NULL),
                      "message", cli_json_string(row->message)));
    }
    cli_print_json(c, rows);
    return failures;
}

static int run(struct cli *c)
{
    struct cli_parts p = {0};
    struct ottla_outcomes *o = NULL;
    int status = CLI_OK;
    enum ottla_election type =
        strcmp(type_name(c), "UNCLEAN") == 0 ? OTTLA_ELECT_UNCLEAN : OTTLA_ELECT_PREFERRED;
    if (!take_parts(c, &p)) {
        return cli_fail(c, "%s", buf_cstr(&c->why));
    }
    struct ottla_topic_partition *view = cli_parts_view(&p);
    if (ottla_elect_leaders(c->client, type, cli_has(c, L_ALL) ? NULL : view, p.count, &c->options,
                            &o, &c->error) != 0) {
        status = cli_fail(c, "%s", c->error.message);
    } else {
        size_t failures = c->is_json ? print_json(c, o) : print(c, o);
        if (failures > 0) {
            status = cli_fail(c, "%zu replica(s) could not be elected", failures);
        }
    }
    mem_free(view);
    ottla_outcomes_free(o);
    cli_parts_deinit(&p);
    return status;
}

static const struct cli_tool tool = {
    .spec = {.command = "ottla leader-election",
             .about = "Elects leaders of partitions.",
             .options = options,
             .option_count = OPTIONS,
             .takes_prefixes = true,
             .words = ""},
    .check = check,
    .run = run,
    .old_config = L_OLD_CONFIG,
};

int leader_election_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }
