/* The producer: an accumulator under a lock, and a thread that sends what it has ready, over
 * connections that it serves itself: a request costs no switch of threads.
 *
 * The lock guards the accumulator and what stands below it in the struct. The thread alone waits at
 * the waiter; it compresses and encodes batches, and calls deliveries, without the lock. Users wait
 * at the condition, which the thread signals after each round.
 *
 * Waking costs more than a record. So the thread is woken only when it sleeps and there is
 * something that it would do before it wakes by itself (acc_add says so). */
#include "client/producer_int.h"

#include "base/limit.h"
#include "base/mem.h"
#include "client/check.h"
#include "plat/fork.h"

enum { ROOM_PART = 8 };

/* An ask under way. */
struct errand {
    struct request request;
    struct produce_ask *ask;
};

/* What a message had in the first library; what came later is there when its size says so. */
enum { MESSAGE_BYTES_MIN = offsetof(struct ottla_message, headers) + sizeof(void *) };

/* Once a record: so the usual size is written where it is to be, without a copy. */
void ottla_message_init_size(struct ottla_message *m, size_t size)
{
    if (size == sizeof *m) {
        *m = (struct ottla_message){.size = size, .partition = -1, .timestamp_ms = -1};
    } else {
        const struct ottla_message ours = {.size = size, .partition = -1, .timestamp_ms = -1};
        mem_init_sized(m, size, &ours, sizeof ours);
    }
}

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
    mutex_lock(&p->lock);
    acc_take(&p->acc, e->ask, (enum err)code, &resp, now_ms);
    mutex_unlock(&p->lock);
    arena_deinit(&a);
    request_deinit(r);
    mem_free(e);
}

static void tell(const struct acc_batch *b)
{
    for (int32_t i = 0; i < b->to_count; i++) {
        if (b->to[i].fn != NULL) {
            struct ottla_delivery d = {b->code, b->code ? ottla_error_text(b->code) : NULL,
                                       b->queue->topic->name, b->queue->partition,
                                       b->base_off < 0 ? -1 : b->base_off + i};
            b->to[i].fn(b->to[i].ctx, &d);
        }
    }
}

static size_t buffer_bytes(const struct ottla_producer *p)
{
    return (size_t)p->client->config->values.buffer_memory;
}

/* Lock held, but not while deliveries are told. Who waits for memory waits for a good part of it:
 * waking for each batch would cost more than the batch. */
static void tell_all(struct ottla_producer *p)
{
    struct acc_batch *b;
    while ((b = acc_done(&p->acc)) != NULL) {
        b->queue->topic->users++;
        mutex_unlock(&p->lock);
        tell(b);
        mutex_lock(&p->lock);
        b->queue->topic->users--;
        p->untold -= b->count;
        acc_free_batch(&p->acc, b);
    }
    if (p->waiting > 0) {
        cond_broadcast(&p->cond);
    }
    if (p->crowded > 0 && p->acc.bytes < buffer_bytes(p) - buffer_bytes(p) / ROOM_PART) {
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
    struct ottla_client *host = host_beside(client, error);
    if (host == NULL) {
        return NULL;
    }
    struct ottla_producer *p = NEW(struct ottla_producer);
    p->client = client_ref(client);
    p->host = host;
    ottla_producer_options_init(&p->options);
    if (options != NULL) {
        mem_read_sized(&p->options, sizeof p->options, options);
    }
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

static bool has_room(const struct ottla_producer *p, const struct acc_topic *t)
{
    return t->count > 0 && p->acc.bytes < buffer_bytes(p);
}

static int say_late(const struct acc_topic *t, struct ottla_error *error)
{
    if (t->count > 0) {
        return error_set(error, ERR_REQUEST_TIMED_OUT,
                         "buffer.memory is full, max.block.ms is over: brokers take less than is "
                         "sent");
    }
    return error_set(error, ERR_REQUEST_TIMED_OUT, "topic %s: no metadata within max.block.ms%s%s",
                     t->name, t->code ? ": " : "", t->code ? ottla_error_text(t->code) : "");
}

static int say_topic(const struct acc_topic *t, struct ottla_error *error)
{
    return error_set(error, t->code, "topic %s: %s%s", t->name, ottla_error_text(t->code),
                     t->code == ERR_INVALID_TOPIC_EXCEPTION
                         ? ": a name is 1 to 249 of letters, digits, '.', '_' and '-'"
                     : t->code == ERR_TOPIC_AUTHORIZATION_FAILED
                         ? ": the user needs WRITE and DESCRIBE, and CREATE for one that is not "
                           "there yet"
                         : "");
}

/* Lock held: until the topic is known and there is memory. */
static int wait_for_room(struct ottla_producer *p, struct acc_topic *t, struct ottla_error *error)
{
    if (thread_is_current(&p->thread)) {
        return error_set(error, ERR_REQUEST_TIMED_OUT,
                         "%s, and a callback of the producer must not wait",
                         t->count > 0 ? "buffer.memory is full" : "the topic is not known yet");
    }
    int64_t began_ns = clock_mono_ns(p->client->clock);
    int64_t end_ms = producer_end_ms(p, p->client->config->values.max_block_ms);
    int code = 0;
    if (producer_nudge(p)) {
        waiter_wake(&p->waiter);
    }
    t->users++;
    while (!code && !has_room(p, t)) {
        if (t->count == 0 && t->code != 0 && !code_is_retriable(t->code)) {
            code = say_topic(t, error);
            t->code = 0; /* the next one may ask again */
        } else if (t->count == 0 ? !producer_wait(p, end_ms)
                                 : !wait_at(p, &p->room, &p->crowded, end_ms)) {
            code = say_late(t, error);
        }
    }
    t->users--;
    p->acc.metrics.blocked_ns += clock_mono_ns(p->client->clock) - began_ns;
    return code;
}

/* The program's own choice; it may take its time, so without the lock. */
static int32_t ask_partitioner(struct ottla_producer *p, const struct acc_topic *t,
                               const struct ottla_message *m)
{
    int32_t count = t->count;
    mutex_unlock(&p->lock);
    int32_t partition = p->options.partitioner(p->options.partitioner_ctx, m, count);
    mutex_lock(&p->lock);
    return partition;
}

static int refuse_record(const struct ottla_producer *p, const struct acc_topic *t,
                         const struct ottla_message *m, int code, struct ottla_error *error)
{
    if (code == ERR_MESSAGE_TOO_LARGE) {
        return error_set(error, code,
                         "a record for topic %s with a key of %zu and a value of %zu bytes is "
                         "larger than max.request.size (%d)",
                         m->topic, m->key_length, m->value_length,
                         p->client->config->values.max_request_size);
    }
    if (code == ERR_UNKNOWN_TOPIC_OR_PARTITION) {
        return error_set(error, code, "topic %s has no partition %d: they are 0 to %d", m->topic,
                         m->partition, t->count - 1);
    }
    return producer_refuse(p, code, error);
}

/* Lock held. */
static int add(struct ottla_producer *p, const struct ottla_message *m, struct delivery_to to,
               bool *ret_wakes, struct ottla_error *error)
{
    struct acc_topic *t = acc_topic(&p->acc, m->topic);
    struct ottla_message own;
    int code = has_room(p, t) ? 0 : wait_for_room(p, t, error);
    if (code) {
        return code;
    }
    if (m->partition < 0 && p->options.partitioner != NULL) {
        ottla_message_init(&own);
        mem_read_sized(&own, sizeof own, m);
        t->users++;
        own.partition = ask_partitioner(p, t, m);
        t->users--;
        m = &own;
    }
    struct acc_place place;
    code = acc_choose(&p->acc, t, m, &place);
    if (code) {
        return refuse_record(p, t, m, code, error);
    }
    int64_t wall_ms = m->timestamp_ms < 0 ? clock_wall_ms_for(p->client->clock, &p->asker) : 0;
    int64_t now_ms = place.is_new ? client_now_ms(p->client) : 0;
    *ret_wakes = acc_add(&p->acc, &place, m, to, wall_ms, now_ms) && producer_nudge(p);
    p->untold++;
    return 0;
}

/* Not more than a request can ever have: so sums of lengths do not overflow. */
static bool is_whole(const void *p, size_t length)
{
    return length <= INT32_MAX && (p != NULL || length == 0);
}

static int check_headers(const struct ottla_message *m, struct ottla_error *error)
{
    if (!is_whole(m->headers, m->header_count)) {
        return error_set(error, ERR_INVALID_RECORD, "header_count is %zu, and there are no headers",
                         m->header_count);
    }
    for (size_t i = 0; i < m->header_count; i++) {
        const struct ottla_header *h = &m->headers[i];
        if (h->key == NULL || !is_whole(h->key, h->key_length)) {
            return error_set(error, ERR_INVALID_RECORD, "header %zu has no key", i);
        }
        if (!is_whole(h->value, h->value_length)) {
            return error_set(error, ERR_INVALID_RECORD,
                             "the value of header %zu is NULL, or too long: its length is %zu", i,
                             h->value_length);
        }
    }
    return 0;
}

static int check_message(const struct ottla_message *m, struct ottla_error *error)
{
    if (is_null(m, "message", error)) {
        return ERR_INVALID_REQUEST;
    }
    if (m->size < MESSAGE_BYTES_MIN) {
        return error_set(error, ERR_INVALID_REQUEST,
                         "the message says no size: begin with ottla_message_init");
    }
    if (m->topic == NULL || m->topic[0] == '\0') {
        return error_set(error, ERR_INVALID_TOPIC_EXCEPTION, "the record has no topic");
    }
    if (m->timestamp_ms < -1) {
        return error_set(error, ERR_INVALID_TIMESTAMP, "the record's time is before 1970");
    }
    if (m->partition < -1) {
        return error_set(error, ERR_INVALID_REQUEST, "%d is no partition; -1 leaves the choice",
                         m->partition);
    }
    if (!is_whole(m->key, m->key_length) || !is_whole(m->value, m->value_length)) {
        return error_set(error, ERR_INVALID_RECORD,
                         "the key or the value is NULL, or too long: their lengths are %zu and %zu",
                         m->key_length, m->value_length);
    }
    return m->header_count > 0 ? check_headers(m, error) : 0;
}

int ottla_producer_send(struct ottla_producer *p, const struct ottla_message *m,
                        ottla_delivery_fn *fn, void *ctx, struct ottla_error *error)
{
    bool wakes = false;
    int code = producer_check(p, error);
    code = code ? code : check_message(m, error);
    if (code) {
        return code;
    }
    mutex_lock(&p->lock);
    code = add(p, m, (struct delivery_to){fn, ctx}, &wakes, error);
    mutex_unlock(&p->lock);
    if (wakes) {
        waiter_wake(&p->waiter);
    }
    return code;
}

int ottla_producer_partition_count(struct ottla_producer *p, const char *topic, int32_t *ret_count,
                                   struct ottla_error *error)
{
    int code = producer_check(p, error);
    if (code || is_null(topic, "topic", error) ||
        is_null(ret_count, "place for the count", error)) {
        return code ? code : ERR_INVALID_REQUEST;
    }
    mutex_lock(&p->lock);
    struct acc_topic *t = acc_topic(&p->acc, topic);
    code = t->count > 0 ? 0 : wait_for_room(p, t, error);
    if (!code) {
        *ret_count = t->count;
    }
    mutex_unlock(&p->lock);
    return code;
}

/* Lock held. From now on nothing lingers. */
static void begin_flush(struct ottla_producer *p)
{
    p->acc.flushes++;
    if (producer_nudge(p)) {
        waiter_wake(&p->waiter);
    }
}

int ottla_producer_flush(struct ottla_producer *p, int timeout_ms, struct ottla_error *error)
{
    bool is_in_time = true;
    int code = producer_check_waiter(p, error);
    if (code) {
        return code;
    }
    int64_t end_ms = producer_end_ms(p, timeout_ms);
    mutex_lock(&p->lock);
    begin_flush(p);
    while (p->untold > 0 && is_in_time) {
        is_in_time = producer_wait(p, end_ms);
    }
    p->acc.flushes--;
    int64_t untold = p->untold;
    mutex_unlock(&p->lock);
    return untold == 0
               ? 0
               : error_set(error, ERR_REQUEST_TIMED_OUT, "%lld records are not written after %d ms",
                           (long long)untold, timeout_ms);
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
    mutex_unlock(&w->producer->lock);
}

int ottla_producer_send_wait(struct ottla_producer *p, const struct ottla_message *m,
                             struct ottla_delivery *ret, struct ottla_error *error)
{
    struct awaited w = {.producer = p, .topic = m ? m->topic : NULL};
    int code = producer_check_waiter(p, error);
    code = code ? code : ottla_producer_send(p, m, on_delivery, &w, error);
    if (code) {
        return code;
    }
    mutex_lock(&p->lock);
    begin_flush(p);
    while (!w.is_done) {
        p->waiting++;
        cond_wait(&p->cond, &p->lock);
        p->waiting--;
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
