/* DescribeConfigs: what settings are, and where they come from.
 *
 * Settings of topics, brokers, groups and clients' metrics are in the metadata image; the levels of
 * diagnostics ("broker loggers") are this process's own. */
#include "base/diag.h"
#include "base/topic_name.h"
#include "broker/api/api.h"

typedef struct describe_configs_req_describe_configs_resource config_question;
typedef struct describe_configs_resp_describe_configs_result config_answer;
typedef struct describe_configs_resp_describe_configs_resource_result config_entry;

/* One resource that is being described. */
struct describing {
    struct call *call;
    const struct describe_configs_req *req;
    const config_question *question;
    struct config_place place;
    bool is_cluster_default; /* of all brokers: only what was set there */
    config_answer *out;
    int32_t cap;
};

static bool is_asked_for(const struct describing *d, struct str name)
{
    const config_question *q = d->question;
    for (int32_t i = 0; i < q->configuration_keys_count; i++) {
        if (str_eq(q->configuration_keys[i], name)) {
            return true;
        }
    }
    return q->configuration_keys_count <= 0;
}

/* The next entry of the answer; NULL over budget. */
static config_entry *add_entry(struct describing *d)
{
    config_answer *out = d->out;
    if (out->configs_count == d->cap) {
        void *grown = api_grow(d->call, out->configs, sizeof *out->configs, &d->cap);
        if (grown == NULL) {
            return NULL;
        }
        out->configs = grown;
    }
    config_entry *e = &out->configs[out->configs_count++];
    *e = describe_configs_resp_describe_configs_resource_result_default;
    return e;
}

static bool keep(struct describing *d, struct str s, struct str *ret)
{
    return arena_copy_str(&d->call->arena, s, ret);
}

static bool fill_synonyms(struct describing *d, config_entry *e, const struct config_value *values,
                          int32_t count)
{
    e->synonyms = CALL_ARRAY(d->call, struct describe_configs_resp_describe_configs_synonym, count);
    if (e->synonyms == NULL) {
        return false;
    }
    for (int32_t i = 0; i < count; i++) {
        struct describe_configs_resp_describe_configs_synonym *s =
            &e->synonyms[e->synonyms_count++];
        /* the resource's own is the value that counts, the others are as they were given */
        bool is_own =
            values[i].source > CONFIG_SOURCE_DEFAULT || values[i].source == CONFIG_SOURCE_TOPIC;
        s->source = (int8_t)values[i].source;
        s->value = STR_NULL;
        if (!keep(d, values[i].name, &s->name) ||
            (!e->is_sensitive && !keep(d, is_own ? e->value : values[i].value, &s->value))) {
            return false;
        }
    }
    return true;
}

/* The value that counts, as Kafka writes it. A topic's may be made from a broker's in another unit.
 */
static struct str effective(struct describing *d, const struct config_def *def,
                            const struct config_value *values, int32_t count)
{
    enum config_source source;
    struct arena *a = &d->call->arena;
    struct str text;
    if (def == NULL) {
        return STR_NULL;
    }
    if (d->place.scope == CONFIG_TOPIC) {
        text = topic_config_text(d->place.img, d->place.broker, d->place.resource, def, a, &source);
    } else {
        text = count ? values[0].value : str_from(def->default_text);
    }
    return str_is_null(text) ? text : config_plain(def, text, a);
}

static int32_t only_cluster(struct config_value *values, int32_t count)
{
    int32_t n = 0;
    for (int32_t i = 0; i < count; i++) {
        if (values[i].source == CONFIG_SOURCE_CLUSTER) {
            values[n++] = values[i];
        }
    }
    return n;
}

/* def is NULL for a name that the table does not have: its type is unknown, so its value may be a
 * secret. */
static bool describe_setting(struct describing *d, struct str name, const struct config_def *def)
{
    struct config_value values[CONFIG_VALUES_MAX];
    if (!is_asked_for(d, name)) {
        return true;
    }
    config_entry *e = add_entry(d);
    if (e == NULL || !keep(d, name, &e->name)) {
        return false;
    }
    int32_t count = config_values(&d->place, name, values);
    count = d->is_cluster_default ? only_cluster(values, count) : count;
    e->is_sensitive = def == NULL || def->kind == CONFIG_KIND_PASSWORD;
    e->read_only = def == NULL || (def->scope == CONFIG_BROKER && def->mode == CONFIG_READ_ONLY);
    e->config_source = (int8_t)(count ? values[0].source : CONFIG_SOURCE_DEFAULT);
    e->config_type = (int8_t)(def ? config_type(def) : 0);
    e->value = STR_NULL;
    if (!e->is_sensitive && !keep(d, effective(d, def, values, count), &e->value)) {
        return false;
    }
    e->documentation = d->req->include_documentation && def ? str_from(def->doc) : STR_NULL;
    return !d->req->include_synonyms || fill_synonyms(d, e, values, count);
}

static bool describe_table(struct describing *d)
{
    int32_t count;
    const struct config_def *defs = config_all(d->place.scope, &count);
    for (int32_t i = 0; i < count; i++) {
        struct str name = str_from(defs[i].name);
        if (!str_has_prefix(name, STR("internal.")) && !describe_setting(d, name, &defs[i])) {
            return false;
        }
    }
    return true;
}

static bool has_entry(const struct describing *d, struct str name)
{
    for (int32_t i = 0; i < d->out->configs_count; i++) {
        if (str_eq(d->out->configs[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* Settings that somebody made of names that the table does not have. */
static bool describe_strange(struct describing *d, const struct image_configs *set)
{
    for (int32_t i = 0; set != NULL && i < set->count; i++) {
        struct str name = set->items[i].name;
        if (config_find(CONFIG_BROKER, name) == NULL && !has_entry(d, name) &&
            !describe_setting(d, name, NULL)) {
            return false;
        }
    }
    return true;
}

static bool describe_own_broker(struct describing *d)
{
    const struct props *props = &d->place.broker->props;
    if (!describe_table(d)) {
        return false;
    }
    for (int32_t i = 0; i < props->count; i++) {
        if (config_find(CONFIG_BROKER, props->items[i].key) == NULL &&
            !describe_setting(d, props->items[i].key, NULL)) {
            return false;
        }
    }
    return describe_strange(d, image_configs(d->place.img, RESOURCE_BROKER, d->place.resource)) &&
           describe_strange(d, image_configs(d->place.img, RESOURCE_BROKER, STR("")));
}

static bool describe_cluster_default(struct describing *d)
{
    const struct image_configs *set = image_configs(d->place.img, RESOURCE_BROKER, STR(""));
    d->is_cluster_default = true;
    for (int32_t i = 0; set != NULL && i < set->count; i++) {
        struct str name = set->items[i].name;
        if (!describe_setting(d, name, config_find(CONFIG_BROKER, name))) {
            return false;
        }
    }
    return true;
}

/* --- which resource it is --- */

static bool refuse(struct describing *d, enum err e, struct str text)
{
    d->out->error_code = api_error(e);
    d->out->error_message = text;
    return !str_is_null(text); /* there was no room for it */
}

/* Whether the resource is this broker; if not, the answer says so. */
static bool is_this_broker(struct describing *d, const char *alternative, bool *ret_has_room)
{
    int64_t id;
    struct str name = d->question->resource_name;
    struct arena *a = &d->call->arena;
    if (!str_to_i64(name, &id) || id < INT32_MIN || id > INT32_MAX) {
        *ret_has_room = refuse(
            d, ERR_INVALID_REQUEST,
            arena_message(a, "Broker id must be an integer, but it is: %.*s", STR_ARG(name)));
        return false;
    }
    if (id != d->call->broker->node_id) {
        *ret_has_room =
            refuse(d, ERR_INVALID_REQUEST,
                   arena_message(a, "Unexpected broker id, expected %d%s but received %.*s",
                                 d->call->broker->node_id, alternative, STR_ARG(name)));
        return false;
    }
    return true;
}

static bool describe_topic(struct describing *d)
{
    struct buf why = BUF_INIT;
    struct str name = d->question->resource_name;
    bool has_room = true;
    if (!topic_name_check(name, &why)) {
        struct str text = STR_NULL;
        has_room = keep(d, str_clip(buf_str(&why), ARENA_MESSAGE_MAX), &text) &&
                   refuse(d, ERR_INVALID_TOPIC_EXCEPTION, text);
    } else if (image_topic_by_name(d->place.img, name) == NULL) {
        has_room = refuse(d, ERR_UNKNOWN_TOPIC_OR_PARTITION, STR(""));
    } else {
        has_room = describe_table(d);
    }
    buf_deinit(&why);
    return has_room;
}

static bool describe_broker(struct describing *d)
{
    bool has_room = true;
    d->place.scope = CONFIG_BROKER;
    if (d->question->resource_name.len == 0) {
        return describe_cluster_default(d);
    }
    return is_this_broker(d, " or empty string,", &has_room) ? describe_own_broker(d) : has_room;
}

static bool describe_loggers(struct describing *d)
{
    bool has_room = true;
    const char *area;
    if (d->question->resource_name.len == 0) {
        return refuse(d, ERR_INVALID_REQUEST, STR("Broker id must not be empty"));
    }
    if (!is_this_broker(d, "", &has_room)) {
        return has_room;
    }
    for (size_t i = 0; (area = diag_area_name(i)) != NULL; i++) {
        config_entry *e = is_asked_for(d, str_from(area)) ? add_entry(d) : NULL;
        if (e != NULL) {
            e->name = str_from(area);
            e->documentation = STR("");
            e->value = str_from(diag_level_name(diag_area_level(i)));
            e->config_source = CONFIG_SOURCE_BROKER_LOGGER;
        }
    }
    return true;
}

static bool describe_named(struct describing *d, enum config_scope scope, struct str when_empty)
{
    if (d->question->resource_name.len == 0) {
        return refuse(d, ERR_INVALID_REQUEST, when_empty);
    }
    d->place.scope = scope;
    return describe_table(d);
}

static bool describe(struct describing *d)
{
    switch (d->question->resource_type) {
    case RESOURCE_TOPIC:
        return describe_topic(d);
    case RESOURCE_BROKER:
        return describe_broker(d);
    case RESOURCE_BROKER_LOGGER:
        return describe_loggers(d);
    case RESOURCE_CLIENT_METRICS:
        return describe_named(d, CONFIG_CLIENT_METRICS,
                              STR("Client metrics subscription name must not be empty"));
    case RESOURCE_GROUP:
        return describe_named(d, CONFIG_GROUP, STR("Group name must not be empty"));
    default:
        return refuse(d, ERR_INVALID_REQUEST,
                      arena_message(&d->call->arena, "Unsupported resource type: %d",
                                    d->question->resource_type));
    }
}

static bool describe_all(struct call *c, const struct image *img,
                         const struct describe_configs_req *req, struct describe_configs_resp *resp)
{
    for (int32_t i = 0; i < req->resources_count; i++) {
        const config_question *q = &req->resources[i];
        config_answer *out = &resp->results[resp->results_count++];
        *out = describe_configs_resp_describe_configs_result_default;
        out->resource_type = q->resource_type;
        out->resource_name = q->resource_name;
        out->error_message = STR("");
        struct describing d = {
            .call = c,
            .req = req,
            .question = q,
            .place = {img, &c->broker->config, CONFIG_TOPIC, q->resource_name},
            .out = out,
        };
        if (!describe(&d)) {
            return false;
        }
    }
    return true;
}

void api_describe_configs(struct call *c, const void *request)
{
    const struct describe_configs_req *req = request;
    struct describe_configs_resp resp = describe_configs_resp_default;
    resp.results =
        CALL_ARRAY(c, struct describe_configs_resp_describe_configs_result, req->resources_count);
    if (resp.results == NULL) {
        call_fail(c, "the request needs too much memory");
        return;
    }
    const struct image *img = metacache_read(&c->broker->metacache);
    bool has_room = describe_all(c, img, req, &resp);
    metacache_done(&c->broker->metacache);
    if (has_room) {
        call_reply(c, &resp);
    } else {
        call_fail(c, "the answer needs too much memory");
    }
}
