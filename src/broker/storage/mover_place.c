/* A change of place, with appends held back: the rest is copied and synced, the copy is closed,
 * renamed to <topic>-<partition> and opened again; the old directory is marked for deletion,
 * durably; then the new partition goes into the table and takes appends. A crash in between leaves
 * two directories with the same records, and the next start takes one of them.
 *
 * In the controller's thread; checkpoint_lock, upkeep_lock and append_lock are taken in that order.
 */
#include "broker/storage/mover_priv.h"

#include "base/assert.h"
#include "base/mem.h"

/* The copy under the partition's name. */
static enum err rename_copy(struct mover *m, struct move *v)
{
    struct logdir_partition name = move_name(v);
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
    enum err e = move_close_copy(v, true);
    e = e ? e : storage_note_start(m->storage, v->to, p, l.start_off);
    e = e ? e : rename_copy(m, v);
    if (!e) {
        l.path = v->path;
        e = storage_open_log(m->storage, &l, &args, NULL);
    }
    if (!e) {
        *ret = partition_new(&args, &p->config);
    }
    return move_copy_err(e);
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
    enum err e = move_copy_rest(m, v);
    return e ? e : replace(m, v, ret_old_path);
}

enum err move_change_place(struct mover *m, struct move *v)
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
