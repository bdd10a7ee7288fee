/* Connections that come in. Listeners belong to the first worker's thread; limits are set by the
 * controller's. */
#include "broker/host/acceptor.h"

#include "base/diag.h"
#include "broker/admission.h"
#include "broker/metrics.h"
#include "broker/worker.h"

/* At most one line a second. */
static void say_refused(struct broker *b, const char *peer)
{
    static _Atomic int64_t said_s;
    int64_t now_s = clock_mono_ms(b->clock) / 1000;
    if (!atomic_load(&b->is_stopping) && atomic_exchange(&said_s, now_s) != now_s) {
        diag_warn(DIAG_NET, "%s was turned away: max.connections or max.connections.per.ip", peer);
    }
}

static void on_accept(void *ctx, struct sock *sock)
{
    struct endpoint *ep = ctx;
    struct broker *b = ep->broker;
    char peer[NET_NAME_MAX];
    sock_peer_name(sock, peer);
    if (atomic_load(&b->is_stopping) || !admission_enter(b->admission, peer)) {
        say_refused(b, peer);
        sock_close(sock);
        return;
    }
    if (b->config.socket_send_buffer_bytes >= 0) {
        sock_set_send_buffer(sock, b->config.socket_send_buffer_bytes);
    }
    unsigned n = atomic_fetch_add(&b->next_worker, 1);
    atomic_fetch_add(&b->metrics->accepted, 1);
    worker_adopt(b->workers[n % (unsigned)b->worker_count], sock, peer, ep);
}

static enum err listen_at(struct broker *b, struct endpoint *ep, struct buf *why)
{
    ep->broker = b;
    enum err e =
        listener_open(worker_loop(b->workers[0]), ep->host, ep->port, on_accept, ep, &ep->listener);
    if (e) {
        buf_printf(why, "cannot listen on %s:%d (%.*s): %s", ep->host[0] ? ep->host : "*", ep->port,
                   STR_ARG(ep->name),
                   e == ERR_LOCKED      ? "the port is taken by another process"
                   : e == ERR_NOT_FOUND ? "this machine has no such name or address"
                                        : err_text(e));
        return e;
    }
    if (ep->port == 0) {
        ep->port = listener_port(ep->listener);
    }
    if (ep->advertised_port == 0) {
        ep->advertised_port = ep->port;
    }
    return OK;
}

enum err acceptor_listen(struct broker *b, struct buf *why)
{
    for (int i = 0; i < b->listener_count; i++) {
        enum err e = listen_at(b, &b->endpoints[i], why);
        if (e) {
            return e;
        }
    }
    return OK;
}

void acceptor_close(struct broker *b)
{
    for (int i = 0; i < b->listener_count; i++) {
        if (b->endpoints[i].listener != NULL) {
            listener_close(b->endpoints[i].listener);
        }
    }
}

void acceptor_set_limits(struct broker *b, const struct image *img)
{
    const struct broker_config *c = &b->config;
    struct config_place place = {img, c, CONFIG_BROKER, STR("")};
    struct config_value overrides[CONFIG_VALUES_MAX];
    int32_t n = config_values(&place, STR("max.connections.per.ip.overrides"), overrides);
    struct admission_limits limits = {
        .total = broker_config_now(img, c, STR("max.connections")),
        .per_ip = broker_config_now(img, c, STR("max.connections.per.ip")),
        .overrides = n > 0 ? overrides[0].value : STR(""),
    };
    admission_set_limits(b->admission, &limits);
}
