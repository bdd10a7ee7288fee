/* What a program puts between its objects and a producer: serializers, interceptors, what they see,
 * in which order, what their failures do. On a broker, so that what was written is read back. */
#include <ottla/test.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { STEPS_MAX = 64, BATCH = 5 };

static struct ottla_test_broker *broker;
static struct ottla_error error;

#define assert_done(call) assert_string_equal((call) == 0 ? "" : error.message, "")

/* What was called, in its order. Written by the thread that sends and, while that one waits, by the
 * producer's. */
static struct {
    char name[24];
    int code;
    int32_t partition;
    int64_t offset;
    char text[200];
} steps[STEPS_MAX];
static int step_count;

static void note(const char *name, const struct ottla_delivery *d)
{
    assert_true(step_count < STEPS_MAX);
    snprintf(steps[step_count].name, sizeof steps->name, "%s", name);
    if (d != NULL) {
        steps[step_count].code = d->error;
        steps[step_count].partition = d->partition;
        steps[step_count].offset = d->offset;
        snprintf(steps[step_count].text, sizeof steps->text, "%s", d->message ? d->message : "");
    }
    step_count++;
}

static void assert_steps(const char *want)
{
    char got[STEPS_MAX * sizeof steps->name] = "";
    for (int i = 0; i < step_count; i++) {
        strcat(got, i ? " " : "");
        strcat(got, steps[i].name);
    }
    assert_string_equal(got, want);
}

/* --- a program's objects --- */

struct point {
    int x, y;
};

static int write_point(void *ctx, const struct ottla_serialization *what, struct ottla_bytes *ret,
                       struct ottla_error *why)
{
    const struct point *p = what->object;
    struct ottla_header header = {"type", 4, "point", 5};
    note(what->is_key ? "key" : "value", NULL);
    assert_ptr_equal(ctx, &steps);
    assert_int_equal(what->object_length, 77);
    if (p->x < 0) {
        snprintf(why->message, sizeof why->message, "x is %d", p->x);
        return OTTLA_ERR_INVALID_RECORD;
    }
    char *text = ottla_scratch_alloc(what->scratch, 32);
    ret->data = text;
    ret->length = (size_t)snprintf(text, 32, "(%d,%d)", p->x, p->y);
    return ottla_message_add_header(what->message, what->scratch, &header);
}

static int write_null(void *ctx, const struct ottla_serialization *what, struct ottla_bytes *ret,
                      struct ottla_error *why)
{
    (void)ctx;
    (void)what;
    (void)why;
    *ret = (struct ottla_bytes){NULL, 0};
    return 0;
}

static int write_nonsense(void *ctx, const struct ottla_serialization *what,
                          struct ottla_bytes *ret, struct ottla_error *why)
{
    (void)ctx;
    (void)what;
    (void)why;
    *ret = (struct ottla_bytes){NULL, 12};
    return 0;
}

static int32_t choose(void *ctx, const struct ottla_message *m, int32_t count)
{
    (void)ctx;
    (void)count;
    note("partition", NULL);
    assert_memory_equal(m->key, "(1,2)", m->key_length);
    assert_memory_equal(m->value, "(3,4)", m->value_length);
    return 0;
}

/* --- interceptors --- */

static int add_first(void *ctx, struct ottla_message *m, struct ottla_scratch *scratch,
                     struct ottla_error *why)
{
    (void)why;
    struct ottla_header header = {"by", 2, "first", 5};
    note("send1", NULL);
    assert_ptr_equal(ctx, &steps);
    return ottla_message_add_header(m, scratch, &header);
}

/* Spoils what it has and fails. */
static int spoil(void *ctx, struct ottla_message *m, struct ottla_scratch *scratch,
                 struct ottla_error *why)
{
    (void)ctx;
    (void)scratch;
    note("spoil", NULL);
    m->topic = "elsewhere";
    m->header_count = 0;
    snprintf(why->message, sizeof why->message, "out of order today");
    return OTTLA_ERR_UNKNOWN_SERVER_ERROR;
}

/* Sees what the first has left, though the one between them has failed. */
static int add_second(void *ctx, struct ottla_message *m, struct ottla_scratch *scratch,
                      struct ottla_error *why)
{
    (void)ctx;
    (void)why;
    struct ottla_header header = {"by", 2, "second", 6};
    note("send2", NULL);
    assert_string_equal(m->topic, "chain");
    assert_int_equal(m->header_count, 1);
    assert_memory_equal(m->headers[0].value, "first", 5);
    return ottla_message_add_header(m, scratch, &header);
}

static int move(void *ctx, struct ottla_message *m, struct ottla_scratch *scratch,
                struct ottla_error *why)
{
    (void)scratch;
    (void)why;
    m->topic = ctx;
    return 0;
}

static void ack_first(void *ctx, const struct ottla_delivery *d)
{
    assert_ptr_equal(ctx, &steps);
    note("ack1", d);
}

static void ack_second(void *ctx, const struct ottla_delivery *d)
{
    (void)ctx;
    note("ack2", d);
}

static void delivered(void *ctx, const struct ottla_delivery *d)
{
    (void)ctx;
    note("delivered", d);
}

/* --- */

static char said[2000];

static void on_log(void *ctx, enum ottla_log_level level, const char *text)
{
    (void)ctx;
    if (level == OTTLA_LOG_WARN) {
        snprintf(said, sizeof said, "%s", text);
    }
}

static struct ottla_client *client_with(const char *name, const char *value)
{
    struct ottla_config *config = ottla_config_new();
    assert_done(
        ottla_config_set(config, "bootstrap.servers", ottla_test_broker_address(broker), &error));
    assert_done(ottla_config_set(config, name, value, &error));
    ottla_config_set_log(config, OTTLA_LOG_WARN, on_log, NULL);
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

static struct ottla_records *read_all(struct ottla_client *client, const char *topic)
{
    struct ottla_consumer *c = ottla_consumer_new(client, &error);
    struct ottla_topic_partition tp = {topic, 0};
    struct ottla_records *records = NULL;
    assert_done(ottla_consumer_assign(c, &tp, 1, &error));
    assert_done(ottla_consumer_seek(c, topic, 0, OTTLA_OFFSET_EARLIEST, &error));
    while (ottla_records_count(records) == 0) {
        ottla_records_free(records);
        assert_done(ottla_consumer_poll(c, 1000, &records, &error));
    }
    ottla_consumer_free(c);
    return records;
}

static struct ottla_producer *producer_with(struct ottla_client *client,
                                            const struct ottla_producer_options *options)
{
    struct ottla_producer *p = ottla_producer_new_with(client, options, &error);
    assert_non_null(p);
    step_count = 0;
    memset(steps, 0, sizeof steps);
    return p;
}

/* record → serializers → partitioner → batch. */
static void test_serializers(void **state)
{
    (void)state;
    struct ottla_client *client = client_with("client.id", "points");
    struct ottla_producer_options o;
    ottla_producer_options_init(&o);
    o.partitioner = choose;
    o.key_serializer = o.value_serializer = (struct ottla_serializer){write_point, &steps};
    struct ottla_producer *p = producer_with(client, &o);
    struct point key = {1, 2}, value = {3, 4};
    struct ottla_message m = message_to("points");
    m.key = &key;
    m.value = &value;
    m.key_length = m.value_length = 77;
    assert_done(ottla_producer_send_wait(p, &m, NULL, &error));
    assert_steps("key value partition");
    ottla_producer_free(p, 10000);
    struct ottla_records *records = read_all(client, "points");
    const struct ottla_record *r = ottla_records_at(records, 0);
    assert_int_equal(r->key_length, 5);
    assert_memory_equal(r->key, "(1,2)", 5);
    assert_memory_equal(r->value, "(3,4)", r->value_length);
    assert_int_equal(r->header_count, 2); /* of each serializer */
    assert_memory_equal(r->headers[1].value, "point", 5);
    ottla_records_free(records);
    ottla_client_free(client);
}

static void test_serializers_and_null(void **state)
{
    (void)state;
    struct ottla_client *client = client_with("client.id", "nulls");
    struct ottla_producer_options o;
    ottla_producer_options_init(&o);
    o.key_serializer = (struct ottla_serializer){write_point, &steps};
    o.value_serializer = (struct ottla_serializer){write_null, NULL};
    struct ottla_producer *p = producer_with(client, &o);
    struct ottla_message m = message_to("nulls");
    m.key_length = 77; /* of no object: null stays null */
    assert_done(ottla_producer_send_wait(p, &m, NULL, &error));
    assert_steps("");
    ottla_producer_free(p, 10000);
    struct ottla_records *records = read_all(client, "nulls");
    assert_null(ottla_records_at(records, 0)->key);
    assert_null(ottla_records_at(records, 0)->value);
    ottla_records_free(records);
    ottla_client_free(client);
}

/* The reason is told, to interceptors too, and what was sent before and after is written. */
static void test_serializer_fails(void **state)
{
    (void)state;
    struct ottla_client *client = client_with("linger.ms", "100000");
    const struct ottla_producer_interceptor ack = {NULL, ack_first, &steps};
    struct ottla_producer_options o;
    ottla_producer_options_init(&o);
    o.value_serializer = (struct ottla_serializer){write_point, &steps};
    o.interceptors = &ack;
    o.interceptor_count = 1;
    struct ottla_producer *p = producer_with(client, &o);
    struct point values[3] = {{1, 1}, {-5, 0}, {2, 2}};
    for (int i = 0; i < 3; i++) {
        struct ottla_message m = message_to("failing");
        m.value = &values[i];
        m.value_length = 77;
        int code = ottla_producer_send(p, &m, delivered, NULL, &error);
        assert_int_equal(code, i == 1 ? OTTLA_ERR_INVALID_RECORD : 0);
    }
    assert_steps("value value ack1 value");
    assert_int_equal(error.code, OTTLA_ERR_INVALID_RECORD);
    assert_string_equal(error.message, "topic failing: the value cannot be serialized: x is -5");
    assert_string_equal(steps[2].text, error.message);
    assert_int_equal(steps[2].partition, -1);
    assert_int_equal(steps[2].offset, -1);
    assert_done(ottla_producer_flush(p, 10000, &error));
    assert_steps("value value ack1 value ack1 delivered ack1 delivered");
    assert_int_equal(steps[7].offset, 1);
    ottla_producer_free(p, 10000);
    o.value_serializer.serialize = write_nonsense;
    p = producer_with(client, &o);
    struct ottla_message m = message_to("failing");
    assert_int_equal(ottla_producer_send(p, &m, NULL, NULL, &error), OTTLA_ERR_INVALID_RECORD);
    assert_steps("ack1");
    ottla_producer_free(p, 10000);
    ottla_client_free(client);
}

static void test_order(void **state)
{
    (void)state;
    const struct ottla_producer_interceptor chain[] = {
        {add_first, ack_first, &steps}, {spoil, NULL, NULL}, {add_second, ack_second, NULL}};
    struct ottla_client *client = client_with("linger.ms", "100000");
    struct ottla_producer_options o;
    ottla_producer_options_init(&o);
    o.interceptors = chain;
    o.interceptor_count = 3;
    struct ottla_producer *p = producer_with(client, &o);
    struct ottla_message m = message_to("chain");
    assert_done(ottla_producer_send(p, &m, delivered, NULL, &error));
    assert_done(ottla_producer_send(p, &m, NULL, NULL, &error)); /* nobody but they look */
    assert_done(ottla_producer_flush(p, 10000, &error));
    assert_steps("send1 spoil send2 send1 spoil send2 ack1 ack2 delivered ack1 ack2");
    assert_int_equal(m.header_count, 0); /* the program's stays as it is */
    for (int i = 6; i < 11; i++) {
        assert_int_equal(steps[i].code, 0);
        assert_int_equal(steps[i].offset, i < 9 ? 0 : 1);
    }
    ottla_producer_free(p, 10000);
    struct ottla_records *records = read_all(client, "chain");
    const struct ottla_record *r = ottla_records_at(records, 0);
    assert_int_equal(r->header_count, 2);
    assert_memory_equal(r->headers[1].value, "second", 6);
    ottla_records_free(records);
    ottla_client_free(client); /* after which nothing more is said */
    assert_non_null(strstr(said, "on_send of interceptor 1 failed, and the record goes on as it "
                                 "was: UNKNOWN_SERVER_ERROR: out of order today"));
}

/* Refused at once: interceptors are told before send returns, with what the program is told. */
static void test_refused(void **state)
{
    (void)state;
    static char topic[] = "";
    const struct ottla_producer_interceptor chain[] = {{move, NULL, topic},
                                                       {NULL, ack_first, &steps}};
    struct ottla_client *client = client_with("max.request.size", "100");
    struct ottla_producer_options o;
    ottla_producer_options_init(&o);
    o.interceptors = chain + 1;
    o.interceptor_count = 1;
    struct ottla_producer *p = producer_with(client, &o);
    static const char large[200];
    struct ottla_message m = message_to("refused");
    m.value = large;
    m.value_length = sizeof large;
    assert_int_equal(ottla_producer_send(p, &m, delivered, NULL, &error),
                     OTTLA_ERR_MESSAGE_TOO_LARGE);
    m.value_length = 1;
    m.partition = 7;
    assert_int_equal(ottla_producer_send_wait(p, &m, NULL, &error),
                     OTTLA_ERR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(ottla_producer_send(p, &m, NULL, NULL, NULL),
                     OTTLA_ERR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_steps("ack1 ack1 ack1");
    assert_int_equal(steps[0].code, OTTLA_ERR_MESSAGE_TOO_LARGE);
    assert_int_equal(steps[0].partition, -1);
    assert_int_equal(steps[1].partition, 7);
    assert_string_equal(steps[1].text, error.message);
    ottla_producer_free(p, 10000);
    o.interceptors = chain; /* what an interceptor leaves is looked at, too */
    o.interceptor_count = 2;
    p = producer_with(client, &o);
    m.partition = -1;
    assert_int_equal(ottla_producer_send(p, &m, NULL, NULL, &error),
                     OTTLA_ERR_INVALID_TOPIC_EXCEPTION);
    assert_steps("ack1");
    ottla_producer_free(p, 10000);
    ottla_client_free(client);
}

/* A record that buffer.memory can never hold is not waited for; where the whole is full, others
 * are. */
static void test_memory(void **state)
{
    (void)state;
    struct ottla_client *client = client_with("buffer.memory", "100");
    struct ottla_producer *p = producer_with(client, NULL);
    static const char large[100];
    struct ottla_message m = message_to("memory");
    m.value = large;
    m.value_length = sizeof large;
    assert_int_equal(ottla_producer_send_wait(p, &m, NULL, &error), OTTLA_ERR_MESSAGE_TOO_LARGE);
    assert_non_null(strstr(error.message, "larger than buffer.memory (100)"));
    m.value_length = 1;
    assert_done(ottla_producer_send_wait(p, &m, NULL, &error));
    ottla_producer_free(p, 10000);
    ottla_client_free(client);
}

/* A broker that refuses some of a batch's records says which and why. */
static void test_record_errors(void **state)
{
    (void)state;
    struct ottla_client *client = client_with("linger.ms", "100000");
    const struct ottla_name_value compact[] = {{"cleanup.policy", "compact"}};
    const struct ottla_new_topic topic = {.name = "compact",
                                          .partition_count = 1,
                                          .replication_factor = 1,
                                          .configs = compact,
                                          .config_count = 1};
    struct ottla_outcomes *outcomes;
    assert_done(ottla_create_topics(client, &topic, 1, NULL, &outcomes, &error));
    ottla_outcomes_free(outcomes);
    struct ottla_producer *p = producer_with(client, NULL);
    for (int without = 1; without <= 2; without++) {
        step_count = 0;
        for (int i = 0; i < BATCH; i++) {
            struct ottla_message m = message_to("compact");
            bool has_key = i != 1 && (without == 1 || i != 3);
            m.key = has_key ? "k" : NULL;
            m.key_length = has_key;
            assert_done(ottla_producer_send(p, &m, delivered, NULL, &error));
        }
        assert_done(ottla_producer_flush(p, 10000, &error));
        assert_int_equal(step_count, BATCH);
        for (int i = 0; i < BATCH; i++) {
            bool is_bad = i == 1 || (without == 2 && i == 3);
            assert_int_equal(steps[i].code,
                             is_bad ? OTTLA_ERR_INVALID_RECORD : OTTLA_ERR_OPERATION_NOT_ATTEMPTED);
            assert_non_null(strstr(steps[i].text, is_bad ? "ompacted topic" : "other records"));
        }
    }
    struct ottla_message m = message_to("compact");
    assert_int_equal(ottla_producer_send_wait(p, &m, NULL, &error), OTTLA_ERR_INVALID_RECORD);
    assert_non_null(strstr(error.message, "ompacted topic"));
    ottla_producer_free(p, 10000);
    ottla_client_free(client);
}

static void test_misuse(void **state)
{
    (void)state;
    struct ottla_client *client = client_with("client.id", "misuse");
    struct ottla_producer_options o;
    struct ottla_header header = {"k", 1, NULL, 0};
    struct ottla_message m = message_to("t");
    ottla_producer_options_init(&o);
    o.interceptor_count = 1;
    assert_null(ottla_producer_new_with(client, &o, &error));
    assert_int_equal(error.code, OTTLA_ERR_INVALID_REQUEST);
    assert_null(ottla_scratch_alloc(NULL, 1));
    assert_int_equal(ottla_message_add_header(&m, NULL, &header), OTTLA_ERR_INVALID_REQUEST);
    assert_int_equal(m.header_count, 0);
    ottla_client_free(client);
}

static int setup(void **state)
{
    (void)state;
    broker = ottla_test_broker_start(NULL, &error);
    return broker == NULL ? -1 : 0;
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
        cmocka_unit_test(test_serializers),      cmocka_unit_test(test_serializers_and_null),
        cmocka_unit_test(test_serializer_fails), cmocka_unit_test(test_order),
        cmocka_unit_test(test_refused),          cmocka_unit_test(test_record_errors),
        cmocka_unit_test(test_memory),           cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
