/* What the files of the storage share. */
#ifndef BROKER_STORAGE_STORAGE_PRIV_H
#define BROKER_STORAGE_STORAGE_PRIV_H

#include "broker/storage/storage.h"
#include "plat/thread.h"

/* Checkpoints in a data directory, by Apache Kafka's names. */
#define POINTS_FILE "recovery-point-offset-checkpoint"
#define MARKS_FILE "replication-offset-checkpoint"
#define STARTS_FILE "log-start-offset-checkpoint"

struct storage_dir {
    struct logdir *dir;
    int partition_count;
    bool was_clean;
    int64_t previous_epoch; /* of the broker at its clean stop; -1: not known */
    struct map known;       /* partition directories found at start, until they are loaded */
    char *memos;            /* what those found have memos in */
};

struct storage {
    struct fs *fs;
    struct clock *clock;
    const struct broker_config *config;
    struct topic_table *topics;
    struct crew *syncer;
    bool in_one_thread;
    struct uuid boot_id;
    bool had_partitions;
    size_t memos_bytes; /* how much was written the last time; under checkpoint_lock */
    char cluster_id[64];
    struct storage_dir *dirs;
    int dir_count;
    struct logdir *metadata_dir;  /* one of dirs, or */
    bool has_metadata_dir_of_own; /* metadata.log.dir is none of log.dirs */
    struct uuid *dir_ids;         /* ascending */
    struct mutex lock;            /* rand, partition_count, removals */
    struct mutex checkpoint_lock; /* one writes them at a time */
    struct rand rand;
    struct list removals;
    _Atomic bool has_stale_starts; /* rows on the disk may be of partitions that were deleted */
    struct unmade *unmade;         /* partitions that could not be made yet */
    size_t unmade_count;
};

/* A partition directory, and what the checkpoints say of it. */
struct found {
    struct map_node node;
    char *topic;
    int32_t partition;
    struct uuid topic_id;
    int64_t recovery_point_off, start_off, cleaned_off;
    int64_t made_ms;       /* when partition.metadata was written */
    bool is_start_doubted; /* the checkpoint that has start_off seems to be older than that */
    struct bytes memo;
    bool is_used;
};

/* storage_found.c: the clean mark is taken, and d->known filled with what there is. */
must_check enum err storage_scan_dir(struct storage *s, struct storage_dir *d);
/* When a file of dir was written; INT64_MIN: not known. */
int64_t storage_mtime_ms(struct storage *s, const char *dir, const char *name);
struct found *storage_find_found(const struct storage_dir *d, struct str topic, int32_t partition);
/* What is not used: renamed, or removed where nothing in it was ever acknowledged. */
must_check enum err storage_put_strays_aside(struct storage *s);
void storage_forget_found(struct storage_dir *d);

/* How a log in a data directory is opened. */
struct storage_log {
    const char *path;
    const struct partition_config *config;
    int64_t start_off, recovery_point_off, cleaned_off;
    bool is_start_doubted;
    bool was_clean;
    struct bytes memo;
};

/* Fills in gate and log; nothing with an error. recovery may be NULL. */
must_check enum err storage_open_log(struct storage *s, const struct storage_log *l,
                                     struct partition_args *ret, struct log_recovery *recovery);

/* Where a log starts is told by name: the row of a partition that was deleted has to be gone before
 * another of its name is made. Times alone do not tell them apart: clocks are coarse, and are set
 * back. Writes the rows of those in the table, if there may be others. */
must_check enum err storage_forget_starts(struct storage *s);

/* A directory that goes when the time is over. */
void storage_remove_later(struct storage *s, const char *path, int64_t delay_ms);

/* Durably: where the log of p, which is not in the table as one of d yet, starts in d. Under
 * checkpoint_lock. */
must_check enum err storage_note_start(struct storage *s, struct storage_dir *d,
                                       const struct partition *p, int64_t start_off);

/* The one of log.dirs with that path, whatever slashes are at its end; NULL: none. */
struct storage_dir *storage_find_dir(struct storage *s, struct str path);
struct storage_dir *storage_dir_of(struct storage *s, const struct partition *p);

#endif
