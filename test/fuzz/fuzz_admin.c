/* Any bytes as answers to administrative calls and to commits, through a whole client over a
 * network in memory. Nothing may break, every call must end in its time, and what it gives can be
 * freed. The input: which call (1 byte), how (1): bit 0, messages whose values are the bytes, so
 * that they are well-formed, else the bytes themselves; bit 1, so for the metadata, too; bit 2, the
 * oldest versions. Then pieces: length (1), bytes; one an answer, again from the first after the
 * last. */
#include "fuzz.h"

#include "answered.h"
#include "base/assert.h"
#include "base/attr.h"
#include "base/mem.h"
#include "client/core/host.h"
#include "compat/wire_random.h"
#include "simnet.h"

enum { TIMEOUT_MS = 300, BUDGET_BYTES = 4 << 20, IDLE_MAX = 100000 };
enum { IS_FORMED = 1, IS_METADATA_TOO = 2, IS_OLD = 4, IS_POOR = 8 };

static struct world {
    struct simnet net;
    struct simclock clock;
    struct loop *broker_loop;
    struct listener *listener;
    struct conn_config config;
    struct ottla_client *client;
    const uint8_t *data;
    size_t size, at;
    int how, idle_ms;
} world;

/* --- the broker --- */

static struct bytes next_piece(void)
{
    if (world.size == 0) {
        return BYTES_NULL;
    }
    world.at = world.at < world.size ? world.at : 0;
    size_t n = MIN((size_t)world.data[world.at], world.size - world.at - 1);
    struct bytes b = {world.data + world.at + 1, n};
    world.at += 1 + n;
    return b;
}

static void put_versions(struct api_versions_resp *r)
{
    static struct api_versions_resp_api_version keys[ANSWERED_MAX];
    int32_t n = 0;
    for (int16_t i = 0; i < ANSWERED_MAX; i++) {
        const struct wire_msg *m = wire_request(i);
        bool is_late = i == API_CONSUMER_GROUP_DESCRIBE || i == API_DESCRIBE_TOPIC_PARTITIONS;
        if (m != NULL && !(is_late && world.how & IS_POOR)) {
            int16_t lo = (int16_t)wire_min_version(m), hi = (int16_t)wire_max_version(m);
            keys[n++] = (struct api_versions_resp_api_version){i, lo, world.how & IS_OLD ? lo : hi};
        }
    }
    r->api_keys = keys;
    r->api_keys_count = n;
}

static void put_metadata(struct metadata_resp *r)
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
    topic.partitions = &partition;
    topic.partitions_count = 1;
    r->brokers = &broker;
    r->brokers_count = 1;
    r->controller_id = 1;
    r->topics = &topic;
    r->topics_count = 1;
}

static void put_coordinator(struct find_coordinator_resp *r, int version, struct bytes body)
{
    static struct find_coordinator_resp_coordinator one;
    static char key[256];
    struct find_coordinator_req req;
    struct arena a;
    arena_init(&a, BUDGET_BYTES);
    ASSERT(wire_decode(wire_request(API_FIND_COORDINATOR), version, body, &a, &req, NULL) == OK);
    struct str asked = req.coordinator_keys_count > 0 ? req.coordinator_keys[0] : req.key;
    ASSERT(asked.len <= sizeof key);
    memcpy(key, asked.p, asked.len);
    arena_deinit(&a);
    one = (struct find_coordinator_resp_coordinator){.key = {key, asked.len},
                                                     .node_id = 1,
                                                     .host = STR("127.0.0.1"),
                                                     .port = listener_port(world.listener)};
    if (version >= 4) {
        r->coordinators = &one;
        r->coordinators_count = 1;
    } else {
        r->node_id = 1;
        r->host = one.host;
        r->port = one.port;
    }
}

/* The way to the answers is honest, unless the input wants otherwise. */
static bool is_honest(const struct wire_header *h, struct bytes body, void *resp)
{
    if (h->api_key == API_API_VERSIONS) {
        put_versions(resp);
        return true;
    }
    if (world.how & IS_METADATA_TOO) {
        return false;
    }
    if (h->api_key == API_METADATA) {
        put_metadata(resp);
    } else if (h->api_key == API_FIND_COORDINATOR) {
        put_coordinator(resp, h->version, body);
    }
    return h->api_key == API_METADATA || h->api_key == API_FIND_COORDINATOR;
}

static void answer(const struct wire_header *h, struct bytes body, struct buf *out)
{
    const struct wire_msg *m = wire_response(h->api_key);
    struct arena a;
    void *resp = mem_zalloc(wire_struct_bytes(m));
    bool is_true;
    arena_init(&a, BUDGET_BYTES);
    wire_init(m, resp);
    wire_response_header_encode(h, out);
    is_true = is_honest(h, body, resp);
    struct bytes b = is_true ? BYTES_NULL : next_piece();
    if (!is_true) {
        answered(h->api_key);
    }
    if (!is_true && world.how & IS_FORMED) {
        struct wire_random w = {
            .p = b.p, .end = b.p ? b.p + b.len : NULL, .arena = &a, .version = h->version};
        is_true = wire_random_fill(&w, m, resp);
    }
    if (!is_true || wire_encode(m, h->version, resp, out, NULL) != OK) {
        buf_put(out, b.p, b.len);
    }
    arena_deinit(&a);
    mem_free(resp);
}

static enum conn_next on_frame(struct conn *c, uint8_t *frame, size_t len)
{
    struct wire_header h;
    struct buf out = BUF_INIT;
    struct sendvec v;
    size_t n;
    ASSERT(wire_request_header_decode((struct bytes){frame, len}, &h, &n) == OK);
    answer(&h, (struct bytes){frame + n, len - n}, &out);
    uint8_t *p = buf_steal(&out, &n);
    sendvec_init(&v);
    sendvec_add_bytes(&v, (struct bytes){p, n}, p);
    reply_send(conn_reply_begin(c), &v);
    return CONN_CONTINUE;
}

static const struct conn_handler handler = {.on_frame = on_frame};

static void on_accept(void *ctx, struct sock *s)
{
    struct conn *c;
    (void)ctx;
    ASSERT(conn_open(world.broker_loop, s, &world.config, &c) == OK);
}

static void drive(void *ctx, int64_t max_ns)
{
    (void)ctx;
    (void)max_ns;
    if (loop_step(world.broker_loop, 0) + loop_step(world.client->loop, 0) == 0) {
        simclock_add_ms(&world.clock, 1);
        ASSERT(++world.idle_ms < IDLE_MAX); /* every call ends */
    }
}

/* --- the calls --- */

static struct ottla_admin_options options;
static const char *const names[] = {"t", "u"};
static const struct ottla_topic_partition tp = {"t", 0};
static const int32_t one[] = {1};

#define CALL(name, type, free, ...)                                                                \
    static void call_##name(struct ottla_client *c)                                                \
    {                                                                                              \
        type *result = NULL;                                                                       \
        struct ottla_error error;                                                                  \
        int code = ottla_##name(c, __VA_ARGS__, &options, &result, &error);                        \
        ASSERT((code == 0) == (result != NULL));                                                   \
        free(result);                                                                              \
    }
#define CALL0(name, type, free)                                                                    \
    static void call_##name(struct ottla_client *c)                                                \
    {                                                                                              \
        type *result = NULL;                                                                       \
        struct ottla_error error;                                                                  \
        int code = ottla_##name(c, &options, &result, &error);                                     \
        ASSERT((code == 0) == (result != NULL));                                                   \
        free(result);                                                                              \
    }
#define OUTCOMES(name, ...) CALL(name, struct ottla_outcomes, ottla_outcomes_free, __VA_ARGS__)

static const struct ottla_feature_update feature = {"f", 1, OTTLA_UPGRADE};
static const struct ottla_new_topic new_topic = {.name = "t", .partition_count = 1};
static const struct ottla_new_partitions more = {.topic = "t", .total_count = 2};
static const struct ottla_resource resource = {OTTLA_RESOURCE_BROKER, "1"};
static const struct ottla_config_change change = {OTTLA_RESOURCE_TOPIC, "t", OTTLA_SET, "k", "v"};
static const struct ottla_offset_query query = {"t", 0, OTTLA_OFFSET_LATEST};
static const struct ottla_offset_value value = {"t", 0, 5};
static const struct ottla_member_name member = {"m", NULL};
static const struct ottla_replica_move moved = {"t", 0, 1, "/d"};
static const struct ottla_reassignment reassignment = {"t", 0, false, {1, one}};
static const struct ottla_acl acl = {
    OTTLA_ACL_TOPIC, "t", OTTLA_ACL_LITERAL, "User:u", "*", OTTLA_ACL_READ, OTTLA_ACL_ALLOW};
static const struct ottla_scram_change user = {
    .user = "u", .mechanism = OTTLA_SCRAM_SHA_256, .is_deletion = true};
static const struct ottla_quota_entity entity = {"user", "u"};
static const struct ottla_quota_change quota = {1, &entity, 0, NULL};
static const struct ottla_hanging_transaction hanging = {"t", 0, 1, 1, 1};

CALL0(describe_cluster, struct ottla_cluster, ottla_cluster_free)
CALL0(list_api_versions, struct ottla_api_versions, ottla_api_versions_free)
CALL0(describe_quorum, struct ottla_quorum, ottla_quorum_free)
CALL0(describe_features, struct ottla_features, ottla_features_free)
CALL0(list_topics, struct ottla_topics, ottla_topics_free)
CALL(describe_topics, struct ottla_topics, ottla_topics_free, names, 2)
CALL(describe_configs, struct ottla_configs, ottla_configs_free, &resource, 1)
CALL(list_config_resources, struct ottla_resources, ottla_resources_free, NULL, 0)
CALL(list_offsets, struct ottla_offsets, ottla_offsets_free, &query, 1)
CALL(delete_records, struct ottla_offsets, ottla_offsets_free, &value, 1)
CALL(describe_producers, struct ottla_producers, ottla_producers_free, &tp, 1)
CALL(describe_log_dirs, struct ottla_log_dirs, ottla_log_dirs_free, ((struct ottla_ids){1, one}),
     &tp, 1)
CALL(list_reassignments, struct ottla_reassignments, ottla_reassignments_free, NULL, 0)
CALL(list_groups, struct ottla_group_list, ottla_group_list_free, NULL, 0, NULL, 0)
CALL(describe_groups, struct ottla_groups, ottla_groups_free, names, 2)
CALL(list_group_offsets, struct ottla_offsets, ottla_offsets_free, "g", NULL, 0)
CALL(describe_acls, struct ottla_acls, ottla_acls_free, &acl)
CALL(delete_acls, struct ottla_deleted_acls, ottla_deleted_acls_free, &acl, 1)
CALL(describe_scram_users, struct ottla_scram_users, ottla_scram_users_free, names, 2)
CALL(describe_client_quotas, struct ottla_quotas, ottla_quotas_free, NULL, 0, false)
CALL(list_transactions, struct ottla_transaction_list, ottla_transaction_list_free, NULL)
CALL(describe_transactions, struct ottla_transactions, ottla_transactions_free, names, 2)
CALL(fence_producers, struct ottla_fenced_producers, ottla_fenced_producers_free, names, 2)
OUTCOMES(update_features, &feature, 1)
OUTCOMES(create_topics, &new_topic, 1)
OUTCOMES(delete_topics, names, 2)
OUTCOMES(create_partitions, &more, 1)
OUTCOMES(incremental_alter_configs, &change, 1)
OUTCOMES(alter_configs, &change, 1)
OUTCOMES(alter_replica_log_dirs, &moved, 1)
OUTCOMES(elect_leaders, OTTLA_ELECT_PREFERRED, &tp, 1)
OUTCOMES(alter_reassignments, &reassignment, 1)
OUTCOMES(delete_groups, names, 2)
OUTCOMES(alter_group_offsets, "g", &value, 1)
OUTCOMES(delete_group_offsets, "g", &tp, 1)
OUTCOMES(remove_group_members, "g", &member, 1)
OUTCOMES(create_acls, &acl, 1)
OUTCOMES(alter_scram_users, &user, 1)
OUTCOMES(alter_client_quotas, &quota, 1)

static void call_plain(struct ottla_client *c)
{
    static const char id[] = "AAAAAAAAAAAAAAAAAAAAAQ";
    (void)ottla_unregister_broker(c, 1, &options, NULL);
    (void)ottla_add_raft_voter(c, 1, id, NULL, 0, &options, NULL);
    (void)ottla_remove_raft_voter(c, 1, id, &options, NULL);
    (void)ottla_abort_transaction(c, &hanging, &options, NULL);
}

static void call_commits(struct ottla_client *c)
{
    static const struct ottla_commit commit = {"t", 0, -1, 5, NULL};
    struct ottla_consumer *consumer = ottla_consumer_new(c, NULL);
    struct ottla_offsets *offsets = NULL;
    ASSERT(consumer != NULL);
    (void)ottla_consumer_assign(consumer, &tp, 1, NULL);
    (void)ottla_consumer_commit(consumer, &commit, 1, TIMEOUT_MS, NULL);
    (void)ottla_consumer_committed(consumer, &tp, 1, TIMEOUT_MS, &offsets, NULL);
    ottla_offsets_free(offsets);
    ottla_consumer_free(consumer);
}

static void (*const calls[])(struct ottla_client *) = {
    call_describe_cluster,
    call_list_api_versions,
    call_describe_quorum,
    call_describe_features,
    call_list_topics,
    call_describe_topics,
    call_describe_configs,
    call_list_config_resources,
    call_list_offsets,
    call_delete_records,
    call_describe_producers,
    call_describe_log_dirs,
    call_list_reassignments,
    call_list_groups,
    call_describe_groups,
    call_list_group_offsets,
    call_describe_acls,
    call_delete_acls,
    call_describe_scram_users,
    call_describe_client_quotas,
    call_list_transactions,
    call_describe_transactions,
    call_fence_producers,
    call_update_features,
    call_create_topics,
    call_delete_topics,
    call_create_partitions,
    call_incremental_alter_configs,
    call_alter_configs,
    call_alter_replica_log_dirs,
    call_elect_leaders,
    call_alter_reassignments,
    call_delete_groups,
    call_alter_group_offsets,
    call_delete_group_offsets,
    call_remove_group_members,
    call_create_acls,
    call_alter_scram_users,
    call_alter_client_quotas,
    call_plain,
    call_commits,
};

/* --- the world --- */

static void begin(void)
{
    static const char *const settings[][2] = {{"retry.backoff.ms", "20"},
                                              {"reconnect.backoff.ms", "20"},
                                              {"group.id", "g"},
                                              {"enable.auto.commit", "false"}};
    struct ottla_config *config = ottla_config_new();
    char servers[64];
    simnet_init(&world.net);
    simclock_init(&world.clock);
    ASSERT(loop_new(&world.net.net, &world.clock.clock, &world.broker_loop) == OK);
    world.config = (struct conn_config){
        .handler = &handler, .frame_max_bytes = 1 << 20, .output_max_bytes = 1 << 22};
    ASSERT(listener_open(world.broker_loop, "127.0.0.1", 0, on_accept, NULL, &world.listener) ==
           OK);
    (void)snprintf(servers, sizeof servers, "127.0.0.1:%d", listener_port(world.listener));
    ASSERT(ottla_config_set(config, "bootstrap.servers", servers, NULL) == 0);
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        ASSERT(ottla_config_set(config, settings[i][0], settings[i][1], NULL) == 0);
    }
    struct host_seams seams = {
        .net = &world.net.net, .clock = &world.clock.clock, .drive = drive, .seed = 1};
    world.client = host_new(config, &seams, NULL);
    ASSERT(world.client != NULL);
    ottla_config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    world = (struct world){.data = data + 2, .size = size - 2, .how = data[1]};
    begin();
    ottla_admin_options_init(&options);
    options.timeout_ms = TIMEOUT_MS;
    calls[data[0] % ARRAY_LEN(calls)](world.client);
    ottla_client_free(world.client);
    listener_close(world.listener);
    conn_close_all(world.broker_loop);
    loop_free(world.broker_loop);
    ASSERT(world.net.sock_count == 0);
    return 0;
}
