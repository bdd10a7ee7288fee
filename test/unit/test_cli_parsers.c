/* What the tools read: CSV of offsets, lists of ids, patterns of names, JSON of partitions. */
#include "test.h"

#include "cli/groups.h"

#include <inttypes.h>

static struct cli c;

static int set_up(void **state)
{
    c = (struct cli){.why = BUF_INIT};
    return 0;
}

static int tear_down(void **state)
{
    buf_deinit(&c.why);
    return 0;
}

/* --- CSV --- */

/* As "group|topic|partition|offset;", "-" for no group. */
static const char *csv(const char *text)
{
    static char out[512];
    struct groups_plans p = {0};
    size_t n = 0;
    out[0] = 0;
    if (!groups_parse_csv(&c, str_from(text), "f", &p)) {
        snprintf(out, sizeof out, "%s", buf_cstr(&c.why));
        groups_plans_deinit(&p);
        return out;
    }
    for (size_t i = 0; i < p.count; i++) {
        for (size_t k = 0; k < p.rows[i].parts.count; k++) {
            const struct cli_part *r = &p.rows[i].parts.rows[k];
            n += (size_t)snprintf(out + n, sizeof out - n, "%s|%s|%d|%" PRId64 ";",
                                  p.rows[i].group ? p.rows[i].group : "-", r->topic, r->partition,
                                  r->value);
        }
    }
    groups_plans_deinit(&p);
    return out;
}

static void csv_is_read(void **state)
{
    assert_string_equal(csv(""), "");
    assert_string_equal(csv("t,0,5\nt,1,6\n\n"), "-|t|0|5;-|t|1|6;");
    assert_string_equal(csv("g,t,0,5\r\nh,t,0,6"), "g|t|0|5;h|t|0|6;");
    assert_string_equal(csv("g,t,0,5\nh,t,0,1\ng,u,2,3\n"), "g|t|0|5;g|u|2|3;h|t|0|1;");
    assert_string_equal(csv("\"a \"\"b\"\", c\",t,0, 5"), "a \"b\", c|t|0|5;");
    assert_string_equal(csv("t,0,5\nt,0,9\n"), "-|t|0|9;"); /* the last one counts */
}

static void bad_csv_is_refused_with_its_line(void **state)
{
    static const char *const bad[] = {
        "t,0",       "t",       "t,0,x",      "t,x,0",          "t,-1,0", "t,0,-1",
        "a,b,c,0,1", "\"t,0,1", "\"t\"x,0,1", "t,2147483648,0", "t,0,",   ",,"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct buf b = BUF_INIT;
        buf_printf(&b, "ok,0,0\n%s\n", bad[i]);
        assert_string_equal(csv(buf_cstr(&b)),
                            "f:2: not topic,partition,offset or group,topic,partition,offset");
        buf_deinit(&b);
    }
}

static void csv_is_written_as_it_is_read(void **state)
{
    struct cli_parts p = {0};
    struct buf b = BUF_INIT;
    cli_parts_add(&p, "a-topic-with-quite-a-long-name", 3, 7);
    cli_parts_add(&p, "t", 0, INT64_MAX);
    groups_put_csv(&b, "my, \"group\"", &p);
    assert_string_equal(buf_cstr(&b),
                        "\"my, \"\"group\"\"\",\"a-topic-with-quite-a-long-name\",3,7\n"
                        "\"my, \"\"group\"\"\",t,0,9223372036854775807\n");
    assert_string_equal(csv(buf_cstr(&b)), "my, \"group\"|a-topic-with-quite-a-long-name|3|7;"
                                           "my, \"group\"|t|0|9223372036854775807;");
    cli_parts_deinit(&p);
    buf_deinit(&b);
}

/* --- ids --- */

static void ids_are_numbers_between_separators(void **state)
{
    static const char *const bad[] = {"x", "1,x", "1;2", "2147483648", "1,-", "0x1", "1 2"};
    int32_t *ids = NULL;
    size_t n = 9;
    assert_true(cli_parse_ids(STR("3, 1,-2,"), ',', &ids, &n));
    assert_int_equal(n, 3);
    assert_int_equal(ids[0], 3);
    assert_int_equal(ids[2], -2);
    struct buf b = BUF_INIT;
    cli_put_ids(&b, (struct ottla_ids){n, ids});
    assert_string_equal(buf_cstr(&b), "3,1,-2");
    buf_deinit(&b);
    mem_free(ids);
    assert_true(cli_parse_ids(STR(""), ':', &ids, &n));
    assert_int_equal(n, 0);
    mem_free(ids);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (cli_parse_ids(str_from(bad[i]), ',', &ids, &n)) {
            fail_msg("'%s' is taken", bad[i]);
        }
    }
}

/* --- patterns --- */

static bool matches(const char *pattern, const char *name)
{
    struct cli_pattern *p = cli_pattern_new(&c, pattern);
    assert_non_null(p);
    bool is_match = cli_pattern_matches(p, name);
    cli_pattern_free(p);
    return is_match;
}

static void patterns_match_whole_names(void **state)
{
    assert_true(matches("orders", "orders"));
    assert_false(matches("orders", "orders-2"));
    assert_true(matches("orders.*", "orders-2"));
    assert_true(matches("a,b", "b")); /* a list */
    assert_true(matches("\"a\", 'b'", "b"));
    assert_true(matches("t-\\d+", "t-42"));
    assert_false(matches("t-\\d+", "t-"));
    assert_true(matches("t-\\D", "t-x"));
    assert_true(matches("(?:a|b)c", "bc"));
    assert_true(matches("a\\.b", "a.b"));
    assert_false(matches("a\\.b", "axb"));
    assert_false(matches("", "x"));
}

/* Which of these each expression matches as a whole, as java.util.regex says it. */
static void patterns_mean_what_they_mean_in_java(void **state)
{
    static const char *const names[] = {"abc", "ABC", "a.b", "a-c", "12", "aa", "[", "aabc"};
    static const struct {
        const char *pattern, *want;
    } rows[] = {
        {"(?i)ABC", "abc ABC "},
        {"(?i)abc|x", "abc ABC "},
        {"A(?i)bc", "ABC "},
        {"(?i:A)bc", "abc "},
        {"(?-i)abc", "abc "},
        {"(?s)abc", "abc "},
        {"(?iu)ABC", "abc ABC "},
        {"(?i-s)ABC", "abc ABC "},
        {"(?i)[A-C]+", "abc ABC aa aabc "},
        {"(?i)[^A]bc", ""},
        {".*?c", "abc a-c aabc "},
        {"a{2}?bc", "aabc "},
        {"a\\.b", "a.b "},
        {"\\p{Alpha}+", "abc ABC aa aabc "},
        {"\\p{Lower}+", "abc aa aabc "},
        {"\\pL+", "abc ABC aa aabc "},
        {"\\P{Digit}+", "abc ABC a.b a-c aa [ aabc "},
        {"[a-z&&[^b]]+", "aa "},
        {"[[a-b]c]+", "abc aa aabc "},
        {"[[:alpha:]]+", "aa "},
        {"\\Qabc\\E", "abc "},
        {"(?<n>a)bc", "abc "},
        {"\\babc\\b", "abc "},
        {"\\w+", "abc ABC 12 aa aabc "},
        {"[\\w]+", "abc ABC 12 aa aabc "},
        {"[^\\d]+", "abc ABC a.b a-c aa [ aabc "},
        {"\\D+", "abc ABC a.b a-c aa [ aabc "},
        {"\\S+", "abc ABC a.b a-c 12 aa [ aabc "},
        {"[^a]", "[ "},
        {"[\\Q[\\E]", "[ "},
        {"[\\]^-]", ""},
        {"a[-^]c", "a-c "},
        {"\\d{2}", "12 "},
        {"a{2}", "aa "},
        {"\\x61bc", "abc "},
        {"\\u0061bc", "abc "},
        {"\\0141bc", "abc "},
        {"^abc$", "abc "},
        {"\\Aabc\\z", "abc "},
        {"[]a]bc", "abc "},
        {"[a\\]]bc", "abc "},
        {"a\\-c", "a-c "},
        {"[a-c-]+", "abc a-c aa aabc "},
        {"()abc", "abc "},
        {"}", ""},
        {"a]", ""},
        {"\\_", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf got = BUF_INIT;
        for (size_t n = 0; n < ARRAY_LEN(names); n++) {
            if (matches(rows[i].pattern, names[n])) {
                buf_printf(&got, "%s ", names[n]);
            }
        }
        if (strcmp(buf_cstr(&got), rows[i].want) != 0) {
            fail_msg("%s matches %s, not %s", rows[i].pattern, buf_cstr(&got), rows[i].want);
        }
        buf_deinit(&got);
    }
}

static void a_pattern_that_is_none_is_refused(void **state)
{
    static const char *const bad[] = {
        "(",
        "[",
        "a{2}{",
        ")",
        "*",
        "a**",
        "{",
        "a\\",
        "[z-a]",
        "\\k",
        "\\q",
        "(?#c)a",
        "a{2",
        "[a&&",
        "[]",
        "\\p{",
        "\\pX",
        "[^\\d\\D]",
        "[\\q]",
        "\\x",
        "a|*",
        /* these are some in Java */
        "a++b",
        "(?=a)b",
        "(?!a)b",
        "(?<=a)b",
        "(?<!a)b",
        "(?>a)",
        "(a)\\1",
        "(?x)a",
        "[\xc3\xa4]",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (cli_pattern_new(&c, bad[i]) != NULL) {
            fail_msg("%s is taken", bad[i]);
        }
        assert_non_null(strstr(buf_cstr(&c.why), "is an invalid regex: "));
    }
}

/* --- JSON of partitions --- */

static bool parts(const char *text, struct cli_parts *ret)
{
    json_t *doc = json_loads(text, 0, NULL);
    assert_non_null(doc);
    bool ok = cli_parts_from_json(&c, doc, "offset", "twice", ret);
    json_decref(doc);
    return ok;
}

static void partitions_are_read_from_json(void **state)
{
    static const char *const bad[] = {
        "{}",
        "{\"partitions\": 1}",
        "{\"partitions\": [{\"topic\": \"t\", \"partition\": 0}]}",
        "{\"partitions\": [{\"topic\": 1, \"partition\": 0, \"offset\": 1}]}",
        "{\"partitions\": [{\"topic\": \"t\", \"partition\": \"0\", \"offset\": 1}]}",
        "{\"partitions\": [{\"topic\": \"t\", \"partition\": 4294967296, \"offset\": 1}]}",
        "{\"partitions\": [{\"topic\": \"t\", \"partition\": -1, \"offset\": 1}]}",
    };
    struct cli_parts p = {0};
    assert_true(
        parts("{\"partitions\": [{\"topic\": \"t\", \"partition\": 3, \"offset\": -1}]}", &p));
    assert_int_equal(p.count, 1);
    assert_int_equal(cli_parts_find(&p, "t", 3)->value, -1);
    assert_null(cli_parts_find(&p, "t", 4));
    assert_false(
        parts("{\"partitions\": [{\"topic\": \"t\", \"partition\": 3, \"offset\": 1}]}", &p));
    assert_string_equal(buf_cstr(&c.why), "twice: t-3");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (parts(bad[i], &p)) {
            fail_msg("%s is taken", bad[i]);
        }
    }
    cli_parts_deinit(&p);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(csv_is_read),
        T(bad_csv_is_refused_with_its_line),
        T(csv_is_written_as_it_is_read),
        T(ids_are_numbers_between_separators),
        T(patterns_match_whole_names),
        T(patterns_mean_what_they_mean_in_java),
        T(a_pattern_that_is_none_is_refused),
        T(partitions_are_read_from_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
