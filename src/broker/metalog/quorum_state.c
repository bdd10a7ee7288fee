/* quorum-state: parsed by jansson, written by hand, because it is one line. */
#include "broker/metalog/quorum_state.h"

#include "base/mem.h"

#include <jansson.h>

enum { FILE_MAX_BYTES = 1 << 20 };

static enum err malformed(struct buf *why, const char *what)
{
    buf_printf(why, "quorum-state: %s", what);
    return ERR_MALFORMED;
}

static bool get_i32(const json_t *o, const char *key, int32_t *ret)
{
    const json_t *v = json_object_get(o, key);
    if (!json_is_integer(v) || json_integer_value(v) < INT32_MIN ||
        json_integer_value(v) > INT32_MAX) {
        return false;
    }
    *ret = (int32_t)json_integer_value(v);
    return true;
}

static enum err get_voters(const json_t *o, struct quorum_state *qs, struct buf *why)
{
    const json_t *list = json_object_get(o, "currentVoters");
    size_t n = json_array_size(list);
    if (n > QUORUM_VOTERS_MAX) {
        return malformed(why, "too many voters");
    }
    for (size_t i = 0; i < n; i++) {
        if (!get_i32(json_array_get(list, i), "voterId", &qs->voters[i])) {
            return malformed(why, "a voter without voterId");
        }
    }
    qs->voter_count = (int)n;
    return OK;
}

static enum err get_all(const json_t *o, struct quorum_state *qs, struct buf *why)
{
    int32_t version;
    if (!json_is_object(o) || !get_i32(o, "data_version", &version)) {
        return malformed(why, "no data_version");
    }
    if (version != 0 && version != 1) {
        return malformed(why, "data_version is neither 0 nor 1");
    }
    qs->version = version;
    if (!get_i32(o, "leaderId", &qs->leader_id) || !get_i32(o, "leaderEpoch", &qs->epoch) ||
        !get_i32(o, "votedId", &qs->voted_id) || qs->epoch < 0) {
        return malformed(why, "leaderId, leaderEpoch or votedId is missing or bad");
    }
    if (version == 0) {
        return get_voters(o, qs, why);
    }
    const char *dir = json_string_value(json_object_get(o, "votedDirectoryId"));
    if (dir != NULL && !uuid_parse(str_from(dir), &qs->voted_dir)) {
        return malformed(why, "votedDirectoryId is not a UUID");
    }
    return OK;
}

enum err quorum_state_read(struct fs *fs, const char *path, struct quorum_state *ret_qs,
                           struct buf *why)
{
    struct quorum_state qs = {.leader_id = -1, .voted_id = -1};
    json_error_t at;
    char *text;
    size_t len;
    enum err e = fs_read_all(fs, path, FILE_MAX_BYTES, &text, &len);
    if (e) {
        return e == ERR_BUDGET ? malformed(why, "the file is too large") : e;
    }
    json_t *o = json_loadb(text, len, 0, &at);
    e = o == NULL ? malformed(why, at.text) : get_all(o, &qs, why);
    json_decref(o);
    mem_free(text);
    if (!e) {
        *ret_qs = qs;
    }
    return e;
}

static void print_static(const struct quorum_state *qs, struct buf *out)
{
    buf_printf(out,
               "{\"clusterId\":\"\",\"leaderId\":%d,\"leaderEpoch\":%d,\"votedId\":%d,"
               "\"appliedOffset\":0,\"currentVoters\":[",
               qs->leader_id, qs->epoch, qs->voted_id);
    for (int i = 0; i < qs->voter_count; i++) {
        buf_printf(out, "%s{\"voterId\":%d}", i ? "," : "", qs->voters[i]);
    }
    buf_printf(out, "],\"data_version\":0}");
}

static void print_dynamic(const struct quorum_state *qs, struct buf *out)
{
    char dir[UUID_TEXT_LEN + 1];
    uuid_format(qs->voted_dir, dir);
    buf_printf(out,
               "{\"leaderId\":%d,\"leaderEpoch\":%d,\"votedId\":%d,\"votedDirectoryId\":\"%s\","
               "\"data_version\":1}",
               qs->leader_id, qs->epoch, qs->voted_id, dir);
}

enum err quorum_state_write(struct fs *fs, const char *path, const struct quorum_state *qs)
{
    struct buf text = BUF_INIT;
    if (qs->version == 0) {
        print_static(qs, &text);
    } else {
        print_dynamic(qs, &text);
    }
    enum err e = text.err ? text.err : fs_write_atomic(fs, path, text.p, text.len);
    buf_deinit(&text);
    return e;
}
