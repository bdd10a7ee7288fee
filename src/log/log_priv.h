/* The inside of struct log, shared by the files of this folder and by nobody else.
 *
 * Locks, in this order: ckpt_mu > flush_mu > mu.
 *   ckpt_mu   one checkpoint, truncation, reset or close at a time; held over disk I/O
 *   flush_mu  one writer of index rows at a time, and no change of the active segment meanwhile;
 *             held over small writes, never over an fsync
 *   mu        the structure; never held over I/O
 * What only the log's single writer uses needs none of them. */
#ifndef LOG_LOG_PRIV_H
#define LOG_LOG_PRIV_H

#include "log/epoch.h"
#include "log/index.h"
#include "log/log.h"
#include "log/producer_state.h"
#include "log/rows.h"
#include "log/seg.h"
#include "plat/thread.h"

enum { LOG_RECENT_COUNT = 8, LOG_ROW_FILES = 3 };

/* Where a batch of the active segment begins. */
struct log_recent {
    int64_t base_off;
    uint64_t pos;
    uint32_t crc;
};

struct log {
    struct fs *fs;
    struct clock *clock;
    char *dir;

    struct mutex ckpt_mu;
    struct mutex flush_mu;
    struct mutex mu;
    struct cond sync_done;

    /* guarded by mu */
    struct log_config config;
    struct seg **segs; /* by base offset, at least one; the last one is active */
    uint32_t seg_count, seg_cap;
    struct seg **dead; /* .deleted files waiting for their time */
    uint32_t dead_count, dead_cap;
    struct rows rows[LOG_ROW_FILES]; /* of the active segment: SEG_INDEX.. at part - 1 */
    uint64_t unindexed_bytes;        /* since the last index row */
    int64_t timeindex_last_ts;       /* of the last row; -1 */
    int64_t start_off, end_off, synced_off;
    int64_t checkpointed_off; /* all below is synced, indexed and in a snapshot; -1: not known */
    int64_t claimed_off; /* the largest recovery point that may be stored; INT64_MAX: not known */
    uint64_t size_bytes;
    uint64_t gen; /* unique; changes when positions lose their meaning */
    struct log_recent recent[LOG_RECENT_COUNT];
    uint32_t recent_count; /* ever: the newest lies at (recent_count - 1) % LOG_RECENT_COUNT */
    int64_t touched_ms;    /* monotonic */
    struct epochs epochs;
    struct producers producers;
    bool are_epochs_dirty; /* differ from the file */
    bool is_poisoned;
    bool is_syncing;
    bool is_writing;   /* the writer uses the active segment's files outside mu */
    bool is_dir_dirty; /* a segment file was made since the directory was synced */
    bool is_settled;   /* the directory's own name and partition.metadata are on the disk */
    bool is_suspect;   /* a sync of partition.metadata may have failed before the log was opened */
    bool
        is_unproven; /* what lies beyond synced_off may have been lost by an earlier process's sync,
                        and reads as if it had not: the next sync writes it again (rewrite.h) */
    bool are_rows_unproven; /* the same of index rows, for the next checkpoint */

    /* the writer's */
    int64_t jitter_ms; /* of the active segment */
    struct rand rand;
};

/* For what may fail without harm; say why beside the call. */
static inline void log_ignore(enum err e) { (void)e; }

/* After these nothing was lost: a file could not even be opened. */
static inline bool log_is_harmless(enum err e)
{
    return e == ERR_NO_FDS || e == ERR_NO_MEMORY || e == ERR_CLOSED;
}

/* --- log.c --- */

static inline struct seg *log_active(const struct log *log)
{
    return log->segs[log->seg_count - 1];
}
/* b, in the active segment, is the log's last batch. Under mu. */
static inline void log_note_recent(struct log *log, const struct batch *b, uint64_t pos)
{
    log->recent[log->recent_count++ % LOG_RECENT_COUNT] =
        (struct log_recent){b->base_off, pos, b->crc};
}
static inline struct rows *log_rows(struct log *log, enum seg_part part)
{
    return &log->rows[part - 1];
}

/* Segment that holds off: the last with a base <= off, else the first. Under mu. */
uint32_t log_seg_at(const struct log *log, int64_t off);
void log_push_seg(struct log *log, struct seg *seg);
/* Under mu: positions handed out before no longer mean anything. */
void log_new_gen(struct log *log);
/* After bad news. Not under mu / under mu. */
void log_poison(struct log *log, const char *why);
void log_poison_locked(struct log *log, const char *why);
/* Fresh rows for an active segment whose index files have that many rows. Under mu. */
void log_init_rows(struct log *log, const uint32_t *file_counts);
/* The same for one that begins empty. */
void log_clear_rows(struct log *log);
/* An empty segment, made now. */
struct seg *log_new_seg(struct log *log, int64_t base_off);
const char *log_path(const struct log *log, struct buf *out, const char *name);

/* --- marker.c --- */

/* The marker in a control batch (b->p is whole). False: a control record of another kind. */
bool marker_parse(const struct batch *b, struct marker *ret_marker);

/* --- roll.c --- */

/* Starts a segment at base_off (>= end). The writer. */
must_check enum err log_roll_at(struct log *log, int64_t base_off);
/* Writes waiting index rows. POISONED. Not under mu. Takes flush_mu. */
must_check enum err log_flush_rows(struct log *log);
/* The same with flush_mu held. */
must_check enum err log_flush_rows_locked(struct log *log);
/* A last time index row for the active segment's largest timestamp, as Kafka has it in segments at
 * rest. */
void log_push_last_time(struct log *log);
/* Adds rows for a batch at pos if it is time. Under mu. */
void log_index_batch(struct log *log, const struct batch *b, uint64_t pos);
/* Room for one more aborted transaction; then notes it (b is its marker). Under mu. */
bool log_reserve_abort(struct log *log);
void log_encode_abort(const struct producers *producers, const struct batch *b, int64_t first_off,
                      uint8_t *ret_row);
void log_index_abort(struct log *log, const struct batch *b, int64_t first_off);

/* A new random part of segment.jitter.ms. */
void log_pick_jitter(struct log *log);

/* --- sync.c --- */

/* Segments [first, end) referenced, and their release. Under mu / not under mu. */
struct seg_list {
    struct seg **p;
    uint32_t count;
};
struct seg_list log_ref_segs(const struct log *log, uint32_t first);
void seg_list_release(struct seg_list *x);
/* After this nothing is unproven. */
must_check enum err log_prove(struct log *log);
/* OK where there is no such file. */
must_check enum err log_sync_path(struct log *log, const char *path);

/* --- settle.c --- */

/* Makes durable what partition.metadata says, where a process that did not end well left it. */
must_check enum err log_settle_found(struct log *log);
/* With the first sync: that, the names in the directory, and its own. */
must_check enum err log_settle(struct log *log);

/* --- checkpoint_io.c --- */

/* Stores leader-epoch-checkpoint if it differs. With ckpt_mu held, or while opening. */
must_check enum err log_store_epochs(struct log *log);
/* log_checkpoint_recovery_point with ckpt_mu held. */
must_check enum err log_checkpoint_locked(struct log *log, int64_t *ret_off);

/* --- snapshot_io.c --- */

/* Writes <off>.snapshot of what in holds, durably or not. */
must_check enum err snapshot_write(struct log *log, int64_t off, struct bytes in, bool is_durable);
/* Makes it an empty one, durably: useless, but that it was there is still to be seen. */
must_check enum err snapshot_void(struct log *log, int64_t off);
/* NOT_FOUND (an empty one too), MALFORMED, CORRUPT_MESSAGE. */
must_check enum err snapshot_load(struct log *log, int64_t off, struct producers *ret_producers);
/* Their offsets, ascending; p is freed with mem_free, after an error too. */
struct snapshot_list {
    int64_t *p;
    size_t count, cap;
};
must_check enum err snapshot_list(struct log *log, struct snapshot_list *ret_list);
void snapshot_list_push(struct snapshot_list *l, int64_t off);
/* Removes snapshots that no segment begins with, but the newest, and all beyond end_off. */
must_check enum err snapshot_prune(struct log *log, int64_t end_off);
/* Removes those that are not in [from_off, off], durably: from here on recovery trusts nothing
 * beyond off, whatever point is stored. Where it could no longer be seen how far the log may have
 * gaps, an empty one comes to off before. */
must_check enum err snapshot_distrust(struct log *log, int64_t from_off, int64_t off);

#endif
