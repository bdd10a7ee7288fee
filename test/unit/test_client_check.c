/* Settings that contradict each other, as Apache Kafka's consumers see it, and defaults that give
 * way. Producers': test_client_producer.c. */
#include "test.h"

#include "client/check.h"

struct row {
    const char *settings[3][2];
    const char *why; /* NULL: they go together */
};

static struct ottla_config *config_of(const struct row *row)
{
    struct ottla_config *config = ottla_config_new();
    for (size_t i = 0; i < ARRAY_LEN(row->settings) && row->settings[i][0] != NULL; i++) {
        assert_int_equal(ottla_config_set(config, row->settings[i][0], row->settings[i][1], NULL),
                         0);
    }
    return config;
}

static const char *const many = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"; /* 250 */

static void test_consumers(void **state)
{
    static const char *const instance =
        "group.instance.id has at most 249 letters, digits, '.', '_', '-', and is not '.' or '..'";
    const struct row rows[] = {
        {{{"client.id", "x"}}, NULL},
        {{{"group.id", "g"}, {"enable.auto.commit", "true"}}, NULL},
        {{{"enable.auto.commit", "true"}}, "enable.auto.commit=true needs group.id"},
        {{{"enable.auto.commit", "false"}}, NULL},
        {{{"group.id", " "}}, "group.id is nothing but blanks"},
        {{{"group.id", "g"}, {"heartbeat.interval.ms", "45000"}},
         "heartbeat.interval.ms, 45000, has to be below session.timeout.ms, 45000"},
        {{{"group.id", "g"}, {"heartbeat.interval.ms", "44999"}}, NULL},
        {{{"heartbeat.interval.ms", "45000"}}, NULL}, /* a member of nothing */
        {{{"group.remote.assignor", "range"}},
         "group.remote.assignor cannot be set with group.protocol=classic"},
        {{{"group.remote.assignor", "range"}, {"group.protocol", "consumer"}}, NULL},
        {{{"session.timeout.ms", "45000"}, {"group.protocol", "consumer"}},
         "session.timeout.ms cannot be set with group.protocol=consumer: the group's coordinator "
         "says what it is"},
        {{{"heartbeat.interval.ms", "3000"}, {"group.protocol", "consumer"}},
         "heartbeat.interval.ms cannot be set with group.protocol=consumer: the group's "
         "coordinator says what it is"},
        {{{"partition.assignment.strategy", "range"}, {"group.protocol", "consumer"}},
         "partition.assignment.strategy cannot be set with group.protocol=consumer: the group's "
         "coordinator says what it is"},
        {{{"group.instance.id", "a.B_c-9"}}, NULL},
        {{{"group.instance.id", "a/b"}}, instance},
        {{{"group.instance.id", ".."}}, instance},
        {{{"group.instance.id", many}}, instance},
        {{{"group.instance.id", many + 1}}, NULL},
    };
    (void)state;
    assert_int_equal(strlen(many), 250);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ottla_error error = {.code = 0};
        struct ottla_config *config = config_of(&rows[i]);
        int code = config_check_consumer(config, &error);
        assert_int_equal(code, rows[i].why ? ERR_BAD_CONFIG : 0);
        assert_string_equal(error.message, rows[i].why ? rows[i].why : "");
        ottla_config_free(config);
    }
}

static void test_gives_way(void **state)
{
    static const struct {
        struct row row;
        int32_t delivery_ms;
        int64_t reconnect_max_ms;
    } rows[] = {
        {{{{"client.id", "x"}}, NULL}, 120000, 1000},
        {{{{"request.timeout.ms", "119995"}}, NULL}, 120000, 1000},
        {{{{"request.timeout.ms", "120000"}}, NULL}, 120005, 1000},
        {{{{"request.timeout.ms", "120000"}, {"delivery.timeout.ms", "7"}}, NULL}, 7, 1000},
        {{{{"linger.ms", "9223372036854775807"}}, NULL}, INT32_MAX, 1000},
        {{{{"reconnect.backoff.ms", "5000"}}, NULL}, 120000, 5000},
        {{{{"reconnect.backoff.ms", "20"}}, NULL}, 120000, 20},
        {{{{"reconnect.backoff.ms", "5000"}, {"reconnect.backoff.max.ms", "9"}}, NULL}, 120000, 9},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ottla_config *config = config_of(&rows[i].row);
        config_settle(config);
        assert_int_equal(config->values.delivery_timeout_ms, rows[i].delivery_ms);
        assert_int_equal(config->values.reconnect_backoff_max_ms, rows[i].reconnect_max_ms);
        ottla_config_free(config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_consumers),
        cmocka_unit_test(test_gives_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
