/* A file system that counts what is read, and says what is in memory as the test wants it. Test
 * files include test.h first. */
#ifndef TEST_UNIT_LOGSPY_H
#define TEST_UNIT_LOGSPY_H

#include "test/unit/logtest.h"

/* A real file whose presence in memory is decided by the test. */
struct spy_file {
    struct file file;
    struct file *real;
    struct spy *spy;
};

struct spy {
    struct fs fs;
    struct fs_ops ops;
    struct file_ops file_ops;
    bool is_cached;
    int asked_count;
    int read_count;                    /* of all files */
    uint64_t dropped_from, dropped_to; /* by the last advice */
};

static inline struct file *real_of(struct file *f)
{
    return CONTAINER_OF(f, struct spy_file, file)->real;
}

static inline enum err spy_pread(struct file *f, void *p, size_t len, uint64_t pos, size_t *ret_n)
{
    CONTAINER_OF(f, struct spy_file, file)->spy->read_count++;
    return file_pread(real_of(f), p, len, pos, ret_n);
}

static inline enum err spy_pread_now(struct file *f, void *p, size_t len, uint64_t pos,
                                     size_t *ret_n)
{
    bool is_cached = CONTAINER_OF(f, struct spy_file, file)->spy->is_cached;
    return is_cached ? spy_pread(f, p, len, pos, ret_n) : ERR_AGAIN;
}

static inline enum err spy_pwritev(struct file *f, const struct iovec *iov, int count, uint64_t pos)
{
    return file_pwritev(real_of(f), iov, count, pos);
}

static inline enum err spy_truncate(struct file *f, uint64_t n)
{
    return file_truncate(real_of(f), n);
}
/* Nothing is lost here, and disks are slow. */
static inline enum err spy_sync(struct file *f) { return OK; }
static inline enum err spy_sync_dir(struct fs *fs, const char *path) { return OK; }
static inline enum err spy_size(struct file *f, uint64_t *ret)
{
    return file_size(real_of(f), ret);
}
static inline int spy_fd(struct file *f) { return file_fd(real_of(f)); }

static inline void spy_advise(struct file *f, uint64_t pos, uint64_t len, enum file_advice advice)
{
    struct spy *spy = CONTAINER_OF(f, struct spy_file, file)->spy;
    assert_int_equal(advice, FILE_DONT_NEED);
    spy->dropped_from = pos;
    spy->dropped_to = pos + len;
}

static inline bool spy_is_cached(struct file *f, uint64_t pos, uint64_t len)
{
    struct spy *spy = CONTAINER_OF(f, struct spy_file, file)->spy;
    spy->asked_count++;
    return spy->is_cached;
}

static inline void spy_close(struct file *f)
{
    file_close(real_of(f));
    mem_free(CONTAINER_OF(f, struct spy_file, file));
}

static inline enum err spy_open(struct fs *fs, const char *path, unsigned flags,
                                struct file **ret_file)
{
    struct spy *spy = CONTAINER_OF(fs, struct spy, fs);
    struct file *real;
    enum err e = fs_open(fs_posix(), path, flags, &real);
    if (!e) {
        struct spy_file *f = NEW(struct spy_file);
        *f = (struct spy_file){{&spy->file_ops}, real, spy};
        *ret_file = &f->file;
    }
    return e;
}

static inline void spy_init(struct spy *spy)
{
    *spy = (struct spy){.ops = *fs_posix()->ops, .is_cached = true};
    spy->ops.open = spy_open;
    spy->ops.sync_dir = spy_sync_dir;
    spy->fs.ops = &spy->ops;
    spy->file_ops = (struct file_ops){
        .pread = spy_pread,
        .pread_now = spy_pread_now,
        .pwritev = spy_pwritev,
        .truncate = spy_truncate,
        .sync = spy_sync,
        .size = spy_size,
        .advise = spy_advise,
        .is_cached = spy_is_cached,
        .fd = spy_fd,
        .close = spy_close,
    };
}

/* --- a log over it --- */

struct world {
    struct spy spy;
    struct hand_clock clock;
    struct test_dir dir;
    struct log_open_args args;
    struct log *log;
};

static inline int set_up(void **state)
{
    struct world *w = NEW(struct world);
    spy_init(&w->spy);
    hand_clock_init(&w->clock);
    test_dir_make(&w->dir);
    test_open_args(&w->args, &w->spy.fs, &w->clock, w->dir.path);
    assert_ok(log_open(&w->args, &w->log, NULL));
    *state = w;
    return 0;
}

static inline int tear_down(void **state)
{
    struct world *w = *state;
    assert_ok(log_close(w->log));
    test_dir_remove(&w->dir);
    mem_free(w);
    return 0;
}

#endif
