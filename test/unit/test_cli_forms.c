/* Forms that records are read and written in: ranges of offsets, format strings, JSON, YAML. */
#include "test.h"

#include "base/attr.h"
#include "cli/cli.h"
#include "cli/records/format.h"
#include "cli/records/object.h"
#include "cli/records/range.h"
#include "cli/records/template.h"
#include "cli/yaml.h"

#include <inttypes.h>

/* --- ranges --- */

enum { NOW_MS = 1000000000, HOUR_MS = 3600000 };

static void put_point(struct buf *out, struct range_point p)
{
    static const char *const names[] = {"none", "start", "end", "offset", "time"};
    buf_printf(out, "%s", names[p.kind]);
    if (p.kind != RANGE_NONE) {
        buf_printf(out, "%+" PRId64, p.n);
    }
}

static void range_is(const char *text, const char *want)
{
    struct range r;
    struct buf out = BUF_INIT;
    if (range_parse(str_from(text), NOW_MS, &r)) {
        put_point(&out, r.from);
        buf_put_u8(&out, ' ');
        put_point(&out, r.until);
    }
    assert_string_equal(buf_cstr(&out), want);
    buf_deinit(&out);
}

static void ranges_of_offsets(void **state)
{
    range_is("start", "start+0 none");
    range_is("end", "end+0 none");
    range_is("17", "offset+17 none");
    range_is("+5", "start+5 none");
    range_is("-5", "end-5 none");
    range_is("10:20", "offset+10 offset+20");
    range_is("10:", "offset+10 none");
    range_is(":end", "start+0 end+0");
    range_is("start:+3", "start+0 start+3");
    range_is("-10:end", "end-10 end+0");
}

static void ranges_of_times(void **state)
{
    range_is("@5000", "time+5000 none");
    range_is("@-1h", "time+996400000 none");
    range_is("@-48h:-24h", "time+827200000 time+913600000");
    range_is("@-1m30s:end", "time+999910000 end+0");
    range_is("@-500ms:@-0s", "time+999999500 time+1000000000");
    range_is("@-PT1H", "time+996400000 none");
    range_is("@1970-01-02", "time+86400000 none");
    range_is("@1970-01-01T01:00:00Z", "time+3600000 none");
    range_is("@1970-01-01T01:00:00Z:1970-01-01T02:00:00Z", "time+3600000 time+7200000");
    range_is("@-99999d", "time+0 none"); /* before there was time */
    range_is("5:@-1h", "offset+5 time+996400000");
    range_is("s@5", "time+5 none"); /* kcat's words */
    range_is("e@5", "start+0 time+5");
    range_is("e@-1h", "start+0 time+996400000");
    range_is("beginning", "start+0 none");
    range_is("beginning:5", "start+0 offset+5");
}

static void what_is_no_range(void **state)
{
    static const char *const wrong[] = {"",     ":",   "x",     "1:2:3",  "--5",
                                        "@",    "@x",  "s@",    "e@x",    "@-5",
                                        "@-5y", "1:x", "@-1h1", "start+", "@-9223372036854775807d"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        range_is(wrong[i], "");
    }
}

static void points_become_offsets(void **state)
{
    const struct range_point start = {RANGE_START, 3}, end = {RANGE_END, -4};
    assert_int_equal(range_offset(start, 10, 20, -1), 13);
    assert_int_equal(range_offset(start, 10, 12, -1), 12);
    assert_int_equal(range_offset(end, 10, 20, -1), 16);
    assert_int_equal(range_offset(end, 18, 20, -1), 18);
    assert_int_equal(range_offset((struct range_point){RANGE_START, INT64_MAX}, 10, 20, -1), 20);
    assert_int_equal(range_offset((struct range_point){RANGE_END, INT64_MIN}, 10, 20, -1), 10);
    assert_int_equal(range_offset((struct range_point){RANGE_OFFSET, 99}, 10, 20, -1), 99);
    assert_int_equal(range_offset((struct range_point){RANGE_TIME, 5}, 10, 20, 15), 15);
    assert_int_equal(range_offset((struct range_point){RANGE_TIME, 5}, 10, 20, -1), 20);
    assert_true(range_offset((struct range_point){RANGE_NONE, 0}, 10, 20, -1) == INT64_MAX);
}

/* --- format strings --- */

static const struct ottla_header two_headers[] = {{"a", 1, "1", 1}, {"b", 1, NULL, 0}};
static const struct ottla_record record = {.topic = "t",
                                           .partition = 3,
                                           .leader_epoch = 5,
                                           .offset = 42,
                                           .timestamp_ms = 1700000000005,
                                           .key = "k",
                                           .key_length = 1,
                                           .value = "vv",
                                           .value_length = 2,
                                           .header_count = 2,
                                           .headers = two_headers};

static void writes(const char *format, const struct ottla_record *r, const char *want)
{
    struct template t;
    struct buf out = BUF_INIT;
    if (template_parse(&t, format, &out)) {
        t.number = 6;
        template_put(&t, r, &out);
    }
    assert_string_equal(buf_cstr(&out), want);
    template_deinit(&t);
    buf_deinit(&out);
}

static void fields_are_written(void **state)
{
    const struct ottla_record empty = {.topic = "t"};
    writes("%t-%p@%o %k=%v;%s %K %V %S [%h]%H %e %i %T%%\\n", &record,
           "t-3@42 k=vv;vv 1 2 2 [a=1,b=NULL]2 5 7 1700000000005%\n");
    writes("%k|%v|%K|%V|%h|%H", &empty, "||-1|-1||0");
    writes("", &record, "");
    writes("%d %d{%F %T} %d{strftime[%Y]} %d{strftime}", &record,
           "2023-11-14T22:13:20.005Z 2023-11-14 22:13:20 2023 2023-11-14T22:13:20");
    writes("\\t\\x41\\\\\\r", &record, "\tA\\\r");
}

static void lengths_in_bytes_and_nulls(void **state)
{
    const struct ottla_record empty = {.topic = "t"};
    struct template t;
    struct buf out = BUF_INIT;
    assert_true(template_parse(&t, "%R%R", &out));
    template_put(&t, &record, &out);
    template_put(&t, &empty, &out);
    assert_int_equal(out.len, 16);
    assert_memory_equal(out.p + 4, "\0\0\0\2\xff\xff\xff\xff", 8);
    template_deinit(&t);
    buf_clear(&out);
    assert_true(template_parse(&t, "%k,%v", &out));
    t.null_text = STR("NULL");
    template_put(&t, &empty, &out);
    assert_string_equal(buf_cstr(&out), "NULL,NULL");
    template_deinit(&t);
    buf_deinit(&out);
}

static void ends(const char *key_end, const char *end, const char *want)
{
    struct template t;
    struct template_record r;
    struct str record_end;
    struct buf out = BUF_INIT;
    assert_true(template_parse_ends(&t, key_end, end, &out));
    template_put(&t, &record, &out);
    assert_true(template_take_end(&t, &record_end, &out));
    assert_true(template_read(&t, STR("a%b"), &r, &out));
    buf_printf(&out, "%.*s/%.*s", STR_ARG(r.key), STR_ARG(r.value));
    assert_string_equal(buf_cstr(&out), want);
    template_deinit(&t);
    buf_deinit(&out);
}

static void delimiters_make_a_format(void **state)
{
    ends(NULL, NULL, "vv\n/a%b");
    ends("%", "|", "k%vv|a/b");
    ends("\\t", "\\x0a\\n", "k\tvv\n\n/a%b"); /* no tab: no key */
}

static void what_is_no_format_is_told(void **state)
{
    writes("%z", &record, "'%z' is no field: there are %tpoekKvsVSRTdhHi, and %%");
    writes("%", &record, "'%' is no field: there are %tpoekKvsVSRTdhHi, and %%");
    writes("%d{", &record, "'%d{' needs a '}'");
    writes("\\q", &record, "'\\q' is no escape: there are \\n \\r \\t \\0 \\\\ \\xHH");
    writes("\\x4", &record, "'\\x' is no escape: there are \\n \\r \\t \\0 \\\\ \\xHH");
}

static void reads(const char *format, const char *text, const char *want)
{
    struct template t;
    struct template_record r;
    struct str end;
    struct buf out = BUF_INIT;
    if (template_parse(&t, format, &out) && template_take_end(&t, &end, &out) &&
        template_read(&t, str_from(text), &r, &out)) {
        buf_printf(&out, "%.*s/%.*s/%.*s/%.*s/%" PRId64 "/%" PRId64, STR_ARG(r.topic),
                   STR_ARG(r.key), STR_ARG(r.value), STR_ARG(r.headers), r.partition,
                   r.timestamp_ms);
    }
    assert_string_equal(buf_cstr(&out), want);
    template_deinit(&t);
    buf_deinit(&out);
}

static void fields_are_read(void **state)
{
    reads("%v\\n", "a b", "//a b//-1/-1");
    reads("%k:%v\\n", "a:b:c", "/a/b:c//-1/-1");
    reads("<%t> %p %T %h|%k=%s;\\n", "<t> 3 5 a=1|k=v", "t/k/v/a=1/3/5");
    reads("%k:%v\\n", "ab", "':' is missing behind %k");
    reads("key %k\\n", "kex a", "'key ' is missing");
    reads("%p %v\\n", "x y", "'x' is no number");
    reads("%k%v\\n", "", "there must be text behind %k: where it ends");
    reads("%k:%v", "", "there must be text behind %v: where it ends");
    reads("%o\\n", "", "%o is not read: there are %t %p %T %k %v %h");
    reads("", "", "a record needs text that ends it, such as \\n");
}

/* --- JSON and YAML --- */

static void yaml_is(const char *json, const char *want)
{
    struct buf out = BUF_INIT;
    yaml_put_lines(&out, str_from(json));
    assert_string_equal(buf_cstr(&out), want);
    buf_deinit(&out);
}

static void json_becomes_yaml(void **state)
{
    yaml_is("[]", "---\n[]\n");
    yaml_is("[1,-2.5,null,true]", "---\n- 1\n- -2.5\n- null\n- true\n");
    yaml_is("{\"a\":{\"b\":[{\"c\":1,\"d\":{}},[2,[3]]]},\"e\":\"f\"}",
            "---\na:\n  b:\n    - c: 1\n      d: {}\n    - - 2\n      - - 3\ne: f\n");
    yaml_is("\"a\"\n\n{\"b\":2}\n", "---\na\n\n---\nb: 2\n"); /* what is no JSON stays */
}

static void text_that_means_something_in_yaml_is_quoted(void **state)
{
    yaml_is("[\"a-b_c.d/e\",\"\",\"1\",\"-\",\"No\",\"null\",\"a: b\",\"2026-01-01\",\"# x\"]",
            "---\n- a-b_c.d/e\n- \"\"\n- \"1\"\n- \"-\"\n- \"No\"\n- \"null\"\n- \"a: b\"\n"
            "- \"2026-01-01\"\n- \"# x\"\n");
    yaml_is("{\"a b\":\"\\u0000\\n\\\\\\\"\\u007f\\u0085\\u00e9\\u2028\\ufeff\"}",
            "---\n\"a b\": \"\\x00\\n\\\\\\\"\\x7F\\x85\xc3\xa9\\L\\uFEFF\"\n");
}

/* What a line says, written again. */
static void object_is(const char *line, const char *want)
{
    struct object o = {0};
    struct ottla_message m;
    struct buf out = BUF_INIT;
    ottla_message_init(&m);
    if (object_read(&o, str_from(line), true, &m, &out)) {
        const struct ottla_record r = {.topic = m.topic ? m.topic : "-",
                                       .partition = m.partition,
                                       .timestamp_ms = m.timestamp_ms,
                                       .key = m.key,
                                       .key_length = m.key_length,
                                       .value = m.value,
                                       .value_length = m.value_length,
                                       .headers = m.headers,
                                       .header_count = m.header_count};
        format_put_json(&r, &out);
    }
    assert_string_equal(buf_cstr(&out), want);
    object_deinit(&o);
    buf_deinit(&out);
}

static void objects_come_back_as_they_were(void **state)
{
    static const char whole[] =
        "{\"topic\":\"t\",\"partition\":2,\"offset\":0,\"timestamp\":5,\"timestamp_type\":"
        "\"CreateTime\",\"leader_epoch\":0,\"headers\":[{\"name\":\"a\",\"value\":\"1\"},{\"name\":"
        "\"b\",\"value_base64\":\"/w==\"},{\"name\":\"c\",\"value\":null}],\"key_base64\":\"gIGC\","
        "\"value\":\"x\\\"\\n\"}\n";
    object_is(whole, whole);
    object_is("{}",
              "{\"topic\":\"-\",\"partition\":-1,\"offset\":0,\"timestamp\":-1,\"timestamp_type\":"
              "\"CreateTime\",\"leader_epoch\":0,\"headers\":[],\"key\":null,\"value\":null}\n");
}

static void what_is_no_object_is_told(void **state)
{
    object_is("[]", "no object: it is another value");
    object_is("{\"value\":1}", "value is no string");
    object_is("{\"key_base64\":\"?\"}", "key_base64 is no base64");
    object_is("{\"key_base64\":\"AAAAA\"}", "key_base64 is no base64");
    object_is("{\"partition\":\"1\"}", "partition is no number that it may be");
    object_is("{\"partition\":-7}", "partition is no number that it may be");
    object_is("{\"headers\":[{}]}", "headers[0] has no name");
    object_is("{\"headers\":[1]}", "headers[0] has no name");
}

/* --- errors --- */

static void class_is(int code, const char *want)
{
    struct buf out = BUF_INIT;
    cli_put_class(&out, code);
    assert_string_equal(buf_cstr(&out), want);
    buf_deinit(&out);
}

static void errors_have_the_names_of_javas_classes(void **state)
{
#define ERRORS "org.apache.kafka.common.errors."
    class_is(OTTLA_ERR_UNKNOWN_TOPIC_OR_PARTITION, ERRORS "UnknownTopicOrPartitionException");
    class_is(OTTLA_ERR_INVALID_TOPIC_EXCEPTION, ERRORS "InvalidTopicException");
    class_is(OTTLA_ERR_TOPIC_AUTHORIZATION_FAILED, ERRORS "TopicAuthorizationException");
    class_is(OTTLA_ERR_REQUEST_TIMED_OUT, ERRORS "TimeoutException");
    class_is(OTTLA_ERR_MESSAGE_TOO_LARGE, ERRORS "RecordTooLargeException");
    class_is(OTTLA_ERR_INVALID_RECORD, "org.apache.kafka.common.InvalidRecordException");
    class_is(OTTLA_ERR_CLOSED, "org.apache.kafka.common.KafkaException");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_of_offsets),
        cmocka_unit_test(ranges_of_times),
        cmocka_unit_test(what_is_no_range),
        cmocka_unit_test(points_become_offsets),
        cmocka_unit_test(fields_are_written),
        cmocka_unit_test(lengths_in_bytes_and_nulls),
        cmocka_unit_test(delimiters_make_a_format),
        cmocka_unit_test(what_is_no_format_is_told),
        cmocka_unit_test(fields_are_read),
        cmocka_unit_test(json_becomes_yaml),
        cmocka_unit_test(text_that_means_something_in_yaml_is_quoted),
        cmocka_unit_test(objects_come_back_as_they_were),
        cmocka_unit_test(errors_have_the_names_of_javas_classes),
        cmocka_unit_test(what_is_no_object_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
