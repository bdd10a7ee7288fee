/* Where replicas lie and who leads them: log directories, elections, reassignments. The caller's
 * thread. */
#include "client/admin/admin.h"

#include "base/mem.h"

/* --- log directories --- */

void ottla_log_dirs_free(struct ottla_log_dirs *dirs) { result_free(dirs); }

static void build_dirs(struct admin *ad, struct describe_log_dirs_req *req,
                       const struct ottla_topic_partition *partitions, size_t count)
{
    *req = describe_log_dirs_req_default;
    req->topics_count = -1;
    if (count == 0) {
        return;
    }
    struct by_topic b = by_topic_new(ad, partitions, sizeof *partitions, count);
    struct describe_log_dirs_req_describable_log_dir_topic *t = NULL;
    int32_t *rows = admin_array(ad, count, sizeof *rows);
    req->topics = admin_array(ad, count, sizeof *req->topics);
    req->topics_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (by_topic_is_new(&b, i)) {
            t = &req->topics[req->topics_count++];
            t->topic = str_from(by_topic_name(&b, i));
            t->partitions = &rows[i];
        }
        const struct ottla_topic_partition *tp = by_topic_at(&b, i);
        t->partitions[t->partitions_count++] = tp->partition;
    }
}

static void fill_dir(struct fill *f, struct ottla_log_dir *to,
                     const struct describe_log_dirs_resp_describe_log_dirs_result *r)
{
    size_t n = 0;
    to->path = fill_text(f, r->log_dir);
    to->error = r->error_code;
    to->message = fill_message(f, r->error_code, STR_NULL);
    to->total_bytes = r->total_bytes;
    to->usable_bytes = r->usable_bytes;
    for (int32_t i = 0; i < r->topics_count; i++) {
        to->count += (size_t)MAX(r->topics[i].partitions_count, 0);
    }
    struct ottla_log_dir_partition **rows = fill_rows(f, &to->count, sizeof **rows);
    for (int32_t i = 0; i < r->topics_count && to->count > 0; i++) {
        const char *topic = fill_text(f, r->topics[i].name);
        for (int32_t k = 0; k < r->topics[i].partitions_count; k++, n++) {
            const struct describe_log_dirs_resp_describe_log_dirs_partition *p =
                &r->topics[i].partitions[k];
            *rows[n] = (struct ottla_log_dir_partition){
                topic, p->partition_index, p->partition_size, p->offset_lag, p->is_future_key};
        }
    }
    to->partitions = (const struct ottla_log_dir_partition *const *)rows;
}

/* What one broker answered. */
struct dirs_of {
    int32_t broker;
    struct exchange exchange;
    struct describe_log_dirs_resp resp;
    int code;
    struct ottla_error why;
};

/* A broker that failed has one row, without a path. */
static size_t dirs_count(const struct dirs_of *d)
{
    return d->code ? 1 : (size_t)MAX(d->resp.results_count, 0);
}

static void fill_broker_dirs(struct fill *f, struct ottla_log_dir **rows, const struct dirs_of *d)
{
    for (size_t i = 0; i < dirs_count(d); i++) {
        rows[i]->broker = d->broker;
        if (d->code) {
            rows[i]->error = d->code;
            rows[i]->message = fill_text(f, str_from(d->why.message));
        } else {
            fill_dir(f, rows[i], &d->resp.results[i]);
        }
    }
}

static void read_dirs(struct admin *ad, struct dirs_of *d)
{
    d->code = exchange_read(ad, &d->exchange, &d->resp, &d->why);
    if (!d->code && d->resp.error_code) {
        d->code = error_code(&d->why, d->resp.error_code, NULL);
    }
}

static int ask_dirs(struct admin *ad, struct ottla_ids brokers,
                    const struct ottla_topic_partition *partitions, size_t count,
                    struct ottla_log_dirs **ret)
{
    struct describe_log_dirs_req req;
    struct fill f;
    build_dirs(ad, &req, partitions, count);
    struct dirs_of *all = mem_zalloc(sizeof *all * (brokers.count + 1));
    for (size_t i = 0; i < brokers.count; i++) {
        all[i].broker = brokers.ids[i];
        exchange_send(ad, &all[i].exchange,
                      &(struct call){.api_key = API_DESCRIBE_LOG_DIRS,
                                     .to = CALL_NODE,
                                     .node_id = brokers.ids[i],
                                     .msg = &req});
    }
    admin_wait_all(ad);
    struct ottla_log_dirs *dirs = result_new(sizeof *dirs, &f);
    for (size_t i = 0; i < brokers.count; i++) {
        read_dirs(ad, &all[i]);
        dirs->count += dirs_count(&all[i]);
    }
    struct ottla_log_dir **rows = fill_rows(&f, &dirs->count, sizeof **rows);
    for (size_t i = 0, at = 0; i < brokers.count; i++) {
        if (rows != NULL && !f.failed) {
            fill_broker_dirs(&f, rows + at, &all[i]);
        }
        at += dirs_count(&all[i]);
        exchange_deinit(&all[i].exchange);
    }
    mem_free(all);
    dirs->rows = (const struct ottla_log_dir *const *)rows;
    return result_give(ad, &f, dirs, ret);
}

static int all_brokers(struct admin *ad, struct ottla_ids *ret)
{
    struct metadata_ask m = {0};
    int code = admin_metadata(ad, &m, NULL, 0);
    if (!code) {
        size_t n = (size_t)MAX(m.resp.brokers_count, 0);
        int32_t *ids = admin_array(ad, n, sizeof *ids);
        for (size_t i = 0; i < n; i++) {
            ids[i] = m.resp.brokers[i].node_id;
        }
        *ret = (struct ottla_ids){n, ids};
    }
    exchange_deinit(&m.exchange);
    return code;
}

int ottla_describe_log_dirs(struct ottla_client *client, struct ottla_ids brokers,
                            const struct ottla_topic_partition *partitions, size_t count,
                            const struct ottla_admin_options *options, struct ottla_log_dirs **ret,
                            struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES_OR_ALL(partitions, count), ret, error) ||
        !admin_may(client, GIVEN_ROWS(brokers.ids, brokers.count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    admin_begin(&ad, client, options, error);
    int code = brokers.count > 0 ? 0 : all_brokers(&ad, &brokers);
    return admin_end(&ad, code ? code : ask_dirs(&ad, brokers, partitions, count, ret));
}

/* --- elections --- */

static void build_election(struct admin *ad, struct elect_leaders_req *req,
                           const struct ottla_topic_partition *partitions, size_t count)
{
    *req = elect_leaders_req_default;
    req->topic_partitions_count = -1;
    if (partitions == NULL) {
        return;
    }
    struct by_topic b = by_topic_new(ad, partitions, sizeof *partitions, count);
    struct elect_leaders_req_topic_partitions *t = NULL;
    int32_t *rows = admin_array(ad, count, sizeof *rows);
    req->topic_partitions = admin_array(ad, count, sizeof *req->topic_partitions);
    req->topic_partitions_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (by_topic_is_new(&b, i)) {
            t = &req->topic_partitions[req->topic_partitions_count++];
            t->topic = str_from(by_topic_name(&b, i));
            t->partitions = &rows[i];
        }
        const struct ottla_topic_partition *tp = by_topic_at(&b, i);
        t->partitions[t->partitions_count++] = tp->partition;
    }
}

static struct ottla_outcomes *fill_elected(struct fill *f, const struct elect_leaders_resp *resp)
{
    size_t count = 0, n = 0;
    for (int32_t i = 0; i < resp->replica_election_results_count; i++) {
        count += (size_t)MAX(resp->replica_election_results[i].partition_result_count, 0);
    }
    struct ottla_outcomes *o = outcomes_new(count, f);
    for (int32_t i = 0; i < resp->replica_election_results_count && o->count > 0; i++) {
        const struct elect_leaders_resp_replica_election_result *r =
            &resp->replica_election_results[i];
        const char *topic = fill_text(f, r->topic);
        for (int32_t k = 0; k < r->partition_result_count; k++, n++) {
            struct ottla_outcome *row = outcome_row(o, n);
            row->name = topic;
            row->partition = r->partition_result[k].partition_id;
            outcome_set(f, row, r->partition_result[k].error_code,
                        r->partition_result[k].error_message);
        }
    }
    return o;
}

int ottla_elect_leaders(struct ottla_client *client, enum ottla_election type,
                        const struct ottla_topic_partition *partitions, size_t count,
                        const struct ottla_admin_options *options, struct ottla_outcomes **ret,
                        struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES_OR_ALL(partitions, count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct exchange ex = {0};
    struct elect_leaders_req req;
    struct elect_leaders_resp resp;
    int code, again;
    admin_begin(&ad, client, options, error);
    build_election(&ad, &req, partitions, count);
    req.election_type = (int8_t)type;
    do {
        req.timeout_ms = admin_left_ms(&ad);
        code = admin_ask(&ad, &ex,
                         &(struct call){.api_key = API_ELECT_LEADERS,
                                        .version_lo = type == OTTLA_ELECT_PREFERRED ? 0 : 1,
                                        .to = CALL_CONTROLLER,
                                        .msg = &req},
                         &resp);
        again = !code && resp.error_code == ERR_NOT_CONTROLLER ? ERR_NOT_CONTROLLER : 0;
    } while (admin_again(&ad, again));
    if (!code && resp.error_code) {
        code = error_code(error, resp.error_code, NULL);
    }
    if (!code) {
        struct ottla_outcomes *o = fill_elected(&f, &resp);
        code = result_give(&ad, &f, o, ret);
    }
    exchange_deinit(&ex);
    return admin_end(&ad, code);
}

/* --- reassignments --- */

void ottla_reassignments_free(struct ottla_reassignments *r) { result_free(r); }

static void build_moves(struct admin *ad, struct alter_partition_reassignments_req *req,
                        const struct ottla_reassignment *changes, size_t count)
{
    struct by_topic b = by_topic_new(ad, changes, sizeof *changes, count);
    struct alter_partition_reassignments_req_reassignable_topic *t = NULL;
    *req = alter_partition_reassignments_req_default;
    req->allow_replication_factor_change = !ad->options.forbid_replication_factor_change;
    struct alter_partition_reassignments_req_reassignable_partition *rows =
        admin_array(ad, count, sizeof *rows);
    req->topics = admin_array(ad, count, sizeof *req->topics);
    for (size_t i = 0; i < count; i++) {
        const struct ottla_reassignment *c = by_topic_at(&b, i);
        if (by_topic_is_new(&b, i)) {
            t = &req->topics[req->topics_count++];
            t->name = str_from(c->topic);
            t->partitions = &rows[i];
        }
        struct alter_partition_reassignments_req_reassignable_partition *p =
            &t->partitions[t->partitions_count++];
        p->partition_index = c->partition;
        p->replicas = (int32_t *)(uintptr_t)c->replicas.ids;
        p->replicas_count = c->is_cancel ? -1 : (int32_t)c->replicas.count;
    }
}

static void set_moved(struct fill *f, struct ottla_outcomes *o,
                      const struct alter_partition_reassignments_resp *resp)
{
    size_t hint = 0;
    for (int32_t i = 0; i < resp->responses_count; i++) {
        const struct alter_partition_reassignments_resp_reassignable_topic_response *t =
            &resp->responses[i];
        for (int32_t k = 0; k < t->partitions_count; k++) {
            outcome_set(f, outcome_find(o, &hint, t->name, t->partitions[k].partition_index),
                        t->partitions[k].error_code, t->partitions[k].error_message);
        }
    }
}

int ottla_alter_reassignments(struct ottla_client *client, const struct ottla_reassignment *changes,
                              size_t count, const struct ottla_admin_options *options,
                              struct ottla_outcomes **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES(changes, count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct exchange ex = {0};
    struct alter_partition_reassignments_req req;
    struct alter_partition_reassignments_resp resp;
    int code, again;
    admin_begin(&ad, client, options, error);
    build_moves(&ad, &req, changes, count);
    struct ottla_outcomes *o = outcomes_new(count, &f);
    for (size_t i = 0; i < o->count; i++) {
        outcome_name(&f, outcome_row(o, i), changes[i].topic, changes[i].partition);
    }
    do {
        req.timeout_ms = admin_left_ms(&ad);
        code = admin_ask(&ad, &ex,
                         &(struct call){.api_key = API_ALTER_PARTITION_REASSIGNMENTS,
                                        .version_lo = req.allow_replication_factor_change ? 0 : 1,
                                        .to = CALL_CONTROLLER,
                                        .msg = &req},
                         &resp);
        again = !code && resp.error_code == ERR_NOT_CONTROLLER ? ERR_NOT_CONTROLLER : 0;
    } while (admin_again(&ad, again));
    if (!code && resp.error_code) {
        code = admin_refuse(error, resp.error_code, resp.error_message);
    } else if (!code) {
        set_moved(&f, o, &resp);
    }
    exchange_deinit(&ex);
    return admin_end(&ad, outcomes_give(&ad, &f, code, o, ret));
}

static void build_ongoing(struct admin *ad, struct list_partition_reassignments_req *req,
                          const struct ottla_topic_partition *partitions, size_t count)
{
    *req = list_partition_reassignments_req_default;
    req->topics_count = -1;
    if (partitions == NULL) {
        return;
    }
    struct by_topic b = by_topic_new(ad, partitions, sizeof *partitions, count);
    struct list_partition_reassignments_req_list_partition_reassignments_topics *t = NULL;
    int32_t *rows = admin_array(ad, count, sizeof *rows);
    req->topics = admin_array(ad, count, sizeof *req->topics);
    req->topics_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (by_topic_is_new(&b, i)) {
            t = &req->topics[req->topics_count++];
            t->name = str_from(by_topic_name(&b, i));
            t->partition_indexes = &rows[i];
        }
        const struct ottla_topic_partition *tp = by_topic_at(&b, i);
        t->partition_indexes[t->partition_indexes_count++] = tp->partition;
    }
}

static struct ottla_reassignments *fill_ongoing(
    struct fill *f, const struct list_partition_reassignments_resp *resp)
{
    struct ottla_reassignments *r = result_new(sizeof *r, f);
    size_t n = 0;
    for (int32_t i = 0; i < resp->topics_count; i++) {
        r->count += (size_t)MAX(resp->topics[i].partitions_count, 0);
    }
    struct ottla_ongoing_reassignment **rows = fill_rows(f, &r->count, sizeof **rows);
    for (int32_t i = 0; i < resp->topics_count && r->count > 0; i++) {
        const char *topic = fill_text(f, resp->topics[i].name);
        for (int32_t k = 0; k < resp->topics[i].partitions_count; k++, n++) {
            const struct list_partition_reassignments_resp_ongoing_partition_reassignment *p =
                &resp->topics[i].partitions[k];
            rows[n]->topic = topic;
            rows[n]->partition = p->partition_index;
            rows[n]->replicas = fill_ids(f, p->replicas, p->replicas_count);
            rows[n]->adding = fill_ids(f, p->adding_replicas, p->adding_replicas_count);
            rows[n]->removing = fill_ids(f, p->removing_replicas, p->removing_replicas_count);
        }
    }
    r->rows = (const struct ottla_ongoing_reassignment *const *)rows;
    return r;
}

int ottla_list_reassignments(struct ottla_client *client,
                             const struct ottla_topic_partition *partitions, size_t count,
                             const struct ottla_admin_options *options,
                             struct ottla_reassignments **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES_OR_ALL(partitions, count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct exchange ex = {0};
    struct list_partition_reassignments_req req;
    struct list_partition_reassignments_resp resp;
    int code, again;
    admin_begin(&ad, client, options, error);
    build_ongoing(&ad, &req, partitions, count);
    do {
        req.timeout_ms = admin_left_ms(&ad);
        code = admin_ask(&ad, &ex,
                         &(struct call){.api_key = API_LIST_PARTITION_REASSIGNMENTS,
                                        .to = CALL_CONTROLLER,
                                        .msg = &req},
                         &resp);
        again = !code && resp.error_code == ERR_NOT_CONTROLLER ? ERR_NOT_CONTROLLER : 0;
    } while (admin_again(&ad, again));
    if (!code && resp.error_code) {
        code = admin_refuse(error, resp.error_code, resp.error_message);
    }
    if (!code) {
        struct ottla_reassignments *r = fill_ongoing(&f, &resp);
        code = result_give(&ad, &f, r, ret);
    }
    exchange_deinit(&ex);
    return admin_end(&ad, code);
}
