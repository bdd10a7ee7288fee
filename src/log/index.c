/* Index rows. Pure. None of these files has a checksum, so what is read is only ever a hint that
 * the log itself confirms, or is checked for order here. */
#include "log/index.h"

#include "base/endian.h"

void index_encode(uint8_t *row, int64_t seg_base_off, struct index_row r)
{
    be32_put(row, (uint32_t)(r.off - seg_base_off));
    be32_put(row + 4, (uint32_t)r.pos);
}

struct index_row index_decode(const uint8_t *row, int64_t seg_base_off)
{
    return (struct index_row){seg_base_off + index_key_off(row), be32_get(row + 4)};
}

int64_t index_key_off(const uint8_t *row) { return (int32_t)be32_get(row); }
int64_t index_key_pos(const uint8_t *row) { return be32_get(row + 4); }

uint32_t index_good_count(struct bytes p, int64_t seg_base_off, int64_t upto_off,
                          uint64_t size_bytes)
{
    uint32_t count = (uint32_t)(p.len / INDEX_ROW_BYTES);
    struct index_row last = {seg_base_off - 1, 0};
    for (uint32_t i = 0; i < count; i++) {
        struct index_row r = index_decode(p.p + (size_t)i * INDEX_ROW_BYTES, seg_base_off);
        bool is_first_at_zero = i == 0 && r.pos == 0 && r.off > seg_base_off;
        bool grows = r.off > last.off && (r.pos > last.pos || is_first_at_zero);
        if (!grows || r.off >= upto_off || r.pos >= size_bytes) {
            return i;
        }
        last = r;
    }
    return count;
}

void timeindex_encode(uint8_t *row, int64_t seg_base_off, struct timeindex_row r)
{
    be64_put(row, (uint64_t)r.ts_ms);
    be32_put(row + 8, (uint32_t)(r.off - seg_base_off));
}

struct timeindex_row timeindex_decode(const uint8_t *row, int64_t seg_base_off)
{
    return (struct timeindex_row){timeindex_key_ts(row), seg_base_off + (int32_t)be32_get(row + 8)};
}

int64_t timeindex_key_ts(const uint8_t *row) { return (int64_t)be64_get(row); }

uint32_t timeindex_good_count(struct bytes p, int64_t seg_base_off, int64_t upto_off)
{
    uint32_t count = (uint32_t)(p.len / TIMEINDEX_ROW_BYTES);
    struct timeindex_row last = {-1, seg_base_off - 1};
    for (uint32_t i = 0; i < count; i++) {
        struct timeindex_row r =
            timeindex_decode(p.p + (size_t)i * TIMEINDEX_ROW_BYTES, seg_base_off);
        bool is_preallocated = r.ts_ms == 0 && r.off == seg_base_off;
        if (r.ts_ms <= last.ts_ms || r.off <= last.off || r.off >= upto_off || is_preallocated) {
            return i;
        }
        last = r;
    }
    return count;
}

void txnindex_encode(uint8_t *row, const struct txnindex_row *r)
{
    be16_put(row, 0);
    be64_put(row + 2, (uint64_t)r->producer_id);
    be64_put(row + 10, (uint64_t)r->first_off);
    be64_put(row + 18, (uint64_t)r->last_off);
    be64_put(row + 26, (uint64_t)r->last_stable_off);
}

bool txnindex_decode(const uint8_t *row, struct txnindex_row *ret_row)
{
    struct txnindex_row r = {
        .producer_id = (int64_t)be64_get(row + 2),
        .first_off = (int64_t)be64_get(row + 10),
        .last_off = (int64_t)be64_get(row + 18),
        .last_stable_off = (int64_t)be64_get(row + 26),
    };
    *ret_row = r;
    return be16_get(row) == 0 && r.first_off >= 0 && r.first_off < r.last_off;
}

uint32_t txnindex_good_count(struct bytes p, int64_t seg_base_off, int64_t upto_off)
{
    uint32_t count = (uint32_t)(p.len / TXNINDEX_ROW_BYTES);
    int64_t last_off = seg_base_off - 1;
    for (uint32_t i = 0; i < count; i++) {
        struct txnindex_row r;
        if (!txnindex_decode(p.p + (size_t)i * TXNINDEX_ROW_BYTES, &r) || r.last_off <= last_off ||
            r.last_off >= upto_off) {
            return i;
        }
        last_off = r.last_off;
    }
    return count;
}
