/* Metadata: brokers, topics, partitions; and the topics that it creates on the way.
 *
 * An unknown topic that may be auto-created is created first: the answer waits for the controller,
 * and then describes a topic that is ready, so that no client has to come back or write twice. */
#include "broker/api/api.h"
#include "broker/api/internal_topics.h"

#include "base/topic_name.h"
#include "broker/controller.h"

#include <stdlib.h>

enum { VERSION_WITH_IDS = 12 };

struct metadata {
    struct ctl_task task;
    struct call *call;
    const struct metadata_req *req;
    bool is_by_id; /* one id in the request, and its names count for nothing, as in Apache Kafka */
    const struct create_topics_resp *created; /* NULL: nothing was */
};

/* --- shape --- */

static bool wants_all(const struct call *c, const struct metadata_req *req)
{
    return call_version(c) == 0 ? req->topics_count == 0 : req->topics_count < 0;
}

static bool fill_brokers(struct call *c, const struct image *img, struct metadata_resp *resp)
{
    resp->brokers = CALL_ARRAY(c, struct metadata_resp_metadata_response_broker, img->broker_count);
    if (resp->brokers == NULL) {
        return false;
    }
    for (int32_t i = 0; i < img->broker_count; i++) {
        const struct image_node *n = img->brokers[i];
        const struct image_endpoint *ep = image_node_endpoint(n, c->endpoint->name);
        if (n->is_fenced || ep == NULL) {
            continue;
        }
        struct metadata_resp_metadata_response_broker *out = &resp->brokers[resp->brokers_count++];
        out->node_id = n->id;
        out->port = ep->port;
        if (!arena_copy_str(&c->arena, ep->host, &out->host) ||
            !arena_copy_str(&c->arena, n->rack, &out->rack)) {
            return false;
        }
    }
    resp->controller_id = resp->brokers_count ? resp->brokers[0].node_id : -1;
    return true;
}

static bool fill_partition(struct call *c, const struct image *img, const struct image_part *p,
                           struct metadata_resp_metadata_response_partition *out)
{
    out->leader_id = p->leader;
    out->leader_epoch = p->leader_epoch;
    out->error_code = p->leader < 0 ? ERR_LEADER_NOT_AVAILABLE : 0;
    return api_copy_ids(c, image_part_replicas(p), &out->replica_nodes,
                        &out->replica_nodes_count) &&
           api_copy_ids(c, image_part_isr(p), &out->isr_nodes, &out->isr_nodes_count) &&
           api_copy_offline(c, img, image_part_replicas(p), &out->offline_replicas,
                            &out->offline_replicas_count);
}

/* INT32_MIN: not asked for. */
static int32_t topic_operations(const struct metadata *m)
{
    return m->req->include_topic_authorized_operations ? API_ALL_TOPIC_OPERATIONS : INT32_MIN;
}

static bool fill_topic(const struct metadata *m, const struct image *img,
                       const struct image_topic *t,
                       struct metadata_resp_metadata_response_topic *out)
{
    struct call *c = m->call;
    *out = metadata_resp_metadata_response_topic_default;
    out->topic_authorized_operations = topic_operations(m);
    out->topic_id = t->id;
    out->is_internal = api_is_internal_topic(t->name);
    out->partitions =
        CALL_ARRAY(c, struct metadata_resp_metadata_response_partition, t->part_count);
    if (out->partitions == NULL || !arena_copy_str(&c->arena, t->name, &out->name)) {
        return false;
    }
    for (int32_t i = 0; i < t->part_slots; i++) {
        const struct image_part *p = image_topic_part(t, i);
        if (p == NULL) {
            continue;
        }
        struct metadata_resp_metadata_response_partition *part =
            &out->partitions[out->partitions_count++];
        *part = metadata_resp_metadata_response_partition_default;
        part->partition_index = i;
        if (!fill_partition(c, img, p, part)) {
            return false;
        }
    }
    return true;
}

/* --- topics asked for by name or id --- */

/* What the controller said when it tried to create the topic. */
static enum err creation_error(const struct metadata *m, struct str name)
{
    for (int32_t i = 0; m->created != NULL && i < m->created->topics_count; i++) {
        if (str_eq(m->created->topics[i].name, name)) {
            return (enum err)m->created->topics[i].error_code;
        }
    }
    return OK;
}

static enum err unknown_error(const struct metadata *m,
                              const struct metadata_req_metadata_request_topic *want)
{
    if (m->is_by_id || str_is_null(want->name)) {
        return ERR_UNKNOWN_TOPIC_ID;
    }
    enum err e = creation_error(m, want->name);
    if (e && e != ERR_TOPIC_ALREADY_EXISTS) {
        return e;
    }
    return topic_name_is_legal(want->name) ? ERR_UNKNOWN_TOPIC_OR_PARTITION
                                           : ERR_INVALID_TOPIC_EXCEPTION;
}

static bool fill_wanted(struct metadata *m, const struct image *img,
                        const struct metadata_req_metadata_request_topic *want,
                        struct metadata_resp_metadata_response_topic *out)
{
    bool by_id = m->is_by_id || str_is_null(want->name);
    const struct image_topic *t =
        by_id ? image_topic_by_id(img, want->topic_id) : image_topic_by_name(img, want->name);
    if (t != NULL) {
        return fill_topic(m, img, t, out);
    }
    *out = metadata_resp_metadata_response_topic_default;
    out->error_code = api_error(unknown_error(m, want));
    out->topic_id = want->topic_id;
    out->name = by_id ? STR_NULL : want->name;
    if (out->error_code == ERR_UNKNOWN_TOPIC_OR_PARTITION) {
        out->topic_authorized_operations = topic_operations(m);
    }
    out->is_internal = !by_id && api_is_internal_topic(want->name);
    return true;
}

static int by_id_then_name(const void *a, const void *b)
{
    const struct metadata_req_metadata_request_topic *x =
        *(const struct metadata_req_metadata_request_topic *const *)a;
    const struct metadata_req_metadata_request_topic *y =
        *(const struct metadata_req_metadata_request_topic *const *)b;
    int c = uuid_cmp(x->topic_id, y->topic_id);
    return c || !uuid_is_zero(x->topic_id) ? c : str_cmp(x->name, y->name);
}

/* What is asked for, each topic once. NULL without memory. */
static struct metadata_req_metadata_request_topic **wanted_once(const struct metadata *m,
                                                                int32_t *ret_count)
{
    int32_t n = 0, kept = 0;
    struct metadata_req_metadata_request_topic **v =
        CALL_ARRAY(m->call, struct metadata_req_metadata_request_topic *, m->req->topics_count);
    for (int32_t i = 0; v != NULL && i < m->req->topics_count; i++) {
        if (!m->is_by_id || !uuid_is_zero(m->req->topics[i].topic_id)) {
            v[n++] = &m->req->topics[i];
        }
    }
    if (n > 1) {
        qsort(v, (size_t)n, sizeof(void *), by_id_then_name);
    }
    for (int32_t i = 0; i < n; i++) {
        if (kept == 0 || by_id_then_name(&v[kept - 1], &v[i]) != 0) {
            v[kept++] = v[i];
        }
    }
    *ret_count = kept;
    return v;
}

static bool fill_topics(struct metadata *m, const struct image *img, struct metadata_resp *resp)
{
    struct call *c = m->call;
    bool all = wants_all(c, m->req);
    int32_t count = all ? img->topic_count : 0;
    struct metadata_req_metadata_request_topic **wanted = all ? NULL : wanted_once(m, &count);
    resp->topics = CALL_ARRAY(c, struct metadata_resp_metadata_response_topic, count);
    bool has_room = resp->topics != NULL && (all || wanted != NULL);
    for (int32_t i = 0; has_room && i < count; i++) {
        has_room = all ? fill_topic(m, img, img->topics[i], &resp->topics[i])
                       : fill_wanted(m, img, wanted[i], &resp->topics[i]);
        resp->topics_count++;
    }
    return has_room;
}

static void answer(struct metadata *m)
{
    struct call *c = m->call;
    struct metadata_resp resp = metadata_resp_default;
    resp.cluster_id = str_from(c->broker->cluster_id);
    if (m->req->include_cluster_authorized_operations) {
        resp.cluster_authorized_operations = API_ALL_CLUSTER_OPERATIONS;
    }
    const struct image *img = metacache_read(&c->broker->metacache);
    bool has_room = fill_brokers(c, img, &resp) && fill_topics(m, img, &resp);
    metacache_done(&c->broker->metacache);
    call_reply(c, has_room ? &resp : NULL);
}

/* --- creation on the way --- */

static void on_created(struct ctl_task *t)
{
    struct metadata *m = CONTAINER_OF(t, struct metadata, task);
    m->created = t->call.err ? NULL : t->call.resp;
    answer(m);
}

static bool should_create(const struct image *img,
                          const struct metadata_req_metadata_request_topic *want)
{
    return !str_is_null(want->name) && image_topic_by_name(img, want->name) == NULL &&
           topic_name_is_legal(want->name);
}

static bool is_listed(const struct create_topics_req *req, struct str name)
{
    for (int32_t i = 0; i < req->topics_count; i++) {
        if (str_eq(req->topics[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* The topics that are missing and may be made; NULL without memory. */
static struct create_topics_req *missing_topics(struct metadata *m)
{
    struct call *c = m->call;
    struct create_topics_req *req = CALL_NEW(c, struct create_topics_req);
    int32_t count = MAX(m->req->topics_count, 0);
    struct create_topics_req_creatable_topic *topics =
        CALL_ARRAY(c, struct create_topics_req_creatable_topic, count);
    if (req == NULL || topics == NULL) {
        return NULL;
    }
    *req = create_topics_req_default;
    req->topics = topics;
    const struct image *img = metacache_read(&c->broker->metacache);
    for (int32_t i = 0; i < count; i++) {
        const struct metadata_req_metadata_request_topic *want = &m->req->topics[i];
        if (should_create(img, want) && !is_listed(req, want->name)) {
            struct create_topics_req_creatable_topic *t = &topics[req->topics_count++];
            t->name = want->name;
        }
    }
    metacache_done(&c->broker->metacache);
    for (int32_t i = 0; i < req->topics_count; i++) {
        if (!api_new_topic(c, topics[i].name, &topics[i])) {
            return NULL;
        }
    }
    return req;
}

static void create_then_answer(struct metadata *m, const struct create_topics_req *missing)
{
    struct call *c = m->call;
    m->task.loop = call_loop(c);
    m->task.done = on_created;
    m->task.call.req = (struct ctl_req){
        .api_key = API_CREATE_TOPICS,
        .version = wire_max_version(&wire_create_topics_req),
        .msg = missing,
        .arena = &c->arena,
        .now_ms = clock_wall_ms(c->broker->clock),
    };
    controller_submit(c->broker->controller, &m->task);
}

/* --- versions that have room for ids and no use for them --- */

static bool has_null_name(const struct metadata_req *req)
{
    for (int32_t i = 0; i < req->topics_count; i++) {
        if (str_is_null(req->topics[i].name)) {
            return true;
        }
    }
    return false;
}

static void refuse_ids(struct metadata *m)
{
    struct call *c = m->call;
    struct metadata_resp resp = metadata_resp_default;
    resp.topics = CALL_ARRAY(c, struct metadata_resp_metadata_response_topic, m->req->topics_count);
    resp.topics_count = resp.topics ? m->req->topics_count : 0;
    for (int32_t i = 0; i < resp.topics_count; i++) {
        struct str name = m->req->topics[i].name;
        resp.topics[i] = metadata_resp_metadata_response_topic_default;
        resp.topics[i].name = str_is_null(name) ? STR("") : name;
        resp.topics[i].topic_id = m->req->topics[i].topic_id;
        resp.topics[i].error_code = ERR_INVALID_REQUEST;
    }
    call_reply(c, resp.topics ? &resp : NULL);
}

void api_metadata(struct call *c, const void *request)
{
    struct metadata *m = CALL_NEW(c, struct metadata);
    if (m == NULL) {
        call_fail(c, "out of memory");
        return;
    }
    m->call = c;
    m->req = request;
    for (int32_t i = 0; i < m->req->topics_count; i++) {
        m->is_by_id |= !uuid_is_zero(m->req->topics[i].topic_id);
    }
    if (call_version(c) < VERSION_WITH_IDS && (m->is_by_id || has_null_name(m->req))) {
        refuse_ids(m);
        return;
    }
    bool may_create = m->req->allow_auto_topic_creation &&
                      c->broker->config.auto_create_topics_enable && !m->is_by_id &&
                      !wants_all(c, m->req);
    struct create_topics_req *missing = may_create ? missing_topics(m) : NULL;
    if (missing != NULL && missing->topics_count > 0) {
        create_then_answer(m, missing);
    } else {
        answer(m);
    }
}
