/* Topics: list, describe, create, delete, more partitions. The caller's thread. */
#include "client/admin/admin.h"

#include <stdlib.h>

enum { DESCRIBE_LIMIT = 2000 }; /* partitions of one answer of DescribeTopicPartitions */

void ottla_topics_free(struct ottla_topics *topics) { result_free(topics); }

static int compare_partitions(const void *a, const void *b)
{
    const struct ottla_partition *const *x = a, *const *y = b;
    return ((*x)->partition > (*y)->partition) - ((*x)->partition < (*y)->partition);
}

static int compare_topics(const void *a, const void *b)
{
    const struct ottla_topic *const *x = a, *const *y = b;
    return strcmp((*x)->name ? (*x)->name : "", (*y)->name ? (*y)->name : "");
}

/* --- Metadata --- */

static void fill_partition(struct fill *f, struct ottla_partition *to,
                           const struct metadata_resp_metadata_response_partition *p)
{
    to->partition = p->partition_index;
    to->error = p->error_code;
    to->leader = p->leader_id;
    to->leader_epoch = p->leader_epoch;
    to->replicas = fill_ids(f, p->replica_nodes, p->replica_nodes_count);
    to->isr = fill_ids(f, p->isr_nodes, p->isr_nodes_count);
    to->offline = fill_ids(f, p->offline_replicas, p->offline_replicas_count);
}

static void fill_topic(struct fill *f, struct ottla_topic *to,
                       const struct metadata_resp_metadata_response_topic *t)
{
    to->name = fill_text(f, t->name);
    to->id = fill_uuid(f, t->topic_id);
    to->is_internal = t->is_internal;
    to->error = t->error_code;
    to->message = fill_message(f, t->error_code, STR_NULL);
    to->authorized_operations = t->topic_authorized_operations;
    to->partition_count = t->partitions_count > 0 ? (size_t)t->partitions_count : 0;
    struct ottla_partition **rows = fill_rows(f, &to->partition_count, sizeof **rows);
    for (size_t i = 0; i < to->partition_count; i++) {
        fill_partition(f, rows[i], &t->partitions[i]);
    }
    if (to->partition_count > 0) {
        qsort(rows, to->partition_count, sizeof *rows, compare_partitions);
    }
    to->partitions = (const struct ottla_partition *const *)rows;
}

static struct ottla_topics *fill_topics(struct fill *f, const struct metadata_resp *resp)
{
    struct ottla_topics *topics = result_new(sizeof *topics, f);
    topics->count = resp->topics_count > 0 ? (size_t)resp->topics_count : 0;
    struct ottla_topic **rows = fill_rows(f, &topics->count, sizeof **rows);
    for (size_t i = 0; i < topics->count; i++) {
        fill_topic(f, rows[i], &resp->topics[i]);
    }
    topics->rows = (const struct ottla_topic *const *)rows;
    return topics;
}

/* In the order in which they were asked for, or by name when nobody named any. */
static int describe_by_metadata(struct admin *ad, struct metadata_req_metadata_request_topic *asked,
                                int32_t count, struct ottla_topics **ret)
{
    struct metadata_ask m = {0};
    struct fill f;
    m.req.include_topic_authorized_operations = ad->options.include_authorized_operations;
    int code = admin_metadata(ad, &m, asked, count);
    if (!code) {
        struct ottla_topics *topics = fill_topics(&f, &m.resp);
        if (asked == NULL && topics->count > 0) {
            qsort((void *)(uintptr_t)topics->rows, topics->count, sizeof *topics->rows,
                  compare_topics);
        }
        code = result_give(ad, &f, topics, ret);
    }
    exchange_deinit(&m.exchange);
    return code;
}

int ottla_list_topics(struct ottla_client *client, const struct ottla_admin_options *options,
                      struct ottla_topics **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NONE, ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    admin_begin(&ad, client, options, error);
    return admin_end(&ad, describe_by_metadata(&ad, NULL, -1, ret));
}

int ottla_describe_topics_by_id(struct ottla_client *client, const char *const *ids, size_t count,
                                const struct ottla_admin_options *options,
                                struct ottla_topics **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES(ids, count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    admin_begin(&ad, client, options, error);
    struct metadata_req_metadata_request_topic *asked = admin_array(&ad, count, sizeof *asked);
    for (size_t i = 0; i < count; i++) {
        asked[i] = metadata_req_metadata_request_topic_default;
        asked[i].name = STR_NULL;
        if (!uuid_parse(str_from(ids[i]), &asked[i].topic_id)) {
            return admin_end(&ad, error_set(error, ERR_INVALID_REQUEST,
                                            "'%s' is not the id of a topic", ids[i]));
        }
    }
    return admin_end(&ad, describe_by_metadata(&ad, asked, (int32_t)count, ret));
}

/* --- DescribeTopicPartitions: it comes in parts --- */

typedef struct describe_topic_partitions_resp_describe_topic_partitions_response_topic dtp_topic;
typedef struct describe_topic_partitions_resp_describe_topic_partitions_response_partition dtp_part;

/* A topic that is being read. */
struct gathered {
    struct ottla_topic *to;
    struct ottla_partition **rows;
    size_t cap;
};

static void add_partition(struct fill *f, struct gathered *g, const dtp_part *p)
{
    if (g->to->partition_count == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 16;
        struct ottla_partition **rows = arena_array(f->arena, cap, sizeof *rows);
        if (rows == NULL) {
            f->failed = true;
            return;
        }
        for (size_t i = 0; i < g->to->partition_count; i++) {
            rows[i] = g->rows[i];
        }
        g->rows = rows;
        g->cap = cap;
    }
    struct ottla_partition *to = ARENA_NEW(f->arena, struct ottla_partition);
    if (to == NULL) {
        f->failed = true;
        return;
    }
    g->rows[g->to->partition_count++] = to;
    to->partition = p->partition_index;
    to->error = p->error_code;
    to->leader = p->leader_id;
    to->leader_epoch = p->leader_epoch;
    to->replicas = fill_ids(f, p->replica_nodes, p->replica_nodes_count);
    to->isr = fill_ids(f, p->isr_nodes, p->isr_nodes_count);
    to->offline = fill_ids(f, p->offline_replicas, p->offline_replicas_count);
    to->has_elr = true;
    to->elr = fill_ids(f, p->eligible_leader_replicas, p->eligible_leader_replicas_count);
    to->last_known_elr = fill_ids(f, p->last_known_elr, p->last_known_elr_count);
}

static void gather(struct fill *f, struct gathered *g, const dtp_topic *t)
{
    g->to->id = fill_uuid(f, t->topic_id);
    g->to->is_internal = t->is_internal;
    g->to->error = t->error_code;
    g->to->message = fill_message(f, t->error_code, STR_NULL);
    g->to->authorized_operations = t->topic_authorized_operations;
    for (int32_t i = 0; i < t->partitions_count && !f->failed; i++) {
        add_partition(f, g, &t->partitions[i]);
    }
    g->to->partitions = (const struct ottla_partition *const *)g->rows;
}

/* The topics of a description, and their places in the order of names. */
struct gathering {
    struct gathered *all;
    struct by_topic order;
};

/* The first of that name; NULL: nobody asked for it. */
static struct gathered *find_gathered(const struct gathering *g, struct str name)
{
    size_t lo = 0, hi = g->order.count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        bool is_before = str_cmp(str_from(by_topic_name(&g->order, mid)), name) < 0;
        lo = is_before ? mid + 1 : lo;
        hi = is_before ? hi : mid;
    }
    bool is_it = lo < g->order.count && str_eq(str_from(by_topic_name(&g->order, lo)), name);
    return is_it ? &g->all[g->order.index[lo]] : NULL;
}

static void gather_all(struct fill *f, const struct gathering *g,
                       const struct describe_topic_partitions_resp *resp)
{
    for (int32_t i = 0; i < resp->topics_count; i++) {
        struct gathered *to = find_gathered(g, resp->topics[i].name);
        if (to != NULL) {
            gather(f, to, &resp->topics[i]);
        }
    }
}

/* Takes over where the next part begins. False unless that is behind where this one did: who goes
 * round in circles would never be done. */
static bool move_cursor(struct admin *ad, struct describe_topic_partitions_req *req,
                        struct describe_topic_partitions_req_cursor *cursor,
                        const struct describe_topic_partitions_resp_cursor *next)
{
    int c = str_cmp(next->topic_name, cursor->topic_name);
    if (req->cursor != NULL &&
        (c < 0 || (c == 0 && next->partition_index <= cursor->partition_index))) {
        return false;
    }
    char *copy = admin_array(ad, next->topic_name.len + 1, 1);
    memcpy(copy, next->topic_name.p, next->topic_name.len);
    cursor->topic_name = (struct str){copy, next->topic_name.len};
    cursor->partition_index = next->partition_index;
    req->cursor = cursor;
    return true;
}

/* Asks until the cursor is at the end. Topics are answered in the order of their names, and a part
 * may begin within one. */
static int gather_parts(struct admin *ad, struct fill *f, const struct gathering *g,
                        struct describe_topic_partitions_req *req)
{
    struct describe_topic_partitions_resp resp;
    struct describe_topic_partitions_req_cursor cursor =
        describe_topic_partitions_req_cursor_default;
    struct exchange ex = {0};
    int code;
    do {
        code = admin_ask(
            ad, &ex, &(struct call){.api_key = API_DESCRIBE_TOPIC_PARTITIONS, .msg = req}, &resp);
        if (code) {
            break;
        }
        gather_all(f, g, &resp);
        if (resp.next_cursor != NULL && !move_cursor(ad, req, &cursor, resp.next_cursor)) {
            code = error_code(ad->error, ERR_MALFORMED, "DescribeTopicPartitions: no progress");
            break;
        }
    } while (resp.next_cursor != NULL && !f->failed);
    req->cursor = NULL;
    exchange_deinit(&ex);
    return code;
}

static int describe_in_parts(struct admin *ad, const char *const *names, size_t count,
                             struct ottla_topics **ret)
{
    struct fill f;
    struct describe_topic_partitions_req req = describe_topic_partitions_req_default;
    struct ottla_topics *topics = result_new(sizeof *topics, &f);
    topics->count = count;
    struct ottla_topic **rows = fill_rows(&f, &topics->count, sizeof **rows);
    struct gathered *all = admin_array(ad, count, sizeof *all);
    struct gathering g = {all, by_topic_new(ad, names, sizeof *names, count)};
    req.topics = admin_array(ad, count, sizeof *req.topics);
    req.topics_count = (int32_t)count;
    req.response_partition_limit = DESCRIBE_LIMIT;
    for (size_t i = 0; i < topics->count; i++) {
        req.topics[i].name = str_from(names[i]);
        all[i].to = rows[i];
        rows[i]->name = fill_text(&f, str_from(names[i]));
        rows[i]->error = ERR_UNKNOWN_TOPIC_OR_PARTITION;
        rows[i]->message = ottla_error_text(rows[i]->error);
    }
    topics->rows = (const struct ottla_topic *const *)rows;
    int code = topics->count ? gather_parts(ad, &f, &g, &req) : 0;
    if (code) {
        result_free(topics);
        return code;
    }
    return result_give(ad, &f, topics, ret);
}

int ottla_describe_topics(struct ottla_client *client, const char *const *names, size_t count,
                          const struct ottla_admin_options *options, struct ottla_topics **ret,
                          struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES(names, count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    admin_begin(&ad, client, options, error);
    int code = describe_in_parts(&ad, names, count, ret);
    if (code == ERR_UNSUPPORTED_VERSION) {
        struct metadata_req_metadata_request_topic *asked = admin_array(&ad, count, sizeof *asked);
        for (size_t i = 0; i < count; i++) {
            asked[i] = metadata_req_metadata_request_topic_default;
            asked[i].name = str_from(names[i]);
        }
        code = describe_by_metadata(&ad, asked, (int32_t)count, ret);
    }
    return admin_end(&ad, code);
}

/* --- create --- */

static void build_assignment(struct admin *ad, struct create_topics_req_creatable_topic *to,
                             const struct ottla_new_topic *from)
{
    to->assignments = admin_array(ad, from->assignment_count, sizeof *to->assignments);
    to->assignments_count = (int32_t)from->assignment_count;
    for (size_t i = 0; i < from->assignment_count; i++) {
        to->assignments[i].partition_index = (int32_t)i;
        to->assignments[i].broker_ids = (int32_t *)(uintptr_t)from->assignments[i].ids;
        to->assignments[i].broker_ids_count = (int32_t)from->assignments[i].count;
    }
}

static void build_new_topic(struct admin *ad, struct create_topics_req_creatable_topic *to,
                            const struct ottla_new_topic *from)
{
    *to = create_topics_req_creatable_topic_default;
    to->name = str_from(from->name);
    to->num_partitions = from->assignment_count ? -1 : from->partition_count;
    to->replication_factor = from->assignment_count ? (int16_t)-1 : from->replication_factor;
    build_assignment(ad, to, from);
    to->configs = admin_array(ad, from->config_count, sizeof *to->configs);
    to->configs_count = (int32_t)from->config_count;
    for (size_t i = 0; i < from->config_count; i++) {
        to->configs[i].name = str_from(from->configs[i].name);
        to->configs[i].value = str_from(from->configs[i].value);
    }
}

/* Old brokers want numbers, new ones may be asked for their defaults. */
static int16_t create_version(const struct ottla_new_topic *topics, size_t count)
{
    int16_t lo = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_default = topics[i].partition_count < 0 || topics[i].replication_factor < 0;
        lo = is_default && topics[i].assignment_count == 0 ? 4 : lo;
    }
    return lo;
}

/* The controller moved: then nothing was done, and all is asked again. */
static int again_if_moved(int so_far, int code)
{
    return code == ERR_NOT_CONTROLLER || code == ERR_THROTTLING_QUOTA_EXCEEDED
               ? worth_another(so_far, code)
               : so_far;
}

static bool have_lists(const struct ottla_new_topic *topics, size_t count,
                       struct ottla_error *error)
{
    bool have = true;
    for (size_t i = 0; have && i < count; i++) {
        const struct ottla_new_topic *t = &topics[i];
        have = (t->assignment_count == 0 || !is_null(t->assignments, "list of replicas", error)) &&
               (t->config_count == 0 || !is_null(t->configs, "list of configs", error));
    }
    return have;
}

int ottla_create_topics(struct ottla_client *client, const struct ottla_new_topic *topics,
                        size_t count, const struct ottla_admin_options *options,
                        struct ottla_outcomes **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES(topics, count), ret, error) ||
        !have_lists(topics, count, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct exchange ex = {0};
    struct create_topics_req req = create_topics_req_default;
    struct create_topics_resp resp;
    admin_begin(&ad, client, options, error);
    req.topics = admin_array(&ad, count, sizeof *req.topics);
    req.topics_count = (int32_t)count;
    req.validate_only = ad.options.validate_only;
    struct ottla_outcomes *o = outcomes_new(count, &f);
    for (size_t i = 0; i < o->count; i++) {
        build_new_topic(&ad, &req.topics[i], &topics[i]);
        outcome_name(&f, outcome_row(o, i), topics[i].name, -1);
    }
    int code, again;
    do {
        size_t hint = again = 0;
        req.timeout_ms = admin_left_ms(&ad);
        code = admin_ask(&ad, &ex,
                         &(struct call){.api_key = API_CREATE_TOPICS,
                                        .version_lo = create_version(topics, count),
                                        .to = CALL_CONTROLLER,
                                        .msg = &req},
                         &resp);
        for (int32_t i = 0; !code && i < resp.topics_count; i++) {
            const struct create_topics_resp_creatable_topic_result *t = &resp.topics[i];
            outcome_set(&f, outcome_find(o, &hint, t->name, -1), t->error_code, t->error_message);
            again = again_if_moved(again, t->error_code);
        }
    } while (!code && admin_again(&ad, again));
    exchange_deinit(&ex);
    return admin_end(&ad, outcomes_give(&ad, &f, code, o, ret));
}

/* --- delete --- */

struct deletion {
    struct delete_topics_req req;
    struct delete_topics_req_delete_topic_state *states;
    struct str *names;
    int32_t count;
};

static void fit_deletion(void *msg, int version)
{
    struct delete_topics_req *req = msg;
    struct deletion *d = CONTAINER_OF(req, struct deletion, req);
    req->topics = version >= 6 ? d->states : NULL;
    req->topics_count = version >= 6 ? d->count : 0;
    req->topic_names = version >= 6 ? NULL : d->names;
    req->topic_names_count = version >= 6 ? 0 : d->count;
}

int ottla_delete_topics(struct ottla_client *client, const char *const *names, size_t count,
                        const struct ottla_admin_options *options, struct ottla_outcomes **ret,
                        struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES(names, count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct exchange ex = {0};
    struct delete_topics_resp resp;
    admin_begin(&ad, client, options, error);
    struct deletion d = {.req = delete_topics_req_default, .count = (int32_t)count};
    d.states = admin_array(&ad, count, sizeof *d.states);
    d.names = admin_array(&ad, count, sizeof *d.names);
    struct ottla_outcomes *o = outcomes_new(count, &f);
    for (size_t i = 0; i < o->count; i++) {
        d.names[i] = d.states[i].name = str_from(names[i]);
        outcome_name(&f, outcome_row(o, i), names[i], -1);
    }
    int code, again;
    do {
        size_t hint = again = 0;
        d.req.timeout_ms = admin_left_ms(&ad);
        code = admin_ask(&ad, &ex,
                         &(struct call){.api_key = API_DELETE_TOPICS,
                                        .to = CALL_CONTROLLER,
                                        .msg = &d.req,
                                        .fit = fit_deletion},
                         &resp);
        for (int32_t i = 0; !code && i < resp.responses_count; i++) {
            const struct delete_topics_resp_deletable_topic_result *t = &resp.responses[i];
            outcome_set(&f, outcome_find(o, &hint, t->name, -1), t->error_code, t->error_message);
            again = again_if_moved(again, t->error_code);
        }
    } while (!code && admin_again(&ad, again));
    exchange_deinit(&ex);
    return admin_end(&ad, outcomes_give(&ad, &f, code, o, ret));
}

/* --- more partitions --- */

static void build_growth(struct admin *ad, struct create_partitions_req_create_partitions_topic *to,
                         const struct ottla_new_partitions *from)
{
    *to = create_partitions_req_create_partitions_topic_default;
    to->name = str_from(from->topic);
    to->count = from->total_count;
    to->assignments_count = -1;
    if (from->assignment_count > 0) {
        to->assignments = admin_array(ad, from->assignment_count, sizeof *to->assignments);
        to->assignments_count = (int32_t)from->assignment_count;
    }
    for (size_t i = 0; i < from->assignment_count; i++) {
        to->assignments[i].broker_ids = (int32_t *)(uintptr_t)from->assignments[i].ids;
        to->assignments[i].broker_ids_count = (int32_t)from->assignments[i].count;
    }
}

static bool have_assignments(const struct ottla_new_partitions *topics, size_t count,
                             struct ottla_error *error)
{
    bool have = true;
    for (size_t i = 0; have && i < count; i++) {
        have = topics[i].assignment_count == 0 ||
               !is_null(topics[i].assignments, "list of replicas", error);
    }
    return have;
}

int ottla_create_partitions(struct ottla_client *client, const struct ottla_new_partitions *topics,
                            size_t count, const struct ottla_admin_options *options,
                            struct ottla_outcomes **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES(topics, count), ret, error) ||
        !have_assignments(topics, count, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct exchange ex = {0};
    struct create_partitions_req req = create_partitions_req_default;
    struct create_partitions_resp resp;
    admin_begin(&ad, client, options, error);
    req.topics = admin_array(&ad, count, sizeof *req.topics);
    req.topics_count = (int32_t)count;
    req.validate_only = ad.options.validate_only;
    struct ottla_outcomes *o = outcomes_new(count, &f);
    for (size_t i = 0; i < o->count; i++) {
        build_growth(&ad, &req.topics[i], &topics[i]);
        outcome_name(&f, outcome_row(o, i), topics[i].topic, -1);
    }
    int code, again;
    do {
        size_t hint = again = 0;
        req.timeout_ms = admin_left_ms(&ad);
        code = admin_ask(
            &ad, &ex,
            &(struct call){.api_key = API_CREATE_PARTITIONS, .to = CALL_CONTROLLER, .msg = &req},
            &resp);
        for (int32_t i = 0; !code && i < resp.results_count; i++) {
            const struct create_partitions_resp_create_partitions_topic_result *t =
                &resp.results[i];
            outcome_set(&f, outcome_find(o, &hint, t->name, -1), t->error_code, t->error_message);
            again = again_if_moved(again, t->error_code);
        }
    } while (!code && admin_again(&ad, again));
    exchange_deinit(&ex);
    return admin_end(&ad, outcomes_give(&ad, &f, code, o, ret));
}
