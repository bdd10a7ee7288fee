/* `ottla verifiable-consumer` (kafka-verifiable-consumer): a member of a group that tells of what
 * it gets, reads and commits. The main thread; a thread waits for signals. */
#include "cli/command.h"
#include "cli/records/events.h"
#include "cli/records/options.h"
#include "cli/records/stop.h"

#include "base/attr.h"

#include <inttypes.h>
#include <strings.h>

enum {
    O_TOPIC = CLI_OPTIONS,
    O_PROTOCOL,
    O_REMOTE,
    O_GROUP,
    O_INSTANCE,
    O_MAX,
    O_SESSION,
    O_VERBOSE,
    O_AUTO,
    O_RESET,
    O_STRATEGY,
    O_CONSUMER_CONFIG,
    OPTIONS
};

static const struct args_option options[OPTIONS] = {
    CLI_OPTION_ROWS,
    [O_TOPIC] = {"topic", "TOPIC", "The topic to read.", ARGS_VALUE, .is_needed = true},
    [O_PROTOCOL] = {"group-protocol", "classic|consumer", "How the group is held together.",
                    ARGS_VALUE},
    [O_REMOTE] = {"group-remote-assignor", "NAME",
                  "With consumer: which of the broker's assignors.", ARGS_VALUE},
    [O_GROUP] = {"group-id", "GROUP", "The group to be a member of.", ARGS_VALUE,
                 .is_needed = true},
    [O_INSTANCE] = {"group-instance-id", "ID", "A static member by this name.", ARGS_VALUE},
    [O_MAX] = {"max-messages", "N", "How many; -1 (the default): until it is stopped.", ARGS_VALUE},
    [O_SESSION] = {"session-timeout", "MS", "session.timeout.ms.", ARGS_VALUE},
    [O_VERBOSE] = {"verbose", NULL, "A line for each record, too.", ARGS_FLAG},
    [O_AUTO] = {"enable-autocommit", NULL, "The consumer commits by itself.", ARGS_FLAG},
    [O_RESET] = {"reset-policy", "POLICY", "auto.offset.reset (earliest).", ARGS_VALUE},
    [O_STRATEGY] = {"assignment-strategy", "NAME",
                    "With classic: partition.assignment.strategy (range).", ARGS_VALUE},
    [O_CONSUMER_CONFIG] = {"consumer.config", "FILE", NULL, ARGS_VALUE},
};

static const struct option_pair config_pair = {CLI_CONFIG, O_CONSUMER_CONFIG};

static bool check_protocol(struct cli *c)
{
    const char *name = cli_value(c, O_PROTOCOL);
    return name == NULL || strcasecmp(name, "classic") == 0 || strcasecmp(name, "consumer") == 0 ||
           cli_refuse(c, "--group-protocol is classic or consumer, not '%s'", name);
}

static bool check(struct cli *c)
{
    int64_t any;
    bool ok = options_excludes_both(c, config_pair) && options_number(c, O_MAX, INT64_MIN, &any) &&
              options_number(c, O_SESSION, 0, &any) && check_protocol(c);
    if (ok && cli_has(c, O_CONSUMER_CONFIG)) {
        puts("Option --consumer.config has been deprecated and will be removed in a future "
             "version. Use --command-config instead.");
    }
    return ok;
}

/* The command line goes before the file. */
static bool configure(struct cli *c)
{
    struct props p;
    const char *file = cli_value(c, option_of(c, config_pair)), *reset = cli_value(c, O_RESET);
    const char *protocol = cli_value(c, O_PROTOCOL), *strategy = cli_value(c, O_STRATEGY);
    bool is_new = protocol != NULL && strcasecmp(protocol, "consumer") == 0;
    props_init(&p);
    bool ok = (file == NULL || options_load_file(c, file, &p)) &&
              options_put(c, &p, "group.id", cli_value(c, O_GROUP)) &&
              options_put(c, &p, "enable.auto.commit", cli_has(c, O_AUTO) ? "true" : "false") &&
              options_put(c, &p, "auto.offset.reset", reset ? reset : "earliest") &&
              options_merge(c, &p, "group.instance.id", O_INSTANCE, NULL) &&
              (is_new ? options_put(c, &p, "group.protocol", "consumer") &&
                            options_merge(c, &p, "group.remote.assignor", O_REMOTE, NULL)
                      : options_put(c, &p, "partition.assignment.strategy",
                                    strategy ? strategy : "range") &&
                            options_merge(c, &p, "session.timeout.ms", O_SESSION, NULL)) &&
              options_configure(c, &p);
    props_deinit(&p);
    return ok;
}

/* --- the work --- */

struct tool {
    struct cli *cli;
    struct stop stop;
    struct ottla_consumer *consumer;
    struct buf line;
    int64_t max, count;
};

static void put_parts(struct buf *out, const struct ottla_topic_partition *parts, size_t count)
{
    buf_put_str(out, STR(",\"partitions\":["));
    for (size_t i = 0; i < count; i++) {
        buf_put_str(out, i ? STR(",{") : STR("{"));
        event_put_part(out, parts[i].topic, parts[i].partition);
        buf_put_u8(out, '}');
    }
    buf_put_u8(out, ']');
}

static void on_revoked(void *ctx, struct ottla_consumer *consumer,
                       const struct ottla_topic_partition *partitions, size_t count)
{
    struct tool *t = ctx;
    (void)consumer;
    event_begin(&t->line, "partitions_revoked");
    put_parts(&t->line, partitions, count);
    event_end(&t->line);
}

static void on_assigned(void *ctx, struct ottla_consumer *consumer,
                        const struct ottla_topic_partition *partitions, size_t count)
{
    struct tool *t = ctx;
    (void)consumer;
    event_begin(&t->line, "partitions_assigned");
    put_parts(&t->line, partitions, count);
    event_end(&t->line);
}

static void tell_record(struct tool *t, const struct ottla_record *r)
{
    event_begin(&t->line, "record_data");
    event_put_text(&t->line, "key", (struct str){r->key, r->key_length});
    event_put_text(&t->line, "value", (struct str){r->value, r->value_length});
    buf_put_u8(&t->line, ',');
    event_put_part(&t->line, r->topic, r->partition);
    buf_printf(&t->line, ",\"offset\":%" PRId64, r->offset);
    event_end(&t->line);
}

/* All of one partition; count is what is taken of them. */
static void tell_records(struct tool *t, const struct ottla_records *records, size_t count)
{
    const struct ottla_record *first = ottla_records_at(records, 0);
    for (size_t i = 0; i < count && cli_has(t->cli, O_VERBOSE); i++) {
        tell_record(t, ottla_records_at(records, i));
    }
    event_begin(&t->line, "records_consumed");
    buf_printf(&t->line, ",\"count\":%zu,\"partitions\":[{", ottla_records_count(records));
    event_put_part(&t->line, first->topic, first->partition);
    buf_printf(&t->line, ",\"count\":%zu,\"minOffset\":%" PRId64 ",\"maxOffset\":%" PRId64 "}]",
               count, first->offset, ottla_records_at(records, count - 1)->offset);
    event_end(&t->line);
}

static void commit(struct tool *t, const struct ottla_record *last)
{
    const struct ottla_commit offset = {.topic = last->topic,
                                        .partition = last->partition,
                                        .leader_epoch = last->leader_epoch,
                                        .offset = last->offset + 1};
    struct ottla_error error;
    int e = ottla_consumer_commit(t->consumer, &offset, 1, 0, &error);
    event_begin(&t->line, "offsets_committed");
    buf_put_str(&t->line, STR(",\"offsets\":[{"));
    event_put_part(&t->line, offset.topic, offset.partition);
    buf_printf(&t->line, ",\"offset\":%" PRId64 "}]", offset.offset);
    if (e != 0) {
        event_put_text(&t->line, "error", str_from(error.message));
    }
    buf_put_str(&t->line, e ? STR(",\"success\":false") : STR(",\"success\":true"));
    event_end(&t->line);
}

static bool read_some(struct tool *t)
{
    const int wait_ms = 60 * 1000;
    struct ottla_records *records = NULL;
    if (ottla_consumer_poll(t->consumer, wait_ms, &records, &t->cli->error) != 0) {
        return cli_refuse(t->cli, "%s", t->cli->error.message);
    }
    size_t n = ottla_records_count(records);
    if (t->max >= 0) {
        n = (size_t)MIN((int64_t)n, t->max - t->count);
    }
    if (n > 0) {
        tell_records(t, records, n);
        t->count += (int64_t)n;
    }
    if (n > 0 && !cli_has(t->cli, O_AUTO)) {
        commit(t, ottla_records_at(records, n - 1));
    }
    ottla_records_free(records);
    return true;
}

/* In the thread that waits for signals. */
static void ask_to_stop(void *ctx)
{
    event_print("shutdown_requested");
    ottla_consumer_wakeup(ctx);
}

/* Whether it can be what the command line wants: an assignor may be none. */
static bool begin(struct tool *t)
{
    struct cli *c = t->cli;
    const struct ottla_rebalance_listener listener = {on_revoked, on_assigned, NULL, t};
    const char *topic = cli_value(c, O_TOPIC);
    t->consumer = ottla_consumer_new(c->client, &c->error);
    return t->consumer != NULL &&
           ottla_consumer_subscribe(t->consumer, &topic, 1, &listener, &c->error) == 0;
}

static bool work(struct tool *t)
{
    bool ok = true;
    stop_call(&t->stop, ask_to_stop, t->consumer);
    while (ok && (t->max < 0 || t->count < t->max) && !stop_is_asked(&t->stop)) {
        ok = read_some(t);
    }
    stop_call(&t->stop, NULL, NULL);
    return ok;
}

static int run(struct cli *c)
{
    struct tool t = {.cli = c, .max = -1};
    int status = CLI_OK;
    (void)options_number(c, O_MAX, INT64_MIN, &t.max);
    bool is_begun = begin(&t);
    if (!is_begun || !stop_init(&t.stop)) {
        ottla_consumer_free(t.consumer);
        return cli_fail(c, "%s", is_begun ? "no more threads" : c->error.message);
    }
    event_print("startup_complete");
    if (!work(&t)) {
        cli_fail(c, "%s", buf_cstr(&c->why)); /* as in Kafka the status does not say it */
    }
    ottla_consumer_free(t.consumer);
    event_print("shutdown_complete");
    if (!stop_is_asked(&t.stop)) {
        event_print("shutdown_requested"); /* as in Kafka, whose hook runs at every end */
    }
    status = stop_status(&t.stop, status);
    stop_deinit(&t.stop);
    buf_deinit(&t.line);
    return status;
}

static const struct cli_tool tool = {
    .spec = {.command = "ottla verifiable-consumer",
             .about = "Reads a topic as a member of a group and prints a line of JSON for what "
                      "happens: partitions that come and go, records, commits.",
             .options = options,
             .option_count = OPTIONS,
             .takes_prefixes = true},
    .check = check,
    .configure = configure,
    .run = run,
};

int verifiable_consumer_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }
