/* Registering with the controller in this process, in the thread that starts the broker.
 *
 * The controller answers before its records are committed, so the second question is asked at once
 * and one sync covers both; nothing is done with the answers before. */
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

static void ask_controller(const struct registration *r, struct question *q, int api_key,
                           int version, const void *msg)
{
    q->call = (struct metalog_call){.done = on_answered};
    q->call.req = (struct ctl_req){
        .api_key = api_key,
        .version = version,
        .msg = msg,
        .arena = r->arena,
        .now_ms = clock_wall_ms(r->clock),
    };
    q->is_done = false;
    metalog_call(r->metalog, &q->call);
}

/* Until it is committed. After an error nothing is under way any more. */
static enum err await(const struct registration *r, const struct question *last)
{
    int64_t deadline_ms;
    enum err e = OK;
    while (!e && !last->is_done) {
        e = metalog_step(r->metalog, &deadline_ms);
    }
    return e;
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

static enum err ask_to_register(const struct registration *r, struct question *q,
                                int64_t *ret_epoch)
{
    struct broker_registration_req req = broker_registration_req_default;
    if (!fill_registration(r, &req)) {
        return ERR_NO_MEMORY;
    }
    ask_controller(r, q, API_BROKER_REGISTRATION, wire_max_version(&wire_broker_registration_req),
                   &req);
    if (q->call.err) {
        return q->call.err;
    }
    const struct broker_registration_resp *answer = q->call.resp;
    *ret_epoch = answer->broker_epoch;
    return (enum err)answer->error_code;
}

/* Its own registration is the newest record that there is. */
static enum err ask_to_unfence(const struct registration *r, struct question *q, int64_t epoch)
{
    struct broker_heartbeat_req req = broker_heartbeat_req_default;
    struct metalog_status status;
    metalog_status(r->metalog, &status);
    req.broker_id = r->broker->node_id;
    req.broker_epoch = epoch;
    req.current_metadata_offset = status.end_off - 1;
    ask_controller(r, q, API_BROKER_HEARTBEAT, wire_max_version(&wire_broker_heartbeat_req), &req);
    if (q->call.err) {
        return q->call.err;
    }
    return (enum err)((const struct broker_heartbeat_resp *)q->call.resp)->error_code;
}

enum err registration_join(const struct registration *r, int64_t *ret_epoch, struct buf *why)
{
    int64_t epoch = 0;
    struct question registers = {.is_done = true}, unfences = {.is_done = true};
    enum err e = ask_to_register(r, &registers, &epoch);
    e = e ? e : ask_to_unfence(r, &unfences, epoch);
    enum err lost = await(r, &registers);
    lost = lost ? lost : await(r, &unfences);
    e = e ? e : lost;
    if (e) {
        buf_printf(why, "the controller refused this broker: %s", err_name(e));
        return e;
    }
    *ret_epoch = epoch;
    return OK;
}
