/* Writes on their way: what they are for, who waits for them, and what happens when they are
 * settled. A write is made by a handler, emitted to the host, appended or refused, then committed.
 * Pure. */
#include "base/mem.h"
#include "group/group_int.h"

static struct str copy(struct str v) { return (struct str){str_dup(v), v.len}; }

static void drop(struct str *v)
{
    mem_free((char *)(uintptr_t)v->p);
    *v = STR_NULL;
}

struct write *write_new(struct group_shard *s, enum write_kind kind, const struct group *g)
{
    struct write *w = NEW(struct write);
    (void)s;
    group_records_init(&w->pub.records);
    list_init(&w->waiting);
    w->kind = kind;
    if (g != NULL) {
        w->group = copy(g->name);
        w->generation = g->generation;
    }
    return w;
}

void write_name_member(struct write *w, struct str member, struct str leader)
{
    w->member = copy(member);
    w->leader = copy(leader);
}

void write_free(struct group_shard *s, struct write *w)
{
    group_records_deinit(&w->pub.records);
    drop(&w->group);
    drop(&w->member);
    drop(&w->leader);
    group_drop_str(s, &w->old.id);
    group_mem_free(s, w->old.protocols);
    mem_free(w);
}

enum err group_append_error(enum err e)
{
    switch ((int)e) {
    case ERR_NO_MEMORY:
    case ERR_UNKNOWN_TOPIC_OR_PARTITION:
    case ERR_NOT_ENOUGH_REPLICAS:
    case ERR_REQUEST_TIMED_OUT:
        return ERR_COORDINATOR_NOT_AVAILABLE;
    case ERR_NOT_LEADER_OR_FOLLOWER:
    case ERR_KAFKA_STORAGE_ERROR:
        return ERR_NOT_COORDINATOR;
    case ERR_MESSAGE_TOO_LARGE:
    case ERR_RECORD_LIST_TOO_LARGE:
    case ERR_INVALID_FETCH_SIZE:
        return ERR_UNKNOWN_SERVER_ERROR;
    default:
        return err_is_wire(e) ? e : ERR_UNKNOWN_SERVER_ERROR;
    }
}

void req_done(struct group_shard *s, struct group_req *req)
{
    list_push_back(&s->out->done, &req->node);
}

static struct write *newest(const struct group_shard *s)
{
    const struct list *l = list_is_empty(&s->out->writes) ? &s->in_flight : &s->out->writes;
    return list_is_empty(l) ? NULL : LIST_ENTRY(l->head.prev, struct write, pub.node);
}

void req_done_after_writes(struct group_shard *s, struct group_req *req)
{
    struct write *w = newest(s);
    list_push_back(w ? &w->waiting : &s->out->done, &req->node);
}

static void answer_waiting(struct group_shard *s, struct write *w, enum err e)
{
    struct list_node *n;
    while ((n = list_pop_front(&w->waiting)) != NULL) {
        struct group_req *req = LIST_ENTRY(n, struct group_req, node);
        if (e) {
            group_req_fail(req, e);
        }
        req_done(s, req);
    }
}

/* A group that never was: those who joined it are told. */
static void undo_group(struct group_shard *s, struct group *g, enum err e)
{
    if (g->has_record) {
        return;
    }
    LIST_EACH(&g->order, n, next) {
        struct member *m = LIST_ENTRY(n, struct member, order);
        if (m->join != NULL) {
            g->joined_count--;
            req_fail_now(s, m->join, e);
            m->join = NULL;
        }
    }
    group_free(s, g);
}

static void refuse(struct group_shard *s, struct write *w, enum err e)
{
    struct group *g = w->group.p ? group_find(s, w->group) : NULL;
    e = group_append_error(e);
    answer_waiting(s, w, e);
    if (g != NULL && w->kind == WRITE_NEW_GROUP) {
        undo_group(s, g, e);
    } else if (g != NULL && w->kind == WRITE_ASSIGNMENT && g->generation == w->generation) {
        rebalance_assignment_settled(s, g, e);
    } else if (g != NULL && w->kind == WRITE_STATIC) {
        join_static_refused(s, w, e);
    }
    write_free(s, w);
}

void write_emit(struct group_shard *s, struct write *w)
{
    if (w->pub.records.err) {
        refuse(s, w, w->pub.records.err);
    } else {
        list_push_back(&s->out->writes, &w->pub.node);
    }
}

/* --- from outside --- */

enum err group_shard_appended(struct group_shard *s, struct group_write *pub, int64_t base_off)
{
    struct write *w = (struct write *)pub;
    list_push_back(&s->in_flight, &w->pub.node);
    for (int32_t i = 0; i < pub->records.count; i++) {
        struct group_replay r = {group_records_at(&pub->records, i), base_off + i, -1};
        enum err e = replay_record(s, &r);
        if (e) {
            return e;
        }
    }
    return OK;
}

void group_shard_refused(struct group_shard *s, struct group_write *pub, enum err e,
                         struct group_time t, struct group_out *out)
{
    s->t = t;
    s->out = out;
    refuse(s, (struct write *)pub, e);
    s->out = NULL;
}

void group_shard_committed(struct group_shard *s, struct group_write *pub, enum err e,
                           struct group_time t, struct group_out *out)
{
    struct write *w = (struct write *)pub;
    s->t = t;
    s->out = out;
    list_remove(&w->pub.node);
    e = e ? group_append_error(e) : OK;
    answer_waiting(s, w, e);
    struct group *g = w->group.p ? group_find(s, w->group) : NULL;
    if (g != NULL && w->kind == WRITE_ASSIGNMENT && g->generation == w->generation) {
        rebalance_assignment_settled(s, g, e);
    } else if (g != NULL && w->kind == WRITE_STATIC) {
        join_static_settled(s, w, e);
    }
    write_free(s, w);
    s->out = NULL;
}
