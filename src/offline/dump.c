/* A run of dump-log: file by file, each by its suffix, then what was found. The command's thread.
 */
#include "offline/dump.h"

#include "plat/snappy.h"
#include "record/record.h"

void dump_init(struct dump *d, struct fs *fs, FILE *out, FILE *errors)
{
    codec_set_snappy(snappy_library);
    *d = (struct dump){.fs = fs, .errors = errors};
    d->options.max_bytes = INT32_MAX;
    d->options.max_message_bytes = 5 << 20;
    rows_out_init(&d->out, out, false);
}

void dump_deinit(struct dump *d)
{
    rows_out_deinit(&d->out);
    findings_deinit(d);
    buf_deinit(&d->why);
}

struct suffix {
    const char *text;
    bool (*dump)(struct dump *d, const struct dump_file *f);
};

static const struct suffix suffixes[] = {
    {".log", dump_log},           {".checkpoint", dump_checkpoint},
    {".index", dump_index},       {".timeindex", dump_timeindex},
    {".txnindex", dump_txnindex}, {".snapshot", dump_snapshot},
};

static const struct suffix *suffix_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < ARRAY_LEN(suffixes); i++) {
        if (strcmp(dot, suffixes[i].text) == 0) {
            return &suffixes[i];
        }
    }
    return NULL;
}

static bool dump_file(struct dump *d, const struct dump_file *f)
{
    struct rows_out *o = &d->out;
    const struct suffix *s = suffix_of(f->name);
    if (o->is_json) {
        row_begin(o, "file", "");
        row_text(o, "path", str_from(f->path));
        row_end(o);
    } else {
        buf_printf(&o->text, "Dumping %s\n", f->path);
    }
    if (s == NULL) {
        rows_out_flush(o);
        fprintf(d->errors, "Ignoring unknown file %s\n", f->path);
        return true;
    }
    return s->dump(d, f);
}

/* As Java's File: one slash where there are several, none at the end. */
static void put_path(struct buf *out, struct str path)
{
    for (size_t i = 0; i < path.len; i++) {
        if (path.p[i] != '/' || out->len == 0 || out->p[out->len - 1] != '/') {
            buf_put_u8(out, (uint8_t)path.p[i]);
        }
    }
    if (out->len > 1 && out->p[out->len - 1] == '/') {
        out->len--;
    }
}

static bool dump_path(struct dump *d, struct str path)
{
    struct buf plain = BUF_INIT;
    put_path(&plain, path);
    struct dump_file f = {.path = buf_cstr(&plain)};
    const char *slash = strrchr(f.path, '/');
    f.name = slash ? slash + 1 : f.path;
    bool ok = dump_file(d, &f);
    buf_deinit(&plain);
    return ok;
}

int dump_files(struct dump *d, const char *list)
{
    struct str rest = str_from(list);
    bool ok = true;
    while (ok && rest.len > 0) {
        size_t comma = str_find(rest, ',');
        ok = dump_path(d, str_sub(rest, 0, comma));
        rest = comma < rest.len ? str_sub(rest, comma + 1, rest.len - comma - 1) : STR_NULL;
    }
    rows_out_flush(&d->out);
    if (ok && ferror(d->out.file)) {
        buf_put_str(&d->why, STR("the output cannot be written"));
        ok = false;
    }
    if (!ok) {
        fprintf(d->errors, "%s\n", buf_cstr(&d->why));
        return 1;
    }
    findings_print(d);
    return 0;
}
