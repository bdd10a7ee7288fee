/* FindCoordinator: groups and transactions have no coordinator here, and every key is told so. It
 * is served because librdkafka takes a broker that does not list it for one that knows no LZ4, and
 * then sends uncompressed batches. The error is one that clients try again: any other would end
 * consumers that have a group id and yet read assigned partitions. */
#include "broker/api/api.h"

enum { NO_NODE = -1, FIRST_VERSION_OF_LISTS = 4 };

static const char why[] = "This broker coordinates no groups and no transactions";

static bool fill_list(struct call *c, const struct find_coordinator_req *req,
                      struct find_coordinator_resp *resp)
{
    resp->coordinators_count = req->coordinator_keys_count;
    resp->coordinators =
        CALL_ARRAY(c, struct find_coordinator_resp_coordinator, req->coordinator_keys_count);
    for (int32_t i = 0; resp->coordinators != NULL && i < req->coordinator_keys_count; i++) {
        resp->coordinators[i] = (struct find_coordinator_resp_coordinator){
            .key = req->coordinator_keys[i],
            .node_id = NO_NODE,
            .host = STR(""),
            .port = NO_NODE,
            .error_code = ERR_COORDINATOR_NOT_AVAILABLE,
            .error_message = STR(why),
        };
    }
    return resp->coordinators != NULL;
}

void api_find_coordinator(struct call *c, const void *request)
{
    struct find_coordinator_resp resp = find_coordinator_resp_default;
    bool has_room = true;
    if (call_version(c) >= FIRST_VERSION_OF_LISTS) {
        has_room = fill_list(c, request, &resp);
    } else {
        resp.error_code = ERR_COORDINATOR_NOT_AVAILABLE;
        resp.error_message = STR(why);
        resp.node_id = resp.port = NO_NODE;
    }
    call_reply(c, has_room ? &resp : NULL);
}
