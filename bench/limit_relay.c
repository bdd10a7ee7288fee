/* The limit of P8: pieces that come due at a steady rate on one connection go to a file and to the
 * reader that asked on another, and the delay counts from when a piece was due. Timers, cores,
 * sizes and the order of the calls are those of the load generator beside a broker, so what is
 * measured is what the machine adds: waking threads, and standing still. What is late goes out
 * together.
 *
 * The server is the calling thread, on one core; the client a thread on the other. */
#include "limit_relay.h"
#include "bench/delay.h"
#include "loopback.h"

#include "base/attr.h"
#include "base/crc.h"
#include "base/mem.h"
#include "plat/thread.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PRODUCER,
    READER,
    CONNS,
    ASK_BYTES = 100,
    ACK_BYTES = 50,
    BUFFER_BYTES = 1 << 20,
    LATE_MAX = 64, /* pieces that go out together */
    WINDOW = 5,
    TIMER_SLACK_NS = 1000,
};

struct relay {
    const struct relay_load *load;
    int port;
};

static void watch(int ep, int fd, uint32_t index)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = index};
    must(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0, "epoll");
}

static void send_all(int fd, const uint8_t *p, size_t len)
{
    must(send(fd, p, len, MSG_NOSIGNAL) == (ssize_t)len, "send");
}

/* --- the client --- */

struct client {
    const struct relay_load *load;
    int fds[CONNS];
    int64_t sent, acked, read; /* pieces */
    int in_flight;             /* sends that are not acknowledged */
    int64_t ends[WINDOW];      /* of those: the piece after the last, oldest first */
    size_t read_bytes;
    double begin_s;
    struct delays delays;
    uint8_t *buffer;
};

static double due_s(const struct client *c, int64_t piece)
{
    return c->begin_s + (double)piece / c->load->rate;
}

static int64_t total(const struct client *c)
{
    return (int64_t)(c->load->rate * (c->load->seconds + c->load->settle_s));
}

static void send_due(struct client *c)
{
    int64_t due = (int64_t)((now_s(CLOCK_MONOTONIC) - c->begin_s) * c->load->rate) + 1;
    int64_t n = MIN(MIN(due, total(c)) - c->sent, LATE_MAX);
    if (n > 0 && c->in_flight < WINDOW) {
        send_all(c->fds[PRODUCER], c->buffer, (size_t)n * c->load->piece_bytes);
        c->sent += n;
        c->ends[c->in_flight++] = c->sent;
    }
}

static void take_acks(struct client *c)
{
    uint8_t acks[WINDOW * LATE_MAX * ACK_BYTES];
    ssize_t n = recv(c->fds[PRODUCER], acks, sizeof acks, 0);
    must(n > 0 && n % ACK_BYTES == 0, "recv of acknowledgements");
    c->acked += n / ACK_BYTES;
    while (c->in_flight > 0 && c->ends[0] <= c->acked) {
        c->in_flight--;
        memmove(c->ends, c->ends + 1, (size_t)c->in_flight * sizeof *c->ends);
    }
}

static void take_pieces(struct client *c)
{
    ssize_t n = recv(c->fds[READER], c->buffer, BUFFER_BYTES, 0);
    double at_s = now_s(CLOCK_MONOTONIC);
    must(n > 0, "recv of pieces");
    c->read_bytes += (size_t)n;
    for (; c->read_bytes >= c->load->piece_bytes; c->read_bytes -= c->load->piece_bytes) {
        if ((double)c->read / c->load->rate >= c->load->settle_s) {
            delays_add(&c->delays, at_s - due_s(c, c->read));
        }
        c->read++;
    }
    send_all(c->fds[READER], c->buffer, ASK_BYTES);
}

static void wait_turn(struct client *c, int ep)
{
    struct epoll_event events[CONNS];
    bool may_send = c->sent < total(c) && c->in_flight < WINDOW;
    double left_s = may_send ? due_s(c, c->sent) - now_s(CLOCK_MONOTONIC) : 1;
    left_s = MAX(left_s, 0);
    struct timespec t = {.tv_sec = (time_t)left_s};
    t.tv_nsec = (long)((left_s - (double)t.tv_sec) * 1e9);
    int n = epoll_pwait2(ep, events, CONNS, &t, NULL);
    must(n >= 0, "epoll");
    for (int i = 0; i < n; i++) {
        (events[i].data.u32 == PRODUCER ? take_acks : take_pieces)(c);
    }
}

static void *client(void *ctx)
{
    const struct relay *r = ctx;
    struct client c = {.load = r->load, .buffer = mem_zalloc(BUFFER_BYTES)};
    int ep = epoll_create1(0);
    pin(RELAY_CLIENT_CPU);
    (void)prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
    thread_be_prompt();
    for (uint32_t i = 0; i < CONNS; i++) {
        c.fds[i] = loopback_dial(r->port);
        watch(ep, c.fds[i], i);
    }
    send_all(c.fds[READER], c.buffer, ASK_BYTES);
    c.begin_s = now_s(CLOCK_MONOTONIC);
    while (c.read < total(&c)) {
        wait_turn(&c, ep);
        send_due(&c);
    }
    close(c.fds[PRODUCER]);
    close(c.fds[READER]);
    close(ep);
    delays_print(&c.delays, "read");
    mem_free(c.delays.us);
    mem_free(c.buffer);
    return NULL;
}

/* --- the server --- */

struct server {
    const struct relay_load *load;
    int fds[CONNS];
    uint8_t *buffer;
    size_t piece_got; /* bytes of a piece that came in part */
    off_t stored, read;
    bool is_asked;
    uint32_t crc;
};

static void give(struct server *s)
{
    size_t n = MIN((size_t)(s->stored - s->read), (size_t)BUFFER_BYTES);
    if (s->is_asked && n > 0) {
        must(pread(s->load->file, s->buffer, n, s->read) == (ssize_t)n, "pread");
        send_all(s->fds[READER], s->buffer, n);
        s->read += (off_t)n;
        s->is_asked = false;
    }
}

static bool take(struct server *s)
{
    static const uint8_t acks[ACK_BYTES * BUFFER_BYTES / 1024];
    ssize_t n = recv(s->fds[PRODUCER], s->buffer, BUFFER_BYTES, 0);
    if (n <= 0) {
        return false;
    }
    s->crc = crc32c(s->crc, s->buffer, (size_t)n);
    must(pwrite(s->load->file, s->buffer, (size_t)n, s->stored) == n, "pwrite");
    s->stored += n;
    s->piece_got += (size_t)n;
    size_t whole = s->piece_got / s->load->piece_bytes;
    s->piece_got %= s->load->piece_bytes;
    if (whole > 0) {
        send_all(s->fds[PRODUCER], acks, MIN(whole * ACK_BYTES, sizeof acks));
    }
    return true;
}

static void serve(struct server *s, int ep)
{
    uint8_t ask[ASK_BYTES];
    struct epoll_event events[CONNS];
    for (bool is_open = true; is_open;) {
        int n = epoll_wait(ep, events, CONNS, 1000);
        for (int i = 0; i < n; i++) {
            if (events[i].data.u32 == PRODUCER) {
                is_open = take(s) && is_open;
            } else if (recv(s->fds[READER], ask, sizeof ask, 0) > 0) {
                s->is_asked = true;
            }
        }
        if (is_open) {
            give(s);
        }
    }
}

void relay_run(const struct relay_load *load)
{
    struct relay r = {.load = load};
    struct server s = {.load = load, .buffer = mem_alloc(BUFFER_BYTES)};
    pthread_t t;
    int ep = epoll_create1(0), listen_fd = loopback_listen(&r.port);
    printf("{\"pieces\": %.0f", load->rate * (load->seconds + load->settle_s));
    must(pthread_create(&t, NULL, client, &r) == 0, "thread");
    pin(RELAY_SERVER_CPU);
    thread_be_prompt();
    for (uint32_t i = 0; i < CONNS; i++) {
        s.fds[i] = loopback_accept(listen_fd);
        watch(ep, s.fds[i], i);
    }
    double begin_cpu_s = now_s(CLOCK_THREAD_CPUTIME_ID);
    serve(&s, ep);
    double cpu_s = now_s(CLOCK_THREAD_CPUTIME_ID) - begin_cpu_s;
    pthread_join(t, NULL);
    printf(", \"bytes\": %.0f, \"cpu_s\": %.6f}\n", (double)s.stored, cpu_s);
    mem_free(s.buffer);
}
