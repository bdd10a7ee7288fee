/* Keys go where librdkafka sends them: its own functions are called beside ours, for random keys,
 * the empty one and null. */
#include "test.h"

#include "base/mem.h"
#include "base/rand.h"
#include "ottla/client.h"

#include <librdkafka/rdkafka.h>

enum { KEYS = 10000, KEY_MAX = 64, LONG_KEY = 4096, TRIES = 200 };

static const struct row {
    const char *name;
    int32_t (*theirs)(const rd_kafka_topic_t *rkt, const void *key, size_t keylen,
                      int32_t partition_cnt, void *rkt_opaque, void *msg_opaque);
    bool spares_null, spares_empty;
} rows[] = {
    {"consistent", rd_kafka_msg_partitioner_consistent, false, false},
    {"consistent_random", rd_kafka_msg_partitioner_consistent_random, true, true},
    {"murmur2", rd_kafka_msg_partitioner_murmur2, false, false},
    {"murmur2_random", rd_kafka_msg_partitioner_murmur2_random, true, false},
    {"fnv1a", rd_kafka_msg_partitioner_fnv1a, false, false},
    {"fnv1a_random", rd_kafka_msg_partitioner_fnv1a_random, true, false},
};

static rd_kafka_topic_t *topic;

static int32_t theirs(const struct row *row, const void *key, size_t length, int32_t count)
{
    return row->theirs(topic, key, length, count, NULL, NULL);
}

static void compare(const void *key, size_t length, int32_t count)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int32_t ours = ottla_partition_by(rows[i].name, key, length, count);
        if (ours != theirs(&rows[i], key, length, count)) {
            fail_msg("%s: a key of %zu bytes: %d of %d", rows[i].name, length, ours, count);
        }
    }
}

static void test_random_keys(void **state)
{
    static uint8_t key[LONG_KEY];
    struct rand rand;
    (void)state;
    rand_init(&rand, 794);
    for (int i = 0; i < KEYS; i++) {
        size_t length = 1 + (size_t)rand_below(&rand, rand_one_in(&rand, 100) ? LONG_KEY : KEY_MAX);
        for (size_t k = 0; k < length; k++) {
            key[k] = (uint8_t)rand_u64(&rand);
        }
        compare(key, length, 7);
        compare(key, length, 1 + (int32_t)rand_below(&rand, 5000));
        compare(key, length, INT32_MAX);
    }
}

/* Whether it is another one each time. */
static bool is_chance(const struct row *row, const void *key)
{
    int32_t first = theirs(row, key, 0, 1000);
    for (int i = 0; i < TRIES; i++) {
        if (theirs(row, key, 0, 1000) != first) {
            return true;
        }
    }
    return false;
}

static void check_no_bytes(const struct row *row, const void *key, bool is_spared)
{
    assert_int_equal(is_chance(row, key), is_spared);
    for (int32_t count = 1; count < 100; count++) {
        assert_int_equal(ottla_partition_by(row->name, key, 0, count),
                         is_spared ? -1 : theirs(row, key, 0, count));
    }
}

static void test_null_and_empty(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_no_bytes(&rows[i], NULL, rows[i].spares_null);
        check_no_bytes(&rows[i], "", rows[i].spares_empty);
    }
    assert_int_equal(ottla_partition_by("random", "key", 3, 7), -1);
}

/* A handle that knows no broker: some of theirs ask it which partitions there are. */
static int setup(void **state)
{
    (void)state;
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, NULL, NULL, 0);
    topic = rk == NULL ? NULL : rd_kafka_topic_new(rk, "t", NULL);
    *state = rk;
    return topic == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_keys),
        cmocka_unit_test(test_null_and_empty),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
