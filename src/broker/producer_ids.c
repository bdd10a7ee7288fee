/* Blocks of producer ids. Any thread; the lock covers the block and the queue. One request for a
 * block is on its way at most; its answer comes back on the loop of whoever caused it. */
#include "broker/producer_ids.h"

#include "base/mem.h"
#include "plat/thread.h"
#include "wire/messages.h"

enum { ARENA_BYTES = 64 << 10 };

struct producer_ids {
    struct mutex lock;
    struct controller *controller;
    int32_t node_id;
    int64_t broker_epoch;
    int64_t next, end; /* the block that is left */
    struct list queue; /* producer_id_wait */
    bool is_asking;
    struct ctl_task task;
    struct allocate_producer_ids_req req;
    struct arena arena;
};

struct producer_ids *producer_ids_new(struct controller *controller, int32_t node_id)
{
    struct producer_ids *ids = NEW(struct producer_ids);
    mutex_init(&ids->lock);
    list_init(&ids->queue);
    arena_init(&ids->arena, ARENA_BYTES);
    ids->controller = controller;
    ids->node_id = node_id;
    ids->broker_epoch = -1;
    return ids;
}

void producer_ids_set_epoch(struct producer_ids *ids, int64_t broker_epoch)
{
    ids->broker_epoch = broker_epoch;
}

void producer_ids_free(struct producer_ids *ids)
{
    arena_deinit(&ids->arena);
    mutex_deinit(&ids->lock);
    mem_free(ids);
}

static void on_wait_mail(struct mail *m)
{
    struct producer_id_wait *w = CONTAINER_OF(m, struct producer_id_wait, mail);
    w->done(w);
}

static void wake(struct producer_id_wait *w, enum err e, int64_t id)
{
    w->err = e;
    w->producer_id = id;
    w->mail = (struct mail){.fn = on_wait_mail};
    loop_post(w->loop, &w->mail);
}

static void ask(struct producer_ids *ids, struct loop *loop);

static void on_block(struct ctl_task *t)
{
    struct producer_ids *ids = CONTAINER_OF(t, struct producer_ids, task);
    const struct allocate_producer_ids_resp *resp = t->call.resp;
    enum err e = t->call.err ? t->call.err : (enum err)resp->error_code;
    mutex_lock(&ids->lock);
    ids->is_asking = false;
    if (!e) {
        ids->next = resp->producer_id_start;
        ids->end = resp->producer_id_start + resp->producer_id_len;
    }
    while (!list_is_empty(&ids->queue) && (e || ids->next < ids->end)) {
        struct list_node *n = list_pop_front(&ids->queue);
        wake(LIST_ENTRY(n, struct producer_id_wait, node), e, e ? -1 : ids->next++);
    }
    bool is_short = !list_is_empty(&ids->queue);
    ids->is_asking = is_short;
    mutex_unlock(&ids->lock);
    if (is_short) {
        ask(ids, t->loop);
    }
}

/* is_asking is set: the task is ours. */
static void ask(struct producer_ids *ids, struct loop *loop)
{
    arena_reset(&ids->arena);
    ids->req = allocate_producer_ids_req_default;
    ids->req.broker_id = ids->node_id;
    ids->req.broker_epoch = ids->broker_epoch;
    ids->task = (struct ctl_task){.loop = loop, .done = on_block};
    ids->task.call.req = (struct ctl_req){
        .api_key = API_ALLOCATE_PRODUCER_IDS,
        .msg = &ids->req,
        .arena = &ids->arena,
    };
    controller_submit(ids->controller, &ids->task);
}

bool producer_ids_next(struct producer_ids *ids, struct producer_id_wait *w)
{
    bool must_ask = false;
    mutex_lock(&ids->lock);
    bool has_one = ids->next < ids->end && list_is_empty(&ids->queue);
    if (has_one) {
        w->producer_id = ids->next++;
    } else {
        list_push_back(&ids->queue, &w->node);
        must_ask = !ids->is_asking;
        ids->is_asking = true;
    }
    mutex_unlock(&ids->lock);
    if (must_ask) {
        ask(ids, w->loop);
    }
    return has_one;
}
