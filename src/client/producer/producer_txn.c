/* The calls about transactions: each tells the stepper what is wanted and waits for what comes of
 * it. Any thread. */
#include "client/producer/producer_int.h"

#include "base/attr.h"
#include "client/tps.h"

/* Lock held: until the coordinator has done it. Gives the lock back. */
static int await(struct ottla_producer *p, int timeout_ms, struct ottla_error *error)
{
    const struct txn *t = &p->acc.txn;
    int64_t end_ms =
        producer_end_ms(p, timeout_ms > 0 ? timeout_ms : p->client->config->values.max_block_ms);
    bool is_in_time = true;
    if (producer_nudge(p)) {
        waiter_wake(&p->waiter);
    }
    while (
        (txn_is_busy(t) || !list_is_empty(&t->offsets) || (t->state == TXN_READY && p->untold)) &&
        is_in_time) {
        is_in_time = producer_wait(p, end_ms);
    }
    bool is_busy = txn_is_busy(t) || !list_is_empty(&t->offsets);
    bool has_failed = t->state == TXN_ABORTABLE || t->state == TXN_FATAL;
    int code = is_busy ? ERR_REQUEST_TIMED_OUT : has_failed ? t->code : 0;
    if (is_busy) {
        char why[400];
        txn_tell_delay(t, why, sizeof why);
        error_set(error, code, "not done in time, and it goes on: %s", why);
    } else if (code) {
        producer_refuse(p, code, error);
    }
    mutex_unlock(&p->lock);
    return code;
}

/* Lock held; gives it back. */
static int refuse(struct ottla_producer *p, int code, struct ottla_error *error)
{
    producer_refuse(p, code, error);
    mutex_unlock(&p->lock);
    return code;
}

typedef int txn_step_fn(struct txn *t);

static int step(struct ottla_producer *p, txn_step_fn *fn, int timeout_ms,
                struct ottla_error *error)
{
    int code = producer_check_waiter(p, error);
    if (code) {
        return code;
    }
    mutex_lock(&p->lock);
    code = p->acc.txn.is_transactional ? fn(&p->acc.txn) : ERR_INVALID_TXN_STATE;
    return code ? refuse(p, code, error) : await(p, timeout_ms, error);
}

int ottla_producer_init_transactions(struct ottla_producer *p, int timeout_ms,
                                     struct ottla_error *error)
{
    return step(p, txn_start, timeout_ms, error);
}

int ottla_producer_begin(struct ottla_producer *p, struct ottla_error *error)
{
    return step(p, txn_begin, 0, error);
}

int ottla_producer_commit(struct ottla_producer *p, int timeout_ms, struct ottla_error *error)
{
    return step(p, txn_commit, timeout_ms, error);
}

int ottla_producer_abort(struct ottla_producer *p, int timeout_ms, struct ottla_error *error)
{
    return step(p, txn_abort, timeout_ms, error);
}

static int check_group(const struct ottla_group_metadata *group, struct ottla_error *error)
{
    if (is_null(group, "group", error)) {
        return ERR_INVALID_REQUEST;
    }
    return group->group_id == NULL || group->group_id[0] == '\0'
               ? error_set(error, ERR_INVALID_GROUP_ID, "the offsets have no group")
               : 0;
}

int ottla_producer_send_offsets(struct ottla_producer *p, const struct ottla_commit *offsets,
                                size_t count, const struct ottla_group_metadata *group,
                                int timeout_ms, struct ottla_error *error)
{
    int code = producer_check_waiter(p, error);
    code = code ? code : check_group(group, error);
    code = code ? code : offsets_check(offsets, count, error);
    if (code) {
        return code;
    }
    mutex_lock(&p->lock);
    if (list_is_empty(&p->acc.txn.offsets)) { /* else the call before goes on */
        code = txn_add_offsets(&p->acc.txn, offsets, count, group);
    }
    return code ? refuse(p, code, error) : await(p, timeout_ms, error);
}
