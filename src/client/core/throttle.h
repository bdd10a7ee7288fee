/* How long a broker wants to be left alone (KIP-219). Pure. */
#ifndef CLIENT_CORE_THROTTLE_H
#define CLIENT_CORE_THROTTLE_H

#include "base/str.h"

/* Whether it is the client that waits then, and not the answer that did. */
bool throttle_is_ours(int api_key, int version);

/* Of an answer's body; 0: it does not. What has it behind other things, Produce and ApiVersions, is
 * for those who decode these. */
int32_t throttle_ms(int api_key, int version, struct bytes body);

#endif
