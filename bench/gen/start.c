/* A broker's cold start: from fork to the first answer, then what it holds when it is left alone.
 * The broker goes on running. */
#include "gen.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GIVE_UP_S = 120, PAUSE_US = 100 };

static void become(const struct options *o)
{
    cpu_set_t set;
    int out = open(o->log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    int in = open("/dev/null", O_RDONLY);
    CPU_ZERO(&set);
    if (o->cpu >= 0) {
        CPU_SET(o->cpu, &set);
        (void)sched_setaffinity(0, sizeof set, &set);
    }
    setsid();
    dup2(in, 0);
    dup2(out, 1);
    dup2(out, 2);
    execvp(o->command[0], o->command);
    _exit(127);
}

/* ApiVersions version 0, correlation id 1, no client id; any answer to it counts. */
static bool answers(const struct options *o)
{
    static const uint8_t ask[] = {0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff};
    uint8_t in[8];
    int fd = dial(o->host, o->port);
    bool has_answer = fd >= 0 && send(fd, ask, sizeof ask, MSG_NOSIGNAL) == sizeof ask &&
                      recv(fd, in, sizeof in, MSG_WAITALL) == sizeof in;
    if (fd >= 0) {
        close(fd);
    }
    return has_answer;
}

static double wait_ready(const struct options *o, pid_t pid, double begin_s)
{
    int status;
    while (!answers(o)) {
        if (waitpid(pid, &status, WNOHANG) == pid) {
            die("%s ended; see %s", o->command[0], o->log);
        }
        if (mono_s() - begin_s > (double)GIVE_UP_S) {
            die("%s does not answer on port %d", o->command[0], o->port);
        }
        usleep(PAUSE_US);
    }
    return mono_s() - begin_s;
}

int gen_start(const struct options *o)
{
    struct meter m;
    double begin_s = mono_s();
    pid_t pid = fork();
    if (pid < 0) {
        die("fork: %s", strerror(errno));
    }
    if (pid == 0) {
        become(o);
    }
    double ready_s = wait_ready(o, pid, begin_s);
    meter_begin(&m, pid);
    double start_cpu_s = m.cpu_s;
    usleep((useconds_t)(o->settle_s * 1e6));
    meter_end(&m);
    printf("{\"pid\": %d, \"ready_s\": %.6f, \"start_cpu_s\": %.6f", (int)pid, ready_s,
           start_cpu_s);
    meter_print(&m);
    printf("}\n");
    return 0;
}
