/* Waiting for partitions (Kafka's purgatory): a request that cannot be answered yet hangs one
 * waiter on each of its partitions and sleeps until enough of them fired or its time is up.
 *
 * A wait belongs to the loop that began it: start, finish and its callback run in that thread.
 * Waiters are fired by any thread that moves a partition on, under that partition's lock. The
 * callback runs exactly once, with no waiter linked any more. */
#ifndef BROKER_WAIT_H
#define BROKER_WAIT_H

#include "base/list.h"
#include "net/loop.h"

#include <stdatomic.h>

struct partition;
struct wait;

struct waiter {
    struct list_node node;  /* in partition->waiters, under partition->lock */
    struct partition *part; /* referenced while the wait lives */
    int64_t need_off;       /* fires when the high watermark is at or beyond it */
    struct wait *wait;
};

struct wait {
    struct loop *loop;
    struct mail mail;
    struct timer timer;
    _Atomic int left;    /* firings until done */
    _Atomic bool is_due; /* somebody claimed the right to finish it */
    struct waiter *waiters;
    int waiter_count;
    void (*done)(struct wait *w, bool timed_out);
};

/* Prepares: `waiters` has waiter_count entries with part and need_off set; done is called after
 * `needed` of them fired (1: any; waiter_count: all) or at the deadline (loop_now_ms scale).
 * References to the partitions are the wait's from here on. done may come before this returns
 * control to the loop only by mail, never from inside wait_start. */
void wait_start(struct wait *w, struct loop *loop, int needed, int64_t deadline_ms);

/* Under the partition's lock: counts one firing and, if it was the last one needed, posts the mail.
 * The waiter is unlinked already. */
void waiter_fire(struct waiter *w);

#endif
