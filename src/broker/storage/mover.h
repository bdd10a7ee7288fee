/* Moving partitions between the data directories of this broker: a copy in the background, in a
 * directory <topic>-<partition>.<uuid>-future, that follows the log until it has all of it and then
 * takes its place. A copy that a stop interrupts goes on at the next start.
 *
 * The partition as an object does not move: another with the new log takes its place in the topic
 * table, and clients of the old one are told to look again.
 *
 * One thread copies; the change of place happens in the controller's thread, where partitions are
 * made, changed and deleted as well. Any thread may ask for a move. */
#ifndef BROKER_STORAGE_MOVER_H
#define BROKER_STORAGE_MOVER_H

#include "broker/metacache.h"
#include "broker/storage/storage.h"
#include "net/loop.h"

struct mover;

struct mover_args {
    struct storage *storage;
    struct topic_table *topics;
    struct clock *clock;
    struct metacache *metacache; /* for the throttle; NULL: there is none */
    const struct broker_config *config;
    struct loop *loop;        /* where places are changed; NULL: in the thread that copies */
    void (*moved)(void *ctx); /* there, when a partition has another place; may be NULL */
    void *ctx;
};

/* Finds the copies that an earlier stop left; after storage_load. */
struct mover *mover_new(const struct mover_args *args);
must_check enum err mover_start(struct mover *m);
void mover_stop(struct mover *m); /* while the loop still runs */
void mover_free(struct mover *m); /* what is under way stays on the disk */

/* Whether it is one of log.dirs. */
bool mover_has_dir(const struct mover *m, struct str path);

/* The partition shall be in this directory: LOG_DIR_NOT_FOUND if it is none of ours. The one where
 * it is ends a move to another. */
must_check enum err mover_move(struct mover *m, struct partition *p, struct str path);

struct mover_status {
    struct partition *part;
    struct logdir *to;
    int64_t size_bytes, lag; /* of the copy, in offsets */
};
typedef void mover_status_fn(void *ctx, const struct mover_status *s);
/* Every move that is under way; fn must not call the mover. */
void mover_each(struct mover *m, mover_status_fn *fn, void *ctx);

/* Does a piece of work; returns when there is more to do (monotonic ms), INT64_MAX: nothing. */
int64_t mover_step(struct mover *m);

#endif
