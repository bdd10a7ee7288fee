/* The limits of HTTP, on sockets of this machine: how many connections, for how long, how much of a
 * head. Real time passes in one of them: the library looks at no clock but its own. */
#include "test.h"

#include "net/http.h"
#include "plat/net_posix.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* As http.c has them, and how long we would wait before we say that nothing comes. */
enum { AT_ONCE = 64, HEAD_BYTES = 16 * 1024, PATIENCE_S = 20, TRIES_MAX = 10000 };

static struct http *http;
static struct sock *listening;
static _Atomic int page_count;

static void page(void *ctx, const char *path, struct http_page *ret_page)
{
    atomic_fetch_add(&page_count, 1);
    buf_printf(&ret_page->body, "it is there\n");
}

static int set_up(void **state)
{
    atomic_store(&page_count, 0);
    assert_ok(net_listen(net_posix(), "127.0.0.1", 0, &listening));
    http = http_new(page, NULL);
    return 0;
}

static int tear_down(void **state)
{
    http_free(http);
    sock_close(listening);
    return 0;
}

/* The peer's side of a connection that HTTP was given. */
static int comer(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)sock_local_port(listening)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = PATIENCE_S};
    struct sock *s;
    enum err e;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    do {
        e = sock_accept(listening, &s);
    } while (e == ERR_AGAIN);
    assert_ok(e);
    http_take(http, s);
    return fd;
}

static void say(int fd, const char *text)
{
    ssize_t n = send(fd, text, strlen(text), MSG_NOSIGNAL);
    (void)n; /* who is turned away may be so before it speaks */
}

/* What comes until the other side closes. */
static const char *hear(int fd)
{
    static char text[4096];
    size_t len = 0;
    ssize_t n;
    do {
        n = recv(fd, text + len, sizeof text - 1 - len, 0);
        len += n > 0 ? (size_t)n : 0;
    } while (n > 0 && len < sizeof text - 1);
    assert_true(n == 0 || (n < 0 && errno == ECONNRESET)); /* it did close */
    text[len] = '\0';
    return text;
}

static const char request[] = "GET /page HTTP/1.0\r\n\r\n";

static bool is_served(void)
{
    int fd = comer();
    say(fd, request);
    bool is_there = strstr(hear(fd), "it is there") != NULL;
    close(fd);
    return is_there;
}

static void so_many_at_once(void **state)
{
    int fds[AT_ONCE]; /* the first of all: one that was closed may be counted a moment longer */
    for (int i = 0; i < AT_ONCE - 1; i++) {
        fds[i] = comer();
        say(fds[i], "GET /page HTTP/1.1\r\n"); /* and never the end of it */
    }
    fds[AT_ONCE - 1] = comer();
    assert_false(is_served());
    for (int i = 0; i < AT_ONCE; i++) {
        close(fds[i]);
    }
    int tries = 1;
    while (!is_served()) { /* as soon as the library has seen that they are gone */
        assert_true(tries++ < TRIES_MAX);
    }
}

static void who_is_silent_does_not_stay(void **state)
{
    int silent = comer();
    int slow = comer();
    say(slow, "GET /page HTTP/1.1\r\nhost:");
    (void)hear(silent);
    (void)hear(slow);
    assert_int_equal(atomic_load(&page_count), 0);
    close(silent);
    close(slow);
}

static void a_head_is_so_long_at_most(void **state)
{
    char head[HEAD_BYTES + 64] = "GET /page HTTP/1.0\r\nx: ";
    int fd = comer();
    memset(head + strlen(head), 'x', sizeof head - 5 - strlen(head));
    memcpy(head + sizeof head - 5, "\r\n\r\n", 5);
    say(fd, head);
    assert_null(strstr(hear(fd), "it is there"));
    assert_int_equal(atomic_load(&page_count), 0);
    close(fd);
    assert_true(is_served());
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(so_many_at_once),
        T(who_is_silent_does_not_stay),
        T(a_head_is_so_long_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
