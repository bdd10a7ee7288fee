/* A producer's transactions, step by step: what may be called in which state, what is asked for
 * then, and what every error code of every answer does. */
#include "test.h"

#include "client/producer/txn.h"

#include <stdio.h>

struct world {
    struct ottla_config *config;
    struct rand rand;
    struct txn txn;
    int64_t now_ms;
    int16_t version; /* transaction.version that answers tell */
    struct txn_part parts[2];
};

static struct world w;

static void begin(const char *id, int16_t version)
{
    w = (struct world){.config = ottla_config_new(), .now_ms = 1000, .version = version};
    assert_int_equal(ottla_config_set(w.config, "transactional.id", id, NULL), 0);
    rand_init(&w.rand, 1);
    txn_init(&w.txn, &w.config->values, &w.rand);
    for (int i = 0; i < 2; i++) {
        w.parts[i].topic = "t";
        w.parts[i].partition = i;
    }
}

static int teardown(void **state)
{
    (void)state;
    txn_deinit(&w.txn);
    ottla_config_free(w.config);
    return 0;
}

static int setup_v1(void **state)
{
    (void)state;
    begin("id", 1);
    return 0;
}

static int setup_v2(void **state)
{
    (void)state;
    begin("id", 2);
    return 0;
}

static struct produce_ask *next(enum produce_kind kind)
{
    struct produce_ask *a = txn_next(&w.txn, false, w.now_ms);
    assert_non_null(a);
    assert_int_equal(a->kind, kind);
    return a;
}

static void no_next(void) { assert_null(txn_next(&w.txn, false, w.now_ms)); }

static void fill_parts(struct add_partitions_to_txn_resp *r, int code)
{
    static struct add_partitions_to_txn_resp_add_partitions_to_txn_partition_result parts[2];
    static struct add_partitions_to_txn_resp_add_partitions_to_txn_topic_result topic;
    for (int32_t i = 0; i < 2; i++) {
        parts[i].partition_index = i;
        parts[i].partition_error_code = (int16_t)(i == 1 ? code : 0);
    }
    topic.name = STR("t");
    topic.results_by_partition = parts;
    topic.results_by_partition_count = 2;
    r->results_by_topic_v3_and_below = &topic;
    r->results_by_topic_v3_and_below_count = 1;
}

static void fill_offsets(struct txn_offset_commit_resp *r, int code)
{
    static struct txn_offset_commit_resp_txn_offset_commit_response_partition part;
    static struct txn_offset_commit_resp_txn_offset_commit_response_topic topic;
    part.partition_index = 3;
    part.error_code = (int16_t)code;
    topic.name = STR("in");
    topic.partitions = &part;
    topic.partitions_count = 1;
    r->topics = &topic;
    r->topics_count = 1;
}

static void answer(struct produce_ask *a, int code)
{
    union produce_answer r;
    memset(&r, 0, sizeof r);
    switch (a->kind) {
    case PRODUCE_INIT:
        r.init.error_code = (int16_t)code;
        r.init.producer_id = 7;
        r.init.producer_epoch = (int16_t)(w.txn.epoch + 1);
        break;
    case PRODUCE_ADD_PARTITIONS:
        fill_parts(&r.add_partitions, code);
        break;
    case PRODUCE_ADD_OFFSETS:
        r.add_offsets.error_code = (int16_t)code;
        break;
    case PRODUCE_COMMIT_OFFSETS:
        fill_offsets(&r.commit_offsets, code);
        break;
    default:
        r.end.error_code = (int16_t)code;
        r.end.producer_id = a->version_lo == 5 ? 7 : -1;
        r.end.producer_epoch = (int16_t)(w.txn.epoch + 1);
    }
    a->txn_version = w.version;
    txn_take(&w.txn, a, OK, &r, w.now_ms);
    ask_free(a);
}

static void step(enum produce_kind kind) { answer(next(kind), 0); }

static void is_in(enum txn_state state) { assert_int_equal(w.txn.state, state); }

static void start(void)
{
    assert_int_equal(txn_start(&w.txn), 0);
    step(PRODUCE_INIT);
    is_in(TXN_READY);
}

static void open(void)
{
    start();
    assert_int_equal(txn_begin(&w.txn), 0);
    is_in(TXN_OPEN);
}

static int add_offsets(void)
{
    struct ottla_commit o = {.topic = "in", .partition = 3, .leader_epoch = -1, .offset = 9};
    struct ottla_group_metadata g = {.group_id = "g", .generation = 4, .member_id = "m"};
    return txn_add_offsets(&w.txn, &o, 1, &g);
}

/* --- the ways that go well --- */

static void test_v1(void **state)
{
    (void)state;
    open();
    txn_enrol(&w.txn, &w.parts[0]);
    txn_enrol(&w.txn, &w.parts[1]);
    txn_enrol(&w.txn, &w.parts[1]);
    assert_false(txn_may_send(&w.txn, &w.parts[0]));
    struct produce_ask *a = next(PRODUCE_ADD_PARTITIONS);
    assert_int_equal(a->req.add_partitions.v3_and_below_topics_count, 1);
    assert_int_equal(a->req.add_partitions.v3_and_below_topics[0].partitions_count, 2);
    no_next();
    answer(a, 0);
    assert_true(txn_may_send(&w.txn, &w.parts[1]));
    assert_int_equal(add_offsets(), 0);
    step(PRODUCE_ADD_OFFSETS);
    a = next(PRODUCE_COMMIT_OFFSETS);
    assert_int_equal(a->version_hi, 4);
    assert_int_equal(a->key_type, CALL_KEY_GROUP);
    assert_int_equal(a->req.commit_offsets.generation_id, 4);
    answer(a, 0);
    assert_int_equal(txn_commit(&w.txn), 0);
    assert_null(txn_next(&w.txn, true, w.now_ms)); /* records first */
    a = next(PRODUCE_END);
    assert_true(a->req.end.committed);
    assert_int_equal(a->version_hi, 4);
    answer(a, 0);
    is_in(TXN_READY);
    assert_int_equal(w.txn.epoch, 1);
    assert_int_equal(w.parts[0].role, TXN_OUT);
}

static void test_v2(void **state)
{
    (void)state;
    open();
    txn_enrol(&w.txn, &w.parts[0]);
    assert_true(txn_may_send(&w.txn, &w.parts[0]));
    no_next();
    assert_int_equal(add_offsets(), 0);
    struct produce_ask *a = next(PRODUCE_COMMIT_OFFSETS);
    assert_int_equal(a->version_lo, 5);
    answer(a, 0);
    assert_int_equal(txn_abort(&w.txn), 0);
    a = next(PRODUCE_END);
    assert_false(a->req.end.committed);
    assert_int_equal(a->version_lo, 5);
    answer(a, 0);
    is_in(TXN_READY);
    assert_int_equal(w.txn.epoch, 2); /* of the end */
}

/* Nothing was written: the coordinator need not know. */
static void test_empty(void **state)
{
    (void)state;
    open();
    assert_int_equal(txn_commit(&w.txn), 0);
    no_next();
    is_in(TXN_READY);
}

/* The cluster is upgraded between two transactions: the next one is of the new kind. */
static void test_upgrade(void **state)
{
    (void)state;
    open();
    txn_enrol(&w.txn, &w.parts[0]);
    step(PRODUCE_ADD_PARTITIONS);
    w.version = 2;
    assert_int_equal(txn_commit(&w.txn), 0);
    step(PRODUCE_END);
    is_in(TXN_STARTING);
    struct produce_ask *a = next(PRODUCE_INIT);
    assert_int_equal(a->req.init.producer_id, 7); /* a bump, no new beginning */
    answer(a, 0);
    is_in(TXN_READY);
    assert_true(w.txn.is_v2);
}

/* --- what a call that waits in vain is told --- */

static void delay_is(const char *want)
{
    char why[400];
    txn_tell_delay(&w.txn, why, sizeof why);
    assert_string_equal(why, want);
}

static void fails(enum produce_kind kind, int code, const char *why)
{
    struct produce_ask *a = next(kind);
    a->why = why;
    a->txn_version = w.version;
    txn_take(&w.txn, a, (enum err)code, NULL, w.now_ms);
    ask_free(a);
    w.now_ms = w.txn.retry_at_ms;
}

static void refuses(enum produce_kind kind, int code)
{
    answer(next(kind), code);
    w.now_ms = w.txn.retry_at_ms;
}

/* Of each call what was answered last, how often, and by whom. */
static void test_delays(void **state)
{
    (void)state;
    assert_int_equal(txn_start(&w.txn), 0);
    struct produce_ask *a = next(PRODUCE_INIT);
    delay_is("no coordinator has answered InitProducerId yet");
    a->why = NULL;
    txn_take(&w.txn, a, ERR_NETWORK_EXCEPTION, NULL, w.now_ms);
    ask_free(a);
    w.now_ms = w.txn.retry_at_ms;
    char want[400];
    snprintf(want, sizeof want, "no coordinator answered InitProducerId: %s",
             ottla_error_text(ERR_NETWORK_EXCEPTION));
    delay_is(want);
    fails(PRODUCE_INIT, ERR_REQUEST_TIMED_OUT, "nobody listens there");
    delay_is("no coordinator answered InitProducerId: nobody listens there");
    for (int i = 1; i <= 3; i++) {
        refuses(PRODUCE_INIT, ERR_CONCURRENT_TRANSACTIONS);
        snprintf(want, sizeof want,
                 "the coordinator answered CONCURRENT_TRANSACTIONS to InitProducerId%s: %s",
                 i == 1   ? ""
                 : i == 2 ? ", 2 times"
                          : ", 3 times",
                 ottla_error_text(ERR_CONCURRENT_TRANSACTIONS));
        delay_is(want);
    }
    step(PRODUCE_INIT);
    assert_int_equal(txn_begin(&w.txn), 0);
    assert_int_equal(add_offsets(), 0);
    refuses(PRODUCE_COMMIT_OFFSETS, ERR_COORDINATOR_LOAD_IN_PROGRESS);
    snprintf(want, sizeof want,
             "the coordinator answered COORDINATOR_LOAD_IN_PROGRESS to TxnOffsetCommit: %s",
             ottla_error_text(ERR_COORDINATOR_LOAD_IN_PROGRESS));
    delay_is(want);
    step(PRODUCE_COMMIT_OFFSETS);
    assert_int_equal(txn_commit(&w.txn), 0);
    assert_null(txn_next(&w.txn, true, w.now_ms));
    delay_is("records are still to be written");
    refuses(PRODUCE_END, ERR_NOT_COORDINATOR);
    snprintf(want, sizeof want, "the coordinator answered NOT_COORDINATOR to EndTxn: %s",
             ottla_error_text(ERR_NOT_COORDINATOR));
    delay_is(want);
    step(PRODUCE_END);
    is_in(TXN_READY);
}

static void test_coordinator_moves(void **state)
{
    (void)state;
    assert_int_equal(txn_start(&w.txn), 0);
    answer(next(PRODUCE_INIT), ERR_NOT_COORDINATOR);
    no_next();
    w.now_ms = w.txn.retry_at_ms;
    struct produce_ask *a = next(PRODUCE_INIT);
    assert_true(a->is_fresh);
    answer(a, ERR_CONCURRENT_TRANSACTIONS); /* soon again */
    assert_true(w.txn.retry_at_ms - w.now_ms <= 20);
    w.now_ms = w.txn.retry_at_ms;
    a = next(PRODUCE_INIT);
    assert_false(a->is_fresh);
    answer(a, 0);
    is_in(TXN_READY);
}

/* --- failures --- */

static void test_batch_fails(void **state)
{
    (void)state;
    open();
    txn_enrol(&w.txn, &w.parts[0]);
    step(PRODUCE_ADD_PARTITIONS);
    txn_batch_failed(&w.txn, ERR_INVALID_RECORD);
    is_in(TXN_ABORTABLE);
    assert_int_equal(txn_commit(&w.txn), ERR_INVALID_RECORD);
    assert_int_equal(txn_may_add(&w.txn), ERR_INVALID_RECORD);
    assert_int_equal(txn_giving_up(&w.txn), ERR_INVALID_RECORD);
    no_next();
    assert_int_equal(txn_abort(&w.txn), 0);
    step(PRODUCE_END);
    is_in(TXN_STARTING); /* a sequence may be lost: another epoch */
    step(PRODUCE_INIT);
    is_in(TXN_READY);
    assert_int_equal(txn_begin(&w.txn), 0);
}

static void test_batch_fails_v2(void **state)
{
    (void)state;
    open();
    txn_enrol(&w.txn, &w.parts[0]);
    txn_batch_failed(&w.txn, ERR_REQUEST_TIMED_OUT);
    is_in(TXN_ABORTABLE);
    assert_int_equal(txn_abort(&w.txn), 0);
    step(PRODUCE_END); /* gives another epoch as it is */
    is_in(TXN_READY);
    txn_batch_failed(&w.txn, ERR_PRODUCER_FENCED);
    is_in(TXN_FATAL);
    assert_int_equal(txn_begin(&w.txn), ERR_PRODUCER_FENCED);
    assert_int_equal(txn_abort(&w.txn), ERR_PRODUCER_FENCED);
}

/* The coordinator has forgotten the id: an end would be refused, so only a new one is asked for. */
static void test_forgotten(void **state)
{
    (void)state;
    open();
    txn_enrol(&w.txn, &w.parts[0]);
    assert_int_equal(txn_commit(&w.txn), 0);
    answer(next(PRODUCE_END), ERR_INVALID_PRODUCER_ID_MAPPING);
    is_in(TXN_ABORTABLE);
    assert_int_equal(txn_abort(&w.txn), 0);
    step(PRODUCE_INIT);
    is_in(TXN_READY);
}

/* An abort cannot fail so that nothing helps but what is fatal. */
static void test_abort_fails(void **state)
{
    (void)state;
    open();
    txn_enrol(&w.txn, &w.parts[0]);
    step(PRODUCE_ADD_PARTITIONS);
    assert_int_equal(txn_abort(&w.txn), 0);
    answer(next(PRODUCE_END), ERR_UNKNOWN_PRODUCER_ID);
    is_in(TXN_STARTING);
    step(PRODUCE_INIT);
    is_in(TXN_READY);
}

/* A partition that is still being added when the transaction is aborted. */
static void test_abort_while_adding(void **state)
{
    (void)state;
    open();
    txn_enrol(&w.txn, &w.parts[0]);
    struct produce_ask *a = next(PRODUCE_ADD_PARTITIONS);
    txn_enrol(&w.txn, &w.parts[1]);
    assert_int_equal(txn_abort(&w.txn), 0);
    assert_int_equal(w.parts[1].role, TXN_OUT);
    no_next();
    answer(a, ERR_NOT_COORDINATOR);
    assert_int_equal(w.parts[0].role, TXN_OUT);
    w.now_ms = w.txn.retry_at_ms;
    no_next(); /* nothing was added: no end */
    is_in(TXN_READY);
}

/* --- tables --- */

static bool is_one_of(int code, const int *codes)
{
    for (; *codes != 0; codes++) {
        if (*codes == code) {
            return true;
        }
    }
    return false;
}

/* What Apache Kafka's client does; retriable codes, which are many, are asked of the table of
 * errors. */
static enum txn_verdict expected(enum produce_kind kind, int code)
{
    static const int fenced[] = {ERR_INVALID_PRODUCER_EPOCH, ERR_PRODUCER_FENCED, 0};
    static const int fresh[] = {ERR_NOT_COORDINATOR, ERR_COORDINATOR_NOT_AVAILABLE, 0};
    static const int bump[] = {ERR_UNKNOWN_PRODUCER_ID, ERR_INVALID_PRODUCER_ID_MAPPING, 0};
    static const int fatal[] = {ERR_INVALID_TXN_STATE, ERR_UNSUPPORTED_VERSION,
                                ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
                                ERR_CLUSTER_AUTHORIZATION_FAILED, 0};
    static const int member[] = {ERR_FENCED_INSTANCE_ID, ERR_UNKNOWN_MEMBER_ID,
                                 ERR_ILLEGAL_GENERATION, ERR_STALE_MEMBER_EPOCH, 0};
    bool has_group = kind == PRODUCE_ADD_OFFSETS || kind == PRODUCE_COMMIT_OFFSETS;
    if (code == 0) {
        return TXN_DONE;
    }
    if (is_one_of(code, fenced)) {
        return TXN_FENCED;
    }
    if (is_one_of(code, fresh) ||
        (code == ERR_REQUEST_TIMED_OUT && kind == PRODUCE_COMMIT_OFFSETS)) {
        return TXN_AGAIN_FRESH;
    }
    if (is_one_of(code, bump)) {
        return kind == PRODUCE_INIT ? TXN_END_ALL : TXN_ABORT_BUMP;
    }
    if (code == ERR_TRANSACTION_ABORTABLE ||
        (code == ERR_GROUP_AUTHORIZATION_FAILED && has_group) ||
        (kind == PRODUCE_COMMIT_OFFSETS && is_one_of(code, member))) {
        return TXN_ABORT;
    }
    if (is_one_of(code, fatal)) {
        return TXN_END_ALL;
    }
    if (ottla_error_flags(code) & OTTLA_RETRIABLE || code == ERR_BROKER_NOT_AVAILABLE) {
        return TXN_AGAIN;
    }
    return kind == PRODUCE_ADD_PARTITIONS && code > 0 ? TXN_ABORT : TXN_END_ALL;
}

/* Brings the transaction to where this is asked for. */
static struct produce_ask *reach(enum produce_kind kind)
{
    if (kind == PRODUCE_INIT) {
        assert_int_equal(txn_start(&w.txn), 0);
        return next(kind);
    }
    open();
    if (kind == PRODUCE_ADD_OFFSETS || kind == PRODUCE_COMMIT_OFFSETS) {
        assert_int_equal(add_offsets(), 0);
        if (kind == PRODUCE_COMMIT_OFFSETS && w.version < 2) {
            step(PRODUCE_ADD_OFFSETS);
        }
        return next(kind);
    }
    txn_enrol(&w.txn, &w.parts[0]);
    if (kind == PRODUCE_END) {
        if (w.version < 2) {
            step(PRODUCE_ADD_PARTITIONS);
        }
        assert_int_equal(txn_commit(&w.txn), 0);
    }
    return next(kind);
}

static enum txn_state state_after(enum produce_kind kind, enum txn_verdict verdict)
{
    static const enum txn_state done[PRODUCE_KIND_COUNT] = {[PRODUCE_INIT] = TXN_READY,
                                                            [PRODUCE_ADD_PARTITIONS] = TXN_OPEN,
                                                            [PRODUCE_ADD_OFFSETS] = TXN_OPEN,
                                                            [PRODUCE_COMMIT_OFFSETS] = TXN_OPEN,
                                                            [PRODUCE_END] = TXN_READY};
    static const enum txn_state again[PRODUCE_KIND_COUNT] = {[PRODUCE_INIT] = TXN_STARTING,
                                                             [PRODUCE_ADD_PARTITIONS] = TXN_OPEN,
                                                             [PRODUCE_ADD_OFFSETS] = TXN_OPEN,
                                                             [PRODUCE_COMMIT_OFFSETS] = TXN_OPEN,
                                                             [PRODUCE_END] = TXN_COMMITTING};
    return verdict == TXN_DONE                                  ? done[kind]
           : verdict == TXN_AGAIN || verdict == TXN_AGAIN_FRESH ? again[kind]
           : verdict == TXN_ABORT || verdict == TXN_ABORT_BUMP  ? TXN_ABORTABLE
                                                                : TXN_FATAL;
}

static void check_code(enum produce_kind kind, int code, int16_t version)
{
    enum txn_verdict verdict = expected(kind, code);
    assert_int_equal(txn_judge(kind, code), verdict);
    begin("id", version);
    answer(reach(kind), code);
    is_in(state_after(kind, verdict));
    if (w.txn.state == TXN_ABORTABLE) { /* which an abort must heal */
        assert_int_equal(txn_abort(&w.txn), 0);
        for (int i = 0; i < 3 && w.txn.state != TXN_READY; i++) {
            struct produce_ask *a = txn_next(&w.txn, false, w.now_ms);
            if (a != NULL) {
                answer(a, 0);
            }
        }
        is_in(TXN_READY);
    } else if (w.txn.state == TXN_FATAL) {
        assert_int_equal(w.txn.code, verdict == TXN_FENCED ? ERR_PRODUCER_FENCED : code);
        assert_int_equal(txn_abort(&w.txn), w.txn.code);
        no_next();
    }
    (void)teardown(NULL);
}

static void test_every_code(void **state)
{
    (void)state;
    for (enum produce_kind kind = PRODUCE_INIT; kind <= PRODUCE_END; kind++) {
        for (int code = -1; code <= ERR_SHARE_SESSION_LIMIT_REACHED; code++) {
            check_code(kind, code, 1);
            if (kind != PRODUCE_ADD_PARTITIONS && kind != PRODUCE_ADD_OFFSETS) {
                check_code(kind, code, 2);
            }
        }
    }
}

/* What may be called where: S start, B begin, C commit, A abort, + add a record. */
static void test_every_call(void **state)
{
    static const char *const allowed[TXN_STATE_COUNT] = {
        [TXN_NONE] = "S",       [TXN_STARTING] = "S", [TXN_READY] = "SB",    [TXN_OPEN] = "CA+",
        [TXN_COMMITTING] = "C", [TXN_ABORTING] = "A", [TXN_ABORTABLE] = "A", [TXN_FATAL] = ""};
    (void)state;
    for (int at = 0; at < TXN_STATE_COUNT; at++) {
        for (const char *call = "SBCA+"; *call != '\0'; call++) {
            begin("id", 2);
            w.txn.state = (enum txn_state)at;
            w.txn.code = at >= TXN_ABORTABLE ? ERR_INVALID_RECORD : 0;
            int code = *call == 'S'   ? txn_start(&w.txn)
                       : *call == 'B' ? txn_begin(&w.txn)
                       : *call == 'C' ? txn_commit(&w.txn)
                       : *call == 'A' ? txn_abort(&w.txn)
                                      : txn_may_add(&w.txn);
            assert_int_equal(code == 0, strchr(allowed[at], *call) != NULL);
            assert_true(code == 0 || txn_refusal(&w.txn) != NULL);
            (void)teardown(NULL);
        }
    }
}

/* Without transactional.id: an id, refused ids are asked for again, epochs run out. */
static void test_idempotent(void **state)
{
    (void)state;
    begin("", 2);
    assert_int_equal(txn_start(&w.txn), 0);
    answer(next(PRODUCE_INIT), ERR_CLUSTER_AUTHORIZATION_FAILED);
    is_in(TXN_NONE);
    assert_int_equal(w.txn.code, ERR_CLUSTER_AUTHORIZATION_FAILED);
    start();
    assert_true(txn_may_send(&w.txn, &w.parts[0]));
    txn_bump(&w.txn);
    assert_int_equal(w.txn.epoch, 2);
    w.txn.epoch = INT16_MAX;
    txn_bump(&w.txn);
    is_in(TXN_NONE);
    assert_false(txn_may_send(&w.txn, &w.parts[0]));
    assert_int_equal(txn_begin(&w.txn), ERR_INVALID_TXN_STATE);
    (void)teardown(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_v1, setup_v1, teardown),
        cmocka_unit_test_setup_teardown(test_v2, setup_v2, teardown),
        cmocka_unit_test_setup_teardown(test_empty, setup_v2, teardown),
        cmocka_unit_test_setup_teardown(test_upgrade, setup_v1, teardown),
        cmocka_unit_test_setup_teardown(test_delays, setup_v2, teardown),
        cmocka_unit_test_setup_teardown(test_coordinator_moves, setup_v2, teardown),
        cmocka_unit_test_setup_teardown(test_batch_fails, setup_v1, teardown),
        cmocka_unit_test_setup_teardown(test_batch_fails_v2, setup_v2, teardown),
        cmocka_unit_test_setup_teardown(test_forgotten, setup_v2, teardown),
        cmocka_unit_test_setup_teardown(test_abort_fails, setup_v1, teardown),
        cmocka_unit_test_setup_teardown(test_abort_while_adding, setup_v1, teardown),
        cmocka_unit_test(test_every_code),
        cmocka_unit_test(test_every_call),
        cmocka_unit_test(test_idempotent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
