/* Whether this process is the one that made something, or a child that was forked since. */
#ifndef PLAT_FORK_H
#define PLAT_FORK_H

#include <stdbool.h>

/* A mark that the kernel wipes in children; NULL when it cannot: then nobody is a child. */
struct fork_mark *fork_mark_new(void);
void fork_mark_free(struct fork_mark *m); /* NULL is fine */

/* One look at memory. */
bool fork_is_child(const struct fork_mark *m);

#endif
