/* What the tests of the controller share: a controller over an empty metadata log, requests to it,
 * and a log of everything that it decided, so that it can be replayed. */
#ifndef TEST_UNIT_CTLTEST_H
#define TEST_UNIT_CTLTEST_H

#include "test.h"

#include "base/mem.h"
#include "meta/controller.h"
#include "meta/versions.h"
#include "wire/messages.h"

#include <stdio.h>
#include <stdlib.h>

enum { CT_CREATE = 19, CT_DELETE = 20, CT_ALTER = 33, CT_GROW = 37, CT_INCREMENTAL = 44 };
enum { CT_REGISTER = 62, CT_HEARTBEAT = 63, CT_UNREGISTER = 64, CT_PRODUCER_IDS = 67 };
enum { CT_ARENA_BYTES = 64 << 20, CT_SEED = 11 };

#define CT_CLUSTER STR("test-cluster")

struct ct {
    struct broker_config config;
    struct ctl *ctl;
    struct arena arena; /* of the last request */
    struct ctl_out out; /* of the last request */
    struct meta_records log;
    int64_t now_ms;
    const struct ctl_auth *auth;
};

static inline const struct image *ct_img(const struct ct *t) { return ctl_tip(t->ctl); }

static inline void ct_keep(struct ct *t, const struct meta_records *rs)
{
    for (int32_t i = 0; i < rs->count; i++) {
        meta_records_add_raw(&t->log, meta_records_at(rs, i));
    }
    assert_ok(t->log.err);
}

/* props: lines of a properties file, "" for none. */
static inline struct ct *ct_new_with(const char *props)
{
    struct ct *t = NEW(struct ct);
    struct props p;
    struct buf why = BUF_INIT;
    int line;
    props_init(&p);
    assert_ok(props_parse(&p, str_from(props), &line));
    assert_ok(broker_config_init(&t->config, &p, &why));
    buf_deinit(&why);
    t->ctl = ctl_new(&(struct ctl_args){image_new(CT_SEED), CT_CLUSTER, &t->config, CT_SEED});
    arena_init(&t->arena, CT_ARENA_BYTES);
    ctl_out_init(&t->out);
    meta_records_init(&t->log);
    t->now_ms = 1000;
    struct meta_records first, records;
    meta_records_init(&first);
    meta_records_init(&records);
    ctl_default_bootstrap(&first);
    assert_ok(ctl_bootstrap(t->ctl, &first, &records));
    ct_keep(t, &records);
    meta_records_deinit(&first);
    meta_records_deinit(&records);
    return t;
}

static inline struct ct *ct_new(void) { return ct_new_with(""); }

static inline void ct_free(struct ct *t)
{
    ctl_free(t->ctl);
    broker_config_deinit(&t->config);
    arena_deinit(&t->arena);
    ctl_out_deinit(&t->out);
    meta_records_deinit(&t->log);
    mem_free(t);
}

static inline enum err ct_try(struct ct *t, int api_key, int version, const void *msg)
{
    struct ctl_req req = {api_key, version, msg, &t->arena, t->now_ms, t->auth};
    arena_reset(&t->arena);
    enum err e = ctl_handle(t->ctl, &req, &t->out);
    if (e == OK) {
        ct_keep(t, &t->out.records);
    } else {
        assert_int_equal(t->out.records.count, 0);
    }
    return e;
}

/* The response. */
static inline const void *ct_do(struct ct *t, int api_key, int version, const void *msg)
{
    assert_ok(ct_try(t, api_key, version, msg));
    assert_non_null(t->out.resp);
    return t->out.resp;
}

static inline void assert_text(struct str got, const char *want)
{
    if (want == NULL) {
        assert_true(str_is_null(got));
        return;
    }
    char *text = str_dup(got);
    assert_string_equal(text ? text : "(null)", want);
    mem_free(text);
}

/* --- brokers --- */

static inline struct uuid ct_uuid(uint8_t kind, int32_t n)
{
    return (struct uuid){{kind, [14] = (uint8_t)(n >> 8), [15] = (uint8_t)n}};
}

/* A registration that is fine, to be changed by the test. Pieces are static: one at a time. */
static inline struct broker_registration_req ct_registration(int32_t id)
{
    static struct broker_registration_req_listener listener;
    static struct broker_registration_req_feature features[FEATURE_COUNT];
    static struct uuid dir;
    struct broker_registration_req r = broker_registration_req_default;
    listener = (struct broker_registration_req_listener){STR("PLAINTEXT"), STR("host"),
                                                         (uint16_t)(9000 + id), 0};
    for (int i = 0; i < FEATURE_COUNT; i++) {
        features[i] = (struct broker_registration_req_feature){
            str_from(features_known[i].name), features_known[i].min, features_known[i].max};
    }
    dir = ct_uuid(2, id);
    r.broker_id = id;
    r.cluster_id = CT_CLUSTER;
    r.incarnation_id = ct_uuid(1, id);
    r.listeners = &listener;
    r.listeners_count = 1;
    r.features = features;
    r.features_count = FEATURE_COUNT;
    r.log_dirs = &dir;
    r.log_dirs_count = 1;
    return r;
}

static inline int64_t ct_register(struct ct *t, const struct broker_registration_req *r)
{
    const struct broker_registration_resp *resp = ct_do(t, CT_REGISTER, 4, r);
    assert_int_equal(resp->error_code, 0);
    return resp->broker_epoch;
}

static inline const struct broker_heartbeat_resp *ct_heartbeat(struct ct *t, int32_t id,
                                                               bool want_fence, bool want_shut_down)
{
    struct broker_heartbeat_req r = broker_heartbeat_req_default;
    r.broker_id = id;
    r.broker_epoch = image_broker(ct_img(t), id)->epoch;
    r.current_metadata_offset = ct_img(t)->next_off - 1;
    r.want_fence = want_fence;
    r.want_shut_down = want_shut_down;
    return ct_do(t, CT_HEARTBEAT, 1, &r);
}

/* Registered and unfenced. */
static inline void ct_add_broker(struct ct *t, int32_t id)
{
    struct broker_registration_req r = ct_registration(id);
    (void)ct_register(t, &r);
    assert_false(ct_heartbeat(t, id, false, false)->is_fenced);
}

static inline void ct_add_brokers(struct ct *t, int32_t count)
{
    for (int32_t id = 1; id <= count; id++) {
        ct_add_broker(t, id);
    }
}

/* --- topics --- */

static inline struct create_topics_req_creatable_topic ct_topic(const char *name, int32_t parts,
                                                                int16_t factor)
{
    struct create_topics_req_creatable_topic t = create_topics_req_creatable_topic_default;
    t.name = str_from(name);
    t.num_partitions = parts;
    t.replication_factor = factor;
    return t;
}

static inline const struct create_topics_resp *ct_create(
    struct ct *t, struct create_topics_req_creatable_topic *topics, int32_t count)
{
    struct create_topics_req r = create_topics_req_default;
    r.topics = topics;
    r.topics_count = count;
    return ct_do(t, CT_CREATE, 7, &r);
}

static inline const struct image_topic *ct_add_topic(struct ct *t, const char *name, int32_t parts,
                                                     int16_t factor)
{
    struct create_topics_req_creatable_topic topic = ct_topic(name, parts, factor);
    assert_int_equal(ct_create(t, &topic, 1)->topics[0].error_code, 0);
    return image_topic_by_name(ct_img(t), str_from(name));
}

static inline const struct image_part *ct_part(const struct ct *t, const char *topic, int32_t part)
{
    const struct image_topic *found = image_topic_by_name(ct_img(t), str_from(topic));
    const struct image_part *p = found ? image_topic_part(found, part) : NULL;
    assert_non_null(p);
    return p;
}

static inline void assert_ids(struct ids got, int32_t count, ...)
{
    va_list ap;
    va_start(ap, count);
    assert_int_equal(got.count, count);
    for (int32_t i = 0; i < count; i++) {
        assert_int_equal(got.v[i], va_arg(ap, int));
    }
    va_end(ap);
}

/* --- the log of what was decided --- */

/* An image made of all records that the controller gave, from the first one on. */
static inline struct image *ct_replay(const struct ct *t)
{
    struct image *img = image_new(3);
    for (int32_t i = 0; i < t->log.count; i++) {
        assert_ok(image_apply(img, meta_records_at(&t->log, i), NULL, NULL));
    }
    return img;
}

#define CT_SETUP(name, make)                                                                       \
    static int name(void **state)                                                                  \
    {                                                                                              \
        *state = (make);                                                                           \
        return 0;                                                                                  \
    }

static inline int ct_teardown(void **state)
{
    ct_free(*state);
    return 0;
}

#endif
