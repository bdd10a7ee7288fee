/* AlterConfigs, IncrementalAlterConfigs, ListConfigResources.
 *
 * The controller changes what is in the metadata. The levels of diagnostics ("broker loggers") are
 * this process's own: they are set here when the controller has answered for the rest. */
#include "base/diag.h"
#include "broker/api/api.h"

typedef struct incremental_alter_configs_req_alter_configs_resource incremental_resource;
typedef struct incremental_alter_configs_req_alterable_config incremental_change;

enum operation { OP_SET, OP_DELETE, OP_APPEND, OP_SUBTRACT };

/* --- levels of diagnostics --- */

struct outcome {
    enum err err;
    struct str text;
};

static struct outcome refused(enum err e, struct str text) { return (struct outcome){e, text}; }

/* -1: no such area */
static int find_area(struct str name)
{
    const char *area;
    for (size_t i = 0; (area = diag_area_name(i)) != NULL; i++) {
        if (str_eq(name, str_from(area))) {
            return (int)i;
        }
    }
    return -1;
}

static struct outcome check_level(struct arena *a, const incremental_change *ch)
{
    enum diag_level level;
    int area = find_area(ch->name);
    if (ch->config_operation == OP_APPEND || ch->config_operation == OP_SUBTRACT) {
        return refused(ERR_INVALID_REQUEST,
                       arena_message(a,
                                     "%s operation is not allowed for the BROKER_LOGGER resource",
                                     ch->config_operation == OP_APPEND ? "APPEND" : "SUBTRACT"));
    }
    if (ch->config_operation != OP_SET && ch->config_operation != OP_DELETE) {
        return refused(
            ERR_INVALID_REQUEST,
            arena_message(a,
                          "Unknown operation type %d is not allowed for the BROKER_LOGGER resource",
                          ch->config_operation));
    }
    if (area < 0) {
        return refused(ERR_INVALID_CONFIG,
                       arena_message(a, "Logger %.*s does not exist!", STR_ARG(ch->name)));
    }
    if (ch->config_operation == OP_DELETE) {
        return area > 0 ? (struct outcome){OK, STR_NULL}
                        : refused(ERR_INVALID_REQUEST,
                                  STR("Removing the log level of the root logger is not allowed"));
    }
    if (!diag_level_parse(ch->value, &level)) {
        return refused(ERR_INVALID_CONFIG,
                       arena_message(a,
                                     "Cannot set the log level of %.*s to %.*s as it is not a "
                                     "supported log level. Valid log levels are DEBUG, ERROR, "
                                     "FATAL, INFO, TRACE, WARN",
                                     STR_ARG(ch->name), STR_ARG(ch->value)));
    }
    return (struct outcome){OK, STR_NULL};
}

static void set_level(const incremental_change *ch)
{
    enum diag_level level;
    int area = find_area(ch->name);
    bool is_set = ch->config_operation == OP_SET && diag_level_parse(ch->value, &level);
    diag_set_area_level((size_t)area, is_set ? (int)level : -1);
}

static struct outcome check_this_broker(struct call *c, struct str name)
{
    int64_t id;
    int32_t own = c->broker->node_id;
    if (!str_to_i64(name, &id)) {
        return refused(
            ERR_INVALID_REQUEST,
            arena_message(&c->arena, "Node id must be an integer, but it is: %.*s", STR_ARG(name)));
    }
    if (id != own) {
        return refused(ERR_INVALID_REQUEST,
                       arena_message(&c->arena,
                                     "Unexpected node id. Expected %d, but received %.*s", own,
                                     STR_ARG(name)));
    }
    return (struct outcome){OK, STR_NULL};
}

/* All of them or none. */
static struct outcome set_levels(struct call *c, const incremental_resource *r, bool validate_only)
{
    struct outcome o = check_this_broker(c, r->resource_name);
    for (int32_t i = 0; o.err == OK && i < r->configs_count; i++) {
        o = check_level(&c->arena, &r->configs[i]);
    }
    for (int32_t i = 0; o.err == OK && !validate_only && i < r->configs_count; i++) {
        set_level(&r->configs[i]);
    }
    return o;
}

/* --- IncrementalAlterConfigs --- */

static void amend_incremental(struct call *c, const void *request, void *response)
{
    const struct incremental_alter_configs_req *req = request;
    struct incremental_alter_configs_resp *resp = response;
    for (int32_t i = 0; i < resp->responses_count; i++) {
        struct incremental_alter_configs_resp_alter_configs_resource_response *out =
            &resp->responses[i];
        /* the controller left those to us, unless they came twice */
        if (out->resource_type == RESOURCE_BROKER_LOGGER && out->error_code == OK) {
            struct outcome o = set_levels(c, &req->resources[i], req->validate_only);
            out->error_code = (int16_t)o.err;
            out->error_message = o.text;
        }
    }
}

static void refuse_incremental(struct call *c, const void *request, enum err e)
{
    const struct incremental_alter_configs_req *req = request;
    struct incremental_alter_configs_resp resp = incremental_alter_configs_resp_default;
    resp.responses =
        CALL_ARRAY(c, struct incremental_alter_configs_resp_alter_configs_resource_response,
                   req->resources_count);
    resp.responses_count = resp.responses ? req->resources_count : 0;
    for (int32_t i = 0; i < resp.responses_count; i++) {
        resp.responses[i] = incremental_alter_configs_resp_alter_configs_resource_response_default;
        resp.responses[i].error_code = api_error(e);
        resp.responses[i].resource_type = req->resources[i].resource_type;
        resp.responses[i].resource_name = req->resources[i].resource_name;
    }
    call_reply(c, &resp);
}

void api_incremental_alter_configs(struct call *c, const void *request)
{
    api_forward(c, request,
                &(struct api_forwarded){.refuse = refuse_incremental, .amend = amend_incremental});
}

/* --- AlterConfigs --- */

static void refuse_alter(struct call *c, const void *request, enum err e)
{
    const struct alter_configs_req *req = request;
    struct alter_configs_resp resp = alter_configs_resp_default;
    resp.responses = CALL_ARRAY(c, struct alter_configs_resp_alter_configs_resource_response,
                                req->resources_count);
    resp.responses_count = resp.responses ? req->resources_count : 0;
    for (int32_t i = 0; i < resp.responses_count; i++) {
        resp.responses[i] = alter_configs_resp_alter_configs_resource_response_default;
        resp.responses[i].error_code = api_error(e);
        resp.responses[i].resource_type = req->resources[i].resource_type;
        resp.responses[i].resource_name = req->resources[i].resource_name;
    }
    call_reply(c, &resp);
}

void api_alter_configs(struct call *c, const void *request)
{
    api_forward(c, request, &(struct api_forwarded){.refuse = refuse_alter});
}

/* --- ListConfigResources --- */

typedef struct list_config_resources_resp_config_resource config_resource;

struct listing {
    struct call *call;
    struct list_config_resources_resp *resp;
    int32_t cap;
    bool has_room;
};

static void list_one(struct listing *l, enum config_resource type, struct str name)
{
    struct list_config_resources_resp *resp = l->resp;
    if (l->has_room && resp->config_resources_count == l->cap) {
        void *grown =
            api_grow(l->call, resp->config_resources, sizeof *resp->config_resources, &l->cap);
        l->has_room = grown != NULL;
        resp->config_resources = grown ? grown : resp->config_resources;
    }
    if (l->has_room) {
        config_resource *r = &resp->config_resources[resp->config_resources_count++];
        r->resource_type = (int8_t)type;
        l->has_room = arena_copy_str(&l->call->arena, name, &r->resource_name);
    }
}

/* Groups and the like exist by having settings. */
static void list_configured(struct listing *l, const struct image *img, enum config_resource type)
{
    MAP_EACH(&img->configs, n, tmp) {
        const struct image_configs *set = CONTAINER_OF(n, struct image_configs, node);
        if (set->type == (int8_t)type && set->count > 0) {
            list_one(l, type, set->resource);
        }
    }
}

static void list_brokers(struct listing *l, const struct image *img, enum config_resource type)
{
    for (int32_t i = 0; i < img->broker_count; i++) {
        struct str id = arena_printf(&l->call->arena, "%d", img->brokers[i]->id);
        l->has_room = l->has_room && !str_is_null(id);
        list_one(l, type, id);
    }
}

static void list_topics(struct listing *l, const struct image *img)
{
    for (int32_t i = 0; l->has_room && i < img->topic_count; i++) {
        list_one(l, RESOURCE_TOPIC, img->topics[i]->name);
    }
}

static unsigned wanted_types(const struct call *c, const struct list_config_resources_req *req)
{
    unsigned all = RESOURCE_TOPIC | RESOURCE_BROKER | RESOURCE_BROKER_LOGGER |
                   RESOURCE_CLIENT_METRICS | RESOURCE_GROUP;
    unsigned wanted = 0;
    if (call_version(c) == 0) {
        return RESOURCE_CLIENT_METRICS;
    }
    for (int32_t i = 0; i < req->resource_types_count; i++) {
        unsigned type = (uint8_t)req->resource_types[i];
        if ((type & all) == 0 || (type & (type - 1)) != 0) {
            return 0;
        }
        wanted |= type;
    }
    return req->resource_types_count > 0 ? wanted : all;
}

void api_list_config_resources(struct call *c, const void *request)
{
    struct list_config_resources_resp resp = list_config_resources_resp_default;
    struct listing l = {c, &resp, 0, true};
    unsigned wanted = wanted_types(c, request);
    const struct image *img = metacache_read(&c->broker->metacache);
    if (wanted & RESOURCE_GROUP) {
        list_configured(&l, img, RESOURCE_GROUP);
    }
    if (wanted & RESOURCE_CLIENT_METRICS) {
        list_configured(&l, img, RESOURCE_CLIENT_METRICS);
    }
    if (wanted & RESOURCE_BROKER_LOGGER) {
        list_brokers(&l, img, RESOURCE_BROKER_LOGGER);
    }
    if (wanted & RESOURCE_BROKER) {
        list_brokers(&l, img, RESOURCE_BROKER);
    }
    if (wanted & RESOURCE_TOPIC) {
        list_topics(&l, img);
    }
    metacache_done(&c->broker->metacache);
    resp.error_code = wanted ? OK : ERR_UNSUPPORTED_VERSION;
    if (l.has_room) {
        call_reply(c, &resp);
    } else {
        call_fail(c, "the answer needs too much memory");
    }
}
