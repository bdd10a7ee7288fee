/* Committed offsets: by group, topic and partition; and those of open transactions, which wait
 * apart until their transaction ends. Pure.
 *
 * Invariants: an entry is set, or some open transaction has a pending offset for it; no topic is
 * without entries. */
#include "group/group_int.h"

static bool eq_topic(const struct map_node *n, const void *key)
{
    return str_eq(MAP_ENTRY(n, struct offset_topic, by_name)->name, *(const struct str *)key);
}

static bool eq_part(const struct map_node *n, const void *key)
{
    return MAP_ENTRY(n, struct offset_entry, by_part)->part == *(const int32_t *)key;
}

struct offset_topic *offset_topic_find(const struct group *g, struct str name)
{
    struct map_node *n = map_find(&g->offsets, str_hash(name, g->seed), eq_topic, &name);
    return n ? MAP_ENTRY(n, struct offset_topic, by_name) : NULL;
}

static struct offset_entry *find_part(const struct offset_topic *t, int32_t part)
{
    struct map_node *n = map_find(&t->parts, map_hash_u64((uint64_t)part), eq_part, &part);
    return n ? MAP_ENTRY(n, struct offset_entry, by_part) : NULL;
}

struct offset_entry *offset_find(const struct group *g, struct str topic, int32_t part)
{
    struct offset_topic *t = offset_topic_find(g, topic);
    return t ? find_part(t, part) : NULL;
}

static void free_topic(struct group_shard *s, struct group *g, struct offset_topic *t)
{
    map_remove(&g->offsets, &t->by_name);
    map_deinit(&t->parts);
    group_drop_str(s, &t->name);
    group_mem_free(s, t);
}

static struct offset_topic *make_topic(struct group_shard *s, struct group *g, struct str name)
{
    struct offset_topic *t = offset_topic_find(g, name);
    if (t != NULL) {
        return t;
    }
    t = group_mem(s, sizeof *t);
    if (t == NULL || !group_copy_str(s, name, &t->name)) {
        group_mem_free(s, t);
        return NULL;
    }
    map_insert(&g->offsets, str_hash(name, g->seed), &t->by_name);
    return t;
}

struct offset_entry *offset_make(struct group_shard *s, struct group *g, struct str topic,
                                 int32_t part)
{
    struct offset_topic *t = make_topic(s, g, topic);
    struct offset_entry *e = t ? find_part(t, part) : NULL;
    if (t == NULL || e != NULL) {
        return e;
    }
    e = group_mem(s, sizeof *e);
    if (e != NULL) {
        e->part = part;
        map_insert(&t->parts, map_hash_u64((uint64_t)part), &e->by_part);
    } else if (t->parts.count == 0) {
        free_topic(s, g, t);
    }
    return e;
}

void offset_tidy(struct group_shard *s, struct group *g, struct str topic, struct offset_entry *e)
{
    if (e->is_set || e->open_txns > 0) {
        return;
    }
    struct offset_topic *t = offset_topic_find(g, topic);
    map_remove(&t->parts, &e->by_part);
    group_drop_str(s, &e->v.metadata);
    group_mem_free(s, e);
    if (t->parts.count == 0) {
        free_topic(s, g, t);
    }
}

enum err offset_set(struct group_shard *s, const struct group_offset_key *key,
                    const struct group_offset *v)
{
    struct group *g = group_find(s, key->group);
    struct str metadata;
    g = g ? g : group_new(s, key->group);
    if (g == NULL || !group_copy_str(s, v->metadata, &metadata)) {
        return ERR_NO_MEMORY;
    }
    struct offset_entry *e = offset_make(s, g, key->topic, key->part);
    if (e == NULL) {
        group_drop_str(s, &metadata);
        return ERR_NO_MEMORY;
    }
    group_drop_str(s, &e->v.metadata);
    e->v = *v;
    e->v.metadata = metadata;
    e->is_set = true;
    return OK;
}

static void drop_pending_of(struct group_shard *s, const struct group_offset_key *key);

void offset_unset(struct group_shard *s, const struct group_offset_key *key)
{
    struct group *g = group_find(s, key->group);
    struct offset_entry *e = g ? offset_find(g, key->topic, key->part) : NULL;
    if (e == NULL) {
        return;
    }
    if (e->open_txns > 0) {
        drop_pending_of(s, key);
    }
    e->is_set = false;
    e->open_txns = 0;
    offset_tidy(s, g, key->topic, e);
}

void offsets_free(struct group_shard *s, struct group *g)
{
    MAP_EACH(&g->offsets, tn, tnext) {
        struct offset_topic *t = MAP_ENTRY(tn, struct offset_topic, by_name);
        MAP_EACH(&t->parts, n, next) {
            struct offset_entry *e = MAP_ENTRY(n, struct offset_entry, by_part);
            map_remove(&t->parts, n);
            group_drop_str(s, &e->v.metadata);
            group_mem_free(s, e);
        }
        free_topic(s, g, t);
    }
    map_deinit(&g->offsets);
}

/* --- open transactions --- */

static void free_pending(struct group_shard *s, struct pending_offset *p)
{
    if (list_is_linked(&p->node)) {
        list_remove(&p->node);
    }
    group_drop_str(s, &p->group);
    group_drop_str(s, &p->topic);
    group_drop_str(s, &p->v.metadata);
    group_mem_free(s, p);
}

static bool is_for(const struct pending_offset *p, const struct group_offset_key *key)
{
    return p->part == key->part && str_eq(p->group, key->group) && str_eq(p->topic, key->topic);
}

static void drop_pending_of(struct group_shard *s, const struct group_offset_key *key)
{
    LIST_EACH(&s->pending_offsets, n, next) {
        struct pending_offset *p = LIST_ENTRY(n, struct pending_offset, node);
        if (is_for(p, key)) {
            free_pending(s, p);
        }
    }
}

enum err pending_offset_add(struct group_shard *s, const struct group_offset_key *key,
                            const struct group_replay *r, const struct group_offset *v)
{
    struct group *g = group_find(s, key->group);
    struct pending_offset *p = group_mem(s, sizeof *p);
    g = g ? g : group_new(s, key->group);
    struct offset_entry *e = g && p ? offset_make(s, g, key->topic, key->part) : NULL;
    if (e == NULL) {
        group_mem_free(s, p);
        return ERR_NO_MEMORY;
    }
    p->producer_id = r->producer_id;
    p->part = key->part;
    p->v = *v;
    p->v.metadata = STR_NULL;
    if (!group_copy_str(s, key->group, &p->group) || !group_copy_str(s, key->topic, &p->topic) ||
        !group_copy_str(s, v->metadata, &p->v.metadata)) {
        free_pending(s, p);
        offset_tidy(s, g, key->topic, e);
        return ERR_NO_MEMORY;
    }
    e->open_txns++;
    list_push_back(&s->pending_offsets, &p->node);
    return OK;
}

/* The newest of several commits counts, by its place in the log, transactional or not. */
static enum err settle(struct group_shard *s, struct pending_offset *p, bool is_commit)
{
    struct group_offset_key key = {p->group, p->topic, p->part};
    struct group *g = group_find(s, p->group);
    struct offset_entry *e = g ? offset_find(g, p->topic, p->part) : NULL;
    if (e == NULL) {
        return OK;
    }
    enum err err = OK;
    e->open_txns--;
    if (is_commit && (!e->is_set || e->v.record_off < p->v.record_off)) {
        err = offset_set(s, &key, &p->v);
    }
    offset_tidy(s, g, p->topic, e);
    return err;
}

enum err group_shard_end_txn(struct group_shard *s, int64_t producer_id, bool is_commit)
{
    enum err e = OK;
    LIST_EACH(&s->pending_offsets, n, next) {
        struct pending_offset *p = LIST_ENTRY(n, struct pending_offset, node);
        if (p->producer_id == producer_id) {
            enum err one = settle(s, p, is_commit);
            e = e ? e : one;
            free_pending(s, p);
        }
    }
    return e;
}

void pending_offsets_free(struct group_shard *s)
{
    LIST_EACH(&s->pending_offsets, n, next) {
        free_pending(s, LIST_ENTRY(n, struct pending_offset, node));
    }
}
