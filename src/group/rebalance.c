/* Rebalances: from the first join to the assignment that all have. Pure.
 *
 *   prepare   members are asked to join again; the group waits for them, the first time for a delay
 *             that newcomers extend, then for the rebalance timeout
 *   complete  who did not join is out (static members stay), the generation goes up, a protocol is
 *             voted for, all joins are answered, and the group waits for the leader's assignment
 *   settled   the assignment is in the log: all syncs are answered, the group is stable */
#include "group/group_int.h"

static void complete(struct group_shard *s, struct group *g);

/* The longest of the members' rebalance timeouts. */
static int32_t patience_ms(const struct group *g)
{
    int32_t most = 0;
    LIST_EACH(&g->order, n, next) {
        most = MAX(most, LIST_ENTRY(n, struct member, order)->rebalance_ms);
    }
    return most;
}

static bool all_joined(const struct group *g)
{
    return g->joined_count == group_size(g) && g->pending.count == 0;
}

static void drop_assignment(struct group_shard *s, struct member *m)
{
    group_mem_free(s, m->assignment.p);
    m->assignment = BYTES_NULL;
}

/* All parked syncs are answered; their sessions, which did not expire meanwhile, begin anew. */
static void end_syncs(struct group_shard *s, struct group *g, enum err e)
{
    LIST_EACH(&g->order, n, next) {
        struct member *m = LIST_ENTRY(n, struct member, order);
        struct group_req *req = m->sync;
        m->sync = NULL;
        if (e) {
            drop_assignment(s, m);
        }
        if (req == NULL) {
            continue;
        }
        if (e) {
            req_fail_now(s, req, e);
        } else {
            sync_answer(s, req, m);
        }
        member_touch(s, m);
    }
}

static void forget_syncs(struct group_shard *s, struct group *g)
{
    LIST_EACH(&g->order, n, next) {
        LIST_ENTRY(n, struct member, order)->is_pending_sync = false;
    }
    g->pending_sync_count = 0;
    timer_cancel(s, &g->sync_timer);
}

void rebalance_prepare(struct group_shard *s, struct group *g)
{
    bool is_initial = g->state == GROUP_EMPTY;
    if (g->state == GROUP_COMPLETING) {
        end_syncs(s, g, ERR_REBALANCE_IN_PROGRESS);
    }
    forget_syncs(s, g);
    group_set_state(s, g, GROUP_PREPARING);
    if (is_initial) {
        g->delay_ms = s->config->initial_delay_ms;
        g->remaining_ms = MAX(patience_ms(g) - g->delay_ms, 0);
        g->is_member_added = false;
        timer_set(s, &g->timer, TIMER_INITIAL, g->delay_ms);
    } else if (all_joined(g)) {
        complete(s, g);
    } else {
        timer_set(s, &g->timer, TIMER_JOIN, patience_ms(g));
    }
}

void rebalance_try_complete(struct group_shard *s, struct group *g)
{
    if (g->state == GROUP_PREPARING && g->previous != GROUP_EMPTY && all_joined(g)) {
        complete(s, g);
    }
}

void rebalance_or_complete(struct group_shard *s, struct group *g)
{
    if (g->state == GROUP_PREPARING) {
        rebalance_try_complete(s, g);
    } else {
        rebalance_prepare(s, g);
    }
}

static void remove_missing(struct group_shard *s, struct group *g)
{
    LIST_EACH(&g->order, n, next) {
        struct member *m = LIST_ENTRY(n, struct member, order);
        if (m->join == NULL && m->instance.p == NULL) {
            member_remove(s, m);
        }
    }
}

/* The leader has joined, or the first who has becomes it. False: nobody has. */
static bool elect(struct group *g)
{
    if (g->leader == NULL || g->leader->join != NULL) {
        return g->leader != NULL;
    }
    LIST_EACH(&g->order, n, next) {
        struct member *m = LIST_ENTRY(n, struct member, order);
        if (m->join != NULL) {
            g->leader = m;
            return true;
        }
    }
    return false;
}

static void put_member(const struct group *g, const struct member *m,
                       struct group_metadata_value_member_metadata *to)
{
    *to = (struct group_metadata_value_member_metadata){
        .member_id = m->id,
        .group_instance_id = m->instance,
        .client_id = m->client_id,
        .client_host = m->client_host,
        .rebalance_timeout = m->rebalance_ms,
        .session_timeout = m->session_ms,
        .subscription = member_metadata(m, g->protocol),
        .assignment = m->assignment.p ? m->assignment : (struct bytes){(const uint8_t *)"", 0},
    };
}

void put_group_record(struct group_shard *s, struct group_records *rs, const struct group *g)
{
    struct group_metadata_value v = {
        .protocol_type = g->protocol_type.p ? g->protocol_type : STR(""),
        .generation = g->generation,
        .protocol = g->protocol,
        .leader = g->leader ? g->leader->id : STR_NULL,
        .current_state_timestamp = g->state_ms,
    };
    v.members = arena_array(&s->scratch, (size_t)group_size(g) + 1, sizeof *v.members);
    if (v.members == NULL) {
        rs->err = ERR_NO_MEMORY;
        return;
    }
    LIST_EACH(&g->order, n, next) {
        put_member(g, LIST_ENTRY(n, struct member, order), &v.members[v.members_count++]);
    }
    group_records_add_group(rs, g->name, &v);
    arena_reset(&s->scratch);
}

static void become_empty(struct group_shard *s, struct group *g)
{
    struct write *w = write_new(s, WRITE_PLAIN, g);
    group_drop_str(s, &g->protocol);
    group_learn_topics(s, g);
    group_set_state(s, g, GROUP_EMPTY);
    put_group_record(s, &w->pub.records, g);
    write_emit(s, w);
}

static void begin_generation(struct group_shard *s, struct group *g)
{
    struct str protocol = group_vote(s, g);
    if (!group_set_text(s, &g->protocol, protocol)) {
        timer_set(s, &g->timer, TIMER_JOIN, patience_ms(g)); /* no memory: later */
        return;
    }
    g->generation = g->generation == INT32_MAX ? 1 : g->generation + 1;
    group_learn_topics(s, g);
    group_set_state(s, g, GROUP_COMPLETING);
    LIST_EACH(&g->order, n, next) {
        struct member *m = LIST_ENTRY(n, struct member, order);
        if (m->join != NULL) {
            join_answer(s, m);
        }
        member_touch(s, m);
        m->is_new = false;
        m->is_pending_sync = true;
    }
    g->pending_sync_count = group_size(g);
    timer_set(s, &g->sync_timer, TIMER_SYNC, patience_ms(g));
}

static void complete(struct group_shard *s, struct group *g)
{
    timer_cancel(s, &g->timer);
    remove_missing(s, g);
    if (group_size(g) == 0) {
        g->generation = g->generation == INT32_MAX ? 1 : g->generation + 1;
        become_empty(s, g);
    } else if (!elect(g)) {
        timer_set(s, &g->timer, TIMER_JOIN, patience_ms(g)); /* until sessions expire */
    } else {
        begin_generation(s, g);
    }
}

/* --- what time brings --- */

void rebalance_on_join_timer(struct group_shard *s, struct group *g) { complete(s, g); }

void rebalance_on_initial_timer(struct group_shard *s, struct group *g)
{
    if (!g->is_member_added || g->remaining_ms == 0) {
        complete(s, g);
        return;
    }
    int32_t last_ms = g->delay_ms;
    g->is_member_added = false;
    g->delay_ms = MIN(s->config->initial_delay_ms, g->remaining_ms);
    g->remaining_ms = MAX(g->remaining_ms - last_ms, 0);
    timer_set(s, &g->timer, TIMER_INITIAL, g->delay_ms);
}

void rebalance_on_sync_timer(struct group_shard *s, struct group *g)
{
    if (g->pending_sync_count == 0) {
        return;
    }
    LIST_EACH(&g->order, n, next) {
        struct member *m = LIST_ENTRY(n, struct member, order);
        if (m->is_pending_sync) {
            member_remove(s, m);
        }
    }
    rebalance_prepare(s, g);
}

/* A member that is parked is alive; only new ones do not wait for ever. */
static bool is_alive(const struct member *m)
{
    return !m->is_new && (m->join != NULL || m->sync != NULL);
}

void rebalance_on_session_timer(struct group_shard *s, struct member *m)
{
    struct group *g = m->group;
    if (is_alive(m)) {
        return;
    }
    member_remove(s, m);
    if (g->state == GROUP_STABLE || g->state == GROUP_COMPLETING) {
        rebalance_prepare(s, g);
    } else if (g->state == GROUP_PREPARING && all_joined(g)) {
        complete(s, g);
    }
}

void rebalance_on_pending_timer(struct group_shard *s, struct pending_member *p)
{
    struct group *g = p->group;
    pending_free(s, p);
    if (g->state == GROUP_PREPARING && all_joined(g)) {
        complete(s, g);
    }
}

/* --- assignments --- */

void rebalance_synced(struct group_shard *s, struct member *m)
{
    struct group *g = m->group;
    g->pending_sync_count -= m->is_pending_sync;
    m->is_pending_sync = false;
    if (g->pending_sync_count == 0) {
        timer_cancel(s, &g->sync_timer);
    }
}

void rebalance_assignment_settled(struct group_shard *s, struct group *g, enum err e)
{
    if (g->state != GROUP_COMPLETING) {
        return; /* overtaken by another rebalance */
    }
    end_syncs(s, g, e);
    if (e) {
        rebalance_prepare(s, g);
    } else {
        group_set_state(s, g, GROUP_STABLE);
    }
}
