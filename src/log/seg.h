/* One segment: a .log file and the index files beside it. References keep its open files readable
 * after it is gone from the log and even from the disk. */
#ifndef LOG_SEG_H
#define LOG_SEG_H

#include "base/buf.h"
#include "plat/file.h"

#include <stdatomic.h>

enum seg_part { SEG_LOG, SEG_INDEX, SEG_TIMEINDEX, SEG_TXNINDEX, SEG_SNAPSHOT, SEG_PART_COUNT };
enum { SEG_OPEN_PARTS = SEG_TXNINDEX };

/* When readers last found it on the disk only, and so whether what they read is worth keeping in
 * memory. Monotonic; SEG_NEVER_MS. */
struct seg_cold {
    _Atomic int64_t found_ms;
    _Atomic int64_t dropped_ms; /* what a reader was given left the memory, up to */
    _Atomic uint64_t dropped_pos;
    _Atomic int64_t missed_ms; /* another one wanted that again */
};
#define SEG_NEVER_MS (INT64_MIN / 2)

/* What names its files: set before use, changed only by the log's writer under mu. */
struct seg {
    atomic_int ref_count;
    atomic_bool is_deleted; /* the files are named .deleted */
    struct seg_cold cold;
    bool has_first_ts;
    bool has_max_ts;
    int64_t base_off;
    uint64_t size_bytes;   /* of good batches; guarded by the log's mu while it is the active one */
    int64_t first_ts_ms;   /* largest timestamp of the first batch: rolling by time */
    int64_t max_ts_ms;     /* -1: none */
    int64_t max_ts_off;    /* last offset of its batch */
    int64_t created_ms;    /* for rolling by time where batches have no timestamps */
    int64_t touched_ms;    /* monotonic; guarded by mu */
    int64_t remove_due_ms; /* once deleted */
    _Atomic(struct file *) files[SEG_OPEN_PARTS]; /* NULL: not open now */
};

struct seg *seg_new(int64_t base_off);
void seg_ref(struct seg *seg);
/* Closes the files with the last reference. NULL is fine. */
void seg_unref(struct seg *seg);

/* The open .log, .index or .timeindex, opened now if it is not (never created). The caller holds a
 * reference. Any thread. */
must_check enum err seg_file(struct seg *seg, struct fs *fs, const char *dir, enum seg_part part,
                             struct file **ret_file);

/* As seg_file but made if it is not there. */
must_check enum err seg_file_create(struct seg *seg, struct fs *fs, const char *dir,
                                    enum seg_part part, struct file **ret_file);

/* Nobody else may hold a reference. */
void seg_close_files(struct seg *seg);
bool seg_has_open_files(const struct seg *seg);

/* "<dir>/<base off, 20 digits><suffix>[.deleted]". Valid until out changes. */
const char *seg_path(struct buf *out, const char *dir, const struct seg *seg, enum seg_part part);
const char *seg_path_of(struct buf *out, const char *dir, int64_t off, const char *suffix);
extern const char *const seg_suffixes[SEG_PART_COUNT];

/* Renames all parts that exist to .deleted, the .log first and durably, but for the .snapshot,
 * which tells of offsets and may be the newest one; after an error call it again. Removes them.
 * Files that are not there are fine. */
must_check enum err seg_mark_deleted(struct seg *seg, struct fs *fs, const char *dir);
must_check enum err seg_remove(struct seg *seg, struct fs *fs, const char *dir);

/* "00000000000000000042.log" -> 42 and SEG_LOG; false for any other name. */
bool seg_parse_name(struct str name, int64_t *ret_off, enum seg_part *ret_part);

#endif
