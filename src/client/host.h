/* Brings a core to life: its thread, event loop and connections; and lets other threads ask through
 * it and wait. */
#ifndef CLIENT_HOST_H
#define CLIENT_HOST_H

#include "base/arena.h"
#include "base/attr.h"
#include "client/core.h"
#include "client/metrics.h"
#include "client/security.h"
#include "net/conn.h"
#include "plat/thread.h"

struct ottla_client {
    struct ottla_config *config;
    struct core core; /* the loop's thread */
    struct loop *loop;
    struct clock *clock;
    struct timer timer;
    struct conn_config conn_config;
    struct security security;
    struct client_metrics *metrics; /* its own, or its parent's */
    struct client_metrics own_metrics;
    struct fork_mark *mark;
    struct ottla_client *parent; /* beside which it was made, whose settings and mark it has */
    struct thread thread;
    struct mail stop_mail;
    int lookup_count; /* names being looked up, and tokens */
    _Atomic uint32_t lane_last;
    bool is_stopping;
    /* No thread: who waits calls it until there is something, for max_ns at a time (< 0: as long as
     * it takes). NULL otherwise. */
    void (*drive)(void *ctx, int64_t max_ns);
    void *drive_ctx;
    bool is_simulated; /* no thread for anything */
};

struct host_seams {
    struct net *net;
    struct clock *clock;
    void (*drive)(void *ctx, int64_t max_ns);
    void *drive_ctx;
    uint64_t seed;
};

/* seams NULL: the machine's own, and a thread. */
struct ottla_client *host_new(const struct ottla_config *config, const struct host_seams *seams,
                              struct ottla_error *error);

/* A client beside another, with connections of its own and no thread: the one thread that waits at
 * its waiters, or calls host_step, serves it. To be freed before its parent, by anybody. */
struct ottla_client *host_beside(struct ottla_client *parent, struct ottla_error *error);
/* That thread: what is there to be done, without waiting. */
void host_step(struct ottla_client *c);

/* CLOSED in a process that was forked from the client's own: it has none of its threads. */
int client_check(const struct ottla_client *c, struct ottla_error *error);

/* The loop's thread: does what the core wants after an event. */
void host_settle(struct ottla_client *c);
/* core_got_token follows (token.c). */
void host_ask_token(struct ottla_client *c, uint32_t link_id);

/* --- asking --- */

/* Where finished requests gather. One thread waits at it; where the client has no thread, it is
 * that one which serves the client meanwhile. */
struct waiter {
    struct ottla_client *client;
    struct mutex lock;
    struct cond cond;
    struct list done; /* requests; under lock */
    struct list open; /* the loop's thread */
    bool is_drained;
    bool is_woken; /* under lock */
    bool is_poked; /* under lock */
    int pending;   /* submitted and not taken yet; the waiting thread's */
    struct mail drain_mail;
    uint32_t lane; /* not 0: ends when the waiter is drained */
};

struct request {
    struct call call; /* filled by the asker, apart from done and ctx */
    struct mail mail;
    struct waiter *waiter;
    struct list_node node;
};

void waiter_init(struct waiter *w, struct ottla_client *client);
/* Cancels what is open and frees the frames of what nobody took. */
void waiter_deinit(struct waiter *w);

void waiter_submit(struct waiter *w, struct request *r);

/* A finished request, or NULL after timeout_ms (< 0: waits for as long as something is pending). */
struct request *waiter_next(struct waiter *w, int64_t timeout_ms);

/* Waits until a request is done or somebody wakes the waiter, at most timeout_ms. */
void waiter_wait(struct waiter *w, int64_t timeout_ms);
void waiter_wake(struct waiter *w);        /* any thread */
void waiter_poke(struct waiter *w);        /* the same, without a trace; any thread */
bool waiter_take_wakeup(struct waiter *w); /* whether somebody did since the last time */

/* Cancels what is open; drop gets every request that nobody took. */
void waiter_drain(struct waiter *w, void (*drop)(struct request *r, void *ctx), void *ctx);

/* A message to people, by the loop's thread. Any thread. */
void client_say(struct ottla_client *c, enum ottla_log_level level, struct str text);

/* A new lane, for calls. */
uint32_t client_lane(struct ottla_client *c);

/* Waits for ms without asking for anything. */
void waiter_sleep(struct waiter *w, int64_t ms);

static inline int64_t client_now_ms(const struct ottla_client *c)
{
    return clock_mono_ms(c->clock);
}

/* Reads the answer into msg. Views point into the frame, arrays into the arena. The call's own
 * error if it has one; then, and for bytes that are malformed, error gets a sentence. */
int request_read(struct request *r, struct arena *a, void *msg, struct ottla_error *error);
void request_deinit(struct request *r); /* frees the frame */

#endif
