/* Heap memory. Thread-safe; the test hook is a process-wide countdown. */
#include "base/mem.h"

#include "base/assert.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic uint64_t fail_countdown;

static int should_fail(void)
{
    if (likely(atomic_load_explicit(&fail_countdown, memory_order_relaxed) == 0)) {
        return 0;
    }
    return atomic_fetch_sub(&fail_countdown, 1) == 1;
}

uint64_t mem_fail_after(uint64_t nth) { return atomic_exchange(&fail_countdown, nth); }

void *mem_alloc(size_t size)
{
    void *p = malloc(size ? size : 1);
    ASSERT(p != NULL);
    return p;
}

void *mem_zalloc(size_t size)
{
    void *p = calloc(1, size ? size : 1);
    ASSERT(p != NULL);
    return p;
}

void *mem_realloc_array(void *p, size_t count, size_t size)
{
    size_t total;
    ASSERT(!__builtin_mul_overflow(count, size, &total));
    void *q = realloc(p, total ? total : 1);
    ASSERT(q != NULL);
    return q;
}

void *mem_try(size_t size) { return should_fail() ? NULL : malloc(size ? size : 1); }

void *mem_try_realloc(void *p, size_t size)
{
    return should_fail() ? NULL : realloc(p, size ? size : 1);
}

void mem_free(void *p) { free(p); }

void mem_init_sized(void *to, size_t size, const void *from, size_t our_size)
{
    memset(to, 0, size);
    memcpy(to, from, size < our_size ? size : our_size);
}

void mem_read_sized(void *to, size_t our_size, const void *from)
{
    size_t size;
    memcpy(&size, from, sizeof size);
    memcpy(to, from, size < our_size ? size : our_size);
}
