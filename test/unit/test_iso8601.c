/* Durations as Java reads them, and times. */
#include "test.h"

#include "base/iso8601.h"

#include <inttypes.h>

static int64_t duration(const char *text)
{
    int64_t ms = -42;
    if (!iso8601_duration(str_from(text), &ms)) {
        fail_msg("'%s' is refused", text);
    }
    return ms;
}

static void durations(void **state)
{
    assert_int_equal(duration("P1D"), 86400000);
    assert_int_equal(duration("p1dt2h3m4.5s"), 86400000 + 7200000 + 180000 + 4500);
    assert_int_equal(duration("PT0S"), 0);
    assert_int_equal(duration("PT1,25S"), 1250);
    assert_int_equal(duration("PT1.S"), 1000);
    assert_int_equal(duration("PT0.0019999S"), 1);
    assert_int_equal(duration("PT-0.5S"), -500);
    assert_int_equal(duration("PT1M-0.5S"), 59500);
    assert_int_equal(duration("PT-1M0.5S"), -59500);
    assert_int_equal(duration("PT-0.0019S"), -1);
    assert_int_equal(duration("-P1DT-1H"), -86400000 + 3600000);
    assert_int_equal(duration("+P-2D"), -172800000);
    assert_int_equal(duration("P106751991167D"), 106751991167 * 86400000);
}

static void what_is_no_duration(void **state)
{
    static const char *const none[] = {
        "",      "P",     "PT",     "P1",  "1D",     "P1DT",   "P1H",
        "PT1D",  "P1.5D", "PT1.5H", "P1W", "PT1S1M", "PT.5S",  "PT1.1234567890S",
        "P 1D",  "P1D ",  "P--1D",  "PTS", "--P1D",  "PT1M1M", "P99999999999999999999D",
        "PT1.5", "P1YT",  "PT+S",   "P1M", "PT5",    "PT-S",   "P106751991168D",
    };
    int64_t ms = 7;
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        if (iso8601_duration(str_from(none[i]), &ms)) {
            fail_msg("'%s' is taken as %" PRId64, none[i], ms);
        }
    }
    assert_false(iso8601_duration(STR_NULL, &ms));
    assert_int_equal(ms, 7);
}

static int64_t time_of(const char *text)
{
    int64_t ms = -42;
    if (!iso8601_time(str_from(text), &ms)) {
        fail_msg("'%s' is refused", text);
    }
    return ms;
}

static void times(void **state)
{
    assert_int_equal(time_of("1970-01-01T00:00:00"), 0);
    assert_int_equal(time_of("1970-01-01T00:00:00.001Z"), 1);
    assert_int_equal(time_of("1969-12-31T23:59:59.999"), -1);
    assert_int_equal(time_of("2026-01-31T10:20:30.123"), 1769854830123);
    assert_int_equal(time_of("2026-01-31T10:20:30.123+02:00"), 1769854830123 - 7200000);
    assert_int_equal(time_of("2026-01-31T10:20:30.123-0230"), 1769854830123 + 9000000);
    assert_int_equal(time_of("2026-01-31T10:20:30-01"), 1769854830000 + 3600000);
    assert_int_equal(time_of("2024-02-29T00:00:00") - time_of("2024-02-28T00:00:00"), 86400000);
    assert_int_equal(time_of("2000-03-01T00:00:00") - time_of("2000-02-28T00:00:00"), 172800000);
    assert_int_equal(time_of("0001-01-01T00:00:00"), -62135596800000);
}

static void what_is_no_time(void **state)
{
    static const char *const none[] = {
        "",
        "2026-01-31",
        "2026-01-31 10:20:30",
        "2026-01-31t10:20:30",
        "2026-01-31T10:20",
        "2026-1-31T10:20:30",
        "2026-02-29T10:20:30",
        "1900-02-29T10:20:30",
        "2026-00-10T10:20:30",
        "2026-13-10T10:20:30",
        "2026-01-00T10:20:30",
        "2026-04-31T10:20:30",
        "2026-01-31T24:00:00",
        "2026-01-31T10:60:00",
        "2026-01-31T10:20:60",
        "2026-01-31T10:20:30.12",
        "2026-01-31T10:20:30.1234",
        "2026-01-31T10:20:30+",
        "2026-01-31T10:20:30+2",
        "2026-01-31T10:20:30+02:",
        "2026-01-31T10:20:30+02:60",
        "2026-01-31T10:20:30ZZ",
        "-026-01-31T10:20:30",
    };
    int64_t ms = 7;
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        if (iso8601_time(str_from(none[i]), &ms)) {
            fail_msg("'%s' is taken as %" PRId64, none[i], ms);
        }
    }
    assert_int_equal(ms, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),
        cmocka_unit_test(what_is_no_duration),
        cmocka_unit_test(times),
        cmocka_unit_test(what_is_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
