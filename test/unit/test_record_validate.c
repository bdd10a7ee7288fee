/* Validation of produced batches: what the comparison with Apache Kafka (test_validate_golden) does
 * not show, because it is about our own limits, memory and messages. */
#include "test.h"

#include "base/mem.h"
#include "record/validate.h"

enum { NOW_MS = 1000000, VERSION = 12, MIB = 1 << 20 };

static const struct validate_rules usual = {
    .ts_before_max_ms = INT64_MAX,
    .ts_after_max_ms = 3600000,
    .codec_level = CODEC_LEVEL_DEFAULT,
    .max_batch_bytes = MIB,
    .max_plain_bytes = MIB,
};

struct spec {
    int32_t count;
    enum codec codec;
    size_t value_bytes;
    int64_t ts_step_ms;
    bool has_keys, has_headers;
};

static void build(struct buf *out, const struct spec *spec)
{
    static const uint8_t header[] = {2, 'h', 2, 'v'};
    static uint8_t bytes[100000]; /* they compress well, but not to nothing */
    struct batch head = {.base_ts_ms = NO_TIMESTAMP, .producer_id = NO_PRODUCER_ID, .base_seq = -1};
    struct batch_builder bb;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * i / 64 % 32);
    }
    batch_builder_init(&bb, out, &head, spec->codec, CODEC_LEVEL_DEFAULT);
    for (int32_t i = 0; i < spec->count; i++) {
        struct record r = {.off = i, .ts_ms = NOW_MS + i * spec->ts_step_ms};
        r.key = spec->has_keys ? (struct bytes){bytes, 4} : BYTES_NULL;
        r.value = (struct bytes){bytes, spec->value_bytes};
        r.header_count = spec->has_headers;
        r.headers = (struct bytes){header, spec->has_headers ? sizeof header : 0};
        batch_builder_add(&bb, &r);
    }
    assert_ok(batch_builder_finish(&bb));
    batch_builder_deinit(&bb);
}

static void uncommon_records_are_read_beside_common_ones(void **state)
{
    static const struct spec specs[] = {
        {.count = 1},
        {.count = 300, .value_bytes = 60},
        {.count = 20000, .value_bytes = 10},                  /* offsets of three bytes */
        {.count = 5, .value_bytes = 9000},                    /* lengths of three */
        {.count = 5, .value_bytes = 50, .ts_step_ms = 9000},  /* times of three */
        {.count = 5, .value_bytes = 50, .ts_step_ms = -9000}, /* and before the first */
        {.count = 100, .value_bytes = 50, .has_headers = true},
        {.count = 100, .value_bytes = 50, .has_keys = true, .has_headers = true},
    };
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        struct buf in = BUF_INIT, rewritten = BUF_INIT;
        struct validate_result r;
        build(&in, &specs[i]);
        assert_ok(validate_produce(&usual, in.p, in.len, VERSION, NOW_MS, &rewritten, &r));
        assert_true(!r.is_rewritten && r.batch.p == in.p && r.batch.count == specs[i].count);
        assert_true(r.append_time_ms == -1 && r.message == NULL && rewritten.p == NULL);
        int64_t last = NOW_MS + (specs[i].count - 1) * specs[i].ts_step_ms;
        assert_true(r.batch.max_ts_ms == MAX(last, NOW_MS));
        buf_deinit(&in);
        buf_deinit(&rewritten);
    }
}

/* The way of a walk, which looks at each record with care. */
static bool is_walkable(struct bytes in)
{
    struct record_walk w;
    struct record r;
    struct batch b;
    assert_ok(batch_parse(in, &b));
    assert_ok(record_walk_init(&w, &b, MIB));
    enum err e = OK;
    while (e == OK) {
        e = record_walk_next(&w, &r);
    }
    record_walk_deinit(&w);
    return e == ERR_NOT_FOUND;
}

/* Every value of every byte of some records: validation's quick look at them accepts what a walk
 * can read, and nothing else. */
static void a_quick_look_misses_nothing(void **state)
{
    struct buf in = BUF_INIT, rewritten = BUF_INIT;
    struct validate_rules rules = usual;
    struct validate_result r;
    struct batch b;
    int accepted = 0, refused = 0;
    rules.ts_after_max_ms = INT64_MAX;
    build(&in, &(struct spec){.count = 4, .value_bytes = 70, .has_keys = true});
    assert_ok(batch_parse(buf_bytes(&in), &b));
    for (size_t at = BATCH_HEADER_BYTES; at < in.len; at++) {
        uint8_t was = in.p[at];
        for (int value = 0; value < 256; value++) {
            in.p[at] = (uint8_t)value;
            batch_write_header(in.p, &b);
            enum err want = is_walkable(buf_bytes(&in)) ? OK : ERR_INVALID_RECORD;
            assert_err(want,
                       validate_produce(&rules, in.p, in.len, VERSION, NOW_MS, &rewritten, &r));
            want == OK ? accepted++ : refused++;
        }
        in.p[at] = was;
    }
    assert_true(accepted > 1000 && refused > 1000);
    buf_deinit(&in);
    buf_deinit(&rewritten);
}

static void the_first_records_to_blame_are_named(void **state)
{
    struct buf in = BUF_INIT, rewritten = BUF_INIT;
    struct validate_rules rules = usual;
    struct validate_result r;
    rules.needs_keys = true;
    build(&in, &(struct spec){.count = 100});
    assert_err(ERR_INVALID_RECORD,
               validate_produce(&rules, in.p, in.len, VERSION, NOW_MS, &rewritten, &r));
    assert_non_null(r.message);
    assert_int_equal(r.record_error_count, VALIDATE_RECORD_ERRORS_MAX);
    for (int i = 0; i < r.record_error_count; i++) {
        assert_int_equal(r.record_errors[i].index, i);
        assert_string_equal(r.record_errors[i].message,
                            "a compacted topic cannot accept a message without a key");
    }
    buf_deinit(&in);
}

/* One bad timestamp beyond the ones that are named still decides the error. */
static void a_late_bad_timestamp_counts(void **state)
{
    struct buf in = BUF_INIT, rewritten = BUF_INIT;
    struct validate_rules rules = usual;
    struct validate_result r;
    rules.needs_keys = true;
    rules.ts_after_max_ms = 98;
    build(&in, &(struct spec){.count = 100, .ts_step_ms = 1, .has_keys = false});
    assert_err(ERR_INVALID_RECORD,
               validate_produce(&rules, in.p, in.len, VERSION, NOW_MS, &rewritten, &r));
    rules.needs_keys = false;
    assert_err(ERR_INVALID_TIMESTAMP,
               validate_produce(&rules, in.p, in.len, VERSION, NOW_MS, &rewritten, &r));
    assert_true(r.record_error_count == 1 && r.record_errors[0].index == 99);
    buf_deinit(&in);
}

static void what_decompresses_to_too_much_is_too_large(void **state)
{
    for (int c = CODEC_GZIP; c < CODEC_COUNT; c++) {
        struct buf in = BUF_INIT, rewritten = BUF_INIT;
        struct validate_rules rules = usual;
        struct validate_result r;
        build(&in, &(struct spec){.count = 20, .codec = (enum codec)c, .value_bytes = 90000});
        rules.max_batch_bytes = in.len;
        rules.max_plain_bytes = 1000000;
        assert_err(ERR_MESSAGE_TOO_LARGE,
                   validate_produce(&rules, in.p, in.len, VERSION, NOW_MS, &rewritten, &r));
        assert_string_equal(r.message, "the decompressed records are too large");
        rules.max_plain_bytes = 2000000;
        assert_ok(validate_produce(&rules, in.p, in.len, VERSION, NOW_MS, &rewritten, &r));
        buf_deinit(&in);
        codec_release_thread();
    }
}

static void levels_are_used_when_a_batch_is_rewritten(void **state)
{
    struct buf in = BUF_INIT, fast = BUF_INIT, small = BUF_INIT;
    struct validate_rules rules = usual;
    struct validate_result r;
    rules.recompress = true;
    rules.codec = CODEC_ZSTD;
    build(&in, &(struct spec){.count = 10, .value_bytes = 20000, .has_keys = true});
    rules.codec_level = -1000;
    assert_ok(validate_produce(&rules, in.p, in.len, VERSION, NOW_MS, &fast, &r));
    assert_true(r.is_rewritten && r.batch.p == fast.p && r.batch.size_bytes == fast.len);
    rules.codec_level = 19;
    assert_ok(validate_produce(&rules, in.p, in.len, VERSION, NOW_MS, &small, &r));
    assert_true(small.len < fast.len && batch_codec(&r.batch) == CODEC_ZSTD);
    codec_release_thread();
    buf_deinit(&in);
    buf_deinit(&fast);
    buf_deinit(&small);
}

static void the_buffer_of_rewritten_batches_is_used_again(void **state)
{
    struct buf in = BUF_INIT, rewritten = BUF_INIT;
    struct validate_rules rules = usual;
    struct validate_result r;
    rules.recompress = true;
    rules.codec = CODEC_LZ4;
    buf_put(&rewritten, "what was here before", 20);
    build(&in, &(struct spec){.count = 3, .value_bytes = 100});
    for (int i = 0; i < 2; i++) {
        assert_ok(validate_produce(&rules, in.p, in.len, VERSION, NOW_MS, &rewritten, &r));
        assert_true(r.batch.p == rewritten.p && r.batch.size_bytes == rewritten.len);
        assert_ok(batch_check_crc(&r.batch));
    }
    codec_release_thread();
    buf_deinit(&in);
    buf_deinit(&rewritten);
}

static enum err validate_with_fault(const struct validate_rules *rules, struct buf *in,
                                    uint64_t nth)
{
    struct buf rewritten = BUF_INIT;
    struct validate_result r;
    mem_fail_after(nth);
    enum err e = validate_produce(rules, in->p, in->len, VERSION, NOW_MS, &rewritten, &r);
    mem_fail_after(0);
    assert_true(e == OK || rewritten.len == 0);
    buf_deinit(&rewritten);
    return e;
}

static void no_memory_is_an_error(void **state)
{
    struct validate_rules rules = usual;
    rules.recompress = true;
    for (int from = 0; from < CODEC_COUNT; from++) {
        for (int to = 0; to < CODEC_COUNT; to++) {
            struct buf in = BUF_INIT;
            rules.codec = (enum codec)to;
            build(&in, &(struct spec){.count = 50, .codec = (enum codec)from, .value_bytes = 999});
            enum err e = ERR_NO_MEMORY;
            for (uint64_t nth = 1; e; nth++) {
                e = validate_with_fault(&rules, &in, nth);
                assert_true(nth < 30 && (e == OK || e == ERR_NO_MEMORY));
            }
            buf_deinit(&in);
        }
    }
    codec_release_thread();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uncommon_records_are_read_beside_common_ones),
        cmocka_unit_test(a_quick_look_misses_nothing),
        cmocka_unit_test(the_first_records_to_blame_are_named),
        cmocka_unit_test(a_late_bad_timestamp_counts),
        cmocka_unit_test(what_decompresses_to_too_much_is_too_large),
        cmocka_unit_test(levels_are_used_when_a_batch_is_rewritten),
        cmocka_unit_test(the_buffer_of_rewritten_batches_is_used_again),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
