/* Transactions for those who look after a cluster: list, describe, abort, shut out. The caller's
 * thread. */
#include "client/admin/admin.h"

#include "base/mem.h"

#include <stdlib.h>

/* --- list: every broker knows those that it coordinates --- */

void ottla_transaction_list_free(struct ottla_transaction_list *list) { result_free(list); }

void ottla_transaction_filter_init_size(struct ottla_transaction_filter *filter, size_t size)
{
    const struct ottla_transaction_filter ours = {.size = size, .open_longer_than_ms = -1};
    mem_init_sized(filter, size, &ours, sizeof ours);
}

static int compare_listed(const void *a, const void *b)
{
    const struct ottla_listed_transaction *const *x = a, *const *y = b;
    return strcmp((*x)->id, (*y)->id);
}

static void fill_listed(struct fill *f, struct ottla_transaction_list *list,
                        const struct listings *x)
{
    size_t n = 0;
    for (size_t i = 0; i < x->count; i++) {
        const struct list_transactions_resp *r = x->all[i].resp;
        list->count += x->all[i].code ? 0 : (size_t)MAX(r->transaction_states_count, 0);
    }
    struct ottla_listed_transaction **rows = fill_rows(f, &list->count, sizeof **rows);
    for (size_t i = 0; i < x->count && !f->failed; i++) {
        const struct list_transactions_resp *r = x->all[i].resp;
        for (int32_t k = 0; !x->all[i].code && k < r->transaction_states_count; k++) {
            const struct list_transactions_resp_transaction_state *t = &r->transaction_states[k];
            *rows[n++] =
                (struct ottla_listed_transaction){fill_text(f, t->transactional_id), t->producer_id,
                                                  fill_text(f, t->transaction_state)};
        }
    }
    if (list->count > 0 && !f->failed) {
        qsort(rows, list->count, sizeof *rows, compare_listed);
    }
    list->rows = (const struct ottla_listed_transaction *const *)rows;
    list->errors = listings_errors(f, x, &list->error_count);
}

static struct list_transactions_req list_request(struct admin *ad,
                                                 const struct ottla_transaction_filter *filter)
{
    struct list_transactions_req req = list_transactions_req_default;
    req.state_filters = admin_texts(ad, filter->states, filter->state_count);
    req.state_filters_count = (int32_t)filter->state_count;
    req.producer_id_filters =
        admin_array(ad, filter->producer_id_count, sizeof *req.producer_id_filters);
    req.producer_id_filters_count = (int32_t)filter->producer_id_count;
    for (size_t i = 0; i < filter->producer_id_count; i++) {
        req.producer_id_filters[i] = filter->producer_ids[i];
    }
    req.duration_filter = filter->open_longer_than_ms;
    req.transactional_id_pattern = str_from(filter->pattern);
    return req;
}

int ottla_list_transactions(struct ottla_client *client,
                            const struct ottla_transaction_filter *filter,
                            const struct ottla_admin_options *options,
                            struct ottla_transaction_list **ret, struct ottla_error *error)
{
    struct admin ad;
    struct fill f;
    struct listings x;
    struct ottla_transaction_filter which;
    ottla_transaction_filter_init(&which);
    if (filter != NULL) {
        mem_read_sized(&which, sizeof which, filter);
    }
    if (!admin_may(client, GIVEN_NAMES(which.states, which.state_count), ret, error) ||
        !admin_may(client, GIVEN_ROWS(which.producer_ids, which.producer_id_count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    admin_begin(&ad, client, options, error);
    struct list_transactions_req req = list_request(&ad, &which);
    int lo = !str_is_null(req.transactional_id_pattern) ? 2 : req.duration_filter >= 0;
    int code = listings_ask(
        &ad,
        &(struct call){.api_key = API_LIST_TRANSACTIONS, .version_lo = (int16_t)lo, .msg = &req},
        offsetof(struct list_transactions_resp, error_code), &x);
    if (!code) {
        struct ottla_transaction_list *list = result_new(sizeof *list, &f);
        fill_listed(&f, list, &x);
        code = result_give(&ad, &f, list, ret);
    }
    listings_deinit(&x);
    return admin_end(&ad, code);
}

/* --- one request a transactional id, to its coordinator --- */

struct keyed {
    struct exchange exchange;
    struct str id;
    union {
        struct describe_transactions_req describe;
        struct init_producer_id_req init;
    } req;
    bool is_done;
};

struct keyed_ops {
    int16_t api_key;
    /* Fills the request; reads the answer into the i-th row and gives its code. */
    void (*build)(struct admin *ad, struct keyed *k);
    int (*read)(struct admin *ad, struct fill *f, struct keyed *k, void *row);
};

static int keyed_round(struct admin *ad, struct fill *f, const struct keyed_ops *ops,
                       struct keyed *all, void **rows, size_t count)
{
    int again = 0;
    for (size_t i = 0; i < count; i++) {
        if (!all[i].is_done) {
            ops->build(ad, &all[i]);
            exchange_send(ad, &all[i].exchange,
                          &(struct call){.api_key = ops->api_key,
                                         .to = CALL_COORDINATOR,
                                         .key_type = CALL_KEY_TXN,
                                         .key = all[i].id,
                                         .msg = &all[i].req});
        }
    }
    admin_wait_all(ad);
    for (size_t i = 0; i < count; i++) {
        if (!all[i].is_done) {
            int code = ops->read(ad, f, &all[i], rows[i]);
            all[i].is_done = !code_is_retriable(code) || all[i].exchange.request.call.err;
            again = all[i].is_done ? again : worth_another(again, code);
        }
    }
    return again;
}

static void keyed_run(struct admin *ad, struct fill *f, const struct keyed_ops *ops,
                      const char *const *ids, void **rows, size_t count)
{
    struct keyed *all = mem_zalloc(sizeof *all * (count + 1));
    for (size_t i = 0; i < count; i++) {
        all[i].id = str_from(ids[i]);
    }
    while (admin_again(ad, keyed_round(ad, f, ops, all, rows, count))) {
    }
    for (size_t i = 0; i < count; i++) {
        exchange_deinit(&all[i].exchange);
    }
    mem_free(all);
}

/* --- describe --- */

void ottla_transactions_free(struct ottla_transactions *t) { result_free(t); }

static void describe_build(struct admin *ad, struct keyed *k)
{
    (void)ad;
    k->req.describe = (struct describe_transactions_req){&k->id, 1};
}

static void fill_written(struct fill *f, struct ottla_transaction *to,
                         const struct describe_transactions_resp_transaction_state *t)
{
    size_t n = 0;
    to->partition_count = 0;
    for (int32_t i = 0; i < t->topics_count; i++) {
        to->partition_count += (size_t)MAX(t->topics[i].partitions_count, 0);
    }
    struct ottla_topic_partition **rows = fill_rows(f, &to->partition_count, sizeof **rows);
    for (int32_t i = 0; i < t->topics_count && to->partition_count > 0; i++) {
        const char *topic = fill_text(f, t->topics[i].topic);
        for (int32_t k = 0; k < t->topics[i].partitions_count; k++) {
            *rows[n++] = (struct ottla_topic_partition){topic, t->topics[i].partitions[k]};
        }
    }
    to->partitions = (const struct ottla_topic_partition *const *)rows;
}

static int describe_read(struct admin *ad, struct fill *f, struct keyed *k, void *row)
{
    struct ottla_transaction *to = row;
    struct describe_transactions_resp resp;
    struct ottla_error why;
    int code = exchange_read(ad, &k->exchange, &resp, &why);
    struct str said = code ? str_from(why.message) : STR_NULL;
    if (!code) {
        code = resp.transaction_states_count == 1 ? resp.transaction_states[0].error_code
                                                  : ERR_MALFORMED;
    }
    to->error = code;
    to->message = fill_message(f, code, said);
    to->coordinator = k->exchange.request.call.answerer;
    if (!code) {
        const struct describe_transactions_resp_transaction_state *t = &resp.transaction_states[0];
        to->state = fill_text(f, t->transaction_state);
        to->producer_id = t->producer_id;
        to->producer_epoch = t->producer_epoch;
        to->timeout_ms = t->transaction_timeout_ms;
        to->start_ms = t->transaction_start_time_ms;
        fill_written(f, to, t);
    }
    return code;
}

int ottla_describe_transactions(struct ottla_client *client, const char *const *ids, size_t count,
                                const struct ottla_admin_options *options,
                                struct ottla_transactions **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES(ids, count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    static const struct keyed_ops ops = {API_DESCRIBE_TRANSACTIONS, describe_build, describe_read};
    struct admin ad;
    struct fill f;
    admin_begin(&ad, client, options, error);
    struct ottla_transactions *all = result_new(sizeof *all, &f);
    all->count = count;
    struct ottla_transaction **rows = fill_rows(&f, &all->count, sizeof **rows);
    for (size_t i = 0; i < all->count; i++) {
        *rows[i] = (struct ottla_transaction){.id = fill_text(&f, str_from(ids[i])),
                                              .coordinator = -1,
                                              .state = "",
                                              .producer_id = -1,
                                              .producer_epoch = -1,
                                              .start_ms = -1};
    }
    keyed_run(&ad, &f, &ops, ids, (void **)rows, all->count);
    all->rows = (const struct ottla_transaction *const *)rows;
    return admin_end(&ad, result_give(&ad, &f, all, ret));
}

/* --- shut out --- */

void ottla_fenced_producers_free(struct ottla_fenced_producers *p) { result_free(p); }

static void fence_build(struct admin *ad, struct keyed *k)
{
    k->req.init = init_producer_id_req_default;
    k->req.init.transactional_id = k->id;
    /* nothing will be written with it; some brokers want more than nothing */
    k->req.init.transaction_timeout_ms = MAX(ad->options.timeout_ms, 1);
}

static int fence_read(struct admin *ad, struct fill *f, struct keyed *k, void *row)
{
    struct ottla_fenced_producer *to = row;
    struct init_producer_id_resp resp;
    struct ottla_error why;
    int code = exchange_read(ad, &k->exchange, &resp, &why);
    struct str said = code ? str_from(why.message) : STR_NULL;
    code = code ? code : resp.error_code;
    to->error = code;
    to->message = fill_message(f, code, said);
    to->producer_id = code ? -1 : resp.producer_id;
    to->producer_epoch = code ? -1 : resp.producer_epoch;
    return code;
}

int ottla_fence_producers(struct ottla_client *client, const char *const *ids, size_t count,
                          const struct ottla_admin_options *options,
                          struct ottla_fenced_producers **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES(ids, count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    static const struct keyed_ops ops = {API_INIT_PRODUCER_ID, fence_build, fence_read};
    struct admin ad;
    struct fill f;
    admin_begin(&ad, client, options, error);
    struct ottla_fenced_producers *all = result_new(sizeof *all, &f);
    all->count = count;
    struct ottla_fenced_producer **rows = fill_rows(&f, &all->count, sizeof **rows);
    for (size_t i = 0; i < all->count; i++) {
        *rows[i] = (struct ottla_fenced_producer){
            .id = fill_text(&f, str_from(ids[i])), .producer_id = -1, .producer_epoch = -1};
    }
    keyed_run(&ad, &f, &ops, ids, (void **)rows, all->count);
    all->rows = (const struct ottla_fenced_producer *const *)rows;
    return admin_end(&ad, result_give(&ad, &f, all, ret));
}

/* --- abort: a marker, by the leader of the partition --- */

struct marker {
    struct write_txn_markers_req req;
    struct write_txn_markers_req_writable_txn_marker marker;
    struct write_txn_markers_req_writable_txn_marker_topic topic;
    int32_t partition;
};

static void *abort_build(struct fan *fan, const size_t *index, size_t n)
{
    struct marker *m = fan->ctx;
    (void)index;
    (void)n;
    m->topic.partition_indexes = &m->partition;
    m->topic.partition_indexes_count = 1;
    m->marker.topics = &m->topic;
    m->marker.topics_count = 1;
    m->req = (struct write_txn_markers_req){&m->marker, 1};
    return &m->req;
}

static int abort_read(struct fan *fan, struct exchange *ex, const size_t *index, size_t n)
{
    struct write_txn_markers_resp resp;
    int code = exchange_read(fan->ad, ex, &resp, fan->ad->error);
    (void)index;
    (void)n;
    if (code) {
        return code;
    }
    bool is_one = resp.markers_count == 1 && resp.markers[0].topics_count == 1 &&
                  resp.markers[0].topics[0].partitions_count == 1;
    fan->items[0].code =
        is_one ? resp.markers[0].topics[0].partitions[0].error_code : ERR_MALFORMED;
    return 0;
}

int ottla_abort_transaction(struct ottla_client *client, const struct ottla_hanging_transaction *t,
                            const struct ottla_admin_options *options, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NONE, t, error) || is_null(t ? t->topic : NULL, "topic", error)) {
        return ERR_INVALID_REQUEST;
    }
    static const struct fan_ops ops = {API_WRITE_TXN_MARKERS, abort_build, abort_read};
    struct admin ad;
    struct marker m = {.marker = {.producer_id = t->producer_id,
                                  .producer_epoch = t->producer_epoch,
                                  .coordinator_epoch = t->coordinator_epoch},
                       .topic = {.name = str_from(t->topic)},
                       .partition = t->partition};
    struct fan_item item = {.topic = m.topic.name, .partition = t->partition};
    struct fan fan = {.ad = &ad, .items = &item, .count = 1, .ops = &ops, .ctx = &m};
    admin_begin(&ad, client, options, error);
    int code = fan_run(&fan, 1);
    if (!code && item.code) {
        code = admin_refuse(error, item.code, item.said);
    }
    return admin_end(&ad, code);
}
