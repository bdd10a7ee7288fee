/* Signals by a thread that waits for them. The rest of the process never sees one. SIGUSR1 ends the
 * thread. */
#include "cli/records/stop.h"

#include <signal.h>
#include <unistd.h>

static void set_of_ours(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGUSR1);
}

static void call(struct stop *s)
{
    pthread_mutex_lock(&s->lock);
    if (s->fn != NULL) {
        s->fn(s->ctx);
    }
    pthread_mutex_unlock(&s->lock);
}

static void *stop_main(void *arg)
{
    struct stop *s = arg;
    sigset_t set;
    int number = 0;
    set_of_ours(&set);
    while (sigwait(&set, &number) == 0 && number != SIGUSR1) {
        if (stop_is_asked(s)) {
            _exit(128 + number);
        }
        atomic_store(&s->signal, number);
        (void)!write(s->pipe[1], "", 1);
        call(s);
    }
    return NULL;
}

bool stop_init(struct stop *s)
{
    sigset_t set;
    *s = (struct stop){.pipe = {-1, -1}};
    set_of_ours(&set);
    signal(SIGPIPE, SIG_IGN);
    pthread_mutex_init(&s->lock, NULL);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (pipe(s->pipe) != 0) {
        return false;
    }
    if (pthread_create(&s->thread, NULL, stop_main, s) == 0) {
        return true;
    }
    close(s->pipe[0]);
    close(s->pipe[1]);
    return false;
}

void stop_call(struct stop *s, void (*fn)(void *ctx), void *ctx)
{
    pthread_mutex_lock(&s->lock);
    s->fn = fn;
    s->ctx = ctx;
    if (fn != NULL && stop_is_asked(s)) {
        fn(ctx);
    }
    pthread_mutex_unlock(&s->lock);
}

int stop_status(struct stop *s, int otherwise)
{
    int number = atomic_load(&s->signal);
    return number ? 128 + number : otherwise;
}

void stop_deinit(struct stop *s)
{
    pthread_kill(s->thread, SIGUSR1);
    pthread_join(s->thread, NULL);
    close(s->pipe[0]);
    close(s->pipe[1]);
    pthread_mutex_destroy(&s->lock);
}
