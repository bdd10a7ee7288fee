/* See mover.h: which partitions are asked to move, how fast the copy may go, and what becomes of a
 * move. `lock` guards the list and what a move tells others (is_cancelled, size_bytes, end_off);
 * the copies themselves belong to the copying thread, and to the controller's while that one waits
 * for it. */
#include "broker/storage/mover_priv.h"

#include "base/diag.h"
#include "base/limit.h"
#include "base/mem.h"

#include <stdio.h>

enum { RETRY_MS = 100 };

#define RATE STR("replica.alter.log.dirs.io.max.bytes.per.second")

static void publish(struct mover *m, struct move *v)
{
    mutex_lock(&m->lock);
    v->size_bytes = (int64_t)log_size_bytes(v->copy.log);
    v->end_off = log_end_off(v->copy.log);
    mutex_unlock(&m->lock);
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
    enum err e = move_close_copy(v, false);
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

static void on_change(struct mail *mail)
{
    struct mover *m = CONTAINER_OF(mail, struct mover, mail);
    enum err e = move_change_place(m, m->changing);
    mutex_lock(&m->lock);
    m->change_err = e;
    m->is_changed = true;
    cond_broadcast(&m->wake);
    mutex_unlock(&m->lock);
}

static enum err ask_for_change(struct mover *m, struct move *v)
{
    if (m->args.loop == NULL) {
        return move_change_place(m, v);
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
    if (v->is_near_end) {
        v->is_near_end = false; /* if too much has come */
        finish(m, v);
        return;
    }
    enum err e = v->copy.log ? OK : move_open_copy(m, v);
    e = e ? e : move_copy_chunk(m, v, &bytes);
    if (e) {
        fail(m, v, e);
        return;
    }
    publish(m, v);
    m->last_bytes = bytes;
    m->last_ms = clock_mono_ms(m->args.clock);
    v->is_near_end = bytes < MOVE_CHUNK_BYTES / 2; /* what comes meanwhile is little, too */
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
    int64_t due = v->is_near_end ? now_ms : due_ms(m);
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
        enum err e = move_close_copy(v, !v->is_cancelled);
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
