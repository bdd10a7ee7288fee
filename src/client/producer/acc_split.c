/* A batch that is too large for the broker becomes two, in its place and with its sequences. Pure;
 * rare, so it may cost. */
#include "client/producer/accumulator_int.h"

#include "base/mem.h"

static const struct delivery_to nobody = {NULL, NULL};

/* The next count records of the walk, with those who wait for them. */
static enum err fill(struct acc_batch *to, const struct acc_batch *from, struct record_walk *w,
                     int32_t count)
{
    enum err e = OK;
    for (int32_t i = 0; !e && i < count; i++) {
        struct record r;
        e = record_walk_next(w, &r);
        if (!e) {
            int32_t at = from->count - w->left - 1;
            r.off = to->count;
            acc_put_record(to, &r, at < from->to_count ? from->to[at] : nobody);
        }
    }
    to->is_closed = true;
    return e;
}

static void inherit(struct acc_batch *to, const struct acc_batch *from, int32_t skipped)
{
    to->deadline_ms = from->deadline_ms;
    to->tries = from->tries;
    to->met = from->met;
    to->bytes = from->bytes / 2;
    if (from->sequence >= 0) {
        to->sequence = seq_add(from->sequence, skipped);
        to->producer_id = from->producer_id;
        to->producer_epoch = from->producer_epoch;
        to->place = from->place;
        to->queue->sequenced++;
    }
}

static void replace(struct accumulator *acc, struct acc_batch *b, struct acc_batch *half[2])
{
    struct acc_queue *q = b->queue;
    half[1]->bytes += b->bytes % 2;
    list_insert_before(&b->node, &half[0]->node);
    list_insert_before(&b->node, &half[1]->node);
    list_remove(&b->node);
    q->count--;
    q->sequenced -= b->sequence >= 0;
    acc->metrics.batch_split++;
    acc->grow_bytes = 0; /* this broker's limit is not far above batch.size */
    acc_free_batch(acc, b);
}

bool acc_split(struct accumulator *acc, struct acc_batch *b, int64_t now_ms)
{
    struct batch head;
    struct record_walk w;
    struct acc_batch *half[2];
    int32_t first = b->count / 2;
    if (b->count < 2 || batch_parse(buf_bytes(&b->parcel->buf), &head) != OK) {
        return false;
    }
    enum err e = record_walk_init(&w, &head, SIZE_MAX);
    for (int i = 0; i < 2; i++) {
        half[i] = acc_new_batch(acc, b->queue, now_ms);
        e = e ? e : fill(half[i], b, &w, i == 0 ? first : b->count - first);
    }
    record_walk_deinit(&w);
    if (e) { /* no memory */
        for (int i = 0; i < 2; i++) {
            b->queue->count--;
            acc_free_batch(acc, half[i]);
        }
        return false;
    }
    inherit(half[0], b, 0);
    inherit(half[1], b, first);
    replace(acc, b, half);
    return true;
}
