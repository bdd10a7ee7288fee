/* Readers of ISO 8601: each take_ function cuts what it knows off the front of *s, or leaves *s as
 * it is. Pure. */
#include "base/iso8601.h"

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static char upper(char c) { return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c; }

static bool take_char(struct str *s, char c)
{
    bool is_it = s->len > 0 && upper(s->p[0]) == c;
    if (is_it) {
        *s = str_sub(*s, 1, s->len - 1);
    }
    return is_it;
}

/* --- durations --- */

/* Seconds and billionths of one, both of the same sign. */
struct span {
    int64_t seconds, nanos;
};

static size_t digits_in(struct str s)
{
    size_t n = 0;
    while (n < s.len && is_digit(s.p[n])) {
        n++;
    }
    return n;
}

/* "[+-]digits" and this unit. */
static bool take_amount(struct str *s, char unit, int64_t *ret)
{
    size_t sign = s->len > 0 && (s->p[0] == '-' || s->p[0] == '+');
    size_t n = digits_in(str_sub(*s, sign, s->len - sign));
    size_t end = sign + n;
    if (n == 0 || end == s->len || upper(s->p[end]) != unit ||
        !str_to_i64(str_sub(*s, 0, end), ret)) {
        return false;
    }
    *s = str_sub(*s, end + 1, s->len - end - 1);
    return true;
}

/* Seconds, which may have a fraction behind '.' or ','; that may be empty. */
static bool take_seconds(struct str *s, struct span *ret)
{
    size_t sign = s->len > 0 && (s->p[0] == '-' || s->p[0] == '+');
    bool is_negative = sign && s->p[0] == '-';
    size_t at = sign + digits_in(str_sub(*s, sign, s->len - sign));
    int64_t fraction = 0;
    if (take_amount(s, 'S', &ret->seconds)) {
        return true;
    }
    if (at == sign || at == s->len || (s->p[at] != '.' && s->p[at] != ',') ||
        !str_to_i64(str_sub(*s, 0, at), &ret->seconds)) {
        return false;
    }
    struct str rest = str_sub(*s, at + 1, s->len - at - 1);
    size_t n = digits_in(rest);
    if (n > 9 || n == rest.len || upper(rest.p[n]) != 'S') {
        return false;
    }
    for (size_t i = 0; i < 9; i++) {
        fraction = fraction * 10 + (i < n ? rest.p[i] - '0' : 0);
    }
    ret->nanos = is_negative ? -fraction : fraction;
    *s = str_sub(rest, n + 1, rest.len - n - 1);
    return true;
}

static bool add(int64_t *sum, int64_t count, int64_t seconds)
{
    int64_t all;
    return !__builtin_mul_overflow(count, seconds, &all) && !__builtin_add_overflow(*sum, all, sum);
}

/* What follows the T: at least one part. */
static bool take_clock(struct str *s, struct span *sum)
{
    int64_t hours = 0, minutes = 0;
    struct span part = {0, 0};
    bool has_hours = take_amount(s, 'H', &hours), has_minutes = take_amount(s, 'M', &minutes);
    bool has_seconds = take_seconds(s, &part);
    sum->nanos = part.nanos;
    return (has_hours || has_minutes || has_seconds) && add(&sum->seconds, hours, 3600) &&
           add(&sum->seconds, minutes, 60) && add(&sum->seconds, part.seconds, 1);
}

static bool to_ms(struct span sum, bool is_negative, int64_t *ret)
{
    int64_t ms;
    /* the two may be of different signs after all: "PT1M-0.5S" */
    if (sum.seconds > 0 && sum.nanos < 0) {
        sum.seconds--;
        sum.nanos += 1000000000;
    } else if (sum.seconds < 0 && sum.nanos > 0) {
        sum.seconds++;
        sum.nanos -= 1000000000;
    }
    if (__builtin_mul_overflow(sum.seconds, 1000, &ms) ||
        __builtin_add_overflow(ms, sum.nanos / 1000000, &ms) ||
        __builtin_mul_overflow(ms, is_negative ? -1 : 1, &ms)) {
        return false;
    }
    *ret = ms;
    return true;
}

bool iso8601_duration(struct str text, int64_t *ret_ms)
{
    bool is_negative = take_char(&text, '-');
    struct span sum = {0, 0};
    int64_t days = 0;
    if (!is_negative) {
        take_char(&text, '+');
    }
    if (!take_char(&text, 'P')) {
        return false;
    }
    bool has_days = take_amount(&text, 'D', &days), has_clock = take_char(&text, 'T');
    return (has_days || has_clock) && add(&sum.seconds, days, 86400) &&
           (!has_clock || take_clock(&text, &sum)) && text.len == 0 &&
           to_ms(sum, is_negative, ret_ms);
}

/* --- times --- */

static bool take_number(struct str *s, size_t digits, int64_t most, int64_t *ret)
{
    int64_t v = 0;
    if (s->len < digits || digits_in(str_sub(*s, 0, digits)) < digits) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        v = v * 10 + (s->p[i] - '0');
    }
    *s = str_sub(*s, digits, s->len - digits);
    *ret = v;
    return v <= most;
}

static bool take_zone(struct str *s, int64_t *ret_minutes)
{
    int64_t hours = 0, minutes = 0;
    if (s->len == 0 || take_char(s, 'Z')) {
        return true;
    }
    bool is_west = take_char(s, '-');
    if ((!is_west && !take_char(s, '+')) || !take_number(s, 2, 23, &hours)) {
        return false;
    }
    bool has_minutes = take_char(s, ':') || s->len > 0;
    if (has_minutes && !take_number(s, 2, 59, &minutes)) {
        return false;
    }
    *ret_minutes = (is_west ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

static int64_t days_in(int64_t year, int64_t month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && is_leap);
}

/* Days since 1970-01-01 of the proleptic Gregorian calendar: years are counted from March, so that
 * the day that may be missing is a year's last, in eras of 400 years. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool take_day(struct str *s, int64_t *ret_days)
{
    int64_t year, month, day;
    if (!take_number(s, 4, 9999, &year) || !take_char(s, '-') || !take_number(s, 2, 12, &month) ||
        month < 1 || !take_char(s, '-') || !take_number(s, 2, days_in(year, month), &day) ||
        day < 1) {
        return false;
    }
    *ret_days = days_of(year, month, day);
    return true;
}

bool iso8601_time(struct str text, int64_t *ret_ms)
{
    int64_t days, hour, minute, second, ms = 0, zone = 0;
    bool ok = take_day(&text, &days) && text.len > 0 && text.p[0] == 'T' && take_char(&text, 'T') &&
              take_number(&text, 2, 23, &hour) && take_char(&text, ':') &&
              take_number(&text, 2, 59, &minute) && take_char(&text, ':') &&
              take_number(&text, 2, 59, &second) &&
              (!take_char(&text, '.') || take_number(&text, 3, 999, &ms)) &&
              take_zone(&text, &zone) && text.len == 0;
    if (ok) {
        *ret_ms = (((days * 24 + hour) * 60 + minute - zone) * 60 + second) * 1000 + ms;
    }
    return ok;
}
