/* See mover.h. `lock` guards the list and what a move tells others (is_cancelled, size_bytes,
 * end_off); the copies themselves belong to the copying thread, and to the controller's while that
 * one waits for it.
 *
 * A change of place, with appends held back: the rest is copied and synced, the copy is closed,
 * renamed to <topic>-<partition> and opened again; the old directory is marked for deletion,
 * durably; then the new partition goes into the table and takes appends. A crash in between leaves
 * two directories with the same records, and the next start takes one of them. */
#include "broker/host/mover.h"

#include "base/assert.h"
#include "base/diag.h"
#include "base/limit.h"
#include "base/mem.h"
#include "broker/host/storage_priv.h"

#include <stdio.h>

enum {
    CHUNK_BYTES = 1 << 20,
    LAST_CHUNKS = 8, /* what may be left to copy while appends wait */
    RETRY_MS = 100,
};

#define RATE STR("replica.alter.log.dirs.io.max.bytes.per.second")

struct move {
    struct list_node node;
    struct partition *part; /* referenced */
    struct storage_dir *to;
    char *path;                     /* of the copy; NULL: not made yet */
    struct partition_args copy;     /* gate and log; log NULL: not open */
    struct partition_config config; /* with which it was opened */
    bool is_cancelled;
    int64_t size_bytes, end_off;
};

struct mover {
    struct mover_args args;
    struct storage *storage;
    struct mutex lock;
    struct cond wake;
    struct list moves;
    bool is_stopping;
    struct thread thread;
    bool is_started;
    struct buf chunk;
    /* the throttle: so much was copied last, then */
    size_t last_bytes;
    int64_t last_ms;
    /* the change of place that the controller's thread is asked for */
    struct mail mail;
    struct move *changing;
    bool is_changed; /* it has answered */
    enum err change_err;
};

/* --- the copy --- */

static void publish(struct mover *m, struct move *v)
{
    mutex_lock(&m->lock);
    v->size_bytes = (int64_t)log_size_bytes(v->copy.log);
    v->end_off = log_end_off(v->copy.log);
    mutex_unlock(&m->lock);
}

static struct logdir_partition name_of(const struct move *v)
{
    return (struct logdir_partition){v->part->topic_name, v->part->index, v->part->topic_id,
                                     v->path};
}

static void take_config(struct move *v)
{
    mutex_lock(&v->part->lock);
    v->config = v->part->config;
    mutex_unlock(&v->part->lock);
    /* batches that are there are copied, whatever the settings say now */
    v->config.log.segment_bytes = MAX(v->config.log.segment_bytes, CHUNK_BYTES);
}

static enum err open_copy(struct mover *m, struct move *v)
{
    /* one of an earlier stop is checked as a whole: the log that it replaces is thrown away */
    struct storage_log l = {.config = &v->config, .was_clean = v->path == NULL};
    enum err e = OK;
    take_config(v);
    if (v->path == NULL) {
        struct buf path = BUF_INIT;
        struct logdir_partition name = name_of(v);
        mutex_lock(&m->storage->lock);
        e = logdir_make_future(v->to->dir, &name, &m->storage->rand, &path);
        mutex_unlock(&m->storage->lock);
        v->path = str_dup(str_from(buf_cstr(&path)));
        buf_deinit(&path);
    }
    l.path = v->path;
    return e ? e : storage_open_log(m->storage, &l, &v->copy, NULL);
}

static enum err close_copy(struct move *v, bool is_kept)
{
    enum err e = OK;
    if (v->copy.log == NULL) {
        return OK;
    }
    if (is_kept) {
        e = log_close(v->copy.log);
    } else {
        log_abandon(v->copy.log);
    }
    fs_gate_deinit(v->copy.gate);
    mem_free(v->copy.gate);
    v->copy.log = NULL;
    v->copy.gate = NULL;
    return e;
}

/* What went wrong with a copy. POISONED is kept for a move that ended half way. */
static enum err of_copy(enum err e) { return e == ERR_POISONED ? ERR_IO : e; }

/* A copy that has nothing of what the log has begins where the log does, or with the batch that the
 * log begins within. Any other may have gaps, where the log was compacted. */
static enum err begin_at(struct move *v, int64_t off)
{
    int64_t end = log_end_off(v->copy.log);
    bool is_useless = log_start_off(v->copy.log) == end || log_start_off(v->part->log) > end;
    return is_useless && off > end ? log_reset(v->copy.log, off) : OK;
}

static enum err append_chunk(struct mover *m, struct move *v)
{
    struct batch first;
    struct log_appended done;
    struct log_append a = {.p = m->chunk.p,
                           .len = m->chunk.len,
                           .origin = LOG_FROM_LEADER,
                           .now_ms = clock_wall_ms(m->args.clock)};
    enum err e = batch_parse((struct bytes){m->chunk.p, m->chunk.len}, &first);
    e = e ? e : begin_at(v, MIN(first.base_off, log_start_off(v->part->log)));
    if (!e && (int64_t)a.len > v->config.log.segment_bytes) {
        v->config.log.segment_bytes = (int64_t)a.len;
        log_set_config(v->copy.log, &v->config.log);
    }
    return e ? e : log_append(v->copy.log, &a, &done);
}

/* Copies what comes next; *ret_bytes 0: the copy has all of it. */
static enum err copy_chunk(struct mover *m, struct move *v, size_t *ret_bytes)
{
    struct log *from = v->part->log;
    int64_t start = log_start_off(from), at = log_end_off(v->copy.log);
    struct log_read r = {.off = MAX(at, start),
                         .max_bytes = CHUNK_BYTES,
                         .upto = log_end_pos(from),
                         .min_one_batch = true};
    struct log_extent x;
    *ret_bytes = 0;
    if (r.off >= r.upto.off) {
        return begin_at(v, start);
    }
    enum err e = log_read(from, &r, &x);
    if (e) {
        return e == ERR_OFFSET_OUT_OF_RANGE ? OK
                                            : e; /* the start moved on: the next call sees it */
    }
    buf_clear(&m->chunk);
    uint8_t *to = buf_extend(&m->chunk, x.len);
    e = to == NULL ? m->chunk.err : log_extent_pread(&x, 0, to, x.len);
    log_extent_done(&x);
    log_extent_release(&x);
    e = e ? e : append_chunk(m, v);
    *ret_bytes = e ? 0 : m->chunk.len;
    return e;
}

/* --- the end of a move --- */

static void forget(struct mover *m, struct move *v)
{
    mutex_lock(&m->lock);
    list_remove(&v->node);
    mutex_unlock(&m->lock);
    partition_unref(v->part);
    mem_free(v->path);
    mem_free(v);
}

static void drop(struct mover *m, struct move *v)
{
    enum err e = close_copy(v, false);
    e = e || v->path == NULL ? e : logdir_remove_tree(m->storage->fs, v->path);
    if (e && e != ERR_NOT_FOUND) {
        diag_warn(DIAG_STORAGE, "%s could not be removed: %s", v->path, err_text(e));
    }
    forget(m, v);
}

static void fail(struct mover *m, struct move *v, enum err e)
{
    diag_error(DIAG_STORAGE, "%.*s-%d cannot be moved to %s, and stays where it is: %s",
               STR_ARG(v->part->topic_name), v->part->index, logdir_path(v->to->dir), err_text(e));
    drop(m, v);
}

/* The rest of the log, durably; BUDGET: too much has come meanwhile. Under append_lock. */
static enum err copy_rest(struct mover *m, struct move *v)
{
    size_t bytes = 1;
    struct log_pos end;
    enum err e = OK;
    for (int i = 0; !e && bytes > 0; i++) {
        e = i == LAST_CHUNKS ? ERR_BUDGET : copy_chunk(m, v, &bytes);
    }
    int64_t start = log_start_off(v->part->log);
    if (!e && start > log_start_off(v->copy.log)) {
        e = log_set_start(v->copy.log, start);
    }
    if (!e && log_end_off(v->copy.log) != log_end_off(v->part->log)) {
        e = ERR_CORRUPT_MESSAGE; /* there is what cannot be read */
    }
    return of_copy(e ? e : log_sync(v->copy.log, &end));
}

/* The copy under the partition's name. */
static enum err rename_copy(struct mover *m, struct move *v)
{
    struct logdir_partition name = name_of(v);
    struct buf path = BUF_INIT;
    mutex_lock(&m->storage->lock);
    enum err e = logdir_settle_future(v->to->dir, &name, &path);
    mutex_unlock(&m->storage->lock);
    if (!e) {
        mem_free(v->path);
        v->path = str_dup(str_from(buf_cstr(&path)));
    }
    buf_deinit(&path);
    return e;
}

/* The copy as a partition in its own right, that knows where its log starts. Never POISONED. */
static enum err settle(struct mover *m, struct move *v, struct partition **ret)
{
    struct partition *p = v->part;
    struct storage_log l = {.config = &p->config,
                            .was_clean = true,
                            .start_off = log_start_off(v->copy.log),
                            .recovery_point_off = log_end_off(v->copy.log)};
    struct partition_args args = {.topic_name = p->topic_name,
                                  .topic_id = p->topic_id,
                                  .index = p->index,
                                  .dir = v->to->dir,
                                  .syncer = p->syncer,
                                  .leader_epoch = p->leader_epoch};
    enum err e = close_copy(v, true);
    e = e ? e : storage_note_start(m->storage, v->to, p, l.start_off);
    e = e ? e : rename_copy(m, v);
    if (!e) {
        l.path = v->path;
        e = storage_open_log(m->storage, &l, &args, NULL);
    }
    if (!e) {
        *ret = partition_new(&args, &p->config);
    }
    return of_copy(e);
}

/* Renames a directory of the partition to one that is to be deleted. NOT_FOUND: there is none.
 * POISONED: it has that name now, but a power cut may give it back the old one. */
static enum err put_away(struct mover *m, const struct partition *p, struct logdir *dir,
                         struct buf *ret_path)
{
    struct buf was = BUF_INIT;
    struct fs_stat st;
    mutex_lock(&m->storage->lock);
    enum err e = logdir_mark_partition(dir, p->topic_name, p->index, LOGDIR_DELETE,
                                       &m->storage->rand, ret_path);
    mutex_unlock(&m->storage->lock);
    logdir_partition_path(dir, p->topic_name, p->index, &was);
    if (e && e != ERR_NOT_FOUND && fs_stat(m->storage->fs, buf_cstr(&was), &st) == ERR_NOT_FOUND) {
        e = ERR_POISONED;
    }
    buf_deinit(&was);
    return e;
}

static void let_go(struct partition *copy)
{
    partition_take_offline(copy, ERR_UNKNOWN_TOPIC_OR_PARTITION); /* it writes nothing more */
    partition_abandon(copy);
    partition_unref(copy);
}

/* The copy is one more partition directory, and it is not wanted. */
static enum err undo(struct mover *m, struct move *v)
{
    struct buf path = BUF_INIT;
    enum err e = put_away(m, v->part, v->to->dir, &path);
    if (!e) {
        mem_free(v->path);
        v->path = str_dup(str_from(buf_cstr(&path))); /* drop removes it */
    }
    buf_deinit(&path);
    return e == ERR_NOT_FOUND ? OK : e; /* it was not renamed yet */
}

/* Makes the copy the partition. Where that fails in the middle, the old one goes on; or, with
 * POISONED, nobody: which of two directories the next start finds first must not matter, so none of
 * them may have more than the other. */
static enum err replace(struct mover *m, struct move *v, struct buf *ret_old_path)
{
    struct partition *p = v->part, *copy = NULL;
    enum err e = settle(m, v, &copy);
    e = e ? e : put_away(m, p, p->dir, ret_old_path);
    if (e && copy != NULL) {
        let_go(copy);
    }
    if (e && e != ERR_POISONED && undo(m, v) != OK) {
        e = ERR_POISONED;
    }
    if (e == ERR_POISONED) {
        partition_hand_over(p);
    }
    if (e) {
        return e;
    }
    bool is_there = topic_table_replace(m->args.topics, p, copy); /* the move has p still */
    ASSERT(is_there);                                             /* it goes in this thread only */
    partition_hand_over(p);
    partition_abandon(p);
    return OK;
}

/* Under upkeep_lock and append_lock of the old one. */
static enum err change_locked(struct mover *m, struct move *v, struct buf *ret_old_path)
{
    mutex_lock(&m->lock);
    bool is_cancelled = v->is_cancelled;
    mutex_unlock(&m->lock);
    if (is_cancelled || atomic_load(&v->part->offline) != OK) {
        return ERR_CLOSED;
    }
    enum err e = copy_rest(m, v);
    return e ? e : replace(m, v, ret_old_path);
}

static enum err change_place(struct mover *m, struct move *v)
{
    struct partition *p = v->part;
    struct buf old_path = BUF_INIT;
    mutex_lock(&m->storage->checkpoint_lock); /* outside of all upkeep_locks */
    mutex_lock(&p->upkeep_lock);
    mutex_lock(&p->append_lock);
    int64_t delay_ms = p->config.log.file_delete_delay_ms;
    enum err e = change_locked(m, v, &old_path);
    mutex_unlock(&p->append_lock);
    mutex_unlock(&p->upkeep_lock);
    mutex_unlock(&m->storage->checkpoint_lock);
    if (!e) {
        mutex_lock(&m->storage->lock);
        storage_dir_of(m->storage, p)->partition_count--;
        v->to->partition_count++;
        mutex_unlock(&m->storage->lock);
        storage_remove_later(m->storage, buf_cstr(&old_path), delay_ms);
        if (m->args.moved != NULL) {
            m->args.moved(m->args.ctx);
        }
    }
    buf_deinit(&old_path);
    return e;
}

static void on_change(struct mail *mail)
{
    struct mover *m = CONTAINER_OF(mail, struct mover, mail);
    enum err e = change_place(m, m->changing);
    mutex_lock(&m->lock);
    m->change_err = e;
    m->is_changed = true;
    cond_broadcast(&m->wake);
    mutex_unlock(&m->lock);
}

static enum err ask_for_change(struct mover *m, struct move *v)
{
    if (m->args.loop == NULL) {
        return change_place(m, v);
    }
    mutex_lock(&m->lock);
    m->changing = v;
    m->is_changed = false;
    m->mail = (struct mail){.fn = on_change};
    loop_post(m->args.loop, &m->mail);
    while (!m->is_changed) {
        cond_wait(&m->wake, &m->lock);
    }
    mutex_unlock(&m->lock);
    return m->change_err;
}

static void finish(struct mover *m, struct move *v)
{
    enum err e = ask_for_change(m, v);
    if (e == ERR_BUDGET) {
        publish(m, v);
    } else if (e == ERR_CLOSED) {
        drop(m, v); /* deleted meanwhile, or not wanted any more */
    } else if (e == ERR_POISONED) {
        diag_error(DIAG_STORAGE,
                   "%.*s-%d is in two directories now and takes no more records: "
                   "restart the broker when %s and %s can be written",
                   STR_ARG(v->part->topic_name), v->part->index, logdir_path(v->part->dir),
                   logdir_path(v->to->dir));
        forget(m, v);
    } else if (e) {
        fail(m, v, e);
    } else {
        diag_info(DIAG_STORAGE, "%.*s-%d has moved to %s", STR_ARG(v->part->topic_name),
                  v->part->index, logdir_path(v->to->dir));
        forget(m, v);
        storage_checkpoint(m->storage, true);
    }
}

/* --- steps --- */

/* Bytes a second; INT64_MAX: as fast as may be. */
static int64_t rate_now(struct mover *m)
{
    char id[16];
    int64_t rate = INT64_MAX, v;
    if (m->args.metacache == NULL) {
        return rate;
    }
    snprintf(id, sizeof id, "%d", m->args.config->node_id);
    const struct image *img = metacache_read(m->args.metacache);
    struct str text = image_config(img, RESOURCE_BROKER, str_from(id), RATE);
    text = str_is_null(text) ? image_config(img, RESOURCE_BROKER, STR(""), RATE) : text;
    if (!str_is_null(text) && str_to_i64(str_trim(text), &v)) {
        rate = MAX(v, 1);
    }
    metacache_done(m->args.metacache);
    return rate;
}

/* When the next piece may be copied by the rate that holds now. */
static int64_t due_ms(struct mover *m)
{
    int64_t rate = rate_now(m), ms;
    if (__builtin_mul_overflow((int64_t)m->last_bytes, 1000, &ms)) {
        ms = INT64_MAX;
    }
    return m->last_ms + ms / rate;
}

static void work_on(struct mover *m, struct move *v)
{
    size_t bytes = 0;
    enum err e = v->copy.log ? OK : open_copy(m, v);
    e = e ? e : copy_chunk(m, v, &bytes);
    if (e) {
        fail(m, v, e);
        return;
    }
    publish(m, v);
    m->last_bytes = bytes;
    m->last_ms = clock_mono_ms(m->args.clock);
    if (bytes < CHUNK_BYTES / 2) { /* what comes meanwhile is little, too */
        finish(m, v);
    }
}

static struct move *next_move(struct mover *m, bool *ret_is_over)
{
    mutex_lock(&m->lock);
    struct list_node *n = list_front(&m->moves);
    struct move *v = n ? LIST_ENTRY(n, struct move, node) : NULL;
    *ret_is_over = v != NULL && (v->is_cancelled || partition_is_deleted(v->part));
    mutex_unlock(&m->lock);
    return v;
}

int64_t mover_step(struct mover *m)
{
    bool is_over;
    struct move *v = next_move(m, &is_over);
    int64_t now_ms = clock_mono_ms(m->args.clock);
    if (v == NULL) {
        return INT64_MAX;
    }
    if (is_over) {
        drop(m, v);
        return now_ms;
    }
    int64_t due = due_ms(m);
    if (now_ms >= due) {
        work_on(m, v);
        return clock_mono_ms(m->args.clock);
    }
    return MIN(due, now_ms + RETRY_MS); /* the rate may change meanwhile */
}

static void run(void *ctx)
{
    struct mover *m = ctx;
    mutex_lock(&m->lock);
    while (!m->is_stopping) {
        mutex_unlock(&m->lock);
        int64_t next_ms = mover_step(m);
        mutex_lock(&m->lock);
        int64_t wait_ms = next_ms == INT64_MAX ? INT64_MAX : next_ms - clock_mono_ms(m->args.clock);
        if (m->is_stopping || wait_ms <= 0) {
            continue;
        }
        if (next_ms != INT64_MAX) {
            cond_wait_ns(&m->wake, &m->lock, wait_ms * 1000000);
        } else if (list_is_empty(&m->moves)) {
            cond_wait(&m->wake, &m->lock);
        }
    }
    mutex_unlock(&m->lock);
}

/* --- asking for moves --- */

static void add(struct mover *m, struct partition *p, struct storage_dir *to, const char *path)
{
    struct move *v = NEW(struct move);
    partition_ref(p);
    v->part = p;
    v->to = to;
    v->path = path ? str_dup(str_from(path)) : NULL;
    list_push_back(&m->moves, &v->node);
    cond_broadcast(&m->wake);
}

bool mover_has_dir(const struct mover *m, struct str path)
{
    return storage_find_dir(m->storage, path) != NULL;
}

enum err mover_move(struct mover *m, struct partition *p, struct str path)
{
    struct storage_dir *to = storage_find_dir(m->storage, path);
    bool is_needed = to != NULL && to->dir != p->dir;
    if (to == NULL) {
        return ERR_LOG_DIR_NOT_FOUND;
    }
    mutex_lock(&m->lock);
    LIST_EACH(&m->moves, n, tmp) {
        struct move *v = LIST_ENTRY(n, struct move, node);
        bool is_of_it = v->part == p && !v->is_cancelled;
        is_needed = is_needed && !(is_of_it && v->to == to);
        v->is_cancelled |= is_of_it && v->to != to;
    }
    if (is_needed) {
        add(m, p, to, NULL);
    }
    cond_broadcast(&m->wake);
    mutex_unlock(&m->lock);
    return OK;
}

void mover_each(struct mover *m, mover_status_fn *fn, void *ctx)
{
    mutex_lock(&m->lock);
    LIST_EACH(&m->moves, n, tmp) {
        struct move *v = LIST_ENTRY(n, struct move, node);
        int64_t lag = log_end_off(v->part->log) - v->end_off;
        struct mover_status s = {v->part, v->to->dir, v->size_bytes, MAX(lag, 0)};
        if (!v->is_cancelled && !partition_is_deleted(v->part)) {
            fn(ctx, &s);
        }
    }
    mutex_unlock(&m->lock);
}

/* --- life --- */

struct resume {
    struct mover *mover;
    struct storage_dir *dir;
};

static void on_future(void *ctx, const struct logdir_partition *f)
{
    struct resume *r = ctx;
    struct partition *p;
    enum err e = uuid_is_zero(f->topic_id)
                     ? ERR_UNKNOWN_TOPIC_ID
                     : topic_table_find_by_id(r->mover->args.topics, f->topic_id, f->partition, &p);
    bool is_move = !e && p->dir != r->dir->dir;
    /* after a crash the log may have lost what the copy has: it is made again */
    bool is_good = is_move && storage_was_clean(r->mover->storage);
    if (is_move) {
        add(r->mover, p, r->dir, is_good ? f->path : NULL);
    }
    if (!is_good) {
        enum err gone = logdir_remove_tree(r->mover->storage->fs, f->path);
        if (gone) {
            diag_warn(DIAG_STORAGE, "%s could not be removed: %s", f->path, err_text(gone));
        }
    }
    if (!e) {
        partition_unref(p);
    }
}

struct mover *mover_new(const struct mover_args *args)
{
    struct mover *m = NEW(struct mover);
    m->args = *args;
    m->storage = args->storage;
    mutex_init(&m->lock);
    cond_init(&m->wake);
    list_init(&m->moves);
    for (int i = 0; i < m->storage->dir_count; i++) {
        struct resume r = {m, &m->storage->dirs[i]};
        enum err e = logdir_each_future(r.dir->dir, on_future, &r);
        if (e) {
            diag_warn(DIAG_STORAGE, "%s: moves that were under way are not looked for: %s",
                      logdir_path(r.dir->dir), err_text(e));
        }
    }
    return m;
}

enum err mover_start(struct mover *m)
{
    if (m->storage->dir_count == 1) {
        return OK; /* there is nowhere to move to */
    }
    enum err e = thread_start(&m->thread, "ottla-mover", run, m);
    m->is_started = e == OK;
    return e;
}

void mover_stop(struct mover *m)
{
    mutex_lock(&m->lock);
    m->is_stopping = true;
    cond_broadcast(&m->wake);
    mutex_unlock(&m->lock);
    if (m->is_started) {
        thread_join(&m->thread);
        m->is_started = false;
    }
}

void mover_free(struct mover *m)
{
    LIST_EACH(&m->moves, n, tmp) {
        struct move *v = LIST_ENTRY(n, struct move, node);
        enum err e = close_copy(v, !v->is_cancelled);
        if (e) {
            diag_warn(DIAG_STORAGE, "%s: closing it failed: %s", v->path, err_text(e));
            logdir_spoil(v->to->dir);
        }
        forget(m, v);
    }
    buf_deinit(&m->chunk);
    cond_deinit(&m->wake);
    mutex_deinit(&m->lock);
    mem_free(m);
}
