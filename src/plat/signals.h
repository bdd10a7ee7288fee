/* Signals, taken by waiting for them: no handler runs anywhere. */
#ifndef PLAT_SIGNALS_H
#define PLAT_SIGNALS_H

/* Blocks the signals that signals_wait takes, in this thread and those it starts; ignores SIGPIPE.
 */
void signals_block(void);

/* Waits for SIGTERM, SIGINT or SIGHUP and returns its number. */
int signals_wait(void);

/* Makes signals_wait return (SIGTERM to this process); any thread. */
void signals_raise(void);

#endif
