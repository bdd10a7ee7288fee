/* Programs that were compiled with an older or a newer library. Their structs of options are
 * shorter or longer, and nothing behind them is touched; those that have no size stay as they are.
 */
#include <ottla/test.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { GUARD = 0x5a, TAIL = 64 };

static struct ottla_error error;

#define assert_done(call) assert_string_equal((call) == 0 ? "" : error.message, "")

/* A struct of that size, with bytes behind it that must stay. */
static void *sized(size_t size)
{
    unsigned char *p = malloc(size + TAIL);
    assert_non_null(p);
    memset(p, GUARD, size + TAIL);
    return p;
}

static void untouched(const void *options, size_t size)
{
    const unsigned char *p = options;
    size_t said;
    memcpy(&said, p, sizeof said);
    assert_int_equal(said, size);
    for (size_t i = size; i < size + TAIL; i++) {
        assert_int_equal(p[i], GUARD);
    }
}

#define SIZES(type, last)                                                                          \
    {                                                                                              \
        sizeof(size_t), offsetof(struct type, last), sizeof(struct type), sizeof(struct type) + 40 \
    }

#define CHECK_INIT(type, last)                                                                     \
    do {                                                                                           \
        const size_t sizes[] = SIZES(type, last);                                                  \
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {                                \
            void *o = sized(sizes[i]);                                                             \
            type##_init_size(o, sizes[i]);                                                         \
            untouched(o, sizes[i]);                                                                \
            free(o);                                                                               \
        }                                                                                          \
    } while (0)

static void test_init(void **state)
{
    (void)state;
    CHECK_INIT(ottla_admin_options, forbid_replication_factor_change);
    CHECK_INIT(ottla_close_options, leave);
    CHECK_INIT(ottla_consumer_options, interceptor_count);
    CHECK_INIT(ottla_producer_options, statistics);
    CHECK_INIT(ottla_message, headers);
    CHECK_INIT(ottla_transaction_filter, pattern);
    CHECK_INIT(ottla_test_broker_options, nodes);
}

#define STAYS(name, size)                                                                          \
    {                                                                                              \
#name, sizeof(struct ottla_##name), size                                                   \
    }

/* What programs make, have room for, or call with, on machines of 64 bits: see ottla/client.h. One
 * that must say more is another struct, for another function. */
static void test_what_stays(void **state)
{
    static const struct {
        const char *name;
        size_t now, ever;
    } rows[] = {
        STAYS(error, 512),
        STAYS(topic_partition, 16),
        STAYS(name_value, 16),
        STAYS(ids, 16),
        STAYS(voter_endpoint, 24),
        STAYS(feature_update, 16),
        STAYS(new_topic, 48),
        STAYS(new_partitions, 32),
        STAYS(resource, 16),
        STAYS(config_change, 40),
        STAYS(offset_query, 24),
        STAYS(offset_value, 24),
        STAYS(replica_move, 24),
        STAYS(reassignment, 32),
        STAYS(setting, 40),
        STAYS(rebalance_listener, 32),
        STAYS(group_metadata, 32),
        STAYS(commit, 32),
        STAYS(header, 32),
        STAYS(delivery, 40),
        STAYS(bytes, 16),
        STAYS(serializer, 16),
        STAYS(producer_interceptor, 24),
        STAYS(acl, 48),
        STAYS(scram_change, 48),
        STAYS(quota_entity, 16),
        STAYS(quota_filter, 24),
        STAYS(quota_op, 24),
        STAYS(quota_change, 32),
        STAYS(hanging_transaction, 32),
    };
    (void)state;
    for (size_t i = 0; sizeof(void *) == 8 && i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].now != rows[i].ever) {
            fail_msg("struct ottla_%s has %zu bytes, and had %zu", rows[i].name, rows[i].now,
                     rows[i].ever);
        }
    }
}

static struct ottla_client *client_of(const struct ottla_test_broker *broker)
{
    struct ottla_config *config = ottla_config_new();
    assert_done(
        ottla_config_set(config, "bootstrap.servers", ottla_test_broker_address(broker), &error));
    struct ottla_client *client = ottla_client_new(config, &error);
    assert_non_null(client);
    ottla_config_free(config);
    return client;
}

static void describe(struct ottla_client *client, size_t size)
{
    struct ottla_cluster *cluster;
    struct ottla_admin_options *o = sized(size);
    ottla_admin_options_init_size(o, size);
    assert_done(ottla_describe_cluster(client, o, &cluster, &error));
    assert_int_equal(cluster->node_count, 1);
    ottla_cluster_free(cluster);
    free(o);
}

static int32_t to_the_last(void *ctx, const struct ottla_message *m, int32_t partition_count)
{
    (void)m;
    ++*(int *)ctx;
    return partition_count - 1;
}

/* Of the first library there was only the partitioner. */
static void produce(struct ottla_client *client, size_t size, size_t message_size)
{
    struct ottla_producer_options *o = sized(size);
    int calls = 0;
    ottla_producer_options_init_size(o, size);
    o->partitioner = to_the_last;
    o->partitioner_ctx = &calls;
    struct ottla_producer *p = ottla_producer_new_with(client, o, &error);
    assert_non_null(p);
    struct ottla_message *m = sized(message_size);
    ottla_message_init_size(m, message_size);
    m->topic = "sizes";
    m->value = "x";
    m->value_length = 1;
    assert_done(ottla_producer_send_wait(p, m, NULL, &error));
    assert_int_equal(calls, 1);
    untouched(m, message_size);
    m->size = 0; /* nobody has begun it */
    assert_int_equal(ottla_producer_send(p, m, NULL, NULL, &error), OTTLA_ERR_INVALID_REQUEST);
    ottla_producer_free(p, 10000);
    free(m);
    free(o);
}

static void consume(struct ottla_client *client, size_t size)
{
    struct ottla_close_options *o = sized(size);
    struct ottla_consumer *c = ottla_consumer_new(client, &error);
    assert_non_null(c);
    ottla_close_options_init_size(o, size);
    assert_done(ottla_consumer_close(c, o, &error));
    ottla_consumer_free(c);
    free(o);
}

static void test_use(void **state)
{
    (void)state;
    const size_t older = offsetof(struct ottla_test_broker_options, nodes);
    struct ottla_test_broker_options *o = sized(older);
    ottla_test_broker_options_init_size(o, older);
    struct ottla_test_broker *broker = ottla_test_broker_start(o, &error);
    assert_non_null(broker);
    free(o);
    struct ottla_client *client = client_of(broker);
    describe(client, offsetof(struct ottla_admin_options, validate_only));
    describe(client, sizeof(struct ottla_admin_options) + 40);
    produce(client, offsetof(struct ottla_producer_options, statistics),
            sizeof(struct ottla_message));
    produce(client, sizeof(struct ottla_producer_options) + 40, sizeof(struct ottla_message) + 40);
    consume(client, offsetof(struct ottla_close_options, leave));
    consume(client, sizeof(struct ottla_close_options) + 40);
    ottla_client_free(client);
    ottla_test_broker_free(broker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init),
        cmocka_unit_test(test_what_stays),
        cmocka_unit_test(test_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
