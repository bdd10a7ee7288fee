/* Checks of changed settings: the words of a request, its resource, and what would come of it; the
 * same that Apache Kafka checks, in its order, with its sentences. Pure. */
#include "meta/ctl_configs.h"

enum { VALUE_MAX = 32767 };

const struct str ctl_min_isr_name = {"min.insync.replicas", 19};

enum config_scope ctl_config_scope(int8_t type)
{
    switch (type) {
    case RESOURCE_TOPIC:
        return CONFIG_TOPIC;
    case RESOURCE_GROUP:
        return CONFIG_GROUP;
    case RESOURCE_CLIENT_METRICS:
        return CONFIG_CLIENT_METRICS;
    default:
        return CONFIG_BROKER;
    }
}

const struct ctl_change *ctl_find_change(const struct ctl_wish *w, struct str name)
{
    for (int32_t i = 0; i < w->count; i++) {
        if (str_eq(w->changes[i].name, name)) {
            return &w->changes[i];
        }
    }
    return NULL;
}

/* --- before --- */

static struct ctl_outcome check_operations(const struct ctl_alter *a, const struct ctl_wish *w)
{
    struct ctl_outcome o = CTL_FINE;
    struct buf nulls = BUF_INIT;
    struct str *names = arena_array(a->req->arena, (size_t)w->count + 1, sizeof *names);
    for (int32_t i = 0; names != NULL && i < w->count; i++) {
        const struct ctl_change *c = &w->changes[i];
        names[i] = c->name;
        if (c->op < CTL_OP_SET || c->op > CTL_OP_SUBTRACT) {
            o = ctl_refuse(a->req, ERR_INVALID_REQUEST, "Unknown operations type %d", c->op);
        } else if (c->op != CTL_OP_DELETE && str_is_null(c->value)) {
            buf_printf(&nulls, "%s%.*s", nulls.len ? ", " : "", STR_ARG(c->name));
        }
    }
    uint8_t *duplicates = names ? ctl_find_duplicates(a->req->arena, names, w->count) : NULL;
    if (duplicates == NULL) {
        o.err = ERR_BUDGET;
    } else if (memchr(duplicates, 2, (size_t)w->count + 1) != NULL) {
        o = ctl_refuse(a->req, ERR_INVALID_REQUEST, "Error due to duplicate config keys");
    } else if (nulls.len > 0) {
        o = ctl_refuse(a->req, ERR_INVALID_REQUEST, "Null value not supported for : %s",
                       buf_cstr(&nulls));
    }
    buf_deinit(&nulls);
    return o;
}

static struct ctl_outcome check_topic_resource(const struct ctl_alter *a, const struct ctl_wish *w)
{
    const struct ctl_auth *auth = a->req->auth;
    if (auth != NULL && auth->can_alter_topic != NULL &&
        !auth->can_alter_topic(auth->ctx, w->resource)) {
        return ctl_refuse(a->req, ERR_TOPIC_AUTHORIZATION_FAILED, "Topic authorization failed.");
    }
    if (w->resource.len == 0) {
        return ctl_refuse(a->req, ERR_INVALID_REQUEST, "Default topic resources are not allowed.");
    }
    return ctl_check_topic_name(a->req, w->resource);
}

static struct ctl_outcome check_broker_resource(const struct ctl_alter *a, const struct ctl_wish *w)
{
    int64_t id;
    if (w->resource.len == 0) {
        return CTL_FINE;
    }
    if (!str_to_i64(w->resource, &id) || id < INT32_MIN || id > INT32_MAX) {
        return ctl_refuse(a->req, ERR_INVALID_REQUEST,
                          "Node id must be an integer, but it is: %.*s", STR_ARG(w->resource));
    }
    if (image_broker(a->ctl->tip, (int32_t)id) == NULL) {
        return ctl_refuse(a->req, ERR_INVALID_REQUEST,
                          "Unexpected broker id, expected %d, but received %.*s",
                          a->ctl->config->node_id, STR_ARG(w->resource));
    }
    return CTL_FINE;
}

static struct ctl_outcome check_named_resource(const struct ctl_alter *a, const struct ctl_wish *w)
{
    if (w->resource.len == 0) {
        return ctl_refuse(a->req, ERR_INVALID_REQUEST,
                          w->type == RESOURCE_GROUP ? "Default group resources are not allowed."
                                                    : "Subscription name can't be empty");
    }
    return CTL_FINE;
}

static struct ctl_outcome check_resource(const struct ctl_alter *a, const struct ctl_wish *w)
{
    switch (w->type) {
    case RESOURCE_GROUP:
    case RESOURCE_CLIENT_METRICS:
        return check_named_resource(a, w);
    case RESOURCE_TOPIC:
        return check_topic_resource(a, w);
    case RESOURCE_BROKER:
        return check_broker_resource(a, w);
    default:
        return ctl_refuse(a->req, ERR_INVALID_REQUEST, "Unknown resource type %d", w->type);
    }
}

struct ctl_outcome ctl_check_wish(const struct ctl_alter *a, const struct ctl_wish *w)
{
    struct ctl_outcome o = w->count > CTL_SETTINGS_MAX ? ctl_refuse(a->req, ERR_INVALID_CONFIG,
                                                                    "More settings than there are.")
                                                       : check_operations(a, w);
    return o.err || w->is_elsewhere ? o : check_resource(a, w);
}

/* --- after --- */

struct ctl_outcome ctl_check_topic_settings(const struct ctl_req *req,
                                            const struct config_setting *settings, int32_t count)
{
    struct buf why = BUF_INIT;
    struct buf nulls = BUF_INIT;
    struct ctl_outcome o = CTL_FINE;
    for (int32_t i = 0; i < count; i++) {
        if (str_is_null(settings[i].value)) {
            buf_printf(&nulls, "%s%.*s", nulls.len ? "," : "", STR_ARG(settings[i].name));
        } else if (settings[i].value.len > VALUE_MAX) {
            o = ctl_refuse(req, ERR_INVALID_CONFIG,
                           "The configuration value cannot be added because it exceeds the maximum "
                           "value size of 32767 bytes.");
        } else if (str_eq(settings[i].name, STR("remote.storage.enable")) &&
                   str_eq(str_trim(settings[i].value), STR("true"))) {
            o = ctl_refuse(req, ERR_INVALID_CONFIG,
                           "Tiered Storage functionality is disabled in the broker. Topic cannot "
                           "be configured with remote log storage.");
        }
    }
    if (nulls.len > 0) {
        o = ctl_refuse(req, ERR_INVALID_CONFIG, "Null value not supported for topic configs: %s",
                       buf_cstr(&nulls));
    } else if (o.err == OK && !topic_config_check(settings, count, &why)) {
        o = ctl_refuse(req, ERR_INVALID_CONFIG, "%s", buf_cstr(&why));
    }
    buf_deinit(&why);
    buf_deinit(&nulls);
    return o;
}

/* Of a broker, a group or clients' metrics. Kafka takes names that it does not know from brokers
 * only. */
static enum err check_value(const struct ctl_alter *a, enum config_scope scope,
                            const struct config_setting *s, struct buf *why)
{
    const struct config_def *def = config_find(scope, s->name);
    if (s->value.len > VALUE_MAX) {
        buf_printf(why, "The configuration value cannot be added because it exceeds the maximum "
                        "value size of 32767 bytes.");
        return ERR_INVALID_CONFIG;
    }
    switch (scope) {
    case CONFIG_GROUP:
        if (def == NULL) {
            buf_printf(why, "Unknown group config name: %.*s", STR_ARG(s->name));
            return ERR_INVALID_CONFIG;
        }
        return config_check(def, s->value, why) && group_config_check(a->ctl->config, s, why)
                   ? OK
                   : ERR_INVALID_CONFIG;
    case CONFIG_CLIENT_METRICS:
        if (def == NULL) {
            buf_printf(why, "Unknown client metrics configuration: %.*s", STR_ARG(s->name));
            return ERR_INVALID_REQUEST;
        }
        return config_check(def, s->value, why) ? client_metrics_config_check(s, why)
                                                : ERR_INVALID_CONFIG;
    default:
        return def == NULL || config_check(def, s->value, why) ? OK : ERR_INVALID_REQUEST;
    }
}

static struct ctl_outcome check_values(const struct ctl_alter *a, enum config_scope scope,
                                       const struct config_setting *s, int32_t count)
{
    struct ctl_outcome o = CTL_FINE;
    struct buf why = BUF_INIT;
    for (int32_t i = 0; o.err == OK && i < count; i++) {
        enum err e = check_value(a, scope, &s[i], &why);
        o = e ? ctl_refuse(a->req, e, "%s", buf_cstr(&why)) : o;
    }
    buf_deinit(&why);
    return o;
}

/* Checks what the resource's settings would be. */
static struct ctl_outcome check_settings(const struct ctl_alter *a, const struct ctl_wish *w)
{
    const struct image_configs *old =
        image_configs(a->ctl->tip, (enum config_resource)w->type, w->resource);
    size_t most = (size_t)w->count + (size_t)(old ? old->count : 0) + 1;
    struct config_setting *s = arena_array(a->req->arena, most, sizeof *s);
    int32_t count = 0;
    if (s == NULL) {
        return (struct ctl_outcome){ERR_BUDGET, STR_NULL};
    }
    for (int32_t i = 0; i < w->count; i++) {
        if (w->changes[i].op == CTL_OP_SET) {
            s[count++] = (struct config_setting){w->changes[i].name, w->changes[i].value};
        }
    }
    /* a broker's other settings may be of a release that we do not know */
    for (int32_t i = 0; w->type == RESOURCE_TOPIC && old != NULL && i < old->count; i++) {
        if (ctl_find_change(w, old->items[i].name) == NULL &&
            config_find(CONFIG_TOPIC, old->items[i].name) != NULL) {
            s[count++] = (struct config_setting){old->items[i].name, old->items[i].value};
        }
    }
    return w->type == RESOURCE_TOPIC ? ctl_check_topic_settings(a->req, s, count)
                                     : check_values(a, ctl_config_scope(w->type), s, count);
}

/* Which names of brokers may be set while the broker runs, and at which level. */
static struct ctl_outcome check_dynamic(const struct ctl_alter *a, const struct ctl_wish *w)
{
    struct ctl_outcome o = CTL_FINE;
    struct buf fixed = BUF_INIT, single = BUF_INIT;
    for (int32_t i = 0; w->type == RESOURCE_BROKER && i < w->count; i++) {
        const struct config_def *def = config_find(CONFIG_BROKER, w->changes[i].name);
        if (w->changes[i].op == CTL_OP_DELETE) {
            continue;
        }
        if (def != NULL && def->mode == CONFIG_READ_ONLY) {
            buf_printf(&fixed, "%s%s", fixed.len ? ", " : "", def->name);
        } else if (def != NULL && def->mode == CONFIG_PER_BROKER && w->resource.len == 0) {
            buf_printf(&single, "%s%s", single.len ? ", " : "", def->name);
        }
    }
    if (fixed.len > 0) {
        o = ctl_refuse(a->req, ERR_INVALID_REQUEST, "Cannot update these configs dynamically: [%s]",
                       buf_cstr(&fixed));
    } else if (single.len > 0) {
        o = ctl_refuse(a->req, ERR_INVALID_REQUEST,
                       "Cannot update these configs at default cluster level, broker id must be "
                       "specified: [%s]",
                       buf_cstr(&single));
    }
    buf_deinit(&fixed);
    buf_deinit(&single);
    return o;
}

static struct ctl_outcome check_existence(const struct ctl_alter *a, const struct ctl_wish *w)
{
    if (w->type == RESOURCE_TOPIC && image_topic_by_name(a->ctl->tip, w->resource) == NULL) {
        return ctl_refuse(a->req, ERR_UNKNOWN_TOPIC_OR_PARTITION,
                          "The topic '%.*s' does not exist.", STR_ARG(w->resource));
    }
    return CTL_FINE;
}

/* With eligible leader replicas the cluster's minimum must stay known, and be one for all. */
static struct ctl_outcome check_min_isr(const struct ctl_alter *a, const struct ctl_wish *w)
{
    if (!ctl_has_elr(a->ctl) || w->type != RESOURCE_BROKER) {
        return CTL_FINE;
    }
    for (int32_t i = 0; i < w->count; i++) {
        const struct ctl_change *c = &w->changes[i];
        if (!str_eq(c->name, ctl_min_isr_name)) {
            continue;
        }
        if (w->resource.len > 0) {
            return ctl_refuse(a->req, ERR_INVALID_CONFIG,
                              "Broker-level min.insync.replicas cannot be altered while ELR is "
                              "enabled.");
        }
        if (c->op == CTL_OP_DELETE) {
            return ctl_refuse(a->req, ERR_INVALID_CONFIG,
                              "Cluster-level min.insync.replicas cannot be removed while ELR is "
                              "enabled.");
        }
    }
    return CTL_FINE;
}

struct ctl_outcome ctl_check_result(const struct ctl_alter *a, const struct ctl_wish *w)
{
    struct ctl_outcome o = check_dynamic(a, w);
    o = o.err ? o : check_settings(a, w);
    o = o.err ? o : check_existence(a, w);
    return o.err ? o : check_min_isr(a, w);
}
