/* The commit log as its users see it, on the real file system. */
#include "test.h"

#include "logtest.h"

#include <unistd.h>

#define NOW INT64_C(1700000000000)

struct world {
    struct test_dir dir;
    struct hand_clock clock;
    struct log_open_args args;
    struct log *log;
};

static int set_up(void **state)
{
    struct world *w = NEW(struct world);
    test_dir_make(&w->dir);
    hand_clock_init(&w->clock);
    test_open_args(&w->args, fs_posix(), &w->clock, w->dir.path);
    *state = w;
    return log_open(&w->args, &w->log, NULL) != OK;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    if (w->log != NULL) {
        log_abandon(w->log);
    }
    test_dir_remove(&w->dir);
    mem_free(w);
    return 0;
}

static void reopen(struct world *w, bool was_clean)
{
    if (was_clean) {
        assert_ok(log_close(w->log));
    } else {
        log_abandon(w->log);
    }
    w->log = NULL;
    w->args.was_clean = was_clean;
    assert_ok(log_open(&w->args, &w->log, NULL));
}

static char *path_of(struct world *w, const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", w->dir.path, name);
    return path;
}

static bool exists(struct world *w, const char *name)
{
    return access(path_of(w, name), F_OK) == 0;
}

static void a_new_log_is_empty(void **state)
{
    struct world *w = *state;
    struct log_extent x = {0};
    struct log_read r = {.off = 0, .max_bytes = 100, .upto = log_end_pos(w->log)};
    assert_int_equal(log_start_off(w->log), 0);
    assert_int_equal(log_end_off(w->log), 0);
    assert_int_equal(log_last_epoch(w->log), -1);
    assert_ok(log_read(w->log, &r, &x));
    assert_null(x.seg);
    r.off = 1;
    assert_err(ERR_OFFSET_OUT_OF_RANGE, log_read(w->log, &r, &x));
}

static void what_is_appended_is_read_back(void **state)
{
    struct world *w = *state;
    struct log_appended done;
    struct test_batch t = {.ts_ms = 1000, .count = 3, .value_bytes = 10, .leader_epoch = 7};
    assert_ok(test_append(w->log, &t, &done));
    assert_int_equal(done.base_off, 0);
    assert_int_equal(done.last_off, 2);
    assert_ok(test_append(w->log, &t, &done));
    assert_int_equal(done.base_off, 3);
    assert_int_equal(log_end_off(w->log), 6);
    assert_int_equal(log_last_epoch(w->log), 7);
    assert_int_equal(test_check_all(w->log, 1 << 20), 2);
    assert_int_equal(test_check_all(w->log, 1), 2);
}

static void reads_stop_at_the_bound(void **state)
{
    struct world *w = *state;
    assert_ok(test_append_plain(w->log, 2, 100));
    struct log_pos bound = log_end_pos(w->log);
    assert_ok(test_append_plain(w->log, 2, 100));
    struct log_read r = {.off = 0, .max_bytes = 1 << 20, .upto = bound};
    struct log_extent x = {0};
    assert_ok(log_read(w->log, &r, &x));
    assert_int_equal(x.len, bound.seg_pos);
    log_extent_release(&x);
    r.upto.seg_base_off = -1; /* only the offset is known */
    assert_ok(log_read(w->log, &r, &x));
    assert_int_equal(x.len, bound.seg_pos);
    log_extent_release(&x);
    r.off = 3;
    assert_err(ERR_OFFSET_OUT_OF_RANGE, log_read(w->log, &r, &x));
}

static void small_reads_give_whole_batches(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 2000; i++) {
        assert_ok(test_append_plain(w->log, 1 + i % 5, (size_t)(i % 300)));
    }
    static const size_t steps[] = {1, 70, 500, 4096, 10000, 100000, 10 << 20};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        assert_int_equal(test_check_all(w->log, steps[i]), 2000);
    }
    reopen(w, true);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        assert_int_equal(test_check_all(w->log, steps[i]), 2000);
    }
}

static void any_offset_is_found_without_a_hint(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 1000; i++) {
        assert_ok(test_append_plain(w->log, 3, 200));
    }
    for (int round = 0; round < 2; round++) {
        for (int64_t off = 0; off < 3000; off += 7) {
            struct buf bytes = BUF_INIT;
            struct batch b;
            assert_ok(test_read(w->log, off, 1, NULL, &bytes));
            assert_ok(batch_parse(buf_bytes(&bytes), &b));
            assert_int_equal(b.base_off, off - off % 3);
            buf_deinit(&bytes);
        }
        reopen(w, true);
    }
}

static void a_wrong_hint_costs_nothing_but_time(void **state)
{
    struct world *w = *state;
    struct log_hint hint = {.off = 5, .seg_base_off = 0, .seg_pos = 17, .gen = 0};
    struct buf bytes = BUF_INIT;
    struct batch b;
    for (int i = 0; i < 20; i++) {
        assert_ok(test_append_plain(w->log, 1, 10));
    }
    assert_ok(test_read(w->log, 5, 1, &hint, &bytes));
    assert_ok(batch_parse(buf_bytes(&bytes), &b));
    assert_int_equal(b.base_off, 5);
    /* the hint is good now; a truncation makes it worthless */
    assert_int_equal(hint.off, 6);
    assert_ok(log_truncate(w->log, 6));
    assert_ok(test_append_plain(w->log, 9, 1000));
    assert_ok(test_append_plain(w->log, 1, 10));
    buf_clear(&bytes);
    assert_ok(test_read(w->log, 6, 1, &hint, &bytes));
    assert_ok(batch_parse(buf_bytes(&bytes), &b));
    assert_int_equal(b.base_off, 6);
    assert_int_equal(b.count, 9);
    buf_deinit(&bytes);
}

static void small_segments(struct world *w)
{
    w->args.config.segment_bytes = 2000;
    log_set_config(w->log, &w->args.config);
}

static void segments_roll_by_size(void **state)
{
    struct world *w = *state;
    small_segments(w);
    for (int i = 0; i < 50; i++) {
        assert_ok(test_append_plain(w->log, 2, 200));
    }
    assert_true(exists(w, "00000000000000000000.log"));
    assert_true(exists(w, "00000000000000000008.log"));
    assert_true(exists(w, "00000000000000000008.timeindex"));
    assert_true(exists(w, "00000000000000000008.snapshot"));
    assert_int_equal(test_check_all(w->log, 5000), 50);
    assert_int_equal(test_check_all(w->log, 1), 50);
    reopen(w, true);
    assert_int_equal(log_end_off(w->log), 100);
    assert_int_equal(test_check_all(w->log, 5000), 50);
    reopen(w, false);
    assert_int_equal(log_end_off(w->log), 100);
    assert_int_equal(test_check_all(w->log, 5000), 50);
    assert_ok(test_append_plain(w->log, 1, 10));
    assert_int_equal(test_check_all(w->log, 5000), 51);
}

static void segments_roll_by_time(void **state)
{
    struct world *w = *state;
    struct log_appended done;
    struct test_batch t = {.ts_ms = 1000, .count = 1};
    w->args.config.segment_ms = 500;
    log_set_config(w->log, &w->args.config);
    assert_ok(test_append(w->log, &t, &done));
    t.ts_ms = 1500;
    assert_ok(test_append(w->log, &t, &done));
    assert_false(done.has_rolled);
    reopen(w, true); /* the first timestamp is found again */
    t.ts_ms = 1501;
    assert_ok(test_append(w->log, &t, &done));
    assert_true(done.has_rolled);
    assert_int_equal(log_end_pos(w->log).seg_base_off, 2);
}

static void too_large_for_a_segment_is_refused(void **state)
{
    struct world *w = *state;
    struct log_appended done;
    small_segments(w);
    struct test_batch t = {.ts_ms = 1000, .count = 1, .value_bytes = 2000};
    assert_err(ERR_RECORD_LIST_TOO_LARGE, test_append(w->log, &t, &done));
    assert_int_equal(log_end_off(w->log), 0);
}

static void syncing_tells_how_far(void **state)
{
    struct world *w = *state;
    struct log_pos end;
    assert_ok(test_append_plain(w->log, 4, 10));
    assert_int_equal(log_synced_off(w->log), 0);
    assert_ok(log_sync(w->log, &end));
    assert_int_equal(end.off, 4);
    assert_int_equal(log_synced_off(w->log), 4);
    assert_ok(log_sync(w->log, NULL));
}

static void retries_are_answered_with_the_first_offsets(void **state)
{
    struct world *w = *state;
    struct log_appended done;
    struct test_batch t = {.ts_ms = NOW, .count = 2, .producer_id = 9};
    for (int i = 0; i < 7; i++) {
        t.base_seq = 2 * i;
        t.ts_ms = NOW + i;
        assert_ok(test_append(w->log, &t, &done));
        assert_false(done.is_duplicate);
    }
    for (int i = 2; i < 7; i++) { /* the last five are remembered */
        t.base_seq = 2 * i;
        assert_ok(test_append(w->log, &t, &done));
        assert_true(done.is_duplicate);
        assert_int_equal(done.base_off, 2 * i);
        assert_int_equal(done.last_off, 2 * i + 1);
        assert_int_equal(done.duplicate_ts_ms, NOW + i + 1); /* of the batch's last record */
    }
    t.base_seq = 2;
    assert_err(ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, test_append(w->log, &t, &done));
    assert_int_equal(log_end_off(w->log), 14);
    for (int round = 0; round < 2; round++) {
        reopen(w, round == 0); /* also when a snapshot stands behind all of them */
        for (int i = 2; i < 7; i++) {
            t.base_seq = 2 * i;
            assert_ok(test_append(w->log, &t, &done));
            assert_true(done.is_duplicate);
            assert_int_equal(done.base_off, 2 * i);
        }
        t.base_seq = 15;
        assert_err(ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, test_append(w->log, &t, &done));
    }
}

static void old_epochs_of_producers_are_fenced(void **state)
{
    struct world *w = *state;
    struct log_appended done;
    struct test_batch t = {.ts_ms = 1000, .count = 1, .producer_id = 9, .producer_epoch = 3};
    assert_ok(test_append(w->log, &t, &done));
    t.producer_epoch = 2;
    t.base_seq = 1;
    assert_err(ERR_INVALID_PRODUCER_EPOCH, test_append(w->log, &t, &done));
    t.producer_epoch = 4;
    assert_err(ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, test_append(w->log, &t, &done));
    t.base_seq = 0;
    assert_ok(test_append(w->log, &t, &done));
}

static void retention_drops_whole_segments(void **state)
{
    struct world *w = *state;
    int count = 0;
    struct log_extent x = {0};
    small_segments(w);
    for (int i = 0; i < 30; i++) {
        assert_ok(test_append_plain(w->log, 2, 200));
    }
    struct log_read r = {.off = 0, .max_bytes = 10000, .upto = log_end_pos(w->log)};
    assert_ok(log_read(w->log, &r, &x));
    w->args.config.retention_bytes = 5000;
    w->args.config.retention_ms = -1;
    log_set_config(w->log, &w->args.config);
    assert_ok(log_retain(w->log, 60, 1000, &count));
    assert_int_equal(count, 4);
    assert_true(log_size_bytes(w->log) >= 5000 && log_size_bytes(w->log) < 7000);
    assert_true(exists(w, "00000000000000000000.log.deleted"));
    assert_int_equal(log_start_off(w->log), count * 8);
    assert_true(test_check_all(w->log, 4000) > 0);
    /* held bytes stay readable, even after the files are gone */
    assert_ok(log_retain(w->log, 60, 1000 + 60000, &count));
    assert_int_equal(count, 0);
    assert_false(exists(w, "00000000000000000000.log.deleted"));
    uint8_t byte;
    assert_ok(log_extent_pread(&x, x.len - 1, &byte, 1));
    log_extent_release(&x);
    assert_err(ERR_OFFSET_OUT_OF_RANGE, log_read(w->log, &r, &x));
}

static void retention_by_time_empties_the_log(void **state)
{
    struct world *w = *state;
    int count = 0;
    assert_ok(test_append_plain(w->log, 10, 10));
    w->args.config.retention_ms = 1000;
    log_set_config(w->log, &w->args.config);
    assert_ok(log_retain(w->log, 10, 1700000000000 + 1009, &count));
    assert_int_equal(count, 0);
    assert_ok(log_retain(w->log, 9, 1700000000000 + 2000, &count));
    assert_int_equal(count, 0); /* not beyond the high watermark */
    assert_ok(log_retain(w->log, 10, 1700000000000 + 1010, &count));
    assert_int_equal(count, 1);
    assert_int_equal(log_start_off(w->log), 10);
    assert_int_equal(log_end_off(w->log), 10);
    assert_ok(test_append_plain(w->log, 1, 10));
    reopen(w, true);
    assert_int_equal(log_start_off(w->log), 10);
    assert_int_equal(log_end_off(w->log), 11);
}

static void the_start_moves_forward_only(void **state)
{
    struct world *w = *state;
    struct log_extent x;
    int count;
    small_segments(w);
    for (int i = 0; i < 30; i++) {
        assert_ok(test_append_plain(w->log, 1, 200));
    }
    assert_ok(log_set_start(w->log, 20));
    assert_ok(log_set_start(w->log, 10));
    assert_int_equal(log_start_off(w->log), 20);
    assert_err(ERR_OFFSET_OUT_OF_RANGE, log_set_start(w->log, 31));
    struct log_read r = {.off = 19, .max_bytes = 100, .upto = log_end_pos(w->log)};
    assert_err(ERR_OFFSET_OUT_OF_RANGE, log_read(w->log, &r, &x));
    assert_ok(log_retain(w->log, 30, 0, &count));
    assert_true(count >= 2);
    assert_int_equal(log_start_off(w->log), 20);
}

static void truncation_takes_the_tail(void **state)
{
    struct world *w = *state;
    struct log_appended done;
    small_segments(w);
    struct test_batch t = {.count = 1, .value_bytes = 200, .producer_id = 5, .ts_ms = 1000};
    for (int i = 0; i < 40; i++) {
        t.base_seq = i;
        t.leader_epoch = i / 10;
        assert_ok(test_append(w->log, &t, &done));
    }
    assert_ok(log_truncate(w->log, 25));
    assert_int_equal(log_end_off(w->log), 25);
    assert_int_equal(log_last_epoch(w->log), 2);
    assert_int_equal(test_check_all(w->log, 1000), 25);
    t.base_seq = 25;
    assert_ok(test_append(w->log, &t, &done));
    assert_int_equal(done.base_off, 25);
    assert_false(done.is_duplicate);
    assert_ok(log_truncate(w->log, 100));
    reopen(w, false);
    assert_int_equal(log_end_off(w->log), 26);
    assert_ok(log_truncate(w->log, 0));
    assert_int_equal(log_end_off(w->log), 0);
    t.base_seq = 0;
    assert_ok(test_append(w->log, &t, &done));
    assert_int_equal(done.base_off, 0);
}

static void a_reset_begins_anew(void **state)
{
    struct world *w = *state;
    small_segments(w);
    for (int i = 0; i < 40; i++) {
        assert_ok(test_append_plain(w->log, 1, 200));
    }
    assert_ok(log_reset(w->log, 1000));
    assert_int_equal(log_start_off(w->log), 1000);
    assert_int_equal(log_end_off(w->log), 1000);
    assert_int_equal(log_size_bytes(w->log), 0);
    assert_ok(test_append_plain(w->log, 1, 200));
    reopen(w, true);
    assert_int_equal(log_start_off(w->log), 1000);
    assert_int_equal(log_end_off(w->log), 1001);
}

static void times_are_found(void **state)
{
    struct world *w = *state;
    struct log_time_hit hit;
    small_segments(w);
    for (int i = 0; i < 100; i++) {
        struct log_appended done;
        struct test_batch t = {.ts_ms = 1000 + 10 * i, .count = 3, .value_bytes = 100};
        assert_ok(test_append(w->log, &t, &done));
    }
    for (int round = 0; round < 2; round++) {
        for (int64_t ts = 990; ts < 2000; ts += 3) {
            int64_t want = 0;
            while (1000 + 10 * (want / 3) + want % 3 < ts) {
                want++;
            }
            assert_ok(log_find_time(w->log, ts, 300, &hit));
            assert_int_equal(hit.off, want < 300 ? want : -1);
        }
        assert_ok(log_find_time(w->log, 1500, 100, &hit));
        assert_int_equal(hit.off, -1);
        assert_ok(log_find_max_time(w->log, &hit));
        assert_int_equal(hit.off, 299);
        assert_int_equal(hit.ts_ms, 1992);
        reopen(w, true);
    }
}

static void epochs_are_kept(void **state)
{
    struct world *w = *state;
    int32_t epoch;
    int64_t end;
    struct log_appended done;
    struct test_batch t = {.count = 5, .leader_epoch = 3};
    assert_ok(test_append(w->log, &t, &done));
    t.leader_epoch = 5;
    assert_ok(test_append(w->log, &t, &done));
    reopen(w, false); /* no checkpoint yet: the batches tell */
    log_epoch_end(w->log, 3, &epoch, &end);
    assert_int_equal(epoch, 3);
    assert_int_equal(end, 5);
    log_epoch_end(w->log, 5, &epoch, &end);
    assert_int_equal(epoch, 5);
    assert_int_equal(end, 10);
    log_epoch_end(w->log, 9, &epoch, &end);
    assert_int_equal(epoch, -1);
    assert_int_equal(log_epoch_at(w->log, 2), 3);
}

static void idle_logs_hold_no_files(void **state)
{
    struct world *w = *state;
    assert_ok(test_append_plain(w->log, 5, 10));
    log_idle(w->log, INT64_MAX); /* unsynced: stays open */
    assert_ok(log_sync(w->log, NULL));
    log_idle(w->log, INT64_MAX);
    assert_int_equal(test_check_all(w->log, 1000), 1);
    log_idle(w->log, INT64_MAX);
    assert_ok(test_append_plain(w->log, 5, 10));
    assert_int_equal(test_check_all(w->log, 1000), 2);
}

static void aborted_transactions_are_told(void *ctx, const struct log_aborted *a)
{
    int64_t *sum = ctx;
    *sum = *sum * 100 + a->producer_id * 10 + a->first_off;
}

static void append_marker(struct world *w, int64_t id, bool commit)
{
    struct buf bytes = BUF_INIT;
    struct log_appended done;
    struct batch head = {.producer_id = id, .base_seq = -1, .base_ts_ms = 2000};
    assert_ok(control_build_marker(&bytes, &head, commit, 1));
    struct log_append a = {
        .p = bytes.p, .len = bytes.len, .origin = LOG_FROM_COORDINATOR, .now_ms = 2000};
    assert_ok(log_append(w->log, &a, &done));
    buf_deinit(&bytes);
}

static void transactions_hold_the_stable_offset(void **state)
{
    struct world *w = *state;
    struct log_appended done;
    struct test_batch one = {.ts_ms = 1, .count = 1, .producer_id = 1, .is_transactional = true};
    struct test_batch two = {.ts_ms = 1, .count = 1, .producer_id = 2, .is_transactional = true};
    assert_ok(test_append(w->log, &one, &done)); /* 0 */
    assert_ok(test_append(w->log, &two, &done)); /* 1 */
    assert_int_equal(log_first_unstable_off(w->log), 0);
    append_marker(w, 1, false); /* 2 */
    assert_int_equal(log_unstable_off(w->log, 2), 0);
    assert_int_equal(log_first_unstable_off(w->log), 1);
    two.base_seq = 1;
    two.is_transactional = false;
    assert_err(ERR_INVALID_TXN_STATE, test_append(w->log, &two, &done));
    append_marker(w, 2, true); /* 3 */
    assert_int_equal(log_first_unstable_off(w->log), -1);
    for (int round = 0; round < 3; round++) {
        int64_t sum = 0;
        assert_ok(log_each_aborted(w->log, 0, 4, aborted_transactions_are_told, &sum));
        assert_int_equal(sum, 10);
        reopen(w, round == 0);
    }
}

/* A producer is kept for a day after its last timestamp, which may be the client's own and old:
 * what was just written must be known all the same when it is sent again after a crash. */
static void a_replayed_producer_is_known_however_old_its_timestamps(void **state)
{
    struct world *w = *state;
    struct log_appended done;
    struct test_batch t = {.ts_ms = 1, .count = 3, .value_bytes = 10, .producer_id = 7};
    assert_ok(test_append(w->log, &t, &done));
    reopen(w, false);
    assert_ok(test_append(w->log, &t, &done));
    assert_true(done.is_duplicate);
    assert_int_equal(log_end_off(w->log), 3);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_replayed_producer_is_known_however_old_its_timestamps),
        T(a_new_log_is_empty),
        T(what_is_appended_is_read_back),
        T(reads_stop_at_the_bound),
        T(small_reads_give_whole_batches),
        T(any_offset_is_found_without_a_hint),
        T(a_wrong_hint_costs_nothing_but_time),
        T(segments_roll_by_size),
        T(segments_roll_by_time),
        T(too_large_for_a_segment_is_refused),
        T(syncing_tells_how_far),
        T(retries_are_answered_with_the_first_offsets),
        T(old_epochs_of_producers_are_fenced),
        T(retention_drops_whole_segments),
        T(retention_by_time_empties_the_log),
        T(the_start_moves_forward_only),
        T(truncation_takes_the_tail),
        T(a_reset_begins_anew),
        T(times_are_found),
        T(epochs_are_kept),
        T(idle_logs_hold_no_files),
        T(transactions_hold_the_stable_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
