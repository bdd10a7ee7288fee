/* The commit log of one partition: segments on disk, byte-compatible with Apache Kafka's.
 *
 * Threads. One writer at a time (log_append, log_truncate, log_set_start, log_retain, log_close:
 * the caller's partition lock). log_read, log_find_time, log_sync, log_checkpoint_* and the getters
 * may run on any thread beside the writer. The log's own mutex guards its structure and is never
 * held across disk I/O other than a write of the caller's own append.
 *
 * Durability. Appended bytes are in the page cache; log_sync makes everything appended before it
 * durable and returns how far. After one failed sync the log is poisoned: no append, no sync
 * succeeds on it again (the kernel may have dropped the dirty pages), reads go on. What it
 * remembers may differ from what the disk has, so it writes nothing more of it either, not even
 * when closed.
 *
 * Memory. An idle log is small (≤ 4 KiB with one segment): files are opened when touched and closed
 * again by log_idle; indexes of old segments are read when needed. */
#ifndef LOG_LOG_H
#define LOG_LOG_H

#include "base/rand.h"
#include "plat/clock.h"
#include "plat/file.h"
#include "record/batch.h"

struct log;
struct seg;

/* A topic's settings, Kafka's defaults by log_config_init. May be changed while open. */
struct log_config {
    int64_t segment_bytes;
    int64_t segment_ms;
    int64_t segment_jitter_ms;
    int64_t segment_index_bytes;
    int64_t index_interval_bytes;
    int64_t retention_ms;    /* -1: no limit */
    int64_t retention_bytes; /* -1: no limit */
    int64_t file_delete_delay_ms;
    int64_t producer_expiration_ms; /* producer.id.expiration.ms */
    bool is_deleted_by_retention;   /* cleanup.policy contains delete */
    bool has_gaps; /* cleanup.policy contains compact, or once did: offsets may be missing between
                      segments below the recovery point, and recovery must not take that for a
                      loss; whoever compacts stores a recovery point beyond it first */
};

void log_config_init(struct log_config *c);

/* An offset and where it lies: what Kafka calls LogOffsetMetadata. seg_base_off -1: where it lies
 * is not known; log_read then looks it up. */
struct log_pos {
    int64_t off;
    int64_t seg_base_off;
    uint64_t seg_pos; /* byte in that segment */
};

struct log_open_args {
    struct fs *fs;
    struct clock *clock;
    const char *dir; /* of the partition; must exist, and after a stop that was not clean its name
                        must be on the disk if there is anything in it */
    struct log_config config;
    int64_t log_start_off; /* from the checkpoint; 0 if none */
    bool is_start_doubted; /* it may be of an earlier log of this name: passed over when this one
                              ends before it */
    int64_t recovery_point_off; /* from the checkpoint; 0 for a new log, -1 if it is not known: then
                                   all is checked, and a loss may pass for one of has_gaps */
    int64_t cleaned_off; /* from cleaner-offset-checkpoint: below it offsets may be missing */
    bool was_clean;      /* .kafka_cleanshutdown was there: nothing is scanned */
    struct bytes memo;   /* of log_memo, taken by an earlier process since this machine runs, after
                            the log was truncated or reset and after its recovery point was stored;
                            empty: there is none */
    bool is_durable;     /* what comes back is on the disk even if the log is opened by its memo */
    uint64_t seed;       /* of segment.jitter.ms */
};

/* What opening found and did, for a person. */
struct log_recovery {
    int64_t scanned_bytes;
    int64_t truncated_bytes; /* cut off: torn or corrupt tail */
    int indexes_rebuilt_count;
};

/* Opens and recovers: leftovers (.deleted, .cleaned, .swap) are finished or removed; beyond the
 * recovery point batches are checked (CRC, offsets) and the first bad one and all after it
 * are cut off; missing or bad indexes are rebuilt; producer state is restored from the newest good
 * snapshot and the batches after it. The log that comes back is durable up to its end; or, by a
 * memo and without is_durable, up to log_synced_off. ret_recovery may be NULL. */
must_check enum err log_open(const struct log_open_args *args, struct log **ret_log,
                             struct log_recovery *ret_recovery);

/* Flushes, writes the producer snapshot, trims indexes, frees. With an error the state on disk is
 * as after a crash: still recoverable. `log` is freed in any case. Extents that readers hold stay
 * valid. */
enum err log_close(struct log *log);

/* Frees without writing anything: what is on disk is as after a kill. For logs that are about to be
 * removed. */
void log_abandon(struct log *log);

void log_set_config(struct log *log, const struct log_config *c);

int64_t log_start_off(struct log *log);
int64_t log_end_off(struct log *log);
struct log_pos log_end_pos(struct log *log);
int64_t log_synced_off(struct log *log);
uint64_t log_size_bytes(struct log *log);
int32_t log_last_epoch(struct log *log); /* -1 when empty */
bool log_is_poisoned(struct log *log);

/* --- append --- */

enum log_origin {
    LOG_FROM_CLIENT,      /* sequences and epochs of producers are checked; offsets are assigned */
    LOG_FROM_COORDINATOR, /* internal: offsets are assigned, no sequence check, control allowed */
    LOG_FROM_LEADER,      /* replicated: offsets, epochs and producers are taken as they are */
};

struct log_append {
    uint8_t *p; /* one or more whole, validated batches; offsets and epoch are patched in place */
    size_t len;
    enum log_origin origin;
    int32_t leader_epoch;
    int64_t now_ms;
    bool requires_seq_zero; /* transactions V2: a producer without state must begin at 0 */
    int8_t txn_version;     /* of markers: 2 under KIP-890, which asks for a bumped epoch */
};

struct log_appended {
    int64_t base_off, last_off;
    int64_t start_off; /* log start */
    bool is_duplicate; /* an exact retry: nothing was written, the offsets are the original's */
    int64_t duplicate_ts_ms;
    bool has_rolled;
};

/* Appends all or nothing. Errors: OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH,
 * INVALID_TXN_STATE, TRANSACTION_COORDINATOR_FENCED, RECORD_LIST_TOO_LARGE (18: larger than
 * segment.bytes), CORRUPT_MESSAGE (no whole batch), OFFSET_OUT_OF_RANGE (from a leader: not beyond
 * the end), POISONED, NO_MEMORY, IO, NO_SPACE (a partial write is cut off again; if even that fails
 * the log is poisoned). */
must_check enum err log_append(struct log *log, const struct log_append *a,
                               struct log_appended *ret_appended);

/* Starts a new segment at the end if the active one has anything in it. */
must_check enum err log_roll(struct log *log);

/* Makes durable what was appended before the call, and with the first one the directory itself and
 * its partition.metadata. *ret_end gets how far (the end at the time of the call). Any thread;
 * concurrent calls share the work. POISONED forever after a failure. */
must_check enum err log_sync(struct log *log, struct log_pos *ret_end);

/* --- read --- */

/* A run of whole batches in one segment; holds a reference on the segment until log_extent_release,
 * so the bytes stay readable even if the segment is deleted meanwhile. */
struct log_extent {
    struct seg *seg; /* NULL: empty */
    uint64_t pos;
    size_t len;
    int64_t base_off;            /* asked for; the first batch may begin before it */
    int64_t read_ms;             /* monotonic */
    bool is_first_batch_too_big; /* len exceeds max_bytes, given whole all the same */
    bool is_behind;              /* not near the log's end: it may have left the memory */
    bool is_warm;                /* but it was there a moment ago */
    uint64_t ahead_bytes;        /* from pos on, what its reader will come to soon: at least len */
};

/* Remembered by a reader between two reads: where its next offset lies, and what was seen on the
 * way there. Zero it to begin; a wrong hint only costs time. */
struct log_hint {
    int64_t off;
    int64_t seg_base_off;
    uint64_t seg_pos;
    uint64_t gen;      /* of the log's layout: 0 never matches */
    uint64_t next_pos; /* where the batch at seg_pos ends; 0: not known */
    uint64_t warm_pos; /* the segment was in memory up to here at warm_ms (monotonic) */
    int64_t warm_ms;
};

struct log_read {
    int64_t off;
    size_t max_bytes;
    struct log_pos
        upto;           /* nothing at or beyond it is given: high watermark or last stable offset */
    bool min_one_batch; /* the first batch is given even if it exceeds max_bytes */
    struct log_hint *hint; /* may be NULL */
    bool may_not_wait;     /* AGAIN where finding them would wait for the disk */
};

/* Finds the batches from the one that contains r->off on. Empty extent when off == upto.off.
 * OFFSET_OUT_OF_RANGE outside [log start, upto]. */
must_check enum err log_read(struct log *log, const struct log_read *r,
                             struct log_extent *ret_extent);

void log_extent_release(struct log_extent *x);

/* Reads an extent's bytes [from, from + len) into memory. CORRUPT_MESSAGE never: bytes are as on
 * disk. */
must_check enum err log_extent_pread(const struct log_extent *x, size_t from, void *p, size_t len);

/* For sendfile; -1 where the file system has no descriptors. Valid while the extent is held. */
int log_extent_fd(const struct log_extent *x);

/* Whether reading it would wait for the disk. Costs nothing near the log's end, and little where
 * the reader's hint (may be NULL) comes along: it gets what was found out about the bytes ahead. */
bool log_extent_is_cold(const struct log_extent *x, struct log_hint *hint);
/* Reads it into memory; what goes wrong shows when it is sent. Any thread. */
void log_extent_warm(const struct log_extent *x);
/* The reader is done with it: old data that had to be read from the disk leaves the memory again,
 * so that it does not push out what others tail, unless others seem to want it
 * (doc/decisions/0008). To drop it may take as long as the disk does; who may not wait asks whether
 * it is spent, and has it dropped by somebody else. */
void log_extent_done(const struct log_extent *x);
bool log_extent_is_spent(const struct log_extent *x);
void log_extent_drop(const struct log_extent *x);

/* --- lookups --- */

struct log_time_hit {
    int64_t off; /* -1: nothing found */
    int64_t ts_ms;
    int32_t leader_epoch; /* -1 unknown */
};

/* ListOffsets by time: the first record below `upto_off` with a timestamp ≥ ts_ms. */
must_check enum err log_find_time(struct log *log, int64_t ts_ms, int64_t upto_off,
                                  struct log_time_hit *ret_hit);

/* ListOffsets −3: the record with the largest timestamp (the first of equals). */
must_check enum err log_find_max_time(struct log *log, struct log_time_hit *ret_hit);

/* Leader epochs (KIP-101, 279). One begins with the first batch that has it: batches tell a start
 * what the file does not know yet.
 *
 * End offset of the largest epoch ≤ `epoch` and that epoch; (−1, −1) if none is known. */
void log_epoch_end(struct log *log, int32_t epoch, int32_t *ret_epoch, int64_t *ret_end_off);
int32_t log_epoch_at(struct log *log, int64_t off); /* −1 unknown */

/* --- removal --- */

/* DeleteRecords: nothing below off is given any more; whole segments below go at the next
 * log_retain. No-op when off ≤ log start. */
must_check enum err log_set_start(struct log *log, int64_t off);

/* Drops everything at and beyond off (followers), durably, and checkpoints what is left. An off
 * that lies where offsets are missing ends the log before them. Who goes below the start that is
 * stored stores the lower one first: a log that ends before its start is taken for lost. */
must_check enum err log_truncate(struct log *log, int64_t off);

/* Drops everything and begins anew, empty, at off; durably. A crash on the way leaves the log as it
 * was, shorter, or empty. As for log_truncate, a lower start is stored before. */
must_check enum err log_reset(struct log *log, int64_t off);

/* Applies retention by start offset, size and time; nothing at or beyond upto_off (high watermark)
 * goes, and only whole segments. Files are renamed to .deleted and linger file.delete.delay.ms;
 * calling this again later removes them. *ret_deleted_count segments were dropped. */
must_check enum err log_retain(struct log *log, int64_t upto_off, int64_t now_ms,
                               int *ret_deleted_count);

/* Removes files of dropped segments whose time has come, outside the writer's lock if that suits
 * better: any thread. log_retain does it too. */
must_check enum err log_remove_deleted(struct log *log, int64_t now_ms);

/* --- producers --- */

struct log_producer {
    int64_t producer_id;
    int16_t epoch;
    int32_t last_seq;
    int64_t last_ts_ms;
    int32_t coordinator_epoch;
    int64_t txn_first_off; /* -1: no open transaction */
};

typedef void log_producer_fn(void *ctx, const struct log_producer *p);
void log_each_producer(struct log *log, log_producer_fn *fn, void *ctx);
void log_expire_producers(struct log *log, int64_t now_ms);

/* First offset of the earliest open transaction; -1 if none. */
int64_t log_first_unstable_off(struct log *log);

/* The same, but a transaction whose marker is not below high_watermark counts as open still. */
int64_t log_unstable_off(struct log *log, int64_t high_watermark);

/* Aborted transactions that touch [from_off, upto_off), by their markers' order. The answer is
 * complete on OK. */
struct log_aborted {
    int64_t producer_id;
    int64_t first_off;
};
typedef void log_aborted_fn(void *ctx, const struct log_aborted *a);
must_check enum err log_each_aborted(struct log *log, int64_t from_off, int64_t upto_off,
                                     log_aborted_fn *fn, void *ctx);

/* --- upkeep, on a helper thread --- */

/* Flushes indexes and takes a producer snapshot so that everything below the returned offset needs
 * no scan after a crash: the value for recovery-point-offset-checkpoint. It may be stored late, or
 * not at all. */
must_check enum err log_checkpoint_recovery_point(struct log *log, int64_t *ret_off);

/* Appends what a later process needs to open the log without a look at what lies before, if this
 * one is killed (doc/decisions/0019). No disk is waited for. It is worth nothing once the machine
 * went down. NOT_FOUND: there is none now; POISONED. */
must_check enum err log_memo(struct log *log, struct buf *out);

/* Closes descriptors and frees buffers of a log that was not touched since idle_since_ms. */
void log_idle(struct log *log, int64_t idle_since_ms);

#endif
