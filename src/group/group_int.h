/* What the files of the group coordinator share; nobody else includes it. */
#ifndef GROUP_GROUP_INT_H
#define GROUP_GROUP_INT_H

#include "base/heap.h"
#include "base/map.h"
#include "group/shard.h"
#include "wire/messages.h"

enum {
    GROUP_NEW_MEMBER_JOIN_MS = 5 * 60 * 1000, /* a join of a new member waits no longer */
    GROUP_SCRATCH_BYTES = 256 << 20,          /* to decode one record */
    GROUP_CHUNK_BYTES = 256 << 10,            /* tombstones that are appended at once */
};

/* The states of a group, and from where each is reached:
 *   Empty ← Preparing; Preparing ← Empty, Stable, Completing; Completing ← Preparing;
 *   Stable ← Completing. A group that is Dead has no struct any more. */
enum group_state {
    GROUP_EMPTY,
    GROUP_PREPARING,
    GROUP_COMPLETING,
    GROUP_STABLE,
};

enum gtimer_kind {
    TIMER_SESSION, /* of a member */
    TIMER_PENDING, /* of a member id that was handed out */
    TIMER_JOIN,    /* of a group: the rebalance timeout */
    TIMER_INITIAL, /* of a group: the delay of its first rebalance */
    TIMER_SYNC,    /* of a group: all must have synced */
    TIMER_EXPIRY,  /* of the shard: old offsets */
};

struct gtimer {
    struct heap_node node;
    enum gtimer_kind kind;
};

/* Names that count: protocols by members that know them, topics by nothing. */
struct name_entry {
    struct map_node node;
    int32_t count;
    size_t len;
    char text[];
};

struct protocol {
    struct str name;
    struct bytes metadata;
};

/* In one allocation, texts included. */
struct protocol_list {
    int32_t count;
    struct protocol v[];
};

struct group;

struct member {
    struct map_node by_id;
    struct map_node by_instance; /* if it is static */
    struct list_node order;      /* in the order of joining */
    struct group *group;
    struct str id;       /* owned, as all texts here */
    struct str instance; /* null: a dynamic member */
    struct str client_id, client_host;
    int32_t session_ms, rebalance_ms;
    struct protocol_list *protocols;
    struct bytes assignment;       /* null p: empty */
    struct group_req *join, *sync; /* parked */
    bool is_new;                   /* was in no generation yet */
    bool is_pending_sync;
    struct gtimer timer;
};

/* A member id that was handed out, not joined with yet. */
struct pending_member {
    struct map_node by_id;
    struct group *group;
    struct str id;
    struct gtimer timer;
};

struct offset_entry {
    struct map_node by_part;
    int32_t part;
    int32_t open_txns; /* pending offsets of this partition */
    bool is_set;       /* v holds; false: there are only pending ones */
    struct group_offset v;
};

struct offset_topic {
    struct map_node by_name;
    struct str name;
    struct map parts;
};

struct group {
    struct map_node by_name;
    struct str name;
    uint64_t seed; /* of its tables: the shard's */
    enum group_state state, previous;
    int64_t state_ms;         /* since when, wall clock; −1: unknown */
    struct str protocol_type; /* null: none, a simple group */
    struct str protocol;      /* null: none */
    int32_t generation;

    struct member *leader;
    struct list order; /* of members */
    struct map members, statics, pending;
    struct map protocols;
    int32_t joined_count;       /* members with a parked join */
    int32_t pending_sync_count; /* members that have not synced in this generation */
    bool is_member_added;       /* during the initial delay */

    bool knows_topics; /* of a consumer group whose subscriptions can be read */
    struct map topics;

    struct gtimer timer; /* join or initial */
    struct gtimer sync_timer;
    int32_t delay_ms, remaining_ms; /* of the initial delay */

    struct map offsets; /* of struct offset_topic */
    bool has_record;    /* hard: its metadata record, as its hash */
    uint64_t record_hash;
};

enum write_kind {
    WRITE_PLAIN,
    WRITE_NEW_GROUP, /* refused: the group is not */
    WRITE_ASSIGNMENT,
    WRITE_STATIC, /* a static member got a new id */
};

/* What a write was for. Groups and members are looked up again by name: they may be gone. */
struct write {
    struct group_write pub;
    enum write_kind kind;
    struct list waiting; /* requests to be answered by it, their responses made */
    struct str group;
    int32_t generation;
    /* WRITE_STATIC */
    struct str member; /* the new id */
    struct str leader; /* as it was before */
    struct member old; /* id, protocols, timeouts; owned */
};

struct pending_offset {
    struct list_node node; /* in the shard's, oldest first */
    int64_t producer_id;
    struct str group, topic; /* owned */
    int32_t part;
    struct group_offset v;
};

struct group_shard {
    const struct group_config *config;
    struct group_shard_args args;
    uint64_t seed; /* of the hash tables, whose keys come from clients */
    struct map groups;
    struct heap timers;
    struct gtimer expiry;
    struct list in_flight; /* of struct write: appended */
    struct list pending_offsets;
    size_t bytes; /* of memory, by group_mem */
    struct arena scratch;
    bool is_live; /* loaded */

    /* within one call from outside */
    struct group_time t;
    struct group_out *out;
};

/* --- memory: counted, sized by peers (mem.c) --- */

must_check void *group_mem(struct group_shard *s, size_t size); /* zeroed; NULL */
void group_mem_free(struct group_shard *s, const void *p);
must_check bool group_copy_str(struct group_shard *s, struct str from, struct str *ret);
must_check bool group_copy_bytes(struct group_shard *s, struct bytes from, struct bytes *ret);
void group_drop_str(struct group_shard *s, struct str *v);
/* More memory would be too much: what is new is refused. */
bool group_is_full(const struct group_shard *s, size_t more);

/* --- groups and members (group.c) --- */

struct group *group_find(const struct group_shard *s, struct str name);
must_check struct group *group_new(struct group_shard *s, struct str name); /* in the shard */
void group_free(struct group_shard *s, struct group *g); /* out of it; who is parked is answered */
/* The same apart from the shard's table. */
must_check struct group *group_make(struct group_shard *s, struct str name);
void group_insert(struct group_shard *s, struct group *g);
void group_discard(struct group_shard *s, struct group *g);
void group_set_state(struct group_shard *s, struct group *g, enum group_state state);
must_check bool group_set_text(struct group_shard *s, struct str *field, struct str v);
const char *group_state_name(const struct group *g);

struct member *group_member(const struct group *g, struct str id);
struct member *group_static(const struct group *g, struct str instance);
struct pending_member *group_pending(const struct group *g, struct str id);
static inline int32_t group_size(const struct group *g) { return (int32_t)g->members.count; }

/* Leaves the list; NULL without memory. */
struct protocol_list *protocols_copy(struct group_shard *s,
                                     const struct join_group_req_join_group_request_protocol *v,
                                     int32_t count);
struct protocol_list *protocols_one(struct group_shard *s, struct str name, struct bytes metadata);
bool protocols_match(const struct protocol_list *p,
                     const struct join_group_req_join_group_request_protocol *v, int32_t count);
struct bytes member_metadata(const struct member *m, struct str protocol);

struct member_args {
    struct str id, instance, client_id, client_host;
    int32_t session_ms, rebalance_ms;
    struct protocol_list *protocols; /* taken over, freed on failure, too */
};
/* Into the group: NULL without memory. */
must_check struct member *member_new(struct group_shard *s, struct group *g,
                                     const struct member_args *a);
/* Out of the group; whoever is parked for it is answered. The next in order becomes leader. */
void member_remove(struct group_shard *s, struct member *m);
/* The list that it had is the caller's. */
must_check bool member_set_protocols(struct group_shard *s, struct member *m,
                                     struct protocol_list *p);
void member_rename(struct group_shard *s, struct member *m, struct str *id); /* swaps */
void pending_free(struct group_shard *s, struct pending_member *p);
must_check bool pending_add(struct group_shard *s, struct group *g, struct str id, int32_t ms);

/* Whether a member that knows these protocols can be one of the group. */
bool group_supports(const struct group *g, const struct join_group_req *req);
/* The protocol with the most votes among those that all know; null without members. */
struct str group_vote(struct group_shard *s, const struct group *g);
void group_learn_topics(struct group_shard *s, struct group *g);
bool group_is_subscribed(const struct group *g, struct str topic);
bool group_is_consumer(const struct group *g);

/* FENCED_INSTANCE_ID, UNKNOWN_MEMBER_ID. */
must_check enum err group_check_member(const struct group *g, struct str id, struct str instance);

/* --- timers (shard.c) --- */

void timer_set(struct group_shard *s, struct gtimer *t, enum gtimer_kind kind, int64_t delay_ms);
static inline void timer_cancel(struct group_shard *s, struct gtimer *t)
{
    heap_remove(&s->timers, &t->node);
}
void member_touch(struct group_shard *s, struct member *m); /* its session begins anew */

/* --- writes (write.c) --- */

/* g may be NULL. */
struct write *write_new(struct group_shard *s, enum write_kind kind, const struct group *g);
void write_name_member(struct write *w, struct str member, struct str leader);
/* To the host; a write that could not be made is refused at once. */
void write_emit(struct group_shard *s, struct write *w);
void write_free(struct group_shard *s, struct write *w);

/* The request is answered with what is appended, or now. */
void req_done(struct group_shard *s, struct group_req *req);
/* ... when all that was written so far is committed. */
void req_done_after_writes(struct group_shard *s, struct group_req *req);

/* --- responses (respond.c) --- */

/* False when there is no room: the request is answered by that already. */
bool keep_str(struct group_req *req, struct str v, struct str *ret);
bool keep_bytes(struct group_req *req, struct bytes v, struct bytes *ret);
void req_no_room(struct group_shard *s, struct group_req *req);
void join_fail(struct group_shard *s, struct group_req *req, enum err e, struct str member_id);
/* The response of a member of the present generation; false when there is no room. */
bool join_fill(struct group_req *req, const struct member *m, struct str leader, bool has_members);
void join_answer(struct group_shard *s, struct member *m); /* the parked one, with the generation */
void sync_answer(struct group_shard *s, struct group_req *req, const struct member *m);
/* The response to an OffsetCommit: every partition that it names, without an error yet. NULL when
 * there is no room. */
struct offset_commit_resp *commit_answer(struct group_req *req);
void req_fail_now(struct group_shard *s, struct group_req *req, enum err e);

/* --- rebalance (rebalance.c) --- */

void rebalance_prepare(struct group_shard *s, struct group *g);
void rebalance_or_complete(struct group_shard *s, struct group *g);
void rebalance_try_complete(struct group_shard *s, struct group *g);
void rebalance_on_join_timer(struct group_shard *s, struct group *g);
void rebalance_on_initial_timer(struct group_shard *s, struct group *g);
void rebalance_on_sync_timer(struct group_shard *s, struct group *g);
void rebalance_on_session_timer(struct group_shard *s, struct member *m);
void rebalance_on_pending_timer(struct group_shard *s, struct pending_member *p);
void rebalance_synced(struct group_shard *s, struct member *m); /* it has sent its SyncGroup */
void rebalance_assignment_settled(struct group_shard *s, struct group *g, enum err e);
/* The group's metadata record, as its members are now. */
void put_group_record(struct group_shard *s, struct group_records *rs, const struct group *g);

/* --- requests --- */

typedef void group_handler(struct group_shard *s, struct group_req *req);
group_handler handle_join;                                       /* join.c */
group_handler handle_sync, handle_heartbeat, handle_leave;       /* sync.c */
group_handler handle_commit, handle_fetch, handle_offset_delete; /* offsets.c */
group_handler handle_describe, handle_list, handle_delete;       /* admin.c */
void join_static_settled(struct group_shard *s, struct write *w, enum err e);
void join_static_refused(struct group_shard *s, struct write *w, enum err e);

/* --- offsets (store.c, expire.c) --- */

struct offset_topic *offset_topic_find(const struct group *g, struct str name);
struct offset_entry *offset_find(const struct group *g, struct str topic, int32_t part);
must_check struct offset_entry *offset_make(struct group_shard *s, struct group *g,
                                            struct str topic, int32_t part);
/* No more is kept of it than is needed. */
void offset_tidy(struct group_shard *s, struct group *g, struct str topic, struct offset_entry *e);
must_check enum err offset_set(struct group_shard *s, const struct group_offset_key *key,
                               const struct group_offset *v);
void offset_unset(struct group_shard *s, const struct group_offset_key *key);
void offsets_free(struct group_shard *s, struct group *g);
must_check enum err pending_offset_add(struct group_shard *s, const struct group_offset_key *key,
                                       const struct group_replay *r, const struct group_offset *v);
void pending_offsets_free(struct group_shard *s);
void drop_all_offsets(struct group_shard *s, const struct group *g, struct group_records *rs);
void expire_offsets(struct group_shard *s);

/* --- the group's metadata record (replay.c) --- */

must_check enum err replay_record(struct group_shard *s, const struct group_replay *r);

#endif
