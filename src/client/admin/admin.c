/* Asking, asking again, results. The caller's thread. */
#include "client/admin/admin.h"

#include "base/assert.h"
#include "base/attr.h"
#include "base/limit.h"
#include "base/mem.h"
#include "client/core/backoff.h"

#include <stdlib.h>

enum { UNKNOWN_TRIES_MAX = 5 };

void ottla_admin_options_init_size(struct ottla_admin_options *options, size_t size)
{
    const struct ottla_admin_options ours = {.size = size};
    mem_init_sized(options, size, &ours, sizeof ours);
}

bool admin_may(const struct ottla_client *client, struct given given, const void *ret,
               struct ottla_error *error)
{
    if (is_null(client, "client", error) || is_null(ret, "place for the result", error)) {
        return false;
    }
    if (given.count > 0 && given.rows == NULL) {
        error_set(error, ERR_INVALID_REQUEST, "the list of %zu is NULL", given.count);
        return false;
    }
    for (size_t i = 0; given.stride > 0 && i < given.count; i++) {
        const char *row = (const char *)given.rows + i * given.stride;
        if (*(const char *const *)(const void *)row == NULL) {
            error_set(error, ERR_INVALID_REQUEST, "row %zu of the list has no name: NULL", i);
            return false;
        }
    }
    return true;
}

void admin_begin(struct admin *ad, struct ottla_client *client,
                 const struct ottla_admin_options *options, struct ottla_error *error)
{
    *ad = (struct admin){.client = client, .error = error};
    ottla_admin_options_init(&ad->options);
    if (options != NULL) {
        mem_read_sized(&ad->options, sizeof ad->options, options);
    }
    if (ad->options.timeout_ms <= 0) {
        ad->options.timeout_ms = client->config->values.default_api_timeout_ms;
    }
    ad->deadline_ms = client_now_ms(client) + ad->options.timeout_ms;
    arena_init(&ad->arena, SIZE_MAX);
    waiter_init(&ad->waiter, client);
}

int admin_end(struct admin *ad, int code)
{
    waiter_deinit(&ad->waiter);
    arena_deinit(&ad->arena);
    return code;
}

void *admin_array(struct admin *ad, size_t count, size_t size)
{
    void *p = arena_array(&ad->arena, MAX(count, 1), size);
    ASSERT(p != NULL); /* as mem_alloc */
    return p;
}

struct str *admin_texts(struct admin *ad, const char *const *from, size_t count)
{
    struct str *to = admin_array(ad, count, sizeof *to);
    for (size_t i = 0; i < count; i++) {
        to[i] = str_from(from[i]);
    }
    return to;
}

int32_t admin_left_ms(const struct admin *ad)
{
    int64_t left = ad->deadline_ms - client_now_ms(ad->client);
    return (int32_t)MAX(MIN(left, INT32_MAX), 0);
}

static int compare_topics(const void *a, const void *b, void *ctx)
{
    const struct by_topic *bt = ctx;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    int c = strcmp(*(const char *const *)(const void *)(bt->rows + x * bt->stride),
                   *(const char *const *)(const void *)(bt->rows + y * bt->stride));
    return c ? c : (x > y) - (x < y);
}

struct by_topic by_topic_new(struct admin *ad, const void *rows, size_t stride, size_t count)
{
    struct by_topic b = {rows, stride, admin_array(ad, count, sizeof *b.index), count};
    for (size_t i = 0; i < count; i++) {
        b.index[i] = i;
    }
    qsort_r(b.index, count, sizeof *b.index, compare_topics, &b);
    return b;
}

/* --- exchanges --- */

void exchange_send(struct admin *ad, struct exchange *ex, const struct call *what)
{
    exchange_deinit(ex);
    arena_init(&ex->arena, LIMIT_REQUEST_ARENA_BYTES);
    ex->is_open = true;
    ex->request.call = *what;
    struct call *call = &ex->request.call;
    const struct wire_msg *m = wire_request(call->api_key);
    if (call->version_hi == 0) {
        call->version_hi = (int16_t)wire_max_version(m);
    }
    call->version_lo = (int16_t)MAX(call->version_lo, wire_min_version(m));
    call->deadline_ms = ad->deadline_ms;
    call->is_fresh = ad->tries > 0;
    waiter_submit(&ad->waiter, &ex->request);
}

void admin_wait_all(struct admin *ad)
{
    while (ad->waiter.pending > 0) {
        (void)waiter_next(&ad->waiter, -1);
    }
}

int exchange_read(struct admin *ad, struct exchange *ex, void *msg, struct ottla_error *error)
{
    return request_read(&ex->request, &ex->arena, msg, error);
}

void exchange_deinit(struct exchange *ex)
{
    if (ex->is_open) {
        request_deinit(&ex->request);
        arena_deinit(&ex->arena);
        ex->is_open = false;
    }
}

int admin_ask(struct admin *ad, struct exchange *ex, const struct call *what, void *msg)
{
    exchange_send(ad, ex, what);
    admin_wait_all(ad);
    return exchange_read(ad, ex, msg, ad->error);
}

int admin_refuse(struct ottla_error *error, int code, struct str said)
{
    return said.len > 0 ? error_set(error, code, "%.*s", STR_ARG(said))
                        : error_code(error, code, NULL);
}

bool admin_again(struct admin *ad, int code)
{
    const struct client_values *v = &ad->client->config->values;
    struct rand rand;
    if (code == 0 || !code_is_retriable(code) || ad->tries >= v->retries ||
        (code_is_unknown_topic(code) && ad->tries >= UNKNOWN_TRIES_MAX)) {
        return false;
    }
    rand_init(&rand, (uint64_t)ad->deadline_ms + (uint64_t)ad->tries);
    int64_t wait = backoff_ms(v->retry_backoff_ms, v->retry_backoff_max_ms, ++ad->tries, &rand);
    if (wait >= admin_left_ms(ad)) {
        return false;
    }
    waiter_sleep(&ad->waiter, wait);
    return true;
}

/* --- results --- */

bool result_is_good(const struct admin *ad, const struct fill *f)
{
    return !f->failed && !client_check(ad->client, NULL);
}

int result_drop(struct admin *ad, void *result)
{
    int code = client_check(ad->client, ad->error);
    result_free(result);
    return code ? code : error_code(ad->error, ERR_NO_MEMORY, NULL);
}

/* --- outcomes --- */

struct ottla_outcomes *outcomes_new(size_t count, struct fill *f)
{
    struct ottla_outcomes *o = result_new(sizeof *o, f);
    o->count = count;
    o->rows = fill_rows(f, &o->count, sizeof **o->rows);
    return o;
}

struct ottla_outcome *outcome_row(struct ottla_outcomes *o, size_t i)
{
    return (struct ottla_outcome *)(uintptr_t)o->rows[i];
}

void outcome_name(struct fill *f, struct ottla_outcome *row, const char *name, int32_t partition)
{
    row->name = fill_text(f, str_from(name));
    row->partition = partition;
    row->error = ERR_UNKNOWN_SERVER_ERROR;
    row->message = "the broker says nothing about it";
}

struct ottla_outcome *outcome_find(struct ottla_outcomes *o, size_t *hint, struct str name,
                                   int32_t partition)
{
    for (size_t n = 0; n < o->count; n++) {
        size_t i = (*hint + n) % o->count;
        struct ottla_outcome *row = outcome_row(o, i);
        if (row->partition == partition && str_eq(str_from(row->name), name)) {
            *hint = i + 1;
            return row;
        }
    }
    return NULL;
}

void outcome_set(struct fill *f, struct ottla_outcome *row, int code, struct str said)
{
    if (row != NULL) {
        row->error = code;
        row->message = fill_message(f, code, said);
    }
}

int outcomes_give(struct admin *ad, struct fill *f, int code, struct ottla_outcomes *o,
                  struct ottla_outcomes **ret)
{
    if (code) {
        result_free(o);
        return code;
    }
    return result_give(ad, f, o, ret);
}

void ottla_outcomes_free(struct ottla_outcomes *o) { result_free(o); }

/* --- metadata --- */

static void fit_metadata(void *msg, int version)
{
    struct metadata_req *req = msg;
    req->allow_auto_topic_creation = version < 4; /* then there is no such field */
}

int admin_metadata(struct admin *ad, struct metadata_ask *m,
                   struct metadata_req_metadata_request_topic *topics, int32_t count)
{
    struct metadata_req req = metadata_req_default;
    req.topics = topics;
    req.topics_count = topics == NULL && count < 0 ? -1 : count;
    req.include_topic_authorized_operations = m->req.include_topic_authorized_operations;
    m->req = req;
    return admin_ask(
        ad, &m->exchange,
        &(struct call){.api_key = API_METADATA,
                       .version_lo = m->req.include_topic_authorized_operations ? 8 : 1,
                       .to = CALL_ANY,
                       .msg = &m->req,
                       .fit = fit_metadata},
        &m->resp);
}
