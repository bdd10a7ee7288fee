/* The coordinator's thread: it hosts the shards (src/group) of the partitions of __consumer_offsets
 * that this broker leads. It brings them requests, time and records, appends what they write, and
 * tells them when it is committed, that is, when the high watermark has passed it.
 *
 * Everything but submit, topic_deleted, start and stop runs in that thread; so shards need no lock.
 *
 * A shard is loaded when it is first asked for, and at the start all are, one by one between
 * requests, so that sessions of loaded members run out and old offsets expire. It is let go when
 * its partition goes offline; whoever waits for it is told NOT_COORDINATOR. */
#include "base/diag.h"
#include "base/mem.h"
#include "broker/host/coordinator_host.h"
#include "broker/partition.h"
#include "broker/wait.h"
#include "group/names.h"
#include "plat/entropy.h"
#include "record/record.h"
#include "wire/messages.h"

struct shard_host {
    struct coordinator *coordinator;
    struct group_shard *shard;
    struct partition *part; /* referenced */
    struct list in_flight;  /* of struct flight: appended, not committed; oldest first */
    struct timer timer;     /* the shard's next deadline */
    struct wait wait;       /* for the oldest in flight */
    struct waiter waiter;
    bool is_waiting;
    bool is_lost; /* to be let go as soon as it waits no more */
};

struct flight {
    struct list_node node;
    struct group_write *write;
    int64_t need_off;
    int64_t deadline_ms;
};

struct coordinator {
    struct broker *broker;
    struct group_config config;
    struct loop *loop;
    struct shard_host **shards; /* by partition; NULL: not loaded */
    int32_t shard_count;
    struct mail loader; /* in the mailbox while there is more to load */
    int32_t next_load;
    bool in_one_thread;
    struct rand rand; /* in a simulation */
    struct thread thread;
    bool is_started, is_stopped;
};

static struct group_time now(const struct coordinator *c)
{
    struct clock *clock = c->broker->clock;
    return (struct group_time){clock_mono_ms(clock), clock_wall_ms(clock)};
}

static void fill_random(void *ctx, void *p, size_t len)
{
    struct coordinator *c = ctx;
    uint8_t *to = p;
    if (!c->in_one_thread) {
        entropy_fill(p, len);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        to[i] = (uint8_t)rand_u64(&c->rand);
    }
}

/* --- answers --- */

static void on_home(struct mail *m)
{
    struct coord_task *t = CONTAINER_OF(m, struct coord_task, mail);
    t->done(t);
}

static void send_home(struct coord_task *t)
{
    t->mail = (struct mail){.fn = on_home};
    loop_post(t->loop, &t->mail);
}

static void send_done(struct group_out *out)
{
    struct list_node *n;
    while ((n = list_pop_front(&out->done)) != NULL) {
        send_home(CONTAINER_OF(n, struct coord_task, req.node));
    }
}

static void send_away(struct coord_task *t)
{
    t->err = ERR_NOT_COORDINATOR;
    if (!t->is_probe) {
        group_req_fail(&t->req, ERR_NOT_COORDINATOR);
    }
    send_home(t);
}

/* --- writes --- */

static enum err build_batch(const struct group_records *rs, int64_t now_ms, struct buf *out)
{
    struct batch head = {
        .base_ts_ms = NO_TIMESTAMP, .producer_id = NO_PRODUCER_ID, .producer_epoch = -1};
    struct batch_builder bb;
    batch_builder_init(&bb, out, &head, CODEC_NONE, CODEC_LEVEL_DEFAULT);
    for (int32_t i = 0; i < rs->count; i++) {
        struct group_record r = group_records_at(rs, i);
        struct record rec = {.off = i, .ts_ms = now_ms, .key = r.key, .value = r.value};
        batch_builder_add(&bb, &rec);
    }
    enum err e = batch_builder_finish(&bb);
    batch_builder_deinit(&bb);
    return e ? e : out->err;
}

static enum err append(struct shard_host *h, const struct group_records *rs,
                       struct partition_appended *ret)
{
    struct buf bytes = BUF_INIT;
    int64_t now_ms = clock_wall_ms(h->coordinator->broker->clock);
    enum err e = build_batch(rs, now_ms, &bytes);
    if (!e) {
        struct partition_append a = {.p = bytes.p,
                                     .len = bytes.len,
                                     .api_version = wire_max_version(&wire_produce_req),
                                     .now_ms = now_ms,
                                     .is_internal = true};
        e = partition_append(h->part, &a, ret);
    }
    buf_deinit(&bytes);
    return e;
}

static void write_out(struct shard_host *h, struct group_write *w, struct group_out *out)
{
    struct partition_appended done = {0};
    enum err e = append(h, &w->records, &done);
    if (e) {
        group_shard_refused(h->shard, w, e, now(h->coordinator), out);
        return;
    }
    struct flight *f = NEW(struct flight);
    f->write = w;
    f->need_off = done.log.last_off + 1;
    f->deadline_ms = loop_now_ms(h->coordinator->loop) +
                     h->coordinator->broker->config.offsets_commit_timeout_ms;
    list_push_back(&h->in_flight, &f->node);
    if (group_shard_appended(h->shard, w, done.log.base_off)) {
        diag_error(DIAG_GROUP, "%.*s-%d: no memory for what was written; it is loaded again",
                   STR_ARG(h->part->topic_name), h->part->index);
        h->is_lost = true;
    }
}

/* --- commits --- */

static void set_timer(struct shard_host *h)
{
    int64_t at_ms = group_shard_deadline(h->shard);
    if (at_ms == INT64_MAX) {
        loop_timer_cancel(h->coordinator->loop, &h->timer);
    } else {
        loop_timer_set(h->coordinator->loop, &h->timer, at_ms);
    }
}

static void let_go(struct shard_host *h);

static void on_waited(struct wait *w, bool timed_out);

static void wait_for_oldest(struct shard_host *h)
{
    struct list_node *n = list_front(&h->in_flight);
    if (n == NULL || h->is_waiting) {
        return;
    }
    struct flight *f = LIST_ENTRY(n, struct flight, node);
    h->is_waiting = true;
    h->waiter = (struct waiter){.part = h->part, .need_off = f->need_off};
    h->wait = (struct wait){.waiters = &h->waiter, .waiter_count = 1, .done = on_waited};
    wait_start(&h->wait, h->coordinator->loop, 1, f->deadline_ms);
}

/* Tells the shard of everything that the high watermark has passed, or that took too long. */
static void commit_due(struct shard_host *h, struct group_out *out)
{
    struct partition_view v;
    struct list_node *n;
    partition_view(h->part, &v);
    h->is_lost |= v.offline != OK;
    while ((n = list_front(&h->in_flight)) != NULL) {
        struct flight *f = LIST_ENTRY(n, struct flight, node);
        bool is_late = f->deadline_ms <= loop_now_ms(h->coordinator->loop);
        if (v.high_watermark.off < f->need_off && !is_late) {
            return;
        }
        enum err e = v.high_watermark.off < f->need_off ? ERR_REQUEST_TIMED_OUT : OK;
        list_remove(n);
        group_shard_committed(h->shard, f->write, e, now(h->coordinator), out);
        mem_free(f);
    }
}

/* Carries out what the shard gave: its writes, and what comes of them. */
static void settle(struct shard_host *h, struct group_out *out)
{
    struct list_node *n;
    while (!h->is_lost && (n = list_pop_front(&out->writes)) != NULL) {
        write_out(h, LIST_ENTRY(n, struct group_write, node), out);
    }
    if (!h->is_lost) {
        send_done(out);
        wait_for_oldest(h);
        set_timer(h);
        return;
    }
    struct group_out rest;
    group_out_init(&rest);
    list_splice_back(&rest.done, &out->done);
    list_splice_back(&rest.writes, &out->writes);
    group_shard_unload(h->shard, &rest);
    send_done(&rest);
    let_go(h);
}

static void on_waited(struct wait *w, bool timed_out)
{
    struct shard_host *h = CONTAINER_OF(w, struct shard_host, wait);
    struct group_out out;
    (void)timed_out;
    h->is_waiting = false;
    if (h->shard == NULL) {
        let_go(h); /* it had to wait for this */
        return;
    }
    group_out_init(&out);
    commit_due(h, &out);
    settle(h, &out);
}

static void on_timer(struct timer *t)
{
    struct shard_host *h = CONTAINER_OF(t, struct shard_host, timer);
    struct group_out out;
    group_out_init(&out);
    group_shard_tick(h->shard, now(h->coordinator), &out);
    settle(h, &out);
}

/* --- coming and going --- */

/* The shard is unloaded. A wait that is on its way back has to arrive first. */
static void let_go(struct shard_host *h)
{
    struct coordinator *c = h->coordinator;
    struct list_node *n;
    if (h->shard != NULL) {
        c->shards[h->part->index] = NULL;
        loop_timer_cancel(c->loop, &h->timer);
        group_shard_free(h->shard);
        h->shard = NULL;
    }
    while ((n = list_pop_front(&h->in_flight)) != NULL) {
        mem_free(LIST_ENTRY(n, struct flight, node));
    }
    if (!h->is_waiting) {
        partition_unref(h->part);
        mem_free(h);
    }
}

static struct shard_host *host_new(struct coordinator *c, struct partition *p)
{
    struct shard_host *h = NEW(struct shard_host);
    struct group_shard_args args = {&c->config, fill_random, c};
    h->coordinator = c;
    h->part = p;
    h->timer.fn = on_timer;
    list_init(&h->in_flight);
    h->shard = group_shard_new(&args);
    return h;
}

static void make_place(struct coordinator *c, int32_t partition)
{
    int32_t count = MAX(c->shard_count, 1);
    while (count <= partition) {
        count *= 2;
    }
    c->shards = mem_realloc_array(c->shards, (size_t)count, sizeof *c->shards);
    memset(c->shards + c->shard_count, 0, sizeof *c->shards * (size_t)(count - c->shard_count));
    c->shard_count = count;
}

static bool is_leader(struct coordinator *c, int32_t partition)
{
    const struct image *img = metacache_read(&c->broker->metacache);
    const struct image_topic *t = image_topic_by_name(img, GROUP_TOPIC);
    const struct image_part *p = t ? image_topic_part(t, partition) : NULL;
    bool is_here = p != NULL && p->leader == c->broker->node_id;
    metacache_done(&c->broker->metacache);
    return is_here;
}

/* All that is in it is committed: what a shard learns from it nobody can take back. */
static bool is_settled(struct partition *p)
{
    struct partition_view v;
    partition_view(p, &v);
    return v.offline == OK && v.high_watermark.off >= v.end_off;
}

/* NULL: the partition is not here, not settled, or cannot be read. */
static struct shard_host *load(struct coordinator *c, int32_t partition)
{
    struct partition *p;
    struct group_out out;
    if (!is_leader(c, partition) ||
        topic_table_find(&c->broker->topics, GROUP_TOPIC, partition, &p)) {
        return NULL;
    }
    if (!is_settled(p)) {
        partition_unref(p);
        return NULL;
    }
    if (partition >= c->shard_count) {
        make_place(c, partition);
    }
    struct shard_host *h = host_new(c, p);
    c->shards[partition] = h;
    if (coordinator_load(p, h->shard)) {
        let_go(h);
        return NULL;
    }
    group_out_init(&out);
    group_shard_loaded(h->shard, now(c), &out);
    settle(h, &out);
    return c->shards[partition];
}

static struct shard_host *find(struct coordinator *c, int32_t partition)
{
    struct shard_host *h =
        partition >= 0 && partition < c->shard_count ? c->shards[partition] : NULL;
    if (h != NULL && atomic_load(&h->part->offline) != OK) {
        struct group_out out;
        group_out_init(&out);
        h->is_lost = true;
        settle(h, &out);
        h = NULL; /* it may have been made again, and is loaded then */
    }
    return h || partition < 0 || c->is_stopped ? h : load(c, partition);
}

static void on_load_next(struct mail *m)
{
    struct coordinator *c = CONTAINER_OF(m, struct coordinator, loader);
    int32_t count = coordinator_partition_count(c->broker);
    if (c->next_load < count && !c->is_stopped) {
        (void)find(c, c->next_load++);
        loop_post(c->loop, &c->loader);
    }
}

/* --- tasks --- */

static void on_task(struct mail *m)
{
    struct coord_task *t = CONTAINER_OF(m, struct coord_task, mail);
    struct coordinator *c = t->coordinator;
    struct shard_host *h = find(c, t->partition);
    struct group_out out;
    if (h == NULL) {
        send_away(t);
        return;
    }
    if (t->is_probe) {
        send_home(t);
        return;
    }
    group_out_init(&out);
    group_shard_handle(h->shard, &t->req, now(c), &out);
    settle(h, &out);
}

void coordinator_submit(struct coordinator *c, struct coord_task *t)
{
    t->coordinator = c;
    t->err = OK;
    t->mail = (struct mail){.fn = on_task};
    loop_post(c->loop, &t->mail);
}

int32_t coordinator_partition_count(struct broker *b)
{
    const struct image *img = metacache_read(&b->metacache);
    const struct image_topic *t = image_topic_by_name(img, GROUP_TOPIC);
    int32_t count = t ? t->part_count : 0;
    metacache_done(&b->metacache);
    return count;
}

int32_t coordinator_partition(struct broker *b, struct str group)
{
    int32_t count = coordinator_partition_count(b);
    return count > 0 ? group_partition(group, count) : -1;
}

/* --- topics that go --- */

struct deletion {
    struct mail mail;
    struct coordinator *coordinator;
    struct str topic; /* owned */
};

static void on_deletion(struct mail *m)
{
    struct deletion *d = CONTAINER_OF(m, struct deletion, mail);
    struct coordinator *c = d->coordinator;
    for (int32_t i = 0; i < c->shard_count; i++) {
        struct shard_host *h = c->shards[i] ? find(c, i) : NULL;
        struct group_out out;
        if (h != NULL) {
            group_out_init(&out);
            group_shard_drop_topic(h->shard, d->topic, now(c), &out);
            settle(h, &out);
        }
    }
    mem_free((char *)(uintptr_t)d->topic.p);
    mem_free(d);
}

void coordinator_topic_deleted(struct coordinator *c, struct str topic)
{
    struct deletion *d = NEW(struct deletion);
    d->mail.fn = on_deletion;
    d->coordinator = c;
    d->topic = (struct str){str_dup(topic), topic.len};
    loop_post(c->loop, &d->mail);
}

/* --- visits --- */

struct visit {
    struct mail mail;
    struct coordinator *coordinator;
    const struct group_visitor *visitor;
    struct mutex lock;
    struct cond wake;
    bool is_over;
};

static void on_visit(struct mail *m)
{
    struct visit *v = CONTAINER_OF(m, struct visit, mail);
    struct coordinator *c = v->coordinator;
    for (int32_t i = 0; i < c->shard_count; i++) {
        if (c->shards[i] != NULL) {
            group_shard_visit(c->shards[i]->shard, v->visitor);
        }
    }
    mutex_lock(&v->lock);
    v->is_over = true;
    cond_signal(&v->wake);
    mutex_unlock(&v->lock);
}

void coordinator_visit(struct coordinator *c, const struct group_visitor *visitor)
{
    struct visit v = {.mail = {.fn = on_visit}, .coordinator = c, .visitor = visitor};
    mutex_init(&v.lock);
    cond_init(&v.wake);
    loop_post(c->loop, &v.mail);
    mutex_lock(&v.lock);
    while (!v.is_over) {
        cond_wait(&v.wake, &v.lock);
    }
    mutex_unlock(&v.lock);
    cond_deinit(&v.wake);
    mutex_deinit(&v.lock);
}

/* --- life --- */

static void read_config(struct coordinator *c)
{
    const struct broker_config *b = &c->broker->config;
    c->config = (struct group_config){
        .min_session_ms = b->group_min_session_timeout_ms,
        .max_session_ms = b->group_max_session_timeout_ms,
        .initial_delay_ms = b->group_initial_rebalance_delay_ms,
        .max_size = b->group_max_size,
        .offset_metadata_max_bytes = b->offset_metadata_max_bytes,
        .retention_ms = (int64_t)b->offsets_retention_minutes * 60 * 1000,
        .retention_check_ms = b->offsets_retention_check_interval_ms,
    };
}

enum err coordinator_new(const struct coordinator_args *args, struct coordinator **ret_coordinator)
{
    struct coordinator *c = NEW(struct coordinator);
    c->broker = args->broker;
    c->in_one_thread = args->in_one_thread;
    c->loader.fn = on_load_next;
    rand_init(&c->rand, args->seed);
    read_config(c);
    enum err e = loop_new(args->broker->net, args->broker->clock, &c->loop);
    if (e) {
        mem_free(c);
        return e;
    }
    *ret_coordinator = c;
    return OK;
}

struct loop *coordinator_loop(struct coordinator *c) { return c->loop; }

void coordinator_begin(struct coordinator *c) { loop_post(c->loop, &c->loader); }

static void run(void *ctx)
{
    struct coordinator *c = ctx;
    loop_run(c->loop);
    codec_release_thread();
}

enum err coordinator_start(struct coordinator *c)
{
    coordinator_begin(c);
    enum err e = thread_start(&c->thread, "ottla-groups", run, c);
    c->is_started = e == OK;
    return e;
}

static void unload(struct shard_host *h)
{
    struct group_out out;
    group_out_init(&out);
    h->is_lost = true;
    if (h->is_waiting) { /* its partition would not say */
        loop_timer_cancel(h->coordinator->loop, &h->wait.timer);
        partition_unwait(&h->waiter);
        h->is_waiting = false;
    }
    settle(h, &out);
}

void coordinator_stop(struct coordinator *c)
{
    if (c->is_started) {
        loop_stop(c->loop);
        thread_join(&c->thread);
        c->is_started = false;
    }
    c->is_stopped = true;
    while (loop_step(c->loop, 0) > 0) { /* what had come in is still answered */
    }
    for (int32_t i = 0; i < c->shard_count; i++) {
        if (c->shards[i] != NULL) {
            unload(c->shards[i]);
        }
    }
}

void coordinator_free(struct coordinator *c)
{
    mem_free(c->shards);
    loop_free(c->loop);
    mem_free(c);
}
