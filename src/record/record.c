/* Walking the records of a batch, and the headers of a record. Pure, any thread.
 *
 * A record is length-prefixed; its fields must fill that length exactly. Whatever the walk hands
 * out lies inside the batch (or its decompressed bytes). */
#include "record/record.h"

#include "record/record_parse.h"

enum {
    RECORD_BYTES_MIN = 6, /* attributes, two deltas, two lengths, header count: a byte each */
    HEADER_BYTES_MIN = 2,
};

/* The takers move *at behind what they took; false when it is cut short or too wide. */

static inline bool take_varint(const uint8_t **at, const uint8_t *end, int32_t *ret_v)
{
    uint32_t u;
    const uint8_t *after = end - *at >= 2 ? take_small(*at, &u) : NULL;
    if (likely(after != NULL)) {
        *at = after;
        *ret_v = (int32_t)unzigzag(u);
        return true;
    }
    size_t n = varint_get(*at, end, ret_v);
    *at += n;
    return n > 0;
}

static inline bool take_varlong(const uint8_t **at, const uint8_t *end, int64_t *ret_v)
{
    size_t n = varlong_get(*at, end, ret_v);
    *at += n;
    return n > 0;
}

/* A run of bytes behind its length; a negative length is null. */
static inline bool take_bytes(const uint8_t **at, const uint8_t *end, struct bytes *ret_bytes)
{
    int32_t len;
    if (!take_varint(at, end, &len) || len > end - *at) {
        return false;
    }
    *ret_bytes = len < 0 ? BYTES_NULL : (struct bytes){*at, (size_t)len};
    *at += ret_bytes->len;
    return true;
}

static bool take_header(const uint8_t **at, const uint8_t *end, struct record_header *ret_header)
{
    return take_bytes(at, end, &ret_header->key) && ret_header->key.p != NULL &&
           take_bytes(at, end, &ret_header->value);
}

/* Whether count headers fill the bytes exactly. */
static bool headers_fit(struct bytes headers, int32_t count)
{
    const uint8_t *at = headers.p, *end = headers.p + headers.len;
    struct record_header ignored;
    if (count < 0 || (size_t)count > headers.len / HEADER_BYTES_MIN) {
        return false;
    }
    for (int32_t i = 0; i < count; i++) {
        if (!take_header(&at, end, &ignored)) {
            return false;
        }
    }
    return at == end;
}

bool record_take(const uint8_t **at, const uint8_t *end, struct record_fields *f)
{
    const uint8_t *p = *at;
    int32_t len;
    if (!take_varint(&p, end, &len) || len < RECORD_BYTES_MIN || len > end - p) {
        return false;
    }
    end = p + len;
    p++; /* attributes: none is defined */
    if (!take_varlong(&p, end, &f->ts_delta) || !take_varint(&p, end, &f->off_delta) ||
        !take_bytes(&p, end, &f->key) || !take_bytes(&p, end, &f->value) ||
        !take_varint(&p, end, &f->header_count)) {
        return false;
    }
    f->headers = (struct bytes){p, (size_t)(end - p)};
    if (!headers_fit(f->headers, f->header_count)) {
        return false;
    }
    f->size_bytes = (size_t)(end - *at);
    *at = end;
    return true;
}

enum err record_walk_init(struct record_walk *w, const struct batch *b, size_t max_plain_bytes)
{
    *w = (struct record_walk){.batch = b, .left = b->count};
    struct bytes body = {b->p + BATCH_HEADER_BYTES, b->size_bytes - BATCH_HEADER_BYTES};
    if (batch_codec(b) != CODEC_NONE && body.len > 0) {
        enum err e = codec_decompress(batch_codec(b), body, max_plain_bytes, &w->plain);
        if (e) {
            return e;
        }
        body = (struct bytes){w->plain.p ? w->plain.p : body.p, w->plain.len};
    }
    w->at = body.p;
    w->end = body.p + body.len;
    return OK;
}

void record_walk_deinit(struct record_walk *w) { buf_deinit(&w->plain); }

enum err record_walk_next(struct record_walk *w, struct record *ret_record)
{
    if (w->left <= 0) {
        return w->left == 0 && w->at == w->end ? ERR_NOT_FOUND : ERR_INVALID_RECORD;
    }
    struct record_fields f;
    if (!record_take(&w->at, w->end, &f)) {
        return ERR_INVALID_RECORD;
    }
    w->left--;
    const struct batch *b = w->batch;
    uint64_t ts_ms = (uint64_t)b->base_ts_ms + (uint64_t)f.ts_delta;
    *ret_record = (struct record){
        .off = (int64_t)((uint64_t)b->base_off + (uint64_t)(int64_t)f.off_delta),
        .ts_ms = b->attrs & BATCH_LOG_APPEND_TIME ? b->max_ts_ms : (int64_t)ts_ms,
        .key = f.key,
        .value = f.value,
        .header_count = f.header_count,
        .headers = f.headers,
        .size_bytes = f.size_bytes,
    };
    return OK;
}

bool record_next_header(const struct record *r, size_t *pos, struct record_header *ret_header)
{
    if (*pos >= r->headers.len) {
        return false;
    }
    const uint8_t *at = r->headers.p + *pos;
    if (!take_header(&at, r->headers.p + r->headers.len, ret_header)) {
        return false;
    }
    *pos = (size_t)(at - r->headers.p);
    return true;
}
