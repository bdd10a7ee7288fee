/* Shared libraries that are loaded when they are needed, because few runs need them. */
#ifndef PLAT_LIBRARY_H
#define PLAT_LIBRARY_H

#include "plat/thread.h"

#include <stdbool.h>

/* NULL when there is none of that name. Never unloaded. */
void *library_open(const char *name);

/* Puts a function's address into the pointer to a function at ret_fn; false when it is not there.
 */
bool library_find(void *library, const char *name, void *ret_fn);

/* One look for a library, whose result holds for the process. */
struct library_once {
    struct mutex lock;
    enum { LIBRARY_UNKNOWN, LIBRARY_THERE, LIBRARY_MISSING } state;
};

#define LIBRARY_ONCE                                                                               \
    {                                                                                              \
        .lock = { PTHREAD_MUTEX_INITIALIZER }                                                      \
    }

/* Calls load if nobody has. Thread-safe. */
bool library_is_there(struct library_once *once, bool (*load)(void));

#endif
