/* The producer: an accumulator under a lock, and a thread that sends what it has ready.
 *
 * The lock guards the accumulator and open_count. The thread alone waits at the waiter; it encodes,
 * compresses and takes answers under the lock, and calls deliveries without it. Users wait at the
 * condition, which the thread signals after each round. */
#include "client/accumulator.h"
#include "client/error.h"
#include "client/host.h"

#include "base/limit.h"
#include "base/mem.h"

/* An ask under way. */
struct errand {
    struct request request;
    struct produce_ask *ask;
};

struct ottla_producer {
    struct ottla_client *client;
    struct accumulator acc;
    struct waiter waiter;
    struct mutex lock;
    struct cond cond;
    struct thread thread;
    int64_t untold; /* records whose delivery was not told yet; under lock */
    bool is_closing;
};

void ottla_message_init(struct ottla_message *m)
{
    *m = (struct ottla_message){.partition = -1, .timestamp_ms = -1};
}

/* --- the thread --- */

static void send_all(struct ottla_producer *p, int64_t now_ms)
{
    const struct client_values *v = &p->client->config->values;
    struct produce_ask *a;
    while ((a = acc_next(&p->acc, now_ms)) != NULL) {
        struct errand *e = NEW(struct errand);
        e->ask = a;
        e->request.call = (struct call){
            .api_key = a->api_key,
            .version_lo = a->version_lo,
            .version_hi = a->version_hi,
            .to = a->to_node < 0 ? CALL_ANY : CALL_NODE,
            .node_id = a->to_node,
            .msg = &a->req,
            .fit = produce_fit,
            .is_once = a->to_node >= 0,
            .has_no_answer = a->kind == PRODUCE_BATCHES && p->acc.acks == 0,
            .deadline_ms = now_ms + v->request_timeout_ms,
        };
        waiter_submit(&p->waiter, &e->request);
    }
}

static void take(struct ottla_producer *p, struct request *r, int64_t now_ms)
{
    struct errand *e = CONTAINER_OF(r, struct errand, request);
    union {
        struct metadata_resp metadata;
        struct init_producer_id_resp id;
        struct produce_resp produce;
    } resp;
    struct arena a;
    arena_init(&a, LIMIT_REQUEST_ARENA_BYTES);
    bool is_blind = r->call.has_no_answer && !r->call.err;
    int code = is_blind ? 0 : request_read(r, &a, &resp, NULL);
    acc_take(&p->acc, e->ask, (enum err)code, &resp, now_ms);
    arena_deinit(&a);
    request_deinit(r);
    mem_free(e);
}

static void tell(const struct acc_batch *b)
{
    for (int32_t i = 0; i < b->count; i++) {
        if (b->to[i].fn != NULL) {
            struct ottla_delivery d = {b->code, b->code ? ottla_error_text(b->code) : NULL,
                                       b->queue->topic->name, b->queue->partition,
                                       b->base_off < 0 ? -1 : b->base_off + i};
            b->to[i].fn(b->to[i].ctx, &d);
        }
    }
}

/* Lock held, but not while deliveries are told. */
static void tell_all(struct ottla_producer *p)
{
    struct acc_batch *b;
    while ((b = acc_done(&p->acc)) != NULL) {
        mutex_unlock(&p->lock);
        tell(b);
        mutex_lock(&p->lock);
        p->untold -= b->count;
        acc_free_batch(b);
    }
}

static void drop(struct request *r, void *ctx)
{
    struct ottla_producer *p = ctx;
    mutex_lock(&p->lock);
    take(p, r, client_now_ms(p->client));
    mutex_unlock(&p->lock);
}

static void producer_main(void *ctx)
{
    struct ottla_producer *p = ctx;
    struct request *r;
    mutex_lock(&p->lock);
    while (!p->is_closing) {
        int64_t now_ms = client_now_ms(p->client);
        while ((r = waiter_next(&p->waiter, 0)) != NULL) {
            take(p, r, now_ms);
        }
        send_all(p, now_ms);
        tell_all(p);
        cond_broadcast(&p->cond);
        int64_t at = acc_deadline_ms(&p->acc, now_ms);
        mutex_unlock(&p->lock);
        if (!waiter_take_wakeup(&p->waiter)) {
            waiter_wait(&p->waiter, at == INT64_MAX ? -1 : MAX(at - client_now_ms(p->client), 0));
            (void)waiter_take_wakeup(&p->waiter);
        }
        mutex_lock(&p->lock);
    }
    mutex_unlock(&p->lock);
    waiter_drain(&p->waiter, drop, p);
    mutex_lock(&p->lock);
    acc_fail_all(&p->acc, ERR_REQUEST_TIMED_OUT);
    tell_all(p);
    mutex_unlock(&p->lock);
    codec_release_thread();
}

/* --- users --- */

struct ottla_producer *ottla_producer_new(struct ottla_client *client, struct ottla_error *error)
{
    struct ottla_producer *p = NEW(struct ottla_producer);
    p->client = client;
    mutex_init(&p->lock);
    cond_init(&p->cond);
    waiter_init(&p->waiter, client);
    acc_init(&p->acc, &client->config->values, (uint64_t)client_now_ms(client));
    enum err e = thread_start(&p->thread, "ottla-producer", producer_main, p);
    if (e) {
        error_set(error, e, "the producer cannot start: %s", err_text(e));
        waiter_deinit(&p->waiter);
        acc_deinit(&p->acc);
        cond_deinit(&p->cond);
        mutex_deinit(&p->lock);
        mem_free(p);
        return NULL;
    }
    return p;
}

/* Lock held: until the thread has done something, or the time is over (false). */
static bool wait_round(struct ottla_producer *p, int64_t end_ms)
{
    int64_t left = end_ms - client_now_ms(p->client);
    if (left <= 0) {
        return false;
    }
    cond_wait_ns(&p->cond, &p->lock, left * 1000000);
    return true;
}

static int64_t end_of(const struct ottla_producer *p, int64_t timeout_ms)
{
    int64_t now_ms = client_now_ms(p->client);
    return timeout_ms < INT64_MAX / 2000000 - now_ms ? now_ms + timeout_ms : INT64_MAX / 2000000;
}

/* Lock held: until the topic is known and there is memory. */
static int wait_for_room(struct ottla_producer *p, struct acc_topic *t, struct ottla_error *error)
{
    int64_t end_ms = end_of(p, p->client->config->values.max_block_ms);
    const size_t max_bytes = (size_t)p->client->config->values.buffer_memory;
    if (t->count == 0 || p->acc.bytes >= max_bytes) {
        waiter_wake(&p->waiter);
    }
    while (t->count == 0 || p->acc.bytes >= max_bytes) {
        if (t->count == 0 && t->code != 0 && !code_is_retriable(t->code)) {
            int code = t->code;
            t->code = 0; /* the next one may ask again */
            return error_set(error, code, "topic %s: %s", t->name, ottla_error_text(code));
        }
        if (!wait_round(p, end_ms)) {
            return t->count > 0
                       ? error_set(error, ERR_REQUEST_TIMED_OUT,
                                   "buffer.memory is full, max.block.ms is over")
                       : error_set(error, ERR_REQUEST_TIMED_OUT,
                                   "topic %s: no metadata within max.block.ms%s%s", t->name,
                                   t->code ? ": " : "", t->code ? ottla_error_text(t->code) : "");
        }
    }
    return 0;
}

int ottla_producer_send(struct ottla_producer *p, const struct ottla_message *m,
                        ottla_delivery_fn *fn, void *ctx, struct ottla_error *error)
{
    int refused = 0;
    bool is_ready = false;
    if (m->topic == NULL || m->topic[0] == '\0') {
        return error_set(error, ERR_INVALID_TOPIC_EXCEPTION, "the record has no topic");
    }
    mutex_lock(&p->lock);
    struct acc_topic *t = acc_topic(&p->acc, m->topic);
    int code = wait_for_room(p, t, error);
    if (!code) {
        is_ready = acc_add(&p->acc, t, m, (struct delivery_to){fn, ctx},
                           clock_wall_ms(p->client->clock), client_now_ms(p->client), &refused);
        p->untold += refused == 0;
    }
    mutex_unlock(&p->lock);
    if (is_ready) {
        waiter_wake(&p->waiter);
    }
    return code      ? code
           : refused ? error_set(error, refused, "%s-%d: %s", m->topic, m->partition,
                                 ottla_error_text(refused))
                     : 0;
}

int ottla_producer_flush(struct ottla_producer *p, int timeout_ms, struct ottla_error *error)
{
    int64_t end_ms = end_of(p, timeout_ms);
    bool is_done = true;
    mutex_lock(&p->lock);
    p->acc.flushes++;
    waiter_wake(&p->waiter);
    while (p->untold > 0 && is_done) {
        is_done = wait_round(p, end_ms);
    }
    p->acc.flushes--;
    is_done = p->untold == 0;
    mutex_unlock(&p->lock);
    return is_done ? 0
                   : error_set(error, ERR_REQUEST_TIMED_OUT, "not all is written after %d ms",
                               timeout_ms);
}

/* One record that somebody waits for. */
struct awaited {
    struct ottla_producer *producer;
    struct ottla_delivery delivery;
    const char *topic;
    bool is_done;
};

static void on_delivery(void *ctx, const struct ottla_delivery *d)
{
    struct awaited *w = ctx;
    mutex_lock(&w->producer->lock);
    w->delivery = *d;
    w->delivery.topic = w->topic;
    w->is_done = true;
    cond_broadcast(&w->producer->cond);
    mutex_unlock(&w->producer->lock);
}

int ottla_producer_send_wait(struct ottla_producer *p, const struct ottla_message *m,
                             struct ottla_delivery *ret, struct ottla_error *error)
{
    struct awaited w = {.producer = p, .topic = m->topic};
    int code = ottla_producer_send(p, m, on_delivery, &w, error);
    if (code) {
        return code;
    }
    mutex_lock(&p->lock);
    p->acc.flushes++;
    waiter_wake(&p->waiter);
    while (!w.is_done) {
        cond_wait(&p->cond, &p->lock);
    }
    p->acc.flushes--;
    mutex_unlock(&p->lock);
    if (w.delivery.error) {
        return error_set(error, w.delivery.error, "%s-%d: %s", m->topic, w.delivery.partition,
                         w.delivery.message);
    }
    if (ret != NULL) {
        *ret = w.delivery;
    }
    return 0;
}

void ottla_producer_free(struct ottla_producer *p, int timeout_ms)
{
    if (p == NULL) {
        return;
    }
    (void)ottla_producer_flush(p, timeout_ms, NULL);
    mutex_lock(&p->lock);
    p->is_closing = true;
    mutex_unlock(&p->lock);
    waiter_wake(&p->waiter);
    thread_join(&p->thread);
    waiter_deinit(&p->waiter);
    acc_deinit(&p->acc);
    cond_deinit(&p->cond);
    mutex_deinit(&p->lock);
    mem_free(p);
}
