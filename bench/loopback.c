/* See loopback.h. Any thread. */
#include "loopback.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { BACKLOG = 100 };

void must(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        exit(1);
    }
}

double now_s(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    (void)sched_setaffinity(0, sizeof set, &set);
}

static struct sockaddr_in address(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

static void send_at_once(int fd)
{
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* As the broker does on loopback (doc/decisions/0017), before the handshake: the limit is one that
 * it could reach. */
static int open_unpaced(void)
{
    static const char reno[] = "reno";
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    must(fd >= 0, "socket");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, reno, sizeof reno - 1);
    return fd;
}

int loopback_listen(int *ret_port)
{
    struct sockaddr_in a = address(0);
    socklen_t len = sizeof a;
    int fd = open_unpaced();
    must(bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, BACKLOG) == 0, "listen");
    getsockname(fd, (struct sockaddr *)&a, &len);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

int loopback_dial(int port)
{
    struct sockaddr_in a = address(port);
    int fd = open_unpaced();
    must(connect(fd, (struct sockaddr *)&a, sizeof a) == 0, "connect");
    send_at_once(fd);
    return fd;
}

int loopback_accept(int listen_fd)
{
    int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK);
    must(fd >= 0, "accept");
    send_at_once(fd);
    return fd;
}
