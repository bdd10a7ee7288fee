/* What opening a log reads, what removing and truncating leave, and what is answered after
 * failures: on the file system in memory, which counts and fails on demand. */
#include "test.h"

#include "base/diag.h"
#include "logdisk.h"

#include <malloc.h>

static uint64_t log_bytes_read(const struct world *w)
{
    return crashfs_read_bytes(w->disk, ".log");
}

/* --- what a start reads --- */

enum { BATCH_MAX_BYTES = 1000, INTERVAL_BYTES = 4096, LOOKUP_BYTES = 4096 };

/* Only headers behind the last index row of the one segment that is written to. */
static void a_clean_start_reads_no_segment_but_the_tail_of_the_last(void **state)
{
    struct world *w = *state;
    append(w, 200);
    stop(w, true);
    open_log(w, true);
    assert_int_equal(w->recovery.scanned_bytes, 0);
    assert_int_equal(w->recovery.truncated_bytes, 0);
    assert_int_equal(log_end_off(w->log), 400);
    assert_in_range(log_bytes_read(w), 0, 2 * LOOKUP_BYTES + INTERVAL_BYTES + 2 * BATCH_MAX_BYTES);
    uint64_t before = log_bytes_read(w);
    append(w, 1000);
    stop(w, true);
    open_log(w, true); /* six times the data: no more to read */
    assert_in_range(log_bytes_read(w), 0, MAX(before, 2 * LOOKUP_BYTES + INTERVAL_BYTES + 2000));
    assert_int_equal(test_check_all(w->log, 100000), 1200);
}

static void a_clean_start_of_an_empty_log_reads_nothing(void **state)
{
    struct world *w = *state;
    reopen(w, true);
    assert_int_equal(log_bytes_read(w), 0);
}

/* Below the point nothing is read but what is needed to find it: the batches since the last index
 * row. Beyond it all is checked once, and headers are walked once more for who wrote them. */
static void after_a_kill_only_what_lies_beyond_the_recovery_point_is_read(void **state)
{
    struct world *w = *state;
    static const int beyond[] = {0, 1, 10, 60};
    for (size_t i = 0; i < ARRAY_LEN(beyond); i++) {
        append(w, 300);
        assert_ok(log_checkpoint_recovery_point(w->log, &w->args.recovery_point_off));
        uint64_t below_bytes = log_size_bytes(w->log);
        append(w, beyond[i]);
        uint64_t beyond_bytes = log_size_bytes(w->log) - below_bytes;
        int64_t end_off = log_end_off(w->log);
        reopen(w, false);
        assert_int_equal(log_end_off(w->log), end_off);
        assert_in_range(w->recovery.scanned_bytes, beyond_bytes,
                        beyond_bytes + INTERVAL_BYTES + 2 * BATCH_MAX_BYTES);
        assert_in_range(log_bytes_read(w), 0,
                        2 * beyond_bytes + 2 * INTERVAL_BYTES + 8 * LOOKUP_BYTES);
    }
}

static void without_a_recovery_point_all_is_checked(void **state)
{
    struct world *w = *state;
    append(w, 100);
    uint64_t bytes = log_size_bytes(w->log);
    reopen(w, false);
    assert_int_equal(w->recovery.scanned_bytes, bytes);
}

/* The point's file may be older or younger than the log. */
static void a_recovery_point_without_its_snapshot_is_not_believed(void **state)
{
    struct world *w = *state;
    append(w, 20);
    uint64_t bytes = log_size_bytes(w->log);
    w->args.recovery_point_off = 30;
    reopen(w, false);
    assert_int_equal(w->recovery.scanned_bytes, bytes);
    w->args.recovery_point_off = INT64_MAX;
    reopen(w, false);
    assert_int_equal(log_end_off(w->log), 40);
}

static void a_truncated_log_has_a_recovery_point(void **state)
{
    struct world *w = *state;
    append(w, 100);
    assert_ok(log_checkpoint_recovery_point(w->log, &w->args.recovery_point_off));
    assert_ok(log_truncate(w->log, 100));
    append(w, 3);
    reopen(w, false); /* with the stored point, which is beyond the end */
    assert_in_range(w->recovery.scanned_bytes, 0, 5 * BATCH_MAX_BYTES + INTERVAL_BYTES);
    assert_int_equal(log_end_off(w->log), 106);
}

static void files_are_opened_when_they_are_needed(void **state)
{
    struct world *w = *state;
    append(w, 100);
    assert_ok(log_sync(w->log, NULL));
    reopen(w, false);
    assert_int_equal(crashfs_open_count(w->disk), 0);
    reopen(w, true);
    assert_int_equal(crashfs_open_count(w->disk), 0);
    assert_int_equal(test_check_all(w->log, 5000), 100);
    assert_true(crashfs_open_count(w->disk) > 0);
    log_idle(w->log, INT64_MAX);
    assert_int_equal(crashfs_open_count(w->disk), 0);
}

/* --- abandoning --- */

static void an_abandoned_log_writes_nothing(void **state)
{
    struct world *w = *state;
    append(w, 100);
    crashfs_arm(w->disk, &(struct crashfs_plan){CRASHFS_FAIL, CRASHFS_CHANGES, 1 << 30, ERR_IO, 0});
    stop(w, false);
    assert_int_equal(crashfs_count(w->disk), 0);
    open_log(w, false);
    assert_int_equal(test_check_all(w->log, 5000), 100);
}

static void readers_outlive_an_abandoned_log(void **state)
{
    struct world *w = *state;
    struct log_extent x;
    uint8_t byte;
    append(w, 1);
    struct log_read r = {.max_bytes = 1000, .upto = log_end_pos(w->log)};
    assert_ok(log_read(w->log, &r, &x));
    stop(w, false);
    assert_ok(log_extent_pread(&x, x.len - 1, &byte, 1));
    log_extent_release(&x);
}

/* --- failures --- */

static void after_a_failed_sync_nothing_is_taken(void **state)
{
    struct world *w = *state;
    struct log_pos end;
    int64_t off;
    int deleted;
    append(w, 3);
    crashfs_arm(w->disk, &(struct crashfs_plan){CRASHFS_FAIL, CRASHFS_SYNCS, 0, ERR_IO, 1});
    assert_err(ERR_POISONED, log_sync(w->log, &end));
    assert_true(log_is_poisoned(w->log));
    assert_err(ERR_POISONED, log_sync(w->log, &end)); /* the next fsync would succeed */
    assert_err(ERR_POISONED, test_append_plain(w->log, 1, 10));
    assert_err(ERR_POISONED, log_roll(w->log));
    assert_err(ERR_POISONED, log_truncate(w->log, 1));
    assert_err(ERR_POISONED, log_reset(w->log, 1));
    assert_err(ERR_POISONED, log_checkpoint_recovery_point(w->log, &off));
    assert_ok(log_retain(w->log, 0, NOW, &deleted));
    assert_int_equal(log_synced_off(w->log), 0);
    assert_int_equal(test_check_all(w->log, 1000), 3); /* reads go on */
    assert_err(ERR_POISONED, log_close(w->log));
    w->log = NULL;
}

/* The kernel calls lost pages clean: what the cache still has proves nothing. */
static void a_restart_after_a_failed_sync_believes_the_disk(void **state)
{
    struct world *w = *state;
    append(w, 3);
    assert_ok(log_sync(w->log, NULL));
    append(w, 30);
    crashfs_arm(w->disk, &(struct crashfs_plan){CRASHFS_FAIL, CRASHFS_SYNCS, 0, ERR_IO, 1});
    assert_err(ERR_POISONED, log_sync(w->log, NULL));
    reopen(w, false);
    int64_t end_off = log_end_off(w->log);
    assert_in_range(end_off, 6, 65);
    stop(w, false);
    crashfs_cut(w->disk, 1);
    open_log(w, false);
    assert_int_equal(log_end_off(w->log), end_off);
}

static void a_failed_write_is_cut_off_again(void **state)
{
    struct world *w = *state;
    append(w, 3);
    struct log_pos end = log_end_pos(w->log);
    crashfs_arm(w->disk, &(struct crashfs_plan){CRASHFS_FAIL, CRASHFS_CHANGES, 0, ERR_NO_SPACE, 5});
    assert_err(ERR_NO_SPACE, test_append_plain(w->log, 2, 450));
    assert_int_equal(log_end_pos(w->log).seg_pos, end.seg_pos);
    append(w, 1);
    assert_int_equal(test_check_all(w->log, 10000), 4);
    reopen(w, false);
    assert_int_equal(w->recovery.truncated_bytes, 0);
}

static void no_descriptors_is_no_failure_of_the_disk(void **state)
{
    struct world *w = *state;
    int64_t off;
    append(w, 20);
    assert_ok(log_sync(w->log, NULL));
    log_idle(w->log, INT64_MAX);
    crashfs_arm(w->disk, &(struct crashfs_plan){CRASHFS_FAIL, CRASHFS_OPENS, 0, ERR_NO_FDS, 0});
    assert_err(ERR_NO_FDS, log_checkpoint_recovery_point(w->log, &off));
    assert_false(log_is_poisoned(w->log));
    assert_ok(log_checkpoint_recovery_point(w->log, &off));
    assert_int_equal(off, 40);
}

/* --- removing --- */

static void deleted_records_are_not_given(void **state)
{
    struct world *w = *state;
    struct log_extent x;
    int deleted;
    append(w, 100);
    assert_err(ERR_OFFSET_OUT_OF_RANGE, log_set_start(w->log, 201));
    assert_ok(log_set_start(w->log, 101));
    assert_ok(log_set_start(w->log, 7)); /* never back */
    assert_int_equal(log_start_off(w->log), 101);
    struct log_read r = {.off = 100, .max_bytes = 1000, .upto = log_end_pos(w->log)};
    assert_err(ERR_OFFSET_OUT_OF_RANGE, log_read(w->log, &r, &x));
    r.off = 101; /* in the middle of a batch: it comes whole, as clients expect */
    assert_ok(log_read(w->log, &r, &x));
    log_extent_release(&x);
    w->args.config.retention_ms = -1;
    log_set_config(w->log, &w->args.config);
    assert_ok(log_retain(w->log, 200, NOW, &deleted));
    assert_true(deleted > 0);
    w->args.log_start_off = 101;
    reopen(w, false);
    assert_int_equal(log_start_off(w->log), 101);
    assert_ok(log_set_start(w->log, 200)); /* all of it */
    assert_int_equal(log_start_off(w->log), log_end_off(w->log));
    append(w, 1);
    assert_int_equal(test_check_all(w->log, 1000), 1);
}

static void a_segment_that_cannot_be_renamed_is_tried_again(void **state)
{
    struct world *w = *state;
    int deleted = 0;
    append(w, 100);
    assert_ok(log_sync(w->log, NULL));
    w->args.config.retention_ms = -1;
    w->args.config.retention_bytes = 30000;
    log_set_config(w->log, &w->args.config);
    crashfs_arm(w->disk, &(struct crashfs_plan){CRASHFS_FAIL, CRASHFS_CHANGES, 3, ERR_IO, 0});
    assert_err(ERR_IO, log_retain(w->log, 200, NOW, &deleted));
    int64_t start_off = log_start_off(w->log);
    assert_true(start_off > 0); /* what is half gone is not given */
    assert_true(test_check_all(w->log, 5000) > 0);
    assert_ok(log_retain(w->log, 200, NOW, &deleted));
    assert_true(deleted > 0);
    reopen(w, false);
    assert_true(log_start_off(w->log) >= start_off);
    assert_true(test_check_all(w->log, 5000) > 0);
}

static void truncation_forgets_who_wrote_what_is_gone(void **state)
{
    struct world *w = *state;
    struct log_appended done;
    struct test_batch t = {.ts_ms = NOW, .count = 2, .producer_id = 5, .leader_epoch = 1};
    assert_ok(test_append(w->log, &t, &done)); /* 0, 1 */
    t.base_seq = 2;
    t.leader_epoch = 2;
    assert_ok(test_append(w->log, &t, &done)); /* 2, 3 */
    t.base_seq = 4;
    t.leader_epoch = 3;
    assert_ok(test_append(w->log, &t, &done)); /* 4, 5 */
    assert_ok(log_truncate(w->log, 3));        /* the batch of 2 and 3 goes whole */
    assert_int_equal(log_end_off(w->log), 2);
    assert_int_equal(log_synced_off(w->log), 2);
    assert_int_equal(log_last_epoch(w->log), 1);
    t.base_seq = 4;
    assert_err(ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, test_append(w->log, &t, &done));
    t.base_seq = 2;
    assert_ok(test_append(w->log, &t, &done));
    assert_false(done.is_duplicate);
    assert_int_equal(done.base_off, 2);
    assert_ok(log_truncate(w->log, 99)); /* beyond the end: nothing */
    assert_int_equal(log_end_off(w->log), 4);
    assert_ok(log_truncate(w->log, 0)); /* all of it */
    assert_int_equal(log_end_off(w->log), 0);
    assert_int_equal(log_last_epoch(w->log), -1);
    t.base_seq = 7; /* nobody is known any more */
    assert_ok(test_append(w->log, &t, &done));
}

static void truncation_over_segments(void **state)
{
    struct world *w = *state;
    append(w, 100);
    for (int64_t off = 199; off > 0; off -= 37) {
        assert_ok(log_truncate(w->log, off));
        assert_int_equal(log_end_off(w->log), off - off % 2);
        assert_int_equal(test_check_all(w->log, 5000), off / 2);
        reopen(w, off % 3 == 0);
        assert_int_equal(log_end_off(w->log), off - off % 2);
        append(w, 1);
        assert_ok(log_truncate(w->log, off));
    }
}

/* --- transactions --- */

static void append_txn(struct world *w, int64_t id, int32_t seq)
{
    struct log_appended done;
    struct test_batch t = {.ts_ms = NOW,
                           .count = 1,
                           .value_bytes = 800,
                           .producer_id = id,
                           .base_seq = seq,
                           .is_transactional = true};
    assert_ok(test_append(w->log, &t, &done));
}

static void end_txn(struct world *w, int64_t id, bool commit)
{
    struct buf bytes = BUF_INIT;
    struct log_appended done;
    struct batch head = {.producer_id = id, .base_seq = -1, .base_ts_ms = NOW};
    assert_ok(control_build_marker(&bytes, &head, commit, 1));
    struct log_append a = {
        .p = bytes.p, .len = bytes.len, .origin = LOG_FROM_COORDINATOR, .now_ms = NOW};
    assert_ok(log_append(w->log, &a, &done));
    buf_deinit(&bytes);
}

static void sum_aborted(void *ctx, const struct log_aborted *a)
{
    int64_t *sum = ctx;
    *sum = *sum * 1000 + a->first_off;
}

static int64_t aborted_in(struct world *w, int64_t from_off, int64_t upto_off)
{
    int64_t sum = 0;
    assert_ok(log_each_aborted(w->log, from_off, upto_off, sum_aborted, &sum));
    return sum;
}

/* Transactions over segments; what is told is the same from memory, from files, and after recovery
 * with and without a recovery point. */
static void aborted_transactions_are_told_by_range(void **state)
{
    struct world *w = *state;
    append(w, 3);         /* 0 .. 5 */
    append_txn(w, 1, 0);  /* 6 */
    append_txn(w, 2, 0);  /* 7 */
    append(w, 60);        /* 8 .. 127: rolls */
    end_txn(w, 1, false); /* 128 */
    append(w, 60);        /* 129 .. 248 */
    end_txn(w, 2, false); /* 249 */
    append_txn(w, 1, 1);  /* 250 */
    end_txn(w, 1, true);  /* 251 */
    append(w, 1);
    for (int round = 0; round < 4; round++) {
        assert_int_equal(aborted_in(w, 0, 254), 6007);
        assert_int_equal(aborted_in(w, 0, 6), 0);
        assert_int_equal(aborted_in(w, 0, 7), 6);
        assert_int_equal(aborted_in(w, 100, 200), 6007);
        assert_int_equal(aborted_in(w, 129, 200), 7);
        assert_int_equal(aborted_in(w, 250, 254), 0);
        if (round == 1) {
            assert_ok(log_checkpoint_recovery_point(w->log, &w->args.recovery_point_off));
        }
        reopen(w, round == 2);
    }
    assert_ok(log_truncate(w->log, 200));
    assert_int_equal(aborted_in(w, 0, 200), 6);
    assert_int_equal(log_first_unstable_off(w->log), 7); /* open again */
}

static void a_transaction_is_open_until_its_marker_is_replicated(void **state)
{
    struct world *w = *state;
    append_txn(w, 1, 0);  /* 0 */
    append_txn(w, 2, 0);  /* 1 */
    end_txn(w, 1, true);  /* 2 */
    end_txn(w, 2, false); /* 3 */
    assert_int_equal(log_unstable_off(w->log, 2), 0);
    assert_int_equal(log_unstable_off(w->log, 3), 1);
    assert_int_equal(log_unstable_off(w->log, 4), -1);
    assert_int_equal(log_unstable_off(w->log, 2), -1); /* a high watermark does not go back */
    append_txn(w, 1, 1);                               /* 4 */
    reopen(w, false);
    assert_int_equal(log_unstable_off(w->log, 5), 4);
    end_txn(w, 1, true); /* 5 */
    assert_int_equal(log_unstable_off(w->log, 5), 4);
    assert_int_equal(log_unstable_off(w->log, 6), -1);
}

/* --- memory --- */

enum { IDLE_COUNT = 50, IDLE_MAX_BYTES = 4 << 10 };

static void an_idle_log_is_small(void **state)
{
    struct world *w = *state;
    struct log *logs[IDLE_COUNT];
    size_t before, bytes;
    append(w, 1);
    stop(w, true);
    w->args.was_clean = true;
    before = mallinfo2().uordblks;
    for (int i = 0; i < IDLE_COUNT; i++) { /* nobody writes: they may share the files */
        assert_ok(log_open(&w->args, &logs[i], NULL));
        log_idle(logs[i], INT64_MAX);
    }
    bytes = (mallinfo2().uordblks - before) / IDLE_COUNT;
    assert_in_range(bytes, 0, IDLE_MAX_BYTES);
    for (int i = 0; i < IDLE_COUNT; i++) {
        log_abandon(logs[i]);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_clean_start_reads_no_segment_but_the_tail_of_the_last),
        T(a_clean_start_of_an_empty_log_reads_nothing),
        T(after_a_kill_only_what_lies_beyond_the_recovery_point_is_read),
        T(without_a_recovery_point_all_is_checked),
        T(a_recovery_point_without_its_snapshot_is_not_believed),
        T(a_truncated_log_has_a_recovery_point),
        T(files_are_opened_when_they_are_needed),
        T(an_abandoned_log_writes_nothing),
        T(readers_outlive_an_abandoned_log),
        T(after_a_failed_sync_nothing_is_taken),
        T(a_restart_after_a_failed_sync_believes_the_disk),
        T(a_failed_write_is_cut_off_again),
        T(no_descriptors_is_no_failure_of_the_disk),
        T(deleted_records_are_not_given),
        T(a_segment_that_cannot_be_renamed_is_tried_again),
        T(truncation_forgets_who_wrote_what_is_gone),
        T(truncation_over_segments),
        T(aborted_transactions_are_told_by_range),
        T(a_transaction_is_open_until_its_marker_is_replicated),
        T(an_idle_log_is_small),
    };
    diag_set_level(DIAG_ERROR + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
