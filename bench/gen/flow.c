/* Requests on many connections, a window of them on each, from one thread. Requests are lists of
 * memory that is sent where it lies; responses are handed out where they were received. */
#include "gen.h"

#include "base/endian.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IN_MIN_BYTES = 1280 * 1024, EVENTS_MAX = 64, FRAME_MAX_BYTES = 128 << 20, SILENCE_S = 60 };

bool flow_is_late(const struct flow *f) { return f->deadline_s > 0 && mono_s() >= f->deadline_s; }

static void add(struct flow_conn *c, const uint8_t *p, size_t len)
{
    if (len > 0) {
        c->iov[c->iov_count++] = (struct iovec){(void *)(uintptr_t)p, len};
    }
}

void flow_put_spliced(struct flow_conn *c, const struct buf *out, const struct wire_splices *s)
{
    size_t at = 0;
    c->iov_count = 0;
    for (size_t i = 0; s != NULL && i < s->count; i++) {
        const struct buf *b = s->items[i].ref;
        add(c, out->p + at, s->items[i].at - at);
        add(c, b->p, b->len);
        at = s->items[i].at;
    }
    add(c, out->p + at, out->len - at);
}

void flow_put(struct flow_conn *c, const struct buf *out) { flow_put_spliced(c, out, NULL); }

static bool may_ask(struct flow *f, struct flow_conn *c)
{
    if (c->is_done || c->in_flight >= f->options->window) {
        return false;
    }
    enum flow_ask what = f->ask(f, c);
    c->is_done = what == FLOW_DONE;
    if (what != FLOW_ASKED) {
        return false;
    }
    c->iov_at = 0;
    c->next_correlation_id++;
    c->in_flight++;
    f->requests++;
    return true;
}

static void advance(struct flow_conn *c, size_t n)
{
    while (n > 0) {
        struct iovec *v = &c->iov[c->iov_at];
        size_t k = MIN(n, v->iov_len);
        v->iov_base = (uint8_t *)v->iov_base + k;
        v->iov_len -= k;
        n -= k;
        c->iov_at += v->iov_len == 0;
    }
}

/* Sends as long as the socket takes it and the window is open. */
static void push(struct flow *f, struct flow_conn *c)
{
    c->is_blocked = false;
    while (c->iov_at < c->iov_count || may_ask(f, c)) {
        struct msghdr m = {.msg_iov = c->iov + c->iov_at,
                           .msg_iovlen = (size_t)(c->iov_count - c->iov_at)};
        ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) {
            c->is_blocked = true;
            return;
        }
        if (n < 0) {
            die("send: %s", strerror(errno));
        }
        f->bytes_out += n;
        advance(c, (size_t)n);
    }
}

static void grow(struct flow_conn *c, size_t cap)
{
    if (cap > FRAME_MAX_BYTES) {
        die("a response of %zu bytes", cap);
    }
    c->in = mem_realloc_array(c->in, cap, 1);
    c->in_cap = cap;
}

/* Hands out whole responses; what is left moves to the front, with room for all of it. */
static void hand_out(struct flow *f, struct flow_conn *c)
{
    size_t at = 0, need = 4;
    while (c->in_len - at >= 4) {
        size_t size = be32_get(c->in + at);
        if (c->in_len - at - 4 < size) {
            need = size + 4;
            break;
        }
        if (size < 4 || (int32_t)be32_get(c->in + at + 4) != c->next_answer) {
            die("a response out of turn");
        }
        f->answer(f, c, (struct bytes){c->in + at + 4, size});
        c->next_answer++;
        c->in_flight--;
        at += size + 4;
    }
    c->in_len -= at;
    memmove(c->in, c->in + at, c->in_len);
    if (need > c->in_cap) {
        grow(c, need);
    }
}

/* False: nothing more is there. */
static bool pull(struct flow *f, struct flow_conn *c)
{
    size_t room = c->in_cap - c->in_len;
    ssize_t n = recv(c->fd, c->in + c->in_len, room, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) {
        return false;
    }
    if (n <= 0) {
        die("recv: %s", n < 0 ? strerror(errno) : "the broker closed the connection");
    }
    c->in_len += (size_t)n;
    f->bytes_in += n;
    hand_out(f, c);
    return (size_t)n == room;
}

static void conn_init(struct flow *f, int i, int ep)
{
    struct flow_conn *c = &f->conns[i];
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    c->index = i;
    c->fd = dial(f->options->host, f->options->port);
    if (c->fd < 0) {
        die("cannot connect to %s:%d", f->options->host, f->options->port);
    }
    grow(c, IN_MIN_BYTES);
    if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev) != 0) {
        die("epoll: %s", strerror(errno));
    }
}

static bool is_over(const struct flow *f)
{
    for (int i = 0; i < f->options->conns; i++) {
        if (!f->conns[i].is_done || f->conns[i].in_flight > 0) {
            return false;
        }
    }
    return true;
}

/* epoll tells of changes only: a read that fills its room is followed by another. */
static void turn(struct flow *f, struct flow_conn *c, unsigned events)
{
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        while (pull(f, c)) {
        }
    }
    if (!c->is_blocked || (events & EPOLLOUT)) {
        push(f, c);
    }
}

/* Events, or the time at which somebody wants to be asked again. */
static int wait_events(const struct flow *f, int ep, struct epoll_event *events)
{
    double left_s = f->next_s > 0 ? f->next_s - mono_s() : SILENCE_S;
    left_s = MAX(left_s, 0);
    struct timespec t = {.tv_sec = (time_t)left_s};
    t.tv_nsec = (long)((left_s - (double)t.tv_sec) * 1e9);
    int n = epoll_pwait2(ep, events, EVENTS_MAX, &t, NULL);
    if (n < 0) {
        die("epoll: %s", strerror(errno));
    }
    if (n == 0 && f->next_s <= 0) {
        die("the broker is silent");
    }
    return n;
}

static void ask_again(struct flow *f)
{
    f->next_s = 0;
    for (int i = 0; i < f->options->conns; i++) {
        if (!f->conns[i].is_blocked) {
            push(f, &f->conns[i]);
        }
    }
}

void flow_run(struct flow *f)
{
    struct epoll_event events[EVENTS_MAX];
    int ep = epoll_create1(EPOLL_CLOEXEC);
    f->conns = mem_zalloc(sizeof *f->conns * (size_t)f->options->conns);
    for (int i = 0; i < f->options->conns; i++) {
        conn_init(f, i, ep);
    }
    if (f->options->seconds > 0) {
        f->deadline_s = mono_s() + f->options->seconds;
    }
    for (int i = 0; i < f->options->conns; i++) {
        push(f, &f->conns[i]);
    }
    while (!is_over(f)) {
        int n = wait_events(f, ep, events);
        for (int i = 0; i < n; i++) {
            turn(f, events[i].data.ptr, events[i].events);
        }
        if (f->next_s > 0 && mono_s() >= f->next_s) {
            ask_again(f);
        }
    }
    close(ep);
}
