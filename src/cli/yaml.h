/* JSON as YAML. Pure. */
#ifndef CLI_YAML_H
#define CLI_YAML_H

#include "base/buf.h"

#include <jansson.h>

/* Appends a document: "---" and the value in block style. Text that another reader of YAML could
 * take for something else is quoted. */
void yaml_put(struct buf *out, const json_t *value);
/* The same of lines of JSON, a document each; a line that is none stays as it is. */
void yaml_put_lines(struct buf *out, struct str lines);

#endif
