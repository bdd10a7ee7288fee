/* `ottla producer-perf-test` (kafka-producer-perf-test): how fast records are written. The main
 * thread sends; what was delivered is counted and told in the producer's thread. */
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/records/input.h"
#include "cli/records/metrics.h"
#include "cli/records/options.h"
#include "cli/records/pace.h"
#include "cli/records/perf_stats.h"
#include "cli/records/stop.h"

#include "base/attr.h"
#include "base/rand.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

enum {
    O_TOPIC = CLI_OPTIONS,
    O_RECORDS,
    O_THROUGHPUT,
    O_SIZE,
    O_FILE,
    O_DELIMITER,
    O_MONOTONIC,
    O_PROPERTY,
    O_PROPS,
    O_PRODUCER_CONFIG,
    O_METRICS,
    O_TXN_ID,
    O_TXN_MS,
    O_WARMUP,
    O_INTERVAL,
    OPTIONS
};

static const struct args_option options[OPTIONS] = {
    CLI_OPTION_ROWS,
    [O_TOPIC] = {"topic", "TOPIC", "Where the records go.", ARGS_VALUE, .is_needed = true},
    [O_RECORDS] = {"num-records", "N", "How many.", ARGS_VALUE, .is_needed = true},
    [O_THROUGHPUT] = {"throughput", "N", "Most records a second, about; -1: as many as possible.",
                      ARGS_VALUE, .is_needed = true},
    [O_SIZE] = {"record-size", "BYTES", "Records of random letters.", ARGS_VALUE},
    [O_FILE] = {"payload-file", "FILE", "Records from this file, chosen by chance.", ARGS_VALUE},
    [O_DELIMITER] = {"payload-delimiter", "TEXT", "What is between them there (\\n).", ARGS_VALUE},
    [O_MONOTONIC] = {"payload-monotonic", NULL, "Records are the numbers from 0 on.", ARGS_FLAG},
    [O_PROPERTY] = {"command-property", "NAME=VALUE...",
                    "Settings of the producer, before those of --command-config.", ARGS_VALUE,
                    .is_list = true},
    [O_PROPS] = {"producer-props", "NAME=VALUE...", NULL, ARGS_VALUE, .is_list = true},
    [O_PRODUCER_CONFIG] = {"producer.config", "FILE", NULL, ARGS_VALUE},
    [O_METRICS] = {"print-metrics", NULL, "Print what the producer counted.", ARGS_FLAG},
    [O_TXN_ID] = {"transactional-id", "ID", "Write in transactions.", ARGS_VALUE},
    [O_TXN_MS] = {"transaction-duration-ms", "MS", "How long each is open (3000).", ARGS_VALUE},
    [O_WARMUP] = {"warmup-records", "N", "So many at first are left out of a second result.",
                  ARGS_VALUE},
    [O_INTERVAL] = {"reporting-interval", "MS", "How often to tell (5000).", ARGS_VALUE},
};

static const struct option_pair setting_pair = {O_PROPERTY, O_PROPS};
static const struct option_pair config_pair = {CLI_CONFIG, O_PRODUCER_CONFIG};

/* --- the command line --- */

struct plan {
    int64_t records, warmup, size, interval_ms, transaction_ms; /* size 0: not by size */
    double throughput;
};

static bool take_double(struct cli *c, int option, double *ret)
{
    const char *text = cli_value(c, option);
    char *end = NULL;
    *ret = text ? strtod(text, &end) : 0;
    return (text != NULL && end != text && *end == '\0') ||
           cli_refuse(c, "could not convert '%s' to a number", text ? text : "");
}

static bool take_plan(struct cli *c, struct plan *ret)
{
    *ret = (struct plan){.interval_ms = 5000};
    if (!options_number(c, O_RECORDS, INT64_MIN, &ret->records) ||
        !options_number(c, O_WARMUP, INT64_MIN, &ret->warmup) ||
        !options_number(c, O_SIZE, INT64_MIN, &ret->size) ||
        !options_number(c, O_INTERVAL, INT64_MIN, &ret->interval_ms) ||
        !options_number(c, O_TXN_MS, INT64_MIN, &ret->transaction_ms) ||
        !take_double(c, O_THROUGHPUT, &ret->throughput)) {
        return false;
    }
    ret->warmup = MAX(ret->warmup, 0);
    if (ret->records <= 0) {
        return cli_refuse(c, "--num-records should be greater than zero.");
    }
    if (ret->warmup >= ret->records) {
        return cli_refuse(c, "The value for --warmup-records must be strictly fewer than the "
                             "number of records in the test, --num-records.");
    }
    if (cli_has(c, O_SIZE) && (ret->size <= 0 || ret->size > INT32_MAX)) {
        return cli_refuse(c, "--record-size should be greater than zero.");
    }
    if (cli_has(c, O_TXN_MS) && ret->transaction_ms <= 0) {
        return cli_refuse(c, "--transaction-duration-ms should be greater than zero.");
    }
    return ret->interval_ms > 0 ||
           cli_refuse(c, "--reporting-interval should be greater than zero.");
}

/* Words behind an option are more values of it. */
static bool check_pairs(struct cli *c)
{
    int option = option_of(c, setting_pair);
    for (int i = 0; i < args_count(&c->args, option) + c->args.word_count; i++) {
        int word = i - args_count(&c->args, option);
        const char *pair = word < 0 ? args_nth(&c->args, option, i) : c->args.words[word];
        if (word >= 0 && !cli_has(c, option)) {
            return cli_refuse(c, "'%s' is not understood: options begin with --", pair);
        }
        if (strchr(pair, '=') == NULL) {
            return cli_refuse(c, "Invalid property: %s", pair);
        }
    }
    return true;
}

static void warn_old(const struct cli *c, struct option_pair p)
{
    const struct args_option *rows = c->args.spec->options;
    if (cli_has(c, p.before)) {
        printf("Option --%s has been deprecated and will be removed in a future version. Use --%s "
               "instead.\n",
               rows[p.before].name, rows[p.now].name);
    }
}

static bool check(struct cli *c)
{
    static const int payloads[] = {O_SIZE, O_FILE, O_MONOTONIC, -1};
    static const int servers[] = {CLI_SERVER, O_PROPERTY,        O_PROPS,
                                  CLI_CONFIG, O_PRODUCER_CONFIG, -1};
    struct plan plan;
    if (cli_count_of(c, payloads) != 1) {
        return cli_refuse(c, "exactly one of the arguments --record-size --payload-file "
                             "--payload-monotonic is required");
    }
    if (cli_count_of(c, servers) == 0 &&
        ottla_config_get(c->config, "bootstrap.servers")[0] == '\0') {
        return cli_refuse(c, "At least one of --bootstrap-server, --command-property, "
                             "--producer-props, --producer.config or --command-config must be "
                             "specified.");
    }
    bool ok = options_excludes_both(c, setting_pair) && options_excludes_both(c, config_pair) &&
              take_plan(c, &plan);
    if (ok) {
        warn_old(c, setting_pair);
        warn_old(c, config_pair);
    }
    return ok && check_pairs(c);
}

static bool merge_transactions(struct cli *c, struct props *p)
{
    char own[64];
    uint32_t number = (uint32_t)getpid();
    snprintf(own, sizeof own, "performance-producer-%" PRIu32 "-%" PRId64, number, pace_wall_ms());
    return options_merge(c, p, "transactional.id", O_TXN_ID, cli_has(c, O_TXN_MS) ? own : NULL);
}

static bool merge(struct cli *c, struct props *p)
{
    return options_take_words(c, p) &&
           options_merge(c, p, "client.id", -1, "perf-producer-client") && merge_transactions(c, p);
}

static bool configure(struct cli *c)
{
    return options_settle(
        c, (struct options_plan){option_of(c, config_pair), option_of(c, setting_pair), merge});
}

/* --- payloads --- */

struct payloads {
    struct rand random;
    char *bytes;            /* of one record, or of the whole file */
    struct str *rows;       /* of a file */
    size_t row_count, size; /* size 0: not by size */
    char number[24];
};

static void add_payload(struct payloads *p, struct buf *text, struct str row)
{
    buf_put_str(text, row);
    p->rows = mem_realloc_array(p->rows, p->row_count + 1, sizeof *p->rows);
    p->rows[p->row_count++].len = row.len;
}

static bool load_payloads(struct cli *c, struct payloads *p)
{
    const char *path = cli_value(c, O_FILE), *between = cli_value(c, O_DELIMITER);
    struct input in;
    struct str row;
    struct buf text = BUF_INIT;
    size_t len = 0;
    char *full = realpath(path, NULL);
    printf("Reading payloads from: %s\n", full ? full : path);
    free(full);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    input_init(&in, fd, -1);
    input_delimit(&in,
                  between == NULL || strcmp(between, "\\n") == 0 ? STR("\n") : str_from(between));
    while (fd >= 0 && input_line(&in, &row)) {
        add_payload(p, &text, row);
    }
    input_deinit(&in);
    if (fd >= 0) {
        close(fd);
    }
    buf_cstr(&text);
    p->bytes = (char *)buf_steal(&text, &len);
    for (size_t i = 0, at = 0; i < p->row_count; i++) {
        p->rows[i].p = p->bytes + at;
        at += p->rows[i].len;
    }
    if (p->row_count == 0) {
        return cli_refuse(c, "File does not exist or empty file provided.");
    }
    printf("Number of records read: %zu\n", p->row_count);
    return true;
}

static bool payloads_init(struct payloads *p, struct cli *c, const struct plan *plan)
{
    *p = (struct payloads){.size = (size_t)plan->size};
    rand_init(&p->random, 0);
    if (cli_has(c, O_FILE)) {
        return load_payloads(c, p);
    }
    p->bytes = mem_alloc(p->size + 1);
    return true;
}

static void payloads_deinit(struct payloads *p)
{
    mem_free(p->bytes);
    mem_free(p->rows);
}

static void put_letters(struct payloads *p)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < p->size; i++) {
        bits = i % 8 == 0 ? rand_u64(&p->random) : bits >> 8;
        p->bytes[i] = (char)('A' + ((bits & 0xff) * 26 >> 8));
    }
}

static struct str next_payload(struct payloads *p, int64_t number)
{
    if (p->row_count > 0) {
        return p->rows[rand_below(&p->random, p->row_count)];
    }
    if (p->size > 0) {
        put_letters(p);
        return (struct str){p->bytes, p->size};
    }
    int len = snprintf(p->number, sizeof p->number, "%" PRId64, number);
    return (struct str){p->number, (size_t)len};
}

/* --- what is on its way --- */

struct tool;

/* Of one record. */
struct sent {
    struct tool *tool;
    struct sent *next; /* in a list of free ones */
    int64_t since_ms;
    int32_t bytes;
    bool is_steady; /* sent after the warm-up */
};

struct tool {
    struct cli *cli;
    struct plan plan;
    struct stop stop;
    struct progress progress;
    struct payloads payloads;
    struct ottla_producer *producer;
    struct sent *spare;            /* the main thread's */
    _Atomic(struct sent *) landed; /* the producer's thread adds, the main thread takes all */
    /* From here on the producer's thread's, until it has ended. */
    struct perf_stats stats, steady;
    bool has_steady;
    struct buf line;
};

/* A list that one thread pushes to, and whose whole content the other takes. */
static void give_back(struct tool *t, struct sent *s)
{
    s->next = atomic_load_explicit(&t->landed, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&t->landed, &s->next, s, memory_order_release,
                                                  memory_order_relaxed)) {
    }
}

static struct sent *take_sent(struct tool *t)
{
    if (t->spare == NULL) {
        t->spare = atomic_exchange_explicit(&t->landed, NULL, memory_order_acquire);
    }
    struct sent *s = t->spare;
    if (s == NULL) {
        return NEW(struct sent);
    }
    t->spare = s->next;
    return s;
}

static void free_list(struct sent *s)
{
    while (s != NULL) {
        struct sent *next = s->next;
        mem_free(s);
        s = next;
    }
}

/* --- counting --- */

static void begin_steady(struct tool *t, int64_t now_ms)
{
    perf_stats_init(&t->steady, t->plan.records - t->plan.warmup, t->plan.interval_ms, now_ms);
    t->steady.is_steady = true;
    t->has_steady = true;
}

static void count(struct tool *t, const struct sent *s)
{
    int64_t now_ms = pace_now_ms();
    if (s->is_steady && !t->has_steady) {
        begin_steady(t, s->since_ms);
    }
    perf_stats_add(&t->stats, now_ms - s->since_ms, s->bytes, now_ms, &t->line);
    if (t->has_steady) {
        buf_clear(&t->line); /* from now on the steady state's windows are told */
    }
    if (s->is_steady) {
        perf_stats_add(&t->steady, now_ms - s->since_ms, s->bytes, now_ms, &t->line);
    }
    if (t->line.len > 0 && !t->cli->is_json) {
        progress_wipe(&t->progress);
        fputs(buf_cstr(&t->line), stdout);
        fflush(stdout);
    }
    buf_clear(&t->line);
}

static void on_delivery(void *ctx, const struct ottla_delivery *d)
{
    struct sent *s = ctx;
    if (d->error == 0) {
        count(s->tool, s);
    } else {
        progress_wipe(&s->tool->progress);
        fprintf(stderr, "%s-%d: %s\n", d->topic, d->partition, d->message);
    }
    give_back(s->tool, s);
}

static void put_total(struct tool *t, struct perf_stats *s, int64_t now_ms)
{
    if (t->cli->is_json) {
        perf_stats_put_json(s, now_ms, &t->line);
    } else {
        perf_stats_put_total(s, now_ms, &t->line);
    }
}

static void print_totals(struct tool *t)
{
    struct buf text = BUF_INIT;
    int64_t now_ms = pace_now_ms();
    put_total(t, &t->stats, now_ms);
    if (t->has_steady) {
        put_total(t, &t->steady, now_ms);
    }
    cli_put_lines(t->cli, buf_str(&t->line), &text);
    fputs(buf_cstr(&text), stdout);
    buf_deinit(&text);
}

/* --- sending --- */

/* A record that cannot be taken is told; only what nothing can repair ends the run. */
static bool send_one(struct tool *t, int64_t i)
{
    struct cli *c = t->cli;
    struct ottla_message m;
    struct str payload = next_payload(&t->payloads, i);
    struct sent *s = take_sent(t);
    *s = (struct sent){t, NULL, pace_now_ms(), (int32_t)payload.len,
                       t->plan.warmup > 0 && i >= t->plan.warmup};
    ottla_message_init(&m);
    m.topic = cli_value(c, O_TOPIC);
    m.value = payload.p;
    m.value_length = payload.len;
    if (ottla_producer_send(t->producer, &m, on_delivery, s, &c->error) == 0) {
        return true;
    }
    mem_free(s);
    progress_wipe(&t->progress);
    fprintf(stderr, "%s\n", c->error.message);
    return (c->error.flags & OTTLA_FATAL) == 0;
}

/* Ends a transaction that is open for long enough. *since_ms < 0: none is open. */
static bool turn_transaction(struct tool *t, bool must_end, int64_t *since_ms)
{
    struct ottla_error *error = &t->cli->error;
    int64_t now_ms = pace_now_ms();
    int e = 0;
    if (*since_ms >= 0 && (must_end || now_ms - *since_ms >= t->plan.transaction_ms)) {
        e = ottla_producer_commit(t->producer, 0, error);
        *since_ms = -1;
    }
    if (e == 0 && *since_ms < 0 && !must_end) {
        e = ottla_producer_begin(t->producer, error);
        *since_ms = now_ms;
    }
    return e == 0 || cli_refuse(t->cli, "%s", error->message);
}

static bool send_all(struct tool *t)
{
    struct cli *c = t->cli;
    const bool has_transactions = ottla_config_get(c->config, "transactional.id")[0] != '\0';
    int64_t since_ms = pace_now_ms(), transaction_ms = -1;
    bool ok = !has_transactions ||
              ottla_producer_init_transactions(t->producer, 0, &c->error) == 0 ||
              cli_refuse(c, "%s", c->error.message);
    for (int64_t i = 0; ok && i < t->plan.records && !stop_is_asked(&t->stop); i++) {
        ok = (!has_transactions || turn_transaction(t, false, &transaction_ms)) && send_one(t, i);
        progress_at(&t->progress, i + 1);
        pace_wait(since_ms, i + 1, t->plan.throughput, t->stop.pipe[0]);
    }
    return ok && (!has_transactions || turn_transaction(t, true, &transaction_ms));
}

static int work(struct tool *t)
{
    struct cli *c = t->cli;
    if (!take_plan(c, &t->plan) || !payloads_init(&t->payloads, c, &t->plan)) {
        return cli_fail(c, "%s", buf_cstr(&c->why));
    }
    t->plan.transaction_ms = t->plan.transaction_ms ? t->plan.transaction_ms : 3000;
    t->producer = ottla_producer_new(c->client, &c->error);
    if (t->producer == NULL) {
        return cli_fail(c, "%s", c->error.message);
    }
    if (t->plan.warmup > 0 && !c->is_json) {
        printf("Warmup first %" PRId64 " records. Steady state results will print after the "
               "complete test summary.\n",
               t->plan.warmup);
    }
    perf_stats_init(&t->stats, t->plan.records, t->plan.interval_ms, pace_now_ms());
    progress_init(&t->progress, "records", t->plan.records);
    bool ok = send_all(t);
    progress_wipe(&t->progress);
    (void)ottla_producer_flush(t->producer, options_delivery_ms(c), NULL);
    char *metrics = cli_has(c, O_METRICS) ? ottla_producer_metrics(t->producer) : NULL;
    ottla_producer_free(t->producer, 0);
    print_totals(t);
    if (metrics != NULL) {
        metrics_print(metrics, ottla_config_get(c->config, "client.id"));
    }
    ottla_text_free(metrics);
    return stop_status(&t->stop, ok ? CLI_OK : cli_fail(c, "%s", buf_cstr(&c->why)));
}

static int run(struct cli *c)
{
    struct tool t = {.cli = c};
    if (!stop_init(&t.stop)) {
        return cli_fail(c, "no more threads or descriptors");
    }
    int status = work(&t);
    stop_deinit(&t.stop);
    payloads_deinit(&t.payloads);
    free_list(t.spare);
    free_list(atomic_load(&t.landed));
    perf_stats_deinit(&t.stats);
    perf_stats_deinit(&t.steady);
    buf_deinit(&t.line);
    return status;
}

static const struct cli_tool tool = {
    .spec = {.command = "ottla producer-perf-test",
             .words = "",
             .about = "Writes records as fast as it can, or at a rate, and tells how long they "
                      "took.",
             .options = options,
             .option_count = OPTIONS,
             .takes_prefixes = true},
    .check = check,
    .configure = configure,
    .server_is_optional = true,
    .run = run,
};

int producer_perf_test_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }
