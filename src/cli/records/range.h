/* Which records of a partition are meant: "start", "-10:end", "100:200", "@-48h:-24h". Pure.
 *
 *   FROM           from there on, without an end
 *   FROM:UNTIL     up to there, UNTIL not included; either may be missing
 *
 *   s@TIME e@TIME  from, or up to, that time
 *
 *   start  end     where the partition begins (also: beginning), where it ends now
 *   N  +N  -N      offset N; N behind the start; N before the end
 *   @TIME          the first record of that time or later: ms since 1970, 2026-01-31,
 *                  2026-01-31T10:20:30Z, or -48h, -1d12h: so long ago. The @ of a second time may
 * be left out. */
#ifndef CLI_RECORDS_RANGE_H
#define CLI_RECORDS_RANGE_H

#include "base/str.h"

enum range_kind { RANGE_NONE, RANGE_START, RANGE_END, RANGE_OFFSET, RANGE_TIME };

struct range_point {
    enum range_kind kind;
    int64_t n; /* what is added to start or end; the offset; the time in ms */
};

struct range {
    struct range_point from, until; /* until RANGE_NONE: no end */
};

/* False: it is none of these. */
bool range_parse(struct str text, int64_t now_ms, struct range *ret);

/* The offset of a point in a partition that holds [start, end); at_time: of the first record at the
 * point's time, -1 when there is none that late. */
int64_t range_offset(struct range_point p, int64_t start, int64_t end, int64_t at_time);

#endif
