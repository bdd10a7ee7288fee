/* What was told against what is there. */
#include "test/sim/sim.h"

#include "base/mem.h"

#include <inttypes.h>

void places_set(struct places *p, int64_t off, struct place x)
{
    while (off >= p->cap) {
        p->cap = p->cap ? p->cap * 2 : 256;
        p->v = mem_realloc_array(p->v, (size_t)p->cap, sizeof *p->v);
    }
    while (p->count <= off) {
        p->v[p->count++] = (struct place){-1, 0};
    }
    p->v[off] = x;
}

/* One batch on its way: sent again and again until it is acknowledged. */
static void compare(const struct sim *s, int part, const struct places *told, const char *what)
{
    const struct places *final = &s->final[part];
    for (int64_t off = 0; off < told->count; off++) {
        struct place a = told->v[off];
        if (a.producer < 0) {
            continue;
        }
        if (off >= final->count) {
            sim_violation(s, "partition %d: offset %" PRId64 " was %s and is gone", part, off,
                          what);
        }
        struct place b = final->v[off];
        if (a.producer != b.producer || a.number != b.number) {
            sim_violation(s, "partition %d: offset %" PRId64 " was %s as %d/%d and is %d/%d", part,
                          off, what, a.producer, a.number, b.producer, b.number);
        }
    }
}

/* Careless ones may have lost some, and gone on. */
static bool is_next(const struct sim *s, int number, int *next)
{
    bool is_right = number == *next || (s->is_careless && number > *next);
    *next = number + 1;
    return is_right;
}

static void check_order(const struct sim *s, int part)
{
    int next[SIM_PRODUCERS] = {0};
    for (int64_t off = 0; off < s->final[part].count; off++) {
        struct place x = s->final[part].v[off];
        bool is_known = x.producer >= 0 && x.producer < SIM_PRODUCERS;
        int want = is_known ? next[x.producer] : 0;
        if (!is_known || !is_next(s, x.number, &next[x.producer])) {
            sim_violation(s, "partition %d: offset %" PRId64 " is %d/%d, not %d/%d", part, off,
                          x.producer, x.number, x.producer, want);
        }
    }
    for (int i = 0; i < SIM_PRODUCERS; i++) {
        bool is_short = next[i] < s->producers[i].next[part] && !s->is_careless;
        if (is_short || next[i] > s->producers[i].next[part]) {
            sim_violation(s, "partition %d: producer %d was told of %d records, there are %d", part,
                          i, s->producers[i].next[part], next[i]);
        }
    }
}

void sim_judge(const struct sim *s)
{
    for (int i = 0; i < SIM_PARTS; i++) {
        if (!s->is_careless) {
            compare(s, i, &s->acked[i], "acknowledged");
            compare(s, i, &s->seen[i], "read");
        }
        check_order(s, i);
    }
}
