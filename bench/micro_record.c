/* What validation costs: batches of 64 KiB with records of 100 B and 1 KiB, without codec and with
 * each, in the thread's own CPU time. Not a test.
 *
 *   micro_record [SECONDS-PER-ROW] */
#include "base/assert.h"
#include "base/endian.h"
#include "base/rand.h"
#include "plat/snappy.h"
#include "record/validate.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH_BYTES = 64 * 1024, NOW_MS = 1 };

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Text-like values: some words over and over. */
static void fill(uint8_t *p, size_t len, struct rand *rnd)
{
    static const char *const words[] = {
        "order", "customer", "delivered", "2024-05-17T08:", "amount", "currency", "EUR", "pending"};
    size_t n = 0;
    while (n < len) {
        n += (size_t)snprintf((char *)p + n, len - n + 1, "%s=%llu ", words[rand_below(rnd, 8)],
                              (unsigned long long)rand_below(rnd, 100000));
    }
}

static void build(struct buf *out, size_t record_bytes, enum codec codec)
{
    struct batch head = {
        .base_ts_ms = NO_TIMESTAMP, .producer_id = 9, .base_seq = 0, .leader_epoch = -1};
    struct batch_builder bb;
    struct rand rnd;
    static uint8_t value[2048];
    rand_init(&rnd, 1);
    batch_builder_init(&bb, out, &head, codec, CODEC_LEVEL_DEFAULT);
    for (int64_t off = 0; off < (int64_t)(BATCH_BYTES / record_bytes); off++) {
        struct record r = {.off = off, .ts_ms = NOW_MS + off / 10, .key = BYTES_NULL};
        fill(value, record_bytes - 10, &rnd);
        r.value = (struct bytes){value, record_bytes - 10};
        batch_builder_add(&bb, &r);
    }
    ASSERT(batch_builder_finish(&bb) == OK);
    batch_builder_deinit(&bb);
}

struct row {
    const char *name;
    size_t record_bytes;
    enum codec from, to;
    enum timestamp_type ts_type;
};

static void report(const struct row *row, const struct batch *b, double seconds, double rounds)
{
    double plain = (double)b->count * (double)row->record_bytes;
    printf("%-28s %5zu B records  %8.2f GB/s of records  %7.1f ns a record  %8.2f us a batch\n",
           row->name, row->record_bytes, plain * rounds / seconds / 1e9,
           seconds * 1e9 / rounds / (double)b->count, seconds * 1e6 / rounds);
}

static void run(const struct row *row, double seconds)
{
    struct buf batch = BUF_INIT, rewritten = BUF_INIT;
    struct validate_result result;
    struct validate_rules rules = {
        .ts_type = row->ts_type,
        .ts_before_max_ms = INT64_MAX,
        .ts_after_max_ms = 3600000,
        .recompress = row->from != row->to,
        .codec = row->to,
        .codec_level = CODEC_LEVEL_DEFAULT,
        .max_batch_bytes = 1 << 20,
        .max_plain_bytes = 1 << 24,
    };
    double begin, spent = 0, rounds = 0;
    uint8_t header[BATCH_HEADER_BYTES];
    build(&batch, row->record_bytes, row->from);
    memcpy(header, batch.p, sizeof header);
    for (begin = cpu_seconds(); spent < seconds; spent = cpu_seconds() - begin) {
        for (int i = 0; i < 100; i++, rounds++) {
            memcpy(batch.p, header, sizeof header); /* it may be patched */
            ASSERT(validate_produce(&rules, batch.p, batch.len, 12, NOW_MS + (int64_t)rounds,
                                    &rewritten, &result) == OK);
        }
    }
    report(row, &result.batch, spent, rounds);
    buf_deinit(&batch);
    buf_deinit(&rewritten);
}

int main(int argc, char **argv)
{
    static const struct row rows[] = {
        {"none", 100, CODEC_NONE, CODEC_NONE, CREATE_TIME},
        {"none", 1024, CODEC_NONE, CODEC_NONE, CREATE_TIME},
        {"gzip", 100, CODEC_GZIP, CODEC_GZIP, CREATE_TIME},
        {"gzip", 1024, CODEC_GZIP, CODEC_GZIP, CREATE_TIME},
        {"snappy", 100, CODEC_SNAPPY, CODEC_SNAPPY, CREATE_TIME},
        {"snappy", 1024, CODEC_SNAPPY, CODEC_SNAPPY, CREATE_TIME},
        {"lz4", 100, CODEC_LZ4, CODEC_LZ4, CREATE_TIME},
        {"lz4", 1024, CODEC_LZ4, CODEC_LZ4, CREATE_TIME},
        {"zstd", 100, CODEC_ZSTD, CODEC_ZSTD, CREATE_TIME},
        {"zstd", 1024, CODEC_ZSTD, CODEC_ZSTD, CREATE_TIME},
        {"lz4 to zstd", 100, CODEC_LZ4, CODEC_ZSTD, CREATE_TIME},
        {"gzip to none", 100, CODEC_GZIP, CODEC_NONE, CREATE_TIME},
        {"none, log-append time", 100, CODEC_NONE, CODEC_NONE, LOG_APPEND_TIME},
    };
    codec_set_snappy(snappy_library);
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.5;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        run(&rows[i], seconds);
    }
    codec_release_thread();
    return 0;
}
