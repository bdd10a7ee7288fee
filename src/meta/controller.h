/* The controller: a replicated shard over the metadata log.
 *
 * ctl_handle checks a request against `tip`, the image with everything that was ever appended, and
 * gives records and a response. The records are applied to tip at once, so the next request sees
 * them; the host appends them and lets the response go when they are committed. After a failed
 * append or a lost leadership tip is wrong: the host makes a new controller from the committed
 * image and fails its waiters with NOT_CONTROLLER.
 *
 * Pure: no I/O, no clock, no thread. One caller at a time. */
#ifndef META_CONTROLLER_H
#define META_CONTROLLER_H

#include "base/arena.h"
#include "base/rand.h"
#include "meta/config.h"
#include "meta/image.h"
#include "meta/records.h"

struct ctl;

struct ctl_args {
    struct image *tip;                  /* taken over */
    struct str cluster_id;              /* as in meta.properties */
    const struct broker_config *config; /* of this node; outlives the controller */
    uint64_t seed;                      /* of topic ids and replica placement */
};

struct ctl *ctl_new(const struct ctl_args *args);
void ctl_free(struct ctl *ctl);

const struct image *ctl_tip(const struct ctl *ctl);

/* Of the quorum, which the log's control records say. */
void ctl_set_kraft_version(struct ctl *ctl, int16_t version);

/* What the caller may do, asked while a request is handled. NULL functions allow everything. */
struct ctl_auth {
    bool (*can_create_topic)(void *ctx, struct str topic);
    bool (*can_describe_topic)(void *ctx, struct str topic);
    bool (*can_delete_topic)(void *ctx, struct str topic);
    bool (*can_alter_topic)(void *ctx, struct str topic);
    bool (*can_describe_topic_configs)(void *ctx, struct str topic);
    void *ctx;
};

/* One request, decoded: what wire/messages.h makes of it. */
struct ctl_req {
    int api_key;
    int version;
    const void *msg;     /* struct create_topics_req, ... */
    struct arena *arena; /* of the request: the response is made in it */
    int64_t now_ms;
    const struct ctl_auth *auth; /* may be NULL */
};

struct ctl_out {
    struct meta_records records; /* to append, as one atomic batch if is_atomic; maybe none */
    void *resp;                  /* struct create_topics_resp, ... in the arena */
};

void ctl_out_init(struct ctl_out *out);
void ctl_out_deinit(struct ctl_out *out);

/* Serves CreateTopics, DeleteTopics, CreatePartitions, AllocateProducerIds, AlterConfigs,
 * IncrementalAlterConfigs, ElectLeaders, AlterPartitionReassignments, UpdateFeatures,
 * BrokerRegistration, BrokerHeartbeat, UnregisterBroker, AssignReplicasToDirs. An error within
 * Kafka's codes is for the whole request and has no response struct (the API's encoder makes one);
 * errors of single topics are in the response. BUDGET: the arena is too small. */
must_check enum err ctl_handle(struct ctl *ctl, const struct ctl_req *req, struct ctl_out *out);

/* The feature levels of a cluster of this release, as bootstrap.checkpoint holds them. */
void ctl_default_bootstrap(struct meta_records *out);

/* The records that begin a new cluster, as one transaction: those of bootstrap.checkpoint and what
 * hangs on them. Appended once, when the log has no metadata.version yet. */
must_check enum err ctl_bootstrap(struct ctl *ctl, const struct meta_records *bootstrap,
                                  struct meta_records *out);

/* On becoming active over a log with an open transaction: the record that ends it. */
must_check enum err ctl_abort_txn(struct ctl *ctl, struct meta_records *out);

/* A controller's own registration, when it differs from the one in the image. */
struct ctl_self {
    int32_t id;
    struct uuid incarnation;
    const struct image_endpoint *endpoints;
    int32_t endpoint_count;
};
must_check enum err ctl_register_controller(struct ctl *ctl, const struct ctl_self *self,
                                            struct meta_records *out);

/* Where the log's end is, after something that is no metadata record: as image_seek on tip. */
void ctl_seek(struct ctl *ctl, int64_t off, int32_t epoch);

/* Applies records that others made (replay): as image_apply on tip. */
must_check enum err ctl_replay(struct ctl *ctl, struct bytes record, const char **why);

#endif
