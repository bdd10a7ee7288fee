/* SASL as a client: the example of RFC 7677, an exchange of SHA-512 that another implementation
 * computed, what servers may not do, and login modules. */
#include "test.h"

#include "base/base64.h"
#include "base/mem.h"
#include "net/openssl.h"
#include "sec/sasl.h"
#include "sec/unsecured.h"

#include <stdio.h>

static struct sasl_client client;
static struct sasl_credentials who;
static struct buf out, why;

static void begin(enum sasl_mechanism m, const char *nonce)
{
    static const uint8_t random[SASL_NONCE_BYTES] = {1, 2, 3};
    sasl_client_init(&client, m, &who, openssl_digests(), random);
    if (nonce != NULL) {
        snprintf(client.nonce, sizeof client.nonce, "%s", nonce);
    }
}

static enum err step(const char *in)
{
    buf_clear(&out);
    buf_clear(&why);
    return sasl_client_step(&client, (struct bytes){(const uint8_t *)in, strlen(in)}, &out, &why);
}

static void says(const char *in, const char *want)
{
    assert_ok(step(in));
    assert_string_equal(buf_cstr(&out), want);
}

static void fails(const char *in, const char *words)
{
    assert_err(ERR_SASL_AUTHENTICATION_FAILED, step(in));
    if (strstr(buf_cstr(&why), words) == NULL) {
        fail_msg("'%s' in '%s'", words, buf_cstr(&why));
    }
    assert_false(client.is_done);
}

static int setup(void **state)
{
    who = (struct sasl_credentials){.username = STR("user"), .password = STR("pencil")};
    out = why = BUF_INIT;
    client = (struct sasl_client){0};
    return 0;
}

static int teardown(void **state)
{
    sasl_client_deinit(&client);
    buf_deinit(&out);
    buf_deinit(&why);
    return 0;
}

static const char nonce[] = "rOprNGfwEbeRWgbNEkqO";
static const char first[] = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                            "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
static const char final[] = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                            "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
static const char proof[] = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

static void test_scram_sha_256(void **state)
{
    begin(SASL_SCRAM_SHA_256, nonce);
    says("", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    says(first, final);
    assert_false(client.is_done);
    says(proof, "");
    assert_true(client.is_done);
    assert_err(ERR_SASL_AUTHENTICATION_FAILED, step("more"));
}

static void test_scram_sha_512(void **state)
{
    who = (struct sasl_credentials){.username = STR("a=b,c"), .password = STR("p\xc3\xa4ss")};
    begin(SASL_SCRAM_SHA_512, "abcdefghijklmnopqrstuvwx");
    says("", "n,,n=a=3Db=2Cc,r=abcdefghijklmnopqrstuvwx");
    says("r=abcdefghijklmnopqrstuvwxSERVER,s=c2FsdC1vZi0xNi1ieXRlcw==,i=8192",
         "c=biws,r=abcdefghijklmnopqrstuvwxSERVER,p=stvgg26GHi1YPGO2/Pancj57ww0EHPrICIi5MyHDJRl/"
         "TtC/AB6/4nBjXMykrKhepOkVuv/izPE/wV7+9bhhGQ==");
    says("v=YpufM9wC6YafG7hgbT8YbAL4KIkJX/hhLp7HUOSe/vDRwT+3+givwRCheaaG4SDGVs5M4Qc/"
         "w88ci01NNAKAng==",
         "");
    assert_true(client.is_done);
}

static void refused(const char *server_first, const char *words)
{
    begin(SASL_SCRAM_SHA_256, nonce);
    assert_ok(step(""));
    fails(server_first, words);
    sasl_client_deinit(&client);
}

static void test_scram_servers_that_are_wrong(void **state)
{
    refused("", "no SCRAM");
    refused("r=another,s=W22Z,i=4096", "not an answer");
    refused("r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=4096", "not an answer"); /* added nothing */
    refused("r=rOprNGfwEbeRWgbNEkqO\x01,s=W22Z,i=4096", "not an answer");
    refused("r=rOprNGfwEbeRWgbNEkqOx,s=W2,i=4096", "no SCRAM");
    refused("r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096", "no SCRAM");
    refused("r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=-1", "no SCRAM");
    refused("r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4095", "fewer");
    refused("r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=2000000000", "too many");
    refused("m=x,r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4096", "no SCRAM");
    static const char *const bad[] = {"e=unknown-user",
                                      "v=",
                                      "v=6rri",
                                      "x",
                                      "",
                                      "v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        begin(SASL_SCRAM_SHA_256, nonce);
        assert_ok(step(""));
        assert_ok(step(first));
        fails(bad[i], i == 0 ? "unknown-user" : "does not prove");
        sasl_client_deinit(&client);
    }
}

static void test_delegation_token(void **state)
{
    who.is_delegation_token = true;
    begin(SASL_SCRAM_SHA_512, "abc");
    says("", "n,,n=user,r=abc,tokenauth=true");
}

static void test_nonces_are_those_of_the_randomness(void **state)
{
    begin(SASL_SCRAM_SHA_256, NULL);
    says("", "n,,n=user,r=AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
}

static void test_plain(void **state)
{
    begin(SASL_PLAIN, NULL);
    assert_ok(step(""));
    assert_int_equal(out.len, 12);
    assert_memory_equal(out.p, "\0user\0pencil", 12);
    assert_false(client.is_done);
    says("", "");
    assert_true(client.is_done);
}

static void test_oauthbearer(void **state)
{
    struct sasl_extension extensions[] = {{STR("logicalCluster"), STR("lkc-1")}};
    who = (struct sasl_credentials){
        .token = STR("abc.def."), .extensions = extensions, .extension_count = 1};
    begin(SASL_OAUTHBEARER, NULL);
    says("", "n,,\x01"
             "auth=Bearer abc.def.\x01logicalCluster=lkc-1\x01\x01");
    says("", "");
    assert_true(client.is_done);
    begin(SASL_OAUTHBEARER, NULL);
    assert_ok(step(""));
    says("{\"status\":\"invalid_token\"}", "\x01");
    assert_false(client.is_done);
    fails("", "refused");
}

static void checks(enum sasl_mechanism m, struct sasl_credentials k, const char *words)
{
    buf_clear(&why);
    assert_err(ERR_BAD_CONFIG, sasl_check(m, &k, &why));
    assert_non_null(strstr(buf_cstr(&why), words));
}

static void test_credentials(void **state)
{
    struct sasl_extension auth[] = {{STR("auth"), STR("x")}};
    assert_ok(sasl_check(SASL_PLAIN, &who, &why));
    checks(SASL_PLAIN, (struct sasl_credentials){.password = STR("x")}, "no username");
    checks(SASL_SCRAM_SHA_256, (struct sasl_credentials){.username = STR("x")}, "no password");
    checks(SASL_PLAIN, (struct sasl_credentials){.username = STR("x\0y"), .password = STR("z")},
           "zero bytes");
    checks(SASL_OAUTHBEARER, who, "no token");
    checks(SASL_OAUTHBEARER, (struct sasl_credentials){.token = STR("a\x01z")}, "bytes");
    checks(SASL_OAUTHBEARER,
           (struct sasl_credentials){.token = STR("a"), .extensions = auth, .extension_count = 1},
           "extension");
    enum sasl_mechanism m;
    assert_true(sasl_mechanism_parse(STR("SCRAM-SHA-512"), &m));
    assert_int_equal(m, SASL_SCRAM_SHA_512);
    assert_false(sasl_mechanism_parse(STR("GSSAPI"), &m));
}

static void test_base64(void **state)
{
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        buf_clear(&out);
        base64_put(&out, (struct bytes){(const uint8_t *)pairs[i][0], strlen(pairs[i][0])});
        assert_string_equal(buf_cstr(&out), pairs[i][1]);
        buf_clear(&out);
        assert_true(base64_read(&out, str_from(pairs[i][1])));
        assert_string_equal(buf_cstr(&out), pairs[i][0]);
    }
    static const char *const bad[] = {
        "Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zm 9", "Zm9v\n"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        buf_clear(&out);
        assert_false(base64_read(&out, str_from(bad[i])));
        assert_int_equal(out.len, 0);
    }
}

/* --- login modules --- */

static struct arena arena;

static enum err parse(const char *text, struct jaas_module *m)
{
    arena_deinit(&arena);
    arena_init(&arena, 1 << 16);
    buf_clear(&why);
    return jaas_parse(str_from(text), &arena, m, &why);
}

static void test_jaas(void **state)
{
    struct jaas_module m;
    assert_ok(parse("org.apache.kafka.common.security.plain.PlainLoginModule required "
                    "username=\"al\\\"ice\" password='p;w=\\\\' // what else\n /* x */ plain=word;",
                    &m));
    assert_true(str_has_suffix(m.name, STR(".PlainLoginModule")));
    assert_true(str_eq(jaas_get(&m, STR("username")), STR("al\"ice")));
    assert_true(str_eq(jaas_get(&m, STR("password")), STR("p;w=\\")));
    assert_true(str_eq(jaas_get(&m, STR("plain")), STR("word")));
    assert_true(str_is_null(jaas_get(&m, STR("nothing"))));
    assert_ok(parse(" a.B  required\n;\n", &m));
    assert_int_equal(m.count, 0);
    static const char *const bad[][2] = {
        {"", "login module"},
        {"a.B", "required"},
        {"a.B always;", "required"},
        {"a.B required", "';'"},
        {"a.B required x;", "name=value"},
        {"a.B required x=1", "';'"},
        {"a.B required x=\"1;", "name=value"},
        {"a.B required; c", "behind"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_err(ERR_BAD_CONFIG, parse(bad[i][0], &m));
        if (strstr(buf_cstr(&why), bad[i][1]) == NULL) {
            fail_msg("%s: %s", bad[i][0], buf_cstr(&why));
        }
    }
    arena_deinit(&arena);
}

static void test_tokens_that_nobody_signed(void **state)
{
    struct jaas_module m;
    struct sasl_extension x[4];
    struct buf plain = BUF_INIT;
    assert_ok(parse("OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"th\\\"e\" "
                    "unsecuredLoginNumberClaim_n=5 unsecuredLoginListClaim_scope=\"|a|b\" "
                    "unsecuredLoginLifetimeSeconds=\"60\" unsecuredLoginExtension_traceId=\"1\";",
                    &m));
    assert_true(unsecured_is_wanted(&m));
    buf_clear(&out);
    unsecured_put(&m, 1000000, &out);
    base64url_put(&plain, (struct bytes){(const uint8_t *)"{\"alg\":\"none\"}", 14});
    buf_put_u8(&plain, '.');
    static const char claims[] =
        "{\"iat\":1000,\"exp\":1060,\"sub\":\"th\\\"e\",\"n\":5,\"scope\":[\"a\",\"b\"]}";
    base64url_put(&plain, (struct bytes){(const uint8_t *)claims, sizeof claims - 1});
    buf_put_u8(&plain, '.');
    assert_string_equal(buf_cstr(&out), buf_cstr(&plain));
    assert_int_equal(unsecured_extensions(&m, x, 4), 1);
    assert_true(str_eq(x[0].name, STR("traceId")) && str_eq(x[0].value, STR("1")));
    assert_ok(parse("OAuthBearerLoginModule required;", &m));
    assert_false(unsecured_is_wanted(&m));
    buf_deinit(&plain);
    arena_deinit(&arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_scram_sha_256),
        TEST(test_scram_sha_512),
        TEST(test_scram_servers_that_are_wrong),
        TEST(test_delegation_token),
        TEST(test_nonces_are_those_of_the_randomness),
        TEST(test_plain),
        TEST(test_oauthbearer),
        TEST(test_credentials),
        TEST(test_base64),
        TEST(test_jaas),
        TEST(test_tokens_that_nobody_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
