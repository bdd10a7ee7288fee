/* What a consumer asks and where it stands: partitions, their leaders, positions and what was
 * fetched. A stepper: fetcher_next gives what is to be asked, fetcher_take gets what came of it.
 * Pure; one thread. */
#ifndef CLIENT_CONSUMER_FETCHER_H
#define CLIENT_CONSUMER_FETCHER_H

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/rand.h"
#include "client/config.h"
#include "client/consumer/records.h"
#include "client/metrics.h"
#include "client/tps.h"
#include "wire/messages.h"

struct fetcher;
struct seat;

struct part {
    struct list_node node;
    struct list_node place; /* in one of the lists of what is next for it (part_settle), or none */
    struct list_node end;   /* in the fetcher's ends */
    struct heap_node later; /* while retry_at_ms is to come */
    struct heap_node lease; /* of replica: how long it is read from */
    struct map_node by_name, by_id;
    struct fetcher *fetcher;
    struct seat *seats; /* in fetch sessions: one where it is fetched, others to be given up */
    int refs;           /* the fetcher, seats, and asks under way */
    bool is_gone;
    bool has_by_id;
    char *topic;
    int32_t partition;
    struct uuid topic_id;
    int32_t leader; /* -1: not known */
    int32_t leader_epoch;
    int32_t replica;  /* to read from instead of the leader; -1: none */
    int64_t position; /* -1: where seek_ts says, once a leader told */
    int64_t seek_ts;
    bool wants_committed;   /* where the group was, before anything else */
    int32_t position_epoch; /* of the batch before the position; -1: none, or not told */
    int32_t checked_leader, checked_epoch; /* who has that position, by what it said or sent */
    int64_t end_off;                       /* -1: not told */
    int64_t log_start;                     /* so, too */
    bool knows_end;                        /* end_off was told since the last seek */
    int64_t told_end;                      /* the end that its user heard of last; -1: none */
    uint32_t turn; /* grows with each seek: answers of earlier turns are not for it */
    bool is_asked; /* anything but fetches, which ask for all of a session */
    bool is_paused;
    int failures;
    int64_t retry_at_ms; /* 0: it need not wait */
    bool has_source;
    struct source source;
    struct fetch_session *session; /* which the source came from */
};

/* A partition in a broker's fetch session, or about to be; see fetcher_session.c. */
struct seat {
    struct list_node node;    /* in the order in which they are asked for when all are */
    struct list_node changed; /* linked: the broker is to be told what is new */
    struct seat *next;        /* of the same partition, in another session */
    struct part *part;
    struct fetch_session *session;
    bool is_wanted;
    bool is_told;    /* all that follows is what the broker was told last */
    uint32_t turn;   /* of the part: answers are for that one */
    uint32_t answer; /* the last one with a row about it */
    int64_t offset;
    int32_t leader_epoch;
    struct uuid topic_id;
};

/* What one broker is asked to send (KIP-227), and what it sent and nobody has read yet. */
struct fetch_session {
    struct list_node node;
    int32_t broker;
    int32_t id, epoch; /* of the next request; epoch 0: it names all */
    uint32_t asked;    /* how many there were */
    bool is_asking;
    bool is_by_name, has_nameless; /* some partition's topic has no id */
    struct list seats, changed;
    size_t wanted_count;
    struct list shelved; /* parts that are paused and have a source, oldest first */
    int64_t held_bytes;  /* answers of which something is still to be read */
};

enum ask_kind { ASK_METADATA, ASK_OFFSETS, ASK_FETCH, ASK_COMMITTED, ASK_EPOCHS, ASK_END_SESSION };

struct ask_part {
    struct part *part;
    uint32_t turn;
    bool is_answered;
    struct uuid topic_id; /* FETCH: that it is named by */
};

enum ask_order { ASK_AS_ADDED, ASK_BY_NAME, ASK_BY_ID };

/* A request. Owner: who got it from fetcher_next, until fetcher_take or fetcher_drop. */
struct ask {
    struct list_node node;
    enum ask_kind kind;
    int32_t to_node; /* -1: any, or with COMMITTED the group's coordinator */
    bool is_fresh;   /* COMMITTED: what was known of the coordinator was wrong */
    int16_t api_key, version_lo, version_hi;
    union {
        struct metadata_req metadata;
        struct list_offsets_req offsets;
        struct fetch_req fetch;
        struct offset_fetch_req committed;
        struct offset_for_leader_epoch_req epochs;
    } req;
    struct offset_fetch_req_offset_fetch_request_group group; /* of committed, by version */
    struct offset_fetch_req_offset_fetch_request_topic *old_topics;
    struct arena arena;
    int64_t at_ms; /* when it was asked */
    struct ask_part *parts;
    size_t part_count, part_cap;
    struct fetch_session *session; /* FETCH, END_SESSION */
    bool is_full;                  /* FETCH: it names all that is wanted */
    /* The first of the parts are taken back, the next, too, but named again under another id. */
    size_t forgotten_count, replaced_count;
    enum ask_order order;
    size_t cursor; /* the part that the next row of the answer should be about */
};

struct fetcher {
    const struct client_values *config;
    struct rand rand;
    struct list parts; /* as they were assigned */
    struct map by_name, by_id;
    struct list todo;  /* parts that cannot be fetched before something was asked */
    struct list ready; /* parts that have records; the one that gives next is first */
    struct list ends;  /* parts that were read to their end, which nobody was told yet */
    bool tells_ends;   /* somebody wants to hear of them */
    struct heap later, leases;
    struct list sessions;
    struct list asks; /* under way */
    bool is_asking_metadata, is_asking_committed, is_coordinator_stale;
    bool has_group;      /* new partitions begin where the group was */
    int64_t wall_off_ms; /* from the times of events to those of records */
    int code;            /* what poll has to tell */
    char why[256];
    struct buf warnings; /* to people, a line each; who asks takes them */
    struct fetch_metrics metrics;
};

void fetcher_init(struct fetcher *f, const struct client_values *config, uint64_t seed);
void fetcher_deinit(struct fetcher *f); /* after all asks were dropped */

struct part *fetcher_find(const struct fetcher *f, const char *topic, int32_t partition);
void fetcher_assign(struct fetcher *f, const struct ottla_topic_partition *partitions, size_t count,
                    int64_t now_ms);
void fetcher_list(const struct fetcher *f, struct tps *to);
int64_t part_lag(const struct part *p);  /* -1: not known */
int64_t part_lead(const struct part *p); /* records behind it; -1: not known */
/* position ≥ 0, or -1 and the time, or OTTLA_OFFSET_…, to look up. */
void part_seek(struct part *p, int64_t position, int64_t seek_ts);
void part_pause(struct part *p, bool is_paused);

/* A partition that was read to its end (p->told_end from now on); NULL: there is none. */
struct part *fetcher_end_reached(struct fetcher *f);

/* The next request; NULL: none now. */
struct ask *fetcher_next(struct fetcher *f, int64_t now_ms);
void ask_fit(void *msg, int version); /* call.fit of an ask's request */

/* e: why there is no answer. Else resp is the decoded answer, and frame, which holds the bytes of
 * its records, is taken over. Frees the ask. */
void fetcher_take(struct fetcher *f, struct ask *ask, enum err e, const void *resp, uint8_t *frame,
                  int64_t now_ms);
void fetcher_drop(struct fetcher *f, struct ask *ask);

/* At the end: for each session that a broker has, a request that ends it; NULL: none is left. */
struct ask *fetcher_next_end(struct fetcher *f);

/* When fetcher_next may have something that it had not; INT64_MAX: after an answer only. */
int64_t fetcher_deadline_ms(const struct fetcher *f, int64_t now_ms);

/* Records that are here, of one partition; NULL: none. */
struct ottla_records *fetcher_records(struct fetcher *f);

#endif
