/* Batch headers: decoding, checking and patching them where they lie. Pure, any thread.
 *
 * Nothing is believed before it is compared with the bytes that are there: a struct batch that
 * batch_parse gave has size_bytes readable bytes at p. */
#include "record/batch.h"

#include "base/crc.h"
#include "base/endian.h"

enum batch_at {
    AT_BASE_OFF = 0,
    AT_LENGTH = 8,
    AT_LEADER_EPOCH = 12,
    AT_MAGIC = BATCH_MAGIC_AT,
    AT_CRC = 17,
    AT_ATTRS = 21,
    AT_LAST_OFF_DELTA = 23,
    AT_BASE_TS = 27,
    AT_MAX_TS = 35,
    AT_PRODUCER_ID = 43,
    AT_PRODUCER_EPOCH = 51,
    AT_BASE_SEQ = 53,
    AT_COUNT = 57,
};

int32_t seq_add(int32_t seq, int32_t n)
{
    return (int32_t)(((uint32_t)seq + (uint32_t)n) & INT32_MAX);
}

int32_t batch_last_seq(const struct batch *b)
{
    return b->base_seq < 0 ? -1 : seq_add(b->base_seq, b->last_off_delta);
}

static void header_decode(const uint8_t *p, struct batch *b)
{
    b->base_off = (int64_t)be64_get(p + AT_BASE_OFF);
    b->leader_epoch = (int32_t)be32_get(p + AT_LEADER_EPOCH);
    b->magic = (int8_t)p[AT_MAGIC];
    b->crc = be32_get(p + AT_CRC);
    b->attrs = (int16_t)be16_get(p + AT_ATTRS);
    b->last_off_delta = (int32_t)be32_get(p + AT_LAST_OFF_DELTA);
    b->base_ts_ms = (int64_t)be64_get(p + AT_BASE_TS);
    b->max_ts_ms = (int64_t)be64_get(p + AT_MAX_TS);
    b->producer_id = (int64_t)be64_get(p + AT_PRODUCER_ID);
    b->producer_epoch = (int16_t)be16_get(p + AT_PRODUCER_EPOCH);
    b->base_seq = (int32_t)be32_get(p + AT_BASE_SEQ);
    b->count = (int32_t)be32_get(p + AT_COUNT);
}

/* How long the batch says that it is. Magic 0 and 1 have shorter headers, so the magic is looked at
 * before the length is called too small. */
static enum err header_size(struct bytes in, size_t *ret_size_bytes)
{
    if (in.len < BATCH_PREFIX_BYTES) {
        *ret_size_bytes = 0;
        return ERR_SHORT;
    }
    int32_t length = (int32_t)be32_get(in.p + AT_LENGTH);
    bool is_known = in.len > AT_MAGIC;
    if (length >= 0 && is_known && (int8_t)in.p[AT_MAGIC] != BATCH_MAGIC) {
        return ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT;
    }
    if (length < BATCH_LENGTH_MIN) {
        return ERR_MALFORMED;
    }
    *ret_size_bytes = BATCH_PREFIX_BYTES + (size_t)length;
    return OK;
}

static enum err parse(struct bytes in, size_t need_bytes, struct batch *ret_batch)
{
    size_t size_bytes = 0;
    enum err e = header_size(in, &size_bytes);
    if (e == OK && in.len < (need_bytes ? need_bytes : size_bytes)) {
        e = ERR_SHORT;
    }
    if (e == ERR_SHORT) {
        *ret_batch = (struct batch){.size_bytes = size_bytes};
    }
    if (e) {
        return e;
    }
    header_decode(in.p, ret_batch);
    ret_batch->size_bytes = size_bytes;
    ret_batch->p = need_bytes ? NULL : in.p;
    return OK;
}

enum err batch_parse(struct bytes in, struct batch *ret_batch) { return parse(in, 0, ret_batch); }

enum err batch_parse_header(struct bytes in, struct batch *ret_batch)
{
    return parse(in, BATCH_HEADER_BYTES, ret_batch);
}

static uint32_t crc_of(const uint8_t *p, size_t size_bytes)
{
    return crc32c(0, p + AT_ATTRS, size_bytes - AT_ATTRS);
}

enum err batch_check_crc(const struct batch *b)
{
    return crc_of(b->p, b->size_bytes) == b->crc ? OK : ERR_CORRUPT_MESSAGE;
}

void batch_patch(uint8_t *p, int64_t base_off, int32_t leader_epoch)
{
    be64_put(p + AT_BASE_OFF, (uint64_t)base_off);
    be32_put(p + AT_LEADER_EPOCH, (uint32_t)leader_epoch);
}

void batch_patch_timestamps(uint8_t *p, size_t size_bytes, bool is_append_time, int64_t max_ts_ms)
{
    unsigned attrs = be16_get(p + AT_ATTRS) & BATCH_ATTRS_DEFINED & ~BATCH_LOG_APPEND_TIME;
    be16_put(p + AT_ATTRS, (uint16_t)(attrs | (is_append_time ? BATCH_LOG_APPEND_TIME : 0)));
    be64_put(p + AT_MAX_TS, (uint64_t)max_ts_ms);
    be32_put(p + AT_CRC, crc_of(p, size_bytes));
}

void batch_write_header(uint8_t *p, const struct batch *b)
{
    be64_put(p + AT_BASE_OFF, (uint64_t)b->base_off);
    be32_put(p + AT_LENGTH, (uint32_t)(b->size_bytes - BATCH_PREFIX_BYTES));
    be32_put(p + AT_LEADER_EPOCH, (uint32_t)b->leader_epoch);
    p[AT_MAGIC] = BATCH_MAGIC;
    be16_put(p + AT_ATTRS, (uint16_t)b->attrs);
    be32_put(p + AT_LAST_OFF_DELTA, (uint32_t)b->last_off_delta);
    be64_put(p + AT_BASE_TS, (uint64_t)b->base_ts_ms);
    be64_put(p + AT_MAX_TS, (uint64_t)b->max_ts_ms);
    be64_put(p + AT_PRODUCER_ID, (uint64_t)b->producer_id);
    be16_put(p + AT_PRODUCER_EPOCH, (uint16_t)b->producer_epoch);
    be32_put(p + AT_BASE_SEQ, (uint32_t)b->base_seq);
    be32_put(p + AT_COUNT, (uint32_t)b->count);
    be32_put(p + AT_CRC, crc_of(p, b->size_bytes));
}
