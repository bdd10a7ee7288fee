/* What is in a data directory when the broker starts: partitions, what the checkpoints say of them,
 * and what belongs to nobody. In the thread that starts it. */
#include "broker/storage/memos.h"

#include "base/diag.h"
#include "base/mem.h"
#include "log/checkpoint.h"

/* A checkpoint file that is being read. */
struct reading {
    struct storage *storage;
    struct storage_dir *dir;
    int64_t written_ms;
};

struct found_key {
    struct str topic;
    int32_t partition;
};

static bool found_eq(const struct map_node *n, const void *key)
{
    const struct found *f = MAP_ENTRY(n, struct found, node);
    const struct found_key *k = key;
    return f->partition == k->partition && str_eq(str_from(f->topic), k->topic);
}

static uint64_t found_hash(struct str topic, int32_t partition)
{
    return str_hash(topic, (uint64_t)(uint32_t)partition);
}

struct found *storage_find_found(const struct storage_dir *d, struct str topic, int32_t partition)
{
    struct found_key k = {topic, partition};
    struct map_node *n = map_find(&d->known, found_hash(topic, partition), found_eq, &k);
    return n ? MAP_ENTRY(n, struct found, node) : NULL;
}

int64_t storage_mtime_ms(struct storage *s, const char *dir, const char *name)
{
    struct buf path = BUF_INIT;
    struct fs_stat st;
    enum err e = fs_stat(s->fs, fs_path(&path, dir, name), &st);
    buf_deinit(&path);
    return e ? INT64_MIN : st.mtime_ms;
}

struct listing {
    struct storage *storage;
    struct storage_dir *dir;
};

static void on_directory(void *ctx, const struct logdir_partition *p)
{
    struct listing *l = ctx;
    struct found *f = NEW(struct found);
    l->storage->had_partitions = true;
    f->topic = str_dup(p->topic);
    f->partition = p->partition;
    f->topic_id = p->topic_id;
    f->recovery_point_off = -1; /* until a row tells */
    f->made_ms = storage_mtime_ms(l->storage, p->path, PARTITION_METADATA_FILE);
    map_insert(&l->dir->known, found_hash(p->topic, p->partition), &f->node);
}

/* Rows go by names: one that is older than the partition tells of another that was deleted. Or the
 * clock was set back, or the directory is a copy whose files have other times. */
static bool is_older(const struct reading *r, const struct found *f)
{
    return r->written_ms < f->made_ms;
}

/* For what is found again by a longer scan. */
static struct found *find_of_row(const struct reading *r, const struct checkpoint_row *row)
{
    struct found *f = storage_find_found(r->dir, row->topic, row->partition);
    return f != NULL && !is_older(r, f) ? f : NULL;
}

static void on_recovery_point(void *ctx, const struct checkpoint_row *row)
{
    struct found *f = find_of_row(ctx, row);
    if (f != NULL) {
        f->recovery_point_off = row->off;
    }
}

/* Nothing else has the start: without it deleted records come back. So times alone are no reason to
 * pass it over; rows of those that were deleted are gone before another gets their name. */
static void on_start(void *ctx, const struct checkpoint_row *row)
{
    const struct reading *r = ctx;
    struct found *f = storage_find_found(r->dir, row->topic, row->partition);
    if (f != NULL) {
        f->start_off = row->off;
        f->is_start_doubted = is_older(r, f);
    } else {
        atomic_store(&r->storage->has_stale_starts, true);
    }
}

static void on_cleaned(void *ctx, const struct checkpoint_row *row)
{
    struct found *f = find_of_row(ctx, row);
    if (f != NULL) {
        f->cleaned_off = row->off;
    }
}

static enum err read_rows(struct storage *s, struct storage_dir *d, const char *path,
                          checkpoint_row_fn *fn)
{
    struct fs_stat st = {0};
    enum err e = fs_stat(s->fs, path, &st);
    struct reading r = {s, d, st.mtime_ms};
    return e ? e : checkpoint_read(s->fs, path, fn, &r);
}

/* One that is missing or bad costs a longer scan, or what it held. One that cannot be read now is
 * neither: that is an error, and deleted records do not come back for it. */
static enum err read_checkpoint(struct storage *s, struct storage_dir *d, const char *name,
                                checkpoint_row_fn *fn)
{
    struct buf path = BUF_INIT;
    enum err e = read_rows(s, d, fs_path(&path, logdir_path(d->dir), name), fn);
    bool is_bad = e == ERR_MALFORMED || e == ERR_BUDGET;
    if (e && e != ERR_NOT_FOUND) {
        diag_warn(DIAG_STORAGE, "%s %s: %s", buf_cstr(&path),
                  is_bad ? "is not used" : "cannot be read", err_text(e));
    }
    buf_deinit(&path);
    return is_bad || e == ERR_NOT_FOUND ? OK : e;
}

static enum err read_checkpoints(struct storage *s, struct storage_dir *d)
{
    enum err e = read_checkpoint(s, d, POINTS_FILE, on_recovery_point);
    e = e ? e : read_checkpoint(s, d, STARTS_FILE, on_start);
    return e ? e : read_checkpoint(s, d, "cleaner-offset-checkpoint", on_cleaned);
}

enum err storage_scan_dir(struct storage *s, struct storage_dir *d)
{
    struct listing l = {s, d};
    enum err e = logdir_take_clean_mark(d->dir, &d->was_clean, &d->previous_epoch);
    e = e ? e : logdir_each_partition(d->dir, on_directory, &l);
    e = e ? e : read_checkpoints(s, d);
    if (!e) {
        memos_read(s, d);
    }
    return e;
}

static enum err keep_aside(struct storage *s, struct storage_dir *d, struct found *f)
{
    struct buf path = BUF_INIT;
    mutex_lock(&s->lock);
    enum err e = logdir_mark_partition(d->dir, str_from(f->topic), f->partition, LOGDIR_STRAY,
                                       &s->rand, &path);
    mutex_unlock(&s->lock);
    if (!e) {
        diag_warn(DIAG_STORAGE, "%s-%d %s: kept as %s", f->topic, f->partition,
                  uuid_is_zero(f->topic_id) ? "has no readable " PARTITION_METADATA_FILE
                                            : "belongs to no topic of this cluster",
                  buf_cstr(&path));
    }
    buf_deinit(&path);
    return e;
}

/* Who does not say which topic it belongs to was never synced, and so nothing in it was ever
 * acknowledged as durable; what is in it may be left of an earlier topic of that name. */
static enum err put_aside(struct storage *s, struct storage_dir *d, struct found *f)
{
    enum err e = uuid_is_zero(f->topic_id)
                     ? logdir_remove_unused(d->dir, str_from(f->topic), f->partition)
                     : ERR_EXISTS;
    return e == ERR_EXISTS ? keep_aside(s, d, f) : e;
}

enum err storage_put_strays_aside(struct storage *s)
{
    enum err e = OK;
    for (int i = 0; i < s->dir_count; i++) {
        MAP_EACH(&s->dirs[i].known, n, tmp) {
            struct found *f = MAP_ENTRY(n, struct found, node);
            if (!e && !f->is_used) {
                e = put_aside(s, &s->dirs[i], f);
                atomic_store(&s->has_stale_starts, true);
            }
        }
    }
    return e;
}

void storage_forget_found(struct storage_dir *d)
{
    MAP_EACH(&d->known, n, tmp) {
        struct found *f = MAP_ENTRY(n, struct found, node);
        mem_free(f->topic);
        mem_free(f);
    }
    map_deinit(&d->known);
    mem_free(d->memos);
    d->memos = NULL;
}
