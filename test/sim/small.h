/* A small broker in one thread, on a disk, a network and a clock in memory, and one client of it:
 * for tests that hurt it and look at what is left. One topic; batches of one record whose value
 * tells its number. */
#ifndef TEST_SIM_SMALL_H
#define TEST_SIM_SMALL_H

#include "base/rand.h"
#include "broker/server.h"
#include "test/crash/crashfs.h"
#include "test/sim/client.h"
#include "test/sim/simnet.h"

enum { SMALL_PARTS = 2 };

struct small {
    struct rand rand;
    struct simnet net;
    struct simclock clock;
    struct crashfs *disk;  /* the test's */
    struct server *server; /* NULL: down */
    struct sim_client client;
    const char *dirs;    /* log.dirs; NULL: "data" */
    int boots;           /* of the machine: what a killed broker left counts while it is the same */
    const char *program; /* for the message of a violation */
    const struct call_tap *tap; /* of a test; NULL: none */
    const char *settings;       /* lines of a test; NULL: none */
    uint64_t seed;
    char what[600]; /* was done to it */
};

void small_init(struct small *w, const char *program, uint64_t seed);
void small_deinit(struct small *w); /* not the disk, nor a server */

/* Prints what must not be, and ends the process. */
void small_violation(const struct small *w, const char *fmt, ...) printf_like(2, 3)
    __attribute__((noreturn));

/* False: it does not start, and why says why. */
bool small_start(struct small *w, struct buf *why);
/* Nothing that the dying broker does reaches the disk. */
void small_kill(struct small *w);
/* The same, and the machine goes on: what was written stays written. The disk is another one then,
 * without faults. */
void small_kill_process(struct small *w);

/* False: the broker closed the connection, or never answers. Allocations that are to fail do so in
 * the broker only. */
bool small_ask(struct small *w, int api_key, int version, const void *req, void *ret_resp);

/* False: it is not known to be there. */
bool small_make_topic(struct small *w);
/* The offset that was acknowledged; -1: none. */
int64_t small_write(struct small *w, int part, int number);

/* The partitions shall be in that data directory; false: it did not say yes. */
bool small_move(struct small *w, const char *dir);
/* What goes on by itself, such as a move, comes to its end. */
void small_settle(struct small *w);
/* Makes the group's coordinator ready; false: it is not. */
bool small_find_group(struct small *w);
/* An offset for a group; false: it did not say yes. */
bool small_commit(struct small *w, int64_t off);
/* The offset that the group has; -1: none, or no answer. */
int64_t small_committed(struct small *w);

enum small_found { SMALL_FOUND, SMALL_TOLD, SMALL_LOST }; /* TOLD: the reader sees damage */

/* Whether the record of that number is at that offset. Anything else there is a violation. */
enum small_found small_look(struct small *w, int part, int64_t off, int number);

#endif
