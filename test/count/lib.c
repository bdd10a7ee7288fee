/* The calls of calls.def, each passed on to the C library. All take integers and pointers, which
 * travel in registers, so that one form fits them all; no header may say otherwise here. */
#include "shim.h"

#include <dlfcn.h>
#include <stddef.h>

typedef long any_call(long, long, long, long, long, long, long);

static any_call *find(any_call *_Atomic *at, const char *name)
{
    any_call *real = atomic_load_explicit(at, memory_order_relaxed);
    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, name);
        atomic_store_explicit(at, real, memory_order_relaxed);
    }
    return real;
}

/* fstat64(fd, st) was passed a, b; what follows is whatever the registers held. */
#define X(name)                                                                                    \
    long name(long a, long b, long c, long d, long e, long f, long g);                             \
    long name(long a, long b, long c, long d, long e, long f, long g)                              \
    {                                                                                              \
        static any_call *_Atomic real;                                                             \
        count(COUNT_##name, 1);                                                                    \
        return find(&real, #name)(a, b, c, d, e, f, g);                                            \
    }
#include "calls.def"
