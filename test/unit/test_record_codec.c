/* Compression: what goes in comes out, budgets hold against bombs, bad input is refused. That other
 * implementations read and write the same is shown by test_record_golden and test/peers. */
#include "test.h"

#include "base/endian.h"
#include "base/mem.h"
#include "base/rand.h"
#include "plat/snappy.h"
#include "record/record.h"

enum { MIB = 1 << 20, BOMB_BYTES = 64 * MIB, CHUNK = 64 * 1024 };

static int release(void **state)
{
    codec_release_thread();
    return 0;
}

static const struct snappy *missing(void) { return NULL; }

static struct bytes literal(const char *s) { return (struct bytes){(const uint8_t *)s, strlen(s)}; }

/* Bytes of which `values` different ones occur. */
static void fill(struct buf *b, size_t len, uint64_t values)
{
    struct rand rnd;
    rand_init(&rnd, len + values);
    buf_clear(b);
    uint8_t *p = buf_extend(b, len);
    assert_non_null(p);
    for (size_t i = 0; i < len; i++) {
        p[i] = (uint8_t)rand_below(&rnd, values);
    }
}

static void check_round_trip(enum codec c, int level, struct bytes in)
{
    struct buf packed = BUF_INIT, plain = BUF_INIT;
    buf_put(&packed, "xy", 2); /* both append */
    buf_put(&plain, "z", 1);
    assert_ok(codec_compress(c, level, in, &packed));
    struct bytes body = {packed.p + 2, packed.len - 2};
    assert_ok(codec_decompress(c, body, in.len, &plain));
    assert_int_equal(plain.len, in.len + 1);
    assert_int_equal(plain.p[0], 'z');
    assert_true(in.len == 0 || memcmp(plain.p + 1, in.p, in.len) == 0);
    if (in.len > 0) { /* a byte less is too little, and nothing is left behind */
        assert_err(ERR_BUDGET, codec_decompress(c, body, in.len - 1, &plain));
        assert_int_equal(plain.len, in.len + 1);
    }
    buf_deinit(&packed);
    buf_deinit(&plain);
}

static void every_codec_gives_back_what_it_took(void **state)
{
    static const size_t lengths[] = {0, 1, 2, 63, 1000, 32767, 32768, 32769, 65536, 65537, 300000};
    struct buf in = BUF_INIT;
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        for (int values = 1; values <= 256; values += 85) {
            fill(&in, lengths[i], (uint64_t)values);
            for (int c = 0; c < CODEC_COUNT; c++) {
                check_round_trip((enum codec)c, CODEC_LEVEL_DEFAULT, buf_bytes(&in));
            }
        }
    }
    buf_deinit(&in);
}

static void every_level_gives_back_what_it_took(void **state)
{
    struct buf in = BUF_INIT;
    int levels[CODEC_COUNT] = {0};
    fill(&in, 70000, 5);
    for (int c = CODEC_GZIP; c < CODEC_COUNT; c++) {
        for (int level = -30; level <= 30; level++) {
            if (codec_level_is_valid((enum codec)c, level)) {
                check_round_trip((enum codec)c, level, buf_bytes(&in));
                levels[c]++;
            }
        }
    }
    check_round_trip(CODEC_ZSTD, -131072, buf_bytes(&in));
    assert_int_equal(levels[CODEC_GZIP], 10);
    assert_int_equal(levels[CODEC_SNAPPY], 1);
    assert_int_equal(levels[CODEC_LZ4], 17);
    assert_int_equal(levels[CODEC_ZSTD], 30 + 1 + 22);
    buf_deinit(&in);
}

static void higher_levels_give_less(void **state)
{
    static const struct {
        enum codec codec;
        int fast, small;
    } rows[] = {{CODEC_GZIP, 1, 9}, {CODEC_LZ4, 9, 12}, {CODEC_ZSTD, -50, 19}};
    struct buf in = BUF_INIT, fast = BUF_INIT, small = BUF_INIT;
    for (int i = 0; i < 4000; i++) {
        buf_printf(&in, "order %d of customer %d, ", i * 7919 % 1000, i % 37);
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_clear(&fast);
        buf_clear(&small);
        assert_ok(codec_compress(rows[i].codec, rows[i].fast, buf_bytes(&in), &fast));
        assert_ok(codec_compress(rows[i].codec, rows[i].small, buf_bytes(&in), &small));
        assert_true(small.len < fast.len);
    }
    buf_deinit(&in);
    buf_deinit(&fast);
    buf_deinit(&small);
}

static void levels_are_kafkas(void **state)
{
    struct buf out = BUF_INIT;
    assert_true(codec_level_is_valid(CODEC_GZIP, -1));
    assert_false(codec_level_is_valid(CODEC_GZIP, 0));
    assert_false(codec_level_is_valid(CODEC_GZIP, 10));
    assert_false(codec_level_is_valid(CODEC_LZ4, 0));
    assert_false(codec_level_is_valid(CODEC_LZ4, 18));
    assert_false(codec_level_is_valid(CODEC_ZSTD, -131073));
    assert_false(codec_level_is_valid(CODEC_ZSTD, 23));
    assert_true(codec_level_is_valid(CODEC_SNAPPY, CODEC_LEVEL_DEFAULT));
    assert_err(ERR_BAD_CONFIG, codec_compress(CODEC_GZIP, 10, literal("x"), &out));
    assert_int_equal(out.len, 0);
    buf_deinit(&out);
}

static void codecs_have_names(void **state)
{
    enum codec c = CODEC_COUNT;
    for (int i = 0; i < CODEC_COUNT; i++) {
        assert_true(codec_parse(str_from(codec_name((enum codec)i)), &c));
        assert_int_equal(c, i);
    }
    assert_true(codec_parse(STR("uncompressed"), &c));
    assert_int_equal(c, CODEC_NONE);
    c = CODEC_LZ4;
    assert_false(codec_parse(STR("producer"), &c));
    assert_false(codec_parse(STR_NULL, &c));
    assert_int_equal(c, CODEC_LZ4);
}

/* What a small input may cost: the budget and a chunk. */
static void bombs_stop_at_the_budget(void **state)
{
    struct buf zeros = BUF_INIT, packed = BUF_INIT;
    fill(&zeros, BOMB_BYTES, 1);
    for (int c = CODEC_GZIP; c < CODEC_COUNT; c++) {
        for (size_t budget = 0; budget <= 8 * MIB; budget = budget * 8 + 1000) {
            struct buf out = BUF_INIT;
            buf_clear(&packed);
            assert_ok(
                codec_compress((enum codec)c, CODEC_LEVEL_DEFAULT, buf_bytes(&zeros), &packed));
            assert_err(ERR_BUDGET,
                       codec_decompress((enum codec)c, buf_bytes(&packed), budget, &out));
            assert_true(out.len == 0 && out.cap <= budget + CHUNK);
            buf_deinit(&out);
        }
    }
    buf_deinit(&zeros);
    buf_deinit(&packed);
}

/* A few bytes that claim gigabytes get room for a few. */
static void false_claims_are_not_believed(void **state)
{
    static const uint8_t zstd[] = {
        0x28, 0xb5, 0x2f, 0xfd, 0xe0,                       /* 8 bytes of content size */
        0xff, 0xff, 0xff, 0xff, 0,    0, 0, 0, 0x01, 0, 0}; /* one raw block of nothing, the last */
    static const uint8_t snappy[] = {0xff, 0xff, 0xff, 0xff, 0x0f, 0, 'x'};
    static const uint8_t xerial[] = {0x82, 'S', 'N',  'A',  'P',  'P',  'Y',  0, 0,
                                     0,    0,   1,    0,    0,    0,    1,    0, 0,
                                     0,    7,   0xff, 0xff, 0xff, 0xff, 0x0f, 0, 'x'};
    static const uint8_t gzip[] = {0x1f, 0x8b, 8, 0, 0, 0, 0,    0,    0,    3,
                                   3,    0,    0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
    static const struct {
        enum codec codec;
        struct bytes in;
    } rows[] = {{CODEC_ZSTD, {zstd, sizeof zstd}},
                {CODEC_SNAPPY, {snappy, sizeof snappy}},
                {CODEC_SNAPPY, {xerial, sizeof xerial}},
                {CODEC_GZIP, {gzip, sizeof gzip}}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = BUF_INIT;
        assert_err(ERR_CORRUPT_MESSAGE,
                   codec_decompress(rows[i].codec, rows[i].in, BOMB_BYTES, &out));
        assert_true(out.len == 0 && out.cap <= 2 * CHUNK);
        buf_deinit(&out);
    }
}

/* The room for the worst case is the thread's; a batch that waits to be sent has what it needs. */
static void what_comes_out_takes_what_it_needs(void **state)
{
    struct buf in = BUF_INIT;
    fill(&in, CHUNK - 100, 1);
    for (int c = CODEC_GZIP; c < CODEC_COUNT; c++) {
        struct buf packed = BUF_INIT;
        assert_ok(codec_compress((enum codec)c, CODEC_LEVEL_DEFAULT, buf_bytes(&in), &packed));
        assert_true(packed.len < in.len && packed.cap == packed.len);
        buf_deinit(&packed);
    }
    buf_deinit(&in);
}

static void inputs_cut_short_are_refused(void **state)
{
    struct buf in = BUF_INIT, packed = BUF_INIT;
    fill(&in, 40000, 3);
    for (int c = CODEC_GZIP; c < CODEC_COUNT; c++) {
        buf_clear(&packed);
        assert_ok(codec_compress((enum codec)c, CODEC_LEVEL_DEFAULT, buf_bytes(&in), &packed));
        for (size_t len = 0; len < packed.len; len += len < 40 ? 1 : 97) {
            struct buf out = BUF_INIT;
            enum err e = codec_decompress((enum codec)c, (struct bytes){packed.p, len}, MIB, &out);
            /* A snappy stream of whole blocks is a shorter stream: the header alone is empty. */
            assert_err(c == CODEC_SNAPPY && len == 16 ? OK : ERR_CORRUPT_MESSAGE, e);
            assert_int_equal(out.len, 0);
            buf_deinit(&out);
        }
    }
    buf_deinit(&in);
    buf_deinit(&packed);
}

static enum err decompress_twice(enum codec c, struct bytes tail, struct buf *out)
{
    struct buf packed = BUF_INIT;
    assert_ok(codec_compress(c, CODEC_LEVEL_DEFAULT, literal("first,"), &packed));
    assert_ok(codec_compress(c, CODEC_LEVEL_DEFAULT, literal("second"), &packed));
    buf_put(&packed, tail.p, tail.len);
    enum err e = codec_decompress(c, buf_bytes(&packed), MIB, out);
    buf_deinit(&packed);
    return e;
}

/* As Java's readers: gzip members, snappy streams and zstd frames may follow one another, of lz4
 * frames only the first counts. */
static void streams_may_follow_one_another(void **state)
{
    static const char *const want[CODEC_COUNT] = {NULL, "first,second", "first,second", "first,",
                                                  "first,second"};
    for (int c = CODEC_GZIP; c < CODEC_COUNT; c++) {
        struct buf out = BUF_INIT;
        assert_ok(decompress_twice((enum codec)c, literal(""), &out));
        assert_string_equal(buf_cstr(&out), want[c]);
        buf_clear(&out);
        bool is_ignored = c == CODEC_GZIP || c == CODEC_LZ4;
        assert_err(is_ignored ? OK : ERR_CORRUPT_MESSAGE,
                   decompress_twice((enum codec)c, literal("garbage at the very end"), &out));
        buf_deinit(&out);
    }
}

/* The budget is for all of them together. */
static void streams_share_the_budget(void **state)
{
    struct buf packed = BUF_INIT, out = BUF_INIT;
    static const enum codec codecs[] = {CODEC_GZIP, CODEC_SNAPPY, CODEC_ZSTD};
    for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
        buf_clear(&packed);
        for (int n = 0; n < 5; n++) {
            assert_ok(
                codec_compress(codecs[i], CODEC_LEVEL_DEFAULT, literal("1234567890"), &packed));
        }
        assert_err(ERR_BUDGET, codec_decompress(codecs[i], buf_bytes(&packed), 49, &out));
        assert_ok(codec_decompress(codecs[i], buf_bytes(&packed), 50, &out));
        buf_clear(&out);
    }
    buf_deinit(&packed);
    buf_deinit(&out);
}

static void snappy_is_framed_as_java_frames_it(void **state)
{
    static const uint8_t header[] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1};
    struct buf in = BUF_INIT, packed = BUF_INIT;
    fill(&in, 32 * 1024 + 1, 256);
    assert_ok(codec_compress(CODEC_SNAPPY, CODEC_LEVEL_DEFAULT, buf_bytes(&in), &packed));
    assert_memory_equal(packed.p, header, sizeof header);
    uint32_t first = be32_get(packed.p + sizeof header);
    uint32_t second = be32_get(packed.p + sizeof header + 4 + first);
    assert_int_equal(packed.len, sizeof header + 4 + first + 4 + second);
    assert_true(first > 32 * 1024 && second < 10);
    buf_deinit(&in);
    buf_deinit(&packed);
}

static void lz4_is_framed_as_java_frames_it(void **state)
{
    struct buf in = BUF_INIT, packed = BUF_INIT;
    fill(&in, 3 * CHUNK, 2);
    assert_ok(codec_compress(CODEC_LZ4, CODEC_LEVEL_DEFAULT, buf_bytes(&in), &packed));
    assert_memory_equal(packed.p, "\x04\x22\x4d\x18\x60\x40", 6); /* independent, 64 KiB */
    assert_int_equal(be32_get(packed.p + packed.len - 4), 0);     /* the end, no checksum */
    packed.p[4] = 0x40;                                           /* blocks that depend */
    assert_err(ERR_CORRUPT_MESSAGE, codec_decompress(CODEC_LZ4, buf_bytes(&packed), MIB, &in));
    buf_deinit(&in);
    buf_deinit(&packed);
}

/* Java's reader would not give the window: neither do we take the batch. */
static void zstd_windows_beyond_128_mib_are_refused(void **state)
{
    uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0, (27 - 10) << 3, 0x01 | 1 << 3, 0, 0, 'x'};
    struct buf out = BUF_INIT;
    assert_ok(codec_decompress(CODEC_ZSTD, (struct bytes){frame, sizeof frame}, MIB, &out));
    assert_string_equal(buf_cstr(&out), "x");
    frame[5]++;
    assert_err(ERR_CORRUPT_MESSAGE,
               codec_decompress(CODEC_ZSTD, (struct bytes){frame, sizeof frame}, MIB, &out));
    buf_deinit(&out);
}

static void unknown_codecs_are_refused(void **state)
{
    struct buf out = BUF_INIT;
    for (int c = CODEC_COUNT; c < 8; c++) {
        assert_err(ERR_UNSUPPORTED_COMPRESSION_TYPE,
                   codec_decompress((enum codec)c, literal("x"), MIB, &out));
    }
    assert_err(ERR_BUDGET, codec_decompress(CODEC_NONE, literal("xx"), 1, &out));
    buf_deinit(&out);
}

static void a_machine_without_snappy_says_so(void **state)
{
    static const struct bytes raw = {(const uint8_t *)"\1\0x", 3};
    struct buf out = BUF_INIT;
    codec_set_snappy(missing);
    enum err packed = codec_compress(CODEC_SNAPPY, CODEC_LEVEL_DEFAULT, literal("x"), &out);
    enum err plain = codec_decompress(CODEC_SNAPPY, raw, MIB, &out);
    codec_set_snappy(NULL);
    enum err unset = codec_decompress(CODEC_SNAPPY, raw, MIB, &out);
    codec_set_snappy(snappy_library);
    assert_err(ERR_UNSUPPORTED_COMPRESSION_TYPE, packed);
    assert_err(ERR_UNSUPPORTED_COMPRESSION_TYPE, plain);
    assert_err(ERR_UNSUPPORTED_COMPRESSION_TYPE, unset);
    assert_int_equal(out.len, 0);
    assert_ok(codec_decompress(CODEC_SNAPPY, raw, MIB, &out));
    buf_deinit(&out);
}

static enum err round_trip_with_faults(enum codec c, struct bytes in, uint64_t nth)
{
    struct buf packed = BUF_INIT, plain = BUF_INIT;
    mem_fail_after(nth);
    enum err e = codec_compress(c, CODEC_LEVEL_DEFAULT, in, &packed);
    e = e ? e : codec_decompress(c, buf_bytes(&packed), in.len, &plain);
    mem_fail_after(0);
    assert_true(e == OK ? plain.len == in.len : plain.len == 0);
    buf_deinit(&packed);
    buf_deinit(&plain);
    return e;
}

static void no_memory_is_an_error(void **state)
{
    struct buf in = BUF_INIT;
    fill(&in, 3 * CHUNK, 1);
    for (int c = 0; c < CODEC_COUNT; c++) {
        enum err e = ERR_NO_MEMORY;
        for (uint64_t nth = 1; e; nth++) {
            assert_true(nth < 20);
            e = round_trip_with_faults((enum codec)c, buf_bytes(&in), nth);
            assert_true(e == OK || e == ERR_NO_MEMORY);
        }
    }
    buf_deinit(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_codec_gives_back_what_it_took),
        cmocka_unit_test(every_level_gives_back_what_it_took),
        cmocka_unit_test(higher_levels_give_less),
        cmocka_unit_test(levels_are_kafkas),
        cmocka_unit_test(codecs_have_names),
        cmocka_unit_test(bombs_stop_at_the_budget),
        cmocka_unit_test(false_claims_are_not_believed),
        cmocka_unit_test(what_comes_out_takes_what_it_needs),
        cmocka_unit_test(inputs_cut_short_are_refused),
        cmocka_unit_test(streams_may_follow_one_another),
        cmocka_unit_test(streams_share_the_budget),
        cmocka_unit_test(snappy_is_framed_as_java_frames_it),
        cmocka_unit_test(lz4_is_framed_as_java_frames_it),
        cmocka_unit_test(zstd_windows_beyond_128_mib_are_refused),
        cmocka_unit_test(unknown_codecs_are_refused),
        cmocka_unit_test(a_machine_without_snappy_says_so),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
