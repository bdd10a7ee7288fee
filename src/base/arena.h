/* Memory of one request: allocate forward, free all at once. It has a budget: what a peer can make
 * us allocate ends there, with NULL, long before the machine's memory does. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/attr.h"
#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    uint8_t *next;
    size_t left;
    size_t used_bytes;   /* handed out by malloc so far */
    size_t budget_bytes; /* used_bytes never exceeds it */
    bool is_sure;        /* ends at its budget only (base/mem.h): for what no peer sizes */
};

void arena_init(struct arena *a, size_t budget_bytes);
void arena_deinit(struct arena *a);

/* Frees all but the first block: the steady state of a worker allocates nothing. */
void arena_reset(struct arena *a);

/* Aligned to 16, uninitialised; NULL over budget or without memory. */
must_check void *arena_alloc(struct arena *a, size_t size);

/* Zeroed; NULL also when count * size overflows. */
must_check void *arena_array(struct arena *a, size_t count, size_t size);

/* A copy with the same null-ness; *ret is untouched when false is returned. */
must_check bool arena_copy_str(struct arena *a, struct str s, struct str *ret);

/* Formatted, NUL-terminated text; {NULL,0} over budget. */
struct str arena_printf(struct arena *a, const char *fmt, ...) printf_like(2, 3);

/* The same for a peer to read, whose own words may be in it: as long as the protocol's strings may
 * be. */
enum { ARENA_MESSAGE_MAX = 32767 };
struct str arena_message(struct arena *a, const char *fmt, ...) printf_like(2, 3);

#define ARENA_NEW(a, type) ((type *)arena_array((a), 1, sizeof(type)))

#endif
