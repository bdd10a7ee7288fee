/* Where a group was: new partitions begin there. Pure; see fetcher.h.
 *
 * Topics are asked about by their ids where the coordinator takes them: what was committed for a
 * topic that was deleted is not for one that has its name now. So metadata comes first. */
#include "client/consumer/fetcher_int.h"

#include "base/attr.h"

enum { COMMITTED_VERSION_MAX = 10, COMMITTED_BY_ID = 10, COMMITTED_BY_GROUP = 8 };

/* --- asking --- */

static void build(struct ask *a)
{
    struct offset_fetch_req_offset_fetch_request_topics *t = fetcher_ask_array(a, sizeof *t);
    int32_t *numbers = fetcher_ask_array(a, sizeof *numbers);
    a->old_topics = fetcher_ask_array(a, sizeof *a->old_topics);
    a->group.topics = t--;
    fetcher_ask_sort(a);
    for (size_t i = 0; i < a->part_count; i++) {
        const struct part *p = a->parts[i].part;
        numbers[i] = p->partition;
        if (i == 0 || strcmp(a->parts[i - 1].part->topic, p->topic) != 0) {
            *++t = offset_fetch_req_offset_fetch_request_topics_default;
            t->topic_id = p->topic_id;
            t->partition_indexes = &numbers[i];
            a->old_topics[a->group.topics_count].name = str_from(p->topic);
            a->old_topics[a->group.topics_count++].partition_indexes = &numbers[i];
        }
        if (uuid_is_zero(p->topic_id)) {
            a->version_hi = COMMITTED_BY_ID - 1;
        }
        t->partition_indexes_count++;
        a->old_topics[a->group.topics_count - 1].partition_indexes_count++;
    }
}

struct ask *fetcher_next_committed(struct fetcher *f)
{
    struct ask *a = NULL;
    if (f->is_asking_committed) {
        return NULL;
    }
    LIST_EACH(&f->todo, n, tmp) {
        struct part *p = LIST_ENTRY(n, struct part, place);
        if (p->wants_committed && p->leader >= 0) {
            a = a ? a : fetcher_ask_new(f, ASK_COMMITTED, -1);
            fetcher_ask_add(a, p);
        }
    }
    if (a == NULL) {
        return NULL;
    }
    a->api_key = API_OFFSET_FETCH;
    a->version_lo = 1;
    a->version_hi = COMMITTED_VERSION_MAX;
    a->is_fresh = f->is_coordinator_stale;
    a->group = offset_fetch_req_offset_fetch_request_group_default;
    a->group.group_id = str_from(f->config->group_id);
    build(a);
    f->is_coordinator_stale = false;
    f->is_asking_committed = true;
    return a;
}

void fetcher_fit_committed(struct ask *a, int version)
{
    struct offset_fetch_req *req = &a->req.committed;
    *req = offset_fetch_req_default;
    req->require_stable = version >= 7;
    if (version < COMMITTED_BY_GROUP) {
        req->group_id = a->group.group_id;
        req->topics = a->old_topics;
        req->topics_count = a->group.topics_count;
        return;
    }
    req->groups = &a->group;
    req->groups_count = 1;
    size_t at = 0; /* of the first partition of a topic */
    for (int32_t i = 0; i < a->group.topics_count; i++) {
        bool by_id = version >= COMMITTED_BY_ID;
        a->group.topics[i].name = by_id ? STR("") : a->old_topics[i].name;
        a->group.topics[i].topic_id = by_id ? a->parts[at].part->topic_id : UUID_ZERO;
        at += (size_t)a->group.topics[i].partition_indexes_count;
    }
}

/* --- what came of it --- */

void fetcher_fail_position(struct fetcher *f, struct part *p, int code, int64_t now_ms)
{
    bool is_elsewhere = code == ERR_NOT_COORDINATOR || code == ERR_COORDINATOR_NOT_AVAILABLE ||
                        code == ERR_NETWORK_EXCEPTION || code == ERR_REQUEST_TIMED_OUT;
    f->is_coordinator_stale = f->is_coordinator_stale || is_elsewhere;
    part_later(f, p, now_ms);
    if (code == ERR_UNKNOWN_TOPIC_ID) {
        p->leader = -1; /* there is another of that name, or none */
    } else if (!code_is_retriable(code)) {
        fetcher_fail(f, p, code, NULL);
    }
}

struct position {
    int code;
    int64_t offset; /* < 0: nothing is committed */
    int32_t epoch;
};

static void take_position(struct fetcher *f, struct ask *a, const struct ask_key *key,
                          const struct position *r, int64_t now_ms)
{
    struct part *p = fetcher_ask_answered(a, key);
    if (p == NULL) {
        return;
    }
    if (r->code) {
        fetcher_fail_position(f, p, r->code, now_ms);
        return;
    }
    p->wants_committed = false;
    p->position = MAX(r->offset, -1);
    p->position_epoch = r->offset < 0 ? -1 : r->epoch;
    p->checked_leader = p->checked_epoch = -1;
    p->failures = 0;
}

static void take_group(struct fetcher *f, struct ask *a,
                       const struct offset_fetch_resp_offset_fetch_response_group *g,
                       int64_t now_ms)
{
    for (int32_t i = 0; i < g->topics_count; i++) {
        const struct offset_fetch_resp_offset_fetch_response_topics *t = &g->topics[i];
        struct ask_key key = {.topic = t->name, .topic_id = t->topic_id};
        for (int32_t k = 0; k < t->partitions_count; k++) {
            struct position r = {t->partitions[k].error_code, t->partitions[k].committed_offset,
                                 t->partitions[k].committed_leader_epoch};
            key.partition = t->partitions[k].partition_index;
            take_position(f, a, &key, &r, now_ms);
        }
    }
}

/* The form without groups. */
static void take_topics(struct fetcher *f, struct ask *a, const struct offset_fetch_resp *resp,
                        int64_t now_ms)
{
    for (int32_t i = 0; i < resp->topics_count; i++) {
        const struct offset_fetch_resp_offset_fetch_response_topic *t = &resp->topics[i];
        struct ask_key key = {.topic = t->name};
        for (int32_t k = 0; k < t->partitions_count && t->name.len > 0; k++) {
            struct position r = {t->partitions[k].error_code, t->partitions[k].committed_offset,
                                 t->partitions[k].committed_leader_epoch};
            key.partition = t->partitions[k].partition_index;
            take_position(f, a, &key, &r, now_ms);
        }
    }
}

void fetcher_take_committed(struct fetcher *f, struct ask *a, const struct offset_fetch_resp *resp,
                            int64_t now_ms)
{
    int of_group = resp->error_code          ? resp->error_code
                   : resp->groups_count == 1 ? resp->groups[0].error_code
                                             : 0;
    for (size_t i = 0; i < a->part_count && of_group != 0; i++) {
        if (fetcher_ask_is_current(&a->parts[i])) {
            fetcher_fail_position(f, a->parts[i].part, of_group, now_ms);
        }
    }
    if (of_group == 0 && resp->groups_count == 1) {
        take_group(f, a, &resp->groups[0], now_ms);
    } else if (of_group == 0) {
        take_topics(f, a, resp, now_ms);
    }
}
