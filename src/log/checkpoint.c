/* Checkpoint files. Any thread; two writers of one file must not overlap (the caller's order). */
#include "log/checkpoint.h"

#include "base/mem.h"

#include <inttypes.h>

static struct str take_line(struct str *rest)
{
    const char *end = rest->len ? memchr(rest->p, '\n', rest->len) : NULL;
    size_t len = end ? (size_t)(end - rest->p) : rest->len;
    struct str line = str_sub(*rest, 0, len);
    size_t used = end ? len + 1 : len;
    *rest = str_sub(*rest, used, rest->len - used);
    return str_trim(line);
}

enum err checkpoint_text_begin(struct checkpoint_text *t, struct str text)
{
    int64_t version;
    int64_t count;
    t->rest = text;
    t->left = 0;
    if (text.len == 0) {
        return OK; /* as Kafka makes it, before the first row */
    }
    if (!str_to_i64(take_line(&t->rest), &version) || version != 0 ||
        !str_to_i64(take_line(&t->rest), &count) || count < 0 || count > (int64_t)text.len) {
        return ERR_MALFORMED;
    }
    t->left = (uint32_t)count;
    return OK;
}

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static struct str take_field(struct str *line)
{
    size_t n = 0;
    *line = str_trim(*line);
    while (n < line->len && !is_space(line->p[n])) {
        n++;
    }
    struct str field = str_sub(*line, 0, n);
    *line = str_sub(*line, n, line->len - n);
    return field;
}

enum err checkpoint_text_next(struct checkpoint_text *t, struct str *fields, int field_count)
{
    if (t->left == 0) {
        return str_trim(t->rest).len == 0 ? ERR_NOT_FOUND : ERR_MALFORMED;
    }
    struct str line = take_line(&t->rest);
    for (int i = 0; i < field_count; i++) {
        fields[i] = take_field(&line);
        if (fields[i].len == 0) {
            return ERR_MALFORMED;
        }
    }
    t->left--;
    return str_trim(line).len == 0 ? OK : ERR_MALFORMED;
}

static enum err next_row(struct checkpoint_text *t, struct checkpoint_row *ret_row)
{
    struct str fields[3];
    int64_t partition;
    int64_t off;
    enum err e = checkpoint_text_next(t, fields, 3);
    if (e) {
        return e;
    }
    if (!str_to_i64(fields[1], &partition) || partition < 0 || partition > INT32_MAX ||
        !str_to_i64(fields[2], &off)) {
        return ERR_MALFORMED;
    }
    *ret_row = (struct checkpoint_row){fields[0], (int32_t)partition, off};
    return OK;
}

static enum err each_row(struct str text, checkpoint_row_fn *fn, void *ctx)
{
    struct checkpoint_text t;
    struct checkpoint_row row;
    enum err e = checkpoint_text_begin(&t, text);
    while (!e && (e = next_row(&t, &row)) == OK) {
        if (fn != NULL) {
            fn(ctx, &row);
        }
    }
    return e == ERR_NOT_FOUND ? OK : e;
}

enum err checkpoint_read(struct fs *fs, const char *path, checkpoint_row_fn *fn, void *ctx)
{
    char *text;
    size_t len;
    enum err e = fs_read_all(fs, path, CHECKPOINT_MAX_BYTES, &text, &len);
    if (e) {
        return e;
    }
    /* once to check all of it, once to tell */
    e = each_row((struct str){text, len}, NULL, NULL);
    if (!e) {
        e = each_row((struct str){text, len}, fn, ctx);
    }
    mem_free(text);
    return e;
}

void checkpoint_begin(struct checkpoint_writer *w) { *w = (struct checkpoint_writer){0}; }

void checkpoint_add(struct checkpoint_writer *w, struct str topic, int32_t partition, int64_t off)
{
    buf_put_str(&w->rows, topic);
    buf_printf(&w->rows, " %" PRId32 " %" PRId64 "\n", partition, off);
    w->count++;
}

enum err checkpoint_finish(struct checkpoint_writer *w, struct fs *fs, const char *path)
{
    struct buf text = BUF_INIT;
    buf_printf(&text, "0\n%" PRIu32 "\n", w->count);
    buf_put_str(&text, buf_str(&w->rows));
    enum err e = w->rows.err ? w->rows.err : text.err;
    if (!e) {
        e = fs_write_atomic(fs, path, text.p, text.len);
    }
    buf_deinit(&text);
    buf_deinit(&w->rows);
    return e;
}
