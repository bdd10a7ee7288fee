/* A process that goes on in the background. */
#ifndef PLAT_DAEMON_H
#define PLAT_DAEMON_H

#include "base/buf.h"

/* The two ends of a start in the background. */
struct daemon {
    int pid;     /* 0: this is the child */
    int told_fd; /* what the child has to say to its parent */
};

/* Forks; no thread may have been started. The child has a session of its own, nothing to read, and
 * writes to the end of the file at path, which is made if need be. *ret_began gets how long that
 * file was. */
must_check enum err daemon_fork(const char *path, struct daemon *ret_daemon, int64_t *ret_began);

/* In the child, once: it is ready, and this is what its parent may say. */
void daemon_tell(struct daemon *d, const char *text);

/* In the parent: waits until the child is ready (true, said has its text) or has ended (false,
 * *ret_status is its status). */
bool daemon_wait(struct daemon *d, struct buf *said, int *ret_status);

#endif
