/* What net_posix.c and poll_posix.c share. Private to plat. */
#ifndef PLAT_NET_POSIX_H
#define PLAT_NET_POSIX_H

#include "plat/net.h"

/* The start of every socket of net_posix. */
struct posix_sock {
    struct sock sock;
    int fd;
};

/* What an errno of a socket means. */
enum err net_error(int n);

must_check enum err posix_poller_new(struct net *net, struct poller **ret_poller);

#endif
