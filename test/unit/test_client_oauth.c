/* Tokens from a token endpoint, against a server on this machine that says what the test wants. The
 * wall clock is the test's. */
#include "test.h"

#include "base/base64.h"
#include "client/core/oauth.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SCRIPT_MAX = 8, REQUEST_MAX = 4096 };

struct server {
    int fd;
    pthread_t thread;
    const char *script[SCRIPT_MAX]; /* an answer a connection; NULL: none, it stays open */
    _Atomic int count, turn;        /* of connections, of questions: what orders the threads */
    char request[REQUEST_MAX];      /* the last */
    int open;                       /* that stays open; -1: none */
    _Atomic bool is_endless;
};

struct world {
    struct ottla_config *config;
    struct jaas_module module;
    struct oauth oauth;
    struct clock clock;
    int64_t wall_ms, mono_ns;
    struct server server;
    struct buf token, why;
};

static struct world world;

/* --- the server --- */

static void read_request(struct server *s, int fd)
{
    size_t len = 0;
    long body = -1;
    for (;;) {
        ssize_t n = read(fd, s->request + len, sizeof s->request - 1 - len);
        len += n > 0 ? (size_t)n : 0;
        s->request[len] = '\0';
        const char *end = strstr(s->request, "\r\n\r\n");
        const char *at = strstr(s->request, "Content-Length: ");
        if (end != NULL && at != NULL) {
            body = end + 4 + atol(at + strlen("Content-Length: ")) - s->request;
        }
        if (n <= 0 || (body >= 0 && (size_t)body <= len)) {
            return;
        }
    }
}

static void answer(struct server *s, int fd, const char *text)
{
    char head[200];
    bool is_whole = strncmp(text, "HTTP/", 5) == 0;
    int n =
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", strlen(text));
    ssize_t sent = is_whole ? 0 : send(fd, head, (size_t)n, MSG_NOSIGNAL);
    while (sent >= 0) {
        sent = send(fd, text, strlen(text), MSG_NOSIGNAL);
        if (!s->is_endless) {
            return;
        }
    }
}

static void *serve(void *ctx)
{
    struct server *s = ctx;
    int fd;
    while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
        read_request(s, fd);
        (void)atomic_load(&s->turn);
        const char *text = s->script[MIN(s->count, SCRIPT_MAX - 1)];
        s->count++;
        if (text == NULL) {
            s->open = fd;
            continue;
        }
        answer(s, fd, text);
        close(fd);
    }
    return NULL;
}

static int start(struct server *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    s->open = -1;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(s->fd, 8), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
    return ntohs(a.sin_port);
}

static void stop(struct server *s)
{
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
    if (s->open >= 0) {
        close(s->open);
    }
}

/* --- the world --- */

static int64_t wall_ms(struct clock *c) { return world.wall_ms; }

/* Each look at it takes a while. */
static int64_t mono_ns(struct clock *c) { return world.mono_ns += 1000000; }

static void set(const char *name, const char *value)
{
    assert_int_equal(ottla_config_set(world.config, name, value, NULL), 0);
}

static int setup(void **state)
{
    char url[64];
    world = (struct world){.wall_ms = 1000000, .token = BUF_INIT, .why = BUF_INIT};
    world.config = ottla_config_new();
    world.clock = (struct clock){.mono_ns = mono_ns, .wall_ms = wall_ms};
    snprintf(url, sizeof url, "http://127.0.0.1:%d/token?x=y", start(&world.server));
    set("sasl.oauthbearer.token.endpoint.url", url);
    set("sasl.oauthbearer.client.credentials.client.id", "me too");
    set("sasl.oauthbearer.client.credentials.client.secret", "s:3/cret");
    set("sasl.login.retry.backoff.ms", "1");
    set("sasl.login.retry.backoff.max.ms", "20");
    return 0;
}

static void begin(void)
{
    struct ottla_error error;
    if (oauth_init(&world.oauth, &world.config->values, &world.module, &error)) {
        fail_msg("%s", error.message);
    }
    world.oauth.clock = &world.clock;
}

static int teardown(void **state)
{
    stop(&world.server);
    oauth_deinit(&world.oauth);
    ottla_config_free(world.config);
    buf_deinit(&world.token);
    buf_deinit(&world.why);
    return 0;
}

static int ask(void)
{
    buf_clear(&world.token);
    buf_clear(&world.why);
    world.server.turn++;
    return oauth_token(&world.oauth, &world.token, &world.why);
}

static void expect(const char *token, int asked)
{
    int code = ask();
    if (code != 0) {
        fail_msg("%s", buf_cstr(&world.why));
    }
    assert_string_equal(buf_cstr(&world.token), token);
    assert_int_equal(world.server.count, asked);
}

static void expect_failure(const char *words)
{
    assert_int_not_equal(ask(), 0);
    assert_int_equal(world.token.len, 0);
    if (strstr(buf_cstr(&world.why), words) == NULL) {
        fail_msg("'%s' is not in '%s'", words, buf_cstr(&world.why));
    }
    assert_null(strstr(buf_cstr(&world.why), "cret"));
}

static void pass_s(int64_t s) { world.wall_ms += s * 1000; }

/* --- scenes --- */

static const char *const plain = "{\"access_token\":\"abc\",\"token_type\":\"Bearer\"}";

static void test_request(void **state)
{
    static struct jaas_option scope = {STR("scope"), STR("kafka read&write")};
    world.module = (struct jaas_module){.options = &scope, .count = 1};
    world.server.script[0] = world.server.script[1] = plain;
    begin();
    expect("abc", 1);
    const char *r = world.server.request;
    assert_non_null(strstr(r, "POST /token?x=y HTTP/1.1\r\n"));
    assert_non_null(strstr(r, "\r\nAuthorization: Basic bWUgdG9vOnM6My9jcmV0\r\n"));
    assert_non_null(strstr(r, "\r\nAccept: application/json\r\n"));
    assert_non_null(strstr(r, "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
    assert_non_null(strstr(r, "\r\n\r\ngrant_type=client_credentials&scope=kafka+read%26write"));
    set("sasl.oauthbearer.header.urlencode", "true");
    expect("abc", 2); /* nobody said how long it lives: for one login */
    assert_non_null(strstr(r, "\r\nAuthorization: Basic bWUrdG9vOnMlM0EzJTJGY3JldA==\r\n"));
}

/* One token for all until 80 % of its life are over; then a new one, before the old one ends. */
static void test_refresh(void **state)
{
    set("sasl.login.refresh.window.jitter", "0");
    set("sasl.login.refresh.buffer.seconds", "0");
    set("sasl.login.refresh.min.period.seconds", "0");
    world.server.script[0] = "{\"access_token\":\"one\",\"expires_in\":100}";
    world.server.script[1] = "{\"access_token\":\"two\",\"expires_in\":100}";
    begin();
    assert_true(oauth_renewal_ms(&world.oauth) == INT64_MAX); /* there is nothing to renew */
    expect("one", 1);
    assert_int_equal(oauth_renewal_ms(&world.oauth), 80000);
    pass_s(79);
    expect("one", 1);
    assert_int_equal(oauth_renewal_ms(&world.oauth), 1000);
    pass_s(1);
    expect("two", 2);
    expect("two", 2);
    assert_int_equal(oauth_renewal_ms(&world.oauth), 80000);
    pass_s(100);
    assert_true(oauth_renewal_ms(&world.oauth) == INT64_MAX); /* it is over: logins ask */
}

/* When a token of 1000 s is renewed, by all the settings. */
static void expect_window(int64_t lo_s, int64_t hi_s)
{
    pass_s(1000);
    assert_int_equal(ask(), 0);
    assert_in_range(oauth_renewal_ms(&world.oauth), lo_s * 1000, hi_s * 1000);
}

static void test_window(void **state)
{
    for (int i = 0; i < SCRIPT_MAX; i++) {
        world.server.script[i] = "{\"access_token\":\"one\",\"expires_in\":1000}";
    }
    begin();
    expect_window(700, 700); /* not in its last 300 s */
    set("sasl.login.refresh.buffer.seconds", "0");
    expect_window(800, 850); /* jitter */
    set("sasl.login.refresh.window.jitter", "0");
    set("sasl.login.refresh.window.factor", "0.5");
    expect_window(500, 500);
    set("sasl.login.refresh.min.period.seconds", "600");
    expect_window(600, 600);
    set("sasl.login.refresh.buffer.seconds", "401"); /* both together are too much for its life */
    expect_window(500, 500);
}

/* The claim exp of a JWT goes before expires_in. */
static void test_jwt(void **state)
{
    char answer_text[300], claims[64];
    struct buf b = BUF_INIT;
    set("sasl.login.refresh.window.jitter", "0");
    snprintf(claims, sizeof claims, "{\"exp\":%lld}", (long long)(world.wall_ms / 1000 + 1000));
    base64url_put(&b, (struct bytes){(const uint8_t *)claims, strlen(claims)});
    snprintf(answer_text, sizeof answer_text, "{\"access_token\":\"e30.%s.sig\",\"expires_in\":1}",
             buf_cstr(&b));
    world.server.script[0] = world.server.script[1] = answer_text;
    begin();
    assert_int_equal(ask(), 0);
    assert_int_equal(world.oauth.expires_at_ms, world.wall_ms + 1000000);
    assert_int_equal(world.oauth.renew_at_ms, world.wall_ms + 700000); /* 300 s before its end */
    pass_s(699);
    assert_int_equal(ask(), 0);
    assert_int_equal(world.server.count, 1);
    buf_deinit(&b);
}

/* A refresh that fails does not end what is still good; afterwards it does. */
static void test_refresh_fails(void **state)
{
    set("sasl.login.refresh.window.jitter", "0");
    set("sasl.login.refresh.buffer.seconds", "0");
    set("sasl.login.refresh.min.period.seconds", "0");
    world.server.script[0] = "{\"access_token\":\"one\",\"expires_in\":100}";
    for (int i = 1; i < SCRIPT_MAX; i++) {
        world.server.script[i] = "HTTP/1.1 401 no\r\nContent-Length: 0\r\n\r\n";
    }
    begin();
    expect("one", 1);
    pass_s(90);
    expect("one", 2);
    assert_non_null(strstr(buf_cstr(&world.why), "no new token from"));
    assert_int_equal(oauth_renewal_ms(&world.oauth), 1000); /* again, while the old one is good */
    expect("one", 2);                                       /* not with each login */
    pass_s(1);
    expect("one", 3);
    pass_s(9);
    expect_failure("HTTP status 401");
}

static void test_refused(void **state)
{
    world.server.script[0] = "HTTP/1.1 400 Bad\r\nContent-Length: 70\r\n\r\n"
                             "{\"error\":\"invalid_client\",\"error_description\":\"who\\n is "
                             "\\u00e9 that?\"}";
    begin();
    expect_failure("/token?x=y: HTTP status 400: invalid_client: who  is \xc3\xa9 that?");
    assert_int_equal(world.server.count, 1); /* it would say so again */
}

/* What may pass is tried again. */
static void test_passes(void **state)
{
    set("sasl.login.retry.backoff.max.ms", "5000");
    world.server.script[0] = "HTTP/1.1 503 busy\r\nContent-Length: 0\r\n\r\n";
    world.server.script[1] = "HTTP/1.1 429 slow\r\nContent-Length: 2\r\n\r\n{}";
    world.server.script[2] =
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"access"; /* cut off */
    world.server.script[3] = plain;
    begin();
    expect("abc", 4);
}

static void test_gives_up(void **state)
{
    for (int i = 0; i < SCRIPT_MAX; i++) {
        world.server.script[i] = "HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n";
    }
    begin();
    expect_failure("HTTP status 500");
    assert_true(world.server.count > 1);
}

static void test_nonsense(void **state)
{
    static const struct {
        const char *answer, *words;
    } rows[] = {
        {"", "no JSON object"},
        {"{\"access_token\":", "no JSON object"},
        {"[1]", "no JSON object"},
        {"{}", "no access_token"},
        {"{\"access_token\":7}", "no access_token"},
        {"{\"access_token\":\" \"}", "no access_token"},
        {"HTTP/1.1 302 go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
         "HTTP status 302"},
    };
    begin();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        world.server.script[i] = rows[i].answer;
        expect_failure(rows[i].words);
        assert_int_equal(world.server.count, i + 1);
    }
}

/* An answer without an end is not kept. */
static void test_endless(void **state)
{
    static char text[10000];
    memset(text, 'x', sizeof text - 1);
    memcpy(text, "HTTP/1.1 200 OK\r\n\r\n", strlen("HTTP/1.1 200 OK\r\n\r\n"));
    world.server.script[0] = text;
    world.server.is_endless = true;
    begin();
    expect_failure("its answer is too long");
    assert_int_equal(world.server.count, 1);
}

static void test_silent(void **state)
{
    set("sasl.login.connect.timeout.ms", "50");
    set("sasl.login.read.timeout.ms", "50");
    begin();
    expect_failure("imeout");
}

static void *stop_it(void *ctx)
{
    while (world.server.count == 0) {
        usleep(1000);
    }
    oauth_stop(&world.oauth);
    return NULL;
}

/* Who closes the client does not wait for a server that says nothing. */
static void test_stopped(void **state)
{
    pthread_t t;
    begin();
    assert_int_equal(pthread_create(&t, NULL, stop_it, NULL), 0);
    expect_failure("");
    pthread_join(t, NULL);
}

static void test_extensions(void **state)
{
    struct jaas_option options[] = {{STR("clientId"), STR("a")},
                                    {STR("extension_pool"), STR("7")},
                                    {STR("extension_x"), STR("y")}};
    struct jaas_module m = {.options = options, .count = 3};
    struct sasl_extension got[2];
    begin();
    assert_int_equal(oauth_extensions(&m, got, 2), 2);
    assert_true(str_eq(got[0].name, STR("pool")));
    assert_true(str_eq(got[1].value, STR("y")));
    assert_int_equal(oauth_extensions(&m, got, 1), 1);
}

#define SCENE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(test_request),       SCENE(test_refresh), SCENE(test_window), SCENE(test_jwt),
        SCENE(test_refresh_fails), SCENE(test_refused), SCENE(test_passes), SCENE(test_gives_up),
        SCENE(test_nonsense),      SCENE(test_endless), SCENE(test_silent), SCENE(test_stopped),
        SCENE(test_extensions),
    };
    unsetenv("http_proxy");
    unsetenv("HTTP_PROXY");
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
