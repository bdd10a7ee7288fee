/* dump-log of message formats 0 and 1: what brokers before 0.11 wrote, and what clusters that were
 * upgraded may still have. A message is a record; one with a codec holds others. The command's
 * thread.
 *
 *   offset i64 | size i32 | crc u32 | magic i8 | attributes i8 | [timestamp i64] | key | value
 *
 * The timestamp came with format 1; key and value are i32 length, -1 for null, and bytes. The CRC
 * (the one of gzip) covers what is behind it. */
#include "offline/dump_batches.h"

#include "base/endian.h"

#include <inttypes.h>
#include <zlib.h>

enum { PREFIX_BYTES = 12, CRC_BYTES = 4, LEAST_BYTES = 14, TIME_BYTES = 8 };

struct message {
    struct record r;
    uint32_t crc;
    int8_t magic, attrs;
    bool is_valid;
};

static bool take_bytes(struct bytes *in, struct bytes *ret)
{
    if (in->len < sizeof(int32_t)) {
        return false;
    }
    int32_t len = (int32_t)be32_get(in->p);
    *in = (struct bytes){in->p + sizeof len, in->len - sizeof len};
    if (len > 0 && (size_t)len > in->len) {
        return false;
    }
    *ret = len < 0 ? BYTES_NULL : (struct bytes){in->p, (size_t)len};
    *in = (struct bytes){in->p + ret->len, in->len - ret->len};
    return true;
}

/* in: offset, size and so many bytes at the least, as was checked. */
static bool parse(struct bytes in, struct message *ret)
{
    uint32_t size = be32_get(in.p + 8);
    const uint8_t *p = in.p + PREFIX_BYTES;
    *ret = (struct message){.crc = be32_get(p), .magic = (int8_t)p[4], .attrs = (int8_t)p[5]};
    ret->r.off = (int64_t)be64_get(in.p);
    ret->r.ts_ms = NO_TIMESTAMP;
    ret->is_valid = crc32(0, p + CRC_BYTES, size - CRC_BYTES) == ret->crc;
    struct bytes rest = {p + CRC_BYTES + 2, size - CRC_BYTES - 2};
    if (ret->magic > 0) {
        if (rest.len < TIME_BYTES) {
            return false;
        }
        ret->r.ts_ms = (int64_t)be64_get(rest.p);
        rest = (struct bytes){rest.p + TIME_BYTES, rest.len - TIME_BYTES};
    }
    return take_bytes(&rest, &ret->r.key) && take_bytes(&rest, &ret->r.value);
}

static bool put_header(struct batches *x, const struct message *m)
{
    struct rows_out *o = &x->d->out;
    enum codec codec = (enum codec)(x->b.legacy.attrs & BATCH_CODEC_MASK);
    row_begin(o, "batch", "");
    row_i64(o, "offset", x->b.head.base_off);
    if (x->b.head.magic < 0) {
        buf_printf(&x->d->why, "Invalid magic used in LegacyRecord: %d", x->b.head.magic);
        return false;
    }
    if (codec >= CODEC_COUNT) {
        buf_printf(&x->d->why, "Unknown compression type id: %d", (int)codec);
        return false;
    }
    row_i64(o, "position", x->b.pos);
    row_time(o, batches_time_type(&x->b), x->b.legacy.ts_ms);
    row_i64(o, "size", (int64_t)x->b.head.size_bytes);
    row_i64(o, "magic", x->b.head.magic);
    row_word(o, "compresscodec", codec_name(codec));
    row_i64(o, "crc", m->crc);
    row_bool(o, "isvalid", m->is_valid);
    row_end(o);
    return true;
}

static bool put_message(struct batches *x, const struct message *m)
{
    struct rows_out *o = &x->d->out;
    batches_note_off(x, m->r.off);
    row_begin(o, "record", "| ");
    if (!x->d->options.skips_metadata) {
        row_i64(o, "offset", m->r.off);
        row_time(o, batches_time_type(&x->b), m->r.ts_ms);
        batches_put_sizes(x, &m->r);
        row_bool(o, "isValid", m->is_valid);
        row_i64(o, "crc", m->crc);
    }
    if (x->d->options.prints_data && !batches_put_content(x, &m->r)) {
        return false;
    }
    row_end(o);
    return true;
}

/* --- messages within one --- */

static bool refuse(struct batches *x)
{
    buf_printf(&x->d->why, "the messages at position %" PRId64 " cannot be read", x->b.pos);
    return false;
}

/* The next one in a set; its end is the end of what is whole. */
static bool next_inner(struct bytes *set, struct bytes *ret)
{
    if (set->len < PREFIX_BYTES + LEAST_BYTES) {
        return false;
    }
    uint32_t size = be32_get(set->p + 8);
    if (size < LEAST_BYTES || size > set->len - PREFIX_BYTES) {
        return false;
    }
    *ret = (struct bytes){set->p, size + PREFIX_BYTES};
    *set = (struct bytes){set->p + ret->len, set->len - ret->len};
    return true;
}

/* Offsets in a set of format 1 count from its first message; the outer one has the last offset. */
static int64_t base_of(const struct message *outer, struct bytes set)
{
    struct bytes inner;
    uint64_t last = 0;
    while (next_inner(&set, &inner)) {
        last = be64_get(inner.p);
    }
    return outer->magic > 0 ? (int64_t)((uint64_t)outer->r.off - last) : 0;
}

static bool put_inner(struct batches *x, const struct message *outer, struct bytes set)
{
    int64_t base = base_of(outer, set);
    struct bytes inner;
    struct message m;
    while (next_inner(&set, &inner)) {
        if (!parse(inner, &m)) {
            return refuse(x);
        }
        m.r.off = (int64_t)((uint64_t)m.r.off + (uint64_t)base);
        if (outer->magic > 0 && (outer->attrs & BATCH_LOG_APPEND_TIME)) {
            m.r.ts_ms = outer->r.ts_ms;
        }
        if (!put_message(x, &m)) {
            return false;
        }
    }
    return set.len == 0 || refuse(x);
}

static bool put_set(struct batches *x, const struct message *outer)
{
    struct buf plain = BUF_INIT;
    if (outer->r.value.p == NULL) {
        buf_printf(&x->d->why, "Found invalid compressed record set with null value (magic = %d)",
                   outer->magic);
        return false;
    }
    enum err e = codec_decompress((enum codec)(outer->attrs & BATCH_CODEC_MASK), outer->r.value,
                                  PLAIN_MAX_BYTES, &plain);
    bool ok = e ? refuse(x) : put_inner(x, outer, (struct bytes){plain.p, plain.len});
    buf_deinit(&plain);
    return ok;
}

bool batches_put_legacy(struct batches *x)
{
    struct message m;
    bool is_whole = parse(buf_bytes(&x->bytes), &m);
    if (!put_header(x, &m)) {
        return false;
    }
    if (!x->d->options.is_deep) {
        return true;
    }
    if (!is_whole) {
        return refuse(x);
    }
    return m.attrs & BATCH_CODEC_MASK ? put_set(x, &m) : put_message(x, &m);
}
