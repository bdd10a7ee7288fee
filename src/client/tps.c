/* Lists of partitions. Pure. */
#include "client/tps.h"

#include "base/assert.h"
#include "base/attr.h"
#include "base/mem.h"
#include "client/error.h"

#include <stdlib.h>

void tps_init(struct tps *t)
{
    *t = (struct tps){.items = NULL};
    arena_init(&t->text, SIZE_MAX);
}

void tps_deinit(struct tps *t)
{
    mem_free(t->items);
    arena_deinit(&t->text);
    t->items = NULL;
}

void tps_clear(struct tps *t)
{
    t->count = 0;
    arena_reset(&t->text);
}

/* The name of the last one again, or a copy. */
static const char *text_of(struct tps *t, struct str topic)
{
    const char *last = t->count ? t->items[t->count - 1].topic : NULL;
    if (last != NULL && str_eq(str_from(last), topic)) {
        return last;
    }
    char *p = arena_alloc(&t->text, topic.len + 1);
    ASSERT(p != NULL); /* as mem_alloc: what an answer can hold was bounded when it was read */
    memcpy(p, topic.p, topic.len);
    p[topic.len] = '\0';
    return p;
}

void tps_add(struct tps *t, struct str topic, int32_t partition)
{
    if (t->count == t->cap) {
        t->cap = MAX(t->cap * 2, 8);
        t->items = mem_realloc_array(t->items, t->cap, sizeof *t->items);
    }
    t->items[t->count] = (struct ottla_topic_partition){text_of(t, topic), partition};
    t->count++;
}

static int compare(const void *a, const void *b)
{
    const struct ottla_topic_partition *x = a, *y = b;
    int c = strcmp(x->topic, y->topic);
    return c ? c : (x->partition > y->partition) - (x->partition < y->partition);
}

void tps_sort(struct tps *t)
{
    size_t kept = 0;
    if (t->count == 0) {
        return;
    }
    qsort(t->items, t->count, sizeof *t->items, compare);
    for (size_t i = 0; i < t->count; i++) {
        if (kept == 0 || compare(&t->items[kept - 1], &t->items[i]) != 0) {
            t->items[kept++] = t->items[i];
        }
    }
    t->count = kept;
}

bool tps_has(const struct tps *t, const char *topic, int32_t partition)
{
    struct ottla_topic_partition key = {topic, partition};
    return t->count > 0 && bsearch(&key, t->items, t->count, sizeof key, compare) != NULL;
}

void tps_copy(struct tps *to, const struct tps *from)
{
    tps_clear(to);
    for (size_t i = 0; i < from->count; i++) {
        tps_add(to, str_from(from->items[i].topic), from->items[i].partition);
    }
}

void tps_without(struct tps *to, const struct tps *a, const struct tps *b)
{
    tps_clear(to);
    for (size_t i = 0; i < a->count; i++) {
        if (!tps_has(b, a->items[i].topic, a->items[i].partition)) {
            tps_add(to, str_from(a->items[i].topic), a->items[i].partition);
        }
    }
}

int offsets_check(const struct ottla_commit *offsets, size_t count, struct ottla_error *error)
{
    if (count > 0 && is_null(offsets, "list of offsets", error)) {
        return ERR_INVALID_REQUEST;
    }
    for (size_t i = 0; i < count; i++) {
        const struct ottla_commit *o = &offsets[i];
        if (o->topic == NULL || o->topic[0] == '\0' || o->partition < 0 || o->offset < 0) {
            return error_set(error, ERR_INVALID_REQUEST,
                             "offset %zu of the list has no topic, or a negative number", i);
        }
    }
    return 0;
}
