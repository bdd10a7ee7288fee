/* A group and what it is made of: members, protocols and their votes, topics. Keeps the counts
 * right; knows nothing of requests. Pure.
 *
 * Invariants: joined_count members have a parked join, pending_sync_count have is_pending_sync; the
 * leader is a member, and there is one unless the group has no members; protocols counts each
 * member once for each name that it knows. */
#include "base/assert.h"
#include "base/mem.h"
#include "group/group_int.h"
#include "group/names.h"
#include "group/subscription.h"

static bool eq_group(const struct map_node *n, const void *key)
{
    return str_eq(MAP_ENTRY(n, struct group, by_name)->name, *(const struct str *)key);
}

struct group *group_find(const struct group_shard *s, struct str name)
{
    struct map_node *n = map_find(&s->groups, str_hash(name, s->seed), eq_group, &name);
    return n ? MAP_ENTRY(n, struct group, by_name) : NULL;
}

struct group *group_make(struct group_shard *s, struct str name)
{
    struct group *g = group_mem(s, sizeof *g);
    if (g == NULL || !group_copy_str(s, name, &g->name)) {
        group_mem_free(s, g);
        return NULL;
    }
    g->seed = s->seed;
    g->state_ms = s->t.wall_ms;
    list_init(&g->order);
    return g;
}

void group_insert(struct group_shard *s, struct group *g)
{
    map_insert(&s->groups, str_hash(g->name, s->seed), &g->by_name);
}

struct group *group_new(struct group_shard *s, struct str name)
{
    struct group *g = group_make(s, name);
    if (g != NULL) {
        group_insert(s, g);
    }
    return g;
}

static void free_names(struct group_shard *s, struct map *m)
{
    MAP_EACH(m, n, next) {
        map_remove(m, n);
        group_mem_free(s, MAP_ENTRY(n, struct name_entry, node));
    }
    map_deinit(m);
}

static void free_members(struct group_shard *s, struct group *g)
{
    LIST_EACH(&g->order, n, next) {
        member_remove(s, LIST_ENTRY(n, struct member, order));
    }
    MAP_EACH(&g->pending, n, next) {
        pending_free(s, MAP_ENTRY(n, struct pending_member, by_id));
    }
    map_deinit(&g->members);
    map_deinit(&g->statics);
    map_deinit(&g->pending);
}

void group_discard(struct group_shard *s, struct group *g)
{
    free_members(s, g);
    free_names(s, &g->protocols);
    free_names(s, &g->topics);
    timer_cancel(s, &g->timer);
    timer_cancel(s, &g->sync_timer);
    offsets_free(s, g);
    group_drop_str(s, &g->protocol_type);
    group_drop_str(s, &g->protocol);
    group_drop_str(s, &g->name);
    group_mem_free(s, g);
}

void group_free(struct group_shard *s, struct group *g)
{
    map_remove(&s->groups, &g->by_name);
    group_discard(s, g);
}

bool group_set_text(struct group_shard *s, struct str *field, struct str v)
{
    struct str copy;
    if (str_eq(*field, v)) {
        return true;
    }
    if (!group_copy_str(s, v, &copy)) {
        return false;
    }
    group_drop_str(s, field);
    *field = copy;
    return true;
}

void group_set_state(struct group_shard *s, struct group *g, enum group_state state)
{
    static const unsigned from[] = {
        [GROUP_EMPTY] = 1 << GROUP_PREPARING,
        [GROUP_PREPARING] = 1 << GROUP_EMPTY | 1 << GROUP_STABLE | 1 << GROUP_COMPLETING,
        [GROUP_COMPLETING] = 1 << GROUP_PREPARING,
        [GROUP_STABLE] = 1 << GROUP_COMPLETING,
    };
    ASSERT(from[state] & 1u << g->state);
    g->previous = g->state;
    g->state = state;
    g->state_ms = s->t.wall_ms;
}

const char *group_state_name(const struct group *g)
{
    static const char *const names[] = {
        [GROUP_EMPTY] = "Empty",
        [GROUP_PREPARING] = "PreparingRebalance",
        [GROUP_COMPLETING] = "CompletingRebalance",
        [GROUP_STABLE] = "Stable",
    };
    return names[g->state];
}

/* --- members --- */

static bool eq_member(const struct map_node *n, const void *key)
{
    return str_eq(MAP_ENTRY(n, struct member, by_id)->id, *(const struct str *)key);
}

static bool eq_static(const struct map_node *n, const void *key)
{
    return str_eq(MAP_ENTRY(n, struct member, by_instance)->instance, *(const struct str *)key);
}

static bool eq_pending(const struct map_node *n, const void *key)
{
    return str_eq(MAP_ENTRY(n, struct pending_member, by_id)->id, *(const struct str *)key);
}

struct member *group_member(const struct group *g, struct str id)
{
    struct map_node *n = map_find(&g->members, str_hash(id, g->seed), eq_member, &id);
    return n ? MAP_ENTRY(n, struct member, by_id) : NULL;
}

struct member *group_static(const struct group *g, struct str instance)
{
    struct map_node *n = map_find(&g->statics, str_hash(instance, g->seed), eq_static, &instance);
    return n ? MAP_ENTRY(n, struct member, by_instance) : NULL;
}

struct pending_member *group_pending(const struct group *g, struct str id)
{
    struct map_node *n = map_find(&g->pending, str_hash(id, g->seed), eq_pending, &id);
    return n ? MAP_ENTRY(n, struct pending_member, by_id) : NULL;
}

bool pending_add(struct group_shard *s, struct group *g, struct str id, int32_t ms)
{
    struct pending_member *p = group_mem(s, sizeof *p);
    if (p == NULL || !group_copy_str(s, id, &p->id)) {
        group_mem_free(s, p);
        return false;
    }
    p->group = g;
    map_insert(&g->pending, str_hash(id, g->seed), &p->by_id);
    timer_set(s, &p->timer, TIMER_PENDING, ms);
    return true;
}

void pending_free(struct group_shard *s, struct pending_member *p)
{
    timer_cancel(s, &p->timer);
    map_remove(&p->group->pending, &p->by_id);
    group_drop_str(s, &p->id);
    group_mem_free(s, p);
}

/* --- protocols --- */

static struct protocol_list *list_new(struct group_shard *s, int32_t count, size_t text_bytes,
                                      uint8_t **ret_text)
{
    size_t head = sizeof(struct protocol_list) + (size_t)count * sizeof(struct protocol);
    struct protocol_list *p = group_mem(s, head + text_bytes + 1);
    if (p != NULL) {
        p->count = count;
        *ret_text = (uint8_t *)p + head;
    }
    return p;
}

static void put_protocol(struct protocol *to, uint8_t **text, struct str name,
                         struct bytes metadata)
{
    to->name = (struct str){(const char *)*text, name.len};
    to->metadata = (struct bytes){*text + name.len, metadata.len};
    memcpy(*text, name.p ? name.p : "", name.len);
    memcpy(*text + name.len, metadata.p ? metadata.p : *text, metadata.len);
    *text += name.len + metadata.len;
}

struct protocol_list *protocols_copy(struct group_shard *s,
                                     const struct join_group_req_join_group_request_protocol *v,
                                     int32_t count)
{
    size_t bytes = 0;
    uint8_t *text;
    for (int32_t i = 0; i < count; i++) {
        bytes += v[i].name.len + v[i].metadata.len;
    }
    struct protocol_list *p = list_new(s, MAX(count, 0), bytes, &text);
    for (int32_t i = 0; p != NULL && i < count; i++) {
        put_protocol(&p->v[i], &text, v[i].name, v[i].metadata);
    }
    return p;
}

struct protocol_list *protocols_one(struct group_shard *s, struct str name, struct bytes metadata)
{
    uint8_t *text;
    struct protocol_list *p = list_new(s, 1, name.len + metadata.len, &text);
    if (p != NULL) {
        put_protocol(&p->v[0], &text, name, metadata);
    }
    return p;
}

static bool same_bytes(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

bool protocols_match(const struct protocol_list *p,
                     const struct join_group_req_join_group_request_protocol *v, int32_t count)
{
    if (p->count != count) {
        return false;
    }
    for (int32_t i = 0; i < count; i++) {
        if (str_cmp(p->v[i].name, v[i].name) != 0 || !same_bytes(p->v[i].metadata, v[i].metadata)) {
            return false;
        }
    }
    return true;
}

struct bytes member_metadata(const struct member *m, struct str protocol)
{
    for (int32_t i = 0; i < m->protocols->count; i++) {
        if (str_cmp(m->protocols->v[i].name, protocol) == 0) {
            return m->protocols->v[i].metadata;
        }
    }
    return (struct bytes){(const uint8_t *)"", 0};
}

static bool eq_name(const struct map_node *n, const void *key)
{
    const struct name_entry *e = MAP_ENTRY(n, struct name_entry, node);
    return str_cmp((struct str){e->text, e->len}, *(const struct str *)key) == 0;
}

static struct name_entry *name_find(const struct map *m, uint64_t seed, struct str name)
{
    struct map_node *n = map_find(m, str_hash(name, seed), eq_name, &name);
    return n ? MAP_ENTRY(n, struct name_entry, node) : NULL;
}

static struct name_entry *name_make(struct group_shard *s, struct map *m, struct str name)
{
    struct name_entry *e = name_find(m, s->seed, name);
    if (e == NULL && (e = group_mem(s, sizeof *e + name.len + 1)) != NULL) {
        e->len = name.len;
        memcpy(e->text, name.p, name.len);
        map_insert(m, str_hash(name, s->seed), &e->node);
    }
    return e;
}

static void uncount(struct group_shard *s, struct group *g, const struct protocol_list *p,
                    int32_t count);

/* Whether the name at i stood before it in the list. Lists are short; a long one is a peer's joke
 * and bounded by LIMIT_GROUP_PROTOCOLS. */
static bool is_repeated(const struct protocol_list *p, int32_t i)
{
    for (int32_t k = 0; k < i; k++) {
        if (str_cmp(p->v[k].name, p->v[i].name) == 0) {
            return true;
        }
    }
    return false;
}

static bool count_in(struct group_shard *s, struct group *g, const struct protocol_list *p)
{
    for (int32_t i = 0; i < p->count; i++) {
        if (!is_repeated(p, i)) {
            struct name_entry *e = name_make(s, &g->protocols, p->v[i].name);
            if (e == NULL) {
                uncount(s, g, p, i);
                return false;
            }
            e->count++;
        }
    }
    return true;
}

static void uncount(struct group_shard *s, struct group *g, const struct protocol_list *p,
                    int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        if (!is_repeated(p, i)) {
            struct name_entry *e = name_find(&g->protocols, g->seed, p->v[i].name);
            if (--e->count == 0) {
                map_remove(&g->protocols, &e->node);
                group_mem_free(s, e);
            }
        }
    }
}

bool member_set_protocols(struct group_shard *s, struct member *m, struct protocol_list *p)
{
    if (!count_in(s, m->group, p)) {
        return false;
    }
    uncount(s, m->group, m->protocols, m->protocols->count);
    m->protocols = p;
    return true;
}

/* --- joining and leaving the structs --- */

static bool copy_texts(struct group_shard *s, struct member *m, const struct member_args *a)
{
    return group_copy_str(s, a->id, &m->id) && group_copy_str(s, a->instance, &m->instance) &&
           group_copy_str(s, a->client_id, &m->client_id) &&
           group_copy_str(s, a->client_host, &m->client_host);
}

static void free_member(struct group_shard *s, struct member *m)
{
    group_drop_str(s, &m->id);
    group_drop_str(s, &m->instance);
    group_drop_str(s, &m->client_id);
    group_drop_str(s, &m->client_host);
    group_mem_free(s, m->protocols);
    group_mem_free(s, m->assignment.p);
    group_mem_free(s, m);
}

struct member *member_new(struct group_shard *s, struct group *g, const struct member_args *a)
{
    struct member *m = group_mem(s, sizeof *m);
    if (m == NULL) {
        group_mem_free(s, a->protocols);
        return NULL;
    }
    m->group = g;
    m->protocols = a->protocols;
    m->session_ms = a->session_ms;
    m->rebalance_ms = a->rebalance_ms;
    if (!copy_texts(s, m, a) || !count_in(s, g, m->protocols)) {
        free_member(s, m);
        return NULL;
    }
    list_push_back(&g->order, &m->order);
    map_insert(&g->members, str_hash(m->id, g->seed), &m->by_id);
    if (m->instance.p != NULL) {
        map_insert(&g->statics, str_hash(m->instance, g->seed), &m->by_instance);
    }
    g->leader = g->leader ? g->leader : m;
    return m;
}

void member_remove(struct group_shard *s, struct member *m)
{
    struct group *g = m->group;
    if (m->join != NULL) {
        struct group_req *req = m->join;
        m->join = NULL;
        g->joined_count--;
        join_fail(s, req, ERR_UNKNOWN_MEMBER_ID, STR(""));
    }
    if (m->sync != NULL) {
        req_fail_now(s, m->sync, ERR_UNKNOWN_MEMBER_ID);
    }
    g->pending_sync_count -= m->is_pending_sync;
    timer_cancel(s, &m->timer);
    uncount(s, g, m->protocols, m->protocols->count);
    list_remove(&m->order);
    map_remove(&g->members, &m->by_id);
    if (m->instance.p != NULL) {
        map_remove(&g->statics, &m->by_instance);
    }
    if (g->leader == m) {
        struct list_node *first = list_front(&g->order);
        g->leader = first ? LIST_ENTRY(first, struct member, order) : NULL;
    }
    free_member(s, m);
}

void member_rename(struct group_shard *s, struct member *m, struct str *id)
{
    (void)s;
    struct str old = m->id;
    map_remove(&m->group->members, &m->by_id);
    m->id = *id;
    *id = old;
    map_insert(&m->group->members, str_hash(m->id, m->group->seed), &m->by_id);
}

enum err group_check_member(const struct group *g, struct str id, struct str instance)
{
    if (instance.p != NULL) {
        struct member *m = group_static(g, instance);
        if (m == NULL) {
            return ERR_UNKNOWN_MEMBER_ID;
        }
        if (!str_eq(m->id, id)) {
            return ERR_FENCED_INSTANCE_ID;
        }
    }
    return group_member(g, id) ? OK : ERR_UNKNOWN_MEMBER_ID;
}

/* --- protocols of the group --- */

static bool is_common(const struct group *g, struct str name)
{
    const struct name_entry *e = name_find(&g->protocols, g->seed, name);
    return e != NULL && e->count == group_size(g);
}

bool group_supports(const struct group *g, const struct join_group_req *req)
{
    if (g->state == GROUP_EMPTY) {
        return req->protocol_type.len > 0 && req->protocols_count > 0;
    }
    if (!str_eq(g->protocol_type, req->protocol_type)) {
        return false;
    }
    for (int32_t i = 0; i < req->protocols_count; i++) {
        if (is_common(g, req->protocols[i].name)) {
            return true;
        }
    }
    return false;
}

struct votes {
    struct str *names;
    int32_t *counts;
    int32_t count;
};

static void vote_for(struct votes *v, struct str name)
{
    for (int32_t i = 0; i < v->count; i++) {
        if (str_cmp(v->names[i], name) == 0) {
            v->counts[i]++;
            return;
        }
    }
    v->names[v->count] = name;
    v->counts[v->count++] = 1;
}

/* The place of a name in Java's HashMap of so many entries: which of equals wins there. */
static uint32_t java_bucket(struct str name, int32_t entries)
{
    uint32_t hash = (uint32_t)group_java_hash(name), size = 16;
    while ((uint32_t)entries > size / 4 * 3) {
        size *= 2;
    }
    return (hash ^ hash >> 16) & (size - 1);
}

static struct str winner(const struct votes *v)
{
    int32_t best = 0;
    for (int32_t i = 1; i < v->count; i++) {
        if (v->counts[i] > v->counts[best] ||
            (v->counts[i] == v->counts[best] &&
             java_bucket(v->names[i], v->count) < java_bucket(v->names[best], v->count))) {
            best = i;
        }
    }
    return v->count ? v->names[best] : STR_NULL;
}

struct str group_vote(struct group_shard *s, const struct group *g)
{
    struct votes v = {
        arena_array(&s->scratch, g->protocols.count + 1, sizeof *v.names),
        arena_array(&s->scratch, g->protocols.count + 1, sizeof *v.counts),
        0,
    };
    if (v.names == NULL || v.counts == NULL) {
        return g->protocol; /* the scratch memory is far larger than any list of protocols */
    }
    LIST_EACH(&g->order, n, next) {
        const struct member *m = LIST_ENTRY(n, struct member, order);
        for (int32_t i = 0; i < m->protocols->count; i++) {
            if (is_common(g, m->protocols->v[i].name)) {
                vote_for(&v, m->protocols->v[i].name);
                break;
            }
        }
    }
    struct str chosen = winner(&v);
    arena_reset(&s->scratch);
    return chosen;
}

/* --- topics of a consumer group --- */

bool group_is_consumer(const struct group *g) { return str_eq(g->protocol_type, STR("consumer")); }

static bool learn_from(struct group_shard *s, struct group *g, const struct member *m)
{
    struct subscription sub;
    struct str topic;
    if (subscription_open(member_metadata(m, g->protocol), &sub)) {
        return false;
    }
    while (subscription_next(&sub, &topic)) {
        if (name_make(s, &g->topics, topic) == NULL) {
            return false;
        }
    }
    return true;
}

void group_learn_topics(struct group_shard *s, struct group *g)
{
    free_names(s, &g->topics);
    g->knows_topics = group_is_consumer(g) && (g->leader == NULL || g->protocol.p != NULL);
    if (!g->knows_topics) {
        return;
    }
    LIST_EACH(&g->order, n, next) {
        if (!learn_from(s, g, LIST_ENTRY(n, struct member, order))) {
            free_names(s, &g->topics);
            g->knows_topics = false;
            return;
        }
    }
}

bool group_is_subscribed(const struct group *g, struct str topic)
{
    return g->knows_topics ? name_find(&g->topics, g->seed, topic) != NULL : group_is_consumer(g);
}
