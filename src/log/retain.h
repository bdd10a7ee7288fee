/* Which old segments retention removes. Pure. */
#ifndef LOG_RETAIN_H
#define LOG_RETAIN_H

#include "log/log.h"

struct retain_seg {
    int64_t end_off; /* the next one's base, or the log's end */
    uint64_t size_bytes;
    int64_t max_ts_ms; /* largest timestamp; where there is none, when the file last changed */
};

struct retain_rules {
    const struct log_config *config;
    int64_t start_off; /* of the log */
    int64_t upto_off;  /* nothing that reaches beyond goes */
    int64_t now_ms;
};

/* How many of the oldest segments go. count: all goes, then a new one must begin first. The last
 * segment never goes while it is empty, nor for the log's start. */
size_t retain_plan(const struct retain_seg *segs, size_t count, const struct retain_rules *rules);

#endif
