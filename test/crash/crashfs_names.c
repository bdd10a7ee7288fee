/* The seam of names: struct fs_ops over the disk in memory. One thread. */
#include "crashfs_priv.h"

#include "base/assert.h"
#include "base/mem.h"

#include <string.h>

static const int64_t STILL_MS = INT64_C(1700000000000);

void crashfs_set_clock(struct crashfs *c, struct clock *clock) { c->clock = clock; }

void crashfs_touch(const struct crashfs *c, struct node *n)
{
    n->mtime_ms = c->clock ? clock_wall_ms(c->clock) : STILL_MS;
}

static int read_slot(struct crashfs *c, const char *name)
{
    const char *dot = strrchr(name, '.');
    if (dot == NULL || strlen(dot) >= SUFFIX_LEN) {
        return -1;
    }
    for (int i = 0; i < SUFFIX_COUNT; i++) {
        if (c->reads[i].suffix[0] == '\0') {
            memcpy(c->reads[i].suffix, dot, strlen(dot) + 1);
        }
        if (strcmp(c->reads[i].suffix, dot) == 0) {
            return i;
        }
    }
    return -1;
}

static enum err open_there(struct crashfs *c, struct node *n, unsigned flags, bool is_truncating)
{
    bool is_partial;
    if (n->is_dir) {
        return ERR_IO;
    }
    if ((flags & FILE_CREATE) && (flags & FILE_EXCLUSIVE)) {
        return ERR_EXISTS;
    }
    unsigned kind = CRASHFS_OPENS | (is_truncating ? CRASHFS_CHANGES : CRASHFS_READS);
    enum err e = crashfs_admit(c, kind, &is_partial);
    if (is_truncating && crashfs_happens(c, e, is_partial)) {
        node_resize(n, 0);
        crashfs_touch(c, n);
    }
    return e;
}

static enum err open_new(struct crashfs *c, struct node *dir, const char *name, struct node **ret)
{
    bool is_partial;
    enum err e = crashfs_admit(c, CRASHFS_OPENS | CRASHFS_CHANGES, &is_partial);
    if (crashfs_happens(c, e, is_partial)) {
        *ret = node_new(false);
        crashfs_touch(c, *ret);
        dir_do(dir, (struct op){OP_LINK, (char *)(uintptr_t)name, NULL, *ret});
        node_unref(*ret);
    }
    return e;
}

static enum err crash_open(struct fs *fs, const char *path, unsigned flags, struct file **ret_file)
{
    struct crashfs *c = crashfs_of(fs);
    char name[NAME_LEN];
    struct node *dir = crashfs_walk(c, path, name);
    struct node *n = crashfs_lookup(c, path);
    enum err e;
    if (c->is_off) {
        return ERR_IO;
    }
    if (n != NULL) {
        e = open_there(c, n, flags, (flags & FILE_TRUNCATE) && n->cache.len > 0);
    } else if (dir != NULL && (flags & FILE_CREATE)) {
        e = open_new(c, dir, name, &n);
    } else {
        e = ERR_NOT_FOUND;
    }
    if (e) {
        return e;
    }
    struct handle *h = NEW(struct handle);
    h->file.ops = &crashfs_file_ops;
    h->c = c;
    h->node = n;
    h->read_at = read_slot(c, name);
    n->ref_count++;
    c->open_count++;
    *ret_file = &h->file;
    return OK;
}

static enum err crash_mkdir(struct fs *fs, const char *path)
{
    struct crashfs *c = crashfs_of(fs);
    char name[NAME_LEN];
    bool is_partial;
    struct node *dir = crashfs_walk(c, path, name);
    if (dir == NULL) {
        return ERR_NOT_FOUND;
    }
    if (name[0] == '\0' || entries_find(&dir->names, name) != NULL) {
        return ERR_EXISTS;
    }
    enum err e = crashfs_admit(c, CRASHFS_CHANGES, &is_partial);
    if (crashfs_happens(c, e, is_partial)) {
        struct node *n = node_new(true);
        crashfs_touch(c, n);
        dir_do(dir, (struct op){OP_LINK, name, NULL, n});
        node_unref(n);
    }
    return e;
}

/* Within one directory, as everybody here does it. */
static enum err crash_rename(struct fs *fs, const char *from, const char *to)
{
    struct crashfs *c = crashfs_of(fs);
    char name[NAME_LEN];
    char to_name[NAME_LEN];
    bool is_partial;
    struct node *dir = crashfs_walk(c, from, name);
    ASSERT(dir == crashfs_walk(c, to, to_name));
    if (dir == NULL || entries_find(&dir->names, name) == NULL) {
        return ERR_NOT_FOUND;
    }
    enum err e = crashfs_admit(c, CRASHFS_CHANGES, &is_partial);
    if (crashfs_happens(c, e, is_partial)) {
        dir_do(dir, (struct op){OP_RENAME, name, to_name, NULL});
    }
    return e;
}

static enum err remove_name(struct crashfs *c, const char *path, bool is_dir)
{
    char name[NAME_LEN];
    bool is_partial;
    struct node *dir = crashfs_walk(c, path, name);
    struct entry *entry = dir != NULL ? entries_find(&dir->names, name) : NULL;
    if (entry == NULL || entry->node->is_dir != is_dir) {
        return ERR_NOT_FOUND;
    }
    if (is_dir && entry->node->names.count > 0) {
        return ERR_EXISTS;
    }
    enum err e = crashfs_admit(c, CRASHFS_CHANGES, &is_partial);
    if (crashfs_happens(c, e, is_partial)) {
        dir_do(dir, (struct op){OP_UNLINK, name, NULL, NULL});
    }
    return e;
}

static enum err crash_unlink(struct fs *fs, const char *path)
{
    return remove_name(crashfs_of(fs), path, false);
}

static enum err crash_rmdir(struct fs *fs, const char *path)
{
    return remove_name(crashfs_of(fs), path, true);
}

static enum err crash_list(struct fs *fs, const char *path, fs_list_fn *fn, void *ctx)
{
    struct crashfs *c = crashfs_of(fs);
    bool is_partial;
    struct node *dir = crashfs_lookup(c, path);
    if (dir == NULL || !dir->is_dir) {
        return ERR_NOT_FOUND;
    }
    enum err e = crashfs_admit(c, CRASHFS_READS, &is_partial);
    for (size_t i = 0; i < dir->names.count && !e; i++) {
        if (!fn(ctx, dir->names.p[i].name, dir->names.p[i].node->is_dir)) {
            break;
        }
    }
    return e;
}

static enum err crash_stat(struct fs *fs, const char *path, struct fs_stat *ret_stat)
{
    struct crashfs *c = crashfs_of(fs);
    bool is_partial;
    struct node *n = crashfs_lookup(c, path);
    enum err e = n == NULL ? ERR_NOT_FOUND : crashfs_admit(c, CRASHFS_READS, &is_partial);
    if (!e) {
        *ret_stat = (struct fs_stat){n->cache.len, n->mtime_ms, n->is_dir};
    }
    return e;
}

static enum err crash_sync_dir(struct fs *fs, const char *path)
{
    struct crashfs *c = crashfs_of(fs);
    bool is_partial;
    struct node *dir = crashfs_lookup(c, path);
    if (dir == NULL || !dir->is_dir) {
        return ERR_NOT_FOUND;
    }
    enum err e = crashfs_admit(c, CRASHFS_CHANGES | CRASHFS_SYNCS, &is_partial);
    if (!e) {
        entries_copy(&dir->disk_names, &dir->names);
        dir_forget_ops(dir);
    }
    return e;
}

static enum err crash_space(struct fs *fs, const char *path, uint64_t *ret_total_bytes,
                            uint64_t *ret_free_bytes)
{
    (void)fs;
    (void)path;
    *ret_total_bytes = *ret_free_bytes = UINT64_C(1) << 40;
    return OK;
}

const struct fs_ops crashfs_fs_ops = {
    .open = crash_open,
    .mkdir = crash_mkdir,
    .rename = crash_rename,
    .unlink = crash_unlink,
    .rmdir = crash_rmdir,
    .list = crash_list,
    .stat = crash_stat,
    .sync_dir = crash_sync_dir,
    .space = crash_space,
};
