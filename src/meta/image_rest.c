/* Configs, features, quotas, producer ids, ACLs, credentials and tokens of an image. Pure.
 *
 * Each thing is one allocation with its texts behind it; a change replaces it. */
#include "base/mem.h"
#include "meta/image_int.h"
#include "meta/versions.h"
#include "wire/messages.h"

#include <math.h>
#include <stdlib.h>

/* --- configs --- */

struct config_key {
    int8_t type;
    struct str resource;
};

static bool configs_have_key(const struct map_node *n, const void *key)
{
    const struct image_configs *c = MAP_ENTRY(n, struct image_configs, node);
    const struct config_key *k = key;
    return c->type == k->type && str_eq(c->resource, k->resource);
}

static uint64_t config_hash(const struct image *img, const struct config_key *k)
{
    return str_hash(k->resource, img->seed + (uint64_t)(uint8_t)k->type);
}

static struct image_configs *find_configs(const struct image *img, const struct config_key *k)
{
    struct map_node *n = map_find(&img->configs, config_hash(img, k), configs_have_key, k);
    return n ? MAP_ENTRY(n, struct image_configs, node) : NULL;
}

const struct image_configs *image_configs(const struct image *img, enum config_resource type,
                                          struct str resource)
{
    return find_configs(img, &(struct config_key){(int8_t)type, resource});
}

static void free_configs(struct image_configs *c)
{
    for (int32_t i = 0; i < c->count; i++) {
        mem_free((char *)(uintptr_t)c->items[i].name.p);
    }
    mem_free(c->items);
    mem_free(c);
}

static void drop_configs(struct image *img, struct image_configs *c)
{
    map_remove(&img->configs, &c->node);
    free_configs(c);
}

void image_drop_topic_configs(struct image *img, struct str topic)
{
    struct image_configs *c = find_configs(img, &(struct config_key){RESOURCE_TOPIC, topic});
    if (c != NULL) {
        drop_configs(img, c);
    }
}

static struct image_configs *make_configs(struct image *img, const struct config_key *k)
{
    struct image_configs *c = mem_zalloc(sizeof *c + k->resource.len);
    char *at = (char *)(c + 1);
    c->type = k->type;
    c->resource = place_str(&at, k->resource);
    map_insert(&img->configs, config_hash(img, k), &c->node);
    return c;
}

/* Where name is or belongs. */
static int32_t config_slot(const struct image_configs *c, struct str name, bool *ret_found)
{
    int32_t i = 0;
    int order = 1;
    while (i < c->count && (order = str_cmp(c->items[i].name, name)) < 0) {
        i++;
    }
    *ret_found = i < c->count && order == 0;
    return i;
}

static void set_config(struct image_configs *c, struct str name, struct str value)
{
    bool found;
    int32_t i = config_slot(c, name, &found);
    char *text = mem_alloc(name.len + value.len + 1);
    struct image_config item = {place_str(&text, name), STR_NULL};
    item.value = place_str(&text, value);
    if (found) {
        mem_free((char *)(uintptr_t)c->items[i].name.p);
    } else {
        c->items = mem_realloc_array(c->items, (size_t)c->count + 1, sizeof *c->items);
        memmove(c->items + i + 1, c->items + i, (size_t)(c->count - i) * sizeof *c->items);
        c->count++;
    }
    c->items[i] = item;
}

static void unset_config(struct image *img, struct image_configs *c, struct str name)
{
    bool found;
    int32_t i = config_slot(c, name, &found);
    if (!found) {
        return;
    }
    mem_free((char *)(uintptr_t)c->items[i].name.p);
    memmove(c->items + i, c->items + i + 1, (size_t)(c->count - i - 1) * sizeof *c->items);
    if (--c->count == 0) {
        drop_configs(img, c);
    }
}

enum err apply_config(struct apply *a, const void *msg)
{
    const struct config_record *r = msg;
    struct config_key key = {r->resource_type, r->resource_name};
    struct image_configs *c = find_configs(a->img, &key);
    switch (r->resource_type) {
    case RESOURCE_TOPIC:
    case RESOURCE_BROKER:
    case RESOURCE_BROKER_LOGGER:
    case RESOURCE_CLIENT_METRICS:
    case RESOURCE_GROUP:
        break;
    default:
        return refuse_record(a, "a setting of an unknown type of resource");
    }
    if (!str_is_null(r->value)) {
        set_config(c ? c : make_configs(a->img, &key), r->name, r->value);
    } else if (c != NULL) {
        unset_config(a->img, c, r->name);
    }
    if (a->delta != NULL) {
        delta_touch_config(a->delta, (enum config_resource)r->resource_type, r->resource_name);
    }
    return OK;
}

/* --- features --- */

enum err apply_feature(struct apply *a, const void *msg)
{
    const struct feature_level_record *r = msg;
    struct image *img = a->img;
    if (str_eq(r->name, FEATURE_METADATA) &&
        (r->feature_level < METADATA_VERSION_MIN || r->feature_level > METADATA_VERSION_MAX)) {
        a->why = "its metadata.version is not one that this release knows: run a release that "
                 "does, or change it there first (kafka-features)";
        return ERR_UNSUPPORTED_VERSION;
    }
    if (r->feature_level < 0) {
        return refuse_record(a, "a feature with a negative level");
    }
    int32_t i = 0;
    int order = 1;
    while (i < img->feature_count && (order = str_cmp(img->features[i].name, r->name)) < 0) {
        i++;
    }
    bool found = i < img->feature_count && order == 0;
    if (r->feature_level == 0 && found) {
        mem_free((char *)(uintptr_t)img->features[i].name.p);
        memmove(img->features + i, img->features + i + 1,
                (size_t)(img->feature_count - i - 1) * sizeof *img->features);
        img->feature_count--;
    } else if (found) {
        img->features[i].level = r->feature_level;
    } else if (r->feature_level > 0) {
        img->features =
            mem_realloc_array(img->features, (size_t)img->feature_count + 1, sizeof *img->features);
        memmove(img->features + i + 1, img->features + i,
                (size_t)(img->feature_count - i) * sizeof *img->features);
        img->features[i] =
            (struct image_feature){{str_dup(r->name), r->name.len}, r->feature_level};
        img->feature_count++;
    }
    if (a->delta != NULL) {
        a->delta->features_changed = true;
    }
    return OK;
}

/* --- producer ids, migration --- */

enum err apply_producer_ids(struct apply *a, const void *msg)
{
    const struct producer_ids_record *r = msg;
    if (r->next_producer_id < a->img->next_producer_id) {
        return refuse_record(a, "producer ids that were given already");
    }
    a->img->next_producer_id = r->next_producer_id;
    if (a->delta != NULL) {
        a->delta->producer_ids_changed = true;
    }
    return OK;
}

enum err apply_zk_migration(struct apply *a, const void *msg)
{
    const struct zk_migration_state_record *r = msg;
    a->img->zk_migration_state = r->zk_migration_state;
    return OK;
}

/* --- quotas --- */

struct quota_key {
    const struct image_quota_entity *entity; /* by type */
    int32_t count;
};

static bool quota_has_key(const struct map_node *n, const void *key)
{
    const struct image_quota *q = MAP_ENTRY(n, struct image_quota, node);
    const struct quota_key *k = key;
    if (q->entity_count != k->count) {
        return false;
    }
    for (int32_t i = 0; i < k->count; i++) {
        if (!str_eq(q->entity[i].type, k->entity[i].type) ||
            !str_eq(q->entity[i].name, k->entity[i].name)) {
            return false;
        }
    }
    return true;
}

static uint64_t quota_hash(const struct image *img, const struct quota_key *k)
{
    uint64_t h = img->seed;
    for (int32_t i = 0; i < k->count; i++) {
        h = str_hash(k->entity[i].type, h);
        h = str_hash(k->entity[i].name, h);
    }
    return h;
}

static struct image_quota *find_quota(const struct image *img, const struct quota_key *k)
{
    struct map_node *n = map_find(&img->quotas, quota_hash(img, k), quota_has_key, k);
    return n ? MAP_ENTRY(n, struct image_quota, node) : NULL;
}

const struct image_quota *image_quota(const struct image *img,
                                      const struct image_quota_entity *entity, int32_t count)
{
    return find_quota(img, &(struct quota_key){entity, count});
}

static struct image_quota *make_quota(struct image *img, const struct quota_key *k)
{
    size_t bytes = (size_t)k->count * sizeof *k->entity;
    for (int32_t i = 0; i < k->count; i++) {
        bytes += k->entity[i].type.len + k->entity[i].name.len;
    }
    struct image_quota *q = mem_zalloc(sizeof *q + bytes + 1);
    q->entity = (void *)(q + 1);
    char *at = (char *)(q->entity + k->count);
    for (int32_t i = 0; i < k->count; i++) {
        q->entity[i].type = place_str(&at, k->entity[i].type);
        q->entity[i].name = place_str(&at, k->entity[i].name);
    }
    q->entity_count = k->count;
    map_insert(&img->quotas, quota_hash(img, k), &q->node);
    return q;
}

static void free_quota(struct image_quota *q)
{
    for (int32_t i = 0; i < q->value_count; i++) {
        mem_free((char *)(uintptr_t)q->values[i].key.p);
    }
    mem_free(q->values);
    mem_free(q);
}

static void set_quota(struct image *img, struct image_quota *q, const struct client_quota_record *r)
{
    int32_t i = 0;
    int order = 1;
    while (i < q->value_count && (order = str_cmp(q->values[i].key, r->key)) < 0) {
        i++;
    }
    bool found = i < q->value_count && order == 0;
    if (!r->remove && !found) {
        q->values = mem_realloc_array(q->values, (size_t)q->value_count + 1, sizeof *q->values);
        memmove(q->values + i + 1, q->values + i, (size_t)(q->value_count - i) * sizeof *q->values);
        q->values[i] = (struct image_quota_value){{str_dup(r->key), r->key.len}, r->value};
        q->value_count++;
    } else if (!r->remove) {
        q->values[i].value = r->value;
    } else if (found) {
        mem_free((char *)(uintptr_t)q->values[i].key.p);
        memmove(q->values + i, q->values + i + 1,
                (size_t)(q->value_count - i - 1) * sizeof *q->values);
        q->value_count--;
    }
    if (q->value_count == 0) {
        map_remove(&img->quotas, &q->node);
        free_quota(q);
    }
}

static int compare_entities(const void *a, const void *b)
{
    const struct image_quota_entity *x = a, *y = b;
    return str_cmp(x->type, y->type);
}

enum err apply_quota(struct apply *a, const void *msg)
{
    const struct client_quota_record *r = msg;
    struct image_quota_entity *entity =
        arena_array(&a->img->scratch, (size_t)r->entity_count + 1, sizeof *entity);
    if (entity == NULL) {
        return ERR_BUDGET;
    }
    for (int32_t i = 0; i < r->entity_count; i++) {
        entity[i] = (struct image_quota_entity){r->entity[i].entity_type, r->entity[i].entity_name};
    }
    qsort(entity, (size_t)r->entity_count, sizeof *entity, compare_entities);
    for (int32_t i = 0; i < r->entity_count; i++) {
        if (i > 0 && str_eq(entity[i - 1].type, entity[i].type)) {
            return refuse_record(a, "a quota with an entity twice");
        }
    }
    if (r->entity_count == 0 || isnan(r->value)) {
        return refuse_record(a, "a quota of nothing");
    }
    struct quota_key key = {entity, r->entity_count};
    struct image_quota *q = find_quota(a->img, &key);
    if (q != NULL || !r->remove) {
        set_quota(a->img, q ? q : make_quota(a->img, &key), r);
    }
    if (a->delta != NULL) {
        a->delta->quotas_changed = true;
    }
    return OK;
}

/* --- ACLs --- */

static bool acl_has_id(const struct map_node *n, const void *key)
{
    return uuid_eq(MAP_ENTRY(n, struct image_acl, node)->id, *(const struct uuid *)key);
}

const struct image_acl *image_acl(const struct image *img, struct uuid id)
{
    struct map_node *n = map_find(&img->acls, uuid_hash(id), acl_has_id, &id);
    return n ? MAP_ENTRY(n, struct image_acl, node) : NULL;
}

static void drop_acl(struct image *img, const struct image_acl *acl)
{
    struct image_acl *own = (struct image_acl *)(uintptr_t)acl;
    map_remove(&img->acls, &own->node);
    mem_free(own);
}

enum err apply_acl(struct apply *a, const void *msg)
{
    const struct access_control_entry_record *r = msg;
    const struct image_acl *old = image_acl(a->img, r->id);
    struct image_acl *acl =
        mem_zalloc(sizeof *acl + r->resource_name.len + r->principal.len + r->host.len);
    char *at = (char *)(acl + 1);
    acl->id = r->id;
    acl->resource = place_str(&at, r->resource_name);
    acl->principal = place_str(&at, r->principal);
    acl->host = place_str(&at, r->host);
    acl->resource_type = r->resource_type;
    acl->pattern_type = r->pattern_type;
    acl->operation = r->operation;
    acl->permission = r->permission_type;
    if (old != NULL) {
        drop_acl(a->img, old);
    }
    map_insert(&a->img->acls, uuid_hash(acl->id), &acl->node);
    if (a->delta != NULL) {
        a->delta->acls_changed = true;
    }
    return OK;
}

enum err apply_remove_acl(struct apply *a, const void *msg)
{
    const struct remove_access_control_entry_record *r = msg;
    const struct image_acl *acl = image_acl(a->img, r->id);
    if (acl == NULL) {
        return refuse_record(a, "an ACL that does not exist is removed");
    }
    drop_acl(a->img, acl);
    if (a->delta != NULL) {
        a->delta->acls_changed = true;
    }
    return OK;
}

/* --- SCRAM --- */

struct scram_key {
    struct str user;
    int8_t mechanism;
};

static bool scram_has_key(const struct map_node *n, const void *key)
{
    const struct image_scram *s = MAP_ENTRY(n, struct image_scram, node);
    const struct scram_key *k = key;
    return s->mechanism == k->mechanism && str_eq(s->user, k->user);
}

static uint64_t scram_hash(const struct image *img, struct str user, int8_t mechanism)
{
    return str_hash(user, img->seed + (uint64_t)(uint8_t)mechanism);
}

const struct image_scram *image_scram(const struct image *img, struct str user, int8_t mechanism)
{
    struct scram_key key = {user, mechanism};
    struct map_node *n =
        map_find(&img->scrams, scram_hash(img, user, mechanism), scram_has_key, &key);
    return n ? MAP_ENTRY(n, struct image_scram, node) : NULL;
}

static void drop_scram(struct image *img, const struct image_scram *s)
{
    struct image_scram *own = (struct image_scram *)(uintptr_t)s;
    map_remove(&img->scrams, &own->node);
    mem_free(own);
}

static struct bytes place_bytes(char **at, struct bytes b)
{
    struct str s = place_str(at, (struct str){(const char *)b.p, b.len});
    return (struct bytes){(const uint8_t *)s.p, s.len};
}

enum err apply_scram(struct apply *a, const void *msg)
{
    const struct user_scram_credential_record *r = msg;
    const struct image_scram *old = image_scram(a->img, r->name, r->mechanism);
    struct image_scram *s =
        mem_zalloc(sizeof *s + r->name.len + r->salt.len + r->stored_key.len + r->server_key.len);
    char *at = (char *)(s + 1);
    s->user = place_str(&at, r->name);
    s->mechanism = r->mechanism;
    s->salt = place_bytes(&at, r->salt);
    s->stored_key = place_bytes(&at, r->stored_key);
    s->server_key = place_bytes(&at, r->server_key);
    s->iterations = r->iterations;
    if (old != NULL) {
        drop_scram(a->img, old);
    }
    map_insert(&a->img->scrams, scram_hash(a->img, s->user, s->mechanism), &s->node);
    if (a->delta != NULL) {
        a->delta->scrams_changed = true;
    }
    return OK;
}

enum err apply_remove_scram(struct apply *a, const void *msg)
{
    const struct remove_user_scram_credential_record *r = msg;
    const struct image_scram *old = image_scram(a->img, r->name, r->mechanism);
    if (old != NULL) {
        drop_scram(a->img, old);
    }
    if (a->delta != NULL) {
        a->delta->scrams_changed = true;
    }
    return OK;
}

/* --- delegation tokens --- */

static bool token_has_id(const struct map_node *n, const void *key)
{
    return str_eq(MAP_ENTRY(n, struct image_token, node)->id, *(const struct str *)key);
}

const struct image_token *image_token(const struct image *img, struct str id)
{
    struct map_node *n = map_find(&img->tokens, str_hash(id, img->seed), token_has_id, &id);
    return n ? MAP_ENTRY(n, struct image_token, node) : NULL;
}

static void drop_token(struct image *img, const struct image_token *t)
{
    struct image_token *own = (struct image_token *)(uintptr_t)t;
    map_remove(&img->tokens, &own->node);
    mem_free(own);
}

enum err apply_token(struct apply *a, const void *msg)
{
    const struct delegation_token_record *r = msg;
    const struct image_token *old = image_token(a->img, r->token_id);
    size_t bytes = r->token_id.len + r->owner.len + r->requester.len;
    for (int32_t i = 0; i < r->renewers_count; i++) {
        bytes += sizeof(struct str) + r->renewers[i].len;
    }
    struct image_token *t = mem_zalloc(sizeof *t + bytes + 1);
    t->renewers = (void *)(t + 1);
    t->renewer_count = r->renewers_count;
    char *at = (char *)(t->renewers + t->renewer_count);
    t->id = place_str(&at, r->token_id);
    t->owner = place_str(&at, r->owner);
    t->requester = place_str(&at, r->requester);
    for (int32_t i = 0; i < t->renewer_count; i++) {
        t->renewers[i] = place_str(&at, r->renewers[i]);
    }
    t->issue_ms = r->issue_timestamp;
    t->max_ms = r->max_timestamp;
    t->expiry_ms = r->expiration_timestamp;
    if (old != NULL) {
        drop_token(a->img, old);
    }
    map_insert(&a->img->tokens, str_hash(t->id, a->img->seed), &t->node);
    if (a->delta != NULL) {
        a->delta->tokens_changed = true;
    }
    return OK;
}

enum err apply_remove_token(struct apply *a, const void *msg)
{
    const struct remove_delegation_token_record *r = msg;
    const struct image_token *old = image_token(a->img, r->token_id);
    if (old != NULL) {
        drop_token(a->img, old);
    }
    if (a->delta != NULL) {
        a->delta->tokens_changed = true;
    }
    return OK;
}

/* --- the end --- */

static void free_flat(struct map *m, size_t node_at)
{
    MAP_EACH(m, n, next) {
        mem_free((char *)n - node_at);
    }
    map_deinit(m);
}

void image_free_rest(struct image *img)
{
    MAP_EACH(&img->configs, n, next) {
        free_configs(MAP_ENTRY(n, struct image_configs, node));
    }
    map_deinit(&img->configs);
    MAP_EACH(&img->quotas, n, next) {
        free_quota(MAP_ENTRY(n, struct image_quota, node));
    }
    map_deinit(&img->quotas);
    free_flat(&img->acls, offsetof(struct image_acl, node));
    free_flat(&img->scrams, offsetof(struct image_scram, node));
    free_flat(&img->tokens, offsetof(struct image_token, node));
    for (int32_t i = 0; i < img->feature_count; i++) {
        mem_free((char *)(uintptr_t)img->features[i].name.p);
    }
    mem_free(img->features);
}
