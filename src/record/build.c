/* Building a batch: records are encoded one after another behind room for the header, then
 * compressed as one run, then the header is written. Pure; one thread a builder.
 *
 * Without a codec the records go straight to `out`; with one they gather in `plain`. Errors stick
 * and show at finish; `out` is then cut back to where it was. */
#include "base/assert.h"
#include "base/varint.h"
#include "record/record.h"

static struct buf *records_buf(struct batch_builder *bb)
{
    return bb->codec == CODEC_NONE ? bb->out : &bb->plain;
}

void batch_builder_init(struct batch_builder *bb, struct buf *out, const struct batch *head,
                        enum codec codec, int level)
{
    ASSERT((unsigned)codec < CODEC_COUNT);
    *bb = (struct batch_builder){
        .out = out, .start = out->len, .head = *head, .codec = codec, .level = level};
    bb->head.attrs = (int16_t)((head->attrs & ~BATCH_CODEC_MASK) | (int)codec);
    bb->head.last_off_delta = -1;
    if (!(head->attrs & BATCH_LOG_APPEND_TIME)) {
        bb->head.max_ts_ms = NO_TIMESTAMP;
    }
    bb->head.count = 0;
    buf_extend(out, BATCH_HEADER_BYTES);
}

void batch_builder_deinit(struct batch_builder *bb) { buf_deinit(&bb->plain); }

static size_t bytes_size(struct bytes b)
{
    return b.p == NULL ? varlong_size(-1) : varlong_size((int64_t)b.len) + b.len;
}

static uint8_t *put_bytes(uint8_t *at, struct bytes b)
{
    at += varlong_put(at, b.p == NULL ? -1 : (int64_t)b.len);
    if (b.len > 0) {
        memcpy(at, b.p, b.len);
    }
    return at + b.len;
}

/* Size without the length prefix. */
static size_t record_size(const struct record *r, int64_t ts_delta, int64_t off_delta)
{
    return 1 + varlong_size(ts_delta) + varlong_size(off_delta) + bytes_size(r->key) +
           bytes_size(r->value) + varlong_size(r->header_count) + r->headers.len;
}

static bool fits(const struct record *r)
{
    return r->key.len <= INT32_MAX / 4 && r->value.len <= INT32_MAX / 4 &&
           r->headers.len <= INT32_MAX / 4;
}

static void record_put(struct buf *out, const struct record *r, int64_t ts_delta, int64_t off_delta)
{
    size_t size = record_size(r, ts_delta, off_delta);
    uint8_t *at = buf_extend(out, varlong_size((int64_t)size) + size);
    if (at == NULL) {
        return;
    }
    at += varlong_put(at, (int64_t)size);
    *at++ = 0; /* attributes */
    at += varlong_put(at, ts_delta);
    at += varlong_put(at, off_delta);
    at = put_bytes(at, r->key);
    at = put_bytes(at, r->value);
    at += varlong_put(at, r->header_count);
    if (r->headers.len > 0) {
        memcpy(at, r->headers.p, r->headers.len);
    }
}

void batch_builder_add(struct batch_builder *bb, const struct record *r)
{
    int64_t off_delta;
    bool is_far = __builtin_sub_overflow(r->off, bb->head.base_off, &off_delta) ||
                  off_delta <= bb->head.last_off_delta || off_delta > INT32_MAX;
    if (bb->err || is_far || !fits(r) || bb->head.count == INT32_MAX) {
        bb->err = bb->err ? bb->err : ERR_INVALID_RECORD;
        return;
    }
    if (bb->head.base_ts_ms == NO_TIMESTAMP && bb->head.count == 0) {
        bb->head.base_ts_ms = r->ts_ms;
    }
    int64_t ts_delta = (int64_t)((uint64_t)r->ts_ms - (uint64_t)bb->head.base_ts_ms);
    record_put(records_buf(bb), r, ts_delta, off_delta);
    bb->head.last_off_delta = (int32_t)off_delta;
    if (!(bb->head.attrs & BATCH_LOG_APPEND_TIME)) {
        bb->head.max_ts_ms = MAX(bb->head.max_ts_ms, r->ts_ms);
    }
    bb->head.count++;
}

void batch_builder_cover(struct batch_builder *bb, int64_t last_off)
{
    int64_t delta;
    if (__builtin_sub_overflow(last_off, bb->head.base_off, &delta) ||
        delta < bb->head.last_off_delta || delta > INT32_MAX) {
        bb->err = bb->err ? bb->err : ERR_INVALID_RECORD;
        return;
    }
    bb->head.last_off_delta = (int32_t)delta;
}

static enum err finish(struct batch_builder *bb)
{
    if (bb->err || bb->head.last_off_delta < 0) {
        return bb->err ? bb->err : ERR_INVALID_RECORD;
    }
    if (bb->head.count == 0) { /* nothing to compress, and readers do not expect a codec then */
        bb->head.attrs &= (int16_t)~BATCH_CODEC_MASK;
    } else if (bb->codec != CODEC_NONE) {
        enum err e = bb->plain.err;
        e = e ? e : codec_compress(bb->codec, bb->level, buf_bytes(&bb->plain), bb->out);
        if (e) {
            return e;
        }
    }
    if (bb->out->err) {
        return bb->out->err;
    }
    bb->head.size_bytes = bb->out->len - bb->start;
    if (bb->head.size_bytes > INT32_MAX) {
        return ERR_MESSAGE_TOO_LARGE;
    }
    batch_write_header(bb->out->p + bb->start, &bb->head);
    return OK;
}

enum err batch_builder_finish(struct batch_builder *bb)
{
    bb->err = finish(bb);
    if (bb->err) {
        bb->out->len = MIN(bb->out->len, bb->start);
    }
    return bb->err;
}

void record_put_header(struct buf *out, struct bytes key, struct bytes value)
{
    uint8_t *at = buf_extend(out, bytes_size(key) + bytes_size(value));
    if (at != NULL) {
        put_bytes(put_bytes(at, key), value);
    }
}
