/* What a consumer asks and where it stands, step by step: who is asked after a leader has moved,
 * what a log that was cut means to it, and many partitions. The cluster is the test. */
#include "test.h"

#include "base/mem.h"
#include "client/consumer/fetcher_int.h"
#include "record/control.h"
#include "record/record.h"

#include <stdio.h>

struct world {
    struct ottla_config *config;
    struct fetcher f;
    int64_t now_ms;
    int32_t leader, epoch; /* of all partitions */
    struct uuid id;
    struct buf log; /* that the next fetch gets */
};

static struct world world;

static const struct ottla_topic_partition t0 = {"t", 0};

static void begin(const char *group, const char *reset)
{
    world = (struct world){.now_ms = 1000, .leader = 1, .epoch = 5, .id = {{7}}, .log = BUF_INIT};
    world.config = ottla_config_new();
    assert_int_equal(ottla_config_set(world.config, "auto.offset.reset", reset, NULL), 0);
    assert_int_equal(ottla_config_set(world.config, "group.id", group, NULL), 0);
    fetcher_init(&world.f, &world.config->values, 1);
    fetcher_assign(&world.f, &t0, 1, world.now_ms);
}

static void end(void)
{
    fetcher_deinit(&world.f);
    ottla_config_free(world.config);
    buf_deinit(&world.log);
}

static struct part *part(void) { return fetcher_find(&world.f, "t", 0); }

static struct ask *expect(enum ask_kind kind)
{
    struct ask *a = fetcher_next(&world.f, world.now_ms);
    assert_non_null(a);
    assert_int_equal(a->kind, kind);
    return a;
}

static void expect_nothing(void) { assert_null(fetcher_next(&world.f, world.now_ms)); }

static void wait(void)
{
    int64_t at = fetcher_deadline_ms(&world.f, world.now_ms);
    assert_true(at > world.now_ms && at < INT64_MAX);
    world.now_ms = at;
}

static void take(struct ask *a, const void *resp)
{
    fetcher_take(&world.f, a, OK, resp, NULL, world.now_ms);
}

/* --- answers --- */

static void answer_metadata(void)
{
    struct metadata_resp r = metadata_resp_default;
    struct metadata_resp_metadata_response_topic t = metadata_resp_metadata_response_topic_default;
    struct metadata_resp_metadata_response_partition p =
        metadata_resp_metadata_response_partition_default;
    p.leader_id = world.leader;
    p.leader_epoch = world.epoch;
    t.name = STR("t");
    t.topic_id = world.id;
    t.partitions = &p;
    t.partitions_count = 1;
    r.topics = &t;
    r.topics_count = 1;
    take(expect(ASK_METADATA), &r);
}

static void put_batch(int32_t epoch, int64_t base_off, int count)
{
    struct batch head = {
        .base_off = base_off, .base_ts_ms = NO_TIMESTAMP, .producer_id = -1, .base_seq = -1};
    struct batch_builder bb;
    size_t at = world.log.len;
    batch_builder_init(&bb, &world.log, &head, CODEC_NONE, CODEC_LEVEL_DEFAULT);
    for (int i = 0; i < count; i++) {
        batch_builder_add(&bb, &(struct record){.off = base_off + i, .ts_ms = 5});
    }
    assert_ok(batch_builder_finish(&bb));
    batch_builder_deinit(&bb);
    batch_patch(world.log.p + at, base_off, epoch);
}

static void put_marker(int32_t epoch, int64_t base_off)
{
    struct batch head = {.base_off = base_off, .base_ts_ms = 5, .producer_id = 9};
    size_t at = world.log.len;
    assert_ok(control_build_marker(&world.log, &head, true, 0));
    batch_patch(world.log.p + at, base_off, epoch);
}

/* Takes the log that was put; hint ≥ 0: "the leader is that one, in the next epoch". */
static void answer_fetch(int code, int32_t hint)
{
    struct fetch_resp r = fetch_resp_default;
    struct fetch_resp_fetchable_topic_response t = fetch_resp_fetchable_topic_response_default;
    struct fetch_resp_partition_data p = fetch_resp_partition_data_default;
    size_t len;
    struct ask *a = expect(ASK_FETCH);
    uint8_t *frame = buf_steal(&world.log, &len);
    assert_int_equal(a->to_node, part()->leader);
    assert_int_equal(a->req.fetch.topics[0].partitions[0].current_leader_epoch, world.epoch);
    p.error_code = (int16_t)code;
    p.high_watermark = p.last_stable_offset = 1000;
    p.preferred_read_replica = -1;
    p.current_leader.leader_id = hint;
    p.current_leader.leader_epoch = world.epoch + 1;
    p.records.p = frame;
    p.records.len = len;
    t.topic_id = world.id;
    t.partitions = &p;
    t.partitions_count = 1;
    r.responses = &t;
    r.responses_count = 1;
    fetcher_take(&world.f, a, OK, &r, frame, world.now_ms);
}

static void answer_epochs(struct ask *a, int code, int32_t epoch, int64_t end_off)
{
    struct offset_for_leader_epoch_resp r = offset_for_leader_epoch_resp_default;
    struct offset_for_leader_epoch_resp_offset_for_leader_topic_result t = {0};
    struct offset_for_leader_epoch_resp_epoch_end_offset p =
        offset_for_leader_epoch_resp_epoch_end_offset_default;
    p.error_code = (int16_t)code;
    p.leader_epoch = epoch;
    p.end_offset = end_off;
    t.topic = STR("t");
    t.partitions = &p;
    t.partitions_count = 1;
    r.topics = &t;
    r.topics_count = 1;
    take(a, &r);
}

static void read_all(size_t count)
{
    struct ottla_records *r;
    while ((r = fetcher_records(&world.f)) != NULL) {
        count -= ottla_records_count(r);
        ottla_records_free(r);
    }
    assert_int_equal(count, 0);
}

/* Ten records of epoch 4, read from leader 1 in epoch 5. */
static void be_at_ten(const char *reset)
{
    begin("", reset);
    part_seek(part(), 0, 0);
    answer_metadata();
    put_batch(4, 0, 10);
    answer_fetch(0, -1);
    read_all(10);
    assert_int_equal(part()->position, 10);
    assert_int_equal(part()->position_epoch, 4);
}

static void move(int32_t leader, int32_t epoch)
{
    answer_fetch(ERR_NOT_LEADER_OR_FOLLOWER, -1);
    expect_nothing();
    wait();
    world.leader = leader;
    world.epoch = epoch;
    answer_metadata();
}

static struct ask *expect_epochs(int32_t leader, int32_t current, int32_t epoch)
{
    struct ask *a = expect(ASK_EPOCHS);
    const struct offset_for_leader_epoch_req *req = &a->req.epochs;
    assert_int_equal(a->to_node, leader);
    assert_int_equal(req->replica_id, -1);
    assert_int_equal(req->topics_count, 1);
    assert_int_equal(req->topics[0].partitions[0].current_leader_epoch, current);
    assert_int_equal(req->topics[0].partitions[0].leader_epoch, epoch);
    expect_nothing(); /* no fetch before it is known */
    return a;
}

/* --- a leader that moves --- */

static void test_new_leader_has_it(void **state)
{
    (void)state;
    be_at_ten("none");
    put_batch(5, 10, 1);
    answer_fetch(0, -1); /* the same leader is not asked */
    read_all(1);
    move(2, 6);
    answer_epochs(expect_epochs(2, 6, 5), 0, 5, 11);
    answer_fetch(0, -1);
    move(2, 7); /* the same one again, elected anew */
    answer_epochs(expect_epochs(2, 7, 5), 0, 5, 30);
    answer_fetch(0, -1);
    assert_int_equal(part()->position, 11);
    assert_int_equal(world.f.warnings.len, 0);
    end();
}

/* Where the old leader says who is the new one, that is enough to ask it. */
static void test_new_leader_by_hint(void **state)
{
    (void)state;
    be_at_ten("none");
    answer_fetch(ERR_FENCED_LEADER_EPOCH, 3);
    wait();
    answer_epochs(expect_epochs(3, 6, 4), 0, 4, 10);
    world.epoch = 6;
    answer_fetch(0, -1);
    end();
}

/* Cut at 7: goes on there, and the records that stand there now are read. */
static void test_truncated(void **state)
{
    (void)state;
    be_at_ten("earliest");
    move(2, 6);
    answer_epochs(expect_epochs(2, 6, 4), 0, 3, 7);
    assert_int_equal(part()->position, 7);
    assert_int_equal(part()->position_epoch, 3);
    assert_non_null(strstr(buf_cstr(&world.f.warnings),
                           "t-0: log truncation: offset 10 of epoch 4 is not in the log of leader "
                           "2, which differs from offset 7 on"));
    put_batch(6, 7, 2);
    answer_fetch(0, -1);
    read_all(2);
    assert_int_equal(part()->position_epoch, 6);
    end();
}

/* Without auto.offset.reset that is an error, again and again, until somebody seeks. */
static void test_truncated_none(void **state)
{
    (void)state;
    be_at_ten("none");
    move(2, 6);
    for (int i = 0; i < 2; i++) {
        answer_epochs(expect_epochs(2, 6, 4), 0, i ? -1 : 4, i ? -1 : 7);
        assert_int_equal(world.f.code, ERR_OFFSET_OUT_OF_RANGE);
        assert_non_null(strstr(world.f.why, "t-0: log truncation: offset 10"));
        assert_int_equal(strstr(world.f.why, "from offset 7") != NULL, i == 0);
        assert_int_equal(part()->position, 10);
        expect_nothing();
        world.f.code = 0;
        wait();
    }
    part_seek(part(), 7, 7);
    answer_fetch(0, -1);
    end();
}

/* The leader knows nothing of that epoch: auto.offset.reset. */
static void test_truncated_unknown(void **state)
{
    (void)state;
    be_at_ten("latest");
    move(2, 6);
    answer_epochs(expect_epochs(2, 6, 4), 0, -1, -1);
    struct ask *a = expect(ASK_OFFSETS);
    assert_int_equal(a->req.offsets.topics[0].partitions[0].timestamp, OTTLA_OFFSET_LATEST);
    assert_true(world.f.warnings.len > 0);
    fetcher_drop(&world.f, a);
    end();
}

static void test_errors(void **state)
{
    (void)state;
    be_at_ten("none");
    move(2, 6);
    answer_epochs(expect_epochs(2, 6, 4), ERR_FENCED_LEADER_EPOCH, -1, -1);
    expect_nothing();
    wait();
    world.epoch = 7;
    answer_metadata();
    fetcher_take(&world.f, expect_epochs(2, 7, 4), ERR_NETWORK_EXCEPTION, NULL, NULL, world.now_ms);
    wait();
    answer_metadata();
    answer_epochs(expect_epochs(2, 7, 4), ERR_TOPIC_AUTHORIZATION_FAILED, -1, -1);
    assert_int_equal(world.f.code, ERR_TOPIC_AUTHORIZATION_FAILED);
    world.f.code = 0;
    wait();
    take(expect_epochs(2, 7, 4), &offset_for_leader_epoch_resp_default); /* nothing of it */
    expect_nothing();
    wait();
    fetcher_take(&world.f, expect_epochs(2, 7, 4), ERR_UNSUPPORTED_VERSION, NULL, NULL,
                 world.now_ms);
    answer_fetch(0, -1); /* a broker of before */
    end();
}

/* A position that somebody chose has no epoch: nobody is asked. */
static void test_seek(void **state)
{
    (void)state;
    be_at_ten("none");
    part_seek(part(), 5, 5);
    move(2, 6);
    answer_fetch(0, -1);
    end();
}

/* Batches that users do not see have an epoch, too; else the position would look cut off. */
static void test_hidden(void **state)
{
    (void)state;
    be_at_ten("none");
    put_marker(5, 10);
    answer_fetch(0, -1);
    read_all(0);
    assert_int_equal(part()->position, 11);
    assert_int_equal(part()->position_epoch, 5);
    end();
}

/* A follower that does not have it yet is not the leader. */
static void test_follower_out_of_range(void **state)
{
    (void)state;
    be_at_ten("none");
    part()->replica = 1; /* as preferred_read_replica */
    answer_fetch(ERR_OFFSET_OUT_OF_RANGE, -1);
    assert_int_equal(world.f.code, 0);
    assert_int_equal(part()->position, 10);
    answer_fetch(ERR_OFFSET_OUT_OF_RANGE, -1);
    assert_int_equal(world.f.code, ERR_OFFSET_OUT_OF_RANGE);
    end();
}

/* --- where the group was --- */

static void answer_committed(int code, int64_t offset, int32_t epoch)
{
    struct offset_fetch_resp r = offset_fetch_resp_default;
    struct offset_fetch_resp_offset_fetch_response_group g =
        offset_fetch_resp_offset_fetch_response_group_default;
    struct offset_fetch_resp_offset_fetch_response_topics t =
        offset_fetch_resp_offset_fetch_response_topics_default;
    struct offset_fetch_resp_offset_fetch_response_partitions p =
        offset_fetch_resp_offset_fetch_response_partitions_default;
    struct ask *a = expect(ASK_COMMITTED);
    assert_int_equal(a->version_hi, 10);
    ask_fit(&a->req, 10);
    assert_int_equal(a->req.committed.groups[0].topics[0].name.len, 0);
    assert_true(uuid_eq(a->req.committed.groups[0].topics[0].topic_id, world.id));
    p.error_code = (int16_t)code;
    p.committed_offset = offset;
    p.committed_leader_epoch = epoch;
    t.topic_id = world.id;
    t.partitions = &p;
    t.partitions_count = 1;
    g.topics = &t;
    g.topics_count = 1;
    r.groups = &g;
    r.groups_count = 1;
    take(a, &r);
}

static void test_committed(void **state)
{
    (void)state;
    begin("g", "none");
    answer_metadata();
    answer_committed(0, 42, 3);
    answer_epochs(expect_epochs(1, 5, 3), 0, 3, 42);
    assert_int_equal(part()->position, 42);
    answer_fetch(0, -1);
    end();
}

/* Coordinators that know no ids get the name. */
static void test_committed_by_name(void **state)
{
    (void)state;
    begin("g", "none");
    answer_metadata();
    struct ask *a = expect(ASK_COMMITTED);
    for (int version = 1; version < 10; version++) {
        ask_fit(&a->req, version);
        const struct offset_fetch_req *req = &a->req.committed;
        if (version < 8) {
            assert_true(str_eq(req->topics[0].name, STR("t")));
            assert_int_equal(req->topics[0].partition_indexes_count, 1);
        } else {
            assert_true(str_eq(req->groups[0].topics[0].name, STR("t")));
            assert_true(uuid_is_zero(req->groups[0].topics[0].topic_id));
        }
    }
    fetcher_drop(&world.f, a);
    world.id = UUID_ZERO; /* a cluster without ids */
    part()->topic_id = UUID_ZERO;
    a = expect(ASK_COMMITTED);
    assert_int_equal(a->version_hi, 9);
    fetcher_drop(&world.f, a);
    end();
}

/* Deleted and made anew: nothing of the old one is taken for the new. */
static void test_made_anew(void **state)
{
    (void)state;
    begin("g", "earliest");
    answer_metadata();
    answer_committed(ERR_UNKNOWN_TOPIC_ID, -1, -1); /* between the two answers */
    assert_int_equal(world.f.code, 0);
    wait();
    answer_metadata();
    answer_committed(0, 42, -1);
    answer_fetch(ERR_UNKNOWN_TOPIC_ID, -1);
    wait();
    world.id = (struct uuid){{8}};
    world.epoch = 0;
    answer_metadata();
    assert_int_equal(part()->position, -1);
    assert_non_null(strstr(buf_cstr(&world.f.warnings), "t-0: the topic was made anew"));
    answer_committed(0, -1, -1);
    fetcher_drop(&world.f, expect(ASK_OFFSETS));
    end();
}

/* --- many partitions --- */

/* As many as would take minutes if each row of an answer were looked for among all. Rows come in
 * the other order, some not at all. */
enum { MANY = 60000, TOPICS = 300, EACH = MANY / TOPICS };

static char names[TOPICS][8];

static void assign_many(void)
{
    struct ottla_topic_partition *all = mem_zalloc(sizeof *all * MANY);
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i % TOPICS], sizeof names[0], "t%d", i % TOPICS);
        all[i] = (struct ottla_topic_partition){names[i % TOPICS], i / TOPICS};
    }
    fetcher_assign(&world.f, all, MANY, world.now_ms);
    fetcher_assign(&world.f, all, MANY, world.now_ms);
    mem_free(all);
}

static void answer_many_leaders(void)
{
    struct metadata_resp r = metadata_resp_default;
    struct metadata_resp_metadata_response_topic *t = mem_zalloc(sizeof *t * TOPICS);
    struct metadata_resp_metadata_response_partition *p = mem_zalloc(sizeof *p * EACH);
    struct ask *a = expect(ASK_METADATA);
    assert_int_equal(a->req.metadata.topics_count, TOPICS);
    for (int i = 0; i < EACH; i++) {
        p[i] = metadata_resp_metadata_response_partition_default;
        p[i].partition_index = EACH - 1 - i;
        p[i].leader_id = 1;
    }
    for (int i = 0; i < TOPICS; i++) {
        t[i] = metadata_resp_metadata_response_topic_default;
        t[i].name = str_from(names[TOPICS - 1 - i]);
        t[i].topic_id = (struct uuid){{1, (uint8_t)(i >> 8), (uint8_t)i}};
        t[i].partitions = p;
        t[i].partitions_count = i == 0 ? EACH - 1 : EACH; /* not that of partition 0 */
    }
    r.topics = t;
    r.topics_count = TOPICS;
    take(a, &r);
    mem_free(t);
    mem_free(p);
}

static void answer_many_positions(void)
{
    struct offset_fetch_resp r = offset_fetch_resp_default;
    struct offset_fetch_resp_offset_fetch_response_group g =
        offset_fetch_resp_offset_fetch_response_group_default;
    struct offset_fetch_resp_offset_fetch_response_topics *t = mem_zalloc(sizeof *t * MANY);
    struct offset_fetch_resp_offset_fetch_response_partitions *p = mem_zalloc(sizeof *p * MANY);
    struct ask *a = expect(ASK_COMMITTED);
    size_t n = a->part_count;
    assert_int_equal(n, MANY - 1);
    for (size_t i = 0; i < n; i++) { /* a row each, from the last to the first */
        const struct part *of = a->parts[n - 1 - i].part;
        p[i] = offset_fetch_resp_offset_fetch_response_partitions_default;
        p[i].partition_index = of->partition;
        p[i].committed_offset = of->partition;
        t[i].topic_id = of->topic_id;
        t[i].partitions = &p[i];
        t[i].partitions_count = 1;
    }
    g.topics = t;
    g.topics_count = (int32_t)n;
    r.groups = &g;
    r.groups_count = 1;
    take(a, &r);
    mem_free(t);
    mem_free(p);
}

static void answer_many_fetches(void)
{
    struct fetch_resp r = fetch_resp_default;
    struct fetch_resp_fetchable_topic_response *t = mem_zalloc(sizeof *t * MANY);
    struct fetch_resp_partition_data *p = mem_zalloc(sizeof *p * MANY);
    struct ask *a = expect(ASK_FETCH);
    size_t n = a->part_count;
    assert_int_equal(n, MANY - 1);
    for (size_t i = 0; i < n; i++) {
        const struct part *of = a->parts[n - 1 - i].part;
        p[i] = fetch_resp_partition_data_default;
        p[i].partition_index = of->partition;
        p[i].high_watermark = of->partition + 3;
        t[i].topic_id = of->topic_id;
        t[i].partitions = &p[i];
        t[i].partitions_count = 1;
    }
    r.responses = t;
    r.responses_count = (int32_t)n;
    take(a, &r);
    mem_free(t);
    mem_free(p);
}

static void test_many(void **state)
{
    (void)state;
    begin("g", "none");
    assign_many();
    assert_int_equal(world.f.by_name.count, MANY);
    assert_null(part()); /* of before */
    answer_many_leaders();
    answer_many_positions();
    answer_many_fetches();
    for (int i = 0; i < MANY; i++) {
        const struct part *p = fetcher_find(&world.f, names[i % TOPICS], i / TOPICS);
        bool is_out = i == TOPICS - 1; /* partition 0 of the last topic */
        assert_int_equal(part_lag(p), is_out ? -1 : 3);
        assert_int_equal(p->leader, is_out ? -1 : 1);
    }
    fetcher_assign(&world.f, NULL, 0, world.now_ms);
    assert_int_equal(world.f.by_name.count, 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_leader_has_it),
        cmocka_unit_test(test_new_leader_by_hint),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_truncated_none),
        cmocka_unit_test(test_truncated_unknown),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_seek),
        cmocka_unit_test(test_hidden),
        cmocka_unit_test(test_follower_out_of_range),
        cmocka_unit_test(test_committed),
        cmocka_unit_test(test_committed_by_name),
        cmocka_unit_test(test_made_anew),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
