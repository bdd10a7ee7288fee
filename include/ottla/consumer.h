/* libottla: reading records of partitions. Included by ottla/client.h.
 *
 * A consumer reads the partitions that it was assigned, in the order of their offsets. It stands on
 * a client, whose settings are its own, and asks through it; any number may share one. A consumer
 * belongs to one thread at a time, but for ottla_consumer_wakeup. While poll is not called nothing
 * is asked for, but what was asked for goes on arriving. */
#ifndef OTTLA_CONSUMER_H
#define OTTLA_CONSUMER_H

struct ottla_consumer;
struct ottla_records;

OTTLA_API struct ottla_consumer *ottla_consumer_new(struct ottla_client *client,
                                                    struct ottla_error *error);
OTTLA_API void ottla_consumer_free(struct ottla_consumer *consumer); /* NULL is fine */

/* From now on these partitions, each once, and no others. Those that it had keep their positions;
 * new ones begin where auto.offset.reset says. */
OTTLA_API int ottla_consumer_assign(struct ottla_consumer *consumer,
                                    const struct ottla_topic_partition *partitions, size_t count,
                                    struct ottla_error *error);

/* Where to read next: an offset, or OTTLA_OFFSET_EARLIEST or _LATEST. INVALID_REQUEST for a
 * partition that is not assigned. */
OTTLA_API int ottla_consumer_seek(struct ottla_consumer *consumer, const char *topic,
                                  int32_t partition, int64_t offset, struct ottla_error *error);
/* The first record of that time or later; the end when there is none. */
OTTLA_API int ottla_consumer_seek_to_time(struct ottla_consumer *consumer, const char *topic,
                                          int32_t partition, int64_t timestamp_ms,
                                          struct ottla_error *error);

/* A paused partition gives no records until it is resumed. */
OTTLA_API int ottla_consumer_pause(struct ottla_consumer *consumer, const char *topic,
                                   int32_t partition, bool is_paused, struct ottla_error *error);

/* The offset after the last record that poll gave; -1 when it is not known yet. */
OTTLA_API int64_t ottla_consumer_position(const struct ottla_consumer *consumer, const char *topic,
                                          int32_t partition);
/* The end of the partition as its leader last told (with read_committed, the last stable offset);
 * -1 when it is not known yet. */
OTTLA_API int64_t ottla_consumer_end(const struct ottla_consumer *consumer, const char *topic,
                                     int32_t partition);

/* Waits for records, at most timeout_ms (0: not at all). Gives what is there, up to
 * max.poll.records, all of one partition; maybe nothing. What passes by itself is waited out: a
 * broker that is away, a leader that moves, a topic that is not there yet. Errors are for what does
 * not: OFFSET_OUT_OF_RANGE with auto.offset.reset=none, no permission, records that are damaged.
 * Positions stay where they were, so that the next poll meets the same error. */
OTTLA_API int ottla_consumer_poll(struct ottla_consumer *consumer, int timeout_ms,
                                  struct ottla_records **ret_records, struct ottla_error *error);

/* Ends the poll that waits, or else the next one, at once. Any thread. */
OTTLA_API void ottla_consumer_wakeup(struct ottla_consumer *consumer);

/* Who a consumer is in its group: what a transaction's offsets are committed with. */
struct ottla_group_metadata {
    const char *group_id;
    int32_t generation;            /* -1: no member now */
    const char *member_id;         /* "": none */
    const char *group_instance_id; /* NULL: none */
};

struct ottla_commit {
    const char *topic;
    int32_t partition;
    int32_t leader_epoch; /* of the last record that was dealt with; -1: not told */
    int64_t offset;       /* of the record to read next */
    const char *metadata; /* NULL: none */
};

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
};

/* Records are views and live until they are freed, also beyond the consumer. They belong to the
 * consumer's thread. */
OTTLA_API size_t ottla_records_count(const struct ottla_records *records);
OTTLA_API const struct ottla_record *ottla_records_at(const struct ottla_records *records,
                                                      size_t i);
OTTLA_API void ottla_records_free(struct ottla_records *records); /* NULL is fine */

#endif
