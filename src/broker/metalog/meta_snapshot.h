/* Snapshot files of the metadata log, in Apache Kafka's format: `<next offset>-<epoch>.checkpoint`
 * beside the segments, and bootstrap.checkpoint above them. A header, then what the quorum's
 * control records said, then metadata records, then a footer; a file without its footer is no
 * snapshot (KIP-630). */
#ifndef BROKER_METALOG_META_SNAPSHOT_H
#define BROKER_METALOG_META_SNAPSHOT_H

#include "meta/batches.h"
#include "plat/file.h"

/* A snapshot holds everything below `off`; `epoch` is that of the last record below it. */
struct snapshot_id {
    int64_t off;
    int32_t epoch;
};

struct snapshot_list {
    struct snapshot_id *ids; /* by offset */
    int count;
};

/* What is in the directory; leftovers of snapshots that were not finished are removed on the way.
 */
must_check enum err meta_snapshots_list(struct fs *fs, const char *dir,
                                        struct snapshot_list *ret_list);
void snapshot_list_deinit(struct snapshot_list *l);

void meta_snapshot_path(const char *dir, struct snapshot_id id, struct buf *out);

/* Streams a file into the sink. CORRUPT_MESSAGE or MALFORMED: it is not a whole snapshot. */
must_check enum err meta_snapshot_read(struct fs *fs, const char *path,
                                       const struct meta_sink *sink);

/* Writes one, record by record, under another name until it is whole and durable. Errors stick. */
struct meta_snapshot_writer {
    struct fs *fs;
    const char *path;
    struct buf part_path;
    struct file *file;
    uint64_t pos;
    struct buf bytes;          /* not written yet */
    struct meta_records batch; /* not in bytes yet */
    struct meta_batch_head head;
    enum err err;
};

struct meta_snapshot_head {
    int32_t epoch;
    int64_t now_ms;
    int64_t last_ts_ms;                  /* of the last record that the snapshot stands for */
    const struct meta_control *controls; /* KRaftVersion and Voters of a dynamic quorum */
    int control_count;
};

/* path outlives the writer. */
void meta_snapshot_begin(struct meta_snapshot_writer *w, struct fs *fs, const char *path,
                         const struct meta_snapshot_head *head);
void meta_snapshot_add(struct meta_snapshot_writer *w, struct bytes record);
/* Also after errors, which it gives back; nothing of the snapshot is left then. */
must_check enum err meta_snapshot_finish(struct meta_snapshot_writer *w);

#endif
