/* A producer's transactions against the cluster of producer_world.h and a coordinator that is as
 * unkind: who reads only what is committed sees each transaction as a whole, in order and once, or
 * nothing of it, as its producer was told; and each comes to its end. FROM=n SEEDS=m in the
 * environment: these seeds. */
#include "producer_world.h"

enum { TXNS_MAX = 200 };

/* The coordinator's side, and what the program was told of each transaction. */
struct coordinator {
    int64_t id;
    int16_t epoch;
    bool is_v2, has_ended, was_committed; /* the last one */
    int count;                            /* of transactions that were begun */
    int first[TXNS_MAX + 1];              /* record of each */
    bool is_committed[TXNS_MAX];
    int quota; /* records of the open one */
    bool wants_commit, has_failed;
};

static struct coordinator k;

/* Markers: what the epoch wrote has its fate, and older requests come too late. */
static void mark(int16_t epoch, enum fate fate, int16_t next_epoch)
{
    for (int i = 0; i < PARTITIONS; i++) {
        struct part *p = &w->parts[i];
        for (int at = 0; at < p->count; at++) {
            if (p->fates[at] == FATE_OPEN && p->epochs[at] == epoch) {
                p->fates[at] = fate;
            }
        }
        if (next_epoch != epoch) { /* brokers ask the coordinator who may write */
            p->producer_id = k.id;
            p->epoch = next_epoch;
            p->known_count = 0;
        }
        w->is_added[i] = false;
    }
}

static int coordinate_init(const struct init_producer_id_req *req, union produce_answer *u)
{
    if (req->producer_id >= 0 && req->producer_epoch != k.epoch &&
        req->producer_epoch != k.epoch - 1) {
        return ERR_PRODUCER_FENCED;
    }
    if (req->producer_id < 0 || req->producer_epoch == k.epoch) { /* else a repetition */
        mark(k.epoch, FATE_ABORTED, (int16_t)(k.epoch + 1));
        k.epoch++;
    }
    u->init.producer_id = k.id;
    u->init.producer_epoch = k.epoch;
    return 0;
}

static int coordinate_end(const struct end_txn_req *req, union produce_answer *u)
{
    bool is_repeated = k.is_v2 ? req->producer_epoch == k.epoch - 1
                               : req->producer_epoch == k.epoch && k.has_ended;
    if (req->producer_epoch != k.epoch && !is_repeated) {
        return ERR_PRODUCER_FENCED;
    }
    if (is_repeated) {
        assert_int_equal(req->committed, k.was_committed);
    } else {
        int16_t next = (int16_t)(k.epoch + k.is_v2);
        mark(k.epoch, req->committed ? FATE_COMMITTED : FATE_ABORTED, next);
        k.epoch = next;
        k.has_ended = true;
        k.was_committed = req->committed;
    }
    u->end.producer_id = k.is_v2 ? k.id : -1;
    u->end.producer_epoch = k.is_v2 ? k.epoch : -1;
    return 0;
}

static void add_partitions(const struct add_partitions_to_txn_req *req)
{
    for (int32_t i = 0; i < req->v3_and_below_topics_count; i++) {
        for (int32_t p = 0; p < req->v3_and_below_topics[i].partitions_count; p++) {
            w->is_added[req->v3_and_below_topics[i].partitions[p]] = true;
        }
    }
    k.has_ended = false;
}

static int do_it(const struct produce_ask *a, union produce_answer *u)
{
    switch (a->kind) {
    case PRODUCE_INIT:
        return coordinate_init(&a->req.init, u);
    case PRODUCE_ADD_PARTITIONS:
        add_partitions(&a->req.add_partitions);
        return 0;
    default:
        assert_int_equal(a->kind, PRODUCE_END);
        return coordinate_end(&a->req.end, u);
    }
}

static void coordinate(struct produce_ask *a)
{
    static const int refusals[] = {ERR_NOT_COORDINATOR, ERR_CONCURRENT_TRANSACTIONS,
                                   ERR_COORDINATOR_LOAD_IN_PROGRESS};
    struct add_partitions_to_txn_resp_add_partitions_to_txn_partition_result part = {0, 0};
    struct add_partitions_to_txn_resp_add_partitions_to_txn_topic_result topic = {STR("t"), &part,
                                                                                  1};
    union produce_answer u;
    memset(&u, 0, sizeof u);
    int code = chance(5) ? refusals[rand_below(&w->rand, 3)] : 0;
    code = code ? code : do_it(a, &u);
    bool is_lost = chance(6); /* maybe after it was done */
    if (a->kind == PRODUCE_INIT) {
        u.init.error_code = (int16_t)code;
    } else if (a->kind == PRODUCE_END) {
        u.end.error_code = (int16_t)code;
    } else {
        part.partition_error_code = (int16_t)code;
        u.add_partitions.results_by_topic_v3_and_below = &topic;
        u.add_partitions.results_by_topic_v3_and_below_count = 1;
    }
    a->txn_version = k.is_v2 ? 2 : 1;
    acc_take(&w->acc, a, is_lost ? ERR_NETWORK_EXCEPTION : OK, &u, w->now_ms);
}

/* --- the program --- */

static void note_end(void)
{
    k.is_committed[k.count - 1] = k.wants_commit && !k.has_failed;
    k.first[k.count] = w->sent;
}

static void begin_one(struct txn *t)
{
    if (k.count > 0) {
        note_end();
    }
    if (k.count == TXNS_MAX || w->sent == RECORDS) {
        return;
    }
    assert_int_equal(txn_begin(t), 0);
    k.first[k.count++] = w->sent;
    k.quota = (int)rand_below(&w->rand, 20);
    k.wants_commit = !rand_one_in(&w->rand, 4);
    k.has_failed = false;
}

static void drive(void)
{
    struct txn *t = &w->acc.txn;
    bool is_full = k.count > 0 && w->sent - k.first[k.count - 1] >= k.quota;
    assert_int_not_equal(t->state, TXN_FATAL);
    if (t->state == TXN_READY && w->acc.open == 0) {
        begin_one(t);
    } else if (t->state == TXN_OPEN && (is_full || w->sent == RECORDS)) {
        assert_int_equal(k.wants_commit ? txn_commit(t) : txn_abort(t), 0);
    } else if (t->state == TXN_ABORTABLE) {
        k.has_failed = true;
        assert_int_equal(txn_abort(t), 0);
    }
    w->is_holding = t->state != TXN_OPEN;
}

static void finish(void)
{
    w->is_calm = true;
    for (int i = 0; i < 40000 && (w->sent < RECORDS || w->acc.txn.state != TXN_READY); i++) {
        step();
        drive();
        w->now_ms += 10;
    }
    assert_int_equal(w->sent, RECORDS);
    assert_int_equal(w->acc.txn.state, TXN_READY);
    assert_int_equal(w->acc.open, 0);
    note_end();
}

static int txn_of(int record)
{
    int n = 0;
    while (n + 1 < k.count && k.first[n + 1] <= record) {
        n++;
    }
    return n;
}

static int committed_count(int record)
{
    int n = 0;
    for (int i = 0; i < PARTITIONS; i++) {
        const struct part *p = &w->parts[i];
        for (int at = 0; at < p->count; at++) {
            n += p->values[at] == record && p->fates[at] == FATE_COMMITTED;
        }
    }
    return n;
}

static void check_all(void)
{
    for (int i = 0; i < RECORDS; i++) {
        bool is_committed = k.is_committed[txn_of(i)];
        assert_true(w->is_told[i]);
        assert_true(!is_committed || w->code[i] == 0);
        assert_int_equal(committed_count(i), is_committed);
    }
    for (int i = 0; i < PARTITIONS; i++) {
        const struct part *p = &w->parts[i];
        int last = -1;
        for (int at = 0; at < p->count; at++) {
            assert_int_not_equal(p->fates[at], FATE_OPEN);
            assert_true(p->fates[at] != FATE_COMMITTED || p->values[at] > last);
            last = p->fates[at] == FATE_COMMITTED ? p->values[at] : last;
        }
    }
}

static void run_seed(uint64_t seed, bool is_v2)
{
    if (getenv("SEEDS") != NULL) {
        print_message("seed %llu\n", (unsigned long long)seed);
    }
    begin(seed);
    set("transactional.id", "x");
    k = (struct coordinator){.id = 1, .epoch = -1, .is_v2 = is_v2, .has_ended = true};
    w->coordinate = coordinate;
    w->is_holding = true;
    w->keeps_no_ghosts = !is_v2; /* which the older kind is not safe from */
    acc_init(&w->acc, &w->config->values, rand_u64(&w->rand));
    (void)acc_topic(&w->acc, "t");
    assert_int_equal(txn_start(&w->acc.txn), 0);
    for (int i = 0; i < 8000; i++) {
        step();
        drive();
    }
    finish();
    check_all();
    end();
}

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void test_v2(void **state)
{
    (void)state;
    for (uint64_t seed = number("FROM", 1); seed <= number("SEEDS", 60); seed++) {
        run_seed(seed, true);
    }
}

static void test_v1(void **state)
{
    (void)state;
    for (uint64_t seed = number("FROM", 1); seed <= number("SEEDS", 60); seed++) {
        run_seed(seed, false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_v2), cmocka_unit_test(test_v1)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
