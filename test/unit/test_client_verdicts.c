/* What becomes of a batch that a broker refuses, in words: its own (KIP-467), or what it met with.
 */
#include "accumulator_world.h"

#include "client/error.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_words_of_a_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_words_of_records, setup, teardown),
        cmocka_unit_test_setup_teardown(test_words_of_a_delay, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
