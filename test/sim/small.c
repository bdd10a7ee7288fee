/* Starting, asking, writing and reading, one thing at a time. */
#include "test/sim/small.h"

#include "base/assert.h"
#include "base/mem.h"
#include "record/record.h"
#include "test/sim/asks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PORT = 9092,
    VALUE_BYTES = 60000, /* of a record, at most */
    STEPS_MAX = 20000,   /* for one answer */
    SETTLE_ROUNDS = 10,
    SETTLE_MS = 200,
    GROUP_TRIES = 3,
    FETCH_BYTES = 100000, /* more than any batch */
};

static const char topic_name[] = "t", group_name[] = "g";

void small_init(struct small *w, const char *program, uint64_t seed)
{
    *w = (struct small){.program = program, .seed = seed, .boots = 1};
    rand_init(&w->rand, seed);
    simnet_init(&w->net);
    w->net.no_send_file = true;
    simclock_init(&w->clock);
    sim_client_init(&w->client, &w->net.net, PORT);
}

void small_deinit(struct small *w) { sim_client_deinit(&w->client); }

void small_violation(const struct small *w, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "%s %" PRIu64 " (%s): ", w->program, w->seed, w->what);
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}

bool small_start(struct small *w, struct buf *why)
{
    static const char settings[] = "listeners=PLAINTEXT://127.0.0.1:9092\n"
                                   "log.segment.bytes=1048576\n"
                                   "log.retention.ms=-1\n"
                                   "offsets.topic.num.partitions=1\n";
    struct server_args args = {
        .fs = crashfs_fs(w->disk),
        .net = &w->net.net,
        .clock = &w->clock.clock,
        .seed = rand_u64(&w->rand),
        .worker_count = 1,
        .boot_id = {{1, (uint8_t)w->boots}},
        .in_one_thread = true,
        .tap = w->tap,
    };
    int line;
    crashfs_set_clock(w->disk, &w->clock.clock);
    sim_client_drop(&w->client);
    uint64_t held = mem_fail_after(0);
    struct buf text = BUF_INIT;
    buf_printf(&text, "%slog.dirs=%s\n%s", settings, w->dirs ? w->dirs : "data",
               w->settings ? w->settings : "");
    enum err e = props_parse(&args.props, buf_str(&text), &line);
    ASSERT(e == OK);
    buf_deinit(&text);
    mem_fail_after(held);
    e = server_start(&args, &w->server, why);
    if (e) {
        w->server = NULL;
        if (why->len == 0) {
            buf_printf(why, "%s", err_text(e));
        }
    }
    return e == OK;
}

void small_kill(struct small *w)
{
    struct crashfs_plan plan = {CRASHFS_POWER, CRASHFS_CHANGES | CRASHFS_READS | CRASHFS_OPENS, 0,
                                ERR_IO, 1};
    crashfs_arm(w->disk, &plan);
    if (w->server != NULL) {
        server_kill(w->server);
        w->server = NULL;
    }
}

void small_kill_process(struct small *w)
{
    small_kill(w);
    struct crashfs *kept = crashfs_clone(w->disk);
    crashfs_free(w->disk);
    w->disk = kept;
}

bool small_ask(struct small *w, int api_key, int version, const void *req, void *ret_resp)
{
    uint64_t held = mem_fail_after(0);
    enum sim_poll p = SIM_NOTHING;
    if (!sim_client_call(&w->client, api_key, version, req)) {
        mem_fail_after(held);
        return false;
    }
    for (int i = 0; i < STEPS_MAX && p == SIM_NOTHING; i++) {
        p = sim_client_poll(&w->client, ret_resp);
        mem_fail_after(held);
        if (p == SIM_NOTHING && !server_step(w->server)) {
            simclock_add_ms(&w->clock, 1);
        }
        held = mem_fail_after(0);
    }
    mem_fail_after(held);
    if (p == SIM_NOTHING) {
        sim_client_drop(&w->client);
    }
    return p == SIM_ANSWER;
}

/* --- writing --- */

static void value_of(struct buf *out, int part, int number)
{
    size_t bytes = number % 3 == 0 ? VALUE_BYTES : number % 3 == 1 ? 500 : 20000;
    buf_clear(out);
    buf_printf(out, "%d %d ", part, number);
    while (out->len < bytes) {
        buf_printf(out, "%08x", (unsigned)(out->len * 2654435761u + (unsigned)number));
    }
}

bool small_make_topic(struct small *w)
{
    struct ask_create a;
    struct create_topics_resp resp;
    if (!small_ask(w, API_CREATE_TOPICS, 5, ask_create(&a, topic_name, SMALL_PARTS), &resp)) {
        return false;
    }
    enum err e = (enum err)resp.topics[0].error_code;
    return e == OK || e == ERR_TOPIC_ALREADY_EXISTS;
}

static void build(struct small *w, int part, int number, struct buf *out)
{
    struct batch head = {.leader_epoch = -1,
                         .base_ts_ms = clock_wall_ms(&w->clock.clock),
                         .producer_id = -1,
                         .producer_epoch = -1,
                         .base_seq = -1};
    struct buf value = BUF_INIT;
    struct batch_builder bb;
    value_of(&value, part, number);
    struct record r = {.ts_ms = head.base_ts_ms, .value = buf_bytes(&value)};
    batch_builder_init(&bb, out, &head, CODEC_NONE, CODEC_LEVEL_DEFAULT);
    batch_builder_add(&bb, &r);
    enum err e = batch_builder_finish(&bb);
    ASSERT(e == OK);
    batch_builder_deinit(&bb);
    buf_deinit(&value);
}

int64_t small_write(struct small *w, int part, int number)
{
    struct ask_produce a;
    struct produce_resp resp;
    struct buf bytes = BUF_INIT;
    uint64_t held = mem_fail_after(0);
    build(w, part, number, &bytes);
    mem_fail_after(held);
    bool is_answered =
        small_ask(w, API_PRODUCE, 9,
                  ask_produce(&a, (struct ask_part){topic_name, part}, buf_bytes(&bytes)), &resp);
    buf_deinit(&bytes);
    if (!is_answered || resp.responses[0].partition_responses[0].error_code) {
        return -1;
    }
    return resp.responses[0].partition_responses[0].base_offset;
}

/* --- moving --- */

bool small_move(struct small *w, const char *dir)
{
    int32_t parts[SMALL_PARTS];
    for (int i = 0; i < SMALL_PARTS; i++) {
        parts[i] = i;
    }
    struct alter_replica_log_dirs_req_alter_replica_log_dir_topic t = {str_from(topic_name), parts,
                                                                       SMALL_PARTS};
    struct alter_replica_log_dirs_req_alter_replica_log_dir d = {str_from(dir), &t, 1};
    struct alter_replica_log_dirs_req req = {&d, 1};
    struct alter_replica_log_dirs_resp resp;
    if (!small_ask(w, API_ALTER_REPLICA_LOG_DIRS, 2, &req, &resp)) {
        return false;
    }
    enum err e = OK;
    for (int i = 0; i < SMALL_PARTS; i++) {
        e = e ? e : (enum err)resp.results[0].partitions[i].error_code;
    }
    return e == OK;
}

void small_settle(struct small *w)
{
    for (int i = 0; i < SETTLE_ROUNDS; i++) {
        for (int n = 0; n < STEPS_MAX && server_step(w->server); n++) {
        }
        simclock_add_ms(&w->clock, SETTLE_MS);
    }
}

/* --- a group --- */

bool small_find_group(struct small *w)
{
    struct find_coordinator_req req = find_coordinator_req_default;
    struct find_coordinator_resp resp;
    req.key = str_from(group_name);
    for (int i = 0; i < GROUP_TRIES; i++) {
        if (!small_ask(w, API_FIND_COORDINATOR, 3, &req, &resp)) {
            return false;
        }
        if (resp.error_code == OK) {
            return true;
        }
        small_settle(w);
    }
    return false;
}

bool small_commit(struct small *w, int64_t off)
{
    struct ask_commit a;
    struct offset_commit_resp resp;
    return small_ask(w, API_OFFSET_COMMIT, 8,
                     ask_commit(&a, group_name, (struct ask_part){topic_name, 0}, off), &resp) &&
           resp.topics[0].partitions[0].error_code == OK;
}

int64_t small_committed(struct small *w)
{
    struct ask_committed a;
    struct offset_fetch_resp resp;
    const struct offset_fetch_req *req =
        ask_committed(&a, group_name, (struct ask_part){topic_name, 0});
    if (!small_ask(w, API_OFFSET_FETCH, 7, req, &resp) || resp.error_code ||
        resp.topics_count != 1) {
        return -1;
    }
    return resp.topics[0].partitions[0].committed_offset;
}

/* --- reading --- */

static enum small_found look_at(const struct small *w, int64_t off, struct bytes in,
                                const struct buf *want)
{
    struct batch b;
    struct record_walk walk;
    struct record r;
    enum err e = batch_parse(in, &b);
    if (e) {
        return e == ERR_SHORT && in.len == 0 ? SMALL_LOST : SMALL_TOLD;
    }
    if (batch_check_crc(&b) != OK) {
        return SMALL_TOLD;
    }
    if (b.base_off > off) {
        return SMALL_LOST;
    }
    if (b.base_off != off) {
        small_violation(w, "asked for offset %" PRId64 ", %" PRId64 " came", off, b.base_off);
    }
    e = record_walk_init(&walk, &b, FETCH_BYTES);
    e = e ? e : record_walk_next(&walk, &r);
    if (e || r.value.len != want->len || memcmp(r.value.p, want->p, want->len) != 0) {
        small_violation(w, "offset %" PRId64 ": not what was written", off);
    }
    record_walk_deinit(&walk);
    return SMALL_FOUND;
}

enum small_found small_look(struct small *w, int part, int64_t off, int number)
{
    struct fetch_req_fetch_partition p = fetch_req_fetch_partition_default;
    struct fetch_req_fetch_topic t = fetch_req_fetch_topic_default;
    struct fetch_req req = fetch_req_default;
    struct fetch_resp resp;
    p.partition = part;
    p.fetch_offset = off;
    p.partition_max_bytes = FETCH_BYTES;
    t.topic = str_from(topic_name);
    t.partitions = &p;
    t.partitions_count = 1;
    req.min_bytes = 1;
    req.topics = &t;
    req.topics_count = 1;
    if (!small_ask(w, API_FETCH, 12, &req, &resp) || resp.responses_count != 1) {
        return SMALL_LOST;
    }
    const struct fetch_resp_partition_data *d = &resp.responses[0].partitions[0];
    if (d->error_code) {
        return SMALL_LOST;
    }
    struct buf want = BUF_INIT;
    value_of(&want, part, number);
    enum small_found f = look_at(w, off, (struct bytes){d->records.p, d->records.len}, &want);
    buf_deinit(&want);
    return f;
}
