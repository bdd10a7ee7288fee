/* The sticky assignors: balanced first, then with as few partitions as possible that change their
 * member. Pure.
 *
 * Balanced: members have the same number of partitions or one more; where they do not want the same
 * topics, nobody has two more than somebody who could take one of them. */
#include "client/group/assign.h"

#include "base/assert.h"
#include "base/attr.h"

#include <stdlib.h>

enum { NOBODY = -1, DISPUTED = -2 };

struct sticky {
    const struct assign_input *in;
    int32_t *owner;
    int32_t *previous; /* who had it, as far as it is sure; else -1 */
    int32_t *topic_of; /* each partition's */
    int32_t *wanted;   /* by so many members, each topic */
    size_t *counts;    /* of each member */
    size_t *order;     /* of the partitions, to give away */
};

static enum err sticky_init(struct sticky *s, const struct assign_input *in, struct arena *a,
                            int32_t *owner)
{
    size_t n = MAX(in->partition_count, 1);
    *s = (struct sticky){.in = in, .owner = owner};
    s->previous = arena_array(a, n, sizeof *s->previous);
    s->topic_of = arena_array(a, n, sizeof *s->topic_of);
    s->order = arena_array(a, n, sizeof *s->order);
    s->wanted = arena_array(a, MAX(in->topic_count, 1), sizeof *s->wanted);
    s->counts = arena_array(a, MAX(in->member_count, 1), sizeof *s->counts);
    if (!s->previous || !s->topic_of || !s->order || !s->wanted || !s->counts) {
        return ERR_NO_MEMORY;
    }
    for (size_t t = 0; t < in->topic_count; t++) {
        for (int32_t p = 0; p < in->topics[t].partition_count; p++) {
            s->topic_of[in->topics[t].first + (size_t)p] = (int32_t)t;
        }
        for (size_t i = 0; i < in->member_count; i++) {
            s->wanted[t] += assign_subscribes(&in->members[i], (int32_t)t);
        }
    }
    return OK;
}

/* Of two that say they have it, the one who joined later is right; at the same time, neither. */
static void claim(struct sticky *s, size_t member, size_t partition)
{
    const struct assign_member *members = s->in->members;
    int32_t *at = &s->previous[partition];
    int32_t other = *at <= DISPUTED ? DISPUTED - *at : *at; /* a dispute keeps whom it was with */
    if (other == NOBODY || members[member].generation > members[other].generation) {
        *at = (int32_t)member;
    } else if (members[member].generation == members[other].generation && (size_t)other != member) {
        *at = DISPUTED - other;
    }
}

static void find_previous(struct sticky *s)
{
    for (size_t i = 0; i < s->in->partition_count; i++) {
        s->previous[i] = NOBODY;
        s->owner[i] = NOBODY;
    }
    for (size_t m = 0; m < s->in->member_count; m++) {
        for (size_t i = 0; i < s->in->members[m].owned_count; i++) {
            claim(s, m, s->in->members[m].owned[i]);
        }
    }
    for (size_t i = 0; i < s->in->partition_count; i++) {
        if (s->previous[i] <= DISPUTED) {
            s->previous[i] = NOBODY;
        }
    }
}

static void give(struct sticky *s, size_t partition, int32_t member)
{
    if (s->owner[partition] >= 0) {
        s->counts[s->owner[partition]]--;
    }
    s->owner[partition] = member;
    s->counts[member]++;
}

/* --- when all want the same --- */

static bool is_uniform(const struct sticky *s)
{
    for (size_t t = 0; t < s->in->topic_count; t++) {
        if (s->wanted[t] != 0 && s->wanted[t] != (int32_t)s->in->member_count) {
            return false;
        }
    }
    return true;
}

/* What they had, up to their share; the first that had more get one more. */
static void keep_shares(struct sticky *s, size_t share, size_t extra)
{
    for (size_t pass = 0; pass < 2; pass++) { /* first the share, then one more for some */
        for (size_t i = 0; i < s->in->partition_count; i++) {
            int32_t m = s->previous[i];
            if (m < 0 || s->owner[i] >= 0 ||
                !assign_subscribes(&s->in->members[m], s->topic_of[i])) {
                continue;
            }
            bool is_extra = s->counts[m] == share && pass == 1 && extra > 0;
            if (s->counts[m] < share || is_extra) {
                give(s, i, m);
                extra -= is_extra;
            }
        }
    }
}

/* The rest in turn: first to those that are short of the share, then one more for some. */
static void fill_shares(struct sticky *s, size_t share)
{
    size_t next = 0, members = s->in->member_count;
    bool is_short = true;
    for (size_t i = 0; i < s->in->partition_count; i++) {
        if (s->owner[i] >= 0 || s->wanted[s->topic_of[i]] == 0) {
            continue;
        }
        size_t tried = 0;
        while (is_short && tried < members && s->counts[next] >= share) {
            next = next + 1 < members ? next + 1 : 0;
            tried++;
        }
        is_short = is_short && tried < members;
        while (!is_short && s->counts[next] > share) {
            next = next + 1 < members ? next + 1 : 0;
        }
        give(s, i, (int32_t)next);
        next = next + 1 < members ? next + 1 : 0;
    }
}

static void assign_uniform(struct sticky *s)
{
    size_t total = 0, members = s->in->member_count;
    for (size_t t = 0; t < s->in->topic_count; t++) {
        total += s->wanted[t] ? (size_t)s->in->topics[t].partition_count : 0;
    }
    ASSERT(members > 0);
    keep_shares(s, total / members, total % members);
    fill_shares(s, total / members);
}

/* --- when they do not --- */

static int32_t least_busy(const struct sticky *s, int32_t topic)
{
    int32_t best = NOBODY;
    for (size_t m = 0; m < s->in->member_count; m++) {
        if ((best < 0 || s->counts[m] < s->counts[best]) &&
            assign_subscribes(&s->in->members[m], topic)) {
            best = (int32_t)m;
        }
    }
    return best;
}

/* Those with the least choice first. */
static int compare_choice(const void *a, const void *b, void *ctx)
{
    const struct sticky *s = ctx;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    int32_t wx = s->wanted[s->topic_of[x]], wy = s->wanted[s->topic_of[y]];
    return wx != wy ? (wx > wy) - (wx < wy) : (x > y) - (x < y);
}

/* Whether partition i changed its member. */
static bool improve(struct sticky *s, size_t i)
{
    int32_t from = s->owner[i], before = s->previous[i];
    if (from < 0) {
        return false;
    }
    bool may_return = before >= 0 && before != from && s->counts[before] + 1 < s->counts[from] &&
                      assign_subscribes(&s->in->members[before], s->topic_of[i]);
    int32_t to = may_return ? before : least_busy(s, s->topic_of[i]);
    if (s->counts[to] + 1 >= s->counts[from]) {
        return false;
    }
    give(s, i, to);
    return true;
}

/* Those that are new to their member anyway. */
static bool improve_new(struct sticky *s)
{
    bool is_moved = false;
    for (size_t k = 0; k < s->in->partition_count; k++) {
        size_t i = s->order[k];
        if (s->owner[i] != s->previous[i]) {
            is_moved = improve(s, i) || is_moved;
        }
    }
    return is_moved;
}

/* Those of the busiest first, as long as somebody has so many. */
static bool improve_busy(struct sticky *s)
{
    size_t most = 0;
    for (size_t m = 0; m < s->in->member_count; m++) {
        most = MAX(most, s->counts[m]);
    }
    for (; most > 1; most--) {
        bool is_moved = false;
        for (size_t k = 0; k < s->in->partition_count; k++) {
            size_t i = s->order[k];
            if (s->owner[i] >= 0 && s->counts[s->owner[i]] == most) {
                is_moved = improve(s, i) || is_moved;
            }
        }
        if (is_moved) {
            return true;
        }
    }
    return false;
}

static void assign_mixed(struct sticky *s)
{
    for (size_t i = 0; i < s->in->partition_count; i++) {
        int32_t m = s->previous[i];
        s->order[i] = i;
        if (m >= 0 && assign_subscribes(&s->in->members[m], s->topic_of[i])) {
            give(s, i, m);
        }
    }
    qsort_r(s->order, s->in->partition_count, sizeof *s->order, compare_choice, s);
    for (size_t k = 0; k < s->in->partition_count; k++) {
        size_t i = s->order[k];
        if (s->owner[i] < 0 && s->wanted[s->topic_of[i]] > 0) {
            give(s, i, least_busy(s, s->topic_of[i]));
        }
    }
    /* each move makes the sum of the squares of the counts smaller: it ends */
    while (improve_new(s) || improve_busy(s)) {
    }
}

enum err assign_sticky(const struct assign_input *in, struct arena *a, int32_t *owner)
{
    struct sticky s;
    enum err e = sticky_init(&s, in, a, owner);
    if (e) {
        return e;
    }
    find_previous(&s);
    if (in->member_count > 0 && is_uniform(&s)) {
        assign_uniform(&s);
    } else if (in->member_count > 0) {
        assign_mixed(&s);
    }
    return OK;
}

/* --- cooperative: who gets a partition waits until who has it let go --- */

enum err assign_cooperative(const struct assign_input *in, struct arena *a, int32_t *owner)
{
    enum err e = assign_sticky(in, a, owner);
    bool *is_kept = arena_array(a, MAX(in->partition_count, 1), sizeof *is_kept);
    if (e || is_kept == NULL) {
        return e ? e : ERR_NO_MEMORY;
    }
    for (size_t m = 0; m < in->member_count; m++) {
        for (size_t i = 0; i < in->members[m].owned_count; i++) {
            size_t p = in->members[m].owned[i];
            is_kept[p] = is_kept[p] || owner[p] == (int32_t)m;
        }
    }
    for (size_t m = 0; m < in->member_count; m++) {
        for (size_t i = 0; i < in->members[m].owned_count; i++) {
            size_t p = in->members[m].owned[i];
            owner[p] = is_kept[p] ? owner[p] : NOBODY;
        }
    }
    return OK;
}
