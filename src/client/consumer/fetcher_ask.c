/* What a fetcher's asks have in common: their partitions, and which of them a row of the answer is
 * about. Pure; one thread. See fetcher.h.
 *
 * Answers come in the order of the request as a rule, so the next row is about the next partition.
 * Where it is not, the ask's partitions are put in order, and searched by halving. */
#include "client/consumer/fetcher_int.h"

#include "base/assert.h"
#include "base/attr.h"
#include "base/mem.h"

#include <stdlib.h>

struct ask *fetcher_ask_new(struct fetcher *f, enum ask_kind kind, int32_t node)
{
    struct ask *a = NEW(struct ask);
    a->kind = kind;
    a->to_node = node;
    arena_init(&a->arena, SIZE_MAX);
    list_push_back(&f->asks, &a->node);
    return a;
}

struct ask_part *fetcher_ask_hold(struct ask *a, struct part *p)
{
    if (a->part_count == a->part_cap) {
        a->part_cap = MAX(a->part_cap * 2, 8);
        a->parts = mem_realloc_array(a->parts, a->part_cap, sizeof *a->parts);
    }
    a->parts[a->part_count] = (struct ask_part){.part = p, .turn = p->turn};
    p->refs++;
    return &a->parts[a->part_count++];
}

void fetcher_ask_add(struct ask *a, struct part *p)
{
    (void)fetcher_ask_hold(a, p);
    p->is_asked = true;
    part_settle(p);
}

void *fetcher_ask_array(struct ask *a, size_t size)
{
    void *p = arena_array(&a->arena, a->part_count, size);
    ASSERT(p != NULL); /* as mem_alloc: the user sized it */
    return p;
}

bool fetcher_ask_is_current(const struct ask_part *ap)
{
    return !ap->part->is_gone && ap->part->turn == ap->turn;
}

void fetcher_ask_end(struct fetcher *f, struct ask *a)
{
    if (a->kind == ASK_METADATA) {
        f->is_asking_metadata = false;
    } else if (a->kind == ASK_COMMITTED) {
        f->is_asking_committed = false;
    }
    if (a->session != NULL) {
        a->session->is_asking = false;
        return;
    }
    for (size_t i = 0; i < a->part_count; i++) {
        struct part *p = a->parts[i].part;
        p->is_asked = p->is_asked && !fetcher_ask_is_current(&a->parts[i]);
    }
}

void fetcher_ask_free(struct ask *a)
{
    list_remove(&a->node);
    for (size_t i = 0; i < a->part_count; i++) {
        if (a->session == NULL) {
            part_settle(a->parts[i].part);
        }
        part_unref(a->parts[i].part);
    }
    mem_free(a->parts);
    arena_deinit(&a->arena);
    mem_free(a);
}

/* --- rows --- */

static int compare_numbers(int32_t x, int32_t y) { return (x > y) - (x < y); }

static int compare_names(const void *a, const void *b)
{
    const struct part *x = ((const struct ask_part *)a)->part;
    const struct part *y = ((const struct ask_part *)b)->part;
    int c = strcmp(x->topic, y->topic);
    return c ? c : compare_numbers(x->partition, y->partition);
}

static int compare_ids(const void *a, const void *b)
{
    const struct part *x = ((const struct ask_part *)a)->part;
    const struct part *y = ((const struct ask_part *)b)->part;
    int c = memcmp(&x->topic_id, &y->topic_id, sizeof x->topic_id);
    return c ? c : compare_numbers(x->partition, y->partition);
}

static void sort(struct ask *a, enum ask_order order)
{
    if (a->order != order) {
        qsort(a->parts, a->part_count, sizeof *a->parts,
              order == ASK_BY_ID ? compare_ids : compare_names);
        a->order = order;
    }
}

void fetcher_ask_sort(struct ask *a) { sort(a, ASK_BY_NAME); }

static bool has_id(const struct ask_key *k) { return k->topic.len == 0; }

/* Below 0: p comes before the row. */
static int compare(const struct part *p, const struct ask_key *k)
{
    int c = has_id(k) ? memcmp(&p->topic_id, &k->topic_id, sizeof p->topic_id)
                      : str_cmp(str_from(p->topic), k->topic);
    return c ? c : compare_numbers(p->partition, k->partition);
}

/* The first that does not come before the row. */
static size_t search(struct ask *a, const struct ask_key *k)
{
    size_t lo = 0, hi = a->part_count;
    sort(a, has_id(k) ? ASK_BY_ID : ASK_BY_NAME);
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        bool is_before = compare(a->parts[mid].part, k) < 0;
        lo = is_before ? mid + 1 : lo;
        hi = is_before ? hi : mid;
    }
    return lo;
}

struct part *fetcher_ask_answered(struct ask *a, const struct ask_key *k)
{
    size_t i = a->cursor;
    if (i >= a->part_count || compare(a->parts[i].part, k) != 0) {
        i = search(a, k);
        if (i == a->part_count || compare(a->parts[i].part, k) != 0) {
            return NULL;
        }
    }
    struct ask_part *ap = &a->parts[i];
    bool is_first = !ap->is_answered;
    a->cursor = i + 1;
    ap->is_answered = true;
    return is_first && fetcher_ask_is_current(ap) ? ap->part : NULL;
}

struct part *fetcher_ask_answered_all(struct ask *a, const struct ask_key *topic, size_t *at)
{
    struct ask_key k = *topic;
    if (*at == SIZE_MAX) {
        k.partition = INT32_MIN;
        *at = search(a, &k);
    }
    for (; *at < a->part_count; (*at)++) {
        struct ask_part *ap = &a->parts[*at];
        k.partition = ap->part->partition;
        if (compare(ap->part, &k) != 0) {
            break;
        }
        if (!ap->is_answered) {
            ap->is_answered = true;
            if (fetcher_ask_is_current(ap)) {
                return ap->part;
            }
        }
    }
    return NULL;
}

struct part *fetcher_of_key(const struct fetcher *f, const struct ask_key *k)
{
    return has_id(k) ? fetcher_find_by_id(f, k->topic_id, k->partition)
                     : fetcher_find_by_name(f, k->topic, k->partition);
}

struct part *fetcher_ask_silent(const struct ask *a, size_t i)
{
    const struct ask_part *ap = &a->parts[i];
    return !ap->is_answered && fetcher_ask_is_current(ap) ? ap->part : NULL;
}
