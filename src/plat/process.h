/* What the operating system lets this process have, and what it has. */
#ifndef PLAT_PROCESS_H
#define PLAT_PROCESS_H

#include <stddef.h>
#include <stdint.h>

struct buf;

/* Raises the number of descriptors that the process may have open to the most that it may ask for.
 * Gives what it is then. */
uint64_t process_raise_fd_limit(void);

/* What it uses now; 0 where the system does not say. */
struct process_use {
    uint64_t resident_bytes;
    size_t fd_count;
};
void process_use(struct process_use *ret_use);

/* Appends the directory that relative paths begin in; nothing where the system does not say. */
void process_put_cwd(struct buf *out);

#endif
