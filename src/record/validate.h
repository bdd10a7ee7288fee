/* What a broker checks before it appends what a client sent (reference: append validation), and the
 * rewriting that a topic's configuration asks for. Pure. */
#ifndef RECORD_VALIDATE_H
#define RECORD_VALIDATE_H

#include "record/record.h"

enum timestamp_type { CREATE_TIME, LOG_APPEND_TIME };

/* The topic's rules. */
struct validate_rules {
    enum timestamp_type ts_type;
    int64_t ts_before_max_ms; /* message.timestamp.before.max.ms */
    int64_t ts_after_max_ms;
    bool needs_keys;  /* cleanup.policy contains compact */
    bool recompress;  /* compression.type is not "producer" */
    enum codec codec; /* with recompress */
    int codec_level;
    size_t max_batch_bytes; /* max.message.bytes: size of the batch with its header */
    size_t max_plain_bytes; /* decompression budget */
};

struct record_error {
    int32_t index;       /* of the record in the batch */
    const char *message; /* static */
};

enum { VALIDATE_RECORD_ERRORS_MAX = 64 };

/* What came of it. */
struct validate_result {
    struct batch batch; /* to append: in place, or in `rewritten` */
    bool is_rewritten;
    int64_t append_time_ms; /* with LOG_APPEND_TIME, else -1 */
    const char *message;    /* why it failed, static; NULL when there is nothing to say */
    struct record_error record_errors[VALIDATE_RECORD_ERRORS_MAX];
    int record_error_count;
};

/* Checks `in`, the records field of one partition of a Produce request (writable: it is patched in
 * place), which must be exactly one batch. When the rules ask for another codec, the new batch goes
 * to `rewritten`. Errors are Kafka's codes: CORRUPT_MESSAGE, INVALID_RECORD (87),
 * INVALID_TIMESTAMP, MESSAGE_TOO_LARGE, UNSUPPORTED_COMPRESSION_TYPE,
 * UNSUPPORTED_FOR_MESSAGE_FORMAT. Base offset and leader epoch are not assigned here. */
must_check enum err validate_produce(const struct validate_rules *rules, uint8_t *p, size_t len,
                                     int produce_version, int64_t now_ms, struct buf *rewritten,
                                     struct validate_result *ret_result);

#endif
