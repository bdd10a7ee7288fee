/* A server's loop over the network in memory, and peers that write and read raw bytes. What the
 * server does with a frame is its first byte:
 *   e  answers at once with the frame itself
 *   p  parks: the test answers later (world.parked)
 *   w  parks and says CONN_WAIT
 *   s  skips the reply
 *   c  answers, then CONN_CLOSE
 *   x  answers, then conn_close
 *   m  answers and mutes for 100 ms
 *   r  conn_resume, then CONN_WAIT */
#ifndef TEST_UNIT_NET_WORLD_H
#define TEST_UNIT_NET_WORLD_H

#include "test.h"

#include "base/buf.h"
#include "base/diag.h"
#include "base/endian.h"
#include "base/mem.h"
#include "net/conn.h"
#include "simnet.h"

#include <stdio.h>

enum { PARKED_MAX = 4096, MiB = 1024 * 1024 };

struct world {
    struct simnet net;
    struct simclock clock;
    struct loop *loop;
    struct net_budget *budget;
    struct conn_config config;

    struct reply *parked[PARKED_MAX];
    int parked_count;
    int open_count, close_count, frame_count;
    uint64_t frame_bytes;
    uint64_t frame_hash; /* of all frames in order */
    struct conn *last_conn;
    enum err last_reason;
    int line_count; /* of diag */
};

static struct world world;

static void count_line(void *ctx, enum diag_level level, const char *area, const char *text)
{
    world.line_count++;
}

static inline void answer(struct reply *r, const void *p, size_t len)
{
    struct sendvec v;
    uint8_t *copy = mem_alloc(len);
    memcpy(copy, p, len);
    sendvec_init(&v);
    sendvec_add_bytes(&v, (struct bytes){copy, len}, copy);
    reply_send(r, &v);
}

static inline void answer_str(struct reply *r, const char *s) { answer(r, s, strlen(s)); }

static void world_on_open(struct conn *c)
{
    world.open_count++;
    world.last_conn = c;
}

static void world_on_close(struct conn *c)
{
    world.close_count++;
    world.last_reason = conn_close_reason(c);
}

static enum conn_next world_on_frame(struct conn *c, uint8_t *frame, size_t len)
{
    struct world *w = conn_ctx(c);
    struct reply *r = conn_reply_begin(c);
    char what = len > 0 ? (char)frame[0] : 'e';
    w->frame_count++;
    w->frame_bytes += len;
    w->frame_hash = str_hash((struct str){(char *)frame, len}, w->frame_hash * 31);
    w->last_conn = c;
    if (what == 'p' || what == 'w') {
        w->parked[w->parked_count++] = r;
        return what == 'w' ? CONN_WAIT : CONN_CONTINUE;
    }
    if (what == 's') {
        reply_skip(r);
        return CONN_CONTINUE;
    }
    answer(r, frame, len);
    if (what == 'x') {
        conn_close(c);
        memset(frame, 0xee, len); /* still ours */
    } else if (what == 'm') {
        conn_mute_until(c, loop_now_ms(conn_loop(c)) + 100);
    } else if (what == 'r') {
        conn_resume(c);
        return CONN_WAIT;
    }
    return what == 'c' ? CONN_CLOSE : CONN_CONTINUE;
}

static const struct conn_handler world_handler = {
    .on_open = world_on_open, .on_frame = world_on_frame, .on_close = world_on_close};

static inline void world_init(size_t budget_bytes)
{
    world = (struct world){0};
    diag_set_sink(count_line, NULL);
    simnet_init(&world.net);
    simclock_init(&world.clock);
    assert_ok(loop_new(&world.net.net, &world.clock.clock, &world.loop));
    world.budget = net_budget_new(budget_bytes);
    world.config = (struct conn_config){
        .handler = &world_handler,
        .ctx = &world,
        .frame_max_bytes = 100 * 1024 * 1024,
        .output_max_bytes = 1024 * 1024,
        .idle_max_ms = 600000,
        .budget = world.budget,
    };
}

/* Everything is given back: sockets, replies, memory. */
static inline void world_deinit(void)
{
    conn_close_all(world.loop);
    assert_int_equal(world.parked_count, 0);
    loop_free(world.loop);
    assert_int_equal(net_budget_used_bytes(world.budget), 0);
    net_budget_free(world.budget);
    assert_int_equal(world.net.sock_count, 0);
    diag_set_sink(NULL, NULL);
}

/* Steps until nothing happens. */
static inline int world_run(void)
{
    int total = 0;
    int n;
    do {
        n = loop_step(world.loop, 0);
        total += n;
        assert_true(total < 10000000);
    } while (n > 0);
    return total;
}

static inline void world_pass_ms(int64_t ms)
{
    simclock_add_ms(&world.clock, ms);
    world_run();
}

static inline void world_pass_slowly_ms(int64_t ms)
{
    for (; ms > 0; ms -= 100) {
        world_pass_ms(MIN(ms, 100));
    }
}

/* A peer of a new connection of the server. */
static inline struct sock *peer_new(void)
{
    struct sock *pair[2];
    struct conn *c;
    simnet_pair(&world.net, pair);
    assert_ok(conn_open(world.loop, pair[1], &world.config, &c));
    return pair[0];
}

static inline void peer_write_some(struct sock *s, const void *p, size_t len, size_t *ret_n)
{
    struct iovec iov = {(void *)(uintptr_t)p, len};
    *ret_n = 0;
    enum err e = sock_writev(s, &iov, 1, 0, ret_n);
    assert_true(e == OK || e == ERR_AGAIN || e == ERR_CLOSED);
}

/* All of it, letting the server work when the window is full. */
static inline void peer_write(struct sock *s, const void *p, size_t len)
{
    for (size_t at = 0, n; at < len; at += n) {
        peer_write_some(s, (const char *)p + at, len - at, &n);
        if (n == 0) {
            assert_true(world_run() > 0);
        }
    }
}

static inline void put_frame(struct buf *b, const void *p, size_t len)
{
    buf_put_be32(b, (uint32_t)len);
    buf_put(b, p, len);
}

static inline void peer_ask(struct sock *s, const char *frame)
{
    struct buf b = BUF_INIT;
    put_frame(&b, frame, strlen(frame));
    peer_write(s, b.p, b.len);
    buf_deinit(&b);
}

/* Appends what can be read now; the reason why no more. AGAIN, CLOSED, or OK at the end. */
static inline enum err peer_read(struct sock *s, struct buf *to)
{
    for (;;) {
        uint8_t *p = buf_reserve(to, 65536);
        struct iovec iov = {p, 65536};
        size_t n = 0;
        enum err e = sock_readv(s, &iov, 1, &n);
        if (e || n == 0) {
            return e;
        }
        to->len += n;
    }
}

/* Runs the server and reads until nothing moves any more. */
static inline enum err peer_read_all(struct sock *s, struct buf *to)
{
    enum err e;
    size_t before;
    do {
        before = to->len;
        int n = world_run();
        e = peer_read(s, to);
        if (n == 0 && to->len == before) {
            break;
        }
    } while (e == ERR_AGAIN);
    return e;
}

/* The responses so far, joined by ','; a frame longer than 20 bytes is given as its length. */
static inline const char *frames_text(struct buf *in)
{
    static char text[8192];
    size_t at = 0;
    int len = 0;
    text[0] = '\0';
    while (at + 4 <= in->len) {
        size_t size = be32_get(in->p + at);
        at += 4;
        if (at + size > in->len) {
            len += snprintf(text + len, sizeof text - (size_t)len, "partial,");
            break;
        }
        if (size > 20) {
            len += snprintf(text + len, sizeof text - (size_t)len, "%zu,", size);
        } else {
            len += snprintf(text + len, sizeof text - (size_t)len, "%.*s,", (int)size, in->p + at);
        }
        at += size;
    }
    return text;
}

static inline int world_set_up(void **state)
{
    world_init(64 * MiB);
    return 0;
}

static inline int world_tear_down(void **state)
{
    world_deinit();
    return 0;
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_set_up, world_tear_down)

#define assert_answers(s, want)                                                                    \
    do {                                                                                           \
        struct buf got_ = BUF_INIT;                                                                \
        (void)peer_read_all((s), &got_);                                                           \
        assert_string_equal(frames_text(&got_), (want));                                           \
        buf_deinit(&got_);                                                                         \
    } while (0)

/* Answers the i-th parked request; the others keep their places. */
static inline void answer_parked(int i, const char *text)
{
    assert_true(i < world.parked_count);
    answer_str(world.parked[i], text);
    world.parked[i] = NULL;
    while (world.parked_count > 0 && world.parked[world.parked_count - 1] == NULL) {
        world.parked_count--;
    }
}

#endif
