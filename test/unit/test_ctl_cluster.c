/* The controller over elections, reassignments and features, with several brokers. */
#include "ctltest.h"

enum { ELECT = 43, REASSIGN = 45, FEATURES = 57, ASSIGN = 73 };
enum { PREFERRED, UNCLEAN };
enum { UPGRADE = 1, SAFE_DOWNGRADE = 2 };

static struct ct *with_brokers(void)
{
    struct ct *t = ct_new();
    ct_add_brokers(t, 3);
    return t;
}

CT_SETUP(setup, with_brokers())

/* A topic of one partition on these replicas. */
static void add_topic(struct ct *t, const char *name, int32_t *replicas, int32_t count)
{
    struct create_topics_req_creatable_topic topic = ct_topic(name, -1, -1);
    struct create_topics_req_creatable_replica_assignment a = {0, replicas, count};
    topic.assignments = &a;
    topic.assignments_count = 1;
    assert_int_equal(ct_create(t, &topic, 1)->topics[0].error_code, 0);
}

/* --- reassignments --- */

/* replicas NULL: cancel. The error. */
static int16_t reassign(struct ct *t, const char *topic, int32_t *replicas, int32_t count)
{
    struct alter_partition_reassignments_req_reassignable_partition p = {0, replicas,
                                                                         replicas ? count : -1};
    struct alter_partition_reassignments_req_reassignable_topic rt = {str_from(topic), &p, 1};
    struct alter_partition_reassignments_req r = alter_partition_reassignments_req_default;
    r.topics = &rt;
    r.topics_count = 1;
    const struct alter_partition_reassignments_resp *resp = ct_do(t, REASSIGN, 1, &r);
    return resp->responses[0].partitions[0].error_code;
}

static void replicas_move_when_the_new_ones_are_in_sync(void **state)
{
    struct ct *t = *state;
    add_topic(t, "a", (int32_t[]){1, 2}, 2);
    assert_int_equal(reassign(t, "a", (int32_t[]){2, 3}, 2), 0);
    const struct image_part *p = ct_part(t, "a", 0);
    assert_ids(image_part_replicas(p), 3, 2, 3, 1);
    assert_ids(image_part_adding(p), 1, 3);
    assert_ids(image_part_removing(p), 1, 1);
    assert_ids(image_part_isr(p), 2, 1, 2);
    assert_int_equal(p->leader, 1);
}

static void what_needs_nobody_to_catch_up_is_done_at_once(void **state)
{
    struct ct *t = *state;
    add_topic(t, "a", (int32_t[]){1, 2}, 2);
    int32_t epoch = ct_part(t, "a", 0)->leader_epoch;
    assert_int_equal(reassign(t, "a", (int32_t[]){2}, 1), 0);
    const struct image_part *p = ct_part(t, "a", 0);
    assert_ids(image_part_replicas(p), 1, 2);
    assert_ids(image_part_isr(p), 1, 2);
    assert_ids(image_part_removing(p), 0);
    assert_int_equal(p->leader, 2);
    assert_int_equal(p->leader_epoch, epoch + 1);

    add_topic(t, "b", (int32_t[]){1, 2}, 2);
    assert_int_equal(reassign(t, "b", (int32_t[]){2, 1}, 2), 0); /* another order only */
    assert_ids(image_part_replicas(ct_part(t, "b", 0)), 2, 2, 1);
    assert_int_equal(ct_part(t, "b", 0)->leader, 1);

    assert_int_equal(reassign(t, "b", (int32_t[]){2, 1}, 2), 0);
    assert_int_equal(t->out.records.count, 0); /* it is so already */
}

static void a_move_can_be_called_off(void **state)
{
    struct ct *t = *state;
    add_topic(t, "a", (int32_t[]){1, 2}, 2);
    assert_int_equal(reassign(t, "a", NULL, 0), ERR_NO_REASSIGNMENT_IN_PROGRESS);
    assert_int_equal(reassign(t, "a", (int32_t[]){3}, 1), 0);
    assert_ids(image_part_replicas(ct_part(t, "a", 0)), 3, 3, 1, 2);
    assert_int_equal(reassign(t, "a", NULL, 0), 0);
    const struct image_part *p = ct_part(t, "a", 0);
    assert_ids(image_part_replicas(p), 2, 1, 2);
    assert_ids(image_part_adding(p), 0);
    assert_ids(image_part_removing(p), 0);
    assert_ids(image_part_isr(p), 2, 1, 2);
}

static void a_new_target_replaces_the_old_one(void **state)
{
    struct ct *t = *state;
    add_topic(t, "a", (int32_t[]){1}, 1);
    assert_int_equal(reassign(t, "a", (int32_t[]){2}, 1), 0);
    assert_int_equal(reassign(t, "a", (int32_t[]){3}, 1), 0);
    const struct image_part *p = ct_part(t, "a", 0);
    assert_ids(image_part_adding(p), 1, 3);
    assert_ids(image_part_isr(p), 1, 1);
    assert_int_equal(p->leader, 1);
    assert_int_equal(reassign(t, "a", (int32_t[]){1}, 1), 0); /* back home, at once */
    p = ct_part(t, "a", 0);
    assert_ids(image_part_replicas(p), 1, 1);
    assert_ids(image_part_adding(p), 0);
    assert_ids(image_part_removing(p), 0);
}

static void bad_targets_are_refused(void **state)
{
    struct ct *t = *state;
    add_topic(t, "a", (int32_t[]){1}, 1);
    assert_int_equal(reassign(t, "a", (int32_t[]){7}, 1), ERR_INVALID_REPLICA_ASSIGNMENT);
    assert_int_equal(reassign(t, "a", (int32_t[]){2, 2}, 2), ERR_INVALID_REPLICA_ASSIGNMENT);
    assert_int_equal(reassign(t, "a", (int32_t[]){2}, 0), ERR_INVALID_REPLICA_ASSIGNMENT);
    assert_int_equal(reassign(t, "never", (int32_t[]){1}, 1), ERR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_ids(image_part_replicas(ct_part(t, "a", 0)), 1, 1);
}

/* --- elections --- */

static int16_t elect(struct ct *t, int8_t type, const char *topic)
{
    int32_t part = 0;
    struct elect_leaders_req_topic_partitions tp = {str_from(topic), &part, 1};
    struct elect_leaders_req r = elect_leaders_req_default;
    r.election_type = type;
    r.topic_partitions = &tp;
    r.topic_partitions_count = 1;
    const struct elect_leaders_resp *resp = ct_do(t, ELECT, 2, &r);
    return resp->replica_election_results[0].partition_result[0].error_code;
}

static void leadership_goes_back_to_the_first_replica(void **state)
{
    struct ct *t = *state;
    add_topic(t, "a", (int32_t[]){1, 2}, 2);
    assert_int_equal(elect(t, PREFERRED, "a"), ERR_ELECTION_NOT_NEEDED);
    assert_int_equal(reassign(t, "a", (int32_t[]){2, 1}, 2), 0);
    assert_int_equal(elect(t, PREFERRED, "a"), 0);
    assert_int_equal(ct_part(t, "a", 0)->leader, 2);
    assert_int_equal(elect(t, PREFERRED, "a"), ERR_ELECTION_NOT_NEEDED);
    assert_int_equal(elect(t, PREFERRED, "never"), ERR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(elect(t, UNCLEAN, "a"), ERR_ELECTION_NOT_NEEDED);
    assert_int_equal(elect(t, 7, "a"), ERR_INVALID_REQUEST);
}

static void a_first_replica_that_is_away_cannot_lead(void **state)
{
    struct ct *t = *state;
    add_topic(t, "a", (int32_t[]){1, 2}, 2);
    (void)ct_heartbeat(t, 1, true, false); /* it wants to be fenced */
    assert_int_equal(ct_part(t, "a", 0)->leader, 2);
    assert_int_equal(elect(t, PREFERRED, "a"), ERR_PREFERRED_LEADER_NOT_AVAILABLE);
}

/* --- features --- */

static int16_t update(struct ct *t, const char *name, int16_t level, int8_t type)
{
    struct update_features_req_feature_update_key k =
        update_features_req_feature_update_key_default;
    struct update_features_req r = update_features_req_default;
    k.feature = str_from(name);
    k.max_version_level = level;
    k.upgrade_type = type;
    r.feature_updates = &k;
    r.feature_updates_count = 1;
    const struct update_features_resp *resp = ct_do(t, FEATURES, 2, &r);
    return resp->error_code;
}

static void features_go_up_and_down(void **state)
{
    struct ct *t = *state;
    assert_int_equal(update(t, "share.version", 0, UPGRADE), ERR_INVALID_UPDATE_VERSION);
    assert_int_equal(update(t, "share.version", 0, SAFE_DOWNGRADE), 0);
    assert_int_equal(image_feature(ct_img(t), STR("share.version")), -1);
    assert_int_equal(update(t, "share.version", 1, SAFE_DOWNGRADE), ERR_INVALID_UPDATE_VERSION);
    assert_int_equal(update(t, "share.version", 1, UPGRADE), 0);
    assert_int_equal(image_feature(ct_img(t), STR("share.version")), 1);
    assert_int_equal(update(t, "kraft.version", 1, UPGRADE), ERR_INVALID_UPDATE_VERSION);
    ctl_set_kraft_version(t->ctl, 1);
    assert_int_equal(update(t, "kraft.version", 1, UPGRADE), 0);
    assert_int_equal(t->out.records.count, 0);
}

static void eligible_leaders_need_one_minimum_for_all(void **state)
{
    struct ct *t = *state;
    struct str name = STR("min.insync.replicas");
    assert_int_equal(update(t, "eligible.leader.replicas.version", 0, SAFE_DOWNGRADE), 0);
    struct incremental_alter_configs_req_alterable_config c = {name, 0, STR("2")};
    struct incremental_alter_configs_req_alter_configs_resource res = {RESOURCE_BROKER, STR("2"),
                                                                       &c, 1};
    struct incremental_alter_configs_req r = incremental_alter_configs_req_default;
    r.resources = &res;
    r.resources_count = 1;
    const struct incremental_alter_configs_resp *resp = ct_do(t, CT_INCREMENTAL, 1, &r);
    assert_int_equal(resp->responses[0].error_code, 0);
    assert_int_equal(update(t, "eligible.leader.replicas.version", 1, UPGRADE), 0);
    assert_true(str_is_null(image_config(ct_img(t), RESOURCE_BROKER, STR("2"), name)));
    assert_text(image_config(ct_img(t), RESOURCE_BROKER, STR(""), name), "1");
}

static void the_log_tells_all_of_it(void **state)
{
    struct ct *t = *state;
    add_topic(t, "a", (int32_t[]){1, 2}, 2);
    (void)reassign(t, "a", (int32_t[]){3, 2}, 2);
    (void)update(t, "share.version", 0, SAFE_DOWNGRADE);
    (void)update(t, "eligible.leader.replicas.version", 0, SAFE_DOWNGRADE);
    struct image *img = ct_replay(t);
    assert_true(image_eq(img, ct_img(t)));
    image_free(img);
}

/* --- directories --- */

static int16_t assign_dir(struct ct *t, int32_t broker, struct uuid topic, int32_t index,
                          struct uuid dir)
{
    struct assign_replicas_to_dirs_req_partition_data p = {index};
    struct assign_replicas_to_dirs_req_topic_data topics = {topic, &p, 1};
    struct assign_replicas_to_dirs_req_directory_data d = {dir, &topics, 1};
    struct assign_replicas_to_dirs_req r = assign_replicas_to_dirs_req_default;
    r.broker_id = broker;
    r.broker_epoch = image_broker(ct_img(t), broker)->epoch;
    r.directories = &d;
    r.directories_count = 1;
    const struct assign_replicas_to_dirs_resp *resp = ct_do(t, ASSIGN, 0, &r);
    assert_true(uuid_eq(resp->directories[0].id, dir));
    assert_true(uuid_eq(resp->directories[0].topics[0].topic_id, topic));
    assert_int_equal(resp->directories[0].topics[0].partitions[0].partition_index, index);
    return resp->directories[0].topics[0].partitions[0].error_code;
}

static void a_replica_lies_where_its_broker_says(void **state)
{
    struct ct *t = *state;
    struct broker_registration_req r = ct_registration(4);
    struct uuid two[] = {ct_uuid('a', 4), ct_uuid('b', 4)};
    r.log_dirs = two;
    r.log_dirs_count = 2;
    int64_t epoch = ct_register(t, &r);
    assert_true(epoch >= 0);
    assert_false(ct_heartbeat(t, 4, false, false)->is_fenced);
    add_topic(t, "a", (int32_t[]){1, 4}, 2);
    struct uuid id = image_topic_by_name(ct_img(t), STR("a"))->id;
    const struct image_part before = *ct_part(t, "a", 0);
    struct uuid first = image_part_dir(ct_part(t, "a", 0), 0);
    assert_int_equal(assign_dir(t, 4, id, 0, two[1]), 0);
    const struct image_part *p = ct_part(t, "a", 0);
    assert_true(uuid_eq(image_part_dir(p, 1), two[1]));
    assert_true(uuid_eq(image_part_dir(p, 0), first)); /* the other replica's stays */
    assert_int_equal(p->leader_epoch, before.leader_epoch);
    assert_int_equal(p->partition_epoch, before.partition_epoch + 1);
    assert_int_equal(assign_dir(t, 4, id, 0, two[1]), 0); /* nothing new */
    assert_int_equal(ct_part(t, "a", 0)->partition_epoch, before.partition_epoch + 1);
    assert_int_equal(assign_dir(t, 4, id, 0, two[0]), 0);
    assert_true(uuid_eq(image_part_dir(ct_part(t, "a", 0), 1), two[0]));
    assert_int_equal(assign_dir(t, 2, id, 0, two[0]), ERR_NOT_LEADER_OR_FOLLOWER);
    assert_int_equal(assign_dir(t, 4, id, 1, two[0]), ERR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(assign_dir(t, 4, ct_uuid('x', 1), 0, two[0]), ERR_UNKNOWN_TOPIC_ID);
    assert_int_equal(assign_dir(t, 4, id, 0, ct_uuid('x', 1)), ERR_LOG_DIR_NOT_FOUND);
    struct assign_replicas_to_dirs_req old = assign_replicas_to_dirs_req_default;
    old.broker_id = 4;
    old.broker_epoch = epoch - 1;
    assert_int_equal(ct_try(t, ASSIGN, 0, &old), ERR_STALE_BROKER_EPOCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_replica_lies_where_its_broker_says, setup, ct_teardown),
        cmocka_unit_test_setup_teardown(replicas_move_when_the_new_ones_are_in_sync, setup,
                                        ct_teardown),
        cmocka_unit_test_setup_teardown(what_needs_nobody_to_catch_up_is_done_at_once, setup,
                                        ct_teardown),
        cmocka_unit_test_setup_teardown(a_move_can_be_called_off, setup, ct_teardown),
        cmocka_unit_test_setup_teardown(a_new_target_replaces_the_old_one, setup, ct_teardown),
        cmocka_unit_test_setup_teardown(bad_targets_are_refused, setup, ct_teardown),
        cmocka_unit_test_setup_teardown(leadership_goes_back_to_the_first_replica, setup,
                                        ct_teardown),
        cmocka_unit_test_setup_teardown(a_first_replica_that_is_away_cannot_lead, setup,
                                        ct_teardown),
        cmocka_unit_test_setup_teardown(features_go_up_and_down, setup, ct_teardown),
        cmocka_unit_test_setup_teardown(eligible_leaders_need_one_minimum_for_all, setup,
                                        ct_teardown),
        cmocka_unit_test_setup_teardown(the_log_tells_all_of_it, setup, ct_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
