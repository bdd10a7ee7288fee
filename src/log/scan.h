/* Walking over the batches of one segment file through a read window: no batch is trusted, nothing
 * beyond end_pos is looked at, and memory stays at the window's size however long a batch claims to
 * be. */
#ifndef LOG_SCAN_H
#define LOG_SCAN_H

#include "plat/file.h"
#include "record/batch.h"

enum {
    SCAN_WINDOW_LOOKUP = 4 << 10,   /* to find one batch behind an index row */
    SCAN_WINDOW_HEADERS = 64 << 10, /* to walk headers: shrinks by itself over large batches */
    SCAN_WINDOW_CHECK = 256 << 10,  /* to read everything for the CRC */
};

struct scan {
    struct file *file;
    uint64_t pos;     /* of the next batch */
    uint64_t end_pos; /* of what may be looked at */
    uint64_t window_pos;
    size_t window_len;
    size_t window_cap;
    size_t read_bytes; /* how much the next read asks for */
    bool may_not_wait; /* for the disk: AGAIN where it would */
    uint8_t *window;
};

void scan_init(struct scan *s, struct file *f, uint64_t pos, uint64_t end_pos);
void scan_deinit(struct scan *s);

/* How much is read at once: one of the sizes above, before the first scan_next. */
void scan_set_window(struct scan *s, size_t bytes);

/* The next header (p is NULL) and where it begins. NOT_FOUND at the end. CORRUPT_MESSAGE when what
 * lies there is no whole batch of magic 2: the scan stays on it. */
must_check enum err scan_next(struct scan *s, struct batch *ret_batch, uint64_t *ret_pos);

/* CORRUPT_MESSAGE unless the batch that scan_next gave for pos has the right CRC. */
must_check enum err scan_check_crc(struct scan *s, const struct batch *b, uint64_t pos);

/* Appends the whole batch at pos to out and parses it there (ret_batch->p points into out). */
must_check enum err scan_read_batch(struct scan *s, const struct batch *b, uint64_t pos,
                                    struct buf *out, struct batch *ret_batch);

#endif
