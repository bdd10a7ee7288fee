/* Logging in, in virtual time: when it happens, again, and what becomes of calls when it fails. And
 * the settings that say how. */
#include "client_world.h"

#include "client/core/security.h"

static struct auth_setup setup;

static void no_chance(void *p, size_t len) { memset(p, 7, len); }

static void begin(enum sasl_mechanism mechanism)
{
    world_init("h:9001");
    setup = (struct auth_setup){.mechanism = mechanism,
                                .credentials = {.username = STR("u"), .password = STR("p")},
                                .fill_random = no_chance};
    world.core.auth = &setup;
}

static void test_login(void **state)
{
    begin(SASL_PLAIN);
    assert_ok(submit(ask(0, CALL_ANY))->err);
    assert_string_equal(trace(), "+1 1:ApiVersions4 1:SaslHandshake1 1:SaslAuthenticate2 "
                                 "1:ListOffsets11 ");
    assert_ok(submit(ask(1, CALL_ANY))->err);
    assert_string_equal(trace(), "1:ListOffsets11 ");
    world_pass_ms(10000000);
    assert_ok(submit(ask(2, CALL_ANY))->err); /* a session without end */
    assert_null(strstr(trace(), "Sasl"));
    world_deinit();
}

/* Before the session ends, with the next request; those under way are not disturbed. */
static void test_renewal(void **state)
{
    begin(SASL_PLAIN);
    world.lifetime_ms = 100000;
    assert_ok(submit(ask(0, CALL_ANY))->err);
    (void)trace();
    world_pass_ms(84000);
    assert_ok(submit(ask(1, CALL_ANY))->err);
    assert_string_equal(trace(), "1:ListOffsets11 ");
    world_pass_ms(12000);
    assert_ok(submit(ask(2, CALL_ANY))->err);
    assert_string_equal(trace(), "1:SaslHandshake1 1:SaslAuthenticate2 1:ListOffsets11 ");
    world_pass_ms(50000);
    assert_ok(submit(ask(3, CALL_ANY))->err);
    assert_string_equal(trace(), "1:ListOffsets11 "); /* a new session */
    world_deinit();
}

static void refused(enum err want, const char *why)
{
    struct call *any = ask(0, CALL_ANY), *controller = ask(1, CALL_CONTROLLER);
    core_submit(&world.core, controller, world.now_ms); /* waits for what the cluster says */
    submit(any);
    assert_err(want, any->err);
    assert_string_equal(any->why, why);
    assert_err(want, controller->err);
    assert_int_equal(world.nodes[1].conn_count, 1); /* at once */
    world_deinit();
}

static void test_refusals(void **state)
{
    begin(SASL_PLAIN);
    world.login_error = ERR_SASL_AUTHENTICATION_FAILED;
    refused(ERR_SASL_AUTHENTICATION_FAILED,
            "h:9001: cannot log in: no such user (sasl.username, sasl.password)");
    begin(SASL_PLAIN);
    world.mechanism_error = ERR_UNSUPPORTED_SASL_MECHANISM;
    refused(ERR_UNSUPPORTED_SASL_MECHANISM, "h:9001: cannot log in: the broker does not offer "
                                            "PLAIN; it offers SCRAM-SHA-512, GSSAPI");
    begin(SASL_PLAIN);
    world.has_no_sasl = true;
    refused(ERR_ILLEGAL_SASL_STATE,
            "h:9001: cannot log in: this listener of the broker has no SASL (security.protocol)");
    begin(SASL_OAUTHBEARER);
    refused(ERR_SASL_AUTHENTICATION_FAILED, "h:9001: cannot log in: the well is dry");
}

/* What may pass is tried again. */
static void test_other_failures(void **state)
{
    begin(SASL_PLAIN);
    world.login_error = ERR_COORDINATOR_NOT_AVAILABLE;
    struct call *call = submit(ask(0, CALL_ANY));
    assert_int_equal(call->state, CALL_WAITING);
    world.login_error = 0;
    world_pass_ms(1000);
    assert_ok(call->err);
    assert_int_equal(call->state, CALL_DONE);
    world_deinit();
}

static void test_token(void **state)
{
    begin(SASL_OAUTHBEARER);
    world.token = "abc";
    assert_ok(submit(ask(0, CALL_ANY))->err);
    assert_string_equal(trace(), "+1 1:ApiVersions4 1:SaslHandshake1 1:SaslAuthenticate2 "
                                 "1:ListOffsets11 ");
    world_deinit();
}

/* When its time comes, whether anybody logs in or not; once for each time that was set. */
static void test_token_renewal(void **state)
{
    begin(SASL_OAUTHBEARER);
    world.token = "abc";
    assert_ok(submit(ask(0, CALL_ANY))->err);
    assert_int_equal(world.token_count, 1);
    core_renew_token(&world.core, world.now_ms + 5000);
    assert_true(core_deadline_ms(&world.core) <= world.now_ms + 5000);
    (void)trace();
    world_pass_ms(4999);
    assert_int_equal(world.token_count, 1);
    world_pass_ms(1);
    assert_int_equal(world.token_count, 2);
    world_pass_ms(60000);
    assert_int_equal(world.token_count, 2);
    assert_null(strstr(trace(), "Sasl")); /* connections that are there are not disturbed */
    core_renew_token(&world.core, world.now_ms);
    core_stop(&world.core, world.now_ms);
    world_run();
    assert_int_equal(world.token_count, 2);
    world_deinit();
}

/* A broker that falls silent in the middle costs the set-up's time, not a request's. */
static void test_silence(void **state)
{
    begin(SASL_PLAIN);
    world_set("socket.connection.setup.timeout.ms", "700");
    world_set("socket.connection.setup.timeout.max.ms", "700");
    world.nodes[1].is_mute_for_sasl = true;
    struct call *call = submit(ask(0, CALL_ANY));
    (void)trace();
    world_pass_ms(699);
    assert_string_equal(trace(), "");
    world_pass_ms(1);
    assert_string_equal(trace(), "-1 ");
    world.nodes[1].is_mute_for_sasl = false;
    world_pass_ms(1000);
    assert_ok(call->err);
    assert_int_equal(call->state, CALL_DONE);
    world_deinit();
}

/* --- settings --- */

static struct ottla_config *config;

static void set(const char *name, const char *value)
{
    assert_int_equal(ottla_config_set(config, name, value, NULL), 0);
}

static void bad(const char *words)
{
    struct security s;
    struct ottla_error error = {0};
    assert_int_not_equal(security_init(&s, config, &error), 0);
    if (strstr(error.message, words) == NULL) {
        fail_msg("'%s' in '%s'", words, error.message);
    }
    security_deinit(&s);
}

static int config_setup(void **state)
{
    config = ottla_config_new();
    return 0;
}

static int config_teardown(void **state)
{
    ottla_config_free(config);
    return 0;
}

static void test_settings(void **state)
{
    struct security s;
    assert_int_equal(security_init(&s, config, NULL), 0);
    assert_null(s.tls);
    assert_false(s.has_sasl);
    security_deinit(&s);
    set("security.protocol", "SASL_PLAINTEXT");
    bad("sasl.mechanism is not set");
    set("sasl.mechanism", "PLAIN");
    bad("no username");
    set("sasl.jaas.config", "x.PlainLoginModule required username=a password=b;");
    assert_int_equal(security_init(&s, config, NULL), 0);
    assert_true(str_eq(s.setup.credentials.username, STR("a")));
    security_deinit(&s);
    set("sasl.username", "c"); /* goes before */
    assert_int_equal(security_init(&s, config, NULL), 0);
    assert_true(str_eq(s.setup.credentials.username, STR("c")));
    assert_true(str_eq(s.setup.credentials.password, STR("b")));
    security_deinit(&s);
    set("sasl.mechanism", "SCRAM-SHA-256");
    bad("is not the login module of SCRAM-SHA-256");
    set("sasl.jaas.config", "nonsense");
    bad("sasl.jaas.config");
    set("security.protocol", "SSL");
    set("ssl.truststore.location", "/nowhere");
    bad("ssl.truststore.location: /nowhere");
}

static int give(void *ctx, char *ret_token, size_t size, struct ottla_error *error)
{
    if (ctx == NULL) {
        snprintf(error->message, sizeof error->message, "closed on sundays");
        return ERR_IO;
    }
    snprintf(ret_token, size, "%s", (const char *)ctx);
    return 0;
}

static void token(const char *want, const char *words)
{
    struct security s;
    struct buf got = BUF_INIT, why = BUF_INIT;
    struct ottla_error error = {0};
    if (security_init(&s, config, &error)) {
        fail_msg("%s", error.message);
    }
    assert_true(s.has_sasl);
    int code = security_token(&s, &got, &why);
    if (words != NULL) {
        assert_int_not_equal(code, 0);
        assert_non_null(strstr(buf_cstr(&why), words));
    } else {
        assert_int_equal(code, 0);
        assert_true(str_has_prefix(buf_str(&got), str_from(want)));
    }
    buf_deinit(&got);
    buf_deinit(&why);
    security_deinit(&s);
}

static void test_tokens(void **state)
{
    set("security.protocol", "SASL_PLAINTEXT");
    set("sasl.mechanism", "OAUTHBEARER");
    bad("needs a token");
    set("sasl.jaas.config",
        "OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"thePrincipalName\";");
    token("eyJhbGciOiJub25lIn0.", NULL);
    set("sasl.oauthbearer.token.endpoint.url", "https://idp.test/token");
    bad("sasl.oauthbearer.client.credentials.client.id is not set, nor clientId");
    set("sasl.oauthbearer.client.credentials.client.id", "me");
    bad("sasl.oauthbearer.client.credentials.client.secret is not set");
    set("sasl.oauthbearer.token.endpoint.url", "ftp://idp.test/token");
    bad("neither http://");
    set("sasl.oauthbearer.token.endpoint.url", "file:///nowhere");
    token(NULL, "/nowhere");
    char text[] = "abc";
    ottla_config_set_token(config, give, text);
    token("abc", NULL);
    ottla_config_set_token(config, give, NULL);
    token(NULL, "closed on sundays");
    char odd[] = "a\nb";
    ottla_config_set_token(config, give, odd);
    token(NULL, "bytes that no token may have");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_login),
        cmocka_unit_test(test_renewal),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_other_failures),
        cmocka_unit_test(test_token),
        cmocka_unit_test(test_token_renewal),
        cmocka_unit_test(test_silence),
        cmocka_unit_test_setup_teardown(test_settings, config_setup, config_teardown),
        cmocka_unit_test_setup_teardown(test_tokens, config_setup, config_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
