/* What the files of the mover share: a move, its copy, and the change of place. */
#ifndef BROKER_STORAGE_MOVER_PRIV_H
#define BROKER_STORAGE_MOVER_PRIV_H

#include "broker/storage/mover.h"
#include "broker/storage/storage_priv.h"

enum { MOVE_CHUNK_BYTES = 1 << 20 };

struct move {
    struct list_node node;
    struct partition *part; /* referenced */
    struct storage_dir *to;
    char *path;                     /* of the copy; NULL: not made yet */
    struct partition_args copy;     /* gate and log; log NULL: not open */
    struct partition_config config; /* with which it was opened */
    bool is_cancelled;
    bool is_near_end; /* the rest can be copied with appends held back */
    int64_t size_bytes, end_off;
};

struct mover {
    struct mover_args args;
    struct storage *storage;
    struct mutex lock;
    struct cond wake;
    struct list moves;
    bool is_stopping;
    struct thread thread;
    bool is_started;
    struct buf chunk; /* what is copied at a time */
    /* the throttle: so much was copied last, then */
    size_t last_bytes;
    int64_t last_ms;
    /* the change of place that the controller's thread is asked for */
    struct mail mail;
    struct move *changing;
    bool is_changed; /* it has answered */
    enum err change_err;
};

/* What the directories of the partition and of its copy are named after. */
struct logdir_partition move_name(const struct move *v);

/* mover_copy.c: a log that has of the partition's what was copied so far. Closing does nothing
 * where none is open. */
must_check enum err move_open_copy(struct mover *m, struct move *v);
enum err move_close_copy(struct move *v, bool is_kept);
/* Copies what comes next; *ret_bytes 0: the copy has all of it. */
must_check enum err move_copy_chunk(struct mover *m, struct move *v, size_t *ret_bytes);
/* What is left, durably, with appends held back (append_lock); BUDGET: too much has come
 * meanwhile. Never POISONED. */
must_check enum err move_copy_rest(struct mover *m, struct move *v);
/* What went wrong with a copy. POISONED is kept for a move that ended half way. */
enum err move_copy_err(enum err e);

/* mover_place.c: the copy takes the place of the partition's log. CLOSED: it is deleted or not
 * wanted there any more; BUDGET: more has to be copied first; POISONED: it ended half way, and the
 * partition takes no more records. */
must_check enum err move_change_place(struct mover *m, struct move *v);

#endif
