/* What a member makes of metadata: topics that match its pattern, and, when it leads, what there is
 * to share and whether that has changed. Pure; see member.h. */
#include "client/group/member_int.h"

#include "base/assert.h"
#include "base/attr.h"
#include "base/mem.h"
#include "client/core/backoff.h"

#include <stdio.h>
#include <stdlib.h>

/* --- the subscription --- */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void member_set_topics(struct member *m, const char *const *topics, size_t count)
{
    ASSERT(m->topic_count == 0 || m->topics != NULL);
    for (size_t i = 0; i < m->topic_count; i++) {
        mem_free(m->topics[i]);
    }
    m->topics = mem_realloc_array(m->topics, MAX(count, 1), sizeof *m->topics);
    m->topic_count = 0;
    for (size_t i = 0; i < count; i++) {
        m->topics[i] = str_dup(str_from(topics[i]));
    }
    qsort(m->topics, count, sizeof *m->topics, compare_texts);
    for (size_t i = 0; i < count; i++) {
        if (m->topic_count > 0 && strcmp(m->topics[m->topic_count - 1], m->topics[i]) == 0) {
            mem_free(m->topics[i]);
        } else {
            m->topics[m->topic_count++] = m->topics[i];
        }
    }
}

bool member_wants_topic(const struct member *m, const char *topic)
{
    if (member_848_gives_pattern(m)) {
        return true; /* what it was given is what matches */
    }
    if (m->has_pattern) {
        return regexec(&m->pattern, topic, 0, NULL, 0) == 0;
    }
    return m->topic_count > 0 &&
           bsearch(&topic, m->topics, m->topic_count, sizeof *m->topics, compare_texts) != NULL;
}

/* Whether other topics match than before. */
static bool match_topics(struct member *m, const struct metadata_resp *resp)
{
    size_t n = 0, before = m->topic_count;
    ASSERT(m->topics != NULL); /* it is subscribed */
    char **names = mem_zalloc(sizeof *names * ((size_t)MAX(resp->topics_count, 0) + 1));
    bool has_news = false;
    for (int32_t i = 0; i < resp->topics_count; i++) {
        const struct metadata_resp_metadata_response_topic *t = &resp->topics[i];
        char *name = t->error_code == 0 && t->name.len > 0 ? str_dup(t->name) : NULL;
        if (name != NULL && member_wants_topic(m, name) &&
            !(t->is_internal && m->config->exclude_internal_topics)) {
            names[n++] = name;
        } else {
            mem_free(name);
        }
    }
    qsort(names, n, sizeof *names, compare_texts);
    has_news = n != before;
    for (size_t i = 0; !has_news && i < n; i++) {
        has_news = strcmp(names[i], m->topics[i]) != 0;
    }
    member_set_topics(m, (const char *const *)names, n);
    for (size_t i = 0; i < n; i++) {
        mem_free(names[i]);
    }
    mem_free(names);
    return has_news;
}

/* --- the leader's --- */

void member_forget_known(struct member *m)
{
    for (size_t i = 0; m->known != NULL && i < m->known_count; i++) {
        mem_free(m->known[i].name);
    }
    mem_free(m->known);
    m->known = NULL;
    m->known_count = 0;
}

static int32_t count_in(const struct metadata_resp *resp, struct str name)
{
    for (int32_t i = 0; i < resp->topics_count; i++) {
        if (str_eq(resp->topics[i].name, name)) {
            return resp->topics[i].error_code ? 0 : MAX(resp->topics[i].partitions_count, 0);
        }
    }
    return 0;
}

/* Remembers how many partitions there are. Whether that is other than before. */
static bool know(struct member *m, const struct metadata_resp *resp, bool *ret_is_missing)
{
    size_t n = m->roster.topic_count;
    struct member_topic *now = mem_zalloc(sizeof *now * (n + 1));
    bool has_news = m->known != NULL && m->known_count != n;
    for (size_t i = 0; i < n; i++) {
        now[i].name = str_dup(m->roster.topics[i]);
        now[i].partition_count = count_in(resp, m->roster.topics[i]);
        *ret_is_missing = *ret_is_missing || now[i].partition_count == 0;
        has_news =
            has_news || (m->known != NULL && m->known[i].partition_count != now[i].partition_count);
    }
    member_forget_known(m);
    m->known = now;
    m->known_count = n;
    return has_news;
}

static void lead(struct member *m, const struct metadata_resp *resp)
{
    m->shares = NULL;
    enum err e =
        m->skips_assignment ? OK : roster_assign(&m->roster, resp, &m->roster.arena, &m->shares);
    if (e) {
        member_reset(m, true);
        member_fail(m, e, "the partitions of the group cannot be shared");
        return;
    }
    m->state = MEMBER_SYNCING;
    m->retry_at_ms = 0;
}

/* --- both --- */

bool member_wants_metadata(const struct member *m, int64_t now_ms)
{
    if (m->is_asking_topics || !m->is_subscribed || m->watch_at_ms > now_ms) {
        return false;
    }
    return m->state == MEMBER_LEADING || m->s848.is_unresolved ||
           (m->has_pattern && !member_848_gives_pattern(m) && m->state != MEMBER_OUT) ||
           (m->is_leader && m->state >= MEMBER_ADOPTING);
}

static void watch_again(struct member *m, bool is_soon, int64_t now_ms)
{
    int64_t age = MIN(m->config->metadata_max_age_ms, INT64_MAX / 2);
    m->watch_failures = is_soon ? m->watch_failures + 1 : 0;
    m->watch_at_ms = now_ms + (is_soon ? MIN(age, backoff_ms(m->config->retry_backoff_ms,
                                                             m->config->retry_backoff_max_ms,
                                                             m->watch_failures, &m->rand))
                                       : age);
}

/* Nobody would get partitions of these, and nobody would know why. */
static void tell_forbidden(struct member *m, const struct metadata_resp *resp)
{
    char text[200];
    for (int32_t i = 0; i < resp->topics_count && m->code == 0; i++) {
        const struct metadata_resp_metadata_response_topic *t = &resp->topics[i];
        int code = t->error_code;
        if (code == ERR_TOPIC_AUTHORIZATION_FAILED && !m->has_pattern) {
            snprintf(text, sizeof text, "topic %.*s: %s%s", STR_ARG(str_clip(t->name, 80)),
                     ottla_error_text(code), error_remedy(code));
            member_fail(m, code, text);
        }
    }
}

void member_take_topics(struct member *m, enum err e, const struct metadata_resp *resp,
                        int64_t now_ms)
{
    bool is_missing = false, was_known = m->knows_topics;
    if (e || resp->error_code) {
        watch_again(m, true, now_ms);
        return;
    }
    bool matches_others = m->has_pattern && !member_848_gives_pattern(m) && match_topics(m, resp);
    m->knows_topics = true;
    if (m->is_848) {
        member_848_learn(m, resp);
        is_missing = m->s848.is_unresolved;
        m->s848.has_told_topics = m->s848.has_told_topics && !matches_others;
    }
    bool is_leading = m->state == MEMBER_LEADING;
    bool has_news = m->is_leader && know(m, resp, &is_missing);
    watch_again(m, is_missing, now_ms);
    tell_forbidden(m, resp);
    if (is_leading) {
        lead(m, resp);
    }
    if (was_known && m->has_pattern && matches_others && !m->is_848) {
        member_rejoin(m, "other topics match the pattern");
    } else if (has_news && !is_leading) {
        member_rejoin(m, "the topics of the group have changed");
    }
}
