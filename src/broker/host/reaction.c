/* From a metadata delta to partitions. */
#include "broker/host/reaction.h"

#include "base/mem.h"

static void on_deleted_partition(void *ctx, struct partition *p)
{
    storage_delete_partition(((struct reaction *)ctx)->storage, p);
}

static void delete_topics(struct reaction *r, const struct delta *delta)
{
    for (const struct delta_topic *t = delta->topics; t != NULL; t = t->next) {
        if (t->is_deleted) {
            topic_table_remove(r->topics, t->id, on_deleted_partition, r);
        }
    }
}

/* Partitions that are not there yet, gathered to be made together. */
struct missing {
    struct storage_part *v;
    size_t count, cap;
};

static void add_missing(struct missing *m, const struct image_topic *topic, int32_t index)
{
    if (m->count == m->cap) {
        m->cap = m->cap ? m->cap * 2 : 16;
        m->v = mem_realloc_array(m->v, m->cap, sizeof *m->v);
    }
    m->v[m->count++] = (struct storage_part){topic, index};
}

static void update_partition(struct reaction *r, const struct image_topic *topic, int32_t index,
                             struct missing *missing)
{
    const struct image_part *part = image_topic_part(topic, index);
    struct partition *p;
    if (part == NULL || !ids_have(image_part_replicas(part), r->node_id)) {
        return;
    }
    if (topic_table_find_by_id(r->topics, topic->id, index, &p) != OK) {
        add_missing(missing, topic, index);
        return;
    }
    if (part->leader == r->node_id) {
        partition_lead(p, part->leader_epoch);
    }
    partition_unref(p);
}

static void update_topics(struct reaction *r, const struct image *img, const struct delta *delta)
{
    struct missing missing = {0};
    for (const struct delta_topic *t = delta->topics; t != NULL; t = t->next) {
        const struct image_topic *topic = t->is_deleted ? NULL : image_topic_by_id(img, t->id);
        for (int32_t i = 0; topic != NULL && i < t->part_count; i++) {
            update_partition(r, topic, t->parts[i], &missing);
        }
    }
    storage_add_partitions(r->storage, img, missing.v, missing.count);
    mem_free(missing.v);
}

/* --- settings --- */

struct reconfigure {
    struct reaction *reaction;
    const struct image *img;
    const struct delta *delta;
    bool all; /* a broker's defaults changed: every topic may feel it */
};

static bool is_touched(const struct reconfigure *c, struct str topic)
{
    for (const struct delta_config *d = c->delta->configs; d != NULL; d = d->next) {
        if (d->type == RESOURCE_TOPIC && str_eq(d->resource, topic)) {
            return true;
        }
    }
    return c->all;
}

static void reconfigure_partition(void *ctx, struct partition *p)
{
    struct reconfigure *c = ctx;
    struct partition_config config;
    if (is_touched(c, p->topic_name)) {
        storage_partition_config(c->reaction->storage, c->img, p->topic_name, &config);
        partition_set_config(p, &config);
    }
}

static void update_configs(struct reaction *r, const struct image *img, const struct delta *delta)
{
    struct reconfigure c = {r, img, delta, delta_has_config(delta, RESOURCE_BROKER)};
    if (delta->configs != NULL) {
        topic_table_each(r->topics, reconfigure_partition, &c);
    }
}

void reaction_apply(struct reaction *r, const struct image *img, const struct delta *delta)
{
    delete_topics(r, delta);
    update_topics(r, img, delta);
    update_configs(r, img, delta);
}
