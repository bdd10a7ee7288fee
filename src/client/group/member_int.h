/* Between the files of a member. */
#ifndef CLIENT_GROUP_MEMBER_INT_H
#define CLIENT_GROUP_MEMBER_INT_H

#include "client/group/member.h"

/* member.c */
/* Out of the group, with or without the id that it had; polls join again. */
void member_reset(struct member *m, bool keeps_id);
void member_say(struct member *m, struct buf *to, const char *fmt, ...) printf_like(3, 4);
void member_fail(struct member *m, int code, const char *said);
void member_later(struct member *m, int64_t now_ms); /* the same again, after a while */
void member_set_text(char **at, struct str text);
void member_set_reason(struct member *m, const char *reason); /* of the next join or leave */
bool member_is_in(const struct member *m);                    /* the coordinator wants heartbeats */

/* member_answers.c */
bool member_passes(int code); /* an error that another try may not meet */
bool member_blames_coordinator(int code);

/* member_subscription.c */
void member_drop_pattern(struct member *m);

/* member_ask.c: requests */
struct member_ask *member_ask_join(struct member *m);
struct member_ask *member_ask_sync(struct member *m);
struct member_ask *member_ask_heartbeat(struct member *m);
struct member_ask *member_ask_leave(struct member *m);
struct member_ask *member_ask_topics(struct member *m);

/* member_848.c */
struct member_ask *member_848_next(struct member *m, int64_t now_ms);
struct member_ask *member_848_ask_leave(struct member *m);
void member_848_take(struct member *m, enum err e, const struct consumer_group_heartbeat_resp *resp,
                     int64_t now_ms);
bool member_848_has_to_tell(const struct member *m);
/* The coordinator matches topics to the pattern. */
bool member_848_gives_pattern(const struct member *m);
void member_848_learn(struct member *m, const struct metadata_resp *resp);
void member_848_resolve(struct member *m); /* what was given, when no task is being done */
void member_848_adopted(struct member *m);
void member_848_reset(struct member *m);
void member_848_deinit(struct member *m);

/* member_ask.c, too */
struct member_ask *member_ask_new(struct member *m, enum member_ask_kind kind, int api_key);
void *member_ask_array(struct member_ask *a, size_t count, size_t size);
struct str member_ask_copy(struct member_ask *a, struct str s);
struct str member_instance_id(const struct member *m);

/* member_topics.c: what metadata says */
void member_take_topics(struct member *m, enum err e, const struct metadata_resp *resp,
                        int64_t now_ms);
void member_forget_known(struct member *m);
void member_set_topics(struct member *m, const char *const *topics, size_t count);
bool member_wants_topic(const struct member *m, const char *topic);
bool member_wants_metadata(const struct member *m, int64_t now_ms);

#endif
