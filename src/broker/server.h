/* A broker as a whole: start it, stop it. What `ottla broker` runs, and what tests run in process.
 */
#ifndef BROKER_SERVER_H
#define BROKER_SERVER_H

#include "base/uuid.h"
#include "meta/config.h"
#include "plat/clock.h"
#include "plat/file.h"
#include "plat/net.h"

struct call_tap;
struct server;

struct server_args {
    struct fs *fs;
    struct net *net;
    struct clock *clock;
    uint64_t seed;              /* of ids, placement, jitter */
    int worker_count;           /* 0: one for each processor */
    struct uuid boot_id;        /* of the machine's run (plat/boot.h); zero: not known */
    bool in_one_thread;         /* no threads: server_step does all the work (simulation) */
    struct props props;         /* taken over */
    const struct call_tap *tap; /* of a test; outlives the server */
    /* The broker cannot go on (its metadata log failed); any thread. */
    void (*on_fatal)(void *ctx, enum err e);
    void *ctx;
};

/* Opens or formats the data directories, recovers, becomes controller of its embedded quorum,
 * registers, and listens: when it returns, clients are served. Errors: BAD_CONFIG, LOCKED (another
 * broker has the data), and what the file system says; why gets a sentence for a person. */
must_check enum err server_start(struct server_args *args, struct server **ret_server,
                                 struct buf *why);

/* The port of the i-th listener, the real one. */
int server_port(const struct server *s, int i);
/* "127.0.0.1:9092" and the like: what a client is told. Valid while s lives. */
const char *server_address(const struct server *s);
const struct broker_config *server_config(const struct server *s);

/* Closes every connection that there is now; any thread. */
void server_disconnect(struct server *s);

/* With in_one_thread: does what is due now and never waits; false if there was nothing. */
bool server_step(struct server *s);

/* Ends at once, as a kill does: open files are closed, nothing is flushed or marked on purpose. */
void server_kill(struct server *s);

/* Stops serving, syncs and closes everything, leaves the mark of a clean shutdown. */
void server_stop(struct server *s);

#endif
