/* What the operating system lets this process have, and what it has. */
#ifndef PLAT_PROCESS_H
#define PLAT_PROCESS_H

#include <stdbool.h>
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

/* Whether standard error goes to systemd's journal, which notes the time of each line itself. */
bool process_writes_to_journal(void);

/* Processes that run a program of the same name as this one and have a file open that is called
 * file_name: each with the directory of that file, which lives until fn returns. A process comes
 * once for each such file. */
typedef void process_holder_fn(void *ctx, int pid, const char *dir);
void process_each_holder(const char *file_name, process_holder_fn *fn, void *ctx);

/* A process that can be ended and waited for and is never mistaken for a later one of its number.
 * Negative: there is none, or it is not ours. */
int process_open(int pid);
/* False: it may not be told. */
bool process_terminate(int process_fd);
/* Whether it has ended after at most that time. */
bool process_wait(int process_fd, int timeout_ms);
void process_close(int process_fd); /* negative is fine */

/* Appends the directory that relative paths begin in; nothing where the system does not say. */
void process_put_cwd(struct buf *out);

#endif
