/* That a log's directory is on the disk, and says there which topic it belongs to: a directory is
 * made in the page cache, and the first sync of its log comes here (doc/decisions/0009).
 *
 * Invariant: no sync of a log succeeds before its partition.metadata and its directory's name are
 * durable. So one without them has lost nothing that was promised. */
#include "log/log_priv.h"
#include "log/logdir.h"

/* What readers see of the file, and what of it they see once it had to come from the disk. */
struct seen {
    uint8_t before[PARTITION_METADATA_MAX_BYTES];
    uint8_t after[PARTITION_METADATA_MAX_BYTES];
    size_t before_len, after_len;
};

static enum err look(struct log *log, const char *path, struct seen *s)
{
    struct file *f;
    enum err e = fs_open(log->fs, path, FILE_WRITE, &f);
    if (e) {
        return e == ERR_NOT_FOUND ? OK : e;
    }
    e = file_pread(f, s->before, sizeof s->before, 0, &s->before_len);
    e = e ? e : file_sync(f);
    if (!e) {
        file_advise(f, 0, 0, FILE_DONT_NEED);
        e = file_pread(f, s->after, sizeof s->after, 0, &s->after_len);
    }
    file_close(f);
    return e;
}

/* A sync that failed before may have left a page that counts as clean and is nowhere but in the
 * cache. Written anew only then: when it was written tells which checkpoints are older. */
enum err log_settle_found(struct log *log)
{
    struct buf path = BUF_INIT;
    struct seen s = {.before_len = 0};
    log_path(log, &path, PARTITION_METADATA_FILE);
    enum err e = path.err ? path.err : look(log, buf_cstr(&path), &s);
    if (!e && (s.before_len != s.after_len || memcmp(s.before, s.after, s.before_len) != 0)) {
        e = fs_write_atomic(log->fs, buf_cstr(&path), s.before, s.before_len);
    }
    buf_deinit(&path);
    return e;
}

/* Made by this process, which knows that no sync of it failed. */
static enum err settle_new(struct log *log)
{
    struct buf path = BUF_INIT;
    enum err e = log_sync_path(log, log_path(log, &path, PARTITION_METADATA_FILE));
    buf_deinit(&path);
    return e;
}

enum err log_settle(struct log *log)
{
    enum err e = log->is_suspect ? log_settle_found(log) : settle_new(log);
    e = e ? e : fs_sync_dir(log->fs, log->dir);
    return e ? e : fs_sync_parent(log->fs, log->dir);
}
