/* What a consumer and a client call their user for, against a broker inside the test: statistics,
 * ends of partitions, deserializers, interceptors. In which thread, when, and what such a callback
 * may do. */
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

/* --- deserializers --- */

/* Numbers; "x" is none. */
struct number {
    long value;
    bool is_key;
};

struct numbers {
    int made, released;
    size_t most; /* how many records one poll may give */
};

static int to_number(void *ctx, const struct ottla_deserialization *what, void **ret_object,
                     struct ottla_error *why)
{
    struct numbers *n = ctx;
    char text[32] = "", *end;
    assert_int_equal(why->code, 0);
    memcpy(text, what->bytes.data, what->bytes.length);
    long value = strtol(text, &end, 10);
    if (*end != '\0') {
        snprintf(why->message, sizeof why->message, "'%s' is no number", text);
        return OTTLA_ERR_INVALID_RECORD;
    }
    struct number *made = ottla_scratch_alloc(what->scratch, sizeof *made);
    *made = (struct number){value, what->is_key};
    assert_int_equal(what->record->partition, 0);
    *ret_object = made;
    n->made++;
    return 0;
}

static void release_number(void *ctx, void *object)
{
    struct numbers *n = ctx;
    assert_in_range(((struct number *)object)->value, 1, 9);
    n->released++;
}

static void write_pair(struct ottla_client *client, const char *topic, const char *key,
                       const char *value)
{
    struct ottla_producer *p = ottla_producer_new(client, &error);
    struct ottla_message m;
    ottla_message_init(&m);
    m.topic = topic;
    m.partition = 0;
    m.key = key;
    m.key_length = key ? strlen(key) : 0;
    m.value = value;
    m.value_length = value ? strlen(value) : 0;
    assert_done(ottla_producer_send_wait(p, &m, NULL, &error));
    ottla_producer_free(p, 10000);
}

static struct ottla_consumer *numbers_of(struct ottla_client *client, const char *topic,
                                         struct numbers *n)
{
    struct ottla_consumer_options options;
    ottla_consumer_options_init(&options);
    options.key_deserializer = (struct ottla_deserializer){to_number, release_number, n};
    options.value_deserializer = options.key_deserializer;
    return reader_of(client, topic, &options);
}

/* So many records, which are the caller's. */
static struct ottla_records *read_n(struct ottla_consumer *c, size_t count)
{
    struct ottla_records *records;
    assert_done(ottla_consumer_poll(c, 30000, &records, &error));
    assert_int_equal(ottla_records_count(records), count);
    return records;
}

/* Objects beside the bytes, nothing for what is null; they live as long as the records. */
static void test_deserializers(void **state)
{
    struct ottla_client *client = client_of(config_with(NULL, NULL));
    struct numbers n = {0};
    (void)state;
    write_pair(client, "numbers", "1", "2");
    write_pair(client, "numbers", NULL, "3");
    write_pair(client, "numbers", "4", NULL);
    struct ottla_consumer *c = numbers_of(client, "numbers", &n);
    struct ottla_records *records = read_n(c, 3);
    static const long want[3][2] = {{1, 2}, {0, 3}, {4, 0}};
    ottla_consumer_free(c);
    assert_int_equal(n.made, 4);
    assert_int_equal(n.released, 0);
    for (size_t i = 0; i < 3; i++) {
        const struct ottla_record *r = ottla_records_at(records, i);
        const struct number *key = r->key_object, *value = r->value_object;
        assert_int_equal(key ? key->value : 0, want[i][0]);
        assert_int_equal(value ? value->value : 0, want[i][1]);
        assert_true((key == NULL || key->is_key) && (value == NULL || !value->is_key));
        assert_true((key == NULL) == (r->key == NULL));
    }
    ottla_records_free(records);
    assert_int_equal(n.released, 4);
    ottla_client_free(client);
}

static void expect_bad(struct ottla_consumer *c, int64_t offset, bool is_key, const char *sentence)
{
    struct ottla_records *records = NULL;
    bool was_key = !is_key;
    assert_int_equal(ottla_consumer_poll(c, 30000, &records, &error), OTTLA_ERR_INVALID_RECORD);
    assert_string_equal(error.message, sentence);
    assert_null(records);
    const struct ottla_record *bad = ottla_consumer_bad_record(c, &was_key);
    assert_non_null(bad);
    assert_int_equal(bad->offset, offset);
    assert_string_equal(bad->topic, "bad");
    assert_int_equal(bad->partition, 0);
    assert_int_equal(was_key, is_key);
    assert_memory_equal(is_key ? bad->key : bad->value, "x", 1);
    assert_int_equal(ottla_consumer_position(c, "bad", 0), offset);
}

static void seek(struct ottla_consumer *c, int64_t offset)
{
    assert_done(ottla_consumer_seek(c, "bad", 0, offset, &error));
    assert_null(ottla_consumer_bad_record(c, NULL));
}

#define BAD(what, off)                                                                             \
    "bad-0: the " what " of the record at offset " off                                             \
    " cannot be deserialized: 'x' is no number. Seek past it to go on"

/* What is before it is given, then the same error again and again, until somebody seeks past it. A
 * paused partition says nothing. */
static void test_bad_records(void **state)
{
    struct ottla_client *client = client_of(config_with(NULL, NULL));
    struct numbers n = {0};
    (void)state;
    write_pair(client, "bad", "1", "2");
    write_pair(client, "bad", "3", "x");
    write_pair(client, "bad", "x", "4");
    write_pair(client, "bad", "5", "6");
    struct ottla_consumer *c = numbers_of(client, "bad", &n);
    assert_null(ottla_consumer_bad_record(c, NULL));
    ottla_records_free(read_n(c, 1));
    expect_bad(c, 1, false, BAD("value", "1"));
    expect_bad(c, 1, false, BAD("value", "1"));
    assert_done(ottla_consumer_pause(c, "bad", 0, true, &error));
    assert_int_equal(poll_once(c, 10), 0);
    assert_done(ottla_consumer_pause(c, "bad", 0, false, &error));
    expect_bad(c, 1, false, BAD("value", "1"));
    seek(c, ottla_consumer_bad_record(c, NULL)->offset + 1);
    expect_bad(c, 2, true, BAD("key", "2"));
    seek(c, 3);
    ottla_records_free(read_n(c, 1));
    seek(c, 2);
    expect_bad(c, 2, true, BAD("key", "2"));
    assert_done(ottla_consumer_assign(c, NULL, 0, &error)); /* nobody reads it any more */
    assert_null(ottla_consumer_bad_record(c, NULL));
    ottla_consumer_free(c);
    assert_int_equal(n.made, n.released);
    ottla_client_free(client);
}

/* A bad one behind another partition's, which is paused. */
static void test_two_bad_partitions(void **state)
{
    struct ottla_client *client = client_of(config_with(NULL, NULL));
    const struct ottla_topic_partition both[] = {{"bad-a", 0}, {"bad-b", 0}};
    struct ottla_records *records;
    struct numbers n = {0};
    (void)state;
    write_pair(client, "bad-a", "1", "x");
    write_pair(client, "bad-b", "1", "x");
    struct ottla_consumer *c = numbers_of(client, "bad-a", &n);
    assert_done(ottla_consumer_assign(c, both, 2, &error));
    for (int i = 0; i < 6; i++) {
        assert_int_equal(ottla_consumer_poll(c, 30000, &records, &error), OTTLA_ERR_INVALID_RECORD);
        const struct ottla_record *bad = ottla_consumer_bad_record(c, NULL);
        bool is_a = strcmp(bad->topic, "bad-a") == 0;
        assert_done(ottla_consumer_pause(c, bad->topic, 0, true, &error));
        assert_done(ottla_consumer_pause(c, is_a ? "bad-b" : "bad-a", 0, false, &error));
    }
    ottla_consumer_free(c);
    assert_int_equal(n.made, n.released);
    ottla_client_free(client);
}

/* --- interceptors --- */

static int add_mark(void *ctx, struct ottla_records *records, struct ottla_error *why)
{
    (void)why;
    for (size_t i = 0; i < ottla_records_count(records); i++) {
        struct ottla_record *r = ottla_records_edit(records, i);
        size_t length = r->value_length + strlen(ctx);
        char *value = ottla_scratch_alloc(ottla_records_scratch(records), length);
        memcpy(value, r->value, r->value_length);
        memcpy(value + r->value_length, ctx, strlen(ctx));
        r->value = value;
        r->value_length = length;
    }
    return 0;
}

static int leave_out_b(void *ctx, struct ottla_records *records, struct ottla_error *why)
{
    (void)why;
    ++*(int *)ctx;
    for (size_t i = ottla_records_count(records); i-- > 0;) {
        if (((const char *)ottla_records_at(records, i)->value)[0] == 'b') {
            ottla_records_remove(records, i);
        }
    }
    return 0;
}

static int break_all(void *ctx, struct ottla_records *records, struct ottla_error *why)
{
    (void)ctx;
    ottla_records_edit(records, 0)->value_length = 0;
    while (ottla_records_count(records) > 1) {
        ottla_records_remove(records, 0);
    }
    snprintf(why->message, sizeof why->message, "broken");
    return OTTLA_ERR_INVALID_RECORD;
}

static void on_committed(void *ctx, const struct ottla_commit *offsets, size_t count)
{
    size_t len = strlen(told);
    (void)ctx;
    assert_int_equal(count, 1);
    snprintf(told + len, sizeof told - len, "%s@%d ", offsets[0].topic, (int)offsets[0].offset);
}

static void on_commit_done(void *ctx, int code, const char *message,
                           const struct ottla_commit *offsets, size_t count)
{
    size_t len = strlen(told);
    snprintf(told + len, sizeof told - len, "%s ", ottla_error_name(code));
}

static void on_line(void *ctx, enum ottla_log_level level, const char *text)
{
    struct heard *h = ctx;
    if (strstr(text, "interceptor") != NULL) {
        hear(h, text);
    }
}

static struct ottla_consumer *intercepted(struct ottla_client *client, const char *topic,
                                          int *calls)
{
    static char first[] = "1", last[] = "2";
    struct ottla_consumer_interceptor list[] = {
        {.on_consume = add_mark, .ctx = first},
        {.on_consume = break_all},
        {.on_commit = on_committed},
        {.on_consume = leave_out_b, .ctx = calls},
        {.on_consume = add_mark, .ctx = last},
    };
    struct ottla_consumer_options options;
    ottla_consumer_options_init(&options);
    options.interceptors = list;
    options.interceptor_count = sizeof list / sizeof *list;
    struct ottla_consumer *c = reader_of(client, topic, &options);
    memset(list, 0, sizeof list); /* they were copied */
    return c;
}

static struct ottla_config *group_config(struct heard *h)
{
    struct ottla_config *config = config_with("group.id", "interceptors");
    assert_done(ottla_config_set(config, "enable.auto.commit", "false", &error));
    ottla_config_set_log(config, OTTLA_LOG_WARN, on_line, h);
    return config;
}

/* In their order; what one does before it fails is undone, and told to the log. */
static void test_on_consume(void **state)
{
    struct heard h = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER};
    struct ottla_client *client = client_of(group_config(&h));
    int calls = 0;
    (void)state;
    write_to(client, "seen", "a");
    write_to(client, "seen", "b");
    write_to(client, "seen", "c");
    struct ottla_consumer *c = intercepted(client, "seen", &calls);
    struct ottla_records *records = read_n(c, 2);
    assert_int_equal(ottla_records_at(records, 0)->value_length, 3);
    assert_memory_equal(ottla_records_at(records, 0)->value, "a12", 3);
    assert_memory_equal(ottla_records_at(records, 1)->value, "c12", 3);
    assert_int_equal(ottla_consumer_position(c, "seen", 0), 3);
    ottla_records_free(records);
    assert_int_equal(poll_once(c, 20), 0);
    assert_int_equal(calls, 1); /* not without records */
    ottla_consumer_free(c);
    ottla_client_free(client);
    assert_int_equal(h.count, 1);
    assert_string_equal(h.text, "on_consume of interceptor 1 failed, and the records go on as they "
                                "were: INVALID_RECORD: broken");
}

/* What was committed, before the commit's own callback; not what failed, nor nothing. */
static void test_on_commit(void **state)
{
    struct heard h = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER};
    struct ottla_client *client = client_of(group_config(&h));
    const struct ottla_commit at5 = {.topic = "committed", .leader_epoch = -1, .offset = 5};
    const struct ottla_commit wrong = {.topic = "committed", .partition = 77, .offset = 5};
    int calls = 0;
    (void)state;
    told[0] = '\0';
    write_to(client, "committed", "a");
    struct ottla_consumer *c = intercepted(client, "committed", &calls);
    assert_done(ottla_consumer_commit(c, NULL, 0, 30000, &error)); /* no position yet */
    assert_told("");
    ottla_records_free(read_n(c, 1));
    assert_done(ottla_consumer_commit(c, NULL, 0, 30000, &error));
    assert_told("committed@1 ");
    assert_done(ottla_consumer_commit_async(c, &at5, 1, on_commit_done, NULL, &error));
    assert_done(ottla_consumer_commit_async(c, &at5, 1, NULL, NULL, &error));
    while (strlen(told) < strlen("committed@5 NONE committed@5 ")) {
        assert_int_equal(poll_once(c, 10), 0);
    }
    assert_told("committed@5 NONE committed@5 ");
    assert_int_not_equal(ottla_consumer_commit(c, &wrong, 1, 200, &error), 0);
    assert_told("");
    ottla_consumer_free(c);
    ottla_client_free(client);
}

/* enable.auto.commit, by close. */
static void test_on_auto_commit(void **state)
{
    struct ottla_client *client = client_of(config_with("group.id", "interceptors-auto"));
    int calls = 0;
    (void)state;
    told[0] = '\0';
    write_to(client, "by-itself", "a");
    struct ottla_consumer *c = intercepted(client, "by-itself", &calls);
    ottla_records_free(read_n(c, 1));
    ottla_consumer_free(c);
    assert_told("by-itself@1 ");
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
        cmocka_unit_test(test_seek_from_an_end),    cmocka_unit_test(test_deserializers),
        cmocka_unit_test(test_bad_records),         cmocka_unit_test(test_two_bad_partitions),
        cmocka_unit_test(test_on_consume),          cmocka_unit_test(test_on_commit),
        cmocka_unit_test(test_on_auto_commit),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
