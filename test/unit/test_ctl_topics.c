/* The controller over topics: CreateTopics, DeleteTopics, CreatePartitions. Codes and sentences are
 * those that Apache Kafka 4.3.1 gave to the same requests. */
#include "ctltest.h"

typedef struct create_topics_req_creatable_topic topic_req;
typedef struct create_topics_req_creatable_replica_assignment assignment;
typedef struct create_topics_resp_creatable_topic_result topic_resp;

static struct ct *with_brokers(int32_t count)
{
    struct ct *t = ct_new();
    ct_add_brokers(t, count);
    return t;
}

CT_SETUP(setup, with_brokers(1))
CT_SETUP(setup_three, with_brokers(3))

#define TOO_MANY "Excessively large number of partitions per request."
#define NAME_CHARS                                                                                 \
    "' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"

static const topic_resp *find(const struct create_topics_resp *resp, const char *name)
{
    for (int32_t i = 0; i < resp->topics_count; i++) {
        if (str_eq(resp->topics[i].name, str_from(name))) {
            return &resp->topics[i];
        }
    }
    fail_msg("no answer for %s", name);
    return NULL;
}

static void assert_result(const topic_resp *r, enum err want, const char *text)
{
    assert_text(r->error_message, text);
    assert_string_equal(err_name((enum err)r->error_code), err_name(want));
    assert_int_equal(uuid_is_zero(r->topic_id), want != OK);
}

static void assert_create(struct ct *t, topic_req topic, enum err want, const char *text)
{
    const struct create_topics_resp *resp = ct_create(t, &topic, 1);
    assert_int_equal(resp->topics_count, 1);
    assert_result(&resp->topics[0], want, text);
    if (want) {
        assert_int_equal(t->out.records.count, 0);
        assert_int_equal(resp->topics[0].num_partitions, -1);
        assert_int_equal(resp->topics[0].replication_factor, -1);
        assert_int_equal(resp->topics[0].configs_count, 0);
    }
}

/* --- CreateTopics --- */

static void a_topic_is_made(void **state)
{
    struct ct *t = *state;
    topic_req topic = ct_topic("t", 3, 1);
    const struct create_topics_resp *resp = ct_create(t, &topic, 1);
    assert_result(&resp->topics[0], OK, NULL);
    assert_int_equal(resp->topics[0].num_partitions, 3);
    assert_int_equal(resp->topics[0].replication_factor, 1);
    assert_true(t->out.records.is_atomic);
    const struct image_topic *made = image_topic_by_name(ct_img(t), STR("t"));
    assert_true(uuid_eq(made->id, resp->topics[0].topic_id));
    assert_int_equal(made->part_count, 3);
    for (int32_t i = 0; i < 3; i++) {
        const struct image_part *p = ct_part(t, "t", i);
        assert_int_equal(p->leader, 1);
        assert_int_equal(p->leader_epoch, 0);
        assert_int_equal(p->partition_epoch, 0);
        assert_ids(image_part_replicas(p), 1, 1);
        assert_ids(image_part_isr(p), 1, 1);
        assert_true(uuid_eq(image_part_dir(p, 0), ct_uuid(2, 1)));
    }
    assert_create(t, topic, ERR_TOPIC_ALREADY_EXISTS, "Topic 't' already exists.");
}

static void names_are_judged(void **state)
{
    static const struct {
        const char *name, *text;
    } bad[] = {
        {"", "Topic name is invalid: the empty string is not allowed"},
        {".", "Topic name is invalid: '.' is not allowed"},
        {"..", "Topic name is invalid: '..' is not allowed"},
        {"a b", "Topic name is invalid: 'a b" NAME_CHARS},
        {"a/b", "Topic name is invalid: 'a/b" NAME_CHARS},
        {"\xc3\xa4", "Topic name is invalid: '\xc3\xa4" NAME_CHARS},
        {"dotted_name", "Topic 'dotted_name' collides with existing topic: dotted.name"},
    };
    struct ct *t = *state;
    (void)ct_add_topic(t, "dotted.name", 1, 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_create(t, ct_topic(bad[i].name, 1, 1), ERR_INVALID_TOPIC_EXCEPTION, bad[i].text);
    }
    topic_req nul = ct_topic("", 1, 1);
    nul.name = (struct str){"a\0b", 3};
    struct str said = ct_create(t, &nul, 1)->topics[0].error_message;
    assert_true(said.len > 0 && memchr(said.p, '\0', said.len) != NULL);
    assert_create(t, ct_topic("__cluster_metadata", 1, 1), ERR_INVALID_REQUEST,
                  "Creation of internal topic __cluster_metadata is prohibited.");
    assert_create(t, ct_topic(".hidden", 1, 1), OK, NULL);
    char longest[251];
    char text[400];
    memset(longest, 'x', 250);
    longest[250] = '\0';
    (void)snprintf(text, sizeof text,
                   "Topic name is invalid: the length of '%s' is longer than the max allowed "
                   "length 249",
                   longest);
    assert_create(t, ct_topic(longest, 1, 1), ERR_INVALID_TOPIC_EXCEPTION, text);
    longest[249] = '\0';
    assert_create(t, ct_topic(longest, 1, 1), OK, NULL);
}

static void counts_are_judged(void **state)
{
#define NO_FACTOR "Replication factor must be larger than 0, or -1 to use the default value."
#define NO_COUNT "Number of partitions was set to an invalid non-positive value."
#define CANNOT(n)                                                                                  \
    "Unable to replicate the partition " #n " time(s): The target replication factor of " #n       \
    " cannot be reached because only 1 broker(s) are registered or some brokers have all their "   \
    "log directories cordoned."
    static const struct {
        int32_t count;
        int16_t factor;
        enum err err;
        const char *text;
    } rows[] = {
        {0, 1, ERR_INVALID_PARTITIONS, NO_COUNT},
        {-2, 1, ERR_INVALID_PARTITIONS, NO_COUNT},
        {INT32_MIN, 1, ERR_INVALID_PARTITIONS, NO_COUNT},
        {1, 0, ERR_INVALID_REPLICATION_FACTOR, NO_FACTOR},
        {1, -2, ERR_INVALID_REPLICATION_FACTOR, NO_FACTOR},
        {1, INT16_MIN, ERR_INVALID_REPLICATION_FACTOR, NO_FACTOR},
        {0, 0, ERR_INVALID_REPLICATION_FACTOR, NO_FACTOR},
        {1, 2, ERR_INVALID_REPLICATION_FACTOR, CANNOT(2)},
        {-1, 2, ERR_INVALID_REPLICATION_FACTOR, CANNOT(2)},
        {1, 32767, ERR_INVALID_REPLICATION_FACTOR, CANNOT(32767)},
        {10001, 1, ERR_POLICY_VIOLATION, TOO_MANY},
        {INT32_MAX, 1, ERR_POLICY_VIOLATION, TOO_MANY},
    };
    struct ct *t = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_create(t, ct_topic("t", rows[i].count, rows[i].factor), rows[i].err, rows[i].text);
    }
    assert_create(t, ct_topic("t", 5000, 1), OK, NULL);
    assert_int_equal(t->out.records.count, 5001);
}

static void without_brokers_nothing_is_placed(void **state)
{
    struct ct *t = *state;
    (void)ct_heartbeat(t, 1, true, false);
    assert_create(t, ct_topic("t", 1, 1), ERR_INVALID_REPLICATION_FACTOR,
                  "Unable to replicate the partition 1 time(s): All brokers are currently fenced, "
                  "or have all their log directories cordoned.");
    int32_t one[] = {1};
    assignment a = {0, one, 1};
    topic_req topic = ct_topic("t", -1, -1);
    topic.assignments = &a;
    topic.assignments_count = 1;
    assert_create(t, topic, ERR_INVALID_REPLICA_ASSIGNMENT,
                  "All brokers specified in the manual partition assignment for partition 0 are "
                  "fenced or in controlled shutdown.");
}

static void minus_one_means_the_default(void **state)
{
    struct ct *t = ct_new_with("num.partitions=4\ndefault.replication.factor=2");
    (void)state;
    ct_add_brokers(t, 2);
    topic_req topic = ct_topic("t", -1, -1);
    const struct create_topics_resp *resp = ct_create(t, &topic, 1);
    assert_int_equal(resp->topics[0].num_partitions, 4);
    assert_int_equal(resp->topics[0].replication_factor, 2);
    assert_int_equal(image_topic_by_name(ct_img(t), STR("t"))->part_count, 4);
    ct_free(t);
}

static void validating_makes_nothing(void **state)
{
    struct ct *t = *state;
    topic_req topics[] = {ct_topic("good", 2, 1), ct_topic("bad", 0, 1)};
    struct create_topics_req r = create_topics_req_default;
    r.topics = topics;
    r.topics_count = 2;
    r.validate_only = true;
    const struct create_topics_resp *resp = ct_do(t, CT_CREATE, 7, &r);
    assert_result(find(resp, "good"), OK, NULL);
    assert_int_equal(find(resp, "good")->num_partitions, 2);
    assert_int_equal(find(resp, "bad")->error_code, ERR_INVALID_PARTITIONS);
    assert_int_equal(t->out.records.count, 0);
    assert_int_equal(ct_img(t)->topic_count, 0);
}

static void one_bad_topic_does_not_spoil_the_others(void **state)
{
    struct ct *t = *state;
    (void)ct_add_topic(t, "old", 1, 1);
    topic_req topics[] = {ct_topic("w1", 0, 1),  ct_topic("w 2", 1, 1), ct_topic("old", 1, 1),
                          ct_topic("w3", 1, 9),  ct_topic("w4", 1, 1),  ct_topic("twin", 1, 1),
                          ct_topic("twin", 2, 1)};
    const struct create_topics_resp *resp = ct_create(t, topics, 7);
    assert_int_equal(resp->topics_count, 6);
    assert_int_equal(find(resp, "w1")->error_code, ERR_INVALID_PARTITIONS);
    assert_int_equal(find(resp, "w 2")->error_code, ERR_INVALID_TOPIC_EXCEPTION);
    assert_int_equal(find(resp, "old")->error_code, ERR_TOPIC_ALREADY_EXISTS);
    assert_int_equal(find(resp, "w3")->error_code, ERR_INVALID_REPLICATION_FACTOR);
    assert_result(find(resp, "w4"), OK, NULL);
    assert_result(find(resp, "twin"), ERR_INVALID_REQUEST, "Duplicate topic name.");
    assert_int_equal(ct_img(t)->topic_count, 2);
    assert_int_equal(t->out.records.count, 2);
}

static void too_many_partitions_spoil_them_all(void **state)
{
    struct ct *t = *state;
    topic_req topics[] = {ct_topic("a", 6000, 1), ct_topic("b", 6000, 1), ct_topic("c", 1, 1)};
    const struct create_topics_resp *resp = ct_create(t, topics, 3);
    for (int32_t i = 0; i < 3; i++) {
        assert_result(&resp->topics[i], ERR_POLICY_VIOLATION, TOO_MANY);
    }
    assert_int_equal(ct_img(t)->topic_count, 0);
}

/* Collisions are looked for among the topics that exist, not among those of the request: Kafka
 * makes both. */
static void names_of_one_request_may_collide(void **state)
{
    struct ct *t = *state;
    topic_req topics[] = {ct_topic("in.one", 1, 1), ct_topic("in_one", 1, 1)};
    const struct create_topics_resp *resp = ct_create(t, topics, 2);
    assert_result(find(resp, "in.one"), OK, NULL);
    assert_result(find(resp, "in_one"), OK, NULL);
}

static void old_versions_say_less(void **state)
{
    struct ct *t = *state;
    topic_req topic = ct_topic("t", 2, 1);
    struct create_topics_req r = create_topics_req_default;
    r.topics = &topic;
    r.topics_count = 1;
    const struct create_topics_resp *resp = ct_do(t, CT_CREATE, 4, &r);
    assert_int_equal(resp->topics[0].num_partitions, -1);
    assert_int_equal(resp->topics[0].replication_factor, -1);
    assert_int_equal(resp->topics[0].configs_count, 0);
    r.topics_count = 0;
    resp = ct_do(t, CT_CREATE, 2, &r);
    assert_int_equal(resp->topics_count, 0);
}

/* --- manual assignments --- */

#define NOT_REGISTERED(id)                                                                         \
    "The manual partition assignment includes broker " #id ", but no such broker is registered."

static void assignments_are_judged(void **state)
{
    int32_t one[] = {1}, seven[] = {7}, minus[] = {-1}, twice[] = {1, 1}, two_bad[] = {9, 8};
    int32_t known_first[] = {1, 4}, pair[] = {1, 2};
    struct {
        assignment a[2];
        int32_t count;
        enum err err;
        const char *text;
    } rows[] = {
        {{{0, seven, 1}}, 1, ERR_INVALID_REPLICA_ASSIGNMENT, NOT_REGISTERED(7)},
        {{{0, minus, 1}}, 1, ERR_INVALID_REPLICA_ASSIGNMENT, NOT_REGISTERED(-1)},
        {{{0, two_bad, 2}}, 1, ERR_INVALID_REPLICA_ASSIGNMENT, NOT_REGISTERED(8)},
        {{{0, known_first, 2}}, 1, ERR_INVALID_REPLICA_ASSIGNMENT, NOT_REGISTERED(4)},
        {{{0, twice, 2}},
         1,
         ERR_INVALID_REPLICA_ASSIGNMENT,
         "The manual partition assignment includes the broker 1 more than once."},
        {{{0, one, 0}},
         1,
         ERR_INVALID_REPLICA_ASSIGNMENT,
         "The manual partition assignment includes an empty replica list."},
        {{{0, one, 1}, {2, one, 1}},
         2,
         ERR_INVALID_REPLICA_ASSIGNMENT,
         "partitions should be a consecutive 0-based integer sequence"},
        {{{1, one, 1}},
         1,
         ERR_INVALID_REPLICA_ASSIGNMENT,
         "partitions should be a consecutive 0-based integer sequence"},
        {{{-1, one, 1}},
         1,
         ERR_INVALID_REPLICA_ASSIGNMENT,
         "partitions should be a consecutive 0-based integer sequence"},
        {{{0, one, 1}, {0, one, 1}},
         2,
         ERR_INVALID_REPLICA_ASSIGNMENT,
         "Found multiple manual partition assignments for partition 0"},
        {{{0, one, 1}, {1, pair, 2}},
         2,
         ERR_INVALID_REPLICA_ASSIGNMENT,
         "The manual partition assignment includes a partition with 2 replica(s), but this is not "
         "consistent with previous partitions, which have 1 replica(s)."},
        {{{1, pair, 2}, {0, pair, 2}}, 2, OK, NULL},
    };
    struct ct *t = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        topic_req topic = ct_topic("t", -1, -1);
        topic.assignments = rows[i].a;
        topic.assignments_count = rows[i].count;
        assert_create(t, topic, rows[i].err, rows[i].text);
    }
    assert_ids(image_part_replicas(ct_part(t, "t", 1)), 2, 1, 2);
}

static void an_assignment_stands_alone(void **state)
{
    int32_t one[] = {1};
    assignment a = {0, one, 1};
    struct ct *t = *state;
    topic_req topic = ct_topic("t", 1, -1);
    topic.assignments = &a;
    topic.assignments_count = 1;
    assert_create(t, topic, ERR_INVALID_REQUEST,
                  "A manual partition assignment was specified, but numPartitions was not set to "
                  "-1.");
    topic.replication_factor = 1;
    assert_create(t, topic, ERR_INVALID_REQUEST,
                  "A manual partition assignment was specified, but replication factor was not set "
                  "to -1.");
}

/* Fenced brokers take replicas but not leaderships. */
static void fenced_brokers_are_no_leaders(void **state)
{
    int32_t three[] = {3, 1, 2};
    assignment a = {0, three, 3};
    struct ct *t = *state;
    (void)ct_heartbeat(t, 3, true, false);
    topic_req topic = ct_topic("t", -1, -1);
    topic.assignments = &a;
    topic.assignments_count = 1;
    assert_create(t, topic, OK, NULL);
    const struct image_part *p = ct_part(t, "t", 0);
    assert_ids(image_part_replicas(p), 3, 3, 1, 2);
    assert_ids(image_part_isr(p), 2, 1, 2);
    assert_int_equal(p->leader, 1);
    assert_create(t, ct_topic("placed", 6, 3), OK, NULL);
    for (int32_t i = 0; i < 6; i++) {
        assert_true(ct_part(t, "placed", i)->leader != 3);
        assert_int_equal(image_part_replicas(ct_part(t, "placed", i)).v[2], 3);
    }
}

static void replicas_spread(void **state)
{
    struct ct *t = *state;
    int leads[4] = {0}, holds[4] = {0};
    (void)ct_add_topic(t, "t", 9, 2);
    for (int32_t i = 0; i < 9; i++) {
        struct ids r = image_part_replicas(ct_part(t, "t", i));
        assert_int_equal(r.count, 2);
        assert_true(r.v[0] != r.v[1]);
        leads[r.v[0]]++;
        holds[r.v[0]]++;
        holds[r.v[1]]++;
    }
    for (int id = 1; id <= 3; id++) {
        assert_int_equal(leads[id], 3);
        assert_int_equal(holds[id], 6);
    }
}

/* --- rights --- */

static bool is_not_secret(void *ctx, struct str topic)
{
    (void)ctx;
    return !str_has_prefix(topic, STR("secret"));
}

static void rights_are_asked(void **state)
{
    struct ct *t = *state;
    (void)ct_add_topic(t, "secret-old", 1, 1);
    struct ctl_auth auth = {.can_create_topic = is_not_secret, .can_alter_topic = is_not_secret};
    t->auth = &auth;
    topic_req topics[] = {ct_topic("secret-new", 1, 1), ct_topic("open", 1, 1)};
    const struct create_topics_resp *resp = ct_create(t, topics, 2);
    assert_result(find(resp, "secret-new"), ERR_TOPIC_AUTHORIZATION_FAILED,
                  "Authorization failed.");
    assert_result(find(resp, "open"), OK, NULL);
    struct create_partitions_req_create_partitions_topic g =
        create_partitions_req_create_partitions_topic_default;
    struct create_partitions_req grow = create_partitions_req_default;
    g.name = STR("secret-old");
    g.count = 2;
    g.assignments_count = -1;
    grow.topics = &g;
    grow.topics_count = 1;
    const struct create_partitions_resp *grown = ct_do(t, CT_GROW, 3, &grow);
    assert_int_equal(grown->results[0].error_code, ERR_TOPIC_AUTHORIZATION_FAILED);
}

/* --- DeleteTopics --- */

typedef struct delete_topics_req_delete_topic_state victim;
typedef struct delete_topics_resp_deletable_topic_result deleted;

static const struct delete_topics_resp *delete_by(struct ct *t, victim *v, int32_t count)
{
    struct delete_topics_req r = delete_topics_req_default;
    r.topics = v;
    r.topics_count = count;
    return ct_do(t, CT_DELETE, 6, &r);
}

static void assert_deleted(const deleted *d, const char *name, enum err want, const char *text)
{
    assert_text(d->name, name);
    assert_text(d->error_message, text);
    assert_string_equal(err_name((enum err)d->error_code), err_name(want));
}

static void topics_go_by_name_or_id(void **state)
{
    struct ct *t = *state;
    struct uuid a = ct_add_topic(t, "a", 2, 1)->id;
    struct uuid b = ct_add_topic(t, "b", 1, 1)->id;
    victim v[] = {{STR("a"), UUID_ZERO}, {STR_NULL, b}};
    const struct delete_topics_resp *resp = delete_by(t, v, 2);
    assert_int_equal(resp->responses_count, 2);
    assert_deleted(&resp->responses[0], "a", OK, NULL);
    assert_true(uuid_eq(resp->responses[0].topic_id, a));
    assert_deleted(&resp->responses[1], "b", OK, NULL);
    assert_int_equal(ct_img(t)->topic_count, 0);
    resp = delete_by(t, v, 2);
    assert_deleted(&resp->responses[0], "a", ERR_UNKNOWN_TOPIC_OR_PARTITION,
                   "This server does not host this topic-partition.");
    assert_true(uuid_is_zero(resp->responses[0].topic_id));
    assert_deleted(&resp->responses[1], NULL, ERR_UNKNOWN_TOPIC_ID,
                   "This server does not host this topic ID.");
    assert_true(uuid_eq(resp->responses[1].topic_id, b));
    assert_int_equal(delete_by(t, v, 0)->responses_count, 0);
}

static void what_cannot_be_deleted_says_why(void **state)
{
    struct ct *t = *state;
    struct uuid id = ct_add_topic(t, "t", 1, 1)->id;
    victim both[] = {{STR("t"), id}};
    assert_deleted(&delete_by(t, both, 1)->responses[0], "t", ERR_INVALID_REQUEST,
                   "You may not specify both topic name and topic id.");
    victim neither[] = {{STR_NULL, UUID_ZERO}, {STR_NULL, UUID_ZERO}};
    assert_deleted(&delete_by(t, neither, 1)->responses[0], NULL, ERR_INVALID_REQUEST,
                   "Neither topic name nor id were specified.");
    const struct delete_topics_resp *resp = delete_by(t, neither, 2);
    assert_int_equal(resp->responses_count, 2);
    assert_deleted(&resp->responses[1], NULL, ERR_INVALID_REQUEST,
                   "Neither topic name nor id were specified.");
    victim twice[] = {{STR("t"), UUID_ZERO}, {STR("t"), UUID_ZERO}};
    resp = delete_by(t, twice, 2);
    assert_int_equal(resp->responses_count, 1);
    assert_deleted(&resp->responses[0], "t", ERR_INVALID_REQUEST, "Duplicate topic name.");
    victim ids[] = {{STR_NULL, id}, {STR_NULL, id}};
    resp = delete_by(t, ids, 2);
    assert_int_equal(resp->responses_count, 1);
    assert_deleted(&resp->responses[0], NULL, ERR_INVALID_REQUEST, "Duplicate topic id.");
    assert_true(uuid_eq(resp->responses[0].topic_id, id));
    assert_int_equal(ct_img(t)->topic_count, 1);
}

/* Kafka looks at the names first; whatever else means the same topic is refused along with it. */
static void a_topic_named_in_two_ways_stays(void **state)
{
    struct ct *t = *state;
    struct uuid id = ct_add_topic(t, "t", 1, 1)->id;
    victim v[] = {{STR("t"), UUID_ZERO}, {STR_NULL, id}};
    const struct delete_topics_resp *resp = delete_by(t, v, 2);
    assert_int_equal(resp->responses_count, 1);
    assert_deleted(&resp->responses[0], "t", ERR_INVALID_REQUEST,
                   "The provided topic name maps to an ID that was already supplied.");
    assert_true(uuid_eq(resp->responses[0].topic_id, id));
    assert_int_equal(ct_img(t)->topic_count, 1);
}

static void a_bad_naming_does_not_protect_a_topic(void **state)
{
    struct ct *t = *state;
    struct uuid id = ct_add_topic(t, "t", 1, 1)->id;
    victim v[] = {{STR("t"), id}, {STR_NULL, id}};
    const struct delete_topics_resp *resp = delete_by(t, v, 2);
    assert_int_equal(resp->responses_count, 2);
    assert_deleted(&resp->responses[0], "t", ERR_INVALID_REQUEST,
                   "You may not specify both topic name and topic id.");
    assert_deleted(&resp->responses[1], "t", OK, NULL);
    assert_int_equal(ct_img(t)->topic_count, 0);
}

static void deletion_can_be_switched_off(void **state)
{
    struct ct *t = ct_new_with("delete.topic.enable=false");
    (void)state;
    ct_add_broker(t, 1);
    (void)ct_add_topic(t, "t", 1, 1);
    victim v[] = {{STR("t"), UUID_ZERO}};
    assert_int_equal(delete_by(t, v, 1)->responses[0].error_code, ERR_TOPIC_DELETION_DISABLED);
    struct str name = STR("t");
    struct delete_topics_req r = delete_topics_req_default;
    r.topic_names = &name;
    r.topic_names_count = 1;
    const struct delete_topics_resp *resp = ct_do(t, CT_DELETE, 2, &r);
    assert_int_equal(resp->responses[0].error_code, ERR_INVALID_REQUEST);
    assert_int_equal(ct_img(t)->topic_count, 1);
    ct_free(t);
}

static void a_name_can_be_used_again(void **state)
{
    struct ct *t = *state;
    struct uuid id = ct_add_topic(t, "t", 1, 1)->id;
    victim v[] = {{STR("t"), UUID_ZERO}};
    (void)delete_by(t, v, 1);
    assert_false(uuid_eq(ct_add_topic(t, "t", 1, 1)->id, id));
}

/* --- CreatePartitions --- */

typedef struct create_partitions_req_create_partitions_topic growth;
typedef struct create_partitions_req_create_partitions_assignment new_part;

static const struct create_partitions_resp *grow(struct ct *t, growth *g, int32_t count)
{
    struct create_partitions_req r = create_partitions_req_default;
    r.topics = g;
    r.topics_count = count;
    return ct_do(t, CT_GROW, 3, &r);
}

static void assert_grow(struct ct *t, growth g, enum err want, const char *text)
{
    const struct create_partitions_resp *resp = grow(t, &g, 1);
    assert_int_equal(resp->results_count, 1);
    assert_text(resp->results[0].error_message, text);
    assert_string_equal(err_name((enum err)resp->results[0].error_code), err_name(want));
    if (want) {
        assert_int_equal(t->out.records.count, 0);
    }
}

static growth to(const char *name, int32_t count)
{
    return (growth){.name = str_from(name), .count = count, .assignments_count = -1};
}

static growth to_assigned(const char *name, int32_t count, new_part *parts, int32_t part_count)
{
    return (growth){str_from(name), count, parts, part_count};
}

static void topics_grow_and_never_shrink(void **state)
{
    struct ct *t = *state;
    (void)ct_add_topic(t, "t", 2, 1);
    assert_grow(t, to("t", 5), OK, NULL);
    assert_int_equal(image_topic_by_name(ct_img(t), STR("t"))->part_count, 5);
    assert_int_equal(ct_part(t, "t", 4)->leader, 1);
    assert_grow(t, to("t", 5), ERR_INVALID_PARTITIONS, "Topic already has 5 partition(s).");
    assert_grow(t, to("t", 2), ERR_INVALID_PARTITIONS,
                "The topic t currently has 5 partition(s); 2 would not be an increase.");
    assert_grow(t, to("t", 0), ERR_INVALID_PARTITIONS,
                "The topic t currently has 5 partition(s); 0 would not be an increase.");
    assert_grow(t, to("t", INT32_MIN), ERR_INVALID_PARTITIONS,
                "The topic t currently has 5 partition(s); -2147483648 would not be an increase.");
    assert_grow(t, to("never", 3), ERR_UNKNOWN_TOPIC_OR_PARTITION, NULL);
    assert_grow(t, to("", 3), ERR_UNKNOWN_TOPIC_OR_PARTITION, NULL);
    /* Kafka gives UNKNOWN_SERVER_ERROR here */
    assert_grow(t, to("t", 10006), ERR_POLICY_VIOLATION, TOO_MANY);
    assert_grow(t, to("t", INT32_MAX), ERR_POLICY_VIOLATION, TOO_MANY);
    assert_grow(t, to("t", 10005), OK, NULL);
}

static void growth_by_hand_is_judged(void **state)
{
    int32_t one[] = {1}, seven[] = {7}, twice[] = {1, 1}, wrong[] = {1, 7}, pair[] = {2, 1};
    new_part good[] = {{one, 1}, {one, 1}};
    new_part unknown[] = {{seven, 1}}, none[] = {{one, 0}}, again[] = {{twice, 2}};
    new_part factor[] = {{wrong, 2}}, two[] = {{pair, 2}};
    struct ct *t = *state;
    (void)ct_add_topic(t, "t", 2, 1);
    assert_grow(t, to_assigned("t", 4, good, 1), ERR_INVALID_REPLICA_ASSIGNMENT,
                "Attempted to add 2 additional partition(s), but only 1 assignment(s) were "
                "specified.");
    assert_grow(t, to_assigned("t", 3, good, 2), ERR_INVALID_REPLICA_ASSIGNMENT,
                "Attempted to add 1 additional partition(s), but only 2 assignment(s) were "
                "specified.");
    assert_grow(t, to_assigned("t", 3, good, 0), ERR_INVALID_REPLICA_ASSIGNMENT,
                "Attempted to add 1 additional partition(s), but only 0 assignment(s) were "
                "specified.");
    assert_grow(t, to_assigned("t", 3, unknown, 1), ERR_INVALID_REPLICA_ASSIGNMENT,
                NOT_REGISTERED(7));
    assert_grow(t, to_assigned("t", 3, factor, 1), ERR_INVALID_REPLICA_ASSIGNMENT,
                NOT_REGISTERED(7));
    assert_grow(t, to_assigned("t", 3, none, 1), ERR_INVALID_REPLICA_ASSIGNMENT,
                "The manual partition assignment includes an empty replica list.");
    assert_grow(t, to_assigned("t", 3, again, 1), ERR_INVALID_REPLICA_ASSIGNMENT,
                "The manual partition assignment includes the broker 1 more than once.");
    assert_grow(t, to_assigned("t", 3, two, 1), ERR_INVALID_REPLICA_ASSIGNMENT,
                "The manual partition assignment includes a partition with 2 replica(s), but this "
                "is not consistent with previous partitions, which have 1 replica(s).");
    assert_grow(t, to_assigned("t", 2, good, 0), ERR_INVALID_PARTITIONS,
                "Topic already has 2 partition(s).");
    assert_grow(t, to_assigned("t", 4, good, 2), OK, NULL);
    assert_ids(image_part_replicas(ct_part(t, "t", 3)), 1, 1);
}

static void growing_several_at_once(void **state)
{
    struct ct *t = *state;
    (void)ct_add_topic(t, "a", 1, 1);
    (void)ct_add_topic(t, "b", 1, 1);
    growth g[] = {to("a", 3), to("a", 4), to("b", 2), to("never", 2)};
    const struct create_partitions_resp *resp = grow(t, g, 4);
    assert_int_equal(resp->results_count, 3);
    for (int32_t i = 0; i < 3; i++) {
        if (str_eq(resp->results[i].name, STR("a"))) {
            assert_int_equal(resp->results[i].error_code, ERR_INVALID_REQUEST);
            assert_text(resp->results[i].error_message, "Duplicate topic name.");
        }
    }
    assert_int_equal(image_topic_by_name(ct_img(t), STR("a"))->part_count, 1);
    assert_int_equal(image_topic_by_name(ct_img(t), STR("b"))->part_count, 2);
}

static void validating_does_not_grow(void **state)
{
    struct ct *t = *state;
    (void)ct_add_topic(t, "t", 1, 1);
    growth g = to("t", 2);
    struct create_partitions_req r = create_partitions_req_default;
    r.topics = &g;
    r.topics_count = 1;
    r.validate_only = true;
    const struct create_partitions_resp *resp = ct_do(t, CT_GROW, 3, &r);
    assert_int_equal(resp->results[0].error_code, 0);
    assert_int_equal(t->out.records.count, 0);
    assert_int_equal(image_topic_by_name(ct_img(t), STR("t"))->part_count, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, ct_teardown)
#define TEST_THREE(f) cmocka_unit_test_setup_teardown(f, setup_three, ct_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_topic_is_made),
        TEST(names_are_judged),
        TEST(counts_are_judged),
        TEST(without_brokers_nothing_is_placed),
        cmocka_unit_test(minus_one_means_the_default),
        TEST(validating_makes_nothing),
        TEST(one_bad_topic_does_not_spoil_the_others),
        TEST(too_many_partitions_spoil_them_all),
        TEST(names_of_one_request_may_collide),
        TEST(old_versions_say_less),
        TEST_THREE(assignments_are_judged),
        TEST(an_assignment_stands_alone),
        TEST_THREE(fenced_brokers_are_no_leaders),
        TEST_THREE(replicas_spread),
        TEST(rights_are_asked),
        TEST(topics_go_by_name_or_id),
        TEST(what_cannot_be_deleted_says_why),
        TEST(a_topic_named_in_two_ways_stays),
        TEST(a_bad_naming_does_not_protect_a_topic),
        cmocka_unit_test(deletion_can_be_switched_off),
        TEST(a_name_can_be_used_again),
        TEST(topics_grow_and_never_shrink),
        TEST_THREE(growth_by_hand_is_judged),
        TEST(growing_several_at_once),
        TEST(validating_does_not_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
