/* What the tools that move records make of lines and of records: lines → headers, key, value;
 * records → bytes. What is expected here is what Apache Kafka's tools did with the same input. */
#include "test.h"

#include "base/attr.h"
#include "cli/records/format.h"
#include "cli/records/input.h"
#include "cli/records/line.h"
#include "cli/records/pace.h"
#include "cli/records/pack.h"
#include "cli/records/perf_stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* --- lines --- */

/* Up to four properties. */
struct pairs {
    const char *name[4], *value[4];
};

static void take_props(struct props *p, struct pairs pairs)
{
    props_init(p);
    for (int i = 0; i < 4 && pairs.name[i] != NULL; i++) {
        assert_ok(props_set(p, str_from(pairs.name[i]), str_from(pairs.value[i])));
    }
}

static void put_or_null(struct buf *out, struct str s)
{
    buf_put_str(out, str_is_null(s) ? STR("~") : s);
}

/* "name=value name=value/key/value"; ~ is null. */
static void show(const struct line_record *r, struct buf *out)
{
    for (size_t i = 0; i < r->header_count; i++) {
        const struct ottla_header *h = &r->headers[i];
        buf_printf(out, "%s%.*s=", i ? " " : "", (int)h->key_length, h->key);
        put_or_null(out, (struct str){h->value, h->value_length});
    }
    buf_put_u8(out, '/');
    put_or_null(out, r->key);
    buf_put_u8(out, '/');
    put_or_null(out, r->value);
}

/* The line as a record, or the sentence about it. */
static void becomes(struct pairs pairs, const char *line, const char *want)
{
    struct props p;
    struct line_rules rules;
    struct line_record r = {0};
    struct buf out = BUF_INIT;
    take_props(&p, pairs);
    assert_true(line_rules_take(&rules, &p, &out));
    if (line_parse(&rules, str_from(line), 7, &r, &out)) {
        show(&r, &out);
    }
    assert_string_equal(buf_cstr(&out), want);
    line_record_deinit(&r);
    line_rules_deinit(&rules);
    buf_deinit(&out);
    props_deinit(&p);
}

#define KEY                                                                                        \
    {                                                                                              \
        {"parse.key"}, { "true" }                                                                  \
    }
#define HEADERS                                                                                    \
    {                                                                                              \
        {"parse.headers"}, { "true" }                                                              \
    }
#define BOTH                                                                                       \
    {                                                                                              \
        {"parse.headers", "parse.key"}, { "true", " TRUE " }                                       \
    }

static void a_line_is_a_value(void **state)
{
    becomes((struct pairs){0}, "a\tb:c", "/~/a\tb:c");
    becomes((struct pairs){0}, "", "/~/");
    becomes((struct pairs){{"parse.key"}, {"yes"}}, "a\tb", "/~/a\tb");
}

static void a_key_ends_with_its_separator(void **state)
{
    becomes((struct pairs)KEY, "k\tv\tw", "/k/v\tw");
    becomes((struct pairs)KEY, "\tv", "//v");
    becomes((struct pairs)KEY, "k\t", "/k/");
    becomes((struct pairs)KEY, "kv", "No key separator found on line number 7: 'kv'");
    becomes((struct pairs){{"parse.key", "key.separator"}, {"true", "::"}}, "k:::v", "/k/:v");
    becomes((struct pairs){{"parse.key", "ignore.error"}, {"true", "true"}}, "kv", "/~/kv");
}

static void headers_stand_before_the_key(void **state)
{
    becomes((struct pairs)BOTH, "h1:v1,h2:v2\tk\tv", "h1=v1 h2=v2/k/v");
    becomes((struct pairs)BOTH, "h1:\tk\tv", "h1=/k/v");
    becomes((struct pairs)BOTH, "h:a:b\tk\tv", "h=a:b/k/v");
    becomes((struct pairs)HEADERS, "h:v\tk\tv", "h=v/~/k\tv");
    becomes((struct pairs)BOTH, "h1:v1", "No headers delimiter found on line number 7: 'h1:v1'");
    becomes((struct pairs)BOTH, "h:v\tk", "No key separator found on line number 7: 'h:v\tk'");
    becomes((struct pairs)BOTH, "h\tk\tv",
            "No header key separator found in pair 'h' on line number 7");
    becomes((struct pairs)HEADERS, "\tv",
            "No header key separator found in pair '' on line number 7");
}

static void separators_at_the_end_of_headers_are_passed_over(void **state)
{
    const struct pairs lax = {{"parse.headers", "ignore.error"}, {"true", "true"}};
    becomes((struct pairs)HEADERS, ":v,a:b,,\tx", "=v a=b/~/x");
    becomes((struct pairs)HEADERS, ",\tz", "/~/z");
    becomes(lax, "\ty", "=~/~/y");
    becomes(lax, "a,,b:c\ty", "a=~ =~ b=c/~/y");
    becomes(lax, "y", "/~/y");
}

static void separators_are_texts(void **state)
{
    becomes((struct pairs){{"parse.headers", "headers.separator", "headers.delimiter",
                            "headers.key.separator"},
                           {"true", "\\|", "#", "->"}},
            "a->1|b->2#v", "a=1 b=2/~/v");
}

/* What Apache Kafka's line reader makes of the same lines. */
static void separators_of_headers_are_regular_expressions(void **state)
{
    static const struct {
        const char *separator, *headers, *want;
    } rows[] = {
        {";+", "a:1;b:2;;c:3;;", "a=1 b=2 c=3/~/v"},
        {"\\s*,\\s*", "a:1 , b:2,c:3", "a=1 b=2 c=3/~/v"},
        {"\\|", "a:1|b:2", "a=1 b=2/~/v"},
        {"\\.\\.", "a:1..b:2", "a=1 b=2/~/v"},
        {"\\Q.\\E", "a:1.b:2", "a=1 b=2/~/v"},
        {"(,)", "a:1,b:2", "a=1 b=2/~/v"},
        {"(?i)x", "a:1xb:2Xc:3", "a=1 b=2 c=3/~/v"},
        {"[;,]", "a:1;b:2,c:3", "a=1 b=2 c=3/~/v"},
        {",{2}", "a:1,b:2,,c:3", "a=1,b:2 c=3/~/v"},
        {"^,", "a:1,b:2", "a=1,b:2/~/v"},
        {",$", "a:1,b:2,", "a=1,b:2/~/v"},
        {".", "a:1", "/~/v"},
        {",", ",", "/~/v"},
        {"x*", "a:1", "No header key separator found in pair 'a' on line number 7"},
        {"", "a:1", "No header key separator found in pair 'a' on line number 7"},
        {"|", "a:1", "No header key separator found in pair 'a' on line number 7"},
        {"x", "xa:1xa:2", "No header key separator found in pair '' on line number 7"},
        {",", "a:1,,b:2,,", "No header key separator found in pair '' on line number 7"},
        {",", "", "No header key separator found in pair '' on line number 7"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char line[64];
        snprintf(line, sizeof line, "%s\tv", rows[i].headers);
        becomes((struct pairs){{"parse.headers", "headers.separator"}, {"true", rows[i].separator}},
                line, rows[i].want);
    }
}

static void a_marker_stands_for_null(void **state)
{
    const struct pairs marked = {{"parse.headers", "parse.key", "null.marker"},
                                 {"true", "true", "NULL"}};
    becomes(marked, "h:NULL\tNULL\tNULL", "h=~/~/~");
    becomes(marked, "NULL\tk\tv", "/k/v");
    becomes(marked, "h:v\tk\tNULLS", "h=v/k/NULLS");
    becomes(marked, "NULL:v\tk\tv",
            "Header keys should not be equal to the null marker 'NULL' as they can't be null");
}

static void refused(struct pairs pairs, const char *want)
{
    struct props p;
    struct line_rules rules;
    struct buf why = BUF_INIT;
    take_props(&p, pairs);
    assert_false(line_rules_take(&rules, &p, &why));
    assert_string_equal(buf_cstr(&why), want);
    buf_deinit(&why);
    props_deinit(&p);
}

static void separators_must_differ(void **state)
{
    refused((struct pairs){{"headers.separator"}, {"["}},
            "headers.separator: '[' is no regular expression: a bracket is not closed");
    refused((struct pairs){{"headers.delimiter"}, {","}},
            "headers.delimiter and headers.separator may not be equal");
    refused((struct pairs){{"headers.key.separator"}, {"\t"}},
            "headers.delimiter and headers.key.separator may not be equal");
    refused((struct pairs){{"headers.key.separator"}, {","}},
            "headers.separator and headers.key.separator may not be equal");
    refused((struct pairs){{"null.marker", "key.separator"}, {"x", "x"}},
            "null.marker and key.separator may not be equal");
}

/* --- input --- */

/* What is written into a pipe comes back as these lines; | is between them. */
static void reads(const char *text, size_t len, const char *delimiter, const char *want)
{
    int fds[2];
    struct input in;
    struct str line;
    struct buf out = BUF_INIT;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], text, len), (ssize_t)len);
    close(fds[1]);
    input_init(&in, fds[0], -1);
    if (delimiter != NULL) {
        input_delimit(&in, str_from(delimiter));
    }
    while (input_line(&in, &line)) {
        buf_put_str(&out, line);
        buf_put_u8(&out, '|');
    }
    assert_int_equal(in.error, 0);
    assert_string_equal(buf_cstr(&out), want);
    buf_deinit(&out);
    input_deinit(&in);
    close(fds[0]);
}

#define READS(text, delimiter, want) reads(text, sizeof text - 1, delimiter, want)

static void lines_end_in_three_ways(void **state)
{
    READS("a\nb\r\nc\rd", NULL, "a|b|c|d|");
    READS("a\r\r\n\n", NULL, "a|||");
    READS("", NULL, "");
    READS("\n", NULL, "|");
    READS("a\n", NULL, "a|");
}

static void records_end_with_a_delimiter(void **state)
{
    READS("a\nb;c;;d", ";", "a\nb|c||d|");
    READS("a<>b<<>c", "<>", "a|b<|c|");
}

static void a_long_line_spans_blocks(void **state)
{
    enum { BYTES = 60000 }; /* as much as a pipe takes, in more than one read */
    char *text = test_malloc(BYTES);
    char *want = test_malloc(BYTES + 1);
    memset(text, 'x', BYTES);
    text[BYTES - 2] = '\r';
    text[BYTES - 1] = '\n';
    memcpy(want, text, BYTES - 2);
    want[BYTES - 2] = '|';
    want[BYTES - 1] = '\0';
    reads(text, BYTES, NULL, want);
    test_free(text);
    test_free(want);
}

static void half_a_line_is_dropped_by_a_stop(void **state)
{
    int fds[2], stop[2];
    struct input in;
    struct str line;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(pipe(stop), 0);
    assert_int_equal(write(fds[1], "a\nb", 3), 3);
    input_init(&in, fds[0], stop[0]);
    assert_true(input_line(&in, &line));
    assert_int_equal(write(stop[1], "", 1), 1);
    assert_false(input_line(&in, &line));
    input_deinit(&in);
    close(fds[0]);
    close(fds[1]);
    close(stop[0]);
    close(stop[1]);
}

/* --- deserializers --- */

static void put_text(struct text *t, struct bytes b, const char *want)
{
    struct buf out = BUF_INIT, why = BUF_INIT;
    assert_non_null(t);
    bool ok = text_put(t, b, &out, &why);
    assert_string_equal(ok ? buf_cstr(&out) : buf_cstr(&why), want);
    buf_deinit(&out);
    buf_deinit(&why);
    text_free(t);
}

static void text_of(const char *class, const char *bytes, size_t len, const char *want)
{
    put_text(text_new(str_from(class)), (struct bytes){(const uint8_t *)bytes, len}, want);
}

#define TEXT(class, bytes, want) text_of(class, bytes, sizeof bytes - 1, want)
#define JAVA(class) "org.apache.kafka.common.serialization." class "Deserializer"

static void bytes_become_text(void **state)
{
    TEXT(JAVA("String"), "a\xc3\xa4", "a\xc3\xa4");
    TEXT("short", "\xff\xfe", "-2");
    TEXT(JAVA("Integer"), "\0\0\1\0", "256");
    TEXT(JAVA("Long"), "\x7f\xff\xff\xff\xff\xff\xff\xff", "9223372036854775807");
    TEXT("float", "\x3d\xcc\xcc\xcd", "0.1");
    TEXT("float", "\x7f\xc0\0\0", "NaN");
    TEXT("double", "\x40\x09\x21\xfb\x54\x44\x2d\x18", "3.141592653589793");
    TEXT("double", "\x41\x63\x12\xd0\0\0\0\0", "1.0E7");
    TEXT("double", "\xff\xf0\0\0\0\0\0\0", "-Infinity");
    TEXT("boolean", "\1", "true");
    TEXT("bytes", "a\\\n\xff", "a\\x5C\\x0A\\xFF");
    TEXT("bytearray", "a\n", "a\n");
    TEXT("bytebuffer", "abc", "java.nio.HeapByteBuffer[pos=0 lim=3 cap=3]");
    TEXT(JAVA("UUID"), "123E4567-e89b-12d3-a456-426614174000",
         "123e4567-e89b-12d3-a456-426614174000");
    TEXT("uuid", "1-2-3-4-5", "00000001-0002-0003-0004-000000000005");
}

static void bytes_that_say_nothing_are_told(void **state)
{
    TEXT(JAVA("Long"), "abc", "Size of data received by LongDeserializer is not 8");
    TEXT("integer", "", "Size of data received by IntegerDeserializer is not 4");
    TEXT("boolean", "\2", "Unexpected byte received by BooleanDeserializer: 2");
    TEXT("uuid", "x", "Error parsing data into UUID: Invalid UUID string: x");
    TEXT("uuid", "1-2-3-4", "Error parsing data into UUID: Invalid UUID string: 1-2-3-4");
    TEXT("uuid", "1-2-3--5", "Error parsing data into UUID: Invalid UUID string: 1-2-3--5");
    TEXT(JAVA("Void"), "x", "Data should be null for a VoidDeserializer, not 1 bytes");
    TEXT(JAVA("List"), "x", "Unable to deserialize into a List");
    assert_null(text_new(STR("org.example.Thing")));
    assert_null(text_new(STR(JAVA("Thing"))));
    assert_null(text_new(STR("list"))); /* of what? */
}

/* The settings of one deserializer, up to two, and what becomes of bytes; or why it is none. */
static void configured(const char *class, struct pairs pairs, struct bytes b, const char *want)
{
    struct props p;
    struct buf why = BUF_INIT;
    struct text *t = text_new(str_from(class));
    take_props(&p, pairs);
    if (text_configure(t, &p, (struct text_place){"value.deserializer", false}, &why)) {
        put_text(t, b, want);
    } else {
        assert_string_equal(buf_cstr(&why), want);
        text_free(t);
    }
    buf_deinit(&why);
    props_deinit(&p);
}

#define BYTES(literal) ((struct bytes){(const uint8_t *)(literal), sizeof(literal) - 1})
#define NO "\xef\xbf\xbd"

/* What StringDeserializer makes of the same bytes. */
static void strings_have_encodings(void **state)
{
    static const char mixed[] = "\0A\xe4\0\x80\xff"
                                "A";
    const struct {
        const char *encoding;
        struct bytes b;
        const char *want;
    } rows[] = {
        {"UTF-16", BYTES(mixed), "A\xee\x90\x80\xe8\x83\xbf" NO},
        {"UTF-16LE", BYTES(mixed), "\xe4\x84\x80\xc3\xa4\xef\xbe\x80" NO},
        {"UTF-16BE", BYTES(mixed), "A\xee\x90\x80\xe8\x83\xbf" NO},
        {"ISO-8859-1", BYTES("A\xe4\x80\xff"), "A\xc3\xa4\xc2\x80\xc3\xbf"},
        {"latin1", BYTES("\xe4"), "\xc3\xa4"},
        {"US-ASCII", BYTES("A\xe4\x80\xff"), "A" NO NO NO},
        {"windows-1252", BYTES("\x80"), "\xe2\x82\xac"},
        {"utf8", BYTES("\xc3\xa4"), "\xc3\xa4"},
        {"UTF-16", BYTES("\xfe\xff\0A\0B"), "AB"},
        {"UTF-16",
         BYTES("\xff\xfe"
               "A\0B\0"),
         "AB"},
        {"UTF-16", BYTES("\xdc\0\0A"), NO "A"}, /* half a pair */
        {"UTF-32", BYTES("\0\0\0A"), "A"},
        {"", BYTES(""), "value.deserializer: the encoding '' is not known"},
        {"UTF-7", BYTES(""), "value.deserializer: the encoding 'UTF-7' is not known"},
        {"a//TRANSLIT", BYTES(""), "value.deserializer: the encoding 'a//TRANSLIT' is not known"},
    };
    static const char name[] = "value.deserializer.deserializer.encoding";
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        configured("string", (struct pairs){{name}, {rows[i].encoding}}, rows[i].b, rows[i].want);
    }
    /* the more special name counts; without the property's own name in front none does */
    configured("string",
               (struct pairs){{name, "value.deserializer.value.deserializer.encoding"},
                              {"UTF-8", "UTF-16"}},
               BYTES("\0a"), "a");
    configured("string", (struct pairs){{"value.deserializer.encoding"}, {"UTF-16"}}, BYTES("ab"),
               "ab");
    configured("uuid", (struct pairs){{name}, {"UTF-16"}}, BYTES("\0001\0002"),
               "Error parsing data into UUID: Invalid UUID string: 12");
}

#define SERDE(name) "org.apache.kafka.common.serialization.Serdes$" name "Serde"
#define LIST_OF(inner)                                                                             \
    (struct pairs)                                                                                 \
    {                                                                                              \
        {"value.deserializer.default.list.value.serde.type",                                       \
         "value.deserializer.default.list.value.serde.inner"},                                     \
        {                                                                                          \
            "java.util.ArrayList", inner                                                           \
        }                                                                                          \
    }

/* What ListSerializer wrote, and what was damaged. */
static void lists_are_of_something(void **state)
{
    const struct pairs strings = LIST_OF(SERDE("String")), ints = LIST_OF(SERDE("Integer"));
    const char *list = JAVA("List");
    const char torn[] = "End of the list was reached prematurely";
    configured(list, strings, BYTES("\1\0\0\0\3\0\0\0\2ab\xff\xff\xff\xff\0\0\0\1c"),
               "[ab, null, c]");
    configured(list, ints, BYTES("\0\0\0\0\1\0\0\0\1\0\0\0\3\0\0\0\7\0\0\0\x08"), "[7, null, 8]");
    configured(list, ints, BYTES("\0\0\0\0\0\0\0\0\0"), "[]");
    configured(list, strings, BYTES("\1\0\0\0\2\0\0\0\0\0\0\0\0"), "[, ]");
    configured(list, strings, BYTES("\0\0\0\0\0\0\0\0\0"),
               "Data is encoded as constant size entries, but entries of String have no size of "
               "their own");
    configured(list, ints, BYTES("\2\0\0\0\1"), "Invalid serialization strategy flag value");
    configured(list, ints, BYTES(""), "Unable to deserialize into a List");
    configured(list, ints, BYTES("\1"), torn);
    configured(list, ints, BYTES("\0\0\0\0\0\0\0\0\2\0\0\0\1"), torn);
    configured(list, ints, BYTES("\0\x7f\xff\xff\xff\0\0\0\1"), torn);
    configured(list, strings, BYTES("\1\0\0\0\1\0\0\0\5a"), torn);
    configured(list, strings, BYTES("\1\0\0\0\1\x80\0\0\0"), torn);
    configured(list, ints, BYTES("\1\xff\xff\xff\xff"),
               "The number of list entries cannot be negative");
    configured(list, ints, BYTES("\1\0\0\0\1\0\0\0\1x"),
               "Size of data received by IntegerDeserializer is not 4");
    configured(
        list, LIST_OF(SERDE("Thing")), BYTES(""),
        "value.deserializer.default.list.value.serde.inner: "
        "'org.apache.kafka.common.serialization.Serdes$ThingSerde' is none of "
        "org.apache.kafka.common.serialization.Serdes$StringSerde, Serdes$IntegerSerde, ...");
    configured(
        list, LIST_OF(SERDE("List")), BYTES(""),
        "value.deserializer.default.list.value.serde.inner: "
        "'org.apache.kafka.common.serialization.Serdes$ListSerde' is none of "
        "org.apache.kafka.common.serialization.Serdes$StringSerde, Serdes$IntegerSerde, ...");
    configured(
        list, (struct pairs){{NULL}, {NULL}}, BYTES(""),
        "value.deserializer.default.list.value.serde.type: '' is no class of lists; there is "
        "java.util.ArrayList");
}

/* --- packed bytes --- */

static void packed(const char *format, struct bytes b, const char *want)
{
    struct buf out = BUF_INIT, why = BUF_INIT;
    assert_true(pack_check(format, &why));
    bool ok = pack_put(format, b, &out, &why);
    assert_string_equal(ok ? buf_cstr(&out) : buf_cstr(&why), want);
    buf_deinit(&out);
    buf_deinit(&why);
}

static void bytes_are_made_of_numbers(void **state)
{
    static const char *const bad[] = {"", "z", "i,i"};
    packed("bB", BYTES("\xff\xff"), "-1255");
    packed("h H", BYTES("\xff\xfe\xff\xfe"), "-2 65534");
    packed("i", BYTES("\x80\0\0\0"), "-2147483648");
    packed("I<I", BYTES("\0\0\0\1\1\0\0\0"), "11");
    packed("q", BYTES("\xff\xff\xff\xff\xff\xff\xff\xff"), "-1");
    packed("Q$", BYTES("\xff\xff\xff\xff\xff\xff\xff\xff"), "18446744073709551615");
    packed("c s$", BYTES("abc"), "a bc");
    packed("s$", BYTES(""), "");
    packed("h", BYTES("abc"), "24930"); /* the rest is passed over */
    packed("i", BYTES("abc"), "i takes 4 bytes, and there are 3");
    packed("h$", BYTES("abc"), "1 bytes are left where the end should be");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct buf why = BUF_INIT;
        assert_false(pack_check(bad[i], &why));
        buf_deinit(&why);
    }
}

/* --- formats --- */

static const struct ottla_header two_headers[] = {{"h1", 2, "v1", 2}, {"h2", 2, NULL, 0}};

static const struct ottla_record full = {
    .topic = "t",
    .partition = 3,
    .leader_epoch = 5,
    .offset = 42,
    .timestamp_ms = 1700000000000,
    .key = "k",
    .key_length = 1,
    .value = "v",
    .value_length = 1,
    .header_count = 2,
    .headers = two_headers,
};
static const struct ottla_record empty = {.topic = "t", .is_append_time = true};

static void prints(struct pairs pairs, const struct ottla_record *r, const char *want)
{
    struct props p;
    struct format f;
    struct buf out = BUF_INIT, why = BUF_INIT;
    assert_true(format_find("default", &f));
    take_props(&p, pairs);
    format_take(&f, &p, &why);
    if (!format_put(&f, r, &out, &why)) {
        buf_put_u8(&out, '!');
    }
    buf_put_str(&out, buf_str(&why));
    assert_string_equal(buf_cstr(&out), want);
    format_deinit(&f);
    buf_deinit(&out);
    buf_deinit(&why);
    props_deinit(&p);
}

static void a_record_is_printed_by_its_parts(void **state)
{
    prints((struct pairs){0}, &full, "v\n");
    prints((struct pairs){0}, &empty, "null\n");
    prints((struct pairs){{"print.key", "print.timestamp"}, {"true", "true"}}, &full,
           "CreateTime:1700000000000\tk\tv\n");
    prints((struct pairs){{"print.timestamp"}, {"true"}}, &empty, "LogAppendTime:0\tnull\n");
    prints((struct pairs){{"print.partition", "print.offset", "print.headers"},
                          {"true", "true", "true"}},
           &full, "Partition:3\tOffset:42\th1:v1,h2:null\tv\n");
    prints((struct pairs){{"print.delivery", "print.epoch", "print.headers", "print.value"},
                          {"true", "true", "true", "false"}},
           &empty, "Delivery:NOT_PRESENT\tEpoch:NOT_PRESENT\tNO_HEADERS\n");
    prints((struct pairs){{"print.value"}, {"no"}}, &full, "");
}

static void separators_and_null_are_chosen(void **state)
{
    prints((struct pairs){{"print.key", "key.separator", "line.separator"}, {"true", "", "X"}},
           &full, "kvX");
    prints((struct pairs){{"print.headers", "headers.separator", "null.literal"},
                          {"true", " ; ", "-"}},
           &full, "h1:v1 ; h2:-\tv\n");
    prints((struct pairs){{"print.key", "null.literal"}, {"true", "nil"}}, &empty, "nil\tnil\n");
}

static void deserializers_print_keys_and_values(void **state)
{
    struct ottla_record r = full;
    r.key = "\0\0\0\7";
    r.key_length = 4;
    prints((struct pairs){{"print.key", "key.deserializer"}, {"true", "integer"}}, &r, "7\tv\n");
    prints((struct pairs){{"value.deserializer"}, {"integer"}}, &r,
           "!Size of data received by IntegerDeserializer is not 4");
    prints((struct pairs){{"value.deserializer"}, {"x.Y"}}, &r,
           "v\nvalue.deserializer: 'x.Y' is not known here. There are " TEXT_NAMES ".\n");
    prints((struct pairs){{"value.deserializer", "null.literal"}, {"integer", "abcd"}}, &empty,
           "1633837924\n"); /* as in Kafka, also what stands for null is deserialized */
}

static void json_has_everything(void **state)
{
    struct ottla_record r = full;
    struct buf out = BUF_INIT;
    r.key = "\xff\"";
    r.key_length = 2;
    r.value = "a\"\n";
    r.value_length = 3;
    format_put_json(&r, &out);
    assert_string_equal(
        buf_cstr(&out),
        "{\"topic\":\"t\",\"partition\":3,\"offset\":42,\"timestamp\":1700000000000,"
        "\"timestamp_type\":\"CreateTime\",\"leader_epoch\":5,\"headers\":["
        "{\"name\":\"h1\",\"value\":\"v1\"},{\"name\":\"h2\",\"value\":null}],"
        "\"key_base64\":\"/yI=\",\"value\":\"a\\\"\\n\"}\n");
    buf_deinit(&out);
}

static void formatters_have_java_names(void **state)
{
    struct format f;
    assert_true(format_find("org.apache.kafka.tools.consumer.NoOpMessageFormatter", &f));
    assert_int_equal(f.kind, FORMAT_NOTHING);
    assert_true(format_find(
        "org.apache.kafka.tools.consumer.group.share.ShareGroupStateMessageFormatter", &f));
    assert_int_equal(f.internal, OTTLA_INTERNAL_SHARE_STATE);
    assert_true(format_find("Offsets", &f));
    assert_int_equal(f.internal, OTTLA_INTERNAL_OFFSETS);
    assert_false(format_find("org.example.Formatter", &f));
    assert_false(format_find("", &f));
}

static void internal(enum ottla_internal kind, struct str key, struct str value, const char *want)
{
    struct ottla_record r = {.offset = 9,
                             .key = key.p,
                             .key_length = key.len,
                             .value = value.p,
                             .value_length = value.len};
    struct ottla_error error = {.message = "none"};
    char *json;
    int e = ottla_internal_json(kind, &r, &json, &error);
    assert_string_equal(e ? error.message : json ? json : "-", want);
    ottla_text_free(json);
}

#define OFFSET_KEY STR("\0\1\0\1g\0\1t\0\0\0\2")
#define OFFSET_VALUE STR("\0\3\0\0\0\0\0\0\0\5\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\7")

static void records_of_internal_topics_are_json(void **state)
{
    internal(OTTLA_INTERNAL_OFFSETS, OFFSET_KEY, OFFSET_VALUE,
             "{\"key\":{\"type\":1,\"data\":{\"group\":\"g\",\"topic\":\"t\",\"partition\":2}},"
             "\"value\":{\"version\":3,\"data\":{\"offset\":5,\"leaderEpoch\":-1,"
             "\"metadata\":\"\",\"commitTimestamp\":7}}}");
    internal(OTTLA_INTERNAL_OFFSETS, OFFSET_KEY, STR_NULL,
             "{\"key\":{\"type\":1,\"data\":{\"group\":\"g\",\"topic\":\"t\",\"partition\":2}},"
             "\"value\":null}");
    internal(OTTLA_INTERNAL_TRANSACTIONS, STR("\0\0\0\2tx"), STR_NULL,
             "{\"key\":{\"type\":0,\"data\":{\"transactionalId\":\"tx\"}},\"value\":null}");
    internal(OTTLA_INTERNAL_GROUPS, OFFSET_KEY, OFFSET_VALUE, "-");
    internal(OTTLA_INTERNAL_OFFSETS, STR_NULL, OFFSET_VALUE, "-");
    internal(OTTLA_INTERNAL_OFFSETS, STR("\x7f\xff"), OFFSET_VALUE, "-");
}

static void damaged_internal_records_are_told(void **state)
{
    internal(OTTLA_INTERNAL_OFFSETS, STR("\0"), STR_NULL,
             "Could not read record at offset 9 due to: corrupt message");
    internal(OTTLA_INTERNAL_OFFSETS, STR("\0\1\0\1g"), STR_NULL,
             "Could not read record at offset 9 due to: corrupt message");
    internal(OTTLA_INTERNAL_OFFSETS, OFFSET_KEY, STR("\0\3\0"),
             "Could not read record at offset 9 due to: corrupt message");
    internal(OTTLA_INTERNAL_OFFSETS, OFFSET_KEY, STR("\0\x63"),
             "Could not read record at offset 9 due to: unsupported version");
}

/* --- producer-perf-test --- */

static void windows_and_totals_are_told(void **state)
{
    struct perf_stats s;
    struct buf out = BUF_INIT;
    perf_stats_init(&s, 4, 1000, 5000);
    perf_stats_add(&s, 10, 1 << 20, 5100, &out);
    perf_stats_add(&s, 20, 1 << 20, 5500, &out);
    assert_int_equal(out.len, 0);
    perf_stats_add(&s, 60, 1 << 20, 6000, &out);
    assert_string_equal(buf_cstr(&out), "3 records sent, 3.0 records/sec (3.00 MB/sec), 30.0 ms "
                                        "avg latency, 60.0 ms max latency.\n");
    buf_clear(&out);
    perf_stats_add(&s, 30, 1 << 20, 6500, &out);
    perf_stats_put_total(&s, 7000, &out);
    assert_string_equal(
        buf_cstr(&out),
        "4 records sent, 2.000000 records/sec (2.00 MB/sec), 30.00 ms avg latency, "
        "60.00 ms max latency, 30 ms 50th, 60 ms 95th, 60 ms 99th, 60 ms 99.9th.\n");
    perf_stats_deinit(&s);
    buf_deinit(&out);
}

static void a_sample_stands_for_many_latencies(void **state)
{
    enum { RECORDS = 1000000 };
    struct perf_stats s;
    struct buf out = BUF_INIT;
    perf_stats_init(&s, RECORDS, INT64_MAX, 0);
    s.is_steady = true;
    for (int i = 0; i < RECORDS + 5; i++) {
        perf_stats_add(&s, i / 1000, 1, i, &out); /* 0 to 1000 ms, a thousand of each */
    }
    perf_stats_put_total(&s, RECORDS, &out);
    assert_string_equal(buf_cstr(&out),
                        "1000005 steady state records sent, 1000.005000 records/sec (0.00 MB/sec), "
                        "499.50 ms avg latency, 1000.00 ms max latency, 500 ms 50th, 950 ms 95th, "
                        "990 ms 99th, 999 ms 99.9th.\n");
    perf_stats_deinit(&s);
    buf_deinit(&out);
}

static void nothing_delivered_is_told_too(void **state)
{
    struct perf_stats s;
    struct buf out = BUF_INIT;
    perf_stats_init(&s, 10, 1000, 0);
    perf_stats_put_total(&s, 0, &out);
    assert_string_equal(buf_cstr(&out),
                        "0 records sent, 0.000000 records/sec (0.00 MB/sec), 0.00 ms avg latency, "
                        "0.00 ms max latency, 0 ms 50th, 0 ms 95th, 0 ms 99th, 0 ms 99.9th.\n");
    perf_stats_deinit(&s);
    buf_deinit(&out);
}

static void time_is(const char *format, const char *want)
{
    char text[PACE_TIME_MAX];
    bool ok = pace_format_time(format, 1700000000005, text);
    assert_string_equal(ok ? text : "-", want);
}

static void times_have_formats_of_java(void **state)
{
    setenv("TZ", "UTC", 1);
    tzset();
    time_is("yyyy-MM-dd HH:mm:ss:SSS", "2023-11-14 22:13:20:005");
    time_is("yy/M/d 'at' H.m o''clock", "-");
    time_is("yy/M/d 'at' H.m ''", "23/11/14 at 22.13 '");
    time_is("", "");
    time_is("EEE", "-");
    time_is("yyyyyyyyyy", "-");
    time_is("yyyyyyyyy yyyyyyyyy yyyyyyyyy yyyyyyyyy yyyyyyyyy yyyyyyyyy yyyyyyyyy", "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_a_value),
        cmocka_unit_test(a_key_ends_with_its_separator),
        cmocka_unit_test(headers_stand_before_the_key),
        cmocka_unit_test(separators_at_the_end_of_headers_are_passed_over),
        cmocka_unit_test(separators_are_texts),
        cmocka_unit_test(a_marker_stands_for_null),
        cmocka_unit_test(separators_of_headers_are_regular_expressions),
        cmocka_unit_test(separators_must_differ),
        cmocka_unit_test(lines_end_in_three_ways),
        cmocka_unit_test(records_end_with_a_delimiter),
        cmocka_unit_test(a_long_line_spans_blocks),
        cmocka_unit_test(half_a_line_is_dropped_by_a_stop),
        cmocka_unit_test(bytes_become_text),
        cmocka_unit_test(bytes_that_say_nothing_are_told),
        cmocka_unit_test(strings_have_encodings),
        cmocka_unit_test(lists_are_of_something),
        cmocka_unit_test(bytes_are_made_of_numbers),
        cmocka_unit_test(a_record_is_printed_by_its_parts),
        cmocka_unit_test(separators_and_null_are_chosen),
        cmocka_unit_test(deserializers_print_keys_and_values),
        cmocka_unit_test(json_has_everything),
        cmocka_unit_test(formatters_have_java_names),
        cmocka_unit_test(records_of_internal_topics_are_json),
        cmocka_unit_test(damaged_internal_records_are_told),
        cmocka_unit_test(windows_and_totals_are_told),
        cmocka_unit_test(a_sample_stands_for_many_latencies),
        cmocka_unit_test(nothing_delivered_is_told_too),
        cmocka_unit_test(times_have_formats_of_java),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
