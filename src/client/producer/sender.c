/* What is to be asked for the batches that are ready, and what the answers do to them. Pure. See
 * accumulator.h. */
#include "client/producer/accumulator_int.h"

#include "base/assert.h"
#include "base/attr.h"
#include "base/mem.h"
#include "client/error.h"

enum { PRODUCE_VERSION_MAX = 13, PRODUCE_VERSION_NAMES = 12, PRODUCE_VERSION_V1_MAX = 11 };
enum { PRODUCE_VERSION_MIN = 3, PRODUCE_VERSION_ZSTD = 7 };

static void fail_batch(struct accumulator *acc, struct acc_batch *b, int code, bool is_known)
{
    struct acc_queue *q = b->queue;
    order_failed(acc, b, code, is_known);
    acc_end_batch(acc, b, code, -1);
    order_settle(acc, q);
}

/* --- what is at its end without an answer --- */

static void expire(struct accumulator *acc, struct acc_queue *q, int64_t now_ms)
{
    LIST_EACH(&q->batches, n, tmp) {
        struct acc_batch *b = LIST_ENTRY(n, struct acc_batch, node);
        if (b->deadline_ms > now_ms) {
            break;
        }
        if (!b->is_asked) {
            words_of_delay(b);
            fail_batch(acc, b, ERR_REQUEST_TIMED_OUT, false);
            break; /* the others at the next look: this may have ended some of them */
        }
    }
}

static bool may_expire(const struct acc_queue *q, int64_t now_ms)
{
    const struct acc_batch *b = acc_first(q);
    return b != NULL && b->deadline_ms <= now_ms;
}

static void expire_all(struct accumulator *acc, int64_t now_ms)
{
    LIST_EACH(&acc->active, n, tmp) {
        struct acc_queue *q = LIST_ENTRY(n, struct acc_queue, node);
        for (int32_t i = q->count; i > 0 && may_expire(q, now_ms); i--) {
            expire(acc, q, now_ms);
        }
    }
}

/* A transaction that is aborted takes no more; batches that have sequences go on, so that these
 * have no gap. After what is fatal nothing goes on. */
static void give_up(struct accumulator *acc, int code)
{
    if (acc->txn.state == TXN_FATAL) {
        acc_fail_all(acc, code);
        return;
    }
    LIST_EACH(&acc->active, n, tmp) {
        struct acc_queue *q = LIST_ENTRY(n, struct acc_queue, node);
        LIST_EACH(&q->batches, at, next) {
            struct acc_batch *b = LIST_ENTRY(at, struct acc_batch, node);
            if (!b->is_asked && (b->sequence < 0 || order_is_lost(acc, q))) {
                acc_end_batch(acc, b, code, -1);
            }
        }
    }
}

/* --- what to ask --- */

static bool may_send(struct accumulator *acc, const struct acc_queue *q, int64_t now_ms)
{
    bool has_leave = !acc_is_idempotent(acc) || txn_may_send(&acc->txn, &q->part);
    return has_leave && q->leader >= 0 && q->retry_at_ms <= now_ms &&
           acc_node(acc, q->leader)->throttled_until_ms <= now_ms;
}

static void note_full(struct accumulator *acc, const struct acc_queue *q, int64_t now_ms)
{
    struct acc_node *node = acc_node(acc, q->leader);
    if (node->full_since_ms == 0) {
        node->full_since_ms = now_ms;
    }
}

static void add_to_ask(struct accumulator *acc, struct produce_ask *a, struct acc_batch *b,
                       int64_t now_ms)
{
    a->batches = mem_realloc_array(a->batches, a->count + 1, sizeof(struct acc_batch *));
    a->batches[a->count++] = b;
    a->deadline_ms = MIN(a->deadline_ms, b->deadline_ms);
    b->is_asked = b->is_closed = true;
    b->queue->usual_bytes = b->bytes;
    b->queue->usual_count = b->count;
    b->queue->asked++;
    order_place(acc, b);
    if (b->tries == 0) {
        acc->metrics.queue_ms += now_ms - b->made_ms;
    }
}

/* One request: the ready batches of one node, one a partition, as far as max.request.size goes. */
struct gather {
    struct produce_ask *ask;
    size_t bytes;
    int64_t now_ms;
};

static bool gather(struct accumulator *acc, struct acc_queue *q, struct gather *g)
{
    if (!may_send(acc, q, g->now_ms) || (g->ask != NULL && g->ask->to_node != q->leader)) {
        return false;
    }
    struct acc_batch *b = order_next(acc, q);
    if (b == NULL || !acc_is_ready(acc, b, g->now_ms) ||
        (g->ask != NULL && g->bytes + b->bytes > (size_t)acc->config->max_request_size)) {
        return false;
    }
    if (!acc_has_room(acc, q)) {
        note_full(acc, q, g->now_ms);
        return false;
    }
    if (g->ask == NULL) {
        g->ask = ask_new(PRODUCE_BATCHES, CALL_NODE);
        g->ask->to_node = q->leader;
    }
    g->bytes += b->bytes;
    add_to_ask(acc, g->ask, b, g->now_ms);
    return true;
}

static void describe(const struct accumulator *acc, struct produce_ask *a)
{
    const struct txn *t = &acc->txn;
    bool has_ids = true;
    a->topics = ask_array(a, a->count, sizeof *a->topics);
    for (size_t i = 0; i < a->count; i++) {
        const struct acc_topic *topic = a->batches[i]->queue->topic;
        a->topics[i] = (struct topic_ref){str_from(topic->name), topic->id};
        has_ids = has_ids && !uuid_is_zero(topic->id);
    }
    a->api_key = API_PRODUCE;
    a->version_lo = t->is_transactional && t->is_v2 ? PRODUCE_VERSION_NAMES
                    : acc->codec == CODEC_ZSTD      ? PRODUCE_VERSION_ZSTD
                                                    : PRODUCE_VERSION_MIN;
    a->version_hi = t->is_transactional && !t->is_v2 ? PRODUCE_VERSION_V1_MAX
                    : has_ids                        ? PRODUCE_VERSION_MAX
                                                     : PRODUCE_VERSION_NAMES;
    a->req.produce = produce_req_default;
    a->req.produce.transactional_id =
        t->is_transactional ? str_from(acc->config->transactional_id) : STR_NULL;
    a->req.produce.acks = acc->acks;
    a->req.produce.timeout_ms = acc->config->request_timeout_ms;
}

static struct produce_ask *next_batches(struct accumulator *acc, int64_t now_ms)
{
    struct gather g = {.now_ms = now_ms};
    struct list taken;
    list_init(&taken);
    LIST_EACH(&acc->active, n, tmp) {
        struct acc_queue *q = LIST_ENTRY(n, struct acc_queue, node);
        if (gather(acc, q, &g)) { /* the others come first next time */
            list_remove(n);
            list_push_back(&taken, n);
        }
    }
    list_splice_back(&acc->active, &taken);
    if (g.ask != NULL) {
        struct acc_node *node = acc_node(acc, g.ask->to_node);
        describe(acc, g.ask);
        g.ask->sent_ms = now_ms;
        node->asked++;
        node->full_since_ms = 0;
        acc->metrics.requests++;
    }
    return g.ask;
}

struct produce_ask *acc_next(struct accumulator *acc, int64_t now_ms)
{
    int code = txn_giving_up(&acc->txn);
    acc->now_ms = now_ms;
    expire_all(acc, now_ms);
    if (code) {
        give_up(acc, code);
    }
    if (acc_is_idempotent(acc) && !acc->txn.is_transactional && acc->open > 0 && acc->txn.id < 0) {
        (void)txn_start(&acc->txn);
    }
    struct produce_ask *a = acc_ask_metadata(acc, now_ms);
    a = a ? a : txn_next(&acc->txn, acc->open > 0, now_ms);
    return a ? a : next_batches(acc, now_ms);
}

/* --- bytes --- */

/* A connection may still have the bytes of an earlier try. */
static void unshare(struct acc_batch *b)
{
    if (parcel_is_shared(b->parcel)) {
        struct parcel *own = parcel_new();
        buf_put(&own->buf, b->parcel->buf.p, b->parcel->buf.len);
        parcel_unref(b->parcel);
        b->parcel = own;
    }
}

/* Complete, with its place in the producer's sequence, which may be another than last time. */
static enum err seal(struct acc_batch *b)
{
    struct batch head;
    if (!b->is_sealed) {
        if (b->sequence >= 0) {
            b->builder.head.producer_id = b->producer_id;
            b->builder.head.producer_epoch = b->producer_epoch;
            b->builder.head.base_seq = b->sequence;
        }
        enum err e = batch_builder_finish(&b->builder);
        b->is_sealed = !e;
        return e;
    }
    enum err e = batch_parse(buf_bytes(&b->parcel->buf), &head);
    if (!e && b->sequence >= 0 &&
        (head.base_seq != b->sequence || head.producer_id != b->producer_id ||
         head.producer_epoch != b->producer_epoch)) {
        head.producer_id = b->producer_id;
        head.producer_epoch = b->producer_epoch;
        head.base_seq = b->sequence;
        unshare(b);
        batch_write_header(b->parcel->buf.p, &head);
    }
    return e;
}

void ask_seal(struct produce_ask *a)
{
    struct produce_req_topic_produce_data *topics = ask_array(a, a->count, sizeof *topics);
    struct produce_req_partition_produce_data *parts = ask_array(a, a->count, sizeof *parts);
    a->req.produce.topic_data = topics;
    for (size_t i = 0; i < a->count; i++) {
        struct acc_batch *b = a->batches[i];
        b->code = seal(b);
        if (b->code) {
            continue;
        }
        int32_t at = a->req.produce.topic_data_count++;
        a->topics[at] = a->topics[i];
        parts[at].index = b->queue->partition;
        parts[at].records = (struct wire_records){b->parcel->buf.p, b->parcel->buf.len, b->parcel};
        topics[at] = produce_req_topic_produce_data_default;
        topics[at].partition_data = &parts[at];
        topics[at].partition_data_count = 1;
    }
}

void produce_fit(void *msg, int version)
{
    struct produce_ask *a = CONTAINER_OF(msg, struct produce_ask, req);
    if (a->kind == PRODUCE_METADATA && version < 4) {
        a->req.metadata.allow_auto_topic_creation = true; /* there is no such field yet */
    }
    for (int32_t i = 0; a->kind == PRODUCE_BATCHES && i < a->req.produce.topic_data_count; i++) {
        bool by_id = version > PRODUCE_VERSION_NAMES;
        a->req.produce.topic_data[i].name = by_id ? STR("") : a->topics[i].name;
        a->req.produce.topic_data[i].topic_id = by_id ? a->topics[i].id : UUID_ZERO;
    }
}

/* --- what came of it --- */

static bool is_about(const struct produce_resp_topic_produce_response *r, const struct acc_topic *t)
{
    return r->name.len > 0 ? str_eq(r->name, str_from(t->name)) : uuid_eq(r->topic_id, t->id);
}

static const struct produce_resp_partition_produce_response *find_answer(
    const struct produce_resp *resp, const struct acc_queue *q)
{
    for (int32_t i = 0; i < resp->responses_count; i++) {
        const struct produce_resp_topic_produce_response *r = &resp->responses[i];
        bool is_it = is_about(r, q->topic);
        for (int32_t k = 0; is_it && k < r->partition_responses_count; k++) {
            if (r->partition_responses[k].index == q->partition) {
                return &r->partition_responses[k];
            }
        }
    }
    return NULL;
}

/* KIP-951: the old leader says who the new one is. */
static bool learn_leader(struct acc_queue *q, const struct produce_resp_leader_id_and_epoch *leader)
{
    if (leader->leader_id < 0 || leader->leader_epoch <= q->leader_epoch) {
        return false;
    }
    q->leader = leader->leader_id;
    q->leader_epoch = leader->leader_epoch;
    return true;
}

static void retry_batch(struct accumulator *acc, struct acc_batch *b, int code, bool knows_leader,
                        int64_t now_ms)
{
    struct acc_queue *q = b->queue;
    b->tries++;
    acc->metrics.record_retry += b->count;
    b->met = code;
    q->retry_at_ms = knows_leader ? now_ms : now_ms + acc_pause_ms(acc, b->tries);
    q->topic->needs_metadata = true;
    acc->topics_due_ms = 0;
}

static void count_written(struct accumulator *acc, const struct acc_batch *b)
{
    acc->metrics.batches++;
    acc->metrics.batch_bytes += (int64_t)b->parcel->buf.len;
    acc->metrics.plain_bytes += (int64_t)b->bytes;
}

static void take_refusal(struct accumulator *acc, struct acc_batch *b,
                         const struct produce_resp_partition_produce_response *r, int64_t now_ms)
{
    int code = r->error_code;
    bool knows_leader = learn_leader(b->queue, &r->current_leader);
    if (code == ERR_MESSAGE_TOO_LARGE && b->code == 0 && !order_is_lost(acc, b->queue) &&
        acc_split(acc, b, now_ms)) {
        return;
    }
    bool has_tries = b->tries < acc->config->retries && now_ms < b->deadline_ms;
    bool is_passing =
        acc->txn.state != TXN_FATAL && order_retries(acc, b, code, r->log_start_offset);
    if (is_passing && has_tries) {
        retry_batch(acc, b, code, knows_leader, now_ms);
    } else {
        words_of_answer(b, r);
        fail_batch(acc, b, code, !is_passing);
    }
}

static void take_batch(struct accumulator *acc, struct acc_batch *b,
                       const struct produce_resp_partition_produce_response *r, int64_t now_ms)
{
    struct acc_queue *q = b->queue;
    b->is_asked = false;
    q->asked--;
    if (r->error_code != 0 && r->error_code != ERR_DUPLICATE_SEQUENCE_NUMBER) {
        take_refusal(acc, b, r, now_ms);
    } else { /* a duplicate: an earlier try did it */
        bool is_told = r->error_code == 0 && acc->acks != 0;
        b->append_ms = r->log_append_time_ms;
        order_written(b, is_told ? r->base_offset : -1);
        count_written(acc, b);
        acc_end_batch(acc, b, 0, is_told ? r->base_offset : -1);
    }
    order_settle(acc, q);
}

static void count_request(struct accumulator *acc, const struct produce_ask *a, int64_t now_ms)
{
    int64_t ms = now_ms - a->sent_ms;
    acc->metrics.request_latency_ms += ms;
    acc->metrics.request_latency_max_ms = MAX(acc->metrics.request_latency_max_ms, ms);
}

/* KIP-219: the broker has answered already, and wants to be left alone for a while; those of old
 * have kept the answer back for so long. */
static void take_throttle(struct accumulator *acc, const struct produce_ask *a, int32_t ms,
                          int64_t now_ms)
{
    struct acc_node *node = acc_node(acc, a->to_node);
    metric_time(&acc->metrics.throttles, ms);
    if (ms > 0 && !a->kept_back) {
        node->throttled_until_ms = now_ms + ms;
    }
}

/* What a batch has met of which no answer speaks: nothing, where none was asked for. */
static int unanswered(const struct accumulator *acc, const struct acc_batch *b, enum err e,
                      int64_t now_ms)
{
    if (b->code) {
        return b->code;
    }
    if (e == ERR_NETWORK_EXCEPTION && now_ms >= b->deadline_ms) {
        return ERR_REQUEST_TIMED_OUT; /* as of those that were not on their way */
    }
    if (e) {
        return (int)e;
    }
    return acc->acks == 0 ? 0 : ERR_UNKNOWN_SERVER_ERROR;
}

static void take_produce(struct accumulator *acc, struct produce_ask *a, enum err e,
                         const struct produce_resp *resp, int64_t now_ms)
{
    struct acc_node *node = acc_node(acc, a->to_node);
    node->asked--;
    e = e == ERR_REQUEST_TIMED_OUT ? ERR_NETWORK_EXCEPTION : e;
    count_request(acc, a, now_ms);
    bool is_answered = !e && resp && acc->acks != 0;
    if (is_answered) {
        take_throttle(acc, a, resp->throttle_time_ms, now_ms);
    }
    for (size_t i = 0; i < a->count; i++) {
        struct acc_batch *b = a->batches[i];
        const struct produce_resp_partition_produce_response *r =
            is_answered && !b->code ? find_answer(resp, b->queue) : NULL;
        struct produce_resp_partition_produce_response mine =
            produce_resp_partition_produce_response_default;
        mine.error_code = (int16_t)unanswered(acc, b, e, now_ms);
        mine.error_message = e && a->why && !b->code ? str_from(a->why) : STR_NULL;
        take_batch(acc, b, r ? r : &mine, now_ms);
    }
}

void acc_take(struct accumulator *acc, struct produce_ask *a, enum err e,
              const union produce_answer *resp, int64_t now_ms)
{
    struct txn *t = &acc->txn;
    switch (a->kind) {
    case PRODUCE_METADATA:
        acc_take_metadata(acc, a, e, resp ? &resp->metadata : NULL, now_ms);
        break;
    case PRODUCE_BATCHES:
        take_produce(acc, a, e, resp ? &resp->produce : NULL, now_ms);
        break;
    default:
        txn_take(t, a, e, resp, now_ms);
        if (!t->is_transactional && t->state == TXN_NONE && t->code) {
            acc_fail_all(acc, t->code);
        }
    }
    ask_free(a);
}

/* --- when next --- */

static int64_t queue_deadline_ms(const struct accumulator *acc, const struct acc_queue *q,
                                 int64_t now_ms)
{
    int64_t at_ms = INT64_MAX;
    LIST_EACH(&q->batches, n, tmp) {
        const struct acc_batch *b = LIST_ENTRY(n, struct acc_batch, node);
        if (b->is_asked) {
            continue;
        }
        bool lingers = acc->config->linger_ms < INT64_MAX - b->made_ms;
        int64_t due_ms = q->retry_at_ms > now_ms ? q->retry_at_ms
                         : lingers               ? b->made_ms + acc->config->linger_ms
                                                 : INT64_MAX;
        at_ms = MIN(b->deadline_ms, due_ms > now_ms ? due_ms : INT64_MAX);
        break; /* those behind it are younger */
    }
    return at_ms;
}

int64_t acc_deadline_ms(const struct accumulator *acc, int64_t now_ms)
{
    int64_t at_ms = acc->topics_due_ms;
    LIST_EACH(&acc->active, n, tmp) {
        at_ms = MIN(at_ms, queue_deadline_ms(acc, LIST_ENTRY(n, struct acc_queue, node), now_ms));
    }
    for (int i = 0; i < acc->node_count; i++) {
        int64_t until = acc->nodes[i].throttled_until_ms;
        at_ms = until > now_ms ? MIN(at_ms, until) : at_ms;
    }
    return acc->txn.retry_at_ms > now_ms ? MIN(at_ms, acc->txn.retry_at_ms) : at_ms;
}
