/* One broker: addresses, connection, handshake, requests and answers in order. Pure; see core.h.
 *
 * conn is non-NULL from the host's core_set_conn to link_break, which gives it to ACTION_CLOSE. */
#include "client/core/core_int.h"

#include "base/attr.h"
#include "base/endian.h"
#include "base/limit.h"
#include "base/mem.h"
#include "client/core/backoff.h"
#include "client/core/parcel.h"
#include "client/core/throttle.h"

#include <stdio.h>

enum { HANDSHAKE_ARENA_BYTES = 1 << 20, HANDSHAKE_VERSION = 4 };

static const char *const software_name = "ottla";

struct link *link_new(struct core *c, int32_t node_id, struct str host, int port)
{
    struct link *l = NEW(struct link);
    l->id = ++c->link_id_last;
    l->node_id = node_id;
    l->host = str_dup(host);
    l->port = port;
    list_init(&l->queue);
    list_init(&l->sent);
    auth_init(&l->auth);
    list_push_back(&c->links, &l->node);
    return l;
}

struct link *link_by_id(struct core *c, uint32_t id)
{
    LIST_EACH(&c->links, n, tmp) {
        struct link *l = LIST_ENTRY(n, struct link, node);
        if (l->id == id) {
            return l;
        }
    }
    return NULL;
}

struct link *link_by_node(struct core *c, int32_t node_id)
{
    LIST_EACH(&c->links, n, tmp) {
        struct link *l = LIST_ENTRY(n, struct link, node);
        if (l->node_id == node_id && l->lane == 0 && !l->is_leaving) {
            return l;
        }
    }
    return NULL;
}

struct link *link_of_lane(struct core *c, int32_t node_id, uint32_t lane)
{
    LIST_EACH(&c->links, n, tmp) {
        struct link *l = LIST_ENTRY(n, struct link, node);
        if (l->node_id == node_id && l->lane == lane && !l->is_leaving) {
            return l;
        }
    }
    const struct link *shared = link_by_node(c, node_id);
    struct link *l = shared ? link_new(c, node_id, str_from(shared->host), shared->port) : NULL;
    if (l != NULL) {
        l->lane = lane;
    }
    return l;
}

static const char *link_name(const struct link *l, char *to, size_t size)
{
    if (l->node_id < 0) {
        snprintf(to, size, "%s:%d", l->host, l->port);
    } else {
        snprintf(to, size, "broker %d (%s:%d)", l->node_id, l->host, l->port);
    }
    return to;
}

bool link_may_take(const struct link *l, int64_t now_ms)
{
    return l->muted_until_ms <= now_ms && (l->state != LINK_IDLE || l->retry_at_ms <= now_ms);
}

/* --- sending --- */

static void free_sent(struct link *l, struct sent *s)
{
    list_remove(&s->node);
    l->sent_count--;
    mem_free(s);
}

/* A request: its bytes, and records that stay where they are. */
struct encoded {
    struct buf bytes;
    struct wire_splices splices;
};

/* The request behind its header; the error is the call's. */
static enum err encode(struct link *l, const struct core *c, struct sent *s, const void *msg,
                       struct encoded *ret)
{
    s->head.correlation_id = ++l->correlation_last & INT32_MAX;
    s->head.client_id = str_from(c->config->client_id);
    enum err e = wire_request_header_encode(&s->head, &ret->bytes);
    return e ? e
             : wire_encode(wire_request(s->head.api_key), s->head.version, msg, &ret->bytes,
                           &ret->splices);
}

/* Takes what was encoded; the parcels are held until they are sent or given up. */
static void act_send(struct core *c, const struct link *l, struct encoded *e)
{
    struct action *a = core_act(c, ACTION_SEND, l);
    a->bytes = e->bytes;
    a->splices = e->splices.items;
    a->splice_count = e->splices.count;
    for (size_t i = 0; i < a->splice_count; i++) {
        (void)parcel_ref(a->splices[i].ref);
    }
}

static struct sent *add_sent(struct core *c, struct link *l, int api_key, int version)
{
    struct sent *s = NEW(struct sent);
    s->head.api_key = (int16_t)api_key;
    s->head.version = (int16_t)version;
    list_push_back(&l->sent, &s->node);
    l->sent_count++;
    return s;
}

/* The newest version that both sides speak; -1 and a sentence. */
static int pick_version(const struct link *l, const struct call *call, char *why, size_t size)
{
    struct api_range r = {0, -1};
    if (call->api_key >= 0 && call->api_key < LINK_API_COUNT) {
        r = l->ranges[call->api_key];
    }
    int hi = MIN(r.hi, call->version_hi), lo = MAX(r.lo, call->version_lo);
    if (hi >= lo && r.hi >= r.lo) {
        return hi;
    }
    char name[96];
    link_name(l, name, sizeof name);
    const char *api = wire_name(wire_request(call->api_key));
    if (r.hi < r.lo) {
        snprintf(why, size, "%s does not serve %s", name, api);
    } else {
        snprintf(why, size, "%s serves %s of versions %d to %d; %d to %d are needed", name, api,
                 r.lo, r.hi, call->version_lo, call->version_hi);
    }
    return -1;
}

static void send_call(struct core *c, struct link *l, struct call *call, int64_t now_ms)
{
    char why[sizeof call->why];
    int version = pick_version(l, call, why, sizeof why);
    if (version < 0) {
        core_end(c, call, ERR_UNSUPPORTED_VERSION, why);
        return;
    }
    if (call->fit != NULL) {
        call->fit(call->msg, version);
    }
    struct sent *s = add_sent(c, l, call->api_key, version);
    struct encoded out = {.bytes = BUF_INIT};
    if (call->parcels > 0) {
        out.splices.items = mem_realloc_array(NULL, call->parcels, sizeof *out.splices.items);
        out.splices.cap = call->parcels;
    }
    enum err e = encode(l, c, s, call->msg, &out);
    if (e) {
        buf_deinit(&out.bytes);
        mem_free(out.splices.items);
        free_sent(l, s);
        bool is_unfit = e == ERR_MALFORMED; /* what the program gave */
        snprintf(why, sizeof why, "%s %d cannot be written: %s",
                 wire_name(wire_request(call->api_key)), version,
                 is_unfit ? "a text or list that it needs is NULL, or one is too long"
                          : err_text(e));
        core_end(c, call,
                 e == ERR_WRONG_VERSION ? ERR_UNSUPPORTED_VERSION
                 : is_unfit             ? ERR_INVALID_REQUEST
                                        : e,
                 why);
        return;
    }
    act_send(c, l, &out);
    call->version = version;
    call->answerer = l->node_id;
    if (call->has_no_answer) {
        free_sent(l, s);
        core_end(c, call, OK, "");
        return;
    }
    s->call = call;
    s->timeout_at_ms = now_ms + MAX(call->timeout_ms, c->config->request_timeout_ms);
    call->state = CALL_SENT;
    call->link = l;
}

static void resolve(struct core *c, struct link *l)
{
    struct action *a = core_act(c, ACTION_RESOLVE, l);
    snprintf(a->host, sizeof a->host, "%s", l->host);
    l->state = LINK_RESOLVING;
}

void link_take(struct core *c, struct link *l, struct call *call, int64_t now_ms)
{
    if (l->state == LINK_UP && l->auth.renew_at_ms <= now_ms) {
        auth_begin(c, l, now_ms);
    }
    if (l->state == LINK_UP) {
        send_call(c, l, call, now_ms);
        return;
    }
    call->state = CALL_QUEUED;
    call->link = l;
    list_push_back(&l->queue, &call->node);
    if (l->state == LINK_IDLE) {
        resolve(c, l);
    }
}

void link_forget(struct link *l, struct call *call)
{
    LIST_EACH(&l->sent, n, tmp) {
        struct sent *s = LIST_ENTRY(n, struct sent, node);
        if (s->call == call) {
            s->call = NULL; /* its answer is still to come */
        }
    }
}

/* --- breaking --- */

static void return_sent(struct core *c, struct link *l, int64_t now_ms)
{
    LIST_EACH(&l->sent, n, tmp) {
        struct sent *s = LIST_ENTRY(n, struct sent, node);
        struct call *call = s->call;
        free_sent(l, s);
        if (call == NULL) {
            continue;
        }
        call->tries++;
        if (c->is_stopped || call->is_once || call->tries > c->config->retries) {
            core_end(c, call, c->is_stopped ? ERR_CLOSED : ERR_NETWORK_EXCEPTION, l->trouble);
            continue;
        }
        call->retry_at_ms =
            now_ms + backoff_ms(c->config->retry_backoff_ms, c->config->retry_backoff_max_ms,
                                call->tries, &c->rand);
        core_wait(c, call);
    }
}

static const char *reason(const struct link *l, enum err why)
{
    if (l->detail[0] != '\0') {
        return l->detail;
    }
    return l->state == LINK_RESOLVING && why == ERR_NOT_FOUND ? "no such host"
           : l->state == LINK_CONNECTING && why == ERR_CLOSED ? "nobody listens there"
                                                              : err_text(why);
}

/* What its user may look at. */
static const char *hint(const struct core *c, const struct link *l, enum err why)
{
    bool is_tls = str_has_suffix(str_from(c->config->security_protocol), STR("SSL"));
    if (l->state == LINK_HANDSHAKE && (why == ERR_MALFORMED || why == ERR_CLOSED) && !is_tls) {
        return "; maybe it wants TLS (security.protocol)";
    }
    if (l->state == LINK_AUTH && why == ERR_SASL_AUTHENTICATION_FAILED && c->auth != NULL &&
        c->auth->mechanism != SASL_OAUTHBEARER) {
        return " (sasl.username, sasl.password)";
    }
    return l->state == LINK_AUTH && why == ERR_ILLEGAL_SASL_STATE ? " (security.protocol)" : "";
}

static void note_trouble(struct core *c, struct link *l, enum err why)
{
    static const char *const doing[] = {
        "", "look up its name", "connect", "agree on versions", "log in", "stay connected"};
    char name[128];
    snprintf(l->trouble, sizeof l->trouble, "%s: cannot %s: %s%s", link_name(l, name, sizeof name),
             doing[l->state], reason(l, why), hint(c, l, why));
    core_message(c, "%s", l->trouble);
}

void link_break(struct core *c, struct link *l, enum err why, int64_t now_ms)
{
    struct list_node *n;
    bool had_work = !list_is_empty(&l->sent) || !list_is_empty(&l->queue);
    bool is_refused = auth_is_refusal(why) && l->state != LINK_UP;
    if (l->state == LINK_IDLE) {
        return;
    }
    if (!c->is_stopped && (l->state != LINK_UP || had_work)) {
        note_trouble(c, l, why);
    }
    if (l->conn != NULL) {
        core_act(c, ACTION_CLOSE, l);
        l->conn = NULL;
    }
    l->detail[0] = '\0';
    auth_deinit(&l->auth);
    auth_init(&l->auth);
    l->failures = l->state == LINK_UP ? 1 : l->failures + 1;
    l->state = LINK_IDLE;
    l->retry_at_ms =
        now_ms + backoff_ms(c->config->reconnect_backoff_ms, c->config->reconnect_backoff_max_ms,
                            l->failures, &c->rand);
    return_sent(c, l, now_ms);
    while ((n = list_pop_front(&l->queue)) != NULL) {
        struct call *call = LIST_ENTRY(n, struct call, node);
        if (is_refused && !c->is_stopped) {
            core_end(c, call, why, l->trouble);
        } else if (call->is_once && !c->is_stopped) {
            core_end(c, call, ERR_NETWORK_EXCEPTION, l->trouble);
        } else {
            core_wait(c, call);
        }
    }
    if (c->has_nodes && !c->is_stopped && had_work) {
        meta_want(c, now_ms);
    }
}

void link_remove(struct core *c, struct link *l)
{
    LIST_EACH(&c->actions, n, tmp) {
        struct action *a = LIST_ENTRY(n, struct action, node);
        if (a->link_id == l->id && a->kind != ACTION_CLOSE) {
            list_remove(n);
            core_free_action(a);
        }
    }
    list_remove(&l->node);
    auth_deinit(&l->auth);
    mem_free(l->host);
    mem_free(l->rack);
    mem_free(l);
}

/* --- connecting --- */

/* The next address, or the end of this try. */
static void connect_next(struct core *c, struct link *l, enum err why, int64_t now_ms)
{
    if (l->address_tries >= l->address_count) {
        l->setup_failures++;
        link_break(c, l, why, now_ms);
        return;
    }
    l->address_tries++;
    struct action *a = core_act(c, ACTION_CONNECT, l);
    snprintf(a->host, sizeof a->host, "%s", l->addresses[l->address_next]);
    a->port = l->port;
    l->address_next = (l->address_next + 1) % l->address_count;
    l->setup_deadline_ms = now_ms + backoff_ms(c->config->connection_setup_timeout_ms,
                                               c->config->connection_setup_timeout_max_ms,
                                               l->setup_failures + 1, &c->rand);
}

void link_ask(struct core *c, struct link *l, int api_key, int version, const void *msg,
              int64_t now_ms)
{
    struct encoded out = {.bytes = BUF_INIT};
    struct sent *s = add_sent(c, l, api_key, version);
    enum err e = encode(l, c, s, msg, &out);
    s->is_own = true;
    s->timeout_at_ms = now_ms + c->config->request_timeout_ms;
    act_send(c, l, &out);
    if (e) {
        link_break(c, l, e, now_ms);
    }
}

static void shake_hands(struct core *c, struct link *l, int version, int64_t now_ms)
{
    struct api_versions_req req = api_versions_req_default;
    req.client_software_name = str_from(software_name);
    req.client_software_version = str_from(OTTLA_VERSION);
    l->state = LINK_HANDSHAKE;
    link_ask(c, l, API_API_VERSIONS, version, &req, now_ms);
}

void core_opened(struct core *c, uint32_t link_id, int64_t now_ms)
{
    struct link *l = link_by_id(c, link_id);
    if (l != NULL && l->state == LINK_CONNECTING) {
        shake_hands(c, l, HANDSHAKE_VERSION, now_ms);
    }
    core_tick(c, now_ms);
}

void core_explain(struct core *c, uint32_t link_id, const char *text)
{
    struct link *l = link_by_id(c, link_id);
    if (l != NULL) {
        snprintf(l->detail, sizeof l->detail, "%s", text);
    }
}

void core_closed(struct core *c, uint32_t link_id, enum err why, int64_t now_ms)
{
    struct link *l = link_by_id(c, link_id);
    if (l == NULL) {
        return;
    }
    l->conn = NULL;
    if (l->state == LINK_CONNECTING) {
        connect_next(c, l, why, now_ms);
    } else {
        link_break(c, l, why ? why : ERR_CLOSED, now_ms);
    }
    core_tick(c, now_ms);
}

/* --- receiving --- */

static void learn_ranges(struct link *l, const struct api_versions_resp *resp)
{
    for (int i = 0; i < LINK_API_COUNT; i++) {
        l->ranges[i] = (struct api_range){0, -1};
    }
    for (int32_t i = 0; i < resp->api_keys_count; i++) {
        const struct api_versions_resp_api_version *k = &resp->api_keys[i];
        if (k->api_key >= 0 && k->api_key < LINK_API_COUNT) {
            l->ranges[k->api_key] = (struct api_range){k->min_version, k->max_version};
        }
    }
}

static void learn_features(struct core *c, const struct api_versions_resp *resp)
{
    if (resp->finalized_features_epoch <= c->features_epoch) {
        return;
    }
    c->features_epoch = resp->finalized_features_epoch;
    c->txn_version = 0;
    for (int32_t i = 0; i < resp->finalized_features_count; i++) {
        if (str_eq(resp->finalized_features[i].name, STR("transaction.version"))) {
            c->txn_version = resp->finalized_features[i].max_version_level;
        }
    }
}

static void mute(struct link *l, int32_t ms, int64_t now_ms)
{
    if (ms > 0) {
        l->muted_until_ms = now_ms + ms;
    }
}

void core_throttled(struct core *c, int32_t node_id, int32_t ms, int64_t now_ms)
{
    struct link *l = link_by_node(c, node_id);
    if (l != NULL) {
        mute(l, ms, now_ms);
    }
}

void link_go_up(struct core *c, struct link *l, int64_t now_ms)
{
    struct list_node *n;
    l->state = LINK_UP;
    l->failures = l->setup_failures = 0;
    l->trouble[0] = '\0';
    while (l->muted_until_ms > now_ms && (n = list_pop_front(&l->queue)) != NULL) {
        core_wait(c, LIST_ENTRY(n, struct call, node));
    }
    while (l->state == LINK_UP && (n = list_pop_front(&l->queue)) != NULL) {
        send_call(c, l, LIST_ENTRY(n, struct call, node), now_ms);
    }
}

/* A broker that does not know our version answers 35 in the oldest form, with the versions that it
 * does know. */
static void take_handshake(struct core *c, struct link *l, int version, struct bytes body,
                           int64_t now_ms)
{
    struct arena a;
    struct api_versions_resp resp;
    bool is_refused = body.len >= 2 && be16_get(body.p) == ERR_UNSUPPORTED_VERSION;
    arena_init(&a, HANDSHAKE_ARENA_BYTES);
    enum err e = wire_decode(wire_response(API_API_VERSIONS), is_refused ? 0 : version, body, &a,
                             &resp, NULL);
    if (!e) {
        learn_ranges(l, &resp);
        learn_features(c, &resp);
        if (!is_refused && throttle_is_ours(API_API_VERSIONS, version)) {
            mute(l, resp.throttle_time_ms, now_ms);
        }
        int hi = l->ranges[API_API_VERSIONS].hi;
        if (is_refused && version > 0) {
            shake_hands(c, l, hi > 0 && hi < version ? hi : 0, now_ms);
        } else if (resp.error_code) {
            e = (enum err)resp.error_code;
        } else if (c->auth != NULL) {
            auth_begin(c, l, now_ms);
        } else {
            link_go_up(c, l, now_ms);
        }
    }
    arena_deinit(&a);
    if (e) {
        link_break(c, l, e, now_ms);
    }
}

static enum err take_answer(struct core *c, struct call *call, struct bytes frame, size_t body_at,
                            int64_t now_ms)
{
    uint8_t *copy = mem_try(MAX(frame.len, 1));
    if (copy == NULL) {
        core_end(c, call, ERR_NO_MEMORY, "no memory for the answer");
        return OK;
    }
    memcpy(copy, frame.p, frame.len);
    call->frame = copy;
    call->frame_len = frame.len;
    call->body_at = body_at;
    core_end(c, call, OK, "");
    if (call->api_key == API_METADATA || call == &c->meta_call) {
        meta_learn(c, call, now_ms);
    }
    return OK;
}

void core_frame(struct core *c, uint32_t link_id, struct bytes frame, int64_t now_ms)
{
    struct link *l = link_by_id(c, link_id);
    struct list_node *n = l == NULL ? NULL : list_front(&l->sent);
    size_t body_at = 0;
    if (n == NULL) {
        if (l != NULL) {
            link_break(c, l, ERR_MALFORMED, now_ms); /* an answer to nothing */
        }
        core_tick(c, now_ms);
        return;
    }
    struct sent s = *LIST_ENTRY(n, struct sent, node);
    enum err e = wire_response_header_decode(frame, &s.head, &body_at);
    if (!e) {
        free_sent(l, LIST_ENTRY(n, struct sent, node));
        struct bytes body = {frame.p + body_at, frame.len - body_at};
        mute(l, throttle_ms(s.head.api_key, s.head.version, body), now_ms);
        if (s.is_own && s.head.api_key != API_API_VERSIONS) {
            auth_take(c, l, &s.head, body, now_ms);
        } else if (s.is_own) {
            take_handshake(c, l, s.head.version, body, now_ms);
        } else if (s.call != NULL) {
            e = take_answer(c, s.call, frame, body_at, now_ms);
        }
    }
    if (e) {
        link_break(c, l, e, now_ms);
    }
    core_tick(c, now_ms);
}

/* --- time --- */

static void end_late_calls(struct core *c, struct link *l, int64_t now_ms)
{
    LIST_EACH(&l->queue, n, tmp) {
        struct call *call = LIST_ENTRY(n, struct call, node);
        if (call->deadline_ms <= now_ms) {
            list_remove(n);
            core_wait(c, call); /* which ends it with all that is known */
        }
    }
    LIST_EACH(&l->sent, n, tmp) {
        struct sent *s = LIST_ENTRY(n, struct sent, node);
        if (s->call != NULL && s->call->deadline_ms <= now_ms) {
            core_wait(c, s->call);
            s->call = NULL;
        }
    }
}

void link_tick(struct core *c, struct link *l, int64_t now_ms)
{
    struct list_node *first = list_front(&l->sent);
    end_late_calls(c, l, now_ms);
    if (l->state == LINK_CONNECTING && l->setup_deadline_ms <= now_ms) {
        if (l->conn != NULL) {
            core_act(c, ACTION_CLOSE, l);
            l->conn = NULL;
        }
        connect_next(c, l, ERR_REQUEST_TIMED_OUT, now_ms);
    } else if ((first != NULL && LIST_ENTRY(first, struct sent, node)->timeout_at_ms <= now_ms) ||
               (l->state == LINK_AUTH && l->auth.deadline_ms <= now_ms)) {
        link_break(c, l, ERR_REQUEST_TIMED_OUT, now_ms);
    }
    if (l->is_leaving && list_is_empty(&l->sent) && list_is_empty(&l->queue)) {
        link_break(c, l, ERR_CLOSED, now_ms);
        link_remove(c, l);
    }
}

int64_t link_deadline_ms(const struct link *l)
{
    int64_t at = l->state == LINK_CONNECTING ? l->setup_deadline_ms
                 : l->state == LINK_AUTH     ? l->auth.deadline_ms
                                             : INT64_MAX;
    LIST_EACH(&l->queue, n, tmp) {
        at = MIN(at, LIST_ENTRY(n, struct call, node)->deadline_ms);
    }
    LIST_EACH(&l->sent, n, tmp) {
        const struct sent *s = LIST_ENTRY(n, struct sent, node);
        at = MIN(at, s->timeout_at_ms);
        at = s->call != NULL ? MIN(at, s->call->deadline_ms) : at;
    }
    return at;
}
