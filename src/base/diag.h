/* Messages to people: one line each, on standard error or wherever the process says. "log" is only
 * ever the commit log. A line has a level, an area and a sentence that begins with what it is about
 * ("letters-0: ..."). Thread-safe. */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#include "base/attr.h"
#include "base/str.h"

enum diag_level { DIAG_TRACE, DIAG_DEBUG, DIAG_INFO, DIAG_WARN, DIAG_ERROR, DIAG_FATAL };

enum { DIAG_LEVELS = DIAG_FATAL + 1 };

/* What a line is about, and the loggers that DescribeConfigs names. ROOT stands for all. */
#define DIAG_AREAS(X)                                                                              \
    X(ROOT, "root")                                                                                \
    X(BROKER, "broker")                                                                            \
    X(CONFIG, "config")                                                                            \
    X(CONTROLLER, "controller")                                                                    \
    X(GROUP, "group")                                                                              \
    X(LOG, "log")                                                                                  \
    X(METADATA, "metadata")                                                                        \
    X(NET, "net")                                                                                  \
    X(PARTITION, "partition")                                                                      \
    X(STORAGE, "storage")                                                                          \
    X(UPKEEP, "upkeep")

#define DIAG_AREA_ENUM(name, text) DIAG_##name,
enum diag_area { DIAG_AREAS(DIAG_AREA_ENUM) DIAG_AREA_COUNT };

typedef void diag_sink_fn(void *ctx, enum diag_level level, const char *area, const char *text);

/* Where lines go from now on; a NULL fn restores standard error. Set before threads start. */
void diag_set_sink(diag_sink_fn *fn, void *ctx);

/* Lines below it are dropped unformatted. DIAG_INFO at first. */
void diag_set_level(enum diag_level level);

/* NULL for a number that is none. */
const char *diag_area_name(size_t area);
/* Areas may have levels of their own; those without follow that of DIAG_ROOT. */
enum diag_level diag_area_level(size_t area);
/* -1: without a level of its own; not for DIAG_ROOT. */
void diag_set_area_level(size_t area, int level);

/* "INFO" */
const char *diag_level_name(enum diag_level level);
bool diag_level_parse(struct str name, enum diag_level *ret_level);

void diag(enum diag_level level, enum diag_area area, const char *fmt, ...) printf_like(3, 4);

#define diag_debug(area, ...) diag(DIAG_DEBUG, area, __VA_ARGS__)
#define diag_info(area, ...) diag(DIAG_INFO, area, __VA_ARGS__)
#define diag_warn(area, ...) diag(DIAG_WARN, area, __VA_ARGS__)
#define diag_error(area, ...) diag(DIAG_ERROR, area, __VA_ARGS__)

#endif
