/* OffsetFetch: each group's part goes to its coordinator, in the form of version 8 and later. From
 * version 10 on topics are named by ids: unknown ones are answered here. */
#include "broker/api/group_call.h"

enum { HAS_GROUPS = 8, HAS_IDS = 10 }; /* versions */

typedef struct offset_fetch_req_offset_fetch_request_group fetch_group;
typedef struct offset_fetch_req_offset_fetch_request_topics fetch_topic;
typedef struct offset_fetch_resp_offset_fetch_response_group fetched_group;
typedef struct offset_fetch_resp_offset_fetch_response_topics fetched_topic;
typedef struct offset_fetch_resp_offset_fetch_response_partitions fetched_part;

/* --- what is asked of the coordinator --- */

static bool name_topic(struct call *c, const struct image *img, const fetch_topic *in,
                       fetch_topic *out)
{
    const struct image_topic *t = call_version(c) >= HAS_IDS ? image_topic_by_id(img, in->topic_id)
                                                             : image_topic_by_name(img, in->name);
    *out = *in;
    if (call_version(c) >= HAS_IDS) {
        out->name = STR("");
        return t == NULL || arena_copy_str(&c->arena, t->name, &out->name);
    }
    out->topic_id = t ? t->id : UUID_ZERO;
    return true;
}

/* A copy of the request's part in which all topics have names. NULL without room. */
static const fetch_group *name_topics(struct call *c, const fetch_group *in)
{
    fetch_group *out = CALL_NEW(c, fetch_group);
    if (out == NULL) {
        return NULL;
    }
    *out = *in;
    if (in->topics_count <= 0) {
        return out;
    }
    out->topics = CALL_ARRAY(c, fetch_topic, in->topics_count);
    bool has_room = out->topics != NULL;
    const struct image *img = metacache_read(&c->broker->metacache);
    for (int32_t i = 0; has_room && i < in->topics_count; i++) {
        has_room = name_topic(c, img, &in->topics[i], &out->topics[i]);
    }
    metacache_done(&c->broker->metacache);
    return has_room ? out : NULL;
}

/* --- ids in the answer --- */

/* All offsets of a group: topics that are no more have no id, and are left out. */
static void add_ids(struct call *c, fetched_group *g)
{
    int32_t kept = 0;
    const struct image *img = metacache_read(&c->broker->metacache);
    for (int32_t i = 0; i < g->topics_count; i++) {
        const struct image_topic *t = image_topic_by_name(img, g->topics[i].name);
        if (t != NULL) {
            g->topics[kept] = g->topics[i];
            g->topics[kept++].topic_id = t->id;
        }
    }
    metacache_done(&c->broker->metacache);
    g->topics_count = kept;
}

static void refuse_unknown_ids(const fetch_group *asked, fetched_group *g)
{
    for (int32_t i = 0; i < g->topics_count; i++) {
        bool is_unknown = asked->topics[i].name.len == 0;
        for (int32_t k = 0; is_unknown && k < g->topics[i].partitions_count; k++) {
            g->topics[i].partitions[k].error_code = ERR_UNKNOWN_TOPIC_ID;
        }
    }
}

static void finish_group(struct group_fan *f, int32_t i, fetched_group *g)
{
    const struct group_fetch *asked = f->parts[i].task.req.msg;
    if (call_version(f->call) < HAS_IDS || g->error_code) {
        return;
    }
    if (asked->group->topics_count < 0) {
        add_ids(f->call, g);
    } else {
        refuse_unknown_ids(asked->group, g);
    }
}

/* --- version 8 and later --- */

static void reply_groups(struct group_fan *f)
{
    struct offset_fetch_resp resp = offset_fetch_resp_default;
    if (!group_fan_has_all(f)) {
        return;
    }
    resp.groups = CALL_ARRAY(f->call, fetched_group, f->count);
    resp.groups_count = resp.groups ? f->count : 0;
    for (int32_t i = 0; i < resp.groups_count; i++) {
        resp.groups[i] = *(fetched_group *)group_fan_resp(f, i);
        finish_group(f, i, &resp.groups[i]);
    }
    call_reply(f->call, resp.groups ? &resp : NULL);
}

static bool ask(struct group_fan *f, int32_t i, const fetch_group *group)
{
    const struct offset_fetch_req *req = f->request;
    struct group_fetch *msg = CALL_NEW(f->call, struct group_fetch);
    const fetch_group *named = msg ? name_topics(f->call, group) : NULL;
    if (named == NULL) {
        return false;
    }
    *msg = (struct group_fetch){named, req->require_stable};
    group_fan_ask(f, i, GROUP_FETCH, msg);
    group_fan_to(f, i, group->group_id);
    return true;
}

/* --- before version 8: one group --- */

static bool copy_part(struct call *c, const fetched_topic *in,
                      struct offset_fetch_resp_offset_fetch_response_topic *out)
{
    out->name = in->name;
    out->partitions_count = in->partitions_count;
    out->partitions = CALL_ARRAY(c, struct offset_fetch_resp_offset_fetch_response_partition,
                                 in->partitions_count);
    for (int32_t i = 0; out->partitions != NULL && i < in->partitions_count; i++) {
        const fetched_part *p = &in->partitions[i];
        out->partitions[i] = (struct offset_fetch_resp_offset_fetch_response_partition){
            .partition_index = p->partition_index,
            .committed_offset = p->committed_offset,
            .committed_leader_epoch = p->committed_leader_epoch,
            .metadata = p->metadata,
            .error_code = p->error_code,
        };
    }
    return out->partitions != NULL;
}

static void reply_one(struct group_fan *f)
{
    struct offset_fetch_resp resp = offset_fetch_resp_default;
    if (!group_fan_has_all(f)) {
        return;
    }
    const fetched_group *g = group_fan_resp(f, 0);
    resp.error_code = g->error_code;
    resp.topics =
        CALL_ARRAY(f->call, struct offset_fetch_resp_offset_fetch_response_topic, g->topics_count);
    bool has_room = resp.topics != NULL;
    for (; has_room && resp.topics_count < g->topics_count; resp.topics_count++) {
        has_room =
            copy_part(f->call, &g->topics[resp.topics_count], &resp.topics[resp.topics_count]);
    }
    call_reply(f->call, has_room ? &resp : NULL);
}

/* The request in the form of version 8. NULL without room. */
static const fetch_group *as_group(struct call *c, const struct offset_fetch_req *req)
{
    fetch_group *g = CALL_NEW(c, fetch_group);
    int32_t count = MAX(req->topics_count, 0);
    if (g == NULL) {
        return NULL;
    }
    *g = offset_fetch_req_offset_fetch_request_group_default;
    g->group_id = req->group_id;
    g->topics_count = req->topics_count;
    g->topics = CALL_ARRAY(c, fetch_topic, count);
    for (int32_t i = 0; g->topics != NULL && i < count; i++) {
        g->topics[i].name = req->topics[i].name;
        g->topics[i].partition_indexes = req->topics[i].partition_indexes;
        g->topics[i].partition_indexes_count = req->topics[i].partition_indexes_count;
    }
    return g->topics != NULL ? g : NULL;
}

void api_offset_fetch(struct call *c, const void *request)
{
    const struct offset_fetch_req *req = request;
    bool is_one = call_version(c) < HAS_GROUPS;
    const fetch_group *one = is_one ? as_group(c, req) : NULL;
    struct group_fan *f = group_fan_new(c, request, is_one ? 1 : req->groups_count);
    if (f == NULL) {
        return;
    }
    bool has_room = !is_one || one != NULL;
    for (int32_t i = 0; has_room && i < f->count; i++) {
        has_room = ask(f, i, is_one ? one : &req->groups[i]);
    }
    if (!has_room) {
        call_fail(c, "out of memory");
    } else {
        group_fan_go(f, is_one ? reply_one : reply_groups);
    }
}
