/* A page that is wiped in children (MADV_WIPEONFORK, Linux 4.14): cheaper to ask than getpid. Any
 * thread. */
#include "plat/fork.h"

#include <stddef.h>
#include <sys/mman.h>

struct fork_mark {
    volatile char is_ours;
};

struct fork_mark *fork_mark_new(void)
{
    struct fork_mark *m =
        mmap(NULL, sizeof *m, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (m == MAP_FAILED) {
        return NULL;
    }
    if (madvise(m, sizeof *m, MADV_WIPEONFORK) != 0) {
        fork_mark_free(m);
        return NULL;
    }
    m->is_ours = 1;
    return m;
}

void fork_mark_free(struct fork_mark *m)
{
    if (m != NULL) {
        (void)munmap(m, sizeof *m);
    }
}

bool fork_is_child(const struct fork_mark *m) { return m != NULL && !m->is_ours; }
