/* The file system as a seam: the real one (fs_posix), or one that crashes on purpose (test/crash).
 * All that touches a disk goes through it.
 *
 * Paths are UTF-8, relative or absolute, '/'-separated. Every call may fail with IO, NO_SPACE,
 * NO_FDS, NOT_FOUND, EXISTS, PERMISSION; those that allocate with NO_MEMORY. Calls on different
 * files are thread-safe; on one file, reads may run beside anything. */
#ifndef PLAT_FILE_H
#define PLAT_FILE_H

#include "base/err.h"
#include "base/str.h"

#include <sys/uio.h>

struct buf;
struct fs;
struct file;

enum file_flags {
    FILE_READ = 0,       /* must exist */
    FILE_WRITE = 1 << 0, /* read and write; must exist unless FILE_CREATE */
    FILE_CREATE = 1 << 1,
    FILE_EXCLUSIVE = 1 << 2, /* with CREATE: EXISTS if it is there */
    FILE_TRUNCATE = 1 << 3,
};

enum file_advice { FILE_SEQUENTIAL, FILE_WILL_NEED, FILE_DONT_NEED };

struct fs_stat {
    uint64_t size_bytes;
    int64_t mtime_ms;
    bool is_dir;
};

/* Return false to stop. The name is valid during the call. */
typedef bool fs_list_fn(void *ctx, const char *name, bool is_dir);

struct fs_ops {
    enum err (*open)(struct fs *fs, const char *path, unsigned flags, struct file **ret_file);
    enum err (*mkdir)(struct fs *fs, const char *path);
    enum err (*rename)(struct fs *fs, const char *from, const char *to);
    enum err (*unlink)(struct fs *fs, const char *path);
    enum err (*rmdir)(struct fs *fs, const char *path);
    enum err (*list)(struct fs *fs, const char *path, fs_list_fn *fn, void *ctx);
    enum err (*stat)(struct fs *fs, const char *path, struct fs_stat *ret_stat);
    enum err (*sync_dir)(struct fs *fs, const char *path);
    enum err (*space)(struct fs *fs, const char *path, uint64_t *ret_total_bytes,
                      uint64_t *ret_free_bytes);
};

struct file_ops {
    /* Fewer bytes only at the end of the file. */
    enum err (*pread)(struct file *f, void *p, size_t len, uint64_t pos, size_t *ret_n);
    /* The same, but AGAIN where it would wait for a disk. NULL: it never does. */
    enum err (*pread_now)(struct file *f, void *p, size_t len, uint64_t pos, size_t *ret_n);
    /* All or an error; after an error any prefix may be in the file. */
    enum err (*pwritev)(struct file *f, const struct iovec *iov, int iov_count, uint64_t pos);
    enum err (*truncate)(struct file *f, uint64_t size_bytes);
    enum err (*sync)(struct file *f); /* data and the metadata needed to read it back */
    enum err (*size)(struct file *f, uint64_t *ret_size_bytes);
    enum err (*lock)(struct file *f); /* exclusive, at once: LOCKED if another process has it */
    void (*advise)(struct file *f, uint64_t pos, uint64_t len, enum file_advice advice);
    /* Whether reading these bytes would not wait for a disk, as far as can be told. May be NULL. */
    bool (*is_cached)(struct file *f, uint64_t pos, uint64_t len);
    int (*fd)(struct file *f); /* for sendfile; -1 where there is none */
    void (*close)(struct file *f);
};

struct fs {
    const struct fs_ops *ops;
};

struct file {
    const struct file_ops *ops;
};

/* The machine's own. Static. */
struct fs *fs_posix(void);

must_check static inline enum err fs_open(struct fs *fs, const char *path, unsigned flags,
                                          struct file **ret_file)
{
    return fs->ops->open(fs, path, flags, ret_file);
}

/* EXISTS if it is there. */
must_check static inline enum err fs_mkdir(struct fs *fs, const char *path)
{
    return fs->ops->mkdir(fs, path);
}

must_check static inline enum err fs_rename(struct fs *fs, const char *from, const char *to)
{
    return fs->ops->rename(fs, from, to);
}

must_check static inline enum err fs_unlink(struct fs *fs, const char *path)
{
    return fs->ops->unlink(fs, path);
}

must_check static inline enum err fs_rmdir(struct fs *fs, const char *path)
{
    return fs->ops->rmdir(fs, path);
}

/* Without "." and ".."; in no order. */
must_check static inline enum err fs_list(struct fs *fs, const char *path, fs_list_fn *fn,
                                          void *ctx)
{
    return fs->ops->list(fs, path, fn, ctx);
}

must_check static inline enum err fs_stat(struct fs *fs, const char *path, struct fs_stat *ret_stat)
{
    return fs->ops->stat(fs, path, ret_stat);
}

/* Makes creations, renames and removals in the directory durable. */
must_check static inline enum err fs_sync_dir(struct fs *fs, const char *path)
{
    return fs->ops->sync_dir(fs, path);
}

must_check static inline enum err fs_space(struct fs *fs, const char *path,
                                           uint64_t *ret_total_bytes, uint64_t *ret_free_bytes)
{
    return fs->ops->space(fs, path, ret_total_bytes, ret_free_bytes);
}

must_check static inline enum err file_pread(struct file *f, void *p, size_t len, uint64_t pos,
                                             size_t *ret_n)
{
    return f->ops->pread(f, p, len, pos, ret_n);
}

must_check static inline enum err file_pread_now(struct file *f, void *p, size_t len, uint64_t pos,
                                                 size_t *ret_n)
{
    return (f->ops->pread_now ? f->ops->pread_now : f->ops->pread)(f, p, len, pos, ret_n);
}

must_check static inline enum err file_pwritev(struct file *f, const struct iovec *iov,
                                               int iov_count, uint64_t pos)
{
    return f->ops->pwritev(f, iov, iov_count, pos);
}

must_check static inline enum err file_pwrite(struct file *f, const void *p, size_t len,
                                              uint64_t pos)
{
    struct iovec iov = {(void *)(uintptr_t)p, len};
    return f->ops->pwritev(f, &iov, 1, pos);
}

must_check static inline enum err file_truncate(struct file *f, uint64_t size_bytes)
{
    return f->ops->truncate(f, size_bytes);
}

must_check static inline enum err file_sync(struct file *f) { return f->ops->sync(f); }

must_check static inline enum err file_size(struct file *f, uint64_t *ret_size_bytes)
{
    return f->ops->size(f, ret_size_bytes);
}

must_check static inline enum err file_lock(struct file *f) { return f->ops->lock(f); }

static inline void file_advise(struct file *f, uint64_t pos, uint64_t len, enum file_advice advice)
{
    f->ops->advise(f, pos, len, advice);
}

static inline bool file_is_cached(struct file *f, uint64_t pos, uint64_t len)
{
    return f->ops->is_cached == NULL || f->ops->is_cached(f, pos, len);
}

static inline int file_fd(struct file *f) { return f->ops->fd(f); }

/* NULL is fine. */
static inline void file_close(struct file *f)
{
    if (f != NULL) {
        f->ops->close(f);
    }
}

/* Appends dir/name to out; gives all of it, NUL-terminated, or "" (and out->err) without memory. */
const char *fs_path(struct buf *out, const char *dir, const char *name);

/* Exactly len bytes: SHORT if the file ends before. */
must_check enum err file_read_exact(struct file *f, void *p, size_t len, uint64_t pos);
/* The same, but AGAIN where it would wait for a disk. */
must_check enum err file_read_exact_now(struct file *f, void *p, size_t len, uint64_t pos);

/* The whole of a small file, NUL-terminated beyond *ret_len; freed with mem_free. BUDGET if it is
 * larger than max_bytes. */
must_check enum err fs_read_all(struct fs *fs, const char *path, size_t max_bytes, char **ret_text,
                                size_t *ret_len);

/* Replaces a file as a whole or not at all: path.tmp, fsync, rename, fsync of the directory. */
must_check enum err fs_write_atomic(struct fs *fs, const char *path, const void *p, size_t len);

/* Makes the creation, renaming or removal of `path` durable: syncs the directory that it is in. */
must_check enum err fs_sync_parent(struct fs *fs, const char *path);

/* mkdir -p; the parents of those that are made, and of the last one, are synced. OK if it is there.
 */
must_check enum err fs_mkdir_all(struct fs *fs, const char *path);

#endif
