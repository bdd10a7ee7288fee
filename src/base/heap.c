/* Binary min-heap. Pure; one thread at a time. */
#include "base/heap.h"

#include "base/assert.h"
#include "base/mem.h"

void heap_deinit(struct heap *h)
{
    mem_free(h->slots);
    heap_init(h);
}

static void place(struct heap *h, size_t i, struct heap_node *n)
{
    h->slots[i] = n;
    n->at = i + 1;
}

static void sift_up(struct heap *h, size_t i, struct heap_node *n)
{
    while (i > 0 && h->slots[(i - 1) / 2]->key > n->key) {
        place(h, i, h->slots[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    place(h, i, n);
}

static void sift_down(struct heap *h, size_t i, struct heap_node *n)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= h->count) {
            break;
        }
        if (child + 1 < h->count && h->slots[child + 1]->key < h->slots[child]->key) {
            child++;
        }
        if (h->slots[child]->key >= n->key) {
            break;
        }
        place(h, i, h->slots[child]);
        i = child;
    }
    place(h, i, n);
}

void heap_insert(struct heap *h, struct heap_node *n, int64_t key)
{
    ASSERT(n->at == 0);
    if (h->count == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 16;
        h->slots = mem_realloc_array(h->slots, h->cap, sizeof *h->slots);
    }
    n->key = key;
    h->count++;
    sift_up(h, h->count - 1, n);
}

void heap_remove(struct heap *h, struct heap_node *n)
{
    if (n->at == 0) {
        return;
    }
    size_t i = n->at - 1;
    ASSERT(i < h->count && h->slots[i] == n);
    struct heap_node *last = h->slots[--h->count];
    n->at = 0;
    if (last == n) {
        return;
    }
    if (last->key < n->key) {
        sift_up(h, i, last);
    } else {
        sift_down(h, i, last);
    }
}
