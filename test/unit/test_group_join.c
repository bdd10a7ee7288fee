/* Joining, rebalances, leaving, what is lost: the rules of classic groups, in virtual time. */
#include "grouptest.h"

#include "base/limit.h"

GT_SETUP

static const struct gt_who who_g = {.group = "g"};
static const struct gt_who who_s = {.group = "s", .instance = "i", .session_ms = 30000};

static enum err join_err(struct gt_call *c) { return gt_joined(c)->error_code; }

/* --- one member --- */

static void a_member_gets_its_id_first(void **state)
{
    struct gt *t = *state;
    struct gt_call *c = gt_join_of(t, 5, &who_g, STR(""));
    const struct join_group_resp *r = gt_joined(c);
    assert_int_equal(r->error_code, ERR_MEMBER_ID_REQUIRED);
    assert_int_equal(r->generation_id, -1);
    assert_str(r->protocol_name, "");
    assert_true(str_has_prefix(r->member_id, STR("client-")));
    assert_int_equal(r->member_id.len, strlen("client-") + 36);
    assert_state(t, "g", "Empty");
    struct gt_call *again = gt_join_of(t, 5, &who_g, r->member_id);
    assert_false(again->is_done);
    assert_state(t, "g", "PreparingRebalance");
}

static void old_versions_join_at_once(void **state)
{
    struct gt *t = *state;
    for (int version = 0; version < 4; version++) {
        char name[] = {'v', (char)('0' + version), 0};
        struct gt_who who = {.group = name, .session_ms = 20000};
        struct gt_call *c = gt_join_of(t, version, &who, STR(""));
        assert_false(c->is_done);
        gt_wait(t, 3000);
        assert_int_equal(join_err(c), OK);
        assert_int_equal(gt_joined(c)->generation_id, 1);
        assert_str(gt_joined(c)->protocol_name, "range");
        assert_true(str_eq(gt_joined(c)->leader, gt_joined(c)->member_id));
        assert_int_equal(gt_joined(c)->members_count, 1);
    }
}

/* Version 0 has no rebalance timeout: the session's counts, here for the time to sync. */
static void version_0_rebalances_within_the_session(void **state)
{
    struct gt *t = *state;
    struct gt_who who = {.group = "g", .session_ms = 20000, .rebalance_ms = 300000};
    struct gt_call *c = gt_join_of(t, 0, &who, STR(""));
    gt_wait(t, 3000);
    assert_int_equal(join_err(c), OK);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(gt_heartbeat(t, "g", c), OK);
        gt_wait(t, 4999);
    }
    assert_state(t, "g", "CompletingRebalance");
    gt_wait(t, 4);
    assert_state(t, "g", "Empty");
}

static void the_leader_syncs_for_all(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_join(t, &who_g), *b = gt_join(t, &who_g);
    gt_wait(t, 3000);
    assert_false(a->is_done); /* b came during the delay, which is longer for it */
    gt_wait(t, 3000);
    assert_int_equal(gt_joined(a)->members_count, 2);
    assert_int_equal(gt_joined(b)->members_count, 0);
    assert_true(str_eq(gt_joined(a)->leader, gt_joined(b)->leader));
    assert_str(gt_joined(b)->protocol_type, "consumer");
    struct gt_call *sb = gt_sync(t, "g", b, "x");
    assert_false(sb->is_done);
    assert_state(t, "g", "CompletingRebalance");
    struct gt_call *sa = gt_sync(t, "g", a, "x");
    assert_memory_equal(gt_synced(sa)->assignment.p, "x0", 2);
    assert_memory_equal(gt_synced(sb)->assignment.p, "x1", 2);
    assert_str(gt_synced(sb)->protocol_name, "range");
    assert_state(t, "g", "Stable");
    assert_memory_equal(gt_synced(gt_sync(t, "g", b, NULL))->assignment.p, "x1", 2);
    const struct describe_groups_resp_described_group *d = gt_describe(t, "g");
    assert_str(d->protocol_data, "range");
    assert_int_equal(d->members_count, 2);
    assert_str(d->members[0].client_host, "/127.0.0.1");
    assert_int_equal(d->members[1].member_metadata.len, 13);
}

static void a_sync_waits_for_the_write(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_join(t, &who_g);
    gt_wait(t, 3000);
    t->is_holding = true;
    struct gt_call *s = gt_sync(t, "g", a, "x");
    assert_false(s->is_done);
    assert_state(t, "g", "CompletingRebalance");
    gt_release(t, OK);
    assert_int_equal(gt_synced(s)->error_code, OK);
    assert_state(t, "g", "Stable");
}

static void a_sync_whose_write_fails_rebalances(void **state)
{
    static const enum err causes[][2] = {
        {ERR_NOT_ENOUGH_REPLICAS, ERR_COORDINATOR_NOT_AVAILABLE},
        {ERR_KAFKA_STORAGE_ERROR, ERR_NOT_COORDINATOR},
        {ERR_MESSAGE_TOO_LARGE, ERR_UNKNOWN_SERVER_ERROR},
    };
    struct gt *t = *state;
    struct gt_call *a = gt_join(t, &who_g);
    gt_wait(t, 3000);
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
        t->refuse = causes[i][0];
        struct gt_call *s = gt_sync(t, "g", a, "x");
        t->refuse = OK;
        assert_int_equal(gt_synced(s)->error_code, causes[i][1]);
        assert_int_equal(gt_synced(s)->assignment.len, 0);
        assert_state(t, "g", "PreparingRebalance");
        a = gt_join_of(t, 9, &who_g, gt_joined(a)->member_id);
        assert_int_equal(gt_joined(a)->generation_id, (int)i + 2);
    }
}

static void a_commit_that_times_out_rebalances_too(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_join(t, &who_g);
    gt_wait(t, 3000);
    t->is_holding = true;
    struct gt_call *s = gt_sync(t, "g", a, "x");
    gt_release(t, ERR_REQUEST_TIMED_OUT);
    t->is_holding = false;
    assert_int_equal(gt_synced(s)->error_code, ERR_COORDINATOR_NOT_AVAILABLE);
    assert_state(t, "g", "PreparingRebalance");
}

/* --- what is refused --- */

static void bad_joins_are_refused(void **state)
{
    struct gt *t = *state;
    struct gt_who none = {.group = ""}, quick = {.group = "g", .session_ms = 5999},
                  slow = {.group = "g", .session_ms = 1800001}, plain = {.group = "p", .type = ""},
                  mute = {.group = "m", .protocols = ","};
    assert_int_equal(join_err(gt_join_of(t, 9, &none, STR("x"))), ERR_INVALID_GROUP_ID);
    assert_int_equal(join_err(gt_join_of(t, 9, &quick, STR(""))), ERR_INVALID_SESSION_TIMEOUT);
    assert_int_equal(join_err(gt_join_of(t, 9, &slow, STR(""))), ERR_INVALID_SESSION_TIMEOUT);
    struct gt_call *c = gt_join_of(t, 9, &who_g, STR("x"));
    assert_int_equal(join_err(c), ERR_UNKNOWN_MEMBER_ID);
    assert_str(gt_joined(c)->member_id, "x");
    assert_true(str_is_null(gt_joined(c)->protocol_name));
    assert_state(t, "g", "Dead");
    assert_int_equal(join_err(gt_join_of(t, 9, &plain, STR(""))), ERR_INCONSISTENT_GROUP_PROTOCOL);
    assert_int_equal(join_err(gt_join_of(t, 9, &mute, STR(""))), ERR_INCONSISTENT_GROUP_PROTOCOL);
    assert_state(t, "p", "Empty"); /* as Apache Kafka: it exists from now on */
}

static void protocols_must_be_common(void **state)
{
    struct gt *t = *state;
    struct gt_who ab = {.group = "g", .protocols = "a,b"}, bc = {.group = "g", .protocols = "b,c"},
                  c = {.group = "g", .protocols = "c"}, other = {.group = "g", .type = "connect"};
    struct gt_call *first = gt_stable(t, &ab);
    assert_int_equal(join_err(gt_join_of(t, 9, &c, STR(""))), ERR_INCONSISTENT_GROUP_PROTOCOL);
    assert_int_equal(join_err(gt_join_of(t, 9, &other, STR(""))), ERR_INCONSISTENT_GROUP_PROTOCOL);
    struct gt_call *second = gt_join(t, &bc);
    assert_int_equal(gt_heartbeat(t, "g", first), ERR_REBALANCE_IN_PROGRESS);
    first = gt_join_of(t, 9, &ab, gt_joined(first)->member_id);
    assert_str(gt_joined(first)->protocol_name, "b");
    assert_str(gt_joined(second)->protocol_name, "b");
}

static void most_votes_win(void **state)
{
    struct gt *t = *state;
    struct gt_who ab = {.group = "g", .protocols = "a,b"}, ba = {.group = "g", .protocols = "b,a"};
    struct gt_call *one = gt_join(t, &ab);
    (void)gt_join(t, &ba);
    (void)gt_join(t, &ba);
    gt_wait(t, 60000);
    assert_str(gt_joined(one)->protocol_name, "b");
}

/* Equal votes: Java's hash table decides. "a" is at 97 & 15 = 1, "sticky" and "range" elsewhere. */
static void equal_votes_go_by_javas_hash(void **state)
{
    struct gt *t = *state;
    struct gt_who one = {.group = "g", .protocols = "range,a"},
                  two = {.group = "g", .protocols = "a,range"};
    struct gt_call *c = gt_join(t, &one);
    (void)gt_join(t, &two);
    gt_wait(t, 60000);
    assert_str(gt_joined(c)->protocol_name, "a");
}

static void too_many_protocols_are_refused(void **state)
{
    struct gt *t = *state;
    char many[2 * (LIMIT_GROUP_PROTOCOLS + 2)] = "";
    for (int i = 0; i <= LIMIT_GROUP_PROTOCOLS; i++) {
        strcat(many, "a,");
    }
    struct gt_who who = {.group = "g", .protocols = many};
    assert_int_equal(join_err(gt_join_of(t, 9, &who, STR(""))), ERR_INCONSISTENT_GROUP_PROTOCOL);
}

static void the_group_has_a_largest_size(void **state)
{
    struct gt *t = *state;
    t->config.max_size = 1;
    struct gt_call *a = gt_stable(t, &who_g);
    struct gt_call *b = gt_join_of(t, 9, &who_g, STR(""));
    assert_int_equal(join_err(b), ERR_GROUP_MAX_SIZE_REACHED);
    assert_str(gt_joined(b)->member_id, "");
    assert_int_equal(gt_heartbeat(t, "g", a), OK);
}

static void the_last_to_come_are_out_when_the_limit_fell(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_join(t, &who_g), *b = gt_join(t, &who_g);
    gt_wait(t, 6000);
    (void)gt_sync(t, "g", b, NULL);
    (void)gt_sync(t, "g", a, "x");
    t->config.max_size = 1;
    gt_restart(t);
    assert_state(t, "g", "PreparingRebalance");
    struct gt_call *b2 = gt_join_of(t, 9, &who_g, gt_joined(b)->member_id);
    assert_false(b2->is_done);
    struct gt_call *a2 = gt_join_of(t, 9, &who_g, gt_joined(a)->member_id);
    assert_int_equal(join_err(a2), ERR_GROUP_MAX_SIZE_REACHED);
    gt_wait(t, 60000);
    assert_int_equal(join_err(b2), OK);
    assert_int_equal(gt_joined(b2)->members_count, 1);
}

static void bad_syncs_are_refused(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_join(t, &who_g);
    gt_wait(t, 3000);
    struct join_group_resp *j = gt_joined(a), good = *j;
    assert_int_equal(gt_synced(gt_sync(t, "", a, "x"))->error_code, ERR_INVALID_GROUP_ID);
    assert_int_equal(gt_synced(gt_sync(t, "other", a, "x"))->error_code, ERR_UNKNOWN_MEMBER_ID);
    j->member_id = STR("who");
    assert_int_equal(gt_synced(gt_sync(t, "g", a, "x"))->error_code, ERR_UNKNOWN_MEMBER_ID);
    *j = good;
    j->generation_id++;
    assert_int_equal(gt_synced(gt_sync(t, "g", a, "x"))->error_code, ERR_ILLEGAL_GENERATION);
    *j = good;
    j->protocol_name = STR("other");
    assert_int_equal(gt_synced(gt_sync(t, "g", a, "x"))->error_code,
                     ERR_INCONSISTENT_GROUP_PROTOCOL);
    j->protocol_name = STR_NULL;
    assert_int_equal(gt_synced(gt_sync(t, "g", a, "x"))->error_code,
                     ERR_INCONSISTENT_GROUP_PROTOCOL);
    *j = good;
    assert_int_equal(gt_synced(gt_sync(t, "g", a, "x"))->error_code, OK);
}

static void bad_heartbeats_are_refused(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_stable(t, &who_g);
    struct join_group_resp *j = gt_joined(a), good = *j;
    assert_int_equal(gt_heartbeat(t, "g", a), OK);
    assert_int_equal(gt_heartbeat(t, "", a), ERR_INVALID_GROUP_ID);
    assert_int_equal(gt_heartbeat(t, "x", a), ERR_UNKNOWN_MEMBER_ID);
    j->generation_id--;
    assert_int_equal(gt_heartbeat(t, "g", a), ERR_ILLEGAL_GENERATION);
    *j = good;
    j->member_id = STR("who");
    assert_int_equal(gt_heartbeat(t, "g", a), ERR_UNKNOWN_MEMBER_ID);
}

/* --- time --- */

static void an_id_that_nobody_joins_with_expires(void **state)
{
    struct gt *t = *state;
    struct gt_call *first = gt_join_of(t, 9, &who_g, STR(""));
    struct str id = gt_joined(first)->member_id;
    gt_wait(t, GT_SESSION_MS + 1);
    assert_int_equal(join_err(gt_join_of(t, 9, &who_g, id)), ERR_UNKNOWN_MEMBER_ID);
}

/* Who has an id and has not joined is waited for, like a member. */
static void a_rebalance_waits_for_ids_that_were_handed_out(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_stable(t, &who_g);
    struct gt_call *b = gt_join_of(t, 9, &who_g, STR(""));
    assert_state(t, "g", "Stable");
    a = gt_join_of(t, 9, &who_g, gt_joined(a)->member_id); /* the leader comes again */
    assert_false(a->is_done);
    b = gt_join_of(t, 9, &who_g, gt_joined(b)->member_id);
    assert_int_equal(gt_joined(a)->members_count, 2);
    assert_int_equal(gt_joined(b)->generation_id, 2);
}

static void ids_that_are_handed_out_are_limited(void **state)
{
    struct gt *t = *state;
    for (int i = 0; i < LIMIT_GROUP_PENDING_MEMBERS; i++) {
        assert_int_equal(join_err(gt_join_of(t, 9, &who_g, STR(""))), ERR_MEMBER_ID_REQUIRED);
        gt_free_calls(t);
    }
    assert_int_equal(join_err(gt_join_of(t, 9, &who_g, STR(""))), ERR_GROUP_MAX_SIZE_REACHED);
}

static void newcomers_extend_the_first_delay(void **state)
{
    struct gt *t = *state;
    struct gt_who who = {.group = "g", .rebalance_ms = 8000};
    struct gt_call *a = gt_join(t, &who);
    for (int i = 0; i < 2; i++) { /* 3 s, then 3 s more, then the 2 s that are left */
        gt_wait(t, 2999);
        (void)gt_join(t, &who);
        assert_false(a->is_done);
        gt_wait(t, 1);
    }
    (void)gt_join(t, &who);
    gt_wait(t, 1999);
    assert_false(a->is_done);
    gt_wait(t, 1);
    assert_int_equal(gt_joined(a)->members_count, 4);
}

static void without_a_delay_the_first_alone_is_a_group(void **state)
{
    struct gt *t = *state;
    t->config.initial_delay_ms = 0;
    struct gt_call *a = gt_join(t, &who_g);
    gt_wait(t, 0);
    assert_int_equal(gt_joined(a)->generation_id, 1);
}

static void who_does_not_come_again_is_out(void **state)
{
    struct gt *t = *state;
    struct gt_who slow = {.group = "g", .session_ms = 100000, .rebalance_ms = 30000};
    struct gt_call *a = gt_stable(t, &slow);
    struct gt_call *b = gt_join(t, &slow);
    gt_wait(t, 29999);
    assert_false(b->is_done);
    assert_int_equal(gt_heartbeat(t, "g", a), ERR_REBALANCE_IN_PROGRESS);
    gt_wait(t, 1);
    assert_int_equal(gt_joined(b)->generation_id, 2);
    assert_true(str_eq(gt_joined(b)->leader, gt_joined(b)->member_id));
    assert_int_equal(gt_heartbeat(t, "g", a), ERR_UNKNOWN_MEMBER_ID);
}

static void who_is_silent_is_out(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_stable(t, &who_g);
    gt_wait(t, GT_SESSION_MS - 1);
    assert_int_equal(gt_heartbeat(t, "g", a), OK);
    gt_wait(t, GT_SESSION_MS - 1);
    assert_state(t, "g", "Stable");
    gt_wait(t, 1);
    assert_state(t, "g", "Empty");
    assert_int_equal(gt_heartbeat(t, "g", a), ERR_UNKNOWN_MEMBER_ID);
}

static void a_parked_member_is_not_silent(void **state)
{
    struct gt *t = *state;
    struct gt_who slow = {.group = "g", .session_ms = 300000, .rebalance_ms = 300000};
    struct gt_call *a = gt_join(t, &slow), *b = gt_join(t, &who_g);
    gt_wait(t, 6000);
    struct gt_call *sb = gt_sync(t, "g", b, NULL);
    gt_wait(t, 10 * GT_SESSION_MS);
    assert_false(sb->is_done);
    assert_int_equal(gt_synced(gt_sync(t, "g", a, "x"))->error_code, OK);
    assert_int_equal(gt_synced(sb)->error_code, OK);
}

/* A new member's join is not parked for ever: it may be gone. */
static void a_new_member_waits_five_minutes(void **state)
{
    struct gt *t = *state;
    struct gt_who slow = {.group = "g", .session_ms = 600000, .rebalance_ms = 600000};
    (void)gt_stable(t, &slow);
    struct gt_call *b = gt_join(t, &slow);
    gt_wait(t, 299999);
    assert_false(b->is_done);
    gt_wait(t, 1);
    assert_int_equal(join_err(b), ERR_UNKNOWN_MEMBER_ID);
    assert_str(gt_joined(b)->member_id, "");
}

static void who_does_not_sync_is_out(void **state)
{
    struct gt *t = *state;
    struct gt_who who = {.group = "g", .session_ms = 100000, .rebalance_ms = 20000};
    struct gt_call *a = gt_join(t, &who), *b = gt_join(t, &who);
    gt_wait(t, 6000);
    assert_int_equal(gt_synced(gt_sync(t, "g", a, "x"))->error_code, OK);
    assert_state(t, "g", "Stable");
    gt_wait(t, 19999);
    assert_state(t, "g", "Stable");
    gt_wait(t, 1);
    assert_state(t, "g", "PreparingRebalance");
    assert_int_equal(gt_heartbeat(t, "g", b), ERR_UNKNOWN_MEMBER_ID);
    assert_int_equal(gt_heartbeat(t, "g", a), ERR_REBALANCE_IN_PROGRESS);
}

static void without_time_to_rebalance_there_is_none_to_sync(void **state)
{
    struct gt *t = *state;
    struct gt_who who = {.group = "g", .rebalance_ms = -1};
    struct gt_call *a = gt_join(t, &who);
    gt_wait(t, 3000);
    assert_int_equal(gt_joined(a)->generation_id, 1);
    assert_state(t, "g", "Empty");
    assert_int_equal(gt_synced(gt_sync(t, "g", a, "x"))->error_code, ERR_UNKNOWN_MEMBER_ID);
}

static void a_group_where_nobody_comes_again_waits_for_sessions(void **state)
{
    struct gt *t = *state;
    struct gt_who lone = {
        .group = "g", .instance = "i", .session_ms = 50000, .rebalance_ms = 10000};
    (void)gt_stable(t, &lone);
    struct gt_who brief = {.group = "g", .session_ms = 6000, .rebalance_ms = 1000};
    struct gt_call *first = gt_join_of(t, 9, &brief, STR(""));
    (void)gt_join_of(t, 9, &brief, gt_joined(first)->member_id);
    (void)gt_leave(t, "g", gt_joined(first)->member_id, NULL);
    gt_wait(t, 49999);
    assert_state(t, "g", "PreparingRebalance"); /* a static member is not out for that */
    gt_wait(t, 1);
    assert_state(t, "g", "Empty");
}

/* --- coming again --- */

static void the_same_join_again_changes_nothing(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_join(t, &who_g), *b = gt_join(t, &who_g);
    gt_wait(t, 6000);
    struct gt_call *a2 = gt_join_of(t, 9, &who_g, gt_joined(a)->member_id);
    assert_int_equal(gt_joined(a2)->generation_id, 1);
    assert_int_equal(gt_joined(a2)->members_count, 2); /* the leader learns it again */
    (void)gt_sync(t, "g", b, NULL);
    (void)gt_sync(t, "g", a, "x");
    struct gt_call *b2 = gt_join_of(t, 9, &who_g, gt_joined(b)->member_id);
    assert_int_equal(gt_joined(b2)->generation_id, 1);
    assert_state(t, "g", "Stable");
}

static void a_change_of_metadata_rebalances(void **state)
{
    struct gt *t = *state;
    struct gt_who other = {.group = "g", .topic = "u"};
    struct gt_call *a = gt_join(t, &who_g), *b = gt_join(t, &who_g);
    gt_wait(t, 6000);
    struct gt_call *sb = gt_sync(t, "g", b, NULL);
    struct gt_call *b2 = gt_join_of(t, 9, &other, gt_joined(b)->member_id);
    assert_int_equal(gt_synced(sb)->error_code, ERR_REBALANCE_IN_PROGRESS);
    assert_false(b2->is_done);
    assert_int_equal(gt_synced(gt_sync(t, "g", a, "x"))->error_code, ERR_REBALANCE_IN_PROGRESS);
    struct gt_call *a2 = gt_join_of(t, 9, &who_g, gt_joined(a)->member_id);
    assert_int_equal(gt_joined(a2)->generation_id, 2);
    assert_int_equal(gt_joined(b2)->generation_id, 2);
}

static void a_second_request_of_a_member_ends_the_first(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_join(t, &who_g);
    struct gt_call *first = gt_join_of(t, 9, &who_g, STR(""));
    struct str id = gt_joined(first)->member_id;
    struct gt_call *b = gt_join_of(t, 9, &who_g, id), *b2 = gt_join_of(t, 9, &who_g, id);
    assert_int_equal(join_err(b), ERR_REBALANCE_IN_PROGRESS);
    gt_wait(t, 6000);
    assert_int_equal(join_err(b2), OK);
    struct gt_call *s = gt_sync(t, "g", b2, NULL), *s2 = gt_sync(t, "g", b2, NULL);
    assert_int_equal(gt_synced(s)->error_code, ERR_REBALANCE_IN_PROGRESS);
    assert_int_equal(gt_synced(gt_sync(t, "g", a, "x"))->error_code, OK);
    assert_int_equal(gt_synced(s2)->error_code, OK);
}

/* --- leaving --- */

static void the_last_who_leaves_empties_the_group(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_stable(t, &who_g);
    t->is_holding = true;
    struct gt_call *l = gt_leave(t, "g", gt_joined(a)->member_id, NULL);
    assert_false(l->is_done); /* until it is written down */
    gt_release(t, OK);
    assert_int_equal(gt_left(l), OK);
    assert_state(t, "g", "Empty");
    t->is_holding = false;
    struct gt_call *b = gt_join(t, &who_g);
    gt_wait(t, 3000);
    assert_int_equal(gt_joined(b)->generation_id, 3);
}

static void leaving_rebalances_the_rest(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_join(t, &who_g), *b = gt_join(t, &who_g);
    gt_wait(t, 6000);
    struct gt_call *sb = gt_sync(t, "g", b, NULL);
    assert_int_equal(gt_left(gt_leave(t, "g", gt_joined(b)->member_id, NULL)), OK);
    assert_int_equal(gt_synced(sb)->error_code, ERR_UNKNOWN_MEMBER_ID);
    assert_int_equal(gt_heartbeat(t, "g", a), ERR_REBALANCE_IN_PROGRESS);
    assert_int_equal(gt_left(gt_leave(t, "g", STR("who"), NULL)), ERR_UNKNOWN_MEMBER_ID);
    assert_int_equal(gt_left(gt_leave(t, "g", STR(""), NULL)), ERR_UNKNOWN_MEMBER_ID);
    assert_int_equal(gt_left(gt_leave(t, "x", STR("who"), NULL)), ERR_UNKNOWN_MEMBER_ID);
}

static void who_leaves_while_parked_is_told(void **state)
{
    struct gt *t = *state;
    struct gt_call *first = gt_join_of(t, 9, &who_g, STR(""));
    struct gt_call *a = gt_join_of(t, 9, &who_g, gt_joined(first)->member_id);
    assert_int_equal(gt_left(gt_leave(t, "g", gt_joined(first)->member_id, NULL)), OK);
    assert_int_equal(join_err(a), ERR_UNKNOWN_MEMBER_ID);
    gt_wait(t, 3000);
    assert_state(t, "g", "Empty");
}

static void an_id_that_was_handed_out_can_leave(void **state)
{
    struct gt *t = *state;
    struct gt_call *first = gt_join_of(t, 9, &who_g, STR(""));
    struct str id = gt_joined(first)->member_id;
    assert_int_equal(gt_left(gt_leave(t, "g", id, NULL)), OK);
    assert_int_equal(gt_left(gt_leave(t, "g", id, NULL)), ERR_UNKNOWN_MEMBER_ID);
}

static void old_versions_leave_with_one_error(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_stable(t, &who_g);
    struct gt_call *c = gt_call_new(t, GROUP_LEAVE, 2);
    c->msg.leave = (struct leave_group_req){STR("g"), STR("who"), NULL, 0};
    gt_send(t, c);
    assert_int_equal(((struct leave_group_resp *)gt_resp(c))->error_code, ERR_UNKNOWN_MEMBER_ID);
    c = gt_call_new(t, GROUP_LEAVE, 0);
    c->msg.leave = (struct leave_group_req){STR("g"), gt_joined(a)->member_id, NULL, 0};
    gt_send(t, c);
    assert_int_equal(((struct leave_group_resp *)gt_resp(c))->error_code, OK);
    c = gt_call_new(t, GROUP_LEAVE, 5);
    c->msg.leave = (struct leave_group_req){STR(""), STR(""), NULL, 0};
    gt_send(t, c);
    assert_int_equal(((struct leave_group_resp *)gt_resp(c))->error_code, ERR_INVALID_GROUP_ID);
}

/* --- what is lost --- */

static void a_group_that_cannot_be_written_is_none(void **state)
{
    struct gt *t = *state;
    t->refuse = ERR_NOT_ENOUGH_REPLICAS;
    struct gt_call *c = gt_join_of(t, 3, &who_g, STR(""));
    t->refuse = OK;
    assert_int_equal(join_err(c), ERR_COORDINATOR_NOT_AVAILABLE);
    assert_state(t, "g", "Dead");
}

static void a_restart_keeps_members_and_starts_their_sessions(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_join(t, &who_s);
    struct gt_who d = {.group = "s"};
    struct gt_call *b = gt_join(t, &d);
    gt_wait(t, 9000);
    (void)gt_sync(t, "s", b, NULL);
    (void)gt_sync(t, "s", a, "x");
    gt_restart(t);
    assert_state(t, "s", "Stable");
    assert_memory_equal(gt_synced(gt_sync(t, "s", b, NULL))->assignment.p, "x1", 2);
    gt_wait(t, 9999);
    assert_int_equal(gt_heartbeat(t, "s", b), OK);
    struct gt_call *a2 = gt_join(t, &who_s); /* the instance is known */
    assert_int_equal(gt_joined(a2)->generation_id, 1);
    gt_wait(t, 10000);
    assert_int_equal(gt_heartbeat(t, "s", b), ERR_UNKNOWN_MEMBER_ID);
}

static void who_is_parked_when_the_shard_goes_is_told(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_join(t, &who_g), *s = gt_join(t, &who_s);
    gt_wait(t, 3000);
    t->is_holding = true;
    struct gt_call *sync = gt_sync(t, "g", a, "x");
    struct gt_call *late = gt_join(t, &(struct gt_who){.group = "late"});
    struct gt_call *commit =
        gt_commit_call(t, &(struct gt_commit_of){"c", "t", 0, 1, "", NULL, 9, 0});
    assert_false(sync->is_done || late->is_done || commit->is_done);
    gt_restart(t);
    t->is_holding = false;
    assert_int_equal(gt_synced(sync)->error_code, ERR_NOT_COORDINATOR);
    assert_int_equal(join_err(late), ERR_NOT_COORDINATOR);
    assert_int_equal(gt_committed(commit), ERR_NOT_COORDINATOR);
    assert_int_equal(join_err(s), OK);
}

/* --- many --- */

enum { CROWD = 1000 };

static void a_thousand_members_rebalance(void **state)
{
    struct gt *t = *state;
    struct gt_call **calls = mem_realloc_array(NULL, CROWD, sizeof *calls);
    struct gt_who who = {.group = "g", .session_ms = 60000};
    for (int i = 0; i < CROWD; i++) {
        calls[i] = gt_join(t, &who);
    }
    gt_wait(t, 60000);
    for (int round = 1; round <= 3; round++) {
        for (int i = CROWD - 1; i >= 0; i--) {
            assert_int_equal(gt_joined(calls[i])->generation_id, round);
            struct gt_call *s = gt_sync(t, "g", calls[i], "x");
            assert_int_equal(s->is_done, i == 0);
        }
        assert_state(t, "g", "Stable");
        for (int i = 0; i < CROWD; i++) { /* the leader first */
            calls[i] = gt_join_of(t, 9, &who, gt_joined(calls[i])->member_id);
        }
    }
    assert_int_equal(gt_joined(calls[0])->members_count, CROWD);
    mem_free(calls);
}

static void idle_groups_need_nothing(void **state)
{
    struct gt *t = *state;
    for (int i = 0; i < 10000; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "g%d", i);
        (void)gt_commit_off(t, &(struct gt_commit_of){name, "t", 0, i, "", NULL, 9, 0});
        gt_free_calls(t);
    }
    assert_int_equal(group_shard_count(t->shard), 10000);
    assert_int_equal(group_shard_deadline(t->shard), 1000 + t->config.retention_check_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GT_TEST(a_member_gets_its_id_first),
        GT_TEST(old_versions_join_at_once),
        GT_TEST(version_0_rebalances_within_the_session),
        GT_TEST(the_leader_syncs_for_all),
        GT_TEST(a_sync_waits_for_the_write),
        GT_TEST(a_sync_whose_write_fails_rebalances),
        GT_TEST(a_commit_that_times_out_rebalances_too),
        GT_TEST(bad_joins_are_refused),
        GT_TEST(protocols_must_be_common),
        GT_TEST(most_votes_win),
        GT_TEST(equal_votes_go_by_javas_hash),
        GT_TEST(too_many_protocols_are_refused),
        GT_TEST(the_group_has_a_largest_size),
        GT_TEST(the_last_to_come_are_out_when_the_limit_fell),
        GT_TEST(bad_syncs_are_refused),
        GT_TEST(bad_heartbeats_are_refused),
        GT_TEST(an_id_that_nobody_joins_with_expires),
        GT_TEST(a_rebalance_waits_for_ids_that_were_handed_out),
        GT_TEST(ids_that_are_handed_out_are_limited),
        GT_TEST(newcomers_extend_the_first_delay),
        GT_TEST(without_a_delay_the_first_alone_is_a_group),
        GT_TEST(who_does_not_come_again_is_out),
        GT_TEST(who_is_silent_is_out),
        GT_TEST(a_parked_member_is_not_silent),
        GT_TEST(a_new_member_waits_five_minutes),
        GT_TEST(who_does_not_sync_is_out),
        GT_TEST(without_time_to_rebalance_there_is_none_to_sync),
        GT_TEST(a_group_where_nobody_comes_again_waits_for_sessions),
        GT_TEST(the_same_join_again_changes_nothing),
        GT_TEST(a_change_of_metadata_rebalances),
        GT_TEST(a_second_request_of_a_member_ends_the_first),
        GT_TEST(the_last_who_leaves_empties_the_group),
        GT_TEST(leaving_rebalances_the_rest),
        GT_TEST(who_leaves_while_parked_is_told),
        GT_TEST(an_id_that_was_handed_out_can_leave),
        GT_TEST(old_versions_leave_with_one_error),
        GT_TEST(a_group_that_cannot_be_written_is_none),
        GT_TEST(a_restart_keeps_members_and_starts_their_sessions),
        GT_TEST(who_is_parked_when_the_shard_goes_is_told),
        GT_TEST(a_thousand_members_rebalance),
        GT_TEST(idle_groups_need_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
