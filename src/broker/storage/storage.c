/* The data directories as a whole: opening, formatting, checkpoints, closing. Partitions in them
 * are in storage_partitions.c. */
#include "broker/storage/memos.h"

#include "base/diag.h"
#include "base/mem.h"
#include "log/checkpoint.h"

#include <stdlib.h>

static const char default_log_dir[] = ".ottla";

/* --- log.dirs --- */

struct str storage_dirs_of(const struct props *props)
{
    struct str dirs = props_get(props, STR("log.dirs"));
    dirs = str_is_null(dirs) ? props_get(props, STR("log.dir")) : dirs;
    return str_is_null(dirs) ? str_from(default_log_dir) : dirs;
}

static enum err open_dir(struct storage *s, struct str path, struct logdir **ret_dir,
                         struct buf *why)
{
    char *text = str_dup(path);
    enum err e = logdir_open(s->fs, text, ret_dir);
    if (e == ERR_LOCKED) {
        buf_printf(why, "another broker is running on %s (its .lock is held): stop it first", text);
    } else if (e == ERR_MALFORMED) {
        buf_printf(why, "%s/meta.properties cannot be understood", text);
    } else if (e) {
        buf_printf(why, "the data directory %s cannot be opened: %s", text, err_text(e));
    }
    mem_free(text);
    return e;
}

static enum err open_dirs(struct storage *s, struct buf *why)
{
    struct str list = storage_dirs_of(&s->config->props);
    struct str path;
    enum err e = OK;
    while (!e && str_next_item(&list, ',', &path)) {
        s->dirs = mem_realloc_array(s->dirs, (size_t)s->dir_count + 1, sizeof *s->dirs);
        s->dirs[s->dir_count] = (struct storage_dir){0};
        e = open_dir(s, path, &s->dirs[s->dir_count].dir, why);
        s->dir_count += e == OK;
    }
    if (!e && s->dir_count == 0) {
        buf_printf(why, "log.dirs names no directory");
        return ERR_BAD_CONFIG;
    }
    return e;
}

static struct str without_slashes(struct str path)
{
    while (path.len > 1 && path.p[path.len - 1] == '/') {
        path.len--;
    }
    return path;
}

struct storage_dir *storage_find_dir(struct storage *s, struct str path)
{
    for (int i = 0; i < s->dir_count; i++) {
        if (str_eq(without_slashes(path), without_slashes(str_from(logdir_path(s->dirs[i].dir))))) {
            return &s->dirs[i];
        }
    }
    return NULL;
}

/* metadata.log.dir, which may be a directory of its own, or the first of log.dirs. */
static enum err open_metadata_dir(struct storage *s, struct buf *why)
{
    struct str want = props_get(&s->config->props, STR("metadata.log.dir"));
    s->metadata_dir = s->dirs[0].dir;
    if (str_is_null(want) || want.len == 0) {
        return OK;
    }
    const struct storage_dir *same = storage_find_dir(s, want);
    if (same != NULL) {
        s->metadata_dir = same->dir;
        return OK;
    }
    enum err e = open_dir(s, want, &s->metadata_dir, why);
    s->has_metadata_dir_of_own = e == OK;
    return e;
}

/* --- whose they are --- */

static enum err check_meta(struct storage *s, const struct logdir *d, struct buf *why)
{
    const struct logdir_meta *m = logdir_meta(d);
    if (m->version == 0) {
        buf_printf(why,
                   "%s was written by a broker that had its metadata in ZooKeeper: migrate that "
                   "cluster to KRaft first, or use another directory",
                   logdir_path(d));
        return ERR_BAD_CONFIG;
    }
    if (m->node_id != s->config->node_id) {
        buf_printf(why, "%s belongs to node.id %d, not %d: set node.id, or use another directory",
                   logdir_path(d), m->node_id, s->config->node_id);
        return ERR_BAD_CONFIG;
    }
    if (s->cluster_id[0] != '\0' && strcmp(s->cluster_id, m->cluster_id) != 0) {
        buf_printf(why, "%s belongs to cluster %s, the other log.dirs to %s", logdir_path(d),
                   m->cluster_id, s->cluster_id);
        return ERR_BAD_CONFIG;
    }
    memcpy(s->cluster_id, m->cluster_id, sizeof s->cluster_id);
    return OK;
}

static bool on_entry(void *ctx, const char *name, bool is_dir)
{
    bool *has_partitions = ctx;
    struct str topic;
    int32_t partition;
    *has_partitions = is_dir && logdir_parse_name(str_from(name), &topic, &partition);
    return !*has_partitions;
}

/* Partitions without the metadata that tells what they are would all be strays. */
static enum err check_metadata_is_there(struct storage *s, struct buf *why)
{
    struct buf path = BUF_INIT;
    struct fs_stat st;
    bool has_partitions = false;
    logdir_partition_path(s->metadata_dir, STR("__cluster_metadata"), 0, &path);
    enum err e = fs_stat(s->fs, buf_cstr(&path), &st);
    buf_deinit(&path);
    if (e != ERR_NOT_FOUND) {
        return e;
    }
    e = OK;
    for (int i = 0; !e && !has_partitions && i < s->dir_count; i++) {
        e = fs_list(s->fs, logdir_path(s->dirs[i].dir), on_entry, &has_partitions);
        if (has_partitions) {
            buf_printf(why,
                       "%s has partitions, but %s has no metadata log (__cluster_metadata-0) that "
                       "tells what they are: set metadata.log.dir to where it is, or use empty "
                       "directories",
                       logdir_path(s->dirs[i].dir), logdir_path(s->metadata_dir));
            e = ERR_BAD_CONFIG;
        }
    }
    return e;
}

/* A cluster id that is new, or the one that the formatted directories have. */
static enum err agree_on_ids(struct storage *s, struct buf *why)
{
    enum err e = OK;
    for (int i = 0; !e && i < s->dir_count; i++) {
        e = logdir_is_formatted(s->dirs[i].dir) ? check_meta(s, s->dirs[i].dir, why) : OK;
    }
    if (!e && s->has_metadata_dir_of_own && logdir_is_formatted(s->metadata_dir)) {
        e = check_meta(s, s->metadata_dir, why);
    }
    if (s->cluster_id[0] == '\0') {
        uuid_format(uuid_random(&s->rand), s->cluster_id);
    }
    return e;
}

static enum err format_dir(struct storage *s, struct logdir *d, struct buf *why)
{
    struct logdir_meta meta = *logdir_meta(d);
    if (logdir_is_formatted(d) && !uuid_is_zero(meta.dir_id)) {
        return OK;
    }
    memcpy(meta.cluster_id, s->cluster_id, sizeof meta.cluster_id);
    meta.node_id = s->config->node_id;
    meta.dir_id = uuid_random(&s->rand);
    enum err e = logdir_format(d, &meta);
    if (e) {
        buf_printf(why, "%s cannot be formatted: %s", logdir_path(d), err_text(e));
    }
    return e;
}

static int by_uuid(const void *a, const void *b)
{
    return uuid_cmp(*(const struct uuid *)a, *(const struct uuid *)b);
}

static enum err format_dirs(struct storage *s, struct buf *why)
{
    enum err e = OK;
    s->dir_ids = mem_zalloc(sizeof *s->dir_ids * (size_t)s->dir_count);
    for (int i = 0; !e && i < s->dir_count; i++) {
        e = format_dir(s, s->dirs[i].dir, why);
        s->dir_ids[i] = logdir_meta(s->dirs[i].dir)->dir_id;
    }
    qsort(s->dir_ids, (size_t)s->dir_count, sizeof *s->dir_ids, by_uuid);
    return !e && s->has_metadata_dir_of_own ? format_dir(s, s->metadata_dir, why) : e;
}

enum err storage_open(const struct storage_args *args, struct storage **ret_storage,
                      struct buf *why)
{
    struct storage *s = NEW(struct storage);
    s->fs = args->fs;
    s->clock = args->clock;
    s->config = args->config;
    s->topics = args->topics;
    s->syncer = args->syncer;
    s->in_one_thread = args->in_one_thread;
    s->boot_id = args->boot_id;
    mutex_init(&s->lock);
    mutex_init(&s->checkpoint_lock);
    list_init(&s->removals);
    rand_init(&s->rand, args->seed);
    enum err e = open_dirs(s, why);
    e = e ? e : open_metadata_dir(s, why);
    e = e ? e : agree_on_ids(s, why);
    e = e ? e : check_metadata_is_there(s, why);
    e = e ? e : format_dirs(s, why);
    if (e) {
        storage_close(s, false, -1);
        return e;
    }
    *ret_storage = s;
    return OK;
}

const char *storage_cluster_id(const struct storage *s) { return s->cluster_id; }
struct logdir *storage_dir(const struct storage *s, int i) { return s->dirs[i].dir; }
int storage_dir_count(const struct storage *s) { return s->dir_count; }

const struct uuid *storage_dir_ids(const struct storage *s, int *ret_count)
{
    *ret_count = s->dir_count;
    return s->dir_ids;
}

int64_t storage_previous_epoch(const struct storage *s)
{
    for (int i = 1; i < s->dir_count; i++) {
        if (s->dirs[i].previous_epoch != s->dirs[0].previous_epoch) {
            return -1;
        }
    }
    return s->dirs[0].previous_epoch;
}

bool storage_was_clean(const struct storage *s)
{
    bool was_clean = true;
    for (int i = 0; i < s->dir_count; i++) {
        was_clean = was_clean && s->dirs[i].was_clean;
    }
    return was_clean;
}

struct logdir *storage_metadata_dir(const struct storage *s) { return s->metadata_dir; }

void storage_close(struct storage *s, bool is_clean, int64_t broker_epoch)
{
    for (int i = 0; i < s->dir_count; i++) {
        enum err e = is_clean ? logdir_put_clean_mark(s->dirs[i].dir, broker_epoch) : OK;
        if (e) {
            diag_warn(DIAG_STORAGE, "%s: no mark of the clean stop: %s",
                      logdir_path(s->dirs[i].dir), err_text(e));
        }
        logdir_close(s->dirs[i].dir);
    }
    if (s->has_metadata_dir_of_own) {
        logdir_close(s->metadata_dir);
    }
    storage_remove_due(s, INT64_MAX);
    mutex_deinit(&s->lock);
    mutex_deinit(&s->checkpoint_lock);
    mem_free(s->dirs);
    mem_free(s->dir_ids);
    mem_free(s->unmade);
    mem_free(s);
}

/* --- checkpoints --- */

/* The files of one directory, being built. */
struct checkpoints {
    struct storage *storage;
    struct storage_dir *dir;
    bool recovery_points;
    storage_due_fn *is_note_due; /* NULL: never */
    void *due_ctx;
    struct checkpoint_writer high_watermarks, recovery, starts;
};

static void add_recovery_point(struct checkpoints *c, struct partition *p)
{
    int64_t off;
    enum err e = log_checkpoint_recovery_point(p->log, &off);
    if (!e) {
        checkpoint_add(&c->recovery, p->topic_name, p->index, off);
    }
}

static void add_rows(struct checkpoints *c, struct partition *p)
{
    struct partition_view v;
    partition_view(p, &v);
    checkpoint_add(&c->high_watermarks, p->topic_name, p->index, v.high_watermark.off);
    if (v.start_off > 0) {
        checkpoint_add(&c->starts, p->topic_name, p->index, v.start_off);
    }
    if (c->recovery_points) {
        add_recovery_point(c, p);
    }
}

static void add_partition(void *ctx, struct partition *p)
{
    struct checkpoints *c = ctx;
    if (p->dir != c->dir->dir) {
        return;
    }
    mutex_lock(&p->upkeep_lock);
    if (!partition_is_deleted(p)) {
        add_rows(c, p);
    }
    mutex_unlock(&p->upkeep_lock);
    if (c->is_note_due != NULL && c->is_note_due(c->due_ctx)) {
        memos_write(c->storage);
    }
}

static void finish(struct checkpoints *c, struct checkpoint_writer *w, const char *name)
{
    struct buf path = BUF_INIT;
    fs_path(&path, logdir_path(c->dir->dir), name);
    enum err e = checkpoint_finish(w, c->storage->fs, buf_cstr(&path));
    if (e) {
        diag_warn(DIAG_STORAGE, "%s could not be written: %s", buf_cstr(&path), err_text(e));
    }
    buf_deinit(&path);
}

/* Memos tell when these files were written: those of before are worth nothing from here on. */
static void checkpoint_dir(struct checkpoints *c)
{
    struct storage *s = c->storage;
    checkpoint_begin(&c->high_watermarks);
    checkpoint_begin(&c->starts);
    if (c->recovery_points) {
        checkpoint_begin(&c->recovery);
    }
    topic_table_each(s->topics, add_partition, c);
    finish(c, &c->starts, STARTS_FILE);
    finish(c, &c->high_watermarks, MARKS_FILE);
    memos_write(s);
    if (c->recovery_points) {
        finish(c, &c->recovery, POINTS_FILE);
        memos_write(s);
    }
}

static void checkpoint_all(struct storage *s, const struct checkpoints *how)
{
    mutex_lock(&s->checkpoint_lock);
    for (int i = 0; i < s->dir_count; i++) {
        struct checkpoints c = *how;
        c.storage = s;
        c.dir = &s->dirs[i];
        checkpoint_dir(&c);
    }
    mutex_unlock(&s->checkpoint_lock);
}

/* A file of starts with one more row. */
struct one_more {
    struct checkpoint_writer w;
    const struct partition *part;
};

static void keep_row(void *ctx, const struct checkpoint_row *row)
{
    struct one_more *o = ctx;
    if (row->partition != o->part->index || !str_eq(row->topic, o->part->topic_name)) {
        checkpoint_add(&o->w, row->topic, row->partition, row->off);
    }
}

enum err storage_note_start(struct storage *s, struct storage_dir *d, const struct partition *p,
                            int64_t start_off)
{
    struct one_more o = {.part = p};
    struct buf path = BUF_INIT;
    const char *name = fs_path(&path, logdir_path(d->dir), STARTS_FILE);
    checkpoint_begin(&o.w);
    enum err e = checkpoint_read(s->fs, name, keep_row, &o);
    if (start_off > 0) {
        checkpoint_add(&o.w, p->topic_name, p->index, start_off);
    }
    e = e == ERR_NOT_FOUND ? OK : e;
    if (e) {
        buf_deinit(&o.w.rows);
    } else {
        e = checkpoint_finish(&o.w, s->fs, name);
    }
    buf_deinit(&path);
    return e;
}

static void add_start(void *ctx, struct partition *p)
{
    struct checkpoints *c = ctx;
    int64_t off = log_start_off(p->log);
    if (p->dir == c->dir->dir && !partition_is_deleted(p) && off > 0) {
        checkpoint_add(&c->starts, p->topic_name, p->index, off);
    }
}

static enum err write_starts(struct storage *s, struct storage_dir *d)
{
    struct checkpoints c = {.storage = s, .dir = d};
    struct buf path = BUF_INIT;
    checkpoint_begin(&c.starts);
    topic_table_each(s->topics, add_start, &c);
    enum err e =
        checkpoint_finish(&c.starts, s->fs, fs_path(&path, logdir_path(d->dir), STARTS_FILE));
    buf_deinit(&path);
    return e;
}

enum err storage_forget_starts(struct storage *s)
{
    enum err e = OK;
    if (!atomic_load(&s->has_stale_starts)) {
        return OK;
    }
    mutex_lock(&s->checkpoint_lock);
    for (int i = 0; !e && i < s->dir_count; i++) {
        e = write_starts(s, &s->dirs[i]);
    }
    mutex_unlock(&s->checkpoint_lock);
    atomic_store(&s->has_stale_starts, e != OK);
    return e;
}

void storage_checkpoint(struct storage *s, bool recovery_points)
{
    checkpoint_all(s, &(struct checkpoints){.recovery_points = recovery_points});
}

void storage_checkpoint_and_note(struct storage *s, storage_due_fn *is_note_due, void *ctx)
{
    checkpoint_all(s, &(struct checkpoints){
                          .recovery_points = true, .is_note_due = is_note_due, .due_ctx = ctx});
}

bool storage_had_partitions(const struct storage *s) { return s->had_partitions; }

size_t storage_note(struct storage *s)
{
    mutex_lock(&s->checkpoint_lock);
    memos_write(s);
    size_t bytes = s->memos_bytes;
    mutex_unlock(&s->checkpoint_lock);
    return bytes;
}
