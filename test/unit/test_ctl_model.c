/* The controller under random requests: after each one the image must make sense, and what was
 * decided must be in the records: replayed from the first one, or written down as a snapshot and
 * read again, they give the same image. Seeds are fixed: a failure names its seed and step. */
#include "ctltest.h"

#include "base/rand.h"

enum {
    SEEDS = 40,
    STEPS = 250,
    BROKERS = 5,
    NAMES = 8,
    PARTS_MAX = 400, /* that the model remembers */
    REPLAY_EVERY = 25,
};

/* A partition as it was after the step before. */
struct past {
    struct uuid topic;
    int32_t part;
    int32_t leader, leader_epoch, partition_epoch;
};

struct model {
    struct ct *t;
    struct rand rand;
    struct past past[PARTS_MAX];
    int32_t past_count;
    int64_t broker_epochs[BROKERS + 1]; /* the highest that each ever had, and whose it was */
    struct uuid incarnations[BROKERS + 1];
    int64_t next_producer_id;
};

static int32_t below(struct model *m, int32_t n)
{
    return (int32_t)rand_below(&m->rand, (uint64_t)n);
}

static bool chance(struct model *m, int32_t in) { return below(m, in) == 0; }

/* --- requests --- */

static void do_register(struct model *m)
{
    struct broker_registration_req r = ct_registration(1 + below(m, BROKERS));
    const struct image_node *old = image_broker(ct_img(m->t), r.broker_id);
    r.incarnation_id = ct_uuid(1, r.broker_id * 8 + below(m, 3));
    r.previous_broker_epoch = old != NULL && chance(m, 2) ? old->epoch : -1;
    r.rack = chance(m, 2) ? STR_NULL : chance(m, 2) ? STR("a") : STR("b");
    r.log_dirs_count -= chance(m, 20);
    (void)ct_try(m->t, CT_REGISTER, 4, &r);
}

static void do_heartbeat(struct model *m)
{
    struct broker_heartbeat_req r = broker_heartbeat_req_default;
    r.broker_id = 1 + below(m, BROKERS);
    const struct image_node *n = image_broker(ct_img(m->t), r.broker_id);
    r.broker_epoch = n && !chance(m, 20) ? n->epoch : 7;
    r.current_metadata_offset = ct_img(m->t)->next_off - 1 - (chance(m, 4) ? below(m, 30) : 0);
    r.want_fence = chance(m, 6);
    r.want_shut_down = chance(m, 8);
    (void)ct_try(m->t, CT_HEARTBEAT, 1, &r);
}

static void do_unregister(struct model *m)
{
    struct unregister_broker_req r = {1 + below(m, BROKERS)};
    (void)ct_try(m->t, CT_UNREGISTER, 0, &r);
}

static struct str name(struct model *m)
{
    static const char *const names[NAMES] = {"a", "b", "c", "d.e", "d_e", "f", "bad name", ""};
    return str_from(names[below(m, NAMES)]);
}

enum { ASSIGNED_MAX = 3, REPLICAS_MAX = 3 };

static void assign(struct model *m, int32_t *ids, int32_t *ret_count)
{
    *ret_count = below(m, REPLICAS_MAX + 1);
    for (int32_t i = 0; i < *ret_count; i++) {
        ids[i] = 1 + below(m, BROKERS + 1);
    }
}

static void do_create(struct model *m)
{
    struct create_topics_req_creatable_topic topics[2];
    struct create_topics_req_creatable_replica_assignment a[2][ASSIGNED_MAX];
    struct create_topics_req_creatable_topic_config config = {STR("min.insync.replicas"), STR("2")};
    static int32_t ids[2][ASSIGNED_MAX][REPLICAS_MAX];
    struct create_topics_req r = create_topics_req_default;
    r.topics = topics;
    r.topics_count = 1 + below(m, 2);
    r.validate_only = chance(m, 6);
    for (int32_t i = 0; i < r.topics_count; i++) {
        topics[i] = create_topics_req_creatable_topic_default;
        topics[i].name = name(m);
        topics[i].num_partitions = below(m, 6) - 1;
        topics[i].replication_factor = (int16_t)(below(m, 6) - 1);
        topics[i].configs = &config;
        topics[i].configs_count = chance(m, 3);
        if (chance(m, 3)) {
            topics[i].num_partitions = topics[i].replication_factor = -1;
            topics[i].assignments = a[i];
            topics[i].assignments_count = 1 + below(m, ASSIGNED_MAX);
            for (int32_t p = 0; p < topics[i].assignments_count; p++) {
                a[i][p].partition_index = p;
                a[i][p].broker_ids = ids[i][p];
                assign(m, ids[i][p], &a[i][p].broker_ids_count);
            }
        }
    }
    (void)ct_try(m->t, CT_CREATE, 7, &r);
}

static void do_delete(struct model *m)
{
    const struct image *img = ct_img(m->t);
    struct delete_topics_req_delete_topic_state v[3];
    struct delete_topics_req r = delete_topics_req_default;
    r.topics = v;
    r.topics_count = 1 + below(m, 3);
    for (int32_t i = 0; i < r.topics_count; i++) {
        v[i] = delete_topics_req_delete_topic_state_default;
        bool by_id = img->topic_count > 0 && chance(m, 2);
        v[i].name = by_id ? STR_NULL : name(m);
        v[i].topic_id = by_id ? img->topics[below(m, img->topic_count)]->id : UUID_ZERO;
    }
    (void)ct_try(m->t, CT_DELETE, 6, &r);
}

static void do_grow(struct model *m)
{
    struct create_partitions_req_create_partitions_topic g =
        create_partitions_req_create_partitions_topic_default;
    struct create_partitions_req_create_partitions_assignment a[ASSIGNED_MAX];
    static int32_t ids[ASSIGNED_MAX][REPLICAS_MAX];
    struct create_partitions_req r = create_partitions_req_default;
    g.name = name(m);
    g.count = below(m, 10);
    g.assignments_count = -1;
    if (chance(m, 3)) {
        g.assignments = a;
        g.assignments_count = below(m, ASSIGNED_MAX + 1);
        for (int32_t i = 0; i < g.assignments_count; i++) {
            a[i].broker_ids = ids[i];
            assign(m, ids[i], &a[i].broker_ids_count);
        }
    }
    r.topics = &g;
    r.topics_count = 1;
    r.validate_only = chance(m, 6);
    assert_ok(ct_try(m->t, CT_GROW, 3, &r));
    const struct create_partitions_resp *resp = m->t->out.resp;
    if (resp->results[0].error_code == 0 && !r.validate_only) {
        assert_int_equal(image_topic_by_name(ct_img(m->t), g.name)->part_count, g.count);
    }
}

static void do_configs(struct model *m)
{
    static const char *const settings[][2] = {
        {"min.insync.replicas", "2"},
        {"min.insync.replicas", "1"},
        {"min.insync.replicas", "x"},
        {"unclean.leader.election.enable", "true"},
        {"unclean.leader.election.enable", "false"},
        {"retention.ms", "5"},
        {"nonsense", "5"},
    };
    int32_t at = below(m, (int32_t)(sizeof settings / sizeof *settings));
    struct incremental_alter_configs_req_alterable_config c = {
        str_from(settings[at][0]), (int8_t)below(m, 2), str_from(settings[at][1])};
    bool is_cluster = chance(m, 3);
    struct incremental_alter_configs_req_alter_configs_resource res = {
        is_cluster ? RESOURCE_BROKER : RESOURCE_TOPIC, is_cluster ? STR("") : name(m), &c, 1};
    struct incremental_alter_configs_req r = incremental_alter_configs_req_default;
    r.resources = &res;
    r.resources_count = 1;
    r.validate_only = chance(m, 6);
    (void)ct_try(m->t, CT_INCREMENTAL, 1, &r);
}

static void do_producer_ids(struct model *m)
{
    const struct image_node *n = image_broker(ct_img(m->t), 1 + below(m, BROKERS));
    struct allocate_producer_ids_req r = {n ? n->id : 9, n ? n->epoch : 0};
    if (ct_try(m->t, CT_PRODUCER_IDS, 0, &r) == OK) {
        const struct allocate_producer_ids_resp *resp = m->t->out.resp;
        assert_int_equal(resp->producer_id_start, m->next_producer_id);
        m->next_producer_id += resp->producer_id_len;
    }
}

static void do_something(struct model *m)
{
    static void (*const what[])(struct model *) = {
        do_register,  do_register,     do_heartbeat, do_heartbeat,  do_heartbeat,
        do_heartbeat, do_create,       do_create,    do_delete,     do_grow,
        do_configs,   do_producer_ids, do_create,    do_unregister,
    };
    int32_t count = (int32_t)(sizeof what / sizeof *what);
    int32_t at = below(m, count);
    m->t->now_ms += chance(m, 10) ? m->t->config.broker_session_timeout_ms : below(m, 1000);
    if (what[at] != do_unregister || chance(m, 5)) {
        what[at](m);
    }
}

/* --- what must hold --- */

static void check_ids(struct ids s, struct ids all)
{
    for (int32_t i = 0; i < s.count; i++) {
        assert_true(ids_have(all, s.v[i]));
        for (int32_t j = 0; j < i; j++) {
            assert_int_not_equal(s.v[i], s.v[j]);
        }
    }
}

static void check_part(const struct image *img, const struct image_part *p)
{
    struct ids replicas = image_part_replicas(p);
    struct ids isr = image_part_isr(p), elr = image_part_elr(p);
    assert_true(replicas.count > 0);
    check_ids(replicas, replicas);
    check_ids(isr, replicas);
    check_ids(elr, replicas);
    for (int32_t i = 0; i < elr.count; i++) {
        assert_false(ids_have(isr, elr.v[i]));
    }
    for (int32_t i = 0; i < isr.count; i++) { /* with ELR only those who keep up are in it */
        const struct image_node *n = image_broker(img, isr.v[i]);
        assert_true(n != NULL && !n->is_fenced);
    }
    if (p->leader != NO_LEADER) {
        const struct image_node *n = image_broker(img, p->leader);
        assert_true(ids_have(isr, p->leader));
        assert_true(n != NULL && !n->is_fenced && !n->is_shutting_down);
    }
}

static const struct past *past_of(const struct model *m, struct uuid topic, int32_t part)
{
    for (int32_t i = 0; i < m->past_count; i++) {
        if (m->past[i].part == part && uuid_eq(m->past[i].topic, topic)) {
            return &m->past[i];
        }
    }
    return NULL;
}

static void check_progress(const struct model *m, struct uuid topic, int32_t part,
                           const struct image_part *p)
{
    const struct past *old = past_of(m, topic, part);
    if (old == NULL) {
        assert_int_equal(p->leader_epoch, 0);
        assert_int_equal(p->partition_epoch, 0);
        return;
    }
    assert_true(p->leader_epoch >= old->leader_epoch);
    assert_true(p->partition_epoch >= old->partition_epoch);
    if (p->leader != old->leader) {
        assert_true(p->leader_epoch > old->leader_epoch);
        assert_true(p->partition_epoch > old->partition_epoch);
    }
}

static void check_topics(const struct model *m)
{
    const struct image *img = ct_img(m->t);
    int64_t parts = 0;
    for (int32_t i = 0; i < img->topic_count; i++) {
        const struct image_topic *t = img->topics[i];
        assert_true(i == 0 || str_cmp(img->topics[i - 1]->name, t->name) < 0);
        assert_ptr_equal(image_topic_by_id(img, t->id), t);
        assert_ptr_equal(image_topic_by_name(img, t->name), t);
        assert_int_equal(t->part_count, t->part_slots);
        assert_true(t->part_count > 0);
        for (int32_t p = 0; p < t->part_slots; p++) {
            check_part(img, &t->parts[p]);
            check_progress(m, t->id, p, &t->parts[p]);
        }
        parts += t->part_count;
    }
    assert_int_equal(parts, img->part_count);
}

static void check_brokers(struct model *m)
{
    const struct image *img = ct_img(m->t);
    for (int32_t i = 0; i < img->broker_count; i++) {
        const struct image_node *n = img->brokers[i];
        assert_true(i == 0 || img->brokers[i - 1]->id < n->id);
        bool is_other = !uuid_eq(n->incarnation, m->incarnations[n->id]);
        assert_true(n->epoch > m->broker_epochs[n->id] ||
                    (n->epoch == m->broker_epochs[n->id] && !is_other));
        m->broker_epochs[n->id] = n->epoch;
        m->incarnations[n->id] = n->incarnation;
        assert_true(n->epoch < img->next_off);
    }
}

static void remember(struct model *m)
{
    const struct image *img = ct_img(m->t);
    m->past_count = 0;
    for (int32_t i = 0; i < img->topic_count; i++) {
        for (int32_t p = 0; p < img->topics[i]->part_slots; p++) {
            const struct image_part *part = &img->topics[i]->parts[p];
            assert_true(m->past_count < PARTS_MAX);
            m->past[m->past_count++] = (struct past){img->topics[i]->id, p, part->leader,
                                                     part->leader_epoch, part->partition_epoch};
        }
    }
}

static enum err apply_to(void *ctx, struct bytes record)
{
    return image_apply(ctx, record, NULL, NULL);
}

static void check_replay(const struct model *m)
{
    const struct image *img = ct_img(m->t);
    struct image *again = ct_replay(m->t);
    assert_true(image_eq(img, again));
    assert_int_equal(img->next_off, again->next_off);
    image_free(again);

    struct image *read = image_new(5);
    assert_ok(image_write(img, apply_to, read));
    assert_true(image_eq(img, read));
    image_free(read);
}

static void run(uint64_t seed)
{
    struct model *m = NEW(struct model);
    m->t = ct_new();
    rand_init(&m->rand, seed);
    for (int32_t id = 1; id <= 3; id++) {
        ct_add_broker(m->t, id);
    }
    for (int32_t step = 0; step < STEPS; step++) {
        do_something(m);
        assert_int_equal(ct_img(m->t)->next_off, m->t->log.count);
        assert_int_equal(ct_img(m->t)->next_producer_id, m->next_producer_id);
        check_brokers(m);
        check_topics(m);
        remember(m);
        if (step % REPLAY_EVERY == REPLAY_EVERY - 1) {
            check_replay(m);
        }
    }
    ct_free(m->t);
    mem_free(m);
}

static void random_requests_keep_the_image_sound(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        print_message("# seed %llu\n", (unsigned long long)seed);
        run(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_requests_keep_the_image_sound)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
