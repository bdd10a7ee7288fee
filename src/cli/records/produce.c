/* `ottla produce`: records of standard input, in a form of one's own or as JSON. The main thread
 * reads and sends; deliveries come in the producer's thread; a thread waits for signals. */
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/records/input.h"
#include "cli/records/object.h"
#include "cli/records/options.h"
#include "cli/records/stop.h"
#include "cli/records/template.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

enum {
    O_KEY = CLI_OPTIONS,
    O_HEADER,
    O_PARTITION,
    O_NULLS,
    O_CODEC,
    O_ACKS,
    O_PLACE,
    O_VERBOSE,
    O_PROPERTY,
    O_TOPIC,
    O_COUNT,
    O_END,
    O_KEY_END,
    O_LINES,
    O_TEE,
    OPTIONS
};

static const struct args_option options[OPTIONS] = {
    CLI_OTHER_ROWS,
    [CLI_SERVER] = {"bootstrap-server", "HOST:PORT,...", "Brokers to begin with.", ARGS_VALUE, 'b'},
    [CLI_FORMAT] = {"format", "FORMAT",
                    "text (a value a line), json (as consume prints it, an object a line), or a "
                    "format string: %k key, %v value, %h headers as name=value,..., %t topic, %p "
                    "partition, %T time in ms, with text between them and at the end.",
                    ARGS_VALUE, 'f'},
    [O_KEY] = {"key", "KEY", "The key of all records that say none.", ARGS_VALUE, 'k'},
    [O_HEADER] = {"header", "NAME=VALUE", "A header of all records; without = it is null.",
                  ARGS_VALUE, 'H', .is_list = true},
    [O_PARTITION] = {"partition", "N", "The partition of all records.", ARGS_VALUE, 'p'},
    [O_NULLS] = {"tombstone", NULL, "An empty value is null, and so is a key.", ARGS_FLAG, 'Z'},
    [O_CODEC] = {"compression", "CODEC", "compression.type.", ARGS_VALUE, 'z'},
    [O_ACKS] = {"acks", "ACKS", "acks (all).", ARGS_VALUE},
    [O_PLACE] = {"keep-partition", NULL, "With json: each record in the partition that it says.",
                 ARGS_FLAG},
    [O_VERBOSE] = {"verbose", NULL, "Tell where each record is.", ARGS_FLAG, 'v'},
    [O_PROPERTY] = {"command-property", "NAME=VALUE", "A setting of the client.", ARGS_VALUE, 'X',
                    .is_list = true},
    [O_TOPIC] = {"topic", "TOPIC", "The same as TOPIC alone.", ARGS_VALUE, 't'},
    [O_COUNT] = {"count", "N", "End after so many records.", ARGS_VALUE, 'c'},
    [O_END] = {"delimiter", "TEXT", "What is behind each record, instead of \\n.", ARGS_VALUE, 'D'},
    [O_KEY_END] = {"key-delimiter", "TEXT",
                   "What is between key and value. Records without it "
                   "have no key.",
                   ARGS_VALUE, 'K'},
    [O_LINES] = {"lines", NULL,
                 "With -t TOPIC: records stand in the FILE, instead of a file being a record.",
                 ARGS_FLAG, 'l'},
    [O_TEE] = {"tee", NULL, "What is sent goes to standard output, too.", ARGS_FLAG, 'T'},
};

/* --- the command line --- */

/* As kcat has it, words are files where -t has named the topic. */
static const char *topic_of(const struct cli *c)
{
    return cli_has(c, O_TOPIC)      ? cli_value(c, O_TOPIC)
           : c->args.word_count > 0 ? c->args.words[0]
                                    : NULL;
}

static bool has_files(const struct cli *c) { return cli_has(c, O_TOPIC) && c->args.word_count > 0; }

static bool check_words(struct cli *c)
{
    const char *format = cli_value(c, CLI_FORMAT);
    if (!cli_has(c, O_TOPIC) && c->args.word_count > 1) {
        return cli_refuse(c, "one topic at a time; a format string may have %%t, and files come "
                             "behind -t TOPIC");
    }
    if (cli_has(c, O_LINES) && (!has_files(c) || c->args.word_count > 1)) {
        return cli_refuse(c, "--lines takes -t TOPIC and one FILE");
    }
    return topic_of(c) != NULL || c->is_json || (format != NULL && strstr(format, "%t") != NULL) ||
           cli_refuse(c, "which topic?");
}

static bool check(struct cli *c)
{
    int64_t any;
    if (c->is_yaml) {
        return cli_refuse(c, "--format: records are not read as yaml");
    }
    return check_words(c) && options_number(c, O_PARTITION, -1, &any) &&
           options_number(c, O_COUNT, 0, &any);
}

static bool merge(struct cli *c, struct props *p)
{
    return options_merge(c, p, "compression.type", O_CODEC, NULL) &&
           options_merge(c, p, "acks", O_ACKS, NULL);
}

static bool configure(struct cli *c)
{
    return options_settle(c, (struct options_plan){CLI_CONFIG, O_PROPERTY, merge});
}

/* --- headers --- */

struct headers {
    struct ottla_header *rows;
    size_t count, cap;
};

static void add_header(struct headers *h, struct str pair)
{
    size_t at = str_find(pair, '=');
    size_t from = at < pair.len ? at + 1 : at;
    if (h->count == h->cap) {
        h->cap = h->cap ? 2 * h->cap : 8;
        h->rows = mem_realloc_array(h->rows, h->cap, sizeof *h->rows);
    }
    h->rows[h->count++] =
        (struct ottla_header){pair.p, at, at < pair.len ? pair.p + from : NULL, pair.len - from};
}

/* Those of the command line, then those of the record: name=value,name=value. */
static void take_headers(const struct cli *c, struct str list, struct headers *h)
{
    struct str item;
    h->count = 0;
    for (int i = 0; i < args_count(&c->args, O_HEADER); i++) {
        add_header(h, str_from(args_nth(&c->args, O_HEADER, i)));
    }
    while (list.len > 0) {
        size_t at = str_find(list, ',');
        item = str_sub(list, 0, at);
        list = at < list.len ? str_sub(list, at + 1, list.len - at - 1) : STR("");
        add_header(h, item);
    }
}

/* --- the work --- */

struct tool {
    struct cli *cli;
    struct stop stop;
    struct input input;
    struct progress progress; /* of standard input, where it is a file */
    struct template template;
    struct object object; /* of the line, with json */
    struct headers headers;
    struct buf topic, why;
    struct ottla_producer *producer;
    int64_t partition;  /* of all records; -1: none */
    int64_t number;     /* of the record, from 1 on */
    atomic_bool failed; /* a record was not written */
};

static void on_delivery(void *ctx, const struct ottla_delivery *d)
{
    struct tool *t = ctx;
    if (d->error != 0) {
        atomic_store(&t->failed, true);
        progress_wipe(&t->progress);
        fprintf(stderr, "%s-%d: %s\n", d->topic, d->partition, d->message);
    } else if (cli_has(t->cli, O_VERBOSE)) {
        fprintf(stderr, "%s-%d: offset %" PRId64 "\n", d->topic, d->partition, d->offset);
    }
}

static bool take_text(struct tool *t, struct str line, struct ottla_message *m)
{
    struct template_record r;
    if (!template_read(&t->template, line, &r, &t->why)) {
        return false;
    }
    take_headers(t->cli, r.headers, &t->headers);
    if (!str_is_null(r.topic)) {
        buf_clear(&t->topic);
        buf_put_str(&t->topic, r.topic);
        m->topic = buf_cstr(&t->topic);
    }
    m->partition = r.partition >= 0 ? (int32_t)r.partition : m->partition;
    m->timestamp_ms = r.timestamp_ms;
    m->key = r.key.p;
    m->key_length = r.key.len;
    m->value = r.value.p;
    m->value_length = r.value.len;
    m->headers = t->headers.rows;
    m->header_count = t->headers.count;
    return true;
}

static bool take_record(struct tool *t, struct str line, struct ottla_message *m)
{
    const char *key = cli_value(t->cli, O_KEY);
    ottla_message_init(m);
    m->topic = topic_of(t->cli);
    m->partition = (int32_t)t->partition;
    buf_clear(&t->why);
    if (!(t->cli->is_json ? object_read(&t->object, line, cli_has(t->cli, O_PLACE), m, &t->why)
                          : take_text(t, line, m))) {
        return false;
    }
    if (m->key_length == 0 && cli_has(t->cli, O_NULLS)) {
        m->key = NULL;
    }
    if (m->key == NULL && key != NULL) {
        m->key = key;
        m->key_length = strlen(key);
    }
    if (m->value_length == 0 && cli_has(t->cli, O_NULLS)) {
        m->value = NULL;
    }
    if (m->topic == NULL) {
        buf_printf(&t->why, "which topic?");
    }
    return m->topic != NULL;
}

static bool send(struct tool *t, const struct ottla_message *m, struct str text)
{
    struct cli *c = t->cli;
    if (cli_has(c, O_TEE)) {
        (void)fwrite(text.p, 1, text.len, stdout);
        fflush(stdout);
    }
    return ottla_producer_send(t->producer, m, on_delivery, t, &c->error) == 0 ||
           cli_refuse(c, "record %" PRId64 ": %s", t->number, c->error.message);
}

static bool loop(struct tool *t)
{
    struct cli *c = t->cli;
    struct ottla_message m;
    struct str line;
    const int64_t bytes = progress_file_bytes(t->input.fd);
    int64_t most = INT64_MAX;
    (void)options_number(c, O_COUNT, 0, &most);
    if (bytes >= 0 && !cli_has(c, O_VERBOSE)) {
        progress_init(&t->progress, NULL, bytes);
    }
    for (t->number = 1; t->number <= most && input_line(&t->input, &line); t->number++) {
        progress_at(&t->progress, t->input.taken);
        if (!take_record(t, line, &m)) {
            return cli_refuse(c, "record %" PRId64 ": %s", t->number, buf_cstr(&t->why));
        }
        if (!send(t, &m, line)) {
            return false;
        }
    }
    return t->input.error == 0 || cli_refuse(c, "standard input: %s", strerror(t->input.error));
}

/* Each file is a value. */
static bool send_files(struct tool *t)
{
    struct cli *c = t->cli;
    struct ottla_message m;
    const char *key = cli_value(c, O_KEY);
    bool ok = true;
    for (t->number = 1; ok && t->number <= c->args.word_count; t->number++) {
        size_t len = 0;
        char *text = cli_read_file(c, c->args.words[t->number - 1], &len);
        ottla_message_init(&m);
        take_headers(c, STR_NULL, &t->headers);
        m.topic = topic_of(c);
        m.partition = (int32_t)t->partition;
        m.key = key;
        m.key_length = key ? strlen(key) : 0;
        m.value = text;
        m.value_length = len;
        m.headers = t->headers.rows;
        m.header_count = t->headers.count;
        ok = text != NULL && send(t, &m, STR(""));
        mem_free(text);
    }
    return ok;
}

/* The file of --lines, or standard input. */
static bool open_input(struct tool *t, struct str end)
{
    const char *path = cli_has(t->cli, O_LINES) ? t->cli->args.words[0] : NULL;
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (fd < 0) {
        return cli_refuse(t->cli, "%s: %s", path, strerror(errno));
    }
    input_init(&t->input, fd, t->stop.pipe[0]);
    input_delimit(&t->input, end);
    return true;
}

static bool prepare(struct tool *t)
{
    struct cli *c = t->cli;
    const char *format = cli_value(c, CLI_FORMAT);
    struct str end = STR("\n");
    bool is_text = format == NULL || c->is_json || strcmp(format, "text") == 0;
    t->partition = -1;
    (void)options_number(c, O_PARTITION, 0, &t->partition);
    buf_clear(&c->why);
    bool ok = c->is_json ? template_parse(&t->template, "%v\\n", &c->why)
              : is_text  ? template_parse_ends(&t->template, cli_value(c, O_KEY_END),
                                               cli_value(c, O_END), &c->why)
                         : template_parse(&t->template, format, &c->why);
    if (!ok || !template_take_end(&t->template, &end, &c->why)) {
        return false;
    }
    if (!open_input(t, end)) {
        return false;
    }
    t->producer = ottla_producer_new(c->client, &c->error);
    return t->producer != NULL || cli_refuse(c, "%s", c->error.message);
}

static int work(struct tool *t)
{
    struct cli *c = t->cli;
    if (!prepare(t)) {
        return cli_fail(c, "%s", buf_cstr(&c->why));
    }
    bool ok = has_files(c) && !cli_has(c, O_LINES) ? send_files(t) : loop(t);
    progress_wipe(&t->progress);
    ottla_producer_free(t->producer, options_delivery_ms(c));
    if (!ok) {
        cli_fail(c, "%s", buf_cstr(&c->why));
    }
    return stop_status(&t->stop, ok && !atomic_load(&t->failed) ? CLI_OK : CLI_FAILED);
}

static int run(struct cli *c)
{
    struct tool t = {.cli = c};
    if (!stop_init(&t.stop)) {
        return cli_fail(c, "no more threads or descriptors");
    }
    int status = work(&t);
    stop_deinit(&t.stop);
    if (t.input.fd > STDIN_FILENO) {
        close(t.input.fd);
    }
    input_deinit(&t.input);
    template_deinit(&t.template);
    object_deinit(&t.object);
    mem_free(t.headers.rows);
    buf_deinit(&t.topic);
    buf_deinit(&t.why);
    return status;
}

static const struct cli_tool tool = {
    .spec = {.command = "ottla produce",
             .words = "[TOPIC | -t TOPIC [FILE...]]",
             .about = "Writes what comes on standard input as records. Status 0: all are written.",
             .options = options,
             .option_count = OPTIONS,
             .takes_prefixes = true},
    .check = check,
    .configure = configure,
    .has_formats = true,
    .run = run,
};

int produce_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }
