/* Producer snapshots on disk (version 1): i16 version, u32 CRC-32C of what follows, i32 count, and
 * entries of fixed size. Apache Kafka writes one for each producer, with its last batch, and so
 * forgets the batches before it: a restart behind a snapshot refuses their retries. We write one
 * for each batch that is remembered, oldest first; whoever reads them as Kafka does keeps the last.
 * Pure.
 */
#include "log/producer_state.h"

#include "base/crc.h"
#include "base/endian.h"

enum { VERSION = 1, HEAD_BYTES = 10, CRC_FROM = 6, ENTRY_BYTES = 46 };

static void encode_entry(const struct producer *p, const struct producer_batch *b, int64_t ts_ms,
                         struct buf *out)
{
    buf_put_be64(out, (uint64_t)p->id);
    buf_put_be16(out, (uint16_t)p->epoch);
    buf_put_be32(out, (uint32_t)b->last_seq);
    buf_put_be64(out, (uint64_t)b->last_off);
    buf_put_be32(out, (uint32_t)b->off_delta);
    buf_put_be64(out, (uint64_t)ts_ms);
    buf_put_be32(out, (uint32_t)p->coordinator_epoch);
    buf_put_be64(out, (uint64_t)p->txn_first_off);
}

/* Gives how many entries these are. */
static uint32_t encode_producer(const struct producer *p, struct buf *out)
{
    static const struct producer_batch none = {-1, NO_TIMESTAMP, NO_SEQ, 0};
    int last = p->batch_count - 1;
    for (int i = 0; i < last; i++) {
        encode_entry(p, &p->batches[i], p->batches[i].ts_ms, out);
    }
    encode_entry(p, last < 0 ? &none : &p->batches[last], p->last_ts_ms, out);
    return (uint32_t)MAX(p->batch_count, 1);
}

void producers_encode(const struct producers *x, struct buf *out)
{
    size_t start = out->len;
    uint32_t count = 0;
    buf_put_be16(out, VERSION);
    buf_put_be32(out, 0);
    buf_put_be32(out, 0);
    MAP_EACH(&x->by_id, node, tmp) {
        const struct producer *p = MAP_ENTRY(node, struct producer, node);
        if (p->epoch != NO_EPOCH) {
            count += encode_producer(p, out);
        }
    }
    if (out->err == OK) {
        uint8_t *head = out->p + start;
        be32_put(head + CRC_FROM, count);
        be32_put(head + 2, crc32c(0, head + CRC_FROM, out->len - start - CRC_FROM));
    }
}

static enum err decode_entry(struct producers *x, const uint8_t *p)
{
    struct producer_restore r = {
        .id = (int64_t)be64_get(p),
        .epoch = (int16_t)be16_get(p + 8),
        .last = {.last_seq = (int32_t)be32_get(p + 10),
                 .last_off = (int64_t)be64_get(p + 14),
                 .off_delta = (int32_t)be32_get(p + 22),
                 .ts_ms = (int64_t)be64_get(p + 26)},
        .coordinator_epoch = (int32_t)be32_get(p + 34),
        .txn_first_off = (int64_t)be64_get(p + 38),
    };
    if (r.id < 0 || r.epoch < 0 || r.last.off_delta < 0 || r.last.last_seq < NO_SEQ) {
        return ERR_MALFORMED;
    }
    return producers_restore(x, &r);
}

enum err producers_decode(struct producers *x, struct bytes in)
{
    producers_clear(x);
    if (in.len < HEAD_BYTES || be16_get(in.p) != VERSION) {
        return ERR_MALFORMED;
    }
    if (crc32c(0, in.p + CRC_FROM, in.len - CRC_FROM) != be32_get(in.p + 2)) {
        return ERR_CORRUPT_MESSAGE;
    }
    uint32_t count = be32_get(in.p + CRC_FROM);
    if (in.len - HEAD_BYTES != (uint64_t)count * ENTRY_BYTES) {
        return ERR_MALFORMED;
    }
    enum err e = OK;
    for (uint32_t i = 0; i < count && !e; i++) {
        e = decode_entry(x, in.p + HEAD_BYTES + (size_t)i * ENTRY_BYTES);
    }
    if (e) {
        producers_clear(x);
    }
    return e;
}
