/* Waiting for partitions. The race between the last firing and the deadline is decided by `is_due`:
 * whoever sets it finishes the wait, the other one keeps its hands off. */
#include "broker/wait.h"

#include "broker/partition.h"

static void wait_finish(struct wait *w, bool timed_out)
{
    for (int i = 0; i < w->waiter_count; i++) {
        partition_unwait(&w->waiters[i]);
    }
    loop_timer_cancel(w->loop, &w->timer);
    w->done(w, timed_out);
}

static void on_mail(struct mail *m) { wait_finish(CONTAINER_OF(m, struct wait, mail), false); }

static void on_deadline(struct timer *t)
{
    struct wait *w = CONTAINER_OF(t, struct wait, timer);
    if (!atomic_exchange(&w->is_due, true)) {
        wait_finish(w, true);
    }
}

void waiter_fire(struct waiter *waiter)
{
    struct wait *w = waiter->wait;
    if (atomic_fetch_sub(&w->left, 1) == 1 && !atomic_exchange(&w->is_due, true)) {
        loop_post(w->loop, &w->mail);
    }
}

void wait_start(struct wait *w, struct loop *loop, int needed, int64_t deadline_ms)
{
    w->loop = loop;
    w->mail = (struct mail){.fn = on_mail};
    w->timer = (struct timer){.fn = on_deadline};
    atomic_store(&w->left, needed);
    atomic_store(&w->is_due, false);
    loop_timer_set(loop, &w->timer, deadline_ms);
    for (int i = 0; i < w->waiter_count; i++) {
        w->waiters[i].wait = w;
        partition_wait(&w->waiters[i]);
    }
}
