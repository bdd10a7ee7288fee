/* Names and paths as Java's File has them, for what is printed. The command's thread. */
#include "offline/dump.h"

#include "plat/process.h"

struct str path_stem(const struct dump_file *f)
{
    struct str name = str_from(f->name);
    return str_sub(name, 0, str_find(name, '.'));
}

bool path_base_off(struct dump *d, const struct dump_file *f, int64_t *ret_off)
{
    struct str stem = path_stem(f);
    if (!str_to_i64(stem, ret_off)) {
        buf_printf(&d->why, "For input string: \"%.*s\"", STR_ARG(stem));
        return false;
    }
    return true;
}

void path_absolute(const char *path, struct buf *out)
{
    if (path[0] != '/') {
        process_put_cwd(out);
        buf_put_u8(out, '/');
    }
    buf_put_str(out, str_from(path));
}

void path_sibling(const struct dump_file *f, const char *suffix, struct buf *out)
{
    struct str path = str_from(f->path);
    struct buf dir = BUF_INIT;
    buf_put_str(&dir, str_sub(path, 0, (size_t)(f->name - f->path)));
    path_absolute(buf_cstr(&dir), out);
    buf_printf(out, "%.*s%s", STR_ARG(path_stem(f)), suffix);
    buf_deinit(&dir);
}
