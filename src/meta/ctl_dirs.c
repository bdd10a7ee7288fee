/* In which data directory a replica lies: its broker tells, after it has moved it or when it finds
 * it elsewhere (KIP-858). Pure.
 *
 * A directory that the broker has not registered is refused; Apache Kafka takes it for one that is
 * offline and elects other leaders, which a broker of ours never asks for. */
#include "meta/ctl_int.h"

#include "base/attr.h"

struct assigning {
    struct ctl *ctl;
    const struct ctl_req *req;
    const struct image_node *broker;
    struct meta_records *records;
};

static bool has_dir(const struct image_node *n, struct uuid dir)
{
    for (int32_t i = 0; i < n->log_dir_count; i++) {
        if (uuid_eq(n->log_dirs[i], dir)) {
            return true;
        }
    }
    return false;
}

/* The directories of the partition with this one for the broker's replica; NULL: no memory. */
static struct uuid *dirs_with(const struct assigning *a, const struct image_part *p,
                              struct uuid dir)
{
    struct ids replicas = image_part_replicas(p);
    struct uuid *dirs = arena_array(a->req->arena, (size_t)replicas.count, sizeof *dirs);
    for (int32_t i = 0; dirs != NULL && i < replicas.count; i++) {
        dirs[i] = replicas.v[i] == a->broker->id ? dir : image_part_dir(p, i);
    }
    return dirs;
}

static bool is_there(const struct assigning *a, const struct image_part *p, struct uuid dir)
{
    struct uuid now;
    return image_part_dir_of(p, a->broker->id, &now) && uuid_eq(now, dir);
}

static int16_t assign(const struct assigning *a, struct uuid topic_id, int32_t index,
                      struct uuid dir)
{
    const struct image_topic *t = image_topic_by_id(a->ctl->tip, topic_id);
    const struct image_part *p = t ? image_topic_part(t, index) : NULL;
    struct partition_change_record r = partition_change_record_default;
    if (p == NULL) {
        return t ? ERR_UNKNOWN_TOPIC_OR_PARTITION : ERR_UNKNOWN_TOPIC_ID;
    }
    if (!ids_have(image_part_replicas(p), a->broker->id)) {
        return ERR_NOT_LEADER_OR_FOLLOWER;
    }
    if (!has_dir(a->broker, dir)) {
        return ERR_LOG_DIR_NOT_FOUND;
    }
    if (is_there(a, p, dir)) {
        return 0;
    }
    r.partition_id = index;
    r.topic_id = topic_id;
    r.directories = dirs_with(a, p, dir);
    r.directories_count = (int32_t)p->replica_count;
    if (r.directories == NULL) {
        return ERR_UNKNOWN_SERVER_ERROR;
    }
    meta_records_add(a->records, META_PARTITION_CHANGE,
                     version_of_partition(image_feature(a->ctl->tip, FEATURE_METADATA)), &r);
    return 0;
}

/* The answer to one topic of a directory. False: no memory. */
static bool take_topic(const struct assigning *a, struct uuid dir,
                       const struct assign_replicas_to_dirs_req_topic_data *in,
                       struct assign_replicas_to_dirs_resp_topic_data *out)
{
    size_t n = (size_t)MAX(in->partitions_count, 0);
    out->topic_id = in->topic_id;
    out->partitions = arena_array(a->req->arena, n + 1, sizeof *out->partitions);
    for (size_t i = 0; out->partitions != NULL && i < n; i++) {
        int32_t index = in->partitions[i].partition_index;
        out->partitions[i].partition_index = index;
        out->partitions[i].error_code = assign(a, in->topic_id, index, dir);
        out->partitions_count++;
    }
    return out->partitions != NULL;
}

static bool take_dir(const struct assigning *a,
                     const struct assign_replicas_to_dirs_req_directory_data *in,
                     struct assign_replicas_to_dirs_resp_directory_data *out)
{
    size_t n = (size_t)MAX(in->topics_count, 0);
    out->id = in->id;
    out->topics = arena_array(a->req->arena, n + 1, sizeof *out->topics);
    for (size_t i = 0; out->topics != NULL && i < n; i++) {
        if (!take_topic(a, in->id, &in->topics[i], &out->topics[i])) {
            return false;
        }
        out->topics_count++;
    }
    return out->topics != NULL;
}

enum err ctl_assign_dirs(struct ctl *ctl, const struct ctl_req *req, struct ctl_out *out)
{
    const struct assign_replicas_to_dirs_req *m = req->msg;
    struct assigning a = {ctl, req, image_broker(ctl->tip, m->broker_id), &out->records};
    struct assign_replicas_to_dirs_resp *resp =
        ARENA_NEW(req->arena, struct assign_replicas_to_dirs_resp);
    size_t n = (size_t)MAX(m->directories_count, 0);
    if (!version_has_dirs(image_feature(ctl->tip, FEATURE_METADATA))) {
        return ERR_UNSUPPORTED_VERSION;
    }
    if (a.broker == NULL || a.broker->epoch != m->broker_epoch) {
        return ERR_STALE_BROKER_EPOCH;
    }
    if (resp == NULL) {
        return ERR_BUDGET;
    }
    *resp = assign_replicas_to_dirs_resp_default;
    resp->directories = arena_array(req->arena, n + 1, sizeof *resp->directories);
    for (size_t i = 0; resp->directories != NULL && i < n; i++) {
        if (!take_dir(&a, &m->directories[i], &resp->directories[i])) {
            return ERR_BUDGET;
        }
        resp->directories_count++;
    }
    out->resp = resp;
    return resp->directories != NULL ? OK : ERR_BUDGET;
}
