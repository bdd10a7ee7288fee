/* Chained hash map over intrusive nodes. Pure; one thread at a time. */
#include "base/map.h"

#include "base/assert.h"
#include "base/mem.h"

enum { FIRST_BUCKET_COUNT = 8 };

static size_t bucket_of(const struct map *m, uint64_t hash) { return hash & (m->bucket_count - 1); }

void map_deinit(struct map *m)
{
    mem_free(m->buckets);
    map_init(m);
}

struct map_node *map_find(const struct map *m, uint64_t hash, map_eq_fn *eq, const void *key)
{
    if (m->count == 0) {
        return NULL;
    }
    struct map_node *n = m->buckets[bucket_of(m, hash)];
    while (n != NULL && (n->hash != hash || !eq(n, key))) {
        n = n->next;
    }
    return n;
}

static void map_grow(struct map *m)
{
    struct map_node **old = m->buckets;
    size_t old_count = m->bucket_count;
    m->bucket_count = old_count ? old_count * 2 : FIRST_BUCKET_COUNT;
    m->buckets = mem_zalloc(m->bucket_count * sizeof *m->buckets);
    for (size_t i = 0; i < old_count; i++) {
        struct map_node *n = old[i];
        while (n != NULL) {
            struct map_node *next = n->next;
            struct map_node **slot = &m->buckets[bucket_of(m, n->hash)];
            n->next = *slot;
            *slot = n;
            n = next;
        }
    }
    mem_free(old);
}

void map_insert(struct map *m, uint64_t hash, struct map_node *n)
{
    if (m->count >= m->bucket_count) {
        map_grow(m);
    }
    struct map_node **slot = &m->buckets[bucket_of(m, hash)];
    n->hash = hash;
    n->next = *slot;
    *slot = n;
    m->count++;
}

void map_remove(struct map *m, struct map_node *n)
{
    struct map_node **slot = &m->buckets[bucket_of(m, n->hash)];
    while (*slot != n) {
        ASSERT(*slot != NULL);
        slot = &(*slot)->next;
    }
    *slot = n->next;
    n->next = NULL;
    m->count--;
}

static struct map_node *first_from(const struct map *m, size_t bucket)
{
    for (; bucket < m->bucket_count; bucket++) {
        if (m->buckets[bucket] != NULL) {
            return m->buckets[bucket];
        }
    }
    return NULL;
}

struct map_node *map_first(const struct map *m) { return first_from(m, 0); }

struct map_node *map_next(const struct map *m, const struct map_node *n)
{
    return n->next ? n->next : first_from(m, bucket_of(m, n->hash) + 1);
}

uint64_t map_hash_u64(uint64_t key)
{
    key += 0x9e3779b97f4a7c15u;
    key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9u;
    key = (key ^ (key >> 27)) * 0x94d049bb133111ebu;
    return key ^ (key >> 31);
}
