/* From replies to bytes. Loop thread only.
 *
 * Replies leave in the order in which they were begun: the ready ones at the head of the list are
 * gathered into as few writes as possible. Long runs of files with a descriptor go by send_file;
 * others are read into the loop's scratch and join the gathered bytes (what the socket does not
 * take is read again later: nothing is kept). One turn sends a bounded number of bytes, so that a
 * huge response does not starve the other connections.
 *
 * Each vec is dropped exactly once: when its reply was sent, with the connection (drop_output), or
 * by reply_send when the connection is closed already. */
#include "base/endian.h"
#include "base/mem.h"
#include "net/conn_int.h"

#include <limits.h>

enum {
    TURN_BYTES = 1024 * 1024,
    SLOW_TURN_BYTES = 256 * 1024,
    GATHER_MAX = 64,
    COPY_BYTES = 16 * 1024,     /* to copy so much is cheaper than a call and a packet of its own */
    TOGETHER_BYTES = 16 * 1024, /* what those that are sent together may have */
    SMALL_BYTES = 1024,         /* and one of them */
    FREE_REPLIES_MAX = 256,
};

enum reply_state { REPLY_OPEN, REPLY_READY };

struct reply {
    struct list_node node; /* conn.replies; when free, node.next is the next free one */
    struct conn *conn;
    enum reply_state state;
    bool has_frame; /* false: skipped */
    uint8_t prefix[FRAME_PREFIX_BYTES];
    /* How far it is sent: the prefix, then chunks; off is in the one that is next. */
    uint8_t prefix_sent;
    size_t chunk;
    size_t off;
    struct sendvec vec;
};

/* --- replies --- */

static struct reply *reply_new(struct conn_shared *s)
{
    struct reply *r = s->free_replies;
    if (r == NULL) {
        return mem_alloc(sizeof *r);
    }
    s->free_replies = (struct reply *)(void *)r->node.next;
    s->free_reply_count--;
    return r;
}

static void reply_recycle(struct conn_shared *s, struct reply *r)
{
    if (s->free_reply_count == FREE_REPLIES_MAX) {
        mem_free(r);
        return;
    }
    r->node.next = (struct list_node *)(void *)s->free_replies;
    s->free_replies = r;
    s->free_reply_count++;
}

void conn_free_reply_pool(struct conn_shared *s)
{
    while (s->free_reply_count > 0) {
        mem_free(reply_new(s));
    }
}

struct reply *conn_reply_begin(struct conn *c)
{
    struct reply *r = reply_new(shared(c));
    r->conn = c;
    r->state = REPLY_OPEN;
    r->has_frame = false;
    r->prefix_sent = 0;
    r->chunk = 0;
    r->off = 0;
    sendvec_init(&r->vec);
    list_push_back(&c->replies, &r->node);
    c->reply_count++;
    conn_ref(c);
    return r;
}

struct conn *reply_conn(const struct reply *r) { return r->conn; }

static void reply_free(struct reply *r)
{
    struct conn *c = r->conn;
    list_remove(&r->node);
    c->reply_count--;
    sendvec_deinit(&r->vec);
    reply_recycle(shared(c), r);
    conn_unref(c);
}

static struct reply *head_of(const struct conn *c)
{
    struct list_node *n = list_front(&c->replies);
    return n ? LIST_ENTRY(n, struct reply, node) : NULL;
}

bool conn_has_output(const struct conn *c)
{
    struct reply *r = head_of(c);
    return r != NULL && r->state == REPLY_READY;
}

static void reply_complete(struct reply *r)
{
    struct conn *c = r->conn;
    r->state = REPLY_READY;
    if (c->is_closed) {
        reply_free(r);
        return;
    }
    if (!c->in_turn && head_of(c) == r) {
        conn_turn_soon(c);
    }
}

void reply_send(struct reply *r, struct sendvec *vec)
{
    struct conn *c = r->conn;
    sendvec_move(&r->vec, vec);
    size_t len = r->vec.total_bytes;
    if (len > INT32_MAX) {
        conn_ref(c);
        reply_skip(r);
        conn_fail(c, ERR_IO, "a response of %zu bytes does not fit into a frame", len);
        conn_unref(c);
        return;
    }
    be32_put(r->prefix, (uint32_t)len);
    r->has_frame = true;
    c->output_bytes += FRAME_PREFIX_BYTES + len;
    reply_complete(r);
}

void reply_skip(struct reply *r) { reply_complete(r); }

void conn_send(struct conn *c, struct sendvec *vec) { reply_send(conn_reply_begin(c), vec); }

void conn_drop_output(struct conn *c)
{
    struct list todo; /* apart: what release calls may touch other replies */
    list_init(&todo);
    list_splice_back(&todo, &c->replies);
    struct list_node *n;
    while ((n = list_pop_front(&todo)) != NULL) {
        struct reply *r = LIST_ENTRY(n, struct reply, node);
        list_push_back(&c->replies, n);
        if (r->state == REPLY_READY) {
            reply_free(r);
        }
    }
    c->output_bytes = 0;
}

/* --- gathering --- */

/* What one write takes. */
struct gather {
    struct iovec iov[GATHER_MAX];
    int count;
    size_t bytes;
    size_t max_bytes;
    size_t scratch_used;
    bool is_full; /* something follows that did not fit, or goes by send_file */
    enum err err;
};

static int extent_fd(const struct conn *c, const struct send_chunk *k)
{
    bool may_send_file = k->len > COPY_BYTES && c->tls == NULL && sock_can_send_file(c->sock);
    return may_send_file ? k->ops->fd(k->ref) : -1;
}

static void gather_bytes(struct gather *g, const uint8_t *p, size_t len)
{
    size_t n = MIN(len, g->max_bytes - g->bytes);
    if (g->count == GATHER_MAX || n < len) {
        g->is_full = true;
    }
    if (g->count < GATHER_MAX && n > 0) {
        g->iov[g->count++] = (struct iovec){(void *)(uintptr_t)p, n};
        g->bytes += n;
    }
}

static void gather_file(struct conn *c, struct gather *g, const struct send_chunk *k, size_t off)
{
    size_t n = MIN(k->len - off, SCRATCH_BYTES - g->scratch_used);
    n = MIN(n, g->max_bytes - g->bytes);
    if (n == 0 || g->count == GATHER_MAX) {
        g->is_full = true;
        return;
    }
    uint8_t *p = shared(c)->scratch + g->scratch_used;
    g->err = k->ops->pread(k->ref, k->pos + off, p, n);
    if (g->err) {
        g->is_full = true;
        return;
    }
    g->scratch_used += n;
    gather_bytes(g, p, n);
    g->is_full |= n < k->len - off;
}

static void gather_reply(struct conn *c, struct gather *g, struct reply *r)
{
    if (!r->has_frame) {
        return;
    }
    if (r->prefix_sent < FRAME_PREFIX_BYTES) {
        gather_bytes(g, r->prefix + r->prefix_sent, FRAME_PREFIX_BYTES - r->prefix_sent);
    }
    size_t off = r->off;
    for (size_t i = r->chunk; i < r->vec.count && !g->is_full; i++, off = 0) {
        const struct send_chunk *k = &r->vec.chunks[i];
        if (send_chunk_is_memory(k)) {
            gather_bytes(g, k->bytes.p + off, k->len - off);
        } else if (k->len > off && extent_fd(c, k) >= 0) {
            g->is_full = true;
        } else if (k->len > off) {
            gather_file(c, g, k, off);
        }
    }
}

static void gather_ready(struct conn *c, struct gather *g, size_t max_bytes)
{
    g->count = 0;
    g->bytes = 0;
    g->max_bytes = max_bytes;
    g->scratch_used = 0;
    g->is_full = false;
    g->err = OK;
    LIST_EACH(&c->replies, n, tmp) {
        struct reply *r = LIST_ENTRY(n, struct reply, node);
        if (r->state != REPLY_READY || g->is_full) {
            break;
        }
        gather_reply(c, g, r);
    }
}

/* --- progress --- */

/* Counts bytes of one reply as sent; returns how many of n belong to it. */
static size_t advance_reply(struct reply *r, size_t n)
{
    size_t left = n;
    size_t prefix = MIN(left, (size_t)FRAME_PREFIX_BYTES - r->prefix_sent);
    r->prefix_sent = (uint8_t)(r->prefix_sent + prefix);
    left -= prefix;
    while (r->chunk < r->vec.count && r->prefix_sent == FRAME_PREFIX_BYTES) {
        size_t step = MIN(left, r->vec.chunks[r->chunk].len - r->off);
        r->off += step;
        left -= step;
        if (r->off < r->vec.chunks[r->chunk].len) {
            break;
        }
        r->chunk++;
        r->off = 0;
    }
    return n - left;
}

static bool is_sent(const struct reply *r)
{
    return !r->has_frame || (r->prefix_sent == FRAME_PREFIX_BYTES && r->chunk == r->vec.count);
}

static void advance(struct conn *c, size_t n)
{
    c->output_bytes -= n;
    if (n > 0) {
        c->active_ms = loop_now_ms(c->loop);
        c->rx.progress_ms = c->active_ms;
    }
    struct reply *r;
    while ((r = head_of(c)) != NULL && r->state == REPLY_READY) {
        if (r->has_frame) {
            n -= advance_reply(r, n);
        }
        if (!is_sent(r)) {
            break;
        }
        reply_free(r);
    }
}

/* --- sending --- */

/* One send_file for the extent at the head. */
static enum err send_extent(struct conn *c, size_t max_bytes, size_t *ret_asked, size_t *ret_n)
{
    struct reply *r = head_of(c);
    const struct send_chunk *k = &r->vec.chunks[r->chunk];
    *ret_asked = MIN(k->len - r->off, max_bytes);
    return sock_send_file(c->sock, extent_fd(c, k), k->pos + r->off, *ret_asked, ret_n);
}

/* One write or send_file of at most max_bytes; *ret_n stays 0 when there was nothing to write. */
static enum err send_some(struct conn *c, size_t max_bytes, size_t *ret_asked, size_t *ret_n)
{
    struct gather g;
    gather_ready(c, &g, max_bytes);
    *ret_asked = g.bytes;
    if (g.count > 0) {
        return conn_writev(c, g.iov, g.count, g.is_full ? NET_MORE : 0, ret_n);
    }
    if (g.err || !g.is_full) {
        return g.err;
    }
    return send_extent(c, max_bytes, ret_asked, ret_n);
}

/* Replies at the head of which nothing is left to send: skipped ones. */
static void drop_sent(struct conn *c) { advance(c, 0); }

/* What was encrypted and did not leave. */
static void flush_secret(struct conn *c)
{
    enum err e = conn_has_secret_output(c) ? tls_flush(c->tls) : OK;
    if (e == ERR_AGAIN) {
        c->is_blocked = true;
    } else if (e) {
        conn_close_for(c, e);
    }
}

/* A write of asked bytes has ended with e or n bytes. */
static void after_write(struct conn *c, enum err e, size_t asked, size_t n)
{
    if (e == ERR_CLOSED) {
        conn_close_for(c, e);
    } else if (e && e != ERR_AGAIN) {
        conn_fail(c, e, "a response cannot be sent: %s", err_text(e));
    } else {
        advance(c, n);
        c->is_blocked = n < asked || conn_has_secret_output(c);
    }
}

/* A megabyte is a quarter of a millisecond, for which everyone else on the loop waits. */
static size_t turn_bytes(const struct conn *c)
{
    const struct reply *r = head_of(c);
    return r != NULL && r->vec.may_be_slow ? SLOW_TURN_BYTES : TURN_BYTES;
}

void conn_flush(struct conn *c)
{
    size_t left = turn_bytes(c);
    drop_sent(c);
    if (!c->is_closed && !c->is_blocked) {
        flush_secret(c);
    }
    while (!c->is_closed && !c->is_blocked && left > 0 && conn_has_output(c)) {
        size_t asked = 0;
        size_t n = 0;
        enum err e = send_some(c, left, &asked, &n);
        after_write(c, e, asked, n);
        left -= n;
    }
}

/* --- together --- */

/* Small answers of several connections, copied into one buffer. */
struct together {
    struct net_write writes[CONN_TOGETHER_MAX];
    struct conn *conns[CONN_TOGETHER_MAX];
    int count;
    size_t used;
    uint8_t bytes[TOGETHER_BYTES];
};

/* Only if all that is ready is small: the rest could not follow in this call. */
static void join(struct together *t, struct conn *c)
{
    struct gather g;
    uint8_t *p = t->bytes + t->used;
    if (c->output_bytes > SMALL_BYTES) {
        return; /* before anything is read for it */
    }
    gather_ready(c, &g, MIN((size_t)SMALL_BYTES, TOGETHER_BYTES - t->used));
    if (g.is_full || g.bytes == 0) {
        return;
    }
    for (int i = 0; i < g.count; i++) {
        memcpy(t->bytes + t->used, g.iov[i].iov_base, g.iov[i].iov_len);
        t->used += g.iov[i].iov_len;
    }
    t->writes[t->count] = (struct net_write){.sock = c->sock, .p = p, .len = g.bytes};
    t->conns[t->count++] = c;
}

void conn_flush_together(struct conn *const *conns, int count)
{
    struct together t;
    t.count = 0;
    t.used = 0;
    for (int i = 0; i < count && count > 1; i++) {
        if (!conns[i]->is_closed && !conns[i]->is_blocked && conns[i]->tls == NULL) {
            join(&t, conns[i]);
        }
    }
    if (t.count > 0) {
        poller_write_each(t.conns[0]->loop->poller, t.writes, t.count);
    }
    for (int i = 0; i < t.count; i++) { /* one that ends may close others */
        if (!t.conns[i]->is_closed) {
            after_write(t.conns[i], t.writes[i].err, t.writes[i].len, t.writes[i].n);
        }
    }
}
