/* The controller over brokers: the first records of a cluster, registration, heartbeats, elections
 * as brokers come and go, removal, blocks of producer ids. Answers are those of Apache Kafka 4.3.1.
 */
#include "ctltest.h"

CT_SETUP(setup, ct_new())

static enum meta_record type_of(const struct ct *t, int32_t i)
{
    return (enum meta_record)meta_records_at(&t->out.records, i).p[1];
}

/* --- the beginning --- */

static void a_new_cluster_has_all_features_and_a_minimum_of_replicas(void **state)
{
    struct ct *t = *state;
    const struct image *img = ct_img(t);
    assert_int_equal(image_feature(img, STR("metadata.version")), 30);
    assert_int_equal(image_feature(img, STR("group.version")), 1);
    assert_int_equal(image_feature(img, STR("transaction.version")), 2);
    assert_int_equal(image_feature(img, STR("eligible.leader.replicas.version")), 1);
    assert_int_equal(image_feature(img, STR("share.version")), 1);
    assert_int_equal(image_feature(img, STR("streams.version")), 1);
    assert_int_equal(image_feature(img, STR("kraft.version")), -1);
    assert_text(image_config(img, RESOURCE_BROKER, STR(""), STR("min.insync.replicas")), "1");
    assert_false(image_in_txn(img));
    assert_int_equal(meta_records_at(&t->log, 0).p[1], META_BEGIN_TXN);
    assert_int_equal(meta_records_at(&t->log, t->log.count - 1).p[1], META_END_TXN);
}

static void an_open_transaction_is_ended_by_a_new_controller(void **state)
{
    struct ct *t = *state;
    struct begin_transaction_record begin = {STR("half")};
    struct topic_record topic = {STR("never"), ct_uuid(5, 5)};
    struct meta_records rs;
    meta_records_init(&rs);
    assert_ok(ctl_abort_txn(t->ctl, &rs));
    assert_int_equal(rs.count, 0);
    meta_records_add(&rs, META_BEGIN_TXN, 0, &begin);
    meta_records_add(&rs, META_TOPIC, 0, &topic);
    assert_ok(ctl_replay(t->ctl, meta_records_at(&rs, 0), NULL));
    assert_ok(ctl_replay(t->ctl, meta_records_at(&rs, 1), NULL));
    assert_ok(ctl_abort_txn(t->ctl, &rs));
    assert_int_equal(rs.count, 1);
    assert_int_equal(meta_records_at(&rs, 0).p[1], META_ABORT_TXN);
    assert_false(image_in_txn(ct_img(t)));
    assert_int_equal(ct_img(t)->topic_count, 0);
    meta_records_deinit(&rs);
}

/* --- registration --- */

static void assert_refused(struct ct *t, enum err want, const struct broker_registration_req *r)
{
    int64_t before = ct_img(t)->next_off;
    assert_err(want, ct_try(t, CT_REGISTER, 4, r));
    assert_int_equal(ct_img(t)->next_off, before);
}

static void a_registration_is_an_epoch_and_a_fenced_broker(void **state)
{
    struct ct *t = *state;
    struct broker_registration_req r = ct_registration(1);
    int64_t off = ct_img(t)->next_off;
    r.rack = STR("a");
    assert_int_equal(ct_register(t, &r), off);
    const struct image_node *n = image_broker(ct_img(t), 1);
    assert_int_equal(n->epoch, off);
    assert_true(n->is_fenced);
    assert_false(n->is_shutting_down);
    assert_text(n->rack, "a");
    assert_int_equal(image_node_endpoint(n, STR("PLAINTEXT"))->port, 9001);
    assert_int_equal(n->log_dir_count, 1);
}

static void registrations_that_kafka_refuses(void **state)
{
    struct ct *t = *state;
    struct broker_registration_req r = ct_registration(1);
    r.cluster_id = STR("other");
    assert_refused(t, ERR_INCONSISTENT_CLUSTER_ID, &r);

    r = ct_registration(1);
    r.is_migrating_zk_broker = true;
    r.log_dirs_count = 0;
    assert_refused(t, ERR_BROKER_ID_NOT_REGISTERED, &r);

    r = ct_registration(1);
    r.features_count = 0;
    assert_refused(t, ERR_INVALID_REGISTRATION, &r);

    r = ct_registration(1);
    r.features[3].max_supported_version = 20; /* metadata.version */
    assert_refused(t, ERR_UNSUPPORTED_VERSION, &r);

    r = ct_registration(1);
    r.features[0] = r.features[1]; /* eligible.leader.replicas.version is not told */
    assert_refused(t, ERR_UNSUPPORTED_VERSION, &r);

    r = ct_registration(1);
    r.log_dirs_count = 0;
    r.features[3].max_supported_version = 20; /* directories are looked at first */
    assert_refused(t, ERR_INVALID_REGISTRATION, &r);
    assert_err(ERR_INVALID_REGISTRATION, ct_try(t, CT_REGISTER, 0, &r));

    struct uuid twice[] = {ct_uuid(3, 1), ct_uuid(3, 1)};
    r = ct_registration(1);
    r.log_dirs = twice;
    r.log_dirs_count = 2;
    assert_refused(t, ERR_INVALID_REGISTRATION, &r);

    struct uuid reserved[] = {{{[15] = 77}}};
    r = ct_registration(1);
    r.log_dirs = reserved;
    assert_refused(t, ERR_INVALID_REGISTRATION, &r);
    assert_null(image_broker(ct_img(t), 1));

    /* Kafka takes it; nothing good can come of it */
    r = ct_registration(1);
    r.broker_id = -1;
    assert_refused(t, ERR_INVALID_REGISTRATION, &r);
}

static void what_looks_odd_but_is_allowed(void **state)
{
    struct ct *t = *state;
    struct broker_registration_req r = ct_registration(1);
    struct broker_registration_req_feature more[FEATURE_COUNT + 1];
    memcpy(more, r.features, sizeof *more * FEATURE_COUNT);
    more[FEATURE_COUNT] = (struct broker_registration_req_feature){STR("foo.version"), 0, 3};
    r.features = more;
    r.features_count = FEATURE_COUNT + 1;
    r.listeners_count = 0;
    r.incarnation_id = UUID_ZERO;
    (void)ct_register(t, &r);
    assert_int_equal(image_broker(ct_img(t), 1)->endpoint_count, 0);
    assert_int_equal(image_broker(ct_img(t), 1)->feature_count, FEATURE_COUNT + 1);
}

static void a_directory_belongs_to_one_broker(void **state)
{
    struct ct *t = *state;
    struct broker_registration_req r = ct_registration(1);
    (void)ct_register(t, &r);
    r = ct_registration(2);
    r.log_dirs[0] = ct_uuid(2, 1);
    assert_refused(t, ERR_INVALID_REGISTRATION, &r);
}

static void the_same_incarnation_keeps_its_epoch(void **state)
{
    struct ct *t = *state;
    struct broker_registration_req r = ct_registration(1);
    int64_t epoch = ct_register(t, &r);
    assert_int_equal(ct_register(t, &r), epoch);

    /* it must have seen its second registration to be let in */
    struct broker_heartbeat_req h = broker_heartbeat_req_default;
    h.broker_id = 1;
    h.broker_epoch = epoch;
    h.current_metadata_offset = epoch;
    const struct broker_heartbeat_resp *resp = ct_do(t, CT_HEARTBEAT, 1, &h);
    assert_false(resp->is_caught_up);
    assert_true(resp->is_fenced);
    h.current_metadata_offset = epoch + 1;
    resp = ct_do(t, CT_HEARTBEAT, 1, &h);
    assert_true(resp->is_caught_up);
    assert_false(resp->is_fenced);

    /* again while it is unfenced: other directories are fine */
    r = ct_registration(1);
    r.log_dirs[0] = ct_uuid(2, 7);
    r.rack = STR("new");
    assert_int_equal(ct_register(t, &r), epoch);
    assert_false(image_broker(ct_img(t), 1)->is_fenced);
    assert_text(image_broker(ct_img(t), 1)->rack, "new");
}

static void another_incarnation_waits_for_the_session_to_end(void **state)
{
    struct ct *t = *state;
    struct broker_registration_req r = ct_registration(1);
    int64_t epoch = ct_register(t, &r);

    /* nothing was heard of the first: it is replaced */
    r = ct_registration(1);
    r.incarnation_id = ct_uuid(1, 50);
    int64_t second = ct_register(t, &r);
    assert_true(second > epoch);

    assert_true(ct_heartbeat(t, 1, true, false)->is_fenced);
    r.incarnation_id = ct_uuid(1, 51);
    assert_refused(t, ERR_DUPLICATE_BROKER_REGISTRATION, &r);
    assert_false(ct_heartbeat(t, 1, false, false)->is_fenced);
    assert_refused(t, ERR_DUPLICATE_BROKER_REGISTRATION, &r);
    t->now_ms += t->config.broker_session_timeout_ms - 1;
    assert_refused(t, ERR_DUPLICATE_BROKER_REGISTRATION, &r);
    t->now_ms++;
    assert_true(ct_register(t, &r) > second);
    assert_true(image_broker(ct_img(t), 1)->is_fenced);
}

static void a_broker_that_is_stopping_may_be_replaced(void **state)
{
    struct ct *t = *state;
    ct_add_brokers(t, 2);
    (void)ct_add_topic(t, "t", 2, 2);
    assert_false(ct_heartbeat(t, 1, false, true)->should_shut_down);
    assert_true(image_broker(ct_img(t), 1)->is_shutting_down);
    struct broker_registration_req r = ct_registration(1);
    r.incarnation_id = ct_uuid(1, 50);
    (void)ct_register(t, &r);
    assert_false(image_broker(ct_img(t), 1)->is_shutting_down);
}

/* --- heartbeats --- */

static void a_heartbeat_needs_the_current_epoch(void **state)
{
    struct ct *t = *state;
    ct_add_broker(t, 1);
    struct broker_heartbeat_req h = broker_heartbeat_req_default;
    h.broker_id = 1;
    h.broker_epoch = image_broker(ct_img(t), 1)->epoch - 1;
    assert_err(ERR_STALE_BROKER_EPOCH, ct_try(t, CT_HEARTBEAT, 1, &h));
    h.broker_epoch += 2;
    assert_err(ERR_STALE_BROKER_EPOCH, ct_try(t, CT_HEARTBEAT, 1, &h));
    h.broker_id = 9;
    assert_err(ERR_STALE_BROKER_EPOCH, ct_try(t, CT_HEARTBEAT, 1, &h));
}

static void assert_beat(const struct broker_heartbeat_resp *r, bool is_fenced, bool may_stop)
{
    assert_true(r->is_caught_up);
    assert_int_equal(r->is_fenced, is_fenced);
    assert_int_equal(r->should_shut_down, may_stop);
}

static void heartbeats_fence_and_unfence(void **state)
{
    struct ct *t = *state;
    struct broker_registration_req r = ct_registration(1);
    (void)ct_register(t, &r);
    assert_beat(ct_heartbeat(t, 1, true, false), true, false);
    assert_int_equal(t->out.records.count, 0);
    assert_beat(ct_heartbeat(t, 1, false, false), false, false);
    assert_int_equal(type_of(t, 0), META_BROKER_CHANGE);
    assert_false(image_broker(ct_img(t), 1)->is_fenced);
    assert_beat(ct_heartbeat(t, 1, false, false), false, false);
    assert_int_equal(t->out.records.count, 0);
    assert_beat(ct_heartbeat(t, 1, true, false), true, false);
    assert_true(image_broker(ct_img(t), 1)->is_fenced);
    assert_beat(ct_heartbeat(t, 1, false, true), true, true);
    assert_beat(ct_heartbeat(t, 1, false, false), false, false);
    assert_beat(ct_heartbeat(t, 1, true, true), true, true);
}

static void an_unfenced_broker_that_falls_behind_stays(void **state)
{
    struct ct *t = *state;
    ct_add_broker(t, 1);
    struct broker_heartbeat_req h = broker_heartbeat_req_default;
    h.broker_id = 1;
    h.broker_epoch = image_broker(ct_img(t), 1)->epoch;
    const struct broker_heartbeat_resp *resp = ct_do(t, CT_HEARTBEAT, 1, &h);
    assert_false(resp->is_caught_up);
    assert_false(resp->is_fenced);
}

static void a_broker_that_leads_nothing_stops_at_once(void **state)
{
    struct ct *t = *state;
    ct_add_broker(t, 1);
    assert_beat(ct_heartbeat(t, 1, false, true), true, true);
    assert_true(image_broker(ct_img(t), 1)->is_fenced);
}

static void a_leader_stops_when_the_others_know(void **state)
{
    struct ct *t = *state;
    ct_add_brokers(t, 2);
    int32_t both[] = {2, 1};
    struct create_topics_req_creatable_replica_assignment a = {0, both, 2};
    struct create_topics_req_creatable_topic topic = ct_topic("t", -1, -1);
    topic.assignments = &a;
    topic.assignments_count = 1;
    (void)ct_create(t, &topic, 1);
    assert_int_equal(ct_part(t, "t", 0)->leader, 2);

    assert_beat(ct_heartbeat(t, 2, false, true), false, false);
    const struct image_part *p = ct_part(t, "t", 0);
    assert_int_equal(p->leader, 1);
    assert_int_equal(p->leader_epoch, 1);
    assert_ids(image_part_isr(p), 1, 1);
    /* broker 1 has not told that it has applied that */
    assert_beat(ct_heartbeat(t, 2, false, true), false, false);
    assert_beat(ct_heartbeat(t, 1, false, false), false, false);
    assert_beat(ct_heartbeat(t, 2, false, true), true, true);
    assert_true(image_broker(ct_img(t), 2)->is_fenced);
}

/* --- elections --- */

static void add_assigned(struct ct *t, const char *name, struct ids replicas)
{
    struct create_topics_req_creatable_replica_assignment a = {0, (int32_t *)(uintptr_t)replicas.v,
                                                               replicas.count};
    struct create_topics_req_creatable_topic topic = ct_topic(name, -1, -1);
    topic.assignments = &a;
    topic.assignments_count = 1;
    assert_int_equal(ct_create(t, &topic, 1)->topics[0].error_code, 0);
}

static void the_last_replica_stays_eligible_without_leading(void **state)
{
    struct ct *t = *state;
    int32_t one[] = {1};
    ct_add_brokers(t, 2);
    add_assigned(t, "t", (struct ids){one, 1});
    assert_beat(ct_heartbeat(t, 1, true, false), true, false);
    const struct image_part *p = ct_part(t, "t", 0);
    assert_int_equal(p->leader, NO_LEADER);
    assert_int_equal(p->leader_epoch, 1);
    assert_int_equal(p->partition_epoch, 1);
    assert_ids(image_part_isr(p), 0);
    assert_ids(image_part_elr(p), 1, 1);
    assert_int_equal(type_of(t, 0), META_PARTITION_CHANGE); /* then the fence */
    assert_int_equal(type_of(t, 1), META_BROKER_CHANGE);

    assert_beat(ct_heartbeat(t, 1, false, false), false, false);
    p = ct_part(t, "t", 0);
    assert_int_equal(type_of(t, 0), META_BROKER_CHANGE);
    assert_int_equal(p->leader, 1);
    assert_int_equal(p->leader_epoch, 2);
    assert_ids(image_part_isr(p), 1, 1);
    assert_ids(image_part_elr(p), 0);
    assert_int_equal(p->recovery_state, 0);
}

static void a_broker_that_lost_its_data_is_not_eligible(void **state)
{
    struct ct *t = *state;
    int32_t one[] = {1};
    ct_add_broker(t, 1);
    add_assigned(t, "t", (struct ids){one, 1});
    t->now_ms += t->config.broker_session_timeout_ms;
    struct broker_registration_req r = ct_registration(1);
    r.incarnation_id = ct_uuid(1, 50); /* and knows no previous epoch */
    (void)ct_register(t, &r);
    const struct image_part *p = ct_part(t, "t", 0);
    assert_int_equal(p->leader, NO_LEADER);
    assert_ids(image_part_elr(p), 0);
    assert_ids(image_part_last_elr(p), 1, 1);
    /* nobody else can have the data: the last leader leads again, and says so */
    assert_beat(ct_heartbeat(t, 1, false, false), false, false);
    p = ct_part(t, "t", 0);
    assert_int_equal(p->leader, 1);
    assert_int_equal(p->recovery_state, 1);
    assert_ids(image_part_isr(p), 1, 1);
    assert_ids(image_part_last_elr(p), 0);
}

static void a_clean_restart_stays_eligible(void **state)
{
    struct ct *t = *state;
    int32_t one[] = {1};
    ct_add_broker(t, 1);
    add_assigned(t, "t", (struct ids){one, 1});
    struct broker_registration_req r = ct_registration(1);
    r.incarnation_id = ct_uuid(1, 50);
    r.previous_broker_epoch = image_broker(ct_img(t), 1)->epoch;
    t->now_ms += t->config.broker_session_timeout_ms;
    (void)ct_register(t, &r);
    assert_ids(image_part_elr(ct_part(t, "t", 0)), 1, 1);
    assert_beat(ct_heartbeat(t, 1, false, false), false, false);
    assert_int_equal(ct_part(t, "t", 0)->leader, 1);
    assert_int_equal(ct_part(t, "t", 0)->recovery_state, 0);
}

static void a_follower_takes_over_and_the_leader_returns_as_one(void **state)
{
    struct ct *t = *state;
    int32_t three[] = {3, 1, 2};
    ct_add_brokers(t, 3);
    add_assigned(t, "t", (struct ids){three, 3});
    const struct image_part *p = ct_part(t, "t", 0);
    assert_int_equal(p->leader, 3);
    assert_ids(image_part_isr(p), 3, 3, 1, 2);
    assert_beat(ct_heartbeat(t, 3, true, false), true, false);
    p = ct_part(t, "t", 0);
    assert_int_equal(p->leader, 1);
    assert_ids(image_part_isr(p), 2, 1, 2);
    assert_beat(ct_heartbeat(t, 3, false, false), false, false);
    p = ct_part(t, "t", 0);
    assert_int_equal(p->leader, 1);
    assert_int_equal(p->partition_epoch, 1);
    assert_beat(ct_heartbeat(t, 2, true, false), true, false);
    p = ct_part(t, "t", 0);
    assert_int_equal(p->leader, 1);
    assert_int_equal(p->leader_epoch, 1); /* the leader has not changed */
    assert_int_equal(p->partition_epoch, 2);
}

/* --- removal --- */

static void an_unknown_broker_cannot_be_removed(void **state)
{
    struct ct *t = *state;
    struct unregister_broker_req r = {77};
    const struct unregister_broker_resp *resp = ct_do(t, CT_UNREGISTER, 0, &r);
    assert_int_equal(resp->error_code, ERR_BROKER_ID_NOT_REGISTERED);
    assert_text(resp->error_message, "Broker ID 77 is not currently registered");
}

static void a_removed_broker_leads_nothing(void **state)
{
    struct ct *t = *state;
    int32_t both[] = {2, 1};
    ct_add_brokers(t, 2);
    add_assigned(t, "t", (struct ids){both, 2});
    struct unregister_broker_req r = {2};
    const struct unregister_broker_resp *resp = ct_do(t, CT_UNREGISTER, 0, &r);
    assert_int_equal(resp->error_code, 0);
    assert_text(resp->error_message, "");
    assert_null(image_broker(ct_img(t), 2));
    assert_int_equal(ct_part(t, "t", 0)->leader, 1);
    assert_ids(image_part_replicas(ct_part(t, "t", 0)), 2, 2, 1);
    struct broker_heartbeat_req h = broker_heartbeat_req_default;
    h.broker_id = 2;
    assert_err(ERR_STALE_BROKER_EPOCH, ct_try(t, CT_HEARTBEAT, 1, &h));
}

/* --- producer ids --- */

static void blocks_of_producer_ids_follow_each_other(void **state)
{
    struct ct *t = *state;
    ct_add_brokers(t, 2);
    struct allocate_producer_ids_req r = {1, image_broker(ct_img(t), 1)->epoch};
    const struct allocate_producer_ids_resp *resp = ct_do(t, CT_PRODUCER_IDS, 0, &r);
    assert_int_equal(resp->producer_id_start, 0);
    assert_int_equal(resp->producer_id_len, 1000);
    r = (struct allocate_producer_ids_req){2, image_broker(ct_img(t), 2)->epoch};
    resp = ct_do(t, CT_PRODUCER_IDS, 0, &r);
    assert_int_equal(resp->producer_id_start, 1000);
    assert_int_equal(ct_img(t)->next_producer_id, 2000);
    r.broker_epoch--;
    assert_err(ERR_STALE_BROKER_EPOCH, ct_try(t, CT_PRODUCER_IDS, 0, &r));
    r.broker_id = 9;
    assert_err(ERR_STALE_BROKER_EPOCH, ct_try(t, CT_PRODUCER_IDS, 0, &r));
}

static void what_is_no_controllers_request_is_refused(void **state)
{
    struct ct *t = *state;
    int nothing = 0;
    assert_err(ERR_UNSUPPORTED_VERSION, ct_try(t, 3, 0, &nothing));
    assert_err(ERR_UNSUPPORTED_VERSION, ct_try(t, 1000, 0, &nothing));
    assert_err(ERR_UNSUPPORTED_VERSION, ct_try(t, -1, 0, &nothing));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, ct_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_cluster_has_all_features_and_a_minimum_of_replicas),
        TEST(an_open_transaction_is_ended_by_a_new_controller),
        TEST(a_registration_is_an_epoch_and_a_fenced_broker),
        TEST(registrations_that_kafka_refuses),
        TEST(what_looks_odd_but_is_allowed),
        TEST(a_directory_belongs_to_one_broker),
        TEST(the_same_incarnation_keeps_its_epoch),
        TEST(another_incarnation_waits_for_the_session_to_end),
        TEST(a_broker_that_is_stopping_may_be_replaced),
        TEST(a_heartbeat_needs_the_current_epoch),
        TEST(heartbeats_fence_and_unfence),
        TEST(an_unfenced_broker_that_falls_behind_stays),
        TEST(a_broker_that_leads_nothing_stops_at_once),
        TEST(a_leader_stops_when_the_others_know),
        TEST(the_last_replica_stays_eligible_without_leading),
        TEST(a_broker_that_lost_its_data_is_not_eligible),
        TEST(a_clean_restart_stays_eligible),
        TEST(a_follower_takes_over_and_the_leader_returns_as_one),
        TEST(an_unknown_broker_cannot_be_removed),
        TEST(a_removed_broker_leads_nothing),
        TEST(blocks_of_producer_ids_follow_each_other),
        TEST(what_is_no_controllers_request_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
