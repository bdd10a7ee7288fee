/* The consumer: a fetcher whose requests go through the client; in a group, with a member beside
 * it. The user's thread, one at a time, but for wakeup. */
#include "client/consumer/consumer_int.h"

#include "base/limit.h"
#include "base/mem.h"
#include "client/check.h"
#include "record/record.h"

enum { CLOSE_TIMEOUT_MS = 30000 };

void ottla_consumer_options_init_size(struct ottla_consumer_options *options, size_t size)
{
    const struct ottla_consumer_options ours = {.size = size};
    mem_init_sized(options, size, &ours, sizeof ours);
}

static void take_options(struct ottla_consumer *c, const struct ottla_consumer_options *options)
{
    ottla_consumer_options_init(&c->options);
    if (options != NULL) {
        mem_read_sized(&c->options, sizeof c->options, options);
    }
    struct reporter wanted = {.fn = c->options.statistics,
                              .ctx = c->options.statistics_ctx,
                              .interval_ms = c->client->config->values.statistics_interval_ms};
    reporter_init(&c->reporter, &wanted, client_now_ms(c->client));
    c->fetcher.tells_ends = c->options.partition_end != NULL;
    consumer_intercept_init(c);
}

struct ottla_consumer *ottla_consumer_new(struct ottla_client *client, struct ottla_error *error)
{
    return ottla_consumer_new_with(client, NULL, error);
}

struct ottla_consumer *ottla_consumer_new_with(struct ottla_client *client,
                                               const struct ottla_consumer_options *options,
                                               struct ottla_error *error)
{
    if (is_null(client, "client", error) || client_check(client, error) ||
        config_check_consumer(client->config, error)) {
        return NULL;
    }
    const struct client_values *v = &client->config->values;
    struct ottla_consumer *c = NEW(struct ottla_consumer);
    c->client = client_ref(client);
    fetcher_init(&c->fetcher, v, (uint64_t)client_now_ms(client));
    take_options(c, options);
    waiter_init(&c->waiter, client);
    c->waiter.lane = client_lane(client);
    list_init(&c->commits);
    tps_init(&c->assignment);
    c->auto_commit_at_ms = client_now_ms(client) + v->auto_commit_interval_ms;
    return c;
}

static void drop_errand(struct request *r, void *ctx)
{
    struct errand *e = CONTAINER_OF(r, struct errand, request);
    struct ottla_consumer *c = ctx;
    if (e->ask != NULL) {
        fetcher_drop(&c->fetcher, e->ask);
    }
    request_deinit(r);
    mem_free(e);
}

static void send(struct ottla_consumer *c, struct ask *a, int64_t now_ms)
{
    const struct client_values *v = &c->client->config->values;
    struct errand *e = NEW(struct errand);
    e->ask = a;
    e->request.call = (struct call){
        .api_key = a->api_key,
        .version_lo = a->version_lo,
        .version_hi = a->version_hi,
        .to = a->kind == ASK_COMMITTED ? CALL_COORDINATOR
              : a->to_node < 0         ? CALL_ANY
                                       : CALL_NODE,
        .node_id = a->to_node,
        .key_type = CALL_KEY_GROUP,
        .key = str_from(v->group_id),
        .lane = a->kind == ASK_COMMITTED ? c->waiter.lane : 0,
        .is_fresh = a->is_fresh,
        .msg = &a->req,
        .fit = ask_fit,
        .is_once = a->to_node >= 0 || a->kind == ASK_COMMITTED,
        .deadline_ms = now_ms + v->request_timeout_ms + v->fetch_max_wait_ms,
    };
    waiter_submit(&c->waiter, &e->request);
}

/* Brokers hear that their fetch sessions are over. Nobody waits for what they say to it: it may
 * come only when they have answered the last fetch. */
static void end_sessions(struct ottla_consumer *c)
{
    struct ask *a;
    while ((a = fetcher_next_end(&c->fetcher)) != NULL) {
        send(c, a, client_now_ms(c->client));
    }
}

void ottla_close_options_init_size(struct ottla_close_options *options, size_t size)
{
    const struct ottla_close_options ours = {.size = size, .timeout_ms = CLOSE_TIMEOUT_MS};
    mem_init_sized(options, size, &ours, sizeof ours);
}

int ottla_consumer_close(struct ottla_consumer *c, const struct ottla_close_options *options,
                         struct ottla_error *error)
{
    struct ottla_close_options o;
    ottla_close_options_init(&o);
    if (options != NULL) {
        mem_read_sized(&o, sizeof o, options);
    }
    if (c != NULL && c->is_closed) {
        return 0;
    }
    int code = consumer_check_idle(c, error);
    if (code) {
        return code;
    }
    int64_t end_ms = client_now_ms(c->client) + MAX(o.timeout_ms, 0);
    c->is_closing = true;
    code = commit_before_letting_go(c, end_ms, error);
    group_leave(c, o.leave, end_ms, "the consumer is being closed");
    membership_free(c->membership);
    c->membership = NULL;
    end_sessions(c);
    waiter_drain(&c->waiter, drop_errand, c);
    commit_drop_all(c);
    fetcher_assign(&c->fetcher, NULL, 0, client_now_ms(c->client));
    c->is_closed = true;
    return code;
}

void ottla_consumer_free(struct ottla_consumer *c)
{
    if (c == NULL || client_check(c->client, NULL)) {
        return;
    }
    (void)ottla_consumer_close(c, NULL, NULL);
    ottla_consumer_unsubscribe(c);
    consumer_intercept_deinit(c);
    waiter_deinit(&c->waiter);
    fetcher_deinit(&c->fetcher);
    tps_deinit(&c->assignment);
    client_unref(c->client);
    mem_free(c);
}

int consumer_check_open(const struct ottla_consumer *c, struct ottla_error *error)
{
    return is_null(c, "consumer", error) ? ERR_INVALID_REQUEST
           : c->is_closed                ? error_set(error, ERR_CLOSED, "the consumer is closed")
                                         : client_check(c->client, error);
}

int consumer_check_idle(const struct ottla_consumer *c, struct ottla_error *error)
{
    int code = consumer_check_open(c, error);
    return code == 0 && c->is_in_callback
               ? error_set(
                     error, ERR_INVALID_REQUEST,
                     "a callback of the consumer must not poll, (un)subscribe, assign or close")
               : code;
}

/* --- assignment and positions --- */

int ottla_consumer_assign(struct ottla_consumer *c, const struct ottla_topic_partition *partitions,
                          size_t count, struct ottla_error *error)
{
    if (count > 0 && is_null(partitions, "list of partitions", error)) {
        return ERR_INVALID_REQUEST;
    }
    for (size_t i = 0; i < count; i++) {
        if (partitions[i].topic == NULL || partitions[i].topic[0] == '\0' ||
            partitions[i].partition < 0) {
            return error_set(error, ERR_INVALID_REQUEST,
                             "partition %zu of the list has no topic, or a negative number", i);
        }
    }
    int code = consumer_check_idle(c, error);
    if (code) {
        return code;
    }
    if (c->is_subscribed) {
        return error_set(error, ERR_INVALID_REQUEST, "it is subscribed: unsubscribe first");
    }
    c->is_by_hand = count > 0;
    fetcher_assign(&c->fetcher, partitions, count, client_now_ms(c->client));
    return 0;
}

size_t ottla_consumer_assignment(const struct ottla_consumer *consumer,
                                 const struct ottla_topic_partition **ret)
{
    struct ottla_consumer *c = (struct ottla_consumer *)(uintptr_t)consumer; /* what it was shown */
    if (c == NULL) {
        return 0;
    }
    fetcher_list(&c->fetcher, &c->assignment);
    tps_sort(&c->assignment);
    if (ret != NULL) {
        *ret = c->assignment.items;
    }
    return c->assignment.count;
}

/* NULL: it does not read that one. */
static struct part *look_up(const struct ottla_consumer *c, const char *topic, int32_t partition)
{
    return c != NULL && topic != NULL ? fetcher_find(&c->fetcher, topic, partition) : NULL;
}

/* NULL, and why. */
static struct part *find(const struct ottla_consumer *c, const char *topic, int32_t partition,
                         int *ret_code, struct ottla_error *error)
{
    *ret_code = consumer_check_open(c, error);
    if (!*ret_code && is_null(topic, "topic", error)) {
        *ret_code = ERR_INVALID_REQUEST;
    }
    struct part *p = *ret_code ? NULL : look_up(c, topic, partition);
    if (p == NULL && !*ret_code) {
        *ret_code =
            error_set(error, ERR_INVALID_REQUEST, "%s-%d is not assigned", topic, partition);
    }
    return p;
}

int ottla_consumer_seek(struct ottla_consumer *c, const char *topic, int32_t partition,
                        int64_t offset, struct ottla_error *error)
{
    int code;
    struct part *p = find(c, topic, partition, &code, error);
    if (p == NULL) {
        return code;
    }
    if (offset < 0 && offset != OTTLA_OFFSET_EARLIEST && offset != OTTLA_OFFSET_LATEST) {
        return error_set(error, ERR_INVALID_REQUEST, "%lld is no offset", (long long)offset);
    }
    part_seek(p, offset < 0 ? -1 : offset, offset);
    c->fetcher.code = 0;
    return 0;
}

int ottla_consumer_seek_to_time(struct ottla_consumer *c, const char *topic, int32_t partition,
                                int64_t timestamp_ms, struct ottla_error *error)
{
    int code;
    struct part *p = find(c, topic, partition, &code, error);
    if (p == NULL) {
        return code;
    }
    if (timestamp_ms < 0) {
        return error_set(error, ERR_INVALID_REQUEST, "%lld is no time", (long long)timestamp_ms);
    }
    part_seek(p, -1, MAX(timestamp_ms, 1));
    c->fetcher.code = 0;
    return 0;
}

int ottla_consumer_pause(struct ottla_consumer *c, const char *topic, int32_t partition,
                         bool is_paused, struct ottla_error *error)
{
    int code;
    struct part *p = find(c, topic, partition, &code, error);
    if (p == NULL) {
        return code;
    }
    part_pause(p, is_paused);
    return 0;
}

bool ottla_consumer_is_paused(const struct ottla_consumer *c, const char *topic, int32_t partition)
{
    const struct part *p = look_up(c, topic, partition);
    return p != NULL && p->is_paused;
}

int64_t ottla_consumer_position(const struct ottla_consumer *c, const char *topic,
                                int32_t partition)
{
    const struct part *p = look_up(c, topic, partition);
    return p != NULL ? p->position : -1;
}

int64_t ottla_consumer_end(const struct ottla_consumer *c, const char *topic, int32_t partition)
{
    const struct part *p = look_up(c, topic, partition);
    return p != NULL ? p->end_off : -1;
}

int64_t ottla_consumer_lag(const struct ottla_consumer *c, const char *topic, int32_t partition)
{
    const struct part *p = look_up(c, topic, partition);
    return p != NULL ? part_lag(p) : -1;
}

int64_t ottla_consumer_lag_max(const struct ottla_consumer *c)
{
    int64_t most = -1;
    if (c == NULL) {
        return most;
    }
    LIST_EACH(&c->fetcher.parts, n, tmp) {
        most = MAX(most, part_lag(LIST_ENTRY(n, struct part, node)));
    }
    return most;
}

/* --- poll --- */

static void send_all(struct ottla_consumer *c)
{
    struct ask *a;
    int64_t now_ms = client_now_ms(c->client);
    while ((a = fetcher_next(&c->fetcher, now_ms)) != NULL) {
        send(c, a, now_ms);
    }
}

static void say_warnings(struct ottla_consumer *c)
{
    struct str rest = buf_str(&c->fetcher.warnings), line;
    while (c->fetcher.warnings.len > 0 && str_next_item(&rest, '\n', &line)) {
        client_say(c->client, OTTLA_LOG_WARN, line);
    }
    buf_clear(&c->fetcher.warnings);
}

static void take(struct ottla_consumer *c, struct request *r)
{
    struct errand *e = CONTAINER_OF(r, struct errand, request);
    union {
        struct metadata_resp metadata;
        struct list_offsets_resp offsets;
        struct fetch_resp fetch;
        struct offset_fetch_resp committed;
        struct offset_for_leader_epoch_resp epochs;
    } resp;
    struct arena a;
    if (e->ask == NULL) {
        commit_take(c, e->commit, r);
        request_deinit(r);
        mem_free(e);
        return;
    }
    arena_init(&a, LIMIT_REQUEST_ARENA_BYTES);
    int code = request_read(r, &a, &resp, NULL);
    fetcher_take(&c->fetcher, e->ask, (enum err)code, &resp, r->call.frame,
                 client_now_ms(c->client));
    say_warnings(c);
    arena_deinit(&a);
    mem_free(e);
}

void consumer_take_all(struct ottla_consumer *c)
{
    struct request *r;
    while ((r = waiter_next(&c->waiter, 0)) != NULL) {
        take(c, r);
    }
}

void consumer_wait(struct ottla_consumer *c, int64_t end_ms)
{
    int64_t ms = end_ms == INT64_MAX ? -1 : MAX(end_ms - client_now_ms(c->client), 0);
    if (c->is_subscribed) {
        membership_wait(c->membership, ms);
    } else {
        waiter_wait(&c->waiter, ms);
    }
}

/* When there may be something to do without an answer. */
static int64_t next_ms(const struct ottla_consumer *c, int64_t end_ms)
{
    int64_t now_ms = client_now_ms(c->client);
    int64_t at = MIN(end_ms, fetcher_deadline_ms(&c->fetcher, now_ms));
    at = MIN(at, c->reporter.at_ms);
    return MIN(at, commit_deadline_ms(c));
}

/* Commits come first: what the last poll gave is dealt with, what this one gives is not. */
static int begin_poll(struct ottla_consumer *c, struct ottla_error *error)
{
    c->fetcher.wall_off_ms = clock_wall_ms(c->client->clock) - client_now_ms(c->client);
    consumer_take_all(c);
    commit_tell(c);
    tell_statistics(c);
    int code = group_step(c, error);
    if (code == 0) {
        commit_now_and_then(c);
    }
    return code;
}

static int poll_once(struct ottla_consumer *c, int timeout_ms, struct ottla_records **ret,
                     struct ottla_error *error)
{
    int64_t end_ms = timeout_ms < 0 ? INT64_MAX : client_now_ms(c->client) + timeout_ms;
    struct ottla_records *records;
    bool has_told = false;
    int code;
    for (;;) {
        code = begin_poll(c, error);
        if (code) {
            return code;
        }
        has_told = tell_ends(c) || has_told; /* of what earlier polls gave */
        code = intercept_bad(c, error);
        if (code) {
            return code;
        }
        records = fetcher_records(&c->fetcher);
        send_all(c); /* what comes next arrives while the user works */
        has_told = has_told || (records == NULL && tell_ends(c));
        if (records != NULL || has_told || c->fetcher.code != 0 || waiter_take_wakeup(&c->waiter) ||
            client_now_ms(c->client) >= end_ms) {
            break;
        }
        consumer_wait(c, next_ms(c, end_ms));
    }
    if (records == NULL && c->fetcher.code != 0) {
        code = c->fetcher.code;
        c->fetcher.code = 0;
        return error_set(error, code, "%s", c->fetcher.why);
    }
    code = records != NULL ? intercept_records(c, records, error) : 0;
    if (code == 0) {
        *ret = records ? records : records_new("");
        c->metrics.records += (int64_t)ottla_records_count(*ret);
    }
    return code;
}

int ottla_consumer_poll(struct ottla_consumer *c, int timeout_ms, struct ottla_records **ret,
                        struct ottla_error *error)
{
    int code = consumer_check_idle(c, error);
    if (code || is_null(ret, "place for the records", error)) {
        return code ? code : ERR_INVALID_REQUEST;
    }
    if (!c->is_subscribed && !c->is_by_hand) {
        return error_set(error, ERR_INVALID_REQUEST,
                         "the consumer is not subscribed to topics, nor were partitions assigned: "
                         "there is nothing to poll");
    }
    struct consumer_metrics *k = &c->metrics;
    thread_at_end(codec_release_thread);
    int64_t began_ms = client_now_ms(c->client);
    if (k->polls++ > 0) {
        metric_time(&k->between_polls, began_ms - k->poll_at_ms);
    }
    k->poll_at_ms = began_ms;
    code = poll_once(c, timeout_ms, ret, error);
    metric_time(&k->in_poll, client_now_ms(c->client) - began_ms);
    return code;
}

void ottla_consumer_wakeup(struct ottla_consumer *c)
{
    if (c != NULL && !client_check(c->client, NULL)) {
        waiter_wake(&c->waiter);
    }
}
