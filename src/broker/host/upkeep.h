/* What is done to partitions from time to time: flush.ms, retention, checkpoints, closing of idle
 * files, forgetting of old producers. One helper thread; a simulation calls upkeep_step. */
#ifndef BROKER_HOST_UPKEEP_H
#define BROKER_HOST_UPKEEP_H

#include "broker/storage/storage.h"

struct upkeep;

struct upkeep_args {
    struct storage *storage;
    struct topic_table *topics;
    struct clock *clock;
    const struct broker_config *config;
    uint64_t (*written_bytes)(void *ctx); /* by clients, ever; when it runs */
    void *ctx;
};

struct upkeep *upkeep_new(const struct upkeep_args *args);
must_check enum err upkeep_start(struct upkeep *u);
void upkeep_stop(struct upkeep *u);
void upkeep_free(struct upkeep *u);

/* Does what is due; returns when the next thing is (monotonic milliseconds). */
int64_t upkeep_step(struct upkeep *u);

#endif
