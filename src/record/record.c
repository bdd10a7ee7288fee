/* Walking the records of a batch, and the headers of a record. Pure, any thread.
 *
 * A record is length-prefixed; its fields must fill that length exactly. Whatever the walk hands
 * out lies inside the batch (or its decompressed bytes). */
#include "record/record.h"

#include "base/varint.h"

enum {
    RECORD_BYTES_MIN = 6, /* attributes, two deltas, two lengths, header count: a byte each */
    HEADER_BYTES_MIN = 2,
};

enum err record_walk_init(struct record_walk *w, const struct batch *b, size_t max_plain_bytes)
{
    *w = (struct record_walk){.batch = b, .left = b->count};
    struct bytes body = {b->p + BATCH_HEADER_BYTES, b->size_bytes - BATCH_HEADER_BYTES};
    if (batch_codec(b) != CODEC_NONE && body.len > 0) {
        enum err e = codec_decompress(batch_codec(b), body, max_plain_bytes, &w->plain);
        if (e) {
            return e;
        }
        body = buf_bytes(&w->plain);
    }
    w->at = body.p;
    w->end = body.p + body.len;
    return OK;
}

void record_walk_deinit(struct record_walk *w) { buf_deinit(&w->plain); }

/* A run of bytes behind its varint length; a negative length is null. False when it would pass end.
 */
static bool take_bytes(const uint8_t **at, const uint8_t *end, struct bytes *ret_bytes)
{
    int32_t len;
    size_t n = varint_get(*at, end, &len);
    if (n == 0 || len > end - (*at + n)) {
        return false;
    }
    *at += n;
    *ret_bytes = len < 0 ? BYTES_NULL : (struct bytes){*at, (size_t)len};
    *at += ret_bytes->len;
    return true;
}

static bool take_header(const uint8_t **at, const uint8_t *end, struct record_header *ret_header)
{
    return take_bytes(at, end, &ret_header->key) && ret_header->key.p != NULL &&
           take_bytes(at, end, &ret_header->value);
}

static bool take_headers(const uint8_t *at, const uint8_t *end, struct record *r)
{
    size_t n = varint_get(at, end, &r->header_count);
    if (n == 0 || r->header_count < 0 || r->header_count > (end - at) / HEADER_BYTES_MIN) {
        return false;
    }
    at += n;
    r->headers = (struct bytes){at, (size_t)(end - at)};
    struct record_header ignored;
    for (int32_t i = 0; i < r->header_count; i++) {
        if (!take_header(&at, end, &ignored)) {
            return false;
        }
    }
    return at == end;
}

/* The fields behind the length prefix: they must end at end. */
static bool take_fields(const struct record_walk *w, const uint8_t *at, const uint8_t *end,
                        struct record *r)
{
    int64_t ts_delta;
    int32_t off_delta;
    at++; /* attributes: none is defined */
    size_t n = varlong_get(at, end, &ts_delta);
    if (n == 0) {
        return false;
    }
    at += n;
    n = varint_get(at, end, &off_delta);
    if (n == 0) {
        return false;
    }
    at += n;
    const struct batch *b = w->batch;
    r->off = (int64_t)((uint64_t)b->base_off + (uint64_t)(int64_t)off_delta);
    r->ts_ms = b->attrs & BATCH_LOG_APPEND_TIME
                   ? b->max_ts_ms
                   : (int64_t)((uint64_t)b->base_ts_ms + (uint64_t)ts_delta);
    return take_bytes(&at, end, &r->key) && take_bytes(&at, end, &r->value) &&
           take_headers(at, end, r);
}

enum err record_walk_next(struct record_walk *w, struct record *ret_record)
{
    if (w->left <= 0) {
        return w->left == 0 && w->at == w->end ? ERR_NOT_FOUND : ERR_INVALID_RECORD;
    }
    int32_t len;
    size_t n = varint_get(w->at, w->end, &len);
    const uint8_t *fields = w->at + n;
    if (n == 0 || len < RECORD_BYTES_MIN || len > w->end - fields) {
        return ERR_INVALID_RECORD;
    }
    struct record r;
    if (!take_fields(w, fields, fields + len, &r)) {
        return ERR_INVALID_RECORD;
    }
    r.size_bytes = n + (size_t)len;
    w->at = fields + len;
    w->left--;
    *ret_record = r;
    return OK;
}

bool record_next_header(const struct record *r, size_t *pos, struct record_header *ret_header)
{
    const uint8_t *at = r->headers.p + *pos;
    const uint8_t *end = r->headers.p + r->headers.len;
    if (at >= end || !take_header(&at, end, ret_header)) {
        return false;
    }
    *pos = (size_t)(at - r->headers.p);
    return true;
}
