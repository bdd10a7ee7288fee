/* DescribeQuorum (KIP-595, KIP-836, KIP-853): who leads the metadata log, and who follows. */
#include "broker/api/api.h"
#include "broker/controller.h"

enum { VERSION_WITH_NODES = 2 };

typedef struct describe_quorum_resp_partition_data quorum_partition;
typedef struct describe_quorum_resp_replica_state quorum_replica;

/* Kafka answers for its one partition and for nothing beside it. */
static bool asks_for_metadata_only(const struct describe_quorum_req *req)
{
    return req->topics_count == 1 && str_eq(req->topics[0].topic_name, STR("__cluster_metadata")) &&
           req->topics[0].partitions_count == 1 &&
           req->topics[0].partitions[0].partition_index == 0;
}

static bool describe_leader(struct call *c, quorum_partition *out)
{
    struct controller_status s;
    quorum_replica *self = CALL_NEW(c, quorum_replica);
    if (self == NULL) {
        return false;
    }
    controller_status(c->broker->controller, &s);
    int64_t now_ms = clock_wall_ms(c->broker->clock);
    bool has_dirs = call_version(c) >= VERSION_WITH_NODES && s.kraft_version > 0;
    *self = (quorum_replica){
        .replica_id = c->broker->node_id,
        .replica_directory_id = has_dirs ? c->broker->metadata_dir_id : UUID_ZERO,
        .log_end_offset = s.high_watermark,
        .last_fetch_timestamp = now_ms,
        .last_caught_up_timestamp = now_ms,
    };
    out->leader_id = c->broker->node_id;
    out->leader_epoch = s.epoch;
    out->high_watermark = s.high_watermark;
    out->current_voters = self;
    out->current_voters_count = 1;
    return true;
}

static bool describe_node(struct call *c, const struct image *img,
                          struct describe_quorum_resp *resp)
{
    const struct image_node *n = image_controller(img, c->broker->node_id);
    int32_t count = n ? n->endpoint_count : 0;
    struct describe_quorum_resp_node *out = CALL_NEW(c, struct describe_quorum_resp_node);
    if (out == NULL) {
        return false;
    }
    *out = describe_quorum_resp_node_default;
    out->node_id = c->broker->node_id;
    out->listeners = CALL_ARRAY(c, struct describe_quorum_resp_listener, count);
    for (int32_t i = 0; out->listeners != NULL && i < count; i++) {
        struct describe_quorum_resp_listener *l = &out->listeners[out->listeners_count++];
        l->port = n->endpoints[i].port;
        if (!arena_copy_str(&c->arena, n->endpoints[i].name, &l->name) ||
            !arena_copy_str(&c->arena, n->endpoints[i].host, &l->host)) {
            return false;
        }
    }
    resp->nodes = out;
    resp->nodes_count = 1;
    return out->listeners != NULL;
}

static bool describe_topic(struct call *c, const struct describe_quorum_req_topic_data *q,
                           struct describe_quorum_resp_topic_data *out, bool is_metadata)
{
    *out = describe_quorum_resp_topic_data_default;
    out->topic_name = q->topic_name;
    out->partitions = CALL_ARRAY(c, quorum_partition, q->partitions_count);
    if (out->partitions == NULL) {
        return false;
    }
    for (int32_t i = 0; i < q->partitions_count; i++) {
        quorum_partition *p = &out->partitions[out->partitions_count++];
        *p = describe_quorum_resp_partition_data_default;
        p->partition_index = q->partitions[i].partition_index;
        p->error_message = STR("");
        if (!is_metadata) {
            p->error_code = ERR_UNKNOWN_TOPIC_OR_PARTITION;
            p->error_message = STR("This server does not host this topic-partition.");
        } else if (!describe_leader(c, p)) {
            return false;
        }
    }
    return true;
}

void api_describe_quorum(struct call *c, const void *request)
{
    const struct describe_quorum_req *req = request;
    struct describe_quorum_resp resp = describe_quorum_resp_default;
    bool is_metadata = asks_for_metadata_only(req);
    resp.error_message = STR("");
    resp.topics = CALL_ARRAY(c, struct describe_quorum_resp_topic_data, req->topics_count);
    bool has_room = resp.topics != NULL;
    for (int32_t i = 0; has_room && i < req->topics_count; i++) {
        has_room =
            describe_topic(c, &req->topics[i], &resp.topics[resp.topics_count++], is_metadata);
    }
    if (has_room && is_metadata && call_version(c) >= VERSION_WITH_NODES) {
        const struct image *img = metacache_read(&c->broker->metacache);
        has_room = describe_node(c, img, &resp);
        metacache_done(&c->broker->metacache);
    }
    call_reply(c, has_room ? &resp : NULL);
}

/* --- adding and removing voters: this quorum has one, and keeps it --- */

/* Why a change cannot be: the cluster is another, or its quorum is fixed. OK: neither. */
static enum err refuse_change(struct call *c, struct str cluster_id, struct controller_status *s)
{
    controller_status(c->broker->controller, s);
    bool is_ours = str_is_null(cluster_id) || str_eq(cluster_id, str_from(c->broker->cluster_id));
    return !is_ours                ? ERR_INCONSISTENT_CLUSTER_ID
           : s->kraft_version == 0 ? ERR_UNSUPPORTED_VERSION
                                   : OK;
}

void api_add_raft_voter(struct call *c, const void *request)
{
    const struct add_raft_voter_req *req = request;
    struct add_raft_voter_resp resp = add_raft_voter_resp_default;
    struct controller_status s;
    enum err e = refuse_change(c, req->cluster_id, &s);
    if (e == ERR_UNSUPPORTED_VERSION) {
        resp.error_message = STR("Cluster doesn't support adding voter because the kraft.version "
                                 "feature is 0");
    } else if (!e && req->voter_id == c->broker->node_id) {
        e = ERR_DUPLICATE_VOTER;
        resp.error_message = STR("The voter is already part of the set of voters.");
    } else if (!e) {
        e = ERR_INVALID_REQUEST;
        resp.error_message = STR("The metadata quorum is embedded in this broker: it takes no "
                                 "other controllers.");
    }
    resp.error_code = api_error(e);
    call_reply(c, &resp);
}

void api_remove_raft_voter(struct call *c, const void *request)
{
    const struct remove_raft_voter_req *req = request;
    struct remove_raft_voter_resp resp = remove_raft_voter_resp_default;
    struct controller_status s;
    enum err e = refuse_change(c, req->cluster_id, &s);
    bool is_us = req->voter_id == c->broker->node_id &&
                 uuid_eq(req->voter_directory_id, c->broker->metadata_dir_id);
    if (e == ERR_UNSUPPORTED_VERSION) {
        resp.error_message = STR("Cluster doesn't support removing voter because the "
                                 "kraft.version feature is 0");
    } else if (!e && !is_us) {
        e = ERR_VOTER_NOT_FOUND;
        resp.error_message = STR("The voter is not part of the set of voters.");
    } else if (!e) {
        e = ERR_INVALID_REQUEST;
        resp.error_message = STR("The cluster's only controller cannot be removed.");
    }
    resp.error_code = api_error(e);
    call_reply(c, &resp);
}
