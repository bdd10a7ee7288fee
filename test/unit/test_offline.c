/* Small parts of the tools that work on files: text as Java reads it, names of releases. */
#include "test.h"

#include "meta/versions.h"
#include "offline/java_map.h"
#include "offline/row.h"

#define FFFD "\xef\xbf\xbd"

static void check_utf8(const char *in, size_t len, const char *want)
{
    struct buf out = BUF_INIT;
    text_put_utf8(&out, (struct bytes){(const uint8_t *)in, len});
    assert_string_equal(buf_cstr(&out), want);
    buf_deinit(&out);
}

#define UTF8(in, want) check_utf8(in, sizeof(in) - 1, want)

static void bad_utf8_becomes_as_many_marks_as_in_java(void **state)
{
    UTF8("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z", "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
    UTF8("\xff\xc0\x80", FFFD FFFD FFFD);
    UTF8("\xe2\x82", FFFD);      /* cut short */
    UTF8("\xe2\x82x", FFFD "x"); /* followed by something else */
    UTF8("\xed\xa0\x80", FFFD);  /* a surrogate */
    UTF8("\xe0\x80\x80", FFFD FFFD FFFD);
    UTF8("\xf0\x9f\x98", FFFD);
    UTF8("\xf0\x9fx", FFFD "x");
    UTF8("\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD);
    UTF8("\xf0\x80\x80\x80", FFFD FFFD FFFD FFFD);
    UTF8("\xc3", FFFD);
}

static int parse(const char *name, int upto)
{
    int version = 0;
    return metadata_version_parse(str_from(name), upto, &version) ? version : -1;
}

static void releases_stand_for_their_last_version(void **state)
{
    assert_int_equal(parse("4.3-IV0", METADATA_VERSION_MAX), 30);
    assert_int_equal(parse("3.7", METADATA_VERSION_MAX), 19);
    assert_int_equal(parse("3.7.2", METADATA_VERSION_MAX), 19);
    assert_int_equal(parse("3.7-IV1", METADATA_VERSION_MAX), 16);
    assert_int_equal(parse("3.7-IV9", METADATA_VERSION_MAX), -1);
    assert_int_equal(parse("4", METADATA_VERSION_MAX), -1);
    assert_int_equal(parse("", METADATA_VERSION_MAX), -1);
    assert_int_equal(parse("4.4-IV0", METADATA_VERSION_MAX), -1);
    assert_int_equal(parse("4.4-IV0", METADATA_VERSION_UNSTABLE), 31);
    assert_int_equal(parse("4.4", METADATA_VERSION_UNSTABLE), -1);
    assert_null(metadata_version_name(METADATA_VERSION_MIN - 1));
    assert_null(metadata_version_name(METADATA_VERSION_UNSTABLE + 1));
    assert_string_equal(metadata_version_name(METADATA_VERSION_MIN), "3.3-IV3");
}

static void features_come_with_their_release(void **state)
{
    const struct feature *f = feature_find(STR("transaction.version"));
    assert_int_equal(feature_level_at(f, 23), 0);
    assert_int_equal(feature_level_at(f, 24), 2);
    assert_null(feature_find(STR("nosuch.version")));
}

static void keys_come_in_the_order_of_a_java_map(void **state)
{
    assert_int_equal(java_map_slots(12), 16);
    assert_int_equal(java_map_slots(13), 32);
    assert_int_equal(java_map_slot("", 16), 0);
    assert_int_equal(java_map_slot("a", 16), 1);
    /* "Aa" and "BB" have one hash */
    assert_int_equal(java_map_slot("Aa", 1024), java_map_slot("BB", 1024));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_utf8_becomes_as_many_marks_as_in_java),
        cmocka_unit_test(releases_stand_for_their_last_version),
        cmocka_unit_test(features_come_with_their_release),
        cmocka_unit_test(keys_come_in_the_order_of_a_java_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
