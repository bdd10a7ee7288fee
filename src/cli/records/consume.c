/* `ottla consume`: records of topics, partitions and ranges of offsets, in a form of one's own. The
 * main thread polls and prints; a thread waits for signals and wakes it.
 *
 * Without a group each partition is read from one offset to another; a partition that is read to
 * its end is paused, and when all are, the tool ends. */
#include "cli/command.h"
#include "cli/records/format.h"
#include "cli/records/leaders.h"
#include "cli/records/options.h"
#include "cli/records/pace.h"
#include "cli/records/pack.h"
#include "cli/records/range.h"
#include "cli/records/reading.h"
#include "cli/records/subscribe.h"
#include "cli/records/template.h"

#include "base/attr.h"

#include <inttypes.h>

enum {
    O_OFFSET = CLI_OPTIONS,
    O_PARTITIONS,
    O_NUMBER,
    O_GROUP,
    O_REGEX,
    O_EXIT,
    O_KEY_TEXT,
    O_VALUE_TEXT,
    O_TIMEOUT,
    O_PROPERTY,
    O_TOPIC,
    O_COUNT,
    O_END,
    O_KEY_END,
    O_NULLS,
    O_ENVELOPE,
    O_PACK,
    O_UNBUFFERED,
    OPTIONS
};

static const struct args_option options[OPTIONS] = {
    CLI_OTHER_ROWS,
    [CLI_SERVER] = {"bootstrap-server", "HOST:PORT,...", "Brokers to begin with.", ARGS_VALUE, 'b'},
    [CLI_FORMAT] =
        {"format", "FORMAT",
         "json, yaml, text (a value a line), or a format string: %t topic, %p partition, %o "
         "offset, %k key, %v or %s value, %K and %V or %S their lengths, %R the value's in 4 "
         "bytes, %h headers, %H how many, %T time in ms, %d time, %d{%H:%M} as strftime has "
         "it, %e leader epoch, %i number of the record, %%, \\n, \\t, \\0, \\xHH.",
         ARGS_VALUE, 'f'},
    [O_OFFSET] =
        {"offset", "FROM:UNTIL",
         "What to read: start (the default), end, N, +N (behind the start), -N (before the "
         "end), @TIME (ms, 2026-01-31T10:20:30Z, -48h); one alone is read from; A:B, :B, "
         "A: up to B. As kcat has it: beginning, stored (with --group), s@TIME, e@TIME.",
         ARGS_VALUE, 'o', .is_list = true},
    [O_PARTITIONS] = {"partitions", "0,1,...", "Only these.", ARGS_VALUE, 'p'},
    [O_NUMBER] = {"num", "N", "End after so many records.", ARGS_VALUE, 'n'},
    [O_GROUP] = {"group", "GROUP", "As a member of this group, from what it committed.", ARGS_VALUE,
                 'g'},
    [O_REGEX] = {"regex", NULL, "TOPIC is a regular expression.", ARGS_FLAG, 'r'},
    [O_EXIT] = {"exit", NULL, "End at the end: short for a range up to it.", ARGS_FLAG, 'e'},
    [O_KEY_TEXT] = {"key", "KIND", "Keys are: " TEXT_NAMES ".", ARGS_VALUE},
    [O_VALUE_TEXT] = {"value", "KIND", "So are values.", ARGS_VALUE},
    [O_TIMEOUT] = {"timeout-ms", "MS", "End when no record comes for so long.", ARGS_VALUE},
    [O_PROPERTY] = {"command-property", "NAME=VALUE", "A setting of the client.", ARGS_VALUE, 'X',
                    .is_list = true},
    [O_TOPIC] = {"topic", "TOPIC", "The same as TOPIC alone.", ARGS_VALUE, 't', .is_list = true},
    [O_COUNT] = {"count", "N", NULL, ARGS_VALUE, 'c'},
    [O_END] = {"delimiter", "TEXT", "What is behind each record, instead of \\n.", ARGS_VALUE, 'D'},
    [O_KEY_END] = {"key-delimiter", "TEXT", "Keys, too, and this behind them.", ARGS_VALUE, 'K'},
    [O_NULLS] = {"null", NULL, "Null keys and values are printed as NULL.", ARGS_FLAG, 'Z'},
    [O_ENVELOPE] = {"envelope", NULL, "An object of JSON a record, with kcat's names.", ARGS_FLAG,
                    'J'},
    [O_PACK] = {"pack", "[key=|value=]LETTERS",
                "Keys, values or both are made of: b h i q numbers of 1, 2, 4, 8 bytes (B H I Q: "
                "without a sign), c a character, s the rest, $ no more, < the least byte first.",
                ARGS_VALUE, 's', .is_list = true},
    [O_UNBUFFERED] = {"unbuffered", NULL, NULL, ARGS_FLAG, 'u'}, /* nothing waits here */
};

/* --- the command line --- */

static bool check_kind(struct cli *c, int option)
{
    const char *kind = cli_value(c, option);
    struct text *t = text_new(str_from(kind));
    bool ok = kind == NULL || t != NULL;
    text_free(t);
    return ok || cli_refuse(c, "'%s' is none of " TEXT_NAMES, kind);
}

/* What --pack says of keys or of values: the last of several; NULL: nothing. */
static const char *pack_of(const struct cli *c, const char *which)
{
    const char *found = NULL;
    for (int i = 0; i < args_count(&c->args, O_PACK); i++) {
        struct str text = str_from(args_nth(&c->args, O_PACK, i));
        const size_t at = str_find(text, '=');
        const bool is_it = at == text.len || str_eq(str_sub(text, 0, at), str_from(which));
        found = is_it ? text.p + (at < text.len ? at + 1 : 0) : found;
    }
    return found;
}

static bool check_pack(struct cli *c)
{
    static const int others[] = {O_KEY_TEXT, O_VALUE_TEXT, -1};
    for (int i = 0; i < args_count(&c->args, O_PACK); i++) {
        const char *text = args_nth(&c->args, O_PACK, i), *format = strchr(text, '=');
        const bool is_known =
            format == NULL || strncmp(text, "key=", 4) == 0 || strncmp(text, "value=", 6) == 0;
        buf_clear(&c->why);
        buf_put_str(&c->why, STR("--pack: "));
        if (!is_known) {
            buf_printf(&c->why, "'%s' begins with neither key= nor value=", text);
        }
        if (!is_known || !pack_check(format ? format + 1 : text, &c->why)) {
            return false;
        }
    }
    return cli_excludes(c, O_PACK, others);
}

static bool check_offset(struct cli *c, struct range *ret)
{
    *ret = (struct range){{RANGE_START, 0}, {RANGE_NONE, 0}};
    for (int i = 0; i < args_count(&c->args, O_OFFSET); i++) {
        const char *text = args_nth(&c->args, O_OFFSET, i);
        struct range one;
        bool is_end = strncmp(text, "e@", 2) == 0;
        if (!range_parse(str_from(text), pace_wall_ms(), &one)) {
            return cli_refuse(c, "--offset: '%s' is no range; see --help", text);
        }
        ret->from = is_end ? ret->from : one.from;
        ret->until = is_end || one.until.kind != RANGE_NONE ? one.until : ret->until;
    }
    if (cli_has(c, O_EXIT) && ret->until.kind == RANGE_NONE) {
        ret->until.kind = RANGE_END;
    }
    return true;
}

/* "stored" is what a group begins with anyway. */
static bool check_group(struct cli *c)
{
    static const int not_in_groups[] = {O_OFFSET, O_PARTITIONS, O_EXIT, -1};
    const char *text = cli_value(c, O_OFFSET);
    bool is_stored = text != NULL && strcmp(text, "stored") == 0;
    if (is_stored && !cli_has(c, O_GROUP)) {
        return cli_refuse(c, "--offset stored takes a --group, which has stored it");
    }
    return cli_excludes(c, O_GROUP, not_in_groups + is_stored);
}

static bool check_number(struct cli *c)
{
    int64_t any;
    if (cli_has(c, O_NUMBER) && cli_has(c, O_COUNT)) {
        return cli_refuse(c, "--num and --count are the same");
    }
    return options_number(c, O_NUMBER, 0, &any) && options_number(c, O_COUNT, 0, &any);
}

static bool check(struct cli *c)
{
    static const int not_in_envelopes[] = {CLI_FORMAT, -1};
    struct range range;
    int64_t any;
    options_add_words(c, O_TOPIC);
    if (c->args.word_count == 0) {
        return cli_refuse(c, "which topic?");
    }
    if (cli_has(c, O_REGEX) && c->args.word_count > 1) {
        return cli_refuse(c, "--regex takes one TOPIC; write a|b");
    }
    return check_group(c) && check_number(c) && cli_excludes(c, O_ENVELOPE, not_in_envelopes) &&
           options_number(c, O_TIMEOUT, 0, &any) && check_kind(c, O_KEY_TEXT) &&
           check_kind(c, O_VALUE_TEXT) && check_pack(c) &&
           (cli_has(c, O_GROUP) || check_offset(c, &range));
}

static bool merge(struct cli *c, struct props *p)
{
    return options_merge(c, p, "auto.offset.reset", -1, "earliest") &&
           options_merge(c, p, "group.id", O_GROUP, NULL);
}

static bool configure(struct cli *c)
{
    return options_settle(c, (struct options_plan){CLI_CONFIG, O_PROPERTY, merge});
}

/* --- which partitions --- */

struct tool {
    struct cli *cli;
    struct reading reading;
    struct template template;
    struct text *key_text, *value_text;
    const char *key_pack, *value_pack;
    struct str end; /* behind an envelope */
    struct leaders leaders;
    struct buf key, value, line, why; /* of the record that is printed */
    struct cli_parts parts;           /* value: where to end; -1: the end was reached */
    int64_t *froms;                   /* of parts: where to begin */
    size_t open;                      /* of parts: not read to the end yet */
    size_t last;                      /* of parts: of the last record */
    bool has_end;
    int64_t max, printed, expected;
};

static bool is_wanted(const struct cli *c, int32_t partition)
{
    struct str rest = str_from(cli_value(c, O_PARTITIONS)), item;
    int64_t n;
    while (str_next_item(&rest, ',', &item)) {
        if (str_to_i64(item, &n) && n == partition) {
            return true;
        }
    }
    return !cli_has(c, O_PARTITIONS);
}

/* Topics by a pattern, without internal ones. */
static bool find_topics(struct cli *c, struct cli_names *ret)
{
    struct cli_pattern *pattern = cli_pattern_new(c, c->args.words[0]);
    struct ottla_topics *all = NULL;
    bool ok = pattern != NULL && (ottla_list_topics(c->client, &c->options, &all, &c->error) == 0 ||
                                  cli_refuse(c, "%s", c->error.message));
    for (size_t i = 0; ok && i < all->count; i++) {
        if (!all->rows[i]->is_internal && cli_pattern_matches(pattern, all->rows[i]->name)) {
            cli_names_add(ret, str_from(all->rows[i]->name));
        }
    }
    ottla_topics_free(all);
    cli_pattern_free(pattern);
    return ok;
}

/* Which of the topics is none, and what it may have been meant to be. */
static bool refuse_missing(struct cli *c, const struct cli_names *wanted)
{
    struct ottla_topics *all = NULL;
    struct cli_names names = {0};
    struct buf hint = BUF_INIT;
    const char *missing = wanted->names[0];
    if (ottla_list_topics(c->client, &c->options, &all, NULL) == 0) {
        for (size_t i = 0; i < all->count; i++) {
            cli_names_add(&names, str_from(all->rows[i]->name));
        }
        for (size_t i = 0; i < wanted->count; i++) {
            missing = cli_names_has(&names, wanted->names[i]) ? missing : wanted->names[i];
        }
        args_put_hint(&hint, str_from(missing), (const char *const *)names.names, (int)names.count);
    }
    ottla_topics_free(all);
    cli_refuse(c, "there is no topic '%s'%s", missing, buf_cstr(&hint));
    cli_names_deinit(&names);
    buf_deinit(&hint);
    return false;
}

static bool list_parts(struct cli *c, const struct cli_names *topics, struct cli_parts *ret)
{
    int e = cli_parts_of_topics(c, topics, ret);
    return e == OTTLA_ERR_UNKNOWN_TOPIC_OR_PARTITION
               ? refuse_missing(c, topics)
               : e == 0 || cli_refuse(c, "%s", c->error.message);
}

static bool find_parts(struct tool *t)
{
    struct cli *c = t->cli;
    struct cli_names topics = {0};
    struct cli_parts all = {0};
    bool ok = !cli_has(c, O_REGEX) || find_topics(c, &topics);
    for (int i = 0; i < c->args.word_count && !cli_has(c, O_REGEX); i++) {
        if (!cli_names_has(&topics, c->args.words[i])) {
            cli_names_add(&topics, str_from(c->args.words[i]));
        }
    }
    ok = ok && list_parts(c, &topics, &all);
    for (size_t i = 0; ok && i < all.count; i++) {
        if (is_wanted(c, all.rows[i].partition)) {
            cli_parts_add(&t->parts, all.rows[i].topic, all.rows[i].partition, 0);
        }
    }
    cli_parts_deinit(&all);
    cli_names_deinit(&topics);
    return ok && (t->parts.count > 0 || cli_refuse(c, "there is no such partition"));
}

/* A copy of parts with their offsets at a time, or at none of it. */
static bool ask(struct tool *t, int64_t when, struct cli_parts *ret)
{
    struct cli *c = t->cli;
    for (size_t i = 0; i < t->parts.count; i++) {
        cli_parts_add(ret, t->parts.rows[i].topic, t->parts.rows[i].partition, -1);
    }
    return cli_parts_ask(c, ret, when) == 0 || cli_refuse(c, "%s", c->error.message);
}

static bool ask_time(struct tool *t, struct range_point p, struct cli_parts *ret)
{
    return p.kind != RANGE_TIME || ask(t, p.n, ret);
}

static int64_t value_at(const struct cli_parts *p, size_t i)
{
    return p->count > 0 ? p->rows[i].value : -1;
}

static bool seek_all(struct tool *t, const struct range *range, const struct cli_parts *starts,
                     const struct cli_parts *ends)
{
    struct cli *c = t->cli;
    struct cli_parts from = {0}, until = {0};
    bool ok = ask_time(t, range->from, &from) && ask_time(t, range->until, &until);
    for (size_t i = 0; ok && i < t->parts.count; i++) {
        struct cli_part *p = &t->parts.rows[i];
        int64_t start = value_at(starts, i), end = value_at(ends, i);
        int64_t at = range_offset(range->from, start, end, value_at(&from, i));
        t->froms[i] = at;
        at = MAX(MIN(at, end), start); /* what is not there yet is waited for */
        p->value = range_offset(range->until, start, end, value_at(&until, i));
        t->expected += MAX(p->value - at, 0);
        ok = start >= 0 && end >= 0 &&
             ottla_consumer_seek(t->reading.consumer, p->topic, p->partition, at, &c->error) == 0;
        ok =
            ok || cli_refuse(c, "%s-%d: %s", p->topic, p->partition,
                             start < 0 || end < 0 ? "its offsets are not known" : c->error.message);
    }
    cli_parts_deinit(&from);
    cli_parts_deinit(&until);
    return ok;
}

static bool assign(struct tool *t)
{
    struct cli *c = t->cli;
    struct cli_parts starts = {0}, ends = {0};
    struct range range;
    bool ok = check_offset(c, &range) && find_parts(t);
    struct ottla_topic_partition *view = cli_parts_view(&t->parts);
    t->froms = mem_realloc_array(NULL, t->parts.count + 1, sizeof *t->froms);
    ok = ok &&
         (ottla_consumer_assign(t->reading.consumer, view, t->parts.count, &c->error) == 0 ||
          cli_refuse(c, "%s", c->error.message)) &&
         ask(t, OTTLA_OFFSET_EARLIEST, &starts) && ask(t, OTTLA_OFFSET_LATEST, &ends) &&
         seek_all(t, &range, &starts, &ends);
    t->open = t->parts.count;
    t->has_end = ok && range.until.kind != RANGE_NONE;
    mem_free(view);
    cli_parts_deinit(&starts);
    cli_parts_deinit(&ends);
    return ok;
}

static bool subscribe(struct tool *t)
{
    struct cli *c = t->cli;
    struct ottla_consumer *consumer = t->reading.consumer;
    if (cli_has(c, O_REGEX)) {
        return subscribe_to(c, consumer, NULL, c->args.words[0], NULL);
    }
    return ottla_consumer_subscribe(consumer, c->args.words, (size_t)c->args.word_count, NULL,
                                    &c->error) == 0 ||
           cli_refuse(c, "%s", c->error.message);
}

/* --- ends of ranges --- */

static void close_part(struct tool *t, struct cli_part *p)
{
    if (p->value >= 0) {
        p->value = -1; /* done */
        t->open--;
        (void)ottla_consumer_pause(t->reading.consumer, p->topic, p->partition, true, NULL);
    }
    t->reading.is_enough |= t->open == 0;
}

/* A range may end with what is no record: markers of transactions, a gap, nothing at all. */
static void close_all(void *ctx)
{
    struct tool *t = ctx;
    for (size_t i = 0; t->has_end && i < t->parts.count; i++) {
        struct cli_part *p = &t->parts.rows[i];
        int64_t at = ottla_consumer_position(t->reading.consumer, p->topic, p->partition);
        if (p->value >= 0 && at >= p->value) {
            close_part(t, p);
        }
    }
}

/* Mostly the partition of the last record; parts.count: none of them. */
static size_t find_part(struct tool *t, const struct ottla_record *r)
{
    for (size_t n = 0; n < t->parts.count; n++) {
        size_t i = (t->last + n) % t->parts.count;
        const struct cli_part *p = &t->parts.rows[i];
        if (p->partition == r->partition && strcmp(p->topic, r->topic) == 0) {
            t->last = i;
            return i;
        }
    }
    return t->parts.count;
}

/* Whether the record lies outside of its range. */
static bool is_out(struct tool *t, const struct ottla_record *r)
{
    size_t i = find_part(t, r);
    if (i == t->parts.count) {
        return false; /* a group's */
    }
    struct cli_part *p = &t->parts.rows[i];
    bool out = r->offset < t->froms[i] || (t->has_end && r->offset >= p->value);
    if (t->has_end && r->offset + 1 >= p->value) {
        close_part(t, p);
    }
    return out;
}

/* --- printing --- */

/* How bytes become text; what has neither is left as it is. */
struct reader {
    const struct text *text;
    const char *pack;
};

static bool put_text(struct tool *t, struct reader r, struct bytes b, struct buf *out)
{
    buf_clear(out);
    return b.p == NULL || (r.text == NULL && r.pack == NULL) ||
           (r.text != NULL ? text_put(r.text, b, out, &t->why) : pack_put(r.pack, b, out, &t->why));
}

/* Keys and values as the text that they are meant to be. */
static bool translate(struct tool *t, struct ottla_record *r)
{
    struct reader key = {t->key_text, t->key_pack}, value = {t->value_text, t->value_pack};
    if (!t->cli->is_json && !template_has(&t->template, "kK")) {
        key = (struct reader){NULL, NULL}; /* nobody sees whether it can be read */
    }
    buf_clear(&t->why);
    if (!put_text(t, key, (struct bytes){r->key, r->key_length}, &t->key) ||
        !put_text(t, value, (struct bytes){r->value, r->value_length}, &t->value)) {
        progress_wipe(&t->reading.progress);
        fprintf(stderr, "%s-%d: offset %" PRId64 ": %s\n", r->topic, r->partition, r->offset,
                buf_cstr(&t->why));
        return false;
    }
    if ((key.text != NULL || key.pack != NULL) && r->key != NULL) {
        r->key = buf_cstr(&t->key);
        r->key_length = t->key.len;
    }
    if ((value.text != NULL || value.pack != NULL) && r->value != NULL) {
        r->value = buf_cstr(&t->value);
        r->value_length = t->value.len;
    }
    return true;
}

static void put_object(struct tool *t, const struct ottla_record *r, struct buf *out)
{
    if (!t->cli->is_yaml) {
        format_put_json(r, out);
        return;
    }
    buf_clear(&t->line);
    format_put_json(r, &t->line);
    cli_put_lines(t->cli, buf_str(&t->line), out);
}

static bool print(void *ctx, const struct ottla_record *record, struct buf *out)
{
    struct tool *t = ctx;
    struct ottla_record r = *record;
    if (is_out(t, record)) {
        return true;
    }
    if (!translate(t, &r)) {
        return false;
    }
    t->printed++;
    if (t->cli->is_json) {
        put_object(t, &r, out);
    } else if (cli_has(t->cli, O_ENVELOPE)) {
        format_put_envelope(&r, leaders_find(&t->leaders, t->cli, &r), out);
        buf_put_str(out, t->end);
    } else {
        template_put(&t->template, &r, out);
    }
    t->reading.is_enough |= t->max >= 0 && t->printed >= t->max;
    return true;
}

/* --- the work --- */

static bool prepare(struct tool *t)
{
    struct cli *c = t->cli;
    const char *format = cli_value(c, CLI_FORMAT);
    bool is_text = format == NULL || c->is_json || strcmp(format, "text") == 0;
    const char *isolation = ottla_config_get(c->config, "isolation.level");
    c->options.is_read_committed = strcmp(isolation, "read_committed") == 0; /* so ends its "end" */
    t->max = -1;
    (void)options_number(c, O_NUMBER, 0, &t->max);
    (void)options_number(c, O_COUNT, 0, &t->max);
    t->key_text = text_new(str_from(cli_value(c, O_KEY_TEXT)));
    t->value_text = text_new(str_from(cli_value(c, O_VALUE_TEXT)));
    if (!cli_has(c, O_ENVELOPE)) { /* which kcat prints as it came */
        t->key_pack = pack_of(c, "key");
        t->value_pack = pack_of(c, "value");
    }
    buf_clear(&c->why);
    bool ok = is_text ? template_parse_ends(&t->template, cli_value(c, O_KEY_END),
                                            cli_value(c, O_END), &c->why)
                      : template_parse(&t->template, format, &c->why);
    if (cli_has(c, O_ENVELOPE)) { /* is not printed by the template, but for its end */
        ok = ok && template_take_end(&t->template, &t->end, &c->why);
    }
    t->template.null_text = cli_has(c, O_NULLS) ? STR("NULL") : STR("");
    return ok;
}

static int read_all(struct tool *t)
{
    struct cli *c = t->cli;
    struct reading *r = &t->reading;
    if (!(cli_has(c, O_GROUP) ? subscribe(t) : assign(t))) {
        return cli_fail(c, "%s", buf_cstr(&c->why));
    }
    r->print = print;
    r->idle = close_all;
    r->ctx = t;
    r->wait_max_ms = t->has_end ? 100 : 0;
    r->is_enough = t->max == 0;
    r->expected = t->has_end ? t->expected : -1;
    r->expected = t->max >= 0 && (!t->has_end || t->max < t->expected) ? t->max : r->expected;
    (void)options_number(c, O_TIMEOUT, 0, &r->timeout_ms);
    switch (reading_run(r)) {
    case READING_ENDED:
    case READING_STOPPED:
    case READING_IDLE:
    case READING_BROKEN: /* who reads has seen enough */
        return CLI_OK;
    case READING_FAILED:
        return cli_fail(c, "%s", c->error.message);
    case READING_REFUSED:
        break;
    }
    return CLI_FAILED;
}

static int run(struct cli *c)
{
    struct tool t = {.cli = c};
    int status;
    if (!prepare(&t) || !reading_init(&t.reading, c)) {
        status = cli_fail(c, "%s", buf_cstr(&c->why));
    } else {
        status = read_all(&t);
        status = reading_deinit(&t.reading, status);
    }
    template_deinit(&t.template);
    cli_parts_deinit(&t.parts);
    leaders_deinit(&t.leaders);
    mem_free(t.froms);
    text_free(t.key_text);
    text_free(t.value_text);
    buf_deinit(&t.key);
    buf_deinit(&t.value);
    buf_deinit(&t.line);
    buf_deinit(&t.why);
    return status;
}

static const struct cli_tool tool = {
    .spec = {.command = "ottla consume",
             .words = "TOPIC...",
             .about = "Prints records of topics: all there are and all that come, or a range of "
                      "them.",
             .options = options,
             .option_count = OPTIONS,
             .takes_prefixes = true},
    .check = check,
    .configure = configure,
    .has_formats = true,
    .run = run,
};

int consume_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }
