/* What tests of the log share: a clock that is turned by hand, batches, a log in a directory. Test
 * files include test.h first. */
#ifndef TEST_UNIT_LOGTEST_H
#define TEST_UNIT_LOGTEST_H

#include "log/log.h"

#include "base/mem.h"
#include "record/control.h"
#include "record/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hand_clock {
    struct clock clock;
    int64_t wall_ms;
    int64_t mono_ms;
};

static inline int64_t hand_wall_ms(struct clock *c)
{
    return CONTAINER_OF(c, struct hand_clock, clock)->wall_ms;
}

static inline int64_t hand_mono_ns(struct clock *c)
{
    return CONTAINER_OF(c, struct hand_clock, clock)->mono_ms * 1000000;
}

static inline void hand_clock_init(struct hand_clock *c)
{
    *c = (struct hand_clock){{hand_wall_ms, hand_mono_ns}, 1700000000000, 1000};
}

/* A batch of `count` records of `value_bytes` each; the first byte of every value is its offset's
 * low byte, the rest is a pattern. */
struct test_batch {
    int64_t ts_ms;
    int count;
    size_t value_bytes;
    int64_t producer_id; /* 0: none (ids of tests begin at 1) */
    int16_t producer_epoch;
    int32_t base_seq;
    bool is_transactional;
    enum codec codec;
    int64_t base_off; /* for LOG_FROM_LEADER */
    int32_t leader_epoch;
};

static inline void test_batch_build(struct buf *out, const struct test_batch *t)
{
    struct batch head = {
        .base_off = t->base_off,
        .leader_epoch = t->leader_epoch,
        .base_ts_ms = t->ts_ms,
        .producer_id = t->producer_id ? t->producer_id : NO_PRODUCER_ID,
        .producer_epoch = t->producer_id ? t->producer_epoch : -1,
        .base_seq = t->producer_id ? t->base_seq : -1,
        .attrs = t->is_transactional ? BATCH_TRANSACTIONAL : 0,
    };
    struct batch_builder bb;
    uint8_t *value = mem_zalloc(t->value_bytes + 1);
    batch_builder_init(&bb, out, &head, t->codec, CODEC_LEVEL_DEFAULT);
    for (int i = 0; i < t->count; i++) {
        memset(value, (uint8_t)(t->base_seq + i + 1), t->value_bytes);
        struct record rec = {
            .off = t->base_off + i, .ts_ms = t->ts_ms + i, .value = {value, t->value_bytes}};
        batch_builder_add(&bb, &rec);
    }
    enum err e = batch_builder_finish(&bb);
    batch_builder_deinit(&bb);
    mem_free(value);
    if (e) {
        abort();
    }
}

static inline enum err test_append_as(struct log *log, const struct test_batch *t,
                                      enum log_origin origin, struct log_appended *ret)
{
    struct buf bytes = BUF_INIT;
    test_batch_build(&bytes, t);
    struct log_append a = {.p = bytes.p,
                           .len = bytes.len,
                           .origin = origin,
                           .leader_epoch = t->leader_epoch,
                           .now_ms = t->ts_ms};
    enum err e = log_append(log, &a, ret);
    buf_deinit(&bytes);
    return e;
}

static inline enum err test_append(struct log *log, const struct test_batch *t,
                                   struct log_appended *ret)
{
    return test_append_as(log, t, LOG_FROM_CLIENT, ret);
}

/* `count` records in one batch, nothing else said. */
static inline enum err test_append_plain(struct log *log, int count, size_t value_bytes)
{
    struct log_appended done;
    struct test_batch t = {
        .ts_ms = 1700000000000 + log_end_off(log), .count = count, .value_bytes = value_bytes};
    return test_append(log, &t, &done);
}

/* Reads at most max_bytes from off up to the end; bytes freed by the caller. */
static inline enum err test_read(struct log *log, int64_t off, size_t max_bytes,
                                 struct log_hint *hint, struct buf *out)
{
    struct log_extent x;
    struct log_read r = {.off = off,
                         .max_bytes = max_bytes,
                         .upto = log_end_pos(log),
                         .min_one_batch = true,
                         .hint = hint};
    enum err e = log_read(log, &r, &x);
    if (e || x.seg == NULL) {
        return e;
    }
    uint8_t *p = buf_extend(out, x.len);
    e = log_extent_pread(&x, 0, p, x.len);
    log_extent_release(&x);
    return e;
}

/* Reads the whole log in steps, checks every batch and that offsets have no gap from start to end;
 * returns the number of batches, or -1 when something is wrong. */
static inline int test_check_all(struct log *log, size_t step_bytes)
{
    int64_t off = log_start_off(log);
    bool is_first = true;
    int batches = 0;
    struct log_hint hint = {0};
    while (off < log_end_off(log)) {
        struct buf bytes = BUF_INIT;
        struct batch b;
        int64_t before = off;
        if (test_read(log, off, step_bytes, &hint, &bytes) != OK) {
            buf_deinit(&bytes);
            return -1;
        }
        for (size_t at = 0; at < bytes.len; at += b.size_bytes) {
            if (batch_parse((struct bytes){bytes.p + at, bytes.len - at}, &b) != OK ||
                batch_check_crc(&b) != OK || (b.base_off != off && !is_first)) {
                buf_deinit(&bytes);
                return -1;
            }
            is_first = false;
            off = batch_next_off(&b);
            batches++;
        }
        buf_deinit(&bytes);
        if (off == before) {
            return -1;
        }
    }
    return batches;
}

/* --- a directory of its own on the real file system --- */

struct test_dir {
    char path[64];
};

static inline void test_dir_make(struct test_dir *d)
{
    snprintf(d->path, sizeof d->path, "/tmp/ottla-test-log-XXXXXX");
    if (mkdtemp(d->path) == NULL) {
        abort();
    }
}

static inline void test_dir_remove(struct test_dir *d)
{
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", d->path);
    if (system(cmd) != 0) {
        abort();
    }
}

static inline void test_open_args(struct log_open_args *a, struct fs *fs, struct hand_clock *clock,
                                  const char *dir)
{
    *a = (struct log_open_args){.fs = fs, .clock = &clock->clock, .dir = dir, .seed = 1};
    log_config_init(&a->config);
}

#endif
