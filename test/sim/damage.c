/* Every kind of damage in every file of a data directory (bits that flip, stale and empty blocks,
 * files that are cut short, grown or gone), and then a whole broker on it.
 *
 * What must hold:
 *   - the broker starts, or says why it does not; it never falls over
 *   - what it serves is what was written: the bytes and their offsets, or a batch whose checksum
 *     tells the reader
 *   - damage outside of a segment's .log loses nothing that was acknowledged, unless it is the
 *     metadata that is damaged and the broker says so
 *   - damage in a segment loses nothing of the segments before it
 *
 *   damage SEED [COUNT]    so many damages, from this seed on */
#include "test/sim/client.h"
#include "test/sim/simnet.h"

#include "base/assert.h"
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
    PARTS = 2,
    BATCHES = 45,         /* of a partition: two segments and a bit */
    VALUE_BYTES = 60000,  /* of a record, at most */
    STEPS_MAX = 20000,    /* for one answer */
    FETCH_BYTES = 100000, /* more than any batch */
    FILES_MAX = 200,
    FILE_MAX_BYTES = 4 << 20,
    BLOCK_BYTES = 4096,
};

static const char topic_name[] = "t";

/* --- a world --- */

struct world {
    struct rand rand;
    struct simnet net;
    struct simclock clock;
    struct crashfs *disk;
    struct server *server;
    struct sim_client client;
    uint64_t seed;
    char damage[600];
};

static void violation(const struct world *w, const char *fmt, ...) printf_like(2, 3);
static void violation(const struct world *w, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "damage %" PRIu64 " (%s): ", w->seed, w->damage);
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}

static void world_init(struct world *w, uint64_t seed)
{
    *w = (struct world){.seed = seed};
    rand_init(&w->rand, seed);
    simnet_init(&w->net);
    w->net.no_send_file = true;
    simclock_init(&w->clock);
    sim_client_init(&w->client, &w->net.net, PORT);
}

static void world_deinit(struct world *w)
{
    sim_client_deinit(&w->client);
    crashfs_free(w->disk);
}

static bool start(struct world *w, struct buf *why)
{
    static const char settings[] = "listeners=PLAINTEXT://127.0.0.1:9092\n"
                                   "log.dirs=data\n"
                                   "log.segment.bytes=1048576\n"
                                   "log.retention.ms=-1\n"
                                   "offsets.topic.num.partitions=1\n";
    struct server_args args = {
        .fs = crashfs_fs(w->disk),
        .net = &w->net.net,
        .clock = &w->clock.clock,
        .seed = rand_u64(&w->rand),
        .worker_count = 1,
        .in_one_thread = true,
    };
    int line;
    enum err e = props_parse(&args.props, str_from(settings), &line);
    e = e ? e : server_start(&args, &w->server, why);
    if (e) {
        w->server = NULL;
        if (why->len == 0) {
            violation(w, "no word about why it does not start (%s)", err_name(e));
        }
    }
    return e == OK;
}

/* False: the broker closed the connection, or never answers. */
static bool ask(struct world *w, int api_key, int version, const void *req, void *ret_resp)
{
    sim_client_call(&w->client, api_key, version, req);
    for (int i = 0; i < STEPS_MAX; i++) {
        enum sim_poll p = sim_client_poll(&w->client, ret_resp);
        if (p != SIM_NOTHING) {
            return p == SIM_ANSWER;
        }
        if (!server_step(w->server)) {
            simclock_add_ms(&w->clock, 1);
        }
    }
    sim_client_drop(&w->client);
    return false;
}

/* --- what is written --- */

static void value_of(struct buf *out, int part, int number)
{
    size_t bytes = number % 3 == 0 ? VALUE_BYTES : number % 3 == 1 ? 500 : 20000;
    buf_clear(out);
    buf_printf(out, "%d %d ", part, number);
    while (out->len < bytes) {
        buf_printf(out, "%08x", (unsigned)(out->len * 2654435761u + (unsigned)number));
    }
}

static void make_topic(struct world *w)
{
    struct create_topics_req_creatable_topic t = create_topics_req_creatable_topic_default;
    struct create_topics_req req = create_topics_req_default;
    struct create_topics_resp resp;
    t.name = str_from(topic_name);
    t.num_partitions = PARTS;
    t.replication_factor = 1;
    req.topics = &t;
    req.topics_count = 1;
    ASSERT(ask(w, API_CREATE_TOPICS, 5, &req, &resp) && resp.topics[0].error_code == OK);
}

/* One batch of one record: its offset is its number. */
static void write_batch(struct world *w, int part, int number)
{
    struct batch head = {.leader_epoch = -1,
                         .base_ts_ms = clock_wall_ms(&w->clock.clock),
                         .producer_id = -1,
                         .producer_epoch = -1,
                         .base_seq = -1};
    struct buf bytes = BUF_INIT, value = BUF_INIT;
    struct batch_builder bb;
    struct produce_req_partition_produce_data p = produce_req_partition_produce_data_default;
    struct produce_req_topic_produce_data t = produce_req_topic_produce_data_default;
    struct produce_req req = produce_req_default;
    struct produce_resp resp;
    value_of(&value, part, number);
    batch_builder_init(&bb, &bytes, &head, CODEC_NONE, CODEC_LEVEL_DEFAULT);
    batch_builder_add(
        &bb, &(struct record){.off = 0, .ts_ms = head.base_ts_ms, .value = buf_bytes(&value)});
    ASSERT(batch_builder_finish(&bb) == OK);
    batch_builder_deinit(&bb);
    p.index = part;
    p.records = (struct wire_records){.p = bytes.p, .len = bytes.len};
    t.name = str_from(topic_name);
    t.partition_data = &p;
    t.partition_data_count = 1;
    req.transactional_id = STR_NULL;
    req.acks = -1;
    req.timeout_ms = 1000;
    req.topic_data = &t;
    req.topic_data_count = 1;
    bool is_answered = ask(w, API_PRODUCE, 9, &req, &resp);
    ASSERT(is_answered && resp.responses[0].partition_responses[0].error_code == OK &&
           resp.responses[0].partition_responses[0].base_offset == number);
    buf_deinit(&bytes);
    buf_deinit(&value);
}

/* A directory with all kinds of files in it, after a clean stop or a kill. */
static struct crashfs *write_all(bool is_clean)
{
    struct world w;
    struct buf why = BUF_INIT;
    world_init(&w, 1);
    w.disk = crashfs_new();
    bool is_up = start(&w, &why);
    ASSERT(is_up);
    make_topic(&w);
    for (int i = 0; i < BATCHES; i++) {
        for (int part = 0; part < PARTS; part++) {
            write_batch(&w, part, i);
        }
        if (i == BATCHES / 2) { /* snapshots and checkpoints of an earlier stop */
            server_stop(w.server);
            sim_client_drop(&w.client);
            is_up = start(&w, &why);
            ASSERT(is_up);
        }
    }
    if (is_clean) {
        server_stop(w.server);
    } else {
        struct crashfs_plan plan = {CRASHFS_POWER, CRASHFS_CHANGES | CRASHFS_READS | CRASHFS_OPENS,
                                    0, ERR_IO, 1};
        crashfs_arm(w.disk, &plan);
        server_kill(w.server);
    }
    struct crashfs *made = crashfs_clone(w.disk);
    world_deinit(&w);
    buf_deinit(&why);
    return made;
}

/* --- damage --- */

struct files {
    char paths[FILES_MAX][512];
    int count;
    struct fs *fs;
    char dir[250]; /* being listed */
};

static bool add_file(void *ctx, const char *name, bool is_dir)
{
    struct files *f = ctx;
    if (is_dir) {
        struct files *inner = NEW(struct files);
        inner->fs = f->fs;
        snprintf(inner->dir, sizeof inner->dir, "%.100s/%.100s", f->dir, name);
        ASSERT(fs_list(f->fs, inner->dir, add_file, inner) == OK);
        for (int i = 0; i < inner->count && f->count < FILES_MAX; i++) {
            memcpy(f->paths[f->count++], inner->paths[i], sizeof f->paths[0]);
        }
        mem_free(inner);
    } else if (f->count < FILES_MAX) {
        snprintf(f->paths[f->count++], sizeof f->paths[0], "%.250s/%.100s", f->dir, name);
    }
    return true;
}

static int by_text(const void *a, const void *b) { return strcmp(a, b); }

static void write_file(struct fs *fs, const char *path, const uint8_t *p, size_t len)
{
    struct file *f;
    enum err e = fs_open(fs, path, FILE_WRITE | FILE_TRUNCATE, &f);
    ASSERT(e == OK);
    e = file_pwrite(f, p, len, 0);
    e = e ? e : file_sync(f);
    ASSERT(e == OK);
    file_close(f);
}

/* Changes bytes in place; gives the new length. */
static size_t change(struct world *w, uint8_t *p, size_t len, const char **ret_how)
{
    size_t at = len > 0 ? rand_below(&w->rand, len) : 0;
    size_t block = at / BLOCK_BYTES * BLOCK_BYTES;
    switch (len > 0 ? rand_below(&w->rand, 6) : 5) {
    case 0:
        *ret_how = "a bit flips";
        p[at] ^= (uint8_t)(1u << rand_below(&w->rand, 8));
        return len;
    case 1:
        *ret_how = "a block is empty";
        memset(p + block, 0, MIN(len - block, BLOCK_BYTES));
        return len;
    case 2:
        *ret_how = "a block is another's";
        memmove(p + block, p, MIN(len - block, BLOCK_BYTES));
        return len;
    case 3:
        *ret_how = "it is cut short";
        return at;
    case 4:
        *ret_how = "it is empty";
        return 0;
    default:
        *ret_how = "it has grown";
        for (size_t i = 0; i < 100; i++) {
            p[len + i] = (uint8_t)rand_below(&w->rand, 256);
        }
        return len + 100;
    }
}

static const char *damage_one(struct world *w, const struct files *all)
{
    struct fs *fs = crashfs_fs(w->disk);
    const char *path = all->paths[rand_below(&w->rand, (uint64_t)all->count)];
    const char *how = "it is gone";
    struct buf bytes = BUF_INIT;
    char *text;
    size_t len;
    enum err e = fs_read_all(fs, path, FILE_MAX_BYTES, &text, &len);
    ASSERT(e == OK);
    buf_put(&bytes, text, len);
    buf_extend(&bytes, 100);
    mem_free(text);
    bool is_log = str_has_suffix(str_from(path), STR(".log"));
    if (!is_log && rand_one_in(&w->rand, 7)) {
        e = fs_unlink(fs, path);
        ASSERT(e == OK);
    } else {
        size_t new_len = change(w, bytes.p, len, &how);
        write_file(fs, path, bytes.p, new_len);
    }
    snprintf(w->damage, sizeof w->damage, "%s: %s", path, how);
    buf_deinit(&bytes);
    return path;
}

/* --- what is read --- */

enum found { FOUND, TOLD, LOST }; /* TOLD: the reader sees that it is damaged */

static enum found look_at(const struct world *w, int part, int number, struct bytes in)
{
    struct batch b;
    struct record_walk walk;
    struct record r;
    struct buf want = BUF_INIT;
    enum err e = batch_parse(in, &b);
    if (e) {
        return e == ERR_SHORT && in.len == 0 ? LOST : TOLD;
    }
    if (batch_check_crc(&b) != OK) {
        return TOLD;
    }
    if (b.base_off > number) {
        return LOST;
    }
    if (b.base_off != number) {
        violation(w, "partition %d: asked for %d, %" PRId64 " came", part, number, b.base_off);
    }
    e = record_walk_init(&walk, &b, FETCH_BYTES);
    e = e ? e : record_walk_next(&walk, &r);
    value_of(&want, part, number);
    if (e || r.value.len != want.len || memcmp(r.value.p, want.p, want.len) != 0) {
        violation(w, "partition %d, offset %d: not what was written", part, number);
    }
    record_walk_deinit(&walk);
    buf_deinit(&want);
    return FOUND;
}

static enum found fetch_one(struct world *w, int part, int number)
{
    struct fetch_req_fetch_partition p = fetch_req_fetch_partition_default;
    struct fetch_req_fetch_topic t = fetch_req_fetch_topic_default;
    struct fetch_req req = fetch_req_default;
    struct fetch_resp resp;
    p.partition = part;
    p.fetch_offset = number;
    p.partition_max_bytes = FETCH_BYTES;
    t.topic = str_from(topic_name);
    t.partitions = &p;
    t.partitions_count = 1;
    req.min_bytes = 1;
    req.topics = &t;
    req.topics_count = 1;
    if (!ask(w, API_FETCH, 12, &req, &resp) || resp.responses_count != 1) {
        return LOST;
    }
    const struct fetch_resp_partition_data *d = &resp.responses[0].partitions[0];
    return d->error_code ? LOST
                         : look_at(w, part, number, (struct bytes){d->records.p, d->records.len});
}

/* The partition and first offset of a segment's .log; false for other files. */
static bool parse_log(const char *path, int *ret_part, int *ret_base)
{
    int used = 0;
    return sscanf(path, "data/t-%d/%d.log%n", ret_part, ret_base, &used) == 2 &&
           path[used] == '\0' && used > 0;
}

static void check_records(struct world *w, const char *path)
{
    int bad_part = -1, bad_from = 0;
    bool is_segment = parse_log(path, &bad_part, &bad_from);
    bool is_metadata = strstr(path, "__cluster_metadata") != NULL ||
                       strstr(path, "meta.properties") != NULL ||
                       strstr(path, "partition.metadata") != NULL;
    for (int part = 0; part < PARTS; part++) {
        for (int i = 0; i < BATCHES; i++) {
            enum found f = fetch_one(w, part, i);
            bool may_miss = is_metadata || (is_segment && part == bad_part && i >= bad_from);
            if (f != FOUND && !may_miss) {
                violation(w, "partition %d, offset %d is %s", part, i,
                          f == TOLD ? "damaged" : "lost");
            }
        }
    }
}

/* --- a run --- */

static void run(uint64_t seed, const struct crashfs *made)
{
    struct world w;
    struct buf why = BUF_INIT;
    world_init(&w, seed);
    w.disk = crashfs_clone(made);
    struct files *all = NEW(struct files);
    all->fs = crashfs_fs(w.disk);
    snprintf(all->dir, sizeof all->dir, "data");
    ASSERT(fs_list(all->fs, all->dir, add_file, all) == OK);
    qsort(all->paths, (size_t)all->count, sizeof all->paths[0], by_text);
    const char *path = damage_one(&w, all);
    if (start(&w, &why)) {
        check_records(&w, path);
        server_stop(w.server);
        sim_client_drop(&w.client);
        buf_clear(&why);
        if (!start(&w, &why)) { /* what it made of it must be sound */
            violation(&w, "it does not start again: %s", buf_cstr(&why));
        }
        check_records(&w, path);
        server_stop(w.server);
    } else if (getenv("SIM_DIAG") != NULL) {
        printf("damage %" PRIu64 " (%s): %s\n", seed, w.damage, buf_cstr(&why));
    }
    mem_free(all);
    buf_deinit(&why);
    world_deinit(&w);
}

int main(int argc, char **argv)
{
    int64_t seed = 1, count = 1;
    bool is_good = argc <= 3 && (argc < 2 || str_to_i64(str_from(argv[1]), &seed)) &&
                   (argc < 3 || str_to_i64(str_from(argv[2]), &count));
    if (!is_good) {
        fprintf(stderr, "usage: damage SEED [COUNT]\n");
        return 2;
    }
    diag_set_level(getenv("SIM_DIAG") != NULL ? DIAG_DEBUG : DIAG_ERROR + 1);
    struct crashfs *made[2] = {write_all(true), write_all(false)};
    for (int64_t i = 0; i < count; i++) {
        run((uint64_t)(seed + i), made[(seed + i) % 2]);
    }
    printf("damage: seeds %" PRId64 " to %" PRId64 " passed\n", seed, seed + count - 1);
    crashfs_free(made[0]);
    crashfs_free(made[1]);
    return 0;
}
