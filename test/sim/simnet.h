/* A network in memory for one thread: plat/net.h without an OS, the same run every time. Addresses
 * do not matter, ports do. The poller never waits: when nothing is ready it returns at once, and
 * who drives the loops turns the clock. */
#ifndef TEST_SIM_SIMNET_H
#define TEST_SIM_SIMNET_H

#include "base/list.h"
#include "base/rand.h"
#include "plat/clock.h"
#include "plat/net.h"

struct simnet {
    struct net net;
    struct list listeners;
    int last_port;
    size_t window_bytes; /* so much may be under way in one direction */
    size_t piece_bytes;  /* a read or write moves at most so much; 0: no limit */
    struct rand *rand;   /* not NULL: at most a random part of piece_bytes */
    int no_fds;          /* the next so many accepts find no descriptor */
    bool no_send_file;
    uint64_t sock_count; /* open now: 0 at the end, or something leaks */
    uint64_t write_count, send_file_count;
    uint64_t together_count; /* calls that write to several sockets */
};

void simnet_init(struct simnet *n);

/* A pair of connected streams. */
void simnet_pair(struct simnet *n, struct sock *ret_socks[2]);

/* The peer reads the rest and then the end; reading goes on. */
void simsock_end(struct sock *s);

/* Both sides find the connection broken. */
void simsock_reset(struct sock *s);

/* Bytes that wait to be read at s. */
size_t simsock_pending(struct sock *s);

struct simclock {
    struct clock clock;
    int64_t now_ns;
};

void simclock_init(struct simclock *c);
void simclock_add_ms(struct simclock *c, int64_t ms);

#endif
