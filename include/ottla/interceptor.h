/* libottla: what a program puts between its objects and the bytes of records: serializers and
 * deserializers, and interceptors, which see all records on their way. Included by ottla/client.h.
 *
 * They are given with the options of a producer or a consumer, are copied, and live as long as it
 * does. What returns an int returns 0, or a code (enum ottla_error_code, say INVALID_RECORD) and,
 * in error, which is empty before and never NULL, a sentence. None of them may use the producer or
 * the consumer that calls it. */
#ifndef OTTLA_CLIENT_H
#include <ottla/client.h> /* which includes this in its place */
#endif
#ifndef OTTLA_INTERCEPTOR_H
#define OTTLA_INTERCEPTOR_H

struct ottla_commit;
struct ottla_delivery;
struct ottla_header;
struct ottla_message;
struct ottla_record;
struct ottla_records;

struct ottla_bytes {
    const void *data; /* NULL: null */
    size_t length;
};

/* Memory for what a callback makes; the library frees it, later than anybody looks at it. So
 * nothing has to be given back, and the program keeps what is its own. */
struct ottla_scratch;

/* Aligned for anything; never NULL. */
OTTLA_API void *ottla_scratch_alloc(struct ottla_scratch *scratch, size_t bytes);

/* --- records that are sent --- */

/* One more header behind those that a message has. Header and bytes are copied to the scratch. For
 * the messages of callbacks: INVALID_REQUEST for NULL. */
OTTLA_API int ottla_message_add_header(struct ottla_message *message, struct ottla_scratch *scratch,
                                       const struct ottla_header *header);

/* An object that is to become bytes. */
struct ottla_serialization {
    struct ottla_message *message; /* topic, partition, time; headers may be added to it */
    bool is_key;                   /* else the value */
    const void *object;            /* what the message has as its key or value; never NULL */
    size_t object_length;          /* what it has as the length, which may mean anything */
    struct ottla_scratch *scratch; /* lives until the record is taken or refused */
};

/* The bytes may be the object's own, or in the scratch, or anything that stays until the call that
 * sends has returned: they are copied into a batch. NULL: null. An error refuses the record. */
typedef int ottla_serialize_fn(void *ctx, const struct ottla_serialization *what,
                               struct ottla_bytes *ret_bytes, struct ottla_error *error);

/* Called in the thread that sends, any number of them at once: the key first, then the value, after
 * the interceptors and before the partitioner, which sees bytes. A null key or value stays null:
 * it is not called for that. */
struct ottla_serializer {
    ottla_serialize_fn *serialize; /* NULL: keys (values) are bytes */
    void *ctx;
};

/* Sees each record of a producer before it is serialized, and what became of it. Of several, each
 * sees what the one before it has left. */
struct ottla_producer_interceptor {
    /* In the thread that sends. It may change the message, which is a copy; what this then points
     * to has to stay until the call that sends has returned, as what is in the scratch does. After
     * an error the record goes on as it was before, and a warning goes to the log. NULL: none. */
    int (*on_send)(void *ctx, struct ottla_message *message, struct ottla_scratch *scratch,
                   struct ottla_error *error);
    /* Once for each record that on_send saw, before the record's own callback is called, in the
     * producer's thread; for one that was refused, before send returns, in the thread that sends,
     * with partition -1 where none was chosen. NULL: none. */
    void (*on_acknowledgement)(void *ctx, const struct ottla_delivery *delivery);
    void *ctx;
};

/* --- records that are read --- */

/* Bytes that are to become an object. */
struct ottla_deserialization {
    const struct ottla_record *record;
    bool is_key;                   /* else the value */
    struct ottla_bytes bytes;      /* of the key or the value; never null */
    struct ottla_scratch *scratch; /* lives as long as the records */
};

/* The object goes to the record's key_object (value_object), beside the bytes; it may be in the
 * scratch. An error is poll's, with the place of the record: ottla_consumer_bad_record has it, and
 * the position stays on it until the program seeks past it. Records before it are given first. */
typedef int ottla_deserialize_fn(void *ctx, const struct ottla_deserialization *what,
                                 void **ret_object, struct ottla_error *error);

/* Called inside of poll, in the order of the records: the key first, then the value, before the
 * interceptors. A null key or value stays null: it is not called for that. */
struct ottla_deserializer {
    ottla_deserialize_fn *deserialize;        /* NULL: there are no objects */
    void (*release)(void *ctx, void *object); /* with the records; NULL: nothing is to be done */
    void *ctx;
};

/* Sees what a consumer reads and commits. Of several, each sees what the one before it has left. */
struct ottla_consumer_interceptor {
    /* Inside of poll, with the records that it is about to give, at least one. They may be changed
     * by the three functions below, and by nobody else; positions do not change by that. After an
     * error they go on as they were before, and a warning goes to the log. NULL: none. */
    int (*on_consume)(void *ctx, struct ottla_records *records, struct ottla_error *error);
    /* When offsets were committed, by whatever call or by enable.auto.commit: inside of poll,
     * commit or close, before the commit's own callback is called. Not for commits that failed.
     * NULL: none.
     */
    void (*on_commit)(void *ctx, const struct ottla_commit *offsets, size_t count);
    void *ctx;
};

/* A record that may be changed; what it points to then has to live as long as the records, as what
 * is in their scratch does. NULL: there is none of that number. */
OTTLA_API struct ottla_record *ottla_records_edit(struct ottla_records *records, size_t i);
/* Those behind it move up. */
OTTLA_API void ottla_records_remove(struct ottla_records *records, size_t i);
OTTLA_API struct ottla_scratch *ottla_records_scratch(struct ottla_records *records);

#endif
