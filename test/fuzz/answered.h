/* Which answers a target has fed its bytes to: told at its end, so that answers.py can say what no
 * target reads. Single-threaded. */
#ifndef FUZZ_ANSWERED_H
#define FUZZ_ANSWERED_H

#include "wire/wire.h"

#include <stdio.h>
#include <stdlib.h>

enum { ANSWERED_MAX = 128 };
static bool answered_keys[ANSWERED_MAX];

static inline void answered_tell(void)
{
    for (int i = 0; i < ANSWERED_MAX; i++) {
        if (answered_keys[i]) {
            printf("# answered %s\n", wire_name(wire_response(i)));
        }
    }
}

static inline void answered(int16_t api_key)
{
    static bool is_set;
    if (!is_set) {
        is_set = true;
        (void)atexit(answered_tell);
    }
    if (api_key >= 0 && api_key < ANSWERED_MAX && wire_response(api_key) != NULL) {
        answered_keys[api_key] = true;
    }
}

#endif
