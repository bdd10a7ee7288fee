/* Registering with the controller in this process, in the thread that starts the broker. */
#include "broker/host/registration.h"

#include "meta/versions.h"
#include "wire/messages.h"

struct question {
    struct metalog_call call;
    bool is_done;
};

static void on_answered(struct metalog_call *call)
{
    CONTAINER_OF(call, struct question, call)->is_done = true;
}

static enum err ask_controller(const struct registration *r, int api_key, int version,
                               const void *msg, void **ret_resp)
{
    struct question q = {.call = {.done = on_answered}};
    int64_t deadline_ms;
    q.call.req = (struct ctl_req){
        .api_key = api_key,
        .version = version,
        .msg = msg,
        .arena = r->arena,
        .now_ms = clock_wall_ms(r->clock),
    };
    metalog_call(r->metalog, &q.call);
    while (!q.is_done) {
        enum err e = metalog_step(r->metalog, &deadline_ms);
        if (e) {
            return e;
        }
    }
    *ret_resp = q.call.resp;
    return q.call.err;
}

static bool fill_features(const struct registration *r, struct broker_registration_req *req)
{
    req->features = arena_array(r->arena, FEATURE_COUNT, sizeof *req->features);
    for (int i = 0; req->features != NULL && i < FEATURE_COUNT; i++) {
        const struct feature *f = &features_known[i];
        req->features[i] =
            (struct broker_registration_req_feature){str_from(f->name), f->min, f->max};
        req->features_count++;
    }
    return req->features != NULL;
}

static bool fill_registration(const struct registration *r, struct broker_registration_req *req)
{
    int n = r->broker->endpoint_count;
    req->broker_id = r->broker->node_id;
    req->previous_broker_epoch = storage_previous_epoch(r->storage);
    req->cluster_id = str_from(r->broker->cluster_id);
    req->incarnation_id = r->incarnation;
    req->rack = str_from(r->broker->config.broker_rack);
    req->log_dirs = (struct uuid *)(uintptr_t)storage_dir_ids(r->storage, &req->log_dirs_count);
    req->listeners = arena_array(r->arena, (size_t)n, sizeof *req->listeners);
    for (int i = 0; req->listeners != NULL && i < n; i++) {
        const struct endpoint *ep = &r->broker->endpoints[i];
        req->listeners[i] = broker_registration_req_listener_default;
        req->listeners[i].name = ep->name;
        req->listeners[i].host = str_from(ep->advertised_host);
        req->listeners[i].port = (uint16_t)ep->advertised_port;
        req->listeners[i].security_protocol = ep->security_protocol;
        req->listeners_count++;
    }
    return req->listeners != NULL && fill_features(r, req);
}

static enum err register_broker(const struct registration *r, int64_t *ret_epoch)
{
    struct broker_registration_req req = broker_registration_req_default;
    void *resp;
    if (!fill_registration(r, &req)) {
        return ERR_NO_MEMORY;
    }
    enum err e = ask_controller(r, API_BROKER_REGISTRATION,
                                wire_max_version(&wire_broker_registration_req), &req, &resp);
    if (!e) {
        const struct broker_registration_resp *answer = resp;
        e = (enum err)answer->error_code;
        *ret_epoch = answer->broker_epoch;
    }
    return e;
}

static enum err unfence(const struct registration *r, int64_t epoch)
{
    struct broker_heartbeat_req req = broker_heartbeat_req_default;
    struct metalog_status status;
    void *resp;
    metalog_status(r->metalog, &status);
    req.broker_id = r->broker->node_id;
    req.broker_epoch = epoch;
    req.current_metadata_offset = status.high_watermark - 1;
    enum err e = ask_controller(r, API_BROKER_HEARTBEAT,
                                wire_max_version(&wire_broker_heartbeat_req), &req, &resp);
    return e ? e : (enum err)((const struct broker_heartbeat_resp *)resp)->error_code;
}

enum err registration_join(const struct registration *r, int64_t *ret_epoch, struct buf *why)
{
    int64_t epoch = 0;
    enum err e = register_broker(r, &epoch);
    e = e ? e : unfence(r, epoch);
    if (e) {
        buf_printf(why, "the controller refused this broker: %s", err_name(e));
        return e;
    }
    *ret_epoch = epoch;
    return OK;
}
