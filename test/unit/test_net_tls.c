/* TLS between two connections over the network in memory; contexts from files and settings. */
#include "net_world.h"

#include "net/tls.h"

#include <stdlib.h>
#include <unistd.h>

#define CERT(name) CERTS_DIR "/" name

enum { PORT = 9093 };

/* The other side of the world's server: a client's connection. */
struct client {
    struct conn *conn;
    struct conn_config config;
    int open_count, close_count, frame_count;
    size_t frame_bytes;
    uint64_t hash;
    enum err reason;
    char text[160];
};

static struct client client;
static struct listener *listener;

static void on_open(struct conn *c) { client.open_count++; }

static enum conn_next on_frame(struct conn *c, uint8_t *frame, size_t len)
{
    client.frame_count++;
    client.frame_bytes += len;
    client.hash = str_hash((struct str){(char *)frame, len}, client.hash * 31);
    return CONN_CONTINUE;
}

static void on_close(struct conn *c)
{
    client.close_count++;
    client.reason = conn_close_reason(c);
    snprintf(client.text, sizeof client.text, "%s", conn_close_text(c));
    client.conn = NULL;
}

static const struct conn_handler handler = {
    .on_open = on_open, .on_frame = on_frame, .on_close = on_close};

static struct tls_config server_config(void)
{
    return (struct tls_config){.is_server = true, .keystore_location = CERT("server.pem")};
}

static struct tls_config client_config(void)
{
    return (struct tls_config){.truststore_location = CERT("trust.pem"),
                               .endpoint_identification_algorithm = "https"};
}

static struct tls_context *context(const struct tls_config *config)
{
    struct tls_context *c;
    struct buf why = BUF_INIT;
    enum err e = tls_context_new(fs_posix(), config, &c, &why);
    if (e) {
        fail_msg("%s", buf_cstr(&why));
    }
    buf_deinit(&why);
    return c;
}

static void on_accept(void *ctx, struct sock *s)
{
    struct conn *c;
    assert_ok(conn_open(world.loop, s, &world.config, &c));
}

/* NULL: that side speaks without TLS. */
static void begin(const struct tls_config *server, const struct tls_config *own, const char *host)
{
    world_init(1 << 24);
    client = (struct client){0};
    world.config.tls = server ? context(server) : NULL;
    assert_ok(listener_open(world.loop, "", PORT, on_accept, NULL, &listener));
    client.config = (struct conn_config){.handler = &handler,
                                         .frame_max_bytes = 1 << 26,
                                         .output_max_bytes = SIZE_MAX,
                                         .idle_max_ms = 600000,
                                         .tls = own ? context(own) : NULL};
    assert_ok(conn_connect(world.loop, "127.0.0.1", PORT, &client.config, &client.conn));
    if (own != NULL) {
        assert_ok(conn_set_peer(client.conn, host));
    }
}

static void finish(void)
{
    listener_close(listener);
    conn_close_all(world.loop);
    world_run();
    tls_context_free(client.config.tls);
    tls_context_free(world.config.tls);
    world_deinit();
}

static void say(const void *p, size_t len)
{
    struct sendvec v;
    sendvec_init(&v);
    sendvec_add_bytes(&v, (struct bytes){p, len}, NULL);
    conn_send(client.conn, &v);
}

static void test_frames_go_both_ways(void **state)
{
    struct tls_config s = server_config(), c = client_config();
    begin(&s, &c, "localhost");
    say("e first", 7); /* before it is open */
    world_run();
    assert_int_equal(client.open_count, 1);
    assert_int_equal(world.open_count, 1);
    assert_int_equal(client.frame_count, 1);
    for (int i = 0; i < 100; i++) {
        say("e more", 6);
    }
    world_run();
    assert_int_equal(client.frame_count, 101);
    assert_true(client.hash == world.frame_hash);
    assert_int_equal(world.net.send_file_count, 0);
    finish();
}

/* Much data over a network that moves little at a time, in both directions at once. */
static void test_large_frames(void **state)
{
    static const size_t sizes[] = {1, 16383, 16384, 16385, 300000, 5000000};
    struct tls_config s = server_config(), c = client_config();
    uint8_t *p = mem_alloc(5000000);
    for (size_t i = 0; i < 5000000; i++) {
        p[i] = (uint8_t)(i * 7 + i / 251);
    }
    p[0] = 'e';
    begin(&s, &c, "localhost");
    world.net.window_bytes = 40000;
    world.net.piece_bytes = 7777;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        say(p, sizes[i]);
    }
    world_run();
    assert_int_equal(client.frame_count, (int)ARRAY_LEN(sizes));
    assert_true(client.hash == world.frame_hash);
    assert_int_equal(client.frame_bytes, world.frame_bytes);
    finish();
    mem_free(p);
}

/* A hello that comes by three bytes, records whose headers are torn. */
static void test_torn_handshake(void **state)
{
    struct tls_config s = server_config(), c = client_config();
    begin(&s, &c, "localhost");
    world.net.piece_bytes = 3;
    say("e torn", 6);
    world_run();
    assert_int_equal(client.open_count, 1);
    assert_int_equal(client.frame_count, 1);
    assert_int_equal(client.close_count, 0);
    finish();
}

static void test_an_end_is_told(void **state)
{
    struct tls_config s = server_config(), c = client_config();
    begin(&s, &c, "localhost");
    say("c last", 6);
    world_run();
    assert_int_equal(client.frame_count, 1);
    assert_int_equal(client.close_count, 1);
    assert_err(ERR_CLOSED, client.reason);
    finish();
}

static void refused(const struct tls_config *s, const struct tls_config *c, const char *host,
                    const char *why)
{
    begin(s, c, host);
    world_run();
    assert_int_equal(client.open_count, 0);
    assert_int_equal(client.close_count, 1);
    assert_err(ERR_TLS, client.reason);
    if (strstr(client.text, why) == NULL) {
        fail_msg("'%s' in '%s'", why, client.text);
    }
    finish();
}

static void test_who_is_trusted(void **state)
{
    struct tls_config s = server_config(), c = client_config();
    refused(&s, &c, "elsewhere.test", "ostname mismatch");
    refused(&s, &c, "10.0.0.1", "IP address mismatch");
    c.truststore_location = CERT("other.pem");
    refused(&s, &c, "localhost", "local issuer");
    c.truststore_location = NULL; /* the machine's */
    refused(&s, &c, "localhost", "local issuer");
    c = client_config();
    c.endpoint_identification_algorithm = "";
    begin(&s, &c, "elsewhere.test");
    world_run();
    assert_int_equal(client.open_count, 1);
    finish();
    c = client_config();
    begin(&s, &c, "127.0.0.1");
    world_run();
    assert_int_equal(client.open_count, 1);
    finish();
}

static void test_versions(void **state)
{
    struct tls_config s = server_config(), c = client_config();
    s.enabled_protocols = "TLSv1.2";
    c.enabled_protocols = "TLSv1.2,TLSv1.3";
    c.cipher_suites = "TLS_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
    begin(&s, &c, "localhost");
    world_run();
    assert_int_equal(client.open_count, 1);
    finish();
    c.enabled_protocols = "TLSv1.3";
    refused(&s, &c, "localhost", "protocol version");
}

static void test_one_side_alone(void **state)
{
    struct tls_config s = server_config(), c = client_config();
    begin(NULL, &c, "localhost");
    world_run();
    assert_int_equal(client.open_count, 0);
    assert_err(ERR_CLOSED, client.reason); /* the server closes: no frame begins so */
    assert_non_null(strstr(client.text, "maybe it does not speak TLS"));
    finish();
    begin(&s, NULL, NULL);
    say("e plain", 7);
    world_run();
    assert_int_equal(world.open_count, 0);
    assert_int_equal(client.frame_count, 0);
    assert_int_equal(client.close_count, 1);
    finish();
}

/* A peer that says nothing is closed as any idle one: by the server. */
static void test_silence(void **state)
{
    struct tls_config s = server_config();
    begin(&s, NULL, NULL);
    client.config.idle_max_ms = 0;
    world_run();
    assert_int_equal(client.open_count, 1);
    world_pass_slowly_ms(500000);
    assert_int_equal(client.close_count, 0);
    world_pass_slowly_ms(200000);
    assert_int_equal(client.close_count, 1);
    finish();
}

/* --- contexts --- */

static void accepted(const struct tls_config *config) { tls_context_free(context(config)); }

static void bad(const struct tls_config *config, enum err want, const char *words)
{
    struct tls_context *c;
    struct buf why = BUF_INIT;
    assert_err(want, tls_context_new(fs_posix(), config, &c, &why));
    if (strstr(buf_cstr(&why), words) == NULL) {
        fail_msg("'%s' in '%s'", words, buf_cstr(&why));
    }
    buf_deinit(&why);
}

static char *text_of(const char *path)
{
    char *text;
    size_t len;
    assert_ok(fs_read_all(fs_posix(), path, 1 << 20, &text, &len));
    return text;
}

static void test_stores(void **state)
{
    char *trust = text_of(CERT("trust.pem")), *pair = text_of(CERT("client.enc.pem"));
    accepted(&(struct tls_config){.truststore_certificates = trust});
    accepted(&(struct tls_config){
        .keystore_certificate_chain = pair, .keystore_key = pair, .key_password = "secret"});
    accepted(&(struct tls_config){.truststore_location = CERT("trust.p12"),
                                  .truststore_password = "secret",
                                  .truststore_type = "JKS"});
    accepted(&(struct tls_config){.keystore_location = CERT("client.p12"),
                                  .keystore_type = "PKCS12",
                                  .keystore_password = "secret"});
    accepted(&(struct tls_config){.keystore_location = CERT("client.enc.pem"),
                                  .key_password = "secret"});
    mem_free(trust);
    mem_free(pair);
}

static void test_stores_that_are_refused(void **state)
{
    bad(&(struct tls_config){.truststore_location = "/nowhere.pem"}, ERR_NOT_FOUND,
        "ssl.truststore.location: /nowhere.pem");
    bad(&(struct tls_config){.truststore_certificates = "nothing"}, ERR_BAD_CONFIG,
        "no certificate");
    bad(&(struct tls_config){.keystore_location = CERT("client.enc.pem"), .key_password = "wrong"},
        ERR_BAD_CONFIG, "password is wrong");
    bad(&(struct tls_config){.keystore_location = CERT("client.p12"), .keystore_password = "wrong"},
        ERR_BAD_CONFIG, "ssl.keystore.location: mac verify failure");
    bad(&(struct tls_config){.keystore_location = CERT("trust.pem")}, ERR_BAD_CONFIG,
        "no private key");
    bad(&(struct tls_config){.enabled_protocols = "SSLv3"}, ERR_BAD_CONFIG, "'SSLv3'");
    bad(&(struct tls_config){.enabled_protocols = "TLSv1.3", .protocol = "TLSv1.2"}, ERR_BAD_CONFIG,
        "nothing in common");
    bad(&(struct tls_config){.cipher_suites = "ROT13"}, ERR_BAD_CONFIG, "ssl.cipher.suites");
}

static void test_jks(void **state)
{
    char path[] = "/tmp/ottla-jks-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "\xfe\xed\xfe\xed\0\0\0\2", 8), 8);
    close(fd);
    bad(&(struct tls_config){.truststore_location = path}, ERR_BAD_CONFIG, "keytool");
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_go_both_ways),
        cmocka_unit_test(test_large_frames),
        cmocka_unit_test(test_torn_handshake),
        cmocka_unit_test(test_an_end_is_told),
        cmocka_unit_test(test_who_is_trusted),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_one_side_alone),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_stores),
        cmocka_unit_test(test_stores_that_are_refused),
        cmocka_unit_test(test_jks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
