/* From the answer to a leader's JoinGroup to the assignments of its SyncGroup. Pure. */
#include "client/group/roster.h"

#include "base/attr.h"
#include "base/limit.h"

#include <stdlib.h>

static int compare_str(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* --- who is in it --- */

static void read_owned(struct roster *r, struct roster_member *m,
                       const struct consumer_protocol_subscription *s)
{
    m->owned = s->owned_partitions;
    m->owned_count = s->owned_partitions_count;
    m->generation = s->generation_id;
    if (r->assignor->id == ASSIGN_STICKY) { /* it let go of all before it joined, but remembers */
        m->owned_count = 0;
        m->generation = -1;
        if (s->user_data.len > 0) {
            (void)protocol_read_sticky(s->user_data, &r->arena, &m->owned, &m->owned_count,
                                       &m->generation);
        }
    } else if (r->assignor->id == ASSIGN_COOPERATIVE_STICKY && m->generation < 0 &&
               s->user_data.len >= 4) {
        const uint8_t *p = s->user_data.p;
        m->generation = (int32_t)((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
                                  (uint32_t)p[2] << 8 | (uint32_t)p[3]);
    }
}

static enum err add_member(struct roster *r,
                           const struct join_group_resp_join_group_response_member *from)
{
    struct roster_member *m = &r->members[r->count++];
    struct consumer_protocol_subscription s;
    struct str bytes;
    if (!arena_copy_str(&r->arena, from->member_id, &m->id) ||
        !arena_copy_str(&r->arena, from->group_instance_id, &m->instance_id) ||
        !arena_copy_str(&r->arena, (struct str){(const char *)from->metadata.p, from->metadata.len},
                        &bytes)) {
        return ERR_BUDGET;
    }
    m->rack = STR_NULL;
    m->generation = -1;
    if (protocol_read_subscription((struct bytes){(const uint8_t *)bytes.p, bytes.len}, &r->arena,
                                   &s) == OK) {
        m->topics = s.topics;
        m->topics_count = s.topics_count;
        m->rack = s.rack_id;
        read_owned(r, m, &s);
    }
    return OK;
}

static enum err gather_topics(struct roster *r)
{
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < r->count; i++) {
        n += (size_t)MAX(r->members[i].topics_count, 0);
    }
    r->topics = arena_array(&r->arena, n + 1, sizeof *r->topics);
    if (r->topics == NULL) {
        return ERR_BUDGET;
    }
    n = 0;
    for (size_t i = 0; i < r->count; i++) {
        for (int32_t k = 0; k < r->members[i].topics_count; k++) {
            r->topics[n++] = r->members[i].topics[k];
        }
    }
    qsort(r->topics, n, sizeof *r->topics, compare_str);
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || !str_eq(r->topics[kept - 1], r->topics[i])) {
            r->topics[kept++] = r->topics[i];
        }
    }
    r->topic_count = kept;
    return OK;
}

enum err roster_init(struct roster *r, const struct assignor *assignor,
                     const struct join_group_resp *resp)
{
    *r = (struct roster){.assignor = assignor};
    arena_init(&r->arena, LIMIT_REQUEST_ARENA_BYTES);
    size_t n = (size_t)MAX(resp->members_count, 0);
    r->members = arena_array(&r->arena, n + 1, sizeof *r->members);
    enum err e = r->members ? OK : ERR_BUDGET;
    for (size_t i = 0; !e && i < n; i++) {
        e = add_member(r, &resp->members[i]);
    }
    return e ? e : gather_topics(r);
}

void roster_deinit(struct roster *r)
{
    arena_deinit(&r->arena);
    *r = (struct roster){.assignor = NULL};
}

/* --- what there is --- */

struct racks {
    struct str names[ASSIGN_RACKS_MAX];
    int count;
    bool is_full; /* more than we can tell apart: nobody is near */
};

static int rack_id(struct racks *r, struct str name)
{
    for (int i = 0; i < r->count; i++) {
        if (str_eq(r->names[i], name)) {
            return i;
        }
    }
    if (str_is_null(name) || name.len == 0) {
        return -1;
    }
    if (r->count == ASSIGN_RACKS_MAX) {
        r->is_full = true;
        return -1;
    }
    r->names[r->count] = name;
    return r->count++;
}

static const struct metadata_resp_metadata_response_topic *find_topic(
    const struct metadata_resp *meta, struct str name)
{
    for (int32_t i = 0; i < meta->topics_count; i++) {
        if (meta->topics[i].error_code == 0 && str_eq(meta->topics[i].name, name)) {
            return &meta->topics[i];
        }
    }
    return NULL;
}

static uint64_t racks_of(const struct metadata_resp *meta, struct racks *racks,
                         const struct metadata_resp_metadata_response_partition *p)
{
    uint64_t bits = 0;
    for (int32_t i = 0; i < p->replica_nodes_count; i++) {
        for (int32_t b = 0; b < meta->brokers_count; b++) {
            int id = meta->brokers[b].node_id == p->replica_nodes[i]
                         ? rack_id(racks, meta->brokers[b].rack)
                         : -1;
            bits |= id >= 0 ? UINT64_C(1) << id : 0;
        }
    }
    return bits;
}

static bool has_racks(const struct metadata_resp *meta)
{
    for (int32_t b = 0; b < meta->brokers_count; b++) {
        if (meta->brokers[b].rack.len > 0) {
            return true;
        }
    }
    return false;
}

/* Topics that anybody wants and that are there. */
static enum err put_topics(const struct roster *r, const struct metadata_resp *meta,
                           struct arena *a, struct racks *racks, struct assign_input *in)
{
    in->topics = arena_array(a, r->topic_count + 1, sizeof *in->topics);
    if (in->topics == NULL) {
        return ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < r->topic_count; i++) {
        const struct metadata_resp_metadata_response_topic *t = find_topic(meta, r->topics[i]);
        if (t != NULL) {
            in->topics[in->topic_count++] =
                (struct assign_topic){t->name, MAX(t->partitions_count, 0), in->partition_count};
            in->partition_count += (size_t)MAX(t->partitions_count, 0);
        }
    }
    if (!has_racks(meta)) {
        return OK;
    }
    in->racks = arena_array(a, in->partition_count + 1, sizeof *in->racks);
    for (size_t i = 0; in->racks != NULL && i < in->topic_count; i++) {
        const struct metadata_resp_metadata_response_topic *t =
            find_topic(meta, in->topics[i].name);
        for (int32_t k = 0; k < t->partitions_count; k++) {
            int32_t p = t->partitions[k].partition_index;
            if (p >= 0 && p < in->topics[i].partition_count) {
                in->racks[in->topics[i].first + (size_t)p] =
                    racks_of(meta, racks, &t->partitions[k]);
            }
        }
    }
    return in->racks ? OK : ERR_NO_MEMORY;
}

/* --- who wants it --- */

static int32_t topic_index(const struct assign_input *in, struct str name)
{
    size_t lo = 0, hi = in->topic_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = str_cmp(in->topics[mid].name, name);
        if (c == 0) {
            return (int32_t)mid;
        }
        lo = c < 0 ? mid + 1 : lo;
        hi = c < 0 ? hi : mid;
    }
    return -1;
}

static int compare_i32(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static void put_wanted(const struct assign_input *in, const struct roster_member *from,
                       struct assign_member *m)
{
    size_t kept = 0;
    for (int32_t i = 0; i < from->topics_count; i++) {
        int32_t t = topic_index(in, from->topics[i]);
        if (t >= 0) {
            m->topics[m->topic_count++] = t;
        }
    }
    qsort(m->topics, m->topic_count, sizeof *m->topics, compare_i32);
    for (size_t i = 0; i < m->topic_count; i++) {
        if (kept == 0 || m->topics[kept - 1] != m->topics[i]) {
            m->topics[kept++] = m->topics[i];
        }
    }
    m->topic_count = kept;
}

static enum err put_owned(const struct assign_input *in, const struct roster_member *from,
                          struct arena *a, struct assign_member *m)
{
    size_t n = 0;
    for (int32_t i = 0; i < from->owned_count; i++) {
        n += (size_t)MAX(from->owned[i].partitions_count, 0);
    }
    m->owned = arena_array(a, n + 1, sizeof *m->owned);
    for (int32_t i = 0; m->owned != NULL && i < from->owned_count; i++) {
        int32_t t = topic_index(in, from->owned[i].topic);
        for (int32_t k = 0; t >= 0 && k < from->owned[i].partitions_count; k++) {
            int32_t p = from->owned[i].partitions[k];
            if (p >= 0 && p < in->topics[t].partition_count) {
                m->owned[m->owned_count++] = in->topics[t].first + (size_t)p;
            }
        }
    }
    return m->owned ? OK : ERR_NO_MEMORY;
}

static enum err put_members(const struct roster *r, struct arena *a, struct racks *racks,
                            struct assign_input *in)
{
    enum err e = OK;
    in->members = arena_array(a, r->count + 1, sizeof *in->members);
    if (in->members == NULL) {
        return ERR_NO_MEMORY;
    }
    for (size_t i = 0; !e && i < r->count; i++) {
        const struct roster_member *from = &r->members[i];
        struct assign_member *m = &in->members[in->member_count++];
        *m = (struct assign_member){.id = from->id,
                                    .instance_id = from->instance_id,
                                    .generation = from->generation,
                                    .rack = rack_id(racks, from->rack)};
        m->topics = arena_array(a, (size_t)MAX(from->topics_count, 0) + 1, sizeof *m->topics);
        e = m->topics ? put_owned(in, from, a, m) : ERR_NO_MEMORY;
        if (!e) {
            put_wanted(in, from, m);
        }
    }
    in->racks = racks->is_full ? NULL : in->racks;
    assign_sort(in);
    return e;
}

/* --- what they get --- */

static enum err write_assignment(const struct assign_input *in, const int32_t *owner, int32_t m,
                                 struct arena *a,
                                 struct sync_group_req_sync_group_request_assignment *ret)
{
    struct buf out = BUF_INIT;
    struct tps t;
    struct str copy;
    tps_init(&t);
    for (size_t i = 0; i < in->topic_count; i++) {
        for (int32_t p = 0; p < in->topics[i].partition_count; p++) {
            if (owner[in->topics[i].first + (size_t)p] == m) {
                tps_add(&t, in->topics[i].name, p);
            }
        }
    }
    buf_put_be16(&out, 3);
    protocol_write_partitions(&out, &t);
    buf_put_be32(&out, UINT32_MAX); /* no user data */
    bool is_ok = !out.err && arena_copy_str(a, buf_str(&out), &copy);
    if (is_ok) {
        ret->member_id = in->members[m].id;
        ret->assignment = (struct bytes){(const uint8_t *)copy.p, copy.len};
    }
    buf_deinit(&out);
    tps_deinit(&t);
    return is_ok ? OK : ERR_NO_MEMORY;
}

enum err roster_assign(const struct roster *r, const struct metadata_resp *meta, struct arena *a,
                       struct sync_group_req_sync_group_request_assignment **ret)
{
    struct racks racks = {.count = 0};
    struct assign_input in = {.topics = NULL};
    enum err e = put_topics(r, meta, a, &racks, &in);
    e = e ? e : put_members(r, a, &racks, &in);
    int32_t *owner = arena_array(a, in.partition_count + 1, sizeof *owner);
    struct sync_group_req_sync_group_request_assignment *out =
        arena_array(a, r->count + 1, sizeof *out);
    e = e ? e : owner && out ? r->assignor->assign(&in, a, owner) : ERR_NO_MEMORY;
    for (size_t m = 0; !e && m < r->count; m++) {
        e = write_assignment(&in, owner, (int32_t)m, a, &out[m]);
    }
    if (!e) {
        *ret = out;
    }
    return e;
}
