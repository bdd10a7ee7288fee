/* What is in a shard, for metrics. Pure. */
#include "group/group_int.h"

static void visit_offsets(const struct group *g, const struct group_visitor *v)
{
    MAP_EACH(&g->offsets, n, next) {
        const struct offset_topic *t = MAP_ENTRY(n, struct offset_topic, by_name);
        MAP_EACH(&t->parts, p, next_part) {
            const struct offset_entry *e = MAP_ENTRY(p, struct offset_entry, by_part);
            if (e->is_set) {
                v->on_offset(v->ctx, g->name, t->name, e->part, e->v.off);
            }
        }
    }
}

void group_shard_visit(const struct group_shard *s, const struct group_visitor *v)
{
    MAP_EACH(&s->groups, n, next) {
        const struct group *g = MAP_ENTRY(n, struct group, by_name);
        v->on_group(v->ctx, g->name, group_state_name(g), group_size(g));
        visit_offsets(g, v);
        v->on_group_end(v->ctx);
    }
}
