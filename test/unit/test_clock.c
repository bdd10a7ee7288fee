/* The machine's clock, asked for each of many records. */
#include "test.h"

#include "plat/clock.h"

static int64_t turned_ms(struct clock *c) { return 42; }

static void a_clock_that_a_test_turns_is_asked_each_time(void **state)
{
    struct clock c = {.wall_ms = turned_ms};
    struct clock_asker asker = {.ticks = 0, .wall_ms = 7};
    assert_int_equal(clock_wall_ms_for(&c, &asker), 42);
}

/* Between what was read before and after, but for the part of a millisecond that it may be old. */
static void what_is_told_again_is_hardly_older(void **state)
{
    struct clock_asker asker = {0};
    for (int i = 0; i < 200000; i++) {
        int64_t before = clock_wall_ms(clock_system());
        int64_t told = clock_wall_ms_for(clock_system(), &asker);
        assert_in_range(told, before - 1, clock_wall_ms(clock_system()));
    }
}

static void an_old_answer_is_not_told_again(void **state)
{
    struct clock_asker asker = {.ticks = 0, .wall_ms = 7};
    assert_true(clock_wall_ms_for(clock_system(), &asker) > 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_a_test_turns_is_asked_each_time),
        cmocka_unit_test(what_is_told_again_is_hardly_older),
        cmocka_unit_test(an_old_answer_is_not_told_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
