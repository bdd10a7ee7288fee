/* Programmer errors stop the process here, in every build. Never used on what a peer, a disk or a
 * user sent: those get an enum err. */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

#include "base/attr.h"

noreturn_fn void assert_fail(const char *expr, const char *file, int line);

#define ASSERT(expr) (likely(expr) ? (void)0 : assert_fail(#expr, __FILE__, __LINE__))
#define UNREACHABLE() assert_fail("unreachable", __FILE__, __LINE__)

#endif
