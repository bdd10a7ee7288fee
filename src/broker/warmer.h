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

/* What is to be brought into memory, in place until done is called, on the loop: extents, what it
 * takes to find others together with their bytes, and whatever else may wait for the disk. */
struct warm_job {
    struct list_node node;
    struct mail mail;
    struct loop *loop; /* NULL: nobody waits for it, and work ends its life */
    const struct log_extent **extents;
    int32_t count;
    const struct warm_read *reads;
    int32_t read_count;
    void (*work)(struct warm_job *job); /* in the helper thread; may be NULL */
    void (*done)(struct warm_job *job);
};

must_check enum err warmer_new(int thread_count, struct crew **ret_crew);
void warmer_queue(struct crew *c, struct warm_job *job);
/* What was sent and is spent leaves the memory again; takes the extent over. */
void warmer_drop(struct crew *c, struct log_extent *x);

#endif
