/* Opens a partition directory that somebody else wrote, checks every record in it, and may write to
 * it: log_open DIR RECOVERY_POINT clean|killed [RECORDS].
 *
 * Prints: start, end, records, producers, bytes scanned, bytes cut off, indexes rebuilt. With
 * RECORDS that many are appended, in batches of 10, and the log is closed cleanly. */
#include "test/unit/logtest.h"

static void must(enum err e, const char *what)
{
    if (e) {
        fprintf(stderr, "log_open: %s: %s\n", what, err_name(e));
        exit(1);
    }
}

static int64_t count_records(const struct batch *b)
{
    struct record_walk walk;
    struct record rec;
    int64_t n = 0;
    enum err e = record_walk_init(&walk, b, 64 << 20);
    while (!e && (e = record_walk_next(&walk, &rec)) == OK) {
        n++;
    }
    record_walk_deinit(&walk);
    must(e == ERR_NOT_FOUND ? OK : e, "a record");
    return n;
}

static int64_t read_all(struct log *log)
{
    struct log_hint hint = {0};
    int64_t records = 0;
    for (int64_t off = log_start_off(log); off < log_end_off(log);) {
        struct buf bytes = BUF_INIT;
        struct batch b;
        must(test_read(log, off, 1 << 20, &hint, &bytes), "a read");
        must(bytes.len ? OK : ERR_SHORT, "an empty read");
        for (size_t at = 0; at < bytes.len; at += b.size_bytes) {
            must(batch_parse((struct bytes){bytes.p + at, bytes.len - at}, &b), "a batch");
            must(batch_check_crc(&b), "a CRC");
            records += count_records(&b);
            off = batch_next_off(&b);
        }
        buf_deinit(&bytes);
    }
    return records;
}

static void count_producer(void *ctx, const struct log_producer *p)
{
    (void)p;
    ++*(int *)ctx;
}

static void append(struct log *log, int64_t records)
{
    struct log_appended done;
    struct test_batch t = {.ts_ms = clock_wall_ms(clock_system()),
                           .count = 10,
                           .value_bytes = 100,
                           .base_seq = 64, /* values are letters */
                           .leader_epoch = log_last_epoch(log),
                           .codec = CODEC_LZ4};
    for (int64_t i = 0; i < records; i += 10) {
        must(test_append(log, &t, &done), "an append");
    }
    must(log_sync(log, NULL), "a sync");
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: log_open DIR RECOVERY_POINT clean|killed [RECORDS]\n");
        return 2;
    }
    struct log_open_args args = {.fs = fs_posix(),
                                 .clock = clock_system(),
                                 .dir = argv[1],
                                 .recovery_point_off = atoll(argv[2]),
                                 .was_clean = strcmp(argv[3], "clean") == 0};
    struct log_recovery r;
    struct log *log;
    int producers = 0;
    log_config_init(&args.config);
    must(log_open(&args, &log, &r), "opening");
    log_each_producer(log, count_producer, &producers);
    int64_t records = read_all(log);
    printf("%lld %lld %lld %d %lld %lld %d\n", (long long)log_start_off(log),
           (long long)log_end_off(log), (long long)records, producers, (long long)r.scanned_bytes,
           (long long)r.truncated_bytes, r.indexes_rebuilt_count);
    if (argc > 4) {
        append(log, atoll(argv[4]));
    }
    must(log_close(log), "closing");
    return 0;
}
