/* What is to be sent, in order: bytes in memory and runs of files, so that a fetch response leaves
 * by header bytes, extent, header bytes, extent without copying records. */
#ifndef NET_SENDVEC_H
#define NET_SENDVEC_H

#include "base/buf.h"
#include "base/err.h"

/* A run of a file that somebody else owns: conn calls fd or pread to send it, and release exactly
 * once, when it is sent or given up. All in the thread of the connection's loop. */
struct extent_ops {
    int (*fd)(void *ref);                                            /* -1: use pread */
    enum err (*pread)(void *ref, uint64_t pos, void *p, size_t len); /* all len bytes or an error */
    void (*release)(void *ref);
};

struct send_chunk {
    struct bytes bytes; /* in memory: ops then only releases ref, and may be NULL */
    void *to_free;      /* memory of bytes, freed with mem_free; may be NULL */
    const struct extent_ops *ops;
    void *ref;
    uint64_t pos; /* in the file */
    size_t len;
};

/* A small vector; spills to the heap beyond the inline chunks. Not to be copied by =: see
 * sendvec_move. */
enum { SENDVEC_INLINE = 4 };
struct sendvec {
    struct send_chunk inline_chunks[SENDVEC_INLINE];
    struct send_chunk *chunks;
    size_t count, cap;
    size_t total_bytes;
    bool may_be_slow; /* others go first: a turn sends less of it */
};

void sendvec_init(struct sendvec *v);
void sendvec_deinit(struct sendvec *v); /* releases and frees what is in it; v is empty then */

/* to is uninitialised; from is empty afterwards. */
void sendvec_move(struct sendvec *to, struct sendvec *from);

/* The memory must live until sent unless to_free owns it. */
void sendvec_add_bytes(struct sendvec *v, struct bytes b, void *to_free);
/* Memory that ops->release(ref) gives back. */
void sendvec_add_shared(struct sendvec *v, struct bytes b, const struct extent_ops *ops, void *ref);
void sendvec_add_extent(struct sendvec *v, const struct extent_ops *ops, void *ref, uint64_t pos,
                        size_t len);

static inline bool send_chunk_is_memory(const struct send_chunk *c)
{
    return c->ops == NULL || c->bytes.p != NULL;
}

#endif
