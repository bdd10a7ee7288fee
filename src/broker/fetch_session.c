/* The cache of fetch sessions. One lock; sessions themselves are touched by whoever holds them
 * busy. */
#include "broker/fetch_session.h"

#include "base/assert.h"
#include "base/mem.h"
#include "plat/thread.h"

enum { EVICTION_AGE_MS = 120 * 1000 };

struct fetch_sessions {
    struct mutex lock;
    struct map by_id;
    int max_count;
    struct rand rand;
};

/* --- parts --- */

struct part_key {
    struct str topic;
    struct uuid id;
    int32_t index;
};

static bool part_eq(const struct map_node *n, const void *key)
{
    const struct fetch_part *p = MAP_ENTRY(n, struct fetch_part, node);
    const struct part_key *k = key;
    return p->index == k->index && uuid_eq(p->topic_id, k->id) && str_eq(p->topic, k->topic);
}

static uint64_t part_hash(const struct part_key *k)
{
    return str_hash(k->topic, uuid_hash(k->id) + (uint64_t)(uint32_t)k->index);
}

static struct fetch_part *part_find(const struct fetch_session *session, const struct part_key *k)
{
    struct map_node *n = map_find(&session->parts, part_hash(k), part_eq, k);
    return n ? MAP_ENTRY(n, struct fetch_part, node) : NULL;
}

static void part_free(struct fetch_session *session, struct fetch_part *p)
{
    map_remove(&session->parts, &p->node);
    list_remove(&p->order);
    mem_free((void *)(uintptr_t)p->topic.p);
    mem_free(p);
}

static struct fetch_part *part_new(struct fetch_session *session, const struct part_key *k)
{
    struct fetch_part *p = mem_try(sizeof *p);
    char *name = k->topic.p ? mem_try(k->topic.len + 1) : NULL;
    if (p == NULL || (k->topic.p && name == NULL)) {
        mem_free(p);
        mem_free(name);
        return NULL;
    }
    if (name != NULL) {
        memcpy(name, k->topic.p, k->topic.len);
        name[k->topic.len] = '\0';
    }
    *p = (struct fetch_part){
        .topic = {name, k->topic.len},
        .topic_id = k->id,
        .index = k->index,
        .told_high_watermark = -1,
        .told_start_off = -1,
    };
    map_insert(&session->parts, part_hash(k), &p->node);
    list_push_back(&session->order, &p->order);
    return p;
}

struct fetch_part *fetch_session_put(struct fetch_session *session, const struct fetch_part *want)
{
    struct part_key k = {want->topic, want->topic_id, want->index};
    struct fetch_part *p = part_find(session, &k);
    p = p ? p : part_new(session, &k);
    if (p != NULL) {
        p->off = want->off;
        p->max_bytes = want->max_bytes;
        p->leader_epoch = want->leader_epoch;
        p->last_fetched_epoch = want->last_fetched_epoch;
    }
    return p;
}

void fetch_session_forget(struct fetch_session *session, struct str topic, struct uuid id,
                          int32_t index)
{
    struct part_key k = {topic, id, index};
    struct fetch_part *p = part_find(session, &k);
    if (p != NULL) {
        part_free(session, p);
    }
}

void fetch_session_served(struct fetch_session *session, struct fetch_part *part)
{
    list_remove(&part->order);
    list_push_back(&session->order, &part->order);
}

/* --- sessions --- */

static bool session_eq(const struct map_node *n, const void *key)
{
    return MAP_ENTRY(n, struct fetch_session, node)->id == *(const int32_t *)key;
}

static struct fetch_session *find(struct fetch_sessions *s, int32_t id)
{
    struct map_node *n = map_find(&s->by_id, map_hash_u64((uint32_t)id), session_eq, &id);
    return n ? MAP_ENTRY(n, struct fetch_session, node) : NULL;
}

static void session_free(struct fetch_session *session)
{
    LIST_EACH(&session->order, n, tmp) {
        part_free(session, LIST_ENTRY(n, struct fetch_part, order));
    }
    map_deinit(&session->parts);
    mem_free(session);
}

/* Under the lock. */
static void session_remove(struct fetch_sessions *s, struct fetch_session *session)
{
    map_remove(&s->by_id, &session->node);
    session->is_removed = true;
    if (!session->is_busy) {
        session_free(session);
    }
}

struct fetch_sessions *fetch_sessions_new(int max_count, uint64_t seed)
{
    struct fetch_sessions *s = NEW(struct fetch_sessions);
    mutex_init(&s->lock);
    map_init(&s->by_id);
    rand_init(&s->rand, seed);
    s->max_count = max_count;
    return s;
}

void fetch_sessions_free(struct fetch_sessions *s)
{
    MAP_EACH(&s->by_id, n, tmp) {
        session_free(MAP_ENTRY(n, struct fetch_session, node));
    }
    map_deinit(&s->by_id);
    mutex_deinit(&s->lock);
    mem_free(s);
}

int fetch_sessions_count(struct fetch_sessions *s)
{
    mutex_lock(&s->lock);
    int n = (int)s->by_id.count;
    mutex_unlock(&s->lock);
    return n;
}

/* Under the lock. */
static enum err take(struct fetch_sessions *s, int32_t id, int32_t epoch, bool by_topic_id,
                     struct fetch_session **ret_session)
{
    struct fetch_session *session = find(s, id);
    if (session == NULL) {
        return ERR_FETCH_SESSION_ID_NOT_FOUND;
    }
    if (session->is_busy || session->epoch != epoch) {
        return ERR_INVALID_FETCH_SESSION_EPOCH;
    }
    if (session->by_topic_id != by_topic_id) {
        return ERR_FETCH_SESSION_TOPIC_ID_ERROR;
    }
    session->is_busy = true;
    session->epoch = epoch == INT32_MAX ? 1 : epoch + 1;
    *ret_session = session;
    return OK;
}

enum err fetch_session_take(struct fetch_sessions *s, int32_t id, int32_t epoch, bool by_topic_id,
                            struct fetch_session **ret_session)
{
    mutex_lock(&s->lock);
    enum err e = take(s, id, epoch, by_topic_id, ret_session);
    mutex_unlock(&s->lock);
    return e;
}

/* Whether a newcomer with part_count partitions may push `old` out: it was not used for long, or it
 * is old and smaller. */
static bool may_evict(const struct fetch_session *old, int32_t part_count, int64_t now_ms)
{
    return !old->is_busy &&
           (now_ms - old->used_ms > EVICTION_AGE_MS ||
            (now_ms - old->created_ms > EVICTION_AGE_MS && old->parts.count < (size_t)part_count));
}

/* Under the lock. True if there is room for one more. */
static bool make_room(struct fetch_sessions *s, int32_t part_count, int64_t now_ms)
{
    struct fetch_session *victim = NULL;
    if (s->by_id.count < (size_t)s->max_count) {
        return true;
    }
    MAP_EACH(&s->by_id, n, tmp) {
        struct fetch_session *old = MAP_ENTRY(n, struct fetch_session, node);
        if (may_evict(old, part_count, now_ms) && (!victim || old->used_ms < victim->used_ms)) {
            victim = old;
        }
    }
    if (victim == NULL) {
        return false;
    }
    session_remove(s, victim);
    return true;
}

/* Positive and not taken. Under the lock. */
static int32_t fresh_id(struct fetch_sessions *s)
{
    int32_t id;
    do {
        id = (int32_t)(1 + rand_below(&s->rand, INT32_MAX - 1));
    } while (find(s, id) != NULL);
    return id;
}

struct fetch_session *fetch_session_open(struct fetch_sessions *s, bool by_topic_id,
                                         int32_t part_count, int64_t now_ms)
{
    struct fetch_session *session = NULL;
    mutex_lock(&s->lock);
    if (make_room(s, part_count, now_ms)) {
        session = NEW(struct fetch_session);
        session->id = fresh_id(s);
        session->epoch = FETCH_EPOCH_FIRST + 1;
        session->by_topic_id = by_topic_id;
        session->is_busy = true;
        session->created_ms = session->used_ms = now_ms;
        map_init(&session->parts);
        list_init(&session->order);
        map_insert(&s->by_id, map_hash_u64((uint32_t)session->id), &session->node);
    }
    mutex_unlock(&s->lock);
    return session;
}

void fetch_session_release(struct fetch_sessions *s, struct fetch_session *session, int64_t now_ms)
{
    mutex_lock(&s->lock);
    ASSERT(session->is_busy);
    session->is_busy = false;
    session->used_ms = now_ms;
    bool is_removed = session->is_removed;
    mutex_unlock(&s->lock);
    if (is_removed) {
        session_free(session);
    }
}

void fetch_session_close(struct fetch_sessions *s, int32_t id)
{
    mutex_lock(&s->lock);
    struct fetch_session *session = find(s, id);
    if (session != NULL) {
        session_remove(s, session);
    }
    mutex_unlock(&s->lock);
}
