/* What the log must hold, kept in the simplest way. See world.h. */
#include "world.h"

#include "base/assert.h"

struct model *model_new(void) { return NEW(struct model); }

void model_cut(struct model_batches *x, int count)
{
    while (x->count > count) {
        mem_free(x->p[--x->count].p);
    }
}

void model_free(struct model *m)
{
    model_cut(&m->log, 0);
    model_cut(&m->ghosts, 0);
    mem_free(m->log.p);
    mem_free(m->ghosts.p);
    mem_free(m);
}

static void copy(struct model_batches *to, const struct model_batches *from)
{
    *to = (struct model_batches){0};
    for (int i = 0; i < from->count; i++) {
        model_push(to, from->p[i].p, from->p[i].len);
    }
}

struct model *model_clone(const struct model *m)
{
    struct model *c = model_new();
    *c = *m;
    copy(&c->log, &m->log);
    copy(&c->ghosts, &m->ghosts);
    return c;
}

void model_push(struct model_batches *x, const uint8_t *p, size_t len)
{
    struct batch b;
    enum err e = batch_parse((struct bytes){p, len}, &b);
    ASSERT(e == OK && b.size_bytes == len);
    if (x->count == x->cap) {
        x->cap = x->cap ? x->cap * 2 : 16;
        x->p = mem_realloc_array(x->p, (size_t)x->cap, sizeof *x->p);
    }
    struct model_batch *to = &x->p[x->count++];
    *to = (struct model_batch){b.base_off, batch_last_off(&b), mem_alloc(len), len};
    memcpy(to->p, p, len);
}

int model_at(const struct model *m, int64_t off)
{
    int i = 0;
    while (i < m->log.count && m->log.p[i].last_off < off) {
        i++;
    }
    return i;
}

struct batch model_parse(const struct model_batch *mb)
{
    struct batch b;
    enum err e = batch_parse((struct bytes){mb->p, mb->len}, &b);
    ASSERT(e == OK);
    return b;
}

struct model_producer *model_producer(struct model_producer *p, int count, int64_t id)
{
    for (int i = 0; i < count; i++) {
        if (p[i].id == id) {
            return &p[i];
        }
    }
    return NULL;
}

static struct model_producer *producer_of(struct model_producer *all, int *count,
                                          const struct batch *b)
{
    struct model_producer *p = model_producer(all, *count, b->producer_id);
    if (p == NULL) {
        ASSERT(*count < MODEL_PRODUCERS);
        p = &all[(*count)++];
        *p = (struct model_producer){b->producer_id, -1, -1, -1, b->producer_epoch, -1};
    }
    if (p->epoch != b->producer_epoch) {
        p->epoch = b->producer_epoch;
        p->last_seq = -1;
        p->last_off = -1;
        p->at = -1;
    }
    return p;
}

int model_producers(const struct model *m, int from, int to, struct model_producer *ret)
{
    int count = 0;
    for (int i = from; i < to; i++) {
        struct batch b = model_parse(&m->log.p[i]);
        if (!batch_has_producer(&b)) {
            continue;
        }
        struct model_producer *p = producer_of(ret, &count, &b);
        if (batch_is_control(&b)) {
            p->txn_first_off = -1;
            continue;
        }
        p->last_off = batch_last_off(&b);
        p->last_seq = batch_last_seq(&b);
        p->at = i;
        if (batch_is_transactional(&b) && p->txn_first_off < 0) {
            p->txn_first_off = b.base_off;
        }
    }
    return count;
}

static bool is_abort(const struct batch *b)
{
    struct record_walk walk;
    struct record rec;
    int type = -1;
    enum err e = record_walk_init(&walk, b, 1 << 20);
    e = e ? e : record_walk_next(&walk, &rec);
    ASSERT(e == OK && control_parse_key(rec.key, &type));
    record_walk_deinit(&walk);
    return type == CONTROL_ABORT;
}

int model_aborted(const struct model *m, int from, int to, struct model_aborted *ret, int cap)
{
    struct model_producer all[MODEL_PRODUCERS];
    int producers = 0;
    int count = 0;
    for (int i = from; i < to; i++) {
        struct batch b = model_parse(&m->log.p[i]);
        if (!batch_has_producer(&b) || !batch_is_transactional(&b)) {
            continue;
        }
        struct model_producer *p = producer_of(all, &producers, &b);
        if (!batch_is_control(&b)) {
            p->txn_first_off = p->txn_first_off < 0 ? b.base_off : p->txn_first_off;
            continue;
        }
        if (p->txn_first_off >= 0 && is_abort(&b)) {
            ASSERT(count < cap);
            ret[count++] = (struct model_aborted){b.producer_id, p->txn_first_off, b.base_off};
        }
        p->txn_first_off = -1;
    }
    return count;
}
