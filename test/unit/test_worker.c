/* What a request that waits points to: the frame that it came in is another one's by the time that
 * it goes on. Requests of several clients come with one step of the loop, one after the other in
 * the same place. (FindCoordinator once read a client's id there; 7215b9e.) */
#include "test.h"

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

static void begin(const struct call_tap *t)
{
    struct buf why = BUF_INIT;
    small_init(&w, "worker", 1);
    w.disk = crashfs_new();
    w.tap = t;
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

/* It waits for the topic of offsets to be made. */
static void a_request_that_waits_knows_its_client(void **state)
{
    struct find_coordinator_req find = find_coordinator_req_default;
    struct api_versions_req versions = api_versions_req_default;
    union {
        struct find_coordinator_resp find;
        struct api_versions_resp versions;
    } resp;
    begin(&tap);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_that_waits_knows_its_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
