/* An image as records: snapshots, clones, comparison. Everything is written in a sorted order, so
 * equal images give equal bytes. Pure. */
#include "base/mem.h"
#include "meta/image_int.h"
#include "meta/versions.h"
#include "wire/messages.h"

#include <stdlib.h>

struct writer {
    const struct image *img;
    int metadata_version;
    image_record_fn *fn;
    void *ctx;
    struct meta_records one; /* the record that is being given */
    enum err err;            /* sticky */
};

static void put(struct writer *w, enum meta_record type, int version, const void *msg)
{
    if (w->err) {
        return;
    }
    meta_records_clear(&w->one);
    meta_records_add(&w->one, type, version, msg);
    w->err = w->one.err ? w->one.err : w->fn(w->ctx, meta_records_at(&w->one, 0));
}

/* --- features --- */

static void write_feature(struct writer *w, const struct image_feature *f)
{
    struct feature_level_record r = feature_level_record_default;
    r.name = f->name;
    r.feature_level = f->level;
    put(w, META_FEATURE_LEVEL, 0, &r);
}

static void write_features(struct writer *w)
{
    for (int pass = 0; pass < 2; pass++) {
        for (int32_t i = 0; i < w->img->feature_count; i++) {
            bool is_first = str_eq(w->img->features[i].name, FEATURE_METADATA);
            if (is_first == (pass == 0)) {
                write_feature(w, &w->img->features[i]);
            }
        }
    }
    if (w->img->zk_migration_state != 0) {
        struct zk_migration_state_record r = {w->img->zk_migration_state};
        put(w, META_ZK_MIGRATION, 0, &r);
    }
}

/* --- nodes --- */

/* Brokers' and controllers' records have types of their own, with the same fields. */
#define ENDPOINT_AS(type, e)                                                                       \
    ((type){.name = (e)->name,                                                                     \
            .host = (e)->host,                                                                     \
            .port = (e)->port,                                                                     \
            .security_protocol = (e)->security_protocol})
#define FEATURE_AS(type, f)                                                                        \
    ((type){                                                                                       \
        .name = (f)->name, .min_supported_version = (f)->min, .max_supported_version = (f)->max})

static void write_broker(struct writer *w, const struct image_node *n)
{
    struct register_broker_record r = register_broker_record_default;
    struct register_broker_record_broker_endpoint *endpoints =
        mem_zalloc((size_t)n->endpoint_count * sizeof *endpoints + 1);
    struct register_broker_record_broker_feature *features =
        mem_zalloc((size_t)n->feature_count * sizeof *features + 1);
    for (int32_t i = 0; i < n->endpoint_count; i++) {
        endpoints[i] = ENDPOINT_AS(struct register_broker_record_broker_endpoint, &n->endpoints[i]);
    }
    for (int32_t i = 0; i < n->feature_count; i++) {
        features[i] = FEATURE_AS(struct register_broker_record_broker_feature, &n->features[i]);
    }
    int version = version_of_register_broker(w->metadata_version);
    r.broker_id = n->id;
    r.incarnation_id = n->incarnation;
    r.broker_epoch = n->epoch;
    r.end_points = endpoints;
    r.end_points_count = n->endpoint_count;
    r.features = features;
    r.features_count = n->feature_count;
    r.rack = n->rack;
    r.fenced = n->is_fenced;
    r.in_controlled_shutdown = n->is_shutting_down;
    if (version >= 3) {
        r.log_dirs = n->log_dirs;
        r.log_dirs_count = n->log_dir_count;
    }
    if (version >= 4) {
        r.cordoned_log_dirs = n->cordoned_dirs;
        r.cordoned_log_dirs_count = n->cordoned_dir_count;
    }
    put(w, META_REGISTER_BROKER, version, &r);
    mem_free(endpoints);
    mem_free(features);
}

static void write_controller(struct writer *w, const struct image_node *n)
{
    struct register_controller_record r = register_controller_record_default;
    struct register_controller_record_controller_endpoint *endpoints =
        mem_zalloc((size_t)n->endpoint_count * sizeof *endpoints + 1);
    struct register_controller_record_controller_feature *features =
        mem_zalloc((size_t)n->feature_count * sizeof *features + 1);
    for (int32_t i = 0; i < n->endpoint_count; i++) {
        endpoints[i] =
            ENDPOINT_AS(struct register_controller_record_controller_endpoint, &n->endpoints[i]);
    }
    for (int32_t i = 0; i < n->feature_count; i++) {
        features[i] =
            FEATURE_AS(struct register_controller_record_controller_feature, &n->features[i]);
    }
    r.controller_id = n->id;
    r.incarnation_id = n->incarnation;
    r.zk_migration_ready = n->is_migrating_zk;
    r.end_points = endpoints;
    r.end_points_count = n->endpoint_count;
    r.features = features;
    r.features_count = n->feature_count;
    put(w, META_REGISTER_CONTROLLER, 0, &r);
    mem_free(endpoints);
    mem_free(features);
}

static void write_nodes(struct writer *w)
{
    for (int32_t i = 0; i < w->img->broker_count; i++) {
        write_broker(w, w->img->brokers[i]);
    }
    for (int32_t i = 0; i < w->img->controller_count; i++) {
        if (version_has_controllers(w->metadata_version)) {
            write_controller(w, w->img->controllers[i]);
        }
    }
}

/* --- topics --- */

/* Kafka leaves an empty list of eligible replicas out. */
static void set_tagged(struct ids s, int32_t **ret_v, int32_t *ret_count)
{
    *ret_v = s.count ? (int32_t *)(uintptr_t)s.v : NULL;
    *ret_count = s.count ? s.count : -1;
}

static void set_list(struct ids s, int32_t **ret_v, int32_t *ret_count)
{
    *ret_v = (int32_t *)(uintptr_t)s.v;
    *ret_count = s.count;
}

static void write_part(struct writer *w, const struct image_topic *t, int32_t i)
{
    const struct image_part *p = &t->parts[i];
    struct partition_record r = partition_record_default;
    int version = version_of_partition(w->metadata_version);
    r.partition_id = i;
    r.topic_id = t->id;
    set_list(image_part_replicas(p), &r.replicas, &r.replicas_count);
    set_list(image_part_isr(p), &r.isr, &r.isr_count);
    set_list(image_part_removing(p), &r.removing_replicas, &r.removing_replicas_count);
    set_list(image_part_adding(p), &r.adding_replicas, &r.adding_replicas_count);
    r.leader = p->leader;
    r.leader_recovery_state = p->recovery_state;
    r.leader_epoch = p->leader_epoch;
    r.partition_epoch = p->partition_epoch;
    if (version >= 1) {
        r.directories = (struct uuid *)(void *)p->block;
        r.directories_count = p->replica_count;
    }
    if (version >= 2) {
        set_tagged(image_part_elr(p), &r.eligible_leader_replicas,
                   &r.eligible_leader_replicas_count);
        set_tagged(image_part_last_elr(p), &r.last_known_elr, &r.last_known_elr_count);
    }
    put(w, META_PARTITION, version, &r);
}

static void write_topics(struct writer *w)
{
    for (int32_t i = 0; i < w->img->topic_count; i++) {
        const struct image_topic *t = w->img->topics[i];
        struct topic_record r = {t->name, t->id};
        put(w, META_TOPIC, 0, &r);
        for (int32_t part = 0; part < t->part_slots; part++) {
            if (t->parts[part].block != NULL) {
                write_part(w, t, part);
            }
        }
    }
}

/* --- the maps --- */

/* Calls `write` with each node of a map, in an order. */
static void write_sorted(struct writer *w, const struct map *m,
                         int (*compare)(const void *, const void *),
                         void (*write)(struct writer *w, const struct map_node *n))
{
    const struct map_node **nodes = mem_alloc((m->count + 1) * sizeof *nodes);
    size_t count = 0;
    MAP_EACH(m, n, next) {
        nodes[count++] = n;
    }
    qsort(nodes, count, sizeof *nodes, compare);
    for (size_t i = 0; i < count; i++) {
        write(w, nodes[i]);
    }
    mem_free(nodes);
}

#define NODE(p, type) MAP_ENTRY(*(const struct map_node *const *)(p), struct type, node)

static int compare_configs(const void *a, const void *b)
{
    const struct image_configs *x = NODE(a, image_configs), *y = NODE(b, image_configs);
    return x->type != y->type ? x->type - y->type : str_cmp(x->resource, y->resource);
}

static void write_config(struct writer *w, const struct map_node *node)
{
    const struct image_configs *c = MAP_ENTRY(node, struct image_configs, node);
    for (int32_t j = 0; j < c->count; j++) {
        struct config_record r = config_record_default;
        r.resource_type = c->type;
        r.resource_name = c->resource;
        r.name = c->items[j].name;
        r.value = c->items[j].value;
        put(w, META_CONFIG, 0, &r);
    }
}

static int compare_quotas(const void *a, const void *b)
{
    const struct image_quota *x = NODE(a, image_quota), *y = NODE(b, image_quota);
    int c = x->entity_count - y->entity_count;
    for (int32_t i = 0; c == 0 && i < x->entity_count; i++) {
        c = str_cmp(x->entity[i].type, y->entity[i].type);
        if (c == 0) {
            /* the default entity comes before the one with the empty name */
            c = str_is_null(y->entity[i].name) - str_is_null(x->entity[i].name);
        }
        if (c == 0) {
            c = str_cmp(x->entity[i].name, y->entity[i].name);
        }
    }
    return c;
}

static void write_quota(struct writer *w, const struct map_node *node)
{
    const struct image_quota *q = MAP_ENTRY(node, struct image_quota, node);
    struct client_quota_record r = client_quota_record_default;
    r.entity = mem_zalloc((size_t)q->entity_count * sizeof *r.entity + 1);
    r.entity_count = q->entity_count;
    for (int32_t i = 0; i < q->entity_count; i++) {
        r.entity[i].entity_type = q->entity[i].type;
        r.entity[i].entity_name = q->entity[i].name;
    }
    for (int32_t i = 0; i < q->value_count; i++) {
        r.key = q->values[i].key;
        r.value = q->values[i].value;
        put(w, META_CLIENT_QUOTA, 0, &r);
    }
    mem_free(r.entity);
}

static void write_producer_ids(struct writer *w)
{
    struct producer_ids_record r = producer_ids_record_default;
    if (w->img->next_producer_id > 0) {
        r.broker_id = -1;
        r.broker_epoch = -1;
        r.next_producer_id = w->img->next_producer_id;
        put(w, META_PRODUCER_IDS, 0, &r);
    }
}

static int compare_acls(const void *a, const void *b)
{
    return uuid_cmp(NODE(a, image_acl)->id, NODE(b, image_acl)->id);
}

static void write_acl(struct writer *w, const struct map_node *node)
{
    const struct image_acl *acl = MAP_ENTRY(node, struct image_acl, node);
    struct access_control_entry_record r = access_control_entry_record_default;
    r.id = acl->id;
    r.resource_type = acl->resource_type;
    r.resource_name = acl->resource;
    r.pattern_type = acl->pattern_type;
    r.principal = acl->principal;
    r.host = acl->host;
    r.operation = acl->operation;
    r.permission_type = acl->permission;
    put(w, META_ACL, 0, &r);
}

static int compare_scrams(const void *a, const void *b)
{
    const struct image_scram *x = NODE(a, image_scram), *y = NODE(b, image_scram);
    return x->mechanism != y->mechanism ? x->mechanism - y->mechanism : str_cmp(x->user, y->user);
}

static void write_scram(struct writer *w, const struct map_node *node)
{
    const struct image_scram *s = MAP_ENTRY(node, struct image_scram, node);
    struct user_scram_credential_record r = user_scram_credential_record_default;
    r.name = s->user;
    r.mechanism = s->mechanism;
    r.salt = s->salt;
    r.stored_key = s->stored_key;
    r.server_key = s->server_key;
    r.iterations = s->iterations;
    put(w, META_USER_SCRAM, 0, &r);
}

static int compare_tokens(const void *a, const void *b)
{
    return str_cmp(NODE(a, image_token)->id, NODE(b, image_token)->id);
}

static void write_token(struct writer *w, const struct map_node *node)
{
    const struct image_token *t = MAP_ENTRY(node, struct image_token, node);
    struct delegation_token_record r = delegation_token_record_default;
    r.owner = t->owner;
    r.requester = t->requester;
    r.renewers = t->renewers;
    r.renewers_count = t->renewer_count;
    r.issue_timestamp = t->issue_ms;
    r.max_timestamp = t->max_ms;
    r.expiration_timestamp = t->expiry_ms;
    r.token_id = t->id;
    put(w, META_DELEGATION_TOKEN, 0, &r);
}

enum err image_write_version(const struct image *img, int metadata_version, image_record_fn *fn,
                             void *ctx)
{
    struct writer w = {.img = img, .metadata_version = metadata_version, .fn = fn, .ctx = ctx};
    meta_records_init(&w.one);
    write_features(&w);
    write_nodes(&w);
    write_topics(&w);
    write_sorted(&w, &img->configs, compare_configs, write_config);
    write_sorted(&w, &img->quotas, compare_quotas, write_quota);
    write_producer_ids(&w);
    write_sorted(&w, &img->acls, compare_acls, write_acl);
    write_sorted(&w, &img->scrams, compare_scrams, write_scram);
    write_sorted(&w, &img->tokens, compare_tokens, write_token);
    meta_records_deinit(&w.one);
    return w.err;
}

enum err image_write(const struct image *img, image_record_fn *fn, void *ctx)
{
    return image_write_version(img, image_metadata_version(img), fn, ctx);
}
