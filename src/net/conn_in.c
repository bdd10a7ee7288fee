/* From bytes to frames. Loop thread only.
 *
 * A read goes into the loop's scratch, where frames are handed out in place; only what is left, a
 * partial frame or frames that nobody can take now, moves into a buffer of the connection (rx). The
 * rest of a larger partial frame is read straight into that buffer, which grows by what has
 * arrived, never by what the length claims; what follows the frame goes to the scratch in the same
 * call.
 *
 * rx is charged to the budget. While memory is short (net_budget_is_pressed) the scratch is not
 * used, because what is left of a read would have to be kept: reads go into rx only, for which room
 * is taken before. A connection that finds no room queues for it and does not read. While memory is
 * short these are closed: one that holds memory and makes too little progress, one whose frame has
 * been under way for too long, one that uses the lane for longer than its lease. */
#include "base/assert.h"
#include "base/endian.h"
#include "base/mem.h"
#include "net/conn_int.h"

enum {
    CARRY_MAX_BYTES = 4096, /* so much of a partial frame is copied in front of the next read */
    RX_MIN_BYTES = 64,
    FRESH_BYTES = 1024,           /* first buffer of a frame of which nothing is known */
    GROW_FAST_BYTES = 128 * 1024, /* buffers grow fourfold below, twofold beyond */
    HINT_MAX_BYTES = 1024 * 1024, /* what a connection proved before counts up to here */
    /* While memory is short a frame gains so much in such a time, or its connection is closed. */
    STALL_BYTES = 16 * 1024,
    STALL_MS = 5000,
    /* A frame that is older, by more than its bytes excuse, does not wait for memory any longer:
     * its client has given up by then, or is about to. */
    AGE_MAX_MS = 15 * 1000,
    AGE_BYTES_PER_MS = 256,
    /* In the lane it comes at such a rate. */
    LEASE_MS = 5000,
    LEASE_BYTES_PER_MS = 1024,
};

/* A server hears no more of a peer that does not take its answers. A client must hear: what it has
 * to send may well wait for the other side to get rid of its responses. */
static bool is_output_full(const struct conn *c)
{
    return !c->is_client &&
           (c->output_bytes > c->config->output_max_bytes || c->reply_count >= REPLIES_MAX);
}

bool conn_may_hand_out(const struct conn *c)
{
    return !(c->is_closed | c->is_connecting | c->is_shaking | c->is_opening | c->is_waiting |
             c->is_muted | c->is_draining) &&
           !is_output_full(c);
}

bool conn_may_read(const struct conn *c)
{
    return conn_may_hand_out(c) && !c->is_ended && !c->has_held && !c->is_queued;
}

static struct net_budget *budget(const struct conn *c) { return c->config->budget; }

/* --- the buffer --- */

/* The size of the frame at p with its prefix, as far as it is known; 0: not yet. */
static size_t frame_total(const uint8_t *p, size_t len)
{
    return len < FRAME_PREFIX_BYTES ? 0 : FRAME_PREFIX_BYTES + (size_t)be32_get(p);
}

static size_t rx_total(const struct conn *c) { return frame_total(c->rx.p + c->rx.off, c->rx.len); }

static void mark_progress(struct conn *c)
{
    c->rx.progress_ms = loop_now_ms(c->loop);
    c->rx.mark = c->rx.len;
}

/* There is a buffer now. */
static void hold(struct conn *c)
{
    struct conn_shared *s = shared(c);
    mark_progress(c);
    c->rx.begun_ms = c->rx.progress_ms;
    if (!list_is_linked(&c->rx.held)) {
        list_push_back(&s->holders, &c->rx.held);
        s->holder_count++;
    }
    if (!loop_timer_is_set(&s->tick)) {
        loop_timer_set(c->loop, &s->tick, loop_now_ms(c->loop) + TICK_MS);
    }
}

static void give_back_lane(struct conn *c)
{
    if (c->rx.has_lane) {
        net_budget_leave_lane(budget(c), c->rx.lane_bytes);
        c->rx.has_lane = false;
        c->rx.lane_bytes = 0;
    }
}

static void rx_free(struct conn *c)
{
    struct conn_rx *rx = &c->rx;
    size_t shared_bytes = rx->cap - rx->lane_bytes;
    mem_free(rx->p);
    rx->p = NULL;
    rx->cap = rx->off = rx->len = 0;
    if (list_is_linked(&rx->held)) {
        list_remove(&rx->held);
        shared(c)->holder_count--;
    }
    give_back_lane(c);
    net_budget_give(budget(c), shared_bytes);
}

void conn_drop_input(struct conn *c)
{
    c->has_held = false;
    rx_free(c);
    if (c->is_queued && net_budget_cancel(budget(c), &c->room)) {
        c->is_queued = false;
        conn_unref(c);
    }
}

/* To new_cap, which is charged already. */
static bool rx_resize(struct conn *c, size_t new_cap)
{
    uint8_t *p = mem_try_realloc(c->rx.p, new_cap);
    if (p == NULL) {
        return false;
    }
    c->rx.p = p;
    c->rx.cap = new_cap;
    return true;
}

/* What a partial frame of len bytes, of which total is known, should have for a buffer. */
static size_t fitting_cap(const struct conn *c, size_t len, size_t total)
{
    size_t hint = MIN(c->grown_bytes, (size_t)HINT_MAX_BYTES);
    size_t cap = MAX(2 * len, hint);
    return MAX(MIN(cap, total), MAX(len, (size_t)RX_MIN_BYTES));
}

/* Keeps bytes of the scratch. They were read already: they have their room in any case, more of it
 * only if there is. */
static void rx_keep(struct conn *c, const uint8_t *p, size_t len)
{
    ASSERT(c->rx.p == NULL);
    size_t total = c->has_held ? 0 : frame_total(p, len);
    size_t cap = fitting_cap(c, len, total);
    if (!net_budget_take(budget(c), cap, budget_kind_of(total))) {
        cap = MAX(len, (size_t)RX_MIN_BYTES);
        net_budget_take_anyway(budget(c), cap);
    }
    if (!rx_resize(c, cap)) {
        net_budget_give(budget(c), cap);
        conn_fail(c, ERR_NO_MEMORY, "no memory for %zu bytes", cap);
        return;
    }
    memcpy(c->rx.p, p, len);
    c->rx.len = len;
    hold(c);
}

/* The partial frame that is left goes to the front of a buffer that fits it. */
static void rx_compact(struct conn *c)
{
    struct conn_rx *rx = &c->rx;
    memmove(rx->p, rx->p + rx->off, rx->len);
    rx->off = 0;
    hold(c);
    net_budget_take_anyway(budget(c), rx->lane_bytes);
    give_back_lane(c);
    size_t old_cap = rx->cap;
    size_t cap = fitting_cap(c, rx->len, rx_total(c));
    if (old_cap > 2 * cap && rx_resize(c, cap)) {
        net_budget_give(budget(c), old_cap - cap);
    }
}

/* --- room --- */

static size_t next_cap(const struct conn *c)
{
    size_t cap = c->rx.cap;
    size_t total = rx_total(c);
    size_t want = cap < GROW_FAST_BYTES ? 4 * cap : 2 * cap;
    want = MAX(want, MAX(MIN(c->grown_bytes, (size_t)HINT_MAX_BYTES), (size_t)FRESH_BYTES));
    return total == 0 ? MAX(cap, FRESH_BYTES) : MIN(want, total);
}

static void on_room(struct mail *m);

static void wait_for_room(struct conn *c, size_t bytes, enum budget_kind kind)
{
    c->room.mail.fn = on_room;
    c->room.loop = c->loop;
    c->room.want_bytes = bytes;
    c->room.kind = kind;
    c->is_queued = true;
    conn_ref(c);
    net_budget_wait(budget(c), &c->room);
}

static void take_lane(struct conn *c, size_t total)
{
    c->rx.has_lane = true;
    c->rx.lane_bytes = c->room.want_bytes;
    c->lease_ms = loop_now_ms(c->loop) + LEASE_MS + (int64_t)(total / LEASE_BYTES_PER_MS);
    if (!c->is_closed) {
        conn_wake_at(c, c->lease_ms);
    }
}

/* The room that was waited for is ours. */
static void on_room(struct mail *m)
{
    struct conn *c = CONTAINER_OF(m, struct conn, room.mail);
    size_t cap = c->rx.cap + c->room.want_bytes;
    net_budget_accept(budget(c), &c->room);
    c->is_queued = false;
    if (c->room.lane) {
        take_lane(c, c->rx.p ? rx_total(c) : 0);
    }
    if (c->is_closed) {
        c->rx.cap = cap; /* rx_free gives it back */
        rx_free(c);
    } else if (!rx_resize(c, cap)) {
        c->rx.cap = cap;
        conn_fail(c, ERR_NO_MEMORY, "no memory for %zu bytes", cap);
    } else {
        if (cap == c->room.want_bytes) {
            hold(c);
        }
        mark_progress(c);
        conn_turn_soon(c);
    }
    conn_unref(c);
}

/* Room in rx for at least one more byte. False: not now (it queues), or closed. */
static bool make_room(struct conn *c)
{
    bool is_first = c->rx.p == NULL;
    size_t cap = is_first ? FRESH_BYTES : next_cap(c);
    size_t more = cap - c->rx.cap;
    enum budget_kind kind = is_first ? BUDGET_SMALL : budget_kind_of(rx_total(c));
    if (c->rx.has_lane) {
        net_budget_take_lane(budget(c), more);
        c->rx.lane_bytes += more;
    } else if (!net_budget_take(budget(c), more, kind)) {
        wait_for_room(c, more, kind);
        return false;
    }
    if (!rx_resize(c, cap)) {
        c->rx.cap = cap;
        conn_fail(c, ERR_NO_MEMORY, "no memory for %zu bytes", cap);
        return false;
    }
    if (is_first) {
        hold(c);
    }
    return true;
}

/* --- handing out --- */

static void give_frame(struct conn *c, uint8_t *frame, size_t len)
{
    c->is_resumed = false;
    conn_enter(c);
    enum conn_next next = c->config->handler->on_frame(c, frame, len);
    if (next == CONN_WAIT) {
        c->is_waiting = !c->is_resumed;
    } else if (next == CONN_CLOSE) {
        c->is_draining = true;
    }
    conn_leave(c);
}

/* Whole frames of p in turn, as long as they are wanted; returns how many bytes that were. */
static size_t hand_out(struct conn *c, uint8_t *p, size_t len)
{
    size_t at = 0;
    while (len - at >= FRAME_PREFIX_BYTES && conn_may_hand_out(c)) {
        size_t size = be32_get(p + at);
        if (size > c->frame_max_bytes) {
            conn_fail(c, ERR_MALFORMED, "a frame of %d bytes (at most %zu are allowed)",
                      (int)(uint32_t)size, c->frame_max_bytes);
            return len;
        }
        if (len - at - FRAME_PREFIX_BYTES < size) {
            break;
        }
        at += FRAME_PREFIX_BYTES;
        give_frame(c, p + at, size);
        at += size;
    }
    c->has_held = at < len && !conn_may_hand_out(c);
    return at;
}

void conn_hand_out_held(struct conn *c)
{
    size_t n = hand_out(c, c->rx.p + c->rx.off, c->rx.len);
    if (c->is_closed || c->is_draining) {
        conn_drop_input(c);
        return;
    }
    c->rx.off += n;
    c->rx.len -= n;
    if (c->rx.len == 0) {
        c->grown_bytes = (uint32_t)MIN(n, (size_t)HINT_MAX_BYTES);
        rx_free(c);
    } else if (!c->has_held && c->rx.off > 0) {
        rx_compact(c);
    }
}

/* len bytes were read into the scratch (or carried there). */
static void hand_out_scratch(struct conn *c, size_t len)
{
    uint8_t *p = shared(c)->scratch;
    size_t n = hand_out(c, p, len);
    if (c->is_closed || c->is_draining) {
        conn_drop_input(c);
        return;
    }
    if (c->has_held && len - n > READ_MIN_BYTES) {
        c->read_bytes = MAX(c->read_bytes / 2, (uint32_t)READ_MIN_BYTES);
    }
    if (n < len) {
        rx_keep(c, p + n, len - n);
    }
}

/* --- reading --- */

/* Where the next bytes go. */
struct target {
    struct iovec iov[2];
    int count;
    size_t bytes;   /* of both */
    size_t carried; /* bytes of rx that were copied to the scratch */
    bool to_rx;     /* iov[0] is rx, otherwise the scratch */
};

static void aim_at_scratch(struct conn *c, struct target *t)
{
    uint8_t *p = shared(c)->scratch;
    memcpy(p, c->rx.p ? c->rx.p : p, c->rx.len);
    t->carried = c->rx.len;
    t->iov[0] = (struct iovec){p + t->carried, c->read_bytes - t->carried};
    t->count = 1;
    t->bytes = t->iov[0].iov_len;
    t->to_rx = false;
}

static void aim_at_rx(struct conn *c, struct target *t, bool is_pressed)
{
    struct conn_rx *rx = &c->rx;
    size_t total = rx_total(c);
    size_t end = total == 0 ? rx->cap : MIN(rx->cap, total);
    t->iov[0] = (struct iovec){rx->p + rx->len, end - rx->len};
    t->iov[1] = (struct iovec){shared(c)->scratch, c->read_bytes};
    t->count = !is_pressed && end == total ? 2 : 1;
    t->bytes = t->iov[0].iov_len + (t->count == 2 ? c->read_bytes : 0);
    t->carried = 0;
    t->to_rx = true;
}

/* False: there is no room for more now, or the connection is closed. */
static bool aim(struct conn *c, struct target *t)
{
    struct conn_rx *rx = &c->rx;
    bool is_pressed = net_budget_is_pressed(budget(c));
    if (!is_pressed && rx->len <= CARRY_MAX_BYTES) {
        aim_at_scratch(c, t);
        return true;
    }
    if (rx->len == rx->cap && !make_room(c)) {
        return false;
    }
    aim_at_rx(c, t, is_pressed);
    return true;
}

static void take_bytes(struct conn *c, const struct target *t, size_t n)
{
    if (!c->is_blocked) {
        c->active_ms = loop_now_ms(c->loop);
    }
    if (n == t->bytes && (!t->to_rx || t->count == 2)) {
        c->read_bytes = MIN(2 * c->read_bytes, (uint32_t)READ_MAX_BYTES);
    }
    if (!t->to_rx) {
        rx_free(c);
        hand_out_scratch(c, t->carried + n);
        return;
    }
    size_t own = MIN(n, t->iov[0].iov_len);
    c->rx.len += own;
    if (c->rx.len - c->rx.mark >= STALL_BYTES) {
        mark_progress(c);
    }
    conn_hand_out_held(c);
    if (n > own && !c->is_closed && !c->is_draining) {
        hand_out_scratch(c, n - own);
    }
}

size_t conn_read_turn(struct conn *c)
{
    struct target t;
    size_t n = 0;
    if (!aim(c, &t)) {
        return 0;
    }
    enum err e = conn_readv(c, t.iov, t.count, &n);
    if (e == ERR_AGAIN) {
        return 0;
    }
    if (e == ERR_TLS) {
        conn_fail(c, e, "%s", tls_why(c->tls));
    } else if (e) {
        conn_close_for(c, e);
    } else if (n == 0) {
        c->is_ended = true;
    } else {
        take_bytes(c, &t, n);
    }
    return e ? 0 : n;
}

/* --- stalls --- */

/* The peer could go on and does not: it owes us bytes, or takes none of ours. */
static bool is_stalled(const struct conn *c, int64_t now_ms)
{
    return !conn_is_busy(c) && now_ms - c->rx.progress_ms >= STALL_MS &&
           net_budget_is_pressed(budget(c));
}

static bool is_too_old(const struct conn *c, int64_t now_ms)
{
    int64_t max_ms = AGE_MAX_MS + (int64_t)(c->rx.len / AGE_BYTES_PER_MS);
    return now_ms - c->rx.begun_ms >= max_ms && !c->rx.has_lane &&
           (c->is_queued || !conn_is_busy(c)) && net_budget_is_pressed(budget(c));
}

/* True when it was closed for its age. */
static bool evict(struct conn *c, bool may_be_for_age)
{
    int64_t now_ms = loop_now_ms(c->loop);
    if (is_stalled(c, now_ms)) {
        conn_fail(c, ERR_BUDGET, "it holds %zu bytes and stalls while memory is short", c->rx.cap);
    } else if (may_be_for_age && is_too_old(c, now_ms)) {
        conn_fail(c, ERR_BUDGET, "its frame of %zu bytes is late while memory is short",
                  rx_total(c));
        return true;
    }
    return false;
}

/* Of those that are too old only some at a time, the oldest: what they give back may do for the
 * others. */
void conn_evict(struct conn_shared *s)
{
    size_t left_for_age = MAX(s->holder_count / 4, 1);
    struct list todo; /* apart: on_close may close others */
    list_init(&todo);
    list_splice_back(&todo, &s->holders);
    struct list_node *n;
    while ((n = list_pop_front(&todo)) != NULL) {
        list_push_back(&s->holders, n);
        left_for_age -= evict(LIST_ENTRY(n, struct conn, rx.held), left_for_age > 0);
    }
}
