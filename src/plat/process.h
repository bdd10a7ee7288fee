/* What the operating system lets this process have. */
#ifndef PLAT_PROCESS_H
#define PLAT_PROCESS_H

#include <stdint.h>

/* Raises the number of descriptors that the process may have open to the most that it may ask for.
 * Gives what it is then. */
uint64_t process_raise_fd_limit(void);

#endif
