/* ACLs: describe, create, delete. A filter and an ACL have the same fields. The caller's thread. */
#include "client/admin/admin.h"

void ottla_acl_init(struct ottla_acl *filter)
{
    if (filter == NULL) {
        return;
    }
    *filter = (struct ottla_acl){.resource_type = OTTLA_ACL_RESOURCE_ANY,
                                 .pattern = OTTLA_ACL_PATTERN_ANY,
                                 .operation = OTTLA_ACL_OPERATION_ANY,
                                 .permission = OTTLA_ACL_PERMISSION_ANY};
}

/* --- describe --- */

void ottla_acls_free(struct ottla_acls *acls) { result_free(acls); }

static struct ottla_acls *fill_acls(struct fill *f, const struct describe_acls_resp *resp)
{
    struct ottla_acls *all = result_new(sizeof *all, f);
    size_t n = 0;
    for (int32_t i = 0; i < resp->resources_count; i++) {
        all->count += (size_t)MAX(resp->resources[i].acls_count, 0);
    }
    struct ottla_acl **rows = fill_rows(f, &all->count, sizeof **rows);
    for (int32_t i = 0; i < resp->resources_count && all->count > 0; i++) {
        const struct describe_acls_resp_describe_acls_resource *r = &resp->resources[i];
        const char *name = fill_text(f, r->resource_name);
        for (int32_t k = 0; k < r->acls_count; k++) {
            *rows[n++] = (struct ottla_acl){
                .resource_type = (enum ottla_acl_resource)r->resource_type,
                .resource = name,
                .pattern = (enum ottla_acl_pattern)r->pattern_type,
                .principal = fill_text(f, r->acls[k].principal),
                .host = fill_text(f, r->acls[k].host),
                .operation = (enum ottla_acl_operation)r->acls[k].operation,
                .permission = (enum ottla_acl_permission)r->acls[k].permission_type};
        }
    }
    all->rows = (const struct ottla_acl *const *)rows;
    return all;
}

int ottla_describe_acls(struct ottla_client *client, const struct ottla_acl *filter,
                        const struct ottla_admin_options *options, struct ottla_acls **ret,
                        struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NONE, ret, error) || is_null(filter, "filter", error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct exchange ex = {0};
    struct describe_acls_resp resp;
    struct describe_acls_req req = {.resource_type_filter = (int8_t)filter->resource_type,
                                    .resource_name_filter = str_from(filter->resource),
                                    .pattern_type_filter = (int8_t)filter->pattern,
                                    .principal_filter = str_from(filter->principal),
                                    .host_filter = str_from(filter->host),
                                    .operation = (int8_t)filter->operation,
                                    .permission_type = (int8_t)filter->permission};
    int code;
    admin_begin(&ad, client, options, error);
    do {
        code =
            admin_ask(&ad, &ex, &(struct call){.api_key = API_DESCRIBE_ACLS, .msg = &req}, &resp);
    } while (!code && admin_again(&ad, resp.error_code));
    if (!code && resp.error_code) {
        code = admin_refuse(error, resp.error_code, resp.error_message);
    }
    if (!code) {
        struct ottla_acls *all = fill_acls(&f, &resp);
        code = result_give(&ad, &f, all, ret);
    }
    exchange_deinit(&ex);
    return admin_end(&ad, code);
}

/* --- create --- */

static struct create_acls_req create_request(struct admin *ad, const struct ottla_acl *acls,
                                             size_t count)
{
    struct create_acls_req req = create_acls_req_default;
    req.creations = admin_array(ad, count, sizeof *req.creations);
    req.creations_count = (int32_t)count;
    for (size_t i = 0; i < count; i++) {
        req.creations[i] =
            (struct create_acls_req_acl_creation){.resource_type = (int8_t)acls[i].resource_type,
                                                  .resource_name = str_from(acls[i].resource),
                                                  .resource_pattern_type = (int8_t)acls[i].pattern,
                                                  .principal = str_from(acls[i].principal),
                                                  .host = str_from(acls[i].host),
                                                  .operation = (int8_t)acls[i].operation,
                                                  .permission_type = (int8_t)acls[i].permission};
    }
    return req;
}

/* Rows of the answer are in the order of the request, and have no names. */
static int set_created(struct fill *f, struct ottla_outcomes *o,
                       const struct create_acls_resp *resp)
{
    int again = 0;
    for (size_t i = 0; i < o->count && (int64_t)i < resp->results_count; i++) {
        outcome_set(f, outcome_row(o, i), resp->results[i].error_code,
                    resp->results[i].error_message);
        again = worth_another(again, resp->results[i].error_code);
    }
    return again;
}

int ottla_create_acls(struct ottla_client *client, const struct ottla_acl *acls, size_t count,
                      const struct ottla_admin_options *options, struct ottla_outcomes **ret,
                      struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_ROWS(acls, count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct exchange ex = {0};
    struct create_acls_resp resp;
    admin_begin(&ad, client, options, error);
    struct ottla_outcomes *o = outcomes_new(count, &f);
    for (size_t i = 0; i < o->count; i++) {
        if (!acls[i].resource || !acls[i].principal || !acls[i].host) {
            result_free(o);
            return admin_end(&ad, error_set(error, ERR_INVALID_REQUEST,
                                            "an ACL has a resource, a principal and a host"));
        }
        outcome_name(&f, outcome_row(o, i), acls[i].resource, -1);
    }
    struct create_acls_req req = create_request(&ad, acls, o->count);
    int code, again;
    do { /* once more is as good as once */
        code = admin_ask(
            &ad, &ex,
            &(struct call){.api_key = API_CREATE_ACLS, .to = CALL_CONTROLLER, .msg = &req}, &resp);
        again = code ? 0 : set_created(&f, o, &resp);
    } while (admin_again(&ad, again));
    exchange_deinit(&ex);
    return admin_end(&ad, outcomes_give(&ad, &f, code, o, ret));
}

/* --- delete --- */

void ottla_deleted_acls_free(struct ottla_deleted_acls *deleted) { result_free(deleted); }

static struct delete_acls_req delete_request(struct admin *ad, const struct ottla_acl *filters,
                                             size_t count)
{
    struct delete_acls_req req = delete_acls_req_default;
    req.filters = admin_array(ad, count, sizeof *req.filters);
    req.filters_count = (int32_t)count;
    for (size_t i = 0; i < count; i++) {
        const struct ottla_acl *a = &filters[i];
        req.filters[i] = (struct delete_acls_req_delete_acls_filter){
            (int8_t)a->resource_type, str_from(a->resource), (int8_t)a->pattern,
            str_from(a->principal),   str_from(a->host),     (int8_t)a->operation,
            (int8_t)a->permission};
    }
    return req;
}

static void fill_deleted(struct fill *f, struct ottla_deleted_acls_of_filter *to,
                         const struct delete_acls_resp_delete_acls_filter_result *r)
{
    to->error = r->error_code;
    to->message = fill_message(f, r->error_code, r->error_message);
    to->count = (size_t)MAX(r->matching_acls_count, 0);
    struct ottla_deleted_acl **rows = fill_rows(f, &to->count, sizeof **rows);
    for (size_t i = 0; i < to->count; i++) {
        const struct delete_acls_resp_delete_acls_matching_acl *m = &r->matching_acls[i];
        rows[i]->error = m->error_code;
        rows[i]->message = fill_message(f, m->error_code, m->error_message);
        rows[i]->acl = (struct ottla_acl){(enum ottla_acl_resource)m->resource_type,
                                          fill_text(f, m->resource_name),
                                          (enum ottla_acl_pattern)m->pattern_type,
                                          fill_text(f, m->principal),
                                          fill_text(f, m->host),
                                          (enum ottla_acl_operation)m->operation,
                                          (enum ottla_acl_permission)m->permission_type};
    }
    to->acls = (const struct ottla_deleted_acl *const *)rows;
}

static int worst_deleted(const struct delete_acls_resp *resp)
{
    int again = 0;
    for (int32_t i = 0; i < resp->filter_results_count; i++) {
        again = worth_another(again, resp->filter_results[i].error_code);
    }
    return again;
}

int ottla_delete_acls(struct ottla_client *client, const struct ottla_acl *filters, size_t count,
                      const struct ottla_admin_options *options, struct ottla_deleted_acls **ret,
                      struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_ROWS(filters, count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct exchange ex = {0};
    struct delete_acls_resp resp;
    int code;
    admin_begin(&ad, client, options, error);
    struct delete_acls_req req = delete_request(&ad, filters, count);
    do { /* a filter that failed has deleted nothing; one that did not would tell of nothing now */
        code = admin_ask(
            &ad, &ex,
            &(struct call){.api_key = API_DELETE_ACLS, .to = CALL_CONTROLLER, .msg = &req}, &resp);
    } while (!code && count == 1 && admin_again(&ad, worst_deleted(&resp)));
    if (!code && resp.filter_results_count != (int64_t)count) {
        code = error_code(error, ERR_MALFORMED, "DeleteAcls: not a result a filter");
    }
    if (!code) {
        struct ottla_deleted_acls *all = result_new(sizeof *all, &f);
        all->count = count;
        struct ottla_deleted_acls_of_filter **rows = fill_rows(&f, &all->count, sizeof **rows);
        for (size_t i = 0; i < all->count; i++) {
            fill_deleted(&f, rows[i], &resp.filter_results[i]);
        }
        all->rows = (const struct ottla_deleted_acls_of_filter *const *)rows;
        code = result_give(&ad, &f, all, ret);
    }
    exchange_deinit(&ex);
    return admin_end(&ad, code);
}
