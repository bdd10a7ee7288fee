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

void recover_plan_scans(struct recover_seg *segs, size_t count, int64_t recovery_off)
{
    for (size_t i = 0; i < count; i++) {
        bool is_last = i + 1 == count;
        bool has_indexes = segs[i].has_index && segs[i].has_timeindex;
        bool is_trusted =
            recovery_off == INT64_MAX || (!is_last && segs[i + 1].base_off <= recovery_off);
        segs[i].next_off = -1;
        segs[i].good_bytes = segs[i].size_bytes;
        segs[i].is_cut = false;
        if (!is_trusted) {
            segs[i].scan = SCAN_CHECK;
        } else if (is_last) {
            segs[i].scan = SCAN_TAIL;
        } else {
            segs[i].scan = has_indexes ? SCAN_NONE : SCAN_REBUILD;
        }
    }
}

/* --- 3. the end --- */

/* May segment i be followed by i + 1, as far as is known? */
static bool fits_next(const struct recover_seg *segs, size_t i, bool has_gaps)
{
    const struct recover_seg *s = &segs[i];
    if (s->scan != SCAN_CHECK) {
        return true;
    }
    int64_t next_base = segs[i + 1].base_off;
    return !s->is_cut && s->next_off <= next_base && (has_gaps || s->next_off == next_base);
}

void recover_plan_end(struct recover_seg *segs, size_t count, bool has_gaps)
{
    bool is_over = false;
    for (size_t i = 0; i < count; i++) {
        segs[i].verb = is_over ? RECOVER_REMOVE : RECOVER_KEEP;
        is_over = is_over || (i + 1 < count && !fits_next(segs, i, has_gaps));
    }
}
