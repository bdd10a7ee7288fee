/* ListOffsets: offsets by time and the special ones. What takes a look at the log is looked up by a
 * helper thread, which owns the call meanwhile: a worker must not wait for the disk. */
#include "broker/api/api.h"

#include "broker/warmer.h"

enum special_time {
    TIME_LATEST = -1,
    TIME_EARLIEST = -2,
    TIME_MAX_TIMESTAMP = -3,           /* KIP-734, v7 */
    TIME_EARLIEST_LOCAL = -4,          /* KIP-405, v8 */
    TIME_LATEST_TIERED = -5,           /* KIP-1005, v9 */
    TIME_EARLIEST_PENDING_UPLOAD = -6, /* KIP-1023, v11 */
};

/* The first version that knows each special time, by -time. */
static const int first_version[] = {0, 1, 1, 7, 8, 9, 11};

struct lookup {
    struct partition *part;
    struct partition_view view;
    bool read_committed;
    int version;
};

static int64_t upper_bound(const struct lookup *l)
{
    return l->read_committed ? l->view.last_stable_off : l->view.high_watermark.off;
}

static enum err by_log(const struct lookup *l, int64_t ts_ms, struct log_time_hit *hit)
{
    if (ts_ms == TIME_MAX_TIMESTAMP) {
        return log_find_max_time(l->part->log, hit);
    }
    return log_find_time(l->part->log, ts_ms, upper_bound(l), hit);
}

static enum err look_up(const struct lookup *l, int64_t ts_ms, struct log_time_hit *hit)
{
    *hit = (struct log_time_hit){.off = -1, .ts_ms = NO_TIMESTAMP, .leader_epoch = -1};
    if (ts_ms < TIME_EARLIEST_PENDING_UPLOAD || (ts_ms < 0 && l->version < first_version[-ts_ms])) {
        return ERR_UNSUPPORTED_VERSION;
    }
    switch (ts_ms) {
    case TIME_LATEST:
        hit->off = upper_bound(l);
        hit->leader_epoch = l->view.leader_epoch;
        return OK;
    case TIME_EARLIEST:
    case TIME_EARLIEST_LOCAL:
        hit->off = l->view.start_off;
        hit->leader_epoch = l->view.start_off == l->view.end_off
                                ? l->view.leader_epoch /* where it began the log need not know */
                                : log_epoch_at(l->part->log, l->view.start_off);
        return OK;
    case TIME_LATEST_TIERED:
    case TIME_EARLIEST_PENDING_UPLOAD:
        return OK; /* no tiered storage: nothing is there or pending */
    default:
        return by_log(l, ts_ms, hit);
    }
}

static void do_partition(struct call *c, const struct list_offsets_req *req, struct str topic,
                         const struct list_offsets_req_list_offsets_partition *in,
                         struct list_offsets_resp_list_offsets_partition_response *out)
{
    struct lookup l = {.read_committed = req->isolation_level == 1, .version = call_version(c)};
    struct log_time_hit hit = {0};
    *out = list_offsets_resp_list_offsets_partition_response_default;
    out->partition_index = in->partition_index;
    enum err e = topic_table_find(&c->broker->topics, topic, in->partition_index, &l.part);
    if (!e) {
        partition_view(l.part, &l.view);
        e = l.view.offline ? l.view.offline
                           : partition_check_epoch(&l.view, in->current_leader_epoch);
        e = e ? e : look_up(&l, in->timestamp, &hit);
        partition_unref(l.part);
    }
    if (e) {
        out->error_code = api_error(e);
        return;
    }
    out->offset = hit.off;
    out->timestamp = hit.ts_ms;
    out->leader_epoch = call_version(c) >= 4 ? hit.leader_epoch : -1;
}

static bool do_topic(struct call *c, const struct list_offsets_req *req, int32_t t,
                     struct list_offsets_resp *resp)
{
    const struct list_offsets_req_list_offsets_topic *in = &req->topics[t];
    struct list_offsets_resp_list_offsets_topic_response *out = &resp->topics[t];
    out->name = in->name;
    out->partitions_count = in->partitions_count;
    out->partitions = CALL_ARRAY(c, struct list_offsets_resp_list_offsets_partition_response,
                                 in->partitions_count);
    if (out->partitions == NULL) {
        return false;
    }
    for (int32_t i = 0; i < in->partitions_count; i++) {
        do_partition(c, req, in->name, &in->partitions[i], &out->partitions[i]);
    }
    return true;
}

/* --- who may wait --- */

/* By time: what tells is in index files and batches, which only the disk may have. */
struct search {
    struct warm_job job;
    struct call *call;
    const struct list_offsets_req *req;
    struct list_offsets_resp resp;
    bool has_room;
};

static void search_all(struct search *s)
{
    s->resp = list_offsets_resp_default;
    s->resp.topics_count = s->req->topics_count;
    s->resp.topics = CALL_ARRAY(s->call, struct list_offsets_resp_list_offsets_topic_response,
                                s->req->topics_count);
    s->has_room = s->resp.topics != NULL;
    for (int32_t t = 0; s->has_room && t < s->req->topics_count; t++) {
        s->has_room = do_topic(s->call, s->req, t, &s->resp);
    }
}

static void answer(struct search *s) { call_reply(s->call, s->has_room ? &s->resp : NULL); }

static void work(struct warm_job *job) { search_all(CONTAINER_OF(job, struct search, job)); }
static void on_done(struct warm_job *job) { answer(CONTAINER_OF(job, struct search, job)); }

static bool is_by_log(const struct list_offsets_req_list_offsets_topic *topic)
{
    for (int32_t i = 0; i < topic->partitions_count; i++) {
        int64_t ts_ms = topic->partitions[i].timestamp;
        if (ts_ms >= 0 || ts_ms == TIME_MAX_TIMESTAMP) {
            return true;
        }
    }
    return false;
}

void api_list_offsets(struct call *c, const void *request)
{
    struct search *s = CALL_NEW(c, struct search);
    if (s == NULL) {
        call_fail(c, "out of memory");
        return;
    }
    s->call = c;
    s->req = request;
    for (int32_t t = 0; t < s->req->topics_count; t++) {
        if (is_by_log(&s->req->topics[t])) {
            s->job = (struct warm_job){.loop = call_loop(c), .work = work, .done = on_done};
            warmer_queue(c->broker->warmer, &s->job);
            return;
        }
    }
    search_all(s);
    answer(s);
}
