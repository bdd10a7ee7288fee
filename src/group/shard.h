/* The coordinator of classic groups: a replicated shard over one partition of __consumer_offsets.
 * It holds the groups whose names fall there, and all committed offsets of them.
 *
 * The host gives it requests, time, and the fate of what it writes; it gives answers and writes:
 *
 *   handle or tick → out.done: requests that are answered; out.writes: records to append, in order
 *   each write is appended as one batch, then group_shard_appended or group_shard_refused
 *   when it is committed (or will not be), group_shard_committed
 *
 * Hard state is what records say: committed offsets, and for each group the last metadata record.
 * Only replay changes it: of the log when it is loaded, of its own writes once they are appended.
 * Soft state is what Apache Kafka keeps in memory, too: who is about to join, parked requests,
 * sessions. It is lost with the shard; members of a loaded group get a fresh session.
 *
 * A request is answered when what it waits for is there: a join when the rebalance completes, a
 * sync when the leader's assignment is committed, a commit when its records are; reads of offsets
 * wait for all writes before them, so that no offset that was told is ever taken back.
 *
 * Pure: no I/O, no clock, no thread. One caller at a time. */
#ifndef GROUP_SHARD_H
#define GROUP_SHARD_H

#include "base/arena.h"
#include "base/list.h"
#include "group/records.h"

struct group_shard;

struct group_config {
    int32_t min_session_ms, max_session_ms; /* group.min/max.session.timeout.ms */
    int32_t initial_delay_ms;               /* group.initial.rebalance.delay.ms */
    int32_t max_size;                       /* group.max.size */
    int32_t offset_metadata_max_bytes;      /* offset.metadata.max.bytes */
    int64_t retention_ms;                   /* offsets.retention.minutes */
    int64_t retention_check_ms;             /* offsets.retention.check.interval.ms */
};

struct group_shard_args {
    const struct group_config *config; /* outlives the shard */
    /* Fills bytes with what nobody can guess: member ids are made of it. */
    void (*random)(void *ctx, void *p, size_t len);
    void *ctx;
};

/* now_ms for timers only (it never goes back); wall_ms is what records say. */
struct group_time {
    int64_t now_ms, wall_ms;
};

enum group_op {
    GROUP_JOIN,           /* struct join_group_req → struct join_group_resp */
    GROUP_SYNC,           /* struct sync_group_req → struct sync_group_resp */
    GROUP_HEARTBEAT,      /* struct heartbeat_req → struct heartbeat_resp */
    GROUP_LEAVE,          /* struct leave_group_req → struct leave_group_resp */
    GROUP_COMMIT,         /* struct offset_commit_req → struct offset_commit_resp */
    GROUP_DELETE_OFFSETS, /* struct offset_delete_req → struct offset_delete_resp */
    GROUP_FETCH, /* struct group_fetch → struct offset_fetch_resp_offset_fetch_response_group */
    GROUP_DESCRIBE, /* struct str → struct describe_groups_resp_described_group */
    GROUP_LIST,     /* struct list_groups_req → struct list_groups_resp */
    GROUP_DELETE,   /* struct str → struct delete_groups_resp_deletable_group_result */
};

/* One group's part of an OffsetFetch, as from version 8 on. Topics have a name; their ids are for
 * comparison with what was committed. */
struct offset_fetch_req_offset_fetch_request_group;
struct group_fetch {
    const struct offset_fetch_req_offset_fetch_request_group *group;
    bool require_stable;
};

/* A request. The host owns it, and leaves it and all behind its pointers alone until it comes out
 * as done. Commits carry the names and the ids of their topics in all versions. */
struct group_req {
    enum group_op op;
    int version; /* of the API */
    const void *msg;
    struct arena *arena; /* the response is made in it; it refers to nothing of the shard */
    struct str client_id;
    struct str client_host; /* "/127.0.0.1" */

    struct list_node node;
    void *resp; /* NULL: there was no memory for it */
};

/* What is to be appended as one batch. */
struct group_write {
    struct list_node node;
    struct group_records records; /* at least one */
};

struct group_out {
    struct list done;   /* of struct group_req */
    struct list writes; /* of struct group_write, the shard's */
};

void group_out_init(struct group_out *out);

struct group_shard *group_shard_new(const struct group_shard_args *args);
/* After group_shard_unload. */
void group_shard_free(struct group_shard *s);

/* --- loading --- */

struct group_replay {
    struct group_record record;
    int64_t off;         /* in the log */
    int64_t producer_id; /* −1; else the offset is pending until the transaction ends */
};

/* Applies one record of the log. Types of other kinds of groups are passed over. MALFORMED: it
 * cannot be understood, and has changed nothing. NO_MEMORY. */
must_check enum err group_shard_replay(struct group_shard *s, const struct group_replay *r);

/* The end of a transaction that the log tells of. */
must_check enum err group_shard_end_txn(struct group_shard *s, int64_t producer_id, bool is_commit);

/* All is replayed: sessions begin. Before it nothing but replay may be called. */
void group_shard_loaded(struct group_shard *s, struct group_time t, struct group_out *out);

/* --- life --- */

void group_shard_handle(struct group_shard *s, struct group_req *req, struct group_time t,
                        struct group_out *out);

/* When group_shard_tick is due, on the scale of now_ms; INT64_MAX: never. */
int64_t group_shard_deadline(const struct group_shard *s);
void group_shard_tick(struct group_shard *s, struct group_time t, struct group_out *out);

/* A topic is no more: its offsets go. */
void group_shard_drop_topic(struct group_shard *s, struct str topic, struct group_time t,
                            struct group_out *out);

/* The write is in the log from base_off on. An error (NO_MEMORY) means that the shard lacks what
 * the log has: it is to be unloaded. */
must_check enum err group_shard_appended(struct group_shard *s, struct group_write *w,
                                         int64_t base_off);
/* It is not, and never will be, because of e (one of Kafka's): what it was for is undone. Frees w.
 */
void group_shard_refused(struct group_shard *s, struct group_write *w, enum err e,
                         struct group_time t, struct group_out *out);
/* After appended, in order of appending. OK: it is committed. Else nobody knows; whoever waits gets
 * the error. Frees w. */
void group_shard_committed(struct group_shard *s, struct group_write *w, enum err e,
                           struct group_time t, struct group_out *out);

/* The partition is led elsewhere or lost: everybody who waits is told NOT_COORDINATOR, and all
 * writes that were not settled are freed. Only group_shard_free may follow. */
void group_shard_unload(struct group_shard *s, struct group_out *out);

/* Answers req with an error as a whole, as the API does it: for a host without a shard for it. */
void group_req_fail(struct group_req *req, enum err e);

/* Apache Kafka's error for a failed append. */
enum err group_append_error(enum err e);

/* --- for tests, tools and metrics --- */

size_t group_shard_bytes(const struct group_shard *s);
int32_t group_shard_count(const struct group_shard *s);

/* Calls for each group, then for each of its committed offsets, those of a topic together, and at
 * its end. Texts are valid until then. */
struct group_visitor {
    void (*on_group)(void *ctx, struct str group, const char *state, int32_t members);
    void (*on_offset)(void *ctx, struct str group, struct str topic, int32_t partition,
                      int64_t off);
    void (*on_group_end)(void *ctx);
    void *ctx;
};
void group_shard_visit(const struct group_shard *s, const struct group_visitor *v);

/* The hard state as text, sorted: equal texts, equal states. */
void group_shard_print(const struct group_shard *s, struct buf *out);

#endif
