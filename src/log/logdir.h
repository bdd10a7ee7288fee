/* One data directory (log.dirs may name several): whose it is, and the partition directories in it.
 *
 *   .lock                  held while a broker runs
 *   meta.properties        cluster.id, node.id, directory.id
 *   .kafka_cleanshutdown   there after a clean stop: nothing needs to be scanned
 *   <topic>-<partition>/   with partition.metadata, which names the topic's id
 *   <name>.<uuid>-delete/  a deleted partition whose files are being removed
 *   <name>.<uuid>-future/  a partition that is being copied here from another data directory
 *
 * One thread at a time, but for logdir_path and the like. */
#ifndef LOG_LOGDIR_H
#define LOG_LOGDIR_H

#include "base/buf.h"
#include "base/uuid.h"
#include "plat/file.h"

struct logdir;

#define PARTITION_METADATA_FILE "partition.metadata"
enum { PARTITION_METADATA_MAX_BYTES = 4096 };

/* What meta.properties says. */
struct logdir_meta {
    int version;         /* 1; 0: written by a broker whose metadata was in ZooKeeper */
    char cluster_id[64]; /* base64url; "" in a directory that was not formatted yet */
    int32_t node_id;     /* −1: not said */
    struct uuid dir_id;
};

/* Of a directory that need not be ours. NOT_FOUND: it has none; MALFORMED. */
must_check enum err logdir_read_meta(struct fs *fs, const char *dir, struct logdir_meta *ret_meta);

/* Creates the directory if it is missing, locks it and reads meta.properties (which need not be
 * there). LOCKED: another process has it. MALFORMED: meta.properties cannot be read. */
must_check enum err logdir_open(struct fs *fs, const char *path, struct logdir **ret_dir);

/* Unlocks and frees. */
void logdir_close(struct logdir *d);

struct fs *logdir_fs(const struct logdir *d);
const char *logdir_path(const struct logdir *d);
const struct logdir_meta *logdir_meta(const struct logdir *d);
bool logdir_is_formatted(const struct logdir *d);

/* Writes meta.properties, durably. */
must_check enum err logdir_format(struct logdir *d, const struct logdir_meta *meta);

/* Whether the last stop was clean, and the epoch that the broker had then (-1: the mark does not
 * tell); removes the mark, so that the next crash is seen as one. */
must_check enum err logdir_take_clean_mark(struct logdir *d, bool *ret_was_clean,
                                           int64_t *ret_broker_epoch);
/* Leaves it, durably, after everything else was closed; not after logdir_spoil. */
must_check enum err logdir_put_clean_mark(struct logdir *d, int64_t broker_epoch);

/* Something in it was not closed well: the next start has to look. Any thread. */
void logdir_spoil(struct logdir *d);

/* --- partition directories --- */

/* "orders-3" -> "orders", 3. False for any other name (suffixes of deletion among them). */
bool logdir_parse_name(struct str name, struct str *ret_topic, int32_t *ret_partition);

struct logdir_partition {
    struct str topic; /* valid during the call */
    int32_t partition;
    struct uuid topic_id; /* zero: there is no partition.metadata, or it is no such file */
    const char *path;     /* of the directory */
};

typedef void logdir_partition_fn(void *ctx, const struct logdir_partition *p);

/* Every partition directory but the metadata log's. What is marked -delete is removed on the way.
 * The first error of reading ends it. */
must_check enum err logdir_each_partition(struct logdir *d, logdir_partition_fn *fn, void *ctx);

/* Makes <topic>-<partition> with its partition.metadata; the first sync of its log makes them
 * durable (doc/decisions/0009). OK if it is there with the same id. One that does not say whose it
 * is is made again if no record is in it. EXISTS otherwise. Appends its path to path. */
must_check enum err logdir_make_partition(struct logdir *d, struct str topic, int32_t partition,
                                          struct uuid topic_id, struct buf *path);

/* Removes <topic>-<partition>; EXISTS if a record is in it. */
must_check enum err logdir_remove_unused(struct logdir *d, struct str topic, int32_t partition);

/* The path of <topic>-<partition>. */
void logdir_partition_path(const struct logdir *d, struct str topic, int32_t partition,
                           struct buf *path);

/* Renames <topic>-<partition> to <topic>-<partition>.<random>-delete (or -stray), durably; appends
 * the new path to ret_path, for logdir_remove_tree. */
enum logdir_mark { LOGDIR_DELETE, LOGDIR_STRAY };
must_check enum err logdir_mark_partition(struct logdir *d, struct str topic, int32_t partition,
                                          enum logdir_mark mark, struct rand *r,
                                          struct buf *ret_path);

/* Makes <topic>-<partition>.<random>-future with its partition.metadata; appends its path. */
must_check enum err logdir_make_future(struct logdir *d, const struct logdir_partition *p,
                                       struct rand *r, struct buf *ret_path);
/* Every such directory; its topic may be cut short, its id is not. */
must_check enum err logdir_each_future(struct logdir *d, logdir_partition_fn *fn, void *ctx);
/* It becomes <topic>-<partition>, durably; appends the new path. EXISTS: that is there already. */
must_check enum err logdir_settle_future(struct logdir *d, const struct logdir_partition *p,
                                         struct buf *ret_path);

/* Removes a directory with the files in it (one level). */
must_check enum err logdir_remove_tree(struct fs *fs, const char *path);

#endif
