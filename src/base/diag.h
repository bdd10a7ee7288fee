/* Messages to people: one line each, on standard error or wherever the process says. "log" is only
 * ever the commit log. A line has a level, an area ("log", "net"), a sentence, and key=value pairs
 * within the sentence. Thread-safe. */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#include "base/attr.h"

enum diag_level { DIAG_DEBUG, DIAG_INFO, DIAG_WARN, DIAG_ERROR };

typedef void diag_sink_fn(void *ctx, enum diag_level level, const char *area, const char *text);

/* Where lines go from now on; a NULL fn restores standard error. Set before threads start. */
void diag_set_sink(diag_sink_fn *fn, void *ctx);

/* Lines below it are dropped unformatted. DIAG_INFO at first. */
void diag_set_level(enum diag_level level);

void diag(enum diag_level level, const char *area, const char *fmt, ...) printf_like(3, 4);

#define diag_debug(area, ...) diag(DIAG_DEBUG, area, __VA_ARGS__)
#define diag_info(area, ...) diag(DIAG_INFO, area, __VA_ARGS__)
#define diag_warn(area, ...) diag(DIAG_WARN, area, __VA_ARGS__)
#define diag_error(area, ...) diag(DIAG_ERROR, area, __VA_ARGS__)

#endif
