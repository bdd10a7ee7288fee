/* Asking a client and waiting for it, in any thread but the loop's: requests go there by mail and
 * come back to the list of who asked. What is marked so is done by the loop's thread. Where the
 * client has none, who waits drives its loop. */
#include "client/core/waiter.h"

#include "base/mem.h"
#include "client/core/host.h"
#include "client/error.h"
#include "plat/fork.h"

#include <stdio.h>

static void wake(struct waiter *w, struct request *r)
{
    mutex_lock(&w->lock);
    if (r != NULL) {
        list_push_back(&w->done, &r->node);
    } else {
        w->is_drained = true;
    }
    cond_signal(&w->cond);
    mutex_unlock(&w->lock);
}

static void on_done(struct call *call)
{
    struct request *r = call->ctx;
    list_remove(&r->node);
    wake(r->waiter, r);
}

static void on_submit(struct mail *m)
{
    struct request *r = CONTAINER_OF(m, struct request, mail);
    struct ottla_client *c = r->waiter->client;
    list_push_back(&r->waiter->open, &r->node);
    core_submit(&c->core, &r->call, loop_now_ms(c->loop));
    host_settle(c);
}

static void on_drain(struct mail *m)
{
    struct waiter *w = CONTAINER_OF(m, struct waiter, drain_mail);
    struct ottla_client *c = w->client;
    LIST_EACH(&w->open, n, tmp) {
        core_cancel(&c->core, &LIST_ENTRY(n, struct request, node)->call, loop_now_ms(c->loop));
    }
    if (w->lane != 0) {
        core_end_lane(&c->core, w->lane, loop_now_ms(c->loop));
        w->lane = 0;
    }
    host_settle(c);
    wake(w, NULL);
}

void waiter_init(struct waiter *w, struct ottla_client *client)
{
    *w = (struct waiter){.client = client, .drain_mail.fn = on_drain};
    mutex_init(&w->lock);
    cond_init(&w->cond);
    list_init(&w->done);
    list_init(&w->open);
}

static const char forked[] = "this client was made before a fork: a child needs one of its own";

int client_check(const struct ottla_client *c, struct ottla_error *error)
{
    return fork_is_child(c->mark) ? error_set(error, ERR_CLOSED, "%s", forked) : 0;
}

/* A callback in the client's own thread would wait for itself. */
static bool is_own_thread(const struct ottla_client *c)
{
    return c->drive == NULL && thread_is_current(&c->thread);
}

static void refuse(struct waiter *w, struct request *r, enum err e, const char *why)
{
    r->call.err = e;
    snprintf(r->call.why, sizeof r->call.why, "%s", why);
    list_push_back(&w->done, &r->node);
}

void waiter_submit(struct waiter *w, struct request *r)
{
    r->waiter = w;
    r->call.done = on_done;
    r->call.ctx = r;
    r->mail.fn = on_submit;
    w->pending++;
    if (client_check(w->client, NULL)) {
        refuse(w, r, ERR_CLOSED, forked); /* there is no other thread */
    } else if (is_own_thread(w->client)) {
        refuse(w, r, ERR_INVALID_REQUEST,
               "a callback in the client's thread must not ask brokers: it would wait for ever");
    } else {
        loop_post(w->client->loop, &r->mail);
    }
}

/* Lock held. Returns once something may have changed. */
static void pause_ns(struct waiter *w, int64_t ns)
{
    struct ottla_client *c = w->client;
    if (c->drive == NULL) {
        if (ns < 0) {
            cond_wait(&w->cond, &w->lock);
        } else {
            cond_wait_ns(&w->cond, &w->lock, ns);
        }
        return;
    }
    mutex_unlock(&w->lock);
    c->drive(c->drive_ctx, ns);
    mutex_lock(&w->lock);
}

/* Lock held: until a request is done or somebody wakes it, or, with for_drain, until is_drained; or
 * until the time is over. */
static void pause_until(struct waiter *w, int64_t timeout_ms, bool for_drain)
{
    int64_t end = timeout_ms < 0 ? -1 : clock_mono_ns(w->client->clock) + timeout_ms * 1000000;
    while (for_drain ? !w->is_drained : list_is_empty(&w->done) && !w->is_woken && !w->is_poked) {
        int64_t left = end < 0 ? -1 : end - clock_mono_ns(w->client->clock);
        if (end >= 0 && left <= 0) {
            return;
        }
        pause_ns(w, left);
    }
}

struct request *waiter_next(struct waiter *w, int64_t timeout_ms)
{
    if (w->pending == 0) {
        return NULL;
    }
    mutex_lock(&w->lock);
    pause_until(w, timeout_ms, false);
    struct list_node *n = list_pop_front(&w->done);
    mutex_unlock(&w->lock);
    if (n == NULL) {
        return NULL;
    }
    w->pending--;
    return LIST_ENTRY(n, struct request, node);
}

void waiter_sleep(struct waiter *w, int64_t ms)
{
    mutex_lock(&w->lock);
    pause_until(w, ms, true);
    mutex_unlock(&w->lock);
}

void waiter_wait(struct waiter *w, int64_t timeout_ms)
{
    mutex_lock(&w->lock);
    pause_until(w, timeout_ms, false);
    w->is_poked = false;
    mutex_unlock(&w->lock);
}

/* Who waits sleeps at the condition, or in the loop. */
static void rouse(struct waiter *w, bool *flag)
{
    mutex_lock(&w->lock);
    *flag = true;
    cond_signal(&w->cond);
    mutex_unlock(&w->lock);
    if (w->client->parent != NULL) {
        loop_wake(w->client->loop);
    }
}

void waiter_wake(struct waiter *w) { rouse(w, &w->is_woken); }

void waiter_poke(struct waiter *w) { rouse(w, &w->is_poked); }

bool waiter_take_wakeup(struct waiter *w)
{
    mutex_lock(&w->lock);
    bool was = w->is_woken;
    w->is_woken = false;
    mutex_unlock(&w->lock);
    return was;
}

void waiter_drain(struct waiter *w, void (*drop)(struct request *r, void *ctx), void *ctx)
{
    struct request *r;
    if ((w->pending == 0 && w->lane == 0) || fork_is_child(w->client->mark)) {
        return;
    }
    loop_post(w->client->loop, &w->drain_mail);
    mutex_lock(&w->lock);
    pause_until(w, -1, true);
    w->is_woken = w->is_drained = false;
    mutex_unlock(&w->lock);
    while ((r = waiter_next(w, -1)) != NULL) {
        drop(r, ctx);
    }
}

static void drop_frame(struct request *r, void *ctx) { request_deinit(r); }

void waiter_deinit(struct waiter *w)
{
    waiter_drain(w, drop_frame, NULL);
    cond_deinit(&w->cond);
    mutex_deinit(&w->lock);
}

int request_read(struct request *r, struct arena *a, void *msg, struct ottla_error *error)
{
    const struct call *call = &r->call;
    if (call->err) {
        return error_set(error, call->err, "%s", call->why);
    }
    struct bytes body = {call->frame + call->body_at, call->frame_len - call->body_at};
    const struct wire_msg *m = wire_response(call->api_key);
    enum err e = wire_decode(m, call->version, body, a, msg, NULL);
    return e ? error_set(error, e, "%s %d of broker %d: %s", wire_name(m), call->version,
                         call->answerer, err_text(e))
             : 0;
}

void request_deinit(struct request *r)
{
    mem_free(r->call.frame);
    r->call.frame = NULL;
}
