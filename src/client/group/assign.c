/* The table of assignors, and the two that remember nothing. Pure. */
#include "client/group/assign.h"

#include "base/attr.h"

#include <stdlib.h>

#define JAVA "org.apache.kafka.clients.consumer."

static const struct assignor assignors[] = {
    {ASSIGN_RANGE, "range", JAVA "RangeAssignor", false, assign_range},
    {ASSIGN_ROUNDROBIN, "roundrobin", JAVA "RoundRobinAssignor", false, assign_roundrobin},
    {ASSIGN_STICKY, "sticky", JAVA "StickyAssignor", false, assign_sticky},
    {ASSIGN_COOPERATIVE_STICKY, "cooperative-sticky", JAVA "CooperativeStickyAssignor", true,
     assign_cooperative},
};

const struct assignor *assignor_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(assignors); i++) {
        if (str_eq(name, str_from(assignors[i].name)) ||
            str_eq(name, str_from(assignors[i].java_class))) {
            return &assignors[i];
        }
    }
    return NULL;
}

static int compare_members(const void *a, const void *b)
{
    const struct assign_member *x = a, *y = b;
    if (str_is_null(x->instance_id) != str_is_null(y->instance_id)) {
        return str_is_null(x->instance_id) ? 1 : -1;
    }
    return str_is_null(x->instance_id) ? str_cmp(x->id, y->id)
                                       : str_cmp(x->instance_id, y->instance_id);
}

void assign_sort(struct assign_input *in)
{
    qsort(in->members, in->member_count, sizeof *in->members, compare_members);
}

bool assign_subscribes(const struct assign_member *m, int32_t topic)
{
    size_t lo = 0, hi = m->topic_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (m->topics[mid] == topic) {
            return true;
        }
        lo = m->topics[mid] < topic ? mid + 1 : lo;
        hi = m->topics[mid] < topic ? hi : mid;
    }
    return false;
}

/* --- roundrobin: all partitions in turn, each to the next member that wants it --- */

static bool is_wanted(const struct assign_input *in, int32_t topic)
{
    for (size_t i = 0; i < in->member_count; i++) {
        if (assign_subscribes(&in->members[i], topic)) {
            return true;
        }
    }
    return false;
}

enum err assign_roundrobin(const struct assign_input *in, struct arena *a, int32_t *owner)
{
    size_t next = 0;
    (void)a;
    for (size_t t = 0; t < in->topic_count; t++) {
        bool is_open = is_wanted(in, (int32_t)t);
        for (int32_t p = 0; p < in->topics[t].partition_count; p++) {
            while (is_open && !assign_subscribes(&in->members[next], (int32_t)t)) {
                next = (next + 1) % in->member_count;
            }
            owner[in->topics[t].first + (size_t)p] = is_open ? (int32_t)next : -1;
            next = is_open ? (next + 1) % in->member_count : next;
        }
    }
    return OK;
}

/* --- range: of each topic a run of partitions for each member --- */

/* A topic while its partitions are given away. */
struct range {
    const struct assign_topic *topic;
    int32_t *members; /* who want it, in order */
    size_t member_count;
    int32_t *given; /* to each of them */
    int32_t each;   /* they all get so many */
    int32_t extra;  /* so many of them one more, as long as it lasts */
    bool is_racked; /* where a member is makes a difference */
};

static int32_t range_room(const struct range *r, size_t i)
{
    return MAX(r->each + (r->extra > 0) - r->given[i], 0);
}

static bool is_near(const struct assign_input *in, const struct range *r, size_t i, int32_t p)
{
    int rack = in->members[r->members[i]].rack;
    return rack < 0 || (in->racks[r->topic->first + (size_t)p] >> rack & 1) != 0;
}

/* To member i, in order, as much as it may have. */
static void range_fill(const struct assign_input *in, struct range *r, size_t i, bool is_near_only,
                       int32_t *owner)
{
    int32_t room = range_room(r, i), given = 0;
    for (int32_t p = 0; p < r->topic->partition_count && given < room; p++) {
        int32_t *o = &owner[r->topic->first + (size_t)p];
        if (*o < 0 && (!is_near_only || is_near(in, r, i, p))) {
            *o = r->members[i];
            given++;
        }
    }
    r->given[i] += given;
    r->extra -= given > 0 && r->given[i] > r->each;
}

static enum err range_init(const struct assign_input *in, struct arena *a, struct range *r,
                           size_t topic)
{
    r->topic = &in->topics[topic];
    r->members = arena_array(a, in->member_count, sizeof *r->members);
    r->given = arena_array(a, in->member_count, sizeof *r->given);
    if (r->members == NULL || r->given == NULL) {
        return ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < in->member_count; i++) {
        if (assign_subscribes(&in->members[i], (int32_t)topic)) {
            r->members[r->member_count++] = (int32_t)i;
        }
    }
    int32_t n = (int32_t)MAX(r->member_count, 1);
    r->each = r->topic->partition_count / n;
    r->extra = r->topic->partition_count % n;
    return OK;
}

/* Racks count when members are where replicas are, and not every partition is everywhere. */
static bool is_racked(const struct assign_input *in, const struct range *r)
{
    uint64_t members = 0, all = 0, common = UINT64_MAX;
    for (size_t i = 0; i < r->member_count; i++) {
        int rack = in->members[r->members[i]].rack;
        members |= rack >= 0 ? UINT64_C(1) << rack : 0;
    }
    for (int32_t p = 0; p < r->topic->partition_count; p++) {
        all |= in->racks[r->topic->first + (size_t)p];
        common &= in->racks[r->topic->first + (size_t)p];
    }
    return (members & all) != 0 && common != all;
}

/* Topics that the same members want and that have as many partitions are given away alike. */
static bool are_alike(const struct range *x, const struct range *y)
{
    return x->topic->partition_count == y->topic->partition_count &&
           x->member_count == y->member_count &&
           memcmp(x->members, y->members, x->member_count * sizeof *x->members) == 0;
}

/* The same member for partition p of all of them; false: nobody is near all and has room. */
static bool give_alike(const struct assign_input *in, struct range *const *alike, size_t count,
                       int32_t p, int32_t *owner)
{
    for (size_t i = 0; i < alike[0]->member_count; i++) {
        size_t k = 0;
        while (k < count && is_near(in, alike[k], i, p) && range_room(alike[k], i) > 0) {
            k++;
        }
        if (k < count) {
            continue;
        }
        for (k = 0; k < count; k++) {
            owner[alike[k]->topic->first + (size_t)p] = alike[k]->members[i];
            alike[k]->given[i]++;
            alike[k]->extra -= alike[k]->given[i] > alike[k]->each;
        }
        return true;
    }
    return false;
}

static enum err range_near(const struct assign_input *in, struct arena *a, struct range *ranges,
                           int32_t *owner)
{
    struct range **alike = arena_array(a, MAX(in->topic_count, 1), sizeof(struct range *));
    bool *is_done = arena_array(a, MAX(in->topic_count, 1), sizeof *is_done);
    if (alike == NULL || is_done == NULL) {
        return ERR_NO_MEMORY;
    }
    for (size_t t = 0; t < in->topic_count; t++) {
        size_t count = 0;
        for (size_t u = t; u < in->topic_count; u++) {
            if (!is_done[u] && are_alike(&ranges[t], &ranges[u])) {
                is_done[u] = true;
                alike[count++] = &ranges[u];
            }
        }
        for (int32_t p = 0; count > 1 && p < ranges[t].topic->partition_count; p++) {
            (void)give_alike(in, alike, count, p, owner);
        }
        for (size_t i = 0; count == 1 && ranges[t].is_racked && i < ranges[t].member_count; i++) {
            range_fill(in, &ranges[t], i, true, owner);
        }
    }
    return OK;
}

enum err assign_range(const struct assign_input *in, struct arena *a, int32_t *owner)
{
    struct range *ranges = arena_array(a, MAX(in->topic_count, 1), sizeof *ranges);
    bool has_racks = false;
    enum err e = ranges ? OK : ERR_NO_MEMORY;
    for (size_t i = 0; i < in->partition_count; i++) {
        owner[i] = -1;
    }
    for (size_t t = 0; !e && t < in->topic_count; t++) {
        e = range_init(in, a, &ranges[t], t);
        ranges[t].is_racked = !e && in->racks != NULL && is_racked(in, &ranges[t]);
        has_racks = has_racks || ranges[t].is_racked;
    }
    if (!e && has_racks) {
        e = range_near(in, a, ranges, owner);
    }
    for (size_t t = 0; !e && t < in->topic_count; t++) {
        for (size_t i = 0; i < ranges[t].member_count; i++) {
            range_fill(in, &ranges[t], i, false, owner);
        }
    }
    return e;
}
