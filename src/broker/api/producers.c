/* InitProducerId for idempotent producers, and DescribeProducers. */
#include "broker/api/api.h"

#include "base/topic_name.h"
#include "broker/producer_ids.h"

/* --- InitProducerId --- */

struct init {
    struct producer_id_wait wait;
    struct call *call;
};

static void answer(struct call *c, enum err e, int64_t producer_id)
{
    struct init_producer_id_resp resp = init_producer_id_resp_default;
    resp.error_code = api_error(e);
    resp.producer_id = e ? NO_PRODUCER_ID : producer_id;
    resp.producer_epoch = e ? -1 : 0;
    call_reply(c, &resp);
}

static void on_id(struct producer_id_wait *w)
{
    struct init *in = CONTAINER_OF(w, struct init, wait);
    answer(in->call, w->err, w->producer_id);
}

/* Both halves of a producer's identity, or neither; -1 stands for nothing. */
static bool has_half_an_identity(const struct init_producer_id_req *req)
{
    return (req->producer_id == NO_PRODUCER_ID) != (req->producer_epoch == -1);
}

void api_init_producer_id(struct call *c, const void *request)
{
    const struct init_producer_id_req *req = request;
    struct init *in = CALL_NEW(c, struct init);
    if (in == NULL) {
        call_fail(c, "out of memory");
        return;
    }
    if (has_half_an_identity(req)) {
        answer(c, ERR_INVALID_REQUEST, NO_PRODUCER_ID);
        return;
    }
    if (req->transactional_id.p != NULL) {
        bool is_empty = req->transactional_id.len == 0;
        answer(c, is_empty ? ERR_INVALID_REQUEST : ERR_COORDINATOR_NOT_AVAILABLE, NO_PRODUCER_ID);
        return;
    }
    in->call = c;
    in->wait.loop = call_loop(c);
    in->wait.done = on_id;
    if (producer_ids_next(c->broker->producer_ids, &in->wait)) {
        answer(c, OK, in->wait.producer_id);
    }
}

/* --- DescribeProducers (KIP-664) --- */

struct listing {
    struct describe_producers_resp_producer_state *v;
    int32_t count, cap;
    bool is_short_of_memory;
    struct call *call;
};

static void add(void *ctx, const struct log_producer *p)
{
    struct listing *l = ctx;
    void *v = l->count < l->cap ? l->v : api_grow(l->call, l->v, sizeof *l->v, &l->cap);
    if (v == NULL) {
        l->is_short_of_memory = true;
        return;
    }
    l->v = v;
    l->v[l->count++] = (struct describe_producers_resp_producer_state){
        .producer_id = p->producer_id,
        .producer_epoch = p->epoch,
        .last_sequence = p->last_seq,
        .last_timestamp = p->last_ts_ms,
        .coordinator_epoch = p->coordinator_epoch,
        .current_txn_start_offset = p->txn_first_off,
    };
}

static void do_partition(struct call *c, struct str topic, int32_t index,
                         struct describe_producers_resp_partition_response *out)
{
    struct partition *p;
    struct listing l = {.call = c};
    *out = describe_producers_resp_partition_response_default;
    out->partition_index = index;
    enum err e = topic_table_find(&c->broker->topics, topic, index, &p);
    if (!e) {
        log_each_producer(p->log, add, &l);
        partition_unref(p);
        e = l.is_short_of_memory ? ERR_NO_MEMORY : OK;
    }
    if (!e) {
        out->active_producers = l.v;
        out->active_producers_count = l.count;
    }
    out->error_code = api_error(e);
}

/* What is wrong with a name, as a sentence in the call's arena; null when there is such a topic. */
static enum err check_topic(struct call *c, struct str name, struct str *ret_message)
{
    struct buf why = BUF_INIT;
    enum err e = OK;
    const struct image *img = metacache_read(&c->broker->metacache);
    bool is_known = image_topic_by_name(img, name) != NULL;
    metacache_done(&c->broker->metacache);
    *ret_message = STR_NULL;
    if (is_known) {
        return OK;
    }
    if (!topic_name_check(name, &why)) {
        e = ERR_INVALID_TOPIC_EXCEPTION;
        *ret_message = arena_message(&c->arena, "%s", buf_cstr(&why));
    } else {
        e = ERR_UNKNOWN_TOPIC_OR_PARTITION;
        *ret_message = STR("This server does not host this topic-partition.");
    }
    buf_deinit(&why);
    return e;
}

static bool do_topic(struct call *c, const struct describe_producers_req_topic_request *in,
                     struct describe_producers_resp_topic_response *out)
{
    out->name = in->name;
    out->partitions_count = in->partition_indexes_count;
    out->partitions = CALL_ARRAY(c, struct describe_producers_resp_partition_response,
                                 in->partition_indexes_count);
    if (out->partitions == NULL) {
        return false;
    }
    struct str message;
    enum err e = check_topic(c, in->name, &message);
    for (int32_t i = 0; i < in->partition_indexes_count; i++) {
        do_partition(c, in->name, in->partition_indexes[i], &out->partitions[i]);
        if (e) {
            out->partitions[i].error_code = (int16_t)e;
            out->partitions[i].error_message = message;
        }
    }
    return true;
}

void api_describe_producers(struct call *c, const void *request)
{
    const struct describe_producers_req *req = request;
    struct describe_producers_resp resp = describe_producers_resp_default;
    resp.topics_count = req->topics_count;
    resp.topics = CALL_ARRAY(c, struct describe_producers_resp_topic_response, req->topics_count);
    bool has_room = resp.topics != NULL;
    for (int32_t t = 0; has_room && t < req->topics_count; t++) {
        has_room = do_topic(c, &req->topics[t], &resp.topics[t]);
    }
    call_reply(c, has_room ? &resp : NULL);
}
