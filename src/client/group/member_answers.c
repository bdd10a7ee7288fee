/* What the coordinator's answers mean to a member. Pure.
 *
 * What an error of the coordinator means is Kafka's: REBALANCE_IN_PROGRESS joins again,
 * ILLEGAL_GENERATION joins again with the same id, UNKNOWN_MEMBER_ID without, NOT_COORDINATOR looks
 * for another coordinator, FENCED_INSTANCE_ID is the end: somebody else has this instance id. */
#include "client/group/member_int.h"

#include "base/limit.h"
#include "base/mem.h"

bool member_passes(int code) { return code_is_retriable(code) || code == ERR_CLOSED; }

bool member_blames_coordinator(int code)
{
    return code == ERR_NOT_COORDINATOR || code == ERR_COORDINATOR_NOT_AVAILABLE ||
           code == ERR_NETWORK_EXCEPTION || code == ERR_REQUEST_TIMED_OUT || code == ERR_CLOSED;
}

/* What joins, syncs and heartbeats do alike with an error. */
static void refused(struct member *m, int code)
{
    if (member_passes(code)) {
        m->is_coordinator_stale = m->is_coordinator_stale || member_blames_coordinator(code);
        return;
    }
    bool is_unknown = code == ERR_UNKNOWN_MEMBER_ID || code == ERR_ILLEGAL_GENERATION;
    if (m->generation >= 0) {
        member_say(m, &m->warnings, "put out in generation %d: %s", m->generation,
                   ottla_error_name(code));
    }
    member_reset(m, code == ERR_ILLEGAL_GENERATION);
    member_rejoin(m, "the coordinator does not know this member");
    if (!is_unknown) {
        member_fail(m, code, NULL);
    }
}

static void begin_generation(struct member *m, const struct join_group_resp *resp, int64_t now_ms)
{
    member_set_text(&m->id, resp->member_id);
    m->generation = resp->generation_id;
    m->is_leader = str_eq(resp->leader, resp->member_id);
    m->skips_assignment = resp->skip_assignment;
    m->shares = NULL;
    m->failures = 0;
    m->retry_at_ms = 0;
    m->alive_at_ms = now_ms;
    m->beat_at_ms = now_ms + m->config->heartbeat_interval_ms;
}

static void joined(struct member *m, const struct join_group_resp *resp, int64_t now_ms)
{
    const struct assignor *assignor = assignor_find(resp->protocol_name);
    bool is_ours = str_is_null(resp->protocol_type) || str_eq(resp->protocol_type, STR("consumer"));
    if (assignor == NULL || !is_ours || resp->generation_id < 0 || resp->member_id.len == 0) {
        member_reset(m, true);
        member_fail(m, ERR_INCONSISTENT_GROUP_PROTOCOL, NULL);
        return;
    }
    begin_generation(m, resp, now_ms);
    m->assignor = assignor;
    roster_deinit(&m->roster);
    member_forget_known(m);
    m->state = MEMBER_SYNCING;
    if (m->is_leader) {
        enum err e = roster_init(&m->roster, assignor, resp);
        if (e) {
            member_reset(m, true);
            member_fail(m, e, "the group is too large to lead");
            return;
        }
        m->state = MEMBER_LEADING;
        m->watch_at_ms = 0;
    }
}

static void take_join(struct member *m, enum err e, const struct join_group_resp *resp,
                      int64_t now_ms)
{
    int code = e ? (int)e : resp->error_code;
    m->is_asking = false;
    if (code == 0) {
        joined(m, resp, now_ms);
    } else if (code == ERR_MEMBER_ID_REQUIRED && !e && resp->member_id.len > 0) {
        member_set_text(&m->id, resp->member_id); /* and again, at once */
    } else if (member_passes(code)) {
        refused(m, code);
        member_later(m, now_ms);
    } else if (code == ERR_REBALANCE_IN_PROGRESS ||
               (code == ERR_UNKNOWN_MEMBER_ID && m->id[0] == '\0')) {
        member_later(m, now_ms);
    } else {
        refused(m, code);
    }
}

static bool is_wanted(const struct member *m, const struct tps *t)
{
    for (size_t i = 0; i < t->count; i++) {
        if ((i == 0 || strcmp(t->items[i].topic, t->items[i - 1].topic) != 0) &&
            !member_wants_topic(m, t->items[i].topic)) {
            return false;
        }
    }
    return true;
}

static void synced(struct member *m, const struct sync_group_resp *resp, int64_t now_ms)
{
    struct arena a;
    bool is_ours =
        (str_is_null(resp->protocol_type) || str_eq(resp->protocol_type, STR("consumer"))) &&
        (str_is_null(resp->protocol_name) ||
         str_eq(resp->protocol_name, str_from(m->assignor->name)));
    arena_init(&a, LIMIT_REQUEST_ARENA_BYTES);
    enum err e = is_ours ? protocol_read_assignment(resp->assignment, &a, &m->target)
                         : ERR_INCONSISTENT_GROUP_PROTOCOL;
    arena_deinit(&a);
    m->failures = 0;
    m->alive_at_ms = now_ms;
    if (e) {
        member_reset(m, true);
        member_fail(m, e, NULL);
    } else if (!is_wanted(m, &m->target)) {
        member_say(m, &m->warnings, "%s", "was given topics that it does not want: joins again");
        m->state = MEMBER_STABLE; /* for an older subscription: nothing of it is taken */
        member_rejoin(m, "what was given does not match the subscription");
    } else {
        m->state = MEMBER_ADOPTING;
    }
}

static void take_sync(struct member *m, enum err e, const struct sync_group_resp *resp,
                      int64_t now_ms)
{
    int code = e ? (int)e : resp->error_code;
    m->is_asking = false;
    if (code == 0) {
        synced(m, resp, now_ms);
    } else if (code == ERR_REBALANCE_IN_PROGRESS) {
        m->state = MEMBER_JOINING;
        member_set_reason(m, "the group is being shared anew");
    } else if (member_passes(code)) {
        refused(m, code);
        m->state = MEMBER_JOINING;
        member_set_reason(m, "its assignment did not arrive");
        member_later(m, now_ms);
    } else {
        refused(m, code);
    }
}

static void take_heartbeat(struct member *m, enum err e, const struct heartbeat_resp *resp,
                           int64_t now_ms)
{
    int code = e ? (int)e : resp->error_code;
    m->is_beating = false;
    if (code == 0) {
        m->alive_at_ms = now_ms;
    } else if (code == ERR_REBALANCE_IN_PROGRESS) {
        m->alive_at_ms = now_ms;
        if (m->state >= MEMBER_ADOPTING) {
            member_rejoin(m, "the group is being shared anew");
        }
    } else {
        refused(m, code);
        m->beat_at_ms = member_passes(code) ? now_ms + m->config->retry_backoff_ms : m->beat_at_ms;
    }
}

static void ask_free(struct member_ask *a)
{
    arena_deinit(&a->arena);
    mem_free(a);
}

static void take_leave(struct member *m)
{
    m->is_leaving = false;
    mem_free(m->leave_id);
    m->leave_id = NULL; /* whatever came of it: the session ends by itself */
}

static void count_answer(struct member *m, const struct member_ask *a, int64_t now_ms)
{
    int64_t ms = now_ms - a->at_ms;
    if (a->kind == MEMBER_JOIN) {
        metric_time(&m->metrics.joins, ms);
    } else if (a->kind == MEMBER_SYNC) {
        metric_time(&m->metrics.syncs, ms);
    } else if (a->kind == MEMBER_HEARTBEAT || a->kind == MEMBER_BEAT) {
        metric_time(&m->metrics.heartbeats, ms);
        m->metrics.heartbeat_at_ms = now_ms;
    }
}

void member_take(struct member *m, struct member_ask *a, enum err e, const void *resp,
                 int64_t now_ms)
{
    if (!e) {
        count_answer(m, a, now_ms);
    }
    if (a->kind == MEMBER_TOPICS) {
        m->is_asking_topics = false;
        member_take_topics(m, e, resp, now_ms);
    } else if (a->kind == MEMBER_LEAVE) {
        take_leave(m);
    } else if (a->turn == m->turn && a->kind == MEMBER_BEAT) {
        member_848_take(m, e, resp, now_ms);
    } else if (a->turn == m->turn && a->kind == MEMBER_JOIN) {
        take_join(m, e, resp, now_ms);
    } else if (a->turn == m->turn && a->kind == MEMBER_SYNC) {
        take_sync(m, e, resp, now_ms);
    } else if (a->turn == m->turn) {
        take_heartbeat(m, e, resp, now_ms);
    }
    ask_free(a);
}

void member_drop(struct member *m, struct member_ask *a)
{
    if (a->kind == MEMBER_TOPICS) {
        m->is_asking_topics = false;
    } else if (a->kind == MEMBER_LEAVE) {
        take_leave(m);
    }
    ask_free(a);
}
