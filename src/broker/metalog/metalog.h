/* The embedded metadata log: engine `local`, a quorum of one voter whose log is
 * __cluster_metadata-0, in the formats of Apache Kafka's KRaft. It formats a new directory, opens
 * one that ottla or Apache Kafka left, runs the controller over it, and keeps the committed image.
 *
 * Threads. One thread owns a metalog and calls everything here, in a simulation too: nothing in it
 * waits on another thread. The committed image is changed only within metalog_open and
 * metalog_step, inside a write section that the host gives (see lock/unlock), so that other threads
 * may read it under the host's lock.
 *
 * Life of a request: metalog_call handles it against the speculative image and writes its records;
 * metalog_step syncs all that was written since the last step (group commit), applies it to the
 * committed image, tells on_committed, and then completes the calls in order. */
#ifndef BROKER_METALOG_METALOG_H
#define BROKER_METALOG_METALOG_H

#include "base/list.h"
#include "log/logdir.h"
#include "meta/controller.h"
#include "meta/delta.h"
#include "plat/clock.h"

struct metalog;

struct metalog_args {
    struct clock *clock;
    const struct broker_config *config; /* node.id, metadata.log.*, controller.quorum.voters */
    struct logdir *dir;                 /* has meta.properties already; outlives the metalog */
    struct uuid incarnation;            /* of this run of the controller */
    const struct image_endpoint *ctl_endpoints; /* of the controller's listeners; at least one */
    int32_t ctl_endpoint_count;
    uint64_t seed;

    /* Around each change of the committed image; may be NULL. */
    void (*lock)(void *ctx);
    void (*unlock)(void *ctx);
    /* The committed image moved on; called after unlock, before the calls behind it complete. Not
     * called for what metalog_open replays. */
    void (*on_committed)(void *ctx, const struct image *img, const struct delta *delta);
    void *ctx;
};

/* Formats if there is nothing yet, recovers, replays snapshot and log, becomes leader of a new
 * epoch and, in a new cluster, writes the bootstrap records. All that is durable when it returns.
 * Errors: BAD_CONFIG (the directory belongs to another node or cluster, or to a quorum with other
 * voters), MALFORMED, UNSUPPORTED_VERSION, IO, ...; why gets a sentence. */
must_check enum err metalog_open(const struct metalog_args *args, struct metalog **ret_ml,
                                 struct buf *why);

/* Syncs, closes, frees. Calls that are open complete with NOT_CONTROLLER. */
void metalog_close(struct metalog *ml);

/* Committed state. Read it under the host's lock on other threads. */
const struct image *metalog_image(const struct metalog *ml);

/* One request to the controller; memory of the caller until done is called. */
struct metalog_call {
    struct list_node node;
    struct ctl_req req;
    void *resp;         /* as in ctl_out; NULL with an error */
    enum err err;       /* OK, a code of Kafka's for the whole request, or BUDGET */
    int64_t commit_off; /* completes when everything below is committed */
    void (*done)(struct metalog_call *call);
};

/* Handles a request. done is called from a later metalog_step, never from within, in the order of
 * the calls. */
void metalog_call(struct metalog *ml, struct metalog_call *call);

/* Writes what is due and completes calls. *ret_deadline_ms: when to call again at the latest
 * (monotonic; INT64_MAX: when there is a new call). An error means that the metadata log is lost
 * for this process: stop it; calls that were open have completed with NOT_CONTROLLER. */
must_check enum err metalog_step(struct metalog *ml, int64_t *ret_deadline_ms);

struct metalog_status {
    int32_t epoch;
    int64_t start_off, end_off, high_watermark;
    int64_t snapshot_off; /* -1: none */
    int64_t last_applied_ms;
    int16_t kraft_version;
};
void metalog_status(const struct metalog *ml, struct metalog_status *ret_status);

#endif
