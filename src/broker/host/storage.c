/* The data directories as a whole: opening, formatting, checkpoints, closing. Partitions in them
 * are in storage_partitions.c. */
#include "broker/host/storage_priv.h"

#include "base/diag.h"
#include "base/mem.h"
#include "log/checkpoint.h"

#include <stdlib.h>

static const char default_log_dir[] = ".ottla";

/* --- log.dirs --- */

static struct str configured_dirs(const struct broker_config *config)
{
    struct str dirs = config_props_get(&config->props, STR("log.dirs"));
    dirs = str_is_null(dirs) ? config_props_get(&config->props, STR("log.dir")) : dirs;
    return str_is_null(dirs) ? str_from(default_log_dir) : dirs;
}

static enum err open_dir(struct storage *s, struct str path, struct buf *why)
{
    char *text = str_dup(path);
    struct storage_dir *d = &s->dirs[s->dir_count];
    enum err e = logdir_open(s->fs, text, &d->dir);
    if (e == ERR_LOCKED) {
        buf_printf(why, "another broker is running on %s (its .lock is held): stop it first", text);
    } else if (e == ERR_MALFORMED) {
        buf_printf(why, "%s/meta.properties cannot be understood", text);
    } else if (e) {
        buf_printf(why, "the data directory %s cannot be opened: %s", text, err_text(e));
    } else {
        s->dir_count++;
    }
    mem_free(text);
    return e;
}

static enum err open_dirs(struct storage *s, struct buf *why)
{
    struct str list = configured_dirs(s->config);
    struct str path;
    enum err e = OK;
    while (!e && str_next_item(&list, ',', &path)) {
        s->dirs = mem_realloc_array(s->dirs, (size_t)s->dir_count + 1, sizeof *s->dirs);
        s->dirs[s->dir_count] = (struct storage_dir){0};
        e = open_dir(s, path, why);
    }
    if (!e && s->dir_count == 0) {
        buf_printf(why, "log.dirs names no directory");
        return ERR_BAD_CONFIG;
    }
    return e;
}

/* --- whose they are --- */

static enum err check_meta(struct storage *s, const struct logdir *d, struct buf *why)
{
    const struct logdir_meta *m = logdir_meta(d);
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

/* A cluster id that is new, or the one that the formatted directories have. */
static enum err agree_on_ids(struct storage *s, struct buf *why)
{
    for (int i = 0; i < s->dir_count; i++) {
        if (logdir_is_formatted(s->dirs[i].dir)) {
            enum err e = check_meta(s, s->dirs[i].dir, why);
            if (e) {
                return e;
            }
        }
    }
    if (s->cluster_id[0] == '\0') {
        uuid_format(uuid_random(&s->rand), s->cluster_id);
    }
    return OK;
}

static enum err format_dir(struct storage *s, struct storage_dir *d)
{
    struct logdir_meta meta = *logdir_meta(d->dir);
    if (logdir_is_formatted(d->dir) && !uuid_is_zero(meta.dir_id)) {
        return OK;
    }
    memcpy(meta.cluster_id, s->cluster_id, sizeof meta.cluster_id);
    meta.node_id = s->config->node_id;
    meta.dir_id = uuid_random(&s->rand);
    return logdir_format(d->dir, &meta);
}

static int by_uuid(const void *a, const void *b)
{
    return uuid_cmp(*(const struct uuid *)a, *(const struct uuid *)b);
}

static enum err format_dirs(struct storage *s, struct buf *why)
{
    s->dir_ids = mem_zalloc(sizeof *s->dir_ids * (size_t)s->dir_count);
    for (int i = 0; i < s->dir_count; i++) {
        enum err e = format_dir(s, &s->dirs[i]);
        if (e) {
            buf_printf(why, "%s cannot be formatted: %s", logdir_path(s->dirs[i].dir), err_text(e));
            return e;
        }
        s->dir_ids[i] = logdir_meta(s->dirs[i].dir)->dir_id;
    }
    qsort(s->dir_ids, (size_t)s->dir_count, sizeof *s->dir_ids, by_uuid);
    return OK;
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
    mutex_init(&s->lock);
    list_init(&s->removals);
    rand_init(&s->rand, args->seed);
    enum err e = open_dirs(s, why);
    e = e ? e : agree_on_ids(s, why);
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

/* metadata.log.dir if it is one of ours, else the first directory, as Kafka does. */
struct logdir *storage_metadata_dir(const struct storage *s)
{
    struct str want = config_props_get(&s->config->props, STR("metadata.log.dir"));
    for (int i = 0; i < s->dir_count; i++) {
        if (!str_is_null(want) && str_eq(want, str_from(logdir_path(s->dirs[i].dir)))) {
            return s->dirs[i].dir;
        }
    }
    return s->dirs[0].dir;
}

void storage_close(struct storage *s, bool is_clean, int64_t broker_epoch)
{
    for (int i = 0; i < s->dir_count; i++) {
        enum err e = is_clean ? logdir_put_clean_mark(s->dirs[i].dir, broker_epoch) : OK;
        if (e) {
            diag_warn("storage", "%s: no mark of the clean stop: %s", logdir_path(s->dirs[i].dir),
                      err_text(e));
        }
        logdir_close(s->dirs[i].dir);
    }
    storage_remove_due(s, INT64_MAX);
    mutex_deinit(&s->lock);
    mem_free(s->dirs);
    mem_free(s->dir_ids);
    mem_free(s);
}

/* --- checkpoints --- */

/* The files of one directory, being built. */
struct checkpoints {
    struct storage *storage;
    struct storage_dir *dir;
    bool recovery_points;
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
}

static void finish(struct checkpoints *c, struct checkpoint_writer *w, const char *name)
{
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/%s", logdir_path(c->dir->dir), name);
    enum err e = checkpoint_finish(w, c->storage->fs, buf_cstr(&path));
    if (e) {
        diag_warn("storage", "%s could not be written: %s", buf_cstr(&path), err_text(e));
    }
    buf_deinit(&path);
}

static void checkpoint_dir(struct storage *s, struct storage_dir *d, bool recovery_points)
{
    struct checkpoints c = {.storage = s, .dir = d, .recovery_points = recovery_points};
    checkpoint_begin(&c.high_watermarks);
    checkpoint_begin(&c.starts);
    if (recovery_points) {
        checkpoint_begin(&c.recovery);
    }
    topic_table_each(s->topics, add_partition, &c);
    finish(&c, &c.high_watermarks, "replication-offset-checkpoint");
    finish(&c, &c.starts, "log-start-offset-checkpoint");
    if (recovery_points) {
        finish(&c, &c.recovery, "recovery-point-offset-checkpoint");
    }
}

void storage_checkpoint(struct storage *s, bool recovery_points)
{
    for (int i = 0; i < s->dir_count; i++) {
        checkpoint_dir(s, &s->dirs[i], recovery_points);
    }
}
