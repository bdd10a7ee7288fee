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
 *   - an offset that a group committed is there, unless its own log is damaged
 *
 * There are two data directories, with a group's offset, and partitions that were on their way from
 * one to the other.
 *
 *   damage SEED [COUNT]    so many damages, from this seed on */
#include "test/sim/small.h"

#include "base/assert.h"
#include "base/diag.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    BATCHES = 45, /* of a partition: two segments and a bit */
    FILES_MAX = 200,
    FILE_MAX_BYTES = 4 << 20,
    BLOCK_BYTES = 4096,
    COMMITS = 5, /* the offset committed last */
};

static const char *const dirs[] = {"data", "data2"};

/* --- a directory --- */

static void start_well(struct small *w)
{
    struct buf why = BUF_INIT;
    bool is_up = small_start(w, &why);
    ASSERT(is_up);
    buf_deinit(&why);
}

static void commit_some(struct small *w)
{
    bool is_good = small_find_group(w);
    for (int i = 1; i <= COMMITS; i++) {
        is_good = is_good && small_commit(w, i);
    }
    ASSERT(is_good);
}

/* A move that ends long after this: a first piece of the copies is there. */
static void begin_to_move(struct small *w)
{
    struct incremental_alter_configs_req_alterable_config c =
        incremental_alter_configs_req_alterable_config_default;
    struct incremental_alter_configs_req_alter_configs_resource r =
        incremental_alter_configs_req_alter_configs_resource_default;
    struct incremental_alter_configs_req req = incremental_alter_configs_req_default;
    struct incremental_alter_configs_resp resp;
    c.name = STR("replica.alter.log.dirs.io.max.bytes.per.second");
    c.value = STR("1");
    r.resource_type = 4; /* a broker; no name: all of them */
    r.configs = &c;
    r.configs_count = 1;
    req.resources = &r;
    req.resources_count = 1;
    bool is_good = small_ask(w, API_INCREMENTAL_ALTER_CONFIGS, 1, &req, &resp) &&
                   resp.responses[0].error_code == OK;
    is_good = is_good && small_move(w, dirs[0]); /* one of the partitions is not there */
    ASSERT(is_good);
    small_settle(w);
}

/* A disk, and what time it was then. */
struct made {
    struct crashfs *disk;
    struct simclock clock;
};

/* One with all kinds of files in it, after a clean stop or a kill (of a broker that had noted how
 * far its logs are). */
static struct made write_all(bool is_clean)
{
    struct small w;
    small_init(&w, "damage", 1);
    w.dirs = "data,data2";
    w.disk = crashfs_new();
    start_well(&w);
    bool is_made = small_make_topic(&w);
    ASSERT(is_made);
    for (int i = 0; i < BATCHES; i++) {
        for (int part = 0; part < SMALL_PARTS; part++) {
            int64_t off = small_write(&w, part, i);
            ASSERT(off == i);
        }
        if (i == BATCHES / 2) { /* snapshots and checkpoints of an earlier stop */
            server_stop(w.server);
            start_well(&w);
        }
    }
    commit_some(&w);
    begin_to_move(&w);
    if (is_clean) {
        server_stop(w.server);
    } else {
        small_kill(&w);
    }
    struct made made = {crashfs_clone(w.disk), w.clock};
    struct fs_stat st;
    enum err e = fs_stat(crashfs_fs(made.disk), "data/.ottla-memos", &st);
    ASSERT(e == OK);
    small_deinit(&w);
    crashfs_free(w.disk);
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
static size_t change(struct small *w, uint8_t *p, size_t len, const char **ret_how)
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

static const char *damage_one(struct small *w, const struct files *all)
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
    snprintf(w->what, sizeof w->what, "%s: %s", path, how);
    buf_deinit(&bytes);
    return path;
}

/* --- what is read --- */

/* The partition and first offset of a segment's .log; false for other files. */
static bool parse_log(const char *path, int *ret_part, int *ret_base)
{
    int used = 0;
    const char *name = strchr(path, '/');
    return name != NULL && sscanf(name, "/t-%d/%d.log%n", ret_part, ret_base, &used) == 2 &&
           name[used] == '\0' && used > 0;
}

static void check_records(struct small *w, const char *path)
{
    int bad_part = -1, bad_from = 0;
    small_settle(w); /* the move ends */
    bool is_segment = parse_log(path, &bad_part, &bad_from);
    bool is_metadata = strstr(path, "__cluster_metadata") != NULL ||
                       strstr(path, "meta.properties") != NULL ||
                       strstr(path, "partition.metadata") != NULL;
    for (int part = 0; part < SMALL_PARTS; part++) {
        for (int i = 0; i < BATCHES; i++) {
            enum small_found f = small_look(w, part, i, i);
            bool may_miss = is_metadata || (is_segment && part == bad_part && i >= bad_from);
            if (f != SMALL_FOUND && !may_miss) {
                small_violation(w, "partition %d, offset %d is %s", part, i,
                                f == SMALL_TOLD ? "damaged" : "lost");
            }
        }
    }
    if (!is_metadata && strstr(path, "__consumer_offsets") == NULL) {
        int64_t off = small_find_group(w) ? small_committed(w) : -1;
        if (off != COMMITS) {
            small_violation(w, "the group's offset is %" PRId64, off);
        }
    }
}

/* --- a run --- */

/* How the broker of before ended, and what went on. */
enum { STOPPED, KILLED, REBOOTED, ENDS };

static void run(uint64_t seed, const struct made *made)
{
    struct small w;
    struct buf why = BUF_INIT;
    small_init(&w, "damage", seed);
    w.dirs = "data,data2";
    w.boots += seed % ENDS == REBOOTED;
    w.disk = crashfs_clone(made->disk);
    w.clock = made->clock;
    struct files *all = NEW(struct files);
    all->fs = crashfs_fs(w.disk);
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        snprintf(all->dir, sizeof all->dir, "%s", dirs[i]);
        ASSERT(fs_list(all->fs, all->dir, add_file, all) == OK);
    }
    qsort(all->paths, (size_t)all->count, sizeof all->paths[0], by_text);
    const char *path = damage_one(&w, all);
    if (small_start(&w, &why)) {
        check_records(&w, path);
        server_stop(w.server);
        buf_clear(&why);
        if (!small_start(&w, &why)) { /* what it made of it must be sound */
            small_violation(&w, "it does not start again: %s", buf_cstr(&why));
        }
        check_records(&w, path);
        server_stop(w.server);
    } else if (getenv("SIM_DIAG") != NULL) {
        printf("damage %" PRIu64 " (%s): %s\n", seed, w.what, buf_cstr(&why));
    }
    mem_free(all);
    buf_deinit(&why);
    small_deinit(&w);
    crashfs_free(w.disk);
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
    struct made made[2] = {write_all(true), write_all(false)};
    for (int64_t i = 0; i < count; i++) {
        run((uint64_t)(seed + i), &made[(seed + i) % ENDS != STOPPED]);
    }
    printf("damage: seeds %" PRId64 " to %" PRId64 " passed\n", seed, seed + count - 1);
    crashfs_free(made[0].disk);
    crashfs_free(made[1].disk);
    return 0;
}
