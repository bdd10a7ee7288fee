/* `ottla topics` (kafka-topics): its command line, --list, --describe. One thread. */
#include "cli/topics.h"

#include "base/attr.h"
#include "cli/command.h"

static const struct args_option options[T_OPTIONS] = {
    CLI_OPTION_ROWS,
    [T_LIST] = {"list", NULL, "List topics.", ARGS_FLAG},
    [T_CREATE] = {"create", NULL, "Create a topic.", ARGS_FLAG},
    [T_DELETE] = {"delete", NULL, "Delete topics.", ARGS_FLAG},
    [T_ALTER] = {"alter", NULL, "Add partitions to topics (their settings: ottla configs).",
                 ARGS_FLAG},
    [T_DESCRIBE] = {"describe", NULL, "Print topics, their partitions and who has them.",
                    ARGS_FLAG},
    [T_TOPIC] = {"topic", "NAME", "The topic; but for --create, a regular expression.", ARGS_VALUE},
    [T_TOPIC_ID] = {"topic-id", "ID", "The topic to describe.", ARGS_VALUE},
    [T_CONFIG] = {"config", "NAME=VALUE", "A setting of the new topic.", ARGS_VALUE,
                  .is_list = true},
    [T_DELETE_CONFIG] = {"delete-config", "NAME", NULL, ARGS_VALUE, .is_list = true},
    [T_PARTITIONS] =
        {"partitions", "N",
         "How many partitions the topic is to have. Keys go elsewhere when that grows.",
         ARGS_VALUE},
    [T_REPLICATION] = {"replication-factor", "N", "How many replicas each partition is to have.",
                       ARGS_VALUE},
    [T_ASSIGNMENT] = {"replica-assignment", "ID:ID,ID:ID,...",
                      "The brokers of each partition, instead of the two counts.", ARGS_VALUE},
    [T_UNDER_REPLICATED] = {"under-replicated-partitions", NULL,
                            "Describe only partitions that lack replicas in sync.", ARGS_FLAG},
    [T_UNAVAILABLE] = {"unavailable-partitions", NULL,
                       "Describe only partitions without a live leader.", ARGS_FLAG},
    [T_UNDER_MIN_ISR] = {"under-min-isr-partitions", NULL,
                         "Describe only partitions with less than min.insync.replicas.", ARGS_FLAG},
    [T_AT_MIN_ISR] = {"at-min-isr-partitions", NULL,
                      "Describe only partitions with just min.insync.replicas.", ARGS_FLAG},
    [T_OVERRIDES] = {"topics-with-overrides", NULL, "Describe only topics with settings.",
                     ARGS_FLAG},
    [T_IF_EXISTS] = {"if-exists", NULL, "No topic is no error.", ARGS_FLAG},
    [T_IF_NOT_EXISTS] = {"if-not-exists", NULL, "A topic that is there is no error.", ARGS_FLAG},
    [T_EXCLUDE_INTERNAL] = {"exclude-internal", NULL, "Pass over internal topics.", ARGS_FLAG},
    [T_SIZE_LIMIT] = {"partition-size-limit-per-response", "N", "Taken for Kafka's sake.",
                      ARGS_VALUE},
};

static const int actions[] = {T_LIST, T_CREATE, T_ALTER, T_DESCRIBE, T_DELETE, -1};

/* --- the command line --- */

/* An option, and the actions that it goes with. */
static const struct {
    int option;
    int with[4];
} rules[] = {
    {T_CONFIG, {T_ALTER, T_CREATE, -1}},    {T_PARTITIONS, {T_ALTER, T_CREATE, -1}},
    {T_REPLICATION, {T_CREATE, -1}},        {T_ASSIGNMENT, {T_ALTER, T_CREATE, -1}},
    {T_UNDER_REPLICATED, {T_DESCRIBE, -1}}, {T_UNDER_MIN_ISR, {T_DESCRIBE, -1}},
    {T_AT_MIN_ISR, {T_DESCRIBE, -1}},       {T_UNAVAILABLE, {T_DESCRIBE, -1}},
    {T_OVERRIDES, {T_DESCRIBE, -1}},        {T_IF_EXISTS, {T_ALTER, T_DELETE, T_DESCRIBE, -1}},
    {T_IF_NOT_EXISTS, {T_CREATE, -1}},      {T_EXCLUDE_INTERNAL, {T_LIST, T_DESCRIBE, -1}},
};

static bool check_rules(struct cli *c)
{
    static const int reports[] = {T_UNDER_REPLICATED, T_UNDER_MIN_ISR, T_AT_MIN_ISR, T_UNAVAILABLE,
                                  -1};
    static const int counts[] = {T_PARTITIONS, T_REPLICATION, -1};
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (cli_has(c, rules[i].option) && cli_count_of(c, rules[i].with) == 0) {
            return cli_excludes(c, rules[i].option, actions);
        }
    }
    return cli_excludes(c, T_OVERRIDES, reports) &&
           (!cli_has(c, T_CREATE) || cli_excludes(c, T_ASSIGNMENT, counts));
}

static bool check(struct cli *c)
{
    if (!cli_needs_one(c, actions)) {
        return false;
    }
    if (cli_has(c, T_DELETE_CONFIG)) {
        fprintf(stderr, "--delete-config does nothing: use ottla configs --alter.\n");
    }
    if (cli_has(c, T_DESCRIBE) && cli_has(c, T_IF_EXISTS) && !cli_has(c, T_TOPIC) &&
        !cli_has(c, T_TOPIC_ID)) {
        return cli_refuse(c, "--topic or --topic-id is required to describe a topic");
    }
    if (!cli_has(c, T_LIST) && !cli_has(c, T_DESCRIBE) && !cli_needs(c, T_TOPIC)) {
        return false;
    }
    if (cli_has(c, T_ALTER) && cli_has(c, T_CONFIG)) {
        return cli_refuse(c, "Option \"[config]\" can't be used with option \"[alter]\": "
                             "ottla configs --alter changes the settings of a topic");
    }
    return (!cli_has(c, T_ALTER) || cli_needs(c, T_PARTITIONS)) && check_rules(c);
}

int topics_fail(struct cli *c, const char *text)
{
    printf("Error while executing topic command : %s\n", text);
    (void)c;
    return CLI_FAILED;
}

/* --- which topics --- */

static bool matches(const struct cli *c, const struct cli_pattern *p, const struct ottla_topic *t)
{
    return !(t->is_internal && cli_has(c, T_EXCLUDE_INTERNAL)) &&
           (p == NULL || cli_pattern_matches(p, t->name));
}

bool topics_find(struct cli *c, struct cli_names *ret)
{
    struct ottla_topics *all = NULL;
    struct cli_pattern *p = NULL;
    if (cli_has(c, T_TOPIC) && (p = cli_pattern_new(c, cli_value(c, T_TOPIC))) == NULL) {
        topics_fail(c, buf_cstr(&c->why));
        return false;
    }
    int e = ottla_list_topics(c->client, &c->options, &all, &c->error);
    for (size_t i = 0; e == 0 && i < all->count; i++) {
        if (matches(c, p, all->rows[i])) {
            cli_names_add(ret, str_from(all->rows[i]->name));
        }
    }
    if (e != 0) {
        topics_fail(c, c->error.message);
    }
    ottla_topics_free(all);
    cli_pattern_free(p);
    return e == 0;
}

bool topics_are_missed(struct cli *c, const struct cli_names *n)
{
    const char *asked = cli_value(c, T_TOPIC);
    struct buf text = BUF_INIT;
    if (n->count > 0 || asked == NULL || asked[0] == '\0' || cli_has(c, T_IF_EXISTS)) {
        return false;
    }
    buf_printf(&text, "Topic '%s' does not exist as expected", asked);
    topics_fail(c, buf_cstr(&text));
    buf_deinit(&text);
    return true;
}

static int list(struct cli *c)
{
    struct cli_names n = {0};
    json_t *names = json_array();
    if (!topics_find(c, &n)) {
        json_decref(names);
        return CLI_FAILED;
    }
    for (size_t i = 0; i < n.count; i++) {
        if (c->is_json) {
            json_array_append_new(names, cli_json_string(n.names[i]));
        } else {
            puts(n.names[i]);
        }
    }
    if (c->is_json) {
        cli_print_json(c, json_incref(names));
    } else if (n.count == 0) {
        putchar('\n');
    }
    json_decref(names);
    cli_names_deinit(&n);
    return CLI_OK;
}

static int run(struct cli *c)
{
    return cli_has(c, T_LIST)     ? list(c)
           : cli_has(c, T_CREATE) ? topics_create(c)
           : cli_has(c, T_ALTER)  ? topics_alter(c)
           : cli_has(c, T_DELETE) ? topics_delete(c)
                                  : topics_describe(c);
}

static const struct cli_tool tool = {
    .spec = {.command = "ottla topics",
             .about = "Lists, creates, describes and deletes topics, and adds partitions to them.",
             .options = options,
             .option_count = T_OPTIONS,
             .takes_prefixes = true,
             .words = ""},
    .check = check,
    .run = run,
};

int topics_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }
