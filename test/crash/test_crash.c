/* src/log on a disk that crashes: at every change that a workload makes the power goes, the host is
 * killed, or the call fails; then the log must be what the model says. See seeds.h for how many.
 *
 * One thread, no sleeps; a failure prints what to run again. */
#include "seeds.h"
#include "world.h"

#include "base/diag.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SLOW 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SLOW 1
#endif
#ifdef IS_SLOW
enum { STRIDE = 9 };
#else
enum { STRIDE = 1 };
#endif

enum { STEPS = 45, NEVER_COUNT = 1 << 30 };

/* One workload and what happens to it. */
struct run {
    struct world_args args;
    struct crashfs_plan plan;
    uint64_t cut_seed;
    bool is_kill; /* what the process wrote stays */
};

static void describe(struct world *w, const struct run *r, const char *more)
{
    snprintf(w->what, sizeof w->what,
             "seed %llu gaps %d fault %d kinds %u after %llu err %s plan %llu cut %llu kill %d %s",
             (unsigned long long)r->args.seed, r->args.has_gaps, (int)r->plan.fault, r->plan.kinds,
             (unsigned long long)r->plan.after, err_name(r->plan.err),
             (unsigned long long)r->plan.seed, (unsigned long long)r->cut_seed, r->is_kill, more);
}

/* Until the power is gone or all steps are done. */
static void work(struct world *w, const struct run *r)
{
    world_init(w, &r->args);
    describe(w, r, "");
    crashfs_arm(w->disk, &r->plan);
    world_begin(w);
    for (int i = 0; i < STEPS; i++) {
        if (r->plan.fault == CRASHFS_POWER && crashfs_has_struck(w->disk)) {
            break;
        }
        world_step(w);
    }
    world_abandon(w);
}

static void open_and_check(struct world *w)
{
    enum err e = world_open(w);
    WORLD_CHECK(w, !e, "the log does not open: %s", err_name(e));
    world_check(w);
    world_adopt(w);
}

static void append_and_sync(struct world *w)
{
    struct log_appended done;
    struct test_batch t = {.ts_ms = w->clock.wall_ms, .count = 1, .leader_epoch = w->epoch};
    enum err e = test_append(w->log, &t, &done);
    e = e ? e : log_sync(w->log, NULL);
    WORLD_CHECK(w, !e && done.base_off == w->model->end_off, "nothing can be appended: %s",
                err_name(e));
}

/* What was opened by a memo is on the disk once it says so, whatever failed before the kill. */
static void sync_all(struct world *w, bool is_checkpoint)
{
    enum err e = is_checkpoint ? world_checkpoint(w) : log_sync(w->log, NULL);
    WORLD_CHECK(w, !e, "what was opened cannot be synced: %s", err_name(e));
    w->model->synced_off = log_end_off(w->log);
}

/* Cuts or kills, and looks; what was recovered is durable at once, so a second cut changes nothing.
 */
static void crash_and_check(struct world *w, const struct run *r)
{
    crashfs_arm(w->disk, &(struct crashfs_plan){.fault = CRASHFS_NO_FAULT});
    if (!r->is_kill) {
        world_cut(w, r->cut_seed);
    }
    open_and_check(w);
    if (r->args.has_memos && r->cut_seed % 4 != 0) {
        sync_all(w, r->cut_seed % 2 == 0);
    }
    world_abandon(w);
    world_cut(w, r->cut_seed + 1);
    describe(w, r, "second cut");
    open_and_check(w);
    append_and_sync(w);
    world_abandon(w);
}

static void run_once(const struct run *r)
{
    struct world w;
    work(&w, r);
    crash_and_check(&w, r);
    world_deinit(&w);
}

/* How many calls of the kinds there are; none in a run that is not wanted. */
static uint64_t count_calls(const struct run *r)
{
    struct run dry = *r;
    struct world w;
    if (!seed_is_wanted(r->args.seed)) {
        return 0;
    }
    dry.plan = (struct crashfs_plan){
        .fault = CRASHFS_FAIL, .kinds = r->plan.kinds, .after = NEVER_COUNT, .err = ERR_IO};
    work(&w, &dry);
    uint64_t count = crashfs_count(w.disk);
    world_deinit(&w);
    return count;
}

/* The run with its fault at every call in turn. */
static void run_all(struct run *r, int cuts)
{
    uint64_t calls = count_calls(r);
    for (uint64_t at = r->args.seed % STRIDE; at < calls; at += STRIDE) {
        for (int cut = 0; cut < cuts; cut++) {
            r->plan.after = at;
            r->plan.seed = r->cut_seed = r->args.seed * 1000003 + at * 101 + (uint64_t)cut * 2;
            run_once(r);
        }
    }
}

static void power_cuts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= seed_count(12); seed++) {
        struct run r = {.args = {seed, seed % 3 == 0},
                        .plan = {.fault = CRASHFS_POWER, .kinds = CRASHFS_CHANGES}};
        run_all(&r, 3);
    }
}

static void kills(void **state)
{
    (void)state;
    for (uint64_t seed = 101; seed <= 100 + seed_count(6); seed++) {
        struct run r = {.args = {seed, seed % 3 == 0},
                        .plan = {.fault = CRASHFS_POWER, .kinds = CRASHFS_CHANGES},
                        .is_kill = true};
        run_all(&r, 1);
    }
}

/* --- crashes of the recovery itself --- */

/* The disk of w once more, with the power going at every change of its recovery. */
static void crash_recovery_at(struct world *w, const struct run *r, uint64_t at, bool *ret_is_over)
{
    struct world again = *w;
    struct run second = {.args = r->args, .cut_seed = r->cut_seed + 7 * at + 3};
    again.disk = crashfs_clone(w->disk);
    again.memo = BUF_INIT; /* w's was cut off */
    again.model = model_clone(w->model);
    snprintf(again.what, sizeof again.what, "%.110s, recovery cut after %llu", w->what,
             (unsigned long long)at);
    crashfs_arm(again.disk, &(struct crashfs_plan){CRASHFS_POWER, CRASHFS_CHANGES, at, ERR_IO, at});
    enum err e = world_open(&again);
    *ret_is_over = !crashfs_has_struck(again.disk);
    WORLD_CHECK(&again, !e || !*ret_is_over, "the log does not open: %s", err_name(e));
    world_abandon(&again);
    crash_and_check(&again, &second);
    world_deinit(&again);
}

static void crash_recovery(const struct run *r)
{
    struct world w;
    bool is_over = false;
    work(&w, r);
    world_cut(&w, r->cut_seed);
    for (uint64_t at = 0; !is_over; at++) {
        crash_recovery_at(&w, r, at, &is_over);
    }
    world_deinit(&w);
}

static void power_cuts_during_recovery(void **state)
{
    (void)state;
    for (uint64_t seed = 201; seed <= 200 + seed_count(6); seed++) {
        struct run r = {.args = {seed, seed % 3 == 0},
                        .plan = {.fault = CRASHFS_POWER, .kinds = CRASHFS_CHANGES}};
        uint64_t calls = count_calls(&r);
        for (uint64_t at = seed % 3; at < calls; at += 3 * STRIDE) {
            r.plan.after = at;
            r.plan.seed = r.cut_seed = seed * 1000003 + at;
            crash_recovery(&r);
        }
    }
}

/* --- two things at once --- */

enum { MORE_STEPS = 15, START_CALLS = 70 };

/* A power cut, then a start (or what follows it) in which a call fails, and another power cut after
 * some more work. */
static void cut_then_fail(const struct run *r, const struct crashfs_plan *fault)
{
    struct world w;
    struct run second = {.args = r->args, .cut_seed = r->cut_seed + 7 * fault->after + 3};
    char more[64];
    work(&w, r);
    snprintf(more, sizeof more, ", then %s after %llu of kinds %u", err_name(fault->err),
             (unsigned long long)fault->after, fault->kinds);
    describe(&w, r, more);
    world_cut(&w, r->cut_seed);
    crashfs_arm(w.disk, fault);
    for (int i = 0; i < MORE_STEPS; i++) {
        world_step(&w);
    }
    world_abandon(&w);
    crash_and_check(&w, &second);
    world_deinit(&w);
}

static void power_cuts_and_failures(void **state)
{
    static const struct crashfs_plan faults[] = {
        {CRASHFS_FAIL, CRASHFS_READS, 0, ERR_IO, 0},
        {CRASHFS_FAIL, CRASHFS_OPENS, 0, ERR_NO_FDS, 0},
        {CRASHFS_FAIL, CRASHFS_SYNCS, 0, ERR_IO, 0},
        {CRASHFS_FAIL, CRASHFS_CHANGES, 0, ERR_NO_SPACE, 0},
    };
    (void)state;
    for (uint64_t seed = 801; seed <= 800 + seed_count(4); seed++) {
        struct run r = {.args = {seed, seed % 3 == 0},
                        .plan = {.fault = CRASHFS_POWER, .kinds = CRASHFS_CHANGES}};
        uint64_t calls = count_calls(&r);
        for (uint64_t at = 0; at < calls * START_CALLS; at += 17 * STRIDE) {
            struct crashfs_plan fault = faults[at / 17 % ARRAY_LEN(faults)];
            r.plan.after = at / START_CALLS;
            fault.after = at % START_CALLS;
            fault.seed = r.plan.seed = r.cut_seed = seed * 1000003 + at;
            cut_then_fail(&r, &fault);
        }
    }
}

/* --- calls that fail --- */

static void fail_calls(uint64_t base_seed, uint64_t seeds, const struct crashfs_plan *plan)
{
    for (uint64_t seed = base_seed; seed < base_seed + seed_count(seeds); seed++) {
        struct run r = {.args = {seed, seed % 3 == 0}, .plan = *plan};
        run_all(&r, 1);
        r.is_kill = true;
        run_all(&r, 1);
    }
}

static void failed_syncs(void **state)
{
    (void)state;
    fail_calls(301, 6, &(struct crashfs_plan){CRASHFS_FAIL, CRASHFS_SYNCS, 0, ERR_IO, 0});
}

/* Starts by memos: of a log whose every sync counts, and of one that lives in the page cache. */
static void kills_with_memos(void **state)
{
    (void)state;
    for (uint64_t seed = 901; seed <= 900 + seed_count(12); seed++) {
        struct run r = {.args = {seed, seed % 3 == 0, true, seed % 2 == 0},
                        .plan = {.fault = CRASHFS_POWER, .kinds = CRASHFS_CHANGES},
                        .is_kill = true};
        run_all(&r, 1);
    }
}

static void failed_calls_with_memos(void **state)
{
    static const struct crashfs_plan plans[] = {
        {CRASHFS_FAIL, CRASHFS_SYNCS, 0, ERR_IO, 0},
        {CRASHFS_FAIL, CRASHFS_CHANGES, 0, ERR_IO, 0},
        {CRASHFS_FAIL, CRASHFS_READS, 0, ERR_IO, 0},
        {CRASHFS_FAIL, CRASHFS_OPENS, 0, ERR_NO_FDS, 0},
    };
    (void)state;
    for (uint64_t seed = 1001; seed <= 1000 + seed_count(12); seed++) {
        struct run r = {.args = {seed, seed % 3 == 0, true, seed % 2 == 0},
                        .plan = plans[seed % ARRAY_LEN(plans)],
                        .is_kill = true};
        run_all(&r, 1);
        r.is_kill = false;
        run_all(&r, 1);
    }
}

static void failed_changes(void **state)
{
    (void)state;
    fail_calls(401, 4, &(struct crashfs_plan){CRASHFS_FAIL, CRASHFS_CHANGES, 0, ERR_IO, 0});
}

static void failed_reads(void **state)
{
    (void)state;
    fail_calls(501, 2, &(struct crashfs_plan){CRASHFS_FAIL, CRASHFS_READS, 0, ERR_IO, 0});
}

static void no_descriptors(void **state)
{
    (void)state;
    fail_calls(601, 2, &(struct crashfs_plan){CRASHFS_FAIL, CRASHFS_OPENS, 0, ERR_NO_FDS, 0});
}

static void a_full_disk(void **state)
{
    (void)state;
    fail_calls(701, 2,
               &(struct crashfs_plan){CRASHFS_FAIL_ON, CRASHFS_CHANGES, 0, ERR_NO_SPACE, 0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_cuts),
        cmocka_unit_test(kills),
        cmocka_unit_test(power_cuts_during_recovery),
        cmocka_unit_test(power_cuts_and_failures),
        cmocka_unit_test(failed_syncs),
        cmocka_unit_test(failed_changes),
        cmocka_unit_test(kills_with_memos),
        cmocka_unit_test(failed_calls_with_memos),
        cmocka_unit_test(failed_reads),
        cmocka_unit_test(no_descriptors),
        cmocka_unit_test(a_full_disk),
    };
    diag_set_level(DIAG_ERROR + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
