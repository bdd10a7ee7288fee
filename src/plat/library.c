/* dlopen and dlsym. Thread-safe. */
#include "plat/library.h"

#include <dlfcn.h>

void *library_open(const char *name) { return dlopen(name, RTLD_LAZY | RTLD_LOCAL); }

void *library_symbol(void *library, const char *name) { return dlsym(library, name); }
