/* The poller by epoll, woken by an eventfd. poller_wake may be called by any thread; the rest
 * belongs to one. The eventfd is edge-triggered: nobody has to read it.
 *
 * Many writes at once go through a ring, made with the first need of it; without one they are made
 * one by one. */
#include "base/assert.h"
#include "base/mem.h"
#include "plat/net_posix.h"
#include "plat/os_error.h"
#include "plat/ring_posix.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS_MAX = 256, NS_PER_MS = 1000000, RING_WORTH = 4 /* writes; fewer are no gain */ };

static const struct poller_ops posix_poller_ops;

struct posix_poller {
    struct poller poller;
    int epoll_fd;
    int wake_fd;
    struct ring *ring; /* NULL: not yet, or none to be had */
    bool has_asked_for_ring;
    struct epoll_event events[EVENTS_MAX];
};

static struct posix_poller *posix(struct poller *p)
{
    return CONTAINER_OF(p, struct posix_poller, poller);
}

static int fd_of(struct sock *s) { return CONTAINER_OF(s, struct posix_sock, sock)->fd; }

static enum err open_fds(struct posix_poller *p)
{
    p->wake_fd = -1;
    p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (p->epoll_fd < 0) {
        return err_from_errno(errno);
    }
    p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
    if (p->wake_fd < 0 || epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, p->wake_fd, &ev) < 0) {
        return err_from_errno(errno);
    }
    return OK;
}

static void posix_free(struct poller *poller)
{
    struct posix_poller *p = posix(poller);
    if (p->wake_fd >= 0) {
        close(p->wake_fd);
    }
    if (p->epoll_fd >= 0) {
        close(p->epoll_fd);
    }
    ring_free(p->ring);
    mem_free(p);
}

enum err posix_poller_new(struct net *net, struct poller **ret_poller)
{
    (void)net;
    struct posix_poller *p = NEW(struct posix_poller);
    p->poller.ops = &posix_poller_ops;
    enum err e = open_fds(p);
    if (e) {
        posix_free(&p->poller);
        return e;
    }
    *ret_poller = &p->poller;
    return OK;
}

static struct epoll_event to_epoll(unsigned events, void *cookie)
{
    uint32_t bits =
        (events & NET_READABLE ? EPOLLIN : 0u) | (events & NET_WRITABLE ? EPOLLOUT : 0u);
    return (struct epoll_event){.events = bits, .data.ptr = cookie};
}

static unsigned from_epoll(uint32_t bits)
{
    return (bits & EPOLLIN ? NET_READABLE : 0u) | (bits & EPOLLOUT ? NET_WRITABLE : 0u) |
           (bits & (EPOLLHUP | EPOLLERR) ? NET_HANGUP : 0u);
}

static enum err posix_add(struct poller *p, struct sock *s, unsigned events, void *cookie)
{
    struct epoll_event ev = to_epoll(events, cookie);
    ASSERT(cookie != NULL); /* that one is the eventfd's */
    int n = epoll_ctl(posix(p)->epoll_fd, EPOLL_CTL_ADD, fd_of(s), &ev);
    return n < 0 ? err_from_errno(errno) : OK;
}

static void posix_mod(struct poller *p, struct sock *s, unsigned events, void *cookie)
{
    struct epoll_event ev = to_epoll(events, cookie);
    int n = epoll_ctl(posix(p)->epoll_fd, EPOLL_CTL_MOD, fd_of(s), &ev);
    ASSERT(n == 0);
}

static void posix_del(struct poller *p, struct sock *s)
{
    int n = epoll_ctl(posix(p)->epoll_fd, EPOLL_CTL_DEL, fd_of(s), NULL);
    ASSERT(n == 0);
}

/* epoll waits in milliseconds: up, so that a deadline has passed when it returns. */
static int to_timeout_ms(int64_t timeout_ns)
{
    if (timeout_ns < 0) {
        return -1;
    }
    int64_t ms = timeout_ns / NS_PER_MS + (timeout_ns % NS_PER_MS != 0);
    return (int)MIN(ms, INT_MAX);
}

static int posix_wait(struct poller *poller, struct poll_event *events, int max, int64_t timeout_ns)
{
    struct posix_poller *p = posix(poller);
    int n = epoll_wait(p->epoll_fd, p->events, MIN(max, EVENTS_MAX), to_timeout_ms(timeout_ns));
    int count = 0;
    ASSERT(n >= 0 || errno == EINTR);
    for (int i = 0; i < n; i++) {
        void *cookie = p->events[i].data.ptr;
        if (cookie != NULL) {
            events[count++] = (struct poll_event){cookie, from_epoll(p->events[i].events)};
        }
    }
    return count;
}

static void posix_wake(struct poller *p)
{
    uint64_t one = 1;
    ssize_t n;
    do {
        n = write(posix(p)->wake_fd, &one, sizeof one);
    } while (n < 0 && errno == EINTR);
}

/* --- many writes --- */

static struct ring *ring_of(struct posix_poller *p)
{
    if (!p->has_asked_for_ring) {
        p->has_asked_for_ring = true;
        if (ring_new(&p->ring)) {
            p->ring = NULL; /* one by one, then */
        }
    }
    return p->ring;
}

static void take_result(struct net_write *w, int result)
{
    w->n = result > 0 ? (size_t)result : 0;
    w->err = result > 0 ? OK : result == 0 || result == -EINTR ? ERR_AGAIN : net_error(-result);
}

/* At most RING_SENDS_MAX. Returns how many were made. */
static int write_by_ring(struct ring *ring, struct net_write *writes, int count)
{
    struct ring_send sends[RING_SENDS_MAX];
    for (int i = 0; i < count; i++) {
        sends[i] = (struct ring_send){fd_of(writes[i].sock), writes[i].p, writes[i].len, 0};
    }
    int done = ring_send_all(ring, sends, count);
    for (int i = 0; i < done; i++) {
        take_result(&writes[i], sends[i].result);
    }
    return done;
}

static void posix_write_each(struct poller *poller, struct net_write *writes, int count)
{
    struct ring *ring = count >= RING_WORTH ? ring_of(posix(poller)) : NULL;
    int done = 0;
    for (int n = 1; ring != NULL && n > 0 && done < count; done += n) {
        n = write_by_ring(ring, writes + done, MIN(RING_SENDS_MAX, count - done));
    }
    for (; done < count; done++) {
        net_write_one(&writes[done]);
    }
}

static const struct poller_ops posix_poller_ops = {
    .add = posix_add,
    .mod = posix_mod,
    .del = posix_del,
    .wait = posix_wait,
    .wake = posix_wake,
    .write_each = posix_write_each,
    .free = posix_free,
};
