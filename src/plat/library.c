/* dlopen and dlsym. Thread-safe. */
#include "plat/library.h"

#include <dlfcn.h>
#include <string.h>

void *library_open(const char *name) { return dlopen(name, RTLD_LAZY | RTLD_LOCAL); }

/* A function's address through an object pointer, as POSIX has it. */
bool library_find(void *library, const char *name, void *ret_fn)
{
    void *p = dlsym(library, name);
    memcpy(ret_fn, &p, sizeof p);
    return p != NULL;
}

bool library_is_there(struct library_once *once, bool (*load)(void))
{
    mutex_lock(&once->lock);
    if (once->state == LIBRARY_UNKNOWN) {
        once->state = load() ? LIBRARY_THERE : LIBRARY_MISSING;
    }
    bool is_there = once->state == LIBRARY_THERE;
    mutex_unlock(&once->lock);
    return is_there;
}
