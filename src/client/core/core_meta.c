/* Who is in the cluster: bootstrap addresses, Metadata, coordinators. Pure; see core.h.
 *
 * Brokers are learnt from every Metadata answer that passes, whoever asked. The core asks by itself
 * when somebody needs a broker that it does not know, when one broke, and when what it knows is
 * old. */
#include "client/core/core_int.h"

#include "base/attr.h"
#include "base/limit.h"
#include "base/mem.h"
#include "client/core/backoff.h"

#include <stdio.h>

enum { HOST_LEN_MAX = 253, PORT_MAX = 65535 };
enum { CONTROLLER_ENDPOINTS = 2 }; /* of DescribeCluster */

struct coordinator {
    struct list_node node;
    int8_t key_type;
    char *key;
    int32_t node_id; /* -1: not known */
    bool is_asking;
    int failures;
    enum err refusal; /* that came last, while it is not known */
    int64_t retry_at_ms;
    struct call call;
    struct find_coordinator_req req;
    struct str keys[1];
};

/* --- bootstrap --- */

static bool parse_server(struct str item, struct str *ret_host, int *ret_port)
{
    size_t colon = str_find_last(item, ':');
    int64_t port;
    if (colon == item.len || !str_to_i64(str_sub(item, colon + 1, item.len - colon - 1), &port) ||
        port < 1 || port > PORT_MAX) {
        return false;
    }
    struct str host = str_sub(item, 0, colon);
    if (host.len > 2 && host.p[0] == '[' && host.p[host.len - 1] == ']') {
        host = str_sub(host, 1, host.len - 2);
    }
    *ret_host = host;
    *ret_port = (int)port;
    return host.len > 0 && host.len <= HOST_LEN_MAX;
}

bool core_check_servers(const char *servers, char *ret_why, size_t size)
{
    struct str rest = str_from(servers), item, host;
    int port, count = 0;
    for (; str_next_item(&rest, ',', &item); count++) {
        if (!parse_server(item, &host, &port)) {
            snprintf(ret_why, size, "bootstrap.servers: '%.*s' is not host:port", STR_ARG(item));
            return false;
        }
    }
    if (count == 0) {
        snprintf(ret_why, size, "bootstrap.servers is not set");
    }
    return count > 0;
}

/* Whether controllers are asked, and not brokers. */
static bool asks_controllers(const struct core *c)
{
    return c->config->bootstrap_controllers[0] != '\0';
}

void meta_bootstrap(struct core *c)
{
    struct str rest = str_from(asks_controllers(c) ? c->config->bootstrap_controllers
                                                   : c->config->bootstrap_servers);
    struct str item, host;
    int port;
    for (int32_t id = -1; str_next_item(&rest, ',', &item); id--) {
        if (parse_server(item, &host, &port)) {
            link_new(c, id, host, port);
        }
    }
    c->has_nodes = false;
    c->knows_controller = false;
}

void meta_rebootstrap(struct core *c, const char *why, int64_t now_ms)
{
    core_message(c, "%s: beginning again with bootstrap.servers", why);
    LIST_EACH(&c->links, n, tmp) {
        struct link *l = LIST_ENTRY(n, struct link, node);
        l->is_leaving = true;
        link_break(c, l, ERR_CLOSED, now_ms);
    }
    meta_bootstrap(c);
    c->wants_meta = true;
    c->meta_since_ms = now_ms;
}

/* --- metadata --- */

void meta_want(struct core *c, int64_t now_ms)
{
    if (!c->wants_meta) {
        c->wants_meta = true;
        c->meta_since_ms = now_ms;
    }
}

static void own_call(struct core *c, struct call *call, int64_t now_ms)
{
    call->err = OK;
    call->frame = NULL;
    call->tries = 0;
    call->retry_at_ms = 0;
    call->deadline_ms = now_ms + c->config->request_timeout_ms;
    core_wait(c, call);
}

/* Asking again and again for what is not there gets rarer, too. */
static void ask_meta(struct core *c, int64_t now_ms)
{
    if (now_ms - c->meta_retry_at_ms > c->config->retry_backoff_max_ms) {
        c->meta_failures = 0;
    }
    c->is_asking_meta = true;
    c->meta_req = metadata_req_default;
    c->meta_req.allow_auto_topic_creation = false;
    c->meta_call = (struct call){.api_key = API_METADATA,
                                 .version_lo = 1,
                                 .version_hi = 13,
                                 .to = CALL_ANY,
                                 .msg = &c->meta_req};
    if (asks_controllers(c)) {
        c->cluster_req = describe_cluster_req_default;
        c->cluster_req.endpoint_type = CONTROLLER_ENDPOINTS;
        c->meta_call.api_key = API_DESCRIBE_CLUSTER;
        c->meta_call.version_hi = 2;
        c->meta_call.msg = &c->cluster_req;
    }
    own_call(c, &c->meta_call, now_ms);
}

static bool may_rebootstrap(const struct core *c)
{
    return c->has_nodes && strcmp(c->config->metadata_recovery_strategy, "rebootstrap") == 0;
}

static int64_t age_deadline_ms(const struct core *c)
{
    int64_t age = c->config->metadata_max_age_ms;
    return c->has_nodes && age < INT64_MAX - c->meta_at_ms ? c->meta_at_ms + age : INT64_MAX;
}

static int64_t trigger_ms(const struct core *c)
{
    int64_t wait = c->config->rebootstrap_trigger_ms;
    bool is_due = may_rebootstrap(c) && c->wants_meta && wait < INT64_MAX - c->meta_since_ms;
    return is_due ? c->meta_since_ms + wait : INT64_MAX;
}

void meta_tick(struct core *c, int64_t now_ms)
{
    if (age_deadline_ms(c) <= now_ms) {
        meta_want(c, now_ms);
    }
    if (trigger_ms(c) <= now_ms) {
        meta_rebootstrap(c, "no answer about the cluster for long", now_ms);
    }
    if (c->wants_meta && !c->is_asking_meta && c->meta_retry_at_ms <= now_ms) {
        ask_meta(c, now_ms);
    }
}

int64_t meta_deadline_ms(const struct core *c)
{
    int64_t at = MIN(trigger_ms(c), c->wants_meta ? INT64_MAX : age_deadline_ms(c));
    if (c->wants_meta && !c->is_asking_meta) {
        at = MIN(at, core_later(c, c->meta_retry_at_ms));
    }
    LIST_EACH(&c->coordinators, n, tmp) {
        const struct coordinator *k = LIST_ENTRY(n, struct coordinator, node);
        bool is_needed = !k->is_asking && k->node_id < 0 && !list_is_empty(&c->waiting);
        at = is_needed ? MIN(at, core_later(c, k->retry_at_ms)) : at;
    }
    return at;
}

static bool is_at(const struct link *l, struct str host, int port)
{
    return l->port == port && str_eq(str_from(l->host), host);
}

/* A connection to a bootstrap address that is this broker's goes on as its own. */
static struct link *adopt(struct core *c, int32_t node_id, struct str host, int port)
{
    LIST_EACH(&c->links, n, tmp) {
        struct link *l = LIST_ENTRY(n, struct link, node);
        if (l->node_id < 0 && !l->is_leaving && is_at(l, host, port)) {
            l->node_id = node_id;
            return l;
        }
    }
    return link_new(c, node_id, host, port);
}

static struct link *learn_node(struct core *c, int32_t node_id, struct str host, int32_t port)
{
    if (node_id < 0 || port < 1 || port > PORT_MAX || host.len == 0 || host.len > HOST_LEN_MAX) {
        return NULL;
    }
    struct link *l = link_by_node(c, node_id);
    if (l != NULL && !is_at(l, host, port)) {
        l->is_leaving = true;
        l = NULL;
    }
    return l != NULL ? l : adopt(c, node_id, host, port);
}

static void learn_begin(struct core *c)
{
    LIST_EACH(&c->links, n, tmp) {
        LIST_ENTRY(n, struct link, node)->is_seen = false;
    }
}

static void learn_one(struct core *c, int32_t node_id, struct str host, int32_t port)
{
    struct link *l = learn_node(c, node_id, host, port);
    if (l != NULL) {
        l->is_seen = true;
    }
}

/* Who was not told of is gone. */
static void learn_end(struct core *c, int32_t controller_id, int64_t now_ms)
{
    LIST_EACH(&c->links, n, tmp) {
        struct link *l = LIST_ENTRY(n, struct link, node);
        const struct link *shared = l->lane ? link_by_node(c, l->node_id) : NULL;
        l->is_seen = l->is_seen || (shared != NULL && shared->is_seen &&
                                    is_at(shared, str_from(l->host), l->port));
        l->is_leaving = l->is_leaving || !l->is_seen;
    }
    c->has_nodes = true;
    c->knows_controller = true;
    c->controller_id = controller_id;
    c->wants_meta = false;
    c->meta_count++;
    c->meta_at_ms = now_ms;
}

static void learn_controllers(struct core *c, const struct call *call, int64_t now_ms)
{
    struct arena a;
    struct describe_cluster_resp resp;
    struct bytes body = {call->frame + call->body_at, call->frame_len - call->body_at};
    arena_init(&a, LIMIT_REQUEST_ARENA_BYTES);
    enum err e =
        wire_decode(wire_response(API_DESCRIBE_CLUSTER), call->version, body, &a, &resp, NULL);
    if (!e && resp.error_code) {
        core_message(c, "bootstrap.controllers: %.*s", STR_ARG(resp.error_message));
    } else if (!e && resp.brokers_count > 0) {
        learn_begin(c);
        for (int32_t i = 0; i < MIN(resp.brokers_count, LIMIT_CLIENT_BROKERS); i++) {
            learn_one(c, resp.brokers[i].broker_id, resp.brokers[i].host, resp.brokers[i].port);
        }
        learn_end(c, resp.controller_id, now_ms);
    }
    arena_deinit(&a);
}

void meta_learn(struct core *c, const struct call *call, int64_t now_ms)
{
    if (call->api_key == API_DESCRIBE_CLUSTER) {
        learn_controllers(c, call, now_ms);
        return;
    }
    struct arena a;
    struct metadata_resp resp;
    struct bytes body = {call->frame + call->body_at, call->frame_len - call->body_at};
    arena_init(&a, LIMIT_REQUEST_ARENA_BYTES);
    if (wire_decode(wire_response(API_METADATA), call->version, body, &a, &resp, NULL) == OK) {
        if (resp.error_code == ERR_REBOOTSTRAP_REQUIRED && may_rebootstrap(c)) {
            meta_rebootstrap(c, "the cluster says so", now_ms);
        } else if (resp.brokers_count > 0) {
            learn_begin(c);
            for (int32_t i = 0; i < MIN(resp.brokers_count, LIMIT_CLIENT_BROKERS); i++) {
                learn_one(c, resp.brokers[i].node_id, resp.brokers[i].host, resp.brokers[i].port);
            }
            learn_end(c, resp.controller_id, now_ms);
        }
    }
    arena_deinit(&a);
}

/* Right or wrong, it is not asked for again at once. */
static void meta_done(struct core *c, int64_t now_ms)
{
    mem_free(c->meta_call.frame);
    c->meta_call.frame = NULL;
    c->is_asking_meta = false;
    c->meta_failures++;
    c->meta_retry_at_ms =
        now_ms + backoff_ms(c->config->retry_backoff_ms, c->config->retry_backoff_max_ms,
                            c->meta_failures, &c->rand);
}

/* --- coordinators --- */

static void fit_find(void *msg, int version)
{
    struct find_coordinator_req *req = msg;
    struct coordinator *k = CONTAINER_OF(req, struct coordinator, req);
    *req = find_coordinator_req_default;
    req->key_type = k->key_type;
    if (version >= 4) {
        req->coordinator_keys = k->keys;
        req->coordinator_keys_count = 1;
    } else {
        req->key = k->keys[0];
    }
}

static struct coordinator *find_coordinator(struct core *c, int8_t key_type, struct str key)
{
    LIST_EACH(&c->coordinators, n, tmp) {
        struct coordinator *k = LIST_ENTRY(n, struct coordinator, node);
        if (k->key_type == key_type && str_eq(k->keys[0], key)) {
            return k;
        }
    }
    struct coordinator *k = NEW(struct coordinator);
    k->key_type = key_type;
    k->key = str_dup(key);
    k->keys[0] = (struct str){k->key, key.len};
    k->node_id = -1;
    list_push_back(&c->coordinators, &k->node);
    return k;
}

static void ask_coordinator(struct core *c, struct coordinator *k, int64_t now_ms)
{
    k->is_asking = true;
    k->call = (struct call){.api_key = API_FIND_COORDINATOR,
                            .version_lo = k->key_type == CALL_KEY_GROUP ? 0 : 1,
                            .version_hi = 6,
                            .to = CALL_ANY,
                            .msg = &k->req,
                            .fit = fit_find};
    own_call(c, &k->call, now_ms);
}

int32_t coordinator_of(struct core *c, struct call *call, int64_t now_ms)
{
    struct coordinator *k = find_coordinator(c, call->key_type, call->key);
    if (call->is_fresh) {
        call->is_fresh = false;
        k->node_id = -1;
    }
    if (k->node_id < 0 && !k->is_asking && k->retry_at_ms <= now_ms) {
        ask_coordinator(c, k, now_ms);
    }
    return k->node_id;
}

enum err coordinator_refusal(struct core *c, const struct call *call)
{
    return call->to == CALL_COORDINATOR ? find_coordinator(c, call->key_type, call->key)->refusal
                                        : OK;
}

static void end_waiting_for(struct core *c, const struct coordinator *k, enum err e,
                            const char *why)
{
    LIST_EACH(&c->waiting, n, tmp) {
        struct call *call = LIST_ENTRY(n, struct call, node);
        if (call->to == CALL_COORDINATOR && call->key_type == k->key_type &&
            str_eq(call->key, k->keys[0])) {
            list_remove(n);
            core_end(c, call, e, why);
        }
    }
}

/* What the answer says, whichever form it has. */
static enum err read_found(const struct call *call, struct arena *a,
                           struct find_coordinator_resp_coordinator *ret)
{
    struct find_coordinator_resp resp;
    struct bytes body = {call->frame + call->body_at, call->frame_len - call->body_at};
    enum err e =
        wire_decode(wire_response(API_FIND_COORDINATOR), call->version, body, a, &resp, NULL);
    if (e) {
        return e;
    }
    if (call->version >= 4) {
        if (resp.coordinators_count != 1) {
            return ERR_MALFORMED;
        }
        *ret = resp.coordinators[0];
        return OK;
    }
    *ret = (struct find_coordinator_resp_coordinator){.node_id = resp.node_id,
                                                      .host = resp.host,
                                                      .port = resp.port,
                                                      .error_code = resp.error_code,
                                                      .error_message = resp.error_message};
    return OK;
}

static void coordinator_done(struct core *c, struct coordinator *k, int64_t now_ms)
{
    struct arena a;
    struct find_coordinator_resp_coordinator found = find_coordinator_resp_coordinator_default;
    char why[sizeof k->call.why];
    arena_init(&a, LIMIT_REQUEST_ARENA_BYTES);
    enum err e = k->call.err ? k->call.err : read_found(&k->call, &a, &found);
    e = e ? e : (enum err)found.error_code;
    if (found.error_message.len > 0) {
        snprintf(why, sizeof why, "%.*s", STR_ARG(found.error_message));
    } else {
        snprintf(why, sizeof why, "%s", k->call.err ? k->call.why : err_text(e));
    }
    k->is_asking = false;
    k->refusal = e;
    if (!e && learn_node(c, found.node_id, found.host, found.port) != NULL) {
        k->node_id = found.node_id;
        k->failures = 0;
        k->retry_at_ms = 0;
    } else {
        k->retry_at_ms =
            now_ms + backoff_ms(c->config->retry_backoff_ms, c->config->retry_backoff_max_ms,
                                ++k->failures, &c->rand);
        if (e && !(ottla_error_flags(e) & OTTLA_RETRIABLE)) {
            end_waiting_for(c, k, e, why);
        }
    }
    arena_deinit(&a);
    mem_free(k->call.frame);
    k->call.frame = NULL;
}

/* Nothing that waits for what the cluster says can get on. */
static void end_waiting(struct core *c, enum err e, const char *why)
{
    LIST_EACH(&c->waiting, n, tmp) {
        struct call *call = LIST_ENTRY(n, struct call, node);
        if (call != &c->meta_call) {
            list_remove(n);
            core_end(c, call, e, why);
        }
    }
}

void meta_own_done(struct core *c, struct call *call, int64_t now_ms)
{
    if (call == &c->meta_call) {
        if (auth_is_refusal(call->err)) {
            end_waiting(c, call->err, call->why);
        }
        meta_done(c, now_ms);
    } else {
        coordinator_done(c, CONTAINER_OF(call, struct coordinator, call), now_ms);
    }
}

void coordinators_free(struct core *c)
{
    LIST_EACH(&c->coordinators, n, tmp) {
        struct coordinator *k = LIST_ENTRY(n, struct coordinator, node);
        list_remove(n);
        mem_free(k->key);
        mem_free(k);
    }
}
