/* Memory that peers may make all connections of a process hold, and the queue for it. Private to
 * net: conn.h has what others need. Thread-safe but for what belongs to one waiter.
 *
 * Half of the total is shared, half is the lane.
 * - shared: taken as bytes arrive. The larger the frame, the less of it there is, so that peers
 *   that claim much never shut out those that send little.
 * - queue: who finds no room waits for it, in order. Who gets it and then stalls, or waits too long
 *   for it, is closed and gives back all that it holds (conn_in.c).
 * - lane: one waiter at a time, the oldest, takes what the rest of its frame needs from the lane,
 *   without waiting. A frame is never larger than the lane, so whoever has it can finish; then it
 *   gives back all that it holds. Hence no deadlock, however many hold a part and want more. */
#ifndef NET_BUDGET_H
#define NET_BUDGET_H

#include "net/conn.h"

enum { BUDGET_SMALL_MAX = 128 * 1024, BUDGET_MIDDLE_MAX = 2 * 1024 * 1024 };

enum budget_kind { BUDGET_SMALL, BUDGET_MIDDLE, BUDGET_LARGE, BUDGET_KINDS };

enum budget_wait_state { BUDGET_IDLE, BUDGET_QUEUED, BUDGET_GRANTED };

/* A place in the queue. mail.fn runs in `loop` when want_bytes have been taken for it; it then
 * calls net_budget_accept. */
struct budget_wait {
    struct list_node node;
    struct mail mail;
    struct loop *loop;
    uint64_t turn; /* the order of coming */
    size_t want_bytes;
    enum budget_kind kind;
    enum budget_wait_state state;
    bool lane; /* it was taken from the lane, which is this waiter's until net_budget_leave_lane */
};

static inline enum budget_kind budget_kind_of(size_t frame_bytes)
{
    return frame_bytes <= BUDGET_SMALL_MAX    ? BUDGET_SMALL
           : frame_bytes <= BUDGET_MIDDLE_MAX ? BUDGET_MIDDLE
                                              : BUDGET_LARGE;
}

/* All of these take b == NULL: no limit. */

/* The largest frame that can ever be admitted, its length prefix included. */
size_t net_budget_frame_max(const struct net_budget *b);

/* False when there is no room, or others of this kind wait for it. */
must_check bool net_budget_take(struct net_budget *b, size_t bytes, enum budget_kind kind);

/* Without asking: for the few bytes that were read already, or by the owner of the lane. */
void net_budget_take_anyway(struct net_budget *b, size_t bytes);
void net_budget_take_lane(struct net_budget *b, size_t bytes);

void net_budget_give(struct net_budget *b, size_t bytes);
void net_budget_leave_lane(struct net_budget *b, size_t bytes);

/* Waiters are there, or large frames have no room: read with care. */
bool net_budget_is_pressed(struct net_budget *b);

/* w is idle; loop, want_bytes, kind and mail.fn are set. */
void net_budget_wait(struct net_budget *b, struct budget_wait *w);

/* True: it left the queue, no mail comes. False: mail is on its way. */
must_check bool net_budget_cancel(struct net_budget *b, struct budget_wait *w);

/* In mail.fn: w is idle again, and want_bytes are the caller's to give back. */
void net_budget_accept(struct net_budget *b, struct budget_wait *w);

#endif
