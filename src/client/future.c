/* Futures: calls that wait, made by threads that the client has for them. Any thread.
 *
 * Invariants: there are as many idle threads as futures in the queue, or more, or all that may be
 * are there; so each future finds one, and no call waits for another one. Who runs a future touches
 * it last with is_over; who frees it waits for that. */
#include "client/future.h"

#include "base/mem.h"
#include "client/core/host.h"
#include "client/error.h"
#include "plat/fork.h"

struct ottla_future {
    struct ottla_client *client;
    ottla_call_fn *call;
    void *arg;
    struct list_node node; /* of the queue */
    struct mutex lock;
    struct cond cond;
    bool is_done; /* code and error are those of the call */
    bool is_over; /* and then was called, if there is one */
    int code;
    struct ottla_error error;
    void (*then)(void *ctx);
    void *then_ctx;
};

/* --- the threads --- */

static void run(struct ottla_future *f)
{
    struct ottla_error error = {0};
    int code = f->call(f->client, f->arg, &error);
    mutex_lock(&f->lock);
    f->code = code;
    f->error = error;
    f->is_done = true;
    void (*then)(void *ctx) = f->then;
    cond_broadcast(&f->cond);
    mutex_unlock(&f->lock);
    if (then != NULL) {
        then(f->then_ctx);
    }
    mutex_lock(&f->lock);
    f->is_over = true;
    cond_broadcast(&f->cond);
    mutex_unlock(&f->lock);
}

/* The next one, or NULL at the end. */
static struct ottla_future *take(struct futures *x)
{
    mutex_lock(&x->lock);
    while (list_is_empty(&x->queue) && !x->is_ending) {
        x->idle_count++;
        cond_wait(&x->cond, &x->lock);
        x->idle_count--;
    }
    struct list_node *n = list_pop_front(&x->queue);
    x->queue_count -= n != NULL;
    mutex_unlock(&x->lock);
    return n ? LIST_ENTRY(n, struct ottla_future, node) : NULL;
}

static void thread_main(void *ctx)
{
    struct futures *x = ctx;
    struct ottla_future *f;
    while ((f = take(x)) != NULL) {
        run(f);
    }
}

/* Under the lock. */
static enum err put(struct futures *x, struct ottla_future *f)
{
    enum err e = OK;
    if (x->queue_count >= x->idle_count && x->thread_count < FUTURE_THREADS_MAX) {
        e = thread_start(&x->threads[x->thread_count], "ottla-future", thread_main, x);
        x->thread_count += e == OK;
    }
    if (e && x->thread_count == 0) {
        return e;
    }
    list_push_back(&x->queue, &f->node);
    x->queue_count++;
    cond_signal(&x->cond);
    return OK;
}

void futures_init(struct futures *x)
{
    mutex_init(&x->lock);
    cond_init(&x->cond);
    list_init(&x->queue);
}

void futures_deinit(struct futures *x)
{
    mutex_lock(&x->lock);
    x->is_ending = true;
    cond_broadcast(&x->cond);
    mutex_unlock(&x->lock);
    for (int i = 0; i < x->thread_count; i++) {
        thread_join(&x->threads[i]);
    }
    cond_deinit(&x->cond);
    mutex_deinit(&x->lock);
}

/* --- for programs --- */

static void future_drop(struct ottla_future *f)
{
    cond_deinit(&f->cond);
    mutex_deinit(&f->lock);
    client_unref(f->client);
    mem_free(f);
}

int ottla_future_start(struct ottla_client *client, ottla_call_fn *call, void *arg,
                       struct ottla_future **ret_future, struct ottla_error *error)
{
    if (is_null(client, "client", error) || is_null(ret_future, "place for the future", error)) {
        return ERR_INVALID_REQUEST;
    }
    if (call == NULL) {
        return error_set(error, ERR_INVALID_REQUEST, "the call is NULL");
    }
    int code = client_check(client, error);
    if (code) {
        return code;
    }
    struct ottla_future *f = NEW(struct ottla_future);
    *f = (struct ottla_future){.client = client_ref(client), .call = call, .arg = arg};
    mutex_init(&f->lock);
    cond_init(&f->cond);
    mutex_lock(&client->futures.lock);
    enum err e = put(&client->futures, f);
    mutex_unlock(&client->futures.lock);
    if (e) {
        future_drop(f);
        return error_set(error, e, "no thread can be started for the call: %s", err_text(e));
    }
    *ret_future = f;
    return 0;
}

bool ottla_future_is_done(struct ottla_future *f)
{
    if (f == NULL || fork_is_child(f->client->mark)) {
        return true; /* CLOSED: the threads are the parent's */
    }
    mutex_lock(&f->lock);
    bool is_done = f->is_done;
    mutex_unlock(&f->lock);
    return is_done;
}

/* Under the lock: until *is_set, or the time is over. */
static void wait_for(struct ottla_future *f, const bool *is_set, int64_t timeout_ms)
{
    struct clock *clock = f->client->clock;
    int64_t end = clock_mono_ns(clock) + timeout_ms * 1000000;
    int64_t left = 1;
    while (!*is_set && left > 0) {
        if (timeout_ms < 0) {
            cond_wait(&f->cond, &f->lock);
            continue;
        }
        left = end - clock_mono_ns(clock);
        if (left > 0) {
            cond_wait_ns(&f->cond, &f->lock, left);
        }
    }
}

int ottla_future_wait(struct ottla_future *f, int timeout_ms, struct ottla_error *error)
{
    int code = is_null(f, "future", error) ? ERR_INVALID_REQUEST : client_check(f->client, error);
    if (code) {
        return code;
    }
    mutex_lock(&f->lock);
    wait_for(f, &f->is_done, timeout_ms);
    if (!f->is_done) {
        code = error_set(error, ERR_REQUEST_TIMED_OUT, "the call is still under way after %d ms",
                         timeout_ms);
    } else if ((code = f->code) != 0 && error != NULL) {
        *error = f->error;
    }
    mutex_unlock(&f->lock);
    return code;
}

void ottla_future_then(struct ottla_future *f, void (*fn)(void *ctx), void *ctx)
{
    if (f == NULL || fn == NULL) {
        return;
    }
    if (fork_is_child(f->client->mark)) {
        fn(ctx);
        return;
    }
    mutex_lock(&f->lock);
    bool is_done = f->is_done;
    if (!is_done) {
        f->then = fn;
        f->then_ctx = ctx;
    }
    mutex_unlock(&f->lock);
    if (is_done) {
        fn(ctx);
    }
}

void ottla_future_free(struct ottla_future *f)
{
    if (f == NULL || fork_is_child(f->client->mark)) {
        return;
    }
    mutex_lock(&f->lock);
    wait_for(f, &f->is_over, -1);
    mutex_unlock(&f->lock);
    future_drop(f);
}
