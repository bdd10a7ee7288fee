/* How far a long work is, on a terminal: one line of standard error that is written over, and wiped
 * at the end. Nothing of it is ever in a pipe or a file, nor where the terminal has other things to
 * show; short work shows none. One thread; progress_wipe any. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "base/buf.h"

#include <stdatomic.h>

struct progress {
    const char *unit; /* of what is counted; NULL: bytes */
    int64_t total;    /* < 0: nobody knows */
    int64_t since_ms, due_ms;
    atomic_bool is_drawn;
    /* what a test gives itself */
    int fd;
    bool is_on, is_colored;
    int64_t (*now_ms)(void);
    int (*width)(int fd); /* columns */
};

/* total bytes of what is left in the file at `in`; -1: it is no file */
int64_t progress_file_bytes(int in);
/* On where standard error is a terminal and standard output no pipe; with NO_COLOR without colours.
 */
void progress_init(struct progress *p, const char *unit, int64_t total);
void progress_draw(struct progress *p, int64_t done);
/* Called often. */
static inline void progress_at(struct progress *p, int64_t done)
{
    if (p->is_on) {
        progress_draw(p, done);
    }
}
/* Before anything else is written to the terminal, and at the end. It comes back with the next
 * progress_at. */
void progress_wipe(struct progress *p);

/* The line for a terminal of that width, without what moves the cursor. Pure. */
void progress_put(const struct progress *p, int64_t done, int64_t took_ms, int width,
                  struct buf *out);

#endif
