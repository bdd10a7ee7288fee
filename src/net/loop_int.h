/* What a loop is made of. Private to net: connections keep their per-loop state in it. */
#ifndef NET_LOOP_INT_H
#define NET_LOOP_INT_H

#include "net/wheel.h"

#include <stdatomic.h>

struct conn_shared; /* conn_int.h */

enum { LOOP_EVENTS_MAX = 64 }; /* answers wait for the end of a step: it must not be long */

struct loop {
    struct net *net;
    struct clock *clock;
    struct poller *poller;
    int64_t now_ns;
    struct wheel wheel;
    struct list tasks;

    /* Events of the step that are not dispatched yet: events[event_at .. event_count). */
    struct poll_event events[LOOP_EVENTS_MAX];
    int event_at, event_count;

    struct conn_shared *shared; /* NULL until the first connection */

    /* Other threads write these; away from what the loop's own thread writes all the time. */
    char pad[64];
    _Atomic(struct mail *) mailbox; /* newest first */
    atomic_bool asleep;             /* in the poller, or about to be */
    atomic_bool stopped;
    atomic_bool woken; /* the next wait is none */
};

void conn_shared_free(struct conn_shared *shared); /* conn.c; NULL is fine */

#endif
