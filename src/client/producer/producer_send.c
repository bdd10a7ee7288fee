/* Records from the program into the accumulator, and waiting for them. Any thread of the program's.
 *
 * record → interceptors → serializers → partitioner → accumulator. The program's callbacks are
 * called without the lock. A record that is refused anywhere on this way was not taken. */
#include "client/producer/producer_int.h"

#include "base/mem.h"

#include <stdio.h>

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

static bool has_room(const struct ottla_producer *p, const struct acc_topic *t)
{
    return t->count > 0 && p->acc.bytes < producer_memory(p);
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
        } else if (t->count == 0 ? !producer_wait(p, end_ms) : !producer_wait_memory(p, end_ms)) {
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
    const struct client_values *v = &p->client->config->values;
    if (code == ERR_MESSAGE_TOO_LARGE) {
        bool is_memory = v->buffer_memory < v->max_request_size;
        return error_set(error, code,
                         "a record for topic %s with a key of %zu and a value of %zu bytes is "
                         "larger than %s (%lld)",
                         m->topic, m->key_length, m->value_length,
                         is_memory ? "buffer.memory" : "max.request.size",
                         (long long)(is_memory ? v->buffer_memory : v->max_request_size));
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
    int code = 0;
    if (!has_room(p, t)) { /* which would never be enough for what is too large */
        code = acc_check_size(&p->acc, m);
        code = code ? refuse_record(p, t, m, code, error) : wait_for_room(p, t, error);
    }
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

/* What is the same whether key and value are objects or bytes. */
static int check_frame(const struct ottla_message *m, struct ottla_error *error)
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
    return m->header_count > 0 ? check_headers(m, error) : 0;
}

static int check_message(const struct ottla_message *m, struct ottla_error *error)
{
    int code = check_frame(m, error);
    if (!code && (!is_whole(m->key, m->key_length) || !is_whole(m->value, m->value_length))) {
        return error_set(error, ERR_INVALID_RECORD,
                         "the key or the value is NULL, or too long: their lengths are %zu and %zu",
                         m->key_length, m->value_length);
    }
    return code;
}

/* Bytes of the message, which is fine. */
static int put(struct ottla_producer *p, const struct ottla_message *m, struct delivery_to to,
               struct ottla_error *error)
{
    bool wakes = false;
    mutex_lock(&p->lock);
    int code = add(p, m, to, &wakes, error);
    mutex_unlock(&p->lock);
    if (wakes) {
        waiter_wake(&p->waiter);
    }
    return code;
}

static int send_own(struct ottla_producer *p, struct ottla_message *m, struct delivery_to to,
                    struct ottla_error *error)
{
    struct ottla_scratch scratch;
    const char *topic = m->topic;
    scratch_init(&scratch);
    intercept_send(p, m, &scratch);
    int code = check_frame(m, error);
    code = code ? code : serialize_message(p, m, &scratch, error);
    code = code ? code : check_message(m, error);
    code = code ? code : put(p, m, to, error);
    if (code) {
        struct ottla_delivery d = {code, error->message, m->topic ? m->topic : topic, m->partition,
                                   -1};
        intercept_delivery(p, &d);
    }
    scratch_deinit(&scratch);
    return code;
}

/* By way of interceptors and serializers, which see a copy. */
static int send_through(struct ottla_producer *p, const struct ottla_message *m,
                        struct delivery_to to, struct ottla_error *error)
{
    struct ottla_message own;
    struct ottla_error why;
    int code = check_frame(m, &why);
    if (!code) {
        ottla_message_init(&own);
        mem_read_sized(&own, sizeof own, m);
        own.size = sizeof own;
        code = send_own(p, &own, to, &why);
    }
    if (code && error != NULL) {
        *error = why;
    }
    return code;
}

int ottla_producer_send(struct ottla_producer *p, const struct ottla_message *m,
                        ottla_delivery_fn *fn, void *ctx, struct ottla_error *error)
{
    const struct delivery_to to = {fn, ctx};
    int code = producer_check(p, error);
    if (!code && !p->is_direct) {
        return send_through(p, m, to, error);
    }
    code = code ? code : check_message(m, error);
    return code ? code : put(p, m, to, error);
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
    char why[504]; /* what the delivery's message points to is gone when it is looked at */
    const char *topic;
    bool is_done;
};

static void on_delivery(void *ctx, const struct ottla_delivery *d)
{
    struct awaited *w = ctx;
    mutex_lock(&w->producer->lock);
    w->delivery = *d;
    w->delivery.topic = w->topic;
    w->delivery.message = NULL;
    snprintf(w->why, sizeof w->why, "%s", d->message ? d->message : "");
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
                         w.why);
    }
    if (ret != NULL) {
        *ret = w.delivery;
    }
    return 0;
}
