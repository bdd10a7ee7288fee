/* The seam of open files: struct file_ops over the disk in memory. One thread. */
#include "crashfs_priv.h"

#include "base/mem.h"

#include <string.h>

static enum err crash_pread(struct file *f, void *p, size_t len, uint64_t pos, size_t *ret_n)
{
    struct handle *h = handle_of(f);
    bool is_partial;
    enum err e = crashfs_admit(h->c, CRASHFS_READS, &is_partial);
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

/* Now and then the disk would be needed, whatever is read. */
static enum err crash_pread_now(struct file *f, void *p, size_t len, uint64_t pos, size_t *ret_n)
{
    struct crashfs *c = handle_of(f)->c;
    return c->hurried_count++ % 3 == 0 ? ERR_AGAIN : crash_pread(f, p, len, pos, ret_n);
}

static enum err crash_pwritev(struct file *f, const struct iovec *iov, int iov_count, uint64_t pos)
{
    struct handle *h = handle_of(f);
    bool is_partial;
    size_t left = SIZE_MAX;
    size_t total = 0;
    enum err e = crashfs_admit(h->c, CRASHFS_CHANGES, &is_partial);
    for (int i = 0; i < iov_count; i++) {
        total += iov[i].iov_len;
    }
    if (e) {
        left = is_partial ? (size_t)rand_below(&h->c->rand, total + 1) : 0;
    }
    if (left > 0) {
        crashfs_touch(h->c, h->node);
    }
    for (int i = 0; i < iov_count && left > 0; i++) {
        size_t n = MIN(left, iov[i].iov_len);
        node_write(h->node, iov[i].iov_base, n, pos);
        pos += n;
        left -= n;
    }
    return e;
}

static enum err crash_truncate(struct file *f, uint64_t size_bytes)
{
    struct handle *h = handle_of(f);
    bool is_partial;
    enum err e = crashfs_admit(h->c, CRASHFS_CHANGES, &is_partial);
    if (crashfs_happens(h->c, e, is_partial)) {
        node_resize(h->node, (size_t)size_bytes);
        crashfs_touch(h->c, h->node);
    }
    return e;
}

static enum err crash_sync(struct file *f)
{
    struct handle *h = handle_of(f);
    struct node *n = h->node;
    bool is_partial;
    enum err e = crashfs_admit(h->c, CRASHFS_CHANGES | CRASHFS_SYNCS, &is_partial);
    if (e && (!is_partial || h->c->is_off)) {
        return e; /* what survives is the cut's to say */
    }
    for (size_t s = 0; s < n->dirty.len; s++) {
        if (n->dirty.p[s] && crashfs_happens(h->c, e, is_partial)) {
            node_sync_sector(n, s);
        }
        n->dirty.p[s] = 0;
    }
    if (!e) {
        bytes_fill(&n->disk, n->cache.len, 0);
    }
    return e;
}

static enum err crash_size(struct file *f, uint64_t *ret_size_bytes)
{
    struct handle *h = handle_of(f);
    bool is_partial;
    enum err e = crashfs_admit(h->c, CRASHFS_READS, &is_partial);
    if (!e) {
        *ret_size_bytes = h->node->cache.len;
    }
    return e;
}

static enum err crash_lock(struct file *f)
{
    struct handle *h = handle_of(f);
    if (h->node->is_locked) {
        return ERR_LOCKED;
    }
    h->node->is_locked = true;
    return OK;
}

/* Clean sectors leave the cache: what a failed sync lost is seen to be lost. */
static void crash_advise(struct file *f, uint64_t pos, uint64_t len, enum file_advice advice)
{
    struct node *n = handle_of(f)->node;
    if (advice != FILE_DONT_NEED || handle_of(f)->c->is_off) {
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
    struct handle *h = handle_of(f);
    h->c->open_count--;
    h->node->is_locked = false; /* only .lock is ever locked, and by one handle */
    node_unref(h->node);
    mem_free(h);
}

const struct file_ops crashfs_file_ops = {
    .pread = crash_pread,
    .pread_now = crash_pread_now,
    .pwritev = crash_pwritev,
    .truncate = crash_truncate,
    .sync = crash_sync,
    .size = crash_size,
    .lock = crash_lock,
    .advise = crash_advise,
    .fd = crash_fd,
    .close = crash_close,
};
