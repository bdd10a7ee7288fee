/* Between the files of the core. */
#ifndef CLIENT_CORE_CORE_INT_H
#define CLIENT_CORE_CORE_INT_H

#include "client/core/core.h"

/* A request under way. call is NULL when nobody waits for the answer any more. */
struct sent {
    struct list_node node;
    struct call *call;
    struct wire_header head;
    int64_t timeout_at_ms;
    bool is_own; /* of the link, which waits for it */
};

/* core.c */
void core_message(struct core *c, const char *fmt, ...) printf_like(2, 3);
void core_wait(struct core *c, struct call *call); /* to the end of the waiting */
void core_end(struct core *c, struct call *call, enum err e, const char *why);
void core_route(struct core *c, int64_t now_ms);
struct action *core_act(struct core *c, enum action_kind kind,
                        const struct link *l); /* l NULL: of no link */

/* A time to wake up at, if it is still to come. */
static inline int64_t core_later(const struct core *c, int64_t at_ms)
{
    return at_ms > c->now_ms ? at_ms : INT64_MAX;
}

/* core_link.c */
struct link *link_new(struct core *c, int32_t node_id, struct str host, int port);
struct link *link_by_id(struct core *c, uint32_t id);
struct link *link_by_node(struct core *c, int32_t node_id); /* the shared one */
/* A lane's own link to a broker whose shared one is known; NULL: it is not. */
struct link *link_of_lane(struct core *c, int32_t node_id, uint32_t lane);
bool link_may_take(const struct link *l, int64_t now_ms);
void link_take(struct core *c, struct link *l, struct call *call, int64_t now_ms);
void link_break(struct core *c, struct link *l, enum err why, int64_t now_ms);
void link_remove(struct core *c, struct link *l);
void link_tick(struct core *c, struct link *l, int64_t now_ms);
int64_t link_deadline_ms(const struct link *l);
void link_forget(struct link *l, struct call *call);
/* A request of the link itself. */
void link_ask(struct core *c, struct link *l, int api_key, int version, const void *msg,
              int64_t now_ms);
void link_go_up(struct core *c, struct link *l, int64_t now_ms);

/* core_meta.c */
void meta_bootstrap(struct core *c);
void meta_want(struct core *c, int64_t now_ms);
void meta_tick(struct core *c, int64_t now_ms);
int64_t meta_deadline_ms(const struct core *c);
/* Takes what a Metadata answer says of the cluster. */
void meta_learn(struct core *c, const struct call *call, int64_t now_ms);
void meta_own_done(struct core *c, struct call *call, int64_t now_ms);
void meta_rebootstrap(struct core *c, const char *why, int64_t now_ms);
/* The coordinator's node for call, or -1 while it is asked for. */
int32_t coordinator_of(struct core *c, struct call *call, int64_t now_ms);
/* What the cluster said last when it was asked who it is; OK: it told, or was not asked. */
enum err coordinator_refusal(struct core *c, const struct call *call);
void coordinators_free(struct core *c);

#endif
