/* One connection that speaks Kafka's framing: i32 length, then that many bytes, both ways. Belongs
 * to one loop and is touched by its thread alone.
 *
 * Requests. Whole frames are handed to on_frame where they lie in the receive buffer. on_frame
 * begins one reply (conn_reply_begin) for each frame, and completes it at once or later; replies
 * leave in the order in which they were begun. While on_frame has said CONN_WAIT no further frame
 * is handed out, and nothing more is read, until conn_resume. A peer that ends its stream still
 * gets the answers to what it asked.
 *
 * Clients use the same thing with the roles turned: conn_connect, requests leave by conn_send and
 * the frames that on_frame gets are the responses.
 *
 * Memory. An idle connection owns no buffer. A partial frame grows its buffer with the bytes that
 * have really arrived; a frame larger than `frame_max_bytes` closes the connection, and one for
 * which the shared memory budget (net_budget) has no room waits unread until it has.
 *
 * Lifetime. A conn is freed when it is closed and its last reply was completed or dropped; conn_ref
 * and conn_unref keep it longer. A closed connection swallows what is sent. Any function here may
 * be called from within any callback. Outside of its callbacks and without a ref, a conn may be
 * gone after conn_close. */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "net/loop.h"
#include "net/sendvec.h"

struct conn;
struct reply;
struct tls_context;

enum conn_next {
    CONN_CONTINUE,
    CONN_WAIT,  /* until conn_resume, which may have been called already */
    CONN_CLOSE, /* no further frame; closes when the replies that were begun are sent */
};

/* Bytes that peers may make all connections of a process hold; shared by all loops, thread-safe.
 * No frame larger than half of it is admitted. */
struct net_budget;
struct net_budget *net_budget_new(size_t total_bytes);
void net_budget_free(struct net_budget *b); /* all its connections must be closed */
size_t net_budget_used_bytes(struct net_budget *b);

struct conn_handler {
    /* Connected. Called by the loop, never from within conn_open or conn_connect. May be NULL. */
    void (*on_open)(struct conn *c);
    /* frame is writable and valid until it returns, also when it closes the connection. */
    enum conn_next (*on_frame)(struct conn *c, uint8_t *frame, size_t len);
    /* The peer's first byte is that of HTTP (http_begins_with), which is not this connection's
     * matter: s is the owner's, with nothing read of it. on_close follows. NULL: it is a frame like
     * any other. */
    void (*on_http)(struct conn *c, struct sock *s);
    /* Once, when the connection is closed by either side or could not be made (then without
     * on_open); replies may still be open. Not while another callback of the connection runs: then
     * right after that. May be NULL. */
    void (*on_close)(struct conn *c);
};

struct conn_config {
    const struct conn_handler *handler;
    void *ctx;                 /* conn_ctx */
    size_t frame_max_bytes;    /* socket.request.max.bytes */
    size_t output_max_bytes;   /* server: beyond it no frame is handed out until it drains */
    int64_t idle_max_ms;       /* connections.max.idle.ms; ≤ 0: never */
    struct net_budget *budget; /* NULL: no limit */
    struct tls_context *tls;   /* NULL: bytes as they are. on_open comes after the handshake */
};

/* Takes over a connected socket, also when it fails (then it is closed). config outlives all its
 * connections. */
must_check enum err conn_open(struct loop *loop, struct sock *s, const struct conn_config *config,
                              struct conn **ret_conn);

/* Starts to connect to a numeric address (net_resolve): on_open or on_close follows. What is sent
 * before leaves after on_open. */
must_check enum err conn_connect(struct loop *loop, const char *address, int port,
                                 const struct conn_config *config, struct conn **ret_conn);

/* By this name the other side is asked for, and must be certified. Right after conn_connect with
 * tls. */
must_check enum err conn_set_peer(struct conn *c, const char *host);

void conn_close(struct conn *c);        /* now; unsent output is dropped */
void conn_close_all(struct loop *loop); /* every connection of the loop */
void conn_ref(struct conn *c);
void conn_unref(struct conn *c);

void conn_resume(struct conn *c); /* after CONN_WAIT */

/* Throttling (KIP-219): hands out no frame until then. */
void conn_mute_until(struct conn *c, int64_t deadline_ms);

/* Below the config's, for example until a peer has logged in. */
void conn_set_frame_max(struct conn *c, size_t bytes);

struct loop *conn_loop(const struct conn *c);
void *conn_ctx(const struct conn *c);  /* of its config */
void *conn_user(const struct conn *c); /* the owner's, NULL at first */
void conn_set_user(struct conn *c, void *user);
const char *conn_peer(const struct conn *c); /* "127.0.0.1:51234" */
uint64_t conn_id(const struct conn *c);      /* unique in the process */
bool conn_is_closed(const struct conn *c);

/* Why it was closed: OK by us (conn_close, CONN_CLOSE, idle), CLOSED by the peer, MALFORMED a bad
 * frame, BUDGET too slow while memory was short, TLS, NO_MEMORY, IO. */
enum err conn_close_reason(const struct conn *c);
/* More about it, or "". */
const char *conn_close_text(const struct conn *c);

/* Reserves the next place in the order of responses. */
struct reply *conn_reply_begin(struct conn *c);

/* Sends vec as one frame (the length prefix is added) and frees the reply. Takes what is in vec. */
void reply_send(struct reply *r, struct sendvec *vec);

/* No response for this request (acks=0): the place is given up. */
void reply_skip(struct reply *r);

struct conn *reply_conn(const struct reply *r);

/* Begin and send at once: a request, on a client's connection. */
void conn_send(struct conn *c, struct sendvec *vec);

/* --- listening --- */

struct listener;

/* Accepts in `loop` and hands each new socket to on_accept, which takes it over (and may move it to
 * another loop by mail). host as in net_listen. With no descriptors left it sheds: accepts and
 * closes by a reserve descriptor, and says so once a second. */
must_check enum err listener_open(struct loop *loop, const char *host, int port,
                                  void (*on_accept)(void *ctx, struct sock *s), void *ctx,
                                  struct listener **ret_listener);
int listener_port(const struct listener *l); /* the real one when 0 was asked for */
void listener_close(struct listener *l);

#endif
