/* Row formats of the three index files of a segment (Kafka's .index, .timeindex, .txnindex). Pure:
 * encoding, decoding, and checking the rows of a file that was read whole. */
#ifndef LOG_INDEX_H
#define LOG_INDEX_H

#include "base/str.h"

enum { INDEX_ROW_BYTES = 8, TIMEINDEX_ROW_BYTES = 12, TXNINDEX_ROW_BYTES = 34 };

/* A batch's *last* offset and where the batch begins. */
struct index_row {
    int64_t off;
    uint64_t pos;
};

void index_encode(uint8_t *row, int64_t seg_base_off, struct index_row r);
struct index_row index_decode(const uint8_t *row, int64_t seg_base_off);
int64_t index_key_off(const uint8_t *row); /* relative to the segment */
int64_t index_key_pos(const uint8_t *row);

/* How many rows at the front of p are good: both columns grow, no offset at or beyond upto_off, no
 * position at or beyond size_bytes. Zeros (a preallocated tail) and garbage end it. */
uint32_t index_good_count(struct bytes p, int64_t seg_base_off, int64_t upto_off,
                          uint64_t size_bytes);

/* The largest timestamp so far and the last offset of its batch. */
struct timeindex_row {
    int64_t ts_ms;
    int64_t off;
};

void timeindex_encode(uint8_t *row, int64_t seg_base_off, struct timeindex_row r);
struct timeindex_row timeindex_decode(const uint8_t *row, int64_t seg_base_off);
int64_t timeindex_key_ts(const uint8_t *row);
uint32_t timeindex_good_count(struct bytes p, int64_t seg_base_off, int64_t upto_off);

/* An aborted transaction. */
struct txnindex_row {
    int64_t producer_id;
    int64_t first_off, last_off; /* last: of the marker */
    int64_t last_stable_off;     /* when the marker was written */
};

void txnindex_encode(uint8_t *row, const struct txnindex_row *r);
bool txnindex_decode(const uint8_t *row, struct txnindex_row *ret_row);
/* Rows at the front whose markers are below upto_off, in order and sane. */
uint32_t txnindex_good_count(struct bytes p, int64_t seg_base_off, int64_t upto_off);

#endif
