/* The shard's life, its table of requests, its timers. Pure. */
#include "group/shard.h"

#include "base/mem.h"
#include "group/group_int.h"

#include <stdlib.h>

static group_handler *const handlers[] = {
    [GROUP_JOIN] = handle_join,           [GROUP_SYNC] = handle_sync,
    [GROUP_HEARTBEAT] = handle_heartbeat, [GROUP_LEAVE] = handle_leave,
    [GROUP_COMMIT] = handle_commit,       [GROUP_DELETE_OFFSETS] = handle_offset_delete,
    [GROUP_FETCH] = handle_fetch,         [GROUP_DESCRIBE] = handle_describe,
    [GROUP_LIST] = handle_list,           [GROUP_DELETE] = handle_delete,
};

void group_out_init(struct group_out *out)
{
    list_init(&out->done);
    list_init(&out->writes);
}

struct group_shard *group_shard_new(const struct group_shard_args *args)
{
    struct group_shard *s = NEW(struct group_shard);
    s->args = *args;
    s->config = args->config;
    args->random(args->ctx, &s->seed, sizeof s->seed);
    list_init(&s->in_flight);
    list_init(&s->pending_offsets);
    arena_init(&s->scratch, GROUP_SCRATCH_BYTES);
    return s;
}

void group_shard_free(struct group_shard *s)
{
    if (s == NULL) {
        return;
    }
    struct group_out out;
    group_out_init(&out);
    s->out = &out;
    MAP_EACH(&s->groups, n, next) {
        group_free(s, MAP_ENTRY(n, struct group, by_name));
    }
    pending_offsets_free(s);
    map_deinit(&s->groups);
    heap_deinit(&s->timers);
    arena_deinit(&s->scratch);
    mem_free(s);
}

static void enter(struct group_shard *s, struct group_time t, struct group_out *out)
{
    s->t = t;
    s->out = out;
}

static void leave(struct group_shard *s) { s->out = NULL; }

void group_shard_handle(struct group_shard *s, struct group_req *req, struct group_time t,
                        struct group_out *out)
{
    enter(s, t, out);
    req->resp = NULL;
    handlers[req->op](s, req);
    leave(s);
}

/* --- timers --- */

void timer_set(struct group_shard *s, struct gtimer *t, enum gtimer_kind kind, int64_t delay_ms)
{
    int64_t at_ms;
    timer_cancel(s, t);
    t->kind = kind;
    if (__builtin_add_overflow(s->t.now_ms, MAX(delay_ms, 0), &at_ms)) {
        at_ms = INT64_MAX;
    }
    heap_insert(&s->timers, &t->node, at_ms);
}

void member_touch(struct group_shard *s, struct member *m)
{
    timer_set(s, &m->timer, TIMER_SESSION, m->session_ms);
}

int64_t group_shard_deadline(const struct group_shard *s)
{
    const struct heap_node *n = heap_min(&s->timers);
    return n ? n->key : INT64_MAX;
}

static void fire(struct group_shard *s, struct gtimer *t)
{
    switch (t->kind) {
    case TIMER_SESSION:
        rebalance_on_session_timer(s, CONTAINER_OF(t, struct member, timer));
        break;
    case TIMER_PENDING:
        rebalance_on_pending_timer(s, CONTAINER_OF(t, struct pending_member, timer));
        break;
    case TIMER_JOIN:
        rebalance_on_join_timer(s, CONTAINER_OF(t, struct group, timer));
        break;
    case TIMER_INITIAL:
        rebalance_on_initial_timer(s, CONTAINER_OF(t, struct group, timer));
        break;
    case TIMER_SYNC:
        rebalance_on_sync_timer(s, CONTAINER_OF(t, struct group, sync_timer));
        break;
    case TIMER_EXPIRY:
        expire_offsets(s);
        break;
    }
}

void group_shard_tick(struct group_shard *s, struct group_time t, struct group_out *out)
{
    /* a timer that is set to now while others fire waits for the next tick */
    size_t left = s->timers.count;
    enter(s, t, out);
    for (; left > 0 && group_shard_deadline(s) <= t.now_ms; left--) {
        struct gtimer *due = CONTAINER_OF(heap_min(&s->timers), struct gtimer, node);
        timer_cancel(s, due);
        fire(s, due);
    }
    leave(s);
}

/* --- loading and unloading --- */

void group_shard_loaded(struct group_shard *s, struct group_time t, struct group_out *out)
{
    enter(s, t, out);
    s->is_live = true;
    for (struct map_node *n = map_first(&s->groups); n != NULL; n = map_next(&s->groups, n)) {
        struct group *g = MAP_ENTRY(n, struct group, by_name);
        LIST_EACH(&g->order, m, next) {
            member_touch(s, LIST_ENTRY(m, struct member, order));
        }
        if (group_size(g) > s->config->max_size) {
            rebalance_prepare(s, g); /* the limit was lowered: some must go */
        }
    }
    timer_set(s, &s->expiry, TIMER_EXPIRY, s->config->retention_check_ms);
    leave(s);
}

static void release(struct group_shard *s, struct group *g)
{
    LIST_EACH(&g->order, n, next) {
        struct member *m = LIST_ENTRY(n, struct member, order);
        if (m->join != NULL) {
            g->joined_count--;
            req_fail_now(s, m->join, ERR_NOT_COORDINATOR);
        }
        if (m->sync != NULL) {
            req_fail_now(s, m->sync, ERR_NOT_COORDINATOR);
        }
        m->join = m->sync = NULL;
    }
}

void group_shard_unload(struct group_shard *s, struct group_out *out)
{
    struct list_node *n;
    enter(s, s->t, out);
    list_splice_back(&s->in_flight, &out->writes);
    while ((n = list_pop_front(&s->in_flight)) != NULL) {
        struct write *w = LIST_ENTRY(n, struct write, pub.node);
        while ((n = list_pop_front(&w->waiting)) != NULL) {
            req_fail_now(s, LIST_ENTRY(n, struct group_req, node), ERR_NOT_COORDINATOR);
        }
        write_free(s, w);
    }
    for (struct map_node *g = map_first(&s->groups); g != NULL; g = map_next(&s->groups, g)) {
        release(s, MAP_ENTRY(g, struct group, by_name));
    }
    leave(s);
}

/* --- looking at it --- */

size_t group_shard_bytes(const struct group_shard *s) { return s->bytes; }
int32_t group_shard_count(const struct group_shard *s) { return (int32_t)s->groups.count; }

static int by_name(const void *a, const void *b)
{
    const struct group *const *x = a, *const *y = b;
    return str_cmp((*x)->name, (*y)->name);
}

struct line {
    struct str topic;
    const struct offset_entry *e;
};

static int by_key(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    int c = str_cmp(x->topic, y->topic);
    return c ? c : (x->e->part > y->e->part) - (x->e->part < y->e->part);
}

static void print_offset(const struct line *l, struct buf *out)
{
    const struct group_offset *v = &l->e->v;
    char id[UUID_TEXT_LEN + 1];
    uuid_format(v->topic_id, id);
    buf_printf(out, "  %.*s-%d", STR_ARG(l->topic), (int)l->e->part);
    if (l->e->is_set) {
        buf_printf(out, " = %lld epoch %d '%.*s' committed %lld expires %lld topic %s at %lld",
                   (long long)v->off, (int)v->leader_epoch, STR_ARG(v->metadata),
                   (long long)v->commit_ms, (long long)v->expire_ms, id, (long long)v->record_off);
    }
    buf_printf(out, " open %d\n", (int)l->e->open_txns);
}

static void print_group(const struct group *g, struct buf *out)
{
    size_t count = 0;
    for (struct map_node *n = map_first(&g->offsets); n != NULL; n = map_next(&g->offsets, n)) {
        count += MAP_ENTRY(n, struct offset_topic, by_name)->parts.count;
    }
    if (!g->has_record && count == 0) {
        return;
    }
    struct line *lines = mem_realloc_array(NULL, count + 1, sizeof *lines);
    size_t at = 0;
    for (struct map_node *n = map_first(&g->offsets); n != NULL; n = map_next(&g->offsets, n)) {
        const struct offset_topic *t = MAP_ENTRY(n, struct offset_topic, by_name);
        for (struct map_node *p = map_first(&t->parts); p != NULL; p = map_next(&t->parts, p)) {
            lines[at++] = (struct line){t->name, MAP_ENTRY(p, struct offset_entry, by_part)};
        }
    }
    qsort(lines, count, sizeof *lines, by_key);
    buf_printf(out, "%.*s record %016llx\n", STR_ARG(g->name),
               (unsigned long long)(g->has_record ? g->record_hash : 0));
    for (size_t i = 0; i < count; i++) {
        print_offset(&lines[i], out);
    }
    mem_free(lines);
}

void group_shard_print(const struct group_shard *s, struct buf *out)
{
    const struct group **groups = mem_realloc_array(NULL, s->groups.count + 1, sizeof *groups);
    size_t count = 0;
    for (struct map_node *n = map_first(&s->groups); n != NULL; n = map_next(&s->groups, n)) {
        groups[count++] = MAP_ENTRY(n, struct group, by_name);
    }
    qsort(groups, count, sizeof *groups, by_name);
    for (size_t i = 0; i < count; i++) {
        print_group(groups[i], out);
    }
    mem_free(groups);
}
