/* Spreading the replicas of a topic over brokers and their racks. Pure.
 *
 * Brokers stand in a line in which racks alternate. Partition by partition the next broker of the
 * line leads; its other replicas are the next ones behind it whose rack has none yet, and when all
 * racks have one, those of any rack. After each pass the line is shuffled anew, so that the brokers
 * that follow one leader are not always the same. */
#include "cli/reassign.h"

#include "base/rand.h"

struct spread {
    const struct spread_broker *brokers;
    size_t count;
    size_t *line;   /* places in brokers */
    int *rack_of;   /* of each broker, from 0; a broker without one is a rack of its own */
    bool *is_used;  /* racks, for one partition */
    bool *is_taken; /* brokers, for one partition */
    struct rand rand;
};

static void number_racks(struct spread *s)
{
    int racks = 0;
    for (size_t i = 0; i < s->count; i++) {
        const char *rack = s->brokers[i].rack;
        s->rack_of[i] = -1;
        for (size_t k = 0; rack != NULL && k < i && s->rack_of[i] < 0; k++) {
            const char *other = s->brokers[k].rack;
            s->rack_of[i] = other != NULL && strcmp(other, rack) == 0 ? s->rack_of[k] : -1;
        }
        s->rack_of[i] = s->rack_of[i] < 0 ? racks++ : s->rack_of[i];
    }
}

static void shuffle(struct spread *s)
{
    for (size_t i = s->count; i > 1; i--) {
        size_t k = rand_below(&s->rand, i), was = s->line[i - 1];
        s->line[i - 1] = s->line[k];
        s->line[k] = was;
    }
    /* now racks in turn: at each place the first of those behind whose rack is not in this turn */
    memset(s->is_used, 0, s->count * sizeof *s->is_used);
    for (size_t i = 0; i < s->count; i++) {
        size_t k = i;
        while (k < s->count && s->is_used[s->rack_of[s->line[k]]]) {
            k++;
        }
        if (k == s->count) {
            memset(s->is_used, 0, s->count * sizeof *s->is_used);
            k = i;
        }
        size_t chosen = s->line[k];
        memmove(s->line + i + 1, s->line + i, (k - i) * sizeof *s->line);
        s->line[i] = chosen;
        s->is_used[s->rack_of[chosen]] = true;
    }
}

/* The next broker behind place at of the line that fits; any_rack: as far as it is not taken. */
static size_t next_fit(const struct spread *s, size_t at, bool any_rack)
{
    for (size_t n = 1; n < s->count; n++) {
        size_t b = s->line[(at + n) % s->count];
        if (!s->is_taken[b] && (any_rack || !s->is_used[s->rack_of[b]])) {
            return b;
        }
    }
    return s->count;
}

static void place(struct spread *s, size_t at, size_t factor, int32_t *ret)
{
    size_t b = s->line[at];
    memset(s->is_used, 0, s->count * sizeof *s->is_used);
    memset(s->is_taken, 0, s->count * sizeof *s->is_taken);
    for (size_t i = 0; i < factor; i++) {
        if (i > 0 && (b = next_fit(s, at, false)) == s->count) {
            memset(s->is_used, 0, s->count * sizeof *s->is_used); /* a second round of racks */
            b = next_fit(s, at, true);
        }
        s->is_taken[b] = s->is_used[s->rack_of[b]] = true;
        ret[i] = s->brokers[b].id;
    }
}

int32_t *spread_replicas(const struct spread_broker *brokers, size_t count, size_t partitions,
                         size_t factor, uint64_t seed)
{
    int32_t *ret = mem_zalloc((partitions * factor + 1) * sizeof *ret);
    struct spread s = {.brokers = brokers,
                       .count = count,
                       .line = mem_zalloc((count + 1) * sizeof *s.line),
                       .rack_of = mem_zalloc((count + 1) * sizeof *s.rack_of),
                       .is_used = mem_zalloc(count + 1),
                       .is_taken = mem_zalloc(count + 1)};
    rand_init(&s.rand, seed);
    number_racks(&s);
    for (size_t i = 0; i < count; i++) {
        s.line[i] = i;
    }
    for (size_t p = 0; p < partitions && count > 0; p++) {
        if (p % count == 0) {
            shuffle(&s);
        }
        place(&s, p % count, factor, ret + p * factor);
    }
    mem_free(s.line);
    mem_free(s.rack_of);
    mem_free(s.is_used);
    mem_free(s.is_taken);
    return ret;
}
