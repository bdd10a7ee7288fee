/* The client library without a thread and in virtual time: the client and one broker, which is a
 * script, over the network in memory. */
#ifndef TEST_UNIT_CLIENT_HOST_WORLD_H
#define TEST_UNIT_CLIENT_HOST_WORLD_H

#include "test.h"

#include "base/endian.h"
#include "base/mem.h"
#include "client/core/host.h"
#include "record/record.h"
#include "simnet.h"

#include <stdio.h>

/* What the broker answers to the nth request of an API; false: nothing at all. */
typedef bool script_fn(const struct wire_header *h, int nth, void *resp);

struct world {
    struct simnet net;
    struct simclock clock;
    struct loop *broker_loop;
    struct listener *listener;
    struct conn_config config;
    struct ottla_client *client;
    script_fn *script;
    int asked[256]; /* by API */
    int conn_count;
};

static struct world world;

/* --- the broker --- */

static inline void put_versions(struct api_versions_resp *r)
{
    static struct api_versions_resp_api_version keys[] = {
        {API_FETCH, 4, 18},        {API_LIST_OFFSETS, 1, 11},   {API_METADATA, 0, 13},
        {API_API_VERSIONS, 0, 4},  {API_CREATE_TOPICS, 2, 7},   {API_FIND_COORDINATOR, 0, 6},
        {API_DELETE_GROUPS, 0, 2}, {API_DESCRIBE_QUORUM, 0, 2}, {API_JOIN_GROUP, 0, 9},
        {API_SYNC_GROUP, 0, 5},    {API_HEARTBEAT, 0, 4},       {API_LEAVE_GROUP, 0, 5},
        {API_OFFSET_COMMIT, 2, 9}, {API_OFFSET_FETCH, 1, 9}};
    r->api_keys = keys;
    r->api_keys_count = ARRAY_LEN(keys);
}

static inline void put_metadata(struct metadata_resp *r)
{
    static struct metadata_resp_metadata_response_broker broker;
    static struct metadata_resp_metadata_response_partition partition;
    static struct metadata_resp_metadata_response_topic topic;
    static int32_t ids[] = {1};
    broker = metadata_resp_metadata_response_broker_default;
    broker.node_id = 1;
    broker.host = STR("127.0.0.1");
    broker.port = listener_port(world.listener);
    partition = metadata_resp_metadata_response_partition_default;
    partition.leader_id = 1;
    partition.replica_nodes = partition.isr_nodes = ids;
    partition.replica_nodes_count = partition.isr_nodes_count = 1;
    topic = metadata_resp_metadata_response_topic_default;
    topic.name = STR("t");
    topic.topic_id = (struct uuid){{7}};
    topic.partitions = &partition;
    topic.partitions_count = 1;
    r->brokers = &broker;
    r->brokers_count = 1;
    r->controller_id = 1;
    r->topics = &topic;
    r->topics_count = 1;
}

static inline void put_coordinator(struct find_coordinator_resp *r)
{
    static struct find_coordinator_resp_coordinator k;
    k = find_coordinator_resp_coordinator_default;
    k.node_id = 1;
    k.host = STR("127.0.0.1");
    k.port = listener_port(world.listener);
    r->coordinators = &k;
    r->coordinators_count = 1;
}

static inline void reply_with(struct conn *c, const struct wire_header *h, const void *resp)
{
    struct buf out = BUF_INIT;
    struct sendvec v;
    size_t len;
    wire_response_header_encode(h, &out);
    assert_ok(wire_encode(wire_response(h->api_key), h->version, resp, &out, NULL));
    uint8_t *p = buf_steal(&out, &len);
    sendvec_init(&v);
    sendvec_add_bytes(&v, (struct bytes){p, len}, p);
    reply_send(conn_reply_begin(c), &v);
}

static inline enum conn_next broker_on_frame(struct conn *c, uint8_t *frame, size_t len)
{
    struct wire_header h;
    size_t used;
    assert_ok(wire_request_header_decode((struct bytes){frame, len}, &h, &used));
    const struct wire_msg *m = wire_response(h.api_key);
    void *resp = mem_zalloc(wire_struct_bytes(m));
    bool is_answered = true;
    wire_init(m, resp);
    if (h.api_key == API_API_VERSIONS) {
        put_versions(resp);
    } else if (h.api_key == API_METADATA) {
        put_metadata(resp);
    }
    if (world.script != NULL) {
        is_answered = world.script(&h, world.asked[h.api_key], resp);
    }
    world.asked[h.api_key]++;
    if (is_answered) {
        reply_with(c, &h, resp);
    }
    mem_free(resp);
    return CONN_CONTINUE;
}

static const struct conn_handler broker_handler = {.on_frame = broker_on_frame};

static inline void broker_on_accept(void *ctx, struct sock *s)
{
    struct conn *c;
    world.conn_count++;
    assert_ok(conn_open(world.broker_loop, s, &world.config, &c));
}

/* --- the world --- */

static inline void drive(void *ctx, int64_t max_ns)
{
    int n = loop_step(world.broker_loop, 0) + loop_step(world.client->loop, 0);
    if (n == 0) {
        simclock_add_ms(&world.clock, 1);
    }
}

/* state: pairs of settings and values, NULL behind the last; or NULL. */
static inline int setup(void **state)
{
    struct ottla_config *config = ottla_config_new();
    char servers[64];
    for (const char *const *pair = *state; pair != NULL && *pair != NULL; pair += 2) {
        assert_int_equal(ottla_config_set(config, pair[0], pair[1], NULL), 0);
    }
    world = (struct world){0};
    simnet_init(&world.net);
    simclock_init(&world.clock);
    assert_ok(loop_new(&world.net.net, &world.clock.clock, &world.broker_loop));
    world.config = (struct conn_config){
        .handler = &broker_handler, .frame_max_bytes = 1 << 20, .output_max_bytes = 1 << 20};
    assert_ok(
        listener_open(world.broker_loop, "127.0.0.1", 0, broker_on_accept, NULL, &world.listener));
    snprintf(servers, sizeof servers, "127.0.0.1:%d", listener_port(world.listener));
    assert_int_equal(ottla_config_set(config, "bootstrap.servers", servers, NULL), 0);
    struct host_seams seams = {
        .net = &world.net.net, .clock = &world.clock.clock, .drive = drive, .seed = 1};
    world.client = host_new(config, &seams, NULL);
    assert_non_null(world.client);
    ottla_config_free(config);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    ottla_client_free(world.client);
    listener_close(world.listener);
    conn_close_all(world.broker_loop);
    loop_free(world.broker_loop);
    return world.net.sock_count == 0 ? 0 : -1;
}

static inline int64_t now_ms(void) { return clock_mono_ms(&world.clock.clock); }

#endif
