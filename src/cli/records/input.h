/* Lines of a file or a terminal, as they come: what is typed is there with its end of line, not
 * with the end of a block. One thread. */
#ifndef CLI_RECORDS_INPUT_H
#define CLI_RECORDS_INPUT_H

#include "base/buf.h"

struct input {
    int fd, stop_fd; /* stop_fd readable: there is no more; -1: none */
    struct buf data;
    int64_t taken;   /* bytes that were read */
    size_t at;       /* where the next line begins in data */
    bool is_over;    /* nothing follows what is in data */
    bool skips_feed; /* the last line ended with a carriage return: a line feed belongs to it */
    bool is_lines;   /* ends by "\n", "\r\n" and "\r" alike, as Java reads; else by the delimiter */
    struct str delimiter;
    int error; /* errno; 0: none */
};

void input_init(struct input *in, int fd, int stop_fd);
void input_deinit(struct input *in);
/* A record ends with this text from now on. It is the caller's. */
void input_delimit(struct input *in, struct str delimiter);

/* The next line, without its end: a view until the next call. False: there is none. */
bool input_line(struct input *in, struct str *ret);
/* Is there a line that needs no waiting? */
bool input_has_line(const struct input *in);

#endif
