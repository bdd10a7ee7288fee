/* `ottla console-consumer` (kafka-console-consumer): records of topics as text. The main thread
 * polls and prints; a thread waits for signals and wakes it. */
#include "cli/command.h"
#include "cli/records/format.h"
#include "cli/records/options.h"
#include "cli/records/reading.h"
#include "cli/records/subscribe.h"

#include <inttypes.h>
#include <strings.h>
#include <sys/random.h>

enum {
    O_TOPIC = CLI_OPTIONS,
    O_INCLUDE,
    O_PARTITION,
    O_OFFSET,
    O_BEGINNING,
    O_MAX,
    O_TIMEOUT,
    O_GROUP,
    O_ISOLATION,
    O_FORMATTER,
    O_FORMATTER_CONFIG,
    O_FORMATTER_PROPERTY,
    O_PROPERTY,
    O_KEY_CLASS,
    O_VALUE_CLASS,
    O_SKIP,
    O_SYSTEST,
    O_COMMAND_PROPERTY,
    O_CONSUMER_PROPERTY,
    O_CONSUMER_CONFIG,
    OPTIONS
};

static const struct args_option options[OPTIONS] = {
    CLI_OPTION_ROWS,
    [O_TOPIC] = {"topic", "TOPIC", "The topic to read.", ARGS_VALUE},
    [O_INCLUDE] = {"include", "REGEX", "All topics whose names match.", ARGS_VALUE},
    [O_PARTITION] = {"partition", "N",
                     "One partition of the topic, without a group, from --offset.", ARGS_VALUE},
    [O_OFFSET] = {"offset", "N|earliest|latest", "Where to begin in --partition (latest).",
                  ARGS_VALUE},
    [O_BEGINNING] = {"from-beginning", NULL,
                     "Begin with the first record that there is, where the group has no offset.",
                     ARGS_FLAG},
    [O_MAX] = {"max-messages", "N", "End after so many records.", ARGS_VALUE},
    [O_TIMEOUT] = {"timeout-ms", "MS", "End when no record comes for so long.", ARGS_VALUE},
    [O_GROUP] = {"group", "GROUP",
                 "The group to be a member of; without it one of its own, which commits nothing.",
                 ARGS_VALUE},
    [O_ISOLATION] = {"isolation-level", "LEVEL",
                     "read_committed passes over records of open and aborted transactions "
                     "(read_uncommitted).",
                     ARGS_VALUE},
    [O_FORMATTER] = {"formatter", "CLASS",
                     "How records are printed: default, logging, noop; of internal topics offsets, "
                     "groupmetadata, sharegroup, transactionlog, sharegroupstate; or their Java "
                     "classes.",
                     ARGS_VALUE},
    [O_FORMATTER_CONFIG] = {"formatter-config", "FILE", "A file with properties of the formatter.",
                            ARGS_VALUE},
    [O_FORMATTER_PROPERTY] =
        {"formatter-property", "NAME=VALUE",
         "print.timestamp, print.partition, print.offset, print.delivery, print.epoch, "
         "print.headers, print.key, print.value (true or false), key.separator (a tab), "
         "line.separator, headers.separator (,), null.literal (null), key.deserializer, "
         "value.deserializer, headers.deserializer: " TEXT_NAMES ", or their Java classes, with "
         "their settings behind: value.deserializer.deserializer.encoding=UTF-16.",
         ARGS_VALUE, .is_list = true},
    [O_PROPERTY] = {"property", "NAME=VALUE", NULL, ARGS_VALUE, .is_list = true},
    [O_KEY_CLASS] = {"key-deserializer", "CLASS", "key.deserializer of the formatter.", ARGS_VALUE},
    [O_VALUE_CLASS] = {"value-deserializer", "CLASS", "value.deserializer of the formatter.",
                       ARGS_VALUE},
    [O_SKIP] = {"skip-message-on-error", NULL, "Pass over records that the formatter cannot read.",
                ARGS_FLAG},
    [O_SYSTEST] = {"enable-systest-events", NULL, "Print \"shutdown_complete\" at the end.",
                   ARGS_FLAG},
    [O_COMMAND_PROPERTY] = {"command-property", "NAME=VALUE",
                            "A setting of the consumer, before those of --command-config.",
                            ARGS_VALUE, .is_list = true},
    [O_CONSUMER_PROPERTY] = {"consumer-property", "NAME=VALUE", NULL, ARGS_VALUE, .is_list = true},
    [O_CONSUMER_CONFIG] = {"consumer.config", "FILE", NULL, ARGS_VALUE},
};

static const struct option_pair format_pair = {O_FORMATTER_PROPERTY, O_PROPERTY};
static const struct option_pair setting_pair = {O_COMMAND_PROPERTY, O_CONSUMER_PROPERTY};
static const struct option_pair config_pair = {CLI_CONFIG, O_CONSUMER_CONFIG};

/* --- the command line --- */

static bool parse_offset(struct cli *c, int64_t *ret)
{
    const char *text = cli_value(c, O_OFFSET);
    *ret = cli_has(c, O_BEGINNING) ? OTTLA_OFFSET_EARLIEST : OTTLA_OFFSET_LATEST;
    if (text == NULL) {
        return true;
    }
    if (strcasecmp(text, "earliest") == 0 || strcasecmp(text, "latest") == 0) {
        *ret = strcasecmp(text, "latest") ? OTTLA_OFFSET_EARLIEST : OTTLA_OFFSET_LATEST;
        return true;
    }
    return (str_to_i64(str_from(text), ret) && *ret >= 0) ||
           cli_refuse(c,
                      "The provided offset value '%s' is incorrect. Valid values are 'earliest', "
                      "'latest', or a non-negative long.",
                      text);
}

static bool check_topics(struct cli *c)
{
    if (cli_has(c, O_TOPIC) == cli_has(c, O_INCLUDE)) {
        return cli_refuse(c,
                          "Exactly one of the following arguments is required: [topic], [include]");
    }
    if (cli_has(c, O_PARTITION) && !cli_has(c, O_TOPIC)) {
        return cli_refuse(c, "The topic is required when partition is specified.");
    }
    if (cli_has(c, O_PARTITION) && cli_has(c, O_BEGINNING) && cli_has(c, O_OFFSET)) {
        return cli_refuse(c, "Options from-beginning and offset cannot be specified together.");
    }
    return cli_has(c, O_PARTITION) || !cli_has(c, O_OFFSET) ||
           cli_refuse(c, "The partition is required when offset is specified.");
}

static bool check(struct cli *c)
{
    int64_t any;
    struct format f;
    const char *formatter = cli_value(c, O_FORMATTER);
    bool ok = check_topics(c) && options_excludes_both(c, setting_pair) &&
              options_excludes_both(c, config_pair) && options_excludes_both(c, format_pair) &&
              options_int(c, O_PARTITION, 0, &any) && options_int(c, O_MAX, INT32_MIN, &any) &&
              options_number(c, O_TIMEOUT, INT64_MIN, &any) && parse_offset(c, &any);
    if (ok && formatter != NULL && !format_find(formatter, &f)) {
        ok = cli_refuse(c, "%s: this program runs no Java; see --formatter in its help", formatter);
    }
    if (ok) {
        options_warn_old(c, "Option", setting_pair);
        options_warn_old(c, "Option", config_pair);
        options_warn_old(c, "Option", format_pair);
    }
    return ok;
}

/* --- settings of the consumer --- */

static bool merge_reset(struct cli *c, struct props *p)
{
    struct str v = props_get(p, STR("auto.offset.reset"));
    if (!str_is_null(v) && cli_has(c, O_BEGINNING) && !str_eq(v, STR("earliest"))) {
        return cli_refuse(c,
                          "Can't simultaneously specify --from-beginning and "
                          "'auto.offset.reset=%.*s', please remove one option",
                          STR_ARG(v));
    }
    return options_merge(c, p, "auto.offset.reset", -1,
                         cli_has(c, O_BEGINNING) ? "earliest" : "latest");
}

/* A group of its own is not meant to be come back to, so that nothing is committed. */
static bool put_own_group(struct cli *c, struct props *p)
{
    char name[40];
    uint32_t number = 0;
    (void)!getrandom(&number, sizeof number, 0);
    snprintf(name, sizeof name, "console-consumer-%" PRIu32, number % 100000);
    return options_put(c, p, "group.id", name) &&
           options_merge(c, p, "enable.auto.commit", -1, "false");
}

/* Groups may be named in several places, but only one group. */
static bool merge_group(struct cli *c, struct str in_file, struct props *p)
{
    struct str names[] = {str_from(cli_value(c, O_GROUP)), in_file, props_get(p, STR("group.id"))};
    struct str group = STR_NULL;
    for (size_t i = 0; i < 3; i++) {
        if (!str_is_null(group) && !str_is_null(names[i]) && !str_eq(group, names[i])) {
            return cli_refuse(c,
                              "The group ids provided in different places (directly using "
                              "'--group', via '--consumer-property', or via '--consumer.config') "
                              "do not match. Detected group ids: '%.*s', '%.*s'",
                              STR_ARG(group), STR_ARG(names[i]));
        }
        group = str_is_null(names[i]) ? group : names[i];
    }
    if (cli_has(c, O_PARTITION)) {
        return str_is_null(group) ||
               cli_refuse(c, "Options group and partition cannot be specified together.");
    }
    return str_is_null(group) ? put_own_group(c, p)
                              : options_merge(c, p, "group.id", O_GROUP, NULL);
}

static bool merge(struct cli *c, struct props *p)
{
    const char *file = cli_value(c, option_of(c, config_pair));
    if (file != NULL && !options_load_file(c, file, p)) {
        return false;
    }
    struct str group = props_get(p, STR("group.id")); /* stays when pairs say another */
    return options_take_pairs(c, option_of(c, setting_pair), p) && merge_reset(c, p) &&
           options_merge(c, p, "client.id", -1, "console-consumer") &&
           options_merge(c, p, "isolation.level", O_ISOLATION, "read_uncommitted") &&
           merge_group(c, group, p);
}

static bool configure(struct cli *c)
{
    struct props p;
    props_init(&p);
    bool ok = merge(c, &p) && options_configure(c, &p);
    props_deinit(&p);
    options_warn_unknown(c, option_of(c, setting_pair));
    return ok;
}

/* --- the work --- */

struct tool {
    struct cli *cli;
    struct reading *reading;
    struct props props; /* of the format */
    struct format format;
    struct buf line, why;
};

static bool take_format(struct tool *t)
{
    struct cli *c = t->cli;
    const char *file = cli_value(c, O_FORMATTER_CONFIG), *name = cli_value(c, O_FORMATTER);
    bool ok = (file == NULL || options_load_file(c, file, &t->props)) &&
              options_merge(c, &t->props, "key.deserializer", O_KEY_CLASS, NULL) &&
              options_merge(c, &t->props, "value.deserializer", O_VALUE_CLASS, NULL) &&
              options_take_pairs(c, option_of(c, format_pair), &t->props);
    if (ok) {
        (void)format_find(name != NULL ? name : "default", &t->format); /* check has found it */
        format_take(&t->format, &t->props, &t->why);
        fputs(buf_cstr(&t->why), stderr);
        t->format.kind = c->is_json ? FORMAT_JSON : t->format.kind;
    }
    return ok;
}

static bool print(void *ctx, const struct ottla_record *r, struct buf *out)
{
    struct tool *t = ctx;
    buf_clear(&t->why);
    if (t->cli->is_yaml) {
        buf_clear(&t->line);
        format_put_json(r, &t->line);
        cli_put_lines(t->cli, buf_str(&t->line), out);
        return true;
    }
    bool ok = format_put(&t->format, r, out, &t->why);
    if (t->format.kind == FORMAT_LOGGING) {
        progress_wipe(&t->reading->progress);
        buf_clear(&t->line);
        format_put_log(r, &t->line);
        fprintf(stderr, "%s\n", buf_cstr(&t->line));
    }
    if (ok) {
        return true;
    }
    bool is_skipped = cli_has(t->cli, O_SKIP);
    progress_wipe(&t->reading->progress);
    fprintf(stderr, "Error processing message%s: %s\n", is_skipped ? ", skipping this message" : "",
            buf_cstr(&t->why));
    return is_skipped;
}

static bool begin(struct tool *t, struct ottla_consumer *consumer)
{
    struct cli *c = t->cli;
    int64_t partition = 0, offset;
    struct ottla_topic_partition part = {cli_value(c, O_TOPIC), 0};
    if (!cli_has(c, O_PARTITION)) {
        return subscribe_to(c, consumer, part.topic, cli_value(c, O_INCLUDE), NULL);
    }
    (void)options_number(c, O_PARTITION, 0, &partition);
    (void)parse_offset(c, &offset);
    part.partition = (int32_t)partition;
    int e = ottla_consumer_assign(consumer, &part, 1, &c->error);
    e = e ? e : ottla_consumer_seek(consumer, part.topic, part.partition, offset, &c->error);
    return e == 0 || cli_refuse(c, "%s", c->error.message);
}

static int read_all(struct tool *t, struct reading *r)
{
    enum reading_end end = READING_ENDED;
    if (!begin(t, r->consumer)) {
        cli_fail(t->cli, "%s", buf_cstr(&t->cli->why));
        return CLI_FAILED;
    }
    end = reading_run(r);
    switch (end) {
    case READING_ENDED:
    case READING_STOPPED:
        break;
    case READING_IDLE:
        fprintf(stderr, "No record came for %" PRId64 " ms.\n", r->timeout_ms);
        break;
    case READING_FAILED:
        fprintf(stderr, "Error processing message, terminating consumer process: %s\n",
                t->cli->error.message);
        break;
    case READING_BROKEN:
        fputs("Unable to write to standard out, closing consumer.\n", stderr);
        break;
    case READING_REFUSED:
        return CLI_FAILED;
    }
    return CLI_OK;
}

static void deinit(struct tool *t)
{
    format_deinit(&t->format);
    buf_deinit(&t->line);
    buf_deinit(&t->why);
    props_deinit(&t->props);
}

static int run(struct cli *c)
{
    struct tool t = {.cli = c};
    struct reading r;
    int status = CLI_FAILED;
    props_init(&t.props);
    if (!take_format(&t) || !reading_init(&r, c)) {
        deinit(&t);
        return cli_fail(c, "%s", buf_cstr(&c->why));
    }
    t.reading = &r;
    r.print = print;
    r.ctx = &t;
    (void)options_int(c, O_MAX, INT32_MIN, &r.max);
    r.max = r.max < -1 ? 0 : r.max; /* -1: all */
    (void)options_number(c, O_TIMEOUT, INT64_MIN, &r.timeout_ms);
    status = read_all(&t, &r);
    status = reading_deinit(&r, status);
    fprintf(stderr, "Processed a total of %" PRId64 " messages\n", r.count);
    if (cli_has(c, O_SYSTEST)) {
        puts("shutdown_complete");
    }
    deinit(&t);
    return status;
}

static const struct cli_tool tool = {
    .spec = {.command = "ottla console-consumer",
             .about = "Prints records of topics.",
             .options = options,
             .option_count = OPTIONS,
             .takes_prefixes = true,
             .words = ""},
    .check = check,
    .configure = configure,
    .run = run,
};

int console_consumer_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }
