/* The machine's own sockets and poller under the same loop and connections: what the network in
 * memory cannot show. Loopback only, no sleeps: both ends are driven by loop_step. */
#include "test.h"

#include "base/buf.h"
#include "base/diag.h"
#include "base/mem.h"
#include "net/conn.h"
#include "plat/thread.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MiB = 1024 * 1024 };

/* A server and a client in one loop. The server echoes; the client collects. */
static struct loop *loop;
static struct listener *listener;
static struct conn_config server_config, client_config;
static struct conn *server_conn;
static int opened, closed, received;
static uint64_t received_bytes, received_hash;
static enum err close_reason;
static int file_fd = -1;

static void on_open(struct conn *c) { opened++; }

static void on_close(struct conn *c)
{
    closed++;
    close_reason = conn_close_reason(c);
}

static int file_of(void *ref) { return file_fd; }
static void file_done(void *ref) {}
static enum err file_pread(void *ref, uint64_t pos, void *p, size_t len) { return ERR_IO; }

static enum conn_next on_request(struct conn *c, uint8_t *frame, size_t len)
{
    static const struct extent_ops ops = {file_of, file_pread, file_done};
    struct reply *r = conn_reply_begin(c);
    struct sendvec v;
    uint8_t *copy = mem_alloc(len);
    memcpy(copy, frame, len);
    sendvec_init(&v);
    sendvec_add_bytes(&v, (struct bytes){copy, len}, copy);
    if (file_fd >= 0) {
        sendvec_add_extent(&v, &ops, NULL, 3, 20 * MiB);
        sendvec_add_bytes(&v, (struct bytes){(const uint8_t *)"end", 3}, NULL);
    }
    reply_send(r, &v);
    return CONN_CONTINUE;
}

static enum conn_next on_response(struct conn *c, uint8_t *frame, size_t len)
{
    received++;
    received_bytes += len;
    received_hash = str_hash((struct str){(char *)frame, len}, received_hash);
    return CONN_CONTINUE;
}

static const struct conn_handler server_handler = {
    .on_open = on_open, .on_frame = on_request, .on_close = on_close};
static const struct conn_handler client_handler = {
    .on_open = on_open, .on_frame = on_response, .on_close = on_close};

static void on_accept(void *ctx, struct sock *s)
{
    assert_ok(conn_open(loop, s, &server_config, &server_conn));
}

static int set_up(void **state)
{
    opened = closed = received = 0;
    received_bytes = received_hash = 0;
    server_config = (struct conn_config){&server_handler, NULL, 100 * MiB, MiB, 0, NULL};
    client_config = (struct conn_config){&client_handler, NULL, 100 * MiB, MiB, 0, NULL};
    assert_ok(loop_new(net_posix(), clock_system(), &loop));
    assert_ok(listener_open(loop, "127.0.0.1", 0, on_accept, NULL, &listener));
    return 0;
}

static int tear_down(void **state)
{
    conn_close_all(loop);
    listener_close(listener);
    loop_free(loop);
    return 0;
}

static struct conn *connect_one(void)
{
    struct conn *c;
    assert_ok(conn_connect(loop, "127.0.0.1", listener_port(listener), &client_config, &c));
    return c;
}

static void send_text(struct conn *c, const char *text)
{
    struct sendvec v;
    sendvec_init(&v);
    sendvec_add_bytes(&v, (struct bytes){(const uint8_t *)text, strlen(text)}, NULL);
    conn_send(c, &v);
}

/* Ten seconds without the expected are a failure. */
static void step(void)
{
    int64_t before_ms = clock_mono_ms(clock_system());
    if (loop_step(loop, 10000000000) == 0) {
        assert_true(clock_mono_ms(clock_system()) - before_ms < 9000);
    }
}

static void a_client_and_a_server_talk(void **state)
{
    struct conn *c = connect_one();
    send_text(c, "sent before it is connected");
    send_text(c, "so is this");
    while (received < 2) {
        step();
    }
    assert_int_equal(opened, 2);
    assert_int_equal(received_bytes, 27 + 10);
    assert_memory_equal(conn_peer(server_conn), "127.0.0.1:", 10);
    conn_close(c);
    while (closed < 2) {
        step();
    }
    assert_err(ERR_CLOSED, close_reason);
}

static void big_frames_pass_both_ways(void **state)
{
    struct conn *c = connect_one();
    uint64_t want = 0;
    for (int i = 0; i < 3; i++) {
        size_t len = (size_t)(i + 1) * 5 * MiB + (size_t)i;
        uint8_t *p = mem_alloc(len);
        for (size_t k = 0; k < len; k++) {
            p[k] = (uint8_t)(k * 31 + (k >> 13));
        }
        want = str_hash((struct str){(char *)p, len}, want);
        struct sendvec v;
        sendvec_init(&v);
        sendvec_add_bytes(&v, (struct bytes){p, len}, p);
        conn_send(c, &v);
    }
    while (received < 3) {
        step();
    }
    assert_true(received_hash == want);
}

static void a_file_is_sent_between_bytes(void **state)
{
    char path[] = "/tmp/ottla-test-net-XXXXXX";
    file_fd = mkstemp(path);
    unlink(path);
    size_t len = 20 * MiB;
    struct buf b = BUF_INIT;
    buf_put(&b, "name", 4);
    uint8_t *p = buf_extend(&b, len);
    for (size_t k = 0; k < len; k++) {
        p[k] = (uint8_t)(k * 7 + (k >> 9));
    }
    buf_put(&b, "end", 3);
    assert_int_equal(pwrite(file_fd, b.p + 4, len, 3), len);
    send_text(connect_one(), "name");
    while (received < 1) {
        step();
    }
    assert_true(received_hash == str_hash(buf_str(&b), 0));
    buf_deinit(&b);
    close(file_fd);
    file_fd = -1;
}

static void a_refused_connection_is_told_as_closed(void **state)
{
    struct sock *s;
    struct conn *c;
    assert_ok(net_listen(net_posix(), "127.0.0.1", 0, &s));
    int port = sock_local_port(s);
    struct sock *second;
    assert_err(ERR_LOCKED, net_listen(net_posix(), "127.0.0.1", port, &second));
    sock_close(s);
    assert_ok(conn_connect(loop, "127.0.0.1", port, &client_config, &c));
    while (closed < 1) {
        step();
    }
    assert_int_equal(opened, 0);
    assert_err(ERR_CLOSED, close_reason);
    assert_err(ERR_NOT_FOUND, conn_connect(loop, "no address", 1, &client_config, &c));
}

static void all_addresses_are_served(void **state)
{
    static const char *const hosts[] = {"", "0.0.0.0", "localhost"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct listener *l;
        struct conn *c;
        assert_ok(listener_open(loop, hosts[i], 0, on_accept, NULL, &l));
        int port = listener_port(l);
        assert_true(port > 0);
        assert_ok(conn_connect(loop, "127.0.0.1", port, &client_config, &c));
        if (i == 0) {
            assert_ok(conn_connect(loop, "::1", port, &client_config, &c));
        }
        int want = opened + (i == 0 ? 4 : 2);
        while (opened < want) {
            step();
        }
        listener_close(l);
    }
    struct listener *l;
    assert_err(ERR_NOT_FOUND, listener_open(loop, "192.0.2.1", 0, on_accept, NULL, &l));
}

static void names_become_addresses(void **state)
{
    char names[8][NET_NAME_MAX];
    assert_int_equal(net_resolve(net_posix(), "127.0.0.1", names, 8), 1);
    assert_string_equal(names[0], "127.0.0.1");
    assert_true(net_resolve(net_posix(), "localhost", names, 8) >= 1);
    assert_string_equal(names[0], "127.0.0.1"); /* IPv4 first */
    assert_int_equal(net_resolve(net_posix(), "no such host", names, 8), 0);
}

static int line_count;

static void count_line(void *ctx, enum diag_level level, const char *area, const char *text)
{
    line_count++;
}

static void without_descriptors_peers_are_turned_away(void **state)
{
    enum { PEERS = 20 };
    struct rlimit old, low;
    struct conn *c;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    diag_set_sink(count_line, NULL);
    for (int i = 0; i < PEERS; i++) {
        assert_ok(conn_connect(loop, "127.0.0.1", listener_port(listener), &client_config, &c));
    }
    low = old;
    int next = dup(0); /* every number below it is in use */
    close(next);
    low.rlim_cur = (rlim_t)next + 5;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    int64_t began_ms = clock_mono_ms(clock_system());
    while (closed < PEERS - 5) {
        step();
        assert_true(clock_mono_ms(clock_system()) - began_ms < 20000);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    diag_set_sink(NULL, NULL);
    assert_int_equal(opened, PEERS + 5); /* five were served */
    assert_in_range(line_count, 1, 2);
    received = 0;
    send_text(connect_one(), "service as before");
    while (received < 1) {
        step();
    }
}

/* --- many at once --- */

/* Connections that ask and are answered in the same steps; returns what they heard. */
static uint64_t talk_with_many(void)
{
    enum { MANY = 150 };
    struct conn *c[MANY];
    char text[32];
    for (int i = 0; i < MANY; i++) {
        c[i] = connect_one();
    }
    while (opened < 2 * MANY) {
        step();
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++) {
            snprintf(text, sizeof text, "%d of round %d", i, round);
            send_text(c[i], text);
        }
        while (received < (round + 1) * MANY) {
            step();
        }
    }
    return received_bytes;
}

static void many_are_answered_at_once(void **state)
{
    assert_int_equal(talk_with_many(), 3 * (150 * 11 + 10 + 2 * 90 + 3 * 50));
}

static void dial(struct sock **ret_near, struct sock **ret_far)
{
    struct sock *listening;
    enum err e;
    assert_ok(net_listen(net_posix(), "127.0.0.1", 0, &listening));
    assert_ok(net_connect(net_posix(), "127.0.0.1", sock_local_port(listening), ret_near));
    do {
        e = sock_accept(listening, ret_far);
    } while (e == ERR_AGAIN);
    assert_ok(e);
    sock_close(listening);
}

/* The outcome of each is its own: taken in part, not at all, by nobody. */
static void assert_outcomes(struct poller *p)
{
    enum { COUNT = 70, FULL = 3, DEAD = 66 };
    struct net_write writes[COUNT];
    struct sock *near[COUNT], *far[COUNT];
    uint8_t *large = mem_zalloc(64 * MiB);
    for (int i = 0; i < COUNT; i++) {
        dial(&near[i], &far[i]);
        bool is_full = i == FULL || i == FULL + 1;
        writes[i] = (struct net_write){.sock = near[i], .p = large, .len = is_full ? 64 * MiB : 9};
    }
    do {
        net_write_one(&writes[FULL + 1]);
    } while (writes[FULL + 1].err == OK);
    sock_close(far[DEAD]);
    net_write_one(&writes[DEAD]); /* its answer is a reset */
    poller_write_each(p, writes, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_err(i == DEAD ? ERR_CLOSED : i == FULL + 1 ? ERR_AGAIN : OK, writes[i].err);
        if (i == FULL) {
            assert_in_range(writes[i].n, 1, 64 * MiB - 1);
        } else {
            assert_int_equal(writes[i].n, writes[i].err ? 0 : 9);
        }
        sock_close(near[i]);
        sock_close(i != DEAD ? far[i] : NULL);
    }
    mem_free(large);
}

static void each_of_many_writes_has_its_own_outcome(void **state)
{
    struct poller *p;
    assert_ok(net_poller_new(net_posix(), &p));
    assert_outcomes(p);
    assert_outcomes(p);
    poller_free(p);
}

/* As where the kernel has no ring for us. */
static void without_a_ring_they_are_written_one_by_one(void **state)
{
    struct rlimit old, low;
    struct poller *p;
    struct net_write writes[4];
    struct sock *near[4], *far[4];
    assert_ok(net_poller_new(net_posix(), &p));
    for (int i = 0; i < 4; i++) {
        dial(&near[i], &far[i]);
        writes[i] = (struct net_write){.sock = near[i], .p = "abc", .len = 3};
    }
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    poller_write_each(p, writes, 4);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    poller_write_each(p, writes, 4);
    for (int i = 0; i < 4; i++) {
        char text[8];
        struct iovec iov = {text, sizeof text};
        size_t n;
        assert_ok(writes[i].err);
        assert_ok(sock_readv(far[i], &iov, 1, &n));
        assert_int_equal(n, 6);
        assert_memory_equal(text, "abcabc", 6);
        sock_close(near[i]);
        sock_close(far[i]);
    }
    poller_free(p);
}

/* --- two threads --- */

struct ball {
    struct mail mail;
    struct loop *loops[2];
    int at;
    int left;
};

static void hit(struct mail *m)
{
    struct ball *b = CONTAINER_OF(m, struct ball, mail);
    if (b->left-- == 0) {
        loop_stop(b->loops[0]);
        loop_stop(b->loops[1]);
        return;
    }
    b->at ^= 1;
    loop_post(b->loops[b->at], m);
}

static void run_loop(void *ctx) { loop_run(ctx); }

static void mail_wakes_a_loop_that_sleeps(void **state)
{
    struct loop *other;
    struct thread t;
    assert_ok(loop_new(net_posix(), clock_system(), &other));
    struct ball b = {.mail = {.fn = hit}, .loops = {loop, other}, .left = 20000};
    assert_ok(thread_start(&t, "other", run_loop, other));
    loop_post(other, &b.mail);
    loop_run(loop);
    thread_join(&t);
    loop_free(other);
    assert_int_equal(b.left, -1);
}

/* Takes the socket apart. */
static void assert_reno(struct sock *s)
{
    struct sockaddr_storage peer;
    unsigned peer_len;
    char name[16] = "";
    socklen_t len = sizeof name;
    int fd = sock_release(s, &peer, &peer_len);
    assert_true(fd >= 0);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
    assert_string_equal(name, "reno");
    close(fd);
}

static void loopback_is_not_paced(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "::1"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct sock *listening, *client, *server;
        if (net_listen(net_posix(), hosts[i], 0, &listening) != OK) {
            continue; /* a machine without IPv6 */
        }
        assert_ok(net_connect(net_posix(), hosts[i], sock_local_port(listening), &client));
        enum err e;
        do {
            e = sock_accept(listening, &server);
        } while (e == ERR_AGAIN);
        assert_ok(e);
        assert_reno(client);
        assert_reno(server);
        sock_close(listening);
    }
}

static void rung(struct timer *t) { received++; }

static void a_loop_sleeps_until_the_next_timer(void **state)
{
    struct timer t = {.fn = rung};
    int64_t start_ms = loop_now_ms(loop);
    loop_timer_set(loop, &t, start_ms + 20);
    int steps = 0;
    while (received == 0) {
        loop_step(loop, -1);
        steps++;
    }
    assert_in_range(steps, 1, 4);
    assert_true(loop_now_ms(loop) >= start_ms + 20);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_client_and_a_server_talk),
        T(big_frames_pass_both_ways),
        T(a_file_is_sent_between_bytes),
        T(a_refused_connection_is_told_as_closed),
        T(all_addresses_are_served),
        T(names_become_addresses),
        T(without_descriptors_peers_are_turned_away),
        T(many_are_answered_at_once),
        T(each_of_many_writes_has_its_own_outcome),
        T(without_a_ring_they_are_written_one_by_one),
        T(loopback_is_not_paced),
        T(mail_wakes_a_loop_that_sleeps),
        T(a_loop_sleeps_until_the_next_timer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
