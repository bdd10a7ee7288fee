/* The machine's name. Start-up only: resolving may block. */
#include "plat/hostname.h"

#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

void hostname_reachable(char ret_name[HOSTNAME_BYTES])
{
    struct addrinfo *found = NULL;
    bool is_named = gethostname(ret_name, HOSTNAME_BYTES) == 0;
    ret_name[HOSTNAME_BYTES - 1] = '\0';
    if (!is_named || getaddrinfo(ret_name, NULL, NULL, &found) != 0) {
        snprintf(ret_name, HOSTNAME_BYTES, "localhost");
        return;
    }
    freeaddrinfo(found);
}
