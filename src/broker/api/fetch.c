/* Fetch: reads what is below the high watermark (or the last stable offset) of the partitions asked
 * for, waits when there is too little, and sends file extents without copying them. Sessions
 * (KIP-227) are in broker/fetch_session.c.
 *
 * A fetch tries, and if it finds less than min_bytes it waits for any of its partitions to move and
 * tries again, until max_wait_ms is over. Each try starts from nothing: extents are taken in the
 * last. */
#include "broker/api/api.h"

#include "broker/fetch_session.h"
#include "broker/wait.h"
#include "broker/warmer.h"

#include <stdlib.h>

enum { READ_COMMITTED = 1 };

/* One partition of this fetch, and what a try found. */
struct fetch_item {
    struct fetch_part *want;
    struct partition *part; /* referenced; NULL with an error */
    struct partition_view view;
    struct log_extent extent;
    bool has_data;  /* the answer carries records of it */
    bool is_found;  /* there is such a partition, whatever else is wrong */
    bool is_hidden; /* it takes the disk to find what is to be read */
    enum err err;
    int32_t diverging_epoch;
    int64_t diverging_end_off; /* −1: not diverging */
};

struct fetch {
    struct wait wait;
    struct call *call;
    const struct fetch_req *req;   /* lives as long as the call */
    struct fetch_session *session; /* busy; NULL: none */
    bool is_incremental;
    struct fetch_item *items;
    int32_t item_count;
    int64_t deadline_ms;
    size_t found_bytes;
    bool has_error;
    int32_t hidden_count;
    bool may_wait; /* for the disk: what the next try looks at was in memory just now */
    struct warm_job warm;
};

static bool by_topic_id(const struct call *c) { return call_version(c) >= 13; }

/* --- one try --- */

/* Nothing at or beyond it may be given. */
static struct log_pos upper_bound(const struct fetch *f, const struct partition_view *v)
{
    if (f->req->isolation_level != READ_COMMITTED || v->last_stable_off == v->high_watermark.off) {
        return v->high_watermark;
    }
    return (struct log_pos){.off = v->last_stable_off, .seg_base_off = -1};
}

/* KIP-595: what the reader has at its end must be what we had there. An epoch that we never heard
 * of is out of range. */
static enum err check_divergence(struct fetch_item *it)
{
    int32_t epoch;
    int64_t end_off;
    if (it->want->last_fetched_epoch == NO_LEADER_EPOCH) {
        return OK;
    }
    partition_epoch_end(it->part, &it->view, it->want->last_fetched_epoch, &epoch, &end_off);
    if (epoch == NO_LEADER_EPOCH || end_off < 0 || it->want->off < it->view.start_off) {
        return ERR_OFFSET_OUT_OF_RANGE;
    }
    if (epoch < it->want->last_fetched_epoch || end_off < it->want->off) {
        it->diverging_epoch = epoch;
        it->diverging_end_off = end_off;
    }
    return OK;
}

static int32_t replica_id(const struct call *c, const struct fetch_req *req)
{
    return call_version(c) >= 15 ? req->replica_state.replica_id : req->replica_id;
}

/* Only consumers are served: nobody else has a replica of what is here. */
static enum err check(const struct fetch *f, struct fetch_item *it)
{
    partition_view(it->part, &it->view);
    enum err e = it->view.offline ? it->view.offline
                                  : partition_check_epoch(&it->view, it->want->leader_epoch);
    if (!e && replica_id(f->call, f->req) >= 0) {
        e = ERR_NOT_LEADER_OR_FOLLOWER;
    }
    return e ? e : check_divergence(it);
}

/* What the whole answer may have: as the client says, and no more than fetch.max.bytes. */
static int32_t answer_max_bytes(const struct fetch *f)
{
    int32_t most = f->call->broker->config.fetch_max_bytes;
    return MAX(MIN(f->req->max_bytes, most), 0);
}

static struct log_read read_of(const struct fetch *f, const struct fetch_item *it)
{
    size_t max_bytes = (size_t)answer_max_bytes(f);
    size_t left = max_bytes > f->found_bytes ? max_bytes - f->found_bytes : 0;
    return (struct log_read){
        .off = it->want->off,
        .max_bytes = MIN(left, (size_t)MAX(it->want->max_bytes, 0)),
        .upto = upper_bound(f, &it->view),
        .min_one_batch = f->found_bytes == 0,
        .hint = &it->want->hint,
        .may_not_wait = !f->may_wait,
    };
}

static void read_item(struct fetch *f, struct fetch_item *it)
{
    it->err = check(f, it);
    if (it->err || it->diverging_end_off >= 0) {
        return;
    }
    struct log_read r = read_of(f, it);
    it->err = log_read(it->part->log, &r, &it->extent);
    if (it->err == ERR_AGAIN) {
        it->err = OK;
        it->is_hidden = true;
        f->hidden_count++;
    }
    f->found_bytes += it->err ? 0 : it->extent.len;
}

static enum err find(struct fetch *f, struct fetch_item *it)
{
    struct topic_table *t = &f->call->broker->topics;
    if (by_topic_id(f->call)) {
        return topic_table_find_by_id(t, it->want->topic_id, it->want->index, &it->part);
    }
    return topic_table_find(t, it->want->topic, it->want->index, &it->part);
}

static void try_all(struct fetch *f)
{
    f->found_bytes = 0;
    f->has_error = false;
    f->hidden_count = 0;
    for (int32_t i = 0; i < f->item_count; i++) {
        struct fetch_item *it = &f->items[i];
        it->extent = (struct log_extent){0};
        it->diverging_end_off = -1;
        it->is_hidden = false;
        it->err = it->part ? OK : find(f, it);
        it->is_found = it->err == OK;
        if (!it->err) {
            read_item(f, it);
        }
        f->has_error |= it->err != OK || it->diverging_end_off >= 0;
    }
}

static void drop_extents(struct fetch *f)
{
    for (int32_t i = 0; i < f->item_count; i++) {
        log_extent_release(&f->items[i].extent);
        f->items[i].extent = (struct log_extent){0};
    }
}

/* --- the response --- */

/* Aborted transactions of an answer, as they are gathered. */
struct aborted {
    struct call *call;
    struct fetch_resp_aborted_transaction *v;
    int32_t count, cap;
    bool is_short_of_memory;
};

static void add_aborted(void *ctx, const struct log_aborted *a)
{
    struct aborted *all = ctx;
    void *v =
        all->count < all->cap ? all->v : api_grow(all->call, all->v, sizeof *all->v, &all->cap);
    if (v == NULL) {
        all->is_short_of_memory = true;
        return;
    }
    all->v = v;
    all->v[all->count++] = (struct fetch_resp_aborted_transaction){a->producer_id, a->first_off};
}

static int by_first_offset(const void *a, const void *b)
{
    int64_t x = ((const struct fetch_resp_aborted_transaction *)a)->first_offset;
    int64_t y = ((const struct fetch_resp_aborted_transaction *)b)->first_offset;
    return (x > y) - (x < y);
}

/* Which records of the extent a read_committed consumer has to skip: sorted by first offset,
 * because consumers walk the list as they walk the records. */
static enum err fill_aborted(struct fetch *f, const struct fetch_item *it,
                             struct fetch_resp_partition_data *out)
{
    static struct fetch_resp_aborted_transaction none[1];
    struct aborted all = {.call = f->call, .v = none};
    enum err e =
        log_each_aborted(it->part->log, it->want->off, it->view.last_stable_off, add_aborted, &all);
    if (all.is_short_of_memory) {
        e = ERR_NO_MEMORY;
    }
    if (!e) {
        qsort(all.v, (size_t)all.count, sizeof *all.v, by_first_offset);
        out->aborted_transactions = all.v;
        out->aborted_transactions_count = all.count;
    }
    return e;
}

static bool has_news(const struct fetch *f, const struct fetch_item *it)
{
    return !f->is_incremental || it->err || it->extent.len > 0 || it->diverging_end_off >= 0 ||
           it->want->told_high_watermark != it->view.high_watermark.off ||
           it->want->told_start_off != it->view.start_off;
}

static void fill_partition(struct fetch *f, struct fetch_item *it,
                           struct fetch_resp_partition_data *out)
{
    *out = fetch_resp_partition_data_default;
    out->partition_index = it->want->index;
    out->aborted_transactions_count = it->is_found ? -1 : 0;
    if (!it->err && f->req->isolation_level == READ_COMMITTED) {
        it->err = fill_aborted(f, it, out);
    }
    out->error_code = api_error(it->err);
    out->high_watermark = -1;
    out->records = (struct wire_records){.p = (const uint8_t *)""};
    if (it->err) {
        return;
    }
    out->high_watermark = it->want->told_high_watermark = it->view.high_watermark.off;
    out->last_stable_offset = it->view.last_stable_off;
    out->log_start_offset = it->want->told_start_off = it->view.start_off;
    if (it->diverging_end_off >= 0) {
        out->diverging_epoch.epoch = it->diverging_epoch;
        out->diverging_epoch.end_offset = it->diverging_end_off;
    }
    if (it->extent.len > 0) {
        out->records.ref = call_take_extent(f->call, &it->extent);
        out->records.len = it->extent.len;
        it->extent = (struct log_extent){0};
        it->has_data = true;
    }
}

static bool same_topic(const struct fetch_part *a, const struct fetch_part *b)
{
    return str_eq(a->topic, b->topic) && uuid_eq(a->topic_id, b->topic_id);
}

/* Topics hold runs of neighbours, so the order of partitions is that of the items. */
static bool fill(struct fetch *f, struct fetch_resp *resp)
{
    struct call *c = f->call;
    struct fetch_resp_fetchable_topic_response *topic = NULL;
    const struct fetch_part *last = NULL;
    struct fetch_resp_partition_data *parts =
        CALL_ARRAY(c, struct fetch_resp_partition_data, f->item_count);
    resp->responses = CALL_ARRAY(c, struct fetch_resp_fetchable_topic_response, f->item_count);
    if (parts == NULL || resp->responses == NULL) {
        return false;
    }
    for (int32_t i = 0; i < f->item_count; i++) {
        struct fetch_item *it = &f->items[i];
        if (!has_news(f, it)) {
            continue;
        }
        if (last == NULL || !same_topic(last, it->want)) {
            topic = &resp->responses[resp->responses_count++];
            *topic = fetch_resp_fetchable_topic_response_default;
            topic->topic = it->want->topic.p ? it->want->topic : STR("");
            topic->topic_id = it->want->topic_id;
            topic->partitions = parts;
        }
        last = it->want;
        fill_partition(f, it, parts++);
        topic->partitions_count++;
    }
    return true;
}

/* Those that gave data go to the end of the order, so that all get their turn. */
static void rotate(struct fetch *f)
{
    for (int32_t i = 0; f->session != NULL && i < f->item_count; i++) {
        if (f->items[i].has_data) {
            fetch_session_served(f->session, f->items[i].want);
        }
    }
}

static void finish(struct fetch *f)
{
    struct call *c = f->call;
    struct broker *b = c->broker;
    struct fetch_session *session = f->session;
    struct loop *loop = call_loop(c);
    struct fetch_resp resp = fetch_resp_default;
    resp.session_id = session ? session->id : FETCH_SESSION_NONE;
    bool has_room = fill(f, &resp);
    drop_extents(f);
    rotate(f);
    for (int32_t i = 0; i < f->item_count; i++) {
        partition_unref(f->items[i].part);
    }
    call_reply(c, has_room ? &resp : NULL);
    if (session != NULL) {
        fetch_session_release(b->fetch_sessions, session, loop_now_ms(loop));
    }
}

/* --- cold data --- */

static void on_warm(struct warm_job *job) { finish(CONTAINER_OF(job, struct fetch, warm)); }

/* True if something has to be read from the disk first; finish comes later then. */
static bool warm_up(struct fetch *f)
{
    f->warm = (struct warm_job){.loop = call_loop(f->call), .done = on_warm};
    for (int32_t i = 0; i < f->item_count; i++) {
        struct log_extent *x = &f->items[i].extent;
        if (x->len == 0 || !log_extent_is_cold(x, &f->items[i].want->hint)) {
            continue;
        }
        f->warm.extents = f->warm.extents
                              ? f->warm.extents
                              : CALL_ARRAY(f->call, const struct log_extent *, f->item_count);
        if (f->warm.extents == NULL) {
            return false; /* no memory to be kind with */
        }
        f->warm.extents[f->warm.count++] = x;
    }
    if (f->warm.count > 0) {
        warmer_queue(f->call->broker->warmer, &f->warm);
    }
    return f->warm.count > 0;
}

static void on_found(struct warm_job *job);

/* Has what hides looked for, and read, by those who may wait. False: there is no memory for it. */
static bool look(struct fetch *f)
{
    struct warm_read *reads = CALL_ARRAY(f->call, struct warm_read, f->hidden_count);
    if (reads == NULL) {
        return false;
    }
    f->warm = (struct warm_job){.loop = call_loop(f->call), .done = on_found, .reads = reads};
    f->found_bytes = 0;
    f->may_wait = true;
    for (int32_t i = 0; i < f->item_count; i++) {
        const struct fetch_item *it = &f->items[i];
        if (it->is_hidden) {
            reads[f->warm.read_count++] =
                (struct warm_read){it->part->log, read_of(f, it), it->want->hint};
        }
    }
    drop_extents(f);
    warmer_queue(f->call->broker->warmer, &f->warm);
    return true;
}

static void conclude(struct fetch *f)
{
    if (!warm_up(f)) {
        finish(f);
    }
}

/* --- waiting --- */

static bool is_enough(const struct fetch *f)
{
    int32_t min_bytes = MIN(f->req->min_bytes, answer_max_bytes(f));
    return f->has_error || f->item_count == 0 || (int64_t)f->found_bytes >= min_bytes;
}

static void on_moved(struct wait *w, bool timed_out);

/* False if there is no memory to wait with. */
static bool wait_for_more(struct fetch *f)
{
    f->wait.waiters =
        f->wait.waiters ? f->wait.waiters : CALL_ARRAY(f->call, struct waiter, f->item_count);
    if (f->wait.waiters == NULL) {
        return false;
    }
    f->wait.waiter_count = f->item_count;
    f->wait.done = on_moved;
    for (int32_t i = 0; i < f->item_count; i++) {
        struct fetch_item *it = &f->items[i];
        f->wait.waiters[i] =
            (struct waiter){.part = it->part, .need_off = it->view.high_watermark.off + 1};
    }
    drop_extents(f);
    wait_start(&f->wait, call_loop(f->call), 1, f->deadline_ms);
    return true;
}

static void go(struct fetch *f, bool is_over)
{
    try_all(f);
    if (f->hidden_count > 0) {
        if (look(f)) {
            return;
        }
        drop_extents(f);
        f->may_wait = true;
        try_all(f);
    }
    f->may_wait = false;
    if (is_over || is_enough(f) || !wait_for_more(f)) {
        conclude(f);
    }
}

static void on_found(struct warm_job *job)
{
    struct fetch *f = CONTAINER_OF(job, struct fetch, warm);
    go(f, loop_now_ms(call_loop(f->call)) >= f->deadline_ms);
}

static void on_moved(struct wait *w, bool timed_out)
{
    struct fetch *f = CONTAINER_OF(w, struct fetch, wait);
    go(f, timed_out || loop_now_ms(call_loop(f->call)) >= f->deadline_ms);
}

/* --- from the request to items --- */

static struct fetch_part want_of(const struct call *c, const struct fetch_req_fetch_topic *topic,
                                 const struct fetch_req_fetch_partition *in)
{
    return (struct fetch_part){
        .topic = by_topic_id(c) ? STR_NULL : topic->topic,
        .topic_id = topic->topic_id,
        .index = in->partition,
        .max_bytes = in->partition_max_bytes,
        .leader_epoch = MAX(in->current_leader_epoch, NO_LEADER_EPOCH),
        .last_fetched_epoch = MAX(in->last_fetched_epoch, NO_LEADER_EPOCH),
        .off = in->fetch_offset,
        .told_high_watermark = -1,
        .told_start_off = -1,
    };
}

static int32_t count_partitions(const struct fetch_req *req)
{
    int32_t n = 0;
    for (int32_t t = 0; t < req->topics_count; t++) {
        n += req->topics[t].partitions_count;
    }
    return n;
}

/* The request's own list, without a session. */
static bool items_of_request(struct fetch *f)
{
    int32_t count = count_partitions(f->req);
    struct fetch_part *wants = CALL_ARRAY(f->call, struct fetch_part, count);
    f->items = CALL_ARRAY(f->call, struct fetch_item, count);
    if (wants == NULL || f->items == NULL) {
        return false;
    }
    for (int32_t t = 0; t < f->req->topics_count; t++) {
        const struct fetch_req_fetch_topic *topic = &f->req->topics[t];
        for (int32_t i = 0; i < topic->partitions_count; i++) {
            wants[f->item_count] = want_of(f->call, topic, &topic->partitions[i]);
            f->items[f->item_count].want = &wants[f->item_count];
            f->item_count++;
        }
    }
    return true;
}

static bool update_session(struct fetch *f)
{
    for (int32_t t = 0; t < f->req->topics_count; t++) {
        const struct fetch_req_fetch_topic *topic = &f->req->topics[t];
        for (int32_t i = 0; i < topic->partitions_count; i++) {
            struct fetch_part want = want_of(f->call, topic, &topic->partitions[i]);
            if (fetch_session_put(f->session, &want) == NULL) {
                return false;
            }
        }
    }
    for (int32_t t = 0; f->is_incremental && t < f->req->forgotten_topics_data_count; t++) {
        const struct fetch_req_forgotten_topic *gone = &f->req->forgotten_topics_data[t];
        for (int32_t i = 0; i < gone->partitions_count; i++) {
            fetch_session_forget(f->session, by_topic_id(f->call) ? STR_NULL : gone->topic,
                                 gone->topic_id, gone->partitions[i]);
        }
    }
    return true;
}

/* All that the session follows, in its order. */
static bool items_of_session(struct fetch *f)
{
    if (!update_session(f)) {
        return false;
    }
    f->items = CALL_ARRAY(f->call, struct fetch_item, f->session->parts.count);
    if (f->items == NULL) {
        return false;
    }
    LIST_EACH(&f->session->order, n, tmp) {
        f->items[f->item_count++].want = LIST_ENTRY(n, struct fetch_part, order);
    }
    return true;
}

/* KIP-227's table of (session id, epoch). */
static enum err choose_session(struct fetch *f)
{
    struct fetch_sessions *s = f->call->broker->fetch_sessions;
    const struct fetch_req *req = f->req;
    bool is_full =
        req->session_epoch == FETCH_EPOCH_FIRST || req->session_epoch == FETCH_EPOCH_FINAL;
    if (!is_full) {
        f->is_incremental = true;
        return fetch_session_take(s, req->session_id, req->session_epoch, by_topic_id(f->call),
                                  &f->session);
    }
    if (req->session_id != FETCH_SESSION_NONE) {
        fetch_session_close(s, req->session_id);
    }
    if (req->session_epoch == FETCH_EPOCH_FIRST) {
        f->session = fetch_session_open(s, by_topic_id(f->call), count_partitions(req),
                                        loop_now_ms(call_loop(f->call)));
    }
    return OK;
}

static void refuse(struct call *c, enum err e)
{
    struct fetch_resp resp = fetch_resp_default;
    resp.error_code = api_error(e);
    call_reply(c, &resp);
}

void api_fetch(struct call *c, const void *request)
{
    struct fetch *f = CALL_NEW(c, struct fetch);
    if (f == NULL) {
        call_fail(c, "out of memory");
        return;
    }
    f->call = c;
    f->req = request;
    enum err e = choose_session(f);
    if (e) {
        refuse(c, e);
        return;
    }
    if (!(f->session ? items_of_session(f) : items_of_request(f))) {
        f->item_count = 0;
        finish(f);
        return;
    }
    f->deadline_ms = loop_now_ms(call_loop(c)) + MAX(f->req->max_wait_ms, 0);
    go(f, f->req->max_wait_ms <= 0);
}
