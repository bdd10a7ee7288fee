/* ElectLeaders, UpdateFeatures, UnregisterBroker: to the controller and back. */
#include "broker/api/api.h"

static void refuse_elect_leaders(struct call *c, const void *request, enum err e)
{
    struct elect_leaders_resp resp = elect_leaders_resp_default;
    resp.error_code = api_error(e);
    call_reply(c, &resp);
}

void api_elect_leaders(struct call *c, const void *request)
{
    api_forward(c, request, &(struct api_forwarded){.refuse = refuse_elect_leaders});
}

static void refuse_update_features(struct call *c, const void *request, enum err e)
{
    struct update_features_resp resp = update_features_resp_default;
    resp.error_code = api_error(e);
    resp.error_message = STR_NULL;
    call_reply(c, &resp);
}

void api_update_features(struct call *c, const void *request)
{
    api_forward(c, request, &(struct api_forwarded){.refuse = refuse_update_features});
}

static void refuse_unregister_broker(struct call *c, const void *request, enum err e)
{
    struct unregister_broker_resp resp = unregister_broker_resp_default;
    resp.error_code = api_error(e);
    resp.error_message = STR_NULL;
    call_reply(c, &resp);
}

/* A broker that runs here cannot be taken out of the cluster that is in the same process. */
void api_unregister_broker(struct call *c, const void *request)
{
    const struct unregister_broker_req *req = request;
    if (req->broker_id == c->broker->node_id) {
        struct unregister_broker_resp resp = unregister_broker_resp_default;
        resp.error_code = ERR_INVALID_REQUEST;
        resp.error_message = STR("This broker is running and is the cluster's only controller.");
        call_reply(c, &resp);
        return;
    }
    api_forward(c, request, &(struct api_forwarded){.refuse = refuse_unregister_broker});
}
