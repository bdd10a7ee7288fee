/* The disk in memory: files that have a cache over what is on the disk, and directories that have a
 * list of what the disk does not know yet. */
#ifndef TEST_CRASH_CRASHFS_DISK_H
#define TEST_CRASH_CRASHFS_DISK_H

#include "base/buf.h"
#include "base/rand.h"

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
    int64_t mtime_ms;
    /* a file */
    struct buf disk, cache;
    struct buf dirty; /* a byte for each sector of the cache */
    /* a directory */
    struct entries names, disk_names;
    struct op *ops;
    size_t op_count, op_cap;
};

struct node *node_new(bool is_dir);
void node_unref(struct node *n);
/* Of a tree, with its caches and what the disk does not know. */
struct node *node_clone(const struct node *root);
/* The power goes: of what was not synced anything may be there afterwards. */
void node_cut(struct node *root, struct rand *r);

/* --- the bytes of a file --- */

size_t node_sectors(size_t bytes);
void bytes_fill(struct buf *b, size_t len, uint8_t value);
/* In the cache. */
void node_resize(struct node *n, size_t size);
void node_write(struct node *n, const uint8_t *p, size_t len, uint64_t pos);
void node_sync_sector(struct node *n, size_t s);

/* --- the names of a directory --- */

struct entry *entries_find(const struct entries *x, const char *name);
void entries_set(struct entries *x, const char *name, struct node *node);
void entries_copy(struct entries *to, const struct entries *from);
void entries_apply(struct entries *x, const struct op *op);
/* Does it now, and notes that the disk does not know yet. */
void dir_do(struct node *dir, struct op op);
void dir_forget_ops(struct node *n);

#endif
