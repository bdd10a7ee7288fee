/* Time for the tools that send at a rate. */
#ifndef CLI_RECORDS_PACE_H
#define CLI_RECORDS_PACE_H

#include <stdint.h>

int64_t pace_now_ms(void);  /* goes forward only */
int64_t pace_wall_ms(void); /* since 1970 */

/* Sleeps, if need be, so that no more than `done` units were handled since since_ms at `rate` units
 * a second; a negative rate is none. stop_fd readable: returns at once. */
void pace_wait(int64_t since_ms, int64_t done, double rate, int stop_fd);

#endif
