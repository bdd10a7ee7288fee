/* Limits of this process. Start-up only. */
#include "plat/process.h"

#include <sys/resource.h>

uint64_t process_raise_fd_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0) {
        return 0;
    }
    if (r.rlim_cur < r.rlim_max) {
        struct rlimit more = {r.rlim_max, r.rlim_max};
        r = setrlimit(RLIMIT_NOFILE, &more) == 0 ? more : r;
    }
    return r.rlim_cur;
}
