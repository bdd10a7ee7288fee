/* One question of a producer to a broker, from acc_next to acc_take. */
#ifndef CLIENT_PRODUCER_ASK_H
#define CLIENT_PRODUCER_ASK_H

#include "base/arena.h"
#include "base/uuid.h"
#include "client/core/call.h"
#include "wire/messages.h"

enum produce_kind {
    PRODUCE_METADATA,
    PRODUCE_BATCHES,
    PRODUCE_INIT,           /* InitProducerId */
    PRODUCE_ADD_PARTITIONS, /* AddPartitionsToTxn */
    PRODUCE_ADD_OFFSETS,    /* AddOffsetsToTxn */
    PRODUCE_COMMIT_OFFSETS, /* TxnOffsetCommit */
    PRODUCE_END,            /* EndTxn */
};

enum { PRODUCE_KIND_COUNT = PRODUCE_END + 1 };

struct topic_ref {
    struct str name;
    struct uuid id;
};

struct acc_batch;

struct produce_ask {
    enum produce_kind kind;
    enum call_to to;
    int32_t to_node; /* CALL_NODE */
    int8_t key_type; /* CALL_COORDINATOR */
    struct str key;
    bool is_fresh; /* the coordinator that was known is not it */
    int16_t api_key, version_lo, version_hi;
    int64_t deadline_ms; /* INT64_MAX: request.timeout.ms alone */
    int64_t sent_ms;
    union {
        struct metadata_req metadata;
        struct produce_req produce;
        struct init_producer_id_req init;
        struct add_partitions_to_txn_req add_partitions;
        struct add_offsets_to_txn_req add_offsets;
        struct txn_offset_commit_req commit_offsets;
        struct end_txn_req end;
    } req;
    struct arena arena;
    struct acc_batch **batches; /* BATCHES */
    struct topic_ref *topics;   /* of the batches: theirs may change meanwhile */
    size_t count;
    bool kept_back;      /* with the answer: it came so late because of its throttling (KIP-219) */
    const char *why;     /* with an error instead of an answer: a sentence; NULL: none */
    int16_t txn_version; /* with the answer: transaction.version of the cluster, as far as known */
};

union produce_answer {
    struct metadata_resp metadata;
    struct produce_resp produce;
    struct init_producer_id_resp init;
    struct add_partitions_to_txn_resp add_partitions;
    struct add_offsets_to_txn_resp add_offsets;
    struct txn_offset_commit_resp commit_offsets;
    struct end_txn_resp end;
};

struct produce_ask *ask_new(enum produce_kind kind, enum call_to to);
void *ask_array(struct produce_ask *a, size_t count, size_t size);
void ask_free(struct produce_ask *a);

#endif
