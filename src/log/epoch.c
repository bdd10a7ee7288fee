/* Leader epochs of one partition. The owner guards it.
 *
 * Invariant: rows grow strictly in epoch and in start_off. */
#include "log/epoch.h"

#include "base/mem.h"
#include "log/checkpoint.h"

#include <inttypes.h>

void epochs_init(struct epochs *x) { *x = (struct epochs){0}; }

void epochs_deinit(struct epochs *x)
{
    mem_free(x->rows);
    epochs_init(x);
}

static void push(struct epochs *x, struct epoch_row row)
{
    if (x->count == x->cap) {
        x->cap = x->cap ? x->cap * 2 : 2;
        x->rows = mem_realloc_array(x->rows, x->cap, sizeof *x->rows);
    }
    x->rows[x->count++] = row;
}

bool epochs_assign(struct epochs *x, int32_t epoch, int64_t start_off)
{
    if (epoch < 0 || start_off < 0) {
        return false;
    }
    if (x->count > 0 && x->rows[x->count - 1].epoch == epoch &&
        x->rows[x->count - 1].start_off <= start_off) {
        return false;
    }
    while (x->count > 0 &&
           (x->rows[x->count - 1].epoch >= epoch || x->rows[x->count - 1].start_off >= start_off)) {
        x->count--;
    }
    push(x, (struct epoch_row){epoch, start_off});
    return true;
}

bool epochs_cut_end(struct epochs *x, int64_t end_off)
{
    uint32_t before = x->count;
    while (x->count > 0 && x->rows[x->count - 1].start_off >= end_off) {
        x->count--;
    }
    return x->count != before;
}

bool epochs_cut_start(struct epochs *x, int64_t start_off)
{
    uint32_t below = 0;
    while (below < x->count && x->rows[below].start_off <= start_off) {
        below++;
    }
    if (below == 0 || (below == 1 && x->rows[0].start_off == start_off)) {
        return false;
    }
    x->rows[below - 1].start_off = start_off;
    memmove(x->rows, x->rows + below - 1, (x->count - below + 1) * sizeof *x->rows);
    x->count -= below - 1;
    return true;
}

int32_t epochs_last(const struct epochs *x) { return x->count ? x->rows[x->count - 1].epoch : -1; }

int32_t epochs_at(const struct epochs *x, int64_t off)
{
    int32_t epoch = -1;
    for (uint32_t i = 0; i < x->count && x->rows[i].start_off <= off; i++) {
        epoch = x->rows[i].epoch;
    }
    return epoch;
}

void epochs_end_of(const struct epochs *x, int32_t epoch, int64_t log_end_off, int32_t *ret_epoch,
                   int64_t *ret_end_off)
{
    *ret_epoch = -1;
    *ret_end_off = -1;
    if (epoch == -1 || x->count == 0 || epoch > epochs_last(x)) {
        return;
    }
    uint32_t above = 0;
    while (above < x->count && x->rows[above].epoch <= epoch) {
        above++;
    }
    *ret_epoch = above > 0 ? x->rows[above - 1].epoch : epoch;
    *ret_end_off = above < x->count ? x->rows[above].start_off : log_end_off;
}

void epochs_encode(const struct epochs *x, struct buf *out)
{
    buf_printf(out, "0\n%" PRIu32 "\n", x->count);
    for (uint32_t i = 0; i < x->count; i++) {
        buf_printf(out, "%" PRId32 " %" PRId64 "\n", x->rows[i].epoch, x->rows[i].start_off);
    }
}

static enum err decode_row(struct checkpoint_text *t, struct epochs *x)
{
    struct str fields[2];
    int64_t epoch;
    int64_t start_off;
    enum err e = checkpoint_text_next(t, fields, 2);
    if (e) {
        return e;
    }
    if (!str_to_i64(fields[0], &epoch) || !str_to_i64(fields[1], &start_off) || epoch < 0 ||
        epoch > INT32_MAX || start_off < 0) {
        return ERR_MALFORMED;
    }
    const struct epoch_row *last = x->count ? &x->rows[x->count - 1] : NULL;
    if (last != NULL && (epoch <= last->epoch || start_off <= last->start_off)) {
        return ERR_MALFORMED;
    }
    push(x, (struct epoch_row){(int32_t)epoch, start_off});
    return OK;
}

enum err epochs_decode(struct epochs *x, struct str text)
{
    struct checkpoint_text t;
    x->count = 0;
    enum err e = checkpoint_text_begin(&t, text);
    while (!e) {
        e = decode_row(&t, x);
    }
    if (e == ERR_NOT_FOUND) {
        return OK;
    }
    x->count = 0;
    return e;
}

enum err epochs_load(struct epochs *x, struct fs *fs, const char *path)
{
    char *text;
    size_t len;
    x->count = 0;
    enum err e = fs_read_all(fs, path, CHECKPOINT_MAX_BYTES, &text, &len);
    if (e) {
        return e;
    }
    e = epochs_decode(x, (struct str){text, len});
    mem_free(text);
    return e;
}

enum err epochs_store(const struct epochs *x, struct fs *fs, const char *path)
{
    struct buf text = BUF_INIT;
    epochs_encode(x, &text);
    enum err e = text.err;
    if (!e) {
        e = fs_write_atomic(fs, path, text.p, text.len);
    }
    buf_deinit(&text);
    return e;
}
