/* Leaders and in-sync replicas when a broker comes or goes (KIP-966). Pure.
 *
 * For each partition that it concerns: the broker leaves the in-sync set (ISR); below
 * min.insync.replicas those who left stay eligible (ELR) as long as they lost nothing; a leader is
 * chosen among both. Without the ELR feature the ISR never becomes empty: the last one in it stays,
 * without a leader. */
#include "meta/ctl_int.h"

/* One partition's new state on its way into a record. */
struct election {
    const struct ctl *ctl;
    const struct ctl_move *move;
    const struct image_part *part;
    bool has_elr;
    int32_t min_isr;
    bool may_be_unclean; /* unclean.leader.election.enable */

    int32_t *isr, *elr;
    int32_t isr_count, elr_count;
    int32_t leader;
    bool is_unclean;
};

static bool may_lead(const struct election *e, int32_t id)
{
    if (id < 0 || id == e->move->leaving) {
        return false;
    }
    const struct image_node *n = image_broker(e->ctl->tip, id);
    return ctl_is_active(n) || (id == e->move->coming && n != NULL && !n->is_shutting_down);
}

static bool is_eligible(const struct election *e, int32_t id)
{
    return (ctl_has_id(e->isr, e->isr_count, id) || ctl_has_id(e->elr, e->elr_count, id)) &&
           may_lead(e, id);
}

static void shrink_isr(struct election *e)
{
    struct ids old = image_part_isr(e->part);
    for (int32_t i = 0; i < old.count; i++) {
        if (old.v[i] != e->move->leaving) {
            e->isr[e->isr_count++] = old.v[i];
        }
    }
}

static void add_eligible(struct election *e, struct ids from)
{
    for (int32_t i = 0; i < from.count; i++) {
        int32_t id = from.v[i];
        bool lost_data = e->move->is_unclean && id == e->move->leaving;
        if (!lost_data && !ctl_has_id(e->isr, e->isr_count, id) &&
            !ctl_has_id(e->elr, e->elr_count, id)) {
            e->elr[e->elr_count++] = id;
        }
    }
}

/* ELR = (old ELR ∪ old ISR) − new ISR − those who lost data; empty when the ISR is large enough. */
static void fill_elr(struct election *e)
{
    int32_t enough = MIN(e->min_isr, (int32_t)e->part->replica_count);
    if (e->has_elr && e->isr_count < enough) {
        add_eligible(e, image_part_elr(e->part));
        add_eligible(e, image_part_isr(e->part));
    }
}

/* The leader who was alone at the end may come back although it may have lost something. */
static bool may_return(const struct election *e)
{
    struct ids last = image_part_last_elr(e->part);
    return e->has_elr && e->isr_count == 0 && e->elr_count == 0 && last.count == 1 &&
           may_lead(e, last.v[0]);
}

static void choose_leader(struct election *e)
{
    struct ids replicas = image_part_replicas(e->part);
    e->leader = NO_LEADER;
    if (is_eligible(e, e->part->leader)) {
        e->leader = e->part->leader;
        return;
    }
    for (int32_t i = 0; i < replicas.count; i++) {
        if (is_eligible(e, replicas.v[i])) {
            e->leader = replicas.v[i];
            return;
        }
    }
    if (may_return(e)) {
        e->leader = image_part_last_elr(e->part).v[0];
        e->is_unclean = true;
        return;
    }
    for (int32_t i = 0; e->may_be_unclean && i < replicas.count; i++) {
        if (may_lead(e, replicas.v[i])) {
            e->leader = replicas.v[i];
            e->is_unclean = true;
            return;
        }
    }
}

/* A leader from outside the ISR becomes it. */
static void settle_isr(struct election *e)
{
    bool is_from_outside = e->leader != NO_LEADER && !ctl_has_id(e->isr, e->isr_count, e->leader);
    if (is_from_outside) {
        e->isr[0] = e->leader;
        e->isr_count = 1;
    }
    if (e->is_unclean) {
        e->elr_count = 0;
    }
    for (int32_t i = 0; is_from_outside && i < e->elr_count; i++) {
        if (e->elr[i] == e->leader) {
            e->elr[i] = e->elr[--e->elr_count];
        }
    }
    if (e->isr_count >= MIN(e->min_isr, (int32_t)e->part->replica_count)) {
        e->elr_count = 0;
    }
}

/* Whether the last leader has to be noted or forgotten; *ret_count −1: neither. */
static void last_leader(const struct election *e, const struct partition_change_record *r,
                        int32_t *ret_count)
{
    struct ids last = image_part_last_elr(e->part);
    bool is_noted = last.count == 1 && last.v[0] == e->part->leader;
    *ret_count = -1;
    if (e->has_elr && r->isr_count == 0 && e->part->leader >= 0 && !is_noted) {
        *ret_count = 1;
    } else if (last.count > 0 && (!e->has_elr || e->leader != NO_LEADER)) {
        *ret_count = 0;
    }
}

static const int32_t no_ids[1];

static void put_change(const struct election *e, struct uuid topic, int32_t part,
                       struct meta_records *out)
{
    struct partition_change_record r = partition_change_record_default;
    int version = version_of_partition(image_feature(e->ctl->tip, FEATURE_METADATA));
    int32_t last = e->part->leader;
    int32_t last_count;
    r.topic_id = topic;
    r.partition_id = part;
    if ((e->isr_count > 0 || e->has_elr) &&
        !ctl_same_ids(image_part_isr(e->part), e->isr, e->isr_count)) {
        r.isr = e->isr;
        r.isr_count = e->isr_count;
    }
    if (e->leader != e->part->leader) {
        r.leader = e->leader;
    }
    if (e->is_unclean && e->part->recovery_state == 0) {
        r.leader_recovery_state = 1;
    }
    if (!ctl_same_ids(image_part_elr(e->part), e->elr, e->elr_count)) {
        r.eligible_leader_replicas = e->elr;
        r.eligible_leader_replicas_count = e->elr_count;
    }
    last_leader(e, &r, &last_count);
    if (last_count >= 0) {
        r.last_known_elr = last_count ? &last : (int32_t *)(uintptr_t)no_ids;
        r.last_known_elr_count = last_count;
    }
    if (r.isr_count >= 0 || r.leader != -2 || r.eligible_leader_replicas_count >= 0 ||
        r.last_known_elr_count >= 0 || r.leader_recovery_state >= 0) {
        meta_records_add(out, META_PARTITION_CHANGE, version, &r);
    }
}

static bool concerns(const struct ctl_move *move, const struct image_part *p)
{
    if (move->leaving >= 0) {
        return ids_have(image_part_isr(p), move->leaving) || p->leader == move->leaving ||
               (move->is_unclean && ids_have(image_part_elr(p), move->leaving));
    }
    return p->leader == NO_LEADER && ids_have(image_part_replicas(p), move->coming);
}

static void move_part(struct ctl *ctl, struct election *e, const struct image_topic *t,
                      int32_t part, struct meta_records *out)
{
    size_t most = (size_t)e->part->replica_count + e->part->isr_count + e->part->elr_count + 1;
    arena_reset(&ctl->scratch);
    e->isr = arena_array(&ctl->scratch, most, sizeof *e->isr);
    e->elr = arena_array(&ctl->scratch, most, sizeof *e->elr);
    if (e->isr == NULL || e->elr == NULL) {
        out->err = ERR_BUDGET;
        return;
    }
    shrink_isr(e);
    fill_elr(e);
    choose_leader(e);
    settle_isr(e);
    put_change(e, t->id, part, out);
}

/* Of a topic, as a number or a boolean. */
static struct str setting(const struct ctl *ctl, struct str topic, const char *name,
                          struct arena *scratch)
{
    enum config_source source;
    return topic_config_text(ctl->tip, ctl->config, topic,
                             config_find(CONFIG_TOPIC, str_from(name)), scratch, &source);
}

static void move_topic(struct ctl *ctl, const struct ctl_move *move, const struct image_topic *t,
                       struct meta_records *out)
{
    int64_t min_isr = 1;
    bool is_read = false;
    bool may_be_unclean = false;
    for (int32_t i = 0; i < t->part_slots; i++) {
        const struct image_part *p = image_topic_part(t, i);
        if (p == NULL || !concerns(move, p)) {
            continue;
        }
        if (!is_read) { /* only topics that need it */
            arena_reset(&ctl->scratch);
            (void)str_to_i64(setting(ctl, t->name, "min.insync.replicas", &ctl->scratch), &min_isr);
            may_be_unclean =
                str_eq(setting(ctl, t->name, "unclean.leader.election.enable", &ctl->scratch),
                       STR("true"));
            is_read = true;
        }
        struct election e = {
            .ctl = ctl,
            .move = move,
            .part = p,
            .has_elr = ctl_has_elr(ctl),
            .min_isr = (int32_t)min_isr,
            .may_be_unclean = may_be_unclean,
        };
        move_part(ctl, &e, t, i, out);
    }
}

void ctl_move_leaders(struct ctl *ctl, const struct ctl_move *move, struct meta_records *out)
{
    for (int32_t i = 0; i < ctl->tip->topic_count; i++) {
        move_topic(ctl, move, ctl->tip->topics[i], out);
    }
}
