/* The files in memory, written to real ones: to be looked at by who looks into a failure. */
#include "crashfs_priv.h"

#include <stdio.h>
#include <sys/stat.h>

static bool dump_file(const struct node *n, const char *path)
{
    FILE *f = fopen(path, "wb");
    bool is_done = f != NULL && fwrite(n->cache.p, 1, n->cache.len, f) == n->cache.len;
    return f != NULL && fclose(f) == 0 && is_done;
}

static bool dump_dir(const struct node *dir, const char *path)
{
    bool is_done = true;
    mkdir(path, 0755); /* it may be there from the last time */
    for (size_t i = 0; i < dir->names.count && is_done; i++) {
        const struct entry *e = &dir->names.p[i];
        struct buf to = BUF_INIT;
        buf_printf(&to, "%s/%s", path, e->name);
        is_done =
            e->node->is_dir ? dump_dir(e->node, buf_cstr(&to)) : dump_file(e->node, buf_cstr(&to));
        buf_deinit(&to);
    }
    return is_done;
}

bool crashfs_dump(const struct crashfs *c, const char *path) { return dump_dir(c->root, path); }
