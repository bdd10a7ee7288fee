/* The states of a member and what moves it between them. Pure; see member.h.
 *
 * Its user's wishes come from member_subscription.c, the coordinator's answers are taken in
 * member_answers.c. */
#include "client/group/member_int.h"

#include "base/assert.h"
#include "base/attr.h"
#include "base/mem.h"
#include "client/core/backoff.h"

#include <stdio.h>

void member_set_text(char **at, struct str text)
{
    char *copy = str_dup(text);
    mem_free(*at);
    *at = copy;
}

void member_set_reason(struct member *m, const char *reason)
{
    snprintf(m->reason, sizeof m->reason, "%s", reason);
}

bool member_is_in(const struct member *m)
{
    return m->generation >= 0 && m->state != MEMBER_OUT && m->state != MEMBER_JOINING;
}

void member_say(struct member *m, struct buf *to, const char *fmt, ...)
{
    va_list args;
    buf_printf(to, "group %s: ", m->config->group_id);
    va_start(args, fmt);
    buf_vprintf(to, fmt, args);
    va_end(args);
    buf_put_u8(to, '\n');
}

void member_reset(struct member *m, bool keeps_id)
{
    m->turn++;
    m->metrics.failed_rebalances += m->metrics.rebalance_since_ms != 0;
    m->metrics.rebalance_since_ms = 0;
    m->is_asking = m->is_beating = false;
    m->generation = -1;
    m->is_leader = false;
    m->state = MEMBER_OUT;
    member_848_reset(m);
    m->retry_at_ms = 0;
    m->failures = 0;
    if (!keeps_id) {
        member_set_text(&m->id, STR(""));
    }
}

void member_fail(struct member *m, int code, const char *said)
{
    m->code = code;
    snprintf(m->why, sizeof m->why, "group %s: %s%s", m->config->group_id,
             said ? said : ottla_error_text(code), said ? "" : error_remedy(code));
    m->is_fatal = code == ERR_FENCED_INSTANCE_ID || code == ERR_INVALID_REGULAR_EXPRESSION;
}

void member_later(struct member *m, int64_t now_ms)
{
    m->failures++;
    m->retry_at_ms = now_ms + backoff_ms(m->config->retry_backoff_ms,
                                         m->config->retry_backoff_max_ms, m->failures, &m->rand);
}

void member_rejoin(struct member *m, const char *reason)
{
    if (!m->wants_join) {
        member_set_reason(m, reason);
    }
    m->wants_join = true;
}

/* --- the user --- */

void member_poll(struct member *m, int64_t now_ms)
{
    m->poll_at_ms = now_ms;
    if (!m->is_subscribed || m->code != 0 || m->task != MEMBER_NOTHING) {
        return;
    }
    if (m->state == MEMBER_OUT || (m->state == MEMBER_STABLE && m->wants_join && !m->is_848)) {
        m->state = MEMBER_PREPARING;
    }
}

/* --- tasks --- */

static void list_unwanted(struct member *m)
{
    tps_clear(&m->revoked);
    for (size_t i = 0; i < m->owned.count; i++) {
        if (!member_wants_topic(m, m->owned.items[i].topic)) {
            tps_add(&m->revoked, str_from(m->owned.items[i].topic), m->owned.items[i].partition);
        }
    }
}

/* Before a join: everything when the generation is gone or all members let go, else what is not
 * wanted any more. */
static enum member_task prepare(struct member *m)
{
    bool is_lost = m->generation < 0 || m->id[0] == '\0';
    if (is_lost || !m->is_cooperative) {
        tps_copy(&m->revoked, &m->owned);
    } else {
        list_unwanted(m);
    }
    if (m->revoked.count == 0) {
        m->state = MEMBER_JOINING;
        m->retry_at_ms = 0;
        return MEMBER_NOTHING;
    }
    return is_lost ? MEMBER_LOSE : MEMBER_REVOKE;
}

void member_told(struct member *m) { m->code = m->is_fatal ? m->code : 0; }

enum member_task member_begin_task(struct member *m)
{
    ASSERT(m->task == MEMBER_NOTHING);
    tps_clear(&m->added);
    if (m->code != 0) {
        return MEMBER_FAIL;
    }
    if (m->state == MEMBER_PREPARING) {
        m->task = prepare(m);
    } else if (m->state == MEMBER_ADOPTING) {
        tps_without(&m->revoked, &m->owned, &m->target);
        tps_without(&m->added, &m->target, &m->owned);
        m->task = MEMBER_ADOPT;
    }
    return m->task;
}

static void adopted(struct member *m)
{
    tps_copy(&m->owned, &m->target);
    tps_copy(&m->kept, &m->target);
    if (m->is_848) {
        member_848_adopted(m);
        return;
    }
    if (m->state != MEMBER_ADOPTING) {
        return; /* put out meanwhile */
    }
    member_say(m, &m->messages, "%zu partitions in generation %d, as %s", m->owned.count,
               m->generation, m->id);
    m->kept_generation = m->generation;
    m->state = MEMBER_STABLE;
    if (m->is_cooperative && m->revoked.count > 0) {
        member_rejoin(m, "partitions that it had are free for others");
    }
}

static void count_rebalance(struct member *m, int64_t now_ms)
{
    struct member_metrics *k = &m->metrics;
    if (m->state == MEMBER_STABLE && k->rebalance_since_ms != 0) {
        metric_time(&k->rebalances, now_ms - k->rebalance_since_ms);
        k->rebalance_since_ms = 0;
        k->rebalance_at_ms = now_ms;
    }
}

void member_end_task(struct member *m, int64_t now_ms)
{
    enum member_task task = m->task;
    struct tps rest;
    m->task = MEMBER_NOTHING;
    m->poll_at_ms = now_ms;
    if (task == MEMBER_LOSE) {
        m->metrics.lost_partitions += (int64_t)m->revoked.count;
    }
    if (task == MEMBER_ADOPT) {
        adopted(m);
        count_rebalance(m, now_ms);
        return;
    }
    tps_init(&rest);
    tps_without(&rest, &m->owned, &m->revoked);
    tps_copy(&m->owned, &rest);
    tps_deinit(&rest);
    if (m->state == MEMBER_PREPARING) {
        m->state = MEMBER_JOINING;
        m->retry_at_ms = 0;
    }
    member_848_resolve(m);
}

/* --- leaving --- */

enum member_task member_begin_leave(struct member *m)
{
    tps_copy(&m->revoked, &m->owned);
    tps_clear(&m->added);
    if (m->revoked.count == 0) {
        return MEMBER_NOTHING;
    }
    return m->generation < 0 ? MEMBER_LOSE : MEMBER_REVOKE;
}

static void leave(struct member *m, const char *reason)
{
    if (m->id[0] != '\0' && m->leave_id == NULL) {
        m->leave_id = str_dup(str_from(m->id));
        m->leave_epoch = -1;
        member_set_reason(m, reason);
    }
}

void member_end_leave(struct member *m, bool tells_group, const char *reason)
{
    if (tells_group) {
        leave(m, reason);
    } else if (m->is_848 && m->config->group_instance_id[0] != '\0') {
        leave(m, reason);
        m->leave_epoch = -2; /* it will be back */
    }
    m->task = MEMBER_NOTHING;
    m->is_subscribed = m->wants_join = false;
    m->is_fatal = false;
    m->code = 0;
    tps_clear(&m->owned);
    tps_clear(&m->revoked);
    member_drop_pattern(m);
    member_set_topics(m, NULL, 0);
    member_reset(m, false);
}

bool member_has_left(const struct member *m) { return m->leave_id == NULL; }

/* --- commits --- */

int member_may_commit(const struct member *m)
{
    if (m->code == ERR_FENCED_INSTANCE_ID) {
        return ERR_FENCED_INSTANCE_ID;
    }
    if (m->generation < 0) {
        return m->state == MEMBER_JOINING ? ERR_REBALANCE_IN_PROGRESS : ERR_UNKNOWN_MEMBER_ID;
    }
    return m->state == MEMBER_JOINING || m->state == MEMBER_LEADING || m->state == MEMBER_SYNCING
               ? ERR_REBALANCE_IN_PROGRESS
               : 0;
}

void member_refused(struct member *m, int32_t generation, int code)
{
    if (generation != m->generation || generation < 0) {
        return; /* the refusal is of another time */
    }
    switch (code) {
    case ERR_REBALANCE_IN_PROGRESS:
        member_rejoin(m, "the group is being shared anew");
        break;
    case ERR_ILLEGAL_GENERATION:
    case ERR_FENCED_MEMBER_EPOCH:
    case ERR_UNKNOWN_MEMBER_ID:
        member_reset(m, code == ERR_ILLEGAL_GENERATION);
        break;
    case ERR_FENCED_INSTANCE_ID:
        member_reset(m, false);
        member_fail(m, code, NULL);
        break;
    default:
        break;
    }
}

/* --- asking --- */

/* Who does not poll is not there: others get its partitions. A static member only stops beating. */
static void leave_when_idle(struct member *m, int64_t now_ms)
{
    if (!member_is_in(m) || m->is_waiting ||
        now_ms - m->poll_at_ms < m->config->max_poll_interval_ms) {
        return;
    }
    if (m->config->group_instance_id[0] == '\0' || m->is_848) {
        leave(m, "poll was not called for max.poll.interval.ms");
        m->leave_epoch = m->config->group_instance_id[0] == '\0' ? -1 : -2;
    }
    member_say(m, &m->warnings,
               "poll was not called for max.poll.interval.ms, %d: out of the group until it is; "
               "raise it, or lower max.poll.records",
               m->config->max_poll_interval_ms);
    member_reset(m, false);
    m->wants_join = true;
}

static struct member_ask *next_heartbeat(struct member *m, int64_t now_ms)
{
    if (!member_is_in(m) || m->is_beating || now_ms < m->beat_at_ms) {
        return NULL;
    }
    if (now_ms - m->alive_at_ms >= m->config->session_timeout_ms) {
        m->is_coordinator_stale = true;
        m->alive_at_ms = now_ms;
    }
    m->is_beating = true;
    m->beat_at_ms = now_ms + m->config->heartbeat_interval_ms;
    return member_ask_heartbeat(m);
}

static struct member_ask *next_join(struct member *m)
{
    if (m->has_pattern && !m->knows_topics) {
        return NULL;
    }
    m->is_asking = true;
    m->wants_join = false;
    return member_ask_join(m);
}

static struct member_ask *next(struct member *m, int64_t now_ms)
{
    leave_when_idle(m, now_ms);
    if (m->leave_id != NULL && !m->is_leaving) {
        m->is_leaving = true;
        return m->is_848 ? member_848_ask_leave(m) : member_ask_leave(m);
    }
    if (m->leave_id != NULL) {
        return NULL; /* a new life begins after the old one */
    }
    if (member_wants_metadata(m, now_ms)) {
        m->is_asking_topics = true;
        return member_ask_topics(m);
    }
    if (m->is_848) {
        return member_848_next(m, now_ms);
    }
    struct member_ask *a = NULL;
    if (!m->is_asking && m->retry_at_ms <= now_ms) {
        if (m->state == MEMBER_JOINING) {
            a = next_join(m);
        } else if (m->state == MEMBER_SYNCING) {
            m->is_asking = true;
            a = member_ask_sync(m);
        }
    }
    return a ? a : next_heartbeat(m, now_ms);
}

struct member_ask *member_next(struct member *m, int64_t now_ms)
{
    struct member_ask *a = next(m, now_ms);
    bool is_rebalancing = m->state != MEMBER_OUT && m->state != MEMBER_STABLE;
    if (a != NULL) {
        a->at_ms = now_ms;
    }
    if (is_rebalancing && m->metrics.rebalance_since_ms == 0) {
        m->metrics.rebalance_since_ms = MAX(now_ms, 1);
    }
    return a;
}

int64_t member_deadline_ms(const struct member *m, int64_t now_ms)
{
    int64_t at = INT64_MAX;
    bool is_due = m->state == MEMBER_JOINING || m->state == MEMBER_SYNCING;
    if (is_due && !m->is_asking && m->retry_at_ms > now_ms) {
        at = m->retry_at_ms;
    }
    if (member_is_in(m)) {
        bool is_telling = m->is_848 && member_848_has_to_tell(m);
        at = m->is_beating ? at : MIN(at, is_telling ? m->retry_at_ms : m->beat_at_ms);
        at = m->is_waiting ? at : MIN(at, m->poll_at_ms + m->config->max_poll_interval_ms);
    }
    bool is_watching =
        m->is_subscribed && !m->is_asking_topics && m->state != MEMBER_OUT &&
        (m->has_pattern || m->is_leader || m->s848.is_unresolved || m->state == MEMBER_LEADING);
    return is_watching && m->watch_at_ms > now_ms ? MIN(at, m->watch_at_ms) : at;
}

/* --- life --- */

static int read_strategy(struct member *m, struct ottla_error *error)
{
    struct str rest = str_from(m->config->partition_assignment_strategy), item;
    m->is_cooperative = true;
    while (str_next_item(&rest, ',', &item)) {
        const struct assignor *a = assignor_find(item);
        if (a == NULL || m->assignor_count == ARRAY_LEN(m->assignors)) {
            return error_set(error, ERR_BAD_CONFIG,
                             "partition.assignment.strategy: '%.*s' is no assignor, or one more "
                             "than there are",
                             STR_ARG(item));
        }
        m->assignors[m->assignor_count++] = a;
        m->is_cooperative = m->is_cooperative && a->is_cooperative;
    }
    return m->assignor_count > 0 ? 0
                                 : error_set(error, ERR_BAD_CONFIG,
                                             "partition.assignment.strategy names no assignor");
}

int member_init(struct member *m, const struct client_values *config, uint64_t seed,
                struct ottla_error *error)
{
    *m = (struct member){.config = config, .generation = -1, .kept_generation = -1};
    m->is_848 = strcmp(config->group_protocol, "consumer") == 0;
    int code = read_strategy(m, error);
    if (code) {
        return code;
    }
    rand_init(&m->rand, seed);
    m->id = str_dup(STR(""));
    tps_init(&m->owned);
    tps_init(&m->target);
    tps_init(&m->kept);
    tps_init(&m->revoked);
    tps_init(&m->added);
    return 0;
}

void member_deinit(struct member *m)
{
    member_drop_pattern(m);
    member_set_topics(m, NULL, 0);
    mem_free(m->topics);
    member_forget_known(m);
    member_848_deinit(m);
    roster_deinit(&m->roster);
    tps_deinit(&m->owned);
    tps_deinit(&m->target);
    tps_deinit(&m->kept);
    tps_deinit(&m->revoked);
    tps_deinit(&m->added);
    mem_free(m->leave_id);
    mem_free(m->id);
    buf_deinit(&m->messages);
    buf_deinit(&m->warnings);
}
