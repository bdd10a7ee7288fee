/* The controller over settings: those of new topics, IncrementalAlterConfigs, AlterConfigs. Codes
 * and sentences are those that Apache Kafka 4.3.1 gave to the same requests. */
#include "ctltest.h"

enum { SET, DELETE, APPEND, SUBTRACT };

static struct ct *with_topic(void)
{
    struct ct *t = ct_new();
    ct_add_broker(t, 1);
    (void)ct_add_topic(t, "cfg", 1, 1);
    return t;
}

CT_SETUP(setup, with_topic())

/* --- settings of new topics --- */

typedef struct create_topics_req_creatable_topic_config setting;

static const struct create_topics_resp_creatable_topic_result *create_with(struct ct *t, setting *s,
                                                                           int32_t count)
{
    struct create_topics_req_creatable_topic topic = ct_topic("set", 1, 1);
    struct create_topics_req r = create_topics_req_default;
    topic.configs = s;
    topic.configs_count = count;
    r.topics = &topic;
    r.topics_count = 1;
    r.validate_only = true;
    const struct create_topics_resp *resp = ct_do(t, CT_CREATE, 7, &r);
    return resp->topics;
}

static const char *const good_settings[][2] = {
    {"retention.ms", "1000"},
    {"retention.ms", "-1"},
    {"retention.ms", " 5 "},
    {"retention.bytes", "-2"},
    {"cleanup.policy", "compact"},
    {"cleanup.policy", "delete,compact"},
    {"cleanup.policy", "compact , delete"},
    {"cleanup.policy", "delete,delete"},
    {"cleanup.policy", ""},
    {"compression.type", "uncompressed"},
    {"compression.gzip.level", "9"},
    {"compression.zstd.level", "-5"},
    {"segment.bytes", "1048576"},
    {"preallocate", "TRUE"},
    {"min.insync.replicas", "3"},
    {"max.message.bytes", "0"},
    {"message.timestamp.type", "LogAppendTime"},
    {"min.cleanable.dirty.ratio", "1"},
    {"min.cleanable.dirty.ratio", "NaN"},
    {"leader.replication.throttled.replicas", "*"},
    {"leader.replication.throttled.replicas", "0:1,1:1"},
    {"unclean.leader.election.enable", "true"},
    {"file.delete.delay.ms", "0"},
};

static void good_settings_are_taken(void **state)
{
    struct ct *t = *state;
    for (size_t i = 0; i < sizeof good_settings / sizeof *good_settings; i++) {
        setting s = {str_from(good_settings[i][0]), str_from(good_settings[i][1])};
        assert_text(create_with(t, &s, 1)->error_message, NULL);
    }
}

#define NOT(value, name, why)                                                                      \
    name, value, "Invalid value " value " for configuration " name ": " why
#define UNKNOWN(name) name, "1", "Unknown topic config name: " name
#define CODECS "String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer"
#define THROTTLED(name)                                                                            \
    name " must be the literal '*' or a list of replicas in the following format: "                \
         "[partitionId]:[brokerId],[partitionId]:[brokerId],..."

static const char *const bad_settings[][3] = {
    {UNKNOWN("no.such.setting")},
    {UNKNOWN("retention.ms ")},
    {UNKNOWN("RETENTION.MS")},
    {UNKNOWN("")},
    {UNKNOWN("num.partitions")},
    {UNKNOWN("message.format.version")},
    {UNKNOWN("message.downconversion.enable")},
    {UNKNOWN("message.timestamp.difference.max.ms")},
    {NOT("x", "retention.ms", "Not a number of type LONG")},
    {NOT("", "retention.ms", "Not a number of type LONG")},
    {NOT("1.5", "retention.ms", "Not a number of type LONG")},
    {NOT("9223372036854775808", "retention.ms", "Not a number of type LONG")},
    {NOT("-2", "retention.ms", "Value must be at least -1")},
    {NOT("2147483648", "segment.bytes", "Not a number of type INT")},
    {NOT("1000000", "segment.bytes", "Value must be at least 1048576")},
    {NOT("0", "segment.ms", "Value must be at least 1")},
    {NOT("remove", "cleanup.policy", "String must be one of: compact, delete")},
    {"cleanup.policy", "delete,,compact",
     "Configuration 'cleanup.policy' values must not be empty."},
    {NOT("brotli", "compression.type", CODECS)},
    {NOT("", "compression.type", CODECS)},
    {NOT("GZIP", "compression.type", CODECS)},
    {NOT("yes", "preallocate", "Expected value to be either true or false")},
    {NOT("", "preallocate", "Expected value to be either true or false")},
    {NOT("0", "min.insync.replicas", "Value must be at least 1")},
    {NOT("-1", "max.message.bytes", "Value must be at least 0")},
    {NOT("Now", "message.timestamp.type", "String must be one of: CreateTime, LogAppendTime")},
    {NOT("1.5", "min.cleanable.dirty.ratio", "Value must be no more than 1")},
    {NOT("-0.1", "min.cleanable.dirty.ratio", "Value must be at least 0")},
    {NOT("half", "min.cleanable.dirty.ratio", "Not a number of type DOUBLE")},
    {NOT("10", "compression.gzip.level", "Value must be between 1 and 9 or equal to -1")},
    {NOT("0", "compression.gzip.level", "Value must be between 1 and 9 or equal to -1")},
    {NOT("0", "compression.lz4.level", "Value must be at least 1")},
    {NOT("18", "compression.lz4.level", "Value must be no more than 17")},
    {NOT("23", "compression.zstd.level", "Value must be no more than 22")},
    {NOT("0", "flush.messages", "Value must be at least 1")},
    {NOT("-1", "flush.ms", "Value must be at least 0")},
    {NOT("0", "max.compaction.lag.ms", "Value must be at least 1")},
    {NOT("3", "segment.index.bytes", "Value must be at least 4")},
    {NOT("-3", "local.retention.ms", "Value must be at least -2")},
    {"leader.replication.throttled.replicas", "nonsense",
     "Invalid value [nonsense] for configuration leader.replication.throttled.replicas: " THROTTLED(
         "leader.replication.throttled.replicas")},
    {"follower.replication.throttled.replicas", "0:",
     "Invalid value [0:] for configuration follower.replication.throttled.replicas: " THROTTLED(
         "follower.replication.throttled.replicas")},
    {"remote.storage.enable", "true",
     "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with "
     "remote log storage."},
    {"retention.ms", NULL, "Null value not supported for topic configs: retention.ms"},
};

static void bad_settings_say_why(void **state)
{
    struct ct *t = *state;
    for (size_t i = 0; i < sizeof bad_settings / sizeof *bad_settings; i++) {
        const char *value = bad_settings[i][1];
        setting s = {str_from(bad_settings[i][0]), value ? str_from(value) : STR_NULL};
        assert_text(create_with(t, &s, 1)->error_message, bad_settings[i][2]);
        assert_int_equal(create_with(t, &s, 1)->error_code, ERR_INVALID_CONFIG);
    }
}

static void settings_are_judged_together(void **state)
{
    struct ct *t = *state;
    setting lags[] = {{STR("min.compaction.lag.ms"), STR("10")},
                      {STR("max.compaction.lag.ms"), STR("5")}};
    assert_text(create_with(t, lags, 2)->error_message,
                "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms "
                "(5)");
    setting local[] = {{STR("retention.ms"), STR("10")}, {STR("local.retention.ms"), STR("20")}};
    assert_text(create_with(t, local, 2)->error_message, NULL);
    setting nulls[] = {{STR("retention.ms"), STR_NULL},
                       {STR("segment.ms"), STR_NULL},
                       {STR("preallocate"), STR("x")}};
    assert_text(create_with(t, nulls, 3)->error_message,
                "Null value not supported for topic configs: retention.ms,segment.ms");
    setting unknown[] = {{STR("preallocate"), STR("x")}, {STR("nope"), STR("1")}};
    assert_text(create_with(t, unknown, 2)->error_message, "Unknown topic config name: nope");
    setting twice[] = {{STR("retention.ms"), STR("1")}, {STR("retention.ms"), STR("2")}};
    assert_text(create_with(t, twice, 2)->error_message, NULL);
}

static void settings_are_judged_before_counts(void **state)
{
    struct ct *t = *state;
    setting s = {STR("preallocate"), STR("x")};
    struct create_topics_req_creatable_topic topic = ct_topic("set", 0, 1);
    topic.configs = &s;
    topic.configs_count = 1;
    assert_int_equal(ct_create(t, &topic, 1)->topics[0].error_code, ERR_INVALID_CONFIG);
    topic.name = STR("s t");
    assert_int_equal(ct_create(t, &topic, 1)->topics[0].error_code, ERR_INVALID_TOPIC_EXCEPTION);
}

static void a_new_topic_is_described(void **state)
{
    struct ct *t = *state;
    setting s = {STR("retention.ms"), STR(" 777 ")};
    const struct create_topics_resp_creatable_topic_result *r = create_with(t, &s, 1);
    assert_int_equal(r->configs_count, 34); /* Kafka's and flush.before.ack */
    for (int32_t i = 0; i < r->configs_count; i++) {
        const struct create_topics_resp_creatable_topic_configs *c = &r->configs[i];
        assert_false(c->read_only);
        assert_false(c->is_sensitive);
        assert_true(i == 0 || str_cmp(r->configs[i - 1].name, c->name) < 0);
        if (str_eq(c->name, STR("retention.ms"))) {
            assert_text(c->value, " 777 ");
            assert_int_equal(c->config_source, CONFIG_SOURCE_TOPIC);
        } else if (str_eq(c->name, STR("min.insync.replicas"))) {
            assert_text(c->value, "1");
            assert_int_equal(c->config_source, CONFIG_SOURCE_CLUSTER);
        } else {
            assert_int_equal(c->config_source, CONFIG_SOURCE_DEFAULT);
        }
    }
}

/* --- IncrementalAlterConfigs --- */

typedef struct incremental_alter_configs_req_alterable_config change;
typedef struct incremental_alter_configs_req_alter_configs_resource resource;

static const struct incremental_alter_configs_resp *alter(struct ct *t, resource *r, int32_t count)
{
    struct incremental_alter_configs_req req = incremental_alter_configs_req_default;
    req.resources = r;
    req.resources_count = count;
    return ct_do(t, CT_INCREMENTAL, 1, &req);
}

static void assert_alter(struct ct *t, resource r, enum err want, const char *text)
{
    const struct incremental_alter_configs_resp *resp = alter(t, &r, 1);
    assert_int_equal(resp->responses_count, 1);
    assert_text(resp->responses[0].error_message, text);
    assert_string_equal(err_name((enum err)resp->responses[0].error_code), err_name(want));
    assert_int_equal(resp->responses[0].resource_type, r.resource_type);
    assert_true(str_eq(resp->responses[0].resource_name, r.resource_name));
    if (want) {
        assert_int_equal(t->out.records.count, 0);
    }
}

static void assert_topic_change(struct ct *t, change c, enum err want, const char *text)
{
    assert_alter(t, (resource){RESOURCE_TOPIC, STR("cfg"), &c, 1}, want, text);
}

static void assert_value(const struct ct *t, const char *name, const char *want)
{
    assert_text(image_config(ct_img(t), RESOURCE_TOPIC, STR("cfg"), str_from(name)), want);
}

static void a_setting_is_set_and_deleted(void **state)
{
    struct ct *t = *state;
    assert_topic_change(t, (change){STR("retention.ms"), SET, STR("1")}, OK, NULL);
    assert_int_equal(t->out.records.count, 1);
    assert_value(t, "retention.ms", "1");
    assert_topic_change(t, (change){STR("retention.ms"), SET, STR("1")}, OK, NULL);
    assert_int_equal(t->out.records.count, 0);
    assert_topic_change(t, (change){STR("segment.ms"), DELETE, STR_NULL}, OK, NULL);
    assert_int_equal(t->out.records.count, 0);
    assert_topic_change(t, (change){STR("nope"), DELETE, STR_NULL}, OK, NULL);
    assert_topic_change(t, (change){STR("retention.ms"), DELETE, STR_NULL}, OK, NULL);
    assert_value(t, "retention.ms", NULL);
}

static void lists_are_appended_to(void **state)
{
    struct ct *t = *state;
    assert_topic_change(t, (change){STR("cleanup.policy"), APPEND, STR("compact")}, OK, NULL);
    assert_value(t, "cleanup.policy", "delete,compact");
    assert_topic_change(t, (change){STR("cleanup.policy"), APPEND, STR("compact")}, OK, NULL);
    assert_value(t, "cleanup.policy", "delete,compact");
    assert_topic_change(t, (change){STR("cleanup.policy"), SUBTRACT, STR("delete")}, OK, NULL);
    assert_value(t, "cleanup.policy", "compact");
    assert_topic_change(t, (change){STR("cleanup.policy"), SUBTRACT, STR("delete")}, OK, NULL);
    assert_topic_change(t, (change){STR("cleanup.policy"), SUBTRACT, STR("compact")}, OK, NULL);
    assert_value(t, "cleanup.policy", "");
    assert_topic_change(t, (change){STR("retention.ms"), APPEND, STR("1")}, ERR_INVALID_CONFIG,
                        "Can't APPEND to key retention.ms because its type is not LIST.");
    assert_topic_change(t, (change){STR("retention.ms"), SUBTRACT, STR("1")}, ERR_INVALID_CONFIG,
                        "Can't SUBTRACT to key retention.ms because its type is not LIST.");
    assert_topic_change(t, (change){STR("nope"), APPEND, STR("1")}, ERR_INVALID_CONFIG,
                        "Can't APPEND to key nope because its type is not LIST.");
    assert_topic_change(t, (change){STR("cleanup.policy"), APPEND, STR("")}, OK, NULL);
    assert_topic_change(t, (change){STR("cleanup.policy"), SET, STR("delete")}, OK, NULL);
    assert_topic_change(t, (change){STR("cleanup.policy"), APPEND, STR("")}, ERR_INVALID_CONFIG,
                        "Configuration 'cleanup.policy' values must not be empty.");
    const char *throttled = "leader.replication.throttled.replicas";
    assert_topic_change(t, (change){str_from(throttled), SET, STR("1:1")}, OK, NULL);
    assert_topic_change(t, (change){str_from(throttled), APPEND, STR("*")}, ERR_INVALID_CONFIG,
                        "Invalid value [1:1, *] for configuration "
                        "leader.replication.throttled.replicas: " THROTTLED(
                            "leader.replication.throttled.replicas"));
}

static void changes_that_cannot_be(void **state)
{
    struct ct *t = *state;
    assert_topic_change(t, (change){STR("retention.ms"), SET, STR("x")}, ERR_INVALID_CONFIG,
                        "Invalid value x for configuration retention.ms: Not a number of type "
                        "LONG");
    assert_topic_change(t, (change){STR("segment.ms"), SET, STR_NULL}, ERR_INVALID_REQUEST,
                        "Null value not supported for : segment.ms");
    assert_topic_change(t, (change){STR("cleanup.policy"), APPEND, STR_NULL}, ERR_INVALID_REQUEST,
                        "Null value not supported for : cleanup.policy");
    /* Kafka gives UNKNOWN_SERVER_ERROR here */
    assert_topic_change(t, (change){STR("retention.ms"), 7, STR("1")}, ERR_INVALID_REQUEST,
                        "Unknown operations type 7");
    change nulls[] = {{STR("segment.ms"), SET, STR_NULL}, {STR("retention.ms"), SET, STR_NULL}};
    assert_alter(t, (resource){RESOURCE_TOPIC, STR("cfg"), nulls, 2}, ERR_INVALID_REQUEST,
                 "Null value not supported for : segment.ms, retention.ms");
    change twice[] = {{STR("retention.ms"), SET, STR("1")}, {STR("retention.ms"), DELETE, STR("")}};
    assert_alter(t, (resource){RESOURCE_TOPIC, STR("cfg"), twice, 2}, ERR_INVALID_REQUEST,
                 "Error due to duplicate config keys");
    assert_alter(t, (resource){RESOURCE_TOPIC, STR("cfg"), twice, 0}, OK, NULL);
}

static void the_result_counts_with_what_is_there(void **state)
{
    struct ct *t = *state;
    assert_topic_change(t, (change){STR("max.compaction.lag.ms"), SET, STR("5")}, OK, NULL);
    assert_topic_change(t, (change){STR("min.compaction.lag.ms"), SET, STR("10")},
                        ERR_INVALID_CONFIG,
                        "conflict topic config setting min.compaction.lag.ms (10) > "
                        "max.compaction.lag.ms (5)");
}

static void resources_that_are_not(void **state)
{
    struct ct *t = *state;
    change c = {STR("retention.ms"), SET, STR("1")};
    assert_alter(t, (resource){RESOURCE_TOPIC, STR("never"), &c, 1}, ERR_UNKNOWN_TOPIC_OR_PARTITION,
                 "The topic 'never' does not exist.");
    change bad = {STR("retention.ms"), SET, STR("x")};
    assert_alter(t, (resource){RESOURCE_TOPIC, STR("never"), &bad, 1}, ERR_INVALID_CONFIG,
                 "Invalid value x for configuration retention.ms: Not a number of type LONG");
    assert_alter(t, (resource){RESOURCE_TOPIC, STR(""), &c, 1}, ERR_INVALID_REQUEST,
                 "Default topic resources are not allowed.");
    assert_alter(t, (resource){RESOURCE_TOPIC, STR("a b"), &c, 1}, ERR_INVALID_TOPIC_EXCEPTION,
                 "Topic name is invalid: 'a b' contains one or more characters other than ASCII "
                 "alphanumerics, '.', '_' and '-'");
    assert_alter(t, (resource){0, STR("cfg"), &c, 1}, ERR_INVALID_REQUEST,
                 "Unknown resource type 0");
    assert_alter(t, (resource){99, STR("cfg"), &c, 1}, ERR_INVALID_REQUEST,
                 "Unknown resource type 99");
    resource twice[] = {{RESOURCE_TOPIC, STR("cfg"), &c, 1}, {RESOURCE_TOPIC, STR("cfg"), &c, 1}};
    const struct incremental_alter_configs_resp *resp = alter(t, twice, 2);
    assert_int_equal(resp->responses_count, 2);
    for (int32_t i = 0; i < 2; i++) {
        assert_int_equal(resp->responses[i].error_code, ERR_INVALID_REQUEST);
        assert_text(resp->responses[i].error_message, "Each resource must appear at most once.");
    }
}

static void assert_broker_change(struct ct *t, const char *broker, change c, enum err want,
                                 const char *text)
{
    assert_alter(t, (resource){RESOURCE_BROKER, str_from(broker), &c, 1}, want, text);
}

static void brokers_have_settings(void **state)
{
    struct ct *t = *state;
    assert_broker_change(t, "1", (change){STR("log.retention.ms"), SET, STR("1000")}, OK, NULL);
    assert_broker_change(t, "", (change){STR("log.retention.ms"), SET, STR("1000")}, OK, NULL);
    assert_broker_change(t, "1", (change){STR("nope"), SET, STR("x")}, OK, NULL);
    assert_broker_change(t, "1", (change){STR("num.partitions"), SET, STR("3")},
                         ERR_INVALID_REQUEST,
                         "Cannot update these configs dynamically: [num.partitions]");
    assert_broker_change(t, "", (change){STR("listeners"), SET, STR("PLAINTEXT://:1")},
                         ERR_INVALID_REQUEST,
                         "Cannot update these configs at default cluster level, broker id must be "
                         "specified: [listeners]");
    assert_broker_change(t, "1", (change){STR("log.retention.ms"), SET, STR("x")},
                         ERR_INVALID_REQUEST,
                         "Invalid value x for configuration log.retention.ms: Not a number of type "
                         "LONG");
    assert_broker_change(t, "1", (change){STR("min.insync.replicas"), SET, STR("2")},
                         ERR_INVALID_CONFIG,
                         "Broker-level min.insync.replicas cannot be altered while ELR is "
                         "enabled.");
    assert_broker_change(t, "", (change){STR("min.insync.replicas"), DELETE, STR_NULL},
                         ERR_INVALID_CONFIG,
                         "Cluster-level min.insync.replicas cannot be removed while ELR is "
                         "enabled.");
    assert_broker_change(t, "", (change){STR("min.insync.replicas"), SET, STR("2")}, OK, NULL);
    assert_int_equal(t->out.records.count, 2); /* the setting and ClearElr */
}

static void lists_of_brokers(void **state)
{
    struct ct *t = *state;
    change compact = {STR("log.cleanup.policy"), APPEND, STR("compact")};
    assert_broker_change(t, "1", compact, OK, NULL);
    assert_text(image_config(ct_img(t), RESOURCE_BROKER, STR("1"), compact.name), "delete,compact");
    assert_broker_change(t, "", (change){STR("log.retention.ms"), APPEND, STR("1")},
                         ERR_INVALID_CONFIG,
                         "Config value append is not allowed for config key: log.retention.ms");
    assert_broker_change(t, "1", (change){STR("num.partitions"), SUBTRACT, STR("1")},
                         ERR_INVALID_CONFIG,
                         "Config value subtract is not allowed for config key: num.partitions");
    assert_broker_change(t, "1", (change){STR("nope"), APPEND, STR("1")}, ERR_INVALID_CONFIG,
                         "Unknown config name: nope");
    assert_broker_change(t, "", (change){compact.name, SET, STR("compact")}, OK, NULL);
    assert_topic_change(t, (change){STR("cleanup.policy"), APPEND, STR("compact")}, OK, NULL);
    assert_value(t, "cleanup.policy", "delete,compact");
    change metrics = {STR("metrics"), APPEND, STR("a")};
    assert_alter(t, (resource){RESOURCE_CLIENT_METRICS, STR("sub"), &metrics, 1},
                 ERR_INVALID_CONFIG, "Can't APPEND to key metrics because its type is not LIST.");
}

static void what_is_fixed_may_be_deleted(void **state)
{
    struct ct *t = *state;
    assert_broker_change(t, "1", (change){STR("num.partitions"), DELETE, STR_NULL}, OK, NULL);
    assert_broker_change(t, "", (change){STR("listeners"), DELETE, STR_NULL}, OK, NULL);
}

static void values_are_judged_before_the_cluster_minimum(void **state)
{
    assert_broker_change(*state, "1", (change){STR("min.insync.replicas"), SET, STR("0")},
                         ERR_INVALID_REQUEST,
                         "Invalid value 0 for configuration min.insync.replicas: Value must be at "
                         "least 1");
}

static void a_sentence_fits_into_an_answer(void **state)
{
    static char longest[32767];
    memset(longest, 'y', sizeof longest);
    change c = {STR("retention.ms"), SET, {longest, sizeof longest}};
    resource r = {RESOURCE_TOPIC, STR("cfg"), &c, 1};
    const struct incremental_alter_configs_resp *resp = alter(*state, &r, 1);
    assert_int_equal(resp->responses[0].error_code, ERR_INVALID_CONFIG);
    assert_int_equal(resp->responses[0].error_message.len, 32767);
}

/* --- AlterConfigs --- */

typedef struct alter_configs_req_alterable_config old_setting;
typedef struct alter_configs_req_alter_configs_resource old_resource;

static void assert_replace(struct ct *t, old_resource r, enum err want, const char *text)
{
    struct alter_configs_req req = alter_configs_req_default;
    req.resources = &r;
    req.resources_count = 1;
    const struct alter_configs_resp *resp = ct_do(t, CT_ALTER, 2, &req);
    assert_int_equal(resp->responses_count, 1);
    assert_text(resp->responses[0].error_message, text);
    assert_string_equal(err_name((enum err)resp->responses[0].error_code), err_name(want));
}

static void alter_configs_replaces_all(void **state)
{
    struct ct *t = *state;
    assert_topic_change(t, (change){STR("segment.ms"), SET, STR("7")}, OK, NULL);
    old_setting s = {STR("retention.ms"), STR("5")};
    assert_replace(t, (old_resource){RESOURCE_TOPIC, STR("cfg"), &s, 1}, OK, NULL);
    assert_value(t, "segment.ms", NULL);
    assert_value(t, "retention.ms", "5");
    s.value = STR_NULL;
    assert_replace(t, (old_resource){RESOURCE_TOPIC, STR("cfg"), &s, 1}, ERR_INVALID_REQUEST,
                   "Null value not supported for : retention.ms");
    s = (old_setting){STR("nope"), STR("x")};
    assert_replace(t, (old_resource){RESOURCE_TOPIC, STR("cfg"), &s, 1}, ERR_INVALID_CONFIG,
                   "Unknown topic config name: nope");
    assert_replace(t, (old_resource){RESOURCE_TOPIC, STR("never"), &s, 0},
                   ERR_UNKNOWN_TOPIC_OR_PARTITION, "The topic 'never' does not exist.");
    assert_replace(t, (old_resource){RESOURCE_BROKER, STR(""), &s, 0}, ERR_INVALID_CONFIG,
                   "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.");
    assert_value(t, "retention.ms", "5");
    assert_replace(t, (old_resource){RESOURCE_TOPIC, STR("cfg"), &s, 0}, OK, NULL);
    assert_value(t, "retention.ms", NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, ct_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(good_settings_are_taken),
        TEST(bad_settings_say_why),
        TEST(settings_are_judged_together),
        TEST(settings_are_judged_before_counts),
        TEST(a_new_topic_is_described),
        TEST(a_setting_is_set_and_deleted),
        TEST(lists_are_appended_to),
        TEST(changes_that_cannot_be),
        TEST(the_result_counts_with_what_is_there),
        TEST(resources_that_are_not),
        TEST(brokers_have_settings),
        TEST(lists_of_brokers),
        TEST(what_is_fixed_may_be_deleted),
        TEST(values_are_judged_before_the_cluster_minimum),
        TEST(a_sentence_fits_into_an_answer),
        TEST(alter_configs_replaces_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
