/* What a broker does when metadata was committed: topics that came and went, partitions, settings.
 * Runs in the controller's thread, before the requests behind the change are answered. */
#ifndef BROKER_HOST_REACTION_H
#define BROKER_HOST_REACTION_H

#include "broker/storage/storage.h"
#include "meta/delta.h"

struct reaction {
    struct storage *storage;
    struct topic_table *topics;
    int32_t node_id;
};

/* Deletes come before creations: a topic may have come back under its name. */
void reaction_apply(struct reaction *r, const struct image *img, const struct delta *delta);

#endif
