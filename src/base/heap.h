/* Intrusive binary min-heap of int64 keys (deadlines): put a struct heap_node into the element. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    int64_t key;
    size_t at; /* 1-based position; 0 = not in a heap */
};

struct heap {
    struct heap_node **slots;
    size_t count, cap;
};

static inline void heap_init(struct heap *h) { *h = (struct heap){0}; }
void heap_deinit(struct heap *h);

static inline bool heap_has(const struct heap_node *n) { return n->at != 0; }
static inline struct heap_node *heap_min(const struct heap *h)
{
    return h->count ? h->slots[0] : NULL;
}

/* n must not be in a heap. */
void heap_insert(struct heap *h, struct heap_node *n, int64_t key);

/* No-op when n is in no heap. */
void heap_remove(struct heap *h, struct heap_node *n);

#endif
