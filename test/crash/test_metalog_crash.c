/* The metadata log with a fault at each call to the disk in turn: power cuts, failing calls, failed
 * syncs. Whatever happens, a topic whose creation was acknowledged is there afterwards, and the log
 * opens. */
#include "test.h"

#include "metalog_world.h"
#include "seeds.h"

enum { TOPICS_MAX = 64, BATCH = 3, ROUNDS = 3, SEEDS = 2, POINTS_MAX = 5000 };

/* What the requests were told. */
struct told {
    bool is_acked[TOPICS_MAX];
    int asked_count;
    int32_t epoch; /* the last that was seen */
};

/* A few requests and one step. False: the log is lost. */
static bool send_batch(struct metalog_world *w, struct told *t)
{
    struct topic_call calls[BATCH];
    int first = t->asked_count;
    for (int i = 0; i < BATCH; i++) {
        topic_call_send(w, &calls[i], t->asked_count++);
    }
    enum err e = metalog_world_step(w);
    for (int i = 0; i < BATCH; i++) {
        t->is_acked[first + i] = !e && topic_call_err(&calls[i]) == OK;
    }
    if (e) {
        metalog_world_close(w); /* the calls end here */
    }
    for (int i = 0; i < BATCH; i++) {
        assert_true(calls[i].is_done);
        topic_call_deinit(&calls[i]);
    }
    return e == OK;
}

static void check(struct metalog_world *w, struct told *t)
{
    int32_t there = 0;
    for (int i = 0; i < t->asked_count; i++) {
        bool has = metalog_world_has(w, i);
        if (t->is_acked[i] && !has) {
            fail_msg("t%d was acknowledged and is gone", i);
        }
        t->is_acked[i] = has; /* what was there once stays */
        there += has;
    }
    assert_int_equal(metalog_image(w->ml)->topic_count, there);
    assert_true(metalog_world_status(w).epoch > t->epoch);
    t->epoch = metalog_world_status(w).epoch;
}

/* Some lives of a broker; errors end one early. */
static void live(struct metalog_world *w, struct told *t)
{
    for (int round = 0; round < ROUNDS; round++) {
        if (metalog_world_open(w) != OK) {
            return;
        }
        check(w, t);
        bool is_well = round > 0 || metalog_world_register(w) == OK;
        is_well = is_well && w->ml != NULL && send_batch(w, t);
        is_well = is_well && send_batch(w, t);
        if (!is_well) {
            return;
        }
        metalog_world_close(w);
    }
}

static const char conf[] = "metadata.log.max.record.bytes.between.snapshots=900\n"
                           "metadata.max.retention.bytes=4000\n";

/* True: the run was over before the fault came. */
static bool run_one(const struct crashfs_plan *plan, const char *settings)
{
    const struct crashfs_plan none = {.fault = CRASHFS_NO_FAULT};
    struct metalog_world w;
    struct told t = {0};
    metalog_world_init(&w, settings);
    crashfs_arm(w.disk, plan);
    live(&w, &t);
    bool is_over = !crashfs_has_struck(w.disk);
    if (plan->fault == CRASHFS_POWER) {
        metalog_world_cut(&w, plan->seed);
    } else {
        metalog_world_close(&w);
        crashfs_arm(w.disk, &none);
    }
    if (metalog_world_open(&w) != OK) {
        fail_msg("after a fault at call %llu it does not open: %.*s",
                 (unsigned long long)plan->after, (int)w.why.len, (const char *)w.why.p);
    }
    check(&w, &t);
    assert_ok(metalog_world_register(&w));
    assert_ok(metalog_world_create(&w, t.asked_count));
    metalog_world_deinit(&w);
    return is_over;
}

static void sweep(struct crashfs_plan plan, const char *settings)
{
    for (plan.seed = 1; plan.seed <= seed_count(SEEDS); plan.seed++) {
        bool is_over = !seed_is_wanted(plan.seed);
        for (plan.after = 0; !is_over; plan.after++) {
            is_over = run_one(&plan, settings);
            assert_true(plan.after < POINTS_MAX);
        }
    }
}

static void test_power_cuts(void **state)
{
    (void)state;
    sweep((struct crashfs_plan){.fault = CRASHFS_POWER, .kinds = CRASHFS_CHANGES}, conf);
}

static void test_power_cuts_of_a_static_quorum(void **state)
{
    (void)state;
    sweep((struct crashfs_plan){.fault = CRASHFS_POWER, .kinds = CRASHFS_CHANGES},
          "controller.quorum.voters=1@localhost:9093\n");
}

static void test_failed_syncs(void **state)
{
    (void)state;
    sweep((struct crashfs_plan){.fault = CRASHFS_FAIL, .kinds = CRASHFS_SYNCS, .err = ERR_IO},
          conf);
}

static void test_failed_changes(void **state)
{
    (void)state;
    sweep((struct crashfs_plan){.fault = CRASHFS_FAIL, .kinds = CRASHFS_CHANGES, .err = ERR_IO},
          conf);
}

static void test_full_disk(void **state)
{
    (void)state;
    sweep((struct crashfs_plan){.fault = CRASHFS_FAIL_ON,
                                .kinds = CRASHFS_CHANGES | CRASHFS_OPENS,
                                .err = ERR_NO_SPACE},
          conf);
}

static void test_failed_reads(void **state)
{
    (void)state;
    sweep((struct crashfs_plan){.fault = CRASHFS_FAIL, .kinds = CRASHFS_READS, .err = ERR_IO},
          conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_cuts),   cmocka_unit_test(test_power_cuts_of_a_static_quorum),
        cmocka_unit_test(test_failed_syncs), cmocka_unit_test(test_failed_changes),
        cmocka_unit_test(test_full_disk),    cmocka_unit_test(test_failed_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
