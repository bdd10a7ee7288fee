/* The gate: each call passes under a read lock. */
#include "plat/file_gate.h"

#define GATE(fs) CONTAINER_OF(fs, struct fs_gate, fs)

static enum err enter(struct fs_gate *g)
{
    rwlock_read(&g->lock);
    return g->is_shut ? ERR_CLOSED : OK;
}

static enum err leave(struct fs_gate *g, enum err e)
{
    rwlock_unlock(&g->lock);
    return e;
}

static enum err gate_open(struct fs *fs, const char *path, unsigned flags, struct file **ret_file)
{
    struct fs_gate *g = GATE(fs);
    enum err e = enter(g);
    return leave(g, e ? e : fs_open(g->real, path, flags, ret_file));
}

static enum err gate_mkdir(struct fs *fs, const char *path)
{
    struct fs_gate *g = GATE(fs);
    enum err e = enter(g);
    return leave(g, e ? e : fs_mkdir(g->real, path));
}

static enum err gate_rename(struct fs *fs, const char *from, const char *to)
{
    struct fs_gate *g = GATE(fs);
    enum err e = enter(g);
    return leave(g, e ? e : fs_rename(g->real, from, to));
}

static enum err gate_unlink(struct fs *fs, const char *path)
{
    struct fs_gate *g = GATE(fs);
    enum err e = enter(g);
    return leave(g, e ? e : fs_unlink(g->real, path));
}

static enum err gate_rmdir(struct fs *fs, const char *path)
{
    struct fs_gate *g = GATE(fs);
    enum err e = enter(g);
    return leave(g, e ? e : fs_rmdir(g->real, path));
}

static enum err gate_list(struct fs *fs, const char *path, fs_list_fn *fn, void *ctx)
{
    struct fs_gate *g = GATE(fs);
    enum err e = enter(g);
    return leave(g, e ? e : fs_list(g->real, path, fn, ctx));
}

static enum err gate_stat(struct fs *fs, const char *path, struct fs_stat *ret_stat)
{
    struct fs_gate *g = GATE(fs);
    enum err e = enter(g);
    return leave(g, e ? e : fs_stat(g->real, path, ret_stat));
}

static enum err gate_sync_dir(struct fs *fs, const char *path)
{
    struct fs_gate *g = GATE(fs);
    enum err e = enter(g);
    return leave(g, e ? e : fs_sync_dir(g->real, path));
}

static enum err gate_space(struct fs *fs, const char *path, uint64_t *ret_total_bytes,
                           uint64_t *ret_free_bytes)
{
    struct fs_gate *g = GATE(fs);
    enum err e = enter(g);
    return leave(g, e ? e : fs_space(g->real, path, ret_total_bytes, ret_free_bytes));
}

static const struct fs_ops gate_ops = {
    .open = gate_open,
    .mkdir = gate_mkdir,
    .rename = gate_rename,
    .unlink = gate_unlink,
    .rmdir = gate_rmdir,
    .list = gate_list,
    .stat = gate_stat,
    .sync_dir = gate_sync_dir,
    .space = gate_space,
};

void fs_gate_init(struct fs_gate *g, struct fs *real)
{
    *g = (struct fs_gate){.fs = {&gate_ops}, .real = real};
    rwlock_init(&g->lock);
}

void fs_gate_deinit(struct fs_gate *g) { rwlock_deinit(&g->lock); }

void fs_gate_shut(struct fs_gate *g)
{
    rwlock_write(&g->lock);
    g->is_shut = true;
    rwlock_unlock(&g->lock);
}
