/* The whole of it: the disk, the plan of faults, counters. See crashfs.h. One thread. */
#include "crashfs_priv.h"

#include "base/assert.h"
#include "base/mem.h"

#include <string.h>

struct crashfs *crashfs_new(void)
{
    struct crashfs *c = NEW(struct crashfs);
    c->fs.ops = &crashfs_fs_ops;
    c->root = node_new(true);
    return c;
}

void crashfs_free(struct crashfs *c)
{
    ASSERT(c->open_count == 0);
    node_unref(c->root);
    mem_free(c);
}

struct crashfs *crashfs_clone(const struct crashfs *c)
{
    struct crashfs *copy = NEW(struct crashfs);
    copy->fs.ops = &crashfs_fs_ops;
    copy->root = node_clone(c->root);
    return copy;
}

void crashfs_cut(struct crashfs *c, uint64_t seed)
{
    struct rand r;
    ASSERT(c->open_count == 0);
    rand_init(&r, seed);
    node_cut(c->root, &r);
    crashfs_arm(c, &(struct crashfs_plan){.fault = CRASHFS_NO_FAULT});
}

struct fs *crashfs_fs(struct crashfs *c) { return &c->fs; }

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

/* --- paths --- */

struct node *crashfs_walk(const struct crashfs *c, const char *path, char *name)
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

struct node *crashfs_lookup(const struct crashfs *c, const char *path)
{
    char name[NAME_LEN];
    struct node *dir = crashfs_walk(c, path, name);
    if (dir == NULL || name[0] == '\0') {
        return dir;
    }
    struct entry *e = entries_find(&dir->names, name);
    return e != NULL ? e->node : NULL;
}

/* --- faults --- */

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

enum err crashfs_admit(struct crashfs *c, unsigned kind, bool *ret_is_partial)
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

bool crashfs_happens(struct crashfs *c, enum err e, bool is_partial)
{
    return e == OK || (is_partial && rand_one_in(&c->rand, 2));
}
