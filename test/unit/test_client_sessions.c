/* Fetch sessions of a consumer (KIP-227), step by step. */
#include "client_sessions_world.h"

/* --- step by step --- */

static void test_increments(void **state)
{
    (void)state;
    open_session();
    answer(expect_fetch(7, 1, "............"), 7, NULL, 0);
    struct ask *a = expect_fetch(7, 2, "............");
    assert_int_equal(a->version_lo, 7); /* what is older knows no sessions */
    answer(a, 7, &(struct row){.part = 2, .records = 3}, 1);
    a = expect_fetch(7, 3, "..f........."); /* it has records to be read */
    answer(a, 7, NULL, 0);
    assert_int_equal(read_all(), 3);
    a = expect_fetch(7, 4, "..n.........");
    assert_int_equal(a->req.fetch.topics[0].partitions[0].fetch_offset, 3);
    answer(a, 7, &(struct row){.part = 2, .records = 1}, 1);
    assert_int_equal(read_all(), 1); /* at once: only its position is new */
    answer(expect_fetch(7, 5, "..n........."), 7, NULL, 0);
    answer(expect_fetch(7, 6, "............"), 7, NULL, 0);
    end();
}

static void test_epochs_wrap(void **state)
{
    (void)state;
    open_session();
    struct fetch_session *s = part(0)->seats->session;
    s->epoch = INT32_MAX - 1;
    answer(expect_fetch(7, INT32_MAX - 1, "............"), 7, NULL, 0);
    answer(expect_fetch(7, INT32_MAX, "............"), 7, NULL, 0);
    answer(expect_fetch(7, 1, "............"), 7, NULL, 0);
    end();
}

static void test_pause(void **state)
{
    (void)state;
    open_session();
    part_pause(part(1), true);
    struct ask *a = expect_fetch(7, 1, ".f..........");
    part_pause(part(1), false);
    part_pause(part(2), true); /* after it was asked for: what comes is kept */
    const struct row row = {.part = 2, .records = 2};
    answer(a, 7, &row, 1);
    assert_int_equal(read_all(), 0);
    answer(expect_fetch(7, 2, ".nf........."), 7, NULL, 0);
    part_pause(part(2), false);
    assert_int_equal(read_all(), 2);
    answer(expect_fetch(7, 3, "..n........."), 7, NULL, 0);
    part_pause(part(0), true); /* and back, before anybody is told */
    part_pause(part(0), false);
    answer(expect_fetch(7, 4, "............"), 7, NULL, 0);
    end();
}

static void test_seek(void **state)
{
    (void)state;
    open_session();
    struct ask *a = expect_fetch(7, 1, "............");
    part_seek(part(3), 5, 5);
    const struct row rows[] = {{.part = 3, .records = 2}, {.part = 0, .records = 2}};
    struct answer x = {.r = fetch_resp_default, .records = BUF_INIT};
    x.r.session_id = 7;
    put_row(&x, &rows[0], 0); /* from where it was */
    put_row(&x, &rows[1], 0);
    send_answer(a, &x);
    assert_int_equal(read_all(), 2);
    assert_int_equal(part(3)->position, 5);
    a = expect_fetch(7, 2, "n..n........");
    const struct fetch_req_fetch_partition *p = a->req.fetch.topics[0].partitions;
    assert_int_equal(a->req.fetch.topics_count, 1);
    assert_int_equal(p[0].fetch_offset + p[1].fetch_offset, 5 + 2);
    part_seek(part(3), 6, 6);
    part_seek(part(3), 5, 5); /* the same place, but another turn: nobody need be told */
    answer(a, 7, &(struct row){.part = 3, .records = 1}, 1);
    assert_int_equal(read_all(), 0);
    a = expect_fetch(7, 3, "............");
    answer(a, 7, &(struct row){.part = 3, .records = 1}, 1);
    assert_int_equal(read_all(), 1);
    end();
}

static void test_assignment(void **state)
{
    (void)state;
    open_session();
    assign("x.xxx");
    answer(expect_fetch(7, 1, ".f..n......."), 7, NULL, 0);
    assign("x..x.");
    assign("xxxx.");
    /* 2 was given up and is back before anybody was told: it is named, and must not be forgotten */
    answer(expect_fetch(7, 2, ".nn.f......."), 7, NULL, 0);
    struct ask *a = expect_fetch(7, 3, "............");
    assign("x.x.");
    answer(a, 7, &(struct row){.part = 1, .records = 1}, 1); /* nobody's any more */
    assert_int_equal(read_all(), 0);
    answer(expect_fetch(7, 4, ".f.f........"), 7, NULL, 0);
    assign("");
    assert_null(until_fetch());
    assign("..x.");
    answer(expect_fetch(7, 5, "f.n........."), 7, NULL, 0);
    end();
}

static void test_leader_moves(void **state)
{
    (void)state;
    open_session();
    struct ask *a = expect_fetch(7, 1, "............");
    answer(a, 7, &(struct row){.part = 1, .code = ERR_NOT_LEADER_OR_FOLLOWER}, 1);
    a = expect_fetch(7, 2, ".f..........");
    assert_int_equal(a->to_node, 1);
    world.leaders[1] = 2;
    world.now_ms += 1000;
    struct ask *b = expect_fetch(0, 0, ".n..........");
    assert_int_equal(b->to_node, 2);
    answer(b, 9, &(struct row){.part = 1}, 1);
    answer(a, 7, NULL, 0);
    answer(expect_fetch(7, 3, "............"), 7, NULL, 0);
    end();
}

/* The topic was made anew: who goes by ids forgets the old one, who goes by names must not. */
static void test_new_id(void **state)
{
    (void)state;
    begin();
    assign("xxxx");
    part(0)->position = 4; /* told apart from the new one's */
    const struct row rows[] = {{0}, {1}, {2}, {3}};
    answer(expect_fetch(0, 0, "nnnn........"), 7, rows, 4);
    struct uuid old = id_of(0);
    struct row gone[] = {{0}, {1}, {2}, {3}};
    for (int i = 0; i < 4; i++) {
        gone[i].code = ERR_UNKNOWN_TOPIC_ID;
    }
    answer(expect_fetch(7, 1, "............"), 7, gone, 4);
    world.now_ms += 1000;
    world.generation[0]++;
    struct ask *a = expect_fetch(7, 2, "rrrr........");
    assert_int_equal(a->req.fetch.forgotten_topics_data_count, 4);
    for (int i = 0; i < 4; i++) {
        assert_true(uuid_eq(a->req.fetch.forgotten_topics_data[i].topic_id, old));
    }
    assert_true(uuid_eq(a->req.fetch.topics[0].topic_id, id_of(0)));
    expect_parts(a, 12, "nnnn........");
    answer(a, 7, NULL, 0);
    answer(expect_fetch(7, 3, "............"), 7, NULL, 0);
    end();
}

/* Topics without ids are named, and then all are. */
static void test_names(void **state)
{
    (void)state;
    open_session();
    world.generation[1] = 0;
    assign("xxxxx");
    struct ask *a = expect_fetch(7, 0, "nnnnn.......");
    assert_int_equal(a->version_hi, 12);
    const struct row rows[] = {{0}, {1}, {2}, {3}, {4}};
    answer(a, 8, rows, 5);
    a = expect_fetch(8, 1, "............");
    assert_int_equal(a->version_hi, 12);
    answer(a, 8, &(struct row){.part = 4, .records = 1}, 1);
    assert_int_equal(read_all(), 1);
    answer(expect_fetch(8, 2, "....n......."), 8, NULL, 0);
    end();
}

/* --- what ends a session --- */

static void reopen(int32_t id)
{
    const struct row rows[] = {{0}, {1}, {2}, {3}};
    answer(expect_fetch(id, 0, "nnnn........"), 8, rows, 4);
    answer(expect_fetch(8, 1, "............"), 8, NULL, 0);
    end();
}

static void test_refused(void **state)
{
    (void)state;
    const struct {
        int code;
        int32_t id; /* the old one is ended with the new request, where there is one */
    } cases[] = {{ERR_FETCH_SESSION_ID_NOT_FOUND, 0},
                 {ERR_INVALID_FETCH_SESSION_EPOCH, 7},
                 {ERR_FETCH_SESSION_TOPIC_ID_ERROR, 7},
                 {ERR_INCONSISTENT_TOPIC_ID, 7}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        open_session();
        part_pause(part(1), true);
        refuse(expect_fetch(7, 1, ".f.........."), cases[i].code);
        part_pause(part(1), false);
        assert_int_equal(world.f.code, 0);
        reopen(cases[i].id);
    }
}

/* Of a full request that is no matter of sessions: not again at once. */
static void test_refused_in_full(void **state)
{
    (void)state;
    begin();
    assign("xxxx");
    refuse(expect_fetch(0, 0, "nnnn........"), ERR_FETCH_SESSION_ID_NOT_FOUND);
    assert_null(until_fetch());
    world.now_ms += 1000;
    reopen(0);
}

static void test_disconnected(void **state)
{
    (void)state;
    open_session();
    struct ask *a = expect_fetch(7, 1, "............");
    fetcher_take(&world.f, a, ERR_NETWORK_EXCEPTION, NULL, NULL, world.now_ms);
    assert_null(until_fetch());
    world.now_ms += 1000;
    reopen(7);
}

/* Another broker, or an older one, behind the same address. */
static void test_unsupported(void **state)
{
    (void)state;
    open_session();
    struct ask *a = expect_fetch(7, 1, "............");
    fetcher_take(&world.f, a, ERR_UNSUPPORTED_VERSION, NULL, NULL, world.now_ms);
    assert_int_equal(world.f.code, 0);
    reopen(7);
}

static void test_no_session(void **state)
{
    const struct row rows[] = {{0}, {1}, {2}, {3}};
    (void)state;
    begin();
    assign("xxxx");
    answer(expect_fetch(0, 0, "nnnn........"), 0, rows, 4); /* the broker has no room for it */
    answer(expect_fetch(0, 0, "nnnn........"), 7, rows, 4);
    answer(expect_fetch(7, 1, "............"), 0, NULL, 0); /* ended by it */
    reopen(0);
}

static void test_answers_that_do_not_fit(void **state)
{
    (void)state;
    const struct row one[] = {{0}, {1}, {2}}, twice[] = {{0}, {0}, {1}, {2}};
    const struct row other[] = {{0}, {1}, {2}, {3}, {4}};
    begin();
    assign("xxxx");
    answer(expect_fetch(0, 0, "nnnn........"), 7, one, 3);
    answer(expect_fetch(7, 0, "nnn........."), 7, twice, 4);
    answer(expect_fetch(7, 0, "nnn........."), 7, other, 5);
    world.now_ms += 1000;
    answer(expect_fetch(7, 0, "nnnn........"), 7, other, 4);
    answer(expect_fetch(7, 1, "............"), 7, &other[4], 1); /* not of the session */
    answer(expect_fetch(7, 0, "nnnn........"), 7, other, 4);
    answer(expect_fetch(7, 1, "............"), 7, twice, 2);
    answer(expect_fetch(7, 0, "nnnn........"), 7, other, 4);
    answer(expect_fetch(7, 1, "............"), 5, NULL, 0); /* another session */
    reopen(7);
}

/* A broker that holds a client back says nothing about any partition. */
static void test_throttled(void **state)
{
    (void)state;
    begin();
    assign("xxxx");
    struct fetch_resp r = fetch_resp_default;
    r.throttle_time_ms = 50;
    fetcher_take(&world.f, expect_fetch(0, 0, "nnnn........"), OK, &r, NULL, world.now_ms);
    assert_int_equal(world.f.metrics.throttles.max_ms, 50);
    assert_null(until_fetch());
    world.now_ms += 1000;
    reopen(0);
}

static void test_end(void **state)
{
    (void)state;
    open_session();
    fetcher_drop(&world.f, expect_fetch(7, 1, "............")); /* nobody waits for it any more */
    struct ask *a = fetcher_next_end(&world.f);
    assert_int_equal(a->to_node, 1);
    assert_int_equal(a->req.fetch.session_id, 7);
    assert_int_equal(a->req.fetch.session_epoch, -1);
    assert_int_equal(a->req.fetch.topics_count, 0);
    fetcher_drop(&world.f, a);
    assert_null(fetcher_next_end(&world.f));
    end();
    begin();
    assign("xxxx");
    fetcher_drop(&world.f, expect_fetch(0, 0, "nnnn........"));
    assert_null(fetcher_next_end(&world.f)); /* none was opened */
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_increments),   cmocka_unit_test(test_epochs_wrap),
        cmocka_unit_test(test_pause),        cmocka_unit_test(test_seek),
        cmocka_unit_test(test_assignment),   cmocka_unit_test(test_leader_moves),
        cmocka_unit_test(test_new_id),       cmocka_unit_test(test_names),
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_refused_in_full),
        cmocka_unit_test(test_disconnected), cmocka_unit_test(test_unsupported),
        cmocka_unit_test(test_no_session),   cmocka_unit_test(test_answers_that_do_not_fit),
        cmocka_unit_test(test_throttled),    cmocka_unit_test(test_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
