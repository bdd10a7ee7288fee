/* What a start believes of what earlier ones left: recovery points, snapshots, index files. On the
 * file system in memory, which fails and crashes on demand. */
#include "test.h"

#include "base/diag.h"
#include "logdisk.h"

enum { NOT_KNOWN = -1 };

/* A log of some batches with a recovery point that is stored; returns the bytes below it. */
static uint64_t make_point(struct world *w, int batches)
{
    append(w, batches);
    assert_ok(log_checkpoint_recovery_point(w->log, &w->args.recovery_point_off));
    return log_size_bytes(w->log);
}

static void open_at(struct world *w, int64_t point_off)
{
    int64_t stored_off = w->args.recovery_point_off;
    stop(w, false);
    w->args.recovery_point_off = point_off;
    open_log(w, false);
    w->args.recovery_point_off = stored_off;
}

/* --- a point that cannot be read --- */

/* The start without it brings the index files in line with what it saw, and does not sync them: a
 * power cut may leave half of that, and nobody would look. */
static void a_point_that_could_not_be_read_is_not_believed_later(void **state)
{
    struct world *w = *state;
    uint64_t bytes = make_point(w, 19);
    open_at(w, NOT_KNOWN);
    assert_int_equal(w->recovery.scanned_bytes, bytes);
    reopen(w, false);
    assert_int_equal(w->recovery.scanned_bytes, bytes);
    make_point(w, 0);
    reopen(w, false);
    assert_in_range(w->recovery.scanned_bytes, 0, bytes - 1);
}

/* A roll writes a snapshot that is not synced: where a point may be stored it would vouch. */
static void no_roll_makes_an_unknown_point_true(void **state)
{
    struct world *w = *state;
    make_point(w, 10);
    assert_ok(log_truncate(w->log, 4));
    open_at(w, NOT_KNOWN);
    append(w, 8); /* up to the point of before the truncation */
    assert_int_equal(log_end_off(w->log), w->args.recovery_point_off);
    assert_ok(log_roll(w->log));
    append(w, 1);
    uint64_t bytes = log_size_bytes(w->log);
    reopen(w, false);
    assert_int_equal(w->recovery.scanned_bytes, bytes);
}

static void a_snapshot_that_could_not_be_read_is_not_believed_later(void **state)
{
    struct world *w = *state;
    uint64_t bytes = make_point(w, 19);
    stop(w, false);
    crashfs_arm(w->disk, &(struct crashfs_plan){CRASHFS_FAIL, CRASHFS_OPENS, 0, ERR_NO_FDS, 0});
    open_log(w, false);
    assert_true(crashfs_has_struck(w->disk));
    assert_int_equal(w->recovery.scanned_bytes, bytes);
    reopen(w, false);
    assert_int_equal(w->recovery.scanned_bytes, bytes);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_point_that_could_not_be_read_is_not_believed_later),
        T(no_roll_makes_an_unknown_point_true),
        T(a_snapshot_that_could_not_be_read_is_not_believed_later),
    };
    diag_set_level(DIAG_ERROR + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
