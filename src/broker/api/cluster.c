/* DescribeCluster (KIP-700). */
#include "broker/api/api.h"

enum endpoint_type { ENDPOINT_BROKERS = 1, ENDPOINT_CONTROLLERS = 2 };

static bool fill_brokers(struct call *c, const struct describe_cluster_req *req,
                         const struct image *img, struct describe_cluster_resp *resp)
{
    resp->brokers =
        CALL_ARRAY(c, struct describe_cluster_resp_describe_cluster_broker, img->broker_count);
    for (int32_t i = 0; resp->brokers != NULL && i < img->broker_count; i++) {
        const struct image_node *n = img->brokers[i];
        const struct image_endpoint *ep = image_node_endpoint(n, c->endpoint->name);
        if (ep == NULL || (n->is_fenced && !req->include_fenced_brokers)) {
            continue;
        }
        struct describe_cluster_resp_describe_cluster_broker *out =
            &resp->brokers[resp->brokers_count++];
        out->broker_id = n->id;
        out->port = ep->port;
        out->is_fenced = n->is_fenced;
        if (!n->is_fenced && resp->controller_id < 0) {
            resp->controller_id = n->id;
        }
        if (!arena_copy_str(&c->arena, ep->host, &out->host) ||
            !arena_copy_str(&c->arena, n->rack, &out->rack)) {
            return false;
        }
    }
    return resp->brokers != NULL;
}

/* The one that runs here, where it listens. */
static bool fill_controllers(struct call *c, struct describe_cluster_resp *resp)
{
    const struct endpoint *ep = c->endpoint;
    resp->brokers = CALL_NEW(c, struct describe_cluster_resp_describe_cluster_broker);
    if (resp->brokers != NULL) {
        *resp->brokers = describe_cluster_resp_describe_cluster_broker_default;
        resp->brokers->broker_id = c->broker->node_id;
        resp->brokers->host = str_from(ep->advertised_host);
        resp->brokers->port = ep->advertised_port;
        resp->brokers->rack = STR_NULL;
        resp->brokers_count = 1;
    }
    resp->controller_id = c->broker->node_id;
    resp->endpoint_type = ENDPOINT_CONTROLLERS;
    return resp->brokers != NULL;
}

static void refuse(struct call *c, int8_t type)
{
    struct describe_cluster_resp resp = describe_cluster_resp_default;
    if (type == ENDPOINT_CONTROLLERS) {
        resp.error_code = ERR_MISMATCHED_ENDPOINT_TYPE;
        resp.error_message =
            STR("The request was sent to an endpoint of type BROKER, but we wanted "
                "an endpoint of type CONTROLLER");
    } else if (type == ENDPOINT_BROKERS) {
        resp.error_code = ERR_MISMATCHED_ENDPOINT_TYPE;
        resp.error_message =
            STR("The request was sent to an endpoint of type CONTROLLER, but we wanted "
                "an endpoint of type BROKER");
    } else {
        resp.error_code = ERR_UNSUPPORTED_ENDPOINT_TYPE;
        resp.error_message = arena_message(&c->arena, "Unsupported endpoint type %d", type);
    }
    call_reply(c, &resp);
}

void api_describe_cluster(struct call *c, const void *request)
{
    const struct describe_cluster_req *req = request;
    struct describe_cluster_resp resp = describe_cluster_resp_default;
    bool is_controller = c->endpoint->is_controller;
    if (req->endpoint_type != (is_controller ? ENDPOINT_CONTROLLERS : ENDPOINT_BROKERS)) {
        refuse(c, req->endpoint_type);
        return;
    }
    resp.cluster_id = str_from(c->broker->cluster_id);
    if (req->include_cluster_authorized_operations) {
        resp.cluster_authorized_operations = API_ALL_CLUSTER_OPERATIONS;
    }
    const struct image *img = metacache_read(&c->broker->metacache);
    bool has_room = is_controller ? fill_controllers(c, &resp) : fill_brokers(c, req, img, &resp);
    metacache_done(&c->broker->metacache);
    call_reply(c, has_room ? &resp : NULL);
}
