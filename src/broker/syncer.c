/* What a sync thread does with a partition. */
#include "broker/syncer.h"

#include "broker/partition.h"

static void sync_one(struct list_node *n)
{
    struct partition *p = LIST_ENTRY(n, struct partition, sync_node);
    partition_sync(p);
    partition_unref(p);
}

enum err syncer_new(int thread_count, struct crew **ret_crew)
{
    return crew_new("ottla-sync", thread_count, sync_one, ret_crew);
}

void syncer_queue(struct crew *c, struct partition *p)
{
    partition_ref(p);
    crew_queue(c, &p->sync_node);
}
