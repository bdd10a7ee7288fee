/* `ottla reassign-partitions` (kafka-reassign-partitions). One thread. */
#include "cli/cli.h"

#include "base/attr.h"
#include "cli/command.h"

enum {
    R_EXECUTE = CLI_OPTIONS,
    R_VERIFY,
    R_CANCEL,
    R_LIST,
    R_FILE,
    R_ADDITIONAL,
    R_PRESERVE,
    R_KEEP_FACTOR,
    OPTIONS
};

static const struct args_option options[OPTIONS] = {
    CLI_OPTION_ROWS,
    [R_EXECUTE] = {"execute", NULL, "Start what the file says.", ARGS_FLAG},
    [R_VERIFY] = {"verify", NULL, "Say how far it is; when it is done, take throttles away.",
                  ARGS_FLAG},
    [R_CANCEL] = {"cancel", NULL, "Stop what the file names.", ARGS_FLAG},
    [R_LIST] = {"list", NULL, "Print what is under way.", ARGS_FLAG},
    [R_FILE] = {"reassignment-json-file", "FILE",
                "{\"version\": 1, \"partitions\": [{\"topic\": \"t\", \"partition\": 0, "
                "\"replicas\": [1, 2]}]}",
                ARGS_VALUE},
    [R_ADDITIONAL] = {"additional", NULL, "execute: also when others are under way.", ARGS_FLAG},
    [R_PRESERVE] = {"preserve-throttles", NULL, "Leave throttles as they are.", ARGS_FLAG},
    [R_KEEP_FACTOR] = {"disallow-replication-factor-change", NULL,
                       "execute: refuse another number of replicas.", ARGS_FLAG},
};

/* The rows of the file, by topic and partition. */
struct plan {
    struct cli *cli;
    struct ottla_reassignment *rows; /* topic and ids are owned */
    size_t count;
    struct ottla_reassignments *now; /* all that is under way */
};

static void plan_deinit(struct plan *p)
{
    for (size_t i = 0; i < p->count; i++) {
        mem_free((void *)(uintptr_t)p->rows[i].topic);
        mem_free((void *)(uintptr_t)p->rows[i].replicas.ids);
    }
    mem_free(p->rows);
    ottla_reassignments_free(p->now);
}

/* As Kafka's tool: what went wrong is on standard output. */
static int fail(const char *before, const char *text)
{
    printf("%s%s\n", before, text);
    return CLI_FAILED;
}

/* --- the file --- */

static bool moves_directories(json_t *row)
{
    json_t *dir;
    size_t i;
    json_array_foreach(json_object_get(row, "log_dirs"), i, dir)
    {
        const char *text = json_string_value(dir);
        if (text == NULL || strcmp(text, "any") != 0) {
            return true;
        }
    }
    return false;
}

static bool add_row(struct plan *p, json_t *row, size_t at)
{
    const char *topic = json_string_value(json_object_get(row, "topic"));
    json_t *partition = json_object_get(row, "partition");
    json_t *replicas = json_object_get(row, "replicas"), *id;
    size_t i, n = json_array_size(replicas);
    if (topic == NULL || !json_is_integer(partition) || !json_is_array(replicas)) {
        return cli_refuse(p->cli, "partitions[%zu] needs topic, partition and replicas", at);
    }
    if (n == 0) {
        return cli_refuse(p->cli, "Partition replica list cannot be empty");
    }
    if (moves_directories(row)) {
        return cli_refuse(p->cli,
                          "partitions[%zu]: replicas are not moved between directories yet: "
                          "leave log_dirs out, or write \"any\"",
                          at);
    }
    int32_t *ids = mem_realloc_array(NULL, n, sizeof *ids);
    json_array_foreach(replicas, i, id) { ids[i] = (int32_t)json_integer_value(id); }
    p->rows = mem_realloc_array(p->rows, p->count + 1, sizeof *p->rows);
    p->rows[p->count++] = (struct ottla_reassignment){
        .topic = str_dup(str_from(topic)),
        .partition = (int32_t)json_integer_value(partition),
        .replicas = {n, ids},
    };
    return true;
}

static int by_place(const void *a, const void *b)
{
    const struct ottla_reassignment *x = a, *y = b;
    int c = strcmp(x->topic, y->topic);
    return c ? c : (x->partition > y->partition) - (x->partition < y->partition);
}

static bool take_file(struct plan *p)
{
    json_t *doc = cli_read_json(p->cli, cli_value(p->cli, R_FILE)), *row;
    json_t *list = json_object_get(doc, "partitions");
    bool ok = doc != NULL && (json_array_size(list) > 0 ||
                              cli_refuse(p->cli, "Partition reassignment list cannot be empty"));
    size_t i;
    json_array_foreach(list, i, row) { ok = ok && add_row(p, row, i); }
    json_decref(doc);
    if (p->count > 0) {
        qsort(p->rows, p->count, sizeof *p->rows, by_place);
    }
    for (i = 1; ok && i < p->count; i++) {
        ok = by_place(&p->rows[i - 1], &p->rows[i]) != 0 ||
             cli_refuse(p->cli, "Partition reassignment contains duplicate topic partitions: %s-%d",
                        p->rows[i].topic, p->rows[i].partition);
    }
    return ok;
}

/* --- what there is --- */

static const struct ottla_ongoing_reassignment *under_way(const struct plan *p,
                                                          const struct ottla_reassignment *r)
{
    for (size_t i = 0; i < p->now->count; i++) {
        const struct ottla_ongoing_reassignment *m = p->now->rows[i];
        if (m->partition == r->partition && strcmp(m->topic, r->topic) == 0) {
            return m;
        }
    }
    return NULL;
}

/* The topics of the plan, each once. */
static void add_topics(const struct plan *p, struct cli_names *n)
{
    for (size_t i = 0; i < p->count; i++) {
        if (!cli_names_has(n, p->rows[i].topic)) {
            cli_names_add(n, str_from(p->rows[i].topic));
        }
    }
}

static struct ottla_topics *describe(const struct plan *p)
{
    struct cli_names n = {0};
    struct ottla_topics *t = NULL;
    add_topics(p, &n);
    if (ottla_describe_topics(p->cli->client, (const char *const *)n.names, n.count,
                              &p->cli->options, &t, &p->cli->error) != 0) {
        t = NULL;
    }
    cli_names_deinit(&n);
    return t;
}

/* NULL: there is no such partition. */
static const struct ottla_partition *find(const struct ottla_topics *t,
                                          const struct ottla_reassignment *r)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct ottla_topic *row = t->rows[i];
        if (strcmp(row->name, r->topic) == 0 && row->error == 0 && r->partition >= 0 &&
            (size_t)r->partition < row->partition_count) {
            return row->partitions[r->partition];
        }
    }
    return NULL;
}

static bool same(struct ottla_ids a, struct ottla_ids b)
{
    return a.count == b.count && memcmp(a.ids, b.ids, a.count * sizeof *a.ids) == 0;
}

/* --- list --- */

static int list(const struct plan *p)
{
    json_t *rows = json_array();
    struct buf b = BUF_INIT;
    for (size_t i = 0; i < p->now->count; i++) {
        const struct ottla_ongoing_reassignment *m = p->now->rows[i];
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
    if (p->cli->is_json) {
        cli_print_json(json_incref(rows));
    } else if (b.len > 0) {
        printf("Current partition reassignments:%s\n", buf_cstr(&b));
    } else {
        puts("No partition reassignments found.");
    }
    json_decref(rows);
    buf_deinit(&b);
    return CLI_OK;
}

/* --- verify --- */

static void print_state(const struct plan *p, const struct ottla_topics *t,
                        const struct ottla_reassignment *r)
{
    const struct ottla_partition *now = find(t, r);
    struct ottla_ids has = now ? now->replicas : (struct ottla_ids){0, NULL};
    struct buf a = BUF_INIT, b = BUF_INIT;
    cli_put_ids(&a, has);
    cli_put_ids(&b, r->replicas);
    if (under_way(p, r) != NULL) {
        printf("Reassignment of partition %s-%d is still in progress.\n", r->topic, r->partition);
    } else if (same(has, r->replicas)) {
        printf("Reassignment of partition %s-%d is completed.\n", r->topic, r->partition);
    } else {
        printf("There is no active reassignment of partition %s-%d, but replica set is %s rather "
               "than %s.\n",
               r->topic, r->partition, buf_cstr(&a), buf_cstr(&b));
    }
    buf_deinit(&a);
    buf_deinit(&b);
}

static bool clear(struct cli *c, enum ottla_resource_type type, const struct cli_names *n)
{
    static const char *const of_broker[] = {"leader.replication.throttled.rate",
                                            "follower.replication.throttled.rate",
                                            "replica.alter.log.dirs.io.max.bytes.per.second"};
    static const char *const of_topic[] = {"leader.replication.throttled.replicas",
                                           "follower.replication.throttled.replicas"};
    bool is_topic = type == OTTLA_RESOURCE_TOPIC;
    size_t each = is_topic ? ARRAY_LEN(of_topic) : ARRAY_LEN(of_broker), count = 0;
    struct ottla_config_change *ch = mem_realloc_array(NULL, n->count * each + 1, sizeof *ch);
    struct ottla_outcomes *o = NULL;
    for (size_t i = 0; i < n->count; i++) {
        for (size_t k = 0; k < each; k++) {
            ch[count++] = (struct ottla_config_change){type, n->names[i], OTTLA_DELETE,
                                                       is_topic ? of_topic[k] : of_broker[k], NULL};
        }
    }
    bool ok =
        ottla_incremental_alter_configs(c->client, ch, count, &c->options, &o, &c->error) == 0 ||
        cli_refuse(c, "%s", c->error.message);
    for (size_t i = 0; ok && i < o->count; i++) {
        ok = o->rows[i]->error == 0 ||
             cli_refuse(c, "%s", cli_error_text(o->rows[i]->error, o->rows[i]->message));
    }
    ottla_outcomes_free(o);
    mem_free(ch);
    return ok;
}

static void print_clearing(const char *kind, const char *thing, const struct cli_names *n)
{
    printf("Clearing %s-level throttles on %s%s ", kind, thing, n->count == 1 ? "" : "s");
    for (size_t i = 0; i < n->count; i++) {
        printf("%s%s", i ? "," : "", n->names[i]);
    }
    putchar('\n');
}

static bool clear_throttles(const struct plan *p)
{
    struct cli *c = p->cli;
    struct ottla_cluster *cl = NULL;
    struct cli_names brokers = {0}, topics = {0};
    char id[16];
    if (ottla_describe_cluster(c->client, &c->options, &cl, &c->error) != 0) {
        return cli_refuse(c, "%s", c->error.message);
    }
    for (size_t i = 0; i < cl->node_count; i++) {
        snprintf(id, sizeof id, "%d", cl->nodes[i]->id);
        cli_names_add(&brokers, str_from(id));
    }
    add_topics(p, &topics);
    print_clearing("broker", "broker", &brokers);
    bool ok = clear(c, OTTLA_RESOURCE_BROKER, &brokers);
    if (ok) {
        print_clearing("topic", "topic", &topics);
        ok = clear(c, OTTLA_RESOURCE_TOPIC, &topics);
    }
    cli_names_deinit(&brokers);
    cli_names_deinit(&topics);
    ottla_cluster_free(cl);
    return ok;
}

static int verify(const struct plan *p)
{
    struct ottla_topics *t = describe(p);
    if (t == NULL) {
        return fail("Error: ", p->cli->error.message);
    }
    puts("Status of partition reassignment:");
    for (size_t i = 0; i < p->count; i++) {
        print_state(p, t, &p->rows[i]);
    }
    putchar('\n');
    ottla_topics_free(t);
    bool ok = p->now->count > 0 || cli_has(p->cli, R_PRESERVE) || clear_throttles(p);
    return ok ? CLI_OK : fail("Error: ", buf_cstr(&p->cli->why));
}

/* --- execute and cancel --- */

/* What to give back to --execute to undo it. */
static bool print_rollback(const struct plan *p, const struct ottla_topics *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < p->count; i++) {
        const struct ottla_reassignment *r = &p->rows[i];
        const struct ottla_partition *now = find(t, r);
        json_t *dirs = json_array();
        if (now == NULL) {
            json_decref(dirs);
            json_decref(list);
            return cli_refuse(p->cli, "Unable to find partition: %s-%d", r->topic, r->partition);
        }
        for (size_t k = 0; k < now->replicas.count; k++) {
            json_array_append_new(dirs, json_string("any"));
        }
        json_array_append_new(list, json_pack("{s:s, s:i, s:o, s:o}", "topic", r->topic,
                                              "partition", (int)r->partition, "replicas",
                                              cli_json_ids(now->replicas), "log_dirs", dirs));
    }
    puts("Current partition replica assignment\n");
    cli_print_json(json_pack("{s:i, s:o}", "version", 1, "partitions", list));
    puts("\nSave this to use as the --reassignment-json-file option during rollback");
    return true;
}

static void put_names(const struct plan *p, struct buf *out)
{
    for (size_t i = 0; i < p->count; i++) {
        buf_printf(out, "%s%s-%d", out->len ? "," : "", p->rows[i].topic, p->rows[i].partition);
    }
}

/* True when all went well; else the errors are printed behind title. */
static bool alter(const struct plan *p, const char *title)
{
    struct cli *c = p->cli;
    struct ottla_outcomes *o = NULL;
    struct ottla_admin_options opts = c->options;
    struct buf b = BUF_INIT;
    opts.forbid_replication_factor_change = cli_has(c, R_KEEP_FACTOR);
    if (ottla_alter_reassignments(c->client, p->rows, p->count, &opts, &o, &c->error) != 0) {
        fail("Error: ", c->error.message);
        return false;
    }
    for (size_t i = 0; i < o->count; i++) {
        const struct ottla_outcome *row = o->rows[i];
        if (row->error != 0) {
            buf_printf(&b, "\n%s-%d: %s", row->name, row->partition,
                       cli_error_text(row->error, row->message));
        }
    }
    bool ok = b.len == 0;
    if (!ok) {
        fail(title, buf_cstr(&b));
    }
    buf_deinit(&b);
    ottla_outcomes_free(o);
    return ok;
}

static bool check_brokers(const struct plan *p)
{
    struct ottla_cluster *cl = NULL;
    struct cli *c = p->cli;
    if (ottla_describe_cluster(c->client, &c->options, &cl, &c->error) != 0) {
        return cli_refuse(c, "%s", c->error.message);
    }
    bool ok = true;
    for (size_t i = 0; i < p->count; i++) {
        for (size_t k = 0; ok && k < p->rows[i].replicas.count; k++) {
            int32_t id = p->rows[i].replicas.ids[k];
            size_t n = 0;
            while (n < cl->node_count && cl->nodes[n]->id != id) {
                n++;
            }
            ok = n < cl->node_count || cli_refuse(c, "Unknown broker id %d", id);
        }
    }
    ottla_cluster_free(cl);
    return ok;
}

static int execute(const struct plan *p)
{
    struct ottla_topics *t;
    struct buf b = BUF_INIT;
    if (p->now->count > 0 && !cli_has(p->cli, R_ADDITIONAL)) {
        return fail("", "Cannot execute because there is an existing partition assignment.  Use "
                        "--additional to override this and create a new partition assignment in "
                        "addition to the existing one. The --additional flag can also be used to "
                        "change the throttle by resubmitting the current reassignment.");
    }
    if (!check_brokers(p)) {
        return fail("Error: ", buf_cstr(&p->cli->why));
    }
    if ((t = describe(p)) == NULL) {
        return fail("Error: ", p->cli->error.message);
    }
    bool ok = print_rollback(p, t);
    ottla_topics_free(t);
    if (!ok) {
        return fail("Error: ", buf_cstr(&p->cli->why));
    }
    if (!alter(p, "Error reassigning partition(s):")) {
        return CLI_FAILED;
    }
    put_names(p, &b);
    printf("Successfully started partition reassignment%s for %s\n", p->count == 1 ? "" : "s",
           buf_cstr(&b));
    buf_deinit(&b);
    return CLI_OK;
}

/* Only what is under way stays in the plan. */
static void keep_moving(struct plan *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->count; i++) {
        struct ottla_reassignment r = p->rows[i];
        r.is_cancel = true;
        if (under_way(p, &r) != NULL) {
            p->rows[i] = p->rows[n];
            p->rows[n++] = r;
        }
    }
    for (size_t i = n; i < p->count; i++) {
        mem_free((void *)(uintptr_t)p->rows[i].topic);
        mem_free((void *)(uintptr_t)p->rows[i].replicas.ids);
    }
    p->count = n;
}

static int cancel(struct plan *p)
{
    struct buf b = BUF_INIT;
    keep_moving(p);
    if (p->count == 0) {
        puts("None of the specified partition reassignments are active.");
    } else if (!alter(p, p->count == 1 ? "Error cancelling partition reassignment for:"
                                       : "Error cancelling partition reassignments for:")) {
        return CLI_FAILED;
    } else {
        put_names(p, &b);
        printf("Successfully cancelled partition reassignment%s for: %s\n",
               p->count == 1 ? "" : "s", buf_cstr(&b));
    }
    buf_deinit(&b);
    puts("None of the specified partition moves are active.");
    return CLI_OK;
}

/* --- the tool --- */

static bool check(struct cli *c)
{
    static const int actions[] = {R_EXECUTE, R_VERIFY, R_CANCEL, R_LIST, -1};
    return cli_needs_one(c, actions) && (cli_has(c, R_LIST) || cli_needs(c, R_FILE));
}

static int run(struct cli *c)
{
    struct plan p = {.cli = c};
    int status;
    if (!cli_has(c, R_LIST) && !take_file(&p)) {
        status = fail("Error: ", buf_cstr(&c->why));
    } else if (ottla_list_reassignments(c->client, NULL, 0, &c->options, &p.now, &c->error) != 0) {
        status = fail("Error: ", c->error.message);
    } else {
        status = cli_has(c, R_LIST)     ? list(&p)
                 : cli_has(c, R_VERIFY) ? verify(&p)
                 : cli_has(c, R_CANCEL) ? cancel(&p)
                                        : execute(&p);
    }
    plan_deinit(&p);
    return status;
}

static const struct cli_tool tool = {
    .spec = {.command = "ottla reassign-partitions",
             .about = "Moves partitions between brokers, and says how far that is.",
             .options = options,
             .option_count = OPTIONS,
             .takes_prefixes = true},
    .check = check,
    .run = run,
};

int reassign_partitions_command(int argc, char **argv) { return cli_main(&tool, argc, argv); }
