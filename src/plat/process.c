/* Limits of this process and its use of the machine (/proc). */
#include "plat/process.h"

#include "base/buf.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

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

static size_t count_fds(void)
{
    size_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    if (d == NULL) {
        return 0;
    }
    while (readdir(d) != NULL) {
        n++;
    }
    closedir(d);
    return n > 3 ? n - 3 : 0; /* ".", "..", and the directory itself */
}

void process_use(struct process_use *ret_use)
{
    unsigned long total_pages, resident_pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f != NULL) {
        if (fscanf(f, "%lu %lu", &total_pages, &resident_pages) != 2) {
            resident_pages = 0;
        }
        fclose(f);
    }
    *ret_use = (struct process_use){
        .resident_bytes = (uint64_t)resident_pages * (uint64_t)sysconf(_SC_PAGESIZE),
        .fd_count = count_fds(),
    };
}

void process_put_cwd(struct buf *out)
{
    char *here = getcwd(NULL, 0);
    buf_put_str(out, str_from(here));
    free(here);
}
