/* Records into batches, and batches to their end. Pure. See accumulator.h. */
#include "client/producer/accumulator_int.h"

#include "base/assert.h"
#include "base/attr.h"
#include "base/mem.h"
#include "client/core/backoff.h"
#include "client/error.h"

#include <stdlib.h>

enum {
    SPARE_BYTES_MAX = 4 * 1024 * 1024,
    SPARE_PART = 8,
    GROW_BYTES = 256 * 1024,
    RECORD_OVERHEAD = 16,
    HEADER_OVERHEAD = 8,
    TO_FIRST = 64
};

int64_t acc_pause_ms(struct accumulator *acc, int failures)
{
    return backoff_ms(acc->config->retry_backoff_ms, acc->config->retry_backoff_max_ms, failures,
                      &acc->rand);
}

struct acc_node *acc_node(struct accumulator *acc, int32_t id)
{
    for (int i = 0; i < acc->node_count; i++) {
        if (acc->nodes[i].id == id) {
            return &acc->nodes[i];
        }
    }
    acc->nodes = mem_realloc_array(acc->nodes, (size_t)acc->node_count + 1, sizeof *acc->nodes);
    acc->nodes[acc->node_count] = (struct acc_node){.id = id};
    return &acc->nodes[acc->node_count++];
}

static const struct acc_node *known_node(const struct accumulator *acc, int32_t id)
{
    for (int i = 0; i < acc->node_count; i++) {
        if (acc->nodes[i].id == id) {
            return &acc->nodes[i];
        }
    }
    return NULL;
}

/* --- batches --- */

static struct batch head_of(const struct accumulator *acc)
{
    return (struct batch){.base_ts_ms = NO_TIMESTAMP,
                          .attrs = acc->txn.is_transactional ? BATCH_TRANSACTIONAL : 0,
                          .leader_epoch = -1,
                          .producer_id = NO_PRODUCER_ID,
                          .producer_epoch = -1,
                          .base_seq = -1};
}

static size_t held_bytes(const struct acc_batch *b)
{
    return sizeof *b + b->parcel->buf.cap + b->builder.plain.cap +
           (size_t)b->to_cap * sizeof *b->to;
}

/* Out of those that were used before: their memory has grown to what is needed. */
static struct acc_batch *take_spare(struct accumulator *acc)
{
    struct list_node *n = list_pop_front(&acc->spare);
    if (n == NULL) {
        struct acc_batch *b = NEW(struct acc_batch);
        b->parcel = parcel_new();
        return b;
    }
    struct acc_batch *b = LIST_ENTRY(n, struct acc_batch, node);
    acc->spare_bytes -= held_bytes(b);
    *b = (struct acc_batch){
        .parcel = b->parcel, .builder.plain = b->builder.plain, .to = b->to, .to_cap = b->to_cap};
    buf_clear(&b->parcel->buf);
    return b;
}

struct acc_batch *acc_new_batch(struct accumulator *acc, struct acc_queue *q, int64_t now_ms)
{
    struct acc_batch *b = take_spare(acc);
    struct buf plain = b->builder.plain;
    struct batch head = head_of(acc);
    b->queue = q;
    b->made_ms = now_ms;
    b->deadline_ms = now_ms + acc->config->delivery_timeout_ms;
    b->sequence = -1;
    b->base_off = b->append_ms = -1;
    batch_builder_init(&b->builder, &b->parcel->buf, &head, acc->codec, acc->level);
    buf_clear(&plain);
    b->builder.plain = plain;
    (void)buf_reserve(acc->codec == CODEC_NONE ? &b->parcel->buf : &b->builder.plain,
                      q->usual_bytes);
    q->count++;
    return b;
}

static void free_batch(struct acc_batch *b)
{
    batch_builder_deinit(&b->builder);
    parcel_unref(b->parcel);
    mem_free(b->to);
    mem_free(b);
}

/* Records are gathered in memory that is used again. What they were compressed to is as large as
 * it is, and only those under way have it: for long queues of batches it would be much. */
void acc_free_batch(struct accumulator *acc, struct acc_batch *b)
{
    words_drop(b);
    if (acc->codec != CODEC_NONE && !parcel_is_shared(b->parcel)) {
        buf_deinit(&b->parcel->buf);
    }
    size_t held = held_bytes(b);
    size_t most = (size_t)acc->config->buffer_memory / SPARE_PART;
    if (!parcel_is_shared(b->parcel) &&
        acc->spare_bytes + held <= MIN(most, (size_t)SPARE_BYTES_MAX)) {
        list_push_front(&acc->spare, &b->node); /* the one that is warm goes first */
        acc->spare_bytes += held;
    } else {
        free_batch(b);
    }
}

/* --- records in --- */

static void put_to(struct acc_batch *b, struct delivery_to to)
{
    if (to.fn == NULL && b->to_count == 0) {
        return;
    }
    if (b->count > b->to_cap) {
        b->to_cap = MAX(MAX(b->count, b->queue->usual_count), MAX(b->to_cap * 2, TO_FIRST));
        b->to = mem_realloc_array(b->to, (size_t)b->to_cap, sizeof *b->to);
    }
    for (; b->to_count < b->count - 1; b->to_count++) {
        b->to[b->to_count] = (struct delivery_to){NULL, NULL};
    }
    b->to[b->to_count++] = to;
}

void acc_put_record(struct acc_batch *b, const struct record *r, struct delivery_to to)
{
    batch_builder_add(&b->builder, r);
    b->count++;
    put_to(b, to);
}

static struct acc_batch *last_of(const struct acc_queue *q)
{
    return list_is_empty(&q->batches) ? NULL
                                      : LIST_ENTRY(q->batches.head.prev, struct acc_batch, node);
}

/* A full batch that cannot leave, though others do, because enough are under way or before it. */
static bool may_grow(const struct accumulator *acc, const struct acc_batch *b, size_t bytes)
{
    const struct acc_queue *q = b->queue;
    const struct acc_node *node = q->leader < 0 ? NULL : known_node(acc, q->leader);
    return b->bytes + bytes <= acc->grow_bytes && node != NULL && node->asked > 0 &&
           (q->count - q->asked > 1 || !acc_has_room(acc, q));
}

static bool takes(const struct accumulator *acc, const struct acc_batch *b, size_t bytes)
{
    return !b->is_closed && (b->bytes + bytes <= (size_t)acc->config->batch_size ||
                             (acc->grow_bytes > 0 && may_grow(acc, b, bytes)));
}

/* Behind those that the queue has; the last of them takes no more. */
static struct acc_batch *open_batch(struct accumulator *acc, struct acc_queue *q, int64_t now_ms)
{
    struct acc_batch *b = last_of(q);
    if (b != NULL) {
        b->is_closed = true;
    } else {
        list_push_back(&acc->active, &q->node);
    }
    b = acc_new_batch(acc, q, now_ms);
    list_push_back(&q->batches, &b->node);
    q->topic->used_ms = acc->now_ms = now_ms;
    return b;
}

static size_t message_bytes(const struct ottla_message *m)
{
    size_t n = RECORD_OVERHEAD + m->key_length + m->value_length; /* lengths, deltas: about */
    for (size_t i = 0; i < m->header_count; i++) {
        n += HEADER_OVERHEAD + m->headers[i].key_length + m->headers[i].value_length;
    }
    return n;
}

static bool is_too_large(const struct accumulator *acc, size_t bytes)
{
    return bytes > (size_t)acc->config->max_request_size ||
           (int64_t)bytes > acc->config->buffer_memory;
}

int acc_check_size(const struct accumulator *acc, const struct ottla_message *m)
{
    return is_too_large(acc, message_bytes(m)) ? ERR_MESSAGE_TOO_LARGE : 0;
}

/* --- which partition --- */

/* How long its broker takes nothing is looked at only where the load is (KIP-794). */
static bool is_available(const struct accumulator *acc, const struct acc_queue *q, int64_t now_ms)
{
    int64_t patience =
        acc->config->partitioner_adaptive ? acc->config->partitioner_availability_timeout_ms : 0;
    const struct acc_node *node = q->leader < 0 ? NULL : known_node(acc, q->leader);
    bool is_stuck = patience > 0 && node != NULL && node->full_since_ms > 0 &&
                    now_ms - node->full_since_ms > patience;
    return q->leader >= 0 && !is_stuck;
}

static int32_t choose_by_load(struct accumulator *acc, struct acc_topic *t, int64_t now_ms)
{
    if (acc->load_cap < t->count) {
        acc->load_cap = t->count;
        acc->loads = mem_realloc_array(acc->loads, (size_t)t->count, sizeof *acc->loads);
    }
    for (int32_t i = 0; i < t->count; i++) {
        const struct acc_queue *q = t->queues[i];
        acc->loads[i] = is_available(acc, q, now_ms) ? q->count : -1;
    }
    return partition_by_load(acc->loads, t->count, acc->config->partitioner_adaptive, &acc->rand);
}

static int32_t choose_sticky(struct accumulator *acc, struct acc_topic *t, size_t bytes)
{
    struct sticky *s = &t->sticky;
    const struct acc_batch *b = s->partition < 0 ? NULL : last_of(t->queues[s->partition]);
    bool is_full = b == NULL || !takes(acc, b, bytes);
    int64_t enough = MAX((int64_t)acc->grow_bytes, acc->config->batch_size);
    if (sticky_is_over(s, is_full ? acc->config->batch_size : enough, is_full)) {
        *s = (struct sticky){choose_by_load(acc, t, acc->now_ms), 0};
    }
    s->bytes += (int64_t)bytes;
    return s->partition;
}

/* The next partition that has a leader. */
static int32_t choose_by_turn(struct acc_topic *t)
{
    for (int32_t i = 0; i < t->count; i++) {
        int32_t p = (int32_t)(t->turn++ % (uint32_t)t->count);
        if (t->queues[p]->leader >= 0) {
            return p;
        }
    }
    return (int32_t)(t->turn++ % (uint32_t)t->count);
}

static int32_t choose(struct accumulator *acc, struct acc_topic *t, const struct ottla_message *m,
                      size_t bytes)
{
    if (m->partition >= 0) {
        return m->partition;
    }
    if (acc->is_round_robin) {
        return choose_by_turn(t);
    }
    if (acc->config->partitioner_ignore_keys || acc->partitioner->hash == NULL) {
        bool is_each = m->key != NULL && acc->partitioner->hash == NULL; /* as librdkafka */
        return is_each ? choose_by_load(acc, t, acc->now_ms) : choose_sticky(acc, t, bytes);
    }
    int32_t p =
        partitioner_choose(acc->partitioner, (struct bytes){m->key, m->key_length}, t->count);
    return p >= 0 ? p : choose_sticky(acc, t, bytes);
}

bool acc_has_room(const struct accumulator *acc, const struct acc_queue *q)
{
    int limit = acc->config->max_in_flight;
    const struct acc_node *node = known_node(acc, q->leader);
    if (acc_is_idempotent(acc)) {
        limit = MIN(limit, IN_FLIGHT_IDEMPOTENT);
    }
    return q->leader >= 0 && q->asked < limit && (node == NULL || node->asked < limit);
}

/* Whether the sender must be woken: there is something to send now, or earlier than it expects. */
static bool is_news(const struct accumulator *acc, const struct acc_batch *b, bool is_new,
                    int64_t now_ms)
{
    bool is_due = acc_is_ready(acc, b, is_new ? now_ms : b->made_ms);
    bool closes_one = is_new && b->queue->count > 1;
    if (is_new && !is_due && acc->config->linger_ms < acc->wake_at_ms - now_ms) {
        return true;
    }
    return (is_due || closes_one) && acc_has_room(acc, b->queue);
}

int acc_choose(struct accumulator *acc, struct acc_topic *t, const struct ottla_message *m,
               struct acc_place *ret)
{
    int code = txn_may_add(&acc->txn);
    size_t bytes = message_bytes(m);
    if (code || is_too_large(acc, bytes)) {
        return code ? code : ERR_MESSAGE_TOO_LARGE;
    }
    int32_t partition = choose(acc, t, m, bytes);
    if (partition >= t->count) {
        return ERR_UNKNOWN_TOPIC_OR_PARTITION;
    }
    struct acc_queue *q = t->queues[partition];
    const struct acc_batch *b = last_of(q);
    *ret = (struct acc_place){q, bytes, b == NULL || !takes(acc, b, bytes)};
    return 0;
}

static void encode_headers(const struct ottla_message *m, struct buf *out)
{
    for (size_t i = 0; i < m->header_count; i++) {
        const struct ottla_header *h = &m->headers[i];
        record_put_header(out, (struct bytes){(const uint8_t *)h->key, h->key_length},
                          (struct bytes){h->value, h->value_length});
    }
}

bool acc_add(struct accumulator *acc, const struct acc_place *place, const struct ottla_message *m,
             struct delivery_to to, int64_t wall_ms, int64_t now_ms)
{
    struct acc_queue *q = place->queue;
    struct acc_batch *b = place->is_new ? open_batch(acc, q, now_ms) : last_of(q);
    struct record r = {.off = b->count,
                       .ts_ms = m->timestamp_ms < 0 ? wall_ms : m->timestamp_ms,
                       .key = {m->key, m->key_length},
                       .value = {m->value, m->value_length},
                       .header_count = (int32_t)m->header_count};
    struct buf headers = BUF_INIT;
    if (m->header_count > 0) {
        encode_headers(m, &headers);
        r.headers = buf_bytes(&headers);
        b->builder.err = b->builder.err ? b->builder.err : headers.err;
    }
    txn_enrol(&acc->txn, &q->part);
    acc_put_record(b, &r, to);
    if (m->header_count > 0) {
        buf_deinit(&headers);
    }
    b->bytes += place->bytes;
    acc->bytes += place->bytes;
    acc->open++;
    return is_news(acc, b, place->is_new, now_ms);
}

bool acc_is_ready(const struct accumulator *acc, const struct acc_batch *b, int64_t now_ms)
{
    return b->is_closed || acc->flushes > 0 || b->bytes >= (size_t)acc->config->batch_size ||
           now_ms - b->made_ms >= acc->config->linger_ms || acc->txn.state == TXN_COMMITTING ||
           acc->bytes * 2 >= (size_t)acc->config->buffer_memory;
}

/* --- the end of a batch --- */

static void count_end(struct accumulator *acc, const struct acc_batch *b, int code)
{
    if (code) {
        acc->metrics.record_error += b->count;
    } else {
        acc->metrics.record_send += b->count;
    }
}

void acc_end_batch(struct accumulator *acc, struct acc_batch *b, int code, int64_t base_off)
{
    struct acc_queue *q = b->queue;
    ASSERT(!b->is_asked);
    list_remove(&b->node);
    if (--q->count == 0) {
        list_remove(&q->node);
    }
    q->sequenced -= b->sequence >= 0;
    b->code = code;
    b->base_off = base_off;
    count_end(acc, b, code);
    acc->bytes -= b->bytes;
    acc->open -= b->count;
    list_push_back(&acc->done, &b->node);
}

struct acc_batch *acc_done(struct accumulator *acc)
{
    struct list_node *n = list_pop_front(&acc->done);
    return n ? LIST_ENTRY(n, struct acc_batch, node) : NULL;
}

static void fail_queue(struct accumulator *acc, struct acc_queue *q, int code)
{
    LIST_EACH(&q->batches, n, tmp) {
        struct acc_batch *b = LIST_ENTRY(n, struct acc_batch, node);
        if (!b->is_asked) {
            acc_end_batch(acc, b, code, -1);
        }
    }
    q->needs_restart = true;
    q->gap = -1;
}

void acc_fail_all(struct accumulator *acc, int code)
{
    LIST_EACH(&acc->active, n, tmp) {
        fail_queue(acc, LIST_ENTRY(n, struct acc_queue, node), code);
    }
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

static int16_t parse_acks(const char *acks)
{
    return strcmp(acks, "all") == 0 ? -1 : (int16_t)atoi(acks);
}

void acc_init(struct accumulator *acc, const struct client_values *config, uint64_t seed)
{
    *acc = (struct accumulator){.config = config, .wake_at_ms = INT64_MAX};
    rand_init(&acc->rand, seed);
    txn_init(&acc->txn, config, &acc->rand);
    map_init(&acc->by_name);
    list_init(&acc->topics);
    list_init(&acc->active);
    list_init(&acc->done);
    list_init(&acc->spare);
    acc->acks = parse_acks(config->acks);
    acc->is_round_robin = config->partitioner_class[0] != '\0';
    acc->partitioner =
        partitioner_find(config->partitioner[0] ? config->partitioner : "murmur2_random");
    if (!codec_parse(str_from(config->compression_type), &acc->codec)) {
        acc->codec = CODEC_NONE;
    }
    acc->level = codec_level(config, acc->codec);
}

void acc_let_grow(struct accumulator *acc)
{
    size_t most = MIN((size_t)GROW_BYTES, (size_t)acc->config->max_request_size);
    acc->grow_bytes = most > (size_t)acc->config->batch_size ? most : 0;
}

void acc_deinit(struct accumulator *acc)
{
    struct list_node *n;
    txn_deinit(&acc->txn);
    LIST_EACH(&acc->topics, at, tmp) {
        acc_free_topic(acc, LIST_ENTRY(at, struct acc_topic, node));
    }
    while ((n = list_pop_front(&acc->spare)) != NULL) {
        free_batch(LIST_ENTRY(n, struct acc_batch, node));
    }
    map_deinit(&acc->by_name);
    mem_free(acc->nodes);
    mem_free(acc->loads);
}
