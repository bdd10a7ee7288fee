/* The clock, and sleeping to a rate. Short sleeps are put off until they are worth it. */
#include "cli/records/pace.h"

#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SLEEP_MIN_MS = 2, SLEEP_MAX_MS = 1000 * 1000 };

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t pace_now_ms(void) { return read_clock(CLOCK_MONOTONIC); }

int64_t pace_wall_ms(void) { return read_clock(CLOCK_REALTIME); }

void pace_wait(int64_t since_ms, int64_t done, double rate, int stop_fd)
{
    struct pollfd stop = {stop_fd, POLLIN, 0};
    if (rate < 0) {
        return;
    }
    for (;;) {
        double left = rate > 0 ? 1000.0 * (double)done / rate - (double)(pace_now_ms() - since_ms)
                               : SLEEP_MAX_MS;
        if (left < SLEEP_MIN_MS ||
            poll(&stop, 1, (int)(left < SLEEP_MAX_MS ? left : SLEEP_MAX_MS)) > 0) {
            return;
        }
    }
}

/* --- times as text --- */

/* -1: no such letter. */
static int field_of(const struct tm *t, int64_t ms, char letter)
{
    switch (letter) {
    case 'y':
        return t->tm_year + 1900;
    case 'M':
        return t->tm_mon + 1;
    case 'd':
        return t->tm_mday;
    case 'H':
        return t->tm_hour;
    case 'm':
        return t->tm_min;
    case 's':
        return t->tm_sec;
    case 'S':
        return (int)(ms % 1000);
    default:
        return -1;
    }
}

/* Text in quotes; two of them are one. Returns what follows. */
static const char *put_quoted(const char *p, char *out, size_t *at)
{
    if (*p == '\'') {
        out[(*at)++] = '\'';
        return p + 1;
    }
    for (; *p != '\0' && *p != '\'' && *at + 1 < PACE_TIME_MAX; p++) {
        out[(*at)++] = *p;
    }
    return *p == '\'' ? p + 1 : p;
}

bool pace_format_time(const char *format, int64_t ms, char ret[PACE_TIME_MAX])
{
    struct tm t;
    time_t s = (time_t)(ms / 1000);
    size_t at = 0;
    const char *p = format;
    localtime_r(&s, &t);
    while (*p != '\0' && at + 24 < PACE_TIME_MAX) {
        if (*p == '\'') {
            p = put_quoted(p + 1, ret, &at);
        } else if (isalpha((unsigned char)*p)) {
            int width = (int)strspn(p, (char[]){*p, '\0'}), value = field_of(&t, ms, *p);
            value = *p == 'y' && width == 2 ? value % 100 : value;
            if (value < 0 || width > 9) {
                return false;
            }
            at += (size_t)snprintf(ret + at, PACE_TIME_MAX - at, "%0*d", width, value);
            p += width;
        } else {
            ret[at++] = *p++;
        }
    }
    ret[at] = '\0';
    return *p == '\0';
}
