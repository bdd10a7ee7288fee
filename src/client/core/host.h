/* Brings a core to life: its thread, event loop and connections. Other threads ask through it and
 * wait with waiter.h. */
#ifndef CLIENT_CORE_HOST_H
#define CLIENT_CORE_HOST_H

#include "base/attr.h"
#include "client/core/core.h"
#include "client/core/security.h"
#include "client/core/waiter.h"
#include "client/future.h"
#include "client/metrics.h"
#include "net/conn.h"
#include "plat/thread.h"

struct ottla_client {
    struct ottla_config *config;
    struct core core; /* the loop's thread */
    struct loop *loop;
    struct clock *clock;
    struct timer timer, report_timer;
    struct reporter reporter;
    struct conn_config conn_config;
    struct security security;
    struct client_metrics *metrics; /* its own, or its parent's */
    struct client_metrics own_metrics;
    struct futures futures;
    struct fork_mark *mark;
    struct ottla_client *parent; /* beside which it was made, whose settings and mark it has */
    struct thread thread;
    struct mail stop_mail;
    _Atomic int users; /* the program, until it frees it, and what was made of it */
    int lookup_count;  /* names being looked up, and tokens */
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

/* That thread: an answer to Produce said that the broker wants to be left alone. */
void host_throttled(struct ottla_client *c, int32_t node_id, int32_t ms);

/* The loop's thread: does what the core wants after an event. */
void host_settle(struct ottla_client *c);
/* core_got_token follows (token.c). */
void host_ask_token(struct ottla_client *c, uint32_t link_id);

/* A message to people, by the loop's thread. Any thread. */
void client_say(struct ottla_client *c, enum ottla_log_level level, struct str text);

/* It lives until the program and all that was made of it have let go. Any thread. */
struct ottla_client *client_ref(struct ottla_client *c);
void client_unref(struct ottla_client *c);

/* A new lane, for calls. */
uint32_t client_lane(struct ottla_client *c);

static inline int64_t client_now_ms(const struct ottla_client *c)
{
    return clock_mono_ms(c->clock);
}

#endif
