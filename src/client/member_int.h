/* Between the files of a member. */
#ifndef CLIENT_MEMBER_INT_H
#define CLIENT_MEMBER_INT_H

#include "client/member.h"

/* member.c */
/* Out of the group, with or without the id that it had; polls join again. */
void member_reset(struct member *m, bool keeps_id);
void member_fail(struct member *m, int code, const char *said);
void member_later(struct member *m, int64_t now_ms); /* the same again, after a while */
void member_set_text(char **at, struct str text);
bool member_is_in(const struct member *m); /* the coordinator wants heartbeats */

/* member_ask.c: requests */
struct member_ask *member_ask_join(struct member *m);
struct member_ask *member_ask_sync(struct member *m);
struct member_ask *member_ask_heartbeat(struct member *m);
struct member_ask *member_ask_leave(struct member *m);
struct member_ask *member_ask_topics(struct member *m);

/* member_topics.c: what metadata says */
void member_take_topics(struct member *m, enum err e, const struct metadata_resp *resp,
                        int64_t now_ms);
void member_forget_known(struct member *m);
void member_set_topics(struct member *m, const char *const *topics, size_t count);
bool member_wants_topic(const struct member *m, const char *topic);
bool member_wants_metadata(const struct member *m, int64_t now_ms);

#endif
