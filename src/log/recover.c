/* Decisions of opening a log. Pure: see recover.h for the three steps. */
#include "log/recover.h"

/* --- 1. files --- */

static const struct {
    struct str text;
    enum recover_suffix suffix;
} suffixes[] = {
    {STR(".deleted"), RECOVER_DELETED},
    {STR(".cleaned"), RECOVER_CLEANED},
    {STR(".swap"), RECOVER_SWAP},
    {STR(".tmp"), RECOVER_TMP},
};

bool recover_parse_name(struct str name, struct recover_file *ret_file)
{
    struct recover_file f = {.suffix = RECOVER_PLAIN, .swap_end_off = -1};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        if (str_has_suffix(name, suffixes[i].text)) {
            f.suffix = suffixes[i].suffix;
            name.len -= suffixes[i].text.len;
            break;
        }
    }
    if (!seg_parse_name(name, &f.off, &f.part)) {
        return false;
    }
    *ret_file = f;
    return true;
}

/* Offsets that the good .swap logs cover: [from, to). */
struct covered {
    int64_t from, to;
};

static int64_t min_cleaned_off(const struct recover_file *files, size_t count)
{
    int64_t min = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        if (files[i].suffix == RECOVER_CLEANED && files[i].off < min) {
            min = files[i].off;
        }
    }
    return min;
}

static struct covered swaps_cover(const struct recover_file *files, size_t count, int64_t below)
{
    struct covered c = {INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < count; i++) {
        const struct recover_file *f = &files[i];
        if (f->suffix == RECOVER_SWAP && f->part == SEG_LOG && f->off < below) {
            c.from = MIN(c.from, f->off);
            c.to = MAX(c.to, f->swap_end_off);
        }
    }
    return c;
}

static enum recover_verb plan_file(const struct recover_file *f, int64_t cleaned_off,
                                   struct covered c)
{
    switch (f->suffix) {
    case RECOVER_PLAIN:
        if (f->part == SEG_SNAPSHOT) {
            return RECOVER_KEEP; /* it tells of offsets, and those stay */
        }
        return f->off >= c.from && f->off < c.to ? RECOVER_REMOVE : RECOVER_KEEP;
    case RECOVER_SWAP:
        return f->off < cleaned_off ? RECOVER_PROMOTE : RECOVER_REMOVE;
    default:
        return RECOVER_REMOVE;
    }
}

/* Whether after all removals and renames there is a .log beside files[i]; its siblings are its
 * neighbours. */
static bool will_have_log(const struct recover_file *files, size_t count, size_t i)
{
    size_t first = i;
    while (first > 0 && files[first - 1].off == files[i].off) {
        first--;
    }
    for (size_t k = first; k < count && files[k].off == files[i].off; k++) {
        if (files[k].part == SEG_LOG && files[k].verb != RECOVER_REMOVE) {
            return true;
        }
    }
    return false;
}

void recover_plan_files(struct recover_file *files, size_t count)
{
    int64_t cleaned_off = min_cleaned_off(files, count);
    struct covered c = swaps_cover(files, count, cleaned_off);
    for (size_t i = 0; i < count; i++) {
        files[i].verb = plan_file(&files[i], cleaned_off, c);
    }
    for (size_t i = 0; i < count; i++) {
        bool is_index = files[i].part != SEG_LOG && files[i].part != SEG_SNAPSHOT;
        if (is_index && files[i].verb != RECOVER_REMOVE && !will_have_log(files, count, i)) {
            files[i].verb = RECOVER_REMOVE;
        }
    }
}

/* --- 2. scans --- */

/* Where what is in segment i ends at the latest. Empty segments say nothing: a roll that failed
 * half-way leaves one, and so does a crash that lost what was in it. */
static int64_t bound_of(const struct recover_seg *segs, size_t count, size_t i)
{
    size_t next = i + 1;
    while (next < count && segs[next].size_bytes == 0) {
        next++;
    }
    return next < count ? segs[next].base_off : INT64_MAX;
}

void recover_plan_scans(struct recover_seg *segs, size_t count, int64_t recovery_off)
{
    for (size_t i = 0; i < count; i++) {
        int64_t bound_off = bound_of(segs, count, i);
        bool needs_none = segs[i].size_bytes == 0 || (segs[i].has_index && segs[i].has_timeindex);
        segs[i].next_off = -1;
        segs[i].good_bytes = segs[i].size_bytes;
        segs[i].is_cut = false;
        if (recovery_off != INT64_MAX && bound_off >= recovery_off) {
            segs[i].scan = SCAN_CHECK; /* its last index rows may be younger than the point */
        } else if (bound_off == INT64_MAX) {
            segs[i].scan = SCAN_TAIL;
        } else {
            segs[i].scan = needs_none ? SCAN_NONE : SCAN_REBUILD;
        }
    }
}

/* --- 3. the end --- */

/* May s be followed by a segment that begins at next_base, as far as is known? */
static bool fits(const struct recover_seg *s, int64_t next_base, int64_t gaps_upto_off)
{
    if (s == NULL || s->scan == SCAN_NONE || s->scan == SCAN_REBUILD) {
        return true;
    }
    return !s->is_cut && s->next_off <= next_base &&
           (s->next_off == next_base || next_base <= gaps_upto_off);
}

void recover_plan_end(struct recover_seg *segs, size_t count, int64_t gaps_upto_off)
{
    struct recover_seg *last = NULL;  /* kept, and not blank */
    struct recover_seg *spare = NULL; /* blank, fits after last: the end if nothing else follows */
    bool is_over = false;
    for (size_t i = 0; i < count; i++) {
        struct recover_seg *s = &segs[i];
        const struct recover_seg *before = last != NULL ? last : spare;
        bool is_fit = !is_over && fits(before, s->base_off, gaps_upto_off);
        bool is_empty = s->size_bytes == 0;
        s->verb = RECOVER_REMOVE;
        if (is_empty && (spare != NULL || i + 1 < count)) {
            spare = spare == NULL && is_fit ? s : spare;
        } else if (is_fit) {
            s->verb = RECOVER_KEEP;
            last = s;
            spare = NULL;
        } else {
            is_over = true;
        }
    }
    if (spare != NULL) {
        spare->verb = RECOVER_KEEP;
    }
}
