/* What a thread leaves to be done at its end. */
#include "test.h"

#include "plat/thread.h"

static int calls;

static void count(void) { calls++; }

static void ask_twice(void *ctx)
{
    thread_at_end(count);
    thread_at_end(count);
    assert_int_equal(calls, *(const int *)ctx);
}

static void the_end_of_a_thread_is_told_once(void **state)
{
    struct thread t;
    for (int before = 0; before < 3; before++) {
        assert_ok(thread_start(&t, "test", ask_twice, &before));
        thread_join(&t);
        assert_int_equal(calls, before + 1);
    }
}

static void do_nothing(void *ctx) {}

static void a_thread_that_did_not_ask_hears_nothing(void **state)
{
    struct thread t;
    int before = calls;
    assert_ok(thread_start(&t, "test", do_nothing, NULL));
    thread_join(&t);
    assert_int_equal(calls, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_of_a_thread_is_told_once),
        cmocka_unit_test(a_thread_that_did_not_ask_hears_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
