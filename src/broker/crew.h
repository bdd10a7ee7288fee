/* A queue of work and the helper threads that do it: what would make a worker wait for the disk. */
#ifndef BROKER_CREW_H
#define BROKER_CREW_H

#include "base/err.h"
#include "base/list.h"

struct crew;

/* Does one piece of work, in any of the threads. The node is out of the queue and is the callee's:
 * it may be queued again, or gone, before it returns. */
typedef void crew_fn(struct list_node *n);

/* `name` is that of the threads. thread_count 0: nothing runs by itself, crew_step does it
 * (simulation). */
must_check enum err crew_new(const char *name, int thread_count, crew_fn *fn,
                             struct crew **ret_crew);

/* From now on counts how long each piece takes. Before anything is queued. */
struct histogram;
struct clock;
void crew_measure(struct crew *c, struct clock *clock, struct histogram *h);

/* Finishes what is queued, then ends the threads. NULL is fine. */
void crew_free(struct crew *c);

/* n is in no list. Any thread. */
void crew_queue(struct crew *c, struct list_node *n);

/* Returns when nothing is queued or under way. */
void crew_drain(struct crew *c);

/* Does one piece in the calling thread; false if there is none. */
bool crew_step(struct crew *c);

#endif
