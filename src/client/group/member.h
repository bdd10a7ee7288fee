/* A member of a consumer group: joining, sharing, heartbeats, leaving; by the classic protocol, or
 * by the one of KIP-848, in which the coordinator shares. A stepper: member_next gives what is to
 * be asked, member_take gets what came of it; what only the consumer's user can do (let go of
 * partitions, take others) is a task for the thread that polls. Pure; callers hold one lock.
 *
 *   OUT ──poll──▶ PREPARING ──let go──▶ JOINING ──▶ LEADING ──▶ SYNCING ──▶ ADOPTING ──taken──▶
 * STABLE ▲                    └──(not the leader)──▲                                 │
 *                     └──────────── poll, when the group is to be shared anew ────────────────────┘
 *
 * By KIP-848 it is JOINING until the first heartbeat was answered, then STABLE, and ADOPTING when
 * an answer gave it other partitions.
 *
 * An error of the coordinator's leads from anywhere back to OUT or JOINING: without a member id
 * when the coordinator does not know it. Whoever stays there with partitions has lost them. */
#ifndef CLIENT_GROUP_MEMBER_H
#define CLIENT_GROUP_MEMBER_H

#include "base/rand.h"
#include "client/config.h"
#include "client/error.h"
#include "client/group/roster.h"
#include "client/metrics.h"

#include <regex.h>

enum member_state {
    MEMBER_OUT,
    MEMBER_PREPARING,
    MEMBER_JOINING,
    MEMBER_LEADING, /* waits for metadata of the group's topics */
    MEMBER_SYNCING,
    MEMBER_ADOPTING,
    MEMBER_STABLE,
};

enum member_task {
    MEMBER_NOTHING,
    MEMBER_REVOKE, /* let go of revoked */
    MEMBER_LOSE,   /* revoked are gone already */
    MEMBER_ADOPT,  /* let go of revoked, take added */
    MEMBER_FAIL,   /* tell the user of code and why */
};

enum member_ask_kind {
    MEMBER_JOIN,
    MEMBER_SYNC,
    MEMBER_HEARTBEAT,
    MEMBER_LEAVE, /* of either protocol */
    MEMBER_TOPICS,
    MEMBER_BEAT, /* KIP-848's heartbeat, which does all of it */
};

/* A request. Owner: who got it from member_next, until member_take or member_drop. */
struct member_ask {
    enum member_ask_kind kind;
    int16_t api_key, version_lo, version_hi;
    bool to_group;      /* the coordinator; else any broker */
    bool is_fresh;      /* what was known of the coordinator was wrong */
    int32_t timeout_ms; /* for the answer */
    uint32_t turn;
    int64_t at_ms; /* when it was asked */
    union {
        struct join_group_req join;
        struct sync_group_req sync;
        struct heartbeat_req heartbeat;
        struct leave_group_req leave;
        struct metadata_req metadata;
        struct consumer_group_heartbeat_req beat;
    } req;
    struct arena arena;
};

/* The answer to any of them. */
union member_resp {
    struct join_group_resp join;
    struct sync_group_resp sync;
    struct heartbeat_resp heartbeat;
    struct leave_group_resp leave;
    struct metadata_resp metadata;
    struct consumer_group_heartbeat_resp beat;
};

/* Partitions by the ids of their topics. */
struct id_part {
    struct uuid topic;
    int32_t partition;
};

struct id_parts {
    struct id_part *items;
    size_t count, cap;
};

/* What only a member by KIP-848 has. */
struct member_848 {
    struct id_parts given;           /* by the last assignment */
    struct id_parts adopting, owned; /* as member.target and member.owned */
    bool has_adopted;                /* anything, maybe nothing, since it joined */
    bool has_given;                  /* that is not looked at yet */
    bool is_unresolved;              /* ids in it are not known: metadata is wanted */
    bool has_told_topics, has_told_owned;
    bool tells_all;        /* a heartbeat may not have arrived */
    bool matches_here;     /* the coordinator is too old for patterns: they are names, to it */
    bool has_told_pattern; /* since it joined */
    struct uuid *ids;      /* of names, as metadata last told */
    char **names;
    size_t id_count;
};

/* A topic as metadata last told of it. */
struct member_topic {
    char *name;
    int32_t partition_count;
};

struct member {
    const struct client_values *config;
    struct rand rand;
    enum member_state state;
    uint32_t turn; /* grows when asks under way do not matter any more */

    /* what the user wants */
    bool is_subscribed;
    char **topics; /* in order */
    size_t topic_count;
    bool has_pattern, knows_topics; /* the topics are those that match, once they are known */
    char *pattern_text;
    bool is_compiled; /* pattern is; else why_not: for a coordinator that matches it does not matter
                       */
    regex_t pattern;
    char why_not[160];
    int64_t poll_at_ms;
    bool is_waiting; /* in poll, for something to happen */

    /* who it is */
    char *id; /* "": none */
    int32_t generation;
    const struct assignor *assignors[4];
    size_t assignor_count;
    const struct assignor *assignor; /* the group's */
    bool is_cooperative;
    bool is_leader;
    bool skips_assignment;
    struct roster roster;                                        /* the leader's */
    struct sync_group_req_sync_group_request_assignment *shares; /* in the roster's arena */
    struct tps owned;                                            /* what the user has */
    struct tps target;                                           /* what the group gave */
    struct tps kept; /* the last target and its generation, for sticky */
    int32_t kept_generation;

    bool is_848;
    struct member_848 s848;

    /* the task that is being done */
    enum member_task task;
    struct tps revoked, added;

    /* what is under way, and when */
    bool wants_join;
    char reason[128]; /* of the next join */
    bool is_asking, is_beating, is_leaving, is_asking_topics;
    bool is_coordinator_stale;
    int failures;
    int64_t retry_at_ms;
    int64_t beat_at_ms;         /* the next */
    int64_t alive_at_ms;        /* the coordinator's last sign */
    char *leave_id;             /* who leaves; NULL: nobody */
    int32_t leave_epoch;        /* by KIP-848: -1, or -2 for one that comes back */
    struct member_topic *known; /* what the leader, or a pattern, watches */
    size_t known_count;
    int64_t watch_at_ms;
    int watch_failures;

    int code; /* what poll has to tell */
    char why[256];
    bool is_fatal;                 /* until it subscribes again */
    struct buf messages, warnings; /* to people, a line each; who asks takes them */
    struct member_metrics metrics;
};

/* BAD_CONFIG: partition.assignment.strategy. */
int member_init(struct member *m, const struct client_values *config, uint64_t seed,
                struct ottla_error *error);
void member_deinit(struct member *m); /* after all asks were dropped */

/* --- the user's thread --- */

void member_subscribe(struct member *m, const char *const *topics, size_t count);
int member_subscribe_pattern(struct member *m, const char *pattern, struct ottla_error *error);
void member_poll(struct member *m, int64_t now_ms);
/* Shared anew, at the next poll. */
void member_rejoin(struct member *m, const char *reason);
/* What is to be done now, with m->revoked and m->added; then member_end_task, or after a failure
 * member_told. */
enum member_task member_begin_task(struct member *m);
void member_told(struct member *m);
void member_end_task(struct member *m, int64_t now_ms);
/* Lets go: revoked gets what it had; LOSE or REVOKE says how. Then it is no subscriber any more;
 * tells_group: the coordinator hears of it. */
enum member_task member_begin_leave(struct member *m);
void member_end_leave(struct member *m, bool tells_group, const char *reason);
bool member_has_left(const struct member *m);

/* May commit as m->id of m->generation: 0; else the code that says why not. */
int member_may_commit(const struct member *m);
/* What a commit in that generation was refused with. */
void member_refused(struct member *m, int32_t generation, int code);

/* --- who asks --- */

struct member_ask *member_next(struct member *m, int64_t now_ms);
void member_take(struct member *m, struct member_ask *ask, enum err e, const void *resp,
                 int64_t now_ms);
void member_drop(struct member *m, struct member_ask *ask);
void member_fit(void *msg, int version); /* call.fit of an ask's request */
/* When member_next may have something that it had not; INT64_MAX: after an answer only. */
int64_t member_deadline_ms(const struct member *m, int64_t now_ms);

#endif
