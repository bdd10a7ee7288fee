/* The I/O around a core: executes its actions, feeds it events, sets its timer. The loop's thread,
 * but for host_new, host_beside, ottla_client_free and what is marked in host.h. A host beside
 * another has no thread: its loop is that of who waits.
 *
 * A connection's user has its link's id; 0 when the core has let go of it. Every event ends with
 * host_settle. */
#include "client/core/host.h"

#include "base/mem.h"
#include "client/check.h"
#include "client/core/core_int.h"
#include "client/core/parcel.h"
#include "client/error.h"
#include "plat/entropy.h"
#include "plat/fork.h"
#include "plat/snappy.h"
#include "record/record.h"

#include <stdatomic.h>
#include <stdio.h>

static int64_t now_ms(const struct ottla_client *c) { return loop_now_ms(c->loop); }

/* --- messages --- */

static void say(struct ottla_client *c, enum ottla_log_level level, const char *text)
{
    const struct ottla_config *config = c->config;
    if (c->parent != NULL) {
        client_say(c->parent, level, str_from(text)); /* one line at a time */
    } else if (config->log_fn != NULL && level >= config->log_level) {
        config->log_fn(config->log_ctx, level, text);
    }
}

static void say_messages(struct ottla_client *c)
{
    struct str rest = buf_str(&c->core.messages), line;
    if (rest.len == 0) {
        return;
    }
    while (str_next_item(&rest, '\n', &line)) {
        char *text = str_dup(line);
        say(c, OTTLA_LOG_WARN, text);
        mem_free(text);
    }
    buf_clear(&c->core.messages);
}

/* What another thread has to say. */
struct saying {
    struct mail mail;
    struct ottla_client *client;
    enum ottla_log_level level;
    char *text;
};

static void on_say(struct mail *m)
{
    struct saying *s = CONTAINER_OF(m, struct saying, mail);
    say(s->client, s->level, s->text);
    mem_free(s->text);
    mem_free(s);
}

void client_say(struct ottla_client *c, enum ottla_log_level level, struct str text)
{
    if (c->config->log_fn == NULL || level < c->config->log_level) {
        return;
    }
    struct saying *s = NEW(struct saying);
    *s = (struct saying){{.fn = on_say}, c, level, str_dup(text)};
    loop_post(c->loop, &s->mail);
}

/* --- connections --- */

/* A connection's user: its link's id, and whether it was open. */
enum { WAS_OPEN = 1, LINK_SHIFT = 1 };
enum { FRAME_HEAD = 4 }; /* bytes: the length before a frame */

static uint32_t link_of(const struct conn *conn)
{
    return (uint32_t)((uintptr_t)conn_user(conn) >> LINK_SHIFT);
}

static bool was_open(const struct conn *conn) { return (uintptr_t)conn_user(conn) & WAS_OPEN; }

static void set_link(struct conn *conn, uint32_t link_id, bool is_open)
{
    uintptr_t user = (uintptr_t)link_id << LINK_SHIFT | (is_open ? WAS_OPEN : 0);
    conn_set_user(conn, (void *)user);
}

static void count_in(struct traffic *t, size_t len)
{
    metric_add(&t->responses, 1);
    metric_add(&t->bytes_in, (int64_t)len + FRAME_HEAD);
}

static void count_out(struct traffic *t, size_t len)
{
    metric_add(&t->requests, 1);
    metric_add(&t->bytes_out, (int64_t)len + FRAME_HEAD);
}

/* Of all brokers, and of the one at the link. */
static void count(struct ottla_client *c, const struct link *l, size_t len,
                  void (*to)(struct traffic *, size_t))
{
    struct node_metrics *node = l ? metric_node(c->metrics, l->node_id) : NULL;
    to(&c->metrics->traffic, len);
    if (node != NULL) {
        to(&node->traffic, len);
    }
}

static void on_open(struct conn *conn)
{
    struct ottla_client *c = conn_ctx(conn);
    metric_add(&c->metrics->created, 1);
    set_link(conn, link_of(conn), true);
    core_opened(&c->core, link_of(conn), now_ms(c));
    host_settle(c);
}

static enum conn_next on_frame(struct conn *conn, uint8_t *frame, size_t len)
{
    struct ottla_client *c = conn_ctx(conn);
    count(c, link_by_id(&c->core, link_of(conn)), len, count_in);
    core_frame(&c->core, link_of(conn), (struct bytes){frame, len}, now_ms(c));
    host_settle(c);
    return CONN_CONTINUE;
}

static void on_close(struct conn *conn)
{
    struct ottla_client *c = conn_ctx(conn);
    uint32_t link_id = link_of(conn);
    metric_add(&c->metrics->closed, was_open(conn));
    if (link_id != 0) {
        set_link(conn, 0, false);
        core_explain(&c->core, link_id, conn_close_text(conn));
        core_closed(&c->core, link_id, conn_close_reason(conn), now_ms(c));
        host_settle(c);
    }
}

static const struct conn_handler handler = {
    .on_open = on_open, .on_frame = on_frame, .on_close = on_close};

/* --- names --- */

struct lookup {
    struct mail mail;
    struct ottla_client *client;
    struct thread thread;
    uint32_t link_id;
    char host[256];
    char addresses[LINK_ADDRESSES_MAX][NET_NAME_MAX];
    int count;
};

static void look_up(struct lookup *l)
{
    l->count = net_resolve(loop_net(l->client->loop), l->host, l->addresses, LINK_ADDRESSES_MAX);
}

static void on_looked_up(struct mail *m)
{
    struct lookup *l = CONTAINER_OF(m, struct lookup, mail);
    struct ottla_client *c = l->client;
    thread_join(&l->thread);
    c->lookup_count--;
    core_resolved(&c->core, l->link_id, l->addresses, l->count, now_ms(c));
    mem_free(l);
    host_settle(c);
}

static void lookup_main(void *ctx)
{
    struct lookup *l = ctx;
    look_up(l);
    loop_post(l->client->loop, &l->mail);
}

static bool is_numeric(const char *host)
{
    return strchr(host, ':') != NULL || host[strspn(host, "0123456789.")] == '\0';
}

static void resolve(struct ottla_client *c, const struct action *a)
{
    struct lookup *l = NEW(struct lookup);
    l->client = c;
    l->link_id = a->link_id;
    l->mail.fn = on_looked_up;
    snprintf(l->host, sizeof l->host, "%s", a->host);
    if (!c->is_simulated && !is_numeric(a->host) &&
        thread_start(&l->thread, "ottla-names", lookup_main, l) == OK) {
        c->lookup_count++;
        return;
    }
    look_up(l);
    core_resolved(&c->core, l->link_id, l->addresses, l->count, now_ms(c));
    mem_free(l);
}

/* --- actions --- */

/* By its name a broker is certified, whatever its address. */
static bool name_peer(struct ottla_client *c, const struct action *a, struct conn *conn)
{
    const struct link *l = link_by_id(&c->core, a->link_id);
    return l != NULL && (c->security.tls == NULL || conn_set_peer(conn, l->host) == OK);
}

static void connect_to(struct ottla_client *c, const struct action *a)
{
    struct conn *conn;
    enum err e = conn_connect(c->loop, a->host, a->port, &c->conn_config, &conn);
    if (e) {
        core_closed(&c->core, a->link_id, e, now_ms(c));
    } else if (name_peer(c, a, conn) && core_set_conn(&c->core, a->link_id, conn)) {
        set_link(conn, a->link_id, false);
    } else {
        conn_close(conn);
    }
}

static void release(void *parcel) { parcel_unref(parcel); }

static const struct extent_ops parcel_ops = {.release = release};

/* The bytes of a request, and the parcels between them; they are the vec's then. */
static void fill(struct sendvec *vec, struct action *a)
{
    size_t len, at = 0;
    uint8_t *p = buf_steal(&a->bytes, &len);
    for (size_t i = 0; i < a->splice_count; i++) {
        const struct wire_splice *s = &a->splices[i];
        const struct parcel *parcel = s->ref;
        sendvec_add_bytes(vec, (struct bytes){p + at, s->at - at}, NULL);
        sendvec_add_shared(vec, buf_bytes(&parcel->buf), &parcel_ops, s->ref);
        at = s->at;
    }
    sendvec_add_bytes(vec, (struct bytes){p + at, len - at}, p);
    a->splice_count = 0;
}

static void send_bytes(struct ottla_client *c, struct action *a)
{
    const struct link *l = link_by_id(&c->core, a->link_id);
    if (l == NULL || l->conn != a->conn || l->conn == NULL) {
        return; /* broken since */
    }
    struct sendvec vec;
    sendvec_init(&vec);
    fill(&vec, a);
    count(c, l, vec.total_bytes, count_out);
    conn_send(a->conn, &vec);
}

static void act(struct ottla_client *c, struct action *a)
{
    switch (a->kind) {
    case ACTION_RESOLVE:
        resolve(c, a);
        return;
    case ACTION_CONNECT:
        connect_to(c, a);
        return;
    case ACTION_SEND:
        send_bytes(c, a);
        return;
    case ACTION_TOKEN:
        host_ask_token(c, a->link_id);
        return;
    case ACTION_CLOSE:
        set_link(a->conn, 0, was_open(a->conn));
        conn_close(a->conn);
        return;
    }
}

static void stop_when_idle(struct ottla_client *c)
{
    if (c->is_stopping && c->lookup_count == 0 && c->drive == NULL) {
        loop_stop(c->loop);
    }
}

void host_settle(struct ottla_client *c)
{
    struct action *a;
    struct call *call;
    while ((a = core_take_action(&c->core)) != NULL) {
        act(c, a);
        core_free_action(a);
    }
    while ((call = core_take_done(&c->core)) != NULL) {
        call->done(call);
    }
    say_messages(c);
    int64_t at = core_deadline_ms(&c->core);
    if (at == INT64_MAX) {
        loop_timer_cancel(c->loop, &c->timer);
    } else {
        loop_timer_set(c->loop, &c->timer, at);
    }
    stop_when_idle(c);
}

static void on_timer(struct timer *t)
{
    struct ottla_client *c = CONTAINER_OF(t, struct ottla_client, timer);
    core_tick(&c->core, now_ms(c));
    host_settle(c);
}

static void on_report(struct timer *t)
{
    struct ottla_client *c = CONTAINER_OF(t, struct ottla_client, report_timer);
    reporter_tell(&c->reporter, ottla_client_metrics(c), now_ms(c));
    loop_timer_set(c->loop, t, c->reporter.at_ms);
}

/* Before the loop runs. What is beside another has no numbers of its own. */
static void begin_reports(struct ottla_client *c)
{
    struct reporter wanted = {.fn = c->parent == NULL ? c->config->statistics_fn : NULL,
                              .ctx = c->config->statistics_ctx,
                              .interval_ms = c->config->values.statistics_interval_ms};
    reporter_init(&c->reporter, &wanted, now_ms(c));
    if (c->reporter.at_ms != INT64_MAX) {
        c->report_timer.fn = on_report;
        loop_timer_set(c->loop, &c->report_timer, c->reporter.at_ms);
    }
}

/* --- life: other threads --- */

static void host_main(void *ctx)
{
    struct ottla_client *c = ctx;
    loop_run(c->loop);
}

static void on_stop(struct mail *m)
{
    struct ottla_client *c = CONTAINER_OF(m, struct ottla_client, stop_mail);
    c->is_stopping = true;
    security_stop(&c->security);
    core_stop(&c->core, now_ms(c));
    host_settle(c);
}

static void host_free(struct ottla_client *c)
{
    if (c->loop != NULL) {
        conn_close_all(c->loop);
        loop_timer_cancel(c->loop, &c->timer);
        loop_timer_cancel(c->loop, &c->report_timer);
        loop_free(c->loop);
    }
    core_deinit(&c->core);
    security_deinit(&c->security);
    futures_deinit(&c->futures);
    if (c->parent == NULL) {
        ottla_config_free(c->config);
        fork_mark_free(c->mark);
    }
    mem_free(c);
}

static int check_config(const struct ottla_config *config, struct ottla_error *error)
{
    char why[300];
    bool asks_controllers = config->values.bootstrap_controllers[0] != '\0';
    if (asks_controllers && config->values.bootstrap_servers[0] != '\0') {
        return error_set(error, ERR_BAD_CONFIG,
                         "bootstrap.servers and bootstrap.controllers cannot both be set");
    }
    if (!core_check_servers(asks_controllers ? config->values.bootstrap_controllers
                                             : config->values.bootstrap_servers,
                            why, sizeof why)) {
        return error_set(error, ERR_BAD_CONFIG, "%s", why);
    }
    return 0;
}

static void say_unused(struct ottla_client *c)
{
    const char *name;
    char text[320];
    for (size_t i = 0; (name = ottla_config_unused(c->config, i)) != NULL; i++) {
        snprintf(text, sizeof text, "the setting '%s' is not used here", name);
        say(c, OTTLA_LOG_INFO, text);
    }
}

/* Lets go of c where it fails. */
static int init(struct ottla_client *c, struct net *net, uint64_t seed, struct ottla_error *error)
{
    const struct client_values *v = &c->config->values;
    c->timer.fn = on_timer;
    c->stop_mail.fn = on_stop;
    futures_init(&c->futures);
    c->conn_config = (struct conn_config){.handler = &handler,
                                          .ctx = c,
                                          .frame_max_bytes = (size_t)v->receive_max_bytes,
                                          .output_max_bytes = SIZE_MAX,
                                          .idle_max_ms = v->connections_max_idle_ms};
    core_init(&c->core, v, seed);
    int code = security_init(&c->security, c->config, error);
    if (code) {
        host_free(c);
        return code;
    }
    c->core.auth = c->security.has_sasl ? &c->security.setup : NULL;
    c->conn_config.tls = c->security.tls;
    enum err e = loop_new(net, c->clock, &c->loop);
    if (!e) {
        begin_reports(c);
    }
    if (!e && c->drive == NULL) {
        e = thread_start(&c->thread, "ottla-client", host_main, c);
    }
    if (e) {
        host_free(c);
        return error_set(error, e, "the client cannot start: %s", err_text(e));
    }
    return 0;
}

struct ottla_client *host_new(const struct ottla_config *config, const struct host_seams *seams,
                              struct ottla_error *error)
{
    if (is_null(config, "configuration", error) || check_config(config, error)) {
        return NULL;
    }
    codec_set_snappy(snappy_library);
    struct ottla_client *c = NEW(struct ottla_client);
    atomic_init(&c->users, 1);
    c->config = ottla_config_copy(config);
    config_settle(c->config);
    c->mark = fork_mark_new();
    c->metrics = &c->own_metrics;
    c->clock = seams ? seams->clock : clock_system();
    c->drive = seams ? seams->drive : NULL;
    c->drive_ctx = seams ? seams->drive_ctx : NULL;
    c->is_simulated = c->drive != NULL;
    if (init(c, seams ? seams->net : net_posix(), seams ? seams->seed : entropy_u64(), error)) {
        return NULL;
    }
    say_unused(c);
    return c;
}

static void drive_self(void *ctx, int64_t max_ns)
{
    struct ottla_client *c = ctx;
    (void)loop_step(c->loop, max_ns);
}

struct ottla_client *host_beside(struct ottla_client *parent, struct ottla_error *error)
{
    struct ottla_client *c = NEW(struct ottla_client);
    atomic_init(&c->users, 1);
    c->parent = parent;
    c->config = parent->config;
    c->mark = parent->mark;
    c->metrics = parent->metrics;
    c->clock = parent->clock;
    c->drive = drive_self;
    c->drive_ctx = c;
    return init(c, loop_net(parent->loop), entropy_u64(), error) ? NULL : c;
}

uint32_t client_lane(struct ottla_client *c) { return atomic_fetch_add(&c->lane_last, 1) + 1; }

void host_step(struct ottla_client *c) { c->drive(c->drive_ctx, 0); }

void host_throttled(struct ottla_client *c, int32_t node_id, int32_t ms)
{
    core_throttled(&c->core, node_id, ms, client_now_ms(c));
}

struct ottla_client *ottla_client_new(const struct ottla_config *config, struct ottla_error *error)
{
    return host_new(config, NULL, error);
}

static void host_end(struct ottla_client *c)
{
    loop_post(c->loop, &c->stop_mail);
    if (c->drive == NULL) {
        thread_join(&c->thread);
    } else {
        while (!c->is_stopping || c->lookup_count > 0) {
            c->drive(c->drive_ctx, -1);
        }
    }
    host_free(c);
}

struct ottla_client *client_ref(struct ottla_client *c)
{
    atomic_fetch_add(&c->users, 1);
    return c;
}

void client_unref(struct ottla_client *c)
{
    if (!fork_is_child(c->mark) && atomic_fetch_sub(&c->users, 1) == 1) {
        host_end(c);
    }
}

void ottla_client_free(struct ottla_client *c)
{
    if (c != NULL) {
        client_unref(c);
    }
}
