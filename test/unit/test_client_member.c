/* A member of a group, step by step: what each answer of a coordinator means to it. The coordinator
 * is the test. */
#include "test.h"

#include "base/mem.h"
#include "client/group/member_int.h"

#include <stdio.h>

struct world {
    struct ottla_config *config;
    struct member m;
    int64_t now_ms;
};

static struct world world;

static void set(const char *name, const char *value)
{
    assert_int_equal(ottla_config_set(world.config, name, value, NULL), 0);
}

static void begin_with(const char *strategy, const char *instance)
{
    static const char *const topics[] = {"t"};
    world.config = ottla_config_new();
    set("group.id", "g");
    set("group.instance.id", instance);
    set("partition.assignment.strategy", strategy);
    world.now_ms = 1000;
    assert_int_equal(member_init(&world.m, &world.config->values, 1, NULL), 0);
    member_subscribe(&world.m, topics, 1);
}

static void begin(const char *strategy) { begin_with(strategy, ""); }

static void end(void)
{
    member_deinit(&world.m);
    ottla_config_free(world.config);
}

/* The user polls: what it has to do. */
static enum member_task poll_once(void)
{
    member_poll(&world.m, world.now_ms);
    return member_begin_task(&world.m);
}

static void poll_all(void)
{
    while (poll_once() != MEMBER_NOTHING) {
        assert_int_not_equal(world.m.code, ERR_FENCED_INSTANCE_ID);
        if (world.m.code != 0) {
            member_told(&world.m);
            return;
        }
        member_end_task(&world.m, world.now_ms);
    }
}

static struct member_ask *expect(enum member_ask_kind kind)
{
    struct member_ask *a = member_next(&world.m, world.now_ms);
    assert_non_null(a);
    assert_int_equal(a->kind, kind);
    return a;
}

static void expect_nothing(void) { assert_null(member_next(&world.m, world.now_ms)); }

static void pass_ms(int64_t ms) { world.now_ms += ms; }

/* --- answers --- */

static void answer_join_code(int code)
{
    struct join_group_resp r = join_group_resp_default;
    struct member_ask *a = expect(MEMBER_JOIN);
    r.error_code = (int16_t)code;
    r.member_id = code == ERR_MEMBER_ID_REQUIRED ? STR("me") : STR("");
    member_take(&world.m, a, OK, &r, world.now_ms);
}

static void answer_join_as(int32_t generation, const char *leader)
{
    struct join_group_resp r = join_group_resp_default;
    struct join_group_resp_join_group_response_member self;
    struct member_ask *a = expect(MEMBER_JOIN);
    r.generation_id = generation;
    r.protocol_type = STR("consumer");
    r.protocol_name = a->req.join.protocols[0].name;
    r.leader = str_from(leader);
    r.member_id = STR("me");
    self = (struct join_group_resp_join_group_response_member){STR("me"), STR_NULL,
                                                               a->req.join.protocols[0].metadata};
    r.members = &self;
    r.members_count = strcmp(leader, "me") == 0;
    member_take(&world.m, a, OK, &r, world.now_ms);
}

static void answer_join(int32_t generation) { answer_join_as(generation, "other"); }

static void answer_sync_code(int code)
{
    struct sync_group_resp r = sync_group_resp_default;
    r.error_code = (int16_t)code;
    member_take(&world.m, expect(MEMBER_SYNC), OK, &r, world.now_ms);
}

/* Partitions first to last of t. */
static void answer_sync(int32_t first, int32_t last)
{
    struct sync_group_resp r = sync_group_resp_default;
    struct buf out = BUF_INIT;
    struct tps t;
    tps_init(&t);
    for (int32_t p = first; p <= last; p++) {
        tps_add(&t, STR("t"), p);
    }
    buf_put_be16(&out, 0);
    protocol_write_partitions(&out, &t);
    buf_put_be32(&out, UINT32_MAX);
    r.assignment = buf_bytes(&out);
    member_take(&world.m, expect(MEMBER_SYNC), OK, &r, world.now_ms);
    buf_deinit(&out);
    tps_deinit(&t);
}

static void answer_heartbeat(int code)
{
    struct heartbeat_resp r = heartbeat_resp_default;
    r.error_code = (int16_t)code;
    pass_ms(3000);
    member_take(&world.m, expect(MEMBER_HEARTBEAT), OK, &r, world.now_ms);
}

static void answer_topics_code(int32_t partitions, int code)
{
    struct metadata_resp r = metadata_resp_default;
    struct metadata_resp_metadata_response_topic t = metadata_resp_metadata_response_topic_default;
    static struct metadata_resp_metadata_response_partition p[20];
    struct member_ask *a = expect(MEMBER_TOPICS);
    for (int32_t i = 0; i < partitions; i++) {
        p[i].partition_index = i;
    }
    t.name = STR("t");
    t.error_code = (int16_t)code;
    t.partitions = p;
    t.partitions_count = partitions;
    r.topics = &t;
    r.topics_count = 1;
    member_take(&world.m, a, OK, &r, world.now_ms);
}

static void answer_topics(int32_t partitions)
{
    answer_topics_code(partitions, partitions == 0 ? ERR_UNKNOWN_TOPIC_OR_PARTITION : 0);
}

static void answer_leave(void)
{
    struct leave_group_resp r = leave_group_resp_default;
    member_take(&world.m, expect(MEMBER_LEAVE), OK, &r, world.now_ms);
}

/* In the group, with partitions 0 to 3 of generation 1. */
static void be_in(void)
{
    poll_all();
    answer_join(1);
    answer_sync(0, 3);
    poll_all();
    assert_int_equal(world.m.state, MEMBER_STABLE);
    assert_int_equal(world.m.owned.count, 4);
}

/* --- joining --- */

static void test_member_id_required(void **state)
{
    (void)state;
    begin("range");
    expect_nothing(); /* before the first poll */
    poll_all();
    struct member_ask *a = expect(MEMBER_JOIN);
    assert_int_equal(a->req.join.member_id.len, 0);
    assert_true(a->timeout_ms >= world.config->values.max_poll_interval_ms);
    member_drop(&world.m, a);
    world.m.is_asking = false;
    answer_join_code(ERR_MEMBER_ID_REQUIRED);
    a = expect(MEMBER_JOIN);
    assert_true(str_eq(a->req.join.member_id, STR("me")));
    expect_nothing(); /* one at a time */
    member_drop(&world.m, a);
    end();
}

/* What passes is asked again after a while; where the coordinator is, is asked, too. */
static void test_join_again(void **state)
{
    static const int codes[] = {ERR_COORDINATOR_LOAD_IN_PROGRESS, ERR_NOT_COORDINATOR,
                                ERR_COORDINATOR_NOT_AVAILABLE, ERR_REBALANCE_IN_PROGRESS};
    (void)state;
    begin("range");
    poll_all();
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        answer_join_code(codes[i]);
        expect_nothing();
        int64_t at = member_deadline_ms(&world.m, world.now_ms);
        assert_in_range(at, world.now_ms + 50, world.now_ms + 1500);
        world.now_ms = at;
        bool is_elsewhere =
            codes[i] == ERR_NOT_COORDINATOR || codes[i] == ERR_COORDINATOR_NOT_AVAILABLE;
        struct member_ask *a = expect(MEMBER_JOIN);
        assert_int_equal(a->is_fresh, is_elsewhere);
        member_take(&world.m, a, ERR_NETWORK_EXCEPTION, NULL, world.now_ms);
        world.m.is_coordinator_stale = false;
        world.now_ms = member_deadline_ms(&world.m, world.now_ms);
    }
    end();
}

/* What does not pass is told, once; the next poll tries again. */
static void test_join_refused(void **state)
{
    static const int codes[] = {
        ERR_INCONSISTENT_GROUP_PROTOCOL, ERR_INVALID_SESSION_TIMEOUT, ERR_INVALID_GROUP_ID,
        ERR_GROUP_AUTHORIZATION_FAILED,  ERR_GROUP_MAX_SIZE_REACHED,  ERR_UNKNOWN_SERVER_ERROR};
    (void)state;
    begin("range");
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        poll_all();
        answer_join_code(codes[i]);
        expect_nothing();
        assert_int_equal(poll_once(), MEMBER_FAIL);
        assert_int_equal(world.m.code, codes[i]);
        member_told(&world.m);
    }
    end();
}

static void test_fenced(void **state)
{
    (void)state;
    begin_with("range", "i");
    be_in();
    answer_heartbeat(ERR_FENCED_INSTANCE_ID);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(poll_once(), MEMBER_FAIL);
        member_told(&world.m); /* which does not help */
        expect_nothing();
    }
    assert_int_equal(member_may_commit(&world.m), ERR_FENCED_INSTANCE_ID);
    end();
}

static void test_not_our_protocol(void **state)
{
    struct join_group_resp r = join_group_resp_default;
    (void)state;
    begin("range");
    poll_all();
    r.generation_id = 1;
    r.member_id = STR("me");
    r.protocol_type = STR("connect");
    r.protocol_name = STR("range");
    member_take(&world.m, expect(MEMBER_JOIN), OK, &r, world.now_ms);
    assert_int_equal(poll_once(), MEMBER_FAIL);
    assert_int_equal(world.m.code, ERR_INCONSISTENT_GROUP_PROTOCOL);
    end();
}

/* --- syncing --- */

static void test_sync_errors(void **state)
{
    (void)state;
    begin("range");
    poll_all();
    answer_join(1);
    answer_sync_code(ERR_REBALANCE_IN_PROGRESS); /* at once, as who it is */
    answer_join(2);
    answer_sync_code(ERR_ILLEGAL_GENERATION);
    assert_string_equal(world.m.id, "me");
    poll_all();
    answer_join(3);
    answer_sync_code(ERR_UNKNOWN_MEMBER_ID);
    assert_string_equal(world.m.id, "");
    poll_all();
    answer_join(4);
    answer_sync_code(ERR_NOT_COORDINATOR);
    expect_nothing();
    pass_ms(2000);
    struct member_ask *a = expect(MEMBER_JOIN);
    assert_true(a->is_fresh);
    member_drop(&world.m, a);
    end();
}

static void test_malformed_assignment(void **state)
{
    struct sync_group_resp r = sync_group_resp_default;
    (void)state;
    begin("range");
    poll_all();
    answer_join(1);
    r.assignment = (struct bytes){(const uint8_t *)"\0\0\0\0\0\7x", 7};
    member_take(&world.m, expect(MEMBER_SYNC), OK, &r, world.now_ms);
    assert_int_equal(poll_once(), MEMBER_FAIL);
    member_told(&world.m);
    poll_all();
    answer_join(2); /* and again */
    end();
}

/* An assignment for a subscription that is not its any more is not taken. */
static void test_stale_assignment(void **state)
{
    static const char *const others[] = {"u"};
    (void)state;
    begin("range");
    poll_all();
    answer_join(1);
    member_subscribe(&world.m, others, 1);
    answer_sync(0, 3);
    assert_int_equal(poll_once(), MEMBER_NOTHING);
    assert_int_equal(world.m.owned.count, 0);
    struct member_ask *a = expect(MEMBER_JOIN);
    member_drop(&world.m, a);
    end();
}

/* --- rebalances --- */

static void test_eager(void **state)
{
    (void)state;
    begin("range");
    be_in();
    answer_heartbeat(ERR_REBALANCE_IN_PROGRESS);
    expect_nothing(); /* the user first */
    assert_int_equal(poll_once(), MEMBER_REVOKE);
    assert_int_equal(world.m.revoked.count, 4);
    assert_int_equal(member_may_commit(&world.m), 0);
    member_end_task(&world.m, world.now_ms);
    answer_join(2);
    assert_int_equal(member_may_commit(&world.m), ERR_REBALANCE_IN_PROGRESS);
    answer_sync(2, 3);
    assert_int_equal(poll_once(), MEMBER_ADOPT);
    assert_int_equal(world.m.revoked.count, 0);
    assert_int_equal(world.m.added.count, 2);
    member_end_task(&world.m, world.now_ms);
    expect_nothing();
    end();
}

/* Keeps what it has while it joins; joins again when it has given something away. */
static void test_cooperative(void **state)
{
    (void)state;
    begin("cooperative-sticky");
    be_in();
    answer_heartbeat(ERR_REBALANCE_IN_PROGRESS);
    assert_int_equal(poll_once(), MEMBER_NOTHING);
    answer_join(2);
    answer_sync(0, 1);
    assert_int_equal(poll_once(), MEMBER_ADOPT);
    assert_int_equal(world.m.revoked.count, 2);
    assert_int_equal(world.m.added.count, 0);
    assert_int_equal(member_may_commit(&world.m), 0); /* the last offsets of what goes */
    member_end_task(&world.m, world.now_ms);
    assert_int_equal(poll_once(), MEMBER_NOTHING);
    answer_join(3);
    answer_sync(0, 1);
    poll_all();
    expect_nothing();
    assert_int_equal(world.m.owned.count, 2);
    end();
}

static void test_lost(void **state)
{
    static const int codes[] = {ERR_UNKNOWN_MEMBER_ID, ERR_ILLEGAL_GENERATION};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        begin(i == 0 ? "range" : "cooperative-sticky");
        be_in();
        answer_heartbeat(codes[i]);
        assert_int_equal(member_may_commit(&world.m), ERR_UNKNOWN_MEMBER_ID);
        assert_int_equal(poll_once(), MEMBER_LOSE);
        assert_int_equal(world.m.revoked.count, 4);
        member_end_task(&world.m, world.now_ms);
        struct member_ask *a = expect(MEMBER_JOIN);
        assert_int_equal(a->req.join.member_id.len, codes[i] == ERR_ILLEGAL_GENERATION ? 2 : 0);
        member_drop(&world.m, a);
        end();
    }
}

/* An answer to a question of an earlier life changes nothing. */
static void test_late_answer(void **state)
{
    struct heartbeat_resp r = heartbeat_resp_default;
    (void)state;
    begin("range");
    be_in();
    pass_ms(3000);
    struct member_ask *late = expect(MEMBER_HEARTBEAT);
    member_refused(&world.m, 1, ERR_UNKNOWN_MEMBER_ID);
    poll_all();
    answer_join(7);
    answer_sync(0, 3);
    poll_all();
    r.error_code = ERR_UNKNOWN_MEMBER_ID;
    member_take(&world.m, late, OK, &r, world.now_ms);
    assert_int_equal(world.m.state, MEMBER_STABLE);
    assert_int_equal(world.m.generation, 7);
    member_refused(&world.m, 1, ERR_UNKNOWN_MEMBER_ID); /* nor does a commit's */
    assert_int_equal(world.m.generation, 7);
    end();
}

/* --- heartbeats --- */

static void test_heartbeats(void **state)
{
    (void)state;
    begin("range");
    be_in();
    int64_t at = member_deadline_ms(&world.m, world.now_ms);
    assert_int_equal(at, world.now_ms + 3000);
    answer_heartbeat(0);
    answer_heartbeat(ERR_NOT_COORDINATOR);
    pass_ms(100);
    struct member_ask *a = expect(MEMBER_HEARTBEAT); /* sooner than in its turn */
    assert_true(a->is_fresh);
    expect_nothing();
    pass_ms(world.config->values.session_timeout_ms);
    member_take(&world.m, a, ERR_REQUEST_TIMED_OUT, NULL, world.now_ms);
    pass_ms(100);
    a = expect(MEMBER_HEARTBEAT);
    assert_true(a->is_fresh);
    member_drop(&world.m, a);
    end();
}

/* Who does not poll leaves, and has lost what it had; unless it waits in poll. */
static void test_max_poll_interval(void **state)
{
    (void)state;
    begin("range");
    be_in();
    world.m.is_waiting = true;
    pass_ms(300000);
    struct member_ask *a = expect(MEMBER_HEARTBEAT);
    member_drop(&world.m, a);
    world.m.is_waiting = world.m.is_beating = false;
    answer_leave();
    assert_int_equal(world.m.generation, -1);
    expect_nothing();
    assert_int_equal(poll_once(), MEMBER_LOSE);
    member_end_task(&world.m, world.now_ms);
    a = expect(MEMBER_JOIN);
    assert_int_equal(a->req.join.member_id.len, 0);
    member_drop(&world.m, a);
    end();
}

static void test_static_does_not_leave(void **state)
{
    (void)state;
    begin_with("range", "i");
    be_in();
    pass_ms(300000);
    expect_nothing(); /* the session ends by itself */
    assert_int_equal(world.m.generation, -1);
    end();
}

/* --- leaving --- */

static void test_leave(void **state)
{
    static const char *const topics[] = {"t"};
    (void)state;
    begin("range");
    be_in();
    assert_int_equal(member_begin_leave(&world.m), MEMBER_REVOKE);
    assert_int_equal(world.m.revoked.count, 4);
    member_end_leave(&world.m, true, "why not");
    assert_false(member_has_left(&world.m));
    member_subscribe(&world.m, topics, 1);
    poll_all();
    struct member_ask *a = expect(MEMBER_LEAVE);
    assert_true(str_eq(a->req.leave.members[0].member_id, STR("me")));
    expect_nothing(); /* the new life begins after it */
    member_take(&world.m, a, ERR_NETWORK_EXCEPTION, NULL, world.now_ms);
    assert_true(member_has_left(&world.m));
    a = expect(MEMBER_JOIN);
    assert_int_equal(a->req.join.member_id.len, 0);
    member_drop(&world.m, a);
    end();
}

/* --- leading --- */

static void test_leader_watches(void **state)
{
    (void)state;
    begin("range");
    poll_all();
    answer_join_as(1, "me");
    answer_topics(0); /* nobody made it yet */
    struct member_ask *a = expect(MEMBER_SYNC);
    assert_int_equal(a->req.sync.assignments_count, 1);
    member_drop(&world.m, a);
    world.m.is_asking = false;
    answer_sync(0, -1);
    poll_all();
    pass_ms(1500);
    answer_topics(0);
    assert_int_equal(poll_once(), MEMBER_NOTHING);
    expect_nothing();
    pass_ms(1500);
    answer_topics(3);
    assert_int_equal(poll_once(), MEMBER_NOTHING);
    answer_join_as(2, "me");
    answer_topics(3);
    answer_sync(0, 2);
    poll_all();
    assert_int_equal(world.m.owned.count, 3);
    expect_nothing();
    assert_true(world.m.watch_at_ms >= world.now_ms + 300000);
    end();
}

/* A topic that the leader may not see is told, again and again, until it may; and the group goes on
 * without it. */
static void test_leader_may_not(void **state)
{
    (void)state;
    begin("range");
    poll_all();
    answer_join_as(1, "me");
    answer_topics_code(0, ERR_TOPIC_AUTHORIZATION_FAILED);
    assert_int_equal(poll_once(), MEMBER_FAIL);
    assert_int_equal(world.m.code, ERR_TOPIC_AUTHORIZATION_FAILED);
    assert_string_equal(world.m.why, "group g: topic t: topic authorization failed: the user needs "
                                     "READ and DESCRIBE on it");
    member_told(&world.m);
    answer_sync(0, -1);
    poll_all();
    pass_ms(1500);
    answer_topics_code(0, ERR_TOPIC_AUTHORIZATION_FAILED);
    assert_int_equal(poll_once(), MEMBER_FAIL);
    member_told(&world.m);
    pass_ms(1500);
    answer_topics(3);
    assert_int_equal(poll_once(), MEMBER_NOTHING);
    answer_join_as(2, "me");
    answer_topics(3);
    answer_sync(0, 2);
    poll_all();
    assert_int_equal(world.m.owned.count, 3);
    end();
}

static void test_pattern(void **state)
{
    struct ottla_error error;
    (void)state;
    begin("range");
    assert_int_equal(member_subscribe_pattern(&world.m, "t(", &error),
                     ERR_INVALID_REGULAR_EXPRESSION);
    assert_int_equal(member_subscribe_pattern(&world.m, "t|x.", &error), 0);
    assert_true(member_wants_topic(&world.m, "t"));
    assert_true(member_wants_topic(&world.m, "xy"));
    assert_false(member_wants_topic(&world.m, "tt")); /* the whole name */
    poll_all();
    answer_topics(2);
    assert_int_equal(world.m.topic_count, 1);
    answer_join(1);
    answer_sync(0, 1);
    poll_all();
    pass_ms(300000);
    world.m.poll_at_ms = world.now_ms;
    answer_topics(0); /* it is gone */
    assert_true(world.m.wants_join);
    end();
}

static void test_strategy(void **state)
{
    struct member m;
    struct ottla_error error;
    (void)state;
    begin("org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
    assert_true(world.m.is_cooperative);
    set("partition.assignment.strategy", "range,stickiest");
    assert_int_equal(member_init(&m, &world.config->values, 1, &error), ERR_BAD_CONFIG);
    assert_non_null(strstr(error.message, "stickiest"));
    end();
}

/* The sticky assignor's memory goes with the next join. */
static void test_sticky_memory(void **state)
{
    struct consumer_protocol_subscription s;
    protocol_owned *owned;
    int32_t count, generation;
    struct arena a;
    (void)state;
    begin("sticky");
    be_in();
    answer_heartbeat(ERR_REBALANCE_IN_PROGRESS);
    poll_all();
    struct member_ask *ask = expect(MEMBER_JOIN);
    arena_init(&a, 1 << 20);
    assert_ok(protocol_read_subscription(ask->req.join.protocols[0].metadata, &a, &s));
    assert_int_equal(s.owned_partitions_count, 0);
    assert_ok(protocol_read_sticky(s.user_data, &a, &owned, &count, &generation));
    assert_int_equal(generation, 1);
    assert_int_equal(count, 1);
    assert_int_equal(owned[0].partitions_count, 4);
    arena_deinit(&a);
    member_drop(&world.m, ask);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_member_id_required),
        cmocka_unit_test(test_join_again),
        cmocka_unit_test(test_join_refused),
        cmocka_unit_test(test_fenced),
        cmocka_unit_test(test_not_our_protocol),
        cmocka_unit_test(test_sync_errors),
        cmocka_unit_test(test_malformed_assignment),
        cmocka_unit_test(test_stale_assignment),
        cmocka_unit_test(test_eager),
        cmocka_unit_test(test_cooperative),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_late_answer),
        cmocka_unit_test(test_heartbeats),
        cmocka_unit_test(test_max_poll_interval),
        cmocka_unit_test(test_static_does_not_leave),
        cmocka_unit_test(test_leave),
        cmocka_unit_test(test_leader_watches),
        cmocka_unit_test(test_leader_may_not),
        cmocka_unit_test(test_pattern),
        cmocka_unit_test(test_strategy),
        cmocka_unit_test(test_sticky_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
