/* The timer wheel. Pure; belongs to one loop. Deadlines below zero count as due. */
#include "net/wheel.h"

#include "base/assert.h"

enum { DIGIT_BITS = 6, DIGIT_MASK = WHEEL_SLOTS - 1 };

void wheel_init(struct wheel *w, int64_t now_ms)
{
    ASSERT(now_ms >= 0);
    *w = (struct wheel){.now_ms = now_ms};
    for (size_t i = 0; i < ARRAY_LEN(w->slots); i++) {
        list_init(&w->slots[i]);
    }
    list_init(&w->due);
}

static unsigned digit(int64_t ms, int level)
{
    return (unsigned)((uint64_t)ms >> (level * DIGIT_BITS)) & DIGIT_MASK;
}

/* The highest digit in which the two differ; they do. */
static int level_of(int64_t a, int64_t b)
{
    return (63 - __builtin_clzll((uint64_t)a ^ (uint64_t)b)) / DIGIT_BITS;
}

static void insert(struct wheel *w, struct timer *t)
{
    if (t->deadline_ms <= w->now_ms) {
        list_push_back(&w->due, &t->node);
        return;
    }
    int level = level_of(t->deadline_ms, w->now_ms);
    unsigned slot = digit(t->deadline_ms, level);
    w->used[level] |= (uint64_t)1 << slot;
    list_push_back(&w->slots[level * WHEEL_SLOTS + (int)slot], &t->node);
}

void wheel_set(struct wheel *w, struct timer *t, int64_t deadline_ms)
{
    wheel_cancel(w, t);
    t->deadline_ms = deadline_ms;
    insert(w, t);
}

/* The only timer of a slot has the slot's head on both sides: that tells the slot. */
void wheel_cancel(struct wheel *w, struct timer *t)
{
    if (!list_is_linked(&t->node)) {
        return;
    }
    struct list_node *head = t->node.next;
    bool alone = t->node.prev == head;
    list_remove(&t->node);
    uintptr_t at = (uintptr_t)head - (uintptr_t)&w->slots[0].head;
    if (alone && at < sizeof w->slots) {
        size_t i = at / sizeof w->slots[0];
        w->used[i / WHEEL_SLOTS] &= ~((uint64_t)1 << (i % WHEEL_SLOTS));
    }
}

static int lowest_level(const struct wheel *w)
{
    int level = 0;
    while (level < WHEEL_LEVELS && w->used[level] == 0) {
        level++;
    }
    return level;
}

/* When the first slot in use of a level begins. */
static int64_t slot_start_ms(const struct wheel *w, int level)
{
    int shift = level * DIGIT_BITS;
    uint64_t above = shift + DIGIT_BITS < 64
                         ? (uint64_t)w->now_ms >> (shift + DIGIT_BITS) << (shift + DIGIT_BITS)
                         : 0;
    return (int64_t)(above | (uint64_t)__builtin_ctzll(w->used[level]) << shift);
}

int64_t wheel_next_ms(const struct wheel *w)
{
    if (!list_is_empty(&w->due)) {
        return w->now_ms;
    }
    int level = lowest_level(w);
    return level == WHEEL_LEVELS ? INT64_MAX : slot_start_ms(w, level);
}

/* Goes to the start of the first slot in use and puts its timers where they now belong. */
static void open_slot(struct wheel *w, int level)
{
    int64_t start_ms = slot_start_ms(w, level);
    unsigned slot = digit(start_ms, level);
    struct list moved;
    list_init(&moved);
    list_splice_back(&moved, &w->slots[level * WHEEL_SLOTS + (int)slot]);
    w->used[level] &= ~((uint64_t)1 << slot);
    w->now_ms = start_ms;
    struct list_node *n;
    while ((n = list_pop_front(&moved)) != NULL) {
        insert(w, LIST_ENTRY(n, struct timer, node));
    }
}

int wheel_advance(struct wheel *w, int64_t now_ms)
{
    int level;
    while ((level = lowest_level(w)) < WHEEL_LEVELS && slot_start_ms(w, level) <= now_ms) {
        open_slot(w, level);
    }
    w->now_ms = MAX(w->now_ms, now_ms);
    struct list due; /* apart, so that a timer set to now waits for the next step */
    list_init(&due);
    list_splice_back(&due, &w->due);
    int count = 0;
    struct list_node *n;
    while ((n = list_pop_front(&due)) != NULL) {
        struct timer *t = LIST_ENTRY(n, struct timer, node);
        t->fn(t);
        count++;
    }
    return count;
}

bool wheel_is_empty(const struct wheel *w)
{
    return list_is_empty(&w->due) && lowest_level(w) == WHEEL_LEVELS;
}
