/* What a partition remembers of each producer: epoch, the last batches for telling retries, and the
 * open transaction (KIP-98, KIP-360, KIP-890). Pure; the owner guards it.
 *
 * Use: check, reserve (may fail for memory), write the batch, apply (cannot fail). Replay of a log
 * applies without checking: what is in the log has been checked. */
#ifndef LOG_PRODUCER_STATE_H
#define LOG_PRODUCER_STATE_H

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "record/batch.h"

enum { PRODUCER_BATCHES = 5, NO_EPOCH = -1, NO_SEQ = -1 };

struct producer_batch {
    int64_t last_off;
    int64_t ts_ms;
    int32_t last_seq;
    int32_t off_delta; /* last offset - first offset */
};

struct producer {
    struct map_node node;
    struct list_node txn_node; /* in txns while one is open */
    int64_t id;
    int64_t last_ts_ms;
    int64_t txn_first_off; /* -1: none open */
    int32_t coordinator_epoch;
    int16_t epoch; /* NO_EPOCH: reserved only, nothing known */
    uint8_t batch_count;
    struct producer_batch batches[PRODUCER_BATCHES]; /* oldest first */
};

/* A transaction that ended, until its marker is replicated. */
struct ended_txn {
    int64_t first_off;
    int64_t marker_off;
};

struct producers {
    struct map by_id;
    struct list txns; /* open ones, by first offset */
    struct ended_txn *ended;
    uint32_t ended_count, ended_cap;
};

void producers_init(struct producers *x);
void producers_deinit(struct producers *x);
void producers_clear(struct producers *x);
/* What is in from takes the place of what is in to; from is empty then. */
void producers_move(struct producers *to, struct producers *from);

/* NULL if unknown (or only reserved). */
const struct producer *producers_find(const struct producers *x, int64_t id);

/* A transaction marker's content. */
struct marker {
    bool is_commit;
    int32_t coordinator_epoch;
    int8_t txn_version; /* 2: under KIP-890 the epoch must be new; else the old rule */
};

/* Whether a client's batch is an exact retry of one of the last: what was answered then, or
 * NULL. */
const struct producer_batch *producers_find_retry(const struct producers *x, const struct batch *b);

/* May b be appended? Sequences are looked at only with is_client. */
must_check enum err producers_check(const struct producers *x, const struct batch *b,
                                    bool is_client, bool requires_seq_zero);
must_check enum err producers_check_marker(const struct producers *x, const struct batch *b,
                                           const struct marker *m);

/* Makes sure that applying b needs no memory. NO_MEMORY. */
must_check enum err producers_reserve(struct producers *x, const struct batch *b);
/* The batch was not written after all. */
void producers_unreserve(struct producers *x, int64_t id);

/* b, with its final offsets, is in the log. Its producer was reserved. */
void producers_apply(struct producers *x, const struct batch *b);

/* A marker is in the log. True, with the first offset, if it ended a transaction. */
bool producers_apply_marker(struct producers *x, const struct batch *b, const struct marker *m,
                            int64_t *ret_first_off);

/* First offset of the earliest open transaction; -1 if none. */
int64_t producers_first_open_off(const struct producers *x);

/* The same, counting ended ones whose markers are not below high_watermark; forgets the others. */
int64_t producers_first_unstable_off(struct producers *x, int64_t high_watermark);

/* What the last stable offset is once the transaction of first_off has ended at marker_off. */
int64_t producers_stable_off_after(const struct producers *x, int64_t first_off,
                                   int64_t marker_off);

/* Forgets who was idle for so long, unless in a transaction. */
void producers_expire(struct producers *x, int64_t now_ms, int64_t expiration_ms);

/* What a snapshot tells of one producer; last.last_off < 0: no batch is known. */
struct producer_restore {
    int64_t id;
    int64_t txn_first_off;
    int32_t coordinator_epoch;
    int16_t epoch;
    struct producer_batch last;
};
/* A producer with a batch of its own, or a later batch of one that is there. NO_MEMORY; MALFORMED
 * when it does not fit to what is there. */
must_check enum err producers_restore(struct producers *x, const struct producer_restore *r);

/* Snapshot files, version 1. Decode replaces the content; MALFORMED or CORRUPT_MESSAGE leave it
 * empty. */
void producers_encode(const struct producers *x, struct buf *out);
must_check enum err producers_decode(struct producers *x, struct bytes in);

#endif
