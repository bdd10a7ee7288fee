/* Names of brokers to begin with. */
#ifndef CLI_RESOLVE_H
#define CLI_RESOLVE_H

#include "base/buf.h"

/* Whether one of "host:port,..." can be looked up, or is not written like that. False, and in why
 * what was said of each. */
bool resolve_any(const char *servers, struct buf *why);

#endif
