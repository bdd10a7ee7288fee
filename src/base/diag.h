/* Messages to people: one line each, on standard error or wherever the process says. "log" is only
 * ever the commit log. A line has a level, an area ("log", "net"), a sentence, and key=value pairs
 * within the sentence. Thread-safe. */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#include "base/attr.h"
#include "base/str.h"

enum diag_level { DIAG_TRACE, DIAG_DEBUG, DIAG_INFO, DIAG_WARN, DIAG_ERROR, DIAG_FATAL };

enum { DIAG_LEVELS = DIAG_FATAL + 1 };

typedef void diag_sink_fn(void *ctx, enum diag_level level, const char *area, const char *text);

/* Where lines go from now on; a NULL fn restores standard error. Set before threads start. */
void diag_set_sink(diag_sink_fn *fn, void *ctx);

/* Lines below it are dropped unformatted. DIAG_INFO at first. */
void diag_set_level(enum diag_level level);

/* Areas may have levels of their own; those without follow the level of all. Area 0 is "root" and
 * stands for that one. NULL after the last. */
const char *diag_area(size_t i);
enum diag_level diag_area_level(size_t i);
/* -1: without a level of its own; not for area 0. */
void diag_set_area_level(size_t i, int level);

/* "INFO" */
const char *diag_level_name(enum diag_level level);
bool diag_level_parse(struct str name, enum diag_level *ret_level);

void diag(enum diag_level level, const char *area, const char *fmt, ...) printf_like(3, 4);

#define diag_debug(area, ...) diag(DIAG_DEBUG, area, __VA_ARGS__)
#define diag_info(area, ...) diag(DIAG_INFO, area, __VA_ARGS__)
#define diag_warn(area, ...) diag(DIAG_WARN, area, __VA_ARGS__)
#define diag_error(area, ...) diag(DIAG_ERROR, area, __VA_ARGS__)

#endif
