/* One request to the cluster and what came of it. The submitter fills the first part and owns the
 * memory; the core fills the second and hands the call back exactly once, with or without answer.
 * Until then everything that the call points to must stay. */
#ifndef CLIENT_CORE_CALL_H
#define CLIENT_CORE_CALL_H

#include "base/err.h"
#include "base/list.h"
#include "base/str.h"

enum call_to {
    CALL_ANY,
    CALL_NODE,
    CALL_CONTROLLER,
    CALL_COORDINATOR,
};

enum { CALL_KEY_GROUP = 0, CALL_KEY_TXN = 1 };

enum call_state { CALL_NEW, CALL_WAITING, CALL_QUEUED, CALL_SENT, CALL_DONE };

struct link;

struct call {
    int16_t api_key;
    int16_t version_lo, version_hi; /* that msg can be sent as */
    enum call_to to;
    int32_t node_id; /* CALL_NODE */
    int8_t key_type; /* CALL_COORDINATOR */
    struct str key;
    void *msg;      /* the request's struct; the refs of its records are struct parcel */
    size_t parcels; /* how many of them, at most */
    /* Changes msg to what this version wants; may be NULL. */
    void (*fit)(void *msg, int version);
    int64_t deadline_ms;
    uint32_t lane;      /* COORDINATOR: over connections of its own, because a join holds up what is
                           behind it; 0: over those that all share */
    int32_t timeout_ms; /* unanswered for so long, the connection is given up; 0:
                           request.timeout.ms */
    bool is_fresh;      /* what was known of the controller or coordinator was wrong */
    bool has_no_answer; /* done when it is sent */
    bool is_once; /* ends when a connection breaks, or cannot be made, or new metadata do not know
                     the broker: its asker looks for another one */
    void (*done)(struct call *c); /* the host's thread; afterwards the call is the submitter's */
    void *ctx;

    enum err err;
    char why[256];       /* with err: a sentence, or empty */
    int version;         /* of the answer */
    int32_t answerer;    /* node id, or < 0: a bootstrap address */
    int16_t txn_version; /* transaction.version of the cluster; -1: not told yet */
    uint8_t *frame;      /* the submitter frees it */
    size_t frame_len, body_at;

    struct list_node node;
    enum call_state state;
    struct link *link; /* QUEUED, SENT */
    int tries;
    int64_t retry_at_ms;
    bool is_unknown;     /* NODE: the cluster has no such broker, by what is known since */
    uint32_t unknown_at; /* the core's meta_count then */
};

#endif
