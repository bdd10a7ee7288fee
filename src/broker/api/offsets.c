/* OffsetCommit and OffsetDelete. Partitions that do not exist are answered here; the rest goes to
 * the group's coordinator, under names and with ids, whatever the version has. The answer has the
 * shape of the request. */
#include "broker/api/group_call.h"

enum { COMMIT_BY_ID = 10 }; /* version of OffsetCommit */

/* --- OffsetCommit --- */

struct commit {
    struct group_fan *fan;
    struct offset_commit_req known; /* what exists */
    struct offset_commit_resp resp;
    int32_t *topic_of; /* of each topic in known: its place in the request */
};

typedef struct offset_commit_req_offset_commit_request_topic commit_topic;
typedef struct offset_commit_resp_offset_commit_response_topic committed_topic;

/* The topic that is meant, with a copy of its name; NULL: there is none. */
static const struct image_topic *resolve(struct call *c, const struct image *img,
                                         const commit_topic *in, struct str *ret_name)
{
    const struct image_topic *t = call_version(c) >= COMMIT_BY_ID
                                      ? image_topic_by_id(img, in->topic_id)
                                      : image_topic_by_name(img, in->name);
    return t != NULL && arena_copy_str(&c->arena, t->name, ret_name) ? t : NULL;
}

/* Takes over the partitions that exist; the others have their error already. False without room. */
static bool sort_topic(struct call *c, const struct image *img, struct commit *m, int32_t at)
{
    const commit_topic *in = &((const struct offset_commit_req *)m->fan->request)->topics[at];
    committed_topic *out = &m->resp.topics[at];
    commit_topic *known = &m->known.topics[m->known.topics_count];
    const struct image_topic *t = resolve(c, img, in, &known->name);
    enum err missing = t == NULL && call_version(c) >= COMMIT_BY_ID
                           ? ERR_UNKNOWN_TOPIC_ID
                           : ERR_UNKNOWN_TOPIC_OR_PARTITION;
    *out = (committed_topic){.name = in->name, .topic_id = in->topic_id};
    out->partitions = CALL_ARRAY(c, struct offset_commit_resp_offset_commit_response_partition,
                                 in->partitions_count);
    known->partitions = CALL_ARRAY(c, struct offset_commit_req_offset_commit_request_partition,
                                   in->partitions_count);
    if (out->partitions == NULL || known->partitions == NULL) {
        return false;
    }
    for (; out->partitions_count < in->partitions_count; out->partitions_count++) {
        int32_t i = out->partitions_count, part = in->partitions[i].partition_index;
        bool is_known = t != NULL && image_topic_part(t, part) != NULL;
        out->partitions[i].partition_index = part;
        out->partitions[i].error_code = is_known ? OK : (int16_t)missing;
        if (is_known) {
            known->partitions[known->partitions_count++] = in->partitions[i];
        }
    }
    if (known->partitions_count > 0) {
        known->topic_id = t->id;
        m->topic_of[m->known.topics_count++] = at;
    }
    return true;
}

static bool sort_all(struct call *c, struct commit *m)
{
    const struct offset_commit_req *req = m->fan->request;
    m->known = *req;
    m->known.topics_count = 0;
    m->known.topics = CALL_ARRAY(c, commit_topic, req->topics_count);
    m->resp.topics = CALL_ARRAY(c, committed_topic, req->topics_count);
    m->topic_of = CALL_ARRAY(c, int32_t, req->topics_count);
    bool has_room = m->known.topics && m->resp.topics && m->topic_of;
    const struct image *img = metacache_read(&c->broker->metacache);
    for (; has_room && m->resp.topics_count < req->topics_count; m->resp.topics_count++) {
        has_room = sort_topic(c, img, m, m->resp.topics_count);
    }
    metacache_done(&c->broker->metacache);
    return has_room;
}

/* Puts the coordinator's word where the request had the partition. */
static void merge_topic(committed_topic *out, const committed_topic *done)
{
    int32_t at = 0;
    for (int32_t i = 0; i < out->partitions_count && at < done->partitions_count; i++) {
        if (out->partitions[i].error_code == OK) {
            out->partitions[i].error_code = done->partitions[at++].error_code;
        }
    }
}

static void reply_committed(struct group_fan *f)
{
    struct commit *m = CONTAINER_OF(f->request, struct commit, known);
    if (!group_fan_has_all(f)) {
        return;
    }
    const struct offset_commit_resp *done = f->count ? group_fan_resp(f, 0) : NULL;
    for (int32_t i = 0; done != NULL && i < done->topics_count; i++) {
        merge_topic(&m->resp.topics[m->topic_of[i]], &done->topics[i]);
    }
    call_reply(f->call, &m->resp);
}

void api_offset_commit(struct call *c, const void *request)
{
    struct group_fan *f = group_fan_new(c, request, 1);
    struct commit *m = f ? CALL_NEW(c, struct commit) : NULL;
    if (f == NULL) {
        return;
    }
    if (m != NULL) {
        m->fan = f;
    }
    if (m == NULL || !sort_all(c, m)) {
        call_fail(c, "out of memory");
        return;
    }
    f->request = &m->known;
    f->count = m->known.topics_count > 0; /* with nothing to commit nobody is asked */
    group_fan_ask(f, 0, GROUP_COMMIT, &m->known);
    group_fan_to(f, 0, m->known.group_id);
    group_fan_go(f, reply_committed);
}

/* --- OffsetDelete --- */

struct deletion {
    struct group_fan *fan;
    struct offset_delete_req known;
    struct offset_delete_resp resp;
    int32_t *topic_of;
};

typedef struct offset_delete_req_offset_delete_request_topic delete_topic;
typedef struct offset_delete_resp_offset_delete_response_topic deleted_topic;

static bool sort_deleted(struct call *c, const struct image *img, struct deletion *m, int32_t at)
{
    const delete_topic *in = &((const struct offset_delete_req *)m->fan->request)->topics[at];
    const struct image_topic *t = image_topic_by_name(img, in->name);
    deleted_topic *out = &m->resp.topics[at];
    delete_topic *known = &m->known.topics[m->known.topics_count];
    out->name = known->name = in->name;
    out->partitions = CALL_ARRAY(c, struct offset_delete_resp_offset_delete_response_partition,
                                 in->partitions_count);
    known->partitions = CALL_ARRAY(c, struct offset_delete_req_offset_delete_request_partition,
                                   in->partitions_count);
    if (out->partitions == NULL || known->partitions == NULL) {
        return false;
    }
    for (; out->partitions_count < in->partitions_count; out->partitions_count++) {
        int32_t i = out->partitions_count, part = in->partitions[i].partition_index;
        bool is_known = t != NULL && image_topic_part(t, part) != NULL;
        out->partitions[i].partition_index = part;
        out->partitions[i].error_code = is_known ? OK : ERR_UNKNOWN_TOPIC_OR_PARTITION;
        if (is_known) {
            known->partitions[known->partitions_count++].partition_index = part;
        }
    }
    if (known->partitions_count > 0) {
        m->topic_of[m->known.topics_count++] = at;
    }
    return true;
}

static bool sort_deletion(struct call *c, struct deletion *m)
{
    const struct offset_delete_req *req = m->fan->request;
    m->known.group_id = req->group_id;
    m->known.topics = CALL_ARRAY(c, delete_topic, req->topics_count);
    m->resp.topics = CALL_ARRAY(c, deleted_topic, req->topics_count);
    m->topic_of = CALL_ARRAY(c, int32_t, req->topics_count);
    bool has_room = m->known.topics && m->resp.topics && m->topic_of;
    const struct image *img = metacache_read(&c->broker->metacache);
    for (; has_room && m->resp.topics_count < req->topics_count; m->resp.topics_count++) {
        has_room = sort_deleted(c, img, m, m->resp.topics_count);
    }
    metacache_done(&c->broker->metacache);
    return has_room;
}

static void merge_deleted(deleted_topic *out, const deleted_topic *done)
{
    int32_t at = 0;
    for (int32_t i = 0; i < out->partitions_count && at < done->partitions_count; i++) {
        if (out->partitions[i].error_code == OK) {
            out->partitions[i].error_code = done->partitions[at++].error_code;
        }
    }
}

static void reply_offsets_deleted(struct group_fan *f)
{
    struct deletion *m = CONTAINER_OF(f->request, struct deletion, known);
    if (!group_fan_has_all(f)) {
        return;
    }
    const struct offset_delete_resp *done = f->count ? group_fan_resp(f, 0) : NULL;
    if (done != NULL && done->error_code) {
        call_reply(f->call, done);
        return;
    }
    for (int32_t i = 0; done != NULL && i < done->topics_count; i++) {
        merge_deleted(&m->resp.topics[m->topic_of[i]], &done->topics[i]);
    }
    call_reply(f->call, &m->resp);
}

void api_offset_delete(struct call *c, const void *request)
{
    struct group_fan *f = group_fan_new(c, request, 1);
    struct deletion *m = f ? CALL_NEW(c, struct deletion) : NULL;
    if (f == NULL) {
        return;
    }
    if (m != NULL) {
        m->fan = f;
    }
    if (m == NULL || !sort_deletion(c, m)) {
        call_fail(c, "out of memory");
        return;
    }
    f->request = &m->known;
    f->count = m->known.topics_count > 0;
    group_fan_ask(f, 0, GROUP_DELETE_OFFSETS, &m->known);
    group_fan_to(f, 0, m->known.group_id);
    group_fan_go(f, reply_offsets_deleted);
}
