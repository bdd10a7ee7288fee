/* `ottla consumer-perf-test` (kafka-consumer-perf-test): how fast records are read. One thread, and
 * one that waits for signals. */
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/records/metrics.h"
#include "cli/records/options.h"
#include "cli/records/pace.h"
#include "cli/records/stop.h"
#include "cli/records/subscribe.h"

#include "base/attr.h"

#include <inttypes.h>
#include <time.h>

enum {
    O_TOPIC = CLI_OPTIONS,
    O_INCLUDE,
    O_RECORDS,
    O_MESSAGES,
    O_GROUP,
    O_FETCH,
    O_LATEST,
    O_SOCKET,
    O_TIMEOUT,
    O_DETAILED,
    O_INTERVAL,
    O_DATE,
    O_HIDE,
    O_METRICS,
    O_PROPERTY,
    O_CONSUMER_CONFIG,
    OPTIONS
};

static const struct args_option options[OPTIONS] = {
    CLI_OPTION_ROWS,
    [O_TOPIC] = {"topic", "TOPIC", "The topic to read.", ARGS_VALUE},
    [O_INCLUDE] = {"include", "REGEX", "All topics whose names match.", ARGS_VALUE},
    [O_RECORDS] = {"num-records", "N", "How many records.", ARGS_VALUE},
    [O_MESSAGES] = {"messages", "N", NULL, ARGS_VALUE},
    [O_GROUP] = {"group", "GROUP", "The group to be a member of (perf-consumer-N).", ARGS_VALUE},
    [O_FETCH] = {"fetch-size", "BYTES", "max.partition.fetch.bytes (1048576).", ARGS_VALUE},
    [O_LATEST] = {"from-latest", NULL, "Begin at the end where the group has no offset.",
                  ARGS_FLAG},
    [O_SOCKET] = {"socket-buffer-size", "BYTES",
                  "For compatibility: the system sizes the socket's buffer.", ARGS_VALUE},
    [O_TIMEOUT] = {"timeout", "MS", "End when no record comes for so long (10000).", ARGS_MAYBE},
    [O_DETAILED] = {"show-detailed-stats", NULL, "A line each --reporting-interval instead.",
                    ARGS_FLAG},
    [O_INTERVAL] = {"reporting-interval", "MS", "How often (5000).", ARGS_VALUE},
    [O_DATE] = {"date-format", "FORMAT", "How times are written (yyyy-MM-dd HH:mm:ss:SSS).",
                ARGS_VALUE},
    [O_HIDE] = {"hide-header", NULL, "Without names of columns.", ARGS_FLAG},
    [O_METRICS] = {"print-metrics", NULL, "Print what the consumer counted.", ARGS_FLAG},
    [O_PROPERTY] = {"command-property", "NAME=VALUE",
                    "A setting of the consumer, before those of --command-config.", ARGS_VALUE,
                    .is_list = true},
    [O_CONSUMER_CONFIG] = {"consumer.config", "FILE", NULL, ARGS_VALUE},
};

static const struct option_pair config_pair = {CLI_CONFIG, O_CONSUMER_CONFIG};
static const struct option_pair records_pair = {O_RECORDS, O_MESSAGES};

/* --- the command line --- */

struct plan {
    int64_t records, timeout_ms, interval_ms;
};

static bool take_plan(struct cli *c, struct plan *ret)
{
    *ret = (struct plan){.timeout_ms = 10000, .interval_ms = 5000};
    int64_t any;
    return options_number(c, option_of(c, records_pair), INT64_MIN, &ret->records) &&
           options_number(c, O_TIMEOUT, INT64_MIN, &ret->timeout_ms) &&
           options_number(c, O_FETCH, 0, &any) && options_number(c, O_SOCKET, INT64_MIN, &any) &&
           options_number(c, O_INTERVAL, INT64_MIN, &ret->interval_ms) &&
           (ret->interval_ms > 0 || cli_refuse(c, "Reporting interval must be greater than 0."));
}

static void print_header(const struct cli *c)
{
    if (!cli_has(c, O_HIDE) && !c->is_json) {
        printf("%s, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, "
               "rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec\n",
               cli_has(c, O_DETAILED) ? "time, threadId" : "start.time, end.time");
        fflush(stdout);
    }
}

/* Kafka's tool prints its header before it looks at values. */
static bool check(struct cli *c)
{
    struct plan plan;
    char text[PACE_TIME_MAX];
    const char *date = cli_value(c, O_DATE);
    if (cli_has(c, O_RECORDS) == cli_has(c, O_MESSAGES)) {
        return cli_refuse(
            c, "Exactly one of the following arguments is required: [messages], [num-records]");
    }
    if (cli_has(c, O_TOPIC) == cli_has(c, O_INCLUDE)) {
        return cli_refuse(c,
                          "Exactly one of the following arguments is required: [topic], [include]");
    }
    if (!options_excludes_both(c, config_pair)) {
        return false;
    }
    if (cli_has(c, O_MESSAGES)) {
        puts("Warning: --messages is deprecated. Use --num-records instead.");
    }
    if (cli_has(c, O_CONSUMER_CONFIG)) {
        puts("Warning: --consumer.config is deprecated. Use --command-config instead.");
    }
    print_header(c);
    if (date != NULL && !pace_format_time(date, 0, text)) {
        return cli_refuse(c, "--date-format: '%s' has letters besides y, M, d, H, m, s, S", date);
    }
    return take_plan(c, &plan);
}

static bool merge(struct cli *c, struct props *p)
{
    char group[40];
    const char *fetch = cli_value(c, O_FETCH);
    snprintf(group, sizeof group, "perf-consumer-%" PRId64, pace_wall_ms() % 100000);
    return options_put(c, p, "group.id", cli_has(c, O_GROUP) ? cli_value(c, O_GROUP) : group) &&
           options_put(c, p, "max.partition.fetch.bytes", fetch ? fetch : "1048576") &&
           options_put(c, p, "auto.offset.reset", cli_has(c, O_LATEST) ? "latest" : "earliest") &&
           options_put(c, p, "check.crcs", "false") &&
           options_merge(c, p, "client.id", -1, "perf-consumer-client");
}

static bool configure(struct cli *c)
{
    return options_settle(c, (struct options_plan){option_of(c, config_pair), O_PROPERTY, merge});
}

/* --- counting --- */

struct tally {
    int64_t bytes, records, since_ms; /* since_ms: of the day's clock, as all times that are told */
};

struct tool {
    struct cli *cli;
    struct plan plan;
    struct stop stop;
    struct progress progress;
    struct ottla_consumer *consumer;
    struct tally all, before; /* before: at the last line */
    int64_t join_ms, round_join_ms, joining_since_ms;
    size_t owned;
};

static double mib(int64_t bytes) { return (double)bytes / (1024.0 * 1024.0); }

static double a_second(double amount, int64_t ms)
{
    return ms > 0 ? amount * 1000.0 / (double)ms : 0;
}

static const char *time_text(const struct tool *t, int64_t ms, char text[PACE_TIME_MAX])
{
    const char *format = cli_value(t->cli, O_DATE);
    (void)pace_format_time(format ? format : "yyyy-MM-dd HH:mm:ss:SSS", ms, text);
    return text;
}

static void print_interval(struct tool *t, int64_t now_ms)
{
    char text[PACE_TIME_MAX];
    int64_t span_ms = now_ms - t->before.since_ms, fetch_ms = span_ms - t->round_join_ms;
    double more_mib = mib(t->all.bytes - t->before.bytes);
    double more = (double)(t->all.records - t->before.records);
    printf("%s, 0, %.4f, %.4f, %" PRId64 ", %.4f, %" PRId64 ", %" PRId64 ", %.4f, %.4f\n",
           time_text(t, now_ms, text), mib(t->all.bytes), a_second(more_mib, span_ms),
           t->all.records, a_second(more, span_ms), t->round_join_ms, fetch_ms,
           a_second(more_mib, fetch_ms), a_second(more, fetch_ms));
}

static void print_total(struct tool *t, int64_t end_ms)
{
    char from[PACE_TIME_MAX], until[PACE_TIME_MAX];
    struct buf out = BUF_INIT, text = BUF_INIT;
    int64_t span_ms = end_ms - t->all.since_ms, fetch_ms = span_ms - t->join_ms;
    double total_mib = mib(t->all.bytes), records = (double)t->all.records;
    const char *line =
        "%s, %s, %.4f, %.4f, %" PRId64 ", %.4f, %" PRId64 ", %" PRId64 ", %.4f, %.4f\n";
    if (t->cli->is_json) {
        line = "{\"start\":\"%s\",\"end\":\"%s\",\"mib\":%.4f,\"mib_per_second\":%.4f,"
               "\"records\":%" PRId64 ",\"records_per_second\":%.4f,\"rebalance_ms\":%" PRId64
               ",\"fetch_ms\":%" PRId64 ",\"fetch_mib_per_second\":%.4f,"
               "\"fetch_records_per_second\":%.4f}\n";
    }
    buf_printf(&out, line, time_text(t, t->all.since_ms, from), time_text(t, end_ms, until),
               total_mib, a_second(total_mib, span_ms), t->all.records, a_second(records, span_ms),
               t->join_ms, fetch_ms, a_second(total_mib, fetch_ms), a_second(records, fetch_ms));
    cli_put_lines(t->cli, buf_str(&out), &text);
    fputs(buf_cstr(&text), stdout);
    buf_deinit(&out);
    buf_deinit(&text);
}

/* --- reading --- */

static void on_revoked(void *ctx, struct ottla_consumer *consumer,
                       const struct ottla_topic_partition *partitions, size_t count)
{
    struct tool *t = ctx;
    (void)consumer;
    (void)partitions;
    t->owned -= MIN(count, t->owned);
    if (t->owned == 0) {
        t->joining_since_ms = pace_wall_ms();
    }
}

static void on_assigned(void *ctx, struct ottla_consumer *consumer,
                        const struct ottla_topic_partition *partitions, size_t count)
{
    struct tool *t = ctx;
    (void)consumer;
    (void)partitions;
    if (t->owned == 0) {
        int64_t took_ms = pace_wall_ms() - t->joining_since_ms;
        t->join_ms += took_ms;
        t->round_join_ms += took_ms;
    }
    t->owned += count;
}

static void count(struct tool *t, const struct ottla_records *records, int64_t now_ms)
{
    size_t n = ottla_records_count(records);
    for (size_t i = 0; i < n; i++) {
        const struct ottla_record *r = ottla_records_at(records, i);
        t->all.bytes += (int64_t)(r->key_length + r->value_length);
    }
    t->all.records += (int64_t)n;
    if (n == 0 || now_ms - t->before.since_ms < t->plan.interval_ms) {
        return;
    }
    if (cli_has(t->cli, O_DETAILED) && !t->cli->is_json) {
        progress_wipe(&t->progress);
        print_interval(t, now_ms);
    }
    t->round_join_ms = 0;
    t->before = t->all;
    t->before.since_ms = now_ms;
}

static bool read_all(struct tool *t)
{
    const int poll_ms = 100;
    int64_t now_ms = t->all.since_ms, last_ms = now_ms;
    while (t->all.records < t->plan.records && now_ms - last_ms <= t->plan.timeout_ms &&
           !stop_is_asked(&t->stop)) {
        struct ottla_records *records = NULL;
        if (ottla_consumer_poll(t->consumer, poll_ms, &records, &t->cli->error) != 0) {
            return cli_refuse(t->cli, "%s", t->cli->error.message);
        }
        now_ms = pace_wall_ms();
        last_ms = ottla_records_count(records) > 0 ? now_ms : last_ms;
        count(t, records, now_ms);
        progress_at(&t->progress, t->all.records);
        ottla_records_free(records);
    }
    progress_wipe(&t->progress);
    if (t->all.records < t->plan.records && !stop_is_asked(&t->stop)) {
        printf("WARNING: Exiting before consuming the expected number of records: timeout "
               "(%" PRId64 " ms) exceeded. You can use the --timeout option to increase the "
               "timeout.\n",
               t->plan.timeout_ms);
    }
    return true;
}

static bool begin(struct tool *t)
{
    struct cli *c = t->cli;
    const struct ottla_rebalance_listener listener = {on_revoked, on_assigned, NULL, t};
    t->consumer = ottla_consumer_new(c->client, &c->error);
    if (t->consumer == NULL) {
        return cli_refuse(c, "%s", c->error.message);
    }
    t->all.since_ms = t->before.since_ms = t->joining_since_ms = pace_wall_ms();
    return subscribe_to(c, t->consumer, cli_value(c, O_TOPIC), cli_value(c, O_INCLUDE), &listener);
}

static void wake(void *ctx) { ottla_consumer_wakeup(ctx); }

static bool work(struct tool *t)
{
    if (!begin(t)) {
        ottla_consumer_free(t->consumer);
        return false;
    }
    stop_call(&t->stop, wake, t->consumer);
    progress_init(&t->progress, "records", t->plan.records);
    bool ok = read_all(t);
    progress_wipe(&t->progress);
    int64_t end_ms = pace_wall_ms(), join_ms = t->join_ms;
    char *metrics = cli_has(t->cli, O_METRICS) ? ottla_consumer_metrics(t->consumer) : NULL;
    stop_call(&t->stop, NULL, NULL);
    ottla_consumer_free(t->consumer);
    t->join_ms = join_ms;
    if (ok && (!cli_has(t->cli, O_DETAILED) || t->cli->is_json)) {
        print_total(t, end_ms);
    }
    if (ok && metrics != NULL) {
        metrics_print(metrics, ottla_config_get(t->cli->config, "client.id"));
    }
    ottla_text_free(metrics);
    return ok;
}

static int run(struct cli *c)
{
    struct tool t = {.cli = c};
    (void)take_plan(c, &t.plan); /* check has seen it */
    if (!stop_init(&t.stop)) {
        return cli_fail(c, "no more threads or descriptors");
    }
    int status = work(&t) ? CLI_OK : cli_fail(c, "%s", buf_cstr(&c->why));
    status = stop_status(&t.stop, status);
    stop_deinit(&t.stop);
    return status;
}

static const struct cli_tool tool = {
    .spec = {.command = "ottla consumer-perf-test",
             .about = "Reads records as fast as it can and tells how long that took.",
             .options = options,
             .option_count = OPTIONS,
             .takes_prefixes = true,
             .words = ""},
    .check = check,
    .configure = configure,
    .run = run,
};

int consumer_perf_test_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }
