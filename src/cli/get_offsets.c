/* `ottla get-offsets` (kafka-get-offsets). One thread. */
#include "cli/cli.h"

#include "base/attr.h"
#include "cli/command.h"

#include <inttypes.h>

enum { O_TOPIC = CLI_OPTIONS, O_PARTITIONS, O_TOPIC_PARTITIONS, O_TIME, O_EXCLUDE, OPTIONS };

static const struct args_option options[OPTIONS] = {
    CLI_OPTION_ROWS,
    [O_TOPIC] = {"topic", "REGEX", "The topics (all).", ARGS_VALUE},
    [O_PARTITIONS] = {"partitions", "0,1", "Their partitions (all).", ARGS_VALUE},
    [O_TOPIC_PARTITIONS] = {"topic-partitions", "REGEX:0-3,...",
                            "Topics with partitions: T, T:1, T:0-3 (the end is not in it), T:5-, "
                            "T:-3.",
                            ARGS_VALUE},
    [O_TIME] = {"time", "MS|NAME",
                "Which offset: of the first record at or after a time, or latest (the default), "
                "earliest, max-timestamp, earliest-local, latest-tiered, earliest-pending-upload.",
                ARGS_VALUE},
    [O_EXCLUDE] = {"exclude-internal-topics", NULL, "Pass over internal topics.", ARGS_FLAG},
};

/* Topics by a pattern and a range of their partitions. */
struct rule {
    struct cli_pattern *topics;
    int64_t from, until;
};

struct tool {
    struct cli *cli;
    int64_t when;
    struct rule *rules;
    size_t rule_count;
    int32_t *partitions; /* of --partitions */
    size_t partition_count;
};

static void tool_deinit(struct tool *t)
{
    for (size_t i = 0; i < t->rule_count; i++) {
        cli_pattern_free(t->rules[i].topics);
    }
    mem_free(t->rules);
    mem_free(t->partitions);
}

/* --- the command line --- */

static bool take_time(struct tool *t)
{
    static const char *const names[] = {"latest",        "earliest",
                                        "max-timestamp", "earliest-local",
                                        "latest-tiered", "earliest-pending-upload"};
    const char *text = cli_value(t->cli, O_TIME);
    t->when = OTTLA_OFFSET_LATEST;
    for (size_t i = 0; text != NULL && i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i], text) == 0) {
            t->when = -1 - (int64_t)i;
            return true;
        }
    }
    if (text == NULL || str_to_i64(str_from(text), &t->when)) {
        return true;
    }
    cli_refuse(t->cli,
               "Malformed time argument %s. Please use -1 or latest / -2 or earliest / -3 or "
               "max-timestamp / -4 or earliest-local / -5 or latest-tiered / -6 or "
               "earliest-pending-upload, or a specified long format timestamp",
               text);
    args_put_hint(&t->cli->why, str_from(text), names, ARRAY_LEN(names));
    return false;
}

static bool add_rule(struct tool *t, const char *pattern, int64_t from, int64_t until)
{
    struct cli_pattern *p = cli_pattern_new(t->cli, pattern[0] ? pattern : ".*");
    if (p == NULL) {
        return false;
    }
    t->rules = mem_realloc_array(t->rules, t->rule_count + 1, sizeof *t->rules);
    t->rules[t->rule_count++] = (struct rule){p, from, until};
    return true;
}

/* "", "3", "1-3", "1-", "-3" */
static bool take_range(struct str s, struct rule *r)
{
    size_t dash = str_find(s, '-');
    struct str lo = str_sub(s, 0, dash);
    struct str hi = dash < s.len ? str_sub(s, dash + 1, s.len - dash - 1) : STR("");
    r->from = 0;
    r->until = INT64_MAX;
    if (lo.len > 0 && !str_to_i64(lo, &r->from)) {
        return false;
    }
    if (hi.len > 0 && !str_to_i64(hi, &r->until)) {
        return false;
    }
    if (dash == s.len && s.len > 0) {
        r->until = r->from + 1;
    }
    return true;
}

static bool take_rules(struct tool *t)
{
    struct str rest = str_from(cli_value(t->cli, O_TOPIC_PARTITIONS)), item;
    while (str_next_item(&rest, ',', &item)) {
        size_t colon = str_find(item, ':');
        struct rule r;
        char *pattern = str_dup(str_sub(item, 0, colon));
        colon += colon < item.len;
        bool ok = take_range(str_sub(item, colon, item.len - colon), &r) ||
                  cli_refuse(t->cli, "Invalid rule specification: %.*s", STR_ARG(item));
        ok = ok && add_rule(t, pattern, r.from, r.until);
        mem_free(pattern);
        if (!ok) {
            return false;
        }
    }
    return true;
}

static bool take_options(struct tool *t)
{
    struct cli *c = t->cli;
    const char *topic = cli_value(c, O_TOPIC), *partitions = cli_value(c, O_PARTITIONS);
    if (cli_has(c, O_TOPIC_PARTITIONS) && (topic != NULL || partitions != NULL)) {
        return cli_refuse(c, "--topic-partitions cannot be used with --topic or --partitions");
    }
    if (!take_time(t)) {
        return false;
    }
    if (cli_has(c, O_TOPIC_PARTITIONS)) {
        return take_rules(t);
    }
    if (partitions != NULL &&
        !cli_parse_ids(str_from(partitions), ',', &t->partitions, &t->partition_count)) {
        return cli_refuse(c,
                          "--partitions expects a comma separated list of numeric partition ids, "
                          "but received: %s",
                          partitions);
    }
    return add_rule(t, topic ? topic : "", 0, INT64_MAX);
}

/* --- the work --- */

static bool is_wanted(const struct tool *t, const char *topic, int32_t partition)
{
    bool is_in = t->partition_count == 0;
    for (size_t i = 0; i < t->partition_count; i++) {
        is_in |= t->partitions[i] == partition;
    }
    for (size_t i = 0; is_in && i < t->rule_count; i++) {
        const struct rule *r = &t->rules[i];
        if (partition >= r->from && partition < r->until && cli_pattern_matches(r->topics, topic)) {
            return true;
        }
    }
    return false;
}

static int find(struct tool *t, struct cli_parts *ret)
{
    struct cli *c = t->cli;
    struct ottla_topics *all = NULL;
    int e = ottla_list_topics(c->client, &c->options, &all, &c->error);
    for (size_t i = 0; e == 0 && i < all->count; i++) {
        const struct ottla_topic *row = all->rows[i];
        bool is_out = row->is_internal && cli_has(c, O_EXCLUDE);
        for (size_t k = 0; !is_out && k < row->partition_count; k++) {
            if (is_wanted(t, row->name, row->partitions[k]->partition)) {
                cli_parts_add(ret, row->name, row->partitions[k]->partition, -1);
            }
        }
    }
    ottla_topics_free(all);
    return e;
}

/* As text, "t-10" stands before "t-2". */
static int by_text(const void *a, const void *b)
{
    const struct cli_part *x = a, *y = b;
    char p[2][300];
    snprintf(p[0], sizeof p[0], "%s-%d", x->topic, x->partition);
    snprintf(p[1], sizeof p[1], "%s-%d", y->topic, y->partition);
    return strcmp(p[0], p[1]);
}

static void print(const struct cli *c, const struct cli_parts *p)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < p->count; i++) {
        const struct cli_part *r = &p->rows[i];
        if (r->value >= 0 && c->is_json) {
            json_array_append_new(rows,
                                  json_pack("{s:s, s:i, s:I}", "topic", r->topic, "partition",
                                            (int)r->partition, "offset", (json_int_t)r->value));
        } else if (r->value >= 0) {
            printf("%s:%d:%" PRId64 "\n", r->topic, r->partition, r->value);
        }
    }
    if (c->is_json) {
        cli_print_json(c, json_incref(rows));
    }
    json_decref(rows);
}

static int run(struct cli *c)
{
    struct tool t = {.cli = c};
    struct cli_parts p = {0};
    int status = CLI_OK;
    if (!take_options(&t)) {
        status = cli_fail(c, "%s", buf_cstr(&c->why));
    } else if (find(&t, &p) != 0) {
        status = cli_fail(c, "%s", c->error.message);
    } else if (p.count == 0) {
        status = cli_fail(c, "Could not match any topic-partitions with the specified filters");
    } else if (cli_parts_ask(c, &p, t.when) != 0) {
        status = cli_fail(c, "%s", c->error.message);
    } else {
        qsort(p.rows, p.count, sizeof *p.rows, by_text);
        print(c, &p);
    }
    cli_parts_deinit(&p);
    tool_deinit(&t);
    return status;
}

static const struct cli_tool tool = {
    .spec = {.command = "ottla get-offsets",
             .about = "Prints offsets of partitions: where they end, where they begin, or where a "
                      "time is.",
             .options = options,
             .option_count = OPTIONS,
             .takes_prefixes = true,
             .words = ""},
    .run = run,
};

int get_offsets_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }
