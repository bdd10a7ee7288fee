/* What a tool that reads records prints: gathered in a large buffer, written when that is full or
 * when nothing more comes at once. Standard output only. One thread. */
#ifndef CLI_RECORDS_OUTPUT_H
#define CLI_RECORDS_OUTPUT_H

#include "base/buf.h"

struct output {
    struct buf text; /* append here, then call output_ready */
    bool is_broken;  /* nobody reads any more, or the disk is full */
};

void output_deinit(struct output *o);
/* Writes what was gathered, if it is much. */
void output_ready(struct output *o);
/* Writes it in any case. */
void output_flush(struct output *o);

#endif
