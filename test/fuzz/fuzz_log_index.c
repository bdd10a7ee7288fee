/* The three index files of a segment and producer snapshots, as bytes. What counts as good must be
 * sorted and within bounds, and what is kept of a snapshot must encode to one that reads the same.
 */
#include "fuzz.h"

#include "base/assert.h"
#include "base/crc.h"
#include "base/endian.h"
#include "log/index.h"
#include "log/producer_state.h"

#include <string.h>

enum { HEAD_BYTES = 17, SIZE_MAX_BYTES = 1 << 20 };

struct bounds {
    int64_t base_off, upto_off;
    uint64_t size_bytes;
};

static void index_rows(struct bytes in, const struct bounds *b)
{
    uint32_t count = index_good_count(in, b->base_off, b->upto_off, b->size_bytes);
    struct index_row last = {b->base_off - 1, 0};
    ASSERT((uint64_t)count * INDEX_ROW_BYTES <= in.len);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t again[INDEX_ROW_BYTES];
        const uint8_t *p = in.p + (size_t)i * INDEX_ROW_BYTES;
        struct index_row row = index_decode(p, b->base_off);
        ASSERT(row.off > last.off && row.off < b->upto_off && row.pos < b->size_bytes);
        ASSERT(row.pos > last.pos || i == 0);
        index_encode(again, b->base_off, row);
        ASSERT(memcmp(again, p, sizeof again) == 0);
        last = row;
    }
}

static void timeindex_rows(struct bytes in, const struct bounds *b)
{
    uint32_t count = timeindex_good_count(in, b->base_off, b->upto_off);
    struct timeindex_row last = {-1, b->base_off - 1};
    ASSERT((uint64_t)count * TIMEINDEX_ROW_BYTES <= in.len);
    for (uint32_t i = 0; i < count; i++) {
        struct timeindex_row row =
            timeindex_decode(in.p + (size_t)i * TIMEINDEX_ROW_BYTES, b->base_off);
        ASSERT(row.ts_ms > last.ts_ms && row.off > last.off && row.off < b->upto_off);
        last = row;
    }
}

static void txnindex_rows(struct bytes in, const struct bounds *b)
{
    uint32_t count = txnindex_good_count(in, b->base_off, b->upto_off);
    int64_t last_off = b->base_off - 1;
    ASSERT((uint64_t)count * TXNINDEX_ROW_BYTES <= in.len);
    for (uint32_t i = 0; i < count; i++) {
        struct txnindex_row row;
        uint8_t again[TXNINDEX_ROW_BYTES];
        const uint8_t *p = in.p + (size_t)i * TXNINDEX_ROW_BYTES;
        ASSERT(txnindex_decode(p, &row));
        ASSERT(row.first_off < row.last_off && row.last_off > last_off &&
               row.last_off < b->upto_off);
        txnindex_encode(again, &row);
        ASSERT(memcmp(again, p, sizeof again) == 0);
        last_off = row.last_off;
    }
}

/* The CRC is set right, so that what follows it is looked at. */
static void snapshot(struct bytes in)
{
    struct producers x, y;
    struct buf bytes = BUF_INIT;
    buf_put(&bytes, in.p, in.len);
    if (in.len >= 6) {
        be32_put(bytes.p + 2, crc32c(0, in.p + 6, in.len - 6));
    }
    producers_init(&x);
    producers_init(&y);
    if (producers_decode(&x, buf_bytes(&bytes)) == OK) {
        int64_t open_off = producers_first_open_off(&x);
        size_t count = x.by_id.count;
        buf_clear(&bytes);
        producers_encode(&x, &bytes);
        ASSERT(bytes.err == OK && producers_decode(&y, buf_bytes(&bytes)) == OK);
        ASSERT(y.by_id.count == count && producers_first_open_off(&y) == open_off);
        producers_expire(&x, INT64_MAX, 0);
    } else {
        ASSERT(x.by_id.count == 0);
    }
    (void)!producers_decode(&x, in);
    producers_deinit(&x);
    producers_deinit(&y);
    buf_deinit(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD_BYTES) {
        return 0;
    }
    struct bytes in = {data + HEAD_BYTES, size - HEAD_BYTES};
    struct bounds b = {.base_off = (int64_t)(be64_get(data + 1) >> 2),
                       .size_bytes = be64_get(data + 9) % SIZE_MAX_BYTES};
    b.upto_off = b.base_off + (int64_t)(be64_get(data + 9) >> 24);
    switch (data[0] % 4) {
    case 0:
        index_rows(in, &b);
        break;
    case 1:
        timeindex_rows(in, &b);
        break;
    case 2:
        txnindex_rows(in, &b);
        break;
    default:
        snapshot(in);
    }
    return 0;
}
