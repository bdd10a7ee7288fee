/* Cold reads. Log data that is not in memory would make the worker that sends it wait for the disk,
 * and every producer on that worker with it. So a crew reads it first; the worker goes on with
 * others and answers when the data is there. */
#ifndef BROKER_WARMER_H
#define BROKER_WARMER_H

#include "broker/crew.h"
#include "log/log.h"
#include "net/loop.h"

/* Extents to be brought into memory; in place until done is called, on the loop. */
struct warm_job {
    struct list_node node;
    struct mail mail;
    struct loop *loop;
    const struct log_extent **extents;
    int32_t count;
    void (*done)(struct warm_job *job);
};

must_check enum err warmer_new(int thread_count, struct crew **ret_crew);
void warmer_queue(struct crew *c, struct warm_job *job);

#endif
