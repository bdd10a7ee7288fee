/* Whole calls of the library without a thread and in virtual time: the client and one broker, which
 * is a script, over the network in memory. */
#include "client_host_world.h"

/* --- scenes --- */

static bool not_controller_once(const struct wire_header *h, int nth, void *msg)
{
    if (h->api_key == API_CREATE_TOPICS) {
        static struct create_topics_resp_creatable_topic_result row;
        struct create_topics_resp *r = msg;
        row = create_topics_resp_creatable_topic_result_default;
        row.name = STR("new");
        row.error_code = nth == 0 ? ERR_NOT_CONTROLLER : 0;
        r->topics = &row;
        r->topics_count = 1;
    }
    return true;
}

/* The controller moved: the metadata is asked for again, then the new one. */
static void test_not_controller(void **state)
{
    struct ottla_new_topic topic = {.name = "new", .partition_count = 1, .replication_factor = 1};
    struct ottla_outcomes *o;
    (void)state;
    world.script = not_controller_once;
    assert_int_equal(ottla_create_topics(world.client, &topic, 1, NULL, &o, NULL), 0);
    assert_int_equal(o->rows[0]->error, 0);
    assert_null(o->rows[0]->message);
    ottla_outcomes_free(o);
    assert_int_equal(world.asked[API_CREATE_TOPICS], 2);
    assert_int_equal(world.asked[API_METADATA], 2);
    assert_int_equal(world.conn_count, 1); /* the bootstrap connection is the controller's */
}

static bool mute(const struct wire_header *h, int nth, void *msg)
{
    return h->api_key == API_API_VERSIONS;
}

static void test_timeout(void **state)
{
    struct ottla_topics *topics = NULL;
    struct ottla_error error;
    struct ottla_admin_options options;
    int64_t began_ms = now_ms();
    (void)state;
    ottla_admin_options_init(&options);
    options.timeout_ms = 1234;
    world.script = mute;
    assert_int_equal(ottla_list_topics(world.client, &options, &topics, &error),
                     OTTLA_ERR_REQUEST_TIMED_OUT);
    assert_null(topics);
    assert_in_range(now_ms() - began_ms, 1234, 1240);
    assert_string_equal(error.message, "MetadataRequest: no answer in time");
}

static bool moving_leader(const struct wire_header *h, int nth, void *msg)
{
    if (h->api_key == API_LIST_OFFSETS) {
        static struct list_offsets_resp_list_offsets_partition_response p;
        static struct list_offsets_resp_list_offsets_topic_response t;
        struct list_offsets_resp *r = msg;
        p = list_offsets_resp_list_offsets_partition_response_default;
        p.error_code = nth < 2 ? ERR_NOT_LEADER_OR_FOLLOWER : 0;
        p.offset = 42;
        t = list_offsets_resp_list_offsets_topic_response_default;
        t.name = STR("t");
        t.partitions = &p;
        t.partitions_count = 1;
        r->topics = &t;
        r->topics_count = 1;
    }
    return true;
}

static void test_moving_leader(void **state)
{
    struct ottla_offset_query query = {"t", 0, OTTLA_OFFSET_LATEST};
    struct ottla_offsets *offsets;
    (void)state;
    world.script = moving_leader;
    assert_int_equal(ottla_list_offsets(world.client, &query, 1, NULL, &offsets, NULL), 0);
    assert_int_equal(offsets->rows[0]->error, 0);
    assert_int_equal(offsets->rows[0]->offset, 42);
    ottla_offsets_free(offsets);
    assert_int_equal(world.asked[API_LIST_OFFSETS], 3);
}

/* What the broker does not serve is said, and is not a time-out. */
static void test_unsupported(void **state)
{
    struct ottla_error error;
    (void)state;
    assert_int_equal(ottla_unregister_broker(world.client, 1, NULL, &error),
                     OTTLA_ERR_UNSUPPORTED_VERSION);
    assert_non_null(strstr(error.message, "does not serve UnregisterBrokerRequest"));
}

/* An answer with nothing in it where something is due. */
static void test_empty_answer(void **state)
{
    struct ottla_quorum *quorum;
    struct ottla_error error;
    (void)state;
    assert_int_equal(ottla_describe_quorum(world.client, NULL, &quorum, &error),
                     OTTLA_ERR_MALFORMED);
}

static bool loading_coordinator(const struct wire_header *h, int nth, void *msg)
{
    if (h->api_key == API_FIND_COORDINATOR) {
        static struct find_coordinator_resp_coordinator k;
        struct find_coordinator_resp *r = msg;
        k = find_coordinator_resp_coordinator_default;
        k.node_id = 1;
        k.host = STR("127.0.0.1");
        k.port = listener_port(world.listener);
        k.error_code = nth == 0 ? ERR_COORDINATOR_NOT_AVAILABLE : 0;
        r->coordinators = &k;
        r->coordinators_count = 1;
    } else if (h->api_key == API_DELETE_GROUPS) {
        static struct delete_groups_resp_deletable_group_result row;
        struct delete_groups_resp *r = msg;
        row.group_id = STR("g");
        row.error_code = nth == 0   ? ERR_COORDINATOR_LOAD_IN_PROGRESS
                         : nth == 1 ? ERR_NOT_COORDINATOR
                                    : ERR_NON_EMPTY_GROUP;
        r->results = &row;
        r->results_count = 1;
    }
    return true;
}

static void test_coordinator(void **state)
{
    struct ottla_outcomes *o;
    const char *id = "g";
    (void)state;
    world.script = loading_coordinator;
    assert_int_equal(ottla_delete_groups(world.client, &id, 1, NULL, &o, NULL), 0);
    assert_int_equal(o->rows[0]->error, OTTLA_ERR_NON_EMPTY_GROUP);
    assert_string_equal(o->rows[0]->message, ottla_error_text(OTTLA_ERR_NON_EMPTY_GROUP));
    ottla_outcomes_free(o);
    assert_int_equal(world.asked[API_DELETE_GROUPS], 3);
}

/* A leader that moves, then one batch, then silence. */
static bool one_batch(const struct wire_header *h, int nth, void *msg)
{
    static struct buf log;
    static struct fetch_resp_partition_data p;
    static struct fetch_resp_fetchable_topic_response t;
    struct fetch_resp *r = msg;
    if (h->api_key != API_FETCH) {
        return true;
    }
    struct batch head = {.base_ts_ms = NO_TIMESTAMP, .producer_id = NO_PRODUCER_ID};
    struct batch_builder bb;
    buf_clear(&log);
    batch_builder_init(&bb, &log, &head, CODEC_NONE, CODEC_LEVEL_DEFAULT);
    batch_builder_add(&bb, &(struct record){.ts_ms = 1, .value = {(const uint8_t *)"v", 1}});
    assert_ok(batch_builder_finish(&bb));
    batch_builder_deinit(&bb);
    p = fetch_resp_partition_data_default;
    p.error_code = nth == 0 ? ERR_NOT_LEADER_OR_FOLLOWER : 0;
    p.high_watermark = 1;
    p.records = nth == 1 ? (struct wire_records){log.p, log.len, NULL} : p.records;
    t = fetch_resp_fetchable_topic_response_default;
    t.topic_id = (struct uuid){{7}};
    t.partitions = &p;
    t.partitions_count = 1;
    r->responses = &t;
    r->responses_count = 1;
    if (nth == 2) {
        buf_deinit(&log);
    }
    return nth < 2;
}

static void test_consumer(void **state)
{
    struct ottla_topic_partition tp = {"t", 0};
    struct ottla_records *records;
    struct ottla_error error;
    struct ottla_consumer *consumer = ottla_consumer_new(world.client, NULL);
    (void)state;
    world.script = one_batch;
    assert_int_equal(ottla_consumer_assign(consumer, &tp, 1, &error), 0);
    assert_int_equal(ottla_consumer_seek(consumer, "t", 0, 0, &error), 0);
    assert_int_equal(ottla_consumer_seek(consumer, "t", 1, 0, &error), OTTLA_ERR_INVALID_REQUEST);
    assert_int_equal(ottla_consumer_poll(consumer, 5000, &records, &error), 0);
    assert_int_equal(ottla_records_count(records), 1);
    assert_memory_equal(ottla_records_at(records, 0)->value, "v", 1);
    ottla_records_free(records);
    assert_int_equal(ottla_consumer_position(consumer, "t", 0), 1);
    assert_int_equal(ottla_consumer_end(consumer, "t", 0), 1);
    int64_t began_ms = now_ms();
    assert_int_equal(ottla_consumer_poll(consumer, 100, &records, &error), 0);
    assert_int_equal(ottla_records_count(records), 0);
    assert_in_range(now_ms() - began_ms, 100, 102);
    ottla_records_free(records);
    ottla_consumer_wakeup(consumer);
    assert_int_equal(ottla_consumer_poll(consumer, 1000000, &records, &error), 0);
    ottla_records_free(records);
    ottla_consumer_free(consumer); /* with a fetch under way */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_not_controller, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timeout, setup, teardown),
        cmocka_unit_test_setup_teardown(test_moving_leader, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unsupported, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_coordinator, setup, teardown),
        cmocka_unit_test_setup_teardown(test_consumer, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
