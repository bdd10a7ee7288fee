/* Questions to the leaders of partitions: offsets, records to delete, producers. The caller's
 * thread. */
#include "client/admin/admin.h"

#include <stdlib.h>

/* --- offsets --- */

struct offsets_ask {
    struct fill f;
    struct ottla_offsets *result;
    struct ottla_partition_offset **rows;
    const struct ottla_offset_query *queries;
    const struct ottla_offset_value *values;
};

void ottla_offsets_free(struct ottla_offsets *offsets) { result_free(offsets); }

static void offsets_begin(struct offsets_ask *o, struct fan *fan, size_t count)
{
    o->result = result_new(sizeof *o->result, &o->f);
    o->result->count = count;
    o->rows = fill_rows(&o->f, &o->result->count, sizeof **o->rows);
    o->result->rows = (const struct ottla_partition_offset *const *)o->rows;
    fan->count = o->result->count;
    fan->items = admin_array(fan->ad, count, sizeof *fan->items);
}

static void offsets_name(struct offsets_ask *o, struct fan *fan, size_t i,
                         struct ottla_topic_partition tp)
{
    fan->items[i].topic = str_from(tp.topic);
    fan->items[i].partition = tp.partition;
    o->rows[i]->topic = fill_text(&o->f, str_from(tp.topic));
    o->rows[i]->partition = tp.partition;
    o->rows[i]->offset = o->rows[i]->timestamp_ms = -1;
    o->rows[i]->leader_epoch = -1;
}

static int offsets_end(struct offsets_ask *o, struct fan *fan, int code, struct ottla_offsets **ret)
{
    if (code) {
        result_free(o->result);
        return code;
    }
    for (size_t i = 0; i < fan->count; i++) {
        o->rows[i]->error = fan->items[i].code;
        o->rows[i]->message = fill_message(&o->f, fan->items[i].code, STR_NULL);
    }
    return result_give(fan->ad, &o->f, o->result, ret);
}

/* Whether item i begins a new topic in a request. */
static bool is_new_topic(const struct fan *fan, const size_t *index, size_t i)
{
    return i == 0 || !str_eq(fan->items[index[i]].topic, fan->items[index[i - 1]].topic);
}

static void *list_build(struct fan *fan, const size_t *index, size_t n)
{
    const struct offsets_ask *o = fan->ctx;
    struct list_offsets_req *req = admin_array(fan->ad, 1, sizeof *req);
    *req = list_offsets_req_default;
    req->replica_id = -1;
    req->isolation_level = fan->ad->options.is_read_committed;
    req->timeout_ms = admin_left_ms(fan->ad);
    req->topics = admin_array(fan->ad, n, sizeof *req->topics);
    struct list_offsets_req_list_offsets_topic *t = NULL;
    struct list_offsets_req_list_offsets_partition *rows = admin_array(fan->ad, n, sizeof *rows);
    for (size_t i = 0; i < n; i++) {
        if (is_new_topic(fan, index, i)) {
            t = &req->topics[req->topics_count++];
            t->name = fan->items[index[i]].topic;
            t->partitions = &rows[i];
        }
        struct list_offsets_req_list_offsets_partition *p = &t->partitions[t->partitions_count++];
        *p = list_offsets_req_list_offsets_partition_default;
        p->partition_index = fan->items[index[i]].partition;
        p->timestamp = o->queries[index[i]].timestamp_ms;
    }
    return req;
}

static int list_read(struct fan *fan, struct exchange *ex, const size_t *index, size_t n)
{
    struct offsets_ask *o = fan->ctx;
    struct list_offsets_resp resp;
    int code = exchange_read(fan->ad, ex, &resp, NULL);
    for (int32_t i = 0; !code && i < resp.topics_count; i++) {
        const struct list_offsets_resp_list_offsets_topic_response *t = &resp.topics[i];
        for (int32_t k = 0; k < t->partitions_count; k++) {
            const struct list_offsets_resp_list_offsets_partition_response *p = &t->partitions[k];
            struct fan_item *item = fan_find(fan, index, n, t->name, p->partition_index);
            if (item != NULL) {
                struct ottla_partition_offset *row = o->rows[item - fan->items];
                item->code = p->error_code;
                row->offset = p->offset;
                row->timestamp_ms = p->timestamp;
                row->leader_epoch = p->leader_epoch;
            }
        }
    }
    return code;
}

static int compare_queries(const void *a, const void *b)
{
    const struct ottla_offset_query *const *x = a, *const *y = b;
    int c = strcmp((*x)->topic, (*y)->topic);
    return c ? c : ((*x)->partition > (*y)->partition) - ((*x)->partition < (*y)->partition);
}

/* An answer does not tell two of the same partition apart. */
static int check_once(struct admin *ad, const struct ottla_offset_query *queries, size_t count)
{
    const struct ottla_offset_query **rows = admin_array(ad, count, sizeof *rows);
    for (size_t i = 0; i < count; i++) {
        rows[i] = &queries[i];
    }
    qsort(rows, count, sizeof *rows, compare_queries);
    for (size_t i = 1; i < count; i++) {
        if (compare_queries(&rows[i - 1], &rows[i]) == 0) {
            return error_set(ad->error, ERR_INVALID_REQUEST, "%s-%d is named twice", rows[i]->topic,
                             rows[i]->partition);
        }
    }
    return 0;
}

/* The first version that knows what is asked for. */
static int16_t list_version(const struct ottla_offset_query *queries, size_t count, bool committed)
{
    static const int16_t since[] = {1, 1, 1, 7, 8, 9, 11};
    int16_t lo = committed ? 2 : 1;
    for (size_t i = 0; i < count; i++) {
        int64_t special = -queries[i].timestamp_ms;
        if (special > 0 && special < (int64_t)ARRAY_LEN(since)) {
            lo = MAX(lo, since[special]);
        }
    }
    return lo;
}

int ottla_list_offsets(struct ottla_client *client, const struct ottla_offset_query *queries,
                       size_t count, const struct ottla_admin_options *options,
                       struct ottla_offsets **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES(queries, count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    static const struct fan_ops ops = {API_LIST_OFFSETS, list_build, list_read};
    struct admin ad;
    struct offsets_ask o = {.queries = queries};
    struct fan fan = {.ad = &ad, .ops = &ops, .ctx = &o};
    admin_begin(&ad, client, options, error);
    offsets_begin(&o, &fan, count);
    for (size_t i = 0; i < fan.count; i++) {
        offsets_name(&o, &fan, i,
                     (struct ottla_topic_partition){queries[i].topic, queries[i].partition});
    }
    int code = check_once(&ad, queries, count);
    code = code ? code : fan_run(&fan, list_version(queries, count, ad.options.is_read_committed));
    return admin_end(&ad, offsets_end(&o, &fan, code, ret));
}

/* --- records --- */

static void *delete_build(struct fan *fan, const size_t *index, size_t n)
{
    const struct offsets_ask *o = fan->ctx;
    struct delete_records_req *req = admin_array(fan->ad, 1, sizeof *req);
    *req = delete_records_req_default;
    req->timeout_ms = admin_left_ms(fan->ad);
    req->topics = admin_array(fan->ad, n, sizeof *req->topics);
    struct delete_records_req_delete_records_topic *t = NULL;
    struct delete_records_req_delete_records_partition *rows =
        admin_array(fan->ad, n, sizeof *rows);
    for (size_t i = 0; i < n; i++) {
        if (is_new_topic(fan, index, i)) {
            t = &req->topics[req->topics_count++];
            t->name = fan->items[index[i]].topic;
            t->partitions = &rows[i];
        }
        struct delete_records_req_delete_records_partition *p =
            &t->partitions[t->partitions_count++];
        p->partition_index = fan->items[index[i]].partition;
        p->offset = o->values[index[i]].offset;
    }
    return req;
}

static int delete_read(struct fan *fan, struct exchange *ex, const size_t *index, size_t n)
{
    struct offsets_ask *o = fan->ctx;
    struct delete_records_resp resp;
    int code = exchange_read(fan->ad, ex, &resp, NULL);
    for (int32_t i = 0; !code && i < resp.topics_count; i++) {
        const struct delete_records_resp_delete_records_topic_result *t = &resp.topics[i];
        for (int32_t k = 0; k < t->partitions_count; k++) {
            struct fan_item *item =
                fan_find(fan, index, n, t->name, t->partitions[k].partition_index);
            if (item != NULL) {
                item->code = t->partitions[k].error_code;
                o->rows[item - fan->items]->offset = t->partitions[k].low_watermark;
            }
        }
    }
    return code;
}

int ottla_delete_records(struct ottla_client *client, const struct ottla_offset_value *before,
                         size_t count, const struct ottla_admin_options *options,
                         struct ottla_offsets **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES(before, count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    static const struct fan_ops ops = {API_DELETE_RECORDS, delete_build, delete_read};
    struct admin ad;
    struct offsets_ask o = {.values = before};
    struct fan fan = {.ad = &ad, .ops = &ops, .ctx = &o};
    admin_begin(&ad, client, options, error);
    offsets_begin(&o, &fan, count);
    for (size_t i = 0; i < fan.count; i++) {
        offsets_name(&o, &fan, i,
                     (struct ottla_topic_partition){before[i].topic, before[i].partition});
    }
    int code = fan_run(&fan, 0);
    return admin_end(&ad, offsets_end(&o, &fan, code, ret));
}

/* --- producers --- */

struct producers_ask {
    struct fill f;
    struct ottla_partition_producers **rows;
};

void ottla_producers_free(struct ottla_producers *producers) { result_free(producers); }

static void *producers_build(struct fan *fan, const size_t *index, size_t n)
{
    struct describe_producers_req *req = admin_array(fan->ad, 1, sizeof *req);
    *req = describe_producers_req_default;
    req->topics = admin_array(fan->ad, n, sizeof *req->topics);
    struct describe_producers_req_topic_request *t = NULL;
    int32_t *rows = admin_array(fan->ad, n, sizeof *rows);
    for (size_t i = 0; i < n; i++) {
        if (is_new_topic(fan, index, i)) {
            t = &req->topics[req->topics_count++];
            t->name = fan->items[index[i]].topic;
            t->partition_indexes = &rows[i];
        }
        t->partition_indexes[t->partition_indexes_count++] = fan->items[index[i]].partition;
    }
    return req;
}

static void fill_producers(struct fill *f, struct ottla_partition_producers *to,
                           const struct describe_producers_resp_partition_response *p)
{
    to->error = p->error_code;
    to->message = fill_message(f, p->error_code, p->error_message);
    to->count = p->active_producers_count > 0 ? (size_t)p->active_producers_count : 0;
    struct ottla_producer_state **rows = fill_rows(f, &to->count, sizeof **rows);
    for (size_t i = 0; i < to->count; i++) {
        const struct describe_producers_resp_producer_state *s = &p->active_producers[i];
        *rows[i] = (struct ottla_producer_state){
            .producer_id = s->producer_id,
            .producer_epoch = s->producer_epoch,
            .last_sequence = s->last_sequence,
            .last_timestamp_ms = s->last_timestamp,
            .coordinator_epoch = s->coordinator_epoch,
            .transaction_start = s->current_txn_start_offset,
        };
    }
    to->producers = (const struct ottla_producer_state *const *)rows;
}

static int producers_read(struct fan *fan, struct exchange *ex, const size_t *index, size_t n)
{
    struct producers_ask *ask = fan->ctx;
    struct describe_producers_resp resp;
    int code = exchange_read(fan->ad, ex, &resp, NULL);
    for (int32_t i = 0; !code && i < resp.topics_count; i++) {
        const struct describe_producers_resp_topic_response *t = &resp.topics[i];
        for (int32_t k = 0; k < t->partitions_count; k++) {
            struct fan_item *item =
                fan_find(fan, index, n, t->name, t->partitions[k].partition_index);
            if (item != NULL) {
                item->code = t->partitions[k].error_code;
                fill_producers(&ask->f, ask->rows[item - fan->items], &t->partitions[k]);
            }
        }
    }
    return code;
}

int ottla_describe_producers(struct ottla_client *client,
                             const struct ottla_topic_partition *partitions, size_t count,
                             const struct ottla_admin_options *options,
                             struct ottla_producers **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES(partitions, count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    static const struct fan_ops ops = {API_DESCRIBE_PRODUCERS, producers_build, producers_read};
    struct admin ad;
    struct producers_ask ask;
    struct fan fan = {.ad = &ad, .ops = &ops, .ctx = &ask};
    admin_begin(&ad, client, options, error);
    struct ottla_producers *result = result_new(sizeof *result, &ask.f);
    result->count = count;
    ask.rows = fill_rows(&ask.f, &result->count, sizeof **ask.rows);
    result->rows = (const struct ottla_partition_producers *const *)ask.rows;
    fan.count = result->count;
    fan.items = admin_array(&ad, count, sizeof *fan.items);
    for (size_t i = 0; i < fan.count; i++) {
        fan.items[i].topic = str_from(partitions[i].topic);
        fan.items[i].partition = partitions[i].partition;
        ask.rows[i]->topic = fill_text(&ask.f, str_from(partitions[i].topic));
        ask.rows[i]->partition = partitions[i].partition;
    }
    int code = fan_run(&fan, 0);
    for (size_t i = 0; i < fan.count; i++) {
        if (ask.rows[i]->error != fan.items[i].code) {
            ask.rows[i]->error = fan.items[i].code;
            ask.rows[i]->message = fill_message(&ask.f, fan.items[i].code, STR_NULL);
        }
    }
    if (code) {
        result_free(result);
        return admin_end(&ad, code);
    }
    return admin_end(&ad, result_give(&ad, &ask.f, result, ret));
}
