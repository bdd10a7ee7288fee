/* libsnappy, loaded with the first need of it. Thread-safe. */
#ifndef PLAT_SNAPPY_H
#define PLAT_SNAPPY_H

#include "base/snappy.h"

/* NULL when the machine does not have it, which is told once. */
const struct snappy *snappy_library(void);

#endif
