/* Who a producer is to the brokers, id and epoch, and its transactions. A stepper: functions are
 * events, txn_next gives what is to be asked, txn_take gets what came of it. Pure; who calls it
 * holds the producer's lock.
 *
 *   NONE → STARTING → READY → OPEN → COMMITTING or ABORTING → READY
 *
 * A transaction that failed is ABORTABLE (from OPEN, COMMITTING, STARTING), which only an abort
 * leaves; FATAL is never left. ABORTING goes through STARTING where the epoch must be bumped by the
 * client (KIP-360). Without transactional.id there are NONE, STARTING and READY.
 *
 * KIP-890: with transaction.version 2 partitions join by being written to, and every end gives a
 * new epoch (is_v2); before, each partition is added first. */
#ifndef CLIENT_PRODUCER_TXN_H
#define CLIENT_PRODUCER_TXN_H

#include "base/list.h"
#include "base/rand.h"
#include "client/config.h"
#include "client/producer/ask.h"

enum txn_state {
    TXN_NONE,
    TXN_STARTING,
    TXN_READY,
    TXN_OPEN,
    TXN_COMMITTING,
    TXN_ABORTING,
    TXN_ABORTABLE,
    TXN_FATAL,
};

enum { TXN_STATE_COUNT = TXN_FATAL + 1 };

/* A partition's part in the open transaction. */
enum txn_role { TXN_OUT, TXN_WANTED, TXN_ASKED, TXN_IN };

struct txn_part {
    struct list_node node;
    enum txn_role role;
    const char *topic;
    int32_t partition;
};

struct txn_offset {
    struct list_node node;
    char *topic;
    int32_t partition, leader_epoch;
    int64_t offset;
    char *metadata; /* NULL: null */
};

/* What keeps a call waiting: what came of the last try. */
struct txn_trouble {
    enum produce_kind kind;
    int code, times; /* the same, one after the other; 0: nothing has failed */
    bool is_answer;  /* of the coordinator itself */
    char why[160];   /* without an answer, where it is known */
};

struct txn {
    const struct client_values *config;
    struct rand *rand;
    bool is_transactional;
    enum txn_state state;
    int64_t id; /* -1: none */
    int16_t epoch;
    int code; /* ABORTABLE, FATAL, or NONE after a failure: why */
    char why[256];
    bool is_v2;
    int16_t version_seen;               /* transaction.version as answers told last */
    bool is_started;                    /* the coordinator may know of this transaction */
    bool needs_bump;                    /* ends with InitProducerId */
    bool skips_end;                     /* the coordinator would refuse EndTxn */
    struct list wanted, asked, members; /* txn_part */
    struct list offsets;                /* still to be committed */
    char *group_id, *member_id, *instance_id;
    int32_t generation;
    bool is_group_added; /* v1 */
    bool is_asking, is_fresh;
    enum produce_kind asking; /* what, while it does */
    struct txn_trouble trouble;
    int failures;
    int64_t retry_at_ms;
};

void txn_init(struct txn *t, const struct client_values *config, struct rand *rand);
void txn_deinit(struct txn *t);

/* --- what the program wants: 0, or why it cannot be (txn_refuse tells the sentence) --- */

int txn_start(struct txn *t); /* NONE → STARTING; no-op when it is under way or done */
int txn_begin(struct txn *t);
int txn_commit(struct txn *t);
int txn_abort(struct txn *t);
/* Offsets of a group, which become part of the transaction; copies. */
int txn_add_offsets(struct txn *t, const struct ottla_commit *offsets, size_t count,
                    const struct ottla_group_metadata *group);

/* Whether a record may be taken now; the code if not. */
int txn_may_add(const struct txn *t);
/* A sentence for a code that one of these gave. */
const char *txn_refusal(const struct txn *t);

/* A sentence for a call whose time is over: what the coordinator answered last. */
void txn_tell_delay(const struct txn *t, char *to, size_t size);

/* --- what the accumulator tells --- */

void txn_enrol(struct txn *t, struct txn_part *part); /* it is to be written to */
bool txn_may_send(const struct txn *t, const struct txn_part *part);
/* A batch is lost for good. */
void txn_batch_failed(struct txn *t, int code);
/* Sequences have a gap: idempotent producers go on with the next epoch. */
void txn_bump(struct txn *t);

/* All that is not under way is to be given up, for this code; 0: go on. */
int txn_giving_up(const struct txn *t);
static inline bool txn_is_busy(const struct txn *t) /* somebody may wait for it */
{
    return t->state == TXN_STARTING || t->state == TXN_COMMITTING || t->state == TXN_ABORTING;
}

/* has_records: there are some that are not done. NULL: nothing to ask now. */
struct produce_ask *txn_next(struct txn *t, bool has_records, int64_t now_ms);
void txn_take(struct txn *t, const struct produce_ask *ask, enum err e,
              const union produce_answer *resp, int64_t now_ms);

/* --- the rules, as a table that tests walk --- */

enum txn_verdict {
    TXN_DONE,
    TXN_AGAIN,
    TXN_AGAIN_FRESH, /* the coordinator moved */
    TXN_ABORT,
    TXN_ABORT_BUMP, /* abort, and begin anew with another epoch */
    TXN_FENCED,     /* another producer has this transactional.id */
    TXN_END_ALL,    /* fatal */
};

enum txn_verdict txn_judge(enum produce_kind kind, int code);

#endif
