/* A data directory. See logdir.h. */
#include "log/logdir.h"

#include "base/list.h"
#include "base/mem.h"
#include "log/recover.h"

#include <stdatomic.h>
#include <stdio.h>

enum { META_MAX_BYTES = 64 << 10, FILE_NAME_MAX = 255 };

static const char metadata_log_dir[] = "__cluster_metadata-0";

struct logdir {
    struct fs *fs;
    char *path;
    struct file *lock;
    struct logdir_meta meta;
    bool is_formatted;
    atomic_bool is_spoiled;
};

struct fs *logdir_fs(const struct logdir *d) { return d->fs; }
const char *logdir_path(const struct logdir *d) { return d->path; }
const struct logdir_meta *logdir_meta(const struct logdir *d) { return &d->meta; }
bool logdir_is_formatted(const struct logdir *d) { return d->is_formatted; }

/* --- key=value and "key: value" files --- */

/* The next line of text that is no comment, split at the first `sep`. */
static bool next_pair(struct str *text, char sep, struct str *ret_key, struct str *ret_value)
{
    struct str line;
    while (str_next_item(text, '\n', &line)) {
        size_t at = str_find(line, sep);
        if (at < line.len && line.p[0] != '#') {
            *ret_key = str_trim(str_sub(line, 0, at));
            *ret_value = str_trim(str_sub(line, at + 1, line.len - at - 1));
            return true;
        }
    }
    return false;
}

/* --- meta.properties --- */

static enum err parse_meta_pair(struct logdir_meta *m, struct str key, struct str value)
{
    int64_t number;
    if (str_eq(key, STR("version"))) {
        if (!str_to_i64(value, &number) || (number != 0 && number != 1)) {
            return ERR_MALFORMED;
        }
        m->version = (int)number;
    }
    if (str_eq(key, STR("cluster.id"))) {
        if (value.len >= sizeof m->cluster_id) {
            return ERR_MALFORMED;
        }
        memcpy(m->cluster_id, value.p, value.len);
        m->cluster_id[value.len] = '\0';
    } else if (str_eq(key, STR("node.id")) || str_eq(key, STR("broker.id"))) {
        if (!str_to_i64(value, &number) || number < 0 || number > INT32_MAX) {
            return ERR_MALFORMED;
        }
        m->node_id = (int32_t)number;
    } else if (str_eq(key, STR("directory.id"))) {
        return uuid_parse(value, &m->dir_id) ? OK : ERR_MALFORMED;
    }
    return OK;
}

enum err logdir_read_meta(struct fs *fs, const char *dir, struct logdir_meta *ret_meta)
{
    struct buf path = BUF_INIT;
    char *text;
    size_t len;
    struct str key, value;
    *ret_meta = (struct logdir_meta){.version = 1, .node_id = -1};
    enum err e =
        fs_read_all(fs, fs_path(&path, dir, "meta.properties"), META_MAX_BYTES, &text, &len);
    buf_deinit(&path);
    if (e) {
        return e == ERR_BUDGET ? ERR_MALFORMED : e;
    }
    struct str rest = {text, len};
    while (!e && next_pair(&rest, '=', &key, &value)) {
        e = parse_meta_pair(ret_meta, key, value);
    }
    mem_free(text);
    return e;
}

static enum err read_meta(struct logdir *d)
{
    enum err e = logdir_read_meta(d->fs, d->path, &d->meta);
    d->is_formatted = e == OK;
    return e == ERR_NOT_FOUND ? OK : e;
}

enum err logdir_format(struct logdir *d, const struct logdir_meta *meta)
{
    struct buf path = BUF_INIT;
    struct buf text = BUF_INIT;
    char id[UUID_TEXT_LEN + 1];
    uuid_format(meta->dir_id, id);
    buf_printf(&text, "version=1\ncluster.id=%s\nnode.id=%d\ndirectory.id=%s\n", meta->cluster_id,
               meta->node_id, id);
    enum err e =
        fs_write_atomic(d->fs, fs_path(&path, d->path, "meta.properties"), text.p, text.len);
    buf_deinit(&path);
    buf_deinit(&text);
    if (!e) {
        d->meta = *meta;
        d->meta.version = 1;
        d->is_formatted = true;
    }
    return e;
}

/* --- opening --- */

static enum err lock(struct logdir *d)
{
    struct buf path = BUF_INIT;
    enum err e =
        fs_open(d->fs, fs_path(&path, d->path, ".lock"), FILE_WRITE | FILE_CREATE, &d->lock);
    e = e ? e : file_lock(d->lock);
    buf_deinit(&path);
    return e;
}

enum err logdir_open(struct fs *fs, const char *path, struct logdir **ret_dir)
{
    struct logdir *d = NEW(struct logdir);
    d->fs = fs;
    d->path = str_dup(str_from(path));
    struct fs_stat st;
    bool is_new = fs_stat(fs, path, &st) == ERR_NOT_FOUND;
    enum err e = fs_mkdir_all(fs, path);
    e = e ? e : lock(d);
    if (!e && !is_new) {
        e = fs_sync_dir(fs, path); /* who was killed may have left names that are not on disk */
    }
    e = e ? e : read_meta(d);
    if (e) {
        logdir_close(d);
        return e;
    }
    *ret_dir = d;
    return OK;
}

void logdir_close(struct logdir *d)
{
    file_close(d->lock);
    mem_free(d->path);
    mem_free(d);
}

/* --- the mark of a clean stop --- */

/* {"version":0,"brokerEpoch":25}; marks of older releases are empty. */
static int64_t parse_clean_mark(struct str text)
{
    static const char key[] = "\"brokerEpoch\":";
    int64_t epoch;
    for (size_t i = 0; i < text.len; i++) {
        struct str rest = str_sub(text, i, text.len - i);
        if (str_has_prefix(rest, STR(key))) {
            rest = str_sub(rest, sizeof key - 1, rest.len - (sizeof key - 1));
            rest.len = MIN(str_find(rest, ','), str_find(rest, '}'));
            return str_to_i64(str_trim(rest), &epoch) ? epoch : -1;
        }
    }
    return -1;
}

static int64_t read_clean_mark(struct fs *fs, const char *path)
{
    enum { MARK_MAX_BYTES = 4096 };
    char *text;
    size_t len;
    if (fs_read_all(fs, path, MARK_MAX_BYTES, &text, &len) != OK) {
        return -1;
    }
    int64_t epoch = parse_clean_mark((struct str){text, len});
    mem_free(text);
    return epoch;
}

enum err logdir_take_clean_mark(struct logdir *d, bool *ret_was_clean, int64_t *ret_broker_epoch)
{
    struct buf path = BUF_INIT;
    const char *name = fs_path(&path, d->path, ".kafka_cleanshutdown");
    *ret_broker_epoch = read_clean_mark(d->fs, name);
    enum err e = fs_unlink(d->fs, name);
    *ret_was_clean = e == OK;
    if (!e) {
        e = fs_sync_dir(d->fs, d->path);
    }
    buf_deinit(&path);
    return e == ERR_NOT_FOUND ? OK : e;
}

void logdir_spoil(struct logdir *d) { atomic_store(&d->is_spoiled, true); }

enum err logdir_put_clean_mark(struct logdir *d, int64_t broker_epoch)
{
    if (atomic_load(&d->is_spoiled)) {
        return OK;
    }
    struct buf path = BUF_INIT;
    struct buf text = BUF_INIT;
    buf_printf(&text, "{\"version\":0,\"brokerEpoch\":%lld}", (long long)broker_epoch);
    enum err e =
        fs_write_atomic(d->fs, fs_path(&path, d->path, ".kafka_cleanshutdown"), text.p, text.len);
    buf_deinit(&path);
    buf_deinit(&text);
    return e;
}

/* --- partition directories --- */

bool logdir_parse_name(struct str name, struct str *ret_topic, int32_t *ret_partition)
{
    int64_t number;
    size_t dash = str_find_last(name, '-');
    if (dash == 0 || dash + 1 >= name.len) {
        return false;
    }
    struct str digits = str_sub(name, dash + 1, name.len - dash - 1);
    if (digits.p[0] < '0' || digits.p[0] > '9' || !str_to_i64(digits, &number) ||
        number > INT32_MAX) {
        return false;
    }
    *ret_topic = str_sub(name, 0, dash);
    *ret_partition = (int32_t)number;
    return true;
}

void logdir_partition_path(const struct logdir *d, struct str topic, int32_t partition,
                           struct buf *path)
{
    buf_printf(path, "%s/%.*s-%d", d->path, STR_ARG(topic), partition);
}

/* Zero: there is none, or what is there is no such file. An error says nothing about it. */
static enum err read_topic_id(struct fs *fs, const char *dir, struct uuid *ret_id)
{
    struct buf path = BUF_INIT;
    char *text;
    size_t len;
    struct str key, value;
    struct uuid id = UUID_ZERO;
    const char *name = fs_path(&path, dir, PARTITION_METADATA_FILE);
    enum err e = path.err;
    e = e ? e : fs_read_all(fs, name, PARTITION_METADATA_MAX_BYTES, &text, &len);
    buf_deinit(&path);
    if (!e) {
        struct str rest = {text, len};
        while (next_pair(&rest, ':', &key, &value)) {
            if (str_eq(key, STR("topic_id")) && !uuid_parse(value, &id)) {
                id = UUID_ZERO;
            }
        }
        mem_free(text);
    }
    if (!e || e == ERR_NOT_FOUND || e == ERR_BUDGET) {
        *ret_id = id;
        return OK;
    }
    return e;
}

/* In the page cache: the first sync of the log makes it durable. */
static enum err write_topic_id(struct fs *fs, const char *dir, struct uuid topic_id)
{
    struct buf path = BUF_INIT;
    struct buf text = BUF_INIT;
    struct file *f = NULL;
    char id[UUID_TEXT_LEN + 1];
    uuid_format(topic_id, id);
    buf_printf(&text, "version: 0\ntopic_id: %s", id);
    enum err e = fs_open(fs, fs_path(&path, dir, PARTITION_METADATA_FILE),
                         FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &f);
    e = e ? e : file_pwrite(f, text.p, text.len, 0);
    file_close(f);
    buf_deinit(&path);
    buf_deinit(&text);
    return e;
}

/* Names are gathered first: the directory must not change while it is listed. */
struct names {
    struct buf text; /* NUL-terminated names one after another */
};

static bool gather(void *ctx, const char *name, bool is_dir)
{
    struct names *n = ctx;
    if (is_dir) {
        buf_put(&n->text, name, strlen(name) + 1);
    }
    return true;
}

static enum err visit(struct logdir *d, const char *name, logdir_partition_fn *fn, void *ctx)
{
    struct logdir_partition p;
    struct buf path = BUF_INIT;
    enum err e = OK;
    if (strcmp(name, metadata_log_dir) != 0 &&
        logdir_parse_name(str_from(name), &p.topic, &p.partition)) {
        p.path = fs_path(&path, d->path, name);
        e = path.err ? path.err : read_topic_id(d->fs, p.path, &p.topic_id);
        if (!e) {
            fn(ctx, &p);
        }
    }
    buf_deinit(&path);
    return e;
}

static enum err remove_if_deleted(struct logdir *d, const char *name)
{
    struct buf path = BUF_INIT;
    enum err e = OK;
    if (str_has_suffix(str_from(name), STR("-delete"))) {
        e = logdir_remove_tree(d->fs, fs_path(&path, d->path, name));
    }
    buf_deinit(&path);
    return e;
}

enum err logdir_each_partition(struct logdir *d, logdir_partition_fn *fn, void *ctx)
{
    struct names n = {BUF_INIT};
    enum err e = fs_list(d->fs, d->path, gather, &n);
    e = e ? e : n.text.err;
    for (size_t at = 0; !e && at < n.text.len;) {
        const char *name = (const char *)n.text.p + at;
        e = remove_if_deleted(d, name);
        e = e ? e : visit(d, name, fn, ctx);
        at += strlen(name) + 1;
    }
    buf_deinit(&n.text);
    return e;
}

struct data_search {
    struct fs *fs;
    const char *dir;
    enum err err; /* EXISTS: found */
};

static bool look_for_data(void *ctx, const char *name, bool is_dir)
{
    struct data_search *s = ctx;
    struct recover_file f;
    struct fs_stat st;
    if (is_dir || !recover_parse_name(str_from(name), &f) || f.part != SEG_LOG) {
        return true;
    }
    struct buf path = BUF_INIT;
    fs_path(&path, s->dir, name);
    s->err = path.err ? path.err : fs_stat(s->fs, buf_cstr(&path), &st);
    buf_deinit(&path);
    s->err = !s->err && st.size_bytes > 0 ? ERR_EXISTS : s->err;
    return s->err == OK;
}

static enum err remove_if_unused(struct fs *fs, const char *dir)
{
    struct data_search s = {fs, dir, OK};
    enum err e = fs_list(fs, dir, look_for_data, &s);
    e = e ? e : s.err;
    return e ? e : logdir_remove_tree(fs, dir);
}

enum err logdir_remove_unused(struct logdir *d, struct str topic, int32_t partition)
{
    struct buf path = BUF_INIT;
    logdir_partition_path(d, topic, partition, &path);
    const char *dir = buf_cstr(&path);
    enum err e = path.err ? path.err : remove_if_unused(d->fs, dir);
    buf_deinit(&path);
    return e;
}

/* The directory is there already. OK: it is this topic's now; NOT_FOUND: it does not say whose. */
static enum err check_topic_id(struct fs *fs, const char *dir, struct uuid topic_id)
{
    struct uuid there;
    enum err e = read_topic_id(fs, dir, &there);
    if (e || uuid_eq(there, topic_id)) {
        return e;
    }
    return uuid_is_zero(there) ? ERR_NOT_FOUND : ERR_EXISTS;
}

enum err logdir_make_partition(struct logdir *d, struct str topic, int32_t partition,
                               struct uuid topic_id, struct buf *path)
{
    logdir_partition_path(d, topic, partition, path);
    const char *dir = buf_cstr(path);
    enum err e = path->err ? path->err : fs_mkdir(d->fs, dir);
    if (e == ERR_EXISTS) {
        e = check_topic_id(d->fs, dir, topic_id);
        if (e != ERR_NOT_FOUND) {
            return e;
        }
        e = OK;
        if (!str_eq(topic, STR("__cluster_metadata"))) { /* a name that was never another's */
            e = remove_if_unused(d->fs, dir);
            e = e ? e : fs_mkdir(d->fs, dir);
        }
    }
    return e ? e : write_topic_id(d->fs, dir, topic_id);
}

/* "<topic>-<partition>.<32 hex digits>-delete", the front cut so that it is a legal file name. */
static void marked_path(const struct logdir *d, const char *name, const char *suffix, struct uuid u,
                        struct buf *out)
{
    int room = FILE_NAME_MAX - (int)(1 + 2 * sizeof u.b + 1 + strlen(suffix));
    buf_printf(out, "%s/%.*s.", d->path, room, name);
    for (size_t i = 0; i < sizeof u.b; i++) {
        buf_printf(out, "%02x", u.b[i]);
    }
    buf_printf(out, "-%s", suffix);
}

enum err logdir_mark_partition(struct logdir *d, struct str topic, int32_t partition,
                               enum logdir_mark mark, struct rand *r, struct buf *ret_path)
{
    struct buf from = BUF_INIT;
    logdir_partition_path(d, topic, partition, &from);
    const char *path = buf_cstr(&from);
    marked_path(d, path + strlen(d->path) + 1, mark == LOGDIR_DELETE ? "delete" : "stray",
                uuid_random(r), ret_path);
    enum err e = from.err ? from.err : ret_path->err;
    e = e ? e : fs_rename(d->fs, path, buf_cstr(ret_path));
    e = e ? e : fs_sync_dir(d->fs, d->path);
    buf_deinit(&from);
    return e;
}

/* --- partitions that are on their way here --- */

#define FUTURE_SUFFIX "-future"

enum err logdir_make_future(struct logdir *d, const struct logdir_partition *p, struct rand *r,
                            struct buf *ret_path)
{
    struct buf name = BUF_INIT;
    buf_printf(&name, "%.*s-%d", STR_ARG(p->topic), p->partition);
    marked_path(d, buf_cstr(&name), &FUTURE_SUFFIX[1], uuid_random(r), ret_path);
    enum err e = name.err ? name.err : ret_path->err;
    e = e ? e : fs_mkdir(d->fs, buf_cstr(ret_path));
    e = e ? e : write_topic_id(d->fs, buf_cstr(ret_path), p->topic_id);
    buf_deinit(&name);
    return e;
}

/* "<topic>-<partition>.<32 hex digits>-future" */
static bool parse_future(struct str name, struct logdir_partition *ret)
{
    if (!str_has_suffix(name, STR(FUTURE_SUFFIX))) {
        return false;
    }
    return logdir_parse_name(str_sub(name, 0, str_find_last(name, '.')), &ret->topic,
                             &ret->partition);
}

enum err logdir_each_future(struct logdir *d, logdir_partition_fn *fn, void *ctx)
{
    struct names n = {BUF_INIT};
    enum err e = fs_list(d->fs, d->path, gather, &n);
    e = e ? e : n.text.err;
    for (size_t at = 0; !e && at < n.text.len;) {
        const char *name = (const char *)n.text.p + at;
        struct logdir_partition p;
        struct buf path = BUF_INIT;
        if (parse_future(str_from(name), &p)) {
            p.path = fs_path(&path, d->path, name);
            e = path.err ? path.err : read_topic_id(d->fs, p.path, &p.topic_id);
            if (!e) {
                fn(ctx, &p);
            }
        }
        buf_deinit(&path);
        at += strlen(name) + 1;
    }
    buf_deinit(&n.text);
    return e;
}

enum err logdir_settle_future(struct logdir *d, const struct logdir_partition *p,
                              struct buf *ret_path)
{
    struct fs_stat st;
    logdir_partition_path(d, p->topic, p->partition, ret_path);
    enum err e = ret_path->err ? ret_path->err : fs_stat(d->fs, buf_cstr(ret_path), &st);
    e = e == OK ? ERR_EXISTS : e == ERR_NOT_FOUND ? OK : e;
    e = e ? e : fs_rename(d->fs, p->path, buf_cstr(ret_path));
    return e ? e : fs_sync_dir(d->fs, d->path);
}

/* --- removing --- */

static bool gather_files(void *ctx, const char *name, bool is_dir)
{
    struct names *n = ctx;
    if (!is_dir) {
        buf_put(&n->text, name, strlen(name) + 1);
    }
    return true;
}

enum err logdir_remove_tree(struct fs *fs, const char *path)
{
    struct names n = {BUF_INIT};
    enum err e = fs_list(fs, path, gather_files, &n);
    e = e ? e : n.text.err;
    for (size_t at = 0; !e && at < n.text.len; at += strlen((const char *)n.text.p + at) + 1) {
        struct buf file = BUF_INIT;
        e = fs_unlink(fs, fs_path(&file, path, (const char *)n.text.p + at));
        buf_deinit(&file);
    }
    e = e ? e : fs_rmdir(fs, path);
    buf_deinit(&n.text);
    return e;
}
