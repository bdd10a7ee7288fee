/* Batches from their first record to their end. Pure. See accumulator.h. */
#include "client/accumulator.h"

#include "base/assert.h"
#include "base/attr.h"
#include "base/mem.h"
#include "client/backoff.h"
#include "client/call.h"
#include "client/error.h"

#include <stdlib.h>

enum { METADATA_VERSION_MAX = 13, PRODUCE_VERSION_MAX = 13, PRODUCE_VERSION_NAMES = 12 };
enum { PRODUCE_VERSION_MIN = 3, PRODUCE_VERSION_ZSTD = 7, ID_VERSION_MAX = 5 };

static bool is_idempotent(const struct accumulator *acc)
{
    return acc->config->enable_idempotence && acc->acks == -1;
}

static int64_t pause_ms(struct accumulator *acc, int failures)
{
    return backoff_ms(acc->config->retry_backoff_ms, acc->config->retry_backoff_max_ms, failures,
                      &acc->rand);
}

/* --- topics and queues --- */

struct acc_topic *acc_topic(struct accumulator *acc, const char *name)
{
    LIST_EACH(&acc->topics, n, tmp) {
        struct acc_topic *t = LIST_ENTRY(n, struct acc_topic, node);
        if (strcmp(t->name, name) == 0) {
            return t;
        }
    }
    struct acc_topic *t = NEW(struct acc_topic);
    t->name = str_dup(str_from(name));
    t->sticky.partition = -1;
    t->needs_metadata = true;
    list_push_back(&acc->topics, &t->node);
    return t;
}

static void grow(struct acc_topic *t, int32_t count)
{
    if (count <= t->count) {
        return;
    }
    t->queues = mem_realloc_array(t->queues, (size_t)count, sizeof(struct acc_queue *));
    for (; t->count < count; t->count++) {
        struct acc_queue *q = NEW(struct acc_queue);
        q->topic = t;
        q->partition = t->count;
        q->leader = -1;
        list_init(&q->batches);
        t->queues[t->count] = q;
    }
}

static struct acc_batch *first_of(const struct acc_queue *q)
{
    struct list_node *n = list_front(&q->batches);
    return n ? LIST_ENTRY(n, struct acc_batch, node) : NULL;
}

/* --- records in --- */

static struct acc_batch *open_batch(struct accumulator *acc, struct acc_queue *q, size_t bytes,
                                    int64_t now_ms)
{
    struct list_node *last = list_is_empty(&q->batches) ? NULL : q->batches.head.prev;
    struct acc_batch *b = last ? LIST_ENTRY(last, struct acc_batch, node) : NULL;
    if (b != NULL && !b->is_closed && b->bytes + bytes <= (size_t)acc->config->batch_size) {
        return b;
    }
    if (b != NULL) {
        b->is_closed = true;
    }
    b = NEW(struct acc_batch);
    b->queue = q;
    b->records = BUF_INIT;
    b->made_ms = now_ms;
    b->deadline_ms = now_ms + acc->config->delivery_timeout_ms;
    b->sequence = -1;
    b->base_off = -1;
    struct batch head = {.base_ts_ms = NO_TIMESTAMP,
                         .leader_epoch = -1,
                         .producer_id = NO_PRODUCER_ID,
                         .producer_epoch = -1,
                         .base_seq = -1};
    batch_builder_init(&b->builder, &b->records, &head, acc->codec, acc->level);
    list_push_back(&q->batches, &b->node);
    return b;
}

static void put_to(struct acc_batch *b, struct delivery_to to)
{
    if (b->count == b->to_cap) {
        b->to_cap = b->to_cap ? b->to_cap * 2 : 16;
        b->to = mem_realloc_array(b->to, (size_t)b->to_cap, sizeof *b->to);
    }
    b->to[b->count++] = to;
}

static size_t message_bytes(const struct ottla_message *m)
{
    size_t n = 32 + m->key_length + m->value_length; /* lengths, deltas: about */
    for (size_t i = 0; i < m->header_count; i++) {
        n += 8 + m->headers[i].key_length + m->headers[i].value_length;
    }
    return n;
}

static int32_t choose(struct accumulator *acc, struct acc_topic *t, const struct ottla_message *m,
                      size_t bytes)
{
    if (m->partition >= 0) {
        return m->partition;
    }
    if (m->key != NULL && !acc->config->partitioner_ignore_keys) {
        return ottla_partition_for_key(m->key, m->key_length, t->count);
    }
    return sticky_partition(&t->sticky, t->count, bytes, acc->config->batch_size, &acc->rand);
}

bool acc_add(struct accumulator *acc, struct acc_topic *t, const struct ottla_message *m,
             struct delivery_to to, int64_t wall_ms, int64_t now_ms, int *ret_code)
{
    struct buf headers = BUF_INIT;
    size_t bytes = message_bytes(m);
    int32_t partition = choose(acc, t, m, bytes);
    *ret_code = bytes > (size_t)acc->config->max_request_size ? ERR_MESSAGE_TOO_LARGE
                : partition >= t->count                       ? ERR_UNKNOWN_TOPIC_OR_PARTITION
                                                              : 0;
    if (*ret_code) {
        return false;
    }
    struct acc_batch *b = open_batch(acc, t->queues[partition], bytes, now_ms);
    for (size_t i = 0; i < m->header_count; i++) {
        const struct ottla_header *h = &m->headers[i];
        record_put_header(&headers, (struct bytes){(const uint8_t *)h->key, h->key_length},
                          (struct bytes){h->value, h->value_length});
    }
    batch_builder_add(&b->builder,
                      &(struct record){.off = b->count,
                                       .ts_ms = m->timestamp_ms < 0 ? wall_ms : m->timestamp_ms,
                                       .key = {m->key, m->key_length},
                                       .value = {m->value, m->value_length},
                                       .header_count = (int32_t)m->header_count,
                                       .headers = buf_bytes(&headers)});
    buf_deinit(&headers);
    put_to(b, to);
    b->bytes += bytes;
    acc->bytes += bytes;
    acc->open++;
    return b->count == 1 || b->bytes >= (size_t)acc->config->batch_size;
}

/* --- the end of a batch --- */

static void end_batch(struct accumulator *acc, struct acc_batch *b, int code, int64_t base_off)
{
    list_remove(&b->node);
    b->code = code;
    b->base_off = base_off;
    acc->bytes -= b->bytes;
    acc->open -= b->count;
    list_push_back(&acc->done, &b->node);
}

struct acc_batch *acc_done(struct accumulator *acc)
{
    struct list_node *n = list_pop_front(&acc->done);
    return n ? LIST_ENTRY(n, struct acc_batch, node) : NULL;
}

void acc_free_batch(struct acc_batch *b)
{
    batch_builder_deinit(&b->builder);
    buf_deinit(&b->records);
    mem_free(b->to);
    mem_free(b);
}

typedef void queue_fn(struct accumulator *acc, struct acc_queue *q, void *ctx);

static void each_queue(struct accumulator *acc, queue_fn *fn, void *ctx)
{
    LIST_EACH(&acc->topics, n, tmp) {
        struct acc_topic *t = LIST_ENTRY(n, struct acc_topic, node);
        for (int32_t i = 0; i < t->count; i++) {
            fn(acc, t->queues[i], ctx);
        }
    }
}

static void fail_queue(struct accumulator *acc, struct acc_queue *q, void *ctx)
{
    struct list_node *under_way = q->is_asked ? list_front(&q->batches) : NULL;
    LIST_EACH(&q->batches, n, tmp) {
        if (n != under_way) {
            end_batch(acc, LIST_ENTRY(n, struct acc_batch, node), *(const int *)ctx, -1);
        }
    }
}

void acc_fail_all(struct accumulator *acc, int code) { each_queue(acc, fail_queue, &code); }

static void restart_queue(struct accumulator *acc, struct acc_queue *q, void *ctx)
{
    struct acc_batch *b = first_of(q);
    q->next_sequence = 0;
    if (b != NULL && !q->is_asked) {
        b->sequence = -1;
    }
}

/* A sequence was lost: all begin anew with another producer id. */
static void forget_id(struct accumulator *acc)
{
    acc->producer_id = -1;
    each_queue(acc, restart_queue, NULL);
}

/* --- what to ask --- */

static bool is_ready(const struct accumulator *acc, const struct acc_batch *b, int64_t now_ms)
{
    return b->is_closed || acc->flushes > 0 || b->bytes >= (size_t)acc->config->batch_size ||
           now_ms - b->made_ms >= acc->config->linger_ms ||
           acc->bytes * 2 >= (size_t)acc->config->buffer_memory;
}

static void expire(struct accumulator *acc, struct acc_queue *q, void *ctx)
{
    struct acc_batch *b;
    while (!q->is_asked && (b = first_of(q)) != NULL && b->deadline_ms <= *(const int64_t *)ctx) {
        bool had_sequence = b->sequence >= 0;
        end_batch(acc, b, ERR_REQUEST_TIMED_OUT, -1);
        if (had_sequence) {
            forget_id(acc);
        }
    }
}

static struct produce_ask *ask_new(enum produce_kind kind, int32_t node)
{
    struct produce_ask *a = NEW(struct produce_ask);
    a->kind = kind;
    a->to_node = node;
    arena_init(&a->arena, SIZE_MAX);
    return a;
}

static void *ask_array(struct produce_ask *a, size_t count, size_t size)
{
    void *p = arena_array(&a->arena, count, size);
    ASSERT(p != NULL); /* as mem_alloc: we sized it */
    return p;
}

static struct produce_ask *next_metadata(struct accumulator *acc, int64_t now_ms)
{
    struct metadata_req_metadata_request_topic *topics;
    struct produce_ask *a = NULL;
    int32_t n = 0;
    LIST_EACH(&acc->topics, at, tmp) {
        struct acc_topic *t = LIST_ENTRY(at, struct acc_topic, node);
        n += t->needs_metadata && t->retry_at_ms <= now_ms;
    }
    if (n == 0 || acc->is_asking_metadata) {
        return NULL;
    }
    a = ask_new(PRODUCE_METADATA, -1);
    a->api_key = API_METADATA;
    a->version_lo = 1;
    a->version_hi = METADATA_VERSION_MAX;
    a->req.metadata = metadata_req_default;
    a->req.metadata.allow_auto_topic_creation = acc->config->allow_auto_create_topics;
    a->req.metadata.topics = topics = ask_array(a, (size_t)n, sizeof *topics);
    LIST_EACH(&acc->topics, at, tmp) {
        struct acc_topic *t = LIST_ENTRY(at, struct acc_topic, node);
        if (t->needs_metadata && t->retry_at_ms <= now_ms) {
            struct metadata_req_metadata_request_topic *to =
                &topics[a->req.metadata.topics_count++];
            *to = metadata_req_metadata_request_topic_default;
            to->name = str_from(t->name);
        }
    }
    acc->is_asking_metadata = true;
    return a;
}

static struct produce_ask *next_id(struct accumulator *acc, int64_t now_ms)
{
    if (!is_idempotent(acc) || acc->producer_id >= 0 || acc->is_asking_id || acc->open == 0 ||
        acc->id_retry_at_ms > now_ms) {
        return NULL;
    }
    struct produce_ask *a = ask_new(PRODUCE_ID, -1);
    a->api_key = API_INIT_PRODUCER_ID;
    a->version_hi = ID_VERSION_MAX;
    a->req.id = init_producer_id_req_default;
    a->req.id.transactional_id = STR_NULL;
    a->req.id.transaction_timeout_ms = INT32_MAX;
    acc->is_asking_id = true;
    return a;
}

static void place(struct accumulator *acc, struct acc_batch *b, struct batch *head)
{
    b->sequence = b->queue->next_sequence;
    b->queue->next_sequence = seq_add(b->queue->next_sequence, b->count);
    head->producer_id = acc->producer_id;
    head->producer_epoch = acc->producer_epoch;
    head->base_seq = b->sequence;
}

/* The batch's bytes, complete, with its place in the producer's sequence. */
static enum err seal(struct accumulator *acc, struct acc_batch *b)
{
    b->is_closed = true;
    if (b->builder.out == NULL) {
        return OK; /* it is a retry */
    }
    if (is_idempotent(acc)) {
        place(acc, b, &b->builder.head);
    }
    enum err e = batch_builder_finish(&b->builder);
    b->builder.out = NULL;
    return e;
}

/* A batch that was sealed gets another place: its bytes stay, its header is written anew. */
static void reseal(struct accumulator *acc, struct acc_batch *b)
{
    struct batch head;
    if (!is_idempotent(acc) || b->sequence >= 0 ||
        batch_parse(buf_bytes(&b->records), &head) != OK) {
        return;
    }
    place(acc, b, &head);
    batch_write_header(b->records.p, &head);
}

static int busy_with(const struct accumulator *acc, int32_t node)
{
    int n = 0;
    for (int i = 0; i < acc->busy_count; i++) {
        n += acc->busy_nodes[i] == node;
    }
    return n;
}

static bool may_send(const struct accumulator *acc, const struct acc_queue *q, int64_t now_ms)
{
    const struct acc_batch *b = first_of(q);
    return b != NULL && !q->is_asked && q->leader >= 0 && q->retry_at_ms <= now_ms &&
           is_ready(acc, b, now_ms) && busy_with(acc, q->leader) < acc->config->max_in_flight;
}

static void build_produce(struct accumulator *acc, struct produce_ask *a)
{
    struct produce_req_topic_produce_data *topics = ask_array(a, a->count, sizeof *topics);
    struct produce_req_partition_produce_data *parts = ask_array(a, a->count, sizeof *parts);
    a->topics = ask_array(a, a->count, sizeof *a->topics);
    a->api_key = API_PRODUCE;
    a->version_lo = acc->codec == CODEC_ZSTD ? PRODUCE_VERSION_ZSTD : PRODUCE_VERSION_MIN;
    a->version_hi = PRODUCE_VERSION_MAX;
    a->req.produce = produce_req_default;
    a->req.produce.transactional_id = STR_NULL;
    a->req.produce.acks = acc->acks;
    a->req.produce.timeout_ms = acc->config->request_timeout_ms;
    a->req.produce.topic_data = topics;
    a->req.produce.topic_data_count = (int32_t)a->count;
    for (size_t i = 0; i < a->count; i++) {
        const struct acc_batch *b = a->batches[i];
        a->topics[i] = (struct topic_ref){str_from(b->queue->topic->name), b->queue->topic->id};
        parts[i].index = b->queue->partition;
        parts[i].records = (struct wire_records){b->records.p, b->records.len, NULL};
        topics[i] = produce_req_topic_produce_data_default;
        topics[i].partition_data = &parts[i];
        topics[i].partition_data_count = 1;
        if (uuid_is_zero(a->topics[i].id)) {
            a->version_hi = PRODUCE_VERSION_NAMES;
        }
    }
}

void produce_fit(void *msg, int version)
{
    struct produce_ask *a = CONTAINER_OF(msg, struct produce_ask, req);
    if (a->kind == PRODUCE_METADATA && version < 4) {
        a->req.metadata.allow_auto_topic_creation = true; /* there is no such field yet */
    }
    for (size_t i = 0; a->kind == PRODUCE_BATCHES && i < a->count; i++) {
        bool by_id = version > PRODUCE_VERSION_NAMES;
        a->req.produce.topic_data[i].name = by_id ? STR("") : a->topics[i].name;
        a->req.produce.topic_data[i].topic_id = by_id ? a->topics[i].id : UUID_ZERO;
    }
}

/* One request: the ready batches of one node, as far as max.request.size goes. */
struct gather {
    struct produce_ask *ask;
    size_t bytes;
    int64_t now_ms;
};

static void gather(struct accumulator *acc, struct acc_queue *q, void *ctx)
{
    struct gather *g = ctx;
    struct acc_batch *b = first_of(q);
    if (!may_send(acc, q, g->now_ms) || (g->ask != NULL && g->ask->to_node != q->leader)) {
        return;
    }
    if (g->ask != NULL && g->bytes + b->bytes > (size_t)acc->config->max_request_size) {
        return;
    }
    enum err e = seal(acc, b);
    if (e) {
        end_batch(acc, b, e, -1);
        return;
    }
    reseal(acc, b);
    if (g->ask == NULL) {
        g->ask = ask_new(PRODUCE_BATCHES, q->leader);
    }
    g->ask->batches =
        mem_realloc_array(g->ask->batches, g->ask->count + 1, sizeof(struct acc_batch *));
    g->ask->batches[g->ask->count++] = b;
    g->bytes += b->bytes;
    q->is_asked = true;
}

static struct produce_ask *next_produce(struct accumulator *acc, int64_t now_ms)
{
    struct gather g = {.now_ms = now_ms};
    if ((is_idempotent(acc) && acc->producer_id < 0) ||
        acc->busy_count == (int)ARRAY_LEN(acc->busy_nodes)) {
        return NULL;
    }
    each_queue(acc, gather, &g);
    if (g.ask != NULL) {
        build_produce(acc, g.ask);
        acc->busy_nodes[acc->busy_count++] = g.ask->to_node;
    }
    return g.ask;
}

struct produce_ask *acc_next(struct accumulator *acc, int64_t now_ms)
{
    each_queue(acc, expire, &now_ms);
    struct produce_ask *a = next_metadata(acc, now_ms);
    a = a ? a : next_id(acc, now_ms);
    return a ? a : next_produce(acc, now_ms);
}

struct deadline {
    int64_t now_ms, at_ms;
};

static void later(struct deadline *d, int64_t at_ms)
{
    if (at_ms > d->now_ms && at_ms < d->at_ms) {
        d->at_ms = at_ms;
    }
}

static void queue_deadline(struct accumulator *acc, struct acc_queue *q, void *ctx)
{
    const struct acc_batch *b = first_of(q);
    if (b != NULL && !q->is_asked) {
        const struct deadline *d = ctx;
        bool is_pausing = q->retry_at_ms > d->now_ms;
        bool lingers = acc->config->linger_ms < INT64_MAX - b->made_ms;
        later(ctx, b->deadline_ms);
        later(ctx, is_pausing ? q->retry_at_ms
                   : lingers  ? b->made_ms + acc->config->linger_ms
                              : INT64_MAX);
    }
}

int64_t acc_deadline_ms(const struct accumulator *acc, int64_t now_ms)
{
    struct deadline d = {now_ms, INT64_MAX};
    each_queue((struct accumulator *)(uintptr_t)acc, queue_deadline, &d);
    later(&d, acc->id_retry_at_ms);
    LIST_EACH(&acc->topics, n, tmp) {
        const struct acc_topic *t = LIST_ENTRY(n, struct acc_topic, node);
        if (t->needs_metadata) {
            later(&d, t->retry_at_ms);
        }
    }
    return d.at_ms;
}

/* --- what came of it --- */

static void learn(struct acc_topic *t, const struct metadata_resp_metadata_response_topic *from)
{
    int32_t count = 0;
    for (int32_t i = 0; i < from->partitions_count; i++) {
        count =
            MAX(count, MIN(from->partitions[i].partition_index, from->partitions_count - 1) + 1);
    }
    grow(t, count);
    t->id = from->topic_id;
    for (int32_t i = 0; i < from->partitions_count; i++) {
        const struct metadata_resp_metadata_response_partition *p = &from->partitions[i];
        if (p->partition_index >= 0 && p->partition_index < t->count) {
            t->queues[p->partition_index]->leader = p->leader_id;
            t->needs_metadata = t->needs_metadata || p->leader_id < 0;
        }
    }
}

static void take_metadata(struct accumulator *acc, const struct produce_ask *a, enum err e,
                          const struct metadata_resp *resp, int64_t now_ms)
{
    acc->is_asking_metadata = false;
    for (int32_t i = 0; i < a->req.metadata.topics_count; i++) {
        char *name = str_dup(a->req.metadata.topics[i].name);
        struct acc_topic *t = acc_topic(acc, name);
        mem_free(name);
        t->code = e ? (int)e : ERR_UNKNOWN_TOPIC_OR_PARTITION;
        t->needs_metadata = true;
        for (int32_t k = 0; !e && k < resp->topics_count; k++) {
            if (!str_eq(resp->topics[k].name, str_from(t->name))) {
                continue;
            }
            t->code = resp->topics[k].error_code;
            if (t->code == 0) {
                t->needs_metadata = false;
                learn(t, &resp->topics[k]);
            }
        }
        t->failures = t->needs_metadata ? t->failures + 1 : 0;
        t->retry_at_ms = t->needs_metadata ? now_ms + pause_ms(acc, t->failures) : 0;
    }
}

static void take_id(struct accumulator *acc, enum err e, const struct init_producer_id_resp *resp,
                    int64_t now_ms)
{
    int code = e ? (int)e : resp->error_code;
    acc->is_asking_id = false;
    if (code == 0) {
        acc->producer_id = resp->producer_id;
        acc->producer_epoch = resp->producer_epoch;
    } else if (code_is_retriable(code)) {
        acc->id_retry_at_ms = now_ms + pause_ms(acc, 1);
    } else {
        acc_fail_all(acc, code);
    }
}

static const struct produce_resp_partition_produce_response *find_answer(
    const struct produce_resp *resp, const struct topic_ref *t, int32_t partition)
{
    for (int32_t i = 0; i < resp->responses_count; i++) {
        const struct produce_resp_topic_produce_response *r = &resp->responses[i];
        bool is_it = r->name.len > 0 ? str_eq(r->name, t->name) : uuid_eq(r->topic_id, t->id);
        for (int32_t k = 0; is_it && k < r->partition_responses_count; k++) {
            if (r->partition_responses[k].index == partition) {
                return &r->partition_responses[k];
            }
        }
    }
    return NULL;
}

static bool is_lost_sequence(int code)
{
    return code == ERR_OUT_OF_ORDER_SEQUENCE_NUMBER || code == ERR_UNKNOWN_PRODUCER_ID ||
           code == ERR_INVALID_PRODUCER_EPOCH;
}

static void retry_batch(struct accumulator *acc, struct acc_batch *b, int64_t now_ms)
{
    struct acc_queue *q = b->queue;
    b->tries++;
    q->retry_at_ms = now_ms + pause_ms(acc, b->tries);
    q->topic->needs_metadata = true;
}

static void take_batch(struct accumulator *acc, struct acc_batch *b, int code, int64_t base_off,
                       int64_t now_ms)
{
    b->queue->is_asked = false;
    if (code == ERR_DUPLICATE_SEQUENCE_NUMBER) {
        end_batch(acc, b, 0, -1); /* an earlier try did it */
    } else if (code_is_retriable(code) && b->tries < acc->config->retries &&
               now_ms < b->deadline_ms) {
        retry_batch(acc, b, now_ms);
    } else {
        bool had_sequence = b->sequence >= 0;
        end_batch(acc, b, code, code ? -1 : base_off);
        if (code && had_sequence) {
            forget_id(acc);
        }
        acc->producer_id = is_lost_sequence(code) ? -1 : acc->producer_id;
    }
}

static void free_node(struct accumulator *acc, int32_t node)
{
    for (int i = 0; i < acc->busy_count; i++) {
        if (acc->busy_nodes[i] == node) {
            acc->busy_nodes[i] = acc->busy_nodes[--acc->busy_count];
            return;
        }
    }
}

static void take_produce(struct accumulator *acc, struct produce_ask *a, enum err e,
                         const struct produce_resp *resp, int64_t now_ms)
{
    free_node(acc, a->to_node);
    e = e == ERR_REQUEST_TIMED_OUT ? ERR_NETWORK_EXCEPTION : e;
    for (size_t i = 0; i < a->count; i++) {
        struct acc_batch *b = a->batches[i];
        if (e || acc->acks == 0) {
            take_batch(acc, b, e, -1, now_ms);
            continue;
        }
        const struct produce_resp_partition_produce_response *r =
            find_answer(resp, &a->topics[i], b->queue->partition);
        take_batch(acc, b, r ? r->error_code : ERR_UNKNOWN_SERVER_ERROR, r ? r->base_offset : -1,
                   now_ms);
    }
}

void acc_take(struct accumulator *acc, struct produce_ask *a, enum err e, const void *resp,
              int64_t now_ms)
{
    switch (a->kind) {
    case PRODUCE_METADATA:
        take_metadata(acc, a, e, resp, now_ms);
        break;
    case PRODUCE_ID:
        take_id(acc, e, resp, now_ms);
        break;
    case PRODUCE_BATCHES:
        take_produce(acc, a, e, resp, now_ms);
        break;
    }
    mem_free(a->batches);
    arena_deinit(&a->arena);
    mem_free(a);
}

/* --- life --- */

static int codec_level(const struct client_values *v, enum codec codec)
{
    switch (codec) {
    case CODEC_GZIP:
        return v->compression_gzip_level;
    case CODEC_LZ4:
        return v->compression_lz4_level;
    case CODEC_ZSTD:
        return v->compression_zstd_level;
    default:
        return CODEC_LEVEL_DEFAULT;
    }
}

void acc_init(struct accumulator *acc, const struct client_values *config, uint64_t seed)
{
    *acc = (struct accumulator){.config = config, .producer_id = -1};
    rand_init(&acc->rand, seed);
    list_init(&acc->topics);
    list_init(&acc->done);
    acc->acks = strcmp(config->acks, "all") == 0 ? -1 : (int16_t)atoi(config->acks);
    if (!codec_parse(str_from(config->compression_type), &acc->codec)) {
        acc->codec = CODEC_NONE;
    }
    acc->level = codec_level(config, acc->codec);
}

void acc_deinit(struct accumulator *acc)
{
    LIST_EACH(&acc->topics, n, tmp) {
        struct acc_topic *t = LIST_ENTRY(n, struct acc_topic, node);
        for (int32_t i = 0; i < t->count; i++) {
            mem_free(t->queues[i]);
        }
        mem_free(t->queues);
        mem_free(t->name);
        mem_free(t);
    }
}
