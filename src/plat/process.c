/* Limits of this process and its use of the machine (/proc). */
#include "plat/process.h"

#include "base/buf.h"

#include <dirent.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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

bool process_writes_to_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;
    return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

/* --- other processes --- */

/* What a link of /proc points to; false when it cannot be read. */
static bool read_link(const char *path, char *ret_text, size_t size)
{
    ssize_t n = readlink(path, ret_text, size - 1);
    if (n < 0 || (size_t)n >= size - 1) {
        return false;
    }
    ret_text[n] = '\0';
    return true;
}

/* The name of the program; one that was replaced since is said to be deleted. */
static bool read_program(const char *path, char *ret_name, size_t size)
{
    char target[PATH_MAX];
    if (!read_link(path, target, sizeof target)) {
        return false;
    }
    struct str name = str_from(strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
    struct str gone = STR(" (deleted)");
    name.len -= str_has_suffix(name, gone) ? gone.len : 0;
    snprintf(ret_name, size, "%.*s", STR_ARG(name));
    return true;
}

struct search {
    const char *file_name;
    process_holder_fn *fn;
    void *ctx;
};

static void search_files(const struct search *s, int pid)
{
    char path[64], target[PATH_MAX];
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *d = opendir(path);
    struct dirent *entry;
    while (d != NULL && (entry = readdir(d)) != NULL) {
        snprintf(path, sizeof path, "/proc/%d/fd/%.20s", pid, entry->d_name);
        char *slash = read_link(path, target, sizeof target) ? strrchr(target, '/') : NULL;
        if (slash != NULL && strcmp(slash + 1, s->file_name) == 0) {
            *slash = '\0';
            s->fn(s->ctx, pid, target);
        }
    }
    if (d != NULL) {
        closedir(d);
    }
}

void process_each_holder(const char *file_name, process_holder_fn *fn, void *ctx)
{
    const struct search search = {file_name, fn, ctx};
    char own[256], path[64], name[256];
    DIR *d = read_program("/proc/self/exe", own, sizeof own) ? opendir("/proc") : NULL;
    struct dirent *entry;
    while (d != NULL && (entry = readdir(d)) != NULL) {
        int pid = atoi(entry->d_name);
        snprintf(path, sizeof path, "/proc/%d/exe", pid);
        if (pid > 0 && pid != getpid() && read_program(path, name, sizeof name) &&
            strcmp(own, name) == 0) {
            search_files(&search, pid);
        }
    }
    if (d != NULL) {
        closedir(d);
    }
}

int process_open(int pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

bool process_terminate(int process_fd)
{
    return syscall(SYS_pidfd_send_signal, process_fd, SIGTERM, NULL, 0) == 0;
}

bool process_wait(int process_fd, int timeout_ms)
{
    struct pollfd p = {.fd = process_fd, .events = POLLIN};
    return poll(&p, 1, timeout_ms) > 0;
}

void process_close(int process_fd)
{
    if (process_fd >= 0) {
        close(process_fd);
    }
}

void process_put_cwd(struct buf *out)
{
    char *here = getcwd(NULL, 0);
    buf_put_str(out, str_from(here));
    free(here);
}
