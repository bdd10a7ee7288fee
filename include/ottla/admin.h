/* libottla: administration of a cluster. Included by ottla/client.h.
 *
 * Every call waits until it is done, at most options.timeout_ms; it finds out by itself whom to ask
 * (leaders, coordinators, all brokers), asks them at once, and asks again where that helps. A
 * result is freed as a whole by its _free, which takes NULL. The return value is about the call as
 * a whole; what became of each topic, partition or group stands in its row: error, and message,
 * which is NULL when error is 0. *ret_x is untouched when the call fails.
 *
 * Any thread; any number of calls of one client at a time. A call that shall not wait is made a
 * future (ottla/future.h). */
#ifndef OTTLA_CLIENT_H
#include <ottla/client.h> /* which includes this in its place */
#endif
#ifndef OTTLA_ADMIN_H
#define OTTLA_ADMIN_H

struct ottla_admin_options {
    size_t size;                        /* of this struct, by ottla_admin_options_init */
    int timeout_ms;                     /* ≤ 0: default.api.timeout.ms */
    bool validate_only;                 /* topics, partitions, configs, features: change nothing */
    bool include_synonyms;              /* describe_configs */
    bool include_documentation;         /* describe_configs */
    bool include_fenced_brokers;        /* describe_cluster */
    bool include_authorized_operations; /* describe_topics, _cluster, _groups */
    bool is_read_committed;             /* list_offsets: latest is the last stable offset */
    bool require_stable;                /* list_group_offsets: no pending transactions */
    bool forbid_replication_factor_change; /* alter_reassignments */
};

OTTLA_API void ottla_admin_options_init_size(struct ottla_admin_options *options, size_t size);
static inline void ottla_admin_options_init(struct ottla_admin_options *options)
{
    ottla_admin_options_init_size(options, sizeof *options);
}

struct ottla_ids {
    size_t count;
    const int32_t *ids;
};

/* What became of each thing that was asked for, in the order of the request. */
struct ottla_outcome {
    const char *name;  /* of the topic, group, feature, or resource */
    int32_t partition; /* -1: of the whole */
    int error;
    const char *message;
};

struct ottla_outcomes {
    size_t count;
    const struct ottla_outcome *const *rows;
};

OTTLA_API void ottla_outcomes_free(struct ottla_outcomes *outcomes);

struct ottla_topic_partition {
    const char *topic;
    int32_t partition;
};

/* --- the cluster --- */

struct ottla_node {
    int32_t id;
    const char *host;
    int port;
    const char *rack; /* NULL: none */
    bool is_fenced;
};

struct ottla_cluster {
    const char *id;                /* NULL: not told */
    int32_t controller_id;         /* -1: not known */
    int32_t authorized_operations; /* bits; INT32_MIN: not asked for */
    size_t node_count;
    const struct ottla_node *const *nodes;
};

OTTLA_API int ottla_describe_cluster(struct ottla_client *client,
                                     const struct ottla_admin_options *options,
                                     struct ottla_cluster **ret_cluster, struct ottla_error *error);
OTTLA_API void ottla_cluster_free(struct ottla_cluster *cluster);

OTTLA_API int ottla_unregister_broker(struct ottla_client *client, int32_t broker,
                                      const struct ottla_admin_options *options,
                                      struct ottla_error *error);

struct ottla_api_version {
    int16_t key;
    const char *name;                 /* "Produce"; NULL: this library does not know it */
    int16_t min_version, max_version; /* -1: the broker does not offer it */
    int16_t usable_version;           /* the one that this library would use; -1: none */
};

struct ottla_broker_api_versions {
    struct ottla_node node;
    int error;
    const char *message;
    size_t count;
    const struct ottla_api_version *const *rows;
};

struct ottla_api_versions {
    size_t count; /* brokers */
    const struct ottla_broker_api_versions *const *rows;
};

OTTLA_API int ottla_list_api_versions(struct ottla_client *client,
                                      const struct ottla_admin_options *options,
                                      struct ottla_api_versions **ret_versions,
                                      struct ottla_error *error);
OTTLA_API void ottla_api_versions_free(struct ottla_api_versions *versions);

struct ottla_quorum_replica {
    int32_t id;
    const char *directory_id; /* text of a UUID */
    int64_t log_end_offset;
    int64_t last_fetch_ms;     /* -1: not known */
    int64_t last_caught_up_ms; /* -1: not known */
};

struct ottla_quorum {
    int32_t leader_id, leader_epoch;
    int64_t high_watermark;
    size_t voter_count;
    const struct ottla_quorum_replica *const *voters;
    size_t observer_count;
    const struct ottla_quorum_replica *const *observers;
    size_t node_count; /* where voters listen; rack is the listener's name */
    const struct ottla_node *const *nodes;
};

OTTLA_API int ottla_describe_quorum(struct ottla_client *client,
                                    const struct ottla_admin_options *options,
                                    struct ottla_quorum **ret_quorum, struct ottla_error *error);
OTTLA_API void ottla_quorum_free(struct ottla_quorum *quorum);

struct ottla_voter_endpoint {
    const char *listener;
    const char *host;
    int port;
};

/* Controllers that join the quorum and leave it (KIP-853); ids of directories as text. */
OTTLA_API int ottla_add_raft_voter(struct ottla_client *client, int32_t voter,
                                   const char *directory_id,
                                   const struct ottla_voter_endpoint *endpoints, size_t count,
                                   const struct ottla_admin_options *options,
                                   struct ottla_error *error);
OTTLA_API int ottla_remove_raft_voter(struct ottla_client *client, int32_t voter,
                                      const char *directory_id,
                                      const struct ottla_admin_options *options,
                                      struct ottla_error *error);

struct ottla_feature {
    const char *name;
    int16_t supported_min, supported_max;
    int16_t finalized; /* the level in force; 0: none */
};

struct ottla_features {
    int64_t finalized_epoch; /* -1: not known */
    size_t count;
    const struct ottla_feature *const *rows;
};

enum ottla_feature_upgrade {
    OTTLA_UPGRADE = 1,
    OTTLA_SAFE_DOWNGRADE = 2,
    OTTLA_UNSAFE_DOWNGRADE = 3
};

struct ottla_feature_update {
    const char *name;
    int16_t level;
    enum ottla_feature_upgrade upgrade;
};

OTTLA_API int ottla_describe_features(struct ottla_client *client,
                                      const struct ottla_admin_options *options,
                                      struct ottla_features **ret_features,
                                      struct ottla_error *error);
OTTLA_API void ottla_features_free(struct ottla_features *features);
OTTLA_API int ottla_update_features(struct ottla_client *client,
                                    const struct ottla_feature_update *updates, size_t count,
                                    const struct ottla_admin_options *options,
                                    struct ottla_outcomes **ret_outcomes,
                                    struct ottla_error *error);

/* --- topics --- */

struct ottla_partition {
    int32_t partition;
    int error;
    int32_t leader; /* -1: none */
    int32_t leader_epoch;
    struct ottla_ids replicas, isr, offline;
    bool has_elr; /* the next two were told */
    struct ottla_ids elr, last_known_elr;
};

struct ottla_topic {
    const char *name;
    const char *id; /* text of a UUID; NULL: none */
    bool is_internal;
    int error;
    const char *message;
    int32_t authorized_operations; /* bits; INT32_MIN: not asked for */
    size_t partition_count;
    const struct ottla_partition *const *partitions; /* in order */
};

struct ottla_topics {
    size_t count;
    const struct ottla_topic *const *rows;
};

/* All topics, in the order of their names. */
OTTLA_API int ottla_list_topics(struct ottla_client *client,
                                const struct ottla_admin_options *options,
                                struct ottla_topics **ret_topics, struct ottla_error *error);
OTTLA_API int ottla_describe_topics(struct ottla_client *client, const char *const *names,
                                    size_t count, const struct ottla_admin_options *options,
                                    struct ottla_topics **ret_topics, struct ottla_error *error);
OTTLA_API int ottla_describe_topics_by_id(struct ottla_client *client, const char *const *ids,
                                          size_t count, const struct ottla_admin_options *options,
                                          struct ottla_topics **ret_topics,
                                          struct ottla_error *error);
OTTLA_API void ottla_topics_free(struct ottla_topics *topics);

struct ottla_name_value {
    const char *name;
    const char *value;
};

struct ottla_new_topic {
    const char *name;
    int32_t partition_count;    /* -1: the broker's default */
    int16_t replication_factor; /* -1: the broker's default */
    size_t assignment_count;    /* not 0: the replicas of each partition, instead of both above */
    const struct ottla_ids *assignments;
    size_t config_count;
    const struct ottla_name_value *configs;
};

struct ottla_new_partitions {
    const char *topic;
    int32_t total_count;
    size_t assignment_count; /* 0: the broker chooses; else the replicas of each new partition */
    const struct ottla_ids *assignments;
};

OTTLA_API int ottla_create_topics(struct ottla_client *client, const struct ottla_new_topic *topics,
                                  size_t count, const struct ottla_admin_options *options,
                                  struct ottla_outcomes **ret_outcomes, struct ottla_error *error);
OTTLA_API int ottla_delete_topics(struct ottla_client *client, const char *const *names,
                                  size_t count, const struct ottla_admin_options *options,
                                  struct ottla_outcomes **ret_outcomes, struct ottla_error *error);
OTTLA_API int ottla_create_partitions(struct ottla_client *client,
                                      const struct ottla_new_partitions *topics, size_t count,
                                      const struct ottla_admin_options *options,
                                      struct ottla_outcomes **ret_outcomes,
                                      struct ottla_error *error);

/* --- configs --- */

enum ottla_resource_type {
    OTTLA_RESOURCE_TOPIC = 2,
    OTTLA_RESOURCE_BROKER = 4, /* "": the default of all brokers */
    OTTLA_RESOURCE_BROKER_LOGGER = 8,
    OTTLA_RESOURCE_CLIENT_METRICS = 16,
    OTTLA_RESOURCE_GROUP = 32,
};

struct ottla_resource {
    enum ottla_resource_type type;
    const char *name;
};

/* Where a value comes from. */
enum ottla_config_source {
    OTTLA_SOURCE_UNKNOWN = 0,
    OTTLA_SOURCE_DYNAMIC_TOPIC = 1,
    OTTLA_SOURCE_DYNAMIC_BROKER = 2,
    OTTLA_SOURCE_DYNAMIC_DEFAULT_BROKER = 3,
    OTTLA_SOURCE_STATIC_BROKER = 4,
    OTTLA_SOURCE_DEFAULT = 5,
    OTTLA_SOURCE_DYNAMIC_BROKER_LOGGER = 6,
    OTTLA_SOURCE_CLIENT_METRICS = 7,
    OTTLA_SOURCE_GROUP = 8,
};

struct ottla_config_synonym {
    const char *name;
    const char *value; /* NULL: hidden */
    enum ottla_config_source source;
};

struct ottla_config_entry {
    const char *name;
    const char *value; /* NULL: none, or hidden */
    enum ottla_config_source source;
    bool is_read_only, is_sensitive;
    int8_t type;               /* as in the protocol: 1 BOOLEAN, 2 STRING, 3 INT, … 9 PASSWORD */
    const char *documentation; /* NULL: not asked for */
    size_t synonym_count;
    const struct ottla_config_synonym *const *synonyms;
};

struct ottla_resource_configs {
    enum ottla_resource_type type;
    const char *name;
    int error;
    const char *message;
    size_t count;
    const struct ottla_config_entry *const *entries;
};

struct ottla_configs {
    size_t count;
    const struct ottla_resource_configs *const *rows;
};

OTTLA_API int ottla_describe_configs(struct ottla_client *client,
                                     const struct ottla_resource *resources, size_t count,
                                     const struct ottla_admin_options *options,
                                     struct ottla_configs **ret_configs, struct ottla_error *error);
OTTLA_API void ottla_configs_free(struct ottla_configs *configs);

enum ottla_config_operation {
    OTTLA_SET = 0,
    OTTLA_DELETE = 1,
    OTTLA_APPEND = 2,
    OTTLA_SUBTRACT = 3
};

struct ottla_config_change {
    enum ottla_resource_type type;
    const char *resource;
    enum ottla_config_operation operation;
    const char *name;
    const char *value; /* NULL with OTTLA_DELETE */
};

/* Changes of one resource must stand side by side, and are done together. One outcome a
 * resource. */
OTTLA_API int ottla_incremental_alter_configs(struct ottla_client *client,
                                              const struct ottla_config_change *changes,
                                              size_t count,
                                              const struct ottla_admin_options *options,
                                              struct ottla_outcomes **ret_outcomes,
                                              struct ottla_error *error);

/* The old call: what is not named loses its value; operations are not looked at. */
OTTLA_API int ottla_alter_configs(struct ottla_client *client,
                                  const struct ottla_config_change *changes, size_t count,
                                  const struct ottla_admin_options *options,
                                  struct ottla_outcomes **ret_outcomes, struct ottla_error *error);

struct ottla_resources {
    size_t count;
    const struct ottla_resource *const *rows;
};

/* Resources that have configs. No types: client metrics on old brokers, all on new ones. */
OTTLA_API int ottla_list_config_resources(struct ottla_client *client,
                                          const enum ottla_resource_type *types, size_t count,
                                          const struct ottla_admin_options *options,
                                          struct ottla_resources **ret_resources,
                                          struct ottla_error *error);
OTTLA_API void ottla_resources_free(struct ottla_resources *resources);

/* --- partitions --- */

/* Instead of a time. */
#define OTTLA_OFFSET_LATEST ((int64_t)-1)
#define OTTLA_OFFSET_EARLIEST ((int64_t)-2)
#define OTTLA_OFFSET_MAX_TIMESTAMP ((int64_t)-3)
#define OTTLA_OFFSET_EARLIEST_LOCAL ((int64_t)-4)
#define OTTLA_OFFSET_LATEST_TIERED ((int64_t)-5)
#define OTTLA_OFFSET_EARLIEST_PENDING_UPLOAD ((int64_t)-6)

struct ottla_offset_query {
    const char *topic;
    int32_t partition;
    int64_t timestamp_ms; /* the first record at or after it, or OTTLA_OFFSET_… */
};

struct ottla_partition_offset {
    const char *topic;
    int32_t partition;
    int error;
    const char *message;
    int64_t offset;       /* -1: there is none */
    int64_t timestamp_ms; /* of the record; -1: not told */
    int32_t leader_epoch; /* -1: not told */
    const char *metadata; /* list_group_offsets; else NULL */
};

struct ottla_offsets {
    size_t count;
    const struct ottla_partition_offset *const *rows;
};

/* One row a query, in their order. A partition may be named once. */
OTTLA_API int ottla_list_offsets(struct ottla_client *client,
                                 const struct ottla_offset_query *queries, size_t count,
                                 const struct ottla_admin_options *options,
                                 struct ottla_offsets **ret_offsets, struct ottla_error *error);
OTTLA_API void ottla_offsets_free(struct ottla_offsets *offsets);

struct ottla_offset_value {
    const char *topic;
    int32_t partition;
    int64_t offset;
};

/* Everything below offset goes (-1: everything). A row's offset is the new beginning. */
OTTLA_API int ottla_delete_records(struct ottla_client *client,
                                   const struct ottla_offset_value *before, size_t count,
                                   const struct ottla_admin_options *options,
                                   struct ottla_offsets **ret_beginnings,
                                   struct ottla_error *error);

struct ottla_producer_state {
    int64_t producer_id;
    int32_t producer_epoch, last_sequence;
    int64_t last_timestamp_ms;
    int32_t coordinator_epoch;
    int64_t transaction_start; /* -1: none is open */
};

struct ottla_partition_producers {
    const char *topic;
    int32_t partition;
    int error;
    const char *message;
    size_t count;
    const struct ottla_producer_state *const *producers;
};

struct ottla_producers {
    size_t count;
    const struct ottla_partition_producers *const *rows;
};

OTTLA_API int ottla_describe_producers(struct ottla_client *client,
                                       const struct ottla_topic_partition *partitions, size_t count,
                                       const struct ottla_admin_options *options,
                                       struct ottla_producers **ret_producers,
                                       struct ottla_error *error);
OTTLA_API void ottla_producers_free(struct ottla_producers *producers);

struct ottla_log_dir_partition {
    const char *topic;
    int32_t partition;
    int64_t size_bytes;
    int64_t offset_lag;
    bool is_future;
};

struct ottla_log_dir {
    int32_t broker;
    const char *path; /* NULL: error is the broker's */
    int error;
    const char *message;
    int64_t total_bytes, usable_bytes; /* -1: not told */
    size_t count;
    const struct ottla_log_dir_partition *const *partitions;
};

struct ottla_log_dirs {
    size_t count;
    const struct ottla_log_dir *const *rows;
};

/* No brokers: all of them. No topics: all of them. */
OTTLA_API int ottla_describe_log_dirs(struct ottla_client *client, struct ottla_ids brokers,
                                      const struct ottla_topic_partition *partitions, size_t count,
                                      const struct ottla_admin_options *options,
                                      struct ottla_log_dirs **ret_dirs, struct ottla_error *error);
OTTLA_API void ottla_log_dirs_free(struct ottla_log_dirs *dirs);

struct ottla_replica_move {
    const char *topic;
    int32_t partition;
    int32_t broker;
    const char *path; /* of a log directory of that broker; the one it is in: no move after all */
};

/* Begins to move replicas between the directories of their brokers; describe_log_dirs tells when
 * they have arrived. An outcome a move, in their order. A broker that does not have a replica yet
 * takes the directory for when it gets it, and says REPLICA_NOT_AVAILABLE. */
OTTLA_API int ottla_alter_replica_log_dirs(struct ottla_client *client,
                                           const struct ottla_replica_move *moves, size_t count,
                                           const struct ottla_admin_options *options,
                                           struct ottla_outcomes **ret_outcomes,
                                           struct ottla_error *error);

enum ottla_election { OTTLA_ELECT_PREFERRED = 0, OTTLA_ELECT_UNCLEAN = 1 };

/* NULL partitions: all. Then rows are only about those that there was something to elect for. */
OTTLA_API int ottla_elect_leaders(struct ottla_client *client, enum ottla_election type,
                                  const struct ottla_topic_partition *partitions, size_t count,
                                  const struct ottla_admin_options *options,
                                  struct ottla_outcomes **ret_outcomes, struct ottla_error *error);

struct ottla_reassignment {
    const char *topic;
    int32_t partition;
    bool is_cancel;            /* of the one that is under way; replicas are not looked at */
    struct ottla_ids replicas; /* all that the partition shall have */
};

OTTLA_API int ottla_alter_reassignments(struct ottla_client *client,
                                        const struct ottla_reassignment *changes, size_t count,
                                        const struct ottla_admin_options *options,
                                        struct ottla_outcomes **ret_outcomes,
                                        struct ottla_error *error);

struct ottla_ongoing_reassignment {
    const char *topic;
    int32_t partition;
    struct ottla_ids replicas, adding, removing;
};

struct ottla_reassignments {
    size_t count;
    const struct ottla_ongoing_reassignment *const *rows;
};

/* NULL partitions: all that are under way. */
OTTLA_API int ottla_list_reassignments(struct ottla_client *client,
                                       const struct ottla_topic_partition *partitions, size_t count,
                                       const struct ottla_admin_options *options,
                                       struct ottla_reassignments **ret_reassignments,
                                       struct ottla_error *error);
OTTLA_API void ottla_reassignments_free(struct ottla_reassignments *reassignments);

/* --- groups --- */

struct ottla_listed_group {
    const char *id;
    const char *protocol_type; /* "consumer"; "": a simple consumer's */
    const char *state;         /* "Stable"; "": not told */
    const char *type;          /* "Classic", "Consumer"; "": not told */
};

struct ottla_group_list {
    size_t count;
    const struct ottla_listed_group *const *rows; /* in the order of their ids */
    size_t error_count;                           /* brokers that could not be asked */
    const struct ottla_outcome *const *errors;
};

/* Of all brokers. NULL filters: any. */
OTTLA_API int ottla_list_groups(struct ottla_client *client, const char *const *states,
                                size_t state_count, const char *const *types, size_t type_count,
                                const struct ottla_admin_options *options,
                                struct ottla_group_list **ret_groups, struct ottla_error *error);
OTTLA_API void ottla_group_list_free(struct ottla_group_list *groups);

struct ottla_group_member {
    const char *id;
    const char *instance_id; /* NULL: not static */
    const char *client_id;
    const char *host;
    int32_t epoch; /* of a "Consumer" group; else -1 */
    size_t partition_count;
    const struct ottla_topic_partition *const *partitions; /* what it owns */
    size_t target_count;
    const struct ottla_topic_partition *const *targets; /* what it is to own: "Consumer" groups */
};

struct ottla_group {
    const char *id;
    int error;
    const char *message;
    const char *type; /* "Classic", "Consumer" */
    const char *state;
    const char *protocol_type;
    const char *assignor;
    int32_t coordinator; /* the broker */
    const char *coordinator_host;
    int coordinator_port;
    int32_t epoch, assignment_epoch; /* of a "Consumer" group; else -1 */
    int32_t authorized_operations;   /* bits; INT32_MIN: not asked for */
    size_t member_count;
    const struct ottla_group_member *const *members;
};

struct ottla_groups {
    size_t count;
    const struct ottla_group *const *rows;
};

OTTLA_API int ottla_describe_groups(struct ottla_client *client, const char *const *ids,
                                    size_t count, const struct ottla_admin_options *options,
                                    struct ottla_groups **ret_groups, struct ottla_error *error);
OTTLA_API void ottla_groups_free(struct ottla_groups *groups);

OTTLA_API int ottla_delete_groups(struct ottla_client *client, const char *const *ids, size_t count,
                                  const struct ottla_admin_options *options,
                                  struct ottla_outcomes **ret_outcomes, struct ottla_error *error);

/* A member: by its group.instance.id, or, with that NULL, by the id that ottla_describe_groups
 * tells. */
struct ottla_member_name {
    const char *member_id;         /* NULL: none, with group_instance_id */
    const char *group_instance_id; /* NULL: none */
};

/* Puts members out of their group, at once: for static members, whose places are kept while they
 * are away. Dynamic ones that live join again. */
OTTLA_API int ottla_remove_group_members(struct ottla_client *client, const char *group,
                                         const struct ottla_member_name *names, size_t count,
                                         const struct ottla_admin_options *options,
                                         struct ottla_outcomes **ret_outcomes,
                                         struct ottla_error *error);

/* NULL partitions: all that the group has offsets for. Otherwise a row a partition; offset -1 where
 * nothing is committed. */
OTTLA_API int ottla_list_group_offsets(struct ottla_client *client, const char *group,
                                       const struct ottla_topic_partition *partitions, size_t count,
                                       const struct ottla_admin_options *options,
                                       struct ottla_offsets **ret_offsets,
                                       struct ottla_error *error);
OTTLA_API int ottla_alter_group_offsets(struct ottla_client *client, const char *group,
                                        const struct ottla_offset_value *offsets, size_t count,
                                        const struct ottla_admin_options *options,
                                        struct ottla_outcomes **ret_outcomes,
                                        struct ottla_error *error);
OTTLA_API int ottla_delete_group_offsets(struct ottla_client *client, const char *group,
                                         const struct ottla_topic_partition *partitions,
                                         size_t count, const struct ottla_admin_options *options,
                                         struct ottla_outcomes **ret_outcomes,
                                         struct ottla_error *error);

#endif
