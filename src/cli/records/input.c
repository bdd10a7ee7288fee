/* Reads in blocks, waits for input and for the end together. One thread. */
#include "cli/records/input.h"

#include "base/assert.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum { BLOCK_BYTES = 64 << 10, LINE_MAX_BYTES = 1 << 30 };

void input_init(struct input *in, int fd, int stop_fd)
{
    *in = (struct input){.fd = fd, .stop_fd = stop_fd, .is_lines = true};
}

void input_deinit(struct input *in) { buf_deinit(&in->data); }

void input_delimit(struct input *in, struct str delimiter)
{
    in->is_lines = false;
    in->delimiter = delimiter;
}

/* --- where a line ends --- */

struct end {
    size_t at, len; /* of the end of the line; len 0: not there yet */
};

static struct str rest_of(const struct input *in)
{
    return in->data.p == NULL
               ? STR("")
               : (struct str){(const char *)in->data.p + in->at, in->data.len - in->at};
}

static struct end find_end(const struct input *in, size_t from)
{
    struct str rest = rest_of(in);
    if (from >= rest.len) {
        return (struct end){0};
    }
    const char *begin = rest.p + from;
    size_t left = rest.len - from;
    if (!in->is_lines) {
        const char *p = memmem(begin, left, in->delimiter.p, in->delimiter.len);
        return p ? (struct end){(size_t)(p - rest.p), in->delimiter.len} : (struct end){0};
    }
    const char *feed = memchr(begin, '\n', left);
    const char *back = memchr(begin, '\r', feed ? (size_t)(feed - begin) : left);
    const char *p = back ? back : feed;
    return p ? (struct end){(size_t)(p - rest.p), 1} : (struct end){0};
}

/* --- reading --- */

static bool wait(struct input *in)
{
    struct pollfd fds[] = {{in->fd, POLLIN, 0}, {in->stop_fd, POLLIN, 0}};
    while (poll(fds, 2, -1) < 0) {
        if (errno != EINTR) {
            return true; /* the read says it */
        }
    }
    return fds[1].revents == 0;
}

static void read_more(struct input *in)
{
    if (in->at > 0) {
        memmove(in->data.p, in->data.p + in->at, in->data.len - in->at);
        in->data.len -= in->at;
        in->at = 0;
    }
    uint8_t *to = in->data.len < LINE_MAX_BYTES ? buf_reserve(&in->data, BLOCK_BYTES) : NULL;
    if (to == NULL) {
        in->error = ENOMEM;
        in->is_over = true;
        return;
    }
    if (!wait(in)) {
        in->is_over = true;
        in->data.len = 0; /* half a line is none */
        return;
    }
    ssize_t got = read(in->fd, to, BLOCK_BYTES);
    if (got < 0 && errno == EINTR) {
        return;
    }
    in->error = got < 0 ? errno : 0;
    in->is_over = got <= 0;
    in->data.len += got > 0 ? (size_t)got : 0;
    in->taken += got > 0 ? got : 0;
}

static void skip_feed(struct input *in)
{
    if (in->skips_feed && in->at < in->data.len) {
        in->at += in->data.p[in->at] == '\n';
        in->skips_feed = false;
    }
}

bool input_line(struct input *in, struct str *ret)
{
    struct end end = {0};
    size_t looked = 0;
    for (;;) {
        skip_feed(in);
        end = find_end(in, looked);
        if (end.len > 0 || in->is_over) {
            break;
        }
        size_t overlap = in->is_lines ? 0 : in->delimiter.len - 1;
        size_t have = rest_of(in).len;
        looked = have > overlap ? have - overlap : 0;
        read_more(in);
    }
    struct str rest = rest_of(in);
    *ret = str_sub(rest, 0, end.len > 0 ? end.at : rest.len);
    in->at += ret->len + end.len;
    in->skips_feed = in->is_lines && end.len > 0 && rest.p[end.at] == '\r';
    return end.len > 0 || ret->len > 0;
}

bool input_has_line(const struct input *in)
{
    size_t skip = in->skips_feed && in->at < in->data.len && in->data.p[in->at] == '\n';
    return rest_of(in).len > skip && find_end(in, skip).len > 0;
}
