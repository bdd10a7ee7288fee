/* libottla: the transactions of a cluster, for those who look after it. Included by ottla/client.h;
 * conventions are those of ottla/admin.h. What open transactions have written to a partition is
 * told by ottla_describe_producers. */
#ifndef OTTLA_CLIENT_H
#include <ottla/client.h> /* which includes this in its place */
#endif
#ifndef OTTLA_TRANSACTIONS_H
#define OTTLA_TRANSACTIONS_H

struct ottla_listed_transaction {
    const char *id;
    int64_t producer_id;
    const char *state; /* "Ongoing", "CompleteCommit", … */
};

struct ottla_transaction_list {
    size_t count;
    const struct ottla_listed_transaction *const *rows; /* in the order of their ids */
    size_t error_count;                                 /* brokers that could not be asked */
    const struct ottla_outcome *const *errors;
};

/* All that is not set lets everything pass. */
struct ottla_transaction_filter {
    size_t size; /* of this struct, by ottla_transaction_filter_init */
    const char *const *states;
    size_t state_count;
    const int64_t *producer_ids;
    size_t producer_id_count;
    int64_t open_longer_than_ms; /* -1 */
    const char *pattern;         /* of ids, by RE2's syntax; Apache Kafka since 4.1 */
};

OTTLA_API void ottla_transaction_filter_init_size(struct ottla_transaction_filter *filter,
                                                  size_t size);
static inline void ottla_transaction_filter_init(struct ottla_transaction_filter *filter)
{
    ottla_transaction_filter_init_size(filter, sizeof *filter);
}

/* Of all brokers. NULL filter: all. */
OTTLA_API int ottla_list_transactions(struct ottla_client *client,
                                      const struct ottla_transaction_filter *filter,
                                      const struct ottla_admin_options *options,
                                      struct ottla_transaction_list **ret_transactions,
                                      struct ottla_error *error);
OTTLA_API void ottla_transaction_list_free(struct ottla_transaction_list *transactions);

struct ottla_transaction {
    const char *id;
    int error;
    const char *message;
    int32_t coordinator; /* the broker */
    const char *state;
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t timeout_ms;
    int64_t start_ms; /* -1: none is open */
    size_t partition_count;
    const struct ottla_topic_partition *const *partitions; /* that it has written to */
};

struct ottla_transactions {
    size_t count;
    const struct ottla_transaction *const *rows;
};

OTTLA_API int ottla_describe_transactions(struct ottla_client *client, const char *const *ids,
                                          size_t count, const struct ottla_admin_options *options,
                                          struct ottla_transactions **ret_transactions,
                                          struct ottla_error *error);
OTTLA_API void ottla_transactions_free(struct ottla_transactions *transactions);

struct ottla_hanging_transaction {
    const char *topic;
    int32_t partition;
    int64_t producer_id; /* this and the epochs as ottla_describe_producers tells them */
    int16_t producer_epoch;
    int32_t coordinator_epoch;
};

/* Writes an abort marker to the partition, past the coordinator: for transactions that it no longer
 * knows of. */
OTTLA_API int ottla_abort_transaction(struct ottla_client *client,
                                      const struct ottla_hanging_transaction *transaction,
                                      const struct ottla_admin_options *options,
                                      struct ottla_error *error);

struct ottla_fenced_producer {
    const char *id; /* transactional.id */
    int error;
    const char *message;
    int64_t producer_id;
    int16_t producer_epoch; /* from now on */
};

struct ottla_fenced_producers {
    size_t count;
    const struct ottla_fenced_producer *const *rows;
};

/* Shuts out the producers that use these transactional ids now, and aborts what they have open. */
OTTLA_API int ottla_fence_producers(struct ottla_client *client, const char *const *ids,
                                    size_t count, const struct ottla_admin_options *options,
                                    struct ottla_fenced_producers **ret_producers,
                                    struct ottla_error *error);
OTTLA_API void ottla_fenced_producers_free(struct ottla_fenced_producers *producers);

#endif
