/* How a broker's process writes its messages to people: on standard error, one line each, as text
 * or as JSON. */
#ifndef BROKER_MESSAGES_H
#define BROKER_MESSAGES_H

#include "plat/clock.h"

#include <stdbool.h>

/* From now on; before threads are started. The clock gives their times and stays. */
void messages_begin(struct clock *clock, bool is_json);

#endif
