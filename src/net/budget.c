/* The memory budget. `used` is changed by all threads without the lock; the queues are under it.
 *
 * No wake-up is lost: a waiter raises `waiting` before it looks at `used` for the last time (in
 * grant), a giver lowers `used` before it looks at `waiting`. */
#include "net/budget.h"

#include "base/assert.h"
#include "base/mem.h"
#include "plat/thread.h"

#include <stdatomic.h>

struct net_budget {
    size_t room_bytes[BUDGET_KINDS]; /* of `used`, for each kind */
    size_t lane_bytes;
    atomic_size_t used;      /* shared */
    atomic_size_t lane_used; /* written by the lane's owner */
    atomic_size_t waiting[BUDGET_KINDS];

    struct mutex lock;
    struct list queues[BUDGET_KINDS];
    uint64_t turns;
    bool lane_taken;
};

struct net_budget *net_budget_new(size_t total_bytes)
{
    struct net_budget *b = NEW(struct net_budget);
    size_t shared = total_bytes / 2;
    b->lane_bytes = total_bytes - shared;
    b->room_bytes[BUDGET_SMALL] = shared;
    b->room_bytes[BUDGET_MIDDLE] = shared / 8 * 7;
    b->room_bytes[BUDGET_LARGE] = shared / 4 * 3;
    mutex_init(&b->lock);
    for (int i = 0; i < BUDGET_KINDS; i++) {
        list_init(&b->queues[i]);
    }
    return b;
}

void net_budget_free(struct net_budget *b)
{
    if (b == NULL) {
        return;
    }
    ASSERT(net_budget_used_bytes(b) == 0);
    mutex_deinit(&b->lock);
    mem_free(b);
}

size_t net_budget_used_bytes(struct net_budget *b)
{
    return atomic_load(&b->used) + atomic_load(&b->lane_used);
}

size_t net_budget_frame_max(const struct net_budget *b) { return b ? b->lane_bytes : SIZE_MAX; }

static bool take_room(struct net_budget *b, size_t bytes, size_t room)
{
    size_t used = atomic_load(&b->used);
    do {
        if (used > room || bytes > room - used) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(&b->used, &used, used + bytes));
    return true;
}

bool net_budget_take(struct net_budget *b, size_t bytes, enum budget_kind kind)
{
    return b == NULL ||
           (atomic_load(&b->waiting[kind]) == 0 && take_room(b, bytes, b->room_bytes[kind]));
}

void net_budget_take_anyway(struct net_budget *b, size_t bytes)
{
    if (b != NULL) {
        atomic_fetch_add(&b->used, bytes);
    }
}

void net_budget_take_lane(struct net_budget *b, size_t bytes)
{
    atomic_fetch_add(&b->lane_used, bytes);
}

static bool has_waiters(struct net_budget *b)
{
    size_t n = 0;
    for (int kind = 0; kind < BUDGET_KINDS; kind++) {
        n += atomic_load(&b->waiting[kind]);
    }
    return n > 0;
}

bool net_budget_is_pressed(struct net_budget *b)
{
    return b != NULL && (has_waiters(b) || atomic_load_explicit(&b->used, memory_order_relaxed) >=
                                               b->room_bytes[BUDGET_LARGE]);
}

/* --- the queues, under the lock --- */

static struct budget_wait *first_of(struct net_budget *b, enum budget_kind kind)
{
    struct list_node *n = list_front(&b->queues[kind]);
    return n ? LIST_ENTRY(n, struct budget_wait, node) : NULL;
}

static struct budget_wait *oldest(struct net_budget *b)
{
    struct budget_wait *first = NULL;
    for (int kind = 0; kind < BUDGET_KINDS; kind++) {
        struct budget_wait *w = first_of(b, kind);
        if (w != NULL && (first == NULL || w->turn < first->turn)) {
            first = w;
        }
    }
    return first;
}

static void leave_queue(struct net_budget *b, struct budget_wait *w)
{
    list_remove(&w->node);
    atomic_fetch_sub(&b->waiting[w->kind], 1);
}

/* After it the waiter's thread may be at work on w. */
static void grant_to(struct net_budget *b, struct budget_wait *w)
{
    leave_queue(b, w);
    w->state = BUDGET_GRANTED;
    loop_post(w->loop, &w->mail);
}

static void grant(struct net_budget *b)
{
    for (int kind = 0; kind < BUDGET_KINDS; kind++) {
        size_t room = b->room_bytes[kind];
        struct budget_wait *w;
        while ((w = first_of(b, kind)) != NULL && take_room(b, w->want_bytes, room)) {
            grant_to(b, w);
        }
    }
    struct budget_wait *w = b->lane_taken ? NULL : oldest(b);
    if (w != NULL) {
        b->lane_taken = true;
        w->lane = true;
        net_budget_take_lane(b, w->want_bytes);
        grant_to(b, w);
    }
}

static void grant_locked(struct net_budget *b)
{
    mutex_lock(&b->lock);
    grant(b);
    mutex_unlock(&b->lock);
}

void net_budget_give(struct net_budget *b, size_t bytes)
{
    if (b == NULL || bytes == 0) {
        return;
    }
    size_t before = atomic_fetch_sub(&b->used, bytes);
    ASSERT(before >= bytes);
    if (has_waiters(b)) {
        grant_locked(b);
    }
}

void net_budget_leave_lane(struct net_budget *b, size_t bytes)
{
    size_t before = atomic_fetch_sub(&b->lane_used, bytes);
    ASSERT(before == bytes);
    mutex_lock(&b->lock);
    b->lane_taken = false;
    grant(b);
    mutex_unlock(&b->lock);
}

void net_budget_wait(struct net_budget *b, struct budget_wait *w)
{
    ASSERT(w->state == BUDGET_IDLE);
    mutex_lock(&b->lock);
    w->state = BUDGET_QUEUED;
    w->lane = false;
    w->turn = b->turns++;
    list_push_back(&b->queues[w->kind], &w->node);
    atomic_fetch_add(&b->waiting[w->kind], 1);
    grant(b);
    mutex_unlock(&b->lock);
}

bool net_budget_cancel(struct net_budget *b, struct budget_wait *w)
{
    mutex_lock(&b->lock);
    bool queued = w->state == BUDGET_QUEUED;
    if (queued) {
        leave_queue(b, w);
        w->state = BUDGET_IDLE;
    }
    mutex_unlock(&b->lock);
    return queued;
}

void net_budget_accept(struct net_budget *b, struct budget_wait *w)
{
    mutex_lock(&b->lock);
    ASSERT(w->state == BUDGET_GRANTED);
    w->state = BUDGET_IDLE;
    mutex_unlock(&b->lock);
}
