/* What the benchmarks that talk to themselves share: two threads on two cores, and a port between
 * them. What fails ends the program. */
#ifndef BENCH_LOOPBACK_H
#define BENCH_LOOPBACK_H

#include <stdbool.h>
#include <time.h>

/* Ends the program with what, and the reason in errno, unless ok. */
void must(bool ok, const char *what);

double now_s(clockid_t id);
/* The calling thread runs there from now on, if it may. */
void pin(int cpu);

/* A listening socket on a free port of 127.0.0.1. */
int loopback_listen(int *ret_port);
/* A blocking connection to that port, and one that the server takes, which does not block. Neither
 * waits to fill packets, and none is paced. */
int loopback_dial(int port);
int loopback_accept(int listen_fd);

#endif
