/* What a producer does with batches, in virtual time: gathering, order, sequences, retries, ends.
 */
#include "test.h"

#include "base/mem.h"
#include "client/accumulator.h"

#include <stdio.h>

struct world {
    struct ottla_config *config;
    struct accumulator acc;
    struct acc_topic *topic;
    int64_t now_ms;
};

static struct world world;

static struct acc_topic *metadata(int32_t partitions)
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

static void give_id(int64_t id)
{
    union produce_answer r = {.init = init_producer_id_resp_default};
    struct produce_ask *a = acc_next(&world.acc, world.now_ms);
    assert_non_null(a);
    assert_int_equal(a->kind, PRODUCE_INIT);
    r.init.producer_id = id;
    a->txn_version = -1;
    acc_take(&world.acc, a, OK, &r, world.now_ms);
}

static void set(const char *name, const char *value)
{
    assert_int_equal(ottla_config_set(world.config, name, value, NULL), 0);
}

static int setup(void **state)
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

static int teardown(void **state)
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
static bool add(int32_t partition, const char *value)
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

static struct produce_ask *next(void)
{
    struct produce_ask *a = acc_next(&world.acc, world.now_ms);
    if (a != NULL && a->kind == PRODUCE_BATCHES) {
        ask_seal(a);
    }
    return a;
}

static struct batch head_of(const struct produce_ask *a, int i)
{
    struct batch b;
    const struct wire_records *r = &a->req.produce.topic_data[i].partition_data->records;
    assert_ok(batch_parse((struct bytes){r->p, r->len}, &b));
    assert_ok(batch_check_crc(&b));
    return b;
}

/* The same code for every partition of it. */
static void answer(struct produce_ask *a, int code, int64_t offset)
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

static void ends(int code, int32_t count, int64_t offset)
{
    struct acc_batch *b = acc_done(&world.acc);
    assert_non_null(b);
    assert_string_equal(ottla_error_name(b->code), ottla_error_name(code));
    assert_int_equal(b->count, count);
    assert_int_equal(b->base_off, offset);
    acc_free_batch(&world.acc, b);
}

static struct acc_batch *acc_first_batch(void)
{
    return LIST_ENTRY(list_front(&world.topic->queues[0]->batches), struct acc_batch, node);
}

static void test_linger(void **state)
{
    (void)state;
    assert_true(add(0, "a"));
    assert_false(add(0, "b"));
    give_id(7);
    assert_null(next());
    assert_int_equal(acc_deadline_ms(&world.acc, world.now_ms), 1010);
    world.now_ms = 1010;
    struct produce_ask *a = next();
    struct batch b = head_of(a, 0);
    assert_int_equal(b.count, 2);
    assert_int_equal(b.producer_id, 7);
    assert_int_equal(b.base_seq, 0);
    assert_null(next());
    answer(a, 0, 40);
    ends(0, 2, 40);
    assert_null(acc_done(&world.acc));
}

static void test_full(void **state)
{
    char big[100];
    (void)state;
    memset(big, 'x', sizeof big - 1);
    big[99] = '\0';
    assert_true(add(0, big));
    assert_false(add(0, "y"));
    assert_true(add(0, big)); /* does not fit: a new batch, and the first is ready */
    give_id(7);
    struct produce_ask *a = next();
    assert_int_equal(head_of(a, 0).count, 2);
    world.acc.flushes = 1; /* nothing lingers then */
    assert_null(next());   /* the first one goes alone */
    answer(a, 0, 0);
    ends(0, 2, 0);
    a = next();
    assert_int_equal(head_of(a, 0).base_seq, 2);
    add(0, "z");
    struct produce_ask *second = next(); /* beside the other one */
    assert_int_equal(head_of(second, 0).base_seq, 3);
    answer(a, 0, 2);
    ends(0, 1, 2);
    answer(second, 0, 3);
    ends(0, 1, 3);
}

/* What cannot leave grows, until a broker finds it too large. */
static void test_growth(void **state)
{
    char big[100];
    (void)state;
    memset(big, 'x', sizeof big - 1);
    big[99] = '\0';
    acc_let_grow(&world.acc);
    add(0, big);
    add(0, big); /* nothing is under way: a batch of its own */
    give_id(7);
    struct produce_ask *a = next();
    assert_int_equal(head_of(a, 0).count, 1);
    add(0, big); /* the second one may be the next to leave */
    add(0, big); /* but not the third */
    add(0, big);
    answer(a, 0, 0);
    ends(0, 1, 0);
    a = next();
    assert_int_equal(head_of(a, 0).count, 1);
    struct produce_ask *second = next();
    assert_int_equal(head_of(second, 0).count, 3);
    answer(a, 0, 1);
    ends(0, 1, 1);
    answer(second, ERR_MESSAGE_TOO_LARGE, -1);
    assert_int_equal(world.acc.grow_bytes, 0);
    for (int i = 1; i <= 2; i++) {
        a = next();
        assert_int_equal(head_of(a, 0).count, i);
        answer(a, 0, i + 1);
        ends(0, i, i + 1);
    }
}

/* A connection may hold the bytes of an earlier try: they stay as they were. */
static void test_shared_bytes(void **state)
{
    (void)state;
    add(0, "a");
    give_id(7);
    world.acc.flushes = 1;
    struct produce_ask *a = next();
    struct batch before = head_of(a, 0), again;
    struct parcel *parcel = parcel_ref(a->req.produce.topic_data[0].partition_data->records.ref);
    answer(a, ERR_UNKNOWN_PRODUCER_ID, 0); /* with a log start of -1: once more, as it is */
    world.now_ms += 10000;
    world.topic->needs_metadata = false;
    a = next();
    assert_ptr_equal(a->req.produce.topic_data[0].partition_data->records.ref, parcel);
    acc_take(&world.acc, a, ERR_NETWORK_EXCEPTION, NULL, world.now_ms);
    acc_first_batch()->sequence = 5;
    world.now_ms += 10000;
    world.topic->needs_metadata = false;
    a = next();
    assert_int_equal(head_of(a, 0).base_seq, 5);
    assert_ptr_not_equal(a->req.produce.topic_data[0].partition_data->records.ref, parcel);
    assert_ok(batch_parse(buf_bytes(&parcel->buf), &again));
    assert_int_equal(again.base_seq, before.base_seq);
    assert_ok(batch_check_crc(&again));
    parcel_unref(parcel);
    answer(a, 0, 1);
    ends(0, 1, 1);
}

/* Partitions of one leader go together, leaders apart. */
static void test_leaders(void **state)
{
    (void)state;
    world.acc.flushes = 1;
    for (int32_t i = 0; i < 4; i++) {
        add(i, "a");
    }
    give_id(7);
    struct produce_ask *even = next(), *odd = next();
    assert_null(next());
    assert_int_equal(even->to_node, 0);
    assert_int_equal(even->count, 2);
    assert_int_equal(odd->to_node, 1);
    assert_int_equal(odd->count, 2);
    answer(odd, 0, 0);
    answer(even, 0, 0);
    for (int i = 0; i < 4; i++) {
        ends(0, 1, 0);
    }
}

/* A batch that is sent again is the same batch, and what came behind it stays behind it. */
static void test_retry(void **state)
{
    (void)state;
    world.acc.flushes = 1;
    add(0, "a");
    give_id(7);
    struct produce_ask *a = next();
    struct batch first = head_of(a, 0);
    add(0, "b");
    answer(a, ERR_NOT_LEADER_OR_FOLLOWER, -1);
    assert_null(acc_done(&world.acc));
    world.topic = metadata(4);
    assert_null(next()); /* backs off */
    world.now_ms = acc_deadline_ms(&world.acc, world.now_ms);
    assert_in_range(world.now_ms, 1080, 1120);
    a = next();
    struct batch again = head_of(a, 0);
    assert_int_equal(again.crc, first.crc);
    assert_int_equal(again.base_seq, 0);
    answer(a, ERR_DUPLICATE_SEQUENCE_NUMBER, -1); /* the first try had been written */
    ends(0, 1, -1);
    a = next();
    assert_int_equal(head_of(a, 0).base_seq, 1);
    answer(a, 0, 1);
    ends(0, 1, 1);
}

/* A batch of its own. */
static void add_full(void)
{
    char value[190];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    add(0, value);
}

/* The fifth is written and told, over a new connection, before it is known that the first four were
 * lost with the old one. A broker remembers five: of those that are sent again none may fall out of
 * its sight while its fate is open. */
static void test_window(void **state)
{
    (void)state;
    enum { LOST = 4 };
    struct produce_ask *asks[LOST + 1], *a;
    int fresh = 0;
    world.acc.flushes = 1;
    for (int i = 0; i < 14; i++) {
        add_full();
    }
    give_id(7);
    answer(next(), 0, 0); /* the first batch of an id goes alone */
    for (int i = 0; i <= LOST; i++) {
        asks[i] = next();
        assert_int_equal(head_of(asks[i], 0).base_seq, i + 1);
    }
    assert_null(next());
    answer(asks[LOST], 0, LOST + 1);
    assert_null(next()); /* the first of the five is the earliest that a broker still knows */
    for (int i = 0; i < LOST; i++) {
        acc_take(&world.acc, asks[i], ERR_NETWORK_EXCEPTION, NULL, world.now_ms);
    }
    world.topic = metadata(4);
    world.now_ms += 10000;
    for (int i = 1; i < LOST; i++) {
        a = next();
        assert_int_equal(head_of(a, 0).base_seq, i);
        assert_null(next());
        answer(a, 0, i);
    }
    a = next();
    assert_int_equal(head_of(a, 0).base_seq, LOST);
    struct produce_ask *more[8];
    while ((more[fresh] = next()) != NULL) {
        assert_int_equal(head_of(more[fresh], 0).base_seq, LOST + 2 + fresh);
        fresh++;
    }
    assert_int_equal(fresh, 3); /* with 4, 5 and these the broker remembers five */
    answer(a, 0, LOST);
    for (int i = 0; i < fresh; i++) {
        answer(more[i], 0, LOST + 2 + i);
    }
}

/* A network that breaks is a reason to try again, a record that is wrong is none. After what is
 * lost all begins in another epoch. */
static void test_failure(void **state)
{
    (void)state;
    world.acc.flushes = 1;
    add(0, "a");
    give_id(7);
    acc_take(&world.acc, next(), ERR_NETWORK_EXCEPTION, NULL, world.now_ms);
    world.topic = metadata(4);
    world.now_ms += 1000;
    struct produce_ask *a = next();
    add(0, "b");
    answer(a, ERR_INVALID_RECORD, -1);
    ends(ERR_INVALID_RECORD, 1, -1);
    a = next();
    assert_int_equal(head_of(a, 0).producer_id, 7);
    assert_int_equal(head_of(a, 0).producer_epoch, 1);
    assert_int_equal(head_of(a, 0).base_seq, 0);
    answer(a, 0, 5);
    ends(0, 1, 5);
}

/* The first batch is on its way and flushed; it may take so long. */
static struct produce_ask *send_with_timeout(const char *delivery_timeout_ms)
{
    set("delivery.timeout.ms", delivery_timeout_ms);
    world.acc.flushes = 1;
    add(0, "a");
    give_id(7);
    return next();
}

static void test_delivery_timeout(void **state)
{
    (void)state;
    struct produce_ask *a = send_with_timeout("500");
    answer(a, ERR_NOT_ENOUGH_REPLICAS, -1);
    world.topic = metadata(4);
    world.now_ms += 500;
    assert_null(next());
    ends(ERR_REQUEST_TIMED_OUT, 1, -1);
    assert_int_equal(world.acc.txn.epoch, 1); /* nobody knows whether it was written */
}

/* One that is on its way when its time is over, and one whose way was cut before: they end alike.
 */
static void test_delivery_timeout_on_the_way(void **state)
{
    (void)state;
    struct produce_ask *a = send_with_timeout("500");
    world.now_ms += 500;
    acc_take(&world.acc, a, ERR_REQUEST_TIMED_OUT, NULL, world.now_ms);
    ends(ERR_REQUEST_TIMED_OUT, 1, -1);
    add(0, "b");
    a = next();
    world.now_ms += 600;
    answer(a, ERR_NOT_ENOUGH_REPLICAS, -1); /* what the broker said is told */
    ends(ERR_NOT_ENOUGH_REPLICAS, 1, -1);
}

/* --- what answers say beside their code --- */

/* One partition's answer as the test wants it. */
static void answer_with(struct produce_ask *a, struct produce_resp_partition_produce_response p,
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

/* KIP-951: the new leader is asked at once. */
static void test_leader_is_told(void **state)
{
    struct produce_resp_partition_produce_response p =
        produce_resp_partition_produce_response_default;
    (void)state;
    world.acc.flushes = 1;
    add(0, "a");
    give_id(7);
    struct produce_ask *a = next();
    assert_int_equal(a->to_node, 0);
    p.error_code = ERR_NOT_LEADER_OR_FOLLOWER;
    p.current_leader.leader_id = 5;
    p.current_leader.leader_epoch = 1;
    answer_with(a, p, 0);
    struct produce_ask *meta = next();
    assert_int_equal(meta->kind, PRODUCE_METADATA);
    a = next();
    assert_int_equal(a->to_node, 5);
    acc_take(&world.acc, meta, ERR_NETWORK_EXCEPTION, NULL, world.now_ms);
    answer(a, 0, 1);
    ends(0, 1, 1);
}

/* KIP-219: a broker that throttles is left alone for so long, others are not. */
static void test_throttle(void **state)
{
    (void)state;
    set("linger.ms", "0");
    add(0, "a");
    give_id(7);
    answer_with(next(), produce_resp_partition_produce_response_default, 300);
    ends(0, 1, 0);
    add(0, "b");
    add(1, "c");
    struct produce_ask *other = next();
    assert_int_equal(other->to_node, 1);
    assert_null(next());
    assert_int_equal(acc_deadline_ms(&world.acc, world.now_ms), world.now_ms + 300);
    world.now_ms += 300;
    answer(other, 0, 0);
    answer(next(), 0, 1);
    ends(0, 1, 0);
    ends(0, 1, 1);
    assert_int_equal(world.acc.metrics.throttles.count, 3);
    assert_int_equal(world.acc.metrics.throttles.sum_ms, 300);
    assert_int_equal(world.acc.metrics.throttles.max_ms, 300);
    add(0, "d");
    struct produce_ask *late = next();
    late->kept_back = true; /* by a broker of old */
    answer_with(late, produce_resp_partition_produce_response_default, 500);
    ends(0, 1, 0);
    add(0, "e");
    answer(next(), 0, 2);
    ends(0, 1, 2);
    assert_int_equal(world.acc.metrics.throttles.max_ms, 500);
}

/* --- what brokers say of what they refuse --- */

static void verdict_is(const struct acc_batch *b, int32_t i, int code, const char *text)
{
    struct acc_verdict v = acc_verdict(b, i);
    assert_string_equal(ottla_error_name(v.code), ottla_error_name(code));
    assert_string_equal(v.text, text);
}

/* A batch of three that is refused with this answer. */
static struct acc_batch *refuse(const struct produce_resp_partition_produce_response *p)
{
    world.acc.flushes = 1;
    add(0, "a");
    add(0, "b");
    add(0, "c");
    if (world.acc.txn.id < 0) {
        give_id(7);
    }
    answer_with(next(), *p, 0);
    struct acc_batch *b = acc_done(&world.acc);
    assert_non_null(b);
    return b;
}

static void test_words_of_a_batch(void **state)
{
    struct produce_resp_partition_produce_response p =
        produce_resp_partition_produce_response_default;
    (void)state;
    p.error_code = ERR_POLICY_VIOLATION;
    struct acc_batch *b = refuse(&p);
    verdict_is(b, 0, ERR_POLICY_VIOLATION, ottla_error_text(ERR_POLICY_VIOLATION));
    acc_free_batch(&world.acc, b);
    p.error_message = STR("not on Sundays");
    b = refuse(&p);
    verdict_is(b, 2, ERR_POLICY_VIOLATION, "not on Sundays");
    acc_free_batch(&world.acc, b);
}

/* KIP-467. Rows about records that are not there are passed over. */
static void test_words_of_records(void **state)
{
    struct produce_resp_batch_index_and_error_message rows[] = {
        {-1, STR("before")}, {3, STR("behind")}, {1, STR("no key")}, {2, STR_NULL}};
    struct produce_resp_partition_produce_response p =
        produce_resp_partition_produce_response_default;
    const char *const other = "not written, because other records of its batch were refused";
    (void)state;
    p.error_code = ERR_INVALID_TIMESTAMP;
    p.error_message = STR("of the whole");
    p.record_errors = rows;
    p.record_errors_count = 2;
    struct acc_batch *b = refuse(&p);
    verdict_is(b, 1, ERR_INVALID_TIMESTAMP, "of the whole");
    acc_free_batch(&world.acc, b);
    p.record_errors_count = 3; /* one: the batch's code is its own */
    b = refuse(&p);
    verdict_is(b, 0, ERR_OPERATION_NOT_ATTEMPTED, other);
    verdict_is(b, 1, ERR_INVALID_TIMESTAMP, "no key");
    acc_free_batch(&world.acc, b);
    p.record_errors_count = 4;
    b = refuse(&p);
    verdict_is(b, 0, ERR_OPERATION_NOT_ATTEMPTED, other);
    verdict_is(b, 1, ERR_INVALID_RECORD, "no key");
    verdict_is(b, 2, ERR_INVALID_RECORD, "of the whole");
    acc_free_batch(&world.acc, b);
    p.error_message = STR_NULL;
    b = refuse(&p);
    verdict_is(b, 2, ERR_INVALID_RECORD, ottla_error_text(ERR_INVALID_TIMESTAMP));
    acc_free_batch(&world.acc, b);
}

/* Time is over: what its last try met with is told. */
static void test_words_of_a_delay(void **state)
{
    (void)state;
    world.acc.flushes = 1;
    add(0, "a");
    give_id(7);
    answer(next(), ERR_NOT_ENOUGH_REPLICAS, -1);
    struct produce_ask *meta = next();
    acc_take(&world.acc, meta, ERR_NETWORK_EXCEPTION, NULL, world.now_ms);
    world.now_ms += world.config->values.delivery_timeout_ms;
    struct produce_ask *a = next();
    acc_take(&world.acc, a, ERR_NETWORK_EXCEPTION, NULL, world.now_ms);
    struct acc_batch *b = acc_done(&world.acc);
    char want[200];
    snprintf(want, sizeof want, "not written within delivery.timeout.ms: NOT_ENOUGH_REPLICAS, %s",
             ottla_error_text(ERR_NOT_ENOUGH_REPLICAS));
    verdict_is(b, 0, ERR_REQUEST_TIMED_OUT, want);
    acc_free_batch(&world.acc, b);
}

/* What could never be taken is refused, not waited for. */
static void test_larger_than_memory(void **state)
{
    struct ottla_message m;
    struct acc_place place;
    static const char value[2000];
    (void)state;
    ottla_message_init(&m);
    m.value = value;
    m.value_length = sizeof value;
    set("buffer.memory", "2000");
    assert_int_equal(acc_check_size(&world.acc, &m), ERR_MESSAGE_TOO_LARGE);
    assert_int_equal(acc_choose(&world.acc, world.topic, &m, &place), ERR_MESSAGE_TOO_LARGE);
    set("buffer.memory", "2100");
    assert_int_equal(acc_check_size(&world.acc, &m), 0);
    assert_int_equal(acc_choose(&world.acc, world.topic, &m, &place), 0);
    set("max.request.size", "2000");
    assert_int_equal(acc_check_size(&world.acc, &m), ERR_MESSAGE_TOO_LARGE);
}

/* Too large for the broker: two halves, whose sequences are those of the whole. */
static void test_split(void **state)
{
    (void)state;
    for (const char *text = "abcde"; *text != '\0'; text++) {
        char value[2] = {*text, '\0'};
        add(0, value);
    }
    world.acc.flushes = 1;
    give_id(7);
    answer(next(), ERR_MESSAGE_TOO_LARGE, -1);
    struct produce_ask *a = next();
    assert_int_equal(head_of(a, 0).count, 2);
    assert_int_equal(head_of(a, 0).base_seq, 0);
    assert_null(next());
    answer(a, 0, 0);
    ends(0, 2, 0);
    a = next();
    assert_int_equal(head_of(a, 0).count, 3);
    assert_int_equal(head_of(a, 0).base_seq, 2);
    answer(a, 0, 2);
    ends(0, 3, 2);
    add(0, "f"); /* what cannot be split has failed */
    answer(next(), ERR_MESSAGE_TOO_LARGE, -1);
    ends(ERR_MESSAGE_TOO_LARGE, 1, -1);
}

/* --- where records go --- */

static int32_t partition_of(const char *key)
{
    struct ottla_message m;
    struct acc_place place;
    ottla_message_init(&m);
    m.key = key;
    m.key_length = key ? strlen(key) : 0;
    assert_int_equal(acc_choose(&world.acc, world.topic, &m, &place), 0);
    return place.queue->partition;
}

static void test_round_robin(void **state)
{
    (void)state;
    world.acc.is_round_robin = true;
    world.topic->queues[2]->leader = -1; /* has nobody to take records */
    static const int32_t want[] = {0, 1, 3, 0, 1, 3};
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_int_equal(partition_of("same key"), want[i]);
    }
}

/* Keys first; without one a partition is kept until a batch is full. */
static void test_keys_and_none(void **state)
{
    (void)state;
    assert_int_equal(partition_of("k"), ottla_partition_for_key("k", 1, 4));
    int32_t first = partition_of(NULL);
    assert_int_equal(partition_of(NULL), first);
    world.topic->queues[first]->leader = -1;
    world.topic->sticky.bytes = 1000;
    for (int i = 0; i < 50; i++) {
        assert_int_not_equal(partition_of(NULL), first);
    }
}

/* partitioner.ignore.keys: what has a key is spread as what has none; a partition that is named
 * stays. */
static void test_ignore_keys(void **state)
{
    char key[16];
    (void)state;
    assert_int_equal(partition_of("k1"), ottla_partition_for_key("k1", 2, 4));
    set("partitioner.ignore.keys", "true");
    world.topic->sticky.partition = -1;
    for (int batch = 0; batch < 20; batch++) {
        world.topic->sticky.bytes = 1000; /* of the batch before */
        int32_t home = partition_of(NULL);
        for (int i = 0; i < 5; i++) {
            snprintf(key, sizeof key, "k%d", i);
            assert_int_equal(partition_of(key), home);
        }
    }
    struct ottla_message m;
    struct acc_place place;
    ottla_message_init(&m);
    m.key = "k1";
    m.key_length = 2;
    for (m.partition = 0; m.partition < 4; m.partition++) {
        assert_int_equal(acc_choose(&world.acc, world.topic, &m, &place), 0);
        assert_int_equal(place.queue->partition, m.partition);
    }
}

enum { CHOICES = 4000 };

/* How often each of the four partitions is chosen for a new batch of records without keys. */
static void count_choices(int seen[4])
{
    for (int i = 0; i < 4; i++) {
        seen[i] = 0;
    }
    for (int i = 0; i < CHOICES; i++) {
        world.topic->sticky.partition = -1;
        seen[partition_of(NULL)]++;
    }
}

/* Three batches wait for partition 0, none for the others: 1 : 4 : 4 : 4, or all alike. */
static void test_adaptive(void **state)
{
    static const char value[150];
    int seen[4];
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct ottla_message m;
        struct acc_place place;
        ottla_message_init(&m);
        m.partition = 0;
        m.value = value;
        m.value_length = sizeof value;
        assert_int_equal(acc_choose(&world.acc, world.topic, &m, &place), 0);
        (void)acc_add(&world.acc, &place, &m, (struct delivery_to){NULL, NULL}, 1, world.now_ms);
    }
    assert_int_equal(world.topic->queues[0]->count, 3);
    count_choices(seen);
    assert_in_range(seen[0], CHOICES / 13 - 80, CHOICES / 13 + 80);
    assert_in_range(seen[3], 4 * CHOICES / 13 - 150, 4 * CHOICES / 13 + 150);
    set("partitioner.adaptive.partitioning.enable", "false");
    count_choices(seen);
    assert_in_range(seen[0], CHOICES / 4 - 150, CHOICES / 4 + 150);
    world.topic->queues[0]->leader = -1; /* this counts with and without */
    count_choices(seen);
    assert_int_equal(seen[0], 0);
}

/* --- librdkafka's way --- */

static void use_partitioner(const char *name)
{
    set("partitioner", name);
    world.acc.partitioner = partitioner_find(name);
    assert_non_null(world.acc.partitioner);
    world.topic->sticky.partition = -1;
}

/* How many of the four partitions records with this key go to, of which each fills a batch. */
static int homes_of(const char *key)
{
    bool is_home[4] = {false};
    int n = 0;
    for (int i = 0; i < 200; i++) {
        world.topic->sticky.bytes = 1000;
        is_home[partition_of(key)] = true;
    }
    for (int i = 0; i < 4; i++) {
        n += is_home[i];
    }
    return n;
}

static void test_librdkafkas_partitioners(void **state)
{
    static const struct {
        const char *name;
        int of_key, of_empty, of_null;
    } rows[] = {
        {"consistent", 1, 1, 1},   {"consistent_random", 1, 4, 4}, {"fnv1a", 1, 1, 1},
        {"fnv1a_random", 1, 1, 4}, {"murmur2", 1, 1, 1},           {"murmur2_random", 1, 1, 4},
        {"random", 4, 4, 4},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        use_partitioner(rows[i].name);
        assert_int_equal(homes_of("key"), rows[i].of_key);
        assert_int_equal(homes_of(""), rows[i].of_empty);
        assert_int_equal(homes_of(NULL), rows[i].of_null);
        int32_t by_name = ottla_partition_by(rows[i].name, "key", 3, 4);
        assert_true(by_name < 0 || partition_of("key") == by_name);
        if (rows[i].of_null == 4) { /* batch by batch */
            world.topic->sticky.partition = -1;
            int32_t first = partition_of(NULL);
            assert_int_equal(partition_of(NULL), first);
        }
    }
}

/* A broker that takes nothing for long gets no records that may go elsewhere. */
static void test_availability(void **state)
{
    (void)state;
    set("partitioner.availability.timeout.ms", "1000");
    set("max.in.flight.requests.per.connection", "1");
    world.acc.flushes = 1;
    add(0, "a");
    give_id(7);
    struct produce_ask *a = next();
    add(2, "b"); /* of the same leader, which is full */
    assert_null(next());
    world.now_ms += 1001;
    assert_null(next());
    int seen[4];
    count_choices(seen);
    assert_int_equal(seen[0] + seen[2], 0);
    assert_true(seen[1] > CHOICES / 3 && seen[3] > CHOICES / 3);
    set("partitioner.adaptive.partitioning.enable", "false"); /* then nobody looks */
    count_choices(seen);
    assert_true(seen[0] > CHOICES / 6 && seen[2] > CHOICES / 6);
    set("partitioner.adaptive.partitioning.enable", "true");
    set("partitioner.availability.timeout.ms", "0"); /* nor so: the load alone counts */
    count_choices(seen);
    assert_true(seen[0] > CHOICES / 20 && seen[2] > CHOICES / 20);
    answer(a, 0, 0);
    answer(next(), 0, 0);
    ends(0, 1, 0);
    ends(0, 1, 0);
}

/* --- what is known of topics --- */

static void test_metadata_age(void **state)
{
    (void)state;
    set("metadata.max.age.ms", "60000");
    set("metadata.max.idle.ms", "100000");
    world.acc.flushes = 1;
    add(0, "a");
    give_id(7);
    answer(next(), 0, 0);
    ends(0, 1, 0);
    assert_int_equal(acc_deadline_ms(&world.acc, world.now_ms), 61000);
    world.now_ms = 61000;
    world.topic = metadata(6); /* which has grown */
    assert_int_equal(world.topic->count, 6);
    world.now_ms = 161000; /* nobody uses it any more */
    assert_null(next());
    assert_true(list_is_empty(&world.acc.topics));
}

/* What is fatal for a transaction ends all that waits. */
static void test_transaction_gives_up(void **state)
{
    (void)state;
    world.acc.txn.is_transactional = true;
    world.acc.txn.state = TXN_OPEN;
    world.acc.txn.is_v2 = true;
    world.acc.txn.id = 7;
    world.acc.flushes = 1;
    txn_enrol(&world.acc.txn, &world.topic->queues[0]->part);
    add(0, "a");
    struct produce_ask *a = next();
    assert_int_equal(a->version_lo, 12);
    assert_true(batch_is_transactional(&(struct batch){.attrs = head_of(a, 0).attrs}));
    add(0, "b");
    add(1, "c");
    answer(a, ERR_INVALID_PRODUCER_EPOCH, -1);
    ends(ERR_INVALID_PRODUCER_EPOCH, 1, -1);
    assert_int_equal(world.acc.txn.state, TXN_ABORTABLE);
    assert_null(next());
    ends(ERR_INVALID_PRODUCER_EPOCH, 1, -1);
    ends(ERR_INVALID_PRODUCER_EPOCH, 1, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_linger, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_growth, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shared_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leaders, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retry, setup, teardown),
        cmocka_unit_test_setup_teardown(test_window, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_delivery_timeout, setup, teardown),
        cmocka_unit_test_setup_teardown(test_delivery_timeout_on_the_way, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leader_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_throttle, setup, teardown),
        cmocka_unit_test_setup_teardown(test_words_of_a_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_words_of_records, setup, teardown),
        cmocka_unit_test_setup_teardown(test_words_of_a_delay, setup, teardown),
        cmocka_unit_test_setup_teardown(test_larger_than_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_split, setup, teardown),
        cmocka_unit_test_setup_teardown(test_round_robin, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keys_and_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ignore_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_adaptive, setup, teardown),
        cmocka_unit_test_setup_teardown(test_librdkafkas_partitioners, setup, teardown),
        cmocka_unit_test_setup_teardown(test_availability, setup, teardown),
        cmocka_unit_test_setup_teardown(test_metadata_age, setup, teardown),
        cmocka_unit_test_setup_teardown(test_transaction_gives_up, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
