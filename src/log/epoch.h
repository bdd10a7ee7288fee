/* Which leader epoch wrote which offsets of a partition (KIP-101): rows (epoch, first offset), both
 * growing. Pure, but for epoch_load and epoch_store. */
#ifndef LOG_EPOCH_H
#define LOG_EPOCH_H

#include "base/buf.h"
#include "plat/file.h"

struct epoch_row {
    int32_t epoch;
    int64_t start_off;
};

struct epochs {
    struct epoch_row *rows;
    uint32_t count, cap;
};

void epochs_init(struct epochs *x);
void epochs_deinit(struct epochs *x);

/* From start_off on, epoch writes. Rows that this contradicts (a higher epoch, a later start) go.
 * False when nothing changed; negative epochs are never stored. */
bool epochs_assign(struct epochs *x, int32_t epoch, int64_t start_off);

/* Forgets what begins at or beyond end_off. True if that was anything. */
bool epochs_cut_end(struct epochs *x, int64_t end_off);

/* Forgets epochs that end at or before start_off; the one in force there now begins there. True if
 * anything changed. */
bool epochs_cut_start(struct epochs *x, int64_t start_off);

int32_t epochs_last(const struct epochs *x); /* -1 when empty */
int32_t epochs_at(const struct epochs *x, int64_t off);

/* The largest epoch <= `epoch` and where it ends (log_end_off for the last); with none below, the
 * asked epoch and the first start. (-1, -1) for an epoch beyond the last. */
void epochs_end_of(const struct epochs *x, int32_t epoch, int64_t log_end_off, int32_t *ret_epoch,
                   int64_t *ret_end_off);

/* leader-epoch-checkpoint. Load: NOT_FOUND, MALFORMED (x is empty then). Store is durable. */
must_check enum err epochs_load(struct epochs *x, struct fs *fs, const char *path);
must_check enum err epochs_store(const struct epochs *x, struct fs *fs, const char *path);

/* The file's text appended to out, and its reading: rows must grow in both columns. */
void epochs_encode(const struct epochs *x, struct buf *out);
must_check enum err epochs_decode(struct epochs *x, struct str text);

#endif
