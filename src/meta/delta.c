/* What a run of records touched. Pure. */
#include "meta/delta.h"

#include "base/mem.h"

void delta_init(struct delta *d) { *d = (struct delta){0}; }

void delta_deinit(struct delta *d)
{
    while (d->topics != NULL) {
        struct delta_topic *t = d->topics;
        d->topics = t->next;
        mem_free((char *)(uintptr_t)t->name.p);
        mem_free(t->parts);
        mem_free(t);
    }
    while (d->configs != NULL) {
        struct delta_config *c = d->configs;
        d->configs = c->next;
        mem_free((char *)(uintptr_t)c->resource.p);
        mem_free(c);
    }
    map_deinit(&d->topics_by_id);
    map_deinit(&d->configs_by_name);
    mem_free(d->brokers);
    delta_init(d);
}

void delta_clear(struct delta *d) { delta_deinit(d); }

bool delta_has_config(const struct delta *d, enum config_resource type)
{
    for (const struct delta_config *c = d->configs; c != NULL; c = c->next) {
        if (c->type == type) {
            return true;
        }
    }
    return false;
}

bool delta_is_empty(const struct delta *d)
{
    return d->topics == NULL && d->configs == NULL && d->broker_count == 0 &&
           !d->features_changed && !d->quotas_changed && !d->acls_changed && !d->scrams_changed &&
           !d->tokens_changed && !d->controllers_changed && !d->producer_ids_changed;
}

static struct str own_str(struct str s) { return (struct str){str_dup(s), s.len}; }

static bool topic_has_id(const struct map_node *n, const void *key)
{
    return uuid_eq(MAP_ENTRY(n, struct delta_topic, node)->id, *(const struct uuid *)key);
}

static struct delta_topic *find_topic(const struct delta *d, struct uuid id)
{
    struct map_node *n = map_find(&d->topics_by_id, uuid_hash(id), topic_has_id, &id);
    return n ? MAP_ENTRY(n, struct delta_topic, node) : NULL;
}

const struct delta_topic *delta_topic(const struct delta *d, struct uuid id)
{
    return find_topic(d, id);
}

struct delta_topic *delta_touch_topic(struct delta *d, struct uuid id, struct str name)
{
    struct delta_topic *t = find_topic(d, id);
    if (t != NULL) {
        return t;
    }
    t = NEW(struct delta_topic);
    t->id = id;
    t->name = own_str(name);
    map_insert(&d->topics_by_id, uuid_hash(id), &t->node);
    if (d->topics_last != NULL) {
        d->topics_last->next = t;
    } else {
        d->topics = t;
    }
    d->topics_last = t;
    return t;
}

/* Puts v into a sorted array once. */
static void add_sorted(int32_t **array, int32_t *count, int32_t *cap, int32_t v)
{
    int32_t lo = 0, hi = *count;
    /* mostly they come in order */
    if (hi > 0 && (*array)[hi - 1] < v) {
        lo = hi;
    }
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        if ((*array)[mid] < v) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    if (lo < *count && (*array)[lo] == v) {
        return;
    }
    if (*count == *cap) {
        *cap = *cap ? *cap * 2 : 4;
        *array = mem_realloc_array(*array, (size_t)*cap, sizeof **array);
    }
    memmove(*array + lo + 1, *array + lo, (size_t)(*count - lo) * sizeof **array);
    (*array)[lo] = v;
    (*count)++;
}

void delta_touch_part(struct delta_topic *t, int32_t part)
{
    add_sorted(&t->parts, &t->part_count, &t->part_cap, part);
}

void delta_touch_broker(struct delta *d, int32_t id)
{
    add_sorted(&d->brokers, &d->broker_count, &d->broker_cap, id);
}

struct config_key {
    enum config_resource type;
    struct str resource;
};

static bool config_has_key(const struct map_node *n, const void *key)
{
    const struct delta_config *c = MAP_ENTRY(n, struct delta_config, node);
    const struct config_key *k = key;
    return c->type == k->type && str_eq(c->resource, k->resource);
}

void delta_touch_config(struct delta *d, enum config_resource type, struct str resource)
{
    struct config_key key = {type, resource};
    uint64_t hash = str_hash(resource, (uint64_t)type);
    if (map_find(&d->configs_by_name, hash, config_has_key, &key) != NULL) {
        return;
    }
    struct delta_config *c = NEW(struct delta_config);
    c->type = type;
    c->resource = own_str(resource);
    map_insert(&d->configs_by_name, hash, &c->node);
    if (d->configs_last != NULL) {
        d->configs_last->next = c;
    } else {
        d->configs = c;
    }
    d->configs_last = c;
}
