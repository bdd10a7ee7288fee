/* Offsets that go: of old age, with their topic, with their group. Plans tombstones; replay of them
 * removes. Pure. */
#include "group/group_int.h"

/* A write that is emitted when it is large, and begun again. */
struct chunk {
    struct group_shard *s;
    struct write *w; /* NULL: nothing yet */
};

static struct group_records *room(struct chunk *c)
{
    if (c->w != NULL && c->w->pub.records.bytes.len >= GROUP_CHUNK_BYTES) {
        write_emit(c->s, c->w);
        c->w = NULL;
    }
    if (c->w == NULL) {
        c->w = write_new(c->s, WRITE_PLAIN, NULL);
    }
    return &c->w->pub.records;
}

static void end_chunk(struct chunk *c)
{
    if (c->w != NULL) {
        write_emit(c->s, c->w);
    }
}

/* --- old age --- */

enum clock { CLOCK_NONE, CLOCK_COMMIT, CLOCK_EMPTY };

/* Since when offsets of the group grow old. */
static enum clock clock_of(const struct group *g)
{
    if (g->protocol_type.p == NULL) {
        return CLOCK_COMMIT; /* nobody ever joined */
    }
    if (g->state == GROUP_EMPTY) {
        return g->state_ms >= 0 ? CLOCK_EMPTY : CLOCK_COMMIT;
    }
    return group_is_consumer(g) && g->knows_topics && g->state == GROUP_STABLE ? CLOCK_COMMIT
                                                                               : CLOCK_NONE;
}

static bool is_old(const struct group_shard *s, const struct group *g, const struct offset_entry *e,
                   enum clock clock)
{
    if (!e->is_set || e->open_txns > 0) {
        return false;
    }
    if (e->v.expire_ms >= 0) {
        return s->t.wall_ms >= e->v.expire_ms;
    }
    int64_t since_ms = clock == CLOCK_EMPTY ? g->state_ms : e->v.commit_ms;
    return since_ms <= s->t.wall_ms && s->t.wall_ms - MAX(since_ms, 0) >= s->config->retention_ms;
}

static bool expire_topic(struct chunk *c, const struct group *g, const struct offset_topic *t,
                         enum clock clock)
{
    bool is_all = true;
    for (struct map_node *n = map_first(&t->parts); n != NULL; n = map_next(&t->parts, n)) {
        const struct offset_entry *e = MAP_ENTRY(n, struct offset_entry, by_part);
        if (is_old(c->s, g, e, clock)) {
            group_records_drop_offset(room(c),
                                      &(struct group_offset_key){g->name, t->name, e->part});
        } else {
            is_all = false;
        }
    }
    return is_all;
}

/* Whether nothing is left. */
static bool expire_group(struct chunk *c, const struct group *g)
{
    enum clock clock = clock_of(g);
    bool is_all = true;
    for (struct map_node *n = map_first(&g->offsets); n != NULL; n = map_next(&g->offsets, n)) {
        const struct offset_topic *t = MAP_ENTRY(n, struct offset_topic, by_name);
        bool is_kept = clock == CLOCK_NONE || group_is_subscribed(g, t->name);
        is_all = !is_kept && expire_topic(c, g, t, clock) && is_all;
    }
    return is_all;
}

void expire_offsets(struct group_shard *s)
{
    struct chunk c = {s, NULL};
    for (struct map_node *n = map_first(&s->groups); n != NULL; n = map_next(&s->groups, n)) {
        const struct group *g = MAP_ENTRY(n, struct group, by_name);
        if (expire_group(&c, g) && g->state == GROUP_EMPTY && g->pending.count == 0) {
            group_records_drop_group(room(&c), g->name);
        }
    }
    end_chunk(&c);
    timer_set(s, &s->expiry, TIMER_EXPIRY, s->config->retention_check_ms);
}

/* --- with the topic --- */

void group_shard_drop_topic(struct group_shard *s, struct str topic, struct group_time t,
                            struct group_out *out)
{
    struct chunk c = {s, NULL};
    s->t = t;
    s->out = out;
    for (struct map_node *n = map_first(&s->groups); n != NULL; n = map_next(&s->groups, n)) {
        const struct group *g = MAP_ENTRY(n, struct group, by_name);
        const struct offset_topic *o = offset_topic_find(g, topic);
        for (struct map_node *p = o ? map_first(&o->parts) : NULL; p; p = map_next(&o->parts, p)) {
            int32_t part = MAP_ENTRY(p, struct offset_entry, by_part)->part;
            group_records_drop_offset(room(&c), &(struct group_offset_key){g->name, topic, part});
        }
    }
    end_chunk(&c);
    s->out = NULL;
}

/* --- with the group --- */

void drop_all_offsets(struct group_shard *s, const struct group *g, struct group_records *rs)
{
    (void)s;
    for (struct map_node *n = map_first(&g->offsets); n != NULL; n = map_next(&g->offsets, n)) {
        const struct offset_topic *t = MAP_ENTRY(n, struct offset_topic, by_name);
        for (struct map_node *p = map_first(&t->parts); p != NULL; p = map_next(&t->parts, p)) {
            int32_t part = MAP_ENTRY(p, struct offset_entry, by_part)->part;
            group_records_drop_offset(rs, &(struct group_offset_key){g->name, t->name, part});
        }
    }
}
