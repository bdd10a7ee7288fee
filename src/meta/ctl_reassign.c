/* AlterPartitionReassignments (KIP-455): replicas of partitions move to other brokers. Pure.
 *
 * While it is under way the replicas are the target and those to be removed; it is done when all
 * that were added are in sync. What needs no other broker to catch up is done at once. */
#include "meta/ctl_int.h"

typedef struct alter_partition_reassignments_req_reassignable_partition reassignment;

struct reassigning {
    struct ctl *ctl;
    const struct ctl_req *req;
    struct meta_records *records;
    bool may_change_factor;
};

/* A partition's new state on its way into a record. All arrays have room for every broker that is
 * named by the old or the new state. */
struct placement {
    const struct image_topic *topic;
    const struct image_part *part;
    int32_t index;
    int32_t *replicas, *removing, *adding, *isr;
    int32_t replica_count, removing_count, adding_count, isr_count;
};

static bool new_placement(struct arena *a, struct placement *p, int32_t target_count)
{
    size_t most = (size_t)p->part->replica_count + p->part->isr_count + (size_t)target_count + 1;
    p->replicas = arena_array(a, most, sizeof *p->replicas);
    p->removing = arena_array(a, most, sizeof *p->removing);
    p->adding = arena_array(a, most, sizeof *p->adding);
    p->isr = arena_array(a, most, sizeof *p->isr);
    return p->replicas && p->removing && p->adding && p->isr;
}

static void keep_isr(struct placement *p, const int32_t *without, int32_t without_count)
{
    struct ids isr = image_part_isr(p->part);
    for (int32_t i = 0; i < isr.count; i++) {
        if (!ctl_has_id(without, without_count, isr.v[i])) {
            p->isr[p->isr_count++] = isr.v[i];
        }
    }
}

/* From the replicas that there are, or that there were before a move under way, to the target. */
static void aim(struct placement *p, struct ids target)
{
    struct ids now = image_part_replicas(p->part);
    for (int32_t i = 0; i < target.count; i++) {
        p->replicas[p->replica_count++] = target.v[i];
        if (!ids_have(now, target.v[i]) || ids_have(image_part_adding(p->part), target.v[i])) {
            p->adding[p->adding_count++] = target.v[i];
        }
    }
    for (int32_t i = 0; i < now.count; i++) {
        if (!ids_have(target, now.v[i])) {
            p->replicas[p->replica_count++] = now.v[i];
            p->removing[p->removing_count++] = now.v[i];
        }
    }
}

/* Drops the replicas that leave when all that come are in sync. */
static void finish_if_possible(struct placement *p)
{
    struct ids isr = image_part_isr(p->part);
    for (int32_t i = 0; i < p->adding_count; i++) {
        if (!ids_have(isr, p->adding[i])) {
            keep_isr(p, NULL, 0);
            return;
        }
    }
    keep_isr(p, p->removing, p->removing_count);
    if (p->isr_count == 0) { /* nobody who stays is in sync */
        keep_isr(p, NULL, 0);
        return;
    }
    p->replica_count -= p->removing_count; /* they are at the end */
    p->adding_count = p->removing_count = 0;
}

static struct uuid dir_of(const struct reassigning *r, const struct placement *p, int32_t id)
{
    struct uuid dir;
    return image_part_dir_of(p->part, id, &dir) ? dir
                                                : ctl_default_dir(image_broker(r->ctl->tip, id));
}

/* The leader stays as long as it is in sync; else the first replica that is. */
static int32_t leader_of(const struct reassigning *r, const struct placement *p)
{
    if (p->part->leader == NO_LEADER || ctl_has_id(p->isr, p->isr_count, p->part->leader)) {
        return p->part->leader;
    }
    for (int32_t i = 0; i < p->replica_count; i++) {
        if (ctl_has_id(p->isr, p->isr_count, p->replicas[i]) &&
            ctl_is_active(image_broker(r->ctl->tip, p->replicas[i]))) {
            return p->replicas[i];
        }
    }
    return NO_LEADER;
}

static struct ctl_outcome put(const struct reassigning *r, struct placement *p)
{
    struct partition_change_record rec = partition_change_record_default;
    int version = version_of_partition(image_feature(r->ctl->tip, FEATURE_METADATA));
    int32_t leader = leader_of(r, p);
    rec.partition_id = p->index;
    rec.topic_id = p->topic->id;
    if (!ctl_same_ids(image_part_isr(p->part), p->isr, p->isr_count)) {
        rec.isr = p->isr;
        rec.isr_count = p->isr_count;
    }
    if (leader != p->part->leader) {
        rec.leader = leader;
    }
    if (!ctl_same_ids(image_part_removing(p->part), p->removing, p->removing_count)) {
        rec.removing_replicas = p->removing;
        rec.removing_replicas_count = p->removing_count;
    }
    if (!ctl_same_ids(image_part_adding(p->part), p->adding, p->adding_count)) {
        rec.adding_replicas = p->adding;
        rec.adding_replicas_count = p->adding_count;
    }
    if (!ctl_same_ids(image_part_replicas(p->part), p->replicas, p->replica_count)) {
        rec.replicas = p->replicas;
        rec.replicas_count = p->replica_count;
        struct uuid *dirs = arena_array(r->req->arena, (size_t)p->replica_count + 1, sizeof *dirs);
        if (dirs == NULL) {
            return (struct ctl_outcome){ERR_BUDGET, STR_NULL};
        }
        for (int32_t i = 0; i < p->replica_count; i++) {
            dirs[i] = dir_of(r, p, p->replicas[i]);
        }
        rec.directories = version >= 1 ? dirs : NULL;
        rec.directories_count = version >= 1 ? p->replica_count : -1;
    }
    if (rec.isr_count >= 0 || rec.leader != -2 || rec.replicas_count >= 0 ||
        rec.removing_replicas_count >= 0 || rec.adding_replicas_count >= 0) {
        meta_records_add(r->records, META_PARTITION_CHANGE, version, &rec);
    }
    return CTL_FINE;
}

static struct ctl_outcome move(const struct reassigning *r, struct placement *p, struct ids target)
{
    struct ctl_outcome o = ctl_check_assignment(r->ctl, r->req, target, -1);
    int32_t factor = p->part->replica_count - p->part->adding_count;
    if (o.err) {
        return o;
    }
    if (!r->may_change_factor && target.count != factor) {
        return ctl_refuse(r->req, ERR_INVALID_REPLICATION_FACTOR,
                          "The replication factor is changed from %d to %d", factor, target.count);
    }
    if (!new_placement(r->req->arena, p, target.count)) {
        return (struct ctl_outcome){ERR_BUDGET, STR_NULL};
    }
    aim(p, target);
    finish_if_possible(p);
    return put(r, p);
}

/* Back to the replicas from before. */
static struct ctl_outcome cancel(const struct reassigning *r, struct placement *p)
{
    struct ids now = image_part_replicas(p->part);
    struct ids adding = image_part_adding(p->part);
    if (p->part->adding_count == 0 && p->part->removing_count == 0) {
        return (struct ctl_outcome){ERR_NO_REASSIGNMENT_IN_PROGRESS, STR_NULL};
    }
    if (!new_placement(r->req->arena, p, 0)) {
        return (struct ctl_outcome){ERR_BUDGET, STR_NULL};
    }
    for (int32_t i = 0; i < now.count; i++) {
        if (!ids_have(adding, now.v[i])) {
            p->replicas[p->replica_count++] = now.v[i];
        }
    }
    keep_isr(p, adding.v, adding.count);
    if (p->isr_count == 0) {
        return ctl_refuse(r->req, ERR_INVALID_REPLICA_ASSIGNMENT,
                          "Unable to revert partition assignment for %.*s:%d because it would "
                          "require an unclean leader election.",
                          STR_ARG(p->topic->name), p->index);
    }
    return put(r, p);
}

static struct ctl_outcome reassign(const struct reassigning *r, struct str name,
                                   const reassignment *want)
{
    struct placement p = {.index = want->partition_index};
    p.topic = image_topic_by_name(r->ctl->tip, name);
    if (p.topic == NULL) {
        return ctl_refuse(r->req, ERR_UNKNOWN_TOPIC_OR_PARTITION,
                          "Unable to find a topic named %.*s.", STR_ARG(name));
    }
    p.part = image_topic_part(p.topic, p.index);
    if (p.part == NULL) {
        return ctl_refuse(r->req, ERR_UNKNOWN_TOPIC_OR_PARTITION,
                          "Unable to find partition %.*s:%d.", STR_ARG(name), p.index);
    }
    return want->replicas_count < 0
               ? cancel(r, &p)
               : move(r, &p, (struct ids){want->replicas, want->replicas_count});
}

static enum err reassign_topic(
    const struct reassigning *r,
    const struct alter_partition_reassignments_req_reassignable_topic *t,
    struct alter_partition_reassignments_resp_reassignable_topic_response *ret)
{
    size_t count = (size_t)t->partitions_count;
    *ret = alter_partition_reassignments_resp_reassignable_topic_response_default;
    ret->name = t->name;
    ret->partitions = arena_array(r->req->arena, count + 1, sizeof *ret->partitions);
    if (ret->partitions == NULL) {
        return ERR_BUDGET;
    }
    for (size_t i = 0; i < count; i++) {
        struct ctl_outcome o = reassign(r, t->name, &t->partitions[i]);
        if (o.err && !err_is_wire(o.err)) {
            return o.err;
        }
        ret->partitions[ret->partitions_count++] =
            (struct alter_partition_reassignments_resp_reassignable_partition_response){
                t->partitions[i].partition_index, (int16_t)o.err, o.text};
    }
    return OK;
}

enum err ctl_alter_reassignments(struct ctl *ctl, const struct ctl_req *req, struct ctl_out *out)
{
    const struct alter_partition_reassignments_req *m = req->msg;
    size_t count = (size_t)m->topics_count;
    struct alter_partition_reassignments_resp *resp =
        ARENA_NEW(req->arena, struct alter_partition_reassignments_resp);
    struct reassigning r = {ctl, req, &out->records,
                            req->version == 0 || m->allow_replication_factor_change};
    enum err e = OK;
    if (resp == NULL) {
        return ERR_BUDGET;
    }
    *resp = alter_partition_reassignments_resp_default;
    resp->allow_replication_factor_change = r.may_change_factor;
    resp->error_message = STR_NULL;
    resp->responses = arena_array(req->arena, count + 1, sizeof *resp->responses);
    if (resp->responses == NULL) {
        return ERR_BUDGET;
    }
    for (size_t i = 0; e == OK && i < count; i++) {
        e = reassign_topic(&r, &m->topics[i], &resp->responses[resp->responses_count++]);
    }
    out->resp = resp;
    return e;
}
