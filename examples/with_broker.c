/* with_broker COMMAND...: runs a command with a broker of its own, whose address is in $BROKER.
 * What a test suite does once before its tests, and once behind them. */
#define _POSIX_C_SOURCE 200809L
#include <ottla/test.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int run(char **command)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        execvp(command[0], command);
        perror(command[0]);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0) {
        perror("with_broker");
        return 1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
    static const char *const settings[] = {"num.partitions=4", NULL};
    struct ottla_test_broker_options options;
    struct ottla_error error;
    if (argc < 2) {
        fprintf(stderr, "usage: with_broker COMMAND...\n");
        return 2;
    }
    ottla_test_broker_options_init(&options);
    options.settings = settings;
    struct ottla_test_broker *broker = ottla_test_broker_start(&options, &error);
    if (broker == NULL) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    /* the next requests for metadata fail: a good client does not mind */
    ottla_test_broker_fail(broker, OTTLA_TEST_METADATA, OTTLA_ERR_LEADER_NOT_AVAILABLE, 2);
    setenv("BROKER", ottla_test_broker_address(broker), 1);
    int status = run(argv + 1);
    ottla_test_broker_free(broker);
    return status;
}
