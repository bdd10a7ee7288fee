/* Bump allocation with a budget. Pure; one thread at a time. */
#include "base/arena.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

enum { BLOCK_MIN_BYTES = 4096, ALIGN_BYTES = 16 };

struct arena_block {
    struct arena_block *older;
    size_t size_bytes; /* of data */
    _Alignas(ALIGN_BYTES) uint8_t data[];
};

void arena_init(struct arena *a, size_t budget_bytes)
{
    *a = (struct arena){.budget_bytes = budget_bytes};
}

static void free_blocks(struct arena *a, struct arena_block *keep)
{
    while (a->blocks != keep) {
        struct arena_block *older = a->blocks->older;
        a->used_bytes -= a->blocks->size_bytes;
        mem_free(a->blocks);
        a->blocks = older;
    }
}

void arena_deinit(struct arena *a)
{
    free_blocks(a, NULL);
    *a = (struct arena){.budget_bytes = a->budget_bytes};
}

void arena_reset(struct arena *a)
{
    struct arena_block *first = a->blocks;
    while (first != NULL && first->older != NULL) {
        first = first->older;
    }
    free_blocks(a, first);
    a->next = first ? first->data : NULL;
    a->left = first ? first->size_bytes : 0;
}

static bool add_block(struct arena *a, size_t need)
{
    size_t size = a->blocks ? a->blocks->size_bytes * 2 : BLOCK_MIN_BYTES;
    size_t room = a->budget_bytes - a->used_bytes;
    if (need > room) {
        return false;
    }
    size = MIN(MAX(size, need), room);
    struct arena_block *b = a->is_sure ? mem_alloc(sizeof *b + size) : mem_try(sizeof *b + size);
    if (b == NULL) {
        return false;
    }
    b->older = a->blocks;
    b->size_bytes = size;
    a->blocks = b;
    a->used_bytes += size;
    a->next = b->data;
    a->left = size;
    return true;
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (size > SIZE_MAX - ALIGN_BYTES) {
        return NULL;
    }
    size = (MAX(size, 1) + ALIGN_BYTES - 1) & ~(size_t)(ALIGN_BYTES - 1);
    if (size > a->left && !add_block(a, size)) {
        return NULL;
    }
    void *p = a->next;
    a->next += size;
    a->left -= size;
    return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        return NULL;
    }
    void *p = arena_alloc(a, total);
    if (p != NULL) {
        memset(p, 0, total);
    }
    return p;
}

bool arena_copy_str(struct arena *a, struct str s, struct str *ret)
{
    if (s.p == NULL) {
        *ret = STR_NULL;
        return true;
    }
    char *copy = arena_alloc(a, s.len + 1);
    if (copy == NULL) {
        return false;
    }
    memcpy(copy, s.p, s.len);
    copy[s.len] = '\0';
    *ret = (struct str){copy, s.len};
    return true;
}

static struct str print(struct arena *a, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    struct str s = STR_NULL;
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (p != NULL) {
        vsnprintf(p, (size_t)n + 1, fmt, again);
        s = (struct str){p, (size_t)n};
    }
    va_end(again);
    return s;
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    struct str s = print(a, fmt, args);
    va_end(args);
    return s;
}

struct str arena_message(struct arena *a, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    struct str s = print(a, fmt, args);
    va_end(args);
    return str_clip(s, ARENA_MESSAGE_MAX);
}
