/* The client's core in virtual time: which broker is asked, when it connects, retries and gives up.
 */
#include "client_world.h"

static void test_any(void **state)
{
    (void)state;
    world_init("h:9001");
    struct call *call = submit(ask(0, CALL_ANY));
    assert_int_equal(call->state, CALL_DONE);
    assert_ok(call->err);
    assert_int_equal(call->version, 11);
    assert_string_equal(trace(), "+1 1:ApiVersions4 1:ListOffsets11 ");
    submit(ask(1, CALL_ANY));
    assert_string_equal(trace(), "1:ListOffsets11 ");
    assert_int_equal(core_deadline_ms(&world.core), INT64_MAX); /* nothing to do */
    world_deinit();
}

static void test_old_broker(void **state)
{
    (void)state;
    world_init("h:9001");
    world.nodes[1].versions_hi = 0;
    world.nodes[1].offsets_hi = 3;
    assert_ok(submit(ask(0, CALL_ANY))->err);
    assert_string_equal(trace(), "+1 1:ApiVersions4 1:ApiVersions0 1:ListOffsets3 ");
    struct call *call = ask(1, CALL_ANY);
    call->version_lo = 7;
    assert_err(ERR_UNSUPPORTED_VERSION, submit(call)->err);
    assert_string_equal(call->why,
                        "h:9001 serves ListOffsetsRequest of versions 1 to 3; 7 to 11 are needed");
    call = ask(2, CALL_ANY);
    call->api_key = API_CREATE_TOPICS;
    assert_err(ERR_UNSUPPORTED_VERSION, submit(call)->err);
    assert_string_equal(call->why, "h:9001 does not serve CreateTopicsRequest");
    world_deinit();
}

static void test_addresses_and_servers(void **state)
{
    (void)state;
    world_init("two:9000,h:9001");
    world.nodes[0].is_down = world.nodes[1].is_down = true;
    struct call *call = submit(ask(0, CALL_ANY));
    world_pass_ms(1000);
    const char *text = trace();
    assert_non_null(strstr(text, "!0 !0 ")); /* both addresses of it */
    assert_non_null(strstr(text, "!1 "));
    assert_int_equal(call->state, CALL_WAITING);
    world.nodes[1].is_down = false;
    world_pass_ms(2000);
    assert_int_equal(call->state, CALL_DONE);
    assert_ok(call->err);
    world_deinit();
}

/* Nobody answers: tries get rarer, and the end says why. */
static void test_nobody(void **state)
{
    (void)state;
    world_init("h:9001");
    world.nodes[1].is_down = true;
    struct call *call = submit(ask(0, CALL_ANY));
    world_pass_ms(59999);
    assert_int_equal(call->state, CALL_WAITING);
    world_pass_ms(1);
    assert_err(ERR_REQUEST_TIMED_OUT, call->err);
    assert_string_equal(call->why, "ListOffsetsRequest: no answer in time; "
                                   "h:9001: cannot connect: nobody listens there");
    size_t tries = strlen(trace()) / 3;
    assert_in_range(tries, 55, 80); /* 50, 100, … 1000 ms, then each second */
    world_deinit();
}

/* A mute broker costs request.timeout.ms, then the call goes elsewhere. */
static void test_request_timeout(void **state)
{
    (void)state;
    world_init("h:9001,h:9002");
    world_set("request.timeout.ms", "5000");
    world.nodes[1].is_mute = world.nodes[2].is_mute = true;
    struct call *call = submit(ask(0, CALL_ANY));
    assert_int_equal(world.nodes[1].conn_count + world.nodes[2].conn_count, 1);
    world.nodes[world.nodes[1].conn_count ? 2 : 1].is_mute = false;
    world_pass_ms(4999);
    assert_int_equal(call->state, CALL_QUEUED);
    world_pass_ms(1);
    assert_ok(call->err);
    assert_int_equal(call->state, CALL_DONE);
    world_deinit();
}

/* An unanswered request is sent again on a new connection. */
static void test_resent(void **state)
{
    (void)state;
    world_init("h:9001");
    world_set("request.timeout.ms", "5000");
    assert_ok(submit(ask(0, CALL_ANY))->err);
    world.nodes[1].is_mute = true;
    struct call *call = submit(ask(1, CALL_ANY)), *once = ask(2, CALL_ANY);
    once->is_once = true;
    submit(once);
    assert_int_equal(call->state, CALL_SENT);
    trace();
    world.nodes[1].is_mute = false;
    world_pass_ms(5000);
    assert_err(ERR_NETWORK_EXCEPTION, once->err);
    assert_string_equal(once->why, "h:9001: cannot stay connected: request timed out");
    assert_int_equal(call->state, CALL_WAITING);
    world_pass_ms(500);
    assert_ok(call->err);
    assert_string_equal(trace(), "-1 +1 1:ApiVersions4 1:ListOffsets11 ");
    world_deinit();
}

static void test_deadline_in_flight(void **state)
{
    (void)state;
    world_init("h:9001");
    assert_ok(submit(ask(0, CALL_ANY))->err);
    world.nodes[1].is_mute = true;
    struct call *call = ask(1, CALL_ANY);
    call->deadline_ms = world.now_ms + 100;
    submit(call);
    world_pass_ms(100);
    assert_err(ERR_REQUEST_TIMED_OUT, call->err);
    world_deinit();
}

/* A broker by its number: the metadata is asked for, and the bootstrap connection is kept. */
static void test_node(void **state)
{
    (void)state;
    world_init("h:9001");
    struct call *call = ask(0, CALL_NODE);
    call->node_id = 1;
    assert_ok(submit(call)->err);
    assert_int_equal(call->answerer, 1);
    assert_string_equal(trace(), "+1 1:ApiVersions4 1:Metadata13 1:ListOffsets11 ");
    call = ask(1, CALL_NODE);
    call->node_id = 3;
    assert_ok(submit(call)->err);
    assert_string_equal(trace(), "+3 3:ApiVersions4 3:ListOffsets11 ");
    world_deinit();
}

static void test_unknown_node(void **state)
{
    (void)state;
    world_init("h:9001");
    struct call *call = ask(0, CALL_NODE);
    call->node_id = 77;
    submit(call);
    world_pass_ms(60000);
    assert_err(ERR_REQUEST_TIMED_OUT, call->err);
    assert_string_equal(call->why,
                        "ListOffsetsRequest: no answer in time; the cluster has no broker 77");
    int asked = 0;
    for (int i = 1; i < NODES; i++) {
        asked += world.nodes[i].request_count;
    }
    assert_in_range(asked, 30, 120); /* with backoff, not in a loop */
    world_deinit();
}

/* A broker that leaves the metadata is let go of when its calls have gone. */
static void test_leaving(void **state)
{
    (void)state;
    world_init("h:9001");
    struct call *call = ask(0, CALL_NODE);
    call->node_id = 3;
    submit(call);
    world.nodes[3].is_unknown = true;
    trace();
    world_pass_ms(300000); /* metadata.max.age.ms */
    const char *text = trace();
    assert_non_null(strstr(text, ":Metadata13"));
    assert_non_null(strstr(text, "-3 "));
    world_deinit();
}

static void test_controller(void **state)
{
    (void)state;
    world_init("h:9001");
    struct call *call = submit(ask(0, CALL_CONTROLLER));
    assert_int_equal(call->answerer, 2);
    trace();
    world.controller = 3;
    assert_int_equal(submit(ask(1, CALL_CONTROLLER))->answerer, 2);
    call = ask(2, CALL_CONTROLLER);
    call->is_fresh = true; /* it said that it is not */
    submit(call);
    world_pass_ms(1000);
    assert_int_equal(call->answerer, 3);
    world.controller = -1;
    call = ask(3, CALL_CONTROLLER);
    call->is_fresh = true;
    submit(call);
    world_pass_ms(1000);
    assert_ok(call->err); /* any broker forwards it */
    world_deinit();
}

static void test_coordinator(void **state)
{
    (void)state;
    world_init("h:9001");
    struct call *call = submit(ask(0, CALL_COORDINATOR));
    assert_ok(call->err);
    assert_int_equal(call->answerer, 3);
    assert_string_equal(trace(),
                        "+1 1:ApiVersions4 1:FindCoordinator6 +3 3:ApiVersions4 3:ListOffsets11 ");
    world.coordinator = 2;
    assert_int_equal(submit(ask(1, CALL_COORDINATOR))->answerer, 3);
    call = ask(2, CALL_COORDINATOR);
    call->is_fresh = true;
    assert_int_equal(submit(call)->answerer, 2);
    world_deinit();
}

static void test_coordinator_errors(void **state)
{
    (void)state;
    world_init("h:9001");
    world.coordinator_error = ERR_COORDINATOR_NOT_AVAILABLE;
    struct call *call = submit(ask(0, CALL_COORDINATOR));
    world_pass_ms(3000);
    assert_int_equal(call->state, CALL_WAITING);
    world.coordinator_error = 0;
    world_pass_ms(2000);
    assert_ok(call->err);
    world.coordinator_error = ERR_GROUP_AUTHORIZATION_FAILED;
    call = ask(1, CALL_COORDINATOR);
    call->key = STR("other");
    assert_err(ERR_GROUP_AUTHORIZATION_FAILED, submit(call)->err);
    assert_string_equal(call->why, "group authorization failed");
    world.coordinator_error = ERR_COORDINATOR_NOT_AVAILABLE; /* until time is over */
    call = ask(2, CALL_COORDINATOR);
    call->key = STR("third");
    submit(call);
    world_pass_ms(60000);
    assert_err(ERR_REQUEST_TIMED_OUT, call->err);
    assert_string_equal(call->why, "ListOffsetsRequest: no answer in time; FindCoordinator: "
                                   "COORDINATOR_NOT_AVAILABLE");
    world_deinit();
}

/* A caller that would rather ask another broker hears at once that this one is none: as soon as the
 * metadata are new. */
static void test_unknown_node_once(void **state)
{
    (void)state;
    world_init("h:9001");
    struct call *call = ask(0, CALL_NODE);
    call->node_id = 77;
    call->is_once = true;
    submit(call);
    assert_int_equal(call->state, CALL_DONE);
    assert_err(ERR_NETWORK_EXCEPTION, call->err);
    assert_string_equal(call->why, "ListOffsetsRequest: the cluster has no broker 77");
    assert_string_equal(trace(), "+1 1:ApiVersions4 1:Metadata13 ");
    call = ask(1, CALL_NODE);
    call->node_id = 77;
    call->is_once = true;
    submit(call); /* again, but metadata are not asked for in a loop */
    assert_int_equal(call->state, CALL_WAITING);
    world_pass_ms(200);
    assert_err(ERR_NETWORK_EXCEPTION, call->err);
    assert_string_equal(trace(), "1:Metadata13 ");
    world.nodes[2].is_unknown = true;
    world_pass_ms(301000);
    trace();
    world.nodes[2].is_unknown = false; /* it is back, and the next metadata say so */
    call = ask(2, CALL_NODE);
    call->node_id = 2;
    call->is_once = true;
    assert_ok(submit(call)->err);
    assert_string_equal(trace(), "1:Metadata13 +2 2:ApiVersions4 2:ListOffsets11 ");
    world_deinit();
}

/* The coordinator has left the cluster: somebody else is, by now. */
static void test_coordinator_left(void **state)
{
    (void)state;
    world_init("h:9001");
    assert_int_equal(submit(ask(0, CALL_COORDINATOR))->answerer, 3);
    world.nodes[3].is_unknown = world.nodes[3].is_down = true;
    world.coordinator = 2;
    core_closed(&world.core, 2, ERR_CLOSED, world.now_ms);
    struct call *call = ask(1, CALL_NODE);
    call->node_id = 77;
    call->is_once = true;
    submit(call); /* metadata are asked for */
    world_pass_ms(1000);
    trace();
    call = submit(ask(2, CALL_COORDINATOR));
    assert_ok(call->err);
    assert_int_equal(call->answerer, 2);
    assert_string_equal(trace(), "1:FindCoordinator6 +2 2:ApiVersions4 2:ListOffsets11 ");
    world_deinit();
}

/* --- KIP-219 --- */

/* A broker that throttles is left alone for so long; what may go elsewhere does. */
static void test_throttled(void **state)
{
    (void)state;
    world_init("h:9001");
    struct call *call = ask(0, CALL_NODE);
    call->node_id = 1;
    assert_ok(submit(call)->err);
    world.nodes[1].throttle_ms = 700;
    call = ask(1, CALL_NODE);
    call->node_id = 1;
    assert_ok(submit(call)->err); /* this one is answered */
    world.nodes[1].throttle_ms = 0;
    trace();
    call = ask(2, CALL_NODE);
    call->node_id = 1;
    submit(call);
    int answerer = submit(ask(3, CALL_ANY))->answerer;
    assert_in_range(answerer, 2, 3);
    assert_int_equal(core_deadline_ms(&world.core), world.now_ms + 700);
    world_pass_ms(699);
    assert_int_equal(call->state, CALL_WAITING);
    assert_null(strstr(trace(), "1:"));
    world_pass_ms(1);
    assert_ok(call->err);
    assert_int_equal(call->answerer, 1);
    assert_string_equal(trace(), "1:ListOffsets11 ");
    world_deinit();
}

/* One that throttles what a producer writes gets nothing else of it, either: it reads nothing more
 * of the connection. Others do. */
static void test_throttled_produce(void **state)
{
    (void)state;
    world_init("h:9001");
    struct produce_req req = produce_req_default;
    struct call *call = ask(0, CALL_NODE);
    call->node_id = 1;
    assert_ok(submit(call)->err);
    call = ask(4, CALL_NODE);
    call->node_id = 1;
    call->api_key = API_PRODUCE;
    call->version_lo = 9;
    call->version_hi = 11;
    call->msg = &req;
    assert_int_equal(submit(call)->state, CALL_DONE);
    core_throttled(&world.core, 77, 700, world.now_ms); /* who is not there */
    core_throttled(&world.core, 1, 0, world.now_ms);
    core_throttled(&world.core, 1, 700, world.now_ms);
    trace();
    struct call *init = ask(1, CALL_NODE), *write = ask(2, CALL_NODE), *other = ask(3, CALL_NODE);
    init->node_id = write->node_id = 1;
    other->node_id = 2;
    write->api_key = API_PRODUCE;
    write->version_lo = write->version_hi = 11;
    write->msg = &req;
    submit(init);
    submit(write);
    assert_int_equal(submit(other)->state, CALL_DONE);
    world_pass_ms(699);
    assert_null(strstr(trace(), "1:"));
    assert_int_equal(init->state, CALL_WAITING);
    world_pass_ms(1);
    assert_ok(init->err);
    assert_ok(write->err);
    assert_string_equal(trace(), "1:ListOffsets11 1:Produce11 ");
    world_deinit();
}

/* A deadline does not wait for it, and a cluster that throttles has not gone away. */
static void test_all_throttled(void **state)
{
    (void)state;
    world_init("h:9001");
    for (int i = 2; i < NODES; i++) {
        world.nodes[i].is_unknown = true;
    }
    struct call *call = ask(0, CALL_NODE);
    call->node_id = 1;
    assert_ok(submit(call)->err);
    world.nodes[1].throttle_ms = 5000;
    assert_ok(submit(ask(1, CALL_ANY))->err);
    world.nodes[1].throttle_ms = 0;
    trace();
    call = ask(2, CALL_ANY);
    call->deadline_ms = world.now_ms + 100;
    submit(call);
    world_pass_ms(100);
    assert_err(ERR_REQUEST_TIMED_OUT, call->err);
    call = submit(ask(3, CALL_ANY));
    world_pass_ms(4899);
    assert_string_equal(trace(), "");
    world_pass_ms(1);
    assert_ok(call->err);
    assert_string_equal(trace(), "1:ListOffsets11 ");
    world_deinit();
}

/* Before 2.0 it was the answer that waited: nobody does so twice. */
static void test_throttled_of_old(void **state)
{
    (void)state;
    world_init("h:9001");
    world.nodes[1].offsets_hi = 2;
    world.nodes[1].versions_hi = 1;
    world.nodes[1].throttle_ms = 700;
    assert_ok(submit(ask(0, CALL_ANY))->err);
    assert_ok(submit(ask(1, CALL_ANY))->err);
    world_deinit();
}

/* Throttled before the first request of a connection. */
static void test_throttled_handshake(void **state)
{
    (void)state;
    world_init("h:9001");
    world.nodes[1].throttle_ms = 700;
    struct call *call = submit(ask(0, CALL_ANY));
    assert_int_equal(call->state, CALL_WAITING);
    world_pass_ms(699);
    assert_string_equal(trace(), "+1 1:ApiVersions4 ");
    world_pass_ms(1);
    assert_ok(call->err);
    world_deinit();
}

static void break_all(void)
{
    for (uint32_t id = world.core.link_id_last; id > 0; id--) {
        core_closed(&world.core, id, ERR_CLOSED, world.now_ms);
    }
}

/* When all that is known is gone, bootstrap.servers is where it begins again. */
static void test_rebootstrap(void **state)
{
    (void)state;
    world_init("h:9000");
    world.nodes[0].is_down = false;
    struct call *call = ask(0, CALL_NODE);
    call->node_id = 1;
    assert_ok(submit(call)->err);
    for (int i = 1; i < NODES; i++) {
        world.nodes[i].is_down = true;
    }
    break_all();
    trace();
    call = submit(ask(1, CALL_ANY));
    world_pass_ms(5000);
    assert_ok(call->err);
    assert_non_null(strstr(trace(), "+0 0:ApiVersions4"));
    world_deinit();
}

static void test_no_rebootstrap(void **state)
{
    (void)state;
    world_init("h:9000");
    world_set("metadata.recovery.strategy", "none");
    struct call *call = ask(0, CALL_NODE);
    call->node_id = 1;
    assert_ok(submit(call)->err);
    for (int i = 1; i < NODES; i++) {
        world.nodes[i].is_down = true;
    }
    break_all();
    trace();
    call = submit(ask(1, CALL_ANY));
    world_pass_ms(60000);
    assert_err(ERR_REQUEST_TIMED_OUT, call->err);
    assert_null(strstr(trace(), "+0 "));
    world_deinit();
}

static void test_cancel(void **state)
{
    (void)state;
    world_init("h:9001");
    assert_ok(submit(ask(0, CALL_ANY))->err);
    world.nodes[1].is_mute = true;
    struct call *call = submit(ask(1, CALL_ANY));
    core_cancel(&world.core, call, world.now_ms);
    world_run();
    assert_err(ERR_CLOSED, call->err);
    core_cancel(&world.core, call, world.now_ms); /* no-op */
    world.nodes[1].is_down = true;
    world_pass_ms(30000); /* its answer never comes: the connection is given up */
    assert_non_null(strstr(trace(), "-1 "));
    call = submit(ask(2, CALL_ANY));
    core_cancel(&world.core, call, world.now_ms);
    world_run();
    assert_err(ERR_CLOSED, call->err);
    core_stop(&world.core, world.now_ms);
    assert_err(ERR_CLOSED, submit(ask(3, CALL_ANY))->err);
    world_deinit();
}

/* Bytes that are no answer break the connection, and nothing else. */
static void test_nonsense(void **state)
{
    (void)state;
    world_init("h:9001");
    assert_ok(submit(ask(0, CALL_ANY))->err);
    trace();
    core_frame(&world.core, 1, (struct bytes){(const uint8_t *)"\0\0\0\7\0", 5}, world.now_ms);
    world_run();
    assert_string_equal(trace(), "-1 ");
    world_pass_ms(1000);
    assert_ok(submit(ask(1, CALL_ANY))->err);
    world_deinit();
}

static void test_servers(void **state)
{
    char why[200];
    (void)state;
    assert_true(core_check_servers("a:1, [::1]:65535", why, sizeof why));
    assert_false(core_check_servers("", why, sizeof why));
    assert_string_equal(why, "bootstrap.servers is not set");
    assert_false(core_check_servers("a:1,b", why, sizeof why));
    assert_string_equal(why, "bootstrap.servers: 'b' is not host:port");
    assert_false(core_check_servers("a:65536", why, sizeof why));
    assert_false(core_check_servers(":9092", why, sizeof why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any),
        cmocka_unit_test(test_old_broker),
        cmocka_unit_test(test_addresses_and_servers),
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_request_timeout),
        cmocka_unit_test(test_resent),
        cmocka_unit_test(test_deadline_in_flight),
        cmocka_unit_test(test_node),
        cmocka_unit_test(test_unknown_node),
        cmocka_unit_test(test_leaving),
        cmocka_unit_test(test_controller),
        cmocka_unit_test(test_coordinator),
        cmocka_unit_test(test_coordinator_errors),
        cmocka_unit_test(test_unknown_node_once),
        cmocka_unit_test(test_coordinator_left),
        cmocka_unit_test(test_throttled),
        cmocka_unit_test(test_throttled_produce),
        cmocka_unit_test(test_all_throttled),
        cmocka_unit_test(test_throttled_of_old),
        cmocka_unit_test(test_throttled_handshake),
        cmocka_unit_test(test_rebootstrap),
        cmocka_unit_test(test_no_rebootstrap),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
