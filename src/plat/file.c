/* What is built on the file-system seam and so works on every file system. Thread-safe. */
#include "plat/file.h"

#include "base/buf.h"
#include "base/mem.h"

#include <string.h>

const char *fs_path(struct buf *out, const char *dir, const char *name)
{
    buf_printf(out, "%s/%s", dir, name);
    return buf_cstr(out);
}

enum err file_read_exact(struct file *f, void *p, size_t len, uint64_t pos)
{
    size_t n = 0;
    enum err e = file_pread(f, p, len, pos, &n);
    return e ? e : n == len ? OK : ERR_SHORT;
}

enum err file_read_exact_now(struct file *f, void *p, size_t len, uint64_t pos)
{
    size_t n = 0;
    enum err e = file_pread_now(f, p, len, pos, &n);
    return e ? e : n == len ? OK : ERR_SHORT;
}

enum err fs_read_all(struct fs *fs, const char *path, size_t max_bytes, char **ret_text,
                     size_t *ret_len)
{
    struct file *f = NULL;
    uint64_t size = 0;
    char *text = NULL;
    enum err e = fs_open(fs, path, FILE_READ, &f);
    if (e) {
        return e;
    }
    e = file_size(f, &size);
    if (e) {
        goto out;
    }
    if (size > max_bytes) {
        e = ERR_BUDGET;
        goto out;
    }
    text = mem_try((size_t)size + 1);
    if (text == NULL) {
        e = ERR_NO_MEMORY;
        goto out;
    }
    e = file_read_exact(f, text, (size_t)size, 0);
    if (e) {
        goto out;
    }
    text[size] = '\0';
    *ret_text = text;
    *ret_len = (size_t)size;
    text = NULL;
out:
    mem_free(text);
    file_close(f);
    return e;
}

/* "a/b/c" -> "a/b", "c" -> ".", "/c" -> "/". */
static void parent_of(const char *path, struct buf *out)
{
    const char *slash = strrchr(path, '/');
    buf_clear(out);
    if (slash == NULL) {
        buf_put_str(out, STR("."));
    } else {
        buf_put(out, path, slash == path ? 1 : (size_t)(slash - path));
    }
}

enum err fs_sync_parent(struct fs *fs, const char *path)
{
    struct buf dir = BUF_INIT;
    parent_of(path, &dir);
    const char *text = buf_cstr(&dir);
    enum err e = dir.err ? dir.err : fs_sync_dir(fs, text);
    buf_deinit(&dir);
    return e;
}

enum err fs_write_atomic(struct fs *fs, const char *path, const void *p, size_t len)
{
    struct buf tmp = BUF_INIT;
    struct file *f = NULL;
    buf_printf(&tmp, "%s.tmp", path);
    const char *tmp_path = buf_cstr(&tmp);
    enum err e = tmp.err;
    if (e) {
        goto out;
    }
    e = fs_open(fs, tmp_path, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &f);
    if (e) {
        goto out;
    }
    e = file_pwrite(f, p, len, 0);
    if (e) {
        goto out;
    }
    e = file_sync(f);
    if (e) {
        goto out;
    }
    e = fs_rename(fs, tmp_path, path);
    if (e) {
        goto out;
    }
    e = fs_sync_parent(fs, path);
out:
    file_close(f);
    buf_deinit(&tmp);
    return e;
}

/* One that is there may be new all the same: made by a process that was killed before it could sync
 * the parent. Those above it were synced before it was made. A parent that we may not read is not
 * ours, and was not made by us. */
static enum err mkdir_synced(struct fs *fs, char *path)
{
    enum err made = fs_mkdir(fs, path);
    char *slash = strrchr(path, '/');
    if (made == ERR_NOT_FOUND && slash != NULL && slash != path) {
        *slash = '\0';
        made = mkdir_synced(fs, path);
        *slash = '/';
        made = made ? made : fs_mkdir(fs, path);
    }
    if (made && made != ERR_EXISTS) {
        return made;
    }
    enum err e = fs_sync_parent(fs, path);
    return made && e == ERR_PERMISSION ? OK : e;
}

enum err fs_mkdir_all(struct fs *fs, const char *path)
{
    char *copy = str_dup(str_from(path));
    enum err e = mkdir_synced(fs, copy);
    mem_free(copy);
    return e;
}
