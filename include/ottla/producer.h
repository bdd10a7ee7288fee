/* libottla: writing records. Included by ottla/client.h.
 *
 * Records of one partition are written in the order in which they were sent. A producer gathers
 * them in batches (batch.size, linger.ms, compression.type), sends them from a thread of its own
 * and tries again for as long as delivery.timeout.ms allows; with enable.idempotence, which is the
 * default, no retry writes a record twice. Any thread may send. */
#ifndef OTTLA_PRODUCER_H
#define OTTLA_PRODUCER_H

struct ottla_producer;

struct ottla_message {
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
OTTLA_API void ottla_message_init(struct ottla_message *message);

/* What became of a record. */
struct ottla_delivery {
    int error; /* 0: it is written, as acks says */
    const char *message;
    const char *topic;
    int32_t partition;
    int64_t offset; /* -1: not told (acks=0, or a retry of what was written already) */
};

/* Called once for each record that was taken, in the producer's thread; it must not wait for the
 * producer. */
typedef void ottla_delivery_fn(void *ctx, const struct ottla_delivery *delivery);

/* The settings are the client's. */
OTTLA_API struct ottla_producer *ottla_producer_new(struct ottla_client *client,
                                                    struct ottla_error *error);

/* Sends what is there and waits for it, at most timeout_ms; what is not done by then fails. */
OTTLA_API void ottla_producer_free(struct ottla_producer *producer, int timeout_ms);

/* Takes a copy of the record. Waits, at most max.block.ms, for the topic's metadata and for
 * buffer.memory. An error means that it was not taken and fn will not be called. fn may be NULL. */
OTTLA_API int ottla_producer_send(struct ottla_producer *producer,
                                  const struct ottla_message *message, ottla_delivery_fn *fn,
                                  void *ctx, struct ottla_error *error);

/* Sends one record and waits until it is written. ret_delivery, whose texts are static or the
 * message's, may be NULL. */
OTTLA_API int ottla_producer_send_wait(struct ottla_producer *producer,
                                       const struct ottla_message *message,
                                       struct ottla_delivery *ret_delivery,
                                       struct ottla_error *error);

/* Waits until all that was sent before is done, without linger.ms. REQUEST_TIMED_OUT. */
OTTLA_API int ottla_producer_flush(struct ottla_producer *producer, int timeout_ms,
                                   struct ottla_error *error);

/* The partition that Apache Kafka's producer chooses for a key. */
OTTLA_API int32_t ottla_partition_for_key(const void *key, size_t length, int32_t partition_count);

#endif
