/* Typed settings: defaults, a broker's file, and where a topic's value comes from. */
#include "test.h"

#include "meta/config.h"
#include "record/batch.h"
#include "record/validate.h"

static void set(struct config_props *p, const char *key, const char *value)
{
    assert_ok(config_props_set(p, str_from(key), str_from(value)));
}

static void a_broker_has_defaults_and_what_its_file_says(void **state)
{
    struct config_props p;
    struct broker_config c;
    struct buf why = BUF_INIT;
    assert_ok(broker_config_init(&c, NULL, &why));
    assert_int_equal(c.num_partitions, 1);
    assert_int_equal(c.node_id, 1);
    assert_null(c.log_dirs);
    assert_string_equal(c.listeners, "PLAINTEXT://:9092");
    broker_config_deinit(&c);

    config_props_init(&p);
    set(&p, "num.partitions", "3");
    set(&p, "log.dirs", " /a,/b ");
    set(&p, "some.plugin.setting", "x");
    assert_ok(broker_config_init(&c, &p, &why));
    assert_int_equal(c.num_partitions, 3);
    assert_string_equal(c.log_dirs, "/a,/b");
    broker_config_deinit(&c);

    config_props_init(&p);
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
    struct config_props p;
    struct broker_config c;
    struct topic_config t;
    struct buf why = BUF_INIT;
    config_props_init(&p);
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

    config_props_init(&p);
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

    config_props_init(&p);
    set(&p, "log.retention.hours", "-1");
    assert_ok(broker_config_init(&c, &p, &why));
    topic_config_resolve(NULL, &c, STR("t"), &t);
    assert_int_equal(t.retention_ms, -1);
    broker_config_deinit(&c);
    buf_deinit(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broker_has_defaults_and_what_its_file_says),
        cmocka_unit_test(a_topic_takes_its_brokers_synonyms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
