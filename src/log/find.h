/* Where an offset or a time lies in a segment, by its index files and a short walk. Reads files,
 * takes no lock: the caller holds a reference and has copied what it needs. */
#ifndef LOG_FIND_H
#define LOG_FIND_H

#include "log/log_priv.h"

struct find {
    struct fs *fs;
    const char *dir;
    struct seg *seg;
    uint64_t size_bytes;                /* of the segment, as the caller saw it */
    uint32_t row_counts[LOG_ROW_FILES]; /* rows in the files; FIND_BY_SIZE: what the files hold */
    uint32_t unwritten_count;           /* index rows in memory that follow those in the file */
    bool may_not_wait;                  /* for the disk: AGAIN where it would */
};

#define FIND_BY_SIZE UINT32_MAX

/* A batch and its place. */
struct found {
    struct batch batch; /* header only */
    uint64_t pos;
};

/* Copies what find needs of segment number at. Under mu. */
void find_init(struct find *x, const struct log *log, uint32_t at);

#define FIND_WOULD_WAIT UINT64_MAX

/* A batch boundary at or before the batch that holds off; 0 where the index does not help. */
uint64_t find_floor_of_off(const struct find *x, int64_t off);
/* A batch boundary <= pos. */
uint64_t find_floor_of_pos(const struct find *x, uint64_t pos);
/* Of both: FIND_WOULD_WAIT for AGAIN. */

/* The first batch, from floor on, with a last offset >= off. NOT_FOUND: the segment ends before. A
 * bad floor (a damaged index) only costs a walk from the beginning. */
must_check enum err find_batch(const struct find *x, uint64_t floor, int64_t off,
                               struct found *ret_found);

/* Where a batch ends, and the next one begins. */
struct boundary {
    uint64_t pos;
    int64_t next_off;
    uint64_t next_pos; /* where the batch that begins at pos ends; 0 where nothing follows */
};

/* The largest boundary <= upto_pos from floor on: floor itself when the first batch there already
 * ends beyond upto_pos. */
must_check enum err find_boundary(const struct find *x, uint64_t floor, uint64_t upto_pos,
                                  struct boundary *ret);

/* Last time index row with ts < ts_ms: everything up to its offset is older. off is -1 when there
 * is none. */
struct timeindex_row find_time_floor(const struct find *x, int64_t ts_ms);
/* The segment's largest timestamp and its batch's last offset; ts -1 when there is none. Read from
 * the last row once. Not under mu. */
must_check enum err find_max_time(const struct find *x, struct log *log,
                                  struct timeindex_row *ret_row);

#endif
