/* Answers that say nothing but an error, for any API. Pure. */
#ifndef TESTKIT_ANSWER_H
#define TESTKIT_ANSWER_H

#include "base/arena.h"
#include "wire/header.h"

/* A response in which everything that the request asks about has failed with code: its topics,
 * partitions, groups are named as the request names them. request may be NULL. NULL without memory.
 */
void *answer_error(const struct wire_header *head, const void *request, int code, struct arena *a);

/* Sets every error code of a response that is there. */
void answer_spoil(const struct wire_header *head, void *response, int code);

#endif
