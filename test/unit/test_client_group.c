/* A consumer in a group, as its user sees it, in virtual time: the broker is a script that lets it
 * in alone. */
#include "client_host_world.h"

/* What the script says now. */
struct script {
    int heartbeat_code, commit_codes[4];
    int64_t committed;  /* by the group */
    int64_t commit_off; /* the last that was asked for */
    char told[256];     /* by the listener and the commits' callbacks */
    int generation;
};

static struct script script;

static void say(const char *word, size_t n)
{
    size_t len = strlen(script.told);
    snprintf(script.told + len, sizeof script.told - len, "%s%zu ", word, n);
}

#define assert_told(text)                                                                          \
    do {                                                                                           \
        assert_string_equal(script.told, text);                                                    \
        script.told[0] = '\0';                                                                     \
    } while (0)

/* --- the broker --- */

static void put_join(struct join_group_resp *r)
{
    r->generation_id = ++script.generation;
    r->protocol_type = STR("consumer");
    r->protocol_name = STR("range");
    r->leader = STR("other");
    r->member_id = STR("me");
}

static void put_sync(struct sync_group_resp *r)
{
    static const uint8_t t0[] = {0, 0, 0, 0, 0, 1, 0,   1,   't', 0,  0,
                                 0, 1, 0, 0, 0, 0, 255, 255, 255, 255};
    r->assignment = (struct bytes){t0, sizeof t0};
}

static void put_committed(struct offset_fetch_resp *r)
{
    static struct offset_fetch_resp_offset_fetch_response_partitions p;
    static struct offset_fetch_resp_offset_fetch_response_topics t;
    static struct offset_fetch_resp_offset_fetch_response_group g;
    p = offset_fetch_resp_offset_fetch_response_partitions_default;
    p.committed_offset = script.committed;
    t = offset_fetch_resp_offset_fetch_response_topics_default;
    t.name = STR("t");
    t.partitions = &p;
    t.partitions_count = 1;
    g = offset_fetch_resp_offset_fetch_response_group_default;
    g.group_id = STR("g");
    g.topics = &t;
    g.topics_count = 1;
    r->groups = &g;
    r->groups_count = 1;
}

static void put_commit(struct offset_commit_resp *r, int nth)
{
    static struct offset_commit_resp_offset_commit_response_partition p;
    static struct offset_commit_resp_offset_commit_response_topic t;
    p.error_code = (int16_t)(nth < 4 ? script.commit_codes[nth] : 0);
    t = offset_commit_resp_offset_commit_response_topic_default;
    t.name = STR("t");
    t.partitions = &p;
    t.partitions_count = 1;
    r->topics = &t;
    r->topics_count = 1;
}

static void put_list(struct list_offsets_resp *r)
{
    static struct list_offsets_resp_list_offsets_partition_response p;
    static struct list_offsets_resp_list_offsets_topic_response t;
    p = list_offsets_resp_list_offsets_partition_response_default;
    p.offset = 3;
    t = list_offsets_resp_list_offsets_topic_response_default;
    t.name = STR("t");
    t.partitions = &p;
    t.partitions_count = 1;
    r->topics = &t;
    r->topics_count = 1;
}

static bool group_script(const struct wire_header *h, int nth, void *msg)
{
    switch (h->api_key) {
    case API_FIND_COORDINATOR:
        put_coordinator(msg);
        return true;
    case API_JOIN_GROUP:
        put_join(msg);
        return true;
    case API_SYNC_GROUP:
        put_sync(msg);
        return true;
    case API_HEARTBEAT:
        ((struct heartbeat_resp *)msg)->error_code = (int16_t)script.heartbeat_code;
        script.heartbeat_code = 0;
        return true;
    case API_OFFSET_FETCH:
        put_committed(msg);
        return true;
    case API_OFFSET_COMMIT:
        put_commit(msg, nth);
        return true;
    case API_LIST_OFFSETS:
        put_list(msg);
        return true;
    default:
        return true;
    }
}

/* --- the user --- */

static void on_revoked(void *ctx, struct ottla_consumer *c, const struct ottla_topic_partition *tps,
                       size_t count)
{
    const struct ottla_topic_partition *has;
    assert_true(ottla_consumer_assignment(c, &has) >= count); /* it can still look at them */
    assert_int_equal(ottla_consumer_poll(c, 0, NULL, NULL), OTTLA_ERR_INVALID_REQUEST);
    assert_int_equal(ottla_consumer_close(c, NULL, NULL), OTTLA_ERR_INVALID_REQUEST);
    ottla_consumer_unsubscribe(c); /* does nothing here */
    say("revoked", count);
}

static void on_assigned(void *ctx, struct ottla_consumer *c,
                        const struct ottla_topic_partition *tps, size_t count)
{
    assert_string_equal(tps[0].topic, "t");
    assert_false(ottla_consumer_is_paused(c, "t", 0));
    assert_int_equal(ottla_consumer_pause(c, "t", 0, true, NULL), 0); /* no fetches here */
    assert_true(ottla_consumer_is_paused(c, "t", 0));
    assert_false(ottla_consumer_is_paused(c, "t", 7));
    say("assigned", count);
}

static void on_lost(void *ctx, struct ottla_consumer *c, const struct ottla_topic_partition *tps,
                    size_t count)
{
    say("lost", count);
}

static void on_commit(void *ctx, int code, const char *message, const struct ottla_commit *offsets,
                      size_t count)
{
    assert_int_equal(code == 0, message == NULL);
    say(code ? ottla_error_name(code) : "committed", count ? (size_t)offsets[0].offset : 0);
}

static const struct ottla_rebalance_listener listener = {
    .revoked = on_revoked, .assigned = on_assigned, .lost = on_lost};

static void poll_for(struct ottla_consumer *c, int ms)
{
    struct ottla_records *records;
    struct ottla_error error = {.message = ""};
    if (ottla_consumer_poll(c, ms, &records, &error) != 0) {
        fail_msg("poll: %s", error.message);
    }
    assert_int_equal(ottla_records_count(records), 0);
    ottla_records_free(records);
}

static struct ottla_consumer *join(int64_t committed)
{
    static const char *const topics[] = {"t"};
    struct ottla_consumer *c = ottla_consumer_new(world.client, NULL);
    script = (struct script){.committed = committed};
    world.script = group_script;
    assert_int_equal(ottla_consumer_subscribe(c, topics, 1, &listener, NULL), 0);
    poll_for(c, 200);
    assert_told("assigned1 ");
    return c;
}

/* --- scenes --- */

static void test_begins_where_it_was(void **state)
{
    const struct ottla_topic_partition *tps;
    struct ottla_group_metadata *g;
    struct ottla_consumer *c = join(42);
    assert_int_equal(ottla_consumer_assignment(c, &tps), 1);
    assert_int_equal(ottla_consumer_position(c, "t", 0), 42);
    assert_int_equal(world.asked[API_LIST_OFFSETS], 0);
    assert_int_equal(ottla_consumer_group_metadata(c, &g, NULL), 0);
    assert_string_equal(g->group_id, "g");
    assert_string_equal(g->member_id, "me");
    assert_int_equal(g->generation, 1);
    assert_null(g->group_instance_id);
    ottla_group_metadata_free(g);
    ottla_consumer_free(c); /* closes it */
    assert_told("revoked1 ");
    assert_int_equal(world.asked[API_LEAVE_GROUP], 1);
    assert_int_equal(world.asked[API_OFFSET_COMMIT], 1);
}

static void test_begins_at_reset(void **state)
{
    struct ottla_consumer *c = join(-1);
    assert_int_equal(ottla_consumer_position(c, "t", 0), 3);
    ottla_consumer_free(c);
}

/* From time to time, by itself; what passes is tried again soon. */
static void test_auto_commit(void **state)
{
    struct ottla_consumer *c = join(42);
    script.commit_codes[0] = ERR_COORDINATOR_LOAD_IN_PROGRESS;
    poll_for(c, 4000);
    assert_int_equal(world.asked[API_OFFSET_COMMIT], 0);
    poll_for(c, 1500);
    assert_int_equal(world.asked[API_OFFSET_COMMIT], 2);
    poll_for(c, 5000);
    assert_int_equal(world.asked[API_OFFSET_COMMIT], 3);
    assert_in_range(world.asked[API_HEARTBEAT], 3, 4);
    ottla_consumer_free(c);
}

static void test_rebalance(void **state)
{
    struct ottla_consumer *c = join(42);
    script.heartbeat_code = ERR_REBALANCE_IN_PROGRESS;
    poll_for(c, 3500);
    assert_told("revoked1 assigned1 ");
    assert_int_equal(world.asked[API_JOIN_GROUP], 2);
    assert_int_equal(ottla_consumer_enforce_rebalance(c, "so", NULL), 0);
    poll_for(c, 100);
    assert_told("revoked1 assigned1 ");
    ottla_consumer_free(c);
}

static void test_commit(void **state)
{
    struct ottla_commit offset = {.topic = "t", .partition = 0, .leader_epoch = -1, .offset = 50};
    struct ottla_error error;
    struct ottla_consumer *c = join(42);
    script.commit_codes[0] = ERR_NOT_COORDINATOR;
    assert_int_equal(ottla_consumer_commit(c, &offset, 1, 0, NULL), 0); /* tried again */
    assert_int_equal(world.asked[API_OFFSET_COMMIT], 2);
    assert_int_equal(world.asked[API_FIND_COORDINATOR], 2);
    script.commit_codes[2] = ERR_OFFSET_METADATA_TOO_LARGE;
    assert_int_equal(ottla_consumer_commit(c, &offset, 1, 0, &error),
                     OTTLA_ERR_OFFSET_METADATA_TOO_LARGE);
    assert_non_null(strstr(error.message, "t-0"));
    offset.offset = -1;
    assert_int_equal(ottla_consumer_commit(c, &offset, 1, 0, NULL), OTTLA_ERR_INVALID_REQUEST);
    ottla_consumer_free(c);
}

/* Callbacks come with later calls, in order; those of a commit under way when it is closed, too. */
static void test_commit_async(void **state)
{
    struct ottla_commit offset = {.topic = "t", .partition = 0, .leader_epoch = -1, .offset = 50};
    struct ottla_consumer *c = join(42);
    script.commit_codes[0] = ERR_NOT_COORDINATOR; /* not tried again */
    assert_int_equal(ottla_consumer_commit_async(c, &offset, 1, on_commit, NULL, NULL), 0);
    offset.offset = 51;
    assert_int_equal(ottla_consumer_commit_async(c, &offset, 1, on_commit, NULL, NULL), 0);
    assert_int_equal(ottla_consumer_commit_async(c, NULL, 0, on_commit, NULL, NULL), 0);
    assert_told("");
    poll_for(c, 1500);
    assert_told("NOT_COORDINATOR50 committed51 committed42 ");
    assert_int_equal(ottla_consumer_commit_async(c, NULL, 0, on_commit, NULL, NULL), 0);
    ottla_consumer_free(c);
    assert_told("committed42 revoked1 ");
}

/* Put out of the group: the commit says so, the listener hears of it, and it is let in again. */
static void test_put_out(void **state)
{
    struct ottla_error error;
    struct ottla_consumer *c = join(42);
    script.commit_codes[0] = ERR_UNKNOWN_MEMBER_ID;
    assert_int_equal(ottla_consumer_commit(c, NULL, 0, 0, &error), OTTLA_ERR_UNKNOWN_MEMBER_ID);
    assert_int_equal(ottla_consumer_commit(c, NULL, 0, 0, &error), OTTLA_ERR_UNKNOWN_MEMBER_ID);
    assert_int_equal(world.asked[API_OFFSET_COMMIT], 1); /* nobody has to be asked */
    poll_for(c, 100);
    assert_told("lost1 assigned1 ");
    assert_int_equal(ottla_consumer_commit(c, NULL, 0, 0, &error), 0);
    ottla_consumer_free(c);
}

static void test_two_ways(void **state)
{
    static const char *const topics[] = {"t"};
    struct ottla_topic_partition tp = {"t", 0};
    struct ottla_consumer *c = join(42);
    const char *const *names;
    assert_int_equal(ottla_consumer_assign(c, &tp, 1, NULL), OTTLA_ERR_INVALID_REQUEST);
    assert_int_equal(ottla_consumer_subscription(c, &names), 1);
    assert_string_equal(names[0], "t");
    ottla_consumer_unsubscribe(c);
    assert_told("revoked1 ");
    assert_int_equal(ottla_consumer_subscription(c, &names), 0);
    assert_int_equal(ottla_consumer_assign(c, &tp, 1, NULL), 0);
    assert_int_equal(ottla_consumer_subscribe(c, topics, 1, NULL, NULL), OTTLA_ERR_INVALID_REQUEST);
    assert_int_equal(
        ottla_consumer_commit(c, &(struct ottla_commit){"t", 0, -1, 7, NULL}, 1, 0, NULL),
        0); /* who is no member may commit */
    assert_int_equal(ottla_consumer_pause(c, "t", 0, true, NULL), 0);
    poll_for(c, 100);
    assert_int_equal(ottla_consumer_position(c, "t", 0), 42); /* and begins where the group was */
    assert_int_equal(ottla_consumer_close(c, NULL, NULL), 0);
    assert_int_equal(ottla_consumer_close(c, NULL, NULL), 0);
    assert_int_equal(ottla_consumer_poll(c, 0, NULL, NULL), OTTLA_ERR_CLOSED);
    ottla_consumer_free(c);
}

static void test_static_stays(void **state)
{
    struct ottla_close_options options;
    struct ottla_consumer *c = join(42);
    assert_int_equal(ottla_consumer_close(c, NULL, NULL), 0);
    assert_int_equal(world.asked[API_LEAVE_GROUP], 0);
    ottla_consumer_free(c);
    c = join(42);
    ottla_close_options_init(&options);
    options.leave = OTTLA_LEAVE;
    assert_int_equal(ottla_consumer_close(c, &options, NULL), 0);
    assert_int_equal(world.asked[API_LEAVE_GROUP], 1);
    ottla_consumer_free(c);
}

static void has(const char *json, const char *text)
{
    if (json == NULL || strstr(json, text) == NULL) {
        fail_msg("no %s in %s", text, json ? json : "nothing");
    }
}

/* In virtual time all numbers are known. */
static void test_metrics(void **state)
{
    (void)state;
    struct ottla_consumer *c = join(42);
    simclock_add_ms(&world.clock, 7000);
    poll_for(c, 0);
    simclock_add_ms(&world.clock, 3000);
    assert_int_equal(ottla_consumer_commit(c, NULL, 0, 1000, NULL), 0);
    char *text = ottla_consumer_metrics(c);
    has(text, "\"poll-total\":2,\"last-poll-seconds-ago\":3,");
    has(text, "\"time-between-poll-max\":72"); /* 7 s, and what the first poll took */
    has(text, "\"join-total\":1,");
    has(text, "\"sync-total\":1,");
    has(text, "\"rebalance-total\":1,");
    has(text, "\"failed-rebalance-total\":0,");
    has(text, "\"last-rebalance-seconds-ago\":10,");
    has(text, "\"partitions\":{\"t-0\":{\"position\":42,\"records-lag\":-1,");
    has(text, "\"node-1\":{\"request-total\":");
    ottla_text_free(text);
    script.heartbeat_code = ERR_UNKNOWN_MEMBER_ID;
    poll_for(c, 5000);
    text = ottla_consumer_metrics(c);
    has(text, "\"partitions-lost-total\":1,");
    has(text, "\"rebalance-total\":2,");
    ottla_text_free(text);
    ottla_consumer_free(c);
}

static void test_no_group(void **state)
{
    static const char *const topics[] = {"t"};
    struct ottla_group_metadata *g;
    struct ottla_offsets *offsets;
    struct ottla_consumer *c = ottla_consumer_new(world.client, NULL);
    assert_int_equal(ottla_consumer_subscribe(c, topics, 1, NULL, NULL),
                     OTTLA_ERR_INVALID_GROUP_ID);
    assert_int_equal(ottla_consumer_commit(c, NULL, 0, 0, NULL), OTTLA_ERR_INVALID_GROUP_ID);
    assert_int_equal(ottla_consumer_committed(c, NULL, 0, 0, &offsets, NULL),
                     OTTLA_ERR_INVALID_GROUP_ID);
    assert_int_equal(ottla_consumer_group_metadata(c, &g, NULL), OTTLA_ERR_INVALID_GROUP_ID);
    ottla_consumer_free(c);
}

int main(void)
{
    static const char *dynamic[] = {"group.id", "g", "auto.offset.reset", "earliest", NULL};
    static const char *fixed[] = {"group.id", "g", "group.instance.id", "i", NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate_setup_teardown(test_begins_where_it_was, setup, teardown,
                                                 dynamic),
        cmocka_unit_test_prestate_setup_teardown(test_begins_at_reset, setup, teardown, dynamic),
        cmocka_unit_test_prestate_setup_teardown(test_auto_commit, setup, teardown, dynamic),
        cmocka_unit_test_prestate_setup_teardown(test_rebalance, setup, teardown, dynamic),
        cmocka_unit_test_prestate_setup_teardown(test_commit, setup, teardown, dynamic),
        cmocka_unit_test_prestate_setup_teardown(test_commit_async, setup, teardown, dynamic),
        cmocka_unit_test_prestate_setup_teardown(test_put_out, setup, teardown, dynamic),
        cmocka_unit_test_prestate_setup_teardown(test_two_ways, setup, teardown, dynamic),
        cmocka_unit_test_prestate_setup_teardown(test_metrics, setup, teardown, dynamic),
        cmocka_unit_test_prestate_setup_teardown(test_static_stays, setup, teardown, fixed),
        cmocka_unit_test_setup_teardown(test_no_group, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
