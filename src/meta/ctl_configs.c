/* AlterConfigs and IncrementalAlterConfigs for topics and brokers. Pure.
 *
 * A request on one resource is turned into the list of its changes; the settings that would result
 * are checked as a whole; then the changes become records. */
#include "meta/ctl_int.h"

#include <stdlib.h>

enum operation { OP_SET = 0, OP_DELETE = 1, OP_APPEND = 2, OP_SUBTRACT = 3 };

enum { VALUE_MAX = 32767 };

/* One change of one setting. */
struct change {
    struct str name;
    struct str value;
    int8_t op;
};

/* What a request wants of one resource. */
struct wish {
    int8_t type;
    struct str resource;
    struct change *changes; /* NULL: no memory was left */
    int32_t count;
    bool is_elsewhere; /* the broker that was asked sees to it: the levels of its diagnostics */
    struct ctl_outcome outcome;
};

/* A request of either kind. */
struct altering {
    struct ctl *ctl;
    const struct ctl_req *req;
    struct meta_records *records;
    struct wish *wishes;
    int32_t count;
    bool is_dry; /* nothing shall change */
};

static enum config_scope scope_of(int8_t type)
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

/* --- checks of values --- */

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

/* Which names of brokers may be set while the broker runs, and at which level. */
static struct ctl_outcome check_dynamic(const struct altering *a, const struct wish *w)
{
    struct ctl_outcome o = CTL_FINE;
    struct buf fixed = BUF_INIT, single = BUF_INIT;
    for (int32_t i = 0; w->type == RESOURCE_BROKER && i < w->count; i++) {
        const struct config_def *def = config_find(CONFIG_BROKER, w->changes[i].name);
        if (w->changes[i].op == OP_DELETE) {
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

/* Of a broker, a group or clients' metrics. Kafka takes names that it does not know from brokers
 * only. */
static enum err check_value(const struct altering *a, enum config_scope scope,
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

static struct ctl_outcome check_values(const struct altering *a, enum config_scope scope,
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

static const struct str min_isr_name = {"min.insync.replicas", 19};

/* With eligible leader replicas the cluster's minimum must stay known, and be one for all. */
static struct ctl_outcome check_min_isr(const struct altering *a, const struct wish *w)
{
    if (!ctl_has_elr(a->ctl) || w->type != RESOURCE_BROKER) {
        return CTL_FINE;
    }
    for (int32_t i = 0; i < w->count; i++) {
        const struct change *c = &w->changes[i];
        if (!str_eq(c->name, min_isr_name)) {
            continue;
        }
        if (w->resource.len > 0) {
            return ctl_refuse(a->req, ERR_INVALID_CONFIG,
                              "Broker-level min.insync.replicas cannot be altered while ELR is "
                              "enabled.");
        }
        if (c->op == OP_DELETE) {
            return ctl_refuse(a->req, ERR_INVALID_CONFIG,
                              "Cluster-level min.insync.replicas cannot be removed while ELR is "
                              "enabled.");
        }
    }
    return CTL_FINE;
}

static struct ctl_outcome check_topic_resource(const struct altering *a, const struct wish *w)
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

static struct ctl_outcome check_existence(const struct altering *a, const struct wish *w)
{
    if (w->type == RESOURCE_TOPIC && image_topic_by_name(a->ctl->tip, w->resource) == NULL) {
        return ctl_refuse(a->req, ERR_UNKNOWN_TOPIC_OR_PARTITION,
                          "The topic '%.*s' does not exist.", STR_ARG(w->resource));
    }
    return CTL_FINE;
}

static struct ctl_outcome check_broker_resource(const struct altering *a, const struct wish *w)
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

static struct ctl_outcome check_named_resource(const struct altering *a, const struct wish *w)
{
    if (w->resource.len == 0) {
        return ctl_refuse(a->req, ERR_INVALID_REQUEST,
                          w->type == RESOURCE_GROUP ? "Default group resources are not allowed."
                                                    : "Subscription name can't be empty");
    }
    return CTL_FINE;
}

static struct ctl_outcome check_resource(const struct altering *a, const struct wish *w)
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

/* --- lists --- */

/* The items of a that are in b or are not, joined; appended to out. */
static void put_items(struct buf *out, struct str a, struct str b, bool want_in_b)
{
    size_t pos = 0;
    struct str s;
    while (config_list_next(a, &pos, &s)) {
        if (config_list_has(b, s) == want_in_b) {
            buf_printf(out, "%s%.*s", out->len ? "," : "", STR_ARG(s));
        }
    }
}

/* The value that counts now, its default included. */
static struct str current_value(const struct altering *a, const struct wish *w,
                                const struct config_def *def)
{
    enum config_source source;
    struct str v =
        image_config(a->ctl->tip, (enum config_resource)w->type, w->resource, str_from(def->name));
    if (!str_is_null(v)) {
        return v;
    }
    if (w->type == RESOURCE_TOPIC) {
        return topic_config_text(a->ctl->tip, a->ctl->config, w->resource, def, a->req->arena,
                                 &source);
    }
    if (w->type != RESOURCE_BROKER) {
        return str_from(def->default_text);
    }
    v = props_get(&a->ctl->config->props, str_from(def->name));
    return str_is_null(v) ? str_from(def->default_text) : v;
}

/* A setting that APPEND and SUBTRACT do not work on. */
static struct ctl_outcome refuse_list(const struct altering *a, const struct wish *w,
                                      const struct change *c, bool is_known)
{
    bool is_append = c->op == OP_APPEND;
    if (w->type != RESOURCE_BROKER) {
        return ctl_refuse(a->req, ERR_INVALID_CONFIG,
                          "Can't %s to key %.*s because its type is not LIST.",
                          is_append ? "APPEND" : "SUBTRACT", STR_ARG(c->name));
    }
    if (!is_known) {
        return ctl_refuse(a->req, ERR_INVALID_CONFIG, "Unknown config name: %.*s",
                          STR_ARG(c->name));
    }
    return ctl_refuse(a->req, ERR_INVALID_CONFIG,
                      "Config value %s is not allowed for config key: %.*s",
                      is_append ? "append" : "subtract", STR_ARG(c->name));
}

/* APPEND and SUBTRACT become the SET that they mean. Clients' metrics have lists, but Kafka does
 * not see them as such. */
static struct ctl_outcome resolve_list(const struct altering *a, const struct wish *w,
                                       struct change *c)
{
    const struct config_def *def = config_find(scope_of(w->type), c->name);
    if (def == NULL || config_type(def) != CONFIG_T_LIST || w->type == RESOURCE_CLIENT_METRICS) {
        return refuse_list(a, w, c, def != NULL);
    }
    struct str now = current_value(a, w, def);
    struct buf joined = BUF_INIT;
    struct ctl_outcome o = CTL_FINE;
    if (c->op == OP_APPEND) {
        put_items(&joined, now, STR(""), false);
        put_items(&joined, c->value, now, false);
        if (c->value.len == 0 && joined.len > 0) {
            buf_printf(&joined, ","); /* an empty item, which no list may have */
        }
    } else {
        put_items(&joined, now, c->value, false);
    }
    struct str text = joined.len ? buf_str(&joined) : STR("");
    if (joined.err || !arena_copy_str(a->req->arena, text, &c->value)) {
        o.err = ERR_BUDGET;
    }
    c->op = OP_SET;
    buf_deinit(&joined);
    return o;
}

static struct ctl_outcome resolve_lists(const struct altering *a, struct wish *w)
{
    struct ctl_outcome o = CTL_FINE;
    for (int32_t i = 0; o.err == OK && i < w->count; i++) {
        if (w->changes[i].op == OP_APPEND || w->changes[i].op == OP_SUBTRACT) {
            o = resolve_list(a, w, &w->changes[i]);
        }
    }
    return o;
}

/* --- the whole --- */

static const struct change *change_of(const struct wish *w, struct str name)
{
    for (int32_t i = 0; i < w->count; i++) {
        if (str_eq(w->changes[i].name, name)) {
            return &w->changes[i];
        }
    }
    return NULL;
}

/* Checks what the resource's settings would be. */
static struct ctl_outcome check_result(const struct altering *a, const struct wish *w)
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
        if (w->changes[i].op == OP_SET) {
            s[count++] = (struct config_setting){w->changes[i].name, w->changes[i].value};
        }
    }
    /* a broker's other settings may be of a release that we do not know */
    for (int32_t i = 0; w->type == RESOURCE_TOPIC && old != NULL && i < old->count; i++) {
        if (change_of(w, old->items[i].name) == NULL &&
            config_find(CONFIG_TOPIC, old->items[i].name) != NULL) {
            s[count++] = (struct config_setting){old->items[i].name, old->items[i].value};
        }
    }
    return w->type == RESOURCE_TOPIC ? ctl_check_topic_settings(a->req, s, count)
                                     : check_values(a, scope_of(w->type), s, count);
}

static struct ctl_outcome check_operations(const struct altering *a, const struct wish *w)
{
    struct ctl_outcome o = CTL_FINE;
    struct buf nulls = BUF_INIT;
    struct str *names = arena_array(a->req->arena, (size_t)w->count + 1, sizeof *names);
    for (int32_t i = 0; names != NULL && i < w->count; i++) {
        const struct change *c = &w->changes[i];
        names[i] = c->name;
        if (c->op < OP_SET || c->op > OP_SUBTRACT) {
            o = ctl_refuse(a->req, ERR_INVALID_REQUEST, "Unknown operations type %d", c->op);
        } else if (c->op != OP_DELETE && str_is_null(c->value)) {
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

static void put_changes(const struct altering *a, const struct wish *w)
{
    bool has_new_min = false;
    for (int32_t i = 0; i < w->count; i++) {
        const struct change *c = &w->changes[i];
        struct str value = c->op == OP_DELETE ? STR_NULL : c->value;
        struct str old =
            image_config(a->ctl->tip, (enum config_resource)w->type, w->resource, c->name);
        bool is_forced =
            w->type == RESOURCE_BROKER && c->op == OP_SET; /* a file may have changed */
        if (!str_eq(old, value) || is_forced) {
            struct config_record r = {w->type, w->resource, c->name, value};
            meta_records_add(a->records, META_CONFIG, 0, &r);
            has_new_min |= str_eq(c->name, min_isr_name);
        }
    }
    if (has_new_min && ctl_has_elr(a->ctl)) {
        struct clear_elr_record r = {w->type == RESOURCE_TOPIC ? w->resource : STR("")};
        meta_records_add(a->records, META_CLEAR_ELR, 0, &r);
    }
}

static struct ctl_outcome alter(const struct altering *a, struct wish *w)
{
    if (w->changes == NULL) {
        return (struct ctl_outcome){ERR_BUDGET, STR_NULL};
    }
    struct ctl_outcome o = w->count > CTL_SETTINGS_MAX ? ctl_refuse(a->req, ERR_INVALID_CONFIG,
                                                                    "More settings than there are.")
                                                       : check_operations(a, w);
    if (w->is_elsewhere) {
        return o;
    }
    o = o.err ? o : check_resource(a, w);
    o = o.err ? o : resolve_lists(a, w);
    o = o.err ? o : check_dynamic(a, w);
    o = o.err ? o : check_result(a, w);
    o = o.err ? o : check_existence(a, w);
    o = o.err ? o : check_min_isr(a, w);
    if (o.err == OK) {
        put_changes(a, w);
    }
    return o;
}

/* Which resources come more than once. */
static uint8_t *find_twice(const struct altering *a)
{
    struct str *keys = arena_array(a->req->arena, (size_t)a->count + 1, sizeof *keys);
    for (int32_t i = 0; keys != NULL && i < a->count; i++) {
        const struct wish *w = &a->wishes[i];
        keys[i] = arena_printf(a->req->arena, "%d:%.*s", w->type, STR_ARG(w->resource));
    }
    return keys ? ctl_find_duplicates(a->req->arena, keys, a->count) : NULL;
}

/* Each wish gets its outcome; what is fine becomes records. */
static enum err alter_all(const struct altering *a)
{
    uint8_t *duplicates = find_twice(a);
    if (duplicates == NULL) {
        return ERR_BUDGET;
    }
    for (int32_t i = 0; i < a->count; i++) {
        int32_t before = a->records->count;
        struct ctl_outcome o = duplicates[i] ? ctl_refuse(a->req, ERR_INVALID_REQUEST,
                                                          "Each resource must appear at most once.")
                                             : alter(a, &a->wishes[i]);
        if (o.err) {
            meta_records_truncate(a->records, before);
        }
        if (o.err && !err_is_wire(o.err)) {
            return o.err;
        }
        a->wishes[i].outcome = o;
    }
    if (a->is_dry) {
        meta_records_truncate(a->records, 0);
    }
    a->records->is_atomic = true;
    return OK;
}

/* --- the two requests --- */

/* Room for `most` changes. */
static struct wish new_wish(struct arena *arena, int8_t type, struct str resource, size_t most)
{
    struct change *changes = arena_array(arena, most + 1, sizeof *changes);
    return (struct wish){.type = type, .resource = resource, .changes = changes};
}

static struct wish wish_of(const struct altering *a,
                           const struct incremental_alter_configs_req_alter_configs_resource *r)
{
    struct wish w =
        new_wish(a->req->arena, r->resource_type, r->resource_name, (size_t)r->configs_count);
    for (int32_t i = 0; w.changes != NULL && i < r->configs_count; i++) {
        w.changes[w.count++] = (struct change){r->configs[i].name, r->configs[i].value,
                                               r->configs[i].config_operation};
    }
    w.is_elsewhere = w.type == RESOURCE_BROKER_LOGGER;
    return w;
}

/* AlterConfigs gives all settings that there shall be: the others are deleted. */
static struct wish replacing_wish(const struct altering *a,
                                  const struct alter_configs_req_alter_configs_resource *r)
{
    const struct image_configs *old =
        image_configs(a->ctl->tip, (enum config_resource)r->resource_type, r->resource_name);
    int32_t old_count = old ? old->count : 0;
    struct wish w = new_wish(a->req->arena, r->resource_type, r->resource_name,
                             (size_t)r->configs_count + (size_t)old_count);
    for (int32_t i = 0; w.changes != NULL && i < r->configs_count; i++) {
        w.changes[w.count++] = (struct change){r->configs[i].name, r->configs[i].value, OP_SET};
    }
    for (int32_t i = 0; w.changes != NULL && w.count <= CTL_SETTINGS_MAX && i < old_count; i++) {
        if (change_of(&w, old->items[i].name) == NULL) {
            w.changes[w.count++] = (struct change){old->items[i].name, STR_NULL, OP_DELETE};
        }
    }
    return w;
}

enum err ctl_incremental_configs(struct ctl *ctl, const struct ctl_req *req, struct ctl_out *out)
{
    typedef struct incremental_alter_configs_resp_alter_configs_resource_response answer;
    const struct incremental_alter_configs_req *msg = req->msg;
    struct altering a = {ctl, req, &out->records, NULL, msg->resources_count, msg->validate_only};
    a.wishes = arena_array(req->arena, (size_t)a.count + 1, sizeof *a.wishes);
    answer *answers = arena_array(req->arena, (size_t)a.count + 1, sizeof *answers);
    struct incremental_alter_configs_resp *resp =
        ARENA_NEW(req->arena, struct incremental_alter_configs_resp);
    if (a.wishes == NULL || answers == NULL || resp == NULL) {
        return ERR_BUDGET;
    }
    for (int32_t i = 0; i < a.count; i++) {
        a.wishes[i] = wish_of(&a, &msg->resources[i]);
    }
    enum err e = alter_all(&a);
    for (int32_t i = 0; i < a.count; i++) {
        const struct wish *w = &a.wishes[i];
        answers[i] = (answer){(int16_t)w->outcome.err, w->outcome.text, w->type, w->resource};
    }
    *resp = (struct incremental_alter_configs_resp){0, answers, a.count};
    out->resp = resp;
    return e;
}

enum err ctl_alter_configs(struct ctl *ctl, const struct ctl_req *req, struct ctl_out *out)
{
    typedef struct alter_configs_resp_alter_configs_resource_response answer;
    const struct alter_configs_req *msg = req->msg;
    struct altering a = {ctl, req, &out->records, NULL, msg->resources_count, msg->validate_only};
    a.wishes = arena_array(req->arena, (size_t)a.count + 1, sizeof *a.wishes);
    answer *answers = arena_array(req->arena, (size_t)a.count + 1, sizeof *answers);
    struct alter_configs_resp *resp = ARENA_NEW(req->arena, struct alter_configs_resp);
    if (a.wishes == NULL || answers == NULL || resp == NULL) {
        return ERR_BUDGET;
    }
    for (int32_t i = 0; i < a.count; i++) {
        a.wishes[i] = replacing_wish(&a, &msg->resources[i]);
    }
    enum err e = alter_all(&a);
    for (int32_t i = 0; i < a.count; i++) {
        const struct wish *w = &a.wishes[i];
        answers[i] = (answer){(int16_t)w->outcome.err, w->outcome.text, w->type, w->resource};
    }
    *resp = (struct alter_configs_resp){0, answers, a.count};
    out->resp = resp;
    return e;
}
