/* Where replicas go. Brokers stand in a ring in which racks take turns; a partition takes brokers
 * from a place that moves on by one each time, active ones first. Pure. */
#include "meta/ctl_int.h"

#include <stdlib.h>

static int compare_racks(const void *a, const void *b)
{
    const struct image_node *x = *(const struct image_node *const *)a;
    const struct image_node *y = *(const struct image_node *const *)b;
    int c = str_cmp(x->rack, y->rack);
    return c ? c : (x->id > y->id) - (x->id < y->id);
}

/* How many of the sorted brokers from i on share its rack. */
static int32_t rack_len(const struct image_node *const *sorted, int32_t count, int32_t i)
{
    int32_t n = 1;
    while (i + n < count && str_cmp(sorted[i]->rack, sorted[i + n]->rack) == 0) {
        n++;
    }
    return n;
}

/* The n-th broker of each rack, rack after rack, for n = 0, 1, …: no two neighbours share a rack
 * while there are others. */
static void stripe(const struct image_node *const *sorted, int32_t count,
                   const struct image_node **ring)
{
    int32_t put = 0;
    for (int32_t n = 0; put < count; n++) {
        for (int32_t i = 0; i < count; i += rack_len(sorted, count, i)) {
            if (n < rack_len(sorted, count, i)) {
                ring[put++] = sorted[i + n];
            }
        }
    }
}

enum err ctl_placer_init(struct ctl *ctl, struct arena *a, struct ctl_placer *ret_placer)
{
    const struct image *img = ctl->tip;
    size_t count = (size_t)img->broker_count;
    const struct image_node **sorted = arena_array(a, count + 1, sizeof *sorted);
    const struct image_node **ring = arena_array(a, count + 1, sizeof *ring);
    if (sorted == NULL || ring == NULL) {
        return ERR_BUDGET;
    }
    struct ctl_placer p = {.ring = ring, .count = img->broker_count};
    for (int32_t i = 0; i < p.count; i++) {
        sorted[i] = img->brokers[i];
        p.active_count += ctl_is_active(sorted[i]);
    }
    qsort(sorted, count, sizeof *sorted, compare_racks);
    stripe(sorted, p.count, ring);
    p.at = p.count ? (int32_t)rand_below(&ctl->rand, (uint64_t)p.count) : 0;
    *ret_placer = p;
    return OK;
}

bool ctl_can_place(const struct ctl_placer *p, int32_t factor, struct buf *why)
{
    if (p->active_count == 0) {
        buf_printf(why, "All brokers are currently fenced, or have all their log directories "
                        "cordoned.");
        return false;
    }
    if (factor > p->count) {
        buf_printf(why,
                   "The target replication factor of %d cannot be reached because only %d "
                   "broker(s) are registered or some brokers have all their log directories "
                   "cordoned.",
                   factor, p->count);
        return false;
    }
    return true;
}

void ctl_place(struct ctl_placer *p, int32_t *ret_replicas, int32_t count)
{
    int32_t n = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int32_t i = 0; i < p->count && n < count; i++) {
            const struct image_node *broker = p->ring[(p->at + i) % p->count];
            if (ctl_is_active(broker) == (pass == 0)) {
                ret_replicas[n++] = broker->id;
            }
        }
    }
    p->at = (p->at + 1) % p->count;
}

static const struct uuid dir_unassigned = {{[15] = 1}};

struct uuid ctl_default_dir(const struct image_node *broker)
{
    if (broker == NULL || broker->log_dir_count == 0) {
        return UUID_ZERO;
    }
    return broker->log_dir_count == 1 ? broker->log_dirs[0] : dir_unassigned;
}

bool ctl_add_partition(struct ctl *ctl, struct uuid topic, int32_t part, struct ids replicas,
                       struct meta_records *out)
{
    int version = version_of_partition(image_feature(ctl->tip, FEATURE_METADATA));
    struct partition_record r = partition_record_default;
    arena_reset(&ctl->scratch);
    int32_t *isr = arena_array(&ctl->scratch, (size_t)replicas.count, sizeof *isr);
    struct uuid *dirs = arena_array(&ctl->scratch, (size_t)replicas.count, sizeof *dirs);
    if (isr == NULL || dirs == NULL) {
        out->err = ERR_BUDGET;
        return true;
    }
    for (int32_t i = 0; i < replicas.count; i++) {
        const struct image_node *broker = image_broker(ctl->tip, replicas.v[i]);
        dirs[i] = ctl_default_dir(broker);
        if (ctl_is_active(broker)) {
            isr[r.isr_count++] = replicas.v[i];
        }
    }
    if (r.isr_count == 0) {
        return false;
    }
    r.partition_id = part;
    r.topic_id = topic;
    r.replicas = (int32_t *)(uintptr_t)replicas.v;
    r.replicas_count = replicas.count;
    r.isr = isr;
    r.leader = isr[0];
    r.leader_epoch = 0;
    r.partition_epoch = 0;
    if (version >= 1) {
        r.directories = dirs;
        r.directories_count = replicas.count;
    }
    meta_records_add(out, META_PARTITION, version, &r);
    return true;
}

static int compare_ids(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

struct ctl_outcome ctl_check_assignment(const struct ctl *ctl, const struct ctl_req *req,
                                        struct ids brokers, int32_t want_count)
{
    if (brokers.count == 0) {
        return ctl_refuse(req, ERR_INVALID_REPLICA_ASSIGNMENT,
                          "The manual partition assignment includes an empty replica list.");
    }
    int32_t *sorted = arena_array(req->arena, (size_t)brokers.count, sizeof *sorted);
    if (sorted == NULL) {
        return (struct ctl_outcome){ERR_BUDGET, STR_NULL};
    }
    memcpy(sorted, brokers.v, (size_t)brokers.count * sizeof *sorted);
    qsort(sorted, (size_t)brokers.count, sizeof *sorted, compare_ids);
    for (int32_t i = 0; i < brokers.count; i++) {
        if (image_broker(ctl->tip, sorted[i]) == NULL) {
            return ctl_refuse(req, ERR_INVALID_REPLICA_ASSIGNMENT,
                              "The manual partition assignment includes broker %d, but no such "
                              "broker is registered.",
                              sorted[i]);
        }
        if (i > 0 && sorted[i - 1] == sorted[i]) {
            return ctl_refuse(req, ERR_INVALID_REPLICA_ASSIGNMENT,
                              "The manual partition assignment includes the broker %d more than "
                              "once.",
                              sorted[i]);
        }
    }
    if (want_count >= 0 && brokers.count != want_count) {
        return ctl_refuse(req, ERR_INVALID_REPLICA_ASSIGNMENT,
                          "The manual partition assignment includes a partition with %d "
                          "replica(s), but this is not consistent with previous partitions, which "
                          "have %d replica(s).",
                          brokers.count, want_count);
    }
    return CTL_FINE;
}
