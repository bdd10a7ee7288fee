/* Results: a struct that a program gets, and in one piece with it all that it points to. */
#ifndef CLIENT_RESULT_H
#define CLIENT_RESULT_H

#include "base/arena.h"
#include "base/str.h"
#include "base/uuid.h"

#include <ottla/client.h>

/* Writes a result; failed sticks. */
struct fill {
    struct arena *arena;
    bool failed;
};

/* A zeroed result, to be freed by result_free, and f to fill it with. Never NULL. */
void *result_new(size_t size, struct fill *f);
void result_free(void *result);

const char *fill_text(struct fill *f, struct str s);   /* NULL for null */
const char *fill_uuid(struct fill *f, struct uuid id); /* NULL for zero */
struct ottla_ids fill_ids(struct fill *f, const int32_t *ids, int32_t count);
/* What a row says of its error. */
const char *fill_message(struct fill *f, int code, struct str said);
/* Pointers to count zeroed elements of size; count becomes 0 when it fails. */
void *fill_rows(struct fill *f, size_t *count, size_t size);

#endif
