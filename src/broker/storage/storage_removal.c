/* Deleting partitions: taken offline and marked at once, by the controller's thread; removed when
 * file.delete.delay.ms is over, by the upkeep thread. */
#include "broker/storage/storage_priv.h"

#include "base/diag.h"
#include "base/mem.h"

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
    bool has_start = log_start_off(p->log) > 0;
    mutex_unlock(&p->append_lock);
    partition_abandon(p);
    if (has_start) {
        atomic_store(&s->has_stale_starts, true);
    }
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
