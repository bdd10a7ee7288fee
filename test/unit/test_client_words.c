/* What a consumer, a producer and a group's member say when the user may not do what it asks: with
 * what, in which words, and what is missing. The broker inside the test refuses as one with ACLs.
 */
#include <ottla/test.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct ottla_test_broker *broker;
static struct ottla_client *client;
static struct ottla_error error;

#define assert_done(call) assert_string_equal((call) == 0 ? "" : error.message, "")

enum {
    NOT_THE_TOPIC = OTTLA_ERR_TOPIC_AUTHORIZATION_FAILED,
    NOT_THE_GROUP = OTTLA_ERR_GROUP_AUTHORIZATION_FAILED
};

#define TOPIC_WORDS "topic authorization failed: the user needs READ and DESCRIBE on it"
#define GROUP_WORDS "group authorization failed: the user needs READ on it"

static void refuse(int api, int code)
{
    ottla_test_broker_clear(broker);
    ottla_test_broker_fail(broker, api, code, OTTLA_TEST_ALWAYS);
}

static void assert_told(int code, int wanted, const char *sentence)
{
    ottla_test_broker_clear(broker);
    assert_int_equal(code, wanted);
    assert_int_equal(error.code, wanted);
    assert_string_equal(error.message, sentence);
    error = (struct ottla_error){0};
}

static int poll_some(struct ottla_consumer *c)
{
    struct ottla_records *records;
    int code = ottla_consumer_poll(c, 20000, &records, &error);
    if (code == 0) {
        ottla_records_free(records);
    }
    return code;
}

static struct ottla_consumer *reader(void)
{
    const struct ottla_topic_partition tp = {"t", 0};
    struct ottla_consumer *c = ottla_consumer_new(client, &error);
    assert_non_null(c);
    assert_done(ottla_consumer_assign(c, &tp, 1, &error));
    return c;
}

static struct ottla_consumer *member(void)
{
    const char *const topics[] = {"t"};
    struct ottla_consumer *c = ottla_consumer_new(client, &error);
    assert_non_null(c);
    assert_done(ottla_consumer_subscribe(c, topics, 1, NULL, &error));
    return c;
}

/* At each request that a topic may be refused by. */
static void test_topics(void **state)
{
    static const int apis[] = {OTTLA_TEST_METADATA, OTTLA_TEST_OFFSET_FETCH,
                               OTTLA_TEST_LIST_OFFSETS, OTTLA_TEST_FETCH};
    (void)state;
    for (size_t i = 0; i < sizeof apis / sizeof *apis; i++) {
        refuse(apis[i], NOT_THE_TOPIC);
        struct ottla_consumer *c = reader();
        assert_told(poll_some(c), NOT_THE_TOPIC, "t-0: " TOPIC_WORDS);
        ottla_consumer_free(c);
    }
}

static void test_commits(void **state)
{
    const struct ottla_commit offset = {.topic = "t", .leader_epoch = -1, .offset = 1};
    (void)state;
    struct ottla_consumer *c = reader();
    refuse(OTTLA_TEST_OFFSET_COMMIT, NOT_THE_TOPIC);
    assert_told(ottla_consumer_commit(c, &offset, 1, 20000, &error), NOT_THE_TOPIC,
                "t-0: " TOPIC_WORDS);
    refuse(OTTLA_TEST_OFFSET_COMMIT, NOT_THE_GROUP);
    assert_told(ottla_consumer_commit(c, &offset, 1, 20000, &error), NOT_THE_GROUP,
                "t-0: " GROUP_WORDS);
    ottla_consumer_free(c);
}

static void test_groups(void **state)
{
    static const int apis[] = {OTTLA_TEST_JOIN_GROUP, OTTLA_TEST_SYNC_GROUP};
    (void)state;
    for (size_t i = 0; i < sizeof apis / sizeof *apis; i++) {
        refuse(apis[i], NOT_THE_GROUP);
        struct ottla_consumer *c = member();
        assert_told(poll_some(c), NOT_THE_GROUP, "group g: " GROUP_WORDS);
        ottla_consumer_free(c);
    }
}

static int setup(void **state)
{
    struct ottla_config *config = ottla_config_new();
    (void)state;
    broker = ottla_test_broker_start(NULL, &error);
    assert_non_null(broker);
    assert_done(
        ottla_config_set(config, "bootstrap.servers", ottla_test_broker_address(broker), &error));
    assert_done(ottla_config_set(config, "group.id", "g", &error));
    assert_done(ottla_config_set(config, "enable.auto.commit", "false", &error));
    client = ottla_client_new(config, &error);
    ottla_config_free(config);
    struct ottla_producer *p = ottla_producer_new(client, &error);
    int32_t count;
    assert_done(ottla_producer_partition_count(p, "t", &count, &error));
    ottla_producer_free(p, 0);
    return client == NULL;
}

static int teardown(void **state)
{
    (void)state;
    ottla_client_free(client);
    ottla_test_broker_free(broker);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_topics),
        cmocka_unit_test(test_commits),
        cmocka_unit_test(test_groups),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
