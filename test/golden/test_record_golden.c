/* Batches as Apache Kafka wrote them (test/golden/record, made by test/peers/record-vectors.sh): we
 * read in them what Apache Kafka reads, and what we build from it is the same again.
 * Argument: the folder with the vectors. */
#include "unit/test.h"

#include "compat/record_dump.h"

#include <stdio.h>

enum { PLAIN_MAX = 16 << 20 };

static const char *vectors_dir;
static struct buf batches, text;

static void read_file(const char *name, struct buf *ret)
{
    char path[4096], chunk[65536];
    size_t n;
    snprintf(path, sizeof path, "%s/%s", vectors_dir, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0) {
        buf_put(ret, chunk, n);
    }
    fclose(f);
}

static int load(void **state)
{
    read_file("batches.bin", &batches);
    read_file("batches.txt", &text);
    return 0;
}

static int unload(void **state)
{
    buf_deinit(&batches);
    buf_deinit(&text);
    codec_release_thread();
    return 0;
}

static void we_read_what_kafka_reads(void **state)
{
    struct buf ours = BUF_INIT;
    assert_ok(record_dump(buf_bytes(&batches), &ours));
    assert_string_equal(buf_cstr(&ours), buf_cstr(&text));
    buf_deinit(&ours);
}

/* All that a batch says, built anew. */
static void rebuild(const struct batch *b, enum codec codec, struct buf *out)
{
    struct record_walk w;
    struct record r;
    struct batch_builder bb;
    struct batch head = *b;
    bool is_horizon = b->attrs & BATCH_DELETE_HORIZON;
    head.base_ts_ms = is_horizon ? b->base_ts_ms : NO_TIMESTAMP;
    assert_ok(record_walk_init(&w, b, PLAIN_MAX));
    batch_builder_init(&bb, out, &head, codec, CODEC_LEVEL_DEFAULT);
    while (record_walk_next(&w, &r) == OK) {
        batch_builder_add(&bb, &r);
    }
    batch_builder_cover(&bb, batch_last_off(b));
    assert_ok(batch_builder_finish(&bb));
    batch_builder_deinit(&bb);
    record_walk_deinit(&w);
}

static bool is_rebuildable(const struct batch *b)
{
    /* With log-append time the records' own times are not handed out; an empty batch's times are
     * its writer's. */
    return !(b->attrs & BATCH_LOG_APPEND_TIME) && b->count > 0;
}

static void check_plain_rebuild(const struct batch *b)
{
    struct buf again = BUF_INIT;
    rebuild(b, CODEC_NONE, &again);
    assert_int_equal(again.len, b->size_bytes);
    assert_memory_equal(again.p, b->p, again.len);
    buf_deinit(&again);
}

/* The bytes depend on the library, what is in them does not. */
static void check_coded_rebuild(const struct batch *b)
{
    struct buf again = BUF_INIT, plain = BUF_INIT, plain_again = BUF_INIT;
    struct batch c;
    rebuild(b, batch_codec(b), &again);
    assert_ok(batch_parse(buf_bytes(&again), &c));
    struct bytes in = {b->p + BATCH_HEADER_BYTES, b->size_bytes - BATCH_HEADER_BYTES};
    struct bytes in_again = {c.p + BATCH_HEADER_BYTES, c.size_bytes - BATCH_HEADER_BYTES};
    assert_ok(codec_decompress(batch_codec(b), in, PLAIN_MAX, &plain));
    assert_ok(codec_decompress(batch_codec(&c), in_again, PLAIN_MAX, &plain_again));
    assert_int_equal(plain.len, plain_again.len);
    assert_memory_equal(plain.p, plain_again.p, plain.len);
    buf_deinit(&again);
    buf_deinit(&plain);
    buf_deinit(&plain_again);
}

static void we_write_what_kafka_writes(void **state)
{
    int checked = 0;
    struct bytes in = buf_bytes(&batches);
    while (in.len > 0) {
        struct batch b;
        assert_ok(batch_parse(in, &b));
        if (is_rebuildable(&b)) {
            batch_codec(&b) == CODEC_NONE ? check_plain_rebuild(&b) : check_coded_rebuild(&b);
            checked++;
        }
        in = (struct bytes){in.p + b.size_bytes, in.len - b.size_bytes};
    }
    assert_int_equal(checked, 5 * 7 + 3);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(we_read_what_kafka_reads),
        cmocka_unit_test(we_write_what_kafka_writes),
    };
    if (argc != 2) {
        return 2;
    }
    vectors_dir = argv[1];
    return cmocka_run_group_tests(tests, load, unload);
}
