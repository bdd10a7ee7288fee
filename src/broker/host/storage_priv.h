/* What storage.c and storage_partitions.c share. */
#ifndef BROKER_HOST_STORAGE_PRIV_H
#define BROKER_HOST_STORAGE_PRIV_H

#include "broker/host/storage.h"
#include "plat/thread.h"

struct storage_dir {
    struct logdir *dir;
    int partition_count;
    bool was_clean;
    int64_t previous_epoch; /* of the broker at its clean stop; -1: not known */
    struct map known;       /* partition directories found at start, until they are loaded */
};

struct storage {
    struct fs *fs;
    struct clock *clock;
    const struct broker_config *config;
    struct topic_table *topics;
    struct crew *syncer;
    bool in_one_thread;
    char cluster_id[64];
    struct storage_dir *dirs;
    int dir_count;
    struct logdir *metadata_dir;  /* one of dirs, or */
    bool has_metadata_dir_of_own; /* metadata.log.dir is none of log.dirs */
    struct uuid *dir_ids;         /* ascending */
    struct mutex lock;            /* rand, partition_count, removals */
    struct rand rand;
    struct list removals;
    struct unmade *unmade; /* partitions that could not be made yet */
    size_t unmade_count;
};

#endif
