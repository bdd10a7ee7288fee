/* ElectLeaders (KIP-460): leadership goes back to the first replica, or, when none that is in sync
 * is left, to one that may have lost something. Pure. */
#include "meta/ctl_int.h"

enum election_type { ELECT_PREFERRED = 0, ELECT_UNCLEAN = 1 };

typedef struct elect_leaders_resp_partition_result election_result;
typedef struct elect_leaders_resp_replica_election_result topic_result;

struct electing {
    struct ctl *ctl;
    const struct ctl_req *req;
    struct meta_records *records;
    int8_t type;
};

static void put_leader(const struct electing *e, struct uuid topic, int32_t index,
                       const struct image_part *p, int32_t leader)
{
    struct partition_change_record r = partition_change_record_default;
    r.partition_id = index;
    r.topic_id = topic;
    r.leader = leader;
    if (!ids_have(image_part_isr(p), leader)) {
        r.isr = &leader;
        r.isr_count = 1;
        r.leader_recovery_state = 1;
    }
    meta_records_add(e->records, META_PARTITION_CHANGE,
                     version_of_partition(image_feature(e->ctl->tip, FEATURE_METADATA)), &r);
}

static bool is_active(const struct electing *e, int32_t id)
{
    return ctl_is_active(image_broker(e->ctl->tip, id));
}

/* Who of the replicas shall lead; NO_LEADER if nobody can. */
static int32_t choose(const struct electing *e, const struct image_part *p)
{
    struct ids replicas = image_part_replicas(p);
    if (e->type == ELECT_PREFERRED) {
        int32_t first = replicas.v[0];
        return is_active(e, first) && ids_have(image_part_isr(p), first) ? first : NO_LEADER;
    }
    for (int clean = 1; clean >= 0; clean--) {
        for (int32_t i = 0; i < replicas.count; i++) {
            if (is_active(e, replicas.v[i]) &&
                (!clean || ids_have(image_part_isr(p), replicas.v[i]))) {
                return replicas.v[i];
            }
        }
    }
    return NO_LEADER;
}

static bool is_needed(const struct electing *e, const struct image_part *p)
{
    return e->type == ELECT_PREFERRED ? p->leader != image_part_replicas(p).v[0]
                                      : p->leader == NO_LEADER;
}

static struct ctl_outcome elect(const struct electing *e, struct str topic, int32_t index)
{
    const struct image_topic *t = image_topic_by_name(e->ctl->tip, topic);
    const struct image_part *p = t ? image_topic_part(t, index) : NULL;
    if (e->type != ELECT_PREFERRED && e->type != ELECT_UNCLEAN) {
        return ctl_refuse(e->req, ERR_INVALID_REQUEST, "Unknown election type %d", e->type);
    }
    if (t == NULL) {
        return ctl_refuse(e->req, ERR_UNKNOWN_TOPIC_OR_PARTITION, "No such topic as %.*s",
                          STR_ARG(topic));
    }
    if (p == NULL) {
        return ctl_refuse(e->req, ERR_UNKNOWN_TOPIC_OR_PARTITION, "No such partition as %.*s-%d",
                          STR_ARG(topic), index);
    }
    if (!is_needed(e, p)) {
        return ctl_refuse(e->req, ERR_ELECTION_NOT_NEEDED,
                          "Leader election not needed for topic partition.");
    }
    int32_t leader = choose(e, p);
    if (leader == NO_LEADER) {
        return e->type == ELECT_PREFERRED
                   ? ctl_refuse(e->req, ERR_PREFERRED_LEADER_NOT_AVAILABLE,
                                "The preferred leader was not available.")
                   : ctl_refuse(e->req, ERR_ELIGIBLE_LEADERS_NOT_AVAILABLE,
                                "Eligible topic partition leaders are not available.");
    }
    put_leader(e, t->id, index, p, leader);
    return CTL_FINE;
}

static void answer(topic_result *r, int32_t index, struct ctl_outcome o)
{
    r->partition_result[r->partition_result_count++] =
        (election_result){index, (int16_t)o.err, o.text};
}

static bool begin_topic(const struct electing *e, topic_result *r, struct str name, int32_t most)
{
    *r = elect_leaders_resp_replica_election_result_default;
    r->topic = name;
    r->partition_result = arena_array(e->req->arena, (size_t)most + 1, sizeof *r->partition_result);
    return r->partition_result != NULL;
}

static enum err elect_named(const struct electing *e, const struct elect_leaders_req *m,
                            struct elect_leaders_resp *resp)
{
    size_t count = (size_t)m->topic_partitions_count;
    resp->replica_election_results =
        arena_array(e->req->arena, count + 1, sizeof *resp->replica_election_results);
    if (resp->replica_election_results == NULL) {
        return ERR_BUDGET;
    }
    for (size_t i = 0; i < count; i++) {
        const struct elect_leaders_req_topic_partitions *t = &m->topic_partitions[i];
        topic_result *r = &resp->replica_election_results[resp->replica_election_results_count++];
        if (!begin_topic(e, r, t->topic, t->partitions_count)) {
            return ERR_BUDGET;
        }
        for (int32_t j = 0; j < t->partitions_count; j++) {
            answer(r, t->partitions[j], elect(e, t->topic, t->partitions[j]));
        }
    }
    return OK;
}

/* Every topic is named; of its partitions those that needed an election. */
static enum err elect_all(const struct electing *e, struct elect_leaders_resp *resp)
{
    const struct image *img = e->ctl->tip;
    resp->replica_election_results = arena_array(e->req->arena, (size_t)img->topic_count + 1,
                                                 sizeof *resp->replica_election_results);
    if (resp->replica_election_results == NULL) {
        return ERR_BUDGET;
    }
    for (int32_t i = 0; i < img->topic_count; i++) {
        const struct image_topic *t = img->topics[i];
        topic_result *r = &resp->replica_election_results[resp->replica_election_results_count++];
        struct str name;
        if (!arena_copy_str(e->req->arena, t->name, &name) ||
            !begin_topic(e, r, name, t->part_slots)) {
            return ERR_BUDGET;
        }
        for (int32_t j = 0; j < t->part_slots; j++) {
            const struct image_part *p = image_topic_part(t, j);
            if (p != NULL && is_needed(e, p)) {
                answer(r, j, elect(e, t->name, j));
            }
        }
    }
    return OK;
}

enum err ctl_elect_leaders(struct ctl *ctl, const struct ctl_req *req, struct ctl_out *out)
{
    const struct elect_leaders_req *m = req->msg;
    struct electing e = {ctl, req, &out->records,
                         req->version == 0 ? (int8_t)ELECT_PREFERRED : m->election_type};
    struct elect_leaders_resp *resp = ARENA_NEW(req->arena, struct elect_leaders_resp);
    bool is_known = e.type == ELECT_PREFERRED || e.type == ELECT_UNCLEAN;
    if (resp == NULL) {
        return ERR_BUDGET;
    }
    *resp = elect_leaders_resp_default;
    resp->error_code = is_known ? OK : ERR_INVALID_REQUEST;
    out->resp = resp;
    if (m->topic_partitions_count >= 0) {
        return elect_named(&e, m, resp);
    }
    return is_known ? elect_all(&e, resp) : OK;
}
