/* Preloaded into a broker: counts its system calls, its allocations and the bytes that it copies,
 * in a file that the test maps too ($COUNTS). Any thread. */
#ifndef COUNT_SHIM_H
#define COUNT_SHIM_H

#include <stdatomic.h>
#include <stdint.h>

#define X(name) COUNT_##name,
enum count {
#include "calls.def"
    COUNT_WAKES, /* pthread_cond_signal and its like: threads that wait for threads */
    COUNT_ALLOCATIONS,
    COUNT_COPIED_BYTES, /* by memcpy and memmove; what the compiler copies in place is not seen */
    COUNT_END
};
#undef X

void count(enum count what, uint64_t n);

#endif
