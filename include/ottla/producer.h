/* libottla: writing records. Included by ottla/client.h.
 *
 * A producer gathers records in batches (batch.size, linger.ms, compression.type), sends them from
 * a thread of its own, over connections of its own, and tries again for as long as
 * delivery.timeout.ms allows. With enable.idempotence, which is the default with acks=all, no retry
 * writes a record twice and those of one partition are written in the order in which they were
 * sent; without it that order needs max.in.flight.requests.per.connection=1. Any thread may send.
 */
#ifndef OTTLA_CLIENT_H
#include <ottla/client.h> /* which includes this in its place */
#endif
#ifndef OTTLA_PRODUCER_H
#define OTTLA_PRODUCER_H

#include <ottla/interceptor.h>

struct ottla_producer;

struct ottla_message {
    size_t size; /* of this struct, by ottla_message_init */
    const char *topic;
    int32_t partition;    /* -1: chosen by the key, or, without one, batch by batch */
    int64_t timestamp_ms; /* -1: now */
    const void *key;      /* NULL: null */
    size_t key_length;
    const void *value; /* NULL: null */
    size_t value_length;
    size_t header_count;
    const struct ottla_header *headers;
};

/* All at what they are when nobody says anything: partition and time -1, the rest NULL. */
OTTLA_API void ottla_message_init_size(struct ottla_message *message, size_t size);
static inline void ottla_message_init(struct ottla_message *message)
{
    ottla_message_init_size(message, sizeof *message);
}

/* What became of a record. */
struct ottla_delivery {
    int error;           /* 0: it is written, as acks says */
    const char *message; /* with an error: the broker's own words where it had some */
    const char *topic;
    int32_t partition;
    int64_t offset; /* -1: not told (acks=0, or a retry of what was written already) */
};

/* A batch that a broker refuses for some of its records fails as a whole: these have its code (one
 * record) or INVALID_RECORD (several), with what it said of each; the others have
 * OPERATION_NOT_ATTEMPTED and may be sent again. */

/* Called once for each record that was taken, in the producer's thread; what it is given lives
 * until it returns. It may send, where that needs no waiting: else REQUEST_TIMED_OUT. Calls that
 * would wait for the producer (send_wait, flush, transactions) give INVALID_REQUEST there, and free
 * does nothing. */
typedef void ottla_delivery_fn(void *ctx, const struct ottla_delivery *delivery);

/* The settings are the client's; BAD_CONFIG where they contradict each other. */
OTTLA_API struct ottla_producer *ottla_producer_new(struct ottla_client *client,
                                                    struct ottla_error *error);

/* Chooses a partition, from 0 to partition_count - 1, for a record that names none; a negative
 * number leaves it to the settings. Called in the thread that sends; must not use the producer. */
typedef int32_t ottla_partitioner_fn(void *ctx, const struct ottla_message *message,
                                     int32_t partition_count);

struct ottla_producer_options {
    size_t size; /* of this struct, by ottla_producer_options_init */
    ottla_partitioner_fn *partitioner;
    void *partitioner_ctx;
    ottla_statistics_fn *statistics; /* in the producer's thread: it must not wait for it */
    void *statistics_ctx;
    /* See ottla/interceptor.h. With a serializer a message's key (value) is an object of the
     * program's, and its length may mean anything. */
    struct ottla_serializer key_serializer, value_serializer;
    const struct ottla_producer_interceptor *interceptors; /* in their order; copied */
    size_t interceptor_count;
};

OTTLA_API void ottla_producer_options_init_size(struct ottla_producer_options *options,
                                                size_t size);
static inline void ottla_producer_options_init(struct ottla_producer_options *options)
{
    ottla_producer_options_init_size(options, sizeof *options);
}
OTTLA_API struct ottla_producer *ottla_producer_new_with(
    struct ottla_client *client, const struct ottla_producer_options *options,
    struct ottla_error *error);

/* Sends what is there and waits for it, at most timeout_ms (< 0: delivery.timeout.ms ends it); what
 * is not done by then fails with REQUEST_TIMED_OUT. An open transaction is aborted. NULL is fine.
 */
OTTLA_API void ottla_producer_free(struct ottla_producer *producer, int timeout_ms);

/* Takes a copy of the record. Waits, at most max.block.ms, for the topic's metadata and for
 * buffer.memory. An error means that it was not taken and fn will not be called: REQUEST_TIMED_OUT
 * (later, perhaps), MESSAGE_TOO_LARGE (for max.request.size or buffer.memory),
 * UNKNOWN_TOPIC_OR_PARTITION (a partition that is not there), INVALID_TOPIC_EXCEPTION,
 * TOPIC_AUTHORIZATION_FAILED, INVALID_RECORD (lengths without bytes), those of logging in and of
 * TLS, those of serializers. fn may be NULL. */
OTTLA_API int ottla_producer_send(struct ottla_producer *producer,
                                  const struct ottla_message *message, ottla_delivery_fn *fn,
                                  void *ctx, struct ottla_error *error);

/* Sends one record and waits until it is written. ret_delivery, whose texts are static or the
 * message's, may be NULL. */
OTTLA_API int ottla_producer_send_wait(struct ottla_producer *producer,
                                       const struct ottla_message *message,
                                       struct ottla_delivery *ret_delivery,
                                       struct ottla_error *error);

/* Waits until all that was sent before is done, without linger.ms, at most timeout_ms (< 0:
 * delivery.timeout.ms ends it): else REQUEST_TIMED_OUT. What became of each record is told to its
 * fn alone. */
OTTLA_API int ottla_producer_flush(struct ottla_producer *producer, int timeout_ms,
                                   struct ottla_error *error);

/* How many partitions a topic has; waits for its metadata, at most max.block.ms.
 * ottla_describe_topics tells more. */
OTTLA_API int ottla_producer_partition_count(struct ottla_producer *producer, const char *topic,
                                             int32_t *ret_count, struct ottla_error *error);

/* Numbers by Kafka's names, as a JSON object: to be freed with ottla_text_free. */
OTTLA_API char *ottla_producer_metrics(struct ottla_producer *producer);

/* --- transactions --- */

/* With transactional.id set: init once, then any number of times begin, send and send_offsets,
 * commit or abort. What is written becomes visible to consumers with isolation.level=read_committed
 * as a whole, or not at all.
 *
 * An error's flags say how to go on: OTTLA_RETRIABLE, call the same again; OTTLA_ABORTABLE, abort
 * and begin anew; OTTLA_FATAL, free this producer. FATAL with PRODUCER_FENCED: another producer
 * with the same transactional.id has begun after this one.
 *
 * Calls wait at most timeout_ms (≤ 0: max.block.ms); after REQUEST_TIMED_OUT what was begun goes
 * on, and the same call waits for it again. */

/* Ends what an earlier producer with this transactional.id left open, and shuts it out. */
OTTLA_API int ottla_producer_init_transactions(struct ottla_producer *producer, int timeout_ms,
                                               struct ottla_error *error);

OTTLA_API int ottla_producer_begin(struct ottla_producer *producer, struct ottla_error *error);

/* Offsets of a consumer's group, committed when the transaction is. group: of
 * ottla_consumer_group_metadata, or with its group_id alone (generation -1, member_id ""). */
OTTLA_API int ottla_producer_send_offsets(struct ottla_producer *producer,
                                          const struct ottla_commit *offsets, size_t count,
                                          const struct ottla_group_metadata *group, int timeout_ms,
                                          struct ottla_error *error);

/* Waits until all records are written, then until the transaction is committed. When a record
 * failed, that is its error: abort. */
OTTLA_API int ottla_producer_commit(struct ottla_producer *producer, int timeout_ms,
                                    struct ottla_error *error);

/* Records that were not sent yet fail with OPERATION_NOT_ATTEMPTED. */
OTTLA_API int ottla_producer_abort(struct ottla_producer *producer, int timeout_ms,
                                   struct ottla_error *error);

/* The partition that Apache Kafka's producer chooses for a key. */
OTTLA_API int32_t ottla_partition_for_key(const void *key, size_t length, int32_t partition_count);

/* The one that librdkafka's partitioner of that name chooses ("consistent", "murmur2_random", ...:
 * the values of the setting `partitioner`); key NULL: null. -1: it leaves the choice to chance, or
 * there is no such partitioner. */
OTTLA_API int32_t ottla_partition_by(const char *partitioner, const void *key, size_t length,
                                     int32_t partition_count);

#endif
