/* The table of hosted topics. Any thread; the lock covers the maps and slots, never I/O. */
#include "broker/topics.h"

#include "base/mem.h"

static bool name_eq(const struct map_node *n, const void *key)
{
    return str_eq(MAP_ENTRY(n, struct topic, by_name)->name, *(const struct str *)key);
}

static bool id_eq(const struct map_node *n, const void *key)
{
    return uuid_eq(MAP_ENTRY(n, struct topic, by_id)->id, *(const struct uuid *)key);
}

static struct topic *by_name(struct topic_table *t, struct str name)
{
    struct map_node *n = map_find(&t->by_name, str_hash(name, t->seed), name_eq, &name);
    return n ? MAP_ENTRY(n, struct topic, by_name) : NULL;
}

static struct topic *by_id(struct topic_table *t, struct uuid id)
{
    struct map_node *n = map_find(&t->by_id, uuid_hash(id), id_eq, &id);
    return n ? MAP_ENTRY(n, struct topic, by_id) : NULL;
}

void topic_table_init(struct topic_table *t, uint64_t seed)
{
    t->seed = seed;
    rwlock_init(&t->lock);
    map_init(&t->by_name);
    map_init(&t->by_id);
}

static void topic_free(struct topic *topic)
{
    mem_free(topic->parts);
    mem_free((void *)(uintptr_t)topic->name.p);
    mem_free(topic);
}

static void drop(void *ctx, struct partition *part)
{
    (void)ctx;
    partition_unref(part);
}

void topic_table_deinit(struct topic_table *t)
{
    struct map_node *n;
    while ((n = map_first(&t->by_id)) != NULL) {
        topic_table_remove(t, MAP_ENTRY(n, struct topic, by_id)->id, drop, NULL);
    }
    map_deinit(&t->by_name);
    map_deinit(&t->by_id);
    rwlock_deinit(&t->lock);
}

/* Under the lock. */
static enum err slot(const struct topic *topic, int32_t index, struct partition **ret_part)
{
    if (index < 0 || index >= topic->partition_count || topic->parts[index] == NULL) {
        return ERR_UNKNOWN_TOPIC_OR_PARTITION;
    }
    partition_ref(topic->parts[index]);
    *ret_part = topic->parts[index];
    return OK;
}

enum err topic_table_find(struct topic_table *t, struct str name, int32_t index,
                          struct partition **ret_part)
{
    rwlock_read(&t->lock);
    struct topic *topic = by_name(t, name);
    enum err e = topic ? slot(topic, index, ret_part) : ERR_UNKNOWN_TOPIC_OR_PARTITION;
    rwlock_unlock(&t->lock);
    return e;
}

enum err topic_table_find_by_id(struct topic_table *t, struct uuid id, int32_t index,
                                struct partition **ret_part)
{
    rwlock_read(&t->lock);
    struct topic *topic = by_id(t, id);
    enum err e = topic ? slot(topic, index, ret_part) : ERR_UNKNOWN_TOPIC_ID;
    rwlock_unlock(&t->lock);
    return e;
}

static struct topic *topic_insert(struct topic_table *t, const struct partition *part)
{
    struct topic *topic = NEW(struct topic);
    topic->name = (struct str){str_dup(part->topic_name), part->topic_name.len};
    topic->id = part->topic_id;
    map_insert(&t->by_name, str_hash(topic->name, t->seed), &topic->by_name);
    map_insert(&t->by_id, uuid_hash(topic->id), &topic->by_id);
    return topic;
}

static void topic_grow(struct topic *topic, int32_t count)
{
    if (count <= topic->partition_count) {
        return;
    }
    topic->parts = mem_realloc_array(topic->parts, (size_t)count, sizeof(struct partition *));
    for (int32_t i = topic->partition_count; i < count; i++) {
        topic->parts[i] = NULL;
    }
    topic->partition_count = count;
}

void topic_table_add(struct topic_table *t, struct partition *part)
{
    rwlock_write(&t->lock);
    struct topic *topic = by_id(t, part->topic_id);
    if (topic == NULL) {
        topic = topic_insert(t, part);
    }
    topic_grow(topic, part->index + 1);
    bool is_taken = topic->parts[part->index] != NULL;
    if (!is_taken) {
        topic->parts[part->index] = part;
    }
    rwlock_unlock(&t->lock);
    if (is_taken) {
        partition_unref(part);
    }
}

bool topic_table_replace(struct topic_table *t, struct partition *old, struct partition *part)
{
    rwlock_write(&t->lock);
    struct topic *topic = by_id(t, old->topic_id);
    bool is_there =
        topic != NULL && old->index < topic->partition_count && topic->parts[old->index] == old;
    if (is_there) {
        topic->parts[old->index] = part;
    }
    rwlock_unlock(&t->lock);
    if (is_there) {
        partition_unref(old);
    }
    return is_there;
}

void topic_table_remove(struct topic_table *t, struct uuid id, topic_table_fn *fn, void *ctx)
{
    rwlock_write(&t->lock);
    struct topic *topic = by_id(t, id);
    if (topic != NULL) {
        map_remove(&t->by_name, &topic->by_name);
        map_remove(&t->by_id, &topic->by_id);
    }
    rwlock_unlock(&t->lock);
    if (topic == NULL) {
        return;
    }
    for (int32_t i = 0; i < topic->partition_count; i++) {
        if (topic->parts[i] != NULL) {
            fn(ctx, topic->parts[i]);
        }
    }
    topic_free(topic);
}

/* All partitions, referenced; the array is freed with mem_free. */
static struct partition **snapshot(struct topic_table *t, size_t *ret_count)
{
    size_t count = 0;
    size_t cap = 0;
    struct partition **all = NULL;
    rwlock_read(&t->lock);
    MAP_EACH(&t->by_id, n, tmp) {
        struct topic *topic = MAP_ENTRY(n, struct topic, by_id);
        if (count + (size_t)topic->partition_count > cap) {
            cap = (count + (size_t)topic->partition_count) * 2;
            all = mem_realloc_array(all, cap, sizeof(struct partition *));
        }
        for (int32_t i = 0; i < topic->partition_count; i++) {
            if (topic->parts[i] != NULL) {
                partition_ref(topic->parts[i]);
                all[count++] = topic->parts[i];
            }
        }
    }
    rwlock_unlock(&t->lock);
    *ret_count = count;
    return all;
}

void topic_table_each(struct topic_table *t, topic_table_fn *fn, void *ctx)
{
    size_t count;
    struct partition **all = snapshot(t, &count);
    for (size_t i = 0; i < count; i++) {
        fn(ctx, all[i]);
        partition_unref(all[i]);
    }
    mem_free(all);
}
