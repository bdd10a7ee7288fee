/* TCP sockets of the machine. Thread-safe as net.h says; interrupted calls are repeated here and
 * nowhere else. All sockets are non-blocking, close-on-exec, without Nagle and with keep-alive;
 * those of loopback addresses are not paced. */
#include "plat/net.h"

#include "base/assert.h"
#include "base/mem.h"
#include "plat/net_posix.h"
#include "plat/os_error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct sock_ops stream_ops;
static const struct sock_ops listen_ops;

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct stream_sock {
    struct posix_sock base;
    union address peer;
};

struct listen_sock {
    struct posix_sock base;
    int reserve_fd; /* given up for a moment to accept and close what else would hang; may be -1 */
};

enum err net_error(int n)
{
    switch (n) {
    case EAGAIN:
    case EINPROGRESS:
        return ERR_AGAIN;
    case ECONNRESET:
    case ECONNREFUSED:
    case ECONNABORTED:
    case EPIPE:
    case ENOTCONN:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return ERR_CLOSED;
    case EADDRINUSE:
        return ERR_LOCKED;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        return ERR_NOT_FOUND;
    case ENOBUFS:
        return ERR_NO_MEMORY;
    default:
        return err_from_errno(n);
    }
}

static int fd_of(struct sock *s) { return CONTAINER_OF(s, struct posix_sock, sock)->fd; }

static struct stream_sock *stream(struct sock *s)
{
    return CONTAINER_OF(s, struct stream_sock, base.sock);
}

static struct listen_sock *listening(struct sock *s)
{
    return CONTAINER_OF(s, struct listen_sock, base.sock);
}

static void set_option(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

static bool is_loopback(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET6) {
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
    }
    uint32_t v4 = ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr);
    return v4 >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET;
}

/* Within a machine there is no path to be gentle with. Where its congestion control is one that
 * paces (bbr), each large send would arm a timer and leave in pieces, which costs as much as all
 * the rest of a fetch (doc/decisions/0017). Reno is in every kernel and open to every user. Before
 * the handshake: a socket that was once paced stays so. */
static void do_not_pace(int fd)
{
    static const char reno[] = "reno";
    (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, reno, sizeof reno - 1);
}

/* On a listening socket they hold for what it accepts too. */
static void set_options(int fd, const struct sockaddr *a)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    if (is_loopback(a)) {
        do_not_pace(fd);
    }
}

/* --- streams --- */

/* Takes the descriptor; closes it when there is no memory. */
static enum err stream_new(int fd, const union address *peer, struct sock **ret_sock)
{
    struct stream_sock *s = mem_try(sizeof *s);
    if (s == NULL) {
        close(fd);
        return ERR_NO_MEMORY;
    }
    *s = (struct stream_sock){.base = {{&stream_ops}, fd}, .peer = *peer};
    *ret_sock = &s->base.sock;
    return OK;
}

static enum err stream_connected(struct sock *s)
{
    int n = 0;
    socklen_t len = sizeof n;
    if (getsockopt(fd_of(s), SOL_SOCKET, SO_ERROR, &n, &len) < 0) {
        n = errno;
    }
    if (n != 0) {
        return net_error(n);
    }
    union address a;
    len = sizeof a;
    return getpeername(fd_of(s), &a.any, &len) < 0 ? ERR_AGAIN : OK;
}

static enum err stream_readv(struct sock *s, const struct iovec *iov, int iov_count, size_t *ret_n)
{
    ssize_t n;
    do {
        n = iov_count == 1 ? recv(fd_of(s), iov->iov_base, iov->iov_len, 0)
                           : readv(fd_of(s), iov, iov_count);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return net_error(errno);
    }
    *ret_n = (size_t)n;
    return OK;
}

static enum err stream_writev(struct sock *s, const struct iovec *iov, int iov_count,
                              unsigned flags, size_t *ret_n)
{
    struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov,
                         .msg_iovlen = (size_t)iov_count};
    int how = MSG_NOSIGNAL | (flags & NET_MORE ? MSG_MORE : 0);
    ssize_t n;
    do {
        n = sendmsg(fd_of(s), &msg, how);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return net_error(errno);
    }
    *ret_n = (size_t)n;
    return OK;
}

/* sendfile has no MSG_NOSIGNAL. */
static void ignore_sigpipe(void)
{
    struct sigaction old;
    if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL) {
        (void)signal(SIGPIPE, SIG_IGN);
    }
}

static enum err stream_send_file(struct sock *s, int fd, uint64_t pos, size_t len, size_t *ret_n)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, ignore_sigpipe);
    ssize_t n;
    do {
        off_t at = (off_t)pos;
        n = sendfile(fd_of(s), fd, &at, len);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) {
        return n < 0 ? net_error(errno) : ERR_SHORT;
    }
    *ret_n = (size_t)n;
    return OK;
}

static void stream_send_buffer(struct sock *s, int bytes)
{
    set_option(fd_of(s), SOL_SOCKET, SO_SNDBUF, bytes);
}

static void stream_peer_name(struct sock *s, char ret_name[NET_NAME_MAX])
{
    const union address *a = &stream(s)->peer;
    char text[INET6_ADDRSTRLEN] = "";
    if (a->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &a->v4.sin_addr, text, sizeof text);
        snprintf(ret_name, NET_NAME_MAX, "%s:%u", text, ntohs(a->v4.sin_port));
    } else if (a->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr)) {
        inet_ntop(AF_INET, &a->v6.sin6_addr.s6_addr[12], text, sizeof text);
        snprintf(ret_name, NET_NAME_MAX, "%s:%u", text, ntohs(a->v6.sin6_port));
    } else if (a->any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &a->v6.sin6_addr, text, sizeof text);
        snprintf(ret_name, NET_NAME_MAX, "[%s]:%u", text, ntohs(a->v6.sin6_port));
    } else {
        snprintf(ret_name, NET_NAME_MAX, "?");
    }
}

static int posix_local_port(struct sock *s)
{
    union address a = {0};
    socklen_t len = sizeof a;
    if (getsockname(fd_of(s), &a.any, &len) < 0) {
        return -1;
    }
    return ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
}

static enum err stream_peek(struct sock *s, unsigned char *ret_first)
{
    ssize_t n;
    do {
        n = recv(fd_of(s), ret_first, 1, MSG_PEEK);
    } while (n < 0 && errno == EINTR);
    return n > 0 ? OK : n == 0 ? ERR_CLOSED : net_error(errno);
}

static int stream_release(struct sock *s, struct sockaddr_storage *ret_peer, unsigned *ret_peer_len)
{
    int fd = fd_of(s);
    const union address *a = &stream(s)->peer;
    memcpy(ret_peer, a, sizeof *a);
    *ret_peer_len = a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
    mem_free(stream(s));
    return fd;
}

static void stream_close(struct sock *s)
{
    close(fd_of(s));
    mem_free(stream(s));
}

static enum err no_accept(struct sock *s, struct sock **ret_sock) { return ERR_IO; }
static enum err no_shed(struct sock *s) { return ERR_IO; }

static const struct sock_ops stream_ops = {
    .accept = no_accept,
    .shed = no_shed,
    .connected = stream_connected,
    .readv = stream_readv,
    .writev = stream_writev,
    .send_file = stream_send_file,
    .send_buffer = stream_send_buffer,
    .peek = stream_peek,
    .release = stream_release,
    .peer_name = stream_peer_name,
    .local_port = posix_local_port,
    .close = stream_close,
};

/* --- listening --- */

static int open_reserve(void) { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

/* -1 and errno when there is none. A connection that broke while it waited is passed over. */
static int accept_fd(int fd, union address *ret_peer)
{
    int n;
    do {
        socklen_t len = sizeof *ret_peer;
        *ret_peer = (union address){0};
        n = accept4(fd, &ret_peer->any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (n < 0 && (errno == EINTR || errno == ECONNABORTED || errno == EPROTO));
    return n;
}

static enum err listen_accept(struct sock *s, struct sock **ret_sock)
{
    union address peer;
    int fd = accept_fd(fd_of(s), &peer);
    if (fd < 0) {
        return net_error(errno);
    }
    return stream_new(fd, &peer, ret_sock);
}

static enum err listen_shed(struct sock *s)
{
    struct listen_sock *l = listening(s);
    union address peer;
    enum err e = OK;
    if (l->reserve_fd >= 0) {
        close(l->reserve_fd);
    }
    int fd = accept_fd(l->base.fd, &peer);
    if (fd < 0) {
        e = net_error(errno);
    } else {
        close(fd);
    }
    l->reserve_fd = open_reserve();
    return e;
}

static enum err listen_not_a_stream(struct sock *s) { return ERR_IO; }

static enum err listen_readv(struct sock *s, const struct iovec *iov, int iov_count, size_t *ret_n)
{
    return ERR_IO;
}

static enum err listen_writev(struct sock *s, const struct iovec *iov, int iov_count,
                              unsigned flags, size_t *ret_n)
{
    return ERR_IO;
}

static void listen_peer_name(struct sock *s, char ret_name[NET_NAME_MAX])
{
    snprintf(ret_name, NET_NAME_MAX, "?");
}

static void listen_close(struct sock *s)
{
    struct listen_sock *l = listening(s);
    if (l->reserve_fd >= 0) {
        close(l->reserve_fd);
    }
    close(l->base.fd);
    mem_free(l);
}

static const struct sock_ops listen_ops = {
    .accept = listen_accept,
    .shed = listen_shed,
    .connected = listen_not_a_stream,
    .readv = listen_readv,
    .writev = listen_writev,
    .peer_name = listen_peer_name,
    .local_port = posix_local_port,
    .close = listen_close,
};

/* --- the net --- */

/* For what has this address: its own, or its peer's. */
static int open_socket(const struct sockaddr *a)
{
    int fd = socket(a->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        set_options(fd, a);
    }
    return fd;
}

/* One address; -1 and errno on failure. An IPv6 socket serves IPv4 too when it is for all. */
static int listen_at(const struct sockaddr *a, socklen_t len, bool only_v6)
{
    int fd = open_socket(a);
    if (fd < 0) {
        return -1;
    }
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (a->sa_family == AF_INET6) {
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, only_v6);
    }
    if (bind(fd, a, len) < 0 || listen(fd, SOMAXCONN) < 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static int listen_all(int port)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = listen_at((struct sockaddr *)&v6, sizeof v6, false);
    if (fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
        fd = listen_at((struct sockaddr *)&v4, sizeof v4, false);
    }
    return fd;
}

/* The addresses of a host that lead to a TCP port, IPv4 before IPv6; NULL when there are none. */
static struct addrinfo *lookup(const char *host, int port, int flags)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    struct addrinfo *all;
    char service[16];
    snprintf(service, sizeof service, "%d", port);
    if (getaddrinfo(host, service, &hints, &all) != 0) {
        return NULL;
    }
    struct addrinfo *sorted = NULL;
    struct addrinfo **v4_end = &sorted;
    struct addrinfo *v6 = NULL;
    struct addrinfo **v6_end = &v6;
    for (struct addrinfo *a = all; a != NULL; a = a->ai_next) {
        struct addrinfo ***end = a->ai_family == AF_INET ? &v4_end : &v6_end;
        **end = a;
        *end = &a->ai_next;
    }
    *v6_end = NULL;
    *v4_end = v6;
    return sorted;
}

static int listen_host(const char *host, int port)
{
    struct addrinfo *all = lookup(host, port, AI_PASSIVE);
    int fd = -1;
    errno = EADDRNOTAVAIL;
    for (struct addrinfo *a = all; a != NULL && fd < 0; a = a->ai_next) {
        fd = listen_at(a->ai_addr, a->ai_addrlen, true);
    }
    int saved = errno;
    if (all != NULL) {
        freeaddrinfo(all);
    }
    errno = saved;
    return fd;
}

static enum err posix_listen(struct net *net, const char *host, int port, struct sock **ret_sock)
{
    (void)net;
    bool all = host[0] == '\0' || strcmp(host, "0.0.0.0") == 0;
    int fd = all ? listen_all(port) : listen_host(host, port);
    if (fd < 0) {
        return net_error(errno);
    }
    struct listen_sock *l = NEW(struct listen_sock);
    l->base = (struct posix_sock){{&listen_ops}, fd};
    l->reserve_fd = open_reserve();
    *ret_sock = &l->base.sock;
    return OK;
}

static enum err connect_to(const struct addrinfo *a, struct sock **ret_sock)
{
    union address peer = {0};
    int fd = open_socket(a->ai_addr);
    if (fd < 0) {
        return net_error(errno);
    }
    if (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS && errno != EINTR) {
        enum err e = net_error(errno);
        close(fd);
        return e == ERR_AGAIN ? ERR_NO_FDS : e; /* no local port left */
    }
    memcpy(&peer, a->ai_addr, MIN((size_t)a->ai_addrlen, sizeof peer));
    return stream_new(fd, &peer, ret_sock);
}

static enum err posix_connect(struct net *net, const char *address, int port,
                              struct sock **ret_sock)
{
    (void)net;
    struct addrinfo *a = lookup(address, port, AI_NUMERICHOST);
    if (a == NULL) {
        return ERR_NOT_FOUND;
    }
    enum err e = connect_to(a, ret_sock);
    freeaddrinfo(a);
    return e;
}

static int posix_resolve(struct net *net, const char *host, char (*ret_addresses)[NET_NAME_MAX],
                         int max)
{
    (void)net;
    struct addrinfo *all = lookup(host, 0, 0);
    int count = 0;
    for (struct addrinfo *a = all; a != NULL && count < max; a = a->ai_next) {
        int n = getnameinfo(a->ai_addr, a->ai_addrlen, ret_addresses[count], NET_NAME_MAX, NULL, 0,
                            NI_NUMERICHOST);
        count += n == 0;
    }
    if (all != NULL) {
        freeaddrinfo(all);
    }
    return count;
}

struct net *net_posix(void)
{
    static const struct net_ops ops = {
        .listen = posix_listen,
        .connect = posix_connect,
        .poller_new = posix_poller_new,
        .resolve = posix_resolve,
    };
    static struct net net = {&ops};
    return &net;
}
