/* What a memo of a log says (log_memo, doc/decisions/0019). Nothing of it is believed after the
 * machine itself went down. */
#ifndef LOG_MEMO_H
#define LOG_MEMO_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct recovery;

struct memo {
    int64_t off;        /* the end: all below was written, and index rows with it */
    int64_t synced_off; /* all below is on the disk */
    int64_t start_off;  /* the log's; its checkpoint may be older */
    int64_t seg_base_off;
    uint64_t seg_bytes; /* of the segment that was active, up to off */
    int64_t last_base_off;
    uint64_t last_pos; /* the last batch in it, if there is any */
    uint32_t last_crc;
    struct str epochs;      /* as leader-epoch-checkpoint has them */
    struct bytes producers; /* as a snapshot has them */
};

/* False: it is none. */
bool memo_decode(struct bytes in, struct memo *ret_memo);

/* Decodes r's memo; whether the log's directory is one that it can have been taken of. */
bool memo_is_true(struct recovery *r);

#endif
