/* A log that is opened by its memo after a kill: what is looked at, what is believed, and what a
 * sync says afterwards. On the file system in memory. */
#include "test.h"

#include "base/diag.h"
#include "logdisk.h"

/* Killed with that memo; the machine runs on. */
static void reopen_by(struct world *w, struct buf *memo)
{
    w->args.memo = buf_bytes(memo);
    reopen(w, false);
    w->args.memo = BYTES_NULL;
}

static void append_seq(struct world *w, int seq)
{
    struct log_appended done;
    struct test_batch t = {.ts_ms = NOW, .count = 1, .producer_id = 7, .base_seq = seq};
    assert_ok(test_append(w->log, &t, &done));
    assert_false(done.is_duplicate);
}

static bool is_retry(struct world *w, int seq)
{
    struct log_appended done;
    struct test_batch t = {.ts_ms = NOW, .count = 1, .producer_id = 7, .base_seq = seq};
    assert_ok(test_append(w->log, &t, &done));
    return done.is_duplicate;
}

static void only_what_came_later_is_looked_at(void **state)
{
    struct world *w = *state;
    struct buf memo = BUF_INIT;
    append(w, 100); /* several segments */
    assert_ok(log_memo(w->log, &memo));
    append(w, 3);
    int64_t end_off = log_end_off(w->log);
    uint64_t bytes = log_size_bytes(w->log);
    reopen_by(w, &memo);
    assert_int_equal(log_end_off(w->log), end_off);
    assert_int_equal(log_size_bytes(w->log), bytes);
    assert_in_range(w->recovery.scanned_bytes, 1, bytes / 5);
    assert_int_equal(log_synced_off(w->log), 0);
    reopen(w, false);
    assert_int_equal(w->recovery.scanned_bytes, bytes);
    buf_deinit(&memo);
}

static void producers_are_remembered(void **state)
{
    struct world *w = *state;
    struct buf memo = BUF_INIT;
    append_seq(w, 0);
    append_seq(w, 1);
    append(w, 60);
    assert_ok(log_memo(w->log, &memo));
    append_seq(w, 2);
    reopen_by(w, &memo);
    assert_true(is_retry(w, 1));
    assert_true(is_retry(w, 2));
    assert_false(is_retry(w, 3));
    buf_deinit(&memo);
}

static void a_torn_tail_is_cut_off(void **state)
{
    struct world *w = *state;
    struct buf memo = BUF_INIT;
    struct file *f;
    append(w, 5);
    assert_ok(log_memo(w->log, &memo));
    append(w, 1);
    int64_t end_off = log_end_off(w->log);
    assert_ok(fs_open(w->args.fs, "t-0/00000000000000000000.log", FILE_WRITE, &f));
    assert_ok(file_pwrite(f, "\0\0\0\0\0\0\0\14half", 12, log_size_bytes(w->log)));
    file_close(f);
    reopen_by(w, &memo);
    assert_int_equal(log_end_off(w->log), end_off);
    assert_int_equal(w->recovery.truncated_bytes, 12);
    buf_deinit(&memo);
}

/* A sync fails, the kernel calls the pages clean, and the process is killed: another sync would go
 * well and mean nothing. */
static void what_a_sync_lost_is_written_again(void **state)
{
    struct world *w = *state;
    struct buf memo = BUF_INIT;
    append(w, 30);
    int64_t end_off = log_end_off(w->log);
    assert_ok(log_memo(w->log, &memo));
    crashfs_arm(w->disk, &(struct crashfs_plan){CRASHFS_FAIL, CRASHFS_SYNCS, 0, ERR_IO, 1});
    assert_err(ERR_POISONED, log_sync(w->log, NULL));
    crashfs_arm(w->disk, &(struct crashfs_plan){.fault = CRASHFS_NO_FAULT});
    reopen_by(w, &memo);
    assert_int_equal(log_end_off(w->log), end_off);
    assert_in_range(log_synced_off(w->log), 0, end_off - 1);
    assert_ok(log_sync(w->log, NULL));
    assert_int_equal(log_synced_off(w->log), end_off);
    stop(w, false);
    crashfs_cut(w->disk, 3);
    open_log(w, false);
    assert_int_equal(log_end_off(w->log), end_off);
    buf_deinit(&memo);
}

static void a_durable_log_comes_back_durable(void **state)
{
    struct world *w = *state;
    struct buf memo = BUF_INIT;
    append(w, 30);
    assert_ok(log_sync(w->log, NULL));
    append(w, 2);
    assert_ok(log_memo(w->log, &memo));
    append(w, 2);
    w->args.is_durable = true;
    int64_t end_off = log_end_off(w->log);
    reopen_by(w, &memo);
    assert_int_equal(log_synced_off(w->log), end_off);
    stop(w, false);
    crashfs_cut(w->disk, 5);
    open_log(w, false);
    assert_int_equal(log_end_off(w->log), end_off);
    buf_deinit(&memo);
}

static void a_poisoned_log_has_none(void **state)
{
    struct world *w = *state;
    struct buf memo = BUF_INIT;
    append(w, 2);
    crashfs_arm(w->disk, &(struct crashfs_plan){CRASHFS_FAIL, CRASHFS_SYNCS, 0, ERR_IO, 1});
    assert_err(ERR_POISONED, log_sync(w->log, NULL));
    assert_err(ERR_POISONED, log_memo(w->log, &memo));
    buf_deinit(&memo);
}

/* Of another log, half of one, or nonsense: the start takes the long way. */
static void what_does_not_fit_is_not_believed(void **state)
{
    struct world *w = *state;
    struct buf memo = BUF_INIT;
    append_seq(w, 0);
    append(w, 20);
    assert_ok(log_memo(w->log, &memo));
    int64_t end_off = log_end_off(w->log);
    for (size_t len = 0; len <= memo.len; len++) {
        for (int flip = len < memo.len ? 0 : 1; flip < 2; flip++) {
            struct buf bad = BUF_INIT;
            buf_put(&bad, memo.p, flip ? memo.len : len);
            if (flip && len < memo.len) {
                bad.p[len] ^= 0x40;
            }
            reopen_by(w, &bad);
            assert_int_equal(log_end_off(w->log), end_off);
            buf_deinit(&bad);
        }
    }
    buf_deinit(&memo);
}

static void a_log_that_was_cut_and_grew_again_is_another(void **state)
{
    struct world *w = *state;
    struct buf memo = BUF_INIT;
    append(w, 10);
    assert_ok(log_sync(w->log, NULL));
    assert_ok(log_memo(w->log, &memo));
    assert_ok(log_truncate(w->log, 10));
    struct log_appended done;
    struct test_batch t = {.ts_ms = NOW + 1, .count = 2, .value_bytes = 450};
    for (int i = 0; i < 6; i++) {
        assert_ok(test_append(w->log, &t, &done));
    }
    uint64_t bytes = log_size_bytes(w->log);
    reopen_by(w, &memo);
    assert_int_equal(w->recovery.scanned_bytes, bytes);
    buf_deinit(&memo);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(only_what_came_later_is_looked_at),
        T(producers_are_remembered),
        T(a_torn_tail_is_cut_off),
        T(what_a_sync_lost_is_written_again),
        T(a_durable_log_comes_back_durable),
        T(a_poisoned_log_has_none),
        T(what_does_not_fit_is_not_believed),
        T(a_log_that_was_cut_and_grew_again_is_another),
    };
    diag_set_level(DIAG_ERROR + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
