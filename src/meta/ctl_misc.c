/* Blocks of producer ids, the beginning of a cluster, controllers' registrations. Pure. */
#include "meta/ctl_int.h"

enum { PRODUCER_ID_BLOCK = 1000 };

enum err ctl_allocate_producer_ids(struct ctl *ctl, const struct ctl_req *req, struct ctl_out *out)
{
    const struct allocate_producer_ids_req *m = req->msg;
    const struct image_node *n = image_broker(ctl->tip, m->broker_id);
    int64_t next = ctl->tip->next_producer_id;
    struct allocate_producer_ids_resp *resp =
        ARENA_NEW(req->arena, struct allocate_producer_ids_resp);
    if (resp == NULL) {
        return ERR_BUDGET;
    }
    if (n == NULL || n->epoch != m->broker_epoch) {
        return ERR_STALE_BROKER_EPOCH;
    }
    if (next > INT64_MAX - PRODUCER_ID_BLOCK) {
        return ERR_UNKNOWN_SERVER_ERROR;
    }
    struct producer_ids_record r = {m->broker_id, m->broker_epoch, next + PRODUCER_ID_BLOCK};
    meta_records_add(&out->records, META_PRODUCER_IDS, 0, &r);
    *resp = allocate_producer_ids_resp_default;
    resp->producer_id_start = next;
    resp->producer_id_len = PRODUCER_ID_BLOCK;
    out->resp = resp;
    return OK;
}

static void put_feature(struct meta_records *out, struct str name, int16_t level)
{
    struct feature_level_record r = {name, level};
    meta_records_add(out, META_FEATURE_LEVEL, 0, &r);
}

void ctl_default_bootstrap(struct meta_records *out)
{
    put_feature(out, FEATURE_METADATA, METADATA_VERSION_MAX);
    for (int i = 0; i < FEATURE_COUNT; i++) {
        struct str name = str_from(features_known[i].name);
        if (!str_eq(name, FEATURE_METADATA) && !str_eq(name, FEATURE_KRAFT)) {
            put_feature(out, name, features_known[i].first_level);
        }
    }
}

/* Whether the records turn the feature of eligible leader replicas on: asked of an image. */
static bool turns_elr_on(const struct meta_records *bootstrap)
{
    struct image *img = image_new(0);
    bool is_on = false;
    for (int32_t i = 0; i < bootstrap->count; i++) {
        if (image_apply(img, meta_records_at(bootstrap, i), NULL, NULL) != OK) {
            break;
        }
    }
    is_on = image_feature(img, FEATURE_ELR) >= 1;
    image_free(img);
    return is_on;
}

enum err ctl_bootstrap(struct ctl *ctl, const struct meta_records *bootstrap,
                       struct meta_records *out)
{
    struct begin_transaction_record begin = {STR("Bootstrap records")};
    struct end_transaction_record end = end_transaction_record_default;
    struct buf text = BUF_INIT;
    meta_records_clear(out);
    meta_records_add(out, META_BEGIN_TXN, 0, &begin);
    for (int32_t i = 0; i < bootstrap->count; i++) {
        meta_records_add_raw(out, meta_records_at(bootstrap, i));
    }
    if (turns_elr_on(bootstrap)) {
        buf_printf(&text, "%d", ctl->config->min_insync_replicas);
        struct config_record r = {RESOURCE_BROKER, STR(""), STR("min.insync.replicas"),
                                  buf_str(&text)};
        meta_records_add(out, META_CONFIG, 0, &r);
    }
    meta_records_add(out, META_END_TXN, 0, &end);
    buf_deinit(&text);
    return ctl_finish(ctl, out, OK);
}

enum err ctl_abort_txn(struct ctl *ctl, struct meta_records *out)
{
    struct abort_transaction_record r = {STR("controller failover")};
    meta_records_clear(out);
    if (image_in_txn(ctl->tip)) {
        meta_records_add(out, META_ABORT_TXN, 0, &r);
    }
    return ctl_finish(ctl, out, OK);
}

enum { ENDPOINTS_MAX = 64 };

enum err ctl_register_controller(struct ctl *ctl, const struct ctl_self *self,
                                 struct meta_records *out)
{
    struct register_controller_record r = register_controller_record_default;
    struct register_controller_record_controller_endpoint endpoints[ENDPOINTS_MAX];
    struct register_controller_record_controller_feature features[FEATURE_COUNT];
    meta_records_clear(out);
    if (!version_has_controllers(image_feature(ctl->tip, FEATURE_METADATA))) {
        return OK;
    }
    if (self->endpoint_count > ENDPOINTS_MAX) {
        return ERR_INVALID_REQUEST;
    }
    for (int32_t i = 0; i < self->endpoint_count; i++) {
        endpoints[i] = (struct register_controller_record_controller_endpoint){
            self->endpoints[i].name, self->endpoints[i].host, self->endpoints[i].port,
            self->endpoints[i].security_protocol};
    }
    for (int i = 0; i < FEATURE_COUNT; i++) {
        features[i] = (struct register_controller_record_controller_feature){
            str_from(features_known[i].name), features_known[i].min, features_known[i].max};
    }
    r.controller_id = self->id;
    r.incarnation_id = self->incarnation;
    r.end_points = endpoints;
    r.end_points_count = self->endpoint_count;
    r.features = features;
    r.features_count = FEATURE_COUNT;
    meta_records_add(out, META_REGISTER_CONTROLLER, 0, &r);
    return ctl_finish(ctl, out, OK);
}
