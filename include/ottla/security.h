/* libottla: who may do what, and how much: ACLs, SCRAM users, quotas. Included by ottla/client.h;
 * conventions are those of ottla/admin.h. */
#ifndef OTTLA_CLIENT_H
#include <ottla/client.h> /* which includes this in its place */
#endif
#ifndef OTTLA_SECURITY_H
#define OTTLA_SECURITY_H

/* --- ACLs --- */

enum ottla_acl_resource {
    OTTLA_ACL_RESOURCE_ANY = 1, /* of filters, as the other ANYs */
    OTTLA_ACL_TOPIC = 2,
    OTTLA_ACL_GROUP = 3,
    OTTLA_ACL_CLUSTER = 4, /* its name is "kafka-cluster" */
    OTTLA_ACL_TRANSACTIONAL_ID = 5,
    OTTLA_ACL_DELEGATION_TOKEN = 6,
    OTTLA_ACL_USER = 7,
};

enum ottla_acl_pattern {
    OTTLA_ACL_PATTERN_ANY = 1,
    OTTLA_ACL_MATCH = 2, /* of filters: all that speak of a resource of that name */
    OTTLA_ACL_LITERAL = 3,
    OTTLA_ACL_PREFIXED = 4,
};

enum ottla_acl_operation {
    OTTLA_ACL_OPERATION_ANY = 1,
    OTTLA_ACL_ALL = 2,
    OTTLA_ACL_READ = 3,
    OTTLA_ACL_WRITE = 4,
    OTTLA_ACL_CREATE = 5,
    OTTLA_ACL_DELETE = 6,
    OTTLA_ACL_ALTER = 7,
    OTTLA_ACL_DESCRIBE = 8,
    OTTLA_ACL_CLUSTER_ACTION = 9,
    OTTLA_ACL_DESCRIBE_CONFIGS = 10,
    OTTLA_ACL_ALTER_CONFIGS = 11,
    OTTLA_ACL_IDEMPOTENT_WRITE = 12,
    OTTLA_ACL_CREATE_TOKENS = 13,
    OTTLA_ACL_DESCRIBE_TOKENS = 14,
    OTTLA_ACL_TWO_PHASE_COMMIT = 15,
};

enum ottla_acl_permission { OTTLA_ACL_PERMISSION_ANY = 1, OTTLA_ACL_DENY = 2, OTTLA_ACL_ALLOW = 3 };

/* An ACL, or a filter of them: then names that are NULL match all, and so do ANYs. */
struct ottla_acl {
    enum ottla_acl_resource resource_type;
    const char *resource; /* "*": all, of pattern LITERAL */
    enum ottla_acl_pattern pattern;
    const char *principal; /* "User:alice", "User:*" */
    const char *host;      /* "*", or an address */
    enum ottla_acl_operation operation;
    enum ottla_acl_permission permission;
};

/* The filter that matches all. */
OTTLA_API void ottla_acl_init(struct ottla_acl *filter);

struct ottla_acls {
    size_t count;
    const struct ottla_acl *const *rows;
};

OTTLA_API int ottla_describe_acls(struct ottla_client *client, const struct ottla_acl *filter,
                                  const struct ottla_admin_options *options,
                                  struct ottla_acls **ret_acls, struct ottla_error *error);
OTTLA_API void ottla_acls_free(struct ottla_acls *acls);

/* An outcome an ACL, by the name of its resource. */
OTTLA_API int ottla_create_acls(struct ottla_client *client, const struct ottla_acl *acls,
                                size_t count, const struct ottla_admin_options *options,
                                struct ottla_outcomes **ret_outcomes, struct ottla_error *error);

struct ottla_deleted_acl {
    struct ottla_acl acl;
    int error; /* why it is still there */
    const char *message;
};

struct ottla_deleted_acls_of_filter {
    int error;
    const char *message;
    size_t count;
    const struct ottla_deleted_acl *const *acls;
};

struct ottla_deleted_acls {
    size_t count; /* one row a filter */
    const struct ottla_deleted_acls_of_filter *const *rows;
};

OTTLA_API int ottla_delete_acls(struct ottla_client *client, const struct ottla_acl *filters,
                                size_t count, const struct ottla_admin_options *options,
                                struct ottla_deleted_acls **ret_deleted, struct ottla_error *error);
OTTLA_API void ottla_deleted_acls_free(struct ottla_deleted_acls *deleted);

/* --- users with passwords for SCRAM --- */

enum ottla_scram_mechanism { OTTLA_SCRAM_SHA_256 = 1, OTTLA_SCRAM_SHA_512 = 2 };

struct ottla_scram_credential {
    enum ottla_scram_mechanism mechanism;
    int32_t iterations;
};

struct ottla_scram_user {
    const char *name;
    int error; /* RESOURCE_NOT_FOUND: has none */
    const char *message;
    size_t count;
    const struct ottla_scram_credential *const *credentials;
};

struct ottla_scram_users {
    size_t count;
    const struct ottla_scram_user *const *rows;
};

/* NULL users: all. */
OTTLA_API int ottla_describe_scram_users(struct ottla_client *client, const char *const *users,
                                         size_t count, const struct ottla_admin_options *options,
                                         struct ottla_scram_users **ret_users,
                                         struct ottla_error *error);
OTTLA_API void ottla_scram_users_free(struct ottla_scram_users *users);

struct ottla_scram_change {
    const char *user;
    enum ottla_scram_mechanism mechanism;
    bool is_deletion;     /* the rest is not looked at */
    int32_t iterations;   /* 0: 4096 */
    const char *password; /* stays here: what brokers keep is derived from it */
    const void *salt;     /* NULL: a random one */
    size_t salt_length;
};

/* An outcome a change. Apache Kafka wants each user once: else DUPLICATE_RESOURCE for that user. */
OTTLA_API int ottla_alter_scram_users(struct ottla_client *client,
                                      const struct ottla_scram_change *changes, size_t count,
                                      const struct ottla_admin_options *options,
                                      struct ottla_outcomes **ret_outcomes,
                                      struct ottla_error *error);

/* --- quotas --- */

/* A part of whom a quota is for: "user", "client-id" or "ip". */
struct ottla_quota_entity {
    const char *type;
    const char *name; /* NULL: those that have no quota of their own */
};

enum ottla_quota_match {
    OTTLA_QUOTA_EXACT = 0,
    OTTLA_QUOTA_DEFAULT = 1, /* those without a name */
    OTTLA_QUOTA_ANY = 2
};

struct ottla_quota_filter {
    const char *type;
    enum ottla_quota_match match;
    const char *name; /* of OTTLA_QUOTA_EXACT */
};

struct ottla_quota_value {
    const char *key; /* "producer_byte_rate", … */
    double value;
};

struct ottla_quota {
    size_t entity_count;
    const struct ottla_quota_entity *const *entities;
    size_t value_count;
    const struct ottla_quota_value *const *values;
};

struct ottla_quotas {
    size_t count;
    const struct ottla_quota *const *rows;
};

/* Those that match all filters. is_strict: and have no parts of other types. */
OTTLA_API int ottla_describe_client_quotas(struct ottla_client *client,
                                           const struct ottla_quota_filter *filters, size_t count,
                                           bool is_strict,
                                           const struct ottla_admin_options *options,
                                           struct ottla_quotas **ret_quotas,
                                           struct ottla_error *error);
OTTLA_API void ottla_quotas_free(struct ottla_quotas *quotas);

struct ottla_quota_op {
    const char *key;
    bool is_removal;
    double value;
};

struct ottla_quota_change {
    size_t entity_count;
    const struct ottla_quota_entity *entities;
    size_t op_count;
    const struct ottla_quota_op *ops;
};

/* An outcome a change; its name is that of the entity's first part, "" for a default. */
OTTLA_API int ottla_alter_client_quotas(struct ottla_client *client,
                                        const struct ottla_quota_change *changes, size_t count,
                                        const struct ottla_admin_options *options,
                                        struct ottla_outcomes **ret_outcomes,
                                        struct ottla_error *error);

#endif
