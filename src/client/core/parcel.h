/* A sealed batch's bytes, shared by the accumulator and by connections that have not sent them yet:
 * an answer, or the end of the caller's patience, may come before the last byte has left. Nobody
 * changes what is shared. Any thread. */
#ifndef CLIENT_CORE_PARCEL_H
#define CLIENT_CORE_PARCEL_H

#include "base/buf.h"
#include "base/mem.h"

#include <stdatomic.h>

struct parcel {
    atomic_int refs;
    struct buf buf;
};

static inline struct parcel *parcel_new(void)
{
    struct parcel *p = NEW(struct parcel);
    p->refs = 1;
    p->buf = BUF_INIT;
    return p;
}

static inline struct parcel *parcel_ref(struct parcel *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

/* NULL is fine. */
static inline void parcel_unref(struct parcel *p)
{
    if (p != NULL && atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) == 1) {
        buf_deinit(&p->buf);
        mem_free(p);
    }
}

static inline bool parcel_is_shared(struct parcel *p)
{
    return atomic_load_explicit(&p->refs, memory_order_acquire) > 1;
}

#endif
