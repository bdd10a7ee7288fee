/* Committing offsets: when asked, and from time to time. The user's thread.
 *
 * Topics go by their ids where the consumer reads them and the coordinator takes ids: a topic that
 * was made anew does not get the offsets of the one before it.
 *
 * A commit goes to the coordinator in the member's lane, as who the member is at that time. It is
 * in c->commits until its callback was called; the one that a call waits for is tried again. */
#include "client/consumer/consumer_int.h"

#include "base/assert.h"
#include "base/attr.h"
#include "base/limit.h"
#include "base/mem.h"
#include "client/core/backoff.h"

#include <stdio.h>
#include <stdlib.h>

enum { COMMIT_VERSION_LO = 2, COMMIT_VERSION_MAX = 10, COMMIT_BY_ID = 10 };

/* A request has one of them, by its version. */
struct commit_topic {
    struct str name;
    struct uuid id;
};

struct commit {
    struct list_node node;
    struct arena arena; /* of offsets and the request */
    struct ottla_commit *offsets;
    size_t count;
    struct offset_commit_req req;
    struct commit_topic *topics; /* as many as req has */
    bool has_ids;
    ottla_commit_fn *fn;
    void *ctx;
    bool is_auto;
    bool is_sent, is_done;
    int64_t at_ms; /* when it was sent */
    int code;
    char why[504];
};

/* --- what to commit --- */

static void *commit_array(struct commit *k, size_t count, size_t size)
{
    void *p = arena_array(&k->arena, MAX(count, 1), size);
    ASSERT(p != NULL); /* as mem_alloc: the user sized it */
    return p;
}

static const char *copy_text(struct commit *k, const char *text)
{
    struct str s = STR_NULL;
    size_t len = strlen(text) + 1;
    ASSERT(arena_copy_str(&k->arena, (struct str){text, len}, &s));
    return s.p;
}

static struct commit *commit_new(size_t count)
{
    struct commit *k = NEW(struct commit);
    arena_init(&k->arena, SIZE_MAX);
    k->offsets = commit_array(k, count, sizeof *k->offsets);
    return k;
}

static void commit_free(struct commit *k)
{
    if (list_is_linked(&k->node)) {
        list_remove(&k->node);
    }
    arena_deinit(&k->arena);
    mem_free(k);
}

static struct commit *commit_of_positions(const struct ottla_consumer *c)
{
    size_t n = 0;
    LIST_EACH(&c->fetcher.parts, at, tmp) {
        n += LIST_ENTRY(at, struct part, node)->position >= 0;
    }
    struct commit *k = commit_new(n);
    LIST_EACH(&c->fetcher.parts, at, tmp) {
        const struct part *p = LIST_ENTRY(at, struct part, node);
        if (p->position >= 0) {
            k->offsets[k->count++] = (struct ottla_commit){.topic = copy_text(k, p->topic),
                                                           .partition = p->partition,
                                                           .leader_epoch = p->position_epoch,
                                                           .offset = p->position};
        }
    }
    return k;
}

static struct commit *commit_of(const struct ottla_consumer *c, const struct ottla_commit *offsets,
                                size_t count)
{
    if (offsets == NULL) {
        return commit_of_positions(c);
    }
    struct commit *k = commit_new(count);
    k->count = count;
    for (size_t i = 0; i < count; i++) {
        k->offsets[i] = offsets[i];
        k->offsets[i].topic = copy_text(k, offsets[i].topic);
        k->offsets[i].metadata = offsets[i].metadata ? copy_text(k, offsets[i].metadata) : NULL;
    }
    return k;
}

static int compare_offsets(const void *a, const void *b)
{
    const struct ottla_commit *x = a, *y = b;
    int c = strcmp(x->topic, y->topic);
    return c ? c : (x->partition > y->partition) - (x->partition < y->partition);
}

static struct uuid id_of(const struct ottla_consumer *c, const struct ottla_commit *o)
{
    const struct part *p = fetcher_find(&c->fetcher, o->topic, o->partition);
    return p ? p->topic_id : UUID_ZERO;
}

static void add_topic(struct commit *k, const char *name, struct uuid id)
{
    int32_t n = k->req.topics_count++;
    k->req.topics[n] = offset_commit_req_offset_commit_request_topic_default;
    k->topics[n] = (struct commit_topic){str_from(name), id};
    k->has_ids = k->has_ids && !uuid_is_zero(id);
}

static void build(const struct ottla_consumer *c, struct commit *k)
{
    struct offset_commit_req_offset_commit_request_partition *p =
        commit_array(k, k->count, sizeof *p);
    qsort(k->offsets, k->count, sizeof *k->offsets, compare_offsets);
    k->req = offset_commit_req_default;
    k->req.topics = commit_array(k, k->count, sizeof *k->req.topics);
    k->topics = commit_array(k, k->count, sizeof *k->topics);
    k->has_ids = true;
    for (size_t i = 0; i < k->count; i++) {
        const struct ottla_commit *o = &k->offsets[i];
        if (i == 0 || strcmp(o->topic, k->offsets[i - 1].topic) != 0) {
            add_topic(k, o->topic, id_of(c, o));
            k->req.topics[k->req.topics_count - 1].partitions = &p[i];
        }
        k->req.topics[k->req.topics_count - 1].partitions_count++;
        p[i] = offset_commit_req_offset_commit_request_partition_default;
        p[i].partition_index = o->partition;
        p[i].committed_offset = o->offset;
        p[i].committed_leader_epoch = o->leader_epoch;
        p[i].committed_metadata = o->metadata ? str_from(o->metadata) : STR("");
    }
}

static void fit(void *msg, int version)
{
    struct commit *k = CONTAINER_OF((struct offset_commit_req *)msg, struct commit, req);
    for (int32_t i = 0; i < k->req.topics_count; i++) {
        bool by_id = version >= COMMIT_BY_ID;
        k->req.topics[i].name = by_id ? STR("") : k->topics[i].name;
        k->req.topics[i].topic_id = by_id ? k->topics[i].id : UUID_ZERO;
    }
}

/* --- sending and taking --- */

static void done(struct commit *k, int code, const char *why)
{
    k->is_done = true;
    k->code = code;
    snprintf(k->why, sizeof k->why, "%s", why ? why : code ? ottla_error_text(code) : "");
}

static const char *why_not(int code)
{
    return code == ERR_REBALANCE_IN_PROGRESS
               ? "the group is being shared anew: poll, and commit again"
               : "the consumer is no member of the group any more: poll was not called for "
                 "max.poll.interval.ms, or the coordinator did not hear of it for "
                 "session.timeout.ms; its partitions may be others' by now";
}

/* As whom. */
static int put_member(struct ottla_consumer *c, struct commit *k)
{
    const struct client_values *v = &c->client->config->values;
    int code = 0;
    k->req.group_id = str_from(v->group_id);
    k->req.generation_id_or_member_epoch = -1;
    k->req.member_id = STR("");
    k->req.group_instance_id = v->group_instance_id[0] ? str_from(v->group_instance_id) : STR_NULL;
    if (c->is_subscribed) {
        const struct member *m = membership_lock(c->membership);
        code = member_may_commit(m);
        k->req.generation_id_or_member_epoch = m->generation;
        k->req.member_id = str_from(copy_text(k, m->id));
        membership_unlock(c->membership);
    }
    return code;
}

/* A commit that cannot be sent is done at once. */
static void commit_send(struct ottla_consumer *c, struct commit *k, int64_t timeout_ms)
{
    int code = put_member(c, k);
    k->is_done = false;
    if (code || k->count == 0) {
        done(k, code, code ? why_not(code) : NULL);
        return;
    }
    struct errand *e = NEW(struct errand);
    e->commit = k;
    k->is_sent = true;
    k->at_ms = client_now_ms(c->client);
    e->request.call =
        (struct call){.api_key = API_OFFSET_COMMIT,
                      .version_lo = COMMIT_VERSION_LO,
                      .version_hi = k->has_ids ? COMMIT_VERSION_MAX : COMMIT_BY_ID - 1,
                      .to = CALL_COORDINATOR,
                      .key_type = CALL_KEY_GROUP,
                      .key = k->req.group_id,
                      .lane = c->waiter.lane,
                      .msg = &k->req,
                      .fit = fit,
                      .is_fresh = c->is_coordinator_stale,
                      .is_once = true,
                      .deadline_ms = client_now_ms(c->client) + timeout_ms};
    c->is_coordinator_stale = false;
    waiter_submit(&c->waiter, &e->request);
}

static struct str name_of(const struct commit *k,
                          const struct offset_commit_resp_offset_commit_response_topic *t)
{
    for (int32_t i = 0; i < k->req.topics_count && t->name.len == 0; i++) {
        if (uuid_eq(k->topics[i].id, t->topic_id)) {
            return k->topics[i].name;
        }
    }
    return t->name;
}

/* Another try may help; a topic that is gone does not come back under its id. */
static bool passes(int code)
{
    return code != ERR_UNKNOWN_TOPIC_ID &&
           (code_is_retriable(code) || code == ERR_STALE_MEMBER_EPOCH);
}

/* The first error, one that does not pass before one that does. */
static int code_of(const struct commit *commit, const struct offset_commit_resp *resp, char *why,
                   size_t size)
{
    int code = 0;
    for (int32_t i = 0; i < resp->topics_count; i++) {
        for (int32_t k = 0; k < resp->topics[i].partitions_count; k++) {
            int e = resp->topics[i].partitions[k].error_code;
            if (e != 0 && (code == 0 || (passes(code) && !passes(e)))) {
                code = e;
                snprintf(why, size, "%.*s-%d: %s%s", STR_ARG(name_of(commit, &resp->topics[i])),
                         resp->topics[i].partitions[k].partition_index, ottla_error_text(e),
                         error_remedy(e));
            }
        }
    }
    return code;
}

static void refused(struct ottla_consumer *c, const struct commit *k, int code)
{
    c->is_coordinator_stale = c->is_coordinator_stale || code == ERR_NOT_COORDINATOR ||
                              code == ERR_COORDINATOR_NOT_AVAILABLE ||
                              code == ERR_NETWORK_EXCEPTION || code == ERR_REQUEST_TIMED_OUT;
    if (code != 0 && c->is_subscribed) {
        member_refused(membership_lock(c->membership), k->req.generation_id_or_member_epoch, code);
        membership_unlock(c->membership);
    }
}

void commit_take(struct ottla_consumer *c, struct commit *k, struct request *r)
{
    struct offset_commit_resp resp;
    struct ottla_error error = {.code = 0};
    struct arena a;
    if (k == NULL) {
        return;
    }
    arena_init(&a, LIMIT_REQUEST_ARENA_BYTES);
    int code = request_read(r, &a, &resp, &error);
    code = code ? code : code_of(k, &resp, error.message, sizeof error.message);
    arena_deinit(&a);
    bool is_out = code == ERR_UNKNOWN_MEMBER_ID || code == ERR_ILLEGAL_GENERATION ||
                  code == ERR_FENCED_MEMBER_EPOCH;
    k->is_sent = false;
    if (code == 0) {
        metric_time(&c->metrics.commits, client_now_ms(c->client) - k->at_ms);
    }
    refused(c, k, code);
    done(k, code, is_out ? why_not(code) : error.message);
}

/* --- telling --- */

static void auto_commit_done(struct ottla_consumer *c, int code)
{
    const struct client_values *v = &c->client->config->values;
    int64_t now_ms = client_now_ms(c->client);
    c->is_auto_committing = false;
    c->auto_commit_failures = code_is_retriable(code) ? c->auto_commit_failures + 1 : 0;
    c->auto_commit_at_ms =
        now_ms + (c->auto_commit_failures > 0
                      ? MIN(v->auto_commit_interval_ms,
                            backoff_ms(v->retry_backoff_ms, v->retry_backoff_max_ms,
                                       c->auto_commit_failures, &c->fetcher.rand))
                      : v->auto_commit_interval_ms);
}

void commit_tell(struct ottla_consumer *c)
{
    if (c->is_in_callback) {
        return; /* in its turn, when that one is over */
    }
    LIST_EACH(&c->commits, n, tmp) {
        struct commit *k = LIST_ENTRY(n, struct commit, node);
        if (!k->is_done) {
            return; /* callbacks come in the order of the calls */
        }
        list_remove(n);
        if (k->code == 0) {
            intercept_commit(c, k->offsets, k->count);
        }
        if (k->is_auto) {
            auto_commit_done(c, k->code);
        } else if (k->fn != NULL) {
            c->is_in_callback = true;
            k->fn(k->ctx, k->code, k->code ? k->why : NULL, k->offsets, k->count);
            c->is_in_callback = false;
        }
        commit_free(k);
    }
}

void commit_drop_all(struct ottla_consumer *c)
{
    LIST_EACH(&c->commits, n, tmp) {
        struct commit *k = LIST_ENTRY(n, struct commit, node);
        if (!k->is_done) {
            done(k, ERR_CLOSED, "the consumer was closed first");
        }
    }
    commit_tell(c);
}

/* --- calls --- */

static int check_offsets(const struct ottla_consumer *c, const struct ottla_commit *offsets,
                         size_t count, struct ottla_error *error)
{
    int code = consumer_check_open(c, error);
    if (code) {
        return code;
    }
    if (c->client->config->values.group_id[0] == '\0') {
        return error_set(error, ERR_INVALID_GROUP_ID, "group.id is not set: nobody commits");
    }
    return offsets == NULL ? 0 : offsets_check(offsets, count, error);
}

/* Sends k until it is done or the time is over. */
static void commit_until(struct ottla_consumer *c, struct commit *k, int64_t end_ms)
{
    const struct client_values *v = &c->client->config->values;
    bool was_woken = false;
    for (int tries = 1;; tries++) {
        commit_send(c, k, MAX(end_ms - client_now_ms(c->client), 1));
        while (!k->is_done) {
            consumer_wait(c, INT64_MAX);
            consumer_take_all(c);
            was_woken = waiter_take_wakeup(&c->waiter) || was_woken;
        }
        int64_t again_ms =
            client_now_ms(c->client) +
            backoff_ms(v->retry_backoff_ms, v->retry_backoff_max_ms, tries, &c->fetcher.rand);
        if (!passes(k->code) || again_ms >= end_ms) {
            break;
        }
        while (client_now_ms(c->client) < again_ms) {
            consumer_wait(c, again_ms);
            consumer_take_all(c);
            was_woken = waiter_take_wakeup(&c->waiter) || was_woken;
        }
    }
    if (was_woken) {
        waiter_wake(&c->waiter); /* it is poll's */
    }
}

static int commit_and_wait(struct ottla_consumer *c, struct commit *k, int64_t end_ms,
                           struct ottla_error *error)
{
    build(c, k);
    commit_until(c, k, end_ms);
    int code = k->code;
    if (code) {
        error_set(error, code, "%s", k->why);
    } else {
        intercept_commit(c, k->offsets, k->count);
    }
    commit_free(k);
    commit_tell(c);
    return code;
}

int ottla_consumer_commit(struct ottla_consumer *c, const struct ottla_commit *offsets,
                          size_t count, int timeout_ms, struct ottla_error *error)
{
    int code = check_offsets(c, offsets, count, error);
    if (code) {
        return code;
    }
    int ms = timeout_ms > 0 ? timeout_ms : c->client->config->values.default_api_timeout_ms;
    return commit_and_wait(c, commit_of(c, offsets, count), client_now_ms(c->client) + ms, error);
}

static void commit_off(struct ottla_consumer *c, struct commit *k)
{
    build(c, k);
    list_push_back(&c->commits, &k->node);
    commit_send(c, k, c->client->config->values.request_timeout_ms);
}

int ottla_consumer_commit_async(struct ottla_consumer *c, const struct ottla_commit *offsets,
                                size_t count, ottla_commit_fn *fn, void *ctx,
                                struct ottla_error *error)
{
    int code = check_offsets(c, offsets, count, error);
    if (code) {
        return code;
    }
    struct commit *k = commit_of(c, offsets, count);
    k->fn = fn;
    k->ctx = ctx;
    commit_off(c, k);
    return 0;
}

int ottla_consumer_committed(struct ottla_consumer *c,
                             const struct ottla_topic_partition *partitions, size_t count,
                             int timeout_ms, struct ottla_offsets **ret, struct ottla_error *error)
{
    if (is_null(c, "consumer", error) ||
        (count > 0 && is_null(partitions, "list of partitions", error))) {
        return ERR_INVALID_REQUEST;
    }
    struct ottla_admin_options options;
    const char *group = c->client->config->values.group_id;
    if (group[0] == '\0') {
        return error_set(error, ERR_INVALID_GROUP_ID, "group.id is not set: nothing is committed");
    }
    ottla_admin_options_init(&options);
    options.timeout_ms = timeout_ms;
    options.require_stable = true;
    return ottla_list_group_offsets(c->client, group, partitions, count, &options, ret, error);
}

/* --- by itself --- */

static bool commits_by_itself(const struct ottla_consumer *c)
{
    const struct client_values *v = &c->client->config->values;
    return v->enable_auto_commit && v->group_id[0] != '\0';
}

int64_t commit_deadline_ms(const struct ottla_consumer *c)
{
    return commits_by_itself(c) && !c->is_auto_committing ? c->auto_commit_at_ms : INT64_MAX;
}

void commit_now_and_then(struct ottla_consumer *c)
{
    int64_t now_ms = client_now_ms(c->client);
    if (commit_deadline_ms(c) > now_ms) {
        return;
    }
    struct commit *k = commit_of_positions(c);
    k->is_auto = true;
    c->is_auto_committing = true;
    commit_off(c, k);
    commit_tell(c);
}

int commit_before_letting_go(struct ottla_consumer *c, int64_t end_ms, struct ottla_error *error)
{
    return commits_by_itself(c) ? commit_and_wait(c, commit_of_positions(c), end_ms, error) : 0;
}
