/* Writes to standard output behind stdio's back: what stdio holds goes first. One thread. */
#include "cli/records/output.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { FULL_BYTES = 256 << 10 };

void output_deinit(struct output *o) { buf_deinit(&o->text); }

void output_ready(struct output *o)
{
    if (o->text.len >= FULL_BYTES) {
        output_flush(o);
    }
}

void output_flush(struct output *o)
{
    size_t done = 0;
    fflush(stdout);
    while (done < o->text.len && !o->is_broken) {
        ssize_t n = write(STDOUT_FILENO, o->text.p + done, o->text.len - done);
        o->is_broken = n < 0 && errno != EINTR;
        done += n > 0 ? (size_t)n : 0;
    }
    o->is_broken |= o->text.err != OK;
    buf_clear(&o->text);
}
