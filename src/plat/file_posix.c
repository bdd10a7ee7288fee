/* The machine's own file system. Thread-safe; interrupted calls are repeated here and nowhere else.
 */
#include "base/mem.h"
#include "plat/file.h"
#include "plat/os_error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

struct posix_file {
    struct file file;
    int fd;
};

static struct posix_file *posix(struct file *f) { return CONTAINER_OF(f, struct posix_file, file); }

static enum err posix_pread(struct file *f, void *p, size_t len, uint64_t pos, size_t *ret_n)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = pread(posix(f)->fd, (char *)p + done, len - done, (off_t)(pos + done));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_from_errno(errno);
        }
        if (n == 0) {
            break;
        }
        done += (size_t)n;
    }
    *ret_n = done;
    return OK;
}

/* What is left of iov after done bytes, into rest; returns its count. */
static int iov_rest(const struct iovec *iov, int iov_count, size_t done, struct iovec *rest)
{
    int n = 0;
    for (int i = 0; i < iov_count; i++) {
        size_t skip = MIN(done, iov[i].iov_len);
        done -= skip;
        if (skip < iov[i].iov_len) {
            rest[n].iov_base = (char *)iov[i].iov_base + skip;
            rest[n++].iov_len = iov[i].iov_len - skip;
        }
    }
    return n;
}

enum { IOV_BATCH = 64 };

static enum err write_batch(int fd, const struct iovec *iov, int iov_count, uint64_t *pos)
{
    struct iovec rest[IOV_BATCH];
    size_t done = 0;
    int left;
    while ((left = iov_rest(iov, iov_count, done, rest)) > 0) {
        ssize_t n = left == 1 ? pwrite(fd, rest->iov_base, rest->iov_len, (off_t)(*pos + done))
                              : pwritev(fd, rest, left, (off_t)(*pos + done));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? err_from_errno(errno) : ERR_IO;
        }
        done += (size_t)n;
    }
    *pos += done;
    return OK;
}

static enum err posix_pwritev(struct file *f, const struct iovec *iov, int iov_count, uint64_t pos)
{
    for (int at = 0; at < iov_count; at += IOV_BATCH) {
        enum err e = write_batch(posix(f)->fd, iov + at, MIN(IOV_BATCH, iov_count - at), &pos);
        if (e) {
            return e;
        }
    }
    return OK;
}

static enum err posix_truncate(struct file *f, uint64_t size_bytes)
{
    int n;
    do {
        n = ftruncate(posix(f)->fd, (off_t)size_bytes);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? err_from_errno(errno) : OK;
}

static enum err posix_sync(struct file *f)
{
    return fdatasync(posix(f)->fd) < 0 ? err_from_errno(errno) : OK;
}

static enum err posix_size(struct file *f, uint64_t *ret_size_bytes)
{
    struct stat st;
    if (fstat(posix(f)->fd, &st) < 0) {
        return err_from_errno(errno);
    }
    *ret_size_bytes = (uint64_t)st.st_size;
    return OK;
}

static enum err posix_lock(struct file *f)
{
    if (flock(posix(f)->fd, LOCK_EX | LOCK_NB) < 0) {
        return errno == EWOULDBLOCK ? ERR_LOCKED : err_from_errno(errno);
    }
    return OK;
}

static void posix_advise(struct file *f, uint64_t pos, uint64_t len, enum file_advice advice)
{
    static const int codes[] = {POSIX_FADV_SEQUENTIAL, POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED};
    (void)posix_fadvise(posix(f)->fd, (off_t)pos, (off_t)len, codes[advice]);
}

/* Looks at a byte here and there: the kernel reads ahead in larger steps than these. Where it will
 * not say, reading is said not to wait. */
/* Whether a byte is there now; what is only on its way from the disk is not. */
static bool has_byte(int fd, uint64_t pos)
{
    char byte;
    struct iovec iov = {&byte, 1};
    return preadv2(fd, &iov, 1, (off_t)pos, RWF_NOWAIT) >= 0 || errno != EAGAIN;
}

/* cachestat(2) of Linux 6.5, which the C library need not know yet. */
enum { CACHESTAT_CALL = 451 };
struct cache_range {
    uint64_t pos, len;
};
struct cache_stat {
    uint64_t cached, dirty, in_writeback, evicted, recently_evicted; /* pages */
};

/* One call in place of one for each 64 KiB; false where the kernel has none, or forbids it. */
static bool count_cached(int fd, uint64_t pos, uint64_t len, uint64_t *ret_pages)
{
    static atomic_bool is_missing;
    struct cache_range range = {pos, len};
    struct cache_stat stat;
    if (atomic_load_explicit(&is_missing, memory_order_relaxed)) {
        return false;
    }
    if (syscall(CACHESTAT_CALL, fd, &range, &stat, 0) < 0) {
        atomic_store_explicit(&is_missing, true, memory_order_relaxed);
        return false;
    }
    *ret_pages = stat.cached;
    return true;
}

/* A sample of each 64 KiB. */
static bool has_samples(int fd, uint64_t pos, uint64_t len)
{
    enum { STEP_BYTES = 64 << 10 };
    uint64_t pages;
    if (len > STEP_BYTES && count_cached(fd, pos, len, &pages)) {
        uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
        return pages > (pos + len - 1) / page_bytes - pos / page_bytes;
    }
    for (uint64_t at = pos; at < pos + len; at += STEP_BYTES) {
        if (!has_byte(fd, at)) {
            return false;
        }
    }
    return true;
}

/* The last byte tells whether a read-ahead has come as far. */
static bool posix_is_cached(struct file *f, uint64_t pos, uint64_t len)
{
    int fd = posix(f)->fd;
    return len == 0 || (has_samples(fd, pos, len) && has_byte(fd, pos + len - 1));
}

/* Where the kernel cannot tell it is read as ever. */
static enum err posix_pread_now(struct file *f, void *p, size_t len, uint64_t pos, size_t *ret_n)
{
    size_t done = 0;
    while (done < len) {
        struct iovec iov = {(uint8_t *)p + done, len - done};
        ssize_t n = preadv2(posix(f)->fd, &iov, 1, (off_t)(pos + done), RWF_NOWAIT);
        if (n < 0 && errno != EINTR) {
            return errno == EAGAIN ? ERR_AGAIN : posix_pread(f, p, len, pos, ret_n);
        }
        if (n == 0) {
            break;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    *ret_n = done;
    return OK;
}

static int posix_fd(struct file *f) { return posix(f)->fd; }

static void posix_close(struct file *f)
{
    close(posix(f)->fd);
    mem_free(posix(f));
}

static const struct file_ops posix_file_ops = {
    .pread = posix_pread,
    .pread_now = posix_pread_now,
    .pwritev = posix_pwritev,
    .truncate = posix_truncate,
    .sync = posix_sync,
    .size = posix_size,
    .lock = posix_lock,
    .advise = posix_advise,
    .is_cached = posix_is_cached,
    .fd = posix_fd,
    .close = posix_close,
};

static enum err posix_open(struct fs *fs, const char *path, unsigned flags, struct file **ret_file)
{
    (void)fs;
    int how = O_CLOEXEC | (flags & FILE_WRITE ? O_RDWR : O_RDONLY);
    how |= flags & FILE_CREATE ? O_CREAT : 0;
    how |= flags & FILE_EXCLUSIVE ? O_EXCL : 0;
    how |= flags & FILE_TRUNCATE ? O_TRUNC : 0;
    int fd;
    do {
        fd = open(path, how, 0644);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    struct posix_file *f = NEW(struct posix_file);
    f->file.ops = &posix_file_ops;
    f->fd = fd;
    *ret_file = &f->file;
    return OK;
}

static enum err posix_mkdir(struct fs *fs, const char *path)
{
    (void)fs;
    return mkdir(path, 0755) < 0 ? err_from_errno(errno) : OK;
}

static enum err posix_rename(struct fs *fs, const char *from, const char *to)
{
    (void)fs;
    return rename(from, to) < 0 ? err_from_errno(errno) : OK;
}

static enum err posix_unlink(struct fs *fs, const char *path)
{
    (void)fs;
    return unlink(path) < 0 ? err_from_errno(errno) : OK;
}

static enum err posix_rmdir(struct fs *fs, const char *path)
{
    (void)fs;
    return rmdir(path) < 0 ? err_from_errno(errno) : OK;
}

static bool entry_is_dir(int dir_fd, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK) {
        return entry->d_type == DT_DIR;
    }
    return fstatat(dir_fd, entry->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

static enum err posix_list(struct fs *fs, const char *path, fs_list_fn *fn, void *ctx)
{
    (void)fs;
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return err_from_errno(errno);
    }
    struct dirent *entry;
    errno = 0;
    while ((entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name;
        bool is_dots = name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
        if (!is_dots && !fn(ctx, name, entry_is_dir(dirfd(dir), entry))) {
            errno = 0;
            break;
        }
        errno = 0;
    }
    enum err e = errno ? err_from_errno(errno) : OK;
    closedir(dir);
    return e;
}

static enum err posix_stat(struct fs *fs, const char *path, struct fs_stat *ret_stat)
{
    (void)fs;
    struct stat st;
    if (stat(path, &st) < 0) {
        return err_from_errno(errno);
    }
    ret_stat->size_bytes = (uint64_t)st.st_size;
    ret_stat->mtime_ms = st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    ret_stat->is_dir = S_ISDIR(st.st_mode);
    return OK;
}

static enum err posix_sync_dir(struct fs *fs, const char *path)
{
    (void)fs;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    enum err e = fsync(fd) < 0 ? err_from_errno(errno) : OK;
    close(fd);
    return e;
}

static enum err posix_space(struct fs *fs, const char *path, uint64_t *ret_total_bytes,
                            uint64_t *ret_free_bytes)
{
    (void)fs;
    struct statvfs st;
    if (statvfs(path, &st) < 0) {
        return err_from_errno(errno);
    }
    *ret_total_bytes = (uint64_t)st.f_blocks * st.f_frsize;
    *ret_free_bytes = (uint64_t)st.f_bavail * st.f_frsize;
    return OK;
}

struct fs *fs_posix(void)
{
    static const struct fs_ops ops = {
        .open = posix_open,
        .mkdir = posix_mkdir,
        .rename = posix_rename,
        .unlink = posix_unlink,
        .rmdir = posix_rmdir,
        .list = posix_list,
        .stat = posix_stat,
        .sync_dir = posix_sync_dir,
        .space = posix_space,
    };
    static struct fs fs = {&ops};
    return &fs;
}
