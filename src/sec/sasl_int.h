/* Between sasl.c and the mechanisms. */
#ifndef SEC_SASL_INT_H
#define SEC_SASL_INT_H

#include "sec/sasl.h"

/* Counts the step; the first is 0. */
must_check enum err scram_client_step(struct sasl_client *c, struct bytes in, struct buf *out,
                                      struct buf *why);

static inline enum err sasl_fail(struct buf *why, const char *text)
{
    buf_printf(why, "%s", text);
    return ERR_SASL_AUTHENTICATION_FAILED;
}

#endif
