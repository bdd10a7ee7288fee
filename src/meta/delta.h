/* What a run of applied records touched, so that a broker reacts to the difference only. It names
 * things; what they are now is in the image. Filled by image_apply, read after it, then cleared.
 * Pure. */
#ifndef META_DELTA_H
#define META_DELTA_H

#include "base/map.h"
#include "base/uuid.h"
#include "meta/image.h"

/* A topic id that was touched. A name that was deleted and made again shows as two of them. */
struct delta_topic {
    struct map_node node;
    struct delta_topic *next; /* in order of the first touch */
    struct uuid id;
    struct str name; /* own copy */
    bool is_created;
    bool is_deleted; /* with is_created: it came and went, nothing to do */
    int32_t *parts;  /* created or changed, each once, ascending */
    int32_t part_count;
    int32_t part_cap;
    int32_t deleted_part_count; /* of a deleted topic: how many partitions it had */
};

/* A resource whose settings changed. A deleted topic's settings are not told of. */
struct delta_config {
    struct map_node node;
    struct delta_config *next;
    enum config_resource type;
    struct str resource; /* own copy; "" is the default of all brokers */
};

struct delta {
    struct map topics_by_id;
    struct delta_topic *topics, *topics_last;
    struct map configs_by_name;
    struct delta_config *configs, *configs_last;
    int32_t *brokers; /* registered, changed or unregistered, each once, ascending */
    int32_t broker_count, broker_cap;
    bool features_changed;
    bool quotas_changed;
    bool acls_changed;
    bool scrams_changed;
    bool tokens_changed;
    bool controllers_changed;
    bool producer_ids_changed;
};

void delta_init(struct delta *d);
void delta_deinit(struct delta *d);
void delta_clear(struct delta *d);
bool delta_is_empty(const struct delta *d);

/* Whether settings of any resource of that type changed. */
bool delta_has_config(const struct delta *d, enum config_resource type);

/* NULL when the topic was not touched. */
const struct delta_topic *delta_topic(const struct delta *d, struct uuid id);

/* --- for image_apply --- */

struct delta_topic *delta_touch_topic(struct delta *d, struct uuid id, struct str name);
void delta_touch_part(struct delta_topic *t, int32_t part);
void delta_touch_config(struct delta *d, enum config_resource type, struct str resource);
void delta_touch_broker(struct delta *d, int32_t id);

#endif
