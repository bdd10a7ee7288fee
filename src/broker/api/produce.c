/* Produce: each partition's batch is checked and appended on the worker that read it; acks=all then
 * waits until the high watermarks have passed what was appended.
 *
 * The request's bytes are gone when the handler returns, so the response keeps copies of names. */
#include "broker/api/api.h"

#include "broker/metrics.h"
#include "broker/wait.h"
#include "broker/worker.h"

enum { ACKS_ALL = -1, ACKS_NONE = 0, ACKS_LEADER = 1, NO_OFFSET = -1 };

/* The client's timeout is for other replicas to follow; our own fsync may always take that long. */
enum { SYNC_PATIENCE_MS = 5000 };

struct produce {
    struct wait wait;
    struct call *call;
    struct produce_resp resp;
    struct produce_resp_partition_produce_response *
        *waiting; /* [wait.waiter_count]: the answer that goes with each waiter */
    bool has_error;
};

static void set_error(struct produce *pr, struct produce_resp_partition_produce_response *out,
                      enum err e, const char *message)
{
    out->error_code = api_error(e);
    out->error_message = str_from(message);
    out->base_offset = NO_OFFSET;
    out->log_append_time_ms = NO_TIMESTAMP;
    out->log_start_offset = NO_OFFSET;
    pr->has_error = true;
}

/* Errors of single records (KIP-467). They need the call's memory; without it they are left out. */
static void set_record_errors(struct call *c, struct produce_resp_partition_produce_response *out,
                              const struct partition_appended *done)
{
    int n = done->record_error_count;
    out->record_errors = CALL_ARRAY(c, struct produce_resp_batch_index_and_error_message, n);
    out->record_errors_count = out->record_errors ? n : 0;
    for (int i = 0; i < out->record_errors_count; i++) {
        out->record_errors[i].batch_index = done->record_errors[i].index;
        out->record_errors[i].batch_index_error_message = str_from(done->record_errors[i].message);
    }
}

static bool is_transactional(const struct produce_req_partition_produce_data *in)
{
    struct batch b;
    struct bytes raw = {in->records.p, in->records.len};
    return raw.p != NULL && batch_parse(raw, &b) == OK && batch_is_transactional(&b);
}

static bool has_transactional(const struct produce_req *req)
{
    for (int32_t t = 0; t < req->topic_data_count; t++) {
        const struct produce_req_topic_produce_data *topic = &req->topic_data[t];
        for (int32_t i = 0; i < topic->partition_data_count; i++) {
            if (is_transactional(&topic->partition_data[i])) {
                return true;
            }
        }
    }
    return false;
}

/* What can be refused as a whole. */
static enum err check_request(const struct produce_req *req)
{
    if (req->transactional_id.p == NULL && has_transactional(req)) {
        return ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    }
    return req->acks < ACKS_ALL || req->acks > ACKS_LEADER ? ERR_INVALID_REQUIRED_ACKS : OK;
}

static enum err find(struct call *c, const struct produce_req_topic_produce_data *topic,
                     int32_t index, struct partition **ret_part)
{
    if (call_version(c) >= 13) {
        return topic_table_find_by_id(&c->broker->topics, topic->topic_id, index, ret_part);
    }
    return topic_table_find(&c->broker->topics, topic->name, index, ret_part);
}

/* Hangs the answer on the partition's high watermark. Takes the reference. */
static void wait_for(struct produce *pr, struct partition *p, int64_t need_off,
                     struct produce_resp_partition_produce_response *out)
{
    int i = pr->wait.waiter_count++;
    pr->wait.waiters[i] = (struct waiter){.part = p, .need_off = need_off};
    pr->waiting[i] = out;
}

static bool may_write(const struct call *c, const struct partition *p)
{
    return !api_is_internal_topic(p->topic_name) ||
           str_eq(c->header.client_id, STR("__admin_client"));
}

static void append(struct produce *pr, struct partition *p,
                   const struct produce_req_partition_produce_data *in,
                   struct produce_resp_partition_produce_response *out)
{
    struct call *c = pr->call;
    struct partition_appended done = {0};
    struct partition_append a = {
        .p = (uint8_t *)(uintptr_t)in->records.p,
        .len = in->records.len,
        .api_version = call_version(c),
        .now_ms = clock_wall_ms(c->broker->clock),
    };
    enum err e = may_write(c, p) ? partition_append(p, &a, &done) : ERR_INVALID_TOPIC_EXCEPTION;
    if (e) {
        set_error(pr, out, e, done.message);
        out->log_start_offset = e == ERR_INVALID_TOPIC_EXCEPTION ? NO_OFFSET : done.error_start_off;
        set_record_errors(c, out, &done);
        partition_unref(p);
        return;
    }
    out->base_offset = done.log.base_off;
    out->log_append_time_ms =
        done.log.is_duplicate ? done.log.duplicate_ts_ms : done.append_time_ms;
    out->log_start_offset = done.log.start_off;
    if (!done.log.is_duplicate) {
        struct worker_metrics *m = worker_metrics(c->worker);
        metrics_add(&m->bytes_in, in->records.len);
        metrics_add(&m->records_in, (uint64_t)(done.log.last_off - done.log.base_off + 1));
    }
    wait_for(pr, p, done.log.last_off + 1, out);
}

static void do_partition(struct produce *pr, const struct produce_req_topic_produce_data *topic,
                         const struct produce_req_partition_produce_data *in,
                         struct produce_resp_partition_produce_response *out)
{
    struct partition *p;
    *out = produce_resp_partition_produce_response_default;
    out->index = in->index;
    enum err e = is_transactional(in) ? ERR_INVALID_TXN_STATE /* nobody has begun a transaction */
                                      : find(pr->call, topic, in->index, &p);
    if (e) {
        set_error(pr, out, e, NULL);
        return;
    }
    append(pr, p, in, out);
}

/* --- the response's shape: that of the request --- */

static size_t count_partitions(const struct produce_req *req)
{
    size_t n = 0;
    for (int32_t t = 0; t < req->topic_data_count; t++) {
        n += (size_t)req->topic_data[t].partition_data_count;
    }
    return n;
}

static struct produce *produce_new(struct call *c, const struct produce_req *req)
{
    size_t n = count_partitions(req);
    struct produce *pr = CALL_NEW(c, struct produce);
    if (pr == NULL) {
        return NULL;
    }
    pr->call = c;
    pr->resp = produce_resp_default;
    pr->resp.responses_count = req->topic_data_count;
    pr->resp.responses =
        CALL_ARRAY(c, struct produce_resp_topic_produce_response, req->topic_data_count);
    pr->wait.waiters = CALL_ARRAY(c, struct waiter, n);
    pr->waiting = CALL_ARRAY(c, struct produce_resp_partition_produce_response *, n);
    return pr->resp.responses && pr->wait.waiters && pr->waiting ? pr : NULL;
}

static bool shape_topic(struct call *c, const struct produce_req_topic_produce_data *in,
                        struct produce_resp_topic_produce_response *out)
{
    *out = produce_resp_topic_produce_response_default;
    out->topic_id = in->topic_id;
    out->partition_responses_count = in->partition_data_count;
    out->partition_responses =
        CALL_ARRAY(c, struct produce_resp_partition_produce_response, in->partition_data_count);
    return out->partition_responses != NULL && arena_copy_str(&c->arena, in->name, &out->name);
}

/* --- the end --- */

static void drop_waiters(struct produce *pr)
{
    for (int i = 0; i < pr->wait.waiter_count; i++) {
        partition_unref(pr->wait.waiters[i].part);
    }
}

/* acks=0 has no response: an error can only be shown by closing the connection, as Kafka does. */
static void finish(struct produce *pr, int acks)
{
    struct call *c = pr->call;
    drop_waiters(pr);
    if (acks != ACKS_NONE) {
        call_reply(c, &pr->resp);
    } else if (pr->has_error) {
        call_fail(c, "acks=0 and an error");
    } else {
        call_skip(c);
    }
}

/* What a waiter's partition has come to when the wait is over. */
static enum err outcome(const struct waiter *w)
{
    struct partition_view v;
    partition_view(w->part, &v);
    if (v.high_watermark.off >= w->need_off) {
        return OK;
    }
    return v.offline ? v.offline : ERR_REQUEST_TIMED_OUT;
}

static void on_done(struct wait *w, bool timed_out)
{
    struct produce *pr = CONTAINER_OF(w, struct produce, wait);
    (void)timed_out;
    for (int i = 0; i < w->waiter_count; i++) {
        enum err e = outcome(&w->waiters[i]);
        if (e) {
            set_error(pr, pr->waiting[i], e, NULL);
        }
    }
    finish(pr, ACKS_ALL);
}

static bool all_reached(const struct produce *pr)
{
    for (int i = 0; i < pr->wait.waiter_count; i++) {
        struct partition_view v;
        partition_view(pr->wait.waiters[i].part, &v);
        if (v.high_watermark.off < pr->wait.waiters[i].need_off) {
            return false;
        }
    }
    return true;
}

static void append_all(struct produce *pr, const struct produce_req *req, enum err refused)
{
    for (int32_t t = 0; t < req->topic_data_count; t++) {
        const struct produce_req_topic_produce_data *in = &req->topic_data[t];
        for (int32_t i = 0; i < in->partition_data_count; i++) {
            struct produce_resp_partition_produce_response *out =
                &pr->resp.responses[t].partition_responses[i];
            if (refused) {
                *out = produce_resp_partition_produce_response_default;
                out->index = in->partition_data[i].index;
                set_error(pr, out, refused, NULL);
            } else {
                do_partition(pr, in, &in->partition_data[i], out);
            }
        }
    }
}

void api_produce(struct call *c, const void *request)
{
    const struct produce_req *req = request;
    struct produce *pr = produce_new(c, req);
    bool has_room = pr != NULL;
    for (int32_t t = 0; has_room && t < req->topic_data_count; t++) {
        has_room = shape_topic(c, &req->topic_data[t], &pr->resp.responses[t]);
    }
    if (!has_room) {
        call_fail(c, "out of memory");
        return;
    }
    append_all(pr, req, check_request(req));
    if (req->acks != ACKS_ALL || all_reached(pr)) {
        finish(pr, req->acks);
        return;
    }
    pr->wait.done = on_done;
    wait_start(&pr->wait, call_loop(c), pr->wait.waiter_count,
               loop_now_ms(call_loop(c)) + MAX(req->timeout_ms, SYNC_PATIENCE_MS));
}
