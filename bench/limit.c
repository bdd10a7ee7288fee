/* What this machine can do at the most: the work of a broker with the broker left out. A server
 * thread on one core does the system calls that nobody can do without, a client on the other keeps
 * it busy, and the figure is the server's own processor time for each GB.
 *
 *   ottla-limit ingest DIR   receive, CRC-32C, write to the page cache, acknowledge each chunk
 *   ottla-limit commit DIR   the same, with one fdatasync of each file before the acknowledgement
 *                            of all that came meanwhile; --files are shared by the connections
 *   ottla-limit send DIR     answer each small request with bytes of a file by sendfile; with
 * --pace so often a second, all that have asked: clients sleep between, as readers at a log's end
 * do ottla-limit copy DIR     the same by pread and send ottla-limit echo DIR     give back each
 * request as it came ottla-limit relay DIR    store pieces that come at a steady rate, and give
 * them to a reader; the figure is their delay (limit_relay.c)
 *
 *   [--send-buffer bytes] [--seconds 2] [--conns 4] [--files 4] [--chunk bytes of a request or
 *   answer] [--file-mib what is sent] [--rate pieces a second] [--pace times a second] */
#include "limit_relay.h"
#include "loopback.h"

#include "base/attr.h"
#include "base/crc.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    CONNS_MAX = 64,
    ASK_BYTES = 100, /* a small request */
    ACK_BYTES = 50,
    WINDOW = 5, /* requests on their way, as a Kafka producer has them */
    READ_BYTES = 256 * 1024,
    SERVER_CPU = RELAY_SERVER_CPU,
    CLIENT_CPU = RELAY_CLIENT_CPU,
};

enum mode { INGEST, COMMIT, SEND, COPY, ECHO, RELAY };

static enum mode mode;
static const char *dir;
static double seconds = 2;
static int conn_count = 4;
static int file_count; /* 0: as many as connections */
static size_t chunk_bytes = 64 * 1024;
static size_t file_bytes = 512 << 20;
static int send_buffer; /* 0: the kernel chooses */
static double rate = 10000;
static double pace; /* 0: at once */
static atomic_bool is_over;

struct server_conn {
    int fd;
    int file;         /* the descriptor; that of the lead's in those that share it */
    off_t pos;        /* a lead's: of its file */
    bool is_dirty;    /* a lead's: written since the last sync */
    size_t ack_count; /* due after the sync */
    size_t got, left; /* of a request; of an answer */
    size_t asked;     /* bytes of answers that wait for their time */
    uint32_t crc;
};

struct server {
    int listen_fd, port;
    struct server_conn conns[CONNS_MAX];
    double cpu_s, seconds, bytes;
};

static void poll_add(int ep, int fd, int index, unsigned events)
{
    struct epoll_event ev = {.events = events, .data.u32 = (uint32_t)index};
    must(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0, "epoll");
}

/* --- the client --- */

struct client_conn {
    int fd;
    size_t owed; /* bytes of requests that may still be sent */
    size_t got;  /* bytes of answers */
};

static bool is_write(void) { return mode == INGEST || mode == COMMIT; }
static bool has_large_asks(void) { return is_write() || mode == ECHO; }
static size_t ask_bytes(void) { return has_large_asks() ? chunk_bytes : ASK_BYTES; }
static size_t answer_bytes(void) { return is_write() ? ACK_BYTES : chunk_bytes; }

static void client_send(struct client_conn *c, const uint8_t *data)
{
    while (c->owed > 0) {
        ssize_t n = send(c->fd, data, MIN(c->owed, ask_bytes()), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n <= 0) {
            must(n < 0 && errno == EAGAIN, "send");
            return;
        }
        c->owed -= (size_t)n;
    }
}

static void client_turn(struct client_conn *c, uint8_t *in, const uint8_t *data)
{
    ssize_t n = recv(c->fd, in, READ_BYTES * 4, MSG_DONTWAIT);
    if (n > 0) {
        c->got += (size_t)n;
        c->owed += c->got / answer_bytes() * ask_bytes();
        c->got %= answer_bytes();
    } else {
        must(n < 0 && errno == EAGAIN, "recv");
    }
    client_send(c, data);
}

static void *client(void *ctx)
{
    const struct server *s = ctx;
    struct client_conn conns[CONNS_MAX] = {{0}};
    struct epoll_event events[CONNS_MAX];
    uint8_t *in = mem_alloc(READ_BYTES * 4), *data = mem_alloc(ask_bytes());
    int ep = epoll_create1(0);
    pin(CLIENT_CPU);
    memset(data, 'x', ask_bytes());
    for (int i = 0; i < conn_count; i++) {
        conns[i] = (struct client_conn){.fd = loopback_dial(s->port)};
        conns[i].owed = (is_write() && file_count == conn_count ? WINDOW : 1) * ask_bytes();
        poll_add(ep, conns[i].fd, i, EPOLLIN | EPOLLOUT | EPOLLET);
        client_send(&conns[i], data);
    }
    while (!atomic_load(&is_over)) {
        int n = epoll_wait(ep, events, CONNS_MAX, 10);
        for (int i = 0; i < n; i++) {
            client_turn(&conns[events[i].data.u32], in, data);
        }
    }
    for (int i = 0; i < conn_count; i++) {
        close(conns[i].fd);
    }
    close(ep);
    mem_free(in);
    mem_free(data);
    return NULL;
}

/* --- the server --- */

static void path_of(char *path, size_t len, int i) { snprintf(path, len, "%s/limit-%d", dir, i); }

static int open_file(int i)
{
    char path[4096];
    path_of(path, sizeof path, i);
    int fd = open(path, O_RDWR | O_CREAT, 0644);
    must(fd >= 0, path);
    return fd;
}

static void fill_file(int fd, uint8_t *buffer)
{
    memset(buffer, 'y', READ_BYTES);
    for (size_t at = 0; at < file_bytes; at += READ_BYTES) {
        must(pwrite(fd, buffer, READ_BYTES, (off_t)at) == READ_BYTES, "pwrite");
    }
}

static void give_acks(struct server_conn *c)
{
    static uint8_t acks[READ_BYTES];
    size_t n = MIN(c->ack_count, sizeof acks / ACK_BYTES);
    if (n > 0) {
        (void)send(c->fd, acks, n * ACK_BYTES, MSG_NOSIGNAL);
        c->ack_count -= n;
    }
}

static void ingest_turn(struct server *s, struct server_conn *c, uint8_t *buffer)
{
    struct server_conn *lead = &s->conns[(c - s->conns) % file_count];
    ssize_t n = recv(c->fd, buffer, READ_BYTES, MSG_DONTWAIT);
    if (n <= 0) {
        return;
    }
    c->crc = crc32c(c->crc, buffer, (size_t)n);
    must(pwrite(lead->file, buffer, (size_t)n, lead->pos) == n, "pwrite");
    lead->pos += n; /* on and on, as a log: new pages are part of the work */
    lead->is_dirty = true;
    s->bytes += (double)n;
    c->got += (size_t)n;
    c->ack_count += c->got / chunk_bytes;
    c->got %= chunk_bytes;
    if (mode == INGEST) {
        give_acks(c);
    }
}

/* Group commit: whatever was received by now shares a sync of its file. */
static void commit_all(struct server *s)
{
    for (int i = 0; i < file_count; i++) {
        if (s->conns[i].is_dirty) {
            must(fdatasync(s->conns[i].file) == 0, "fdatasync");
            s->conns[i].is_dirty = false;
        }
    }
    for (int i = 0; i < conn_count; i++) {
        give_acks(&s->conns[i]);
    }
}

static ssize_t give(struct server_conn *c, uint8_t *buffer)
{
    if (mode == SEND) {
        off_t at = c->pos;
        return sendfile(c->fd, c->file, &at, c->left);
    }
    ssize_t n = pread(c->file, buffer, MIN(c->left, (size_t)READ_BYTES * 4), c->pos);
    must(n > 0, "pread");
    return send(c->fd, buffer, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void give_all(struct server *s, struct server_conn *c, uint8_t *buffer)
{
    ssize_t n;
    while (c->left > 0 && (n = give(c, buffer)) > 0) {
        c->left -= (size_t)n;
        c->pos += n;
        if (c->pos + (off_t)chunk_bytes > (off_t)file_bytes) {
            c->pos = 0;
        }
        s->bytes += (double)n;
    }
}

/* Something new for all who wait. */
static void tick(struct server *s, int timer, uint8_t *buffer)
{
    uint64_t times;
    (void)!read(timer, &times, sizeof times);
    for (int i = 0; i < conn_count; i++) {
        struct server_conn *c = &s->conns[i];
        c->left += c->asked;
        c->asked = 0;
        give_all(s, c, buffer);
    }
}

static void send_turn(struct server *s, struct server_conn *c, uint8_t *buffer)
{
    ssize_t n = recv(c->fd, buffer, READ_BYTES, MSG_DONTWAIT);
    if (n > 0) {
        c->got += (size_t)n;
        c->asked += c->got / ASK_BYTES * chunk_bytes;
        c->got %= ASK_BYTES;
    }
    if (pace == 0) {
        c->left += c->asked;
        c->asked = 0;
    }
    give_all(s, c, buffer);
}

static void echo_turn(struct server *s, struct server_conn *c, uint8_t *buffer)
{
    ssize_t n = recv(c->fd, buffer, READ_BYTES, MSG_DONTWAIT);
    if (n > 0) {
        s->bytes += (double)n;
        must(send(c->fd, buffer, (size_t)n, MSG_NOSIGNAL) == n, "send");
    }
}

static void turn(struct server *s, struct server_conn *c, uint8_t *buffer)
{
    switch (mode) {
    case INGEST:
    case COMMIT:
        ingest_turn(s, c, buffer);
        break;
    case SEND:
    case COPY:
        send_turn(s, c, buffer);
        break;
    case ECHO:
        echo_turn(s, c, buffer);
        break;
    case RELAY: /* serves itself */
        break;
    }
}

static void accept_all(struct server *s, int ep)
{
    for (int i = 0; i < conn_count; i++) {
        struct server_conn *c = &s->conns[i];
        c->fd = loopback_accept(s->listen_fd);
        if (send_buffer > 0) {
            setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
        }
        poll_add(ep, c->fd, i, has_large_asks() ? EPOLLIN : EPOLLIN | EPOLLOUT | EPOLLET);
    }
}

static int start_timer(int ep)
{
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct timespec every = {0, (long)(1e9 / pace)};
    must(timer >= 0 && pace > 1 &&
             timerfd_settime(timer, 0, &(struct itimerspec){every, every}, NULL) == 0,
         "timer");
    poll_add(ep, timer, conn_count, EPOLLIN);
    return timer;
}

static void serve(struct server *s, int ep, uint8_t *buffer)
{
    struct epoll_event events[CONNS_MAX];
    int timer = pace > 0 ? start_timer(ep) : -1;
    double begin_s = now_s(CLOCK_MONOTONIC), begin_cpu_s = now_s(CLOCK_THREAD_CPUTIME_ID);
    while (now_s(CLOCK_MONOTONIC) - begin_s < seconds) {
        int n = epoll_wait(ep, events, CONNS_MAX, 10);
        for (int i = 0; i < n; i++) {
            int at = (int)events[i].data.u32;
            if (at == conn_count) {
                tick(s, timer, buffer);
            } else {
                turn(s, &s->conns[at], buffer);
            }
        }
        if (mode == COMMIT) {
            commit_all(s);
        }
    }
    s->seconds = now_s(CLOCK_MONOTONIC) - begin_s;
    s->cpu_s = now_s(CLOCK_THREAD_CPUTIME_ID) - begin_cpu_s;
}

static void run(struct server *s)
{
    pthread_t t;
    uint8_t *buffer = mem_alloc(READ_BYTES * 4);
    int ep = epoll_create1(0);
    s->listen_fd = loopback_listen(&s->port);
    for (int i = 0; i < conn_count; i++) {
        s->conns[i].file = open_file(i);
        if (mode == SEND || mode == COPY) {
            fill_file(s->conns[i].file, buffer);
        }
    }
    must(pthread_create(&t, NULL, client, s) == 0, "thread");
    pin(SERVER_CPU);
    accept_all(s, ep);
    serve(s, ep, buffer);
    atomic_store(&is_over, true);
    pthread_join(t, NULL);
    for (int i = 0; i < conn_count; i++) {
        char path[4096];
        path_of(path, sizeof path, i);
        unlink(path);
    }
    mem_free(buffer);
}

static void relay(void)
{
    char path[4096];
    struct relay_load load = {.rate = rate, .seconds = seconds, .settle_s = 1};
    load.piece_bytes = chunk_bytes;
    load.file = open_file(0);
    relay_run(&load);
    path_of(path, sizeof path, 0);
    unlink(path);
}

static void set(const char *name, const char *value)
{
    if (strcmp(name, "--seconds") == 0) {
        seconds = strtod(value, NULL);
    } else if (strcmp(name, "--conns") == 0) {
        conn_count = MIN(MAX(atoi(value), 1), CONNS_MAX);
    } else if (strcmp(name, "--files") == 0) {
        file_count = atoi(value);
    } else if (strcmp(name, "--chunk") == 0) {
        chunk_bytes = strtoul(value, NULL, 10);
    } else if (strcmp(name, "--rate") == 0) {
        rate = strtod(value, NULL);
    } else if (strcmp(name, "--pace") == 0) {
        pace = strtod(value, NULL);
    } else if (strcmp(name, "--send-buffer") == 0) {
        send_buffer = atoi(value);
    } else if (strcmp(name, "--file-mib") == 0) {
        file_bytes = strtoul(value, NULL, 10) << 20;
    } else {
        errno = EINVAL;
        must(false, name);
    }
}

int main(int argc, char **argv)
{
    static const char *const modes[] = {
        [INGEST] = "ingest", [COMMIT] = "commit", [SEND] = "send",
        [COPY] = "copy",     [ECHO] = "echo",     [RELAY] = "relay"};
    static struct server s;
    bool is_known = false;
    for (size_t i = 0; argc > 2 && i < ARRAY_LEN(modes); i++) {
        if (strcmp(argv[1], modes[i]) == 0) {
            mode = (enum mode)i;
            is_known = true;
        }
    }
    errno = EINVAL;
    must(is_known && argc % 2 == 1,
         "usage: ottla-limit ingest|commit|send|copy|echo|relay DIR [--option value]...");
    dir = argv[2];
    for (int i = 3; i + 1 < argc; i += 2) {
        set(argv[i], argv[i + 1]);
    }
    file_count = file_count < 1 ? conn_count : MIN(file_count, conn_count);
    if (mode == RELAY) {
        relay();
        return 0;
    }
    run(&s);
    printf("{\"bytes\": %.0f, \"seconds\": %.6f, \"cpu_s\": %.6f}\n", s.bytes, s.seconds, s.cpu_s);
    return 0;
}
