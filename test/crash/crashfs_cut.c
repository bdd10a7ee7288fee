/* What a power cut leaves of what was not synced: see crashfs.h. One thread; all is decided by the
 * random numbers given. */
#include "crashfs.h"
#include "crashfs_disk.h"

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
            node_sync_sector(n, s);
        } else if (x.how == SURVIVES_GARBLED) {
            bytes_fill(&n->disk, MAX(n->disk.len, MIN(n->cache.len, (s + 1) * CRASHFS_SECTOR)), 0);
            garble(n, s, synced_len, r);
        }
    }
    bytes_fill(&n->disk, size, 0);
    buf_clear(&n->cache);
    buf_put(&n->cache, n->disk.p, n->disk.len);
    bytes_fill(&n->dirty, node_sectors(size), 0);
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
    dir_forget_ops(n);
    entries_copy(&n->names, &n->disk_names);
    for (size_t i = 0; i < n->names.count; i++) {
        struct node *child = n->names.p[i].node;
        (child->is_dir ? cut_dir : cut_file)(child, r);
    }
}

void node_cut(struct node *root, struct rand *r) { cut_dir(root, r); }
