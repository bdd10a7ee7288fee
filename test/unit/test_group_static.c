/* Static members: they come back under the same name, and whoever uses the old id is fenced. In
 * virtual time. */
#include "grouptest.h"

GT_SETUP

static const struct gt_who who_s = {.group = "s", .instance = "i", .session_ms = 30000};

static enum err join_err(struct gt_call *c) { return gt_joined(c)->error_code; }

static enum err static_heartbeat(struct gt *t, struct str member, const char *instance)
{
    struct gt_call *c = gt_call_new(t, GROUP_HEARTBEAT, 4);
    c->msg.heartbeat = (struct heartbeat_req){STR("s"), 1, member, str_from(instance)};
    gt_send(t, c);
    return ((struct heartbeat_resp *)gt_resp(c))->error_code;
}

static void a_static_member_replaces_itself(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_stable(t, &who_s);
    assert_true(str_has_prefix(gt_joined(a)->member_id, STR("i-")));
    struct gt_call *b = gt_join(t, &who_s);
    assert_int_equal(gt_joined(b)->generation_id, 1);
    assert_true(gt_joined(b)->skip_assignment);
    assert_int_equal(gt_joined(b)->members_count, 1);
    assert_false(str_eq(gt_joined(b)->member_id, gt_joined(a)->member_id));
    assert_true(str_eq(gt_joined(b)->leader, gt_joined(b)->member_id));
    assert_state(t, "s", "Stable");
    assert_int_equal(static_heartbeat(t, gt_joined(a)->member_id, "i"), ERR_FENCED_INSTANCE_ID);
    assert_int_equal(static_heartbeat(t, gt_joined(a)->member_id, NULL), ERR_UNKNOWN_MEMBER_ID);
    assert_int_equal(static_heartbeat(t, gt_joined(b)->member_id, "i"), OK);
    assert_int_equal(static_heartbeat(t, gt_joined(b)->member_id, "j"), ERR_UNKNOWN_MEMBER_ID);
    assert_memory_equal(gt_synced(gt_sync(t, "s", b, NULL))->assignment.p, "a0", 2);
}

/* Before version 9 a leader that came back must not know that it leads, or it would assign. */
static void an_old_leader_does_not_know_itself(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_stable(t, &who_s);
    struct gt_call *b = gt_join_of(t, 7, &who_s, STR(""));
    assert_int_equal(gt_joined(b)->members_count, 0);
    assert_true(str_eq(gt_joined(b)->leader, gt_joined(a)->member_id));
    assert_false(gt_joined(b)->skip_assignment);
}

static void a_new_id_is_told_when_it_is_written(void **state)
{
    struct gt *t = *state;
    (void)gt_stable(t, &who_s);
    t->is_holding = true;
    struct gt_call *b = gt_join(t, &who_s);
    assert_false(b->is_done);
    gt_release(t, OK);
    assert_int_equal(join_err(b), OK);
}

static void a_new_id_that_cannot_be_written_is_none(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_stable(t, &who_s);
    t->refuse = ERR_NOT_ENOUGH_REPLICAS;
    struct gt_call *b = gt_join(t, &who_s);
    t->refuse = OK;
    assert_int_equal(join_err(b), ERR_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(static_heartbeat(t, gt_joined(a)->member_id, "i"), OK);
    assert_int_equal(gt_describe(t, "s")->members_count, 1);
}

static void a_rebalance_overtakes_a_new_id(void **state)
{
    struct gt *t = *state;
    struct gt_who second = {.group = "s", .session_ms = 30000};
    (void)gt_stable(t, &who_s);
    t->is_holding = true;
    struct gt_call *b = gt_join(t, &who_s);
    struct gt_call *c = gt_join(t, &second);
    assert_int_equal(gt_joined(b)->generation_id, 2); /* all have joined */
    assert_int_equal(gt_joined(c)->generation_id, 2);
    gt_release(t, OK);
    t->is_holding = false;
}

static void who_is_parked_is_fenced(void **state)
{
    struct gt *t = *state;
    struct gt_who plain = {.group = "s", .session_ms = 30000};
    struct gt_call *lead = gt_join(t, &plain);
    struct gt_call *a = gt_join(t, &who_s);
    struct gt_call *a2 = gt_join(t, &who_s); /* while it prepares */
    assert_int_equal(join_err(a), ERR_FENCED_INSTANCE_ID);
    gt_wait(t, 9000);
    assert_int_equal(gt_joined(lead)->members_count, 2);
    struct gt_call *s = gt_sync(t, "s", a2, NULL);
    struct gt_call *a3 = gt_join(t, &who_s); /* while it completes: another rebalance */
    assert_int_equal(gt_synced(s)->error_code, ERR_FENCED_INSTANCE_ID);
    assert_false(a3->is_done);
    lead = gt_join_of(t, 9, &plain, gt_joined(lead)->member_id);
    assert_int_equal(gt_joined(a3)->generation_id, 2);
    assert_int_equal(gt_joined(lead)->members_count, 2);
}

static void a_static_member_with_another_protocol_rebalances(void **state)
{
    struct gt *t = *state;
    struct gt_who ab = {.group = "s", .instance = "i", .protocols = "a,b"},
                  ba = {.group = "s", .instance = "i", .protocols = "b,a"};
    (void)gt_stable(t, &ab);
    struct gt_call *c = gt_join(t, &ba);
    assert_int_equal(gt_joined(c)->generation_id, 2);
    assert_str(gt_joined(c)->protocol_name, "b");
}

static void a_static_member_that_does_not_come_stays(void **state)
{
    struct gt *t = *state;
    struct gt_who s = {.group = "s", .instance = "i", .session_ms = 60000, .rebalance_ms = 10000};
    struct gt_who d = {.group = "s", .session_ms = 60000, .rebalance_ms = 10000};
    (void)gt_stable(t, &s);
    struct gt_call *b = gt_join(t, &d);
    gt_wait(t, 10000);
    assert_int_equal(gt_joined(b)->members_count, 2);
    assert_true(str_eq(gt_joined(b)->leader, gt_joined(b)->member_id));
}

static void an_instance_can_be_removed_by_name(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_stable(t, &who_s);
    assert_int_equal(gt_left(gt_leave(t, "s", STR("old"), "i")), ERR_FENCED_INSTANCE_ID);
    assert_int_equal(gt_left(gt_leave(t, "s", STR(""), "j")), ERR_UNKNOWN_MEMBER_ID);
    assert_int_equal(gt_left(gt_leave(t, "s", STR(""), "i")), OK);
    assert_int_equal(static_heartbeat(t, gt_joined(a)->member_id, "i"), ERR_UNKNOWN_MEMBER_ID);
    assert_state(t, "s", "Empty");
}

static void a_static_join_with_a_wrong_id_is_refused(void **state)
{
    struct gt *t = *state;
    (void)gt_stable(t, &who_s);
    struct gt_who j = {.group = "s", .instance = "j"};
    assert_int_equal(join_err(gt_join_of(t, 9, &who_s, STR("x"))), ERR_FENCED_INSTANCE_ID);
    assert_int_equal(join_err(gt_join_of(t, 9, &j, STR("x"))), ERR_UNKNOWN_MEMBER_ID);
    struct gt_who plain = {.group = "s"};
    struct gt_call *p = gt_join_of(t, 9, &plain, STR(""));
    assert_int_equal(join_err(gt_join_of(t, 9, &j, gt_joined(p)->member_id)),
                     ERR_UNKNOWN_SERVER_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GT_TEST(a_static_member_replaces_itself),
        GT_TEST(an_old_leader_does_not_know_itself),
        GT_TEST(a_new_id_is_told_when_it_is_written),
        GT_TEST(a_new_id_that_cannot_be_written_is_none),
        GT_TEST(a_rebalance_overtakes_a_new_id),
        GT_TEST(who_is_parked_is_fenced),
        GT_TEST(a_static_member_with_another_protocol_rebalances),
        GT_TEST(a_static_member_that_does_not_come_stays),
        GT_TEST(an_instance_can_be_removed_by_name),
        GT_TEST(a_static_join_with_a_wrong_id_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
