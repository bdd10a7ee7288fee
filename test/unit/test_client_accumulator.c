/* What a producer does with batches, in virtual time: gathering, order, sequences, retries, ends.
 */
#include "accumulator_world.h"

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
        cmocka_unit_test_setup_teardown(test_larger_than_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_split, setup, teardown),
        cmocka_unit_test_setup_teardown(test_metadata_age, setup, teardown),
        cmocka_unit_test_setup_teardown(test_transaction_gives_up, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
