/* DescribeLogDirs: which partition lies where and how large it is. */
#include "broker/api/api.h"

#include "base/mem.h"
#include "broker/storage/mover.h"

#include <stdlib.h>

/* A partition, referenced, or a copy of it that is being made. */
struct row {
    struct partition *part;
    struct logdir *dir;
    int64_t size_bytes, lag;
    bool is_future;
};

/* Sorted so that those of a directory and topic are neighbours. */
struct rows {
    struct row *v;
    size_t count, cap;
    const struct describe_log_dirs_req *req;
};

static bool is_wanted(const struct describe_log_dirs_req *req, const struct partition *p)
{
    if (req->topics_count < 0) {
        return true;
    }
    for (int32_t t = 0; t < req->topics_count; t++) {
        const struct describe_log_dirs_req_describable_log_dir_topic *topic = &req->topics[t];
        for (int32_t i = 0; str_eq(topic->topic, p->topic_name) && i < topic->partitions_count;
             i++) {
            if (topic->partitions[i] == p->index) {
                return true;
            }
        }
    }
    return false;
}

static void add(struct rows *rows, const struct row *row)
{
    if (!is_wanted(rows->req, row->part)) {
        return;
    }
    if (rows->count == rows->cap) {
        rows->cap = rows->cap ? rows->cap * 2 : 64;
        rows->v = mem_realloc_array(rows->v, rows->cap, sizeof *rows->v);
    }
    partition_ref(row->part);
    rows->v[rows->count++] = *row;
}

static void gather(void *ctx, struct partition *p)
{
    add(ctx, &(struct row){p, p->dir, (int64_t)log_size_bytes(p->log), 0, false});
}

static void gather_future(void *ctx, const struct mover_status *s)
{
    add(ctx, &(struct row){s->part, s->to, s->size_bytes, s->lag, true});
}

static int by_dir_topic_index(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->dir != y->dir) {
        return x->dir < y->dir ? -1 : 1;
    }
    int c = str_cmp(x->part->topic_name, y->part->topic_name);
    return c ? c : (x->part->index > y->part->index) - (x->part->index < y->part->index);
}

static void fill_partition(const struct row *row,
                           struct describe_log_dirs_resp_describe_log_dirs_partition *out)
{
    *out = describe_log_dirs_resp_describe_log_dirs_partition_default;
    out->partition_index = row->part->index;
    out->partition_size = row->size_bytes;
    out->offset_lag = row->lag;
    out->is_future_key = row->is_future;
}

/* The rows are those of this directory. */
static bool fill_topics(struct call *c, const struct row *rows, size_t count,
                        struct describe_log_dirs_resp_describe_log_dirs_result *out)
{
    struct describe_log_dirs_resp_describe_log_dirs_partition *parts =
        CALL_ARRAY(c, struct describe_log_dirs_resp_describe_log_dirs_partition, count);
    struct describe_log_dirs_resp_describe_log_dirs_topic *topic = NULL;
    out->topics = CALL_ARRAY(c, struct describe_log_dirs_resp_describe_log_dirs_topic, count);
    if (parts == NULL || out->topics == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const struct partition *p = rows[i].part;
        if (topic == NULL || !str_eq(topic->name, p->topic_name)) {
            topic = &out->topics[out->topics_count++];
            topic->partitions = &parts[i];
            topic->partitions_count = 0;
            if (!arena_copy_str(&c->arena, p->topic_name, &topic->name)) {
                return false;
            }
        }
        fill_partition(&rows[i], &topic->partitions[topic->partitions_count++]);
    }
    return true;
}

static void fill_space(struct call *c, const char *path,
                       struct describe_log_dirs_resp_describe_log_dirs_result *out)
{
    uint64_t total, usable;
    if (fs_space(c->broker->fs, path, &total, &usable) == OK) {
        out->total_bytes = (int64_t)total;
        out->usable_bytes = (int64_t)usable;
    }
}

static bool fill(struct call *c, const struct rows *rows, struct describe_log_dirs_resp *resp)
{
    struct storage *s = c->broker->storage;
    resp->results_count = storage_dir_count(s);
    resp->results =
        CALL_ARRAY(c, struct describe_log_dirs_resp_describe_log_dirs_result, resp->results_count);
    bool has_room = resp->results != NULL;
    for (int32_t i = 0; has_room && i < resp->results_count; i++) {
        struct describe_log_dirs_resp_describe_log_dirs_result *out = &resp->results[i];
        size_t from = 0;
        size_t count = 0;
        *out = describe_log_dirs_resp_describe_log_dirs_result_default;
        out->log_dir = str_from(logdir_path(storage_dir(s, i)));
        fill_space(c, logdir_path(storage_dir(s, i)), out);
        while (from < rows->count && rows->v[from].dir != storage_dir(s, i)) {
            from++;
        }
        while (from + count < rows->count && rows->v[from + count].dir == storage_dir(s, i)) {
            count++;
        }
        has_room = fill_topics(c, count ? rows->v + from : NULL, count, out);
    }
    return has_room;
}

void api_describe_log_dirs(struct call *c, const void *request)
{
    struct rows rows = {.req = request};
    struct describe_log_dirs_resp resp = describe_log_dirs_resp_default;
    topic_table_each(&c->broker->topics, gather, &rows);
    mover_each(c->broker->mover, gather_future, &rows);
    if (rows.count > 0) {
        qsort(rows.v, rows.count, sizeof *rows.v, by_dir_topic_index);
    }
    bool has_room = fill(c, &rows, &resp);
    for (size_t i = 0; i < rows.count; i++) {
        partition_unref(rows.v[i].part);
    }
    mem_free(rows.v);
    call_reply(c, has_room ? &resp : NULL);
}
