/* Settings: the table, the checks with Apache Kafka's sentences, properties files. */
#include "test.h"

#include "meta/config.h"

static void table_is_sorted_and_its_defaults_are_valid(void **state)
{
    for (enum config_scope scope = CONFIG_TOPIC; scope <= CONFIG_BROKER; scope++) {
        int32_t count;
        const struct config_def *defs = config_all(scope, &count);
        for (int32_t i = 0; i < count; i++) {
            struct buf why = BUF_INIT;
            assert_true(i == 0 || strcmp(defs[i - 1].name, defs[i].name) < 0);
            assert_ptr_equal(config_find(scope, str_from(defs[i].name)), &defs[i]);
            if (defs[i].default_text != NULL &&
                !config_check(&defs[i], str_from(defs[i].default_text), &why)) {
                fail_msg("%s", buf_cstr(&why));
            }
            buf_deinit(&why);
        }
    }
    assert_null(config_find(CONFIG_TOPIC, STR("message.timestamp.difference.max.ms")));
}

static void synonyms_are_broker_settings(void **state)
{
    int32_t count;
    const struct config_def *defs = config_all(CONFIG_TOPIC, &count);
    for (int32_t i = 0; i < count; i++) {
        const char *at = defs[i].synonyms;
        while (*at) {
            size_t len = strcspn(at, "* ");
            assert_non_null(config_find(CONFIG_BROKER, (struct str){at, len}));
            at += strcspn(at, " ");
            at += *at == ' ';
        }
    }
}

/* What Apache Kafka 4.3.1 says to each (LogConfig.validate); NULL: it takes it. */
static const struct {
    const char *name, *value, *why;
} checks[] = {
    {"retention.ms", "-2",
     "Invalid value -2 for configuration retention.ms: Value must be at least -1"},
    {"retention.ms", "abc",
     "Invalid value abc for configuration retention.ms: Not a number of type LONG"},
    {"retention.ms", " 5 ", NULL},
    {"retention.ms", "1.5",
     "Invalid value 1.5 for configuration retention.ms: Not a number of type LONG"},
    {"retention.ms", "9223372036854775808",
     "Invalid value 9223372036854775808 for configuration retention.ms: Not a number of type LONG"},
    {"segment.bytes", "100",
     "Invalid value 100 for configuration segment.bytes: Value must be at least 1048576"},
    {"segment.bytes", "99999999999",
     "Invalid value 99999999999 for configuration segment.bytes: Not a number of type INT"},
    {"segment.bytes", "",
     "Invalid value  for configuration segment.bytes: Not a number of type INT"},
    {"cleanup.policy", "", NULL},
    {"cleanup.policy", "foo",
     "Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete"},
    {"cleanup.policy", "compact,delete", NULL},
    {"cleanup.policy", "compact, delete,compact", NULL},
    {"cleanup.policy", ",delete", "Configuration 'cleanup.policy' values must not be empty."},
    {"cleanup.policy", "delete,", "Configuration 'cleanup.policy' values must not be empty."},
    {"compression.type", "snap",
     "Invalid value snap for configuration compression.type: String must be one of: uncompressed, "
     "zstd, lz4, snappy, gzip, producer"},
    {"compression.type", " gzip", NULL},
    {"compression.type", "",
     "Invalid value  for configuration compression.type: String must be one of: uncompressed, "
     "zstd, "
     "lz4, snappy, gzip, producer"},
    {"compression.gzip.level", "0",
     "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or "
     "equal to -1"},
    {"compression.gzip.level", "-1", NULL},
    {"compression.zstd.level", "23",
     "Invalid value 23 for configuration compression.zstd.level: Value must be no more than 22"},
    {"message.timestamp.type", "x",
     "Invalid value x for configuration message.timestamp.type: String must be one of: CreateTime, "
     "LogAppendTime"},
    {"min.cleanable.dirty.ratio", "1.5",
     "Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be no more than 1"},
    {"min.cleanable.dirty.ratio", "x",
     "Invalid value x for configuration min.cleanable.dirty.ratio: Not a number of type DOUBLE"},
    {"min.cleanable.dirty.ratio", "1e-1", NULL},
    {"min.cleanable.dirty.ratio", "0.5f", NULL},
    {"preallocate", "yes",
     "Invalid value yes for configuration preallocate: Expected value to be either true or false"},
    {"preallocate", "TRUE", NULL},
    {"preallocate", "",
     "Invalid value  for configuration preallocate: Expected value to be either true or false"},
    {"flush.ms", "0x10",
     "Invalid value 0x10 for configuration flush.ms: Not a number of type LONG"},
    {"flush.ms", "+5", NULL},
    {"retention.bytes", "-5", NULL},
    {"leader.replication.throttled.replicas", "*", NULL},
    {"leader.replication.throttled.replicas", "0:1,1:2", NULL},
    {"leader.replication.throttled.replicas", "a",
     "Invalid value [a] for configuration leader.replication.throttled.replicas: "
     "leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the "
     "following format: [partitionId]:[brokerId],[partitionId]:[brokerId],..."},
    {"internal.segment.bytes", "100", NULL},
    {"unknown.thing", "1", "Unknown topic config name: unknown.thing"},
};

static void values_are_checked_with_kafkas_sentences(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        struct config_setting s = {str_from(checks[i].name), str_from(checks[i].value)};
        struct buf why = BUF_INIT;
        bool ok = topic_config_check(&s, 1, &why);
        assert_string_equal(buf_cstr(&why), checks[i].why ? checks[i].why : "");
        assert_int_equal(ok, checks[i].why == NULL);
        buf_deinit(&why);
    }
}

static void settings_that_contradict_each_other_are_refused(void **state)
{
    struct config_setting s[] = {{STR("min.compaction.lag.ms"), STR("10")},
                                 {STR("max.compaction.lag.ms"), STR("5")}};
    struct buf why = BUF_INIT;
    assert_false(topic_config_check(s, 2, &why));
    assert_string_equal(buf_cstr(&why),
                        "conflict topic config setting min.compaction.lag.ms (10) > "
                        "max.compaction.lag.ms (5)");
    buf_deinit(&why);
}

static void misspelt_names_find_their_neighbour(void **state)
{
    assert_string_equal(config_did_you_mean(CONFIG_TOPIC, STR("retention.m")), "retention.ms");
    assert_string_equal(config_did_you_mean(CONFIG_TOPIC, STR("clenup.policy")), "cleanup.policy");
    assert_string_equal(config_did_you_mean(CONFIG_BROKER, STR("num.partition")), "num.partitions");
    assert_null(config_did_you_mean(CONFIG_TOPIC, STR("x")));
    assert_null(config_did_you_mean(CONFIG_TOPIC, STR("nothing.like.this.at.all")));
}

static const char props_text[] = "# a comment\n"
                                 "  ! another\r\n"
                                 "\n"
                                 "node.id=7\n"
                                 "listeners : PLAINTEXT://:9092,\\\n"
                                 "      SSL://:9093\n"
                                 "log.dirs   /tmp/a\\ b\n"
                                 "empty=\n"
                                 "bare\n"
                                 "a\\=b=c\\u00e9\\t\\\\\n"
                                 "node.id=8";

static void properties_are_read_as_java_reads_them(void **state)
{
    struct props p;
    int line = 0;
    assert_ok(props_parse(&p, str_from(props_text), &line));
    assert_int_equal(p.count, 6);
    assert_true(str_eq(props_get(&p, STR("node.id")), STR("8")));
    assert_true(str_eq(props_get(&p, STR("listeners")), STR("PLAINTEXT://:9092,SSL://:9093")));
    assert_true(str_eq(props_get(&p, STR("log.dirs")), STR("/tmp/a b")));
    assert_true(str_eq(props_get(&p, STR("empty")), STR("")));
    assert_true(str_eq(props_get(&p, STR("bare")), STR("")));
    assert_true(str_eq(props_get(&p, STR("a=b")), STR("c\xc3\xa9\t\\")));
    assert_true(str_is_null(props_get(&p, STR("none"))));
    props_deinit(&p);
    assert_err(ERR_BAD_CONFIG, props_parse(&p, STR("a=1\nb=\\u00g0\n"), &line));
    assert_int_equal(line, 2);
    props_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_sorted_and_its_defaults_are_valid),
        cmocka_unit_test(synonyms_are_broker_settings),
        cmocka_unit_test(values_are_checked_with_kafkas_sentences),
        cmocka_unit_test(settings_that_contradict_each_other_are_refused),
        cmocka_unit_test(misspelt_names_find_their_neighbour),
        cmocka_unit_test(properties_are_read_as_java_reads_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
