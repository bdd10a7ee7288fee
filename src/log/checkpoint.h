/* Checkpoint files of a data directory: text, "0\n<count>\n" and a row a line. Each write replaces
 * the file as a whole. Recovery points, log starts, high watermarks and the cleaner's positions are
 * rows of "topic partition offset"; a partition's leader epochs are rows of "epoch offset". */
#ifndef LOG_CHECKPOINT_H
#define LOG_CHECKPOINT_H

#include "base/buf.h"
#include "plat/file.h"

struct checkpoint_row {
    struct str topic;
    int32_t partition;
    int64_t off;
};

/* The row is valid during the call. */
typedef void checkpoint_row_fn(void *ctx, const struct checkpoint_row *row);

/* Reads the rows of a file, in its order. NOT_FOUND if there is none; MALFORMED, with no row
 * given, if the version, the count or a row is wrong. */
must_check enum err checkpoint_read(struct fs *fs, const char *path, checkpoint_row_fn *fn,
                                    void *ctx);

/* Builds a file row by row, then writes it. */
struct checkpoint_writer {
    struct buf rows;
    uint32_t count;
};

void checkpoint_begin(struct checkpoint_writer *w);
void checkpoint_add(struct checkpoint_writer *w, struct str topic, int32_t partition, int64_t off);
/* Writes durably and frees; on an error the old file is intact. */
must_check enum err checkpoint_finish(struct checkpoint_writer *w, struct fs *fs, const char *path);

/* --- the text itself, for other tables of the same shape --- */

struct checkpoint_text {
    struct str rest; /* rows not yet read */
    uint32_t left;
};

/* Checks the version and the count line. */
must_check enum err checkpoint_text_begin(struct checkpoint_text *t, struct str text);

/* The next row split at white space into fields[field_count]: OK, NOT_FOUND after the last one (and
 * nothing but white space follows), MALFORMED. */
must_check enum err checkpoint_text_next(struct checkpoint_text *t, struct str *fields,
                                         int field_count);

enum { CHECKPOINT_MAX_BYTES = 64 << 20 };

#endif
