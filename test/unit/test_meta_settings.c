/* Typed settings: defaults, a broker's file, and where a topic's value comes from. */
#include "test.h"

#include "meta/config.h"
#include "record/batch.h"
#include "record/validate.h"

static void set(struct props *p, const char *key, const char *value)
{
    assert_ok(props_set(p, str_from(key), str_from(value)));
}

static void a_broker_has_defaults_and_what_its_file_says(void **state)
{
    struct props p;
    struct broker_config c;
    struct buf why = BUF_INIT;
    assert_ok(broker_config_init(&c, NULL, &why));
    assert_int_equal(c.num_partitions, 1);
    assert_int_equal(c.node_id, 1);
    assert_null(c.log_dirs);
    assert_string_equal(c.listeners, "PLAINTEXT://:9092");
    broker_config_deinit(&c);

    props_init(&p);
    set(&p, "num.partitions", "3");
    set(&p, "log.dirs", " /a,/b ");
    set(&p, "some.plugin.setting", "x");
    assert_ok(broker_config_init(&c, &p, &why));
    assert_int_equal(c.num_partitions, 3);
    assert_string_equal(c.log_dirs, "/a,/b");
    broker_config_deinit(&c);

    props_init(&p);
    set(&p, "num.partitions", "0");
    assert_err(ERR_BAD_CONFIG, broker_config_init(&c, &p, &why));
    assert_string_equal(
        buf_cstr(&why),
        "Invalid value 0 for configuration num.partitions: Value must be at least 1");
    broker_config_deinit(&c);
    buf_deinit(&why);
}

static void a_topic_takes_its_brokers_synonyms(void **state)
{
    struct props p;
    struct broker_config c;
    struct topic_config t;
    struct buf why = BUF_INIT;
    props_init(&p);
    assert_ok(broker_config_init(&c, &p, &why));
    topic_config_resolve(NULL, &c, STR("t"), &t);
    assert_int_equal(t.retention_ms, 604800000);
    assert_int_equal(t.segment_bytes, 1 << 30);
    assert_int_equal(t.cleanup_policy, CLEANUP_DELETE);
    assert_int_equal(t.compression_type, COMPRESSION_PRODUCER);
    assert_int_equal(t.message_timestamp_type, CREATE_TIME);
    assert_true(t.flush_before_ack);
    assert_true(t.flush_messages == INT64_MAX);
    assert_int_equal(t.internal_segment_bytes, -1);
    broker_config_deinit(&c);

    props_init(&p);
    set(&p, "log.retention.hours", "2");
    set(&p, "log.retention.minutes", "30");
    set(&p, "log.roll.hours", "1");
    set(&p, "log.cleanup.policy", "compact, delete");
    set(&p, "compression.type", "lz4");
    set(&p, "log.message.timestamp.type", "LogAppendTime");
    set(&p, "log.flush.before.ack", "false");
    assert_ok(broker_config_init(&c, &p, &why));
    topic_config_resolve(NULL, &c, STR("t"), &t);
    assert_int_equal(t.retention_ms, 30 * 60000);
    assert_int_equal(t.segment_ms, 3600000);
    assert_int_equal(t.cleanup_policy, CLEANUP_DELETE | CLEANUP_COMPACT);
    assert_int_equal(t.compression_type, CODEC_LZ4);
    assert_int_equal(t.message_timestamp_type, LOG_APPEND_TIME);
    assert_false(t.flush_before_ack);
    broker_config_deinit(&c);

    props_init(&p);
    set(&p, "log.retention.hours", "-1");
    assert_ok(broker_config_init(&c, &p, &why));
    topic_config_resolve(NULL, &c, STR("t"), &t);
    assert_int_equal(t.retention_ms, -1);
    broker_config_deinit(&c);
    buf_deinit(&why);
}

/* What config_values finds, as "name=value/source ...". */
static void values_are(const struct config_place *at, const char *name, const char *want)
{
    struct config_value v[CONFIG_VALUES_MAX];
    struct buf text = BUF_INIT;
    int32_t n = config_values(at, str_from(name), v);
    for (int32_t i = 0; i < n; i++) {
        buf_printf(&text, "%s%.*s=%.*s/%d", i ? " " : "", STR_ARG(v[i].name), STR_ARG(v[i].value),
                   v[i].source);
    }
    assert_string_equal(buf_cstr(&text), want);
    buf_deinit(&text);
}

static void places_are_listed_as_kafka_lists_them(void **state)
{
    struct props p;
    struct broker_config c;
    struct buf why = BUF_INIT;
    struct image *img = image_new(1);
    props_init(&p);
    set(&p, "log.retention.minutes", "30");
    set(&p, "log.segment.bytes", "2000000");
    assert_ok(broker_config_init(&c, &p, &why));
    struct config_place topic = {img, &c, CONFIG_TOPIC, STR("t")};
    struct config_place broker = {img, &c, CONFIG_BROKER, STR("1")};
    struct config_place group = {img, &c, CONFIG_GROUP, STR("g")};
    values_are(&topic, "segment.bytes",
               "log.segment.bytes=2000000/4 log.segment.bytes=1073741824/5");
    values_are(&topic, "retention.ms", ""); /* minutes alone are no source */
    values_are(&topic, "remote.storage.enable", "");
    values_are(&topic, "nope", "");
    values_are(&broker, "log.retention.ms", "");
    values_are(&broker, "log.retention.minutes",
               "log.retention.minutes=30/4 log.retention.hours=168/5");
    values_are(&broker, "log.retention.hours", "log.retention.hours=168/5");
    values_are(&group, "share.isolation.level", "share.isolation.level=read_uncommitted/5");
    values_are(&group, "consumer.session.timeout.ms", "group.consumer.session.timeout.ms=45000/5");
    broker_config_deinit(&c);
    image_free(img);
    buf_deinit(&why);
}

static void plain_is(const char *name, const char *value, const char *want)
{
    struct arena a;
    arena_init(&a, 4096);
    const struct config_def *def = config_find(CONFIG_TOPIC, str_from(name));
    struct str got = config_plain(def, str_from(value), &a);
    assert_true(str_eq(got, str_from(want)));
    arena_deinit(&a);
}

static void values_are_written_back_as_kafka_writes_them(void **state)
{
    plain_is("preallocate", " TRUE ", "true");
    plain_is("cleanup.policy", "compact , delete", "compact,delete");
    plain_is("cleanup.policy", "", "");
    plain_is("retention.ms", " 007", "7");
    plain_is("min.cleanable.dirty.ratio", " 0.5 ", "0.5");
    plain_is("leader.replication.throttled.replicas", "0:1, 1:1", "0:1, 1:1");
}

static void groups_keep_to_the_brokers_bounds(void **state)
{
    static const struct {
        const char *name, *value;
        bool is_good;
    } cases[] = {
        {"consumer.session.timeout.ms", "45000", true},
        {"consumer.session.timeout.ms", "44999", false},
        {"consumer.session.timeout.ms", "60001", false},
        {"streams.num.standby.replicas", "2", true},
        {"streams.num.standby.replicas", "3", false},
        {"share.auto.offset.reset", "by_duration:P1DT2H3M4.5S", true},
        {"share.auto.offset.reset", "by_duration:PT", false},
        {"share.auto.offset.reset", "by_duration:P1DT", false},
        {"share.auto.offset.reset", "by_duration:PT1H2D", false},
        {"share.auto.offset.reset", "never", false},
    };
    struct broker_config c;
    struct buf why = BUF_INIT;
    assert_ok(broker_config_init(&c, NULL, &why));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config_setting s = {str_from(cases[i].name), str_from(cases[i].value)};
        assert_int_equal(group_config_check(&c, &s, &why), cases[i].is_good);
    }
    broker_config_deinit(&c);
    buf_deinit(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broker_has_defaults_and_what_its_file_says),
        cmocka_unit_test(a_topic_takes_its_brokers_synonyms),
        cmocka_unit_test(places_are_listed_as_kafka_lists_them),
        cmocka_unit_test(values_are_written_back_as_kafka_writes_them),
        cmocka_unit_test(groups_keep_to_the_brokers_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
