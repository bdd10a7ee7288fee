/* Real randomness, for seeds and secrets. */
#ifndef PLAT_ENTROPY_H
#define PLAT_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

void entropy_fill(void *p, size_t len);
uint64_t entropy_u64(void);

#endif
