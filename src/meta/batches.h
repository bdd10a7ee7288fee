/* Batches of metadata records, as they lie in __cluster_metadata-0 and in snapshot files: taken
 * apart and put together. Pure. */
#ifndef META_BATCHES_H
#define META_BATCHES_H

#include "meta/records.h"
#include "record/control.h"

/* Where the parts of batches go. A function may be NULL; its first error ends the reading. Bytes
 * are valid during the call. */
struct meta_sink {
    enum err (*begin)(void *ctx, const struct batch *b);
    enum err (*record)(void *ctx, struct bytes record);
    /* type: enum control_type, or a number that we do not know. */
    enum err (*control)(void *ctx, int type, struct bytes value);
    enum err (*end)(void *ctx, const struct batch *b);
    void *ctx;
};

/* Reads the whole batches at the front of in; *ret_used tells how far, *ret_need how many bytes the
 * next one has (0: not known yet). CORRUPT_MESSAGE or MALFORMED for batches that are bad. */
must_check enum err meta_batches_read(struct bytes in, const struct meta_sink *sink,
                                      size_t *ret_used, size_t *ret_need);

/* What all records of a batch that is being made have in common. */
struct meta_batch_head {
    int64_t base_off;
    int32_t epoch;
    int64_t now_ms;
};

/* Appends one batch with the records [from, upto) of rs. */
must_check enum err meta_batch_build(struct buf *out, const struct meta_batch_head *head,
                                     const struct meta_records *rs, int32_t from, int32_t upto);

/* A control record on its way into a batch. */
struct meta_control {
    enum control_type type;
    int version;     /* of the message */
    const void *msg; /* struct leader_change_message, kraft_version_record, ... */
};

/* Appends one control batch. */
must_check enum err meta_control_build(struct buf *out, const struct meta_batch_head *head,
                                       const struct meta_control *controls, int count);

#endif
