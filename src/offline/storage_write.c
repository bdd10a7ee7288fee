/* `ottla storage format`: from a plan to directories.
 *
 * meta.properties comes last in each directory, so that one that was not finished is formatted
 * again by the next run. */
#include "offline/storage_format.h"

#include "base/mem.h"
#include "log/logdir.h"
#include "meta/batches.h"
#include "offline/java_map.h"
#include "plat/clock.h"
#include "plat/entropy.h"
#include "wire/messages.h"

#include <inttypes.h>
#include <stdlib.h>

enum { EXIT_FAILED = 1, FIRST_CONTROLS = 3 };

/* --- looking --- */

struct found_dir {
    struct str path;
    enum storage_meta_state state;
    struct storage_meta meta;
    uint32_t slot; /* in Kafka's order */
};

struct found_dirs {
    struct found_dir *items;
    int count;
    int good_count, empty_count;
};

static bool is_empty(const struct found_dir *d)
{
    return d->state == META_MISSING || d->state == META_NO_DIR;
}

static void look(struct format_plan *p, struct found_dirs *all)
{
    *all = (struct found_dirs){.count = p->dirs.count};
    all->items = mem_realloc_array(NULL, (size_t)p->dirs.count + 1, sizeof *all->items);
    for (int i = 0; i < all->count; i++) {
        struct found_dir *d = &all->items[i];
        struct buf why = BUF_INIT, text = BUF_INIT;
        d->path = p->dirs.paths[i];
        d->state = storage_meta_read(p->tool, d->path, &d->meta, &why);
        buf_put_str(&text, d->path);
        d->slot = java_map_slot(buf_cstr(&text), java_map_slots((size_t)all->count));
        all->good_count += d->state == META_GOOD;
        all->empty_count += is_empty(d);
        buf_deinit(&why);
        buf_deinit(&text);
    }
}

static int by_slot(const void *a, const void *b)
{
    const struct found_dir *x = a, *y = b;
    return x->slot != y->slot ? (x->slot > y->slot) - (x->slot < y->slot)
                              : str_cmp(x->path, y->path);
}

static void forget(struct found_dirs *all)
{
    for (int i = 0; i < all->count; i++) {
        storage_meta_deinit(&all->items[i].meta);
    }
    mem_free(all->items);
}

/* Whether a directory that is formatted is this node's and this cluster's. */
static bool is_ours(struct format_plan *p, const struct found_dir *d)
{
    struct buf *why = &p->tool->why;
    const struct storage_meta *m = &d->meta;
    if (!str_is_null(m->cluster_id) && !str_eq(m->cluster_id, p->cluster_id)) {
        buf_printf(why, "Invalid cluster.id in: %.*s/meta.properties. Expected %.*s, but read %.*s",
                   STR_ARG(d->path), STR_ARG(p->cluster_id), STR_ARG(m->cluster_id));
        return false;
    }
    if (m->node_id >= 0 && m->node_id != p->config.node_id) {
        buf_printf(why,
                   "Stored node id %" PRId32 " doesn't match previous node id %" PRId32
                   " in %.*s/meta.properties. If you moved your data, make sure your configured "
                   "node id matches. If you intend to create a new node, you should remove all "
                   "data in your data directories.",
                   m->node_id, p->config.node_id, STR_ARG(d->path));
        return false;
    }
    return true;
}

/* What stands in the way is told; false when nothing can be formatted. */
static bool may_go_on(struct format_plan *p, struct found_dirs *all)
{
    const struct found_dir *good = NULL;
    for (int i = 0; i < all->count; i++) {
        const struct found_dir *d = &all->items[i];
        if (d->state == META_GOOD && !is_ours(p, d)) {
            return false;
        }
        good = good == NULL && d->state == META_GOOD ? d : good;
    }
    if (good != NULL && !p->ignores_formatted) {
        buf_printf(&p->tool->why,
                   "Log directory %.*s is already formatted. Use --ignore-formatted to ignore this "
                   "directory and format the others.",
                   STR_ARG(good->path));
        return false;
    }
    for (int i = 0; i < all->count; i++) {
        if (all->items[i].state == META_BAD || all->items[i].state == META_NOT_A_DIR) {
            fprintf(p->tool->out, "I/O error trying to read log directory %.*s. Ignoring...\n",
                    STR_ARG(all->items[i].path));
        }
    }
    if (all->good_count + all->empty_count == 0) {
        buf_put_str(&p->tool->why, STR("No available log directories to format."));
        return false;
    }
    return true;
}

/* --- what is written --- */

static bool is_in_bootstrap(const struct format_plan *p, int i)
{
    return p->levels[i] > 0 && !str_eq(str_from(features_known[i].name), FEATURE_KRAFT) &&
           !str_eq(str_from(features_known[i].name), FEATURE_METADATA);
}

/* metadata.version, then the others by name. */
static void put_features(const struct format_plan *p, struct meta_records *rs)
{
    struct feature_level_record r = {FEATURE_METADATA, (int16_t)p->version};
    meta_records_add(rs, META_FEATURE_LEVEL, 0, &r);
    for (int i = 0; i < FEATURE_COUNT; i++) {
        r = (struct feature_level_record){str_from(features_known[i].name), p->levels[i]};
        if (is_in_bootstrap(p, i)) {
            meta_records_add(rs, META_FEATURE_LEVEL, 0, &r);
        }
    }
}

#define RECORD_TEXT                                                                                \
    "ApiMessageAndVersion(FeatureLevelRecord(name='%s', featureLevel=%d) at version 0)"

static void print_bootstrap(const struct format_plan *p)
{
    FILE *out = p->tool->out;
    fprintf(out, "Bootstrap metadata: BootstrapMetadata(records=[" RECORD_TEXT, "metadata.version",
            p->version);
    for (int i = 0; i < FEATURE_COUNT; i++) {
        if (is_in_bootstrap(p, i)) {
            fprintf(out, ", " RECORD_TEXT, features_known[i].name, p->levels[i]);
        }
    }
    fprintf(out, "], metadataVersionLevel=%d, source=format command)\n", p->version);
}

static enum err put_footer(struct buf *out, struct meta_batch_head *head)
{
    struct snapshot_footer_record footer = {0};
    struct meta_control control = {CONTROL_SNAPSHOT_FOOTER, 0, &footer};
    return meta_control_build(out, head, &control, 1);
}

static enum err put_bootstrap(const struct format_plan *p, int64_t now_ms, struct buf *out)
{
    struct snapshot_header_record header = {0};
    struct meta_control control = {CONTROL_SNAPSHOT_HEADER, 0, &header};
    struct meta_batch_head head = {.now_ms = now_ms};
    struct meta_records rs;
    meta_records_init(&rs);
    put_features(p, &rs);
    enum err e = rs.err ? rs.err : meta_control_build(out, &head, &control, 1);
    head.base_off += 1;
    e = e ? e : meta_batch_build(out, &head, &rs, 0, rs.count);
    head.base_off += rs.count;
    e = e ? e : put_footer(out, &head);
    meta_records_deinit(&rs);
    return e ? e : out->err;
}

struct voter_rows {
    struct voters_record_voter voters[FORMAT_VOTERS_MAX];
    struct voters_record_endpoint endpoints[FORMAT_VOTERS_MAX];
};

static struct voters_record voters_record(const struct format_plan *p, struct voter_rows *rows)
{
    for (int i = 0; i < p->voters.count; i++) {
        const struct format_voter *v = &p->voters.items[i];
        rows->endpoints[i] =
            (struct voters_record_endpoint){p->controller_listener, v->host, v->port};
        rows->voters[i] = voters_record_voter_default;
        rows->voters[i].voter_id = v->id;
        rows->voters[i].voter_directory_id = v->dir_id;
        rows->voters[i].endpoints = &rows->endpoints[i];
        rows->voters[i].endpoints_count = 1;
        rows->voters[i].kraft_version_feature.max_supported_version = 1;
    }
    return (struct voters_record){.voters = rows->voters, .voters_count = p->voters.count};
}

/* The snapshot that precedes the log of a dynamic quorum. */
static enum err put_first_snapshot(const struct format_plan *p, int64_t now_ms, struct buf *out)
{
    struct voter_rows *rows = NEW(struct voter_rows);
    struct snapshot_header_record header = {0, now_ms};
    struct kraft_version_record version = {0, 1};
    struct voters_record voters = voters_record(p, rows);
    struct meta_control controls[FIRST_CONTROLS] = {
        {CONTROL_SNAPSHOT_HEADER, 0, &header},
        {CONTROL_KRAFT_VERSION, 0, &version},
        {CONTROL_KRAFT_VOTERS, 0, &voters},
    };
    struct meta_batch_head head = {.now_ms = now_ms};
    enum err e = meta_control_build(out, &head, controls, FIRST_CONTROLS);
    head.base_off += FIRST_CONTROLS;
    e = e ? e : put_footer(out, &head);
    mem_free(rows);
    return e ? e : out->err;
}

/* --- writing --- */

static enum err write_file(struct fs *fs, const char *dir, const char *name, enum err built,
                           struct buf *bytes)
{
    struct buf path = BUF_INIT;
    fs_path(&path, dir, name);
    enum err e = built ? built : path.err;
    e = e ? e : fs_write_atomic(fs, buf_cstr(&path), bytes->p, bytes->len);
    buf_deinit(&path);
    buf_clear(bytes);
    return e;
}

static enum err write_snapshots(const struct format_plan *p, const char *dir, bool is_dynamic)
{
    int64_t now_ms = clock_wall_ms(clock_system());
    struct fs *fs = p->tool->fs;
    struct buf bytes = BUF_INIT, log_dir = BUF_INIT;
    enum err e =
        write_file(fs, dir, "bootstrap.checkpoint", put_bootstrap(p, now_ms, &bytes), &bytes);
    if (!e && is_dynamic) {
        fs_path(&log_dir, dir, "__cluster_metadata-0");
        e = fs_mkdir_all(fs, buf_cstr(&log_dir));
        e = e ? e
              : write_file(fs, buf_cstr(&log_dir), "00000000000000000000-0000000000.checkpoint",
                           put_first_snapshot(p, now_ms, &bytes), &bytes);
    }
    buf_deinit(&bytes);
    buf_deinit(&log_dir);
    return e;
}

static const struct format_voter *own_voter(const struct format_plan *p)
{
    for (int i = 0; i < p->voters.count; i++) {
        if (p->voters.items[i].id == p->config.node_id) {
            return &p->voters.items[i];
        }
    }
    return NULL;
}

static const char *kind_of(const struct format_plan *p, bool is_metadata)
{
    return !is_metadata           ? "data directory"
           : !p->has_voters       ? "metadata directory"
           : own_voter(p) != NULL ? "dynamic metadata voter directory"
                                  : "dynamic metadata directory";
}

static enum err write_dir(const struct format_plan *p, const char *path, bool is_metadata)
{
    struct logdir_meta meta = {.version = 1, .node_id = p->config.node_id};
    const struct format_voter *own = is_metadata ? own_voter(p) : NULL;
    struct logdir *d;
    struct rand r;
    entropy_fill(&r, sizeof r);
    meta.dir_id = own ? own->dir_id : uuid_random(&r);
    snprintf(meta.cluster_id, sizeof meta.cluster_id, "%.*s", STR_ARG(p->cluster_id));
    enum err e = logdir_open(p->tool->fs, path, &d);
    if (e) {
        return e;
    }
    e = write_snapshots(p, path, is_metadata && p->has_voters);
    e = e ? e : logdir_format(d, &meta);
    logdir_close(d);
    return e;
}

static bool format_one(struct format_plan *p, const struct found_dir *d)
{
    struct buf path = BUF_INIT;
    bool is_metadata = str_eq(d->path, p->dirs.metadata);
    buf_put_str(&path, d->path);
    fprintf(p->tool->out, "Formatting %s %s with metadata.version %s.\n", kind_of(p, is_metadata),
            buf_cstr(&path), metadata_version_name(p->version));
    enum err e = write_dir(p, buf_cstr(&path), is_metadata);
    if (e) {
        buf_printf(&p->tool->why, "%s cannot be formatted: %s", buf_cstr(&path), err_text(e));
    }
    buf_deinit(&path);
    return e == OK;
}

static bool format_all(struct format_plan *p, struct found_dirs *all)
{
    if (all->empty_count == 0) {
        fprintf(p->tool->out, "All of the log directories are already formatted.\n");
        return true;
    }
    print_bootstrap(p);
    for (int i = 0; i < all->count; i++) {
        if (is_empty(&all->items[i]) && !format_one(p, &all->items[i])) {
            return false;
        }
    }
    return true;
}

/* What can stand in a properties file as it is. */
static bool is_cluster_id(struct str id)
{
    bool ok = id.len < sizeof((struct logdir_meta *)0)->cluster_id;
    for (size_t i = 0; ok && i < id.len; i++) {
        ok = id.p[i] >= ' ' && id.p[i] <= '~' && id.p[i] != '\\';
    }
    return ok;
}

int format_dirs(struct format_plan *p)
{
    struct found_dirs all;
    if (!is_cluster_id(p->cluster_id)) {
        buf_put_str(&p->tool->why, STR("A cluster id has at most 63 printable characters."));
        return EXIT_FAILED;
    }
    look(p, &all);
    bool ok = may_go_on(p, &all);
    qsort(all.items, (size_t)all.count, sizeof *all.items, by_slot);
    ok = ok && format_all(p, &all);
    forget(&all);
    return ok ? 0 : EXIT_FAILED;
}
