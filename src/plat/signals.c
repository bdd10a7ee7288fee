/* Signals by sigwait. */
#include "plat/signals.h"

#include <signal.h>
#include <unistd.h>

static void set_of_ours(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
}

void signals_block(void)
{
    sigset_t set;
    set_of_ours(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int signals_wait(void)
{
    sigset_t set;
    int number = 0;
    set_of_ours(&set);
    while (sigwait(&set, &number) != 0) {
    }
    return number;
}

void signals_raise(void) { kill(getpid(), SIGTERM); }
