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

void api_describe_cluster(struct call *c, const void *request)
{
    const struct describe_cluster_req *req = request;
    struct describe_cluster_resp resp = describe_cluster_resp_default;
    resp.cluster_id = str_from(c->broker->cluster_id);
    resp.endpoint_type = req->endpoint_type;
    if (req->endpoint_type != ENDPOINT_BROKERS) {
        resp.error_code = req->endpoint_type == ENDPOINT_CONTROLLERS
                              ? ERR_MISMATCHED_ENDPOINT_TYPE
                              : ERR_UNSUPPORTED_ENDPOINT_TYPE;
        resp.error_message = STR("The request was sent to an endpoint of brokers");
        call_reply(c, &resp);
        return;
    }
    const struct image *img = metacache_read(&c->broker->metacache);
    bool has_room = fill_brokers(c, req, img, &resp);
    metacache_done(&c->broker->metacache);
    call_reply(c, has_room ? &resp : NULL);
}
