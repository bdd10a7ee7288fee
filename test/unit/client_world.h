/* A core, a clock that the test turns, and a cluster that is a few lines: broker n listens on port
 * 9000 + n. What the core wants is done at once; answers wait in `held` when the test says so. */
#ifndef TEST_UNIT_CLIENT_WORLD_H
#define TEST_UNIT_CLIENT_WORLD_H

#include "test.h"

#include "base/mem.h"
#include "client/config.h"
#include "client/core/core.h"

#include <stdio.h>

enum { NODES = 4, PORT_BASE = 9000, CALLS_MAX = 16 };

struct node {
    bool is_down; /* refuses */
    bool is_mute_for_sasl;
    bool is_mute;        /* takes requests and answers nothing */
    bool is_unknown;     /* not in the metadata */
    int16_t versions_hi; /* of ApiVersions */
    int16_t offsets_hi;  /* of ListOffsets */
    int request_count;   /* of all but handshakes */
    int conn_count;
    int32_t throttle_ms; /* what its answers say: to ApiVersions and ListOffsets */
};

struct world {
    struct ottla_config *config;
    struct core core;
    int64_t now_ms;
    struct node nodes[NODES];
    int32_t controller, coordinator;
    int16_t coordinator_error;
    struct call calls[CALLS_MAX];
    int done_count;
    bool has_no_sasl;
    int16_t mechanism_error, login_error;
    int64_t lifetime_ms;
    const char *token; /* of OAUTHBEARER; NULL: none */
    int token_count;   /* asked for */
    struct buf trace;  /* "+1" connected to broker 1, "-1" closed, "1:Metadata" asked */
};

static struct world world;

static inline void world_init(const char *servers)
{
    world = (struct world){.trace = BUF_INIT, .controller = 2, .coordinator = 3, .now_ms = 1000};
    for (int i = 0; i < NODES; i++) {
        world.nodes[i].versions_hi = 4;
        world.nodes[i].offsets_hi = 11;
    }
    world.config = ottla_config_new();
    assert_int_equal(ottla_config_set(world.config, "bootstrap.servers", servers, NULL), 0);
    core_init(&world.core, &world.config->values, 1);
}

static inline void world_set(const char *name, const char *value)
{
    assert_int_equal(ottla_config_set(world.config, name, value, NULL), 0);
}

static inline void put_answer(const struct wire_header *h, const void *msg, int version,
                              struct buf *out)
{
    wire_response_header_encode(h, out);
    assert_ok(wire_encode(wire_response(h->api_key), version, msg, out, NULL));
}

static inline void answer_versions(const struct node *node, const struct wire_header *h,
                                   struct buf *out)
{
    struct api_versions_resp_api_version keys[] = {
        {0, 3, 13}, {3, 0, 13}, {10, 0, 6}, {2, 1, node->offsets_hi}, {18, 0, node->versions_hi},
        {17, 0, 1}, {36, 0, 2}};
    struct api_versions_resp r = api_versions_resp_default;
    r.api_keys = keys;
    r.api_keys_count = world.has_no_sasl ? 5 : 7;
    bool is_refused = h->version > node->versions_hi;
    r.error_code = is_refused ? ERR_UNSUPPORTED_VERSION : 0;
    r.throttle_time_ms = is_refused ? 0 : node->throttle_ms;
    put_answer(h, &r, is_refused ? 0 : h->version, out);
}

static inline void answer_metadata(const struct wire_header *h, struct buf *out)
{
    struct metadata_resp_metadata_response_broker brokers[NODES];
    struct metadata_resp r = metadata_resp_default;
    for (int i = 1; i < NODES; i++) {
        if (!world.nodes[i].is_unknown) {
            brokers[r.brokers_count] = metadata_resp_metadata_response_broker_default;
            brokers[r.brokers_count].node_id = i;
            brokers[r.brokers_count].host = STR("h");
            brokers[r.brokers_count++].port = PORT_BASE + i;
        }
    }
    r.brokers = brokers;
    r.controller_id = world.controller;
    put_answer(h, &r, h->version, out);
}

static inline void answer_coordinator(const struct wire_header *h, struct buf *out)
{
    struct find_coordinator_resp_coordinator k = find_coordinator_resp_coordinator_default;
    struct find_coordinator_resp r = find_coordinator_resp_default;
    k.node_id = r.node_id = world.coordinator;
    k.host = r.host = STR("h");
    k.port = r.port = PORT_BASE + world.coordinator;
    k.error_code = r.error_code = world.coordinator_error;
    if (h->version >= 4) {
        r = find_coordinator_resp_default;
        r.coordinators = &k;
        r.coordinators_count = 1;
    }
    put_answer(h, &r, h->version, out);
}

static inline void answer_rest(const struct wire_header *h, struct buf *out)
{
    void *msg = mem_zalloc(wire_struct_bytes(wire_response(h->api_key)));
    wire_init(wire_response(h->api_key), msg);
    put_answer(h, msg, h->version, out);
    mem_free(msg);
}

static inline void answer_offsets(const struct node *node, const struct wire_header *h,
                                  struct buf *out)
{
    struct list_offsets_resp r = list_offsets_resp_default;
    r.throttle_time_ms = node->throttle_ms;
    put_answer(h, &r, h->version, out);
}

static inline void answer_mechanisms(const struct wire_header *h, struct buf *out)
{
    struct str offered[] = {STR("SCRAM-SHA-512"), STR("GSSAPI")};
    struct sasl_handshake_resp r = sasl_handshake_resp_default;
    r.error_code = world.mechanism_error;
    r.mechanisms = offered;
    r.mechanisms_count = 2;
    put_answer(h, &r, h->version, out);
}

static inline void answer_login(const struct wire_header *h, struct buf *out)
{
    struct sasl_authenticate_resp r = sasl_authenticate_resp_default;
    r.error_code = world.login_error;
    r.error_message = world.login_error ? STR("no such\nuser") : STR_NULL;
    r.auth_bytes = (struct bytes){(const uint8_t *)"", 0};
    r.session_lifetime_ms = world.lifetime_ms;
    put_answer(h, &r, h->version, out);
}

static inline struct node *node_of(void *conn) { return &world.nodes[(uintptr_t)conn & 0xff]; }

static inline void serve(const struct action *a)
{
    struct wire_header h;
    struct buf out = BUF_INIT;
    size_t used;
    struct node *node = node_of(a->conn);
    assert_ok(wire_request_header_decode(buf_bytes(&a->bytes), &h, &used));
    buf_printf(&world.trace, "%d:%.*s%d ", (int)(node - world.nodes),
               (int)strlen(wire_name(wire_request(h.api_key))) - 7,
               wire_name(wire_request(h.api_key)), h.version);
    node->request_count += h.api_key != API_API_VERSIONS;
    if (node->is_mute || (node->is_mute_for_sasl && h.api_key == API_SASL_AUTHENTICATE)) {
        return;
    }
    switch (h.api_key) {
    case API_API_VERSIONS:
        answer_versions(node, &h, &out);
        break;
    case API_METADATA:
        answer_metadata(&h, &out);
        break;
    case API_LIST_OFFSETS:
        answer_offsets(node, &h, &out);
        break;
    case API_FIND_COORDINATOR:
        answer_coordinator(&h, &out);
        break;
    case API_SASL_HANDSHAKE:
        answer_mechanisms(&h, &out);
        break;
    case API_SASL_AUTHENTICATE:
        answer_login(&h, &out);
        break;
    default:
        answer_rest(&h, &out);
    }
    core_frame(&world.core, a->link_id, buf_bytes(&out), world.now_ms);
    buf_deinit(&out);
}

static inline void connect_one(const struct action *a)
{
    int i = a->port - PORT_BASE;
    uintptr_t conn = (uintptr_t)i | 0x100;
    assert_true(core_set_conn(&world.core, a->link_id, (void *)conn));
    if (i < 0 || i >= NODES || world.nodes[i].is_down) {
        buf_printf(&world.trace, "!%d ", i);
        core_closed(&world.core, a->link_id, ERR_CLOSED, world.now_ms);
        return;
    }
    world.nodes[i].conn_count++;
    buf_printf(&world.trace, "+%d ", i);
    core_opened(&world.core, a->link_id, world.now_ms);
}

static inline void do_action(const struct action *a)
{
    static char addresses[2][NET_NAME_MAX] = {"10.0.0.1", "10.0.0.2"};
    switch (a->kind) {
    case ACTION_RESOLVE:
        core_resolved(&world.core, a->link_id, addresses, strcmp(a->host, "two") == 0 ? 2 : 1,
                      world.now_ms);
        return;
    case ACTION_CONNECT:
        connect_one(a);
        return;
    case ACTION_SEND:
        serve(a);
        return;
    case ACTION_CLOSE:
        buf_printf(&world.trace, "-%d ", (int)(node_of(a->conn) - world.nodes));
        return;
    case ACTION_TOKEN:
        world.token_count++;
        core_got_token(&world.core, a->link_id, str_from(world.token), "the well is dry",
                       world.now_ms);
        return;
    }
}

static inline void world_run(void)
{
    struct action *a;
    struct call *call;
    for (int i = 0; (a = core_take_action(&world.core)) != NULL; i++) {
        assert_true(i < 10000);
        do_action(a);
        core_free_action(a);
    }
    while ((call = core_take_done(&world.core)) != NULL) {
        call->done(call);
    }
}

/* Lets time pass as a host would: at each deadline the core is woken. */
static inline void world_pass_ms(int64_t ms)
{
    int64_t end = world.now_ms + ms;
    world_run();
    for (int i = 0; core_deadline_ms(&world.core) <= end; i++) {
        assert_true(i < 100000);
        world.now_ms = MAX(world.now_ms, core_deadline_ms(&world.core));
        core_tick(&world.core, world.now_ms);
        world_run();
    }
    world.now_ms = end;
}

static inline void count_done(struct call *call) { world.done_count++; }

/* A ListOffsets without topics: it has many versions and needs nothing. */
static inline struct call *ask(int i, enum call_to to)
{
    static struct list_offsets_req req;
    struct call *call = &world.calls[i];
    req = list_offsets_req_default;
    *call = (struct call){.api_key = API_LIST_OFFSETS,
                          .version_lo = 1,
                          .version_hi = 11,
                          .to = to,
                          .msg = &req,
                          .deadline_ms = world.now_ms + 60000,
                          .key = STR("g"),
                          .done = count_done};
    return call;
}

static inline struct call *submit(struct call *call)
{
    core_submit(&world.core, call, world.now_ms);
    world_run();
    return call;
}

static inline const char *trace(void)
{
    static char text[4096];
    snprintf(text, sizeof text, "%s", buf_cstr(&world.trace));
    buf_clear(&world.trace);
    return text;
}

static inline void world_deinit(void)
{
    core_stop(&world.core, world.now_ms);
    world_run();
    for (int i = 0; i < CALLS_MAX; i++) {
        assert_true(world.calls[i].state == CALL_NEW || world.calls[i].state == CALL_DONE);
        mem_free(world.calls[i].frame);
    }
    core_deinit(&world.core);
    ottla_config_free(world.config);
    buf_deinit(&world.trace);
}

#endif
