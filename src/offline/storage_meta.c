/* Reading meta.properties for `ottla storage`: with Apache Kafka's rules and sentences, since they
 * are printed. A broker reads it with log/logdir.h. */
#include "offline/storage.h"

#include "base/mem.h"

#include <inttypes.h>

enum { META_MAX_BYTES = 64 << 10 };

static bool take_version(struct storage_meta *m, struct buf *why)
{
    struct str text = props_get(&m->props, STR("version"));
    int64_t v = 0;
    if (!str_is_null(text) && (!str_to_i64(text, &v) || v < INT32_MIN || v > INT32_MAX)) {
        buf_printf(why, "Invalid meta.properties version string '%.*s'", STR_ARG(text));
        return false;
    }
    if (v != 0 && v != 1) {
        buf_printf(why, "Unknown meta.properties version number %" PRId64, v);
        return false;
    }
    m->version = (int)v;
    return true;
}

static bool take_node_id(struct storage_meta *m, struct buf *why)
{
    const char *key = m->version == 0 ? "broker.id" : "node.id";
    struct str text = props_get(&m->props, str_from(key));
    int64_t v = -1;
    if (str_is_null(text) && m->version > 0) {
        buf_printf(why, "Failed to find %s", key);
        return false;
    }
    if (!str_is_null(text) && (!str_to_i64(text, &v) || v < INT32_MIN || v > INT32_MAX)) {
        buf_printf(why, "Unable to read %s as a base-10 number.", key);
        return false;
    }
    m->node_id = (int32_t)v;
    return true;
}

static bool take_ids(struct storage_meta *m, struct buf *why)
{
    struct uuid ignored;
    m->cluster_id = props_get(&m->props, STR("cluster.id"));
    m->dir_id = props_get(&m->props, STR("directory.id"));
    if (m->version > 0 && str_is_null(m->cluster_id)) {
        buf_put_str(why, STR("cluster.id was not found."));
        return false;
    }
    if (!str_is_null(m->dir_id) && !uuid_parse(m->dir_id, &ignored)) {
        buf_printf(why,
                   "Unable to read directory.id as a Uuid: Input string `%.*s` decoded as %zu "
                   "bytes, which is not equal to the expected 16 bytes of a base64-encoded UUID",
                   STR_ARG(m->dir_id), m->dir_id.len * 6 / 8);
        return false;
    }
    return true;
}

static enum storage_meta_state read_file(struct storage_tool *t, const char *path,
                                         struct storage_meta *m, struct buf *why)
{
    char *text;
    size_t len;
    int line;
    enum err e = fs_read_all(t->fs, path, META_MAX_BYTES, &text, &len);
    if (e) {
        buf_put_str(why, str_from(err_text(e)));
        return e == ERR_NOT_FOUND ? META_MISSING : META_BAD;
    }
    e = props_parse(&m->props, (struct str){text, len}, &line);
    mem_free(text);
    if (e) {
        buf_put_str(why, str_from(err_text(e)));
        return META_BAD;
    }
    return take_version(m, why) && take_ids(m, why) && take_node_id(m, why) ? META_GOOD : META_BAD;
}

enum storage_meta_state storage_meta_read(struct storage_tool *t, struct str dir,
                                          struct storage_meta *ret, struct buf *why)
{
    struct buf path = BUF_INIT;
    struct fs_stat st;
    *ret = (struct storage_meta){.node_id = -1};
    props_init(&ret->props);
    buf_put_str(&path, dir);
    enum err e = fs_stat(t->fs, buf_cstr(&path), &st);
    enum storage_meta_state state = e == ERR_NOT_FOUND ? META_NO_DIR
                                    : e || !st.is_dir  ? META_NOT_A_DIR
                                                       : META_GOOD;
    if (state == META_GOOD) {
        buf_put_str(&path, STR("/meta.properties"));
        state = read_file(t, buf_cstr(&path), ret, why);
    }
    buf_deinit(&path);
    return state;
}

void storage_meta_deinit(struct storage_meta *m) { props_deinit(&m->props); }
