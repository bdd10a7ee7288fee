/* What calls give to programs: a struct of ours and, behind it, the arena with all that it points
 * to. In any thread. */
#include "client/result.h"

#include "base/mem.h"
#include "client/error.h"

/* What stands before every result. */
struct holder {
    struct arena arena;
    max_align_t result[];
};

void *result_new(size_t size, struct fill *f)
{
    struct holder *h = mem_zalloc(sizeof *h + size);
    arena_init(&h->arena, SIZE_MAX); /* what answers can hold was bounded when they were read */
    *f = (struct fill){.arena = &h->arena};
    return h->result;
}

void result_free(void *result)
{
    if (result != NULL) {
        struct holder *h = CONTAINER_OF(result, struct holder, result);
        arena_deinit(&h->arena);
        mem_free(h);
    }
}

const char *fill_text(struct fill *f, struct str s)
{
    if (str_is_null(s)) {
        return NULL;
    }
    char *p = arena_alloc(f->arena, s.len + 1);
    if (p == NULL) {
        f->failed = true;
        return "";
    }
    memcpy(p, s.p, s.len);
    p[s.len] = '\0';
    return p;
}

const char *fill_uuid(struct fill *f, struct uuid id)
{
    char text[UUID_TEXT_LEN + 1];
    if (uuid_is_zero(id)) {
        return NULL;
    }
    uuid_format(id, text);
    return fill_text(f, str_from(text));
}

const char *fill_message(struct fill *f, int code, struct str said)
{
    return code == 0 ? NULL : said.len > 0 ? fill_text(f, said) : ottla_error_text(code);
}

struct ottla_ids fill_ids(struct fill *f, const int32_t *ids, int32_t count)
{
    size_t n = count > 0 ? (size_t)count : 0;
    int32_t *copy = n ? arena_array(f->arena, n, sizeof *copy) : NULL;
    if (n > 0 && copy == NULL) {
        f->failed = true;
        n = 0;
    } else if (n > 0) {
        memcpy(copy, ids, n * sizeof *copy);
    }
    return (struct ottla_ids){n, copy};
}

void *fill_rows(struct fill *f, size_t *count, size_t size)
{
    void **rows = *count ? arena_array(f->arena, *count, sizeof *rows) : NULL;
    char *elements = *count ? arena_array(f->arena, *count, size) : NULL;
    if (rows == NULL || elements == NULL) {
        f->failed = f->failed || *count > 0;
        *count = 0;
        return NULL;
    }
    for (size_t i = 0; i < *count; i++) {
        rows[i] = elements + i * size;
    }
    return rows;
}
