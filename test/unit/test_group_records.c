/* Records of __consumer_offsets: byte for byte what Apache Kafka 4.3.1 wrote for the same requests,
 * and what happens when a log has others, old ones or nonsense. */
#include "grouptest.h"

#include "base/endian.h"

GT_SETUP

#define BYTES(literal) ((struct bytes){(const uint8_t *)(literal), sizeof(literal) - 1})

static void assert_bytes(struct bytes got, struct bytes want)
{
    assert_int_equal(got.len, want.len);
    assert_memory_equal(got.p, want.p, want.len);
}

static struct group_record record_at(struct gt *t, int32_t i)
{
    return group_records_at(&t->log, i < 0 ? t->log.count + i : i);
}

/* --- what is written --- */

static void an_offset_is_written_as_by_apache_kafka(void **state)
{
    struct gt *t = *state;
    struct gt_commit_of of = {.group = "g1",
                              .topic = "t",
                              .off = 7,
                              .metadata = "",
                              .version = 2,
                              .retention_ms = 100000};
    t->t.wall_ms = 0x1a1ff344bb8;
    (void)gt_commit_off(t, &of);
    struct group_record r = record_at(t, -1);
    assert_bytes(r.key, BYTES("\0\1\0\2g1\0\1t\0\0\0\0"));
    assert_bytes(r.value, BYTES("\0\1\0\0\0\0\0\0\0\7\0\0\0\0\1\xa1\xff\x34\x4b\xb8"
                                "\0\0\1\xa1\xff\x35\xd2\x58"));
    assert_int_equal(gt_delete(t, "g1"), OK);
    assert_bytes(record_at(t, -2).key, r.key);
    assert_null(record_at(t, -2).value.p);
    assert_bytes(record_at(t, -1).key, BYTES("\0\2\0\2g1"));
    assert_null(record_at(t, -1).value.p);
}

static void an_offset_with_the_topics_id(void **state)
{
    struct gt *t = *state;
    static const uint8_t id[16] = "n\xcc\xba\xf8\xb9\xb4"
                                  "B?\xbe\xf0\xe4IIs\x81Q";
    struct gt_call *c = gt_call_new(t, GROUP_COMMIT, 9);
    struct offset_commit_req_offset_commit_request_partition p =
        offset_commit_req_offset_commit_request_partition_default;
    struct offset_commit_req_offset_commit_request_topic topic = {STR("t"), UUID_ZERO, &p, 1};
    memcpy(topic.topic_id.b, id, sizeof id);
    c->msg.commit = offset_commit_req_default;
    c->msg.commit.group_id = STR("g1");
    c->msg.commit.topics = &topic;
    c->msg.commit.topics_count = 1;
    p.committed_offset = 5;
    p.committed_metadata = STR("hi");
    t->t.wall_ms = 0x1a1ff344b71;
    gt_send(t, c);
    assert_bytes(record_at(t, -1).value,
                 BYTES("\0\4\0\0\0\0\0\0\0\5\xff\xff\xff\xff\3hi\0\0\1\xa1\xff\x34\x4bq\1\0\x10n"
                       "\xcc\xba\xf8\xb9\xb4"
                       "B?\xbe\xf0\xe4IIs\x81Q"));
}

static void a_new_group_is_written_as_by_apache_kafka(void **state)
{
    struct gt *t = *state;
    t->t.wall_ms = 0x1a1ff352f58;
    (void)gt_join_of(t, 9, &(struct gt_who){.group = "j1"}, STR(""));
    assert_bytes(record_at(t, -1).key, BYTES("\0\2\0\2j1"));
    assert_bytes(record_at(t, -1).value, BYTES("\0\3\0\0\0\0\0\0\xff\xff\xff\xff"
                                               "\0\0\1\xa1\xff\x35\x2f\x58\0\0\0\0"));
}

static void a_stable_group_is_written_as_by_apache_kafka(void **state)
{
    struct gt *t = *state;
    struct gt_who who = {.group = "js", .instance = "i1", .protocols = "p1", .rebalance_ms = 10000};
    struct gt_call *j = gt_join_of(t, 9, &who, STR(""));
    gt_wait(t, 3000);
    t->t.wall_ms = 0;
    struct gt_call *s = gt_sync(t, "js", j, "ab");
    assert_int_equal(gt_synced(s)->error_code, OK);
    struct bytes v = record_at(t, -1).value;
    struct str id = gt_joined(j)->member_id;
    struct buf want = BUF_INIT;
    buf_put(&want,
            "\0\3\0\x08"
            "consumer\0\0\0\1\0\2p1\0\x27",
            22);
    buf_put_str(&want, id);
    buf_put_be64(&want, (uint64_t)(GT_WALL_MS + 3000));
    buf_put(&want, "\0\0\0\1\0\x27", 6);
    buf_put_str(&want, id);
    buf_put(&want, "\0\2i1\0\6client\0\n/127.0.0.1\0\0\x27\x10\0\0\x27\x10\0\0\0\x0d", 36);
    buf_put(&want, "\0\0\0\0\0\1\0\1t\xff\xff\xff\xff\0\0\0\3ab0", 20);
    assert_bytes(v, buf_bytes(&want));
    buf_deinit(&want);
    assert_int_equal(gt_left(gt_leave(t, "js", STR(""), "i1")), OK);
    v = record_at(t, -1).value;
    assert_int_equal(v.len, 32);
    assert_memory_equal(v.p,
                        "\0\3\0\x08"
                        "consumer\0\0\0\2\xff\xff\xff\xff",
                        20);
}

/* --- what is read --- */

static enum err replay(struct gt *t, struct bytes key, struct bytes value)
{
    struct group_replay r = {{key, value}, 0, -1};
    return group_shard_replay(t->shard, &r);
}

static void old_records_are_read(void **state)
{
    struct gt *live = *state, *t = gt_empty();
    (void)live;
    assert_ok(replay(t, BYTES("\0\0\0\1a\0\1t\0\0\0\1"),
                     BYTES("\0\0\0\0\0\0\0\0\0\x09\0\2hi\0\0\0\0\0\0\0\1")));
    assert_ok(replay(t, BYTES("\0\1\0\1a\0\1t\0\0\0\2"),
                     BYTES("\0\2\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0\0\0\1")));
    assert_ok(replay(
        t, BYTES("\0\2\0\1b"),
        BYTES("\0\0\0\1x\0\0\0\7\0\1p\0\1m\0\0\0\1\0\1m\0\1c\0\1h\0\0\x3a\x98\0\0\0\0\0\0\0\1z")));
    gt_load(t);
    assert_int_equal(gt_fetch(t, "a", "t", 1), 9);
    assert_int_equal(gt_fetch(t, "a", "t", 2), 8);
    const struct describe_groups_resp_described_group *d = gt_describe(t, "b");
    assert_str(d->group_state, "Stable");
    assert_str(d->members[0].member_id, "m");
    assert_memory_equal(d->members[0].member_assignment.p, "z", 1);
    gt_wait(t, 14999);
    assert_state(t, "b", "Stable");
    gt_wait(t, 1);
    assert_state(t, "b", "Empty");
    gt_free(t);
}

static void other_kinds_of_groups_are_left_alone(void **state)
{
    struct gt *live = *state, *t = gt_empty();
    (void)live;
    for (int type = 3; type < 40; type++) {
        uint8_t key[6] = {0, (uint8_t)type, 0, 2, 'k', 'g'};
        assert_ok(replay(t, (struct bytes){key, sizeof key}, BYTES("\0\0\1\2\3")));
        assert_ok(replay(t, (struct bytes){key, sizeof key}, BYTES_NULL));
    }
    assert_ok(replay(t, BYTES("\xff\xff\1"), BYTES("x")));
    assert_int_equal(group_shard_count(t->shard), 0);
    gt_load(t);
    gt_free(t);
}

static void nonsense_changes_nothing(void **state)
{
    struct gt *live = *state, *t = gt_empty();
    (void)live;
    static const char one[] = "\0\3\0\1x\0\0\0\7\0\1p\0\1m\0\0\0\0\0\0\0\0\0\0\0\1"
                              "\0\1m\xff\xff\0\1c\0\1h\0\0\0\1\0\0\x3a\x98\0\0\0\0\0\0\0\1z";
    static const char none[] = "\0\3\0\1x\0\0\0\7\xff\xff\0\1m\0\0\0\0\0\0\0\0\0\0\0\1"
                               "\0\1m\xff\xff\0\1c\0\1h\0\0\0\1\0\0\x3a\x98\0\0\0\0\0\0\0\1z";
    static const char twice[] = "\0\3\0\1x\0\0\0\7\0\1p\0\1m\0\0\0\0\0\0\0\0\0\0\0\2"
                                "\0\1m\xff\xff\0\1c\0\1h\0\0\0\1\0\0\x3a\x98\0\0\0\0\0\0\0\0"
                                "\0\1m\xff\xff\0\1c\0\1h\0\0\0\1\0\0\x3a\x98\0\0\0\0\0\0\0\0";
    assert_ok(replay(t, BYTES("\0\2\0\1b"), BYTES(one)));
    char *before = gt_print(t->shard);
    for (size_t len = 0; len < sizeof one - 1; len++) {
        struct bytes cut = {(const uint8_t *)one, len};
        assert_err(ERR_MALFORMED, replay(t, BYTES("\0\2\0\1b"), cut));
    }
    assert_err(ERR_MALFORMED, replay(t, BYTES("\0\2\0\1b"), BYTES(none)));
    assert_err(ERR_MALFORMED, replay(t, BYTES("\0\2\0\1b"), BYTES(twice)));
    assert_err(ERR_MALFORMED, replay(t, BYTES("\0\2\0\1b"), BYTES("\0\x63\0")));
    assert_err(ERR_MALFORMED, replay(t, BYTES("\0"), BYTES(one)));
    assert_err(ERR_MALFORMED, replay(t, BYTES_NULL, BYTES(one)));
    assert_err(ERR_MALFORMED, replay(t, BYTES("\0\1\0\1a\0\1t\0\0\0"), BYTES("\0\3")));
    assert_err(ERR_MALFORMED, replay(t, BYTES("\0\1\0\1a\0\1t\0\0\0\0"), BYTES("\xff\xff")));
    char *after = gt_print(t->shard);
    assert_string_equal(before, after);
    mem_free(before);
    mem_free(after);
    gt_load(t);
    gt_free(t);
}

/* A classic group that became one of another kind: its members go, its offsets stay. */
static void a_groups_tombstone_keeps_its_offsets(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_stable(t, &(struct gt_who){.group = "g"});
    (void)gt_commit_off(t, &(struct gt_commit_of){.group = "g", .topic = "t", .off = 3, .join = a});
    struct group_shard *s = group_shard_new(&(struct group_shard_args){&t->config, gt_random, t});
    for (int32_t i = 0; i < t->log.count; i++) {
        struct group_replay r = {group_records_at(&t->log, i), i, -1};
        assert_ok(group_shard_replay(s, &r));
    }
    struct group_replay r = {{BYTES("\0\2\0\1g"), BYTES_NULL}, 99, -1};
    assert_ok(group_shard_replay(s, &r));
    char *text = gt_print(s);
    assert_non_null(strstr(text, "t-0 = 3"));
    assert_non_null(strstr(text, "g record 0000000000000000"));
    mem_free(text);
    struct group_out out;
    group_out_init(&out);
    group_shard_unload(s, &out);
    group_shard_free(s);
}

static void memory_is_given_back(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_stable(t, &(struct gt_who){.group = "g"});
    (void)gt_commit_off(t, &(struct gt_commit_of){.group = "g", .topic = "t", .off = 3, .join = a});
    assert_true(group_shard_bytes(t->shard) > 0);
    (void)gt_leave(t, "g", gt_joined(a)->member_id, NULL);
    assert_int_equal(gt_delete(t, "g"), OK);
    assert_int_equal(group_shard_bytes(t->shard), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GT_TEST(an_offset_is_written_as_by_apache_kafka),
        GT_TEST(an_offset_with_the_topics_id),
        GT_TEST(a_new_group_is_written_as_by_apache_kafka),
        GT_TEST(a_stable_group_is_written_as_by_apache_kafka),
        GT_TEST(old_records_are_read),
        GT_TEST(other_kinds_of_groups_are_left_alone),
        GT_TEST(nonsense_changes_nothing),
        GT_TEST(a_groups_tombstone_keeps_its_offsets),
        GT_TEST(memory_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
