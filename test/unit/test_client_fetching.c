/* How much a consumer fetches ahead, from whom, from where, and what that costs. */
#include "client_sessions_world.h"

/* --- how much is fetched ahead --- */

static void test_bounds(void **state)
{
    (void)state;
    open_session();
    set("fetch.max.bytes", "10000");
    set("max.poll.records", "1");
    set("max.partition.fetch.bytes", "4321");
    set("fetch.min.bytes", "17");
    set("fetch.max.wait.ms", "123");
    struct ask *a = expect_fetch(7, 1, "............");
    assert_int_equal(a->req.fetch.max_bytes, 10000);
    assert_int_equal(a->req.fetch.min_bytes, 17);
    assert_int_equal(a->req.fetch.max_wait_ms, 123);
    const struct row rows[] = {{.part = 0, .records = 2, .size = 3000},
                               {.part = 1, .records = 1, .size = 100}};
    answer(a, 7, rows, 2);
    a = expect_fetch(7, 2, "ff.........."); /* beside what is still to be read */
    assert_in_range(a->req.fetch.max_bytes, 10000 - 6500, 10000 - 6100);
    const struct row more = {.part = 2, .records = 1, .size = 5000};
    answer(a, 7, &more, 1);
    assert_null(until_fetch()); /* 11100 bytes wait for the user */
    assert_int_equal(read_some(), 1);
    assert_int_equal(read_some(), 1);
    assert_null(until_fetch()); /* of each answer something is left */
    assert_int_equal(read_all(), 2);
    a = expect_fetch(7, 3, "nnn.........");
    assert_int_equal(a->req.fetch.max_bytes, 10000);
    assert_int_equal(a->req.fetch.topics[0].partitions[0].partition_max_bytes, 4321);
    answer(a, 7, NULL, 0);
    end();
}

/* What is paused does not hold up what is not: it is fetched again. */
static void test_bounds_and_pause(void **state)
{
    (void)state;
    open_session();
    set("fetch.max.bytes", "5000");
    const struct row rows[] = {{.part = 0, .records = 2, .size = 3000}, {.part = 1, .records = 1}};
    answer(expect_fetch(7, 1, "............"), 7, rows, 2);
    part_pause(part(0), true);
    part_pause(part(1), true);
    struct ask *a = expect_fetch(7, 2, "ff..........");
    assert_int_equal(a->req.fetch.max_bytes, 5000);
    answer(a, 7, NULL, 0);
    part_pause(part(0), false);
    part_pause(part(1), false);
    assert_int_equal(read_all(), 0);
    a = expect_fetch(7, 3, "nn..........");
    assert_int_equal(a->req.fetch.topics[0].partitions[0].fetch_offset, 0);
    answer(a, 7, rows, 2);
    assert_int_equal(read_all(), 3);
    end();
}

/* --- ends of partitions --- */

/* The end that is told of partition i, once. */
static void expect_end(int i, int64_t off)
{
    struct part *p = fetcher_end_reached(&world.f);
    assert_ptr_equal(p, part(i));
    assert_int_equal(p->told_end, off);
    assert_null(fetcher_end_reached(&world.f));
}

static void assign_one(void)
{
    begin();
    world.f.tells_ends = true;
    assign("x");
}

/* Read to the end, in one go and in two; an end is told after what is before it, and once. */
static void test_ends(void **state)
{
    (void)state;
    assign_one();
    answer(expect_fetch(0, 0, "n..........."), 7, &(struct row){.part = 0}, 1);
    expect_end(0, 0); /* it is empty */
    world.ends[0] = 3;
    set("max.poll.records", "2");
    answer(expect_fetch(7, 1, "............"), 7, &(struct row){.part = 0, .records = 3}, 1);
    assert_null(fetcher_end_reached(&world.f));
    assert_int_equal(read_some(), 2);
    assert_null(fetcher_end_reached(&world.f));
    assert_int_equal(read_some(), 1);
    assert_int_equal(read_some(), 0); /* nothing is left of it */
    expect_end(0, 3);
    answer(expect_fetch(7, 2, "n..........."), 7, NULL, 0);
    assert_null(fetcher_end_reached(&world.f));
    world.ends[0] = 5;
    answer(expect_fetch(7, 3, "............"), 7, &(struct row){.part = 0, .records = 1}, 1);
    assert_int_equal(read_all(), 1);
    assert_null(fetcher_end_reached(&world.f)); /* at 4 of 5 */
    answer(expect_fetch(7, 4, "n..........."), 7, &(struct row){.part = 0, .records = 1}, 1);
    assert_int_equal(read_all(), 1);
    expect_end(0, 5);
    end();
}

/* Who seeks hears again, when a broker has said so again: by a row, or by silence. */
static void test_ends_after_seeks(void **state)
{
    (void)state;
    assign_one();
    world.ends[0] = 2;
    answer(expect_fetch(0, 0, "n..........."), 7, &(struct row){.part = 0, .records = 2}, 1);
    assert_int_equal(read_all(), 2);
    expect_end(0, 2);
    part_seek(part(0), 2, 0);
    assert_null(fetcher_end_reached(&world.f)); /* more may be there by now */
    struct ask *a = expect_fetch(7, 1, "n...........");
    assert_null(fetcher_end_reached(&world.f));
    answer(a, 7, &(struct row){.part = 0}, 1);
    expect_end(0, 2);
    part_seek(part(0), 0, 0);
    a = expect_fetch(7, 2, "n...........");
    part_seek(part(0), 2, 0); /* meanwhile: that answer is about another place */
    answer(a, 7, NULL, 0);
    assert_null(fetcher_end_reached(&world.f));
    answer(expect_fetch(7, 3, "n..........."), 7, NULL, 0);
    expect_end(0, 2);
    part_seek(part(0), 2, 0); /* where it is asked for already: it is named anyway */
    answer(expect_fetch(7, 4, "n..........."), 7, NULL, 0);
    expect_end(0, 2);
    answer(expect_fetch(7, 5, "............"), 7, NULL, 0);
    part_seek(part(0), 9, 0); /* behind the end */
    answer(expect_fetch(7, 6, "n..........."), 7, NULL, 0);
    assert_null(fetcher_end_reached(&world.f));
    end();
}

/* A partition that goes takes what was to be told along; who does not want to hear is not told. */
static void test_ends_of_none(void **state)
{
    (void)state;
    assign_one();
    answer(expect_fetch(0, 0, "n..........."), 7, &(struct row){.part = 0}, 1);
    assign("");
    assert_null(fetcher_end_reached(&world.f));
    end();
    begin();
    assign("x");
    answer(expect_fetch(0, 0, "n..........."), 7, &(struct row){.part = 0}, 1);
    assert_null(fetcher_end_reached(&world.f));
    end();
}

/* --- followers (KIP-392) --- */

static void test_follower(void **state)
{
    (void)state;
    begin();
    set("client.rack", "r9");
    set("metadata.max.age.ms", "60000");
    assign("x");
    struct ask *a = expect_fetch(0, 0, "n...........");
    assert_true(str_eq(a->req.fetch.rack_id, STR("r9")));
    answer(a, 7, &(struct row){.part = 0, .replica = 3}, 1);
    a = expect_fetch(0, 0, "n...........");
    assert_int_equal(a->to_node, 3);
    answer(a, 4, &(struct row){.part = 0, .records = 1}, 1);
    assert_int_equal(read_all(), 1);
    world.now_ms += 50000;
    a = expect_fetch(4, 1, "n...........");
    assert_int_equal(a->to_node, 3);
    answer(a, 4, &(struct row){.part = 0, .replica = 3}, 1); /* does not make it last longer */
    world.now_ms += 10000; /* the leader is asked from time to time */
    a = expect_fetch(7, 1, "n...........");
    assert_int_equal(a->to_node, 1);
    answer(a, 7, &(struct row){.part = 0, .replica = 2}, 1);
    a = expect_fetch(0, 0, "n...........");
    assert_int_equal(a->to_node, 2);
    answer(a, 5, &(struct row){.part = 0, .code = ERR_OFFSET_OUT_OF_RANGE}, 1);
    a = expect_fetch(7, 2, "............"); /* it is behind: the leader knows */
    assert_int_equal(a->to_node, 1);
    assert_int_equal(part(0)->position, 1);
    answer(a, 7, &(struct row){.part = 0, .replica = 2}, 1);
    a = expect_fetch(5, 1, "............");
    assert_int_equal(a->to_node, 2);
    fetcher_take(&world.f, a, ERR_NETWORK_EXCEPTION, NULL, NULL, world.now_ms);
    a = expect_fetch(7, 3, "............"); /* at once, and nothing else is asked first */
    assert_int_equal(a->to_node, 1);
    fetcher_drop(&world.f, a);
    end();
}

/* --- auto.offset.reset by duration (KIP-1106) --- */

static struct ask *expect_time(int64_t ts)
{
    struct ask *a = fetcher_next(&world.f, world.now_ms);
    while (a != NULL && a->kind == ASK_METADATA) {
        answer_metadata(a);
        a = fetcher_next(&world.f, world.now_ms);
    }
    assert_non_null(a);
    assert_int_equal(a->kind, ASK_OFFSETS);
    assert_int_equal(a->req.offsets.topics[0].partitions[0].timestamp, ts);
    return a;
}

static void test_duration(void **state)
{
    const struct row gone = {.part = 0, .code = ERR_OFFSET_OUT_OF_RANGE};
    (void)state;
    begin();
    set("auto.offset.reset", "by_duration:P1DT1H");
    world.f.wall_off_ms = 1000000000;
    assign("x");
    struct ask *a = expect_time(1000000000 + 1000 - 25 * 3600000);
    answer_offsets(a);
    a = expect_fetch(0, 0, "n...........");
    world.now_ms += 500;
    answer(a, 7, &gone, 1);
    a = expect_time(1000000000 + 1500 - 25 * 3600000); /* by then, not by the start */
    struct list_offsets_resp_list_offsets_partition_response p =
        list_offsets_resp_list_offsets_partition_response_default;
    struct list_offsets_resp_list_offsets_topic_response t = {STR("a"), &p, 1};
    struct list_offsets_resp r = list_offsets_resp_default;
    p.offset = -1; /* nothing is as young */
    r.topics = &t;
    r.topics_count = 1;
    fetcher_take(&world.f, a, OK, &r, NULL, world.now_ms);
    fetcher_drop(&world.f, expect_time(OTTLA_OFFSET_LATEST));
    end();
    begin();
    set("auto.offset.reset", "by_duration:P365000D");
    assign("x");
    fetcher_drop(&world.f, expect_time(1)); /* before all times */
    end();
}

/* --- many partitions, little traffic --- */

/* So many fetches that it would take minutes if one of them looked at all partitions. */
enum { MANY = 60000, CYCLES = 100000 };

static void open_many(void)
{
    struct ottla_topic_partition *all = mem_zalloc(sizeof *all * MANY);
    struct fetch_resp_partition_data *p = mem_zalloc(sizeof *p * MANY);
    struct fetch_resp_fetchable_topic_response t = {.topic_id = {{1}}, .partitions = p};
    struct fetch_resp r = fetch_resp_default;
    for (int i = 0; i < MANY; i++) {
        all[i] = (struct ottla_topic_partition){"a", i};
        p[i] = fetch_resp_partition_data_default;
        p[i].partition_index = i;
    }
    fetcher_assign(&world.f, all, MANY, world.now_ms);
    for (int i = 0; i < MANY; i++) { /* as metadata and offsets would */
        struct part *of = fetcher_find(&world.f, "a", i);
        of->leader = 1;
        part_set_id(of, t.topic_id);
        part_seek(of, 0, 0);
    }
    t.partitions_count = MANY;
    r.responses = &t;
    r.responses_count = 1;
    r.session_id = 7;
    struct ask *a = fetcher_next(&world.f, world.now_ms);
    assert_int_equal(a->part_count, MANY);
    fetcher_take(&world.f, a, OK, &r, NULL, world.now_ms);
    mem_free(all);
    mem_free(p);
}

static void test_many(void **state)
{
    (void)state;
    begin();
    open_many();
    struct buf batch = BUF_INIT;
    put_batch(&batch, 0, 1, 10);
    for (int i = 0; i < CYCLES; i++) {
        struct fetch_resp_partition_data p = fetch_resp_partition_data_default;
        struct fetch_resp_fetchable_topic_response t = {{0}, {{1}}, &p, 1};
        struct fetch_resp r = fetch_resp_default;
        struct ask *a = fetcher_next(&world.f, world.now_ms);
        assert_int_equal(a->part_count, i > 0);
        uint8_t *frame = mem_zalloc(batch.len);
        memcpy(frame, batch.p, batch.len);
        p.partition_index = i % MANY;
        batch_patch(frame, i / MANY, 1);
        p.records.p = frame;
        p.records.len = batch.len;
        r.responses = &t;
        r.responses_count = 1;
        r.session_id = 7;
        fetcher_take(&world.f, a, OK, &r, frame, world.now_ms);
        assert_int_equal(read_all(), 1);
        assert_int_equal(fetcher_deadline_ms(&world.f, world.now_ms), INT64_MAX);
    }
    buf_deinit(&batch);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),       cmocka_unit_test(test_bounds_and_pause),
        cmocka_unit_test(test_ends),         cmocka_unit_test(test_ends_after_seeks),
        cmocka_unit_test(test_ends_of_none), cmocka_unit_test(test_follower),
        cmocka_unit_test(test_duration),     cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
