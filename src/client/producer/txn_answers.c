/* What the answers about transactions mean. Pure. See txn.h.
 *
 * The rules are those of Apache Kafka's own client: what passes is asked again, what a new epoch or
 * an abort heals is abortable (KIP-360, KIP-588, KIP-1050), the rest is the end of this producer.
 */
#include "client/producer/txn_int.h"

#include "base/assert.h"
#include "client/core/backoff.h"
#include "client/error.h"

#include <stdio.h>

enum { SOON_MS = 20, SOON_TRIES = 10 };

/* Of the group and of topics: another try of the whole transaction may do better. */
static bool is_abortable(enum produce_kind kind, int code)
{
    switch (code) {
    case ERR_TRANSACTION_ABORTABLE:
        return true;
    case ERR_GROUP_AUTHORIZATION_FAILED:
        return kind == PRODUCE_ADD_OFFSETS || kind == PRODUCE_COMMIT_OFFSETS;
    case ERR_FENCED_INSTANCE_ID:
    case ERR_UNKNOWN_MEMBER_ID:
    case ERR_ILLEGAL_GENERATION:
    case ERR_STALE_MEMBER_EPOCH:
        return kind == PRODUCE_COMMIT_OFFSETS;
    case ERR_TOPIC_AUTHORIZATION_FAILED:
    case ERR_OPERATION_NOT_ATTEMPTED:
        return kind == PRODUCE_ADD_PARTITIONS;
    default:
        return false;
    }
}

static bool is_again(int code)
{
    return code_is_retriable(code) || code == ERR_BROKER_NOT_AVAILABLE;
}

enum txn_verdict txn_judge(enum produce_kind kind, int code)
{
    ASSERT(kind >= PRODUCE_INIT);
    switch (code) {
    case 0:
        return TXN_DONE;
    case ERR_NOT_COORDINATOR:
    case ERR_COORDINATOR_NOT_AVAILABLE:
        return TXN_AGAIN_FRESH;
    case ERR_REQUEST_TIMED_OUT:
        return kind == PRODUCE_COMMIT_OFFSETS ? TXN_AGAIN_FRESH : TXN_AGAIN;
    case ERR_INVALID_PRODUCER_EPOCH: /* older coordinators say it so */
    case ERR_PRODUCER_FENCED:
        return TXN_FENCED;
    case ERR_UNKNOWN_PRODUCER_ID:
    case ERR_INVALID_PRODUCER_ID_MAPPING:
        return kind == PRODUCE_INIT ? TXN_END_ALL : TXN_ABORT_BUMP;
    case ERR_INVALID_TXN_STATE:
    case ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case ERR_CLUSTER_AUTHORIZATION_FAILED:
    case ERR_UNSUPPORTED_VERSION:
        return TXN_END_ALL;
    default:
        return is_abortable(kind, code)                     ? TXN_ABORT
               : is_again(code)                             ? TXN_AGAIN
               : kind == PRODUCE_ADD_PARTITIONS && code > 0 ? TXN_ABORT
                                                            : TXN_END_ALL;
    }
}

/* --- the worst of what an answer says --- */

static int worse(enum produce_kind kind, int a, int b)
{
    return txn_judge(kind, b) > txn_judge(kind, a) ? b : a;
}

static int partitions_code(struct txn *t, const struct add_partitions_to_txn_resp *r)
{
    int code = 0;
    for (int32_t i = 0; i < r->results_by_topic_v3_and_below_count; i++) {
        const struct add_partitions_to_txn_resp_add_partitions_to_txn_topic_result *topic =
            &r->results_by_topic_v3_and_below[i];
        for (int32_t k = 0; k < topic->results_by_partition_count; k++) {
            code = worse(PRODUCE_ADD_PARTITIONS, code,
                         topic->results_by_partition[k].partition_error_code);
        }
    }
    return code;
}

/* What was asked for is in, or, on failure, is to be asked for again. */
static void settle_parts(struct txn *t, enum txn_verdict verdict)
{
    bool is_in = verdict == TXN_DONE;
    bool is_wanted = t->state == TXN_OPEN || t->state == TXN_COMMITTING;
    LIST_EACH(&t->asked, n, tmp) {
        struct txn_part *p = LIST_ENTRY(n, struct txn_part, node);
        list_remove(n);
        p->role = is_in ? TXN_IN : is_wanted ? TXN_WANTED : TXN_OUT;
        if (p->role != TXN_OUT) {
            list_push_back(is_in ? &t->members : &t->wanted, n);
        }
    }
    t->is_started = t->is_started || is_in;
}

/* Removes the offsets that are committed. */
static int offsets_code(struct txn *t, const struct txn_offset_commit_resp *r)
{
    int code = 0;
    for (int32_t i = 0; i < r->topics_count; i++) {
        const struct txn_offset_commit_resp_txn_offset_commit_response_topic *topic = &r->topics[i];
        for (int32_t k = 0; k < topic->partitions_count; k++) {
            int one = topic->partitions[k].error_code;
            code = worse(PRODUCE_COMMIT_OFFSETS, code, one);
            LIST_EACH(&t->offsets, n, tmp) {
                struct txn_offset *o = LIST_ENTRY(n, struct txn_offset, node);
                if (one == 0 && o->partition == topic->partitions[k].partition_index &&
                    str_eq(str_from(o->topic), topic->name)) {
                    txn_free_offset(o);
                }
            }
        }
    }
    return code || list_is_empty(&t->offsets) ? code : ERR_UNKNOWN_SERVER_ERROR;
}

static int code_of(struct txn *t, const struct produce_ask *ask, const union produce_answer *resp)
{
    switch (ask->kind) {
    case PRODUCE_INIT:
        return resp->init.error_code;
    case PRODUCE_ADD_PARTITIONS:
        return partitions_code(t, &resp->add_partitions);
    case PRODUCE_ADD_OFFSETS:
        return resp->add_offsets.error_code;
    case PRODUCE_COMMIT_OFFSETS:
        return offsets_code(t, &resp->commit_offsets);
    case PRODUCE_END:
        return resp->end.error_code;
    case PRODUCE_METADATA:
    case PRODUCE_BATCHES:
        break;
    }
    UNREACHABLE();
}

/* --- what follows --- */

static void done(struct txn *t, const struct produce_ask *ask, const union produce_answer *resp)
{
    t->failures = t->trouble.times = 0;
    switch (ask->kind) {
    case PRODUCE_INIT:
        t->id = resp->init.producer_id;
        t->epoch = resp->init.producer_epoch;
        t->is_v2 = t->version_seen >= TXN_VERSION_2;
        t->state = TXN_READY;
        t->code = 0;
        return;
    case PRODUCE_ADD_OFFSETS:
        t->is_group_added = true;
        t->is_started = true;
        return;
    case PRODUCE_END:
        if (resp->end.producer_id >= 0) {
            t->id = resp->end.producer_id;
            t->epoch = resp->end.producer_epoch;
        }
        if (t->state == TXN_COMMITTING || t->state == TXN_ABORTING) {
            txn_complete(t);
        }
        return;
    default:
        return;
    }
}

static void note_trouble(struct txn *t, const struct produce_ask *ask, int code, bool is_answer)
{
    struct txn_trouble *x = &t->trouble;
    bool is_same = x->times > 0 && x->kind == ask->kind && x->code == code;
    x->times = is_same ? x->times + 1 : 1;
    x->kind = ask->kind;
    x->code = code;
    x->is_answer = is_answer;
    snprintf(x->why, sizeof x->why, "%s", !is_answer && ask->why ? ask->why : "");
}

static void again(struct txn *t, int code, bool is_fresh, int64_t now_ms)
{
    int64_t pause = backoff_ms(t->config->retry_backoff_ms, t->config->retry_backoff_max_ms,
                               ++t->failures, t->rand);
    /* the transaction before is being completed, which takes no time to speak of */
    bool is_soon = code == ERR_CONCURRENT_TRANSACTIONS && t->failures <= SOON_TRIES;
    t->is_fresh = is_fresh;
    t->retry_at_ms = now_ms + (is_soon ? MIN(pause, SOON_MS) : pause);
}

/* An abort that cannot be told to the coordinator: a new epoch ends the transaction as well. */
static void abort_by_bump(struct txn *t)
{
    t->needs_bump = true;
    txn_complete(t);
}

static void abortable(struct txn *t, int code, bool needs_bump)
{
    t->needs_bump =
        t->needs_bump || (needs_bump && !t->is_v2) || code == ERR_INVALID_PRODUCER_ID_MAPPING;
    t->skips_end = t->skips_end || code == ERR_INVALID_PRODUCER_ID_MAPPING;
    txn_fail(t, TXN_ABORTABLE, code);
}

/* Without transactions an id that is refused fails what waits for it, and the next record asks
 * again. */
static void refuse_id(struct txn *t, int code)
{
    t->state = TXN_NONE;
    t->code = code;
}

/* --- for those who wait in vain --- */

static const char *name_of(enum produce_kind kind)
{
    static const char *const names[PRODUCE_KIND_COUNT] = {
        [PRODUCE_INIT] = "InitProducerId",
        [PRODUCE_ADD_PARTITIONS] = "AddPartitionsToTxn",
        [PRODUCE_ADD_OFFSETS] = "AddOffsetsToTxn",
        [PRODUCE_COMMIT_OFFSETS] = "TxnOffsetCommit",
        [PRODUCE_END] = "EndTxn",
    };
    return names[kind];
}

void txn_tell_delay(const struct txn *t, char *to, size_t size)
{
    const struct txn_trouble *x = &t->trouble;
    char often[32] = "";
    if (x->times > 1) {
        snprintf(often, sizeof often, ", %d times", x->times);
    }
    if (x->times > 0 && x->is_answer) {
        snprintf(to, size, "the coordinator answered %s to %s%s: %s", ottla_error_name(x->code),
                 name_of(x->kind), often, ottla_error_text(x->code));
    } else if (x->times > 0) {
        snprintf(to, size, "no coordinator answered %s%s: %s", name_of(x->kind), often,
                 x->why[0] ? x->why : ottla_error_text(x->code));
    } else if (t->is_asking) {
        snprintf(to, size, "no coordinator has answered %s yet", name_of(t->asking));
    } else {
        snprintf(to, size, "records are still to be written");
    }
}

void txn_take(struct txn *t, const struct produce_ask *ask, enum err e,
              const union produce_answer *resp, int64_t now_ms)
{
    t->is_asking = false;
    t->version_seen = ask->txn_version >= 0 ? ask->txn_version : t->version_seen;
    int code = e ? (int)e : code_of(t, ask, resp);
    enum txn_verdict verdict = txn_judge(ask->kind, code);
    if (ask->kind == PRODUCE_ADD_PARTITIONS) {
        settle_parts(t, verdict);
    }
    switch (verdict) {
    case TXN_DONE:
        done(t, ask, resp);
        return;
    case TXN_AGAIN:
    case TXN_AGAIN_FRESH:
        note_trouble(t, ask, code, e == OK);
        again(t, code, verdict == TXN_AGAIN_FRESH, now_ms);
        return;
    case TXN_ABORT:
    case TXN_ABORT_BUMP:
        if (ask->kind == PRODUCE_END && t->state == TXN_ABORTING) {
            abort_by_bump(t);
        } else if (t->is_transactional) {
            abortable(t, code, verdict == TXN_ABORT_BUMP);
        } else {
            refuse_id(t, code);
        }
        return;
    case TXN_FENCED:
    case TXN_END_ALL:
        if (t->is_transactional) {
            txn_fail(t, TXN_FATAL, verdict == TXN_FENCED ? ERR_PRODUCER_FENCED : code);
        } else {
            refuse_id(t, code);
        }
        return;
    }
}
