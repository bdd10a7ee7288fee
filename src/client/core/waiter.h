/* One question through a client, or many, and waiting for what comes of them. */
#ifndef CLIENT_CORE_WAITER_H
#define CLIENT_CORE_WAITER_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/list.h"
#include "client/core/call.h"
#include "net/loop.h"
#include "ottla/client.h"
#include "plat/thread.h"

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

/* Waits for ms without asking for anything. */
void waiter_sleep(struct waiter *w, int64_t ms);

/* CLOSED in a process that was forked from the client's own: it has none of its threads. */
int client_check(const struct ottla_client *c, struct ottla_error *error);

/* Reads the answer into msg. Views point into the frame, arrays into the arena. The call's own
 * error if it has one; then, and for bytes that are malformed, error gets a sentence. */
int request_read(struct request *r, struct arena *a, void *msg, struct ottla_error *error);
void request_deinit(struct request *r); /* frees the frame */

#endif
