/* Preloaded into a broker under test: libraries whose name begins as $NO_LIBRARY says are not there
 * when it asks for them. Any thread. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

void *dlopen(const char *name, int flags)
{
    void *(*real)(const char *, int);
    const char *missing = getenv("NO_LIBRARY");
    if (name != NULL && missing != NULL && strncmp(name, missing, strlen(missing)) == 0) {
        return NULL;
    }
    *(void **)&real = dlsym(RTLD_NEXT, "dlopen");
    return real(name, flags);
}
