/* Quotas: describe, alter. The caller's thread. */
#include "client/admin/admin.h"

/* --- describe --- */

void ottla_quotas_free(struct ottla_quotas *quotas) { result_free(quotas); }

static void fill_quota(struct fill *f, struct ottla_quota *to,
                       const struct describe_client_quotas_resp_entry_data *e)
{
    to->entity_count = (size_t)MAX(e->entity_count, 0);
    to->value_count = (size_t)MAX(e->values_count, 0);
    struct ottla_quota_entity **entities = fill_rows(f, &to->entity_count, sizeof **entities);
    struct ottla_quota_value **values = fill_rows(f, &to->value_count, sizeof **values);
    for (size_t i = 0; i < to->entity_count; i++) {
        entities[i]->type = fill_text(f, e->entity[i].entity_type);
        entities[i]->name = fill_text(f, e->entity[i].entity_name);
    }
    for (size_t i = 0; i < to->value_count; i++) {
        values[i]->key = fill_text(f, e->values[i].key);
        values[i]->value = e->values[i].value;
    }
    to->entities = (const struct ottla_quota_entity *const *)entities;
    to->values = (const struct ottla_quota_value *const *)values;
}

static struct ottla_quotas *fill_quotas(struct fill *f,
                                        const struct describe_client_quotas_resp *resp)
{
    struct ottla_quotas *all = result_new(sizeof *all, f);
    all->count = (size_t)MAX(resp->entries_count, 0);
    struct ottla_quota **rows = fill_rows(f, &all->count, sizeof **rows);
    for (size_t i = 0; i < all->count; i++) {
        fill_quota(f, rows[i], &resp->entries[i]);
    }
    all->rows = (const struct ottla_quota *const *)rows;
    return all;
}

int ottla_describe_client_quotas(struct ottla_client *client,
                                 const struct ottla_quota_filter *filters, size_t count,
                                 bool is_strict, const struct ottla_admin_options *options,
                                 struct ottla_quotas **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES(filters, count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct exchange ex = {0};
    struct describe_client_quotas_req req = {.strict = is_strict};
    struct describe_client_quotas_resp resp;
    int code;
    admin_begin(&ad, client, options, error);
    req.components = admin_array(&ad, count, sizeof *req.components);
    req.components_count = (int32_t)count;
    for (size_t i = 0; i < count; i++) {
        bool has_name = filters[i].match == OTTLA_QUOTA_EXACT;
        req.components[i] = (struct describe_client_quotas_req_component_data){
            str_from(filters[i].type), (int8_t)filters[i].match,
            has_name ? str_from(filters[i].name) : STR_NULL};
    }
    do {
        code = admin_ask(&ad, &ex,
                         &(struct call){.api_key = API_DESCRIBE_CLIENT_QUOTAS, .msg = &req}, &resp);
    } while (!code && admin_again(&ad, resp.error_code));
    if (!code && resp.error_code) {
        code = admin_refuse(error, resp.error_code, resp.error_message);
    }
    if (!code) {
        struct ottla_quotas *all = fill_quotas(&f, &resp);
        code = result_give(&ad, &f, all, ret);
    }
    exchange_deinit(&ex);
    return admin_end(&ad, code);
}

/* --- alter --- */

static void put_change(struct admin *ad, struct alter_client_quotas_req_entry_data *to,
                       const struct ottla_quota_change *c)
{
    to->entity = admin_array(ad, c->entity_count, sizeof *to->entity);
    to->entity_count = (int32_t)c->entity_count;
    to->ops = admin_array(ad, c->op_count, sizeof *to->ops);
    to->ops_count = (int32_t)c->op_count;
    for (size_t i = 0; i < c->entity_count; i++) {
        to->entity[i] = (struct alter_client_quotas_req_entity_data){str_from(c->entities[i].type),
                                                                     str_from(c->entities[i].name)};
    }
    for (size_t i = 0; i < c->op_count; i++) {
        to->ops[i] = (struct alter_client_quotas_req_op_data){
            str_from(c->ops[i].key), c->ops[i].is_removal ? 0 : c->ops[i].value,
            c->ops[i].is_removal};
    }
}

static bool has_part(const struct ottla_quota_change *c,
                     const struct alter_client_quotas_resp_entity_data *part)
{
    for (size_t i = 0; i < c->entity_count; i++) {
        struct str name = str_from(c->entities[i].name);
        if (str_eq(str_from(c->entities[i].type), part->entity_type) &&
            str_is_null(name) == str_is_null(part->entity_name) &&
            (str_is_null(name) || str_eq(name, part->entity_name))) {
            return true;
        }
    }
    return false;
}

/* Rows come in any order. */
static bool is_about(const struct ottla_quota_change *c,
                     const struct alter_client_quotas_resp_entry_data *e)
{
    bool is_same = e->entity_count >= 0 && (size_t)e->entity_count == c->entity_count;
    for (int32_t i = 0; is_same && i < e->entity_count; i++) {
        is_same = has_part(c, &e->entity[i]);
    }
    return is_same;
}

static int set_altered(struct fill *f, struct ottla_outcomes *o,
                       const struct ottla_quota_change *changes,
                       const struct alter_client_quotas_resp *resp)
{
    int again = 0;
    for (int32_t i = 0; i < resp->entries_count; i++) {
        const struct alter_client_quotas_resp_entry_data *e = &resp->entries[i];
        for (size_t k = 0; k < o->count; k++) {
            if (is_about(&changes[k], e)) {
                outcome_set(f, outcome_row(o, k), e->error_code, e->error_message);
            }
        }
        again = worth_another(again, e->error_code);
    }
    return again;
}

static bool have_parts(const struct ottla_quota_change *changes, size_t count,
                       struct ottla_error *error)
{
    bool have = true;
    for (size_t i = 0; have && i < count; i++) {
        const struct ottla_quota_change *c = &changes[i];
        have = (c->entity_count == 0 || !is_null(c->entities, "entity of a change", error)) &&
               (c->op_count == 0 || !is_null(c->ops, "list of a change's operations", error));
    }
    return have;
}

int ottla_alter_client_quotas(struct ottla_client *client, const struct ottla_quota_change *changes,
                              size_t count, const struct ottla_admin_options *options,
                              struct ottla_outcomes **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_ROWS(changes, count), ret, error) ||
        !have_parts(changes, count, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct exchange ex = {0};
    struct alter_client_quotas_req req = alter_client_quotas_req_default;
    struct alter_client_quotas_resp resp;
    admin_begin(&ad, client, options, error);
    struct ottla_outcomes *o = outcomes_new(count, &f);
    req.validate_only = ad.options.validate_only;
    req.entries = admin_array(&ad, count, sizeof *req.entries);
    req.entries_count = (int32_t)count;
    for (size_t i = 0; i < o->count; i++) {
        const struct ottla_quota_change *c = &changes[i];
        const char *name = c->entity_count > 0 ? c->entities[0].name : NULL;
        put_change(&ad, &req.entries[i], c);
        outcome_name(&f, outcome_row(o, i), name ? name : "", -1);
    }
    int code, again;
    do { /* values are set, not added to: once more is as good as once */
        code = admin_ask(
            &ad, &ex,
            &(struct call){.api_key = API_ALTER_CLIENT_QUOTAS, .to = CALL_CONTROLLER, .msg = &req},
            &resp);
        again = code ? 0 : set_altered(&f, o, changes, &resp);
    } while (admin_again(&ad, again));
    exchange_deinit(&ex);
    return admin_end(&ad, outcomes_give(&ad, &f, code, o, ret));
}
