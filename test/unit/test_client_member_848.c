/* A member by KIP-848, step by step: what it tells in its heartbeats, and what each answer means to
 * it. The coordinator is the test. */
#include "test.h"

#include "client/group/member_int.h"

struct world {
    struct ottla_config *config;
    struct member m;
    int64_t now_ms;
};

static struct world world;

static const struct uuid topic_t = {{7}}, topic_u = {{8}};

static void begin(const char *instance)
{
    static const char *const topics[] = {"t", "u"};
    world.config = ottla_config_new();
    assert_int_equal(ottla_config_set(world.config, "group.id", "g", NULL), 0);
    assert_int_equal(ottla_config_set(world.config, "group.instance.id", instance, NULL), 0);
    assert_int_equal(ottla_config_set(world.config, "group.protocol", "consumer", NULL), 0);
    world.now_ms = 1000;
    assert_int_equal(member_init(&world.m, &world.config->values, 1, NULL), 0);
    member_subscribe(&world.m, topics, 2);
}

static void end(void)
{
    member_deinit(&world.m);
    ottla_config_free(world.config);
}

static enum member_task poll_once(void)
{
    member_poll(&world.m, world.now_ms);
    return member_begin_task(&world.m);
}

static struct member_ask *expect(enum member_ask_kind kind)
{
    struct member_ask *a = member_next(&world.m, world.now_ms);
    assert_non_null(a);
    assert_int_equal(a->kind, kind);
    return a;
}

static void expect_nothing(void) { assert_null(member_next(&world.m, world.now_ms)); }

/* Partitions 0 to count-1 of a topic; count < 0: no assignment in the answer. */
static void answer(struct member_ask *a, int code, int32_t epoch, struct uuid topic, int32_t count)
{
    static int32_t numbers[] = {0, 1, 2, 3, 4, 5, 6, 7};
    struct consumer_group_heartbeat_resp r = consumer_group_heartbeat_resp_default;
    struct consumer_group_heartbeat_resp_topic_partitions row = {topic, numbers, count};
    struct consumer_group_heartbeat_resp_assignment given = {&row, count > 0};
    r.error_code = (int16_t)code;
    r.member_epoch = epoch;
    r.heartbeat_interval_ms = 500;
    r.assignment = count >= 0 ? &given : NULL;
    member_take(&world.m, a, OK, &r, world.now_ms);
}

static void answer_topics(void)
{
    struct metadata_resp r = metadata_resp_default;
    struct metadata_resp_metadata_response_topic t[2];
    t[0] = t[1] = metadata_resp_metadata_response_topic_default;
    t[0].name = STR("t");
    t[0].topic_id = topic_t;
    t[1].name = STR("u");
    t[1].topic_id = topic_u;
    r.topics = t;
    r.topics_count = 2;
    struct member_ask *a = expect(MEMBER_TOPICS);
    assert_true(a->version_lo >= 10);
    member_take(&world.m, a, OK, &r, world.now_ms);
}

/* In the group with partitions 0 to 3 of t, in epoch 1, and has told so. */
static void be_in(void)
{
    assert_int_equal(poll_once(), MEMBER_NOTHING);
    answer(expect(MEMBER_BEAT), 0, 1, topic_t, 4);
    answer_topics();
    assert_int_equal(poll_once(), MEMBER_ADOPT);
    member_end_task(&world.m, world.now_ms);
    answer(expect(MEMBER_BEAT), 0, 1, topic_t, -1);
    expect_nothing();
}

static void test_join(void **state)
{
    (void)state;
    begin("");
    assert_int_equal(poll_once(), MEMBER_NOTHING);
    struct member_ask *a = expect(MEMBER_BEAT);
    const struct consumer_group_heartbeat_req *req = &a->req.beat;
    assert_int_equal(req->member_epoch, 0);
    assert_int_equal(req->member_id.len, UUID_TEXT_LEN); /* chosen here */
    assert_int_equal(req->subscribed_topic_names_count, 2);
    assert_int_equal(req->topic_partitions_count, 0);
    assert_non_null(req->topic_partitions);
    assert_int_equal(req->rebalance_timeout_ms, world.config->values.max_poll_interval_ms);
    expect_nothing();
    answer(a, 0, 3, topic_t, 4);
    answer_topics(); /* names of what was given */
    assert_int_equal(poll_once(), MEMBER_ADOPT);
    assert_int_equal(world.m.added.count, 4);
    assert_int_equal(member_may_commit(&world.m), 0);
    member_end_task(&world.m, world.now_ms);
    a = expect(MEMBER_BEAT); /* at once: this is what it has */
    assert_int_equal(a->req.beat.topic_partitions_count, 1);
    assert_int_equal(a->req.beat.topic_partitions[0].partitions_count, 4);
    assert_int_equal(a->req.beat.subscribed_topic_names_count, -1); /* and nothing twice */
    assert_int_equal(a->req.beat.rebalance_timeout_ms, -1);
    answer(a, 0, 3, topic_t, -1);
    assert_int_equal(member_deadline_ms(&world.m, world.now_ms), world.now_ms + 500);
    world.now_ms += 500;
    a = expect(MEMBER_BEAT);
    assert_null(a->req.beat.topic_partitions);
    member_drop(&world.m, a);
    end();
}

/* What is taken away goes before it is told; names that are known are not asked for again. */
static void test_gives_away(void **state)
{
    (void)state;
    begin("");
    be_in();
    world.now_ms += 500;
    answer(expect(MEMBER_BEAT), 0, 2, topic_t, 1);
    assert_int_equal(world.m.generation, 2);
    world.now_ms += 500;
    struct member_ask *a = expect(MEMBER_BEAT);
    assert_null(a->req.beat.topic_partitions); /* it still has what it had */
    answer(a, 0, 2, topic_t, -1);
    assert_int_equal(poll_once(), MEMBER_ADOPT);
    assert_int_equal(world.m.revoked.count, 3);
    assert_int_equal(world.m.added.count, 0);
    member_end_task(&world.m, world.now_ms);
    a = expect(MEMBER_BEAT);
    assert_int_equal(a->req.beat.topic_partitions[0].partitions_count, 1);
    member_drop(&world.m, a);
    end();
}

/* Another assignment that comes while the user takes one waits for its turn. */
static void test_given_meanwhile(void **state)
{
    (void)state;
    begin("");
    be_in();
    world.now_ms += 500;
    answer(expect(MEMBER_BEAT), 0, 2, topic_t, 2);
    assert_int_equal(poll_once(), MEMBER_ADOPT);
    world.now_ms += 500;
    answer(expect(MEMBER_BEAT), 0, 3, topic_u, 1);
    assert_int_equal(world.m.revoked.count, 2);
    member_end_task(&world.m, world.now_ms);
    assert_int_equal(world.m.owned.count, 2);
    assert_int_equal(poll_once(), MEMBER_ADOPT);
    assert_int_equal(world.m.revoked.count, 2);
    assert_int_equal(world.m.added.count, 1);
    assert_string_equal(world.m.added.items[0].topic, "u");
    member_end_task(&world.m, world.now_ms);
    end();
}

static void test_fenced(void **state)
{
    static const int codes[] = {ERR_FENCED_MEMBER_EPOCH, ERR_UNKNOWN_MEMBER_ID};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        begin("");
        be_in();
        struct str id = str_from(world.m.id);
        world.now_ms += 500;
        answer(expect(MEMBER_BEAT), codes[i], 0, topic_t, -1);
        assert_int_equal(member_may_commit(&world.m), ERR_UNKNOWN_MEMBER_ID);
        assert_int_equal(poll_once(), MEMBER_LOSE);
        assert_int_equal(world.m.revoked.count, 4);
        member_end_task(&world.m, world.now_ms);
        struct member_ask *a = expect(MEMBER_BEAT);
        assert_int_equal(a->req.beat.member_epoch, 0);
        assert_true(str_eq(a->req.beat.member_id, id)); /* who it is stays */
        assert_int_equal(a->req.beat.topic_partitions_count, 0);
        member_drop(&world.m, a);
        end();
    }
}

/* After a heartbeat that may not have arrived everything is told again. */
static void test_lost_heartbeat(void **state)
{
    (void)state;
    begin("");
    be_in();
    world.now_ms += 500;
    member_take(&world.m, expect(MEMBER_BEAT), ERR_NETWORK_EXCEPTION, NULL, world.now_ms);
    expect_nothing();
    world.now_ms = member_deadline_ms(&world.m, world.now_ms);
    struct member_ask *a = expect(MEMBER_BEAT);
    assert_true(a->is_fresh);
    assert_int_equal(a->req.beat.member_epoch, 1);
    assert_int_equal(a->req.beat.subscribed_topic_names_count, 2);
    assert_int_equal(a->req.beat.topic_partitions[0].partitions_count, 4);
    member_drop(&world.m, a);
    end();
}

static void test_refused(void **state)
{
    struct consumer_group_heartbeat_resp r = consumer_group_heartbeat_resp_default;
    (void)state;
    begin("");
    assert_int_equal(poll_once(), MEMBER_NOTHING);
    r.error_code = ERR_UNSUPPORTED_ASSIGNOR;
    r.error_message = STR("there is no such assignor");
    member_take(&world.m, expect(MEMBER_BEAT), OK, &r, world.now_ms);
    assert_int_equal(poll_once(), MEMBER_FAIL);
    assert_int_equal(world.m.code, ERR_UNSUPPORTED_ASSIGNOR);
    assert_string_equal(world.m.why, "group g: there is no such assignor");
    end();
}

/* Which topics these may be: the coordinator does not say. */
static void test_topics_refused(void **state)
{
    (void)state;
    begin("");
    assert_int_equal(poll_once(), MEMBER_NOTHING);
    answer(expect(MEMBER_BEAT), ERR_TOPIC_AUTHORIZATION_FAILED, 0, topic_t, -1);
    assert_int_equal(poll_once(), MEMBER_FAIL);
    assert_string_equal(world.m.why, "group g: topic t, u: topic authorization failed: the user "
                                     "needs READ and DESCRIBE on it");
    assert_int_equal(world.m.warnings.len, 0); /* it was not in */
    end();
}

/* A broker that does not know it: the classic protocol, with no id of its own. */
static void test_falls_back(void **state)
{
    (void)state;
    begin("");
    assert_int_equal(poll_once(), MEMBER_NOTHING);
    member_take(&world.m, expect(MEMBER_BEAT), ERR_UNSUPPORTED_VERSION, NULL, world.now_ms);
    struct member_ask *a = expect(MEMBER_JOIN);
    assert_int_equal(a->req.join.member_id.len, 0);
    member_drop(&world.m, a);
    end();
}

static void test_leave(void **state)
{
    (void)state;
    for (int is_static = 0; is_static < 2; is_static++) {
        begin(is_static ? "i" : "");
        be_in();
        assert_int_equal(member_begin_leave(&world.m), MEMBER_REVOKE);
        member_end_leave(&world.m, !is_static, "");
        struct member_ask *a = expect(MEMBER_LEAVE);
        assert_int_equal(a->req.beat.member_epoch, is_static ? -2 : -1);
        member_take(&world.m, a, OK, &consumer_group_heartbeat_resp_default, world.now_ms);
        assert_true(member_has_left(&world.m));
        end();
    }
}

static void test_max_poll_interval(void **state)
{
    (void)state;
    begin("");
    be_in();
    world.now_ms += 300000;
    struct member_ask *a = expect(MEMBER_LEAVE);
    assert_int_equal(a->req.beat.member_epoch, -1);
    member_take(&world.m, a, OK, &consumer_group_heartbeat_resp_default, world.now_ms);
    expect_nothing();
    assert_int_equal(poll_once(), MEMBER_LOSE);
    member_end_task(&world.m, world.now_ms);
    a = expect(MEMBER_BEAT);
    assert_int_equal(a->req.beat.member_epoch, 0);
    member_drop(&world.m, a);
    end();
}

/* Another subscription is told with the next heartbeat, which is now. */
static void test_subscribes_anew(void **state)
{
    static const char *const others[] = {"u"};
    (void)state;
    begin("");
    be_in();
    member_subscribe(&world.m, others, 1);
    assert_int_equal(poll_once(), MEMBER_NOTHING);
    struct member_ask *a = expect(MEMBER_BEAT);
    assert_int_equal(a->req.beat.member_epoch, 1);
    assert_int_equal(a->req.beat.subscribed_topic_names_count, 1);
    member_drop(&world.m, a);
    end();
}

/* --- patterns --- */

static void begin_pattern(const char *pattern)
{
    begin("");
    assert_int_equal(member_subscribe_pattern(&world.m, pattern, NULL), 0);
    assert_int_equal(poll_once(), MEMBER_NOTHING);
}

static void expect_pattern(const struct member_ask *a, const char *pattern)
{
    const struct consumer_group_heartbeat_req *req = &a->req.beat;
    assert_true(str_eq(req->subscribed_topic_regex, str_from(pattern)));
    assert_int_equal(a->version_lo, 1);
}

/* The coordinator gets the pattern as it is, and names of what it gives are asked for by id. */
static void test_pattern(void **state)
{
    const char *const *topics;
    (void)state;
    begin_pattern("(?i)T.*\\d?"); /* nothing that regcomp would take */
    struct member_ask *a = expect(MEMBER_BEAT);
    expect_pattern(a, "(?i)T.*\\d?");
    assert_int_equal(a->req.beat.subscribed_topic_names_count, 0);
    expect_nothing(); /* no metadata of all topics */
    answer(a, 0, 1, topic_t, 2);
    a = expect(MEMBER_TOPICS);
    assert_int_equal(a->req.metadata.topics_count, 1);
    assert_true(uuid_eq(a->req.metadata.topics[0].topic_id, topic_t));
    assert_true(str_is_null(a->req.metadata.topics[0].name));
    assert_true(a->version_lo >= 12);
    assert_false(a->req.metadata.allow_auto_topic_creation);
    struct metadata_resp r = metadata_resp_default;
    struct metadata_resp_metadata_response_topic t = metadata_resp_metadata_response_topic_default;
    t.name = STR("t-1");
    t.topic_id = topic_t;
    r.topics = &t;
    r.topics_count = 1;
    member_take(&world.m, a, OK, &r, world.now_ms);
    assert_int_equal(poll_once(), MEMBER_ADOPT);
    assert_int_equal(world.m.added.count, 2);
    assert_int_equal(world.m.topic_count, 1);
    topics = (const char *const *)world.m.topics;
    assert_string_equal(topics[0], "t-1");
    member_end_task(&world.m, world.now_ms);
    a = expect(MEMBER_BEAT);
    assert_true(str_is_null(a->req.beat.subscribed_topic_regex)); /* told once */
    assert_int_equal(a->version_lo, 0);
    member_drop(&world.m, a);
    end();
}

/* A name that does not come at once is asked for again before the next heartbeat. */
static void test_pattern_name_is_late(void **state)
{
    struct metadata_resp r = metadata_resp_default;
    (void)state;
    begin_pattern("t");
    answer(expect(MEMBER_BEAT), 0, 1, topic_t, 1);
    member_take(&world.m, expect(MEMBER_TOPICS), OK, &r, world.now_ms);
    expect_nothing();
    assert_true(member_deadline_ms(&world.m, world.now_ms) < world.now_ms + 500);
    world.now_ms = member_deadline_ms(&world.m, world.now_ms);
    answer_topics();
    assert_int_equal(poll_once(), MEMBER_ADOPT);
    end();
}

/* From a pattern to names and back: an empty pattern takes the old one back, also when the
 * heartbeat that said so got lost. */
static void test_pattern_changes(void **state)
{
    static const char *const names[] = {"u"};
    (void)state;
    begin_pattern("t.*");
    answer(expect(MEMBER_BEAT), 0, 1, topic_t, -1);
    member_subscribe(&world.m, names, 1);
    for (int i = 0; i < 2; i++) {
        struct member_ask *a = expect(MEMBER_BEAT);
        expect_pattern(a, "");
        assert_int_equal(a->req.beat.subscribed_topic_names_count, 1);
        member_take(&world.m, a, ERR_NETWORK_EXCEPTION, NULL, world.now_ms);
        world.now_ms = member_deadline_ms(&world.m, world.now_ms);
    }
    answer(expect(MEMBER_BEAT), 0, 1, topic_t, -1);
    assert_int_equal(member_subscribe_pattern(&world.m, "u.*", NULL), 0);
    struct member_ask *a = expect(MEMBER_BEAT);
    expect_pattern(a, "u.*");
    assert_int_equal(a->req.beat.subscribed_topic_names_count, 0);
    answer(a, ERR_FENCED_MEMBER_EPOCH, 0, topic_t, -1);
    member_subscribe(&world.m, names, 1);
    (void)poll_once();
    a = expect(MEMBER_BEAT); /* a new life: there is nothing to take back */
    assert_true(str_is_null(a->req.beat.subscribed_topic_regex));
    member_drop(&world.m, a);
    end();
}

/* INVALID_REGULAR_EXPRESSION stays until there is another subscription. */
static void test_pattern_refused(void **state)
{
    struct consumer_group_heartbeat_resp r = consumer_group_heartbeat_resp_default;
    (void)state;
    begin_pattern("t[");
    r.error_code = ERR_INVALID_REGULAR_EXPRESSION;
    r.error_message = STR("missing closing ]");
    member_take(&world.m, expect(MEMBER_BEAT), OK, &r, world.now_ms);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(poll_once(), MEMBER_FAIL);
        assert_int_equal(world.m.code, ERR_INVALID_REGULAR_EXPRESSION);
        assert_non_null(strstr(world.m.why, "missing closing ]"));
        member_told(&world.m);
        expect_nothing();
    }
    assert_int_equal(member_subscribe_pattern(&world.m, "t", NULL), 0);
    assert_int_equal(poll_once(), MEMBER_NOTHING);
    member_drop(&world.m, expect(MEMBER_BEAT));
    end();
}

/* A coordinator of before patterns gets names; one of before KIP-848 a classic member. */
static void test_pattern_falls_back(void **state)
{
    (void)state;
    begin_pattern("t|x");
    member_take(&world.m, expect(MEMBER_BEAT), ERR_UNSUPPORTED_VERSION, NULL, world.now_ms);
    answer_topics();
    struct member_ask *a = expect(MEMBER_BEAT);
    assert_true(str_is_null(a->req.beat.subscribed_topic_regex));
    assert_int_equal(a->req.beat.subscribed_topic_names_count, 1);
    member_take(&world.m, a, ERR_UNSUPPORTED_VERSION, NULL, world.now_ms);
    member_drop(&world.m, expect(MEMBER_JOIN));
    end();
    begin_pattern("(?i)t"); /* which we cannot match */
    member_take(&world.m, expect(MEMBER_BEAT), ERR_UNSUPPORTED_VERSION, NULL, world.now_ms);
    expect_nothing();
    assert_int_equal(poll_once(), MEMBER_FAIL);
    assert_int_equal(world.m.code, ERR_INVALID_REGULAR_EXPRESSION);
    assert_int_equal(member_subscribe_pattern(&world.m, "(?i)t", NULL),
                     ERR_INVALID_REGULAR_EXPRESSION); /* known by now */
    assert_int_equal(member_subscribe_pattern(&world.m, "", NULL), ERR_INVALID_REGULAR_EXPRESSION);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join),
        cmocka_unit_test(test_gives_away),
        cmocka_unit_test(test_given_meanwhile),
        cmocka_unit_test(test_fenced),
        cmocka_unit_test(test_lost_heartbeat),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_topics_refused),
        cmocka_unit_test(test_falls_back),
        cmocka_unit_test(test_leave),
        cmocka_unit_test(test_max_poll_interval),
        cmocka_unit_test(test_subscribes_anew),
        cmocka_unit_test(test_pattern),
        cmocka_unit_test(test_pattern_name_is_late),
        cmocka_unit_test(test_pattern_changes),
        cmocka_unit_test(test_pattern_refused),
        cmocka_unit_test(test_pattern_falls_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
