/* Times and durations as ISO 8601 writes them and as Java's tools read them. Pure. */
#ifndef BASE_ISO8601_H
#define BASE_ISO8601_H

#include "base/str.h"

/* "PnDTnHnMn.nS", as java.time.Duration: each part may be missing and have its sign, only seconds
 * a fraction (at most nine digits); a sign in front is for all. In ms, cut towards zero. False for
 * anything else and on overflow. */
bool iso8601_duration(struct str text, int64_t *ret_ms);

/* "2026-01-31T10:20:30.123+02:00" in ms since 1970: the fraction (three digits) may be missing, the
 * zone is Z, +hh, +hhmm or +hh:mm; without one it is UTC. False for anything else, and for a day or
 * an hour that no calendar and no clock has. */
bool iso8601_time(struct str text, int64_t *ret_ms);

#endif
