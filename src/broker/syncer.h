/* Group commit: helper threads that fsync the logs which were written to. While one round is under
 * way further appends of a partition gather behind it, so the cost of a sync is shared by all of
 * them. */
#ifndef BROKER_SYNCER_H
#define BROKER_SYNCER_H

#include "base/err.h"

#include <stdbool.h>

struct partition;
struct syncer;

/* thread_count 0: nothing runs by itself, syncer_step does it (simulation). */
must_check enum err syncer_new(int thread_count, struct syncer **ret_syncer);

/* Finishes what is queued, then ends the threads. */
void syncer_free(struct syncer *s);

/* p must not be queued already (partition->is_sync_queued). Any thread. Takes a reference. */
void syncer_queue(struct syncer *s, struct partition *p);

/* Returns when all that was queued is synced. */
void syncer_drain(struct syncer *s);

/* Syncs one queued partition in the calling thread; false if there is none. */
bool syncer_step(struct syncer *s);

#endif
