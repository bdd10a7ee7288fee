/* libottla-test as a program sees it: a broker in the process, and its faults. */
#include <ottla/test.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
/* cmocka wants some of the above first */
#include <cmocka.h>

#define assert_done(code) assert_string_equal(ottla_error_name(code), ottla_error_name(0))

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct ottla_test_broker *broker_with(const struct ottla_test_broker_options *o)
{
    struct ottla_error error = {0};
    struct ottla_test_broker *b = ottla_test_broker_start(o, &error);
    if (b == NULL) {
        fail_msg("%s", error.message);
    }
    return b;
}

/* settings: name, value, ..., NULL */
static struct ottla_client *client_of(const struct ottla_test_broker *b,
                                      const char *const *settings)
{
    struct ottla_error error = {0};
    struct ottla_config *config = ottla_config_new();
    assert_done(
        ottla_config_set(config, "bootstrap.servers", ottla_test_broker_address(b), &error));
    assert_done(ottla_config_set(config, "auto.offset.reset", "earliest", &error));
    assert_done(ottla_config_set(config, "retry.backoff.ms", "1", &error));
    assert_done(ottla_config_set(config, "reconnect.backoff.ms", "1", &error));
    for (size_t i = 0; settings != NULL && settings[i] != NULL; i += 2) {
        assert_done(ottla_config_set(config, settings[i], settings[i + 1], &error));
    }
    struct ottla_client *client = ottla_client_new(config, &error);
    ottla_config_free(config);
    assert_non_null(client);
    return client;
}

static int write_one(struct ottla_client *client, const char *value, int64_t *ret_offset)
{
    struct ottla_error error = {0};
    struct ottla_delivery delivery = {.offset = -1};
    struct ottla_message message;
    struct ottla_producer *producer = ottla_producer_new(client, &error);
    assert_non_null(producer);
    ottla_message_init(&message);
    message.topic = "t";
    message.partition = 0;
    message.value = value;
    message.value_length = strlen(value);
    int code = ottla_producer_send_wait(producer, &message, &delivery, &error);
    ottla_producer_free(producer, 1000);
    *ret_offset = delivery.offset;
    return code;
}

/* The values of the first count records, one behind the other. */
static void read_all(struct ottla_client *client, size_t count, char *to, size_t size)
{
    struct ottla_error error = {0};
    const struct ottla_topic_partition t = {"t", 0};
    struct ottla_consumer *consumer = ottla_consumer_new(client, &error);
    int64_t until = now_ms() + 20000;
    assert_done(ottla_consumer_assign(consumer, &t, 1, &error));
    to[0] = '\0';
    for (size_t n = 0; n < count && now_ms() < until;) {
        struct ottla_records *records = NULL;
        assert_done(ottla_consumer_poll(consumer, 1000, &records, &error));
        for (size_t i = 0; i < ottla_records_count(records); i++, n++) {
            const struct ottla_record *r = ottla_records_at(records, i);
            strncat(to, r->value, r->value_length <= size - 1 - strlen(to) ? r->value_length : 0);
        }
        ottla_records_free(records);
    }
    ottla_consumer_free(consumer);
}

static void test_data_outlive_a_restart(void **state)
{
    struct ottla_test_broker *b = broker_with(NULL);
    struct ottla_client *client = client_of(b, NULL);
    struct ottla_error error = {0};
    char text[64], address[32];
    int64_t offset;
    strcpy(address, ottla_test_broker_address(b));
    assert_done(write_one(client, "a", &offset));
    assert_int_equal(offset, 0);
    assert_done(ottla_test_broker_restart(b, &error));
    assert_string_equal(ottla_test_broker_address(b), address);
    assert_done(write_one(client, "b", &offset));
    assert_int_equal(offset, 1);
    ottla_test_broker_stop(b);
    ottla_test_broker_stop(b);
    assert_done(ottla_test_broker_restart(b, &error));
    read_all(client, 2, text, sizeof text);
    assert_string_equal(text, "ab");
    ottla_client_free(client);
    ottla_test_broker_free(b);
}

static void test_a_directory(void **state)
{
    char dir[] = "/tmp/ottla-testkit-XXXXXX", command[64], text[64];
    assert_non_null(mkdtemp(dir));
    struct ottla_test_broker_options o;
    int64_t offset;
    ottla_test_broker_options_init(&o);
    o.data_dir = dir;
    struct ottla_test_broker *b = broker_with(&o);
    struct ottla_client *client = client_of(b, NULL);
    assert_done(write_one(client, "x", &offset));
    ottla_client_free(client);
    ottla_test_broker_free(b);
    b = broker_with(&o);
    client = client_of(b, NULL);
    read_all(client, 1, text, sizeof text);
    assert_string_equal(text, "x");
    ottla_client_free(client);
    ottla_test_broker_free(b);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static void test_several(void **state)
{
    struct ottla_test_broker *a = broker_with(NULL), *b = broker_with(NULL);
    struct ottla_client *to_a = client_of(a, NULL), *to_b = client_of(b, NULL);
    char text[64];
    int64_t offset;
    assert_done(write_one(to_a, "a", &offset));
    assert_done(write_one(to_b, "b", &offset));
    read_all(to_b, 1, text, sizeof text);
    assert_string_equal(text, "b");
    ottla_client_free(to_a);
    ottla_client_free(to_b);
    ottla_test_broker_free(a);
    ottla_test_broker_free(b);
}

static void test_settings(void **state)
{
    static const char *const good[] = {"num.partitions=3", NULL};
    static const char *const bad[] = {"num.partitions=many", NULL};
    struct ottla_error error = {0};
    struct ottla_test_broker_options o;
    ottla_test_broker_options_init(&o);
    o.settings = bad;
    assert_null(ottla_test_broker_start(&o, &error));
    assert_int_equal(error.code, OTTLA_ERR_BAD_CONFIG);
    assert_non_null(strstr(error.message, "num.partitions"));
    o.settings = good;
    ottla_test_broker_free(broker_with(&o));
    ottla_test_broker_free(NULL);
}

static void test_errors(void **state)
{
    struct ottla_test_broker *b = broker_with(NULL);
    struct ottla_client *client = client_of(b, NULL);
    int64_t offset;
    char text[64];
    assert_done(write_one(client, "a", &offset));
    uint64_t before = ottla_test_broker_requests(b, OTTLA_TEST_PRODUCE);
    ottla_test_broker_fail(b, OTTLA_TEST_PRODUCE, OTTLA_ERR_NOT_ENOUGH_REPLICAS, 3);
    assert_done(write_one(client, "b", &offset));
    assert_int_equal(offset, 1);
    assert_int_equal(ottla_test_broker_requests(b, OTTLA_TEST_PRODUCE), before + 4);
    ottla_test_broker_fail(b, OTTLA_TEST_PRODUCE, OTTLA_ERR_MESSAGE_TOO_LARGE, OTTLA_TEST_ALWAYS);
    assert_int_equal(write_one(client, "c", &offset), OTTLA_ERR_MESSAGE_TOO_LARGE);
    ottla_test_broker_clear(b);
    ottla_test_broker_fail(b, OTTLA_TEST_METADATA, OTTLA_ERR_LEADER_NOT_AVAILABLE, 2);
    ottla_test_broker_fail(b, OTTLA_TEST_FETCH, OTTLA_ERR_NOT_LEADER_OR_FOLLOWER, 1);
    ottla_test_broker_fail(b, OTTLA_TEST_LIST_OFFSETS, OTTLA_ERR_NOT_LEADER_OR_FOLLOWER, 1);
    read_all(client, 2, text, sizeof text);
    assert_string_equal(text, "ab");
    ottla_client_free(client);
    ottla_test_broker_free(b);
}

/* What was written before the connection broke is not written again. */
static void test_lost_answers(void **state)
{
    struct ottla_test_broker *b = broker_with(NULL);
    struct ottla_client *client = client_of(b, NULL);
    int64_t offset;
    char text[64];
    assert_done(write_one(client, "a", &offset));
    ottla_test_broker_drop(b, OTTLA_TEST_PRODUCE, true, 1);
    assert_done(write_one(client, "b", &offset));
    ottla_test_broker_drop(b, OTTLA_TEST_PRODUCE, false, 2);
    ottla_test_broker_disconnect(b);
    assert_done(write_one(client, "c", &offset));
    assert_int_equal(offset, 2);
    ottla_test_broker_drop(b, OTTLA_TEST_FETCH, true, 1);
    read_all(client, 3, text, sizeof text);
    assert_string_equal(text, "abc");
    ottla_client_free(client);
    ottla_test_broker_free(b);
}

static void test_delays_and_pauses(void **state)
{
    static const char *const settings[] = {"request.timeout.ms",
                                           "300",
                                           "delivery.timeout.ms",
                                           "2000",
                                           "linger.ms",
                                           "0",
                                           "max.block.ms",
                                           "2000",
                                           NULL};
    struct ottla_test_broker *b = broker_with(NULL);
    struct ottla_client *client = client_of(b, settings);
    int64_t offset, began = now_ms();
    assert_done(write_one(client, "a", &offset));
    ottla_test_broker_delay(b, OTTLA_TEST_PRODUCE, 50, 1);
    assert_done(write_one(client, "b", &offset));
    assert_true(now_ms() - began >= 50);
    ottla_test_broker_delay(b, OTTLA_TEST_PRODUCE, 60000,
                            1); /* its timer runs when the broker stops */
    assert_done(write_one(client, "c", &offset));
    ottla_test_broker_pause(b);
    assert_int_equal(write_one(client, "d", &offset), OTTLA_ERR_REQUEST_TIMED_OUT);
    ottla_test_broker_resume(b);
    assert_done(write_one(client, "e", &offset));
    ottla_test_broker_pause(b);
    assert_int_not_equal(write_one(client, "f", &offset), 0);
    ottla_test_broker_free(b); /* with requests that wait */
    ottla_client_free(client);
}

static void test_a_leader_that_is_away(void **state)
{
    static const char *const settings[] = {"request.timeout.ms",
                                           "300",
                                           "delivery.timeout.ms",
                                           "400",
                                           "linger.ms",
                                           "0",
                                           "max.block.ms",
                                           "400",
                                           NULL};
    struct ottla_test_broker *b = broker_with(NULL);
    struct ottla_client *client = client_of(b, NULL), *hasty = client_of(b, settings);
    char text[64];
    int64_t offset;
    assert_done(write_one(client, "a", &offset));
    ottla_test_broker_set_leader_away(b, "t", 0, true);
    assert_int_not_equal(write_one(hasty, "b", &offset), 0);
    ottla_test_broker_set_leader_away(b, "t", 0, false);
    assert_done(write_one(client, "c", &offset));
    assert_int_equal(offset, 1);
    read_all(client, 2, text, sizeof text);
    assert_string_equal(text, "ac");
    ottla_client_free(hasty);
    ottla_client_free(client);
    ottla_test_broker_free(b);
}

/* A producer goes on while the leader moves about: no record is lost, doubled or out of order, and
 * a consumer reads them from whoever leads. */
static void test_leaders_that_move(void **state)
{
    enum { RECORDS = 60 };
    struct ottla_test_broker_options o;
    ottla_test_broker_options_init(&o);
    o.nodes = 3;
    struct ottla_test_broker *b = broker_with(&o);
    struct ottla_client *client = client_of(b, NULL);
    char text[RECORDS + 1] = "", want[RECORDS + 1] = "";
    struct ottla_error error = {0};
    int64_t offset;
    for (int i = 0; i < RECORDS; i++) {
        char value[2] = {(char)('a' + i % 26), '\0'};
        if (i % 7 == 3) {
            ottla_test_broker_move_leader(b, "t", 0, 1 + i % 3);
        }
        if (i == 30) {
            ottla_test_broker_drop(b, OTTLA_TEST_PRODUCE, true, 1);
        }
        strcat(want, value);
        assert_done(write_one(client, value, &offset));
    }
    read_all(client, RECORDS, text, sizeof text);
    assert_string_equal(text, want);
    ottla_test_broker_move_leader(b, "t", 0, 2);
    assert_done(ottla_test_broker_restart(b, &error));
    read_all(client, RECORDS, text, sizeof text);
    assert_string_equal(text, want);
    ottla_client_free(client);
    ottla_test_broker_free(b);
}

/* One poll of a consumer, assigned or subscribed. */
static int poll_once(struct ottla_client *client, bool is_member)
{
    static const char *const topics[] = {"t"};
    struct ottla_error error = {0};
    const struct ottla_topic_partition t = {"t", 0};
    struct ottla_records *records = NULL;
    struct ottla_consumer *consumer = ottla_consumer_new(client, &error);
    assert_done(is_member ? ottla_consumer_subscribe(consumer, topics, 1, NULL, &error)
                          : ottla_consumer_assign(consumer, &t, 1, &error));
    int code = ottla_consumer_poll(consumer, 5000, &records, &error);
    ottla_records_free(records);
    ottla_consumer_free(consumer);
    return code;
}

/* The test's broker knows no SASL: every call says so, and soon. */
static void test_a_login_that_is_refused(void **state)
{
    static const char *const settings[] = {"security.protocol",
                                           "SASL_PLAINTEXT",
                                           "sasl.mechanism",
                                           "PLAIN",
                                           "sasl.username",
                                           "a",
                                           "sasl.password",
                                           "b",
                                           "group.id",
                                           "g",
                                           NULL};
    struct ottla_test_broker *b = broker_with(NULL);
    struct ottla_client *client = client_of(b, settings);
    struct ottla_error error = {0};
    struct ottla_topics *found = NULL;
    int64_t offset, began = now_ms();
    assert_int_equal(ottla_list_topics(client, NULL, &found, &error), OTTLA_ERR_ILLEGAL_SASL_STATE);
    assert_non_null(strstr(error.message, "has no SASL"));
    assert_true(error.flags & OTTLA_FATAL);
    assert_int_equal(write_one(client, "a", &offset), OTTLA_ERR_ILLEGAL_SASL_STATE);
    assert_int_equal(poll_once(client, false), OTTLA_ERR_ILLEGAL_SASL_STATE);
    assert_int_equal(poll_once(client, true), OTTLA_ERR_ILLEGAL_SASL_STATE);
    assert_true(now_ms() - began < 4000);
    ottla_client_free(client);
    ottla_test_broker_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_outlive_a_restart),
        cmocka_unit_test(test_a_directory),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_lost_answers),
        cmocka_unit_test(test_delays_and_pauses),
        cmocka_unit_test(test_a_leader_that_is_away),
        cmocka_unit_test(test_leaders_that_move),
        cmocka_unit_test(test_a_login_that_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
