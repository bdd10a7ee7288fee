/* Writes batches of every codec and level for Apache Kafka to read, and prints what is in them
 * (test/peers/record-vectors.sh compares that with what Java finds).
 *
 *   record_vectors SEED FILE */
#include "compat/record_dump.h"

#include "base/assert.h"
#include "base/rand.h"
#include "record/control.h"

#include <stdio.h>
#include <stdlib.h>

enum { PIECE_MAX = 60000, RECORDS_MAX = 12, ZSTD_FASTEST = -131072 };

static struct rand rnd;

/* Bytes that compress a little, much, or not at all; sometimes null. */
static struct bytes random_bytes(uint8_t *room, size_t max)
{
    size_t len = rand_below(&rnd, rand_one_in(&rnd, 4) ? max : 40);
    uint64_t values = rand_one_in(&rnd, 3) ? 256 : 1 + rand_below(&rnd, 20);
    if (rand_one_in(&rnd, 8)) {
        return BYTES_NULL;
    }
    for (size_t i = 0; i < len; i++) {
        room[i] = (uint8_t)rand_below(&rnd, values);
    }
    return (struct bytes){room, len};
}

static void put_headers(struct record *r, struct buf *headers)
{
    uint8_t value[64];
    buf_clear(headers);
    r->header_count = (int32_t)rand_below(&rnd, 4);
    for (int32_t i = 0; i < r->header_count; i++) {
        record_put_header(headers, (struct bytes){(const uint8_t *)"head", rand_below(&rnd, 5)},
                          random_bytes(value, sizeof value));
    }
    r->headers = buf_bytes(headers);
}

static struct batch random_head(void)
{
    struct batch b = {
        .base_off = (int64_t)rand_below(&rnd, INT64_MAX / 2),
        .leader_epoch = (int32_t)rand_below(&rnd, INT32_MAX),
        .base_ts_ms = NO_TIMESTAMP,
        .producer_id = NO_PRODUCER_ID,
        .producer_epoch = -1,
        .base_seq = -1,
    };
    if (rand_one_in(&rnd, 2)) {
        b.producer_id = (int64_t)rand_below(&rnd, INT64_MAX);
        b.producer_epoch = (int16_t)rand_below(&rnd, INT16_MAX);
        b.base_seq = (int32_t)rand_below(&rnd, INT32_MAX);
        b.attrs = rand_one_in(&rnd, 2) ? BATCH_TRANSACTIONAL : 0;
    }
    if (rand_one_in(&rnd, 4)) {
        b.attrs |= BATCH_LOG_APPEND_TIME;
        b.max_ts_ms = (int64_t)rand_below(&rnd, INT64_MAX / 4);
    }
    return b;
}

static void put_batch(struct buf *out, enum codec codec, int level)
{
    static uint8_t key[PIECE_MAX], value[PIECE_MAX];
    struct batch head = random_head();
    struct batch_builder bb;
    struct buf headers = BUF_INIT;
    int64_t off = head.base_off;
    batch_builder_init(&bb, out, &head, codec, level);
    for (uint64_t n = 1 + rand_below(&rnd, RECORDS_MAX); n > 0; n--) {
        struct record r = {.off = off, .ts_ms = (int64_t)rand_below(&rnd, INT64_MAX / 4)};
        r.key = random_bytes(key, sizeof key);
        r.value = random_bytes(value, sizeof value);
        put_headers(&r, &headers);
        batch_builder_add(&bb, &r);
        off += 1 + (rand_one_in(&rnd, 10) ? (int64_t)rand_below(&rnd, 1000) : 0);
    }
    batch_builder_cover(&bb, off - 1);
    ASSERT(batch_builder_finish(&bb) == OK);
    batch_builder_deinit(&bb);
    buf_deinit(&headers);
}

static void put_marker(struct buf *out, bool commit)
{
    struct batch head = random_head();
    head.base_ts_ms = 1700000000000;
    head.producer_id = 77;
    head.producer_epoch = 5;
    ASSERT(control_build_marker(out, &head, commit, 31) == OK);
}

static void put_all(struct buf *out)
{
    for (int i = 0; i < 10; i++) {
        put_batch(out, CODEC_NONE, CODEC_LEVEL_DEFAULT);
        put_batch(out, CODEC_SNAPPY, CODEC_LEVEL_DEFAULT);
        put_marker(out, i & 1);
    }
    for (int c = CODEC_GZIP; c < CODEC_COUNT; c++) {
        for (int level = -25; level <= 25; level++) {
            if (codec_level_is_valid((enum codec)c, level)) {
                put_batch(out, (enum codec)c, level);
            }
        }
    }
    put_batch(out, CODEC_ZSTD, ZSTD_FASTEST);
}

static int usage(void)
{
    fprintf(stderr, "record_vectors SEED FILE\n");
    return 2;
}

static bool write_file(const char *path, struct bytes b)
{
    FILE *f = fopen(path, "wb");
    if (f == NULL) {
        perror(path);
        return false;
    }
    bool is_written = fwrite(b.p, 1, b.len, f) == b.len;
    return fclose(f) == 0 && is_written;
}

int main(int argc, char **argv)
{
    struct buf batches = BUF_INIT, text = BUF_INIT;
    if (argc != 3) {
        return usage();
    }
    rand_init(&rnd, strtoull(argv[1], NULL, 10));
    put_all(&batches);
    ASSERT(record_dump(buf_bytes(&batches), &text) == OK);
    bool is_written = write_file(argv[2], buf_bytes(&batches));
    fwrite(text.p, 1, text.len, stdout);
    buf_deinit(&batches);
    buf_deinit(&text);
    codec_release_thread();
    return is_written ? 0 : 1;
}
