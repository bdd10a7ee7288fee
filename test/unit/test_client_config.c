/* Errors and settings of the client library. */
#include "test.h"

#include "client/config.h"
#include "client/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The public list of codes is the table that the library is made of. */
static void test_codes(void **state)
{
    (void)state;
#define X(name, code, text)                                                                        \
    assert_int_equal((int)OTTLA_ERR_##name, code);                                                 \
    assert_string_equal(ottla_error_name(code), #name);                                            \
    assert_string_equal(ottla_error_text(code), text);
#include "def/error.def"
#undef X
    assert_string_equal(ottla_error_name(12345), "?");
}

static void test_flags(void **state)
{
    (void)state;
    assert_int_equal(ottla_error_flags(0), 0);
    assert_int_equal(ottla_error_flags(OTTLA_ERR_NOT_LEADER_OR_FOLLOWER), OTTLA_RETRIABLE);
    assert_int_equal(ottla_error_flags(OTTLA_ERR_TOPIC_ALREADY_EXISTS), 0);
    assert_int_equal(ottla_error_flags(OTTLA_ERR_PRODUCER_FENCED), OTTLA_FATAL);
    assert_int_equal(ottla_error_flags(OTTLA_ERR_TRANSACTION_ABORTABLE), OTTLA_ABORTABLE);
    struct ottla_error error;
    assert_int_equal(error_set(&error, OTTLA_ERR_NETWORK_EXCEPTION, "%1000d", 7),
                     OTTLA_ERR_NETWORK_EXCEPTION);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
    assert_int_equal(error.flags, OTTLA_RETRIABLE);
    assert_int_equal(error_set(NULL, 3, "nobody listens"), 3);
}

/* Every default is a value that its setting takes, and rows are in order. */
static void test_defaults(void **state)
{
    struct ottla_config *c = ottla_config_new();
    struct ottla_setting s;
    const char *before = "";
    size_t i = 0;
    (void)state;
    for (; ottla_config_setting(i, &s); i++) {
        assert_true(strcmp(before, s.name) < 0);
        assert_true(s.doc[0] != '\0' && s.kind[0] != '\0');
        assert_int_equal(ottla_config_set(c, s.name, s.default_value, NULL), 0);
        assert_string_equal(ottla_config_get(c, s.name), s.default_value);
        before = s.name;
    }
    assert_true(i > 30);
    assert_int_equal(c->values.request_timeout_ms, 30000);
    assert_true(c->values.enable_idempotence);
    assert_string_equal(c->values.client_id, "ottla");
    assert_int_equal(c->values.buffer_memory, 33554432);
    ottla_config_free(c);
    ottla_config_free(NULL);
}

static void refused(struct ottla_config *c, const char *name, const char *value, const char *why)
{
    struct ottla_error error;
    assert_int_equal(ottla_config_set(c, name, value, &error), OTTLA_ERR_BAD_CONFIG);
    assert_int_equal(error.code, OTTLA_ERR_BAD_CONFIG);
    assert_string_equal(error.message, why);
}

static void test_refusals(void **state)
{
    struct ottla_config *c = ottla_config_new();
    (void)state;
    refused(c, "requst.timeout.ms", "1",
            "there is no setting 'requst.timeout.ms'; did you mean 'request.timeout.ms'?");
    refused(c, "queue.buffering.max.ms", "5",
            "there is no setting 'queue.buffering.max.ms' here: linger.ms");
    refused(c, "sasl.kerberos.service.name", "kafka",
            "there is no setting 'sasl.kerberos.service.name' here: there is no GSSAPI");
    refused(c, "client.ids", "x", "there is no setting 'client.ids'; did you mean 'client.id'?");
    refused(c, "xyzzy", "1", "there is no setting 'xyzzy'");
    refused(c, "request.timeout.ms", "soon", "request.timeout.ms: 'soon' is not a whole number");
    refused(c, "request.timeout.ms", "-1", "request.timeout.ms: '-1' is not from 0 to 2147483647");
    refused(c, "check.crcs", "yes", "check.crcs: 'yes' is not true or false");
    refused(c, "sasl.login.refresh.window.factor", "0.49",
            "sasl.login.refresh.window.factor: '0.49' is not from 0.50 to 1.00");
    refused(c, "sasl.login.refresh.window.factor", "1,0",
            "sasl.login.refresh.window.factor: '1,0' is not a number");
    refused(c, "sasl.login.refresh.window.jitter", ".",
            "sasl.login.refresh.window.jitter: '.' is not a number");
    refused(c, "compression.type", "zip",
            "compression.type: 'zip' is not one of none, gzip, snappy, lz4, zstd");
    assert_int_equal(c->values.request_timeout_ms, 30000);
    assert_string_equal(ottla_config_get(c, "compression.type"), "none");
    assert_null(ottla_config_get(c, "xyzzy"));
    ottla_config_free(c);
}

static void test_copy(void **state)
{
    struct ottla_config *c = ottla_config_new();
    (void)state;
    assert_int_equal(ottla_config_set(c, "client.id", "one", NULL), 0);
    assert_int_equal(ottla_config_set(c, "client.id", "two", NULL), 0);
    struct ottla_config *copy = ottla_config_copy(c);
    ottla_config_free(c);
    assert_string_equal(copy->values.client_id, "two");
    ottla_config_free(copy);
}

static int load(struct ottla_config *c, const char *text, struct ottla_error *error)
{
    char path[] = "/tmp/ottla-client-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
    close(fd);
    int code = ottla_config_load(c, path, error);
    unlink(path);
    return code;
}

static void test_file(void **state)
{
    struct ottla_config *c = ottla_config_new();
    struct ottla_error error;
    (void)state;
    assert_int_equal(load(c, "# comment\nclient.id: me\nkey.serializer=x\nretries = 3\n", &error),
                     0);
    assert_string_equal(ottla_config_get(c, "client.id"), "me");
    assert_int_equal(c->values.retries, 3);
    assert_string_equal(ottla_config_unused(c, 0), "key.serializer");
    assert_null(ottla_config_unused(c, 1));
    assert_int_equal(load(c, "retries=many\n", &error), OTTLA_ERR_BAD_CONFIG);
    assert_non_null(strstr(error.message, ": retries: 'many' is not a whole number"));
    assert_int_equal(load(c, "a=1\nb=\\u12\n", &error), OTTLA_ERR_BAD_CONFIG);
    assert_non_null(strstr(error.message, ":2: "));
    assert_int_equal(ottla_config_load(c, "/nowhere/x", &error), OTTLA_ERR_NOT_FOUND);
    ottla_config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes),    cmocka_unit_test(test_flags),
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_copy),     cmocka_unit_test(test_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
