/* Accepting. Loop thread only.
 *
 * A turn accepts a bounded number. With no descriptors left the peers in the queue are told so by
 * closing theirs (shed), and a line is said once a second. When not even that works the listener
 * rests for a moment instead of spinning: its socket stays ready all the time. */
#include "base/diag.h"
#include "base/mem.h"
#include "net/conn.h"

enum { ACCEPTS_PER_TURN = 64, REST_MS = 100, SAY_MS = 1000 };

struct listener {
    struct loop_io io;
    struct loop *loop;
    struct sock *sock;
    void (*on_accept)(void *ctx, struct sock *s);
    void *ctx;
    struct timer rest;
    int64_t said_ms; /* the last line about shedding */
    int shed_count;  /* since then */
    bool is_closed, in_turn;
};

static void say_shed(struct listener *l, enum err why)
{
    int64_t now_ms = loop_now_ms(l->loop);
    if (now_ms - l->said_ms >= SAY_MS) {
        diag_error(DIAG_NET, "%s: %d connections turned away", err_text(why), l->shed_count);
        l->said_ms = now_ms;
        l->shed_count = 0;
    }
}

static void rest(struct listener *l)
{
    loop_io_set(l->loop, l->sock, &l->io, 0);
    loop_timer_set(l->loop, &l->rest, loop_now_ms(l->loop) + REST_MS);
}

static void on_rested(struct timer *t)
{
    struct listener *l = CONTAINER_OF(t, struct listener, rest);
    loop_io_set(l->loop, l->sock, &l->io, NET_READABLE);
}

/* False when there is nothing more to do in this turn. */
static bool turn_away(struct listener *l, enum err why)
{
    enum err e = why == ERR_NO_FDS ? sock_shed(l->sock) : why;
    if (e == ERR_AGAIN) {
        return false;
    }
    l->shed_count += e == OK;
    say_shed(l, why);
    if (e) {
        rest(l);
        return false;
    }
    return true;
}

static bool accept_one(struct listener *l)
{
    struct sock *s;
    enum err e = sock_accept(l->sock, &s);
    if (e == ERR_AGAIN) {
        return false;
    }
    if (e) {
        return turn_away(l, e);
    }
    l->on_accept(l->ctx, s);
    return true;
}

static void on_readable(struct loop_io *io, unsigned events)
{
    struct listener *l = CONTAINER_OF(io, struct listener, io);
    (void)events;
    l->in_turn = true;
    for (int i = 0; i < ACCEPTS_PER_TURN && !l->is_closed && accept_one(l); i++) {
    }
    l->in_turn = false;
    if (l->is_closed) {
        mem_free(l);
    }
}

enum err listener_open(struct loop *loop, const char *host, int port,
                       void (*on_accept)(void *ctx, struct sock *s), void *ctx,
                       struct listener **ret_listener)
{
    struct sock *s;
    enum err e = net_listen(loop_net(loop), host, port, &s);
    if (e) {
        return e;
    }
    struct listener *l = NEW(struct listener);
    *l = (struct listener){
        .io = {on_readable},
        .loop = loop,
        .sock = s,
        .on_accept = on_accept,
        .ctx = ctx,
        .rest = {.fn = on_rested},
        .said_ms = loop_now_ms(loop) - SAY_MS,
    };
    e = loop_io_add(loop, s, &l->io, NET_READABLE);
    if (e) {
        sock_close(s);
        mem_free(l);
        return e;
    }
    *ret_listener = l;
    return OK;
}

int listener_port(const struct listener *l) { return sock_local_port(l->sock); }

void listener_close(struct listener *l)
{
    loop_timer_cancel(l->loop, &l->rest);
    loop_io_remove(l->loop, l->sock, &l->io);
    sock_close(l->sock);
    l->is_closed = true;
    if (!l->in_turn) {
        mem_free(l);
    }
}
