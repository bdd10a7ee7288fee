/* The cluster: its brokers, their versions, quorum and features. The caller's thread. */
#include "client/admin/admin.h"

#include "base/attr.h"
#include "base/mem.h"

#include <stdlib.h>

static const char *const software_name = "ottla";

/* --- brokers --- */

void ottla_cluster_free(struct ottla_cluster *cluster) { result_free(cluster); }

static struct ottla_cluster *fill_cluster(struct fill *f, const struct describe_cluster_resp *resp)
{
    struct ottla_cluster *c = result_new(sizeof *c, f);
    c->id = fill_text(f, resp->cluster_id);
    c->controller_id = resp->controller_id;
    c->authorized_operations = resp->cluster_authorized_operations;
    c->node_count = resp->brokers_count > 0 ? (size_t)resp->brokers_count : 0;
    struct ottla_node **rows = fill_rows(f, &c->node_count, sizeof **rows);
    for (size_t i = 0; i < c->node_count; i++) {
        const struct describe_cluster_resp_describe_cluster_broker *b = &resp->brokers[i];
        *rows[i] = (struct ottla_node){b->broker_id, fill_text(f, b->host), b->port,
                                       fill_text(f, b->rack), b->is_fenced};
    }
    c->nodes = (const struct ottla_node *const *)rows;
    return c;
}

int ottla_describe_cluster(struct ottla_client *client, const struct ottla_admin_options *options,
                           struct ottla_cluster **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NONE, ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct exchange ex = {0};
    struct describe_cluster_req req = describe_cluster_req_default;
    struct describe_cluster_resp resp;
    admin_begin(&ad, client, options, error);
    req.include_cluster_authorized_operations = ad.options.include_authorized_operations;
    req.include_fenced_brokers = ad.options.include_fenced_brokers;
    bool asks_controllers = client->config->values.bootstrap_controllers[0] != '\0';
    req.endpoint_type = asks_controllers ? 2 : 1;
    int code =
        admin_ask(&ad, &ex,
                  &(struct call){.api_key = API_DESCRIBE_CLUSTER,
                                 .version_lo = req.include_fenced_brokers ? 2 : asks_controllers,
                                 .msg = &req},
                  &resp);
    if (!code && resp.error_code) {
        code = admin_refuse(error, resp.error_code, resp.error_message);
    }
    if (!code) {
        struct ottla_cluster *c = fill_cluster(&f, &resp);
        code = result_give(&ad, &f, c, ret);
    }
    exchange_deinit(&ex);
    return admin_end(&ad, code);
}

int ottla_unregister_broker(struct ottla_client *client, int32_t broker,
                            const struct ottla_admin_options *options, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NONE, client, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct exchange ex = {0};
    struct unregister_broker_req req = unregister_broker_req_default;
    struct unregister_broker_resp resp;
    int code, again;
    admin_begin(&ad, client, options, error);
    req.broker_id = broker;
    do {
        code = admin_ask(
            &ad, &ex,
            &(struct call){.api_key = API_UNREGISTER_BROKER, .to = CALL_CONTROLLER, .msg = &req},
            &resp);
        again = code ? 0 : worth_another(0, resp.error_code);
    } while (admin_again(&ad, again));
    if (!code && resp.error_code) {
        code = admin_refuse(error, resp.error_code, resp.error_message);
    }
    exchange_deinit(&ex);
    return admin_end(&ad, code);
}

/* --- versions --- */

void ottla_api_versions_free(struct ottla_api_versions *versions) { result_free(versions); }

static struct api_versions_req versions_request(void)
{
    struct api_versions_req req = api_versions_req_default;
    req.client_software_name = str_from(software_name);
    req.client_software_version = str_from(OTTLA_VERSION);
    return req;
}

static void fill_version(struct fill *f, struct ottla_api_version *to,
                         const struct api_versions_resp_api_version *v)
{
    const struct wire_msg *m = wire_request(v->api_key);
    to->key = v->api_key;
    to->min_version = v->min_version;
    to->max_version = v->max_version;
    to->usable_version = -1;
    if (m != NULL) {
        struct str name = str_from(wire_name(m));
        int hi = MIN(wire_max_version(m), v->max_version);
        to->name = fill_text(f, str_sub(name, 0, name.len - strlen("Request")));
        to->usable_version = v->min_version >= 0 && hi >= MAX(wire_min_version(m), v->min_version)
                                 ? (int16_t)hi
                                 : -1;
    }
}

/* Requests between brokers and controllers are no matter of a client. */
static bool is_for_clients(int16_t key)
{
    static const int16_t others[] = {52, 53, 54, 56, 58, 59, 62, 63, 67, 70, 73, 82};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (others[i] == key) {
            return false;
        }
    }
    return wire_request(key) != NULL;
}

static bool is_offered(const struct api_versions_resp *resp, int16_t key)
{
    for (int32_t i = 0; i < resp->api_keys_count; i++) {
        if (resp->api_keys[i].api_key == key) {
            return true;
        }
    }
    return false;
}

static int by_key(const void *a, const void *b)
{
    const struct ottla_api_version *x = *(const struct ottla_api_version *const *)a;
    const struct ottla_api_version *y = *(const struct ottla_api_version *const *)b;
    return (x->key > y->key) - (x->key < y->key);
}

static void fill_versions(struct fill *f, struct ottla_broker_api_versions *to,
                          const struct api_versions_resp *resp)
{
    enum { KEYS = 128 };
    int16_t missing[KEYS];
    size_t missing_count = 0, offered = resp->api_keys_count > 0 ? (size_t)resp->api_keys_count : 0;
    for (int i = 0; i < KEYS; i++) {
        int16_t key = (int16_t)i;
        if (is_for_clients(key) && !is_offered(resp, key)) {
            missing[missing_count++] = key;
        }
    }
    to->error = resp->error_code;
    to->message = fill_message(f, resp->error_code, STR_NULL);
    to->count = offered + missing_count;
    struct ottla_api_version **rows = fill_rows(f, &to->count, sizeof **rows);
    for (size_t i = 0; i < to->count; i++) {
        struct api_versions_resp_api_version none = {.min_version = -1, .max_version = -1};
        none.api_key = i < offered ? 0 : missing[i - offered];
        fill_version(f, rows[i], i < offered ? &resp->api_keys[i] : &none);
    }
    if (to->count > 0) {
        qsort(rows, to->count, sizeof *rows, by_key);
    }
    to->rows = (const struct ottla_api_version *const *)rows;
}

/* Asks all brokers of m at once. */
static struct ottla_api_versions *ask_versions(struct admin *ad, struct fill *f,
                                               const struct metadata_resp *cluster)
{
    struct api_versions_req req = versions_request();
    struct ottla_api_versions *v = result_new(sizeof *v, f);
    v->count = cluster->brokers_count > 0 ? (size_t)cluster->brokers_count : 0;
    struct ottla_broker_api_versions **rows = fill_rows(f, &v->count, sizeof **rows);
    struct exchange *exchanges = mem_zalloc(sizeof *exchanges * (v->count + 1));
    for (size_t i = 0; i < v->count; i++) {
        const struct metadata_resp_metadata_response_broker *b = &cluster->brokers[i];
        rows[i]->node = (struct ottla_node){b->node_id, fill_text(f, b->host), b->port,
                                            fill_text(f, b->rack), false};
        exchange_send(
            ad, &exchanges[i],
            &(struct call){
                .api_key = API_API_VERSIONS, .to = CALL_NODE, .node_id = b->node_id, .msg = &req});
    }
    admin_wait_all(ad);
    for (size_t i = 0; i < v->count; i++) {
        struct api_versions_resp resp;
        struct ottla_error why;
        int code = exchange_read(ad, &exchanges[i], &resp, &why);
        if (code) {
            rows[i]->error = code;
            rows[i]->message = fill_text(f, str_from(why.message));
        } else {
            fill_versions(f, rows[i], &resp);
        }
        exchange_deinit(&exchanges[i]);
    }
    mem_free(exchanges);
    v->rows = (const struct ottla_broker_api_versions *const *)rows;
    return v;
}

int ottla_list_api_versions(struct ottla_client *client, const struct ottla_admin_options *options,
                            struct ottla_api_versions **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NONE, ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct metadata_ask m = {0};
    admin_begin(&ad, client, options, error);
    int code = admin_metadata(&ad, &m, NULL, 0);
    if (!code) {
        struct ottla_api_versions *v = ask_versions(&ad, &f, &m.resp);
        code = result_give(&ad, &f, v, ret);
    }
    exchange_deinit(&m.exchange);
    return admin_end(&ad, code);
}

/* --- features --- */

void ottla_features_free(struct ottla_features *features) { result_free(features); }

static struct ottla_features *fill_features(struct fill *f, const struct api_versions_resp *resp)
{
    struct ottla_features *all = result_new(sizeof *all, f);
    all->finalized_epoch = resp->finalized_features_epoch;
    all->count = resp->supported_features_count > 0 ? (size_t)resp->supported_features_count : 0;
    struct ottla_feature **rows = fill_rows(f, &all->count, sizeof **rows);
    for (size_t i = 0; i < all->count; i++) {
        const struct api_versions_resp_supported_feature_key *s = &resp->supported_features[i];
        *rows[i] = (struct ottla_feature){fill_text(f, s->name), s->min_version, s->max_version, 0};
        for (int32_t k = 0; k < resp->finalized_features_count; k++) {
            if (str_eq(resp->finalized_features[k].name, s->name)) {
                rows[i]->finalized = resp->finalized_features[k].max_version_level;
            }
        }
    }
    all->rows = (const struct ottla_feature *const *)rows;
    return all;
}

int ottla_describe_features(struct ottla_client *client, const struct ottla_admin_options *options,
                            struct ottla_features **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NONE, ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct exchange ex = {0};
    struct api_versions_req req = versions_request();
    struct api_versions_resp resp;
    admin_begin(&ad, client, options, error);
    int code = admin_ask(
        &ad, &ex, &(struct call){.api_key = API_API_VERSIONS, .version_lo = 3, .msg = &req}, &resp);
    if (!code && resp.error_code) {
        code = error_code(error, resp.error_code, NULL);
    }
    if (!code) {
        struct ottla_features *all = fill_features(&f, &resp);
        code = result_give(&ad, &f, all, ret);
    }
    exchange_deinit(&ex);
    return admin_end(&ad, code);
}

/* Old answers tell of each feature, new ones of all together. */
static void set_updated(struct fill *f, struct ottla_outcomes *o,
                        const struct update_features_resp *resp)
{
    size_t hint = 0;
    for (size_t i = 0; i < o->count; i++) {
        outcome_set(f, outcome_row(o, i), resp->error_code, resp->error_message);
    }
    for (int32_t i = 0; i < resp->results_count; i++) {
        const struct update_features_resp_updatable_feature_result *r = &resp->results[i];
        outcome_set(f, outcome_find(o, &hint, r->feature, -1), r->error_code, r->error_message);
    }
}

int ottla_update_features(struct ottla_client *client, const struct ottla_feature_update *updates,
                          size_t count, const struct ottla_admin_options *options,
                          struct ottla_outcomes **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES(updates, count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct exchange ex = {0};
    struct update_features_req req = update_features_req_default;
    struct update_features_resp resp;
    admin_begin(&ad, client, options, error);
    struct ottla_outcomes *o = outcomes_new(count, &f);
    req.validate_only = ad.options.validate_only;
    req.feature_updates = admin_array(&ad, count, sizeof *req.feature_updates);
    req.feature_updates_count = (int32_t)count;
    for (size_t i = 0; i < o->count; i++) {
        req.feature_updates[i] = update_features_req_feature_update_key_default;
        req.feature_updates[i].feature = str_from(updates[i].name);
        req.feature_updates[i].max_version_level = updates[i].level;
        req.feature_updates[i].upgrade_type = (int8_t)updates[i].upgrade;
        outcome_name(&f, outcome_row(o, i), updates[i].name, -1);
    }
    int code, again;
    do {
        req.timeout_ms = admin_left_ms(&ad);
        code = admin_ask(&ad, &ex,
                         &(struct call){.api_key = API_UPDATE_FEATURES,
                                        .version_lo = 1,
                                        .to = CALL_CONTROLLER,
                                        .msg = &req},
                         &resp);
        again = !code && resp.error_code == ERR_NOT_CONTROLLER ? ERR_NOT_CONTROLLER : 0;
        if (!code) {
            set_updated(&f, o, &resp);
        }
    } while (admin_again(&ad, again));
    exchange_deinit(&ex);
    return admin_end(&ad, outcomes_give(&ad, &f, code, o, ret));
}

/* --- quorum --- */

void ottla_quorum_free(struct ottla_quorum *quorum) { result_free(quorum); }

static void *fill_replicas(struct fill *f, size_t *ret_count,
                           const struct describe_quorum_resp_replica_state *states, int32_t count)
{
    *ret_count = count > 0 ? (size_t)count : 0;
    struct ottla_quorum_replica **rows = fill_rows(f, ret_count, sizeof **rows);
    for (size_t i = 0; i < *ret_count; i++) {
        char id[UUID_TEXT_LEN + 1];
        uuid_format(states[i].replica_directory_id, id);
        *rows[i] = (struct ottla_quorum_replica){
            states[i].replica_id, fill_text(f, str_from(id)), states[i].log_end_offset,
            states[i].last_fetch_timestamp, states[i].last_caught_up_timestamp};
    }
    return rows;
}

static void fill_listeners(struct fill *f, struct ottla_quorum *q,
                           const struct describe_quorum_resp *resp)
{
    for (int32_t i = 0; i < resp->nodes_count; i++) {
        q->node_count += (size_t)MAX(resp->nodes[i].listeners_count, 0);
    }
    struct ottla_node **rows = fill_rows(f, &q->node_count, sizeof **rows);
    size_t n = 0;
    for (int32_t i = 0; i < resp->nodes_count && q->node_count > 0; i++) {
        for (int32_t k = 0; k < resp->nodes[i].listeners_count; k++, n++) {
            const struct describe_quorum_resp_listener *l = &resp->nodes[i].listeners[k];
            *rows[n] = (struct ottla_node){resp->nodes[i].node_id, fill_text(f, l->host), l->port,
                                           fill_text(f, l->name), false};
        }
    }
    q->nodes = (const struct ottla_node *const *)rows;
}

static struct ottla_quorum *fill_quorum(struct fill *f, const struct describe_quorum_resp *resp)
{
    const struct describe_quorum_resp_partition_data *p = &resp->topics[0].partitions[0];
    struct ottla_quorum *q = result_new(sizeof *q, f);
    q->leader_id = p->leader_id;
    q->leader_epoch = p->leader_epoch;
    q->high_watermark = p->high_watermark;
    q->voters = fill_replicas(f, &q->voter_count, p->current_voters, p->current_voters_count);
    q->observers = fill_replicas(f, &q->observer_count, p->observers, p->observers_count);
    fill_listeners(f, q, resp);
    return q;
}

static int check_quorum(const struct describe_quorum_resp *resp, struct ottla_error *error)
{
    if (resp->error_code) {
        return admin_refuse(error, resp->error_code, resp->error_message);
    }
    if (resp->topics_count != 1 || resp->topics[0].partitions_count != 1) {
        return error_code(error, ERR_MALFORMED, "DescribeQuorum: not one partition");
    }
    const struct describe_quorum_resp_partition_data *p = &resp->topics[0].partitions[0];
    return p->error_code ? admin_refuse(error, p->error_code, p->error_message) : 0;
}

int ottla_describe_quorum(struct ottla_client *client, const struct ottla_admin_options *options,
                          struct ottla_quorum **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NONE, ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct exchange ex = {0};
    struct describe_quorum_req_partition_data partition = {.partition_index = 0};
    struct describe_quorum_req_topic_data topic = {
        .topic_name = STR("__cluster_metadata"), .partitions = &partition, .partitions_count = 1};
    struct describe_quorum_req req = describe_quorum_req_default;
    struct describe_quorum_resp resp;
    req.topics = &topic;
    req.topics_count = 1;
    admin_begin(&ad, client, options, error);
    int code =
        admin_ask(&ad, &ex, &(struct call){.api_key = API_DESCRIBE_QUORUM, .msg = &req}, &resp);
    code = code ? code : check_quorum(&resp, error);
    if (!code) {
        struct ottla_quorum *q = fill_quorum(&f, &resp);
        code = result_give(&ad, &f, q, ret);
    }
    exchange_deinit(&ex);
    return admin_end(&ad, code);
}
