/* Who may connect. */
#include "test.h"

#include "broker/admission.h"

static void limit(struct admission *a, int64_t total, int64_t per_ip, const char *overrides)
{
    struct admission_limits l = {total, per_ip, str_from(overrides)};
    admission_set_limits(a, &l);
}

static void so_many_in_all_and_from_one_address(void **state)
{
    struct admission *a = admission_new(net_posix(), 1);
    limit(a, 4, 2, "");
    assert_true(admission_enter(a, "10.0.0.1:1000"));
    assert_true(admission_enter(a, "10.0.0.1:1001"));
    assert_false(admission_enter(a, "10.0.0.1:1002"));
    assert_true(admission_enter(a, "10.0.0.2:1"));
    assert_true(admission_enter(a, "[::1]:1"));
    assert_false(admission_enter(a, "10.0.0.3:1")); /* in all */
    assert_int_equal(admission_count(a), 4);
    admission_leave(a, "10.0.0.1:1000");
    assert_true(admission_enter(a, "10.0.0.1:7"));
    admission_free(a);
}

static void some_addresses_have_limits_of_their_own(void **state)
{
    struct admission *a = admission_new(net_posix(), 1);
    limit(a, 100, 1, "10.0.0.1:3, 10.0.0.2:0,::1:2, junk, :5, 10.0.0.4:x");
    for (int i = 0; i < 3; i++) {
        assert_true(admission_enter(a, "10.0.0.1:1"));
    }
    assert_false(admission_enter(a, "10.0.0.1:1"));
    assert_false(admission_enter(a, "10.0.0.2:1"));
    assert_true(admission_enter(a, "[::1]:1"));
    assert_true(admission_enter(a, "[::1]:1"));
    assert_false(admission_enter(a, "[::1]:1"));
    assert_true(admission_enter(a, "10.0.0.4:1"));
    assert_false(admission_enter(a, "10.0.0.4:1"));
    admission_free(a);
}

static void new_limits_are_for_newcomers(void **state)
{
    struct admission *a = admission_new(net_posix(), 1);
    assert_true(admission_enter(a, "10.0.0.1:1"));
    assert_true(admission_enter(a, "10.0.0.1:2"));
    limit(a, 100, 1, "");
    assert_int_equal(admission_count(a), 2);
    admission_leave(a, "10.0.0.1:1");
    assert_false(admission_enter(a, "10.0.0.1:3")); /* one is still in */
    admission_leave(a, "10.0.0.1:2");
    assert_true(admission_enter(a, "10.0.0.1:3"));
    limit(a, 0, 100, "");
    assert_false(admission_enter(a, "10.0.0.9:1"));
    admission_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_in_all_and_from_one_address),
        cmocka_unit_test(some_addresses_have_limits_of_their_own),
        cmocka_unit_test(new_limits_are_for_newcomers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
