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

static uint64_t size_of(struct world *w, const char *name)
{
    struct fs_stat st = {0};
    char path[64];
    snprintf(path, sizeof path, "t-0/%s", name);
    assert_ok(fs_stat(w->args.fs, path, &st));
    return st.size_bytes;
}

#define POINT_SNAPSHOT "t-0/00000000000000000038.snapshot"

static void damage(struct world *w)
{
    struct file *f;
    assert_ok(fs_open(w->args.fs, POINT_SNAPSHOT, FILE_WRITE, &f));
    assert_ok(file_pwrite(f, "?", 1, 0));
    assert_ok(file_sync(f));
    file_close(f);
}

static bool is_damaged(struct world *w)
{
    struct file *f;
    char c = 0;
    size_t n;
    assert_ok(fs_open(w->args.fs, POINT_SNAPSHOT, FILE_READ, &f));
    assert_ok(file_pread(f, &c, 1, 0, &n));
    file_close(f);
    return c == '?';
}

/* Whether the snapshot at the point was empty in time, if the power goes at change number `after`
 * of a start that cannot read it. */
static void cut_start(struct world *w, uint64_t after, bool *ret_is_over)
{
    make_point(w, 19);
    uint64_t rows_bytes = size_of(w, "00000000000000000000.timeindex");
    assert_true(rows_bytes > 0);
    stop(w, false);
    damage(w);
    crashfs_arm(w->disk, &(struct crashfs_plan){CRASHFS_POWER, CRASHFS_CHANGES, after, ERR_IO, 0});
    *ret_is_over = log_open(&w->args, &w->log, NULL) == OK;
    if (!*ret_is_over) {
        crashfs_cut(w->disk, after);
        bool is_changed = size_of(w, "00000000000000000000.timeindex") != rows_bytes;
        assert_true(!is_changed || !is_damaged(w));
    }
}

static void a_snapshot_that_cannot_be_read_is_emptied_before_anything_changes(void **state)
{
    bool is_over = false;
    for (uint64_t after = 0; !is_over; after++) {
        cut_start(*state, after, &is_over);
        tear_down(state);
        set_up(state);
    }
}

/* --- a truncation half-way --- */

/* A compacted log of several segments that are not synced, with a point from before a truncation.
 */
static void make_stale_point(struct world *w)
{
    w->args.config.segment_bytes = 4000;
    w->args.config.has_gaps = true;
    reopen(w, false);
    make_point(w, 12);
    assert_ok(log_truncate(w->log, 4));
    append(w, 10);
    assert_int_equal(log_end_off(w->log), w->args.recovery_point_off);
}

/* The power goes at change number `after` of change(); false when there was none. */
static bool cut_during(struct world *w, void (*change)(struct world *), uint64_t after,
                       uint64_t seed)
{
    crashfs_arm(w->disk,
                &(struct crashfs_plan){CRASHFS_POWER, CRASHFS_CHANGES, after, ERR_IO, seed});
    change(w);
    bool has_struck = crashfs_has_struck(w->disk);
    stop(w, false);
    crashfs_cut(w->disk, seed);
    return has_struck;
}

static void truncate_to_3(struct world *w)
{
    enum err e = log_truncate(w->log, 3);
    assert_true(e == OK || crashfs_has_struck(w->disk));
}

static void truncate_to_22(struct world *w)
{
    enum err e = log_truncate(w->log, 22);
    assert_true(e == OK || crashfs_has_struck(w->disk));
}

static void reset_to_7(struct world *w)
{
    enum err e = log_reset(w->log, 7);
    assert_true(e == OK || crashfs_has_struck(w->disk));
}

/* What comes back begins where the log began and has no hole, wherever the power went. */
static void cut_everywhere(void **state, void (*change)(struct world *))
{
    bool is_over = false;
    for (uint64_t after = 0; !is_over; after++) {
        for (uint64_t seed = 0; seed < 40; seed++) {
            struct world *w = *state;
            make_stale_point(w);
            is_over = !cut_during(w, change, after, after * 1000 + seed);
            open_log(w, false);
            assert_true(test_check_all(w->log, 5000) >= 0);
            tear_down(state);
            set_up(state);
        }
    }
}

static void a_cut_truncation_leaves_no_hole(void **state)
{
    cut_everywhere(state, truncate_to_3);
    cut_everywhere(state, truncate_to_22); /* beyond the newest snapshot */
}

static void a_cut_reset_leaves_no_hole(void **state) { cut_everywhere(state, reset_to_7); }

/* It ends where the batch begins that holds the offset: the mark must not be taken for the end. */
static void a_truncation_into_a_batch_leaves_no_mark_beyond_the_end(void **state)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct world *w = *state;
        w->args.config.has_gaps = true;
        reopen(w, false);
        assert_ok(test_append_plain(w->log, 10, 20));
        assert_ok(test_append_plain(w->log, 20, 20));
        make_point(w, 0);
        assert_ok(log_truncate(w->log, 29));
        assert_int_equal(log_end_off(w->log), 10);
        append(w, 1);
        assert_ok(log_roll(w->log));
        append(w, 1);
        stop(w, false);
        crashfs_cut(w->disk, seed);
        open_log(w, false);
        assert_true(test_check_all(w->log, 5000) >= 0);
        tear_down(state);
        set_up(state);
    }
}

static bool exists(struct world *w, const char *path)
{
    struct fs_stat st;
    return fs_stat(w->args.fs, path, &st) == OK;
}

static void reset_to_12(struct world *w)
{
    enum err e = log_reset(w->log, 12);
    assert_true(e == OK || crashfs_has_struck(w->disk));
}

/* A log that begins anew below a stored point never has the snapshot that would vouch for it. */
static void a_reset_below_the_point_removes_its_snapshot_first(void **state)
{
    bool is_over = false;
    for (uint64_t after = 0; !is_over; after++) {
        for (uint64_t seed = 0; seed < 40; seed++) {
            struct world *w = *state;
            int deleted;
            make_point(w, 19);
            append(w, 1);
            assert_ok(log_roll(w->log));
            assert_ok(log_set_start(w->log, 40));
            assert_ok(log_retain(w->log, 40, NOW, &deleted));
            assert_ok(log_sync(w->log, NULL));
            is_over = !cut_during(w, reset_to_12, after, after * 1000 + seed);
            assert_false(exists(w, "t-0/00000000000000000012.log") && exists(w, POINT_SNAPSHOT));
            open_log(w, false);
            tear_down(state);
            set_up(state);
        }
    }
}

/* --- names that nothing has synced --- */

/* A log that was never used is not synced by a clean stop. Its first segment must not be lost when
 * a later one stays: that would look like a whole log. */
static void an_unused_log_that_was_stopped_keeps_its_first_segment(void **state)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct world *w = *state;
        reopen(w, true);
        append(w, 1);
        assert_ok(log_roll(w->log));
        append(w, 1);
        stop(w, false);
        crashfs_cut(w->disk, seed);
        open_log(w, false);
        assert_int_equal(log_start_off(w->log), 0);
        tear_down(state);
        set_up(state);
    }
}

/* --- a start that was not stored --- */

static void epochs_are_known_below_a_start_that_was_lost(void **state)
{
    struct world *w = *state;
    make_point(w, 1);
    append(w, 1);
    assert_ok(log_set_start(w->log, 2));
    assert_ok(log_truncate(w->log, 2)); /* of what is given, nothing is left */
    reopen(w, true);                    /* with a start of 0 */
    assert_int_equal(log_start_off(w->log), 0);
    assert_int_equal(log_end_off(w->log), 2);
    assert_int_equal(log_epoch_at(w->log, 0), 0);
    assert_int_equal(log_last_epoch(w->log), 0);
}

static void count_producer(void *ctx, const struct log_producer *p) { ++*(int *)ctx; }

/* Three segments with an open transaction at the beginning, and a start beyond them. */
static void make_lost(struct world *w)
{
    struct log_appended done;
    struct test_batch t = {.ts_ms = NOW, .count = 1, .producer_id = 4, .is_transactional = true};
    w->args.config.has_gaps = true;
    w->args.recovery_point_off = NOT_KNOWN;
    reopen(w, false);
    for (; t.base_seq < 3; t.base_seq++) {
        assert_ok(test_append(w->log, &t, &done));
        assert_ok(log_roll(w->log));
    }
    assert_ok(log_sync(w->log, NULL));
    stop(w, false);
    w->args.log_start_off = 100;
}

/* Wherever the power goes while it begins anew, nothing of before is left in it. */
static void a_log_that_begins_anew_has_no_past(void **state)
{
    bool is_over = false;
    for (uint64_t after = 0; !is_over; after++) {
        for (uint64_t seed = 0; seed < 40; seed++) {
            struct world *w = *state;
            int producers = 0;
            make_lost(w);
            crashfs_arm(w->disk, &(struct crashfs_plan){CRASHFS_POWER, CRASHFS_CHANGES, after,
                                                        ERR_IO, seed});
            is_over = log_open(&w->args, &w->log, NULL) == OK;
            if (is_over) {
                stop(w, false);
            }
            crashfs_cut(w->disk, after * 100 + seed);
            open_log(w, false);
            log_each_producer(w->log, count_producer, &producers);
            assert_int_equal(producers, 0);
            assert_int_equal(log_end_off(w->log), 100);
            assert_int_equal(log_size_bytes(w->log), 0);
            tear_down(state);
            set_up(state);
        }
    }
}

/* The page of the file counts as clean after a sync of it failed, and lies only in the cache. */
static void whose_it_is_survives_a_failed_sync_and_a_clean_stop(void **state)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct world *w = *state;
        struct file *f;
        char text[4] = "";
        assert_ok(fs_open(w->args.fs, "t-0/partition.metadata", FILE_WRITE | FILE_CREATE, &f));
        assert_ok(file_pwrite(f, "id", 2, 0));
        file_close(f);
        crashfs_arm(w->disk, &(struct crashfs_plan){CRASHFS_FAIL, CRASHFS_SYNCS, 1, ERR_IO, seed});
        assert_err(ERR_POISONED, log_sync(w->log, NULL));
        reopen(w, false); /* still unused */
        reopen(w, true);
        append(w, 1);
        assert_ok(log_sync(w->log, NULL));
        stop(w, false);
        crashfs_cut(w->disk, seed);
        assert_ok(fs_open(w->args.fs, "t-0/partition.metadata", FILE_READ, &f));
        enum err e = file_read_exact(f, text, 2, 0);
        file_close(f);
        assert_ok(e);
        assert_string_equal(text, "id");
        tear_down(state);
        set_up(state);
    }
}

/* --- a poisoned log --- */

/* What it has in memory may not be what is on the disk: nothing of it reaches a file. */
static void a_poisoned_log_writes_nothing(void **state)
{
    struct world *w = *state;
    append(w, 19); /* index rows wait */
    crashfs_arm(w->disk, &(struct crashfs_plan){CRASHFS_FAIL, CRASHFS_SYNCS, 0, ERR_IO, 1});
    assert_err(ERR_POISONED, log_sync(w->log, NULL));
    crashfs_arm(w->disk, &(struct crashfs_plan){CRASHFS_FAIL, CRASHFS_CHANGES, 1 << 30, ERR_IO, 0});
    w->clock.mono_ms += 1000;
    log_idle(w->log, w->clock.mono_ms);
    assert_err(ERR_POISONED, log_close(w->log));
    w->log = NULL;
    assert_int_equal(crashfs_count(w->disk), 0);
}

/* --- gaps and losses --- */

/* Nobody compacts beyond a stored point: what is missing beyond it was lost. */
static void with_a_point_of_zero_no_gap_is_one(void **state)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct world *w = *state;
        w->args.config.has_gaps = true;
        w->args.config.segment_bytes = 4000;
        reopen(w, false);
        append(w, 15);
        stop(w, false);
        crashfs_cut(w->disk, seed);
        open_log(w, false);
        assert_true(test_check_all(w->log, 5000) >= 0);
        tear_down(state);
        set_up(state);
    }
}

/* The snapshot that says how far gaps may go is that of a segment that retention removes. */
static void retention_raises_no_bound_of_gaps(void **state)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct world *w = *state;
        int deleted;
        w->args.config.has_gaps = true;
        reopen(w, false);
        append(w, 2);
        assert_ok(log_roll(w->log));
        make_point(w, 10);
        assert_ok(log_truncate(w->log, 5)); /* the second segment is empty then */
        append(w, 2);
        assert_ok(log_sync(w->log, NULL));
        assert_ok(log_set_start(w->log, 8));
        w->args.log_start_off = 8;
        assert_ok(log_roll(w->log));
        assert_ok(log_retain(w->log, 8, NOW, &deleted));
        assert_int_equal(deleted, 2);
        append(w, 1);
        assert_ok(log_roll(w->log));
        append(w, 1);
        stop(w, false);
        crashfs_cut(w->disk, seed);
        open_log(w, false);
        assert_int_equal(log_start_off(w->log), 8);
        tear_down(state);
        set_up(state);
    }
}

/* --- index files that have to be made anew --- */

static void unlink_timeindex(struct world *w)
{
    assert_ok(fs_unlink(w->args.fs, "t-0/00000000000000000000.timeindex"));
    assert_ok(fs_sync_dir(w->args.fs, "t-0"));
}

static void unlink_indexes(struct world *w)
{
    assert_ok(fs_unlink(w->args.fs, "t-0/00000000000000000000.index"));
    unlink_timeindex(w);
}

/* Its last row points to where no batch begins. */
static void damage_index(struct world *w)
{
    struct file *f;
    const char *path = "t-0/00000000000000000000.index";
    uint64_t size = size_of(w, "00000000000000000000.index");
    assert_true(size >= 16);
    assert_ok(fs_open(w->args.fs, path, FILE_WRITE, &f));
    assert_ok(file_pwrite(f, "?", 1, size - 1));
    assert_ok(file_sync(f));
    file_close(f);
}

static void assert_times_are_found(struct world *w)
{
    struct log_time_hit hit;
    for (int64_t off = 0; off < log_end_off(w->log); off++) {
        assert_ok(log_find_time(w->log, NOW + off, log_end_off(w->log), &hit));
        assert_int_equal(hit.off, off);
    }
}

/* The power goes at change number `after` of the start that makes them anew; the next start finds
 * them, and has no reason to look at batches below the recovery point. False: there was none. */
static bool cut_rebuild(struct world *w, void (*spoil)(struct world *), uint64_t after,
                        uint64_t seed)
{
    stop(w, false);
    spoil(w);
    crashfs_arm(w->disk,
                &(struct crashfs_plan){CRASHFS_POWER, CRASHFS_CHANGES, after, ERR_IO, seed});
    bool is_open = log_open(&w->args, &w->log, NULL) == OK;
    if (is_open) {
        stop(w, false);
    }
    crashfs_cut(w->disk, seed);
    open_log(w, false);
    assert_times_are_found(w);
    return !is_open;
}

enum { IN_ONE_SEGMENT = 20000, IN_SEVERAL = 6000 };

static void cut_rebuild_everywhere(void **state, void (*spoil)(struct world *), int segment_bytes)
{
    bool is_over = false;
    for (uint64_t after = 0; !is_over; after++) {
        for (uint64_t seed = 0; seed < 20; seed++) {
            struct world *w = *state;
            w->args.config.segment_bytes = segment_bytes;
            reopen(w, false);
            make_point(w, 19);
            is_over = !cut_rebuild(w, spoil, after, after * 100 + seed);
            tear_down(state);
            set_up(state);
        }
    }
}

static void index_files_that_are_made_anew_are_whole_or_not_there(void **state)
{
    cut_rebuild_everywhere(state, unlink_timeindex, IN_SEVERAL);
    cut_rebuild_everywhere(state, unlink_indexes, IN_SEVERAL);
    cut_rebuild_everywhere(state, unlink_timeindex, IN_ONE_SEGMENT);
    cut_rebuild_everywhere(state, unlink_indexes, IN_ONE_SEGMENT);
    cut_rebuild_everywhere(state, damage_index, IN_ONE_SEGMENT);
}

static void assert_last_time_is_found(struct world *w)
{
    struct log_time_hit hit;
    int64_t last_off = log_end_off(w->log) - 1;
    assert_ok(log_find_time(w->log, NOW + last_off, last_off + 1, &hit));
    assert_int_equal(hit.off, last_off);
}

static void the_last_segment_with_batches_ends_with_its_time(void **state)
{
    struct world *w = *state;
    append(w, 3);
    assert_ok(log_roll(w->log)); /* the active one is empty */
    assert_last_time_is_found(w);
    stop(w, true);
    assert_ok(fs_unlink(w->args.fs, "t-0/00000000000000000000.index"));
    open_log(w, true);
    assert_last_time_is_found(w);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_point_that_could_not_be_read_is_not_believed_later),
        T(no_roll_makes_an_unknown_point_true),
        T(a_snapshot_that_cannot_be_read_is_emptied_before_anything_changes),
        T(a_cut_truncation_leaves_no_hole),
        T(a_cut_reset_leaves_no_hole),
        T(a_truncation_into_a_batch_leaves_no_mark_beyond_the_end),
        T(a_reset_below_the_point_removes_its_snapshot_first),
        T(an_unused_log_that_was_stopped_keeps_its_first_segment),
        T(epochs_are_known_below_a_start_that_was_lost),
        T(a_log_that_begins_anew_has_no_past),
        T(whose_it_is_survives_a_failed_sync_and_a_clean_stop),
        T(a_poisoned_log_writes_nothing),
        T(with_a_point_of_zero_no_gap_is_one),
        T(retention_raises_no_bound_of_gaps),
        T(the_last_segment_with_batches_ends_with_its_time),
        T(index_files_that_are_made_anew_are_whole_or_not_there),
    };
    diag_set_level(DIAG_ERROR + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
