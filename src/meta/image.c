/* An image's life, and looking things up in it. Pure. */
#include "meta/image.h"

#include "base/assert.h"
#include "base/limit.h"
#include "base/mem.h"
#include "meta/image_int.h"
#include "meta/versions.h"

struct image *image_new(uint64_t seed)
{
    struct image *img = NEW(struct image);
    img->seed = seed;
    arena_init(&img->scratch, LIMIT_META_RECORD_BYTES);
    img->scratch.is_sure = true; /* what is committed must be applied */
    return img;
}

static void free_held(struct image *img)
{
    if (img->held != NULL) {
        meta_records_deinit(&img->held->records);
        mem_free(img->held);
        img->held = NULL;
    }
}

void image_free(struct image *img)
{
    if (img == NULL) {
        return;
    }
    image_free_topics(img);
    image_free_nodes(img);
    image_free_rest(img);
    free_held(img);
    arena_deinit(&img->scratch);
    mem_free(img);
}

static enum err copy_record(void *ctx, struct bytes record)
{
    return image_apply(ctx, record, NULL, NULL);
}

struct image *image_clone(const struct image *img)
{
    struct image *copy = image_new(img->seed);
    /* what an image wrote can be read */
    ASSERT(image_write_version(img, INT16_MAX, copy_record, copy) == OK);
    copy->next_off = img->next_off;
    copy->epoch = img->epoch;
    if (img->held != NULL) {
        copy->held = NEW(struct image_held);
        for (int32_t i = 0; i < img->held->records.count; i++) {
            meta_records_add_raw(&copy->held->records, meta_records_at(&img->held->records, i));
        }
    }
    return copy;
}

static enum err collect_record(void *ctx, struct bytes record)
{
    struct buf *out = ctx;
    buf_put(out, record.p, record.len);
    return out->err;
}

bool image_eq(const struct image *a, const struct image *b)
{
    struct buf all_a = BUF_INIT, all_b = BUF_INIT;
    bool eq = image_write_version(a, INT16_MAX, collect_record, &all_a) == OK &&
              image_write_version(b, INT16_MAX, collect_record, &all_b) == OK &&
              all_a.len == all_b.len &&
              (all_a.len == 0 || memcmp(all_a.p, all_b.p, all_a.len) == 0);
    buf_deinit(&all_a);
    buf_deinit(&all_b);
    return eq;
}

void image_seek(struct image *img, int64_t off, int32_t epoch)
{
    img->next_off = off;
    img->epoch = epoch;
}

int image_metadata_version(const struct image *img)
{
    int16_t level = image_feature(img, FEATURE_METADATA);
    return level < 0 ? METADATA_VERSION_MIN : level;
}

/* --- partitions --- */

static const int32_t *part_ids(const struct image_part *p)
{
    return (const int32_t *)(const void *)(p->block + sizeof(struct uuid) * p->replica_count);
}

struct ids image_part_replicas(const struct image_part *p)
{
    return (struct ids){part_ids(p), p->replica_count};
}

static struct ids after(struct ids s, uint16_t count) { return (struct ids){s.v + s.count, count}; }

struct ids image_part_isr(const struct image_part *p)
{
    return after(image_part_replicas(p), p->isr_count);
}

struct ids image_part_removing(const struct image_part *p)
{
    return after(image_part_isr(p), p->removing_count);
}

struct ids image_part_adding(const struct image_part *p)
{
    return after(image_part_removing(p), p->adding_count);
}

struct ids image_part_elr(const struct image_part *p)
{
    return after(image_part_adding(p), p->elr_count);
}

struct ids image_part_last_elr(const struct image_part *p)
{
    return after(image_part_elr(p), p->last_elr_count);
}

struct uuid image_part_dir(const struct image_part *p, int32_t replica_index)
{
    struct uuid u;
    ASSERT(replica_index >= 0 && replica_index < p->replica_count);
    memcpy(&u, p->block + sizeof u * (size_t)replica_index, sizeof u);
    return u;
}

bool image_part_dir_of(const struct image_part *p, int32_t broker_id, struct uuid *ret_dir)
{
    struct ids replicas = image_part_replicas(p);
    for (int32_t i = 0; i < replicas.count; i++) {
        if (replicas.v[i] == broker_id) {
            *ret_dir = image_part_dir(p, i);
            return true;
        }
    }
    return false;
}

/* --- topics --- */

static bool topic_has_name(const struct map_node *n, const void *key)
{
    return str_eq(MAP_ENTRY(n, struct image_topic, by_name)->name, *(const struct str *)key);
}

const struct image_topic *image_topic_by_name(const struct image *img, struct str name)
{
    struct map_node *n =
        map_find(&img->topics_by_name, str_hash(name, img->seed), topic_has_name, &name);
    return n ? MAP_ENTRY(n, struct image_topic, by_name) : NULL;
}

static bool topic_has_id(const struct map_node *n, const void *key)
{
    return uuid_eq(MAP_ENTRY(n, struct image_topic, by_id)->id, *(const struct uuid *)key);
}

const struct image_topic *image_topic_by_id(const struct image *img, struct uuid id)
{
    struct map_node *n = map_find(&img->topics_by_id, uuid_hash(id), topic_has_id, &id);
    return n ? MAP_ENTRY(n, struct image_topic, by_id) : NULL;
}

int32_t image_topic_lower_bound(const struct image *img, struct str name)
{
    int32_t lo = 0, hi = img->topic_count;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        if (str_cmp(img->topics[mid]->name, name) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

/* --- nodes --- */

static const struct image_node *find_node(struct image_node *const *nodes, int32_t count,
                                          int32_t id)
{
    int32_t lo = 0, hi = count;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        if (nodes[mid]->id < id) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < count && nodes[lo]->id == id ? nodes[lo] : NULL;
}

const struct image_node *image_broker(const struct image *img, int32_t id)
{
    return find_node(img->brokers, img->broker_count, id);
}

const struct image_node *image_controller(const struct image *img, int32_t id)
{
    return find_node(img->controllers, img->controller_count, id);
}

const struct image_endpoint *image_node_endpoint(const struct image_node *n, struct str listener)
{
    for (int32_t i = 0; i < n->endpoint_count; i++) {
        if (str_eq(n->endpoints[i].name, listener)) {
            return &n->endpoints[i];
        }
    }
    return NULL;
}

/* --- the rest --- */

int16_t image_feature(const struct image *img, struct str name)
{
    for (int32_t i = 0; i < img->feature_count; i++) {
        if (str_eq(img->features[i].name, name)) {
            return img->features[i].level;
        }
    }
    return -1;
}

struct str image_config(const struct image *img, enum config_resource type, struct str resource,
                        struct str name)
{
    const struct image_configs *c = image_configs(img, type, resource);
    for (int32_t i = 0; c != NULL && i < c->count; i++) {
        if (str_eq(c->items[i].name, name)) {
            return c->items[i].value;
        }
    }
    return STR_NULL;
}
