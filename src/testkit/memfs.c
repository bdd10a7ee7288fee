/* A file system in memory. Any thread.
 *
 * Names are a flat list of whole paths under one lock; a test has hundreds, not millions. A file's
 * bytes are chunks under a lock of its own, made when they are first written: what lies between
 * reads as zeros. A file that was unlinked lives until it is closed, as on a disk. Nothing survives
 * memfs_free, so sync has nothing to do. */
#include "testkit/memfs.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/mem.h"
#include "plat/clock.h"
#include "plat/thread.h"

enum { CHUNK_BYTES = 64 * 1024 };

static const uint64_t space_bytes = (uint64_t)1 << 40;

/* What a name stands for. */
struct node {
    struct list_node link; /* in memfs.nodes while it has a name */
    char *path;
    bool is_dir;
    bool is_locked;
    int refs; /* the name's, and one for each open file; under memfs.lock */
    int64_t mtime_ms;
    struct rwlock lock; /* what follows */
    uint8_t **chunks;
    size_t chunk_count;
    uint64_t size_bytes;
};

struct memfs {
    struct fs fs;
    struct mutex lock; /* nodes and their names */
    struct list nodes;
    int open_count;
};

struct memfile {
    struct file file;
    struct memfs *fs;
    struct node *node;
    bool has_lock;
};

static struct memfs *of(struct fs *fs) { return CONTAINER_OF(fs, struct memfs, fs); }
static struct node *node_of(struct file *f) { return CONTAINER_OF(f, struct memfile, file)->node; }

static int64_t now_ms(void) { return clock_wall_ms(clock_system()); }

/* --- nodes: under memfs.lock --- */

static struct str trimmed(const char *path)
{
    struct str s = str_from(path);
    while (s.len > 1 && s.p[s.len - 1] == '/') {
        s.len--;
    }
    return s;
}

static struct node *find(struct memfs *m, struct str path)
{
    LIST_EACH(&m->nodes, n, tmp) {
        struct node *x = LIST_ENTRY(n, struct node, link);
        if (str_eq(str_from(x->path), path)) {
            return x;
        }
    }
    return NULL;
}

static bool is_root(struct str path)
{
    return path.len == 0 || str_eq(path, STR("/")) || str_eq(path, STR("."));
}

static bool has_parent(struct memfs *m, struct str path)
{
    size_t at = str_find_last(path, '/');
    struct str parent = {path.p, at == path.len ? 0 : at};
    const struct node *n = is_root(parent) ? NULL : find(m, parent);
    return is_root(parent) || (n != NULL && n->is_dir);
}

static struct node *node_new(struct memfs *m, struct str path, bool is_dir)
{
    struct node *n = NEW(struct node);
    n->path = str_dup(path);
    n->is_dir = is_dir;
    n->refs = 1;
    n->mtime_ms = now_ms();
    rwlock_init(&n->lock);
    list_push_back(&m->nodes, &n->link);
    return n;
}

static void cut_chunks(struct node *n, size_t count)
{
    while (n->chunk_count > count) {
        mem_free(n->chunks[--n->chunk_count]);
    }
}

static void node_unref(struct node *n)
{
    if (--n->refs == 0) {
        cut_chunks(n, 0);
        mem_free(n->chunks);
        mem_free(n->path);
        rwlock_deinit(&n->lock);
        mem_free(n);
    }
}

static void unname(struct node *n)
{
    list_remove(&n->link);
    node_unref(n);
}

/* Whether path lies in the directory, at any depth; what is behind its '/'. */
static bool is_inside(const char *path, struct str dir, struct str *ret_rest)
{
    struct str s = str_from(path);
    if (is_root(dir)) {
        *ret_rest = s;
        return true;
    }
    if (!str_has_prefix(s, dir) || s.len <= dir.len || s.p[dir.len] != '/') {
        return false;
    }
    *ret_rest = str_sub(s, dir.len + 1, s.len - dir.len - 1);
    return true;
}

static bool is_empty(struct memfs *m, struct str dir)
{
    struct str rest;
    LIST_EACH(&m->nodes, n, tmp) {
        if (is_inside(LIST_ENTRY(n, struct node, link)->path, dir, &rest)) {
            return false;
        }
    }
    return true;
}

/* --- a file --- */

static enum err memfile_pread(struct file *f, void *p, size_t len, uint64_t pos, size_t *ret_n)
{
    struct node *n = node_of(f);
    size_t done = 0;
    rwlock_read(&n->lock);
    uint64_t end = MIN(n->size_bytes, pos + len);
    for (uint64_t at = pos; at < end; at = pos + done) {
        size_t i = (size_t)(at / CHUNK_BYTES), off = (size_t)(at % CHUNK_BYTES);
        size_t step = MIN((size_t)CHUNK_BYTES - off, (size_t)(end - at));
        if (i < n->chunk_count && n->chunks[i] != NULL) {
            memcpy((uint8_t *)p + done, n->chunks[i] + off, step);
        } else {
            memset((uint8_t *)p + done, 0, step);
        }
        done += step;
    }
    rwlock_unlock(&n->lock);
    *ret_n = done;
    return OK;
}

static uint8_t *chunk_for(struct node *n, size_t i)
{
    if (i >= n->chunk_count) {
        size_t count = MAX(i + 1, n->chunk_count * 2);
        n->chunks = mem_realloc_array(n->chunks, count, sizeof *n->chunks);
        memset(n->chunks + n->chunk_count, 0, (count - n->chunk_count) * sizeof *n->chunks);
        n->chunk_count = count;
    }
    if (n->chunks[i] == NULL) {
        n->chunks[i] = mem_try(CHUNK_BYTES);
        if (n->chunks[i] != NULL) {
            memset(n->chunks[i], 0, CHUNK_BYTES);
        }
    }
    return n->chunks[i];
}

static enum err put(struct node *n, const uint8_t *p, size_t len, uint64_t pos)
{
    for (size_t done = 0; done < len;) {
        uint64_t at = pos + done;
        size_t off = (size_t)(at % CHUNK_BYTES);
        size_t step = MIN((size_t)CHUNK_BYTES - off, len - done);
        uint8_t *chunk = chunk_for(n, (size_t)(at / CHUNK_BYTES));
        if (chunk == NULL) {
            return ERR_NO_SPACE;
        }
        memcpy(chunk + off, p + done, step);
        done += step;
        n->size_bytes = MAX(n->size_bytes, at + step);
    }
    return OK;
}

static enum err memfile_pwritev(struct file *f, const struct iovec *iov, int iov_count,
                                uint64_t pos)
{
    struct node *n = node_of(f);
    enum err e = OK;
    rwlock_write(&n->lock);
    for (int i = 0; !e && i < iov_count; i++) {
        e = put(n, iov[i].iov_base, iov[i].iov_len, pos);
        pos += iov[i].iov_len;
    }
    n->mtime_ms = now_ms();
    rwlock_unlock(&n->lock);
    return e;
}

static enum err memfile_truncate(struct file *f, uint64_t size_bytes)
{
    struct node *n = node_of(f);
    size_t i = (size_t)(size_bytes / CHUNK_BYTES), off = (size_t)(size_bytes % CHUNK_BYTES);
    rwlock_write(&n->lock);
    if (size_bytes < n->size_bytes) {
        cut_chunks(n, off == 0 ? i : i + 1);
        if (off != 0 && i < n->chunk_count && n->chunks[i] != NULL) {
            memset(n->chunks[i] + off, 0, CHUNK_BYTES - off);
        }
    }
    n->size_bytes = size_bytes;
    rwlock_unlock(&n->lock);
    return OK;
}

static enum err memfile_sync(struct file *f)
{
    (void)f;
    return OK;
}

static enum err memfile_size(struct file *f, uint64_t *ret_size_bytes)
{
    struct node *n = node_of(f);
    rwlock_read(&n->lock);
    *ret_size_bytes = n->size_bytes;
    rwlock_unlock(&n->lock);
    return OK;
}

static enum err memfile_lock(struct file *f)
{
    struct memfile *file = CONTAINER_OF(f, struct memfile, file);
    mutex_lock(&file->fs->lock);
    bool is_free = !file->node->is_locked || file->has_lock;
    file->node->is_locked = true;
    file->has_lock = file->has_lock || is_free;
    mutex_unlock(&file->fs->lock);
    return is_free ? OK : ERR_LOCKED;
}

static void memfile_advise(struct file *f, uint64_t pos, uint64_t len, enum file_advice advice)
{
    (void)f, (void)pos, (void)len, (void)advice;
}

static int memfile_fd(struct file *f)
{
    (void)f;
    return -1;
}

static void memfile_close(struct file *f)
{
    struct memfile *file = CONTAINER_OF(f, struct memfile, file);
    struct memfs *m = file->fs;
    mutex_lock(&m->lock);
    if (file->has_lock) {
        file->node->is_locked = false;
    }
    node_unref(file->node);
    m->open_count--;
    mutex_unlock(&m->lock);
    mem_free(file);
}

static const struct file_ops file_ops = {
    .pread = memfile_pread,
    .pwritev = memfile_pwritev,
    .truncate = memfile_truncate,
    .sync = memfile_sync,
    .size = memfile_size,
    .lock = memfile_lock,
    .advise = memfile_advise,
    .fd = memfile_fd,
    .close = memfile_close,
};

/* --- names --- */

static enum err find_or_make(struct memfs *m, struct str path, unsigned flags,
                             struct node **ret_node)
{
    struct node *n = find(m, path);
    if (n != NULL && flags & FILE_CREATE && flags & FILE_EXCLUSIVE) {
        return ERR_EXISTS;
    }
    if (n != NULL && n->is_dir) {
        return ERR_IO;
    }
    if (n == NULL && (!(flags & FILE_CREATE) || !has_parent(m, path))) {
        return ERR_NOT_FOUND;
    }
    *ret_node = n ? n : node_new(m, path, false);
    return OK;
}

static enum err memfs_open(struct fs *fs, const char *path, unsigned flags, struct file **ret_file)
{
    struct memfs *m = of(fs);
    struct node *n = NULL;
    mutex_lock(&m->lock);
    enum err e = find_or_make(m, trimmed(path), flags, &n);
    if (!e) {
        n->refs++;
        m->open_count++;
    }
    mutex_unlock(&m->lock);
    if (e) {
        return e;
    }
    struct memfile *f = NEW(struct memfile);
    *f = (struct memfile){{&file_ops}, m, n, false};
    *ret_file = &f->file;
    return flags & FILE_TRUNCATE ? memfile_truncate(&f->file, 0) : OK;
}

static enum err memfs_mkdir(struct fs *fs, const char *path)
{
    struct memfs *m = of(fs);
    struct str s = trimmed(path);
    enum err e = OK;
    mutex_lock(&m->lock);
    if (is_root(s) || find(m, s) != NULL) {
        e = ERR_EXISTS;
    } else if (!has_parent(m, s)) {
        e = ERR_NOT_FOUND;
    } else {
        node_new(m, s, true);
    }
    mutex_unlock(&m->lock);
    return e;
}

/* What lies in a directory moves with it. */
static void rename_inside(struct memfs *m, struct str from, struct str to)
{
    struct str rest;
    LIST_EACH(&m->nodes, n, tmp) {
        struct node *x = LIST_ENTRY(n, struct node, link);
        if (is_inside(x->path, from, &rest)) {
            struct buf path = BUF_INIT;
            buf_printf(&path, "%.*s/%.*s", STR_ARG(to), STR_ARG(rest));
            char *old = x->path;
            x->path = str_dup(buf_str(&path));
            mem_free(old);
            buf_deinit(&path);
        }
    }
}

static enum err memfs_rename(struct fs *fs, const char *from, const char *to)
{
    struct memfs *m = of(fs);
    struct str source = trimmed(from), target = trimmed(to);
    enum err e = OK;
    mutex_lock(&m->lock);
    struct node *n = find(m, source), *old = find(m, target);
    if (n == NULL || !has_parent(m, target)) {
        e = ERR_NOT_FOUND;
    } else if (old != NULL && old->is_dir && !is_empty(m, target)) {
        e = ERR_EXISTS;
    } else if (old != n) {
        if (old != NULL) {
            unname(old);
        }
        if (n->is_dir) {
            rename_inside(m, source, target);
        }
        mem_free(n->path);
        n->path = str_dup(target);
    }
    mutex_unlock(&m->lock);
    return e;
}

static enum err take_away(struct fs *fs, const char *path, bool is_dir)
{
    struct memfs *m = of(fs);
    struct str s = trimmed(path);
    enum err e = OK;
    mutex_lock(&m->lock);
    struct node *n = find(m, s);
    if (n == NULL) {
        e = ERR_NOT_FOUND;
    } else if (n->is_dir != is_dir || (is_dir && !is_empty(m, s))) {
        e = ERR_IO;
    } else {
        unname(n);
    }
    mutex_unlock(&m->lock);
    return e;
}

static enum err memfs_unlink(struct fs *fs, const char *path) { return take_away(fs, path, false); }
static enum err memfs_rmdir(struct fs *fs, const char *path) { return take_away(fs, path, true); }

/* One name a time, so that fn may do what it likes: the i-th that is directly in dir. */
static char *nth_name(struct memfs *m, struct str dir, size_t i, bool *ret_is_dir)
{
    struct str rest;
    char *name = NULL;
    mutex_lock(&m->lock);
    LIST_EACH(&m->nodes, n, tmp) {
        struct node *x = LIST_ENTRY(n, struct node, link);
        if (is_inside(x->path, dir, &rest) && str_find(rest, '/') == rest.len && i-- == 0) {
            name = str_dup(rest);
            *ret_is_dir = x->is_dir;
            break;
        }
    }
    mutex_unlock(&m->lock);
    return name;
}

/* Names that go while they are listed must not hide others: all are taken first. */
static enum err memfs_list(struct fs *fs, const char *path, fs_list_fn *fn, void *ctx)
{
    struct memfs *m = of(fs);
    struct str dir = trimmed(path);
    struct entry {
        char *name;
        bool is_dir;
    } *v = NULL;
    size_t count = 0;
    bool is_dir = false, goes_on = true;
    mutex_lock(&m->lock);
    const struct node *self = find(m, dir);
    bool is_there = is_root(dir) || (self != NULL && self->is_dir);
    mutex_unlock(&m->lock);
    for (char *name; is_there && (name = nth_name(m, dir, count, &is_dir)) != NULL; count++) {
        v = mem_realloc_array(v, count + 1, sizeof *v);
        v[count] = (struct entry){name, is_dir};
    }
    for (size_t i = 0; i < count; i++) {
        goes_on = goes_on && fn(ctx, v[i].name, v[i].is_dir);
        mem_free(v[i].name);
    }
    mem_free(v);
    return is_there ? OK : ERR_NOT_FOUND;
}

static enum err memfs_stat(struct fs *fs, const char *path, struct fs_stat *ret_stat)
{
    struct memfs *m = of(fs);
    struct str s = trimmed(path);
    mutex_lock(&m->lock);
    struct node *n = find(m, s);
    if (n != NULL) {
        rwlock_read(&n->lock);
        *ret_stat = (struct fs_stat){n->size_bytes, n->mtime_ms, n->is_dir};
        rwlock_unlock(&n->lock);
    } else if (is_root(s)) {
        *ret_stat = (struct fs_stat){.is_dir = true};
    }
    mutex_unlock(&m->lock);
    return n != NULL || is_root(s) ? OK : ERR_NOT_FOUND;
}

static enum err memfs_sync_dir(struct fs *fs, const char *path)
{
    (void)fs, (void)path;
    return OK;
}

static enum err memfs_space(struct fs *fs, const char *path, uint64_t *ret_total_bytes,
                            uint64_t *ret_free_bytes)
{
    (void)fs, (void)path;
    *ret_total_bytes = *ret_free_bytes = space_bytes;
    return OK;
}

static const struct fs_ops fs_ops = {
    .open = memfs_open,
    .mkdir = memfs_mkdir,
    .rename = memfs_rename,
    .unlink = memfs_unlink,
    .rmdir = memfs_rmdir,
    .list = memfs_list,
    .stat = memfs_stat,
    .sync_dir = memfs_sync_dir,
    .space = memfs_space,
};

struct memfs *memfs_new(void)
{
    struct memfs *m = NEW(struct memfs);
    m->fs.ops = &fs_ops;
    mutex_init(&m->lock);
    list_init(&m->nodes);
    return m;
}

struct fs *memfs_fs(struct memfs *m) { return &m->fs; }

void memfs_free(struct memfs *m)
{
    if (m == NULL) {
        return;
    }
    ASSERT(m->open_count == 0);
    LIST_EACH(&m->nodes, n, tmp) {
        node_unref(LIST_ENTRY(n, struct node, link));
    }
    mutex_deinit(&m->lock);
    mem_free(m);
}
