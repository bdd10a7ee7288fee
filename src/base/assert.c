/* The end of the process on a programmer error: one line that says where, then a core. */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void assert_fail(const char *expr, const char *file, int line)
{
    fprintf(stderr, "ottla: assertion failed: %s (%s:%d)\n", expr, file, line);
    abort();
}
