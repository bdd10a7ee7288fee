/* Between the files of the fetcher. */
#ifndef CLIENT_FETCHER_INT_H
#define CLIENT_FETCHER_INT_H

#include "client/fetcher.h"

/* fetcher_parts.c */
void part_unref(struct part *p);
void part_drop_source(struct part *p);
void part_remove(struct fetcher *f, struct part *p);
void part_later(struct fetcher *f, struct part *p, int64_t now_ms);
bool part_is_idle(const struct part *p, int64_t now_ms);
/* An error of a partition: it passes when another broker is asked, or is told. */
void part_failed(struct fetcher *f, struct part *p, int code, int64_t now_ms);
void fetcher_fail(struct fetcher *f, const struct part *p, int code, const char *said);
void fetcher_say(struct fetcher *f, const struct part *p, const char *fmt, ...) printf_like(3, 4);
/* Where auto.offset.reset says; 0: nowhere, an error unless somebody seeks. */
int64_t fetcher_reset_ts(const struct fetcher *f, int64_t now_ms);

/* fetcher_ask.c */
struct ask *fetcher_ask_new(struct fetcher *f, enum ask_kind kind, int32_t node);
void fetcher_ask_add(struct ask *a, struct part *p);
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

/* fetcher_epochs.c */
/* Another leader than the one that the position is from: it may not have these records. */
bool part_wants_check(const struct part *p);
void part_is_checked(struct part *p); /* by the leader that it has now */
struct ask *fetcher_next_epochs(struct fetcher *f, int64_t now_ms);
void fetcher_take_epochs(struct fetcher *f, struct ask *a,
                         const struct offset_for_leader_epoch_resp *resp, int64_t now_ms);

/* fetcher_committed.c */
struct ask *fetcher_next_committed(struct fetcher *f, int64_t now_ms);
void fetcher_fit_committed(struct ask *a, int version);
void fetcher_take_committed(struct fetcher *f, struct ask *a, const struct offset_fetch_resp *resp,
                            int64_t now_ms);
/* code: there is no answer about p. */
void fetcher_fail_position(struct fetcher *f, struct part *p, int code, int64_t now_ms);

#endif
