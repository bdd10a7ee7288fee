/* The metadata image: everything that the records of a Kafka 4.3 metadata log say, up to some
 * offset. image_apply is the only thing that changes one; the same records give the same image
 * everywhere. Pure.
 *
 * Threads: none of its own. One writer; readers are kept out meanwhile by whoever holds the image
 * (the broker host has a read-write lock around it). Pointers into an image are valid until the
 * next image_apply.
 *
 * Transactions: records between BeginTransaction and EndTransaction are held back and show all at
 * once at the end, or never after an AbortTransaction.
 *
 * Memory: what a record can make us allocate is bounded by the record's own size, except a topic's
 * partition array, whose gaps are bounded by IMAGE_PARTITION_GAP_MAX. */
#ifndef META_IMAGE_H
#define META_IMAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/uuid.h"

enum {
    IMAGE_PARTITION_GAP_MAX = 4096, /* how far beyond the last partition a new one may lie */
    IMAGE_REPLICAS_MAX = 32767,
    NO_LEADER = -1,
};

/* Resource types of configs, at their values on the wire. */
enum config_resource {
    RESOURCE_TOPIC = 2,
    RESOURCE_BROKER = 4,
    RESOURCE_BROKER_LOGGER = 8,
    RESOURCE_CLIENT_METRICS = 16,
    RESOURCE_GROUP = 32,
};

/* A run of broker ids that somebody else owns. */
struct ids {
    const int32_t *v;
    int32_t count;
};

static inline bool ids_have(struct ids s, int32_t id)
{
    for (int32_t i = 0; i < s.count; i++) {
        if (s.v[i] == id) {
            return true;
        }
    }
    return false;
}

/* --- topics --- */

/* Replicas and the like lie in one block: directories (16 bytes each, one per replica), then the
 * broker ids in the order of the counts. Read them through the functions below. */
struct image_part {
    uint8_t *block; /* NULL: there is no such partition */
    int32_t leader; /* NO_LEADER */
    int32_t leader_epoch;
    int32_t partition_epoch;
    uint16_t replica_count, isr_count, removing_count, adding_count, elr_count, last_elr_count;
    int8_t recovery_state; /* 0 recovered, 1 recovering */
};

struct image_topic {
    struct map_node by_name, by_id;
    struct str name;
    struct uuid id;
    struct image_part *parts; /* by partition id; slots without a block do not exist */
    int32_t part_slots;       /* partitions are 0 .. part_slots - 1 */
    int32_t part_count;       /* those that exist: all of them in a log that Kafka wrote */
};

struct ids image_part_replicas(const struct image_part *p);
struct ids image_part_isr(const struct image_part *p);
struct ids image_part_removing(const struct image_part *p);
struct ids image_part_adding(const struct image_part *p);
struct ids image_part_elr(const struct image_part *p);
struct ids image_part_last_elr(const struct image_part *p);
/* Of the replica at that index; UUID_ZERO when the record did not say. */
struct uuid image_part_dir(const struct image_part *p, int32_t replica_index);
/* Of that broker's replica; false: it has none. */
bool image_part_dir_of(const struct image_part *p, int32_t broker_id, struct uuid *ret_dir);

/* NULL when there is no such partition. */
static inline const struct image_part *image_topic_part(const struct image_topic *t, int32_t part)
{
    return part >= 0 && part < t->part_slots && t->parts[part].block ? &t->parts[part] : NULL;
}

/* --- brokers and controllers --- */

struct image_endpoint {
    struct str name; /* of the listener */
    struct str host;
    uint16_t port;
    int16_t security_protocol; /* 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL */
};

struct image_feature_range {
    struct str name;
    int16_t min, max;
};

/* A registered broker or controller; its strings and arrays lie behind it in one block. */
struct image_node {
    int32_t id;
    struct uuid incarnation;
    int64_t epoch; /* of a broker: the offset of its registration */
    struct image_endpoint *endpoints;
    int32_t endpoint_count;
    struct image_feature_range *features;
    int32_t feature_count;
    struct str rack;       /* null: none */
    struct uuid *log_dirs; /* sorted */
    int32_t log_dir_count;
    struct uuid *cordoned_dirs;
    int32_t cordoned_dir_count; /* -1: never said */
    bool is_fenced;
    bool is_shutting_down;
    bool is_migrating_zk; /* of a controller: ready for the migration */
};

/* The endpoint of that listener; NULL if the node has none. */
const struct image_endpoint *image_node_endpoint(const struct image_node *n, struct str listener);

/* --- configs --- */

struct image_config {
    struct str name;
    struct str value; /* never null */
};

/* All settings of one resource, by name. */
struct image_configs {
    struct map_node node;
    int8_t type;
    struct str resource;
    struct image_config *items; /* in name order */
    int32_t count;
};

/* --- the rest --- */

struct image_feature {
    struct str name;
    int16_t level;
};

struct image_quota_entity {
    struct str type; /* "user", "client-id", "ip" */
    struct str name; /* null: the default entity of that type */
};

struct image_quota_value {
    struct str key; /* "producer_byte_rate" */
    double value;
};

struct image_quota {
    struct map_node node;
    struct image_quota_entity *entity; /* by type */
    int32_t entity_count;
    struct image_quota_value *values; /* by key */
    int32_t value_count;
};

struct image_acl {
    struct map_node node;
    struct uuid id;
    struct str resource, principal, host;
    int8_t resource_type, pattern_type, operation, permission;
};

struct image_scram {
    struct map_node node;
    struct str user;
    int8_t mechanism; /* 1 SCRAM-SHA-256, 2 SCRAM-SHA-512 */
    struct bytes salt, stored_key, server_key;
    int32_t iterations;
};

struct image_token {
    struct map_node node;
    struct str id, owner, requester;
    struct str *renewers;
    int32_t renewer_count;
    int64_t issue_ms, max_ms, expiry_ms;
};

struct image_held; /* records of a transaction that is not over */

struct image {
    int64_t next_off; /* of the record that image_apply wants next; 0 at first */
    int32_t epoch;    /* leader epoch of the last record */

    struct image_feature *features; /* in name order; kraft.version is not among them */
    int32_t feature_count;

    struct image_node **brokers; /* by id */
    int32_t broker_count;
    struct image_node **controllers; /* by id */
    int32_t controller_count;

    struct map topics_by_name, topics_by_id;
    struct image_topic **topics; /* in name order */
    int32_t topic_count;
    int64_t part_count; /* of all topics */

    struct map configs, quotas, acls, scrams, tokens;
    int64_t next_producer_id;  /* 0: no block was given yet */
    int8_t zk_migration_state; /* of an old log; 0 none */

    struct image_held *held; /* NULL outside of transactions */
    uint64_t seed;
    struct arena scratch; /* of the record that is being applied */
};

/* seed: of the hash tables, whose keys come from clients. */
struct image *image_new(uint64_t seed);
void image_free(struct image *img); /* NULL is fine */

/* A deep copy, the open transaction included. */
struct image *image_clone(const struct image *img);

/* Whether both say the same (offsets aside). */
bool image_eq(const struct image *a, const struct image *b);

struct delta;

/* A record as it lies in the log: uvarint frame version 1, uvarint type, uvarint version, body. Its
 * offset is img->next_off, which moves on by one. delta, when not NULL, learns what was touched.
 * Errors: MALFORMED (bytes that are no record, or that contradict the image: a partition of an
 * unknown topic), UNSUPPORTED_VERSION (a type or version that we do not know), BUDGET. The image is
 * unchanged then, except when the record ends a transaction: throw the image away. *why, when not
 * NULL, gets a sentence for a person (static). */
must_check enum err image_apply(struct image *img, struct bytes record, struct delta *delta,
                                const char **why);

/* Moves over control records and gaps, and notes the epoch: before the first record of a batch. */
void image_seek(struct image *img, int64_t off, int32_t epoch);

static inline bool image_in_txn(const struct image *img) { return img->held != NULL; }

/* --- lookups: NULL when there is none --- */

const struct image_topic *image_topic_by_name(const struct image *img, struct str name);
const struct image_topic *image_topic_by_id(const struct image *img, struct uuid id);
/* Index into img->topics of the first topic whose name is ≥ name; topic_count if none is. */
int32_t image_topic_lower_bound(const struct image *img, struct str name);

const struct image_node *image_broker(const struct image *img, int32_t id);
const struct image_node *image_controller(const struct image *img, int32_t id);

/* -1 when the feature is not finalized. */
int16_t image_feature(const struct image *img, struct str name);

const struct image_configs *image_configs(const struct image *img, enum config_resource type,
                                          struct str resource);
/* Null string when it is not set. */
struct str image_config(const struct image *img, enum config_resource type, struct str resource,
                        struct str name);

const struct image_quota *image_quota(const struct image *img,
                                      const struct image_quota_entity *entity, int32_t count);
const struct image_acl *image_acl(const struct image *img, struct uuid id);
const struct image_scram *image_scram(const struct image *img, struct str user, int8_t mechanism);
const struct image_token *image_token(const struct image *img, struct str id);

/* --- snapshots --- */

/* Calls fn with each record that rebuilds the image, in Kafka's order: features (metadata.version
 * first), cluster, topics, configs, quotas, producer ids, ACLs, SCRAM, tokens. Records are framed
 * as image_apply reads them and valid during the call. What is held of an open transaction is left
 * out. Stops at the first error of fn and gives it back. */
typedef enum err image_record_fn(void *ctx, struct bytes record);
must_check enum err image_write(const struct image *img, image_record_fn *fn, void *ctx);

#endif
