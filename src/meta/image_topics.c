/* Topics and partitions of an image. Pure.
 *
 * A partition's lists live in one block that is made anew at each change; lists that a change
 * leaves alone are copied from the old block. */
#include "base/mem.h"
#include "meta/image_int.h"
#include "wire/messages.h"

static struct image_topic *topic_by_id(struct image *img, struct uuid id)
{
    return (struct image_topic *)(uintptr_t)image_topic_by_id(img, id);
}

static void free_topic(struct image_topic *t)
{
    for (int32_t i = 0; i < t->part_slots; i++) {
        mem_free(t->parts[i].block);
    }
    mem_free(t->parts);
    mem_free(t);
}

void image_free_topics(struct image *img)
{
    for (int32_t i = 0; i < img->topic_count; i++) {
        free_topic(img->topics[i]);
    }
    mem_free(img->topics);
    map_deinit(&img->topics_by_name);
    map_deinit(&img->topics_by_id);
}

/* --- topics --- */

enum err apply_topic(struct apply *a, const void *msg)
{
    const struct topic_record *r = msg;
    struct image *img = a->img;
    if (image_topic_by_name(img, r->name) != NULL || image_topic_by_id(img, r->topic_id) != NULL) {
        return refuse_record(a, "a topic that exists is created again");
    }
    struct image_topic *t = mem_zalloc(sizeof *t + r->name.len);
    char *at = (char *)(t + 1);
    t->name = place_str(&at, r->name);
    t->id = r->topic_id;
    int32_t i = image_topic_lower_bound(img, t->name);
    if ((img->topic_count & (img->topic_count - 1)) == 0) { /* full: it grows at powers of two */
        size_t cap = img->topic_count ? (size_t)img->topic_count * 2 : 1;
        img->topics = mem_realloc_array(img->topics, cap, sizeof(struct image_topic *));
    }
    memmove(img->topics + i + 1, img->topics + i,
            (size_t)(img->topic_count - i) * sizeof(struct image_topic *));
    img->topics[i] = t;
    img->topic_count++;
    map_insert(&img->topics_by_name, str_hash(t->name, img->seed), &t->by_name);
    map_insert(&img->topics_by_id, uuid_hash(t->id), &t->by_id);
    if (a->delta != NULL) {
        delta_touch_topic(a->delta, t->id, t->name)->is_created = true;
    }
    return OK;
}

enum err apply_remove_topic(struct apply *a, const void *msg)
{
    const struct remove_topic_record *r = msg;
    struct image *img = a->img;
    struct image_topic *t = topic_by_id(img, r->topic_id);
    if (t == NULL) {
        return refuse_record(a, "a topic that does not exist is removed");
    }
    if (a->delta != NULL) {
        struct delta_topic *touched = delta_touch_topic(a->delta, t->id, t->name);
        touched->is_deleted = true;
        touched->deleted_part_count = t->part_slots;
        touched->part_count = 0;
    }
    image_drop_topic_configs(img, t->name);
    map_remove(&img->topics_by_name, &t->by_name);
    map_remove(&img->topics_by_id, &t->by_id);
    int32_t i = image_topic_lower_bound(img, t->name);
    memmove(img->topics + i, img->topics + i + 1,
            (size_t)(img->topic_count - i - 1) * sizeof(struct image_topic *));
    img->topic_count--;
    img->part_count -= t->part_count;
    free_topic(t);
    return OK;
}

/* --- partitions --- */

/* A whole partition before it is packed. */
struct part_lists {
    struct ids replicas, isr, removing, adding, elr, last_elr;
    const struct uuid *dirs; /* NULL: unknown; else one per replica */
};

static bool counts_fit(const struct part_lists *l)
{
    const struct ids *all[] = {&l->replicas, &l->isr, &l->removing,
                               &l->adding,   &l->elr, &l->last_elr};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (all[i]->count > IMAGE_REPLICAS_MAX) {
            return false;
        }
    }
    return l->replicas.count > 0;
}

static uint8_t *put_ids(uint8_t *at, struct ids s, uint16_t *ret_count)
{
    size_t n = (size_t)s.count * sizeof *s.v;
    if (n > 0) {
        memcpy(at, s.v, n);
    }
    *ret_count = (uint16_t)s.count;
    return at + n;
}

/* Packs the lists, which may point into the old block, and frees that. */
static void pack(struct image_part *p, const struct part_lists *l)
{
    size_t dir_bytes = (size_t)l->replicas.count * sizeof(struct uuid);
    int32_t ids = l->replicas.count + l->isr.count + l->removing.count + l->adding.count +
                  l->elr.count + l->last_elr.count;
    size_t id_count = (size_t)ids;
    uint8_t *block = mem_zalloc(dir_bytes + id_count * sizeof(int32_t));
    if (l->dirs != NULL) {
        memcpy(block, l->dirs, dir_bytes);
    }
    uint8_t *at = put_ids(block + dir_bytes, l->replicas, &p->replica_count);
    at = put_ids(at, l->isr, &p->isr_count);
    at = put_ids(at, l->removing, &p->removing_count);
    at = put_ids(at, l->adding, &p->adding_count);
    at = put_ids(at, l->elr, &p->elr_count);
    put_ids(at, l->last_elr, &p->last_elr_count);
    mem_free(p->block);
    p->block = block;
}

static struct ids list_of(const int32_t *v, int32_t count)
{
    return (struct ids){v, MAX(count, 0)};
}

/* The slot of a partition, made if it is new. */
static struct image_part *part_slot(struct image_topic *t, int32_t part)
{
    if (part >= t->part_slots) {
        t->parts = mem_realloc_array(t->parts, (size_t)part + 1, sizeof *t->parts);
        memset(t->parts + t->part_slots, 0, (size_t)(part + 1 - t->part_slots) * sizeof *t->parts);
        t->part_slots = part + 1;
    }
    return &t->parts[part];
}

static void touch_part(struct apply *a, const struct image_topic *t, int32_t part)
{
    if (a->delta != NULL) {
        delta_touch_part(delta_touch_topic(a->delta, t->id, t->name), part);
    }
}

enum err apply_partition(struct apply *a, const void *msg)
{
    const struct partition_record *r = msg;
    struct image_topic *t = topic_by_id(a->img, r->topic_id);
    struct part_lists l = {
        .replicas = list_of(r->replicas, r->replicas_count),
        .isr = list_of(r->isr, r->isr_count),
        .removing = list_of(r->removing_replicas, r->removing_replicas_count),
        .adding = list_of(r->adding_replicas, r->adding_replicas_count),
        .elr = list_of(r->eligible_leader_replicas, r->eligible_leader_replicas_count),
        .last_elr = list_of(r->last_known_elr, r->last_known_elr_count),
        .dirs = r->directories_count > 0 ? r->directories : NULL,
    };
    if (t == NULL) {
        return refuse_record(a, "a partition of an unknown topic");
    }
    if (r->partition_id < 0 || r->partition_id > t->part_slots + IMAGE_PARTITION_GAP_MAX) {
        return refuse_record(a, "a partition id that is out of range");
    }
    if (!counts_fit(&l)) {
        return refuse_record(a, "a partition without replicas or with too many");
    }
    if (l.dirs != NULL && r->directories_count != r->replicas_count) {
        return refuse_record(a, "a partition whose directories are not one for each replica");
    }
    struct image_part *p = part_slot(t, r->partition_id);
    if (p->block == NULL) {
        t->part_count++;
        a->img->part_count++;
    }
    pack(p, &l);
    p->leader = r->leader;
    p->leader_epoch = r->leader_epoch;
    p->partition_epoch = r->partition_epoch;
    p->recovery_state = r->leader_recovery_state;
    touch_part(a, t, r->partition_id);
    return OK;
}

/* Null in a change means: as it was. */
static struct ids list_or(const int32_t *v, int32_t count, struct ids old)
{
    return count < 0 ? old : (struct ids){v, count};
}

/* Directories for a new list of replicas when the record gives none: each keeps its own. */
static const struct uuid *carry_dirs(struct apply *a, const struct image_part *p,
                                     struct ids replicas)
{
    struct uuid *dirs = arena_array(&a->img->scratch, (size_t)MAX(replicas.count, 1), sizeof *dirs);
    struct ids old = image_part_replicas(p);
    for (int32_t i = 0; dirs != NULL && i < replicas.count; i++) {
        for (int32_t j = 0; j < old.count; j++) {
            if (old.v[j] == replicas.v[i]) {
                dirs[i] = image_part_dir(p, j);
            }
        }
    }
    return dirs;
}

static struct part_lists merge_lists(const struct image_part *p,
                                     const struct partition_change_record *r)
{
    return (struct part_lists){
        .replicas = list_or(r->replicas, r->replicas_count, image_part_replicas(p)),
        .isr = list_or(r->isr, r->isr_count, image_part_isr(p)),
        .removing =
            list_or(r->removing_replicas, r->removing_replicas_count, image_part_removing(p)),
        .adding = list_or(r->adding_replicas, r->adding_replicas_count, image_part_adding(p)),
        .elr = list_or(r->eligible_leader_replicas, r->eligible_leader_replicas_count,
                       image_part_elr(p)),
        .last_elr = list_or(r->last_known_elr, r->last_known_elr_count, image_part_last_elr(p)),
    };
}

enum { LEADER_UNCHANGED = -2, RECOVERY_UNCHANGED = -1 };

enum err apply_partition_change(struct apply *a, const void *msg)
{
    const struct partition_change_record *r = msg;
    struct image_topic *t = topic_by_id(a->img, r->topic_id);
    struct image_part *p =
        t ? (struct image_part *)(uintptr_t)image_topic_part(t, r->partition_id) : NULL;
    if (p == NULL) {
        return refuse_record(a, "a change of an unknown partition");
    }
    struct part_lists l = merge_lists(p, r);
    if (!counts_fit(&l)) {
        return refuse_record(a, "a partition without replicas or with too many");
    }
    if (p->leader_epoch == INT32_MAX || p->partition_epoch == INT32_MAX) {
        return refuse_record(a, "a partition whose epochs are used up");
    }
    if (r->directories_count > 0 && r->directories_count != l.replicas.count) {
        return refuse_record(a, "a partition whose directories are not one for each replica");
    }
    l.dirs = r->directories_count > 0 ? r->directories : carry_dirs(a, p, l.replicas);
    if (l.dirs == NULL) {
        return ERR_BUDGET;
    }
    pack(p, &l);
    if (r->leader != LEADER_UNCHANGED) {
        p->leader = r->leader;
        p->leader_epoch++;
    }
    if (r->leader_recovery_state != RECOVERY_UNCHANGED) {
        p->recovery_state = r->leader_recovery_state;
    }
    p->partition_epoch++;
    touch_part(a, t, r->partition_id);
    return OK;
}

static void clear_elr(struct apply *a, struct image_topic *t)
{
    for (int32_t i = 0; i < t->part_slots; i++) {
        struct image_part *p = &t->parts[i];
        if (p->block != NULL && p->elr_count + p->last_elr_count > 0 &&
            p->partition_epoch < INT32_MAX) {
            p->elr_count = p->last_elr_count = 0; /* they lie at the end of the block */
            p->partition_epoch++;
            touch_part(a, t, i);
        }
    }
}

enum err apply_clear_elr(struct apply *a, const void *msg)
{
    const struct clear_elr_record *r = msg;
    if (r->topic_name.len > 0) {
        const struct image_topic *t = image_topic_by_name(a->img, r->topic_name);
        if (t == NULL) {
            return refuse_record(a, "eligible leader replicas of an unknown topic are cleared");
        }
        clear_elr(a, (struct image_topic *)(uintptr_t)t);
        return OK;
    }
    for (int32_t i = 0; i < a->img->topic_count; i++) {
        clear_elr(a, a->img->topics[i]);
    }
    return OK;
}
