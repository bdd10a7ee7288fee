/* Events of the verifiable tools: one JSON object a line on standard output, from any thread. */
#ifndef CLI_RECORDS_EVENTS_H
#define CLI_RECORDS_EVENTS_H

#include "base/buf.h"

#include <ottla/client.h>

/* {"timestamp":...,"name":"...": append more fields, each beginning with a comma, then end it. */
void event_begin(struct buf *out, const char *name);
/* Writes the line at once and clears the buffer. */
void event_end(struct buf *out);
/* An event without more. */
void event_print(const char *name);

/* ,"name":"text", or null */
void event_put_text(struct buf *out, const char *name, struct str text);
/* "topic":"t","partition":0 */
void event_put_part(struct buf *out, const char *topic, int32_t partition);

#endif
