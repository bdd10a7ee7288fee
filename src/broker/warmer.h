/* Cold reads. Log data that is not in memory would make the worker that sends it wait for the disk,
 * and every producer on that worker with it. So helper threads read it first; the worker goes on
 * with others and answers when the data is there. */
#ifndef BROKER_WARMER_H
#define BROKER_WARMER_H

#include "base/list.h"
#include "log/log.h"
#include "net/loop.h"

struct warmer;

/* Extents to be brought into memory; in place until done is called, on the loop. */
struct warm_job {
    struct list_node node;
    struct mail mail;
    struct loop *loop;
    const struct log_extent **extents;
    int32_t count;
    void (*done)(struct warm_job *job);
};

/* thread_count 0: nothing runs by itself, warmer_step does it (simulation). */
must_check enum err warmer_new(int thread_count, struct warmer **ret_warmer);

/* Finishes what is queued, then ends the threads. NULL is fine. */
void warmer_free(struct warmer *w);

void warmer_queue(struct warmer *w, struct warm_job *job);

/* Returns when nothing is queued or under way. */
void warmer_drain(struct warmer *w);

/* Does one job in the calling thread; false if there is none. */
bool warmer_step(struct warmer *w);

#endif
