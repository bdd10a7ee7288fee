/* What a partition's log costs while nobody uses it: many are made, closed, and opened again;
 * memory and descriptors are counted. Not a test.
 *
 *   micro_partitions [COUNT [DIRECTORY]] */
#include "base/assert.h"
#include "base/mem.h"
#include "log/log.h"
#include "record/record.h"

#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { COUNT_USUAL = 10000, PATH_LEN = 512 };

struct bench {
    const char *dir;
    int count;
    struct log **logs;
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long rss_bytes(void)
{
    long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f != NULL) {
        if (fscanf(f, "%ld %ld", &pages, &resident) != 2) {
            resident = 0;
        }
        fclose(f);
    }
    return resident * sysconf(_SC_PAGESIZE);
}

static int descriptor_count(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir != NULL && readdir(dir) != NULL) {
        count++;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return count - 3; /* ".", ".." and the listing's own */
}

static void open_all(struct bench *b, bool was_clean)
{
    for (int i = 0; i < b->count; i++) {
        char path[PATH_LEN];
        struct log_open_args args = {.fs = fs_posix(),
                                     .clock = clock_system(),
                                     .dir = path,
                                     .was_clean = was_clean,
                                     .seed = (uint64_t)i};
        snprintf(path, sizeof path, "%s/t-%d", b->dir, i);
        log_config_init(&args.config);
        enum err e = fs_mkdir_all(fs_posix(), path);
        e = e ? e : log_open(&args, &b->logs[i], NULL);
        ASSERT(e == OK);
    }
}

static void append_to(struct log *log)
{
    struct buf bytes = BUF_INIT;
    struct log_appended done;
    struct batch head = {.base_ts_ms = 1, .producer_id = NO_PRODUCER_ID, .base_seq = -1};
    struct batch_builder bb;
    batch_builder_init(&bb, &bytes, &head, CODEC_NONE, CODEC_LEVEL_DEFAULT);
    struct record r = {.ts_ms = 1, .value = {(const uint8_t *)"value", 5}};
    batch_builder_add(&bb, &r);
    enum err e = batch_builder_finish(&bb);
    struct log_append a = {.p = bytes.p, .len = bytes.len, .now_ms = 1};
    e = e ? e : log_append(log, &a, &done);
    ASSERT(e == OK);
    batch_builder_deinit(&bb);
    buf_deinit(&bytes);
}

static void close_all(struct bench *b)
{
    for (int i = 0; i < b->count; i++) {
        enum err e = log_close(b->logs[i]);
        ASSERT(e == OK);
    }
}

static void row(const struct bench *b, const char *what, double begin_s, long rss)
{
    printf("%-28s %7.0f us each %7.0f bytes resident each %6d descriptors\n", what,
           (now_s() - begin_s) * 1e6 / b->count, (double)(rss_bytes() - rss) / b->count,
           descriptor_count());
}

static void run(struct bench *b)
{
    long rss = rss_bytes();
    double begin_s = now_s();
    open_all(b, false);
    row(b, "made", begin_s, rss);
    begin_s = now_s();
    for (int i = 0; i < b->count; i++) {
        append_to(b->logs[i]);
    }
    row(b, "written once", begin_s, rss);
    begin_s = now_s();
    for (int i = 0; i < b->count; i++) {
        enum err e = log_sync(b->logs[i], NULL);
        ASSERT(e == OK);
        log_idle(b->logs[i], INT64_MAX);
    }
    row(b, "synced and idle", begin_s, rss);
    begin_s = now_s();
    close_all(b);
    malloc_trim(0);
    row(b, "closed", begin_s, rss);
    rss = rss_bytes();
    begin_s = now_s();
    open_all(b, true);
    row(b, "opened after a clean stop", begin_s, rss);
    close_all(b);
}

int main(int argc, char **argv)
{
    char own[] = "/tmp/ottla-partitions-XXXXXX";
    struct bench b = {.count = argc > 1 ? atoi(argv[1]) : COUNT_USUAL,
                      .dir = argc > 2 ? argv[2] : mkdtemp(own)};
    ASSERT(b.count > 0 && b.dir != NULL);
    b.logs = mem_zalloc((size_t)b.count * sizeof *b.logs);
    printf("%d partitions in %s\n", b.count, b.dir);
    run(&b);
    mem_free(b.logs);
    return 0;
}
