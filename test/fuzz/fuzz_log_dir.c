/* A partition's directory with damaged files. Opening it never trusts what it finds: when the log
 * was read from its beginning to its end on the way, what came back is whole, takes an append and
 * opens again as it is; when files are trusted (a clean stop, a recovery point), nothing worse than
 * an error comes of it.
 *
 * Input: how to open (4 bytes), then patches of the directory: file, verb, position (2 bytes),
 * length, and so many bytes. */
#include "crashfs.h"
#include "fuzz.h"
#include "logtest.h"

#include "base/assert.h"
#include "base/diag.h"
#include "base/endian.h"

#define DIR_PATH "p-0"

enum { HEAD_BYTES = 4, PATCH_BYTES = 5, FILES_MAX = 64, ABORTER = 3, COMMITTER = 4 };
enum { WAS_CLEAN = 1, HAS_GAPS = 2 };

struct names {
    char *v[FILES_MAX];
    size_t count;
};

static struct crashfs *whole; /* the directory before the damage */
static struct names names;
static struct hand_clock hand;
static int64_t whole_end_off;

static void must(enum err e) { ASSERT(e == OK); }

/* --- the directory --- */

static void append(struct log *log, int64_t producer_id, int32_t seq, int32_t epoch)
{
    struct log_appended done;
    struct test_batch t = {.ts_ms = hand.wall_ms,
                           .count = 2,
                           .value_bytes = 30,
                           .producer_id = producer_id,
                           .base_seq = seq,
                           .is_transactional = producer_id >= ABORTER,
                           .leader_epoch = epoch};
    must(test_append(log, &t, &done));
    hand.wall_ms += 10;
}

static void end_txn(struct log *log, int64_t producer_id, bool commit)
{
    struct buf bytes = BUF_INIT;
    struct log_appended done;
    struct batch head = {.producer_id = producer_id, .base_ts_ms = hand.wall_ms};
    must(control_build_marker(&bytes, &head, commit, 1));
    struct log_append a = {
        .p = bytes.p, .len = bytes.len, .origin = LOG_FROM_COORDINATOR, .now_ms = hand.wall_ms};
    must(log_append(log, &a, &done));
    buf_deinit(&bytes);
}

static void fill(struct log *log)
{
    for (int32_t i = 0; i < 8; i++) {
        append(log, 0, 0, i / 3);
        append(log, 1, 2 * i, i / 3);
        append(log, ABORTER, 2 * i, i / 3);
        append(log, COMMITTER, 2 * i, i / 3);
        end_txn(log, ABORTER, false);
        end_txn(log, COMMITTER, true);
    }
    append(log, ABORTER, 16, 3); /* stays open */
}

static bool add_name(void *ctx, const char *name, bool is_dir)
{
    ASSERT(names.count < FILES_MAX);
    names.v[names.count++] = str_dup(str_from(name));
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What is there, and what only a crash or a compaction leaves behind. */
static void list_names(struct fs *fs)
{
    static const char *const leftovers[] = {
        "00000000000000000000.log.swap",     "00000000000000000000.index.swap",
        "00000000000000000005.log.cleaned",  "00000000000000000003.log.deleted",
        "00000000000000000007.log",          "00000000000000000007.snapshot",
        "00000000000000000000.timeindex.x",  "00000000000000000002.index",
        "leader-epoch-checkpoint.tmp",       "9223372036854775807.log",
        "00000000000000000040.log.swap.swap"};
    must(fs_list(fs, DIR_PATH, add_name, NULL));
    qsort(names.v, names.count, sizeof *names.v, by_name);
    for (size_t i = 0; i < ARRAY_LEN(leftovers); i++) {
        add_name(NULL, leftovers[i], false);
    }
}

static void log_args(struct log_open_args *args, struct crashfs *disk)
{
    test_open_args(args, crashfs_fs(disk), &hand, DIR_PATH);
    args->config.segment_bytes = 1500;
    args->config.index_interval_bytes = 100;
}

static void say_nothing(void *ctx, enum diag_level level, const char *area, const char *text) {}

static void make_whole(void)
{
    struct log_open_args args;
    struct log *log;
    diag_set_sink(say_nothing, NULL);
    hand_clock_init(&hand);
    whole = crashfs_new();
    must(fs_mkdir(crashfs_fs(whole), DIR_PATH));
    log_args(&args, whole);
    must(log_open(&args, &log, NULL));
    fill(log);
    whole_end_off = log_end_off(log);
    must(log_close(log));
    list_names(crashfs_fs(whole));
}

/* --- the damage --- */

struct patch {
    const char *name;
    enum { OVERWRITE, CUT, REPLACE, REMOVE, RENAME, VERB_COUNT } verb;
    uint16_t pos;
    struct bytes bytes;
};

static const char *path_of(struct buf *b, const char *name)
{
    buf_clear(b);
    buf_printf(b, DIR_PATH "/%s", name);
    return buf_cstr(b);
}

static enum err write_at(struct fs *fs, const char *path, const struct patch *x)
{
    struct file *f;
    uint64_t size;
    enum err e = fs_open(fs, path, FILE_WRITE | FILE_CREATE, &f);
    if (e) {
        return e;
    }
    must(file_size(f, &size));
    uint64_t pos = x->verb == REPLACE ? 0 : x->pos % (size + 1);
    if (x->verb != OVERWRITE) {
        must(file_truncate(f, pos));
    }
    if (x->verb != CUT) {
        must(file_pwrite(f, x->bytes.p, x->bytes.len, pos));
    }
    file_close(f);
    return OK;
}

static void apply(struct fs *fs, const struct patch *x)
{
    struct buf path = BUF_INIT;
    struct buf to = BUF_INIT;
    const char *name = path_of(&path, x->name);
    enum err e;
    if (x->verb == REMOVE) {
        e = fs_unlink(fs, name);
    } else if (x->verb == RENAME) {
        e = fs_rename(fs, name, path_of(&to, names.v[x->pos % names.count]));
    } else {
        e = write_at(fs, name, x);
    }
    ASSERT(e == OK || e == ERR_NOT_FOUND);
    buf_deinit(&path);
    buf_deinit(&to);
}

static void damage(struct fs *fs, const uint8_t *data, size_t size)
{
    while (size >= PATCH_BYTES) {
        size_t len = MIN((size_t)data[4], size - PATCH_BYTES);
        struct patch x = {.name = names.v[data[0] % names.count],
                          .verb = data[1] % VERB_COUNT,
                          .pos = be16_get(data + 2),
                          .bytes = {data + PATCH_BYTES, len}};
        apply(fs, &x);
        data += PATCH_BYTES + len;
        size -= PATCH_BYTES + len;
    }
}

/* --- the log --- */

static void count_aborted(void *ctx, const struct log_aborted *a) { (*(int *)ctx)++; }
static void count_producer(void *ctx, const struct log_producer *p) { (*(int *)ctx)++; }

/* Everything that looks into files; the answers are checked where they can be known. */
static void ask(struct log *log)
{
    struct log_time_hit hit;
    struct buf bytes = BUF_INIT;
    int count = 0;
    int32_t epoch;
    int64_t off;
    int64_t start_off = log_start_off(log);
    int64_t end_off = log_end_off(log);
    ASSERT(0 <= start_off && start_off <= end_off);
    (void)!test_read(log, (start_off + end_off) / 2, 300, NULL, &bytes);
    (void)!log_find_max_time(log, &hit);
    (void)!log_each_aborted(log, start_off, end_off, count_aborted, &count);
    if (log_find_time(log, hand.wall_ms - 300, end_off, &hit) == OK && hit.off != -1) {
        ASSERT(hit.off < end_off);
    }
    log_each_producer(log, count_producer, &count);
    log_epoch_end(log, 1, &epoch, &off);
    ASSERT(off <= end_off);
    buf_deinit(&bytes);
}

/* The offset after the last batch of bytes, if all of them are good; -1. A base offset lies outside
 * the CRC: that it only grows is all that can be known. */
static int64_t off_after(struct bytes in, int64_t off)
{
    struct batch b;
    for (size_t at = 0; at < in.len; at += b.size_bytes) {
        if (batch_parse((struct bytes){in.p + at, in.len - at}, &b) || batch_check_crc(&b) ||
            batch_last_off(&b) < off) {
            return -1;
        }
        off = batch_next_off(&b);
    }
    return off;
}

static bool is_whole(struct log *log)
{
    struct log_hint hint = {0};
    int64_t off = log_start_off(log);
    int64_t end_off = log_end_off(log);
    bool is_good = true;
    while (is_good && off < end_off) {
        struct buf bytes = BUF_INIT;
        is_good = test_read(log, off, 700, &hint, &bytes) == OK && bytes.len > 0;
        off = is_good ? off_after(buf_bytes(&bytes), off) : off;
        is_good = is_good && off >= 0;
        buf_deinit(&bytes);
    }
    return is_good && off == end_off;
}

/* Nothing was trusted: all of it is good, and stays so. */
static void expect_whole(struct log_open_args *args, struct log *log)
{
    struct log_recovery found;
    struct log_appended done;
    struct test_batch t = {.ts_ms = hand.wall_ms, .count = 1, .leader_epoch = 1000000};
    ASSERT(is_whole(log));
    int64_t end_off = log_end_off(log);
    must(test_append(log, &t, &done));
    ASSERT(done.base_off == end_off);
    must(log_sync(log, NULL));
    log_abandon(log);
    must(log_open(args, &log, &found));
    ASSERT(log_end_off(log) == end_off + 1 && found.truncated_bytes == 0);
    ASSERT(is_whole(log));
    must(log_close(log));
}

static void open_and_ask(struct crashfs *disk, const uint8_t *head)
{
    struct log_open_args args;
    struct log *log;
    log_args(&args, disk);
    args.was_clean = head[0] & WAS_CLEAN;
    args.config.has_gaps = head[0] & HAS_GAPS;
    args.recovery_point_off = head[1] ? whole_end_off * head[1] / 255 : 0;
    args.log_start_off = head[2];
    enum err e = log_open(&args, &log, NULL);
    if (e) {
        ASSERT(args.was_clean || args.recovery_point_off > 0 || e != ERR_CORRUPT_MESSAGE);
        return;
    }
    ask(log);
    bool is_trusting = args.was_clean || args.recovery_point_off > 0 || args.config.has_gaps;
    if (is_trusting) {
        (void)!test_append_plain(log, 1, 10);
        (void)!log_close(log);
    } else {
        expect_whole(&args, log);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD_BYTES) {
        return 0;
    }
    if (whole == NULL) {
        make_whole();
    }
    struct crashfs *disk = crashfs_clone(whole);
    damage(crashfs_fs(disk), data + HEAD_BYTES, size - HEAD_BYTES);
    open_and_ask(disk, data);
    ASSERT(crashfs_open_count(disk) == 0);
    crashfs_free(disk);
    return 0;
}
