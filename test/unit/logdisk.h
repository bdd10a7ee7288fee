/* A log on the file system in memory, which counts and fails on demand: what tests of recovery
 * share. Test files include test.h first. */
#ifndef TEST_UNIT_LOGDISK_H
#define TEST_UNIT_LOGDISK_H

#include "crashfs.h"
#include "logtest.h"

#define NOW INT64_C(1700000000000)

struct world {
    struct crashfs *disk;
    struct hand_clock clock;
    struct log_open_args args;
    struct log_recovery recovery;
    struct log *log;
};

static inline void open_log(struct world *w, bool was_clean)
{
    w->args.was_clean = was_clean;
    crashfs_forget_reads(w->disk);
    assert_ok(log_open(&w->args, &w->log, &w->recovery));
}

static inline int set_up(void **state)
{
    struct world *w = NEW(struct world);
    w->disk = crashfs_new();
    hand_clock_init(&w->clock);
    test_open_args(&w->args, crashfs_fs(w->disk), &w->clock, "t-0");
    w->args.config.segment_bytes = 20000;
    *state = w;
    if (fs_mkdir_all(w->args.fs, "t-0") != OK) {
        return 1;
    }
    open_log(w, false);
    return 0;
}

static inline int tear_down(void **state)
{
    struct world *w = *state;
    if (w->log != NULL) {
        log_abandon(w->log);
    }
    crashfs_free(w->disk);
    mem_free(w);
    return 0;
}

static inline void append(struct world *w, int batches)
{
    for (int i = 0; i < batches; i++) {
        assert_ok(test_append_plain(w->log, 2, 450));
    }
}

static inline void stop(struct world *w, bool is_clean)
{
    if (is_clean) {
        assert_ok(log_close(w->log));
    } else {
        log_abandon(w->log);
    }
    w->log = NULL;
}

static inline void reopen(struct world *w, bool is_clean)
{
    stop(w, is_clean);
    open_log(w, is_clean);
}

#endif
