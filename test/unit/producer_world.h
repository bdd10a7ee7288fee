/* A cluster under a producer, that loses answers, breaks connections, moves leaders and is slow.
 * Seeded: a seed that fails fails again.
 *
 * The cluster keeps producers' sequences as Apache Kafka does: the last five batches of each are
 * known again, others must follow the last one; an epoch that was left is refused. Requests of
 * broken connections may still arrive, late. */
#ifndef TEST_UNIT_PRODUCER_WORLD_H
#define TEST_UNIT_PRODUCER_WORLD_H

#include "test.h"

#include "base/mem.h"
#include "client/error.h"
#include "client/producer/accumulator.h"

#include <stdio.h>
#include <stdlib.h>

enum { PARTITIONS = 3, NODES = 2, KNOWN = 5, LOG_MAX = 4096, REQUESTS_MAX = 64, RECORDS = 600 };
enum { TOO_LARGE = 6, POISON_EVERY = 97 };

/* A batch that the log knows. */
struct known {
    int32_t first, last;
    int64_t off;
};

/* What became of a record's transaction. */
enum fate { FATE_OPEN, FATE_COMMITTED, FATE_ABORTED };

struct part {
    int values[LOG_MAX];
    int16_t epochs[LOG_MAX]; /* they were written in */
    enum fate fates[LOG_MAX];
    int count;
    int32_t leader, leader_epoch;
    int64_t producer_id; /* -1: none yet */
    int16_t epoch;
    struct known known[KNOWN];
    int known_count;
};

/* On a connection, in order; a ghost has nobody who waits for it. */
struct request {
    struct produce_ask *ask;
    int32_t node;
    int count;
    int32_t partitions[PARTITIONS];
    struct buf bytes[PARTITIONS];
    int codes[PARTITIONS];
    int64_t offsets[PARTITIONS];
    bool is_served;
};

struct world {
    struct ottla_config *config;
    struct accumulator acc;
    struct rand rand;
    int64_t now_ms;
    struct part parts[PARTITIONS];
    struct request requests[REQUESTS_MAX], ghosts[REQUESTS_MAX];
    int request_count, ghost_count;
    struct produce_ask *other; /* metadata, producer id */
    int code[RECORDS];
    int64_t off[RECORDS];
    int32_t home[RECORDS];
    bool is_told[RECORDS];
    int sent;
    bool is_calm;
    int64_t next_id;
    /* Answers what the transaction asks for; NULL: there are none. */
    void (*coordinate)(struct produce_ask *a);
    bool is_added[PARTITIONS]; /* to the transaction */
    bool is_holding;           /* no records now */
    bool keeps_no_ghosts;      /* what was sent on a broken connection is gone */
};

static struct world *w;

static inline bool chance(uint64_t one_in) { return !w->is_calm && rand_one_in(&w->rand, one_in); }

/* --- the cluster --- */

static inline struct known *find_known(struct part *p, const struct batch *b)
{
    for (int i = 0; i < p->known_count; i++) {
        if (p->known[i].first == b->base_seq && p->known[i].last == batch_last_seq(b)) {
            return &p->known[i];
        }
    }
    return NULL;
}

static inline void remember(struct part *p, const struct batch *b)
{
    if (b->producer_id != p->producer_id || b->producer_epoch != p->epoch) {
        p->known_count = 0;
    }
    p->producer_id = b->producer_id;
    p->epoch = b->producer_epoch;
    if (p->known_count == KNOWN) {
        memmove(p->known, p->known + 1, sizeof *p->known * (KNOWN - 1));
        p->known_count--;
    }
    p->known[p->known_count++] = (struct known){b->base_seq, batch_last_seq(b), p->count};
}

/* 0: to be appended; -1: known already. */
static inline int judge(struct part *p, const struct batch *b, int64_t *ret_off)
{
    struct known *k;
    if (b->producer_id < 0 || p->producer_id < 0 || b->producer_id > p->producer_id) {
        return 0;
    }
    if (b->producer_epoch < p->epoch || b->producer_id < p->producer_id) {
        return ERR_INVALID_PRODUCER_EPOCH;
    }
    if (b->producer_epoch > p->epoch) {
        return b->base_seq == 0 ? 0 : ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    }
    if ((k = find_known(p, b)) != NULL) {
        *ret_off = k->off;
        return -1;
    }
    if (p->known_count == 0) { /* a marker raised the epoch */
        return b->base_seq == 0 ? 0 : ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    }
    return b->base_seq == seq_add(p->known[p->known_count - 1].last, 1)
               ? 0
               : ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
}

static inline int values_of(const struct batch *b, int *to)
{
    struct record_walk walk;
    struct record r;
    int n = 0;
    assert_ok(record_walk_init(&walk, b, SIZE_MAX));
    while (record_walk_next(&walk, &r) == OK) {
        to[n++] = atoi((const char *)r.value.p);
    }
    record_walk_deinit(&walk);
    return n;
}

static inline int append(struct part *p, struct bytes bytes, int64_t *ret_off)
{
    static const int refusals[] = {ERR_NOT_ENOUGH_REPLICAS, ERR_KAFKA_STORAGE_ERROR,
                                   ERR_CORRUPT_MESSAGE};
    static const int doubts[] = {ERR_REQUEST_TIMED_OUT, ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND};
    struct batch b;
    int values[256];
    assert_ok(batch_parse(bytes, &b));
    assert_ok(batch_check_crc(&b));
    int n = values_of(&b, values);
    assert_int_equal(n, b.count);
    if (n > TOO_LARGE) {
        return ERR_MESSAGE_TOO_LARGE;
    }
    if (chance(12)) {
        return refusals[rand_below(&w->rand, 3)];
    }
    for (int i = 0; i < n; i++) {
        if (values[i] % POISON_EVERY == 1) {
            return ERR_INVALID_RECORD;
        }
    }
    int code = judge(p, &b, ret_off);
    if (code != 0) {
        return code < 0 ? 0 : code;
    }
    *ret_off = p->count;
    remember(p, &b);
    for (int i = 0; i < n; i++) {
        assert_true(p->count < LOG_MAX);
        p->epochs[p->count] = b.producer_epoch;
        p->values[p->count++] = values[i];
    }
    return chance(15) ? doubts[rand_below(&w->rand, 2)] : 0;
}

static inline void serve(struct request *r)
{
    for (int i = 0; i < r->count; i++) {
        struct part *p = &w->parts[r->partitions[i]];
        r->offsets[i] = -1;
        r->codes[i] = p->leader != r->node ? ERR_NOT_LEADER_OR_FOLLOWER
                                           : append(p, buf_bytes(&r->bytes[i]), &r->offsets[i]);
    }
    r->is_served = true;
}

static inline void free_request(struct request *r)
{
    for (int i = 0; i < r->count; i++) {
        buf_deinit(&r->bytes[i]);
    }
}

/* --- the network --- */

static inline void remove_request(int i)
{
    free_request(&w->requests[i]);
    memmove(&w->requests[i], &w->requests[i + 1],
            sizeof *w->requests * (size_t)(w->request_count - i - 1));
    w->request_count--;
}

static inline void answer(int i)
{
    struct produce_resp_partition_produce_response parts[PARTITIONS];
    struct produce_resp_topic_produce_response topics[PARTITIONS];
    struct request *r = &w->requests[i];
    union produce_answer u = {.produce = produce_resp_default};
    for (int k = 0; k < r->count; k++) {
        struct part *p = &w->parts[r->partitions[k]];
        parts[k] = produce_resp_partition_produce_response_default;
        parts[k].index = r->partitions[k];
        parts[k].error_code = (int16_t)r->codes[k];
        parts[k].base_offset = r->offsets[k];
        if (r->codes[k] == ERR_NOT_LEADER_OR_FOLLOWER && chance(2)) {
            parts[k].current_leader.leader_id = p->leader;
            parts[k].current_leader.leader_epoch = p->leader_epoch;
        }
        topics[k] = produce_resp_topic_produce_response_default;
        topics[k].name = STR("t");
        topics[k].partition_responses = &parts[k];
        topics[k].partition_responses_count = 1;
    }
    u.produce.responses = topics;
    u.produce.responses_count = r->count;
    u.produce.throttle_time_ms = chance(20) ? 30 : 0;
    acc_take(&w->acc, r->ask, OK, &u, w->now_ms);
    remove_request(i);
}

/* All of a connection; what was sent may still arrive. */
static inline void break_connection(int32_t node)
{
    for (int i = 0; i < w->request_count;) {
        struct request *r = &w->requests[i];
        if (r->node != node) {
            i++;
            continue;
        }
        if (!r->is_served && !w->keeps_no_ghosts && w->ghost_count < REQUESTS_MAX && chance(2)) {
            struct request *g = &w->ghosts[w->ghost_count++];
            *g = *r;
            g->ask = NULL;
            for (int k = 0; k < r->count; k++) {
                g->bytes[k] = BUF_INIT;
                buf_put(&g->bytes[k], r->bytes[k].p, r->bytes[k].len);
            }
        }
        acc_take(&w->acc, r->ask, ERR_NETWORK_EXCEPTION, NULL, w->now_ms);
        remove_request(i);
    }
}

static inline void run_ghost(void)
{
    if (w->ghost_count > 0) {
        serve(&w->ghosts[0]);
        free_request(&w->ghosts[0]);
        memmove(w->ghosts, w->ghosts + 1, sizeof *w->ghosts * (size_t)--w->ghost_count);
    }
}

/* The oldest of a connection that is not served is served, the oldest that is gets its answer. */
static inline void serve_one(int32_t node)
{
    for (int i = 0; i < w->request_count; i++) {
        if (w->requests[i].node == node && !w->requests[i].is_served) {
            serve(&w->requests[i]);
            return;
        }
    }
}

static inline void answer_one(int32_t node)
{
    for (int i = 0; i < w->request_count; i++) {
        if (w->requests[i].node == node) {
            if (w->requests[i].is_served) {
                answer(i);
            }
            return;
        }
    }
}

static inline void move_leader(struct part *p)
{
    p->leader = (p->leader + 1) % NODES;
    p->leader_epoch++;
}

static inline void answer_metadata(struct produce_ask *a)
{
    struct metadata_resp_metadata_response_partition p[PARTITIONS];
    struct metadata_resp_metadata_response_topic t = metadata_resp_metadata_response_topic_default;
    union produce_answer u = {.metadata = metadata_resp_default};
    for (int32_t i = 0; i < PARTITIONS; i++) {
        p[i] = metadata_resp_metadata_response_partition_default;
        p[i].partition_index = i;
        p[i].leader_id = w->parts[i].leader;
        p[i].leader_epoch = w->parts[i].leader_epoch;
    }
    t.name = STR("t");
    t.partitions = p;
    t.partitions_count = PARTITIONS;
    u.metadata.topics = &t;
    u.metadata.topics_count = 1;
    acc_take(&w->acc, a, OK, &u, w->now_ms);
}

static inline void answer_other(void)
{
    struct produce_ask *a = w->other;
    union produce_answer u = {.init = init_producer_id_resp_default};
    w->other = NULL;
    if (a == NULL) {
        return;
    }
    a->txn_version = 2;
    if (a->kind != PRODUCE_METADATA && w->coordinate != NULL) {
        w->coordinate(a);
    } else if (chance(6)) {
        acc_take(&w->acc, a, ERR_NETWORK_EXCEPTION, NULL, w->now_ms);
    } else if (a->kind == PRODUCE_METADATA) {
        answer_metadata(a);
    } else {
        u.init.producer_id = ++w->next_id;
        acc_take(&w->acc, a, OK, &u, w->now_ms);
    }
}

/* --- the producer --- */

static inline void on_delivery(void *ctx, const struct ottla_delivery *d)
{
    int i = (int)(intptr_t)ctx;
    assert_false(w->is_told[i]);
    w->is_told[i] = true;
    w->code[i] = d->error;
    w->off[i] = d->offset;
    w->home[i] = d->partition;
}

static inline void tell(struct acc_batch *b)
{
    for (int32_t i = 0; i < b->to_count; i++) {
        struct ottla_delivery d = {.error = b->code,
                                   .partition = b->queue->partition,
                                   .offset = b->base_off < 0 ? -1 : b->base_off + i};
        b->to[i].fn(b->to[i].ctx, &d);
    }
    assert_int_equal(b->to_count, b->count);
    acc_free_batch(&w->acc, b);
}

static inline void put_request(struct produce_ask *a)
{
    assert_true(w->request_count < REQUESTS_MAX);
    struct request *r = &w->requests[w->request_count++];
    *r = (struct request){.ask = a, .node = a->to_node};
    ask_seal(a);
    for (int32_t i = 0; i < a->req.produce.topic_data_count; i++) {
        const struct produce_req_partition_produce_data *p =
            a->req.produce.topic_data[i].partition_data;
        r->partitions[r->count] = p->index;
        buf_put(&r->bytes[r->count++], p->records.p, p->records.len);
    }
}

static inline void run_producer(void)
{
    struct produce_ask *a;
    struct acc_batch *b;
    while ((a = acc_next(&w->acc, w->now_ms)) != NULL) {
        if (a->kind == PRODUCE_BATCHES) {
            put_request(a);
        } else {
            answer_other();
            w->other = a;
        }
    }
    while ((b = acc_done(&w->acc)) != NULL) {
        tell(b);
    }
}

static inline void send_record(void)
{
    struct acc_topic *t = acc_topic(&w->acc, "t");
    struct ottla_message m;
    struct acc_place place;
    char text[16];
    int i = w->sent;
    if (t->count == 0 || w->sent == RECORDS || w->is_holding) {
        return;
    }
    ottla_message_init(&m);
    snprintf(text, sizeof text, "%d", i);
    m.partition = (int32_t)rand_below(&w->rand, PARTITIONS);
    m.value = text;
    m.value_length = strlen(text) + 1;
    assert_int_equal(acc_choose(&w->acc, t, &m, &place), 0);
    (void)acc_add(&w->acc, &place, &m, (struct delivery_to){on_delivery, (void *)(intptr_t)i}, 1,
                  w->now_ms);
    w->sent++;
}

static inline void step(void)
{
    int32_t node = (int32_t)rand_below(&w->rand, NODES);
    switch (rand_below(&w->rand, 12)) {
    case 0:
    case 1:
    case 2:
        for (uint64_t n = rand_below(&w->rand, 6); n > 0; n--) {
            send_record();
        }
        break;
    case 3:
    case 4:
        serve_one(node);
        break;
    case 5:
    case 6:
        answer_one(node);
        break;
    case 7:
        answer_other();
        break;
    case 8:
        run_ghost();
        break;
    case 9:
        w->now_ms += (int64_t)rand_below(&w->rand, chance(10) ? 3000 : 100);
        break;
    default:
        if (chance(10)) {
            break_connection(node);
        } else if (chance(10)) {
            move_leader(&w->parts[rand_below(&w->rand, PARTITIONS)]);
        }
    }
    run_producer();
}

/* No more faults, until all is done. */
static inline void calm_down(void)
{
    w->is_calm = true;
    for (int i = 0; i < 20000 && (w->acc.open > 0 || w->sent < RECORDS); i++) {
        int64_t at_ms = acc_deadline_ms(&w->acc, w->now_ms);
        step();
        run_ghost();
        w->now_ms = i % 50 == 0 && at_ms != INT64_MAX ? MAX(w->now_ms, at_ms) : w->now_ms;
    }
    assert_int_equal(w->acc.open, 0);
    assert_int_equal(w->acc.bytes, 0);
    assert_int_equal(w->sent, RECORDS);
}

static inline void set(const char *name, const char *value)
{
    assert_int_equal(ottla_config_set(w->config, name, value, NULL), 0);
}

static inline void begin(uint64_t seed)
{
    w = calloc(1, sizeof *w);
    w->config = ottla_config_new();
    w->now_ms = 1000;
    rand_init(&w->rand, seed);
    for (int i = 0; i < PARTITIONS; i++) {
        w->parts[i].producer_id = -1;
        w->parts[i].leader = i % NODES;
    }
    set("linger.ms", "5");
    set("batch.size", "250");
    set("delivery.timeout.ms", seed % 3 == 0 ? "2000" : "1000000");
    set("compression.type", seed % 4 == 0 ? "lz4" : "none");
}

static inline void end(void)
{
    while (w->ghost_count > 0) {
        run_ghost();
    }
    if (w->other != NULL) {
        answer_other();
    }
    acc_deinit(&w->acc);
    ottla_config_free(w->config);
    free(w);
}

#endif
