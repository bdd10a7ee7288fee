/* An event loop: sockets, timers, deferred work, and mail from other threads. One thread runs a
 * loop and everything that belongs to it; only loop_post, loop_wake and loop_stop may be called
 * from another.
 *
 * In a simulation many loops are run by one thread, a step at a time (loop_step), over a simulated
 * poller (plat/net.h) and clock: nothing here waits other than in the poller. */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/err.h"
#include "base/list.h"
#include "plat/clock.h"
#include "plat/net.h"

struct loop;

must_check enum err loop_new(struct net *net, struct clock *clock, struct loop **ret_loop);

/* Connections and listeners of the loop must be closed (conn_close_all), timers cancelled and no
 * other thread may post any more. Mail that is still there is run here. */
void loop_free(struct loop *loop);

/* Runs until loop_stop. */
void loop_run(struct loop *loop);

/* Waits at most max_wait_ns (< 0: as long as it takes) for something to do and does it, in the
 * order sockets, mail, timers, deferred tasks; returns the number of things done. */
int loop_step(struct loop *loop, int64_t max_wait_ns);

void loop_stop(struct loop *loop); /* any thread */
void loop_wake(struct loop *loop); /* the step that waits, or else the next one, ends; any thread */

/* Monotonic milliseconds, taken once a step: cheap. */
int64_t loop_now_ms(const struct loop *loop);
struct clock *loop_clock(const struct loop *loop);
struct net *loop_net(const struct loop *loop);

/* --- mail --- */

/* Put into the thing that is sent; fn runs once in the loop's thread, in order of posting per
 * sender. From then on m is no longer the loop's: fn may free or post it again. */
struct mail {
    struct mail *next;
    void (*fn)(struct mail *m);
};

void loop_post(struct loop *loop, struct mail *m); /* any thread; m must not be in a mailbox */

/* --- timers (hierarchical wheel, 1 ms, set and cancel O(1)) --- */

/* Zeroed before first use, apart from fn. */
struct timer {
    struct list_node node;
    int64_t deadline_ms;
    void (*fn)(struct timer *t);
};

/* Sets or moves. fn may set it again; one that is due at once runs in the next step. */
void loop_timer_set(struct loop *loop, struct timer *t, int64_t deadline_ms);
void loop_timer_cancel(struct loop *loop, struct timer *t); /* no-op when not set */
static inline bool loop_timer_is_set(const struct timer *t) { return list_is_linked(&t->node); }

/* --- deferred work --- */

/* Zeroed before first use, apart from fn. */
struct loop_task {
    struct list_node node;
    void (*fn)(struct loop_task *t);
};

/* Runs fn once, at the end of the step; from within a task, at the end of the next one. No-op when
 * it is deferred already. */
void loop_defer(struct loop *loop, struct loop_task *t);
void loop_undefer(struct loop *loop, struct loop_task *t);

/* --- sockets --- */

/* What the loop calls when a socket is ready. */
struct loop_io {
    void (*fn)(struct loop_io *io, unsigned events /* NET_READABLE | NET_WRITABLE | NET_HANGUP */);
};

must_check enum err loop_io_add(struct loop *loop, struct sock *s, struct loop_io *io,
                                unsigned events);
void loop_io_set(struct loop *loop, struct sock *s, struct loop_io *io, unsigned events);

/* After it fn is not called again, not even for an event that was taken already. */
void loop_io_remove(struct loop *loop, struct sock *s, struct loop_io *io);

#endif
