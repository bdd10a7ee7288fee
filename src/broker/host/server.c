/* Starting and stopping a broker: the order in which the parts come to life and end.
 *
 * Start: settings, directories, metadata log, partitions, listeners, registration, threads.
 * Everything up to the last step happens in the caller's thread; connections that come early wait
 * in the backlog. */
#include "broker/server.h"

#include "base/diag.h"
#include "base/limit.h"
#include "base/mem.h"
#include "broker/admission.h"
#include "broker/fetch_session.h"
#include "broker/host/acceptor.h"
#include "broker/host/controller_host.h"
#include "broker/host/coordinator_host.h"
#include "broker/host/endpoints.h"
#include "broker/host/pages.h"
#include "broker/host/reaction.h"
#include "broker/host/registration.h"
#include "broker/host/settings.h"
#include "broker/host/upkeep.h"
#include "broker/metrics.h"
#include "broker/producer_ids.h"
#include "broker/storage/mover.h"
#include "broker/storage/placed.h"
#include "broker/syncer.h"
#include "broker/warmer.h"
#include "broker/worker.h"
#include "plat/snappy.h"
#include "record/record.h"

enum { ARENA_BYTES = 4 << 20, MAKE_AGAIN_MS = 500, DELIVERY_ROUNDS = 10000 };

struct server {
    struct broker broker;
    struct server_args args;
    struct arena arena; /* texts of the endpoints, the registration */
    struct endpoints endpoints;
    struct storage *storage;
    struct metalog *metalog;
    struct reaction reaction;
    struct timer make_again; /* on the controller's loop */
    struct placed placed;
    struct upkeep *upkeep;
    struct buf address;
    struct uuid incarnation; /* of this run of the broker and its controller */
    int64_t broker_epoch;
};

int server_port(const struct server *s, int i) { return s->broker.endpoints[i].port; }
const char *server_address(const struct server *s) { return (const char *)s->address.p; }
const struct broker_config *server_config(const struct server *s) { return &s->broker.config; }

static enum err init_config(struct server *s, struct buf *why)
{
    enum err e = broker_config_init(&s->broker.config, &s->args.props, why);
    if (e) {
        return e;
    }
    e = settings_check(&s->broker.config, why);
    if (e) {
        return e;
    }
    e = endpoints_parse(&s->broker.config, &s->arena, &s->endpoints, why);
    s->broker.endpoints = s->endpoints.brokers;
    s->broker.endpoint_count = s->endpoints.broker_count;
    s->broker.listener_count = s->endpoints.broker_count + s->endpoints.controller_count;
    s->broker.node_id = s->broker.config.node_id;
    return e;
}

/* --- data and metadata --- */

static enum err open_storage(struct server *s, struct buf *why)
{
    struct storage_args args = {
        .fs = s->args.fs,
        .clock = s->args.clock,
        .config = &s->broker.config,
        .topics = &s->broker.topics,
        .syncer = s->broker.syncer,
        .seed = s->args.seed + 1,
        .in_one_thread = s->args.in_one_thread,
        .boot_id = s->args.boot_id,
    };
    enum err e = storage_open(&args, &s->storage, why);
    if (!e) {
        s->broker.storage = s->storage;
        s->broker.cluster_id = storage_cluster_id(s->storage);
        s->broker.metadata_dir_id = logdir_meta(storage_metadata_dir(s->storage))->dir_id;
        s->reaction = (struct reaction){s->storage, &s->broker.topics, s->broker.node_id};
    }
    return e;
}

static void lock_image(void *ctx) { rwlock_write(&((struct server *)ctx)->broker.metacache.lock); }
static void unlock_image(void *ctx)
{
    rwlock_unlock(&((struct server *)ctx)->broker.metacache.lock);
}

static void make_again_later(struct server *s)
{
    loop_timer_set(controller_loop(s->broker.controller), &s->make_again,
                   clock_mono_ms(s->args.clock) + MAKE_AGAIN_MS);
}

/* Partitions that could not be made, for a full disk perhaps. */
static void on_make_again(struct timer *t)
{
    struct server *s = CONTAINER_OF(t, struct server, make_again);
    storage_make_again(s->storage, metalog_image(s->metalog));
    if (storage_has_unmade(s->storage)) {
        make_again_later(s);
    }
}

static void forget_offsets(struct server *s, const struct delta *delta)
{
    for (const struct delta_topic *t = delta->topics; t != NULL; t = t->next) {
        if (t->is_deleted && !t->is_created && s->broker.coordinator != NULL) {
            coordinator_topic_deleted(s->broker.coordinator, t->name);
        }
    }
}

static void on_committed(void *ctx, const struct image *img, const struct delta *delta)
{
    struct server *s = ctx;
    reaction_apply(&s->reaction, img, delta);
    forget_offsets(s, delta);
    if (delta_has_config(delta, RESOURCE_BROKER)) {
        acceptor_set_limits(&s->broker, img);
    }
    if (storage_has_unmade(s->storage)) {
        make_again_later(s);
    }
    if (s->placed.loop != NULL && storage_dir_count(s->storage) > 1) {
        placed_tell_later(&s->placed); /* new partitions have been put somewhere */
    }
}

static struct image_endpoint image_endpoint_of(const struct endpoint *ep)
{
    return (struct image_endpoint){
        .name = ep->name,
        .host = str_from(ep->advertised_host),
        .port = (uint16_t)ep->advertised_port,
        .security_protocol = ep->security_protocol,
    };
}

/* Without a listener of the controller's own the embedded quorum still has to name one. */
static struct image_endpoint *controller_endpoints(struct server *s, int32_t *ret_count)
{
    int n = s->endpoints.controller_count;
    struct image_endpoint *v = arena_array(&s->arena, (size_t)MAX(n, 1), sizeof *v);
    for (int i = 0; v != NULL && i < n; i++) {
        v[i] = image_endpoint_of(&s->endpoints.controllers[i]);
    }
    if (v != NULL && n == 0) {
        v[0] = (struct image_endpoint){STR("CONTROLLER"), STR("localhost"), 9093, 0};
    }
    *ret_count = MAX(n, 1);
    return v;
}

static enum err open_metalog(struct server *s, struct buf *why)
{
    struct metalog_args args = {
        .clock = s->args.clock,
        .config = &s->broker.config,
        .dir = storage_metadata_dir(s->storage),
        .incarnation = s->incarnation,
        .seed = s->args.seed + 2,
        .lock = lock_image,
        .unlock = unlock_image,
        .on_committed = on_committed,
        .ctx = s,
    };
    args.ctl_endpoints = controller_endpoints(s, &args.ctl_endpoint_count);
    if (args.ctl_endpoints == NULL) {
        return ERR_NO_MEMORY;
    }
    enum err e = metalog_open(&args, &s->metalog, why);
    if (!e) {
        s->broker.metacache.image = metalog_image(s->metalog);
        acceptor_set_limits(&s->broker, metalog_image(s->metalog));
    }
    return e;
}

/* --- threads and listeners --- */

static enum err make_workers(struct server *s, struct buf *why)
{
    struct broker *b = &s->broker;
    int want = s->args.worker_count ? s->args.worker_count : thread_cpu_count();
    b->workers = mem_zalloc(sizeof(struct worker *) * (size_t)want);
    b->metrics = metrics_new(want, clock_wall_ms(b->clock));
    crew_measure(b->syncer, b->clock, &b->metrics->sync_time);
    b->http = s->args.in_one_thread ? NULL : http_new(pages_serve, b);
    for (; b->worker_count < want; b->worker_count++) {
        enum err e = worker_new(b, b->worker_count, &b->workers[b->worker_count]);
        if (e) {
            buf_printf(why, "a worker cannot be made: %s", err_text(e));
            return e;
        }
    }
    return OK;
}

static enum err listen_all(struct server *s, struct buf *why)
{
    enum err e = acceptor_listen(&s->broker, why);
    if (!e) {
        buf_printf(&s->address, "%s:%d", s->broker.endpoints[0].advertised_host,
                   s->broker.endpoints[0].advertised_port);
        buf_cstr(&s->address);
    }
    return e;
}

static enum err join_cluster(struct server *s, struct buf *why)
{
    struct registration r = {.broker = &s->broker,
                             .metalog = s->metalog,
                             .storage = s->storage,
                             .clock = s->args.clock,
                             .incarnation = s->incarnation,
                             .arena = &s->arena};
    enum err e = registration_join(&r, &s->broker_epoch, why);
    if (!e) {
        producer_ids_set_epoch(s->broker.producer_ids, s->broker_epoch);
    }
    return e;
}

/* --- start --- */

static void on_metalog_lost(void *ctx, enum err e)
{
    struct server *s = ctx;
    if (s->args.on_fatal != NULL) {
        s->args.on_fatal(s->args.ctx, e);
    }
}

static void on_moved(void *ctx) { placed_tell_later(&((struct server *)ctx)->placed); }

static uint64_t written_bytes(void *ctx)
{
    return metrics_bytes_in(((const struct broker *)ctx)->metrics);
}

static enum err make_parts(struct server *s, struct buf *why)
{
    struct broker *b = &s->broker;
    struct controller_args args = {
        .net = b->net,
        .clock = b->clock,
        .log = s->metalog,
        .on_fatal = on_metalog_lost,
        .ctx = s,
    };
    enum err e = controller_new(&args, &b->controller);
    if (e) {
        buf_printf(why, "the controller cannot be made: %s", err_text(e));
        return e;
    }
    e = coordinator_new(&(struct coordinator_args){b, s->args.in_one_thread, s->args.seed + 5},
                        &b->coordinator);
    if (e) {
        buf_printf(why, "the group coordinator cannot be made: %s", err_text(e));
        return e;
    }
    b->producer_ids = producer_ids_new(b->controller, b->node_id);
    b->fetch_sessions = fetch_sessions_new(LIMIT_FETCH_SESSIONS, s->args.seed + 4);
    int64_t most = b->config.queued_max_request_bytes;
    b->budget = net_budget_new(most > 0 ? (size_t)most : LIMIT_REQUEST_BYTES_IN_FLIGHT);
    s->upkeep = upkeep_new(
        &(struct upkeep_args){s->storage, &b->topics, b->clock, &b->config, written_bytes, b});
    b->mover = mover_new(&(struct mover_args){
        s->storage, &b->topics, b->clock, &b->metacache, &b->config,
        s->args.in_one_thread ? NULL : controller_loop(b->controller), on_moved, s});
    return make_workers(s, why);
}

/* The controller's loop does not run yet: what is told now waits for it. */
static void tell_places(struct server *s)
{
    struct broker *b = &s->broker;
    s->placed = (struct placed){.controller = b->controller,
                                .topics = &b->topics,
                                .metacache = &b->metacache,
                                .loop = controller_loop(b->controller),
                                .clock = b->clock,
                                .node_id = b->node_id};
    placed_tell(&s->placed);
}

static enum err start_threads(struct server *s)
{
    if (s->args.in_one_thread) {
        controller_begin(s->broker.controller);
        coordinator_begin(s->broker.coordinator);
        return OK;
    }
    enum err e = controller_start(s->broker.controller);
    e = e ? e : coordinator_start(s->broker.coordinator);
    e = e ? e : upkeep_start(s->upkeep);
    e = e ? e : mover_start(s->broker.mover);
    for (int i = 0; !e && i < s->broker.worker_count; i++) {
        e = worker_start(s->broker.workers[i]);
    }
    return e;
}

static enum err bring_up(struct server *s, struct buf *why)
{
    enum err e = init_config(s, why);
    e = e ? e : syncer_new(s->args.in_one_thread ? 0 : LIMIT_SYNC_THREADS, &s->broker.syncer);
    e = e ? e : warmer_new(s->args.in_one_thread ? 0 : LIMIT_WARM_THREADS, &s->broker.warmer);
    e = e ? e : open_storage(s, why);
    e = e ? e : open_metalog(s, why);
    e = e ? e : storage_load(s->storage, metalog_image(s->metalog), s->broker.node_id, why);
    e = e ? e : make_parts(s, why);
    e = e ? e : listen_all(s, why);
    e = e ? e : join_cluster(s, why);
    if (e) {
        return e;
    }
    tell_places(s);
    return start_threads(s);
}

static void take_down(struct server *s, bool is_clean);

enum err server_start(struct server_args *args, struct server **ret_server, struct buf *why)
{
    struct server *s = NEW(struct server);
    struct rand r;
    codec_set_snappy(snappy_library);
    s->args = *args;
    s->broker.fs = args->fs;
    s->broker.net = args->net;
    s->broker.clock = args->clock;
    s->broker.tap = args->tap;
    arena_init(&s->arena, ARENA_BYTES);
    rand_init(&r, args->seed + 3);
    s->incarnation = uuid_random(&r);
    s->make_again.fn = on_make_again;
    s->broker.admission = admission_new(args->net, args->seed + 4);
    rwlock_init(&s->broker.metacache.lock);
    topic_table_init(&s->broker.topics, args->seed + 6);
    enum err e = bring_up(s, why);
    if (e) {
        take_down(s, false);
        return e;
    }
    *ret_server = s;
    return OK;
}

/* --- stop --- */

static void offline(void *ctx, struct partition *p)
{
    (void)ctx;
    partition_take_offline(p, ERR_NOT_LEADER_OR_FOLLOWER);
}

/* The threads have ended; what is still on its way between their loops arrives, so that nobody is
 * freed who has mail to come. */
static void deliver_mail(struct broker *b)
{
    bool did = b->coordinator != NULL; /* all loops are there */
    for (int i = 0; did && i < DELIVERY_ROUNDS; i++) {
        did = loop_step(controller_loop(b->controller), 0) > 0;
        did |= loop_step(coordinator_loop(b->coordinator), 0) > 0;
        for (int w = 0; w < b->worker_count; w++) {
            did |= loop_step(worker_loop(b->workers[w]), 0) > 0;
        }
    }
}

/* Threads end in an order that lets each answer what is open: first nothing new comes in, then what
 * waits is completed, then the workers that send the answers stop. */
static void stop_threads(struct server *s)
{
    struct broker *b = &s->broker;
    atomic_store(&b->is_stopping, true);
    http_stop(b->http); /* its pages ask the threads below */
    if (s->upkeep != NULL) {
        upkeep_stop(s->upkeep);
    }
    if (b->mover != NULL) {
        mover_stop(b->mover);
    }
    if (b->controller != NULL) {
        controller_stop(b->controller);
    }
    if (b->syncer != NULL) {
        crew_drain(b->syncer);
    }
    if (b->warmer != NULL) {
        crew_drain(b->warmer);
    }
    topic_table_each(&b->topics, offline, NULL);
    if (b->coordinator != NULL) {
        coordinator_stop(b->coordinator);
    }
    for (int i = 0; i < b->worker_count; i++) {
        worker_stop(b->workers[i]);
    }
    deliver_mail(b);
}

static void free_connections(struct broker *b)
{
    acceptor_close(b);
    for (int i = 0; i < b->worker_count; i++) {
        worker_free(b->workers[i]);
    }
    mem_free(b->workers);
}

static void free_parts(struct server *s)
{
    struct broker *b = &s->broker;
    crew_free(b->syncer);
    crew_free(b->warmer);
    if (s->upkeep != NULL) {
        upkeep_free(s->upkeep);
        mover_free(b->mover);
        producer_ids_free(b->producer_ids);
        fetch_sessions_free(b->fetch_sessions);
    }
    if (b->controller != NULL) {
        loop_timer_cancel(controller_loop(b->controller), &s->make_again);
        placed_deinit(&s->placed);
        controller_free(b->controller);
    }
    if (b->coordinator != NULL) {
        coordinator_free(b->coordinator);
    }
}

static void take_down(struct server *s, bool is_clean)
{
    struct broker *b = &s->broker;
    stop_threads(s);
    http_free(b->http);
    free_connections(b);
    free_parts(s);
    metrics_free(b->metrics);
    admission_free(b->admission);
    if (is_clean) {
        storage_checkpoint(s->storage, true);
    }
    topic_table_deinit(&b->topics);
    if (s->metalog != NULL) {
        metalog_close(s->metalog);
    }
    if (s->storage != NULL) {
        storage_close(s->storage, is_clean, s->broker_epoch);
    }
    net_budget_free(b->budget);
    broker_config_deinit(&b->config);
    rwlock_deinit(&b->metacache.lock);
    buf_deinit(&s->address);
    arena_deinit(&s->arena);
    mem_free(s);
}

struct disconnect {
    struct mail mail;
    struct loop *loop;
};

static void on_disconnect(struct mail *m)
{
    struct disconnect *d = CONTAINER_OF(m, struct disconnect, mail);
    conn_close_all(d->loop);
    mem_free(d);
}

void server_disconnect(struct server *s)
{
    for (int i = 0; i < s->broker.worker_count; i++) {
        struct disconnect *d = NEW(struct disconnect);
        d->mail.fn = on_disconnect;
        d->loop = worker_loop(s->broker.workers[i]);
        loop_post(d->loop, &d->mail);
    }
}

void server_kill(struct server *s) { take_down(s, false); }

bool server_step(struct server *s)
{
    struct broker *b = &s->broker;
    bool did = loop_step(controller_loop(b->controller), 0) > 0;
    did |= loop_step(coordinator_loop(b->coordinator), 0) > 0;
    for (int i = 0; i < b->worker_count; i++) {
        did |= loop_step(worker_loop(b->workers[i]), 0) > 0;
    }
    did |= crew_step(b->syncer);
    did |= crew_step(b->warmer);
    upkeep_step(s->upkeep);
    did |= mover_step(b->mover) <= clock_mono_ms(b->clock);
    return did;
}

void server_stop(struct server *s) { take_down(s, true); }
