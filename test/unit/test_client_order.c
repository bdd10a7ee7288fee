/* A producer against a cluster that does it no favours: nothing that was acknowledged is lost,
 * nothing is written twice or out of order. */
#include "producer_world.h"

static bool is_written(const struct part *p, int value)
{
    for (int i = 0; i < p->count; i++) {
        if (p->values[i] == value) {
            return true;
        }
    }
    return false;
}

static void check_records(void)
{
    for (int i = 0; i < RECORDS; i++) {
        const struct part *p = &w->parts[w->home[i]];
        assert_true(w->is_told[i]);
        if (w->code[i] == 0) {
            assert_true(is_written(p, i));
        } else if (!code_is_retriable(w->code[i]) &&
                   w->code[i] != ERR_OUT_OF_ORDER_SEQUENCE_NUMBER) {
            assert_int_equal(w->code[i], ERR_INVALID_RECORD);
            assert_false(is_written(p, i));
        }
        if (w->code[i] == 0 && w->off[i] >= 0) {
            assert_int_equal(p->values[w->off[i]], i);
        }
    }
}

static void check_order(void)
{
    for (int k = 0; k < PARTITIONS; k++) {
        for (int i = 1; i < w->parts[k].count; i++) {
            assert_true(w->parts[k].values[i - 1] < w->parts[k].values[i]);
        }
    }
}

static void run(void)
{
    acc_init(&w->acc, &w->config->values, rand_u64(&w->rand));
    (void)acc_topic(&w->acc, "t");
    for (int i = 0; i < 6000; i++) {
        step();
    }
    calm_down();
    check_records();
}

static uint64_t seed_count(void)
{
    const char *text = getenv("SEEDS");
    return text ? strtoull(text, NULL, 10) : 60;
}

static void test_idempotent(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= seed_count(); seed++) {
        if (getenv("SEEDS") != NULL) {
            print_message("seed %llu\n", (unsigned long long)seed);
        }
        begin(seed);
        run();
        check_order();
        end();
    }
}

/* Without idempotence what is acknowledged is written, too, but maybe twice. */
static void test_plain(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= seed_count() / 4; seed++) {
        begin(seed);
        set("acks", "1");
        run();
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idempotent),
        cmocka_unit_test(test_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
