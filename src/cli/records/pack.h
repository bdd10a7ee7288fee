/* Bytes as the numbers and texts that they are made of, as kcat's -s says it. Pure. */
#ifndef CLI_RECORDS_PACK_H
#define CLI_RECORDS_PACK_H

#include "base/buf.h"

/* False, and a sentence, when it has other letters than
 *   b h i q   signed numbers of 1, 2, 4 and 8 bytes; B H I Q unsigned ones
 *   c         a character         s   all that is left         $   nothing may be left
 *   > <       most significant byte first (from the start), last
 * and blanks, which are printed. */
bool pack_check(const char *format, struct buf *why);

/* False, and a sentence, when there is too little or, for $, too much. */
bool pack_put(const char *format, struct bytes b, struct buf *out, struct buf *why);

#endif
