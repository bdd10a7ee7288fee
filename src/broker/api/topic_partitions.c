/* DescribeTopicPartitions (KIP-966): topics in name order, a page of partitions at a time. */
#include "broker/api/api.h"

#include "base/topic_name.h"

#include <stdlib.h>

struct page {
    struct call *call;
    const struct image *img;
    struct describe_topic_partitions_resp resp;
    int32_t left; /* partitions that still fit */
};

static int by_name(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* Names to describe: those of the request or all, ascending, each once. */
static struct str *names(struct call *c, const struct describe_topic_partitions_req *req,
                         const struct image *img, int32_t *ret_count)
{
    bool all = req->topics_count == 0;
    int32_t count = all ? img->topic_count : req->topics_count;
    struct str *v = CALL_ARRAY(c, struct str, count);
    if (v == NULL) {
        return NULL;
    }
    for (int32_t i = 0; i < count; i++) {
        v[i] = all ? img->topics[i]->name : req->topics[i].name;
    }
    if (!all) {
        qsort(v, (size_t)count, sizeof *v, by_name);
    }
    *ret_count = 0;
    for (int32_t i = 0; i < count; i++) {
        if (*ret_count == 0 || !str_eq(v[*ret_count - 1], v[i])) {
            v[(*ret_count)++] = v[i];
        }
    }
    return v;
}

static bool fill_partition(
    struct page *pg, int32_t index, const struct image_part *p,
    struct describe_topic_partitions_resp_describe_topic_partitions_response_partition *out)
{
    struct call *c = pg->call;
    *out = describe_topic_partitions_resp_describe_topic_partitions_response_partition_default;
    out->partition_index = index;
    out->leader_id = p->leader;
    out->leader_epoch = p->leader_epoch;
    out->error_code = p->leader < 0 ? ERR_LEADER_NOT_AVAILABLE : 0;
    struct ids replicas = image_part_replicas(p);
    return api_copy_ids(c, replicas, &out->replica_nodes, &out->replica_nodes_count) &&
           api_copy_ids(c, image_part_isr(p), &out->isr_nodes, &out->isr_nodes_count) &&
           api_copy_ids(c, image_part_elr(p), &out->eligible_leader_replicas,
                        &out->eligible_leader_replicas_count) &&
           api_copy_ids(c, image_part_last_elr(p), &out->last_known_elr,
                        &out->last_known_elr_count) &&
           api_copy_offline(c, pg->img, replicas, &out->offline_replicas,
                            &out->offline_replicas_count);
}

static bool set_cursor(struct page *pg, struct str name, int32_t index)
{
    struct describe_topic_partitions_resp_cursor *cursor =
        CALL_NEW(pg->call, struct describe_topic_partitions_resp_cursor);
    if (cursor == NULL || !arena_copy_str(&pg->call->arena, name, &cursor->topic_name)) {
        return false;
    }
    cursor->partition_index = index;
    pg->resp.next_cursor = cursor;
    return true;
}

/* The topic's partitions from `first` on; sets the cursor when the page is full. */
static bool fill_topic(
    struct page *pg, const struct image_topic *t, int32_t first,
    struct describe_topic_partitions_resp_describe_topic_partitions_response_topic *out)
{
    out->topic_id = t->id;
    out->partitions = CALL_ARRAY(
        pg->call,
        struct describe_topic_partitions_resp_describe_topic_partitions_response_partition,
        MIN(t->part_slots, pg->left));
    for (int32_t i = first; out->partitions != NULL && i < t->part_slots; i++) {
        const struct image_part *p = image_topic_part(t, i);
        if (p == NULL) {
            continue;
        }
        if (pg->left == 0) {
            return set_cursor(pg, t->name, i);
        }
        pg->left--;
        if (!fill_partition(pg, i, p, &out->partitions[out->partitions_count++])) {
            return false;
        }
    }
    return out->partitions != NULL;
}

static bool add_topic(struct page *pg, struct str name, int32_t first)
{
    struct describe_topic_partitions_resp_describe_topic_partitions_response_topic *out =
        &pg->resp.topics[pg->resp.topics_count++];
    *out = describe_topic_partitions_resp_describe_topic_partitions_response_topic_default;
    out->topic_authorized_operations = API_ALL_TOPIC_OPERATIONS;
    out->is_internal = api_is_internal_topic(name);
    if (!arena_copy_str(&pg->call->arena, name, &out->name)) {
        return false;
    }
    const struct image_topic *t = image_topic_by_name(pg->img, name);
    if (t == NULL) {
        out->error_code = topic_name_is_legal(name) ? ERR_UNKNOWN_TOPIC_OR_PARTITION
                                                    : ERR_INVALID_TOPIC_EXCEPTION;
        return true;
    }
    return fill_topic(pg, t, first, out);
}

static bool fill(struct page *pg, const struct describe_topic_partitions_req *req)
{
    int32_t count = 0;
    struct str *v = names(pg->call, req, pg->img, &count);
    struct str from = req->cursor ? req->cursor->topic_name : STR("");
    pg->resp.topics = CALL_ARRAY(
        pg->call, struct describe_topic_partitions_resp_describe_topic_partitions_response_topic,
        count);
    bool has_room = v != NULL && pg->resp.topics != NULL;
    for (int32_t i = 0; has_room && i < count && pg->resp.next_cursor == NULL; i++) {
        int c = str_cmp(v[i], from);
        if (c < 0) {
            continue;
        }
        if (pg->left == 0) {
            has_room = set_cursor(pg, v[i], 0);
            break;
        }
        has_room = add_topic(pg, v[i], c == 0 && req->cursor ? req->cursor->partition_index : 0);
    }
    return has_room;
}

/* A cursor stands at a partition of one of the topics that are asked for. */
static bool is_possible(const struct describe_topic_partitions_req *req)
{
    bool is_asked_for = req->topics_count == 0;
    for (int32_t i = 0; i < req->topics_count && !is_asked_for; i++) {
        is_asked_for = str_eq(req->topics[i].name, req->cursor->topic_name);
    }
    return is_asked_for && req->cursor->partition_index >= 0;
}

static void refuse(struct call *c, const struct describe_topic_partitions_req *req)
{
    struct describe_topic_partitions_resp resp = describe_topic_partitions_resp_default;
    resp.topics = CALL_ARRAY(
        c, struct describe_topic_partitions_resp_describe_topic_partitions_response_topic,
        req->topics_count);
    resp.topics_count = resp.topics ? req->topics_count : 0;
    for (int32_t i = 0; i < resp.topics_count; i++) {
        resp.topics[i] =
            describe_topic_partitions_resp_describe_topic_partitions_response_topic_default;
        resp.topics[i].name = req->topics[i].name;
        resp.topics[i].error_code = ERR_INVALID_REQUEST;
    }
    call_reply(c, resp.topics ? &resp : NULL);
}

void api_describe_topic_partitions(struct call *c, const void *request)
{
    const struct describe_topic_partitions_req *req = request;
    int32_t limit = c->broker->config.max_request_partition_size_limit;
    struct page pg = {.call = c, .resp = describe_topic_partitions_resp_default};
    if (req->cursor != NULL && !is_possible(req)) {
        refuse(c, req);
        return;
    }
    pg.left = MAX(1, MIN(limit, req->response_partition_limit));
    pg.img = metacache_read(&c->broker->metacache);
    bool has_room = fill(&pg, req);
    metacache_done(&c->broker->metacache);
    call_reply(c, has_room ? &pg.resp : NULL);
}
