/* `ottla reassign-partitions` (kafka-reassign-partitions): its command line, what it asks first,
 * and --list. One thread. */
#include "cli/reassign.h"

#include "base/attr.h"
#include "cli/command.h"

#include <stdarg.h>

static const struct args_option options[R_OPTIONS] = {
    CLI_OPTION_ROWS,
    [R_GENERATE] = {"generate", NULL, "Propose a plan; nothing is changed.", ARGS_FLAG},
    [R_EXECUTE] = {"execute", NULL, "Start what the file says.", ARGS_FLAG},
    [R_VERIFY] = {"verify", NULL, "Say how far it is; when it is done, take throttles away.",
                  ARGS_FLAG},
    [R_CANCEL] = {"cancel", NULL, "Stop what the file names.", ARGS_FLAG},
    [R_LIST] = {"list", NULL, "Print what is under way.", ARGS_FLAG},
    [R_FILE] = {"reassignment-json-file", "FILE",
                "{\"version\": 1, \"partitions\": [{\"topic\": \"t\", \"partition\": 0, "
                "\"replicas\": [1, 2], \"log_dirs\": [\"any\", \"/data/2\"]}]}; log_dirs may be "
                "left out.",
                ARGS_VALUE},
    [R_TOPICS_FILE] = {"topics-to-move-json-file", "FILE",
                       "generate: {\"version\": 1, \"topics\": [{\"topic\": \"t\"}]}", ARGS_VALUE},
    [R_BROKERS] = {"broker-list", "ID,...", "generate: where to.", ARGS_VALUE},
    [R_NO_RACKS] = {"disable-rack-aware", NULL, "generate: do not look at racks.", ARGS_FLAG},
    [R_THROTTLE] = {"throttle", "BYTES", "execute: at most so many bytes a second between brokers.",
                    ARGS_VALUE},
    [R_DIR_THROTTLE] = {"replica-alter-log-dirs-throttle", "BYTES",
                        "execute: at most so many bytes a second between directories.", ARGS_VALUE},
    [R_TIMEOUT] = {"timeout", "MS",
                   "execute, cancel: how long a broker may take to begin a move between "
                   "directories; 10000.",
                   ARGS_VALUE},
    [R_ADDITIONAL] = {"additional", NULL, "execute: also when others are under way.", ARGS_FLAG},
    [R_PRESERVE] = {"preserve-throttles", NULL, "verify, cancel: leave throttles as they are.",
                    ARGS_FLAG},
    [R_KEEP_FACTOR] = {"disallow-replication-factor-change", NULL,
                       "execute: refuse another number of replicas.", ARGS_FLAG},
    [R_CONTROLLER] = CLI_CONTROLLER_ROW,
};

/* --- what is printed --- */

void reassign_say(const struct reassign *r, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    if (!r->cli->is_json) {
        vprintf(fmt, args);
    }
    va_end(args);
}

int reassign_error(const struct reassign *r)
{
    printf("Error: %s\n", buf_cstr(&r->cli->why));
    return CLI_FAILED;
}

/* --- what there is --- */

static bool asked(const struct reassign *r, int code)
{
    return code == 0 || cli_refuse(r->cli, "%s", r->cli->error.message);
}

bool reassign_ask_topics(struct reassign *r)
{
    struct cli *c = r->cli;
    struct cli_names n = {0};
    plan_topics(&r->plan, &n);
    int code = r->topics != NULL || n.count == 0
                   ? 0
                   : ottla_describe_topics(c->client, (const char *const *)n.names, n.count,
                                           &c->options, &r->topics, &c->error);
    cli_names_deinit(&n);
    return asked(r, code);
}

bool reassign_ask_cluster(struct reassign *r)
{
    struct cli *c = r->cli;
    return r->cluster != NULL ||
           asked(r, ottla_describe_cluster(c->client, &c->options, &r->cluster, &c->error));
}

bool reassign_ask_dirs(struct reassign *r)
{
    struct cli *c = r->cli;
    return r->dirs != NULL ||
           asked(r, ottla_describe_log_dirs(c->client, (struct ottla_ids){0, NULL}, NULL, 0,
                                            &c->options, &r->dirs, &c->error));
}

static int compare_topic(const void *name, const void *row)
{
    const struct ottla_topic *const *t = row;
    return strcmp(name, (*t)->name);
}

const struct ottla_partition *reassign_partition(const struct reassign *r,
                                                 const struct plan_row *row)
{
    /* asked for in the order of the plan, which is that of names */
    const struct ottla_topic *const *t =
        r->topics == NULL ? NULL
                          : bsearch(row->topic, r->topics->rows, r->topics->count,
                                    sizeof(struct ottla_topic *), compare_topic);
    bool is_there = t != NULL && (*t)->error == 0 && row->partition >= 0 &&
                    (size_t)row->partition < (*t)->partition_count;
    return is_there ? (*t)->partitions[row->partition] : NULL;
}

const struct ottla_ongoing_reassignment *reassign_under_way(const struct reassign *r,
                                                            const struct plan_row *row)
{
    for (size_t i = 0; i < r->now->count; i++) {
        const struct ottla_ongoing_reassignment *m = r->now->rows[i];
        if (m->partition == row->partition && strcmp(m->topic, row->topic) == 0) {
            return m;
        }
    }
    return NULL;
}

const char *reassign_dir(const struct reassign *r, const struct plan_row *row, int32_t broker,
                         bool is_future)
{
    for (size_t i = 0; i < r->dirs->count; i++) {
        const struct ottla_log_dir *d = r->dirs->rows[i];
        for (size_t k = 0; d->broker == broker && k < d->count; k++) {
            const struct ottla_log_dir_partition *p = d->partitions[k];
            if (p->partition == row->partition && p->is_future == is_future &&
                strcmp(p->topic, row->topic) == 0) {
                return d->path;
            }
        }
    }
    return NULL;
}

bool reassign_fill_dirs(struct reassign *r, struct plan *p)
{
    if (!reassign_ask_dirs(r)) {
        return false;
    }
    for (size_t i = 0; i < p->count; i++) {
        struct plan_row *row = &p->rows[i];
        for (size_t k = 0; k < row->count; k++) {
            const char *dir = reassign_dir(r, row, row->replicas[k], false);
            row->dirs[k] = dir ? str_dup(str_from(dir)) : NULL;
        }
    }
    return true;
}

/* --- list --- */

static int list(const struct reassign *r)
{
    struct buf b = BUF_INIT;
    json_t *rows = json_array();
    for (size_t i = 0; r->now != NULL && i < r->now->count; i++) {
        const struct ottla_ongoing_reassignment *m = r->now->rows[i];
        json_array_append_new(
            rows, json_pack("{s:s, s:i, s:o, s:o, s:o}", "topic", m->topic, "partition",
                            (int)m->partition, "replicas", cli_json_ids(m->replicas), "adding",
                            cli_json_ids(m->adding), "removing", cli_json_ids(m->removing)));
        buf_printf(&b, "\n%s-%d: replicas: ", m->topic, m->partition);
        cli_put_ids(&b, m->replicas);
        buf_printf(&b, m->adding.count ? ". adding: " : ".");
        cli_put_ids(&b, m->adding);
        buf_printf(&b, "%s%s", m->adding.count ? "." : "", m->removing.count ? " removing: " : "");
        cli_put_ids(&b, m->removing);
        buf_printf(&b, m->removing.count ? "." : "");
    }
    if (r->cli->is_json) {
        cli_print_json(r->cli, json_incref(rows));
    } else if (b.len > 0) {
        printf("Current partition reassignments:%s\n", buf_cstr(&b));
    } else {
        puts("No partition reassignments found.");
    }
    json_decref(rows);
    buf_deinit(&b);
    return CLI_OK;
}

/* --- the tool --- */

/* What each action needs and what else it takes; lists end with -1. */
static const struct action {
    int option;
    int needs[3], takes[7];
    int (*run)(struct reassign *r);
} actions[] = {
    {R_GENERATE, {R_TOPICS_FILE, R_BROKERS, -1}, {R_NO_RACKS, -1}, reassign_generate},
    {R_EXECUTE,
     {R_FILE, -1},
     {R_ADDITIONAL, R_THROTTLE, R_DIR_THROTTLE, R_TIMEOUT, R_KEEP_FACTOR, -1},
     reassign_execute},
    {R_VERIFY, {R_FILE, -1}, {R_PRESERVE, -1}, reassign_verify},
    {R_CANCEL, {R_FILE, -1}, {R_PRESERVE, R_TIMEOUT, R_CONTROLLER, -1}, reassign_cancel},
    {R_LIST, {-1}, {R_CONTROLLER, -1}, NULL},
};

static const struct action *action_of(const struct cli *c)
{
    size_t i = 0;
    while (!cli_has(c, actions[i].option)) {
        i++;
    }
    return &actions[i];
}

static bool stands_in(const int *list, int option)
{
    while (*list >= 0 && *list != option) {
        list++;
    }
    return *list == option;
}

static bool check_numbers(struct cli *c)
{
    struct args_range any = {INT64_MIN, INT64_MAX};
    int64_t v;
    return args_number(&c->args, R_THROTTLE, any, &v, &c->why) &&
           args_number(&c->args, R_DIR_THROTTLE, any, &v, &c->why) &&
           args_number(&c->args, R_TIMEOUT, any, &v, &c->why);
}

static bool check(struct cli *c)
{
    static const int all[] = {R_GENERATE, R_EXECUTE, R_VERIFY, R_CANCEL, R_LIST, -1};
    if (!cli_needs_one(c, all)) {
        return false;
    }
    const struct action *a = action_of(c);
    for (int i = 0; a->needs[i] >= 0; i++) {
        if (!cli_needs(c, a->needs[i])) {
            return false;
        }
    }
    for (int o = R_FILE; o < R_OPTIONS; o++) {
        if (cli_has(c, o) && !stands_in(a->needs, o) && !stands_in(a->takes, o)) {
            return cli_refuse(c, "Option \"[%s]\" can't be used with action \"[%s]\"",
                              options[o].name, options[a->option].name);
        }
    }
    return check_numbers(c);
}

static bool begin(struct reassign *r)
{
    struct cli *c = r->cli;
    if (cli_has(c, R_FILE) && !plan_read(c, cli_value(c, R_FILE), &r->plan)) {
        return false;
    }
    return cli_has(c, R_GENERATE) ||
           asked(r, ottla_list_reassignments(c->client, NULL, 0, &c->options, &r->now, &c->error));
}

static int run(struct cli *c)
{
    struct reassign r = {.cli = c, .out = json_object()};
    const struct action *a = action_of(c);
    int status = !begin(&r) ? reassign_error(&r) : a->run == NULL ? list(&r) : a->run(&r);
    if (c->is_json && a->run != NULL && status == CLI_OK) {
        cli_print_json(c, json_incref(r.out));
    }
    json_decref(r.out);
    plan_deinit(&r.plan);
    ottla_reassignments_free(r.now);
    ottla_topics_free(r.topics);
    ottla_cluster_free(r.cluster);
    ottla_log_dirs_free(r.dirs);
    return status;
}

static const struct cli_tool tool = {
    .spec = {.command = "ottla reassign-partitions",
             .about = "Moves partitions between brokers and their directories, and says how far "
                      "that is.",
             .options = options,
             .option_count = R_OPTIONS,
             .takes_prefixes = true,
             .words = ""},
    .check = check,
    .run = run,
    .controller = R_CONTROLLER,
};

int reassign_partitions_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }
