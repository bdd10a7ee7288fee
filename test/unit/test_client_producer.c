/* The producer as a program sees it, without a cluster: what it refuses, its numbers, a partitioner
 * of the program's own. */
#include "test.h"

#include "base/mem.h"
#include "client/check.h"
#include "client/producer/producer_int.h"

#include <unistd.h>

static struct ottla_client *client_with(const char *name, const char *value)
{
    struct ottla_config *config = ottla_config_new();
    assert_int_equal(ottla_config_set(config, "bootstrap.servers", "127.0.0.1:1", NULL), 0);
    assert_int_equal(ottla_config_set(config, "max.block.ms", "1", NULL), 0);
    assert_int_equal(ottla_config_set(config, name, value, NULL), 0);
    struct ottla_client *client = ottla_client_new(config, NULL);
    assert_non_null(client);
    ottla_config_free(config);
    return client;
}

/* As Apache Kafka: a contradiction is an error where somebody asked for both sides of it. */
static void test_contradictions(void **state)
{
    static const struct {
        const char *name, *value, *name2, *value2;
        bool is_fine;
    } rows[] = {
        {"acks", "1", "client.id", "x", true},
        {"acks", "1", "enable.idempotence", "true", false},
        {"acks", "1", "transactional.id", "x", false},
        {"retries", "0", "enable.idempotence", "true", false},
        {"max.in.flight.requests.per.connection", "6", "enable.idempotence", "true", false},
        {"max.in.flight.requests.per.connection", "6", "client.id", "x", true},
        {"enable.idempotence", "false", "transactional.id", "x", false},
        {"acks", "-1", "transactional.id", "x", true},
        {"partitioner", "fnv1a", "client.id", "x", true},
        {"partitioner", "fnv1a", "partitioner.ignore.keys", "true", false},
        {"partitioner", "fnv1a", "partitioner.class", "RoundRobinPartitioner", false},
        {"partitioner", "", "partitioner.class", "RoundRobinPartitioner", true},
        {"delivery.timeout.ms", "30004", "client.id", "x", false},
        {"delivery.timeout.ms", "30005", "client.id", "x", true},
        {"delivery.timeout.ms", "120000", "request.timeout.ms", "119996", false},
        {"request.timeout.ms", "2147483647", "linger.ms", "9223372036854775807", true},
        {"delivery.timeout.ms", "2147483647", "linger.ms", "9223372036854775807", true},
        {"delivery.timeout.ms", "2147483646", "linger.ms", "9223372036854775807", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ottla_error error = {.code = 0};
        struct ottla_config *config = ottla_config_new();
        assert_int_equal(ottla_config_set(config, rows[i].name, rows[i].value, NULL), 0);
        assert_int_equal(ottla_config_set(config, rows[i].name2, rows[i].value2, NULL), 0);
        assert_int_equal(config_check_producer(config, &error),
                         rows[i].is_fine ? 0 : ERR_BAD_CONFIG);
        assert_int_equal(error.code, rows[i].is_fine ? 0 : ERR_BAD_CONFIG);
        ottla_config_free(config);
    }
}

static int send(struct ottla_producer *p, struct ottla_message *m, struct ottla_error *error)
{
    return ottla_producer_send(p, m, NULL, NULL, error);
}

static void test_refusals(void **state)
{
    struct ottla_client *client = client_with("transactional.id", "x");
    struct ottla_producer *p = ottla_producer_new(client, NULL);
    const struct ottla_header nameless = {.key = NULL};
    struct ottla_error error;
    struct ottla_message m;
    int32_t count;
    (void)state;
    ottla_message_init(&m);
    assert_int_equal(send(p, &m, &error), ERR_INVALID_TOPIC_EXCEPTION);
    m.topic = "t";
    m.timestamp_ms = -2;
    assert_int_equal(send(p, &m, &error), ERR_INVALID_TIMESTAMP);
    m.timestamp_ms = -1;
    m.headers = &nameless;
    m.header_count = 1;
    assert_int_equal(send(p, &m, &error), ERR_INVALID_RECORD);
    m.header_count = 0;
    assert_int_equal(send(p, &m, &error), ERR_REQUEST_TIMED_OUT); /* nobody is there */
    assert_int_equal(ottla_producer_partition_count(p, "t", &count, &error), ERR_REQUEST_TIMED_OUT);
    assert_int_equal(ottla_producer_begin(p, &error), ERR_INVALID_TXN_STATE);
    assert_string_equal(error.message, "transactions were not initialized");
    /* long enough for its thread to hear of it on a busy machine */
    assert_int_equal(ottla_producer_init_transactions(p, 300, &error), ERR_REQUEST_TIMED_OUT);
    assert_true(error.flags & OTTLA_RETRIABLE);
    assert_string_equal(error.message, "not done in time, and it goes on: no coordinator has "
                                       "answered InitProducerId yet");
    ottla_producer_free(p, 0);
    ottla_client_free(client);
}

static void test_metrics(void **state)
{
    struct ottla_client *client = client_with("client.id", "a \"name\"");
    struct ottla_producer *p = ottla_producer_new(client, NULL);
    (void)state;
    char *text = ottla_producer_metrics(p);
    assert_non_null(strstr(text, "{\"client\":{\"client-id\":\"a \\\"name\\\"\""));
    assert_non_null(strstr(text, "\"record-send-total\":0,"));
    assert_non_null(strstr(text, "\"buffer-available-bytes\":33554432,\"producer-id\":-1"));
    assert_int_equal(text[strlen(text) - 2], '}');
    ottla_text_free(text);
    text = ottla_client_metrics(client);
    assert_non_null(strstr(text, "\"connection-count\":0,\"connection-creation-total\":0,"));
    assert_non_null(strstr(text, ",\"nodes\":{}}"));
    ottla_text_free(text);
    ottla_producer_free(p, 0);
    struct ottla_consumer *consumer = ottla_consumer_new(client, NULL);
    text = ottla_consumer_metrics(consumer);
    assert_non_null(strstr(text, "\"consumer\":{\"poll-total\":0,\"last-poll-seconds-ago\":-1,"));
    assert_non_null(strstr(text, "\"records-lead-min\":-1,\"records-lag-max\":-1,"
                                 "\"assigned-partitions\":0}}"));
    ottla_text_free(text);
    ottla_consumer_free(consumer);
    ottla_client_free(client);
}

/* What answers said of throttling, by the three names of Kafka's clients; those that said nothing
 * count in the average. */
static void test_throttle_metrics(void **state)
{
    struct ottla_client *client = client_with("client.id", "x");
    struct ottla_producer *p = ottla_producer_new(client, NULL);
    static const int32_t said_ms[] = {300, 0, 0, 101};
    (void)state;
    char *text = ottla_producer_metrics(p);
    assert_non_null(strstr(text, ",\"produce-throttle-time-total\":0,"
                                 "\"produce-throttle-time-avg\":0.00,"
                                 "\"produce-throttle-time-max\":0,"));
    ottla_text_free(text);
    for (size_t i = 0; i < ARRAY_LEN(said_ms); i++) {
        struct produce_ask *a = ask_new(PRODUCE_BATCHES, CALL_NODE);
        union produce_answer answer = {.produce = produce_resp_default};
        answer.produce.throttle_time_ms = said_ms[i];
        mutex_lock(&p->lock);
        acc_take(&p->acc, a, OK, &answer, 1);
        mutex_unlock(&p->lock);
    }
    text = ottla_producer_metrics(p);
    assert_non_null(strstr(text, ",\"produce-throttle-time-total\":401,"
                                 "\"produce-throttle-time-avg\":100.25,"
                                 "\"produce-throttle-time-max\":300,"));
    ottla_text_free(text);
    ottla_producer_free(p, 0);
    ottla_client_free(client);
}

static void on_statistics(void *ctx, const char *json)
{
    int *to = ctx;
    if (strstr(json, "\"producer\":{") != NULL && *to > 0) {
        assert_int_equal(write(*to, "x", 1), 1);
        *to = 0;
    }
}

/* The callback comes by itself. */
static void test_statistics(void **state)
{
    struct ottla_client *client = client_with("statistics.interval.ms", "1");
    struct ottla_producer_options options;
    int ends[2];
    char byte;
    (void)state;
    assert_int_equal(pipe(ends), 0);
    ottla_producer_options_init(&options);
    options.statistics = on_statistics;
    options.statistics_ctx = &ends[1];
    int out = ends[1];
    struct ottla_producer *p = ottla_producer_new_with(client, &options, NULL);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    ottla_producer_free(p, 0);
    ottla_client_free(client);
    close(ends[0]);
    close(out);
}

struct heard {
    int count;
    enum ottla_log_level least;
};

static void on_log(void *ctx, enum ottla_log_level level, const char *text)
{
    struct heard *h = ctx;
    h->least = h->count++ == 0 || level < h->least ? level : h->least;
    assert_true(text[0] != '\0' && strchr(text, '\n') == NULL);
}

static void ask_nobody(enum ottla_log_level level, struct heard *h)
{
    struct ottla_config *config = ottla_config_new();
    struct ottla_admin_options options;
    struct ottla_cluster *cluster;
    assert_int_equal(ottla_config_set(config, "bootstrap.servers", "127.0.0.1:1", NULL), 0);
    ottla_config_set_log(config, level, h ? on_log : NULL, h);
    struct ottla_client *client = ottla_client_new(config, NULL);
    ottla_config_free(config);
    ottla_admin_options_init(&options);
    options.timeout_ms = 100;
    assert_int_not_equal(ottla_describe_cluster(client, &options, &cluster, NULL), 0);
    ottla_client_free(client); /* nobody calls afterwards */
}

/* Each client has its own, and hears nothing below its level. */
static void test_log(void **state)
{
    struct heard all = {0}, warnings = {0}, errors = {0};
    (void)state;
    ask_nobody(OTTLA_LOG_DEBUG, &all);
    ask_nobody(OTTLA_LOG_WARN, &warnings);
    ask_nobody(OTTLA_LOG_ERROR, &errors);
    ask_nobody(OTTLA_LOG_DEBUG, NULL);
    assert_true(all.count > 0);
    assert_true(warnings.count == 0 || warnings.least >= OTTLA_LOG_WARN);
    assert_true(errors.count == 0 || errors.least == OTTLA_LOG_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contradictions), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_metrics),        cmocka_unit_test(test_throttle_metrics),
        cmocka_unit_test(test_statistics),     cmocka_unit_test(test_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
