/* A consumer as a member of its group: subscriptions, what rebalances ask of the user, leaving. The
 * user's thread. */
#include "client/consumer/consumer_int.h"
#include "client/result.h"

#include "base/mem.h"

static int64_t end_of(const struct ottla_consumer *c, int64_t timeout_ms)
{
    return client_now_ms(c->client) + MAX(timeout_ms, 0);
}

/* --- the listener --- */

static void call(struct ottla_consumer *c, ottla_rebalance_fn *fn, const struct tps *t)
{
    if (fn != NULL) {
        c->is_in_callback = true;
        fn(c->listener.ctx, c, t->items, t->count);
        c->is_in_callback = false;
    }
}

/* Offsets first, then the listener; afterwards they are not read any more. */
static void let_go(struct ottla_consumer *c, enum member_task how, const struct tps *t,
                   int64_t end_ms)
{
    struct tps rest, had;
    ottla_rebalance_fn *revoked = c->listener.revoked;
    if (t->count == 0) {
        return;
    }
    if (how != MEMBER_LOSE && !c->is_closing) {
        (void)commit_before_letting_go(c, end_ms, NULL);
    }
    call(c, how == MEMBER_LOSE && c->listener.lost ? c->listener.lost : revoked, t);
    tps_init(&rest);
    tps_init(&had);
    fetcher_list(&c->fetcher, &had);
    tps_without(&rest, &had, t);
    fetcher_assign(&c->fetcher, rest.items, rest.count, client_now_ms(c->client));
    tps_deinit(&rest);
    tps_deinit(&had);
}

static void take_over(struct ottla_consumer *c, const struct tps *added)
{
    struct tps all;
    tps_init(&all);
    fetcher_list(&c->fetcher, &all);
    for (size_t i = 0; i < added->count; i++) {
        tps_add(&all, str_from(added->items[i].topic), added->items[i].partition);
    }
    fetcher_assign(&c->fetcher, all.items, all.count, client_now_ms(c->client));
    tps_deinit(&all);
    call(c, c->listener.assigned, added);
}

/* m->revoked and m->added stay as they are while the task lasts, also without the lock. */
static void do_task(struct ottla_consumer *c, const struct member *m, enum member_task task)
{
    const struct client_values *v = &c->client->config->values;
    int64_t end_ms = end_of(c, MIN(v->default_api_timeout_ms, v->max_poll_interval_ms / 2));
    if (task == MEMBER_ADOPT) {
        let_go(c, MEMBER_REVOKE, &m->revoked, end_ms);
        take_over(c, &m->added);
    } else {
        let_go(c, task, &m->revoked, end_ms);
    }
}

int group_step(struct ottla_consumer *c, struct ottla_error *error)
{
    if (!c->is_subscribed) {
        return 0;
    }
    for (;;) {
        struct member *m = membership_lock(c->membership);
        member_poll(m, client_now_ms(c->client));
        enum member_task task = member_begin_task(m);
        int code = m->code;
        if (task == MEMBER_FAIL) {
            error_set(error, code, "%s", m->why);
            member_told(m);
        }
        membership_unlock(c->membership);
        if (task == MEMBER_NOTHING || task == MEMBER_FAIL) {
            return task == MEMBER_FAIL ? code : 0;
        }
        do_task(c, m, task);
        m = membership_lock(c->membership);
        member_end_task(m, client_now_ms(c->client));
        membership_unlock(c->membership);
    }
}

/* --- subscriptions --- */

static int begin_subscription(struct ottla_consumer *c, struct ottla_error *error)
{
    int code = consumer_check_idle(c, error);
    if (code) {
        return code;
    }
    if (c->client->config->values.group_id[0] == '\0') {
        return error_set(error, ERR_INVALID_GROUP_ID,
                         "group.id is not set: only members of a group can subscribe");
    }
    if (c->is_by_hand) {
        return error_set(error, ERR_INVALID_REQUEST,
                         "partitions are assigned by hand: unsubscribe first");
    }
    if (c->membership == NULL) {
        struct ottla_error why = {.code = ERR_UNKNOWN_SERVER_ERROR};
        c->membership = membership_new(c->client, &c->waiter, c->waiter.lane, &why);
        if (c->membership == NULL) {
            return error_set(error, why.code, "%s", why.message);
        }
    }
    return 0;
}

static void end_subscription(struct ottla_consumer *c,
                             const struct ottla_rebalance_listener *listener)
{
    c->is_subscribed = true;
    c->listener = listener ? *listener : (struct ottla_rebalance_listener){NULL};
}

int ottla_consumer_subscribe(struct ottla_consumer *c, const char *const *topics, size_t count,
                             const struct ottla_rebalance_listener *listener,
                             struct ottla_error *error)
{
    if (count == 0) {
        int code = consumer_check_idle(c, error);
        if (code == 0) {
            ottla_consumer_unsubscribe(c);
        }
        return code;
    }
    if (is_null(topics, "list of topics", error)) {
        return ERR_INVALID_REQUEST;
    }
    for (size_t i = 0; i < count; i++) {
        if (topics[i] == NULL || topics[i][0] == '\0') {
            return error_set(error, ERR_INVALID_REQUEST, "topic %zu of the list has no name", i);
        }
    }
    int code = begin_subscription(c, error);
    if (code == 0) {
        member_subscribe(membership_lock(c->membership), topics, count);
        membership_unlock(c->membership);
        end_subscription(c, listener);
    }
    return code;
}

int ottla_consumer_subscribe_pattern(struct ottla_consumer *c, const char *pattern,
                                     const struct ottla_rebalance_listener *listener,
                                     struct ottla_error *error)
{
    int code = begin_subscription(c, error);
    if (code == 0 && is_null(pattern, "pattern", error)) {
        return ERR_INVALID_REQUEST;
    }
    if (code == 0) {
        code = member_subscribe_pattern(membership_lock(c->membership), pattern, error);
        membership_unlock(c->membership);
    }
    if (code == 0) {
        end_subscription(c, listener);
    }
    return code;
}

static void drop_subscription(struct ottla_consumer *c)
{
    for (size_t i = 0; i < c->subscription_count; i++) {
        mem_free(c->subscription[i]);
    }
    mem_free(c->subscription);
    c->subscription = NULL;
    c->subscription_count = 0;
}

size_t ottla_consumer_subscription(const struct ottla_consumer *consumer,
                                   const char *const **ret_topics)
{
    struct ottla_consumer *c = (struct ottla_consumer *)(uintptr_t)consumer; /* what it was shown */
    if (c == NULL) {
        return 0;
    }
    drop_subscription(c);
    if (c->is_subscribed && !client_check(c->client, NULL)) {
        const struct member *m = membership_lock(c->membership);
        c->subscription = mem_zalloc(sizeof *c->subscription * (m->topic_count + 1));
        for (size_t i = 0; i < m->topic_count; i++) {
            c->subscription[c->subscription_count++] = str_dup(str_from(m->topics[i]));
        }
        membership_unlock(c->membership);
    }
    if (ret_topics != NULL) {
        *ret_topics = (const char *const *)c->subscription;
    }
    return c->subscription_count;
}

int ottla_consumer_enforce_rebalance(struct ottla_consumer *c, const char *reason,
                                     struct ottla_error *error)
{
    int code = consumer_check_open(c, error);
    if (code) {
        return code;
    }
    if (!c->is_subscribed) {
        return error_set(error, ERR_INVALID_REQUEST, "it is not subscribed: it shares nothing");
    }
    member_rejoin(membership_lock(c->membership), reason ? reason : "its user wants it");
    membership_unlock(c->membership);
    return 0;
}

/* --- who it is --- */

int ottla_consumer_group_metadata(struct ottla_consumer *c, struct ottla_group_metadata **ret,
                                  struct ottla_error *error)
{
    if (is_null(c, "consumer", error) || is_null(ret, "place for the result", error)) {
        return ERR_INVALID_REQUEST;
    }
    const struct client_values *v = &c->client->config->values;
    struct ottla_group_metadata *g;
    struct fill f;
    int code = client_check(c->client, error);
    if (code) {
        return code;
    }
    if (v->group_id[0] == '\0') {
        return error_set(error, ERR_INVALID_GROUP_ID, "group.id is not set");
    }
    g = result_new(sizeof *g, &f);
    g->group_id = fill_text(&f, str_from(v->group_id));
    g->group_instance_id =
        v->group_instance_id[0] ? fill_text(&f, str_from(v->group_instance_id)) : NULL;
    g->generation = -1;
    g->member_id = "";
    if (c->is_subscribed) {
        const struct member *m = membership_lock(c->membership);
        g->generation = m->generation;
        g->member_id = fill_text(&f, str_from(m->id));
        membership_unlock(c->membership);
    }
    if (f.failed) {
        result_free(g);
        return error_code(error, ERR_NO_MEMORY, NULL);
    }
    *ret = g;
    return 0;
}

void ottla_group_metadata_free(struct ottla_group_metadata *g) { result_free(g); }

/* --- leaving --- */

static bool tells_group(const struct ottla_consumer *c, enum ottla_group_leave how)
{
    bool is_static = c->client->config->values.group_instance_id[0] != '\0';
    return how == OTTLA_LEAVE || (how == OTTLA_LEAVE_DEFAULT && !is_static);
}

/* Waits until the coordinator has heard of it, at most until end_ms. */
static void wait_left(struct ottla_consumer *c, int64_t end_ms)
{
    bool was_woken = false;
    for (;;) {
        bool has_left = member_has_left(membership_lock(c->membership));
        membership_unlock(c->membership);
        if (has_left || client_now_ms(c->client) >= end_ms) {
            break;
        }
        consumer_wait(c, end_ms);
        consumer_take_all(c);
        was_woken = waiter_take_wakeup(&c->waiter) || was_woken;
    }
    if (was_woken) {
        waiter_wake(&c->waiter);
    }
}

void group_leave(struct ottla_consumer *c, enum ottla_group_leave how, int64_t end_ms,
                 const char *reason)
{
    if (!c->is_subscribed) {
        return;
    }
    struct member *m = membership_lock(c->membership);
    enum member_task task = member_begin_leave(m);
    membership_unlock(c->membership);
    let_go(c, task, &m->revoked, end_ms);
    m = membership_lock(c->membership);
    member_end_leave(m, tells_group(c, how), reason);
    membership_unlock(c->membership);
    c->is_subscribed = false;
    if (end_ms > client_now_ms(c->client)) {
        wait_left(c, end_ms);
    }
}

void ottla_consumer_unsubscribe(struct ottla_consumer *c)
{
    if (c == NULL || c->is_in_callback || client_check(c->client, NULL)) {
        return;
    }
    if (c->is_subscribed) {
        group_leave(c, OTTLA_LEAVE_DEFAULT, end_of(c, c->client->config->values.request_timeout_ms),
                    "the consumer unsubscribed");
    }
    c->is_by_hand = false;
    fetcher_assign(&c->fetcher, NULL, 0, client_now_ms(c->client));
    drop_subscription(c);
}
