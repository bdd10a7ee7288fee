/* What dump-log found that does not fit together, printed at the end as Apache Kafka's tool does:
 * its order of files is that of a Java HashMap, its order of pairs that of the map or list behind
 * each kind. The command's thread. */
#include "offline/dump.h"
#include "offline/java_map.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>

struct finding_text {
    const char *head; /* takes the path */
    const char *pair; /* takes both numbers */
    int order;        /* of a: 1 ascending, -1 descending, each a once; 0 as found */
};

static const struct finding_text texts[FINDINGS] = {
    [FOUND_INDEX] = {"Mismatches in :%s\n",
                     "  Index offset: %" PRId64 ", log offset: %" PRId64 "\n", -1},
    [FOUND_TIME] = {"Found timestamp mismatch in :%s\n",
                    "  Index timestamp: %" PRId64 ", log timestamp: %" PRId64 "\n", 0},
    [FOUND_ORDER] = {"Found out of order timestamp in :%s\n",
                     "  Index timestamp: %" PRId64 ", Previously indexed timestamp: %" PRId64 "\n",
                     0},
    [FOUND_MISSING] = {"The following indexed offsets are not found in :%s\n",
                       "Indexed offset: %" PRId64 ", found log offset: %" PRId64 "\n", 0},
    [FOUND_GAP] = {"Non-consecutive offsets in %s\n", "  %" PRId64 " is followed by %" PRId64 "\n",
                   1},
};

static struct finding_file *file_of(struct findings *f, const char *path)
{
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->files[i].path, path) == 0) {
            return &f->files[i];
        }
    }
    f->files = mem_realloc_array(f->files, f->count + 1, sizeof *f->files);
    f->files[f->count] = (struct finding_file){.path = str_dup(str_from(path))};
    return &f->files[f->count++];
}

void findings_add(struct dump *d, enum finding what, const char *path, struct finding_pair pair)
{
    struct buf absolute = BUF_INIT;
    path_absolute(path, &absolute);
    struct finding_file *f = file_of(&d->found[what], buf_cstr(&absolute));
    buf_deinit(&absolute);
    for (size_t i = 0; texts[what].order != 0 && i < f->count; i++) {
        if (f->pairs[i].a == pair.a) {
            f->pairs[i] = pair;
            return;
        }
    }
    f->pairs = mem_realloc_array(f->pairs, f->count + 1, sizeof *f->pairs);
    f->pairs[f->count++] = pair;
}

void findings_deinit(struct dump *d)
{
    for (int what = 0; what < FINDINGS; what++) {
        struct findings *f = &d->found[what];
        for (size_t i = 0; i < f->count; i++) {
            mem_free(f->files[i].path);
            mem_free(f->files[i].pairs);
        }
        mem_free(f->files);
        *f = (struct findings){0};
    }
}

/* --- order --- */

static int by_a(const void *x, const void *y)
{
    int64_t a = ((const struct finding_pair *)x)->a, b = ((const struct finding_pair *)y)->a;
    return (a > b) - (a < b);
}

static void print_file(struct dump *d, const struct finding_text *t, struct finding_file *f)
{
    fprintf(d->errors, t->head, f->path);
    if (t->order != 0) {
        qsort(f->pairs, f->count, sizeof *f->pairs, by_a);
    }
    for (size_t i = 0; i < f->count; i++) {
        const struct finding_pair *p = &f->pairs[t->order < 0 ? f->count - 1 - i : i];
        fprintf(d->errors, t->pair, p->a, p->b);
    }
}

void findings_print(struct dump *d)
{
    for (int what = 0; what < FINDINGS; what++) {
        struct findings *f = &d->found[what];
        uint32_t slots = java_map_slots(f->count);
        for (uint32_t slot = 0; f->count > 0 && slot < slots; slot++) {
            for (size_t i = 0; i < f->count; i++) {
                if (java_map_slot(f->files[i].path, slots) == slot) {
                    print_file(d, &texts[what], &f->files[i]);
                }
            }
        }
    }
}
