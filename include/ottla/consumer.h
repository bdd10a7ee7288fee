/* libottla: reading records of partitions, alone or as a member of a group. Included by
 * ottla/client.h.
 *
 * A consumer reads the partitions that it was assigned, in the order of their offsets. It stands on
 * a client, whose settings are its own, and asks through it; any number may share one. A consumer
 * belongs to one thread at a time, but for ottla_consumer_wakeup. While poll is not called nothing
 * is asked for, but what was asked for goes on arriving.
 *
 * Two ways to partitions, one at a time: ottla_consumer_assign says which they are;
 * ottla_consumer_subscribe makes it a member of group.id, whose members share the partitions of
 * topics. Joining and sharing happen inside of poll, heartbeats in a thread of the consumer: who
 * does not call poll for max.poll.interval.ms is put out of the group, and joins again with the
 * next poll.
 *
 * With a group.id, subscribed or not, reading begins at the offset that the group committed, and
 * where auto.offset.reset says when there is none. With enable.auto.commit, poll, close and the end
 * of a membership commit by themselves what earlier polls gave; call poll again only when that is
 * dealt with. */
#ifndef OTTLA_CLIENT_H
#include <ottla/client.h> /* which includes this in its place */
#endif
#ifndef OTTLA_CONSUMER_H
#define OTTLA_CONSUMER_H

#include <ottla/interceptor.h>

struct ottla_consumer;
struct ottla_records;

OTTLA_API struct ottla_consumer *ottla_consumer_new(struct ottla_client *client,
                                                    struct ottla_error *error);

/* All of a partition was read, up to offset: its end as the leader last told (with read_committed,
 * the last stable offset). Once for each end that is reached, after the records before it were
 * given; again after a seek. */
typedef void ottla_partition_end_fn(void *ctx, struct ottla_consumer *consumer,
                                    const struct ottla_topic_partition *partition, int64_t offset);

/* These are called in the thread of the consumer's user, inside of poll, as the rebalance listener
 * is and with what it may do. */
struct ottla_consumer_options {
    size_t size;                     /* of this struct, by ottla_consumer_options_init */
    ottla_statistics_fn *statistics; /* while nobody polls there are none */
    void *statistics_ctx;
    ottla_partition_end_fn *partition_end; /* a poll that calls it and has no records ends */
    void *partition_end_ctx;
    /* See ottla/interceptor.h. */
    struct ottla_deserializer key_deserializer, value_deserializer;
    const struct ottla_consumer_interceptor *interceptors; /* in their order; copied */
    size_t interceptor_count;
};

OTTLA_API void ottla_consumer_options_init_size(struct ottla_consumer_options *options,
                                                size_t size);
static inline void ottla_consumer_options_init(struct ottla_consumer_options *options)
{
    ottla_consumer_options_init_size(options, sizeof *options);
}
OTTLA_API struct ottla_consumer *ottla_consumer_new_with(
    struct ottla_client *client, const struct ottla_consumer_options *options,
    struct ottla_error *error);

/* A consumer that was not closed is closed first, as without options. NULL is fine. */
OTTLA_API void ottla_consumer_free(struct ottla_consumer *consumer);

enum ottla_group_leave {
    OTTLA_LEAVE_DEFAULT = 0, /* leave, unless group.instance.id is set */
    OTTLA_LEAVE = 1,
    OTTLA_REMAIN = 2, /* until session.timeout.ms is over */
};

struct ottla_close_options {
    size_t size;    /* of this struct, by ottla_close_options_init */
    int timeout_ms; /* for commits and for leaving; 30000 */
    enum ottla_group_leave leave;
};

OTTLA_API void ottla_close_options_init_size(struct ottla_close_options *options, size_t size);
static inline void ottla_close_options_init(struct ottla_close_options *options)
{
    ottla_close_options_init_size(options, sizeof *options);
}

/* Commits (enable.auto.commit), tells the listener that its partitions are revoked, leaves the
 * group. An error says what of it failed; it is closed anyway: only ottla_consumer_free is left. */
OTTLA_API int ottla_consumer_close(struct ottla_consumer *consumer,
                                   const struct ottla_close_options *options,
                                   struct ottla_error *error);

/* From now on these partitions, each once, and no others. Those that it had keep their positions;
 * new ones begin where the group has committed, or where auto.offset.reset says. INVALID_REQUEST
 * while it is subscribed. */
OTTLA_API int ottla_consumer_assign(struct ottla_consumer *consumer,
                                    const struct ottla_topic_partition *partitions, size_t count,
                                    struct ottla_error *error);

/* The partitions that it reads. The list is the consumer's, until the next call that may change
 * it: assign, subscribe, unsubscribe, poll, close. */
OTTLA_API size_t ottla_consumer_assignment(const struct ottla_consumer *consumer,
                                           const struct ottla_topic_partition **ret_partitions);

/* Where to read next: an offset, or OTTLA_OFFSET_EARLIEST or _LATEST. INVALID_REQUEST for a
 * partition that is not assigned. */
OTTLA_API int ottla_consumer_seek(struct ottla_consumer *consumer, const char *topic,
                                  int32_t partition, int64_t offset, struct ottla_error *error);
/* The first record of that time or later; the end when there is none. */
OTTLA_API int ottla_consumer_seek_to_time(struct ottla_consumer *consumer, const char *topic,
                                          int32_t partition, int64_t timestamp_ms,
                                          struct ottla_error *error);

/* A paused partition gives no records until it is resumed. INVALID_REQUEST for one that is not
 * assigned. */
OTTLA_API int ottla_consumer_pause(struct ottla_consumer *consumer, const char *topic,
                                   int32_t partition, bool is_paused, struct ottla_error *error);

/* False, too, for one that is not assigned. */
OTTLA_API bool ottla_consumer_is_paused(const struct ottla_consumer *consumer, const char *topic,
                                        int32_t partition);

/* The offset after the last record that poll gave; -1 when it is not known yet, or the partition is
 * not assigned. */
OTTLA_API int64_t ottla_consumer_position(const struct ottla_consumer *consumer, const char *topic,
                                          int32_t partition);
/* The end of the partition as its leader last told (with read_committed, the last stable offset);
 * -1 when it is not known yet. */
OTTLA_API int64_t ottla_consumer_end(const struct ottla_consumer *consumer, const char *topic,
                                     int32_t partition);

/* How many records are between the position and the end; -1 when one of them is not known yet. */
OTTLA_API int64_t ottla_consumer_lag(const struct ottla_consumer *consumer, const char *topic,
                                     int32_t partition);
/* The most that any partition lags (records-lag-max); -1 when it is known of none. Beginnings, ends
 * and offsets of times are asked for by ottla_list_offsets. */
OTTLA_API int64_t ottla_consumer_lag_max(const struct ottla_consumer *consumer);

/* --- members of a group --- */

/* Called in the thread of the consumer's user, inside of poll, unsubscribe and close. They may
 * commit, seek, pause and ask for positions, but not poll, (un)subscribe, assign or close. */
typedef void ottla_rebalance_fn(void *ctx, struct ottla_consumer *consumer,
                                const struct ottla_topic_partition *partitions, size_t count);

struct ottla_rebalance_listener {
    ottla_rebalance_fn *revoked;  /* before they go to others: offsets can still be committed */
    ottla_rebalance_fn *assigned; /* these came; maybe none */
    ottla_rebalance_fn *lost;     /* they may be others' already; NULL: revoked is called */
    void *ctx;
};

/* A member of group.id for these topics, or for others than before. The listener is copied and may
 * be NULL, as its functions may. INVALID_GROUP_ID without group.id; INVALID_REQUEST while
 * partitions are assigned by hand. No topics: as unsubscribe. */
OTTLA_API int ottla_consumer_subscribe(struct ottla_consumer *consumer, const char *const *topics,
                                       size_t count,
                                       const struct ottla_rebalance_listener *listener,
                                       struct ottla_error *error);
/* For all topics, now and later, whose whole name matches the extended regular expression (POSIX).
 * exclude.internal.topics leaves out internal ones. With group.protocol=consumer the coordinator
 * matches, where it can (Apache Kafka since 4.0): by RE2's syntax, internal topics, too; poll then
 * says INVALID_REGULAR_EXPRESSION until there is another subscription. */
OTTLA_API int ottla_consumer_subscribe_pattern(struct ottla_consumer *consumer, const char *pattern,
                                               const struct ottla_rebalance_listener *listener,
                                               struct ottla_error *error);
/* Leaves the group and lets go of all partitions, also of those assigned by hand. */
OTTLA_API void ottla_consumer_unsubscribe(struct ottla_consumer *consumer);
/* The topics that it is subscribed to; with a pattern, those that match now, or, when the
 * coordinator matches, those that it has partitions of. As long as ottla_consumer_assignment's. */
OTTLA_API size_t ottla_consumer_subscription(const struct ottla_consumer *consumer,
                                             const char *const **ret_topics);

/* The next poll has the group share its partitions anew. */
OTTLA_API int ottla_consumer_enforce_rebalance(struct ottla_consumer *consumer, const char *reason,
                                               struct ottla_error *error);

/* Who it is in its group: what a transaction's offsets are committed with. */
struct ottla_group_metadata {
    const char *group_id;
    int32_t generation;            /* -1: no member now */
    const char *member_id;         /* "": none */
    const char *group_instance_id; /* NULL: none */
};

/* INVALID_GROUP_ID without group.id. */
OTTLA_API int ottla_consumer_group_metadata(struct ottla_consumer *consumer,
                                            struct ottla_group_metadata **ret_metadata,
                                            struct ottla_error *error);
OTTLA_API void ottla_group_metadata_free(struct ottla_group_metadata *metadata);

/* --- committed offsets --- */

struct ottla_commit {
    const char *topic;
    int32_t partition;
    int32_t leader_epoch; /* of the last record that was dealt with; -1: not told */
    int64_t offset;       /* of the record to read next */
    const char *metadata; /* NULL: none */
};

/* The offsets are those of the call, until fn returns. */
typedef void ottla_commit_fn(void *ctx, int error, const char *message,
                             const struct ottla_commit *offsets, size_t count);

/* Commits and waits, at most timeout_ms (≤ 0: default.api.timeout.ms). offsets NULL: all positions.
 * REBALANCE_IN_PROGRESS: poll, then commit again. UNKNOWN_MEMBER_ID or ILLEGAL_GENERATION: the
 * partitions may be others' by now. */
OTTLA_API int ottla_consumer_commit(struct ottla_consumer *consumer,
                                    const struct ottla_commit *offsets, size_t count,
                                    int timeout_ms, struct ottla_error *error);
/* Sends it off and does not try again. fn, which may be NULL, is called by a later poll, commit or
 * close, in the order of the calls. */
OTTLA_API int ottla_consumer_commit_async(struct ottla_consumer *consumer,
                                          const struct ottla_commit *offsets, size_t count,
                                          ottla_commit_fn *fn, void *ctx,
                                          struct ottla_error *error);
/* What the group has committed: as ottla_list_group_offsets, without what open transactions hold.
 */
OTTLA_API int ottla_consumer_committed(struct ottla_consumer *consumer,
                                       const struct ottla_topic_partition *partitions, size_t count,
                                       int timeout_ms, struct ottla_offsets **ret_offsets,
                                       struct ottla_error *error);

/* --- reading --- */

/* Waits for records, at most timeout_ms (0: not at all; < 0: until there are some). Gives what is
 * there, up to max.poll.records, all of one partition; maybe nothing. What passes by itself is
 * waited out: a broker that is away, a leader that moves, a topic that is not there yet. Errors are
 * for what does not: OFFSET_OUT_OF_RANGE with auto.offset.reset=none, no permission, records that
 * are damaged. Positions stay where they were, so that the next poll meets the same error.
 * INVALID_REQUEST while it is neither subscribed nor has partitions assigned by hand. */
OTTLA_API int ottla_consumer_poll(struct ottla_consumer *consumer, int timeout_ms,
                                  struct ottla_records **ret_records, struct ottla_error *error);

/* Ends the poll that waits, or else the next one, at once. Any thread. */
OTTLA_API void ottla_consumer_wakeup(struct ottla_consumer *consumer);

struct ottla_header {
    const char *key; /* not terminated */
    size_t key_length;
    const void *value; /* NULL: null */
    size_t value_length;
};

struct ottla_record {
    const char *topic;
    int32_t partition;
    int32_t leader_epoch; /* -1: not told */
    int64_t offset;
    int64_t timestamp_ms;
    bool is_append_time; /* the broker's time; else the producer's */
    const void *key;     /* NULL: null */
    size_t key_length;
    const void *value; /* NULL: null */
    size_t value_length;
    size_t header_count;
    const struct ottla_header *headers;
    /* What the deserializers made; NULL: nothing. They live as long as the records. */
    void *key_object, *value_object;
};

/* The record that a deserializer refused: its bytes as they were read. Poll gives that error until
 * somebody seeks past it, or it is not read any more; NULL then. Lives until the next poll, assign,
 * unsubscribe or close. ret_is_key, which may be NULL: whether it was the key. */
OTTLA_API const struct ottla_record *ottla_consumer_bad_record(
    const struct ottla_consumer *consumer, bool *ret_is_key);

/* Records are views and live until they are freed, also beyond the consumer. They belong to the
 * consumer's thread. */
OTTLA_API size_t ottla_records_count(const struct ottla_records *records);
OTTLA_API const struct ottla_record *ottla_records_at(const struct ottla_records *records,
                                                      size_t i);
OTTLA_API void ottla_records_free(struct ottla_records *records); /* NULL is fine */

/* Numbers by Kafka's names, as a JSON object: to be freed with ottla_text_free. The consumer's
 * thread. */
OTTLA_API char *ottla_consumer_metrics(struct ottla_consumer *consumer);

#endif
