/* AlterPartitionReassignments and ListPartitionReassignments (KIP-455). */
#include "broker/api/api.h"

static void refuse_alter(struct call *c, const void *request, enum err e)
{
    struct alter_partition_reassignments_resp resp = alter_partition_reassignments_resp_default;
    resp.error_code = api_error(e);
    resp.error_message = STR_NULL;
    call_reply(c, &resp);
}

void api_alter_partition_reassignments(struct call *c, const void *request)
{
    const struct alter_partition_reassignments_req *req = request;
    if (req->topics_count == 0) { /* the broker answers without asking, as Kafka's does */
        struct alter_partition_reassignments_resp resp = alter_partition_reassignments_resp_default;
        resp.error_message = STR("");
        call_reply(c, &resp);
        return;
    }
    api_forward(c, request, &(struct api_forwarded){.refuse = refuse_alter});
}

/* --- what is under way --- */

typedef struct list_partition_reassignments_resp_ongoing_topic_reassignment ongoing_topic;
typedef struct list_partition_reassignments_resp_ongoing_partition_reassignment ongoing_part;

struct listing {
    struct call *call;
    struct list_partition_reassignments_resp resp;
    int32_t topic_cap, part_cap;
};

static bool is_moving(const struct image_part *p)
{
    return p != NULL && (p->adding_count > 0 || p->removing_count > 0);
}

static bool add_part(struct listing *l, ongoing_topic *t, int32_t index, const struct image_part *p)
{
    if (t->partitions_count == l->part_cap) {
        void *grown = api_grow(l->call, t->partitions, sizeof *t->partitions, &l->part_cap);
        if (grown == NULL) {
            return false;
        }
        t->partitions = grown;
    }
    ongoing_part *out = &t->partitions[t->partitions_count++];
    *out = list_partition_reassignments_resp_ongoing_partition_reassignment_default;
    out->partition_index = index;
    return api_copy_ids(l->call, image_part_replicas(p), &out->replicas, &out->replicas_count) &&
           api_copy_ids(l->call, image_part_adding(p), &out->adding_replicas,
                        &out->adding_replicas_count) &&
           api_copy_ids(l->call, image_part_removing(p), &out->removing_replicas,
                        &out->removing_replicas_count);
}

static bool add_topic(struct listing *l, struct str name)
{
    struct list_partition_reassignments_resp *resp = &l->resp;
    if (resp->topics_count == l->topic_cap) {
        void *grown = api_grow(l->call, resp->topics, sizeof *resp->topics, &l->topic_cap);
        if (grown == NULL) {
            return false;
        }
        resp->topics = grown;
    }
    ongoing_topic *t = &resp->topics[resp->topics_count++];
    *t = list_partition_reassignments_resp_ongoing_topic_reassignment_default;
    l->part_cap = 0;
    return arena_copy_str(&l->call->arena, name, &t->name);
}

/* indexes: those that were asked for; NULL: all. Topics of which nothing moves are left out. */
static bool list_topic(struct listing *l, const struct image_topic *t, const int32_t *indexes,
                       int32_t count)
{
    bool is_begun = false;
    for (int32_t i = 0; i < count; i++) {
        int32_t index = indexes ? indexes[i] : i;
        const struct image_part *p = image_topic_part(t, index);
        if (!is_moving(p)) {
            continue;
        }
        if ((!is_begun && !add_topic(l, t->name)) ||
            !add_part(l, &l->resp.topics[l->resp.topics_count - 1], index, p)) {
            return false;
        }
        is_begun = true;
    }
    return true;
}

static bool list_all(struct listing *l, const struct image *img)
{
    for (int32_t i = 0; i < img->topic_count; i++) {
        if (!list_topic(l, img->topics[i], NULL, img->topics[i]->part_slots)) {
            return false;
        }
    }
    return true;
}

static bool list_named(struct listing *l, const struct image *img,
                       const struct list_partition_reassignments_req *req)
{
    for (int32_t i = 0; i < req->topics_count; i++) {
        const struct image_topic *t = image_topic_by_name(img, req->topics[i].name);
        if (t != NULL && !list_topic(l, t, req->topics[i].partition_indexes,
                                     req->topics[i].partition_indexes_count)) {
            return false;
        }
    }
    return true;
}

void api_list_partition_reassignments(struct call *c, const void *request)
{
    const struct list_partition_reassignments_req *req = request;
    struct listing l = {.call = c, .resp = list_partition_reassignments_resp_default};
    l.resp.error_message = STR_NULL;
    const struct image *img = metacache_read(&c->broker->metacache);
    bool has_room = req->topics_count < 0 ? list_all(&l, img) : list_named(&l, img, req);
    metacache_done(&c->broker->metacache);
    call_reply(c, has_room ? &l.resp : NULL);
}
