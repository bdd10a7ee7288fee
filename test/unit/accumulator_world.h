/* A producer's batches in virtual time: an accumulator with a topic of four partitions, whose even
 * ones node 0 leads and whose odd ones node 1, and somebody who answers what it asks. */
#ifndef TEST_UNIT_ACCUMULATOR_WORLD_H
#define TEST_UNIT_ACCUMULATOR_WORLD_H

#include "test.h"

#include "base/mem.h"
#include "client/producer/accumulator.h"

#include <stdio.h>

struct world {
    struct ottla_config *config;
    struct accumulator acc;
    struct acc_topic *topic;
    int64_t now_ms;
};

static struct world world;

static inline struct acc_topic *metadata(int32_t partitions)
{
    struct metadata_resp_metadata_response_partition p[8];
    struct metadata_resp_metadata_response_topic t = metadata_resp_metadata_response_topic_default;
    union produce_answer u;
    struct metadata_resp r = metadata_resp_default;
    struct produce_ask *a = acc_next(&world.acc, world.now_ms);
    assert_int_equal(a->kind, PRODUCE_METADATA);
    for (int32_t i = 0; i < partitions; i++) {
        p[i] = metadata_resp_metadata_response_partition_default;
        p[i].partition_index = i;
        p[i].leader_id = i % 2;
    }
    t.name = STR("t");
    t.partitions = p;
    t.partitions_count = partitions;
    r.topics = &t;
    r.topics_count = 1;
    u.metadata = r;
    acc_take(&world.acc, a, OK, &u, world.now_ms);
    return acc_topic(&world.acc, "t");
}

static inline void give_id(int64_t id)
{
    union produce_answer r = {.init = init_producer_id_resp_default};
    struct produce_ask *a = acc_next(&world.acc, world.now_ms);
    assert_non_null(a);
    assert_int_equal(a->kind, PRODUCE_INIT);
    r.init.producer_id = id;
    a->txn_version = -1;
    acc_take(&world.acc, a, OK, &r, world.now_ms);
}

static inline void set(const char *name, const char *value)
{
    assert_int_equal(ottla_config_set(world.config, name, value, NULL), 0);
}

static inline int setup(void **state)
{
    (void)state;
    world = (struct world){.config = ottla_config_new(), .now_ms = 1000};
    set("linger.ms", "10");
    set("batch.size", "200");
    acc_init(&world.acc, &world.config->values, 1);
    (void)acc_topic(&world.acc, "t");
    world.topic = metadata(4);
    return 0;
}

static inline int teardown(void **state)
{
    struct acc_batch *b;
    (void)state;
    acc_fail_all(&world.acc, ERR_CLOSED);
    while ((b = acc_done(&world.acc)) != NULL) {
        acc_free_batch(&world.acc, b);
    }
    bool is_empty = world.acc.open == 0 && world.acc.bytes == 0;
    acc_deinit(&world.acc);
    ottla_config_free(world.config);
    return is_empty ? 0 : -1;
}

/* Whether it made a batch ready or new. */
static inline bool add(int32_t partition, const char *value)
{
    struct ottla_message m;
    ottla_message_init(&m);
    m.partition = partition;
    m.value = value;
    m.value_length = strlen(value);
    struct acc_place place;
    assert_int_equal(acc_choose(&world.acc, world.topic, &m, &place), 0);
    bool is_ready =
        acc_add(&world.acc, &place, &m, (struct delivery_to){NULL, NULL}, 1, world.now_ms);
    return is_ready;
}

static inline struct produce_ask *next(void)
{
    struct produce_ask *a = acc_next(&world.acc, world.now_ms);
    if (a != NULL && a->kind == PRODUCE_BATCHES) {
        ask_seal(a);
    }
    return a;
}

static inline struct batch head_of(const struct produce_ask *a, int i)
{
    struct batch b;
    const struct wire_records *r = &a->req.produce.topic_data[i].partition_data->records;
    assert_ok(batch_parse((struct bytes){r->p, r->len}, &b));
    assert_ok(batch_check_crc(&b));
    return b;
}

/* The same code for every partition of it. */
static inline void answer(struct produce_ask *a, int code, int64_t offset)
{
    struct produce_resp_partition_produce_response p[8];
    struct produce_resp_topic_produce_response t[8];
    union produce_answer u;
    struct produce_resp r = produce_resp_default;
    assert_int_equal(a->kind, PRODUCE_BATCHES);
    for (int32_t i = 0; i < a->req.produce.topic_data_count; i++) {
        p[i] = produce_resp_partition_produce_response_default;
        p[i].index = a->req.produce.topic_data[i].partition_data->index;
        p[i].error_code = (int16_t)code;
        p[i].base_offset = offset;
        t[i] = produce_resp_topic_produce_response_default;
        t[i].name = STR("t");
        t[i].partition_responses = &p[i];
        t[i].partition_responses_count = 1;
        r.responses_count++;
    }
    r.responses = t;
    u.produce = r;
    acc_take(&world.acc, a, OK, &u, world.now_ms);
}

static inline void ends(int code, int32_t count, int64_t offset)
{
    struct acc_batch *b = acc_done(&world.acc);
    assert_non_null(b);
    assert_string_equal(ottla_error_name(b->code), ottla_error_name(code));
    assert_int_equal(b->count, count);
    assert_int_equal(b->base_off, offset);
    acc_free_batch(&world.acc, b);
}

/* One partition's answer as the test wants it. */
static inline void answer_with(struct produce_ask *a,
                               struct produce_resp_partition_produce_response p,
                               int32_t throttle_ms)
{
    struct produce_resp_topic_produce_response t = produce_resp_topic_produce_response_default;
    union produce_answer u = {.produce = produce_resp_default};
    t.name = STR("t");
    t.partition_responses = &p;
    t.partition_responses_count = 1;
    u.produce.responses = &t;
    u.produce.responses_count = 1;
    u.produce.throttle_time_ms = throttle_ms;
    acc_take(&world.acc, a, OK, &u, world.now_ms);
}

#endif
