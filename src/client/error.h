/* Errors for the users of the library. */
#ifndef CLIENT_ERROR_H
#define CLIENT_ERROR_H

#include "base/err.h"
#include "ottla/client.h"

/* Fills error, which may be NULL, and returns the code. */
int error_set(struct ottla_error *error, int code, const char *fmt, ...) printf_like(3, 4);

/* With the code's own sentence, or with what a broker said where it said something. */
int error_code(struct ottla_error *error, int code, const char *message);

/* True, and INVALID_REQUEST, for a pointer of the program's that must not be NULL. */
static inline bool is_null(const void *pointer, const char *what, struct ottla_error *error)
{
    if (pointer != NULL) {
        return false;
    }
    error_set(error, ERR_INVALID_REQUEST, "the %s is NULL", what);
    return true;
}

static inline bool code_is_retriable(int code)
{
    return (ottla_error_flags(code) & OTTLA_RETRIABLE) != 0;
}

/* What a consumer's user has to be given; "" for other errors. */
static inline const char *error_remedy(int code)
{
    return code == ERR_TOPIC_AUTHORIZATION_FAILED   ? ": the user needs READ and DESCRIBE on it"
           : code == ERR_GROUP_AUTHORIZATION_FAILED ? ": the user needs READ on it"
                                                    : "";
}

/* What a callback of the program's said to the code that it returned. */
static inline const char *error_words(int code, const struct ottla_error *why)
{
    return why->message[0] != '\0' ? why->message : ottla_error_text(code);
}

#endif
