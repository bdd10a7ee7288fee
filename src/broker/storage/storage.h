/* The data directories of a broker and the partitions that live in them: opening, recovering,
 * making, deleting, and the checkpoints. Start-up, the controller's thread (reaction to metadata)
 * and the upkeep thread use it; each public function takes the storage's lock where it must. */
#ifndef BROKER_STORAGE_STORAGE_H
#define BROKER_STORAGE_STORAGE_H

#include "broker/topics.h"
#include "log/logdir.h"
#include "meta/config.h"
#include "meta/image.h"
#include "plat/clock.h"

struct storage;

struct storage_args {
    struct fs *fs;
    struct clock *clock;
    const struct broker_config *config;
    struct topic_table *topics;
    struct crew *syncer;
    uint64_t seed;
    bool in_one_thread;  /* logs are opened one after the other */
    struct uuid boot_id; /* of the machine's run, which ends with its memory; zero: not known */
};

/* What the settings say of log.dirs, or log.dir, or where data is when they say nothing: a list
 * with commas. */
struct str storage_dirs_of(const struct props *props);

/* Opens and locks all of log.dirs (or log.dir); formats what is new with the ids that the others
 * have, or fresh ones. BAD_CONFIG: the directories disagree about whose they are; LOCKED. */
must_check enum err storage_open(const struct storage_args *args, struct storage **ret_storage,
                                 struct buf *why);

const char *storage_cluster_id(const struct storage *s);
struct logdir *storage_metadata_dir(const struct storage *s);
/* The directories' ids, ascending; for the broker's registration. */
const struct uuid *storage_dir_ids(const struct storage *s, int *ret_count);
int storage_dir_count(const struct storage *s);
struct logdir *storage_dir(const struct storage *s, int i);

/* Opens the log of every partition that the image gives this node, recovering where the last stop
 * was not clean, and puts them in the topic table; makes those that are missing and puts aside
 * (-stray) what belongs to no topic. Uses several threads. */
must_check enum err storage_load(struct storage *s, const struct image *img, int32_t node_id,
                                 struct buf *why);

/* The epoch that the broker had at its last stop, which was clean and left all of log.dirs in
 * order; -1 otherwise. After storage_load. */
int64_t storage_previous_epoch(const struct storage *s);
bool storage_was_clean(const struct storage *s); /* of all of log.dirs */

/* A partition that this node has by the image. */
struct storage_part {
    const struct image_topic *topic;
    int32_t index;
};

/* Opens or makes them, several at a time, and puts them in the topic table. One that cannot be made
 * is told of and left out: clients find no leader for it. */
void storage_add_partitions(struct storage *s, const struct image *img,
                            const struct storage_part *parts, size_t count);

/* Whether some could not be made, and another try for those that are still wanted. In the thread
 * that adds. */
bool storage_has_unmade(const struct storage *s);
void storage_make_again(struct storage *s, const struct image *img);

/* Takes the partition offline and deletes its files. Takes the reference. */
void storage_delete_partition(struct storage *s, struct partition *p);

/* Removes the directories of deleted partitions whose time has come (monotonic). */
void storage_remove_due(struct storage *s, int64_t now_ms);

/* What the topic's settings are by this image. */
void storage_partition_config(struct storage *s, const struct image *img, struct str topic,
                              struct partition_config *ret_config);

/* Writes replication-offset-, recovery-point- and log-start-offset-checkpoint of every directory.
 * With recovery_points, indexes and producer snapshots are made durable first, so that a restart
 * scans little. */
void storage_checkpoint(struct storage *s, bool recovery_points);

/* The same with recovery points, which may wait long for disks: between two partitions it asks
 * is_note_due, and where that says so it does what storage_note does. */
typedef bool storage_due_fn(void *ctx);
void storage_checkpoint_and_note(struct storage *s, storage_due_fn *is_note_due, void *ctx);

/* Whether there was anything to recover. After storage_load. */
bool storage_had_partitions(const struct storage *s);

/* Writes down, for no disk, what makes the next start short if this process is killed: then only
 * what is appended from now on is looked at. Gives how many bytes that took. */
size_t storage_note(struct storage *s);

/* After all partitions are closed: leaves the clean mark unless something failed, unlocks, frees.
 */
void storage_close(struct storage *s, bool is_clean, int64_t broker_epoch);

#endif
