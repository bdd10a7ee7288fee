/* A member by KIP-848: heartbeats that tell what it wants and has, answers that tell what it should
 * have. Pure; see member.h.
 *
 * What did not change is left out of a heartbeat, until one may have got lost: then the next tells
 * everything. Partitions come by the ids of topics; names are metadata's, and what has no name yet
 * waits for it. What it has is told when the user has let go of the rest.
 *
 * A pattern goes to the coordinator as it stands (RE2's syntax there). One that is too old for that
 * gets the names of the topics that match here. */
#include "client/group/member_int.h"

#include "base/attr.h"
#include "base/mem.h"
#include "base/uuid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BEAT_MAX = 1, BEAT_PATTERN = 1, EPOCH_JOIN = 0 };

/* --- lists by id --- */

static void id_parts_add(struct id_parts *t, struct uuid topic, int32_t partition)
{
    if (t->count == t->cap) {
        t->cap = MAX(t->cap * 2, 8);
        t->items = mem_realloc_array(t->items, t->cap, sizeof *t->items);
    }
    t->items[t->count++] = (struct id_part){topic, partition};
}

static void id_parts_copy(struct id_parts *to, const struct id_parts *from)
{
    to->count = 0;
    for (size_t i = 0; i < from->count; i++) {
        id_parts_add(to, from->items[i].topic, from->items[i].partition);
    }
}

static const char *name_of(const struct member *m, struct uuid id)
{
    for (size_t i = 0; i < m->s848.id_count; i++) {
        if (uuid_eq(m->s848.ids[i], id)) {
            return m->s848.names[i];
        }
    }
    return NULL;
}

static void forget_ids(struct member *m)
{
    for (size_t i = 0; i < m->s848.id_count; i++) {
        mem_free(m->s848.names[i]);
    }
    mem_free(m->s848.names);
    mem_free(m->s848.ids);
    m->s848.names = NULL;
    m->s848.ids = NULL;
    m->s848.id_count = 0;
}

/* --- what it was given --- */

static bool is_same(const struct tps *a, const struct tps *b)
{
    for (size_t i = 0; a->count == b->count && i < a->count; i++) {
        if (!tps_has(b, a->items[i].topic, a->items[i].partition)) {
            return false;
        }
    }
    return a->count == b->count;
}

/* All that is known of what matches. */
static void list_given_topics(struct member *m)
{
    const char **names = mem_zalloc(sizeof *names * (m->target.count + 1));
    size_t n = 0;
    for (size_t i = 0; i < m->target.count; i++) {
        if (n == 0 || strcmp(names[n - 1], m->target.items[i].topic) != 0) {
            names[n++] = m->target.items[i].topic;
        }
    }
    member_set_topics(m, names, n);
    mem_free(names);
}

void member_848_resolve(struct member *m)
{
    struct member_848 *s = &m->s848;
    if (!m->is_848 || !s->has_given || m->task != MEMBER_NOTHING || m->generation < 0) {
        return;
    }
    tps_clear(&m->target);
    s->adopting.count = 0;
    s->is_unresolved = false;
    for (size_t i = 0; i < s->given.count; i++) {
        const char *name = name_of(m, s->given.items[i].topic);
        if (name == NULL) {
            s->is_unresolved = true;
        } else {
            tps_add(&m->target, str_from(name), s->given.items[i].partition);
            id_parts_add(&s->adopting, s->given.items[i].topic, s->given.items[i].partition);
        }
    }
    tps_sort(&m->target);
    if (member_848_gives_pattern(m)) {
        list_given_topics(m);
    }
    s->has_given = s->is_unresolved;
    bool is_news = !s->has_adopted || !is_same(&m->target, &m->owned);
    m->state = is_news ? MEMBER_ADOPTING : MEMBER_STABLE;
}

void member_848_learn(struct member *m, const struct metadata_resp *resp)
{
    struct member_848 *s = &m->s848;
    size_t n = (size_t)MAX(resp->topics_count, 0);
    forget_ids(m);
    s->ids = mem_zalloc(sizeof *s->ids * (n + 1));
    s->names = mem_zalloc(sizeof *s->names * (n + 1));
    for (size_t i = 0; i < n; i++) {
        if (resp->topics[i].error_code == 0 && resp->topics[i].name.len > 0) {
            s->ids[s->id_count] = resp->topics[i].topic_id;
            s->names[s->id_count++] = str_dup(resp->topics[i].name);
        }
    }
    member_848_resolve(m);
}

void member_848_adopted(struct member *m)
{
    id_parts_copy(&m->s848.owned, &m->s848.adopting);
    if (m->state != MEMBER_ADOPTING) {
        return; /* put out meanwhile */
    }
    member_say(m, &m->messages, "%zu partitions in epoch %d, as %s", m->owned.count, m->generation,
               m->id);
    m->state = MEMBER_STABLE;
    m->s848.has_adopted = true;
    m->s848.has_told_owned = false;
    member_848_resolve(m);
}

void member_848_reset(struct member *m)
{
    struct member_848 *s = &m->s848;
    s->given.count = 0;
    s->has_given = s->is_unresolved = s->has_adopted = false;
    s->has_told_topics = s->has_told_owned = false;
}

void member_848_deinit(struct member *m)
{
    forget_ids(m);
    mem_free(m->s848.given.items);
    mem_free(m->s848.adopting.items);
    mem_free(m->s848.owned.items);
}

/* --- heartbeats --- */

static struct member_ask *ask_new(struct member *m, enum member_ask_kind kind, int32_t epoch)
{
    struct member_ask *a = member_ask_new(m, kind, API_CONSUMER_GROUP_HEARTBEAT);
    struct consumer_group_heartbeat_req *req = &a->req.beat;
    a->version_hi = BEAT_MAX;
    *req = consumer_group_heartbeat_req_default;
    req->group_id = str_from(m->config->group_id);
    req->member_epoch = epoch;
    req->instance_id = member_instance_id(m);
    return a;
}

bool member_848_gives_pattern(const struct member *m)
{
    return m->is_848 && m->has_pattern && !m->s848.matches_here;
}

/* Once a pattern was told, only an empty one takes it back. */
static void put_pattern(struct member *m, struct member_ask *a)
{
    bool gives = member_848_gives_pattern(m);
    if (gives || m->s848.has_told_pattern) {
        a->req.beat.subscribed_topic_regex =
            gives ? member_ask_copy(a, str_from(m->pattern_text)) : STR("");
        a->version_lo = BEAT_PATTERN;
        m->s848.has_told_pattern = true;
    }
}

static void put_topics(struct member *m, struct member_ask *a)
{
    struct consumer_group_heartbeat_req *req = &a->req.beat;
    size_t n = member_848_gives_pattern(m) ? 0 : m->topic_count;
    req->subscribed_topic_names = member_ask_array(a, n, sizeof(struct str));
    req->subscribed_topic_names_count = (int32_t)n;
    for (size_t i = 0; i < n; i++) {
        req->subscribed_topic_names[i] = member_ask_copy(a, str_from(m->topics[i]));
    }
    put_pattern(m, a);
}

static void put_owned(const struct member *m, struct member_ask *a)
{
    struct consumer_group_heartbeat_req *req = &a->req.beat;
    const struct id_parts *t = &m->s848.owned;
    struct consumer_group_heartbeat_req_topic_partitions *row = NULL;
    int32_t *numbers = member_ask_array(a, t->count, sizeof *numbers);
    req->topic_partitions = member_ask_array(a, t->count, sizeof *row);
    req->topic_partitions_count = 0;
    for (size_t i = 0; i < t->count; i++) {
        numbers[i] = t->items[i].partition;
        if (i == 0 || !uuid_eq(t->items[i - 1].topic, t->items[i].topic)) {
            row = &req->topic_partitions[req->topic_partitions_count++];
            row->topic_id = t->items[i].topic;
            row->partitions = &numbers[i];
        }
        row->partitions_count++;
    }
}

/* What the coordinator is told once. */
static void put_self(const struct member *m, struct consumer_group_heartbeat_req *req)
{
    const struct client_values *v = m->config;
    req->rack_id = v->client_rack[0] ? str_from(v->client_rack) : STR_NULL;
    req->rebalance_timeout_ms = v->max_poll_interval_ms;
    req->server_assignor =
        v->group_remote_assignor[0] ? str_from(v->group_remote_assignor) : STR_NULL;
}

static struct member_ask *beat(struct member *m)
{
    struct member_848 *s = &m->s848;
    bool is_join = m->state == MEMBER_JOINING, tells_all = is_join || s->tells_all;
    char id[UUID_TEXT_LEN + 1];
    if (m->id[0] == '\0') { /* its own for as long as it lives */
        uuid_format(uuid_random(&m->rand), id);
        member_set_text(&m->id, str_from(id));
    }
    s->owned.count = is_join ? 0 : s->owned.count;
    s->has_told_pattern = s->has_told_pattern && !is_join;
    struct member_ask *a = ask_new(m, MEMBER_BEAT, is_join ? EPOCH_JOIN : m->generation);
    a->req.beat.member_id = member_ask_copy(a, str_from(m->id));
    if (tells_all) {
        put_self(m, &a->req.beat);
    }
    if (tells_all || !s->has_told_topics) {
        put_topics(m, a);
    }
    if (tells_all || (!s->has_told_owned && m->state == MEMBER_STABLE)) {
        put_owned(m, a);
        s->has_told_owned = true;
    }
    s->has_told_topics = true;
    s->tells_all = false;
    m->is_beating = true;
    m->wants_join = false;
    return a;
}

struct member_ask *member_848_ask_leave(struct member *m)
{
    struct member_ask *a = ask_new(m, MEMBER_LEAVE, m->leave_epoch);
    a->req.beat.member_id = member_ask_copy(a, str_from(m->leave_id));
    return a;
}

bool member_848_has_to_tell(const struct member *m)
{
    return m->s848.tells_all || !m->s848.has_told_topics ||
           (!m->s848.has_told_owned && m->state == MEMBER_STABLE);
}

struct member_ask *member_848_next(struct member *m, int64_t now_ms)
{
    bool is_matching = m->has_pattern && !m->knows_topics && !member_848_gives_pattern(m);
    if (m->is_beating || m->retry_at_ms > now_ms || is_matching) {
        return NULL;
    }
    bool is_due = member_is_in(m) && (member_848_has_to_tell(m) || m->beat_at_ms <= now_ms);
    return m->state == MEMBER_JOINING || is_due ? beat(m) : NULL;
}

/* --- answers --- */

static void take_given(struct member *m, const struct consumer_group_heartbeat_resp_assignment *g)
{
    m->s848.given.count = 0;
    for (int32_t i = 0; i < g->topic_partitions_count; i++) {
        for (int32_t k = 0; k < g->topic_partitions[i].partitions_count; k++) {
            int32_t p = g->topic_partitions[i].partitions[k];
            if (p >= 0) {
                id_parts_add(&m->s848.given, g->topic_partitions[i].topic_id, p);
            }
        }
    }
    m->s848.has_given = true;
    member_848_resolve(m);
    m->watch_at_ms = m->s848.is_unresolved ? 0 : m->watch_at_ms;
}

static void beaten(struct member *m, const struct consumer_group_heartbeat_resp *resp,
                   int64_t now_ms)
{
    int32_t wait_ms = resp->heartbeat_interval_ms;
    m->failures = 0;
    m->retry_at_ms = 0;
    m->alive_at_ms = now_ms;
    m->beat_at_ms = now_ms + (wait_ms > 0 ? wait_ms : m->config->heartbeat_interval_ms);
    m->generation = MAX(resp->member_epoch, 0);
    m->state = m->state == MEMBER_JOINING ? MEMBER_STABLE : m->state;
    if (resp->assignment != NULL) {
        take_given(m, resp->assignment);
    }
}

/* The coordinator knows no patterns: then names. */
static void match_here(struct member *m)
{
    m->s848.matches_here = true;
    m->retry_at_ms = m->watch_at_ms = 0;
    if (!m->is_compiled) {
        char why[240];
        snprintf(why, sizeof why, "the broker does not match patterns, and here it cannot be: %s",
                 m->why_not);
        member_reset(m, true);
        member_fail(m, ERR_INVALID_REGULAR_EXPRESSION, why);
    }
}

/* The broker does not speak this protocol. */
static void fall_back(struct member *m)
{
    member_say(m, &m->messages, "%s", "the broker does not offer group.protocol=consumer: classic");
    m->is_848 = false;
    member_set_text(&m->id, STR(""));
    m->retry_at_ms = 0;
}

/* The coordinator does not say which of its topics it may not see. */
static void fail_topics(struct member *m)
{
    enum { CODE = ERR_TOPIC_AUTHORIZATION_FAILED };
    char text[240];
    int len = 0;
    for (size_t i = 0; i < m->topic_count && len < 80; i++) {
        len += snprintf(text + len, sizeof text - (size_t)len, "%s%.60s", i ? ", " : "topic ",
                        m->topics[i]);
    }
    snprintf(text + len, sizeof text - (size_t)len, "%s%s%s", len ? ": " : "",
             ottla_error_text(CODE), error_remedy(CODE));
    member_fail(m, CODE, text);
}

static void put_out(struct member *m, int code, struct str said)
{
    char text[200];
    if (m->generation >= 0) {
        member_say(m, &m->warnings, "put out in epoch %d: %s", m->generation,
                   ottla_error_name(code));
    }
    member_reset(m, true);
    member_rejoin(m, "the coordinator has put it out");
    if (code == ERR_FENCED_MEMBER_EPOCH || code == ERR_UNKNOWN_MEMBER_ID) {
        return; /* it joins again */
    }
    if (code == ERR_TOPIC_AUTHORIZATION_FAILED && said.len == 0) {
        fail_topics(m);
        return;
    }
    said = str_clip(said, sizeof text - 1);
    memcpy(text, said.len ? said.p : "", said.len);
    text[said.len] = '\0';
    member_fail(m, code, said.len ? text : NULL);
}

void member_848_take(struct member *m, enum err e, const struct consumer_group_heartbeat_resp *resp,
                     int64_t now_ms)
{
    int code = e ? (int)e : resp->error_code;
    m->is_beating = false;
    if (code == 0) {
        beaten(m, resp, now_ms);
    } else if (code == ERR_UNSUPPORTED_VERSION && m->state == MEMBER_JOINING) {
        if (member_848_gives_pattern(m)) {
            match_here(m);
        } else {
            fall_back(m);
        }
    } else if (member_passes(code)) {
        m->is_coordinator_stale = m->is_coordinator_stale || member_blames_coordinator(code);
        m->s848.tells_all = true;
        member_later(m, now_ms);
    } else {
        put_out(m, code, e ? STR_NULL : resp->error_message);
    }
}
