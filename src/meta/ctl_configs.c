/* AlterConfigs and IncrementalAlterConfigs for topics, brokers, groups and clients' metrics. Pure.
 *
 * A request on one resource is turned into the list of its changes; the settings that would result
 * are checked as a whole; then the changes become records. */
#include "meta/ctl_configs.h"

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

/* What a list is appended to: what this very resource has, else the default; what stands in the
 * broker's settings or file is not looked at. */
static struct str current_value(const struct ctl_alter *a, const struct ctl_wish *w,
                                const struct config_def *def)
{
    struct str v =
        image_config(a->ctl->tip, (enum config_resource)w->type, w->resource, str_from(def->name));
    return str_is_null(v) ? str_from(def->default_text) : v;
}

/* A setting that APPEND and SUBTRACT do not work on. */
static struct ctl_outcome refuse_list(const struct ctl_alter *a, const struct ctl_wish *w,
                                      const struct ctl_change *c, bool is_known)
{
    bool is_append = c->op == CTL_OP_APPEND;
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
static struct ctl_outcome resolve_list(const struct ctl_alter *a, const struct ctl_wish *w,
                                       struct ctl_change *c)
{
    const struct config_def *def = config_find(ctl_config_scope(w->type), c->name);
    if (def == NULL || config_type(def) != CONFIG_T_LIST || w->type == RESOURCE_CLIENT_METRICS) {
        return refuse_list(a, w, c, def != NULL);
    }
    struct str now = current_value(a, w, def);
    struct buf joined = BUF_INIT;
    struct ctl_outcome o = CTL_FINE;
    if (c->op == CTL_OP_APPEND) {
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
    c->op = CTL_OP_SET;
    buf_deinit(&joined);
    return o;
}

static struct ctl_outcome resolve_lists(const struct ctl_alter *a, struct ctl_wish *w)
{
    struct ctl_outcome o = CTL_FINE;
    for (int32_t i = 0; o.err == OK && i < w->count; i++) {
        if (w->changes[i].op == CTL_OP_APPEND || w->changes[i].op == CTL_OP_SUBTRACT) {
            o = resolve_list(a, w, &w->changes[i]);
        }
    }
    return o;
}

/* --- the whole --- */

static void put_changes(const struct ctl_alter *a, const struct ctl_wish *w)
{
    bool has_new_min = false;
    for (int32_t i = 0; i < w->count; i++) {
        const struct ctl_change *c = &w->changes[i];
        struct str value = c->op == CTL_OP_DELETE ? STR_NULL : c->value;
        struct str old =
            image_config(a->ctl->tip, (enum config_resource)w->type, w->resource, c->name);
        bool is_forced =
            w->type == RESOURCE_BROKER && c->op == CTL_OP_SET; /* a file may have changed */
        if (!str_eq(old, value) || is_forced) {
            struct config_record r = {w->type, w->resource, c->name, value};
            meta_records_add(a->records, META_CONFIG, 0, &r);
            has_new_min |= str_eq(c->name, ctl_min_isr_name);
        }
    }
    if (has_new_min && ctl_has_elr(a->ctl)) {
        struct clear_elr_record r = {w->type == RESOURCE_TOPIC ? w->resource : STR("")};
        meta_records_add(a->records, META_CLEAR_ELR, 0, &r);
    }
}

static struct ctl_outcome alter(const struct ctl_alter *a, struct ctl_wish *w)
{
    if (w->changes == NULL) {
        return (struct ctl_outcome){ERR_BUDGET, STR_NULL};
    }
    struct ctl_outcome o = ctl_check_wish(a, w);
    if (w->is_elsewhere) {
        return o;
    }
    o = o.err ? o : resolve_lists(a, w);
    o = o.err ? o : ctl_check_result(a, w);
    if (o.err == OK) {
        put_changes(a, w);
    }
    return o;
}

/* Which resources come more than once. */
static uint8_t *find_twice(const struct ctl_alter *a)
{
    struct str *keys = arena_array(a->req->arena, (size_t)a->count + 1, sizeof *keys);
    for (int32_t i = 0; keys != NULL && i < a->count; i++) {
        const struct ctl_wish *w = &a->wishes[i];
        keys[i] = arena_printf(a->req->arena, "%d:%.*s", w->type, STR_ARG(w->resource));
    }
    return keys ? ctl_find_duplicates(a->req->arena, keys, a->count) : NULL;
}

/* Each wish gets its outcome; what is fine becomes records. */
static enum err alter_all(const struct ctl_alter *a)
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
static struct ctl_wish new_wish(struct arena *arena, int8_t type, struct str resource, size_t most)
{
    struct ctl_change *changes = arena_array(arena, most + 1, sizeof *changes);
    return (struct ctl_wish){.type = type, .resource = resource, .changes = changes};
}

static struct ctl_wish wish_of(const struct ctl_alter *a,
                               const struct incremental_alter_configs_req_alter_configs_resource *r)
{
    struct ctl_wish w =
        new_wish(a->req->arena, r->resource_type, r->resource_name, (size_t)r->configs_count);
    for (int32_t i = 0; w.changes != NULL && i < r->configs_count; i++) {
        w.changes[w.count++] = (struct ctl_change){r->configs[i].name, r->configs[i].value,
                                                   r->configs[i].config_operation};
    }
    w.is_elsewhere = w.type == RESOURCE_BROKER_LOGGER;
    return w;
}

/* AlterConfigs gives all settings that there shall be: the others are deleted. */
static struct ctl_wish replacing_wish(const struct ctl_alter *a,
                                      const struct alter_configs_req_alter_configs_resource *r)
{
    const struct image_configs *old =
        image_configs(a->ctl->tip, (enum config_resource)r->resource_type, r->resource_name);
    int32_t old_count = old ? old->count : 0;
    struct ctl_wish w = new_wish(a->req->arena, r->resource_type, r->resource_name,
                                 (size_t)r->configs_count + (size_t)old_count);
    for (int32_t i = 0; w.changes != NULL && i < r->configs_count; i++) {
        w.changes[w.count++] =
            (struct ctl_change){r->configs[i].name, r->configs[i].value, CTL_OP_SET};
    }
    for (int32_t i = 0; w.changes != NULL && w.count <= CTL_SETTINGS_MAX && i < old_count; i++) {
        if (ctl_find_change(&w, old->items[i].name) == NULL) {
            w.changes[w.count++] = (struct ctl_change){old->items[i].name, STR_NULL, CTL_OP_DELETE};
        }
    }
    return w;
}

enum err ctl_incremental_configs(struct ctl *ctl, const struct ctl_req *req, struct ctl_out *out)
{
    typedef struct incremental_alter_configs_resp_alter_configs_resource_response answer;
    const struct incremental_alter_configs_req *msg = req->msg;
    struct ctl_alter a = {ctl, req, &out->records, NULL, msg->resources_count, msg->validate_only};
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
        const struct ctl_wish *w = &a.wishes[i];
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
    struct ctl_alter a = {ctl, req, &out->records, NULL, msg->resources_count, msg->validate_only};
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
        const struct ctl_wish *w = &a.wishes[i];
        answers[i] = (answer){(int16_t)w->outcome.err, w->outcome.text, w->type, w->resource};
    }
    *resp = (struct alter_configs_resp){0, answers, a.count};
    out->resp = resp;
    return e;
}
