/* The image: what each record does to it, what it refuses, and that it survives being written down
 * and read again. */
#include "test.h"

#include "base/mem.h"
#include "meta/delta.h"
#include "meta/records.h"
#include "wire/messages.h"

struct fixture {
    struct image *img;
    struct delta delta;
    struct meta_records records;
};

static int setup(void **state)
{
    struct fixture *f = NEW(struct fixture);
    f->img = image_new(7);
    delta_init(&f->delta);
    meta_records_init(&f->records);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    image_free(f->img);
    delta_deinit(&f->delta);
    meta_records_deinit(&f->records);
    mem_free(f);
    return 0;
}

static enum err apply(struct fixture *f, enum meta_record type, int version, const void *msg)
{
    meta_records_clear(&f->records);
    meta_records_add(&f->records, type, version, msg);
    assert_ok(f->records.err);
    return image_apply(f->img, meta_records_at(&f->records, 0), &f->delta, NULL);
}

static struct uuid id_of(uint8_t n) { return (struct uuid){{9, [15] = n}}; }

static enum err add_topic(struct fixture *f, const char *name, uint8_t id)
{
    struct topic_record r = {str_from(name), id_of(id)};
    return apply(f, META_TOPIC, 0, &r);
}

static enum err add_part(struct fixture *f, uint8_t topic, int32_t part)
{
    int32_t replicas[] = {1, 2, 3};
    struct uuid dirs[] = {id_of(101), id_of(102), id_of(103)};
    struct partition_record r = partition_record_default;
    r.partition_id = part;
    r.topic_id = id_of(topic);
    r.replicas = r.isr = replicas;
    r.replicas_count = r.isr_count = 3;
    r.directories = dirs;
    r.directories_count = 3;
    r.leader = 1;
    r.leader_epoch = 0;
    r.partition_epoch = 0;
    return apply(f, META_PARTITION, 2, &r);
}

static enum err add_broker(struct fixture *f, int32_t id, int64_t epoch)
{
    struct register_broker_record_broker_endpoint e = {STR("PLAINTEXT"), STR("host"), 9092, 0};
    struct register_broker_record_broker_feature feature = {STR("metadata.version"), 7, 30};
    struct uuid dirs[] = {id_of(3), id_of(1), id_of(2)};
    struct register_broker_record r = register_broker_record_default;
    r.broker_id = id;
    r.incarnation_id = id_of(50);
    r.broker_epoch = epoch;
    r.end_points = &e;
    r.end_points_count = 1;
    r.features = &feature;
    r.features_count = 1;
    r.rack = STR("r1");
    r.log_dirs = dirs;
    r.log_dirs_count = 3;
    return apply(f, META_REGISTER_BROKER, 4, &r);
}

static const struct image_part *part_of(struct fixture *f, const char *topic, int32_t part)
{
    return image_topic_part(image_topic_by_name(f->img, str_from(topic)), part);
}

static void assert_ids(struct ids got, int32_t count, ...)
{
    va_list ap;
    va_start(ap, count);
    assert_int_equal(got.count, count);
    for (int32_t i = 0; i < count; i++) {
        assert_int_equal(got.v[i], va_arg(ap, int));
    }
    va_end(ap);
}

/* --- topics --- */

static void topics_are_found_by_name_and_by_id(void **state)
{
    struct fixture *f = *state;
    assert_ok(add_topic(f, "b", 2));
    assert_ok(add_topic(f, "a", 1));
    assert_ok(add_topic(f, "c", 3));
    assert_true(str_eq(image_topic_by_id(f->img, id_of(2))->name, STR("b")));
    assert_true(uuid_eq(image_topic_by_name(f->img, STR("c"))->id, id_of(3)));
    assert_null(image_topic_by_name(f->img, STR("d")));
    assert_null(image_topic_by_id(f->img, id_of(4)));
    assert_true(str_eq(f->img->topics[0]->name, STR("a")));
    assert_true(str_eq(f->img->topics[2]->name, STR("c")));
    assert_int_equal(image_topic_lower_bound(f->img, STR("aa")), 1);
    assert_int_equal(image_topic_lower_bound(f->img, STR("z")), 3);
    assert_int_equal(f->img->next_off, 3);
    assert_err(ERR_MALFORMED, add_topic(f, "a", 9));
    assert_err(ERR_MALFORMED, add_topic(f, "z", 1));
    assert_int_equal(f->img->next_off, 3);
    assert_true(delta_topic(&f->delta, id_of(1))->is_created);
}

static void a_removed_topic_takes_its_partitions_and_settings_along(void **state)
{
    struct fixture *f = *state;
    struct config_record c = {RESOURCE_TOPIC, STR("t"), STR("retention.ms"), STR("5")};
    struct remove_topic_record r = {id_of(1)};
    assert_ok(add_topic(f, "t", 1));
    assert_ok(add_part(f, 1, 0));
    assert_ok(add_part(f, 1, 1));
    assert_ok(apply(f, META_CONFIG, 0, &c));
    assert_int_equal(f->img->part_count, 2);
    assert_ok(apply(f, META_REMOVE_TOPIC, 0, &r));
    assert_int_equal(f->img->topic_count, 0);
    assert_int_equal(f->img->part_count, 0);
    assert_null(image_configs(f->img, RESOURCE_TOPIC, STR("t")));
    assert_err(ERR_MALFORMED, apply(f, META_REMOVE_TOPIC, 0, &r));
    const struct delta_topic *d = delta_topic(&f->delta, id_of(1));
    assert_true(d->is_created && d->is_deleted);
    assert_int_equal(d->deleted_part_count, 2);
    assert_int_equal(d->part_count, 0);
}

static void partitions_are_absolute(void **state)
{
    struct fixture *f = *state;
    assert_err(ERR_MALFORMED, add_part(f, 1, 0));
    assert_ok(add_topic(f, "t", 1));
    assert_ok(add_part(f, 1, 0));
    assert_ok(add_part(f, 1, 2));
    assert_null(part_of(f, "t", 1));
    assert_null(part_of(f, "t", -1));
    assert_null(part_of(f, "t", 3));
    const struct image_part *p = part_of(f, "t", 2);
    assert_ids(image_part_replicas(p), 3, 1, 2, 3);
    assert_ids(image_part_isr(p), 3, 1, 2, 3);
    assert_ids(image_part_elr(p), 0);
    assert_true(uuid_eq(image_part_dir(p, 2), id_of(103)));
    assert_int_equal(f->img->part_count, 2);
    assert_ok(add_part(f, 1, 2));
    assert_int_equal(f->img->part_count, 2);
    assert_err(ERR_MALFORMED, add_part(f, 1, -1));
    assert_err(ERR_MALFORMED, add_part(f, 1, 3 + IMAGE_PARTITION_GAP_MAX + 1));
}

static void partitions_without_replicas_or_with_odd_directories_are_refused(void **state)
{
    struct fixture *f = *state;
    struct partition_record r = partition_record_default;
    int32_t one = 1;
    struct uuid dirs[2] = {id_of(1), id_of(2)};
    assert_ok(add_topic(f, "t", 1));
    r.topic_id = id_of(1);
    r.partition_id = 0;
    assert_err(ERR_MALFORMED, apply(f, META_PARTITION, 2, &r));
    r.replicas = &one;
    r.replicas_count = 1;
    r.directories = dirs;
    r.directories_count = 2;
    assert_err(ERR_MALFORMED, apply(f, META_PARTITION, 2, &r));
    r.directories_count = 0;
    assert_ok(apply(f, META_PARTITION, 0, &r));
    assert_true(uuid_is_zero(image_part_dir(part_of(f, "t", 0), 0)));
}

static struct partition_change_record change_of(uint8_t topic, int32_t part)
{
    struct partition_change_record r = partition_change_record_default;
    r.topic_id = id_of(topic);
    r.partition_id = part;
    return r;
}

static void a_change_bumps_epochs_as_kafka_does(void **state)
{
    struct fixture *f = *state;
    int32_t isr[] = {2, 3};
    assert_ok(add_topic(f, "t", 1));
    assert_ok(add_part(f, 1, 0));
    struct partition_change_record r = change_of(1, 0);
    r.isr = isr;
    r.isr_count = 2;
    assert_ok(apply(f, META_PARTITION_CHANGE, 2, &r));
    const struct image_part *p = part_of(f, "t", 0);
    assert_ids(image_part_isr(p), 2, 2, 3);
    assert_ids(image_part_replicas(p), 3, 1, 2, 3);
    assert_int_equal(p->leader_epoch, 0);
    assert_int_equal(p->partition_epoch, 1);
    /* the same leader again is a new leadership */
    r = change_of(1, 0);
    r.leader = 1;
    assert_ok(apply(f, META_PARTITION_CHANGE, 2, &r));
    assert_int_equal(p->leader, 1);
    assert_int_equal(p->leader_epoch, 1);
    assert_int_equal(p->partition_epoch, 2);
    r.leader = NO_LEADER;
    r.leader_recovery_state = 1;
    assert_ok(apply(f, META_PARTITION_CHANGE, 2, &r));
    assert_int_equal(p->leader, NO_LEADER);
    assert_int_equal(p->leader_epoch, 2);
    assert_int_equal(p->recovery_state, 1);
    assert_true(uuid_eq(image_part_dir(p, 1), id_of(102)));
    r.partition_id = 1;
    assert_err(ERR_MALFORMED, apply(f, META_PARTITION_CHANGE, 2, &r));
    r.topic_id = id_of(8);
    assert_err(ERR_MALFORMED, apply(f, META_PARTITION_CHANGE, 2, &r));
    assert_int_equal(delta_topic(&f->delta, id_of(1))->part_count, 1);
}

static void a_reassignment_keeps_the_directories_of_those_that_stay(void **state)
{
    struct fixture *f = *state;
    int32_t replicas[] = {4, 2};
    int32_t adding[] = {4}, removing[] = {1, 3};
    assert_ok(add_topic(f, "t", 1));
    assert_ok(add_part(f, 1, 0));
    struct partition_change_record r = change_of(1, 0);
    r.replicas = replicas;
    r.replicas_count = 2;
    r.adding_replicas = adding;
    r.adding_replicas_count = 1;
    r.removing_replicas = removing;
    r.removing_replicas_count = 2;
    assert_ok(apply(f, META_PARTITION_CHANGE, 0, &r));
    const struct image_part *p = part_of(f, "t", 0);
    assert_ids(image_part_replicas(p), 2, 4, 2);
    assert_ids(image_part_adding(p), 1, 4);
    assert_ids(image_part_removing(p), 2, 1, 3);
    assert_true(uuid_is_zero(image_part_dir(p, 0)));
    assert_true(uuid_eq(image_part_dir(p, 1), id_of(102)));
}

static void eligible_replicas_are_cleared_by_topic_or_everywhere(void **state)
{
    struct fixture *f = *state;
    int32_t two[] = {2}, three[] = {3};
    assert_ok(add_topic(f, "t", 1));
    assert_ok(add_topic(f, "u", 2));
    assert_ok(add_part(f, 1, 0));
    assert_ok(add_part(f, 2, 0));
    for (uint8_t topic = 1; topic <= 2; topic++) {
        struct partition_change_record r = change_of(topic, 0);
        r.eligible_leader_replicas = two;
        r.eligible_leader_replicas_count = 1;
        r.last_known_elr = three;
        r.last_known_elr_count = 1;
        assert_ok(apply(f, META_PARTITION_CHANGE, 2, &r));
    }
    assert_ids(image_part_elr(part_of(f, "t", 0)), 1, 2);
    assert_ids(image_part_last_elr(part_of(f, "t", 0)), 1, 3);
    struct clear_elr_record clear = {STR("t")};
    assert_ok(apply(f, META_CLEAR_ELR, 0, &clear));
    assert_ids(image_part_elr(part_of(f, "t", 0)), 0);
    assert_ids(image_part_elr(part_of(f, "u", 0)), 1, 2);
    assert_int_equal(part_of(f, "t", 0)->partition_epoch, 2);
    clear.topic_name = STR("");
    assert_ok(apply(f, META_CLEAR_ELR, 0, &clear));
    assert_ids(image_part_elr(part_of(f, "u", 0)), 0);
    assert_int_equal(part_of(f, "t", 0)->partition_epoch, 2);
    clear.topic_name = STR("none");
    assert_err(ERR_MALFORMED, apply(f, META_CLEAR_ELR, 0, &clear));
}

/* --- brokers --- */

static void a_broker_is_registered_fenced_changed_and_unregistered(void **state)
{
    struct fixture *f = *state;
    assert_ok(add_broker(f, 5, 100));
    assert_ok(add_broker(f, 2, 101));
    const struct image_node *n = image_broker(f->img, 5);
    assert_true(n->is_fenced);
    assert_true(str_eq(n->rack, STR("r1")));
    assert_int_equal(image_node_endpoint(n, STR("PLAINTEXT"))->port, 9092);
    assert_null(image_node_endpoint(n, STR("SSL")));
    assert_true(uuid_eq(n->log_dirs[0], id_of(1)));
    assert_int_equal(f->img->brokers[0]->id, 2);

    struct unfence_broker_record unfence = {5, 99};
    assert_err(ERR_MALFORMED, apply(f, META_UNFENCE_BROKER, 0, &unfence));
    unfence.epoch = 100;
    assert_ok(apply(f, META_UNFENCE_BROKER, 0, &unfence));
    assert_false(image_broker(f->img, 5)->is_fenced);
    struct fence_broker_record fence = {5, 100};
    assert_ok(apply(f, META_FENCE_BROKER, 0, &fence));
    assert_true(image_broker(f->img, 5)->is_fenced);

    struct uuid dir = id_of(77);
    struct broker_registration_change_record c = broker_registration_change_record_default;
    c.broker_id = 5;
    c.broker_epoch = 100;
    c.fenced = -1;
    c.in_controlled_shutdown = 1;
    c.log_dirs = &dir;
    c.log_dirs_count = 1;
    assert_ok(apply(f, META_BROKER_CHANGE, 2, &c));
    n = image_broker(f->img, 5);
    assert_false(n->is_fenced);
    assert_true(n->is_shutting_down);
    assert_int_equal(n->log_dir_count, 1);
    assert_true(uuid_eq(n->log_dirs[0], dir));
    assert_int_equal(n->cordoned_dir_count, -1);
    c.fenced = 2;
    assert_err(ERR_MALFORMED, apply(f, META_BROKER_CHANGE, 2, &c));

    assert_ok(add_broker(f, 5, 200));
    assert_int_equal(f->img->broker_count, 2);
    struct unregister_broker_record u = {5, 100};
    assert_err(ERR_MALFORMED, apply(f, META_UNREGISTER_BROKER, 0, &u));
    u.broker_epoch = 200;
    assert_ok(apply(f, META_UNREGISTER_BROKER, 0, &u));
    assert_null(image_broker(f->img, 5));
    assert_int_equal(f->delta.broker_count, 2);
    assert_int_equal(f->delta.brokers[1], 5);
}

static void add_controller(struct fixture *f)
{
    struct register_controller_record_controller_endpoint e = {STR("CONTROLLER"), STR("h"), 9093,
                                                               0};
    struct register_controller_record r = register_controller_record_default;
    r.controller_id = 1;
    r.incarnation_id = id_of(60);
    r.end_points = &e;
    r.end_points_count = 1;
    assert_ok(apply(f, META_REGISTER_CONTROLLER, 0, &r));
}

static void a_controller_is_registered(void **state)
{
    struct fixture *f = *state;
    add_controller(f);
    add_controller(f);
    assert_int_equal(f->img->controller_count, 1);
    assert_int_equal(image_controller(f->img, 1)->endpoints[0].port, 9093);
    assert_true(f->delta.controllers_changed);
}

/* --- the rest --- */

static enum err set_config(struct fixture *f, int8_t type, const char *resource, const char *name,
                           const char *value)
{
    struct config_record r = {type, str_from(resource), str_from(name), str_from(value)};
    return apply(f, META_CONFIG, 0, &r);
}

static void settings_are_set_changed_and_removed(void **state)
{
    struct fixture *f = *state;
    assert_ok(set_config(f, RESOURCE_TOPIC, "t", "b", "2"));
    assert_ok(set_config(f, RESOURCE_TOPIC, "t", "a", "1"));
    assert_ok(set_config(f, RESOURCE_BROKER, "", "a", ""));
    assert_ok(set_config(f, RESOURCE_TOPIC, "t", "b", "3"));
    assert_true(str_eq(image_config(f->img, RESOURCE_TOPIC, STR("t"), STR("b")), STR("3")));
    assert_true(str_eq(image_config(f->img, RESOURCE_BROKER, STR(""), STR("a")), STR("")));
    const struct image_configs *c = image_configs(f->img, RESOURCE_TOPIC, STR("t"));
    assert_int_equal(c->count, 2);
    assert_true(str_eq(c->items[0].name, STR("a")));
    assert_ok(set_config(f, RESOURCE_TOPIC, "t", "a", NULL));
    assert_ok(set_config(f, RESOURCE_TOPIC, "t", "a", NULL));
    assert_ok(set_config(f, RESOURCE_TOPIC, "t", "b", NULL));
    assert_null(image_configs(f->img, RESOURCE_TOPIC, STR("t")));
    assert_err(ERR_MALFORMED, set_config(f, 3, "t", "a", "1"));
    assert_int_equal(f->delta.configs_by_name.count, 2);
    assert_true(str_eq(f->delta.configs->resource, STR("t")));
}

static enum err set_feature(struct fixture *f, const char *name, int16_t level)
{
    struct feature_level_record r = {str_from(name), level};
    return apply(f, META_FEATURE_LEVEL, 0, &r);
}

static void features_are_set_and_removed(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(image_feature(f->img, STR("metadata.version")), -1);
    assert_ok(set_feature(f, "transaction.version", 2));
    assert_ok(set_feature(f, "metadata.version", 25));
    assert_ok(set_feature(f, "metadata.version", 30));
    assert_int_equal(image_feature(f->img, STR("metadata.version")), 30);
    assert_int_equal(f->img->feature_count, 2);
    assert_ok(set_feature(f, "transaction.version", 0));
    assert_int_equal(image_feature(f->img, STR("transaction.version")), -1);
    assert_err(ERR_UNSUPPORTED_VERSION, set_feature(f, "metadata.version", 31));
    assert_err(ERR_UNSUPPORTED_VERSION, set_feature(f, "metadata.version", 6));
    assert_err(ERR_MALFORMED, set_feature(f, "x", -1));
}

static enum err set_quota(struct fixture *f, const char *user, double value, bool remove)
{
    struct client_quota_record_entity_data e[] = {{STR("user"), str_from(user)},
                                                  {STR("client-id"), STR("c")}};
    struct client_quota_record r = {e, 2, STR("producer_byte_rate"), value, remove};
    return apply(f, META_CLIENT_QUOTA, 0, &r);
}

static void quotas_are_kept_by_entity(void **state)
{
    struct fixture *f = *state;
    struct image_quota_entity key[] = {{STR("client-id"), STR("c")}, {STR("user"), STR_NULL}};
    assert_ok(set_quota(f, NULL, 10, false));
    assert_ok(set_quota(f, "", 20, false));
    assert_ok(set_quota(f, NULL, 11, false));
    assert_true(image_quota(f->img, key, 2)->values[0].value == 11);
    key[1].name = STR("");
    assert_true(image_quota(f->img, key, 2)->values[0].value == 20);
    assert_ok(set_quota(f, "", 0, true));
    assert_ok(set_quota(f, "", 0, true));
    assert_null(image_quota(f->img, key, 2));
    struct client_quota_record_entity_data twice[] = {{STR("ip"), STR_NULL}, {STR("ip"), STR_NULL}};
    struct client_quota_record r = {twice, 2, STR("k"), 1, false};
    assert_err(ERR_MALFORMED, apply(f, META_CLIENT_QUOTA, 0, &r));
}

static void producer_ids_only_grow(void **state)
{
    struct fixture *f = *state;
    struct producer_ids_record r = {1, 5, 1000};
    assert_ok(apply(f, META_PRODUCER_IDS, 0, &r));
    r.next_producer_id = 999;
    assert_err(ERR_MALFORMED, apply(f, META_PRODUCER_IDS, 0, &r));
    assert_int_equal(f->img->next_producer_id, 1000);
}

static void add_secrets(struct fixture *f)
{
    struct access_control_entry_record acl = {id_of(1),      2,        STR("t"), 3,
                                              STR("User:a"), STR("*"), 3,        3};
    struct user_scram_credential_record scram = {STR("u"),
                                                 1,
                                                 {(const uint8_t *)"s", 1},
                                                 {(const uint8_t *)"k", 1},
                                                 {(const uint8_t *)"v", 1},
                                                 4096};
    struct str renewers[] = {STR("User:x"), STR("User:y")};
    struct delegation_token_record token = {STR("User:o"), STR("User:q"), renewers, 2, 1, 2, 3,
                                            STR("tok")};
    assert_ok(apply(f, META_ACL, 0, &acl));
    assert_ok(apply(f, META_USER_SCRAM, 0, &scram));
    assert_ok(apply(f, META_DELEGATION_TOKEN, 0, &token));
}

static void secrets_come_and_go(void **state)
{
    struct fixture *f = *state;
    add_secrets(f);
    add_secrets(f);
    assert_int_equal(f->img->acls.count, 1);
    assert_true(str_eq(image_acl(f->img, id_of(1))->principal, STR("User:a")));
    assert_int_equal(image_scram(f->img, STR("u"), 1)->iterations, 4096);
    assert_null(image_scram(f->img, STR("u"), 2));
    assert_true(str_eq(image_token(f->img, STR("tok"))->renewers[1], STR("User:y")));
    struct remove_access_control_entry_record acl = {id_of(1)};
    struct remove_user_scram_credential_record scram = {STR("u"), 1};
    struct remove_delegation_token_record token = {STR("tok")};
    assert_ok(apply(f, META_REMOVE_ACL, 0, &acl));
    assert_err(ERR_MALFORMED, apply(f, META_REMOVE_ACL, 0, &acl));
    assert_ok(apply(f, META_REMOVE_USER_SCRAM, 0, &scram));
    assert_ok(apply(f, META_REMOVE_DELEGATION_TOKEN, 0, &token));
    assert_int_equal(f->img->acls.count + f->img->scrams.count + f->img->tokens.count, 0);
}

/* --- transactions --- */

static void a_transaction_shows_at_its_end_or_never(void **state)
{
    struct fixture *f = *state;
    struct begin_transaction_record begin = {STR("x")};
    struct end_transaction_record end = {0};
    struct abort_transaction_record abort_txn = {STR("y")};
    assert_ok(apply(f, META_BEGIN_TXN, 0, &begin));
    assert_ok(add_topic(f, "t", 1));
    assert_true(image_in_txn(f->img));
    assert_null(image_topic_by_name(f->img, STR("t")));
    assert_true(delta_is_empty(&f->delta));
    assert_err(ERR_MALFORMED, apply(f, META_BEGIN_TXN, 0, &begin));

    struct image *copy = image_clone(f->img);
    assert_true(image_in_txn(copy));
    image_free(copy);

    assert_ok(apply(f, META_END_TXN, 0, &end));
    assert_non_null(image_topic_by_name(f->img, STR("t")));
    assert_true(delta_topic(&f->delta, id_of(1))->is_created);
    assert_int_equal(f->img->next_off, 3);

    assert_ok(apply(f, META_BEGIN_TXN, 0, &begin));
    assert_ok(add_topic(f, "u", 2));
    assert_ok(apply(f, META_ABORT_TXN, 0, &abort_txn));
    assert_null(image_topic_by_name(f->img, STR("u")));
    assert_false(image_in_txn(f->img));
    assert_err(ERR_MALFORMED, apply(f, META_END_TXN, 0, &end));
    assert_err(ERR_MALFORMED, apply(f, META_ABORT_TXN, 0, &abort_txn));
}

static void bytes_that_are_no_record_are_refused(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint8_t p[8];
        size_t len;
        enum err want;
    } cases[] = {
        {{0}, 0, ERR_MALFORMED},
        {{1}, 1, ERR_MALFORMED},
        {{1, 20}, 2, ERR_MALFORMED},
        {{2, 20, 0, 0}, 4, ERR_MALFORMED},
        {{1, 6, 0, 0}, 4, ERR_UNSUPPORTED_VERSION},
        {{1, 99, 0, 0}, 4, ERR_UNSUPPORTED_VERSION},
        {{1, 20, 9, 0}, 4, ERR_UNSUPPORTED_VERSION},
        {{1, 2, 0, 0}, 4, ERR_MALFORMED},
        {{1, 20, 0, 0, 0}, 5, ERR_MALFORMED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *why = NULL;
        struct bytes b = {cases[i].p, cases[i].len};
        assert_err(cases[i].want, image_apply(f->img, b, NULL, &why));
        assert_non_null(why);
    }
    assert_int_equal(f->img->next_off, 0);
    static const uint8_t no_op[] = {1, 20, 0, 0};
    assert_ok(image_apply(f->img, (struct bytes){no_op, 4}, &f->delta, NULL));
    assert_true(delta_is_empty(&f->delta));
}

/* --- snapshots --- */

static void fill(struct fixture *f)
{
    struct producer_ids_record ids = {1, 5, 1000};
    int32_t two[] = {2};
    assert_ok(set_feature(f, "metadata.version", 30));
    assert_ok(set_feature(f, "group.version", 1));
    assert_ok(add_broker(f, 1, 10));
    assert_ok(add_broker(f, 2, 11));
    add_controller(f);
    assert_ok(add_topic(f, "t", 1));
    assert_ok(add_part(f, 1, 0));
    assert_ok(add_part(f, 1, 1));
    assert_ok(add_topic(f, "a", 2));
    assert_ok(add_part(f, 2, 0));
    struct partition_change_record c = change_of(1, 1);
    c.eligible_leader_replicas = two;
    c.eligible_leader_replicas_count = 1;
    c.leader = 3;
    assert_ok(apply(f, META_PARTITION_CHANGE, 2, &c));
    assert_ok(set_config(f, RESOURCE_TOPIC, "t", "retention.ms", "1"));
    assert_ok(set_config(f, RESOURCE_BROKER, "", "min.insync.replicas", "2"));
    assert_ok(set_quota(f, NULL, 10, false));
    assert_ok(set_quota(f, "u", 10, false));
    assert_ok(apply(f, META_PRODUCER_IDS, 0, &ids));
    add_secrets(f);
}

static enum err note_type(void *ctx, struct bytes record)
{
    struct buf *types = ctx;
    buf_put_u8(types, record.p[1]);
    return OK;
}

static enum err apply_again(void *ctx, struct bytes record)
{
    return image_apply(ctx, record, NULL, NULL);
}

static void a_snapshot_is_in_kafkas_order_and_gives_the_image_again(void **state)
{
    struct fixture *f = *state;
    struct buf types = BUF_INIT;
    static const uint8_t want[] = {12, 12, 0, 0, 27, 2, 3, 2, 3, 3, 4, 4, 14, 14, 15, 18, 11, 10};
    fill(f);
    assert_ok(image_write(f->img, note_type, &types));
    assert_int_equal(types.len, sizeof want);
    assert_memory_equal(types.p, want, sizeof want);
    buf_deinit(&types);

    struct image *again = image_new(99);
    assert_ok(image_write(f->img, apply_again, again));
    assert_true(image_eq(f->img, again));
    assert_int_equal(image_part_elr(image_topic_part(image_topic_by_name(again, STR("t")), 1)).v[0],
                     2);
    image_free(again);
}

static enum err refuse(void *ctx, struct bytes record) { return ERR_NO_SPACE; }

static void writing_stops_at_the_first_error(void **state)
{
    struct fixture *f = *state;
    fill(f);
    assert_err(ERR_NO_SPACE, image_write(f->img, refuse, NULL));
}

static void a_clone_is_equal_and_independent(void **state)
{
    struct fixture *f = *state;
    fill(f);
    struct image *copy = image_clone(f->img);
    assert_true(image_eq(f->img, copy));
    assert_int_equal(copy->next_off, f->img->next_off);
    assert_ok(add_topic(f, "new", 30));
    assert_false(image_eq(f->img, copy));
    assert_null(image_topic_by_name(copy, STR("new")));
    image_free(copy);
}

/* An old cluster's snapshot holds nothing that its metadata.version does not know. */
static void an_old_level_writes_old_records(void **state)
{
    struct fixture *f = *state;
    struct buf types = BUF_INIT;
    assert_ok(set_feature(f, "metadata.version", 14));
    assert_ok(add_broker(f, 1, 10));
    add_controller(f);
    assert_ok(image_write(f->img, note_type, &types));
    assert_int_equal(types.len, 2);
    buf_deinit(&types);
    struct image *again = image_new(1);
    assert_ok(image_write(f->img, apply_again, again));
    assert_int_equal(image_broker(again, 1)->log_dir_count, 0);
    image_free(again);
}

static void a_partition_is_small(void **state) { assert_true(sizeof(struct image_part) <= 40); }

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(topics_are_found_by_name_and_by_id),
        T(a_removed_topic_takes_its_partitions_and_settings_along),
        T(partitions_are_absolute),
        T(partitions_without_replicas_or_with_odd_directories_are_refused),
        T(a_change_bumps_epochs_as_kafka_does),
        T(a_reassignment_keeps_the_directories_of_those_that_stay),
        T(eligible_replicas_are_cleared_by_topic_or_everywhere),
        T(a_broker_is_registered_fenced_changed_and_unregistered),
        T(a_controller_is_registered),
        T(settings_are_set_changed_and_removed),
        T(features_are_set_and_removed),
        T(quotas_are_kept_by_entity),
        T(producer_ids_only_grow),
        T(secrets_come_and_go),
        T(a_transaction_shows_at_its_end_or_never),
        T(bytes_that_are_no_record_are_refused),
        T(a_snapshot_is_in_kafkas_order_and_gives_the_image_again),
        T(writing_stops_at_the_first_error),
        T(a_clone_is_equal_and_independent),
        T(an_old_level_writes_old_records),
        T(a_partition_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
