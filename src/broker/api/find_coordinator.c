/* FindCoordinator: the leader of the partition that a group lives in. The topic is made when it is
 * asked for the first time, and the answer comes when the coordinator is ready for the group, so
 * that no client is sent to one that is not. Transactions have no coordinator here: an error that
 * clients try again. */
#include "broker/api/group_call.h"
#include "broker/api/internal_topics.h"
#include "broker/controller.h"

enum { NO_NODE = -1, FIRST_VERSION_OF_LISTS = 4 };
enum { KEY_GROUP = 0, KEY_TRANSACTION = 1, KEY_SHARE = 2 };

static const char why_invalid[] =
    "This most likely occurs because of a request being malformed by the client library or the "
    "message was sent to an incompatible broker. See the broker logs for more details.";

typedef struct find_coordinator_resp_coordinator coordinator_answer;

struct find {
    struct ctl_task task;
    struct call *call;
    const struct find_coordinator_req *req;
    struct str *keys;
    int32_t key_count;
};

static bool is_list(const struct call *c) { return call_version(c) >= FIRST_VERSION_OF_LISTS; }

/* --- answers --- */

static coordinator_answer no_coordinator(const struct find *f, int32_t i, enum err e)
{
    bool is_share = f->req->key_type == KEY_SHARE && is_list(f->call);
    bool has_text = e == ERR_INVALID_REQUEST && !is_share;
    return (coordinator_answer){
        .key = f->keys[i],
        .node_id = NO_NODE,
        .host = STR(""),
        .port = NO_NODE,
        .error_code = api_error(e),
        .error_message = has_text ? str_from(why_invalid) : STR(""),
    };
}

/* Where the leader of the partition listens, for who asked; false: nowhere, or no room. */
static bool locate(struct call *c, int32_t partition, coordinator_answer *out)
{
    const struct image *img = metacache_read(&c->broker->metacache);
    const struct image_topic *t = image_topic_by_name(img, GROUP_TOPIC);
    const struct image_part *p = t ? image_topic_part(t, partition) : NULL;
    const struct image_node *n = p ? image_broker(img, p->leader) : NULL;
    const struct image_endpoint *ep =
        n && !n->is_fenced ? image_node_endpoint(n, c->endpoint->name) : NULL;
    bool is_found = ep != NULL && arena_copy_str(&c->arena, ep->host, &out->host);
    if (is_found) {
        out->node_id = n->id;
        out->port = ep->port;
    }
    metacache_done(&c->broker->metacache);
    return is_found;
}

static void reply(struct find *f, coordinator_answer *v)
{
    struct find_coordinator_resp resp = find_coordinator_resp_default;
    if (is_list(f->call)) {
        resp.coordinators = v;
        resp.coordinators_count = f->key_count;
    } else {
        resp.error_code = v[0].error_code;
        resp.error_message = v[0].error_code ? v[0].error_message : STR("NONE");
        resp.node_id = v[0].node_id;
        resp.host = v[0].host;
        resp.port = v[0].port;
    }
    call_reply(f->call, &resp);
}

static void reply_all(struct find *f, enum err e)
{
    coordinator_answer *v = CALL_ARRAY(f->call, coordinator_answer, f->key_count);
    for (int32_t i = 0; v != NULL && i < f->key_count; i++) {
        v[i] = no_coordinator(f, i, e);
    }
    if (v == NULL) {
        call_fail(f->call, "out of memory");
    } else {
        reply(f, v);
    }
}

/* --- ready? --- */

static void on_probed(struct group_fan *fan)
{
    struct find *f = CONTAINER_OF(fan->request, struct find, req);
    coordinator_answer *v = CALL_ARRAY(f->call, coordinator_answer, f->key_count);
    for (int32_t i = 0; v != NULL && i < f->key_count; i++) {
        const struct coord_task *t = &fan->parts[i].task;
        v[i] = no_coordinator(f, i, OK);
        if (t->err || !locate(f->call, t->partition, &v[i])) {
            v[i] = no_coordinator(f, i, ERR_COORDINATOR_NOT_AVAILABLE);
        }
    }
    if (v == NULL) {
        call_fail(f->call, "out of memory");
    } else {
        reply(f, v);
    }
}

static void probe(struct find *f)
{
    struct group_fan *fan = group_fan_new(f->call, &f->req, f->key_count);
    if (fan == NULL) {
        return;
    }
    for (int32_t i = 0; i < fan->count; i++) {
        fan->parts[i].task.is_probe = true;
        group_fan_to(fan, i, f->keys[i]);
    }
    group_fan_go(fan, on_probed);
}

/* --- the topic --- */

static void on_made(struct ctl_task *t)
{
    struct find *f = CONTAINER_OF(t, struct find, task);
    if (coordinator_partition_count(f->call->broker) > 0) {
        probe(f);
    } else {
        reply_all(f, ERR_COORDINATOR_NOT_AVAILABLE);
    }
}

static void make_topic(struct find *f)
{
    struct call *c = f->call;
    struct create_topics_req *req = CALL_NEW(c, struct create_topics_req);
    struct create_topics_req_creatable_topic *topic =
        CALL_NEW(c, struct create_topics_req_creatable_topic);
    if (req == NULL || topic == NULL || !api_new_topic(c, GROUP_TOPIC, topic)) {
        call_fail(c, "out of memory");
        return;
    }
    *req = create_topics_req_default;
    req->topics = topic;
    req->topics_count = 1;
    f->task.loop = call_loop(c);
    f->task.done = on_made;
    f->task.call.req = (struct ctl_req){
        .api_key = API_CREATE_TOPICS,
        .version = wire_max_version(&wire_create_topics_req),
        .msg = req,
        .arena = &c->arena,
        .now_ms = clock_wall_ms(c->broker->clock),
    };
    controller_submit(c->broker->controller, &f->task);
}

/* --- the request --- */

static struct find *find_new(struct call *c, const struct find_coordinator_req *req)
{
    struct find *f = CALL_NEW(c, struct find);
    struct str *one = f ? CALL_NEW(c, struct str) : NULL;
    if (one == NULL) {
        return NULL;
    }
    *one = req->key;
    f->call = c;
    f->req = req;
    f->keys = is_list(c) ? req->coordinator_keys : one;
    f->key_count = is_list(c) ? req->coordinator_keys_count : 1;
    return f;
}

void api_find_coordinator(struct call *c, const void *request)
{
    struct find *f = find_new(c, request);
    if (f == NULL) {
        call_fail(c, "out of memory");
    } else if (f->req->key_type == KEY_TRANSACTION) {
        reply_all(f, ERR_COORDINATOR_NOT_AVAILABLE);
    } else if (f->req->key_type != KEY_GROUP) {
        reply_all(f, ERR_INVALID_REQUEST);
    } else if (f->key_count > 0 && coordinator_partition_count(c->broker) == 0) {
        make_topic(f);
    } else {
        probe(f);
    }
}
