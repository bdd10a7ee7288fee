/* Partitions in the data directories: opened and made. storage_load runs at start-up with threads
 * of its own; adding runs in the controller's thread. */
#include "broker/storage/storage_priv.h"

#include "base/diag.h"
#include "base/limit.h"
#include "base/mem.h"

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
        struct found *f = storage_find_found(&s->dirs[i], topic->name, index);
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
        .is_start_doubted = l->is_start_doubted,
        .recovery_point_off = l->recovery_point_off,
        .cleaned_off = l->cleaned_off,
        .was_clean = l->was_clean,
        .memo = l->memo,
        .is_durable = l->config->flush_before_ack,
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
        .is_start_doubted = at->found && at->found->is_start_doubted,
        .recovery_point_off = at->found ? at->found->recovery_point_off : 0,
        .cleaned_off = at->found ? at->found->cleaned_off : 0,
        .was_clean = at->found ? at->dir->was_clean : true,
        .memo = at->found ? at->found->memo : BYTES_NULL,
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

static void add_job(struct load *l, const struct job *j)
{
    if (l->count == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 64;
        l->jobs = mem_realloc_array(l->jobs, l->cap, sizeof *l->jobs);
    }
    l->jobs[l->count++] = *j;
}

static void plan(struct load *l, struct load *missing, int32_t node_id)
{
    for (int32_t t = 0; t < l->img->topic_count; t++) {
        const struct image_topic *topic = l->img->topics[t];
        for (int32_t i = 0; i < topic->part_slots; i++) {
            const struct image_part *p = image_topic_part(topic, i);
            if (p != NULL && ids_have(image_part_replicas(p), node_id)) {
                struct job j = {topic, i, place_of(l->storage, topic, i)};
                add_job(j.at.found ? l : missing, &j);
                if (j.at.found != NULL) {
                    j.at.found->is_used = true;
                }
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

/* Those that are not there yet, once the others are. */
static void make_all(struct load *l)
{
    const struct job *j;
    enum err e = l->count > 0 ? storage_forget_starts(l->storage) : OK;
    while (e && (j = take_job(l)) != NULL) {
        unplace(l->storage, j->at.dir);
        job_failed(l, j, e);
    }
    if (!e) {
        run_jobs(l);
    }
}

static enum err load_and_make(struct load *l, struct load *missing, struct buf *why)
{
    run_jobs(l);
    if (!l->err) {
        make_all(missing);
    }
    const struct load *bad = l->err ? l : missing;
    if (bad->err) {
        buf_printf(why, "the log of %.*s-%d cannot be opened: %s",
                   STR_ARG(bad->failed->topic->name), bad->failed->index, err_text(bad->err));
    }
    return bad->err;
}

enum err storage_load(struct storage *s, const struct image *img, int32_t node_id, struct buf *why)
{
    struct load l, missing;
    enum err e = OK;
    load_init(&l, s, img);
    load_init(&missing, s, img);
    for (int i = 0; !e && i < s->dir_count; i++) {
        e = storage_scan_dir(s, &s->dirs[i]);
        if (e) {
            buf_printf(why, "%s cannot be read: %s", logdir_path(s->dirs[i].dir), err_text(e));
        }
    }
    if (!e) {
        plan(&l, &missing, node_id);
        e = storage_put_strays_aside(s);
    }
    e = e ? e : load_and_make(&l, &missing, why);
    for (int i = 0; i < s->dir_count; i++) {
        storage_forget_found(&s->dirs[i]);
    }
    load_deinit(&l);
    load_deinit(&missing);
    return e;
}

void storage_add_partitions(struct storage *s, const struct image *img,
                            const struct storage_part *parts, size_t count)
{
    struct load l;
    load_init(&l, s, img);
    l.goes_on = true;
    for (size_t i = 0; i < count; i++) {
        struct job j = {parts[i].topic, parts[i].index,
                        place_of(s, parts[i].topic, parts[i].index)};
        add_job(&l, &j);
    }
    make_all(&l);
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
