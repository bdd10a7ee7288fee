/* The topics of a consumer's subscription, out of bytes that a peer made. Pure. */
#ifndef GROUP_SUBSCRIPTION_H
#define GROUP_SUBSCRIPTION_H

#include "base/err.h"
#include "base/str.h"

/* What is left to read of the topics. */
struct subscription {
    struct bytes rest;
    int32_t left;
};

/* Reads the head. All versions begin with the fields of version 0, so that any is understood.
 * MALFORMED unless the whole list of topics is sound. */
must_check enum err subscription_open(struct bytes metadata, struct subscription *ret_sub);

/* The next topic, a view; false at the end. */
bool subscription_next(struct subscription *sub, struct str *ret_topic);

#endif
