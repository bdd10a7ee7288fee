/* The producer: an accumulator under a lock, and a thread that sends what it has ready, over
 * connections that it serves itself: a request costs no switch of threads.
 *
 * The lock guards the accumulator and what stands below it in the struct. The thread alone waits at
 * the waiter; it compresses and encodes batches, and calls deliveries, without the lock. Users wait
 * at the condition, which the thread signals after each round.
 *
 * Waking costs more than a record. So the thread is woken only when it sleeps and there is
 * something that it would do before it wakes by itself (acc_add says so). */
#include "client/producer/producer_int.h"

#include "base/limit.h"
#include "base/mem.h"
#include "client/check.h"
#include "client/core/throttle.h"
#include "plat/fork.h"

enum { ROOM_PART = 8 };

/* An ask under way. */
struct errand {
    struct request request;
    struct produce_ask *ask;
};

void ottla_producer_options_init_size(struct ottla_producer_options *options, size_t size)
{
    const struct ottla_producer_options ours = {.size = size};
    mem_init_sized(options, size, &ours, sizeof ours);
}

bool producer_nudge(struct ottla_producer *p)
{
    p->has_news = true;
    bool is_asleep = !p->is_awake;
    p->is_awake = true;
    return is_asleep;
}

/* --- the thread --- */

static void send_ask(struct ottla_producer *p, struct produce_ask *a, int64_t now_ms)
{
    const struct client_values *v = &p->client->config->values;
    struct errand *e = NEW(struct errand);
    e->ask = a;
    e->request.call = (struct call){
        .api_key = a->api_key,
        .version_lo = a->version_lo,
        .version_hi = a->version_hi,
        .to = a->to,
        .node_id = a->to_node,
        .key_type = a->key_type,
        .key = a->key,
        .is_fresh = a->is_fresh,
        .msg = &a->req,
        .parcels = a->count,
        .fit = produce_fit,
        .is_once = a->kind == PRODUCE_BATCHES,
        .has_no_answer = a->kind == PRODUCE_BATCHES && p->acc.acks == 0,
        .deadline_ms = MIN(now_ms + v->request_timeout_ms, a->deadline_ms),
    };
    waiter_submit(&p->waiter, &e->request);
}

/* Lock held, but not while batches are completed. */
static void send_all(struct ottla_producer *p, int64_t now_ms)
{
    struct produce_ask *a;
    while ((a = acc_next(&p->acc, now_ms)) != NULL) {
        mutex_unlock(&p->lock);
        if (a->kind == PRODUCE_BATCHES) {
            ask_seal(a);
        }
        send_ask(p, a, now_ms);
        mutex_lock(&p->lock);
    }
}

static void take(struct ottla_producer *p, struct request *r, int64_t now_ms)
{
    struct errand *e = CONTAINER_OF(r, struct errand, request);
    union produce_answer resp;
    struct arena a;
    arena_init(&a, LIMIT_REQUEST_ARENA_BYTES);
    bool is_blind = r->call.has_no_answer && !r->call.err;
    int code = is_blind ? 0 : request_read(r, &a, &resp, NULL);
    e->ask->txn_version = r->call.txn_version;
    if (e->ask->kind == PRODUCE_BATCHES && !code && !is_blind) {
        e->ask->kept_back = !throttle_is_ours(API_PRODUCE, r->call.version);
        host_throttled(p->host, e->ask->to_node,
                       e->ask->kept_back ? 0 : resp.produce.throttle_time_ms);
    }
    e->ask->why = r->call.err && r->call.why[0] != '\0' ? r->call.why : NULL;
    mutex_lock(&p->lock);
    acc_take(&p->acc, e->ask, (enum err)code, &resp, now_ms);
    mutex_unlock(&p->lock);
    arena_deinit(&a);
    request_deinit(r);
    mem_free(e);
}

/* Interceptors see every record, and before its own callback. */
static void tell_record(const struct ottla_producer *p, const struct acc_batch *b, int32_t i)
{
    struct delivery_to to = i < b->to_count ? b->to[i] : (struct delivery_to){NULL, NULL};
    if (to.fn == NULL && p->options.interceptor_count == 0) {
        return;
    }
    struct acc_verdict v = b->code ? acc_verdict(b, i) : (struct acc_verdict){0, NULL};
    struct ottla_delivery d = {v.code, v.text, b->queue->topic->name, b->queue->partition,
                               b->base_off < 0 ? -1 : b->base_off + i};
    intercept_delivery(p, &d);
    if (to.fn != NULL) {
        to.fn(to.ctx, &d);
    }
}

static void tell(const struct ottla_producer *p, const struct acc_batch *b)
{
    int32_t count = p->options.interceptor_count > 0 ? b->count : b->to_count;
    for (int32_t i = 0; i < count; i++) {
        tell_record(p, b, i);
    }
}

/* Lock held, but not while deliveries are told. Who waits for memory waits for a good part of it:
 * waking for each batch would cost more than the batch. */
static void tell_all(struct ottla_producer *p)
{
    struct acc_batch *b;
    while ((b = acc_done(&p->acc)) != NULL) {
        b->queue->topic->users++;
        mutex_unlock(&p->lock);
        tell(p, b);
        mutex_lock(&p->lock);
        b->queue->topic->users--;
        p->untold -= b->count;
        acc_free_batch(&p->acc, b);
    }
    if (p->waiting > 0) {
        cond_broadcast(&p->cond);
    }
    if (p->crowded > 0 && p->acc.bytes < producer_memory(p) - producer_memory(p) / ROOM_PART) {
        cond_broadcast(&p->room);
    }
}

static void report(struct ottla_producer *p, int64_t now_ms)
{
    if (reporter_is_due(&p->reporter, now_ms)) {
        reporter_tell(&p->reporter, ottla_producer_metrics(p), now_ms);
    }
}

/* Until there is something to do. */
static void doze(struct ottla_producer *p, int64_t at_ms)
{
    at_ms = MIN(at_ms, p->reporter.at_ms);
    if (!waiter_take_wakeup(&p->waiter)) {
        int64_t left = at_ms == INT64_MAX ? -1 : MAX(at_ms - client_now_ms(p->client), 0);
        waiter_wait(&p->waiter, left);
        (void)waiter_take_wakeup(&p->waiter);
    }
}

/* Lock held. When to look again; INT64_MIN: at once. Requests leave before deliveries are told. */
static int64_t serve(struct ottla_producer *p)
{
    int64_t now_ms = client_now_ms(p->client);
    p->has_news = false;
    p->is_awake = true;
    p->acc.wake_at_ms = INT64_MAX;
    send_all(p, now_ms);
    mutex_unlock(&p->lock);
    host_step(p->host);
    mutex_lock(&p->lock);
    tell_all(p);
    if (p->has_news) {
        return INT64_MIN;
    }
    p->acc.wake_at_ms = acc_deadline_ms(&p->acc, now_ms);
    p->is_awake = false;
    return p->acc.wake_at_ms;
}

static void drop(struct request *r, void *ctx)
{
    struct ottla_producer *p = ctx;
    take(p, r, client_now_ms(p->client));
}

static void stop(struct ottla_producer *p)
{
    waiter_drain(&p->waiter, drop, p);
    mutex_lock(&p->lock);
    acc_fail_all(&p->acc, ERR_REQUEST_TIMED_OUT);
    tell_all(p);
    mutex_unlock(&p->lock);
    codec_release_thread();
}

static void producer_main(void *ctx)
{
    struct ottla_producer *p = ctx;
    struct request *r;
    bool is_closing = false;
    while (!is_closing) {
        while ((r = waiter_next(&p->waiter, 0)) != NULL) {
            take(p, r, client_now_ms(p->client));
        }
        mutex_lock(&p->lock);
        int64_t at_ms = serve(p);
        is_closing = p->is_closing;
        mutex_unlock(&p->lock);
        report(p, client_now_ms(p->client));
        if (at_ms != INT64_MIN && !is_closing) {
            doze(p, at_ms);
        }
    }
    stop(p);
}

/* --- life --- */

int producer_check(const struct ottla_producer *p, struct ottla_error *error)
{
    return is_null(p, "producer", error) ? ERR_INVALID_REQUEST : client_check(p->client, error);
}

int producer_check_waiter(const struct ottla_producer *p, struct ottla_error *error)
{
    int code = producer_check(p, error);
    return code == 0 && thread_is_current(&p->thread)
               ? error_set(
                     error, ERR_INVALID_REQUEST,
                     "a callback of the producer must not wait for it: it would wait for ever")
               : code;
}

static void producer_deinit(struct ottla_producer *p)
{
    waiter_deinit(&p->waiter);
    client_unref(p->host);
    client_unref(p->client);
    acc_deinit(&p->acc);
    intercept_deinit(p);
    cond_deinit(&p->room);
    cond_deinit(&p->cond);
    mutex_deinit(&p->lock);
    mem_free(p);
}

struct ottla_producer *ottla_producer_new_with(struct ottla_client *client,
                                               const struct ottla_producer_options *options,
                                               struct ottla_error *error)
{
    if (is_null(client, "client", error) || client_check(client, error) ||
        config_check_producer(client->config, error)) {
        return NULL;
    }
    const struct client_values *v = &client->config->values;
    struct ottla_producer_options own;
    ottla_producer_options_init(&own);
    if (options != NULL) {
        mem_read_sized(&own, sizeof own, options);
    }
    if (own.interceptor_count > 0 && is_null(own.interceptors, "list of interceptors", error)) {
        return NULL;
    }
    struct ottla_client *host = host_beside(client, error);
    if (host == NULL) {
        return NULL;
    }
    struct ottla_producer *p = NEW(struct ottla_producer);
    p->client = client_ref(client);
    p->host = host;
    p->options = own;
    intercept_init(p);
    struct reporter wanted = {.fn = p->options.statistics,
                              .ctx = p->options.statistics_ctx,
                              .interval_ms = v->statistics_interval_ms};
    reporter_init(&p->reporter, &wanted, client_now_ms(client));
    mutex_init(&p->lock);
    cond_init(&p->cond);
    cond_init(&p->room);
    waiter_init(&p->waiter, p->host);
    acc_init(&p->acc, v, (uint64_t)clock_mono_ns(client->clock));
    if (!config_is_set(client->config, "batch.size")) {
        acc_let_grow(&p->acc);
    }
    enum err e = thread_start(&p->thread, "ottla-producer", producer_main, p);
    if (e) {
        error_set(error, e, "the producer cannot start: %s", err_text(e));
        producer_deinit(p);
        return NULL;
    }
    return p;
}

struct ottla_producer *ottla_producer_new(struct ottla_client *client, struct ottla_error *error)
{
    return ottla_producer_new_with(client, NULL, error);
}

void ottla_producer_free(struct ottla_producer *p, int timeout_ms)
{
    if (producer_check_waiter(p, NULL)) {
        return;
    }
    mutex_lock(&p->lock);
    bool is_open = p->acc.txn.state == TXN_OPEN || p->acc.txn.state == TXN_ABORTABLE;
    mutex_unlock(&p->lock);
    if (is_open && timeout_ms != 0) {
        (void)ottla_producer_abort(p, timeout_ms, NULL);
    }
    (void)ottla_producer_flush(p, timeout_ms, NULL);
    mutex_lock(&p->lock);
    p->is_closing = true;
    (void)producer_nudge(p);
    mutex_unlock(&p->lock);
    waiter_wake(&p->waiter);
    thread_join(&p->thread);
    producer_deinit(p);
}

/* --- users --- */

static bool wait_at(struct ottla_producer *p, struct cond *cond, int *count, int64_t end_ms)
{
    int64_t left = end_ms - client_now_ms(p->client);
    if (left <= 0) {
        return false;
    }
    (*count)++;
    cond_wait_ns(cond, &p->lock, left * 1000000);
    (*count)--;
    return true;
}

bool producer_wait(struct ottla_producer *p, int64_t end_ms)
{
    return wait_at(p, &p->cond, &p->waiting, end_ms);
}

bool producer_wait_memory(struct ottla_producer *p, int64_t end_ms)
{
    return wait_at(p, &p->room, &p->crowded, end_ms);
}

int64_t producer_end_ms(const struct ottla_producer *p, int64_t timeout_ms)
{
    int64_t now_ms = client_now_ms(p->client);
    bool has_end = timeout_ms >= 0 && timeout_ms < INT64_MAX / 2000000 - now_ms;
    return has_end ? now_ms + timeout_ms : INT64_MAX / 2000000;
}

int producer_refuse(const struct ottla_producer *p, int code, struct ottla_error *error)
{
    const struct txn *t = &p->acc.txn;
    if (!t->is_transactional && code != ERR_INVALID_TXN_STATE) {
        return error_code(error, code, NULL);
    }
    error_set(error, code, "%s",
              code == ERR_INVALID_TXN_STATE ? txn_refusal(t) : ottla_error_text(code));
    if (error != NULL && t->state == TXN_ABORTABLE) {
        error->flags = OTTLA_ABORTABLE;
    } else if (error != NULL) {
        error->flags = t->state == TXN_FATAL ? OTTLA_FATAL : 0;
    }
    return code;
}
