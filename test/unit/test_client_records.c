/* Records out of fetched bytes, and which partition a record goes to. */
#include "test.h"

#include "base/mem.h"
#include "client/consumer/records.h"
#include "client/producer/partitioner.h"
#include "record/control.h"

#include "ottla/client.h"

#include <stdio.h>

/* What Apache Kafka's Utils.murmur2 gives. */
static void test_murmur2(void **state)
{
    static const struct {
        const char *key;
        int32_t hash;
    } rows[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bytes b = {(const uint8_t *)rows[i].key, strlen(rows[i].key)};
        assert_int_equal((int32_t)murmur2(b), rows[i].hash);
        assert_int_equal(ottla_partition_for_key(b.p, b.len, 7), (rows[i].hash & 0x7fffffff) % 7);
    }
    assert_int_equal(ottla_partition_for_key("", 0, 1), 0);
    assert_int_equal(ottla_partition_for_key("x", 1, 0), -1);
}

/* What librdkafka's functions give; test_client_partitioners calls them, where they are there. */
static void test_librdkafka(void **state)
{
    static const struct {
        const char *key;
        int32_t consistent, fnv1a, murmur2;
    } rows[] = {
        {"", 0, 824651, 645856},
        {"21", 439776, 252662, 547821},
        {"foobar", 922071, 228336, 147095},
        {"a-little-bit-longer-string", 480059, 659973, 176836},
        {"abc", 565905, 919011, 468670},
    };
    const int32_t count = 1000003;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *key = rows[i].key;
        size_t len = strlen(key);
        int32_t by_chance = len == 0 ? -1 : rows[i].consistent;
        assert_int_equal(ottla_partition_by("consistent", key, len, count), rows[i].consistent);
        assert_int_equal(ottla_partition_by("consistent_random", key, len, count), by_chance);
        assert_int_equal(ottla_partition_by("fnv1a", key, len, count), rows[i].fnv1a);
        assert_int_equal(ottla_partition_by("fnv1a_random", key, len, count), rows[i].fnv1a);
        assert_int_equal(ottla_partition_by("murmur2", key, len, count), rows[i].murmur2);
        assert_int_equal(ottla_partition_by("murmur2_random", key, len, count), rows[i].murmur2);
        assert_int_equal(ottla_partition_by("random", key, len, count), -1);
    }
    assert_int_equal(ottla_partition_by("consistent", NULL, 0, count), 0);
    assert_int_equal(ottla_partition_by("fnv1a_random", NULL, 0, count), -1);
    assert_int_equal(ottla_partition_by("murmur2_random", NULL, 0, count), -1);
    assert_int_equal(ottla_partition_by("murmur2", NULL, 1, count), -1);
    assert_int_equal(ottla_partition_by("murmur3", "x", 1, count), -1);
    assert_int_equal(ottla_partition_by(NULL, "x", 1, count), -1);
    assert_int_equal(ottla_partition_by("murmur2", "x", 1, 0), -1);
}

/* A partition is kept for a batch's worth of bytes, and longer while its batch is not full. */
static void test_sticky(void **state)
{
    struct sticky s = {.partition = -1};
    (void)state;
    assert_true(sticky_is_over(&s, 1000, false));
    s = (struct sticky){2, 999};
    assert_false(sticky_is_over(&s, 1000, true));
    s.bytes = 1000;
    assert_true(sticky_is_over(&s, 1000, true));
    assert_false(sticky_is_over(&s, 1000, false));
    s.bytes = 2000;
    assert_true(sticky_is_over(&s, 1000, false));
}

/* KIP-794: queues of 0, 3, 1 batches get 4 : 1 : 3; none that has no leader. */
static void test_loads(void **state)
{
    static const int32_t loads[4] = {0, 3, -1, 1}, none[2] = {-1, -1};
    int seen[4] = {0}, even[4] = {0};
    struct rand rand;
    (void)state;
    rand_init(&rand, 3);
    for (int i = 0; i < 8000; i++) {
        seen[partition_by_load(loads, 4, true, &rand)]++;
        even[partition_by_load(loads, 4, false, &rand)]++;
        assert_in_range(partition_by_load(none, 2, true, &rand), 0, 1);
    }
    assert_in_range(seen[0], 3800, 4200);
    assert_in_range(seen[1], 900, 1100);
    assert_int_equal(seen[2], 0);
    assert_in_range(seen[3], 2800, 3200);
    assert_in_range(even[1], 2500, 2800);
    assert_int_equal(even[2], 0);
}

/* --- a log of batches --- */

struct world {
    struct buf log;
    int64_t next;
};

static struct world world;

static void put_batch(int count, int64_t producer_id, bool is_transactional, enum codec codec)
{
    struct batch head = {.base_off = world.next,
                         .base_ts_ms = NO_TIMESTAMP,
                         .producer_id = producer_id,
                         .producer_epoch = 0,
                         .base_seq = 0,
                         .attrs = is_transactional ? BATCH_TRANSACTIONAL : 0};
    struct batch_builder bb;
    batch_builder_init(&bb, &world.log, &head, codec, CODEC_LEVEL_DEFAULT);
    for (int i = 0; i < count; i++) {
        struct buf headers = BUF_INIT;
        record_put_header(&headers, (struct bytes){(const uint8_t *)"h", 1}, BYTES_NULL);
        batch_builder_add(&bb, &(struct record){.off = world.next++,
                                                .ts_ms = 5,
                                                .key = {(const uint8_t *)"key", 3},
                                                .value = {(const uint8_t *)"", 0},
                                                .header_count = 1,
                                                .headers = buf_bytes(&headers)});
        buf_deinit(&headers);
    }
    assert_ok(batch_builder_finish(&bb));
    batch_builder_deinit(&bb);
}

static void put_marker(int64_t producer_id, bool commit)
{
    struct batch head = {.base_off = world.next++, .base_ts_ms = 5, .producer_id = producer_id};
    assert_ok(control_build_marker(&world.log, &head, commit, 0));
}

static void begin(struct source *s)
{
    size_t len;
    uint8_t *p = buf_steal(&world.log, &len);
    struct fetched *f = fetched_new(p);
    source_init(s, f, (struct bytes){p, len});
    fetched_unref(f);
}

/* "0 1 2 | 3 4 |" : what each take gives */
static const char *take_all(struct source *s, struct source_rules rules, int64_t *position)
{
    static char text[1000];
    enum err e = OK;
    int n = 0;
    bool has_more = true;
    while (has_more && !e) {
        struct ottla_records *r = records_new("t");
        has_more = source_take(s, &rules, 0, position, r, &e);
        for (size_t i = 0; i < ottla_records_count(r); i++) {
            n += snprintf(text + n, sizeof text - (size_t)n, "%lld ",
                          (long long)ottla_records_at(r, i)->offset);
        }
        n += snprintf(text + n, sizeof text - (size_t)n, "| ");
        ottla_records_free(r);
    }
    if (e) {
        snprintf(text + n, sizeof text - (size_t)n, "%s", err_name(e));
    }
    source_deinit(s);
    world = (struct world){0};
    return text;
}

static const struct source_rules plain = {
    .check_crcs = true, .max_count = 100, .max_plain_bytes = SIZE_MAX};

static void test_walk(void **state)
{
    struct source s;
    int64_t position = 0;
    (void)state;
    put_batch(3, -1, false, CODEC_NONE);
    put_batch(2, -1, false, CODEC_LZ4);
    begin(&s);
    assert_string_equal(take_all(&s, plain, &position), "0 1 2 3 4 | ");
    assert_int_equal(position, 5);
    put_batch(5, -1, false, CODEC_ZSTD);
    begin(&s);
    position = 3; /* within a batch */
    assert_string_equal(take_all(&s, (struct source_rules){.max_count = 1}, &position),
                        "3 | 4 | | ");
    put_batch(2, -1, false, CODEC_NONE);
    begin(&s);
    position = 7; /* beyond it */
    assert_string_equal(take_all(&s, plain, &position), "| ");
    assert_int_equal(position, 7);
}

/* Records outlive their source, decompressed ones too. */
static void test_lifetime(void **state)
{
    struct source s;
    enum err e;
    int64_t position = 0;
    struct ottla_records *r = records_new("t");
    (void)state;
    put_batch(2, -1, false, CODEC_GZIP);
    begin(&s);
    assert_false(source_take(&s, &plain, 9, &position, r, &e));
    source_deinit(&s);
    const struct ottla_record *second = ottla_records_at(r, 1);
    assert_memory_equal(second->key, "key", 3);
    assert_true(second->value != NULL && second->value_length == 0);
    assert_int_equal(second->partition, 9);
    assert_int_equal(second->timestamp_ms, 5);
    assert_int_equal(second->header_count, 1);
    assert_memory_equal(second->headers[0].key, "h", 1);
    assert_null(second->headers[0].value);
    assert_null(ottla_records_at(r, 2));
    ottla_records_free(r);
    world = (struct world){0};
}

static void put_transactions(struct source *s)
{
    put_batch(2, 1, true, CODEC_NONE); /* 0 1 aborted */
    put_batch(1, 2, true, CODEC_NONE); /* 2 committed */
    put_marker(1, false);              /* 3 */
    put_batch(1, 1, true, CODEC_NONE); /* 4 committed */
    put_marker(1, true);               /* 5 */
    put_marker(2, true);               /* 6 */
    put_batch(1, -1, false, CODEC_NONE);
    begin(s);
    s->aborted = mem_zalloc(sizeof *s->aborted);
    s->aborted_count = 1;
    s->aborted[0] = (struct aborted){.producer_id = 1, .first_off = 0};
}

static void test_transactions(void **state)
{
    struct source s;
    struct source_rules committed = plain;
    int64_t position = 0;
    (void)state;
    committed.is_read_committed = true;
    put_transactions(&s);
    assert_string_equal(take_all(&s, committed, &position), "2 4 7 | ");
    assert_int_equal(position, 8);
    put_transactions(&s);
    position = 0;
    assert_string_equal(take_all(&s, plain, &position), "0 1 2 4 7 | ");
}

static void test_damage(void **state)
{
    struct source s;
    int64_t position = 0;
    (void)state;
    put_batch(2, -1, false, CODEC_NONE);
    put_batch(2, -1, false, CODEC_NONE);
    world.log.p[world.log.len - 1] ^= 1;
    begin(&s);
    assert_string_equal(take_all(&s, plain, &position), "0 1 | CORRUPT_MESSAGE");
    assert_int_equal(position, 2);
    put_batch(2, -1, false, CODEC_NONE);
    world.log.len -= 1; /* cut: the rest comes with the next fetch */
    begin(&s);
    position = 0;
    assert_string_equal(take_all(&s, plain, &position), "| ");
    assert_int_equal(position, 0);
}

/* Batches that unpack to much: what one poll holds of them is bounded, however few their records.
 */
static void test_plain_bytes(void **state)
{
    enum { SIZE = 1 << 20 };
    uint8_t *zeros = mem_zalloc(SIZE);
    struct buf b = BUF_INIT;
    struct source s;
    size_t counts[3], n = 0, len;
    int64_t position = 0;
    enum err e;
    bool has_more = true;
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct batch head = {.base_off = i, .base_ts_ms = 5, .producer_id = -1, .base_seq = -1};
        struct record r = {.off = i, .ts_ms = 5, .value = {zeros, SIZE}};
        struct batch_builder bb;
        batch_builder_init(&bb, &b, &head, CODEC_GZIP, CODEC_LEVEL_DEFAULT);
        batch_builder_add(&bb, &r);
        assert_ok(batch_builder_finish(&bb));
        batch_builder_deinit(&bb);
    }
    uint8_t *frame = buf_steal(&b, &len);
    struct fetched *f = fetched_new(frame);
    struct source_rules rules = {.max_count = 500, .max_plain_bytes = SIZE + SIZE / 2};
    source_init(&s, f, (struct bytes){frame, len});
    fetched_unref(f);
    while (has_more) {
        struct ottla_records *out = records_new("t");
        has_more = source_take(&s, &rules, 0, &position, out, &e);
        assert_ok(e);
        assert_true(n < 3);
        counts[n++] = ottla_records_count(out);
        ottla_records_free(out);
    }
    assert_int_equal(n, 3);
    assert_true(counts[0] == 2 && counts[1] == 2 && counts[2] == 0);
    assert_int_equal(position, 4);
    source_deinit(&s);
    mem_free(zeros);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_murmur2),      cmocka_unit_test(test_librdkafka),
        cmocka_unit_test(test_sticky),       cmocka_unit_test(test_loads),
        cmocka_unit_test(test_walk),         cmocka_unit_test(test_lifetime),
        cmocka_unit_test(test_transactions), cmocka_unit_test(test_damage),
        cmocka_unit_test(test_plain_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
