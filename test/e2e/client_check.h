/* What the programs of these tests check with: the first thing that is not as it should be ends one
 * with status 1 and a line. */
#ifndef TEST_E2E_CLIENT_CHECK_H
#define TEST_E2E_CLIENT_CHECK_H

#include <ottla/client.h>

#include <stdio.h>
#include <stdlib.h>

static struct ottla_error error;

#define CHECK(expr)                                                                                \
    do {                                                                                           \
        if (!(expr)) {                                                                             \
            fprintf(stderr, "%s:%d: %s (last error: %d %s)\n", __FILE__, __LINE__, #expr,          \
                    error.code, error.message);                                                    \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)
#define OK(call) CHECK((call) == 0)

#endif
