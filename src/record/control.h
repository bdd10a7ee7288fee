/* Control records: transaction markers, and the ones that the metadata quorum writes. Pure. */
#ifndef RECORD_CONTROL_H
#define RECORD_CONTROL_H

#include "record/record.h"

enum control_type {
    CONTROL_ABORT = 0,
    CONTROL_COMMIT = 1,
    CONTROL_LEADER_CHANGE = 2,
    CONTROL_SNAPSHOT_HEADER = 3,
    CONTROL_SNAPSHOT_FOOTER = 4,
    CONTROL_KRAFT_VERSION = 5,
    CONTROL_KRAFT_VOTERS = 6,
};

/* The type of a control record by its key; false if the key is not one (version < 0 or too short).
 * A type that we do not know is returned as its number. */
bool control_parse_key(struct bytes key, int *ret_type);

/* Value of a transaction marker. */
bool control_parse_marker(struct bytes value, int32_t *ret_coordinator_epoch);

/* Appends a batch with one marker to out: base_off, leader_epoch, base_ts_ms (the marker's time),
 * producer_id and producer_epoch come from head. */
must_check enum err control_build_marker(struct buf *out, const struct batch *head, bool commit,
                                         int32_t coordinator_epoch);

#endif
