/* Any bytes as answers of brokers, through the whole client: handshake, metadata, coordinators, the
 * consumer's and the producer's answers, fetched records. Nothing may break, every call must end.
 * The input is a row of pieces: what to do (1 byte), length (2), bytes.
 * An answer that is bytes begins with its version (formed.h). */
#include "fuzz.h"

#include "answered.h"
#include "base/assert.h"
#include "base/endian.h"
#include "base/mem.h"
#include "client/consumer/fetcher.h"
#include "client/core/core.h"
#include "client/producer/accumulator.h"
#include "formed.h"

#include <stdlib.h>

enum { TXN_FROM = 0xf0, CALLS = 4, BUDGET_BYTES = 4 << 20, STEPS_MAX = 200 };

struct state {
    struct ottla_config *config;
    struct core core;
    struct fetcher fetcher;
    struct accumulator acc;     /* idempotent */
    struct accumulator txn_acc; /* with transactions */
    struct ottla_config *txn_config;
    int64_t now_ms;
    struct call calls[CALLS];
    struct list_offsets_req req;
    int32_t correlation; /* of the newest request */
    int16_t api_key;     /* and what it is */
    uint32_t link_id;
    int ended;
};

static void count_done(struct call *call)
{
    struct state *s = call->ctx;
    s->ended++;
    mem_free(call->frame);
    call->frame = NULL;
}

static void submit(struct state *s, int i, enum call_to to)
{
    s->calls[i] = (struct call){.api_key = i == 0 ? API_METADATA : API_LIST_OFFSETS,
                                .version_lo = 1,
                                .version_hi = i == 0 ? 13 : 11,
                                .to = to,
                                .node_id = 1,
                                .key = STR("g"),
                                .msg = &s->req,
                                .deadline_ms = s->now_ms + 1000,
                                .done = count_done,
                                .ctx = s};
    if (i == 0) {
        static struct metadata_req req;
        req = metadata_req_default;
        s->calls[i].msg = &req;
    }
    core_submit(&s->core, &s->calls[i], s->now_ms);
}

static void drain(struct state *s)
{
    static char address[1][NET_NAME_MAX] = {"10.0.0.1"};
    struct action *a;
    struct call *call;
    for (int i = 0; i < STEPS_MAX && (a = core_take_action(&s->core)) != NULL; i++) {
        if (a->kind == ACTION_RESOLVE) {
            core_resolved(&s->core, a->link_id, address, 1, s->now_ms);
        } else if (a->kind == ACTION_CONNECT &&
                   core_set_conn(&s->core, a->link_id, (void *)(uintptr_t)a->link_id)) {
            core_opened(&s->core, a->link_id, s->now_ms);
        } else if (a->kind == ACTION_SEND && a->bytes.len >= 8) {
            s->correlation = (int32_t)be32_get(a->bytes.p + 4);
            s->api_key = (int16_t)be16_get(a->bytes.p);
            s->link_id = a->link_id;
        }
        core_free_action(a);
    }
    while ((call = core_take_done(&s->core)) != NULL) {
        call->done(call);
    }
}

/* An honest handshake, so that what comes behind it is reached. */
static void shake(struct state *s)
{
    /* version 4 is flexible: a compact array of three keys, each with no tags */
    static const uint8_t flexible[] = {0,  0, 4, 0,  3, 0, 1, 0, 13, 0, 0, 2, 0, 1, 0,
                                       11, 0, 0, 10, 0, 0, 0, 6, 0,  0, 0, 0, 0, 0};
    uint8_t whole[4 + sizeof flexible];
    be32_put(whole, (uint32_t)s->correlation);
    memcpy(whole + 4, flexible, sizeof flexible);
    core_frame(&s->core, s->link_id, (struct bytes){whole, sizeof whole}, s->now_ms);
}

static void answer(struct state *s, struct bytes b)
{
    uint8_t *frame = malloc(b.len + 4);
    answered(s->api_key);
    be32_put(frame, (uint32_t)s->correlation);
    memcpy(frame + 4, b.p, b.len);
    core_frame(&s->core, s->link_id, (struct bytes){frame, b.len + 4}, s->now_ms);
    free(frame);
}

/* Behind a version of 0xff these are honest but for one number, so that what comes after them is
 * reached: the leader's epoch, or the code of a fetch. */
static bool is_honest(int16_t api_key, struct bytes b)
{
    bool is_one = api_key == API_METADATA || api_key == API_LIST_OFFSETS || api_key == API_FETCH ||
                  api_key == API_OFFSET_FETCH;
    return is_one && b.len > 1 && b.p[0] == 0xff;
}

static enum err put_metadata(struct metadata_resp *r, uint8_t epoch)
{
    static struct metadata_resp_metadata_response_broker broker;
    static struct metadata_resp_metadata_response_partition partition;
    static struct metadata_resp_metadata_response_topic topic;
    broker = metadata_resp_metadata_response_broker_default;
    broker.node_id = 1;
    broker.host = STR("h");
    partition = metadata_resp_metadata_response_partition_default;
    partition.leader_id = 1;
    partition.leader_epoch = epoch;
    topic = metadata_resp_metadata_response_topic_default;
    topic.name = STR("t");
    topic.partitions = &partition;
    topic.partitions_count = 1;
    *r = metadata_resp_default;
    r->brokers = &broker;
    r->brokers_count = r->topics_count = 1;
    r->topics = &topic;
    return OK;
}

static enum err put_offsets(struct list_offsets_resp *r, uint8_t epoch)
{
    static struct list_offsets_resp_list_offsets_partition_response partition;
    static struct list_offsets_resp_list_offsets_topic_response topic;
    partition = list_offsets_resp_list_offsets_partition_response_default;
    partition.offset = 5;
    partition.leader_epoch = epoch;
    topic.name = STR("t");
    topic.partitions = &partition;
    topic.partitions_count = 1;
    *r = list_offsets_resp_default;
    r->topics = &topic;
    r->topics_count = 1;
    return OK;
}

static enum err put_committed(struct offset_fetch_resp *r, uint8_t epoch)
{
    static struct offset_fetch_resp_offset_fetch_response_partitions partition;
    static struct offset_fetch_resp_offset_fetch_response_topics topic;
    static struct offset_fetch_resp_offset_fetch_response_group group;
    partition = offset_fetch_resp_offset_fetch_response_partitions_default;
    partition.committed_offset = 5;
    partition.committed_leader_epoch = epoch;
    topic = offset_fetch_resp_offset_fetch_response_topics_default;
    topic.name = STR("t");
    topic.partitions = &partition;
    topic.partitions_count = 1;
    group = offset_fetch_resp_offset_fetch_response_group_default;
    group.group_id = STR("g");
    group.topics = &topic;
    group.topics_count = 1;
    *r = offset_fetch_resp_default;
    r->groups = &group;
    r->groups_count = 1;
    return OK;
}

static enum err put_fetch(struct fetch_resp *r, uint8_t code)
{
    static struct fetch_resp_partition_data partition;
    static struct fetch_resp_fetchable_topic_response topic;
    partition = fetch_resp_partition_data_default;
    partition.error_code = code;
    topic = fetch_resp_fetchable_topic_response_default;
    topic.topic = STR("t");
    topic.partitions = &partition;
    topic.partitions_count = 1;
    *r = fetch_resp_default;
    r->responses = &topic;
    r->responses_count = 1;
    return OK;
}

/* The consumer's next question gets these bytes for an answer. */
static void answer_fetcher(struct state *s, struct bytes b)
{
    struct ask *ask = fetcher_next(&s->fetcher, s->now_ms);
    struct arena a;
    union {
        struct metadata_resp metadata;
        struct list_offsets_resp offsets;
        struct fetch_resp fetch;
        struct offset_fetch_resp committed;
        struct offset_for_leader_epoch_resp epochs;
    } resp;
    if (ask == NULL || b.len == 0) {
        if (ask != NULL) {
            fetcher_drop(&s->fetcher, ask);
        }
        return;
    }
    uint8_t *frame = mem_alloc(b.len);
    memcpy(frame, b.p, b.len);
    answered(ask->api_key);
    int version = ask->version_lo + frame[0] % (ask->version_hi - ask->version_lo + 1);
    arena_init(&a, BUDGET_BYTES);
    enum err e;
    if (!is_honest(ask->api_key, b)) {
        e = formed_read(wire_response(ask->api_key), version, (struct bytes){frame, b.len}, &a,
                        &resp);
    } else if (ask->api_key == API_METADATA) {
        e = put_metadata(&resp.metadata, b.p[1]);
    } else if (ask->api_key == API_OFFSET_FETCH) {
        e = put_committed(&resp.committed, b.p[1]);
    } else {
        e = ask->api_key == API_FETCH ? put_fetch(&resp.fetch, b.p[1])
                                      : put_offsets(&resp.offsets, b.p[1]);
    }
    fetcher_take(&s->fetcher, ask, e, &resp, frame, s->now_ms);
    arena_deinit(&a);
    for (int i = 0; i < STEPS_MAX; i++) {
        struct ottla_records *r = fetcher_records(&s->fetcher);
        if (r == NULL) {
            break;
        }
        ottla_records_free(r);
    }
    s->fetcher.code = 0;
}

/* What its records are told. */
static void tell_batch(struct accumulator *acc, struct acc_batch *batch)
{
    for (int32_t i = 0; i < batch->count; i++) {
        struct acc_verdict v = acc_verdict(batch, i);
        ASSERT((v.code == 0) == (v.text == NULL));
        ASSERT(v.text == NULL || v.text[0] != '\0');
    }
    acc_free_batch(acc, batch);
}

static void tell_delay(const struct txn *t)
{
    char why[64];
    txn_tell_delay(t, why, sizeof why);
    ASSERT(why[0] != '\0');
}

/* The producer's next question gets these bytes for an answer. */
static void answer_one(struct state *s, struct accumulator *acc, struct bytes b)
{
    struct produce_ask *ask = acc_next(acc, s->now_ms);
    struct acc_batch *batch;
    struct arena a;
    union produce_answer resp;
    if (ask != NULL) {
        if (ask->kind == PRODUCE_BATCHES) {
            ask_seal(ask);
        }
        ask->txn_version = b.len > 1 && b.p[b.len - 1] & 8 ? 0 : 2;
        answered(ask->api_key);
        int span = ask->version_hi - ask->version_lo + 1;
        int version = ask->version_lo + (b.len ? b.p[0] % span : 0);
        arena_init(&a, BUDGET_BYTES);
        enum err e = ERR_NETWORK_EXCEPTION;
        if (is_honest(ask->api_key, b)) {
            e = put_metadata(&resp.metadata, b.p[1]);
        } else if (b.len > 0) {
            e = formed_read(wire_response(ask->api_key), version, b, &a, &resp);
        }
        acc_take(acc, ask, e, &resp, s->now_ms);
        arena_deinit(&a);
    }
    struct acc_topic *t = acc_topic(acc, "t");
    if (t->count > 0) {
        struct ottla_message m = {.topic = "t",
                                  .partition = -1,
                                  .timestamp_ms = 1,
                                  .key = "k",
                                  .key_length = 1,
                                  .value = b.p,
                                  .value_length = b.len};
        struct acc_place place;
        if (acc_choose(acc, t, &m, &place) == 0) {
            (void)acc_add(acc, &place, &m, (struct delivery_to){NULL, NULL}, 1, s->now_ms);
        }
    }
    while ((batch = acc_done(acc)) != NULL) {
        tell_batch(acc, batch);
    }
    tell_delay(&acc->txn);
}

static void answer_producer(struct state *s, struct bytes b) { answer_one(s, &s->acc, b); }

/* What the program does with its transactions comes from the input, too. */
static void answer_txn(struct state *s, struct bytes b)
{
    static const struct ottla_commit offset = {"t", 0, -1, 5, NULL};
    static const struct ottla_group_metadata group = {"g", 1, "m", NULL};
    struct txn *t = &s->txn_acc.txn;
    switch (b.len > 1 ? b.p[b.len - 1] % 8 : 0) {
    case 0:
        (void)txn_start(t);
        break;
    case 1:
        (void)txn_begin(t);
        break;
    case 2:
        (void)txn_commit(t);
        break;
    case 3:
        (void)txn_abort(t);
        break;
    case 4:
        (void)txn_add_offsets(t, &offset, 1, &group);
        break;
    default:
        break;
    }
    answer_one(s, &s->txn_acc, b);
}

static void read_records(struct bytes b)
{
    struct source source;
    uint8_t *frame = mem_alloc(MAX(b.len, 1));
    memcpy(frame, b.p, b.len);
    struct fetched *f = fetched_new(frame);
    struct source_rules rules = {
        .max_count = 3, .max_plain_bytes = 1000, .is_read_committed = true};
    struct ottla_records *out = records_new("t");
    int64_t position = 0;
    enum err e;
    source_init(&source, f, (struct bytes){frame, b.len});
    (void)source_take(&source, &rules, 0, &position, out, &e);
    source_deinit(&source);
    fetched_unref(f);
    for (size_t i = 0; i < ottla_records_count(out); i++) {
        const struct ottla_record *r = ottla_records_at(out, i);
        ASSERT(r->offset >= 0 && r->offset < position);
    }
    ottla_records_free(out);
}

static void step(struct state *s, uint8_t what, struct bytes b)
{
    if (what >= TXN_FROM) {
        answer_txn(s, b);
        drain(s);
        return;
    }
    switch (what % 8) {
    case 0:
        answer(s, b);
        break;
    case 1:
        shake(s);
        break;
    case 2:
        s->now_ms += b.len;
        core_tick(&s->core, s->now_ms);
        break;
    case 3:
        core_closed(&s->core, s->link_id, ERR_CLOSED, s->now_ms);
        break;
    case 4:
        answer_fetcher(s, b);
        break;
    case 5:
        answer_producer(s, b);
        break;
    case 6:
        read_records(b);
        break;
    default:
        core_frame(&s->core, s->link_id, b, s->now_ms);
    }
    drain(s);
}

static void end_producer(struct accumulator *acc)
{
    struct acc_batch *batch;
    acc_fail_all(acc, ERR_CLOSED);
    while ((batch = acc_done(acc)) != NULL) {
        acc_free_batch(acc, batch);
    }
    ASSERT(acc->open == 0 && acc->bytes == 0);
    acc_deinit(acc);
}

static void finish(struct state *s)
{
    core_stop(&s->core, s->now_ms);
    drain(s);
    ASSERT(s->ended == CALLS);
    core_deinit(&s->core);
    fetcher_deinit(&s->fetcher);
    end_producer(&s->acc);
    end_producer(&s->txn_acc);
    ottla_config_free(s->txn_config);
    ottla_config_free(s->config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct ottla_topic_partition tp = {"t", 0};
    struct state *s = calloc(1, sizeof *s);
    s->config = ottla_config_new();
    (void)ottla_config_set(s->config, "bootstrap.servers", "h:1", NULL);
    (void)ottla_config_set(s->config, "auto.offset.reset", "earliest", NULL);
    (void)ottla_config_set(s->config, "group.id", size % 2 ? "g" : "", NULL);
    s->now_ms = 1;
    s->req = list_offsets_req_default;
    core_init(&s->core, &s->config->values, 1);
    fetcher_init(&s->fetcher, &s->config->values, 1);
    fetcher_assign(&s->fetcher, &tp, 1, 1);
    acc_init(&s->acc, &s->config->values, 1);
    (void)acc_topic(&s->acc, "t");
    s->txn_config = ottla_config_new();
    (void)ottla_config_set(s->txn_config, "transactional.id", "x", NULL);
    acc_init(&s->txn_acc, &s->txn_config->values, 1);
    (void)acc_topic(&s->txn_acc, "t");
    for (int i = 0; i < CALLS; i++) {
        submit(s, i, (enum call_to)i);
    }
    drain(s);
    for (size_t at = 0; at + 3 <= size;) {
        size_t len = MIN((size_t)be16_get(data + at + 1), size - at - 3);
        step(s, data[at], (struct bytes){data + at + 3, len});
        at += 3 + len;
    }
    finish(s);
    free(s);
    return 0;
}
