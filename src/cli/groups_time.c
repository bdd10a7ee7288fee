/* Times as people write them for --to-datetime and --by-duration. Standard C only. */
#include "cli/groups.h"

#include <ctype.h>
#include <time.h>

/* --- 2026-01-31T10:20:30.123+02:00; without a zone it is UTC --- */

static bool take_digits(const char **p, int count, int *ret)
{
    int v = 0;
    for (int i = 0; i < count; i++, (*p)++) {
        if (!isdigit((unsigned char)**p)) {
            return false;
        }
        v = v * 10 + (**p - '0');
    }
    *ret = v;
    return true;
}

static bool take_char(const char **p, char c)
{
    bool is_it = **p == c;
    *p += is_it;
    return is_it;
}

/* "Z", "+hh", "+hhmm", "+hh:mm"; nothing: UTC */
static bool take_zone(const char **p, int *ret_minutes)
{
    int sign = **p == '-' ? -1 : 1, hours = 0, minutes = 0;
    *ret_minutes = 0;
    if (**p == '\0' || take_char(p, 'Z')) {
        return true;
    }
    if (!take_char(p, '+') && !take_char(p, '-')) {
        return false;
    }
    if (!take_digits(p, 2, &hours)) {
        return false;
    }
    take_char(p, ':');
    if (**p != '\0' && !take_digits(p, 2, &minutes)) {
        return false;
    }
    *ret_minutes = sign * (hours * 60 + minutes);
    return true;
}

/* Days since 1970-01-01 of the proleptic Gregorian calendar (Hinnant's algorithm). */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

bool groups_parse_datetime(struct cli *c, const char *text, int64_t *ret_ms)
{
    const char *p = text;
    int year, month, day, hour, minute, second, ms = 0, zone = 0;
    bool ok = take_digits(&p, 4, &year) && take_char(&p, '-') && take_digits(&p, 2, &month) &&
              take_char(&p, '-') && take_digits(&p, 2, &day) && take_char(&p, 'T') &&
              take_digits(&p, 2, &hour) && take_char(&p, ':') && take_digits(&p, 2, &minute) &&
              take_char(&p, ':') && take_digits(&p, 2, &second) &&
              (!take_char(&p, '.') || take_digits(&p, 3, &ms)) && take_zone(&p, &zone) &&
              *p == '\0';
    if (!ok || month < 1 || month > 12 || day < 1 || day > 31) {
        return cli_refuse(c, "'%s' is no time: write YYYY-MM-DDTHH:mm:SS.sss", text);
    }
    int64_t minutes = (days_of(year, month, day) * 24 + hour) * 60 + minute - zone;
    *ret_ms = (minutes * 60 + second) * 1000 + ms;
    return true;
}

/* --- P1DT2H3M4.5S --- */

static int64_t unit_ms(char unit, bool after_t)
{
    switch (toupper((unsigned char)unit)) {
    case 'D':
        return after_t ? 0 : 86400000;
    case 'H':
        return after_t ? 3600000 : 0;
    case 'M':
        return after_t ? 60000 : 0;
    case 'S':
        return after_t ? 1000 : 0;
    default:
        return 0;
    }
}

static bool sum_parts(const char *p, double *ret_ms)
{
    bool after_t = false, has_part = false;
    while (*p != '\0') {
        if (toupper((unsigned char)*p) == 'T' && !after_t) {
            after_t = true;
            p++;
            continue;
        }
        char *end;
        double v = strtod(p, &end);
        int64_t unit = end == p ? 0 : unit_ms(*end, after_t);
        if (unit == 0) {
            return false;
        }
        *ret_ms += v * (double)unit;
        has_part = true;
        p = end + 1;
    }
    return has_part;
}

bool groups_parse_duration(struct cli *c, const char *text, int64_t *ret_ms)
{
    const char *p = text;
    double ms = 0, limit = 1e15;
    int sign = *p == '-' ? -1 : 1;
    p += *p == '-' || *p == '+';
    bool ok = toupper((unsigned char)*p) == 'P' && sum_parts(p + 1, &ms);
    if (!ok || ms > limit || ms < -limit) {
        return cli_refuse(c, "'%s' is no duration: write PnDTnHnMnS, as PT1H30M or P7D", text);
    }
    *ret_ms = sign * (int64_t)ms;
    return true;
}
