/* Names and texts of errors. Pure, thread-safe: constant tables only. */
#include "base/err.h"

const char *err_name(enum err e)
{
    switch ((int)e) {
#define X(name, code, text)                                                                        \
    case (code):                                                                                   \
        return #name;
#include "def/error.def"
#undef X
    default:
        return "?";
    }
}

const char *err_text(enum err e)
{
    switch ((int)e) {
#define X(name, code, text)                                                                        \
    case (code):                                                                                   \
        return text;
#include "def/error.def"
#undef X
    default:
        return "unknown error";
    }
}
