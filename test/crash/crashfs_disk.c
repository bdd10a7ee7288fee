/* The disk in memory. See crashfs_disk.h. One thread.
 *
 * Invariants: a file's cache is what its readers see; a sector that is not dirty differs from the
 * disk only after a failed sync. A directory's ops lead from its disk names to its cached ones. */
#include "crashfs_disk.h"

#include "base/assert.h"
#include "base/mem.h"
#include "crashfs.h"

#include <string.h>

/* --- nodes and names --- */

struct node *node_new(bool is_dir)
{
    struct node *n = NEW(struct node);
    n->is_dir = is_dir;
    n->ref_count = 1;
    return n;
}

static void entries_clear(struct entries *x)
{
    for (size_t i = 0; i < x->count; i++) {
        mem_free(x->p[i].name);
        node_unref(x->p[i].node);
    }
    mem_free(x->p);
    *x = (struct entries){0};
}

void dir_forget_ops(struct node *n)
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

void node_unref(struct node *n)
{
    if (--n->ref_count > 0) {
        return;
    }
    buf_deinit(&n->disk);
    buf_deinit(&n->cache);
    buf_deinit(&n->dirty);
    entries_clear(&n->names);
    entries_clear(&n->disk_names);
    dir_forget_ops(n);
    mem_free(n->ops);
    mem_free(n);
}

struct entry *entries_find(const struct entries *x, const char *name)
{
    for (size_t i = 0; i < x->count; i++) {
        if (strcmp(x->p[i].name, name) == 0) {
            return &x->p[i];
        }
    }
    return NULL;
}

void entries_set(struct entries *x, const char *name, struct node *node)
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

void entries_copy(struct entries *to, const struct entries *from)
{
    entries_clear(to);
    for (size_t i = 0; i < from->count; i++) {
        entries_set(to, from->p[i].name, from->p[i].node);
    }
}

void entries_apply(struct entries *x, const struct op *op)
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

void dir_do(struct node *dir, struct op op)
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

/* --- bytes --- */

size_t node_sectors(size_t bytes) { return (bytes + CRASHFS_SECTOR - 1) / CRASHFS_SECTOR; }

void bytes_fill(struct buf *b, size_t len, uint8_t value)
{
    if (len > b->len) {
        size_t n = len - b->len;
        uint64_t held = mem_fail_after(0); /* such failures are for what is tested */
        uint8_t *p = buf_extend(b, n);
        mem_fail_after(held);
        ASSERT(p != NULL);
        memset(p, value, n);
    }
    b->len = len;
}

void node_resize(struct node *n, size_t size)
{
    size_t edge = MIN(size, n->cache.len);
    bool is_cut = size != n->cache.len && edge % CRASHFS_SECTOR != 0;
    bytes_fill(&n->cache, size, 0);
    bytes_fill(&n->dirty, node_sectors(size), 1);
    if (is_cut) {
        n->dirty.p[edge / CRASHFS_SECTOR] = 1;
    }
}

void node_write(struct node *n, const uint8_t *p, size_t len, uint64_t pos)
{
    if (len == 0) {
        return;
    }
    if (pos + len > n->cache.len) {
        node_resize(n, (size_t)pos + len);
    }
    memcpy(n->cache.p + pos, p, len);
    for (size_t s = (size_t)pos / CRASHFS_SECTOR; s < node_sectors((size_t)pos + len); s++) {
        n->dirty.p[s] = 1;
    }
}

void node_sync_sector(struct node *n, size_t s)
{
    size_t from = s * CRASHFS_SECTOR;
    size_t end = MIN(from + CRASHFS_SECTOR, n->cache.len);
    bytes_fill(&n->disk, MAX(n->disk.len, end), 0);
    memcpy(n->disk.p + from, n->cache.p + from, end - from);
}

/* --- copies --- */

/* Nodes and their copies, so that one with several names is copied once. */
struct twins {
    const struct node *from[1024];
    struct node *to[1024];
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
    to->mtime_ms = from->mtime_ms;
    buf_put(&to->disk, from->disk.p, from->disk.len);
    buf_put(&to->cache, from->cache.p, from->cache.len);
    buf_put(&to->dirty, from->dirty.p, from->dirty.len);
    clone_entries(t, &to->names, &from->names);
    clone_entries(t, &to->disk_names, &from->disk_names);
    clone_ops(t, to, from);
    return to;
}

struct node *node_clone(const struct node *root)
{
    struct twins t = {.count = 0};
    struct node *copy = clone_node(&t, root);
    for (int i = 0; i < t.count; i++) {
        if (t.to[i] != copy) {
            node_unref(t.to[i]);
        }
    }
    return copy;
}
