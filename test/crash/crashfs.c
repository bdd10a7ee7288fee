/* See crashfs.h. One thread.
 *
 * Invariants: a file's cache is what its readers see; a sector that is not dirty differs from the
 * disk only after a failed sync. A directory's ops lead from its disk names to its cached ones. */
#include "crashfs.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/rand.h"

#include <string.h>

enum { NAME_LEN = 256, SUFFIX_COUNT = 8, SUFFIX_LEN = 16 };
static const int64_t MTIME_MS = INT64_C(1700000000000);

struct entry {
    char *name;
    struct node *node;
};

struct entries {
    struct entry *p;
    size_t count, cap;
};

enum op_kind { OP_LINK, OP_UNLINK, OP_RENAME };

struct op {
    enum op_kind kind;
    char *name;
    char *to;          /* RENAME */
    struct node *node; /* LINK */
};

struct node {
    int ref_count; /* entries, ops and open files */
    bool is_dir;
    bool is_locked;
    /* a file */
    struct buf disk, cache;
    struct buf dirty; /* a byte for each sector of the cache */
    /* a directory */
    struct entries names, disk_names;
    struct op *ops;
    size_t op_count, op_cap;
};

struct read_count {
    char suffix[SUFFIX_LEN];
    uint64_t bytes;
};

struct crashfs {
    struct fs fs;
    struct node *root;
    struct crashfs_plan plan;
    struct rand rand; /* of the plan */
    uint64_t count;
    bool has_struck, is_off, is_paused;
    int open_count;
    struct read_count reads[SUFFIX_COUNT];
};

struct handle {
    struct file file;
    struct crashfs *c;
    struct node *node;
    int read_at; /* in c->reads */
};

static struct crashfs *of_fs(struct fs *fs) { return CONTAINER_OF(fs, struct crashfs, fs); }
static struct handle *of_file(struct file *f) { return CONTAINER_OF(f, struct handle, file); }

/* --- nodes --- */

static struct node *node_new(bool is_dir)
{
    struct node *n = NEW(struct node);
    n->is_dir = is_dir;
    n->ref_count = 1;
    return n;
}

static void node_unref(struct node *n);

static void entries_clear(struct entries *x)
{
    for (size_t i = 0; i < x->count; i++) {
        mem_free(x->p[i].name);
        node_unref(x->p[i].node);
    }
    mem_free(x->p);
    *x = (struct entries){0};
}

static void ops_clear(struct node *n)
{
    for (size_t i = 0; i < n->op_count; i++) {
        mem_free(n->ops[i].name);
        mem_free(n->ops[i].to);
        if (n->ops[i].node != NULL) {
            node_unref(n->ops[i].node);
        }
    }
    n->op_count = 0;
}

static void node_unref(struct node *n)
{
    if (--n->ref_count > 0) {
        return;
    }
    buf_deinit(&n->disk);
    buf_deinit(&n->cache);
    buf_deinit(&n->dirty);
    entries_clear(&n->names);
    entries_clear(&n->disk_names);
    ops_clear(n);
    mem_free(n->ops);
    mem_free(n);
}

static struct entry *entries_find(const struct entries *x, const char *name)
{
    for (size_t i = 0; i < x->count; i++) {
        if (strcmp(x->p[i].name, name) == 0) {
            return &x->p[i];
        }
    }
    return NULL;
}

static void entries_set(struct entries *x, const char *name, struct node *node)
{
    struct entry *e = entries_find(x, name);
    node->ref_count++;
    if (e != NULL) {
        node_unref(e->node);
        e->node = node;
        return;
    }
    if (x->count == x->cap) {
        x->cap = x->cap ? x->cap * 2 : 8;
        x->p = mem_realloc_array(x->p, x->cap, sizeof *x->p);
    }
    x->p[x->count++] = (struct entry){str_dup(str_from(name)), node};
}

static void entries_remove(struct entries *x, const char *name)
{
    struct entry *e = entries_find(x, name);
    if (e != NULL) {
        mem_free(e->name);
        node_unref(e->node);
        memmove(e, e + 1, (size_t)(x->p + x->count - (e + 1)) * sizeof *e);
        x->count--;
    }
}

static void entries_copy(struct entries *to, const struct entries *from)
{
    entries_clear(to);
    for (size_t i = 0; i < from->count; i++) {
        entries_set(to, from->p[i].name, from->p[i].node);
    }
}

static void entries_apply(struct entries *x, const struct op *op)
{
    struct entry *e;
    switch (op->kind) {
    case OP_LINK:
        entries_set(x, op->name, op->node);
        break;
    case OP_UNLINK:
        entries_remove(x, op->name);
        break;
    default:
        e = entries_find(x, op->name);
        if (e != NULL) {
            entries_set(x, op->to, e->node);
            entries_remove(x, op->name);
        }
    }
}

/* Does it now, and notes that the disk does not know yet. */
static void dir_do(struct node *dir, struct op op)
{
    entries_apply(&dir->names, &op);
    if (dir->op_count == dir->op_cap) {
        dir->op_cap = dir->op_cap ? dir->op_cap * 2 : 8;
        dir->ops = mem_realloc_array(dir->ops, dir->op_cap, sizeof *dir->ops);
    }
    op.name = str_dup(str_from(op.name));
    op.to = op.to != NULL ? str_dup(str_from(op.to)) : NULL;
    if (op.node != NULL) {
        op.node->ref_count++;
    }
    dir->ops[dir->op_count++] = op;
}

/* --- paths --- */

/* The directory that holds the last component, which goes to name. NULL: it is not there. */
static struct node *walk(const struct crashfs *c, const char *path, char *name)
{
    struct node *dir = c->root;
    struct str rest = str_from(path);
    struct str part;
    name[0] = '\0';
    while (str_next_item(&rest, '/', &part)) {
        if (part.len == 0 || str_eq(part, STR("."))) {
            continue;
        }
        if (name[0] != '\0') {
            struct entry *e = entries_find(&dir->names, name);
            if (e == NULL || !e->node->is_dir) {
                return NULL;
            }
            dir = e->node;
        }
        ASSERT(part.len < NAME_LEN);
        memcpy(name, part.p, part.len);
        name[part.len] = '\0';
    }
    return dir;
}

static struct node *lookup(const struct crashfs *c, const char *path)
{
    char name[NAME_LEN];
    struct node *dir = walk(c, path, name);
    if (dir == NULL || name[0] == '\0') {
        return dir;
    }
    struct entry *e = entries_find(&dir->names, name);
    return e != NULL ? e->node : NULL;
}

/* --- faults --- */

/* May the call go on? OK, or what it returns; *ret_is_partial: some of it happens all the same. */
static enum err admit(struct crashfs *c, unsigned kind, bool *ret_is_partial)
{
    *ret_is_partial = false;
    if (c->is_off) {
        return ERR_IO;
    }
    if (c->is_paused || c->plan.fault == CRASHFS_NO_FAULT || !(c->plan.kinds & kind)) {
        return OK;
    }
    bool is_due =
        c->plan.fault == CRASHFS_FAIL_ON ? c->count >= c->plan.after : c->count == c->plan.after;
    c->count++;
    if (!is_due) {
        return OK;
    }
    c->has_struck = true;
    c->is_off = c->plan.fault == CRASHFS_POWER;
    *ret_is_partial = true;
    return c->is_off ? ERR_IO : c->plan.err;
}

/* For calls that happen or do not: whether a failing one happens. */
static bool happens(struct crashfs *c, enum err e, bool is_partial)
{
    return e == OK || (is_partial && rand_one_in(&c->rand, 2));
}

/* --- files --- */

static size_t sectors_of(size_t bytes) { return (bytes + CRASHFS_SECTOR - 1) / CRASHFS_SECTOR; }

static void fill_to(struct buf *b, size_t len, uint8_t value)
{
    if (len > b->len) {
        size_t n = len - b->len;
        uint8_t *p = buf_extend(b, n);
        ASSERT(p != NULL);
        memset(p, value, n);
    }
    b->len = len;
}

static void cache_resize(struct node *n, size_t size)
{
    size_t edge = MIN(size, n->cache.len);
    bool is_cut = size != n->cache.len && edge % CRASHFS_SECTOR != 0;
    fill_to(&n->cache, size, 0);
    fill_to(&n->dirty, sectors_of(size), 1);
    if (is_cut) {
        n->dirty.p[edge / CRASHFS_SECTOR] = 1;
    }
}

static void cache_write(struct node *n, const uint8_t *p, size_t len, uint64_t pos)
{
    if (len == 0) {
        return;
    }
    if (pos + len > n->cache.len) {
        cache_resize(n, (size_t)pos + len);
    }
    memcpy(n->cache.p + pos, p, len);
    for (size_t s = (size_t)pos / CRASHFS_SECTOR; s < sectors_of((size_t)pos + len); s++) {
        n->dirty.p[s] = 1;
    }
}

static void sector_to_disk(struct node *n, size_t s)
{
    size_t from = s * CRASHFS_SECTOR;
    size_t end = MIN(from + CRASHFS_SECTOR, n->cache.len);
    fill_to(&n->disk, MAX(n->disk.len, end), 0);
    memcpy(n->disk.p + from, n->cache.p + from, end - from);
}

static enum err crash_pread(struct file *f, void *p, size_t len, uint64_t pos, size_t *ret_n)
{
    struct handle *h = of_file(f);
    bool is_partial;
    enum err e = admit(h->c, CRASHFS_READS, &is_partial);
    if (e) {
        return e;
    }
    size_t size = h->node->cache.len;
    size_t n = pos >= size ? 0 : MIN(len, size - (size_t)pos);
    if (n > 0) {
        memcpy(p, h->node->cache.p + pos, n);
    }
    if (h->read_at >= 0) {
        h->c->reads[h->read_at].bytes += n;
    }
    *ret_n = n;
    return OK;
}

static enum err crash_pwritev(struct file *f, const struct iovec *iov, int iov_count, uint64_t pos)
{
    struct handle *h = of_file(f);
    bool is_partial;
    size_t left = SIZE_MAX;
    size_t total = 0;
    enum err e = admit(h->c, CRASHFS_CHANGES, &is_partial);
    for (int i = 0; i < iov_count; i++) {
        total += iov[i].iov_len;
    }
    if (e) {
        left = is_partial ? (size_t)rand_below(&h->c->rand, total + 1) : 0;
    }
    for (int i = 0; i < iov_count && left > 0; i++) {
        size_t n = MIN(left, iov[i].iov_len);
        cache_write(h->node, iov[i].iov_base, n, pos);
        pos += n;
        left -= n;
    }
    return e;
}

static enum err crash_truncate(struct file *f, uint64_t size_bytes)
{
    struct handle *h = of_file(f);
    bool is_partial;
    enum err e = admit(h->c, CRASHFS_CHANGES, &is_partial);
    if (happens(h->c, e, is_partial)) {
        cache_resize(h->node, (size_t)size_bytes);
    }
    return e;
}

static enum err crash_sync(struct file *f)
{
    struct handle *h = of_file(f);
    struct node *n = h->node;
    bool is_partial;
    enum err e = admit(h->c, CRASHFS_CHANGES | CRASHFS_SYNCS, &is_partial);
    if (e && (!is_partial || h->c->is_off)) {
        return e; /* what survives is the cut's to say */
    }
    for (size_t s = 0; s < n->dirty.len; s++) {
        if (n->dirty.p[s] && happens(h->c, e, is_partial)) {
            sector_to_disk(n, s);
        }
        n->dirty.p[s] = 0;
    }
    if (!e) {
        fill_to(&n->disk, n->cache.len, 0);
    }
    return e;
}

static enum err crash_size(struct file *f, uint64_t *ret_size_bytes)
{
    struct handle *h = of_file(f);
    bool is_partial;
    enum err e = admit(h->c, CRASHFS_READS, &is_partial);
    if (!e) {
        *ret_size_bytes = h->node->cache.len;
    }
    return e;
}

static enum err crash_lock(struct file *f)
{
    struct handle *h = of_file(f);
    if (h->node->is_locked) {
        return ERR_LOCKED;
    }
    h->node->is_locked = true;
    return OK;
}

/* Clean sectors leave the cache: what a failed sync lost is seen to be lost. */
static void crash_advise(struct file *f, uint64_t pos, uint64_t len, enum file_advice advice)
{
    struct node *n = of_file(f)->node;
    if (advice != FILE_DONT_NEED || of_file(f)->c->is_off) {
        return;
    }
    uint64_t end = len == 0 ? UINT64_MAX : pos + len;
    for (size_t s = 0; s < n->dirty.len; s++) {
        size_t from = s * CRASHFS_SECTOR;
        size_t to = MIN(from + CRASHFS_SECTOR, n->cache.len);
        if (n->dirty.p[s] || from < pos || to > end) {
            continue;
        }
        size_t there = n->disk.len > from ? MIN(to, n->disk.len) - from : 0;
        memset(n->cache.p + from, 0, to - from);
        memcpy(n->cache.p + from, n->disk.p + from, there);
    }
}

static int crash_fd(struct file *f)
{
    (void)f;
    return -1;
}

static void crash_close(struct file *f)
{
    struct handle *h = of_file(f);
    h->c->open_count--;
    h->node->is_locked = false; /* only .lock is ever locked, and by one handle */
    node_unref(h->node);
    mem_free(h);
}

static const struct file_ops crash_file_ops = {
    .pread = crash_pread,
    .pwritev = crash_pwritev,
    .truncate = crash_truncate,
    .sync = crash_sync,
    .size = crash_size,
    .lock = crash_lock,
    .advise = crash_advise,
    .fd = crash_fd,
    .close = crash_close,
};

/* --- names --- */

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
    enum err e = admit(c, kind, &is_partial);
    if (is_truncating && happens(c, e, is_partial)) {
        cache_resize(n, 0);
    }
    return e;
}

static enum err open_new(struct crashfs *c, struct node *dir, const char *name, struct node **ret)
{
    bool is_partial;
    enum err e = admit(c, CRASHFS_OPENS | CRASHFS_CHANGES, &is_partial);
    if (happens(c, e, is_partial)) {
        *ret = node_new(false);
        dir_do(dir, (struct op){OP_LINK, (char *)(uintptr_t)name, NULL, *ret});
        node_unref(*ret);
    }
    return e;
}

static enum err crash_open(struct fs *fs, const char *path, unsigned flags, struct file **ret_file)
{
    struct crashfs *c = of_fs(fs);
    char name[NAME_LEN];
    struct node *dir = walk(c, path, name);
    struct node *n = lookup(c, path);
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
    h->file.ops = &crash_file_ops;
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
    struct crashfs *c = of_fs(fs);
    char name[NAME_LEN];
    bool is_partial;
    struct node *dir = walk(c, path, name);
    if (dir == NULL) {
        return ERR_NOT_FOUND;
    }
    if (name[0] == '\0' || entries_find(&dir->names, name) != NULL) {
        return ERR_EXISTS;
    }
    enum err e = admit(c, CRASHFS_CHANGES, &is_partial);
    if (happens(c, e, is_partial)) {
        struct node *n = node_new(true);
        dir_do(dir, (struct op){OP_LINK, name, NULL, n});
        node_unref(n);
    }
    return e;
}

/* Within one directory, as everybody here does it. */
static enum err crash_rename(struct fs *fs, const char *from, const char *to)
{
    struct crashfs *c = of_fs(fs);
    char name[NAME_LEN];
    char to_name[NAME_LEN];
    bool is_partial;
    struct node *dir = walk(c, from, name);
    ASSERT(dir == walk(c, to, to_name));
    if (dir == NULL || entries_find(&dir->names, name) == NULL) {
        return ERR_NOT_FOUND;
    }
    enum err e = admit(c, CRASHFS_CHANGES, &is_partial);
    if (happens(c, e, is_partial)) {
        dir_do(dir, (struct op){OP_RENAME, name, to_name, NULL});
    }
    return e;
}

static enum err remove_name(struct crashfs *c, const char *path, bool is_dir)
{
    char name[NAME_LEN];
    bool is_partial;
    struct node *dir = walk(c, path, name);
    struct entry *entry = dir != NULL ? entries_find(&dir->names, name) : NULL;
    if (entry == NULL || entry->node->is_dir != is_dir) {
        return ERR_NOT_FOUND;
    }
    if (is_dir && entry->node->names.count > 0) {
        return ERR_EXISTS;
    }
    enum err e = admit(c, CRASHFS_CHANGES, &is_partial);
    if (happens(c, e, is_partial)) {
        dir_do(dir, (struct op){OP_UNLINK, name, NULL, NULL});
    }
    return e;
}

static enum err crash_unlink(struct fs *fs, const char *path)
{
    return remove_name(of_fs(fs), path, false);
}

static enum err crash_rmdir(struct fs *fs, const char *path)
{
    return remove_name(of_fs(fs), path, true);
}

static enum err crash_list(struct fs *fs, const char *path, fs_list_fn *fn, void *ctx)
{
    struct crashfs *c = of_fs(fs);
    bool is_partial;
    struct node *dir = lookup(c, path);
    if (dir == NULL || !dir->is_dir) {
        return ERR_NOT_FOUND;
    }
    enum err e = admit(c, CRASHFS_READS, &is_partial);
    for (size_t i = 0; i < dir->names.count && !e; i++) {
        if (!fn(ctx, dir->names.p[i].name, dir->names.p[i].node->is_dir)) {
            break;
        }
    }
    return e;
}

static enum err crash_stat(struct fs *fs, const char *path, struct fs_stat *ret_stat)
{
    struct crashfs *c = of_fs(fs);
    bool is_partial;
    struct node *n = lookup(c, path);
    enum err e = n == NULL ? ERR_NOT_FOUND : admit(c, CRASHFS_READS, &is_partial);
    if (!e) {
        *ret_stat = (struct fs_stat){n->cache.len, MTIME_MS, n->is_dir};
    }
    return e;
}

static enum err crash_sync_dir(struct fs *fs, const char *path)
{
    struct crashfs *c = of_fs(fs);
    bool is_partial;
    struct node *dir = lookup(c, path);
    if (dir == NULL || !dir->is_dir) {
        return ERR_NOT_FOUND;
    }
    enum err e = admit(c, CRASHFS_CHANGES | CRASHFS_SYNCS, &is_partial);
    if (!e) {
        entries_copy(&dir->disk_names, &dir->names);
        ops_clear(dir);
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

static const struct fs_ops crash_fs_ops = {
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

/* --- the cut --- */

/* How much of what was not synced is there afterwards. */
enum survival { SURVIVES_NOT, SURVIVES_ALL, SURVIVES_UPTO, SURVIVES_ANY, SURVIVES_GARBLED };

struct survivor {
    enum survival how;
    uint64_t upto;
    struct rand *rand;
};

static bool survives(const struct survivor *x, uint64_t at)
{
    switch (x->how) {
    case SURVIVES_NOT:
        return false;
    case SURVIVES_ALL:
        return true;
    case SURVIVES_UPTO:
        return at < x->upto;
    default:
        return rand_one_in(x->rand, 2);
    }
}

static void garble(struct node *n, size_t s, size_t synced_len, struct rand *r)
{
    size_t from = MAX(s * CRASHFS_SECTOR, synced_len);
    size_t end = MIN((s + 1) * CRASHFS_SECTOR, n->disk.len);
    for (size_t i = from; i < end; i++) {
        n->disk.p[i] = (uint8_t)rand_u64(r);
    }
}

static size_t size_after(const struct node *n, const struct survivor *x)
{
    size_t low = MIN(n->disk.len, n->cache.len);
    size_t high = MAX(n->disk.len, n->cache.len);
    switch (x->how) {
    case SURVIVES_NOT:
        return n->disk.len;
    case SURVIVES_ALL:
        return n->cache.len;
    case SURVIVES_UPTO:
        return low + (size_t)rand_below(x->rand, high - low + 1);
    default:
        return rand_one_in(x->rand, 2) ? low : high;
    }
}

static void cut_file(struct node *n, struct rand *r)
{
    size_t synced_len = n->disk.len;
    struct survivor x = {.how = (enum survival)rand_below(r, SURVIVES_GARBLED + 1), .rand = r};
    x.upto = rand_below(r, n->dirty.len + 1);
    size_t size = size_after(n, &x);
    for (size_t s = 0; s < n->dirty.len; s++) {
        if (!n->dirty.p[s]) {
            continue;
        }
        if (survives(&x, s)) {
            sector_to_disk(n, s);
        } else if (x.how == SURVIVES_GARBLED) {
            fill_to(&n->disk, MAX(n->disk.len, MIN(n->cache.len, (s + 1) * CRASHFS_SECTOR)), 0);
            garble(n, s, synced_len, r);
        }
    }
    fill_to(&n->disk, size, 0);
    buf_clear(&n->cache);
    buf_put(&n->cache, n->disk.p, n->disk.len);
    fill_to(&n->dirty, sectors_of(size), 0);
    if (n->dirty.len > 0) {
        memset(n->dirty.p, 0, n->dirty.len);
    }
    n->is_locked = false;
}

static void cut_dir(struct node *n, struct rand *r)
{
    struct survivor x = {.how = (enum survival)rand_below(r, SURVIVES_ANY + 1), .rand = r};
    x.upto = rand_below(r, n->op_count + 1);
    for (size_t i = 0; i < n->op_count; i++) {
        if (survives(&x, i)) {
            entries_apply(&n->disk_names, &n->ops[i]);
        }
    }
    ops_clear(n);
    entries_copy(&n->names, &n->disk_names);
    for (size_t i = 0; i < n->names.count; i++) {
        struct node *child = n->names.p[i].node;
        (child->is_dir ? cut_dir : cut_file)(child, r);
    }
}

void crashfs_cut(struct crashfs *c, uint64_t seed)
{
    struct rand r;
    ASSERT(c->open_count == 0);
    rand_init(&r, seed);
    cut_dir(c->root, &r);
    crashfs_arm(c, &(struct crashfs_plan){.fault = CRASHFS_NO_FAULT});
}

/* --- the whole --- */

struct crashfs *crashfs_new(void)
{
    struct crashfs *c = NEW(struct crashfs);
    c->fs.ops = &crash_fs_ops;
    c->root = node_new(true);
    return c;
}

void crashfs_free(struct crashfs *c)
{
    ASSERT(c->open_count == 0);
    node_unref(c->root);
    mem_free(c);
}

/* Nodes and their copies, so that one with several names is copied once. */
struct twins {
    const struct node *from[256];
    struct node *to[256];
    int count;
};

static struct node *clone_node(struct twins *t, const struct node *from);

static void clone_entries(struct twins *t, struct entries *to, const struct entries *from)
{
    for (size_t i = 0; i < from->count; i++) {
        entries_set(to, from->p[i].name, clone_node(t, from->p[i].node));
    }
}

static void clone_ops(struct twins *t, struct node *to, const struct node *from)
{
    to->ops = mem_alloc(from->op_count * sizeof *to->ops + 1);
    to->op_cap = to->op_count = from->op_count;
    for (size_t i = 0; i < from->op_count; i++) {
        const struct op *op = &from->ops[i];
        to->ops[i] = (struct op){op->kind, str_dup(str_from(op->name)),
                                 op->to ? str_dup(str_from(op->to)) : NULL,
                                 op->node ? clone_node(t, op->node) : NULL};
        if (op->node != NULL) {
            to->ops[i].node->ref_count++;
        }
    }
}

/* The reference that node_new gives belongs to twins. */
static struct node *clone_node(struct twins *t, const struct node *from)
{
    for (int i = 0; i < t->count; i++) {
        if (t->from[i] == from) {
            return t->to[i];
        }
    }
    ASSERT(t->count < (int)ARRAY_LEN(t->from));
    struct node *to = node_new(from->is_dir);
    t->from[t->count] = from;
    t->to[t->count++] = to;
    buf_put(&to->disk, from->disk.p, from->disk.len);
    buf_put(&to->cache, from->cache.p, from->cache.len);
    buf_put(&to->dirty, from->dirty.p, from->dirty.len);
    clone_entries(t, &to->names, &from->names);
    clone_entries(t, &to->disk_names, &from->disk_names);
    clone_ops(t, to, from);
    return to;
}

struct crashfs *crashfs_clone(const struct crashfs *c)
{
    struct crashfs *copy = NEW(struct crashfs);
    struct twins t = {.count = 0};
    copy->fs.ops = &crash_fs_ops;
    copy->root = clone_node(&t, c->root);
    for (int i = 0; i < t.count; i++) {
        if (t.to[i] != copy->root) {
            node_unref(t.to[i]);
        }
    }
    return copy;
}

struct fs *crashfs_fs(struct crashfs *c) { return &c->fs; }

void crashfs_arm(struct crashfs *c, const struct crashfs_plan *plan)
{
    c->plan = *plan;
    c->count = 0;
    c->has_struck = c->is_off = c->is_paused = false;
    rand_init(&c->rand, plan->seed);
}

void crashfs_pause(struct crashfs *c, bool is_paused) { c->is_paused = is_paused; }

bool crashfs_has_struck(const struct crashfs *c) { return c->has_struck; }
uint64_t crashfs_count(const struct crashfs *c) { return c->count; }
int crashfs_open_count(const struct crashfs *c) { return c->open_count; }

uint64_t crashfs_read_bytes(const struct crashfs *c, const char *suffix)
{
    uint64_t bytes = 0;
    for (int i = 0; i < SUFFIX_COUNT; i++) {
        bytes += strcmp(c->reads[i].suffix, suffix) == 0 ? c->reads[i].bytes : 0;
    }
    return bytes;
}

void crashfs_forget_reads(struct crashfs *c)
{
    for (int i = 0; i < SUFFIX_COUNT; i++) {
        c->reads[i].bytes = 0;
    }
}
