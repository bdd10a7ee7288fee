/* See metalog_world.h. */
#include "test.h"

#include "metalog_world.h"

#include "meta/versions.h"

static const struct image_endpoint endpoint = {STR("CONTROLLER"), STR("localhost"), 9093, 0};
static const char cluster_id[] = "AAAAAAAAAAAAAAAAAAAAAQ";

/* --- life --- */

void metalog_world_set(struct metalog_world *w, const char *conf)
{
    struct buf why = BUF_INIT;
    struct buf text = BUF_INIT;
    int line;
    buf_printf(&text, "node.id=1\n%s", conf);
    broker_config_deinit(&w->config);
    props_init(&w->props);
    assert_ok(props_parse(&w->props, (struct str){(char *)text.p, text.len}, &line));
    assert_ok(broker_config_init(&w->config, &w->props, &why));
    buf_deinit(&text);
    buf_deinit(&why);
}

void metalog_world_init(struct metalog_world *w, const char *conf)
{
    *w = (struct metalog_world){.why = BUF_INIT, .dir_id = {{7, [15] = 7}}, .seed = 1};
    w->disk = crashfs_new();
    hand_clock_init(&w->clock);
    metalog_world_set(w, conf);
}

void metalog_world_deinit(struct metalog_world *w)
{
    metalog_world_close(w);
    crashfs_free(w->disk);
    broker_config_deinit(&w->config);
    buf_deinit(&w->why);
}

static enum err format(struct metalog_world *w)
{
    struct logdir_meta meta = {.node_id = 1, .dir_id = w->dir_id};
    if (logdir_is_formatted(w->dir)) {
        return OK;
    }
    snprintf(meta.cluster_id, sizeof meta.cluster_id, "%s", cluster_id);
    return logdir_format(w->dir, &meta);
}

static void on_committed(void *ctx, const struct image *img, const struct delta *delta)
{
    struct metalog_world *w = ctx;
    (void)img;
    (void)delta;
    w->committed_count++;
}

enum err metalog_world_open(struct metalog_world *w)
{
    struct metalog_args args = {
        .clock = &w->clock.clock,
        .config = &w->config,
        .incarnation = {{1, [15] = (uint8_t)w->seed}},
        .ctl_endpoints = &endpoint,
        .ctl_endpoint_count = 1,
        .seed = w->seed++,
        .on_committed = on_committed,
        .ctx = w,
    };
    buf_clear(&w->why);
    enum err e = logdir_open(crashfs_fs(w->disk), METALOG_ROOT, &w->dir);
    if (e) {
        w->dir = NULL;
        return e;
    }
    e = format(w);
    args.dir = w->dir;
    e = e ? e : metalog_open(&args, &w->ml, &w->why);
    if (e) {
        w->ml = NULL;
        logdir_close(w->dir);
        w->dir = NULL;
    }
    return e;
}

void metalog_world_close(struct metalog_world *w)
{
    if (w->dir != NULL) {
        metalog_close(w->ml);
        logdir_close(w->dir);
        w->ml = NULL;
        w->dir = NULL;
    }
}

void metalog_world_cut(struct metalog_world *w, uint64_t seed)
{
    struct crashfs_plan off = {.fault = CRASHFS_POWER, .kinds = CRASHFS_CHANGES};
    struct crashfs_plan on = {.fault = CRASHFS_NO_FAULT};
    if (!crashfs_has_struck(w->disk)) {
        crashfs_arm(w->disk, &off);
    }
    metalog_world_close(w);
    crashfs_cut(w->disk, seed);
    crashfs_arm(w->disk, &on);
}

/* --- requests --- */

struct plain_call {
    struct metalog_call call;
    bool is_done;
};

static void on_plain_done(struct metalog_call *call)
{
    CONTAINER_OF(call, struct plain_call, call)->is_done = true;
}

static enum err ask(struct metalog_world *w, struct ctl_req *req, void **ret_resp)
{
    struct plain_call c = {.call = {.req = *req, .done = on_plain_done}};
    metalog_call(w->ml, &c.call);
    enum err e = metalog_world_step(w);
    if (e) { /* the call is still in its list */
        metalog_world_close(w);
        return e;
    }
    assert_true(c.is_done);
    *ret_resp = c.call.resp;
    return c.call.err;
}

static enum err send_registration(struct metalog_world *w, struct arena *a, int64_t *ret_epoch)
{
    struct broker_registration_req r = broker_registration_req_default;
    struct broker_registration_req_listener listener = broker_registration_req_listener_default;
    struct broker_registration_req_feature features[FEATURE_COUNT];
    struct ctl_req req = {
        .api_key = API_BROKER_REGISTRATION, .version = 4, .msg = &r, .arena = a, .now_ms = 1};
    void *resp;
    for (int i = 0; i < FEATURE_COUNT; i++) {
        const struct feature *f = &features_known[i];
        features[i] = (struct broker_registration_req_feature){str_from(f->name), f->min, f->max};
    }
    listener.name = STR("PLAINTEXT");
    listener.host = STR("localhost");
    listener.port = 9092;
    r.broker_id = 1;
    r.cluster_id = str_from(cluster_id);
    r.incarnation_id = (struct uuid){{2, [15] = (uint8_t)w->seed}};
    r.listeners = &listener;
    r.listeners_count = 1;
    r.features = features;
    r.features_count = FEATURE_COUNT;
    r.log_dirs = &w->dir_id;
    r.log_dirs_count = 1;
    enum err e = ask(w, &req, &resp);
    if (!e) {
        const struct broker_registration_resp *answer = resp;
        *ret_epoch = answer->broker_epoch;
        e = (enum err)answer->error_code;
    }
    return e;
}

static enum err send_heartbeat(struct metalog_world *w, struct arena *a, int64_t epoch)
{
    struct broker_heartbeat_req r = broker_heartbeat_req_default;
    struct ctl_req req = {
        .api_key = API_BROKER_HEARTBEAT, .version = 1, .msg = &r, .arena = a, .now_ms = 1};
    void *resp;
    r.broker_id = 1;
    r.broker_epoch = epoch;
    r.current_metadata_offset = metalog_world_status(w).high_watermark - 1;
    enum err e = ask(w, &req, &resp);
    return e ? e : (enum err)((const struct broker_heartbeat_resp *)resp)->error_code;
}

enum err metalog_world_register(struct metalog_world *w)
{
    struct arena a;
    int64_t epoch = -1;
    arena_init(&a, 1 << 20);
    enum err e = send_registration(w, &a, &epoch);
    e = e ? e : send_heartbeat(w, &a, epoch);
    arena_deinit(&a);
    return e;
}

void metalog_world_begin(struct metalog_world *w)
{
    assert_ok(metalog_world_open(w));
    assert_ok(metalog_world_register(w));
}

static void on_topic_done(struct metalog_call *call)
{
    CONTAINER_OF(call, struct topic_call, call)->is_done = true;
}

void topic_call_send(struct metalog_world *w, struct topic_call *c, int number)
{
    *c = (struct topic_call){.req = create_topics_req_default,
                             .topic = create_topics_req_creatable_topic_default};
    arena_init(&c->arena, 1 << 20);
    snprintf(c->name, sizeof c->name, "t%d", number);
    c->topic.name = str_from(c->name);
    c->topic.num_partitions = 1;
    c->topic.replication_factor = 1;
    c->req.topics = &c->topic;
    c->req.topics_count = 1;
    c->call.done = on_topic_done;
    c->call.req = (struct ctl_req){.api_key = API_CREATE_TOPICS,
                                   .version = 7,
                                   .msg = &c->req,
                                   .arena = &c->arena,
                                   .now_ms = w->clock.wall_ms};
    metalog_call(w->ml, &c->call);
}

void topic_call_deinit(struct topic_call *c) { arena_deinit(&c->arena); }

enum err topic_call_err(const struct topic_call *c)
{
    const struct create_topics_resp *resp = c->call.resp;
    return c->call.err ? c->call.err : (enum err)resp->topics[0].error_code;
}

enum err metalog_world_step(struct metalog_world *w)
{
    int64_t deadline_ms;
    return metalog_step(w->ml, &deadline_ms);
}

enum err metalog_world_create(struct metalog_world *w, int number)
{
    struct topic_call c;
    topic_call_send(w, &c, number);
    enum err e = metalog_world_step(w);
    if (e) { /* then nothing may be acknowledged */
        assert_false(c.is_done);
        metalog_world_close(w);
        assert_true(c.is_done);
        assert_err(ERR_NOT_CONTROLLER, c.call.err);
    } else {
        assert_true(c.is_done);
        e = topic_call_err(&c);
    }
    topic_call_deinit(&c);
    return e;
}

/* --- what is there --- */

bool metalog_world_has(const struct metalog_world *w, int number)
{
    char name[32];
    snprintf(name, sizeof name, "t%d", number);
    const struct image_topic *t = image_topic_by_name(metalog_image(w->ml), str_from(name));
    return t != NULL && t->part_count == 1;
}

struct metalog_status metalog_world_status(const struct metalog_world *w)
{
    struct metalog_status s;
    metalog_status(w->ml, &s);
    return s;
}
