/* `ottla reassign-partitions --verify`. One thread. */
#include "cli/reassign.h"

static bool same(struct ottla_ids a, struct ottla_ids b)
{
    return a.count == b.count &&
           (a.count == 0 || memcmp(a.ids, b.ids, a.count * sizeof *a.ids) == 0);
}

static json_t *say_partition(const struct reassign *r, const struct plan_row *row)
{
    const struct ottla_partition *now = reassign_partition(r, row);
    struct ottla_ids has = now ? now->replicas : (struct ottla_ids){0, NULL};
    const char *state = "different";
    struct buf a = BUF_INIT, b = BUF_INIT;
    cli_put_ids(&a, has);
    cli_put_ids(&b, plan_ids(row));
    if (reassign_under_way(r, row) != NULL) {
        state = "in_progress";
        reassign_say(r, "Reassignment of partition %s-%d is still in progress.\n", row->topic,
                     row->partition);
    } else if (same(has, plan_ids(row))) {
        state = "completed";
        reassign_say(r, "Reassignment of partition %s-%d is completed.\n", row->topic,
                     row->partition);
    } else {
        reassign_say(r,
                     "There is no active reassignment of partition %s-%d, but replica set is %s "
                     "rather than %s.\n",
                     row->topic, row->partition, buf_cstr(&a), buf_cstr(&b));
    }
    buf_deinit(&a);
    buf_deinit(&b);
    return json_pack("{s:s, s:i, s:s, s:o, s:o}", "topic", row->topic, "partition",
                     (int)row->partition, "state", state, "replicas", cli_json_ids(has), "target",
                     cli_json_ids(plan_ids(row)));
}

static json_t *say_move(const struct reassign *r, const struct move *m)
{
    static const char *const states[] = {
        [MOVE_NO_REPLICA] = "no_replica", [MOVE_ACTIVE] = "in_progress",
        [MOVE_ELSEWHERE] = "elsewhere",   [MOVE_NONE] = "not_moving",
        [MOVE_DONE] = "completed",
    };
    const char *topic = m->row->topic;
    int32_t p = m->row->partition;
    switch (m->state) {
    case MOVE_NO_REPLICA:
        reassign_say(r,
                     "Partition %s-%d is not found in any live log dir on broker %d. There is "
                     "likely an offline log directory on the broker.\n",
                     topic, p, m->broker);
        break;
    case MOVE_ACTIVE:
        reassign_say(r, "Reassignment of replica %s-%d-%d is still in progress.\n", topic, p,
                     m->broker);
        break;
    case MOVE_ELSEWHERE:
        reassign_say(r,
                     "Partition %s-%d on broker %d is being moved to log dir %s instead of %s.\n",
                     topic, p, m->broker, m->future, m->to);
        break;
    case MOVE_NONE:
        reassign_say(r, "Partition %s-%d on broker %d is not being moved from log dir %s to %s.\n",
                     topic, p, m->broker, m->from, m->to);
        break;
    case MOVE_DONE:
        reassign_say(r, "Reassignment of replica %s-%d-%d completed successfully.\n", topic, p,
                     m->broker);
        break;
    }
    return json_pack("{s:s, s:i, s:i, s:s, s:o, s:s}", "topic", topic, "partition", (int)p,
                     "broker", (int)m->broker, "state", states[m->state], "log_dir",
                     cli_json_string(m->from), "target", m->to);
}

int reassign_verify(struct reassign *r)
{
    struct moves m = {0};
    bool is_moving = false;
    json_t *partitions = json_array(), *moves = json_array();
    bool ok = reassign_ask_topics(r);
    if (ok) {
        reassign_say(r, "Status of partition reassignment:\n");
    }
    for (size_t i = 0; ok && i < r->plan.count; i++) {
        json_array_append_new(partitions, say_partition(r, &r->plan.rows[i]));
    }
    ok = ok && moves_find(r, &m);
    for (size_t i = 0; ok && i < m.count; i++) {
        is_moving |= m.rows[i].state == MOVE_ACTIVE || m.rows[i].state == MOVE_ELSEWHERE;
        json_array_append_new(moves, say_move(r, &m.rows[i]));
    }
    if (ok && m.count == 0) {
        reassign_say(r, "\n");
    }
    json_object_set_new(r->out, "partitions", partitions);
    json_object_set_new(r->out, "moves", moves);
    mem_free(m.rows);
    if (ok && r->now->count == 0 && !is_moving && !cli_has(r->cli, R_PRESERVE)) {
        ok = throttles_clear(r);
    }
    return ok ? CLI_OK : reassign_error(r);
}
