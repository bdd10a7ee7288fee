/* Partitions in the data directories: found at start, opened, made, deleted. storage_load runs at
 * start-up with threads of its own; adding and deleting run in the controller's thread. */
#include "broker/host/storage_priv.h"

#include "base/diag.h"
#include "base/limit.h"
#include "base/mem.h"
#include "log/checkpoint.h"

/* --- what a topic's settings mean --- */

static int codec_level(const struct topic_config *t)
{
    switch (t->compression_type) {
    case CODEC_GZIP:
        return t->compression_gzip_level == -1 ? CODEC_LEVEL_DEFAULT : t->compression_gzip_level;
    case CODEC_LZ4:
        return t->compression_lz4_level;
    case CODEC_ZSTD:
        return t->compression_zstd_level;
    default:
        return CODEC_LEVEL_DEFAULT;
    }
}

static void log_config_of(const struct topic_config *t, int64_t producer_expiration_ms,
                          struct log_config *c)
{
    log_config_init(c);
    c->segment_bytes = t->segment_bytes;
    c->segment_ms = t->segment_ms;
    c->segment_jitter_ms = t->segment_jitter_ms;
    c->segment_index_bytes = t->segment_index_bytes;
    c->index_interval_bytes = t->index_interval_bytes;
    c->retention_ms = t->retention_ms;
    c->retention_bytes = t->retention_bytes;
    c->file_delete_delay_ms = t->file_delete_delay_ms;
    c->producer_expiration_ms = producer_expiration_ms;
    c->is_deleted_by_retention = t->cleanup_policy & CLEANUP_DELETE;
    c->has_gaps = t->cleanup_policy & CLEANUP_COMPACT;
}

void storage_partition_config(struct storage *s, const struct image *img, struct str topic,
                              struct partition_config *ret)
{
    struct topic_config t;
    topic_config_resolve(img, s->config, topic, &t);
    *ret = (struct partition_config){
        .flush_before_ack = t.flush_before_ack,
        .flush_messages = t.flush_messages,
        .flush_ms = t.flush_ms,
        .rules =
            {
                .ts_type = (enum timestamp_type)t.message_timestamp_type,
                .ts_before_max_ms = t.message_timestamp_before_max_ms,
                .ts_after_max_ms = t.message_timestamp_after_max_ms,
                .needs_keys = t.cleanup_policy & CLEANUP_COMPACT,
                .recompress = t.compression_type != COMPRESSION_PRODUCER,
                .codec = t.compression_type == COMPRESSION_PRODUCER
                             ? CODEC_NONE
                             : (enum codec)t.compression_type,
                .codec_level = codec_level(&t),
                .max_batch_bytes = (size_t)t.max_message_bytes,
                .max_plain_bytes = LIMIT_BATCH_PLAIN_BYTES,
            },
    };
    log_config_of(&t, broker_config_now(img, s->config, STR("producer.id.expiration.ms")),
                  &ret->log);
}

/* --- what is on disk at start --- */

/* A partition directory, and what the checkpoints say of it. */
struct found {
    struct map_node node;
    char *topic;
    int32_t partition;
    struct uuid topic_id;
    int64_t recovery_point_off, start_off, cleaned_off;
    int64_t made_ms; /* when partition.metadata was written */
    bool is_used;
};

/* A checkpoint file that is being read. */
struct reading {
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

static struct found *find(const struct storage_dir *d, struct str topic, int32_t partition)
{
    struct found_key k = {topic, partition};
    struct map_node *n = map_find(&d->known, found_hash(topic, partition), found_eq, &k);
    return n ? MAP_ENTRY(n, struct found, node) : NULL;
}

/* INT64_MIN: not known. */
static int64_t mtime_of(struct storage *s, const char *dir, const char *name)
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
    f->topic = str_dup(p->topic);
    f->partition = p->partition;
    f->topic_id = p->topic_id;
    f->recovery_point_off = -1; /* until a row tells */
    f->made_ms = mtime_of(l->storage, p->path, PARTITION_METADATA_FILE);
    map_insert(&l->dir->known, found_hash(p->topic, p->partition), &f->node);
}

/* Rows go by names: one that is older than the partition tells of another that was deleted. */
static struct found *find_of_row(const struct reading *r, const struct checkpoint_row *row)
{
    struct found *f = find(r->dir, row->topic, row->partition);
    return f != NULL && f->made_ms <= r->written_ms ? f : NULL;
}

static void on_recovery_point(void *ctx, const struct checkpoint_row *row)
{
    struct found *f = find_of_row(ctx, row);
    if (f != NULL) {
        f->recovery_point_off = row->off;
    }
}

static void on_start(void *ctx, const struct checkpoint_row *row)
{
    struct found *f = find_of_row(ctx, row);
    if (f != NULL) {
        f->start_off = row->off;
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
    struct reading r = {d, st.mtime_ms};
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
    enum err e = read_checkpoint(s, d, "recovery-point-offset-checkpoint", on_recovery_point);
    e = e ? e : read_checkpoint(s, d, "log-start-offset-checkpoint", on_start);
    return e ? e : read_checkpoint(s, d, "cleaner-offset-checkpoint", on_cleaned);
}

static enum err scan_dir(struct storage *s, struct storage_dir *d)
{
    struct listing l = {s, d};
    enum err e = logdir_take_clean_mark(d->dir, &d->was_clean, &d->previous_epoch);
    e = e ? e : logdir_each_partition(d->dir, on_directory, &l);
    return e ? e : read_checkpoints(s, d);
}

static void forget_found(struct storage_dir *d)
{
    MAP_EACH(&d->known, n, tmp) {
        struct found *f = MAP_ENTRY(n, struct found, node);
        mem_free(f->topic);
        mem_free(f);
    }
    map_deinit(&d->known);
}

/* --- opening one --- */

/* Where a partition is or is to be made. */
struct place {
    struct storage_dir *dir;
    struct found *found; /* NULL: it is to be made */
};

static struct storage_dir *emptiest_dir(struct storage *s)
{
    struct storage_dir *best = &s->dirs[0];
    for (int i = 1; i < s->dir_count; i++) {
        if (s->dirs[i].partition_count < best->partition_count) {
            best = &s->dirs[i];
        }
    }
    return best;
}

/* The directory that the controller assigned, if it is one of ours. */
static struct storage_dir *assigned_dir(struct storage *s, const struct image_part *part)
{
    struct uuid want = image_part_replicas(part).count ? image_part_dir(part, 0) : UUID_ZERO;
    for (int i = 0; i < s->dir_count; i++) {
        if (uuid_eq(logdir_meta(s->dirs[i].dir)->dir_id, want)) {
            return &s->dirs[i];
        }
    }
    return NULL;
}

static struct place look_for(struct storage *s, const struct image_topic *topic, int32_t index)
{
    for (int i = 0; i < s->dir_count; i++) {
        struct found *f = find(&s->dirs[i], topic->name, index);
        if (f != NULL && uuid_eq(f->topic_id, topic->id)) {
            return (struct place){&s->dirs[i], f};
        }
    }
    struct storage_dir *d = assigned_dir(s, image_topic_part(topic, index));
    return (struct place){d ? d : emptiest_dir(s), NULL};
}

/* Where it is or shall be; counts it there, so that the next new one finds another place. */
static struct place place_of(struct storage *s, const struct image_topic *topic, int32_t index)
{
    mutex_lock(&s->lock);
    struct place at = look_for(s, topic, index);
    at.dir->partition_count++;
    mutex_unlock(&s->lock);
    return at;
}

static void unplace(struct storage *s, struct storage_dir *d)
{
    mutex_lock(&s->lock);
    d->partition_count--;
    mutex_unlock(&s->lock);
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

static void say_recovery(const struct storage_dir *d, const struct image_topic *topic,
                         int32_t index, const struct log_recovery *r)
{
    if (!d->was_clean && r->truncated_bytes > 0) {
        diag_warn(DIAG_STORAGE, "%.*s-%d: %lld bytes that were not whole at the end were cut off",
                  STR_ARG(topic->name), index, (long long)r->truncated_bytes);
    }
}

enum err storage_open_log(struct storage *s, const struct storage_log *l,
                          struct partition_args *ret, struct log_recovery *recovery)
{
    mutex_lock(&s->lock);
    uint64_t seed = rand_u64(&s->rand);
    mutex_unlock(&s->lock);
    ret->gate = NEW(struct fs_gate);
    fs_gate_init(ret->gate, s->fs);
    struct log_open_args args = {
        .fs = &ret->gate->fs,
        .clock = s->clock,
        .dir = l->path,
        .config = l->config->log,
        .log_start_off = l->start_off,
        .recovery_point_off = l->recovery_point_off,
        .cleaned_off = l->cleaned_off,
        .was_clean = l->was_clean,
        .seed = seed,
    };
    enum err e = log_open(&args, &ret->log, recovery);
    if (e) {
        fs_gate_deinit(ret->gate);
        mem_free(ret->gate);
    }
    return e;
}

static enum err open_log(struct storage *s, const struct place *at, const char *path,
                         const struct partition_config *config, struct partition_args *ret,
                         struct log_recovery *recovery)
{
    struct storage_log l = {
        .path = path,
        .config = config,
        .start_off = at->found ? at->found->start_off : 0,
        .recovery_point_off = at->found ? at->found->recovery_point_off : 0,
        .cleaned_off = at->found ? at->found->cleaned_off : 0,
        .was_clean = at->found ? at->dir->was_clean : true,
    };
    return storage_open_log(s, &l, ret, recovery);
}

/* Opens or makes the partition there and puts it in the table. */
static enum err add_at(struct storage *s, const struct image *img, const struct image_topic *topic,
                       int32_t index, const struct place *at)
{
    struct partition_config config;
    struct log_recovery recovery = {0};
    struct buf path = BUF_INIT;
    struct partition_args args = {
        .topic_name = topic->name,
        .topic_id = topic->id,
        .index = index,
        .dir = at->dir->dir,
        .syncer = s->syncer,
        .leader_epoch = image_topic_part(topic, index)->leader_epoch,
    };
    storage_partition_config(s, img, topic->name, &config);
    enum err e = logdir_make_partition(at->dir->dir, topic->name, index, topic->id, &path);
    e = e ? e : open_log(s, at, buf_cstr(&path), &config, &args, &recovery);
    buf_deinit(&path);
    if (e) {
        unplace(s, at->dir);
        return e;
    }
    say_recovery(at->dir, topic, index, &recovery);
    if (at->found == NULL) {
        log_idle(args.log, INT64_MAX); /* a new one may never be used: it holds no descriptor yet */
    }
    topic_table_add(s->topics, partition_new(&args, &config));
    return OK;
}

/* --- many of them --- */

struct job {
    const struct image_topic *topic;
    int32_t index;
    struct place at;
};

/* Threads take one job after the other; most of the time goes into waiting for a disk. */
struct load {
    struct storage *storage;
    const struct image *img;
    struct job *jobs;
    size_t count, cap;
    bool goes_on;      /* after a job that failed; otherwise that one is the last */
    struct mutex lock; /* next, err, failed */
    size_t next;
    enum err err; /* of the first that failed */
    const struct job *failed;
};

static void load_init(struct load *l, struct storage *s, const struct image *img)
{
    *l = (struct load){.storage = s, .img = img};
    mutex_init(&l->lock);
}

static void load_deinit(struct load *l)
{
    mem_free(l->jobs);
    mutex_deinit(&l->lock);
}

static void add_job(struct load *l, const struct image_topic *topic, int32_t index)
{
    if (l->count == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 64;
        l->jobs = mem_realloc_array(l->jobs, l->cap, sizeof *l->jobs);
    }
    struct place at = place_of(l->storage, topic, index);
    if (at.found != NULL) {
        at.found->is_used = true;
    }
    l->jobs[l->count++] = (struct job){topic, index, at};
}

static void plan(struct load *l, int32_t node_id)
{
    for (int32_t t = 0; t < l->img->topic_count; t++) {
        const struct image_topic *topic = l->img->topics[t];
        for (int32_t i = 0; i < topic->part_slots; i++) {
            const struct image_part *p = image_topic_part(topic, i);
            if (p != NULL && ids_have(image_part_replicas(p), node_id)) {
                add_job(l, topic, i);
            }
        }
    }
}

static const struct job *take_job(struct load *l)
{
    mutex_lock(&l->lock);
    bool is_over = l->next == l->count || (l->err && !l->goes_on);
    const struct job *j = is_over ? NULL : &l->jobs[l->next++];
    mutex_unlock(&l->lock);
    return j;
}

/* A partition that waits to be made, for want of room or descriptors. */
struct unmade {
    struct uuid topic_id;
    int32_t index;
};

static void try_later(struct storage *s, const struct job *j)
{
    mutex_lock(&s->lock);
    s->unmade = mem_realloc_array(s->unmade, s->unmade_count + 1, sizeof *s->unmade);
    s->unmade[s->unmade_count++] = (struct unmade){j->topic->id, j->index};
    mutex_unlock(&s->lock);
}

static void job_failed(struct load *l, const struct job *j, enum err e)
{
    if (l->goes_on) {
        diag_error(DIAG_STORAGE, "%.*s-%d cannot be made, the next try is later: %s",
                   STR_ARG(j->topic->name), j->index, err_text(e));
        try_later(l->storage, j);
    }
    mutex_lock(&l->lock);
    if (!l->err) {
        l->err = e;
        l->failed = j;
    }
    mutex_unlock(&l->lock);
}

static void work(void *ctx)
{
    struct load *l = ctx;
    const struct job *j;
    while ((j = take_job(l)) != NULL) {
        enum err e = add_at(l->storage, l->img, j->topic, j->index, &j->at);
        if (e) {
            job_failed(l, j, e);
        }
    }
}

/* With helper threads when there is enough to do. */
static void run_jobs(struct load *l)
{
    struct thread threads[LIMIT_LOAD_THREADS];
    int started = 0;
    int want = l->storage->in_one_thread ? 0 : MIN(LIMIT_LOAD_THREADS, (int)(l->count / 16));
    while (started < want && thread_start(&threads[started], "ottla-load", work, l) == OK) {
        started++;
    }
    work(l);
    for (int i = 0; i < started; i++) {
        thread_join(&threads[i]);
    }
}

static enum err put_strays_aside(struct storage *s)
{
    enum err e = OK;
    for (int i = 0; i < s->dir_count; i++) {
        MAP_EACH(&s->dirs[i].known, n, tmp) {
            struct found *f = MAP_ENTRY(n, struct found, node);
            if (!e && !f->is_used) {
                e = put_aside(s, &s->dirs[i], f);
            }
        }
    }
    return e;
}

enum err storage_load(struct storage *s, const struct image *img, int32_t node_id, struct buf *why)
{
    struct load l;
    enum err e = OK;
    load_init(&l, s, img);
    for (int i = 0; !e && i < s->dir_count; i++) {
        e = scan_dir(s, &s->dirs[i]);
        if (e) {
            buf_printf(why, "%s cannot be read: %s", logdir_path(s->dirs[i].dir), err_text(e));
        }
    }
    if (!e) {
        plan(&l, node_id);
        e = put_strays_aside(s);
    }
    if (!e) {
        run_jobs(&l);
        e = l.err;
    }
    if (l.failed != NULL) {
        buf_printf(why, "the log of %.*s-%d cannot be opened: %s", STR_ARG(l.failed->topic->name),
                   l.failed->index, err_text(e));
    }
    for (int i = 0; i < s->dir_count; i++) {
        forget_found(&s->dirs[i]);
    }
    load_deinit(&l);
    return e;
}

void storage_add_partitions(struct storage *s, const struct image *img,
                            const struct storage_part *parts, size_t count)
{
    struct load l;
    load_init(&l, s, img);
    l.goes_on = true;
    for (size_t i = 0; i < count; i++) {
        add_job(&l, parts[i].topic, parts[i].index);
    }
    run_jobs(&l);
    load_deinit(&l);
}

static bool is_wanted(const struct storage *s, const struct image_topic *t, int32_t index)
{
    struct partition *p;
    if (t == NULL || image_topic_part(t, index) == NULL) {
        return false; /* deleted meanwhile */
    }
    if (topic_table_find_by_id(s->topics, t->id, index, &p) == OK) {
        partition_unref(p);
        return false;
    }
    return true;
}

bool storage_has_unmade(const struct storage *s) { return s->unmade_count > 0; }

void storage_make_again(struct storage *s, const struct image *img)
{
    struct unmade *unmade = s->unmade;
    struct storage_part *parts = mem_zalloc(sizeof *parts * (s->unmade_count + 1));
    size_t wanted = 0;
    for (size_t i = 0; i < s->unmade_count; i++) {
        const struct image_topic *t = image_topic_by_id(img, unmade[i].topic_id);
        if (is_wanted(s, t, unmade[i].index)) {
            parts[wanted++] = (struct storage_part){t, unmade[i].index};
        }
    }
    s->unmade = NULL;
    s->unmade_count = 0;
    storage_add_partitions(s, img, parts, wanted);
    mem_free(parts);
    mem_free(unmade);
}

/* --- deleting --- */

/* A directory that is to be removed when file.delete.delay.ms is over. */
struct removal {
    struct list_node node;
    char *path;
    int64_t due_ms; /* monotonic */
};

void storage_remove_later(struct storage *s, const char *path, int64_t delay_ms)
{
    struct removal *r = NEW(struct removal);
    r->path = str_dup(str_from(path));
    r->due_ms = clock_mono_ms(s->clock) + delay_ms;
    mutex_lock(&s->lock);
    list_push_back(&s->removals, &r->node);
    mutex_unlock(&s->lock);
}

static struct removal *take_removal(struct storage *s, int64_t now_ms)
{
    struct removal *due = NULL;
    mutex_lock(&s->lock);
    LIST_EACH(&s->removals, n, tmp) {
        struct removal *r = LIST_ENTRY(n, struct removal, node);
        if (r->due_ms <= now_ms) {
            list_remove(n);
            due = r;
            break;
        }
    }
    mutex_unlock(&s->lock);
    return due;
}

void storage_remove_due(struct storage *s, int64_t now_ms)
{
    struct removal *r;
    while ((r = take_removal(s, now_ms)) != NULL) {
        enum err e = logdir_remove_tree(s->fs, r->path);
        if (e && e != ERR_NOT_FOUND) {
            diag_warn(DIAG_STORAGE, "%s could not be removed: %s", r->path, err_text(e));
        }
        mem_free(r->path);
        mem_free(r);
    }
}

struct storage_dir *storage_dir_of(struct storage *s, const struct partition *p)
{
    int i = 0;
    while (s->dirs[i].dir != p->dir) {
        i++;
    }
    return &s->dirs[i];
}

void storage_delete_partition(struct storage *s, struct partition *p)
{
    struct buf path = BUF_INIT;
    mutex_lock(&p->upkeep_lock);
    partition_take_offline(p, ERR_UNKNOWN_TOPIC_OR_PARTITION);
    mutex_lock(&p->append_lock);
    int64_t delay_ms = p->config.log.file_delete_delay_ms;
    mutex_unlock(&p->append_lock);
    partition_abandon(p);
    mutex_lock(&s->lock);
    enum err e =
        logdir_mark_partition(p->dir, p->topic_name, p->index, LOGDIR_DELETE, &s->rand, &path);
    storage_dir_of(s, p)->partition_count--;
    mutex_unlock(&s->lock);
    mutex_unlock(&p->upkeep_lock);
    if (e) {
        diag_error(DIAG_STORAGE, "%.*s-%d cannot be deleted: %s", STR_ARG(p->topic_name), p->index,
                   err_text(e));
    } else {
        storage_remove_later(s, buf_cstr(&path), delay_ms);
    }
    partition_unref(p);
    buf_deinit(&path);
}
