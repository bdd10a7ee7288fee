/* Cold reads. Log data that is not in memory would make the worker that looks for it, or sends it,
 * wait for the disk, and every producer on that worker with it. So a crew reads it first; the
 * worker goes on with others and answers when the data is there. */
#ifndef BROKER_WARMER_H
#define BROKER_WARMER_H

#include "broker/crew.h"
#include "log/log.h"
#include "net/loop.h"

/* A log_read that would have waited. */
struct warm_read {
    struct log *log;
    struct log_read read;
    struct log_hint hint; /* of the reader: where he was */
};

/* What is to be brought into memory, in place until done is called, on the loop: extents, and what
 * it takes to find others together with their bytes. */
struct warm_job {
    struct list_node node;
    struct mail mail;
    struct loop *loop;
    const struct log_extent **extents;
    int32_t count;
    const struct warm_read *reads;
    int32_t read_count;
    void (*done)(struct warm_job *job);
};

must_check enum err warmer_new(int thread_count, struct crew **ret_crew);
void warmer_queue(struct crew *c, struct warm_job *job);

#endif
