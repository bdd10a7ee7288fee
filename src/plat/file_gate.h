/* A file system with a gate before it: until the gate is shut it passes everything on; from then on
 * every path is CLOSED, while files that are open already stay usable. For what may have its
 * directory renamed under it, so that it never reaches into another's that has the name now.
 *
 * Any thread. Shutting waits for the calls that are inside. */
#ifndef PLAT_FILE_GATE_H
#define PLAT_FILE_GATE_H

#include "plat/file.h"
#include "plat/thread.h"

struct fs_gate {
    struct fs fs; /* give this one away */
    struct fs *real;
    struct rwlock lock;
    bool is_shut;
};

void fs_gate_init(struct fs_gate *g, struct fs *real);
void fs_gate_deinit(struct fs_gate *g);
void fs_gate_shut(struct fs_gate *g);

#endif
