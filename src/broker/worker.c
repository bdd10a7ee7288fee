/* Workers: from frames to handlers. Everything here runs in the worker's own thread except
 * worker_adopt and worker_stop.
 *
 * Order. Calls of a connection run one after another: while one is parked no further frame is
 * taken. Only a parked PIPELINED call (Produce) lets the next frame in, so that a producer's
 * batches share an fsync; responses keep the order of requests in any case (conn.h). */
#include "broker/worker.h"

#include "base/diag.h"
#include "base/limit.h"
#include "base/mem.h"
#include "broker/admission.h"
#include "broker/call.h"
#include "broker/metrics.h"
#include "broker/tap.h"
#include "net/conn.h"
#include "net/http.h"
#include "plat/thread.h"
#include "record/record.h"

#include <stdio.h>

/* What is known of one connection; its conn_user. */
struct session {
    int open_calls;             /* not answered yet, and one while on_frame runs */
    const struct call *blocker; /* parked, and nothing may begin before it ends */
    struct call *deferred;      /* the blocker when it has not begun: others must end first */
    const void *deferred_request;
    bool is_waiting; /* on_frame said CONN_WAIT */
    bool is_closed;
};

/* A worker's side of one endpoint: the ctx of its connections. */
struct endpoint_place {
    struct worker *worker;
    struct endpoint *endpoint;
    struct conn_config config;
};

struct worker {
    struct broker *broker;
    struct loop *loop;
    struct thread thread;
    bool is_started;
    struct list free_calls, open_calls;
    struct endpoint_place *places; /* [broker->endpoint_count] */
    int number;
};

struct loop *worker_loop(struct worker *w) { return w->loop; }

struct worker_metrics *worker_metrics(struct worker *w)
{
    return &w->broker->metrics->workers[w->number];
}

/* --- calls --- */

static struct call *call_begin(const struct endpoint_place *place, struct conn *conn, size_t len)
{
    struct worker *w = place->worker;
    struct list_node *n = list_pop_front(&w->free_calls);
    struct call *c = n ? LIST_ENTRY(n, struct call, node) : NULL;
    if (c == NULL) {
        c = NEW(struct call);
        arena_init(&c->arena, LIMIT_REQUEST_ARENA_BYTES);
    }
    list_push_back(&w->open_calls, &c->node);
    c->worker = w;
    c->broker = w->broker;
    c->endpoint = place->endpoint;
    c->conn = conn;
    c->reply = conn_reply_begin(conn);
    c->begun_ns = clock_mono_ns(w->broker->clock);
    c->request_bytes = len;
    conn_ref(conn);
    return c;
}

void worker_count_call(struct call *c, size_t response_bytes)
{
    size_t count;
    struct api_metrics *m = &worker_metrics(c->worker)->apis[c->api - api_rows(&count)];
    histogram_add(&m->time, clock_mono_ns(c->broker->clock) - c->begun_ns);
    metrics_add(&m->request_bytes, c->request_bytes);
    metrics_add(&m->response_bytes, response_bytes);
}

static void session_unref(struct session *s)
{
    if (--s->open_calls == 0 && s->is_closed) {
        mem_free(s);
    }
}

/* With so many of its calls open. */
static bool session_may_go_on(const struct session *s, int open_calls)
{
    return s->blocker == NULL && open_calls < LIMIT_PIPELINED;
}

static void call_free(struct call *c)
{
    struct worker *w = c->worker;
    if (w->broker->tap != NULL) {
        w->broker->tap->on_end(w->broker->tap->ctx, c);
    }
    list_remove(&c->node);
    arena_reset(&c->arena);
    *c = (struct call){.arena = c->arena};
    list_push_front(&w->free_calls, &c->node);
}

void call_handle(struct call *c, const void *request) { c->api->handler(c, request); }

static void handle(struct call *c, const void *request)
{
    const struct call_tap *tap = c->broker->tap;
    if (tap == NULL || !tap->on_request(tap->ctx, c, request)) {
        call_handle(c, request);
    }
}

/* Once all calls before it have ended. */
static void begin_deferred(struct session *s)
{
    struct call *c = s->deferred;
    s->deferred = NULL;
    if (s->is_closed) {
        call_skip(c);
    } else {
        handle(c, s->deferred_request);
    }
}

void worker_end_call(struct call *c)
{
    struct conn *conn = c->conn;
    struct session *s = conn_user(conn);
    if (s->blocker == c) {
        s->blocker = NULL;
    }
    call_free(c);
    bool is_turn = s->deferred != NULL && s->open_calls == 2; /* it and the one that ends */
    session_unref(s);
    if (is_turn) {
        begin_deferred(s);
    }
    if (!conn_is_closed(conn) && s->is_waiting && session_may_go_on(s, s->open_calls)) {
        s->is_waiting = false;
        conn_resume(conn);
    }
    conn_unref(conn);
}

/* --- frames --- */

/* The API of a header, or NULL when the connection must be closed. An ApiVersions request of a
 * version that we do not know is let through: its handler answers in version 0 (KIP-511). */
static const struct api *api_for(const struct wire_header *h)
{
    const struct api *api = api_find(h->api_key);
    if (api == NULL || (h->api_key != API_API_VERSIONS &&
                        (h->version < api->min_version || h->version > api->max_version))) {
        return NULL;
    }
    return api;
}

static bool refuse(struct call *c, const char *why)
{
    diag_warn(DIAG_BROKER, "%s sent what is not understood (api %d version %d: %s): closing it",
              conn_peer(c->conn), c->header.api_key, c->header.version, why);
    reply_skip(c->reply);
    conn_close(c->conn);
    worker_end_call(c);
    return false;
}

/* Whether it must wait until those before it are answered. A handler that has begun and is parked
 * is the blocker unless it is PIPELINED, so all that are open now are. */
static bool must_defer(const struct call *c, const struct session *s)
{
    return !(c->api->flags & API_PIPELINED) && s->open_calls > 2; /* on_frame's own, and this */
}

/* A copy of the frame that lives as long as the call, where that is needed; the header, which was
 * read already, goes with it. */
static bool keep_frame(struct call *c, struct bytes *frame)
{
    if (!(c->api->flags & API_OUTLIVES_FRAME) && !must_defer(c, conn_user(c->conn)) &&
        c->broker->tap == NULL) {
        return true;
    }
    uint8_t *copy = arena_alloc(&c->arena, frame->len);
    if (copy == NULL) {
        return false;
    }
    memcpy(copy, frame->p, frame->len);
    if (!str_is_null(c->header.client_id)) {
        c->header.client_id.p = (char *)copy + (c->header.client_id.p - (const char *)frame->p);
    }
    frame->p = copy;
    return true;
}

/* Decodes the request into the call; false if the call was ended instead. */
static bool call_decode(struct call *c, struct bytes frame, const void **ret_request)
{
    size_t used;
    enum err e = wire_request_header_decode(frame, &c->header, &used);
    if (e) {
        return refuse(c, err_text(e));
    }
    c->api = api_for(&c->header);
    if (c->api == NULL || (c->endpoint->is_controller && !(c->api->flags & API_ON_CONTROLLER))) {
        return refuse(c, "no such API or version here");
    }
    if (c->api->key == API_API_VERSIONS &&
        (c->header.version > c->api->max_version || c->header.version < c->api->min_version)) {
        *ret_request = NULL;
        return true;
    }
    if (!keep_frame(c, &frame)) {
        return refuse(c, "too large");
    }
    const struct wire_msg *m = wire_request(c->api->key);
    void *request = arena_alloc(&c->arena, wire_struct_bytes(m));
    if (request == NULL) {
        return refuse(c, "out of memory");
    }
    struct bytes body = {frame.p + used, frame.len - used};
    /* What follows the message is ignored, as Kafka does: librdkafka 2.8 leaves some there. */
    e = wire_decode(m, call_version(c), body, &c->arena, request, &used);
    if (e) {
        return refuse(c, err_text(e));
    }
    *ret_request = request;
    return true;
}

/* The call is on its way or already over (is_parked tells): may the next frame begin? */
static enum conn_next next_frame(struct session *s, const struct call *c, bool is_parked)
{
    if (is_parked && !(c->api->flags & API_PIPELINED)) {
        s->blocker = c;
    }
    s->is_waiting = !session_may_go_on(s, s->open_calls - 1); /* without on_frame's own */
    return s->is_waiting ? CONN_WAIT : CONN_CONTINUE;
}

static void begin(struct session *s, struct call *c, const void *request)
{
    if (must_defer(c, s)) {
        s->deferred = c;
        s->deferred_request = request;
    } else {
        handle(c, request);
    }
}

static enum conn_next on_frame(struct conn *conn, uint8_t *frame, size_t len)
{
    struct endpoint_place *place = conn_ctx(conn);
    struct session *s = conn_user(conn);
    const void *request = NULL;
    enum conn_next next = CONN_CLOSE;
    if (atomic_load(&place->worker->broker->is_stopping)) {
        return CONN_WAIT; /* what has begun is still answered, nothing else */
    }
    conn_ref(conn);
    int open_before = ++s->open_calls; /* keeps s until we return */
    struct call *c = call_begin(place, conn, len);
    s->open_calls++;
    if (call_decode(c, (struct bytes){frame, len}, &request)) {
        begin(s, c, request);
        next = next_frame(s, c, s->open_calls > open_before);
    }
    session_unref(s);
    next = conn_is_closed(conn) ? CONN_CLOSE : next;
    conn_unref(conn);
    return next;
}

/* --- connections --- */

static void on_open(struct conn *conn)
{
    struct session *s = NEW(struct session);
    conn_set_user(conn, s);
}

static void on_close(struct conn *conn)
{
    struct endpoint_place *place = conn_ctx(conn);
    struct session *s = conn_user(conn);
    s->is_closed = true;
    s->open_calls++;
    session_unref(s);
    admission_leave(place->worker->broker->admission, conn_peer(conn));
}

/* Somebody with a browser, or a scraper of metrics. */
static void on_http(struct conn *conn, struct sock *s)
{
    struct http *h = ((struct endpoint_place *)conn_ctx(conn))->worker->broker->http;
    if (h != NULL) {
        http_take(h, s);
    } else {
        sock_close(s);
    }
}

static const struct conn_handler conn_handler = {
    .on_open = on_open,
    .on_frame = on_frame,
    .on_http = on_http,
    .on_close = on_close,
};

/* --- the worker --- */

static void places_init(struct worker *w)
{
    const struct broker_config *config = &w->broker->config;
    w->places = mem_zalloc(sizeof *w->places * (size_t)w->broker->listener_count);
    for (int i = 0; i < w->broker->listener_count; i++) {
        w->places[i] = (struct endpoint_place){
            .worker = w,
            .endpoint = &w->broker->endpoints[i],
            .config =
                {
                    .handler = &conn_handler,
                    .ctx = &w->places[i],
                    .frame_max_bytes = (size_t)config->socket_request_max_bytes,
                    .output_max_bytes = LIMIT_OUTPUT_BYTES,
                    .idle_max_ms = config->connections_max_idle_ms,
                    .budget = w->broker->budget,
                },
        };
    }
}

enum err worker_new(struct broker *broker, int number, struct worker **ret_worker)
{
    struct worker *w = NEW(struct worker);
    w->broker = broker;
    w->number = number;
    list_init(&w->free_calls);
    list_init(&w->open_calls);
    enum err e = loop_new(broker->net, broker->clock, &w->loop);
    if (e) {
        mem_free(w);
        return e;
    }
    places_init(w);
    *ret_worker = w;
    return OK;
}

void worker_free(struct worker *w)
{
    conn_close_all(w->loop);
    while (!list_is_empty(&w->open_calls)) { /* nobody is left who would end them */
        call_skip(LIST_ENTRY(list_front(&w->open_calls), struct call, node));
    }
    LIST_EACH(&w->free_calls, n, tmp) {
        struct call *c = LIST_ENTRY(n, struct call, node);
        arena_deinit(&c->arena);
        mem_free(c);
    }
    loop_free(w->loop);
    mem_free(w->places);
    mem_free(w);
}

static void run(void *ctx)
{
    thread_be_prompt();
    loop_run(((struct worker *)ctx)->loop);
    codec_release_thread();
}

enum err worker_start(struct worker *w)
{
    char name[16];
    snprintf(name, sizeof name, "ottla-worker-%d", w->number % 10);
    enum err e = thread_start(&w->thread, name, run, w);
    w->is_started = e == OK;
    return e;
}

struct farewell {
    struct mail mail;
    struct loop *loop;
};

static void on_farewell(struct mail *m) { loop_stop(CONTAINER_OF(m, struct farewell, mail)->loop); }

/* Behind all mail that was posted before, so that what it completes is answered. */
void worker_stop(struct worker *w)
{
    struct farewell f = {.mail = {.fn = on_farewell}, .loop = w->loop};
    if (w->is_started) {
        loop_post(w->loop, &f.mail);
        thread_join(&w->thread);
        w->is_started = false;
        return;
    }
    while (loop_step(w->loop, 0) > 0) {
    }
}

/* --- newcomers --- */

struct newcomer {
    struct mail mail;
    struct endpoint_place *place;
    struct sock *sock;
    char peer[NET_NAME_MAX];
};

static void on_newcomer(struct mail *m)
{
    struct newcomer *n = CONTAINER_OF(m, struct newcomer, mail);
    struct conn *conn;
    enum err e = conn_open(n->place->worker->loop, n->sock, &n->place->config, &conn);
    if (e) {
        admission_leave(n->place->worker->broker->admission, n->peer);
        diag_warn(DIAG_BROKER, "a new connection was dropped: %s", err_text(e));
    }
    mem_free(n);
}

void worker_adopt(struct worker *w, struct sock *s, const char *peer, struct endpoint *endpoint)
{
    struct newcomer *n = NEW(struct newcomer);
    n->mail.fn = on_newcomer;
    n->place = &w->places[endpoint - w->broker->endpoints];
    n->sock = s;
    snprintf(n->peer, sizeof n->peer, "%s", peer);
    loop_post(w->loop, &n->mail);
}
