/* Batches and records: headers, walks, building, control records. What Apache Kafka writes and
 * reads is compared in test_record_golden. */
#include "test.h"

#include "base/endian.h"
#include "base/mem.h"
#include "base/rand.h"
#include "record/control.h"

enum { PLAIN_MAX = 1 << 20, LENGTH_AT = 8, COUNT_AT = 57, RECORDS_AT = BATCH_HEADER_BYTES };

static const struct batch head = {
    .base_off = 100,
    .leader_epoch = 7,
    .base_ts_ms = NO_TIMESTAMP,
    .producer_id = 4000,
    .producer_epoch = 3,
    .base_seq = 11,
};

static struct bytes text(const char *s)
{
    return (struct bytes){(const uint8_t *)s, s ? strlen(s) : 0};
}

static void assert_bytes(struct bytes got, const char *want)
{
    assert_non_null(got.p);
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.p, want, got.len);
}

/* h1=v1 and ""=null */
static const uint8_t two_headers[] = {4, 'h', '1', 4, 'v', '1', 0, 1};

static void headers_are_encoded_one_after_another(void **state)
{
    struct buf headers = BUF_INIT;
    record_put_header(&headers, text("h1"), text("v1"));
    record_put_header(&headers, text(""), BYTES_NULL);
    assert_int_equal(headers.len, sizeof two_headers);
    assert_memory_equal(headers.p, two_headers, sizeof two_headers);
    buf_deinit(&headers);
}

/* Three records: a key and a value, nulls, headers. */
static enum err build_three(struct buf *out, enum codec codec)
{
    struct batch_builder bb;
    batch_builder_init(&bb, out, &head, codec, CODEC_LEVEL_DEFAULT);
    struct record first = {.off = 100, .ts_ms = 1000, .key = text("key"), .value = text("value")};
    struct record nulls = {.off = 101, .ts_ms = 900};
    struct record last = {.off = 102, .ts_ms = 1200, .key = text(""), .value = text("")};
    last.header_count = 2;
    last.headers = (struct bytes){two_headers, sizeof two_headers};
    batch_builder_add(&bb, &first);
    batch_builder_add(&bb, &nulls);
    batch_builder_add(&bb, &last);
    enum err e = batch_builder_finish(&bb);
    batch_builder_deinit(&bb);
    return e;
}

static void check_three(const struct batch *b)
{
    struct record_walk w;
    struct record r;
    struct record_header h;
    size_t pos = 0;
    assert_ok(record_walk_init(&w, b, PLAIN_MAX));
    assert_ok(record_walk_next(&w, &r));
    assert_true(r.off == 100 && r.ts_ms == 1000);
    assert_bytes(r.key, "key");
    assert_bytes(r.value, "value");
    assert_ok(record_walk_next(&w, &r));
    assert_true(r.off == 101 && r.ts_ms == 900 && r.key.p == NULL && r.value.p == NULL);
    assert_false(record_next_header(&r, &pos, &h));
    assert_ok(record_walk_next(&w, &r));
    assert_true(r.off == 102 && r.ts_ms == 1200);
    assert_bytes(r.key, "");
    assert_int_equal(r.header_count, 2);
    assert_true(record_next_header(&r, &pos, &h));
    assert_bytes(h.key, "h1");
    assert_bytes(h.value, "v1");
    assert_true(record_next_header(&r, &pos, &h));
    assert_bytes(h.key, "");
    assert_null(h.value.p);
    assert_false(record_next_header(&r, &pos, &h));
    assert_err(ERR_NOT_FOUND, record_walk_next(&w, &r));
    assert_err(ERR_NOT_FOUND, record_walk_next(&w, &r));
    record_walk_deinit(&w);
}

static void built_batches_parse_and_walk_back(void **state)
{
    for (int c = 0; c < CODEC_COUNT; c++) {
        struct buf out = BUF_INIT;
        struct batch b;
        buf_put(&out, "junk", 4); /* a batch may follow something else */
        assert_ok(build_three(&out, (enum codec)c));
        struct bytes in = {out.p + 4, out.len - 4};
        assert_ok(batch_parse(in, &b));
        assert_ok(batch_check_crc(&b));
        assert_true(b.p == in.p && b.size_bytes == in.len && batch_codec(&b) == (enum codec)c);
        assert_true(b.base_off == 100 && batch_last_off(&b) == 102 && b.leader_epoch == 7);
        assert_true(b.base_ts_ms == 1000 && b.max_ts_ms == 1200 && b.count == 3);
        assert_true(b.producer_id == 4000 && b.producer_epoch == 3 && b.base_seq == 11);
        assert_int_equal(batch_last_seq(&b), 13);
        check_three(&b);
        buf_deinit(&out);
    }
    codec_release_thread();
}

static void batches_that_end_too_early_ask_for_more(void **state)
{
    struct buf out = BUF_INIT;
    struct batch b;
    assert_ok(build_three(&out, CODEC_NONE));
    for (size_t len = 0; len < out.len; len++) {
        b.size_bytes = 99;
        assert_err(ERR_SHORT, batch_parse((struct bytes){out.p, len}, &b));
        assert_int_equal(b.size_bytes, len < BATCH_PREFIX_BYTES ? 0 : out.len);
        enum err want = len < BATCH_HEADER_BYTES ? ERR_SHORT : OK;
        assert_err(want, batch_parse_header((struct bytes){out.p, len}, &b));
        assert_int_equal(b.size_bytes, len < BATCH_PREFIX_BYTES ? 0 : out.len);
        assert_null(b.p);
    }
    buf_deinit(&out);
}

static void batches_with_bad_lengths_or_magics_are_refused(void **state)
{
    static const int32_t lengths[] = {-1, INT32_MIN, 0, BATCH_LENGTH_MIN - 1};
    struct buf out = BUF_INIT;
    struct batch b = {.size_bytes = 99};
    assert_ok(build_three(&out, CODEC_NONE));
    uint32_t length = be32_get(out.p + LENGTH_AT);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        be32_put(out.p + LENGTH_AT, (uint32_t)lengths[i]);
        assert_err(ERR_MALFORMED, batch_parse(buf_bytes(&out), &b));
        assert_err(ERR_MALFORMED, batch_parse_header(buf_bytes(&out), &b));
    }
    be32_put(out.p + LENGTH_AT, length);
    for (int magic = -1; magic < 5; magic++) {
        out.p[BATCH_MAGIC_AT] = (uint8_t)magic;
        enum err want = magic == BATCH_MAGIC ? OK : ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT;
        assert_err(want, batch_parse(buf_bytes(&out), &b));
    }
    /* Old formats are shorter than our header, and still told apart. */
    out.p[BATCH_MAGIC_AT] = 1;
    be32_put(out.p + LENGTH_AT, 22);
    assert_err(ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, batch_parse(buf_bytes(&out), &b));
    buf_deinit(&out);
}

static void every_covered_bit_is_in_the_crc(void **state)
{
    enum { CRC_AT = 17 };
    struct buf out = BUF_INIT;
    struct batch b;
    assert_ok(build_three(&out, CODEC_NONE));
    for (size_t bit = CRC_AT * 8; bit < out.len * 8; bit++) {
        out.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_ok(batch_parse(buf_bytes(&out), &b));
        assert_err(ERR_CORRUPT_MESSAGE, batch_check_crc(&b));
        out.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    buf_deinit(&out);
}

static void patches_keep_the_crc_right(void **state)
{
    struct buf out = BUF_INIT;
    struct batch b;
    assert_ok(build_three(&out, CODEC_NONE));
    batch_patch(out.p, INT64_C(1) << 40, 12);
    assert_ok(batch_parse(buf_bytes(&out), &b));
    assert_ok(batch_check_crc(&b));
    assert_true(b.base_off == INT64_C(1) << 40 && b.leader_epoch == 12);
    assert_true(batch_next_off(&b) == (INT64_C(1) << 40) + 3);
    batch_patch_append_time(out.p, out.len, 777);
    assert_ok(batch_parse(buf_bytes(&out), &b));
    assert_ok(batch_check_crc(&b));
    assert_true((b.attrs & BATCH_LOG_APPEND_TIME) && b.max_ts_ms == 777 && b.base_ts_ms == 1000);
    struct record_walk w;
    struct record r;
    assert_ok(record_walk_init(&w, &b, PLAIN_MAX));
    assert_ok(record_walk_next(&w, &r));
    assert_true(r.ts_ms == 777); /* the records' own times no longer count */
    record_walk_deinit(&w);
    batch_patch_timestamps(out.p, out.len, false, 5);
    assert_ok(batch_parse(buf_bytes(&out), &b));
    assert_ok(batch_check_crc(&b));
    assert_true(b.attrs == 0 && b.max_ts_ms == 5);
    buf_deinit(&out);
}

static void sequences_wrap(void **state)
{
    struct batch b = {.base_seq = INT32_MAX - 1, .last_off_delta = 1};
    assert_int_equal(batch_last_seq(&b), INT32_MAX);
    b.last_off_delta = 2;
    assert_int_equal(batch_last_seq(&b), 0);
    assert_int_equal(seq_add(INT32_MAX, INT32_MAX), INT32_MAX - 1);
    b.base_seq = -1;
    assert_int_equal(batch_last_seq(&b), -1);
    assert_false(batch_has_producer(&(struct batch){.producer_id = -7}));
    assert_true(batch_has_producer(&(struct batch){.producer_id = 0}));
}

/* What the walk makes of one record's bytes under a count. */
static enum err walk(const uint8_t *p, size_t len, int32_t count)
{
    struct buf out = BUF_INIT;
    struct record_walk w;
    struct record r;
    struct batch b;
    uint8_t *at = buf_extend(&out, BATCH_HEADER_BYTES + len);
    assert_non_null(at);
    memcpy(at + BATCH_HEADER_BYTES, p, len);
    batch_write_header(at, &(struct batch){.size_bytes = out.len, .count = count});
    assert_ok(batch_parse(buf_bytes(&out), &b));
    enum err e = record_walk_init(&w, &b, PLAIN_MAX);
    while (e == OK) {
        e = record_walk_next(&w, &r);
    }
    record_walk_deinit(&w);
    buf_deinit(&out);
    return e;
}

static void malformed_records_are_refused(void **state)
{
    static const struct {
        uint8_t p[12];
        size_t len;
        enum err want;
    } rows[] = {
        {{12, 0, 0, 0, 1, 1, 0}, 7, ERR_NOT_FOUND}, /* the smallest: good */
        {{12, 0, 0, 0, 1, 1, 0}, 6, ERR_INVALID_RECORD},
        {{12, 0, 0, 0, 1, 1, 0, 0}, 8, ERR_INVALID_RECORD}, /* a byte after the last record */
        {{14, 0, 0, 0, 1, 1, 0, 0}, 8, ERR_INVALID_RECORD}, /* a byte too many inside */
        {{10, 0, 0, 0, 1, 1}, 6, ERR_INVALID_RECORD},       /* no room for a header count */
        {{11, 0, 0, 0, 1, 1, 0}, 7, ERR_INVALID_RECORD},    /* negative length */
        {{12, 0, 0, 0, 2, 1, 0}, 7, ERR_INVALID_RECORD},    /* the key takes the value's length */
        {{12, 0, 0, 0, 1, 2, 0}, 7, ERR_INVALID_RECORD},    /* the value takes the header count */
        {{12, 0, 0, 0, 1, 1, 1}, 7, ERR_INVALID_RECORD},    /* -1 headers */
        {{12, 0, 0, 0, 1, 1, 2}, 7, ERR_INVALID_RECORD},    /* one header, no bytes */
        {{16, 0, 0, 0, 1, 1, 2, 0, 1}, 9, ERR_NOT_FOUND},   /* header "" = null */
        {{16, 0, 0, 0, 1, 1, 2, 1, 1}, 9, ERR_INVALID_RECORD}, /* null header key */
        {{16, 0, 0, 0, 1, 1, 2, 0, 2}, 9, ERR_INVALID_RECORD}, /* header value cut */
        {{12, 0, 0x80, 0, 1, 1, 0}, 7, ERR_INVALID_RECORD},    /* a longer time delta */
        {{12, 0, 0, 0, 0x81, 0, 0}, 7, ERR_INVALID_RECORD},    /* a longer key length */
        {{0x8c, 0x80, 0x80, 0x80, 0, 0, 0, 0, 1, 1, 0}, 11, ERR_NOT_FOUND},
        {{0x8c, 0x80, 0x80, 0x80, 0x80, 0, 0, 0, 0, 1, 1, 0}, 12, ERR_INVALID_RECORD},
        {{0x80}, 1, ERR_INVALID_RECORD},
        {{0}, 0, ERR_INVALID_RECORD},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_err(rows[i].want, walk(rows[i].p, rows[i].len, 1));
    }
    assert_err(ERR_INVALID_RECORD, walk(rows[0].p, 7, 2));
    assert_err(ERR_INVALID_RECORD, walk(rows[0].p, 7, 0));
    assert_err(ERR_INVALID_RECORD, walk(rows[0].p, 7, -1));
    assert_err(ERR_NOT_FOUND, walk(rows[0].p, 0, 0));
}

static void a_walk_over_bad_compression_fails_to_begin(void **state)
{
    struct buf out = BUF_INIT;
    struct record_walk w;
    struct batch b;
    assert_ok(build_three(&out, CODEC_GZIP));
    assert_ok(batch_parse(buf_bytes(&out), &b));
    assert_err(ERR_BUDGET, record_walk_init(&w, &b, 5));
    record_walk_deinit(&w);
    out.p[RECORDS_AT] ^= 1;
    assert_err(ERR_CORRUPT_MESSAGE, record_walk_init(&w, &b, PLAIN_MAX));
    record_walk_deinit(&w);
    b.attrs = 5;
    assert_err(ERR_UNSUPPORTED_COMPRESSION_TYPE, record_walk_init(&w, &b, PLAIN_MAX));
    record_walk_deinit(&w);
    codec_release_thread();
    buf_deinit(&out);
}

/* Offsets that do not grow, or are too far away. */
static enum err build_offsets(int64_t first, int64_t second)
{
    struct buf out = BUF_INIT;
    struct batch_builder bb;
    buf_put(&out, "x", 1);
    batch_builder_init(&bb, &out, &head, CODEC_NONE, CODEC_LEVEL_DEFAULT);
    batch_builder_add(&bb, &(struct record){.off = first});
    batch_builder_add(&bb, &(struct record){.off = second});
    enum err e = batch_builder_finish(&bb);
    assert_int_equal(out.len > 1, e == OK); /* a failure leaves nothing behind */
    batch_builder_deinit(&bb);
    buf_deinit(&out);
    return e;
}

static void builders_want_growing_offsets(void **state)
{
    assert_ok(build_offsets(100, 101));
    assert_ok(build_offsets(105, 100 + (int64_t)INT32_MAX));
    assert_err(ERR_INVALID_RECORD, build_offsets(100, 100));
    assert_err(ERR_INVALID_RECORD, build_offsets(99, 101));
    assert_err(ERR_INVALID_RECORD, build_offsets(100, 101 + (int64_t)INT32_MAX));
    assert_err(ERR_INVALID_RECORD, build_offsets(INT64_MIN, 101));
}

static void builders_cover_what_compaction_removed(void **state)
{
    struct buf out = BUF_INIT;
    struct batch_builder bb;
    struct batch b;
    batch_builder_init(&bb, &out, &head, CODEC_LZ4, CODEC_LEVEL_DEFAULT);
    batch_builder_add(&bb, &(struct record){.off = 103});
    batch_builder_cover(&bb, 110);
    assert_ok(batch_builder_finish(&bb));
    batch_builder_deinit(&bb);
    assert_ok(batch_parse(buf_bytes(&out), &b));
    assert_true(batch_last_off(&b) == 110 && b.count == 1 && batch_last_seq(&b) == 21);
    buf_clear(&out);
    /* Nothing left: no codec either, as there is nothing to compress. */
    batch_builder_init(&bb, &out, &head, CODEC_LZ4, CODEC_LEVEL_DEFAULT);
    batch_builder_cover(&bb, 104);
    assert_ok(batch_builder_finish(&bb));
    batch_builder_deinit(&bb);
    assert_ok(batch_parse(buf_bytes(&out), &b));
    assert_true(b.size_bytes == BATCH_HEADER_BYTES && b.count == 0 && b.attrs == 0);
    assert_true(batch_last_off(&b) == 104 && b.max_ts_ms == NO_TIMESTAMP);
    buf_clear(&out);
    batch_builder_init(&bb, &out, &head, CODEC_NONE, CODEC_LEVEL_DEFAULT);
    assert_err(ERR_INVALID_RECORD, batch_builder_finish(&bb)); /* stands for no offset at all */
    batch_builder_deinit(&bb);
    batch_builder_init(&bb, &out, &head, CODEC_NONE, CODEC_LEVEL_DEFAULT);
    batch_builder_add(&bb, &(struct record){.off = 103});
    batch_builder_cover(&bb, 102);
    assert_err(ERR_INVALID_RECORD, batch_builder_finish(&bb));
    batch_builder_deinit(&bb);
    codec_release_thread();
    buf_deinit(&out);
}

static void builders_keep_the_append_time(void **state)
{
    struct buf out = BUF_INIT;
    struct batch_builder bb;
    struct batch b, given = head;
    given.attrs = BATCH_LOG_APPEND_TIME | BATCH_TRANSACTIONAL | CODEC_ZSTD;
    given.max_ts_ms = 5000;
    batch_builder_init(&bb, &out, &given, CODEC_NONE, CODEC_LEVEL_DEFAULT);
    batch_builder_add(&bb, &(struct record){.off = 100, .ts_ms = 9000});
    assert_ok(batch_builder_finish(&bb));
    batch_builder_deinit(&bb);
    assert_ok(batch_parse(buf_bytes(&out), &b));
    assert_true(b.max_ts_ms == 5000 && b.base_ts_ms == 9000);
    assert_int_equal(b.attrs, BATCH_LOG_APPEND_TIME | BATCH_TRANSACTIONAL);
    buf_deinit(&out);
}

static void building_without_memory_leaves_nothing(void **state)
{
    for (int c = 0; c < CODEC_COUNT; c++) {
        enum err e = ERR_NO_MEMORY;
        for (uint64_t nth = 1; e; nth++) {
            struct buf out = BUF_INIT;
            mem_fail_after(nth);
            e = build_three(&out, (enum codec)c);
            mem_fail_after(0);
            assert_true(e == OK || (e == ERR_NO_MEMORY && out.len == 0));
            assert_true(nth < 20);
            buf_deinit(&out);
        }
    }
    codec_release_thread();
}

static void markers_say_what_they_are(void **state)
{
    for (int commit = 0; commit < 2; commit++) {
        struct buf out = BUF_INIT;
        struct batch b, given = head;
        struct record_walk w;
        struct record r;
        int type = -1;
        int32_t epoch = -1;
        given.base_ts_ms = 4711;
        assert_ok(control_build_marker(&out, &given, commit, 31));
        assert_ok(batch_parse(buf_bytes(&out), &b));
        assert_ok(batch_check_crc(&b));
        assert_true(batch_is_control(&b) && batch_is_transactional(&b) && b.count == 1);
        assert_true(b.producer_id == 4000 && b.producer_epoch == 3 && b.base_seq == -1);
        assert_ok(record_walk_init(&w, &b, PLAIN_MAX));
        assert_ok(record_walk_next(&w, &r));
        assert_true(r.ts_ms == 4711 && control_parse_key(r.key, &type));
        assert_int_equal(type, commit ? CONTROL_COMMIT : CONTROL_ABORT);
        assert_true(control_parse_marker(r.value, &epoch));
        assert_int_equal(epoch, 31);
        record_walk_deinit(&w);
        buf_deinit(&out);
    }
}

static void control_records_of_later_versions_are_read(void **state)
{
    static const uint8_t later[] = {0, 9, 0, 42, 1, 2, 3}, negative[] = {0xff, 0xff, 0, 1, 0, 0};
    int type = -1;
    int32_t epoch = -1;
    assert_true(control_parse_key((struct bytes){later, sizeof later}, &type));
    assert_int_equal(type, 42);
    assert_false(control_parse_key((struct bytes){later, 3}, &type));
    assert_false(control_parse_key(BYTES_NULL, &type));
    assert_false(control_parse_key((struct bytes){negative, sizeof negative}, &type));
    assert_true(control_parse_marker((struct bytes){later, sizeof later}, &epoch));
    assert_int_equal(epoch, 42 << 16 | 1 << 8 | 2);
    assert_false(control_parse_marker((struct bytes){later, 5}, &epoch));
    assert_false(control_parse_marker((struct bytes){negative, sizeof negative}, &epoch));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_encoded_one_after_another),
        cmocka_unit_test(built_batches_parse_and_walk_back),
        cmocka_unit_test(batches_that_end_too_early_ask_for_more),
        cmocka_unit_test(batches_with_bad_lengths_or_magics_are_refused),
        cmocka_unit_test(every_covered_bit_is_in_the_crc),
        cmocka_unit_test(patches_keep_the_crc_right),
        cmocka_unit_test(sequences_wrap),
        cmocka_unit_test(malformed_records_are_refused),
        cmocka_unit_test(a_walk_over_bad_compression_fails_to_begin),
        cmocka_unit_test(builders_want_growing_offsets),
        cmocka_unit_test(builders_cover_what_compaction_removed),
        cmocka_unit_test(builders_keep_the_append_time),
        cmocka_unit_test(building_without_memory_leaves_nothing),
        cmocka_unit_test(markers_say_what_they_are),
        cmocka_unit_test(control_records_of_later_versions_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
