/* Between the files of the fetcher. */
#ifndef CLIENT_FETCHER_INT_H
#define CLIENT_FETCHER_INT_H

#include "client/fetcher.h"

/* fetcher.c */
void fetcher_fail(struct fetcher *f, const struct part *p, int code, const char *said);
void part_later(struct fetcher *f, struct part *p, int64_t now_ms);
bool part_is_idle(const struct part *p, int64_t now_ms);
struct ask *fetcher_ask_new(struct fetcher *f, enum ask_kind kind, int32_t node);
void fetcher_ask_add(struct ask *a, struct part *p);
void *fetcher_ask_array(struct ask *a, size_t size); /* as many as it has partitions */
bool fetcher_ask_is_current(const struct ask_part *ap);

/* fetcher_committed.c */
struct ask *fetcher_next_committed(struct fetcher *f, int64_t now_ms);
void fetcher_fit_committed(struct ask *a, int version);
void fetcher_take_committed(struct fetcher *f, struct ask *a, const struct offset_fetch_resp *resp,
                            int64_t now_ms);
/* offset < 0: nothing is committed. */
void fetcher_take_position(struct fetcher *f, struct part *p, int code, int64_t offset,
                           int64_t now_ms);

#endif
