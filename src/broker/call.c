/* Ending calls: encoding the response and handing it to the connection. Worker threads. */
#include "broker/call.h"

#include "base/diag.h"
#include "base/mem.h"
#include "broker/metrics.h"
#include "broker/tap.h"
#include "broker/warmer.h"
#include "broker/worker.h"
#include "log/log.h"

struct loop *call_loop(const struct call *c) { return worker_loop(c->worker); }

/* --- extents as things to send --- */

struct call_extent {
    struct log_extent x;
    struct call_extent *next;
    struct crew *warmer;
};

static int extent_fd(void *ref) { return log_extent_fd(&((struct call_extent *)ref)->x); }

static enum err extent_pread(void *ref, uint64_t pos, void *p, size_t len)
{
    const struct log_extent *x = &((struct call_extent *)ref)->x;
    return log_extent_pread(x, pos - x->pos, p, len);
}

static void extent_release(void *ref)
{
    struct call_extent *e = ref;
    if (log_extent_is_spent(&e->x)) {
        warmer_drop(e->warmer, &e->x);
    }
    log_extent_release(&e->x);
    mem_free(e);
}

static const struct extent_ops extent_ops = {
    .fd = extent_fd,
    .pread = extent_pread,
    .release = extent_release,
};

void *call_take_extent(struct call *c, const struct log_extent *x)
{
    struct call_extent *e = mem_alloc(sizeof *e);
    *e = (struct call_extent){*x, c->extents, c->broker->warmer};
    c->extents = e;
    c->extent_count++;
    metrics_add(&worker_metrics(c->worker)->bytes_out, x->len);
    return e;
}

static void drop_extents(struct call *c)
{
    while (c->extents != NULL) {
        struct call_extent *e = c->extents;
        c->extents = e->next;
        extent_release(e);
    }
}

/* --- the answer --- */

/* The response's bytes cut at the splices, with extents in between. Empties out. */
static void fill(struct sendvec *v, struct buf *out, const struct wire_splices *splices)
{
    size_t len;
    size_t at = 0;
    uint8_t *p = buf_steal(out, &len);
    for (size_t i = 0; i < splices->count; i++) {
        const struct wire_splice *s = &splices->items[i];
        struct call_extent *e = s->ref;
        sendvec_add_bytes(v, (struct bytes){p + at, s->at - at}, NULL);
        sendvec_add_extent(v, &extent_ops, e, e->x.pos, e->x.len);
        v->may_be_slow |= log_extent_is_spent(&e->x);
        at = s->at;
    }
    sendvec_add_bytes(v, (struct bytes){p + at, len - at}, p);
}

static enum err encode(struct call *c, const void *response, struct sendvec *v)
{
    struct buf out = BUF_INIT;
    struct wire_splices splices = {CALL_ARRAY(c, struct wire_splice, c->extent_count), 0,
                                   c->extent_count};
    if (splices.items == NULL) {
        return ERR_NO_MEMORY;
    }
    wire_response_header_encode(&c->header, &out);
    enum err e = wire_encode(wire_response(c->api->key), call_version(c), response, &out, &splices);
    e = e ? e : out.err;
    if (!e) {
        fill(v, &out, &splices);
        c->extents = NULL;
    }
    buf_deinit(&out);
    return e;
}

void call_send(struct call *c, struct sendvec *vec)
{
    size_t bytes = vec->total_bytes;
    reply_send(c->reply, vec);
    worker_count_call(c, bytes);
    worker_end_call(c);
}

void call_reply(struct call *c, const void *response)
{
    const struct call_tap *tap = c->broker->tap;
    struct sendvec v;
    sendvec_init(&v);
    if (tap != NULL && response != NULL) {
        tap->on_response(tap->ctx, c, (void *)(uintptr_t)response);
    }
    enum err e = response ? encode(c, response, &v) : ERR_NO_MEMORY;
    if (e) {
        sendvec_deinit(&v);
        call_fail(c, err_text(e));
    } else if (tap == NULL || !tap->on_answer(tap->ctx, c, &v)) {
        call_send(c, &v);
    }
}

void call_skip(struct call *c)
{
    reply_skip(c->reply);
    worker_count_call(c, 0);
    worker_end_call(c);
}

void call_fail(struct call *c, const char *why)
{
    diag_warn(DIAG_BROKER, "%s v%d from %s cannot be answered (%s): closing the connection",
              wire_name(wire_request(c->api->key)), call_version(c), conn_peer(c->conn), why);
    drop_extents(c);
    reply_skip(c->reply);
    conn_close(c->conn);
    worker_end_call(c);
}
