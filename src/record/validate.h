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

enum {
    VALIDATE_RECORD_ERRORS_MAX = 64,
    VALIDATE_ZSTD_PRODUCE_VERSION = 7, /* the first that may carry zstd */
};

/* What came of it. */
struct validate_result {
    struct batch batch; /* to append: in place, or in `rewritten` */
    bool is_rewritten;
    int64_t append_time_ms; /* with LOG_APPEND_TIME, else -1 */
    const char *message;    /* why it failed, static; NULL when there is nothing to say */
    struct record_error record_errors[VALIDATE_RECORD_ERRORS_MAX];
    int record_error_count;
    bool is_for_log; /* an error: found where Kafka's log looks, past the checks of the request, and
                        not damage or size */
};

/* Checks the records field of one partition of a Produce request (writable: its header is patched
 * in place), which must be exactly one batch. When the rules ask for another codec, or the offsets
 * inside are not contiguous, the new batch goes to `rewritten` (its old content is dropped). Errors
 * are Kafka's codes, or NO_MEMORY:
 *
 *   CORRUPT_MESSAGE (2)        length, magic or checksum is wrong
 *   MESSAGE_TOO_LARGE (10)     over max_batch_bytes, before or after recompression; over
 *                              max_plain_bytes when decompressed
 *   INVALID_TIMESTAMP (32)     with record_errors
 *   UNSUPPORTED_COMPRESSION_TYPE (76)
 *   INVALID_RECORD (87)        everything else, with record_errors where single records are to
 *                              blame
 *
 * Base offset and leader epoch are not assigned here. A maximal timestamp that does not fit the
 * records is put right, not refused, as Kafka does. */
must_check enum err validate_produce(const struct validate_rules *rules, uint8_t *p, size_t len,
                                     int produce_version, int64_t now_ms, struct buf *rewritten,
                                     struct validate_result *ret_result);

#endif
