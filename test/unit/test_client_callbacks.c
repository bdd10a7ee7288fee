/* What a consumer and a client tell their user by callbacks, against a broker inside the test:
 * statistics, ends of partitions. In which thread, when, and what such a callback may do. */
#include <ottla/test.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct ottla_test_broker *broker;
static struct ottla_error error;

#define assert_done(call) assert_string_equal((call) == 0 ? "" : error.message, "")

static struct ottla_config *config_with(const char *name, const char *value)
{
    struct ottla_config *config = ottla_config_new();
    assert_done(
        ottla_config_set(config, "bootstrap.servers", ottla_test_broker_address(broker), &error));
    assert_done(ottla_config_set(config, "auto.offset.reset", "earliest", &error));
    if (name != NULL) {
        assert_done(ottla_config_set(config, name, value, &error));
    }
    return config;
}

static struct ottla_client *client_of(struct ottla_config *config)
{
    struct ottla_client *client = ottla_client_new(config, &error);
    assert_non_null(client);
    ottla_config_free(config);
    return client;
}

static void write_to(struct ottla_client *client, const char *topic, const char *value)
{
    struct ottla_producer *p = ottla_producer_new(client, &error);
    struct ottla_message m;
    assert_non_null(p);
    ottla_message_init(&m);
    m.topic = topic;
    m.partition = 0;
    m.value = value;
    m.value_length = strlen(value);
    assert_done(ottla_producer_send_wait(p, &m, NULL, &error));
    ottla_producer_free(p, 10000);
}

static struct ottla_consumer *reader_of(struct ottla_client *client, const char *topic,
                                        const struct ottla_consumer_options *options)
{
    struct ottla_consumer *c = ottla_consumer_new_with(client, options, &error);
    const struct ottla_topic_partition tp = {topic, 0};
    assert_non_null(c);
    assert_done(ottla_consumer_assign(c, &tp, 1, &error));
    return c;
}

static size_t poll_once(struct ottla_consumer *c, int timeout_ms)
{
    struct ottla_records *records;
    assert_done(ottla_consumer_poll(c, timeout_ms, &records, &error));
    size_t n = ottla_records_count(records);
    ottla_records_free(records);
    return n;
}

/* --- statistics --- */

struct heard {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    struct ottla_client *client;
    struct ottla_consumer *consumer;
    int count, code;
    pthread_t thread;
    char text[512];
};

static void hear(struct heard *h, const char *json)
{
    pthread_mutex_lock(&h->lock);
    h->count++;
    h->thread = pthread_self();
    snprintf(h->text, sizeof h->text, "%.500s", json);
    pthread_cond_signal(&h->cond);
    pthread_mutex_unlock(&h->lock);
}

/* It must not poll, but may look. */
static void on_consumer_statistics(void *ctx, const char *json)
{
    struct heard *h = ctx;
    struct ottla_records *records;
    assert_non_null(strstr(json, ",\"consumer\":{\"poll-total\":"));
    assert_int_equal(ottla_consumer_poll(h->consumer, 0, &records, NULL),
                     OTTLA_ERR_INVALID_REQUEST);
    assert_int_equal(ottla_consumer_assignment(h->consumer, NULL), 1);
    hear(h, json);
}

/* In the thread that polls, while it waits, too; none while nobody polls. */
static void test_consumer_statistics(void **state)
{
    struct ottla_client *client = client_of(config_with("statistics.interval.ms", "20"));
    struct heard h = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER};
    struct ottla_consumer_options options;
    (void)state;
    ottla_consumer_options_init(&options);
    options.statistics = on_consumer_statistics;
    options.statistics_ctx = &h;
    write_to(client, "statistics", "x");
    struct ottla_consumer *c = h.consumer = reader_of(client, "statistics", &options);
    assert_int_equal(h.count, 0);
    assert_int_equal(poll_once(c, 30000), 1);
    int before = h.count;
    assert_int_equal(poll_once(c, 100), 0);
    assert_true(h.count > before);
    assert_true(pthread_equal(h.thread, pthread_self()));
    assert_memory_equal(h.text, "{\"client\":{", 11);
    before = h.count;
    ottla_consumer_free(c);
    assert_int_equal(h.count, before);
    ottla_client_free(client);
}

/* It must not ask brokers: the thread that would bring the answer is its own. */
static void on_client_statistics(void *ctx, const char *json)
{
    struct heard *h = ctx;
    struct ottla_cluster *cluster;
    struct ottla_error why = {.message = ""};
    pthread_mutex_lock(&h->lock);
    if (h->client != NULL) {
        h->code = ottla_describe_cluster(h->client, NULL, &cluster, &why);
    }
    pthread_mutex_unlock(&h->lock);
    hear(h, json);
}

/* In the client's thread, once for each interval, by nobody who stands on it. */
static void test_client_statistics(void **state)
{
    struct ottla_config *config = config_with("statistics.interval.ms", "20");
    struct heard h = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER};
    struct ottla_cluster *cluster;
    (void)state;
    ottla_config_set_statistics(NULL, on_client_statistics, &h);
    ottla_config_set_statistics(config, on_client_statistics, &h);
    struct ottla_client *client = client_of(config);
    assert_done(ottla_describe_cluster(client, NULL, &cluster, &error));
    ottla_cluster_free(cluster);
    write_to(client, "statistics", "x");
    pthread_mutex_lock(&h.lock);
    h.client = client;
    for (int n = h.count; h.count < n + 2;) {
        pthread_cond_wait(&h.cond, &h.lock);
    }
    assert_false(pthread_equal(h.thread, pthread_self()));
    assert_int_equal(h.code, OTTLA_ERR_INVALID_REQUEST);
    assert_memory_equal(h.text, "{\"client\":{\"client-id\":\"ottla\"", 30);
    assert_null(strstr(h.text, "\"producer\""));
    pthread_mutex_unlock(&h.lock);
    ottla_client_free(client);
}

/* No interval, or nobody to tell: never. */
static void test_no_statistics(void **state)
{
    struct heard h = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER};
    struct ottla_config *config = config_with(NULL, NULL);
    struct ottla_consumer_options options;
    (void)state;
    ottla_config_set_statistics(config, on_client_statistics, &h);
    ottla_consumer_options_init(&options);
    options.statistics = on_consumer_statistics;
    options.statistics_ctx = &h;
    struct ottla_client *client = client_of(config);
    write_to(client, "quiet", "x");
    struct ottla_consumer *c = reader_of(client, "quiet", &options);
    assert_int_equal(poll_once(c, 30000), 1);
    assert_int_equal(poll_once(c, 20), 0);
    ottla_consumer_free(c);
    ottla_client_free(client);
    assert_int_equal(h.count, 0);
}

/* --- ends of partitions --- */

static char told[256];

static void on_end(void *ctx, struct ottla_consumer *c, const struct ottla_topic_partition *tp,
                   int64_t offset)
{
    struct ottla_records *records;
    size_t len = strlen(told);
    assert_int_equal(ottla_consumer_poll(c, 0, &records, NULL), OTTLA_ERR_INVALID_REQUEST);
    assert_int_equal(ottla_consumer_position(c, tp->topic, tp->partition), offset);
    snprintf(told + len, sizeof told - len, "%s-%d@%d ", tp->topic, tp->partition, (int)offset);
    if (ctx != NULL && offset == *(int64_t *)ctx) {
        *(int64_t *)ctx = -1;
        assert_done(ottla_consumer_seek(c, tp->topic, tp->partition, 0, &error));
    }
}

#define assert_told(text)                                                                          \
    do {                                                                                           \
        assert_string_equal(told, text);                                                           \
        told[0] = '\0';                                                                            \
    } while (0)

static struct ottla_consumer *listener_of(struct ottla_client *client, const char *topic,
                                          int64_t *again)
{
    struct ottla_consumer_options options;
    ottla_consumer_options_init(&options);
    options.partition_end = on_end;
    options.partition_end_ctx = again;
    return reader_of(client, topic, &options);
}

/* A poll without a limit ends with it. After the records, once; again when there were more. */
static void test_partition_end(void **state)
{
    struct ottla_client *client = client_of(config_with(NULL, NULL));
    (void)state;
    write_to(client, "ends", "a");
    struct ottla_consumer *c = listener_of(client, "ends", NULL);
    assert_int_equal(poll_once(c, -1), 1);
    assert_told("");
    assert_int_equal(poll_once(c, -1), 0);
    assert_told("ends-0@1 ");
    assert_int_equal(poll_once(c, 10), 0);
    assert_told("");
    write_to(client, "ends", "b");
    assert_int_equal(poll_once(c, -1), 1);
    assert_int_equal(poll_once(c, -1), 0);
    assert_told("ends-0@2 ");
    assert_done(ottla_consumer_seek(c, "ends", 0, OTTLA_OFFSET_LATEST, &error));
    assert_int_equal(poll_once(c, -1), 0);
    assert_told("ends-0@2 ");
    ottla_consumer_free(c);
    ottla_client_free(client);
}

/* The callback goes back to the beginning: all comes again, and the end. */
static void test_seek_from_an_end(void **state)
{
    struct ottla_client *client = client_of(config_with(NULL, NULL));
    int64_t again = 1;
    (void)state;
    write_to(client, "again", "a");
    struct ottla_consumer *c = listener_of(client, "again", &again);
    assert_int_equal(poll_once(c, -1), 1);
    assert_int_equal(poll_once(c, -1), 0);
    assert_told("again-0@1 ");
    assert_int_equal(poll_once(c, -1), 1);
    assert_int_equal(poll_once(c, -1), 0);
    assert_told("again-0@1 ");
    ottla_consumer_free(c);
    ottla_client_free(client);
}

/* --- the broker --- */

static int setup(void **state)
{
    (void)state;
    broker = ottla_test_broker_start(NULL, &error);
    return broker == NULL;
}

static int teardown(void **state)
{
    (void)state;
    ottla_test_broker_free(broker);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_consumer_statistics), cmocka_unit_test(test_client_statistics),
        cmocka_unit_test(test_no_statistics),       cmocka_unit_test(test_partition_end),
        cmocka_unit_test(test_seek_from_an_end),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
