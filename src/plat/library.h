/* Shared libraries that are loaded when they are needed, because few runs need them. */
#ifndef PLAT_LIBRARY_H
#define PLAT_LIBRARY_H

/* NULL when there is none of that name. Never unloaded. */
void *library_open(const char *name);

/* The address of a function, as an object pointer; NULL when it is not there. */
void *library_symbol(void *library, const char *name);

#endif
