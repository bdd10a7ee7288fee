/* Loading libsnappy, once in a process. Any thread. */
#include "plat/snappy.h"

#include "base/diag.h"
#include "plat/library.h"

static const char *const library_name = "libsnappy.so.1"; /* brings libstdc++ */

static struct snappy library;

static bool load(void)
{
    void *so = library_open(library_name);
    bool is_whole = so != NULL;
#define X(name) is_whole = is_whole && library_find(so, #name, &library.name);
    SNAPPY_CALLS(X)
#undef X
    if (!is_whole) {
        diag_error(
            DIAG_ROOT,
            "%s cannot be loaded: batches compressed by snappy are neither read nor written; "
            "Debian and Ubuntu have it in the package libsnappy1v5",
            library_name);
    }
    return is_whole;
}

const struct snappy *snappy_library(void)
{
    static struct library_once once = LIBRARY_ONCE;
    return library_is_there(&once, load) ? &library : NULL;
}
