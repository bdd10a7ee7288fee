/* Brokers and controllers of an image. Pure.
 *
 * A node is one allocation: the struct, its arrays, then its texts. A change makes a new one. */
#include "base/mem.h"
#include "meta/image_int.h"
#include "wire/messages.h"

#include <stdlib.h>

/* --- the sorted arrays --- */

struct node_array {
    struct image_node ***nodes;
    int32_t *count;
};

static struct node_array brokers_of(struct image *img)
{
    return (struct node_array){&img->brokers, &img->broker_count};
}

static struct node_array controllers_of(struct image *img)
{
    return (struct node_array){&img->controllers, &img->controller_count};
}

static int32_t lower_bound(struct node_array a, int32_t id)
{
    int32_t i = 0;
    while (i < *a.count && (*a.nodes)[i]->id < id) {
        i++;
    }
    return i;
}

/* Puts n in its place, instead of an older one of the same id. */
static void put_node(struct node_array a, struct image_node *n)
{
    int32_t i = lower_bound(a, n->id);
    if (i < *a.count && (*a.nodes)[i]->id == n->id) {
        mem_free((*a.nodes)[i]);
        (*a.nodes)[i] = n;
        return;
    }
    *a.nodes = mem_realloc_array(*a.nodes, (size_t)*a.count + 1, sizeof **a.nodes);
    memmove(*a.nodes + i + 1, *a.nodes + i, (size_t)(*a.count - i) * sizeof **a.nodes);
    (*a.nodes)[i] = n;
    (*a.count)++;
}

static void drop_node(struct node_array a, int32_t i)
{
    mem_free((*a.nodes)[i]);
    memmove(*a.nodes + i, *a.nodes + i + 1, (size_t)(*a.count - i - 1) * sizeof **a.nodes);
    (*a.count)--;
}

void image_free_nodes(struct image *img)
{
    for (int32_t i = 0; i < img->broker_count; i++) {
        mem_free(img->brokers[i]);
    }
    for (int32_t i = 0; i < img->controller_count; i++) {
        mem_free(img->controllers[i]);
    }
    mem_free(img->brokers);
    mem_free(img->controllers);
}

/* --- one node --- */

/* A deep copy in one block. */
static struct image_node *copy_node(const struct image_node *src)
{
    size_t endpoint_bytes = (size_t)src->endpoint_count * sizeof *src->endpoints;
    size_t feature_bytes = (size_t)src->feature_count * sizeof *src->features;
    size_t dir_bytes = (size_t)src->log_dir_count * sizeof *src->log_dirs;
    size_t cordoned_bytes = (size_t)MAX(src->cordoned_dir_count, 0) * sizeof *src->cordoned_dirs;
    size_t text_bytes = src->rack.len;
    for (int32_t i = 0; i < src->endpoint_count; i++) {
        text_bytes += src->endpoints[i].name.len + src->endpoints[i].host.len;
    }
    for (int32_t i = 0; i < src->feature_count; i++) {
        text_bytes += src->features[i].name.len;
    }
    struct image_node *n = mem_zalloc(sizeof *n + endpoint_bytes + feature_bytes + dir_bytes +
                                      cordoned_bytes + text_bytes + 1);
    *n = *src;
    n->endpoints = (void *)(n + 1);
    n->features = (void *)((char *)n->endpoints + endpoint_bytes);
    n->log_dirs = (void *)((char *)n->features + feature_bytes);
    n->cordoned_dirs = (void *)((char *)n->log_dirs + dir_bytes);
    char *at = (char *)n->cordoned_dirs + cordoned_bytes;
    for (int32_t i = 0; i < src->endpoint_count; i++) {
        n->endpoints[i] = src->endpoints[i];
        n->endpoints[i].name = place_str(&at, src->endpoints[i].name);
        n->endpoints[i].host = place_str(&at, src->endpoints[i].host);
    }
    for (int32_t i = 0; i < src->feature_count; i++) {
        n->features[i] = src->features[i];
        n->features[i].name = place_str(&at, src->features[i].name);
    }
    n->rack = place_str(&at, src->rack);
    if (dir_bytes > 0) {
        memcpy(n->log_dirs, src->log_dirs, dir_bytes);
    }
    if (cordoned_bytes > 0) {
        memcpy(n->cordoned_dirs, src->cordoned_dirs, cordoned_bytes);
    }
    return n;
}

static int compare_dirs(const void *a, const void *b)
{
    const struct uuid *x = a, *y = b;
    return uuid_cmp(*x, *y);
}

/* Sorts what a node owns already. */
static void sort_dirs(struct image_node *n)
{
    qsort(n->log_dirs, (size_t)n->log_dir_count, sizeof *n->log_dirs, compare_dirs);
}

static void touch_broker(struct apply *a, int32_t id)
{
    if (a->delta != NULL) {
        delta_touch_broker(a->delta, id);
    }
}

/* Room for the node's endpoints and features; false over budget. */
static bool make_lists(struct apply *a, struct image_node *n)
{
    struct arena *scratch = &a->img->scratch;
    n->endpoints = arena_array(scratch, (size_t)n->endpoint_count + 1, sizeof *n->endpoints);
    n->features = arena_array(scratch, (size_t)n->feature_count + 1, sizeof *n->features);
    return n->endpoints != NULL && n->features != NULL;
}

/* Brokers' and controllers' records have types of their own, with the same fields. */
#define ENDPOINT_OF(e)                                                                             \
    ((struct image_endpoint){(e).name, (e).host, (e).port, (e).security_protocol})
#define FEATURE_OF(f)                                                                              \
    ((struct image_feature_range){(f).name, (f).min_supported_version, (f).max_supported_version})

/* --- brokers --- */

enum err apply_register_broker(struct apply *a, const void *msg)
{
    const struct register_broker_record *r = msg;
    struct image_node n = {
        .id = r->broker_id,
        .incarnation = r->incarnation_id,
        .epoch = r->broker_epoch,
        .endpoint_count = r->end_points_count,
        .feature_count = r->features_count,
        .rack = r->rack,
        .log_dirs = r->log_dirs,
        .log_dir_count = MAX(r->log_dirs_count, 0),
        .cordoned_dirs = r->cordoned_log_dirs,
        .cordoned_dir_count = r->cordoned_log_dirs_count,
        .is_fenced = r->fenced,
        .is_shutting_down = r->in_controlled_shutdown,
    };
    if (r->broker_id < 0) {
        return refuse_record(a, "a broker with a negative id");
    }
    if (!make_lists(a, &n)) {
        return ERR_BUDGET;
    }
    for (int32_t i = 0; i < n.endpoint_count; i++) {
        n.endpoints[i] = ENDPOINT_OF(r->end_points[i]);
    }
    for (int32_t i = 0; i < n.feature_count; i++) {
        n.features[i] = FEATURE_OF(r->features[i]);
    }
    struct image_node *own = copy_node(&n);
    sort_dirs(own);
    put_node(brokers_of(a->img), own);
    touch_broker(a, n.id);
    return OK;
}

/* The registered broker that a record speaks of; NULL if that is another incarnation. */
static struct image_node *broker_of(struct apply *a, int32_t id, int64_t epoch)
{
    const struct image_node *n = image_broker(a->img, id);
    return n && n->epoch == epoch ? (struct image_node *)(uintptr_t)n : NULL;
}

static const char unknown_broker[] = "a record about a broker that is not registered in that epoch";

enum err apply_unregister_broker(struct apply *a, const void *msg)
{
    const struct unregister_broker_record *r = msg;
    if (broker_of(a, r->broker_id, r->broker_epoch) == NULL) {
        return refuse_record(a, unknown_broker);
    }
    struct node_array brokers = brokers_of(a->img);
    drop_node(brokers, lower_bound(brokers, r->broker_id));
    touch_broker(a, r->broker_id);
    return OK;
}

static enum err set_fenced(struct apply *a, int32_t id, int64_t epoch, bool is_fenced)
{
    struct image_node *n = broker_of(a, id, epoch);
    if (n == NULL) {
        return refuse_record(a, unknown_broker);
    }
    n->is_fenced = is_fenced;
    touch_broker(a, id);
    return OK;
}

enum err apply_fence(struct apply *a, const void *msg)
{
    const struct fence_broker_record *r = msg;
    return set_fenced(a, r->id, r->epoch, true);
}

enum err apply_unfence(struct apply *a, const void *msg)
{
    const struct unfence_broker_record *r = msg;
    return set_fenced(a, r->id, r->epoch, false);
}

/* Fenced: −1 unfences, 1 fences, 0 leaves it. InControlledShutdown: 1 begins. Log directories:
 * empty leaves them; cordoned ones: null leaves them. */
enum err apply_broker_change(struct apply *a, const void *msg)
{
    const struct broker_registration_change_record *r = msg;
    struct image_node *old = broker_of(a, r->broker_id, r->broker_epoch);
    if (old == NULL) {
        return refuse_record(a, unknown_broker);
    }
    if (r->fenced < -1 || r->fenced > 1 || r->in_controlled_shutdown < 0 ||
        r->in_controlled_shutdown > 1) {
        return refuse_record(a, "a change of a broker that means nothing");
    }
    struct image_node n = *old;
    n.is_fenced = r->fenced ? r->fenced > 0 : old->is_fenced;
    n.is_shutting_down |= r->in_controlled_shutdown > 0;
    if (r->log_dirs_count > 0) {
        n.log_dirs = r->log_dirs;
        n.log_dir_count = r->log_dirs_count;
    }
    if (r->cordoned_log_dirs_count >= 0) {
        n.cordoned_dirs = r->cordoned_log_dirs;
        n.cordoned_dir_count = r->cordoned_log_dirs_count;
    }
    struct image_node *own = copy_node(&n);
    sort_dirs(own);
    put_node(brokers_of(a->img), own);
    touch_broker(a, own->id);
    return OK;
}

/* --- controllers --- */

enum err apply_register_controller(struct apply *a, const void *msg)
{
    const struct register_controller_record *r = msg;
    struct image_node n = {
        .id = r->controller_id,
        .incarnation = r->incarnation_id,
        .epoch = -1,
        .endpoint_count = r->end_points_count,
        .feature_count = r->features_count,
        .cordoned_dir_count = -1,
        .is_migrating_zk = r->zk_migration_ready,
    };
    if (r->controller_id < 0) {
        return refuse_record(a, "a controller with a negative id");
    }
    if (!make_lists(a, &n)) {
        return ERR_BUDGET;
    }
    for (int32_t i = 0; i < n.endpoint_count; i++) {
        n.endpoints[i] = ENDPOINT_OF(r->end_points[i]);
    }
    for (int32_t i = 0; i < n.feature_count; i++) {
        n.features[i] = FEATURE_OF(r->features[i]);
    }
    put_node(controllers_of(a->img), copy_node(&n));
    if (a->delta != NULL) {
        a->delta->controllers_changed = true;
    }
    return OK;
}
