/* Intrusive hash map: put a struct map_node into the element; the map never allocates elements.
 * Keys are the element's own: the caller gives a hash and an equality. The bucket array grows with
 * the count; hashes are seeded per map where keys come from peers. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/attr.h"
#include "base/str.h"

struct map_node {
    struct map_node *next;
    uint64_t hash;
};

struct map {
    struct map_node **buckets; /* NULL while empty */
    size_t bucket_count;       /* a power of two */
    size_t count;
};

typedef bool map_eq_fn(const struct map_node *n, const void *key);

static inline void map_init(struct map *m) { *m = (struct map){0}; }

/* Frees the buckets; the elements are the caller's. */
void map_deinit(struct map *m);

/* NULL if absent. */
struct map_node *map_find(const struct map *m, uint64_t hash, map_eq_fn *eq, const void *key);

/* The key must be absent: the caller looked. */
void map_insert(struct map *m, uint64_t hash, struct map_node *n);

/* n must be in m. */
void map_remove(struct map *m, struct map_node *n);

/* In no order that means anything, but the same for the same history. NULL at the end. Removing the
 * node that was returned last is fine when its successor was taken before. */
struct map_node *map_first(const struct map *m);
struct map_node *map_next(const struct map *m, const struct map_node *n);

/* splitmix64's mix: a good 64-bit hash of an integer. */
uint64_t map_hash_u64(uint64_t key);

#define MAP_ENTRY(node, type, member) CONTAINER_OF(node, type, member)

/* The current element may be removed inside the loop. */
#define MAP_EACH(m, node, tmp)                                                                     \
    for (struct map_node *node = map_first(m), *tmp = node ? map_next(m, node) : NULL;             \
         node != NULL; node = tmp, tmp = tmp ? map_next(m, tmp) : NULL)

#endif
