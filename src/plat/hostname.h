/* What this machine is called. */
#ifndef PLAT_HOSTNAME_H
#define PLAT_HOSTNAME_H

enum { HOSTNAME_BYTES = 256 };

/* A name under which this machine finds itself: its host name if that resolves, else "localhost".
 */
void hostname_reachable(char ret_name[HOSTNAME_BYTES]);

#endif
