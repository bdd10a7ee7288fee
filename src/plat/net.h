/* Stream sockets as a seam: the machine's own (net_posix), or a simulated network in one thread.
 *
 * Nothing here blocks but poller_wait and net_resolve. A socket belongs to one thread at a time;
 * of a poller, only poller_wake may be called from another thread. No call raises a signal. */
#ifndef PLAT_NET_H
#define PLAT_NET_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct net;
struct sock;
struct sockaddr_storage;
struct poller;

enum { NET_NAME_MAX = 64 }; /* "[address]:port" with its NUL */

enum net_events {
    NET_READABLE = 1 << 0, /* bytes, the end of the stream, or a connection to accept */
    NET_WRITABLE = 1 << 1,
    NET_HANGUP = 1 << 2, /* reset, or closed both ways; told even when it was not asked for */
};

enum net_write_flags { NET_MORE = 1 << 0 /* more follows at once: a part of a packet may wait */ };

struct poll_event {
    void *cookie;
    unsigned events;
};

/* A write to one of several sockets, and what came of it: as of sock_writev. */
struct net_write {
    struct sock *sock;
    const void *p;
    size_t len;
    enum err err;
    size_t n;
};

struct net_ops {
    enum err (*listen)(struct net *net, const char *host, int port, struct sock **ret_sock);
    enum err (*connect)(struct net *net, const char *address, int port, struct sock **ret_sock);
    enum err (*poller_new)(struct net *net, struct poller **ret_poller);
    int (*resolve)(struct net *net, const char *host, char (*ret_addresses)[NET_NAME_MAX], int max);
};

struct sock_ops {
    enum err (*accept)(struct sock *s, struct sock **ret_sock);
    enum err (*shed)(struct sock *s);
    enum err (*connected)(struct sock *s);
    enum err (*readv)(struct sock *s, const struct iovec *iov, int iov_count, size_t *ret_n);
    enum err (*writev)(struct sock *s, const struct iovec *iov, int iov_count, unsigned flags,
                       size_t *ret_n);
    /* NULL where bytes do not go out as they lie in the file. */
    enum err (*send_file)(struct sock *s, int fd, uint64_t pos, size_t len, size_t *ret_n);
    void (*send_buffer)(struct sock *s, int bytes); /* NULL: there is none */
    /* NULL where there is no descriptor to give away. */
    enum err (*peek)(struct sock *s, unsigned char *ret_first);
    int (*release)(struct sock *s, struct sockaddr_storage *ret_peer, unsigned *ret_peer_len);
    void (*peer_name)(struct sock *s, char ret_name[NET_NAME_MAX]);
    int (*local_port)(struct sock *s);
    void (*close)(struct sock *s);
};

struct poller_ops {
    enum err (*add)(struct poller *p, struct sock *s, unsigned events, void *cookie);
    void (*mod)(struct poller *p, struct sock *s, unsigned events, void *cookie);
    void (*del)(struct poller *p, struct sock *s);
    int (*wait)(struct poller *p, struct poll_event *events, int max, int64_t timeout_ns);
    void (*wake)(struct poller *p);
    /* NULL: one after the other is all that there is. */
    void (*write_each)(struct poller *p, struct net_write *writes, int count);
    void (*free)(struct poller *p);
};

struct net {
    const struct net_ops *ops;
};

struct sock {
    const struct sock_ops *ops;
};

struct poller {
    const struct poller_ops *ops;
};

/* The machine's own. Static, thread-safe. */
struct net *net_posix(void);

/* A name or an address of this machine; "" and "0.0.0.0" are all of them, IPv4 and IPv6. Port 0
 * takes a free one. LOCKED when it is taken, NOT_FOUND when the host is not ours, PERMISSION,
 * NO_FDS. May block for the name. */
must_check static inline enum err net_listen(struct net *net, const char *host, int port,
                                             struct sock **ret_sock)
{
    return net->ops->listen(net, host, port, ret_sock);
}

/* Starts to connect to a numeric address (net_resolve makes them): NOT_FOUND for any other. The
 * socket becomes writable or hangs up; sock_connected then tells which. */
must_check static inline enum err net_connect(struct net *net, const char *address, int port,
                                              struct sock **ret_sock)
{
    return net->ops->connect(net, address, port, ret_sock);
}

must_check static inline enum err net_poller_new(struct net *net, struct poller **ret_poller)
{
    return net->ops->poller_new(net, ret_poller);
}

/* Numeric addresses of a host, at most max of them, IPv4 first; returns their count, 0 when there
 * are none. Blocks; any thread. */
static inline int net_resolve(struct net *net, const char *host,
                              char (*ret_addresses)[NET_NAME_MAX], int max)
{
    return net->ops->resolve(net, host, ret_addresses, max);
}

/* AGAIN when nobody waits; NO_FDS, NO_MEMORY: see sock_shed. */
must_check static inline enum err sock_accept(struct sock *s, struct sock **ret_sock)
{
    return s->ops->accept(s, ret_sock);
}

/* With no descriptors left: accepts one connection by a descriptor kept for that and closes it, so
 * that the peer learns it now. AGAIN when nobody waits; another error when not even that worked. */
must_check static inline enum err sock_shed(struct sock *s) { return s->ops->shed(s); }

/* The outcome of net_connect: OK, AGAIN, or why not (CLOSED: refused, unreachable or timed out). */
must_check static inline enum err sock_connected(struct sock *s) { return s->ops->connected(s); }

/* OK with 0 bytes: the peer sends no more. AGAIN; CLOSED after a reset; IO. */
must_check static inline enum err sock_readv(struct sock *s, const struct iovec *iov, int iov_count,
                                             size_t *ret_n)
{
    return s->ops->readv(s, iov, iov_count, ret_n);
}

/* OK with at least one byte, maybe not all; AGAIN; CLOSED; IO. */
must_check static inline enum err sock_writev(struct sock *s, const struct iovec *iov,
                                              int iov_count, unsigned flags, size_t *ret_n)
{
    return s->ops->writev(s, iov, iov_count, flags, ret_n);
}

static inline bool sock_can_send_file(const struct sock *s) { return s->ops->send_file != NULL; }

/* As sock_writev with the bytes of a file; SHORT when the file ends at or before pos. */
must_check static inline enum err sock_send_file(struct sock *s, int fd, uint64_t pos, size_t len,
                                                 size_t *ret_n)
{
    return s->ops->send_file(s, fd, pos, len, ret_n);
}

/* How much the kernel may hold that is written and not sent; without a call it decides by itself.
 */
static inline void sock_set_send_buffer(struct sock *s, int bytes)
{
    if (s->ops->send_buffer != NULL) {
        s->ops->send_buffer(s, bytes);
    }
}

/* The first byte that waits to be read, which stays unread. AGAIN when none has come, CLOSED when
 * none will, or where sockets have no descriptors. */
must_check static inline enum err sock_peek(struct sock *s, unsigned char *ret_first)
{
    return s->ops->peek ? s->ops->peek(s, ret_first) : ERR_CLOSED;
}

/* The descriptor and the peer's address, for code that knows nothing of this seam; the sock is
 * gone. *ret_peer has room for any address. -1, and it is closed, where there is none. Must be in
 * no poller. */
must_check static inline int sock_release(struct sock *s, struct sockaddr_storage *ret_peer,
                                          unsigned *ret_peer_len)
{
    if (s->ops->release == NULL) {
        s->ops->close(s);
        return -1;
    }
    return s->ops->release(s, ret_peer, ret_peer_len);
}

/* "127.0.0.1:51234", "[::1]:51234", "?" when it is not known. */
static inline void sock_peer_name(struct sock *s, char ret_name[NET_NAME_MAX])
{
    s->ops->peer_name(s, ret_name);
}

static inline int sock_local_port(struct sock *s) { return s->ops->local_port(s); }

/* NULL is fine. Must be in no poller. */
static inline void sock_close(struct sock *s)
{
    if (s != NULL) {
        s->ops->close(s);
    }
}

/* A socket is told of as long as it is ready (level-triggered). cookie comes back with its events;
 * one socket is in a poller at most once. */
must_check static inline enum err poller_add(struct poller *p, struct sock *s, unsigned events,
                                             void *cookie)
{
    return p->ops->add(p, s, events, cookie);
}

static inline void poller_mod(struct poller *p, struct sock *s, unsigned events, void *cookie)
{
    p->ops->mod(p, s, events, cookie);
}

static inline void poller_del(struct poller *p, struct sock *s) { p->ops->del(p, s); }

/* Waits for the first event, at most timeout_ns (0: not at all; < 0: for ever), or until
 * poller_wake, which also counts when it came before. Returns the number of events. */
static inline int poller_wait(struct poller *p, struct poll_event *events, int max,
                              int64_t timeout_ns)
{
    return p->ops->wait(p, events, max, timeout_ns);
}

static inline void poller_wake(struct poller *p) { p->ops->wake(p); }

static inline void net_write_one(struct net_write *w)
{
    struct iovec iov = {(void *)(uintptr_t)w->p, w->len};
    w->n = 0;
    w->err = sock_writev(w->sock, &iov, 1, 0, &w->n);
}

/* Writes to each of these sockets, of which no two are the same, by as few calls as the machine
 * can. They need not be in the poller. */
static inline void poller_write_each(struct poller *p, struct net_write *writes, int count)
{
    if (p->ops->write_each != NULL) {
        p->ops->write_each(p, writes, count);
        return;
    }
    for (int i = 0; i < count; i++) {
        net_write_one(&writes[i]);
    }
}

static inline void poller_free(struct poller *p)
{
    if (p != NULL) {
        p->ops->free(p);
    }
}

#endif
