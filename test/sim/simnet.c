/* The network in memory. One thread. */
#include "simnet.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/mem.h"

#include <stdio.h>
#include <unistd.h>

struct sim_sock {
    struct sock sock;
    struct simnet *net;
    struct list_node node; /* listeners: of the net; streams in a backlog: of it */
    struct list backlog;   /* of a listener */
    bool is_listener;
    int port;
    struct sim_sock *peer; /* NULL: gone */
    bool was_refused, was_reset, has_end;
    struct buf in;
    size_t in_off;
    /* in a poller */
    struct sim_poller *poller;
    struct list_node polled;
    unsigned events;
    void *cookie;
};

struct sim_poller {
    struct poller poller;
    struct list socks;
};

static const struct sock_ops sim_ops;

static struct sim_sock *sim(struct sock *s) { return CONTAINER_OF(s, struct sim_sock, sock); }

static struct sim_sock *sock_new(struct simnet *n)
{
    struct sim_sock *s = NEW(struct sim_sock);
    s->sock.ops = &sim_ops;
    s->net = n;
    list_init(&s->backlog);
    n->sock_count++;
    return s;
}

static void join(struct sim_sock *a, struct sim_sock *b)
{
    a->peer = b;
    b->peer = a;
}

/* --- streams --- */

static size_t piece(struct simnet *n, size_t len)
{
    if (n->piece_bytes == 0 || len == 0) {
        return len;
    }
    size_t max = n->rand ? 1 + rand_below(n->rand, n->piece_bytes) : n->piece_bytes;
    return MIN(len, max);
}

static size_t pending(const struct sim_sock *s) { return s->in.len - s->in_off; }

static size_t room(const struct sim_sock *s)
{
    size_t n = s->peer ? pending(s->peer) : 0;
    return n < s->net->window_bytes ? s->net->window_bytes - n : 0;
}

static enum err sim_connected(struct sock *s) { return sim(s)->was_refused ? ERR_CLOSED : OK; }

static enum err sim_readv(struct sock *sock, const struct iovec *iov, int iov_count, size_t *ret_n)
{
    struct sim_sock *s = sim(sock);
    if (s->was_reset) {
        return ERR_CLOSED;
    }
    if (pending(s) == 0) {
        *ret_n = 0;
        return s->has_end ? OK : ERR_AGAIN;
    }
    size_t left = piece(s->net, pending(s));
    size_t done = 0;
    for (int i = 0; i < iov_count && left > 0; i++) {
        size_t n = MIN(left, iov[i].iov_len);
        memcpy(iov[i].iov_base, s->in.p + s->in_off, n);
        s->in_off += n;
        done += n;
        left -= n;
    }
    if (pending(s) == 0) {
        buf_clear(&s->in);
        s->in_off = 0;
    }
    *ret_n = done;
    return OK;
}

static enum err sim_writev(struct sock *sock, const struct iovec *iov, int iov_count,
                           unsigned flags, size_t *ret_n)
{
    struct sim_sock *s = sim(sock);
    size_t total = 0;
    s->net->write_count++;
    for (int i = 0; i < iov_count; i++) {
        total += iov[i].iov_len;
    }
    if (s->was_reset || s->peer == NULL) {
        return ERR_CLOSED;
    }
    size_t left = piece(s->net, MIN(total, room(s)));
    if (left == 0) {
        return ERR_AGAIN;
    }
    *ret_n = left;
    uint64_t held = mem_fail_after(0); /* such failures are for what is tested */
    for (int i = 0; i < iov_count && left > 0; i++) {
        size_t n = MIN(left, iov[i].iov_len);
        buf_put(&s->peer->in, iov[i].iov_base, n);
        left -= n;
    }
    mem_fail_after(held);
    return OK;
}

static enum err sim_send_file(struct sock *sock, int fd, uint64_t pos, size_t len, size_t *ret_n)
{
    struct sim_sock *s = sim(sock);
    s->net->send_file_count++;
    if (s->was_reset || s->peer == NULL) {
        return ERR_CLOSED;
    }
    size_t want = piece(s->net, MIN(len, room(s)));
    if (want == 0) {
        return ERR_AGAIN;
    }
    uint8_t *p = buf_reserve(&s->peer->in, want);
    ssize_t n = pread(fd, p, want, (off_t)pos);
    if (n <= 0) {
        return n < 0 ? ERR_IO : ERR_SHORT;
    }
    s->peer->in.len += (size_t)n;
    *ret_n = (size_t)n;
    return OK;
}

static void sim_peer_name(struct sock *s, char ret_name[NET_NAME_MAX])
{
    snprintf(ret_name, NET_NAME_MAX, "sim:%d", sim(s)->port);
}

static int sim_local_port(struct sock *s) { return sim(s)->port; }

void simsock_end(struct sock *s)
{
    if (sim(s)->peer != NULL) {
        sim(s)->peer->has_end = true;
    }
}

void simsock_reset(struct sock *s)
{
    sim(s)->was_reset = true;
    if (sim(s)->peer != NULL) {
        sim(s)->peer->was_reset = true;
    }
}

size_t simsock_pending(struct sock *s) { return pending(sim(s)); }

/* As TCP: bytes that are not read yet turn an end into a reset. */
static void leave_peer(struct sim_sock *s)
{
    if (s->peer != NULL) {
        s->peer->has_end = true;
        s->peer->was_reset |= pending(s) > 0;
        s->peer->peer = NULL;
    }
}

static void sim_close(struct sock *sock)
{
    struct sim_sock *s = sim(sock);
    ASSERT(s->poller == NULL);
    struct list_node *n;
    while ((n = list_pop_front(&s->backlog)) != NULL) {
        sim_close(&LIST_ENTRY(n, struct sim_sock, node)->sock);
    }
    if (list_is_linked(&s->node)) {
        list_remove(&s->node);
    }
    leave_peer(s);
    s->net->sock_count--;
    buf_deinit(&s->in);
    mem_free(s);
}

/* --- listening --- */

static enum err sim_accept(struct sock *sock, struct sock **ret_sock)
{
    struct sim_sock *s = sim(sock);
    if (list_is_empty(&s->backlog)) {
        return ERR_AGAIN;
    }
    if (s->net->no_fds > 0) {
        s->net->no_fds--;
        return ERR_NO_FDS;
    }
    *ret_sock = &LIST_ENTRY(list_pop_front(&s->backlog), struct sim_sock, node)->sock;
    return OK;
}

static enum err sim_shed(struct sock *sock)
{
    struct list_node *n = list_front(&sim(sock)->backlog);
    if (n == NULL) {
        return ERR_AGAIN;
    }
    sim_close(&LIST_ENTRY(n, struct sim_sock, node)->sock);
    return OK;
}

static const struct sock_ops sim_ops = {
    .accept = sim_accept,
    .shed = sim_shed,
    .connected = sim_connected,
    .readv = sim_readv,
    .writev = sim_writev,
    .send_file = sim_send_file,
    .peer_name = sim_peer_name,
    .local_port = sim_local_port,
    .close = sim_close,
};

static const struct sock_ops sim_ops_no_file = {
    .accept = sim_accept,
    .shed = sim_shed,
    .connected = sim_connected,
    .readv = sim_readv,
    .writev = sim_writev,
    .peer_name = sim_peer_name,
    .local_port = sim_local_port,
    .close = sim_close,
};

/* --- the net --- */

static struct sim_sock *listener_at(struct simnet *n, int port)
{
    LIST_EACH(&n->listeners, node, tmp) {
        struct sim_sock *s = LIST_ENTRY(node, struct sim_sock, node);
        if (s->port == port) {
            return s;
        }
    }
    return NULL;
}

static enum err sim_listen(struct net *net, const char *host, int port, struct sock **ret_sock)
{
    struct simnet *n = CONTAINER_OF(net, struct simnet, net);
    port = port ? port : ++n->last_port;
    if (listener_at(n, port) != NULL) {
        return ERR_LOCKED;
    }
    struct sim_sock *s = sock_new(n);
    s->is_listener = true;
    s->port = port;
    list_push_back(&n->listeners, &s->node);
    *ret_sock = &s->sock;
    return OK;
}

void simnet_pair(struct simnet *n, struct sock *ret_socks[2])
{
    struct sim_sock *a = sock_new(n);
    struct sim_sock *b = sock_new(n);
    const struct sock_ops *ops = n->no_send_file ? &sim_ops_no_file : &sim_ops;
    a->sock.ops = b->sock.ops = ops;
    a->port = ++n->last_port;
    b->port = ++n->last_port;
    join(a, b);
    ret_socks[0] = &a->sock;
    ret_socks[1] = &b->sock;
}

static enum err sim_connect(struct net *net, const char *address, int port, struct sock **ret_sock)
{
    struct simnet *n = CONTAINER_OF(net, struct simnet, net);
    struct sim_sock *l = listener_at(n, port);
    struct sock *pair[2];
    simnet_pair(n, pair);
    if (l == NULL) {
        sim_close(pair[1]);
        sim(pair[0])->was_refused = true;
    } else {
        list_push_back(&l->backlog, &sim(pair[1])->node);
    }
    *ret_sock = pair[0];
    return OK;
}

static int sim_resolve(struct net *net, const char *host, char (*ret_addresses)[NET_NAME_MAX],
                       int max)
{
    snprintf(ret_addresses[0], NET_NAME_MAX, "%s", host);
    return 1;
}

/* --- the poller --- */

static unsigned ready(const struct sim_sock *s)
{
    if (s->is_listener) {
        return list_is_empty(&s->backlog) ? 0u : NET_READABLE;
    }
    if (s->was_reset || s->was_refused) {
        return NET_READABLE | NET_WRITABLE | NET_HANGUP;
    }
    return (pending(s) > 0 || s->has_end ? NET_READABLE : 0u) |
           (s->peer == NULL || room(s) > 0 ? NET_WRITABLE : 0u);
}

static struct sim_poller *sim_poller(struct poller *p)
{
    return CONTAINER_OF(p, struct sim_poller, poller);
}

static void sim_mod(struct poller *p, struct sock *s, unsigned events, void *cookie)
{
    sim(s)->events = events;
    sim(s)->cookie = cookie;
}

static enum err sim_add(struct poller *p, struct sock *s, unsigned events, void *cookie)
{
    ASSERT(sim(s)->poller == NULL);
    sim(s)->poller = sim_poller(p);
    list_push_back(&sim_poller(p)->socks, &sim(s)->polled);
    sim_mod(p, s, events, cookie);
    return OK;
}

static void sim_del(struct poller *p, struct sock *s)
{
    sim(s)->poller = NULL;
    list_remove(&sim(s)->polled);
}

/* Who was told of last comes last the next time. */
static int sim_wait(struct poller *p, struct poll_event *events, int max, int64_t timeout_ns)
{
    struct list told;
    list_init(&told);
    int count = 0;
    LIST_EACH(&sim_poller(p)->socks, n, tmp) {
        struct sim_sock *s = LIST_ENTRY(n, struct sim_sock, polled);
        unsigned bits = ready(s) & (s->events | NET_HANGUP);
        if (bits != 0 && count < max) {
            events[count++] = (struct poll_event){s->cookie, bits};
            list_remove(n);
            list_push_back(&told, n);
        }
    }
    list_splice_back(&sim_poller(p)->socks, &told);
    return count;
}

static void sim_wake(struct poller *p) {}

static void sim_write_each(struct poller *p, struct net_write *writes, int count)
{
    sim(writes[0].sock)->net->together_count++;
    for (int i = 0; i < count; i++) {
        net_write_one(&writes[i]);
    }
}

static void sim_poller_free(struct poller *p)
{
    ASSERT(list_is_empty(&sim_poller(p)->socks));
    mem_free(sim_poller(p));
}

static enum err sim_poller_new(struct net *net, struct poller **ret_poller)
{
    static const struct poller_ops ops = {
        .add = sim_add,
        .mod = sim_mod,
        .del = sim_del,
        .wait = sim_wait,
        .wake = sim_wake,
        .write_each = sim_write_each,
        .free = sim_poller_free,
    };
    struct sim_poller *p = NEW(struct sim_poller);
    p->poller.ops = &ops;
    list_init(&p->socks);
    *ret_poller = &p->poller;
    return OK;
}

void simnet_init(struct simnet *n)
{
    static const struct net_ops ops = {
        .listen = sim_listen,
        .connect = sim_connect,
        .poller_new = sim_poller_new,
        .resolve = sim_resolve,
    };
    *n = (struct simnet){.net = {&ops}, .last_port = 1000, .window_bytes = 64 * 1024};
    list_init(&n->listeners);
}

/* --- the clock --- */

static int64_t sim_wall_ms(struct clock *c)
{
    return 1700000000000 + CONTAINER_OF(c, struct simclock, clock)->now_ns / 1000000;
}

static int64_t sim_mono_ns(struct clock *c)
{
    return CONTAINER_OF(c, struct simclock, clock)->now_ns;
}

void simclock_init(struct simclock *c)
{
    *c = (struct simclock){{sim_wall_ms, sim_mono_ns}, 1000000000};
}

void simclock_add_ms(struct simclock *c, int64_t ms) { c->now_ns += ms * 1000000; }
