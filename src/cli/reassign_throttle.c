/* The throttles of reassignments: rates of brokers, and lists of replicas of topics that they are
 * for. One thread. */
#include "cli/reassign.h"

#include "base/attr.h"

#include <inttypes.h>

#define LEADER_RATE "leader.replication.throttled.rate"
#define FOLLOWER_RATE "follower.replication.throttled.rate"
#define DIR_RATE "replica.alter.log.dirs.io.max.bytes.per.second"
#define LEADER_REPLICAS "leader.replication.throttled.replicas"
#define FOLLOWER_REPLICAS "follower.replication.throttled.replicas"

/* --- changes of settings --- */

struct changes {
    struct ottla_config_change *rows;
    size_t count;
    struct cli_names texts; /* what rows point to */
};

static const char *keep(struct changes *ch, const char *text)
{
    cli_names_add(&ch->texts, str_from(text));
    return ch->texts.names[ch->texts.count - 1];
}

/* value NULL: it is deleted */
static void change(struct changes *ch, struct ottla_resource of, const char *name,
                   const char *value)
{
    ch->rows = mem_realloc_array(ch->rows, ch->count + 1, sizeof *ch->rows);
    ch->rows[ch->count++] = (struct ottla_config_change){
        .type = of.type,
        .resource = keep(ch, of.name),
        .operation = value ? OTTLA_SET : OTTLA_DELETE,
        .name = name,
        .value = value ? keep(ch, value) : NULL,
    };
}

static void change_broker(struct changes *ch, int32_t id, const char *name, const char *value)
{
    char text[16];
    snprintf(text, sizeof text, "%d", id);
    change(ch, (struct ottla_resource){OTTLA_RESOURCE_BROKER, text}, name, value);
}

static bool apply(struct cli *c, struct changes *ch)
{
    struct ottla_outcomes *o = NULL;
    bool ok = ch->count == 0 ||
              ottla_incremental_alter_configs(c->client, ch->rows, ch->count, &c->options, &o,
                                              &c->error) == 0 ||
              cli_refuse(c, "%s", c->error.message);
    for (size_t i = 0; ok && o != NULL && i < o->count; i++) {
        ok = o->rows[i]->error == 0 ||
             cli_refuse(c, "%s", cli_error_text(o->rows[i]->error, o->rows[i]->message));
    }
    ottla_outcomes_free(o);
    mem_free(ch->rows);
    cli_names_deinit(&ch->texts);
    *ch = (struct changes){0};
    return ok;
}

/* --- clearing --- */

static void put_list(const struct cli_names *n, struct buf *out)
{
    for (size_t i = 0; i < n->count; i++) {
        buf_printf(out, "%s%s", i ? "," : "", n->names[i]);
    }
}

static bool clear(struct reassign *r, enum ottla_resource_type type, const struct cli_names *n)
{
    static const char *const of_broker[] = {LEADER_RATE, FOLLOWER_RATE, DIR_RATE};
    static const char *const of_topic[] = {LEADER_REPLICAS, FOLLOWER_REPLICAS};
    bool is_topic = type == OTTLA_RESOURCE_TOPIC;
    const char *const *names = is_topic ? of_topic : of_broker;
    size_t each = is_topic ? ARRAY_LEN(of_topic) : ARRAY_LEN(of_broker);
    const char *kind = is_topic ? "topic" : "broker";
    struct changes ch = {0};
    struct buf list = BUF_INIT;
    put_list(n, &list);
    reassign_say(r, "Clearing %s-level throttles on %s%s %s\n", kind, kind,
                 n->count == 1 ? "" : "s", buf_cstr(&list));
    buf_deinit(&list);
    for (size_t i = 0; i < n->count; i++) {
        for (size_t k = 0; k < each; k++) {
            change(&ch, (struct ottla_resource){type, n->names[i]}, names[k], NULL);
        }
    }
    return apply(r->cli, &ch);
}

/* Of all brokers: which ones took part is not known any more. */
bool throttles_clear(struct reassign *r)
{
    struct cli_names brokers = {0}, topics = {0};
    char id[16];
    if (!reassign_ask_cluster(r)) {
        return false;
    }
    for (size_t i = 0; i < r->cluster->node_count; i++) {
        snprintf(id, sizeof id, "%d", r->cluster->nodes[i]->id);
        cli_names_add(&brokers, str_from(id));
    }
    plan_topics(&r->plan, &topics);
    bool ok = clear(r, OTTLA_RESOURCE_BROKER, &brokers) && clear(r, OTTLA_RESOURCE_TOPIC, &topics);
    cli_names_deinit(&brokers);
    cli_names_deinit(&topics);
    return ok;
}

/* --- setting --- */

static bool has_id(struct ottla_ids ids, int32_t id)
{
    for (size_t i = 0; i < ids.count; i++) {
        if (ids.ids[i] == id) {
            return true;
        }
    }
    return false;
}

/* What a partition's replicas are taken from, and whom the plan or a reassignment adds. */
struct throttled {
    struct cli_names sources, targets; /* "partition:broker" of one topic */
    struct cli_names brokers;          /* of all of them */
};

/* To one of its lists, and to the brokers. */
static void add_replica(struct throttled *t, struct cli_names *list, int32_t partition,
                        int32_t broker)
{
    char text[32];
    snprintf(text, sizeof text, "%d:%d", partition, broker);
    if (!cli_names_has(list, text)) {
        cli_names_add(list, str_from(text));
    }
    snprintf(text, sizeof text, "%d", broker);
    if (!cli_names_has(&t->brokers, text)) {
        cli_names_add(&t->brokers, str_from(text));
    }
}

static void throttle_row(const struct reassign *r, const struct plan_row *row, struct throttled *t)
{
    const struct ottla_ongoing_reassignment *m = reassign_under_way(r, row);
    const struct ottla_partition *now = reassign_partition(r, row);
    struct ottla_ids has = m ? m->replicas : now->replicas, none = {0, NULL};
    struct ottla_ids adding = m ? m->adding : none;
    for (size_t i = 0; i < has.count; i++) {
        if (!has_id(adding, has.ids[i])) {
            add_replica(t, &t->sources, row->partition, has.ids[i]);
        }
    }
    for (size_t i = 0; i < row->count; i++) {
        if (!has_id(has, row->replicas[i]) || has_id(adding, row->replicas[i])) {
            add_replica(t, &t->targets, row->partition, row->replicas[i]);
        }
    }
}

static bool is_in_plan(const struct plan *p, const struct ottla_ongoing_reassignment *m)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->rows[i].partition == m->partition && strcmp(p->rows[i].topic, m->topic) == 0) {
            return true;
        }
    }
    return false;
}

/* A reassignment that goes on beside the plan keeps its throttle. */
static void throttle_other(const struct reassign *r, const struct ottla_ongoing_reassignment *m,
                           struct throttled *t)
{
    if (is_in_plan(&r->plan, m)) {
        return;
    }
    for (size_t i = 0; i < m->replicas.count; i++) {
        if (!has_id(m->adding, m->replicas.ids[i])) {
            add_replica(t, &t->sources, m->partition, m->replicas.ids[i]);
        }
    }
    for (size_t i = 0; i < m->adding.count; i++) {
        add_replica(t, &t->targets, m->partition, m->adding.ids[i]);
    }
}

static void throttle_topic(const struct reassign *r, const char *topic, struct throttled *t,
                           struct changes *ch)
{
    struct ottla_resource of = {OTTLA_RESOURCE_TOPIC, topic};
    struct buf leaders = BUF_INIT, followers = BUF_INIT;
    for (size_t i = 0; i < r->plan.count; i++) {
        if (strcmp(r->plan.rows[i].topic, topic) == 0) {
            throttle_row(r, &r->plan.rows[i], t);
        }
    }
    for (size_t i = 0; i < r->now->count; i++) {
        if (strcmp(r->now->rows[i]->topic, topic) == 0) {
            throttle_other(r, r->now->rows[i], t);
        }
    }
    cli_names_sort(&t->sources);
    cli_names_sort(&t->targets);
    put_list(&t->sources, &leaders);
    put_list(&t->targets, &followers);
    change(ch, of, LEADER_REPLICAS, buf_cstr(&leaders));
    change(ch, of, FOLLOWER_REPLICAS, buf_cstr(&followers));
    buf_deinit(&leaders);
    buf_deinit(&followers);
    cli_names_deinit(&t->sources);
    cli_names_deinit(&t->targets);
}

static bool between_brokers(struct reassign *r, int64_t rate)
{
    struct cli_names topics = {0};
    struct throttled t = {{0}, {0}, {0}};
    struct changes ch = {0};
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, rate);
    plan_topics(&r->plan, &topics);
    for (size_t i = 0; i < r->now->count; i++) {
        if (!cli_names_has(&topics, r->now->rows[i]->topic)) {
            cli_names_add(&topics, str_from(r->now->rows[i]->topic));
        }
    }
    for (size_t i = 0; i < topics.count; i++) {
        throttle_topic(r, topics.names[i], &t, &ch);
    }
    bool ok = apply(r->cli, &ch);
    for (size_t i = 0; ok && i < t.brokers.count; i++) {
        struct ottla_resource of = {OTTLA_RESOURCE_BROKER, t.brokers.names[i]};
        change(&ch, of, LEADER_RATE, text);
        change(&ch, of, FOLLOWER_RATE, text);
    }
    ok = ok && apply(r->cli, &ch);
    if (ok) {
        reassign_say(r, "The inter-broker throttle limit was set to %" PRId64 " B/s\n", rate);
    }
    cli_names_deinit(&topics);
    cli_names_deinit(&t.brokers);
    return ok;
}

static bool between_dirs(struct reassign *r, int64_t rate)
{
    struct moves m = {0};
    struct changes ch = {0};
    char text[24];
    bool ok = moves_find(r, &m);
    snprintf(text, sizeof text, "%" PRId64, rate);
    for (size_t i = 0; ok && i < m.count; i++) {
        if (i == 0 || m.rows[i].broker != m.rows[i - 1].broker) {
            change_broker(&ch, m.rows[i].broker, DIR_RATE, text);
        }
    }
    mem_free(m.rows);
    ok = ok && apply(r->cli, &ch);
    if (ok) {
        reassign_say(r, "The replica-alter-dir throttle limit was set to %" PRId64 " B/s\n", rate);
    }
    return ok;
}

bool throttles_set(struct reassign *r)
{
    struct cli *c = r->cli;
    struct args_range any = {INT64_MIN, INT64_MAX};
    int64_t rate = -1, dir_rate = -1;
    (void)args_number(&c->args, R_THROTTLE, any, &rate, &c->why);
    (void)args_number(&c->args, R_DIR_THROTTLE, any, &dir_rate, &c->why);
    if (rate >= 0 || dir_rate >= 0) {
        reassign_say(r, "Warning: You must run --verify periodically, until the reassignment "
                        "completes, to ensure the throttle is removed.\n");
    }
    return (rate < 0 || between_brokers(r, rate)) && (dir_rate < 0 || between_dirs(r, dir_rate));
}
