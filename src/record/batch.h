/* Record batches (magic 2): the unit of the log, of Produce and of Fetch. A batch is looked at
 * where it lies; nothing here copies records. Pure.
 *
 *   baseOffset i64 | length i32 | partitionLeaderEpoch i32 | magic i8 | crc u32 | attributes i16 |
 *   lastOffsetDelta i32 | baseTimestamp i64 | maxTimestamp i64 | producerId i64 | producerEpoch i16
 * | baseSequence i32 | count i32 | records
 *
 * The CRC covers attributes to the end, so base offset and leader epoch may be patched in place. */
#ifndef RECORD_BATCH_H
#define RECORD_BATCH_H

#include "base/buf.h"
#include "base/err.h"

enum {
    BATCH_HEADER_BYTES = 61,
    BATCH_PREFIX_BYTES = 12, /* base offset and length: what a reader needs to find the end */
    BATCH_LENGTH_MIN = BATCH_HEADER_BYTES - BATCH_PREFIX_BYTES,
    BATCH_MAGIC = 2,
    BATCH_MAGIC_AT = 16,
};

/* As the attributes carry it: a batch may claim the numbers up to 7, which are no codecs. */
enum codec { CODEC_NONE, CODEC_GZIP, CODEC_SNAPPY, CODEC_LZ4, CODEC_ZSTD, CODEC_COUNT };

enum batch_attr {
    BATCH_CODEC_MASK = 0x07,
    BATCH_LOG_APPEND_TIME = 0x08,
    BATCH_TRANSACTIONAL = 0x10,
    BATCH_CONTROL = 0x20,
    BATCH_DELETE_HORIZON = 0x40,
    BATCH_ATTRS_DEFINED = 0x7f,
};

#define NO_PRODUCER_ID ((int64_t)-1)
#define NO_TIMESTAMP ((int64_t)-1)

/* A header, decoded, and where its bytes lie. */
struct batch {
    const uint8_t *p; /* the whole batch, size_bytes long */
    size_t size_bytes;
    int64_t base_off;
    int32_t leader_epoch;
    uint32_t crc;
    int16_t attrs;
    int8_t magic;
    int16_t producer_epoch;
    int32_t last_off_delta;
    int64_t base_ts_ms;
    int64_t max_ts_ms;
    int64_t producer_id;
    int32_t base_seq;
    int32_t count;
};

static inline int64_t batch_last_off(const struct batch *b)
{
    return b->base_off + b->last_off_delta;
}
static inline int64_t batch_next_off(const struct batch *b) { return batch_last_off(b) + 1; }
static inline enum codec batch_codec(const struct batch *b)
{
    return (enum codec)(b->attrs & BATCH_CODEC_MASK);
}
static inline bool batch_is_control(const struct batch *b) { return b->attrs & BATCH_CONTROL; }
static inline bool batch_is_transactional(const struct batch *b)
{
    return b->attrs & BATCH_TRANSACTIONAL;
}
static inline bool batch_has_producer(const struct batch *b)
{
    return b->producer_id > NO_PRODUCER_ID;
}
/* Sequence of the last record; sequences wrap from INT32_MAX to 0. -1 without a producer. */
int32_t batch_last_seq(const struct batch *b);
int32_t seq_add(int32_t seq, int32_t n);

/* The batch at the front of in. SHORT: in ends before the batch does (ret_batch->size_bytes tells
 * how many bytes it needs, or 0 if not even the length is there). MALFORMED: a length below the
 * header's. UNSUPPORTED_FOR_MESSAGE_FORMAT: magic is not 2. Does not look at the CRC. */
must_check enum err batch_parse(struct bytes in, struct batch *ret_batch);

/* Decodes a header of BATCH_HEADER_BYTES without needing the body (log scans): as batch_parse, but
 * p is NULL and SHORT only when in is shorter than a header. */
must_check enum err batch_parse_header(struct bytes in, struct batch *ret_batch);

/* CORRUPT_MESSAGE unless the CRC is right. */
must_check enum err batch_check_crc(const struct batch *b);

/* Rewrites what the broker assigns; the CRC stays right. p is the batch's memory. */
void batch_patch(uint8_t *p, int64_t base_off, int32_t leader_epoch);

/* Sets the timestamp type and the maximal timestamp, and computes the CRC anew. Attributes that are
 * not defined are cleared, as Kafka does when it rewrites a header. */
void batch_patch_timestamps(uint8_t *p, size_t size_bytes, bool is_append_time, int64_t max_ts_ms);

static inline void batch_patch_append_time(uint8_t *p, size_t size_bytes, int64_t now_ms)
{
    batch_patch_timestamps(p, size_bytes, true, now_ms);
}

/* Writes the header of the batch that lies at p, its records already in place: all fields of b but
 * p, magic and crc are taken, the CRC is computed. */
void batch_write_header(uint8_t *p, const struct batch *b);

#endif
