/* The requests of a member. Pure; see member.h. */
#include "client/group/member_int.h"

#include "base/assert.h"
#include "base/attr.h"
#include "base/mem.h"

enum { JOIN_GRACE_MS = 5000 }; /* a join is answered when all have joined, or at the latest then */
enum { JOIN_MAX = 9, SYNC_MAX = 5, HEARTBEAT_MAX = 4, LEAVE_MAX = 5, METADATA_MAX = 13 };
enum { METADATA_IDS = 10 };    /* the first that has the ids of topics */
enum { METADATA_BY_IDS = 12 }; /* the first that can be asked by them */

#define PROTOCOL_TYPE STR("consumer")

struct member_ask *member_ask_new(struct member *m, enum member_ask_kind kind, int api_key)
{
    struct member_ask *a = mem_zalloc(sizeof *a);
    a->kind = kind;
    a->api_key = (int16_t)api_key;
    a->to_group = kind != MEMBER_TOPICS;
    a->timeout_ms = m->config->request_timeout_ms;
    a->turn = m->turn;
    if (a->to_group) {
        a->is_fresh = m->is_coordinator_stale;
        m->is_coordinator_stale = false;
    }
    arena_init(&a->arena, SIZE_MAX); /* the user sizes it */
    return a;
}

void *member_ask_array(struct member_ask *a, size_t count, size_t size)
{
    void *p = arena_array(&a->arena, MAX(count, 1), size);
    ASSERT(p != NULL); /* as mem_alloc */
    return p;
}

struct str member_ask_copy(struct member_ask *a, struct str s)
{
    struct str ret = STR_NULL;
    ASSERT(arena_copy_str(&a->arena, s, &ret));
    return ret;
}

struct str member_instance_id(const struct member *m)
{
    return m->config->group_instance_id[0] ? str_from(m->config->group_instance_id) : STR_NULL;
}

/* --- join --- */

static protocol_owned *put_owned(struct member_ask *a, const struct tps *t, int32_t *ret_count)
{
    protocol_owned *rows = member_ask_array(a, t->count, sizeof *rows);
    int32_t *numbers = member_ask_array(a, t->count, sizeof *numbers), n = 0;
    for (size_t i = 0; i < t->count; i++) {
        numbers[i] = t->items[i].partition;
        if (n == 0 || !str_eq(rows[n - 1].topic, str_from(t->items[i].topic))) {
            rows[n].topic = str_from(t->items[i].topic);
            rows[n++].partitions = &numbers[i];
        }
        rows[n - 1].partitions_count++;
    }
    *ret_count = n;
    return rows;
}

/* What an assignor wants to be told of this member. */
static void put_user_data(const struct member *m, const struct assignor *assignor, struct buf *out)
{
    if (assignor->id == ASSIGN_STICKY && m->kept_generation >= 0) {
        protocol_write_sticky(out, &m->kept, m->kept_generation);
    } else if (assignor->id == ASSIGN_COOPERATIVE_STICKY) {
        buf_put_be32(out, (uint32_t)m->kept_generation);
    }
}

static struct bytes put_subscription(const struct member *m, struct member_ask *a,
                                     const struct assignor *assignor)
{
    struct consumer_protocol_subscription s = consumer_protocol_subscription_default;
    struct buf user = BUF_INIT, out = BUF_INIT;
    s.topics = member_ask_array(a, m->topic_count, sizeof *s.topics);
    s.topics_count = (int32_t)m->topic_count;
    for (size_t i = 0; i < m->topic_count; i++) {
        s.topics[i] = str_from(m->topics[i]);
    }
    put_user_data(m, assignor, &user);
    s.user_data = user.len ? buf_bytes(&user) : BYTES_NULL;
    s.owned_partitions = put_owned(a, &m->owned, &s.owned_partitions_count);
    s.generation_id = m->generation;
    s.rack_id = m->config->client_rack[0] ? str_from(m->config->client_rack) : STR_NULL;
    protocol_write_subscription(&out, &s);
    ASSERT(!out.err);
    struct str bytes = member_ask_copy(a, buf_str(&out));
    buf_deinit(&user);
    buf_deinit(&out);
    return (struct bytes){(const uint8_t *)bytes.p, bytes.len};
}

struct member_ask *member_ask_join(struct member *m)
{
    struct member_ask *a = member_ask_new(m, MEMBER_JOIN, API_JOIN_GROUP);
    struct join_group_req *req = &a->req.join;
    a->version_lo = 0;
    a->version_hi = JOIN_MAX;
    a->timeout_ms = MAX(a->timeout_ms, m->config->max_poll_interval_ms > INT32_MAX - JOIN_GRACE_MS
                                           ? INT32_MAX
                                           : m->config->max_poll_interval_ms + JOIN_GRACE_MS);
    *req = join_group_req_default;
    req->group_id = str_from(m->config->group_id);
    req->session_timeout_ms = m->config->session_timeout_ms;
    req->rebalance_timeout_ms = m->config->max_poll_interval_ms;
    req->member_id = member_ask_copy(a, str_from(m->id));
    req->group_instance_id = member_instance_id(m);
    req->protocol_type = PROTOCOL_TYPE;
    req->protocols = member_ask_array(a, m->assignor_count, sizeof *req->protocols);
    req->protocols_count = (int32_t)m->assignor_count;
    for (size_t i = 0; i < m->assignor_count; i++) {
        req->protocols[i].name = str_from(m->assignors[i]->name);
        req->protocols[i].metadata = put_subscription(m, a, m->assignors[i]);
    }
    req->reason = member_ask_copy(a, str_from(m->reason));
    return a;
}

/* --- the others --- */

struct member_ask *member_ask_sync(struct member *m)
{
    struct member_ask *a = member_ask_new(m, MEMBER_SYNC, API_SYNC_GROUP);
    struct sync_group_req *req = &a->req.sync;
    a->version_hi = SYNC_MAX;
    *req = sync_group_req_default;
    req->group_id = str_from(m->config->group_id);
    req->generation_id = m->generation;
    req->member_id = member_ask_copy(a, str_from(m->id));
    req->group_instance_id = member_instance_id(m);
    req->protocol_type = PROTOCOL_TYPE;
    req->protocol_name = str_from(m->assignor->name);
    if (m->is_leader && m->shares != NULL) {
        req->assignments_count = (int32_t)m->roster.count;
        req->assignments = member_ask_array(a, m->roster.count, sizeof *req->assignments);
        for (size_t i = 0; i < m->roster.count; i++) {
            struct bytes b = m->shares[i].assignment;
            struct str share = member_ask_copy(a, (struct str){(const char *)b.p, b.len});
            req->assignments[i].member_id = member_ask_copy(a, m->shares[i].member_id);
            req->assignments[i].assignment = (struct bytes){(const uint8_t *)share.p, share.len};
        }
    }
    return a;
}

struct member_ask *member_ask_heartbeat(struct member *m)
{
    struct member_ask *a = member_ask_new(m, MEMBER_HEARTBEAT, API_HEARTBEAT);
    struct heartbeat_req *req = &a->req.heartbeat;
    a->version_hi = HEARTBEAT_MAX;
    *req = heartbeat_req_default;
    req->group_id = str_from(m->config->group_id);
    req->generation_id = m->generation;
    req->member_id = member_ask_copy(a, str_from(m->id));
    req->group_instance_id = member_instance_id(m);
    return a;
}

struct member_ask *member_ask_leave(struct member *m)
{
    struct member_ask *a = member_ask_new(m, MEMBER_LEAVE, API_LEAVE_GROUP);
    struct leave_group_req *req = &a->req.leave;
    a->version_hi = LEAVE_MAX;
    *req = leave_group_req_default;
    req->group_id = str_from(m->config->group_id);
    req->members = member_ask_array(a, 1, sizeof *req->members);
    req->members_count = 1;
    req->members[0] = leave_group_req_member_identity_default;
    req->members[0].member_id = member_ask_copy(a, str_from(m->leave_id));
    req->members[0].group_instance_id = member_instance_id(m);
    req->members[0].reason = member_ask_copy(a, str_from(m->reason));
    return a;
}

/* For those that the group wants, or, by KIP-848, this member. */
static void name_topics(const struct member *m, struct member_ask *a)
{
    struct metadata_req *req = &a->req.metadata;
    size_t n = m->is_848 ? m->topic_count : m->roster.topic_count;
    req->topics_count = (int32_t)n;
    req->topics = member_ask_array(a, n, sizeof *req->topics);
    for (size_t i = 0; i < n; i++) {
        struct str name = m->is_848 ? str_from(m->topics[i]) : m->roster.topics[i];
        req->topics[i] = metadata_req_metadata_request_topic_default;
        req->topics[i].name = member_ask_copy(a, name);
    }
}

/* What a coordinator that matches patterns has given has no names yet. */
static void identify_topics(const struct member *m, struct member_ask *a)
{
    struct metadata_req *req = &a->req.metadata;
    const struct id_parts *t = &m->s848.given;
    req->topics = member_ask_array(a, t->count, sizeof *req->topics);
    req->topics_count = 0;
    a->version_lo = METADATA_BY_IDS;
    for (size_t i = 0; i < t->count; i++) {
        if (i == 0 || !uuid_eq(t->items[i - 1].topic, t->items[i].topic)) {
            struct metadata_req_metadata_request_topic *row = &req->topics[req->topics_count++];
            *row = metadata_req_metadata_request_topic_default;
            row->topic_id = t->items[i].topic;
            row->name = STR_NULL;
        }
    }
}

/* All topics for a pattern. */
struct member_ask *member_ask_topics(struct member *m)
{
    struct member_ask *a = member_ask_new(m, MEMBER_TOPICS, API_METADATA);
    struct metadata_req *req = &a->req.metadata;
    a->version_lo = m->is_848 ? METADATA_IDS : 1;
    a->version_hi = METADATA_MAX;
    *req = metadata_req_default;
    req->allow_auto_topic_creation = m->config->allow_auto_create_topics && !m->has_pattern;
    req->topics = NULL;
    req->topics_count = -1;
    if (member_848_gives_pattern(m)) {
        identify_topics(m, a);
    } else if (!m->has_pattern) {
        name_topics(m, a);
    }
    return a;
}

void member_fit(void *msg, int version)
{
    struct member_ask *a = CONTAINER_OF(msg, struct member_ask, req);
    if (a->api_key == API_LEAVE_GROUP && version < 3) {
        a->req.leave.member_id = a->req.leave.members[0].member_id;
        a->req.leave.members_count = 0;
    } else if (a->kind == MEMBER_TOPICS && version < 4) {
        a->req.metadata.allow_auto_topic_creation = true; /* there is no such field yet */
    }
}
