/* `ottla console-producer` (kafka-console-producer): lines of standard input as records. The main
 * thread reads and sends; deliveries come in the producer's thread; a thread waits for signals. */
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/records/input.h"
#include "cli/records/line.h"
#include "cli/records/options.h"
#include "cli/records/stop.h"

#include "base/attr.h"

#include <unistd.h>

enum {
    O_TOPIC = CLI_OPTIONS,
    O_SYNC,
    O_CODEC,
    O_BATCH,
    O_PARTITION_MEMORY,
    O_RETRIES,
    O_BACKOFF,
    O_LINGER,
    O_ACKS,
    O_REQUEST_TIMEOUT,
    O_METADATA_AGE,
    O_BLOCK,
    O_MEMORY,
    O_SOCKET,
    O_READER,
    O_READER_CONFIG,
    O_READER_PROPERTY,
    O_PROPERTY,
    O_COMMAND_PROPERTY,
    O_PRODUCER_PROPERTY,
    O_PRODUCER_CONFIG,
    OPTIONS
};

static const struct args_option options[OPTIONS] = {
    CLI_OPTION_ROWS,
    [O_TOPIC] = {"topic", "TOPIC", "Where the records go.", ARGS_VALUE, .is_needed = true},
    [O_SYNC] = {"sync", NULL, "Wait for each record before the next is read.", ARGS_FLAG},
    [O_CODEC] = {"compression-codec", "CODEC",
                 "none (without this option), gzip (without a value), snappy, lz4, zstd.",
                 ARGS_MAYBE},
    [O_BATCH] = {"batch-size", "BYTES", "batch.size (16384).", ARGS_VALUE},
    [O_PARTITION_MEMORY] = {"max-partition-memory-bytes", "BYTES", NULL, ARGS_VALUE},
    [O_RETRIES] = {"message-send-max-retries", "N", "retries (3).", ARGS_VALUE},
    [O_BACKOFF] = {"retry-backoff-ms", "MS", "retry.backoff.ms (100).", ARGS_VALUE},
    [O_LINGER] = {"timeout", "MS", "How long a batch waits for company: linger.ms (1000).",
                  ARGS_VALUE},
    [O_ACKS] = {"request-required-acks", "ACKS", "acks: all or -1 (the default), 0, 1.",
                ARGS_VALUE},
    [O_REQUEST_TIMEOUT] = {"request-timeout-ms", "MS", "request.timeout.ms (1500).", ARGS_VALUE},
    [O_METADATA_AGE] = {"metadata-expiry-ms", "MS", "metadata.max.age.ms (300000).", ARGS_VALUE},
    [O_BLOCK] = {"max-block-ms", "MS", "How long sending may wait: max.block.ms (60000).",
                 ARGS_VALUE},
    [O_MEMORY] = {"max-memory-bytes", "BYTES", "buffer.memory (33554432).", ARGS_VALUE},
    [O_SOCKET] = {"socket-buffer-size", "BYTES",
                  "For compatibility: the system sizes the socket's buffer.", ARGS_VALUE},
    [O_READER] = {"line-reader", "CLASS",
                  "org.apache.kafka.tools.LineMessageReader, a record a line, is the only one.",
                  ARGS_VALUE},
    [O_READER_CONFIG] = {"reader-config", "FILE", "A file with properties of the reader.",
                         ARGS_VALUE},
    [O_READER_PROPERTY] =
        {"reader-property", "NAME=VALUE",
         "parse.key, parse.headers, ignore.error (true or false), key.separator (a tab), "
         "headers.delimiter (a tab), headers.separator (a comma; a regular expression), "
         "headers.key.separator (:), null.marker. With headers and key a line is "
         "h1:v1,h2:v2<TAB>key<TAB>value.",
         ARGS_VALUE, .is_list = true},
    [O_PROPERTY] = {"property", "NAME=VALUE", NULL, ARGS_VALUE, .is_list = true},
    [O_COMMAND_PROPERTY] = {"command-property", "NAME=VALUE",
                            "A setting of the producer, before those of --command-config.",
                            ARGS_VALUE, .is_list = true},
    [O_PRODUCER_PROPERTY] = {"producer-property", "NAME=VALUE", NULL, ARGS_VALUE, .is_list = true},
    [O_PRODUCER_CONFIG] = {"producer.config", "FILE", NULL, ARGS_VALUE},
};

static const struct option_pair reader_pair = {O_READER_PROPERTY, O_PROPERTY};
static const struct option_pair setting_pair = {O_COMMAND_PROPERTY, O_PRODUCER_PROPERTY};
static const struct option_pair config_pair = {CLI_CONFIG, O_PRODUCER_CONFIG};

/* --- the command line --- */

static bool check_reader(struct cli *c)
{
    const char *class = cli_value(c, O_READER);
    return class == NULL || strcmp(class, "org.apache.kafka.tools.LineMessageReader") == 0 ||
           cli_refuse(c,
                      "%s: this program runs no Java; the line reader that it has is "
                      "org.apache.kafka.tools.LineMessageReader",
                      class);
}

static bool check_numbers(struct cli *c)
{
    static const int numbers[] = {O_BACKOFF, O_LINGER, O_METADATA_AGE, O_BLOCK, O_MEMORY};
    static const int ints[] = {O_BATCH, O_PARTITION_MEMORY, O_RETRIES, O_REQUEST_TIMEOUT};
    int64_t any;
    bool ok = options_int(c, O_SOCKET, -1, &any);
    for (size_t i = 0; ok && i < ARRAY_LEN(numbers); i++) {
        ok = options_number(c, numbers[i], INT64_MIN, &any);
    }
    for (size_t i = 0; ok && i < ARRAY_LEN(ints); i++) {
        ok = options_int(c, ints[i], INT32_MIN, &any);
    }
    return ok;
}

static bool check(struct cli *c)
{
    bool ok = options_excludes_both(c, setting_pair) && options_excludes_both(c, reader_pair) &&
              options_excludes_both(c, config_pair) && check_reader(c) && check_numbers(c);
    if (ok) {
        options_warn_old(c, "Warning:", reader_pair);
        options_warn_old(c, "Warning:", setting_pair);
        options_warn_old(c, "Warning:", config_pair);
        if (cli_has(c, O_PARTITION_MEMORY)) {
            puts(
                "Warning: --max-partition-memory-bytes is deprecated and will be removed in Apache "
                "Kafka 5.0. Use --batch-size instead.");
        }
    }
    return ok;
}

/* What options say goes before what files and properties say; what neither says is as Kafka's
 * console has it, which is not as its producer has it. */
static bool merge(struct cli *c, struct props *p)
{
    static const struct {
        const char *name;
        int option;
        const char *dflt;
    } rows[] = {
        {"linger.ms", O_LINGER, "1000"},
        {"acks", O_ACKS, "-1"},
        {"request.timeout.ms", O_REQUEST_TIMEOUT, "1500"},
        {"retries", O_RETRIES, "3"},
        {"retry.backoff.ms", O_BACKOFF, "100"},
        {"buffer.memory", O_MEMORY, "33554432"},
        {"batch.size", O_BATCH, "16384"},
        {"batch.size", O_PARTITION_MEMORY, NULL},
        {"metadata.max.age.ms", O_METADATA_AGE, "300000"},
        {"max.block.ms", O_BLOCK, "60000"},
        {"client.id", -1, "console-producer"},
    };
    bool ok = true;
    for (size_t i = 0; ok && i < ARRAY_LEN(rows); i++) {
        ok = options_merge(c, p, rows[i].name, rows[i].option, rows[i].dflt);
    }
    const char *codec = cli_value(c, O_CODEC);
    codec = !cli_has(c, O_CODEC) ? "none" : codec == NULL || codec[0] == '\0' ? "gzip" : codec;
    return ok && options_put(c, p, "compression.type", codec);
}

static bool configure(struct cli *c)
{
    return options_settle(
        c, (struct options_plan){option_of(c, config_pair), option_of(c, setting_pair), merge});
}

/* --- the work --- */

struct tool {
    struct cli *cli;
    struct stop stop;
    struct props reader;
    struct line_rules rules;
    bool has_rules;
    struct line_record record;
    struct input input;
    struct progress progress; /* of standard input, where it is a file */
    struct ottla_producer *producer;
};

static bool take_reader(struct tool *t)
{
    struct cli *c = t->cli;
    const char *file = cli_value(c, O_READER_CONFIG);
    buf_clear(&c->why);
    t->has_rules = (file == NULL || options_load_file(c, file, &t->reader)) &&
                   options_take_pairs(c, option_of(c, reader_pair), &t->reader) &&
                   line_rules_take(&t->rules, &t->reader, &c->why);
    return t->has_rules;
}

/* In the producer's thread, and in ours for what was not taken. */
static void tell(struct tool *t, const char *topic, const char *why)
{
    progress_wipe(&t->progress);
    fprintf(stderr, "Error when sending message to topic %s: %s\n", topic, why);
}

static void on_delivery(void *ctx, const struct ottla_delivery *d)
{
    if (d->error != 0) {
        tell(ctx, d->topic, d->message);
    }
}

/* Without --sync a record that fails is told and the next one read. */
static bool send(struct tool *t, const struct ottla_message *m)
{
    struct cli *c = t->cli;
    if (cli_has(c, O_SYNC)) {
        return ottla_producer_send_wait(t->producer, m, NULL, &c->error) == 0 ||
               cli_refuse(c, "%s", c->error.message);
    }
    if (ottla_producer_send(t->producer, m, on_delivery, t, &c->error) != 0) {
        tell(t, m->topic, c->error.message);
    }
    return true;
}

static bool loop(struct tool *t)
{
    struct ottla_message m;
    struct str line;
    const int64_t bytes = progress_file_bytes(STDIN_FILENO);
    const bool is_prompting = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    bool ok = true;
    ottla_message_init(&m);
    m.topic = cli_value(t->cli, O_TOPIC);
    buf_clear(&t->cli->why);
    if (bytes >= 0) {
        progress_init(&t->progress, NULL, bytes);
    }
    for (int64_t number = 1; ok; number++) {
        if (is_prompting) {
            fputs(">", stdout);
            fflush(stdout);
        }
        if (!input_line(&t->input, &line)) {
            break;
        }
        progress_at(&t->progress, t->input.taken);
        ok = line_parse(&t->rules, line, number, &t->record, &t->cli->why);
        line_put_message(&t->record, &m);
        ok = ok && send(t, &m);
    }
    return ok && (t->input.error == 0 ||
                  cli_refuse(t->cli, "standard input: %s", strerror(t->input.error)));
}

static int work(struct tool *t)
{
    struct cli *c = t->cli;
    if (!take_reader(t)) {
        return cli_fail(c, "%s", buf_cstr(&c->why));
    }
    t->producer = ottla_producer_new(c->client, &c->error);
    if (t->producer == NULL) {
        return cli_fail(c, "%s", c->error.message);
    }
    bool ok = loop(t);
    progress_wipe(&t->progress);
    ottla_producer_free(t->producer, options_delivery_ms(c));
    return stop_status(&t->stop, ok ? CLI_OK : cli_fail(c, "%s", buf_cstr(&c->why)));
}

static int run(struct cli *c)
{
    struct tool t = {.cli = c};
    if (!stop_init(&t.stop)) {
        return cli_fail(c, "no more threads or descriptors");
    }
    props_init(&t.reader);
    input_init(&t.input, STDIN_FILENO, t.stop.pipe[0]);
    int status = work(&t);
    input_deinit(&t.input);
    stop_deinit(&t.stop);
    line_record_deinit(&t.record);
    if (t.has_rules) {
        line_rules_deinit(&t.rules);
    }
    props_deinit(&t.reader);
    return status;
}

static const struct cli_tool tool = {
    .spec = {.command = "ottla console-producer",
             .about = "Writes lines of standard input to a topic, a record each.",
             .options = options,
             .option_count = OPTIONS,
             .takes_prefixes = true,
             .words = ""},
    .check = check,
    .configure = configure,
    .run = run,
};

int console_producer_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }
