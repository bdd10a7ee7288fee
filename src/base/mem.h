/* Heap memory in two kinds.
 *
 * mem_alloc and friends are for what this process sizes itself (a table, a connection's struct):
 * they never return NULL, because there is nothing sensible to do without a few hundred bytes.
 * mem_try is for what a peer, a file or a user sizes: it returns NULL and the caller sheds the
 * load. A test can make the Nth mem_try fail. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/attr.h"

#include <stddef.h>
#include <stdint.h>

/* Uninitialised. Never NULL. */
void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull));

/* Zeroed. Never NULL. */
void *mem_zalloc(size_t size) __attribute__((malloc, returns_nonnull));

/* Never NULL; count * size must not overflow (asserted). */
void *mem_realloc_array(void *p, size_t count, size_t size) __attribute__((returns_nonnull));

/* Uninitialised; NULL when there is no memory or a test said so. */
must_check void *mem_try(size_t size) __attribute__((malloc));

/* As realloc; on NULL the old block is untouched. */
must_check void *mem_try_realloc(void *p, size_t size);

void mem_free(void *p);

/* Test hook: the nth mem_try or mem_try_realloc from now on fails (1 = the next), once. 0 = off.
 * Returns what was left of the last such order. */
uint64_t mem_fail_after(uint64_t nth);

/* Options that begin with their size, which is that of the program's time and may be less or more
 * than ours: fills them with what is meant when nobody says anything, and reads them over it. */
void mem_init_sized(void *to, size_t size, const void *from, size_t our_size);
void mem_read_sized(void *to, size_t our_size, const void *from);

#define NEW(type) ((type *)mem_zalloc(sizeof(type)))

#endif
