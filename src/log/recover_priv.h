/* Shared by the files that carry out a recovery plan. */
#ifndef LOG_RECOVER_PRIV_H
#define LOG_RECOVER_PRIV_H

#include "log/log_priv.h"
#include "log/memo.h"
#include "log/recover.h"

/* One opening; nobody else sees the log yet. Or the same of a log that was truncated: what others
 * look at is only changed under mu then. */
struct recovery {
    struct log *log;
    const struct log_open_args *args;
    struct producers *producers; /* that are brought back: the log's, or those that become it */
    struct log_recovery stats;
    struct recover_seg *segs;
    size_t seg_count, seg_cap;
    struct snapshot_list snapshots;
    int64_t recovery_off; /* what is trusted ends here; INT64_MAX: all */
    int64_t durable_off;  /* the same by what is on the disk: without a memo no other */
    struct memo memo;
    bool has_memo; /* it is true: the page cache is as the process that was killed left it */
    bool is_dir_changed;
    bool is_reload; /* after a truncation: rows may lie beyond the end */
};

/* What a scan left to know about the segment that will be active. */
struct scanned {
    uint32_t row_counts[LOG_ROW_FILES];
    uint64_t unindexed_bytes;
    struct timeindex_row last_time; /* of the rows */
    struct timeindex_row max_time;  /* of the segment */
    struct batch last;              /* that was walked; its place */
    uint64_t last_pos;
    bool has_last;
};

/* recover_files.c: lists the directory, removes and renames leftovers; what is left becomes segs
 * and snapshots, in order. */
must_check enum err recover_files(struct recovery *r);

/* recover_io.c: brings index rows, producers and snapshots in line with a log that was truncated to
 * end_off. The writer, with ckpt_mu. */
must_check enum err recover_reload(struct log *log, int64_t end_off);

/* recover_scan.c: walks rs as rs->scan says from the last trusted index row on, sets its facts and
 * brings its index files in line with what is good. */
must_check enum err recover_scan_seg(struct recovery *r, struct recover_seg *rs,
                                     struct scanned *ret_scanned);

/* recover_state.c: epochs and producers of the log as it stands, from the files and a replay. */
must_check enum err recover_state(struct recovery *r);
/* Producers from the batches at and beyond from_off, on top of what is in the log. */
must_check enum err recover_producers(struct recovery *r, int64_t from_off);
/* Loads the newest good snapshot at or below off that the log's batches follow on; returns from
 * where on they have to be replayed. */
int64_t recover_begin_producers(struct recovery *r, int64_t off);
/* The newest good snapshot at or below off, or -1; its producers are in the log then. */
int64_t recover_load_snapshot(struct recovery *r, int64_t off);

#endif
