/* Records on their way into the metadata log: framed values, one after another. Pure. */
#ifndef META_RECORDS_H
#define META_RECORDS_H

#include "base/buf.h"

/* Record types of the metadata log (the apiKey of a framed value). */
enum meta_record {
    META_REGISTER_BROKER = 0,
    META_UNREGISTER_BROKER = 1,
    META_TOPIC = 2,
    META_PARTITION = 3,
    META_CONFIG = 4,
    META_PARTITION_CHANGE = 5,
    META_FENCE_BROKER = 7,
    META_UNFENCE_BROKER = 8,
    META_REMOVE_TOPIC = 9,
    META_DELEGATION_TOKEN = 10,
    META_USER_SCRAM = 11,
    META_FEATURE_LEVEL = 12,
    META_CLIENT_QUOTA = 14,
    META_PRODUCER_IDS = 15,
    META_BROKER_CHANGE = 17,
    META_ACL = 18,
    META_REMOVE_ACL = 19,
    META_NO_OP = 20,
    META_ZK_MIGRATION = 21,
    META_REMOVE_USER_SCRAM = 22,
    META_BEGIN_TXN = 23,
    META_END_TXN = 24,
    META_ABORT_TXN = 25,
    META_REMOVE_DELEGATION_TOKEN = 26,
    META_REGISTER_CONTROLLER = 27,
    META_CLEAR_ELR = 28,
};

struct meta_records {
    struct buf bytes;
    size_t *ends; /* of each record in bytes */
    int32_t count, cap;
    bool is_atomic; /* must lie in one batch */
    enum err err;   /* sticky */
};

void meta_records_init(struct meta_records *rs);
void meta_records_deinit(struct meta_records *rs);
void meta_records_clear(struct meta_records *rs);

/* Drops all from the record at `count` on. */
void meta_records_truncate(struct meta_records *rs, int32_t count);

/* Appends the record struct of that type (struct topic_record, ...) in that version. */
void meta_records_add(struct meta_records *rs, enum meta_record type, int version, const void *msg);

/* Appends framed bytes as they are. */
void meta_records_add_raw(struct meta_records *rs, struct bytes record);

static inline struct bytes meta_records_at(const struct meta_records *rs, int32_t i)
{
    size_t from = i ? rs->ends[i - 1] : 0;
    return (struct bytes){rs->bytes.p + from, rs->ends[i] - from};
}

#endif
