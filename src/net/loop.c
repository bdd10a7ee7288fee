/* The event loop. Everything runs in the loop's thread but loop_post and loop_stop.
 *
 * The mailbox is a stack that senders push on and the loop takes as a whole and reverses, so the
 * order per sender holds. A sender wakes the poller only when the loop said that it is asleep; the
 * loop says so before it looks at the mailbox for the last time, so that no mail is slept over. */
#include "net/loop.h"

#include "base/assert.h"
#include "base/mem.h"
#include "net/loop_int.h"

enum { NS_PER_MS = 1000000 };

static void take_time(struct loop *loop) { loop->now_ns = clock_mono_ns(loop->clock); }

int64_t loop_now_ms(const struct loop *loop) { return loop->now_ns / NS_PER_MS; }
struct clock *loop_clock(const struct loop *loop) { return loop->clock; }
struct net *loop_net(const struct loop *loop) { return loop->net; }

enum err loop_new(struct net *net, struct clock *clock, struct loop **ret_loop)
{
    struct poller *poller;
    enum err e = net_poller_new(net, &poller);
    if (e) {
        return e;
    }
    struct loop *loop = NEW(struct loop);
    loop->net = net;
    loop->clock = clock;
    loop->poller = poller;
    take_time(loop);
    wheel_init(&loop->wheel, loop_now_ms(loop));
    list_init(&loop->tasks);
    *ret_loop = loop;
    return OK;
}

/* --- mail --- */

static void rouse(struct loop *loop)
{
    if (atomic_load(&loop->asleep) && atomic_exchange(&loop->asleep, false)) {
        poller_wake(loop->poller);
    }
}

void loop_post(struct loop *loop, struct mail *m)
{
    struct mail *head = atomic_load_explicit(&loop->mailbox, memory_order_relaxed);
    do {
        m->next = head;
    } while (!atomic_compare_exchange_weak(&loop->mailbox, &head, m));
    rouse(loop);
}

void loop_wake(struct loop *loop)
{
    atomic_store(&loop->woken, true);
    rouse(loop);
}

static bool has_mail(struct loop *loop) { return atomic_load(&loop->mailbox) != NULL; }

static int run_mail(struct loop *loop)
{
    if (!has_mail(loop)) {
        return 0;
    }
    struct mail *oldest = NULL;
    for (struct mail *m = atomic_exchange(&loop->mailbox, NULL), *next; m != NULL; m = next) {
        next = m->next;
        m->next = oldest;
        oldest = m;
    }
    int count = 0;
    for (struct mail *m = oldest, *next; m != NULL; m = next, count++) {
        next = m->next;
        m->next = NULL;
        m->fn(m);
    }
    return count;
}

/* --- timers --- */

void loop_timer_set(struct loop *loop, struct timer *t, int64_t deadline_ms)
{
    wheel_set(&loop->wheel, t, deadline_ms);
}

void loop_timer_cancel(struct loop *loop, struct timer *t) { wheel_cancel(&loop->wheel, t); }

/* --- deferred work --- */

void loop_defer(struct loop *loop, struct loop_task *t)
{
    if (!list_is_linked(&t->node)) {
        list_push_back(&loop->tasks, &t->node);
    }
}

void loop_undefer(struct loop *loop, struct loop_task *t)
{
    (void)loop;
    if (list_is_linked(&t->node)) {
        list_remove(&t->node);
    }
}

static int run_tasks(struct loop *loop)
{
    struct list now; /* apart, so that a task deferred by a task waits for the next step */
    list_init(&now);
    list_splice_back(&now, &loop->tasks);
    int count = 0;
    struct list_node *n;
    while ((n = list_pop_front(&now)) != NULL) {
        struct loop_task *t = LIST_ENTRY(n, struct loop_task, node);
        t->fn(t);
        count++;
    }
    return count;
}

/* --- sockets --- */

enum err loop_io_add(struct loop *loop, struct sock *s, struct loop_io *io, unsigned events)
{
    return poller_add(loop->poller, s, events, io);
}

void loop_io_set(struct loop *loop, struct sock *s, struct loop_io *io, unsigned events)
{
    poller_mod(loop->poller, s, events, io);
}

void loop_io_remove(struct loop *loop, struct sock *s, struct loop_io *io)
{
    poller_del(loop->poller, s);
    for (int i = loop->event_at; i < loop->event_count; i++) {
        if (loop->events[i].cookie == io) {
            loop->events[i].cookie = NULL;
        }
    }
}

static int dispatch(struct loop *loop)
{
    int count = loop->event_count;
    while (loop->event_at < loop->event_count) {
        struct poll_event ev = loop->events[loop->event_at++];
        struct loop_io *io = ev.cookie;
        if (io != NULL) {
            io->fn(io, ev.events);
        }
    }
    return count;
}

/* --- steps --- */

static int64_t wait_ns(struct loop *loop, int64_t max_wait_ns)
{
    if (max_wait_ns == 0 || !list_is_empty(&loop->tasks) || has_mail(loop)) {
        return 0;
    }
    int64_t next_ms = wheel_next_ms(&loop->wheel);
    if (next_ms > INT64_MAX / NS_PER_MS) {
        return max_wait_ns;
    }
    take_time(loop);
    int64_t until_ns = MAX(0, next_ms * NS_PER_MS - loop->now_ns);
    return max_wait_ns < 0 ? until_ns : MIN(until_ns, max_wait_ns);
}

static void poll(struct loop *loop, int64_t timeout_ns)
{
    if (timeout_ns != 0) {
        atomic_store(&loop->asleep, true);
        if (has_mail(loop) || atomic_load(&loop->stopped) || atomic_load(&loop->woken)) {
            timeout_ns = 0;
        }
    }
    loop->event_at = 0;
    loop->event_count = poller_wait(loop->poller, loop->events, LOOP_EVENTS_MAX, timeout_ns);
    atomic_store_explicit(&loop->asleep, false, memory_order_relaxed);
    atomic_store(&loop->woken, false);
    take_time(loop);
}

int loop_step(struct loop *loop, int64_t max_wait_ns)
{
    poll(loop, wait_ns(loop, max_wait_ns));
    int count = dispatch(loop);
    count += run_mail(loop);
    count += wheel_advance(&loop->wheel, loop_now_ms(loop));
    return count + run_tasks(loop);
}

void loop_run(struct loop *loop)
{
    while (!atomic_load_explicit(&loop->stopped, memory_order_relaxed)) {
        loop_step(loop, -1);
    }
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->stopped, true);
    rouse(loop);
}

void loop_free(struct loop *loop)
{
    while (run_mail(loop) + run_tasks(loop) > 0) {
    }
    conn_shared_free(loop->shared);
    ASSERT(wheel_is_empty(&loop->wheel));
    poller_free(loop->poller);
    mem_free(loop);
}
