/* `ottla verifiable-producer` (kafka-verifiable-producer): counts, and tells of each record what
 * became of it. The main thread sends; deliveries are told in the producer's thread. */
#include "cli/command.h"
#include "cli/records/events.h"
#include "cli/records/options.h"
#include "cli/records/pace.h"
#include "cli/records/stop.h"

#include "base/json.h"

#include <inttypes.h>

enum {
    O_TOPIC = CLI_OPTIONS,
    O_MAX,
    O_THROUGHPUT,
    O_ACKS,
    O_PRODUCER_CONFIG,
    O_TIME,
    O_PREFIX,
    O_KEYS,
    OPTIONS
};

static const struct args_option options[OPTIONS] = {
    CLI_OPTION_ROWS,
    [O_TOPIC] = {"topic", "TOPIC", "Where the records go.", ARGS_VALUE, .is_needed = true},
    [O_MAX] = {"max-messages", "N", "How many; -1 (the default): until it is stopped.", ARGS_VALUE},
    [O_THROUGHPUT] = {"throughput", "N", "Most records a second, about (-1: no limit).",
                      ARGS_VALUE},
    [O_ACKS] = {"acks", "-1|0|1", "Who must have a record (-1: all).", ARGS_VALUE},
    [O_PRODUCER_CONFIG] = {"producer.config", "FILE", NULL, ARGS_VALUE},
    [O_TIME] = {"message-create-time", "MS", "The time of the first record; -1: now.", ARGS_VALUE},
    [O_PREFIX] = {"value-prefix", "N", "Values are N.0, N.1, ...", ARGS_VALUE},
    [O_KEYS] = {"repeating-keys", "N", "Keys are 0 to N - 1, again and again.", ARGS_VALUE},
};

static const struct option_pair config_pair = {CLI_CONFIG, O_PRODUCER_CONFIG};

struct plan {
    int64_t max, throughput, time_ms, prefix, keys;
};

static bool take_plan(struct cli *c, struct plan *ret)
{
    *ret = (struct plan){.max = -1, .throughput = -1, .time_ms = -1};
    return options_number(c, O_MAX, INT64_MIN, &ret->max) &&
           options_number(c, O_THROUGHPUT, INT64_MIN, &ret->throughput) &&
           options_number(c, O_TIME, INT64_MIN, &ret->time_ms) &&
           options_number(c, O_PREFIX, INT64_MIN, &ret->prefix) &&
           options_int(c, O_KEYS, INT32_MIN, &ret->keys);
}

static bool check(struct cli *c)
{
    struct plan plan;
    const char *acks = cli_value(c, O_ACKS);
    if (acks != NULL && strcmp(acks, "-1") != 0 && strcmp(acks, "0") != 0 &&
        strcmp(acks, "1") != 0) {
        return cli_refuse(c, "argument --acks: invalid choice: '%s' (choose from {0,1,-1})", acks);
    }
    bool ok = options_excludes_both(c, config_pair) && take_plan(c, &plan);
    if (ok && cli_has(c, O_PRODUCER_CONFIG)) {
        puts("Option --producer.config has been deprecated and will be removed in a future "
             "version. Use --command-config instead.");
    }
    return ok;
}

/* Here a file goes before the command line, as in Kafka. */
static bool configure(struct cli *c)
{
    struct props p;
    const char *file = cli_value(c, option_of(c, config_pair)), *acks = cli_value(c, O_ACKS);
    props_init(&p);
    bool ok = options_put(c, &p, "acks", acks ? acks : "-1") &&
              options_put(c, &p, "retries", "0") &&
              (file == NULL || options_load_file(c, file, &p)) && options_configure(c, &p);
    props_deinit(&p);
    return ok;
}

/* --- the work --- */

struct tool {
    struct cli *cli;
    struct plan plan;
    struct stop stop;
    struct ottla_producer *producer;
    _Atomic int64_t acked;
};

/* One record on its way. */
struct sent {
    struct tool *tool;
    char key[24]; /* "": none */
    char value[48];
};

static struct str key_of(const struct sent *s)
{
    return s->key[0] != '\0' ? str_from(s->key) : STR_NULL;
}

static void put_record(struct buf *out, const struct sent *s)
{
    event_put_text(out, "key", key_of(s));
    event_put_text(out, "value", str_from(s->value));
}

static void tell_error(const struct sent *s, int error, const char *message)
{
    struct buf out = BUF_INIT, class = BUF_INIT;
    event_begin(&out, "producer_send_error");
    event_put_text(&out, "topic", str_from(cli_value(s->tool->cli, O_TOPIC)));
    put_record(&out, s);
    buf_put_str(&class, STR("class "));
    cli_put_class(&class, error);
    event_put_text(&out, "exception", buf_str(&class));
    event_put_text(&out, "message", str_from(message));
    event_end(&out);
    buf_deinit(&out);
    buf_deinit(&class);
}

static void on_delivery(void *ctx, const struct ottla_delivery *d)
{
    struct sent *s = ctx;
    struct buf out = BUF_INIT;
    if (d->error == 0) {
        atomic_fetch_add(&s->tool->acked, 1);
        event_begin(&out, "producer_send_success");
        put_record(&out, s);
        buf_printf(&out, ",\"offset\":%" PRId64 ",", d->offset);
        event_put_part(&out, d->topic, d->partition);
        event_end(&out);
    } else {
        tell_error(s, d->error, d->message);
    }
    buf_deinit(&out);
    mem_free(s);
}

static struct sent *make(struct tool *t, int64_t i)
{
    struct sent *s = NEW(struct sent);
    s->tool = t;
    if (cli_has(t->cli, O_KEYS)) { /* of none that come again each is another, as in Kafka */
        snprintf(s->key, sizeof s->key, "%" PRId64, t->plan.keys > 0 ? i % t->plan.keys : i);
    }
    if (cli_has(t->cli, O_PREFIX)) {
        snprintf(s->value, sizeof s->value, "%" PRId64 ".%" PRId64, t->plan.prefix, i);
    } else {
        snprintf(s->value, sizeof s->value, "%" PRId64, i);
    }
    return s;
}

static void send_one(struct tool *t, int64_t i, int64_t since_ms)
{
    struct sent *s = make(t, i);
    struct ottla_message m;
    ottla_message_init(&m);
    m.topic = cli_value(t->cli, O_TOPIC);
    m.key = key_of(s).p;
    m.key_length = key_of(s).len;
    m.value = s->value;
    m.value_length = strlen(s->value);
    if (t->plan.time_ms >= 0) {
        m.timestamp_ms = t->plan.time_ms;
        t->plan.time_ms += pace_now_ms() - since_ms;
    }
    if (ottla_producer_send(t->producer, &m, on_delivery, s, &t->cli->error) != 0) {
        tell_error(s, t->cli->error.code, t->cli->error.message);
        mem_free(s);
    }
}

static void tell_end(struct tool *t, int64_t sent, int64_t since_ms)
{
    struct buf out = BUF_INIT;
    int64_t acked = atomic_load(&t->acked), took_ms = pace_now_ms() - since_ms;
    event_print("shutdown_complete");
    event_begin(&out, "tool_data");
    buf_printf(&out,
               ",\"sent\":%" PRId64 ",\"acked\":%" PRId64 ",\"target_throughput\":%" PRId64
               ",\"avg_throughput\":",
               sent, acked, t->plan.throughput);
    json_put_double(&out, 1000.0 * (double)acked / (double)(took_ms > 0 ? took_ms : 1));
    event_end(&out);
    buf_deinit(&out);
}

static int run(struct cli *c)
{
    struct tool t = {.cli = c};
    int64_t since_ms = pace_now_ms(), i = 0;
    (void)take_plan(c, &t.plan); /* check has seen it */
    t.producer = ottla_producer_new(c->client, &c->error);
    if (t.producer == NULL || !stop_init(&t.stop)) {
        ottla_producer_free(t.producer, 0);
        return cli_fail(c, "%s", t.producer ? "no more threads" : c->error.message);
    }
    event_print("startup_complete");
    for (; (t.plan.max < 0 || i < t.plan.max) && !stop_is_asked(&t.stop); i++) {
        send_one(&t, i, since_ms);
        pace_wait(since_ms, i + 1, (double)t.plan.throughput, t.stop.pipe[0]);
    }
    ottla_producer_free(t.producer, options_delivery_ms(c));
    tell_end(&t, i, since_ms);
    int status = stop_status(&t.stop, CLI_OK);
    stop_deinit(&t.stop);
    return status;
}

static const struct cli_tool tool = {
    .spec = {.command = "ottla verifiable-producer",
             .about = "Writes the numbers from 0 on and prints a line of JSON for each: whether it "
                      "was acknowledged, and where it is.",
             .options = options,
             .option_count = OPTIONS,
             .takes_prefixes = true},
    .check = check,
    .configure = configure,
    .run = run,
};

int verifiable_producer_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }
