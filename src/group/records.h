/* Records on their way into __consumer_offsets: keys and values in Apache Kafka's form, one after
 * another. Pure. */
#ifndef GROUP_RECORDS_H
#define GROUP_RECORDS_H

#include "base/buf.h"
#include "base/uuid.h"

struct group_record {
    struct bytes key;
    struct bytes value; /* null: a tombstone */
};

struct group_record_ends {
    size_t key_end, value_end; /* in bytes */
    bool is_tombstone;
};

struct group_records {
    struct buf bytes;
    struct group_record_ends *ends;
    int32_t count, cap;
    enum err err; /* sticky */
};

void group_records_init(struct group_records *rs);
void group_records_deinit(struct group_records *rs);

struct group_record group_records_at(const struct group_records *rs, int32_t i);

/* What is kept of one committed offset. */
struct group_offset {
    int64_t off;
    int32_t leader_epoch; /* −1: not told */
    struct str metadata;
    int64_t commit_ms;
    int64_t expire_ms; /* −1: by the broker's retention */
    struct uuid topic_id;
    int64_t record_off; /* of its record in the log */
};

/* Which offset: the key of its record. */
struct group_offset_key {
    struct str group, topic;
    int32_t part;
};

void group_records_add_offset(struct group_records *rs, const struct group_offset_key *key,
                              const struct group_offset *v);
void group_records_drop_offset(struct group_records *rs, const struct group_offset_key *key);

struct group_metadata_value;
void group_records_add_group(struct group_records *rs, struct str group,
                             const struct group_metadata_value *v);
void group_records_drop_group(struct group_records *rs, struct str group);

#endif
