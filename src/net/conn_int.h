/* What a connection is made of. Private to net: conn.c (life, events, time), conn_in.c (bytes to
 * frames), conn_out.c (replies to bytes). */
#ifndef NET_CONN_INT_H
#define NET_CONN_INT_H

#include "net/budget.h"
#include "net/conn.h"
#include "net/loop_int.h"
#include "net/tls.h"

enum {
    FRAME_PREFIX_BYTES = 4,
    SCRATCH_BYTES = 256 * 1024,
    READ_MIN_BYTES = 16 * 1024,
    READ_FIRST_BYTES = 64 * 1024,
    READ_MAX_BYTES = SCRATCH_BYTES,
    /* A connection may have so many replies that are not sent yet; then it waits. */
    REPLIES_MAX = 1024,
    TICK_MS = 1000,
    ANSWER_LATER_BYTES = 16 * 1024,
};

/* Received bytes that wait for more, or for their turn: p[off .. off + len). No buffer: p == NULL.
 */
struct conn_rx {
    uint8_t *p;
    size_t cap; /* all of it is charged to the budget */
    size_t off, len;
    size_t lane_bytes; /* the part of cap that was taken from the lane */
    bool has_lane;
    int64_t begun_ms;      /* when the first bytes of the partial frame came */
    int64_t progress_ms;   /* when it last moved enough (conn_in.c) */
    size_t mark;           /* len then */
    struct list_node held; /* in conn_shared.holders while there is a buffer */
};

struct conn {
    struct loop_io io;
    struct loop *loop;
    struct sock *sock; /* NULL when closed */
    struct tls *tls;   /* NULL: without. Lives as long as the conn */
    const struct conn_config *config;
    void *user;
    uint64_t id;
    struct list_node node; /* of conn_shared.conns while open */
    struct list_node soon; /* of conn_shared.soon: a turn at the end of the step */
    struct timer timer;    /* the earliest of: idle, unmute, end of the lane's lease */
    int64_t active_ms;     /* the last byte either way that counts */
    int64_t mute_ms;       /* the end of it, while is_muted */
    int64_t lease_ms;      /* while rx.has_lane */

    /* in */
    struct conn_rx rx;
    struct budget_wait room;
    size_t frame_max_bytes;
    uint32_t read_bytes;  /* how much to read at once: falls when it cannot be handed out */
    uint32_t grown_bytes; /* the last frame that was completed in a buffer of its own: a hint */

    /* out */
    struct list replies; /* oldest first */
    size_t reply_count;
    size_t output_bytes; /* of completed replies, not sent yet */

    uint32_t refs;
    uint16_t calls; /* callbacks of the owner that are running */
    uint8_t interest;
    enum err reason;
    bool is_client : 1; /* by conn_connect */
    bool is_connecting : 1;
    bool is_shaking : 1; /* the handshake of tls goes on */
    bool is_opening : 1; /* on_open is still to come */
    bool is_unheard : 1; /* the peer has not sent a byte yet: it may speak HTTP */
    bool is_closed : 1;
    bool owes_on_close : 1;
    bool in_turn : 1;    /* output is flushed at the end of what runs now */
    bool is_waiting : 1; /* CONN_WAIT */
    bool is_resumed : 1; /* conn_resume came before CONN_WAIT */
    bool is_muted : 1;
    bool is_queued : 1;   /* for room in the budget, until the mail comes */
    bool is_ended : 1;    /* the peer sends no more */
    bool is_draining : 1; /* CONN_CLOSE */
    bool is_blocked : 1;  /* the socket takes no more for now */
    bool has_held : 1;    /* rx may hold whole frames: nobody could take them */
    char peer[NET_NAME_MAX];
};

/* Once a loop. */
struct conn_shared {
    struct loop *loop;
    struct list conns;
    struct list soon; /* those with a turn at the end of the step */
    struct loop_task soon_task;
    struct list holders; /* of rx buffers, about in the order of begun_ms */
    size_t holder_count;
    struct timer tick; /* while there are holders: looks for those that stall */
    struct reply *free_replies;
    size_t free_reply_count;
    int64_t said_ms; /* the second in which said_count lines were said about failures */
    int said_count;
    uint8_t *scratch; /* SCRATCH_BYTES */
};

static inline struct conn_shared *shared(const struct conn *c) { return c->loop->shared; }

/* --- conn.c --- */

/* Closes for a reason that is worth a line (of which there are few a second). */
void conn_fail(struct conn *c, enum err reason, const char *fmt, ...) printf_like(3, 4);

void conn_close_for(struct conn *c, enum err reason);

/* A turn at the end of the step. */
void conn_turn_soon(struct conn *c);

/* The timer runs at deadline_ms or before. */
void conn_wake_at(struct conn *c, int64_t deadline_ms);

/* Work is going on, and it is not the peer's turn. */
bool conn_is_busy(const struct conn *c);

void conn_enter(struct conn *c); /* around a callback of the owner */
void conn_leave(struct conn *c);

/* The socket, through tls where there is one. */
static inline enum err conn_readv(struct conn *c, const struct iovec *iov, int count, size_t *ret_n)
{
    return c->tls ? tls_readv(c->tls, iov, count, ret_n) : sock_readv(c->sock, iov, count, ret_n);
}

static inline enum err conn_writev(struct conn *c, const struct iovec *iov, int count,
                                   unsigned flags, size_t *ret_n)
{
    return c->tls ? tls_writev(c->tls, iov, count, ret_n)
                  : sock_writev(c->sock, iov, count, flags, ret_n);
}

/* What no poller tells of. */
static inline bool conn_has_secret_input(const struct conn *c)
{
    return c->tls != NULL && tls_has_input(c->tls);
}

static inline bool conn_has_secret_output(const struct conn *c)
{
    return c->tls != NULL && tls_has_output(c->tls);
}

/* --- conn_in.c --- */

bool conn_may_hand_out(const struct conn *c);
bool conn_may_read(const struct conn *c);

/* Reads once and hands out what is whole; returns how much came. */
size_t conn_read_turn(struct conn *c);

/* Hands out what was kept. */
void conn_hand_out_held(struct conn *c);

void conn_drop_input(struct conn *c);

/* Closes those that hold memory and do not get on while it is short. */
void conn_evict(struct conn_shared *s);

/* --- conn_out.c --- */

/* Sends what is ready, a bounded part of it. */
void conn_flush(struct conn *c);

/* Sends small answers of several connections by one call where that can be; what is left, or was
 * not small, is conn_flush's. At most CONN_TOGETHER_MAX of them, each once, all referenced. */
enum { CONN_TOGETHER_MAX = 64 };
void conn_flush_together(struct conn *const *conns, int count);
bool conn_has_output(const struct conn *c); /* something could be sent now */
void conn_drop_output(struct conn *c);
void conn_free_reply_pool(struct conn_shared *s);

#endif
