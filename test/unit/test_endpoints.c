/* From listeners in server.properties to endpoints. */
#include "test.h"

#include "broker/host/endpoints.h"

#include <stdio.h>

struct world {
    struct props props;
    struct broker_config config;
    struct arena arena;
    struct endpoints all;
    struct buf why;
};

static enum err parse(struct world *w, const char *text)
{
    int line;
    *w = (struct world){.why = BUF_INIT};
    arena_init(&w->arena, 1 << 16);
    assert_ok(props_parse(&w->props, str_from(text), &line));
    assert_ok(broker_config_init(&w->config, &w->props, &w->why));
    return endpoints_parse(&w->config, &w->arena, &w->all, &w->why);
}

static void end(struct world *w)
{
    broker_config_deinit(&w->config);
    arena_deinit(&w->arena);
    buf_deinit(&w->why);
}

static void test_defaults(void **state)
{
    struct world w;
    (void)state;
    assert_ok(parse(&w, ""));
    assert_int_equal(w.all.broker_count, 1);
    assert_int_equal(w.all.controller_count, 0);
    assert_int_equal(w.all.brokers[0].port, 9092);
    assert_true(w.all.brokers[0].advertised_host[0] != '\0');
    end(&w);
}

/* What Apache Kafka's own server.properties says, which has no map. */
static void test_controller_is_plain_by_itself(void **state)
{
    struct world w;
    (void)state;
    assert_ok(parse(&w, "listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093\n"
                        "controller.listener.names=CONTROLLER\n"));
    assert_int_equal(w.all.broker_count, 1);
    assert_int_equal(w.all.controller_count, 1);
    assert_int_equal(w.all.controllers[0].security_protocol, 0);
    assert_int_equal(w.all.controllers[0].port, 9093);
    end(&w);
}

static void test_controller_needs_a_map_beside_tls(void **state)
{
    struct world w;
    (void)state;
    assert_err(ERR_BAD_CONFIG,
               parse(&w, "listeners=SSL://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093\n"
                         "controller.listener.names=CONTROLLER\n"));
    assert_non_null(strstr(buf_cstr(&w.why), "listener.security.protocol.map"));
    end(&w);
}

static void test_a_map_is_taken_at_its_word(void **state)
{
    struct world w;
    (void)state;
    assert_ok(parse(&w, "listeners=INSIDE://127.0.0.1:9092,OUTSIDE://127.0.0.1:9094\n"
                        "advertised.listeners=INSIDE://a:1,OUTSIDE://b:2\n"
                        "listener.security.protocol.map=INSIDE:PLAINTEXT,OUTSIDE:SASL_SSL\n"
                        "inter.broker.listener.name=INSIDE\n"));
    assert_int_equal(w.all.brokers[0].security_protocol, 0);
    assert_int_equal(w.all.brokers[1].security_protocol, 3);
    assert_string_equal(w.all.brokers[1].advertised_host, "b");
    assert_int_equal(w.all.brokers[1].advertised_port, 2);
    end(&w);
    assert_err(ERR_BAD_CONFIG, parse(&w, "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
                                         "controller.listener.names=CONTROLLER\n"
                                         "listener.security.protocol.map=PLAINTEXT:PLAINTEXT\n"));
    end(&w);
}

static void test_what_makes_no_sense(void **state)
{
    static const char *const bad[] = {
        "listeners=PLAINTEXT\n",
        "listeners=PLAINTEXT://127.0.0.1\n",
        "listeners=PLAINTEXT://127.0.0.1:70000\n",
        "listeners=PLAINTEXT://:9092,PLAINTEXT://:9093\n",
        "listeners=NAMELESS://:9092\n",
        "advertised.listeners=SSL://a:1\n",
        "advertised.listeners=PLAINTEXT://0.0.0.0:1\n",
        "listeners=CONTROLLER://:9093\ncontroller.listener.names=CONTROLLER\n",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct world w;
        assert_err(ERR_BAD_CONFIG, parse(&w, bad[i]));
        assert_true(w.why.len > 0);
        end(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_controller_is_plain_by_itself),
        cmocka_unit_test(test_controller_needs_a_map_beside_tls),
        cmocka_unit_test(test_a_map_is_taken_at_its_word),
        cmocka_unit_test(test_what_makes_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
