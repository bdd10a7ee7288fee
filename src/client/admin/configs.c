/* Configs of topics, brokers and the rest. What belongs to one broker is asked of that broker. The
 * caller's thread. */
#include "client/admin/admin.h"

#include "base/mem.h"

/* Resources that go to one place: node ≥ 0, or any broker. */
struct place {
    int32_t node;
    size_t *index;
    size_t count;
    void *msg;
    struct exchange exchange;
};

struct places {
    struct place *items;
    size_t count;
};

static int32_t node_of(enum ottla_resource_type type, const char *name)
{
    int64_t node;
    bool is_one = type == OTTLA_RESOURCE_BROKER || type == OTTLA_RESOURCE_BROKER_LOGGER;
    return is_one && str_to_i64(str_from(name), &node) && node >= 0 && node <= INT32_MAX
               ? (int32_t)node
               : -1;
}

/* Puts index i among those of its node. */
static void place_add(struct admin *ad, struct places *ps, size_t max, size_t i, int32_t node)
{
    size_t k = 0;
    while (k < ps->count && ps->items[k].node != node) {
        k++;
    }
    if (k == ps->count) {
        ps->items[k] = (struct place){.node = node};
        ps->items[k].index = admin_array(ad, max, sizeof *ps->items[k].index);
        ps->count++;
    }
    ps->items[k].index[ps->items[k].count++] = i;
}

static struct call place_call(const struct place *p, int16_t api_key)
{
    return (struct call){.api_key = api_key,
                         .to = p->node >= 0 ? CALL_NODE : CALL_ANY,
                         .node_id = p->node,
                         .msg = p->msg};
}

static void places_deinit(struct places *ps)
{
    for (size_t i = 0; i < ps->count; i++) {
        exchange_deinit(&ps->items[i].exchange);
    }
    mem_free(ps->items);
}

/* --- describe --- */

void ottla_configs_free(struct ottla_configs *configs) { result_free(configs); }

static void build_describe(struct admin *ad, struct place *p,
                           const struct ottla_resource *resources)
{
    struct describe_configs_req *req = admin_array(ad, 1, sizeof *req);
    *req = describe_configs_req_default;
    req->resources = admin_array(ad, p->count, sizeof *req->resources);
    req->resources_count = (int32_t)p->count;
    req->include_synonyms = ad->options.include_synonyms;
    req->include_documentation = ad->options.include_documentation;
    for (size_t i = 0; i < p->count; i++) {
        const struct ottla_resource *r = &resources[p->index[i]];
        req->resources[i] = describe_configs_req_describe_configs_resource_default;
        req->resources[i].resource_type = (int8_t)r->type;
        req->resources[i].resource_name = str_from(r->name);
        req->resources[i].configuration_keys_count = -1;
    }
    p->msg = req;
}

static void fill_synonyms(struct fill *f, struct ottla_config_entry *to,
                          const struct describe_configs_resp_describe_configs_resource_result *c)
{
    to->synonym_count = c->synonyms_count > 0 ? (size_t)c->synonyms_count : 0;
    struct ottla_config_synonym **rows = fill_rows(f, &to->synonym_count, sizeof **rows);
    for (size_t i = 0; i < to->synonym_count; i++) {
        rows[i]->name = fill_text(f, c->synonyms[i].name);
        rows[i]->value = fill_text(f, c->synonyms[i].value);
        rows[i]->source = (enum ottla_config_source)c->synonyms[i].source;
    }
    to->synonyms = (const struct ottla_config_synonym *const *)rows;
}

static void fill_entry(struct fill *f, struct ottla_config_entry *to,
                       const struct describe_configs_resp_describe_configs_resource_result *c)
{
    to->name = fill_text(f, c->name);
    to->value = fill_text(f, c->value);
    to->source = (enum ottla_config_source)c->config_source;
    to->is_read_only = c->read_only;
    to->is_sensitive = c->is_sensitive;
    to->type = c->config_type;
    to->documentation = fill_text(f, c->documentation);
    fill_synonyms(f, to, c);
}

static void fill_resource(struct fill *f, struct ottla_resource_configs *to,
                          const struct describe_configs_resp_describe_configs_result *r)
{
    to->error = r->error_code;
    to->message = fill_message(f, r->error_code, r->error_message);
    to->count = r->configs_count > 0 ? (size_t)r->configs_count : 0;
    struct ottla_config_entry **rows = fill_rows(f, &to->count, sizeof **rows);
    for (size_t i = 0; i < to->count; i++) {
        fill_entry(f, rows[i], &r->configs[i]);
    }
    to->entries = (const struct ottla_config_entry *const *)rows;
}

static void fill_described(struct fill *f, struct ottla_resource_configs **rows,
                           const struct place *p, const struct describe_configs_resp *resp)
{
    for (int32_t i = 0; i < resp->results_count; i++) {
        const struct describe_configs_resp_describe_configs_result *r = &resp->results[i];
        for (size_t k = 0; k < p->count; k++) {
            struct ottla_resource_configs *to = rows[p->index[k]];
            if ((int)to->type == r->resource_type && str_eq(str_from(to->name), r->resource_name)) {
                fill_resource(f, to, r);
            }
        }
    }
}

static void name_resource(struct fill *f, struct ottla_resource_configs *to,
                          const struct ottla_resource *r)
{
    to->type = r->type;
    to->name = fill_text(f, str_from(r->name));
    to->error = ERR_UNKNOWN_SERVER_ERROR;
    to->message = "the broker says nothing about it";
}

/* A broker that did not answer fails its own resources only. */
static void read_described(struct admin *ad, struct fill *f, struct ottla_resource_configs **rows,
                           struct place *p)
{
    struct describe_configs_resp resp;
    struct ottla_error why;
    int code = exchange_read(ad, &p->exchange, &resp, &why);
    if (!code) {
        fill_described(f, rows, p, &resp);
    }
    for (size_t k = 0; code && k < p->count; k++) {
        rows[p->index[k]]->error = code;
        rows[p->index[k]]->message = fill_text(f, str_from(why.message));
    }
}

int ottla_describe_configs(struct ottla_client *client, const struct ottla_resource *resources,
                           size_t count, const struct ottla_admin_options *options,
                           struct ottla_configs **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_ROWS(resources, count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    admin_begin(&ad, client, options, error);
    struct places ps = {mem_zalloc(sizeof *ps.items * (count + 1)), 0};
    struct ottla_configs *configs = result_new(sizeof *configs, &f);
    configs->count = count;
    struct ottla_resource_configs **rows = fill_rows(&f, &configs->count, sizeof **rows);
    configs->rows = (const struct ottla_resource_configs *const *)rows;
    for (size_t i = 0; i < configs->count; i++) {
        name_resource(&f, rows[i], &resources[i]);
        place_add(&ad, &ps, count, i, node_of(resources[i].type, resources[i].name));
    }
    for (size_t i = 0; i < ps.count; i++) {
        build_describe(&ad, &ps.items[i], resources);
        struct call call = place_call(&ps.items[i], API_DESCRIBE_CONFIGS);
        exchange_send(&ad, &ps.items[i].exchange, &call);
    }
    admin_wait_all(&ad);
    for (size_t i = 0; i < ps.count; i++) {
        read_described(&ad, &f, rows, &ps.items[i]);
    }
    places_deinit(&ps);
    return admin_end(&ad, result_give(&ad, &f, configs, ret));
}

/* --- alter: changes that stand side by side and have one resource are one run --- */

static size_t run_length(const struct ottla_config_change *c, size_t left)
{
    size_t n = 1;
    while (n < left && c[n].type == c->type && strcmp(c[n].resource, c->resource) == 0) {
        n++;
    }
    return n;
}

/* Where each run begins; one more at the end. */
static size_t *find_runs(struct admin *ad, const struct ottla_config_change *changes, size_t count,
                         size_t *ret_count)
{
    size_t *starts = admin_array(ad, count + 1, sizeof *starts), n = 0;
    for (size_t at = 0; at < count; at += run_length(changes + at, count - at)) {
        starts[n++] = at;
    }
    starts[n] = count;
    *ret_count = n;
    return starts;
}

static void *build_incremental(struct admin *ad, const struct place *p, const size_t *starts,
                               const struct ottla_config_change *changes)
{
    struct incremental_alter_configs_req *req = admin_array(ad, 1, sizeof *req);
    *req = incremental_alter_configs_req_default;
    req->validate_only = ad->options.validate_only;
    req->resources = admin_array(ad, p->count, sizeof *req->resources);
    req->resources_count = (int32_t)p->count;
    for (size_t i = 0; i < p->count; i++) {
        size_t from = starts[p->index[i]], n = starts[p->index[i] + 1] - from;
        req->resources[i].resource_type = (int8_t)changes[from].type;
        req->resources[i].resource_name = str_from(changes[from].resource);
        req->resources[i].configs = admin_array(ad, n, sizeof *req->resources[i].configs);
        req->resources[i].configs_count = (int32_t)n;
        for (size_t k = 0; k < n; k++) {
            req->resources[i].configs[k].name = str_from(changes[from + k].name);
            req->resources[i].configs[k].config_operation = (int8_t)changes[from + k].operation;
            req->resources[i].configs[k].value = str_from(changes[from + k].value);
        }
    }
    return req;
}

static void *build_alter(struct admin *ad, const struct place *p, const size_t *starts,
                         const struct ottla_config_change *changes)
{
    struct alter_configs_req *req = admin_array(ad, 1, sizeof *req);
    *req = alter_configs_req_default;
    req->validate_only = ad->options.validate_only;
    req->resources = admin_array(ad, p->count, sizeof *req->resources);
    req->resources_count = (int32_t)p->count;
    for (size_t i = 0; i < p->count; i++) {
        size_t from = starts[p->index[i]], n = starts[p->index[i] + 1] - from;
        req->resources[i].resource_type = (int8_t)changes[from].type;
        req->resources[i].resource_name = str_from(changes[from].resource);
        req->resources[i].configs = admin_array(ad, n, sizeof *req->resources[i].configs);
        req->resources[i].configs_count = (int32_t)n;
        for (size_t k = 0; k < n; k++) {
            req->resources[i].configs[k].name = str_from(changes[from + k].name);
            req->resources[i].configs[k].value = str_from(changes[from + k].value);
        }
    }
    return req;
}

/* One resource of either answer. */
struct altered {
    int8_t type;
    struct str name;
    int code;
    struct str said;
};

static void set_altered(struct fill *f, struct ottla_outcomes *o, const struct place *p,
                        const enum ottla_resource_type *types, struct altered a)
{
    for (size_t k = 0; k < p->count; k++) {
        struct ottla_outcome *row = outcome_row(o, p->index[k]);
        if ((int)types[p->index[k]] == a.type && str_eq(str_from(row->name), a.name)) {
            outcome_set(f, row, a.code, a.said);
        }
    }
}

static int read_altered(struct admin *ad, struct fill *f, struct place *p, struct ottla_outcomes *o,
                        const enum ottla_resource_type *types, int16_t api_key,
                        struct ottla_error *why)
{
    if (api_key == API_ALTER_CONFIGS) {
        struct alter_configs_resp resp;
        int code = exchange_read(ad, &p->exchange, &resp, why);
        for (int32_t i = 0; !code && i < resp.responses_count; i++) {
            set_altered(
                f, o, p, types,
                (struct altered){resp.responses[i].resource_type, resp.responses[i].resource_name,
                                 resp.responses[i].error_code, resp.responses[i].error_message});
        }
        return code;
    }
    struct incremental_alter_configs_resp resp;
    int code = exchange_read(ad, &p->exchange, &resp, why);
    for (int32_t i = 0; !code && i < resp.responses_count; i++) {
        set_altered(f, o, p, types,
                    (struct altered){resp.responses[i].resource_type,
                                     resp.responses[i].resource_name, resp.responses[i].error_code,
                                     resp.responses[i].error_message});
    }
    return code;
}

static int alter(struct admin *ad, const struct ottla_config_change *changes, size_t count,
                 int16_t api_key, struct ottla_outcomes **ret)
{
    struct fill f;
    size_t run_count;
    size_t *starts = find_runs(ad, changes, count, &run_count);
    enum ottla_resource_type *types = admin_array(ad, run_count, sizeof *types);
    struct places ps = {mem_zalloc(sizeof *ps.items * (run_count + 1)), 0};
    struct ottla_outcomes *o = outcomes_new(run_count, &f);
    for (size_t i = 0; i < o->count; i++) {
        const struct ottla_config_change *c = &changes[starts[i]];
        types[i] = c->type;
        outcome_name(&f, outcome_row(o, i), c->resource, -1);
        place_add(ad, &ps, run_count, i, node_of(c->type, c->resource));
    }
    for (size_t i = 0; i < ps.count; i++) {
        struct place *p = &ps.items[i];
        p->msg = api_key == API_ALTER_CONFIGS ? build_alter(ad, p, starts, changes)
                                              : build_incremental(ad, p, starts, changes);
        struct call call = place_call(p, api_key);
        exchange_send(ad, &p->exchange, &call);
    }
    admin_wait_all(ad);
    for (size_t i = 0; i < ps.count; i++) {
        struct ottla_error why;
        int code = read_altered(ad, &f, &ps.items[i], o, types, api_key, &why);
        for (size_t k = 0; code && k < ps.items[i].count; k++) {
            outcome_set(&f, outcome_row(o, ps.items[i].index[k]), code, str_from(why.message));
        }
    }
    places_deinit(&ps);
    return result_give(ad, &f, o, ret);
}

static bool have_names(const struct ottla_config_change *changes, size_t count,
                       struct ottla_error *error)
{
    bool have = true;
    for (size_t i = 0; have && i < count; i++) {
        have = !is_null(changes[i].resource, "name of a resource", error) &&
               !is_null(changes[i].name, "name of a config", error);
    }
    return have;
}

int ottla_incremental_alter_configs(struct ottla_client *client,
                                    const struct ottla_config_change *changes, size_t count,
                                    const struct ottla_admin_options *options,
                                    struct ottla_outcomes **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_ROWS(changes, count), ret, error) ||
        !have_names(changes, count, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    admin_begin(&ad, client, options, error);
    return admin_end(&ad, alter(&ad, changes, count, API_INCREMENTAL_ALTER_CONFIGS, ret));
}

int ottla_alter_configs(struct ottla_client *client, const struct ottla_config_change *changes,
                        size_t count, const struct ottla_admin_options *options,
                        struct ottla_outcomes **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_ROWS(changes, count), ret, error) ||
        !have_names(changes, count, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    admin_begin(&ad, client, options, error);
    return admin_end(&ad, alter(&ad, changes, count, API_ALTER_CONFIGS, ret));
}

/* --- list --- */

void ottla_resources_free(struct ottla_resources *resources) { result_free(resources); }

int ottla_list_config_resources(struct ottla_client *client, const enum ottla_resource_type *types,
                                size_t count, const struct ottla_admin_options *options,
                                struct ottla_resources **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_ROWS(types, count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct exchange ex = {0};
    struct list_config_resources_req req = list_config_resources_req_default;
    struct list_config_resources_resp resp;
    admin_begin(&ad, client, options, error);
    req.resource_types = admin_array(&ad, count, sizeof *req.resource_types);
    req.resource_types_count = (int32_t)count;
    for (size_t i = 0; i < count; i++) {
        req.resource_types[i] = (int8_t)types[i];
    }
    int code = admin_ask(&ad, &ex,
                         &(struct call){.api_key = API_LIST_CONFIG_RESOURCES, .msg = &req}, &resp);
    if (!code && resp.error_code) {
        code = error_code(error, resp.error_code, NULL);
    }
    if (!code) {
        struct ottla_resources *r = result_new(sizeof *r, &f);
        r->count = resp.config_resources_count > 0 ? (size_t)resp.config_resources_count : 0;
        struct ottla_resource **rows = fill_rows(&f, &r->count, sizeof **rows);
        for (size_t i = 0; i < r->count; i++) {
            rows[i]->type = (enum ottla_resource_type)resp.config_resources[i].resource_type;
            rows[i]->name = fill_text(&f, resp.config_resources[i].resource_name);
        }
        r->rows = (const struct ottla_resource *const *)rows;
        code = result_give(&ad, &f, r, ret);
    }
    exchange_deinit(&ex);
    return admin_end(&ad, code);
}
