/* Batches and records: headers, walks, building, control records. */
#include "test.h"

#include "base/endian.h"
#include "base/rand.h"
#include "record/control.h"

enum { PLAIN_MAX = 1 << 20 };

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

/* Three records: a key and a value, nulls, headers. */
static void build_three(struct buf *out, enum codec codec)
{
    struct batch_builder bb;
    struct buf headers = BUF_INIT;
    record_put_header(&headers, text("h1"), text("v1"));
    record_put_header(&headers, text(""), BYTES_NULL);
    batch_builder_init(&bb, out, &head, codec, CODEC_LEVEL_DEFAULT);
    struct record first = {.off = 100, .ts_ms = 1000, .key = text("key"), .value = text("value")};
    struct record nulls = {.off = 101, .ts_ms = 900};
    struct record last = {.off = 102, .ts_ms = 1200, .key = text(""), .value = text("")};
    last.header_count = 2;
    last.headers = buf_bytes(&headers);
    batch_builder_add(&bb, &first);
    batch_builder_add(&bb, &nulls);
    batch_builder_add(&bb, &last);
    assert_ok(batch_builder_finish(&bb));
    batch_builder_deinit(&bb);
    buf_deinit(&headers);
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
    assert_memory_equal(r.key.p, "key", 3);
    assert_memory_equal(r.value.p, "value", 5);
    assert_ok(record_walk_next(&w, &r));
    assert_true(r.off == 101 && r.ts_ms == 900 && r.key.p == NULL && r.value.p == NULL);
    assert_false(record_next_header(&r, &pos, &h));
    assert_ok(record_walk_next(&w, &r));
    assert_true(r.off == 102 && r.ts_ms == 1200 && r.key.p != NULL && r.key.len == 0);
    assert_int_equal(r.header_count, 2);
    assert_true(record_next_header(&r, &pos, &h));
    assert_memory_equal(h.key.p, "h1", 2);
    assert_memory_equal(h.value.p, "v1", 2);
    assert_true(record_next_header(&r, &pos, &h));
    assert_true(h.key.len == 0 && h.value.p == NULL);
    assert_false(record_next_header(&r, &pos, &h));
    assert_err(ERR_NOT_FOUND, record_walk_next(&w, &r));
    record_walk_deinit(&w);
}

static void built_batches_parse_and_walk_back(void **state)
{
    for (int c = 0; c < CODEC_COUNT; c++) {
        struct buf out = BUF_INIT;
        struct batch b;
        buf_put(&out, "junk", 4); /* a batch may follow something else */
        build_three(&out, (enum codec)c);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(built_batches_parse_and_walk_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
