/* Programs that are wrong: NULL where something must be, lengths without bytes, calls from where
 * they would wait for themselves, things freed in another order. They are told, and nothing
 * crashes, hangs or is taken for something else. */
#include <ottla/test.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct ottla_test_broker *broker;
static struct ottla_error error;

#define assert_done(call) assert_string_equal((call) == 0 ? "" : error.message, "")
#define assert_refused(call) assert_said(call, OTTLA_ERR_INVALID_REQUEST)

/* The same code in both places, and a sentence. */
static void said(int code, int wanted, const char *call, int line)
{
    if (code != wanted || (code != 0 && (error.code != code || strlen(error.message) < 10))) {
        fail_msg("line %d: %s: %s '%s'", line, call, ottla_error_name(code), error.message);
    }
    error = (struct ottla_error){0};
}
#define assert_said(call, wanted) said(call, wanted, #call, __LINE__)

static struct ottla_client *client_with(const char *name, const char *value)
{
    struct ottla_config *config = ottla_config_new();
    assert_done(
        ottla_config_set(config, "bootstrap.servers", ottla_test_broker_address(broker), &error));
    assert_done(ottla_config_set(config, "group.id", "g", &error));
    assert_done(ottla_config_set(config, "auto.offset.reset", "earliest", &error));
    if (name != NULL) {
        assert_done(ottla_config_set(config, name, value, &error));
    }
    struct ottla_client *client = ottla_client_new(config, &error);
    assert_non_null(client);
    ottla_config_free(config);
    return client;
}

static struct ottla_message message_to(const char *topic)
{
    struct ottla_message m;
    ottla_message_init(&m);
    m.topic = topic;
    m.value = "v";
    m.value_length = 1;
    return m;
}

/* --- NULL --- */

static void test_null_config(void **state)
{
    (void)state;
    struct ottla_config *config = ottla_config_new();
    assert_refused(ottla_config_set(NULL, "acks", "1", &error));
    assert_refused(ottla_config_set(config, NULL, "1", &error));
    assert_said(ottla_config_set(config, "acks", NULL, &error), OTTLA_ERR_BAD_CONFIG);
    assert_refused(ottla_config_load(config, NULL, &error));
    assert_refused(ottla_config_load(NULL, "/etc/passwd", &error));
    assert_null(ottla_config_copy(NULL));
    assert_null(ottla_config_get(NULL, "acks"));
    assert_null(ottla_config_get(config, NULL));
    assert_null(ottla_config_unused(NULL, 0));
    assert_false(ottla_config_setting(0, NULL));
    ottla_config_set_log(NULL, OTTLA_LOG_INFO, NULL, NULL);
    ottla_config_set_statistics(NULL, NULL, NULL);
    ottla_config_set_token(NULL, NULL, NULL);
    assert_null(ottla_client_new(NULL, &error));
    assert_refused(error.code);
    assert_null(ottla_client_metrics(NULL));
    ottla_client_free(NULL);
    ottla_config_free(config);
}

static void test_null_producer(void **state)
{
    (void)state;
    struct ottla_message m = message_to("t");
    int32_t count;
    assert_null(ottla_producer_new(NULL, &error));
    assert_refused(error.code);
    assert_refused(ottla_producer_send(NULL, &m, NULL, NULL, &error));
    assert_refused(ottla_producer_send_wait(NULL, &m, NULL, &error));
    assert_refused(ottla_producer_flush(NULL, 0, &error));
    assert_refused(ottla_producer_partition_count(NULL, "t", &count, &error));
    assert_refused(ottla_producer_init_transactions(NULL, 0, &error));
    assert_refused(ottla_producer_begin(NULL, &error));
    assert_refused(ottla_producer_commit(NULL, 0, &error));
    assert_refused(ottla_producer_abort(NULL, 0, &error));
    assert_refused(ottla_producer_send_offsets(NULL, NULL, 0, NULL, 0, &error));
    assert_null(ottla_producer_metrics(NULL));
    ottla_producer_free(NULL, 0);
}

static void test_null_consumer(void **state)
{
    (void)state;
    struct ottla_records *records = NULL;
    struct ottla_offsets *offsets = NULL;
    struct ottla_group_metadata *group = NULL;
    const char *const topics[] = {"t"};
    assert_null(ottla_consumer_new(NULL, &error));
    assert_refused(error.code);
    assert_null(ottla_consumer_new_with(NULL, NULL, &error));
    assert_refused(error.code);
    assert_refused(ottla_consumer_assign(NULL, NULL, 0, &error));
    assert_refused(ottla_consumer_subscribe(NULL, topics, 1, NULL, &error));
    assert_refused(ottla_consumer_subscribe(NULL, NULL, 0, NULL, &error));
    assert_refused(ottla_consumer_subscribe_pattern(NULL, ".*", NULL, &error));
    assert_refused(ottla_consumer_poll(NULL, 0, &records, &error));
    assert_refused(ottla_consumer_commit(NULL, NULL, 0, 0, &error));
    assert_refused(ottla_consumer_commit_async(NULL, NULL, 0, NULL, NULL, &error));
    assert_refused(ottla_consumer_committed(NULL, NULL, 0, 0, &offsets, &error));
    assert_refused(ottla_consumer_seek(NULL, "t", 0, 0, &error));
    assert_refused(ottla_consumer_seek_to_time(NULL, "t", 0, 0, &error));
    assert_refused(ottla_consumer_pause(NULL, "t", 0, true, &error));
    assert_refused(ottla_consumer_enforce_rebalance(NULL, NULL, &error));
    assert_refused(ottla_consumer_group_metadata(NULL, &group, &error));
    assert_refused(ottla_consumer_close(NULL, NULL, &error));
    assert_int_equal(ottla_consumer_position(NULL, "t", 0), -1);
    assert_int_equal(ottla_consumer_end(NULL, "t", 0), -1);
    assert_int_equal(ottla_consumer_lag(NULL, "t", 0), -1);
    assert_false(ottla_consumer_is_paused(NULL, "t", 0));
    assert_int_equal(ottla_consumer_lag_max(NULL), -1);
    assert_int_equal(ottla_consumer_assignment(NULL, NULL), 0);
    assert_int_equal(ottla_consumer_subscription(NULL, NULL), 0);
    assert_int_equal(ottla_records_count(NULL), 0);
    assert_null(ottla_records_at(NULL, 0));
    assert_null(ottla_consumer_metrics(NULL));
    assert_null(ottla_consumer_bad_record(NULL, NULL));
    assert_null(ottla_records_edit(NULL, 0));
    assert_null(ottla_records_scratch(NULL));
    ottla_records_remove(NULL, 0);
    ottla_consumer_wakeup(NULL);
    ottla_consumer_unsubscribe(NULL);
    ottla_consumer_free(NULL);
}

/* As in Java: what is not assigned cannot be polled, sought or paused; committed needs no
 * assignment. An empty list is none. */
static void test_nothing_assigned(void **state)
{
    (void)state;
    struct ottla_client *client = client_with(NULL, NULL);
    struct ottla_consumer *c = ottla_consumer_new(client, &error);
    struct ottla_topic_partition tp = {"t", 0};
    const char *const topics[] = {"t"};
    struct ottla_records *records = NULL;
    struct ottla_offsets *offsets = NULL;
    assert_non_null(c);
    assert_refused(ottla_consumer_poll(c, -1, &records, &error));
    assert_refused(ottla_consumer_seek(c, "t", 0, 0, &error));
    assert_refused(ottla_consumer_seek_to_time(c, "t", 0, 0, &error));
    assert_refused(ottla_consumer_pause(c, "t", 0, true, &error));
    assert_refused(ottla_consumer_pause(c, "t", 0, false, &error));
    assert_int_equal(ottla_consumer_position(c, "t", 0), -1);
    assert_done(ottla_consumer_committed(c, &tp, 1, 30000, &offsets, &error));
    ottla_offsets_free(offsets);
    assert_done(ottla_consumer_commit(c, NULL, 0, 30000, &error)); /* nothing */
    assert_done(ottla_consumer_assign(c, NULL, 0, &error));
    assert_refused(ottla_consumer_poll(c, -1, &records, &error));
    assert_done(ottla_consumer_assign(c, &tp, 1, &error));
    assert_done(ottla_consumer_poll(c, 0, &records, &error));
    ottla_records_free(records);
    ottla_consumer_unsubscribe(c);
    assert_refused(ottla_consumer_poll(c, -1, &records, &error));
    assert_done(ottla_consumer_subscribe(c, topics, 1, NULL, &error));
    assert_done(ottla_consumer_poll(c, 0, &records, &error)); /* no partitions yet */
    ottla_records_free(records);
    assert_done(ottla_consumer_subscribe(c, NULL, 0, NULL, &error));
    assert_refused(ottla_consumer_poll(c, -1, &records, &error));
    ottla_consumer_free(c);
    ottla_client_free(client);
}

static void test_null_parts_of_a_consumer(void **state)
{
    (void)state;
    struct ottla_client *client = client_with(NULL, NULL);
    struct ottla_consumer *c = ottla_consumer_new(client, &error);
    struct ottla_commit nameless = {.offset = 1};
    const char *const no_name[] = {NULL};
    assert_non_null(c);
    assert_refused(ottla_consumer_subscribe(c, NULL, 1, NULL, &error));
    assert_refused(ottla_consumer_subscribe(c, no_name, 1, NULL, &error));
    assert_refused(ottla_consumer_subscribe_pattern(c, NULL, NULL, &error));
    assert_refused(ottla_consumer_assign(c, NULL, 1, &error));
    assert_refused(ottla_consumer_poll(c, 0, NULL, &error));
    assert_refused(ottla_consumer_seek(c, NULL, 0, 0, &error));
    assert_refused(ottla_consumer_commit(c, &nameless, 1, 0, &error));
    assert_refused(ottla_consumer_committed(c, NULL, 1, 0, NULL, &error));
    assert_refused(ottla_consumer_group_metadata(c, NULL, &error));
    assert_int_equal(ottla_consumer_position(c, NULL, 0), -1);
    ottla_consumer_free(c);
    ottla_client_free(client);
}

static int nothing(struct ottla_client *client, void *arg, struct ottla_error *why)
{
    (void)client, (void)arg, (void)why;
    return 0;
}

static void test_null_future(void **state)
{
    (void)state;
    struct ottla_client *client = client_with(NULL, NULL);
    struct ottla_future *future = NULL;
    assert_refused(ottla_future_start(NULL, nothing, NULL, &future, &error));
    assert_refused(ottla_future_start(client, NULL, NULL, &future, &error));
    assert_refused(ottla_future_start(client, nothing, NULL, NULL, &error));
    assert_refused(ottla_future_wait(NULL, 0, &error));
    assert_true(ottla_future_is_done(NULL));
    ottla_future_then(NULL, NULL, NULL);
    ottla_future_free(NULL);
    ottla_client_free(client);
}

/* Names and lists: refused here, before anybody is asked. A name of a group once hung the client.
 */
static void test_null_names(void **state)
{
    (void)state;
    struct ottla_client *c = client_with(NULL, NULL);
    const char *const names[] = {"a", NULL};
    struct ottla_topic_partition tp = {.partition = 0};
    struct ottla_offset_query query = {.partition = 0};
    struct ottla_offset_value value = {.offset = 0};
    struct ottla_member_name member = {.member_id = "m"}, nobody = {NULL};
    struct ottla_new_topic unnamed = {.partition_count = 1},
                           bare = {.name = "t", .config_count = 1};
    struct ottla_config_change change = {.type = OTTLA_RESOURCE_TOPIC, .resource = "t"};
    struct ottla_quota_change quota = {.entity_count = 1};
    struct ottla_topics *topics = NULL;
    struct ottla_groups *groups = NULL;
    struct ottla_group_list *list = NULL;
    struct ottla_offsets *offsets = NULL;
    struct ottla_outcomes *outcomes = NULL;
    struct ottla_transactions *transactions = NULL;
    struct ottla_fenced_producers *fenced = NULL;
    struct ottla_acls *acls = NULL;
    assert_refused(ottla_list_topics(NULL, NULL, &topics, &error));
    assert_refused(ottla_list_topics(c, NULL, NULL, &error));
    assert_refused(ottla_describe_topics(c, NULL, 1, NULL, &topics, &error));
    assert_refused(ottla_describe_topics(c, names, 2, NULL, &topics, &error));
    assert_refused(ottla_create_topics(c, &unnamed, 1, NULL, &outcomes, &error));
    assert_refused(ottla_create_topics(c, &bare, 1, NULL, &outcomes, &error));
    assert_refused(ottla_delete_topics(c, names, 2, NULL, &outcomes, &error));
    assert_refused(ottla_incremental_alter_configs(c, &change, 1, NULL, &outcomes, &error));
    assert_refused(ottla_list_offsets(c, &query, 1, NULL, &offsets, &error));
    assert_refused(ottla_delete_records(c, &value, 1, NULL, &offsets, &error));
    assert_refused(ottla_elect_leaders(c, 0, &tp, 1, NULL, &outcomes, &error));
    assert_refused(ottla_list_groups(c, NULL, 1, NULL, 0, NULL, &list, &error));
    assert_refused(ottla_describe_groups(c, names, 2, NULL, &groups, &error));
    assert_refused(ottla_delete_groups(c, names, 2, NULL, &outcomes, &error));
    assert_refused(ottla_list_group_offsets(c, NULL, NULL, 0, NULL, &offsets, &error));
    assert_refused(ottla_alter_group_offsets(c, NULL, &value, 1, NULL, &outcomes, &error));
    assert_refused(ottla_delete_group_offsets(c, "g", &tp, 1, NULL, &outcomes, &error));
    assert_refused(ottla_remove_group_members(c, NULL, &member, 1, NULL, &outcomes, &error));
    assert_refused(ottla_remove_group_members(c, "g", NULL, 1, NULL, &outcomes, &error));
    assert_refused(ottla_remove_group_members(c, "g", &nobody, 1, NULL, &outcomes, &error));
    assert_refused(ottla_remove_group_members(c, "g", &member, 1, NULL, NULL, &error));
    assert_refused(ottla_describe_transactions(c, names, 2, NULL, &transactions, &error));
    assert_refused(ottla_fence_producers(c, names, 2, NULL, &fenced, &error));
    assert_refused(ottla_abort_transaction(c, NULL, NULL, &error));
    assert_refused(ottla_describe_acls(c, NULL, NULL, &acls, &error));
    assert_refused(ottla_alter_client_quotas(c, &quota, 1, NULL, &outcomes, &error));
    assert_refused(ottla_add_raft_voter(c, 1, NULL, NULL, 0, NULL, &error));
    ottla_client_free(c);
}

static void test_null_broker(void **state)
{
    (void)state;
    assert_refused(ottla_test_broker_restart(NULL, &error));
    assert_null(ottla_test_broker_address(NULL));
    assert_int_equal(ottla_test_broker_requests(NULL, OTTLA_TEST_ANY), 0);
    ottla_test_broker_fail(NULL, OTTLA_TEST_ANY, 1, 1);
    ottla_test_broker_delay(NULL, OTTLA_TEST_ANY, 1, 1);
    ottla_test_broker_drop(NULL, OTTLA_TEST_ANY, true, 1);
    ottla_test_broker_clear(NULL);
    ottla_test_broker_disconnect(NULL);
    ottla_test_broker_pause(NULL);
    ottla_test_broker_resume(NULL);
    ottla_test_broker_set_leader_away(NULL, "t", 0, true);
    ottla_test_broker_move_leader(NULL, "t", 0, 1);
    ottla_test_broker_stop(NULL);
    ottla_test_broker_free(NULL);
}

/* --- what is not what it says --- */

static void test_messages(void **state)
{
    (void)state;
    struct ottla_client *client = client_with(NULL, NULL);
    struct ottla_producer *p = ottla_producer_new(client, &error);
    struct ottla_header headers[] = {{"k", 1, NULL, 9}, {NULL, 3, NULL, 0}};
    struct ottla_message m = message_to("t");
    assert_refused(ottla_producer_send(p, NULL, NULL, NULL, &error));
    assert_refused(ottla_producer_send_wait(p, NULL, NULL, &error));
    m.partition = -7;
    assert_refused(ottla_producer_send(p, &m, NULL, NULL, &error));
    m = message_to("t");
    m.value = NULL;
    assert_said(ottla_producer_send(p, &m, NULL, NULL, &error), OTTLA_ERR_INVALID_RECORD);
    m = message_to("t");
    m.value_length = SIZE_MAX; /* and what is added to it is little again */
    assert_said(ottla_producer_send(p, &m, NULL, NULL, &error), OTTLA_ERR_INVALID_RECORD);
    m = message_to("t");
    m.key_length = 5;
    assert_said(ottla_producer_send(p, &m, NULL, NULL, &error), OTTLA_ERR_INVALID_RECORD);
    m = message_to("t");
    m.header_count = 1;
    assert_said(ottla_producer_send(p, &m, NULL, NULL, &error), OTTLA_ERR_INVALID_RECORD);
    for (size_t i = 0; i < 2; i++) {
        m.headers = &headers[i];
        assert_said(ottla_producer_send(p, &m, NULL, NULL, &error), OTTLA_ERR_INVALID_RECORD);
    }
    assert_done(ottla_producer_flush(p, -1, &error)); /* nothing of it was taken */
    ottla_producer_free(p, 0);
    ottla_client_free(client);
}

/* The same for both who commit: a topic without a name, numbers below 0. */
static void test_offsets(void **state)
{
    (void)state;
    const struct ottla_commit bad[] = {{.topic = NULL, .offset = 1},
                                       {.topic = "", .offset = 1},
                                       {.topic = "t", .partition = -1},
                                       {.topic = "t", .offset = -1}};
    const struct ottla_group_metadata group = {.group_id = "g", .generation = -1, .member_id = ""};
    struct ottla_client *client = client_with("transactional.id", "offsets");
    struct ottla_producer *p = ottla_producer_new(client, &error);
    struct ottla_consumer *c = ottla_consumer_new(client, &error);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_refused(ottla_producer_send_offsets(p, &bad[i], 1, &group, 0, &error));
        assert_refused(ottla_consumer_commit(c, &bad[i], 1, 0, &error));
        assert_refused(ottla_consumer_commit_async(c, &bad[i], 1, NULL, NULL, &error));
    }
    assert_refused(ottla_producer_send_offsets(p, NULL, 1, &group, 0, &error));
    assert_refused(ottla_producer_send_offsets(p, bad, 1, NULL, 0, &error));
    ottla_consumer_free(c);
    ottla_producer_free(p, 0);
    ottla_client_free(client);
}

static void test_refusals_name_numbers(void **state)
{
    (void)state;
    struct ottla_client *client = client_with("max.request.size", "1000");
    struct ottla_producer *p = ottla_producer_new(client, &error);
    static const char large[2000];
    struct ottla_message m = message_to("t");
    m.value = large;
    m.value_length = sizeof large;
    assert_int_equal(ottla_producer_send(p, &m, NULL, NULL, &error), OTTLA_ERR_MESSAGE_TOO_LARGE);
    assert_non_null(strstr(error.message, "max.request.size (1000)"));
    m = message_to("t");
    m.partition = 9;
    assert_int_equal(ottla_producer_send(p, &m, NULL, NULL, &error),
                     OTTLA_ERR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_string_equal(error.message, "topic t has no partition 9: they are 0 to 1");
    m = message_to("a b");
    assert_int_equal(ottla_producer_send(p, &m, NULL, NULL, &error),
                     OTTLA_ERR_INVALID_TOPIC_EXCEPTION);
    assert_non_null(strstr(error.message, "letters"));
    ottla_producer_free(p, 0);
    ottla_client_free(client);
}

static void test_twice(void **state)
{
    (void)state;
    struct ottla_client *client = client_with(NULL, NULL);
    struct ottla_offset_query queries[] = {{"t", 1, OTTLA_OFFSET_LATEST},
                                           {"t", 0, OTTLA_OFFSET_LATEST},
                                           {"t", 1, OTTLA_OFFSET_EARLIEST}};
    struct ottla_offsets *offsets = NULL;
    assert_int_equal(ottla_list_offsets(client, queries, 3, NULL, &offsets, &error),
                     OTTLA_ERR_INVALID_REQUEST);
    assert_string_equal(error.message, "t-1 is named twice");
    ottla_client_free(client);
}

static void test_brokers(void **state)
{
    (void)state;
    struct ottla_test_broker_options o;
    static const char *const typo[] = {"num.partition=2", NULL};
    ottla_test_broker_options_init(&o);
    o.nodes = 17;
    assert_null(ottla_test_broker_start(&o, &error));
    assert_said(error.code, OTTLA_ERR_BAD_CONFIG);
    ottla_test_broker_options_init(&o);
    o.settings = typo;
    assert_null(ottla_test_broker_start(&o, &error));
    assert_non_null(strstr(error.message, "did you mean 'num.partitions'"));
    assert_said(error.code, OTTLA_ERR_BAD_CONFIG);
}

/* --- calls that would wait for themselves --- */

struct impatient {
    struct ottla_producer *producer;
    int flush, wait, commit;
};

static void on_delivery(void *ctx, const struct ottla_delivery *d)
{
    struct impatient *x = ctx;
    struct ottla_message m = message_to("t");
    (void)d;
    x->flush = ottla_producer_flush(x->producer, -1, NULL);
    x->wait = ottla_producer_send_wait(x->producer, &m, NULL, NULL);
    x->commit = ottla_producer_commit(x->producer, 0, NULL);
    ottla_producer_free(x->producer, 0); /* no-op */
}

static void test_waiting_in_a_callback(void **state)
{
    (void)state;
    struct ottla_client *client = client_with(NULL, NULL);
    struct impatient x = {.producer = ottla_producer_new(client, &error)};
    struct ottla_message m = message_to("t");
    assert_done(ottla_producer_send(x.producer, &m, on_delivery, &x, &error));
    assert_done(ottla_producer_flush(x.producer, -1, &error));
    assert_int_equal(x.flush, OTTLA_ERR_INVALID_REQUEST);
    assert_int_equal(x.wait, OTTLA_ERR_INVALID_REQUEST);
    assert_int_equal(x.commit, OTTLA_ERR_INVALID_REQUEST);
    ottla_producer_free(x.producer, 0);
    ottla_client_free(client);
}

/* --- freed in another order --- */

static int name_cluster(struct ottla_client *client, void *arg, struct ottla_error *why)
{
    return ottla_describe_cluster(client, NULL, arg, why);
}

static void test_client_freed_first(void **state)
{
    (void)state;
    struct ottla_client *client = client_with(NULL, NULL);
    struct ottla_producer *p = ottla_producer_new(client, &error);
    struct ottla_consumer *c = ottla_consumer_new(client, &error);
    struct ottla_cluster *cluster = NULL;
    struct ottla_future *future;
    struct ottla_records *records = NULL;
    struct ottla_message m = message_to("late");
    const struct ottla_topic_partition tp = {"late", 0};
    m.partition = 0;
    assert_done(ottla_future_start(client, name_cluster, &cluster, &future, &error));
    ottla_client_free(client);
    assert_done(ottla_producer_send_wait(p, &m, NULL, &error));
    assert_done(ottla_consumer_assign(c, &tp, 1, &error));
    while (ottla_records_count(records) == 0) {
        ottla_records_free(records);
        assert_done(ottla_consumer_poll(c, -1, &records, &error));
    }
    assert_done(ottla_future_wait(future, -1, &error));
    ottla_records_free(records);
    ottla_cluster_free(cluster);
    ottla_producer_free(p, -1);
    ottla_future_free(future);
    ottla_consumer_free(c);
}

static int set_up(void **state)
{
    static const char *const settings[] = {"num.partitions=2", NULL};
    struct ottla_test_broker_options o;
    (void)state;
    ottla_test_broker_options_init(&o);
    o.settings = settings;
    broker = ottla_test_broker_start(&o, &error);
    return broker == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    ottla_test_broker_free(broker);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_null_config),
        cmocka_unit_test(test_null_producer),
        cmocka_unit_test(test_null_consumer),
        cmocka_unit_test(test_nothing_assigned),
        cmocka_unit_test(test_null_parts_of_a_consumer),
        cmocka_unit_test(test_null_future),
        cmocka_unit_test(test_null_names),
        cmocka_unit_test(test_null_broker),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_refusals_name_numbers),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_brokers),
        cmocka_unit_test(test_waiting_in_a_callback),
        cmocka_unit_test(test_client_freed_first),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
