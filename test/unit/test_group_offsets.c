/* Committed offsets: who may commit, what is told, what expires; describing, listing and deleting
 * groups. In virtual time. */
#include "grouptest.h"

#include "base/endian.h"
#include "group/names.h"
#include "group/subscription.h"

GT_SETUP

enum { MINUTE_MS = 60000, DAY_MS = 24 * 60 * MINUTE_MS };

static const struct gt_who who_g = {.group = "g"};
static const struct gt_commit_of simple = {.group = "s", .topic = "t", .off = 5, .metadata = "hi"};

static enum err commit_as(struct gt *t, struct gt_call *join, int version, int64_t off)
{
    return gt_commit_off(
        t, &(struct gt_commit_of){
               .group = "g", .topic = "t", .off = off, .join = join, .version = version});
}

/* --- committing --- */

static void a_simple_consumer_commits(void **state)
{
    struct gt *t = *state;
    assert_int_equal(gt_commit_off(t, &simple), OK);
    struct gt_call *c = gt_fetch_call(t, "s", "t", 0);
    const struct offset_fetch_resp_offset_fetch_response_partitions *p =
        &gt_fetched(c)->topics[0].partitions[0];
    assert_int_equal(p->committed_offset, 5);
    assert_int_equal(p->committed_leader_epoch, -1);
    assert_str(p->metadata, "hi");
    assert_state(t, "s", "Empty");
    assert_str(gt_describe(t, "s")->protocol_type, "");
    assert_int_equal(gt_fetch(t, "s", "t", 1), -1);
    assert_int_equal(gt_fetch(t, "s", "u", 0), -1);
    assert_int_equal(gt_fetch(t, "nobody", "t", 0), -1);
}

static void a_null_metadata_is_empty(void **state)
{
    struct gt *t = *state;
    (void)gt_commit_off(t, &(struct gt_commit_of){.group = "s", .topic = "t", .metadata = NULL});
    assert_str(gt_fetched(gt_fetch_call(t, "s", "t", 0))->topics[0].partitions[0].metadata, "");
}

static void members_commit_with_their_generation(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_join(t, &who_g);
    gt_wait(t, 3000);
    assert_int_equal(commit_as(t, a, 9, 1), ERR_REBALANCE_IN_PROGRESS); /* before it has synced */
    (void)gt_sync(t, "g", a, "x");
    assert_int_equal(commit_as(t, a, 9, 2), OK);
    struct join_group_resp *j = gt_joined(a), good = *j;
    j->generation_id++;
    assert_int_equal(commit_as(t, a, 9, 3), ERR_ILLEGAL_GENERATION);
    *j = good;
    j->member_id = STR("x");
    assert_int_equal(commit_as(t, a, 9, 4), ERR_UNKNOWN_MEMBER_ID);
    *j = good;
    assert_int_equal(commit_as(t, NULL, 9, 5), ERR_UNKNOWN_MEMBER_ID); /* no simple one, now */
    assert_int_equal(gt_fetch(t, "g", "t", 0), 2);
    struct gt_call *b = gt_join(t, &who_g); /* a rebalance: commits go on, the last chance */
    assert_int_equal(commit_as(t, a, 9, 6), OK);
    (void)gt_leave(t, "g", j->member_id, NULL);
    assert_int_equal(commit_as(t, a, 9, 7), ERR_UNKNOWN_MEMBER_ID);
    (void)gt_leave(t, "g", gt_joined(b)->member_id, NULL);
    assert_int_equal(commit_as(t, NULL, 9, 8), OK);
    assert_int_equal(gt_fetch(t, "g", "t", 0), 8);
}

static void an_unknown_group_has_no_generation(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_stable(t, &(struct gt_who){.group = "other"});
    assert_int_equal(commit_as(t, a, 8, 1), ERR_ILLEGAL_GENERATION);
    assert_int_equal(commit_as(t, a, 9, 1), ERR_GROUP_ID_NOT_FOUND);
    assert_state(t, "g", "Dead");
}

static void a_commit_keeps_the_session(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_stable(t, &who_g);
    for (int i = 0; i < 3; i++) {
        gt_wait(t, GT_SESSION_MS - 1);
        assert_int_equal(commit_as(t, a, 9, i), OK);
    }
    gt_wait(t, GT_SESSION_MS);
    assert_state(t, "g", "Empty");
}

static void long_metadata_is_refused(void **state)
{
    struct gt *t = *state;
    t->config.offset_metadata_max_bytes = 3;
    struct gt_commit_of of = {.group = "s", .topic = "t", .off = 1, .metadata = "abcd"};
    assert_int_equal(gt_commit_off(t, &of), ERR_OFFSET_METADATA_TOO_LARGE);
    assert_state(t, "s", "Dead");
    of.metadata = "\xc3\xa4\xc3\xb6\xc3\xbc"; /* three characters, as Java counts */
    assert_int_equal(gt_commit_off(t, &of), OK);
}

static void a_commit_waits_for_its_write(void **state)
{
    struct gt *t = *state;
    t->is_holding = true;
    struct gt_call *c = gt_commit_call(t, &simple);
    struct gt_call *f = gt_fetch_call(t, "s", "t", 0);
    assert_false(c->is_done);
    assert_false(f->is_done); /* what it will tell must not be taken back */
    gt_release(t, OK);
    assert_int_equal(gt_committed(c), OK);
    assert_int_equal(gt_fetched(f)->topics[0].partitions[0].committed_offset, 5);
    struct gt_call *late = gt_commit_call(t, &simple);
    gt_release(t, ERR_REQUEST_TIMED_OUT);
    assert_int_equal(gt_committed(late), ERR_COORDINATOR_NOT_AVAILABLE);
    t->is_holding = false;
}

static void a_commit_that_is_not_written_is_none(void **state)
{
    struct gt *t = *state;
    (void)gt_commit_off(t, &simple);
    t->refuse = ERR_NOT_ENOUGH_REPLICAS;
    struct gt_commit_of of = simple;
    of.off = 6;
    assert_int_equal(gt_commit_off(t, &of), ERR_COORDINATOR_NOT_AVAILABLE);
    t->refuse = ERR_MESSAGE_TOO_LARGE;
    assert_int_equal(gt_commit_off(t, &of), ERR_UNKNOWN_SERVER_ERROR);
    t->refuse = OK;
    assert_int_equal(gt_fetch(t, "s", "t", 0), 5);
}

/* --- fetching --- */

static void all_offsets_come_sorted(void **state)
{
    struct gt *t = *state;
    static const char *const topics[] = {"c", "a", "b"};
    for (int i = 0; i < 9; i++) {
        (void)gt_commit_off(t, &(struct gt_commit_of){
                                   .group = "s", .topic = topics[i % 3], .part = 9 - i, .off = i});
    }
    struct gt_call *c = gt_fetch_call(t, "s", NULL, 0);
    const struct offset_fetch_resp_offset_fetch_response_group *g = gt_fetched(c);
    assert_int_equal(g->topics_count, 3);
    assert_str(g->topics[0].name, "a");
    assert_str(g->topics[2].name, "c");
    assert_int_equal(g->topics[1].partitions_count, 3);
    assert_int_equal(g->topics[1].partitions[0].partition_index, 1);
    assert_int_equal(g->topics[1].partitions[2].partition_index, 7);
    assert_int_equal(gt_fetched(gt_fetch_call(t, "none", NULL, 0))->topics_count, 0);
}

static void an_offset_of_another_topic_of_that_name_is_none(void **state)
{
    struct gt *t = *state;
    struct gt_call *c = gt_call_new(t, GROUP_COMMIT, 10);
    struct offset_commit_req_offset_commit_request_partition p =
        offset_commit_req_offset_commit_request_partition_default;
    struct offset_commit_req_offset_commit_request_topic topic = {STR("t"), {{1}}, &p, 1};
    c->msg.commit = offset_commit_req_default;
    c->msg.commit.group_id = STR("s");
    c->msg.commit.topics = &topic;
    c->msg.commit.topics_count = 1;
    p.committed_offset = 7;
    gt_send(t, c);
    static const struct uuid ids[] = {{{1}}, {{2}}, {{0}}};
    for (int i = 0; i < 3; i++) {
        struct gt_call *f = gt_call_new(t, GROUP_FETCH, 10);
        int32_t part = 0;
        struct offset_fetch_req_offset_fetch_request_topics of = {STR("t"), ids[i], &part, 1};
        struct offset_fetch_req_offset_fetch_request_group g = {
            .group_id = STR("s"), .topics = &of, .topics_count = 1};
        f->msg.fetch = (struct group_fetch){&g, false};
        gt_send(t, f);
        assert_int_equal(gt_fetched(f)->topics[0].partitions[0].committed_offset, i == 1 ? -1 : 7);
    }
}

/* --- transactions of a log that Apache Kafka wrote --- */

static void replay_txn(struct gt *t, int32_t record, int64_t off, int64_t producer_id)
{
    struct group_replay r = {group_records_at(&t->log, record), off, producer_id};
    assert_ok(group_shard_replay(t->shard, &r));
}

static int16_t stable_error(struct gt *t, int64_t *ret_off)
{
    struct gt_call *f = gt_call_new(t, GROUP_FETCH, 9);
    int32_t part = 0;
    struct offset_fetch_req_offset_fetch_request_topics of = {STR("t"), UUID_ZERO, &part, 1};
    struct offset_fetch_req_offset_fetch_request_group g = {
        .group_id = STR("s"), .topics = &of, .topics_count = 1};
    f->msg.fetch = (struct group_fetch){&g, true};
    gt_send(t, f);
    *ret_off = gt_fetched(f)->topics[0].partitions[0].committed_offset;
    return gt_fetched(f)->topics[0].partitions[0].error_code;
}

static void offsets_of_open_transactions_are_not_stable(void **state)
{
    struct gt *t = gt_new(), *live = *state;
    int64_t off;
    (void)live;
    for (int64_t i = 0; i < 3; i++) { /* records for offsets 10, 11, 12 */
        struct gt_commit_of of = {.group = "s", .topic = "t", .off = 10 + i};
        (void)gt_commit_off(t, &of);
    }
    gt_unload(t);
    group_shard_free(t->shard);
    t->shard = group_shard_new(&(struct group_shard_args){&t->config, gt_random, t});
    replay_txn(t, 0, 0, -1);
    replay_txn(t, 1, 1, 77);
    replay_txn(t, 2, 2, 78);
    gt_load(t);
    assert_int_equal(gt_fetch(t, "s", "t", 0), 10);
    assert_int_equal(stable_error(t, &off), ERR_UNSTABLE_OFFSET_COMMIT);
    assert_int_equal(off, -1);
    assert_ok(group_shard_end_txn(t->shard, 78, true));
    assert_int_equal(stable_error(t, &off), ERR_UNSTABLE_OFFSET_COMMIT);
    assert_ok(group_shard_end_txn(t->shard, 77, true)); /* older in the log than what is there */
    assert_int_equal(stable_error(t, &off), OK);
    assert_int_equal(off, 12);
    replay_txn(t, 1, 3, 79);
    assert_ok(group_shard_end_txn(t->shard, 79, false));
    assert_int_equal(gt_fetch(t, "s", "t", 0), 12);
    replay_txn(t, 1, 4, 80);
    assert_int_equal(gt_delete(t, "s"), OK); /* pending ones, too */
    assert_ok(group_shard_end_txn(t->shard, 80, true));
    assert_int_equal(gt_fetch(t, "s", "t", 0), -1);
    gt_free(t);
}

/* --- deleting --- */

static int16_t delete_offset(struct gt *t, const char *group, const char *topic, int16_t *ret_part)
{
    struct gt_call *c = gt_call_new(t, GROUP_DELETE_OFFSETS, 0);
    struct offset_delete_req_offset_delete_request_partition p = {0};
    struct offset_delete_req_offset_delete_request_topic of = {str_from(topic), &p, 1};
    c->msg.offset_delete = (struct offset_delete_req){str_from(group), &of, 1};
    gt_send(t, c);
    const struct offset_delete_resp *r = gt_resp(c);
    *ret_part = r->topics_count ? r->topics[0].partitions[0].error_code : -1;
    return r->error_code;
}

static void offsets_are_deleted_unless_subscribed(void **state)
{
    struct gt *t = *state;
    int16_t part;
    struct gt_call *a = gt_stable(t, &who_g);
    (void)commit_as(t, a, 9, 4);
    (void)gt_commit_off(t, &(struct gt_commit_of){.group = "g", .topic = "u", .off = 1, .join = a});
    assert_int_equal(delete_offset(t, "g", "t", &part), OK);
    assert_int_equal(part, ERR_GROUP_SUBSCRIBED_TO_TOPIC);
    assert_int_equal(delete_offset(t, "g", "u", &part), OK);
    assert_int_equal(part, OK);
    assert_int_equal(gt_fetch(t, "g", "t", 0), 4);
    assert_int_equal(gt_fetch(t, "g", "u", 0), -1);
    assert_int_equal(delete_offset(t, "", "t", &part), ERR_INVALID_GROUP_ID);
    assert_int_equal(delete_offset(t, "none", "t", &part), ERR_GROUP_ID_NOT_FOUND);
    (void)gt_stable(t, &(struct gt_who){.group = "c", .type = "connect"});
    assert_int_equal(delete_offset(t, "c", "t", &part), ERR_NON_EMPTY_GROUP);
    (void)gt_leave(t, "g", gt_joined(a)->member_id, NULL);
    assert_int_equal(delete_offset(t, "g", "t", &part), OK);
    assert_int_equal(gt_fetch(t, "g", "t", 0), -1);
}

static void groups_are_deleted_when_they_are_empty(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_stable(t, &who_g);
    (void)commit_as(t, a, 9, 4);
    assert_int_equal(gt_delete(t, "g"), ERR_NON_EMPTY_GROUP);
    assert_int_equal(gt_delete(t, "none"), ERR_GROUP_ID_NOT_FOUND);
    (void)gt_leave(t, "g", gt_joined(a)->member_id, NULL);
    assert_int_equal(gt_delete(t, "g"), OK);
    assert_state(t, "g", "Dead");
    assert_int_equal(gt_fetch(t, "g", "t", 0), -1);
    struct gt_call *b = gt_stable(t, &who_g);
    assert_int_equal(gt_joined(b)->generation_id, 1);
}

static void offsets_go_with_their_topic(void **state)
{
    struct gt *t = *state;
    struct group_out out;
    (void)gt_commit_off(t, &simple);
    (void)gt_commit_off(t, &(struct gt_commit_of){.group = "s", .topic = "u", .off = 1});
    group_out_init(&out);
    group_shard_drop_topic(t->shard, STR("t"), t->t, &out);
    gt_settle(t, &out);
    assert_int_equal(gt_fetch(t, "s", "t", 0), -1);
    assert_int_equal(gt_fetch(t, "s", "u", 0), 1);
}

/* --- old age --- */

static void offsets_of_an_empty_group_expire(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_stable(t, &who_g);
    (void)commit_as(t, a, 9, 4);
    gt_wait(t, 6LL * DAY_MS);
    assert_state(t, "g", "Empty"); /* since nearly six days */
    assert_int_equal(gt_fetch(t, "g", "t", 0), 4);
    gt_wait(t, DAY_MS + 20 * MINUTE_MS);
    assert_int_equal(gt_fetch(t, "g", "t", 0), -1);
    assert_state(t, "g", "Dead");
}

static void a_simple_groups_offsets_expire_by_their_commit(void **state)
{
    struct gt *t = *state;
    (void)gt_commit_off(t, &simple);
    gt_wait(t, 6LL * DAY_MS);
    (void)gt_commit_off(t, &(struct gt_commit_of){.group = "s", .topic = "u", .off = 1});
    gt_wait(t, DAY_MS + 11 * MINUTE_MS);
    assert_int_equal(gt_fetch(t, "s", "t", 0), -1);
    assert_int_equal(gt_fetch(t, "s", "u", 0), 1);
    gt_wait(t, 6LL * DAY_MS);
    assert_state(t, "s", "Dead");
}

static void a_commit_may_have_its_own_retention(void **state)
{
    struct gt *t = *state;
    struct gt_commit_of of = {
        .group = "s", .topic = "t", .off = 1, .version = 2, .retention_ms = 5 * MINUTE_MS};
    (void)gt_commit_off(t, &of);
    gt_wait(t, 10 * MINUTE_MS + 1);
    assert_state(t, "s", "Dead");
    of.retention_ms = INT64_MAX;
    (void)gt_commit_off(t, &of);
    gt_wait(t, 30LL * DAY_MS);
    assert_int_equal(gt_fetch(t, "s", "t", 0), 1);
}

/* A live group keeps what it is subscribed to, however old. */
static void what_is_not_subscribed_expires(void **state)
{
    struct gt *t = *state;
    struct gt_who who = {.group = "g", .session_ms = 1800000};
    struct gt_call *a = gt_stable(t, &who);
    (void)commit_as(t, a, 9, 4);
    (void)gt_commit_off(t, &(struct gt_commit_of){.group = "g", .topic = "u", .off = 1, .join = a});
    for (int i = 0; i < 8 * 48; i++) {
        gt_wait(t, 30 * MINUTE_MS - 1);
        assert_int_equal(gt_heartbeat(t, "g", a), OK);
    }
    assert_int_equal(gt_fetch(t, "g", "t", 0), 4);
    assert_int_equal(gt_fetch(t, "g", "u", 0), -1);
    assert_state(t, "g", "Stable");
}

static void a_group_without_offsets_goes_at_the_next_look(void **state)
{
    struct gt *t = *state;
    struct gt_call *a = gt_stable(t, &who_g);
    (void)gt_leave(t, "g", gt_joined(a)->member_id, NULL);
    gt_wait(t, 9 * MINUTE_MS);
    assert_state(t, "g", "Empty");
    gt_wait(t, 2 * MINUTE_MS);
    assert_state(t, "g", "Dead");
}

static void many_old_offsets_go_in_several_writes(void **state)
{
    struct gt *t = *state;
    char topic[200];
    memset(topic, 'x', sizeof topic);
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(topic + 190, 10, "%d", i);
        (void)gt_commit_off(t, &(struct gt_commit_of){.group = "s", .topic = topic, .off = i});
    }
    gt_free_calls(t);
    int32_t before = t->write_count;
    gt_wait(t, 8LL * DAY_MS);
    assert_state(t, "s", "Dead");
    assert_true(t->write_count >= before + 2);
}

/* --- describing and listing --- */

static int32_t list(struct gt *t, const char *state, const char *type)
{
    struct gt_call *c = gt_call_new(t, GROUP_LIST, 5);
    static struct str states[1], types[1];
    states[0] = str_from(state);
    types[0] = str_from(type);
    c->msg.list = (struct list_groups_req){states, state != NULL, types, type != NULL};
    gt_send(t, c);
    return ((struct list_groups_resp *)gt_resp(c))->groups_count;
}

static void groups_are_listed(void **state)
{
    struct gt *t = *state;
    (void)gt_stable(t, &who_g);
    (void)gt_commit_off(t, &simple);
    assert_int_equal(list(t, NULL, NULL), 2);
    assert_int_equal(list(t, "stable", NULL), 1);
    assert_int_equal(list(t, " STABLE ", NULL), 1);
    assert_int_equal(list(t, "nonsense", NULL), 0);
    assert_int_equal(list(t, NULL, "Classic"), 2);
    assert_int_equal(list(t, NULL, "consumer"), 0);
}

static void a_group_that_is_not_is_dead(void **state)
{
    struct gt *t = *state;
    const struct describe_groups_resp_described_group *d = gt_describe(t, "none");
    assert_int_equal(d->error_code, ERR_GROUP_ID_NOT_FOUND);
    assert_str(d->error_message, "Group none not found.");
    struct gt_call *c = gt_call_new(t, GROUP_DESCRIBE, 5);
    c->msg.name = STR("none");
    gt_send(t, c);
    d = gt_resp(c);
    assert_int_equal(d->error_code, OK);
    assert_str(d->group_state, "Dead");
}

/* --- errors of whole requests --- */

static void a_fetch_that_fails_has_its_error_where_the_version_has_it(void **state)
{
    struct gt *t = *state;
    struct gt_call *c = gt_fetch_call(t, "s", "t", 3);
    c->req.version = 1;
    group_req_fail(&c->req, ERR_NOT_COORDINATOR);
    assert_int_equal(gt_fetched(c)->topics[0].partitions[0].error_code, ERR_NOT_COORDINATOR);
    assert_int_equal(gt_fetched(c)->topics[0].partitions[0].partition_index, 3);
    c->req.version = 2;
    group_req_fail(&c->req, ERR_NOT_COORDINATOR);
    assert_int_equal(gt_fetched(c)->error_code, ERR_NOT_COORDINATOR);
    assert_int_equal(gt_fetched(c)->topics_count, 0);
}

/* --- names and subscriptions --- */

static void names_hash_as_in_java(void **state)
{
    (void)state;
    assert_int_equal(group_java_hash(STR("")), 0);
    assert_int_equal(group_java_hash(STR("g1")), 3242);
    assert_int_equal(group_java_hash(STR("Hello, World!")), 1498789909);
    assert_int_equal(group_java_hash(STR("\xc3\xa4")), 0xe4);
    assert_int_equal(group_java_hash(STR("\xf0\x9f\x98\x80")), 1772899);
    assert_int_equal(group_java_hash(STR("\xff")), 0xfffd);
    assert_int_equal(group_partition(STR("g1"), 50), 42);
    assert_int_equal(group_partition(STR("j1"), 50), 35);
    assert_int_equal(group_partition(STR("js"), 50), 1);
    assert_int_equal(group_partition(STR("polygenelubricants"), 50), 0); /* the least int */
    assert_int_equal(group_java_length(STR("\xf0\x9f\x98\x80")), 2);
}

static void subscriptions_are_read_with_care(void **state)
{
    (void)state;
    static const uint8_t good[] = {0, 3,   0,   0,    0,    2,    0,    1, 'a', 0,
                                   2, 'b', 'c', 0xff, 0xff, 0xff, 0xff, 9, 9};
    struct subscription sub;
    struct str topic;
    assert_ok(subscription_open((struct bytes){good, sizeof good}, &sub));
    assert_true(subscription_next(&sub, &topic));
    assert_str(topic, "a");
    assert_true(subscription_next(&sub, &topic));
    assert_str(topic, "bc");
    assert_false(subscription_next(&sub, &topic));
    for (size_t len = 0; len < 17; len++) {
        assert_err(ERR_MALFORMED, subscription_open((struct bytes){good, len}, &sub));
    }
    static const uint8_t huge[] = {0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0};
    assert_err(ERR_MALFORMED, subscription_open((struct bytes){huge, sizeof huge}, &sub));
    static const uint8_t negative[] = {0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
    assert_err(ERR_MALFORMED, subscription_open((struct bytes){negative, sizeof negative}, &sub));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GT_TEST(a_simple_consumer_commits),
        GT_TEST(a_null_metadata_is_empty),
        GT_TEST(members_commit_with_their_generation),
        GT_TEST(an_unknown_group_has_no_generation),
        GT_TEST(a_commit_keeps_the_session),
        GT_TEST(long_metadata_is_refused),
        GT_TEST(a_commit_waits_for_its_write),
        GT_TEST(a_commit_that_is_not_written_is_none),
        GT_TEST(all_offsets_come_sorted),
        GT_TEST(an_offset_of_another_topic_of_that_name_is_none),
        GT_TEST(offsets_of_open_transactions_are_not_stable),
        GT_TEST(offsets_are_deleted_unless_subscribed),
        GT_TEST(groups_are_deleted_when_they_are_empty),
        GT_TEST(offsets_go_with_their_topic),
        GT_TEST(offsets_of_an_empty_group_expire),
        GT_TEST(a_simple_groups_offsets_expire_by_their_commit),
        GT_TEST(a_commit_may_have_its_own_retention),
        GT_TEST(what_is_not_subscribed_expires),
        GT_TEST(a_group_without_offsets_goes_at_the_next_look),
        GT_TEST(many_old_offsets_go_in_several_writes),
        GT_TEST(groups_are_listed),
        GT_TEST(a_group_that_is_not_is_dead),
        GT_TEST(a_fetch_that_fails_has_its_error_where_the_version_has_it),
        cmocka_unit_test(names_hash_as_in_java),
        cmocka_unit_test(subscriptions_are_read_with_care),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
