/* A timer wheel: 11 levels of 64 slots, level k in units of 64^k ms, so that any int64 deadline has
 * its place. Set and cancel are O(1); a timer is moved down at most once a level in its life.
 * Private to net (loop.h is the interface). Pure; one thread at a time.
 *
 * Invariant: a timer in level k shares with `now_ms` all base-64 digits above k and has a larger
 * digit k. So the lowest level in use holds the earliest timers, and its first slot in use the
 * earliest of them. */
#ifndef NET_WHEEL_H
#define NET_WHEEL_H

#include "net/loop.h"

enum { WHEEL_LEVELS = 11, WHEEL_SLOTS = 64 };

struct wheel {
    int64_t now_ms;
    uint64_t used[WHEEL_LEVELS]; /* one bit a slot */
    struct list slots[WHEEL_LEVELS * WHEEL_SLOTS];
    struct list due;
};

void wheel_init(struct wheel *w, int64_t now_ms);

/* t is set or not. */
void wheel_set(struct wheel *w, struct timer *t, int64_t deadline_ms);
void wheel_cancel(struct wheel *w, struct timer *t);

/* When to look next: no timer is due before. INT64_MAX when there are none. */
int64_t wheel_next_ms(const struct wheel *w);

/* Runs what is due at now_ms, in order of deadlines; returns how many. */
int wheel_advance(struct wheel *w, int64_t now_ms);

bool wheel_is_empty(const struct wheel *w);

#endif
