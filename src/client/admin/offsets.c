/* Offsets of groups: list, alter, delete, at the group's coordinator. The caller's thread. */
#include "client/admin/admin.h"

enum { COMMIT_VERSION_MAX = 9, FETCH_VERSION_MAX = 9 }; /* later ones name topics by their ids */

/* --- list --- */

struct fetch_offsets {
    struct offset_fetch_req req; /* first: fit gets it */
    struct offset_fetch_req_offset_fetch_request_group group;
    struct offset_fetch_req_offset_fetch_request_topics *topics; /* NULL: all */
    struct offset_fetch_req_offset_fetch_request_topic *old_topics;
    int32_t topics_count;
    bool require_stable;
};

static void fit_fetch(void *msg, int version)
{
    struct fetch_offsets *o =
        CONTAINER_OF((struct offset_fetch_req *)msg, struct fetch_offsets, req);
    struct str group_id = o->group.group_id;
    o->req = offset_fetch_req_default;
    o->req.require_stable = o->require_stable;
    if (version >= 8) {
        o->group.topics = o->topics;
        o->group.topics_count = o->topics_count;
        o->req.groups = &o->group;
        o->req.groups_count = 1;
        return;
    }
    o->req.group_id = group_id;
    o->req.topics = o->old_topics;
    o->req.topics_count = o->topics_count;
}

static void build_fetch(struct admin *ad, struct fetch_offsets *o,
                        const struct ottla_topic_partition *partitions, size_t count)
{
    o->topics_count = -1;
    if (partitions == NULL) {
        return;
    }
    struct by_topic b = by_topic_new(ad, partitions, sizeof *partitions, count);
    o->topics = admin_array(ad, count, sizeof *o->topics);
    o->old_topics = admin_array(ad, count, sizeof *o->old_topics);
    int32_t *numbers = admin_array(ad, count, sizeof *numbers);
    o->topics_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (by_topic_is_new(&b, i)) {
            o->topics[o->topics_count].name = str_from(by_topic_name(&b, i));
            o->topics[o->topics_count++].partition_indexes = &numbers[i];
        }
        const struct ottla_topic_partition *tp = by_topic_at(&b, i);
        numbers[i] = tp->partition;
        o->topics[o->topics_count - 1].partition_indexes_count++;
    }
    for (int32_t i = 0; i < o->topics_count; i++) {
        o->old_topics[i].name = o->topics[i].name;
        o->old_topics[i].partition_indexes = o->topics[i].partition_indexes;
        o->old_topics[i].partition_indexes_count = o->topics[i].partition_indexes_count;
    }
}

/* A partition of either answer. */
static void fill_committed(struct fill *f, struct ottla_partition_offset *to, const char *topic,
                           const struct offset_fetch_resp_offset_fetch_response_partitions *p)
{
    to->topic = topic;
    to->partition = p->partition_index;
    to->error = p->error_code;
    to->message = fill_message(f, p->error_code, STR_NULL);
    to->offset = p->committed_offset;
    to->timestamp_ms = -1;
    to->leader_epoch = p->committed_leader_epoch;
    to->metadata = fill_text(f, p->metadata);
}

static struct ottla_offsets *fill_group(
    struct fill *f, const struct offset_fetch_resp_offset_fetch_response_group *g)
{
    struct ottla_offsets *o = result_new(sizeof *o, f);
    size_t n = 0;
    for (int32_t i = 0; i < g->topics_count; i++) {
        o->count += (size_t)MAX(g->topics[i].partitions_count, 0);
    }
    struct ottla_partition_offset **rows = fill_rows(f, &o->count, sizeof **rows);
    for (int32_t i = 0; i < g->topics_count && o->count > 0; i++) {
        const char *topic = fill_text(f, g->topics[i].name);
        for (int32_t k = 0; k < g->topics[i].partitions_count; k++, n++) {
            fill_committed(f, rows[n], topic, &g->topics[i].partitions[k]);
        }
    }
    o->rows = (const struct ottla_partition_offset *const *)rows;
    return o;
}

/* The old answer has the same things elsewhere. */
static struct ottla_offsets *fill_old(struct fill *f, const struct offset_fetch_resp *resp)
{
    struct ottla_offsets *o = result_new(sizeof *o, f);
    size_t n = 0;
    for (int32_t i = 0; i < resp->topics_count; i++) {
        o->count += (size_t)MAX(resp->topics[i].partitions_count, 0);
    }
    struct ottla_partition_offset **rows = fill_rows(f, &o->count, sizeof **rows);
    for (int32_t i = 0; i < resp->topics_count && o->count > 0; i++) {
        const char *topic = fill_text(f, resp->topics[i].name);
        for (int32_t k = 0; k < resp->topics[i].partitions_count; k++, n++) {
            const struct offset_fetch_resp_offset_fetch_response_partition *p =
                &resp->topics[i].partitions[k];
            fill_committed(f, rows[n], topic,
                           &(struct offset_fetch_resp_offset_fetch_response_partitions){
                               .partition_index = p->partition_index,
                               .committed_offset = p->committed_offset,
                               .committed_leader_epoch = p->committed_leader_epoch,
                               .metadata = p->metadata,
                               .error_code = p->error_code});
        }
    }
    o->rows = (const struct ottla_partition_offset *const *)rows;
    return o;
}

/* The group's own error; UNSTABLE_OFFSET_COMMIT is said of partitions. */
static int fetch_code(const struct offset_fetch_resp *resp, int version)
{
    if (version < 8) {
        return resp->error_code;
    }
    if (resp->groups_count != 1) {
        return ERR_MALFORMED;
    }
    for (int32_t i = 0; !resp->groups[0].error_code && i < resp->groups[0].topics_count; i++) {
        for (int32_t k = 0; k < resp->groups[0].topics[i].partitions_count; k++) {
            if (resp->groups[0].topics[i].partitions[k].error_code == ERR_UNSTABLE_OFFSET_COMMIT) {
                return ERR_UNSTABLE_OFFSET_COMMIT;
            }
        }
    }
    return resp->groups[0].error_code;
}

int ottla_list_group_offsets(struct ottla_client *client, const char *group,
                             const struct ottla_topic_partition *partitions, size_t count,
                             const struct ottla_admin_options *options, struct ottla_offsets **ret,
                             struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES_OR_ALL(partitions, count), ret, error) ||
        is_null(group, "name of the group", error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct exchange ex = {0};
    struct fetch_offsets o = {.group = offset_fetch_req_offset_fetch_request_group_default};
    struct offset_fetch_resp resp;
    int code, again;
    admin_begin(&ad, client, options, error);
    o.group.group_id = str_from(group);
    o.require_stable = ad.options.require_stable;
    build_fetch(&ad, &o, partitions, count);
    do {
        code = admin_ask(&ad, &ex,
                         &(struct call){.api_key = API_OFFSET_FETCH,
                                        .version_lo = o.require_stable ? 7
                                                      : partitions     ? 1
                                                                       : 2,
                                        .version_hi = FETCH_VERSION_MAX,
                                        .to = CALL_COORDINATOR,
                                        .key = str_from(group),
                                        .msg = &o.req,
                                        .fit = fit_fetch},
                         &resp);
        again = code ? 0 : fetch_code(&resp, ex.request.call.version);
    } while (!code && admin_again(&ad, again));
    code = code ? code : again ? error_code(error, again, NULL) : 0;
    if (!code) {
        struct ottla_offsets *r =
            ex.request.call.version >= 8 ? fill_group(&f, &resp.groups[0]) : fill_old(&f, &resp);
        code = result_give(&ad, &f, r, ret);
    }
    exchange_deinit(&ex);
    return admin_end(&ad, code);
}

/* --- alter --- */

static void build_commit(struct admin *ad, struct offset_commit_req *req,
                         const struct ottla_offset_value *offsets, size_t count)
{
    struct by_topic b = by_topic_new(ad, offsets, sizeof *offsets, count);
    struct offset_commit_req_offset_commit_request_topic *t = NULL;
    struct offset_commit_req_offset_commit_request_partition *rows =
        admin_array(ad, count, sizeof *rows);
    req->topics = admin_array(ad, count, sizeof *req->topics);
    for (size_t i = 0; i < count; i++) {
        const struct ottla_offset_value *v = by_topic_at(&b, i);
        if (by_topic_is_new(&b, i)) {
            t = &req->topics[req->topics_count++];
            *t = offset_commit_req_offset_commit_request_topic_default;
            t->name = str_from(v->topic);
            t->partitions = &rows[i];
        }
        struct offset_commit_req_offset_commit_request_partition *p =
            &t->partitions[t->partitions_count++];
        *p = offset_commit_req_offset_commit_request_partition_default;
        p->partition_index = v->partition;
        p->committed_offset = v->offset;
        p->committed_metadata = STR("");
    }
}

int ottla_alter_group_offsets(struct ottla_client *client, const char *group,
                              const struct ottla_offset_value *offsets, size_t count,
                              const struct ottla_admin_options *options,
                              struct ottla_outcomes **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES(offsets, count), ret, error) ||
        is_null(group, "name of the group", error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct exchange ex = {0};
    struct offset_commit_req req = offset_commit_req_default;
    struct offset_commit_resp resp;
    int code, again;
    admin_begin(&ad, client, options, error);
    req.group_id = str_from(group);
    build_commit(&ad, &req, offsets, count);
    struct ottla_outcomes *o = outcomes_new(count, &f);
    for (size_t i = 0; i < o->count; i++) {
        outcome_name(&f, outcome_row(o, i), offsets[i].topic, offsets[i].partition);
    }
    do {
        size_t hint = again = 0;
        code = admin_ask(&ad, &ex,
                         &(struct call){.api_key = API_OFFSET_COMMIT,
                                        .version_hi = COMMIT_VERSION_MAX,
                                        .to = CALL_COORDINATOR,
                                        .key = req.group_id,
                                        .msg = &req},
                         &resp);
        for (int32_t i = 0; !code && i < resp.topics_count; i++) {
            for (int32_t k = 0; k < resp.topics[i].partitions_count; k++) {
                const struct offset_commit_resp_offset_commit_response_partition *p =
                    &resp.topics[i].partitions[k];
                outcome_set(&f, outcome_find(o, &hint, resp.topics[i].name, p->partition_index),
                            p->error_code, STR_NULL);
                again = worth_another(again, p->error_code);
            }
        }
    } while (!code && admin_again(&ad, again));
    exchange_deinit(&ex);
    return admin_end(&ad, outcomes_give(&ad, &f, code, o, ret));
}

/* --- delete --- */

static void build_delete(struct admin *ad, struct offset_delete_req *req,
                         const struct ottla_topic_partition *partitions, size_t count)
{
    struct by_topic b = by_topic_new(ad, partitions, sizeof *partitions, count);
    struct offset_delete_req_offset_delete_request_topic *t = NULL;
    struct offset_delete_req_offset_delete_request_partition *rows =
        admin_array(ad, count, sizeof *rows);
    req->topics = admin_array(ad, count, sizeof *req->topics);
    for (size_t i = 0; i < count; i++) {
        const struct ottla_topic_partition *tp = by_topic_at(&b, i);
        if (by_topic_is_new(&b, i)) {
            t = &req->topics[req->topics_count++];
            t->name = str_from(tp->topic);
            t->partitions = &rows[i];
        }
        t->partitions[t->partitions_count++].partition_index = tp->partition;
    }
}

int ottla_delete_group_offsets(struct ottla_client *client, const char *group,
                               const struct ottla_topic_partition *partitions, size_t count,
                               const struct ottla_admin_options *options,
                               struct ottla_outcomes **ret, struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES(partitions, count), ret, error) ||
        is_null(group, "name of the group", error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct exchange ex = {0};
    struct offset_delete_req req = offset_delete_req_default;
    struct offset_delete_resp resp;
    int code, again;
    admin_begin(&ad, client, options, error);
    req.group_id = str_from(group);
    build_delete(&ad, &req, partitions, count);
    struct ottla_outcomes *o = outcomes_new(count, &f);
    for (size_t i = 0; i < o->count; i++) {
        outcome_name(&f, outcome_row(o, i), partitions[i].topic, partitions[i].partition);
    }
    do {
        size_t hint = 0;
        code = admin_ask(&ad, &ex,
                         &(struct call){.api_key = API_OFFSET_DELETE,
                                        .to = CALL_COORDINATOR,
                                        .key = req.group_id,
                                        .msg = &req},
                         &resp);
        again = code ? 0 : resp.error_code;
        for (int32_t i = 0; !code && !again && i < resp.topics_count; i++) {
            for (int32_t k = 0; k < resp.topics[i].partitions_count; k++) {
                outcome_set(&f,
                            outcome_find(o, &hint, resp.topics[i].name,
                                         resp.topics[i].partitions[k].partition_index),
                            resp.topics[i].partitions[k].error_code, STR_NULL);
            }
        }
    } while (!code && admin_again(&ad, again));
    code = code ? code : again ? error_code(error, again, NULL) : 0;
    exchange_deinit(&ex);
    return admin_end(&ad, outcomes_give(&ad, &f, code, o, ret));
}
