/* The seam of the metadata engines: what stands between the log of metadata records and the
 * controller. Three engines fill it in: `local` (a quorum of one voter in this process), KRaft and
 * ZooKeeper. All of them store the same record batches.
 *
 * One thread calls an engine, and the engine calls back in it. */
#ifndef META_ENGINE_H
#define META_ENGINE_H

#include "base/err.h"
#include "base/str.h"
#include "meta/records.h"

struct engine;

/* What the engine tells its owner. Never from within open or append. */
struct engine_events {
    /* Committed batches, whole and in order. */
    void (*committed)(void *ctx, struct bytes batches);
    /* The log before next_off is gone: forget everything and read these batches instead. */
    void (*snapshot)(void *ctx, int64_t next_off, int32_t epoch, struct bytes batches);
    /* Who leads; leader_id −1: nobody that we know. Own id: everything before is committed and was
     * told, the owner may append. */
    void (*leader)(void *ctx, int32_t leader_id, int32_t epoch);
    /* The engine cannot go on: the process must stop. */
    void (*fatal)(void *ctx, enum err err, const char *why);
    void *ctx;
};

struct engine_status {
    int32_t leader_id;
    int32_t epoch;
    int64_t high_watermark; /* next offset to be committed */
    int64_t end_off;
    int64_t start_off;
};

struct engine_ops {
    /* Queues records at the end of the log, in one batch when they are atomic. *ret_last_off is the
     * offset of the last one: committed tells when it is safe. NOT_CONTROLLER unless this node
     * leads in `epoch`. */
    enum err (*append)(struct engine *e, int32_t epoch, const struct meta_records *records,
                       int64_t *ret_last_off);
    /* Stop leading. */
    void (*resign)(struct engine *e, int32_t epoch);
    /* Keep a snapshot that ends at next_off: the records that image_write gives. */
    enum err (*snapshot)(struct engine *e, int64_t next_off, const struct meta_records *records);
    void (*status)(struct engine *e, struct engine_status *ret_status);
    /* Does what is due; *ret_deadline_ms is when it wants to be called again at the latest. */
    void (*tick)(struct engine *e, int64_t now_ms, int64_t *ret_deadline_ms);
    void (*close)(struct engine *e);
};

struct engine {
    const struct engine_ops *ops;
};

#endif
