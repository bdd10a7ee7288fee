/* See placed.h. One request at a time is under way; a partition that came or moved meanwhile is
 * told of by the next. What is refused is told by the next start, or after the next move. */
#include "broker/storage/placed.h"

#include "base/diag.h"
#include "base/mem.h"
#include "log/logdir.h"
#include "meta/versions.h"
#include "wire/messages.h"

enum { LATER_MS = 200 };

struct row {
    struct uuid dir, topic;
    int32_t partition;
};

struct telling {
    struct ctl_task task;
    struct placed *owner;
    const struct image *img; /* while rows are gathered */
    struct row *rows;
    size_t count, cap;
    struct arena arena;
    struct assign_replicas_to_dirs_req req;
};

static bool lies_elsewhere(const struct telling *t, const struct partition *p)
{
    const struct image_topic *topic = image_topic_by_id(t->img, p->topic_id);
    const struct image_part *part = topic ? image_topic_part(topic, p->index) : NULL;
    struct uuid told;
    return part != NULL && image_part_dir_of(part, t->owner->node_id, &told) &&
           !uuid_eq(told, logdir_meta(p->dir)->dir_id);
}

static void look_at(void *ctx, struct partition *p)
{
    struct telling *t = ctx;
    if (!lies_elsewhere(t, p)) {
        return;
    }
    if (t->count == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 16;
        t->rows = mem_realloc_array(t->rows, t->cap, sizeof *t->rows);
    }
    t->rows[t->count++] = (struct row){logdir_meta(p->dir)->dir_id, p->topic_id, p->index};
}

/* A row each: there are few of them but once. False without room. */
static bool build(struct telling *t)
{
    struct assign_replicas_to_dirs_req_directory_data *d =
        arena_array(&t->arena, t->count, sizeof *d);
    struct assign_replicas_to_dirs_req_topic_data *topics =
        arena_array(&t->arena, t->count, sizeof *topics);
    struct assign_replicas_to_dirs_req_partition_data *parts =
        arena_array(&t->arena, t->count, sizeof *parts);
    if (d == NULL || topics == NULL || parts == NULL) {
        return false;
    }
    for (size_t i = 0; i < t->count; i++) {
        parts[i].partition_index = t->rows[i].partition;
        topics[i].topic_id = t->rows[i].topic;
        topics[i].partitions = &parts[i];
        topics[i].partitions_count = 1;
        d[i].id = t->rows[i].dir;
        d[i].topics = &topics[i];
        d[i].topics_count = 1;
    }
    t->req.directories = d;
    t->req.directories_count = (int32_t)t->count;
    return true;
}

static void telling_free(struct telling *t)
{
    arena_deinit(&t->arena);
    mem_free(t->rows);
    mem_free(t);
}

static void on_done(struct ctl_task *task)
{
    struct telling *t = CONTAINER_OF(task, struct telling, task);
    struct placed *p = t->owner;
    if (task->call.err) {
        diag_warn(DIAG_CONTROLLER, "the directories of %zu partitions are not in the metadata: %s",
                  t->count, err_text(task->call.err));
    }
    telling_free(t);
    p->current = NULL;
    if (p->wants_more) {
        placed_tell(p);
    }
}

/* The image is read without the lock, which is this thread's to write. */
static bool gather(struct telling *t)
{
    t->img = metacache_read(t->owner->metacache);
    metacache_done(t->owner->metacache);
    const struct image_node *n = image_broker(t->img, t->owner->node_id);
    if (n == NULL || !version_has_dirs(image_feature(t->img, FEATURE_METADATA))) {
        return false;
    }
    t->req = assign_replicas_to_dirs_req_default;
    t->req.broker_id = n->id;
    t->req.broker_epoch = n->epoch;
    topic_table_each(t->owner->topics, look_at, t);
    return t->count > 0;
}

void placed_tell(struct placed *p)
{
    p->wants_more = p->current != NULL;
    if (p->current != NULL) {
        return;
    }
    struct telling *t = NEW(struct telling);
    t->owner = p;
    arena_init(&t->arena, SIZE_MAX);
    bool has_news = gather(t);
    if (!has_news || !build(t)) {
        telling_free(t);
        if (has_news) { /* for want of memory: it may come back */
            placed_tell_later(p);
        }
        return;
    }
    p->current = t;
    t->task.loop = p->loop;
    t->task.done = on_done;
    t->task.call.req = (struct ctl_req){.api_key = API_ASSIGN_REPLICAS_TO_DIRS,
                                        .msg = &t->req,
                                        .arena = &t->arena,
                                        .now_ms = clock_wall_ms(p->clock)};
    controller_submit(p->controller, &t->task);
}

static void on_timer(struct timer *timer)
{
    struct placed *p = CONTAINER_OF(timer, struct placed, timer);
    p->is_due = false;
    placed_tell(p);
}

void placed_tell_later(struct placed *p)
{
    if (!p->is_due) {
        p->is_due = true;
        p->timer.fn = on_timer;
        loop_timer_set(p->loop, &p->timer, clock_mono_ms(p->clock) + LATER_MS);
    }
}

void placed_deinit(struct placed *p)
{
    if (p->loop != NULL) {
        loop_timer_cancel(p->loop, &p->timer);
    }
    if (p->current != NULL) {
        telling_free(p->current);
        p->current = NULL;
    }
}
