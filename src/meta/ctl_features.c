/* UpdateFeatures (KIP-584, KIP-1022): the levels that a cluster has finalized. All updates of a
 * request or none. Pure. */
#include "meta/ctl_int.h"

#include <stdio.h>

enum upgrade_type { UPGRADE = 1, SAFE_DOWNGRADE = 2, UNSAFE_DOWNGRADE = 3 };

struct update {
    struct str name;
    int16_t level;
    int8_t type;
};

static struct ctl_outcome refuse(const struct ctl_req *req, const struct update *u,
                                 const char *reason)
{
    return ctl_refuse(req, ERR_INVALID_UPDATE_VERSION,
                      "Invalid update version %d for feature %.*s. %s", u->level, STR_ARG(u->name),
                      reason);
}

static const struct feature *find_known(struct str name)
{
    for (int i = 0; i < FEATURE_COUNT; i++) {
        if (str_eq(str_from(features_known[i].name), name)) {
            return &features_known[i];
        }
    }
    return NULL;
}

static struct str describe_range(const struct ctl_req *req, const char *who, int32_t id, int16_t lo,
                                 int16_t hi)
{
    return arena_message(req->arena, "%s %d only supports versions %d-%d", who, id, lo, hi);
}

/* Why a node cannot have the level; null if all can. */
static struct str unsupported_by(const struct ctl *ctl, const struct ctl_req *req,
                                 const struct update *u)
{
    const struct feature *f = find_known(u->name);
    if (f == NULL) {
        return u->level == 0
                   ? arena_message(req->arena, "Feature %.*s not found.", STR_ARG(u->name))
                   : arena_message(req->arena, "Local controller %d does not support this feature.",
                                   ctl->config->node_id);
    }
    if (u->level < f->min || u->level > f->max) {
        return describe_range(req, "Local controller", ctl->config->node_id, f->min, f->max);
    }
    for (int32_t i = 0; i < ctl->tip->broker_count; i++) {
        const struct image_node *n = ctl->tip->brokers[i];
        const struct image_feature_range *r = NULL;
        for (int32_t j = 0; j < n->feature_count; j++) {
            r = str_eq(n->features[j].name, u->name) ? &n->features[j] : r;
        }
        if (r == NULL && u->level > 0 && !str_eq(u->name, FEATURE_KRAFT)) {
            return arena_message(req->arena, "Broker %d does not support this feature.", n->id);
        }
        if (r != NULL && (u->level < r->min || u->level > r->max)) {
            return describe_range(req, "Broker", n->id, r->min, r->max);
        }
    }
    return STR_NULL;
}

static int16_t level_now(const struct ctl *ctl, struct str name)
{
    int16_t level = image_feature(ctl->tip, name);
    return str_eq(name, FEATURE_KRAFT) ? ctl->kraft_version : MAX(level, 0);
}

/* A lower metadata.version has no words for some of what is in the log. */
static struct ctl_outcome refuse_metadata_downgrade(const struct ctl_req *req,
                                                    const struct update *u, int16_t now)
{
    return ctl_refuse(req, ERR_INVALID_UPDATE_VERSION,
                      "Unsupported metadata.version downgrade from %d to %d. %s", now, u->level,
                      u->type == SAFE_DOWNGRADE
                          ? "Refusing to perform the requested downgrade because it might delete "
                            "metadata information."
                          : "Unsafe metadata downgrade is not supported in this version.");
}

static struct ctl_outcome check(const struct ctl *ctl, const struct ctl_req *req,
                                const struct update *u)
{
    int16_t now = level_now(ctl, u->name);
    if (u->type < UPGRADE || u->type > UNSAFE_DOWNGRADE) {
        return refuse(req, u, "The controller does not support the given upgrade type.");
    }
    if (u->level < 0) {
        return refuse(req, u, "A feature version cannot be less than 0.");
    }
    struct str reason = unsupported_by(ctl, req, u);
    if (!str_is_null(reason)) {
        return refuse(req, u, reason.p);
    }
    if (u->level < now && u->type == UPGRADE) {
        return refuse(req, u,
                      "Can't downgrade the version of this feature without setting the upgrade "
                      "type to either safe or unsafe downgrade.");
    }
    if (u->level > now && u->type != UPGRADE) {
        return refuse(req, u, "Can't downgrade to a newer version.");
    }
    if (u->level < now && str_eq(u->name, FEATURE_METADATA)) {
        return refuse_metadata_downgrade(req, u, now);
    }
    if (u->level != now && str_eq(u->name, FEATURE_KRAFT)) {
        return refuse(req, u,
                      "The version of a quorum of one voter is that of its configuration: voters "
                      "by controller.quorum.voters are 0, others 1.");
    }
    return CTL_FINE;
}

/* With eligible leader replicas the minimum must be the same for all brokers, and known. */
static void put_min_isr(struct ctl *ctl, struct meta_records *out)
{
    struct str name = STR("min.insync.replicas");
    if (str_is_null(image_config(ctl->tip, RESOURCE_BROKER, STR(""), name))) {
        char text[16];
        int n = snprintf(text, sizeof text, "%d", ctl->config->min_insync_replicas);
        struct config_record r = {RESOURCE_BROKER, STR(""), name, {text, (size_t)n}};
        meta_records_add(out, META_CONFIG, 0, &r);
    }
    MAP_EACH(&ctl->tip->configs, node, tmp) {
        const struct image_configs *set = CONTAINER_OF(node, struct image_configs, node);
        if (set->type == RESOURCE_BROKER && set->resource.len > 0 &&
            !str_is_null(image_config(ctl->tip, RESOURCE_BROKER, set->resource, name))) {
            struct config_record r = {RESOURCE_BROKER, set->resource, name, STR_NULL};
            meta_records_add(out, META_CONFIG, 0, &r);
        }
    }
}

static void put(struct ctl *ctl, const struct update *u, struct meta_records *out)
{
    if (u->level == level_now(ctl, u->name)) {
        return;
    }
    struct feature_level_record r = {u->name, u->level};
    meta_records_add(out, META_FEATURE_LEVEL, 0, &r);
    if (str_eq(u->name, FEATURE_ELR) && u->level > 0) {
        put_min_isr(ctl, out);
    } else if (str_eq(u->name, FEATURE_ELR)) {
        struct clear_elr_record clear = {STR("")};
        meta_records_add(out, META_CLEAR_ELR, 0, &clear);
    }
}

/* The oldest request only says whether it may go down. */
static struct update update_of(const struct ctl_req *req, int32_t i)
{
    const struct update_features_req_feature_update_key *k =
        &((const struct update_features_req *)req->msg)->feature_updates[i];
    int8_t type = k->upgrade_type;
    if (req->version == 0) {
        type = k->allow_downgrade ? SAFE_DOWNGRADE : UPGRADE;
    }
    return (struct update){k->feature, k->max_version_level, type};
}

static struct ctl_outcome update_all(struct ctl *ctl, const struct ctl_req *req,
                                     struct meta_records *out)
{
    const struct update_features_req *m = req->msg;
    for (int32_t i = 0; i < m->feature_updates_count; i++) {
        struct update u = update_of(req, i);
        struct ctl_outcome o = check(ctl, req, &u);
        if (o.err) {
            return ctl_refuse(req, o.err,
                              "The update failed for all features since the following feature had "
                              "an error: %.*s",
                              STR_ARG(o.text));
        }
        put(ctl, &u, out);
    }
    return CTL_FINE;
}

enum err ctl_update_features(struct ctl *ctl, const struct ctl_req *req, struct ctl_out *out)
{
    const struct update_features_req *m = req->msg;
    struct update_features_resp *resp = ARENA_NEW(req->arena, struct update_features_resp);
    size_t count = (size_t)m->feature_updates_count;
    struct update_features_resp_updatable_feature_result *results =
        arena_array(req->arena, count + 1, sizeof *results);
    if (resp == NULL || results == NULL) {
        return ERR_BUDGET;
    }
    *resp = update_features_resp_default;
    struct ctl_outcome o = update_all(ctl, req, &out->records);
    for (size_t i = 0; o.err == OK && req->version < 2 && i < count; i++) {
        results[i].feature = m->feature_updates[i].feature;
        results[i].error_message = STR("NONE");
        resp->results_count++;
    }
    resp->results = results;
    resp->error_code = (int16_t)o.err;
    resp->error_message = o.text;
    out->resp = resp;
    out->records.is_atomic = true;
    if (o.err || m->validate_only) {
        meta_records_truncate(&out->records, 0);
    }
    return OK;
}
