/* A whole broker in one thread, on a disk that forgets, a network that breaks and a clock that the
 * simulator turns. Idempotent producers with acks=all, a consumer and one who commits offsets work
 * against it while the power goes, the process is killed, calls to the disk fail, memory runs out
 * and connections break; at last all is read back. The same seed is the same run.
 *
 * What must hold, whatever happened:
 *   - what was acknowledged is there, at the offset that was told
 *   - of each producer and partition there are the records 0, 1, 2, … once each and in this order
 *   - what a consumer was given stays what it was
 *   - a producer that retries is never told that its sequence is wrong
 *   - an offset that a group was told to have committed is never taken back
 *   - a producer id is given once
 *   - a topic that was made is there, one that was deleted is not, a setting that was made holds
 *
 * The partitions are moved between two data directories meanwhile.
 *
 * Every fifth seed acknowledges from the page cache. There the power only goes after a clean stop,
 * and no call fails: a kill alone loses nothing.
 *
 *   sim SEED [COUNT]    so many runs, from this seed on */
#include "test/sim/asks.h"
#include "test/sim/client.h"
#include "test/sim/committer.h"
#include "test/sim/meddler.h"
#include "test/sim/simnet.h"

#include "base/diag.h"
#include "base/mem.h"
#include "broker/server.h"
#include "record/record.h"
#include "test/crash/crashfs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PORT = 9092,
    PARTS = 3,
    PRODUCERS = 4,
    BATCH_RECORDS_MAX = 5,
    STEPS = 1500,
    STEPS_AT_END = 20000,
    PIECE_BYTES_AT_END = 4096, /* a few at a time and large records take for ever */
    PLAIN_MAX_BYTES = 16 << 20,
    IDS_MAX = 1000,
    NEW_ID_ONE_IN = 40,
};

static const char topic_name[] = "t";

/* --- what the run has seen --- */

struct place {
    int producer; /* -1: unknown */
    int number;
};

/* By offset. */
struct places {
    struct place *v;
    int64_t count, cap;
};

static void places_set(struct places *p, int64_t off, struct place x)
{
    while (off >= p->cap) {
        p->cap = p->cap ? p->cap * 2 : 256;
        p->v = mem_realloc_array(p->v, (size_t)p->cap, sizeof *p->v);
    }
    while (p->count <= off) {
        p->v[p->count++] = (struct place){-1, 0};
    }
    p->v[off] = x;
}

/* One batch on its way: sent again and again until it is acknowledged. */
struct shipment {
    bool is_open;
    int part;
    int count;
    enum codec codec;
    size_t value_bytes;
    bool is_retry;
    unsigned stamp_changes; /* when it was sent first */
};

struct producer {
    struct sim_client client;
    int64_t id; /* -1: not known yet */
    int16_t epoch;
    int next[PARTS];  /* number of the next record */
    int first[PARTS]; /* under this id: its sequence is 0 */
    struct shipment now;
};

struct consumer {
    struct sim_client client;
    int64_t position[PARTS];
    int64_t end[PARTS]; /* high watermarks last told; -1 none */
    struct places *seen;
};

struct sim {
    uint64_t seed;
    struct rand rand;
    struct simnet net;
    struct simclock clock;
    struct crashfs *disk;
    struct server *server; /* NULL: down */
    bool is_lost;          /* it said that it cannot go on */
    bool is_hurt;          /* a disk call failed: only a restart heals */
    bool is_short_of_memory;
    bool is_page_cache; /* flush.before.ack=false */
    int restarts;
    int boots; /* of the machine */
    struct sim_client admin;
    bool has_topic;
    struct producer producers[PRODUCERS];
    struct consumer consumer;
    struct committer committer;
    struct meddler meddler;
    int64_t ids[IDS_MAX]; /* that were given */
    int id_count;
    struct places acked[PARTS], seen[PARTS], final[PARTS];
    int acked_count;
};

static void violation(const struct sim *s, const char *fmt, ...) printf_like(2, 3);
static void violation(const struct sim *s, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "sim %" PRIu64 ": ", s->seed);
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}

/* What happens, for who looks into a seed: SIM_DIAG=1. */
#define TELL(...) diag_debug(DIAG_ROOT, __VA_ARGS__)

/* --- the broker's life --- */

static void on_fatal(void *ctx, enum err e)
{
    (void)e;
    ((struct sim *)ctx)->is_lost = true;
}

static const char settings[] = "listeners=PLAINTEXT://127.0.0.1:9092\n"
                               "log.dirs=data,data2\n"
                               "log.segment.bytes=1048576\n"
                               "log.flush.offset.checkpoint.interval.ms=200\n"
                               "log.retention.ms=86400000\n"
                               "log.retention.check.interval.ms=300\n"
                               "file.delete.delay.ms=1000\n"
                               "offsets.topic.num.partitions=2\n"
                               "metadata.log.max.record.bytes.between.snapshots=2000\n";

static bool start(struct sim *s, struct buf *why)
{
    struct server_args args = {
        .fs = crashfs_fs(s->disk),
        .net = &s->net.net,
        .clock = &s->clock.clock,
        .seed = rand_u64(&s->rand),
        .worker_count = 2,
        .boot_id = {{1, (uint8_t)s->boots}},
        .in_one_thread = true,
        .on_fatal = on_fatal,
        .ctx = s,
    };
    int line;
    enum err e = props_parse(&args.props, str_from(settings), &line);
    if (!e && s->is_page_cache) {
        e = props_set(&args.props, STR("log.flush.before.ack"), STR("false"));
    }
    e = e ? e : server_start(&args, &s->server, why);
    if (e) {
        s->server = NULL;
    }
    s->is_lost = s->is_hurt = false;
    return e == OK;
}

static void arm(struct sim *s, enum crashfs_fault fault, unsigned kinds, uint64_t after,
                enum err err)
{
    TELL("the disk will %s after %" PRIu64 " calls", fault == CRASHFS_NO_FAULT ? "work" : "fail",
         after);
    struct crashfs_plan plan = {fault, kinds, after, err, rand_u64(&s->rand)};
    crashfs_arm(s->disk, &plan);
}

/* Nothing that the dying broker does reaches the disk any more. */
static void bring_down(struct sim *s)
{
    arm(s, CRASHFS_POWER, CRASHFS_CHANGES | CRASHFS_READS | CRASHFS_OPENS, 0, ERR_IO);
    if (s->server != NULL) {
        server_kill(s->server);
        s->server = NULL;
    }
}

/* The machine keeps running: what was written stays written. */
static void kill_process(struct sim *s)
{
    TELL("kill");
    bring_down(s);
    struct crashfs *kept = crashfs_clone(s->disk);
    crashfs_free(s->disk);
    s->disk = kept;
}

static void cut_power(struct sim *s)
{
    TELL("power cut");
    bring_down(s);
    s->boots++;
    crashfs_cut(s->disk, rand_u64(&s->rand));
    arm(s, CRASHFS_NO_FAULT, 0, 0, OK);
}

/* The worst that may happen. */
static void crash(struct sim *s)
{
    if (s->is_page_cache) {
        kill_process(s);
    } else {
        cut_power(s);
    }
}

static void restart(struct sim *s)
{
    struct buf why = BUF_INIT;
    TELL("start");
    s->restarts++;
    if (crashfs_has_struck(s->disk)) {
        crash(s);
    }
    arm(s, CRASHFS_NO_FAULT, 0, 0, OK);
    while (rand_one_in(&s->rand, 4)) { /* it dies again while it recovers */
        arm(s, CRASHFS_POWER, CRASHFS_CHANGES, rand_below(&s->rand, 40), ERR_IO);
        start(s, &why);
        crash(s);
        buf_clear(&why);
    }
    if (s->is_short_of_memory && rand_one_in(&s->rand, 3)) {
        mem_fail_after(1 + rand_below(&s->rand, 300));
        bool is_up = start(s, &why);
        mem_fail_after(0);
        if (is_up) {
            buf_deinit(&why);
            return;
        }
        crash(s);
        buf_clear(&why);
    }
    if (!start(s, &why)) {
        violation(s, "the broker does not start: %s", buf_cstr(&why));
    }
    buf_deinit(&why);
}

/* --- clients --- */

static void admin_step(struct sim *s)
{
    struct create_topics_resp resp;
    if (s->has_topic) {
        return;
    }
    if (!s->admin.is_waiting) {
        struct ask_create a;
        sim_client_call(&s->admin, API_CREATE_TOPICS, 5, ask_create(&a, topic_name, PARTS));
    }
    if (sim_client_poll(&s->admin, &resp) == SIM_ANSWER) {
        enum err e = (enum err)resp.topics[0].error_code;
        s->has_topic = e == OK || e == ERR_TOPIC_ALREADY_EXISTS;
    }
}

static void value_of(struct buf *out, int producer, int number, size_t bytes)
{
    buf_clear(out);
    buf_printf(out, "%d %d ", producer, number);
    char period[26];
    for (size_t i = 0; i < sizeof period; i++) {
        period[i] = (char)('a' + (i * 7 + (size_t)number) % 26);
    }
    while (out->len < bytes) {
        buf_put(out, period, MIN(bytes - out->len, sizeof period));
    }
}

static void build(struct sim *s, int self, struct buf *out)
{
    const struct producer *p = &s->producers[self];
    struct batch head = {
        .leader_epoch = -1,
        .base_ts_ms = clock_wall_ms(&s->clock.clock),
        .producer_id = p->id,
        .producer_epoch = p->epoch,
        .base_seq = p->next[p->now.part] - p->first[p->now.part],
    };
    struct batch_builder bb;
    struct buf value = BUF_INIT;
    batch_builder_init(&bb, out, &head, p->now.codec, CODEC_LEVEL_DEFAULT);
    for (int i = 0; i < p->now.count; i++) {
        value_of(&value, self, p->next[p->now.part] + i, p->now.value_bytes);
        struct record r = {.off = i, .ts_ms = head.base_ts_ms, .value = buf_bytes(&value)};
        batch_builder_add(&bb, &r);
    }
    if (batch_builder_finish(&bb) != OK) {
        violation(s, "a batch cannot be built");
    }
    batch_builder_deinit(&bb);
    buf_deinit(&value);
}

static void ship(struct sim *s, int self)
{
    struct producer *p = &s->producers[self];
    struct buf bytes = BUF_INIT;
    struct ask_produce a;
    build(s, self, &bytes);
    sim_client_call(&p->client, API_PRODUCE, 9,
                    ask_produce(&a, (struct ask_part){topic_name, p->now.part}, buf_bytes(&bytes)));
    buf_deinit(&bytes);
}

static void ask_id(struct producer *p)
{
    struct init_producer_id_req req = init_producer_id_req_default;
    req.transactional_id = STR_NULL;
    req.transaction_timeout_ms = 60000;
    sim_client_call(&p->client, API_INIT_PRODUCER_ID, 4, &req);
}

static bool is_retriable(enum err e)
{
    switch ((int)e) {
    case ERR_UNKNOWN_TOPIC_OR_PARTITION:
    case ERR_NOT_LEADER_OR_FOLLOWER:
    case ERR_REQUEST_TIMED_OUT:
    case ERR_KAFKA_STORAGE_ERROR:
        return true;
    default:
        return false;
    }
}

/* Who stamped the records is told; while the setting stays, it is known. */
static void check_stamps(const struct sim *s, const struct producer *p,
                         const struct produce_resp_partition_produce_response *r)
{
    const struct meddler *m = &s->meddler;
    bool is_known = !p->now.is_retry && m->broker_stamps != MEDDLER_UNKNOWN &&
                    m->stamp_changes == p->now.stamp_changes;
    if (is_known && (r->log_append_time_ms >= 0) != (m->broker_stamps == MEDDLER_ON)) {
        violation(s, "partition %d: message.timestamp.type is not what it was set to", p->now.part);
    }
}

static void on_produced(struct sim *s, int self, const struct produce_resp *resp)
{
    struct producer *p = &s->producers[self];
    const struct produce_resp_partition_produce_response *r =
        &resp->responses[0].partition_responses[0];
    enum err e = (enum err)r->error_code;
    TELL("producer %d, partition %d, records %d..%d: %s at %" PRId64, self, p->now.part,
         p->next[p->now.part], p->next[p->now.part] + p->now.count - 1, err_name(e),
         r->base_offset);
    if (e) {
        if (!is_retriable(e)) {
            violation(s, "producer %d, partition %d, record %d: %s", self, p->now.part,
                      p->next[p->now.part], err_name(e));
        }
        s->is_hurt = s->is_hurt || e == ERR_KAFKA_STORAGE_ERROR;
        return;
    }
    check_stamps(s, p, r);
    for (int i = 0; i < p->now.count; i++) {
        places_set(&s->acked[p->now.part], r->base_offset + i,
                   (struct place){self, p->next[p->now.part] + i});
    }
    s->acked_count += p->now.count;
    p->next[p->now.part] += p->now.count;
    p->now.is_open = false;
}

static void think_of_records(struct sim *s, struct producer *p)
{
    static const size_t sizes[] = {10, 100, 1000, 60000};
    p->now = (struct shipment){
        .is_open = true,
        .part = (int)rand_below(&s->rand, PARTS),
        .count = 1 + (int)rand_below(&s->rand, BATCH_RECORDS_MAX),
        .codec = (enum codec)rand_below(&s->rand, CODEC_COUNT),
        .value_bytes = sizes[rand_below(&s->rand, ARRAY_LEN(sizes))],
        .stamp_changes = s->meddler.stamp_changes,
    };
}

static void take_id(struct sim *s, struct producer *p, const struct init_producer_id_resp *r)
{
    for (int i = 0; i < s->id_count; i++) {
        if (s->ids[i] == r->producer_id) {
            violation(s, "producer id %" PRId64 " is given again", r->producer_id);
        }
    }
    if (s->id_count < IDS_MAX) {
        s->ids[s->id_count++] = r->producer_id;
    }
    p->id = r->producer_id;
    p->epoch = r->producer_epoch;
    memcpy(p->first, p->next, sizeof p->first);
}

static void producer_step(struct sim *s, int self, bool has_more)
{
    struct producer *p = &s->producers[self];
    union {
        struct init_producer_id_resp init;
        struct produce_resp produce;
    } resp;
    if (!p->client.is_waiting && !p->now.is_open && rand_one_in(&s->rand, NEW_ID_ONE_IN)) {
        p->id = -1;
    }
    if (!p->client.is_waiting && p->id < 0) {
        ask_id(p);
    } else if (!p->client.is_waiting && (p->now.is_open || has_more)) {
        p->now.is_retry = p->now.is_open;
        if (!p->now.is_open) {
            think_of_records(s, p);
        }
        ship(s, self);
    }
    int api_key = p->client.head.api_key;
    if (sim_client_poll(&p->client, &resp) != SIM_ANSWER) {
        return;
    }
    if (api_key == API_PRODUCE) {
        on_produced(s, self, &resp.produce);
    } else if (resp.init.error_code == OK) {
        take_id(s, p, &resp.init);
    }
}

static void read_record(struct sim *s, struct consumer *c, int part, const struct record *r)
{
    struct buf want = BUF_INIT;
    struct place x;
    if (r->off < c->position[part]) {
        return;
    }
    char text[32] = "";
    memcpy(text, r->value.p, MIN(r->value.len, sizeof text - 1));
    if (sscanf(text, "%d %d ", &x.producer, &x.number) != 2) {
        violation(s, "partition %d, offset %" PRId64 ": not what anybody wrote", part, r->off);
    }
    value_of(&want, x.producer, x.number, r->value.len);
    if (want.len != r->value.len || memcmp(want.p, r->value.p, want.len) != 0) {
        violation(s, "partition %d, offset %" PRId64 ": the bytes are wrong", part, r->off);
    }
    buf_deinit(&want);
    if (r->off != c->position[part]) {
        violation(s, "partition %d: offset %" PRId64 " follows %" PRId64, part, r->off,
                  c->position[part] - 1);
    }
    places_set(&c->seen[part], r->off, x);
    c->position[part]++;
}

static void read_records(struct sim *s, struct consumer *c, int part, struct bytes in)
{
    struct batch b;
    for (size_t at = 0; at < in.len; at += b.size_bytes) {
        struct record_walk w;
        struct record r;
        enum err e = batch_parse((struct bytes){in.p + at, in.len - at}, &b);
        if (e == ERR_SHORT) {
            return;
        }
        e = e ? e : batch_check_crc(&b);
        if (e) {
            violation(s, "partition %d: a batch is bad: %s", part, err_name(e));
        }
        e = record_walk_init(&w, &b, PLAIN_MAX_BYTES);
        while (!e && (e = record_walk_next(&w, &r)) == OK) {
            read_record(s, c, part, &r);
        }
        record_walk_deinit(&w);
        if (e != ERR_NOT_FOUND) {
            violation(s, "partition %d: a record is bad: %s", part, err_name(e));
        }
    }
}

static void on_fetched(struct sim *s, struct consumer *c, const struct fetch_resp *resp)
{
    for (int32_t t = 0; t < resp->responses_count; t++) {
        for (int32_t i = 0; i < resp->responses[t].partitions_count; i++) {
            const struct fetch_resp_partition_data *p = &resp->responses[t].partitions[i];
            enum err e = (enum err)p->error_code;
            if (e && !is_retriable(e)) {
                violation(s, "partition %d: reading at %" PRId64 ": %s", p->partition_index,
                          c->position[p->partition_index], err_name(e));
            }
            if (!e) {
                c->end[p->partition_index] = p->high_watermark;
                read_records(s, c, p->partition_index,
                             (struct bytes){p->records.p, p->records.len});
            }
        }
    }
}

static void consumer_step(struct sim *s, struct consumer *c)
{
    struct fetch_resp resp;
    if (!c->client.is_waiting) {
        struct fetch_req_fetch_partition parts[PARTS];
        struct fetch_req_fetch_topic topic = fetch_req_fetch_topic_default;
        struct fetch_req req = fetch_req_default;
        for (int i = 0; i < PARTS; i++) {
            parts[i] = fetch_req_fetch_partition_default;
            parts[i].partition = i;
            parts[i].fetch_offset = c->position[i];
            parts[i].partition_max_bytes = 100000;
        }
        topic.topic = str_from(topic_name);
        topic.partitions = parts;
        topic.partitions_count = PARTS;
        req.max_wait_ms = 20;
        req.min_bytes = 1;
        req.topics = &topic;
        req.topics_count = 1;
        sim_client_call(&c->client, API_FETCH, 12, &req);
    }
    if (sim_client_poll(&c->client, &resp) == SIM_ANSWER) {
        on_fetched(s, c, &resp);
    }
}

static void commit_step(struct sim *s)
{
    struct buf why = BUF_INIT;
    if (!committer_step(&s->committer, &s->rand, &why)) {
        violation(s, "%s", buf_cstr(&why));
    }
    s->is_hurt = s->is_hurt || s->committer.is_refused;
    buf_deinit(&why);
}

static void meddle(struct sim *s)
{
    struct buf why = BUF_INIT;
    if (!meddler_step(&s->meddler, &s->rand, &why)) {
        violation(s, "%s", buf_cstr(&why));
    }
    buf_deinit(&why);
}

/* --- what befalls them --- */

static void misfortune(struct sim *s)
{
    uint64_t after = rand_below(&s->rand, 30);
    uint64_t what = rand_below(&s->rand, 7);
    switch (s->is_page_cache && (what == 3 || what == 4) ? 0 : what) {
    case 0:
        kill_process(s);
        restart(s);
        break;
    case 1:
        crash(s);
        restart(s);
        break;
    case 2: /* in the middle of something */
        arm(s, CRASHFS_POWER, CRASHFS_CHANGES, after, ERR_IO);
        break;
    case 3:
        arm(s, CRASHFS_FAIL, CRASHFS_CHANGES, after, ERR_NO_SPACE);
        break;
    case 4:
        arm(s, CRASHFS_FAIL, CRASHFS_SYNCS, after, ERR_IO);
        break;
    case 5:
        sim_client_drop(&s->producers[rand_below(&s->rand, PRODUCERS)].client);
        sim_client_drop(&s->consumer.client);
        sim_client_reset(&s->committer.client); /* its commits have an order */
        sim_client_reset(&s->meddler.client);
        break;
    default:
        TELL("clean stop");
        server_stop(s->server);
        s->server = NULL;
        restart(s);
        break;
    }
}

/* A broker that said that it cannot go on, or whose disk failed, is started anew. */
static void heal(struct sim *s)
{
    bool is_due = s->is_lost || (s->is_hurt && rand_one_in(&s->rand, 20));
    if (crashfs_has_struck(s->disk)) {
        is_due = is_due || rand_one_in(&s->rand, 10);
    }
    if (is_due) {
        if (s->is_hurt && rand_one_in(&s->rand, 2)) {
            kill_process(
                s); /* what a failed sync lost is in the cache still, and counts as clean */
        } else {
            crash(s);
        }
        restart(s);
    }
}

/* Now and then one of the allocations that a peer or a file sizes fails. */
static bool broker_step(struct sim *s)
{
    if (s->is_short_of_memory && rand_one_in(&s->rand, 50)) {
        mem_fail_after(1 + rand_below(&s->rand, 12));
    }
    bool is_busy = server_step(s->server);
    mem_fail_after(0);
    return is_busy;
}

static void step(struct sim *s, bool has_more)
{
    simclock_add_ms(&s->clock, 1 + (int64_t)rand_below(&s->rand, 5));
    admin_step(s);
    for (int i = 0; s->has_topic && i < PRODUCERS; i++) {
        producer_step(s, i, has_more);
    }
    if (s->has_topic) {
        consumer_step(s, &s->consumer);
        commit_step(s);
        meddle(s);
    }
    for (int n = (int)rand_below(&s->rand, 8); n > 0 && broker_step(s); n--) {
    }
}

/* --- the end --- */

static bool is_settled(const struct sim *s)
{
    for (int i = 0; i < PRODUCERS; i++) {
        if (s->producers[i].now.is_open) {
            return false;
        }
    }
    return true;
}

static bool is_read(const struct consumer *c)
{
    for (int i = 0; i < PARTS; i++) {
        if (c->end[i] < 0 || c->position[i] < c->end[i]) {
            return false;
        }
    }
    return true;
}

static void compare(const struct sim *s, int part, const struct places *told, const char *what)
{
    const struct places *final = &s->final[part];
    for (int64_t off = 0; off < told->count; off++) {
        struct place a = told->v[off];
        if (a.producer < 0) {
            continue;
        }
        if (off >= final->count) {
            violation(s, "partition %d: offset %" PRId64 " was %s and is gone", part, off, what);
        }
        struct place b = final->v[off];
        if (a.producer != b.producer || a.number != b.number) {
            violation(s, "partition %d: offset %" PRId64 " was %s as %d/%d and is %d/%d", part, off,
                      what, a.producer, a.number, b.producer, b.number);
        }
    }
}

static void check_order(const struct sim *s, int part)
{
    int next[PRODUCERS] = {0};
    for (int64_t off = 0; off < s->final[part].count; off++) {
        struct place x = s->final[part].v[off];
        if (x.producer < 0 || x.producer >= PRODUCERS || x.number != next[x.producer]++) {
            violation(s, "partition %d: offset %" PRId64 " is %d/%d, not %d/%d", part, off,
                      x.producer, x.number, x.producer, next[x.producer] - 1);
        }
    }
    for (int i = 0; i < PRODUCERS; i++) {
        if (next[i] != s->producers[i].next[part]) {
            violation(s, "partition %d: producer %d was told of %d records, there are %d", part, i,
                      s->producers[i].next[part], next[i]);
        }
    }
}

static void settle(struct sim *s)
{
    arm(s, CRASHFS_NO_FAULT, 0, 0, OK);
    s->net.piece_bytes = MAX(s->net.piece_bytes, PIECE_BYTES_AT_END);
    crash(s);
    restart(s);
    for (int i = 0; i < STEPS_AT_END && !(s->has_topic && is_settled(s)); i++) {
        step(s, false);
    }
    if (!is_settled(s)) {
        violation(s, "records are not acknowledged though all is well");
    }
}

static void read_back(struct sim *s)
{
    struct consumer c = {.seen = s->final, .end = {-1, -1, -1}};
    server_stop(s->server);
    s->server = NULL;
    if (s->is_page_cache) {
        cut_power(s);
    }
    restart(s);
    sim_client_init(&c.client, &s->net.net, PORT);
    int checked_before = s->committer.checked_count;
    for (int i = 0;
         i < STEPS_AT_END && !(is_read(&c) && s->committer.checked_count > checked_before + 9);
         i++) {
        simclock_add_ms(&s->clock, 1);
        consumer_step(s, &c);
        commit_step(s);
        while (server_step(s->server)) {
        }
    }
    if (!is_read(&c) || s->committer.checked_count <= checked_before + 9) {
        violation(s, "not all can be read");
    }
    sim_client_deinit(&c.client);
    for (int i = 0; i < PARTS; i++) {
        compare(s, i, &s->acked[i], "acknowledged");
        compare(s, i, &s->seen[i], "read");
        check_order(s, i);
    }
}

/* --- a run --- */

static void run_init(struct sim *s, uint64_t seed)
{
    *s = (struct sim){.seed = seed};
    rand_init(&s->rand, seed);
    simnet_init(&s->net);
    s->net.rand = &s->rand;
    s->net.piece_bytes = 1 + rand_below(&s->rand, 20000);
    s->net.no_send_file = true; /* the disk is in memory */
    simclock_init(&s->clock);
    s->disk = crashfs_new();
    sim_client_init(&s->admin, &s->net.net, PORT);
    sim_client_init(&s->consumer.client, &s->net.net, PORT);
    committer_init(&s->committer, &s->net.net, PORT, topic_name);
    meddler_init(&s->meddler, &s->net.net, PORT, topic_name, PARTS);
    s->consumer.seen = s->seen;
    for (int i = 0; i < PRODUCERS; i++) {
        s->producers[i].id = -1;
        sim_client_init(&s->producers[i].client, &s->net.net, PORT);
    }
}

static void run_deinit(struct sim *s)
{
    server_stop(s->server);
    sim_client_deinit(&s->admin);
    sim_client_deinit(&s->consumer.client);
    committer_deinit(&s->committer);
    meddler_deinit(&s->meddler);
    for (int i = 0; i < PRODUCERS; i++) {
        sim_client_deinit(&s->producers[i].client);
    }
    for (int i = 0; i < PARTS; i++) {
        mem_free(s->acked[i].v);
        mem_free(s->seen[i].v);
        mem_free(s->final[i].v);
    }
    crashfs_free(s->disk);
    if (s->net.sock_count != 0) {
        violation(s, "%" PRIu64 " sockets leaked", s->net.sock_count);
    }
}

static void run(uint64_t seed, bool is_talkative)
{
    struct sim s;
    run_init(&s, seed);
    s.is_page_cache = seed % 5 == 0;
    s.is_short_of_memory = rand_one_in(&s.rand, 3);
    restart(&s);
    for (int i = 0; i < STEPS; i++) {
        step(&s, true);
        heal(&s);
        if (rand_one_in(&s.rand, 60)) {
            misfortune(&s);
        }
    }
    s.is_short_of_memory = false;
    settle(&s);
    read_back(&s);
    if (is_talkative) {
        printf("sim %" PRIu64 ": %d records, %d commits and %d changes acknowledged, %d starts\n",
               seed, s.acked_count, s.committer.acked_count, s.meddler.acked_count, s.restarts);
    }
    run_deinit(&s);
}

int main(int argc, char **argv)
{
    int64_t seed = 1, count = 1;
    bool is_good = argc <= 3 && (argc < 2 || str_to_i64(str_from(argv[1]), &seed)) &&
                   (argc < 3 || str_to_i64(str_from(argv[2]), &count));
    if (!is_good) {
        fprintf(stderr, "usage: sim SEED [COUNT]\n");
        return 2;
    }
    diag_set_level(getenv("SIM_DIAG") != NULL ? DIAG_DEBUG : DIAG_ERROR + 1);
    for (int64_t i = 0; i < count; i++) {
        run((uint64_t)(seed + i), count == 1);
    }
    if (count > 1) {
        printf("sim: seeds %" PRId64 " to %" PRId64 " passed\n", seed, seed + count - 1);
    }
    return 0;
}
