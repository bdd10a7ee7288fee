/* Regular expressions as Java writes them, for regcomp(3). Pure. */
#ifndef CLI_JAVA_REGEX_H
#define CLI_JAVA_REGEX_H

#include "base/buf.h"

/* Appends what regcomp understands with REG_EXTENDED. False, and a sentence, for what is no
 * expression or what it has no words for; what was appended by then stays. */
bool cli_put_regex(struct buf *out, const char *java, struct buf *why);

#endif
