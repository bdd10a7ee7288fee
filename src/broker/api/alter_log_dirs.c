/* AlterReplicaLogDirs: partitions that shall be in another directory of this broker. */
#include "broker/api/api.h"

#include "broker/storage/mover.h"

typedef struct alter_replica_log_dirs_req_alter_replica_log_dir dir_req;
typedef struct alter_replica_log_dirs_req_alter_replica_log_dir_topic topic_req;
typedef struct alter_replica_log_dirs_resp_alter_replica_log_dir_topic_result topic_result;
typedef struct alter_replica_log_dirs_resp_alter_replica_log_dir_partition_result part_result;

/* A partition of the cluster that is not on this broker is one that it does not have yet. */
static enum err why_missing(struct call *c, struct str topic, int32_t index)
{
    const struct image *img = metacache_read(&c->broker->metacache);
    const struct image_topic *t = image_topic_by_name(img, topic);
    bool is_known = t != NULL && image_topic_part(t, index) != NULL;
    metacache_done(&c->broker->metacache);
    return is_known ? ERR_REPLICA_NOT_AVAILABLE : ERR_UNKNOWN_TOPIC_OR_PARTITION;
}

static enum err move_one(struct call *c, struct str path, struct str topic, int32_t index)
{
    struct partition *p;
    if (!mover_has_dir(c->broker->mover, path)) {
        return ERR_LOG_DIR_NOT_FOUND;
    }
    if (topic_table_find(&c->broker->topics, topic, index, &p)) {
        return why_missing(c, topic, index);
    }
    enum err e = mover_move(c->broker->mover, p, path);
    partition_unref(p);
    return e;
}

static bool do_topic(struct call *c, struct str path, const topic_req *in, topic_result *out)
{
    out->topic_name = in->name;
    out->partitions_count = in->partitions_count;
    out->partitions = CALL_ARRAY(c, part_result, in->partitions_count);
    for (int32_t i = 0; out->partitions != NULL && i < in->partitions_count; i++) {
        out->partitions[i].partition_index = in->partitions[i];
        out->partitions[i].error_code = api_error(move_one(c, path, in->name, in->partitions[i]));
    }
    return out->partitions != NULL;
}

void api_alter_replica_log_dirs(struct call *c, const void *request)
{
    const struct alter_replica_log_dirs_req *req = request;
    struct alter_replica_log_dirs_resp resp = alter_replica_log_dirs_resp_default;
    int32_t count = 0;
    for (int32_t i = 0; i < req->dirs_count; i++) {
        count += req->dirs[i].topics_count;
    }
    resp.results = CALL_ARRAY(c, topic_result, count);
    bool has_room = resp.results != NULL;
    for (int32_t i = 0; has_room && i < req->dirs_count; i++) {
        const dir_req *dir = &req->dirs[i];
        for (int32_t k = 0; has_room && k < dir->topics_count; k++) {
            has_room = do_topic(c, dir->path, &dir->topics[k], &resp.results[resp.results_count++]);
        }
    }
    call_reply(c, has_room ? &resp : NULL);
}
