/* The clock, and sleeping to a rate. Short sleeps are put off until they are worth it. */
#include "cli/records/pace.h"

#include <poll.h>
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
