/* Preloaded into a broker under test: counts fsync and fdatasync of segment files (*.log) of
 * partitions, and makes them fail when told to. Any thread. The counters are shared with the test
 * through the file $SYNC_SHIM names. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct shared {
    _Atomic uint64_t count;
    _Atomic uint64_t fails; /* not 0: every sync of a segment gets EIO */
};

int fsync(int fd);
int fdatasync(int fd);

static struct shared *shared;

__attribute__((constructor)) static void open_shared(void)
{
    const char *path = getenv("SYNC_SHIM");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) {
        return;
    }
    void *p = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    shared = p == MAP_FAILED ? NULL : p;
    close(fd);
}

static int is_segment(int fd)
{
    char link[64];
    char path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 4) {
        return 0;
    }
    path[n] = 0;
    return strcmp(path + n - 4, ".log") == 0 && strstr(path, "__cluster_metadata") == NULL;
}

static int sync_by(const char *name, int fd)
{
    int (*real)(int);
    *(void **)&real = dlsym(RTLD_NEXT, name);
    if (shared != NULL && is_segment(fd)) {
        atomic_fetch_add(&shared->count, 1);
        if (atomic_load(&shared->fails)) {
            errno = EIO;
            return -1;
        }
    }
    return real(fd);
}

int fsync(int fd) { return sync_by("fsync", fd); }
int fdatasync(int fd) { return sync_by("fdatasync", fd); }
