/* A member brought to life: the thread that asks for it and keeps it alive while its user does
 * something else. The user's thread works on the member between membership_lock and _unlock. */
#ifndef CLIENT_GROUP_MEMBERSHIP_H
#define CLIENT_GROUP_MEMBERSHIP_H

#include "client/core/host.h"
#include "client/group/member.h"

struct membership {
    struct ottla_client *client;
    struct waiter *user; /* is poked when there is something to do for the user's thread */
    uint32_t lane;
    struct mutex lock;
    struct member member; /* under lock */
    uint32_t mark;        /* of the member, when the lock was taken */
    bool is_closing;      /* under lock */
    struct waiter waiter; /* the thread's */
    struct thread thread;
    bool has_thread;
};

/* NULL, and why: partition.assignment.strategy, or no thread. */
struct membership *membership_new(struct ottla_client *client, struct waiter *user, uint32_t lane,
                                  struct ottla_error *error);
void membership_free(struct membership *ms); /* at once; NULL is fine */

struct member *membership_lock(struct membership *ms);
/* The thread looks at what has changed. Without a thread (simulation) that happens here. */
void membership_unlock(struct membership *ms);

/* Waits at the user's waiter, at most timeout_ms; the member counts as polling. */
void membership_wait(struct membership *ms, int64_t timeout_ms);

#endif
