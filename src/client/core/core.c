/* Calls: waiting, routing, ending. Pure; one thread. See core.h.
 *
 * A call is in exactly one list: waiting, a link's queue, a link's sent (as struct sent), done.
 * Each event ends with core_settle, which deals with the core's own calls and routes what waits,
 * until nothing changes. */
#include "client/core/core_int.h"

#include "base/assert.h"
#include "base/attr.h"
#include "base/mem.h"
#include "client/core/parcel.h"

#include <stdio.h>

void core_message(struct core *c, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&c->messages, fmt, args);
    va_end(args);
    buf_put_u8(&c->messages, '\n');
}

struct action *core_act(struct core *c, enum action_kind kind, const struct link *l)
{
    struct action *a = NEW(struct action);
    a->kind = kind;
    a->link_id = l ? l->id : 0;
    a->bytes = BUF_INIT;
    a->conn = l ? l->conn : NULL;
    list_push_back(&c->actions, &a->node);
    return a;
}

struct action *core_take_action(struct core *c)
{
    struct list_node *n = list_pop_front(&c->actions);
    return n == NULL ? NULL : LIST_ENTRY(n, struct action, node);
}

void core_free_action(struct action *a)
{
    buf_deinit(&a->bytes);
    for (size_t i = 0; i < a->splice_count; i++) {
        parcel_unref(a->splices[i].ref);
    }
    mem_free(a->splices);
    mem_free(a);
}

struct call *core_take_done(struct core *c)
{
    struct list_node *n = list_pop_front(&c->done);
    return n == NULL ? NULL : LIST_ENTRY(n, struct call, node);
}

void core_wait(struct core *c, struct call *call)
{
    call->state = CALL_WAITING;
    call->link = NULL;
    list_push_back(&c->waiting, &call->node);
    c->has_news = true;
}

void core_end(struct core *c, struct call *call, enum err e, const char *why)
{
    call->err = e;
    call->txn_version = c->txn_version;
    if (e) {
        snprintf(call->why, sizeof call->why, "%s", why);
    }
    call->state = CALL_DONE;
    call->link = NULL;
    list_push_back(call->done == NULL ? &c->own_done : &c->done, &call->node);
}

/* --- routing --- */

/* The least busy broker that is up, else one that is about to be, else any that may be tried. */
static struct link *pick_any(struct core *c, int64_t now_ms)
{
    struct link *up = NULL, *soon = NULL, *idle = NULL;
    uint64_t idle_count = 0;
    LIST_EACH(&c->links, n, tmp) {
        struct link *l = LIST_ENTRY(n, struct link, node);
        if (l->is_leaving || l->lane != 0 || !link_may_take(l, now_ms)) {
            continue;
        }
        if (l->state == LINK_UP) {
            up = up == NULL || l->sent_count < up->sent_count ? l : up;
        } else if (l->state != LINK_IDLE) {
            soon = l;
        } else if (rand_below(&c->rand, ++idle_count) == 0) {
            idle = l;
        }
    }
    return up ? up : soon ? soon : idle;
}

static struct link *route_node(struct core *c, int32_t node_id, uint32_t lane, int64_t now_ms)
{
    struct link *l = lane ? link_of_lane(c, node_id, lane) : link_by_node(c, node_id);
    if (l == NULL) {
        meta_want(c, now_ms);
        return NULL;
    }
    return link_may_take(l, now_ms) ? l : NULL;
}

/* Some broker is there, and only wants to be left alone. */
static bool is_muted(struct core *c, int64_t now_ms)
{
    LIST_EACH(&c->links, n, tmp) {
        const struct link *l = LIST_ENTRY(n, struct link, node);
        if (!l->is_leaving && l->muted_until_ms > now_ms) {
            return true;
        }
    }
    return false;
}

static struct link *route_any(struct core *c, int64_t now_ms)
{
    struct link *l = pick_any(c, now_ms);
    if (l == NULL && c->has_nodes && !is_muted(c, now_ms) &&
        strcmp(c->config->metadata_recovery_strategy, "rebootstrap") == 0) {
        meta_rebootstrap(c, "no broker can be reached", now_ms);
        l = pick_any(c, now_ms);
    }
    return l;
}

static struct link *route_controller(struct core *c, struct call *call, int64_t now_ms)
{
    if (call->is_fresh) {
        call->is_fresh = false;
        c->knows_controller = false;
    }
    if (!c->knows_controller) {
        meta_want(c, now_ms);
        return NULL;
    }
    struct link *l = c->controller_id < 0 ? NULL : link_by_node(c, c->controller_id);
    return l == NULL ? route_any(c, now_ms) : link_may_take(l, now_ms) ? l : NULL;
}

static struct link *route(struct core *c, struct call *call, int64_t now_ms)
{
    int32_t node;
    switch (call->to) {
    case CALL_ANY:
        return route_any(c, now_ms);
    case CALL_NODE:
        return route_node(c, call->node_id, 0, now_ms);
    case CALL_CONTROLLER:
        return route_controller(c, call, now_ms);
    case CALL_COORDINATOR:
        node = coordinator_of(c, call, now_ms);
        if (node >= 0 && link_by_node(c, node) == NULL) { /* it has left the cluster */
            call->is_fresh = true;
            node = coordinator_of(c, call, now_ms);
        }
        return node < 0 ? NULL : route_node(c, node, call->lane, now_ms);
    }
    UNREACHABLE();
}

/* What a call that ran out of time was waiting for. */
static void end_late(struct core *c, struct call *call)
{
    char why[sizeof call->why];
    int n =
        snprintf(why, sizeof why, "%s: no answer in time", wire_name(wire_request(call->api_key)));
    if (call->to == CALL_NODE && link_by_node(c, call->node_id) == NULL) {
        snprintf(why + n, sizeof why - (size_t)n, "; the cluster has no broker %d", call->node_id);
    }
    enum err refusal = coordinator_refusal(c, call);
    if (refusal) {
        n += snprintf(why + n, sizeof why - (size_t)n, "; FindCoordinator: %s", err_name(refusal));
    }
    LIST_EACH(&c->links, at, tmp) {
        const struct link *l = LIST_ENTRY(at, struct link, node);
        if (l->trouble[0] != '\0' && n < (int)sizeof why) {
            n += snprintf(why + n, sizeof why - (size_t)n, "; %s", l->trouble);
        }
    }
    core_end(c, call, ERR_REQUEST_TIMED_OUT, why);
}

/* Whether the metadata that came since its broker was missed do not know it, either. */
static bool is_nowhere(struct core *c, struct call *call)
{
    bool is_known = call->to != CALL_NODE || link_by_node(c, call->node_id) != NULL;
    if (!is_known && !call->is_unknown) {
        call->unknown_at = c->meta_count;
    }
    call->is_unknown = !is_known;
    return call->is_once && call->is_unknown && call->unknown_at != c->meta_count;
}

static void end_nowhere(struct core *c, struct call *call)
{
    char why[sizeof call->why];
    snprintf(why, sizeof why, "%s: the cluster has no broker %d",
             wire_name(wire_request(call->api_key)), call->node_id);
    core_end(c, call, ERR_NETWORK_EXCEPTION, why);
}

void core_route(struct core *c, int64_t now_ms)
{
    LIST_EACH(&c->waiting, n, tmp) {
        struct call *call = LIST_ENTRY(n, struct call, node);
        struct link *l = NULL;
        if (call->deadline_ms <= now_ms) {
            list_remove(n);
            end_late(c, call);
        } else if (is_nowhere(c, call)) {
            list_remove(n);
            end_nowhere(c, call);
        } else if (call->retry_at_ms <= now_ms && (l = route(c, call, now_ms)) != NULL) {
            list_remove(n);
            link_take(c, l, call, now_ms);
        }
    }
}

/* Ahead of its end, so that no login has to wait for one, nor fails while there can be none. */
static void renew_token(struct core *c, int64_t now_ms)
{
    if (c->token_at_ms <= now_ms && !c->is_stopped) {
        c->token_at_ms = INT64_MAX;
        core_act(c, ACTION_TOKEN, NULL);
    }
}

static void core_settle(struct core *c, int64_t now_ms)
{
    struct list_node *n;
    c->now_ms = now_ms;
    do {
        c->has_news = false;
        while ((n = list_pop_front(&c->own_done)) != NULL) {
            meta_own_done(c, LIST_ENTRY(n, struct call, node), now_ms);
        }
        if (!c->is_stopped) {
            core_route(c, now_ms);
            meta_tick(c, now_ms);
        }
    } while (c->has_news || !list_is_empty(&c->own_done));
}

/* --- events --- */

void core_submit(struct core *c, struct call *call, int64_t now_ms)
{
    call->err = OK;
    call->why[0] = '\0';
    call->frame = NULL;
    call->tries = 0;
    call->retry_at_ms = 0;
    call->is_unknown = false;
    call->key =
        str_is_null(call->key) ? STR("") : call->key; /* null would never equal a known one */
    if (c->is_stopped) {
        core_end(c, call, ERR_CLOSED, "the client is closed");
        return;
    }
    core_wait(c, call);
    core_settle(c, now_ms);
}

void core_cancel(struct core *c, struct call *call, int64_t now_ms)
{
    if (call->state == CALL_DONE || call->state == CALL_NEW) {
        return;
    }
    if (call->state == CALL_SENT) {
        link_forget(call->link, call);
    } else {
        list_remove(&call->node);
    }
    core_end(c, call, ERR_CLOSED, "given up");
    core_settle(c, now_ms);
}

void core_end_lane(struct core *c, uint32_t lane, int64_t now_ms)
{
    LIST_EACH(&c->links, n, tmp) {
        struct link *l = LIST_ENTRY(n, struct link, node);
        if (l->lane == lane) {
            l->is_leaving = true;
            link_break(c, l, ERR_CLOSED, now_ms);
        }
    }
    core_tick(c, now_ms);
}

void core_stop(struct core *c, int64_t now_ms)
{
    struct list_node *n;
    c->is_stopped = true;
    LIST_EACH(&c->links, at, tmp) {
        link_break(c, LIST_ENTRY(at, struct link, node), ERR_CLOSED, now_ms);
    }
    while ((n = list_pop_front(&c->waiting)) != NULL) {
        core_end(c, LIST_ENTRY(n, struct call, node), ERR_CLOSED, "the client is closed");
    }
    core_settle(c, now_ms);
}

void core_resolved(struct core *c, uint32_t link_id, char (*addresses)[NET_NAME_MAX], int count,
                   int64_t now_ms)
{
    struct link *l = link_by_id(c, link_id);
    if (l == NULL || l->state != LINK_RESOLVING) {
        return;
    }
    l->address_count = MIN(count, LINK_ADDRESSES_MAX);
    memcpy(l->addresses, addresses, (size_t)l->address_count * NET_NAME_MAX);
    l->address_next = l->address_tries = 0;
    if (l->address_count == 0) {
        link_break(c, l, ERR_NOT_FOUND, now_ms);
    } else {
        l->state = LINK_CONNECTING;
        l->setup_deadline_ms = 0;
    }
    link_tick(c, l, now_ms);
    core_settle(c, now_ms);
}

void core_tick(struct core *c, int64_t now_ms)
{
    LIST_EACH(&c->links, n, tmp) {
        link_tick(c, LIST_ENTRY(n, struct link, node), now_ms);
    }
    renew_token(c, now_ms);
    core_settle(c, now_ms);
}

void core_renew_token(struct core *c, int64_t at_ms) { c->token_at_ms = at_ms; }

int64_t core_deadline_ms(const struct core *c)
{
    int64_t at = c->is_stopped ? INT64_MAX : MIN(meta_deadline_ms(c), c->token_at_ms);
    LIST_EACH(&c->waiting, n, tmp) {
        const struct call *call = LIST_ENTRY(n, struct call, node);
        at = MIN(at, call->deadline_ms);
        at = MIN(at, core_later(c, call->retry_at_ms));
    }
    bool is_waited_for = !list_is_empty(&c->waiting);
    LIST_EACH(&c->links, n, tmp) {
        const struct link *l = LIST_ENTRY(n, struct link, node);
        at = MIN(at, link_deadline_ms(l));
        at = is_waited_for && l->state == LINK_IDLE ? MIN(at, core_later(c, l->retry_at_ms)) : at;
        at = is_waited_for ? MIN(at, core_later(c, l->muted_until_ms)) : at;
    }
    return at;
}

bool core_set_conn(struct core *c, uint32_t link_id, void *conn)
{
    struct link *l = link_by_id(c, link_id);
    if (l == NULL || l->state != LINK_CONNECTING || l->conn != NULL) {
        return false;
    }
    l->conn = conn;
    return true;
}

void core_init(struct core *c, const struct client_values *config, uint64_t seed)
{
    *c = (struct core){.config = config,
                       .controller_id = -1,
                       .token_at_ms = INT64_MAX,
                       .features_epoch = -1,
                       .txn_version = -1,
                       .messages = BUF_INIT};
    rand_init(&c->rand, seed);
    list_init(&c->links);
    list_init(&c->waiting);
    list_init(&c->done);
    list_init(&c->own_done);
    list_init(&c->actions);
    list_init(&c->coordinators);
    meta_bootstrap(c);
}

void core_deinit(struct core *c)
{
    struct action *a;
    LIST_EACH(&c->links, n, tmp) {
        link_remove(c, LIST_ENTRY(n, struct link, node));
    }
    while ((a = core_take_action(c)) != NULL) {
        core_free_action(a);
    }
    coordinators_free(c);
    mem_free(c->cluster_id);
    buf_deinit(&c->messages);
}
