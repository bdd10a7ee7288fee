/* Fetch sessions (KIP-227): what a consumer follows is remembered here, so that its fetches name
 * only what changed and answers carry only what is new.
 *
 * The cache is shared by all workers and locked. A session that a request works with is `busy` and
 * belongs to that request's worker until fetch_session_release: a second request for it is refused
 * as one with a wrong epoch. */
#ifndef BROKER_FETCH_SESSION_H
#define BROKER_FETCH_SESSION_H

#include "base/list.h"
#include "base/map.h"
#include "base/uuid.h"
#include "log/log.h"

enum { FETCH_SESSION_NONE = 0, FETCH_EPOCH_FIRST = 0, FETCH_EPOCH_FINAL = -1 };

/* One partition that a fetch asks for; within a session, what it was told last. */
struct fetch_part {
    struct map_node node;
    struct list_node order;
    struct str topic; /* owned; null in sessions by topic id */
    struct uuid topic_id;
    int32_t index;
    int32_t max_bytes;
    int32_t leader_epoch;       /* −1: do not check */
    int32_t last_fetched_epoch; /* −1: do not check */
    int64_t off;
    int64_t told_high_watermark, told_start_off; /* −1: nothing yet */
    struct log_hint hint;
};

struct fetch_session {
    struct map_node node;
    int32_t id;
    int32_t epoch; /* that the next request must have */
    bool by_topic_id;
    bool is_busy;
    bool is_removed; /* freed when it is not busy any more */
    int64_t created_ms, used_ms;
    struct map parts;
    struct list order; /* who goes first next time */
};

struct fetch_sessions;

struct fetch_sessions *fetch_sessions_new(int max_count, uint64_t seed);
void fetch_sessions_free(struct fetch_sessions *s);
int fetch_sessions_count(struct fetch_sessions *s);

/* The session of an incremental fetch, busy. FETCH_SESSION_ID_NOT_FOUND,
 * INVALID_FETCH_SESSION_EPOCH or FETCH_SESSION_TOPIC_ID_ERROR. */
must_check enum err fetch_session_take(struct fetch_sessions *s, int32_t id, int32_t epoch,
                                       bool by_topic_id, struct fetch_session **ret_session);

/* A fresh session, busy, with room made for it; NULL when the cache is full of sessions in use. */
struct fetch_session *fetch_session_open(struct fetch_sessions *s, bool by_topic_id,
                                         int32_t part_count, int64_t now_ms);

/* The request is over. */
void fetch_session_release(struct fetch_sessions *s, struct fetch_session *session, int64_t now_ms);

/* Closes it; no-op for an unknown id. */
void fetch_session_close(struct fetch_sessions *s, int32_t id);

/* --- what a busy session follows --- */

/* Adds or updates; key is (topic or id, index). Copies the name. NULL without memory. */
struct fetch_part *fetch_session_put(struct fetch_session *session, const struct fetch_part *want);
void fetch_session_forget(struct fetch_session *session, struct str topic, struct uuid id,
                          int32_t index);

/* To the end of the order: it was served, others go first next time. */
void fetch_session_served(struct fetch_session *session, struct fetch_part *part);

#endif
