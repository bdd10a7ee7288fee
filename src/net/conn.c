/* A connection's life, events and time. Loop thread only.
 *
 * connecting -> opening -> open -> closed. Opening lasts until the end of the step: on_open comes
 * from the loop. An open connection may be waiting (CONN_WAIT), muted, draining (CONN_CLOSE) or
 * ended (the peer sends no more), in any mix; it closes when it is draining or ended and nothing is
 * left to do or to send.
 *
 * A turn is one visit by the loop: read once, hand out, then flush once. What is sent outside of a
 * turn asks for one at the end of the step, so that replies that are completed together leave
 * together: those turns hand out one after the other, then send as one, then finish.
 *
 * refs: one while open, one for each reply that is not sent or dropped, one while it waits for
 * room in the budget, one for each callback that runs, and those of conn_ref. */
#include "base/assert.h"
#include "base/diag.h"
#include "base/mem.h"
#include "net/conn_int.h"
#include "net/http.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINES_PER_SECOND = 10 };

/* --- what connections of a loop share --- */

static void on_tick(struct timer *t)
{
    struct conn_shared *s = CONTAINER_OF(t, struct conn_shared, tick);
    conn_evict(s);
    if (!list_is_empty(&s->holders)) {
        loop_timer_set(s->loop, t, loop_now_ms(s->loop) + TICK_MS);
    }
}

static void on_soon(struct loop_task *t);

static void share(struct loop *loop)
{
    if (loop->shared != NULL) {
        return;
    }
    struct conn_shared *s = NEW(struct conn_shared);
    s->loop = loop;
    s->tick.fn = on_tick;
    s->soon_task.fn = on_soon;
    list_init(&s->soon);
    s->scratch = mem_alloc(SCRATCH_BYTES);
    list_init(&s->conns);
    list_init(&s->holders);
    loop->shared = s;
}

void conn_shared_free(struct conn_shared *s)
{
    if (s == NULL) {
        return;
    }
    ASSERT(list_is_empty(&s->conns));
    loop_timer_cancel(s->loop, &s->tick);
    conn_free_reply_pool(s);
    mem_free(s->scratch);
    mem_free(s);
}

void conn_close_all(struct loop *loop)
{
    if (loop->shared == NULL) {
        return;
    }
    struct list_node *n;
    while ((n = list_front(&loop->shared->conns)) != NULL) {
        conn_close(LIST_ENTRY(n, struct conn, node));
    }
}

/* At most so many lines a second; the first of the next second says how many are missing. */
static bool may_say(struct conn_shared *s)
{
    int64_t now_s = loop_now_ms(s->loop) / 1000;
    if (now_s != s->said_ms / 1000) {
        if (s->said_count > LINES_PER_SECOND) {
            diag_warn(DIAG_NET, "%d more connections closed for errors",
                      s->said_count - LINES_PER_SECOND);
        }
        s->said_count = 0;
        s->said_ms = loop_now_ms(s->loop);
    }
    return s->said_count++ < LINES_PER_SECOND;
}

void conn_fail(struct conn *c, enum err reason, const char *fmt, ...)
{
    if (!c->is_closed && (c->is_client || may_say(shared(c)))) {
        char text[256];
        va_list args;
        va_start(args, fmt);
        vsnprintf(text, sizeof text, fmt, args);
        va_end(args);
        diag(c->is_client ? DIAG_DEBUG : DIAG_WARN, DIAG_NET, "%s closed: %s", c->peer, text);
    }
    conn_close_for(c, reason);
}

/* --- life --- */

void conn_ref(struct conn *c) { c->refs++; }

void conn_unref(struct conn *c)
{
    ASSERT(c->refs > 0);
    if (--c->refs == 0) {
        ASSERT(c->is_closed && c->reply_count == 0 && c->rx.p == NULL);
        tls_free(c->tls);
        mem_free(c);
    }
}

void conn_enter(struct conn *c)
{
    conn_ref(c);
    c->calls++;
}

static void tell_closed(struct conn *c)
{
    c->owes_on_close = false;
    if (c->config->handler->on_close != NULL) {
        conn_enter(c);
        c->config->handler->on_close(c);
        conn_leave(c);
    }
}

void conn_leave(struct conn *c)
{
    if (--c->calls == 0 && c->is_closed) {
        conn_drop_input(c);
        if (c->owes_on_close) {
            tell_closed(c);
        }
    }
    conn_unref(c);
}

void conn_close_for(struct conn *c, enum err reason)
{
    if (c->is_closed) {
        return;
    }
    c->is_closed = true;
    c->reason = reason;
    if (c->sock != NULL) {
        if (c->tls != NULL && !c->is_connecting) {
            tls_end(c->tls);
        }
        loop_io_remove(c->loop, c->sock, &c->io);
        sock_close(c->sock);
        c->sock = NULL;
    }
    loop_timer_cancel(c->loop, &c->timer);
    if (list_is_linked(&c->soon)) {
        list_remove(&c->soon);
    }
    list_remove(&c->node);
    conn_drop_output(c);
    c->owes_on_close = true;
    if (c->calls == 0) {
        conn_drop_input(c); /* otherwise a frame in it may be in use: conn_leave does it */
        tell_closed(c);
    }
    conn_unref(c);
}

void conn_close(struct conn *c) { conn_close_for(c, OK); }

/* --- turns --- */

static void set_interest(struct conn *c, unsigned events)
{
    if (c->interest != events) {
        c->interest = (uint8_t)events;
        loop_io_set(c->loop, c->sock, &c->io, events);
    }
}

/* Reading is not given up before an event comes that cannot be used: often none comes. */
static void update_interest(struct conn *c)
{
    unsigned in = conn_may_read(c) ? NET_READABLE : c->is_ended ? 0u : c->interest & NET_READABLE;
    set_interest(c, in | (c->is_blocked ? NET_WRITABLE : 0u));
}

static bool is_done(const struct conn *c)
{
    return c->reply_count == 0 && !conn_has_secret_output(c) &&
           (c->is_draining || (c->is_ended && !c->has_held));
}

/* The answers to small requests that came with one wait leave together, at the end of the step: a
 * peer with many connections is woken once for all of them, not once for each. Where much came,
 * much is ahead, and the peer should know soon that it may go on. */
static bool may_answer_later(const struct conn *c, size_t came_bytes)
{
    return came_bytes > 0 && came_bytes < ANSWER_LATER_BYTES && !c->is_closed && !c->is_blocked &&
           conn_has_output(c);
}

static void finish_turn(struct conn *c)
{
    conn_flush(c);
    c->in_turn = false;
    if (c->is_closed) {
        return;
    }
    if (is_done(c)) {
        conn_close_for(c, c->is_draining ? OK : ERR_CLOSED);
        return;
    }
    if ((c->has_held && conn_may_hand_out(c)) || (!c->is_blocked && conn_has_output(c)) ||
        (conn_has_secret_input(c) && conn_may_read(c))) {
        conn_turn_soon(c);
    }
    update_interest(c);
}

static void open_now(struct conn *c)
{
    c->is_opening = false;
    if (c->config->handler->on_open != NULL) {
        conn_enter(c);
        c->config->handler->on_open(c);
        conn_leave(c);
    }
}

static void give_away(struct conn *c)
{
    struct sock *s = c->sock;
    loop_io_remove(c->loop, s, &c->io);
    c->sock = NULL;
    conn_enter(c);
    c->config->handler->on_http(c, s);
    conn_leave(c);
    conn_close_for(c, OK);
}

/* Looks at the first byte once, before anything is read. */
static void listen_to_first(struct conn *c)
{
    unsigned char first = 0;
    enum err e = sock_peek(c->sock, &first);
    if (e == ERR_AGAIN) {
        return;
    }
    c->is_unheard = false;
    if (!e && http_begins_with(first, c->frame_max_bytes)) {
        give_away(c);
    }
}

/* The handshake goes on as far as it can; true when it is done. */
static bool shake_hands(struct conn *c)
{
    enum err e = tls_handshake(c->tls);
    if (e == ERR_AGAIN) {
        c->is_blocked = tls_has_output(c->tls);
        set_interest(c, NET_READABLE | (c->is_blocked ? NET_WRITABLE : 0u));
    } else if (e) {
        conn_fail(c, e, "%s", e == ERR_TLS ? tls_why(c->tls) : err_text(e));
    } else {
        c->is_shaking = false;
        c->is_opening = true;
    }
    return e == OK;
}

/* All of a turn but its end; returns how much came. */
static size_t begin_turn(struct conn *c, unsigned events)
{
    size_t came_bytes = 0;
    if (c->is_shaking && !shake_hands(c)) {
        return 0;
    }
    events |= conn_has_secret_input(c) ? NET_READABLE : 0u;
    c->in_turn = true;
    if (c->is_opening) {
        open_now(c);
    }
    if (c->has_held && conn_may_hand_out(c)) {
        conn_hand_out_held(c);
    }
    if (c->is_unheard && events & NET_READABLE && !c->is_closed) {
        listen_to_first(c);
    }
    if (events & (NET_READABLE | NET_HANGUP) && !c->is_closed) {
        if (conn_may_read(c)) {
            came_bytes = conn_read_turn(c);
        } else if (events & NET_HANGUP) {
            conn_close_for(c, ERR_CLOSED);
        } else {
            set_interest(c, c->interest & ~(unsigned)NET_READABLE);
        }
    }
    if (events & NET_WRITABLE) {
        c->is_blocked = false;
    }
    return came_bytes;
}

static void turn(struct conn *c, unsigned events)
{
    size_t came_bytes = begin_turn(c, events);
    if (may_answer_later(c, came_bytes)) {
        c->in_turn = false;
        conn_turn_soon(c);
    } else if (c->in_turn) {
        finish_turn(c);
    }
}

static void finish_connect(struct conn *c)
{
    enum err e = sock_connected(c->sock);
    if (e == ERR_AGAIN) {
        return;
    }
    if (e) {
        conn_close_for(c, e);
        return;
    }
    c->is_connecting = false;
    c->is_shaking = c->tls != NULL;
    c->is_opening = !c->is_shaking;
    c->is_blocked = false;
    turn(c, 0);
}

static void on_io(struct loop_io *io, unsigned events)
{
    struct conn *c = CONTAINER_OF(io, struct conn, io);
    conn_ref(c);
    if (c->is_connecting) {
        finish_connect(c);
    } else {
        turn(c, events);
    }
    conn_unref(c);
}

/* The first of list, with a reference each; their turns have begun. */
static int begin_turns(struct list *list, struct conn **conns)
{
    struct list_node *n;
    int count = 0;
    while (count < CONN_TOGETHER_MAX && (n = list_pop_front(list)) != NULL) {
        struct conn *c = LIST_ENTRY(n, struct conn, soon);
        conn_ref(c);
        conns[count++] = c;
        (void)begin_turn(c, 0);
    }
    return count;
}

static void on_soon(struct loop_task *t)
{
    struct conn_shared *s = CONTAINER_OF(t, struct conn_shared, soon_task);
    struct conn *conns[CONN_TOGETHER_MAX];
    struct list now; /* apart: a turn that asks for another one gets it in the next step */
    list_init(&now);
    list_splice_back(&now, &s->soon);
    int count;
    while ((count = begin_turns(&now, conns)) > 0) {
        conn_flush_together(conns, count);
        for (int i = 0; i < count; i++) {
            if (conns[i]->in_turn) {
                finish_turn(conns[i]);
            }
            conn_unref(conns[i]);
        }
    }
}

void conn_turn_soon(struct conn *c)
{
    if (!c->is_connecting && !list_is_linked(&c->soon)) {
        list_push_back(&shared(c)->soon, &c->soon);
        loop_defer(c->loop, &shared(c)->soon_task);
    }
}

/* --- time --- */

void conn_wake_at(struct conn *c, int64_t deadline_ms)
{
    if (!loop_timer_is_set(&c->timer) || deadline_ms < c->timer.deadline_ms) {
        loop_timer_set(c->loop, &c->timer, deadline_ms);
    }
}

bool conn_is_busy(const struct conn *c)
{
    return c->is_waiting || c->is_muted || c->is_queued || (c->reply_count > 0 && !c->is_blocked);
}

static void check_idle(struct conn *c)
{
    int64_t now_ms = loop_now_ms(c->loop);
    int64_t max_ms = c->config->idle_max_ms;
    if (max_ms <= 0) {
        return;
    }
    if (conn_is_busy(c)) {
        c->active_ms = now_ms;
    }
    if (now_ms - c->active_ms >= max_ms) {
        diag_debug(DIAG_NET, "%s closed: %s", c->peer, c->is_blocked ? "it reads nothing" : "idle");
        conn_close_for(c, OK);
        return;
    }
    conn_wake_at(c, c->active_ms + max_ms);
}

static void check_lease(struct conn *c)
{
    if (!c->rx.has_lane) {
        return;
    }
    if (loop_now_ms(c->loop) >= c->lease_ms) {
        conn_fail(c, ERR_BUDGET, "its frame comes too slowly while memory is short");
        return;
    }
    conn_wake_at(c, c->lease_ms);
}

static void check_mute(struct conn *c)
{
    if (!c->is_muted) {
        return;
    }
    if (loop_now_ms(c->loop) >= c->mute_ms) {
        c->is_muted = false;
        c->active_ms = loop_now_ms(c->loop);
        conn_turn_soon(c);
        return;
    }
    conn_wake_at(c, c->mute_ms);
}

static void on_timer(struct timer *t)
{
    struct conn *c = CONTAINER_OF(t, struct conn, timer);
    conn_ref(c);
    check_mute(c);
    check_lease(c);
    if (!c->is_closed) {
        check_idle(c);
    }
    conn_unref(c);
}

void conn_mute_until(struct conn *c, int64_t deadline_ms)
{
    if (c->is_closed || deadline_ms <= loop_now_ms(c->loop)) {
        return;
    }
    c->mute_ms = c->is_muted ? MAX(c->mute_ms, deadline_ms) : deadline_ms;
    c->is_muted = true;
    conn_wake_at(c, c->mute_ms);
}

void conn_resume(struct conn *c)
{
    c->is_resumed = true;
    if (c->is_waiting) {
        c->is_waiting = false;
        if (!c->is_closed) {
            conn_turn_soon(c);
        }
    }
}

/* --- making one --- */

void conn_set_frame_max(struct conn *c, size_t bytes)
{
    size_t max = MIN(c->config->frame_max_bytes, (size_t)INT32_MAX);
    max = MIN(max, net_budget_frame_max(c->config->budget) - FRAME_PREFIX_BYTES);
    c->frame_max_bytes = MIN(bytes, max);
}

static void init(struct conn *c, struct loop *loop, struct sock *s,
                 const struct conn_config *config)
{
    static atomic_uint_fast64_t last_id;
    *c = (struct conn){
        .io = {on_io},
        .loop = loop,
        .sock = s,
        .tls = config->tls ? tls_new(config->tls, s) : NULL,
        .config = config,
        .id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1,
        .timer = {.fn = on_timer},
        .active_ms = loop_now_ms(loop),
        .read_bytes = READ_FIRST_BYTES,
        .refs = 1,
    };
    conn_set_frame_max(c, SIZE_MAX);
    list_init(&c->replies);
    sock_peer_name(s, c->peer);
}

static enum err conn_new(struct loop *loop, struct sock *s, const struct conn_config *config,
                         unsigned interest, struct conn **ret_conn)
{
    share(loop);
    struct conn *c = mem_try(sizeof *c);
    enum err e = c ? OK : ERR_NO_MEMORY;
    if (!e) {
        init(c, loop, s, config);
        c->interest = (uint8_t)interest;
        e = config->tls != NULL && c->tls == NULL ? ERR_NO_MEMORY
                                                  : loop_io_add(loop, s, &c->io, interest);
    }
    if (e) {
        tls_free(c ? c->tls : NULL);
        mem_free(c);
        sock_close(s);
        return e;
    }
    list_push_back(&loop->shared->conns, &c->node);
    if (config->idle_max_ms > 0) {
        conn_wake_at(c, c->active_ms + config->idle_max_ms);
    }
    *ret_conn = c;
    return OK;
}

enum err conn_open(struct loop *loop, struct sock *s, const struct conn_config *config,
                   struct conn **ret_conn)
{
    struct conn *c;
    enum err e = conn_new(loop, s, config, NET_READABLE, &c);
    if (e) {
        return e;
    }
    c->is_shaking = c->tls != NULL;
    c->is_opening = !c->is_shaking;
    c->is_unheard = config->handler->on_http != NULL && c->tls == NULL;
    conn_turn_soon(c);
    *ret_conn = c;
    return OK;
}

enum err conn_connect(struct loop *loop, const char *address, int port,
                      const struct conn_config *config, struct conn **ret_conn)
{
    struct sock *s;
    struct conn *c;
    enum err e = net_connect(loop->net, address, port, &s);
    if (e) {
        return e;
    }
    e = conn_new(loop, s, config, NET_WRITABLE, &c);
    if (e) {
        return e;
    }
    c->is_client = true;
    c->is_connecting = true;
    c->is_blocked = true;
    *ret_conn = c;
    return OK;
}

enum err conn_set_peer(struct conn *c, const char *host) { return tls_set_peer(c->tls, host); }

/* --- what it tells --- */

struct loop *conn_loop(const struct conn *c) { return c->loop; }
void *conn_ctx(const struct conn *c) { return c->config->ctx; }
void *conn_user(const struct conn *c) { return c->user; }
void conn_set_user(struct conn *c, void *user) { c->user = user; }
const char *conn_peer(const struct conn *c) { return c->peer; }
uint64_t conn_id(const struct conn *c) { return c->id; }
bool conn_is_closed(const struct conn *c) { return c->is_closed; }
enum err conn_close_reason(const struct conn *c) { return c->reason; }

const char *conn_close_text(const struct conn *c)
{
    if (c->is_shaking && c->reason == ERR_CLOSED) {
        return "closed in the TLS handshake; maybe it does not speak TLS (security.protocol)";
    }
    return c->tls ? tls_why(c->tls) : "";
}
