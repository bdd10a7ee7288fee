/* What opening a log does, as pure decisions: from a directory's names to what happens to each
 * file, from the recovery point to which segments are scanned how, and from what the scans found to
 * where the log ends. recover_files.c and recover_io.c carry them out. */
#ifndef LOG_RECOVER_H
#define LOG_RECOVER_H

#include "base/err.h"
#include "log/seg.h"

/* --- 1. files --- */

enum recover_verb {
    RECOVER_KEEP,
    RECOVER_REMOVE,
    RECOVER_PROMOTE, /* rename x.swap to x */
};

enum recover_suffix {
    RECOVER_PLAIN,
    RECOVER_DELETED,
    RECOVER_CLEANED,
    RECOVER_SWAP,
    RECOVER_TMP, /* was to replace a file as a whole */
};

struct recover_file {
    int64_t off; /* by its name */
    enum seg_part part;
    enum recover_suffix suffix;
    int64_t swap_end_off;   /* fact, for .log.swap: the offset after its last batch */
    enum recover_verb verb; /* the answer */
};

/* Parses a name; false: not a file of a segment, none of our business. */
bool recover_parse_name(struct str name, struct recover_file *ret_file);

/* Decides on every file, as Kafka's loader does (KAFKA-6264): .deleted, .cleaned and .tmp go; a
 * .swap at or beyond a .cleaned offset is half of a split and goes; other .swap files replace what
 * they cover; index files without their log go. Files come sorted by off. */
void recover_plan_files(struct recover_file *files, size_t count);

/* --- 2. scans --- */

enum recover_scan {
    SCAN_NONE,    /* trusted as it is */
    SCAN_REBUILD, /* trusted, but an index file is missing: walk the headers */
    SCAN_TAIL,  /* the last one with anything in it, after a clean stop: walk headers from the last
                   index row */
    SCAN_CHECK, /* beyond the recovery point: read and check everything from there */
};

struct recover_seg {
    int64_t base_off;
    uint64_t size_bytes;
    bool has_index, has_timeindex;
    enum recover_scan scan; /* answer of step 2 */
    /* facts from the scans; next_off is -1 where nothing was walked */
    int64_t next_off;
    uint64_t good_bytes;
    bool is_cut;            /* something after good_bytes is no batch */
    enum recover_verb verb; /* answer of step 3: REMOVE drops the segment */
};

/* recovery_off: everything below is synced and indexed; INT64_MAX after a clean stop. */
void recover_plan_scans(struct recover_seg *segs, size_t count, int64_t recovery_off);

/* --- 3. the end --- */

/* Beyond the first damage nothing is kept: a cut segment is the last one; so is one that does not
 * reach the next one's beginning, unless that lies at or below gaps_upto_off; one that overlaps the
 * next. Empty segments go if others that fit follow. At least one segment is kept. */
void recover_plan_end(struct recover_seg *segs, size_t count, int64_t gaps_upto_off);

#endif
