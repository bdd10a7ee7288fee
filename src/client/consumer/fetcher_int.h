/* Between the files of the fetcher. */
#ifndef CLIENT_CONSUMER_FETCHER_INT_H
#define CLIENT_CONSUMER_FETCHER_INT_H

#include "client/consumer/fetcher.h"

/* fetcher_parts.c */
/* After each change: puts p where what is next for it is looked for. */
void part_settle(struct part *p);
/* The same for its end: an answer said where that is, or that there is nothing behind p. */
void part_settle_end(struct part *p);
void part_set_id(struct part *p, struct uuid topic_id);
/* preferred_read_replica (KIP-392). */
void part_set_replica(struct part *p, int32_t replica, int64_t until_ms);
static inline int32_t part_read_from(const struct part *p)
{
    return p->replica >= 0 ? p->replica : p->leader;
}
void part_unref(struct part *p);
void part_drop_source(struct part *p);
void part_remove(struct fetcher *f, struct part *p);
void part_later(struct fetcher *f, struct part *p, int64_t now_ms);
/* An error of a partition: it passes when another broker is asked, or is told. */
void part_failed(struct fetcher *f, struct part *p, int code, int64_t now_ms);
/* said NULL: the code's own words. */
void fetcher_fail(struct fetcher *f, const struct part *p, int code, const char *said);
void fetcher_say(struct fetcher *f, const struct part *p, const char *fmt, ...) printf_like(3, 4);
/* Where auto.offset.reset says; 0: nowhere, an error unless somebody seeks. */
int64_t fetcher_reset_ts(const struct fetcher *f, int64_t now_ms);

struct part *fetcher_find_by_name(const struct fetcher *f, struct str topic, int32_t partition);
struct part *fetcher_find_by_id(const struct fetcher *f, struct uuid topic_id, int32_t partition);

/* fetcher_ask.c */
struct ask *fetcher_ask_new(struct fetcher *f, enum ask_kind kind, int32_t node);
struct ask_part *fetcher_ask_hold(struct ask *a, struct part *p);
void fetcher_ask_add(struct ask *a, struct part *p); /* and nobody else asks about it meanwhile */
void *fetcher_ask_array(struct ask *a, size_t size); /* as many as it has partitions */
void fetcher_ask_sort(struct ask *a);                /* by topic and partition */
bool fetcher_ask_is_current(const struct ask_part *ap);
void fetcher_ask_end(struct fetcher *f, struct ask *a);
void fetcher_ask_free(struct ask *a);

/* What a row of an answer is about: a topic by its name, or by its id when that is empty. */
struct ask_key {
    struct str topic;
    struct uuid topic_id;
    int32_t partition;
};

/* The partition that is answered by a row, once; NULL: it is none of the ask's any more. */
struct part *fetcher_ask_answered(struct ask *a, const struct ask_key *k);
/* One after the other of a topic's partitions that had no row; *at is SIZE_MAX at first. NULL at
 * the end. */
struct part *fetcher_ask_answered_all(struct ask *a, const struct ask_key *topic, size_t *at);
/* The i-th partition when the answer did not say anything about it; else NULL. */
struct part *fetcher_ask_silent(const struct ask *a, size_t i);

/* The partition that a row is about; NULL: none of the fetcher's. */
struct part *fetcher_of_key(const struct fetcher *f, const struct ask_key *k);

/* fetcher_fetch.c */
struct ask *fetcher_next_fetch(struct fetcher *f);
void fetcher_fit_fetch(struct ask *a, int version);
void fetcher_take_fetch(struct fetcher *f, struct ask *a, const struct fetch_resp *resp,
                        struct fetched *fetched, int64_t now_ms);
void fetcher_fail_fetch(struct fetcher *f, struct ask *a, int code, int64_t now_ms);

/* fetcher_session.c */
/* p is fetched from that broker; -1: from none. */
void seat_want(struct part *p, int32_t broker);
struct seat *seat_of(const struct part *p, const struct fetch_session *s);
/* An answer to what was told is for the part as it is now. */
bool seat_is_current(const struct seat *seat);
/* The parts of the next request, and its session's id and epoch. Nobody may be asking. */
void session_ask(struct fetch_session *s, struct ask *a);
void session_answered(struct fetch_session *s, const struct ask *a, int32_t id, bool fits);
/* What the broker knows is not known: the next request is a full one. */
void session_reset(struct fetch_session *s);
void session_free(struct fetch_session *s);

/* fetcher_epochs.c */
/* Another leader than the one that the position is from: it may not have these records. */
bool part_wants_check(const struct part *p);
void part_is_checked(struct part *p); /* by the leader that it has now */
struct ask *fetcher_next_epochs(struct fetcher *f);
void fetcher_take_epochs(struct fetcher *f, struct ask *a,
                         const struct offset_for_leader_epoch_resp *resp, int64_t now_ms);

/* fetcher_committed.c */
struct ask *fetcher_next_committed(struct fetcher *f);
void fetcher_fit_committed(struct ask *a, int version);
void fetcher_take_committed(struct fetcher *f, struct ask *a, const struct offset_fetch_resp *resp,
                            int64_t now_ms);
/* code: there is no answer about p. */
void fetcher_fail_position(struct fetcher *f, struct part *p, int code, int64_t now_ms);

#endif
