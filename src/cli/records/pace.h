/* Time for the tools that send at a rate. */
#ifndef CLI_RECORDS_PACE_H
#define CLI_RECORDS_PACE_H

#include <stdbool.h>
#include <stdint.h>

int64_t pace_now_ms(void);  /* goes forward only */
int64_t pace_wall_ms(void); /* since 1970 */

/* Sleeps, if need be, so that no more than `done` units were handled since since_ms at `rate` units
 * a second; a negative rate is none. stop_fd readable: returns at once. */
void pace_wait(int64_t since_ms, int64_t done, double rate, int stop_fd);

/* A time of the day's clock in the form of Java's SimpleDateFormat, local: y M d H m s S, and text
 * in single quotes or of no letters. False for other letters, and when it is too long. */
enum { PACE_TIME_MAX = 64 };
bool pace_format_time(const char *format, int64_t ms, char ret[PACE_TIME_MAX]);

#endif
