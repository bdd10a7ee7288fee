/* `ottla reassign-partitions --generate`: a plan that spreads topics over brokers. One thread. */
#include "cli/reassign.h"

#include <time.h>

struct targets {
    struct spread_broker *rows;
    size_t count;
};

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static bool take_ids(struct cli *c, int32_t **ret, size_t *ret_count)
{
    const char *text = cli_value(c, R_BROKERS);
    if (!cli_parse_ids(str_from(text), ',', ret, ret_count) || *ret_count == 0) {
        return cli_refuse(c, "'%s' is no list of brokers: write 1,2,3", text);
    }
    qsort(*ret, *ret_count, sizeof **ret, by_number);
    for (size_t i = 1; i < *ret_count; i++) {
        if ((*ret)[i] == (*ret)[i - 1]) {
            return cli_refuse(c, "Broker list contains duplicate entries: [%d]", (*ret)[i]);
        }
    }
    return true;
}

/* The brokers of the list that are there. */
static bool take_brokers(struct reassign *r, struct targets *ret)
{
    struct cli *c = r->cli;
    int32_t *ids = NULL;
    size_t count = 0, rackless = 0;
    bool ok = take_ids(c, &ids, &count) && reassign_ask_cluster(r), racks = !cli_has(c, R_NO_RACKS);
    ret->rows = mem_zalloc((count + 1) * sizeof *ret->rows);
    for (size_t i = 0; ok && i < r->cluster->node_count; i++) {
        const struct ottla_node *n = r->cluster->nodes[i];
        if (bsearch(&n->id, ids, count, sizeof *ids, by_number) != NULL && ret->count < count) {
            rackless += n->rack == NULL;
            ret->rows[ret->count++] =
                (struct spread_broker){.id = n->id, .rack = racks ? n->rack : NULL};
        }
    }
    mem_free(ids);
    return ok && (!racks || rackless == 0 || rackless == ret->count ||
                  cli_refuse(c, "Not all brokers have rack information. Add --disable-rack-aware "
                                "in command line to make replica assignment without rack "
                                "information."));
}

static bool take_topics(struct reassign *r)
{
    struct cli *c = r->cli;
    struct cli_names n = {0};
    json_t *doc =
        plan_document(c, cli_value(c, R_TOPICS_FILE), "The input string is not a valid JSON");
    bool ok = doc != NULL && plan_parse_topics(c, doc, &n);
    ok = ok && (n.count == 0 ||
                ottla_describe_topics(c->client, (const char *const *)n.names, n.count, &c->options,
                                      &r->topics, &c->error) == 0 ||
                cli_refuse(c, "%s", c->error.message));
    for (size_t i = 0; ok && r->topics != NULL && i < r->topics->count; i++) {
        struct buf b = BUF_INIT;
        const struct ottla_topic *t = r->topics->rows[i];
        if (t->error == OTTLA_ERR_UNKNOWN_TOPIC_OR_PARTITION) {
            buf_printf(&b, "Topic %s not found.", t->name);
        }
        struct buf why = BUF_INIT;
        cli_put_exception(&why, t->error, b.len ? buf_cstr(&b) : t->message);
        ok = t->error == 0 || cli_refuse(c, "%s", buf_cstr(&why));
        buf_deinit(&why);
        buf_deinit(&b);
    }
    json_decref(doc);
    cli_names_deinit(&n);
    return ok;
}

static bool check_count(struct cli *c, const struct targets *to, size_t factor)
{
    if (to->count == 0) {
        return cli_refuse(
            c, "All brokers are currently fenced, or have all their log directories cordoned.");
    }
    return factor <= to->count ||
           cli_refuse(c,
                      "The target replication factor of %zu cannot be reached because only %zu "
                      "broker(s) are registered.",
                      factor, to->count);
}

/* Each topic keeps the number of replicas that its first partition has. */
static bool propose(struct reassign *r, const struct targets *to, struct plan *now,
                    struct plan *then)
{
    struct timespec ts;
    timespec_get(&ts, TIME_UTC);
    for (size_t i = 0; r->topics != NULL && i < r->topics->count; i++) {
        const struct ottla_topic *t = r->topics->rows[i];
        size_t factor = t->partition_count ? t->partitions[0]->replicas.count : 0;
        if (!check_count(r->cli, to, factor)) {
            return false;
        }
        int32_t *ids =
            spread_replicas(to->rows, to->count, t->partition_count, factor,
                            (uint64_t)ts.tv_sec * 1000000007U + (uint64_t)ts.tv_nsec + i);
        for (size_t k = 0; k < t->partition_count; k++) {
            const struct ottla_partition *p = t->partitions[k];
            plan_add(now, t->name, p->partition, p->replicas);
            plan_add(then, t->name, p->partition, (struct ottla_ids){factor, ids + k * factor});
        }
        mem_free(ids);
    }
    return reassign_fill_dirs(r, now);
}

static void print(struct reassign *r, const struct plan *now, const struct plan *then)
{
    json_t *a = plan_json(now), *b = plan_json(then);
    char *current = json_dumps(a, JSON_COMPACT), *proposed = json_dumps(b, JSON_COMPACT);
    reassign_say(r,
                 "Current partition replica assignment\n%s\n\nProposed partition reassignment "
                 "configuration\n%s\n",
                 current, proposed);
    free(current);
    free(proposed);
    json_object_set_new(r->out, "current", a);
    json_object_set_new(r->out, "proposed", b);
}

int reassign_generate(struct reassign *r)
{
    struct targets to = {0};
    struct plan now = {0}, then = {0};
    bool ok = take_topics(r) && take_brokers(r, &to) && propose(r, &to, &now, &then);
    if (ok) {
        print(r, &now, &then);
    }
    plan_deinit(&now);
    plan_deinit(&then);
    mem_free(to.rows);
    return ok ? CLI_OK : reassign_error(r);
}
