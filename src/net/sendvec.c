/* Vectors of what is to be sent. Pure but for the owners' release. */
#include "net/sendvec.h"

#include "base/mem.h"

void sendvec_init(struct sendvec *v)
{
    v->chunks = v->inline_chunks;
    v->count = 0;
    v->cap = SENDVEC_INLINE;
    v->total_bytes = 0;
    v->may_be_slow = false;
}

static void drop_chunks(struct sendvec *v)
{
    for (size_t i = 0; i < v->count; i++) {
        struct send_chunk *c = &v->chunks[i];
        if (c->ops != NULL) {
            c->ops->release(c->ref);
        }
        mem_free(c->to_free);
    }
}

void sendvec_deinit(struct sendvec *v)
{
    drop_chunks(v);
    if (v->chunks != v->inline_chunks) {
        mem_free(v->chunks);
    }
    sendvec_init(v);
}

void sendvec_move(struct sendvec *to, struct sendvec *from)
{
    sendvec_init(to);
    if (from->chunks == from->inline_chunks) {
        memcpy(to->inline_chunks, from->inline_chunks, from->count * sizeof *from->chunks);
    } else {
        to->chunks = from->chunks;
        to->cap = from->cap;
    }
    to->count = from->count;
    to->total_bytes = from->total_bytes;
    to->may_be_slow = from->may_be_slow;
    sendvec_init(from);
}

static void grow(struct sendvec *v)
{
    bool was_inline = v->chunks == v->inline_chunks;
    v->cap *= 2;
    v->chunks = mem_realloc_array(was_inline ? NULL : v->chunks, v->cap, sizeof *v->chunks);
    if (was_inline) {
        memcpy(v->chunks, v->inline_chunks, v->count * sizeof *v->chunks);
    }
}

static void add(struct sendvec *v, const struct send_chunk *chunk)
{
    if (v->count == v->cap) {
        grow(v);
    }
    v->chunks[v->count++] = *chunk;
    v->total_bytes += chunk->len;
}

void sendvec_add_bytes(struct sendvec *v, struct bytes b, void *to_free)
{
    add(v, &(struct send_chunk){.bytes = b, .to_free = to_free, .len = b.len});
}

void sendvec_add_shared(struct sendvec *v, struct bytes b, const struct extent_ops *ops, void *ref)
{
    add(v, &(struct send_chunk){.bytes = b, .ops = ops, .ref = ref, .len = b.len});
}

void sendvec_add_extent(struct sendvec *v, const struct extent_ops *ops, void *ref, uint64_t pos,
                        size_t len)
{
    add(v, &(struct send_chunk){.ops = ops, .ref = ref, .pos = pos, .len = len});
}
