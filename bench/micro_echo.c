/* What a connection costs over bare epoll: echoes of small frames, and a sink of large ones, each
 * beside the same work by recv and send alone, in turn, in one process. A generator on the other
 * core loads both alike. The figure that counts is the server thread's CPU time for each request or
 * gigabyte: it holds when the generator is the slower side or the machine is shared.
 *
 *   micro_echo [seconds per round] [rounds] */
#include "loopback.h"

#include "base/assert.h"
#include "base/endian.h"
#include "base/mem.h"
#include "net/conn.h"
#include "plat/thread.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNS_MAX = 64, BUFFER = 256 * 1024, ACK_BYTES = 50, ROUNDS_MAX = 99 };

struct workload {
    const char *name;
    size_t frame_bytes; /* with its length */
    int conn_count;
    bool is_sink; /* answers are short and nobody waits for them */
};

struct result {
    double per_second; /* requests */
    double cpu_us;     /* of the server, for each request */
};

static struct workload load;
static atomic_bool stop;
static atomic_uint_fast64_t served;

/* --- the generator --- */

static void ask(int fd, const uint8_t *frame)
{
    must(send(fd, frame, load.frame_bytes, MSG_NOSIGNAL) == (ssize_t)load.frame_bytes, "send");
}

/* Each answer that is whole makes the next request. */
static void generate_echo(const int *fds, const uint8_t *frame)
{
    static uint8_t in[BUFFER];
    struct epoll_event events[CONNS_MAX];
    size_t got[CONNS_MAX] = {0};
    int ep = epoll_create1(0);
    for (int i = 0; i < load.conn_count; i++) {
        struct epoll_event ev = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &ev);
        ask(fds[i], frame);
    }
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        int n = epoll_wait(ep, events, CONNS_MAX, 10);
        for (int i = 0; i < n; i++) {
            uint32_t at = events[i].data.u32;
            ssize_t len = recv(fds[at], in, sizeof in, 0);
            must(len > 0, "recv");
            got[at] += (size_t)len;
            if (got[at] == load.frame_bytes) {
                got[at] = 0;
                ask(fds[at], frame);
            }
        }
    }
    close(ep);
}

static void generate_flood(const int *fds, const uint8_t *frames, size_t len)
{
    static uint8_t in[BUFFER];
    size_t sent[CONNS_MAX] = {0};
    struct epoll_event events[CONNS_MAX];
    int ep = epoll_create1(0);
    for (int i = 0; i < load.conn_count; i++) {
        struct epoll_event ev = {.events = EPOLLOUT | EPOLLIN, .data.u32 = (uint32_t)i};
        epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &ev);
    }
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        int n = epoll_wait(ep, events, CONNS_MAX, 10);
        for (int i = 0; i < n; i++) {
            uint32_t at = events[i].data.u32;
            if (events[i].events & EPOLLIN) {
                (void)recv(fds[at], in, sizeof in, MSG_DONTWAIT);
            }
            ssize_t k =
                send(fds[at], frames + sent[at], len - sent[at], MSG_NOSIGNAL | MSG_DONTWAIT);
            sent[at] = k > 0 ? (sent[at] + (size_t)k) % len : sent[at];
        }
    }
    close(ep);
}

static void generate(void *ctx)
{
    int port = *(int *)ctx;
    int fds[CONNS_MAX];
    size_t count = load.is_sink ? 4 * 1024 * 1024 / load.frame_bytes : 1;
    uint8_t *frames = mem_zalloc(count * load.frame_bytes);
    pin(1);
    for (size_t i = 0; i < count; i++) {
        be32_put(frames + i * load.frame_bytes, (uint32_t)load.frame_bytes - 4);
    }
    for (int i = 0; i < load.conn_count; i++) {
        fds[i] = loopback_dial(port);
    }
    if (load.is_sink) {
        generate_flood(fds, frames, count * load.frame_bytes);
    } else {
        generate_echo(fds, frames);
    }
    for (int i = 0; i < load.conn_count; i++) {
        close(fds[i]);
    }
    mem_free(frames);
}

/* --- the bare server --- */

static void bare_accept(int ep, int listen_fd)
{
    int fd = loopback_accept(listen_fd);
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
}

/* An echo gives back what came; a sink answers by the bytes alone and does not look at frames. */
static void bare_turn(int fd, uint8_t *buffer, size_t *left)
{
    ssize_t n = recv(fd, buffer, BUFFER, 0);
    if (n <= 0) {
        close(fd);
        return;
    }
    if (!load.is_sink) {
        must(send(fd, buffer, (size_t)n, MSG_NOSIGNAL) == n, "send");
        atomic_fetch_add_explicit(&served, 1, memory_order_relaxed);
        return;
    }
    *left += (size_t)n;
    size_t frames = *left / load.frame_bytes;
    *left %= load.frame_bytes;
    if (frames > 0) {
        (void)send(fd, buffer, MIN(frames * ACK_BYTES, BUFFER), MSG_NOSIGNAL);
        atomic_fetch_add_explicit(&served, frames, memory_order_relaxed);
    }
}

struct server {
    int port;
    int listen_fd;
    struct loop *loop;
    struct listener *listener;
    struct conn_config config;
    double cpu_s;
};

static void bare_serve(void *ctx)
{
    struct server *s = ctx;
    static size_t left[1 << 16];
    struct epoll_event events[CONNS_MAX];
    uint8_t *buffer = mem_alloc(BUFFER);
    pin(0);
    int ep = epoll_create1(0);
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = s->listen_fd};
    epoll_ctl(ep, EPOLL_CTL_ADD, s->listen_fd, &ev);
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        int n = epoll_wait(ep, events, CONNS_MAX, 10);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == s->listen_fd) {
                bare_accept(ep, fd);
            } else {
                bare_turn(fd, buffer, &left[fd]);
            }
        }
    }
    s->cpu_s = now_s(CLOCK_THREAD_CPUTIME_ID);
    close(ep);
    mem_free(buffer);
}

/* --- the server of connections --- */

static enum conn_next on_frame(struct conn *c, uint8_t *frame, size_t len)
{
    struct reply *r = conn_reply_begin(c);
    struct sendvec v;
    size_t n = load.is_sink ? ACK_BYTES - 4 : len;
    uint8_t *copy = mem_alloc(n);
    memcpy(copy, frame, n);
    sendvec_init(&v);
    sendvec_add_bytes(&v, (struct bytes){copy, n}, copy);
    reply_send(r, &v);
    atomic_fetch_add_explicit(&served, 1, memory_order_relaxed);
    return CONN_CONTINUE;
}

static void on_accept(void *ctx, struct sock *sock)
{
    struct server *s = ctx;
    struct conn *c;
    must(conn_open(s->loop, sock, &s->config, &c) == OK, "conn_open");
}

static void conn_serve(void *ctx)
{
    struct server *s = ctx;
    pin(0);
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        loop_step(s->loop, 10000000);
    }
    s->cpu_s = now_s(CLOCK_THREAD_CPUTIME_ID);
}

static void open_conn_server(struct server *s)
{
    static const struct conn_handler handler = {.on_frame = on_frame};
    s->config = (struct conn_config){&handler,    s,          100 * 1024 * 1024,
                                     1024 * 1024, 600 * 1000, net_budget_new(256 * 1024 * 1024)};
    must(loop_new(net_posix(), clock_system(), &s->loop) == OK, "loop_new");
    must(listener_open(s->loop, "127.0.0.1", 0, on_accept, s, &s->listener) == OK, "listen");
    s->port = listener_port(s->listener);
}

static void close_conn_server(struct server *s)
{
    conn_close_all(s->loop);
    listener_close(s->listener);
    loop_free(s->loop);
    net_budget_free(s->config.budget);
}

/* --- rounds --- */

static struct result round_of(bool is_bare, double seconds)
{
    struct server s = {0};
    struct thread server, generator;
    atomic_store(&stop, false);
    atomic_store(&served, 0);
    if (is_bare) {
        s.listen_fd = loopback_listen(&s.port);
    } else {
        open_conn_server(&s);
    }
    double start_s = now_s(CLOCK_MONOTONIC);
    must(thread_start(&server, "server", is_bare ? bare_serve : conn_serve, &s) == OK, "thread");
    must(thread_start(&generator, "generator", generate, &s.port) == OK, "thread");
    usleep((useconds_t)(seconds * 1e6));
    atomic_store(&stop, true);
    double took_s = now_s(CLOCK_MONOTONIC) - start_s;
    double count = (double)atomic_load(&served);
    thread_join(&server);
    thread_join(&generator);
    if (is_bare) {
        close(s.listen_fd);
    } else {
        close_conn_server(&s);
    }
    return (struct result){count / took_s, s.cpu_s * 1e6 / count};
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, by_value);
    return values[count / 2];
}

static void print(const char *who, double per_second, double cpu_us)
{
    if (load.is_sink) {
        printf("  %-5s %8.0f MB/s   %6.3f cpu-s/GB\n", who,
               per_second * (double)load.frame_bytes / 1e6,
               cpu_us * 1e3 / (double)load.frame_bytes);
    } else {
        printf("  %-5s %8.0f echo/s %6.2f us cpu each\n", who, per_second, cpu_us);
    }
}

static void run(double seconds, int rounds)
{
    double rate[2][ROUNDS_MAX], cpu[2][ROUNDS_MAX], ratio[ROUNDS_MAX];
    printf("%s\n", load.name);
    for (int i = 0; i < rounds; i++) {
        for (int k = 0; k < 2; k++) {
            bool is_bare = (i + k) % 2 == 0;
            struct result r = round_of(is_bare, seconds);
            rate[is_bare][i] = r.per_second;
            cpu[is_bare][i] = r.cpu_us;
        }
        ratio[i] = cpu[1][i] / cpu[0][i];
    }
    print("bare", median(rate[1], rounds), median(cpu[1], rounds));
    print("conn", median(rate[0], rounds), median(cpu[0], rounds));
    printf("  a connection does %.0f %% of bare epoll for the same CPU time\n",
           100 * median(ratio, rounds));
}

int main(int argc, char **argv)
{
    static const struct workload loads[] = {
        {"echo of 100 B frames, 64 connections, one request each", 104, 64, false},
        {"sink of 64 KiB frames, 4 connections", 65536 + 104, 4, true},
        {"sink of 1 MiB frames, 4 connections", 1048576 + 104, 4, true},
    };
    double seconds = argc > 1 ? atof(argv[1]) : 1;
    int rounds = argc > 2 ? atoi(argv[2]) : 5;
    for (size_t i = 0; i < ARRAY_LEN(loads); i++) {
        load = loads[i];
        run(seconds, MIN(MAX(rounds, 1), ROUNDS_MAX));
    }
    return 0;
}
