/* What the parts of the metadata log share. metalog_open.c brings one to life, metalog_judge.c says
 * whether it is ours, metalog.c runs it, metalog_keep.c takes snapshots and lets old ones go. */
#ifndef BROKER_METALOG_METALOG_PRIV_H
#define BROKER_METALOG_METALOG_PRIV_H

#include "broker/metalog/meta_snapshot.h"
#include "broker/metalog/metalog.h"
#include "broker/metalog/quorum_state.h"
#include "log/log.h"
#include "wire/messages.h"

/* Who votes, as the control records say it: only this node, always. */
struct quorum {
    int16_t kraft_version;  /* 0: static (controller.quorum.voters), 1: dynamic (KIP-853) */
    bool is_version_in_log; /* not only in the 0-0 checkpoint */
    struct buf voters;      /* the newest VotersRecord, encoded; empty in a static quorum */
};

enum { QUORUM_ENDPOINTS_MAX = 16, KRAFT_VERSION_MAX = 1 };

/* This node as the quorum's one voter. Points into the metalog's arguments: keep it in place. */
struct own_voter {
    struct voters_record record;
    struct voters_record_voter voter;
    struct voters_record_endpoint endpoints[QUORUM_ENDPOINTS_MAX];
};

/* The control records of a dynamic quorum: which version it is, and who votes. Keep it in place. */
enum { QUORUM_VERSION, QUORUM_VOTERS, QUORUM_CONTROLS };

struct quorum_controls {
    struct own_voter self;
    struct kraft_version_record version;
    struct meta_control v[QUORUM_CONTROLS];
};

struct metalog {
    struct metalog_args args;
    struct buf dir;  /* path of __cluster_metadata-0, NUL-terminated */
    bool is_dir_new; /* made by this start */
    struct log *log;
    struct image *img;            /* committed */
    struct ctl *ctl;              /* with the speculative image */
    struct meta_records unsynced; /* in the log, not in img */
    struct delta delta;
    struct list calls; /* struct metalog_call, in the order of their commit_off */
    struct ctl_out out;
    struct buf batch;
    struct quorum quorum;
    int32_t epoch;
    enum err lost; /* why nothing can be written any more */

    struct snapshot_list snapshots; /* but the 0-0 one */
    uint64_t unsnapped_bytes;       /* of batches since the last snapshot */
    int64_t unsnapped_since_ms;     /* monotonic; INT64_MAX: nothing is */
    int64_t last_ts_ms;             /* of the last committed batch */
    int64_t last_applied_ms;
};

/* --- metalog.c --- */

/* Writes the records behind the end, in batches; they are committed by the next metalog_step. */
must_check enum err metalog_append(struct metalog *ml, const struct meta_records *rs);
must_check enum err metalog_append_controls(struct metalog *ml, const struct meta_control *controls,
                                            int count);

/* --- metalog_judge.c: BAD_CONFIG or UNSUPPORTED_VERSION, and why --- */

/* With this node as the one voter. */
void metalog_quorum_controls(const struct metalog *ml, int16_t kraft_version,
                             struct quorum_controls *ret_controls);

must_check enum err metalog_check_config(const struct metalog *ml, struct buf *why);
must_check enum err metalog_check_state(const struct metalog *ml, const struct quorum_state *qs,
                                        struct buf *why);
/* What the control records said so far. */
must_check enum err metalog_check_voters(const struct metalog *ml, struct buf *why);
/* What the image has finalized. */
must_check enum err metalog_check_features(const struct metalog *ml, struct buf *why);

/* --- metalog_keep.c --- */

/* Takes a snapshot if one is due, and then removes what metadata.max.retention.* does not keep. A
 * failure is told and tried again later: the log has everything. *ret_deadline_ms is lowered to
 * when the next is due (monotonic). */
void metalog_keep(struct metalog *ml, int64_t now_ms, int64_t *ret_deadline_ms);

#endif
