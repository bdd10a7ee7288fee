/* Going into the background. The child writes a text into a pipe when it is ready; a pipe that
 * closes empty means that it failed, and its status says how. */
#include "plat/daemon.h"

#include "plat/os_error.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUS_KILLED = 128 };

static void become_child(struct daemon *d, const int *pipe_fds, int out_fd)
{
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    setsid();
    if (null_fd >= 0) {
        dup2(null_fd, STDIN_FILENO);
        close(null_fd);
    }
    dup2(out_fd, STDOUT_FILENO);
    dup2(out_fd, STDERR_FILENO);
    close(pipe_fds[0]);
    *d = (struct daemon){.pid = 0, .told_fd = pipe_fds[1]};
}

static enum err fork_with(struct daemon *d, int out_fd)
{
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
        return err_from_errno(errno);
    }
    int pid = fork();
    if (pid == 0) {
        become_child(d, pipe_fds, out_fd);
        return OK;
    }
    close(pipe_fds[1]);
    if (pid < 0) {
        enum err e = err_from_errno(errno);
        close(pipe_fds[0]);
        return e;
    }
    *d = (struct daemon){.pid = pid, .told_fd = pipe_fds[0]};
    return OK;
}

enum err daemon_fork(const char *path, struct daemon *ret_daemon, int64_t *ret_began)
{
    struct stat st;
    int out_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (out_fd < 0 || fstat(out_fd, &st) < 0) {
        enum err e = err_from_errno(errno);
        if (out_fd >= 0) {
            close(out_fd);
        }
        return e;
    }
    enum err e = fork_with(ret_daemon, out_fd);
    close(out_fd);
    *ret_began = e ? 0 : st.st_size;
    return e;
}

void daemon_tell(struct daemon *d, const char *text)
{
    ssize_t n;
    do {
        n = write(d->told_fd, text, strlen(text));
    } while (n < 0 && errno == EINTR);
    close(d->told_fd); /* a parent that is gone does not hear it, and need not */
}

bool daemon_wait(struct daemon *d, struct buf *said, int *ret_status)
{
    uint8_t chunk[256];
    ssize_t n;
    while ((n = read(d->told_fd, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR)) {
        buf_put(said, chunk, n > 0 ? (size_t)n : 0);
    }
    close(d->told_fd);
    if (said->len > 0) {
        return true;
    }
    int status = 0;
    while (waitpid(d->pid, &status, 0) < 0 && errno == EINTR) {
    }
    *ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_KILLED + WTERMSIG(status);
    return false;
}
