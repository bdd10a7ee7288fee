/* One replica of one partition on this broker: the log, the high watermark, and who waits for it.
 *
 * Locks. `append_lock` makes writers of the log one at a time and is held across their write.
 * `lock` guards the high watermark and the waiters and is held for moments only; it may be taken
 * inside append_lock, never the other way round. Neither is held while a callback of another layer
 * runs.
 *
 * Durability (doc/decisions/0002). With flush.before.ack (the default) the high watermark is the
 * end of what is synced: acks=all answers, and consumers see, only what a power cut cannot take
 * back. Without it the high watermark is the end of the log, as in Apache Kafka. */
#ifndef BROKER_PARTITION_H
#define BROKER_PARTITION_H

#include "base/list.h"
#include "base/uuid.h"
#include "log/log.h"
#include "plat/file_gate.h"
#include "plat/thread.h"
#include "record/validate.h"

#include <stdatomic.h>

struct logdir;
struct crew;
struct waiter;

/* What a topic's configuration means for its partitions. */
struct partition_config {
    struct log_config log;
    struct validate_rules rules;
    bool flush_before_ack;
    int64_t flush_messages; /* INT64_MAX: never by count */
    int64_t flush_ms;       /* INT64_MAX: never by time */
};

struct partition {
    _Atomic int refs;
    struct str topic_name; /* owned */
    struct uuid topic_id;
    int32_t index;
    struct logdir *dir;
    struct fs_gate *gate; /* through which the log reaches its directory; shut by deletion */
    struct log *log;
    struct crew *syncer;

    struct mutex upkeep_lock; /* checkpoint, retention and deletion, one at a time; outermost */
    struct mutex append_lock;
    struct partition_config config; /* writers hold append_lock and lock; readers either */

    struct mutex lock;
    struct log_pos high_watermark;
    int32_t leader_epoch;
    _Atomic int offline; /* enum err: why nothing is served: deleted, or its log failed; OK while
                            it is; written under the lock */
    _Atomic bool is_handed_over;
    bool is_sync_queued;
    bool is_sync_due;       /* the last one could not be tried: partition_tick asks again */
    int64_t dirty_since_ms; /* first append that no sync covers yet; 0: none */
    struct list waiters;
    struct list_node sync_node; /* in the syncer's queue, under its lock */
    _Atomic int64_t touched_ms; /* last append or fetch */
};

struct partition_args {
    struct str topic_name;
    struct uuid topic_id;
    int32_t index;
    struct logdir *dir;
    struct fs_gate *gate; /* on the heap; the log was opened through it */
    struct log *log;      /* open, and durable up to its end */
    struct crew *syncer;
    int32_t leader_epoch;
};

/* The partition owns gate and log. One reference is returned. */
struct partition *partition_new(const struct partition_args *args,
                                const struct partition_config *config);
void partition_ref(struct partition *p);
void partition_unref(struct partition *p); /* the last one closes the log */

void partition_set_config(struct partition *p, const struct partition_config *config);

/* Leads from this epoch on. No-op when it is not newer. */
void partition_lead(struct partition *p, int32_t leader_epoch);

/* The log lets go of its directory, which is about to be renamed; the last reference only frees it.
 * The partition is offline already. Under upkeep_lock. */
void partition_abandon(struct partition *p);

/* Its log lives on as another's, which has all of it, durably: who waits for what is in it is
 * served, all others are told NOT_LEADER_OR_FOLLOWER, so that they look again. Under upkeep_lock
 * and append_lock. */
void partition_hand_over(struct partition *p);

/* No appends or reads from now on, they get `why`; everyone who waits is woken. */
void partition_take_offline(struct partition *p, enum err why);

/* Deleted, or handed over: its log writes nothing more. It becomes so under upkeep_lock. */
bool partition_is_deleted(struct partition *p);

struct partition_append {
    uint8_t *p; /* the records field of one partition: patched in place */
    size_t len;
    int api_version;  /* of Produce */
    int64_t now_ms;   /* wall clock */
    bool is_internal; /* by a coordinator, not a client */
};

struct partition_appended {
    struct log_appended log;
    int64_t append_time_ms; /* −1 with CreateTime */
    const char *message;    /* static, NULL if there is nothing to say */
    struct record_error record_errors[VALIDATE_RECORD_ERRORS_MAX];
    int record_error_count;
    int64_t error_start_off; /* of an error: where the log starts, if the log was what refused the
                                batch, else −1, as Apache Kafka tells it */
};

/* Checks and appends one batch. Errors are Kafka's. After it, acks=all is due when the high
 * watermark reaches log.last_off + 1. */
must_check enum err partition_append(struct partition *p, const struct partition_append *a,
                                     struct partition_appended *ret);

/* The state that a reader needs, in one look. */
struct partition_view {
    struct log_pos high_watermark;
    int64_t start_off;
    int64_t last_stable_off;
    int64_t end_off;
    int32_t leader_epoch;
    enum err offline;
};

void partition_view(struct partition *p, struct partition_view *ret_view);

enum { NO_LEADER_EPOCH = -1 };

/* FENCED_LEADER_EPOCH or UNKNOWN_LEADER_EPOCH unless `epoch` is −1 or the current one. */
must_check enum err partition_check_epoch(const struct partition_view *v, int32_t epoch);

/* OffsetForLeaderEpoch: the largest epoch ≤ `epoch` and where it ended; the current epoch ends at
 * the end of the log. (−1, −1) when nothing is known. */
void partition_epoch_end(struct partition *p, const struct partition_view *v, int32_t epoch,
                         int32_t *ret_epoch, int64_t *ret_end_off);

/* DeleteRecords: off −1 is the high watermark. OFFSET_OUT_OF_RANGE beyond it, POLICY_VIOLATION
 * where cleanup.policy does not delete. */
must_check enum err partition_delete_records(struct partition *p, int64_t off,
                                             int64_t *ret_low_watermark);

/* Drops what retention says, and producers that were silent too long. CLOSED once it is deleted. */
must_check enum err partition_retain(struct partition *p, int64_t now_ms, int *ret_deleted_count);

/* --- waiting (wait.h) --- */

/* Hangs w on its partition, or fires it at once if its offset is reached or the partition is
 * offline. */
void partition_wait(struct waiter *w);
/* Unlinks w if it is still linked. */
void partition_unwait(struct waiter *w);

/* --- the syncer's side --- */

/* Syncs the log and moves the high watermark. */
void partition_sync(struct partition *p);

/* Queues a sync if data is dirty for longer than flush.ms (page-cache mode). */
void partition_tick(struct partition *p, int64_t now_ms);

#endif
