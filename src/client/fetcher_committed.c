/* Where a group was: new partitions begin there. Pure; see fetcher.h. */
#include "client/fetcher_int.h"

#include "base/attr.h"

enum { COMMITTED_VERSION_MAX = 9 }; /* later ones name topics by their ids */

/* --- asking --- */

static void add_committed(struct ask *a, const struct part *p)
{
    struct offset_fetch_req_offset_fetch_request_group *g = &a->group;
    struct str name = str_from(p->topic);
    int32_t k = g->topics_count;
    while (k > 0 && !str_eq(g->topics[k - 1].name, name)) {
        k--;
    }
    if (k == 0) {
        k = ++g->topics_count;
        g->topics[k - 1] = offset_fetch_req_offset_fetch_request_topics_default;
        g->topics[k - 1].name = a->old_topics[k - 1].name = name;
        g->topics[k - 1].partition_indexes = fetcher_ask_array(a, sizeof(int32_t));
        a->old_topics[k - 1].partition_indexes = g->topics[k - 1].partition_indexes;
    }
    g->topics[k - 1].partition_indexes[g->topics[k - 1].partition_indexes_count++] = p->partition;
    a->old_topics[k - 1].partition_indexes_count++;
}

struct ask *fetcher_next_committed(struct fetcher *f, int64_t now_ms)
{
    struct ask *a = NULL;
    LIST_EACH(&f->parts, n, tmp) {
        struct part *p = LIST_ENTRY(n, struct part, node);
        if (p->wants_committed && part_is_idle(p, now_ms) && !f->is_asking_committed) {
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
    a->group.topics = fetcher_ask_array(a, sizeof *a->group.topics);
    a->old_topics = fetcher_ask_array(a, sizeof *a->old_topics);
    for (size_t i = 0; i < a->part_count; i++) {
        add_committed(a, a->parts[i].part);
    }
    f->is_coordinator_stale = false;
    f->is_asking_committed = true;
    return a;
}

void fetcher_fit_committed(struct ask *a, int version)
{
    struct offset_fetch_req *req = &a->req.committed;
    *req = offset_fetch_req_default;
    req->require_stable = version >= 7;
    if (version >= 8) {
        req->groups = &a->group;
        req->groups_count = 1;
        return;
    }
    req->group_id = a->group.group_id;
    req->topics = a->old_topics;
    req->topics_count = a->group.topics_count;
}

/* --- what came of it --- */

void fetcher_take_position(struct fetcher *f, struct part *p, int code, int64_t offset,
                           int64_t now_ms)
{
    bool is_elsewhere = code == ERR_NOT_COORDINATOR || code == ERR_COORDINATOR_NOT_AVAILABLE ||
                        code == ERR_NETWORK_EXCEPTION || code == ERR_REQUEST_TIMED_OUT;
    if (code == 0) {
        p->wants_committed = false;
        p->position = offset < 0 ? -1 : offset;
        p->failures = 0;
        return;
    }
    f->is_coordinator_stale = f->is_coordinator_stale || is_elsewhere;
    part_later(f, p, now_ms);
    if (!code_is_retriable(code)) {
        fetcher_fail(f, p, code, ottla_error_text(code));
    }
}

/* Of either form of the answer. False: there is nothing about this partition. */
static bool find_position(const struct offset_fetch_resp *resp, const struct part *p, int *ret_code,
                          int64_t *ret_offset)
{
    const struct str name = str_from(p->topic);
    for (int32_t i = 0; i < resp->topics_count; i++) {
        for (int32_t k = 0; k < resp->topics[i].partitions_count; k++) {
            if (resp->topics[i].partitions[k].partition_index == p->partition &&
                str_eq(resp->topics[i].name, name)) {
                *ret_code = resp->topics[i].partitions[k].error_code;
                *ret_offset = resp->topics[i].partitions[k].committed_offset;
                return true;
            }
        }
    }
    for (int32_t i = 0; resp->groups_count == 1 && i < resp->groups[0].topics_count; i++) {
        const struct offset_fetch_resp_offset_fetch_response_topics *t = &resp->groups[0].topics[i];
        for (int32_t k = 0; k < t->partitions_count; k++) {
            if (t->partitions[k].partition_index == p->partition && str_eq(t->name, name)) {
                *ret_code = t->partitions[k].error_code;
                *ret_offset = t->partitions[k].committed_offset;
                return true;
            }
        }
    }
    return false;
}

void fetcher_take_committed(struct fetcher *f, struct ask *a, const struct offset_fetch_resp *resp,
                            int64_t now_ms)
{
    int of_group = resp->error_code          ? resp->error_code
                   : resp->groups_count == 1 ? resp->groups[0].error_code
                                             : 0;
    for (size_t i = 0; i < a->part_count; i++) {
        int code = of_group;
        int64_t offset = -1;
        struct part *p = a->parts[i].part;
        if (!fetcher_ask_is_current(&a->parts[i])) {
            continue;
        }
        if (code == 0 && !find_position(resp, p, &code, &offset)) {
            code = ERR_UNKNOWN_TOPIC_OR_PARTITION;
        }
        fetcher_take_position(f, p, code, offset, now_ms);
    }
}
