/* Connections and requests of a whole broker: what one peer may have under way, how much a request
 * may take, how many may come, and what a request that waits points to. */
#include "test.h"

#include "asks.h"
#include "base/endian.h"
#include "base/limit.h"
#include "base/mem.h"
#include "broker/call.h"
#include "broker/tap.h"
#include "small.h"

#include <stdio.h>

static struct small w;
static struct sim_client before, after;
static char seen[3][64];
static int seen_count;

static void ask_as(struct sim_client *c, const char *client_id, int api_key, const void *req)
{
    enum { VERSION = 3 }; /* of both that are asked */
    c->client_id = str_from(client_id);
    assert_true(sim_client_call(c, api_key, VERSION, req));
    assert_int_equal(sim_client_poll(c, NULL), SIM_NOTHING); /* it is on its way */
}

static bool is_answered(struct sim_client *c, void *ret_resp)
{
    enum sim_poll p = SIM_NOTHING;
    for (int i = 0; i < 2000 && p == SIM_NOTHING; i++) {
        p = sim_client_poll(c, ret_resp);
        if (p == SIM_NOTHING && !server_step(w.server)) {
            simclock_add_ms(&w.clock, 10);
        }
    }
    return p == SIM_ANSWER;
}

static bool look_on(void *ctx, struct call *c, const void *request) { return false; }

static void note_client(void *ctx, struct call *c)
{
    struct str id = c->header.client_id;
    snprintf(seen[seen_count++ % 3], sizeof seen[0], "%.*s", STR_ARG(id));
}

static void on_response(void *ctx, struct call *c, void *response) {}
static bool on_answer(void *ctx, struct call *c, struct sendvec *vec) { return false; }

static const struct call_tap tap = {
    .on_request = look_on,
    .on_response = on_response,
    .on_answer = on_answer,
    .on_end = note_client,
};

static void begin(const struct call_tap *t, const char *settings)
{
    struct buf why = BUF_INIT;
    small_init(&w, "worker", 1);
    w.disk = crashfs_new();
    w.tap = t;
    w.settings = settings;
    seen_count = 0;
    assert_true(small_start(&w, &why));
    sim_client_init(&before, &w.net.net, 9092);
    sim_client_init(&after, &w.net.net, 9092);
}

static void end(void)
{
    sim_client_deinit(&before);
    sim_client_deinit(&after);
    small_deinit(&w);
    server_stop(w.server);
    crashfs_free(w.disk);
}

/* It waits for the topic of offsets to be made. The frame that it came in is another one's by the
 * time that it goes on: requests of several clients come with one step of the loop, one after the
 * other in the same place. (FindCoordinator once read a client's id there; 7215b9e.) */
static void a_request_that_waits_knows_its_client(void **state)
{
    struct find_coordinator_req find = find_coordinator_req_default;
    struct api_versions_req versions = api_versions_req_default;
    union {
        struct find_coordinator_resp find;
        struct api_versions_resp versions;
    } resp;
    begin(&tap, NULL);
    find.key = STR("g");
    versions.client_software_name = versions.client_software_version = STR("x");
    ask_as(&before, "another one, with a longer name", API_API_VERSIONS, &versions);
    ask_as(&w.client, "who waits", API_FIND_COORDINATOR, &find);
    ask_as(&after, "another one, with a longer name", API_API_VERSIONS, &versions);
    assert_true(is_answered(&before, &resp));
    assert_true(is_answered(&after, &resp));
    assert_true(is_answered(&w.client, &resp));
    assert_int_equal(seen_count, 3);
    assert_string_equal(seen[0], "another one, with a longer name");
    assert_string_equal(seen[1], "another one, with a longer name");
    assert_string_equal(seen[2], "who waits");
    end();
}

/* --- what one may have under way --- */

enum { SENT = LIMIT_PIPELINED + 40 };

static struct call *held[SENT];
static const void *held_requests[SENT];
static int held_count, ended_count;

static bool hold(void *ctx, struct call *c, const void *request)
{
    held[held_count] = c;
    held_requests[held_count++] = request;
    return true;
}

static void count_end(void *ctx, struct call *c) { ended_count++; }

static const struct call_tap holding = {
    .on_request = hold,
    .on_response = on_response,
    .on_answer = on_answer,
    .on_end = count_end,
};

static void settle(void)
{
    while (server_step(w.server)) {
    }
}

static void put_produce(struct buf *out)
{
    struct ask_produce a;
    const struct produce_req *req = ask_produce(&a, (struct ask_part){"nobody's", 0}, BYTES_NULL);
    struct wire_header head = {API_PRODUCE, 9, 1, STR("one")};
    size_t at = out->len;
    buf_put_be32(out, 0);
    assert_ok(wire_request_header_encode(&head, out));
    assert_ok(wire_encode(wire_request(API_PRODUCE), 9, req, out, NULL));
    be32_put(out->p + at, (uint32_t)(out->len - at - 4));
}

/* Produce requests are taken while others of their connection wait for the disk; so many. */
static void a_connection_has_so_many_produce_requests_under_way(void **state)
{
    struct buf b = BUF_INIT;
    struct sock *s;
    size_t n = 0;
    begin(&holding, NULL);
    held_count = ended_count = 0;
    for (int i = 0; i < SENT; i++) {
        put_produce(&b);
    }
    assert_ok(net_connect(&w.net.net, "127.0.0.1", 9092, &s));
    assert_ok(sock_writev(s, &(struct iovec){b.p, b.len}, 1, 0, &n));
    assert_int_equal(n, b.len);
    settle();
    assert_int_equal(held_count, LIMIT_PIPELINED);
    for (int i = 0; i < SENT; i++) { /* each that ends lets one more in */
        assert_true(i < held_count);
        call_handle(held[i], held_requests[i]);
        settle();
    }
    assert_int_equal(held_count, SENT);
    assert_int_equal(ended_count, SENT);
    sock_close(s);
    buf_deinit(&b);
    end();
}

/* --- how much a request may take --- */

/* A byte of it becomes sixteen. */
static void a_request_that_becomes_too_much_closes(void **state)
{
    enum { ARRAYS = 5, KEYS = LIMIT_WIRE_ARRAY_COUNT };
    struct describe_configs_req_describe_configs_resource many[ARRAYS];
    struct describe_configs_req req = describe_configs_req_default;
    struct describe_configs_resp resp;
    struct api_versions_req versions = api_versions_req_default;
    struct api_versions_resp is_there;
    struct str *keys = mem_alloc(KEYS * sizeof *keys);
    assert_true(ARRAYS * KEYS * sizeof *keys > LIMIT_REQUEST_ARENA_BYTES);
    for (int i = 0; i < KEYS; i++) {
        keys[i] = STR("");
    }
    for (int i = 0; i < ARRAYS; i++) {
        many[i] = describe_configs_req_describe_configs_resource_default;
        many[i].resource_name = STR("t");
        many[i].configuration_keys = keys;
        many[i].configuration_keys_count = KEYS;
    }
    req.resources = many;
    req.resources_count = ARRAYS;
    begin(NULL, NULL);
    assert_false(small_ask(&w, API_DESCRIBE_CONFIGS, 4, &req, &resp));
    versions.client_software_name = versions.client_software_version = STR("x");
    assert_true(small_ask(&w, API_API_VERSIONS, 3, &versions, &is_there));
    mem_free(keys);
    end();
}

/* --- fetch sessions --- */

/* One more than there may be gets none, as long as the others are young: it fetches in full. */
static void a_broker_remembers_so_many_fetch_sessions(void **state)
{
    struct fetch_req req = fetch_req_default;
    struct fetch_resp resp;
    req.replica_id = -1;
    req.max_bytes = 1;
    req.session_epoch = 0;
    begin(NULL, NULL);
    for (int i = 0; i <= LIMIT_FETCH_SESSIONS; i++) {
        assert_true(small_ask(&w, API_FETCH, 12, &req, &resp));
        assert_int_equal(resp.error_code, OK);
        assert_int_equal(resp.session_id != 0, i < LIMIT_FETCH_SESSIONS);
    }
    end();
}

/* --- how many may come --- */

static void who_is_one_too_many_is_turned_away(void **state)
{
    struct api_versions_req versions = api_versions_req_default;
    struct api_versions_resp resp;
    versions.client_software_name = versions.client_software_version = STR("x");
    begin(NULL, "max.connections=1\n");
    assert_true(small_ask(&w, API_API_VERSIONS, 3, &versions, &resp));
    ask_as(&after, "too many", API_API_VERSIONS, &versions);
    assert_false(is_answered(&after, &resp));
    assert_null(after.sock);
    assert_true(small_ask(&w, API_API_VERSIONS, 3, &versions, &resp)); /* who was in stays in */
    sim_client_drop(&w.client);
    settle();
    ask_as(&after, "there is room", API_API_VERSIONS, &versions);
    assert_true(is_answered(&after, &resp));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_that_waits_knows_its_client),
        cmocka_unit_test(a_connection_has_so_many_produce_requests_under_way),
        cmocka_unit_test(a_request_that_becomes_too_much_closes),
        cmocka_unit_test(a_broker_remembers_so_many_fetch_sessions),
        cmocka_unit_test(who_is_one_too_many_is_turned_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
