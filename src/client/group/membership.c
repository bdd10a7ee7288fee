/* The thread of a member. The lock guards the member and is_closing; the thread alone waits at its
 * waiter, and decodes answers under the lock. */
#include "client/group/membership.h"

#include "base/limit.h"
#include "base/mem.h"
#include "plat/entropy.h"

enum { SIMULATED_WAIT_MS = 1 }; /* without a thread nobody else looks at the member's answers */

/* An ask under way. */
struct errand {
    struct request request;
    struct member_ask *ask;
};

static void send_all(struct membership *ms, int64_t now_ms)
{
    struct member_ask *a;
    while ((a = member_next(&ms->member, now_ms)) != NULL) {
        struct errand *e = NEW(struct errand);
        e->ask = a;
        e->request.call = (struct call){
            .api_key = a->api_key,
            .version_lo = a->version_lo,
            .version_hi = a->version_hi,
            .to = a->to_group ? CALL_COORDINATOR : CALL_ANY,
            .key_type = CALL_KEY_GROUP,
            .key = str_from(ms->member.config->group_id),
            .lane = a->to_group ? ms->lane : 0,
            .msg = &a->req,
            .fit = member_fit,
            .is_fresh = a->is_fresh,
            .is_once = a->to_group,
            .deadline_ms = now_ms + a->timeout_ms,
            .timeout_ms = a->timeout_ms,
        };
        waiter_submit(&ms->waiter, &e->request);
    }
}

static void take(struct membership *ms, struct request *r)
{
    struct errand *e = CONTAINER_OF(r, struct errand, request);
    union member_resp resp;
    struct arena a;
    arena_init(&a, LIMIT_REQUEST_ARENA_BYTES);
    int code = request_read(r, &a, &resp, NULL);
    member_take(&ms->member, e->ask, (enum err)code, &resp, client_now_ms(ms->client));
    arena_deinit(&a);
    request_deinit(r);
    mem_free(e);
}

/* What somebody who waits would want to hear of. */
static uint32_t mark_of(const struct member *m)
{
    return (uint32_t)m->state | (uint32_t)m->wants_join << 3 | (uint32_t)m->is_subscribed << 4 |
           (uint32_t)(m->code != 0) << 5 | (uint32_t)member_has_left(m) << 6 | m->turn << 7;
}

static void say(const struct membership *ms, enum ottla_log_level level, struct buf *lines)
{
    struct str rest = buf_str(lines), line;
    while (lines->len > 0 && str_next_item(&rest, '\n', &line)) {
        client_say(ms->client, level, line);
    }
    buf_clear(lines);
}

/* Lock held: what came is taken, what is due is sent. Returns when to come again. */
static int64_t round_of(struct membership *ms)
{
    struct request *r;
    while ((r = waiter_next(&ms->waiter, 0)) != NULL) {
        take(ms, r);
    }
    int64_t now_ms = client_now_ms(ms->client);
    send_all(ms, now_ms);
    say(ms, OTTLA_LOG_INFO, &ms->member.messages);
    say(ms, OTTLA_LOG_WARN, &ms->member.warnings);
    return member_deadline_ms(&ms->member, now_ms);
}

static void membership_main(void *ctx)
{
    struct membership *ms = ctx;
    mutex_lock(&ms->lock);
    while (!ms->is_closing) {
        uint32_t before = mark_of(&ms->member);
        int64_t at = round_of(ms);
        bool has_news = mark_of(&ms->member) != before;
        mutex_unlock(&ms->lock);
        if (has_news) {
            waiter_poke(ms->user);
        }
        waiter_wait(&ms->waiter, at == INT64_MAX ? -1 : MAX(at - client_now_ms(ms->client), 0));
        mutex_lock(&ms->lock);
    }
    mutex_unlock(&ms->lock);
}

struct member *membership_lock(struct membership *ms)
{
    mutex_lock(&ms->lock);
    ms->mark = mark_of(&ms->member);
    return &ms->member;
}

void membership_unlock(struct membership *ms)
{
    bool has_news = ms->has_thread && mark_of(&ms->member) != ms->mark;
    if (!ms->has_thread) {
        (void)round_of(ms);
    }
    mutex_unlock(&ms->lock);
    if (has_news) {
        waiter_poke(&ms->waiter);
    }
}

void membership_wait(struct membership *ms, int64_t timeout_ms)
{
    membership_lock(ms)->is_waiting = true;
    membership_unlock(ms);
    waiter_wait(ms->user, ms->has_thread || timeout_ms == 0 ? timeout_ms : SIMULATED_WAIT_MS);
    struct member *m = membership_lock(ms);
    m->is_waiting = false;
    m->poll_at_ms = client_now_ms(ms->client);
    membership_unlock(ms);
}

struct membership *membership_new(struct ottla_client *client, struct waiter *user, uint32_t lane,
                                  struct ottla_error *error)
{
    struct membership *ms = NEW(struct membership);
    ms->client = client;
    ms->user = user;
    ms->lane = lane;
    if (member_init(&ms->member, &client->config->values, client->drive ? lane : entropy_u64(),
                    error)) {
        mem_free(ms);
        return NULL;
    }
    mutex_init(&ms->lock);
    waiter_init(&ms->waiter, client);
    if (client->drive != NULL) {
        return ms;
    }
    enum err e = thread_start(&ms->thread, "ottla-member", membership_main, ms);
    ms->has_thread = e == OK;
    if (e) {
        error_set(error, e, "the member of a group cannot start: %s", err_text(e));
        membership_free(ms);
        return NULL;
    }
    return ms;
}

static void drop(struct request *r, void *ctx)
{
    struct errand *e = CONTAINER_OF(r, struct errand, request);
    struct membership *ms = ctx;
    member_drop(&ms->member, e->ask);
    request_deinit(r);
    mem_free(e);
}

void membership_free(struct membership *ms)
{
    if (ms == NULL) {
        return;
    }
    if (ms->has_thread) {
        mutex_lock(&ms->lock);
        ms->is_closing = true;
        mutex_unlock(&ms->lock);
        waiter_poke(&ms->waiter);
        thread_join(&ms->thread);
    }
    waiter_drain(&ms->waiter, drop, ms);
    waiter_deinit(&ms->waiter);
    member_deinit(&ms->member);
    mutex_deinit(&ms->lock);
    mem_free(ms);
}
