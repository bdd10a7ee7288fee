/* Group commit: a crew that fsyncs the logs which were written to. While one round is under way
 * further appends of a partition gather behind it, so the cost of a sync is shared by all of them.
 *
 * A partition is in the queue at most once; it may be queued again while a thread is syncing it,
 * and then another thread shares that log's sync. */
#ifndef BROKER_SYNCER_H
#define BROKER_SYNCER_H

#include "broker/crew.h"

struct partition;

must_check enum err syncer_new(int thread_count, struct crew **ret_crew);

/* p must not be queued already (partition->is_sync_queued). Any thread. Takes a reference. */
void syncer_queue(struct crew *c, struct partition *p);

#endif
