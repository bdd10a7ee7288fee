/* Writes logs for Apache Kafka's tools to read: log_write DIR. One partition directory for each way
 * of coming to an end; one line each on standard output: name, records, bytes. */
#include "test/unit/logtest.h"

enum { BATCHES = 1500 };

struct job {
    struct log *log;
    struct hand_clock clock;
    struct log_open_args args;
    char path[512];
    int64_t skipped; /* offsets that no record has */
};

static void must(enum err e)
{
    if (e) {
        fprintf(stderr, "log_write: %s\n", err_name(e));
        exit(1);
    }
}

static void job_open(struct job *j, const char *dir, const char *name)
{
    *j = (struct job){0};
    snprintf(j->path, sizeof j->path, "%s/%s", dir, name);
    must(fs_mkdir(fs_posix(), j->path));
    hand_clock_init(&j->clock);
    test_open_args(&j->args, fs_posix(), &j->clock, j->path);
    j->args.config.segment_bytes = 200000;
    must(log_open(&j->args, &j->log, NULL));
}

static void job_reopen(struct job *j, bool was_clean)
{
    if (was_clean) {
        must(log_close(j->log));
    } else {
        log_abandon(j->log);
    }
    j->args.was_clean = was_clean;
    must(log_open(&j->args, &j->log, NULL));
}

static void job_end(struct job *j, const char *name)
{
    printf("%s %lld %llu\n", name, (long long)(log_end_off(j->log) - j->skipped),
           (unsigned long long)log_size_bytes(j->log));
    must(log_close(j->log));
}

static void append(struct job *j, const struct test_batch *t)
{
    struct log_appended done;
    must(test_append(j->log, t, &done));
}

static void append_mixed(struct job *j, int from, int to)
{
    for (int i = from; i < to; i++) {
        struct test_batch t = {.ts_ms = 1700000000000 + 10 * i - (i % 7) * 30,
                               .count = 1 + i % 9,
                               .value_bytes = (size_t)(i * 37 % 600),
                               .codec = (enum codec)(i % CODEC_COUNT),
                               .leader_epoch = i / 400};
        append(j, &t);
    }
}

static void write_plain(const char *dir)
{
    struct job j;
    job_open(&j, dir, "plain-0");
    append_mixed(&j, 0, BATCHES);
    job_end(&j, "plain-0");
}

/* Closed and opened again in the middle of a segment, cleanly and not. */
static void write_reopened(const char *dir)
{
    struct job j;
    job_open(&j, dir, "reopened-0");
    for (int i = 0; i < 10; i++) {
        append_mixed(&j, i * 100, i * 100 + 100);
        job_reopen(&j, i % 3 != 1);
    }
    job_end(&j, "reopened-0");
}

static void write_truncated(const char *dir)
{
    struct job j;
    job_open(&j, dir, "truncated-0");
    append_mixed(&j, 0, BATCHES);
    must(log_truncate(j.log, 3000));
    append_mixed(&j, 600, 620);
    job_end(&j, "truncated-0");
}

/* Several batches in one append, as a follower gets them; gaps in the offsets. */
static void write_replicated(const char *dir)
{
    struct job j;
    int64_t off = 5;
    job_open(&j, dir, "replicated-0");
    for (int i = 0; i < 300; i++) {
        struct buf bytes = BUF_INIT;
        struct log_appended done;
        for (int k = 0; k < 1 + i % 6; k++) {
            struct test_batch t = {.ts_ms = 1700000000000 + i,
                                   .count = 3,
                                   .value_bytes = 300,
                                   .base_off = off,
                                   .leader_epoch = 2 + i / 100};
            test_batch_build(&bytes, &t);
            off += 3 + (k == 2 ? 10 : 0);
            j.skipped += k == 2 ? 10 : 0;
        }
        struct log_append a = {.p = bytes.p, .len = bytes.len, .origin = LOG_FROM_LEADER};
        must(log_append(j.log, &a, &done));
        buf_deinit(&bytes);
    }
    /* the last gap is not followed by anything */
    j.skipped += 5 - (off - log_end_off(j.log));
    job_end(&j, "replicated-0");
}

static void append_marker(struct job *j, int64_t id, bool is_commit, int64_t ts_ms)
{
    struct buf bytes = BUF_INIT;
    struct log_appended done;
    struct batch head = {.producer_id = id, .base_seq = -1, .base_ts_ms = ts_ms};
    must(control_build_marker(&bytes, &head, is_commit, 3));
    struct log_append a = {
        .p = bytes.p, .len = bytes.len, .origin = LOG_FROM_COORDINATOR, .now_ms = ts_ms};
    must(log_append(j->log, &a, &done));
    buf_deinit(&bytes);
}

/* Idempotent producers, and transactions that overlap, some aborted. */
static void write_transactions(const char *dir)
{
    struct job j;
    int32_t seqs[8] = {0};
    job_open(&j, dir, "transactions-0");
    for (int i = 0; i < BATCHES; i++) {
        int id = 1 + i % 7;
        struct test_batch t = {.ts_ms = 1700000000000 + i,
                               .count = 2,
                               .value_bytes = 150,
                               .producer_id = id,
                               .base_seq = seqs[id],
                               .is_transactional = id > 3};
        append(&j, &t);
        seqs[id] += 2;
        if (id > 3 && i % 11 == 0) {
            append_marker(&j, id, i % 3 != 0, 1700000000000 + i);
        }
    }
    for (int id = 4; id < 7; id++) { /* 7 stays open */
        append_marker(&j, id, id % 2 == 0, 1700000000000 + BATCHES);
    }
    job_end(&j, "transactions-0");
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: log_write DIR\n");
        return 2;
    }
    write_plain(argv[1]);
    write_reopened(argv[1]);
    write_truncated(argv[1]);
    write_replicated(argv[1]);
    write_transactions(argv[1]);
    return 0;
}
