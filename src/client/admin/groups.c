/* Groups: list, describe, delete. The caller's thread. */
#include "client/admin/admin.h"

#include "base/endian.h"
#include "base/limit.h"
#include "base/mem.h"

#include <stdlib.h>

enum { ASSIGNMENT_VERSION_MAX = 3 };

/* --- list: every broker knows those that it coordinates --- */

void ottla_group_list_free(struct ottla_group_list *groups) { result_free(groups); }

/* "classic" of the protocol is "Classic" to people, here as in Apache Kafka's tools. */
static const char *fill_type(struct fill *f, struct str type)
{
    char first = type.len > 0 ? type.p[0] : '\0';
    char *text = (char *)(uintptr_t)fill_text(f, type);
    if (first >= 'a' && first <= 'z' && !f->failed) {
        text[0] = (char)(first - 'a' + 'A');
    }
    return text;
}

static int compare_listed(const void *a, const void *b)
{
    const struct ottla_listed_group *const *x = a, *const *y = b;
    return strcmp((*x)->id, (*y)->id);
}

static void fill_listed(struct fill *f, struct ottla_group_list *list, const struct listings *x)
{
    size_t n = 0;
    for (size_t i = 0; i < x->count; i++) {
        const struct list_groups_resp *r = x->all[i].resp;
        list->count += x->all[i].code ? 0 : (size_t)MAX(r->groups_count, 0);
    }
    struct ottla_listed_group **rows = fill_rows(f, &list->count, sizeof **rows);
    for (size_t i = 0; i < x->count && !f->failed; i++) {
        const struct list_groups_resp *r = x->all[i].resp;
        for (int32_t k = 0; !x->all[i].code && k < r->groups_count; k++) {
            const struct list_groups_resp_listed_group *g = &r->groups[k];
            *rows[n++] = (struct ottla_listed_group){
                fill_text(f, g->group_id), fill_text(f, g->protocol_type),
                fill_text(f, g->group_state), fill_type(f, g->group_type)};
        }
    }
    if (list->count > 0 && !f->failed) {
        qsort(rows, list->count, sizeof *rows, compare_listed);
    }
    list->rows = (const struct ottla_listed_group *const *)rows;
    list->errors = listings_errors(f, x, &list->error_count);
}

int ottla_list_groups(struct ottla_client *client, const char *const *states, size_t state_count,
                      const char *const *types, size_t type_count,
                      const struct ottla_admin_options *options, struct ottla_group_list **ret,
                      struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES(states, state_count), ret, error) ||
        !admin_may(client, GIVEN_NAMES(types, type_count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    struct listings x;
    struct list_groups_req req = list_groups_req_default;
    admin_begin(&ad, client, options, error);
    req.states_filter = admin_texts(&ad, states, state_count);
    req.states_filter_count = (int32_t)state_count;
    req.types_filter = admin_texts(&ad, types, type_count);
    req.types_filter_count = (int32_t)type_count;
    int lo = type_count ? 5 : state_count ? 4 : 0;
    int code = listings_ask(
        &ad, &(struct call){.api_key = API_LIST_GROUPS, .version_lo = (int16_t)lo, .msg = &req},
        offsetof(struct list_groups_resp, error_code), &x);
    if (!code) {
        struct ottla_group_list *list = result_new(sizeof *list, &f);
        fill_listed(&f, list, &x);
        code = result_give(&ad, &f, list, ret);
    }
    listings_deinit(&x);
    return admin_end(&ad, code);
}

/* --- describe: the new call first, the old one for those that it does not know --- */

void ottla_groups_free(struct ottla_groups *groups) { result_free(groups); }

struct description {
    struct exchange exchange;
    struct str id;
    union {
        struct consumer_group_describe_req consumer;
        struct describe_groups_req classic;
    } req;
    bool is_classic;
    bool is_done;
    int code;
    struct ottla_group *to;
};

static void name_partitions(struct fill *f, const struct ottla_topic_partition *const **ret,
                            size_t *ret_count,
                            const struct consumer_group_describe_resp_assignment *a)
{
    size_t n = 0;
    *ret_count = 0;
    for (int32_t i = 0; i < a->topic_partitions_count; i++) {
        *ret_count += (size_t)MAX(a->topic_partitions[i].partitions_count, 0);
    }
    struct ottla_topic_partition **rows = fill_rows(f, ret_count, sizeof **rows);
    for (int32_t i = 0; i<a->topic_partitions_count && * ret_count> 0; i++) {
        const char *topic = fill_text(f, a->topic_partitions[i].topic_name);
        for (int32_t k = 0; k < a->topic_partitions[i].partitions_count; k++, n++) {
            *rows[n] = (struct ottla_topic_partition){topic, a->topic_partitions[i].partitions[k]};
        }
    }
    *ret = (const struct ottla_topic_partition *const *)rows;
}

static void fill_consumer(struct fill *f, struct ottla_group *to,
                          const struct consumer_group_describe_resp_described_group *g)
{
    to->type = "Consumer";
    to->state = fill_text(f, g->group_state);
    to->protocol_type = "consumer";
    to->assignor = fill_text(f, g->assignor_name);
    to->epoch = g->group_epoch;
    to->assignment_epoch = g->assignment_epoch;
    to->authorized_operations = g->authorized_operations;
    to->member_count = (size_t)MAX(g->members_count, 0);
    struct ottla_group_member **rows = fill_rows(f, &to->member_count, sizeof **rows);
    for (size_t i = 0; i < to->member_count; i++) {
        const struct consumer_group_describe_resp_member *m = &g->members[i];
        rows[i]->id = fill_text(f, m->member_id);
        rows[i]->instance_id = fill_text(f, m->instance_id);
        rows[i]->client_id = fill_text(f, m->client_id);
        rows[i]->host = fill_text(f, m->client_host);
        rows[i]->epoch = m->member_epoch;
        name_partitions(f, &rows[i]->partitions, &rows[i]->partition_count, &m->assignment);
        name_partitions(f, &rows[i]->targets, &rows[i]->target_count, &m->target_assignment);
    }
    to->members = (const struct ottla_group_member *const *)rows;
}

/* What a member was told to own, in the bytes that the members' leader wrote: they may be anything.
 */
static void fill_assignment(struct fill *f, struct ottla_group_member *to, struct bytes b)
{
    struct arena a;
    struct consumer_protocol_assignment as;
    size_t n = 0;
    int version = b.len >= 2 ? (int16_t)be16_get(b.p) : -1;
    arena_init(&a, LIMIT_REQUEST_ARENA_BYTES);
    if (version >= 0 &&
        wire_decode(&wire_consumer_protocol_assignment, MIN(version, ASSIGNMENT_VERSION_MAX),
                    (struct bytes){b.p + 2, b.len - 2}, &a, &as, &n) == OK) {
        n = 0;
        for (int32_t i = 0; i < as.assigned_partitions_count; i++) {
            to->partition_count += (size_t)MAX(as.assigned_partitions[i].partitions_count, 0);
        }
        struct ottla_topic_partition **rows = fill_rows(f, &to->partition_count, sizeof **rows);
        for (int32_t i = 0; i < as.assigned_partitions_count && to->partition_count > 0; i++) {
            const char *topic = fill_text(f, as.assigned_partitions[i].topic);
            for (int32_t k = 0; k < as.assigned_partitions[i].partitions_count; k++, n++) {
                *rows[n] =
                    (struct ottla_topic_partition){topic, as.assigned_partitions[i].partitions[k]};
            }
        }
        to->partitions = (const struct ottla_topic_partition *const *)rows;
    }
    arena_deinit(&a);
}

static void fill_classic(struct fill *f, struct ottla_group *to,
                         const struct describe_groups_resp_described_group *g)
{
    to->type = "Classic";
    to->state = fill_text(f, g->group_state);
    to->protocol_type = fill_text(f, g->protocol_type);
    to->assignor = fill_text(f, g->protocol_data);
    to->epoch = to->assignment_epoch = -1;
    to->authorized_operations = g->authorized_operations;
    to->member_count = (size_t)MAX(g->members_count, 0);
    struct ottla_group_member **rows = fill_rows(f, &to->member_count, sizeof **rows);
    for (size_t i = 0; i < to->member_count; i++) {
        const struct describe_groups_resp_described_group_member *m = &g->members[i];
        rows[i]->id = fill_text(f, m->member_id);
        rows[i]->instance_id = fill_text(f, m->group_instance_id);
        rows[i]->client_id = fill_text(f, m->client_id);
        rows[i]->host = fill_text(f, m->client_host);
        rows[i]->epoch = -1;
        if (str_eq(g->protocol_type, STR("consumer"))) {
            fill_assignment(f, rows[i], m->member_assignment);
        }
    }
    to->members = (const struct ottla_group_member *const *)rows;
}

static void send_description(struct admin *ad, struct description *d)
{
    struct call call = {.to = CALL_COORDINATOR, .key = d->id, .msg = &d->req};
    if (d->is_classic) {
        d->req.classic = describe_groups_req_default;
        d->req.classic.groups = &d->id;
        d->req.classic.groups_count = 1;
        d->req.classic.include_authorized_operations = ad->options.include_authorized_operations;
        call.api_key = API_DESCRIBE_GROUPS;
        call.version_lo = ad->options.include_authorized_operations ? 3 : 0;
    } else {
        d->req.consumer = consumer_group_describe_req_default;
        d->req.consumer.group_ids = &d->id;
        d->req.consumer.group_ids_count = 1;
        d->req.consumer.include_authorized_operations = ad->options.include_authorized_operations;
        call.api_key = API_CONSUMER_GROUP_DESCRIBE;
    }
    exchange_send(ad, &d->exchange, &call);
}

static void end_description(struct fill *f, struct description *d, int code, struct str said)
{
    d->code = code;
    d->is_done = !code_is_retriable(code);
    d->to->error = code;
    d->to->message = fill_message(f, code, said);
    d->to->coordinator = d->exchange.request.call.answerer;
}

/* Not of the new kind, or the broker does not know of new kinds: the old call tells. */
static bool is_of_old_kind(int code)
{
    return code == ERR_GROUP_ID_NOT_FOUND || code == ERR_UNSUPPORTED_VERSION;
}

static void read_consumer(struct admin *ad, struct fill *f, struct description *d)
{
    struct consumer_group_describe_resp resp;
    struct ottla_error why;
    int code = exchange_read(ad, &d->exchange, &resp, &why);
    struct str said = code ? str_from(why.message) : STR_NULL;
    if (!code) {
        code = resp.groups_count == 1 ? resp.groups[0].error_code : ERR_MALFORMED;
        said = resp.groups_count == 1 ? resp.groups[0].error_message : STR_NULL;
    }
    if (is_of_old_kind(code)) {
        d->is_classic = true;
        d->code = 0;
        return;
    }
    if (!code) {
        fill_consumer(f, d->to, &resp.groups[0]);
    }
    end_description(f, d, code, said);
    d->is_done = d->is_done || d->exchange.request.call.err;
}

static void read_classic(struct admin *ad, struct fill *f, struct description *d)
{
    struct describe_groups_resp resp;
    struct ottla_error why;
    int code = exchange_read(ad, &d->exchange, &resp, &why);
    struct str said = code ? str_from(why.message) : STR_NULL;
    if (!code) {
        code = resp.groups_count == 1 ? resp.groups[0].error_code : ERR_MALFORMED;
        said = resp.groups_count == 1 ? resp.groups[0].error_message : STR_NULL;
    }
    if (!code || code == ERR_GROUP_ID_NOT_FOUND) {
        if (resp.groups_count == 1) {
            fill_classic(f, d->to, &resp.groups[0]);
        }
    }
    end_description(f, d, code, said);
    d->is_done = d->is_done || d->exchange.request.call.err;
}

/* Returns a code worth another round, or 0; *ret_open tells whether some wait for the old call. */
static int describe_round(struct admin *ad, struct fill *f, struct description *all, size_t count,
                          bool *ret_open)
{
    int again = 0;
    *ret_open = false;
    for (size_t i = 0; i < count; i++) {
        if (!all[i].is_done) {
            send_description(ad, &all[i]);
        }
    }
    admin_wait_all(ad);
    for (size_t i = 0; i < count; i++) {
        if (all[i].is_done) {
            continue;
        }
        if (all[i].is_classic) {
            read_classic(ad, f, &all[i]);
        } else {
            read_consumer(ad, f, &all[i]);
        }
        again = all[i].is_done ? again : worth_another(again, all[i].code);
        *ret_open = *ret_open || (!all[i].is_done && all[i].code == 0);
    }
    return again;
}

static void name_coordinators(struct admin *ad, struct fill *f, struct ottla_group **rows,
                              size_t count)
{
    struct metadata_ask m = {0};
    struct ottla_error *error = ad->error;
    ad->error = NULL; /* the groups are described without it, too */
    int code = admin_metadata(ad, &m, NULL, 0);
    ad->error = error;
    for (int32_t i = 0; !code && i < m.resp.brokers_count; i++) {
        const char *host = fill_text(f, m.resp.brokers[i].host);
        for (size_t k = 0; k < count; k++) {
            if (rows[k]->coordinator == m.resp.brokers[i].node_id) {
                rows[k]->coordinator_host = host;
                rows[k]->coordinator_port = m.resp.brokers[i].port;
            }
        }
    }
    exchange_deinit(&m.exchange);
}

int ottla_describe_groups(struct ottla_client *client, const char *const *ids, size_t count,
                          const struct ottla_admin_options *options, struct ottla_groups **ret,
                          struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES(ids, count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    bool is_open;
    int again;
    admin_begin(&ad, client, options, error);
    struct ottla_groups *groups = result_new(sizeof *groups, &f);
    groups->count = count;
    struct ottla_group **rows = fill_rows(&f, &groups->count, sizeof **rows);
    struct description *all = mem_zalloc(sizeof *all * (count + 1));
    for (size_t i = 0; i < groups->count; i++) {
        all[i].id = str_from(ids[i]);
        all[i].to = rows[i];
        rows[i]->id = fill_text(&f, all[i].id);
        rows[i]->type = rows[i]->state = rows[i]->protocol_type = rows[i]->assignor = "";
        rows[i]->coordinator = -1;
        rows[i]->coordinator_host = "";
    }
    do {
        again = describe_round(&ad, &f, all, groups->count, &is_open);
    } while (is_open || admin_again(&ad, again));
    name_coordinators(&ad, &f, rows, groups->count);
    for (size_t i = 0; i < groups->count; i++) {
        exchange_deinit(&all[i].exchange);
    }
    mem_free(all);
    groups->rows = (const struct ottla_group *const *)rows;
    return admin_end(&ad, result_give(&ad, &f, groups, ret));
}

/* --- delete --- */

static int delete_group(struct admin *ad, struct fill *f, struct exchange *ex,
                        struct ottla_outcome *row)
{
    struct delete_groups_resp resp;
    struct ottla_error why;
    int code = exchange_read(ad, ex, &resp, &why);
    if (code) {
        outcome_set(f, row, code, str_from(why.message));
        return 0;
    }
    code = resp.results_count == 1 ? resp.results[0].error_code : ERR_MALFORMED;
    outcome_set(f, row, code, STR_NULL);
    return worth_another(0, code);
}

int ottla_delete_groups(struct ottla_client *client, const char *const *ids, size_t count,
                        const struct ottla_admin_options *options, struct ottla_outcomes **ret,
                        struct ottla_error *error)
{
    if (!admin_may(client, GIVEN_NAMES(ids, count), ret, error)) {
        return ERR_INVALID_REQUEST;
    }
    struct admin ad;
    struct fill f;
    int again;
    admin_begin(&ad, client, options, error);
    struct ottla_outcomes *o = outcomes_new(count, &f);
    struct exchange *exchanges = mem_zalloc(sizeof *exchanges * (count + 1));
    struct delete_groups_req *reqs = admin_array(&ad, count, sizeof *reqs);
    struct str *names = admin_texts(&ad, ids, count);
    bool *is_open = admin_array(&ad, count, sizeof *is_open);
    for (size_t i = 0; i < o->count; i++) {
        outcome_name(&f, outcome_row(o, i), ids[i], -1);
        reqs[i] = delete_groups_req_default;
        reqs[i].groups_names = &names[i];
        reqs[i].groups_names_count = 1;
        is_open[i] = true;
    }
    do {
        for (size_t i = 0; i < o->count; i++) {
            if (is_open[i]) {
                exchange_send(&ad, &exchanges[i],
                              &(struct call){.api_key = API_DELETE_GROUPS,
                                             .to = CALL_COORDINATOR,
                                             .key = names[i],
                                             .msg = &reqs[i]});
            }
        }
        admin_wait_all(&ad);
        again = 0;
        for (size_t i = 0; i < o->count; i++) {
            int code = is_open[i] ? delete_group(&ad, &f, &exchanges[i], outcome_row(o, i)) : 0;
            is_open[i] = code != 0;
            again = again ? again : code;
        }
    } while (admin_again(&ad, again));
    for (size_t i = 0; i < o->count; i++) {
        exchange_deinit(&exchanges[i]);
    }
    mem_free(exchanges);
    return admin_end(&ad, result_give(&ad, &f, o, ret));
}
