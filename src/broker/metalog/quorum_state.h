/* The file quorum-state in __cluster_metadata-0: who led the metadata quorum in which epoch, and
 * for whom this node voted. JSON, in the two versions that Apache Kafka has: 0 for a quorum that is
 * named by controller.quorum.voters, 1 for one whose voters are in the log (KIP-853). */
#ifndef BROKER_METALOG_QUORUM_STATE_H
#define BROKER_METALOG_QUORUM_STATE_H

#include "base/buf.h"
#include "base/uuid.h"
#include "plat/file.h"

enum { QUORUM_VOTERS_MAX = 64 };

struct quorum_state {
    int version;       /* 0 or 1 */
    int32_t leader_id; /* -1: none that we know */
    int32_t epoch;
    int32_t voted_id; /* -1: nobody in this epoch */
    struct uuid voted_dir;
    int32_t voters[QUORUM_VOTERS_MAX]; /* of version 0 */
    int voter_count;
};

/* NOT_FOUND if there is no such file, MALFORMED (why says what is wrong). */
must_check enum err quorum_state_read(struct fs *fs, const char *path, struct quorum_state *ret_qs,
                                      struct buf *why);

/* Replaces the file, durably. */
must_check enum err quorum_state_write(struct fs *fs, const char *path,
                                       const struct quorum_state *qs);

#endif
