/* Which partition a record goes to: by key, in turn, by load (KIP-794), as librdkafka has it. */
#include "accumulator_world.h"

static int32_t partition_of(const char *key)
{
    struct ottla_message m;
    struct acc_place place;
    ottla_message_init(&m);
    m.key = key;
    m.key_length = key ? strlen(key) : 0;
    assert_int_equal(acc_choose(&world.acc, world.topic, &m, &place), 0);
    return place.queue->partition;
}

static void test_round_robin(void **state)
{
    (void)state;
    world.acc.is_round_robin = true;
    world.topic->queues[2]->leader = -1; /* has nobody to take records */
    static const int32_t want[] = {0, 1, 3, 0, 1, 3};
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_int_equal(partition_of("same key"), want[i]);
    }
}

/* Keys first; without one a partition is kept until a batch is full. */
static void test_keys_and_none(void **state)
{
    (void)state;
    assert_int_equal(partition_of("k"), ottla_partition_for_key("k", 1, 4));
    int32_t first = partition_of(NULL);
    assert_int_equal(partition_of(NULL), first);
    world.topic->queues[first]->leader = -1;
    world.topic->sticky.bytes = 1000;
    for (int i = 0; i < 50; i++) {
        assert_int_not_equal(partition_of(NULL), first);
    }
}

/* partitioner.ignore.keys: what has a key is spread as what has none; a partition that is named
 * stays. */
static void test_ignore_keys(void **state)
{
    char key[16];
    (void)state;
    assert_int_equal(partition_of("k1"), ottla_partition_for_key("k1", 2, 4));
    set("partitioner.ignore.keys", "true");
    world.topic->sticky.partition = -1;
    for (int batch = 0; batch < 20; batch++) {
        world.topic->sticky.bytes = 1000; /* of the batch before */
        int32_t home = partition_of(NULL);
        for (int i = 0; i < 5; i++) {
            snprintf(key, sizeof key, "k%d", i);
            assert_int_equal(partition_of(key), home);
        }
    }
    struct ottla_message m;
    struct acc_place place;
    ottla_message_init(&m);
    m.key = "k1";
    m.key_length = 2;
    for (m.partition = 0; m.partition < 4; m.partition++) {
        assert_int_equal(acc_choose(&world.acc, world.topic, &m, &place), 0);
        assert_int_equal(place.queue->partition, m.partition);
    }
}

enum { CHOICES = 4000 };

/* How often each of the four partitions is chosen for a new batch of records without keys. */
static void count_choices(int seen[4])
{
    for (int i = 0; i < 4; i++) {
        seen[i] = 0;
    }
    for (int i = 0; i < CHOICES; i++) {
        world.topic->sticky.partition = -1;
        seen[partition_of(NULL)]++;
    }
}

/* Three batches wait for partition 0, none for the others: 1 : 4 : 4 : 4, or all alike. */
static void test_adaptive(void **state)
{
    static const char value[150];
    int seen[4];
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct ottla_message m;
        struct acc_place place;
        ottla_message_init(&m);
        m.partition = 0;
        m.value = value;
        m.value_length = sizeof value;
        assert_int_equal(acc_choose(&world.acc, world.topic, &m, &place), 0);
        (void)acc_add(&world.acc, &place, &m, (struct delivery_to){NULL, NULL}, 1, world.now_ms);
    }
    assert_int_equal(world.topic->queues[0]->count, 3);
    count_choices(seen);
    assert_in_range(seen[0], CHOICES / 13 - 80, CHOICES / 13 + 80);
    assert_in_range(seen[3], 4 * CHOICES / 13 - 150, 4 * CHOICES / 13 + 150);
    set("partitioner.adaptive.partitioning.enable", "false");
    count_choices(seen);
    assert_in_range(seen[0], CHOICES / 4 - 150, CHOICES / 4 + 150);
    world.topic->queues[0]->leader = -1; /* this counts with and without */
    count_choices(seen);
    assert_int_equal(seen[0], 0);
}

/* --- librdkafka's way --- */

static void use_partitioner(const char *name)
{
    set("partitioner", name);
    world.acc.partitioner = partitioner_find(name);
    assert_non_null(world.acc.partitioner);
    world.topic->sticky.partition = -1;
}

/* How many of the four partitions records with this key go to, of which each fills a batch. */
static int homes_of(const char *key)
{
    bool is_home[4] = {false};
    int n = 0;
    for (int i = 0; i < 200; i++) {
        world.topic->sticky.bytes = 1000;
        is_home[partition_of(key)] = true;
    }
    for (int i = 0; i < 4; i++) {
        n += is_home[i];
    }
    return n;
}

static void test_librdkafkas_partitioners(void **state)
{
    static const struct {
        const char *name;
        int of_key, of_empty, of_null;
    } rows[] = {
        {"consistent", 1, 1, 1},   {"consistent_random", 1, 4, 4}, {"fnv1a", 1, 1, 1},
        {"fnv1a_random", 1, 1, 4}, {"murmur2", 1, 1, 1},           {"murmur2_random", 1, 1, 4},
        {"random", 4, 4, 4},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        use_partitioner(rows[i].name);
        assert_int_equal(homes_of("key"), rows[i].of_key);
        assert_int_equal(homes_of(""), rows[i].of_empty);
        assert_int_equal(homes_of(NULL), rows[i].of_null);
        int32_t by_name = ottla_partition_by(rows[i].name, "key", 3, 4);
        assert_true(by_name < 0 || partition_of("key") == by_name);
        if (rows[i].of_null == 4) { /* batch by batch */
            world.topic->sticky.partition = -1;
            int32_t first = partition_of(NULL);
            assert_int_equal(partition_of(NULL), first);
        }
    }
}

/* A broker that takes nothing for long gets no records that may go elsewhere. */
static void test_availability(void **state)
{
    (void)state;
    set("partitioner.availability.timeout.ms", "1000");
    set("max.in.flight.requests.per.connection", "1");
    world.acc.flushes = 1;
    add(0, "a");
    give_id(7);
    struct produce_ask *a = next();
    add(2, "b"); /* of the same leader, which is full */
    assert_null(next());
    world.now_ms += 1001;
    assert_null(next());
    int seen[4];
    count_choices(seen);
    assert_int_equal(seen[0] + seen[2], 0);
    assert_true(seen[1] > CHOICES / 3 && seen[3] > CHOICES / 3);
    set("partitioner.adaptive.partitioning.enable", "false"); /* then nobody looks */
    count_choices(seen);
    assert_true(seen[0] > CHOICES / 6 && seen[2] > CHOICES / 6);
    set("partitioner.adaptive.partitioning.enable", "true");
    set("partitioner.availability.timeout.ms", "0"); /* nor so: the load alone counts */
    count_choices(seen);
    assert_true(seen[0] > CHOICES / 20 && seen[2] > CHOICES / 20);
    answer(a, 0, 0);
    answer(next(), 0, 0);
    ends(0, 1, 0);
    ends(0, 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_robin, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keys_and_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ignore_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_adaptive, setup, teardown),
        cmocka_unit_test_setup_teardown(test_librdkafkas_partitioners, setup, teardown),
        cmocka_unit_test_setup_teardown(test_availability, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
