/* A file of batches, walked as Apache Kafka walks one that it does not trust: by the lengths alone,
 * whatever is in the batches. */
#ifndef OFFLINE_SEGFILE_H
#define OFFLINE_SEGFILE_H

#include "base/buf.h"
#include "plat/file.h"
#include "record/batch.h"

struct segfile {
    struct file *file;
    const char *path; /* for sentences */
    int64_t size_bytes;
    struct buf *why;
};

/* Opens; false and a sentence in why when it is not there or too large for a segment. */
bool segfile_open(struct segfile *s, struct fs *fs, const char *path, struct buf *why);
void segfile_close(struct segfile *s);

/* The part [pos, pos + size) of it, cut at its end. */
struct segpart {
    struct segfile *seg;
    int64_t pos; /* of the next batch */
    int64_t end;
};
bool segpart_init(struct segpart *p, struct segfile *s, int64_t pos, int64_t size_bytes);

/* A batch as its header has it. magic < 2: the formats before Kafka 0.11, of which base_off, size
 * and magic are good, and legacy. */
struct segbatch {
    struct batch
        head; /* p is NULL; size_bytes as the length field says, maybe below the header's */
    int64_t pos;
    struct segbatch_legacy {
        uint32_t crc;
        int8_t attrs;
        int64_t ts_ms;
    } legacy;
};

/* The next one; *ret_more is false at the end, also when what is left is less than it claims. */
bool segpart_next(struct segpart *p, struct segbatch *ret, bool *ret_more);

/* Its bytes, replacing what is in out. */
bool segbatch_read(struct segfile *s, const struct segbatch *b, struct buf *out);

int64_t segbatch_last_off(const struct segbatch *b);
bool segbatch_is_legacy(const struct segbatch *b);

#endif
