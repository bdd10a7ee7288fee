/* `ottla reassign-partitions` --execute and --cancel. One thread. */
#include "cli/reassign.h"

#define EXISTS                                                                                     \
    "Cannot execute because there is an existing partition assignment.  Use --additional to "      \
    "override this and create a new partition assignment in addition to the existing one. The "    \
    "--additional flag can also be used to change the throttle by resubmitting the current "       \
    "reassignment."

/* --- what must be so --- */

static bool is_broker(const struct ottla_cluster *cl, int32_t id)
{
    for (size_t i = 0; i < cl->node_count; i++) {
        if (cl->nodes[i]->id == id) {
            return true;
        }
    }
    return false;
}

static bool check_brokers(struct reassign *r)
{
    if (!reassign_ask_cluster(r)) {
        return false;
    }
    for (size_t i = 0; i < r->plan.count; i++) {
        for (size_t k = 0; k < r->plan.rows[i].count; k++) {
            if (!is_broker(r->cluster, r->plan.rows[i].replicas[k])) {
                return cli_refuse(r->cli, "Unknown broker id %d", r->plan.rows[i].replicas[k]);
            }
        }
    }
    return true;
}

static bool check_topics(const struct reassign *r)
{
    for (size_t i = 0; r->topics != NULL && i < r->topics->count; i++) {
        const struct ottla_topic *t = r->topics->rows[i];
        if (t->error == OTTLA_ERR_UNKNOWN_TOPIC_OR_PARTITION) {
            return cli_refuse(r->cli,
                              "org.apache.kafka.common.errors.UnknownTopicOrPartitionException: "
                              "Topic %s not found.",
                              t->name);
        }
        if (t->error != 0) {
            struct buf b = BUF_INIT;
            cli_put_exception(&b, t->error, t->message);
            cli_refuse(r->cli, "%s", buf_cstr(&b));
            buf_deinit(&b);
            return false;
        }
    }
    return true;
}

/* What there is of the plan's partitions. */
static bool take_current(struct reassign *r, struct plan *ret)
{
    struct buf missing = BUF_INIT;
    if (!reassign_ask_topics(r) || !check_topics(r)) {
        return false;
    }
    for (size_t i = 0; i < r->plan.count; i++) {
        const struct plan_row *row = &r->plan.rows[i];
        const struct ottla_partition *p = reassign_partition(r, row);
        if (p != NULL) {
            plan_add(ret, row->topic, row->partition, p->replicas);
        } else {
            buf_printf(&missing, "%s%s-%d", missing.len ? ", " : "", row->topic, row->partition);
        }
    }
    bool ok = missing.len == 0 ||
              cli_refuse(r->cli,
                         "org.apache.kafka.common.errors.UnknownTopicOrPartitionException: "
                         "Unable to find partition: %s",
                         buf_cstr(&missing));
    buf_deinit(&missing);
    return ok && reassign_fill_dirs(r, ret);
}

/* What to give back to --execute to undo it. */
static bool print_current(struct reassign *r)
{
    struct plan now = {0};
    bool ok = take_current(r, &now);
    if (ok) {
        json_t *doc = plan_json(&now);
        char *text = json_dumps(doc, JSON_COMPACT);
        reassign_say(r,
                     "Current partition replica assignment\n\n%s\n\nSave this to use as the "
                     "--reassignment-json-file option during rollback\n",
                     text);
        free(text);
        json_object_set_new(r->out, "current", doc);
    }
    plan_deinit(&now);
    return ok;
}

/* --- the change --- */

static void put_names(const struct plan *p, struct buf *out)
{
    for (size_t i = 0; i < p->count; i++) {
        buf_printf(out, "%s%s-%d", i ? "," : "", p->rows[i].topic, p->rows[i].partition);
    }
}

static json_t *names_json(const struct plan *p)
{
    json_t *list = json_array();
    for (size_t i = 0; i < p->count; i++) {
        json_array_append_new(list, json_pack("{s:s, s:i}", "topic", p->rows[i].topic, "partition",
                                              (int)p->rows[i].partition));
    }
    return list;
}

/* The failures, a line each; their number. */
static size_t put_failures(const struct ottla_outcomes *o, struct buf *out)
{
    size_t n = 0;
    for (size_t i = 0; i < o->count; i++) {
        const struct ottla_outcome *row = o->rows[i];
        if (row->error != 0) {
            buf_printf(out, "\n%s-%d: %s", row->name, row->partition,
                       cli_error_text(row->error, row->message));
            n++;
        }
    }
    return n;
}

/* CLI_OK when all went well; else it was said. */
static int alter(struct reassign *r, const struct plan *p, bool is_cancel)
{
    struct cli *c = r->cli;
    struct ottla_outcomes *o = NULL;
    struct ottla_admin_options opts = c->options;
    struct ottla_reassignment *rows = mem_zalloc((p->count + 1) * sizeof *rows);
    struct buf b = BUF_INIT;
    size_t failed = 0;
    opts.forbid_replication_factor_change = cli_has(c, R_KEEP_FACTOR);
    for (size_t i = 0; i < p->count; i++) {
        rows[i] = (struct ottla_reassignment){p->rows[i].topic, p->rows[i].partition, is_cancel,
                                              plan_ids(&p->rows[i])};
    }
    int code = ottla_alter_reassignments(c->client, rows, p->count, &opts, &o, &c->error);
    mem_free(rows);
    if (code != 0) {
        cli_refuse(c, "%s", c->error.message);
        return reassign_error(r);
    }
    failed = put_failures(o, &b);
    if (failed > 0 && is_cancel) {
        printf("Error cancelling partition reassignment%s for:", failed == 1 ? "" : "s");
    } else if (failed > 0) {
        printf("Error reassigning partition(s):");
    }
    if (failed > 0) {
        puts(buf_cstr(&b));
    }
    buf_deinit(&b);
    ottla_outcomes_free(o);
    return failed ? CLI_FAILED : CLI_OK;
}

static void say_started(struct reassign *r)
{
    struct buf b = BUF_INIT;
    put_names(&r->plan, &b);
    reassign_say(r, "Successfully started partition reassignment%s for %s\n",
                 r->plan.count == 1 ? "" : "s", buf_cstr(&b));
    json_object_set_new(r->out, "started", names_json(&r->plan));
    buf_deinit(&b);
}

static int move_dirs(struct reassign *r)
{
    struct moves m = {0};
    int status = moves_find(r, &m) ? CLI_OK : reassign_error(r);
    if (status == CLI_OK && m.count > 0) {
        status = moves_execute(r, &m);
    }
    mem_free(m.rows);
    return status;
}

int reassign_execute(struct reassign *r)
{
    struct cli *c = r->cli;
    if (!plan_check(c, &r->plan)) {
        return reassign_error(r);
    }
    if (r->now->count > 0 && !cli_has(c, R_ADDITIONAL)) {
        puts(EXISTS);
        return CLI_FAILED;
    }
    if (!check_brokers(r) || !print_current(r) || !throttles_set(r)) {
        return reassign_error(r);
    }
    int status = alter(r, &r->plan, false);
    if (status == CLI_OK) {
        say_started(r);
        status = move_dirs(r);
    }
    return status;
}

/* --- cancel --- */

static int cancel_reassignments(struct reassign *r)
{
    struct plan active = {0};
    struct buf b = BUF_INIT;
    int status = CLI_OK;
    for (size_t i = 0; i < r->plan.count; i++) {
        const struct plan_row *row = &r->plan.rows[i];
        if (reassign_under_way(r, row) != NULL) {
            plan_add(&active, row->topic, row->partition, plan_ids(row));
        }
    }
    if (active.count == 0) {
        reassign_say(r, "None of the specified partition reassignments are active.\n");
    } else if ((status = alter(r, &active, true)) == CLI_OK) {
        put_names(&active, &b);
        reassign_say(r, "Successfully cancelled partition reassignment%s for: %s\n",
                     active.count == 1 ? "" : "s", buf_cstr(&b));
    }
    json_object_set_new(r->out, "cancelled", names_json(&active));
    buf_deinit(&b);
    plan_deinit(&active);
    return status;
}

/* A move is cancelled by a move to where the replica is. */
static int cancel_moves(struct reassign *r)
{
    struct moves m = {0}, active = {0};
    int status = moves_find(r, &m) ? CLI_OK : reassign_error(r);
    active.rows = mem_zalloc((m.count + 1) * sizeof *active.rows);
    for (size_t i = 0; status == CLI_OK && i < m.count; i++) {
        if (m.rows[i].state == MOVE_ACTIVE || m.rows[i].state == MOVE_ELSEWHERE) {
            active.rows[active.count] = m.rows[i];
            active.rows[active.count++].to = m.rows[i].from;
        }
    }
    if (status == CLI_OK && active.count == 0) {
        reassign_say(r, "None of the specified partition moves are active.");
    } else if (status == CLI_OK) {
        status = moves_execute(r, &active);
    }
    mem_free(active.rows);
    mem_free(m.rows);
    return status;
}

int reassign_cancel(struct reassign *r)
{
    int status = cancel_reassignments(r);
    status = status == CLI_OK ? cancel_moves(r) : status;
    if (status == CLI_OK && !cli_has(r->cli, R_PRESERVE) && !throttles_clear(r)) {
        status = reassign_error(r);
    }
    return status;
}
