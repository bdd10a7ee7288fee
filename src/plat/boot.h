/* Which run of the machine this is. */
#ifndef PLAT_BOOT_H
#define PLAT_BOOT_H

#include <stdint.h>

/* The same for all processes until the machine is started anew, and then another: what is in the
 * page cache lives as long. Zeros where the system does not say. */
void boot_id(uint8_t ret_id[16]);

#endif
